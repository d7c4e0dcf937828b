"""Feed: a tracker that also shows what frames tell it, frames of other processes above all.

Knows sources, each with the last frame that came from it, and how their tasks become tasks of one display. Must not know
where frames come from: a socket, a pool, a cluster. What it is handed may come from a stranger: whatever a frame says, the
display stays in bounds.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from itertools import takewhile
from operator import attrgetter

from .._model.slots import GRACE
from .._model.states import ENDED, LEFT_RUNNING
from .._tracking.tracker import NUMBERS, ProgressTracker
from ..renderers.registry import default_stream
from .summary import Crowd, Total
from .tally import Tally

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping
    from typing import Any, Self

    from .._model.frames import Frame, TaskView

DEEPEST = 16
"""Levels that a source's tasks are indented at the most."""
BLANKS = 64
"""Blank rows that a source may have between its tasks, all in all."""
REMEMBERED = 10_000
"""Ended tasks of a source that are known to have ended, should a late frame show them again."""

Order = tuple[float, ...]


class _Source:
    """What is known of one source."""

    __slots__ = ("empty_since", "ended", "key", "more", "numbers", "recent", "rows", "views")

    def __init__(self, key: tuple[bool, Order, int]) -> None:
        self.key = key
        self.views: list[TaskView] = []
        self.rows: list[TaskView | None] = []  # the views, and None for each blank row
        self.more = 0
        self.numbers: dict[int, int] = {}  # the source's task number -> ours, of live tasks
        self.ended: set[int] = set()  # the source's own numbers
        self.recent: deque[int] = deque()  # the same, the oldest first
        self.empty_since: float | None = None

    @property
    def top(self) -> list[TaskView]:
        """Its live top-level tasks."""
        return [view for view in self.views if view.depth == 0]

    def ours(self, view: TaskView, numbers: dict[int, int]) -> TaskView:
        """Return `view` with a number that is unique in this process, and its depth in bounds."""
        number = self.numbers.get(view.id)
        if number is None:
            number = next(NUMBERS)
        numbers[view.id] = number
        parent = None if view.parent is None else numbers.get(view.parent, self.numbers.get(view.parent))
        return view._replace(id=number, parent=parent, depth=min(view.depth, DEEPEST))

    def take(self, frame: Frame, now: float) -> list[TaskView]:
        """Let `frame` be what the source looks like, and return the tasks that have ended."""
        numbers: dict[int, int] = {}
        ended = []
        for view in frame.ended:
            if view.id not in self.ended and view.state in ENDED:
                ended.append(self.ours(view, numbers)._replace(position=0))
                self._remember(view.id)
        views: list[TaskView] = []
        rows: list[TaskView | None] = []
        numbers = {}
        next_row, blanks = 0, BLANKS
        for view in frame.tasks:
            if view.id in self.ended or view.id in numbers:
                continue
            gap = min(max(view.position - next_row, 0), blanks)
            blanks -= gap
            next_row = view.position + 1
            rows += [None] * gap
            mine = self.ours(view, numbers)
            views.append(mine)
            rows.append(mine)
        if views:
            self.empty_since = None
            self.rows = rows
        elif self.views:  # between two files, say: its rows wait for the next one
            self.empty_since = now
            self.rows = [None] * min(len(self.rows), BLANKS)
        self.views, self.numbers, self.more = views, numbers, frame.more
        return ended

    def _remember(self, number: int) -> None:
        self.ended.add(number)
        self.recent.append(number)
        if len(self.recent) > REMEMBERED:
            self.ended.discard(self.recent.popleft())


