"""The tasks of a feed: its own and, below them, those of its sources.

Knows sources, each with the last frame that came from it, and how their tasks become tasks of one display. Does not know where
frames come from. What it is handed may come from a stranger: whatever a frame says, the display stays in bounds.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from functools import partial
from itertools import takewhile
from operator import attrgetter

from .._model.states import ENDED, LEFT_RUNNING
from .._tracking.task_tree import NUMBERS, TaskTree
from ..renderers.registry import default_stream
from ._ended_counts import EndedCounts
from ._summary import Crowd, Total

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable
    from typing import Any

    from .._model.frames import Frame, TaskView
    from .._tracking.core import TrackerCore

GRACE = 1.0
"""Seconds for which the rows of a source that has no task stay blank, waiting for its next one, before the rows below move up."""
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

    def update(self, frame: Frame, now: float) -> list[TaskView]:
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


class SourceTree(TaskTree):
    """The tasks of a feed.

    Args:
        core: The feed's core. Ended tasks of sources stand among its lines, in the order in which they came.
        hand_in: Called before each frame, so that transports hand in what they have announced.

    Attributes:
        crowd: The short tasks that one row stands for.
        total: What the line of totals counts; None where there is no such line.
    """

    _rows_stay = False  # a source may change them with each of its frames

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

    # What sources say; each method takes the lock

    def receive(self, source: Hashable, frame: Frame, order: float | Order | None) -> bool:
        """Show `source` as `frame` has it, and return whether there is something to be shown; as `Feed.receive`."""
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
        """Count tasks of `source` that no frame has shown, and return whether any is new; as `Feed.add_ended_counts`."""
        with self.lock:
            new = ended_counts.since(self._ended_counts.get(source, _NOTHING))
            self._ended_counts[source] = ended_counts
            if not new.tasks:
                return False
            now = self._clock()
            began = now - max(age, 0.0)
            self._rest(now)
            self.crowd.add_unseen(new, began, now)
            if self.total is not None:
                self.total.ended_counts.merge(new)
                self.total.begin(began)
            self._note_process(source if order is None else order)
            return True

    def succeed(self, other: SourceTree) -> None:
        """Count what `other` was told of its sources as told; as `Feed.succeed`."""
        with self.lock:
            self._ended_counts.update(other._ended_counts)

    def lose(self, source: Hashable, reason: str) -> None:
        """Let go of `source`, whose tasks have failed; as `Feed.lose`."""
        with self.lock:
            lost = [
                view if view.state in ENDED else view._replace(state="failed", reason=reason, keep=True, eta=None)
                for view in self.remove(source)
                if not view.waiting
            ]
            self._end(lost, self._clock())

    def leave_running(self, source: Hashable) -> None:
        """Let go of `source`, whose tasks go on; as `Feed.leave_running`."""
        with self.lock:
            left = [
                view._replace(state="cancelled", reason=LEFT_RUNNING, keep=True, eta=None)
                for view in self.remove(source)
                if view.depth == 0 and not view.waiting
            ]
            self._end(left, self._clock())

    def remove(self, source: Hashable) -> list[TaskView]:
        """Let go of `source`, which may be unknown, and return its live tasks."""
        with self.lock:
            known = self._sources.pop(source, None)
            self._ended_counts.pop(source, None)
            if known is None:
                return []
            self._in_order.remove(known)
            return known.views

    @property
    def sources(self) -> tuple[Hashable, ...]:
        """The sources that are there, in the order of their rows."""
        with self.lock:
            names = {id(known): source for source, known in self._sources.items()}
            return tuple(names[id(known)] for known in self._in_order)

    def clear(self) -> None:
        """Let go of all sources, and write the lines that sum up what they did."""
        with self.lock:
            self._close_crowd()
            if self.total is not None and (self.total.since is not None or self.total.ended_counts.tasks):
                self._core.lines.items.append(self.total.last_view(self._clock(), self._top))
                self.total = Total(next(NUMBERS), self.total.expected)
            self._sources.clear()
            self._in_order.clear()

    def forget(self) -> None:
        """Start over in a forked child, without sources."""
        super().forget()
        self._sources.clear()
        self._in_order.clear()
        self._ended_counts.clear()
        self.crowd = Crowd(next(NUMBERS))

    # Ends and sums; the caller holds the lock

    def _end(self, views: Iterable[TaskView], now: float) -> None:
        """Have `views`, which have ended, shown. They stand among the printed lines in the order in which they came."""
        for view in views:
            if view.depth == 0:
                if self.total is not None:
                    self.total.ended_counts.add(view.state, view.unit, view.completed)
                    self.total.begin(now - max(view.elapsed, 0.0))
                view = self.crowd.end(view, now)
            self._core.lines.items.append(view)

    def _begin(self, began: float, now: float) -> None:
        """Note that a task which has begun at the instant `began` is live."""
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
        """Whether a row stands for many tasks."""
        return self.crowd.is_open or (self.total is not None and self.crowd.since is not None)

    def _rest(self, now: float) -> None:
        """Let go of the crowd if all of it has rested."""
        if self.crowd.has_rested(now) and not self._top:
            self._close_crowd()

    def _close_crowd(self) -> None:
        """Write the line of a crowd that has gone, where some of its tasks have none of their own."""
        crowd, self.crowd = self.crowd, Crowd(next(NUMBERS))
        if crowd.is_open and self.total is None:
            self._core.lines.items.append(crowd.last_line(_encoding(self._core)))

    # Frames

    @property
    def live(self) -> int:
        """How many tasks have not ended, those of the sources among them."""
        return super().live + self._sums_up + sum(len(known.views) + known.more for known in self._in_order)

    def next_frame(self, rows: int | None = None) -> Frame:
        """Have what was announced handed in, return what all tasks look like now, and forget those that have ended."""
        self._hand_in()
        with self.lock:
            frame = super().next_frame(rows)
            lines = self._core.lines.items
            while lines and _is_view(lines[0]):
                lines.popleft()
            return frame

    def _make_frame(self, rows: int | None, *, sampled: bool = False) -> Frame:
        """Return what all tasks look like now: first the feed's own, then those of each source. The caller holds the lock."""
        more = sum(known.more for known in self._in_order)
        if more and rows is not None:  # a row for the line that says so
            rows = max(rows - 1, 0)
        frame = super()._make_frame(rows, sampled=sampled)
        ended = takewhile(_is_view, self._core.lines.items)  # what stands behind a line waits for it
        return frame._replace(more=frame.more + more, ended=(*frame.ended, *ended))

    def _entries(self, now: float) -> list[tuple[Any, int]]:
        entries = super()._entries(now)
        for known in self._in_order:
            if known.empty_since is not None and now - known.empty_since >= GRACE:
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
    """Return the encoding of what `core` draws on."""
    target = core.terminal or core.stream or default_stream()
    return getattr(target, "encoding", None) or "utf-8"


_NOTHING = EndedCounts()
