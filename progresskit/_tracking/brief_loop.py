"""Loops that are no tasks yet: the first loop of a forked worker, and the loops in pieces of an engine's work.

Where a process or a piece of work lives for milliseconds, a task would cost a large part of that. So a brief loop at first counts by
itself, in as few functions as possible, and reports its end by itself. It becomes a task if it runs on, if it ends before its last
item, or if its process or piece of work uses a tracker meanwhile.

A worker that is forked for one short loop copies each memory page that it writes to, which takes some microseconds per page, so
that a task, the ticker's thread and a connection to the hub would more than double its time. Its loop becomes a task after a twentieth
of a second. Does not know processes: `processes.workers` sets the functions that report an end and clean up inherited state.
`processes.reporter` knows the loops of an engine's work.
"""

from __future__ import annotations

import abc
from contextvars import copy_context
from operator import length_hint
from os import getpid
from time import monotonic

from .._system.threads import caller_after
from . import joining, multiprocessing_hook
from .core import current_loop
from .joining import current_tracker
from .loop_counters import SIZED, AnyCounter, SizedCounter, count_in, size_of
from .loops import NOBODY, Loop
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

REHEARSALS = 64
"""Loops after which CPython has adapted their code, also if other loops have gone before: 8 do from 3.11 on, and 53 that differ."""

tell: Tell | None = None
"""Reports that the first loop of a forked worker has ended, with its count, its seconds and its unit. Returns whether
it could. None where loops are tasks from the beginning."""
watch: Callable[[], object] = int
"""Makes the loop a task after `TASK_SECONDS`, if it is still running. A worker can use it once. Raises RuntimeError if no thread can
be started."""
settle: Callable[[], object] = int
"""Cleans up what a forked worker has inherited, before the worker uses a tracker. Then calls `add_tasks`."""
without_first = [0]
"""The process, by its number, whose next loop is not the first of a worker: the one that forks workers, or a worker that has had
its first loop. (A list, since a change of a module's name copies three pages.)"""
_rehearsed: list[bool] = []  # whether the loop has been rehearsed; a list as above
_spare: list[Any] = []
"""What a worker's first `track` returns, made before the fork, since a worker would copy a dozen pages to make it."""
_pending: list[BriefLoop] = []  # the first loop while it is no task


def is_plain(iterable: Any, description: object, unit: object) -> bool:
    """Return whether a loop over `iterable` may be a brief one."""
    return (
        type(description) is str
        and type(unit) is str
        and (unit == "it" or (0 < len(unit) <= LONGEST_UNIT and unit.isprintable()))
        and not joining.disabled_blocks
        and not hasattr(iterable, "__aiter__")
    )


def first_loop(iterable: Any, description: Any, unit: Any) -> Iterator[Any] | None:
    """Return the iterator of the first loop of a forked worker, or None if the loop must be a task from the beginning."""
    pid = getpid()
    if without_first[0] == pid:
        return None
    without_first[0] = pid
    if tracker_providers or not is_plain(iterable, description, unit):
        return None
    source, tracker = iter(iterable), current_tracker()
    try:
        tracked: Iterator[Any] = _spare.pop()
    except IndexError:  # another thread has just begun the first loop
        return None
    loop: Any = tracked._loop  # type: ignore[attr-defined]  # it is a `Tracked`
    loop._iterable, loop._source, loop._tracker = iterable, source, tracker
    loop._description, loop._unit = description, unit
    return tracked


def prepare(report: Tell, clean_up: Callable[[], object]) -> None:
    """Prepare the workers that this process forks, for which `report` and `clean_up` become `tell` and `settle`."""
    global tell, settle, watch
    if not _rehearsed:
        _rehearsed.append(True)
        copy_context().run(_rehearse)  # a loop that has been reported stays its context's current one
    tell, settle, watch = report, clean_up, caller_after(TASK_SECONDS, _settle_if_running)
    _make_spare()


def _make_spare() -> None:
    _spare[:] = [_FirstLoop((), "", "it", silent_tracker()).run()]


def _rehearse() -> None:
    """Run loops, so that the interpreter adapts the code to them before the first fork.

    Code that it has not adapted yet looks up each attribute by its name, and a worker copies the memory pages of the names and of what
    they stand for: fifty in one loop.
    """
    global tell
    tell = tell_nobody
    try:
        for _ in range(REHEARSALS):
            _make_spare()
            without_first[0] = 0
            tracked: Any = first_loop(range(1), "", "it")
            if tracked is None:  # loops belong to an engine here
                return
            tracked._loop._tracker = silent_tracker()  # whatever happens, it is not shown
            for _ in tracked:
                pass
    except Exception:  # no memory or stack left: loops only cost more
        pass
    finally:
        tell = None
        _pending.clear()


def tell_nobody(count: int, seconds: float, unit: str) -> bool:
    """Return True, where nothing is shown of a brief loop."""
    return True


