"""Compare random tables, written in random dialects and loaded by the command, with other readers of CSV, cell by cell.

The table must have the intended cells, and the cells on which two of the csv module, pyarrow and DuckDB agree. The quick run loads
some dozens of files, the long one 2,000; `PROGRESSKIT_FILES` sets another number.
"""

from __future__ import annotations

import bz2
import csv
import datetime
import gzip
import io
import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
pytest.importorskip("uvicorn", reason="the embedded server is not installed in this environment")

import duckdb
import pyarrow
import pyarrow.csv
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Cell = str | None
Row = tuple[Cell, ...]
Cells = st.SearchStrategy[Cell]
FILES = int(os.environ.get("PROGRESSKIT_FILES", "2000"))
"""The number of files of the long run."""
TOGETHER = 10
"""The number of files of one load."""


@dataclass(frozen=True)
class Writing:
    """The dialect of a load's files, as far as its options describe it."""

    quote: str
    escape: str
    header: bool
    empty: str
    nulls: tuple[str, ...]
    blank_lines: str
    skip_lines: int
    encoding: str

    def options(self) -> list[str]:
        """Return the command's options for the dialect."""
        found = ["--quote", self.quote or "none", "--escape", self.escape or "none", "--empty", self.empty]
        found += ["--skip-lines", str(self.skip_lines), "--encoding", self.encoding or "auto"]
        found += [] if self.header else ["--no-header"]
        found += ["--blank-lines", self.blank_lines or "refuse"]
        return found + [f"--null={text}" for text in self.nulls]

    def meant(self, cell: Cell) -> Cell:
        """Return the value of a cell of a file, by the options."""
        if cell is None and self.empty == "text":
            cell = ""
        return None if cell in self.nulls or (cell == "" and self.empty == "null") else cell


@dataclass(frozen=True)
class File:
    """A file of the load: its cells as written, and the parts of its dialect that no option describes."""

    names: tuple[str, ...]
    rows: list[Row]
    delimiter: str
    newline: str
    quoting: str
    blank: bool
    ended: bool
    codec: str
    suffix: str

    def body(self, writing: Writing) -> str:
        """Return the text, from the header on."""
        quotes = (self.quoting == "all" or (self.quoting == "some" and number % 3 == 0) for number in range(10_000))
        rows = [self.names, *self.rows] if writing.header else self.rows
        ends = ["\n", "\r\n"] if self.newline == "mixed" else [self.newline]
        text = ""
        for number, row in enumerate(rows):
            end = ends[number % len(ends)]
            text += self.delimiter.join(self._field(cell, writing, next(quotes)) for cell in row)
            last = number == len(rows) - 1
            text += end if self.ended or not last or not row[-1] else ""
            text += end if self.blank and not last else ""
        return text

    def content(self, writing: Writing) -> bytes:
        """Return the file's bytes."""
        before = "no header; 'none',\n".replace("\n", "\r" if self.newline == "\r" else "\n") * writing.skip_lines
        data = (before + self.body(writing)).encode(self.codec)
        if self.suffix == ".zst":
            return bytes(pyarrow.Codec("zstd").compress(data))
        return {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress}[self.suffix](data)

    def _field(self, cell: Cell, writing: Writing, quoted: bool) -> str:
        quote, escape = writing.quote, writing.escape
        if cell is None or not quote:
            return cell or ""
        least = not escape and self.quoting == "least" and not cell.startswith(quote)
        marks = [self.delimiter, "\r", "\n", *([] if least else [quote]), *([escape] if escape else [])]
        if not quoted and cell and not any(mark in cell for mark in marks) and not cell.startswith("\ufeff"):
            return cell
        for mark in (escape, quote) if escape else (quote,):
            cell = cell.replace(mark, (escape or quote) + mark)
        return f"{quote}{cell}{quote}"


# The contents of columns

