"""A thread that does the latest of the jobs it is given, for bars that report over a network."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

__all__ = ["MonoWorker"]


class MonoWorker:
    """Runs one job at a time; of those that wait, the last one counts and the others are called off."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(max_workers=1)
        self.futures: list[Future[Any]] = []
        self._lock = Lock()

    def submit(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `func` when the job at work is done, unless another is submitted by then."""
        with self._lock:
            self.futures = [future for future in self.futures if not future.done() and not future.cancel()]
            future = self.pool.submit(func, *args, **kwargs)
            self.futures.append(future)
            return future
