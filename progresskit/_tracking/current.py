"""The root's functions for the current tracker: `track`, `add_task`, `print`, `configure` and `disabled`.

Knows which tracker is meant if none is given. Does not know how a tracker keeps its tasks, or how they are drawn.
"""

from __future__ import annotations

import os

from . import joining, multiprocessing_hook
from .arguments import UNCHANGED, unknown_argument
from .display_arguments import DEFAULTS
from .joining import current_tracker, renew_shared_tracker
from .task import Task
from .task_tree import UNAVAILABLE
from .tracker import ProgressTracker, bare, silent_tracker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable, Mapping
    from types import TracebackType
    from typing import Any, Literal, Never, TextIO, TypeVar, overload

    from .._model.estimates import Estimator
    from .._text.styles import Style
    from ..renderers.base import Renderer
    from .arguments import Rollup
    from .task import AsyncTracked, Tracked

    T = TypeVar("T")

_NONE_GIVEN = (None,) * 6  # arguments of a loop that a worker's first loop may have

if TYPE_CHECKING:

    @overload
    def track(
        iterable: AsyncIterable[T],
        description: object = "",
        *,
        total: int | float | None = None,
        unit: str = "it",
        completed: int | float | None = 0,
        disable: bool = False,
        parent: Task | None = None,
        keep: bool | None = None,
        color: str | None = None,
        delay: float = 0.0,
        fields: Mapping[str, Any] | None = None,
        columns: str | None = None,
    ) -> AsyncTracked[T]: ...
    @overload
    def track(
        iterable: Iterable[T],
        description: object = "",
        *,
        total: int | float | None = None,
        unit: str = "it",
        completed: int | float | None = 0,
        disable: bool = False,
        parent: Task | None = None,
        keep: bool | None = None,
        color: str | None = None,
        delay: float = 0.0,
        fields: Mapping[str, Any] | None = None,
        columns: str | None = None,
    ) -> Tracked[T]: ...


def track(
    iterable: Any,
    description: object = "",
    *,
    total: int | float | None = None,
    unit: str = "it",
    completed: int | float | None = 0,
    disable: bool = False,
    parent: Task | None = None,
    keep: bool | None = None,
    color: str | None = None,
    delay: float = 0.0,
    fields: Mapping[str, Any] | None = None,
    columns: str | None = None,
    **misspelt: Never,
) -> Any:
    """Return an iterator over `iterable`, sync or async, that shows its progress.

    The loop joins the tracker that is active in this context, else one that the process shares. Nested loops, and loops
    in several threads, are therefore shown together.

    Args:
        iterable: Any iterable or async iterable.
        description: What the loop does: a string, a path, or any object.
        total: Units in all, including `completed`. None takes `len` or `__length_hint__`, also of the sources of an
            `enumerate`, `zip` or `map`, and adds `completed`.
        unit: A noun for an item: `"row"`.
        completed: Units that are done already, when a job is resumed; they do not count in the rate.
        disable: Whether the loop is not shown. Its `task` still counts.
        parent: The task that it is a part of; None: the task of the enclosing loop, if there is one.
        keep: Whether its line stays; None: only that of an outermost loop does.
        color: The operation's colour, or None.
        delay: Seconds after which its row appears. A loop that ends before that is never shown, unless it failed.
        fields: Additional columns; `task.update` changes them.
        columns: The template of its row; None: the tracker's.
        misspelt: Raises TypeError, which names the argument that was probably meant.

    Returns:
        An iterator, whose `task` is the loop's: it counts, and takes fields and a new description.

    Raises:
        TypeError: `iterable` is not iterable, or another argument is misspelt or not what it must be.
        ValueError: a number is out of range.

    Example:
        >>> sum(track([1, 2, 3], "Adding"))
        6
        >>> loop = track([0.5, 0.25], "Training", unit="epoch")
        >>> for loss in loop:
        ...     loop.task.update(loss=loss)
    """
    if misspelt:
        raise unknown_argument(track, misspelt)
    first_loop = multiprocessing_hook.first_loop
    if first_loop is not None and not (disable or completed or delay):
        given = (total, parent, keep, color, fields, columns)
        loop = first_loop(iterable, description, unit) if given == _NONE_GIVEN else None
        if loop is not None:
            return loop
    try:
        tracker, parent = (silent_tracker(), None) if disable else _home_of(parent)
    except UNAVAILABLE:
        return bare(iterable)
    return tracker.track(
        iterable, description, total=total, unit=unit, completed=completed, disable=disable, parent=parent, keep=keep, color=color,
        delay=delay, fields=fields, columns=columns,
    )  # fmt: skip


