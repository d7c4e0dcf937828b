"""Rows that another program redraws: their last state, once, and every word in between."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from progresskit import ProgressTracker
from progresskit._text.redrawn_rows import MOST_COLUMNS, MOST_ROWS, RedrawnRows, redraws
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker

UP = "\x1b[1A\x1b[2K"
LIVE = [  # what rich.live writes: three rows, again with a word above, at last two
    "\x1b[?25l",
    "a0\nb0\nc0",
    f"\r\x1b[2K{UP}{UP}said\na1\nb1\nc1",
    f"\r\x1b[2K{UP}{UP}\x1b[32ma2\x1b[0m\nb2",
    "\n",
    "\x1b[?25h",
]
TRANSIENT = ["\x1b[?25l", "working", "\r\x1b[2Ksaid\nworking", "\n", "\x1b[?25h", f"\r{UP}"]
NESTED = ["\n", "\rb 0%", "\x1b[A", "\ra 50%", "\n", "\rb 100%", "\x1b[A", "\r     ", "\r", "said\n", "\ra 100%", "\n"]
LAYERS = ["\x1b[2A\x1b[2K\rone 1\x1b[2B\r", "\x1b[1A\x1b[2K\rtwo 1\x1b[1B\r", "\x1b[2A\x1b[2K\rone 2\x1b[2B\r"]
REGION = [  # what enlighten writes: two rows below those that scroll
    "\x1b[24;1H\n\x1b[?25l\x1b[1;23r\x1b[23;1H",
    "\x1b[24;1H\r\x1b[Kb 0%\x1b[23;1H",
    "\x1b[24;1H\r\x1b[K\x1b[23;1H\x1b[23;1H\n\x1b[1;22r\x1b[22;1H\x1b[23;1H\r\x1b[Ka 50%\x1b[22;1H",
    "said\n",
    "\x1b[24;1H\r\x1b[Kb 100%\x1b[22;1H",
    "\x1b[23;1H\r\x1b[Ka 100%\x1b[22;1H",
    "\x1b[?25h\x1b[1;24r\x1b[25;1H\n",
]
SAVED = ["\x1b7\x1b[24;1H\x1b[Kbar 10%\x1b8", "said\n", "\x1b7\x1b[24;1H\x1b[Kbar 100%\x1b8"]


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        (LIVE, ["said", "\x1b[32ma2\x1b[0m", "b2"]),
        (TRANSIENT, ["said"]),
        (NESTED, ["said", "a 100%"]),
        (LAYERS, ["one 2", "two 1"]),
        (REGION, ["said", "a 100%", "b 100%"]),
        (SAVED, ["said", "bar 100%"]),
        (["\x1b[?25l", "\r⠋ one", "\r\x1b[Ksaid\n", "\r⠙ two", "\r\x1b[Kdone\n", "\x1b[?25h"], ["said", "done"]),
        (["\x1b[1A", "ab\x1b[1Dc\x1b[3Cd\n", "é\u0301字x\b\by\n", "\x1b[2K"], ["ac   d", "é\u0301 yx"]),
    ],
    ids=["live", "transient", "nested", "layers", "region", "saved", "spinner", "moves"],
)
def test_the_last_state(pieces: list[str], lines: list[str]) -> None:
    """Each program's rows become lines once, in their final state; text between them becomes lines as well."""
    rows = RedrawnRows()
    shown = [line for piece in pieces for line in rows.feed(piece)]
    assert [line for line in [*shown, *rows.end()] if line] == lines
    assert rows.is_over


MOVES = ["\x1b[A", "\x1b[7A", "\x1b[3B", "\x1b[9;3H", "\x1b7", "\x1b8", "\x1bM", "\x1b[99999999A", "\x1b[99999999C"]
OTHERS = ["\n", "\r", "\b", "\x1b[K", "\x1b[2K", "\x1b[J", "\x1b[31m", "\x1b[0m", "\x1b", "\x1b[", "\x1b]0;t\x07"]
CONTROLS = st.sampled_from([*MOVES, *OTHERS, "\x1b[2;5r", "\x1b[r", "\x1b[?25l", "\x1b[?25h"])


@given(st.lists(st.lists(CONTROLS | st.text("ab 字\u0301\x1b[1;", max_size=4), max_size=6).map("".join), max_size=30))
def test_any_text(pieces: list[str]) -> None:
    """For any input nothing is raised, memory is bounded, and no control characters but colours remain in a line."""
    rows = RedrawnRows()
    shown: list[str] = []
    for piece in pieces:
        shown.extend(rows.feed(piece))
        assert len(rows._rows) <= 2 * MOST_ROWS + 50 and all(len(row) <= MOST_COLUMNS + 2 for row in rows._rows)
    shown.extend(rows.end())
    for line in shown:
        plain = line.replace("\x1b[31m", "").replace("\x1b[0m", "")
        assert not any(char < " " for char in plain), line
    assert rows.is_over


@given(st.lists(st.text("abc", min_size=1), min_size=1))
def test_plain_lines(words: list[str]) -> None:
    """Lines that come after a program has redrawn its rows are all shown, in order."""
    rows = RedrawnRows()
    for piece in LAYERS:
        rows.feed(piece)
    shown = [line for word in words for line in rows.feed(f"{word}\n")]
    assert [*shown, *rows.end()][-len(words) :] == words


def test_held_rows_settle() -> None:
    """Words above the cursor of a program that redraws rows are shown when nothing has come for a second."""
    clock, ticker, stream = ManualClock(), ManualTicker(), io.StringIO()
    tracker = ProgressTracker("ansi", terminal=EmulatedTerminal(), ticker=ticker, clock=clock)
    import sys

    before, sys.stdout = sys.stdout, stream
    try:
        with tracker.capture(stdout=True) as capture:
            tracker._core.capture.current = capture
            assert redraws("\x1b[2A")
            sys.stdout.write("\x1b[2Aone\ntwo\nbar\x1b[1A")
            sys.stdout.write("\rwords\n")
            assert not tracker._core.lines.drain()
            clock.advance(2.0)
            assert tracker._core.lines.drain() == ["one", "words"]
            tracker._core.capture.current = None
        assert list(tracker._core.lines.items) == ["bar"]
    finally:
        sys.stdout = before
