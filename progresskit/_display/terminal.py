"""The terminal: a text stream that the display draws on, and the only code that writes to it.

Knows streams and their descriptors. Does not know tasks, frames or renderers. Sends each frame in one `os.write` on a descriptor of
its own, so that output of another thread never lands within a frame. A stream that has failed once is not written to again.
"""

from __future__ import annotations

import io
import os
import select
import stat
import sys
import time
from _thread import get_ident
from contextlib import suppress
from functools import partial
from operator import methodcaller
from typing import TYPE_CHECKING, Any, TextIO, cast
from weakref import ref

from .._system.notebook import is_cell_stream, is_no_terminal
from .._system.other_writers import OtherWriters
from .._system.platform import HAS_BLOCKING_FLAG, IS_WINDOWS, file_locks, has_poll
from .._text.cells import encodable
from .._text.colors import depth_of
from .descriptors import console_of, file_key, open_anew, plain_descriptor
from .terminal_facts import asked, codec_name, has_late_sizes, is_journal, reflows, wants_colors, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol, Self

    from .._system.windows import Console
    from .._text.styles import Style
    from ..renderers.base import Terminal

    class Sink(Protocol):
        """What a terminal's text file writes to."""

        @property
        def encoding(self) -> str:
            """The codec."""

        @property
        def is_tty(self) -> bool:
            """Whether it is a terminal."""

        @property
        def fd(self) -> int | None:
            """The descriptor; None for none."""

        def write(self, text: str) -> None:
            """Write `text`."""


_BLOCKS = "█▏━✓…⠋"
"""Characters that renderers draw with. An encoding that has them counts as Unicode."""

FALLBACK_SIZE = (80, 24)
CUT_OFF = b"\x18\x1b[0m\x1b[?7h\x1b[?25h\x1b[?2026l\r\n"
"""Ends a frame that was cut off at any byte: CAN ends an unfinished sequence, then all modes are restored."""
NOTE = b"\x1b[?25h"
"""Changes nothing: the cursor is visible after each frame."""
TURN_POLL_SECONDS = 0.002
"""Seconds between two attempts to write to a terminal that another process is writing to."""
TURN_SECONDS = 0.05
"""The most seconds that a frame waits for another process's frame."""
PIECE = 512
"""Bytes that a pipe accepts without blocking when it is ready, by POSIX."""
UNCAPTURED: set[int] = set()
"""Threads whose writes are not captured: those that write a frame or ask a question."""


class Uncaptured:
    """A context manager that switches capturing off for `thread`; None: for the one that makes it."""

    __slots__ = ("_outermost", "_thread")

    def __init__(self, thread: int | None = None) -> None:
        self._thread = get_ident() if thread is None else thread

    def __enter__(self) -> None:
        self._outermost = self._thread not in UNCAPTURED
        UNCAPTURED.add(self._thread)

    def __exit__(self, *_: object) -> None:
        if self._outermost:
            UNCAPTURED.discard(self._thread)


def write_to(stream: Any, text: str) -> None:
    """Write `text` to `stream`, after what the stream still holds.

    Where the descriptor takes nothing, the stream keeps nothing of `text` either: the interpreter would try again to write it at
    its end, fail, and change the exit status.
    """
    with Uncaptured():
        descriptor = None if IS_WINDOWS else plain_descriptor(stream)  # text files translate line ends there
        if descriptor is None:
            stream.write(text)
            stream.flush()
            return
        stream.flush()
        data = text.encode(stream.encoding, "backslashreplace")
        while data:
            data = data[os.write(descriptor, data) :]


class TerminalFile(io.TextIOBase):
    """A terminal as a text file, for libraries that want one. Its flush does nothing: the display flushes."""

    def __init__(self, terminal: Sink) -> None:
        self._terminal = terminal

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a read-only attribute in the base's stub
        return self._terminal.encoding

    def write(self, text: str, /) -> int:
        self._terminal.write(text)
        return len(text)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._terminal.is_tty

    def fileno(self) -> int:
        if self._terminal.fd is None:
            raise io.UnsupportedOperation("this stream has no descriptor")
        return self._terminal.fd


