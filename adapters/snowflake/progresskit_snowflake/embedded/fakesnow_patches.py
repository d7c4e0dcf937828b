"""Puts what is done better here into fakesnow's place. Changes fakesnow's modules: for the server's own process alone."""

from __future__ import annotations

import importlib
import re
from typing import Any

from sqlglot import exp

from .copying import copy

_FIXED = re.compile(
    r"(?P<executed>SELECT '(?:[^']|'')*' AS '?status'?)"
    r'|(?P<described>SELECT column_name AS "name", CASE WHEN data_type = .* AS "privacy domain" FROM _fs_information_schema\..*)',
    re.IGNORECASE | re.DOTALL,
)
"""The results whose columns are always the same: that a statement was executed, and a table's description."""


def apply_patches() -> None:
    """Have fakesnow's cursors COPY as `copying` does, and mend its whole numbers, names with quotes, and missing moments."""
    cursor: Any = importlib.import_module("fakesnow.cursor")
    cursor.copy_into = copy
    describe = cursor.FakeSnowflakeCursor._describe_last_sql
    known: dict[str, list[Any]] = {}

    def describe_last_sql(ran: Any) -> list[Any]:
        """Return the columns of a result; fakesnow runs a second statement for that, which these results need once."""
        kind = _FIXED.fullmatch(ran._last_sql)
        if kind is None:
            return describe(ran)  # type: ignore[no-any-return]  # fakesnow's
        name = str(kind.lastgroup)
        if name not in known:
            known[name] = describe(ran)
        return known[name]

    cursor.FakeSnowflakeCursor._describe_last_sql = describe_last_sql
    tables: Any = importlib.import_module("fakesnow.info_schema")
    remember = tables.insert_text_lengths_sql

    def insert_text_lengths_sql(catalog: str, schema: str, table: str, lengths: list[tuple[str, int]]) -> str:
        """Return the statement that remembers the lengths of texts; names may have quotes in them."""
        names = [name.replace("'", "''") for name in (catalog, schema, table)]
        return str(remember(*names, [(name.replace("'", "''"), length) for name, length in lengths]))

    tables.insert_text_lengths_sql = insert_text_lengths_sql
    transforms: Any = importlib.import_module("fakesnow.transforms")
    narrow = transforms.integer_precision

    def integer_precision(expression: exp.Expr) -> exp.Expr:
        """Make a BIGINT of a whole number's type, but in the columns of a table: 64 bits do not hold what an account does."""
        made = narrow(expression)
        if made is not expression and isinstance(expression.parent, exp.ColumnDef):
            return exp.DataType.build("DECIMAL(38, 0)", dialect="duckdb")
        return made  # type: ignore[no-any-return]  # fakesnow's

    transforms.integer_precision = integer_precision

    arrow: Any = importlib.import_module("fakesnow.arrow")
    structured = arrow.timestamp_to_sf_struct

    def timestamp_to_sf_struct(moments: Any) -> Any:
        """Return moments as the connector takes them; a struct whose members are NULL alone is 1970 to connector 4.x."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found = structured(moments)
        members = [pc.fill_null(member, 0) for member in found.flatten()]
        missing = pc.is_null(moments.combine_chunks() if isinstance(moments, pa.ChunkedArray) else moments)
        return pa.StructArray.from_arrays(members, fields=list(found.type), mask=missing)

    arrow.timestamp_to_sf_struct = timestamp_to_sf_struct
