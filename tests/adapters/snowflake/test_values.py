"""Which texts are values of a type, what an existing table's columns accept, and which types a new table's columns get."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")

import pyarrow
from hypothesis import given
from hypothesis import strategies as st
from progresskit_snowflake.files.quality import Report, check
from progresskit_snowflake.sql.columns import Column, matched
from progresskit_snowflake.sql.guessing import PATTERNS, Guess
from progresskit_snowflake.sql.values import rule_for


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8", newline="")
    return path


def fits(kind: str, text: str) -> bool:
    rule = rule_for(kind)
    assert rule is not None
    if rule.most is not None:
        return rule.settle(text)
    return re.search(rule.pattern, text) is not None or rule.settle(text)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("NUMBER(38,0)", ["0", "-5", "+5", "007", "1e3", "5.", "1.0", "9" * 38], ["", "-", "+", "e5", "1.5", "9" * 39, "1_0", "٣"]),
        ("NUMBER(5,2)", ["123.45", "-.5", "0.10", "1e2", "123.4500"], ["1234", "1.234", "1e3", "."]),
        ("NUMBER(2,2)", ["0.25", ".25", "00.25"], ["1", "1.25"]),
        ("FLOAT", ["1", "-1.5e-3", ".5", "NaN", "-inf", "1e308", "9" * 40], ["-", "+", "e5", "", "1e999", "1.2.3"]),
        ("VARCHAR(3)", ["", "abc", "äöü", "a\nb"], ["abcd"]),
        ("VARCHAR(2000)", ["x" * 2000], ["x" * 2001]),
        ("VARCHAR(16777216)", ["x" * 3000, "a\n" * 2000], []),
        ("BOOLEAN", ["true", "FALSE", "1", "off", "Y"], ["2", "yesno", ""]),
        ("DATE", ["2013-02-28", "2012-02-29", "2000-02-29"], ["2013-02-29", "2013-02-31", "1900-02-29", "2013-13-01", "0000-01-01"]),
        ("TIME(9)", ["23:59", "00:00:00.5"], ["24:00", "12:60", "12"]),
        ("TIMESTAMP_NTZ(9)", ["2013-01-01 10:00", "2013-01-01"], ["2013-99-99 99:99", "2013-02-30T10:00"]),
        ("TIMESTAMP_NTZ(0)", ["2013-01-01T10:00:00"], ["2013-01-01T10:00:00Z", "2013-01-01T10:00+02:00", "2013-01-01T10:00:00.5"]),
        ("TIMESTAMP_TZ(9)", ["2013-01-01T10:00:00+02:00", "2013-01-01 10:00:00 -0800"], ["2013-01-01T10:00:00+2"]),
        # Timestamps of the years 1 and 9999, which clients can read or not.
        ("TIMESTAMP_TZ(9)", ["0001-01-01T00:00Z", "0001-01-01 14:00:00 +1400", "9999-12-31T21:59:59-02:00"],
         ["0001-01-01 13:59:59+14:00", "9999-12-31T22:00:00.5-02:00", "9999-12-31 23:30-01:00", "9999-12-32T00:00-01:00"]),
    ],
)  # fmt: skip
def test_a_type_takes_these_and_not_those(kind: str, good: list[str], bad: list[str]) -> None:
    assert [text for text in good if not fits(kind, text)] == []
    assert [text for text in bad if fits(kind, text)] == []


def test_a_type_that_nothing_is_known_of_has_no_rule() -> None:
    assert [rule_for(kind) for kind in ("VARIANT", "BINARY(8388608)", "GEOGRAPHY", "odd")] == [None] * 4


def test_more_digits_than_a_number_has() -> None:
    """A value with more digits behind its point than any NUMBER has makes text of its column, and the reason names a type there is."""
    guess = Guess()
    assert guess.add(pyarrow.array(["0.1", "0." + "1" * 39])) == 1
    assert (guess.type, guess.before) == ("VARCHAR", "NUMBER(38,38)")


@given(st.integers(0, 3_650_000))
def test_calendar(days: int) -> None:
    """Every day of the calendar is a date, and the day before the first of a month is the last of the previous month."""
    day = date(1, 1, 1) + timedelta(days % 3_650_000)
    assert fits("DATE", day.isoformat())
    if (day + timedelta(1)).month != day.month:
        beyond = [f"{day.isoformat()[:8]}{number}" for number in range(day.day + 1, 33)]
        assert not any(fits("DATE", text) for text in beyond)


def checked(tmp_path: Path, text: str, **columns: Any) -> tuple[list[str | None], Report]:
    held = [Column(name, **more) for name, more in columns.items()]
    fixed = any(column.type for column in held)
    report = check(write(tmp_path / "x.csv", text), held, lambda rows: None, fixed=fixed)
    return [column.type for column in held], report


@pytest.mark.parametrize("odd", ["-", "+", "e5", ".", "-e5", "007", "", "9" * 39])
def test_text_makes_text_of_a_column(tmp_path: Path, odd: str) -> None:
    """A text that is no number turns a column into text, and is reported by line.

    No value is bad in a new table: its type widens, and the note names the line.
    """
    columns = [Column("a")]
    path = write(tmp_path / "x.csv", "a,b\n" + "1,x\n" * 50 + f'"{odd}",x\n')
    report = check(path, [*columns, Column("b")], lambda rows: None)
    assert (columns[0].type, report.bad) == ("VARCHAR", {})
    hint = "" if odd else " (give --empty null where it is missing)"
    assert columns[0].note == f"{path}:52 has {odd!r}, which is no NUMBER(38,0){hint}"


def test_ranges_hold_numbers_of_any_length_and_sign(tmp_path: Path) -> None:
    large = 10**37
    path = write(tmp_path / "x.csv", f"a,b\n+5,1.5\n-{large},+2.5\n{large},-1\n")
    columns = [Column("a"), Column("b")]
    report = check(path, columns, lambda rows: None, measured=True)
    assert [column.type for column in columns] == ["NUMBER(38,0)", "NUMBER(38,1)"]
    assert report.ranges == {"a": (-large, large), "b": (-1, 2.5)}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["5", "2.5"], "NUMBER(38,1)"),
        (["5", "9" * 39], "VARCHAR"),
        (["5", "x"], "VARCHAR"),
        (["5", "1e5"], "FLOAT"),
        (["9007199254740993", "1e5"], "VARCHAR"),
        (["0.30000000000000004", "1e-05"], "FLOAT"),
        (["1", "NaN", "-inf"], "FLOAT"),
        (["NaN"], "VARCHAR"),
        (["+4930123"], "VARCHAR"),
        (["+5", "-3"], "NUMBER(38,0)"),
        ([str(10**18), "2.5"], "NUMBER(38,1)"),
        (["true", "FALSE"], "BOOLEAN"),
        (["true", "1"], "VARCHAR"),
        (["2024-02-29", "2024-01-01 10:00"], "TIMESTAMP_NTZ"),
        (["2023-02-29"], "VARCHAR"),
        (["2024-01-01T10:00:00Z", "2024-01-01T10:00:00+02:00"], "TIMESTAMP_TZ"),
        (["2024-01-01T10:00:00Z", "2024-01-01T10:00:00"], "VARCHAR"),
        (["10:00:00.5"], "TIME"),
    ],
)  # fmt: skip
def test_guess_is_the_narrowest_type(values: list[str], kind: str) -> None:
    """A guess is the narrowest type that holds every value.

    In any order and combination.
    """
    for order in (values, values[::-1]):
        together, apart = Guess(), Guess()
        together.add(pyarrow.array(order, pyarrow.string()))
        for value in order:
            apart.add(pyarrow.array([value], pyarrow.string()))
        assert (together.type, apart.type) == (kind, kind)


@given(
    st.lists(
        st.sampled_from(["7", "007", "-0", "0x1F", "+5", "-5", "2.50", "1e5", "x", "2024-01-01", None]), min_size=1
    )
)
def test_repeated_values_are_guessed_alike(values: list[str | None]) -> None:
    """Looking at distinct values alone gives the same guess, and the same place of what made text of the column."""
    found = []
    for guess in (Guess(), Guess(repeats=False)):
        where = [guess.add(pyarrow.array(part, pyarrow.string())) for part in (values * 4, values[::-1])]
        found.append((where, guess.type, guess.kind, guess.plus, guess.minus, guess.before))
    assert found[0] == found[1]


def test_lengths_scales_and_missing_values(tmp_path: Path) -> None:
    """Lengths, scales and missing values are checked against the table."""
    text = "a,b,c,d\nabc,1.25,true,\nabcd,1.25,true,x\nabc,1.255,true,x\nabc,1,maybe,x\n,1,1,y\n"
    _, report = checked(
        tmp_path,
        text,
        a={"type": "VARCHAR(3)", "nullable": False},
        b={"type": "NUMBER(5,2)"},
        c={"type": "BOOLEAN"},
        d={"type": "VARIANT"},
    )
    assert report.rows == 1
    assert report.bad == {
        3: "a is 'abcd', which is no VARCHAR(3)",
        4: "b is '1.255', which is no NUMBER(5,2)",
        5: "c is 'maybe', which is no BOOLEAN",
        6: "a has no value, and must have one",
    }


def test_names_mean_columns_in_any_case() -> None:
    """Names match columns in any case, unless two columns differ only in case."""
    table = [Column("A"), Column("a"), Column("B c")]
    assert [column.target for column in matched(["a", "B C"], "t", table)[0]] == ['"a"', '"B c"']
    with pytest.raises(ValueError, match="two names of the header mean the column"):
        matched(["B c", "b C"], "t", table)
    with pytest.raises(ValueError, match="t has Ab, aB for ab"):
        matched(["ab"], "t", [Column("Ab"), Column("aB")])


@pytest.mark.parametrize("kind", list(PATTERNS))
def test_guess_fits_an_existing_column(kind: str) -> None:
    """An existing column of the guessed type accepts the values too."""
    assert rule_for(kind) is not None
