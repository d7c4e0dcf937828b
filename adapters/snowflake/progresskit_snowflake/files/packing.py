"""Compression: the good rows of a file, in one canonical form, whatever the file's own form is. Does not know the server."""

from __future__ import annotations

import bisect
import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..copying import canonical_format, counted
from ..sql.columns import Column
from ..versions import connector_version
from .dialects import Dialect
from .opening import BadData, identity, telling
from .quality import Reading, Report, ordered, unchanged
from .records import Chunk, CsvReader

CHANGED = "{} changed since it was checked: nothing is loaded. Load it when nobody writes to it any more."


@contextlib.contextmanager
def _changed(path: Path, report: Report | None) -> Iterator[None]:
    """Raise an error of pyarrow in a block that the check has proved as a change of the file."""
    import pyarrow as pa

    try:
        yield
    except pa.ArrowInvalid as error:
        if report is None:
            raise
        raise BadData(CHANGED.format(path)) from error


class PackedTotal:
    """The compressed size of all files, in bytes: the known sizes, and the ratio so far for the rest.

    Args:
        raw: Bytes of each file before compression.

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
        """Note the compressed size of a file."""
        self._left -= raw
        self._count -= 1
        self._raw += raw
        self._packed += packed

    @property
    def exact(self) -> bool:
        """Whether all files are compressed."""
        return not self._count

    @property
    def bytes(self) -> int | None:
        """The estimated bytes in total; None before the first size is known."""
        if not self._raw:
            return self._packed if self.exact else None
        return self._packed + (0 if self.exact else round(self._left * self._packed / self._raw))


@dataclass(frozen=True)
class CanonicalForm:
    """The canonical form: UTF-8, commas, line feeds, quotes around texts, doubled quotes within them; NULL is an empty field.

    Attributes:
        reading: How files are read.
        columns: The columns of the load, in the order of the written fields.
        null: The text for NULL in a file of one column, where an empty field would be a blank line.
    """

    reading: Reading
    columns: Sequence[Column]
    null: str = field(default_factory=lambda: f"NULL-{secrets.token_hex(8)}")

    @property
    def marker(self) -> str:
        """The text that is written for NULL."""
        return self.null if len(self.columns) == 1 else ""

    def options(self) -> str:
        """Return the FILE_FORMAT of COPY for it. It has every option, because an account may have other defaults."""
        nulls = [*self.reading.nulls, *([""] if self.reading.dialect.empty == "null" else [])]
        if self.marker:
            nulls.append(self.marker)
        return canonical_format(nulls)

    def pack(
        self,
        path: Path,
        target: Path,
        report: Report | None = None,
        moved: Callable[[int], None] = lambda position: None,
        check_stop: Callable[[], None] = lambda: None,
    ) -> int:
        """Write the good rows of the file at `path` to `target`, compressed, and return their number.

        Args:
            path: A CSV or JSON file.
            target: The path of the compressed file.
            report: The check's report of the file; None without a check.
            moved: Called with the number of bytes of `path` that have been processed.
            check_stop: Called after each block; its exception ends the work.

        Raises:
            BadData: a record cannot be read, or the file has changed since the check.
        """
        import pyarrow as pa

        before = identity(path)
        if report is not None and report.identity is not None and report.identity != before:
            raise BadData(CHANGED.format(path))
        rows = 0
        with telling(target), pa.OSFile(str(target), "wb") as file, pa.CompressedOutputStream(file, "zstd") as out:
            for data, count, position in self._pieces(path, report):
                check_stop()
                rows += count
                out.write(data)
                moved(position)
        unchanged(path, before)
        return rows

    def _pieces(self, path: Path, report: Report | None) -> Iterator[tuple[Any, int, int]]:
        """Yield the canonical form of the file in pieces, each with its number of rows and the bytes of the file that have been
        read."""
        with self.reading.open(path, self.columns) as reader, _changed(path, report):
            order = ordered(reader, self.columns)
            left_out = report.left_out if report else []
            # A block that the check has found in canonical form needs no parsing, unless it has changed.
            parse = report is None or not report.as_is
            rows, start = 0, 0
            if isinstance(reader, CsvReader):
                chunks = reader.chunks(parse=parse, proofs=report.proofs if report else ())
            else:
                chunks = reader.chunks()
            for chunk in chunks:
                if report is None and chunk.bad:
                    line, reason = min(chunk.bad.items())
                    raise BadData(f"{path}:{line}: {reason}.")
                data, count, start = self._written(chunk, order, left_out, start)
                rows += count
                yield data, count, reader.position
            if report is not None:
                if reader.digest != report.digest:
                    raise BadData(CHANGED.format(path))
                if not parse:
                    yield b"", report.rows - rows, reader.position
                elif rows != report.rows:
                    raise BadData(
                        f"{path}: {counted(report.rows)} checked, but {rows:,d} to be sent: nothing is loaded."
                    )

    def _written(self, chunk: Chunk, order: list[int], left_out: list[int], start: int) -> tuple[Any, int, int]:
        """Return a chunk in canonical form, its number of rows, and the index at which the left-out rows of the next chunk
        begin."""
        import pyarrow as pa
        import pyarrow.csv as pa_csv

        end = bisect.bisect_left(left_out, chunk.first + chunk.rows, start)
        wrong = {row - chunk.first for row in left_out[start:end]}
        if chunk.canonical is not None and not wrong and order == sorted(order):
            return chunk.canonical, chunk.rows, end
        table = pa.table([chunk.texts[at] for at in order], names=[str(at) for at in order])
        if wrong:
            table = table.filter(pa.array([row not in wrong for row in range(chunk.rows)]))
        if self.marker:
            return self._marked(table.column(0)), table.num_rows, end
        sink = pa.BufferOutputStream()
        pa_csv.write_csv(table, sink, pa_csv.WriteOptions(include_header=False, quoting_style="all_valid"))
        return sink.getvalue(), table.num_rows, end

    def _marked(self, column: Any) -> bytes:
        """Return a column of text as a file of one column. Before version 26, pyarrow's writer knows no text for NULL."""
        import pyarrow.compute as pc

        doubled = pc.replace_substring(column, '"', '""')
        fields = pc.fill_null(pc.binary_join_element_wise('"', doubled, '"', ""), self.marker)
        return "".join(f"{field}\n" for field in fields.to_pylist()).encode()

    def line_of(self, path: Path, report: Report | None, line: int) -> int | None:
        """Return the line of the file at `path` for a line of its packed form; None if it is unknown.

        Reads the file again, so it is called only to report an error of the server.
        """
        at, start = 1, 0
        with contextlib.suppress(BadData), self.reading.open(path, self.columns) as reader:
            order = ordered(reader, self.columns)
            left_out = report.left_out if report else []
            for chunk in reader.chunks():
                wrong = {row - chunk.first for row in left_out}
                lines = [one for row, one in enumerate(chunk.lines) if row not in wrong]
                data, _, start = self._written(chunk, order, left_out, start)
                data = bytes(data)
                if at + data.count(b"\n") <= line:
                    at += data.count(b"\n")
                    continue
                for record, found in zip(_WRITTEN.record.finditer(data), lines, strict=True):
                    at += record[0].count(b"\n")
                    if at > line:
                        return found
        return None


_WRITTEN = Dialect(",")


def link(path: Path, target: Path) -> None:
    """Make `target` another name of the file at `path`, by a hard link if possible, otherwise by a copy.

    A symbolic link would not do: connector 5.x names the staged file after the link's target.
    """
    path = path.resolve()
    try:
        os.link(path, target)
    except OSError:  # another file system, or a file of another user
        if connector_version() < (5,):
            target.symlink_to(path)
        else:
            shutil.copyfile(path, target)
