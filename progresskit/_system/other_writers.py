"""Detect writes to a terminal by others than this display: C code, programs, processes that are older than the rows.

On Linux, inotify reports each write to a file by the name that is watched, also if the file is a terminal. It does not
report writes through the terminal's other name, `/dev/tty`. A display that writes through `/dev/tty` therefore sees all
writes but its own. Knows descriptors. Does not know what is written. On other systems, and if no notifications are
left, no writes are detected.
"""

from __future__ import annotations

import os
import sys

from .platform import TELLS_OF_WRITES

TERMINAL_DEVICE = 0x80045432
"""The request `TIOCGDEV` of Linux: the device behind a descriptor of `/dev/tty`."""
WRITTEN = 2
"""`IN_MODIFY` of inotify(7)."""
MOST_NOTES = 256
"""Bytes of notifications that are read at once. Equal ones are merged, so that there is usually one."""
_unused: dict[int, int] = {}
"""By process, a descriptor of notifications that watches nothing, for the next display. The kernel takes 10 to 50 ms to close one,
for which each job would wait at the end of its rows."""


class OtherWriters:
    """Detects others' writes to one terminal.

    Args:
        descriptor: One of the terminal.

    Attributes:
        own: The descriptor whose writes are not reported.
        notes: The descriptor of the notifications.

    Raises:
        OSError: others' writes cannot be detected here.
    """

    def __init__(self, descriptor: int) -> None:
        if not TELLS_OF_WRITES:
            raise OSError("only Linux tells of writes to a terminal")
        import fcntl

        name = os.ttyname(descriptor)
        self.own: int = os.open("/dev/tty", os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        self.notes: int = -1
        self._watch = -1
        self._process = os.getpid()
        try:
            device = int.from_bytes(fcntl.ioctl(self.own, TERMINAL_DEVICE, b"\0" * 4), sys.byteorder)
            is_named = (
                os.stat(name).st_rdev == os.fstat(descriptor).st_rdev == device
            )  # otherwise it is another terminal, or an alias
            if not is_named:
                raise OSError(f"{name} is not the terminal of this process")
            self._begin(name)
        except BaseException:
            self.close()
            raise

    def _begin(self, name: str) -> None:
        try:
            import ctypes

            # This call keeps the GIL. Releasing it before a frame is written would let the job write in between.
            system = ctypes.PyDLL(None)
            self._read, self._buffer = system.read, ctypes.create_string_buffer(MOST_NOTES)
            self._remove = system.inotify_rm_watch
            self.notes = _unused.pop(self._process, -1)
            self._watch = system.inotify_add_watch(self.notes, os.fsencode(name), WRITTEN)
            if self._watch < 0:  # there was none, or the program has closed it
                self.notes = system.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
                self._watch = system.inotify_add_watch(self.notes, os.fsencode(name), WRITTEN)
        except (ImportError, AttributeError) as error:  # no ctypes, or a C library without these calls
            raise OSError(f"no notifications: {error}") from None
        if self._watch < 0:
            raise OSError(f"no notifications for {name}")
        while self.have_written():  # what the display before did not read
            pass

    def have_written(self) -> bool:
        """Return whether others have written since the last call."""
        return self._read(self.notes, self._buffer, MOST_NOTES) > 0  # type: ignore[no-any-return]  # a C function has no types

    def close(self) -> None:
        """Close the descriptors, but keep that of the notifications for the next display of the process."""
        notes, own, self.own, self.notes = self.notes, self.own, -1, -1
        if self._watch >= 0 and self._process == os.getpid():  # a forked child must not end the watch of its parent
            self._remove(notes, self._watch)
            if _unused.setdefault(self._process, notes) == notes:
                notes = -1
        for descriptor in {own, notes} - {-1}:
            os.close(descriptor)
