"""The first loop of a forked worker: it becomes a task once it has lived for a twentieth of a second.

A worker that is forked for one short loop lives for a millisecond or two. A task, the ticker's thread and a connection to the hub
would more than double that, because a forked process copies each memory page that it writes to, at some microseconds each. So the
loop counts by itself at first, in as few functions as possible, and tells its end in one write. It becomes a task if it lives
on, if it ends in any other way than by its last item, or if the process uses a tracker meanwhile.
Does not know processes: how ends are told, and how what is inherited is put in order, is set by `processes.workers`.
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
"""Items that any consumer may run through without other threads having a turn: in C that takes less than a millisecond."""
LONGEST_UNIT = 40
"""Characters of a unit that is told in one write."""

tell: Tell | None = None
"""Tells that the first loop of a forked worker has come to its end: its units, its seconds and its unit; returns whether that was
possible. None where loops are tasks from the beginning."""
settle: Callable[[], object] = int
"""Puts in order what a forked worker inherits, before it uses a tracker, and calls `add_tasks` at last."""
_pending: list[BriefLoop] = []
"""The loop while it is no task. The code that removes it from here decides whether it becomes a task."""


def first_loop(iterable: Any, description: object, unit: object) -> Iterator[Any] | None:
    """Return the iterator of a brief loop, or None where it must be a task from the beginning."""
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
    """Make the loop a task, and have none be brief from here on: the process uses its tracker."""
    global tell
    tell = multiprocessing_hook.first_loop = None
    while _pending:
        try:
            loop = _pending.pop()
        except IndexError:  # it has come to its end
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

    __slots__ = ("_began", "_counter", "_description", "_is_told", "_size", "_tracker", "_unit")
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
        self._is_told = False

    @property
    def added(self) -> Task | None:
        """The task, which a loop within this one is a part of; None if the loop has come to its end without one."""
        if self._task is None and not self._is_told:
            settle()
        return self._task

    @property
    def task(self) -> Task:
        """The task, which there is from now on."""
        if self._task is None and self._is_told:  # its end has been counted: nobody shows this one
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
            self._is_told = True
            counter.close(done)
        else:  # a task after all; from here on it is no other thread's to make
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
    """Make the loop a task if it lives on. Runs in a thread."""
    block_signals()
    sleep(TASK_SECONDS)
    if _pending:
        settle()
