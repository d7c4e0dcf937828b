"""Claims about loops: the same items as the bare loop, the right count and the right state, however the loop is left."""

from __future__ import annotations

import collections
import gc
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from bench import Bench

from progresskit import ProgressTracker, Task
from progresskit._tracking.loop_counters import PortionSizes


@pytest.fixture(autouse=True, scope="module")
def frozen() -> Iterator[None]:
    """Exclude the objects of other tests from the collections here."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def ended(bench: Bench) -> tuple[str, int | float]:
    """The state and count of the only task."""
    gc.collect()
    bench.tracker.frame()
    (view,) = LAST
    return view.state, view.completed


LAST: list[Task] = []


@pytest.fixture(autouse=True)
def clocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    add = ProgressTracker.add_task

    def adding(*arguments: Any, **named: Any) -> Task:
        LAST[:] = [add(*arguments, **named)]
        return LAST[0]

    monkeypatch.setattr(ProgressTracker, "add_task", adding)
    yield
    LAST.clear()


def numbers(size: int) -> Iterator[int]:
    yield from range(size)


def failing(size: int) -> Iterator[int]:
    yield from range(size)
    raise OSError("gone")


def by_statement(items: Any) -> list[Any]:
    found = []
    for item in items:  # a comprehension would be another kind of loop
        found += [item]
    return found


def handed_on(items: Any) -> Iterator[Any]:
    yield from items


SIZES = [0, 1, 2, 63, 64, 65, 319, 320, 321, 1344, 3392, 5440, 5441, 8191, 8192, 8193, 16384, 20000]
"""Counts, some of which are at and beside the ends of portions."""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "make",
    [
        *(range, numbers, lambda n: list(range(n)), lambda n: tuple(range(n)), lambda n: reversed(range(n))),
        *(lambda n: dict.fromkeys(range(n)), lambda n: map(int, range(n)), lambda n: "é" * n, lambda n: bytes(n)),
    ],
)
@pytest.mark.parametrize("consume", [list, by_statement, lambda items: [*handed_on(items)]])
def test_a_loop_hands_out_what_the_bare_one_would(bench: Bench, size: int, make: Any, consume: Any) -> None:
    assert consume(bench.tracker.track(make(size))) == list(make(size))
    assert ended(bench) == ("finished", size)


@pytest.mark.parametrize("make", [range, numbers, lambda n: list(range(n))])
def test_a_break_cancels(bench: Bench, make: Any) -> None:
    for item in bench.tracker.track(make(10)):
        if item == 4:
            break
    assert ended(bench) == ("cancelled", 4)


def test_a_return_cancels(bench: Bench) -> None:
    def first() -> int:
        for item in bench.tracker.track(numbers(10)):
            return item
        return -1

    assert first() == 0
    assert ended(bench)[0] == "cancelled"


@pytest.mark.parametrize("make", [range, numbers])
def test_an_error_in_the_body_fails(bench: Bench, make: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        for item in bench.tracker.track(make(10)):
            1 / (4 - item)
    assert ended(bench) == ("failed", 4)


def test_an_error_in_a_call_of_the_body_fails(bench: Bench) -> None:
    with pytest.raises(ValueError, match="invalid"):
        for item in bench.tracker.track(["1", "2", "x"]):
            int(item)
    assert ended(bench) == ("failed", 2)


def test_an_error_in_the_source_fails(bench: Bench) -> None:
    with pytest.raises(OSError, match="gone"):
        for _ in bench.tracker.track(failing(3)):
            pass
    assert ended(bench) == ("failed", 3)


@pytest.mark.parametrize("consume", [list, sum, lambda items: collections.deque(items, maxlen=0)])
def test_generator_error_fails_in_c_too(bench: Bench, consume: Any) -> None:
    """An error in a generator fails under a consumer in C too."""
    with pytest.raises(OSError, match="gone"):
        consume(bench.tracker.track(failing(9_000)))
    assert ended(bench) == ("failed", 9_000)


def test_a_consumer_in_c_that_has_enough_cancels(bench: Bench) -> None:
    assert any(bench.tracker.track(number == 4 for number in range(10)))
    assert ended(bench) == ("cancelled", 4)


def test_left_loop_goes_on_where_it_was(bench: Bench) -> None:
    """A loop that is left and then summed continues at its position."""
    items = bench.tracker.track(range(20_000))
    for item in items:
        if item == 5:
            break
    assert sum(items) == sum(range(6, 20_000))
    del items
    assert ended(bench) == ("finished", 20_000)


def test_an_abandoned_iterator_is_cancelled(bench: Bench) -> None:
    iterator = iter(bench.tracker.track(range(10)))
    next(iterator)
    next(iterator)
    del iterator
    assert ended(bench) == ("cancelled", 1)


def test_changed_dict_fails_as_the_bare_loop(bench: Bench) -> None:
    """A dict that changes fails as the bare loop does."""
    table = {1: 1, 2: 2}
    with pytest.raises(RuntimeError, match="changed size"):
        for key in bench.tracker.track(table):
            table[key + 10] = 0
    assert ended(bench) == ("failed", 1)


def test_a_growing_list_is_followed_to_its_end(bench: Bench) -> None:
    items = [1]
    for item in bench.tracker.track(items):
        if item < 5:
            items.append(item + 1)
    assert ended(bench) == ("finished", 5)


def test_a_generator_is_closed_on_break(bench: Bench) -> None:
    closed = []

    def source() -> Iterator[int]:
        try:
            yield from range(5)
        finally:
            closed.append(True)

    for _ in bench.tracker.track(source()):
        break
    assert closed == [True]


def test_a_loop_within_a_loop_is_its_child(bench: Bench) -> None:
    for _ in bench.tracker.track("a", "outer"):
        for _ in bench.tracker.track("b", "inner"):
            assert [(view.description, view.depth, view.keep) for view in bench.tracker.frame().tasks] == [
                ("outer", 0, True),
                ("inner", 1, False),
            ]


def test_a_sum_moves_while_it_runs(bench: Bench) -> None:
    seen: list[int | float] = []
    done = threading.Event()

    def observe() -> None:
        while not done.wait(0.01):
            seen.extend(task.completed for task in bench.tracker.tasks)

    thread = threading.Thread(target=observe)
    thread.start()
    try:
        assert sum(bench.tracker.track(range(8_000_000))) == sum(range(8_000_000))
    finally:
        done.set()
        thread.join()
    assert len(set(seen)) > 2  # the beginning, the end, and something between
    assert seen == sorted(seen)


@pytest.mark.parametrize("make", [range, numbers, lambda n: list(range(n))])
def test_a_portion_is_as_large_as_its_time_allows(bench: Bench, monkeypatch: pytest.MonkeyPatch, make: Any) -> None:
    portions: list[int] = []
    following = PortionSizes.next

    def noting(sizes: PortionSizes) -> int:
        portions.append(following(sizes))
        return portions[-1]

    monkeypatch.setattr(PortionSizes, "next", noting)
    assert sum(bench.tracker.track(make(30_000))) == sum(range(30_000))
    assert portions[:4] == [64, 256, 1_024, 4_096]  # nothing that the clock could see
    portions.clear()
    # From here on an item takes 10 ms.
    clock = bench.clock
    monkeypatch.setattr(bench.tracker._core, "clock", lambda: clock.advance(0.64) or clock())
    assert sum(bench.tracker.track(make(1_100))) == sum(range(1_100))
    assert portions[:3] == [64, 1, 1]


def test_large_list(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list is passed on as a whole, even if that takes some milliseconds, and may change meanwhile."""
    items, portions, following = list(range(1_000)), [], PortionSizes.next
    monkeypatch.setattr(PortionSizes, "next", lambda sizes: portions.append(following(sizes)) or portions[-1])

    def add(item: int) -> int:
        if item < 5:
            items.append(1_000 + item)
        return item

    assert sum(map(add, bench.tracker.track(items))) == sum(range(1_005))
    assert ended(bench) == ("finished", 1_005)
    assert portions == [64]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no timer that sends a signal")