class StreamTerminal:
    """A text stream as a terminal.

    Args:
        stream: Where to draw; None: nowhere, though everything is accepted.
        environ: The environment; None takes the process's.

    Attributes:
        dark: Whether the stream has failed. Nothing is written to it any more.
        others: Watches for writes of other processes, where the system reports them and rows are drawn.
        congested: Whether the reader is behind: it has not accepted all that was sent.
        fd: A descriptor of its own for the same file, to write to; None if text must go through the stream's own `write`.
        environ: The environment that describes the terminal.
        style: The style that code has chosen for rows; None: the environment's, or one that suits the stream.
        color_depth: The number of colours that the terminal has, as one of the constants of `progresskit._text.colors`.
        bytes_accepted: Bytes that the descriptor has accepted so far.
        has_sequences: Whether the terminal obeys escape sequences. Some consoles of Windows are known not to.
        in_notebook: Whether the stream leads to a notebook's cell.
        in_journal: Whether the stream leads to systemd's journal, which reads a level from the beginning of a line.
    """

    def __init__(self, stream: Any, environ: Mapping[str, str] | None = None) -> None:
        self.environ: Mapping[str, str] = os.environ if environ is None else environ
        self._environ = self.environ
        self._stream = stream
        self._columns, self._lines = (whole_number(self._environ.get(name)) for name in ("COLUMNS", "LINES"))
        self._backlog = b""
        self.congested: bool = False
        self._shared = bool(self._environ.get("PROGRESSKIT_POSITION", "").strip())
        self._has_turn = False  # whether this process holds the lock of a shared terminal
        self.bytes_accepted: int = 0
        self._own: int | None = None  # to ask for the size and the foreground
        self.others: OtherWriters | None = None
        self._may_hear_others = True  # False after the first attempt
        self.dark: bool = stream is None
        try:
            self._own = open_anew(stream.fileno())
            _closers[self._own] = _Closer(self, self._own)
        except Exception:  # no descriptor, closed, or whatever a stream of the user's own may raise
            pass
        self.fd: int | None = self._own if plain_descriptor(stream) is not None else None
        self._polled = self.fd is not None and not stat.S_ISREG(os.fstat(self.fd).st_mode)
        self._console: Console | None = None if self._own is None else console_of(self._own)
        self.has_sequences: bool = self._console is None or self._console.has_sequences
        self.is_tty: bool = self._ask_tty()
        # A console takes any character, whatever its code page or the stream's encoding.
        self.encoding: str = "utf-8" if self._writes_to_console else codec_name(asked(stream, "encoding", None))
        self.unicode: bool = encodable(_BLOCKS, self.encoding) == _BLOCKS
        self.colors: bool = wants_colors(self.is_tty and self.has_sequences, self._environ)
        self.color_depth: int = depth_of(self._environ)
        self.style: Style | str | None = None
        self.in_notebook: bool = is_cell_stream(stream)
        self.in_journal: bool = self._own is not None and is_journal(self._own, self._environ)
        self.reflows: bool = reflows(self._environ)
        self.late_sizes: bool = has_late_sizes(self._environ)

    @property
    def _writes_to_console(self) -> bool:
        """Whether text goes to a console of Windows by its own function, not to a descriptor."""
        return self._console is not None and self.fd is not None

    def _ask_tty(self) -> bool:
        try:
            if IS_WINDOWS and self.fd is not None:
                return self._console is not None  # `NUL` says that it is a terminal as well
            if is_no_terminal(self._stream):
                return False
            return os.isatty(self.fd) if self.fd is not None else bool(self._stream.isatty())
        except Exception:  # anything may stand in for a stream, and its isatty may do anything
            return False

    @property
    def key(self) -> tuple[object, ...]:
        """What two terminals have in common when they draw on the same thing."""
        if self._own is None or (self.fd is None and not (self.is_tty and os.isatty(self._own))):
            return (id(self._stream),)
        try:
            return file_key(self._own)
        except OSError:
            return (id(self._stream),)

    @property
    def stream(self) -> Any:
        """The stream itself."""
        return self._stream

    @property
    def is_stderr(self) -> bool:
        """Whether warnings go to this stream, too."""
        return self._stream is sys.stderr

    def size(self) -> tuple[int, int]:
        """Return columns and lines, each at least 1: what `COLUMNS` and `LINES` say, else the terminal, else 80 by 24."""
        columns, lines = self._columns, self._lines
        if not (columns and lines) and self._own is not None and self.is_tty:
            try:
                # `os.get_terminal_size` of Windows knows the three standard descriptors alone.
                real = os.get_terminal_size(self._own) if self._console is None else self._console.size()
                if real is not None:
                    columns, lines = columns or real[0], lines or real[1]
            except OSError:
                pass
        return columns or FALLBACK_SIZE[0], lines or FALLBACK_SIZE[1]

    @property
    def foreground(self) -> bool:
        """Whether this process may draw: a job in the background must not."""
        if self._own is None or not self.is_tty:
            return True
        try:
            return os.tcgetpgrp(self._own) == os.getpgrp()
        except (OSError, AttributeError):  # not our controlling terminal, or no such notion here
            return True

    def hear_others(self) -> None:
        """Start to watch for writes of other processes, if the system reports them.

        Called before the first frame with rows: other processes may write right after it.
        """
        if self._may_hear_others:
            self._may_hear_others = False
            if self.fd is not None and self.is_tty and not self._shared:
                try:
                    self.others = others = OtherWriters(self.fd)
                except OSError:
                    return
                for descriptor in (others.own, others.notes):
                    _closers[descriptor] = _Closer(self, descriptor)

    def begin_turn(self) -> None:
        """Wait until no other display that draws rows here is between asking for others' writes and its own, for a twentieth of a
        second at the most: it may be stopped. Until `end_turn`, others wait for this one."""
        if self.others is not None and self.fd is not None and not self._shared:
            self._acquire_turn(self.fd, TURN_SECONDS)

    def end_turn(self) -> None:
        """Let others go on."""
        if self._has_turn and not self._shared and self.fd is not None:
            self._end_turn(self.fd)

    def tell_others(self) -> None:
        """Have other displays on this terminal notice that lines were sent, so that they do not draw their rows over them.

        Frames go through a descriptor whose writes nobody hears of. Rows that change are no news for others; lines that stay are.
        """
        others = self.others
        if others is not None and self.fd is not None and not self.dark and not self.congested and _ready(self.fd, 0.0):
            with suppress(OSError):  # the terminal is gone
                os.write(self.fd, NOTE)
            others.have_written()  # which was this

    @property
    def file(self) -> TextIO:
        """The terminal as a text file; its `flush` does nothing."""
        return cast("TextIO", TerminalFile(self))

    def write(self, text: str) -> None:
        """Send `text` at once."""
        self.send(text)

    def send(self, text: str, patience: float = 0.0) -> None:
        """Send `text`, in one write. What a terminal does not accept is sent first the next time.

        Args:
            text: The text; empty to send what is left.
            patience: Seconds without a byte accepted after which a slow reader is left alone.
        """
        if self.dark or not (text or self._backlog):
            return
        try:
            if self.fd is None:
                self._write_through(encodable(text, self.encoding))
            elif self._console is not None:
                self._console.write(text)
                self.bytes_accepted += len(text)
            else:
                self._send(self._backlog + text.encode(self.encoding, "backslashreplace"), self.fd, patience)
        except Exception:  # a stream of the user's own may raise anything; it is not asked again
            self.dark = True
            self._keep(b"")

    def _write_through(self, text: str) -> None:
        """Write `text` with the stream's own `write`, which may lead to a stream that is captured."""
        if not self.in_notebook:
            write_to(self._stream, text)
            return
        with Uncaptured():
            self._stream.write(text)  # a kernel flushes by itself, and its `flush` waits for a thread

    def _send(self, data: bytes, descriptor: int, patience: float) -> None:
        others = self.others
        if others is None:
            pen, nonblocking = descriptor, HAS_BLOCKING_FLAG and not os.get_blocking(descriptor)
        else:
            pen, nonblocking = others.own, True
        if self.congested:
            self._keep(b"")
        view = memoryview(data)
        if self._shared and not self._acquire_turn(descriptor, patience):
            self._keep(data)
            return
        while view:
            if self._polled and not nonblocking and not _ready(descriptor, patience):
                break
            if self.dark:  # given up by another thread, which has sent the end
                break
            try:
                count = os.write(pen, view if nonblocking or not self._polled else view[:PIECE])
                self.bytes_accepted += count
                view = view[count:]
            except BlockingIOError:
                if not _ready(descriptor, patience):
                    break
        if view and not self.dark:
            self._keep(bytes(view))
        elif self._has_turn and self._shared:
            self._end_turn(descriptor)

    def _acquire_turn(self, descriptor: int, patience: float) -> bool:
        """Return whether this process may write to a terminal that it shares with others.

        A terminal whose buffer is nearly full takes a part of a frame. Until the rest has been sent, a frame of another process
        would end up in the middle of it.

        Args:
            descriptor: The terminal.
            patience: Seconds for which to wait for the other process.
        """
        fcntl = file_locks()
        if fcntl is None:
            return True
        until = time.monotonic() + patience
        while not self._has_turn:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._has_turn = True
            except BlockingIOError:
                if time.monotonic() >= until:
                    return False
                time.sleep(TURN_POLL_SECONDS)
            except OSError:  # a system that cannot lock a terminal
                return True
        return True

    @property
    def awaits_turn(self) -> bool:
        """Whether text waits because another process is writing to the terminal, and not because the terminal is slow."""
        return self.congested and self._shared and not self._has_turn

    def _end_turn(self, descriptor: int) -> None:
        import fcntl

        self._has_turn = False
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _keep(self, backlog: bytes) -> None:
        """Keep `backlog`, which the reader has not accepted."""
        self._backlog = backlog
        self.congested = bool(backlog)

    def give_up(self, patience: float) -> None:
        """Send only what ends an unfinished frame, so that no mode of the terminal stays set. Nothing else is sent from then on.

        Args:
            patience: Seconds without a byte accepted after which this gives up.
        """
        if self._console is not None:  # a console accepts whole frames only, and blocks while the user selects text
            self.dark = True
            return
        # Duplicate first: once the terminal is dark, the drawing thread may close it while this waits to send.
        descriptor = self._duplicate()
        self.dark = True
        self._keep(b"")
        if descriptor is None:
            return
        view = memoryview(CUT_OFF)
        try:
            while view and _ready(descriptor, patience):
                view = view[os.write(descriptor, view) :]
        except OSError:  # the terminal is gone, or accepts nothing
            pass
        finally:
            os.close(descriptor)

    def _duplicate(self) -> int | None:
        """Return another descriptor of the terminal; None if the stream is no terminal, or no descriptor is left."""
        try:
            return os.dup(self.fd) if self.fd is not None and self.is_tty else None
        except OSError:
            return None

    def close(self) -> None:
        """Close the terminal's own descriptor. The stream itself stays open: it is the user's."""
        self.send("")
        if self.congested:
            self.give_up(0.0)
        descriptor, self._own, self.fd = self._own, None, None
        others, self.others = self.others, None
        self.dark = True
        if others is not None:
            _closers.pop(others.own, None)
            _closers.pop(others.notes, None)
            others.close()
        if descriptor is not None:
            _closers.pop(descriptor, None)
            try:
                os.close(descriptor)
            except OSError:
                pass


