"""Replaces parts of fakesnow by better ones. Changes fakesnow's modules, so it is for the server's own process only."""

from __future__ import annotations

import importlib
import re
from typing import Any

from sqlglot import exp

from .copying import copy

_FIXED = re.compile(
    r"(?P<executed>SELECT '(?:[^']|'')*' AS '?status'?)"
    r'|(?P<described>SELECT\s+column_name AS "name",\s+CASE WHEN data_type = .* AS "privacy domain",?\s+'
    r"FROM _fs_information_schema\..*)",
    re.IGNORECASE | re.DOTALL,
)
"""The results whose columns are always the same: that a statement was executed, and a table's description."""


_QUOTED = re.compile(r"""("(?:[^"]|"")*"|'(?:[^'\\]|\\.|'')*'|\$\$.*?\$\$)""", re.DOTALL)
"""A name or a text in a statement, in which a dollar sign has no meaning."""


class _Written(exp.Command):
    """Finished SQL."""

    def sql(self, *_: Any, **__: Any) -> str:
        return str(self.args["this"])


def _alike(expression: exp.Expr) -> dict[str, str]:
    """Return name -> the name of the first one of the same type, for the columns of a new table that have a type and nothing else."""
    schema = expression.this if isinstance(expression, exp.Create) and expression.kind == "TABLE" else None
    columns = schema.expressions if isinstance(schema, exp.Schema) else []
    if not all(isinstance(one, exp.ColumnDef) and one.kind and not one.constraints for one in columns):
        return {}
    first: dict[str, str] = {}
    names = [one.name if one.this.args.get("quoted") else one.name.upper() for one in columns]
    found = {name: first.setdefault(one.kind.sql(), name) for name, one in zip(names, columns, strict=True)}
    return found if len(found) == len(columns) else {}


def _narrowed(expression: exp.Expr, alike: dict[str, str]) -> exp.Expr:
    """Take all columns but the first one of each type out of a statement: fakesnow goes through each some seventy times."""
    wanted = [name == first for name, first in alike.items()]
    schema = expression.this
    schema.set("expressions", [one for one, is_wanted in zip(schema.expressions, wanted, strict=True) if is_wanted])
    return expression


def _widened(expression: exp.Expr, alike: dict[str, str]) -> exp.Expr:
    """Put them in again, with what has become of their type."""
    schema = expression.this
    kinds = {one.name: one.kind for one in schema.expressions}
    schema.set(
        "expressions",
        [
            exp.ColumnDef(this=exp.to_identifier(name, quoted=True), kind=kinds[first].copy())
            for name, first in alike.items()
        ],
    )
    if lengths := dict(expression.args.get("text_lengths") or ()):
        expression.args["text_lengths"] = [(name, lengths[first]) for name, first in alike.items() if first in lengths]
    return expression


def apply_patches() -> None:
    """Make fakesnow's cursors COPY as `copying` does, and fix its integers, names with quotes, and NULL timestamps."""
    _patch_cursor()
    _patch_lengths()
    _patch_transforms()
    _patch_variables()
    _patch_timestamps()


def _patch_cursor() -> None:
    """Replace COPY, and avoid work that fakesnow does for each statement."""
    cursor: Any = importlib.import_module("fakesnow.cursor")
    cursor.copy_into = copy
    describe = cursor.FakeSnowflakeCursor._describe_last_sql
    known: dict[str, list[Any]] = {}

    def described(ran: Any) -> list[Any]:
        """Return the columns of a result by a second statement, as fakesnow does, but without parsing and rewriting
        that statement."""
        if ran._last_sql.lstrip()[:6].upper() != "SELECT":
            return describe(ran)  # type: ignore[no-any-return]  # fakesnow's
        found: list[Any] = ran._duck_conn.execute(f"DESCRIBE {ran._last_sql}", ran._last_params).fetchall()
        return found

    def describe_last_sql(ran: Any) -> list[Any]:
        """Return the columns of a result; constant ones are queried once."""
        kind = _FIXED.fullmatch(ran._last_sql.strip())
        if kind is None:
            return described(ran)
        name = str(kind.lastgroup)
        if name not in known:
            known[name] = described(ran)
        return known[name]

    cursor.FakeSnowflakeCursor._describe_last_sql = describe_last_sql
    transform = cursor.FakeSnowflakeCursor._transform

    def transformed(ran: Any, expression: exp.Expr, params: Any) -> Any:
        """Return a statement for DuckDB. These few statements need no change, and fakesnow would try seventy."""
        if isinstance(expression, exp.Transaction | exp.Commit | exp.Rollback):
            return expression
        alike = _alike(expression)
        if not alike or len(alike) < 2 * len(set(alike.values())):
            return transform(ran, expression, params)
        return _widened(transform(ran, _narrowed(expression, alike), params), alike)

    cursor.FakeSnowflakeCursor._transform = transformed


