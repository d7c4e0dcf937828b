"""The lock that all bars write under: of threads, and of processes that were forked with it.

Knows locks. Does not know bars. The lock of processes is made with the first bar, not with the import.
"""

from __future__ import annotations

from threading import RLock
from typing import Any, ClassVar


class TqdmDefaultWriteLock:
    """Holds a lock of threads and one of processes, always taken in this order."""

    th_lock: ClassVar[Any] = RLock()
    mp_lock: ClassVar[Any]

    def __init__(self) -> None:
        self.create_mp_lock()
        self.locks = [lock for lock in (type(self).mp_lock, type(self).th_lock) if lock is not None]

    @classmethod
    def create_mp_lock(cls) -> None:
        """Make the lock of processes, once; None where there can be none."""
        if not hasattr(cls, "mp_lock"):
            try:
                from multiprocessing import RLock as ProcessLock

                cls.mp_lock = ProcessLock()
            except (ImportError, OSError):  # no semaphores here: Pyodide, no /dev/shm
                cls.mp_lock = None

    @classmethod
    def create_th_lock(cls) -> None:
        """Do nothing: the lock of threads is there from the beginning."""

    def acquire(self, *args: Any, **options: Any) -> bool:
        """Take all locks; return whether that was possible without waiting where that was asked for."""
        taken: list[Any] = []
        for lock in self.locks:
            if not lock.acquire(*args, **options):
                for each in reversed(taken):
                    each.release()
                return False
            taken.append(lock)
        return True

    def release(self) -> None:
        """Give all locks back."""
        for lock in reversed(self.locks):
            lock.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *exc: object) -> None:
        self.release()