def add_task(
    description: object,
    total: int | float | None = None,
    *,
    unit: str = "it",
    parent: Task | None = UNCHANGED,
    completed: int | float | None = 0,
    keep: bool | None = None,
    color: str | None = None,
    rollup: Rollup | None = None,
    position: int | None = None,
    start: bool = True,
    counter: Callable[[], Any] | None = None,
    columns: str | None = None,
    delay: float = 0.0,
    fields: Mapping[str, Any] | None = None,
    **more_fields: Any,
) -> Task:
    """Add a task to the tracker that `track` would join, and return it.

    Takes the arguments of `ProgressTracker.add_task`. If no tracker was entered, nothing else ends the task: use it as
    a context manager, or call `finish`.

    Args:
        description: What it is: a string, a path, or any object.
        total: Units in all; None when unknown.
        unit: `"B"` or `"iB"` for bytes, else a noun.
        parent: The task that it is a part of; None: no other. Left out: the task of the `track` loop around this call.
        completed: Units that are done already; they do not count in the rate.
        keep: Whether its line stays when it has ended; None: only if it has no parent.
        color: The operation's colour, or None.
        rollup: What children add to it: `"count"`, `"sum"` or None.
        position: The slot among its siblings, from 0; None takes the lowest that is free.
        start: Whether its time begins now.
        counter: Returns the units done; called before each frame. None: nothing is asked.
        columns: The template of its row; None: the tracker's.
        delay: Seconds after which its row appears.
        fields: Additional columns.
        more_fields: More columns, as keyword arguments. The name of each must not resemble an argument's.

    Raises:
        TypeError, ValueError: an argument is not what it must be, or misspelt; the sentence says which and how.

    Example:
        >>> with add_task("orders.csv", total=3, unit="row") as task:
        ...     task.advance(3)
        >>> task.state
        'finished'
    """
    nested = parent is UNCHANGED
    tracker, home_parent = _home_of(None if nested else parent)
    return tracker.add_task(
        description, total, unit=unit, parent=UNCHANGED if nested else home_parent, completed=completed, keep=keep, color=color,
        rollup=rollup, position=position, start=start, counter=counter, columns=columns, delay=delay, fields=fields, **more_fields,
    )  # fmt: skip


def print(*values: object, sep: str | None = " ", end: str | None = "\n") -> None:
    """Show a line above the bars of the tracker that `track` would join, as the builtin `print` would show it.

    The line goes to the stream of the bars, by default standard error, whether or not there are bars at the moment.
    (The builtin `print` goes above the bars too, if standard output is on their terminal.)

    Args:
        values: What to show, as `str` gives it.
        sep: The text between two values; None: a space.
        end: The text after the last value; None: a newline.

    Example:
        >>> import progresskit
        >>> progresskit.print("orders.csv has", 3, "bad rows")
    """
    current_tracker().print(*values, sep=sep, end=end)


