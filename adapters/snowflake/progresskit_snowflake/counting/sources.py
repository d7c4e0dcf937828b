"""Sources of an upload's byte count, behind one small interface. Each can be used alone.

A source knows how many bytes of an upload have been sent, and how often it began again. Does not know bars. The load's
summary names the source, because sources differ in accuracy.
"""

from __future__ import annotations

import abc
import functools
import os
import socket
import stat
import struct
from collections.abc import Callable
from typing import ClassVar, Protocol

from .byte_count import ByteCount, SocketSample
from .request_bodies import BodyBytes

Peer = tuple[str, int]
"""A host's address and a port."""

STATE, UNACKED, BYTES_ACKED, BYTES_RECEIVED, UNSENT, BYTES_SENT, BYTES_RESENT = 0, 24, 120, 128, 144, 200, 208
"""Offsets in Linux's `struct tcp_info` (include/uapi/linux/tcp.h; since 4.6, the last two since 4.19)."""
CLOSED = 7
"""The state of a connection that was reset, and of one that both sides have ended."""
ENDING = {4, 9, 11}
"""The states of one that its owner has closed, and whose end is not acknowledged yet: FIN-WAIT-1, LAST-ACK, CLOSING."""
OPENED, ENDED = 1, 2
"""Acknowledgements that are not of bytes: the opening and, of a connection with an orderly end, the end."""


class Source(Protocol):
    """Counts the sum of several uploads. Called by one thread at a time.

    Attributes:
        name: Its name in the summary.
    """

    name: ClassVar[str]

    def begin(self, size: int) -> None:
        """Expect one more upload, of `size` bytes, from here on."""

    def end(self, size: int, *, well: bool) -> None:
        """Stop counting an upload of `size` bytes; `well` when it is complete."""

    def sent(self) -> int | None:
        """Return the bytes of the uploads in progress that have arrived, at most their sizes; None if unknown."""

    def refused(self, size: int) -> None:
        """Note that an upload of `size` bytes was refused and begins again, which no socket shows."""

    @property
    def attempts(self) -> int:
        """The number of attempts: 1, plus one for each time that an object was sent again."""

    @property
    def broken(self) -> bool:
        """Whether an attempt has broken off, and nothing has been sent since."""


class WholeFiles:
    """Counts whole files only."""

    name: ClassVar[str] = "whole files"
    attempts = 1
    broken = False

    def begin(self, size: int) -> None:
        """Do nothing."""

    def end(self, size: int, *, well: bool) -> None:
        """Do nothing."""

    def sent(self) -> int | None:
        """Return None: nothing is counted."""
        return None

    def refused(self, size: int) -> None:
        """Do nothing."""


class _Sockets(abc.ABC):
    """The common part of the two sources that sample sockets: the sum of the samples."""

    def __init__(self) -> None:
        self._byte_count = ByteCount()
        self._uploads = 0

    @property
    def attempts(self) -> int:
        """The number of attempts: 1, plus one for each time that an object was sent again."""
        return self._byte_count.attempts

    @property
    def broken(self) -> bool:
        """Whether an attempt has broken off, and nothing has been sent since."""
        return self._byte_count.broken

    def begin(self, size: int) -> None:
        """Expect one more upload. Bytes that were acknowledged before the first do not count."""
        if not self._uploads:
            self._keep_samples(True)
            self._byte_count.ignore(self._samples())
        self._uploads += 1
        self._byte_count.begin(size)

    def end(self, size: int, *, well: bool) -> None:
        """Stop counting an upload of `size` bytes. After the last one, no sockets are kept."""
        self._byte_count.add(self._samples())
        self._byte_count.end(size, well=well)
        self._uploads -= 1
        if not self._uploads:
            self._keep_samples(False)
            self._byte_count = ByteCount()

    def sent(self) -> int | None:
        """Return the bytes that have arrived, without those of broken attempts."""
        return self._byte_count.add(self._samples())

    def refused(self, size: int) -> None:
        """Note that an upload of `size` bytes was refused and begins again, which no socket shows."""
        self._byte_count.refuse(size)

    @abc.abstractmethod
    def _keep_samples(self, wanted: bool) -> None:
        """Begin to sample sockets, or release all."""

    @abc.abstractmethod
    def _samples(self) -> dict[int, SocketSample]:
        """Return the sample of each socket to the storage host, by the socket's own number."""


