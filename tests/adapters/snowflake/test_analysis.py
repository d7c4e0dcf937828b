"""Compare `--analyze-only` with DuckDB on random files: missing values, types and ranges."""

from __future__ import annotations

import csv
import datetime
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
pytest.importorskip("duckdb", reason="the embedded server is not installed in this environment")

import duckdb
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from progresskit_snowflake.bars.progress import SnowflakeProgress
from progresskit_snowflake.files.quality import Reading
from progresskit_snowflake.loading.inspecting import analyze

DAYS = st.dates(datetime.date(1, 1, 1), datetime.date(9999, 12, 31)).map(str)
CLOCKS = st.times().map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000).isoformat())
MOMENTS = st.builds(lambda day, blank, time: f"{day}{blank}{time}", DAYS, st.sampled_from("T "), CLOCKS)
ZONED = st.builds(lambda moment, zone: moment + zone, MOMENTS, st.sampled_from(["Z", "+02:00", "-08:30"]))
WHOLE = st.integers(-(2**63), 2**63 - 1) | st.integers(-9, 9)
DECIMALS = st.builds("{}.{:02d}".format, st.integers(-(10**9), 10**9), st.integers(0, 99))
COLUMNS: list[st.SearchStrategy[str]] = [
    WHOLE.map(str),
    DECIMALS,
    WHOLE.map(str) | DECIMALS,
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(10**37), 10**37).map(str),
    st.sampled_from(["true", "false", "True", "FALSE"]),
    DAYS,
    MOMENTS,
    DAYS | MOMENTS,
    ZONED,
    st.times().map(lambda time: time.replace(microsecond=0).isoformat()),
    st.sampled_from(["x", "a,b", "two\nlines", "é", "007", "-", "2023-02-29", "1e", 'say "x"']),
    st.text("0123456789.-:T ", min_size=1, max_size=6).filter(lambda text: text != "T"),  # DuckDB reads it as true
]
SAME = {
    "BIGINT": r"NUMBER\(38,0\)|VARCHAR",  # 007 is a number to DuckDB
    "UBIGINT": r"NUMBER\(38,0\)|VARCHAR",
    "HUGEINT": r"NUMBER\(38,0\)|VARCHAR",
    "UHUGEINT": r"NUMBER\(38,0\)|VARCHAR",
    "DOUBLE": r"NUMBER\(38,\d+\)|FLOAT|VARCHAR",  # where a FLOAT would lose digits
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "TIMESTAMP": "TIMESTAMP_NTZ",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_TZ",
    "TIME": "TIME",
    # DuckDB tries no numbers of 38 digits, and no dates among timestamps.
    "VARCHAR": r"VARCHAR|TIMESTAMP_(NTZ|TZ)|NUMBER\(38,\d+\)",
}
"""The type that DuckDB finds -> the types that the loader may find."""
YEAR_1, YEAR_10_000 = -62_135_596_800, 253_402_300_800
"""The beginnings of these years in UTC, in seconds since 1970."""
CASTS = {"FLOAT": "DOUBLE", "TIMESTAMP_NTZ": "TIMESTAMP", "TIMESTAMP_TZ": "TIMESTAMPTZ"}


@st.composite
def tables(draw: st.DrawFn) -> list[list[str | None]]:
    width = draw(st.integers(2, 5))
    held = []
    for _ in range(width):
        values: st.SearchStrategy[Any] = draw(st.sampled_from(COLUMNS))
        held.append(values | st.none() if draw(st.booleans()) else values)
    return [list(row) for row in draw(st.lists(st.tuples(*held), min_size=1, max_size=30))]


def said(path: Path) -> dict[str, tuple[str, int, list[str]]]:
    """Return the analysis of each column: its type, missing values and range."""
    with SnowflakeProgress("analyze-only", renderer="none") as progress:
        text = analyze([path], progress, Reading())
    found = re.findall(r"^  (c\d+) +(\S+) +([\d,]+) nulls? +(.*)$", text, re.MULTILINE)
    return {
        name: (kind, int(nulls.replace(",", "")), span.split(" .. ") if span else [])
        for name, kind, nulls, span in found
    }


