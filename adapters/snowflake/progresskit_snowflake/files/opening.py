"""Files to load: their identity, their compression, and their decompressed bytes with a digest.

Knows bytes, but not their meaning. Detects a file that another program changes while it is read.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple, Self

BLOCK = 1 << 20
"""The most bytes that are read at once."""
SUFFIXES = {
    ".json": "json", ".jsonl": "json", ".ndjson": "json", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
PACKED = (".gz", ".gzip", ".bz2", ".zst", ".zstd")
"""The suffixes of compressed files."""
_PACKINGS = {
    "gzip": rb"\x1f\x8b",
    "bz2": rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90|(?:1A?Y?&?S?|\x17r?E?8?P?)?\Z)",  # it may end within its first bytes
    "zstd": rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18",  # the second is a frame that is skipped
}
"""Compression -> the first bytes of a file."""
_MARKUP = rb"(?is)(?:\xef\xbb\xbf)?\s*(?:<!doctype|<!--|<html|<\?xml|" + (
    rb"<([a-z][\w:.-]*)(?:\s[^<>]*)?>(?: *<[a-z/!]|.*</\1\s*>\s*\Z))"  # an element; <DATE>,<PRICE> is a header
)
_FOREIGN = {
    rb"PK(?:\x03\x04|\x05\x06|\x07\x08)": "a zip archive, or a workbook of Excel's: unpack it, or save it as CSV",
    rb"\xfd7zXZ": "packed with xz: unpack it, or pack it with gzip, bz2 or zstd",
    rb"\x5d\x00\x00[\x00-\xff]\x00|\x78[\x01\x9c\xda]": "packed with lzma or zlib: unpack it, or pack it with gzip, bz2 or zstd",
    rb"7z\xbc\xaf": "a 7-zip archive: unpack it",
    rb"Rar!\x1a": "a rar archive: unpack it",
    rb"\x04\x22M\x18|\xff\x06\x00\x00sNaPpY|\x1f\x9d|LZIP[\x00-\x02]": "packed in a way that is not read: use gzip, bz2 or zstd",
    rb"(?s)(?=[^\x00]{1,100}\x00).{257}ustar": "a tar archive: unpack it",
    rb"PAR1[\x00-\x1f]": "a Parquet file: give --format parquet",
    rb"\xd0\xcf\x11\xe0": "a workbook of Excel's: save it as CSV",
    rb"%PDF-": "a PDF document",
    rb"SQLite format 3\x00": "a database of SQLite's: export its tables as CSV",
    rb"Obj\x01|ARROW1\x00|\x89HDF": "a file of Avro, Arrow or HDF5: write it as Parquet or CSV",
    rb"ORC[^\x20-\x7e\r\n]": "a file of ORC: write it as Parquet or CSV",
    rb"\{\\rtf": "a document in RTF: save it as CSV",
    rb"(?:\xef\xbb\xbf)?(?:%YAML[^\n]*\n)?---[ \r]*\n": "YAML, which is not read",
    _MARKUP: "an HTML page or XML, which is not read",
    rb"version https://git-lfs": "a pointer of Git LFS, and not the file itself: run git lfs pull",
}
"""First bytes of other files -> their kind, and what to do."""


_DAMAGED = "{}: what it is packed with is damaged or ends too early ({})."


class BadData(Exception):
    """The data cannot be loaded. The message says what is wrong, and where."""


class Identity(NamedTuple):
    """The identity and the state of a file. Another size, time or number means another file or another state."""

    device: int
    number: int
    size: int
    modified: int

    @property
    def file(self) -> tuple[int, int]:
        """The identity of the file, independent of its names and its state."""
        return self.device, self.number


def identity(path: Path) -> Identity:
    """Return the identity of the file at `path`, symbolic links followed.

    Raises:
        BadData: the file does not exist, or may not be read.
    """
    with telling(path):
        status = path.stat()
    return Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@contextlib.contextmanager
def telling(path: Path) -> Iterator[None]:
    """Raise errors of the system and of decompression as `BadData` with the file's name."""
    import pyarrow

    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile, pyarrow.ArrowException) as error:
        raise BadData(_DAMAGED.format(path, error)) from error
    except OSError as error:
        if error.errno is None:  # decompression raises this too
            if "crypt" in str(error):
                raise BadData(f"{path} is encrypted, and no keys are known: write it without encryption.") from error
            raise BadData(_DAMAGED.format(path, error)) from error
        raise BadData(f"{path}: {error.strerror or error}.") from error


