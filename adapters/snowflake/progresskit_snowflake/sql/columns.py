"""Columns: their names in SQL, and the match of a file's header with a table's columns. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from .guessing import Guess

LONGEST_NAME = 255
"""The most characters of a name."""
_NAME = r'(?:[A-Za-z_][A-Za-z0-9_$]*|"(?:[^"\0]|"")+")'
_PART = r'(?:"(?:[^"\0]|"")+"|[^".\0]+)'
_STAGE = re.compile(rf"@?((?:~|%{_NAME}|(?:{_NAME}\.){{0,2}}%?{_NAME})(?:/[A-Za-z0-9_.=:+/-]*)?)")
_NO_NAME = re.compile("[\0\ud800-\udfff]")
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
    """A column of a load, or of a table.

    Attributes:
        name: The header's, or the table's.
        type: The SQL type; None while no value has been seen.
        nullable: Whether it accepts NULL.
        default: Whether the table has a default value for it.
        target: The name in an existing table, as in SQL.
        given: Whether the user has given the type, so that its values must fit it.
        exact: Whether the table has another one that differs from it in case alone, so that only its very name means it.
        guess: The guess from the values so far.
        note: Why it became text, for the summary; empty if it did not.
        rounded: Where it first drops digits, as a FLOAT that the user or the table has, for the summary; empty if it does not.
    """

    name: str
    type: str | None = None
    nullable: bool = True
    default: bool = field(default=False, compare=False)
    target: str = field(default="", compare=False)
    given: bool = field(default=False, compare=False)
    exact: bool = field(default=False, compare=False)
    guess: Guess = field(default_factory=Guess, compare=False)
    note: str = field(default="", compare=False)
    rounded: str = field(default="", compare=False)


def identifier(name: str) -> str:
    """Return `name` for SQL: unchanged if it is plain, so that case does not matter, else quoted.

    Raises:
        ValueError: the name is empty, or has a NUL or an invalid character.

    Example:
        >>> identifier("origin"), identifier("select"), identifier('a "b"')
        ('origin', '"select"', '"a ""b\"""')
    """
    if not name or _NO_NAME.search(name):
        raise ValueError(
            f"{name!r:.80} is no name for a table or column: give one character or more, no NUL and no half of a pair of surrogates."
        )
    return name if _PLAIN.fullmatch(name) and name.upper() not in _RESERVED else quoted(name)


def folded(name: str) -> str:
    """Return the key of a column's name: upper case if case does not matter to SQL, else the name.

    Example:
        >>> folded("Id"), folded("two Words")
        ('ID', 'two Words')
    """
    return name.upper() if _PLAIN.fullmatch(name) and name.upper() not in _RESERVED else name


def quoted(name: str) -> str:
    """Return `name` in quotes: exactly this one, its case included."""
    return '"' + name.replace('"', '""') + '"'


def parts_of(name: str) -> list[str]:
    """Return the parts of a table's name, each as SQL takes it: with quotes where it has them, or needs them.

    A part that SQL would not take as it is means just that name: `raw.my table` needs no quotes. Blanks around one without quotes
    are none of its.

    Raises:
        ValueError: a part is empty, quotes do not close, or there are more parts than database, schema and table.

    Example:
        >>> parts_of('raw.my table'), parts_of('"Raw.1".orders'), parts_of(" orders ")
        (['raw', '"my table"'], ['"Raw.1"', 'orders'], ['orders'])
    """
    text = name.strip()
    found = re.fullmatch(rf"{_PART}(?:\.{_PART})*", text)
    parts = [part.strip() for part in re.findall(rf"({_PART})(?:\.|$)", text)] if found else []
    if not 1 <= len(parts) <= 3 or "" in parts:
        raise ValueError(
            f"{name!r:.200} is no table: give its name, with schema and database before it where they are needed, "
            'and double quotes around a part that has a dot or lower-case letters: raw."Orders.2026".'
        )
    for part in parts:
        bare = part[1:-1].replace('""', '"') if part.startswith('"') else part
        identifier(bare)
        if len(bare) > LONGEST_NAME:
            raise ValueError(
                f"{bare!r:.80} has {len(bare):,d} characters, and a name has at most {LONGEST_NAME}: give a shorter one."
            )
    return [part if part.startswith('"') else identifier(part) for part in parts]


def table_name(name: str) -> str:
    """Return a table's name, with database and schema if it has them, as SQL takes it.

    Example:
        >>> table_name("raw.my table")
        'raw."my table"'
    """
    return ".".join(parts_of(name))


def beside(table: str, name: str) -> str:
    """Return the name of another table, `name` as SQL takes it, in the schema of `table`.

    Example:
        >>> beside('raw."my table"', "OTHER")
        'raw.OTHER'
    """
    return ".".join([*parts_of(table)[:-1], name])


def stage_name(text: str) -> str:
    """Return a stage, with or without its `@` and with a folder or without, as SQL takes it, without the `@`.

    Raises:
        ValueError: it is not a stage, or more text follows.

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
    """Raise ValueError where a header has an empty name, one that is too long, or the same one twice."""
    for name in names:
        identifier(name)
        if len(name) > LONGEST_NAME:
            raise ValueError(
                f"{name!r:.80} has {len(name):,d} characters, and a name has at most {LONGEST_NAME}: give it a shorter one; "
                "or the file has no header: --no-header."
            )
    twice = sorted(name for name, count in Counter(map(folded, names)).items() if count > 1)
    if twice:
        raise ValueError(
            f"the header has {', '.join(map(repr, twice))} more than once: give each column a name of its own."
        )


