"""A loop's end follows the interpreter: it has failed only if an exception was raised."""

from __future__ import annotations

import asyncio
import bdb
import contextlib
import gc
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from itertools import islice, takewhile
from typing import Any

import pytest
from bench import Bench

from progresskit import Task
from progresskit._model.states import ENDED
from progresskit._tracking import loop_counters, loops


class Ended:
    """Return the end of the only task of a tracker."""

    def __init__(self, bench: Bench) -> None:
        self.tasks: list[Task] = []
        add = bench.tracker.add_task
        bench.tracker.add_task = lambda *a, **k: (self.tasks.append(add(*a, **k)), self.tasks[-1])[1]  # type: ignore[method-assign]

    def __call__(self) -> tuple[str, int | float, str | None]:
        gc.collect()
        (task,) = self.tasks
        return task.state, task.completed, task.reason


@pytest.fixture
def ended(bench: Bench) -> Ended:
    return Ended(bench)


def numbers(size: int) -> Iterator[int]:
    yield from range(size)


def run(loop: Callable[[], Any]) -> None:
    """Run `loop` and suppress its exceptions."""
    with contextlib.suppress(BaseException):
        loop()


DONE = ("finished", 3, None)


def early(count: int) -> tuple[str, int, str]:
    return "cancelled", count, "stopped early"


def swallow(items: Any) -> None:
    for _ in items:
        pass


def zipped_with_more(track: Any) -> None:
    for _ in zip([1, 2], track([4, 5, 6, 7]), strict=False):
        pass


def zipped_with_generator(track: Any) -> None:
    for _ in zip([1, 2], track(numbers(9)), strict=False):
        pass


PEACEFUL: dict[str, tuple[Callable[[Any], Any], tuple[Any, ...]]] = {
    "zip, tracked second": (lambda track: swallow(zip([1, 2, 3], track([4, 5, 6]), strict=False)), DONE),
    "zip, tracked first": (lambda track: swallow(zip(track([4, 5, 6]), [1, 2, 3], strict=False)), DONE),
    "list of a zip": (lambda track: list(zip([1, 2, 3], track([4, 5, 6]), strict=False)), DONE),
    "dict of a zip": (lambda track: dict(zip("abc", track(range(3)), strict=False)), DONE),
    "zip, tracked longer": (zipped_with_more, early(2)),
    "zip over a generator": (zipped_with_generator, early(2)),
    "comprehension of a zip": (lambda track: [a for a, _ in zip("abc", track(range(3)), strict=False)], DONE),
    "sum over a zip": (lambda track: sum(b for _, b in zip("abc", track(range(3)), strict=False)), DONE),
    "map of two": (lambda track: list(map(max, [1, 2, 3], track([4, 5, 6]))), DONE),
    "islice of all": (lambda track: swallow(islice(track([1, 2, 3]), 3)), DONE),
    "list of an islice of all": (lambda track: list(islice(track([1, 2, 3]), 3)), DONE),
    "islice of some": (lambda track: swallow(islice(track(range(9)), 3)), early(3)),
    "takewhile": (lambda track: list(takewhile(lambda n: n < 3, track(range(9)))), early(3)),
    "any": (lambda track: any(n == 2 for n in track(range(9))), early(2)),
    "any at the last": (lambda track: any(map((2).__eq__, track(range(3)))), DONE),
    "all": (lambda track: all(map((9).__gt__, track(range(3)))), DONE),
    "in": (lambda track: 2 in track(range(9)), early(2)),
    "next": (lambda track: next(iter(track(range(9)))), early(0)),
    "next of one": (lambda track: next(iter(track([7]))), ("finished", 1, None)),
    "unpacking": (lambda track: [*track(range(3))], DONE),
    "min": (lambda track: min(track([3, 1, 2])), DONE),
    "join": (lambda track: "".join(track("abc")), DONE),
    "enumerate": (lambda track: swallow(enumerate(track("abc"))), DONE),
    "reversed": (lambda track: swallow(track(reversed([1, 2, 3]))), DONE),
    "sorted": (lambda track: sorted(track([3, 1, 2])), DONE),
    "nothing": (lambda track: list(track([])), ("finished", 0, None)),
}


