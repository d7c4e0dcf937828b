"""The rows that a display owns at the bottom of a terminal: from what stands there to what shall, in the fewest bytes.

A pure model: it knows what it has drawn, how wide the window was then, and where the cursor was left, and returns the text
that changes it. Must not know tasks, streams or time. Between two frames the cursor stands on the line below the rows, shown,
so that whatever ends the process leaves a clean prompt. That line is the region's last: what somebody types (Ctrl-C, shown
as `^C`) stands there, and is erased when the rows move or end.

When the window changes, the terminal moves the rows, and nobody says where to. But the cursor moves with them: all that has
to be known is how many lines above it the first row begins. That depends on the terminal:

- One that cuts rows has one line of each.
- One that wraps rows anew has several of a row that is wider than the window is now. The region counts them. The terminal may
  have become narrower a moment before the program hears of it, and rows that it cuts then would be fewer lines than counted. So
  a row is preceded by blanks that do wrap: whenever the window changed, each row makes the lines that its width makes.
- Where the program hears of a size late (in tmux up to a quarter of a second, over ssh as long as the way takes), the window may
  be wider again than the size says, and counted lines would reach into words. There the region counts nothing: each row is one
  line, and a backspace at its beginning goes up into the line that it continues, in tmux. Another terminal stays where it
  is: the mistake is a row that stays above, never a word that is lost.

Rows that a lower window has pushed out of the screen are remembered, since most terminals bring them back when it becomes
higher; where one does not, what is left of the rows stands at the top of the screen, and moving up too far ends there too. Where
a size is heard of late they are let be.
"""

from __future__ import annotations

from .._text.cells import cell_width, plain_line, wrapped

BEGIN = "\x1b[?2026h\x1b[?25l\x1b[?7l"
"""Synchronized output on, cursor hidden, no wrapping: a row that a terminal finds wider than we do must not become two."""
END = "\x1b[?7h\x1b[?25h\x1b[?2026l"
"""The reverse, at the end of every frame: a process that is killed between two leaves no mode behind."""
CLEAR = "\r\x1b[2K"
"""Make the cursor's line blank. The line above it no longer goes on in it, nor it in the next one."""
BLANK = "\r \x1b[K"
"""Make the cursor's line blank, and leave it the next piece of the line above, if it is."""


class Region:
    """The rows drawn so far.

    Args:
        reflow: Whether the terminal wraps rows anew when its width changes; otherwise it cuts them.
        late: Whether the program hears of a new size only a while after the terminal has moved the rows.

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
        """Return the text that shows `above`, then `rows` in place of the present ones; empty when nothing changes.

        Each of `rows` is narrower than `size[0]` columns, and there are fewer of them than `size[1]` lines. Each text of
        `above` is a line, or several, of any width: they wrap, and scroll away as any output does. With `whole`, rows that
        have not changed are written as well: the terminal may have lost a part of them.
        """
        rows = [row.rstrip(" ") for row in rows]  # blanks at the end count when some terminals wrap rows anew
        resized = size != self._size
        if not above and self.rows == rows and not ((resized and (rows or self._gone)) or (whole and rows)):
            self._size = size
            return ""
        old, gone = self.rows, self._gone
        reach, lost = self._standing(size) if resized and not self._late else (len(old), gone)
        self.rows, self._size, self._gone = rows, size, [] if above else lost
        parts: list[str] = []
        at = reach  # the line that the cursor is on, counted from the region's first
        if resized or above:
            # Line by line, from the cursor's up: erasing to the end of the screen makes tmux scroll it into its history.
            parts.append(CLEAR + (_up_and_blank(old, size[0]) if self._late else f"\x1b[1A{CLEAR}" * at))
            old, at = [], 0
            reach = 0 if self._late else reach
        elif len(rows) != len(old):
            parts.append(CLEAR)
        if above:
            # Into the first of the blank lines; what they push down below the last scrolls the screen, as any output does.
            clear = CLEAR if self._late else ""  # a line that was blanked may go on in the next one
            lines = "\n".join(above).replace("\n", f"\r\n{clear}")
            parts.append(f"\x1b[?7h{clear}{lines}\r\n\x1b[?7l")
            reach = 0
        for number, row in enumerate(rows):
            if number < len(old) and row == old[number] and not whole:
                continue
            parts.append(_move(at, number) + self._written(row))
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
        """Return what writes `row` on the line that the cursor is on."""
        if not self._reflow:
            return f"\r{row}\x1b[K"
        # What was written and then erased still counts when a terminal wraps rows anew: only a whole line is clean.
        if self._late:
            return f"{CLEAR}{row}"
        plain = plain_line(row)
        if plain.isascii():  # no terminal finds it wider than it is
            return f"{CLEAR}\x1b[?7h{row}\x1b[?7l"
        return f"{CLEAR}\x1b[?7h{_outline(plain)}\x1b[?7l\r{row}"

    def _standing(self, size: tuple[int, int]) -> tuple[int, list[str]]:
        """Return how many lines above the cursor are ours in a window of a new `size`, and which rows are above the screen."""
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
    """Return what makes `rows` blank from the last one up, of however many lines each is, and ends on the first of them.

    A window of half the `columns` that the program was told is the narrowest for which that goes up far enough.
    """
    parts = []
    for row in reversed(rows):
        more = len(wrapped(plain_line(row), max(columns // 2, 1))) - 1
        parts.append(f"\x1b[1A{BLANK}" + f"\r\b{BLANK}" * more)
    return "".join([*parts, "\r"]) if parts else ""


def _outline(plain: str) -> str:
    """Return blanks that a terminal wraps as it wraps `plain`."""
    width = cell_width(plain)
    if len(plain) == width:
        return " " * width
    return "".join(("", " ", "\u3000")[cell_width(one)] for one in plain)


def _move(at: int, to: int) -> str:
    """Return what moves the cursor from row `at` to row `to`. Down by line feeds, which make lines where the screen has ended."""
    return f"\x1b[{at - to}A" if to < at else "\n" * (to - at)
