"""Programs as people write them for tqdm: their output is the same as with tqdm, and on streams so are their bars."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pyte
import pytest
from strangers import programs

pytest.importorskip("tqdm", reason="tqdm is not installed in this environment")
FOLDER = Path(__file__).parent
ROWS = {
    "generator methods": ["gen .*stopped early", "inner .*stopped early"], "what update returns": ["told .*3/3 .*number 2"],
    "format_meter": ["own4 of 4!|own: 4 of 4!"], "format_dict": ["whole: 4 in all"], "format_num": ["three .*1/1 .*loss 0.500"],
    "iterated twice": ["twice .*3/3"], "attributes of the class": ["up .*1,000 B"], "not text": ["words .*2/2"],
    "all instances closed": [], "a place in a list as postfix": ["Batch at +4.5"], "a stream that logs": [],
    "a print that writes": ["row 0", "row 1", "row 2", "printed .*3/3"], "a description that is a path": ["a .*2/2"],
    "a hook of urlretrieve": ["file .*56.0 KiB"], "generators that share a screen": ["at 0 .*4/4", "at 1 .*4/4", "at 2 .*4/4"],
    "after the end": ["over .*4/4"], "copied while it is live": ["copied .*2/3", "copy .*3/3"],
    "a close of its own": [
        "row closing at 2", "row closing at 3", "closes .*2/2", "breaks .*3/5 .*stopped early", "row closing at 4", "row that fails",
        "raises .*4/5 .*failed .*the fifth",
    ],
    "an update of its own": [
        "tells  .*12/12", "tells seldom .*8/8", "tells by hand .*3/3", "tells less .*3/5 .*failed .*the fourth",
    ],
    "a refresh of its own": ["redraws a .* 9 a ", "redraws b .* 4 b "],
    "methods that are replaced": ["replaced  .*3/3", "replaced by hand .*2/2", "meter of 3 of 3", "restored .*2/2"],
    "values with commas": [
        r"commas .*loss tensor\(0.5, grad_fn=<Mean>\)$", r"list .*at \[1, 2, 3\]  last 3$", r"open .*a \(1, 2, done$",
    ],
    "changed after its loop": ["over first .*4/4"], "a printer of its own": [], "figures of the last line": ["figures .*9/9 .*2:00:00"],
    "a class that notes its subclasses": ["noted .*1/1"], "options of the executor": ["mapped .*2/2"],
    "an enumerate that is abandoned": ["left .*4/10 .*stopped early"],
    "bars that end in any order": ["any 0 .*4/4", "any 1 .*2/4", "any 2 .*4/4", "any 3 .*4/4"],
    "print is tqdm.write": ["row 0$", "row 0 alone", "row 1$", "row 1 alone", "replaced .*2/2"],
    "colours in words": [r"bold .*2/2 .*  dim$"],
    "colours in a template": [r"green: 100%\|█+\| 2 of 2$", r"blue: 100%\|█+\| 2 of 2$"],
    "a template that ends its line": ["^ended 2/2$"],
    "a status line above a bar": ["at file 2", "main .*3/3"],
}  # fmt: skip
"""Program -> the rows that it leaves on a terminal, in addition to its own output."""


@cache
def report(way: str, mode: str) -> dict[str, Any]:
    """Return the output and the rows of all programs."""
    root = Path(__file__).parents[2]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join((str(root), str(root / "tests")))}
    for name in ("CI", "COLUMNS", "LINES", "PROGRESSKIT_RENDERER"):
        environ.pop(name, None)
    done = subprocess.run(
        [sys.executable, str(FOLDER / "strangers.py"), way, mode],
        capture_output=True,
        text=True,
        env=environ,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def lasting(text: str) -> list[str]:
    """Return the last state of each line of `text`, without times and rates."""
    lines = [line.split("\r")[-1] for line in text.replace("\x1b[A", "").split("\n")]
    return [re.sub(r" \[.*", "", line).rstrip() for line in lines if line.strip()]


def screen(raw: str) -> list[str]:
    display = pyte.Screen(100, 40)
    pyte.Stream(display).feed(raw)
    return [row.rstrip() for row in display.display if row.strip()]


@pytest.mark.parametrize("name", programs())
@pytest.mark.parametrize("way", ["install", "patch"])
def test_stranger(way: str, name: str) -> None:
    """A program has the same output and end in pipes and on a terminal; its bars are tqdm's lines in pipes, and rows on a
    terminal."""
    theirs, ours, shown = report("tqdm", "pipes")[name], report(way, "pipes")[name], report(way, "terminal")[name]
    assert theirs["status"] == 0, theirs["err"]
    assert (ours["status"], ours["out"]) == (0, theirs["out"]), ours["err"]
    assert sorted(lasting(ours["err"])) == sorted(lasting(theirs["err"]))
    rows = screen(shown["raw"])
    assert shown["status"] == 0, rows
    wanted = [
        *(f"^{re.escape(line)}$" for line in theirs["out"].splitlines() if not line.startswith("row ")),
        *ROWS[name],
    ]
    for pattern in wanted:
        assert sum(re.search(pattern, row) is not None for row in rows) == 1, (pattern, rows)
    assert len(rows) == len(wanted), rows


@pytest.mark.parametrize("way", ["install", "patch"])
def test_colours_of_a_template(way: str) -> None:
    """A template's colours, and that of the argument `colour`, are on the terminal."""
    raw = report(way, "terminal")["colours in a template"]["raw"]
    assert re.search("\x1b\\[32m█+\x1b\\[0m\\| 2 of 2", raw)
    assert re.search("\x1b\\[34m█+\x1b\\[0m\\| 2 of 2", raw)
