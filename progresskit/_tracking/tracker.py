"""ProgressTracker: the tasks of one display, and its life.

Knows which tasks there are, in which order, and what they looked like a moment ago. Must not know terminals or threads: it
is looked at by a ticker, which it only tells that there is something to see.
"""

from __future__ import annotations

import os
import sys
import time
from _contextvars import ContextVar, copy_context
from collections import deque
from itertools import count

from .._model.numbers import shown
from .._model.slots import Slots, assign_rows, walk_tree
from .._model.states import ENDED
from . import multiprocessing_hook
from .counters import CountingTicks, PolledCounter
from .task import (
    TREE_LOCK,
    UNCHANGED,
    Task,
    amount,
    checked_color,
    checked_columns,
    checked_delay,
    checked_style,
    described,
    given_fields,
    is_failure,
    shared_kind,
    text,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable, Mapping
    from contextvars import Context, Token
    from types import TracebackType
    from typing import Any, Literal, Self, TextIO, TypeVar, overload

    from .._model.estimates import Estimator
    from .._model.frames import Frame, TaskView
    from .._text.styles import Style
    from ..renderers.base import Renderer, Terminal
    from ..renderers.registry import RendererChoice
    from .interfaces import Capture, Display, OwnCapture, Ticker
    from .loops import AsyncTracked, Tracked
    from .task import Rollup, Sums

    T = TypeVar("T")


NUMBERS = count(1)
"""Task numbers: none is used twice in a process."""
_last_number = 0
_active: ContextVar[ProgressTracker | None] = ContextVar("progresskit_active", default=None)
_loop: ContextVar[Task | None] = ContextVar("progresskit_loop", default=None)
_entered: list[ProgressTracker] = []
_shared: ProgressTracker | None = None
_outdated = False  # whether the defaults have changed since the shared tracker was made
DEFAULTS: dict[str, Any] = {}
"""What `configure` has set: arguments of trackers that were not given them."""
disabled_blocks = 0
"""How many `with disabled()` blocks the process is in."""
disabled_before: str | None = None
"""What `PROGRESSKIT_DISABLE` was before the first of them."""
tracker_providers: list[Callable[[], ProgressTracker | None]] = []
"""For engines that run tasks of their own: each is asked for the tracker of what this thread is at, the last one first. `track`
joins it where no tracker is entered in this context, and a tracker made without a renderer, stream or terminal draws with it."""
DEFAULT_TICKER = "progresskit._display.process_hooks:TICKER"
"""The process's ticker, found by name as renderers are: this storey must not import that one."""

UNAVAILABLE = (ImportError, OSError, AttributeError)
"""What the import of a module of ours raises in the handler of a signal that has interrupted it, in a process that has changed
its root since the first import, or that has no descriptor left. Loops then run as they would by themselves."""
CAPTURE = "progresskit._display.capture:Capture"
PLACE_IN_CELL = "progresskit._display.notebook_cells:place"
WRITE_LINES = "progresskit._display.capture:write_lines"
MOST_WAITING = 1 << 24
"""Characters of printed lines that are kept for a terminal that takes nothing."""
MOST_CAPTURED = 1 << 22
"""Characters of captured lines that wait to be drawn. A job that writes more waits, as it would for the terminal itself."""
LINE = 64
"""What a line counts beside its characters."""


class ProgressTracker:
    """The tasks of one display, and its life.

    As a context manager it is the tracker that `track` joins, and on leaving it ends what is still live: tasks whose count
    is complete finish, others are cancelled, or fail when an exception leaves with them. Nothing is drawn before the first
    task has lived for a tick.

    Args:
        renderer: A name, a renderer class or a renderer; None takes `PROGRESSKIT_RENDERER`, else what suits the stream.
        stream: A text file to draw on; None takes `PROGRESSKIT_STREAM`, else standard error as it is then.
        terminal: A terminal to draw on in place of a stream, for tests and for streams of another kind.
        interval: Seconds between two frames at the least; None takes `PROGRESSKIT_INTERVAL`, else 0.1.
        budget: Share of one core that drawing may cost, above 0 and at most 1; None takes `PROGRESSKIT_BUDGET`, else 0.01.
        clock: Gives the time in seconds and never goes back; None takes `time.monotonic`.
        ticker: What draws; None takes the process's own, a thread that all trackers share.
        capture: Whether what Python writes to the terminal that the tracker draws on goes above the rows. None: while rows
            stand there, unless `PROGRESSKIT_CAPTURE` says otherwise; True: from `start` to `stop`; False: never;
            "descriptors": what C code and other programs write to descriptors 1 and 2 as well, while rows stand (Unix).
        estimator: Makes what tells the rate and the time left of a task: called for each task with the units that were done
            before it began, it returns an object with `sample(seconds, completed)` and `outlook(seconds, completed, total)`, as
            `progresskit.renderers.Estimator` has them. None: the built-in estimates.

    Raises:
        ValueError: the renderer's name is unknown (the sentence lists those that exist), or a number is out of range.
        TypeError: the renderer is none, or the terminal lacks a part of the `Terminal` protocol.

    Example:
        >>> with ProgressTracker("none") as tracker:
        ...     files = tracker.add_task("Files", total=12, unit="file")
        ...     files.advance(12)
        >>> files.state
        'finished'
    """

    is_elsewhere = False
    """Whether its tasks are another process's, and only counted here."""
    lock = TREE_LOCK
    """One for all trackers: it is held for microseconds, and a fork has one lock to take."""

    def __init__(
        self,
        renderer: str | Renderer | type[Renderer] | None = None,
        *,
        stream: TextIO | None = None,
        terminal: Terminal | None = None,
        interval: float | None = None,
        budget: float | None = None,
        clock: Callable[[], float] | None = None,
        ticker: Ticker | None = None,
        capture: bool | Literal["descriptors"] | None = None,
        columns: str | None = None,
        style: Style | str | None = None,
        estimator: Callable[[float], Estimator] | None = None,
    ) -> None:
        from ..renderers.registry import named

        _check_terminal(terminal)
        self.columns: str | None = checked_columns(columns)
        self.style: Style | str | None = checked_style(style)
        around = _joined(renderer, stream) if terminal is None and ticker is None else None
        if DEFAULTS:
            if terminal is None and stream is None:
                stream = DEFAULTS.get("stream")
            renderer = DEFAULTS.get("renderer") if renderer is None else renderer
            interval = DEFAULTS.get("interval") if interval is None else interval
            budget = DEFAULTS.get("budget") if budget is None else budget
            capture = DEFAULTS.get("capture") if capture is None else capture
            estimator = DEFAULTS.get("estimator") if estimator is None else estimator
            columns = DEFAULTS.get("columns") if columns is None else columns
            style = DEFAULTS.get("style") if style is None else style
        self.renderer: RendererChoice = named(renderer)
        if around is not None:
            self.renderer, stream, terminal, ticker = around.renderer, around.stream, around.terminal, around._ticker
        self.stream: TextIO | None = stream
        self.terminal: Terminal | None = terminal
        self.interval: float | None = _within("interval", interval, 3600.0)
        self.budget: float | None = _within("budget", budget, 1.0)
        self.clock: Callable[[], float] = time.monotonic if clock is None else clock
        self.prints: deque[Any] = deque()  # lines; a feed's also holds ended tasks, in the order in which they came
        self.behind: bool = False  # set by whoever draws, while the terminal does not take what it is sent
        self._waiting = 0  # roughly the characters in `prints` that have come since lines were last taken
        self._dropped = CountingTicks()
        self._lines_missing = False  # whether lines were dropped since that was last looked at
        self._told = 0  # how many of the dropped lines have been told
        self.hiding: int = 0  # how many want the rows off the screen
        self.asking: int = 0  # how many of them ask a question, to which the terminal belongs until it is answered
        self._display: Display | None = None  # set by whoever draws
        self._mute = False  # whether nothing can be shown of it: lines go to the stream itself
        self._ticker: Any = ticker  # one that is loaded by name has no type
        self._slots = Slots()
        self._live = 0
        self._endings: deque[Task] = deque()
        self._ended: list[TaskView] = []
        self._polled: tuple[Task, ...] = ()  # tasks whose count a function tells
        self._seen = 0  # the highest task number that a frame could have shown
        self._attached = False
        self._closing = False  # whether the last frame is about to be drawn in any case
        self._inherited = 0  # the highest number of a task that is a parent process's
        self.is_client: bool | None = None  # whether a hub shows its tasks; None before somebody asked
        self._unsettled = False  # whether it is among those whose endings wait to be told to a hub
        self._tokens: list[Token[ProgressTracker | None]] = []
        if estimator is not None and not callable(estimator):
            raise TypeError(f"estimator is {shown(estimator)}: give a function that returns an estimate, or None.")
        self.estimator = estimator
        self._delays: tuple[Task, ...] = ()  # tasks whose rows are not to be seen yet
        self._capture_mode = capture_mode(capture)
        self._capture: OwnCapture | None = None  # what captures while it is attached, or entered
        self._capture_held = False  # whether it does so until `stop`
        self._drawn_on: object = None  # the stream that it was attached for
        self.context: Context = (
            copy_context()
        )  # of whoever has last called: a notebook tells by it which cell a line belongs to

    @property
    def ticker(self) -> Ticker:
        """What draws this tracker."""
        if self._ticker is None:
            from ..renderers.registry import load

            try:
                self._ticker = load(DEFAULT_TICKER)
            except ModuleNotFoundError as error:  # a frozen application without our modules
                from .undrawn import LineTicker

                self._ticker = LineTicker(self, error)
        return self._ticker  # type: ignore[no-any-return]  # what is loaded by name has no type

    # Tasks

    def add_task(
        self,
        description: object,
        total: int | float | None = None,
        *,
        unit: str = "it",
        parent: Task | None = UNCHANGED,
        completed: int | float | None = 0,
        keep: bool | Literal["always"] | None = None,
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
            parent: A task of this tracker that this one is a part of; None at the top. Left out: the task of the `track` loop
                around this call, if there is one. Of one that has ended, the nearest that lives above it takes the place.
            completed: Units that are done already; they do not count in the rate.
            keep: Whether its line stays above the bars when it has ended; None: at the top it does, below it does not.
                The line of a task that failed always stays. "always": also where it has ended before a frame could show it.
            color: The operation's colour: red, green, yellow, blue, magenta, cyan, white or None.
            rollup: What children add to this task: `"count"`, one for each that finishes; `"sum"`, what they have
                completed, and their totals where this task has none of its own; None, nothing.
            position: The slot among its siblings, from 0: its row stays there, blank when nobody has it; None takes the
                lowest that was left, else a new one.
            start: Whether its time begins now; otherwise with `start()`, with `with`, or with the first movement.
            counter: Returns the units done, in addition to what is advanced; the ticker calls it before each frame, in its own
                thread, so it should return soon. None: nothing is asked.
            columns: The template of its row; None: the tracker's.
            delay: Seconds after which its row appears: one that has ended by then has never been seen, unless it failed.
            fields: Columns of the task's own.
            more_fields: The same, as keyword arguments, where the name resembles no argument.

        Raises:
            TypeError, ValueError: an argument is not what it must be, or misspelt; the sentence says which and how.

        Example:
            >>> upload = tracker.add_task("orders.csv", total=45_600_000, unit="B", color="green")
            >>> upload.advance(65536)
        """
        global _last_number
        description = described(description)
        if total is not None:
            total = amount("total", total)
        own_fields = given_fields("add_task", more_fields, fields) if more_fields or fields is not None else {}
        completed = 0 if completed is None else amount("completed", completed)
        if rollup not in (None, "count", "sum"):
            raise ValueError(f"rollup is {shown(rollup)}: give None, 'count' or 'sum'.")
        if position is not None and (
            isinstance(position, bool) or not isinstance(position, int) or not 0 <= position < 10_000
        ):
            raise ValueError(f"position is {shown(position)}: give a whole number from 0 to 9999, or None.")
        if parent is UNCHANGED:
            parent = _enclosing_loop(self)
        else:
            self._check_parent(parent)
        if delay:
            delay = checked_delay(delay)
        if counter is not None and not callable(counter):
            raise TypeError(f"counter is {shown(counter)}: give a function that returns the units done, or None.")
        if parent is not None and parent._id <= self._inherited:  # shown by the process that this one was forked from
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
        self.context = copy_context()
        if self.left:
            self._follow_stream()
        now = self.clock()
        with self.lock:
            self._settle()  # first, so that a task that has just ended leaves its slot to this one
            while parent is not None and parent._end is not None:
                parent = parent.parent
            number = _last_number = next(NUMBERS)
            task = Task(
                parent or self,
                number,
                description,
                total,
                completed,
                kind,
                now if start else None,
                own_fields,
            )
            if parent is None:
                slots = self._slots
            else:
                rare = parent.rare
                if rare.children is None:
                    rare.children = Slots()
                rare.added += 1
                slots = rare.children
            if position is not None:
                task.rare.reserved = True
            if keep == "always":
                task.rare.always_kept = True
            if counter is not None:
                task.rare.counters = (PolledCounter(counter),)
                self._polled = (*(each for each in self._polled if each._end is None), task)
            if completed:
                task.rare.initial = completed
            if delay:
                task.rare.hidden_until = now + delay
                self._delays = (*self._delays, task)
            task._slot = slots.take(task, position)
            self._live += 1
        if "IPython" in sys.modules:  # which cell of a notebook it belongs to, no other thread can tell
            self._place_in_cell(task)
        if self._attached:
            self.wake()  # the ticker sleeps for long beside paused tasks, and beside lines alone
        else:
            self._show()
        return task

    def _place_in_cell(self, task: Task) -> None:
        try:
            from ..renderers.registry import load

            load(PLACE_IN_CELL)(self, task)
        except Exception:  # a display's trouble is not the job's
            pass

    def note_seen(self, task: Task) -> None:
        """Note that `task` has been shown, so that its end is shown too."""
        self._seen = max(self._seen, task.id)

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
    ) -> Any:
        """Return an iterator over `iterable` that shows how far it is.

        The task begins when the first item is asked for, and ends with the loop: finished at its end, stopped early by `break`,
        failed by an error. A loop inside another, in the same thread or async task, is a child of it.

        Args:
            iterable: Any iterable or async iterable.
            description: What the loop does: a string, a path, or any object.
            total: Units in all, those that are `completed` among them; None asks `len` and `__length_hint__`, also of what an
                `enumerate`, `zip` or `map` runs through, and adds `completed`.
            unit: A noun for an item: `"row"`.
            completed: Units that are done already, where a job is resumed; they do not count in the rate.
            disable: Whether nothing is shown. The loop's `task` counts all the same.
            parent: The task that it is a part of; None: that of the loop around it, if there is one.
            keep: Whether its line stays; None: only that of an outermost loop does.
            color: The operation's colour, or None.
            columns: The template of its row; None: the tracker's.
            delay: Seconds after which its row appears: a loop that is over by then has never been seen, unless it failed.
            fields: Columns of the loop's own; `task.update` changes them.

        Returns:
            An iterator, whose `task` is the loop's.

        Raises:
            TypeError: `iterable` is not iterable, or another argument is not what it must be.
            ValueError: a number is out of range.

        Example:
            >>> sum(tracker.track([1, 2, 3], "Adding"))
            6
            >>> loop = tracker.track([0.5, 0.25], "Training", unit="epoch", fields={"loss": None})
            >>> for loss in loop:
            ...     loop.task.update(loss=loss)
        """
        if disable:
            from .silent import silent_tracker

            return silent_tracker().track(
                iterable,
                description,
                total=total,
                unit=unit,
                completed=completed,
                fields=fields,
                color=color,
                delay=delay,
            )
        description = described(description)
        text("unit", unit)
        checked_color(color)
        checked_columns(columns)
        completed = 0 if completed is None else amount("completed", completed)
        if total is not None:
            total = amount("total", total)
        if delay:
            checked_delay(delay)
        own_fields = given_fields("track", {}, fields) if fields is not None else None
        self._check_parent(parent)

        try:
            from .loops import Loop
        except UNAVAILABLE:
            return bare(iterable)

        def begin(size: int | None, task: Task | None, begun: bool) -> Task:
            if task is None:
                whole = total if total is not None or size is None else size + completed
                around = parent or _enclosing_loop(self)
                task = self.add_task(
                    description, whole, unit=unit, parent=around, completed=completed, keep=keep, color=color, start=begun,
                    delay=delay, fields=own_fields, columns=columns,
                )  # fmt: skip
            else:
                task._begin_loop(size)
            if begun:
                _loop.set(task)
            return task

        return Loop(iterable, begin).iterator()

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The live tasks, in display order."""
        with self.lock:
            self._settle()
            return tuple(
                task for task, _ in walk_tree(self._slots, self.clock()) if task is not None and task._end is None
            )

    # Showing

    def print(self, *values: object, sep: str | None = " ", end: str | None = "\n") -> None:
        """Show a line above the bars, as the builtin `print` would show it. Safe from any thread; does not wait for the terminal.

        Colours (SGR sequences) are kept; whatever else could disturb the terminal is made visible. While a terminal takes
        nothing (Ctrl-S, a job in the background), 16 million characters are kept and what comes later is counted. A job that
        prints faster than lines can be drawn waits once so many are kept.

        Example:
            >>> tracker.print("orders.csv has", 3, "bad rows")
        """
        line = (" " if sep is None else sep).join(map(str, values)) + ("\n" if end is None else end)
        if self._waiting > MOST_WAITING:
            if not self.behind:  # it is the drawing thread that is slow, since the job leaves it no time
                self.ticker.wait_for_lines(self, terminal=False)
            if self.behind and self._waiting > MOST_WAITING:
                for _ in range(max(line.count("\n"), 1)):
                    self._dropped.tick()
                self._lines_missing = True  # second: whoever finds it set finds the count
                return
        if self._capture is not None:
            self._capture.before_line()
        self.prints.append(line[:-1] if line.endswith("\n") else line)
        self._waiting += len(line) + LINE
        self.context = copy_context()
        self.lines_came()

    def print_captured(self, line: str) -> None:
        """Show a line that the job has written to the terminal. A job that writes faster than the terminal takes it waits.

        Called by a capture, which has no other way to keep the line.
        """
        self.queue_line(line)
        if self._waiting > MOST_CAPTURED:
            self.ticker.wait_for_lines(self)
        self.lines_came()
        if self._attached:
            self.ticker.flush_lines()

    def queue_line(self, line: str) -> None:
        """Have a captured line shown with the next frame; whoever queues lines calls `lines_came`."""
        self.prints.append(line)
        self._waiting += len(line) + LINE

    def queue_lines(self, lines: list[str]) -> None:
        """Have captured lines shown with the next frame; whoever queues lines calls `lines_came`."""
        self.prints.extend(lines)
        self._waiting += sum(map(len, lines)) + LINE * len(lines)

    def lines_came(self) -> None:
        """See to it that the lines which have been queued are drawn."""
        if not self._attached:
            self._show()
        if self._mute:
            self._write_lines(self.take_prints())
            return
        self.wake()
        if multiprocessing_hook.is_worker and self._attached:
            self.ticker.flush_soon()
        if self._attached and self.left and getattr(self.ticker, "is_closed", False):
            self.ticker.detach(self)  # nobody ends it any more

    def give_up(self) -> None:
        """Called by whoever draws, where nothing can be shown any more: write what waits to the stream, and what comes later."""
        self._mute = True
        self._display = None
        self._write_lines(self.take_prints())

    def _write_lines(self, lines: list[str]) -> None:
        """Write `lines` to the stream itself, since nothing draws them."""
        if not lines:
            return
        try:
            from ..renderers.registry import load

            load(WRITE_LINES)(self, lines)
        except ImportError:  # the interpreter ends, and imports nothing any more
            stream = sys.stderr if self.stream is None else self.stream
            try:
                for line in lines:
                    stream.write(f"{line if line.isprintable() else ascii(line)}\n")
            except Exception:  # gone already
                pass

    def hidden(self) -> Hidden:
        """Return a context manager: the rows are off the screen meanwhile, and nothing is drawn there.

        For what needs the terminal to itself: a question, an editor, a pager. Counting goes on, and lines printed wait.

        Example:
            >>> with tracker.hidden():
            ...     answer = "yes"  # input("Go on? ")
        """
        return Hidden(self)

    def clear_rows(self) -> None:
        """Have the rows off the screen, and every line that was printed on it. `hiding` keeps them off."""
        clear_rows = getattr(self._ticker, "clear_rows", None)  # not every ticker has rows on a screen
        if clear_rows is not None:
            clear_rows(self)
        self.follow_descriptors()

    def follow_descriptors(self) -> None:
        """Have descriptors 1 and 2 lead to the terminal itself while somebody has it, and to the capture otherwise."""
        if self._capture is not None:
            self._capture.follow()

    def take_prints(self) -> list[Any]:
        """Return the lines that wait to be shown, and have them forgotten. Called by whoever draws."""
        self.behind, self._waiting = False, 0
        if self._capture is not None and self._capture.holds_lines:
            self._capture.before_frame()
        lines = [self.prints.popleft() for _ in range(len(self.prints))] if self.prints else []
        if self._lines_missing:
            self._lines_missing = False
            missing = self._dropped.count() - self._told
            self._told += missing
            lines.append(f"progresskit: {missing:,d} lines are missing here: the terminal did not take them in time.")
        return lines

    def note_shown(self) -> None:
        """Called by whoever draws, once the lines that it has taken are on the terminal."""
        if self._capture is not None:
            self._capture.note_shown()

    def capture(self, *, stdout: bool | None = None, stderr: bool | None = None, quiet: bool = False) -> Capture:
        """Return a context manager: what is written to standard output and standard error goes above the bars meanwhile.

        A tracker does so by itself while rows stand on a terminal; this is for other streams, and to keep lines off the screen.
        Lines come whole and in order, and one without its newline waits for it, or for the end. The streams stay the objects
        that they are, so that log handlers and libraries that hold them are captured too. What C code and other programs write
        is not captured: `progresskit run` does that. A question (`input`, `getpass`)
        has the terminal to itself while it waits. Afterwards all is as it was, but for what others have replaced.

        Args:
            stdout: Whether standard output is captured; None: where it is on the terminal that the tracker draws on, so
                that a pipe or a file gets what it would have got.
            stderr: The same for standard error.
            quiet: Whether lines are kept off the screen. The latest 10,000 are in the capture's `lines`, and are
                shown after all where an exception ends it.

        Example:
            >>> with tracker.capture(stdout=True, quiet=True) as capture:
            ...     print("words of a library")
            >>> list(capture.lines)
            ['words of a library']
        """
        from ..renderers.registry import load
        from .undrawn import LineTicker, Uncaptured

        try:
            make = load(CAPTURE)
            drawn = not getattr(self.ticker, "writes_at_once", False)
        except ModuleNotFoundError as error:  # a frozen application without our modules: the streams stay as they are
            self._ticker, drawn = self._ticker or LineTicker(self, error), False
        captured: Capture = make(self, stdout, stderr, quiet) if drawn else Uncaptured()
        return captured

    def _begin_capture(self, *, always: bool = False) -> None:
        """Begin to capture, where the tracker draws rows on a terminal and nobody has opted out.

        Args:
            always: Whether lines are captured until `stop`; otherwise while rows stand.
        """
        if self._capture is not None or not self._capture_mode:
            return
        try:
            from ..renderers.registry import draws_rows, load

            if self.terminal is not None or not draws_rows(
                self.renderer, self._current_stream(), worker=multiprocessing_hook.is_worker
            ):
                return
            if getattr(self.ticker, "writes_at_once", False):
                return
            capture = load(CAPTURE)(
                self,
                always=always or multiprocessing_hook.is_worker,
                automatic=True,
                descriptors=self._capture_mode == "descriptors",
            )
            self._capture_held = always
            self._capture = capture.start()
        except Exception:  # a stream of the user's own may raise anything: what it takes is not captured then
            pass

    def _end_capture(self) -> None:
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.stop()

    def frame(self, rows: int | None = None) -> Frame:
        """Return what the tasks look like now.

        Args:
            rows: Rows that there are on the display; None: every live task fits.

        Example:
            >>> task = tracker.add_task("Files", total=12)
            >>> tracker.frame().tasks[-1].description
            'Files'
        """
        _drawing or _load_drawing()
        with self.lock:
            return self._make_frame(rows)

    def take_frame(self, rows: int | None = None) -> Frame:
        """Return what the tasks look like now, and forget those that have ended. Called by whoever draws it.

        The functions that tell a count are asked first, and estimates learn from what is shown.
        """
        if self._polled:
            self._polled = tuple(task for task in self._polled if task._end is None)
            for task in self._polled:
                task._poll()
        _drawing or _load_drawing()  # not with the lock held: an import that Ctrl-C has broken off may hang for ever
        with self.lock:
            frame = self._make_frame(rows, sampled=True)
            self._seen = _last_number
            self._ended.clear()
            return frame

    def _make_frame(self, rows: int | None, *, sampled: bool = False) -> Frame:
        """Return what the tasks look like now. The caller holds the lock.

        Args:
            rows: Rows that there are on the display; None: every live task fits.
            sampled: Whether the estimates of the tasks that are shown learn from it.
        """
        snapshot, frame = _drawing or _load_drawing()
        now = self.clock()
        if self._endings:
            self._settle()
        sums: dict[int, Sums] = {}
        seated, more = assign_rows(self._tree(now), rows)
        if sampled:
            for item, _, _ in seated:
                if isinstance(item, Task):
                    snapshot.sample(item, now, sums)
        views = [
            snapshot.look(item, now, depth, row, sums) if isinstance(item, Task) else item._replace(position=row)
            for item, depth, row in seated
        ]
        return frame(now, tuple(views), tuple(self._ended), more)  # type: ignore[no-any-return]  # loaded late

    def _tree(self, now: float) -> list[tuple[Any, int]]:
        """Return what is to be seated, with depths: tasks, views of other processes' tasks, and None for a blank row.

        The caller holds the lock.
        """
        entries = [entry for entry in walk_tree(self._slots, now) if entry[0] is None or entry[0]._end is None]
        return self._without_hidden(entries, now) if self._delays else entries

    def _without_hidden(self, entries: list[tuple[Any, int]], now: float) -> list[tuple[Any, int]]:
        """Return `entries` without the tasks whose rows are not to be seen yet, and what is below them."""
        self._delays = tuple(task for task in self._delays if task._end is None and not task.shown_by(now))
        kept: list[tuple[Any, int]] = []
        below: int | None = None  # the depth of the last task that is hidden
        for task, depth in entries:
            if below is not None and depth > below:
                continue
            below = depth if task in self._delays else None
            if below is None:
                kept.append((task, depth))
        return kept

    def refresh(self, seconds: float = 1.0) -> None:
        """Draw what is new now, and wait until it is drawn.

        Usually the ticker's next frame is soon enough: this is for a step that holds the interpreter for long, or a process that may be
        ended at once. It costs a frame, which the budget does not limit.

        Args:
            seconds: How long to wait at the most.

        Example:
            >>> task = tracker.add_task("Solving")
            >>> tracker.refresh()
        """
        refresh = getattr(self.ticker, "refresh", None)  # not every ticker can
        if refresh is not None and self._attached:
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
        from ..renderers.registry import load

        return bool(load("progresskit._display.capture:draws_on")(self, stream))

    @property
    def live(self) -> int:
        """How many tasks have not ended."""
        with self.lock:
            if self._endings:
                self._settle()
            return self._live

    @property
    def left(self) -> bool:
        """Whether every task has ended, as far as can be told without a lock."""
        return self._live <= len(self._endings)

    @property
    def entered(self) -> bool:
        """Whether somebody holds the tracker open."""
        return self in _entered

    @property
    def pending_output(self) -> bool:
        """Whether a line or an ended task waits to be shown."""
        return bool(self.prints or self._endings or self._ended)

    @property
    def has_news(self) -> bool:
        """Whether a line, or the end of a task that was shown or has failed, waits to be shown."""
        with self.lock:
            self._settle()
            return bool(self.prints or self._ended)

    def start(self) -> None:
        """Make this the tracker that `track` joins. Nothing is drawn until there is something to show."""
        _entered.append(self)
        self._tokens.append(_active.set(self))
        multiprocessing_hook.on_enter(self)
        if self._capture_mode == "always":
            self._begin_capture(always=True)

    def stop(self) -> None:
        """End what is still live and show everything for the last time. A stopped tracker may be used again.

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
        # A finaliser runs in any thread, in the middle of anything: it takes no lock and does not wait. The ticker draws the
        # tracker's last frame.
        try:
            if self._attached or self._display is not None:
                if self._capture is not None:
                    self._capture.hold(self)
                self._ticker.drop(self)
        except Exception:  # half made, another kind of ticker, or the interpreter ends
            pass

    def end_tasks(self, error: type[BaseException] | None = None) -> None:
        """End what is still live, as leaving the tracker with `error` does."""
        self._closing = True
        try:
            for task in reversed(self.tasks):
                if error is not None and is_failure(error):
                    task.fail(error.__name__)
                elif error is None and task.is_complete:
                    task.finish()
                elif error is not None or not task.end_by_children():
                    task.cancel()
                if task.parent is not None:  # so that a sum above it need not go through all of its tree again
                    with self.lock:
                        self._settle()
        finally:
            self._closing = False

    def _close(self, error: type[BaseException] | None) -> None:
        if self in _entered:
            multiprocessing_hook.on_exit(self, [each for each in _entered if each is not self])
        self.end_tasks(error)
        if self in _entered:
            _entered.remove(self)
        if self._tokens:
            token = self._tokens.pop()
            try:
                _active.reset(token)
            except ValueError:  # stopped in another context than it was started in
                if _active.get() is self:
                    _active.set(None)
        if self._ticker is not None:
            self._ticker.detach(self)
        self._end_capture()

    def _show(self) -> None:
        if not self._attached and not self._mute:
            try:
                ticker = self.ticker
            except UNAVAILABLE:
                return  # a signal handler has interrupted the import of the ticker: what it interrupted comes this way next
            self._attached = True
            if self._drawn_on is None:
                self._drawn_on = self._current_stream()
            self._begin_capture()  # before the first frame may come, which would go over what is written without a newline
            if ticker.attach(self) is False:
                self._attached = False
                self.give_up()
                self._end_capture()

    def _follow_stream(self) -> None:
        """Move to the stream that standard error is now, where no task stands on the old one: `redirect_stderr` and the like
        replace it for a while."""
        if self._attached and self._current_stream() is not self._drawn_on:
            self.ticker.detach(self)

    def _current_stream(self) -> Any:
        """Return the stream that the tracker would be drawn on now; None for a terminal, or a file yet to be opened."""
        if self.stream is not None or self.terminal is not None:
            return self.stream
        try:
            from ..renderers.registry import default_stream
        except ImportError:  # the interpreter ends
            return None
        return default_stream(opened=False)

    def let_go(self) -> bool:
        """Called by the ticker when nothing is left to show: return whether that is so, and expect to be attached anew."""
        with self.lock:
            if self.live or self.pending_output:
                return False
            self._attached = False
            self._drawn_on = None
            if not self._capture_held and not multiprocessing_hook.is_worker:
                self._end_capture()
            is_client = self.is_client
        if is_client:
            from ..renderers.registry import load

            load("progresskit.processes.numbers:flush")()
        return True

    def forget(self) -> None:
        """Start over in a forked child: the tasks so far are the parent's, which shows them."""
        self._inherited = _last_number
        self._slots = Slots()
        self._live = 0
        self._endings.clear()
        self._ended.clear()
        self.prints.clear()
        self.behind, self._waiting, self._told = False, 0, self._dropped.count()
        self.hiding = self.asking = 0
        self._attached = self._mute = False
        self._display = self._capture = None
        self.is_client, self._unsettled = None, False

    def wake(self) -> None:
        """Have the ticker look soon."""
        if self._attached:
            self.ticker.wake()

    # Endings

    def note_end(self, task: Task) -> None:
        """Remember that `task` ended. Takes no lock: an ending may come from a finaliser, in the middle of anything."""
        if _loop.get() is task:
            _loop.set(task.parent)
        self._endings.append(task)
        self.context = copy_context()
        if multiprocessing_hook.is_worker and not self._unsettled:
            self._unsettled = True
            _unsettled.append(self)
        self.wake()
        if not self._attached:
            return
        if (self.left and not self._closing) or (
            multiprocessing_hook.is_worker and (task._id <= self._seen or task.state == "failed")
        ):
            self.ticker.flush_soon()

    def _settle(self) -> None:
        """Clear away what has ended since the last time. The caller holds the lock."""
        while True:
            try:
                task = self._endings.popleft()
            except IndexError:
                return
            self._remove(task)

    def _remove(self, task: Task) -> None:
        if task._end is None or task._state in ENDED:  # two threads ended it at once: it is gone already
            return
        if task._id <= self._inherited:
            return
        task._state = task._end[0]
        self._live -= 1
        seen = task._id <= self._seen and task.shown_by(task._end[1])
        told = (
            seen
            or task.state == "failed"
            or task._kind[2] is True  # said in so many words: its line stays, however short it was
            or (task._rare is not None and task._rare.always_kept)
            or (task.parent is None and self._tells_unseen(task))
        )
        if told and not self._mute:  # nobody would take it
            depth, owner = 0, task.parent
            while owner is not None:
                depth, owner = depth + 1, owner.parent
            try:
                snapshot, _ = _drawing or _load_drawing()
            except UNAVAILABLE:  # nothing can be shown
                pass
            else:
                self._ended.append(snapshot.look(task, task._end[1], depth, 0, {}))
        self._vacate(task, seen)

    def _tells_unseen(self, task: Task) -> bool:
        """Tell the hub or the engine, if there is one, of the top-level `task`, which has ended before a frame could show it;
        return whether the task is to have a line of its own there."""
        note_unseen = getattr(self._ticker, "note_unseen", None)  # a reporter has one
        if note_unseen is not None:
            return bool(note_unseen(task))
        has_hub = self.is_client is not False and "PROGRESSKIT_HUB" in os.environ
        if not has_hub and "PROGRESSKIT_FOLDER" not in os.environ:
            return False
        from ..renderers.registry import load

        try:
            if has_hub and load("progresskit.processes.numbers:note_unseen")(self, task):
                return True
            if not self.is_client:
                load("progresskit.processes.folder:note_unseen")(self, task)
        except Exception:  # a display's trouble is not the job's
            self.is_client = False
        return False

    def _vacate(self, task: Task, seen: bool) -> None:
        while not task.children:  # its place is needed until the last of its children has ended
            parent = task.parent
            slots = self._slots if parent is None else parent.children
            if parent is not None and parent.rollup is not None:
                completed, total = parent.share_of(task)
                rare = parent.rare
                rare.rolled_completed += completed
                rare.rolled_total += total
            if slots is not None:
                reserved = task._rare is not None and task._rare.reserved
                slots.release(task._slot, self.clock() if seen else None, reserved=reserved)
            if parent is None or parent._state not in ENDED:
                return
            task = parent  # it has been removed, and only waited for its children


_unsettled: deque[ProgressTracker] = deque()


def settle_ended() -> None:
    """Have the trackers of this worker take notice of what has ended."""
    while _unsettled:
        tracker = _unsettled.popleft()
        tracker._unsettled = False  # first: what ends from here on is noted anew
        with tracker.lock:
            tracker._settle()


class Hidden:
    """Keeps a tracker's rows off the screen. Made by `ProgressTracker.hidden`; several may hold at once."""

    def __init__(self, tracker: ProgressTracker) -> None:
        self._tracker = tracker
        self._depth = 0

    def __enter__(self) -> None:
        try:
            self._depth += 1
            self._tracker.hiding += 1
            self._tracker.clear_rows()
        except BaseException:  # Ctrl-C
            self._let_go()
            raise

    def __exit__(self, *_: object) -> None:
        self._let_go()

    def __del__(self) -> None:
        # Ctrl-C may come before the first instruction of `__exit__`.
        while self._depth:
            self._let_go()

    def _let_go(self) -> None:
        if self._depth:
            self._depth -= 1
            self._tracker.hiding = max(self._tracker.hiding - 1, 0)
            self._tracker.follow_descriptors()
            self._tracker.wake()


def capture_mode(capture: object) -> str:
    """Return what `capture` asks for, and the environment where it is None: "rows", "descriptors", "always", or "" for nothing.

    Raises:
        ValueError: `capture` is something else.
    """
    if capture is None:
        from .._system.environment import capture_mode

        return capture_mode(os.environ)
    if isinstance(capture, bool):
        return "always" if capture else ""
    if capture == "descriptors":
        return "descriptors"
    raise ValueError(f"capture is {capture!r:.80}: give None, True, False or 'descriptors'.")


def _check_terminal(terminal: object) -> None:
    """Raise TypeError where `terminal` lacks a part of the `Terminal` protocol."""
    if terminal is None:
        return
    from ..renderers.base import TERMINAL_MEMBERS

    missing = [name for name in TERMINAL_MEMBERS if not hasattr(terminal, name)]
    if missing:
        raise TypeError(
            f"terminal is {terminal!r:.80}, a {type(terminal).__name__} without {', '.join(missing)}: "
            f"give an object with {', '.join(TERMINAL_MEMBERS)}, or a text file as stream."
        )


def _within(name: str, value: float | None, most: float) -> float | None:
    """Return `value` if it is None or a number above 0 and at most `most`."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is {shown(value)}, a {type(value).__name__}: give a number, or None for the default.")
    if not 0 < value <= most:
        raise ValueError(
            f"{name} is {shown(value)}: give a number above 0 and at most {most:g}, or None for the default."
        )
    return float(value)


def bare(iterable: Any) -> Any:
    """Return an iterator over `iterable`, sync or async, that shows nothing."""
    return (
        iter(iterable) if hasattr(iterable, "__iter__") or not hasattr(iterable, "__aiter__") else iterable.__aiter__()
    )


_drawing: Any = None


def _load_drawing() -> Any:
    """Return the module that makes views of tasks, and the class of frames; a program that never draws has no need of them.

    Raises:
        UNAVAILABLE: they cannot be imported.
    """
    global _drawing
    from .._model.frames import Frame
    from . import snapshot

    _drawing = snapshot, Frame
    return _drawing


def _enclosing_loop(tracker: ProgressTracker) -> Task | None:
    """Return the live task of the loop that this thread or async task is in, if it belongs to `tracker`."""
    task = _loop.get()
    while task is not None and task._end is not None:
        task = task.parent
    return task if task is not None and task.tracker is tracker else None


def _provided_tracker() -> ProgressTracker | None:
    """Return the tracker of what this thread is at, where an engine says so."""
    for ask in reversed(tracker_providers):
        tracker = ask()
        if tracker is not None:
            return tracker
    return None


def _joined(renderer: object, stream: TextIO | None) -> ProgressTracker | None:
    """Return the tracker that a new one draws with: that of what this thread is at, where nothing else was asked for, or where
    this process is a worker that must not draw on the terminal that it happens to have."""
    around = _provided_tracker()
    if around is None or (renderer is None and stream is None):
        return around
    where = sys.stderr if stream is None else stream
    return around if getattr(around._ticker, "is_remote", False) and _is_terminal(where) else None


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, OSError, ValueError):  # none at all, or closed
        return False


def current_tracker() -> ProgressTracker:
    """Return the tracker that `track` joins here: the one entered in this context, else the one entered last anywhere in the
    process (a thread does not inherit the context it was started in), else one that the process shares.

    Example:
        >>> with ProgressTracker("none") as tracker:
        ...     current_tracker() is tracker
        True
    """
    if disabled_blocks:
        from .silent import silent_tracker

        return silent_tracker()
    active = _active.get()
    if active is not None and active in _entered:
        return active
    around = _provided_tracker()
    if around is not None:
        return around
    return _entered[-1] if _entered else shared_tracker()


def shared_tracker() -> ProgressTracker:
    """Return the tracker that the process shares."""
    global _shared, _outdated
    if _shared is None or (_outdated and _shared.left and _shared not in _entered):
        _shared, _outdated = ProgressTracker(), False
    return _shared


def renew_shared_tracker() -> None:
    """Have the process share another tracker as soon as the one that it has is idle: the defaults have changed."""
    global _outdated
    _outdated = _shared is not None