def _patch_lengths() -> None:
    """Remember the lengths of texts for names with quotes too."""
    tables: Any = importlib.import_module("fakesnow.info_schema")
    remember = tables.insert_text_lengths_sql

    def insert_text_lengths_sql(catalog: str, schema: str, table: str, lengths: list[tuple[str, int]]) -> str:
        """Return the statement that remembers the lengths of texts; names may have quotes in them."""
        names = [name.replace("'", "''") for name in (catalog, schema, table)]
        return str(remember(*names, [(name.replace("'", "''"), length) for name, length in lengths]))

    tables.insert_text_lengths_sql = insert_text_lengths_sql


def _patch_transforms() -> None:
    """Describe tables without parsing, and keep integers of more than 64 bits in columns."""
    transforms: Any = importlib.import_module("fakesnow.transforms")
    describe_table = transforms.describe_table
    template: Any = importlib.import_module("fakesnow.transforms.transforms").SQL_DESCRIBE_TABLE

    def described_table(expression: exp.Expr, database: str | None = None, schema: str | None = None) -> exp.Expr:
        """Return the statement that describes a table, without fakesnow's parsing and rewriting of its own SQL."""
        table = expression.find(exp.Table) if isinstance(expression, exp.Describe) else None
        if table is None or table.name.startswith("_") or (table.db or schema) == "_FS_INFORMATION_SCHEMA":
            return describe_table(expression, database, schema)  # type: ignore[no-any-return]  # fakesnow's
        names = {"catalog": table.catalog or database, "schema": table.db or schema, "table": table.name}
        return _Written(this=template.substitute({name: str(text).replace("'", "''") for name, text in names.items()}))

    transforms.describe_table = described_table
    narrow = transforms.integer_precision

    def integer_precision(expression: exp.Expr) -> exp.Expr:
        """Replace integer types by BIGINT, except in the columns of a table, where 64 bits are too few."""
        made = narrow(expression)
        if made is not expression and isinstance(expression.parent, exp.ColumnDef):
            return exp.DataType.build("DECIMAL(38, 0)", dialect="duckdb")
        return made  # type: ignore[no-any-return]  # fakesnow's

    transforms.integer_precision = integer_precision


def _patch_variables() -> None:
    """Leave names and texts of a statement unchanged where they look like variables."""
    variables: Any = importlib.import_module("fakesnow.variables").Variables
    inlined = variables.inline_variables

    def inline_variables(known: Any, statement: str) -> str:
        """Substitute a session's variables in a statement, but not within names or texts."""
        if "$" not in statement:
            return statement
        parts = _QUOTED.split(statement)
        return "".join(part if at % 2 else inlined(known, part) for at, part in enumerate(parts))

    variables.inline_variables = inline_variables


def _patch_timestamps() -> None:
    """Return NULL timestamps so that connector 4.x reads them as NULL."""
    arrow: Any = importlib.import_module("fakesnow.arrow")
    structured = arrow.timestamp_to_sf_struct

    def timestamp_to_sf_struct(moments: Any) -> Any:
        """Return timestamps in the connector's form. Connector 4.x reads a struct with NULL members as 1970."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found = structured(moments)
        members = [pc.fill_null(member, 0) for member in found.flatten()]
        missing = pc.is_null(moments.combine_chunks() if isinstance(moments, pa.ChunkedArray) else moments)
        return pa.StructArray.from_arrays(members, fields=list(found.type), mask=missing)

    arrow.timestamp_to_sf_struct = timestamp_to_sf_struct