def configure(
    *,
    renderer: str | type[Renderer] | Callable[[], Renderer] | None = UNCHANGED,
    stream: TextIO | None = UNCHANGED,
    interval: float | None = UNCHANGED,
    budget: float | None = UNCHANGED,
    capture: bool | Literal["descriptors"] | None = UNCHANGED,
    estimator: Callable[[float], Estimator] | None = UNCHANGED,
    columns: str | None = UNCHANGED,
    style: Style | str | None = UNCHANGED,
    **misspelt: Never,
) -> None:
    """Set how an application shows progress: its own bars, and those of the libraries that it uses.

    An application calls this once, near its start; a library leaves the choice to the application. Each setting holds
    for trackers that are made later without that argument, and for the shared tracker of `track` as soon as it is idle.
    A setting takes precedence over the environment, except over `PROGRESSKIT_DISABLE`.

    Args:
        renderer: A name or a renderer class; None takes `PROGRESSKIT_RENDERER`, else what suits the stream. Left out:
            unchanged.
        stream: A text file to draw on; None takes `PROGRESSKIT_STREAM`, else standard error.
        interval: Seconds between two frames at the least; None takes `PROGRESSKIT_INTERVAL`, else 0.1.
        budget: Share of one core that drawing may cost, above 0 and at most 1; None takes `PROGRESSKIT_BUDGET`, else 0.01.
        capture: As of `ProgressTracker`; None takes `PROGRESSKIT_CAPTURE`, else captures while there are rows.
        estimator: As of `ProgressTracker`; None takes the built-in estimates.
        columns: The template of rows; None takes `PROGRESSKIT_COLUMNS`, else the usual one.
        style: A style or its name; None takes `PROGRESSKIT_STYLE`, else what suits the terminal.
        misspelt: Raises TypeError, which names the argument that was probably meant.

    Raises:
        TypeError, ValueError: an argument is misspelt or not what it must be, as of `ProgressTracker`; nothing is
            changed then.

    Example:
        >>> import progresskit
        >>> progresskit.configure(renderer="plain", interval=1.0)
        >>> progresskit.configure(renderer=None, interval=None)
    """
    if misspelt:
        raise unknown_argument(configure, misspelt)
    words: dict[str, Any] = {
        "renderer": renderer, "stream": stream, "interval": interval, "budget": budget, "capture": capture, "estimator": estimator,
        "columns": columns, "style": style,
    }  # fmt: skip
    changes = {name: value for name, value in words.items() if value is not UNCHANGED}
    _check_renderer(changes.get("renderer"))
    ProgressTracker(
        **{name: value for name, value in changes.items() if value is not None}
    )  # raises if a value is not allowed
    DEFAULTS.update(changes)
    for name in [name for name, value in DEFAULTS.items() if value is None]:
        del DEFAULTS[name]
    renew_shared_tracker()


def _check_renderer(renderer: Any) -> None:
    """Raise TypeError if `renderer` is a renderer itself, which draws on one terminal for one tracker."""
    if not isinstance(renderer, (str, type)) and hasattr(renderer, "render"):
        raise TypeError(
            f"renderer is {renderer!r:.80}, a renderer itself: give its class or its name, since each tracker makes one of its own."
        )


class disabled:  # called like a function, as `contextlib.suppress` is
    """Switch all progress off within a `with` block: loops and tasks run as usual, and none of them is shown.

    It holds for the whole process, its threads, and the processes that are started meanwhile (`PROGRESSKIT_DISABLE` is set for
    them). Tasks from before the block continue, and so does a tracker that is called by name. Printed lines are
    printed.

    Example:
        >>> with disabled():
        ...     sum(track([1, 2, 3], "Adding"))
        6
    """

    def __init__(self) -> None:
        self._depth = 0

    def __enter__(self) -> None:
        self._depth += 1
        joining.disabled_blocks += 1
        if joining.disabled_blocks == 1:
            joining.disabled_before = os.environ.get(VARIABLE)
            os.environ[VARIABLE] = "1"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._depth:
            return
        self._depth -= 1
        joining.disabled_blocks -= 1
        if joining.disabled_blocks == 0:
            if joining.disabled_before is None:
                os.environ.pop(VARIABLE, None)
            else:
                os.environ[VARIABLE] = joining.disabled_before


VARIABLE = "PROGRESSKIT_DISABLE"


def _home_of(parent: Task | None) -> tuple[ProgressTracker, Task | None]:
    """Return the tracker for a new child of `parent`, and the parent that the child has there."""
    if not isinstance(parent, Task) or joining.disabled_blocks:
        return current_tracker(), None if joining.disabled_blocks else parent
    tracker: Any = parent.tracker  # a `ProgressTracker`, which tasks do not know
    return (current_tracker(), None) if tracker.is_elsewhere else (tracker, parent)
