"""Standard output, standard error and logging, sent above the bars while a tracker draws on the same terminal.

Knows how a stream is stood in for, and how exactly what was there is put back. Must not know how lines are shown: it hands
them to the tracker's `print`. No lock is taken on the way, so that a signal handler, a finaliser or a renderer may write too.
"""

from __future__ import annotations

import builtins
import codecs
import logging
import os
import sys
from _thread import get_ident
from collections import deque
from typing import TYPE_CHECKING, Any

from .display import terminal_of
from .terminal import StreamTerminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Self

    from .._tracking.tracker import ProgressTracker

KEPT = 10_000
"""Lines that a quiet capture keeps, the latest ones."""


class CapturedStream:
    """Stands in for a text stream: whole lines go above the bars, the rest waits for its newline.

    Once released, and in a forked child, it hands everything to the stream that it stands for.
    """

    def __init__(self, stream: Any, capture: Capture) -> None:
        self.captured = stream
        self.active = True
        self._capture = capture
        self._pid = os.getpid()
        self._partial: dict[int, str] = {}  # thread -> what it has written of a line: two threads' lines do not mix
        self._asking: set[int] = set()  # threads
        self._decoders: dict[int, codecs.IncrementalDecoder] = {}

    @property
    def captures(self) -> bool:
        """Whether lines are taken: not after the end, not in a forked child, and not from a thread that asks for an answer."""
        return self.active and os.getpid() == self._pid and get_ident() not in self._asking

    def decoder(self) -> codecs.IncrementalDecoder:
        """Return this thread's decoder of bytes."""
        decoder = self._decoders.get(get_ident())
        if decoder is None:
            encoding = getattr(self.captured, "encoding", None) or "utf-8"
            decoder = self._decoders[get_ident()] = codecs.getincrementaldecoder(encoding)("backslashreplace")
        return decoder

    def write(self, text: str) -> int:
        """Write `text` as the stream would."""
        if not self.captures:
            return self.captured.write(text)  # type: ignore[no-any-return]  # the stream's own answer
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        *whole, rest = (self._partial.pop(get_ident(), "") + text).split("\n")
        if rest:
            self._partial[get_ident()] = rest
        for line in whole:
            self._capture.take(line)
        return len(text)

    @property
    def buffer(self) -> CapturedBytes:
        """The same for bytes; AttributeError where the stream has no `buffer`."""
        return CapturedBytes(self.captured.buffer, self)

    def ask(self) -> None:
        """Show what this thread has written of a line, and writes until `answered`: it waits for an answer."""
        self._asking.add(get_ident())
        partial = self._partial.pop(get_ident(), "")
        if partial:
            self.captured.write(partial)
            self.captured.flush()

    def answered(self) -> None:
        """Take this thread's lines again."""
        self._asking.discard(get_ident())

    def writelines(self, lines: Any) -> None:
        """Write each of `lines`."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand on what can be: a line without its newline waits."""
        if not self.captures:
            self.captured.flush()

    def release(self) -> None:
        """Send what waits for its newline, and stand aside."""
        for ident in list(self._partial):
            self._capture.take(self._partial.pop(ident, ""))
        self.active = False

    def __iter__(self) -> Iterator[str]:
        return iter(self.captured)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.captured, name)


class CapturedBytes:
    """Stands in for the `buffer` of a captured stream: bytes become its text, a character that is split waits for its rest."""

    def __init__(self, buffer: Any, stream: CapturedStream) -> None:
        self._buffer = buffer
        self._stream = stream

    def write(self, data: Any) -> int:
        """Write `data` as the buffer would."""
        if not self._stream.captures:
            return self._buffer.write(data)  # type: ignore[no-any-return]  # the buffer's own answer
        with memoryview(data) as view:
            self._stream.write(self._stream.decoder().decode(view))
            return view.nbytes

    def flush(self) -> None:
        """Hand on what can be."""
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._buffer, name)


class CapturedInput:
    """Stands in for the builtin `input`: the question stands on the terminal by itself, and the bars come back below."""

    def __init__(self, captured: Callable[..., str], capture: Capture) -> None:
        self.captured = captured
        self.active = True
        self._capture = capture

    def __call__(self, *prompt: object) -> str:
        if not self.active:
            return self.captured(*prompt)
        return self._capture.ask(self.captured, *prompt)


