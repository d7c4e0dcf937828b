"""The inside of a tracker, which its ticker and its display use: its tasks, its lines, and where they are drawn.

Users call `ProgressTracker`; tickers and displays call its `TrackerCore`. Knows which ticker and which display draw it.
Does not know terminals or threads, nor how lines are queued.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar, copy_context
from functools import partial
from weakref import ref

from .._system.lazy import PLACE_IN_CELL, TICKER, load
from . import multiprocessing_hook
from .hub_link import HubLink
from .lines import AutomaticCapture, LineQueue
from .task_tree import UNAVAILABLE, TaskTree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import Any, Protocol, TextIO

    from .._text.styles import Style
    from ..renderers.base import Terminal
    from ..renderers.choice import RendererChoice
    from .interfaces import Display, Ticker
    from .task import Task, Tracker

    class BegunLoop(Protocol):
        """A loop that has begun without a task: see `brief_loop`."""

        @property
        def added(self) -> Task | None:
            """The task that a loop within this one is a part of."""


current_loop: ContextVar[Task | BegunLoop | None] = ContextVar("progresskit_loop", default=None)
"""The task of the loop that this thread or async task is in; the loop itself if it began without a task."""


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
        hub_link: The other processes that show the tasks besides the display.
        style: The look of the rows; None: as the environment says.
        hiding: The number of callers that want the rows off the screen.
        asking: How many of these ask a question, which has the terminal until it is answered.
        display: The display that draws the tracker; the display itself sets it.
        attached: Whether the ticker draws it.
        entered: How many `with` blocks or `start` calls hold the tracker open.
    """

    lock: AbstractContextManager[object] = TaskTree.lock

    def __init__(
        self,
        tracker: Tracker,
        renderer: RendererChoice,
        stream: TextIO | None,
        terminal: Terminal | None,
        interval: float | None,
        budget: float | None,
        clock: Callable[[], float],
        ticker: Ticker[TrackerCore] | None,
        capture: str,
    ) -> None:
        self._tracker = ref(tracker)  # weak: a tracker without other references must be freed
        self.renderer = renderer
        self.stream = stream
        self.terminal = terminal
        self.interval = interval
        self.budget = budget
        self.clock = clock
        self.given_ticker: Any = ticker  # it is loaded by name, so its type is unknown
        self.hub_link: HubLink = HubLink()
        self.tree: TaskTree = self.new_tree()
        self.lines: LineQueue = LineQueue(self)
        self.capture: AutomaticCapture = AutomaticCapture(capture)
        self.style: Style | str | None = None
        self.hiding: int = 0
        self.asking: int = 0
        self.display: Display | None = None
        self.attached: bool = False
        self.entered = 0
        self._drawn_on: object = None  # the stream that it was attached for

    def new_tree(self) -> TaskTree:
        """Return an empty tree of tasks."""
        return TaskTree(self.clock, partial(self.hub_link.note_unseen, self))

    @property
    def ticker(self) -> Ticker[TrackerCore]:
        """What draws this tracker."""
        if self.given_ticker is None:
            try:
                self.given_ticker = load(TICKER)
            except ModuleNotFoundError as error:  # a frozen application without our modules
                from .undrawn import LineTicker

                self.given_ticker = LineTicker(self, error)
        return self.given_ticker  # type: ignore[no-any-return]  # what is loaded by name has no type

    def note_task(self, task: Task) -> None:
        """Tell the ticker of `task`, which was just added."""
        try:
            if "IPython" in sys.modules:  # only this thread knows the notebook cell that it belongs to
                _place_in_cell(self, task)
            if self.attached:
                self.wake()  # the ticker sleeps long while tasks are paused, or while there are only lines
            else:
                self.show()
        except BaseException:  # an interrupt: nobody gets the task, so nobody else would end it
            task.cancel()
            raise

    @property
    def mute(self) -> bool:
        """Whether nothing can be shown: lines then go to the stream itself, and ended tasks are not reported."""
        return not self.tree.shows_ends

    def give_up(self) -> None:
        """Write waiting lines, and all later ones, to the stream, because the display cannot show them."""
        self.tree.shows_ends = False
        self.display = None
        self.lines.write_out(self.lines.drain())

    def clear_rows(self) -> None:
        """Clear the rows and show every printed line. `hiding` keeps the rows off the screen."""
        clear_rows = getattr(self.given_ticker, "clear_rows", None)  # not every ticker has rows on a screen
        if clear_rows is not None:
            clear_rows(self)
        self.capture.follow_descriptors()

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
                return  # a signal handler interrupts the ticker's import; the interrupted code attaches next
            self.attached = True
            self.tree.is_recorded = self.renderer.records_ends
            if self._drawn_on is None:
                self._drawn_on = self.current_stream()
            self.capture.begin(self)  # before the first frame, which would overwrite a line without its newline
            if ticker.attach(self) is False:
                self.attached = False
                self.give_up()
                self.capture.end()

    def wake(self) -> None:
        """Ask the ticker for a frame soon."""
        if self.attached:
            self.ticker.wake()

    def follow_stream(self) -> None:
        """Move to the current standard error, which `redirect_stderr` and the like replace for a while. Called while no
        task is shown."""
        if self.attached and self.current_stream() is not self._drawn_on:
            self.ticker.detach(self)

    def current_stream(self) -> Any:
        """Return the stream that the tracker would be drawn on now; None for a terminal object, or a file that is not
        open yet."""
        if self.stream is not None or self.terminal is not None:
            return self.stream
        try:
            from ..renderers.destinations import default_stream
        except ImportError:  # the interpreter ends
            return None
        return default_stream(opened=False)

    @property
    def is_idle(self) -> bool:
        """Whether there is no live task, and nothing waits to be shown."""
        return not self.tree.live and not self.pending_output

    def let_go(self) -> bool:
        """Detach from the ticker and return True, if nothing is left to show; otherwise return False."""
        with self.lock:
            if not self.is_idle:
                return False
            self.attached = False
            self._drawn_on = None
            self.capture.end_with_rows()
        self.hub_link.flush()
        return True

    def forget(self) -> None:
        """Start over in a forked child: the tasks so far are the parent's, which shows them."""
        self.tree.forget()
        self.lines.clear()
        self.hiding = self.asking = 0
        self.attached = False
        self.display = None
        if self.capture.current is not None:
            self.capture.current = None
        self.hub_link.forget()

    # Endings

    def note_end(self, task: Task) -> None:
        """Remember that `task` has ended. Takes no lock, because a finaliser may end a task in the middle of any
        statement."""
        if current_loop.get() is task:
            current_loop.set(task.parent)
        self.tree.note_end(task)
        self.lines.context = copy_context()
        if multiprocessing_hook.is_worker:
            self.hub_link.note_end(self)
        self.wake()
        if not self.attached:
            return
        if (self.tree.all_ended and not self.tree.is_closing) or (
            multiprocessing_hook.is_worker and (task._id <= self.tree.last_shown or task.state == "failed")
        ):
            self.ticker.flush_soon()

    def stop(self) -> None:
        """End all live tasks and draw the last frame, as `ProgressTracker.stop` does."""
        tracker = self._tracker()
        if tracker is not None:
            tracker.stop()
        else:  # it has no other references
            self.tree.end_all(None)
            self.detach()

    def drop(self) -> None:
        """Hand a tracker that is garbage-collected to the ticker for its last frame. A finaliser calls this."""
        if self.attached or self.display is not None:
            if self.capture.current is not None:
                self.capture.current.hold(self)
            self.given_ticker.drop(self)

    def detach(self) -> None:
        """Draw the last frame."""
        if self.given_ticker is not None:
            self.given_ticker.detach(self)
        self.capture.end()


def _place_in_cell(core: TrackerCore, task: Task) -> None:
    try:
        load(PLACE_IN_CELL)(core, task)
    except Exception:  # an error of the display must not reach the job
        pass