def add_tasks() -> None:
    """Make the loop a task, and each later loop too, because the process uses its tracker."""
    global tell
    tell = multiprocessing_hook.first_loop = None
    make_tasks(_pending)


def make_tasks(pending: list[BriefLoop]) -> None:
    """Make the `pending` loops tasks."""
    while pending:
        try:
            loop = pending.pop()
        except IndexError:  # it has ended
            return
        loop.add_task()


class BriefLoop(Loop, abc.ABC):
    """A loop that becomes a task when it must.

    Args:
        iterable: What to run over.
        description: What the loop does.
        unit: A noun for an item.
        pending: The brief loops that have begun and may become tasks, with which this one belongs. The code that removes a loop
            from there decides whether it becomes a task.
    """

    __slots__ = ("_began", "_description", "_is_reported", "_pending", "_size", "_unit")
    _task: Task | None

    def __init__(self, iterable: Any, description: str, unit: str, pending: list[BriefLoop]) -> None:
        self._iterable = iterable
        self._source = iter(iterable)
        self._finish = True
        self._task = self._not_begun = self._counter = self.is_left = None
        self._consumer = NOBODY
        self._description = description
        self._unit = unit
        self._pending = pending
        self._is_reported = False

    # What differs by where the loop is

    @abc.abstractmethod
    def _home(self) -> ProgressTracker:
        """Return the tracker that the task belongs to."""

    @abc.abstractmethod
    def _watch(self) -> bool:
        """See to it that the loop, which begins, becomes a task in time; return whether it may be a brief one."""

    @abc.abstractmethod
    def _settle(self) -> object:
        """Make all loops that belong together tasks. Other threads that do so are waited for."""

    @abc.abstractmethod
    def _tell(self, count: int, seconds: float) -> bool:
        """Report that the loop has ended after `seconds` with `count` items; return whether it was brief enough for that."""

    @property
    def added(self) -> Task | None:
        """The task, as the parent of loops within this one; None if the loop has ended without one."""
        if self._task is None and not self._is_reported:
            self._settle()
        return self._task

    @property
    def task(self) -> Task:
        """The task, which is made now if there is none."""
        if self._task is None and self._is_reported:  # its end has been reported: this task is not shown
            self.add_task(silent_tracker()).finish()
        elif self._task is None:
            self._settle()
        return super().task  # type: ignore[return-value]  # what `_begin` has returned

    def _begin(self, size: int | None, task: Task | None, begun: bool) -> Task:  # type: ignore[override]  # a slot there
        if task is None:
            task = self._home().add_task(self._description, size, unit=self._unit, start=begun)
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
        code, at, _ = self._consumer
        is_whole = is_quick or instruction(code, at) == "FOR_ITER"
        if not is_whole or self._task is not None:
            return super()._open(source)
        self._size, self._counter, self._began = size, counter, monotonic()
        if not self._watch():
            return super()._open(source)
        current_loop.set(self)
        return counter, portions

    def _complete(self, counter: Counter) -> None:
        try:
            self._pending.remove(self)
        except ValueError:  # it is a task, or is being made one
            self._settle()
            self._complete_task(counter)
            return
        done = counter.handed()
        if self._tell(done, monotonic() - self._began):
            self._is_reported = True
            counter.close(done)
        else:  # from here on no other thread makes the task
            self._settle()
            self.add_task()
            self._complete_task(counter)

    def _complete_task(self, counter: Counter) -> None:
        super()._complete(counter)
        if current_loop.get() is self:
            current_loop.set(None)

    def add_task(self, tracker: ProgressTracker | None = None) -> Task:
        """Make this loop, which has begun, a task of `tracker`, by default the one that it is at home in, and return it."""
        tracker = self._home() if tracker is None else tracker
        task = tracker.add_task(self._description, self._size, unit=self._unit, parent=None)
        task._began = tracker.clock() - (monotonic() - self._began)
        count_in(task, self._counter)
        self._task = task
        return task


class _FirstLoop(BriefLoop):
    """The first loop of a forked worker.

    Args:
        iterable, description, unit: As for `BriefLoop`.
        tracker: The tracker that the task will belong to.
    """

    __slots__ = ("_tracker",)

    def __init__(self, iterable: Any, description: str, unit: str, tracker: ProgressTracker) -> None:
        super().__init__(iterable, description, unit, _pending)
        self._tracker = tracker

    def _home(self) -> ProgressTracker:
        return self._tracker

    def _watch(self) -> bool:
        if tell is None:
            return False
        _pending.append(self)
        try:
            watch()
        except RuntimeError:  # no threads here
            settle()
        return True

    def _settle(self) -> object:
        return settle()

    def _tell(self, count: int, seconds: float) -> bool:
        return tell is not None and seconds <= TASK_SECONDS and tell(count, seconds, self._unit)


def _settle_if_running() -> None:
    """Make the loop a task if it is still running."""
    if _pending:
        settle()
