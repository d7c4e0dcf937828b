"""Feed: a tracker that also shows tasks from frames, mostly frames of other processes.

Knows the interface for transports. Does not know where frames come from: a socket, a pool, a cluster.
"""

from __future__ import annotations

from .._tracking.core import TrackerCore
from .._tracking.task_tree import NUMBERS
from .._tracking.tracker import ProgressTracker
from ._ended_counts import EndedCounts
from ._sources import SourceTree
from ._summary import Total

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping
    from typing import Any, ClassVar, Self

    from .._model.frames import Frame
    from ._brief_ends import BriefEnd
    from ._sources import Order


class FeedCore(TrackerCore):
    """A feed as its display sees it: transports deliver new messages before each frame.

    Attributes:
        before_frame: Called before the first frame after `announce`; None for no call.
    """

    tree: SourceTree
    before_frame: Callable[[], object] | None = None
    announced: bool = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.lines.before_drain = self.hand_in

    def new_tree(self) -> SourceTree:
        """Return an empty tree of tasks, without sources."""
        return SourceTree(self, self.hand_in)

    def hand_in(self) -> None:
        """Deliver announced messages."""
        if self.announced:
            self.announced = False
            if self.before_frame is not None:
                self.before_frame()

    def move_ends(self) -> None:
        """Have the tasks that have ended by now shown above the next line that is added."""
        if self.tree.has_ends and self.display is not None:
            self.tree.move_ends(self.lines.items)

    @property
    def pending_output(self) -> bool:
        """Whether a line, an ended task or an announced message is pending."""
        return self.announced or super().pending_output

    def forget(self) -> None:
        """Start over in a forked child, without sources."""
        super().forget()
        self.before_frame = None
        self.announced = False


