"""The six states of a task and the one table of their transitions.

Knows which event leads from which state to which. Must not know tasks, clocks or trackers. States are plain strings, so
that a frame is JSON without a conversion and `task.state == "running"` reads as what it is.
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
"""The reason of a cancelled task whose loop was left in peace before its end: by `break`, by `zip`. No alarm."""

STATES: tuple[State, ...] = (PENDING, RUNNING, PAUSED, FINISHED, FAILED, CANCELLED)
ENDED: frozenset[State] = frozenset((FINISHED, FAILED, CANCELLED))

# state -> event -> next state. An event that is missing from a live state's row is a mistake of the caller; ended states
# are final, and an event that arrives there is ignored, since endings race by nature (two workers, a finaliser).
TRANSITIONS: dict[State, dict[Event, State]] = {
    PENDING: {"start": RUNNING, "pause": PAUSED, "finish": FINISHED, "fail": FAILED, "cancel": CANCELLED},
    RUNNING: {
        "start": RUNNING,
        "resume": RUNNING,
        "pause": PAUSED,
        "finish": FINISHED,
        "fail": FAILED,
        "cancel": CANCELLED,
    },
    PAUSED: {
        "start": RUNNING,
        "resume": RUNNING,
        "pause": PAUSED,
        "finish": FINISHED,
        "fail": FAILED,
        "cancel": CANCELLED,
    },
    FINISHED: {},
    FAILED: {},
    CANCELLED: {},
}


def after(state: State, event: Event) -> State:
    """Return the state that `event` leads to from `state`.

    An ended state stays as it is, whatever arrives.

    Raises:
        ValueError: `event` has no meaning in a live `state` (resuming what never started).

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
