"""`gather`, `as_completed` and the `map` of threads and processes, with a task that counts what is done.

Order, results and exceptions are the standard library's. Knows futures and executors. Does not know how a task is drawn.
"""

from __future__ import annotations

import concurrent.futures
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from ._tracking import multiprocessing_hook
from ._tracking.joining import current_tracker

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Iterable, Iterator
    from concurrent.futures import Future

    from ._tracking.task import Task

    T = TypeVar("T")
    R = TypeVar("R")

__all__ = ["as_completed", "gather", "map_processes", "map_threads"]


def gather(
    *awaitables: Awaitable[Any],
    return_exceptions: bool = False,
    description: str = "",
    unit: str = "it",
    **options: Any,
) -> asyncio.Future[list[Any]]:
    """Run `awaitables` at the same time, as `asyncio.gather` does, with a task that counts those that are done.

    Args:
        awaitables: Coroutines, tasks and futures; one that is given twice runs once.
        return_exceptions: Whether exceptions are results; otherwise the first one is raised, and the rest runs on.
        description: The task's.
        unit: A noun for an awaitable.
        options: What `ProgressTracker.add_task` takes besides: parent, keep, color.

    Returns:
        What `asyncio.gather` returns: a future of the results, in the order of `awaitables`.

    Example:
        >>> async def double(number):
        ...     return 2 * number
        >>> async def main():
        ...     return await gather(double(1), double(2), description="Doubling")
        >>> import asyncio
        >>> asyncio.run(main())
        [2, 4]
    """
    import asyncio  # late, see `as_completed`

    futures: dict[Any, Any] = {}
    for awaitable in awaitables:
        if awaitable not in futures:
            futures[awaitable] = asyncio.ensure_future(awaitable)
    task = current_tracker().add_task(description, total=len(futures), unit=unit, **options)
    results = asyncio.gather(*(futures[each] for each in awaitables), return_exceptions=return_exceptions)
    for future in futures.values():
        future.add_done_callback(lambda each: None if each.cancelled() else task.advance())

    def end(results: asyncio.Future[list[Any]]) -> None:
        # By the futures, whose exceptions `gather` has looked at: looking at its own would silence a program that never does.
        error = next((each.exception() for each in futures.values() if each.done() and _failed(each)), None)
        is_cancelled = results.cancelled() or any(each.cancelled() for each in futures.values())
        if error is not None and not return_exceptions:
            task.fail(error)
        elif is_cancelled and (not return_exceptions or task.completed == 0 or results.cancelled()):
            task.cancel()
        else:
            task.finish()

    results.add_done_callback(end)
    return results


def _failed(future: Any) -> bool:
    return not future.cancelled() and future.exception() is not None


def as_completed(
    futures: Iterable[Any],
    *,
    timeout: float | None = None,
    description: str = "",
    unit: str = "it",
    **options: Any,
) -> Any:
    """Return an iterator over `futures` as they are done, with a task that counts them.

    Args:
        futures: Futures of `concurrent.futures`, or whatever `asyncio.as_completed` takes.
        timeout: Seconds until `TimeoutError` is raised; None: no limit.
        description: The task's.
        unit: A noun for a future.
        options: What `track` takes besides: keep, color.

    Returns:
        What the `as_completed` of the standard library that fits the futures returns.

    Example:
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> with ThreadPoolExecutor() as pool:
        ...     futures = [pool.submit(abs, number) for number in (-1, -2)]
        ...     sorted(future.result() for future in as_completed(futures, description="Results"))
        [1, 2]
    """
    given = list(futures)
    source: Any
    if given and all(isinstance(each, concurrent.futures.Future) for each in given):
        source = concurrent.futures.as_completed(given, timeout=timeout)
    else:
        import asyncio  # a pool's program does without, and asyncio takes longer than this package

        source = asyncio.as_completed(given, timeout=timeout)
    # One that is given twice comes once.
    return current_tracker().track(source, description, total=len(set(given)), unit=unit, **options)


