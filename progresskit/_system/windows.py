"""Consoles of Windows: which descriptors lead to one, its size, its escape sequences, and text for it.

Knows the console's functions, by ctypes. Does not know rows or streams. A console accepts text as UTF-16. It decodes
bytes that are written to its descriptor with its code page, which turns each block of a bar into three letters.
"""

from __future__ import annotations

import threading
from importlib import import_module

from .platform import IS_WINDOWS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

PROCESSED_OUTPUT = 0x0001
"""The flag of a console's mode without which it shows control characters instead of obeying them."""
ESCAPE_SEQUENCES = 0x0004
"""The flag of a console's mode with which it obeys escape sequences. Windows 10 1511 and later have it; the legacy
console does not."""
MOST_UNITS = 8_192
"""UTF-16 units of one write. Before Windows 8, a console refuses more than 64 KiB."""
READ_AND_WRITE, SHARED, EXISTING = 0xC0000000, 3, 3
"""Arguments that open the console by its name."""

_lock = threading.Lock()
_original: int | None = None  # the console's mode before this process changed it; a process has at most one console


class Console:
    """The console that a descriptor leads to.

    Args:
        handle: The descriptor's handle.
        mode: The console's mode.

    Attributes:
        has_sequences: Whether the console obeys escape sequences, as it does until `put_mode_back`.
    """

    __slots__ = ("_handle", "has_sequences")

    def __init__(self, handle: int, mode: int) -> None:
        self._handle = handle
        self.has_sequences: bool = bool(mode & ESCAPE_SEQUENCES) or _ask_for_sequences(handle, mode)

    def size(self) -> tuple[int, int] | None:
        """Return the columns and lines of the window; None if they are unknown."""
        import ctypes

        calls = _kernel()
        found = calls.ScreenBufferInfo()
        if not calls.GetConsoleScreenBufferInfo(self._handle, ctypes.byref(found)):
            return None
        window = found.srWindow
        return window.Right - window.Left + 1, window.Bottom - window.Top + 1

    def write(self, text: str) -> None:
        """Write `text`. Like every write to a console, this waits while the user selects text in the window.

        Raises:
            OSError: the console does not accept it.
        """
        import ctypes

        calls = _kernel()
        data = text.encode("utf-16-le", "backslashreplace")
        at, end = 0, len(data)
        written = ctypes.c_uint32()
        while at < end:
            piece = data[at : at + 2 * MOST_UNITS]
            if at + len(piece) < end and piece[-1] & 0xFC == 0xD8:
                piece = piece[:-2]  # the first half of a character: both halves go into one write
            if not calls.WriteConsoleW(self._handle, piece, len(piece) // 2, ctypes.byref(written), None):
                raise OSError(f"the console does not take text: error {calls.last_error()}")
            if not written.value:
                raise OSError("the console takes no text")
            at += 2 * written.value


def open_console(descriptor: int) -> Console | None:
    """Return the console of `descriptor`; None if it is not a console, and on other systems.

    `os.isatty` returns True for every device, also for `NUL`.
    """
    if not IS_WINDOWS:
        return None
    try:
        import ctypes

        crt: Any = import_module("msvcrt")
        handle = int(crt.get_osfhandle(descriptor))
        mode = ctypes.c_uint32()
        if not _kernel().GetConsoleMode(handle, ctypes.byref(mode)):
            return None
    except (OSError, ImportError):  # a closed descriptor, or a Python without ctypes
        return None
    return Console(handle, mode.value)


def put_mode_back() -> None:
    """Restore the console's mode, because the shell and its next programs use the same console."""
    global _original
    with _lock:
        if _original is None:
            return
        mode, _original = _original, None
    calls = _kernel()
    # The console itself, because the job may have closed or redirected its streams.
    handle = calls.CreateFileW("CONOUT$", READ_AND_WRITE, SHARED, None, EXISTING, 0, None)
    if handle != calls.INVALID_HANDLE:
        calls.SetConsoleMode(handle, mode)
        calls.CloseHandle(handle)


def _ask_for_sequences(handle: int, mode: int) -> bool:
    """Ask the console of `handle`, which is in `mode`, to obey escape sequences, and return whether it does."""
    global _original
    with _lock:
        if not _kernel().SetConsoleMode(handle, mode | PROCESSED_OUTPUT | ESCAPE_SEQUENCES):
            return False
        if _original is None:
            _original = mode
    return True


def _kernel() -> Any:
    """Return the console's functions, with the types of their arguments."""
    global _calls
    if _calls is None:
        _calls = _Calls()
    return _calls


_calls: Any = None


class _Calls:
    """The functions of kernel32, by their own names.

    ctypes assumes 32 bits for an argument of unknown type, and would truncate a handle.
    """

    def __init__(self) -> None:
        import ctypes
        from ctypes import wintypes

        class ScreenBufferInfo(ctypes.Structure):
            _fields_: ClassVar = [
                ("dwSize", wintypes._COORD),
                ("dwCursorPosition", wintypes._COORD),
                ("wAttributes", wintypes.WORD),
                ("srWindow", wintypes.SMALL_RECT),
                ("dwMaximumWindowSize", wintypes._COORD),
            ]

        handle, pointer, number, truth = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int32
        system: Any = ctypes
        kernel = system.WinDLL("kernel32", use_last_error=True)
        for name, result, *arguments in (
            ("GetConsoleMode", truth, handle, ctypes.POINTER(number)),
            ("SetConsoleMode", truth, handle, number),
            ("GetConsoleScreenBufferInfo", truth, handle, ctypes.POINTER(ScreenBufferInfo)),
            ("WriteConsoleW", truth, handle, pointer, number, ctypes.POINTER(number), pointer),
            ("CreateFileW", handle, ctypes.c_wchar_p, number, number, pointer, number, number, handle),
            ("CloseHandle", truth, handle),
        ):
            function = getattr(kernel, name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)
        self.ScreenBufferInfo = ScreenBufferInfo
        self.INVALID_HANDLE = ctypes.c_void_p(-1).value
        self.last_error = system.get_last_error