def order_of(names: Sequence[str], expected: Sequence[str]) -> list[int] | None:
    """Return where each of the `expected` names stands among a file's `names`; None where they are not the same ones.

    A name means the very same one, else the only one that differs from it in case alone.

    Example:
        >>> order_of(["name", "ID"], ["id", "name"])
        [1, 0]
    """
    known, found = _Names(names), []
    for name in expected:
        alike = known.meant_by(name)
        if len(alike) != 1:
            return None
        found.append(alike[0])
    return found if sorted(found) == list(range(len(names))) else None


class _Names:
    """Names, found by one that means them: the very same ones, else those that differ from it in case alone.

    Args:
        names: The names; tables have thousands of them.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._same: dict[str, list[int]] = {}
        self._near: dict[str, list[int]] = {}
        for at, name in enumerate(names):
            self._same.setdefault(name, []).append(at)
            self._near.setdefault(name.upper(), []).append(at)

    def meant_by(self, name: str) -> list[int]:
        """Return where the names stand that `name` means."""
        return self._same.get(name) or self.near(name)

    def near(self, name: str) -> list[int]:
        """Return where the names stand that are `name` but for their case."""
        return self._near.get(name.upper(), [])


def create_table(table: str, columns: list[Column]) -> str:
    """Return the statement that creates `table` with `columns`, all in quotes: AT is not reserved, but a word of SQL's all the same.

    Example:
        >>> create_table("t", [Column("at", "TIME"), Column("x y")])
        'CREATE TABLE t ("AT" TIME, "x y" VARCHAR)'
    """
    names = [identifier(column.name) for column in columns]
    exact = [name if name.startswith('"') else quoted(name.upper()) for name in names]
    parts = ", ".join(f"{name} {column.type or 'VARCHAR'}" for name, column in zip(exact, columns, strict=True))
    return f"CREATE TABLE {table_name(table)} ({parts})"


def matched(header: list[str], table: str, existing: list[Column]) -> tuple[list[Column], list[str]]:
    """Return the columns of `existing` that the names of `header` mean, in the header's order, and the names left out.

    A name means the column of just that name, else the only one that differs from it in case alone.

    Raises:
        ValueError: a name means none or several; or a column that must have a value is left out.

    Example:
        >>> columns, left = matched(["b", "a"], "t", [Column("A", "FLOAT"), Column("B", "DATE"), Column("C", "DATE")])
        >>> [column.type for column in columns], left
        (['DATE', 'FLOAT'], ['C'])
    """
    known, found = _Names([column.name for column in existing]), []
    for name in header:
        alike = [existing[at] for at in known.meant_by(name)]
        if len(alike) != 1:
            names = ", ".join(column.name for column in alike or existing)
            shown = name if name == name.strip() else repr(name)
            few = f"has no column {shown}: it has {names:.300}" if not alike else f"has {names:.300} for {name}"
            raise ValueError(f"{table} {few}. Give the header the names of the table's columns.")
        found.append(replace(alike[0], name=name, target=quoted(alike[0].name), exact=len(known.near(name)) > 1))
    targets = Counter(column.target for column in found)
    for target, count in targets.items():
        if count > 1:
            raise ValueError(f"two names of the header mean the column {target} of {table}: name one otherwise.")
    left = [column for column in existing if quoted(column.name) not in targets]
    needed = [column.name for column in left if not column.nullable and not column.default]
    if needed:
        raise ValueError(f"{table} needs a value for {', '.join(needed):.300}, which the header does not have.")
    return found, [column.name for column in left]
