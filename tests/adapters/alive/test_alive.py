"""The alive renderer keeps the contract, and reuses that library's objects."""

from __future__ import annotations

import threading

import pytest

pytest.importorskip("progresskit_alive", reason="the adapter is not installed in this environment")

from progresskit_alive import AliveRenderer

from progresskit import Frame, ProgressTracker, Renderer
from progresskit.registry import find
from progresskit.testing import EmulatedTerminal, ManualTicker, RendererContract


class TestAlive(RendererContract):
    def make_renderer(self) -> Renderer:
        return AliveRenderer()

    def test_it_is_found_by_its_name(self) -> None:
        assert find("alive") is AliveRenderer

    def test_a_row_reuses_its_bar_and_no_thread_is_started(self) -> None:
        threads = threading.active_count()
        renderer, terminal = self.begin()
        assert isinstance(renderer, AliveRenderer)
        self.draw(renderer, terminal, Frame(0.0, self.views("alpha", "beta")))
        bars = list(renderer.bars)
        same = list(renderer.bars.values()) if isinstance(renderer.bars, dict) else bars
        later = tuple(view._replace(id=view.id + 10, completed=9) for view in self.views("gamma", "delt"))
        self.draw(renderer, terminal, Frame(1.0, later))
        now = list(renderer.bars.values()) if isinstance(renderer.bars, dict) else list(renderer.bars)
        assert len(now) == len(same) == 2
        assert threading.active_count() == threads

    def test_colours_are_the_operations_own(self) -> None:
        renderer, terminal = self.begin(colors=True)
        self.draw(renderer, terminal, Frame(0.0, tuple(view._replace(color="red") for view in self.views("alpha"))))
        assert "\x1b[31m" in "".join(terminal.output)

    def test_two_hundred_tasks_are_one_frame(self) -> None:
        ticker, terminal = ManualTicker(), EmulatedTerminal(100, 24)
        tracker = ProgressTracker("alive", terminal=terminal, ticker=ticker)
        for number in range(200):
            tracker.add_task(f"task {number}", total=10)
        assert terminal.output == []
        ticker.tick()
        assert len(terminal.output) == 1
        assert "... 178 more" in terminal.text[-1]
