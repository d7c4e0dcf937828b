"""The rows at the bottom of a terminal that a display owns, and the fewest bytes that change them.

A pure model: knows the rows it has drawn, the size of the window at that time and the position of
the cursor, and returns the text that changes them. Does not know tasks, streams or time. Between
two frames the cursor is visible on the line below the rows, so that any end of the process leaves a
clean prompt. That line belongs to the region: keys that the terminal echoes there (`^C`) are erased
when the rows move or end.

When the window changes its size, the terminal moves the rows without telling where. The cursor
moves with them, so the region only has to know how many lines above the cursor the first row
starts. That depends on the terminal:

- A terminal that cuts rows keeps one line for each.
- A terminal that wraps rows makes several lines of a row that is wider than the window. The region
  counts them. The window may have become narrower just before the program learns of it, and rows
  that are cut then would have fewer lines than counted. The region therefore writes blanks that
  wrap before each row, so that a row always has the lines that its width makes.
- Where the program learns of a size late (in tmux up to a quarter of a second, over ssh up to the
  delay of the line), the window may be wider than that size says, and counted lines would reach
  into printed words. There the region counts nothing: each row is one line, and in tmux a backspace
  at the start of a line moves up into the line that it continues. In other terminals the cursor
  stays: the worst result is a row that stays above, never a lost word.

The region remembers rows that a lower window has pushed off the screen, because most terminals
bring them back when the window becomes higher. Where one does not, the rest of the rows is at the
top of the screen, and moving up too far stops there. Where sizes come late, such rows are left
alone, and so they are once no row stands, because the job may then write to the terminal itself.

Where no row stands, the cursor may be behind words without a newline
(`print("Loading... ", end="")`), and the region cannot know. It therefore writes as many blanks as
a line has cells before the first row: from the first column they fill the line, and from any other
column they go on in the next one.
"""

from __future__ import annotations

from functools import lru_cache

from .._text.cells import cell_width, plain_line, wrapped
from .._text.colors import RESET

BEGIN = "\x1b[?2026h\x1b[?25l\x1b[?7l"
"""Synchronized output on, cursor hidden, wrapping off: a row that a terminal finds wider than
counted must not become two lines."""
END = "\x1b[?7h\x1b[?25h\x1b[?2026l"
"""The reverse of `BEGIN`, at the end of every frame, so that a process that is killed between two frames leaves no mode
set."""
CLEAR = "\r\x1b[2K"
"""Make the cursor's line blank, and detach it from the wrapped lines above and below."""
BLANK = "\r \x1b[K"
"""Make the cursor's line blank, and keep it attached to the wrapped line above."""


class OutlinedRow(str):
    """A row without blanks at its end, with its outline.

    Attributes:
        outline: Blanks that a terminal wraps in the same places as the row, as `outline_of` gives them.
    """

    __slots__ = ("outline",)
    outline: str


