"""Text in cells of a terminal: clean it, measure it, cut or pad it to a width.

Knows Unicode, from the interpreter's own tables. Does not know colours, rows or terminals. `clean`
removes the characters whose width terminals disagree about (joiners, variation selectors, skin
tones), so that the rest has one width everywhere.
"""

from __future__ import annotations

import re
from functools import lru_cache
from unicodedata import category, east_asian_width, normalize

LONGEST = 1_000
"""Characters that `clean` keeps of a text."""

# Joiners, variation selectors, skin tones and the tags of flags: a terminal that supports them shows one glyph of two
# cells, another one shows several glyphs. Without them all terminals show the same.
_DROPPED = re.compile("[\u200c\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
_SGR = re.compile("(\x1b\\[[0-9;:]*m)")
_PRINTABLE = bytes(range(32, 127)) + b"\n"
_COLORED = re.compile("\x1b.*")  # from a line's first colour to its end
_SPACES = {"\u3000": "  ", "\t": " "}


def clean(text: str, longest: int | None = LONGEST) -> str:
    r"""Return `text` with unprintable characters as visible escapes, cut to `longest` characters.

    Control characters, escape sequences, bidirectional controls, lone surrogates and unassigned
    characters become Python's escapes; colours (SGR sequences) are dropped; unusual spaces become
    plain ones; decomposed letters are composed. None for `longest` cuts nothing.

    Example:
        >>> clean("a\x1b[2Jb\n"), clean("\x1b[31mred\x1b[0m")
        ('a\\x1b[2Jb\\n', 'red')
        >>> clean("nai\u0308ve \u202etxt.exe")
        'naïve \\u202etxt.exe'
    """
    if "\x1b" in text:
        text = plain_line(text)
    if longest is not None and len(text) > longest:
        text = text[: longest - 1] + "…"
    if text.isascii():
        return text if text.isprintable() else "".join(map(_visible, text))
    text = _DROPPED.sub("", normalize("NFC", text))
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    if character in _SPACES or category(character) == "Zs":
        return _SPACES.get(character, " ")
    return (
        character.encode("ascii", "backslashreplace").decode("ascii") if ord(character) > 127 else repr(character)[1:-1]
    )


def clean_lines(text: str) -> str:
    r"""Return `text`, one or more lines, each cleaned, with its colours (SGR sequences) kept and reset at its end.

    Tabs are expanded to eight cells. Nothing is cut. Lines of printable ASCII cost very little.

    Example:
        >>> clean_lines("one\x1b[2J\ntwo\n")
        'one\\x1b[2J\ntwo'
        >>> clean_lines("\x1b[31mred")
        '\x1b[31mred\x1b[0m'
    """
    expanded = "".join(map(_expanded, text.splitlines(keepends=True))) if "\t" in text else text
    if is_plain(plain_line(expanded)):
        expanded = expanded.removesuffix("\n")
        return _COLORED.sub("\\g<0>\x1b[0m", expanded) if "\x1b" in expanded else expanded
    return "\n".join(map(_clean_line, text.splitlines()))


def _expanded(line: str) -> str:
    """Return `line` with its tabs expanded to eight cells, of which colours take none, and wide characters two."""
    if "\t" not in line:
        return line
    if line.isascii() and "\x1b" not in line:
        return line.expandtabs()
    head, *rest = line.split("\t")
    pieces, at = [head], cell_width(clean(plain_line(head), None))
    for piece in rest:
        pieces.append(" " * (8 - at % 8) + piece)
        at += 8 - at % 8 + cell_width(clean(plain_line(piece), None))
    return "".join(pieces)


def is_plain(text: str) -> bool:
    r"""Return whether `text`, any number of lines, is printable ASCII throughout, so that cleaning changes nothing.

    Example:
        >>> is_plain("one\ntwo"), is_plain("tab\t"), is_plain("\x1b[31mred"), is_plain("Größe")
        (True, False, False, False)
    """
    return text.isascii() and not text.encode().translate(None, _PRINTABLE)  # `isprintable` does not know newlines


def _clean_line(line: str) -> str:
    if line.isascii() and line.isprintable():
        return line
    whole = clean_colored(_expanded(line))
    return whole + "\x1b[0m" if "\x1b" in whole else whole


def clean_colored(text: str) -> str:
    r"""Return `text` cleaned, uncut, with its colours (SGR sequences) kept.

    Example:
        >>> clean_colored("\x1b[31mred\x07")
        '\x1b[31mred\\x07'
    """
    parts = _SGR.split(text)
    return "".join(part if at % 2 else clean(part, None) for at, part in enumerate(parts))


def plain_line(line: str) -> str:
    r"""Return a cleaned `line`, or several, without colours.

    Example:
        >>> plain_line("\x1b[31mred\x1b[0m")
        'red'
    """
    if "\x1b" not in line:
        return line
    head, *rest = line.split(
        "\x1b["
    )  # without `re`: a row is drawn ten times a second, and a pattern takes ten times as long
    parts = [head]
    for piece in rest:
        numbers, end, text = piece.partition("m")
        if not end or numbers.strip("0123456789;:"):
            return _SGR.sub("", line)
        parts.append(text)
    return "".join(parts)


# Wide in some terminals and narrow in others: trigrams, hexagrams, tetragrams and counting rods
# since Unicode 16, and letters of flags. They count as wide, because a row that is narrower than
# counted does no harm.
_WIDE_SINCE = (
    (0x2630, 0x2637),
    (0x268A, 0x268F),
    (0x4DC0, 0x4DFF),
    (0x1D300, 0x1D356),
    (0x1D360, 0x1D376),
    (0x1F1E6, 0x1F1FF),
)


# The usual characters of rows, all one cell wide: ASCII, letters without combining marks,
# punctuation, boxes, blocks, braille.
_NARROW = re.compile(
    "[ -~\xa0-\u02ff\u0391-\u03a1\u03a3-\u03e1\u0400-\u0482\u048a-\u052f\u1e00-\u1eff"
    "\u2010-\u2027\u2030-\u205e\u2500-\u25fc\u2713\u2717\u2800-\u28ff]*"
)


@lru_cache(maxsize=1024)
def _cells_of(character: str) -> int:
    code = ord(character)
    # Spacing marks (Mc) count as one cell: glibc and VTE agree, wcwidth does only after a base
    # character.
    if category(character) in ("Mn", "Me") or 0x1160 <= code <= 0x11FF or 0xD7B0 <= code <= 0xD7FF:
        return 0  # combining marks, and the vowels and finals of Hangul, which share the cell of their initial
    wide = east_asian_width(character) in "WF" or any(first <= code <= last for first, last in _WIDE_SINCE)
    return 2 if wide else 1


def cell_width(text: str) -> int:
    """Return how many cells of a terminal cleaned `text` takes.

    Example:
        >>> cell_width("東京"), cell_width("e\u0301"), cell_width("abc")
        (4, 1, 3)
    """
    if text.isascii() or _NARROW.fullmatch(text):
        return len(text)
    return sum(map(_cells_of, text))


def clusters(text: str) -> list[str]:
    """Return the pieces of cleaned `text` that a reader sees as one character: a letter with its marks, a flag of two
    letters.

    Example:
        >>> [len(cluster) for cluster in clusters("ne\u0301\U0001f1e9\U0001f1ea")]
        [1, 2, 2]
    """
    found: list[str] = []
    for character in text:
        if found and (
            _cells_of(character) == 0 or category(character) == "Mc" or _completes_flag(found[-1], character)
        ):
            found[-1] += character
        else:
            found.append(character)
    return found


def _completes_flag(cluster: str, character: str) -> bool:
    return len(cluster) == 1 and all("\U0001f1e6" <= letter <= "\U0001f1ff" for letter in cluster + character)


def first_cells(text: str, cells: int) -> str:
    """Return as much of the beginning of `text` as fits in `cells`.

    Example:
        >>> first_cells("東京都", 5), first_cells("abc", 2)
        ('東京', 'ab')
    """
    if text.isascii():
        return text[: max(cells, 0)]
    kept = ""
    for cluster in clusters(text):
        cells -= cell_width(cluster)
        if cells < 0:
            break
        kept += cluster
    return kept


def fit(text: str, cells: int, *, ellipsis: str = "…", pad: bool = True) -> str:
    """Return `text` cut, with an `ellipsis`, or padded with spaces, to exactly `cells` cells.

    With `pad=False` a shorter text is left as it is.

    Example:
        >>> fit("orders.csv", 8), fit("東京都", 4), fit("ab", 4)
        ('orders.…', '東… ', 'ab  ')
    """
    width = cell_width(text)
    if width <= cells:
        return text + " " * (cells - width) if pad else text
    room = cells - cell_width(ellipsis)
    if room < 0:
        return "" if not pad else " " * max(cells, 0)
    cut = first_cells(text, room)
    return cut + ellipsis + " " * (room - cell_width(cut)) if pad else cut + ellipsis


def wrapped(text: str, columns: int) -> list[str]:
    """Return the rows into which a terminal of `columns` cells wraps cleaned `text`; an empty text is one row.

    Example:
        >>> wrapped("abcde", 2), wrapped("a東京", 4), wrapped("", 9)
        (['ab', 'cd', 'e'], ['a東', '京'], [''])
    """
    columns = max(columns, 1)
    if cell_width(text) <= columns:
        return [text]
    pieces, taken = [""], 0
    for character in text:
        step = _cells_of(character)
        if taken and taken + step > columns:
            pieces.append("")
            taken = 0
        pieces[-1] += character
        taken += step
    return pieces


def encodable(text: str, encoding: str) -> str:
    r"""Return `text` with characters that `encoding` lacks as escapes.

    Example:
        >>> encodable("Größe 東", "latin-1")
        'Größe \\u6771'
    """
    if text.isascii() or encoding == "utf-8":
        return text
    return text.encode(encoding, "backslashreplace").decode(encoding)
