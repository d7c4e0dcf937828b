"""Turn the rows that another program redraws (rich.live, nested tqdm, enlighten) into lines.

Such a program moves the cursor up and overwrites rows. Only the last state of a row becomes a line, once the program
can no longer reach it. Pure: a small screen without a width. Knows which rows are out of reach. Does not know streams,
threads or clocks.
"""

from __future__ import annotations

import re
from collections import deque

from .cells import cell_width

MOST_ROWS = 200
"""The most rows that are held; programs do not redraw more."""
MOST_COLUMNS = 4_000
"""Columns of a row. Text beyond them is dropped."""
REMEMBERED_MOVES = 32
"""The number of moves up from which the program's reach is estimated, because a program may redraw different rows each
time."""

SHOWN = "\x1b[?25h"
"""The sequence that shows the cursor."""

_PIECES = re.compile(
    r"\x1b\[([0-?]*)[ -/]*([@-~])"  # CSI
    r"|\x1b([\]PX^_])[^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC and its like
    r"|\x1b([ -/]*[0-~])"  # single ones, character sets
    r"|([\r\n\b\x1b])"
    r"|([^\x1b\r\n\b]+)"
)
_MOVES = re.compile(r"\x1b(?:\[[0-9;]*[AFr]|\[\?25l|M|7)")


def redraws(text: str) -> bool:
    r"""Return whether `text` begins to redraw rows: it moves the cursor up, saves its place, hides it, or keeps rows from scrolling.

    Example:
        >>> redraws("\x1b[1A\x1b[2Kagain"), redraws("\r 50%\x1b[K")
        (True, False)
    """
    return _MOVES.search(text) is not None