DAYS = st.dates().map(str)
CLOCKS = st.times().map(lambda time: time.isoformat())
MOMENTS = st.builds(lambda day, blank, time: f"{day}{blank}{time}", DAYS, st.sampled_from("T "), CLOCKS)
ZONES = st.sampled_from(["Z", "+00:00", "+02:00", "-08:00", "+05:45", " +0100", "-1200"])
NUMERALS = st.text("0123456789", min_size=1, max_size=12)
WHOLE = st.builds(
    str.__add__, st.sampled_from(["", "", "-", "+"]), (st.integers(0, 10**38 - 1) | st.integers(0, 99)).map(str)
)
DECIMALS = st.builds(lambda whole, digits: f"{whole}.{digits}", WHOLE, NUMERALS)
FLOATS = st.floats().map(repr) | st.sampled_from(["1e5", "2.5E-3", "NaN", "inf", "-inf", "+1e2", "1e400", ".5e1"])
HOSTILE = st.sampled_from([*",;|\t\"'\\\r\n %éß€日🐍\u2028\x1b\x85NA0-+.", "\r\n", "\\N", '""', "''", "\ufeff"])
TEXTS = st.lists(HOSTILE | st.characters(exclude_categories=["Cs"]), max_size=8).map("".join)
ODDITIES = st.sampled_from(
    ["NA", "NULL", "null", "\\N", "007", "+49301", "-0", "+0", "1_000", "1,000", "0x1F", " 5", "5 ", "-", "+", ".", "1.", ".5",
     "-.5", "00", "0.0", "1e", "e1", "9" * 39, "1e400", "nan", "Infinity", "yes", "1", "0", "T", "2023-02-29", "2024-2-9",
     "24:00:00", "2024-01-01T10:00", "2024-01-01 10:00:00", "2024-01-01 10:00:00Z", "2024-01-01", "10:00:00", "٣", "#", "--"]
)  # fmt: skip
KINDS: list[Cells] = [
    WHOLE,
    st.integers(-9, 9).map(str),
    DECIMALS,
    st.builds("{}.{}".format, st.integers(-999, 999), NUMERALS),
    FLOATS,
    WHOLE | DECIMALS | FLOATS,
    NUMERALS,
    st.sampled_from(["true", "false", "True", "FALSE", "tRuE"]),
    DAYS,
    MOMENTS,
    DAYS | MOMENTS,
    st.builds(str.__add__, MOMENTS, ZONES),
    CLOCKS,
    TEXTS,
    st.sampled_from(["Ann", "Bob", "Zoë", "x y", "a,b", 'say "x"', "it's"]),
    ODDITIES,
]
NAMES = ["id", "Name", "two words", "größe", "select", "orderId", 'a "b"', "x,y", "a;b", "l1\nl2", "2nd", "_", "é"]


def bare(cell: Cell) -> Cell:
    """Return the text of a cell without the characters that would need quotes."""
    return re.sub("[\r\n,;|\t\ufeff]", "_", cell) if cell else None


@st.composite
def columns(draw: st.DrawFn, width: int, writing: Writing) -> Cells:
    """Draw the cells of a column: values of one kind, sometimes others, and missing ones."""
    values = draw(st.sampled_from(KINDS))
    values = values | ODDITIES if draw(st.integers(0, 4)) == 0 else values
    missing = [None, "", *writing.nulls]
    if width == 1 and writing.blank_lines != "null":
        missing = [""] if writing.quote else ["-"]  # an empty field would be a blank line
        values = values.filter(bool) if not writing.quote else values
    values = st.one_of(values, values, values, st.sampled_from(missing)) if draw(st.booleans()) else values
    if writing.encoding == "cp1252":
        values = values.map(lambda cell: cell and cell.encode("cp1252", "replace").decode("cp1252"))
    return values if writing.quote else values.map(bare)


@st.composite
def writings(draw: st.DrawFn) -> Writing:
    """Draw the options of a load."""
    quote = draw(st.sampled_from(['"', '"', '"', "'", ""]))
    return Writing(
        quote,
        draw(st.sampled_from(["", "", "\\"])) if quote else "",
        draw(st.booleans()),
        draw(st.sampled_from(["apart", "apart", "null", "text"])),
        draw(st.sampled_from([(), (), ("NA",), ("\\N", "-")])),
        draw(st.sampled_from(["", "skip", "null"])),
        draw(st.sampled_from([0, 0, 2])),
        draw(st.sampled_from(["", "", "", "cp1252", "utf-16-le", "utf-8"])),
    )


