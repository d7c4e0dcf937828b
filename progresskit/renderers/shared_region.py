"""The rows of one process among those of others, on a terminal that nobody owns: what `PROGRESSKIT_POSITION` asks for.

A pure model. The processes share one thing, the cursor: between two frames of anybody it stands at the beginning of the
block's first row, which has all of its lines above it. Every frame is one write that begins and ends there and moves relative
to it, so that frames of several processes may follow each other in any order, and a scroll moves all alike. Must not know
tasks, streams or time.
"""

from __future__ import annotations

from .._text.cells import cell_width, plain_line
from .region import BEGIN, END


class SharedRegion:
    """The rows of a process from the block's row `first` on.

    Args:
        first: The process's first row in the block, from 0.
        rows: How many rows the block has, those of the other processes among them; None: nobody said.

    Example:
        >>> reserved = SharedRegion(1)
        >>> text = reserved.draw(["one"])
        >>> text.removeprefix(BEGIN).removesuffix(END)  # down, the row, and up again
        '\\n\\rone\\x1b[K\\x1b[1A\\r'
    """

    def __init__(self, first: int, rows: int | None = None) -> None:
        self._first = first
        self._rows = rows
        self._drawn = 0  # rows that hold something

    def room(self, lines: int) -> int:
        """Return how many rows the process may draw on a screen of `lines`."""
        most = lines - 1  # one is needed to insert lines above
        return max((most if self._rows is None else min(most, self._rows)) - self._first, 0)

    def draw(
        self,
        rows: list[str],
        above: list[str] | None = None,
        size: tuple[int, int] = (80, 24),
        *,
        whole: bool = True,
    ) -> str:
        """Return the text that shows `rows`, and `above` over all rows of the block.

        Rows are drawn whatever stood there: what another process has pushed off the screen comes back with the next frame. So
        `whole`, which a region of its own needs to be told, is always so.
        """
        room = self.room(size[1])
        rows = rows[:room]
        reach = min(max(len(rows), self._drawn), room)
        self._drawn = len(rows)
        parts = [self._insert(above, reach, size)] if above else []
        if reach:
            # Line feeds, which make a line where the screen ends; a movement would stop there.
            body = "\n".join(f"\r{row}\x1b[K" for row in [*rows, *[""] * (reach - len(rows))])
            down = self._first + reach - 1
            parts.append("\n" * self._first + body + (f"\x1b[{down}A" if down else "") + "\r")
        return BEGIN + "".join(parts) + END if parts else ""

    def _insert(self, lines: list[str], reach: int, size: tuple[int, int]) -> str:
        """Return what makes room for `lines` above the block and writes them. The cursor ends on the block's first row."""
        shown = [piece for line in "\n".join(lines).split("\n") for piece in _pieces(line, size[0])]
        block = min(max(self._rows or 0, self._first + reach), size[1] - 1)
        # The block's rows must be on the screen, or the last one would be pushed off it: they are made first. What is
        # inserted may be more than the screen has below them, so it goes one by one.
        make = "\n" * block + (f"\x1b[{block}A" if block else "")
        return "".join(f"{make}\r\x1b[L{line}\n\r" for line in shown)


def _pieces(line: str, columns: int) -> list[str]:
    """Return `line` in pieces of at most `columns` cells: one that wraps by itself would run into the rows below it."""
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
