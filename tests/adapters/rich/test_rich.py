"""The rich renderer keeps the adapters' contract, and draws a row again only when it has changed."""

from __future__ import annotations

import pytest
from adapter_contract import AdapterContract

pytest.importorskip("progresskit_rich", reason="the adapter is not installed in this environment")

from rich.progress_bar import ProgressBar

from progresskit import Frame
from progresskit._model.frames import sample_view


class TestRich(AdapterContract):
    name = "rich"
    library = "rich", "rich"

    def test_it_looks_like_rich(self) -> None:
        renderer, terminal = self.begin(columns=80)
        view = sample_view(description="alpha", completed=25, total=100, unit="row", elapsed=5.0, rate=5.0, eta=15.0)
        self.draw(renderer, terminal, Frame(0.0, (view,)))
        bar = "━" * 7 + " " * 22
        assert terminal.text == [f"alpha {bar}  25% 25/100 rows 5.0 rows/s 0:00:05 0:00:15"]
        self.finish(renderer, terminal)

    def test_bars_are_richs_own(self) -> None:
        renderer, terminal = self.begin()
        self.draw(renderer, terminal, Frame(0.0, self.views("alpha", "beta")))
        assert all(isinstance(bar, ProgressBar) for bar in renderer.bars.values())
        self.finish(renderer, terminal)

    def test_a_row_that_looks_the_same_is_not_drawn_again(self) -> None:
        renderer, terminal = self.begin()
        views = self.views("alpha", "beta")
        self.draw(renderer, terminal, Frame(0.0, views))
        for bar in renderer.bars.values():
            bar.completed = -1.0  # drawing gives a bar its figures
        beta = views[1]._replace(completed=9)
        self.draw(renderer, terminal, Frame(1.0, (views[0]._replace(elapsed=2.9), beta)))
        assert [bar.completed for bar in renderer.bars.values()] == [-1.0, beta.fraction]
        self.finish(renderer, terminal)

    def test_columns_do_not_jump_back(self) -> None:
        renderer, terminal = self.begin()
        view = sample_view(description="alpha", completed=1, total=10, rate=12345.0, unit="row")
        wide = view._replace(id=2, position=1, completed=1_000_000, total=9_000_000)
        self.draw(renderer, terminal, Frame(0.0, (view, wide)))
        place = terminal.text[0].index("1/10 row")
        self.draw(renderer, terminal, Frame(1.0, (view,)))
        assert terminal.text[0].index("1/10 row") == place
        self.finish(renderer, terminal)
