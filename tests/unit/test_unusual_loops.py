"""Unusual loops: the task ends as the loop has ended."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from bench import Bench

Track = Callable[..., Any]
EARLY = "stopped early"


class Raising:
    """An iterator that raises at its third item."""

    def __init__(self, make: Callable[[], BaseException]) -> None:
        self.make = make
        self.asked = 0

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        self.asked += 1
        if self.asked == 3:
            raise self.make()
        return self.asked


def two_tracks(track: Track) -> None:
    for _ in zip(track(range(3), "a"), track(range(5), "b"), strict=False):
        pass


def uneven_tracks(track: Track) -> None:
    with contextlib.suppress(ValueError):
        for _ in zip(track(range(3), "a"), track(range(5), "b"), strict=True):
            pass


def teed(track: Track) -> None:
    first, second = itertools.tee(track(range(4), "a"))
    assert list(first) == list(second) == [0, 1, 2, 3]


def sliced_twice(track: Track) -> None:
    items = track(range(9), "a")
    assert list(itertools.islice(items, 3)) == [0, 1, 2]
    assert list(itertools.islice(items, 3)) == [3, 4, 5]


def sliced_to_the_end(track: Track) -> None:
    items = track(range(6), "a")
    while list(itertools.islice(items, 4)):
        pass


def sent_into(track: Track) -> None:
    def source() -> Iterator[int]:
        yield from range(4)

    generator = source()
    assert [next(iter(track(generator, "a")))] == [0]
    assert generator.send(None) == 1  # the source is the user's still


def with_else(track: Track) -> None:
    for _ in track(range(3), "a"):
        pass
    else:
        return
    raise AssertionError


def swallowed(track: Track) -> None:
    for number in track(range(4), "a"):
        try:
            1 / (number - 2)
        except ZeroDivisionError:
            continue


def suppressed(track: Track) -> None:
    for number in track(range(4), "a"):
        with contextlib.suppress(ZeroDivisionError):
            1 / (number - 2)


def suppressed_around(track: Track) -> None:
    with contextlib.suppress(ZeroDivisionError):
        for number in track(range(4), "a"):
            1 / (number - 2)


def left_in_finally(track: Track) -> None:
    for number in track(range(4), "a"):
        try:
            1 / (number - 2)
        except ZeroDivisionError:
            break
        finally:
            gc.collect()


def shared_by_threads(track: Track) -> None:
    items, lock, seen = track(range(1_000), "a"), threading.Lock(), []

    def work() -> None:
        while True:
            with lock:
                number = next(items, None)
            if number is None:
                return
            seen.append(number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(1_000))


def raising(make: Callable[[], BaseException]) -> Callable[[Track], None]:
    def loop(track: Track) -> None:
        with contextlib.suppress(BaseException):
            for _ in track(Raising(make), "a"):
                pass

    return loop


def made_before(make: Callable[[], BaseException]) -> Callable[[Track], None]:
    def loop(track: Track) -> None:
        error = make()  # not before: the collector does not visit objects of imports here
        gc.collect()  # which takes the error out of the young objects
        with contextlib.suppress(BaseException):
            for number in track(range(4), "a"):
                if number == 2:
                    raise error

    return loop


def chained(track: Track) -> None:
    assert list(itertools.chain(track([1, 2], "a"), track([3], "b"))) == [1, 2, 3]


def starred(track: Track) -> None:
    first, *rest = track(range(4), "a")
    assert (first, rest) == (0, [1, 2, 3])


def by_hand(track: Track) -> None:
    items = track(range(2), "a")
    assert [next(items), next(items), next(items, "over"), next(items, "over")] == [0, 1, "over", "over"]


def nested_left(track: Track) -> None:
    for outer in track(range(3), "a"):
        for inner in track(range(5), "b", keep=False):
            if inner == 2:
                break
        if outer == 1:
            break


def grouped(track: Track) -> None:
    assert [key for key, _ in itertools.groupby(track("aabb", "a"))] == ["a", "b"]


def asynchronous(track: Track) -> None:
    async def pages() -> AsyncIterator[int]:
        for number in range(3):
            yield number

    async def run() -> list[int]:
        return [number async for number in track(pages(), "a") if number != 1]

    assert asyncio.run(run()) == [0, 2]


def asynchronous_left(track: Track) -> None:
    async def pages() -> AsyncIterator[int]:
        for number in range(3):
            yield number

    async def run() -> None:
        async with contextlib.aclosing(pages()) as source:
            async for _ in track(source, "a"):
                break

    asyncio.run(run())


LOOPS: dict[str, tuple[Callable[[Track], Any], list[tuple[str, str, int, str | None]]]] = {
    "zip of two": (two_tracks, [("a", "finished", 3, None), ("b", "cancelled", 3, EARLY)]),
    "zip of two, strict": (uneven_tracks, [("a", "finished", 3, None), ("b", "failed", 4, "ValueError")]),
    "tee": (teed, [("a", "finished", 4, None)]),
    "islice twice": (sliced_twice, [("a", "cancelled", 5, EARLY)]),
    "islice to the end": (sliced_to_the_end, [("a", "finished", 6, None)]),
    "next of a generator": (sent_into, [("a", "cancelled", 0, EARLY)]),
    "for and else": (with_else, [("a", "finished", 3, None)]),
    "an error that the body catches": (swallowed, [("a", "finished", 4, None)]),
    "an error that the body suppresses": (suppressed, [("a", "finished", 4, None)]),
    "an error that is suppressed around it": (suppressed_around, [("a", "failed", 2, "ZeroDivisionError")]),
    "break out of a handler": (left_in_finally, [("a", "cancelled", 2, EARLY)]),
    "threads": (shared_by_threads, [("a", "finished", 1_000, None)]),
    "a source that raises": (raising(lambda: OSError("gone")), [("a", "failed", 2, "OSError: gone")]),
    "a source that raises KeyboardInterrupt": (raising(KeyboardInterrupt), [("a", "cancelled", 2, None)]),
    "a source that raises SystemExit": (raising(lambda: SystemExit(3)), [("a", "cancelled", 2, None)]),
    "a source that raises StopIteration": (raising(StopIteration), [("a", "finished", 2, None)]),
    "an error that was made long before": (
        made_before(lambda: OSError("gone")),
        [("a", "failed", 2, "OSError: gone")],
    ),
    "an interrupt that was made long before": (made_before(KeyboardInterrupt), [("a", "cancelled", 2, None)]),
    "chain": (chained, [("a", "finished", 2, None), ("b", "finished", 1, None)]),
    "starred": (starred, [("a", "finished", 4, None)]),
    "by hand": (by_hand, [("a", "finished", 2, None)]),
    "both of two are left": (
        nested_left,
        [("a", "cancelled", 1, EARLY), ("b", "cancelled", 2, EARLY), ("b", "cancelled", 2, EARLY)],
    ),
    "groupby": (grouped, [("a", "finished", 4, None)]),
    "async comprehension": (asynchronous, [("a", "finished", 3, None)]),
    "async break": (asynchronous_left, [("a", "cancelled", 0, EARLY)]),
}


@pytest.mark.parametrize("name", LOOPS)
def test_unusual_loops(bench: Bench, name: str) -> None:
    """State, count and reason of each task."""
    loop, expected = LOOPS[name]
    tasks: list[Any] = []
    add = bench.tracker.add_task
    bench.tracker.add_task = lambda *a, **k: (tasks.append(add(*a, **k)), tasks[-1])[1]  # type: ignore[method-assign]
    loop(bench.tracker.track)
    gc.collect()
    found = [(task.description, task.state, task.completed, task.reason) for task in tasks]
    assert [each[:3] for each in found] == [each[:3] for each in expected]
    for (*_, reason), (*_, wanted) in zip(found, expected, strict=True):
        if sys.version_info >= (3, 12) or wanted is None or wanted == EARLY:  # 3.11 does not know what C code raises
            assert reason == wanted or (wanted is not None and wanted in str(reason)), found


def by_for(items: Iterator[int], seen: list[int]) -> None:
    for item in items:
        seen.append(item)


def by_next(items: Iterator[int], seen: list[int]) -> None:
    while (item := next(items, None)) is not None:
        seen.append(item)


def by_extend(items: Iterator[int], seen: list[int]) -> None:
    seen.extend(items)


@pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="bare iterators give items twice there")
@pytest.mark.parametrize("consume", [by_for, by_next, by_extend])
@pytest.mark.parametrize(
    "make", [range, lambda n: [*range(n)], lambda n: dict.fromkeys(range(n))], ids=["range", "list", "dict"]
)
def test_a_loop_that_threads_share(bench: Bench, make: Callable[[int], Any], consume: Callable[..., None]) -> None:
    """Each item goes to one thread, as from the bare iterator, and all are counted."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(5):
            items: Any = bench.tracker.track(make(2_000))
            seen: list[int] = []
            threads = [threading.Thread(target=consume, args=(items, seen)) for _ in range(5)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(seen) == [*range(2_000)]
            assert (items.task.state, items.task.completed) == ("finished", 2_000)
    finally:
        sys.setswitchinterval(before)


def test_a_loop_that_is_never_run(bench: Bench) -> None:
    """It adds no task, and of a sequence's operations it has only membership, like other iterators."""
    items = bench.tracker.track(range(3), "never")
    del items
    gc.collect()
    assert bench.tracker.tasks == ()
    items = bench.tracker.track(range(3))
    for ask in (len, reversed):
        with pytest.raises(TypeError):
            ask(items)
    assert 1 in items
    assert bench.tracker.tasks[0].completed <= 2
    assert list(items) == [2]
    assert bench.tracker.tasks == ()
