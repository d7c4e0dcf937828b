"""Bars on their own streams, which a thread notifies when a line may be due: they write what tqdm writes, at the same steps."""

from __future__ import annotations

import io
import os
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from progresskit.testing import ManualClock
from progresskit.tqdm import _due, tqdm

theirs = pytest.importorskip("tqdm.std", reason="tqdm is not installed in this environment")


class Hand:
    """Replaces the thread: notifies the due bars whenever the clock has moved."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.waiting: dict[Any, float] = {}
        self.waits = 0

    def wait(self, each: Any, due: float) -> bool:
        self.waiting[each] = due
        self.waits += 1
        return True

    def advance(self, seconds: float) -> None:
        """Move the clock, and notify what is due."""
        self.clock.advance(seconds)
        for each in [each for each, due in self.waiting.items() if due <= self.clock()]:
            del self.waiting[each]
            each._set_due()


@contextmanager
def by_hand() -> Iterator[Hand]:
    hand = Hand()
    with (
        mock.patch.object(_due, "time", hand.clock),
        mock.patch.object(_due, "_wait", hand.wait),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # both warn of a count that goes below 0 or beyond the total
        yield hand


def bar_of(cls: Any, hand: Hand, *arguments: Any, **options: Any) -> tuple[Any, io.StringIO]:
    """Return a bar of `cls` whose clock is moved by hand, and what it writes to."""
    cls.monitor_interval = 0
    cls._instances.clear()  # what another test has left
    file = io.StringIO()
    bar = cls(*arguments, file=file, **options)
    bar._time = hand.clock
    bar.start_t = bar.last_print_t = hand.clock()
    return bar, file


STEPS = st.lists(st.tuples(st.integers(1, 60), st.sampled_from([0, 0.001, 0.003, 0.02, 0.15])), min_size=1, max_size=12)
"""Items, and the seconds that each of them takes."""
OPTIONS: dict[str, Any] = {
    "mininterval": st.sampled_from([0.1, 0.5]), "miniters": st.sampled_from([None, 1, 30]), "delay": st.sampled_from([0, 0.3]),
    "smoothing": st.sampled_from([0, 0.3]), "initial": st.sampled_from([0, 7]),
}  # fmt: skip


@given(steps=STEPS, is_sized=st.booleans(), **OPTIONS)
@example(
    steps=[(700, 0.0001), (40, 0.2), (700, 0.0001)], is_sized=False, **dict.fromkeys(OPTIONS)
)  # from fast to slow and back
@settings(max_examples=60, deadline=None)
def test_loops(steps: list[tuple[int, float]], is_sized: bool, **options: Any) -> None:
    """A loop at any speed writes the same as tqdm's, at the same items."""
    options = {name: value for name, value in options.items() if value is not None}

    def written(cls: Any) -> tuple[str, int]:
        with by_hand() as hand:
            seconds = [each for number, each in steps for _ in range(number)]
            bar, file = bar_of(cls, hand, seconds if is_sized else iter(seconds), **options)
            for each in bar:
                hand.advance(each)
            return file.getvalue(), bar.n

    assert written(tqdm) == written(theirs.tqdm)


@given(steps=STEPS, amount=st.sampled_from([1, 3, 0.5, -1]), **OPTIONS)
@settings(max_examples=60, deadline=None)
def test_updates(steps: list[tuple[int, float]], amount: float, **options: Any) -> None:
    """`update` at any speed writes the same as tqdm's, at the same calls."""

    def written(cls: Any) -> tuple[str, float]:
        with by_hand() as hand:
            bar, file = bar_of(cls, hand, total=400, **options)
            for number, seconds in steps:
                for _ in range(number):
                    hand.advance(seconds)
                    bar.update(amount)
            bar.close()
            return file.getvalue(), bar.n

    assert written(tqdm) == written(theirs.tqdm)


def fails(after: int) -> Iterator[int]:
    yield from range(after)
    raise ValueError("no such item")


def leave_by_break(bar: Any, after: int) -> None:
    for number in bar:
        if number == after:
            break


def leave_by_error(bar: Any, after: int) -> None:
    for number in bar:
        if number == after:
            raise ValueError


def leave_by_close(bar: Any, after: int) -> None:
    loop = iter(bar)
    for _ in range(after):
        next(loop)
    loop.close()
    assert list(loop) == []


def leave_by_source(bar: Any, after: int) -> None:
    bar.iterable = fails(after)
    for _ in bar:
        pass