class Feed(ProgressTracker):
    """A tracker with tasks of its own and, below them, those of its sources: processes that send frames.

    Sources are ordered by the starts of their processes, and the tasks of a source as in its frames. A feed does everything that
    a `ProgressTracker` does, and has the same arguments besides `totals` and `expected`. Any thread may call its methods.

    Args:
        totals: Whether a line above the sources' tasks sums them up: the number of their top-level tasks that are done, and
            the amount in each unit.
        expected: The number of top-level tasks there will be, for the totals line; None: the line has no percentage.

    Attributes:
        before_frame: Called at the beginning of the first frame after `announce`, so that a transport delivers only what will
            be shown; None for no call.
        counted: Called with a source and the counts given to `count`, and with None instead of counts when the source is
            removed; None for no call.

    Example:
        >>> feed = Feed(RecordingRenderer(), ticker=ManualTicker())
        >>> feed.receive("worker 1", Frame(1.0, tasks=(sample_view(description="orders.csv"),)))
        >>> feed.receive("worker 2", Frame(1.0, tasks=(sample_view(description="lines.csv"),)))
        >>> feed.lose("worker 1")
        >>> frame = feed.frame()
        >>> [view.description for view in frame.tasks], [(view.state, view.reason) for view in frame.ended]
        (['lines.csv'], [('failed', 'lost')])
    """

    _core: FeedCore
    _core_type: ClassVar[type[TrackerCore]] = FeedCore
    counted: Callable[[Hashable, Mapping[int, int | float] | None], object] | None = None

    def __init__(self, *arguments: Any, totals: bool = False, expected: int | None = None, **named: Any) -> None:
        super().__init__(*arguments, **named)
        if totals:
            self._core.tree.total = Total(next(NUMBERS), expected)

    @classmethod
    def beside(cls, tracker: ProgressTracker, *, totals: bool = False) -> Self:
        """Return a feed that shares the display of `tracker`, whose rows it draws beside the tracker's own.

        Example:
            >>> feed = Feed.beside(tracker)
            >>> feed.stream is tracker.stream
            True
        """
        core = tracker._core
        feed = cls(
            stream=core.stream,
            terminal=core.terminal,
            interval=core.interval,
            budget=core.budget,
            clock=core.clock,
            ticker=core.ticker,
            totals=totals,
        )
        feed._core.renderer = core.renderer
        return feed

    @property
    def before_frame(self) -> Callable[[], object] | None:
        """Called before the first frame after `announce`, so that a transport delivers only what is shown; None for no call."""
        return self._core.before_frame

    @before_frame.setter
    def before_frame(self, call: Callable[[], object] | None) -> None:
        self._core.before_frame = call

    # Calls by transports

    def receive(self, source: Hashable, frame: Frame, order: float | Order | None = None) -> None:
        """Show the tasks of `frame` for `source`. The newest frame replaces live tasks; each ended task is shown once.

        Args:
            source: A hashable value that identifies the source. An unknown value makes a new source.
            frame: All live tasks of the source, and the tasks that have ended since its last frame.
            order: The place of a new source among the others, lowest first: the start of its process, in seconds on a
                clock that all share, followed by any tie-breakers. None: after all ordered sources, in order of arrival.
        """
        shown = self._core.tree.receive(source, frame, order)
        if frame.counts and self.counted is not None:
            self.counted(source, frame.counts)
        if shown:
            self._core.show()
        self._core.wake()

    def count(self, source: Hashable, counts: Mapping[int, int | float]) -> None:
        """Call `counted` with the units that `source` has counted of tasks handed out to it.

        Numbers travel apart from frames, which are sent when there is time for them and replace each other.

        Args:
            source: The value that identifies the source, which need not have sent a frame.
            counts: Units by task number, in total since the source's start, so that a lost message does no harm.
        """
        if self.counted is not None:  # without the lock: a thread that reads a count while it makes a frame holds it
            self.counted(source, counts)
        self._core.wake()

    def add_ended_counts(
        self, source: Hashable, ended_counts: EndedCounts, *, age: float = 0.0, order: float | Order | None = None
    ) -> None:
        """Count tasks of `source` that ended before a frame could show them.

        Args:
            source: The value that identifies the source, which need not have sent a frame.
            ended_counts: All such tasks since the source's start, so that a lost message does no harm.
            age: Seconds since the first of the newly counted tasks began.
            order: The place of the process, as in `receive`.
        """
        if self._core.tree.add_ended_counts(source, ended_counts, age, order):
            self.show()

    def add_brief_ends(self, ends: Iterable[BriefEnd]) -> None:
        """Count loops of forked workers that ended before they became tasks."""
        if self._core.tree.add_brief_ends(ends):
            self.show()

    def lose(self, source: Hashable, reason: str = "lost") -> None:
        """Remove `source`, whose process was killed or is unreachable; its running tasks fail for `reason`.

        Tasks that had not begun are removed without a line. Does nothing if the source is unknown.
        """
        self._core.tree.lose(source, reason)
        self._gone(source)

    def leave_running(self, source: Hashable) -> None:
        """Remove `source`, whose tasks run on: each running top-level task gets a last line, "left running"."""
        self._core.tree.leave_running(source)
        self._gone(source)

    def leave(self, source: Hashable) -> None:
        """Remove `source`, which has ended in an orderly way, and its rows. Does nothing if the source is unknown."""
        self._core.tree.remove(source)
        self._gone(source)

    def _gone(self, source: Hashable) -> None:
        if self.counted is not None:
            self.counted(source, None)
        self._core.wake()

    def succeed(self, other: Feed) -> None:
        """Take over the sources of `other`: ended tasks that `other` has already counted are not counted again.

        Example:
            >>> first, second = (Feed("none", ticker=ManualTicker()) for _ in range(2))
            >>> first.add_ended_counts("worker 1", EndedCounts(finished=3))
            >>> second.succeed(first)
            >>> second.add_ended_counts("worker 1", EndedCounts(finished=3))
            >>> [view.description for view in second.frame().tasks]
            []
        """
        self._core.tree.succeed(other._core.tree)

    def announce(self) -> None:
        """Schedule a call of `before_frame`: a transport has messages to deliver.

        Without a display, calls it at once. A display opens only if there is something to show: the last messages of a pool that
        has ended must not open one.
        """
        core = self._core
        with core.lock:
            core.announced = True
            drawn = core.attached
        if drawn:
            core.wake()
        else:
            core.hand_in()

    def show(self) -> None:
        """Open a display if there is none, and wake it: something is pending."""
        self._core.show()
        self._core.wake()

    @property
    def live(self) -> int:
        """The number of tasks that have not ended, including those of the sources."""
        return self._core.tree.live

    @property
    def waiting(self) -> int:
        """The approximate number of characters in printed lines that have not been drawn yet."""
        return self._core.lines.characters

    @property
    def sources(self) -> tuple[Hashable, ...]:
        """The present sources, in the order of their rows."""
        return self._core.tree.sources

    def stop(self) -> None:
        """End live tasks, remove all sources and draw the last frame."""
        self._close(None)

    def _close(self, error: type[BaseException] | None) -> None:
        self._core.hand_in()
        self._core.tree.clear()
        super()._close(error)
