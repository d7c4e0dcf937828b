"""COPY in the embedded server: errors by file, line and column, and ON_ERROR."""

from __future__ import annotations

import gzip
import io
import threading
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
pytest.importorskip("uvicorn", reason="the embedded server is not installed in this environment")

import pyarrow
import pyarrow.parquet
import snowflake.connector

CSV = "FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1 FIELD_OPTIONALLY_ENCLOSED_BY = '\"' SKIP_BLANK_LINES = TRUE)"
JSON = "FILE_FORMAT = (TYPE = JSON) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE"
PARQUET = "FILE_FORMAT = (TYPE = PARQUET) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE"

GOOD = b"a,b,c\n1,x,2020-01-01\n2,y,\n"
BAD = b'a,b,c\n1,"two\nlines",2020-01-01\n\noops,y,\n2,z\n3,w,nodate\n4,v,,5\n'
"""Five rows, of which four are bad, the first one in line 5."""


def parquet(rows: dict[str, list[Any]]) -> bytes:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(rows), sink)
    return sink.getvalue()


GOODS = {
    "csv": GOOD,
    "json": b'{"a": 1, "b": "x"}\n\n{"B": "y", "A": "2"}\n',
    "parquet": parquet({"a": [1, 2], "B": ["x", "y"]}),
}


def rows(cursor: Any, table: str) -> list[Any]:
    return sorted(cursor.execute(f"SELECT a, b FROM {table}").fetchall())