class Capture:
    """What writes to the tracker's terminal goes above its bars, until the capture ends. Made by `ProgressTracker.capture`.

    Attributes:
        lines: With `quiet`, the lines that were kept off the screen, at most the latest 10,000.
    """

    def __init__(self, tracker: ProgressTracker, stdout: bool | None, stderr: bool | None, quiet: bool) -> None:
        self._tracker = tracker
        self._wanted = {"stdout": stdout, "stderr": stderr}
        self._quiet = quiet
        self.lines: deque[str] = deque(maxlen=KEPT)
        self._streams: dict[str, CapturedStream] = {}
        self._input: CapturedInput | None = None
        self._handlers: list[tuple[logging.StreamHandler[Any], CapturedStream]] = []

    def take(self, line: str) -> None:
        """Show `line` above the bars, as a terminal would that knows carriage returns; or keep it, if quiet."""
        line = line.rstrip("\r").rpartition("\r")[2]
        if self._quiet:
            self.lines.append(line)
        else:
            self._tracker.print(line)

    def ask(self, ask: Callable[..., str], *prompt: object) -> str:
        """Return what `ask` does, while the rows are off the screen and what this thread has begun to say is on it."""
        with self._tracker.hidden():
            streams = list(self._streams.values())
            try:
                for captured in streams:
                    captured.ask()
                return ask(*prompt)
            finally:
                for captured in streams:
                    captured.answered()

    def start(self) -> Self:
        """Stand in for the streams that are on the tracker's terminal. Nothing happens where it has begun already."""
        if self._streams:
            return self
        terminal = terminal_of(self._tracker)
        try:
            for name, wanted in self._wanted.items():
                stream = getattr(sys, name)
                if stream is not None and (_on(stream, terminal) if wanted is None else wanted):
                    self._streams[name] = CapturedStream(stream, self)
        finally:
            if self._tracker.terminal is None:
                terminal.close()
        for name, captured in self._streams.items():
            setattr(sys, name, captured)
        if self._streams and _is_tty(sys.stdin):
            self._input = builtins.input = CapturedInput(builtins.input, self)
        for handler in _stream_handlers():
            for captured in self._streams.values():
                if handler.stream is captured.captured:
                    handler.setStream(captured)
                    self._handlers.append((handler, captured))
        return self

    def stop(self, *, failed: bool = False) -> None:
        """Put back what was there; what somebody else has put there meanwhile stays.

        Args:
            failed: Whether the work failed: the lines of a quiet capture are then shown after all, since the reason may
                be among them.
        """
        for handler, captured in self._handlers:
            if handler.stream is captured:
                handler.setStream(_present(captured.captured))
        self._handlers.clear()
        for name, captured in self._streams.items():
            captured.release()
            if getattr(sys, name) is captured:
                setattr(sys, name, _present(captured.captured))
        self._streams.clear()
        if self._input is not None:
            self._input.active = False
            if builtins.input is self._input:
                builtins.input = _present(self._input.captured)
            self._input = None
        if failed and self._quiet:
            for line in self.lines:
                self._tracker.print(line)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(failed=kind is not None)


def _on(stream: Any, terminal: StreamTerminal) -> bool:
    """Return whether what is written to `stream` appears on `terminal`."""
    other = StreamTerminal(stream)
    try:
        return terminal.is_tty and other.is_tty and other.key == terminal.key
    finally:
        other.close()


def _is_tty(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except Exception:  # None, closed, or a stream of the user's own
        return False


def _present(stream: Any) -> Any:
    """Return `stream`, or what stands behind it where it is a capture that has ended."""
    while isinstance(stream, CapturedStream | CapturedInput) and not stream.active:
        stream = stream.captured
    return stream


def _stream_handlers() -> list[logging.StreamHandler[Any]]:
    """Return the handlers of all loggers that write to a stream: they hold the one that was there when they were made."""
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    found = {
        id(handler): handler
        for logger in loggers
        for handler in getattr(logger, "handlers", ())
        if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler)
    }
    return list(found.values())


class LogHandler(logging.Handler):
    """Shows log records above the bars of `tracker`; of the one that is active where the record is made, if None.

    Example:
        >>> import logging
        >>> logger = logging.Logger("orders")
        >>> logger.addHandler(LogHandler(tracker))
        >>> logger.warning("orders.csv has %d bad rows", 3)
        >>> tracker.prints[-1]
        'orders.csv has 3 bad rows'
    """

    def __init__(self, tracker: ProgressTracker | None = None, level: int | str = logging.NOTSET) -> None:
        super().__init__(level)
        self._tracker = tracker

    def emit(self, record: logging.LogRecord) -> None:
        try:
            from .._tracking.tracker import current_tracker

            (self._tracker or current_tracker()).print(self.format(record))
        except Exception:
            self.handleError(record)
