"""Read CSV files on a stage as the service's documentation says: with every option of a CSV file format, and the line of each
record.

pyarrow or DuckDB, which are fast, read bytes on which they and the documentation agree; this module reads all others, one field at
a time. Does not know tables: a file becomes columns of text and NULL.
"""

from __future__ import annotations

import bz2
import codecs
import contextlib
import gzip
import itertools
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

BLOCK = 1 << 20
WHOLE = 64 << 20
"""The most decompressed bytes of a file that is read at once."""
LONGEST = 1 << 20
"""The most bytes of a line that DuckDB reads: for longer ones it needs buffers of many times their length."""
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "0": "\0"}
_NEWLINE = "\n"
_INVALID = re.compile("[\udc80-\udcff]")
"""The character for bytes that are not valid UTF-8."""


class FormatError(Exception):
    """The statement has an unknown option, or an invalid value of an option."""


class CsvFormat(NamedTuple):
    """The options of a CSV file format, with the service's defaults. A character that is switched off (`NONE`) is an empty text."""

    delimiter: str = ","
    record: str = _NEWLINE
    enclosure: str = ""
    escape: str = ""
    unenclosed_escape: str = "\\"
    skip_header: int = 0
    skip_blank_lines: bool = False
    nulls: tuple[str, ...] = ("\\N",)
    empty_is_null: bool = True
    trim: bool = False
    encoding: str = "UTF8"
    compression: str = "AUTO"
    exact_width: bool = True
    replace_invalid: bool = False
    skip_mark: bool = True


def _character(value: Any) -> str:
    text = str(value)
    return "" if text.upper() == "NONE" else text


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).upper() not in ("TRUE", "FALSE"):
        raise FormatError(f"invalid value [{value}] for a parameter that is TRUE or FALSE")
    return str(value).upper() == "TRUE"


def _list(value: Any) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list) else (str(value),)


_OPTIONS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "FIELD_DELIMITER": ("delimiter", _character),
    "RECORD_DELIMITER": ("record", _character),
    "FIELD_OPTIONALLY_ENCLOSED_BY": ("enclosure", _character),
    "ESCAPE": ("escape", _character),
    "ESCAPE_UNENCLOSED_FIELD": ("unenclosed_escape", _character),
    "SKIP_HEADER": ("skip_header", int),
    "SKIP_BLANK_LINES": ("skip_blank_lines", _flag),
    "NULL_IF": ("nulls", _list),
    "EMPTY_FIELD_AS_NULL": ("empty_is_null", _flag),
    "TRIM_SPACE": ("trim", _flag),
    "ENCODING": ("encoding", str),
    "COMPRESSION": ("compression", lambda value: str(value).upper()),
    "ERROR_ON_COLUMN_COUNT_MISMATCH": ("exact_width", _flag),
    "REPLACE_INVALID_CHARACTERS": ("replace_invalid", _flag),
    "SKIP_BYTE_ORDER_MARK": ("skip_mark", _flag),
}
"""SQL's name of an option -> the attribute's name, and the function that parses its value."""
_FIXED = {
    "TYPE": ("CSV",), "DATE_FORMAT": ("AUTO", "YYYY-MM-DD"), "TIME_FORMAT": ("AUTO",), "TIMESTAMP_FORMAT": ("AUTO",),
    "BINARY_FORMAT": ("HEX",), "MULTI_LINE": ("TRUE",), "PARSE_HEADER": ("FALSE",), "VALIDATE_UTF8": ("TRUE",),
}  # fmt: skip
"""Options with a single supported value, and the names of that value."""


def csv_format(options: Mapping[str, Any]) -> CsvFormat:
    """Return the format for the options of a statement or of a named format.

    Raises:
        FormatError: an option is unknown, or its value is invalid.

    Example:
        >>> csv_format({"SKIP_HEADER": 1, "FIELD_OPTIONALLY_ENCLOSED_BY": "NONE"}).skip_header
        1
    """
    found: dict[str, Any] = {}
    for name, value in options.items():
        if name in _OPTIONS:
            ours, read = _OPTIONS[name]
            found[ours] = read(value)
        elif str(value).upper() not in _FIXED.get(name, ()):
            raise FormatError(f"invalid parameter '{name}' with the value [{value}]")
    return CsvFormat()._replace(**found)


class Record(NamedTuple):
    """A record of a file: its line, and its fields (NULL is None) or its error."""

    line: int
    fields: list[str | None]
    problem: str | None = None


