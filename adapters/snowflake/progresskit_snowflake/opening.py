"""What all formats share: opening a file, unpacked, and the error of data that cannot be loaded."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import IO


class BadData(Exception):
    """The data cannot be loaded; the sentence says what is wrong, and where."""


def is_gzip(path: Path) -> bool:
    """Return whether the file begins as gzip does, whatever its name says."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def open_unpacked(path: Path) -> IO[bytes]:
    """Open the file for reading, unpacked."""
    return gzip.open(path, "rb") if is_gzip(path) else path.open("rb")  # type: ignore[return-value]  # a binary file


SUFFIXES = {
    ".json": "json", ".jsonl": "json", ".ndjson": "json", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip


def format_of(path: Path) -> str:
    """Return the format that the file's name tells: `json` and `parquet` by their suffixes, with `.gz` or not, else `csv`.

    Example:
        >>> [format_of(Path(name)) for name in ("a.csv.gz", "a.jsonl.GZ", "a.parquet", "a")]
        ['csv', 'json', 'parquet', 'csv']
    """
    name = path.name.lower().removesuffix(".gz")
    return SUFFIXES.get(Path(name).suffix, "csv")