def copy(cursor: Any, table: str, stage: str, options: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = cursor.execute(f"COPY INTO {table} FROM @{stage} {options}").fetchall()
    return found


@pytest.mark.parametrize("packed", [pytest.param(False, marks=pytest.mark.slow), True])
@pytest.mark.parametrize(("kind", "options"), [("csv", CSV), ("json", JSON), ("parquet", PARQUET)])
def test_each_format_is_loaded_by_name(
    cursor: Any, table: str, stage: str, upload: Any, kind: str, options: str, packed: bool
) -> None:
    """Each format is loaded by its files' names."""
    name, content = f"a.{kind}", GOODS[kind]
    if packed and kind != "parquet":  # Parquet has a compression of its own
        name, content = f"{name}.gz", gzip.compress(content)
    upload(name, content)
    upload("other.csv", b"never,read,\n")
    (result,) = copy(cursor, table, stage, f"FILES = ('{name}') {options}")
    assert result == (f"{stage.lower()}/{name}", "LOADED", 2, 2, 1, 0, None, None, None, None)
    assert rows(cursor, table) == [(1, "x"), (2, "y")]


def test_continue_loads_the_good_rows(cursor: Any, table: str, stage: str, upload: Any) -> None:
    """CONTINUE loads the good rows and reports the first error."""
    upload("bad.csv.gz", gzip.compress(BAD))
    upload("good.csv", GOOD)
    results = copy(cursor, table, stage, f"{CSV} ON_ERROR = CONTINUE")
    words = ("Numeric value 'oops' is not recognized", 5, 1, f'"{table}"["A":1]')
    assert results == [
        (f"{stage.lower()}/bad.csv.gz", "PARTIALLY_LOADED", 5, 1, 5, 4, *words),
        (f"{stage.lower()}/good.csv", "LOADED", 2, 2, 2, 0, None, None, None, None),
    ]
    assert rows(cursor, table) == [(1, "two\nlines"), (1, "x"), (2, "y")]


@pytest.mark.parametrize(
    ("limit", "taken"),
    [
        ("", 0),
        ("_5", 1),
        ("_80%", 0),
        *(pytest.param(*one, marks=pytest.mark.slow) for one in (("_4", 0), ("_81%", 1))),
    ],
)
def test_skip_file_counts_errors(cursor: Any, table: str, stage: str, upload: Any, limit: str, taken: int) -> None:
    """SKIP_FILE leaves out files with at least that many errors."""
    upload("bad.csv", BAD)
    upload("good.csv", GOOD)
    results = copy(cursor, table, stage, f"{CSV} ON_ERROR = 'SKIP_FILE{limit}'")
    status = "PARTIALLY_LOADED" if taken else "LOAD_FAILED"
    assert [(row[1], row[2], row[3], row[5]) for row in results] == [(status, 5, taken, 4), ("LOADED", 2, 2, 0)]
    assert len(rows(cursor, table)) == 2 + taken


@pytest.mark.parametrize(
    ("name", "content", "options", "words"),
    [
        pytest.param(
            "a.csv",
            BAD,
            CSV,
            r"Numeric value 'oops' is not recognized\s+File '.*a.csv', line 5, character 1",
            id="number",
        ),
        pytest.param(
            "b.csv",
            b"a,b,c\n1,x\n",
            CSV,
            r"Number of columns in file \(2\) does not match .* \(3\).*\s+File.* line 2",
            id="width",
        ),
        pytest.param(
            "c.csv", b"a,b,c\n1,x,nodate\n", CSV, r"Date 'nodate' is not recognized\s+File '.*c.csv', line 2", id="date"
        ),
        pytest.param(
            "d.json", b'{"a": 1}\n{"a":\n', JSON, r"Error parsing JSON: \{\"a\":\s+File '.*d.json', line 2", id="json"
        ),
        pytest.param(
            "e.json", b'{"a": "no"}\n', JSON, r"Failed to cast value 'no' to .*\s+File '.*e.json', line 1", id="value"
        ),
        pytest.param(
            "f.parquet",
            parquet({"a": ["1", "no"]}),
            PARQUET,
            r"Failed to cast value 'no' to .*\s+File.* line 2",
            id="parquet",
        ),
    ],
)
def test_abort_names_file_and_line(
    cursor: Any, table: str, stage: str, upload: Any, name: str, content: bytes, options: str, words: str
) -> None:
    """An error stops the statement, with file and line, and nothing is loaded."""
    upload(f"good.{name}", GOODS[name.rpartition(".")[2]])
    upload(name, content)
    with pytest.raises(snowflake.connector.errors.ProgrammingError, match=words):
        copy(cursor, table, stage, f"FILES = ('good.{name}', '{name}') {options}")
    assert rows(cursor, table) == []


def test_failed_statement_keeps_its_transaction(cursor: Any, table: str, stage: str, upload: Any) -> None:
    """A failed statement in a transaction rolls back nothing else of it."""
    upload("good.csv", GOOD)
    upload("bad.csv", BAD)
    cursor.execute("BEGIN")
    copy(cursor, table, stage, f"FILES = ('good.csv') {CSV}")
    for statement in (f"FILES = ('bad.csv') {CSV}", f"FILES = ('none.csv') {CSV}"):
        with pytest.raises(snowflake.connector.errors.ProgrammingError):
            copy(cursor, table, stage, statement)
    cursor.execute("COMMIT")
    assert rows(cursor, table) == [(1, "x"), (2, "y")]


def test_load_is_unseen_before_its_commit(
    session: Callable[..., Any], cursor: Any, table: str, stage: str, upload: Any
) -> None:
    """No other session sees a load before its commit."""
    upload("good.csv", GOOD)
    copying = session().cursor()
    copying.execute("BEGIN")
    copy(copying, table, stage, CSV)
    assert rows(cursor, table) == []
    copying.execute("COMMIT")
    assert len(rows(cursor, table)) == 2


@pytest.mark.slow
def test_two_sessions_copy_into_one_table_at_once(
    server: Any, session: Callable[..., Any], cursor: Any, table: str, stage: str, upload: Any
) -> None:
    for number in range(4):
        upload(f"{number}.csv", b"a,b,c\n" + b"%d,x,\n" % number * 20_000)
    copying = [session().cursor() for _ in range(4)]
    for one in copying:
        one.execute("BEGIN")

    def work(number: int) -> None:
        copy(copying[number], table, stage, f"FILES = ('{number}.csv') {CSV}")
        copying[number].execute("COMMIT")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = cursor.execute(f"SELECT a, count(*) FROM {table} GROUP BY a").fetchall()
    assert sorted(found) == [(number, 20_000) for number in range(4)]


def test_force_loads_a_file_again(cursor: Any, table: str, stage: str, upload: Any) -> None:
    """A file is loaded again with FORCE, or if it is newer."""
    upload("good.csv", GOOD)
    statuses = [copy(cursor, table, stage, f"{CSV} {more}")[0][1] for more in ("", "FORCE = FALSE", "FORCE = TRUE")]
    assert statuses == ["LOADED", "LOAD_SKIPPED", "LOADED"]
    upload("good.csv", GOOD)
    assert copy(cursor, table, stage, CSV)[0][1] == "LOADED"


def test_purge_removes_what_was_loaded_whole(cursor: Any, table: str, stage: str, upload: Any) -> None:
    upload("good.csv", GOOD)
    upload("bad.csv", BAD)
    copy(cursor, table, stage, f"{CSV} PURGE = FALSE FILES = ('good.csv')")
    copy(cursor, table, stage, f"{CSV} PURGE = TRUE ON_ERROR = CONTINUE FORCE = TRUE")
    assert [row[0] for row in cursor.execute(f"LIST @{stage}").fetchall()] == [f"{stage.lower()}/bad.csv"]


def test_a_whole_object_goes_into_one_variant(cursor: Any, table: str, stage: str, upload: Any) -> None:
    cursor.execute(f"CREATE TABLE {table}_V (v VARIANT)")
    upload("a.json", b'{"a": 1}\n{"a":\n{"a": 2}\n')
    (result,) = copy(cursor, f"{table}_V", stage, "FILE_FORMAT = (TYPE = JSON) ON_ERROR = CONTINUE")
    assert result[1:6] == ("PARTIALLY_LOADED", 3, 2, 3, 1)
    with pytest.raises(snowflake.connector.errors.ProgrammingError, match="one and only one column of type variant"):
        copy(cursor, table, stage, "FILE_FORMAT = (TYPE = JSON)")


def test_a_column_that_must_not_be_empty_rejects_rows(cursor: Any, table: str, stage: str, upload: Any) -> None:
    cursor.execute(f"CREATE TABLE {table}_N (a INT, b VARCHAR NOT NULL, c DATE)")
    upload("a.csv", b"a,b,c\n1,,\n2,y,\n")
    (result,) = copy(cursor, f"{table}_N", stage, f"{CSV} ON_ERROR = CONTINUE")
    assert result[1:7] == ("PARTIALLY_LOADED", 2, 1, 2, 1, "NULL result in a non-nullable column")
    assert rows(cursor, f"{table}_N") == [(2, "y")]


def test_files_are_chosen_by_path_and_by_pattern(
    cursor: Any, table: str, stage: str, upload: Any, tmp_path: Any
) -> None:
    upload("good.csv", GOOD)
    cursor.execute(f"PUT 'file://{tmp_path}/good.csv' @{stage}/deep AUTO_COMPRESS = FALSE")
    assert [row[0] for row in copy(cursor, table, f"{stage}/deep", CSV)] == [f"{stage.lower()}/deep/good.csv"]
    assert [row[0] for row in copy(cursor, table, stage, f"{CSV} PATTERN = 'good.*'")] == [f"{stage.lower()}/good.csv"]
    assert copy(cursor, table, stage, f"{CSV} PATTERN = 'none.*'") == [("Copy executed with 0 files processed.",)]
    with pytest.raises(snowflake.connector.errors.ProgrammingError, match=r"'nowhere\.csv' was not found"):
        copy(cursor, table, stage, f"FILES = ('nowhere.csv') {CSV}")
    with pytest.raises(snowflake.connector.errors.ProgrammingError, match=r"'\.\./\.\./x\.csv' was not found"):
        copy(cursor, table, stage, f"FILES = ('../../x.csv') {CSV}")
    with pytest.raises(snowflake.connector.errors.ProgrammingError, match=r"SOMETIMES.* for parameter 'ON_ERROR'"):
        copy(cursor, table, stage, f"{CSV} ON_ERROR = SOMETIMES")


def test_bound_parameters_with_a_transformation(cursor: Any, table: str, stage: str, upload: Any) -> None:
    """The statement of the connector's write_pandas, which binds the table and ON_ERROR and quotes the stage, is accepted."""
    upload("a.parquet", GOODS["parquet"])
    source = f"""FROM (SELECT $1:"a",$1:"B" FROM '@{stage}')"""
    results = cursor.execute(
        f"COPY INTO identifier(?) /* of write_pandas */ (A,B) {source} FILE_FORMAT=(TYPE=PARQUET "
        "USE_VECTORIZED_SCANNER=FALSE COMPRESSION=auto) PURGE=TRUE ON_ERROR=?",
        params=(table, "abort_statement"),
        _force_qmark_paramstyle=True,
    ).fetchall()
    assert [row[1:4] for row in results] == [("LOADED", 2, 2)]
    assert rows(cursor, table) == [(1, "x"), (2, "y")]
    assert cursor.execute(f"LIST @{stage}").fetchall() == []
