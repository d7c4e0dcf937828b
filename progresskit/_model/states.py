"""The six states of a task and the table of their transitions.

Knows which event leads from which state to which. Does not know tasks, clocks or trackers. States
are plain strings, so that a frame is JSON without a conversion and user code reads
`task.state == "running"`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Literal

    State = Literal["pending", "running", "paused", "finished", "failed", "cancelled"]
    Event = Literal["start", "pause", "resume", "finish", "fail", "cancel"]
else:
    State = Event = str

PENDING: Final = "pending"
RUNNING: Final = "running"
PAUSED: Final = "paused"
FINISHED: Final = "finished"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"

STOPPED_EARLY: Final = "stopped early"
LEFT_RUNNING: Final = "left running"
"""The reason of a cancelled task whose loop ended before its source without an error: by `break`, by `zip`."""

STATES: tuple[State, ...] = (PENDING, RUNNING, PAUSED, FINISHED, FAILED, CANCELLED)
ENDED: frozenset[State] = frozenset((FINISHED, FAILED, CANCELLED))

# state -> event -> next state. A live state rejects events that are missing from its row: the
# caller made a mistake. Ended states are final and ignore every event, because several callers may
# end a task at once (two workers, a finaliser).
_STARTED: dict[Event, State] = {
    "start": RUNNING,
    "resume": RUNNING,
    "pause": PAUSED,
    "finish": FINISHED,
    "fail": FAILED,
    "cancel": CANCELLED,
}
TRANSITIONS: dict[State, dict[Event, State]] = {
    PENDING: {"start": RUNNING, "pause": PAUSED, "finish": FINISHED, "fail": FAILED, "cancel": CANCELLED},
    RUNNING: _STARTED,
    PAUSED: _STARTED,
    FINISHED: {},
    FAILED: {},
    CANCELLED: {},
}


def after(state: State, event: Event) -> State:
    """Return the state that `event` leads to from `state`.

    An ended state stays as it is after every event.

    Raises:
        ValueError: `event` is not allowed in a live `state`, such as resuming a task that never
            started.

    Example:
        >>> after("running", "pause")
        'paused'
        >>> after("finished", "fail")
        'finished'
    """
    row = TRANSITIONS[state]
    if not row:
        return state
    try:
        return row[event]
    except KeyError:
        raise ValueError(f"cannot {event} a task that is {state}: allowed here are {', '.join(row)}.") from None


CALLED_OFF = frozenset(
    (
        ("bdb", "BdbQuit"),
        ("click.exceptions", "Abort"),
        ("click.exceptions", "Exit"),
        ("typer.exceptions", "Abort"),
        ("typer.exceptions", "Exit"),
    )
)
"""The modules and names of errors with which a user or a program calls the work off: a debugger that was left, click's `SystemExit`."""


def is_failure(kind: type[BaseException]) -> bool:
    """Return whether an exception of this `kind` means that the work failed, as opposed to cancelled."""
    return (
        issubclass(kind, Exception)
        and kind.__name__ != "CancelledError"
        and (kind.__module__, kind.__name__) not in CALLED_OFF
    )
