"""The pipe through which forked workers report the ends of brief loops to the process with the hub.

A worker that lives for one short loop reports its end in one write: a connection would cost more than the loop. Knows the contents
of a line in the pipe. Does not know which loops are brief, or how they are shown.
"""

from __future__ import annotations

import os
from os import write
from typing import NamedTuple

from .._model.numbers import LARGEST
from .._text.cells import clean

MOST_READ = 1 << 16
"""Bytes in one read."""


writer: int | None = None
"""The descriptor to which a forked worker writes; None if it has inherited no pipe."""


def tell(amount: int, seconds: float, unit: str) -> bool:
    """Tell that a loop has come to its end, and return whether that was possible. Does not wait."""
    try:
        return writer is not None and write(writer, b"%d %d %s\n" % (amount, seconds * 1e6, unit.encode())) > 0
    except OSError:  # the pipe is full, or the hub has closed
        return False


class BriefEnd(NamedTuple):
    """A loop that has come to its end.

    Attributes:
        amount: Its units.
        seconds: How long it took.
        unit: A noun for the units.
    """

    amount: int
    seconds: float
    unit: str


class Pipe:
    """A pipe that the hub reads and its workers inherit. Each line is one write, so that lines of workers do not mix.

    Example:
        >>> pipe = Pipe()
        >>> os.write(pipe.writer, b"5 250000 row\\n")
        13
        >>> pipe.read()
        [BriefEnd(amount=5, seconds=0.25, unit='row')]
        >>> pipe.close()
    """

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        os.set_blocking(self.writer, False)
        self._rest = b""

    def read(self) -> list[BriefEnd]:
        """Return the ends that workers have reported since the last call."""
        data = self._rest
        try:
            while more := os.read(self.reader, MOST_READ):
                data += more
        except OSError:  # there is no more now
            pass
        *lines, self._rest = data.split(b"\n")
        self._rest = self._rest[:MOST_READ]
        return [end for end in map(_parsed, lines) if end is not None]

    def close(self) -> None:
        """Close both ends."""
        os.close(self.reader)
        os.close(self.writer)


def _parsed(line: bytes) -> BriefEnd | None:
    """Return the end that `line` reports; None if it is malformed: any process that inherits the pipe can write to it."""
    count, _, rest = line.partition(b" ")
    microseconds, _, unit = rest.partition(b" ")
    if not (count.isdigit() and microseconds.isdigit() and len(count) < 100 and len(microseconds) < 20):
        return None
    end = BriefEnd(int(count), int(microseconds) / 1e6, clean(unit.decode("utf-8", "replace")))
    return end if end.amount < LARGEST and end.unit else None
