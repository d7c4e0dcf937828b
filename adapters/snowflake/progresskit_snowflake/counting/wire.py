"""The files to send: which ones, under which names, compressed or unchanged.

Knows files and folders. Does not know servers, SQL or bars.
"""

from __future__ import annotations

import glob
import gzip
import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

CHUNK = 1 << 20
LEVEL = 6
MOST = 100
"""The most files of one statement."""
ENOUGH = 64 << 20
"""Bytes from which a statement gets no further file, so that a large file has its own statement."""
MAGIC = (b"\x1f\x8b", b"BZh", b"\x28\xb5\x2f\xfd", b"PAR1", b"ORC")
"""The first bytes of compressed files: gzip, bzip2, Zstandard, Parquet, ORC."""
SUFFIXES = (".gz", ".bz2", ".br", ".zst", ".deflate", ".raw_deflate", ".parquet", ".orc")


class Cancelled(Exception):
    """The remaining files are no longer needed."""


class Packed(NamedTuple):
    """A file that is ready to be sent.

    Attributes:
        source: The user's file.
        name: Its name on the stage.
        path: The file with its bytes, which is not the user's if they are compressed.
        size: Bytes that go over the wire.
    """

    source: Path
    name: str
    path: Path
    size: int

    @property
    def beginning(self) -> str:
        """The beginning of a pattern that finds it, because wildcards do not match a leading dot."""
        return "..?" if self.name.startswith("..") else ".[!.]" if self.name.startswith(".") else ""


class Batch(NamedTuple):
    """Files of one statement.

    Attributes:
        folder: Holds these files under their names, and nothing else.
        files: The files.
    """

    folder: Path
    files: list[Packed]

    @property
    def pattern(self) -> str:
        """The pattern for its files in a statement, without the user's names, so that none has to be quoted."""
        return f"{glob.escape(self.folder.absolute().as_posix())}/{self.files[0].beginning}*"


def expand(path: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Return the files for `path`.

    Args:
        path: A file, or several. A string that names no file may have the wildcards `*`, `?` and `[...]`.

    Raises:
        FileNotFoundError: there is no such file, or none that matches a wildcard.
    """
    if not isinstance(path, (str, os.PathLike)):
        return [file for one in path for file in expand(one)]
    if Path(path).is_file():  # before all else: its name may look like a wildcard
        return [Path(path)]
    found = [Path(match) for match in sorted(glob.glob(path))] if isinstance(path, str) else []
    files = [match for match in found if match.is_file()]
    if not files:
        raise FileNotFoundError(
            f"there is no file {str(path)!r:.200}: give files that are there, or a wildcard that fits some."
        )
    return files


def is_compressed(path: Path) -> bool:
    """Return whether the file is compressed already, by its name or its first bytes."""
    if path.name.lower().endswith(SUFFIXES):
        return True
    with path.open("rb") as file:
        return file.read(4).startswith(MAGIC)


def squeeze(source: Path, target: Path, advance: Callable[[int], object], check_stop: Callable[[], None]) -> None:
    """Write `source` to `target` as gzip, the same bytes each time.

    Args:
        source: A file.
        target: Where to.
        advance: Called with the number of bytes of `source` that were read.
        check_stop: Called now and then; raises an exception to end the work.
    """
    with source.open("rb") as plain, target.open("wb") as raw, gzip.GzipFile("", "wb", LEVEL, raw, mtime=0) as out:
        while chunk := plain.read(CHUNK):
            check_stop()
            out.write(chunk)
            advance(len(chunk))


class Packing:
    """Prepares files in the background, in order, and yields batches of prepared ones. Ends with its `with` block.

    Args:
        files: The user's files.
        folder: A private folder for compressed files.
        compress: Whether to compress uncompressed files.

    Attributes:
        to_compress: Bytes of all files that have to be compressed.
        advance: Called with the number of compressed bytes, from another thread. Set it before the block.

    Raises:
        ValueError: two files would have the same name on the stage.

    Example:
        >>> with Packing([path], folder, compress=True) as packing:  # doctest: +SKIP
        ...     for batch in packing:
        ...         ...
    """

    def __init__(self, files: Sequence[Path], folder: Path, *, compress: bool) -> None:
        self._folder = folder
        self.advance: Callable[[int], object] = lambda size: None
        self._plain = {file for file in files if compress and not is_compressed(file)}
        self._names = [file.name + ".gz" * (file in self._plain) for file in files]
        twice = [name for name, count in Counter(self._names).items() if count > 1]
        if twice:
            raise ValueError(f"{twice[0]!r:.200} would be the name of two files on the stage: upload them apart.")
        self._files = list(files)
        self.to_compress = sum(file.stat().st_size for file in self._plain)
        self._cancelled = threading.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="compression")
        self._ready: list[Future[Packed]] = []

    def __enter__(self) -> Packing:
        self._ready = [
            self._pool.submit(self._pack, number, file, name)
            for number, (file, name) in enumerate(zip(self._files, self._names, strict=True))
        ]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cancelled.set()
        self._pool.shutdown(cancel_futures=True)

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches of prepared files. A batch's files are removed when the next one is requested."""
        waiting = list(self._ready)
        while waiting:
            files = [waiting.pop(0).result()]
            while waiting and waiting[0].done() and self._fits(waiting[0].result(), files):
                files.append(waiting.pop(0).result())
            folder = self._folder / f"batch-{len(waiting):06d}"
            folder.mkdir()
            for file in files:
                if file.path == file.source:
                    (folder / file.name).symlink_to(file.source.absolute())
                else:
                    file.path.rename(folder / file.name)
            yield Batch(folder, files)
            shutil.rmtree(folder)

    @staticmethod
    def _fits(file: Packed, others: Sequence[Packed]) -> bool:
        room = len(others) < MOST and sum(other.size for other in others) + file.size <= ENOUGH
        return room and file.beginning == others[0].beginning

    def total(self) -> int | None:
        """Return the bytes to send of all files together; None while some are not compressed yet."""
        if all(future.done() and not future.cancelled() and future.exception() is None for future in self._ready):
            return sum(future.result().size for future in self._ready)
        return None

    def _pack(self, number: int, file: Path, name: str) -> Packed:
        if file not in self._plain:
            return Packed(file, name, file, file.stat().st_size)
        target = self._folder / f"{number:06d}.gz"
        squeeze(file, target, self.advance, self._goes_on)
        return Packed(file, name, target, target.stat().st_size)

    def _goes_on(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled
