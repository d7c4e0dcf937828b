"""`gather`, `as_completed` and the maps: order, results and exceptions are the standard library's."""

from __future__ import annotations

import asyncio
import concurrent.futures
import multiprocessing
import operator
import threading
from typing import Any

import pytest

from progresskit.concurrent import as_completed, gather, map_processes, map_threads

FORK = multiprocessing.get_context("fork")


def test_map_threads(tracked: Any) -> None:
    """Results are in the order of the arguments, whichever call ends first; the shortest iterable decides their number."""
    later = threading.Event()

    def call(number: int, text: str) -> str:
        if number == 0:
            assert later.wait(60)
        else:
            later.set()
        return f"{number}{text}"

    assert map_threads(call, [0, 1, 2], "abcd", max_workers=2, description="Calls") == ["0a", "1b", "2c"]
    assert map_threads(call, [], "ab", description="None") == []
    assert tracked.ended() == [("Calls", 3, 3, "finished"), ("None", 0, 0, "finished")]


def test_map_raises(tracked: Any) -> None:
    """The first exception in the order of the arguments is raised, as `Executor.map` does, and the task has failed."""

    def call(number: int) -> int:
        if number in (2, 4):
            raise ValueError(number)
        return number

    with concurrent.futures.ThreadPoolExecutor(2) as pool, pytest.raises(ValueError, match="2"):
        list(pool.map(call, range(6)))
    with pytest.raises(ValueError, match="2"):
        map_threads(call, range(6), max_workers=2)
    assert (tracked.added[0].state, tracked.added[0].reason) == ("failed", "ValueError: 2")
    released = threading.Event()
    try:
        with pytest.raises(TimeoutError):
            threading.Timer(0.2, released.set).start()
            map_threads(lambda _: released.wait(60), [1], timeout=0.01)
    finally:
        released.set()
    with pytest.raises(ValueError, match="chunksize is 0"):
        map_processes(abs, [1], chunksize=0)


@pytest.mark.parametrize("chunksize", [1, 4])
def test_map_processes(tracked: Any, chunksize: int) -> None:
    """Calls in processes count, in chunks too; their errors are raised here."""
    assert map_processes(abs, range(-9, 0), max_workers=2, chunksize=chunksize, mp_context=FORK) == list(
        range(9, 0, -1)
    )
    assert tracked.ended()[0][1:] == (9, 9, "finished")
    with pytest.raises(ZeroDivisionError):
        map_processes(operator.floordiv, [1, 2], [1, 0], max_workers=1, chunksize=chunksize, mp_context=FORK)
    assert tracked.added[1].state == "failed"


def test_gather(tracked: Any) -> None:
    """Results in order; a coroutine that is given twice runs once; exceptions are raised or returned, as `asyncio.gather` does."""

    async def double(number: int) -> int:
        await asyncio.sleep(0)
        if number < 0:
            raise ValueError(number)
        return 2 * number

    async def main() -> None:
        twice = double(4)
        assert await gather(double(1), twice, double(3), twice, description="Doubling") == [2, 8, 6, 8]
        with pytest.raises(ValueError, match="-1"):
            await gather(double(1), double(-1))
        returned = await gather(double(-1), double(5), return_exceptions=True)
        assert isinstance(returned[0], ValueError) and returned[1] == 10
        assert await gather() == []
        hanging = gather(asyncio.Event().wait())
        await asyncio.sleep(0)
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        await asyncio.sleep(0)

    asyncio.run(main())
    assert [state for *_, state in tracked.ended()] == ["finished", "failed", "finished", "finished", "cancelled"]
    assert tracked.ended()[0] == ("Doubling", 3, 3, "finished")


def test_as_completed(tracked: Any) -> None:
    """Futures of both kinds come as they are done, and count; a time-out is the standard library's."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(abs, -number) for number in range(5)]
        assert {each.result() for each in as_completed([*futures, futures[0]])} == set(range(5))

    async def main() -> list[int]:
        return sorted([await each for each in as_completed([asyncio.sleep(0, number) for number in range(3)])])

    assert asyncio.run(main()) == [0, 1, 2]
    never: concurrent.futures.Future[None] = concurrent.futures.Future()
    with pytest.raises(concurrent.futures.TimeoutError):
        list(as_completed([never], timeout=0.01))
    assert [each[1:] for each in tracked.ended()] == [(5, 5, "finished"), (3, 3, "finished"), (0, 1, "failed")]
