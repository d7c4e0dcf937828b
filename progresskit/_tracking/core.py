"""A tracker as its ticker and its display know it: its tasks, the lines it was given, and where they are drawn.

`ProgressTracker` is the face for users; what draws calls a `TrackerCore`. Knows which ticker and which display draw it, and
what captures lines for it. Does not know terminals or threads.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from contextvars import ContextVar, copy_context
from weakref import ref

from .._model.states import is_failure
from . import multiprocessing_hook
from .counters import CountingTicks
from .task_tree import UNAVAILABLE, TaskTree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from contextvars import Context
    from typing import Any, TextIO

    from .._model.frames import Frame
    from .._text.styles import Style
    from ..renderers.base import Terminal
    from ..renderers.registry import RendererChoice
    from .interfaces import Display, OwnCapture, Ticker
    from .task import Task
    from .tracker import ProgressTracker

DEFAULT_TICKER = "progresskit._display.process_hooks:TICKER"
"""The process's ticker, found by name as renderers are: this folder must not import that one."""
CAPTURE = "progresskit._display.capture:Capture"
PLACE_IN_CELL = "progresskit._display.notebook_cells:place"
WRITE_LINES = "progresskit._display.capture:write_lines"
MOST_WAITING = 1 << 24
"""Characters of printed lines that are kept for a terminal that takes nothing."""
MOST_CAPTURED = 1 << 22
"""Characters of captured lines that wait to be drawn. A job that writes more waits, as it would for the terminal itself."""
LINE = 64
"""What a line counts beside its characters."""
current_loop: ContextVar[Task | None] = ContextVar("progresskit_loop", default=None)
"""The task of the loop that this thread or async task is in."""


class LineQueue:
    """The lines that wait to be drawn. Safe from any thread, without a lock.

    Attributes:
        items: The lines; a feed's also holds ended tasks, in the order in which they came.
        characters: Roughly the characters of the lines that have come since lines were last taken.
    """

    def __init__(self) -> None:
        self.items: deque[Any] = deque()
        self.characters: int = 0
        self._dropped = CountingTicks()
        self._lines_missing = False  # whether lines were dropped since that was last looked at
        self._told = 0  # how many of the dropped lines have been told

    def append(self, line: str) -> None:
        """Add `line`."""
        self.items.append(line)
        self.characters += len(line) + LINE

    def extend(self, lines: list[str]) -> None:
        """Add `lines`."""
        self.items.extend(lines)
        self.characters += sum(map(len, lines)) + LINE * len(lines)

    def drop(self, lines: int) -> None:
        """Count that so many lines were dropped."""
        for _ in range(lines):
            self._dropped.tick()
        self._lines_missing = True  # second: whoever finds it set finds the count

    def drain(self) -> list[Any]:
        """Return the waiting lines, with one that tells how many were dropped, and forget them."""
        self.characters = 0
        lines = [self.items.popleft() for _ in range(len(self.items))] if self.items else []
        if self._lines_missing:
            self._lines_missing = False
            missing = self._dropped.count() - self._told
            self._told += missing
            lines.append(f"progresskit: {missing:,d} lines are missing here: the terminal did not take them in time.")
        return lines

    def clear(self) -> None:
        """Forget all lines, the dropped ones too."""
        self.items.clear()
        self.characters = 0
        if self._lines_missing:
            self._lines_missing, self._told = False, self._dropped.count()


class AutomaticCapture:
    """Captures what is written to the terminal that a tracker draws on, while its rows stand there.

    Args:
        mode: `"rows"`, `"descriptors"`, `"always"`, or `""` for no capture.

    Attributes:
        current: What captures at this moment; None where nothing does.
    """

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.current: OwnCapture | None = None
        self._held = False  # whether it goes on until the tracker is stopped

    def begin(self, tracker: TrackerCore, *, always: bool = False) -> None:
        """Begin to capture, where `tracker` draws rows on a terminal and nobody has opted out.

        Args:
            tracker: The tracker.
            always: Whether lines are captured until `end`; otherwise while rows stand.
        """
        if self.current is not None or not self.mode:
            return
        try:
            from ..renderers.registry import draws_rows, load

            if tracker.terminal is not None or not draws_rows(
                tracker.renderer, tracker.current_stream(), worker=multiprocessing_hook.is_worker
            ):
                return
            if getattr(tracker.ticker, "writes_at_once", False):
                return
            capture = load(CAPTURE)(
                tracker,
                always=always or multiprocessing_hook.is_worker,
                automatic=True,
                descriptors=self.mode == "descriptors",
            )
            self._held = always
            self.current = capture.start()
        except Exception:  # a stream of the user's own may raise anything: what it takes is not captured then
            pass

    def end(self) -> None:
        """Restore the streams."""
        capture, self.current = self.current, None
        if capture is not None:
            capture.stop()

    def end_with_rows(self) -> None:
        """End, unless it goes on without rows."""
        if not self._held and not multiprocessing_hook.is_worker:
            self.end()