@st.composite
def files(draw: st.DrawFn, names: tuple[str, ...], held: Sequence[Cells], writing: Writing) -> File:
    """Draw a file with these columns, in an order of its own if it has a header."""
    order = draw(st.permutations(range(len(names)))) if writing.header else range(len(names))
    rows = draw(st.lists(st.tuples(*(held[at] for at in order)), min_size=0 if writing.header else 1, max_size=8))
    newline = draw(st.sampled_from(["\n", "\n", "\r\n", "mixed", *([] if "l1\nl2" in names else ["\r"])]))
    if newline == "\r":  # a line feed within a value would end a record in files with other line ends
        rows = [tuple(cell and cell.replace("\n", "\r") for cell in row) for row in rows]
    return File(
        tuple(names[at] for at in order),
        rows,
        draw(st.sampled_from(",;\t|")) if len(names) > 1 else ",",
        newline,
        draw(st.sampled_from(["all", "some", "needed", "least"])),
        len(names) > 1 and draw(st.integers(0, 3)) == 0,
        draw(st.booleans()),
        writing.encoding or draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32"])),
        draw(st.sampled_from(["", "", "", ".gz", ".bz2", ".zst"])),
    )


Example = tuple[Writing, tuple[str, ...], list[File]]


@st.composite
def loads(draw: st.DrawFn) -> Example:
    """Draw the files of a load, and the names of its columns."""
    writing = draw(writings())
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
    if not writing.quote:
        names = [bare(name) or "" for name in names]
    if not writing.header:
        names = [f"C{number}" for number in range(1, len(names) + 1)]
    held = [draw(columns(len(names), writing)) for _ in names]
    made = draw(st.lists(files(tuple(names), held, writing), min_size=TOGETHER, max_size=TOGETHER))
    return writing, tuple(names), made


# How other readers read them


def by_csv(text: str, file: File, writing: Writing) -> list[list[str]]:
    """Return the records as the csv module reads them."""
    how: dict[str, Any] = {"quotechar": writing.quote} if writing.quote else {"quoting": csv.QUOTE_NONE}
    how |= {"escapechar": writing.escape, "doublequote": False} if writing.escape else {}
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=file.delimiter, strict=True, **how)
    return [row for row in rows if row]