def leave_by_source_in_c(bar: Any, after: int) -> None:
    bar.iterable = fails(after)
    list(bar)


@pytest.mark.parametrize("after", [0, 3, 900])
@pytest.mark.parametrize(
    "leave",
    [leave_by_break, leave_by_error, leave_by_close, leave_by_source, leave_by_source_in_c, lambda bar, n: list(islice(bar, n))],
    ids=["break", "error", "close", "source", "source in C", "islice"],
)  # fmt: skip
def test_left(leave: Any, after: int) -> None:
    """A loop that is left early has counted as many items as with tqdm, and its bar is closed with that count."""

    def ended(cls: Any) -> tuple[Any, ...]:
        with by_hand() as hand:
            bar, file = bar_of(cls, hand, range(1000))
            try:
                leave(bar, after)
            except ValueError:
                pass
            return bar.n, bar.disable, re.findall(r"\d+/1000", file.getvalue())[-1:]

    assert ended(tqdm) == ended(theirs.tqdm)


def test_only_counts() -> None:
    """Between two lines neither items nor updates read the clock, except for the first few."""
    with by_hand() as hand:
        bar, file = bar_of(tqdm, hand, range(2000))
        looks = [each for each in bar if len(hand.waiting) == 0]
        assert len(looks) == _due.SELDOM and hand.waits == 1
        bar, file = bar_of(tqdm, hand, total=2000)
        for _ in range(2000):
            bar.update()
        assert hand.waits == 2 and bar._least_step == 0 and bar.n == 2000
        hand.advance(1)
        bar.update(0)
        assert "2000/2000" in file.getvalue()
        bar.close()


def test_thread() -> None:
    """The thread notifies loops and bars when they are due, and keeps none of them alive."""
    file = io.StringIO()
    tqdm._instances.clear()
    for number in tqdm(range(1000), file=file, mininterval=0.01):
        while number == 500 and _due._waiting:
            pass
    assert "501/1000" in file.getvalue()
    bar = tqdm(total=1000, file=file, mininterval=0.01)
    for _ in range(100):
        bar.update()
    while _due._waiting:
        pass
    assert bar.update() and bar.n == 101
    bar.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_forked() -> None:
    """A forked child has no thread: its bars read the clock by themselves again."""
    bar = tqdm(total=1000, file=io.StringIO(), mininterval=60)
    for _ in range(100):
        bar.update()
    assert bar._least_step == 0
    child = os.fork()
    if child == 0:
        os._exit(int(bar._least_step is not _due.ALWAYS or _due._alarm is not None))
    assert os.waitpid(child, 0)[1] == 0
    bar.close()


def test_no_thread() -> None:
    """If no thread can be started, each item and update reads the clock."""
    with mock.patch.object(_due, "_alarm", None), mock.patch.object(_due._Alarm, "start", side_effect=RuntimeError):
        file = io.StringIO()
        bar = tqdm(range(100), file=file, mininterval=60)
        assert list(bar) == list(range(100)) and not _due._waiting
        bar = tqdm(total=100, file=file, mininterval=60)
        for _ in range(100):
            bar.update()
        assert bar._least_step is _due.ALWAYS and bar.n == 100
        bar.close()


def passed(item: int) -> int:
    return item


@pytest.mark.skipif(not _due.gil_enabled(), reason="the interpreter's own iterators are not shared by threads there")
@pytest.mark.parametrize(
    "make",
    [range, lambda size: list(range(size)), lambda size: dict.fromkeys(range(size)), lambda size: map(passed, range(size))],
    ids=["range", "list", "dict", "map"],
)  # fmt: skip
def test_threads_share_a_loop(make: Any, request: pytest.FixtureRequest) -> None:
    """Each item goes to one of the threads, all are counted, and no thread has an error, however often they switch."""
    request.addfinalizer(partial(sys.setswitchinterval, sys.getswitchinterval()))
    sys.setswitchinterval(1e-6)
    for _ in range(5):
        bar = tqdm(make(20_000), file=io.StringIO(), mininterval=1e-4, total=20_000)
        items, seen, errors = iter(bar), [], []

        def work(items: Iterator[int] = items, seen: list[int] = seen, errors: list[BaseException] = errors) -> None:
            try:
                for item in items:
                    seen.append(item)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (errors, sorted(seen)) == ([], list(range(20_000)))
        in_function = (
            7 if make(1).__class__ is map else 0
        )  # threads that were given their item after another saw the end
        assert 20_000 - in_function <= bar.n <= 20_000
