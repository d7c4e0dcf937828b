"""The columns of a COPY's target, and the errors of rows that do not fit.

Knows the service's messages and numbers of errors, and how names and texts are quoted in DuckDB. Does not read files.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import snowflake.connector.errors
from fakesnow import copy_into as theirs
from sqlglot import exp

OTHERWISE = (
    "If you would like to continue loading when an error is encountered, use other values such as 'SKIP_FILE' or "
    "'CONTINUE' for the ON_ERROR option. For more information on loading options, please run 'info loading_data' in a "
    "SQL client."
)
FINER = re.compile(r":[0-9]{2}\.[0-9]{6}[0-9]*[1-9]")
"""Matches a time that is finer than microseconds."""
KEPT = "this local server keeps microseconds, an account nanoseconds; give the column the type VARCHAR here"


class Column(NamedTuple):
    """A column of the target. `length` is the most characters of a text; None for the service's maximum."""

    name: str
    type: str
    nullable: bool
    length: int | None = None


class Reject(NamedTuple):
    """Why a row was rejected, and its place."""

    message: str
    line: int | None
    character: int | None
    column: str | None
    number: int
    state: str


def aborted(file: str, first: Reject) -> Exception:
    """Return the error of a COPY that stops at the row `first` of `file`."""
    where = f"\n  File '{file}', line {first.line}, character {first.character}" if first.line else f"\n  File '{file}'"
    column = f"\n  Column {first.column}" if first.column else ""
    return copy_error(f"{first.message}{where}{column}\n  {OTHERWISE}", first.number, first.state)


def copy_error(message: str, number: int, state: str = "42S02") -> Exception:
    """Return an error of the statement with the service's `number` and SQL `state`."""
    error: Exception = snowflake.connector.errors.ProgrammingError(msg=message, errno=number, sqlstate=state)
    return error


def file_literal(path: str) -> str:
    """Return `path` as a literal of DuckDB, without wildcards."""
    literal: exp.Literal = theirs.FileTypeHandler.file_literal(path)
    return str(literal.sql(dialect="duckdb"))


def quoted(name: str) -> str:
    """Return `name` as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(value: str) -> str:
    """Return `value` as a literal."""
    return "'" + value.replace("'", "''") + "'"
