"""Files and options of every kind: the exact content of the table, or a refusal in one sentence."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
pytest.importorskip("uvicorn", reason="the embedded server is not installed in this environment")

import pyarrow
import pyarrow.parquet
from hypothesis import given
from hypothesis import strategies as st
from progresskit_snowflake.files.jsonlines import JsonReader
from progresskit_snowflake.files.opening import BadData
from progresskit_snowflake.files.packing import CanonicalForm
from progresskit_snowflake.files.quality import Reading, check
from progresskit_snowflake.loading import checking, pipeline
from progresskit_snowflake.loading.pipeline import Load
from progresskit_snowflake.loading.session import Loading
from progresskit_snowflake.sql.columns import Column, beside, parts_of, quoted, table_name

Rows = list[tuple[Any, ...]]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows_of(cursor: Any, table: str) -> Rows:
    """Return the rows of a table, sorted."""
    found: Rows = cursor.execute(f"SELECT * FROM {table}").fetchall()
    return sorted(found, key=repr)


def there(cursor: Any, table: str) -> bool:
    return bool(cursor.execute(f"SHOW TABLES LIKE '{table}'").fetchall())


def zstd(content: bytes) -> bytes:
    return bytes(pyarrow.Codec("zstd").compress(content))


# Dialects

FOUND: dict[str, tuple[bytes, Rows]] = {
    "comma": (b"k,v\ncomma,a;b\n", [("a;b",)]),
    "semicolon": (b"k;v\nsemicolon;a,b\n", [("a,b",)]),
    "tab": (b"k\tv\ntab\ta b\n", [("a b",)]),
    "bar": (b"k|v\nbar|x\n", [("x",)]),
    "mark": (b"\xef\xbb\xbfk,v\nmark,\xc3\xa9\n", [("é",)]),
    "utf-16": ("k,v\nutf-16,é🐍\n".encode("utf-16"), [("é🐍",)]),
    "utf-16-be": (b"\xfe\xff" + "k,v\nutf-16-be,é\n".encode("utf-16-be"), [("é",)]),
    "utf-32": ("k,v\nutf-32,é\n".encode("utf-32"), [("é",)]),
    "crlf": (b"k,v\r\ncrlf,x\r\n", [("x",)]),
    "mixed": (b'k,v\r\nmixed,x\nmixed,"y\r\n"\r\n', [("x",), ("y\r\n",)]),
    "cr": (b"k,v\rcr,x\rcr,y\r", [("x",), ("y",)]),
    "blank": (b"\n\r\nk,v\n\nblank,x\n\n\nblank,y\n\n", [("x",), ("y",)]),
    "unended": (b"k,v\nunended,x", [("x",)]),
    "unended-cr": (b"k,v\nunended-cr,x\r", [("x",)]),
    "header": (b"k,v", []),
    "order": (b"v,k\nx,order\n", [("x",)]),
    "newline": (b'"k",v\nnewline,"a\nb\n\nc"\n', [("a\nb\n\nc",)]),
    "quotes": (b'k,v\nquotes,"say ""x"""\nquotes,5" pipe\n', [('5" pipe',), ('say "x"',)]),
    "backslash": (b'k,v\nbackslash,a\\nb\nbackslash,\\N\nbackslash,"\\"\n', [("\\",), ("\\N",), ("a\\nb",)]),
    "missing": (b'k,v\nmissing,\nmissing,""\nmissing,NULL\nmissing, \n', [("",), (" ",), ("NULL",), (None,)]),
    "blanks": (b"k,v\nblanks,  a  \n", [("  a  ",)]),
    "long": (b"k,v\nlong," + b"x" * 3_000_000 + b"\n", [("x" * 3_000_000,)]),
    "gzip.gz": (gzip.compress(b"k,v\ngzip.gz,x\n"), [("x",)]),
    "twice.gz": (gzip.compress(b"k,v\ntwice.gz,x\n") + gzip.compress(b"twice.gz,y\n"), [("x",), ("y",)]),
    "bz2.bz2": (bz2.compress(b"k,v\nbz2.bz2,x\n"), [("x",)]),
    "zstd.zst": (zstd(b"k,v\nzstd.zst,x\n"), [("x",)]),
    "packed": (gzip.compress("k;v\npacked;é\n".encode("utf-16")), [("é",)]),
}
"""Name -> the bytes of a file with the columns k and v, where k is the name, and the value of v in the table."""


