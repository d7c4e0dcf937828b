"""The socket on which a hub's clients connect, and the check of which users may connect.

Knows addresses, the folder of a Unix socket and the user at the other end. Does not know what clients send.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING

from .._model.address import Address
from .._system.platform import has_peer_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKLOG = 1024
"""Connections that wait to be accepted."""
MOST_PATH_BYTES = 100
"""The longest path of a Unix socket: some systems allow 104 bytes."""


class Listener:
    """An open socket that listens.

    Args:
        tcp: Whether to listen on the loopback interface, where only the key protects the hub; otherwise on a Unix socket in a
            folder of this user's.

    Attributes:
        socket: The socket.
        address: Its address with the hub's key, which is a secret.
        refused: The number of connections of other users.

    Raises:
        OSError: no socket can be made.
    """

    def __init__(self, *, tcp: bool) -> None:
        key = os.urandom(16).hex()
        self.refused = 0
        self._folder: str | None = None
        if tcp:
            self.socket = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
            host, port = self.socket.getsockname()
            self.address = Address(key, f"{host}:{port}")
        else:
            self._folder = _make_folder()
            self.address = Address(key, os.path.join(self._folder, os.urandom(8).hex()))
            try:
                self.socket = self._open()
            except OSError:
                self.remove()
                raise
        self.socket.setblocking(False)

    def _open(self) -> socket.socket:
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            opened.bind(self.address.place)
            opened.listen(BACKLOG)
        except OSError:
            opened.close()
            raise
        return opened

    def accept(self) -> Iterator[socket.socket]:
        """Yield the connections of this user that wait, and close those of others.

        Raises:
            OSError: no descriptor is left: connections wait until another has been closed.
        """
        while True:
            try:
                connection, _ = self.socket.accept()
            except BlockingIOError:
                return
            if self._is_allowed(connection):
                connection.setblocking(False)
                yield connection
            else:
                self.refused += 1
                connection.close()

    @staticmethod
    def _is_allowed(connection: socket.socket) -> bool:
        if not has_peer_credentials() or connection.family != socket.AF_UNIX:
            return True  # only the folder's mode and the key protect the hub
        size = struct.calcsize("3i")
        _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
        return bool(user == os.getuid())

    def remove(self) -> None:
        """Remove the socket's file and its folder."""
        if self._folder is not None:
            for remove, path in ((os.unlink, self.address.place), (os.rmdir, self._folder)):
                try:
                    remove(path)
                except OSError:  # another process has removed it
                    pass


def _make_folder() -> str:
    """Make a folder that only this user can enter, and return its path.

    `tempfile` imports `random`, `bz2` and `lzma`, which each forked child pays for in memory pages.

    Raises:
        OSError: there is no place for it.
    """
    asked = os.environ.get("TMPDIR", "")
    for parent in filter(os.path.isabs, (asked, "/tmp", "/var/tmp")):
        folder = os.path.join(parent, f"progresskit-{os.urandom(6).hex()}")
        if len(os.fsencode(folder)) > MOST_PATH_BYTES - 17:  # the socket's name
            continue
        try:
            os.mkdir(folder, 0o700)
            return folder
        except OSError:  # not there, full, or not to be written to
            pass
    raise OSError(f"no folder for a socket can be made in {asked or '/tmp'}: set TMPDIR to one that can be written to.")
