"""The display keeps its budget: the cost of frames decides when the next one comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from progresskit import ProgressTracker
from progresskit._display.display import (
    FRAME_BUDGET_SHARE,
    MOST_CREDIT_SECONDS,
    MOST_DEBT_SECONDS,
    WAKEUP_COST_FACTOR,
    Pace,
)
from progresskit._display.display_set import DisplaySet
from progresskit._model.frames import Frame
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker, RecordingRenderer


class SlowRenderer(RecordingRenderer):
    """A renderer that advances the clock of drawing costs by `seconds` for each frame."""

    def __init__(self, clock: ManualClock, seconds: float) -> None:
        super().__init__()
        self.clock, self.seconds = clock, seconds

    def render(self, frame: Frame) -> None:
        super().render(frame)
        self.clock.advance(self.seconds)


class TwoClocks(ManualTicker):
    """A ticker whose wall clock advances by `elapsed` and by the time of drawing."""

    def __init__(self) -> None:
        super().__init__()
        self.elapsed = ManualClock()
        self._set = DisplaySet(self.cost, lambda: self.cost() + self.elapsed())


def drawn(
    seconds: float, budget: float, duration: float, change: dict[int, float] | None = None
) -> tuple[float, list[float]]:
    """Return the seconds spent on drawing in `duration`, after the first frame, and the gaps between the frames.

    Frames come when the display asks for them, as the ticker has it. `change` gives the cost of a frame from its number on.
    """
    ticker = TwoClocks()
    renderer = SlowRenderer(ticker.cost, seconds)
    gaps: list[float] = []
    with ProgressTracker(renderer, terminal=EmulatedTerminal(), interval=0.1, budget=budget, ticker=ticker) as tracker:
        task = tracker.add_task("slow to draw", total=1_000_000)
        display = ticker.displays[0]
        display.tick()  # pays for imports, and is no cost of drawing
        began = ticker.cost()
        spent, now = 0.0, display.tick()
        spent += ticker.cost() - began
        ticker.elapsed.advance(now - renderer.seconds)
        while now < duration:
            renderer.seconds = (change or {}).get(len(gaps), renderer.seconds)
            task.advance()
            before = ticker.cost()
            gap = display.tick()
            spent += ticker.cost() - before
            gaps.append(gap)
            now += gap
            ticker.elapsed.advance(gap - renderer.seconds)
    return spent, gaps


@pytest.mark.parametrize("cost", [0.0005, 0.02, 0.3, 2.0])
@pytest.mark.parametrize("budget", [0.01, 0.2])
def test_slow_renderer_keeps_the_budget(cost: float, budget: float) -> None:
    """A renderer costs no more than the budget, however slow it is."""
    spent, gaps = drawn(cost, budget, duration=500.0)
    assert gaps
    assert spent <= budget * (sum(gaps) + max(gaps)) * 1.001


def test_renderer_of_300_ms_a_frame() -> None:
    """A renderer of 300 ms a frame is drawn every 30 seconds."""
    _, gaps = drawn(0.3, 0.01, duration=1_000.0)
    del gaps[:2]  # a frame from the budget saved before, and the wait for its debt
    assert min(gaps) == pytest.approx(30.0 / FRAME_BUDGET_SHARE, abs=0.1)
    assert max(gaps) == pytest.approx(30.0 / FRAME_BUDGET_SHARE, abs=0.1)


def test_budget_counts_one_thread() -> None:
    """The thread's time between two frames counts against the budget; the time of other threads does not."""
    for between, cost in ((0.0, 0.01), (0.001, 0.011), (60.0, WAKEUP_COST_FACTOR * 0.01)):
        pace = Pace(0.1, 0.01)
        pace.after_frame(0.0, 1.0, 0.0, now=0.0, moved=True)
        gap = pace.after_frame(1.0 + between, 1.0 + between + 0.01, 0.0, now=0.0, moved=True)
        assert gap == pytest.approx(cost / FRAME_BUDGET_SHARE * 100)


def test_cheap_renderer_keeps_its_pace() -> None:
    """A cheap renderer keeps its ten frames a second."""
    _, gaps = drawn(0.0005, 0.01, duration=100.0)
    assert max(gaps) == pytest.approx(0.1)


def test_slow_frame_is_paid_for_once() -> None:
    """The wait after one slow frame covers its cost, and later frames are as before."""
    _, gaps = drawn(0.0005, 0.01, duration=1_000.0, change={20: 0.3, 21: 0.0005})
    assert max(gaps[:20]) == pytest.approx(0.1)
    assert gaps[20] == pytest.approx(0.3 / FRAME_BUDGET_SHARE * 100 - MOST_CREDIT_SECONDS - MOST_DEBT_SECONDS, abs=0.15)
    assert max(gaps[21:]) < 0.2
    assert max(gaps[30:]) == pytest.approx(0.1)


@given(st.lists(st.floats(0.0, 0.05), min_size=1, max_size=60), st.sampled_from([0.0018, 0.01, 0.3]))
def test_budget_holds_for_any_costs(costs: list[float], budget: float) -> None:
    """Frames of any cost stay within the budget, ahead by at most a second of it, and none waits longer than it must."""
    pace, spent, now = Pace(0.1, budget), 10.0, 0.0
    pace.after_frame(9.9, spent, 0.0, now=now, moved=True)
    for number, cost in enumerate(costs, 1):
        spent += cost
        now += pace.after_frame(spent - cost, spent, 0.0, now=now, moved=True)
        paid = budget * FRAME_BUDGET_SHARE * (now + MOST_CREDIT_SECONDS + MOST_DEBT_SECONDS)
        assert sum(costs[:number]) <= paid * 1.001 + 1e-9
    waited = sum(max(cost / (budget * FRAME_BUDGET_SHARE), 0.1) for cost in costs)
    assert now <= waited * 1.001 + MOST_CREDIT_SECONDS


def test_uneven_frames() -> None:
    """Frames whose average cost is within the budget come evenly: earlier cheap frames pay for a costly one."""
    _, gaps = drawn(
        0.0005, 0.01, duration=60.0, change={number: 0.0012 if number % 3 else 0.0004 for number in range(600)}
    )
    assert max(gaps) < 0.12


def test_first_rows_after_an_empty_frame() -> None:
    """The first frame with rows pays for imports, and is no cost of drawing, also where a frame before it had nothing to show: the
    second loop of a program stood still for seconds."""
    pace = Pace(0.1, 0.01)
    pace.after_frame(0.0, 0.001, 0.001, now=0.1, moved=False)
    assert pace.after_frame(0.001, 0.041, 0.04, now=0.2, moved=True, imports=True) == pytest.approx(0.1)
    assert pace.after_frame(0.041, 0.0415, 0.0005, now=0.3, moved=True) == pytest.approx(0.1)


def test_a_display_tells_its_first_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all frames only the first one with rows is told to have imported what draws them."""
    told: list[bool] = []
    monkeypatch.setattr(Pace, "after_frame", lambda self, *_, imports, **__: told.append(imports) or 0.1)
    clock, ticker = ManualClock(), ManualTicker()
    with ProgressTracker("ansi", terminal=EmulatedTerminal(), clock=clock, ticker=ticker) as tracker:
        tracker.add_task("first").finish()
        ticker.tick()
        task = tracker.add_task("second", total=3)
        for _ in range(3):
            clock.advance(1.0)
            task.advance()
            ticker.tick()
    assert (told.count(True), told[0]) == (1, False), told