class RedrawnRows:
    r"""Rows that are overwritten. It takes text and returns the lines that are out of reach.

    Example:
        >>> rows = RedrawnRows()
        >>> rows.feed("\x1b[?25lone\ntwo"), rows.feed("\x1b[1A\r1\n2")  # it hides the cursor: more may come
        ([], [])
        >>> rows.end()
        ['1ne', '2wo']
    """

    def __init__(self) -> None:
        self._rows: list[list[str]] = [[]]  # cells: a colour and a character ("" after a wide one)
        self._at, self._column = 0, 0
        self._reaches: deque[int] = deque(
            maxlen=REMEMBERED_MOVES
        )  # rows that the program has moved up from the lowest one
        self._since = 0  # rows that have been begun since then
        self._hidden = False  # whether the cursor is hidden: more rows may follow before the first move up
        self._moving = False  # whether the last thing was a move up
        self._colour = ""
        self._ending = False  # whether it has just been shown again
        # For rows of the screen that do not scroll, or are written between a save and a restore:
        self._fixed: dict[int, list[str]] = {}
        self._bottom = 0  # the last row that scrolls; 0: all do
        self._placed = False  # whether the last sequence has put the cursor among the rows that scroll
        self._saved = False
        self._fixed_at: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether no rows are held, and no program redraws."""
        held = self._hidden or self._reach or self._saved or self._fixed or self._bottom
        return not held and self._rows == [[]]

    @property
    def _reach(self) -> int:
        return max(self._reaches, default=0)

    def feed(self, text: str) -> list[str]:
        """Add `text`, and return the lines that are out of reach now."""
        lines: list[str] = []
        alone = self._hidden and not self._reaches and SHOWN not in text
        if (self._ending or alone) and _MOVES.search(text) is None:
            # A program that hides the cursor redraws one row. Once the cursor is shown, no program moves up any more.
            self._reaches.clear()
            self._ending = self._moving = False
            lines.extend(self._release(len(self._rows) - 1))
        for piece in _PIECES.finditer(text):
            arguments, final, _, single, control, words = piece.groups()
            if words is not None:
                self._note_reach()
                self._write(words)
            elif control == "\n":
                lines.extend(self._down())
            elif control == "\r":
                self._column = 0
                continue
            elif control == "\b":
                self._column = max(self._column - 1, 0)
            elif final is not None:
                lines.extend(self._control(arguments, final))
            elif single is not None:
                self._single(single)
            self._placed = final in ("H", "f") and self._fixed_at is None
        while self._at < len(self._rows) - 1 and not self._rows[-1]:
            self._rows.pop()
        return lines

    def settle(self) -> list[str]:
        """Return the rows above the cursor, because no text has arrived for a while. Rows of a program that has hidden
        the cursor are kept."""
        return [] if (self._hidden and self._reaches) or self._fixed_at is not None else self._release(self._at)

    def standing(self) -> str:
        """Return the text that restores the rows and the cursor on a terminal as the program left them."""
        rows = [_line(row) for row in self._rows]
        up = len(rows) - 1 - self._at
        right = f"\x1b[{self._column}C" if self._column else ""
        return "\r\n".join(rows) + "\r" + (f"\x1b[{up}A" if up else "") + right

    def end(self) -> list[str]:
        """Return all held rows in their present state, and start over."""
        rows = [*self._rows, *(self._fixed[number] for number in sorted(self._fixed))]
        while rows and not any(cell[-1:].strip() for cell in rows[-1]):
            rows.pop()
        lines = [_line(row) for row in rows]
        self.__init__()  # type: ignore[misc]  # all of the state
        return lines

    # What text does

    def _row(self) -> list[str]:
        if self._fixed_at is not None:
            return self._fixed.setdefault(self._fixed_at, []) if len(self._fixed) < MOST_ROWS else []
        return self._rows[self._at]

    def _write(self, words: str) -> None:
        row, column, colour = self._row(), self._column, self._colour
        if column > len(row):
            row.extend([" "] * (min(column, MOST_COLUMNS) - len(row)))
        if 0 < column < len(row) and not row[column]:
            row[column - 1] = " "  # half of a wide character is removed
        for char in words:
            width = cell_width(char)
            if width < 1:
                if char >= " " and 0 < column <= len(row):
                    row[column - 1] += char
                continue
            if column >= MOST_COLUMNS:
                break
            row[column : column + width] = [colour + char, *[""] * (width - 1)]
            column += width
        if column < len(row) and not row[column]:
            row[column] = " "
        self._column = column

    def _down(self) -> list[str]:
        self._column = 0
        self._note_reach()
        if self._fixed_at is not None:
            self._fixed_at += 1
            return []
        if self._placed:  # the screen is scrolled to make room
            return []
        self._at += 1
        if self._at < len(self._rows):
            return []
        self._rows.append([])
        self._since += 1
        if self._since > self._reach and not self._hidden:
            self._reaches.clear()  # it has stopped redrawing: these are ordinary lines
        held = MOST_ROWS if self._hidden and not self._reaches else self._reach
        return self._release(len(self._rows) - 1 - held)

    def _up(self, count: int) -> None:
        if self._fixed_at is not None:
            self._fixed_at = max(self._fixed_at - count, 0)
            return
        missing = min(count - self._at, MOST_ROWS - len(self._rows))
        if missing > 0:  # they were returned as lines before the redrawing was known
            self._rows[:0] = [[] for _ in range(missing)]
            self._at += missing
        self._at = max(self._at - count, 0)
        self._moving = True

    def _note_reach(self) -> None:
        """Note how far up the cursor has been moved, because text is written there."""
        if self._moving:
            self._moving = False
            self._since = 0
            self._reaches.append(max(len(self._rows) - 1 - self._at, 1))

    def _release(self, count: int) -> list[str]:
        count = max(min(count, self._at), 0)
        lines = [_line(row) for row in self._rows[:count]]
        del self._rows[:count]
        self._at -= count
        return lines

    def _control(self, arguments: str, final: str) -> list[str]:
        number = int(arguments) if arguments.isdigit() else 0
        count = max(number, 1)
        if final == "m":
            self._colour = "" if arguments in ("", "0") else self._colour + f"\x1b[{arguments}m"
        elif final in "AF":
            if final == "F":
                self._column = 0
            self._up(count)
        elif final in "BE":
            if final == "E":
                self._column = 0
            column, lines = self._column, []
            for _ in range(min(count, MOST_ROWS)):
                lines.extend(self._down())
            self._column = column
            return lines
        elif final == "C":
            self._column = min(self._column + count, MOST_COLUMNS)
        elif final == "D":
            self._column = max(self._column - count, 0)
        elif final in "G`":
            self._column = min(count - 1, MOST_COLUMNS)
        elif final == "K":
            self._erase(number)
        elif final == "J" and number == 0 and self._fixed_at is None:
            self._erase(0)
            del self._rows[self._at + 1 :]
        elif final in "Hf":
            self._place(*_numbers(arguments, 1))
        elif final == "r" and not arguments.startswith("?"):
            return self._scroll_to(_numbers(arguments, 0)[1])
        elif final in "su":
            self._save(final == "s")
        elif arguments == "?25" and final in "lh":
            self._hidden = final == "l"
            self._ending = not self._hidden
        return []

    def _place(self, row: int, column: int) -> None:
        if self._saved or 0 < self._bottom < row:
            self._fixed_at = min(row, 10_000)
            self._column = min(column - 1, MOST_COLUMNS)
        elif self._bottom:
            self._fixed_at = None
            self._column = 0

    def _scroll_to(self, bottom: int) -> list[str]:
        """Exclude the rows from `bottom` on from scrolling; return those that scroll again."""
        self._bottom = bottom
        if bottom and (not self._fixed or max(self._fixed) > bottom):
            return []
        self._bottom, self._fixed_at, self._column = 0, None, len(self._rows[self._at])
        rows, self._fixed = [self._fixed[number] for number in sorted(self._fixed)], {}
        return [_line(row) for row in rows if row] if rows else []

    def _erase(self, which: int) -> None:
        row = self._row()
        if which == 0:
            del row[self._column :]
        elif which == 1:
            row[: self._column + 1] = [" "] * min(self._column + 1, len(row))
        else:
            row.clear()

    def _single(self, single: str) -> None:
        if single == "M":
            self._up(1)
        elif single in "78":
            self._save(single == "7")

    def _save(self, begins: bool) -> None:
        self._saved = begins
        if not begins:
            self._fixed_at = None
            self._column = len(self._rows[self._at])


def _numbers(arguments: str, otherwise: int) -> tuple[int, int]:
    parts = [int(part) if part.isdigit() else otherwise for part in arguments.split(";")]
    return parts[0], parts[1] if len(parts) > 1 else otherwise


def _line(row: list[str]) -> str:
    parts: list[str] = []
    colour = ""
    for cell in row:
        new, char = (cell.rpartition("m")[0] + "m", cell[cell.rindex("m") + 1 :]) if cell[:1] == "\x1b" else ("", cell)
        if not cell:
            continue
        if new != colour:
            parts.append("\x1b[0m" * bool(colour) + new)
            colour = new
        parts.append(char)
    return ("".join(parts).rstrip() + "\x1b[0m" * bool(colour)) if parts else ""
