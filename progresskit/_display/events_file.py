"""A renderer that also writes its frames and lines to an events file: `PROGRESSKIT_EVENTS`.

Knows files: whole lines, appended by one write each, so that several processes may share a path; and when a file has
grown enough. Does not know what draws.
"""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING

from .._model.events import EventEncoder
from .._model.frames import Frame
from .._system.platform import CLOSE_ON_EXEC, file_locks
from .._system.run_identity import run_identity
from .._system.warnings import warn_once
from .observed import WholeFrames

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..renderers.base import Renderer, Terminal

INTERVAL_SECONDS = 0.5
"""Seconds between two lines about counts at the least. Ends and printed lines are written at once."""
LARGEST_FILE = 64 << 20
"""Bytes after which a file is renamed to PATH.1, replacing the one before, and a new one is started."""


class EventsFile:
    """A file to which several processes may append.

    Args:
        path: Where it is.
        largest: Bytes after which another is begun.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: str, largest: int = LARGEST_FILE) -> None:
        self._path = path
        self._largest = largest
        self._descriptor = self._open()
        self._begins_amid_line = self._ends_amid_line()
        self._process = os.getpid()

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | CLOSE_ON_EXEC, 0o666)

    def _ends_amid_line(self) -> bool:
        """Return whether the file ends within a line, because the disk was full or its writer was killed."""
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            return False
        try:
            with open(self._path, "rb") as file:
                file.seek(-1, os.SEEK_END)
                return file.read(1) != b"\n"
        except OSError:  # it is empty, or may not be read
            return False

    def append(self, lines: list[str]) -> None:
        """Append `lines`, in one write.

        Raises:
            OSError: the disk is full, or whatever else a file may meet.
        """
        text = "".join(f"{line}\n" for line in lines)
        if self._begins_amid_line:
            text, self._begins_amid_line = f"\n{text}", False
        data = memoryview(text.encode())
        while data:
            data = data[os.write(self._descriptor, data) :]

    def begins_anew(self) -> bool:
        """Start a new file if this one has grown enough or was moved away; return whether it did.

        Raises:
            OSError: another one cannot be opened.
        """
        if self._is_in_place():
            if os.fstat(self._descriptor).st_size < self._largest or not self._lock():
                return False
            if self._is_in_place():  # nobody has moved it since; the lock goes with the descriptor
                os.replace(self._path, f"{self._path}.1")
        os.close(self._descriptor)
        self._descriptor = self._open()
        return True

    def _is_in_place(self) -> bool:
        """Whether the path still leads to this file."""
        mine = os.fstat(self._descriptor)
        try:
            there = os.stat(self._path)
        except FileNotFoundError:
            return False
        return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)

    def _lock(self) -> bool:
        """Return whether this process may move the file: two that move it at once would put the second file in the place of the
        first. A system without locks has it."""
        locks = file_locks()
        if locks is None:
            return True
        try:
            locks.flock(self._descriptor, locks.LOCK_EX | locks.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file server that knows no locks
            pass
        return True

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class Teed(WholeFrames):
    """A renderer that also writes an events file.

    If the file fails, it is given up with one warning, and drawing continues.

    Args:
        renderer: What draws.
        path: The events file.
        clock: Gives the time in seconds and never goes back.
        largest: Bytes after which another file is begun.
    """

    calls_others = True
    """A file server may hang: drawing goes on without it."""

    def __init__(
        self,
        renderer: Renderer,
        path: str,
        clock: Callable[[], float] = time.monotonic,
        largest: int = LARGEST_FILE,
    ) -> None:
        super().__init__(renderer)
        self._path = path
        self._clock = clock
        self._largest = largest
        self._file: EventsFile | None = None
        self._has_failed = False
        self._prints: list[str] = []
        self._written = float("-inf")
        self._last: Frame | None = None  # the newest frame, where it is not in the file yet

    def start(self, terminal: Terminal) -> None:
        super().start(terminal)
        self._events = EventEncoder(run_identity())

    def render(self, frame: Frame) -> None:
        super().render(frame)
        now = self._clock()
        if frame.ended or frame.unseen or self._prints or not frame.tasks or now - self._written >= INTERVAL_SECONDS:
            self._write(frame, now)
        else:
            self._last = frame

    def write(self, text: str) -> None:
        super().write(text)
        self._prints.append(text)

    def stop(self) -> None:
        super().stop()
        if self._last is not None or self._prints:
            self._write(self._last or Frame(self._clock()), self._clock())
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, frame: Frame, now: float) -> None:
        prints, self._prints = self._prints, []
        self._last, self._written = None, now
        if self._has_failed:
            return
        try:
            if self._file is None:
                self._file = EventsFile(self._path, self._largest)
            elif self._file.begins_anew():
                self._events.begin_anew()
            lines = list(self._events.lines(frame, prints))
            if lines:
                self._file.append(lines)
        except OSError as error:
            self._has_failed = True
            warn_once(f"PROGRESSKIT_EVENTS is {self._path!r:.200}, which cannot be written: {error.strerror}.")
