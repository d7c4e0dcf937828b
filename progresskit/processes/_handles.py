"""Handles: tasks of another process, which hand on what this process counts in them.

Knows how a task gets to another process, and when a handle begins to count. Does not know who shows the task.
"""

from __future__ import annotations

from _thread import RLock
from typing import TYPE_CHECKING, Any

from .._display import forked_child, process_hooks
from .._tracking.arguments import shared_kind
from .._tracking.core import TrackerCore
from .._tracking.task import Task, _TickingTask
from .._tracking.tracker import ProgressTracker, silent_tracker
from . import _host
from ._numbers import numbers_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._host import Host

    Count = int | float


class _HandlesCore(TrackerCore):
    """The core of a tracker that draws nothing."""

    def show(self) -> None:
        """Do nothing: there are no rows to draw."""

    def note_end(self, task: Task) -> None:
        """Do nothing: the end of a handle does not end the task, which belongs to the other process."""


class _Handles(ProgressTracker):
    """The handles of another process's tasks: a tracker without rows, whose counts are sent as numbers."""

    is_elsewhere = True
    _core_type = _HandlesCore

    def __init__(self, address: str) -> None:
        super().__init__("none")
        self.address = address
        self.known: dict[int, Task] = {}


_handles: dict[str, _Handles] = {}


def _handles_of(address: str) -> _Handles:
    found = _handles.get(address)
    if found is None:
        found = _handles[address] = _Handles(address)
    return found


class Untouched(Task):
    """A task of another process that this process has not counted in yet. The first count makes it an ordinary `Task`."""

    __slots__ = ()

    def advance(self, n: Count = 1) -> None:
        self._begin()
        self.advance(n)

    @property
    def tick(self) -> Callable[[], None]:  # type: ignore[override]  # a readable value, as the slot of a task
        self._begin()
        return self.tick

    def update(self, **changes: Any) -> None:
        self._begin()
        self.update(**changes)

    def track(self, iterable: Any, **options: Any) -> Any:
        self._begin()
        return self.track(iterable, **options)

    def _begin(self) -> None:
        """Become an ordinary task whose counts are sent to the hub."""
        forked_child.settle()
        with _lock:
            origin = _origins.pop(id(self), None)
            if origin is None:  # another thread has done it
                return
            address, number = origin
            try:
                numbers_for(address).add(number, self, self.completed)
            finally:
                kind: type[Task] = _TickingTask if hasattr(self, "_tick") else Task
                self.__class__ = kind  # type: ignore[assignment]  # a class of the same layout


_lock = RLock()  # held while a task becomes an ordinary one
Untouched.__name__ = Untouched.__qualname__ = "Task"
_origins: dict[int, tuple[str, int]] = {}  # by id() of tasks that this process has not counted in yet
_numbers: dict[int, tuple[str, int]] = {}  # by id() of all handles, so that they can be handed on


def _share(address: str, number: int, task: Task) -> None:
    _origins[id(task)] = _numbers[id(task)] = address, number
    task.__class__ = Untouched
    _handles_of(address).known[number] = task


def reduce(task: Task) -> tuple[Any, ...]:
    """Return the function and arguments that make `task` in the process that unpickles it."""
    forked_child.settle()
    unit, color, *_ = task._kind
    origin = _numbers.get(id(task))
    if origin is None:
        try:
            host = _host.get()
        except (OSError, RuntimeError):  # no descriptors or threads left
            return _uncounted, (task.description, task.total, unit, color)
        host.hand_out(task)
        origin = host.address, task.id
    return handle, (*origin, task.description, task.total, unit, color)


def _uncounted(description: str, total: Count | None, unit: str, color: str | None) -> Task:
    """Return a task that is not shown, in place of one of a process whose hub could not start."""
    return silent_tracker().add_task(description, total, unit=unit, color=color)


def handle(address: str, number: int, description: str, total: Count | None, unit: str, color: str | None) -> Task:
    """Return the task `number` of the process whose hub is at `address`: there the task itself, elsewhere a handle for it."""
    forked_child.settle()
    host = _host.current
    if host is not None and host.address == address and number in host.handles:
        return host.handles[number]
    handles = _handles_of(address)
    known = handles.known.get(number)
    if known is None:
        kind = shared_kind((unit, color, False, None, False, None))
        known = Task(handles, number, description, total, 0, kind, handles.clock(), {})
        _share(address, number, known)
    known._end = None
    numbers_for(address).note_use(number)
    return known


def has_handles() -> bool:
    """Return whether this process has handles of another one's tasks."""
    return bool(_handles)


def share_tasks(host: Host | None) -> None:
    """Make the tasks of the parent's `host` handles, so that this process sends what it counts in them to the parent."""
    if host is not None and host.handles:
        own = host.address
        for number, task in host.handles.items():
            if task._end is None:
                _share(own, number, task)


def _in_child() -> None:
    """Make handles anew for tasks that the parent itself has been handed. The parent sends what was counted before the fork."""
    global _lock
    _lock = RLock()
    handed = [(each.address, *known) for each in _handles.values() for known in each.known.items()] if _handles else ()
    if _numbers:
        for table in (_handles, _origins, _numbers):
            table.clear()
    for known in handed:
        _share(*known)


process_hooks.in_child(_in_child)
