"""Files that people have: exports of spreadsheets, databases and web services. Each is loaded correctly, or refused in one
sentence."""

from __future__ import annotations

import base64
import bz2
import contextlib
import datetime
import gzip
import io
import json
import lzma
import os
import re
import sys
import threading
import zlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
pytest.importorskip("uvicorn", reason="the embedded server is not installed in this environment")

import duckdb
import pyarrow
import pyarrow.csv
import pyarrow.parquet
from progresskit_snowflake import cli
from progresskit_snowflake.files.footers import kind_of
from progresskit_snowflake.files.opening import BadData
from progresskit_snowflake.files.quality import Reading, check
from progresskit_snowflake.sql.columns import Column
from pyarrow.parquet import encryption


def zstd(content: bytes) -> bytes:
    return bytes(pyarrow.Codec("zstd").compress(content))


def tar(content: bytes) -> bytes:
    return b"f.csv".ljust(257, b"\0") + b"ustar\0".ljust(255, b"\0") + content.ljust(512, b"\0")


# Each file has the columns k and v, with its own name in k: they are loaded together.
READ: dict[str, tuple[bytes, list[str | None]]] = {
    "excel-sep": (b"sep=;\r\nk;v\r\nexcel-sep;1,5\r\n", ["1,5"]),
    "excel-sep-quoted": (b'\xef\xbb\xbf"SEP=,"\r\nk,v\r\nexcel-sep-quoted,a;b\r\n', ["a;b"]),
    "excel-sep-caret": (b"sep=^\nk^v\nexcel-sep-caret^a,b\n", ["a,b"]),
    "excel-unicode": ("k\tv\r\nexcel-unicode\t€, \u00a0x\r\n".encode("utf-16"), ["€, \u00a0x"]),
    "excel-unicode-sep": ("sep=;\r\nk;v\r\nexcel-unicode-sep;é\r\n".encode("utf-16"), ["é"]),
    "two-marks": ("\ufeff\ufeffk,v\ntwo-marks,x\n".encode(), ["x"]),
    "two-marks-16": ("\ufeffk,v\ntwo-marks-16,x\n".encode("utf-16"), ["x"]),
    "mark-within": ("\ufeff\"k\",v\nmark-within,\ufeff\nmark-within,a\ufeffb\n".encode(), ["\ufeff", "a\ufeffb"]),
    "quoted-crlf": (b'"k","v"\r\n"quoted-crlf","a\r\nb"\r\n"quoted-crlf","c\nd"\r\n', ["a\r\nb", "c\nd"]),
    "quotes-in-text": (b'k,v\nquotes-in-text,a "b" c\nquotes-in-text,5" x 7"\n', ['a "b" c', '5" x 7"']),
    "blanks": ("k,v\nblanks, a \nblanks,\u00a0\n".encode(), [" a ", "\u00a0"]),
    "lines-of-unicode": ("k,v\nlines-of-unicode,a\u2028b\x85c\x0bd\x0ce\x1cf\n".encode(), ["a\u2028b\x85c\x0bd\x0ce\x1cf"]),
    "nul": (b"k,v\nnul,a\x00b\n", ["a\x00b"]),
    "formula": (b'k,v\nformula,=SUM(A1)\nformula,"=""007"""\n', ["=SUM(A1)", '="007"']),
    "missing": (b'k,v\nmissing,\nmissing,""\nmissing,NULL\nmissing,\\N\n', [None, "", "NULL", "\\N"]),
    "gzip-members": (gzip.compress(b"k,v\ngzip-members,x\n") + gzip.compress(b"gzip-members,y\n"), ["x", "y"]),
    "gzip-padded": (gzip.compress(b"k,v\ngzip-padded,x\n") + bytes(512), ["x"]),
    "zstd-frames": (zstd(b"k,v\nzstd-frames,x\n") + zstd(b"zstd-frames,y\n"), ["x", "y"]),
    "zstd-skippable": (b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + zstd(b"k,v\nzstd-skippable,x\n"), ["x"]),
    "bz2-streams": (bz2.compress(b"k,v\nbz2-streams,x\n") + bz2.compress(b"") + bz2.compress(b"bz2-streams,y\n"), ["x", "y"]),
    "bz2-padded": (bz2.compress(b"k,v\nbz2-padded,x\n") + bytes(512) + bz2.compress(b"bz2-padded,y\n") + bytes(3), ["x", "y"]),
    "mark-in-quotes": ("k,v\n\"mark-in-quotes\",\"x\n\ufeffy\"\n".encode(), ["x\n\ufeffy"]),
    "header-alone": (b"k,v\r\n", []),
    "LZIP": (b"k,v\nLZIP,PAR1\n", ["PAR1"]),
}  # fmt: skip