@pytest.mark.parametrize("name", PEACEFUL)
def test_nothing_raised_means_nothing_failed(bench: Bench, ended: Ended, name: str) -> None:
    """After a consumer that stops early, the task is finished if its count is complete, otherwise stopped early."""
    consume, expected = PEACEFUL[name]
    consume(bench.tracker.track)
    assert ended() == expected


def test_statements_that_leave_a_loop(bench: Bench, ended: Ended) -> None:
    """`break` and `return` stop a loop early, at the item that was worked on, also out of `try`, `with` and handlers."""

    def by_break() -> None:
        for n in bench.tracker.track(range(9)):
            if n == 4:
                break

    def by_return() -> int | None:
        for n in bench.tracker.track(range(9)):
            with contextlib.nullcontext():
                if n == 4:
                    return n
        return None

    def in_finally() -> None:
        for n in bench.tracker.track(range(9)):
            try:
                if n == 4:
                    break
            finally:
                len("")

    def in_handler() -> None:
        for n in bench.tracker.track(range(9)):
            try:
                1 / (4 - n)
            except ZeroDivisionError as error:
                kept.append(error)
                break

    def in_match() -> None:
        for n in bench.tracker.track(range(9)):
            match n:
                case 4:
                    break

    kept: list[BaseException] = []
    for leave in (by_break, by_return, in_finally, in_handler, in_match):
        ended.tasks.clear()
        leave()
        assert ended() == early(4), leave.__name__


def test_a_kept_error_of_before_is_no_error_now(bench: Bench, ended: Ended) -> None:
    """An error that was caught and kept does not make a later loop at the same place fail."""
    kept = []

    def check(n: int) -> bool:
        if fail:
            raise ValueError
        return n == 2

    for fail in (True, False):  # noqa: B007  # `check` reads it
        ended.tasks.clear()
        try:
            any(check(n) for n in bench.tracker.track(range(9)))
        except ValueError as error:
            kept.append(error)
    assert ended() == early(2)
    for fail in (True, False):  # noqa: B007  # `check` reads it
        ended.tasks.clear()
        try:
            for _ in zip([1, 2], bench.tracker.track(map(check, range(5))), strict=False):
                pass
        except ValueError as error:
            kept.append(error)
    assert ended() == early(2)


def raises(error: type[BaseException] | BaseException) -> Any:
    raise error


def unmatched(n: str) -> None:
    try:
        int(n)
    except KeyError:
        pass


def body_calls(track: Any) -> None:
    for n in track(["1", "x", "3"]):
        int(n)


def body_divides(track: Any) -> None:
    for n in track([1, 0, 2]):
        1 / n


def body_raises(track: Any) -> None:
    for n in track([1, 0, 2]):
        if not n:
            raise ValueError("words")


def body_asserts(track: Any) -> None:
    for n in track([1, 0, 2]):
        assert n


def body_looks_up(track: Any) -> None:
    for n in track(["a", "b", "c"]):
        {"a": 1}[n]


def body_is_unmatched(track: Any) -> None:
    for n in track(["1", "x", "3"]):
        try:
            int(n)
        except KeyError:
            pass


def body_has_finally(track: Any) -> None:
    for n in track(["1", "x", "3"]):
        try:
            int(n)
        finally:
            len("")


def body_has_with(track: Any) -> None:
    for n in track(["1", "x", "3"]):
        with contextlib.nullcontext():
            int(n)


def body_raises_from(track: Any) -> None:
    for n in track(["1", "x", "3"]):
        try:
            int(n)
        except ValueError as error:
            raise OSError("words") from error


def body_raises_again(track: Any) -> None:
    for n in track(["1", "x", "3"]):
        try:
            int(n)
        except ValueError:
            raise


def body_logs_and_raises_again(track: Any) -> None:
    for n in track(["1", "x", "3"]):
        try:
            int(n)
        except Exception:
            with contextlib.suppress(KeyError):
                {}["a"]
            raise


def body_goes_deep(track: Any) -> None:
    def deep(level: int) -> float:
        return deep(level - 1) if level else 1 / 0

    for n in track([1, 0, 2]):
        if not n:
            deep(50)


def generator_is_thrown_into(track: Any) -> None:
    def hand_on() -> Iterator[int]:
        for n in track([1, 2, 3]):  # noqa: UP028
            yield n

    items = hand_on()
    next(items)
    next(items)
    items.throw(ValueError("words"))


