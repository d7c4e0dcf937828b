"""The check of every row: column counts and values, by file and line.

Reads with pyarrow's streaming reader, whatever the file's size in bounded memory; only a file that has bad rows is read once
more, by the csv module, which knows lines.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from .columns import Column, check_header, matched
from .values import GUESSES, WHOLE, WIDER, Rule, rule_for

BLOCK = 1 << 20
MOST_SHOWN = 20
"""Bad rows that are kept to be shown; all are counted."""


class BadData(Exception):
    """The data cannot be loaded; the sentence says what is wrong, and where."""


@dataclass(slots=True)
class Report:
    """What the check of one file found: rows that are good, and the bad ones' lines and reasons."""

    path: Path
    rows: int = 0
    bad: dict[int, str] = field(default_factory=dict)
    nulls: dict[str, int] = field(default_factory=dict)
    ranges: dict[str, tuple[Any, Any]] = field(default_factory=dict)


def is_gzip(path: Path) -> bool:
    """Return whether the file begins as gzip does, whatever its name says."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def open_csv(path: Path) -> IO[bytes]:
    """Open the file for reading, unpacked."""
    return gzip.open(path, "rb") if is_gzip(path) else path.open("rb")  # type: ignore[return-value]  # a binary file


def header_of(path: Path) -> list[str]:
    """Return the names in the first line.

    Raises:
        BadData: the file is empty, is not UTF-8, or its header has a name twice.
    """
    try:
        for row in records(path):
            check_header(row[1])
            return row[1]
    except (UnicodeDecodeError, ValueError, OSError, EOFError) as error:
        raise BadData(f"{path}: {error}") from error
    raise BadData(f"{path} is empty: give a CSV file with a header line.")


def records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield `(line, values)` of each record, the header's first; `line` is where it begins, as an editor counts."""
    with open_csv(path) as raw:
        lines = (line.decode("utf-8-sig" if number == 0 else "utf-8") for number, line in enumerate(raw))
        reader = csv.reader(lines, strict=True)
        before = 0
        for row in reader:
            if row:
                yield before + 1, row
            before = reader.line_num


def check(
    path: Path, columns: list[Column], seen: Callable[[int], None], *, fixed: bool = False, nulls: Sequence[str] = ()
) -> Report:
    """Check every row of the file against `columns`, and let their types be found or widened unless they are `fixed`.

    Args:
        path: A CSV file, plain or gzip.
        columns: The columns of the load; their types may change.
        seen: Called with the number of rows of each block.
        fixed: Whether the types are the target's.
        nulls: What stands for a missing value, beside nothing at all.

    Raises:
        BadData: the file cannot be read as CSV, or its header is another one.
    """
    names = _same_header(path, columns)
    report = Report(path)
    wrong: list[int] = []
    ordinals: dict[int, str] = {}
    offset = 0
    for batch in _batches(path, names, nulls, wrong):
        for column, values in zip(columns, batch.columns, strict=True):
            _check_column(column, values, offset, ordinals, report, fixed)
        offset += batch.num_rows
        seen(batch.num_rows)
    report.rows = offset - len(ordinals)
    if wrong or ordinals:
        _find_lines(path, len(columns), ordinals, report)
    return report


def peek(paths: list[Path], columns: list[Column], nulls: Sequence[str] = ()) -> None:
    """Give `columns` the types that the first rows of each of `paths` have; VARCHAR where none has a value."""
    for path in paths:
        names = _same_header(path, columns)
        with contextlib.suppress(StopIteration):
            first = next(_batches(path, names, nulls, []))
            for column, values in zip(columns, first.columns, strict=True):
                _check_column(column, values, 0, {}, Report(path), False)
    for column in columns:
        column.type = column.type or "VARCHAR"


def _same_header(path: Path, columns: list[Column]) -> list[str]:
    """Return the names of the file's header, which are those of `columns`.

    Raises:
        BadData: they are others.
    """
    names = header_of(path)
    if names != [column.name for column in columns]:
        expected = ", ".join(column.name for column in columns)
        raise BadData(f"{path}: its header is {', '.join(names):.200}, but {expected:.200} is expected.")
    return names


def _batches(path: Path, names: list[str], nulls: Sequence[str], wrong: list[int]) -> Iterator[Any]:
    """Yield the file's rows as columns of text, some thousands at a time; append to `wrong` for each of another width.

    Raises:
        BadData: the file cannot be read as CSV.
    """
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    def skip(row: Any) -> str:
        wrong.append(row.actual_columns)
        return "skip"

    try:
        with open_csv(path) as file:
            yield from pa_csv.open_csv(
                file,
                read_options=pa_csv.ReadOptions(block_size=BLOCK, use_threads=False),
                parse_options=pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
                convert_options=pa_csv.ConvertOptions(
                    column_types={name: pa.string() for name in names},
                    strings_can_be_null=True,
                    null_values=["", *nulls],
                    quoted_strings_can_be_null=True,
                ),
            )
    except (pa.ArrowInvalid, OSError, EOFError) as error:
        raise BadData(f"{path}: {error}") from error


