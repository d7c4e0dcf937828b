"""Styles: the glyphs of bars, spinners and marks, and the colours of the parts that have one.

A style is a value that users can make. `choose` returns the one of the four built-in styles that suits a stream. Does
not know rows or terminals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .cells import cell_width
from .colors import is_color

_UNICODE_MARKS = {
    "finished": "✓",
    "failed": "✗",
    "cancelled": "■",
    "left running": "■",
    "stopped early": "–",
    "paused": "‖",
    "pending": "·",
}
_ASCII_MARKS = {
    "finished": "+",
    "failed": "x",
    "cancelled": "*",
    "left running": "*",
    "stopped early": "-",
    "paused": "=",
    "pending": ".",
}
_COLORS = {"bar": "accent", "finished": "green", "failed": "red"}
_DOTS = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_STICK = "|/-\\"


class Style(NamedTuple):
    """The glyphs and colours of bars, spinners and marks.

    Attributes:
        done: A cell of work that is done.
        rest: A cell of work that is not.
        parts: A partly done cell, from the least to the most; empty: only whole cells move.
        spinner: The frames of the spinner of a task without a total, one cell each.
        spins: Its steps a second.
        marks: State or outcome -> one cell. Missing ones are taken from the style `ascii`.
        cut: The text at a cut.
        colors: `bar`, `finished` and `failed` -> a name or `#rrggbb`; a colour's name -> the colour that replaces it in
            this style.

    Example:
        >>> dots = Style(done="●", rest="·", colors={"bar": "#ff8800"})
        >>> dots.bar(0.5, 8)
        ('●●●●', '····')
    """

    done: str = "━"
    rest: str = "─"
    parts: str = ""
    spinner: str = _DOTS
    spins: float = 10.0
    marks: Mapping[str, str] = _UNICODE_MARKS
    cut: str = "…"
    colors: Mapping[str, str] = _COLORS

    def bar(self, fraction: float, cells: int) -> tuple[str, str]:
        """Return the done part and the rest of a bar of so many `cells`; nothing is rounded up."""
        steps = len(self.parts) + 1
        full, part = divmod(int(fraction * cells * steps + 1e-9), steps)
        done = self.done * full + (self.parts[part - 1] if part else "")
        return done, self.rest * (cells - full - (part > 0))

    def color(self, name: str) -> str:
        """Return the colour that `name` (`bar`, `finished`, `failed`, or a colour) means in this style."""
        return self.colors.get(name) or _COLORS.get(name, name)

    def checked(self) -> Style:
        """Return this style, if it can be drawn.

        Raises:
            TypeError: a part is no text, or no mapping.
            ValueError: a glyph is not one cell wide, or a state or a colour is unknown.
        """
        for part, value in zip(self._fields, self, strict=True):
            kind = float if part == "spins" else Mapping if part in ("marks", "colors") else str
            if not isinstance(value, kind) and not (part == "spins" and isinstance(value, int)):
                wanted = "a number" if part == "spins" else "a mapping" if kind is Mapping else "a text"
                raise TypeError(f"{part} of a style is {value!r:.80}: give {wanted}.")
        if not self.spinner:
            raise ValueError("spinner of a style is empty: give a frame at least, which may be a blank.")
        for glyph in (self.done, self.rest, *self.parts, *self.spinner, *self.marks.values()):
            if not isinstance(glyph, str) or cell_width(glyph) != 1:
                raise ValueError(f"{glyph!r} of a style takes {cell_width(str(glyph))} cells: give glyphs of one cell.")
        for state in self.marks:
            if state not in _ASCII_MARKS:
                raise ValueError(
                    f"there is no state {state!r:.80} for a mark of a style: there are {', '.join(_ASCII_MARKS)}."
                )
        for name, color in self.colors.items():
            if name not in _COLORS and not is_color(name):
                raise ValueError(
                    f"{name!r:.80} has no colour in a style: there are {', '.join(_COLORS)}, and colours by name."
                )
            if not is_color(color):
                raise ValueError(f"the colour {name!r} of a style is {color!r:.80}: give a name or #rrggbb.")
        return self

    def within(self, encoding: str) -> Style:
        """Return this style with an ASCII glyph for each that `encoding` lacks."""
        spinner = (self.spinner, self.spins) if has(encoding, self.spinner) else (_STICK, 5.0)
        marks = {
            state: mark if has(encoding, mark := self.marks.get(state, ascii_mark)) else ascii_mark
            for state, ascii_mark in _ASCII_MARKS.items()
        }
        return self._replace(
            done=self.done if has(encoding, self.done) else "=",
            rest=self.rest if has(encoding, self.rest) else "-",
            parts=self.parts if has(encoding, self.parts) else "",
            spinner=spinner[0],
            spins=spinner[1],
            marks=marks,
            cut=self.cut if has(encoding, self.cut) else "...",
        )


STYLES = {
    "line": Style(parts="╾"),
    "box": Style("═", "─", "", _STICK, 5.0, {**_UNICODE_MARKS, "finished": "√", "failed": "x", "paused": "║"}, "..."),
    "ascii": Style("=", "-", "", _STICK, 5.0, _ASCII_MARKS, "..."),
    "block": Style("█", "░", "▏▎▍▌▋▊▉"),
}
"""Name -> the built-in style."""
_WIDE_ENCODINGS = ("gb", "big5", "shift_jis", "cp932", "cp936", "cp949", "cp950", "euc", "iso2022", "johab", "hz")
"""Beginnings of codecs of East Asian systems, whose terminals draw lines two cells wide."""


def checked(style: object) -> Style | str | None:
    """Return `style` if it is None, the name of a built-in style, or a `Style` that can be drawn.

    Raises:
        TypeError, ValueError: it is none of these; the message says what is allowed.
    """
    if isinstance(style, Style):
        return style.checked()
    if style is None or (isinstance(style, str) and style in STYLES):
        return style
    kind = TypeError if not isinstance(style, str) else ValueError
    raise kind(f"style is {style!r:.80}: give one of {', '.join(STYLES)}, a progresskit.renderers.Style, or None.")


def has(encoding: str, text: str) -> bool:
    """Return whether `encoding` has every character of `text`.

    Example:
        >>> has("cp437", "═─"), has("cp437", "━"), has("ascii", "=")
        (True, False, True)
    """
    try:
        text.encode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True


def choose(encoding: str, environ: Mapping[str, str]) -> str:
    """Return the name of the built-in style that suits a stream of that `encoding`.

    Example:
        >>> choose("utf-8", {}), choose("utf-8", {"TERM": "linux"}), choose("cp437", {}), choose("latin-1", {})
        ('line', 'box', 'box', 'ascii')
    """
    if encoding.startswith(_WIDE_ENCODINGS) or environ.get("VTE_CJK_WIDTH", "").strip() in ("2", "wide"):
        return "ascii"
    windows = environ.get("OS") == "Windows_NT" and not environ.get("WT_SESSION")
    plain_console = environ.get("TERM") == "linux" or (windows and not environ.get("TERM"))
    if not plain_console and has(encoding, "━╾─"):
        return "line"
    return "box" if has(encoding, "═─") else "ascii"
