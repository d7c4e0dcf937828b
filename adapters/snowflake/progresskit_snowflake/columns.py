"""Columns: their types as values tell them, their names as SQL takes them.

Pure. A type is decided by the first rows that have a value; later values may widen a whole number to a decimal one, and any
other that does not parse is a bad value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PATTERNS = {
    "NUMBER(38,0)": r"^[+-]?(0|[1-9][0-9]{0,17})$",  # 007 is a code, not a number
    "FLOAT": r"^[+-]?(0|[1-9][0-9]*)?(\.[0-9]+)?([eE][+-]?[0-9]+)?$",
    "DATE": r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
    "TIMESTAMP_NTZ": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?Z?$",
    "VARCHAR": r"",
}
"""SQL type -> what its values look like, from the narrowest on; anything is a VARCHAR."""

WIDER = {"NUMBER(38,0)": "FLOAT"}
_NAME = r'(?:[A-Za-z_][A-Za-z0-9_$]*|"(?:[^"\0]|"")+")'
_STAGE = re.compile(rf"@?((?:~|%{_NAME}|(?:{_NAME}\.){{0,2}}%?{_NAME})(?:/[A-Za-z0-9_.=:+/-]*)?)")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_RESERVED = frozenset(
    """
    ALL ALTER AND ANY AS BETWEEN BY CASE CAST CHECK COLUMN CONNECT CREATE CROSS CURRENT DELETE DISTINCT DROP ELSE EXISTS
    FALSE FOLLOWING FOR FROM FULL GRANT GROUP HAVING ILIKE IN INCREMENT INNER INSERT INTERSECT INTO IS JOIN LATERAL LEFT
    LIKE MINUS NATURAL NOT NULL OF ON OR ORDER QUALIFY REGEXP REVOKE RIGHT RLIKE ROW ROWS SAMPLE SELECT SET SOME START
    TABLE TABLESAMPLE THEN TO TRIGGER TRUE UNION UNIQUE UPDATE USING VALUES WHEN WHENEVER WHERE WITH
    """.split()  # noqa: SIM905  # a list of a hundred quoted words reads worse
)


@dataclass(slots=True)
class Column:
    """A column of a load: its header's name and its SQL type; None while no value has been seen."""

    name: str
    type: str | None = None


def identifier(name: str) -> str:
    """Return `name` as SQL takes it: as it is where it is plain, so that case does not matter, else quoted.

    Raises:
        ValueError: the name is empty or has a NUL.

    Example:
        >>> identifier("origin"), identifier("select"), identifier('a "b"')
        ('origin', '"select"', '"a ""b\"""')
    """
    if not name or "\0" in name:
        raise ValueError(f"{name!r:.80} is no name for a table or column: give one character or more, and no NUL.")
    if _PLAIN.fullmatch(name) and name.upper() not in _RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def table_name(name: str) -> str:
    """Return a table's name, with database and schema if it has them, as SQL takes it.

    Example:
        >>> table_name("raw.my table")
        'raw."my table"'
    """
    return ".".join(identifier(part) for part in name.split("."))


def stage_name(text: str) -> str:
    """Return a stage, with or without its `@` and with a folder or without, as SQL takes it, without the `@`.

    Raises:
        ValueError: that is no stage, or something stands behind it.

    Example:
        >>> stage_name("@raw.orders/2026"), stage_name("~"), stage_name('"my stage"')
        ('raw.orders/2026', '~', '"my stage"')
    """
    found = _STAGE.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r:.200} is no stage: give its name as SQL takes it, with double quotes around what is not plain, "
            "and with database, schema and a folder where they are needed, as raw.orders/2026."
        )
    return found[1]


def literal(text: str) -> str:
    """Return `text` as a SQL string.

    Example:
        >>> literal("it's")
        "'it''s'"
    """
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def check_header(names: list[str]) -> None:
    """Raise ValueError where a header has an empty name or the same one twice."""
    for name in names:
        identifier(name)
    folded = [name if identifier(name).startswith('"') else name.upper() for name in names]
    twice = sorted({name for name in folded if folded.count(name) > 1})
    if twice:
        raise ValueError(
            f"the header has {', '.join(map(repr, twice))} more than once: give each column a name of its own."
        )


def create_table(table: str, columns: list[Column]) -> str:
    """Return the statement that creates `table` with `columns`."""
    parts = ", ".join(f"{identifier(column.name)} {column.type or 'VARCHAR'}" for column in columns)
    return f"CREATE TABLE {table_name(table)} ({parts})"
