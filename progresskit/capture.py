"""Standard output, standard error and logging, sent above the bars while a tracker draws on the same terminal.

Knows how a stream is stood in for, and how exactly what was there is put back. Must not know how lines are shown: it hands
them to the tracker's `print`. No lock is taken on the way, so that a signal handler, a finaliser or a renderer may write too.
"""

from __future__ import annotations

import logging
import os
import sys
from _thread import get_ident
from collections import deque
from typing import TYPE_CHECKING, Any

from .display import terminal_of
from .terminal import StreamTerminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from .tracker import ProgressTracker

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

    def write(self, text: str) -> int:
        """Write `text` as the stream would."""
        if not self.active or os.getpid() != self._pid:
            return self.captured.write(text)  # type: ignore[no-any-return]  # the stream's own answer
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        *whole, rest = (self._partial.pop(get_ident(), "") + text).split("\n")
        if rest:
            self._partial[get_ident()] = rest
        for line in whole:
            self._capture.take(line)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write each of `lines`."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand on what can be: a line without its newline waits."""
        if not self.active or os.getpid() != self._pid:
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
        self._handlers: list[tuple[logging.StreamHandler[Any], CapturedStream]] = []

    def take(self, line: str) -> None:
        """Show `line` above the bars, as a terminal would that knows carriage returns; or keep it, if quiet."""
        line = line.rstrip("\r").rpartition("\r")[2]
        if self._quiet:
            self.lines.append(line)
        else:
            self._tracker.print(line)

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


def _present(stream: Any) -> Any:
    """Return `stream`, or what stands behind it where it is a capture that has ended."""
    while isinstance(stream, CapturedStream) and not stream.active:
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
            from .tracker import current_tracker

            (self._tracker or current_tracker()).print(self.format(record))
        except Exception:
            self.handleError(record)
