"""Feed: a tracker that also shows what frames tell it, frames of other processes above all.

Knows sources, each with the last frame that came from it, and how their tasks become tasks of one display. Must not know
where frames come from: a socket, a pool, a cluster. What it is handed may come from a stranger: whatever a frame says, the
display stays in bounds.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from operator import attrgetter

from .._model.slots import GRACE
from .._model.states import ENDED
from .._tracking.tracker import NUMBERS, ProgressTracker

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
UNITS = 6
"""Units that the line of totals sums up, those that came first."""

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


class Feed(ProgressTracker):
    """A tracker with tasks of its own and, below them, those of its sources: processes that send frames.

    Sources stand in the order of their processes' starts, their tasks in the order in which each shows them. All that a
    `ProgressTracker` does, a feed does too; its arguments are the same, and `totals`. Every method may be called from
    any thread.

    Args:
        totals: Whether a line above the sources' tasks sums them up: how many of their top-level tasks are done, and how
            much that is in each unit.

    Attributes:
        refresh: Called at the beginning of the first frame after `announce`, so that a transport need hand in only what
            will be shown; None: nothing is.
        counted: Called with a source and its `Frame.counts`, and with None when it has gone; None: nothing is.

    Example:
        >>> feed = Feed(RecordingRenderer(), ticker=ManualTicker())
        >>> feed.receive("worker 1", Frame(1.0, tasks=(sample_view(description="orders.csv"),)))
        >>> feed.receive("worker 2", Frame(1.0, tasks=(sample_view(description="lines.csv"),)))
        >>> feed.lose("worker 1")
        >>> frame = feed.frame()
        >>> [view.description for view in frame.tasks], [(view.state, view.reason) for view in frame.ended]
        (['lines.csv'], [('failed', 'lost')])
    """

    refresh: Callable[[], object] | None = None
    counted: Callable[[Hashable, Mapping[int, int | float] | None], object] | None = None

    def __init__(self, *arguments: Any, totals: bool = False, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._sources: dict[Hashable, _Source] = {}
        self._in_order: list[_Source] = []
        self._arrivals = 0
        self._announced = False
        self._totals = _Totals(next(NUMBERS)) if totals else None

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
            self._end(known.take(frame, self.clock()))
            if frame.counts and self.counted is not None:
                self.counted(source, frame.counts)
            shown = bool(known.views or self._ended)
        if shown:
            self._show()
        self.wake()

    def lose(self, source: Hashable) -> None:
        """Let go of `source`, whose process was killed or cannot be reached: what ran fails, with the reason "lost".

        Tasks that had not begun leave without a word. Nothing happens where the source is unknown.
        """
        with self.lock:
            known = self._forget(source)
            self._end(
                view if view.state in ENDED else view._replace(state="failed", reason="lost", keep=True, eta=None)
                for view in known.views
                if not view.waiting
            )
        self.wake()

    def leave_running(self, source: Hashable) -> None:
        """Let go of `source`, whose tasks go on unwatched: each that runs at the top has a last line, "left running"."""
        with self.lock:
            known = self._forget(source)
            self._end(
                view._replace(state="cancelled", reason="left running", keep=True, eta=None)
                for view in known.views
                if view.depth == 0 and not view.waiting
            )
        self.wake()

    def leave(self, source: Hashable) -> None:
        """Let go of `source`, which has said that it ends: its rows go. Nothing happens where it is unknown."""
        with self.lock:
            self._forget(source)
        self.wake()

    def forget(self) -> None:
        """Start over in a forked child, without sources."""
        super().forget()
        self.refresh = None
        self._announced = False
        self._sources.clear()
        self._in_order.clear()

    def announce(self) -> None:
        """Have `refresh` called soon: a transport has something to hand in."""
        self._announced = True
        self._show()
        self.wake()

    @property
    def sources(self) -> tuple[Hashable, ...]:
        """The sources that are there, in the order of their rows."""
        with self.lock:
            names = {id(known): source for source, known in self._sources.items()}
            return tuple(names[id(known)] for known in self._in_order)

    def _forget(self, source: Hashable) -> _Source:
        known = self._sources.pop(source, None)
        if self.counted is not None:
            self.counted(source, None)
        if known is None:
            return _Source((True, (), 0))
        self._in_order.remove(known)
        return known

    def _end(self, views: Iterable[TaskView]) -> None:
        for view in views:
            self._ended.append(view)
            if self._totals is not None:
                self._totals.add(view)

    # What a display asks

    def frame(self, rows: int | None = None) -> Frame:
        """Return what all tasks look like now: first the feed's own, then those of each source.

        Args:
            rows: Rows that there are on the display; None: every live task fits.
        """
        if self._announced:
            self._announced = False
            if self.refresh is not None:
                self.refresh()
        with self.lock:
            more = sum(known.more for known in self._in_order)
            if more and rows is not None:  # a row for the line that says so
                rows = max(rows - 1, 0)
            frame = super().frame(rows)
            return frame._replace(more=frame.more + more) if more else frame

    @property
    def live(self) -> int:
        """How many tasks have not ended, those of the sources among them."""
        return super().live + sum(len(known.views) + known.more for known in self._in_order)

    @property
    def pending_output(self) -> bool:
        """Whether a line, an ended task or a transport waits."""
        return self._announced or super().pending_output

    def stop(self) -> None:
        """End what is still live, let go of all sources and show everything for the last time."""
        self._close(None)

    def _close(self, error: type[BaseException] | None) -> None:
        with self.lock:
            if self._totals is not None and self._totals.seen:
                self._ended.append(self._totals.last_view(self.clock(), self._in_order))
                self._totals = _Totals(next(NUMBERS))
            self._sources.clear()
            self._in_order.clear()
        super()._close(error)

    def _tree(self, now: float) -> list[tuple[Any, int]]:
        tree = super()._tree(now)
        for known in self._in_order:
            if known.empty_since is not None and now - known.empty_since >= GRACE:
                known.empty_since, known.rows = None, []
        if self._totals is not None and any(known.views for known in self._in_order):
            tree.append((self._totals.view(now, self._in_order), 0))
        for known in self._in_order:
            tree += [(view, 0) for view in known.rows]
        return tree

    def _look(self, item: Any, now: float, depth: int, row: int) -> TaskView:
        if isinstance(item, tuple):  # a view, which is a named tuple
            return item._replace(position=row)  # type: ignore[attr-defined, no-any-return]
        return super()._look(item, now, depth, row)


class _Totals:
    """The line that sums up the top-level tasks of all sources."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.tasks = 0  # that have ended
        self.finished = 0
        self.failures = 0  # those that were lost among them
        self.amounts: dict[str, int | float] = {}
        self.since: float | None = None

    @property
    def seen(self) -> bool:
        """Whether there was anything to sum up."""
        return self.since is not None or self.tasks > 0

    def add(self, view: TaskView) -> None:
        """Count the ended task `view`."""
        if view.depth == 0:
            self.tasks += 1
            self.finished += view.state == "finished"
            self.failures += view.state == "failed"
            self._sum(self.amounts, view)

    def _sum(self, amounts: dict[str, int | float], view: TaskView) -> None:
        if view.unit in amounts or len(amounts) < UNITS:
            amounts[view.unit] = amounts.get(view.unit, 0) + view.completed

    def view(self, now: float, sources: list[_Source]) -> TaskView:
        """Return the line as it is at `now`, with the live tasks of `sources`."""
        from .._model.frames import TaskView
        from .._text.formatting import format_count

        if self.since is None:
            self.since = now
        amounts = dict(self.amounts)
        top = [view for known in sources for view in known.views if view.depth == 0]
        for view in top:
            self._sum(amounts, view)
        return TaskView(
            id=self.number,
            parent=None,
            depth=0,
            position=0,
            description="Total",
            completed=self.finished,
            total=self.tasks + len(top),
            unit="task",
            state="running",
            elapsed=now - self.since,
            rate=None,
            eta=None,
            fields={
                "processes": len(sources),
                "done": ", ".join(format_count(amount, unit) for unit, amount in sorted(amounts.items())),
            },
            color=None,
            keep=False,
            estimated=False,
            reason=None,
        )

    def last_view(self, now: float, sources: list[_Source]) -> TaskView:
        """Return the line as it stays at the end: finished if all tasks have, failed if one has, else cancelled."""
        view = self.view(now, sources)._replace(keep=True)
        if self.failures:
            return view._replace(state="failed", reason=f"{self.failures:,d} of {view.total:,d} tasks failed")
        return view._replace(state="finished" if view.completed == view.total else "cancelled")