def same(shown: str, value: Any, kind: str) -> bool:
    """Whether a shown bound equals DuckDB's."""
    if kind.startswith("NUMBER"):
        return Decimal(shown) == value
    if kind == "FLOAT":
        return float(shown) == value
    if kind == "BOOLEAN":
        return (shown.lower() == "true") is value
    if kind == "TIMESTAMP_TZ":  # in microseconds
        moment = datetime.datetime.fromisoformat(shown)
        return (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(
            microseconds=1
        ) == value
    read = {"DATE": datetime.date, "TIME": datetime.time, "TIMESTAMP_NTZ": datetime.datetime}[kind]
    return read.fromisoformat(shown) == value


MOST = min(300, int(os.environ.get("PROGRESSKIT_FILES", "300")))
"""The number of files of the long run."""


@pytest.mark.parametrize("count", [10, pytest.param(MOST, id="long", marks=pytest.mark.slow)])
def test_analysis_is_duckdbs(tmp_path: Path, count: int) -> None:
    """The analysis of random files equals DuckDB's: missing values, ranges, and types, except for types that lose digits."""
    path = tmp_path / "f.csv"
    how = "header = true, delim = ',', quote = '\"', escape = '\"', nullstr = '', allow_quoted_nulls = false"
    connection = duckdb.connect()

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(tables())
    @example([["0", "0001-01-01T00:00:00+02:00"]])
    def compare(rows: list[list[str | None]]) -> None:
        names = [f"c{number}" for number in range(len(rows[0]))]
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([names, *rows])
        theirs = connection.execute(f"DESCRIBE SELECT * FROM read_csv('{path}', {how}, sample_size = -1)").fetchall()
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE t AS SELECT * FROM read_csv('{path}', {how}, all_varchar = true)"
        )
        ours = said(path)
        assert list(ours) == names
        for name, type_found in ((row[0], row[1]) for row in theirs):
            kind, nulls, span = ours[name]
            assert connection.execute(f"SELECT count(*) - count({name}) FROM t").fetchone() == (nulls,)
            if nulls == len(rows):
                assert (kind, span) == ("empty", [])
                continue
            if kind == "VARCHAR" and type_found == "TIMESTAMP WITH TIME ZONE":  # a year in UTC that clients cannot read
                beyond = f"epoch({name}::TIMESTAMPTZ) < {YEAR_1} OR epoch({name}::TIMESTAMPTZ) >= {YEAR_10_000}"
                assert connection.execute(f"SELECT bool_or({beyond}) FROM t").fetchone() == (True,)
                continue
            assert re.fullmatch(SAME[type_found], kind), (name, type_found, kind)
            if kind == "VARCHAR":
                assert span == []
                continue
            cast = kind.replace("NUMBER", "DECIMAL") if "NUMBER" in kind else CASTS.get(kind, kind)
            ends = [f"{end}({name}::{cast})" for end in ("min", "max")]
            if kind == "TIMESTAMP_TZ":  # DuckDB needs an extension to pass a zone to Python
                ends = [f"epoch_us({end})" for end in ends]
            bounds = connection.execute(f"SELECT {', '.join(ends)} FROM t").fetchone()
            assert bounds is not None
            assert all(same(shown, value, kind) for shown, value in zip(span, bounds, strict=True)), (
                name,
                kind,
                span,
                bounds,
            )

    compare()
    connection.close()


def test_moments_at_the_ends_of_the_calendar(tmp_path: Path) -> None:
    """Timestamps with a zone in the years 1 and 9999 are compared like others; one that no client can read is text."""
    path = tmp_path / "f.csv"
    path.write_text("c0,c1\n0001-01-01T00:00:00-02:00,1\n9999-12-31 23:59:59+08:30,2\n2013-01-01T00:00:00Z,3\n")
    assert said(path)["c0"] == ("TIMESTAMP_TZ", 0, ["0001-01-01 00:00:00-02:00", "9999-12-31 23:59:59+08:30"])
    path.write_text("c0,c1\n0001-01-01T00:00:00+02:00,1\n2013-01-01T00:00:00Z,3\n")
    assert said(path)["c0"][0] == "VARCHAR"