@pytest.mark.parametrize(
    "loop",
    [
        *(body_calls, body_divides, body_raises, body_asserts, body_looks_up, body_is_unmatched, body_has_finally),
        *(body_has_with, body_raises_from, body_raises_again, body_logs_and_raises_again, body_goes_deep),
        generator_is_thrown_into,
    ],
)
def test_an_error_in_the_body(bench: Bench, ended: Ended, loop: Callable[[Any], None]) -> None:
    """An error that leaves the body fails the task at the item that was worked on."""
    with pytest.raises(Exception):  # noqa: B017
        loop(bench.tracker.track)
    state, count, reason = ended()
    assert (state, count) == ("failed", 1)
    if sys.version_info >= (3, 12):
        assert reason is not None and "Error" in reason


def named(module: str, name: str) -> type[Exception]:
    """Return an error class as the library `module` has it, which need not be installed."""
    return type(name, (RuntimeError,), {"__module__": module})


@pytest.mark.parametrize(
    "error",
    [
        *(KeyboardInterrupt, SystemExit, asyncio.CancelledError, bdb.BdbQuit),
        *(named(f"{library}.exceptions", name) for library in ("click", "typer") for name in ("Abort", "Exit")),
    ],
)
@pytest.mark.parametrize("made", [False, True])
def test_an_interrupt_is_no_failure(bench: Bench, ended: Ended, error: type[BaseException], made: bool) -> None:
    """An exception that cancels a program cancels its loops, whether raised in the body, below it, or in the source."""

    def in_body() -> None:
        for n in bench.tracker.track([1, 2, 3]):
            if n == 2:
                raise error() if made else error

    def below() -> None:
        for n in bench.tracker.track([1, 2, 3]):
            if n == 2:
                raises(error() if made else error)

    def again() -> None:
        for n in bench.tracker.track([1, 2, 3]):
            try:
                if n == 2:
                    raises(error() if made else error)
            except BaseException:
                len("")
                raise

    def in_source() -> None:
        def source() -> Iterator[int]:
            yield 1
            raise error

        for _ in bench.tracker.track(source()):
            pass

    def in_source_in_c() -> None:
        def source() -> Iterator[int]:
            yield 1
            raise error

        list(bench.tracker.track(source()))

    def in_source_and_kept() -> None:
        def source() -> Iterator[int]:
            yield 1
            raise error

        items = bench.tracker.track(source())
        try:
            for _ in items:
                pass
        except error as interrupt:
            kept.append(interrupt)
        del items

    kept: list[BaseException] = []
    for loop in (in_body, below, again, in_source, in_source_in_c, in_source_and_kept):
        ended.tasks.clear()
        run(loop)
        assert ended() == ("cancelled", 1, None), loop.__name__


def kept_in_a_list(track: Any) -> None:
    kept = []
    for n in track(range(9)):
        kept.append(KeyboardInterrupt())
        if n == 4:
            break


def caught_and_kept(track: Any) -> None:
    for n in track(range(9)):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            kept = error
        if n == 4:
            break
    assert kept


def returned_from_a_handler(track: Any) -> Any:
    for n in track(range(9)):
        try:
            if n == 4:
                raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            return error
    return None


def of_a_future(track: Any) -> None:
    for n in track(range(9)):
        future: Future[None] = Future()
        future.set_exception(KeyboardInterrupt())
        if n == 4 and future.exception() is not None:
            break


def among_the_items(track: Any) -> None:
    for n, _ in enumerate(track([KeyboardInterrupt() for _ in range(9)])):
        if n == 4:
            break


@pytest.mark.parametrize(
    "loop", [kept_in_a_list, caught_and_kept, returned_from_a_handler, of_a_future, among_the_items]
)
def test_an_interrupt_that_is_kept(bench: Bench, ended: Ended, loop: Callable[[Any], None]) -> None:
    """An interrupt that is made, caught or passed on as a value, and does not leave the loop, is neither a failure nor an end."""
    loop(bench.tracker.track)
    assert ended() == early(4)


