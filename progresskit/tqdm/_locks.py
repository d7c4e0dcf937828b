"""The lock that a bar holds while it writes: it excludes other threads, and processes that were forked with it.

Knows locks. Does not know bars. The process lock is made with the first bar, not with the import, which it would slow down.
"""

from __future__ import annotations

from threading import RLock
from typing import Any, ClassVar

from .._display import forked_child, process_hooks


class TqdmDefaultWriteLock:
    """A process lock and a thread lock, acquired in this order."""

    th_lock: ClassVar[Any] = RLock()
    mp_lock: ClassVar[Any]

    def __init__(self) -> None:
        self.create_mp_lock()
        self.locks = [lock for lock in (type(self).mp_lock, type(self).th_lock) if lock is not None]

    @classmethod
    def create_mp_lock(cls) -> None:
        """Make the process lock, once; None if the system has no such locks."""
        if not hasattr(cls, "mp_lock"):
            try:
                from multiprocessing import RLock as ProcessLock

                cls.mp_lock = ProcessLock()
            except (ImportError, OSError):  # no semaphores here: Pyodide, no /dev/shm
                cls.mp_lock = None

    @classmethod
    def create_th_lock(cls) -> None:
        """Do nothing: the class has its thread lock from the beginning."""

    def acquire(self, *args: Any, **options: Any) -> bool:
        """Acquire both locks, with the arguments of `Lock.acquire`, and return whether that succeeded."""
        forked_child.settle()
        taken: list[Any] = []
        for lock in self.locks:
            if not lock.acquire(*args, **options):
                for each in reversed(taken):
                    each.release()
                return False
            taken.append(lock)
        return True

    def release(self) -> None:
        """Release both locks."""
        for lock in reversed(self.locks):
            lock.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *exc: object) -> None:
        self.release()


def free_in_child(lock: Any) -> Any:
    """Return `lock`, which a forked child finds free: a thread that the child lacks may hold it at the fork."""
    _inherited.append(lock)
    return lock


def _in_child() -> None:
    for lock in _inherited:
        if not lock._is_owned():  # the thread that has forked releases its own
            lock._at_fork_reinit()


_inherited = [TqdmDefaultWriteLock.th_lock]
process_hooks.in_child(_in_child)
