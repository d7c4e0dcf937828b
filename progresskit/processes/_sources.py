"""The tasks of a feed: its own and, below them, those of its sources.

Knows sources, each with its newest frame, and how their tasks become tasks of one display. Does not know where frames come from.
Frames are untrusted: the display stays within bounds whatever a frame contains.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from functools import partial
from itertools import takewhile
from operator import attrgetter

from .._model.states import ENDED, LEFT_RUNNING
from .._tracking.task_tree import NUMBERS, TaskTree
from ..renderers.destinations import default_stream
from ._ended_counts import EndedCounts
from ._summary import Crowd, Total

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable
    from typing import Any

    from .._model.frames import Frame, TaskView
    from .._tracking.core import TrackerCore
    from ._brief_ends import BriefEnd

BLANK_SECONDS = 1.0
"""Seconds for which the rows of a source without tasks stay blank, in case it adds one, before the rows below move up."""
DEEPEST = 16
"""The deepest indentation of a source's tasks, in levels."""
BLANKS = 64
"""The most blank rows between the tasks of a source, in total."""
MOST_ENDED = 10_000
"""Ended tasks remembered for each source, in case a late frame shows them again."""

Order = tuple[float, ...]


class _Source:
    """The state of one source."""

    __slots__ = ("empty_since", "ended", "key", "more", "numbers", "recent", "rows", "views")

    def __init__(self, key: tuple[bool, Order, int]) -> None:
        self.key = key
        self.views: list[TaskView] = []
        self.rows: list[TaskView | None] = []  # the views, and None for each blank row
        self.more = 0
        self.numbers: dict[int, int] = {}  # live tasks: the source's task number -> this process's
        self.ended: set[int] = set()  # the source's own numbers
        self.recent: deque[int] = deque()  # the numbers in `ended`, the oldest first
        self.empty_since: float | None = None

    @property
    def top(self) -> list[TaskView]:
        """The live top-level tasks."""
        return [view for view in self.views if view.depth == 0]

    def ours(self, view: TaskView, numbers: dict[int, int]) -> TaskView:
        """Return `view` with a number that is unique in this process, and its depth in bounds."""
        number = self.numbers.get(view.id)
        if number is None:
            number = next(NUMBERS)
        numbers[view.id] = number
        parent = None if view.parent is None else numbers.get(view.parent, self.numbers.get(view.parent))
        return view._replace(id=number, parent=parent, depth=min(view.depth, DEEPEST))

    def update(self, frame: Frame, now: float) -> list[TaskView]:
        """Replace the source's tasks by those of `frame`, and return the tasks that have ended."""
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
        elif self.views:  # between two files, for example: keep its rows for the next one
            self.empty_since = now
            self.rows = [None] * min(len(self.rows), BLANKS)
        self.views, self.numbers, self.more = views, numbers, frame.more
        return ended

    def _remember(self, number: int) -> None:
        self.ended.add(number)
        self.recent.append(number)
        if len(self.recent) > MOST_ENDED:
            self.ended.discard(self.recent.popleft())


def _is_view(item: object) -> bool:
    """Whether an item of the line queue is an ended task, not a line."""
    return not isinstance(item, str)


