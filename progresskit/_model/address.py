"""The address of a hub: its socket and its key.

Pure: knows how an address is written. Does not know sockets, or which hub a process belongs to.
"""

from __future__ import annotations

from typing import NamedTuple

HEXADECIMAL = frozenset("0123456789abcdef")


class Address(NamedTuple):
    """The socket on which a hub listens, and the key that a client must present. Its text, as in
    `PROGRESSKIT_HUB`, is a secret.

    Attributes:
        key: Hexadecimal digits.
        place: The path of a Unix socket, or `host:port` of a TCP one.

    Example:
        >>> Address.parse("00ff@/run/user/1000/hub").place
        '/run/user/1000/hub'
    """

    key: str
    place: str

    @classmethod
    def parse(cls, text: str) -> Address:
        """Return the address that `text` holds.

        Raises:
            ValueError: `text` is not an address. The message does not repeat it, because it may
                hold a key.
        """
        key, at, place = text.strip().partition("@")
        if not (key and at and place and set(key) <= HEXADECIMAL):
            raise ValueError("it is a key in hexadecimal digits, an @, and a socket's path or host:port.")
        return cls(key, place)

    def __str__(self) -> str:
        return f"{self.key}@{self.place}"

    @property
    def tcp(self) -> tuple[str, int] | None:
        """Host and port; None for a Unix socket."""
        host, _, port = self.place.rpartition(":")
        return (host, int(port)) if host and port.isascii() and port.isdigit() and "/" not in self.place else None
