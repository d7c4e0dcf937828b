"""Values of Parquet files that a column of a table would round, truncate or drop, as COPY does silently.

The types of most columns exclude a loss; the values of the others are read, and must follow the rules of CSV files.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..sql.columns import Column, order_of
from ..sql.guessing import first_rounded
from ..sql.values import LONGEST, Rule, is_float, rule_for
from .footers import kind_of
from .opening import BadData, telling

_DIGITS = {8: 3, 16: 5, 32: 10, 64: 20}
"""Bits of an integer -> the most digits."""
_WHOLE_OF_A_FLOAT = 32
"""Bits of an integer that a FLOAT always preserves."""
_SAFE = {
    ("FLOAT", "FLOAT"), ("BOOLEAN", "BOOLEAN"), ("DATE", "DATE"), ("DATE", "TIMESTAMP_NTZ"), ("TIME", "TIME"),
    ("TIMESTAMP_NTZ", "TIMESTAMP_NTZ"), ("TIMESTAMP_TZ", "TIMESTAMP_TZ"),
}  # fmt: skip


def hold_to(path: Path, columns: Sequence[Column], misses: Callable[[Any, Rule], list[int]]) -> None:
    """Raise BadData if a column of `columns` would change a value of the Parquet file at `path`.

    Args:
        path: The file, which has just these columns.
        columns: The columns, with the types of the table.
        misses: Returns the positions of texts that are not values by a rule.
    """
    with _opened(path) as file:
        schema = list(file.schema_arrow)
        order = order_of([field.name for field in schema], [column.name for column in columns]) or []
        for column, at in zip(columns, order, strict=False):
            rule = rule_for(column.type or "")
            if rule is not None and kind_of(schema[at].type) == "BINARY":
                raise BadData(
                    f"{path}: the column {column.name} has bytes, and the table would have their digits as {column.type}: "
                    "make it BINARY, which TO_VARCHAR(..., 'UTF-8') makes text of in SQL."
                )
            if rule is None or _fits(schema[at].type, column.type or ""):
                continue
            seen = 0
            for values in _texts(file, schema[at].name, to_day=(column.type or "") == "DATE"):
                wrong = misses(values, rule)
                if not wrong and is_float(column.type or ""):
                    rounded = first_rounded(values)
                    wrong = [] if rounded is None else [rounded]
                for row in wrong:
                    raise BadData(
                        f"{path}: row {seen + row + 1:,d}: {column.name} is {values[row].as_py()!r:.60}, which is no "
                        f"{column.type}: the table would change it. Give the table a type that holds it."
                    )
                seen += len(values)


def hold_to_calendar(path: Path) -> None:
    """Raise BadData if a day or timestamp of the Parquet file at `path` is outside of the years 1 to 9999, the range of
    tables, or a time outside of a day."""
    import pyarrow as pa
    import pyarrow.compute as pc

    with _opened(path) as file:
        for field in file.schema_arrow:
            if (unit := _unit_of(field.type)) is None:
                continue
            of_day = pa.types.is_time(field.type)
            low, high = (0, unit) if of_day else (_FIRST_DAY * unit, (_LAST_DAY + 1) * unit)
            what = "no time of a day" if of_day else "a day or moment outside of the years 1 to 9999"
            seen = 0
            for batch in file.iter_batches(columns=[field.name]):
                values = batch.column(0)
                counts = values.cast(pa.int32() if field.type.bit_width == 32 else pa.int64())
                if (outside := pc.or_(pc.less(counts, low), pc.greater_equal(counts, high))).true_count:
                    row = pc.index(outside, True).as_py()
                    raise BadData(
                        f"{path}: row {seen + row + 1:,d}: {field.name} is {what}, which no table holds: write it otherwise."
                    )
                seen += len(values)


def hold_to_limits(path: Path) -> None:
    """Raise BadData if a value of the Parquet file at `path` is longer than any column allows, or a map has a key
    twice."""
    import pyarrow as pa
    import pyarrow.compute as pc

    with _opened(path) as file:
        for field in file.schema_arrow:
            most = _MOST_BYTES.get(kind_of(field.type), 0)
            long, maps = most and _may_be_longer(file, field.name, most), _has_map(field.type)
            if not (long or maps):
                continue
            seen = 0
            for batch in file.iter_batches(columns=[field.name]):
                values = batch.column(0)
                if long:
                    values = values.dictionary_decode() if pa.types.is_dictionary(values.type) else values
                    values = values.storage if hasattr(values, "storage") else values
                    row, what = (
                        pc.index(pc.greater(pc.binary_length(values), most), True).as_py(),
                        f"longer than {most:,d} bytes",
                    )
                else:
                    row = next((at for at, one in enumerate(values.to_pylist()) if _key_twice(one, field.type)), -1)
                    what = "a map with a key twice"
                if row >= 0:
                    raise BadData(
                        f"{path}: row {seen + row + 1:,d}: {field.name} is {what}, which no table holds: write it otherwise."
                    )
                seen += len(values)


_MOST_BYTES = {"VARCHAR": LONGEST, "BINARY": LONGEST // 2}
"""SQL type -> the most bytes of a value."""


def _may_be_longer(file: Any, name: str, most: int) -> bool:
    """Return whether a column has enough bytes anywhere that one of its values may exceed the limit."""
    leaves = [at for at in range(len(file.schema)) if file.schema.column(at).path == name]
    groups = map(file.metadata.row_group, range(file.metadata.num_row_groups))
    large = [group for group in groups if group.total_byte_size > most]
    if large:  # if a column is encrypted, `column` would end the process, and reading raises
        next(file.iter_batches(batch_size=1, row_groups=[0], columns=[name]), None)
    return any(group.column(at).total_uncompressed_size > most for group in large for at in leaves)


def _has_map(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_map(kind)) or any(_has_map(kind.field(at).type) for at in range(kind.num_fields))


def _key_twice(value: Any, kind: Any) -> bool:
    """Return whether a map within a value has two keys that are one in JSON."""
    from pyarrow import types

    if value is None:
        return False
    if types.is_map(kind):
        names = [str(name) for name, _ in value]
        return len(set(names)) < len(names) or any(_key_twice(item, kind.item_type) for _, item in value)
    if types.is_struct(kind):
        return any(_key_twice(value[field.name], field.type) for field in kind)
    return bool(types.is_nested(kind)) and any(_key_twice(one, kind.value_type) for one in value)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a Parquet file. Timestamps of 96 bits, which may exceed 64 bits of nanoseconds, are read as microseconds."""
    import pyarrow.parquet as pq

    with telling(path), pq.ParquetFile(path) as file:
        columns = [file.schema.column(at) for at in range(len(file.schema))]
        if all(column.physical_type != "INT96" for column in columns):
            yield file
            return
    with telling(path), pq.ParquetFile(path, coerce_int96_timestamp_unit="us") as file:
        yield file


