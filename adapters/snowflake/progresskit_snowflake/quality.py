"""The check of every row of a CSV or JSON file: column counts and values, by file and line; of Parquet, its columns.

Reads with pyarrow's streaming reader, whatever the file's size in bounded memory; only a file that has bad rows is read once
more, by the csv module, which knows lines.
"""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from . import jsonlines
from .columns import Column, check_header, matched
from .footers import schema_of
from .opening import BadData, open_unpacked
from .values import GUESSES, WHOLE, WIDER, Rule, rule_for

BLOCK = 1 << 20
MOST_SHOWN = 20
"""Bad rows that are kept to be shown; all are counted."""


@dataclass(slots=True)
class Report:
    """What the check of one file found: rows that are good, and the bad ones' lines and reasons."""

    path: Path
    rows: int = 0
    bad: dict[int, str] = field(default_factory=dict)
    nulls: dict[str, int] = field(default_factory=dict)
    ranges: dict[str, tuple[Any, Any]] = field(default_factory=dict)


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


def rows(path: Path, names: list[str]) -> Iterator[tuple[int, str | None]]:
    """Yield the line of each record behind the header and what is wrong with its width; None where nothing is."""
    for number, (line, row) in enumerate(records(path)):
        if number:
            yield line, None if len(row) == len(names) else f"{len(row)} columns, but {len(names)} are expected"


def records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield `(line, values)` of each record, the header's first; `line` is where it begins, as an editor counts."""
    with open_unpacked(path) as raw:
        lines = (line.decode("utf-8-sig" if number == 0 else "utf-8") for number, line in enumerate(raw))
        reader = csv.reader(lines, strict=True)
        before = 0
        for row in reader:
            if row:
                yield before + 1, row
            before = reader.line_num


def check(
    path: Path,
    columns: list[Column],
    seen: Callable[[int], None],
    *,
    fixed: bool = False,
    nulls: Sequence[str] = (),
    file_format: str = "csv",
) -> Report:
    """Check every row of the file against `columns`, and let their types be found or widened unless they are `fixed`.

    Args:
        path: The file. Of a Parquet file the footer is read alone: its values have types.
        columns: The columns of the load; their types may change.
        seen: Called with the number of rows of each block.
        fixed: Whether the types are the target's.
        nulls: What stands for a missing value, beside nothing at all.
        file_format: `csv`, `json` or `parquet`.

    Raises:
        BadData: the file cannot be read, or its header is another one.
    """
    report = Report(path)
    if file_format == "parquet":
        report.rows = _same_schema(path, columns, fixed=fixed)
        seen(report.rows)
        return report
    reader = READERS[file_format]
    names = _same_header(path, columns) if file_format == "csv" else [column.name for column in columns]
    wrong: list[int] = []
    ordinals: dict[int, str] = {}
    offset = 0
    for batch in reader.batches(path, names, nulls, wrong):
        for column, values in zip(columns, batch.columns, strict=True):
            _check_column(column, values, offset, ordinals, report, fixed)
        offset += batch.num_rows
        seen(batch.num_rows)
    report.rows = offset - len(ordinals)
    if wrong or ordinals:
        _find_lines(reader.rows(path, names), ordinals, report)
    return report


def names_of(paths: list[Path], file_format: str) -> list[str]:
    """Return the names of the columns: the first file's, or where each row names its own, those of all.

    Raises:
        BadData: a file cannot be read, or a name is none or comes twice.
    """
    if file_format == "csv":
        return header_of(paths[0])
    if file_format == "parquet":
        names = [name for name, _ in schema_of(paths[0])[0]]
    else:
        names = list(dict.fromkeys(name for path in paths for name in jsonlines.names_of(path)))
    try:
        check_header(names)
    except ValueError as error:
        raise BadData(f"{paths[0]}: {error}") from error
    return names


def peek(paths: list[Path], columns: list[Column], nulls: Sequence[str] = (), file_format: str = "csv") -> None:
    """Give `columns` the types that the first rows of each of `paths` have; VARCHAR where none has a value."""
    if file_format == "parquet":
        for column, (_, kind) in zip(columns, schema_of(paths[0])[0], strict=True):
            column.type = kind
        return
    for path in paths:
        names = _same_header(path, columns) if file_format == "csv" else [column.name for column in columns]
        with contextlib.suppress(StopIteration):
            first = next(READERS[file_format].batches(path, names, nulls, []))
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


def _same_schema(path: Path, columns: list[Column], *, fixed: bool) -> int:
    """Return the rows of a Parquet file.

    Raises:
        BadData: it has other columns than these, or where they are not `fixed`, other types.
    """
    schema, count = schema_of(path)
    expected = [(column.name, column.type) for column in columns]
    if fixed or None in [kind for _, kind in expected]:
        schema, expected = [(name, "") for name, _ in schema], [(name, "") for name, _ in expected]
    if schema != expected:
        there, wanted = (", ".join(f"{name} {kind}".strip() for name, kind in these) for these in (schema, expected))
        raise BadData(f"{path}: its columns are {there:.200}, but {wanted:.200} are expected.")
    return count


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
        with open_unpacked(path) as file:
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


class Reader(NamedTuple):
    """How the rows of a format are read: as columns of text, and with their lines."""

    batches: Callable[[Path, list[str], Sequence[str], list[int]], Iterator[Any]]
    rows: Callable[[Path, list[str]], Iterator[tuple[int, str | None]]]


READERS = {"csv": Reader(_batches, rows), "json": Reader(jsonlines.batches, jsonlines.rows)}


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


def _find_lines(found: Iterator[tuple[int, str | None]], ordinals: dict[int, str], report: Report) -> None:
    """Give the bad rows their lines, by reading the file once more."""
    ordinal = 0
    for line, problem in found:
        if problem is not None:
            report.bad[line] = problem
            continue
        if ordinal in ordinals:
            report.bad[line] = ordinals[ordinal]
        ordinal += 1


def columns_of(
    paths: list[Path], table: str, existing: list[Column], file_format: str = "csv"
) -> tuple[list[Column], list[str]]:
    """Return the columns of an existing table that the files' names mean, and the names of those that they leave out.

    Raises:
        BadData: the header and the table do not go together.
    """
    try:
        return matched(names_of(paths, file_format), table, existing)
    except ValueError as error:
        raise BadData(f"{paths[0]}: {error}") from error


def bad_rows(reports: list[Report], allowed: int) -> str:
    """Return the bad rows found so far, by file and line, and what can be done."""
    found = [f"  {report.path}:{line}: {reason}" for report in reports for line, reason in sorted(report.bad.items())]
    lines = [f"{len(found):,d} bad rows, and {allowed:,d} are allowed (--max-bad-rows):", *found[:MOST_SHOWN]]
    if len(found) > MOST_SHOWN:
        lines.append(f"  ... {len(found) - MOST_SHOWN:,d} more")
    return "\n".join(lines)
