"""A simulated console of Windows: kernel32's functions with their documented arguments, called by ctypes as on Windows.

Handles have more than 32 bits. Bytes that are written to a console's descriptor, and not with its function, are decoded
with its code page. A console that does not obey escape sequences shows them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import sys
import types
from collections.abc import Callable
from ctypes import wintypes
from typing import Any

HANDLES = 0x7_0000_0000
"""Added to a descriptor, this is its handle: one that is taken for 32 bits is another one."""
CONSOLE = HANDLES - 4
"""The handle that opening `CONOUT$` gives."""
INVALID = ctypes.c_void_p(-1).value
PROCESSED, WRAPS, SEQUENCES = 1, 2, 4
TRUTH, NUMBER, HANDLE, ADDRESS = ctypes.c_int32, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p


class ScreenBuffer(ctypes.Structure):
    """CONSOLE_SCREEN_BUFFER_INFO."""

    _fields_ = [
        ("size", wintypes._COORD),
        ("cursor", wintypes._COORD),
        ("attributes", wintypes.WORD),
        ("window", wintypes.SMALL_RECT),
        ("largest", wintypes._COORD),
    ]


class Function:
    """A function of a library: called through a pointer of the caller's types, as a foreign one is."""

    def __init__(self, body: Callable[..., int], result: Any, *arguments: Any) -> None:
        self._pointer = ctypes.CFUNCTYPE(result, *arguments)(body)
        self.restype: Any = ctypes.c_int
        self.argtypes: list[Any] | None = None

    def __call__(self, *arguments: Any) -> Any:
        assert self.argtypes is not None and len(arguments) == len(self.argtypes)
        address = ctypes.cast(self._pointer, ctypes.c_void_p).value
        return ctypes.CFUNCTYPE(self.restype, *self.argtypes)(address)(*arguments)


