"""The rows that a display owns at the bottom of a terminal: from what stands there to what shall, in the fewest bytes.

A pure model: it knows what it has drawn and where the cursor was left, and returns the text that changes it. Must not know
tasks, streams or time. Between two frames the cursor stands on the line below the rows, shown, so that whatever ends the
process leaves a clean prompt.
"""

from __future__ import annotations

BEGIN = "\x1b[?2026h\x1b[?25l\x1b[?7l"
"""Synchronized output on, cursor hidden, no wrapping: a row that a terminal finds wider than we do must not become two."""
END = "\x1b[?7h\x1b[?25h\x1b[?2026l"
"""The reverse, at the end of every frame: a process that is killed between two leaves no mode behind."""


class Region:
    """The rows drawn so far.

    Example:
        >>> region = Region()
        >>> region.draw(["one", "two"]).count("\\n")  # one write, with the cursor below the rows at its end
        2
        >>> region.draw(["one", "two"])  # nothing has changed
        ''
    """

    def __init__(self) -> None:
        self.rows: list[str] = []
        self._size = (0, 0)

    def draw(self, rows: list[str], above: list[str] | None = None, size: tuple[int, int] = (80, 24)) -> str:
        """Return the text that shows `above`, then `rows` in place of the present ones; empty when nothing changes.

        Each of `rows` is narrower than `size[0]` columns, and there are fewer of them than `size[1]` lines. Lines of
        `above` may be of any width: they wrap, and scroll away as any output does.
        """
        old, self.rows = self.rows, list(rows)
        resized, self._size = size != self._size, size
        if not above and old == rows and (not resized or not rows):
            return ""
        parts: list[str] = []
        at = len(old)  # the row that the cursor is on, counted from the region's first
        if len(old) >= size[1]:  # the screen became lower: the top rows are out of reach, in the scrollback
            at = size[1] - 1
            old = old[len(old) - at :]
        if above:
            if at:
                parts.append(f"\x1b[{at}A")
            for _ in old:  # row by row: erasing to the end of the screen makes tmux scroll it into its history
                parts.append("\r\x1b[2K\x1b[1B")
            if old:
                parts.append(f"\x1b[{len(old)}A")
            parts.append("\x1b[?7h\r" + "\r\n".join(above) + "\r\n\x1b[?7l")
            old, at = [], 0
        reach = len(old)  # the last line that is known to exist: the cursor's own, below the rows
        for number, row in enumerate(rows):
            if number < len(old) and not resized and row == old[number]:
                continue
            parts.append(_move(at, number) + f"\r{row}\x1b[K")
            at = number
            if number >= reach:
                reach = number + 1
                parts.append("\r\n")
                at = number + 1
        for number in range(len(rows), len(old)):
            parts.append(_move(at, number) + "\r\x1b[2K")
            at = number
        parts.append(_move(at, len(rows)) + ("\r" if at != len(rows) or not rows else ""))
        return BEGIN + "".join(parts) + END


def _move(at: int, to: int) -> str:
    """Return what moves the cursor from row `at` to row `to`, both known to exist."""
    if to == at:
        return ""
    return f"\x1b[{at - to}A" if to < at else f"\x1b[{to - at}B"