def test_files_are_read(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """Byte order marks, line ends, compressions and Excel's `sep=` line are read as intended."""
    for name, (content, _) in READ.items():
        (tmp_path / name).write_bytes(content)
    done = command(*(tmp_path / name for name in READ), "--table", new_table, "--format", "csv", "--all-text")
    assert done.status == 0, done.err
    loaded: dict[str, list[str | None]] = {name: [] for name in READ}
    for name, value in cursor.execute(f"SELECT k, v FROM {new_table}").fetchall():
        loaded[name].append(value)
    assert {name: sorted(values, key=repr) for name, values in loaded.items()} == {
        name: sorted(values, key=repr) for name, (_, values) in READ.items()
    }
    assert "excel-sep: its first line says that a semicolon splits its columns" in done.out


@pytest.mark.parametrize("blank", [b"", b"\n"], ids=["regular", "blank-line"])
def test_nul_in_a_value(blank: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rows with a NUL, and those beside them, are not left to pyarrow's parser, which loses delimiters before version 26."""
    read_csv = pyarrow.csv.read_csv

    def without_nul(data: Any, **options: Any) -> Any:
        assert b"\0" not in data.to_pybytes()
        return read_csv(data, **options)

    monkeypatch.setattr(pyarrow.csv, "read_csv", without_nul)
    (tmp_path / "f.csv").write_bytes(b'k,v\n"1",a\0b\n' + blank + b'2,"c,\0"\n')
    with Reading().open(tmp_path / "f.csv") as reader:
        rows = [row for chunk in reader.chunks() for row in zip(*(one.to_pylist() for one in chunk.texts), strict=True)]
    assert rows == [("1", "a\0b"), ("2", "c,\0")]


def test_pyarrow_before_26(
    command: Any, cursor: Any, new_table: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Files are rewritten with what the CSV writer of older versions of pyarrow can do, also where NULL needs a text of its own."""
    options = pyarrow.csv.WriteOptions

    def older(*, include_header: bool, quoting_style: str) -> Any:
        return options(include_header=include_header, quoting_style=quoting_style)

    monkeypatch.setattr(pyarrow.csv, "WriteOptions", older)
    values = [None, "", 'a "b"', "x\ny", "é,"]
    for name, rows in (("one", [{"a": one} for one in values]), ("two", [{"a": one, "b": one} for one in values])):
        (tmp_path / f"{name}.json").write_text(json.dumps(rows))
        done = command(tmp_path / f"{name}.json", "--table", f"{new_table}_{name}")
        assert done.status == 0, done.err
        loaded = cursor.execute(f"SELECT a FROM {new_table}_{name}").fetchall()
        assert sorted(loaded, key=repr) == sorted(((one,) for one in values), key=repr)


def columns_of(cursor: Any, table: str) -> dict[str, tuple[str, list[Any]]]:
    """Return each column's type and values."""
    kinds = {row[0]: row[1] for row in cursor.execute(f"DESCRIBE TABLE {table}").fetchall()}
    rows = cursor.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
    return {name: (kind, [row[at] for row in rows]) for at, (name, kind) in enumerate(kinds.items())}


TEXT = "VARCHAR(16777216)"
# Column -> the two values in the file, and its type; None: the values stay texts.
COLUMNS: dict[str, tuple[tuple[str, str], str | None]] = {
    "ID": (("1", "2"), "NUMBER(38,0)"),
    "german": (("1,5", "2.000,50"), None),
    "thousands": (("1,234", "12"), None),
    "money": (("$5.00", "$6.00"), None),
    "share": (("5%", "6%"), None),
    "phone": (("+4930123", "+4930124"), None),
    "zip": (("01067", "10115"), None),
    "digits39": (("9" * 39, "5"), None),
    "digits38": (("9" * 38, "5"), "NUMBER(38,0)"),
    "wide": (("9" * 38, "0.5"), None),
    "hash": (("123e4567", "12345678"), None),
    "zero codes": (("0e123", "0e456"), None),
    "zeros": (("0.00E+00", "0E-8"), "FLOAT"),
    "huge": (("2E400", "1E10"), None),
    "float": (("2E5", "1.5"), "FLOAT"),
    "german day": (("31/12/2024", "01/02/2024"), None),
    "no day": (("0000-00-00", "2024-01-01"), None),
    "zone": (("2024-01-01 10:00:00 CET", "2024-01-01 10:00:00 PST"), None),
    "half zone": (("2024-01-01 10:00:00", "2024-01-01 10:00:00+02:00"), None),
    "salesforce": (("2024-01-01T10:00:00.000Z", "2024-01-02T10:00:00.000Z"), "TIMESTAMP_TZ(9)"),
    "zero": (("0001-01-01T00:00:00Z", "9999-12-31T23:59:59+01:00"), "TIMESTAMP_TZ(9)"),
    "postgresql": (("2024-01-01 10:00:00+00", "2024-01-01 10:00:00.5-03"), "TIMESTAMP_TZ(9)"),
    "snowflake": (("2024-01-01 10:00:00.000 -0800", "2024-01-01 10:00:00.000 Z"), "TIMESTAMP_TZ(9)"),
    "java": (("2024-01-01T10:00:00.000+0000", "2024-01-01T11:00:00.000+0000"), None),
    "before the first year": (("0001-01-01 00:00:00+14:00", "2024-01-01 10:00:00+01:00"), None),
    "clock": (("10:00 AM", "11:00 PM"), None),
    "midnight": (("2024-01-01 24:00:00", "2024-01-02 00:00:00"), None),
    "accounting": (("-1", "(5)"), None),
    "sap": (("1-", "2-"), None),
    "padded": ((" 1", " 2"), None),
    "other digits": (("٣", "\u22125"), None),
    "underscores": (("1_000", "1"), None),
    "answer": (("yes", "no"), None),
    "mixed": (("true", "1"), None),
    "epoch": (("1704103200", "1704103201.5"), "NUMBER(38,1)"),
    "it's": (("x", "y"), None),
}  # fmt: skip


def test_values_are_kept(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """Numbers and dates of other conventions stay unchanged texts, and numbers keep all digits."""
    rows = ["\t".join(values) for values in zip(*(values for values, _ in COLUMNS.values()), strict=True)]
    (tmp_path / "f.tsv").write_text("\n".join(["\t".join(COLUMNS), *rows, ""]))
    done = command(tmp_path / "f.tsv", "--table", new_table)
    assert done.status == 0, done.err
    for (name, (values, kind)), (found, loaded) in zip(
        COLUMNS.items(), columns_of(cursor, new_table).values(), strict=True
    ):
        assert found == (kind or TEXT), name
        if kind is None:
            assert loaded == list(values), name
        elif kind.startswith("NUMBER"):
            assert loaded == [Decimal(value) for value in values], name
        elif kind == "FLOAT":
            assert loaded == [float(value) for value in values], name
        else:
            moments = [re.sub(" ([-Z])", r"\1", value) for value in values]
            assert loaded == [datetime.datetime.fromisoformat(moment) for moment in moments], name


DATABASES: dict[str, tuple[bytes, list[str], list[tuple[Any, ...]]]] = {
    "postgresql": (b"1\tAnn\\\\x\t\\N\n2\t\\N\ta\\\tb\n", ["--delimiter", "tab", "--quote", "none", "--escape", "\\"],
                   [("1", "Ann\\x", None), ("2", None, "a\tb")]),
    "mysql": (b'"1","a\\"b","x\\\ny"\n"2",\\N,"z"\n', ["--escape", "\\"], [("1", 'a"b', "x\ny"), ("2", None, "z")]),
    "hive": (b"1\x01x,y\x01\\N\n", ["--delimiter", "\\x01", "--quote", "none", "--null", "\\N"], [("1", "x,y", None)]),
}  # fmt: skip


@pytest.mark.parametrize(
    "case", ["postgresql", *(pytest.param(one, marks=pytest.mark.slow) for one in ("mysql", "hive"))]
)
def test_exports_of_databases(case: str, command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """The formats of PostgreSQL's COPY, MySQL's OUTFILE and Hive are read with the options for them."""
    content, options, rows = DATABASES[case]
    (tmp_path / "f.txt").write_bytes(content)
    done = command(tmp_path / "f.txt", "--table", new_table, "--no-header", "--all-text", *options)
    assert done.status == 0, done.err
    assert sorted(cursor.execute(f"SELECT * FROM {new_table}").fetchall()) == rows


NAMELESS = "the header has no name for column {} of 3 .*--skip-lines 1 --no-header"
REFUSED: dict[str, tuple[bytes, list[str], str]] = {
    "pandas-index": (b",a,b\n0,1,2\n", [], NAMELESS.format(1).replace(" .*", r" \(pandas and R write an index so\).*")),
    "nameless": (b"a,,b\n0,1,2\n", [], NAMELESS.format(2).replace(" .*", ".*")),
    "trailing": (b"a,b,\n1,2,\n", [], NAMELESS.format(3).replace(" .*", r" \(a delimiter ends the line\).*")),
    "postgresql-newline": (b"1\ta\\nb\n", ["--no-header", "--delimiter", "tab", "--quote", "none", "--escape", "\\"],
                           r"f\.csv:1: \\n may mean 'n' or a character that is not shown"),
    "colons": (b"id:t\n1:x\n", [], r"may be split by ':': give --delimiter ':', or --delimiter comma"),
    "hive": (b"id\x01t\n1\x01x\n", [], r"may be split by '\\x01'"),
    "wrapped": (b'"id;t"\n"1;x"\n', [], r"each of its lines is one field in quotes, within which a semicolon may split"),
    "unseen": (b"id\x02\n1\n", [], r"f\.csv:1: the header has the character '\\x02', which is not shown"),
    "json-lines": (b'{"id":1,"t":"x"}\n{"id":2,"t":"y"}\n', [], r"it is JSON: give --format json"),
    "json-array": (b'[\n {"id": 1}, {"id": 2}]', [], r"it is JSON: give --format json"),
    "html": (b"\n<!DOCTYPE html>\n<html>Not found</html>\n", [], r"is an HTML page or XML"),
    "xml": (b"<?xml version='1.0'?>\n<a/>\n", [], r"is an HTML page or XML"),
    "element": (b"\n<Error>\n <Code>NoSuchKey</Code>\n</Error>\n", [], r"is an HTML page or XML"),
    "elements": (b'<svg viewBox="0 0 1 1"><g>', [], r"is an HTML page or XML"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\n", [], r"a pointer of Git LFS"),
    "excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(90), [], r"a workbook of Excel's: save it as CSV"),
    "pdf": (b"%PDF-1.4\n", [], r"is a PDF document"),
    "sqlite": (b"SQLite format 3\0" + bytes(90), [], r"a database of SQLite's"),
    "lz4": (b"\x04\x22\x4d\x18" + b"x" * 20, [], r"packed in a way that is not read"),
    "row-for-header": (b"1,Ann,2024-01-01\n2,Bob,2024-01-02\n", [], r"it seems to be a row, so give --no-header"),
    "blank-before-quotes": (b'"a", "b", "c"\n"d","e","f"\n', [], r"""the header has ' "b"', with a blank beside the quotes"""),
    "underlined": (b"        ID NAME\n---------- ----\n         1 Ann\n", [], r"a line of dashes stands below its header"),
    "underlined-fields": (b"id,t\n--,-\n1,x\n", [], r"a line of dashes stands below its header"),
    "psql": (b" id | t \n----+---\n  1 | x\n(1 row)\n", [], r"a line of dashes stands below its header"),
    "title": (b"Report\n\nid;t\n1;x\n2;y\nTotal\n", [], r"a semicolon splits its lines from line 3 on, .* --skip-lines 2, or"),
    "excel-sep-word": (b"sep=tab\na\tb\n1\t2\n", [], r"a tab splits its lines from line 2 on"),
    "excel-sep-other": (b"sep=,\nid;t\n1;2\n", [], r"says that a comma splits its columns, but a semicolon seems to: give --delim"),
    "apostrophes": (b"'id','t'\n'1','it''s'\n", [], r"""its fields stand in apostrophes: give --quote "'", or --quote none"""),
    "apostrophes-alone": (b"'1';'x'\n'2';'y'\n", ["--no-header", "--delimiter", ";"], r"its fields stand in apostrophes"),
    "comment-of-one-width": (b"# made by x, y\nid,t\n1,x\n", [], r"begins with '#', and may be a comment or the header"),
    "markdown": (b"| id | t |\n|----|:-:|\n| 1  | x |\n", ["--no-header"], r"is a table of Markdown"),
    "utf-16-russian": ("имя;город\nИван;Омск\n".encode("utf-16-be"), [], r"like UTF-16 without a mark: give --encoding utf-16-be"),
    "utf-32": ("a,b\n1,2\n".encode("utf-32-le"), ["--no-header"], r"like UTF-32 without a mark: give --encoding utf-32-le"),
    "mainframe": ("id,t\n1,x\n".encode("cp037"), [], r"give --encoding cp037"),
    "zip": (b"PK\x03\x04" + bytes(90), [], r"is a zip archive"),
    "zip-empty": (b"PK\x05\x06" + bytes(18), [], r"is a zip archive"),
    "xz": (lzma.compress(b"a\n1\n"), [], r"is packed with xz: unpack it"),
    "lzma": (lzma.compress(b"a\n1\n", format=lzma.FORMAT_ALONE), [], r"is packed with lzma or zlib"),
    "zlib": (zlib.compress(b"a\n1\n"), [], r"is packed with lzma or zlib"),
    "bz2-more": (bz2.compress(b"a\n1\n") + b"more", [], r"is damaged or ends too early"),
    "bz2-second": (bz2.compress(b"a\n1\n") + bz2.compress(b"2\n")[:9], [], r"is damaged or ends too early"),
    "bz2-begun": (bz2.compress(b"a\n1\n")[:4], [], r"is damaged or ends too early"),
    "tar": (tar(b"a\n1\n"), [], r"is a tar archive"),
    "tar-gz": (gzip.compress(tar(b"a\n1\n")), [], r"is a tar archive"),
    "packed-twice": (gzip.compress(gzip.compress(b"a\n1\n")), [], r"is packed twice"),
    "gzip-short": (gzip.compress(b"a\n1\n")[:-4], [], r"is damaged or ends too early"),
    "gzip-sum": (gzip.compress(b"a\n1\n")[:-8] + bytes(8), [], r"is damaged or ends too early"),
    "gzip-more": (gzip.compress(b"a\n1\n") + b"more", [], r"is damaged or ends too early"),
    "zstd-short": (zstd(os.urandom(3_000).hex().encode())[:-300], [], r"is damaged or ends too early"),
    "bz2-short": (bz2.compress(b"a\n1\n")[:-10], [], r"is damaged or ends too early"),
    "surrogate": (b"id,t\n1,\xed\xa0\x80\n", [], r"f\.csv:2: in the column t, byte 0xed is no UTF-8"),
    "half-16": ("id,t\n1,x\n".encode("utf-16") + b"\0", [], r"f\.csv:3: it is no utf-16-le"),
    "mark-alone": (b"\xef\xbb\xbf", [], r"has no header line"),
    "twice": (b"id,Id\n1,2\n", [], r"the header has 'ID' more than once"),
    "fixed-width": (b"id   name   qty\n1    Ann      3\n2    Bob     12\n", [], r"to be of fixed widths: write them with a delimiter"),
    "blanks-between": (b"id name qty\n1 Ann 3\n", [], r"seem to be split by blanks.* give --delimiter space"),
    "blank-between": (b"id name\n1 Ann\n2 Bob\n", [], r"seem to be split by blanks.* give --delimiter space"),
    "blanks-and-quotes": (b'id name "product"\n1 Ann "a b"\n2 Bob "c"\n', [], r"seem to be split by blanks.* give --delimiter space"),
    "misquoted": (b'1;"Ann "Lee" \nRay"\n2;"Bob"\n', [], r"looks as if a semicolon split its columns, and its quotes do not fit"),
    "drawn": (b"+----+\n| id |\n+----+\n|  1 |\n+----+\n", [], r"a table as a client shows it"),
    "tilde-bar": (b"id~|~t\n1~|~x\n", [], r"split by '~\|~', and a delimiter is one character"),
    "bar-tilde-bar": (b"id|~|t\n1|~|x~\n", [], r"split by '\|~\|', and a delimiter is one character"),
    "never-written": (b"id,t\n1,x\n" + bytes(4096), [], r"nothing but NUL bytes from some place on"),
    "zero-width": ("i\u200bd,t\n1,x\n".encode(), [], r"the character '\\u200b', which is not shown: take it out of the name"),
    "long-name": (b"x" * 256 + b",t\n1,x\n", [], r"has 256 characters, and a name has at most 255"),
    "orc": (b"ORC\x11\x00" + bytes(9) + b"x" * 40, [], r"is a file of ORC"),
    "windows-twice": (b'"id","t"\r\r\n"1","x"\r\r\n', [], r"ends in two carriage returns and .*, as sed 's/\\r\\r\$/\\r/' does"),
    "unclosed": (b'id\tt\n1\t"Rome, Open City\n2\tx\n', [], r"f\.csv:2: a quote .* is not closed .* --quote none where quotes belong"),
    "rtf": (b"{\\rtf1\\ansi id,t\\par 1,x}", [], r"is a document in RTF"),
    "yaml": (b"---\n- id: 1\n", [], r"is YAML"),
    "japanese": ("名前,値\n山田,1\n".encode("shift_jis"), [], r"give --encoding shift_jis"),
    "euc-japanese": ("id,t\n1,名前です\n".encode("euc_jp"), [], r"give --encoding euc_jp"),
    "korean": ("이름,값\n김철수,1\n".encode("euc_kr"), [], r"give --encoding euc_kr"),
    "russian": ("имя,возраст\nИван,1\n".encode("cp1251"), [], r"give --encoding cp1251"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_files_are_refused(case: str, command: Any, tmp_path: Path) -> None:
    """A file that is no CSV, damaged, or ambiguous is refused in one sentence that says what to do."""
    content, options, words = REFUSED[case]
    (tmp_path / "f.csv").write_bytes(content)
    done = command(tmp_path / "f.csv", "--analyze-only", *options)
    assert (done.status, done.out, len(done.err.splitlines())) == (1, "", 1), done.err
    assert re.search(words, done.err), done.err


def test_line_ends_in_names(command: Any, tmp_path: Path) -> None:
    """A line end in a column's name, as spreadsheets have them in narrow columns, or in a file's breaks no line of a report."""
    path = tmp_path / "a\nb.csv"
    path.write_bytes(b'"the\nid",t\n1,a\nx,b\n3\n')
    shown = str(path).replace("\n", "\\n")
    assert command(path, "--analyze-only").out.splitlines() == [
        f"{shown}: 2 rows, 2 columns, 1 bad row",
        r"  the\nid  VARCHAR               0 nulls  ",
        r"  t        VARCHAR               0 nulls  ",
        rf"  the\nid is text: {shown}:4 has 'x', which is no NUMBER(38,0)",
        r"  a column is called 'the\nid', with the line end, as in the header",
        f"  {shown}:5: 1 column, but 2 are expected",
    ]


@pytest.mark.parametrize(
    ("content", "is_said"),
    [
        (b"1,Ann,5.5\n2,Bob,7\n", True),
        (b"2019,t\n5,x\n", True),
        (b"id,2019\n5,6\n", False),  # a table by years
        (b"id,2024-01-01\nx,6\n", False),
        (b"0,1,2\n3,4,5\n", False),  # pandas numbers columns like this
        (b"id,t\n--,\n1,x\n", False),
        (b'id," ""t"""\n1,x\n', False),  # a name with a blank and quotes in it
        (b"<DATE>\t<OPEN>\n2024.01.01\tx\n", False),  # a header of traders' programs, and no HTML
    ],
)
def test_row_for_a_header_is_said(content: bytes, is_said: bool, command: Any, tmp_path: Path) -> None:
    """If each name above numbers is a number too, a note names the row that may be missing."""
    (tmp_path / "f.csv").write_bytes(content)
    done = command(tmp_path / "f.csv", "--analyze-only")
    assert (done.status, "where that is a row, it is missing, and --no-header loads it" in done.out) == (0, is_said)


@pytest.mark.parametrize("option", ["--skip-qc", "--all-text", "--type=5=VARCHAR"])
def test_row_for_a_header_without_guesses(option: str, command: Any, new_table: str, tmp_path: Path) -> None:
    """The row that may be missing is told too where the types are not the values', and a day above days is refused."""
    (tmp_path / "f.csv").write_bytes(b"5,7,Ann\n6,8,Bob\n")
    done = command(tmp_path / "f.csv", "--table", new_table, option)
    assert (done.status, "its header is 5, 7, Ann: where that is a row, it is missing" in done.out) == (0, True), done
    (tmp_path / "f.csv").write_bytes(b"5,2024-01-01\n6,2024-01-02\n")
    done = command(tmp_path / "f.csv", "--table", f"{new_table}_2", option)
    assert (done.status, "it seems to be a row, so give --no-header" in done.err) == (1, True), done


def test_null_of_two_dashes(command: Any, tmp_path: Path) -> None:
    """`--null=--` means just that text, and other options do not take it for nothing."""
    (tmp_path / "f.csv").write_text("id,t\n1,--\n2,-\n")
    done = command(tmp_path / "f.csv", "--analyze-only", "--null=--")
    assert (done.status, re.search(r"t +VARCHAR +1 null", done.out) is not None) == (0, True), done.out + done.err
    for option in ("--jobs", "--format", "--delimiter", "--skip-lines"):
        done = command(tmp_path / "f.csv", "--analyze-only", f"{option}=--")
        assert (done.status, "--" in done.err) == (2, True), done.err


ONE_COLUMN = {
    "names": (b"full name\nAnn Lee\nBob Ray\n", ["Ann Lee", "Bob Ray"]),
    "sentences": (b"text\nthe quick fox\nis  a dog\n", ["the quick fox", "is  a dog"]),
    "joined": ("मृग\u200dा\nx y z\n".encode(), ["x y z"]),
}


@pytest.mark.slow
def test_blanks_within_values(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """A file of one column may have blanks in its values; it is refused only if they could split all lines alike."""
    for content, values in ONE_COLUMN.values():
        (tmp_path / "f.csv").write_bytes(content)
        done = command(tmp_path / "f.csv", "--table", new_table, "--if-exists", "append")
        assert done.status == 0, done.err
        assert sorted(cursor.execute(f"SELECT * FROM {new_table}").fetchall()) == sorted((one,) for one in values)
        cursor.execute(f"DROP TABLE {new_table}")


def test_part_of_a_file(command: Any, tmp_path: Path) -> None:
    """A file whose header has none of the names may be a part of another, as split makes them; one with some of them is not."""
    for name, content in (("1", b"id,t\n1,x\n"), ("2", b"2,y\n"), ("3", b"id,u\n2,y\n")):
        (tmp_path / name).write_bytes(content)
    done = command(tmp_path / "1", tmp_path / "2", "--table", "t")
    assert done.status == 1
    assert (
        "2: its header is 2, y, but id, t is expected: load files of other columns by themselves; or join it"
        in done.err
    )
    done = command(tmp_path / "1", tmp_path / "3", "--table", "t")
    assert (done.status, done.err.strip().endswith("load files of other columns by themselves.")) == (1, True)


@pytest.mark.parametrize(
    ("content", "is_said"),
    [
        (b'id\tt\n1\t"I am here.\n2\tYou are there."\n3\tx\n', True),  # a corpus, with quotes that are the texts' own
        (b'id,t\r\n1,"x\r\n\r\n3,y"\r\n\r\n4,z\r\n', True),
        (b'id,t\n1,"Dear Bob,\nhow are you, and her?\nYours, Ann"\n', False),
        (b'id,t\n1,"1, 2\n3, 4, 5\n"\n', False),
        (b'a,b\nx,"y\nz,w"\n', False),  # nothing tells that from a text
    ],
)
def test_rows_within_a_value(content: bytes, is_said: bool, command: Any, tmp_path: Path) -> None:
    """Rows that quotes of the texts' own make one value of are loaded as the quotes say, and named."""
    (tmp_path / "f.csv").write_bytes(content)
    done = command(tmp_path / "f.csv", "--analyze-only")
    assert (done.status, "a value of t has a line that looks like a row" in done.out) == (0, is_said), done.out


BAD: dict[str, tuple[bytes, str]] = {
    "trailing": (b"id,t\n1,x,\n", "f.csv:2: 3 columns, but 2 are expected"),
    "short": (b"id,t\n1\n", "f.csv:2: 1 column, but 2 are expected"),
    "single-quotes": (b"id,t\n1,'a,b'\n", "f.csv:2: 3 columns, but 2 are expected"),
    "quote-after-blank": (b'id,t\n1, "a,b"\n', "f.csv:2: 3 columns, but 2 are expected"),
    "comment": (b"# by x\nid,t\n1,x\n", "f.csv:2: 2 columns, but 1 is expected (lines before the header: --skip-lines)"),
    "end-of-dos": (b"id,t\r\n1,x\r\n\x1a", "f.csv:3: 1 column, but 2 are expected"),
    "joined-marks": ("\ufeffid,t\n1,x\n\ufeffid,t\n2,y\n".encode(), "f.csv:3: a byte order mark begins this row, as where"),
    "joined": (b'id,t\n1,"x"\nid,t\n2,y\n', "f.csv:3: it is the header once more, as where files were joined"),
    "joined-at-once": (b"id,t\nid,t\n2,y\n", "f.csv:2: it is the header once more"),
    "r-index": (b'"a","b"\n"1",5,6\n', "f.csv:2: 3 columns, but 2 are expected"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_rows_are_bad(case: str, command: Any, tmp_path: Path) -> None:
    """A row of another width is reported with its line, and never shifted into other columns."""
    content, words = BAD[case]
    (tmp_path / "f.csv").write_bytes(content)
    done = command(tmp_path / "f.csv", "--analyze-only")
    assert (done.status, words in done.out) == (0, True), done.out


@pytest.mark.slow
def test_many_columns(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """A file of four thousand columns is loaded."""
    (tmp_path / "f.csv").write_text(",".join(f"c{n}" for n in range(4_000)) + "\n" + ",".join(map(str, range(4_000))))
    assert command(tmp_path / "f.csv", "--table", new_table).status == 0
    assert cursor.execute(f"SELECT * FROM {new_table}").fetchall() == [tuple(range(4_000))]


def test_long_header(command: Any, tmp_path: Path) -> None:
    """A header that is longer than the bytes from which a dialect is usually decided tells the delimiter all the same."""
    (tmp_path / "f.tsv").write_text("\t".join(f"{n:0200d}x" for n in range(400)) + "\n" + "\t".join("1" * 400) + "\n")
    done = command(tmp_path / "f.tsv", "--analyze-only")
    assert (done.status, "f.tsv: 1 row, 400 columns, 0 bad rows" in done.out) == (0, True), done.err[:300]


# JSON and Parquet

MEMBERS: dict[str, tuple[str, str, Any]] = {
    "number": ("1", "NUMBER(38,0)", 1),
    "surrogates": (r'"\u00e9\ud83d\udc0d"', TEXT, "é🐍"),
    "nested": ('{"b": [1, 2.50, {"c": "x"}], "ü": null}', TEXT, '{"b":[1,2.50,{"c":"x"}],"ü":null}'),
    "big": ("1" * 45, TEXT, "1" * 45),
    "long fraction": ("0.1234567890123456789", "NUMBER(38,19)", Decimal("0.1234567890123456789")),
    "huge": ("1e400", TEXT, "1e400"),
    "float": ("1E5", "FLOAT", 100_000.0),
    "nan": ("NaN", TEXT, "NaN"),
    "infinite": ("-Infinity", TEXT, "-Infinity"),
    "text of digits": ('"007"', TEXT, "007"),
    "flag": ("false", "BOOLEAN", False),
    "day": ('"2024-02-29"', "DATE", datetime.date(2024, 2, 29)),
    "empty": ('""', TEXT, ""),
    "nothing": ("null", TEXT, None),
    "nul": (r'"x\u0000y"', TEXT, "x\0y"),
    'it\'s "x"': ("[]", TEXT, "[]"),
}


def test_members_are_kept(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """Members of JSON objects keep their digits, texts and nested values."""
    row = ", ".join(f"{json.dumps(name)}: {text}" for name, (text, _, _) in MEMBERS.items())
    (tmp_path / "f.json").write_text(f"[{{{row}}}]")
    done = command(tmp_path / "f.json", "--table", new_table)
    assert done.status == 0, done.err
    found = [(kind, values[0]) for kind, values in columns_of(cursor, new_table).values()]
    assert found == [(kind, value) for _, kind, value in MEMBERS.values()]


NO_OBJECTS = {
    "pair-of-a-name": (b'{"\\ud83d":1}\n', r"'\\ud83d' is no name .* no half of a pair of surrogates"),
    "twice": (b'{"a":1,"a":2}\n', r"f\.json:1: it has the member 'a' twice"),
    "nameless": (b'{"":1}\n', r"'' is no name"),
    "scalars": (b"1\n2\n", r"f\.json:1: it is no JSON object"),
    "arrays": (b"[[1,2],[3,4]]", r"f\.json:1: it is no JSON object"),
    "comma": (b'[{"a":1},]', r"f\.json:1: the element that begins here is no JSON object"),
    "pretty": (b'{\n "a":1\n}\n', r"f\.json:1: it is no JSON: .*: write each object on one line, or all in an array"),
    "utf-16": ('{"a":1}\n'.encode("utf-16"), r"is UTF-16 or UTF-32: JSON is UTF-8"),
    "utf-32-unmarked": ('{"a":1}\n'.encode("utf-32-be"), r"is UTF-16 or UTF-32: JSON is UTF-8"),
    "latin-1": (b'{"a":"\xe9"}\n', r"f\.json:1: byte 0xe9 is no UTF-8"),
    "deep": (
        b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}\n",
        r"f\.json:1: it is nested more deeply than can be read\.$",
    ),
    "deep-array": (
        b'[{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}]",
        r"f\.json:1: the element .* nested more deeply than can be read\.$",
    ),
    "empty": (b"{}\n{}\n", r"has objects without members alone"),
    "none": (b"[]", r"has no objects"),
}


def test_nested_json(tmp_path: Path) -> None:
    """An object that can be read, but is nested too deeply to be written, is a bad row, and not an internal error."""
    (tmp_path / "f.json").write_bytes(b'{"a":' + b"[" * 900 + b"]" * 900 + b"}\n")
    report = check(tmp_path / "f.json", [Column("a")], lambda rows: None, reading=Reading("json"))
    assert report.bad == {1: "it is nested more deeply than can be written"}


BAD_OBJECTS = b"""{"a": "x", "b": 1}
{"a": "\\udc0d", "b": 2}
{"a": "y", "b": {"c": ["\\ud83d"]}}
\xef\xbb\xbf{"a": "z", "b": 4}
{"a": "z", "c": 5}
{"a": "z", "b": 6}
"""


def test_bad_objects(tmp_path: Path) -> None:
    """Each row that cannot be loaded is reported by its line, and the rows around it are loaded."""
    (tmp_path / "f.json").write_bytes(BAD_OBJECTS)
    report = check(tmp_path / "f.json", [Column("a"), Column("b")], lambda rows: None, reading=Reading("json"))
    assert report.rows == 2
    assert report.bad == {
        2: "a has half of a pair of surrogates, which is no character",
        3: "b has half of a pair of surrogates, which is no character",
        4: "a byte order mark begins it, as where files were joined: take it out",
        5: "it has c, which is no column: those of a new table are its first 1,000 objects' members",
    }


@pytest.mark.parametrize("case", NO_OBJECTS)
def test_json_is_refused(case: str, command: Any, tmp_path: Path) -> None:
    """A line that is no JSON object is refused by its number."""
    content, words = NO_OBJECTS[case]
    (tmp_path / "f.json").write_bytes(content)
    done = command(tmp_path / "f.json", "--analyze-only")
    assert (done.status, done.out) == (1, ""), done.out
    assert re.search(words, done.err), done.err


MOMENT = datetime.datetime(2024, 1, 1, 10, 0, 0, 123_456)
TYPED: dict[str, tuple[Any, str, Any]] = {
    "u64": (pyarrow.array([2**64 - 1], pyarrow.uint64()), "NUMBER(38,0)", 2**64 - 1),
    "i64": (pyarrow.array([-(2**63)]), "NUMBER(38,0)", -(2**63)),
    "decimal": (pyarrow.array([Decimal("1." + "1" * 20)], pyarrow.decimal128(38, 20)), "NUMBER(38,20)", Decimal("1." + "1" * 20)),
    "zoned": (pyarrow.array([MOMENT], pyarrow.timestamp("us", "UTC")), "TIMESTAMP_TZ(9)", MOMENT.replace(tzinfo=datetime.UTC)),
    "moment": (pyarrow.array([MOMENT], pyarrow.timestamp("us")), "TIMESTAMP_NTZ(9)", MOMENT),
    "nanoseconds": (pyarrow.array([1_704_103_200_123_456_000], pyarrow.timestamp("ns")), "TIMESTAMP_NTZ(9)", MOMENT),
    "day": (pyarrow.array([datetime.date(2024, 2, 29)]), "DATE", datetime.date(2024, 2, 29)),
    "clock": (pyarrow.array([datetime.time(10, 0, 0, 5)]), "TIME(9)", datetime.time(10, 0, 0, 5)),
    "words": (pyarrow.array(["x"]).dictionary_encode(), TEXT, "x"),
    "large": (pyarrow.array(["é"], pyarrow.large_string()), TEXT, "é"),
    "bytes": (pyarrow.array([b"\x00\xff"]), "BINARY(8388608)", b"\x00\xff"),
    "flag": (pyarrow.array([True]), "BOOLEAN", True),
    "single": (pyarrow.array([0.1], pyarrow.float32()), "FLOAT", 0.10000000149011612),
    "nothing": (pyarrow.array([None], pyarrow.null()), TEXT, None),
    "uuid": (pyarrow.array([bytes(15) + b"\x05"], pyarrow.uuid()), "BINARY(8388608)", bytes(15) + b"\x05"),
    "document": (pyarrow.array(['{"x": 1.10}'], pyarrow.json_()), TEXT, '{"x": 1.10}'),
    "map": (pyarrow.array([[("k", 1)]], pyarrow.map_(pyarrow.string(), pyarrow.int64())), "VARIANT", '{"k":1}'),
    "list": (pyarrow.array([[1, None]]), "VARIANT", "[1,null]"),
    "struct": (pyarrow.array([{"x": 1, "y": ["a"]}]), "VARIANT", '{"x":1,"y":["a"]}'),
    "a.b": (pyarrow.array([1]), "NUMBER(38,0)", 1),
    "it's": (pyarrow.array([2]), "NUMBER(38,0)", 2),
}  # fmt: skip


def test_parquet_is_kept(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """Each type of a Parquet file becomes the SQL type that holds all its values."""
    table = pyarrow.table({name: array for name, (array, _, _) in TYPED.items()})
    pyarrow.parquet.write_table(table, tmp_path / "f.parquet")
    done = command(tmp_path / "f.parquet", "--table", new_table)
    assert done.status == 0, done.err
    found = {}
    for name, (kind, values) in zip(TYPED, columns_of(cursor, new_table).values(), strict=True):
        value = json.dumps(json.loads(values[0]), separators=(",", ":")) if kind == "VARIANT" else values[0]
        found[name] = (kind, bytes(value) if kind.startswith("BINARY") else value)
    assert found == {name: (kind, value) for name, (_, kind, value) in TYPED.items()}


def test_parquet_is_refused(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """A type, a footer or a timestamp that would lose something is refused, and nothing is loaded."""
    path = tmp_path / "f.parquet"
    for array, words in (
        (pyarrow.array([Decimal("1" * 60)], pyarrow.decimal256(76, 0)), "whose values no SQL type holds exactly"),
        (pyarrow.array([datetime.timedelta(1)]), "whose values no SQL type holds exactly"),
        (pyarrow.array([b"\xff"]).view(pyarrow.string()), "f.parquet: 100144: Invalid UTF8 detected in string"),
        (pyarrow.array([1_704_103_200_123_456_789], pyarrow.timestamp("ns")), "f.parquet"),  # the local server keeps microseconds
    ):  # fmt: skip
        old = pyarrow.types.is_timestamp(array.type)  # 96 bits, which DuckDB would truncate silently
        pyarrow.parquet.write_table(pyarrow.table({"a": array}), path, use_deprecated_int96_timestamps=old)
        done = command(path, "--table", new_table)
        assert (done.status, words in done.err, len(done.err.splitlines())) == (1, True, 1), done.err
    duckdb.sql(f"COPY (SELECT INTERVAL 1 DAY AS a) TO '{path}'")
    done = command(path, "--table", new_table)
    assert (done.status, "the column a has the type interval" in done.err) == (1, True), done.err
    path.write_bytes(path.read_bytes()[:-20])
    done = command(path, "--table", new_table)
    assert (done.status, len(done.err.splitlines())) == (1, 1), done.err
    assert cursor.execute(f"SHOW TABLES LIKE '{new_table}'").fetchall() == []


CHANGED = {
    "rounded": ("NUMBER(38,0)", pyarrow.array([1.0, 2.5]), "'2.5', which is no NUMBER"),
    "cut": ("NUMBER(5,1)", pyarrow.array([Decimal("1.50"), Decimal("1.25")]), "'1.25', which is no NUMBER"),
    "digits": ("NUMBER(3,0)", pyarrow.array([999, 1000]), "'1000', which is no NUMBER"),
    "words": ("VARCHAR(2)", pyarrow.array(["ab", "abc"]).dictionary_encode(), "'abc', which is no VARCHAR"),
    "clock": ("DATE", pyarrow.array([datetime.datetime(2024, 1, 1), MOMENT]), "2024-01-01 10:00:00.123456', which is no DATE"),
    "offset": ("TIMESTAMP_NTZ", pyarrow.array([None, MOMENT], pyarrow.timestamp("us", "UTC")), "which is no TIMESTAMP_NTZ"),
    "number": ("INT", pyarrow.array(["1", "x"]), "'x', which is no NUMBER"),
    "whole": ("FLOAT", pyarrow.array([1 << 53, (1 << 53) + 1]), "'9007199254740993', which is no FLOAT"),
    "places": ("FLOAT", pyarrow.array([Decimal("1.10"), Decimal("0.12345678901234567")]), "'0.12345678901234567', which is no FLOAT"),
}  # fmt: skip
"""Type of the table -> two values of a Parquet file, of which the second would be changed, and the reason in the message."""


@pytest.mark.slow
def test_parquet_that_a_table_would_change(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """Values of a Parquet file that a table would round, truncate or drop are refused by row; the others are loaded."""
    columns = ", ".join(f"{name} {kind}" for name, (kind, _, _) in CHANGED.items())
    cursor.execute(f"CREATE TABLE {new_table} ({columns})")
    arrays = {name: array for name, (_, array, _) in CHANGED.items()}
    path = tmp_path / "f.parquet"
    for name, (_, array, words) in CHANGED.items():
        held = {other: one.slice(0, 1).take([0, 0]) for other, one in arrays.items()}
        pyarrow.parquet.write_table(pyarrow.table({**held, name: array}), path)
        done = command(path, "--table", new_table, "--validate-only")
        assert (done.status, len(done.err.splitlines())) == (1, 1), name
        assert re.search(rf"f\.parquet: row 2: {name} is .*{words}", done.err, re.IGNORECASE), done.err
    done = command(path, "--table", new_table)
    assert (done.status, "row 2" in done.err) == (1, True), done.err
    pyarrow.parquet.write_table(pyarrow.table({name: one.slice(0, 1) for name, one in arrays.items()}), path)
    done = command(path, "--table", new_table)
    assert done.status == 0, done.err
    day = datetime.date(2024, 1, 1)
    assert cursor.execute(f"SELECT * FROM {new_table}").fetchall() == [
        (1, Decimal("1.5"), 999, "ab", day, None, 1, 2.0**53, 1.1)
    ]


CALENDAR = {
    "day": pyarrow.array([0, 2_932_897], pyarrow.date32()),
    "day before": pyarrow.array([0, -719_163], pyarrow.date32()),
    "milliseconds": pyarrow.array([None, 253_402_300_800_000], pyarrow.timestamp("ms")),
    "microseconds": pyarrow.array([0, -62_135_596_800_000_001], pyarrow.timestamp("us")),
    "seconds": pyarrow.array([0, -62_135_596_801], pyarrow.timestamp("s", "UTC")),
}
OF_DAY = {
    "midnight": pyarrow.array([86_399_999_999, 86_400_000_000], pyarrow.time64("us")),
    "nanoseconds": pyarrow.array([None, 86_400_000_000_000], pyarrow.time64("ns")),
    "before": pyarrow.array([0, -1], pyarrow.time32("s")),
}
NO_JSON = [
    pyarrow.array([[b"\xff"]]),
    pyarrow.array([{"x": 1, "X": 2}]),
    pyarrow.array([[Decimal("1" * 60)]], pyarrow.list_(pyarrow.decimal256(76, 0))),
    pyarrow.array([[Decimal("1.10")]]),
    pyarrow.array([{"price": {"eur": Decimal("0.50")}}]),
    pyarrow.array([[("k", datetime.timedelta(1))]], pyarrow.map_(pyarrow.string(), pyarrow.duration("s"))),
]


def test_old_moments_of_parquet(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """Timestamps of 96 bits are loaded beyond the range of nanoseconds, and a dollar in a name stays a dollar."""
    moments = [datetime.datetime(1500, 1, 1, 1, 2, 3), datetime.datetime(2500, 1, 1), None]
    path = tmp_path / "f.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"$y": moments}), path, use_deprecated_int96_timestamps=True)
    done = command(path, "--table", new_table)
    assert done.status == 0, done.err
    assert columns_of(cursor, new_table) == {"$y": ("TIMESTAMP_NTZ(9)", moments)}
    moments[2] = datetime.datetime(2500, 1, 2, 3)
    pyarrow.parquet.write_table(pyarrow.table({"$y": moments}), path, use_deprecated_int96_timestamps=True)
    done = command(path, "--table", f"{new_table}_days", "--type", "$y=DATE")
    assert "row 1: $y is '1500-01-01 01:02:03" in done.err, done.err


def test_parquet_out_of_range(tmp_path: Path) -> None:
    """Dates and timestamps that no table holds are refused by row; nested values that JSON cannot hold, by their type."""
    path = tmp_path / "f.parquet"

    def refused(words: str, *columns: Column) -> None:
        with pytest.raises(BadData, match=words):
            check(path, [*columns] or [Column("a")], lambda rows: None, reading=Reading("parquet"))

    for array in CALENDAR.values():
        pyarrow.parquet.write_table(pyarrow.table({"a": array}), path)
        refused(r"f\.parquet: row 2: a is a day or moment outside of the years 1 to 9999")
    for array in OF_DAY.values():
        pyarrow.parquet.write_table(pyarrow.table({"a": array}), path)
        refused(r"f\.parquet: row 2: a is no time of a day, which no table holds")
    edges = pyarrow.array([-719_162, 2_932_896, None], pyarrow.date32())
    pyarrow.parquet.write_table(pyarrow.table({"a": edges}), path)
    assert check(path, [Column("a")], lambda rows: None, reading=Reading("parquet")).rows == 3
    maps = pyarrow.map_(pyarrow.string(), pyarrow.int64())
    for array, words in (
        (pyarrow.array([[("k", 1)], [("k", 1), ("k", 2)]], maps), "a is a map with a key twice"),
        (
            pyarrow.array([[], [{"m": [("k", 1), ("k", 2)]}]], pyarrow.list_(pyarrow.struct([("m", maps)]))),
            "a is a map with a key twice",
        ),
        (pyarrow.array(["x", "x" * ((1 << 24) + 1)]), "a is longer than 16,777,216 bytes"),
        (pyarrow.array([b"x", b"x" * ((1 << 23) + 1)]).dictionary_encode(), "a is longer than 8,388,608 bytes"),
    ):
        pyarrow.parquet.write_table(pyarrow.table({"a": array}), path)
        refused(rf"f\.parquet: row 2: {words}")
    for array in NO_JSON:
        pyarrow.parquet.write_table(pyarrow.table({"a": array}), path)
        refused("whose values no SQL type holds exactly")
    assert kind_of(pyarrow.struct([])) == "no struct<>"  # other programs than pyarrow write them
    pyarrow.parquet.write_table(pyarrow.table({}), path)
    refused("has no columns")
    path.write_bytes(gzip.compress(path.read_bytes()))
    refused("is packed with gzip: unpack it")
    # A given type of one column does not allow rounding another column.
    pyarrow.parquet.write_table(pyarrow.table({"a": [1], "b": [2.5]}), path)
    given = Column("a", "FLOAT", given=True)
    refused(
        r"its column b is FLOAT, but NUMBER\(38,0\) in the files before: give --type",
        given,
        Column("b", "NUMBER(38,0)"),
    )


class NoKeys(encryption.KmsClient):  # type: ignore[misc]  # pyarrow has no types here
    """Encrypts with keys that nobody else knows."""

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
        return base64.b64encode(key_bytes)


def test_parquet_that_is_damaged(tmp_path: Path) -> None:
    """A footer that contradicts itself, a name that is no UTF-8, and a column that is encrypted are reported, and do not end the
    process."""
    path = tmp_path / "f.parquet"

    def refused(words: str) -> None:
        with pytest.raises(BadData, match=words):
            check(path, [Column("aa"), Column("bb")], lambda rows: None, reading=Reading("parquet"))

    pyarrow.parquet.write_table(pyarrow.table({"aa": [1], "bb": [2]}), path, store_schema=False)
    content = path.read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    data, footer = content[: -8 - length], content[-8 - length : -8]
    path.write_bytes(content.replace(b"bb", b"b\xff"))
    refused(r"f\.parquet is no Parquet file that can be read")
    column = b"\x15\x04%\x02\x18\x02bb\0"
    for old, new in (  # a third column, of which the row group knows nothing
        (b"\x19<5\0\x18\x06schema\x15\x04", b"\x19L5\0\x18\x06schema\x15\x06"),
        (column, column + column.replace(b"bb", b"cc")),
        (b"\x19\x2c" + b"\x1c\0\0" * 2, b"\x19\x3c" + b"\x1c\0\0" * 3),
    ):
        assert footer.count(old) == 1
        footer = footer.replace(old, new)
    path.write_bytes(data + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    refused(r"f\.parquet is no Parquet file that can be read: its footer has row groups without some columns")
    table = pyarrow.table({"aa": [1], "bb": ["x" * ((1 << 24) + 1)]})
    keys = encryption.EncryptionConfiguration(footer_key="f", column_keys={"k": ["bb"]}, plaintext_footer=True)
    factory = encryption.CryptoFactory(lambda _: NoKeys())
    properties = factory.file_encryption_properties(encryption.KmsConnectionConfig(), keys)
    with pyarrow.parquet.ParquetWriter(path, table.schema, encryption_properties=properties) as writer:
        writer.write_table(table)
    refused(r"f\.parquet is encrypted, and no keys are known")


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (pyarrow.array([2_932_896, 2_932_897], pyarrow.date32()), "DATE"),
        (pyarrow.array([0, -62_135_596_800_000_001], pyarrow.timestamp("us")), "TIMESTAMP_NTZ"),
        (pyarrow.array([0, 86_400_000_000], pyarrow.time64("us")), "TIME"),
        (pyarrow.array(["\u00e9\U0001f600", "abc" * 1_000]), "VARCHAR(2)"),
    ],
)
def test_parquet_without_a_check(
    array: Any, kind: str, command: Any, cursor: Any, new_table: str, tmp_path: Path
) -> None:
    """With --skip-qc the local server refuses what the service does not hold, and loads the rest."""
    cursor.execute(f"CREATE TABLE {new_table} (a {kind})")
    path = tmp_path / "f.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"a": array}), path)
    done = command(path, "--table", new_table, "--skip-qc")
    assert (done.status, "f.parquet: 100071: Failed to cast value" in done.err) == (1, True), done.err
    assert len(done.err) < 500
    pyarrow.parquet.write_table(pyarrow.table({"a": array.slice(0, 1)}), path)
    done = command(path, "--table", new_table, "--skip-qc")
    assert done.status == 0, done.err
    assert cursor.execute(f"SELECT a FROM {new_table}").fetchall() == [(array[0].as_py(),)]


def test_parquet_into_other_columns(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """A text stays a text in a VARIANT column; bytes for text are refused."""
    path = tmp_path / "f.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"a": ['{"x": 1}', "y", None]}), path)
    cursor.execute(f"CREATE TABLE {new_table} (a VARIANT, b INT)")
    done = command(path, "--table", new_table)
    assert done.status == 0, done.err
    rows = cursor.execute(f"SELECT * FROM {new_table}").fetchall()
    assert [(None if a is None else json.loads(a), b) for a, b in rows] == [
        ('{"x": 1}', None),
        ("y", None),
        (None, None),
    ]
    pyarrow.parquet.write_table(pyarrow.table({"a": [b"abc"]}), path)
    done = command(path, "--table", f"{new_table}_text", "--type", "a=VARCHAR")
    assert (done.status, "the column a has bytes, and the table would have their digits" in done.err) == (1, True)


DEFAULTS = '(id INT AUTOINCREMENT, "a b" VARCHAR(5), d NUMBER(5,2), n INT DEFAULT 5 NOT NULL, x INT)'


@pytest.mark.parametrize(
    "more", [(), ("--if-exists", "replace"), ("--skip-qc",)], ids=["append", "replace", "unchecked"]
)
def test_defaults_beside_parquet(
    more: tuple[str, ...], command: Any, cursor: Any, new_table: str, tmp_path: Path
) -> None:
    """Columns that Parquet files do not have get the table's defaults, in all rows or none, and nothing else stays."""
    path = tmp_path / "f.parquet"
    # Other tests may have left tables, whose clean-up has found the server busy.
    others = cursor.execute("SHOW TABLES LIKE 'PROGRESSKIT%'").fetchall()
    cursor.execute(f"CREATE TABLE {new_table} {DEFAULTS}")
    cursor.execute(f"INSERT INTO {new_table} (\"a b\", n) VALUES ('old', 7)")
    pyarrow.parquet.write_table(pyarrow.table({"D": [Decimal("1.10"), None], "a b": ["it's", None]}), path)
    done = command(path, "--table", new_table, *more)
    assert done.status == 0, done.err
    assert "columns left to their defaults: ID, N, X" in done.out
    old = [] if "replace" in more else [("old", None, 7, None)]
    columns = f'SELECT "a b", d, n, x FROM {new_table} ORDER BY id'
    rows = [*old, ("it's", Decimal("1.10"), 5, None), (None, None, 5, None)]
    assert cursor.execute(columns).fetchall() == rows
    # A row that the table does not take takes all of them back.
    cursor.execute(f"CREATE OR REPLACE TABLE {new_table} (d NUMBER(5,2) NOT NULL, n INT DEFAULT 5)")
    pyarrow.parquet.write_table(pyarrow.table({"d": [Decimal("1.10"), None]}), path)
    done = command(path, "--table", new_table, *more)
    assert (done.status, cursor.execute(f"SELECT * FROM {new_table}").fetchall()) == (1, []), done.err
    assert cursor.execute("SHOW TABLES LIKE 'PROGRESSKIT%'").fetchall() == others


def test_defaults_beside_json(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """Columns that JSON files do not have get the table's defaults."""
    cursor.execute(f"CREATE TABLE {new_table} (a VARCHAR, b INT DEFAULT 5)")
    (tmp_path / "f.json").write_text('{"a": "x"}\n')
    assert command(tmp_path / "f.json", "--table", new_table).status == 0
    assert cursor.execute(f"SELECT * FROM {new_table}").fetchall() == [("x", 5)]


def test_parquet_is_remembered(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """--skip-loaded works for Parquet files too."""
    cursor.execute(f"CREATE SCHEMA P_{new_table}")
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), tmp_path / "f.parquet")
    for words in ("1 row of 1 file", "was loaded before"):
        done = command(tmp_path / "f.parquet", "--table", f"p_{new_table}.t", "--skip-loaded")
        assert (done.status, words in done.out) == (0, True), done.err + done.out
    assert cursor.execute(f"SELECT * FROM p_{new_table}.t").fetchall() == [(1,)]


# Paths


def test_paths(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """Names with brackets, links and pipes are read; a broken link and a folder are mistakes."""
    (tmp_path / "a[1].csv").write_text("a\n1\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "a[1].csv")
    (tmp_path / "part-2.csv").write_text("a\n2\n")
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nothing")
    os.mkfifo(pipe := tmp_path / "pipe.csv")
    writer = threading.Thread(target=pipe.write_bytes, args=(gzip.compress(b"a\n3\n"),), daemon=True)
    writer.start()
    done = command(tmp_path / "a[1].csv", tmp_path / "link.csv", tmp_path / "part-[12].csv", pipe, "--table", new_table)
    writer.join(60)
    assert done.status == 0, done.err
    assert sorted(cursor.execute(f"SELECT a FROM {new_table}").fetchall()) == [(1,), (2,), (3,)]
    for name, words in {
        tmp_path / "gone.csv": "there is no file",
        tmp_path: "is a folder",
        tmp_path / "b[1].csv": "there is no file",
        "": "there is no file ''",
        "x" * 5_000: "File name too long",
        "s3://bucket/f.csv": "there is no file 's3://bucket/f.csv'",
        tmp_path / "part-2.csv" / "f.csv": "there is no file",
    }.items():
        done = command(name, "--table", new_table)
        assert (done.status, words in done.err) == (2, True), done.err


def test_what_can_be_read_once(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """A shell's <(...) and named pipes are loaded, and messages have the given name."""

    def piped(content: bytes) -> str:
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(content)
        opened.callback(os.close, reading)
        return f"/dev/fd/{reading}"

    with contextlib.ExitStack() as opened:
        done = command(piped(b"a;b\n1;x\n"), piped(gzip.compress(b"a,b\n2,y\n")), "--table", new_table)
        assert done.status == 0, done.err
        assert sorted(cursor.execute(f"SELECT * FROM {new_table}").fetchall()) == [(1, "x"), (2, "y")]
        assert re.search(r"^  /dev/fd/\d+: columns are split by a semicolon$", done.out, re.MULTILINE), done.out
        bad = piped(b"a,b\n1,x\n2\n")
        for name, words in (
            (bad, f"{bad}:3: 1 column, but 2 are expected"),
            (piped(b""), " is empty: give a CSV file"),
        ):
            done = command(name, "--table", new_table)
            assert (done.status, words in done.err, "progresskit-snowflake: /tmp" in done.err) == (1, True, False), (
                done.err
            )
    done = command("/dev/null", "--table", new_table)
    assert done.err.startswith("progresskit-snowflake: /dev/null is empty"), done.err


def test_names_that_cannot_be_printed(
    command: Any, new_table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file name that is not UTF-8 and an output in ASCII do not prevent the summary; a closed standard input is reported."""
    path = tmp_path / os.fsdecode(b"caf\xe9.csv")
    path.write_bytes(b"a;b\n1;x\n")
    printed = io.BytesIO()
    ascii_alone = io.TextIOWrapper(printed, "ascii", write_through=True)
    with contextlib.redirect_stdout(ascii_alone):
        status = cli.main(["load", str(path), "--analyze-only", "--no-progress"])
    assert status == 0
    assert rb"caf\udce9.csv: 1 row," in printed.getvalue()
    hostile = tmp_path / "a\x1b[2Jb.csv"
    hostile.write_bytes(b"a,b\n1\n")
    for options in (["--analyze-only"], ["--table", new_table]):
        done = command(hostile, *options)
        assert r"a\x1b[2Jb.csv" in done.out + done.err
        assert "\x1b" not in done.out + done.err
    monkeypatch.setattr(sys, "stdin", None)
    done = command("-", "--table", new_table)
    assert (done.status, "standard input, and that is closed" in done.err) == (2, True)
