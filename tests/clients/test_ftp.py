"""ftplib against a server on loopback: what its callbacks give is what the task counts."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from ftplib import FTP
from io import BytesIO
from socket import create_server
from typing import Any

import pytest

BODY = bytes(range(256)) * 400


class Session(socketserver.StreamRequestHandler):
    """One session of the few commands that ftplib sends for a transfer in passive mode."""

    def handle(self) -> None:
        self.say("220 ready")
        for line in self.rfile:
            command, _, name = line.decode().strip().partition(" ")
            if command == "PASV":
                data = create_server(("127.0.0.1", 0))
                data.settimeout(10)
                high, low = divmod(data.getsockname()[1], 256)
                self.say(f"227 (127,0,0,1,{high},{low})")
            elif command == "SIZE":
                self.say(f"213 {len(self.server.files[name])}")  # type: ignore[attr-defined]
            elif command in ("RETR", "STOR"):
                self.say("150 here it comes")
                connection, _ = data.accept()
                with data, connection:
                    if command == "RETR":
                        connection.sendall(self.server.files[name])  # type: ignore[attr-defined]
                    else:
                        self.server.files[name] = connection.makefile("rb").read()  # type: ignore[attr-defined]
                self.say("226 done")
            else:
                self.say({"USER": "331 password", "QUIT": "221 goodbye"}.get(command, "230 fine"))

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def files() -> Iterator[tuple[int, dict[str, bytes]]]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        server.daemon_threads = True
        server.files = {"down": BODY}  # type: ignore[attr-defined]
        serving = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        serving.start()
        yield server.server_address[1], server.files  # type: ignore[attr-defined]
        server.shutdown()
        serving.join()


def test_ftplib(tracked: Any, files: tuple[int, dict[str, bytes]]) -> None:
    """Both directions count every byte once, by the block that a callback is given."""
    port, stored = files
    with FTP(timeout=10) as ftp:  # the server is on loopback
        ftp.connect("127.0.0.1", port)
        ftp.login()
        ftp.voidcmd("TYPE I")
        received = bytearray()
        with tracked.add_task("Download", total=ftp.size("down"), unit="B") as task:

            def keep(block: bytes) -> None:
                received.extend(block)
                task.advance(len(block))

            ftp.retrbinary("RETR down", keep)
        with tracked.add_task("Upload", total=len(BODY), unit="B") as task:
            ftp.storbinary("STOR up", BytesIO(BODY), callback=lambda block: task.advance(len(block)))
    assert bytes(received) == stored["up"] == BODY
    assert tracked.ended() == [(name, len(BODY), len(BODY), "finished") for name in ("Download", "Upload")]
