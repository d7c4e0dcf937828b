"""Which values count as numbers, and that any other value has no effect."""

from __future__ import annotations

import json
import math
import re
import threading
import warnings
from collections.abc import Callable
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import Any

import pytest
from bench import Bench
from hypothesis import given, settings
from hypothesis import strategies as st

from progresskit import ProgressTracker, ProgressWarning
from progresskit._model.frames import decode, encode
from progresskit._model.numbers import plain_number
from progresskit._tracking.counters import LockedCell
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker, RecordingRenderer


class Level(IntEnum):
    THREE = 3


class Mute:
    def __repr__(self) -> str:
        raise RuntimeError("no words")

    __str__ = __repr__


class Deceiving:
    """An object with the methods of a number, all of which raise."""

    def __float__(self) -> float:
        raise OSError("gone")


class Scalar:
    """Like a scalar of numpy: no int, but with an index and an item size; addition wraps around."""

    itemsize, shape = 1, ()

    def __init__(self, value: int) -> None:
        self.value = value % 256

    def __index__(self) -> int:
        return self.value

    def __radd__(self, other: Any) -> Scalar:
        return Scalar(int(other) + self.value)


COUNTS: list[tuple[Any, int | float]] = [
    (3, 3),
    (True, 1),
    (0.5, 0.5),
    (Decimal("0.5"), 0.5),
    (Decimal(3), 3),
    (Fraction(1, 2), 0.5),
    (Fraction(4, 2), 2),
    (Level.THREE, 3),
    (Scalar(200), 200),
    (-1, -1),
]
ODD: list[Any] = [
    *(
        math.nan,
        math.inf,
        -math.inf,
        10**400,
        -(10**400),
        1e100,
        2j,
        None,
        "3",
        b"3",
        [1],
        {},
        object(),
        Mute(),
        Deceiving(),
    ),
    *(Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("1e400"), Fraction(10**400), range(3), print, int),
]


@pytest.fixture(autouse=True)
def quiet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProgressWarning)
        yield


def named(value: object) -> str:
    """Return an id that is the same in each process: an object's address is not."""
    try:
        return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
    except Exception:  # some of them raise
        return type(value).__name__


@pytest.mark.parametrize(("value", "plain"), COUNTS, ids=named)
def test_numbers_of_every_class_count(bench: Bench, value: Any, plain: float) -> None:
    """Two hundred additions of a value give two hundred times its number, as a plain int or float."""
    task = bench.tracker.add_task("numbers", completed=300)
    for _ in range(200):
        task.advance(value)
    assert type(task.completed) in (int, float)
    assert task.completed == pytest.approx(300 + 200 * plain)
    cell = LockedCell()
    cell._n = 0
    cell.advance(value)
    assert cell._n == plain


@pytest.mark.parametrize("value", ODD, ids=named)
def test_an_odd_value_changes_nothing_for_anybody(value: Any) -> None:
    """A value that is not a number never raises, counts nothing, and does not affect another task, its frames and their
    JSON."""
    clock, ticker, renderer = ManualClock(), ManualTicker(), RecordingRenderer()
    with ProgressTracker(renderer, clock=clock, ticker=ticker) as tracker:
        healthy = tracker.add_task("healthy", total=4)
        odd = tracker.add_task("odd", total=10, counter=lambda: value)
        below = tracker.add_task("below", parent=tracker.add_task("sum", rollup="sum"))
        for _ in range(3):
            for task in (odd, below):
                task.advance(2)
                clock.advance(0.1)
                ticker.tick()
                task.advance(value)
                task.report(value, value)
            healthy.advance()
            odd.update(fields={"value": value}, other=value)
            clock.advance(0.1)
            ticker.tick()
            for frame in renderer.frames:
                json.loads(encode(frame), parse_constant=pytest.fail)
                assert decode(encode(frame)).tasks is not None
        assert (odd.completed, below.completed, healthy.completed) == (6, 6, 3)
        views = {view.description: view for view in renderer.frames[-1].tasks}
        assert (views["odd"].completed, views["sum"].completed, views["healthy"].completed) == (6, 6, 3)


