"""A client's connection to a hub: bytes go out as the hub takes them, and nothing ever waits for it.

Knows sockets and how a client says who it is. Does not know what is sent.
"""

from __future__ import annotations

import os
import select
import socket
import time
from errno import ENOTCONN

from .._display import process_hooks
from .._model.address import Address
from .._system.platform import CLOCK_TICKS, seconds_since_boot
from .._system.threads import is_patched, native
from ._protocol import Hello, Splitter, hello


class Connection:
    """A connection to the hub at `address`; it is made with the first flush.

    Args:
        address: The hub's address, with its key.

    Attributes:
        out: Bytes that the hub has not taken yet.

    Raises:
        ValueError: `address` is none.
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

    def flush(self) -> bool:
        """Send what waits, as far as the hub takes it, and return whether that was all.

        Raises:
            ConnectionError: the hub is gone. The connection is closed then.
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
        """Return whether the socket is connected, or will be without our doing."""
        try:
            self.socket.connect(self._place)
        except BlockingIOError:
            if isinstance(self._place, str):  # the hub's queue is full
                return False
        self._connected = True
        return True

    def _check(self) -> None:
        """Raise ConnectionError where a TCP hub has closed: what is sent after that is taken, and lost."""
        try:
            if not self.socket.recv(1, socket.MSG_PEEK):
                raise ConnectionResetError(0, "it has closed the connection")
        except BlockingIOError:  # it has said nothing
            pass
        except OSError as error:
            if error.errno != ENOTCONN:  # on its way still
                raise

    def wait_until_writable(self, seconds: float) -> None:
        """Wait for at most `seconds` until the hub may take more."""
        if self._connected:
            select.select([], [self.socket], [], max(seconds, 0.0))
        else:
            time.sleep(min(max(seconds, 0.0), 0.01))  # its queue is full, and no event says when it is not

    def read(self) -> list[tuple[bytes, bytes]] | None:
        """Return the messages that the hub has sent, as kind and body; None where it has closed the connection."""
        try:
            data = self.socket.recv(1 << 12)
            if self._splitter is None:
                self._splitter = Splitter()
                self._splitter.largest = 1 << 12  # what a hub says is short
            return self._splitter.feed(data) if data else None
        except BlockingIOError:
            return []
        except (OSError, ValueError):
            return None

    def close(self) -> None:
        """Close the connection. The hub takes who has not said goodbye to be lost."""
        self.socket.close()
        if self in _connections:
            _connections.remove(self)


def process_start() -> float:
    """Return when this process started, in seconds on a clock that all processes of the machine share."""
    if _forked is not None:
        return _forked
    try:
        with open("/proc/self/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19]) / CLOCK_TICKS
    except (OSError, ValueError, IndexError):  # no such file here
        return _imported


_imported = time.time()
_forked: float | None = None
"""When this process was forked, if it was and the system tells starts by a clock that can be read: a worker lives for
milliseconds, and the file costs it several system calls."""
_fork: float | None = None  # when this process began to fork last: a child that starts late has its place all the same
_connections: list[Connection] = []


def _before_fork() -> None:
    global _fork
    seconds = seconds_since_boot()
    _fork = None if seconds is None else int(seconds * CLOCK_TICKS) / CLOCK_TICKS  # as exact as the file is


def _in_child() -> None:
    global _forked
    _forked = _fork
    for connection in list(_connections):
        connection.close()  # the parent's: as long as the child held it, its end could not be seen


process_hooks.before_fork(_before_fork)
process_hooks.in_child(_in_child)