@pytest.mark.parametrize(("make", "count"), [(range, 4_000_000), (numbers, 4_000_000), (lambda n: [0] * n, 16_000_000)])
def test_handlers_error_ends_a_loop_in_c(bench: Bench, make: Any, count: int) -> None:
    """An error of a signal's handler ends a loop in C and its task."""

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    tracked = bench.tracker.track(make(count))
    next(tracked)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, 0.002)
            collections.deque(tracked, maxlen=0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    del tracked
    state, completed = ended(bench)
    assert state == "cancelled"
    assert completed < count


def test_task_of_many_loops_stays_small(bench: Bench) -> None:
    """A task of many loops counts them all and stays small."""
    task = bench.tracker.add_task("Chunks")
    for number in range(200):
        assert sum(task.track(numbers(3), finish=False)) == 3
        assert task.completed == 3 * (number + 1)
    assert len(task._made_extras.counters) < 20


def test_async_loops_count_and_end_likewise(bench: Bench) -> None:
    import asyncio

    async def pages(size: int, error: bool = False) -> Any:
        for number in range(size):
            yield number
        if error:
            raise OSError("gone")

    async def whole() -> list[int]:
        return [page async for page in bench.tracker.track(pages(5))]

    assert asyncio.run(whole()) == [0, 1, 2, 3, 4]
    assert ended(bench) == ("finished", 5)

    async def source_fails() -> None:
        async for _ in bench.tracker.track(pages(3, True)):
            pass

    with pytest.raises(OSError, match="gone"):
        asyncio.run(source_fails())
    assert ended(bench) == ("failed", 3)

    async def left() -> None:
        async for page in bench.tracker.track(pages(9)):
            if page == 3:
                break

    asyncio.run(left())
    assert ended(bench) == ("cancelled", 3)


def test_portions_without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that draws by itself checks after one item, and then after at most 256, because items may become slow."""
    visits: list[int] = []
    monkeypatch.setattr("progresskit._tracking.counters.poll", lambda: visits.append(1))
    times = iter([*(number * 0.0001 for number in range(7)), 1.0, 1.0001])
    sizes = PortionSizes(lambda: next(times))
    assert [sizes.next() for _ in range(9)] == [1, 4, 16, 64, 256, 256, 256, 1, 4]
    assert len(visits) == 9