def test_odd_value_is_reported_once_by_task_and_value(bench: Bench) -> None:
    """One sentence names the task and the value; another value or task has one of its own."""
    first, second = bench.tracker.add_task("odd first"), bench.tracker.add_task("odd second")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for task, value in ((first, None), (first, None), (first, "x"), (second, None)):
            task.advance(value)
    words = [str(each.message) for each in warned]
    assert len(words) == 3
    assert "'odd first', was given None, a NoneType" in words[0]
    assert {each.filename for each in warned} == {__file__}, "the line of the job that gave it"


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.sampled_from([pair for pair in COUNTS if pair[1] >= 0])
        | st.sampled_from([(odd, 0) for odd in [*ODD, 2**1000, 3 * 10**5000, math.factorial(400), int(1e200)]]),
        max_size=30,
    ),
    st.booleans(),
)
def test_any_sequence_adds_up(values: list[tuple[Any, float]], looking: bool) -> None:
    """For any amounts in any order, the count is the sum of the numbers among them, sampled or not."""
    ticker, renderer = ManualTicker(), RecordingRenderer()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tracker = ProgressTracker(renderer, clock=ManualClock(), ticker=ticker)
        task = tracker.add_task("any", completed=0.25)
        other = tracker.add_task("other", parent=tracker.add_task("sum", rollup="sum"))
        for value, _ in values:
            task.advance(value)
            other.advance(value)
            if looking:
                ticker.tick()
        ticker.tick()
        views = {view.description: view.completed for view in renderer.frames[-1].tasks}
    units = sum(plain for _, plain in values)
    assert (task.completed, views["any"]) == (pytest.approx(units + 0.25), pytest.approx(units + 0.25))
    assert (other.completed, views["other"], views["sum"]) == (pytest.approx(units),) * 3
    tracker.stop()


def test_a_huge_int_of_any_digits(bench: Bench) -> None:
    """If an int of hundreds of digits does not end in zero bits, the count since the last frame is unknown."""
    task = bench.tracker.add_task("huge", total=10)
    task.advance(3)
    bench.tick()
    task.advance(int("1" * 400))
    task.advance(0.5)
    task.advance(1)
    assert task.completed == 3.5
    task.advance(1)
    assert bench.tick().tasks[0].completed == 4.5


def test_threads_count_beside_odd_values(bench: Bench) -> None:
    """Threads that count while odd values are taken out.

    Nothing that other threads count meanwhile is lost, ints or floats.
    """
    task = bench.tracker.add_task("shared")

    def count() -> None:
        for _ in range(2_000):
            task.advance(1)
            task.advance(0.5)
            task.advance(10**400)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        bench.tick()
    assert task.completed == 12_000


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda tracker: tracker.add_task("x", total=10**400), "total is an int of 1329 bits"),
        (lambda tracker: tracker.add_task("x", total=10**5000), "total is an int of"),
        (lambda tracker: tracker.add_task("x", total=Mute()), "total is a Mute, a Mute"),
        (lambda tracker: tracker.add_task("x", total=math.nan), "total is nan"),
        (lambda tracker: tracker.add_task("x", total="3"), "total is '3', a str"),
        (lambda tracker: tracker.add_task("x", total=True), "total is True, a bool"),
        (lambda tracker: tracker.add_task("x", parent="y"), "parent is 'y'"),
        (lambda tracker: tracker.add_task("x", parent=Mute()), "parent is a Mute"),
        (lambda tracker: tracker.add_task("x", color=[]), "color is \\[\\]"),
        (lambda tracker: tracker.add_task("x", counter=3), "counter is 3"),
        (lambda tracker: tracker.track([1], parent="y"), "parent is 'y'"),
        (lambda tracker: tracker.track([1], total=Mute()), "total is a Mute"),
        (lambda tracker: tracker.add_task("x").update(completed=math.nan), "completed is nan"),
        (lambda tracker: tracker.add_task("x").update(total=-1), "total is -1"),
    ],
)
def test_a_wrong_argument_is_a_sentence(bench: Bench, call: Callable[[Any], Any], words: str) -> None:
    """Bad input to a call of the user's own is refused there, with the value, even where that cannot be shown."""
    with pytest.raises((TypeError, ValueError), match=words):
        call(bench.tracker)


def test_what_people_mean(bench: Bench) -> None:
    """None for `completed` is nothing done, or no change; for `sep` and `end` it is what `print` takes it for."""
    task = bench.tracker.add_task("x", total=Decimal("2.5"), completed=None)  # type: ignore[arg-type]
    assert (task.completed, task.total) == (0, 2.5)
    task.update(completed=Fraction(1, 2))  # type: ignore[arg-type]
    task.update(completed=None)  # type: ignore[arg-type]
    assert task.completed == 0.5
    bench.tracker.print("a", "b", sep=None, end=None)
    assert bench.tracker._core.lines.drain() == ["a b"]


