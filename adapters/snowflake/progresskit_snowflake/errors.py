"""The error of a load, in its own module because the local server raises it too."""

from __future__ import annotations


class LoadError(Exception):
    """The load failed. The message has the failed step, and the server's or the connector's error.

    Attributes:
        number: The server's or the connector's own number of the error; None where there is none.
    """

    def __init__(self, message: str, number: int | None = None) -> None:
        super().__init__(message)
        self.number = number
