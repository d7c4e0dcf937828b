"""Whether anybody else has written to a terminal: C code, a program, a process that was there before the rows.

Linux tells who asks of each write to a file by its name, also where the file is a terminal. Who writes by the other name that a
process has for its terminal, `/dev/tty`, is not told of: so a display hears of everybody's writes but its own. Knows descriptors.
Does not know what is written. Elsewhere, or where the system has no notifications left, nobody is heard of.
"""

from __future__ import annotations

import os
import sys

from .platform import TELLS_OF_WRITES

TERMINAL_DEVICE = 0x80045432
"""The request `TIOCGDEV` of Linux: which device a descriptor of `/dev/tty` stands for."""
WRITTEN = 2
"""`IN_MODIFY` of inotify(7)."""
MOST_NOTES = 256
"""Bytes of notes that are read at once: the same one again is not noted twice, so that there is one as a rule."""


class OtherWriters:
    """Hears of others' writes to one terminal.

    Args:
        descriptor: One of the terminal.

    Attributes:
        own: The descriptor to write to without being told of it.
        notes: The descriptor of the system's notes.

    Raises:
        OSError: this cannot be heard of here.
    """

    def __init__(self, descriptor: int) -> None:
        if not TELLS_OF_WRITES:
            raise OSError("only Linux tells of writes to a terminal")
        import fcntl

        name = os.ttyname(descriptor)
        self.own = os.open("/dev/tty", os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        self.notes = -1
        try:
            device = int.from_bytes(fcntl.ioctl(self.own, TERMINAL_DEVICE, b"\0" * 4), sys.byteorder)
            is_named = (
                os.stat(name).st_rdev == os.fstat(descriptor).st_rdev == device
            )  # else it is another terminal, or its alias
            if not is_named:
                raise OSError(f"{name} is not the terminal of this process")
            self._begin(name)
        except BaseException:
            self.close()
            raise

    def _begin(self, name: str) -> None:
        try:
            import ctypes

            # Called with the interpreter's lock held: who lets go of it before a frame is written lets the job write in between.
            system = ctypes.PyDLL(None)
            self._read, self._buffer = system.read, ctypes.create_string_buffer(MOST_NOTES)
            self.notes = system.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
            is_begun = self.notes >= 0 and system.inotify_add_watch(self.notes, os.fsencode(name), WRITTEN) >= 0
        except (ImportError, AttributeError) as error:  # no ctypes, or a C library without these calls
            raise OSError(f"no notifications: {error}") from None
        if not is_begun:
            raise OSError(f"no notifications for {name}")

    def have_written(self) -> bool:
        """Return whether others have written since the last time."""
        return self._read(self.notes, self._buffer, MOST_NOTES) > 0  # type: ignore[no-any-return]  # a C function has no types

    def close(self) -> None:
        """Give the descriptors back."""
        for descriptor in {self.own, self.notes} - {-1}:
            os.close(descriptor)
        self.own = self.notes = -1
