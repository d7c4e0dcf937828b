"""Compression: a CSV file becomes a gzip file, without its bad rows. Knows files and nothing of the server."""

from __future__ import annotations

import csv
import gzip
import io
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from .opening import open_unpacked
from .quality import records
from .versions import connector_version

CHUNK = 1 << 20
LEVEL = 6


class PackedTotal:
    """How many bytes all files will be when they are compressed: what is known, and for the rest the ratio so far.

    Args:
        raw: Bytes of each file as it is.

    Example:
        >>> total = PackedTotal([100, 100, 200])
        >>> total.add(100, 25)
        >>> total.bytes, total.exact
        (100, False)
    """

    def __init__(self, raw: Sequence[int]) -> None:
        self._left, self._count = sum(raw), len(raw)
        self._raw, self._packed = 0, 0

    def add(self, raw: int, packed: int) -> None:
        """Count a file that is compressed by now."""
        self._left -= raw
        self._count -= 1
        self._raw += raw
        self._packed += packed

    @property
    def exact(self) -> bool:
        """Whether all are compressed."""
        return not self._count

    @property
    def bytes(self) -> int | None:
        """Bytes in all; None before the first is known."""
        if not self._raw:
            return self._packed if self.exact else None
        return self._packed + (0 if self.exact else round(self._left * self._packed / self._raw))


def pack(
    path: Path,
    target: Path,
    bad: set[int],
    moved: Callable[[int], None],
    goes_on: Callable[[], None],
    file_format: str = "csv",
) -> None:
    """Write the file at `path` to `target` as gzip, without the rows that begin on the lines `bad`.

    Args:
        path: A CSV or JSON file, plain or gzip.
        target: Where to.
        bad: Lines, as an editor counts them.
        moved: Called with the bytes of `path` that are done; where rows are left out, at the end.
        goes_on: Called now and then; raises what ends the work.
        file_format: `csv` or `json`.
    """
    with gzip.open(target, "wb", compresslevel=LEVEL) as out:
        if bad and file_format == "json":
            with open_unpacked(path) as source:
                for number, text_line in enumerate(source, 1):
                    goes_on()
                    if number not in bad:
                        out.write(text_line)
            return moved(path.stat().st_size)
        if bad:
            with io.TextIOWrapper(out, "utf-8", newline="") as text:
                writer = csv.writer(text)
                for line, row in records(path):
                    goes_on()
                    if line not in bad:
                        writer.writerow(row)
            return moved(path.stat().st_size)
        with open_unpacked(path) as source:
            while chunk := source.read(CHUNK):
                goes_on()
                out.write(chunk)
                moved(len(chunk))


def link(path: Path, target: Path) -> None:
    """Have `target` be the file at `path`, under its own name; it is copied only where it cannot be linked.

    Connector 5.x calls a file on the stage by what a symbolic link leads to, so it is given another kind of link.
    """
    path = path.resolve()
    try:
        os.link(path, target)
    except OSError:  # another file system, or somebody else's file
        if connector_version() < (5,):
            target.symlink_to(path)
        else:
            shutil.copyfile(path, target)