def test_too_many_values(bench: Bench, ended: Ended) -> None:
    """A consumer in C that raises over a source which has raised nothing: the loop is finished, or stopped early with its count."""
    for source, expected in ((numbers(9), early(2)), ([4, 5, 6], DONE), (iter([4, 5, 6, 7]), early(2))):
        ended.tasks.clear()
        with pytest.raises(ValueError, match="too many"):
            _, _ = bench.tracker.track(source)
        assert ended() == expected, source
    ended.tasks.clear()
    with pytest.raises(ValueError, match="not enough"):
        _, _, _, _ = bench.tracker.track([4, 5, 6])
    assert ended() == DONE


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no timer that sends a signal")
def test_ctrl_c(bench: Bench, ended: Ended) -> None:
    """Ctrl-C in a loop's body cancels it, wherever it comes."""

    def computing() -> None:
        for n in bench.tracker.track(range(3)):
            if n == 1:
                signal.raise_signal(signal.SIGINT)

    def sleeping() -> None:
        for n in bench.tracker.track(range(3)):
            if n == 1:
                signal.setitimer(signal.ITIMER_REAL, 0.001)
                time.sleep(60)

    def leaving() -> None:
        for n in bench.tracker.track(range(3)):
            if n == 1:
                sys.exit(3)

    before = [(number, signal.signal(number, signal.default_int_handler)) for number in (signal.SIGINT, signal.SIGALRM)]
    try:
        for loop in (computing, sleeping, leaving):
            ended.tasks.clear()
            run(loop)
            assert ended() == ("cancelled", 1, None), loop.__name__
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@pytest.mark.parametrize("make", [range, numbers])
def test_ctrl_c_between_items(bench: Bench, ended: Ended, make: Callable[[int], Any]) -> None:
    """Ctrl-C at any line of a loop's beginning and end leaves no task that runs: later loops would be shown as parts of it."""
    lines = interrupt_at = 0

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal lines
        if not frame.f_code.co_filename.endswith(("loops.py", "loop_counters.py")) or frame.f_code.co_name == "__del__":
            return trace  # an error in a finaliser is not passed on
        lines += event == "line"
        if lines == interrupt_at and event == "line":
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    while lines >= interrupt_at:
        lines, interrupt_at = 0, interrupt_at + 1
        ended.tasks.clear()
        sys.settrace(trace)
        try:
            swallow(bench.tracker.track(make(2)))
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        assert all(task.state in ENDED for task in ended.tasks), interrupt_at
    assert interrupt_at > 30


def test_a_closed_generator(bench: Bench, ended: Ended) -> None:
    """A loop in a generator that is closed has stopped early."""

    def by_statement() -> Iterator[int]:
        for n in bench.tracker.track(range(9)):  # noqa: UP028
            yield n

    def delegating() -> Iterator[int]:
        yield from bench.tracker.track(range(9))

    for make in (by_statement, delegating):
        ended.tasks.clear()
        items = make()
        next(items)
        next(items)
        items.close()
        del items
        assert ended() == early(1), make.__name__
        ended.tasks.clear()
        assert list(islice(make(), 9)) == list(range(9))
        assert ended()[0] == "finished", make.__name__


def test_a_source_that_somebody_closes(bench: Bench, ended: Ended) -> None:
    """A generator that the body closes has raised nothing."""
    source = numbers(9)
    for n in bench.tracker.track(source):
        if n == 2:
            source.close()
            break
    assert ended() == early(2)


async def pages(size: int) -> AsyncIterator[int]:
    for number in range(size):
        yield number


def test_async_loops(bench: Bench, ended: Ended) -> None:
    """An `async for` ends as a `for` does; a task that is cancelled in its body cancels it."""

    async def left() -> None:
        async for n in bench.tracker.track(pages(9)):
            if n == 2:
                break

    async def fails() -> None:
        async for n in bench.tracker.track(pages(9)):
            1 / (n - 2)

    async def comprehension() -> list[int]:
        return [n async for n in bench.tracker.track(pages(3))]

    async def called_off(sync: bool) -> None:
        async def body() -> None:
            if sync:
                for _ in bench.tracker.track(range(9)):
                    await asyncio.sleep(60)
            async for _ in bench.tracker.track(pages(9)):
                await asyncio.sleep(60)

        task = asyncio.ensure_future(body())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    for loop, expected in (
        (left, early(2)),
        (fails, "failed"),
        (comprehension, DONE),
        (lambda: called_off(True), ("cancelled", 0, None)),
        (lambda: called_off(False), ("cancelled", 0, None)),
    ):
        ended.tasks.clear()
        with contextlib.suppress(ZeroDivisionError):
            asyncio.run(loop())
        assert ended() == expected or ended()[0] == expected


