"""The tasks of one tracker: their slots, their endings, and the frames that show them.

Knows which tasks are live, and which have ended since the last frame. Does not know lines, tickers or displays.
"""

from __future__ import annotations

import sys
from collections import deque
from itertools import count
from operator import attrgetter

from .._model.slots import Slots, assign_rows, walk_tree
from .._model.states import ENDED, PAUSED, STOPPED_EARLY, is_failure
from .counters import PolledCounter
from .task import Task
from .task_record import TREE_LOCK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .._model.frames import Field, Frame, TaskView
    from .arguments import Kind
    from .task import Tracker
    from .task_record import Sums

NUMBERS = count(1)
"""Task numbers, each used once in a process."""
MANY_ROWS, CLOSE_SECONDS = 10, 0.2
"""With at least this many rows, and frames within this many seconds, an estimate does not learn from every frame."""
ROWS_A_TURN, MOST_TURNS = 5, 4
"""One of this many rows learns from such a frame. Each row has learned after as many frames."""
MOST_WAIT_SECONDS = 0.05
"""Seconds that a printed line waits for the lock, which frames hold for less than a millisecond."""
UNAVAILABLE = (ImportError, OSError, AttributeError)
"""Errors of importing progresskit's own modules: in a signal handler that has interrupted the same import, after
chroot, or without a free descriptor. Loops then run without progress."""
last_number = 0
"""The highest number of a task so far."""
_BY_AGE = attrgetter("id")
"""Orders the tasks that have ended since the last frame: by when they were added."""
_drawing: Any = None


def load_drawing() -> Any:
    """Return the module that makes views of tasks, and the function that makes frames. A program that never draws does not load
    them.

    Raises:
        UNAVAILABLE: they cannot be imported.
    """
    global _drawing
    if _drawing is None:
        from .._model.frames import make_frame
        from . import snapshot

        _drawing = snapshot, make_frame
    return _drawing


