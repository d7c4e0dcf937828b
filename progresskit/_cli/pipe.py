"""`progresskit pipe`: copy standard input to standard output, and count its bytes or lines.

Knows two descriptors and a task. Does not know how anything is drawn. Changes no byte and delays none: it writes each block at
once, as it was read.
"""

from __future__ import annotations

import os
import select
import stat
from typing import TYPE_CHECKING

from .._tracking.tracker import ProgressTracker

if TYPE_CHECKING:
    from .._tracking.task import Task

BLOCK = 1 << 17
"""Bytes in one read: twice the capacity of a Linux pipe."""


def copy(
    source: int,
    target: int,
    *,
    lines: bool = False,
    total: int | None = None,
    description: str = "",
    renderer: str | None = None,
) -> None:
    """Copy descriptor `source` to descriptor `target` until its end, with a bar on standard error.

    Args:
        source: The descriptor to read.
        target: The descriptor to write.
        lines: Whether to count lines instead of bytes.
        total: The number of bytes or lines; None: the rest of the file if `source` is a file and bytes are counted, else unknown.
        description: The description of the bar.
        renderer: The name of a renderer; None takes `PROGRESSKIT_RENDERER`, else one that suits standard error.

    Raises:
        ValueError: the renderer's name is unknown.
        OSError: reading or writing failed; `BrokenPipeError` if the reader of `target` has closed it.

    Example:
        >>> reader, writer = os.pipe()
        >>> at = os.write(writer, b"a line")
        >>> os.close(writer)
        >>> null = os.open(os.devnull, os.O_WRONLY)
        >>> copy(reader, null, renderer="none")
        >>> os.close(reader), os.close(null)
        (None, None)
    """
    if total is None and not lines:
        total = _left(source)
    unit = "line" if lines else "B"
    with ProgressTracker(renderer) as tracker, tracker.add_task(description, total, unit=unit) as task:
        last = _pump(source, target, task, lines)
        if lines and last not in (b"", b"\n"):
            task.advance()  # a last line without a newline counts too


def _pump(source: int, target: int, task: Task, lines: bool) -> bytes:
    """Copy `source` to `target` until its end, and return the last byte."""
    last = b""
    while data := _read(source):
        write_all(target, data)
        task.advance(data.count(b"\n") if lines else len(data))
        last = data[-1:]
    return last


def _read(source: int) -> bytes:
    while True:
        try:
            return os.read(source, BLOCK)
        except BlockingIOError:  # another process has made it non-blocking: wait as for a blocking one
            select.select([source], [], [])


def write_all(target: int, data: bytes) -> None:
    """Write all of `data`, waiting for a slow reader; raise OSError if there is no reader."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(target, view) :]
        except BlockingIOError:
            select.select([], [target], [])


def _left(source: int) -> int | None:
    """Return the bytes between the position and the end of the file `source`; None if it is no file, or empty."""
    status = os.fstat(source)
    if not stat.S_ISREG(status.st_mode):
        return None
    return max(status.st_size - os.lseek(source, 0, os.SEEK_CUR), 0) or None  # files in /proc report a size of 0