_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
"""The first day of the year 1 and the last one of 9999, in days since 1970."""


def _unit_of(kind: Any) -> int | None:
    """Return the units per day of a type of dates or timestamps; None for other types, and if all values are in the calendar."""
    from pyarrow import types

    if types.is_date32(kind):
        return 1
    if types.is_date64(kind):
        return 86_400_000
    # 64 bits of nanoseconds reach from 1677 to 2262.
    units = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000}
    if types.is_time(kind):
        return {**units, "ns": 86_400_000_000_000}[kind.unit]
    return units.get(kind.unit) if types.is_timestamp(kind) else None


def _texts(file: Any, name: str, *, to_day: bool) -> Iterator[Any]:
    """Yield the values of a column as texts, in blocks. With `to_day`, midnight is written as its date."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for batch in file.iter_batches(columns=[name]):
        values = batch.column(0)
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        texts = values.cast(pa.string())
        yield pc.replace_substring_regex(texts, r"[T ]00:00:00(\.0+)?$", "") if to_day else texts


def _fits(kind: Any, declared: str) -> bool:
    """Return whether each value of an Arrow type is one of the type `declared`, or its text cannot show that it is not."""
    from pyarrow import types

    found = re.fullmatch(r"([A-Z_]+)(?:\(([0-9]+)(?:,\s*([0-9]+))?\))?", declared.strip().upper())
    own = kind_of(kind)
    if found is None or own in ("VARIANT", "BINARY"):
        return True
    name, first, second = found[1], int(found[2] or 0), int(found[3] or 0)
    if types.is_dictionary(kind):
        kind = kind.value_type
    if name in ("VARCHAR", "TEXT", "STRING"):
        return not first or first >= LONGEST
    if name == "NUMBER" and own.startswith("NUMBER"):
        digits, scale = (kind.precision, kind.scale) if types.is_decimal(kind) else (_DIGITS[kind.bit_width], 0)
        precision = first or 38
        return scale <= second and digits - scale <= precision - second
    if name == "FLOAT" and types.is_integer(kind):
        return bool(kind.bit_width <= _WHOLE_OF_A_FLOAT)
    return (own, name) in _SAFE and (first or 9) == 9
