"""The server of the live page: three paths, read only, for clients with the token.

Knows HTTP, and which requests are allowed: those with the token, in the address or in a cookie, and with a `Host` that
is this machine's own, so that a page of another site cannot reach the server by a name of its own. No method changes
anything. Does not know tasks.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
import threading
from base64 import b64encode
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from .state import PageState

LOOPBACK = "127.0.0.1"
HOLD_SECONDS = 1.0
"""Seconds that a request for a newer picture is held, so that the last one of a job that ends reaches an open page. No longer:
a browser has six connections for all tabs."""
IDLE_SECONDS = 20.0
"""Seconds without a request after which a connection is closed; a reader that takes nothing for so long is given up."""
MOST_CONNECTIONS = 64
"""Connections at a time: each has a thread."""
LAST_PICTURE_SECONDS = 0.5
"""Seconds that a job's end waits at the most for open pages to be given the last picture."""


class PageServer:
    """Serves one page state, in its own threads.

    Args:
        state: What the page shows.
        host: The address to listen on.
        port: The port; 0 takes a free one.
        token: The secret; None makes one.

    Raises:
        OSError: the address cannot be used.

    Attributes:
        token: The secret.
        url: The page's address, with the token.
    """

    def __init__(self, state: PageState, host: str = LOOPBACK, port: int = 0, token: str | None = None) -> None:
        self.token = secrets.token_urlsafe(24) if token is None else token
        self._state = state
        self._host = host
        self._server = _Server((host, port), self)
        self.port: int = self._server.server_address[1]
        self.url = f"http://{_in_url(host)}:{self.port}/?token={self.token}"
        self.cookie = f"progresskit-{self.port}"  # a browser has one jar for all ports of a host
        self.body, self.policy = _page()
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.5,), name="progresskit page", daemon=True
        )

    @property
    def state(self) -> PageState:
        """What the page shows."""
        return self._state

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self._host.lower() == "localhost" or _is_loopback(self._host)

    def start(self) -> None:
        """Start to serve.

        Raises:
            RuntimeError: no thread can be started.
        """
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()

    def forget(self) -> None:
        """Close the sockets in a forked child: the parent serves them."""
        self._server.socket.close()
        for connection in list(self._server.open):
            connection.close()

    def is_own_name(self, host: str, connection: socket.socket) -> bool:
        """Return whether `host`, the server's name in a request, is a name or an address of this machine.

        Another site may point a name of its own at this machine, but not one of these.
        """
        name = _host_name(host)
        if name in ("localhost", self._host.lower()):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return not self.is_loopback and name == socket.gethostname().lower()
        return address.is_loopback or name == connection.getsockname()[0]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], page: PageServer) -> None:
        self.page = page
        self.open: set[socket.socket] = set()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without looking up the address's name, which may take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in its own thread, unless there are too many."""
        if len(self.open) >= MOST_CONNECTIONS:
            self.shutdown_request(request)
            return
        self.open.add(request)
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread can be started
            self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing about a broken connection: the terminal is the job's."""


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "progresskit"
    sys_version = ""
    timeout: ClassVar[float] = IDLE_SECONDS  # type: ignore[misc]  # of the socket
    disable_nagle_algorithm: ClassVar[bool] = True  # type: ignore[misc]
    server: _Server

    def do_GET(self) -> None:  # the names that http.server looks for
        """Answer."""
        page = self.server.page
        if not page.is_own_name(", ".join(self.headers.get_all("Host", ())), self.connection):
            self._answer(403, "text/plain", b"This address is not one of this server's.\n")
            return
        try:
            parts = urlsplit(self.path)
        except ValueError:  # half an IPv6 address
            self._answer(400, "text/plain", b"This is no address.\n")
            return
        given = parse_qs(parts.query)
        if not self._may(given):
            self._answer(
                403, "text/plain", b"The token is missing or wrong: use the address that the program printed.\n"
            )
        elif parts.path == "/":
            cookie = f"{page.cookie}={page.token}; HttpOnly; SameSite=Strict; Path=/"
            self._answer(200, "text/html; charset=utf-8", page.body, {"Set-Cookie": cookie})
        elif parts.path == "/state":
            since = given.get("since", ["0"])[0]
            known = int(since) if since.isascii() and since.isdigit() and len(since) < 16 else 0
            with page.state.reading():
                picture = page.state.picture(known, HOLD_SECONDS if known else 0.0)
                if picture is None:
                    self._answer(204, "application/json", b"")
                else:
                    self._answer(200, "application/json", picture)
        elif parts.path == "/metrics":
            self._answer(200, "text/plain; version=0.0.4; charset=utf-8", page.state.metrics().encode())
        else:
            self._answer(404, "text/plain", b"There is no such page.\n")

    do_HEAD = do_GET

    def _may(self, given: dict[str, list[str]]) -> bool:
        """Return whether the request has the token: in its address, as a bearer token, or in the cookie."""
        page = self.server.page
        offered = list(given.get("token", ()))
        kind, _, bearer = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer":
            offered.append(bearer.strip())
        for part in self.headers.get("Cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == page.cookie:
                offered.append(value)
        return any(hmac.compare_digest(each.encode(), page.token.encode()) for each in offered)

    def _refuse(self) -> None:
        self.close_connection = True  # what it has sent is not read
        self._answer(405, "text/plain", b"This page can only be read.\n", {"Allow": "GET, HEAD"})

    do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = do_CONNECT = _refuse

    def _answer(self, status: int, kind: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", self.server.page.policy)
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing: the terminal is the job's."""


def _page() -> tuple[bytes, str]:
    """Return the complete page, and the policy that lets no other script run in it."""
    style = "\n" + _part("shared.css") + _part("page.css")
    script = "\n" + _part("shared.js") + _part("page.js")
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    text = (
        "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n"
        '<meta name=viewport content="width=device-width,initial-scale=1">\n<title>progresskit</title>\n'
        '<link rel=icon id=icon href="data:,">\n'
        f"<style>{style}</style>\n<body>\n<main id=page></main>\n<script>{script}</script>\n</html>\n"
    )
    return text.encode(), policy


def _part(name: str) -> str:
    return (files(__package__) / name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _host_name(host: str) -> str:
    """Return the name in a `Host` header, without its port.

    Example:
        >>> _host_name("LocalHost:8000"), _host_name("[::1]:8000"), _host_name("evil.example")
        ('localhost', '::1', 'evil.example')
    """
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_loopback(host: str) -> bool:
    """Whether `host` is an address that only this machine has.

    Example:
        >>> _is_loopback("127.0.0.2"), _is_loopback("::1"), _is_loopback("10.0.0.1"), _is_loopback("localhost")
        (True, True, False, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _in_url(host: str) -> str:
    if host in ("0.0.0.0", "::", ""):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