def map_threads(
    function: Callable[..., R],
    *iterables: Iterable[Any],
    max_workers: int | None = None,
    timeout: float | None = None,
    description: str = "",
    unit: str = "it",
    **options: Any,
) -> list[R]:
    """Return `list(map(function, *iterables))`, computed in threads, with a task that counts the calls that are done.

    Args:
        function: What is called.
        iterables: Its arguments, as `map` takes them: the shortest decides how many calls there are.
        max_workers: Threads at most; None: as many as `ThreadPoolExecutor` takes.
        timeout: Seconds until `TimeoutError` is raised; None: no limit.
        description: The task's.
        unit: A noun for a call.
        options: What `ProgressTracker.add_task` takes besides: parent, keep, color.

    Raises:
        Exception: the first that a call raised, in the order of the arguments; calls that have not begun are called off.

    Example:
        >>> map_threads(pow, [2, 3], [5, 2], description="Powers")
        [32, 9]
    """
    calls = list(zip(*iterables, strict=False))
    until = _until(timeout)
    with (
        concurrent.futures.ThreadPoolExecutor(max_workers) as pool,
        current_tracker().add_task(description, total=len(calls), unit=unit, **options) as task,
    ):

        def call(arguments: tuple[Any, ...]) -> R:
            result = function(*arguments)
            task.advance()
            return result

        return _results((pool.submit(call, arguments) for arguments in calls), until)


def map_processes(
    function: Callable[..., R],
    *iterables: Iterable[Any],
    max_workers: int | None = None,
    chunksize: int = 1,
    timeout: float | None = None,
    mp_context: Any = None,
    description: str = "",
    unit: str = "it",
    **options: Any,
) -> list[R]:
    """Return `list(map(function, *iterables))`, computed in processes, with a task that counts the calls that are done.

    The tasks of the processes stand in this one's display.

    Args:
        function: What is called; it must be possible to pickle it.
        iterables: Its arguments, as `map` takes them.
        max_workers: Processes at most; None: as many as `ProcessPoolExecutor` takes.
        chunksize: Calls that are handed to a process at a time; they count when all of them are done.
        timeout: Seconds until `TimeoutError` is raised; None: no limit.
        mp_context: How processes are started, as `multiprocessing.get_context` returns it; None: as usual.
        description: The task's.
        unit: A noun for a call.
        options: What `ProgressTracker.add_task` takes besides: parent, keep, color.

    Raises:
        ValueError: `chunksize` is below 1.
        Exception: the first that a call raised, in the order of the arguments; calls that have not begun are called off.

    Example:
        >>> map_processes(abs, [-1, 2, -3], max_workers=1, description="Numbers")
        [1, 2, 3]
    """
    if chunksize < 1:
        raise ValueError(f"chunksize is {chunksize!r:.80}: give a whole number from 1.")
    calls = list(zip(*iterables, strict=False))
    until = _until(timeout)
    with (
        _workers_invited(),
        concurrent.futures.ProcessPoolExecutor(max_workers, mp_context=mp_context) as pool,
        current_tracker().add_task(description, total=len(calls), unit=unit, **options) as task,
    ):

        def submit(chunk: list[tuple[Any, ...]]) -> Future[list[R]]:
            future = pool.submit(_run, function, chunk)
            future.add_done_callback(_counter(task, len(chunk)))
            return future

        chunks = (calls[first : first + chunksize] for first in range(0, len(calls), chunksize))
        return [result for results in _results(map(submit, chunks), until) for result in results]


@contextmanager
def _workers_invited() -> Iterator[None]:
    """Let processes that start within the block show their tasks on the display of this process."""

    def wanted() -> bool:
        return True

    multiprocessing_hook.allow_joining(wanted)
    try:
        yield
    finally:
        multiprocessing_hook.disallow_joining(wanted)


def _until(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout


def _results(futures: Iterator[Future[R]], until: float | None) -> list[R]:
    """Return the results of `futures`, in their order, by the time `until`. An error calls off those that have not begun."""
    submitted: list[Future[R]] = []
    try:
        submitted.extend(futures)
        return [each.result(None if until is None else until - time.monotonic()) for each in submitted]
    except BaseException:
        for each in submitted:
            each.cancel()
        raise


def _run(function: Callable[..., R], calls: list[tuple[Any, ...]]) -> list[R]:
    return [function(*arguments) for arguments in calls]


def _counter(task: Task, calls: int) -> Callable[[Future[Any]], None]:
    def count(future: Future[Any]) -> None:
        if not future.cancelled() and future.exception() is None:
            task.advance(calls)

    return count
