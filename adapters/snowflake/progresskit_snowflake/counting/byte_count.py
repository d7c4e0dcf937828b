"""The arithmetic of an upload's count: from samples of each socket to the sum of uploaded bytes.

Knows samples of sockets, broken connections and repetitions. Does not know how a socket is sampled, or bars.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

OVERHEAD = 1 << 16
"""Bytes beyond the files' own that an attempt may take: headers, and the frames of TLS (some 22 in 16,384)."""


class SocketSample(NamedTuple):
    """A sample of one socket.

    Attributes:
        acked: Bytes that the other side has acknowledged since the socket was opened.
        received: Bytes that came back.
        pending: Whether bytes wait to be sent or acknowledged.
        dead: Whether the connection was reset.
        closed: Whether its owner has closed it: this is its last sample.
    """

    acked: int
    received: int = 0
    pending: bool = False
    dead: bool = False
    closed: bool = False


class ByteCount:
    """Adds up the bytes that sockets have carried for the uploads in progress.

    A connection has broken if it was reset, had bytes in transit, or ended without an answer: its bytes no longer
    count. One that ends after its answer has carried a part, whose bytes count. Bytes beyond the sizes of all
    uploads belong to an object that was refused and is sent again.

    Attributes:
        attempts: 1, plus one for each time that an object was sent again.
        broken: Whether an attempt has broken off, and nothing has been sent since.

    Example:
        >>> byte_count = ByteCount()
        >>> byte_count.begin(1_000_000)
        >>> byte_count.add({7: SocketSample(acked=300_000)})
        300000
        >>> byte_count.add({7: SocketSample(acked=400_000, dead=True, closed=True)}), byte_count.attempts
        (0, 2)
    """

    def __init__(self) -> None:
        self.attempts = 1
        self.broken = False
        self._whole_before = 0
        self._sizes: list[int] = []  # of the uploads under way
        # Socket -> the bytes at which its counting began, and its last sample.
        self._open: dict[int, tuple[SocketSample, SocketSample]] = {}
        self._kept = 0  # bytes of connections that ended well
        self._settled = 0  # bytes of uploads that are over, and of attempts that were refused

    def begin(self, size: int) -> None:
        """Expect one more upload, of `size` bytes."""
        self._sizes.append(size)

    def end(self, size: int, *, well: bool) -> None:
        """Stop expecting it: the caller has counted its bytes, or, if it did not end `well`, they are lost."""
        self._sizes.remove(size)
        if not self._sizes:
            self._open = {number: (last, last) for number, (_, last) in self._open.items()}
            self._kept = self._settled = self._whole_before = 0
            self.attempts, self.broken = 1, False
        elif well:
            self._settled += min(size, self._whole())

    def refuse(self, size: int) -> None:
        """An object of `size` bytes has been refused and is sent again: its bytes no longer count."""
        self._settled += min(size, self._whole())
        self.attempts += 1

    def ignore(self, samples: Mapping[int, SocketSample]) -> None:
        """Begin counting at `samples`."""
        for number, sample in samples.items():
            self._open[number] = (sample, sample)

    def add(self, samples: Mapping[int, SocketSample]) -> int:
        """Add one sample of all sockets, and return the uploaded bytes of the uploads in progress."""
        breaks = 0
        for number, sample in samples.items():
            first, _ = self._open.get(number, (SocketSample(0), sample))
            carried = sample.acked - first.acked
            if not sample.closed:
                self._open[number] = (first, sample)
                continue
            self._open.pop(number, None)
            if sample.dead or sample.pending or sample.received <= first.received:
                breaks += carried > 1  # the opening of a connection is acknowledged like a byte
            else:
                self._kept += carried
        expected = sum(self._sizes)
        whole = self._whole()
        self.attempts += breaks
        self.broken = bool(breaks) or (self.broken and whole <= self._whole_before + 1)
        self._whole_before = whole
        beyond = whole - (expected + OVERHEAD * len(self._sizes) + expected // 256)
        if self._sizes and beyond > 0:
            least = max(min(self._sizes), 1)
            again = -(-beyond // least)
            self.attempts += again
            self._settled += again * least
            whole = self._whole()
        return min(whole, expected)

    def _whole(self) -> int:
        carried = sum(last.acked - first.acked for first, last in self._open.values())
        return max(carried + self._kept - self._settled, 0)
