"""The plural of units, by the design's table, and a group that says how many of its parts failed."""

from __future__ import annotations

import pytest
from bench import Bench

from progresskit._text.plurals import forms

UNITS = (
    "row row rows|rows row rows|entry entry entries|entries entry entries|batches batch batches|file file files|"
    "epoch epoch epochs|indices index indices|children child children|person person people|box box boxes|dish dish dishes|"
    "class class classes|status status status|analysis analysis analysis|day day days|buzz buzz buzzes|match match matches|"
    "tok tok tok|img img img|kg kg kg|B B B|MB MB MB|m² m² m²|Stück Stück Stück|kWh kWh kWh|%x %x %x"
)


@pytest.mark.parametrize("line", UNITS.split("|"), ids=lambda line: line.split()[0].encode("ascii", "replace").decode())
def test_plural(line: str) -> None:
    """Singular and plural follow from either form; abbreviations and symbols have none."""
    unit, singular, plural = line.split()
    assert forms(unit) == (singular, plural)


@pytest.mark.parametrize("failures", [1, 3], ids=["one", "three"])
def test_a_group_says_how_many_failed(bench: Bench, failures: int) -> None:
    """A group with a part that failed has failed itself, and was not cancelled."""
    with bench.tracker.add_task("Files", total=4, rollup="count") as group:
        for number in range(4):
            part = bench.tracker.add_task(f"part {number}", parent=group)
            bench.tick()
            if number < failures:
                part.fail("no such file")
            else:
                part.finish()
    bench.tick()
    assert (group.state, group.reason) == ("failed", f"{failures} of 4 failed")
