"""Connector 4.x: bodies of uploads that count themselves, and can be stopped.

Knows how that connector hands an object to its HTTP client: each attempt asks a function for the arguments of the request,
and there the bytes are given a body that is read block by block. The method is patched while an upload is under way and put
back after it. Must not know bars.

Read block by block, a body is also sent block by block: the connector's 10 seconds for a send then hold for a block, where
they would hold for the whole object over a plain socket.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Protocol

BLOCK = 1 << 16


class UploadStopped(Exception):
    """The upload was called off."""


class Body:
    """The bytes of one request: read from where the HTTP client is, and not at all once one of `stops` is set."""

    def __init__(self, data: bytes | bytearray, *stops: threading.Event) -> None:
        self._data, self._stops = memoryview(data), stops
        self._at = 0

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[memoryview]:
        while block := self.read(BLOCK):
            yield block

    def read(self, size: int = -1) -> memoryview:
        """Return the next `size` bytes; all that are left where it is negative."""
        if any(stop.is_set() for stop in self._stops):
            raise UploadStopped("the upload was called off.")
        until = len(self._data) if size is None or size < 0 else self._at + size
        block = self._data[self._at : until]
        self._at += len(block)
        return block

    def tell(self) -> int:
        """Return how many bytes have been read."""
        return self._at

    def seek(self, to: int, whence: int = 0) -> int:
        """Go back or on, as a file does."""
        self._at = max(to + (0, self._at, len(self._data))[whence], 0)
        return self._at


class Watcher(Protocol):
    """Whoever is told of each body. Once `stopped` is set, the bodies that it serves are read no further."""

    @property
    def stopped(self) -> threading.Event | None:
        """What calls them off; None where nothing does."""

    def serves(self, cursor: Any) -> bool:
        """Return whether it is to be told of this cursor's bodies."""

    def take(self, transfer: int, part: int, body: Body) -> None:
        """Take note of the body of one more attempt at a part."""


class BodyBytes:
    """Counts what the connector's HTTP client has taken of its bodies. Connector 4.x only, on any platform.

    What is taken may still be in the socket's buffer: the count is ahead by that much.

    Args:
        connection: The connector's connection whose uploads count.

    Example:
        >>> source = BodyBytes(connection)  # doctest: +SKIP
        >>> source.begin(1_000_000)  # doctest: +SKIP
    """

    name: ClassVar[str] = "bytes handed to the connector's HTTP client"
    stopped = None
    broken = False  # the connector's client tells of no break

    def __init__(self, connection: object) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._bodies: dict[tuple[int, int], Body] = {}  # the transfer and its part -> its present attempt
        self._sizes: list[int] = []
        self._settled = 0
        self.attempts = 1

    @staticmethod
    def available() -> bool:
        """Return whether the connector that is installed hands over bodies."""
        return _hands_over_bodies()

    def begin(self, size: int) -> None:
        """Expect one more upload."""
        if not self._sizes:
            _patch.add(self)
        self._sizes.append(size)

    def end(self, size: int, *, well: bool) -> None:
        """Expect it no more; after the last one the connector is as it was."""
        self._sizes.remove(size)
        self._settled += size if well else 0
        if not self._sizes:
            _patch.remove(self)
            with self._lock:
                self._bodies.clear()
            self._settled, self.attempts = 0, 1

    def sent(self) -> int:
        """Return the bytes that have been taken of the uploads under way."""
        with self._lock:
            taken = sum(body.tell() for body in self._bodies.values())
        return min(max(taken - self._settled, 0), sum(self._sizes))

    def refused(self, size: int) -> None:
        """Each attempt has a body of its own, which tells."""

    def serves(self, cursor: Any) -> bool:
        """Return whether uploads of `cursor` count here."""
        return cursor.connection is self._connection

    def take(self, transfer: int, part: int, body: Body) -> None:
        """Count the body of one more attempt at a part."""
        with self._lock:
            self.attempts += (transfer, part) in self._bodies
            self._bodies[transfer, part] = body


class StoppableBodies:
    """Has the uploads of one cursor fail at their next block, once they are to stop. Connector 4.x only.

    Args:
        cursor: The connector's cursor. Other cursors of its connection upload on.
    """

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self.stopped = threading.Event()

    @staticmethod
    def available() -> bool:
        """Return whether the connector that is installed hands over bodies."""
        return _hands_over_bodies()

    def __enter__(self) -> StoppableBodies:
        _patch.add(self)
        return self

    def __exit__(self, *exception: object) -> None:
        _patch.remove(self)

    def stop(self) -> None:
        """Have the uploads under way fail with `UploadStopped` at their next block."""
        self.stopped.set()

    def serves(self, cursor: Any) -> bool:
        """Return whether it is this one's cursor."""
        return cursor is self._cursor

    def take(self, transfer: int, part: int, body: Body) -> None:
        """The body asks by itself whether it is stopped."""


def _hands_over_bodies() -> bool:
    try:
        from snowflake.connector.storage_client import SnowflakeStorageClient
    except ImportError:
        return False
    return hasattr(SnowflakeStorageClient, "_send_request_with_retry")


class _Patch:
    """Wraps the bytes of the connector's requests while there is anybody who watches them."""

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
                body = rest["data"] = Body(data, *(watcher.stopped for watcher in watchers if watcher.stopped))
                for watcher in watchers:
                    watcher.take(id(client), retry_id, body)
        return url, rest


_patch = _Patch()