class _Closer(ref["StreamTerminal"]):
    """Closes the descriptor of a terminal that is freed without `close`.

    All of it is C code: a finaliser in Python would swallow the error of a Ctrl-C that comes while it runs.
    """

    __slots__ = ("close",)
    close: partial[None]

    def __new__(cls, terminal: StreamTerminal, descriptor: int) -> Self:
        self = super().__new__(cls, terminal, methodcaller("close"))
        self.close = partial(os.closerange, descriptor, descriptor + 1)  # raises nothing
        return self

    def __init__(self, terminal: StreamTerminal, descriptor: int) -> None:
        super().__init__(terminal)  # type: ignore[call-arg]  # typeshed knows its `__new__` alone


_closers: dict[int, _Closer] = {}
"""By descriptor: a number that is used again replaces its entry."""


class ProtocolTerminal(StreamTerminal):
    """A user's own terminal object. Uses only the members of the `Terminal` protocol.

    Args:
        terminal: The user's terminal.
    """

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(_ProtocolStream(terminal), {})
        self._terminal = terminal
        self.is_tty = bool(terminal.is_tty)
        self.unicode = bool(terminal.unicode)
        self.colors = bool(terminal.colors)
        self.encoding = codec_name(terminal.encoding)
        self.reflows = bool(terminal.reflows)

    @property
    def stream(self) -> None:
        """None: no stream is behind the user's terminal."""

    @property
    def key(self) -> tuple[object, ...]:
        return (id(self._terminal),)

    def size(self) -> tuple[int, int]:
        columns, lines = self._terminal.size()
        return max(int(columns), 1), max(int(lines), 1)


class _ProtocolStream:
    """The text stream of a terminal of the user's own."""

    def __init__(self, terminal: Terminal) -> None:
        self.write = terminal.write

    def flush(self) -> None:
        """Do nothing: the protocol has no flush."""


def _ready(descriptor: int, patience: float) -> bool:
    """Return whether `descriptor` takes something, or fails, within `patience` seconds."""
    if not has_poll():
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(patience * 1000))