class KernelBytes(_Sockets):
    """Counts what the other side's kernel has acknowledged, on this process's own sockets to the storage host. Linux only.

    It does not touch the connector, and so works with each of its versions, with and without TLS. It knows hosts, not
    uploads: the sum of several uploads through one source is correct, but two sources for one host each count both.

    A duplicate keeps each socket open until the first sample after its owner has closed it, so that its last bytes and
    its end are known. The other side sees the end that much later.

    Args:
        is_storage: Whether a peer is the storage host; None takes every peer.

    Example:
        >>> source = KernelBytes(lambda peer: peer == ("127.0.0.1", 8080))
        >>> source.begin(1_000_000)
        >>> source.sent()
        0
        >>> source.end(1_000_000, well=True)
    """

    name: ClassVar[str] = "bytes acknowledged to the kernel"

    def __init__(self, is_storage: Callable[[Peer], bool] | None = None) -> None:
        super().__init__()
        self._is_storage = is_storage
        self._held: dict[int, socket.socket] = {}  # the socket's own number -> our duplicate

    @staticmethod
    def available() -> bool:
        """Return whether this system reports acknowledged bytes, and the sockets of this process."""
        return tells_acknowledged() and os.path.isdir("/proc/self/fd")

    def _keep_samples(self, wanted: bool) -> None:
        if not wanted:
            for held in self._held.values():
                held.close()
            self._held = {}

    def _samples(self) -> dict[int, SocketSample]:
        ours = {held.fileno() for held in self._held.values()}
        owned = set()
        for descriptor in map(int, os.listdir("/proc/self/fd")):
            if descriptor in ours:
                continue
            try:
                status = os.fstat(descriptor)  # a fifth of the time that a look by the path takes
                if not stat.S_ISSOCK(status.st_mode):
                    continue
                number = status.st_ino
                if number not in self._held:
                    self._hold(descriptor, number)
                owned.add(number)
            except OSError:  # closed meanwhile, or not connected
                continue
        found = {}
        for number, held in list(self._held.items()):
            closed = number not in owned
            found[number] = sample_socket(held)._replace(closed=closed)
            if closed:
                self._held.pop(number).close()
        return found

    def _hold(self, descriptor: int, number: int) -> None:
        """Duplicate the socket if it is connected to the storage host."""
        duplicate = socket.socket(fileno=os.dup(descriptor))
        try:
            # The number may have been closed, and given to another file, before it was duplicated.
            same = os.fstat(duplicate.fileno()).st_ino == number
            if same and duplicate.family in (socket.AF_INET, socket.AF_INET6) and duplicate.type == socket.SOCK_STREAM:
                peer: Peer = duplicate.getpeername()[:2]
                if self._is_storage is None or self._is_storage(peer):
                    self._held[number] = duplicate
        finally:
            if self._held.get(number) is not duplicate:
                duplicate.close()


class Ways(Protocol):
    """A proxy that reports its connections."""

    def keep_samples(self, wanted: bool) -> None:
        """Keep the last sample of connections that end, or keep none."""

    def samples(self) -> dict[int, SocketSample]:
        """Return what each connection to the storage has carried; those that ended are told once."""


class ProxyBytes(_Sockets):
    """Counts the bytes through the loader's proxy on loopback, a `CountingProxy`. On any platform, for any connector.

    On Linux these are acknowledged bytes; elsewhere bytes that the system has accepted, which may be ahead by its
    buffer.

    Args:
        proxy: The proxy that the connector uses.
    """

    name: ClassVar[str] = "bytes through a proxy on loopback"

    def __init__(self, proxy: Ways) -> None:
        super().__init__()
        self._proxy = proxy

    def _keep_samples(self, wanted: bool) -> None:
        self._proxy.keep_samples(wanted)

    def _samples(self) -> dict[int, SocketSample]:
        return self._proxy.samples()


@functools.cache
def tells_acknowledged() -> bool:
    """Return whether this system reports the bytes of a socket that the other side has acknowledged."""
    if not hasattr(socket, "TCP_INFO"):
        return False
    with socket.socket() as probe:
        try:
            return len(probe.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)) >= UNSENT + 4
        except OSError:
            return False


def sample_socket(connection: socket.socket) -> SocketSample:
    """Return the kernel's sample of `connection`."""
    return parse_sample(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256))


def parse_sample(info: bytes) -> SocketSample:
    """Return the sample from a `struct tcp_info`. The end of a connection is acknowledged like a byte, but does not
    count."""
    acked, received = struct.unpack_from("=QQ", info, BYTES_ACKED)
    (unacked,), (unsent,) = struct.unpack_from("=I", info, UNACKED), struct.unpack_from("=I", info, UNSENT)
    ending = info[STATE] in ENDING
    dead = info[STATE] == CLOSED
    pending = unsent > ending or unacked > ending
    if len(info) >= BYTES_RESENT + 8:
        sent, resent = struct.unpack_from("=QQ", info, BYTES_SENT)
        dead = dead and acked - (sent - resent) < ENDED
        pending = pending or (ending and acked - (sent - resent) < OPENED)  # the end may go with bytes
    return SocketSample(acked, received, pending, dead)


def storage_peers(connection: object) -> Callable[[Peer], bool] | None:
    """Return a function that recognises the storage host of `connection`.

    If storage and account are one host (a server on loopback), it is the account's; otherwise it is any host but the
    account's and this machine. If there is a proxy before them, it counts as well, by the bytes that it has accepted.
    """
    host, port = getattr(connection, "host", None), getattr(connection, "port", None)
    if not isinstance(host, str):
        return None
    try:
        own = _addresses(host)
        proxy, proxy_port = proxy_of(connection, host) or ("", 0)
        proxies = _addresses(proxy) if proxy else set()
    except OSError:
        return None
    if any(_is_here(address) for address in own) and not proxies:
        return lambda peer: peer[0] in own and peer[1] == int(port or 0)
    return lambda peer: (peer[0] in proxies and peer[1] == proxy_port) or (peer[0] not in own and not _is_here(peer[0]))


def proxy_of(connection: object, host: str) -> tuple[str, int] | None:
    """Return the proxy that `connection` goes through to `host`: its own, or the environment's; None if it connects
    directly."""
    named, port = getattr(connection, "proxy_host", None), getattr(connection, "proxy_port", None)
    if named and port:
        return str(named).rpartition("//")[2], int(port)
    from urllib.parse import urlsplit
    from urllib.request import getproxies, proxy_bypass

    found = getproxies().get("https")
    if not found or proxy_bypass(host):
        return None
    parts = urlsplit(found if "//" in found else f"//{found}")
    try:
        return (parts.hostname, parts.port or 80) if parts.hostname else None
    except ValueError:  # an invalid port, which the connector reports
        return None


def _addresses(host: str) -> set[str]:
    return {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}


def _is_here(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


def best_source(connection: object) -> Source:
    """Return the most accurate available source for uploads of `connection`, on this system and with its connector."""
    if KernelBytes.available():
        return KernelBytes(storage_peers(connection))
    return BodyBytes(connection) if BodyBytes.available() else WholeFiles()