def test_held_async_loops(bench: Bench, ended: Ended) -> None:
    """A held async loop ends at its `break`, and goes on in a task of its own; an error in its body fails it."""

    async def run() -> None:
        loop = bench.tracker.track(pages(9))
        async for n in loop:
            if n == 2:
                break
        assert ended() == early(2)
        with contextlib.suppress(ZeroDivisionError):
            async for n in loop:
                1 / (n - 4)
        assert [n async for n in loop] == [5, 6, 7, 8]
        loop = bench.tracker.track(pages(9))
        assert await anext(loop) == 0
        assert loop.task.state == "running"
        async for _ in loop:
            break
        assert loop.task.state == "cancelled"
        assert [await anext(loop), await anext(loop)] == [2, 3]
        assert (loop.task.state, loop.task.completed) == ("running", 3)

    asyncio.run(run())
    found = [(task.state, task.completed) for task in ended.tasks]
    assert found == [("cancelled", 2), ("failed", 4), ("finished", 9), ("cancelled", 1), ("cancelled", 3)]


class Both:
    """Iterable in both ways, as what `asyncio.as_completed` returns from 3.13 on."""

    def __init__(self) -> None:
        self.left = 3

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        if not self.left:
            raise StopIteration
        self.left -= 1
        return self.left

    def __aiter__(self) -> AsyncIterator[int]:
        return self

    async def __anext__(self) -> int:
        try:
            return next(self)
        except StopIteration:
            raise StopAsyncIteration from None


def test_what_is_iterable_in_both_ways_stays_so(bench: Bench, ended: Ended) -> None:
    """An object of both protocols runs in a `for`, an `async for` and a consumer in C."""

    async def both() -> list[int]:
        return [n async for n in bench.tracker.track(Both())]  # type: ignore[attr-defined]

    for run_it in (lambda: list(bench.tracker.track(Both())), lambda: asyncio.run(both())):
        ended.tasks.clear()
        assert run_it() == [2, 1, 0]
        assert ended() == DONE
    assert next(iter(bench.tracker.track(Both()))) == 2

    async def completed() -> set[int]:
        async def one(n: int) -> int:
            return n

        return {await each for each in bench.tracker.track(asyncio.as_completed([one(1), one(2), one(3)]))}

    ended.tasks.clear()
    assert asyncio.run(completed()) == {1, 2, 3}
    assert ended() == DONE


def test_loops_over_loops_and_under_a_tracer(bench: Bench, ended: Ended) -> None:
    """A tracer, as debuggers and coverage have one, changes nothing; nor does a loop over a loop."""

    def tracer(frame: Any, event: str, argument: Any) -> Any:
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        for n in bench.tracker.track(range(9)):
            if n == 4:
                break
        left = ended()
        ended.tasks.clear()
        swallow(zip([1, 2, 3], bench.tracker.track([4, 5, 6]), strict=False))
        zipped = ended()
        ended.tasks.clear()
        run(lambda: body_raises(bench.tracker.track))
        failed = ended()
    finally:
        sys.settrace(before)
    assert (left, zipped, failed[0]) == (early(4), DONE, "failed")
    ended.tasks.clear()
    for n in bench.tracker.track(bench.tracker.track(range(9))):
        if n == 4:
            break
    gc.collect()
    assert [(task.state, task.reason) for task in ended.tasks] == [("cancelled", "stopped early")] * 2


def test_without_the_collector(bench: Bench, ended: Ended) -> None:
    """If there are too many young objects to search, the instructions decide, and no loop fails without need."""
    gc.collect()
    gc.disable()
    ballast = [[] for _ in range(60_000)]
    try:
        body_left: list[Any] = []
        for loop in (body_calls, body_divides, body_raises):
            ended.tasks.clear()
            run(lambda loop=loop: loop(bench.tracker.track))  # type: ignore[misc]
            body_left.append(ended.tasks[0].state)
        ended.tasks.clear()
        swallow(zip([1, 2, 3], bench.tracker.track([4, 5, 6]), strict=False))
        zipped = ended.tasks[0].state
    finally:
        del ballast
        gc.enable()
    assert body_left[1:] == ["failed", "failed"]
    assert zipped == "finished"


SOURCES = pytest.mark.parametrize(
    "source",
    [
        lambda: range(9),
        lambda: [*range(9)],
        lambda: numbers(9),
        lambda: dict.fromkeys(range(9)),
        lambda: map(int, range(9)),
    ],
    ids=["range", "list", "generator", "dict", "map"],
)