class ConsoleLike:
    """The console of a process.

    Args:
        obeys: Whether it can obey escape sequences.
        mode: Its mode at first.
        most: The most UTF-16 units of one write.
        shows: Called with a descriptor and the text that the console shows for it; None keeps the text in `shown`.
    """

    def __init__(
        self,
        *,
        obeys: bool = True,
        mode: int = PROCESSED | WRAPS,
        most: int = 32_767,
        shows: Callable[[int, str], object] | None = None,
    ) -> None:
        self.mode = mode
        self.modes: list[int] = []  # that were set
        self.writes: list[int] = []  # units of each
        self.shown: list[str] = []
        self.fails = False  # the window is gone
        self.size = (120, 40)
        self._obeys = obeys
        self._most = most
        self._shows = shows or (lambda _descriptor, text: self.shown.append(text))
        self._error = 0
        self.GetConsoleMode = Function(self._get_mode, TRUTH, HANDLE, ctypes.POINTER(NUMBER))
        self.SetConsoleMode = Function(self._set_mode, TRUTH, HANDLE, NUMBER)
        self.GetConsoleScreenBufferInfo = Function(self._say_size, TRUTH, HANDLE, ctypes.POINTER(ScreenBuffer))
        self.WriteConsoleW = Function(
            self._write, TRUTH, HANDLE, ADDRESS, NUMBER, ctypes.POINTER(NUMBER), ctypes.c_void_p
        )
        self.CreateFileW = Function(
            self._open, HANDLE, ctypes.c_wchar_p, NUMBER, NUMBER, ADDRESS, NUMBER, NUMBER, HANDLE
        )
        self.CloseHandle = Function(lambda _handle: 1, TRUTH, HANDLE)

    # What Windows offers

    def library(self, name: str, use_last_error: bool = False) -> ConsoleLike:
        """Stand in for `ctypes.WinDLL`."""
        assert name == "kernel32" and use_last_error
        return self

    def last_error(self) -> int:
        """Stand in for `ctypes.get_last_error`."""
        return self._error

    @property
    def crt(self) -> types.ModuleType:
        """Stand in for `msvcrt`."""
        module: Any = types.ModuleType("msvcrt")
        module.get_osfhandle = lambda descriptor: HANDLES + (os.fstat(descriptor) and descriptor)  # OSError: closed
        return module

    def install(self, replace: Callable[[Any, str, Any], object] = setattr) -> None:
        """Have this process find itself on Windows with this console; its terminals are the console.

        Args:
            replace: Sets an attribute.
        """
        is_terminal, own_write, own_status = os.isatty, os.write, os.fstat

        def is_device(descriptor: int) -> bool:
            try:
                return stat.S_ISCHR(own_status(descriptor).st_mode)  # NUL too
            except OSError:
                return False

        def write(descriptor: int, data: Any) -> int:
            if not is_terminal(descriptor):
                return own_write(descriptor, data)
            self.show(descriptor, bytes(data).decode("cp437"))
            return len(data)

        def status(descriptor: int) -> Any:
            found = own_status(descriptor)
            if stat.S_ISREG(found.st_mode):
                return found
            return os.stat_result((stat.S_IFMT(found.st_mode), *[0] * (len(found) - 1)))

        def size(descriptor: int = 1) -> os.terminal_size:
            if descriptor not in (0, 1, 2):
                raise ValueError("bad file descriptor")
            return os.terminal_size(self.size)

        def is_blocking(descriptor: int) -> bool:
            if not stat.S_ISFIFO(own_status(descriptor).st_mode):
                raise OSError(errno.EINVAL, "this is no pipe")
            return True

        self._is_console = is_terminal
        replace(sys.modules, "msvcrt", self.crt) if replace is not setattr else sys.modules.update(msvcrt=self.crt)
        replace(ctypes, "WinDLL", self.library)
        replace(ctypes, "get_last_error", self.last_error)
        replace(os, "isatty", is_device)
        replace(os, "write", write)
        replace(os, "fstat", status)
        replace(os, "get_terminal_size", size)
        replace(os, "get_blocking", is_blocking)

    def show(self, descriptor: int, text: str) -> None:
        """Show `text`, as far as the mode lets it be obeyed."""
        self._shows(descriptor, text if self.mode & SEQUENCES else text.replace("\x1b", "←"))

    # The functions

    def _knows(self, handle: int | None) -> bool:
        known = handle == CONSOLE or (handle is not None and handle >= HANDLES and self._is_console(handle - HANDLES))
        if not known or self.fails:
            self._error = 6  # ERROR_INVALID_HANDLE
        return known and not self.fails

    def _get_mode(self, handle: int | None, mode: Any) -> int:
        if not self._knows(handle):
            return 0
        mode[0] = self.mode
        return 1

    def _set_mode(self, handle: int | None, mode: int) -> int:
        if not self._knows(handle):
            return 0
        if mode & SEQUENCES and not self._obeys:
            self._error = 87  # ERROR_INVALID_PARAMETER
            return 0
        self.mode = mode
        self.modes.append(mode)
        return 1

    def _say_size(self, handle: int | None, found: Any) -> int:
        if not self._knows(handle):
            return 0
        columns, lines = self.size
        found[0].size = wintypes._COORD(
            columns, 9_001
        )  # the lines that can be scrolled back to count in the buffer's size
        found[0].window = wintypes.SMALL_RECT(0, 500, columns - 1, 500 + lines - 1)
        return 1

    def _write(self, handle: int | None, text: int, units: int, written: Any, _reserved: int | None) -> int:
        if not self._knows(handle):
            return 0
        assert handle is not None
        taken = min(units, self._most)
        data = ctypes.string_at(text, 2 * taken)
        self.writes.append(units)
        written[0] = taken
        self.show(handle - HANDLES, data.decode("utf-16-le", "replace"))
        return 1

    def _open(self, name: str, access: int, sharing: int, _security: Any, how: int, _flags: int, _template: Any) -> int:
        assert (name, access, sharing, how) == ("CONOUT$", 0xC0000000, 3, 3)
        if self.fails:
            self._error = 2
            return INVALID or 0
        return CONSOLE
