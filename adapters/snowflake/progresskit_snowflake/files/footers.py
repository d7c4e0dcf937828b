"""Parquet files: columns, types and rows, from their footers alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .opening import BadData, Unpacked, telling

DIGITS = 38
"""The most digits of a NUMBER."""


def schema_of(path: Path) -> tuple[list[tuple[str, str]], int]:
    """Return the names and SQL types of the file's columns, and its number of rows.

    Raises:
        BadData: the file cannot be read as Parquet, or a column's values fit no SQL type.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with telling(path):
        try:
            with pq.ParquetFile(path) as file:
                groups = map(file.metadata.row_group, range(file.metadata.num_row_groups))
                if any(group.num_columns != file.metadata.num_columns for group in groups):
                    raise BadData(
                        f"{path} is no Parquet file that can be read: its footer has row groups without some columns."
                    )
                # Arrow has Parquet's intervals as 12 bytes.
                spans = {
                    one.path
                    for one in map(file.schema.column, range(len(file.schema)))
                    if one.converted_type == "INTERVAL"
                }
                columns = [
                    (field.name, "no interval" if field.name in spans else kind_of(field.type))
                    for field in file.schema_arrow
                ]
                rows = int(file.metadata.num_rows)
        except (pa.ArrowException, UnicodeDecodeError) as error:  # the second one by a name in the footer
            with Unpacked(path) as unpacked:
                packed = unpacked.packed
            if packed:
                raise BadData(
                    f"{path} is packed with {packed}: unpack it; a Parquet file has a compression of its own."
                ) from error
            raise BadData(f"{path} is no Parquet file that can be read: {error}") from error
    if not columns:
        raise BadData(f"{path} has no columns: there is nothing to load.")
    for name, kind in columns:
        if kind.startswith("no "):
            raise BadData(f"{path}: the column {name} has the type {kind[3:]}, whose values no SQL type holds exactly.")
    return columns, rows


def kind_of(kind: Any) -> str:
    """Return the SQL type for the values of an Arrow type; `no` and its name if there is none."""
    from pyarrow import types

    if hasattr(kind, "storage_type"):  # Parquet has a UUID as 16 bytes, and a JSON document as a text
        return kind_of(kind.storage_type)
    if types.is_dictionary(kind):
        return kind_of(kind.value_type)
    if types.is_decimal(kind):
        return f"NUMBER({kind.precision},{kind.scale})" if 0 <= kind.scale <= kind.precision <= DIGITS else f"no {kind}"
    if types.is_timestamp(kind):
        return "TIMESTAMP_TZ" if kind.tz else "TIMESTAMP_NTZ"
    if types.is_duration(kind) or types.is_interval(kind):
        return f"no {kind}"
    for holds, name in (
        (types.is_integer, "NUMBER(38,0)"),
        (types.is_floating, "FLOAT"),
        (types.is_boolean, "BOOLEAN"),
        (types.is_date, "DATE"),
        (types.is_time, "TIME"),
        (types.is_null, "VARCHAR"),
    ):
        if holds(kind):
            return name
    for names, name in (
        (("string", "large_string", "string_view"), "VARCHAR"),
        (("binary", "large_binary", "binary_view", "fixed_size_binary"), "BINARY"),
    ):
        if str(kind).partition("[")[0] in names:
            return name
    return _of_nested(kind)


def _of_nested(kind: Any) -> str:
    """Return VARIANT if JSON can hold each part of a nested type, else `no` and the type's name."""
    from pyarrow import types

    fields = (
        [kind.key_field, kind.item_field] if types.is_map(kind) else [kind.field(at) for at in range(kind.num_fields)]
    )
    names = [field.name.upper() for field in fields]
    if not fields:
        return f"no {kind}"
    for field in fields:
        own = kind_of(field.type)
        # A number in JSON has no zeros after its last digit.
        scaled = own.startswith("NUMBER(") and not own.endswith(",0)")
        if own == "BINARY" or own.startswith("no ") or scaled or names.count(field.name.upper()) > 1:
            return f"no {kind}"
    return "VARIANT"
