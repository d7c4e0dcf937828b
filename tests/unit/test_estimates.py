"""Claims about rate and time left: a steady rate is found, and an irregular one does not mislead."""

from __future__ import annotations

import math
import runpy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from bench import Bench
from hypothesis import given, settings
from hypothesis import strategies as st

from progresskit import ProgressTracker
from progresskit._model.estimates import Estimate
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker, RecordingRenderer


def fed(samples: Iterable[tuple[float, float]], start: float = 0.0) -> Estimate:
    estimate = Estimate(0.0, start)
    for time, done in samples:
        estimate.sample(time, done)
    return estimate


def test_before_the_first_movement_nothing_is_known() -> None:
    estimate = fed([(1.0, 0.0), (2.0, 0.0)])
    assert (estimate.rate(2.0), estimate.eta(2.0, 0.0, 10.0)) == (None, None)


def test_a_steady_pace_is_found() -> None:
    estimate = fed((tick / 10, tick * 0.5) for tick in range(1, 600))
    assert estimate.rate(59.9) == pytest.approx(5.0)
    assert estimate.eta(59.9, 299.5, 500.0) == pytest.approx(200.5 / 5, abs=0.2)


@pytest.mark.parametrize("interval", [0.1, 0.5, 2.0])
def test_looking_more_often_changes_little(interval: float) -> None:
    estimate = fed((tick * interval, 3.0 * int(tick * interval)) for tick in range(1, int(120 / interval)))
    assert estimate.rate(120.0) == pytest.approx(3.0, rel=0.05)


def test_bursts_read_as_a_steady_pace() -> None:
    """Bursts every half minute give a steady rate."""
    estimate = fed((float(second), 30.0 * (second // 30)) for second in range(1, 600))
    for second in (600.0, 615.0, 629.0):
        assert estimate.rate(second) == pytest.approx(1.0, rel=0.15)
        assert estimate.eta(second, 570.0, 870.0) == pytest.approx(300.0, rel=0.15)


def test_stall_is_left_out_of_the_pace() -> None:
    """A stall does not change the rate, and the time left is kept."""
    steady = [(float(second), 2.0 * second) for second in range(1, 101)]
    estimate = fed(steady)
    assert estimate.eta(101.0, 200.0, 400.0) == pytest.approx(100.0, abs=2.0)
    assert estimate.eta(1_000.0, 200.0, 400.0) == pytest.approx(100.0, abs=2.0)
    assert [estimate.rate(second) for second in (101.0, 150.0, 1_000.0)] == [pytest.approx(2.0)] * 3
    assert [estimate.is_idle(second) for second in (101.0, 110.0, 110.1, 1_000.0)] == [False, False, True, True]
    for second in range(1, 21):
        estimate.sample(1_000.0 + second, 200.0 + 2.0 * second)
    assert estimate.rate(1_020.0) == pytest.approx(2.0, rel=0.05)
    assert estimate.eta(1_020.0, 240.0, 400.0) == pytest.approx(80.0, rel=0.05)


def test_stalls_that_come_again_belong_to_the_pace() -> None:
    samples, time = [], 0.0
    for step in range(1, 401):
        time += 20.0 if step % 50 == 0 else 1.0
        samples.append((time, float(step)))
    assert fed(samples).rate(time) == pytest.approx(400.0 / time, rel=0.25)


def test_new_pace_after_a_slow_start() -> None:
    """After a slow start the new rate is soon found."""
    slow = [(float(second), 0.1 * second) for second in range(1, 101)]
    fast = [(100.0 + second, 10.0 + 5.0 * second) for second in range(1, 31)]
    estimate = fed(slow + fast)
    assert estimate.rate(130.0) == pytest.approx(5.0, rel=0.15)


def test_a_pace_that_falls_is_taken_to_go_on_falling() -> None:
    samples, time = [], 0.0
    for step in range(1, 501):
        time += 1.0 / (1.0 - 0.67 * step / 1_000)
        samples.append((time, float(step)))
    left = sum(1.0 / (1.0 - 0.67 * step / 1_000) for step in range(501, 1_001))
    found = fed(samples).eta(time, 500.0, 1_000.0)
    assert found == pytest.approx(left, rel=0.25)
    assert found is not None and found > 500.0 * time / 500.0 * 1.2  # the plain average's


def test_a_step_back_changes_no_rate() -> None:
    estimate = fed((float(second), 2.0 * second) for second in range(1, 51))
    estimate.sample(51.0, 10.0)
    assert estimate.rate(51.0) == pytest.approx(2.0)
    for second in range(52, 60):
        estimate.sample(float(second), 10.0 + 2.0 * (second - 51))
    assert estimate.rate(59.0) == pytest.approx(2.0, rel=0.1)
    assert estimate.eta(59.0, 26.0, 126.0) == pytest.approx(50.0, rel=0.1)


def test_what_was_done_before_the_start_does_not_count() -> None:
    estimate = fed(((float(second), 1_000.0 + second) for second in range(1, 11)), start=1_000.0)
    assert estimate.rate(10.0) == pytest.approx(1.0)


def test_all_done_leaves_no_time() -> None:
    """All done leaves no time and an unknown total is never reached."""
    estimate = fed([(1.0, 5.0)])
    assert estimate.eta(1.0, 5.0, 5.0) == 0.0
    assert estimate.eta(1.0, 9.0, 5.0) == 0.0
    assert estimate.eta(1.0, 5.0, None) is None


steps = st.tuples(st.floats(0, 1e6), st.floats(-1e12, 1e15) | st.integers(-5, 10**6))


@settings(max_examples=100, deadline=None)
@given(st.lists(steps, max_size=60), st.floats(0, 1e6), st.floats(0, 1e18) | st.none())
def test_rate_and_eta_are_finite(moves: list[tuple[float, float]], later: float, total: float | None) -> None:
    """For any samples, rate and ETA are finite and not negative."""
    estimate, time, done = Estimate(0.0, 0.0), 0.0, 0.0
    for seconds, units in moves:
        time, done = time + seconds, max(done + units, 0.0)
        estimate.sample(time, done)
        for now in (time, time + later):
            rate, eta = estimate.rate(now), estimate.eta(now, done, total)
            assert rate is None or (rate >= 0 and math.isfinite(rate))
            assert eta is None or (eta >= 0 and math.isfinite(eta))


def test_paused_time_does_not_count_in_rate_or_eta(bench: Bench) -> None:
    task = bench.tracker.add_task("one", total=100)
    for _ in range(20):
        task.advance()
        bench.tick(1.0)
    task.pause()
    bench.tick(500.0)
    task.resume()
    for _ in range(20):
        task.advance()
        bench.tick(1.0)
    assert task.rate == pytest.approx(1.0, rel=0.05)
    assert task.eta == pytest.approx(60.0, rel=0.05)


def test_ours_is_the_lowest_error_on_every_trace() -> None:
    eta: Any = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "eta.py"))
    assert set(eta["ranks"](eta["table"](range(100, 110))).values()) == {1}


def test_a_slow_start_is_over_at_once() -> None:
    """After two samples at three times the rate, the old one has no influence; a single fast sample makes no new rate."""
    slow = [(float(second), second + second % 2 / 10) for second in range(1, 101)]
    estimate = fed(slow)
    estimate.sample(101.0, 103.0)
    assert estimate.rate(101.0) == pytest.approx(1.0, rel=0.4)
    estimate.sample(102.0, 106.0)
    assert estimate.rate(102.0) == pytest.approx(3.0, rel=0.05)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.floats(0.05, 60.0), st.integers(0, 50)), min_size=3, max_size=60))
