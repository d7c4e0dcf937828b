"""A terminal's screen in memory: pyte's, corrected where real terminals differ.

Knows how escape sequences and a new size change the cells, and keeps rows that leave the screen. Does not know trackers
or renderers. Differences from pyte 0.8: rows that leave the screen, also when it becomes lower, are kept and come back
when it becomes higher; rows are wrapped again when the width changes, if the terminal does so; a character without a
width does not discard the rest of the text; a wide one is never half outside; the other half of an overwritten one is
blank.
"""

from __future__ import annotations

from typing import Any
from unicodedata import normalize

import pyte
from pyte import modes
from wcwidth import wcwidth

Line = Any  # a dict from column to cell, with defaults; `wrapped` says that the next row continues it


class Screen(pyte.Screen):  # type: ignore[misc]  # pyte ships no types
    """Rows of cells.

    Args:
        columns: Its width in cells.
        lines: Its height in rows.
        reflow: Whether rows are wrapped again when the width changes, as tmux, VTE and most others do; otherwise they
            are cut, as xterm does.

    Attributes:
        scrollback: The rows that have left the screen at the top, the oldest first.

    Example:
        >>> screen = Screen(6, 1, reflow=True)
        >>> screen.draw("abcdef"); screen.resize(columns=4)
        >>> screen.rows(screen.scrollback), screen.rows(screen.visible)
        (['abcd'], ['ef'])
    """

    def __init__(self, columns: int, lines: int, *, reflow: bool = False) -> None:
        self.scrollback: list[Line] = []
        self.reflow = reflow
        self._returning = 0  # rows of the scrollback that come back when the screen becomes higher
        super().__init__(columns, lines)

    @property
    def visible(self) -> list[Line]:
        """The rows on the screen, from the top."""
        return [self._line(row) for row in range(self.lines)]

    def _line(self, row: int) -> Line:
        return self.buffer[row]

    @staticmethod
    def rows(lines: list[Line]) -> list[str]:
        """Return the text of `lines`, without trailing blanks."""
        return ["".join(line[column].data for column in range(_used(line))).rstrip() for line in lines]

    def _above(self, row: int) -> Line:
        return self._line(row - 1) if row else (self.scrollback or [self._blank()])[-1]

    def draw(self, data: str) -> None:
        """Put characters at the cursor."""
        for character in data.translate(self.g1_charset if self.charset else self.g0_charset):
            width = wcwidth(character)
            if width <= 0:
                if width == 0 and self.cursor.x:
                    self._combine(character)
                continue
            if self.cursor.x + width > self.columns and modes.DECAWM in self.mode and width <= self.columns:
                self._line(self.cursor.y).wrapped = True
                self.carriage_return()
                self.linefeed()
            if self.cursor.x + width > self.columns:
                continue  # no room and no wrapping: dropped, as tmux does
            if modes.IRM in self.mode:
                self.insert_characters(width)
            self._put(character, width)
        self.dirty.add(self.cursor.y)

    def _put(self, character: str, width: int) -> None:
        line, column = self.buffer[self.cursor.y], self.cursor.x
        blank = self.default_char
        if line[column].data == "":  # the second half of a wide character, whose first half is kept
            line[column - 1] = blank
        line[column] = self.cursor.attrs._replace(data=character)
        if width == 2:
            line[column + 1] = self.cursor.attrs._replace(data="")
        if line[column + width].data == "":
            line[column + width] = blank
        last = self.columns if modes.DECAWM in self.mode else self.columns - 1
        self.cursor.x = min(column + width, last)

    def _combine(self, character: str) -> None:
        line = self.buffer[self.cursor.y]
        column = self.cursor.x - 1
        if line[column].data == "":
            column -= 1
        line[column] = line[column]._replace(data=normalize("NFC", line[column].data + character))

    def index(self) -> None:
        """Move down, and at the bottom scroll the top row into the scrollback."""
        top, bottom = self.margins or (0, self.lines - 1)
        if self.cursor.y == bottom and top == 0:
            self.scrollback.append(self.buffer[0])
            self._returning += 1
        super().index()

    def cursor_up(self, count: int | None = None) -> None:
        """Move up, from behind the last column to it."""
        self.cursor.x = min(self.cursor.x, self.columns - 1)
        super().cursor_up(count)

    def cursor_down(self, count: int | None = None) -> None:
        """Move down, from behind the last column to it."""
        self.cursor.x = min(self.cursor.x, self.columns - 1)
        super().cursor_down(count)

    def backspace(self) -> None:
        """Move left; from the beginning of a row that continues the one above, to the end of that one, as in tmux."""
        continues = self.cursor.y and getattr(self._above(self.cursor.y), "wrapped", False)
        if self.reflow and continues and not self.cursor.x:
            self.cursor.y -= 1
            self.cursor.x = self.columns - 1
        else:
            super().backspace()

    def tab(self) -> None:
        """Move to the next stop; at the right edge, stay."""
        if self.cursor.x < self.columns - 1:
            super().tab()

    def erase_in_line(self, how: int = 0, private: bool = False) -> None:
        """Make the end (0), the beginning (1) or all (2) of the cursor's row blank."""
        line, at = self._line(self.cursor.y), self.cursor.x
        first, last = (0 if how else at), (min(at, self.columns - 1) if how == 1 else self.columns - 1)
        self._erase(line, first, last)
        if not first and last == self.columns - 1:
            self._above(self.cursor.y).wrapped = line.wrapped = False

    def erase_in_display(self, how: int = 0, *args: Any, **kwargs: Any) -> None:
        """Make what is below the cursor (0), above it (1), all (2) or the scrollback (3) blank."""
        row = self.cursor.y
        if how == 3:
            self.scrollback.clear()
            return
        if self.reflow and (how == 2 or (how == 0 and not row and not self.cursor.x)):
            # tmux moves the whole screen into its history: the reason for which rows are erased one by one.
            lines = self.visible
            while lines and not _used(lines[-1]):
                lines.pop()
            self.scrollback += lines
            self._returning = 0
            self._set([*self.scrollback, *(self._blank() for _ in range(self.lines))], len(self.scrollback))
            return
        if how < 2:
            self.erase_in_line(how)
        for number in range(self.lines) if how == 2 else range(row) if how else range(row + 1, self.lines):
            self._above(number).wrapped = False
            self.buffer[number] = self._blank()

    def erase_characters(self, count: int | None = None) -> None:
        """Make `count` cells from the cursor on blank."""
        first = self.cursor.x
        self._erase(self.buffer[self.cursor.y], first, min(first + (count or 1), self.columns) - 1)

    def _erase(self, line: Line, first: int, last: int) -> None:
        if line[first].data == "":
            line[first - 1] = self.default_char
        if line[last + 1].data == "":
            line[last + 1] = self.default_char
        if self.cursor.attrs.bg != "default":
            for column in range(first, last + 1):
                line[column] = self.cursor.attrs._replace(data=" ")
        elif not first and last == self.columns - 1:
            line.clear()
        else:  # erased cells still count as written, as in tmux, and are wrapped when the width changes
            for column in range(first, min(last + 1, _used(line))):
                line[column] = self.default_char

    def _blank(self) -> Line:
        line: Line = self.buffer.default_factory()  # type: ignore[attr-defined]  # its type in pyte says less than it is
        line.wrapped = False
        return line

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Change the size. Rows that no longer fit go into the scrollback, and come back when there is room again."""
        lines, columns = lines or self.lines, columns or self.columns
        rows, at = self.scrollback + self.visible, len(self.scrollback) + self.cursor.y
        above = len(self.scrollback)
        # The height: blank or not, rows below the cursor are the first to go.
        spare = max(min(self.lines - lines, len(rows) - 1 - at), 0)
        rows = rows[: len(rows) - spare]
        change = max(len(rows) - lines, 0) - above if lines < self.lines else -min(lines - self.lines, self._returning)
        above += change
        self._returning += change
        rows += [self._blank() for _ in range(above + lines - len(rows))]
        if columns != self.columns:
            if self.reflow:
                rows, at = self._wrapped(rows, at, columns)
                rows += [self._blank() for _ in range(lines - len(rows))]
                above = len(rows) - lines
                self._returning = min(self._returning, above)
            else:
                for line in rows[above:]:
                    if line[columns].data == "":
                        line[columns - 1] = self.default_char
                    for column in [column for column in line if column >= columns]:
                        del line[column]
                self.cursor.x = min(self.cursor.x, columns - 1)
        self.lines, self.columns = lines, columns
        self.margins = None
        self.tabstops = set(range(8, columns, 8))
        self._set(rows, above)
        if at < above:  # its row has left the screen
            self.cursor.x = 0
        self.cursor.y = max(at - above, 0)
        self.dirty.update(range(lines))

    def _set(self, rows: list[Line], above: int) -> None:
        """Replace all rows by `rows`, of which the first `above` are the scrollback."""
        self.scrollback = rows[:above]
        self.buffer.clear()
        self.buffer.update(enumerate(rows[above : above + self.lines]))

    def _wrapped(self, rows: list[Line], at: int, columns: int) -> tuple[list[Line], int]:
        """Return `rows` wrapped again, and the new row of the cursor, which is on row `at` now."""
        wrapped: list[Line] = []
        landed = 0
        number = 0
        while number < len(rows):
            began = number
            cells: list[Any] = []
            before = None  # cells before the cursor
            while True:
                line = rows[number]
                if number == at:
                    before = len(cells) + self.cursor.x if self.cursor.x < _used(line) else -1
                cells += [line[column] for column in range(_used(line))]
                number += 1
                if number == len(rows) or not getattr(line, "wrapped", False):
                    break
            first = len(wrapped)
            starts = [0]
            wrapped.append(self._blank())
            for position, cell in enumerate(cells):
                wide = position + 1 < len(cells) and cells[position + 1].data == ""
                if position - starts[-1] + (2 if wide else 1) > columns and position > starts[-1] and cell.data != "":
                    wrapped[-1].wrapped = True
                    wrapped.append(self._blank())
                    starts.append(position)
                if position - starts[-1] < columns:
                    wrapped[-1][position - starts[-1]] = cell
            if before is not None:
                landed = first + (len(starts) if before < 0 else sum(start <= before for start in starts)) - 1
                self.cursor.x = _used(wrapped[-1]) if before < 0 else before - starts[landed - first]
            # As in tmux: additional rows in or right below the rows that come back also come back.
            more = len(starts) - (number - began)
            if more > 0 and began <= self._returning:
                self._returning += more
            elif more < 0 and self._returning > first:
                self._returning = max(self._returning + more, first)
        return wrapped, landed


def _used(line: Line) -> int:
    """Return the cells of `line` up to the last written one."""
    return max(line, default=-1) + 1
