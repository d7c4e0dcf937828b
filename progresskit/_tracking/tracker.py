"""ProgressTracker: the tasks of one display as users see them.

Knows and checks what users may request. Does not know how tasks are drawn: tickers and displays call its
`TrackerCore`.
"""

from __future__ import annotations

import os
import sys
import time
from contextvars import ContextVar, copy_context

from .._model.numbers import shown
from .._system.lazy import CAPTURE, DRAWS_ON, SHOWS_WORKERS, load, whole
from . import multiprocessing_hook
from .arguments import (
    UNCHANGED,
    amount,
    checked_color,
    checked_columns,
    checked_counter,
    checked_delay,
    checked_position,
    checked_rollup,
    checked_style,
    described,
    given_fields,
    shared_kind,
    text,
    unknown_argument,
)
from .core import TrackerCore, current_loop
from .display_arguments import DEFAULTS, capture_mode, check_terminal, or_default, serve_page, within
from .hidden import Hidden
from .task import Task
from .task_tree import UNAVAILABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable, Mapping
    from contextvars import Token
    from types import TracebackType
    from typing import Any, ClassVar, Literal, Never, Self, TextIO, TypeVar, overload

    from .._model.estimates import Estimator
    from .._model.frames import Frame
    from .._text.styles import Style
    from ..renderers.base import Renderer, Terminal
    from .arguments import Rollup
    from .interfaces import Capture, Ticker
    from .task import AsyncTracked, Tracked

    T = TypeVar("T")


active: ContextVar[ProgressTracker | None] = ContextVar("progresskit_active", default=None)
entered: list[ProgressTracker] = []
_silent: ProgressTracker | None = None
tracker_providers: list[Callable[[], ProgressTracker | None]] = []
"""Callables that return the tracker for the current thread's unit of work, or None; tried newest first. `track` joins
that tracker if none is entered in this context. A tracker that is made without a renderer, stream or terminal shares
its display."""