def test_fields_may_hold_anything(bench: Bench) -> None:
    """A field that JSON lacks is shown as text."""
    task = bench.tracker.add_task("x")
    task.update(loss=math.nan, big=10**400, mute=Mute(), level=Level.THREE, half=Fraction(1, 2), none=None, ok=True)
    frame = bench.tick()
    shown_fields = json.loads(encode(frame), parse_constant=pytest.fail)["tasks"][0]["fields"]
    assert shown_fields == {
        "loss": "nan",
        "big": shown_fields["big"],
        "mute": "a Mute",
        "level": 3,
        "half": "1/2",
        "ok": True,
    }
    assert isinstance(shown_fields["big"], str)
    assert decode(encode(frame)).tasks[0].fields["loss"] == "nan"
    assert decode(encode(frame).replace('"nan"', "NaN")).tasks[0].fields["loss"] == "NaN"  # of a foreign process


def test_report_takes_what_callbacks_give(bench: Bench) -> None:
    """`report` sets count and total; a total that is infinite, negative or none is unknown, and left out it stays."""
    task = bench.tracker.add_task("x")
    for total, known in (
        (20, 20),
        (math.inf, None),
        (-1, None),
        (7.5, 7.5),
        (None, None),
        (Decimal(9), 9),
        ("?", None),
    ):
        task.report(5, total)
        assert (task.completed, task.total) == (5, known)
    task.report(6, 30)
    task.report(7)
    assert (task.completed, task.total) == (7, 30)
    with pytest.raises(ValueError, match="comes from its children"):
        bench.tracker.add_task("sum", rollup="sum").report(3)


def test_a_counter_is_asked_before_each_frame(bench: Bench) -> None:
    """The count of `counter=` is the function's last result, also at the end; an error of it is reported once."""
    said: list[Any] = [3]

    def ask() -> Any:
        if isinstance(said[0], Exception):
            raise said[0]
        return said[0]

    task = bench.tracker.add_task("query", total=100, counter=ask)
    assert bench.tick().tasks[0].completed == 3
    said[0] = OSError("gone")
    assert bench.tick().tasks[0].completed == 3
    said[0] = 100.0
    task.finish()
    assert task.completed == 100


def row(total: float, steps: int, by: Any) -> tuple[str, Any]:
    clock, ticker, terminal = ManualClock(), ManualTicker(), EmulatedTerminal()
    tracker = ProgressTracker("ansi", clock=clock, ticker=ticker, terminal=terminal)
    task = tracker.add_task("download", total=total, unit="B")
    for _ in range(steps):
        clock.advance(1.0)
        task.advance(by)
        ticker.tick()
    live = next(line for line in terminal.screen if line.strip())
    tracker.stop()
    return live, task


@pytest.mark.parametrize("total", [0, 1_000_000, 0.0])
def test_a_wrong_total_makes_no_share(total: float) -> None:
    """With a total of 0, or a total that is exceeded, the count is shown without percentage and time left."""
    live, task = row(total, 6, 500_000)
    assert "3.00" in live
    assert not any(false in live for false in ("%", "eta 0:00", "/0"))
    assert task.state == "finished"


@pytest.mark.parametrize(
    ("steps", "by"), [(10, 0.1), (49, 1 / 49), (1000, 0.001), (3, Fraction(1, 3)), (10, Decimal("0.1"))]
)
def test_parts_make_a_whole(steps: int, by: Any) -> None:
    """Parts that are floats sum to exactly their total."""
    task = row(1.0, steps, by)[1]
    assert task.completed == 1.0
    assert (task.is_complete, task.state) == (True, "finished")


def test_numpy() -> None:
    """The scalars of numpy are counts: small ones do not wrap around, float32 has the digits that were meant."""
    numpy = pytest.importorskip("numpy")
    tracker = ProgressTracker("none")
    for kind in (numpy.uint8, numpy.int8, numpy.int64, numpy.float32, numpy.float64, numpy.bool_):
        task = tracker.add_task("numpy", total=kind(1) * 100)
        for _ in range(300):
            task.advance(kind(1))
        assert task.completed == 300
        assert type(task.completed) in (int, float)
    assert plain_number(numpy.float32(0.1)) == 0.1
    assert plain_number(numpy.array(3)) == 3
    for odd in (
        numpy.array([3]),
        numpy.array([1, 2]),
        numpy.complex64(3),
        numpy.float64("nan"),
        numpy.datetime64("now"),
    ):
        assert plain_number(odd) is None
    tracker.stop()
