"""Connector 4.x: bodies of uploads that count themselves, and can be stopped.

Knows how that connector hands an object to its HTTP client: each attempt calls a function for the arguments of the
request, where the bytes are wrapped in a body that is read block by block. The method is patched during an upload
and restored after it. Does not know bars.

A body that is read block by block is also sent block by block. The connector's limit of 10 seconds for a send then
applies to a block instead of the whole object.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, ClassVar, Protocol

BLOCK = 1 << 16


class UploadStopped(Exception):
    """The upload was cancelled."""


class BytesRead:
    """The number of bytes that were read of a body, which is kept after the body was sent."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class Body:
    """The bytes of one request, which the HTTP client reads from its position. Reading fails once one of `stops` is
    set."""

    def __init__(self, data: bytes | bytearray, *stops: threading.Event, client: Any = None) -> None:
        self._data, self._stops, self._client = memoryview(data), stops, client
        self.bytes_read = BytesRead()
        self._socket: Any = None

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[memoryview]:
        while block := self.read(BLOCK):
            yield block

    def read(self, size: int = -1) -> memoryview:
        """Return the next `size` bytes, or all remaining ones if it is negative."""
        if any(stop.is_set() for stop in self._stops):
            raise UploadStopped("the upload was called off.")
        if not self.bytes_read.count:
            self._socket = _socket_of(sys._getframe(1))
        until = len(self._data) if size is None or size < 0 else self.bytes_read.count + size
        block = self._data[self.bytes_read.count : until]
        self.bytes_read.count += len(block)
        return block

    def break_off(self) -> None:
        """Make the block that is being sent fail, if its socket is known. Otherwise it ends when the network has
        accepted it."""
        if self._socket is not None:
            self._client.SLEEP_UNIT = 0.0  # the next attempt is stopped at its first block
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def tell(self) -> int:
        """Return how many bytes have been read."""
        return self.bytes_read.count

    def seek(self, to: int, whence: int = 0) -> int:
        """Change the position, as a file does."""
        self.bytes_read.count = max(to + (0, self.bytes_read.count, len(self._data))[whence], 0)
        return self.bytes_read.count


class Watcher(Protocol):
    """An object that is called for each body. Once its `stopped` is set, its bodies can no longer be read."""

    @property
    def stopped(self) -> threading.Event | None:
        """The event that cancels them, or None."""

    def serves(self, cursor: Any) -> bool:
        """Return whether it is notified of this cursor's bodies."""

    def accept(self, transfer: int, part: int, body: Body) -> None:
        """Note the body of another attempt at a part."""


class BodyBytes:
    """Counts the bytes that the connector's HTTP client has read of its bodies. Connector 4.x only, on any platform.

    Bytes that were read may still be in the socket's buffer, so that the count may be ahead by its size.

    Args:
        connection: The connector's connection whose uploads count.

    Example:
        >>> source = BodyBytes(connection)  # doctest: +SKIP
        >>> source.begin(1_000_000)  # doctest: +SKIP
    """

    name: ClassVar[str] = "bytes handed to the connector's HTTP client"
    stopped = None
    broken = False  # the connector's client does not report breaks

    def __init__(self, connection: object) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._read: dict[tuple[int, int], BytesRead] = {}  # the transfer and its part -> its present attempt
        self._sizes: list[int] = []
        self._settled = 0
        self.attempts = 1

    @staticmethod
    def available() -> bool:
        """Return whether the installed connector provides bodies."""
        return _hands_over_bodies()

    def begin(self, size: int) -> None:
        """Expect one more upload."""
        if not self._sizes:
            _patch.add(self)
        self._sizes.append(size)

    def end(self, size: int, *, well: bool) -> None:
        """Stop expecting it. After the last one, the connector is restored."""
        self._sizes.remove(size)
        self._settled += size if well else 0
        if not self._sizes:
            _patch.remove(self)
            with self._lock:
                self._read.clear()
            self._settled, self.attempts = 0, 1

    def sent(self) -> int:
        """Return the bytes that were read for the uploads in progress."""
        with self._lock:
            read = sum(each.count for each in self._read.values())
        return min(max(read - self._settled, 0), sum(self._sizes))

    def refused(self, size: int) -> None:
        """Do nothing: each attempt has its own body, which counts."""

    def serves(self, cursor: Any) -> bool:
        """Return whether uploads of `cursor` count here."""
        return cursor.connection is self._connection

    def accept(self, transfer: int, part: int, body: Body) -> None:
        """Count the body of one more attempt at a part."""
        with self._lock:
            self.attempts += (transfer, part) in self._read
            self._read[transfer, part] = body.bytes_read


