"""The first loop of a forked worker: it becomes a task once it has run for a twentieth of a second.

A worker that is forked for one short loop lives for a millisecond or two. A task, the ticker's thread and a connection to the hub
would more than double that time, because a forked process copies each memory page that it writes to, which takes some
microseconds per page. So the loop at first counts by itself, in as few functions as possible, and reports its end in
one write. It becomes a task if it runs on, if it ends before its last item, or if the process uses a tracker meanwhile.
Does not know processes: `processes.workers` sets the functions that report an end and clean up inherited state.
"""

from __future__ import annotations

from _thread import start_new_thread
from operator import length_hint
from time import monotonic, sleep

from .._system.threads import block_signals
from . import joining, multiprocessing_hook
from .core import current_loop
from .joining import current_tracker
from .loop_counters import SIZED, AnyCounter, SizedCounter, count_in, size_of
from .loops import Loop
from .tracker import silent_tracker, tracker_providers
from .unwinding import instruction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from .loop_counters import Counter
    from .task import Task
    from .tracker import ProgressTracker

    Tell = Callable[[int, float, str], bool]

TASK_SECONDS = 0.05
"""Seconds after which the loop becomes a task."""
MOST_WHOLE = 8_192
"""Items that a consumer may run through without letting other threads run. In C that takes less than a millisecond."""
LONGEST_UNIT = 40
"""The longest unit, in characters, that one write can report."""

tell: Tell | None = None
"""Reports that the first loop of a forked worker has ended, with its count, its seconds and its unit. Returns whether
it could. None where loops are tasks from the beginning."""
settle: Callable[[], object] = int
"""Cleans up what a forked worker has inherited, before the worker uses a tracker. Then calls `add_tasks`."""
_pending: list[BriefLoop] = []
"""The loop while it is no task. The code that removes it from here decides whether it becomes a task."""


def first_loop(iterable: Any, description: object, unit: object) -> Iterator[Any] | None:
    """Return the iterator of a brief loop, or None if the loop must be a task from the beginning."""
    multiprocessing_hook.first_loop = None
    if (
        type(description) is not str
        or type(unit) is not str
        or len(unit) > LONGEST_UNIT
        or not unit.isprintable()
        or joining.disabled_blocks
        or tracker_providers
        or hasattr(iterable, "__aiter__")
    ):
        return None
    return BriefLoop(iterable, description, unit, current_tracker()).run()


def add_tasks() -> None:
    """Make the loop a task, and each later loop too, because the process uses its tracker."""
    global tell
    tell = multiprocessing_hook.first_loop = None
    while _pending:
        try:
            loop = _pending.pop()
        except IndexError:  # it has ended
            return
        loop.add_task()


class BriefLoop(Loop):
    """A loop that becomes a task when it must.

    Args:
        iterable: What to run over.
        description: What the loop does.
        unit: A noun for an item.
        tracker: The tracker that the task will belong to.
    """

    __slots__ = ("_began", "_counter", "_description", "_is_reported", "_size", "_tracker", "_unit")
    _counter: Counter | None
    _task: Task | None

    def __init__(self, iterable: Any, description: str, unit: str, tracker: ProgressTracker) -> None:
        self._iterable = iterable
        self._source = iter(iterable)
        self._finish = True
        self._task = self._not_begun = self._counter = None
        self._description = description
        self._unit = unit
        self._tracker = tracker
        self._is_reported = False

    @property
    def added(self) -> Task | None:
        """The task, as the parent of loops within this one; None if the loop has ended without one."""
        if self._task is None and not self._is_reported:
            settle()
        return self._task

    @property
    def task(self) -> Task:
        """The task, which is made now if there is none."""
        if self._task is None and self._is_reported:  # its end has been reported: this task is not shown
            self._tracker = silent_tracker()
            self.add_task().finish()
        elif self._task is None:
            settle()
        return super().task  # type: ignore[return-value]  # what `_begin` has returned

    def _begin(self, size: int | None, task: Task | None, begun: bool) -> Task:  # type: ignore[override]  # a slot there
        if task is None:
            task = self._tracker.add_task(self._description, size, unit=self._unit, start=begun)
        else:
            task._begin_loop(size)
        if begun:
            current_loop.set(task)
        return task

    def _open(self, source: Any) -> tuple[Counter, Iterator[Iterator[Any]]]:
        iterable = self._iterable
        counter: Counter
        size: int | None
        if type(source) in SIZED:
            size = hint = length_hint(source)
            counter = SizedCounter(source, iterable if type(iterable) is list else None)
            portions, is_quick = iter((source,)), hint <= MOST_WHOLE
        else:
            size = size_of(iterable, source)
            counter = AnyCounter(source)
            portions, is_quick = iter((counter.iterator,)), False  # type: ignore[arg-type]  # it has one until it is closed
        is_whole = is_quick or instruction(self._code, self._instruction) == "FOR_ITER"
        if not is_whole or self._task is not None or tell is None:
            return super()._open(source)
        self._size, self._counter, self._began = size, counter, monotonic()
        current_loop.set(self)
        _pending.append(self)
        try:
            start_new_thread(_wait, ())
        except RuntimeError:  # no threads here
            settle()
        return counter, portions

    def _complete(self, counter: Counter) -> None:
        tell_end = tell
        try:
            _pending.remove(self)
        except ValueError:  # it is a task, or is being made one
            settle()
            super()._complete(counter)
            return
        done, seconds = counter.handed(), monotonic() - self._began
        if tell_end is not None and seconds <= TASK_SECONDS and tell_end(done, seconds, self._unit):
            self._is_reported = True
            counter.close(done)
        else:  # from here on no other thread makes the task
            settle()
            self.add_task()
            super()._complete(counter)

    def add_task(self) -> Task:
        """Make this loop, which has begun, a task, and return it."""
        task = self._tracker.add_task(self._description, self._size, unit=self._unit, parent=None)
        task._began = self._tracker.clock() - (monotonic() - self._began)
        count_in(task, self._counter)
        self._task = task
        return task


def _wait() -> None:
    """Make the loop a task if it is still running. Runs in a thread."""
    block_signals()
    sleep(TASK_SECONDS)
    if _pending:
        settle()
