"""`progresskit pipe`: standard input to standard output, counted on its way.

Knows two descriptors and a task. Must not know how anything is drawn, nor change a byte or the time that it takes: what is
read is written at once, in the blocks in which it comes.
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
"""Bytes asked for at once: twice what a Linux pipe holds."""


def copy(
    source: int,
    target: int,
    *,
    lines: bool = False,
    total: int | None = None,
    description: str = "",
    renderer: str | None = None,
) -> None:
    """Copy all that descriptor `source` gives to descriptor `target`, with a bar on standard error.

    Args:
        source: Where to read.
        target: Where to write.
        lines: Whether lines are counted, and not bytes.
        total: Bytes, or lines, in all; None: what is left of a file, where bytes of one are counted, else unknown.
        description: The bar's.
        renderer: What draws; None takes `PROGRESSKIT_RENDERER`, else what suits standard error.

    Raises:
        ValueError: the renderer's name is unknown.
        OSError: reading or writing failed; a reader that went away is a `BrokenPipeError`.

    Example:
        >>> ours, theirs = os.pipe()
        >>> at = os.write(theirs, b"a line")
        >>> os.close(theirs)
        >>> null = os.open(os.devnull, os.O_WRONLY)
        >>> copy(ours, null, renderer="none")
        >>> os.close(ours), os.close(null)
        (None, None)
    """
    if total is None and not lines:
        total = _left(source)
    unit = "line" if lines else "B"
    with ProgressTracker(renderer) as tracker, tracker.add_task(description, total, unit=unit) as task:
        last = _pump(source, target, task, lines)
        if lines and last not in (b"", b"\n"):
            task.advance()  # a last line without its newline is one too


def _pump(source: int, target: int, task: Task, lines: bool) -> bytes:
    """Copy all there is, and return the last byte of it."""
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
        except BlockingIOError:  # somebody made it non-blocking: wait as a blocking one would
            select.select([source], [], [])


def write_all(target: int, data: bytes) -> None:
    """Write all of `data`, and wait for a reader that is behind; raises OSError where there is none."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(target, view) :]
        except BlockingIOError:
            select.select([], [target], [])


def _left(source: int) -> int | None:
    """Return the bytes from where we are to the end, where `source` is a file; None where it is none, or an empty one."""
    status = os.fstat(source)
    if not stat.S_ISREG(status.st_mode):
        return None
    return max(status.st_size - os.lseek(source, 0, os.SEEK_CUR), 0) or None  # files of /proc say that they are empty
