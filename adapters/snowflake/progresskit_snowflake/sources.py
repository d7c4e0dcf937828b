"""Where the bytes of an upload are counted: behind one small interface, each source usable alone.

A source knows how much of one upload has gone, and how often it began anew. Must not know bars. What it is called stands in
the load's summary, since a number is worth what it was counted by.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Callable
from typing import ClassVar, Protocol

Peer = tuple[str, int]
"""A host's address and a port."""

BYTES_ACKED = 120
"""Offset of `tcpi_bytes_acked`, 64 bits without a sign, in Linux's `struct tcp_info` (include/uapi/linux/tcp.h, since 4.1)."""
SLACK = 1 << 16
"""Bytes beyond the file's own that one attempt may take: headers, and the frames of TLS (some 22 in 16,384)."""


class Source(Protocol):
    """Counts one upload.

    Attributes:
        name: What the summary calls it.
    """

    name: ClassVar[str]

    def begin(self, size: int) -> None:
        """Expect an upload of `size` bytes from here on."""

    def sent(self) -> int | None:
        """Return the bytes of the present attempt that have arrived, at most the size; None where that is not known."""

    @property
    def attempts(self) -> int:
        """How often the upload has begun: 1, and one more for each time that it was sent anew."""


class WholeFiles:
    """Knows nothing of what goes on within a file: it is up when it is up."""

    name: ClassVar[str] = "whole files"
    attempts = 1

    def begin(self, size: int) -> None:
        """There is nothing to expect."""

    def sent(self) -> int | None:
        """Return None: nobody counts."""
        return None


class KernelBytes:
    """Counts what the other side's kernel has acknowledged, on this process's own sockets to the storage host. Linux only.

    Nothing of the connector is touched, so that it serves each of its versions, in Python or not, under TLS or not. It knows
    hosts, not uploads: two at once to one host each count both, and parts over one connection after another, or an attempt that
    breaks off within `SLACK` bytes, are not told from attempts.

    Args:
        is_storage: Whether a peer is the storage host; None takes every peer.

    Example:
        >>> source = KernelBytes(lambda peer: peer == ("127.0.0.1", 8080))
        >>> source.begin(1_000_000)
        >>> source.sent()
        0
    """

    name: ClassVar[str] = "bytes acknowledged to the kernel"

    def __init__(self, is_storage: Callable[[Peer], bool] | None = None) -> None:
        self._is_storage = is_storage
        self._size = 0
        self._before: dict[int, int] = {}  # socket -> bytes of earlier times
        self._open: dict[int, int] = {}  # socket -> bytes of this upload
        self._given_up = 0  # bytes of attempts that are over
        self.attempts = 1

    @staticmethod
    def available() -> bool:
        """Return whether this system tells what has been acknowledged."""
        if not (hasattr(socket, "TCP_INFO") and os.path.isdir("/proc/self/fd")):
            return False
        with socket.socket() as probe:
            try:
                return len(probe.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)) >= BYTES_ACKED + 8
            except OSError:
                return False

    def begin(self, size: int) -> None:
        """Expect an upload of `size` bytes: what was acknowledged before does not count."""
        self._size, self._open, self._given_up, self.attempts = size, {}, 0, 1
        self._before = self._acknowledged()

    def sent(self) -> int | None:
        """Return the bytes that have arrived; an attempt that broke off counts no more."""
        now = {
            number: acked - self._before.get(number, 0)
            for number, acked in self._acknowledged().items()
            if acked > self._before.get(number, 0)
        }
        # Statements go to the same host where storage and account are one; they are small.
        gone = [number for number, done in self._open.items() if number not in now and SLACK < done < self._size]
        if gone and any(number not in self._open and done > SLACK for number, done in now.items()):
            # A connection broke, and another one sends: the whole object goes once more.
            self.attempts += 1
            for number in gone:
                del self._open[number]
        self._open.update(now)
        whole = sum(self._open.values()) - self._given_up
        while whole > self._size + SLACK + self._size // 256:  # on one connection: it was refused, and is sent anew
            self.attempts += 1
            self._given_up += self._size
            whole -= self._size
        return min(max(whole, 0), self._size)

    def _acknowledged(self) -> dict[int, int]:
        """Return the bytes acknowledged on each socket to the storage host, by the socket's own number."""
        found = {}
        for name in os.listdir("/proc/self/fd"):
            try:
                status = os.stat(int(name))
                if not stat.S_ISSOCK(status.st_mode):
                    continue
                # A duplicate, so that the number cannot be closed and given to another file meanwhile.
                with socket.socket(fileno=os.dup(int(name))) as duplicate:
                    if os.fstat(duplicate.fileno()).st_ino != status.st_ino or duplicate.type != socket.SOCK_STREAM:
                        continue
                    if duplicate.family not in (socket.AF_INET, socket.AF_INET6):
                        continue
                    peer: Peer = duplicate.getpeername()[:2]
                    if self._is_storage is not None and not self._is_storage(peer):
                        continue
                    info = duplicate.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
                    found[status.st_ino] = struct.unpack_from("=Q", info, BYTES_ACKED)[0]
            except OSError:  # closed meanwhile, or not connected
                continue
        return found


def storage_peers(connection: object) -> Callable[[Peer], bool] | None:
    """Return what tells the storage host of `connection` from others.

    Where storage and account are one host (a server on loopback), it is the account's; otherwise it is whatever is not the
    account's, nor on this machine.
    """
    host, port = getattr(connection, "host", None), getattr(connection, "port", None)
    if not isinstance(host, str):
        return None
    try:
        own = {entry[4][0] for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        return None
    if any(address.startswith("127.") or address == "::1" for address in map(str, own)):
        return lambda peer: peer[0] in own and peer[1] == int(port or 0)
    return lambda peer: peer[0] not in own and not peer[0].startswith("127.") and peer[0] != "::1"


def best_source(connection: object) -> Source:
    """Return the most truthful source that there is for uploads of `connection` on this system."""
    return KernelBytes(storage_peers(connection)) if KernelBytes.available() else WholeFiles()
