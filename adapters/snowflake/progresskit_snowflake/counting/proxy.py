"""A proxy on loopback that counts what goes through it: for any platform, and for any client that takes a proxy.

Knows HTTP proxying and its own sockets. It listens on 127.0.0.1, serves only clients with its password, and refuses all
hosts but the given ones. Encrypted data passes through unchanged. It uses the user's proxy, if there is one, and does
not write that proxy's credentials to logs or answers. Does not know uploads or bars.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import http
import json
import secrets
import socket
import ssl
import struct
import threading
from typing import Any, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from ..versions import rows_of
from .byte_count import SocketSample
from .sources import sample_socket, tells_acknowledged

BLOCK = 1 << 16
HEAD = 1 << 16
"""The most bytes of a request's head."""
CONNECT_SECONDS = 30.0
"""Seconds for a client to send its head, and for a connection to the other side."""
HOP = (b"proxy-authorization", b"proxy-connection", b"connection", b"keep-alive")
"""Headers that are only for the proxy."""


class _Refusal(Exception):
    """The client gets this status and message instead of an answer."""

    def __init__(self, status: http.HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class _Head(NamedTuple):
    """A request's first line and headers, and the bytes after them."""

    method: bytes
    target: bytes
    version: bytes
    headers: list[bytes]
    rest: bytes

    def value(self, name: bytes) -> bytes:
        """Return a header's value, or an empty text."""
        for header in self.headers:
            key, _, value = header.partition(b":")
            if key.strip().lower() == name:
                return value.strip()
        return b""

    def forwarded(self, target: bytes, *more: bytes) -> bytes:
        """Return the request to forward to `target`, with `more` headers."""
        kept = [header for header in self.headers if header.partition(b":")[0].strip().lower() not in HOP]
        # One request per connection, because the next one may be for another host.
        lines = [b" ".join((self.method, target, self.version)), *kept, b"Connection: close", *more]
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.rest


class _Way:
    """One connection to the other side, and its bytes."""

    def __init__(self, upstream: socket.socket, host: str) -> None:
        self.upstream, self.host = upstream, host
        self.written = self.received = 0
        self.cut = False  # whether the other side did not accept all
        self._dead = False
        self._last: SocketSample | None = None

    def end(self, *, dead: bool) -> None:
        """Keep the state at the end of the other side; `dead` means that it broke. Later bytes only close the
        connection."""
        self._dead = dead
        if tells_acknowledged():
            self._last = self.sample()

    def sample(self) -> SocketSample:
        """Return the acknowledged bytes, or, if the system does not report them, the bytes handed to it."""
        if self._last is not None:
            return self._last
        if tells_acknowledged():
            with contextlib.suppress(OSError):
                return sample_socket(self.upstream)._replace(dead=self._dead)  # its reader notices the break
        return SocketSample(self.written, self.received, pending=self.cut, dead=self._dead)


class CountingProxy:
    """The proxy; it serves for the time of its `with` block.

    Args:
        host: The account's host, as `xy12345.snowflakecomputing.com`.
        port: Its port.
        upstream: The user's proxy, as `http://user:password@proxy.example:3128`; None connects directly.

    Attributes:
        arguments: What `snowflake.connector.connect` takes to go through it.

    Raises:
        ValueError: `upstream` is not the address of a proxy.

    Example:
        >>> with CountingProxy("xy12345.snowflakecomputing.com") as proxy:  # doctest: +SKIP
        ...     connection = snowflake.connector.connect(**arguments, **proxy.arguments)
        ...     proxy.admit_stages(connection.cursor())
        ...     put(connection.cursor(), path, stage, source=ProxyBytes(proxy))
    """

    def __init__(self, host: str, port: int = 443, *, upstream: str | None = None) -> None:
        self._account = (_plain(host), port)
        self._admitted = {self._account}
        self._upstream = None if upstream is None else _proxy_address(upstream)
        self._lock = threading.Lock()
        self._ways: dict[int, _Way] = {}
        self._ended: dict[int, SocketSample] = {}
        self._count = 0
        self._keeps_samples = False
        self._closing = False
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, name="counting proxy", daemon=True)
        self._password = secrets.token_urlsafe(24)
        own = base64.b64encode(f"progresskit:{self._password}".encode())
        self._secret = b"Basic " + own
        self.arguments: dict[str, Any] = {
            "proxy_host": "127.0.0.1",
            "proxy_port": self._listening.getsockname()[1],
            "proxy_user": "progresskit",
            "proxy_password": self._password,
        }

    def __enter__(self) -> CountingProxy:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._closing = True
        with contextlib.suppress(OSError), socket.create_connection(self._listening.getsockname()):
            pass  # wakes the accepting thread
        self._thread.join(CONNECT_SECONDS)
        self._listening.close()
        with self._lock:
            ways = list(self._ways.values())
        for way in ways:
            with contextlib.suppress(OSError):
                way.upstream.shutdown(socket.SHUT_RDWR)

    def admit(self, host: str, port: int = 443) -> None:
        """Let connections to `host` pass: one of the connection's storage."""
        self._admitted.add((_plain(host), port))

    def admit_stages(self, cursor: Any) -> list[str]:
        """Ask the server for the hosts of its internal stages, admit these and return them.

        Raises:
            snowflake.connector.errors.Error: the server does not tell.
        """
        rows = rows_of(cursor.execute("SELECT SYSTEM$ALLOWLIST()"))
        found = [(one["host"], int(one["port"])) for one in json.loads(rows[0][0]) if one["type"] == "STAGE"]
        for host, port in found:
            self.admit(host, port)
        return [host for host, _ in found]

    def keep_samples(self, wanted: bool) -> None:
        """Keep the last sample of connections that end, or keep none."""
        with self._lock:
            self._keeps_samples = wanted
            self._ended.clear()

    def samples(self) -> dict[int, SocketSample]:
        """Return the bytes of each connection to the storage. Ended ones are included once."""
        with self._lock:
            found, self._ended = dict(self._ended), {}
            for number, way in self._ways.items():
                if self._counts(way.host):
                    found[number] = way.sample()
        return found

    def _counts(self, host: str) -> bool:
        """Return whether `host` is the storage's: the account's host counts only if no other is known."""
        return len(self._admitted) == 1 or host != self._account[0]

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self._closing:
                client.close()
                return
            threading.Thread(target=self._serve, args=(client,), name="counting proxy", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.settimeout(CONNECT_SECONDS)
            try:
                head = _head(client)
                if not hmac.compare_digest(head.value(b"proxy-authorization"), self._secret):
                    raise _Refusal(http.HTTPStatus.PROXY_AUTHENTICATION_REQUIRED, "this proxy serves its owner only.")
                upstream, host, first = self._reach(client, head)
            except _Refusal as refusal:
                with contextlib.suppress(OSError):
                    client.sendall(_answer(refusal.status, str(refusal)))
            except OSError:  # the client is gone, or took too long
                pass
            else:
                client.settimeout(None)
                self._carry(client, upstream, host, first)

    def _reach(self, client: socket.socket, head: _Head) -> tuple[socket.socket, str, bytes]:
        """Connect to the request's host. Return the connection, the host, and the first bytes to send."""
        tunnel = head.method == b"CONNECT"
        target = urlsplit(("//" if tunnel else "") + head.target.decode("latin-1"))
        try:
            host, port = _plain(target.hostname or ""), target.port or (443 if tunnel else 80)
        except ValueError:
            host, port = "", 0
        if not host or not (tunnel or target.scheme == "http"):
            raise _Refusal(http.HTTPStatus.BAD_REQUEST, "this proxy takes CONNECT, and http addresses in full.")
        if (host, port) not in self._admitted:
            raise _Refusal(http.HTTPStatus.FORBIDDEN, f"{host}:{port} is not a host of this connection.")
        try:
            upstream = self._connected(host, port)
        except OSError as error:
            raise _Refusal(
                http.HTTPStatus.BAD_GATEWAY, f"{host}:{port} cannot be reached: {error.strerror}."
            ) from error
        own = [] if self._upstream is None else _credentials(self._upstream)
        if not tunnel:
            origin = head.target if self._upstream is not None else _origin_form(target)
            return upstream, host, head.forwarded(origin, *own)
        try:
            if self._upstream is not None:
                where = head.target
                lines = [b"CONNECT " + where + b" HTTP/1.1", b"Host: " + where, *own]
                upstream.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
                answer = _head(upstream)  # its status stands where a request has its target
                if not answer.target.startswith(b"2"):
                    status = answer.target.decode("latin-1")
                    raise _Refusal(
                        http.HTTPStatus.BAD_GATEWAY, f"the proxy before {host}:{port} answered {status:.20}."
                    )
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n" + answer.rest)
            else:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        except BaseException:
            upstream.close()
            raise
        return upstream, host, head.rest

    def _connected(self, host: str, port: int) -> socket.socket:
        proxy = self._upstream
        if proxy is None:
            upstream = socket.create_connection((host, port), CONNECT_SECONDS)
        else:
            upstream = socket.create_connection((proxy.hostname, proxy.port or 80), CONNECT_SECONDS)
            if proxy.scheme == "https":
                upstream = ssl.create_default_context().wrap_socket(upstream, server_hostname=proxy.hostname)
        upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return upstream

    def _carry(self, client: socket.socket, upstream: socket.socket, host: str, first: bytes) -> None:
        """Forward bytes in both directions, until both sides have ended, or one breaks."""
        upstream.settimeout(None)
        way = _Way(upstream, host)
        with self._lock:
            self._count += 1
            number = self._count
            self._ways[number] = way
        back = threading.Thread(target=_back, args=(way, client), name="counting proxy", daemon=True)
        back.start()
        block = first
        try:
            while block or (block := client.recv(BLOCK)):
                upstream.sendall(block)
                way.written += len(block)
                block = b""
            upstream.shutdown(socket.SHUT_WR)
        except OSError:
            way.cut = bool(block)
            with contextlib.suppress(OSError):  # wakes the other direction
                upstream.shutdown(socket.SHUT_RDWR)
        back.join()
        with self._lock:
            del self._ways[number]
            if self._keeps_samples and self._counts(host):
                sample = way.sample()
                # Only the first direction to notice a break sees it; the other one sees an orderly end.
                self._ended[number] = sample._replace(closed=True, dead=sample.dead or way.cut)
        upstream.close()


def _back(way: _Way, client: socket.socket) -> None:
    """Forward the answer. If the connection breaks, break it for the client too."""
    try:
        while block := way.upstream.recv(BLOCK):
            way.received += len(block)
            client.sendall(block)
        way.end(dead=False)
    except OSError:
        way.end(dead=True)
        with contextlib.suppress(OSError):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(OSError):  # wakes its reader
        client.shutdown(socket.SHUT_RDWR)


def _head(connection: socket.socket) -> _Head:
    """Read a request's head, or an answer's."""
    data = b""
    while b"\r\n\r\n" not in data:
        block = connection.recv(BLOCK)
        if not block:
            raise ConnectionAbortedError
        data += block
        if len(data) > HEAD + BLOCK:
            raise _Refusal(http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the head of the request is too long.")
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *headers = head.split(b"\r\n")
    words = [*first.split(b" ", 2), b"", b""]
    if not words[1]:
        raise _Refusal(http.HTTPStatus.BAD_REQUEST, "that is no request.")
    return _Head(words[0], words[1], words[2], headers, rest)


def _answer(status: http.HTTPStatus, sentence: str) -> bytes:
    body = f"{sentence}\n".encode()
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", "Content-Type: text/plain", f"Content-Length: {len(body)}"]
    if status == http.HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        lines.append('Proxy-Authenticate: Basic realm="progresskit"')
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def _plain(host: str) -> str:
    return host.lower().rstrip(".")


def _origin_form(target: SplitResult) -> bytes:
    """Return the target for an origin server, without the host."""
    return ((target.path or "/") + (f"?{target.query}" if target.query else "")).encode("latin-1")


def _proxy_address(text: str) -> SplitResult:
    """Return the parts of a proxy's address. The error's message has no credentials."""
    parts = urlsplit(text if "://" in text else f"http://{text}")
    try:
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 80) > 0
    except ValueError:
        known = False
    if not known:
        raise ValueError("the upstream is no proxy's address: give one as http://user:password@proxy.example:3128.")
    return parts


def _credentials(proxy: SplitResult) -> list[bytes]:
    if proxy.username is None:
        return []
    words = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
    return [b"Proxy-Authorization: Basic " + base64.b64encode(words)]
