"""Which file a stream or a descriptor leads to, and a descriptor of our own for that file.

Knows descriptors, and the pseudo-terminals that this process has put in place of a terminal. Does not know what is written.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from typing import TYPE_CHECKING, Any

from .._system.platform import IS_WINDOWS

if TYPE_CHECKING:
    from .._system.windows import Console

RELAYED: dict[tuple[object, ...], int] = {}
"""Pseudo-terminals that replace a terminal, by their keys, each with a descriptor of the terminal itself."""


def text_descriptor(stream: Any) -> int | None:
    """Return the descriptor of `stream`; None unless the stream is the interpreter's own text file.

    None also if stream and descriptor disagree about whether they are a terminal.
    """
    try:
        if not isinstance(stream, io.TextIOWrapper) or type(stream).write is not io.TextIOWrapper.write:
            return None
        descriptor = stream.fileno()
        agrees = type(stream.buffer).__module__ == "_io" and stream.isatty() == os.isatty(descriptor)
        return descriptor if agrees else None
    except Exception:  # closed, detached, without a descriptor, or whatever a stream of the user's own may raise
        return None


def plain_descriptor(stream: Any) -> int | None:
    """Return the descriptor of `stream`, if the stream is a plain text file over it; None otherwise.

    Any other stream (a notebook's, a Tee, one whose `write` was replaced) must be written through its own `write`,
    which also sends the text elsewhere.
    """
    descriptor = text_descriptor(stream)
    return None if descriptor is None or _replaced(stream) or _replaced(stream.buffer) else descriptor


def _replaced(file: Any) -> bool:
    """Return whether other code has replaced the `write` of this `file` object."""
    own = vars(file).get("write")
    return own is not None and not getattr(getattr(own, "__self__", None), "is_capture", False)


def file_key(descriptor: int, *, relayed: bool = True) -> tuple[object, ...]:
    """Return a key that is equal for descriptors of the same file or terminal.

    Args:
        descriptor: The descriptor.
        relayed: Whether a pseudo-terminal of ours counts as the terminal that it replaces.

    Raises:
        OSError: the descriptor is closed, or Windows does not say which pipe or device it leads to.
    """
    status = os.fstat(descriptor)
    if IS_WINDOWS and not stat.S_ISREG(status.st_mode):  # all numbers of any other file are 0 there
        if console_of(descriptor) is None:
            raise OSError(errno.ENOTSUP, "it is not known which file this is")
        return ("console",)  # a process has one at the most
    key = (status.st_dev, status.st_ino, status.st_rdev)
    if relayed and key in RELAYED:
        return file_key(RELAYED[key])
    return key


def open_anew(descriptor: int) -> int:
    """Return a descriptor of our own, which no child process inherits, for the file of `descriptor`.

    Opens a terminal anew, so that it is non-blocking for us and unchanged for the job. If the terminal cannot be opened (another
    user's, the master of a pty, Windows), returns a duplicate: the caller then polls it before each piece.
    """
    own = os.dup(RELAYED.get(file_key(descriptor, relayed=False), descriptor))
    try:
        before = os.fstat(own)
        if os.isatty(own) and before.st_rdev != os.makedev(5, 2):  # opening ptmx by its name makes another pty
            opened = os.open(os.ttyname(own), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
            if os.fstat(opened).st_rdev == before.st_rdev:
                os.close(own)
                return opened
            os.close(opened)
    except (OSError, AttributeError):
        pass
    return own


def console_of(descriptor: int) -> Console | None:
    """Return the console of Windows that `descriptor` leads to; None if it leads elsewhere, and on other systems."""
    if not IS_WINDOWS:
        return None
    from .._system.windows import open_console

    return open_console(descriptor)