class TaskTree:
    """The tasks of one tracker.

    Args:
        clock: Gives the time in seconds.
        tells_unseen: Called with a top-level task that has ended before a frame showed it; returns whether its last
            line is shown nevertheless.

    Attributes:
        lock: Guards the tree. All trackers share it.
        last_shown: The highest number of a task that was there when the last frame was made.
        shows_ends: Whether ended tasks are shown at all.
        is_recorded: Whether each end is recorded, also of tasks that no frame has shown.
        is_closing: Whether all tasks are being ended. The last frame is drawn after that in any case.
    """

    lock = TREE_LOCK
    _rows_stay = True
    """Whether rows change only when a task comes or goes."""

    def __init__(self, clock: Callable[[], float], tells_unseen: Callable[[Task], bool]) -> None:
        self._clock = clock
        self._tells_unseen = tells_unseen
        self._slots = Slots()
        self._gaps: set[Slots] = set()  # a task has ended since the last frame while others continue
        self._placed: tuple[int | None, list[Any]] | None = (
            None  # the rows of the last frame, valid until a task comes or goes
        )
        self._live = 0
        self._endings: deque[Task] = deque()
        self._ended: list[TaskView] = []
        self._unseen: list[TaskView] = []  # ended tasks without a last line, for recorders of each end
        # Dicts, as sets that keep their order: ten thousand tasks may be added at once.
        self._polled: dict[Task, None] = {}  # tasks with a `counter`
        self._delays: dict[Task, None] = {}  # tasks whose rows are still hidden
        self.last_shown: int = 0
        self.shows_ends: bool = True
        self.is_recorded: bool = False
        self.is_closing: bool = False
        self._inherited = 0  # the highest number of a task of the parent process
        self._learned = 0.0  # when estimates have learned last
        self._turn = 0
        self._last_placed: list[tuple[Any, int, int]] = []  # the rows of the last frame, and their views
        self._last_views: list[TaskView] = []

    # Tasks

    def add(
        self,
        tracker: Tracker,
        parent: Task | None,
        description: str,
        total: int | float | None,
        completed: int | float,
        kind: Kind,
        fields: dict[str, Field],
        *,
        start: bool,
        position: int | None,
        counter: Callable[[], Any] | None,
        delay: float,
    ) -> Task:
        """Add a task of `tracker` and return it. The arguments are those of `ProgressTracker.add_task`, checked."""
        global last_number
        now = self._clock()
        with self.lock:
            self.settle()  # first, so that this task can take the slot of one that has just ended
            while parent is not None and parent._end is not None:
                parent = parent.parent
            number = last_number = next(NUMBERS)
            task = Task(parent or tracker, number, description, total, completed, kind, now if start else None, fields)
            if parent is None:
                slots = self._slots
            else:
                extras = parent._made_extras
                if extras.children is None:
                    extras.children = Slots()
                extras.added += 1
                slots = extras.children
            if position is not None:
                task._made_extras.pinned = True
            if counter is not None:
                self.poll(task, counter)
            if completed:
                task._made_extras.initial = completed
            if delay:
                task._made_extras.hidden_until = now + delay
                self._delays[task] = None
            slots.allocate(task, position)
            self._placed = None
            self._live += 1
        return task

    def poll(self, task: Task, counter: Callable[[], Any]) -> None:
        """Call `counter` before each frame for further units of `task`."""
        with self.lock:
            task._made_extras.counters += (PolledCounter(counter),)
            self._polled[task] = None

    def is_inherited(self, task: Task) -> bool:
        """Return whether `task` belongs to the process that this one was forked from, and is shown there."""
        return task._id <= self._inherited

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The live tasks, in display order."""
        with self.lock:
            self.settle()
            return tuple(task for task, _ in walk_tree(self._slots) if task is not None and task._end is None)

    @property
    def all_paused(self) -> bool:
        """Whether every live task is paused. Looks no further than at the first that is not: ten thousand may rest, and the ticker
        asks four times a second."""
        with self.lock:
            self.settle()
            ahead = [self._slots]
            while ahead:
                for task in ahead.pop():
                    if task.state != PAUSED and task._end is None:
                        return False
                    if task.children is not None:
                        ahead.append(task.children)
        return True

    @property
    def live(self) -> int:
        """The number of tasks that have not ended."""
        with self.lock:
            if self._endings:
                self.settle()
            return self._live

    @property
    def all_ended(self) -> bool:
        """Whether every task has ended, as far as is known without a lock."""
        return self._live <= len(self._endings)

    def forget(self) -> None:
        """Start over in a forked child: the tasks so far are the parent's, which shows them."""
        self._inherited = last_number
        self.shows_ends = True
        self._gaps.clear()
        self._placed = None
        if self._live or self._ended or self._unseen:
            self._slots = Slots()
            self._live = 0
            self._endings.clear()
            self._ended.clear()
            self._unseen.clear()

    def note_seen(self, task: Task) -> None:
        """Note that a frame has shown `task`, so that its end is shown too."""
        self.last_shown = max(self.last_shown, task.id)

    def sum_up(self) -> None:
        """Write pending summaries of ended tasks. This tree has none."""

    # Endings

    def note_end(self, task: Task) -> None:
        """Remember that `task` has ended. Takes no lock: a finaliser may call this in the middle of any statement."""
        self._endings.append(task)

    @property
    def has_ends(self) -> bool:
        """Whether a task has ended since the last frame, as far as is known without a lock."""
        return bool(self._endings or self._ended or self._unseen)

    @property
    def has_shown_ends(self) -> bool:
        """Whether the end of a task that was shown or has failed waits to be shown. The caller holds the lock."""
        self.settle()
        return bool(self._ended)

    def move_ends(self, queue: deque[Any]) -> None:
        """Move the views of ended tasks to `queue`, so that later lines are shown below them.

        They stay if the lock is not free soon, as when a user's estimator hangs.
        """
        if self.lock.acquire(timeout=MOST_WAIT_SECONDS):
            try:
                self.settle()
                queue.extend(sorted(self._ended, key=_BY_AGE))
                self._ended.clear()
            finally:
                self.lock.release()

    def settle(self) -> None:
        """Remove the tasks that have ended since the last call."""
        with self.lock:
            while True:
                try:
                    task = self._endings.popleft()
                except IndexError:
                    return
                self._remove(task)

    def end_all(self, error: type[BaseException] | None) -> None:
        """End all live tasks: those whose count is complete finish; others are cancelled, or fail if `error` is a
        failure. A loop that was left while a variable holds it has stopped early."""
        if self.all_ended:
            return
        self.is_closing = True
        try:
            for task in reversed(self.tasks):
                if error is not None and is_failure(error):
                    task.fail(error.__name__)
                elif error is None and task.is_complete:
                    task.finish()
                elif error is not None:
                    task.cancel()
                elif not task._end_by_children():
                    was_left = (
                        task._is_looping and getattr(sys, "last_value", None) is None
                    )  # no error has ended the program
                    task.cancel(STOPPED_EARLY if was_left else "")
                if task.parent is not None:  # so that sums of its parents need not visit its tree again
                    self.settle()
        finally:
            self.is_closing = False

    def _remove(self, task: Task) -> None:
        if task._end is None or task._state in ENDED:  # two threads have ended it at once, and one has removed it
            return
        self._polled.pop(task, None)
        self._delays.pop(task, None)
        if self.is_inherited(task):
            return
        task._state = task._end[0]
        self._live -= 1
        self._placed = None
        has_line = (
            self._was_seen(task)
            or task.state == "failed"
            or task._kind[2] is True  # keep=True: its line stays even if no frame has shown the task
            or (task.parent is None and self._tells_unseen(task))
        )
        if (has_line or self.is_recorded) and self.shows_ends:
            depth, owner = 0, task.parent
            while owner is not None:
                depth, owner = depth + 1, owner.parent
            try:
                snapshot, _ = load_drawing()
            except UNAVAILABLE:  # nothing can be shown
                pass
            else:
                view = snapshot.view_of(task, task._end[1], depth, 0, {})
                if has_line:
                    self._ended.append(view)
                else:
                    self._unseen.append(view._replace(keep=False))
        self._vacate(task)

    def _was_seen(self, task: Task) -> bool:
        """Whether `task`, which has ended, had a row."""
        assert task._end is not None
        return task._id <= self.last_shown and task._shown_by(task._end[1])

    def _vacate(self, task: Task) -> None:
        while not task.children:  # a task keeps its slot until its last child has ended
            parent = task.parent
            slots = self._slots if parent is None else parent.children
            if parent is not None and parent.rollup is not None:
                completed, total = parent._share_of(task)
                extras = parent._made_extras
                extras.rolled_completed += completed
                extras.rolled_total += total
            if slots is not None:
                pinned = task._extras is not None and task._extras.pinned
                slots.release(task, pinned=pinned)
                if slots.has_gaps:
                    self._gaps.add(slots)
                else:
                    self._gaps.discard(slots)
            if parent is None or parent._state not in ENDED:
                return
            task = parent  # it had ended before, and waited for this child

    # Frames

    def frame(self, rows: int | None) -> Frame:
        """Return what the tasks look like now; as `ProgressTracker.frame`."""
        load_drawing()  # before the lock: an import that Ctrl-C has interrupted may hang forever
        with self.lock:
            return self._make_frame(rows)

    def next_frame(self, rows: int | None = None) -> Frame:
        """Return what the tasks look like now, and forget those that have ended. Called by the display.

        Counters are called first, and estimates learn from what the frame shows.
        """
        if self._polled:
            for task in list(self._polled):  # a copy: other threads add tasks meanwhile
                if task._end is None:
                    task._poll()
        if _drawing is None:
            load_drawing()
        with self.lock:
            frame = self._make_frame(rows, sampled=True)
            self.last_shown = last_number
            self._ended.clear()
            self._unseen.clear()
            return frame

    def _make_frame(self, rows: int | None, *, sampled: bool = False) -> Frame:
        """Return what the tasks look like now. The caller holds the lock.

        Args:
            rows: Rows that there are on the display; None: every live task fits.
            sampled: Whether the estimates of the shown tasks learn from it.
        """
        snapshot, make_frame = _drawing
        now = self._clock()
        if self._endings:
            self.settle()
        if sampled and self._gaps:
            for slots in self._gaps:
                slots.close()
            self._gaps.clear()
        sums: dict[int, Sums] = {}
        stay, more = self._placed, 0
        if stay is not None and stay[0] == rows:
            placed = stay[1]
        else:
            placed, more = assign_rows(self._entries(now), rows)
            self._placed = (rows, placed) if self._rows_stay and not (more or self._delays) else None
        counts: list[Sums | None] = [None] * len(placed)
        last: list[TaskView | None] = [None] * len(placed)  # of those that learn nothing now
        if sampled:  # all tasks first: whether a parent is idle depends on its children
            turns, turn = self._next_turn(len(placed), now) if len(placed) >= MANY_ROWS else (1, 0)
            for at, (item, _, _) in enumerate(placed):  # a comprehension is one more function before Python 3.12
                if isinstance(item, Task):
                    counts[at] = snapshot.sample(item, now, sums, learns=at % turns == turn)
            if turns > 1 and self._last_placed is placed:
                last = [None if at % turns == turn else view for at, view in enumerate(self._last_views)]
        views = []
        for (item, depth, row), known, before in zip(placed, counts, last, strict=True):
            if not isinstance(item, Task):
                views.append(item._replace(position=row))
                continue
            view = snapshot.view_of(item, now, depth, row, sums, known, before)
            if item._end is not None:  # it ended after `settle`: this frame still shows it as running
                view = view._replace(state=item._state, reason=None)
            views.append(view)
        if sampled:
            self._last_placed, self._last_views = placed, views
        ended = tuple(sorted(self._ended, key=_BY_AGE)) if self._ended else ()
        return make_frame((now, tuple(views), ended, more, {}, tuple(self._unseen)))  # type: ignore[no-any-return]  # loaded late

    def _next_turn(self, rows: int, now: float) -> tuple[int, int]:
        """Return the number of frames in which each row's estimate learns once, and the remainder (row modulo that
        number) of the rows that learn now.

        With many rows and frequent frames, a part of the rows learns in turn, and the others show their last rate and
        time left again. Estimates are a third of the cost of a frame, and a shown figure stays for a second anyway.
        """
        closely, self._learned = now - self._learned < CLOSE_SECONDS, now
        turns = min(rows // ROWS_A_TURN, MOST_TURNS) if closely and rows >= MANY_ROWS else 1
        self._turn += 1
        return turns, self._turn % turns

    def _entries(self, now: float) -> list[tuple[Any, int]]:
        """Return the entries that get a row, with depths: tasks, views of other processes' tasks, and None for a blank
        row.

        The caller holds the lock.
        """
        entries: list[tuple[Any, int]] = []
        for item, depth in walk_tree(self._slots):
            # A task that has ended since `settle` keeps its row for this frame, so that no row moves or is blank.
            if item is None or item._end is None or (item._state not in ENDED and self._was_seen(item)):
                entries.append((item, depth))
        return self._without_hidden(entries, now) if self._delays else entries

    def _without_hidden(self, entries: list[tuple[Any, int]], now: float) -> list[tuple[Any, int]]:
        """Return `entries` without the tasks that are still hidden, and without their children."""
        for delayed in list(self._delays):  # a copy: a signal's handler may add one
            if delayed._end is not None or delayed._shown_by(now):
                self._delays.pop(delayed, None)
        kept: list[tuple[Any, int]] = []
        below: int | None = None  # the depth of the last task that is hidden
        for task, depth in entries:
            if below is not None and depth > below:
                continue
            below = depth if task in self._delays else None
            if below is None:
                kept.append((task, depth))
        return kept
