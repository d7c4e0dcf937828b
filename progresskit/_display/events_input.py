"""Open an events file for reading, also one that gzip has compressed.

Knows how files begin. Does not know what an event is.
"""

from __future__ import annotations

import gzip
import zlib
from typing import BinaryIO


class _Unzipped(gzip.GzipFile):
    """A compressed file. Where it is torn or damaged it ends, as an events file of a killed job does."""

    def read1(self, size: int | None = -1) -> bytes:
        try:
            return super().read1(-1 if size is None else size)
        except (OSError, EOFError, zlib.error):
            return b""

    read = read1


def open_events(path: str) -> BinaryIO:
    """Open the events file at `path`, or standard input if that is `-`.

    Raises:
        OSError: the file cannot be opened.
    """
    file = open(0 if path == "-" else path, "rb", closefd=path != "-")  # noqa: SIM115  # the caller closes it
    if file.peek(2)[:2] != b"\x1f\x8b":
        return file
    unzipped = _Unzipped(fileobj=file)
    unzipped.myfileobj = file  # type: ignore[assignment]  # so that both are closed
    return unzipped  # type: ignore[return-value]  # it has all that a binary file has
