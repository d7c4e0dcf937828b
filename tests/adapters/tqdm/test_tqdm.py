"""The tqdm renderer keeps the adapters' contract, and tqdm's own habits away."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from adapter_contract import BACKGROUND, AdapterContract, Done, run

pytest.importorskip("progresskit_tqdm", reason="the adapter is not installed in this environment")

import tqdm

from progresskit import Frame
from progresskit._model.frames import sample_view


class TestTqdm(AdapterContract):
    name = "tqdm"
    library = "tqdm", "tqdm"

    def test_it_looks_like_tqdm(self) -> None:
        renderer, terminal = self.begin(columns=61)
        view = sample_view(description="alpha", completed=25, total=100, unit="row", elapsed=5.0, rate=5.0, eta=15.0)
        self.draw(renderer, terminal, Frame(0.0, (view,)))
        assert terminal.text == ["alpha:  25%|██▎      | 25/100 rows [00:05<00:15, 5.0 rows/s]"]
        self.finish(renderer, terminal)

    def test_rows_without_bars_have_no_gap(self) -> None:
        """Where no row has a total, the counts follow the names."""
        renderer, terminal = self.begin()
        self.draw(renderer, terminal, Frame(0.0, (sample_view(description="alpha", completed=7, unit="row"),)))
        assert terminal.text[0].startswith("alpha: 7 rows [")
        self.finish(renderer, terminal)

    def test_slow_things_are_told_in_seconds_for_each(self) -> None:
        renderer, terminal = self.begin()
        self.draw(renderer, terminal, Frame(0.0, (sample_view(total=9, unit="file", rate=0.4),)))
        assert "2.50 s/file" in terminal.text[0]
        self.finish(renderer, terminal)

    def test_own_bars_know_nothing_of_rows(self) -> None:
        """The program's own bars know nothing of the rows."""
        renderer, terminal = self.begin()
        self.draw(renderer, terminal, Frame(0.0, self.views("alpha", "beta")))
        with tqdm.tqdm(total=3, file=io.StringIO()) as own:
            assert own.pos == 0
            assert all(bar not in type(own)._instances for bar in renderer.bars.values())
        self.finish(renderer, terminal)

    def test_tqdms_environment_does_not_reach_the_rows(self, tmp_path: Path) -> None:
        done = run(BACKGROUND.format(name="tqdm"), "tqdm", tmp_path, TQDM_DISABLE="1", TQDM_NCOLS="3", TQDM_DESC="x")
        assert done == Done(0, "['MainThread']\n", "")