def _is_view(item: object) -> bool:
    """Whether an item of `prints` is an ended task, not a line."""
    return not isinstance(item, str)


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

    before_frame: Callable[[], object] | None = None
    counted: Callable[[Hashable, Mapping[int, int | float] | None], object] | None = None

    def __init__(self, *arguments: Any, totals: bool = False, expected: int | None = None, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._sources: dict[Hashable, _Source] = {}
        self._in_order: list[_Source] = []
        self._arrivals = 0
        self._announced = False
        self._tallies: dict[Hashable, Tally] = {}
        self._crowd = Crowd(next(NUMBERS))
        self._total = Total(next(NUMBERS), expected) if totals else None

    @classmethod
    def beside(cls, tracker: ProgressTracker, *, totals: bool = False) -> Self:
        """Return a feed that shares the display of `tracker`: its rows stand with the tracker's own.

        Example:
            >>> feed = Feed.beside(tracker)
            >>> feed.stream is tracker.stream
            True
        """
        feed = cls(
            stream=tracker.stream,
            terminal=tracker.terminal,
            interval=tracker.interval,
            budget=tracker.budget,
            clock=tracker.clock,
            ticker=tracker.ticker,
            totals=totals,
        )
        feed.renderer = tracker.renderer
        return feed

    # What sources say

    def receive(self, source: Hashable, frame: Frame, order: float | Order | None = None) -> None:
        """Show `source` as `frame` has it. The last frame wins; the ended tasks of all are shown, each once.

        Args:
            source: What names the source: any hashable value. An unknown one is a new source.
            frame: All live tasks of the source, and those that have ended since its last frame.
            order: Where a new source stands among the others, the lowest first: the start of its process, in seconds on
                a clock that all share, and what else settles a tie. None: after those that have one, as it comes.
        """
        with self.lock:
            known = self._sources.get(source)
            if known is None:
                place = () if order is None else order if isinstance(order, tuple) else (order,)
                self._arrivals += 1
                known = self._sources[source] = _Source((order is None, place, self._arrivals))
                insort(self._in_order, known, key=attrgetter("key"))
            now = self.clock()
            self._rest(now)
            self._end(known.take(frame, now), now)
            for view in known.top:
                self._begin(now - max(view.elapsed, 0.0), now)
            self._note_process(source if order is None else order)
            shown = bool(known.views or self.pending_output)
        if frame.counts and self.counted is not None:
            self.counted(source, frame.counts)
        if shown:
            self._show()
        self.wake()

    def count(self, source: Hashable, counts: Mapping[int, int | float]) -> None:
        """Take what `source` has done of tasks that it was handed: `counted` is called with it.

        Numbers travel apart from frames, which come when there is time for them and of which only the newest counts.

        Args:
            source: What names the source; it need not have sent a frame.
            counts: Units by task number, all since the beginning, so that a message that is lost costs nothing.
        """
        if self.counted is not None:  # without the lock: who asks for a count in the middle of a frame holds it
            self.counted(source, counts)
        self.wake()

    def tally(self, source: Hashable, tally: Tally, *, age: float = 0.0, order: float | Order | None = None) -> None:
        """Count tasks of `source` that ended before a frame could show them.

        Args:
            source: What names the source; it need not have sent a frame.
            tally: All such tasks since the beginning, so that a message that is lost costs nothing.
            age: Seconds since the first of those that are new began.
            order: What names the process, as in `receive`.
        """
        with self.lock:
            new = tally.since(self._tallies.get(source, _NOTHING))
            self._tallies[source] = tally
            if not new.tasks:
                return
            now = self.clock()
            began = now - max(age, 0.0)
            self._rest(now)
            self._crowd.add_unseen(new, began, now)
            if self._total is not None:
                self._total.tally.merge(new)
                self._total.begin(began)
            self._note_process(source if order is None else order)
        self._show()
        self.wake()

    def lose(self, source: Hashable, reason: str = "lost") -> None:
        """Let go of `source`, whose process was killed or cannot be reached: what ran fails, for this `reason`.

        Tasks that had not begun leave without a word. Nothing happens where the source is unknown.
        """
        with self.lock:
            known = self._forget(source)
            lost = [
                view if view.state in ENDED else view._replace(state="failed", reason=reason, keep=True, eta=None)
                for view in known.views
                if not view.waiting
            ]
            self._end(lost, self.clock())
        self.wake()

    def leave_running(self, source: Hashable) -> None:
        """Let go of `source`, whose tasks go on unwatched: each that runs at the top has a last line, "left running"."""
        with self.lock:
            known = self._forget(source)
            left = [
                view._replace(state="cancelled", reason=LEFT_RUNNING, keep=True, eta=None)
                for view in known.views
                if view.depth == 0 and not view.waiting
            ]
            self._end(left, self.clock())
        self.wake()

    def leave(self, source: Hashable) -> None:
        """Let go of `source`, which has said that it ends: its rows go. Nothing happens where it is unknown."""
        with self.lock:
            self._forget(source)
        self.wake()

    def succeed(self, other: Feed) -> None:
        """Show the sources of `other` from here on: what it has told of their tasks is not told again.

        Example:
            >>> first, second = (Feed("none", ticker=ManualTicker()) for _ in range(2))
            >>> first.tally("worker 1", Tally(finished=3))
            >>> second.succeed(first)
            >>> second.tally("worker 1", Tally(finished=3))
            >>> [view.description for view in second.frame().tasks]
            []
        """
        with self.lock:
            self._tallies.update(other._tallies)

    def forget(self) -> None:
        """Start over in a forked child, without sources."""
        super().forget()
        self.before_frame = None
        self._announced = False
        self._sources.clear()
        self._in_order.clear()
        self._tallies.clear()
        self._crowd = Crowd(next(NUMBERS))

    def announce(self) -> None:
        """Have `refresh` called soon: a transport has something to hand in.

        Where nothing is drawn it is called here and now. A display opens only if there is something to show: the last words
        of a pool that has ended must not open one.
        """
        with self.lock:
            self._announced = True
            drawn = self._attached
        if drawn:
            self.wake()
        else:
            self._refresh()

    def show(self) -> None:
        """Have a display opened, if there is none: something waits to be shown."""
        self._show()
        self.wake()

    @property
    def waiting(self) -> int:
        """Roughly the characters of the lines that `print` was given and nobody has drawn."""
        return self._waiting

    def _refresh(self) -> None:
        if self._announced:
            self._announced = False
            if self.before_frame is not None:
                self.before_frame()

    @property
    def sources(self) -> tuple[Hashable, ...]:
        """The sources that are there, in the order of their rows."""
        with self.lock:
            names = {id(known): source for source, known in self._sources.items()}
            return tuple(names[id(known)] for known in self._in_order)

    def _forget(self, source: Hashable) -> _Source:
        known = self._sources.pop(source, None)
        self._tallies.pop(source, None)
        if self.counted is not None:
            self.counted(source, None)
        if known is None:
            return _Source((True, (), 0))
        self._in_order.remove(known)
        return known

    def _end(self, views: Iterable[TaskView], now: float) -> None:
        """Have `views`, which have ended, shown. They stand among the printed lines in the order in which they came."""
        for view in views:
            if view.depth == 0:
                if self._total is not None:
                    self._total.tally.add(view.state, view.unit, view.completed)
                    self._total.begin(now - max(view.elapsed, 0.0))
                view = self._crowd.end(view, now)
            self.prints.append(view)

    def _begin(self, began: float, now: float) -> None:
        """A task that has begun at the instant `began` is live. The caller holds the lock."""
        self._crowd.begin(began, now)
        if self._total is not None:
            self._total.begin(began)

    def _note_process(self, name: Hashable) -> None:
        if self._total is not None:
            self._total.processes.add(name)

    @property
    def _top(self) -> list[TaskView]:
        return [view for known in self._in_order for view in known.top]

    @property
    def _sums_up(self) -> bool:
        """Whether a row stands for many tasks."""
        return self._crowd.is_open or (self._total is not None and self._crowd.since is not None)

    def _rest(self, now: float) -> None:
        """Let go of the crowd if all of it has rested. The caller holds the lock."""
        if self._crowd.has_rested(now) and not self._top:
            self._close_crowd()

    def _close_crowd(self) -> None:
        """Write the line of a crowd that has gone, where some of its tasks have none of their own. The caller holds the lock."""
        crowd, self._crowd = self._crowd, Crowd(next(NUMBERS))
        if crowd.is_open and self._total is None:
            self.prints.append(crowd.last_line(self._encoding))

    @property
    def _encoding(self) -> str:
        target = self.terminal or self.stream or default_stream()
        return getattr(target, "encoding", None) or "utf-8"

    # What a display asks

    def _make_frame(self, rows: int | None, *, sampled: bool = False) -> Frame:
        """Return what all tasks look like now: first the feed's own, then those of each source. The caller holds the lock."""
        more = sum(known.more for known in self._in_order)
        if more and rows is not None:  # a row for the line that says so
            rows = max(rows - 1, 0)
        frame = super()._make_frame(rows, sampled=sampled)
        ended = takewhile(_is_view, self.prints)  # what stands behind a line waits for it
        return frame._replace(more=frame.more + more, ended=(*frame.ended, *ended))

    def take_frame(self, rows: int | None = None) -> Frame:
        """Have what was announced handed in, return what all tasks look like now, and forget those that have ended."""
        self._refresh()
        with self.lock:
            frame = super().take_frame(rows)
            while self.prints and _is_view(self.prints[0]):
                self.prints.popleft()
            return frame

    def take_prints(self) -> list[Any]:
        """Return the lines and the ended tasks of sources that wait to be shown, in the order in which they came."""
        self._refresh()
        return super().take_prints()

    @property
    def live(self) -> int:
        """How many tasks have not ended, those of the sources among them."""
        return super().live + self._sums_up + sum(len(known.views) + known.more for known in self._in_order)

    @property
    def pending_output(self) -> bool:
        """Whether a line, an ended task or a transport waits."""
        return self._announced or super().pending_output

    def stop(self) -> None:
        """End what is still live, let go of all sources and show everything for the last time."""
        self._close(None)

    def _close(self, error: type[BaseException] | None) -> None:
        self._refresh()
        with self.lock:
            self._close_crowd()
            if self._total is not None and (self._total.since is not None or self._total.tally.tasks):
                self.prints.append(self._total.last_view(self.clock(), self._top))
                self._total = Total(next(NUMBERS), self._total.expected)
            self._sources.clear()
            self._in_order.clear()
        super()._close(error)

    def _tree(self, now: float) -> list[tuple[Any, int]]:
        tree = super()._tree(now)
        for known in self._in_order:
            if known.empty_since is not None and now - known.empty_since >= GRACE:
                known.empty_since, known.rows = None, []
        self._rest(now)
        top = self._top
        if self._sums_up:
            line = self._crowd if self._total is None else self._total
            tree.append((line.live_view(now, top), 0))
        for known in self._in_order:
            tree += [(view, 0) for view in known.rows]
        return tree


_NOTHING = Tally()
