"""The outbox of a display: composed text that is not sent yet, and lines and frames that no renderer has shown yet.

A renderer writes to the outbox's handle. Knows how long to wait for a slow terminal. Does not know renderers or tasks.
"""

from __future__ import annotations

from contextlib import nullcontext
from contextvars import copy_context
from typing import TYPE_CHECKING, TextIO, cast

from .._system.threads import signals_blocked
from .terminal import TerminalFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from contextvars import Context

    from .._model.frames import Frame
    from .._text.styles import Style
    from .hangs import Window
    from .terminal import StreamTerminal

EXIT_FLUSH_TIMEOUT = 1.0
"""At shutdown, stop waiting for a slow terminal after this many seconds without a byte accepted. Applies if it accepted a byte
within that time, if another process was writing to it, or if printed lines are still unsent: they would have held up the job
without progress as well."""
UNREAD_FLUSH_TIMEOUT = 0.05
"""The same, in seconds, for a terminal that nobody seems to read from."""
MOST_TURN_WAITS = 200
"""How often to wait that long for another process to end its frame: ten seconds in all."""


class Handle:
    """A terminal as a renderer sees it: holds the text that the renderer writes until the display sends it.

    So a renderer that has been given up can still write, without any effect.

    Attributes:
        known_size: Columns and lines in the frame that is being drawn; None: nobody has asked yet.
        cut: Whether the renderer has been given up.

    Example:
        >>> terminal = EmulatedTerminal(columns=20, lines=3)
        >>> handle = Handle(terminal)
        >>> handle.write("hello")
        >>> handle.drain(), handle.drain()
        ('hello', '')
    """

    def __init__(self, terminal: StreamTerminal) -> None:
        self._terminal = terminal
        self._parts: list[str] = []
        self.known_size: tuple[int, int] | None = None
        self.cut = False
        self.file: TextIO = cast("TextIO", TerminalFile(self))

    @property
    def is_tty(self) -> bool:
        return self._terminal.is_tty

    @property
    def unicode(self) -> bool:
        return self._terminal.unicode

    @property
    def colors(self) -> bool:
        return self._terminal.colors

    @property
    def encoding(self) -> str:
        return self._terminal.encoding

    @property
    def environ(self) -> Mapping[str, str]:
        return self._terminal.environ

    @property
    def style(self) -> Style | str | None:
        return self._terminal.style

    @property
    def color_depth(self) -> int:
        return self._terminal.color_depth

    @property
    def reflows(self) -> bool:
        return self._terminal.reflows

    @property
    def late_sizes(self) -> bool:
        return self._terminal.late_sizes

    @property
    def in_journal(self) -> bool:
        return self._terminal.in_journal

    @property
    def fd(self) -> int | None:
        return None if self.cut else self._terminal.fd

    def ask_size(self) -> tuple[int, int]:
        """Ask the terminal for its size, and return it. The whole frame uses this size."""
        self.known_size = size = self._terminal.size()
        return size

    def size(self) -> tuple[int, int]:
        """Return columns and lines, as they were when the frame was begun."""
        return self.ask_size() if self.known_size is None else self.known_size

    def write(self, text: str) -> None:
        """Add `text` to what the display will send."""
        self._parts.append(text)

    @property
    def has_text(self) -> bool:
        """Whether something was written that has not been drained."""
        return bool(self._parts)

    def drain(self) -> str:
        """Return what was written since the last time."""
        text = "".join(self._parts)
        self._parts.clear()
        return text


class Outbox:
    """The text and the lines that one terminal has yet to get.

    Args:
        terminal: Where the text goes.
        window: The display's call of foreign code: a stream without a descriptor may hang.
        context: Gives the context in which a stream without a descriptor is written to, by which a notebook finds a line's cell;
            None: the caller's.
        wall: Gives the seconds on the wall.

    Attributes:
        handle: The terminal as a renderer has it; what is written there waits to be sent.
        lines: Lines of the frame that is being drawn, until it is sent.
        frame: That frame.
        owes_words: Whether printed lines are among what a congested terminal has not accepted.
    """

    def __init__(
        self, terminal: StreamTerminal, window: Window, context: Callable[[], Context | None], wall: Callable[[], float]
    ) -> None:
        self.handle = Handle(terminal)
        self.lines: list[str] = []
        self.frame: Frame | None = None
        self._terminal = terminal
        self._window = window
        self._context = context
        self._wall = wall
        self._stuck: float | None = None  # since when a congested terminal has not accepted a byte
        self._accepted: float | None = None  # when the terminal last accepted one
        self._accepted_before: float | None = None  # the same, before the last frame
        self.owes_words = False

    def owe(self, lines: list[str]) -> None:
        """Add `lines`, which the next frame shows."""
        self.lines = [*self.lines, *lines]
        self.owes_words = True

    def send(self, patience: float = 0.0) -> None:
        """Send what was written. What the terminal does not accept now, it keeps and sends first the next time.

        Args:
            patience: Seconds without a byte accepted after which a slow terminal is left alone.
        """
        terminal = self._terminal
        if not (self.handle.has_text or terminal.congested):  # most frames of a client, which has sent them elsewhere
            self.owes_words, self._stuck = False, None
        elif terminal.fd is None:
            context = self._context()
            context = copy_context() if context is None else context.copy()
            self._window.call("stream", context.run, terminal.send, self.handle.drain(), patience)
        else:
            before = terminal.bytes_accepted
            terminal.send(self.handle.drain(), patience)
            if terminal.bytes_accepted != before:
                self._accepted = self._wall()
            if self.lines or (self.frame is not None and self.frame.ended):
                terminal.tell_others()
            self.owes_words = self.owes_words and terminal.congested
            if not terminal.congested:
                self._stuck = None
        self.lines, self.frame = [], None

    def uninterrupted(self) -> AbstractContextManager[None]:
        """Return a context manager that blocks signals while text is sent, except where the stream's own `write` sends it."""
        return nullcontext() if self._terminal.fd is None else signals_blocked()

    @property
    def is_draining(self) -> bool:
        """Whether printed lines wait for a terminal that accepts them in pieces, so that another attempt soon is worth
        it."""
        return self.owes_words and self._stuck is None and self._terminal.congested

    def retry(self) -> None:
        """Send what a congested terminal did not accept before, as far as it accepts it now."""
        before = self._terminal.bytes_accepted
        self.send()
        if self._terminal.bytes_accepted != before or not self._terminal.congested:
            self._stuck = None
        elif self._stuck is None:
            self._stuck = self._wall()

    def begin_last_frame(self) -> None:
        """Remember whether the terminal has accepted anything before the last frame. Its buffer may accept the
        beginning of that frame although nobody reads from it."""
        self._accepted_before = self._accepted

    def send_last(self) -> None:
        """Send the rest at the end, and wait for a slow terminal only if it seems to be read."""
        now, accepted = self._wall(), self._accepted_before
        is_read = accepted is not None and now - accepted <= EXIT_FLUSH_TIMEOUT
        is_stuck = self._stuck is not None and now - self._stuck > EXIT_FLUSH_TIMEOUT
        has_waited = self._terminal.awaits_turn
        for _ in range(MOST_TURN_WAITS):
            if not self._terminal.awaits_turn:
                break
            self.send(UNREAD_FLUSH_TIMEOUT)
        is_waited_for = is_read or (self.owes_words and not is_stuck) or has_waited
        self.send(EXIT_FLUSH_TIMEOUT if is_waited_for else UNREAD_FLUSH_TIMEOUT)
