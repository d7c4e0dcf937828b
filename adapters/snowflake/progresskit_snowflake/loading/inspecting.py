"""The modes that load nothing: an analysis of the files, and a check against a table."""

from __future__ import annotations

from pathlib import Path

from ..bars.progress import SnowflakeProgress
from ..copying import counted, in_one_line
from ..errors import LoadError
from ..files.opening import BadData
from ..files.quality import (
    MOST_SHOWN,
    Reading,
    Report,
    bad_rows,
    check,
    columns_of,
    doubt_of_header,
    guess_types,
    names_of,
    notes_of,
)
from ..sql.columns import Column
from ..sql.values import rule_for
from .session import Session


def validate(
    paths: list[Path],
    table: str,
    session: Session,
    progress: SnowflakeProgress,
    reading: Reading = Reading(),  # noqa: B008  # it never changes
    allowed: int = 0,
) -> str:
    """Check every row of `paths` against the columns of `table`, and return the report as lines.

    Raises:
        BadData: the header does not match the table, or more than `allowed` rows are bad.
        LoadError: the table does not exist.
    """
    existing = session.columns(table)
    if existing is None:
        raise LoadError(f"there is no table {table} to validate against.")
    reports: list[Report] = []
    unchecked: dict[str, str] = {}
    with progress.phase("Validation", unit="row") as bar:
        columns, left_out = columns_of(paths, table, existing, reading)
        unchecked |= {c.name: c.type or "" for c in columns if rule_for(c.type or "") is None}
        reports += [check(path, columns, bar.advance, fixed=True, reading=reading) for path in paths]
    bad = sum(len(report.bad) for report in reports)
    if bad > allowed:
        raise BadData(bad_rows(reports, allowed))
    rows = sum(report.rows for report in reports)
    lines = [f"{counted(rows)} {'fits' if rows == 1 else 'fit'} {table}."]
    notes = [f"{report.path}: {words}" for report in reports for words in report.notes] + notes_of(columns)
    lines += [f"  {in_one_line(words)}" for words in notes]
    if bad:
        lines.append(f"  {counted(bad, 'bad row')} would be left out")
    if left_out:
        lines.append(f"  columns left to their defaults: {', '.join(left_out):.300}")
    if unchecked:
        names = ", ".join(f"{name} ({kind})" for name, kind in unchecked.items())
        lines.append(f"  values not checked, since the check does not know their types: {names:.300}")
    return "\n".join(lines)


def analyze(paths: list[Path], progress: SnowflakeProgress, reading: Reading = Reading()) -> str:  # noqa: B008
    """Return lines about each of `paths`: rows, columns, types, missing values and ranges."""
    parts = []
    with progress.phase("Analysis", unit="row") as bar:
        for path in paths:
            columns = [Column(name) for name in names_of([path], reading)]
            if reading.file_format == "parquet":
                guess_types([path], columns, reading)
            report = check(path, columns, bar.advance, reading=reading, measured=True)
            doubt = doubt_of_header(path, columns, reading)
            parts.append(_described(report, columns) + (f"\n  {doubt}" if doubt else ""))
    return "\n\n".join(parts)


def _described(report: Report, columns: list[Column]) -> str:
    names = [in_one_line(column.name) for column in columns]
    width = max(map(len, names))
    counts = [counted(report.rows), counted(len(columns), "column"), counted(len(report.bad), "bad row")]
    lines = [f"{in_one_line(str(report.path))}: {', '.join(counts)}"]
    lines += [f"  {words}" for words in report.notes]
    for name, column in zip(names, columns, strict=True):
        low, high = report.ranges.get(column.name, ("", ""))
        span = f"{low} .. {high}" if column.name in report.ranges else ""
        nulls = report.nulls.get(column.name, 0)
        kind = column.type if report.rows > nulls else "empty"
        missing = f"{nulls:>8,d} null{' ' if nulls == 1 else 's'}"
        lines.append(f"  {name:<{width}}  {kind:<13}  {missing}  {span}")
    notes = notes_of(columns)
    notes += [f"{report.path}:{line}: {reason}" for line, reason in sorted(report.bad.items())[:MOST_SHOWN]]
    lines += [f"  {in_one_line(words)}" for words in notes]
    return "\n".join(lines)