def open_unpacked(path: str, compression: str = "AUTO") -> IO[bytes]:
    """Open a staged file for reading, decompressed. Its compression is given, or detected."""
    if compression == "AUTO":
        head = Path(path).read_bytes()[:4] if Path(path).stat().st_size < BLOCK else _head(path)
        kinds = {b"\x1f\x8b": "GZIP", b"BZ": "BZ2", b"\x28\xb5": "ZSTD"}
        compression = kinds.get(head[:2], "NONE")
    if compression == "GZIP":
        return gzip.open(path, "rb")  # type: ignore[return-value]  # a binary file
    if compression == "BZ2":
        return bz2.open(path, "rb")
    if compression == "ZSTD":
        import pyarrow

        opened: IO[bytes] = pyarrow.CompressedInputStream(pyarrow.OSFile(path), "zstd")
        return opened
    if compression == "NONE":
        return open(path, "rb")
    raise FormatError(f"invalid value [{compression}] for parameter 'COMPRESSION'")


def _head(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(4)


def agreed(path: str, how: CsvFormat) -> bool:
    """Whether DuckDB reads the file as the documentation says, because nothing in it is read differently."""
    if not _is_usual(how):
        return False
    with open_unpacked(path, how.compression) as file:
        return _undisputed(iter(lambda: file.read(BLOCK), b""), how)


def _is_usual(how: CsvFormat) -> bool:
    """Whether other readers know all options of a format."""
    if how.trim or how.escape or not how.exact_width or how.replace_invalid or how.record != _NEWLINE:
        return False
    return how.encoding.upper() in ("UTF8", "UTF-8") and len(how.delimiter) == 1 and how.compression != "BZ2"


def _undisputed(blocks: Iterable[bytes], how: CsvFormat) -> bool:
    """Whether other readers read a file's bytes as the documentation says."""
    disputed = [b"\r", b"\n\n", b"\0", b"\xef\xbb\xbf"] + ([b"\\"] if how.unenclosed_escape else [])
    decoder = codecs.getincrementaldecoder("utf-8")()
    before, length = b"\n", 0
    for block in blocks:
        piece = before[-1:] + block
        if any(mark in piece for mark in disputed):
            return False
        for end in (piece.find(b"\n"), piece.rfind(b"\n")):
            length = len(piece) - 1 - end if end >= 0 else length + len(block)
            if length > LONGEST:
                return False
        try:
            decoder.decode(block)
        except UnicodeDecodeError:
            return False
        before = piece
    return before[-1:] == b"\n" and len(before) > 1 and length <= LONGEST


def plain_texts(path: str, how: CsvFormat, width: int) -> list[Any] | None:
    """Return the columns of a small file without enclosed fields, as arrays of text; None for any other file.

    All readers agree on such a file, and pyarrow needs half of DuckDB's time for it.
    """
    if not _is_usual(how) or not how.delimiter.isascii():
        return None
    with open_unpacked(path, how.compression) as file:
        blocks = list(itertools.islice(iter(lambda: file.read(BLOCK), b""), WHOLE // BLOCK + 1))
    if len(blocks) > WHOLE // BLOCK or not _undisputed(blocks, how):
        return None
    data = b"".join(blocks)
    for _ in range(how.skip_header):  # lines as the service counts them
        data = data[data.find(b"\n") + 1 :]
    if not data or (how.enclosure and how.enclosure.encode() in data):
        return None
    import pyarrow
    import pyarrow.csv

    odd: list[Any] = []

    def skip(row: Any) -> str:
        odd.append(row)
        return "skip"

    names = [str(number) for number in range(width)]
    try:
        table = pyarrow.csv.read_csv(
            pyarrow.py_buffer(data),
            pyarrow.csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
            pyarrow.csv.ParseOptions(
                delimiter=how.delimiter,
                quote_char=False,
                ignore_empty_lines=False,
                invalid_row_handler=skip,
            ),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pyarrow.string()),
                strings_can_be_null=True,
                null_values=[*how.nulls, *([""] if how.empty_is_null else [])],
                check_utf8=False,
            ),
        )
    except pyarrow.ArrowInvalid:  # all rows have another width
        return None
    return None if odd else [column.combine_chunks() for column in table.columns]


def records(path: str, how: CsvFormat) -> Iterator[Record]:
    """Yield the records of a file, without the header and skipped lines."""
    with open_unpacked(path, how.compression) as file:
        data = file.read()
    encoding = "utf-8" if how.encoding.upper() in ("UTF8", "UTF-8") else how.encoding
    text = data.decode(encoding, "replace" if how.replace_invalid else "surrogateescape")
    if how.skip_mark:
        text = text.removeprefix("\ufeff")
    at, line = 0, 1
    for _ in range(how.skip_header):  # lines as the service counts them: a quoted newline ends one too
        end = text.find("\n", at)
        at, line = (len(text), line) if end < 0 else (end + 1, line + 1)
    scanner = _Scanner(text, at, line, how)
    while scanner.at < len(text):
        record = scanner.record()
        if record is not None:
            yield record


class _Scanner:
    """Reads one record after another from a text."""

    def __init__(self, text: str, at: int, line: int, how: CsvFormat) -> None:
        self.text, self.at, self.line, self.how = text, at, line, how
        marks = "".join(mark[:1] for mark in (how.delimiter, how.record, "\r", how.escape or how.unenclosed_escape))
        self._plain = re.compile(f"[^{re.escape(marks)}]+")

    def record(self) -> Record | None:
        """Return the next record; None for a blank line that is skipped."""
        began, line = self.at, self.line
        fields: list[str | None] = []
        problem = None
        if self._end():
            self._move(self._end())
            return (
                None
                if self.how.skip_blank_lines
                else Record(line, [], "End of record reached while expected to parse column")
            )
        while True:
            try:
                fields.append(self._field())
            except ValueError as error:
                problem = str(error)
                stop = self.text.find(self.how.record, self.at)
                self.at = len(self.text) if stop < 0 else stop
                break
            if not self._is(self.how.delimiter):
                break
            self.at += len(self.how.delimiter)
        self._move(self._end())
        raw = self.text[began : self.at]
        self.line = line + raw.count("\n")
        if problem is None and _INVALID.search(raw):
            problem = "Invalid UTF8 detected in string"
        return Record(line, fields, problem)

    def _move(self, size: int) -> None:
        self.line += self.text.count("\n", self.at, self.at + size)
        self.at += size

    def _is(self, mark: str) -> bool:
        return bool(mark) and self.text.startswith(mark, self.at)

    def _end(self) -> int:
        """Return the length of the record end at the present position; 0 if there is none."""
        if self.how.record == _NEWLINE and self._is("\r\n"):
            return 2
        return len(self.how.record) if self._is(self.how.record) else 0

    def _over(self) -> bool:
        return self.at >= len(self.text) or self._is(self.how.delimiter) or bool(self._end())

    def _field(self) -> str | None:
        how = self.how
        if how.trim:
            self._spaces()
        if self._is(how.enclosure):
            text = self._enclosed()
            return None if text in how.nulls else text
        began, escape = self.at, how.escape or how.unenclosed_escape
        parts: list[str] = []
        while not self._over():
            if found := self._plain.match(self.text, self.at):
                self._add_text(found.end(), parts)
                continue
            if escape and self._is(escape):
                self.at += len(escape)
                parts.append(_ESCAPES.get(self.text[self.at : self.at + 1], self.text[self.at : self.at + 1]))
            else:
                parts.append(self.text[self.at])
            self.at += 1
        raw, text = self.text[began : self.at], "".join(parts)
        if how.trim:
            raw, text = raw.rstrip(" \t"), text.rstrip(" \t")
        missing = raw in how.nulls or text in how.nulls or (not raw and how.empty_is_null)
        return None if missing else text

    def _spaces(self) -> None:
        while self._is(" ") or (self._is("\t") and self.how.delimiter != "\t"):
            self.at += 1

    def _add_text(self, end: int, parts: list[str]) -> None:
        parts.append(self.text[self.at : end])
        self.at = end

    def _enclosed(self) -> str:
        how = self.how
        parts: list[str] = []
        self.at += len(how.enclosure)
        while True:
            if self.at >= len(self.text):
                raise ValueError("Unexpected end of file: a field that is enclosed does not end")
            if self._is(how.escape):
                self.at += len(how.escape)
                parts.append(self.text[self.at : self.at + 1])
            elif self._is(how.enclosure):
                self.at += len(how.enclosure)
                if not self._is(how.enclosure):
                    break
                parts.append(how.enclosure)
            else:
                ends = [self.text.find(mark, self.at) for mark in (how.enclosure, how.escape) if mark]
                self._add_text(min((end for end in ends if end >= 0), default=len(self.text)), parts)
                continue
            self.at += 1
        if how.trim:
            self._spaces()
        if not self._over():
            raise ValueError(f"Found character '{self.text[self.at]}' instead of field delimiter '{how.delimiter}'")
        return "".join(parts)


class Reading(NamedTuple):
    """A file that has been read: the table of its records' texts, their lines, and the errors of the other records."""

    table: str
    lines: Callable[[int], int | None]
    bad: list[tuple[int, str]]


def read(connection: Any, how: CsvFormat, width: int, path: str, name: str) -> Reading:
    """Read a file into the temporary table `name`, of the columns `n`, `c0`, `c1`, ... and return what was found.

    The column `n` identifies the line of a record, because within a transaction DuckDB's own `rowid` does not count from 0.
    """
    columns = [f"c{number}" for number in range(width)]
    if agreed(path, how) and _read_by_duckdb(connection, how, columns, path, name):
        return Reading(name, lambda row: _line_of(path, how, row), [])
    lines: list[int] = []
    bad: list[tuple[int, str]] = []
    rows: list[list[str | None]] = []
    for line, fields, problem in records(path, how):
        if problem is None and len(fields) != width:
            if how.exact_width:
                problem = (
                    f"Number of columns in file ({len(fields)}) does not match that of the corresponding table ({width}), "
                    "use file format option error_on_column_count_mismatch=false to ignore this error"
                )
            fields = (fields + [None] * width)[:width]
        if problem is not None:
            bad.append((line, problem))
        else:
            lines.append(line)
            rows.append(fields)
    import pyarrow

    arrays = [pyarrow.array([row[number] for row in rows], pyarrow.string()) for number in range(width)]
    view = f"progresskit_{secrets.token_hex(8)}"
    numbers = pyarrow.array(range(len(rows)), pyarrow.int64())
    connection.register(view, pyarrow.table([numbers, *arrays], names=["n", *columns]))
    connection.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM {view}")
    connection.unregister(view)
    return Reading(name, lambda row: lines[row], bad)


def _read_by_duckdb(connection: Any, how: CsvFormat, columns: list[str], path: str, name: str) -> bool:
    """Read a file with DuckDB, and return whether all of its records have the expected width."""
    with duckdb_source(connection, how, columns, path) as (source, misread):
        connection.execute(f"CREATE TEMP TABLE {name} AS SELECT row_number() OVER () - 1 AS n, * FROM {source}")
        if bad := misread():
            connection.execute(f"DROP TABLE temp.{name}")
    return not bad


@contextlib.contextmanager
def duckdb_source(
    connection: Any, how: CsvFormat, columns: list[str], path: str
) -> Iterator[tuple[str, Callable[[], int]]]:
    """Yield the SQL source of a file's texts, and a function that afterwards returns the number of records with another width."""
    tables = f"progresskit_{secrets.token_hex(8)}"
    nulls = ", ".join(_text(one) for one in how.nulls)
    settings = {
        "columns": "{" + ", ".join(f"'{column}': 'VARCHAR'" for column in columns) + "}",
        "auto_detect": "false",
        "header": "false",
        "skip": str(how.skip_header),
        "sep": _text(how.delimiter),
        "quote": _text(how.enclosure),
        "escape": _text(how.enclosure),
        "nullstr": _text("" if how.empty_is_null else secrets.token_hex(16)),
        "allow_quoted_nulls": "false",
        "max_line_size": str(2 * LONGEST),
        "store_rejects": "true",
        "rejects_table": _text(f"{tables}_rejects"),
        "rejects_scan": _text(f"{tables}_scans"),
        "compression": _text({b"\x1f\x8b": "gzip", b"\x28\xb5": "zstd"}.get(_head(path)[:2], "none")),
    }
    options = ", ".join(f"{option} = {value}" for option, value in settings.items())
    taken = ", ".join(f"CASE WHEN {c} IN ({nulls}) THEN NULL ELSE {c} END AS {c}" if nulls else c for c in columns)
    file = _text("".join(f"[{one}]" if one in "*?[" else one for one in path))

    def misread() -> int:
        return int(connection.execute(f"SELECT count(*) FROM temp.{tables}_rejects").fetchall()[0][0])

    yield f"(SELECT {taken} FROM read_csv({file}, {options}))", misread
    for made in ("rejects", "scans"):
        connection.execute(f"DROP TABLE temp.{tables}_{made}")


def _line_of(path: str, how: CsvFormat, row: int) -> int | None:
    for number, record in enumerate(records(path, how)):
        if number == row:
            return record.line
    return None


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
