"""Claims about the benchmarks' statistics: noise that cancels, the coverage of intervals, the verdicts."""

from __future__ import annotations

import random
import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from progresskit._model.events import EventEncoder
from progresskit._model.frames import Frame, sample_view

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def measuring(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import measuring

    return measuring


def test_interval_covers_the_true_median(measuring: ModuleType) -> None:
    """An interval covers the true median nineteen times in twenty."""
    noise = random.Random(1)
    runs = [measuring.interval([noise.expovariate(1.0) for _ in range(21)]) for _ in range(400)]
    covered = sum(run.low <= 0.6931 <= run.high for run in runs)  # the median of this skewed distribution is log 2
    assert covered >= 0.95 * len(runs)
    assert sum(run.high - run.low for run in runs) / len(runs) < 1.1  # and is not wider than necessary


def test_of_few_values_the_interval_is_all_of_them(measuring: ModuleType) -> None:
    assert measuring.interval([3.0, 1.0, 2.0]) == (1.0, 2.0, 3.0)
    assert measuring.interval([5.0]) == (5.0, 5.0, 5.0)


def test_slow_wave_cancels(measuring: ModuleType) -> None:
    """A wave that slows both variants of a round cancels."""
    waves = [1.0, 5.0, 2.0, 9.0, 3.0, 4.0, 7.0]
    times = {"bare": waves, "ours": [wave + 0.25 for wave in waves]}
    assert measuring.over(times, "ours", "bare") == (0.25, 0.25, 0.25)


def test_ratio_is_beyond_the_control(measuring: ModuleType) -> None:
    """A ratio is of what both cost beyond the control."""
    times = {"bare": [1.0, 2.0], "call": [2.0, 3.0], "tick": [1.5, 2.5]}
    assert measuring.ratio(times, "tick", "call", "bare").middle == 0.5


def test_variants_run_in_turn_and_in_both_orders(measuring: ModuleType) -> None:
    order: list[str] = []
    now = iter(range(100))
    variants = {name: lambda name=name: order.append(name) for name in ("bare", "ours")}
    times = measuring.interleaved(variants, 2, clock=lambda: float(next(now)))
    assert order == ["bare", "ours", "ours", "bare", "bare", "ours"]  # once each before the rounds
    assert times == {"bare": [1.0, 1.0], "ours": [1.0, 1.0]}


@pytest.mark.parametrize(
    ("figure", "bar", "verdict"),
    [
        ((1.0, 2.0, 3.0), 3.0, "PASS"),
        ((1.0, 2.0, 3.0), 0.9, "FAIL"),
        ((1.0, 2.0, 3.0), 2.5, "too noisy to say"),
        ((1.0, 2.0, 3.0), None, "-"),
        ((float("inf"),) * 3, 1.0, "FAIL"),
    ],
)
def test_bar_within_the_interval_is_undecided(
    measuring: ModuleType, figure: tuple[float, float, float], bar: float | None, verdict: str
) -> None:
    """A bar within the interval is neither passed nor failed."""
    line = measuring.Line("what", measuring.Interval(*figure), bar, "unit")
    assert line.verdict == verdict
    assert f"| {verdict} | what |" in measuring.text_of([line])


def test_machine_is_reported_without_a_name_or_path(measuring: ModuleType) -> None:
    import platform

    said = measuring.machine()
    assert platform.python_version() in said
    assert str(Path.home()) not in said
    assert platform.node() not in said or len(platform.node()) < 4
    assert sys.prefix not in said


def test_a_loaded_machine_fails_nothing(measuring: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a time over its bar proves nothing; a count does."""
    assert measuring.judged(True, loaded=True) == "PASS"
    assert measuring.judged(False, loaded=True) == "too noisy to say"
    assert measuring.judged(False, loaded=True, counted=True) == measuring.judged(False, loaded=False) == "FAIL"
    monkeypatch.setattr(measuring, "is_loaded", lambda: False)
    timed, counted = measuring.Interval(2.0, 2.5, 3.0), measuring.exact(2.0)
    late, many, good = (
        measuring.Line("what", figure, bar, "s") for figure, bar in ((timed, 1.0), (counted, 1.0), (timed, 4.0))
    )
    found = [
        measuring.exit_status([good, *bad], loaded=loaded) for bad in ((), (late,), (many,)) for loaded in (False, True)
    ]
    assert found == [0, 0, 1, 0, 1, 1]


def test_load_eta_reads_each_frame() -> None:
    """The benchmark of a load's time left sees what changes between two whole frames."""
    encoder = EventEncoder({"progresskit": 1, "run": "a1"})
    views = [sample_view(description="Upload", completed=done) for done in (1, 2, 3)]
    lines = [line for at, view in enumerate(views) for line in encoder.lines(Frame(float(at), (view,)), [])]
    moments_of: Any = runpy.run_path(str(BENCHMARKS / "load_eta.py"))["moments_of"]
    assert [(moment.time, moment.completed) for moment in moments_of(lines)] == [(0.0, 1), (1.0, 2), (2.0, 3)]
