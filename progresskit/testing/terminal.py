"""An emulated terminal: a stream whose screen can be read.

Knows the emulator, which it imports when the first terminal is made, because that needs pyte. Does not know trackers or
renderers.
"""

from __future__ import annotations

from collections import deque
from threading import RLock
from typing import TYPE_CHECKING, Any

from .._display.outbox import Handle
from .._display.terminal import StreamTerminal

if TYPE_CHECKING:
    from typing import TextIO


class EmulatedTerminal(StreamTerminal):
    """A terminal in memory with the screen that a real one would have.

    Args:
        columns: Its width in cells.
        lines: Its height in rows.
        is_tty: Whether `isatty` returns True.
        unicode: Whether its encoding is UTF-8; otherwise it is ASCII.
        colors: Whether colours are wanted.
        reflow: Whether rows are wrapped again when the width changes, as tmux, VTE and most others do; otherwise they
            are cut, as xterm does.
        late_sizes: Whether the program learns of a new size some time after the rows have moved, as in tmux: `size`
            returns the size at the last call of `tell`.

    Attributes:
        output: The output, flush by flush.

    Raises:
        ModuleNotFoundError: pyte is not installed.

    Example:
        >>> terminal = EmulatedTerminal(columns=20, lines=3)
        >>> terminal.write("hello"); terminal.flush()
        >>> terminal.screen
        ['hello', '', '']
    """

    def __init__(
        self,
        columns: int = 80,
        lines: int = 24,
        *,
        is_tty: bool = True,
        unicode: bool = True,
        colors: bool = False,
        reflow: bool = False,
        late_sizes: bool = False,
    ) -> None:
        self._known_size = columns, lines
        self._emulated, self._parser = _new_screen(columns, lines, reflow)
        # The thread that reads the screen feeds it the output, so that no reader sees a part of a frame that another
        # thread sends.
        self._unseen: deque[str] = deque()
        self._reading = RLock()
        self.output: list[str] = []
        super().__init__(_EmulatedStream(self, is_tty, "utf-8" if unicode else "ascii"), {})
        self.colors = colors
        self.reflows = reflow
        self.late_sizes = late_sizes
        self._pending = Handle(self)

    @property
    def file(self) -> TextIO:
        """The terminal as a text file; its `flush` does nothing."""
        return self._pending.file

    def write(self, text: str) -> None:
        """Add `text` to the output of the next `flush`, for a renderer that is used without a display."""
        self._pending.write(text)

    def flush(self) -> None:
        """Show the written text."""
        self.send(self._pending.drain())

    def feed(self, text: str) -> None:
        """Show `text`, as a program's output would be."""
        self.output.append(text)
        self._unseen.append(text)

    @property
    def _screen(self) -> Any:
        """The emulated screen, after all that was sent."""
        with self._reading:
            while self._unseen:
                text = self._unseen.popleft()
                self._parser.feed(text.replace("\r\n", "\n").replace("\n", "\r\n"))  # as a tty's ONLCR does
            return self._emulated

    @_screen.setter
    def _screen(self, screen: Any) -> None:
        self._emulated = screen

    def size(self) -> tuple[int, int]:
        return self._known_size

    def resize(self, columns: int, lines: int) -> None:
        """Give the window another size. Rows that no longer fit go into the scrollback, and come back when there is
        room again."""
        self._screen.resize(lines, columns)
        if not self.late_sizes:
            self.tell()

    def tell(self) -> None:
        """Let the program learn of the window's size."""
        self._known_size = self._screen.columns, self._screen.lines

    @property
    def screen(self) -> list[str]:
        """The rows of the screen from the top, without trailing blanks."""
        return self._rows("visible")

    @property
    def scrollback(self) -> list[str]:
        """The rows that have left the screen at the top, the oldest first, without trailing blanks."""
        return self._rows("scrollback")

    @property
    def text(self) -> list[str]:
        """Scrollback and screen, up to the last row that is not blank."""
        rows = self._rows("scrollback", "visible")
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def _rows(self, *parts: str) -> list[str]:
        """Return the rows of these parts of the screen, all at one instant."""
        with self._reading:
            screen = self._screen
            return [row for part in parts for row in screen.rows(getattr(screen, part))]

    @property
    def cursor(self) -> tuple[int, int, bool]:
        """The cursor's row and column, from 0, and whether it is shown."""
        cursor = self._screen.cursor
        return cursor.y, cursor.x, not cursor.hidden


class _EmulatedStream:
    """The text stream of an emulated terminal."""

    def __init__(self, terminal: EmulatedTerminal, is_tty: bool, encoding: str) -> None:
        self._terminal = terminal
        self._is_tty = is_tty
        self.encoding = encoding

    def write(self, text: str) -> int:
        self._terminal.feed(text)
        return len(text)

    def flush(self) -> None:
        """Everything is on the screen already."""

    def isatty(self) -> bool:
        return self._is_tty


def _new_screen(columns: int, lines: int, reflow: bool) -> Any:
    import pyte

    from ._emulator import Screen

    screen = Screen(columns, lines, reflow=reflow)
    return screen, pyte.Stream(screen)
