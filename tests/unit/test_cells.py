"""Claims about text: terminals get printable characters only, which are never wider than counted."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from wcwidth import wcswidth, wcwidth

from progresskit._text import cells
from progresskit._text.cells import cell_width, clean, clean_lines, clusters, encodable, fit, plain_line
from progresskit._text.cutting import cut_middle

FILLERS = "\u3164\uffa0"
"""Invisible characters of Hangul, which are counted as visible ones."""


@pytest.mark.slow
def test_no_character_is_wider_than_counted() -> None:
    """No character of Unicode is wider than its counted width."""
    wrong = []
    for code in range(0x110000):
        shown = clean(chr(code))
        spacing = unicodedata.category(chr(code)) == "Mc"  # at least a cell, after any character
        right = cell_width(shown) >= 1 if spacing else len(shown) != 1 or cell_width(shown) == wcwidth(shown)
        if not right and shown not in FILLERS:
            wrong.append(f"{code:x}")
        assert shown.isprintable(), f"{code:x}"
    # Characters that the interpreter's Unicode lacks are shown as escapes; for the others, it agrees with wcwidth.
    assert wrong == []


def test_row_text_is_as_wide_as_its_characters() -> None:
    """Text of the characters of rows is as wide as the sum of their widths."""
    narrow = [chr(code) for code in range(0x2900) if cells._NARROW.fullmatch(chr(code))]
    assert set("▏█━▕…✓✗⠋éßΩд·") <= set(narrow)
    assert {cells._cells_of(character) for character in narrow} == {1}


@given(st.text())
@example("0\N{DEVANAGARI VOWEL SIGN AA}")
def test_clean_text_has_one_width(text: str) -> None:
    """Cleaned text is printable and has one width everywhere."""
    shown = clean(text)
    assert shown.isprintable()
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for character in shown)
    assert wcswidth(shown) <= cell_width(shown)
    assert clean(shown) == shown


@given(st.text(), st.integers(0, 40), st.booleans(), st.sampled_from(["…", "...", ""]))
def test_fitted_text_keeps_to_its_cells(text: str, cells: int, pad: bool, ellipsis: str) -> None:
    shown = fit(clean(text), cells, ellipsis=ellipsis, pad=pad)
    assert cell_width(shown) <= cells
    if pad:
        assert cell_width(shown) == cells


@given(st.text())
def test_printed_lines_keep_colours_only(text: str) -> None:
    """Printed lines keep their colours and nothing else."""
    shown = clean_lines(f"\x1b[31m{text}").split("\n")
    assert len(shown) == max(len(f"\x1b[31m{text}".splitlines()), 1)
    assert all(plain_line(line).isprintable() for line in shown)


@pytest.mark.parametrize("word", ["red", "\x1b[31mred\x1b[0m", "\x1b[1;38;5;9mr\x1b[0med", "日本", "e\u0301té", "🎉"])
def test_tabs_lead_to_the_same_cell(word: str) -> None:
    """A tab leads to a multiple of eight cells, as on a terminal, whatever colours and wide characters stand before it."""
    first, second = (plain_line(line) for line in clean_lines(f"{word}\tone\ttwo\nx\t\ttwo").split("\n"))
    assert cell_width(first.partition("one")[0]) == 8
    assert cell_width(first.partition("two")[0]) == cell_width(second.partition("two")[0]) == 16


@given(st.lists(st.text(st.sampled_from("ab\t\x1bé\x07[31m")), min_size=1))
def test_a_block_is_cleaned_as_its_lines_are(lines: list[str]) -> None:
    assert clean_lines("\n".join(lines) + "\n") == "\n".join(map(clean_lines, lines))


@given(st.text(), st.sampled_from(["ascii", "latin-1", "cp1252", "shift_jis", "utf-8", "koi8-r"]))
def test_encodable_text_can_be_encoded(text: str, encoding: str) -> None:
    shown = encodable(clean(text), encoding)
    assert shown.encode(encoding).decode(encoding) == shown


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\rb\0c", r"a\rb\x00c"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\ud800", r"\ud800"),
        ("\x9b2J", r"\x9b2J"),
        ("x" * 1_000_000, "x" * 999 + "…"),
    ],
)
def test_what_could_disturb_is_made_visible(hostile: str, shown: str) -> None:
    assert clean(hostile) == shown


@pytest.mark.parametrize(
    "name", ["कि" * 9, "🇩🇪🇫🇷🇯🇵🇧🇷", "e\u0323\u0301x" * 9, "กำลังโหลดไฟล์ข้อมูล"], ids=["hindi", "flags", "marks", "thai"]
)
def test_cuts_split_no_cluster(name: str) -> None:
    """A cut name keeps whole characters of its beginning and its end."""
    pieces = clusters(name)
    for room in range(1, cell_width(name)):
        for cut in (cut_middle(name, room), fit(name, room, pad=False)):
            assert cell_width(cut) <= room
            begin, _, end = cut.partition("…")
            assert begin in ["".join(pieces[:at]) for at in range(len(pieces) + 1)], (room, cut)
            assert end in ["".join(pieces[at:]) for at in range(len(pieces) + 1)], (room, cut)