class Region:
    """The rows drawn so far.

    Args:
        reflow: Whether the terminal wraps rows again when its width changes; otherwise it cuts them.
        late: Whether the program learns of a new size only some time after the terminal has moved
            the rows.

    Example:
        >>> region = Region()
        >>> region.draw(["one", "two"]).count("\\n")  # one write, with the cursor below the rows at its end
        2
        >>> region.draw(["one", "two"])  # nothing has changed
        ''
    """

    def __init__(self, *, reflow: bool = True, late: bool = False) -> None:
        self.rows: list[str] = []
        self._reflow = reflow
        self._late = late and reflow
        self._size = (0, 0)
        self._gone: list[str] = []  # rows right above the screen, which come back when it becomes higher

    def draw(
        self,
        rows: list[str],
        above: list[str] | None = None,
        size: tuple[int, int] = (80, 24),
        *,
        whole: bool = False,
    ) -> str:
        """Return the text that writes the lines `above`, then `rows` in place of the present rows;
        empty if nothing changes.

        Each of `rows` is narrower than `size[0]` columns, and there are fewer of them than
        `size[1]` lines. Each text of `above` is one line or several, of any width: they wrap, and
        scroll away as any output does. With `whole`, rows that have not changed are written too,
        because the terminal may have lost a part of them.
        """
        # Some terminals count blanks at the end when they wrap rows again.
        rows = [row if row.__class__ is OutlinedRow else row.rstrip(" ") for row in rows]
        resized = size != self._size
        if not above and self.rows == rows and not ((resized and (rows or self._gone)) or (whole and rows)):
            self._size = size
            return ""
        old, gone = self.rows, self._gone
        # `reach` is how many lines the region has on the screen; a row below them begins with a line feed.
        reach, lost = self._standing(size) if resized and not self._late else (len(old), gone)
        self.rows, self._size, self._gone = rows, size, [] if above or not rows else lost
        parts: list[str] = [] if old else [f"\x1b[?7h{' ' * size[0]}\x1b[?7l"]
        if (above or not rows) and any("\x1b[" in row for row in old):
            parts.append(RESET)  # at Ctrl-C a terminal discards unread output, and with it the end of a coloured row
        reflow = self._reflow and not self._late
        at = reach  # the line that the cursor is on, counted from the region's first
        if resized or above:
            # Line by line, upwards from the cursor: erasing to the end of the screen makes tmux
            # move it into its history.
            parts.append(CLEAR + (_up_and_blank(old, size[0]) if self._late else f"\x1b[1A{CLEAR}" * at))
            old, at = [], 0
            reach = 0 if self._late else reach
        elif len(rows) != len(old):
            parts.append(CLEAR)
        if above:
            # Written into the first of the blank lines; lines pushed below the last one scroll the
            # screen, as any output does.
            clear = CLEAR if self._late else ""  # a blank line may still be attached to the next one
            lines = "\n".join(above).replace("\n", f"\r\n{clear}")
            parts.append(f"\x1b[?7h{clear}{lines}\r\n\x1b[?7l")
            reach = 0
        for number, row in enumerate(rows):
            before = old[number] if number < len(old) else None
            if row == before and not whole:
                continue
            if at != number:
                parts.append(_move(at, number))
            if (
                reflow
                and isinstance(row, OutlinedRow)
                and isinstance(before, OutlinedRow)
                and row.outline == before.outline
            ):
                parts += (CLEAR, row)  # its lines are on the screen
            else:
                parts.append(self._written(row))
            at = number
            if number >= reach:
                reach = number + 1
                parts.append("\r\n")
                at = number + 1
        for number in range(len(rows), len(old)):
            parts.append(_move(at, number) + CLEAR)
            at = number
        parts.append(_move(at, len(rows)) + ("\r" if at != len(rows) or not rows else ""))
        return BEGIN + "".join(parts) + END

    def _written(self, row: str) -> str:
        """Return the text that writes `row` on the cursor's line."""
        if not self._reflow:
            return f"\r{row}\x1b[K"
        # A terminal that wraps again counts erased text too: only a line that was cleared as a
        # whole is clean.
        if self._late:
            return f"{CLEAR}{row}"
        if row.isascii():  # every terminal agrees on its width
            return f"{CLEAR}\x1b[?7h{row}\x1b[?7l"
        return f"{CLEAR}\x1b[?7h{outline_of(row)}\x1b[?7l\r{row}"

    def _standing(self, size: tuple[int, int]) -> tuple[int, list[str]]:
        """Return the number of the region's lines above the cursor in a window of a new `size`, and
        the rows above the screen."""
        columns, lines = size
        rows = [plain_line(row) for row in self._gone + self.rows]
        pieces = [wrapped(row, columns) if self._reflow else [row] for row in rows]
        total = sum(map(len, pieces))
        reach = min(total, max(lines - 1, 0))
        gone: list[str] = []
        left = total - reach
        for row in pieces:
            if left <= 0:
                break
            gone.append("".join(row[:left]))
            left -= len(row)
        return reach, gone


def _up_and_blank(rows: list[str], columns: int) -> str:
    """Return the text that blanks `rows` from the last one up, however many lines each has, and ends on the first row.

    It reaches far enough in windows of at least half the `columns` that the program knows of.
    """
    parts = []
    for row in reversed(rows):
        more = len(wrapped(plain_line(row), max(columns // 2, 1))) - 1
        parts.append(f"\x1b[1A{BLANK}" + f"\r\b{BLANK}" * more)
    return "".join([*parts, "\r"]) if parts else ""


def outline_of(row: str) -> str:
    """Return blanks that a terminal wraps in the same places as `row`, which may have colours."""
    if isinstance(row, OutlinedRow):
        return row.outline
    head, *rest = row.split("\x1b[")
    outline = _outline_of(head)
    for piece in rest:  # pieces of bars are known, so that no pattern need match the row
        numbers, end, text = piece.partition("m")
        if not end or numbers.strip("0123456789;:"):
            return _outline_of(plain_line(row))
        outline += " " * len(text) if text.isascii() else _outline_of(text)
    return outline


@lru_cache(maxsize=512)
def _outline_of(plain: str) -> str:
    """Return blanks that a terminal wraps in the same places as `plain`, which has no colours."""
    width = cell_width(plain)
    if len(plain) == width:
        return " " * width
    return "".join(("", " ", "\u3000")[cell_width(one)] for one in plain)


def _move(at: int, to: int) -> str:
    """Return the text that moves the cursor from row `at` to row `to`: down by line feeds, which
    add lines at the end of the screen."""
    return f"\x1b[{at - to}A" if to < at else "\n" * (to - at)