def by_pyarrow(text: str, file: File, writing: Writing) -> list[list[str]]:
    """Return the records as pyarrow reads them."""
    names = [str(number) for number in range(len(file.names))]
    table = pyarrow.csv.read_csv(
        pyarrow.py_buffer(text.encode()),
        pyarrow.csv.ReadOptions(column_names=names, use_threads=False),
        pyarrow.csv.ParseOptions(
            delimiter=file.delimiter,
            quote_char=writing.quote or False,
            escape_char=writing.escape or False,
            newlines_in_values=True,
        ),
        pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pyarrow.string()), strings_can_be_null=False),
    )
    return [list(row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]


def by_duckdb(text: str, file: File, writing: Writing) -> list[list[str]]:
    """Return the records as DuckDB reads them."""
    columns = {f"c{number}": "VARCHAR" for number in range(len(file.names))}
    how = {"delimiter": file.delimiter, "quotechar": writing.quote, "escapechar": writing.escape or writing.quote}
    with duckdb.connect() as connection:
        found = connection.read_csv(io.StringIO(text), header=False, columns=columns, auto_detect=False, **how)
        return [[cell or "" for cell in row] for row in found.fetchall()]


READERS: list[Callable[[str, File, Writing], list[list[str]]]] = [by_csv, by_pyarrow, by_duckdb]


def agreed(file: File, writing: Writing) -> list[list[str]] | None:
    """Return the rows on which at least two readers agree; None if no two agree. NULL is an empty text."""
    if writing.blank_lines == "null" and len(file.names) == 1:
        return None  # for the other readers a blank line is never a row
    found = []
    for reader in READERS:
        try:
            found.append(reader(file.body(writing), file, writing)[writing.header :])
        except (csv.Error, pyarrow.ArrowException, duckdb.Error):
            continue  # it rejects such a file
    return next((one for one in found if found.count(one) > 1), None)


# The contents of the table


def value_of(text: Cell, kind: str) -> Any:
    """Return the value of a file's text in a column's type, in a form in which equal values are equal."""
    if text is None:
        return None
    name = kind.partition("(")[0]
    if name == "NUMBER":
        return Decimal(text)
    if name == "FLOAT":
        return repr(float(text))
    if name == "BOOLEAN":
        return text.lower() == "true"
    if name == "DATE":
        return datetime.date.fromisoformat(text)
    if name == "TIME":
        return datetime.time.fromisoformat(text)
    if name.startswith("TIMESTAMP"):
        return datetime.datetime.fromisoformat(re.sub(r" (?=[Z+-])", "", text))
    return text


def compare(cursor: Any, table: str, names: Sequence[str], rows: Sequence[Row]) -> None:
    """Compare a table with the intended rows of the columns `names`."""
    described = cursor.execute(f"DESCRIBE TABLE {table}").fetchall()
    assert sorted(row[0].upper() for row in described) == sorted(name.upper() for name in names)
    kinds = {row[0].upper(): row[1] for row in described}
    order = [names.index(name) for row in described for name in names if name.upper() == row[0].upper()]
    found = [
        tuple(repr(cell) if kind == "FLOAT" and cell is not None else cell for cell, kind in zip(row, kinds.values(), strict=True))
        for row in cursor.execute(f"SELECT * FROM {table}").fetchall()
    ]  # fmt: skip
    meant = [tuple(value_of(row[at], kinds[names[at].upper()]) for at in order) for row in rows]
    assert Counter(found) == Counter(meant), (table, kinds)


def differences(example: Example, command: Any, cursor: Any, folder: Path) -> None:
    """Write files, load them, and compare the table with the intended rows and with those of other readers."""
    writing, names, made = example
    written = []
    for number, file in enumerate(made):
        path = folder / f"{number}.csv{file.suffix}"
        path.write_bytes(file.content(writing))
        order = [file.names.index(name) for name in names]
        rows = [tuple(writing.meant(row[at]) for at in order) for row in file.rows]
        if (read := agreed(file, writing)) is not None:
            texts = [[writing.meant(row[at] or None) or "" for at in order] for row in read]
            assert texts == [[cell or "" for cell in row] for row in rows], "the readers and the writer differ"
        written.append((path, file.delimiter, rows))
    # One column has no delimiter to detect. If several fit, the load says so and gets the option.
    loads = [("auto" if len(names) > 1 else ",", written)]
    for number, (delimiter, group) in enumerate(loads):
        table = f"DIFFERENTIAL_{number}"
        paths = [path for path, _, _ in group]
        done = command(*paths, "--table", table, *writing.options(), "--delimiter", delimiter, "--jobs", "2")
        if "give --delimiter" in done.err:
            assert (done.status, delimiter) == (1, "auto"), done.err
            loads += [
                (one, [file for file in written if file[1] == one]) for one in sorted({one for _, one, _ in written})
            ]
        elif "looks like UTF-16" not in done.err:  # it has that many NULs
            try:
                assert done.status == 0, done.err
                compare(cursor, table, names, [row for _, _, rows in group for row in rows])
            finally:  # a remaining table would make other examples fail
                cursor.execute(f"DROP TABLE IF EXISTS {table}")


@pytest.mark.parametrize("count", [10, pytest.param(FILES, id="long", marks=pytest.mark.slow)])
def test_random_files(command: Any, cursor: Any, tmp_path: Path, count: int) -> None:
    """Each cell that the command loads from a file of any dialect has the intended value, and the one that other readers read."""

    @settings(
        max_examples=count // TOGETHER,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(loads())
    def check(example: Example) -> None:
        differences(example, command, cursor, tmp_path)

    check()
