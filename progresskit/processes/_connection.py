"""A client's connection to a hub: sends bytes as the hub accepts them, without blocking the caller.

Knows sockets and how a client identifies itself. Does not know the contents of messages.
"""

from __future__ import annotations

import os
import select
import socket
import time
from errno import ENOTCONN

from .._display import process_hooks
from .._model.address import Address
from .._system.platform import CLOCK_TICKS, has_poll
from .._system.threads import is_patched, native
from ._protocol import Hello, Splitter, hello


class Connection:
    """A connection to the hub at `address`. The first flush opens it.

    Args:
        address: The hub's address, with its key.

    Attributes:
        out: Bytes that the hub has not accepted yet.

    Raises:
        ValueError: `address` is not a hub's address.
        OSError: no socket can be made.
    """

    def __init__(self, address: str) -> None:
        known = Address.parse(address)
        self.out: bytearray = bytearray(hello(known.key, Hello(os.getpid(), process_start())))
        tcp = known.tcp
        self._place: tuple[str, int] | str = known.place if tcp is None else tcp
        kind = native("socket", "socket") if is_patched() else socket.socket
        self.socket: socket.socket = kind(socket.AF_UNIX if tcp is None else socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self._connected = False
        self._splitter: Splitter | None = None
        _connections.append(self)
        process_hooks.DESCRIPTORS.add(self.socket.fileno())

    def flush(self) -> bool:
        """Send pending bytes as far as the hub accepts them, and return whether all were sent.

        Raises:
            ConnectionError: the hub has closed. The connection is closed then.
        """
        out = self.out
        try:
            if not self._connected and not self._connect():
                return False
            if out and isinstance(self._place, tuple):
                self._check()
            while out:
                del out[: self.socket.send(out)]
        except BlockingIOError:
            return False
        except OSError as error:
            self.close()
            raise ConnectionError(f"the hub is gone: {error.strerror}") from None
        return True

    def _connect(self) -> bool:
        """Start connecting, and return whether the socket is connected or will be without another call."""
        try:
            self.socket.connect(self._place)
        except BlockingIOError:
            if isinstance(self._place, str):  # the hub's queue is full
                return False
        self._connected = True
        return True

    def _check(self) -> None:
        """Raise ConnectionError if a TCP hub has closed: the system would accept further bytes and lose them."""
        try:
            if not self.socket.recv(1, socket.MSG_PEEK):
                raise ConnectionResetError(0, "it has closed the connection")
        except BlockingIOError:  # the connection is open, and the hub has sent nothing
            pass
        except OSError as error:
            if error.errno != ENOTCONN:  # still connecting
                raise

    def wait_until_writable(self, seconds: float) -> None:
        """Wait at most `seconds` until the hub may accept more bytes."""
        if self._connected and has_poll():  # `select` raises ValueError for descriptors from 1024
            poll = select.poll()
            poll.register(self.socket, select.POLLOUT)
            poll.poll(1000 * max(seconds, 0.0))
        elif self._connected:
            select.select([], [self.socket], [], max(seconds, 0.0))
        else:
            time.sleep(min(max(seconds, 0.0), 0.01))  # the hub's queue is full, and no event says when it has room

    def wait_until_readable(self, seconds: float) -> None:
        """Wait at most `seconds` until the hub has sent something."""
        if has_poll():  # `select` raises ValueError for descriptors from 1024
            poll = select.poll()
            poll.register(self.socket, select.POLLIN)
            poll.poll(1000 * max(seconds, 0.0))
        else:
            select.select([self.socket], [], [], max(seconds, 0.0))

    def read(self) -> list[tuple[bytes, bytes]] | None:
        """Return the messages that the hub has sent, as kind and body; None if it has closed the connection."""
        try:
            data = self.socket.recv(1 << 12)
            if self._splitter is None:
                self._splitter = Splitter()
                self._splitter.largest = 1 << 12  # a hub's messages are short
            return self._splitter.feed(data) if data else None
        except BlockingIOError:
            return []
        except (OSError, ValueError):
            return None

    def close(self) -> None:
        """Close the connection. The hub treats a client that has not sent `BYE` as lost."""
        process_hooks.DESCRIPTORS.discard(self.socket.fileno())
        self.socket.close()
        if self in _connections:
            _connections.remove(self)


def process_start() -> float:
    """Return the time at which this process started, in seconds on a clock that all processes of the machine share."""
    try:
        with open("/proc/self/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19]) / CLOCK_TICKS
    except (OSError, ValueError, IndexError):  # this system has no such file
        return _imported


_imported = time.time()
_connections: list[Connection] = []


def _in_child() -> None:
    # They are the parent's. While the child holds them, the hub cannot see that the parent has closed them.
    for connection in _connections:
        connection.socket.detach()
    _connections.clear()


process_hooks.in_child(_in_child)
