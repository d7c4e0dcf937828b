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
            self.notes = system.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
            is_begun = self.notes >= 0 and system.inotify_add_watch(self.notes, os.fsencode(name), WRITTEN) >= 0
        except (ImportError, AttributeError) as error:  # no ctypes, or a C library without these calls
            raise OSError(f"no notifications: {error}") from None
        if not is_begun:
            raise OSError(f"no notifications for {name}")

    def have_written(self) -> bool:
        """Return whether others have written since the last call."""
        return self._read(self.notes, self._buffer, MOST_NOTES) > 0  # type: ignore[no-any-return]  # a C function has no types

    def close(self) -> None:
        """Close the descriptors."""
        for descriptor in {self.own, self.notes} - {-1}:
            os.close(descriptor)
        self.own = self.notes = -1
