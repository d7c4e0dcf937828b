"""A tracker for tests: they move its clock and its ticks, and read its recorded frames."""

from __future__ import annotations

from typing import Any

from progresskit import ProgressTracker
from progresskit.testing import ManualClock, ManualTicker, RecordingRenderer


class Bench:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.ticker = ManualTicker()
        self.renderer = RecordingRenderer()
        self.tracker = ProgressTracker(self.renderer, clock=self.clock, ticker=self.ticker)

    def tick(self, seconds: float = 0.1) -> Any:
        self.clock.advance(seconds)
        self.ticker.tick()
        return self.renderer.frames[-1] if self.renderer.frames else None
