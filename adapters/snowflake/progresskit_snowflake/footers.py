"""Parquet files: columns, types and rows, from their footers alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .opening import BadData


def schema_of(path: Path) -> tuple[list[tuple[str, str]], int]:
    """Return the names and SQL types of the file's columns, and how many rows it has.

    Raises:
        BadData: the file cannot be read as Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            return [(field.name, _kind(field.type)) for field in file.schema_arrow], int(file.metadata.num_rows)
    except (pa.ArrowException, OSError) as error:
        raise BadData(f"{path}: {error}") from error


def _kind(kind: Any) -> str:
    """Return the SQL type that holds the values of an Arrow type."""
    from pyarrow import types

    if types.is_decimal(kind):
        return f"NUMBER({kind.precision},{kind.scale})"
    if types.is_timestamp(kind):
        return "TIMESTAMP_TZ" if kind.tz else "TIMESTAMP_NTZ"
    for holds, name in (
        (types.is_integer, "NUMBER(38,0)"),
        (types.is_floating, "FLOAT"),
        (types.is_boolean, "BOOLEAN"),
        (types.is_date, "DATE"),
        (types.is_time, "TIME"),
        (types.is_string, "VARCHAR"),
        (types.is_large_string, "VARCHAR"),
        (types.is_binary, "BINARY"),
    ):
        if holds(kind):
            return name
    return "VARIANT"
