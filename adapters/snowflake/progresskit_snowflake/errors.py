"""The error of a load, apart from what raises it: the local server raises it too."""

from __future__ import annotations


class LoadError(Exception):
    """The load failed; the sentence says at what, and what the server or connector said.

    Attributes:
        number: The server's or the connector's own number of the error; None where there is none.
    """

    def __init__(self, message: str, number: int | None = None) -> None:
        super().__init__(message)
        self.number = number