@SOURCES
def test_a_left_loop_that_is_held(bench: Bench, ended: Ended, source: Callable[[], Any]) -> None:
    """`break` ends the task of a loop that a variable holds, and a later loop is no part of it."""
    loop = bench.tracker.track(source())
    for number in loop:
        if number == 4:
            break
    assert ended() == early(4)
    for _ in bench.tracker.track("a"):
        assert ended.tasks[1].parent is None
    assert next(loop) == 5
    assert [task.state for task in ended.tasks] == ["cancelled", "finished", "running"]


@SOURCES
def test_a_left_loop_goes_on(bench: Bench, ended: Ended, source: Callable[[], Any]) -> None:
    """A held loop that is run on after a `break` counts on, in a task that begins where the last one ended."""
    loop = bench.tracker.track(source(), "Reading", total=9, fields={"part": 1})
    for number in loop:
        if number == 2:
            break
    assert next(loop) == 3
    seen = []
    for number in loop:
        seen.append(number)
        assert loop.task.completed == number
        if number == 5:
            break  # one that goes on is not ended by a further `break`
    assert (loop.task.state, loop.task.total, dict(loop.task.fields)) == ("running", 9, {"part": 1})
    assert loop.task is not ended.tasks[0]
    assert [*seen, *loop] == [4, 5, 6, 7, 8]
    assert [(task.state, task.completed) for task in ended.tasks] == [("cancelled", 2), ("finished", 9)]


@SOURCES
def test_a_loop_that_portions_left_goes_on(bench: Bench, ended: Ended, source: Callable[[], Any]) -> None:
    """A held loop that began in C, which gets portions, goes on after a `break` as well."""
    loop = bench.tracker.track(source())
    assert next(loop) == 0
    for number in loop:
        if number == 2:
            break
    assert ended() == early(2)
    assert [next(loop), *islice(loop, 2), *loop] == [3, 4, 5, 6, 7, 8]
    assert (loop.task.state, loop.task.completed) == ("finished", 9)


@SOURCES
def test_single_items_after_a_break_count(bench: Bench, ended: Ended, source: Callable[[], Any]) -> None:
    """Items that are taken one by one count on, in a further task, though the portion was begun before the `break`."""
    loop = bench.tracker.track(source())
    assert next(loop) == 0
    for number in loop:
        if number == 2:
            break
    assert [next(loop), next(loop)] == [3, 4]
    assert (loop.task.state, loop.task.completed) == ("running", 4)
    del loop
    assert [(task.state, task.completed) for task in ended.tasks] == [("cancelled", 2), ("cancelled", 4)]


@SOURCES
def test_errors_of_held_loops(bench: Bench, ended: Ended, source: Callable[[], Any]) -> None:
    """An error in the body of a held loop fails its task, an interrupt cancels it, and either time the loop can go on."""

    def run_into(error: type[BaseException]) -> None:
        for number in loop:
            if number in (2, 4):
                raise error("words")

    loop = bench.tracker.track(source())
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error):
            run_into(error)
    assert list(loop) == [5, 6, 7, 8]
    assert [(task.state, task.completed) for task in ended.tasks] == [("failed", 2), ("cancelled", 4), ("finished", 9)]
    assert ended.tasks[0].reason == "ValueError: words"


def test_held_loops_that_stay(bench: Bench, ended: Ended) -> None:
    """A consumer that has had enough leaves a held loop running, as does a loop within it over the same items."""

    def in_a_loop(items: Any) -> None:
        for _ in items:
            for number in items:
                if number == 2:
                    break
            return

    def by_hand(items: Any) -> None:
        iterator = iter(items)
        assert iter(iterator) is iterator
        for _ in iterator:
            break
        assert iterator.task.state == "running"
        assert [*iterator] == [*range(1, 9)]

    for take in (
        next,
        lambda items: next(iter(items)),
        lambda items: list(islice(items, 3)),
        lambda items: swallow(islice(items, 3)),
        lambda items: swallow(zip([1, 2], items, strict=False)),
        lambda items: 2 in items,
    ):
        ended.tasks.clear()
        loop = bench.tracker.track(range(9))
        take(loop)
        assert ended()[0] == "running"
        assert list(loop)[-1] == 8
        assert ended() == ("finished", 9, None)
    for leave, end in ((in_a_loop, "cancelled"), (by_hand, "finished")):
        ended.tasks.clear()
        leave(bench.tracker.track(range(9)))
        assert ended()[0] == end
    ended.tasks.clear()
    loop = bench.tracker.track(range(9))
    for first in loop:
        for number in loop:
            if number == 2:
                break
        if first == 0:
            assert ended() == ("running", 2, None)
    assert ended() == ("finished", 9, None)


