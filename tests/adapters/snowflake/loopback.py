"""Servers on loopback to which the tests send, and their certificate."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from pathlib import Path

from progresskit_snowflake.embedded.certificate import write_certificate

MB = 1_000_000


class Sink:
    """A server on loopback that reads everything, and acknowledges each megabyte with a byte."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._context = context
        self._resets = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                accepted, _ = self._listening.accept()
            except OSError:  # closed: the test is over
                return
            threading.Thread(target=self._drain, args=(accepted,), daemon=True).start()

    def _drain(self, accepted: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._context is not None:
                accepted = self._context.wrap_socket(accepted, server_side=True)
            taken = answered = 0
            while data := accepted.recv(65536):
                if self._resets:
                    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
                taken += len(data)
                while answered < taken // MB:
                    accepted.sendall(b".")
                    answered += 1
        accepted.close()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port))

    def reset(self, client: socket.socket) -> None:
        """Reset the connection of `client`, and wait until its kernel has noticed."""
        self._resets = True
        with contextlib.suppress(ConnectionError):
            client.sendall(b"!")
            while client.recv(4096):
                pass
        self._resets = False

    def close(self) -> None:
        self._listening.close()


def send(client: socket.socket, megabytes: int) -> None:
    """Send so many megabytes, and wait until they have arrived."""
    for _ in range(megabytes):
        client.sendall(bytes(MB))
        assert client.recv(1) == b"."


def contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the TLS contexts of a server on loopback and of its client, which accepts any certificate."""
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(*write_certificate(folder))
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ours.check_hostname = False
    ours.verify_mode = ssl.CERT_NONE
    return theirs, ours