class StoppableBodies:
    """Makes the uploads of one cursor fail at their next block, once they should stop. Connector 4.x only.

    Args:
        cursor: The connector's cursor. Other cursors of its connection upload on.
    """

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        # The transfer and its part -> its present attempt, as long as that is sent: it holds the bytes themselves.
        self._bodies: weakref.WeakValueDictionary[tuple[int, int], Body] = weakref.WeakValueDictionary()
        self.stopped = threading.Event()

    @staticmethod
    def available() -> bool:
        """Return whether the installed connector provides bodies."""
        return _hands_over_bodies()

    def __enter__(self) -> StoppableBodies:
        _patch.add(self)
        return self

    def __exit__(self, *exception: object) -> None:
        _patch.remove(self)

    def stop(self) -> None:
        """Make the uploads in progress fail with `UploadStopped` at their next block, without waiting for the present
        one."""
        self.stopped.set()
        for body in list(self._bodies.values()):
            body.break_off()

    def serves(self, cursor: Any) -> bool:
        """Return whether `cursor` is the stopped one."""
        return cursor is self._cursor

    def accept(self, transfer: int, part: int, body: Body) -> None:
        """Note the bodies to stop; each body also checks by itself."""
        self._bodies[transfer, part] = body


def _socket_of(frame: FrameType | None) -> socket.socket | None:
    """Return the socket of the HTTP connection that reads a body, of which `frame` is a call; None if it cannot be
    found."""
    for _ in range(4):
        if frame is None:
            break
        found = getattr(frame.f_locals.get("self"), "sock", None)
        if isinstance(found, socket.socket):
            return found
        frame = frame.f_back
    return None


def _hands_over_bodies() -> bool:
    try:
        from snowflake.connector.storage_client import SnowflakeStorageClient
    except ImportError:
        return False
    return hasattr(SnowflakeStorageClient, "_send_request_with_retry")


class Listener(Protocol):
    """An object that is called for each attempt, and for each answer."""

    def attempted(self, name: str, attempt: int) -> None:
        """An attempt at the file `name` begins: 1 is the first."""

    def answered(self, status: int) -> None:
        """The storage has answered a request, as HTTP has it."""


class BodyLog:
    """Notifies listeners when an attempt at a whole object begins, and how the storage answers. Connector 4.x only.

    Example:
        >>> body_log.add(uploads)  # doctest: +SKIP
        >>> body_log.remove(uploads)  # doctest: +SKIP
    """

    stopped = None

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []

    def add(self, listener: Listener) -> None:
        """Notify `listener` from now on, if the installed connector provides bodies."""
        with self._lock:
            if not self._listeners and _hands_over_bodies():
                _patch.add(self)
            self._listeners.append(listener)

    def remove(self, listener: Listener) -> None:
        """Stop notifying it."""
        with self._lock:
            self._listeners.remove(listener)
            if not self._listeners and _hands_over_bodies():
                _patch.remove(self)

    def serves(self, cursor: Any) -> bool:
        """Return True: listeners know their files by name."""
        return True

    def accept(self, transfer: int, part: int, body: Body) -> None:
        """Do nothing: attempts are enough."""

    def attempted(self, name: str, attempt: int) -> None:
        """Report an attempt."""
        for listener in list(self._listeners):
            listener.attempted(name, attempt)

    def answered(self, status: int) -> None:
        """Report an answer."""
        for listener in list(self._listeners):
            listener.answered(status)


class _Patch:
    """Wraps the bytes of the connector's requests while there are observers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watchers: list[Watcher] = []
        self._original: Callable[..., Any] | None = None

    def add(self, watcher: Watcher) -> None:
        from snowflake.connector.storage_client import SnowflakeStorageClient

        with self._lock:
            if not self._watchers:
                original = self._original = SnowflakeStorageClient._send_request_with_retry

                def send(client: Any, verb: str, arguments: Callable[[], Any], retry_id: int) -> Any:
                    return original(client, verb, lambda: self._wrapped(client, verb, arguments, retry_id), retry_id)

                SnowflakeStorageClient._send_request_with_retry = send  # type: ignore[method-assign, assignment]  # the patch
            self._watchers.append(watcher)

    def remove(self, watcher: Watcher) -> None:
        from snowflake.connector.storage_client import SnowflakeStorageClient

        with self._lock:
            self._watchers.remove(watcher)
            if not self._watchers:
                SnowflakeStorageClient._send_request_with_retry = self._original  # type: ignore[method-assign, assignment]

    def _wrapped(self, client: Any, verb: str, arguments: Callable[[], Any], retry_id: int) -> Any:
        url, rest = arguments()
        data = rest.get("data")
        agent = getattr(client.meta, "sfagent", None)
        if verb == "PUT" and isinstance(data, (bytes, bytearray)) and data and agent is not None:
            watchers = [watcher for watcher in list(self._watchers) if watcher.serves(agent._cursor)]
            if watchers:
                stops = [watcher.stopped for watcher in watchers if watcher.stopped]
                body = rest["data"] = Body(data, *stops, client=client)
                for watcher in watchers:
                    watcher.accept(id(client), retry_id, body)
                self._tell(client, retry_id, rest)
        return url, rest

    @staticmethod
    def _tell(client: Any, retry_id: int, rest: dict[str, Any]) -> None:
        """Report the attempt, and later its answer."""

        def answered(response: Any, *_: Any, **__: Any) -> None:
            with contextlib.suppress(Exception):  # it runs within the connector, which must not get an error
                body_log.answered(int(response.status_code))

        with contextlib.suppress(Exception):
            if client.num_of_chunks <= 1:  # a part that is sent again does not affect other parts
                body_log.attempted(str(client.meta.dst_file_name), int(client.retry_count[retry_id]) + 1)
            rest.setdefault("hooks", {"response": answered})


_patch = _Patch()
body_log = BodyLog()
