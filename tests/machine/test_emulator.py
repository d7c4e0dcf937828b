"""The emulated terminal shows what a real one does; tmux is asked."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tmuxed import Pane, needs_tmux

from progresskit.testing import EmulatedTerminal


def shown(text: str, columns: int = 10, lines: int = 4) -> list[str]:
    terminal = EmulatedTerminal(columns, lines)
    terminal.feed(text)
    return terminal.text


def test_zero_width_character_takes_nothing_along() -> None:
    """A character without a width does not take the rest with it."""
    for character in "\u200d\u200b\u0301\ufe0f\u1160\u00ad":
        assert "".join(shown(f"a{character}bcd")).endswith("bcd")


def test_a_wide_character_never_stands_half_outside() -> None:
    assert shown("123456789東") == ["123456789", "東"]
    assert shown("\x1b[?7l123456789東") == ["123456789"]
    assert shown("東", columns=1) == []


def test_half_of_a_wide_character_is_blank() -> None:
    """Half of a wide character that is overwritten is blank."""
    assert shown("東京\rx") == ["x 京"]
    assert shown("東京\x1b[3G東") == ["東東"]
    assert shown("東京\x1b[2G東") == [" 東"]
    assert shown("東京\x1b[2G\x1b[K") == []


def test_rows_of_a_lower_window_come_back() -> None:
    """Rows that a lower window has no room for are kept and come back."""
    terminal = EmulatedTerminal(10, 5)
    terminal.feed("\n".join("abcd"))
    terminal.resize(10, 2)
    assert (terminal.scrollback, terminal.screen, terminal.cursor[0]) == (["a", "b"], ["c", "d"], 1)
    terminal.resize(10, 3)
    assert (terminal.scrollback, terminal.screen, terminal.cursor[0]) == (["a"], ["b", "c", "d"], 2)


def test_rows_of_a_narrow_window_come_back() -> None:
    """Rows that a narrow window has made come back with the height as in tmux."""
    for columns, lines, returned in ((15, 7, 1), (15, 12, 3), (12, 12, 3)):
        terminal = EmulatedTerminal(20, 6, reflow=True)
        terminal.feed(("a" * 19 + "\n") * 3)
        terminal.resize(columns, 6)
        assert (len(terminal.scrollback), terminal.cursor[0]) == (3, 3)
        terminal.resize(columns, lines)
        assert (len(terminal.scrollback), terminal.cursor[0]) == (3 - returned, 3 + returned)
        terminal.resize(20, lines)
        assert terminal.screen[:3] == ["a" * 19] * 3


def test_rows_are_cut_or_wrapped_anew() -> None:
    for reflow, narrow, wide in (
        (False, ["abcd", "12"], ["abcd", "12"]),
        (True, ["abcd", "ef", "12"], ["abcdef", "12"]),
    ):
        terminal = EmulatedTerminal(10, 2, reflow=reflow)
        terminal.feed("abcdef\n12")
        terminal.resize(4, 2)
        assert terminal.text == narrow
        assert terminal.cursor == (1, 2, True)
        terminal.resize(10, 2)
        assert terminal.text == wide


WORDS = ["a", "word ", "a longer piece of text ", "e\u0301", "\u0301", "x" * 30, "é", "\t"]
WIDE = ["東京", "한국"]


def stream(chance: random.Random, wide: bool) -> str:
    """Return text, newlines and the sequences that displays use. Halves of wide characters are left alone: tmux shows remains."""
    move = chance.choice(
        ("ABKK" if wide else "ABCDGKK") + ("J" if chance.random() < 0.2 else "") + ("H" if not wide else "")
    )
    words = WORDS + WIDE if wide else WORDS
    kinds = [
        lambda: chance.choice(words),
        lambda: "\n" * chance.randint(1, 3),
        lambda: "\r",
        lambda: "\x1b[2K",
        lambda: f"\x1b[{chance.randint(0, 2) if move in 'KJ' else chance.randint(1, 5)}{move}",
        lambda: chance.choice(["\x1b[?7l", "\x1b[?7h", "\x1b[?25l", "\x1b[?25h", "\x1b[?2026h", "\x1b[31m", "\x1b[0m"]),
    ]
    return "".join(chance.choices(kinds, [6, 3, 1, 1, 3, 1])[0]() for _ in range(chance.randint(1, 12)))


@needs_tmux
@pytest.mark.slow
def test_emulator_agrees_with_tmux(tmp_path: Path) -> None:
    """The emulated terminal and tmux agree on any stream."""
    for seed in range(10):
        chance = random.Random(seed)
        (folder := tmp_path / str(seed)).mkdir()
        pane, terminal = Pane(folder, 20, 6), EmulatedTerminal(20, 6, reflow=True)
        said = []
        try:
            for _ in range(25):
                if chance.random() < 0.25:
                    size = chance.randint(3, 40), chance.randint(2, 12)
                    said.append(repr(size))
                    pane.resize(*size)
                    terminal.resize(*size)
                else:
                    text = stream(chance, wide=bool(seed % 2))
                    said.append(repr(text))
                    pane.feed(text.encode())
                    terminal.feed(text)
                rows, cursor = pane.read()
                mine = terminal.scrollback + terminal.screen
                assert mine == rows, f"seed {seed}: " + " ".join(said)
                assert terminal.cursor == cursor, f"seed {seed}: " + " ".join(said)
        finally:
            pane.close()


def test_erases_and_inserts_cells() -> None:
    """Cells are erased and inserted as a terminal does."""
    assert shown("abcdef\x1b[3G\x1b[2X") == ["ab  ef"]
    assert shown("東京\x1b[1G\x1b[X") == ["  京"]
    assert shown("東京\x1b[4G\x1b[X") == ["東"]
    assert shown("abc\x1b[1G\x1b[4hx\x1b[4ly") == ["xybc"]
    assert shown("one\ntwo\nsix\x1b[2;2H\x1b[J") == ["one", "t"]
    assert shown("one\ntwo\nsix\x1b[2;2H\x1b[1J") == ["", "  o", "six"]
    assert shown("one\ntwo\x1b[2J\x1b[Hsix") == ["six"]
    terminal = EmulatedTerminal(10, 2)
    terminal.feed("a\nb\nc\x1b[41m\r\x1b[2X")
    assert (terminal.scrollback, terminal.screen[1]) == (["a"], "")
    assert terminal._screen.buffer[1][1].bg == "red"
    terminal.feed("\x1b[3J")
    assert terminal.text == ["b"]


def test_wrapping_terminal_keeps_an_erased_screen() -> None:
    """A terminal that wraps moves an erased screen into its history."""
    for erase in ("\x1b[2J", "\x1b[H\x1b[J"):
        terminal = EmulatedTerminal(10, 3, reflow=True)
        terminal.feed(f"one\ntwo{erase}")
        assert (terminal.scrollback, terminal.screen) == (["one", "two"], ["", "", ""])


def test_wide_character_at_the_edge_is_cut() -> None:
    """A wide character at the edge is cut with its half."""
    terminal = EmulatedTerminal(10, 2)
    terminal.feed("東京都")
    terminal.resize(3, 2)
    assert terminal.screen == ["東", ""]


def test_a_reading_is_of_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output during a reading of the screen does not change that reading: no row is missed on its way to the
    scrollback."""
    terminal = EmulatedTerminal(10, 2)
    terminal.feed("a\nb\nc")
    rows = terminal._emulated.rows

    def interrupted(part: object) -> list[str]:
        terminal.feed("\nd")
        return rows(part)  # type: ignore[no-any-return]

    monkeypatch.setattr(terminal._emulated, "rows", interrupted)
    assert terminal.text == ["a", "b", "c"]
    monkeypatch.undo()
    assert terminal.text == ["a", "b", "c", "d", "d"]