class ProgressTracker:
    """The tasks of one display, and their lifetime.

    As a context manager it is the tracker that `track` joins. The end of the block ends all live tasks: those whose
    count is complete finish; others are cancelled, or fail if an exception leaves the block. Nothing is drawn before
    the first task has lived for a tick.

    Args:
        renderer: A name, a renderer class or a renderer; None takes `PROGRESSKIT_RENDERER`, else what suits the stream.
        stream: A text file to draw on; None takes `PROGRESSKIT_STREAM`, else standard error as it is then.
        terminal: A terminal to draw on in place of a stream, for tests and for streams of another kind.
        interval: Seconds between two frames at the least; None takes `PROGRESSKIT_INTERVAL`, else 0.1.
        budget: Share of one core that drawing may cost, above 0 and at most 1; None takes `PROGRESSKIT_BUDGET`, else 0.01.
        clock: Gives the time in seconds and never goes back; None takes `time.monotonic`.
        ticker: The ticker that draws; None takes the process's own, a thread that all trackers share.
        capture: Whether Python's output to the tracker's terminal is shown above the rows. None: while there are rows,
            unless `PROGRESSKIT_CAPTURE` says otherwise; True: from `start` to `stop`; False: never; "descriptors":
            while there are rows, also the output of C code and other programs to descriptors 1 and 2 (Unix).
        estimator: Makes the estimate of a task's rate and time left. It is called for each task with the units that
            were done before the task began, and returns an object with `sample(seconds, completed)` and
            `outlook(seconds, completed, total)`, a `progresskit.renderers.Estimator`. None: the built-in estimates.
        web: Whether a live page in a browser shows all tasks of this process. True: on a free port, reachable from this
            machine alone; a number: on that port; `"HOST:PORT"`: at that address. `page_url` and a printed line give
            its address.
        misspelt: Raises TypeError, which names the argument that was probably meant.

    Raises:
        ValueError: the renderer's name is unknown (the sentence lists those that exist), or a number is out of range.
        TypeError: the renderer is not a renderer, or the terminal lacks a member of the `Terminal` protocol.

    Example:
        >>> with ProgressTracker("none") as tracker:
        ...     files = tracker.add_task("Files", total=12, unit="file")
        ...     files.advance(12)
        >>> files.state
        'finished'
    """

    is_elsewhere = False
    """Whether its tasks belong to another process, and are only counted here."""
    _core_type: ClassVar[type[TrackerCore]] = TrackerCore

    def __init__(
        self,
        renderer: str | Renderer | type[Renderer] | None = None,
        *,
        stream: TextIO | None = None,
        terminal: Terminal | None = None,
        interval: float | None = None,
        budget: float | None = None,
        clock: Callable[[], float] | None = None,
        ticker: Ticker[TrackerCore] | None = None,
        capture: bool | Literal["descriptors"] | None = None,
        columns: str | None = None,
        style: Style | str | None = None,
        estimator: Callable[[float], Estimator] | None = None,
        web: bool | int | str = False,
        **misspelt: Never,
    ) -> None:
        from .._system.environment import is_disabled
        from ..renderers import choice as choices

        if misspelt:
            raise unknown_argument(ProgressTracker.__init__, misspelt)
        check_terminal(terminal)
        joined = _joined(renderer, stream) if terminal is None and ticker is None else None
        if DEFAULTS:
            if terminal is None:
                stream = or_default("stream", stream)
            renderer, style = or_default("renderer", renderer), or_default("style", style)
            interval, budget = or_default("interval", interval), or_default("budget", budget)
            capture, columns = or_default("capture", capture), or_default("columns", columns)
            estimator = or_default("estimator", estimator)
        self.columns: str | None = checked_columns(columns)
        choice = whole(choices).named(renderer)
        if joined is not None:
            core = joined._core
            choice, stream, terminal, ticker = core.renderer, core.stream, core.terminal, core.given_ticker
        if ticker is None and terminal is None and web is False and is_disabled(os.environ):
            from .silent import SilentTicker

            ticker = SilentTicker()  # a thread would draw nothing, and Python warns of a fork beside one
        if estimator is not None and not callable(estimator):
            raise TypeError(f"estimator is {shown(estimator)}: give a function that returns an estimate, or None.")
        self._core: TrackerCore = self._core_type(
            self,
            choice,
            stream,
            terminal,
            within("interval", interval, 3600.0),
            within("budget", budget, 1.0),
            time.monotonic if clock is None else clock,
            ticker,
            capture_mode(capture),
        )
        self._core.style = checked_style(style)
        self.estimator = estimator
        self._page_url = None if web is False else serve_page(web)
        self._tokens: list[Token[ProgressTracker | None]] = []

    @property
    def stream(self) -> TextIO | None:
        """The stream that the tracker draws on; None: standard error as it is then, or a terminal of its own."""
        return self._core.stream

    @property
    def clock(self) -> Callable[[], float]:
        """Gives the time in seconds."""
        return self._core.clock

    @property
    def page_url(self) -> str | None:
        """The address of the live page, with its secret token; None if the tracker was made without `web`.

        Example:
            >>> tracker.page_url is None
            True
        """
        return self._page_url

    # Tasks

    def add_task(
        self,
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
        """Add a task and return it.

        Args:
            description: What it is: a string, a path, or any object, shown as `str` gives it now.
            total: Units in all; None when unknown.
            unit: `"B"` for bytes in decimal units (MB), `"iB"` in binary ones (MiB), else a noun: `"row"`.
            parent: A task of this tracker that this one is a part of; None: no parent. Left out: the task of the
                `track` loop around this call, if there is one. If the parent has ended, its nearest live ancestor takes
                its place.
            completed: Units that are done already; they do not count in the rate.
            keep: Whether its line stays above the bars when it has ended. True: even if no frame has shown it. None: if
                it has no parent and a frame has shown it, or if it has a parent and was cancelled. The line of a failed
                task always stays.
            color: The operation's colour: red, green, yellow, blue, magenta, cyan, white or None.
            rollup: What children add to this task. `"count"`: one for each that finishes; `"sum"`: their completed
                units, and their totals if this task has no total of its own; None: nothing.
            position: The slot among its siblings, from 0. Its row stays there, and is blank while no task has it. None
                takes the lowest slot that is free, else a new one.
            start: Whether its time begins now; otherwise with `start()`, with a `with` block, or with the first unit.
            counter: Returns units done, which are added to those of `advance`. The ticker calls it before each frame,
                in its own thread, so it should return soon. If progress is switched off there are no frames, and it is
                called at the end of the task alone. None: no function.
            columns: The template of its row; None: the tracker's.
            delay: Seconds after which its row appears. A task that ends before that is never shown, unless it failed.
            fields: Additional columns.
            more_fields: More columns, as keyword arguments. The name of each must not resemble an argument's.

        Raises:
            TypeError, ValueError: an argument is not what it must be, or misspelt; the sentence says which and how.

        Example:
            >>> upload = tracker.add_task("orders.csv", total=45_600_000, unit="B", color="green")
            >>> upload.advance(65536)
        """
        description = described(description)
        if total is not None:
            total = amount("total", total)
        own_fields = given_fields("add_task", more_fields, fields) if more_fields or fields is not None else {}
        completed = 0 if completed is None else amount("completed", completed)
        checked_rollup(rollup)
        if position is not None:
            checked_position(position)
        if parent is UNCHANGED:
            parent = _enclosing_loop(self)
        else:
            self._check_parent(parent)
        if delay:
            delay = checked_delay(delay)
        checked_counter(counter)
        core = self._core
        if parent is not None and core.tree.is_inherited(parent):  # the process that this one was forked from shows it
            parent = None
        kind = shared_kind(
            (
                text("unit", unit),
                checked_color(color),
                None if keep is None else bool(keep),
                rollup,
                False,
                self.columns if columns is None else checked_columns(columns),
            )
        )
        core.lines.context = copy_context()
        if core.tree.all_ended:
            core.follow_stream()
        task = core.tree.add(
            self,
            parent,
            description,
            total,
            completed,
            kind,
            own_fields,
            start=start,
            position=position,
            counter=counter,
            delay=delay,
        )
        core.note_task(task)
        return task

    def _check_parent(self, parent: object) -> None:
        if parent is not None and (not isinstance(parent, Task) or parent.tracker is not self):
            raise ValueError(f"parent is {shown(parent)}: give a task of the same tracker, or None.")

    if TYPE_CHECKING:

        @overload
        def track(
            self,
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
            columns: str | None = None,
            delay: float = 0.0,
            fields: Mapping[str, Any] | None = None,
        ) -> AsyncTracked[T]: ...
        @overload
        def track(
            self,
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
            columns: str | None = None,
            delay: float = 0.0,
            fields: Mapping[str, Any] | None = None,
        ) -> Tracked[T]: ...

    def track(
        self,
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
        columns: str | None = None,
        delay: float = 0.0,
        fields: Mapping[str, Any] | None = None,
        **misspelt: Never,
    ) -> Any:
        """Return an iterator over `iterable` that shows its progress.

        The task begins when the first item is requested, and ends with the loop: finished at its end, stopped early by
        `break`, failed by an error. A loop inside another, in the same thread or async task, is a child of it.

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
            columns: The template of its row; None: the tracker's.
            delay: Seconds after which its row appears. A loop that ends before that is never shown, unless it failed.
            fields: Additional columns; `task.update` changes them.
            misspelt: Raises TypeError, which names the argument that was probably meant.

        Returns:
            An iterator, whose `task` is the loop's.

        Raises:
            TypeError: `iterable` is not iterable, or another argument is misspelt or not what it must be.
            ValueError: a number is out of range.

        Example:
            >>> sum(tracker.track([1, 2, 3], "Adding"))
            6
            >>> loop = tracker.track([0.5, 0.25], "Training", unit="epoch", fields={"loss": None})
            >>> for loss in loop:
            ...     loop.task.update(loss=loss)
        """
        if misspelt:
            raise unknown_argument(ProgressTracker.track, misspelt)
        description = described(description)
        text("unit", unit)
        checked_color(color)
        completed = 0 if completed is None else amount("completed", completed)
        if total is not None:
            total = amount("total", total)
        if delay:
            checked_delay(delay)
        own_fields = given_fields("track", {}, fields) if fields is not None else None
        try:
            from .loops import Loop, SilentLoop
        except UNAVAILABLE:
            return bare(iterable)
        if disable:
            home, parent, keep, columns = silent_tracker(), None, None, None
        else:
            home = self
            checked_columns(columns)
            self._check_parent(parent)
        whole = total

        def begin(size: int | None, task: Task | None, begun: bool) -> Task:
            nonlocal whole
            if task is None:
                if total is None and size is not None:
                    whole = size + completed
                enclosing = None if disable else parent or _enclosing_loop(self)
                task = home.add_task(
                    description, whole, unit=unit, parent=enclosing, completed=completed, keep=keep, color=color, start=begun,
                    delay=delay, fields=own_fields, columns=columns,
                )  # fmt: skip
            else:
                if total is None and size is not None and task._total == whole:  # a list may have grown since
                    task._total = None
                task._begin_loop(size)
            if begun and not disable:  # loops within one that is not shown are parts of the loop around it
                current_loop.set(task)
            return task

        return (SilentLoop if disable else Loop)(iterable, begin).iterator()

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The live tasks, in display order."""
        return self._core.tree.tasks

    # Showing

    def print(self, *values: object, sep: str | None = " ", end: str | None = "\n") -> None:
        """Show a line above the bars, as the builtin `print` would show it. Safe from any thread; does not wait for the terminal.

        Colours (SGR sequences) are kept; other control characters are made visible. While a terminal accepts nothing
        (Ctrl-S, a job in the background), 16 million characters are kept, and later lines are dropped and counted. A
        job that prints faster than lines can be drawn waits once that many are kept. In a log, and if progress is
        switched off, the line is written at once, as by the builtin `print`.

        Example:
            >>> tracker.print("orders.csv has", 3, "bad rows")
        """
        self._core.lines.print((" " if sep is None else sep).join(map(str, values)) + ("\n" if end is None else end))

    def hidden(self) -> Hidden:
        """Return a context manager that keeps the rows off the screen. Nothing is drawn within its block.

        For code that needs the terminal to itself: a question, an editor, a pager. Tasks still count, and printed lines
        wait.

        Example:
            >>> with tracker.hidden():
            ...     answer = "yes"  # input("Go on? ")
        """
        return Hidden(self._core)

    def capture(
        self, *, stdout: bool | None = None, stderr: bool | None = None, quiet: bool = False
    ) -> Capture[TrackerCore]:
        """Return a context manager that shows output on standard output and standard error above the bars.

        A tracker does so by itself while it has rows on a terminal. This method is for other streams, and for keeping
        lines off the screen. Lines are shown whole and in order; a line without a newline waits for it, or for the end
        of the block. The streams remain the same objects, so that log handlers and libraries that refer to them are
        captured too. The output of C code and other programs is not captured: `progresskit run` does that. A question
        (`input`, `getpass`) has the terminal to itself. The end of the block restores the streams, except those that
        other code has replaced.

        Args:
            stdout: Whether standard output is captured; None: if it is on the tracker's terminal, so that a pipe or a
                file gets its output as usual.
            stderr: The same for standard error.
            quiet: Whether lines are kept off the screen. The latest 10,000 are in the capture's `lines`, and are shown
                after all if an exception ends the block.

        Example:
            >>> with tracker.capture(stdout=True, quiet=True) as capture:
            ...     print("words of a library")
            >>> list(capture.lines)
            ['words of a library']
        """
        from .undrawn import LineTicker, Uncaptured

        core = self._core
        try:
            make = load(CAPTURE)
            keeps = quiet or not getattr(
                core.ticker, "writes_at_once", False
            )  # lines, or words on their way to a display
        except ModuleNotFoundError as error:  # a frozen application without our modules: the streams stay as they are
            core.given_ticker, keeps = core.given_ticker or LineTicker(core, error), False
        captured: Capture[TrackerCore] = make(core, stdout, stderr, quiet) if keeps else Uncaptured()
        return captured

    def frame(self, rows: int | None = None) -> Frame:
        """Return what the tasks look like now.

        Args:
            rows: The number of rows on the display; None: every live task fits.

        Example:
            >>> task = tracker.add_task("Files", total=12)
            >>> tracker.frame().tasks[-1].description
            'Files'
        """
        return self._core.tree.frame(rows)

    def refresh(self, seconds: float = 1.0) -> None:
        """Draw a frame now, and wait for it.

        Usually the ticker's next frame is soon enough. This is for a step that holds the interpreter for long, or a
        process that may be killed at once. The budget does not limit this frame.

        Args:
            seconds: The longest wait, in seconds.

        Example:
            >>> task = tracker.add_task("Solving")
            >>> tracker.refresh()
        """
        core = self._core
        refresh = getattr(core.ticker, "refresh", None)  # not every ticker has it
        if refresh is not None and core.attached:
            if core.lines.before_line is not None:  # what workers have sent by now is in the frame
                core.lines.before_line()
            refresh(seconds)

    def draws_on(self, stream: object) -> bool:
        """Return whether the tracker draws, or would draw, on the terminal or file that `stream` is.

        Args:
            stream: A text file: `sys.stderr`, a handler's `stream`.

        Example:
            >>> import sys
            >>> ProgressTracker("none").draws_on(sys.stdout)
            False
        """
        return bool(load(DRAWS_ON)(self._core, stream))

    def start(self) -> None:
        """Make this the tracker that `track` joins. Nothing is drawn until there is something to show."""
        entered.append(self)
        self._core.entered += 1
        self._tokens.append(active.set(self))
        multiprocessing_hook.on_enter(self)
        if self._core.capture.mode == "always":
            self._core.capture.begin(self._core, always=True)

    def stop(self) -> None:
        """End all live tasks and draw the last frame. A stopped tracker may be used again.

        Tasks whose count is complete finish; others are cancelled.
        """
        self._close(None)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close(kind)

    def __del__(self) -> None:
        # A finaliser runs in any thread, in the middle of any statement: it takes no lock and does not wait. The ticker
        # draws the tracker's last frame.
        try:
            # Not as an attribute: a forked child, which may come to collect a tracker of its parent's, would take that for a use.
            self.__dict__["_core"].drop()
        except Exception:  # `__init__` has failed, the ticker is of another kind, or the interpreter ends
            pass

    def _close(self, error: type[BaseException] | None) -> None:
        was_entered = self in entered
        if was_entered:
            entered.remove(self)  # first: a tracker that ends in another thread must not give its workers to this one
            multiprocessing_hook.on_exit(self, entered)
        self._core.tree.end_all(error)
        if was_entered:
            self._core.entered -= 1
        if self._tokens:
            token = self._tokens.pop()
            try:
                active.reset(token)
            except ValueError:  # stopped in another context than it was started in
                if active.get() is self:
                    active.set(None)
        self._core.detach()


def bare(iterable: Any) -> Any:
    """Return an iterator over `iterable`, sync or async, that shows nothing."""
    return (
        iter(iterable) if hasattr(iterable, "__iter__") or not hasattr(iterable, "__aiter__") else iterable.__aiter__()
    )


def _enclosing_loop(tracker: ProgressTracker) -> Task | None:
    """Return the live task of the loop that this thread or async task is in, if it belongs to `tracker`."""
    task = current_loop.get()
    if task is not None and not isinstance(task, Task):
        task = task.added
    while task is not None and task._end is not None:
        task = task.parent
    return task if task is not None and task.tracker is tracker else None


def provided_tracker() -> ProgressTracker | None:
    """Return the tracker of this thread's unit of work, if an engine provides one."""
    for ask in reversed(tracker_providers):
        tracker = ask()
        if tracker is not None:
            return tracker
    return None


def _joined(renderer: object, stream: TextIO | None) -> ProgressTracker | None:
    """Return the tracker whose display a new one shares. That is the provided one, if neither renderer nor stream is
    given, or if this process is a worker that must not draw on its terminal."""
    provided = provided_tracker()
    if provided is None or (renderer is None and stream is None):
        return provided
    where = sys.stderr if stream is None else stream
    return provided if getattr(provided._core.given_ticker, "is_remote", False) and _is_terminal(where) else None


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, OSError, ValueError):  # not a stream, or closed
        return False


def silent_tracker() -> ProgressTracker:
    """Return the tracker for progress that is switched off: its tasks count and are not shown."""
    global _silent
    if _silent is None:
        from .silent import SilentTicker

        _silent = ProgressTracker("none", ticker=SilentTicker(), capture=False)
    return _silent


# Not with the first tracker: this process may never have one, while each worker of its pool has.
multiprocessing_hook.allow_joining(lambda: bool(load(SHOWS_WORKERS)()))