class Unpacked:
    """The decompressed bytes of a file, from its beginning to its end.

    Attributes:
        position: About how many bytes of the file itself have been read; compressed ones if it is compressed.
        digest: The digest of the decompressed bytes so far.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._digest = hashlib.sha256()  # processors have instructions for it: twice as fast as blake2b
        with telling(path):
            self._raw = path.open("rb")
            self.packed = _packed_with(self._raw.read(16))
            self._raw.seek(0)
            self._file = self._open()

    def _open(self) -> Any:
        if self.packed == "gzip":
            return gzip.GzipFile(fileobj=self._raw)
        if self.packed == "bz2":
            return _Bz2Streams(self._raw)
        if self.packed == "zstd":
            import pyarrow

            return pyarrow.CompressedInputStream(pyarrow.PythonFile(self._raw, "r"), "zstd")
        return self._raw

    def first(self, size: int = BLOCK) -> bytes:
        """Return the first `size` bytes, of a file of text.

        Raises:
            BadData: they begin a file of another kind.
        """
        data = self.read(size)
        if _packed_with(data):
            raise BadData(f"{self.path} is packed twice: unpack it once.")
        for pattern, what in _FOREIGN.items():
            if re.match(pattern, data):
                raise BadData(f"{self.path} is {what}.")
        return data

    def read(self, size: int = BLOCK) -> bytes:
        """Return the next `size` bytes; fewer at the end, none after it."""
        data = b""
        with telling(self.path):
            while len(data) < size and (more := self._file.read(size - len(data))):
                data += more
        self._digest.update(data)
        return data

    @property
    def position(self) -> int:
        """How many bytes of the file itself have been read."""
        return self._raw.tell()

    @property
    def digest(self) -> str:
        """The digest of the bytes that have been read."""
        return self._digest.hexdigest()

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(Exception):  # an error at the end of decompression
            self._file.close()
        self._raw.close()

    def __enter__(self) -> Unpacked:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Bz2Streams:
    """The contents of a bz2 file, stream after stream.

    Python's own reader ignores bytes after a stream that do not begin another one. In a file that was joined from several ones, of
    which the second is damaged, its rows would be missing without an error.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._stream = bz2.BZ2Decompressor()

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none at the end.

        Raises:
            OSError: the bytes after a stream are not another one.
            EOFError: the file ends within a stream.
        """
        while True:
            data = b""
            if self._stream.eof:
                data = self._stream.unused_data
                while not (data := data.lstrip(b"\0")):  # tapes and copies have such padding
                    if not (data := self._raw.read(BLOCK)):
                        return b""
                self._stream = bz2.BZ2Decompressor()
            elif self._stream.needs_input and not (data := self._raw.read(BLOCK)):
                raise EOFError("the file ends before its last stream")
            if found := self._stream.decompress(data, size):
                return found

    def close(self) -> None:
        """Drop the bytes that were read ahead."""
        self._stream = bz2.BZ2Decompressor()


def _packed_with(head: bytes) -> str:
    """Return the compression of a file with this beginning; empty if it is not compressed."""
    return next((name for name, pattern in _PACKINGS.items() if re.match(pattern, head)), "")


class FileReader:
    """The common part of readers of one text file: the file, and the position.

    Args:
        path: The file.

    Attributes:
        path: The same.
        notes: Notes for the summary about how it is read.
        blank_lines: How many blank lines were left out so far.

    Raises:
        BadData: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self.blank_lines = 0
        self._file = Unpacked(path)

    @property
    def position(self) -> int:
        """How many bytes of the file itself have been read."""
        return self._file.position

    @property
    def digest(self) -> str:
        """The digest of the bytes that have been read."""
        return self._file.digest

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def digest_of(path: Path) -> str:
    """Return the digest of a whole file, decompressed."""
    with Unpacked(path) as file:
        while file.read():
            pass
        return file.digest


def spooled(source: IO[bytes], target: Path) -> Path:
    """Copy a file that can be read only once, such as standard input, to `target`, and return that."""
    with telling(target), target.open("wb") as file:
        while block := source.read(BLOCK):
            file.write(block)
    return target


def is_pipe(path: Path) -> bool:
    """Whether `path` is a pipe or device, which can be read only once."""
    return not path.is_dir() and not path.is_file() and os.path.exists(path)


def format_of(path: Path) -> str:
    """Return the format by the file's name: `json` and `parquet` by their suffixes, compressed or not, otherwise `csv`.

    Example:
        >>> [format_of(Path(name)) for name in ("a.csv.gz", "a.jsonl.GZ", "a.parquet", "a")]
        ['csv', 'json', 'parquet', 'csv']
    """
    name = path.name.lower()
    for suffix in PACKED:
        name = name.removesuffix(suffix)
    return SUFFIXES.get(Path(name).suffix, "csv")
