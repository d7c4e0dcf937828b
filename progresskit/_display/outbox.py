"""The outbox of a display: composed text that is not sent yet, and lines and frames that no renderer has shown yet.

Knows how long to wait for a slow terminal. Does not know renderers or tasks.
"""

from __future__ import annotations

from contextlib import nullcontext
from contextvars import copy_context
from typing import TYPE_CHECKING

from .._system.threads import signals_blocked
from .terminal import Handle

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from .._model.frames import Frame
    from .hangs import Window
    from .terminal import StreamTerminal
    from .tracker_group import TrackerGroup

EXIT_FLUSH_TIMEOUT = 1.0
"""At shutdown, stop waiting for a slow terminal after this many seconds without a byte accepted. Applies if it accepted a byte
within that time, if another process was writing to it, or if printed lines are still unsent: they would have held up the job
without progress as well."""
GONE = 0.05
"""The same, in seconds, for a terminal that nobody seems to read."""
MOST_TURN_WAITS = 200
"""How often to wait that long for another process to end its frame: ten seconds in all."""


class Outbox:
    """The text and the lines that one terminal has yet to get.

    Args:
        terminal: Where the text goes.
        window: The display's call of foreign code: a stream without a descriptor may hang.
        group: The trackers, in whose context a stream without a descriptor is written to: a notebook finds the line's cell by it.
        wall: Gives the seconds on the wall.

    Attributes:
        handle: The terminal as a renderer has it; what is written there waits to be sent.
        lines: Lines of the frame that is being drawn, until it is sent.
        frame: That frame.
        owes_words: Whether printed lines are among what a congested terminal has not accepted.
    """

    def __init__(
        self, terminal: StreamTerminal, window: Window, group: TrackerGroup, wall: Callable[[], float]
    ) -> None:
        self.handle = Handle(terminal)
        self.lines: list[str] = []
        self.frame: Frame | None = None
        self._terminal = terminal
        self._window = window
        self._group = group
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
            context = self._group.context
            context = copy_context() if context is None else context.copy()
            self._window.call("stream", context.run, terminal.send, self.handle.drain(), patience)
        else:
            before = terminal.bytes_accepted
            terminal.send(self.handle.drain(), patience)
            if terminal.bytes_accepted != before:
                self._accepted = self._wall()
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
            self.send(GONE)
        is_waited_for = is_read or (self.owes_words and not is_stuck) or has_waited
        self.send(EXIT_FLUSH_TIMEOUT if is_waited_for else GONE)