def _check_column(column: Column, values: Any, offset: int, bad: dict[int, str], report: Report, fixed: bool) -> None:
    import pyarrow.compute as pc

    report.nulls[column.name] = report.nulls.get(column.name, 0) + values.null_count
    if values.null_count and not column.nullable:
        for at in pc.indices_nonzero(pc.is_null(values)).to_pylist():
            bad.setdefault(offset + at, f"{column.name} has no value, and must have one")
    if values.null_count == len(values):
        return
    if column.type is None:
        column.type = _type_of(values.drop_null().slice(0, 1_000))
    while (rule := rule_for(column.type) if fixed else GUESSES[column.type]) is not None and rule.pattern:
        fits, misses = _misses(values, rule)
        wider = _wider(column, values, misses) if misses and not fixed else None
        if wider is None:
            for at in misses:
                bad.setdefault(offset + at, f"{column.name} is {values[at].as_py()!r:.60}, which is no {column.type}")
            if not fixed:
                _widen_range(column, values.filter(fits), report)
            return
        column.type = wider
    report.ranges.pop(column.name, None)  # of numbers that are texts by now


def _misses(values: Any, rule: Rule) -> tuple[Any, list[int]]:
    """Return which of `values` match, and where those are that are no values at all."""
    import pyarrow.compute as pc

    fits = pc.match_substring_regex(values, rule.pattern)
    others = pc.indices_nonzero(pc.invert(fits)).to_pylist()
    return fits, [at for at in others if not rule.settle(values[at].as_py())]


def _wider(column: Column, values: Any, misses: list[int]) -> str | None:
    """Return the type that holds the misses too, and every whole number that the column has had; None where none does."""
    import pyarrow.compute as pc

    taken = values.take(misses)
    digits = max(column.digits, _digits(values))
    for name, pattern, most in WIDER.get(column.type or "", []):
        if digits <= most and pc.all(pc.match_substring_regex(taken, pattern)).as_py():
            return name
    return None


def _digits(values: Any) -> int:
    """Return how many digits the longest whole number has."""
    import pyarrow.compute as pc

    whole = values.filter(pc.match_substring_regex(values, GUESSES[WHOLE].pattern))
    return pc.max(pc.utf8_length(pc.utf8_ltrim(whole, "+-"))).as_py() or 0


def _widen_range(column: Column, values: Any, report: Report) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(values):
        return
    if column.type in (WHOLE, "FLOAT"):
        values = pc.utf8_ltrim(values, "+")  # pyarrow reads no number with one
        if column.type == "FLOAT":
            values = values.cast("double")
        else:
            column.digits = max(column.digits, _digits(values))
            values = values.cast("int64" if column.digits <= 18 else pa.decimal128(38, 0))
    low, high = (int(v) if isinstance(v, Decimal) else v for v in pc.min_max(values).as_py().values())
    if column.name in report.ranges:
        low, high = min(low, report.ranges[column.name][0]), max(high, report.ranges[column.name][1])
    report.ranges[column.name] = (low, high)


def _type_of(values: Any) -> str:
    import pyarrow.compute as pc

    for name, rule in GUESSES.items():
        # A type that most of the values have is the column's: the odd one is bad, and does not make a text of all.
        share = pc.mean(pc.match_substring_regex(values, rule.pattern).cast("double")).as_py() if rule.pattern else 1.0
        if share >= 0.95:
            return name
    return "VARCHAR"


def _find_lines(path: Path, width: int, ordinals: dict[int, str], report: Report) -> None:
    """Give the bad rows their lines, by reading the file once more."""
    ordinal = 0
    for number, (line, row) in enumerate(records(path)):
        if number == 0:
            continue
        if len(row) != width:
            report.bad[line] = f"{len(row)} columns, but {width} are expected"
            continue
        if ordinal in ordinals:
            report.bad[line] = ordinals[ordinal]
        ordinal += 1


def columns_of(path: Path, table: str, existing: list[Column]) -> tuple[list[Column], list[str]]:
    """Return the columns of an existing table that the file's header means, and the names of those that it leaves out.

    Raises:
        BadData: the header and the table do not go together.
    """
    try:
        return matched(header_of(path), table, existing)
    except ValueError as error:
        raise BadData(f"{path}: {error}") from error


def bad_rows(reports: list[Report], allowed: int) -> str:
    """Return the bad rows found so far, by file and line, and what can be done."""
    found = [f"  {report.path}:{line}: {reason}" for report in reports for line, reason in sorted(report.bad.items())]
    lines = [f"{len(found):,d} bad rows, and {allowed:,d} are allowed (--max-bad-rows):", *found[:MOST_SHOWN]]
    if len(found) > MOST_SHOWN:
        lines.append(f"  ... {len(found) - MOST_SHOWN:,d} more")
    return "\n".join(lines)