class SourceTree(TaskTree):
    """The tasks of a feed.

    Args:
        core: The feed's core. Ended tasks of sources stand among its lines, in the order in which they came.
        hand_in: Called before each frame, so that transports deliver what they have announced.

    Attributes:
        crowd: The short tasks that share one row.
        total: The totals line; None if there is no such line.
    """

    _rows_stay = False  # each frame of a source may change its rows

    def __init__(self, core: TrackerCore, hand_in: Callable[[], object]) -> None:
        super().__init__(core.clock, partial(core.hub_link.note_unseen, core))
        self._core = core
        self._hand_in = hand_in
        self._sources: dict[Hashable, _Source] = {}
        self._in_order: list[_Source] = []
        self._arrivals = 0
        self._ended_counts: dict[Hashable, EndedCounts] = {}
        self.crowd: Crowd = Crowd(next(NUMBERS))
        self.total: Total | None = None

    # Calls by transports; each method acquires the lock

    def receive(self, source: Hashable, frame: Frame, order: float | Order | None) -> bool:
        """Show the tasks of `frame` for `source`, and return whether there is anything to draw. See `Feed.receive`."""
        with self.lock:
            known = self._sources.get(source)
            if known is None:
                place = () if order is None else order if isinstance(order, tuple) else (order,)
                self._arrivals += 1
                known = self._sources[source] = _Source((order is None, place, self._arrivals))
                insort(self._in_order, known, key=attrgetter("key"))
            now = self._clock()
            self._rest(now)
            self._end(known.update(frame, now), now)
            for view in known.top:
                self._begin(now - max(view.elapsed, 0.0), now)
            self._note_process(source if order is None else order)
            return bool(known.views or self._core.pending_output)

    def add_ended_counts(
        self, source: Hashable, ended_counts: EndedCounts, age: float, order: float | Order | None
    ) -> bool:
        """Count tasks of `source` that no frame has shown, and return whether any is new. See `Feed.add_ended_counts`."""
        with self.lock:
            new = ended_counts.since(self._ended_counts.get(source, _NOTHING))
            self._ended_counts[source] = ended_counts
            if not new.tasks:
                return False
            self._add_unseen(new, age)
            self._note_process(source if order is None else order)
            return True

    def add_brief_ends(self, ends: Iterable[BriefEnd]) -> bool:
        """Count the `ends` of loops that ended before they became tasks, and return whether there is any."""
        with self.lock:
            new, age = EndedCounts(), 0.0
            for end in ends:
                new.add("finished", end.unit, end.amount)
                age = max(age, end.seconds)
            if new.tasks:
                self._add_unseen(new, age)
            return bool(new.tasks)

    def succeed(self, other: SourceTree) -> None:
        """Adopt the ended counts that `other` has already shown. See `Feed.succeed`."""
        with self.lock:
            self._ended_counts.update(other._ended_counts)

    def lose(self, source: Hashable, reason: str) -> None:
        """Remove `source`, and show its tasks as failed. See `Feed.lose`."""
        with self.lock:
            lost = [
                view if view.state in ENDED else view._replace(state="failed", reason=reason, keep=True, eta=None)
                for view in self.remove(source)
                if not view.waiting
            ]
            self._end(lost, self._clock())

    def leave_running(self, source: Hashable) -> None:
        """Remove `source`, and show its tasks as left running. See `Feed.leave_running`."""
        with self.lock:
            left = [
                view._replace(state="cancelled", reason=LEFT_RUNNING, keep=True, eta=None)
                for view in self.remove(source)
                if view.depth == 0 and not view.waiting
            ]
            self._end(left, self._clock())

    def remove(self, source: Hashable) -> list[TaskView]:
        """Remove `source`, which may be unknown, and return its live tasks."""
        with self.lock:
            known = self._sources.pop(source, None)
            self._ended_counts.pop(source, None)
            if known is None:
                return []
            self._in_order.remove(known)
            return known.views

    @property
    def sources(self) -> tuple[Hashable, ...]:
        """The present sources, in the order of their rows."""
        with self.lock:
            names = {id(known): source for source, known in self._sources.items()}
            return tuple(names[id(known)] for known in self._in_order)

    def clear(self) -> None:
        """Remove all sources, and write the lines that sum up their tasks."""
        with self.lock:
            self._close_crowd()
            if self.total is not None and (self.total.since is not None or self.total.ended_counts.tasks):
                self._core.lines.items.append(self.total.last_view(self._clock(), self._top))
                self.total = Total(next(NUMBERS), self.total.expected)
            self._sources.clear()
            self._in_order.clear()

    def sum_up(self) -> None:
        """Close the crowd at once if no task is live."""
        self._hand_in()
        with self.lock:
            if not self._top:
                self._close_crowd()

    def forget(self) -> None:
        """Start over in a forked child, without sources."""
        super().forget()
        self._sources.clear()
        self._in_order.clear()
        self._ended_counts.clear()
        self.crowd = Crowd(next(NUMBERS))

    # Ends and sums; the caller holds the lock

    def _end(self, views: Iterable[TaskView], now: float) -> None:
        """Queue the ended tasks `views` for display. They appear among the printed lines in order of arrival."""
        for view in views:
            if view.depth == 0:
                if self.total is not None:
                    self.total.ended_counts.add(view.state, view.unit, view.completed)
                    self.total.begin(now - max(view.elapsed, 0.0))
                view = self.crowd.end(view, now)
            self._core.lines.items.append(view)

    def _add_unseen(self, ended_counts: EndedCounts, age: float) -> None:
        """Count tasks that no frame has shown, the first of which began `age` seconds ago."""
        now = self._clock()
        began = now - max(age, 0.0)
        self._rest(now)
        self.crowd.add_unseen(ended_counts, began, now)
        if self.total is not None:
            self.total.ended_counts.merge(ended_counts)
            self.total.begin(began)

    def _begin(self, began: float, now: float) -> None:
        """Note a live task that began at the instant `began`."""
        self.crowd.begin(began, now)
        if self.total is not None:
            self.total.begin(began)

    def _note_process(self, name: Hashable) -> None:
        if self.total is not None:
            self.total.processes.add(name)

    @property
    def _top(self) -> list[TaskView]:
        return [view for known in self._in_order for view in known.top]

    @property
    def _sums_up(self) -> bool:
        """Whether one row sums up many tasks."""
        return self.crowd.is_open or (self.total is not None and self.crowd.since is not None)

    def _rest(self, now: float) -> None:
        """Close the crowd if it has had no task for a while."""
        if self.crowd.has_rested(now) and not self._top:
            self._close_crowd()

    def _close_crowd(self) -> None:
        """Start a new crowd, and write the old one's line if some of its tasks had no line of their own."""
        crowd, self.crowd = self.crowd, Crowd(next(NUMBERS))
        if crowd.leaves_line and self.total is None:
            self._core.lines.items.append(crowd.last_line(_encoding(self._core)))

    # Frames

    @property
    def live(self) -> int:
        """The number of tasks that have not ended, including those of the sources."""
        return super().live + self._sums_up + sum(len(known.views) + known.more for known in self._in_order)

    def next_frame(self, rows: int | None = None) -> Frame:
        """Deliver announced messages, return a frame of all tasks, and forget the ended ones."""
        self._hand_in()
        with self.lock:
            frame = super().next_frame(rows)
            lines = self._core.lines.items
            while lines and _is_view(lines[0]):
                lines.popleft()
            return frame

    def _make_frame(self, rows: int | None, *, sampled: bool = False) -> Frame:
        """Return a frame of all tasks: first the feed's own, then those of each source. The caller holds the lock."""
        more = sum(known.more for known in self._in_order)
        if more and rows is not None:  # one row for the line that counts the hidden tasks
            rows = max(rows - 1, 0)
        frame = super()._make_frame(rows, sampled=sampled)
        # Ended tasks after a line wait for that line. The list is made in one step: other threads add lines meanwhile.
        ended = takewhile(_is_view, list(self._core.lines.items))
        return frame._replace(more=frame.more + more, ended=(*frame.ended, *ended))

    def _entries(self, now: float) -> list[tuple[Any, int]]:
        entries = super()._entries(now)
        for known in self._in_order:
            if known.empty_since is not None and now - known.empty_since >= BLANK_SECONDS:
                known.empty_since, known.rows = None, []
        self._rest(now)
        top = self._top
        if self._sums_up:
            line = self.crowd if self.total is None else self.total
            entries.append((line.live_view(now, top), 0))
        for known in self._in_order:
            entries += [(view, 0) for view in known.rows]
        return entries


def _encoding(core: TrackerCore) -> str:
    """Return the encoding of the terminal or stream on which `core` draws."""
    target = core.terminal or core.stream or default_stream()
    return getattr(target, "encoding", None) or "utf-8"


_NOTHING = EndedCounts()
