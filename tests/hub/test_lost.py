"""The claim that what a killed client had running is shown as lost within a second: the ticker's own steps, its time moved by
hand. What it takes in real time is measured in benchmarks/hub.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from progresskit import Frame
from progresskit._cli.run import BUDGET
from progresskit._display.display_set import DisplaySet
from progresskit._display.ticker import ThreadTicker
from progresskit.processes._client import HubRenderer
from progresskit.processes.feed import Feed
from progresskit.processes.hub import PAUSE, Hub
from progresskit.testing import EmulatedTerminal, ManualClock, RecordingRenderer, sample_view


class Drawing(RecordingRenderer):
    """A renderer whose frames have the given cost."""

    def __init__(self, spent: ManualClock, cost: float) -> None:
        super().__init__()
        self._spent, self._cost = spent, cost

    def render(self, frame: Frame) -> None:
        super().render(frame)
        self._spent.advance(self._cost)


class Stepping(ThreadTicker):
    """The process's ticker without its thread: it sleeps in the test's time."""

    def __init__(self, clock: ManualClock, spent: ManualClock) -> None:
        super().__init__()
        self.thread.has_watchdog = True  # and no watchdog
        self.thread.begin = self._begin  # type: ignore[method-assign]
        self.scheduler.set = DisplaySet(spent, spent)
        self._clock = clock
        self._wakes = 0.0

    def _begin(self) -> None:
        self.thread.is_running = True

    def sleep(self, until: float) -> None:
        """Advance time until then, with all checks in between; the bell wakes it at once."""
        while (rung := self.thread.bell.wait(0.0)) or self._wakes <= until:
            if not rung:
                self._clock.advance(self._wakes - self._clock())
            delay = self.scheduler.draw_due(self._clock(), woken=rung)
            self.thread.sleeps_long = delay > 2 * self.scheduler.survey()[0]
            self._wakes = self._clock() + delay
        self._clock.advance(until - self._clock())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def spent() -> ManualClock:
    return ManualClock()


@pytest.fixture
def ticker(clock: ManualClock, spent: ManualClock) -> Stepping:
    return Stepping(clock, spent)


@pytest.fixture(params=[0.0, 0.001, 0.02], ids=["drawing costs nothing", "1 ms", "20 ms"])
def drawing(request: pytest.FixtureRequest, spent: ManualClock) -> Drawing:
    return Drawing(spent, request.param)


@pytest.fixture
def hub(clock: ManualClock, ticker: Stepping, drawing: Drawing) -> Iterator[Hub]:
    feed = Feed(drawing, terminal=EmulatedTerminal(), clock=clock, ticker=ticker, budget=BUDGET)
    with Hub(feed) as hub:
        yield hub


def hear(hub: Hub) -> None:
    """Make the hub read the sent messages, and notify the feed."""
    hub._read_all(60.0)
    hub.feed.announce()


@pytest.mark.parametrize("state", ["running", "paused"])
@pytest.mark.parametrize("before", [0.05, 0.35, 4.0, 60.0], ids="killed after {} s".format)
def test_killed_client_is_lost_within_a_second(
    hub: Hub, ticker: Stepping, clock: ManualClock, drawing: Drawing, state: str, before: float
) -> None:
    """The running tasks of a killed client are shown as lost within a second."""
    victim, other = (HubRenderer(str(hub.address)) for _ in range(2))
    for name, client in (("victim", victim), ("other", other)):
        client.start(EmulatedTerminal())
        client.render(Frame(0.0, (sample_view(description=name, state=state),)))
        hear(hub)
    ticker.sleep(clock() + before)
    assert [view.description for view in drawing.frames[-1].tasks] == ["victim", "other"]
    killed = clock()
    victim._close()
    hear(hub)
    ticker.sleep(killed + 1.0 - PAUSE)
    assert [view.description for view in drawing.frames[-1].tasks] == ["other"]
    ended = [(view.description, view.reason) for frame in drawing.frames for view in frame.ended]
    assert ended == [("victim", "lost")]
    other.stop()
