"""Feed: a tracker that also shows what frames tell it, frames of other processes above all.

Knows what a transport calls. Does not know where frames come from: a socket, a pool, a cluster.
"""

from __future__ import annotations

from .._tracking.core import TrackerCore
from .._tracking.lines import LineQueue
from .._tracking.task_tree import NUMBERS
from .._tracking.tracker import ProgressTracker
from ._ended_counts import EndedCounts
from ._sources import SourceTree
from ._summary import Total

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping
    from typing import Any, ClassVar, Self

    from .._model.frames import Frame
    from ._sources import Order


class FeedLines(LineQueue):
    """The lines of a feed, with the ended tasks of its sources among them, in the order in which they came."""

    _core: FeedCore

    def drain(self) -> list[Any]:
        """Have what was announced handed in, return what waits to be shown, and forget it."""
        self._core.hand_in()
        return super().drain()


class FeedCore(TrackerCore):
    """A feed as its display knows it: transports hand in what is new before it is drawn.

    Attributes:
        before_frame: Called before the first frame after `announce`; None: nothing is.
    """

    tree: SourceTree
    line_queue = FeedLines
    before_frame: Callable[[], object] | None = None
    announced: bool = False

    def new_tree(self) -> SourceTree:
        """Return an empty tree of tasks, without sources."""
        return SourceTree(self, self.hand_in)

    def hand_in(self) -> None:
        """Have what was announced handed in."""
        if self.announced:
            self.announced = False
            if self.before_frame is not None:
                self.before_frame()

    @property
    def pending_output(self) -> bool:
        """Whether a line, an ended task or a transport waits."""
        return self.announced or super().pending_output

    def forget(self) -> None:
        """Start over in a forked child, without sources."""
        super().forget()
        self.before_frame = None
        self.announced = False


class Feed(ProgressTracker):
    """A tracker with tasks of its own and, below them, those of its sources: processes that send frames.

    Sources stand in the order of their processes' starts, their tasks in the order in which each shows them. All that a
    `ProgressTracker` does, a feed does too; its arguments are the same, and `totals`. Every method may be called from
    any thread.

    Args:
        totals: Whether a line above the sources' tasks sums them up: how many of their top-level tasks are done, and how
            much that is in each unit.
        expected: How many top-level tasks there will be, for the line of totals; None: it shows no percentage.

    Attributes:
        before_frame: Called at the beginning of the first frame after `announce`, so that a transport need hand in only what
            will be shown; None: nothing is.
        counted: Called with a source and the counts that `count` was given, and with None when the source has gone; None:
            nothing is.

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
        """Return a feed that shares the display of `tracker`: its rows stand with the tracker's own.

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
        """Called before the first frame after `announce`, so that a transport need hand in only what is shown; None: nothing is."""
        return self._core.before_frame

    @before_frame.setter
    def before_frame(self, call: Callable[[], object] | None) -> None:
        self._core.before_frame = call

    # What sources say

    def receive(self, source: Hashable, frame: Frame, order: float | Order | None = None) -> None:
        """Show `source` as `frame` has it. The last frame wins; the ended tasks of all are shown, each once.

        Args:
            source: What names the source: any hashable value. An unknown one is a new source.
            frame: All live tasks of the source, and those that have ended since its last frame.
            order: Where a new source stands among the others, the lowest first: the start of its process, in seconds on
                a clock that all share, and what else settles a tie. None: after those that have one, as it comes.
        """
        shown = self._core.tree.receive(source, frame, order)
        if frame.counts and self.counted is not None:
            self.counted(source, frame.counts)
        if shown:
            self._core.show()
        self._core.wake()

    def count(self, source: Hashable, counts: Mapping[int, int | float]) -> None:
        """Take what `source` has done of tasks that it was handed: `counted` is called with it.

        Numbers travel apart from frames, which come when there is time for them and of which only the newest counts.

        Args:
            source: What names the source; it need not have sent a frame.
            counts: Units by task number, all since the beginning, so that a message that is lost costs nothing.
        """
        if self.counted is not None:  # without the lock: who asks for a count in the middle of a frame holds it
            self.counted(source, counts)
        self._core.wake()

    def add_ended_counts(
        self, source: Hashable, ended_counts: EndedCounts, *, age: float = 0.0, order: float | Order | None = None
    ) -> None:
        """Count tasks of `source` that ended before a frame could show them.

        Args:
            source: What names the source; it need not have sent a frame.
            ended_counts: All such tasks since the beginning, so that a message that is lost costs nothing.
            age: Seconds since the first of those that are new began.
            order: What names the process, as in `receive`.
        """
        if self._core.tree.add_ended_counts(source, ended_counts, age, order):
            self.show()

    def lose(self, source: Hashable, reason: str = "lost") -> None:
        """Let go of `source`, whose process was killed or cannot be reached: what ran fails, for this `reason`.

        Tasks that had not begun leave without a word. Nothing happens where the source is unknown.
        """
        self._core.tree.lose(source, reason)
        self._gone(source)

    def leave_running(self, source: Hashable) -> None:
        """Let go of `source`, whose tasks go on unwatched: each that runs at the top has a last line, "left running"."""
        self._core.tree.leave_running(source)
        self._gone(source)

    def leave(self, source: Hashable) -> None:
        """Let go of `source`, which has said that it ends: its rows go. Nothing happens where it is unknown."""
        self._core.tree.remove(source)
        self._gone(source)

    def _gone(self, source: Hashable) -> None:
        if self.counted is not None:
            self.counted(source, None)
        self._core.wake()

    def succeed(self, other: Feed) -> None:
        """Show the sources of `other` from here on: what it has told of their tasks is not told again.

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
        """Have `before_frame` called soon: a transport has something to hand in.

        Where nothing is drawn it is called here and now. A display opens only if there is something to show: the last words
        of a pool that has ended must not open one.
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
        """Have a display opened, if there is none: something waits to be shown."""
        self._core.show()
        self._core.wake()

    @property
    def live(self) -> int:
        """How many tasks have not ended, those of the sources among them."""
        return self._core.tree.live

    @property
    def waiting(self) -> int:
        """Roughly the characters of the lines that `print` was given and nobody has drawn."""
        return self._core.lines.characters

    @property
    def sources(self) -> tuple[Hashable, ...]:
        """The sources that are there, in the order of their rows."""
        return self._core.tree.sources

    def stop(self) -> None:
        """End what is still live, let go of all sources and show everything for the last time."""
        self._close(None)

    def _close(self, error: type[BaseException] | None) -> None:
        self._core.hand_in()
        self._core.tree.clear()
        super()._close(error)
