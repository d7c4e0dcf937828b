"""The machine finds faults: each of these is put in, and must not survive a run of it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from machine import LateMachine, Machine, untraced
from on_pty import WordsMachine
from seeding import seed

import progresskit.renderers._region

HUNT = settings(
    max_examples=1500,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
REGION, ROWS, PLACES = "progresskit.renderers._region", "progresskit.renderers.rows", "progresskit._model.slots"
FAULTS = {
    "rows that are gone are not erased": (REGION, "_move(at, number) + CLEAR)", '_move(at, number) + "\\r")'),
    "one row too high": (REGION, '\\x1b[{at - to}A"', '\\x1b[{at - to + 1}A"'),
    "one row too low": (REGION, '"\\n" * (to - at)', '"\\n" * (to - at + 1)'),
    "the new height is not committed": (
        REGION,
        "self._gone = rows, size,",
        "self._gone = (old if above else rows), size,",
    ),
    "the rows are erased to the screen's end": (REGION, 'f"\\x1b[1A{CLEAR}" * at', '"\\x1b[1A" * at + "\\r\\x1b[J"'),
    "what stood before a new size is trusted": (REGION, "if resized or above:", "if above:"),
    "a narrower window is taken to have cut rows": (
        REGION,
        "wrapped(row, columns) if self._reflow else [row]",
        "[row]",
    ),
    "a window that cuts is taken to have wrapped": (REGION, "if self._reflow else [row]", "if True else [row]"),
    "a row is compared by its beginning": (
        REGION,
        "if row == before and not",
        'if row[:6] == (before or "")[:6] and not',
    ),
    "lines are torn together": (REGION, "{lines}\\r\\n", "{lines}"),
    "lines go below": (REGION, '{CLEAR}" * at)', '{CLEAR}" * (0 if above else at))'),
    "what was typed stays when lines go above": (REGION, "parts.append(CLEAR + (", "parts.append(("),
    "what was typed stays when rows come or go": (REGION, "elif len(rows) != len(old):", "elif False:"),
    "it is erased where rows only come": (REGION, "len(rows) != len(old)", "len(rows) > len(old)"),
    "rows that were cut stay so": (ROWS, "whole = not", "whole = False and not"),
    "the last line of a task comes twice": (
        ROWS,
        "above += self._kept_in_order(",
        "above += 2 * self._kept_in_order(",
    ),
    "only the first of many lines is shown": (
        "progresskit._display.fallback",
        '("write", "\\n".join(lines))',
        '("write", lines[0])',
    ),
    "lines are shown again": (ROWS, "self._above = self._above, []", "self._above = self._above, self._above[:1]"),
    "what should vanish is kept": (ROWS, "if view.keep]", "if True]"),
    "a reason is not told": ("progresskit.renderers._kept", 'words += f": {reason}"', "pass"),
    "a row more than the window has": (ROWS, "del rows[max(size[1] - 1, 0) :]", "pass"),
    "the line that counts the others is missing": (ROWS, "if frame.more:", "if False:"),
    "it counts wrongly": (PLACES, "len(items) - len(chosen)", "len(items) - len(chosen) + 1"),
    "a row that was left is not given again": (PLACES, "while self._free:", "while False:"),
    "a row that was left is given later": (PLACES, "if not self.has_gaps:", "if True:"),
    "a task that has moved up leaves another's row": (PLACES, "cells[slot]._slot = slot", "cells[slot]._slot = 0"),
    "those that wait go before those that work": (PLACES, "if entry[0].waiting:", "if not entry[0].waiting:"),
    "colours are not reset": ("progresskit.renderers._bars", '{spin}{RESET}"', '{spin}"'),
    "colours of printed lines are not reset": ("progresskit._text.cells", '"\\\\g<0>\\x1b[0m"', '"\\\\g<0>"'),
    "nothing but a count is no frame": ("progresskit._display.display", "or frame.more or last", "or last"),
}
CAPTURE, STREAM, QUESTIONS, TREE = (
    "progresskit._display.capture",
    "progresskit._display.captured_stream",
    "progresskit._display.questions",
    "progresskit._tracking.task_tree",
)
FAULTS_OF_WORDS = {
    "a partial line is shown as a whole one": (STREAM, "if line.add(text):", "if line.add(text) or True:"),
    "bytes are not captured": (STREAM, "self._shadow(self._buffer, self.write_bytes)", "pass"),
    "what was begun stays behind": (
        STREAM,
        "if line is not None:\n            self.write_now(line.text())",
        "pass",
    ),
    "a stream keeps the beginning of a line": (STREAM, 'if text and text[-1] != "\\n":', "if False:"),
    "a buffer keeps its bytes": (STREAM, "_flush(self._buffer)\n            if SCREEN", "if SCREEN"),
    "a line that has not ended is dropped": (
        CAPTURE,
        "captured.end_lines(self if forced or over_rows or self._quiet else None)",
        "captured.forget_lines()",
    ),
    "words are captured while rows are hidden": (CAPTURE, " or tracker.hiding > tracker.asking:", ":"),
    "words are not captured while the last rows stand": (
        CAPTURE,
        "display.renderer.may_be_standing or display.is_behind",
        "display.is_behind",
    ),
    "words are not captured": (CAPTURE, "or not tracker.tree.all_ended", ""),
    "a question is asked below rows": (
        QUESTIONS,
        "                tracker.clear_rows()\n            self._uncaptured",
        "                pass\n            self._uncaptured",
    ),
    "a question is captured": ("progresskit._display.terminal", "UNCAPTURED.add(self._thread)", "pass"),
    "rows come back during a question": (QUESTIONS, "tracker.hiding += 1", "pass"),
    "backspaces move nothing": ("progresskit._text.line_splitter", "at = max(at - 1, 0)", "at = max(at, 0)"),
    "rows begin on words": (REGION, "[] if old else [f", "[] if True else [f"),
}
FAULTS_OF_SIZES = {
    "a size that comes late is trusted": (REGION, "self._late = late and reflow", "self._late = False"),
    "rows are counted at a size that comes late": (REGION, "if resized and not self._late else", "if resized else"),
    "a line is written into one that goes on": (REGION, 'clear = CLEAR if self._late else ""', 'clear = ""'),
    "lines above are climbed over": (REGION, 'f"\\r\\b{BLANK}" * more', 'f"\\x1b[1A{BLANK}" * more'),
}
FAULTS_OF_NUMBERS = {
    "floats do not add up": (
        "progresskit._tracking.task_record",
        "extras.fraction += number",
        "extras.fraction = number",
    ),
    "a huge int takes others with it": ("progresskit._model.numbers", "return rest if", "return before if"),
    "a child stands below an ended parent": (
        TREE,
        "while parent is not None and parent._end is not None:",
        "while False:",
    ),
}


def hunt(machine: type[Machine] = Machine) -> None:
    with pytest.raises(AssertionError), untraced():
        run_state_machine_as_test(machine, settings=HUNT)  # type: ignore[no-untyped-call]


def test_each_fault_can_be_seeded() -> None:
    """The text that each fault replaces is in the present code exactly once."""
    for fault in (*FAULTS.values(), *FAULTS_OF_WORDS.values(), *FAULTS_OF_SIZES.values(), *FAULTS_OF_NUMBERS.values()):
        with pytest.MonkeyPatch.context() as patch:
            seed(patch, *fault)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_the_machine_finds(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seed(monkeypatch, *FAULTS[fault])
    hunt()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("machine", "fault"),
    [
        *((WordsMachine, name) for name in FAULTS_OF_WORDS),
        *((LateMachine, name) for name in FAULTS_OF_SIZES),
        *((Machine, name) for name in FAULTS_OF_NUMBERS),
    ],
)
def test_the_machine_finds_of_a_job(machine: type[Machine], fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a job prints, asks and counts, and sizes of which the program hears later than the rows have moved."""
    seed(monkeypatch, *{**FAULTS_OF_WORDS, **FAULTS_OF_SIZES, **FAULTS_OF_NUMBERS}[fault])
    hunt(machine)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["?25h", "?7h"], ids=["a hidden cursor", "wrapping left off"])
def test_the_machine_finds_a_mode_that_is_left(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        progresskit.renderers._region, "END", progresskit.renderers._region.END.replace(f"\x1b[{mode}", "")
    )
    hunt()