def test_enumerate_leaves_a_held_loop(bench: Bench, ended: Ended) -> None:
    """`break` ends a held loop through the iterators in C around it."""
    loop = bench.tracker.track(range(9))
    for index, _ in enumerate(loop):
        if index == 4:
            break
    assert ended() == early(4)


def test_a_held_loop_in_a_task(bench: Bench, ended: Ended) -> None:
    """With `finish=False` neither `break` nor an error ends the task, and it counts on where the loop goes on."""
    task = bench.tracker.add_task("Chunks")
    loop = task.track(numbers(9), finish=False)
    for number in loop:
        if number == 4:
            break
    assert (task.state, task.completed) == ("running", 4)
    assert list(loop) == [5, 6, 7, 8]
    assert (task.state, task.completed) == ("running", 9)
    task.finish()
    assert ended() == ("finished", 9, None)


def test_a_held_loop_whose_task_has_ended(bench: Bench, ended: Ended) -> None:
    """A task that its user has ended stays ended, however often its loop goes on."""
    loop = bench.tracker.track(range(9))
    for number in loop:
        if number == 2:
            loop.task.finish()
            break
    assert list(loop) == [3, 4, 5, 6, 7, 8]
    assert ended()[0] == "finished"
    ended.tasks.clear()
    loop = bench.tracker.track(range(9))
    for _ in loop:
        break
    loop.close()
    assert [*loop] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert ended() == early(0)


def test_the_total_before_the_loop(bench: Bench, ended: Ended) -> None:
    """The total is known before the loop begins, and follows a list that grows until then."""
    items = [1, 2, 3]
    loop = bench.tracker.track(items, completed=1)
    assert (loop.task.state, loop.task.completed, loop.task.total) == ("pending", 1, 4)
    items.append(4)
    assert list(loop) == items
    assert ended() == ("finished", 5, None)
    assert loop.task.total == 5
    assert bench.tracker.track(numbers(3)).task.total is None


def test_a_held_loop_that_an_error_ended(bench: Bench, ended: Ended, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an error has ended the program, a loop that a variable holds is cancelled: whether the error was its own is unknown."""
    monkeypatch.setattr(sys, "last_value", ValueError("bad"), raising=False)
    loop = bench.tracker.track(range(9))
    next(loop)
    bench.tracker.stop()
    assert ended()[::2] == ("cancelled", None)


def test_an_open_loop_has_not_failed_by_others(bench: Bench, ended: Ended) -> None:
    """A loop in a generator that is left open when its tracker ends has stopped early, whatever has failed within it meanwhile."""

    def rows() -> Iterator[int]:
        yield from bench.tracker.track(range(10), "Rows")

    held = rows()
    next(held), next(held)
    with contextlib.suppress(KeyError):
        for _ in bench.tracker.track([1, 2], "Part"):
            raise KeyError
    bench.tracker.stop()
    whole, part = ended.tasks
    assert part.state == "failed"
    assert (whole.state, whole.reason) == ("cancelled", "stopped early")
    held.close()


@pytest.mark.parametrize("gone", ["loops", "others"])
def test_dropped_when_names_are_gone(bench: Bench, monkeypatch: pytest.MonkeyPatch, gone: str) -> None:
    """A loop that the interpreter's end drops, when names of its module or of others are None already, raises nothing."""
    raised: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda each: raised.append(each.exc_value))
    loop = bench.tracker.track(range(3))
    iterator = iter(loop)
    next(iterator)
    if gone == "loops":
        for name in ("LAST", "CONSUMER", "caller", "is_finalizing"):
            monkeypatch.setattr(loops, name, None)
    else:
        monkeypatch.setattr(loops, "is_finalizing", lambda: True)
        monkeypatch.setattr(loop_counters, "length_hint", None)
    del iterator, loop
    gc.collect()
    assert not raised
