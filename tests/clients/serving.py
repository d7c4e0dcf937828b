"""A server on loopback that sends one body in several ways."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BODY = bytes(range(256)) * 1200
PACKED = gzip.compress(BODY, mtime=0)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        packed = "gzip" in self.path
        body = PACKED if packed else BODY
        self.send_response(200)
        if packed:
            self.send_header("Content-Encoding", "gzip")
        if "chunked" in self.path:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for start in range(0, len(body), 50_000):
                piece = body[start : start + 50_000]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if "cut" in self.path else body)
        if "cut" in self.path:
            self.close_connection = True

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(data)  # type: ignore[attr-defined]  # a list of the test's
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_PUT

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@contextmanager
def server() -> Iterator[Any]:
    """Serve while the block runs; `url` is the address, `bodies` those that were sent to it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as served:
        served.daemon_threads = True
        served.bodies = []  # type: ignore[attr-defined]
        served.url = f"http://127.0.0.1:{served.server_port}"  # type: ignore[attr-defined]
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield served
        finally:
            served.shutdown()
            thread.join()
