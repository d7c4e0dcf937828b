"""A gate on loopback to storage hosts that are not there: a proxy that is itself the end of each tunnel.

Connectors speak to most storage under TLS alone, and to hosts that they name themselves. With this proxy, they request
a tunnel to such a host, and reach the embedded server at its other end, with a certificate for that name. Any other
host is refused, so that a client of the gate never leaves loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable

HEAD = 1 << 14
"""The most bytes of a request for a tunnel."""
REQUEST_SECONDS = 10.0
"""Seconds that a client has for that request."""


class Gate:
    """Accepts CONNECT requests, and passes the bytes of the tunnels to a protocol.

    Args:
        domain: The domain whose hosts are served.
        protocol: Makes the protocol of a tunnel.
        context: The server's side of TLS.
        away: Whether no client is served now.
    """

    def __init__(
        self, domain: str, protocol: Callable[[], asyncio.Protocol], context: ssl.SSLContext, away: Callable[[], bool]
    ) -> None:
        self._domain, self._protocol, self._context, self._away = domain, protocol, context, away
        self._admitting: set[asyncio.Task[None]] = set()  # a task without references may be collected

    async def serve(self, listening: socket.socket) -> None:
        """Accept connections until cancelled."""
        loop = asyncio.get_running_loop()
        listening.setblocking(False)
        while True:
            connection, _ = await loop.sock_accept(listening)
            task = loop.create_task(self._admit(connection))
            self._admitting.add(task)
            task.add_done_callback(self._admitting.discard)

    async def _admit(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as ending:
            ending.callback(connection.close)
            if self._away():
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(OSError, TimeoutError):
                host = await asyncio.wait_for(self._host(connection), REQUEST_SECONDS)
                if host.endswith(f".{self._domain}"):
                    await loop.sock_sendall(connection, b"HTTP/1.1 200 Connection established\r\n\r\n")
                    await loop.connect_accepted_socket(self._protocol, connection, ssl=self._context)
                    ending.pop_all()
                else:
                    await loop.sock_sendall(connection, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    @staticmethod
    async def _host(connection: socket.socket) -> str:
        """Return the host of a client's request for a tunnel; empty for any other request."""
        loop, head = asyncio.get_running_loop(), b""
        while b"\r\n\r\n" not in head and len(head) < HEAD:
            block = await loop.sock_recv(connection, HEAD)
            if not block:
                break
            head += block
        method, _, rest = head.partition(b" ")
        return rest.partition(b" ")[0].rpartition(b":")[0].decode("latin-1") if method == b"CONNECT" else ""
