"""The alive renderer keeps the adapters' contract, with alive-progress's own styles."""

from __future__ import annotations

import pytest
from adapter_contract import AdapterContract

pytest.importorskip("progresskit_alive", reason="the adapter is not installed in this environment")

from alive_progress.styles import BARS, SPINNERS
from progresskit_alive import AliveRenderer

from progresskit import Frame
from progresskit._model.frames import sample_view
from progresskit.testing import EmulatedTerminal


class TestAlive(AdapterContract):
    name = "alive"
    library = "alive-progress", "alive_progress"

    def test_it_looks_like_alive_progress(self) -> None:
        renderer, terminal = self.begin(columns=80)
        view = sample_view(description="alpha", completed=25, total=100, unit="row", elapsed=5.0, rate=5.0, eta=15.0)
        self.draw(renderer, terminal, Frame(0.0, (view,)))
        bar = "█" * 6 + " " * 18
        assert terminal.text == [f"alpha |{bar}| ▁▃▅ 25/100 rows [25%] in 5s (~15s, 5.0 rows/s)"]
        self.finish(renderer, terminal)

    def test_early_end_is_marked_as_by_alive_progress(self) -> None:
        """A task that ended early is marked as alive-progress does."""
        renderer, terminal = self.begin()
        failed = self.views("alpha")[0]._replace(state="failed", reason="no room")
        self.draw(renderer, terminal, Frame(0.0, (), (failed,)))
        assert "⚠" in terminal.text[0]
        assert "(!) 3/10" in terminal.text[0]
        self.finish(renderer, terminal)

    def test_an_unknown_total_moves_with_the_time_alone(self) -> None:
        renderer, terminal = self.begin()
        view = sample_view(description="alpha", completed=42)
        shown = []
        for time in (0.0, 0.5, 0.5):
            self.draw(renderer, terminal, Frame(time, (view,)))
            shown.append(terminal.text[0])
        assert shown[0] != shown[1] == shown[2]
        self.finish(renderer, terminal)

    def test_a_subclass_may_name_any_style(self) -> None:
        for bar, spinner in [*((bar, "waves") for bar in BARS), *(("smooth", spinner) for spinner in SPINNERS)]:

            class Styled(AliveRenderer):
                styles = (bar, "waves", spinner)

            terminal, renderer = EmulatedTerminal(70, 5), Styled()
            renderer.start(terminal)
            views = (*self.views("alpha"), sample_view(id=9, position=1, description="beta", completed=7))
            self.draw(renderer, terminal, Frame(1.0, views))
            assert len(terminal.text) == 2, (bar, spinner)
            self.finish(renderer, terminal)
