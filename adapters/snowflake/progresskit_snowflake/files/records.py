"""The only reading of a CSV file: its records as columns of text, with their lines, and the same records in canonical form.

The check, the types and the uploaded rows all use the records that are read here; no other code reads a file. If a regular
expression of linear time proves that a block has only whole records, pyarrow parses it, because all readers of CSV agree on such
bytes. Any other block is split into its records one by one, and invalid records are reported with their line. So is a block with a
NUL: before version 26, pyarrow overlooks a delimiter, a quote or a line end within eight bytes of one.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ..copying import counted
from .dialects import CANONICAL, SAMPLE, Dialect, DialectError, decided, decoded_sample, suggestion
from .fields import column_at, fields_of, trouble
from .opening import BLOCK, BadData, FileReader

LONGEST = 256 << 20
"""The most bytes of a record. Without a limit, a quote that is never closed would have the whole file read into memory."""
JOINED = "as where files were joined: load those by themselves, or leave it out by --max-bad-rows"
CUTS = 8
"""The most places at which cutting a block is tried."""
_FILLED = re.compile(rb"[^\r\n]")
_UNSEEN = re.compile(
    # Control and format characters, but not the joiners, which Persian and Hindi need.
    "[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)


@dataclass
class Chunk:
    """Records that were read together.

    Attributes:
        texts: Their fields, a pyarrow array of text for each column; an empty field is NULL.
        first: The number of readable records of the file before them.
        rows: The number of records.
        bad: Line -> the reason why the record that begins there is invalid. It is in no column.
        canonical: The same records in canonical form, if no writing is needed for it; otherwise None.
        stringy: The numbers of columns in which a text was quoted although the format also has numbers, as JSON does.
        has_long_rows: Whether a record of a CSV file has several lines.
    """

    texts: list[Any]
    first: int
    rows: int
    lines_of: Callable[[], Sequence[int]]
    bad: dict[int, str] = field(default_factory=dict)
    canonical: bytes | None = None
    stringy: frozenset[int] = frozenset()
    has_long_rows: bool = False

    @cached_property
    def lines(self) -> Sequence[int]:
        """The line in which each record begins, as an editor counts. It costs a reading, so it is used only for messages."""
        return self.lines_of()


class CsvReader(FileReader):
    """Reads one CSV file from its beginning to its end, once.

    Args:
        path: The file.
        dialect: The given parts of its dialect; the others are detected from its first bytes.
        nulls: Texts that stand for NULL, quoted or not.
        width: The number of columns of a file without a header; None: that of its first record.

    Attributes:
        names: The header's names; without a header C1, C2, ...
        dialect: The file's dialect.
        notes: Notes for the summary about how it is read.
        blank_lines: The number of blank lines that were left out so far.
        proofs: For each block, the number of its bytes that are proved to be whole records, and whether they are in canonical form;
            for a second reading of the same bytes.

    Raises:
        BadData: the file cannot be read, or its dialect is ambiguous.
    """

    def __init__(self, path: Path, dialect: Dialect, nulls: Sequence[str] = (), width: int | None = None) -> None:
        super().__init__(path)
        self.proofs: list[tuple[int, bool]] = []
        self._proved = False
        self._nulls = [*nulls, *([""] if dialect.empty == "null" else [])]
        self.names: list[str] = []
        self._header_again = b""
        self._line = 1
        self._rows = 0
        self._over = False
        try:
            self._begin(dialect)
            self.names = self._header() if self.dialect.header else self._numbered(width)
        except DialectError as error:
            self.close()
            raise BadData(f"{path}: {error}") from error
        except BaseException:
            self.close()
            raise

    # The beginning

    def _begin(self, dialect: Dialect) -> None:
        data = self._file.first(SAMPLE)
        if not data:
            raise BadData(f"{self.path} is empty: give a CSV file with a header line, or rows and --no-header.")
        whole = len(data) < SAMPLE
        # A header of thousands of names is longer.
        while not whole and b"\n" not in data and b"\r" not in data and len(data) < LONGEST:
            more = self._file.read(len(data))
            whole = len(more) < len(data)
            data += more
        asked = dialect.encoding
        dialect, sample = decoded_sample(data, dialect)
        if dialect.encoding != "utf-8" and not asked:
            self.notes.append(f"its encoding is {dialect.encoding}")
        self.dialect = dialect  # for the separator that the next line may name
        self.dialect, note = decided(sample, dialect, whole=whole)
        if note:
            self.notes.append(note)
        self._decoder = None if dialect.encoding == "utf-8" else codecs.getincrementaldecoder(dialect.encoding)()
        self._data = b""
        self._add(data[dialect.mark :], over=whole)
        for _ in range(self.dialect.skip_lines):
            self._skip_line()

    def _add(self, data: bytes, *, over: bool) -> None:
        """Append bytes of the file, in UTF-8, to the buffer; at the file's end also the end of its last record."""
        if self._decoder is not None:
            try:
                data = self._decoder.decode(data, over).encode()
            except UnicodeDecodeError as error:
                good = error.object[: error.start].decode(self.dialect.encoding, "ignore")
                line = self._line + self._lines(self._data) + good.count(self.dialect.newline)
                raise BadData(
                    f"{self.path}:{line}: it is no {self.dialect.encoding} ({error.reason}): give another --encoding."
                ) from error
        self._data += data
        if over:
            self._over = True
            end = self.dialect.newline.encode()
            if self._data and not self._data.endswith(end):
                self._data += end

    def _more(self) -> bool:
        """Read more, in blocks that grow with the buffer, and return whether there was anything."""
        if self._over:
            return False
        if len(self._data) > LONGEST:
            raise BadData(
                f"{self.path}:{self._line}: the row that begins here does not end within {LONGEST:,d} bytes: "
                "a quote is not closed, or it is no CSV."
            )
        size = max(BLOCK, len(self._data))
        data = self._file.read(size)
        self._add(data, over=len(data) < size)
        return True

    def _skip_line(self) -> None:
        end = self.dialect.newline.encode()
        while end not in self._data and self._more():
            pass
        self._data, self._line = self._data.partition(end)[2], self._line + 1

    def _blank(self, at: int = 0) -> int:
        """Return the length of the line end at `at` in the buffer; 0 if there is none."""
        ends = (b"\r\n", b"\n") if self.dialect.newline == "\n" else (b"\r",)
        return next((len(end) for end in ends if self._data.startswith(end, at)), 0)

    def _first(self) -> tuple[bytes, bytes]:
        """Return the first blank lines and the record after them, without removing them; empty at the file's end."""
        at, line = 0, self._line
        while len(self._data) > at or not self._over:
            if size := self._blank(at):
                at, line = at + size, line + 1
            elif found := self.dialect.record.match(self._data, at):
                return self._data[:at], found[0]
            elif self._data[at:] and (reason := self._trouble(at, line)):
                raise BadData(f"{self.path}:{line}: {reason}.")
            elif not self._more():
                raise self._unclosed(line)
        return self._data, b""

    def _drop(self, blank: bytes, record: bytes = b"") -> None:
        """Remove the first blank lines and the record after them."""
        self._data = self._data[len(blank) + len(record) :]
        self._line += self._lines(blank) + self._lines(record)
        self.blank_lines += self._lines(blank)

    def _header(self) -> list[str]:
        blank, record = self._first()
        if not record:
            raise BadData(f"{self.path} has no header line: give a CSV file with one, or rows and --no-header.")
        names = [text or "" for text in self._first_fields(record)]
        self._valid(record)
        nameless = [number for number, name in enumerate(names, 1) if not name.strip()]
        if nameless:
            number = nameless[0]
            why = " (pandas and R write an index so)" if number == 1 else ""
            why = " (a delimiter ends the line)" if number == len(names) > 1 else why
            raise BadData(
                f"{self.path}:{self._line}: the header has no name for column {number} of {len(names)}{why}: give it one, or "
                "leave the header out by --skip-lines 1 --no-header, which calls the columns C1, C2, ..."
            )
        quote = self.dialect.quote
        inner = [(name, name.strip()) for name in names if quote and name.encode() in record]
        apart = [name for name, bare in inner if name != bare and bare[:1] == bare[-1:] == quote]
        if apart:
            raise BadData(
                f"{self.path}:{self._line}: the header has {apart[0]!r:.60}, with a blank beside the quotes: take out the blanks "
                "beside delimiters, since the quotes would be part of the name, and of values that are written so."
            )
        if unseen := _UNSEEN.search("".join(names)):
            what = (
                "it is no CSV, or that is what splits its columns: give --delimiter"
                if unseen[0] < "\x80"
                else "take it out of the name, or leave the header out by --skip-lines 1 --no-header"
            )
            raise BadData(
                f"{self.path}:{self._line}: the header has the character {unseen[0]!a}, which is not shown: {what}."
            )
        self._drop(blank, record)
        self._header_again = record if len(names) > 1 else b""  # a value may equal its column's name
        return names

    def _first_fields(self, record: bytes) -> list[str | None]:
        """Return the fields of the first record."""
        try:
            return fields_of(record, self.dialect, "text")
        except ValueError as error:
            raise BadData(f"{self.path}:{self._line}: {error}.") from error

    def _numbered(self, width: int | None) -> list[str]:
        blank, record = self._first()
        found = len(self._first_fields(record)) if record else 0
        if not found and not width:
            raise BadData(f"{self.path} has no rows: without a header nobody knows its columns.")
        if (width or found) > 1 or self.dialect.blank_lines != "null":
            self._drop(blank)
        return [f"C{number}" for number in range(1, (width or found) + 1)]

    # The records

    def chunks(self, *, parse: bool = True, proofs: Sequence[tuple[int, bool]] = ()) -> Iterator[Chunk]:
        """Yield the records after the header, in the file's order.

        Args:
            parse: Whether texts and rows are needed even if the canonical form is available without them.
            proofs: The proofs of an earlier reading of the same bytes, which the digest must confirm: nothing is proved again, and
                lines are not counted.

        Raises:
            BadData: the beginning of the next record is unknown, or the bytes are not valid in the encoding.
        """
        known = iter(proofs)
        self._proved = bool(proofs)
        while True:
            size, canonical = next(known, (0, False)) if self._proved else self._cut()
            if not self._proved:
                self.proofs.append((size, canonical))
            if size:
                data, line = self._data[:size], self._line
                if not self._proved:
                    self._line += self._lines(data)
                self._data = self._data[size:]
                as_is = None if parse else self._as_is(data, canonical)
                if as_is is not None:
                    self._valid(data, line)
                    yield Chunk([], self._rows, 0, list, canonical=as_is)
                else:
                    yield self._parsed(data, line, canonical=canonical)
            elif self._data:
                before = len(self._data)
                if chunk := self._separated():
                    yield chunk
                if self._over and len(self._data) == before:
                    raise self._unclosed(self._line)
            elif self._over:
                return
            if not self._over:
                self._more()

    def _lines(self, data: bytes) -> int:
        """Return the number of line ends in `data`."""
        return data.count(self.dialect.newline.encode())

    def _cut(self) -> tuple[int, bool]:
        """Return the number of bytes of the buffer that are proved to be whole records, and whether they are canonical; 0 if
        unknown."""
        if self.dialect.newline != "\n" or self.dialect.escape or b"\0" in self._data:
            return 0, False
        end = self._data.rfind(b"\n")
        if self._files_joined(end):
            return 0, False
        for _ in range(CUTS if self.dialect.quote else 1):
            if end < 0:
                break
            data = self._data[: end + 1]
            if self._canonical(data):
                return end + 1, True
            if self._regular(data):
                return end + 1, False
            at = self._data.rfind(self.dialect.quote.encode(), 0, end)
            end = self._data.rfind(b"\n", 0, at) if at >= 0 else -1
        return 0, False

    def _files_joined(self, end: int) -> bool:
        """Whether a line up to `end` of the buffer begins as only the first line of a file does."""
        starts = [start for start in (codecs.BOM_UTF8, self._header_again) if start and start[:1] in self._data]
        return any(self._data.startswith(start) or self._data.find(b"\n" + start, 0, end + 1) >= 0 for start in starts)

    def _canonical(self, data: bytes) -> bool:
        """Whether bytes with quotes are records in canonical form. Bytes without quotes need no such check."""
        dialect = self.dialect
        return dialect.delimiter == "," and dialect.quote == '"' and b'"' in data and matches(data, CANONICAL)

    def _regular(self, data: bytes) -> bool:
        """Whether bytes are records without blank lines, on which all readers agree."""
        quote = self.dialect.quote.encode()
        if quote and quote in data:
            return matches(data, self.dialect.grammar)
        if data.startswith((b"\n", b"\r\n")) or b"\n\n" in data:
            return False
        return b"\r" not in data or (b"\n\r\n" not in data and data.count(b"\r") == data.count(b"\r\n"))

    def _parsed(self, data: bytes, line: int, lines: Sequence[int] | None = None, *, canonical: bool = False) -> Chunk:
        """Parse bytes that are whole regular records into a chunk; `lines` are their lines, if known."""
        import pyarrow as pa
        import pyarrow.csv as pa_csv

        self._valid(data, line)
        dropped: dict[int, int] = {}

        def skip(row: Any) -> str:
            dropped[row.number - 1] = row.actual_columns
            return "skip"

        names = [str(number) for number in range(len(self.names))]
        dialect = self.dialect
        nothing = [] if dialect.empty == "text" else [""]
        quotes = bool(dialect.quote) and dialect.quote.encode() in data
        table = pa_csv.read_csv(
            pa.py_buffer(data),
            read_options=pa_csv.ReadOptions(block_size=len(data) + 1, use_threads=False, column_names=names),
            parse_options=pa_csv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char=dialect.quote or False,
                newlines_in_values=bool(dialect.quote),
                ignore_empty_lines=False,
                invalid_row_handler=skip,
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=True,
                null_values=nothing if quotes else [*nothing, *self._nulls],  # quoted texts are found below
                quoted_strings_can_be_null=False,
                check_utf8=False,
            ),
        )
        texts = [one.chunk(0) if one.num_chunks == 1 else one.combine_chunks() for one in table.columns]
        if quotes:
            texts = without(texts, self._nulls)

        def starts() -> Sequence[int]:
            if lines is not None:
                return lines
            found, at = [], line
            for record in dialect.record.finditer(data):
                found.append(at)
                at += self._lines(record[0])
            return found

        chunk = Chunk(texts, self._rows, table.num_rows, starts)
        chunk.has_long_rows = quotes and self._lines(data) > table.num_rows + len(dropped)
        if dropped:
            every = starts()
            chunk.bad = {every[at]: self._width(width) for at, width in dropped.items()}
            good = [one for at, one in enumerate(every) if at not in dropped]
            chunk.lines_of = lambda: good
        else:
            chunk.canonical = self._as_is(data, canonical)
        self._rows += table.num_rows
        return chunk

    def _width(self, width: int) -> str:
        names = len(self.names)
        words = f"{counted(width, 'column')}, but {names} {'is' if names == 1 else 'are'} expected"
        return f"{words} (lines before the header: --skip-lines)" if names == 1 else words

    def _as_is(self, data: bytes, canonical: bool) -> bytes | None:
        """Return the canonical form of regular records if it needs no parsing: they differ only in line ends and delimiters.

        Bytes with quotes must be proved to be `canonical`.
        """
        dialect = self.dialect
        if dialect.empty == "text":
            return None
        if b'"' not in data and (not dialect.quote or dialect.quote.encode() not in data):
            if dialect.delimiter != ",":
                if b"," in data:
                    return None
                data = data.replace(dialect.delimiter.encode(), b",")
            return data.replace(b"\r\n", b"\n") if b"\r" in data else data
        return data if canonical else None

    def _with_nulls(self, texts: list[Any]) -> list[Any]:
        """Return the texts with NULL in place of the texts that mean it."""
        import pyarrow.compute as pc

        if self.dialect.empty == "text":
            texts = [pc.fill_null(column, "") for column in texts]
        return without(texts, self._nulls)

    def _separated(self) -> Chunk | None:
        """Remove the whole records from the buffer one by one, and return them."""
        data, at, line = self._data, 0, self._line
        records: list[bytes] = []
        lines: list[int] = []
        bad: dict[int, str] = {}
        single = len(self.names) == 1
        filled = 0  # where the next row begins, as far as that is known
        while at < len(data):
            if blank := self._blank(at):
                if single and self.dialect.blank_lines == "null":
                    records.append(b"")
                    lines.append(line)
                else:
                    if single and filled <= at:
                        found = _FILLED.search(data, at)
                        filled = found.start() if found else len(data)
                    if single and filled == len(data) and not self._over:
                        break  # a row may follow
                    if single and filled < len(data) and not self.dialect.blank_lines:
                        raise self._doubtful_blank(line)
                    self.blank_lines += 1
                at, line = at + blank, line + 1
            elif found := self.dialect.record.match(data, at):
                if found[0].startswith(codecs.BOM_UTF8):
                    bad[line] = f"a byte order mark begins this row, {JOINED}"
                elif found[0] == self._header_again:
                    bad[line] = f"it is the header once more, {JOINED}"
                else:
                    records.append(found[0])
                    lines.append(line)
                at, line = found.end(), line + self._lines(found[0])
            elif reason := self._trouble(at, line):
                bad[line] = reason
                at, line = data.find(self.dialect.newline.encode(), at) + 1, line + 1
            else:
                break
        self._data, self._line = data[at:], line
        return self._joined(records, lines, bad) if records or bad else None

    def _unclosed(self, line: int) -> BadData:
        return BadData(
            f"{self.path}:{line}: a quote that is opened here is not closed until the file's end: close it, or give --quote none where "
            "quotes belong to the values."
        )

    def _doubtful_blank(self, line: int) -> BadData:
        return BadData(
            f"{self.path}:{line}: a blank line between the rows of a file of one column may be a missing value, or nothing: "
            "give --blank-lines null or --blank-lines skip."
        )

    def _joined(self, records: list[bytes], lines: list[int], bad: dict[int, str]) -> Chunk:
        """Return a chunk of records that were split one by one."""
        data = b"".join(records)
        plain = data and b"" not in records and not self.dialect.escape and self.dialect.newline == "\n"
        if plain and b"\0" not in data and matches(data, self.dialect.grammar):
            chunk = self._parsed(data, self._line, lines, canonical=self._canonical(data))
            chunk.bad |= bad
            return chunk
        import pyarrow as pa

        rows, starts = [], []
        for record, line in zip(records, lines, strict=True):
            self._valid(record, line)
            try:
                fields = fields_of(record, self.dialect, self.dialect.empty) if record else [None]
            except ValueError as error:
                bad[line] = str(error)
                continue
            if len(fields) != len(self.names):
                bad[line] = self._width(len(fields))
                continue
            rows.append(fields)
            starts.append(line)
        texts = [pa.array([row[number] for row in rows], pa.string()) for number in range(len(self.names))]
        chunk = Chunk(self._with_nulls(texts), self._rows, len(rows), lambda: starts, bad)
        chunk.has_long_rows = self._lines(data) > len(records)
        self._rows += len(rows)
        return chunk

    def _valid(self, data: bytes, line: int | None = None) -> None:
        """Raise BadData if bytes are not valid UTF-8."""
        if self._decoder is not None or self._proved:
            return
        try:
            data.decode()
        except UnicodeDecodeError as error:
            line = (self._line if line is None else line) + data.count(b"\n", 0, error.start)
            start = data.rfind(b"\n", 0, error.start) + 1
            column = column_at(data[start : error.start], self.dialect, self.names)
            where = f"in the column {column}, " if column else ""
            stop = data.find(b"\n", error.start)
            other = suggestion(data[start : stop if stop >= 0 else len(data)])
            raise BadData(
                f"{self.path}:{line}: {where}byte {data[error.start]:#04x} is no UTF-8. "
                f"The file may be in {other}: give --encoding {other}, or what else it is written in."
            ) from error

    def _trouble(self, at: int, line: int) -> str:
        """Return the reason why the record that begins at `at` of the buffer is invalid; empty if its end has not been read yet.

        Raises:
            BadData: it has several lines, so that the beginning of the next record is unknown.
        """
        reason, is_whole = trouble(self._data, at, self.dialect, self.names, is_all=self._over)
        if not is_whole:
            raise BadData(
                f"{self.path}:{line}: {reason}. The row has several lines: where the next one begins is not known."
            )
        return reason


def matches(data: bytes, pattern: str) -> bool:
    """Whether bytes match a pattern of RE2 from beginning to end."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found: bool = pc.match_substring_regex(pa.array([data], pa.binary()), pattern)[0].as_py()
    return found


def without(texts: list[Any], nulls: Sequence[str]) -> list[Any]:
    """Return columns of text with NULL for each of `nulls`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not nulls:
        return texts
    missing, found = pa.array(nulls, pa.string()), []
    for column in texts:
        stands = pc.is_in(column, value_set=missing)
        found.append(pc.if_else(stands, None, column) if pc.any(stands).as_py() else column)
    return found