@pytest.mark.slow
def test_dialects_are_found(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """Each file of a load is read in its own dialect, and the summary names unusual ones."""
    for name, (content, _) in FOUND.items():
        write(tmp_path / name, content)
    paths = [tmp_path / name for name in FOUND]
    done = command(*paths, "--table", new_table, "--format", "csv", "--jobs", "2")
    assert done.status == 0, done.err
    found = cursor.execute(f"SELECT k, v FROM {new_table}").fetchall()
    loaded = {name: sorted(((v,) for k, v in found if k == name), key=repr) for name in FOUND}
    assert loaded == {name: sorted(rows, key=repr) for name, (_, rows) in FOUND.items()}
    for words in (
        "semicolon: columns are split by a semicolon",
        "tab: columns are split by a tab",
        "blank: 6 blank lines left out",
    ):
        assert words in done.out, done.out
    assert "utf-16: its encoding is utf-16-le" in done.out


OPTIONS: dict[str, tuple[str | bytes, list[str], Rows]] = {
    "escape": ('a,b\n1,"say \\"x\\", \\\\"\n\\N,x\\,y\n', ["--escape", "\\"], [("1", 'say "x", \\'), (None, "x,y")]),
    "quote": ("a,b\n'1','it''s \"x\"'\n", ["--quote", "'"], [("1", 'it\'s "x"')]),
    "no-quote": ('a,b\n"1",5"\n', ["--quote", "none"], [('"1"', '5"')]),
    "delimiter": ("a:b\n1:2,3\n", ["--delimiter", ":"], [("1", "2,3")]),
    "tab": ("a\tb\n1\t2,3;4\n", ["--delimiter", "tab"], [("1", "2,3;4")]),
    "no-header": ("1,x\n2,y\n", ["--no-header"], [("1", "x"), ("2", "y")]),
    "skip-lines": ('made by "us, at\nnoon\na,b\n1,x\n', ["--skip-lines", "2"], [("1", "x")]),
    "null": ('a,b\nNA,"NA"\n-,NAN\n', ["--null", "NA", "--null=-"], [(None, "NAN"), (None, None)]),
    "empty-null": ('a,b\n1,""\n2,\n', ["--empty", "null"], [("1", None), ("2", None)]),
    "empty-text": ('a,b\n1,""\n2,\n', ["--empty", "text"], [("1", ""), ("2", "")]),
    "cp1252": ("a,b\n1,é€\n".encode("cp1252"), ["--encoding", "cp1252"], [("1", "é€")]),
    "utf-16": ("a,b\n1,é\n".encode("utf-16-le"), ["--encoding", "utf-16-le"], [("1", "é")]),
    "blank-null": ("a\n\nx\n\n", ["--blank-lines", "null"], [("x",), (None,), (None,)]),
    "blank-first": ("\nx\n", ["--blank-lines", "null", "--no-header"], [("x",), (None,)]),
    "blank-skip": ("a\n\nx\n\ny\n", ["--blank-lines", "skip"], [("x",), ("y",)]),
    "one-column-null": ('a\nx\n""\nNA\n', ["--null", "NA"], [("",), ("x",), (None,)]),
}


RARER = {
    "tab",
    "utf-16",
    "empty-text",
    "blank-first",
    "blank-skip",
    "one-column-null",
    "quote",
    "no-quote",
    "delimiter",
    "skip-lines",
    "empty-null",
}


@pytest.mark.parametrize(
    "case", [pytest.param(one, marks=pytest.mark.slow) if one in RARER else one for one in OPTIONS]
)
def test_dialects_as_given(case: str, command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """The table has the values that the file has by the given options."""
    content, options, rows = OPTIONS[case]
    done = command(write(tmp_path / "f.csv", content), "--table", new_table, "--all-text", *options)
    assert (done.status, rows_of(cursor, new_table)) == (0, sorted(rows, key=repr)), done.err


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "delimiters": ("a;b,c\n1;2,3\n", r"f.csv: its columns may be split by a comma or by a semicolon: give --delimiter"),
    "doubtful": ("a;b\n1;2;3\n", r"f.csv: its first line looks as if a semicolon split .* give --delimiter"),
    "latin-1": ("a,b\n1,x\n2,Zoé\n".encode("latin-1"), r"f.csv:3: in the column b, byte 0xe9 is no UTF-8.*--encoding cp1252"),
    "utf-16": ("a,b\n1,x\n".encode("utf-16-le"), r"f.csv: it looks like UTF-16 without a mark: give --encoding utf-16-le"),
    "unclosed": ('a,b\n1,"x\n2,y\n', r"f.csv:2: a quote that is opened here is not closed"),
    "lines": ('a,b\n1,"x\ny"z\n2,y\n', r"f.csv:2: b: 'z' stands behind a closing quote.*The row has several lines"),
    "blank": ("a\n1\n\n2\n", r"f.csv:3: a blank line between the rows of a file of one column .*--blank-lines null"),
    "empty": ("", r"f.csv is empty: give a CSV file with a header line"),
    "blanks": ("\n\n\n", r"f.csv has no header line"),
    "twice": ("a,b,A\n1,2,3\n", r"f.csv: the header has 'A' more than once"),
    "nameless": ("a,\n1,2\n", r"f.csv:1: the header has no name for column 2 of 2"),
    "blank-name": (b"   \n", r"f.csv:1: the header has no name for column 1 of 1"),
    "zip": (b"PK\x03\x04 and so on", r"f.csv is a zip archive, or a workbook of Excel's"),
    "parquet": (b"PAR1\x15\x04 and so on", r"f.csv is a Parquet file: give --format parquet"),
    "truncated": (gzip.compress(b"a,b\n" + random.Random(1).randbytes(9_000).hex().encode())[:-40], r"damaged or ends too early"),
    "no-gzip": (b"\x1f\x8b and so on", r"f.csv: what it is packed with is damaged"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused_files(case: str, command: Any, tmp_path: Path) -> None:
    """An ambiguous or meaningless file is refused in one sentence, with the status 1."""
    content, words = REFUSED[case]
    done = command(write(tmp_path / "f.csv", content), "--analyze-only")
    assert (done.status, done.out) == (1, "")
    assert re.search(words, done.err), done.err
    assert len(done.err.splitlines()) == 1


def test_nothing_of_a_load_with_a_refused_file(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """If one of several files is refused, nothing is loaded, and no table is made."""
    good = write(tmp_path / "good.csv", "a,b\n1,x\n")
    for case in ("unclosed", "latin-1", "truncated"):
        content, words = REFUSED[case]
        done = command(good, write(tmp_path / "f.csv", content), "--table", new_table)
        assert (done.status, done.out, len(done.err.splitlines())) == (1, "", 1), done.err
        assert re.search(words, done.err), done.err
        assert not there(cursor, new_table)


BAD_ROWS = b'a,b\n1,x\n2,"y"z\n3\n4,w\rv\n5,x,y\n"6",x\n'


def test_bad_rows_are_told_by_line_and_column(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """Invalid rows stop the load and are reported by line; up to the allowed number are left out."""
    path = write(tmp_path / "f.csv", BAD_ROWS)
    done = command(path, "--table", new_table)
    assert done.status == 1
    for words in (
        "3: b: 'z' stands behind",
        "4: 1 column, but 2",
        "5: b: a carriage return stands",
        "6: 3 columns, but 2",
    ):
        assert f"f.csv:{words}" in done.err, done.err
    assert not there(cursor, new_table)
    done = command(path, "--table", new_table, "--max-bad-rows", "4")
    assert (done.status, rows_of(cursor, new_table)) == (0, [(1, "x"), (6, "x")])


def test_files_once(command: Any, cursor: Any, new_table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quoted wildcard names files, - is standard input, and a file is loaded once, also by several names."""
    for number in range(3):
        write(tmp_path / f"part-{number}.csv", f"a\n{number}\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "part-1.csv")
    os.link(tmp_path / "part-2.csv", tmp_path / "hard.csv")
    given = sys.stdin
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(b"a\n9\n"))))
    more = [tmp_path / "link.csv", tmp_path / "hard.csv", tmp_path / "." / "part-0.csv"]
    done = command(tmp_path / "part-*.csv", *more, "-", "--table", new_table)
    monkeypatch.setattr(sys, "stdin", given)
    assert (done.status, rows_of(cursor, new_table)) == (0, [(0,), (1,), (2,), (9,)]), done.err
    for name, first in {"link.csv": "part-1.csv", "hard.csv": "part-2.csv"}.items():
        assert f"{tmp_path / name} is the same file as {tmp_path / first}: it is loaded once" in done.out
    assert f"{tmp_path / 'part-0.csv'} is named twice: it is loaded once" in done.out


MISTAKES = {
    "no-match": (["*.none"], r"there is no file that matches .*\*\.none"),
    "missing": (["none.csv"], r"there is no file .*none\.csv"),
    "folder": (["."], r"is a folder: give the files in it"),
    "formats": (["a.csv", "a.parquet"], r"the files are of several formats, csv, parquet"),
    "delimiter": (["a.csv", "--delimiter", "ab"], r"'ab' is no delimiter: give one character"),
    "same": (["a.csv", "--delimiter", ";", "--quote", ";"], r"give three different ones"),
    "encoding": (["a.csv", "--encoding", "klingon"], r"there is no encoding 'klingon'"),
    "names": (["a.csv", "--encoding", "idna"], r"there is no encoding 'idna'"),
    "no-text": (["a.csv", "--null", "\udced"], r"'\\udced' is no UTF-8"),
    "dashes": (["a.csv", "--type=--"], r"'--' is no column and type"),
    "unset": (["a.csv", "--delimiter", ""], r"--delimiter is empty"),
    "bytes": (["a.csv", "--encoding", "hex"], r"there is no encoding 'hex'"),
    "rows": (["a.csv", "--max-bad-rows", "-1"], r"'-1' is no count"),
    "type": (["a.csv", "--type", "zip"], r"'zip' is no column and type"),
    "types": (["a.csv", "--types", "none.txt"], r"none\.txt: No such file"),
    "injected": (["a.csv", "--type", "zip=VARCHAR); DROP TABLE x"], r"is no column and type"),
    "of-csv": (["a.parquet", "--delimiter", ";"], r"--delimiter is of CSV files"),
    "null": (["a.parquet", "--null", "NA"], r"--null is of CSV and JSON files"),
    "table": (["a.csv", "--table", 'a."b'], r"is no table"),
    "parts": (["a.csv", "--table", "a.b.c.d"], r"is no table"),
    "blanks": (["a.csv", "--table", " "], r"' ' is no table"),
    "blank-schema": (["a.csv", "--table", " .t"], r"' \.t' is no table"),
    "long": (["a.csv", "--table", "x" * 256], r"has 256 characters, and a name has at most 255"),
    "half": (["a.csv", "--table", "x\udcff"], r"is no name for a table"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_on_the_command_line(case: str, command: Any, tmp_path: Path) -> None:
    """A mistake on the command line is reported with the allowed values, and the command ends with the status 2 before it
    connects."""
    (name, *options), words = MISTAKES[case]
    for file in ("a.csv", "a.parquet"):
        write(tmp_path / file, "a\n1\n")
    options = [str(tmp_path / one) if one.endswith((".parquet", ".txt")) else one for one in options]
    done = command(tmp_path / name, *options, *([] if "--table" in options else ["--table", "t"]))
    assert done.status == 2
    assert re.search(words, done.err), done.err


# Types and names


def described(cursor: Any, table: str) -> dict[str, str]:
    return {row[0]: row[1] for row in cursor.execute(f"DESCRIBE TABLE {table}").fetchall()}


VALUES = "id,zip,big,price,rate,flag,day,at,phone\n"
VALUES += "1,10115,12345678901234567890123456789012345678,1.50,1e3,true,2024-02-29,2024-01-01T10:00:00,+49301\n"
VALUES += "2,02134,-1,22.125,0.1,FALSE,2023-01-01,2024-01-01 11:00,+49302\n"


def test_types_hold_every_value(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """A new table's types hold each value exactly, and the summary says which column became text, by which line."""
    path = write(tmp_path / "f.csv", VALUES)
    done = command(path, "--table", new_table)
    kinds = described(cursor, new_table)
    assert kinds == {
        "ID": "NUMBER(38,0)",
        "ZIP": "VARCHAR(16777216)",
        "BIG": "NUMBER(38,0)",
        "PRICE": "NUMBER(38,3)",
        "RATE": "FLOAT",
        "FLAG": "BOOLEAN",
        "DAY": "DATE",
        "AT": "TIMESTAMP_NTZ(9)",
        "PHONE": "VARCHAR(16777216)",
    }
    found = cursor.execute(f"SELECT zip, big, price, rate, flag, phone FROM {new_table} ORDER BY id").fetchall()
    assert found == [
        ("10115", 12345678901234567890123456789012345678, Decimal("1.5"), 1000.0, True, "+49301"),
        ("02134", -1, Decimal("22.125"), 0.1, False, "+49302"),
    ]
    assert f"zip is text: {path}:3 has '02134', which is no NUMBER(38,0)" in done.out, done.out
    assert "phone is text: " in done.out


def test_a_plus_sign(command: Any, new_table: str, tmp_path: Path) -> None:
    """A plus sign among negative numbers is not that of a telephone number, and makes no column text."""
    done = command(write(tmp_path / "f.csv", "a\n+5\n-3\n"), "--table", new_table)
    assert (done.status, "is text" in done.out) == (0, False), done.out


def test_types_by_hand(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """--type goes before --types and --all-text. A value that does not fit is bad, and an unknown column is refused."""
    path = write(tmp_path / "f.csv", 'Id,"b=c",d\n1,007,2.5\n')
    types = write(tmp_path / "types", '# by hand\n\n ID = VARCHAR\n"b=c"=NUMBER(5)\nd=FLOAT\n')
    done = command(path, "--table", new_table, "--types", types, "--type", "id=NUMBER(4,1)", "--all-text")
    assert done.status == 0, done.err
    assert described(cursor, new_table) == {"ID": "NUMBER(4,1)", "b=c": "NUMBER(5,0)", "D": "FLOAT"}
    assert rows_of(cursor, new_table) == [(1, 7, 2.5)]
    cursor.execute(f"DROP TABLE {new_table}")
    done = command(path, "--table", new_table, "--type", "d=INT")
    assert (done.status, "f.csv:2: d is '2.5', which is no INT" in done.err) == (1, True), done.err
    done = command(path, "--table", new_table, "--type", "e=INT")
    assert (done.status, "f.csv has no column e, for which a type is given" in done.err) == (1, True), done.err
    assert not there(cursor, new_table)


def test_digits_that_a_float_drops_are_told(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """A FLOAT that is given, or that the table has, drops digits: the summary says so, also of a check that loads nothing."""
    path = write(tmp_path / "f.csv", "v,w,n\n0.1,.5e1,1\nxe,0.30000000000000004,2\n9007199254740993,-1e-400,3\n")
    words = [
        f"  v is FLOAT: {path}:4 has '9007199254740993', and 9007199254740992.0 is what it keeps",
        f"  w is DOUBLE: {path}:4 has '-1e-400', and -0.0 is what it keeps",
    ]
    done = command(path, "--table", new_table, "--type", "v=FLOAT", "--type", "w=DOUBLE", "--max-bad-rows", 1)
    assert (done.status, [line for line in done.out.splitlines() if " keeps" in line]) == (0, words), done.err
    assert rows_of(cursor, new_table) == [(0.1, 5.0, 1), (9007199254740992.0, 0.0, 3)]
    done = command(path, "--table", new_table, "--max-bad-rows", 1, "--validate-only")
    assert [line for line in done.out.splitlines() if " keeps" in line] == [
        words[0],
        words[1].replace("DOUBLE", "FLOAT"),
    ]


def test_blanks_at_edges_are_told(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """Blanks beside names and numbers are kept, since they are in the file; the summary says so."""
    path = write(tmp_path / "f.csv", "id, name\n 1, a\n2, b\n")
    done = command(path, "--table", new_table)
    assert rows_of(cursor, new_table) == [(" 1", " a"), ("2", " b")]
    assert "  a column is called ' name', with the blank, as in the header\n" in done.out
    assert f"id is text: {path}:2 has ' 1', which is no number" in done.out
    done = command(path, "--table", new_table)
    assert "a column is called" not in done.out
    cursor.execute(f"CREATE OR REPLACE TABLE {new_table} (id INT, name VARCHAR)")
    assert "has no column ' name': it has ID, NAME." in command(path, "--table", new_table).err


def test_digits_beyond_a_float_make_text(command: Any, new_table: str, tmp_path: Path) -> None:
    """The summary says of a value that only a FLOAT would change that a FLOAT would change it."""
    path = write(tmp_path / "f.csv", "v\n1.000000000000000056e-01\n")
    done = command(path, "--table", new_table)
    assert f"v is text: {path}:2 has '1.000000000000000056e-01', which a FLOAT would change" in done.out, done.err


def test_unchecked_rows_keep_their_values(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """With --skip-qc no guess changes a value: columns without a given type are text, and the summary says so."""
    path = write(tmp_path / "f.csv", VALUES)
    done = command(path, "--table", new_table, "--skip-qc", "--type", "id=INT")
    assert "columns are VARCHAR, since nobody has checked the rows" in done.out
    expected = [tuple(line.split(",")) for line in VALUES.splitlines()[1:]]
    assert [(str(row[0]), *row[1:]) for row in rows_of(cursor, new_table)] == expected


NAMES = ['"lower case, a.b, it\'s ""x"""', "select", "größe"]


def test_names_of_tables(command: Any, cursor: Any, tmp_path: Path) -> None:
    """--table accepts SQL's quoting: dots, quotes, lower case, reserved words."""
    path = write(tmp_path / "f.csv", "a\n1\n")
    for name in NAMES:
        done = command(path, "--table", f"embedded.public.{name}")
        assert done.status == 0, done.err
        own = name if name.startswith('"') else f'"{name}"'
        assert rows_of(cursor, own) == [(1,)]


PARTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=9)


@given(st.lists(PARTS, min_size=1, max_size=3))
def test_quoted_parts_are_kept(parts: list[str]) -> None:
    """Quoted names are used unchanged, with any characters, and a further name beside them keeps database and schema."""
    written = [quoted(part) for part in parts]
    name = ".".join(written)
    assert parts_of(name) == written
    assert table_name(table_name(name)) == name
    assert parts_of(beside(name, "OTHER")) == [*written[:-1], "OTHER"]


def test_blanks_around_names_are_not_theirs() -> None:
    """Blanks around an unquoted name are removed; those within quotes stay."""
    assert parts_of(" raw . my table ") == ["raw", '"my table"']
    assert parts_of('" a "." "') == ['" a "', '" "']


# Repeated loads


def test_if_exists(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """The same command appends again, and says so; `replace` replaces the rows in one transaction; `fail` loads nothing."""
    path, other = write(tmp_path / "f.csv", "a\n1\n"), write(tmp_path / "g.csv", "a\n2\n")
    into = ("--table", new_table)
    assert "run again, this appends the rows once more" in command(path, *into).out
    assert command(path, *into).status == 0
    assert rows_of(cursor, new_table) == [(1,), (1,)]
    done = command(other, *into, "--if-exists", "fail")
    assert (done.status, f"there is a table {new_table} already" in done.err) == (1, True)
    assert command(write(tmp_path / "bad.csv", "a\nx\n"), *into, "--if-exists", "replace").status == 1
    # COPY rejects an unchecked row after the rows were deleted.
    assert command(tmp_path / "bad.csv", *into, "--if-exists", "replace", "--skip-qc").status == 1
    assert rows_of(cursor, new_table) == [(1,), (1,)]
    done = command(other, *into, "--if-exists", "replace")
    assert (done.status, rows_of(cursor, new_table)) == (0, [(2,)])
    assert "run again" not in done.out
    cursor.execute(f"CREATE VIEW V_{new_table} AS SELECT * FROM {new_table}")
    done = command(path, "--table", f"v_{new_table}")
    assert (done.status, "found is of type 'VIEW'" in done.err, rows_of(cursor, new_table)) == (1, True, [(2,)])
    cursor.execute(f"DROP VIEW V_{new_table}")


@pytest.mark.slow
def test_skip_loaded(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """The ledger in a table's schema knows loaded contents, also under another name or compressed, but not those of failed
    loads."""
    cursor.execute(f"CREATE SCHEMA S_{new_table}")
    table = f"s_{new_table}.t"
    into = ("--table", table, "--skip-loaded")
    path = write(tmp_path / "f.csv", "a\n1\n")
    assert command(path, *into).status == 0
    same = write(tmp_path / "same.csv.gz", gzip.compress(b"a\n1\n"))
    more = write(tmp_path / "more.csv", "a\n2\n")
    again = write(tmp_path / "again.csv", "a\n2\n")
    done = command(path, same, more, again, *into)
    assert (done.status, rows_of(cursor, table)) == (0, [(1,), (2,)]), done.err
    assert f"{path} was loaded before: it is left out" in done.out
    assert f"{same} was loaded before: it is left out" in done.out
    assert f"{again} has the same content as {more}: it is left out" in done.out
    new, bad = write(tmp_path / "new.csv", "a\n3\n"), write(tmp_path / "bad.csv", "a\nx\n")
    assert command(new, bad, *into).status == 1
    assert command(new, bad, *into, "--skip-qc").status == 1
    assert rows_of(cursor, table) == [(1,), (2,)]
    assert command(new, *into).status == 0
    ledger = f"SELECT TABLE_NAME, FILE, ROW_COUNT FROM s_{new_table}.PROGRESSKIT_LOADED ORDER BY FILE"
    assert cursor.execute(ledger).fetchall() == [("T", str(path), 1), ("T", str(more), 1), ("T", str(new), 1)]
    assert command(path, *into, "--if-exists", "replace").status == 0
    assert (rows_of(cursor, table), cursor.execute(ledger).fetchall()) == ([(1,)], [("T", str(path), 1)])
    cursor.execute(f"DROP TABLE {table}")
    assert command(path, *into).status == 0  # a dropped table has no loaded contents
    assert rows_of(cursor, table) == [(1,)]


# JSON and Parquet


def test_json(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """JSON lines and arrays are loaded alike: by name, numbers as written, and a missing member like null."""
    lines = write(
        tmp_path / "a.jsonl", '\ufeff{"n": 12345678901234567890.10, "orderId": "1"}\r\n\n{"orderId": "2", "n": null}\n'
    )
    array = write(
        tmp_path / "b.json.gz",
        gzip.compress(b' [ {"orderId": "3", "n": -0.5, "x": {"a": [1, 2.50]}},\n {"orderId": "\\u00e9"} ] '),
    )
    done = command(lines, array, "--table", new_table)
    assert done.status == 0, done.err
    found = cursor.execute(f"SELECT orderId, n, x FROM {new_table} ORDER BY 1").fetchall()
    assert [row[:2] for row in found] == [
        ("1", Decimal("12345678901234567890.10")), ("2", None), ("3", Decimal("-0.5")), ("é", None),
    ]  # fmt: skip
    assert [json.loads(row[2]) if row[2] else None for row in found] == [None, None, {"a": [1, 2.5]}, None]
    for content, words in {
        '{"orderId": "1", "orderId": "2"}\n': "c.json:1: it has the member 'orderId' twice",
        '[{"orderId": "1"}, 5]': "c.json:1: it is no JSON object",
        '[{"orderId": "1"}': "c.json:1: the array does not end",
        '{"orderId": "1"}\n{"orderId":\n': "c.json:2: it is no JSON",
        "": "c.json has no objects",
    }.items():
        done = command(write(tmp_path / "c.json", content), "--table", new_table)
        assert (done.status, words in done.err) == (1, True), done.err
    assert len(rows_of(cursor, new_table)) == 4


@pytest.mark.slow
def test_members_that_differ_in_case(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """Members whose names differ only in case are one column if SQL treats them as one, in one file and in several; otherwise they
    are refused."""
    lines = '{"id": 1, "A b": 2}\n' + '{"ID": 2}\n' * 1_000 + '{"Id": 3, "a b": 4}\n'
    done = command(write(tmp_path / "a.json", lines), "--table", new_table)
    assert (done.status, "a.json:1002: it has a b, which is no column" in done.err) == (1, True), done.err
    first = write(tmp_path / "a.json", lines.replace("a b", "A b"))
    done = command(first, write(tmp_path / "b.json", '[{"iD": 4}]'), "--table", new_table)
    assert done.status == 0, done.err
    assert described(cursor, new_table) == {"ID": "NUMBER(38,0)", "A b": "NUMBER(38,0)"}
    assert [row for row in rows_of(cursor, new_table) if row[0] != 2] == [(1, 2), (3, 4), (4, None)]
    done = command(write(tmp_path / "c.json", '{"id": 1}\n{"id": 1, "Id": 2}\n'), "--table", new_table)
    assert (done.status, "c.json:2: it has two members for the column id" in done.err) == (1, True), done.err
    with JsonReader(write(tmp_path / "d.json", '{"A": 1}\n{"a": 2}\n'), ["a"], exact=frozenset(["a"])) as reader:
        (chunk,) = reader.chunks()  # the table has A too, which the local server does not support
    assert ([text.to_pylist() for text in chunk.texts], chunk.bad) == (
        [["2"]],
        {1: "it has A, which is no column: those of a new table are its first 1,000 objects' members"},
    )


def parquet(path: Path, arrays: list[Any], names: list[str]) -> Path:
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays([pyarrow.array(one) for one in arrays], names=names), path)
    return path


def test_parquet(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """Parquet files are loaded by names, in any order. Names that differ only in case, or are repeated, are loaded correctly or
    refused."""
    one = parquet(tmp_path / "a.parquet", [[1], ["x"]], ["id", "two words"])
    other = parquet(tmp_path / "b.parquet", [["y"], [2]], ["two words", "id"])
    done = command(one, other, "--table", new_table)
    assert (done.status, rows_of(cursor, new_table)) == (0, [(1, "x"), (2, "y")]), done.err
    cased = parquet(tmp_path / "c.parquet", [[3], ["z"]], ["ID", "TWO WORDS"])
    done = command(cased, "--table", new_table)
    assert (done.status, rows_of(cursor, new_table)) == (0, [(1, "x"), (2, "y"), (3, "z")]), done.err
    for arrays, names, words in (
        ([[1], [2]], ["a", "A"], "the header has 'A' more than once"),
        ([[1], [2]], ["a", "a"], "the header has 'A' more than once"),
        ([[1], ["x"]], ["id", "name"], "has no column name"),
    ):
        done = command(parquet(tmp_path / "d.parquet", arrays, names), "--table", new_table)
        assert (done.status, words in done.err) == (1, True), done.err
    done = command(write(tmp_path / "e.parquet", b"PAR1 is not enough"), "--table", new_table)
    assert (done.status, len(done.err.splitlines())) == (1, 1), done.err


# Sizes


@pytest.mark.slow
def test_large_fields(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """A field of 16 MiB is loaded; one with a byte more is refused by line and column."""
    most = 1 << 24
    path = write(tmp_path / "f.csv", f'a,b\n1,{"x" * 3_000_000}\n2,"{"y" * (most - 1)}\n"\n')
    done = command(path, "--table", new_table)
    assert done.status == 0, done.err
    assert cursor.execute(f"SELECT a, length(b) FROM {new_table} ORDER BY a").fetchall() == [(1, 3_000_000), (2, most)]
    done = command(write(tmp_path / "g.csv", f"a,b\n1,x\n2,{'y' * (most + 1)}\n"), "--table", new_table)
    assert done.status == 1
    assert "g.csv:3: b is 16,777,217 bytes long, which is no VARCHAR" in done.err, done.err


@pytest.mark.slow
def test_large_rows(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """A row of 50 MB, in several columns, is loaded."""
    row = ",".join(one * 10_000_000 for one in "vwxyz")
    done = command(write(tmp_path / "f.csv", f"a,b,c,d,e\n{row}\n1,2,3,4,5\n"), "--table", new_table)
    assert done.status == 0, done.err
    lengths = ", ".join(f"length({name})" for name in "abcde")
    assert sorted(cursor.execute(f"SELECT {lengths} FROM {new_table}").fetchall()) == [(1,) * 5, (10_000_000,) * 5]


# Changes and faults during a load

FORM = CanonicalForm(Reading(), [Column("a")])


def touched(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def replaced(path: Path) -> None:
    status = path.stat()
    path.rename(path.with_suffix(".old"))
    write(path, path.with_suffix(".old").read_bytes())
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def rewritten(path: Path, content: bytes = b"a\n3\n") -> None:
    """Change only the content: size, time and inode number stay."""
    status = path.stat()
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def torn(path: Path) -> None:
    """Change only the content, to invalid CSV."""
    rewritten(path, b'a\n"\n')


@pytest.mark.parametrize("change", [touched, replaced, rewritten, torn, lambda path: write(path, "a\n1\n2\n"), Path.unlink],
                         ids=["time", "inode", "digest", "torn", "size", "gone"])  # fmt: skip
def test_file_changes_after_its_check(change: Any, tmp_path: Path) -> None:
    """A file whose size, time, inode number or content has changed since its check is not compressed."""
    path = write(tmp_path / "f.csv", "a\n1\n")
    report = check(path, [Column("a")], lambda rows: None)
    assert FORM.pack(path, tmp_path / "packed", report) == 1
    change(path)
    with pytest.raises(BadData, match=r"f.csv( changed since it was checked: nothing is loaded|: No such file)"):
        FORM.pack(path, tmp_path / "packed", report)


@pytest.mark.parametrize("change", [rewritten, Path.unlink], ids=["digest", "gone"])
def test_file_changes_during_the_load(
    change: Any, command: Any, cursor: Any, new_table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a file changes between its check and its compression, nothing is loaded, and one sentence says why."""
    path = write(tmp_path / "f.csv", "a\n1\n")

    def changed_behind(*arguments: Any, **more: Any) -> Any:
        report = check(*arguments, **more)
        change(path)
        return report

    monkeypatch.setattr(checking, "check", changed_behind)
    done = command(path, "--table", new_table)
    assert (done.status, there(cursor, new_table), len(done.err.splitlines())) == (1, False, 1), done.err
    assert "f.csv" in done.err


@pytest.mark.parametrize(
    "lost", [{"loaded": 1}, {"loaded": 3}, {"status": "LOAD_SKIPPED"}], ids=["fewer", "more", "skipped"]
)
def test_counts_are_held_against_each_other(
    lost: dict[str, Any], command: Any, cursor: Any, new_table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If COPY has read other rows than were sent, nothing is loaded."""
    copy = Loading.copy
    monkeypatch.setattr(Loading, "copy", lambda *more: [file._replace(**lost) for file in copy(*more)])
    done = command(write(tmp_path / "f.csv", "a\n1\n2\n"), "--table", new_table)
    assert (done.status, there(cursor, new_table)) == (1, False)
    assert re.search(
        r"2 rows of .*f.csv went to the stage, and COPY has read [13]|COPY has left out .*f.csv", done.err
    ), done.err


RETURNING = {
    "narrower": (["1", "2.5"], "NUMBER(38,1)"),
    "signs": (["+1", "-2"], "NUMBER(38,0)"),
    "missing": (["", "x"], "VARCHAR(16777216)"),
}
"""Values of two files, of which the first alone gives the column another type than both."""


@pytest.mark.parametrize("case", RETURNING)
def test_no_file_is_forgotten(
    case: str, command: Any, cursor: Any, new_table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that COPY could not load by the types at that time is copied when the types equal the table's again."""
    values, kind = RETURNING[case]
    paths = [write(tmp_path / f"{number}.csv", f"k,v\n{number},{one}\n") for number, one in enumerate(values)]
    made, looked = threading.Event(), threading.Event()

    def after(event: threading.Event, function: Any) -> Any:
        def called(*arguments: Any) -> Any:
            found = function(*arguments)
            event.set()
            return found

        return called

    def in_turn(path: Path, *arguments: Any, **more: Any) -> Any:
        """Check the first file when the table is planned, and the second after the first was found not to be ready for COPY."""
        assert (made if path == paths[0] else looked).wait(60)
        return check(path, *arguments, **more)

    monkeypatch.setattr(pipeline, "as_made", after(made, pipeline.as_made))
    monkeypatch.setattr(Load, "_types", after(looked, Load._types))
    monkeypatch.setattr(checking, "check", in_turn)
    done = command(*paths, "--table", new_table)
    assert done.status == 0, done.err
    assert dict(row[:2] for row in cursor.execute(f"DESCRIBE TABLE {new_table}").fetchall())["V"] == kind
    assert [row[0] for row in cursor.execute(f"SELECT k FROM {new_table} ORDER BY k").fetchall()] == [0, 1]


def test_files_are_held_against_each_other(
    command: Any, cursor: Any, new_table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If COPY has not loaded each file exactly once, nothing is loaded."""
    monkeypatch.setattr(Load, "_copy", lambda *more: None)
    done = command(write(tmp_path / "f.csv", "a\n1\n2\n"), "--table", new_table)
    assert (done.status, there(cursor, new_table)) == (1, False)
    assert "1 file to be loaded, 1 uploaded, 0 copied: nothing is loaded" in done.err


def test_packed_rows_are_held_against_checked_ones(tmp_path: Path) -> None:
    """If other rows would be sent than were checked, nothing is sent."""
    path = write(tmp_path / "f.csv", 'a\n1\n"x"y\n')
    report = check(path, [Column("a")], lambda rows: None)
    report.rows += 1
    with pytest.raises(BadData, match="2 rows checked, but 1 to be sent: nothing is loaded"):
        FORM.pack(path, tmp_path / "packed", report)


def test_full_disk(command: Any, cursor: Any, new_table: str, tmp_path: Path) -> None:
    """A full disk during compression ends the load with one sentence."""
    noise = random.Random(5)
    path = write(tmp_path / "f.csv", "a\n" + "".join(f"{noise.randbytes(64).hex()}\n" for _ in range(20_000)))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        done = command(path, "--table", new_table)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (done.status, len(done.err.splitlines())) == (1, 1), done.err
    assert "File too large" in done.err
    assert not there(cursor, new_table)


def test_no_permission(command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without read permission is reported by name."""
    path = write(tmp_path / "f.csv", "a\n1\n")
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read it nevertheless
        opened = Path.open

        def refused(self: Path, *arguments: Any, **more: Any) -> Any:
            if self == path:
                raise PermissionError(13, "Permission denied", str(path))
            return opened(self, *arguments, **more)

        monkeypatch.setattr(Path, "open", refused)
    done = command(path, "--table", "t")
    assert (done.status, done.err) == (1, f"progresskit-snowflake: {path}: Permission denied.\n")


COMMAND = [sys.executable, "-c", "from progresskit_snowflake.cli import main; raise SystemExit(main())", "load"]


@pytest.mark.slow
def test_full_output_after_the_commit(
    named_connection: dict[str, str], cursor: Any, new_table: str, tmp_path: Path
) -> None:
    """After the commit the status is 0, even if the summary cannot be written."""
    path = write(tmp_path / "f.csv", "a\n1\n")
    arguments = [*COMMAND, str(path), "--table", new_table, "--connection", "local", "--no-progress"]
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            arguments,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=100,
            env={**os.environ, **named_connection},
        )
    assert done.returncode == 0, done.stderr
    assert "the summary cannot be written" in done.stderr
    assert rows_of(cursor, new_table) == [(1,)]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signal_at_once(name: str, tmp_path: Path) -> None:
    """Ctrl-C and other signals right after the start, before the load, end the command with one sentence and their status."""
    number = signal.Signals[name]
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    arguments = [*COMMAND, str(pipe), "--table", "t", "--embedded", "--no-progress"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # The pipe can be opened when the command reads it.
    with subprocess.Popen(arguments, **pipes) as process, pipe.open("wb"):
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (128 + number, "")
    assert err == "progresskit-snowflake: called off: nothing is loaded.\n"
