"""Claims about PROGRESSKIT_POSITION: several processes on one terminal that know nothing of each other."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from screens import Screen

from progresskit import ProgressTracker, ProgressWarning
from progresskit._system.environment import position
from progresskit.renderers._shared_region import SharedRegion
from progresskit.testing import EmulatedTerminal, ManualTicker, RecordingRenderer


class Block:
    """Three processes with three rows each, above what was there before."""

    def __init__(self, before: int, lines: int = 12) -> None:
        self.terminal = EmulatedTerminal(columns=30, lines=lines)
        self.before = [f"before {n}" for n in range(before)]
        for line in self.before:
            self.terminal.feed(line + "\n")
        self.processes = [SharedRegion(first, 9) for first in (0, 3, 6)]
        self.rows: list[list[str]] = [[], [], []]
        self.printed: list[str] = []

    def draw(self, process: int, rows: list[str], *above: str) -> None:
        self.rows[process] = rows
        self.printed += above
        text = self.processes[process].draw(rows, list(above), self.terminal.size())
        self.terminal.feed(text)

    def check(self) -> None:
        live = [row for rows in self.rows for row in [*rows, *[""] * (3 - len(rows))]]
        while live and not live[-1]:
            live.pop()
        assert self.terminal.text == [*self.before, *self.printed, *live]
        row, column, visible = self.terminal.cursor
        assert (column, visible) == (0, True)
        assert row + len(self.terminal.scrollback) == len(self.before) + len(self.printed)


steps = some.tuples(some.integers(0, 2), some.integers(0, 3), some.integers(0, 2))


@settings(max_examples=80, deadline=None)
@given(before=some.integers(0, 30), moves=some.lists(steps, max_size=25))
def test_any_interleaving(before: int, moves: list[tuple[int, int, int]]) -> None:
    """Any interleaving shows each row once in its place, and each line once above."""
    block = Block(before)
    for number, (process, rows, lines) in enumerate(moves):
        above = [f"line {number}.{n}" for n in range(lines)]
        block.draw(process, [f"process {process} row {n} {number}" for n in range(rows)], *above)
        block.check()
    for process in range(3):
        block.draw(process, [])
    block.check()


def test_wide_line_takes_several_rows() -> None:
    """A line wider than the screen takes as many rows as it needs."""
    block = Block(20)
    block.draw(2, ["a bar"])
    block.terminal.feed(block.processes[0].draw([], ["\x1b[31m" + "x" * 70 + "\x1b[0m"], (30, 12)))
    assert block.terminal.text[20:] == ["x" * 30, "x" * 30, "x" * 10, *[""] * 6, "a bar"]


def test_rows_beyond_the_screen_are_left_out() -> None:
    """Rows that do not fit the screen are left out."""
    assert SharedRegion(5).room(8) == 2
    assert SharedRegion(5, 6).room(24) == 1
    assert SharedRegion(9).draw(["one"], size=(80, 8)) == ""
    terminal = EmulatedTerminal(columns=30, lines=4)
    terminal.feed(SharedRegion(0).draw(["1", "2", "3", "4", "5"], size=terminal.size()))
    assert terminal.text == ["1", "2", "3"]


@pytest.mark.parametrize("text", ["-1", "five", "3/2", "3/3", "10000", "1/x", "²"])
def test_a_bad_position_warns_and_is_ignored(text: str) -> None:
    with pytest.warns(ProgressWarning, match="PROGRESSKIT_POSITION is"):
        assert position({"PROGRESSKIT_POSITION": text}) is None


def test_renderer_without_places_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A renderer without rows to be placed warns once."""
    monkeypatch.setenv("PROGRESSKIT_POSITION", "3")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for _ in range(2):
            ticker = ManualTicker()
            tracker = ProgressTracker(RecordingRenderer(), terminal=EmulatedTerminal(), ticker=ticker)
            tracker.add_task("one")
            ticker.tick()
            tracker.stop()
    assert [str(warning.message) for warning in said] == [
        "progresskit: PROGRESSKIT_POSITION is set, but the RecordingRenderer renderer has no rows to be placed."
    ]


JOB = """
import os, sys, time
from progresskit import ProgressTracker
name, gate = sys.argv[1:]
with ProgressTracker() as tracker:
    tasks = [tracker.add_task(f"{name}{n}", total=100, keep=False) for n in range(3)]
    for step in range(100):
        for task in tasks:
            task.advance()
        if step % 40 == 10:
            tracker.print(f"line of {name} {step}")
        while step == 50 and not os.path.exists(gate):
            time.sleep(0.01)
        time.sleep(0.002)
"""


@pytest.mark.parametrize(
    ("renderer", "scrolled"),
    [
        ("ansi", 0),
        ("ansi", 30),
        pytest.param("tqdm", 30, marks=pytest.mark.slow),
        pytest.param("rich", 0, marks=pytest.mark.slow),
    ],
)
def test_three_processes_on_a_real_terminal(tmp_path: Path, renderer: str, scrolled: int) -> None:
    if renderer != "ansi":
        pytest.importorskip(f"progresskit_{renderer}", reason="the adapter is not installed in this environment")
    script, gate = tmp_path / "job.py", tmp_path / "gate"
    script.write_text(JOB)
    jobs = " & ".join(
        f"PROGRESSKIT_POSITION={first}/9 {sys.executable} {script} {name} {gate}"
        for first, name in ((0, "a"), (3, "b"), (6, "c"))
    )
    shell = f"for n in $(seq {scrolled}); do echo before $n; done; {jobs} & wait; echo after"
    bars = [f"{name}{n}" for name in "abc" for n in range(3)]
    lines = {f"line of {name} {step}" for name in "abc" for step in (10, 50)}
    with Screen("bash", "-c", shell, PROGRESSKIT_RENDERER=renderer) as shown:
        for rows in shown.moments():
            if not gate.exists() and all(any(line == row for row in rows) for line in lines):
                at = [next((n for n, row in enumerate(rows) if row.lstrip().startswith(bar)), None) for bar in bars]
                if None not in at:
                    first = at[0] or 0
                    assert at == list(range(first, first + 9)), rows
                    assert sum(row.lstrip()[:2] in bars for row in rows) == 9
                    gate.touch()
        assert shown.status == 0
        assert gate.exists(), shown.rows
        shown.check_prompt()
        expected = {f"before {n}" for n in range(1, scrolled + 1)} | lines | {f"line of {name} 90" for name in "abc"}
        kept = ["".join(row[n].data for n in range(100)).rstrip() for row in shown.screen.history.top] + shown.rows
        assert kept[-1] == "after"
        assert sorted(kept[:-1]) == sorted(expected)
