"""The rows of one process in a block that several processes share, as `PROGRESSKIT_POSITION` requests.

A pure model. The processes share only the cursor: between two frames of any process it stands at
the start of the block's first row, below every printed line. Each frame is one write that starts
and ends there and moves relative to it. Frames of several processes may therefore follow each other
in any order, and scrolling moves all rows alike. Does not know tasks, streams or time.
"""

from __future__ import annotations

from .._text.cells import cell_width, plain_line
from ._region import BEGIN, END


class SharedRegion:
    """The rows of one process, from row `first` of the block.

    Args:
        first: The process's first row in the block, from 0.
        rows: The number of rows of the whole block, those of other processes included; None if
            unknown.

    Example:
        >>> region = SharedRegion(1)
        >>> text = region.draw(["one"])
        >>> text.removeprefix(BEGIN).removesuffix(END)  # down, the row, and back up
        '\\n\\rone\\x1b[K\\x1b[1A\\r'
    """

    def __init__(self, first: int, rows: int | None = None) -> None:
        self._first = first
        self._rows = rows
        self._drawn = 0  # rows that are not blank

    def room(self, lines: int) -> int:
        """Return the number of rows that the process may draw on a screen of `lines`."""
        most = lines - 1  # inserting lines above needs one
        return max((most if self._rows is None else min(most, self._rows)) - self._first, 0)

    def draw(
        self,
        rows: list[str],
        above: list[str] | None = None,
        size: tuple[int, int] = (80, 24),
        *,
        whole: bool = True,
    ) -> str:
        """Return the text that draws `rows`, and the lines `above` over all rows of the block.

        Every row is drawn each time, because another process may have scrolled it off the screen; `whole` is therefore
        ignored.
        """
        room = self.room(size[1])
        rows = rows[:room]
        reach = min(max(len(rows), self._drawn), room)
        self._drawn = len(rows)
        parts = [self._insert(above, reach, size)] if above else []
        if reach:
            # Line feeds, which add a line at the end of the screen; cursor movements would stop
            # there.
            body = "\n".join(f"\r{row}\x1b[K" for row in [*rows, *[""] * (reach - len(rows))])
            down = self._first + reach - 1
            parts.append("\n" * self._first + body + (f"\x1b[{down}A" if down else "") + "\r")
        return BEGIN + "".join(parts) + END if parts else ""

    def _insert(self, lines: list[str], reach: int, size: tuple[int, int]) -> str:
        """Return the text that inserts `lines` above the block and leaves the cursor on the block's first row."""
        shown = [piece for line in "\n".join(lines).split("\n") for piece in _pieces(line, size[0])]
        block = min(max(self._rows or 0, self._first + reach), size[1] - 1)
        # First scroll until the whole block is on the screen, or the insertion would push its last
        # row off. Insert line by line, because there may be more lines than the screen has room
        # for.
        make = "\n" * block + (f"\x1b[{block}A" if block else "")
        return "".join(f"{make}\r\x1b[L{line}\n\r" for line in shown)


def _pieces(line: str, columns: int) -> list[str]:
    """Return `line` in pieces of at most `columns` cells: a line that the terminal wraps would
    overwrite the rows below."""
    plain = plain_line(line)
    if cell_width(plain) <= columns:
        return [line]
    pieces, used = [""], 0
    for character in plain:
        width = cell_width(character)
        if used + width > columns:
            pieces.append("")
            used = 0
        pieces[-1] += character
        used += width
    return pieces