class TrackerCore:
    """A tracker as its ticker and its display use it.

    Args:
        tracker: The tracker.
        renderer: What draws it.
        stream: The stream to draw on; None: standard error as it is then.
        terminal: The terminal to draw on in place of a stream.
        interval: Seconds between two frames at the least; None: as the environment says.
        budget: Share of one core that drawing may cost; None: as the environment says.
        clock: Gives the time in seconds.
        ticker: What draws; None: the process's own.
        capture: The mode of the tracker's own capture.

    Attributes:
        tree: The tasks.
        lines: The lines that wait to be drawn.
        capture: The tracker's own capture.
        style: The look of the rows; None: as the environment says.
        behind: Whether the terminal does not take what it is sent; set by whoever draws.
        hiding: How many want the rows off the screen.
        asking: How many of them ask a question, to which the terminal belongs until it is answered.
        display: The display that draws the tracker; set by whoever draws.
        attached: Whether the ticker draws it.
        entered: How often somebody holds the tracker open.
        is_client: Whether a hub shows its tasks; None before somebody asked.
        context: The context of whoever has last called: a notebook tells by it which cell a line belongs to.
    """

    lock: AbstractContextManager[object] = TaskTree.lock

    def __init__(
        self,
        tracker: ProgressTracker,
        renderer: RendererChoice,
        stream: TextIO | None,
        terminal: Terminal | None,
        interval: float | None,
        budget: float | None,
        clock: Callable[[], float],
        ticker: Ticker | None,
        capture: str,
    ) -> None:
        self._tracker = ref(tracker)  # weak: a tracker that nobody holds is to be freed
        self.renderer = renderer
        self.stream = stream
        self.terminal = terminal
        self.interval = interval
        self.budget = budget
        self.clock = clock
        self.given_ticker: Any = ticker  # one that is loaded by name has no type
        self.tree: TaskTree = self.new_tree()
        self.lines: LineQueue = LineQueue()
        self.capture: AutomaticCapture = AutomaticCapture(capture)
        self.style: Style | str | None = None
        self.behind: bool = False
        self.hiding: int = 0
        self.asking: int = 0
        self.display: Display | None = None
        self.attached: bool = False
        self.entered = 0
        self.is_client: bool | None = None
        self.context: Context = copy_context()
        self._closing = False  # whether the last frame is about to be drawn in any case
        self._unsettled = False  # whether it is among those whose endings wait to be told to a hub
        self._drawn_on: object = None  # the stream that it was attached for

    def new_tree(self) -> TaskTree:
        """Return an empty tree of tasks."""
        return TaskTree(self.clock, self.tells_unseen)

    @property
    def ticker(self) -> Ticker:
        """What draws this tracker."""
        if self.given_ticker is None:
            from ..renderers.registry import load

            try:
                self.given_ticker = load(DEFAULT_TICKER)
            except ModuleNotFoundError as error:  # a frozen application without our modules
                from .undrawn import LineTicker

                self.given_ticker = LineTicker(self, error)
        return self.given_ticker  # type: ignore[no-any-return]  # what is loaded by name has no type

    def note_task(self, task: Task) -> None:
        """Have the ticker draw `task`, which was added just now."""
        if "IPython" in sys.modules:  # which cell of a notebook it belongs to, no other thread can tell
            self._place_in_cell(task)
        if self.attached:
            self.wake()  # the ticker sleeps for long beside paused tasks, and beside lines alone
        else:
            self.show()

    def _place_in_cell(self, task: Task) -> None:
        try:
            from ..renderers.registry import load

            load(PLACE_IN_CELL)(self, task)
        except Exception:  # a display's trouble is not the job's
            pass

    @property
    def mute(self) -> bool:
        """Whether nothing can be shown of it: lines go to the stream itself, and ends are not told."""
        return not self.tree.is_told

    @mute.setter
    def mute(self, is_mute: bool) -> None:
        self.tree.is_told = not is_mute

    # Lines

    def print_line(self, line: str) -> None:
        """Show `line`, which may end with a newline; as `ProgressTracker.print`."""
        queue = self.lines
        if queue.characters > MOST_WAITING:
            if not self.behind:  # it is the drawing thread that is slow, since the job leaves it no time
                self.ticker.wait_for_lines(self, terminal=False)
            if self.behind and queue.characters > MOST_WAITING:
                queue.drop(max(line.count("\n"), 1))
                return
        if self.capture.current is not None:
            self.capture.current.before_line()
        queue.append(line[:-1] if line.endswith("\n") else line)
        self.context = copy_context()
        self.lines_came()

    def print_captured(self, line: str) -> None:
        """Show a line that the job has written to the terminal. A job that writes faster than the terminal takes it waits.

        Called by a capture, which has no other way to keep the line.
        """
        self.lines.append(line)
        if self.lines.characters > MOST_CAPTURED:
            self.ticker.wait_for_lines(self)
        self.lines_came()
        if self.attached:
            self.ticker.flush_lines()

    def lines_came(self) -> None:
        """Have the ticker draw the queued lines."""
        if not self.attached:
            self.show()
        if self.mute:
            self._write_lines(self.take_lines())
            return
        self.wake()
        if multiprocessing_hook.is_worker and self.attached:
            self.ticker.flush_soon()
        if self.attached and self.tree.all_ended and getattr(self.ticker, "is_closed", False):
            self.ticker.detach(self)  # nobody ends it any more

    def take_lines(self) -> list[Any]:
        """Return the waiting lines, and forget them. The display calls this."""
        self.behind = False
        capture = self.capture.current
        if capture is not None and capture.holds_lines:
            capture.before_frame()
        return self.lines.drain()

    def note_shown(self) -> None:
        """Note that the lines which the display took are on the terminal."""
        if self.capture.current is not None:
            self.capture.current.note_shown()

    def give_up(self) -> None:
        """Write waiting lines, and all later ones, to the stream, because the display cannot show them."""
        self.mute = True
        self.display = None
        self._write_lines(self.take_lines())

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

    # Rows

    def clear_rows(self) -> None:
        """Clear the rows and show every printed line. `hiding` keeps the rows off the screen."""
        clear_rows = getattr(self.given_ticker, "clear_rows", None)  # not every ticker has rows on a screen
        if clear_rows is not None:
            clear_rows(self)
        self.follow_descriptors()

    def follow_descriptors(self) -> None:
        """Point descriptors 1 and 2 at the terminal while a caller has it to itself, and at the capture otherwise."""
        if self.capture.current is not None:
            self.capture.current.follow()

    # Frames

    def refresh(self, seconds: float) -> None:
        """Draw what is new now, and wait until it is drawn, for `seconds` at the most."""
        refresh = getattr(self.ticker, "refresh", None)  # not every ticker can
        if refresh is not None and self.attached:
            refresh(seconds)

    def take_frame(self, rows: int | None = None) -> Frame:
        """Return a frame of the tasks as they are now, and forget the ended ones. The display calls this."""
        return self.tree.take_frame(rows)

    @property
    def pending_output(self) -> bool:
        """Whether a line or an ended task waits to be shown."""
        return bool(self.lines.items or self.tree.has_ends)

    @property
    def has_news(self) -> bool:
        """Whether a line, or the end of a task that was shown or has failed, waits to be shown."""
        with self.lock:
            has_ends = self.tree.has_shown_ends
            return bool(self.lines.items or has_ends)

    # The ticker

    def show(self) -> None:
        """Attach the tracker to the ticker, unless it is attached."""
        if not self.attached and not self.mute:
            try:
                ticker = self.ticker
            except UNAVAILABLE:
                return  # a signal handler has interrupted the import of the ticker: what it interrupted comes this way next
            self.attached = True
            if self._drawn_on is None:
                self._drawn_on = self.current_stream()
            self.capture.begin(self)  # before the first frame may come, which would go over what has no newline
            if ticker.attach(self) is False:
                self.attached = False
                self.give_up()
                self.capture.end()

    def wake(self) -> None:
        """Ask the ticker for a frame soon."""
        if self.attached:
            self.ticker.wake()

    def follow_stream(self) -> None:
        """Move to the stream that standard error is now, where no task stands on the old one: `redirect_stderr` and the like
        replace it for a while."""
        if self.attached and self.current_stream() is not self._drawn_on:
            self.ticker.detach(self)

    def current_stream(self) -> Any:
        """Return the stream that the tracker would be drawn on now; None for a terminal, or a file yet to be opened."""
        if self.stream is not None or self.terminal is not None:
            return self.stream
        try:
            from ..renderers.registry import default_stream
        except ImportError:  # the interpreter ends
            return None
        return default_stream(opened=False)

    def let_go(self) -> bool:
        """Detach from the ticker and return True, if nothing is left to show; otherwise return False."""
        with self.lock:
            if self.live or self.pending_output:
                return False
            self.attached = False
            self._drawn_on = None
            self.capture.end_with_rows()
            is_client = self.is_client
        if is_client:
            from ..renderers.registry import load

            load("progresskit.processes._numbers:flush")()
        return True

    @property
    def live(self) -> int:
        """The number of tasks that have not ended."""
        return self.tree.live

    def forget(self) -> None:
        """Start over in a forked child: the tasks so far are the parent's, which shows them."""
        self.tree.forget()
        self.lines.clear()
        self.hiding = self.asking = 0
        self.behind = self.attached = self._unsettled = False
        self.display = self.is_client = None
        if self.capture.current is not None:
            self.capture.current = None

    # Endings

    def note_end(self, task: Task) -> None:
        """Remember that `task` ended. Takes no lock: an ending may come from a finaliser, in the middle of anything."""
        if current_loop.get() is task:
            current_loop.set(task.parent)
        self.tree.note_end(task)
        self.context = copy_context()
        if multiprocessing_hook.is_worker and not self._unsettled:
            self._unsettled = True
            _unsettled.append(self)
        self.wake()
        if not self.attached:
            return
        if (self.tree.all_ended and not self._closing) or (
            multiprocessing_hook.is_worker and (task._id <= self.tree.last_shown or task.state == "failed")
        ):
            self.ticker.flush_soon()

    def end_tasks(self, error: type[BaseException] | None = None) -> None:
        """End what is still live: tasks whose count is complete finish; others are cancelled, or fail where `error` says so."""
        if self.tree.all_ended:
            return
        self._closing = True
        try:
            for task in reversed(self.tree.tasks):
                if error is not None and is_failure(error):
                    task.fail(error.__name__)
                elif error is None and task.is_complete:
                    task.finish()
                elif error is not None or not task._end_by_children():
                    task.cancel()
                if task.parent is not None:  # so that a sum above it need not go through all of its tree again
                    self.settle()
        finally:
            self._closing = False

    def stop(self) -> None:
        """End what is still live and show everything for the last time, as `ProgressTracker.stop`."""
        tracker = self._tracker()
        if tracker is not None:
            tracker.stop()
        else:  # nobody holds it any more
            self.end_tasks()
            self.detach()

    def drop(self) -> None:
        """Have the ticker draw the last frame of a tracker that is garbage-collected. A finaliser calls this."""
        if self.attached or self.display is not None:
            if self.capture.current is not None:
                self.capture.current.hold(self)
            self.given_ticker.drop(self)

    def detach(self) -> None:
        """Show everything for the last time."""
        if self.given_ticker is not None:
            self.given_ticker.detach(self)
        self.capture.end()

    def settle(self) -> None:
        """Remove the tasks that have ended."""
        with self.lock:
            self.tree.settle()

    def tells_unseen(self, task: Task) -> bool:
        """Tell the hub or the engine, if there is one, of the top-level `task`, which has ended before a frame could show it;
        return whether the task is to have a line of its own there."""
        note_unseen = getattr(self.given_ticker, "note_unseen", None)  # a reporter has one
        if note_unseen is not None:
            return bool(note_unseen(task))
        has_hub = self.is_client is not False and "PROGRESSKIT_HUB" in os.environ
        if not has_hub and "PROGRESSKIT_FOLDER" not in os.environ:
            return False
        from ..renderers.registry import load

        try:
            if has_hub and load("progresskit.processes._numbers:note_unseen")(self, task):
                return True
            if not self.is_client:
                load("progresskit.processes._folder:note_unseen")(self, task)
        except Exception:  # a display's trouble is not the job's
            self.is_client = False
        return False


_unsettled: deque[TrackerCore] = deque()


def settle_ended() -> None:
    """Settle the ended tasks of this worker's trackers."""
    while _unsettled:
        core = _unsettled.popleft()
        core._unsettled = False  # first: what ends from here on is noted anew
        core.settle()
