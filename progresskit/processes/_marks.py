"""Marks among a command's words: which of them were written before a task ended, and which after it.

Below `progresskit run` words come by a terminal that `run` has made, and ends and printed lines by the hub's socket. After a client
has sent some, it writes a mark to that terminal. `run` takes marks out of the words; the hub holds what a client has announced with a
`MARK` message back until the mark is reached. Does not know what is sent, nor how it is shown.
"""

from __future__ import annotations

import os
import re
import select
from itertools import count
from typing import TYPE_CHECKING

from .._system.platform import has_poll
from .._system.threads import native

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "PROGRESSKIT_HUB_TERMINAL"
"""The environment variable with the terminal that `run` has made for the words: its device and inode numbers."""
LOG_VARIABLE = "PROGRESSKIT_HUB_LOG"
"""The environment variable with the file or pipe that `run` writes lines to, where the command's words go there as well."""
PREFIX = b"\x1b]7770;progresskit;"
"""A mark is an operating system command with a number that no terminal knows: one that gets it all the same shows nothing."""
_MARK = re.compile(re.escape(PREFIX) + rb"(\d{1,10});(\d{1,18})\x07")
LONGEST = len(PREFIX) + 30
"""Bytes of a mark, at the most."""
ROOM_SECONDS = 0.1
"""Seconds that a mark waits for a terminal that is full: the job's own words wait for as long as it takes."""

Mark = tuple[int, int]
"""A process ID, and the number of a mark of that process."""


def terminal_id(descriptor: int) -> str:
    """Return the value of `VARIABLE` for the terminal on `descriptor`, or of `LOG_VARIABLE` for the file or pipe there.

    Raises:
        OSError: `descriptor` is closed.
    """
    known = os.fstat(descriptor)
    return f"{known.st_dev}:{known.st_ino}"


def leads_to_log() -> bool:
    """Return whether this process's words go to the log that `run` writes lines to."""
    return any(_leading_to(os.environ.get(LOG_VARIABLE, "")))


def _leading_to(place: str) -> Iterator[int]:
    """Yield those of the descriptors of words, 1 and 2, that lead to `place`, the value of a variable; empty: none does."""
    for descriptor in (1, 2):
        try:
            if place and terminal_id(descriptor) == place:
                yield descriptor
        except OSError:  # closed
            pass


class MarkWriter:
    """Writes marks to the terminal of this process's words, if that is the one that `run` has made."""

    def __init__(self) -> None:
        self._wanted = os.environ.get(VARIABLE, "") if has_poll() else ""
        self._descriptor = -1

    def next_number(self) -> int | None:
        """Return the number of the next mark; None if the words lead elsewhere, or the terminal has no room for it."""
        for descriptor in _leading_to(self._wanted):
            if _has_room(descriptor):
                self._descriptor = descriptor
                return next(_numbers)
        return None

    def write(self, number: int) -> None:
        """Write the mark with this `number`, which `next_number` has returned."""
        try:
            os.write(self._descriptor, PREFIX + b"%d;%d\x07" % (os.getpid(), number))
        except OSError:  # the terminal is gone, or full: the hub waits until nothing more comes from it
            pass


_numbers = count(1)  # of this process's marks, for all of its connections


def _has_room(descriptor: int) -> bool:
    poll = native("select", "poll")()
    poll.register(descriptor, select.POLLOUT)
    return any(events & select.POLLOUT for _, events in poll.poll(1000 * ROOM_SECONDS))


class MarkReader:
    r"""Takes the marks out of words.

    Example:
        >>> reader = MarkReader()
        >>> list(reader.split(b"in\n\x1b]7770;progresskit;12;1\x07after\n\x1b]77"))
        [(b'in\n', (12, 1)), (b'after\n', None)]
        >>> list(reader.split(b"70;progresskit;12;2\x07")), reader.rest()
        ([(b'', (12, 2))], b'')
    """

    def __init__(self) -> None:
        self._rest = b""  # what may be the beginning of a mark

    def split(self, data: bytes) -> Iterator[tuple[bytes, Mark | None]]:
        """Yield the words in pieces, each with the mark behind it."""
        if self._rest:
            data, self._rest = self._rest + data, b""
        at = 0
        if PREFIX in data:
            for found in _MARK.finditer(data):
                yield data[at : found.start()], (int(found[1]), int(found[2]))
                at = found.end()
        end = len(data)
        escape = data.rfind(b"\x1b", max(at, end - LONGEST))
        if escape >= 0:
            tail = data[escape:]
            if PREFIX.startswith(tail) or (
                tail.startswith(PREFIX) and tail[len(PREFIX) :].replace(b";", b"").isdigit()
            ):
                self._rest, end = tail, escape
        if at < end:
            yield data[at:end], None

    def rest(self) -> bytes:
        """Return what looked like the beginning of a mark, and forget it."""
        rest, self._rest = self._rest, b""
        return rest