def test_the_time_left_is_never_at_odds_with_the_rate(moves: list[tuple[float, int]]) -> None:
    """In every frame the time left agrees with the rate: it is at most three tenths more, or less by the current
    gap."""
    bench = Bench()
    task = bench.tracker.add_task("one", total=1_000)
    longest = 0.0
    waited = 0.0
    for seconds, units in moves:
        task.advance(units)
        waited += seconds
        view = bench.tick(seconds).tasks[0]
        if units:
            longest, waited = max(longest, waited), 0.0
        if view.eta is None:
            continue
        assert view.rate is not None
        left = (1_000 - view.completed) / view.rate
        assert left - max(longest, seconds) - 0.01 <= view.eta <= 1.31 * left + 0.01
    bench.tracker.stop()


def test_no_time_left_before_two_gaps_or_in_a_pause(bench: Bench) -> None:
    """A quick first item does not predict later ones; during a pause and a long stop there is no rate and no time left."""
    task = bench.tracker.add_task("epochs", total=1_000, unit="epoch")
    bench.tick(0.14)
    task.advance()
    seen = [bench.tick(0.1).tasks[0] for _ in range(69)]
    assert {view.eta for view in seen} == {None}
    task.advance()
    view = bench.tick(0.1).tasks[0]
    assert view.eta == pytest.approx(998 / view.rate, rel=0.05)
    assert view.eta > 1_000
    task.pause()
    paused = bench.tick(1.0).tasks[0]
    assert (paused.state, paused.rate, paused.eta, task.rate, task.eta) == ("paused", None, None, None, None)
    task.resume()
    assert bench.tick(1.0).tasks[0].eta is not None
    assert [bench.tick(30.0).tasks[0]][0].eta is None


def test_what_is_there_at_once_is_no_pace() -> None:
    estimate = Estimate(0.0, 0)
    estimate.sample(0.0, 500)
    assert (estimate.rate(0.0), estimate.eta(0.0, 500, 1_000)) == (None, None)
    estimate.sample(1.0, 600)
    assert estimate.eta(1.0, 600, 1_000) == pytest.approx(2 / 3)  # 600 units in the only second


@pytest.mark.parametrize(("tasks", "seconds", "learnt"), [(3, 0.1, 20), (10, 0.1, 10), (10, 0.5, 20)])
def test_many_estimates_learn_in_turn(tasks: int, seconds: float, learnt: int) -> None:
    """With ten rows and more half of the estimates learn from a frame, unless frames are far apart; each count is right in all."""
    clock, ticker, renderer = ManualClock(), ManualTicker(), RecordingRenderer()
    samples: dict[int, int] = {}

    class Counting(Estimate):
        def __init__(self, initial: float) -> None:
            super().__init__(0.0, initial)
            samples[id(self)] = 0

        def sample(self, time: float, completed: float) -> None:
            super().sample(time, completed)
            samples[id(self)] += 1

    with ProgressTracker(
        renderer, terminal=EmulatedTerminal(80, 40), clock=clock, ticker=ticker, estimator=Counting
    ) as tracker:
        added = [tracker.add_task(f"task {number}", total=1_000) for number in range(tasks)]
        for _ in range(20):
            clock.advance(seconds)
            for task in added:
                task.advance()
            ticker.tick()
            assert {view.completed for view in renderer.frames[-1].tasks} == {added[0].completed}
        assert all(abs(count - learnt) <= 1 for count in samples.values()), samples
        for task in added:
            task.cancel()


def test_frames_that_were_asked_for_make_no_stall() -> None:
    """Frames at shorter gaps than usual are no measure of a stop: the second after them counts."""
    estimate = Estimate(0.0, 0)
    for time, completed in ((0.012, 9_000), (0.024, 18_000), (1.0, 880_000)):
        estimate.sample(time, completed)
    rate = estimate.rate(1.0)
    assert rate is not None and 800_000 < rate < 1_000_000
