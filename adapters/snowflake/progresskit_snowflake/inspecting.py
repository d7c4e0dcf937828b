"""The modes that load nothing: what is in the files, and whether it fits a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .columns import Column
from .opening import BadData
from .progress import SnowflakeProgress
from .quality import Report, bad_rows, check, columns_of, names_of, peek
from .session import LoadError, Session
from .values import rule_for


def validate(
    paths: list[Path],
    table: str,
    session: Session,
    progress: SnowflakeProgress,
    nulls: Sequence[str] = (),
    allowed: int = 0,
    file_format: str = "csv",
) -> str:
    """Check every row of `paths` against the columns of `table`, and return what is to be said of it.

    Raises:
        BadData: the header does not go with the table, or more than `allowed` rows are bad.
        LoadError: there is no such table.
    """
    existing = session.columns(table)
    if existing is None:
        raise LoadError(f"there is no table {table} to validate against.")
    reports = []
    unchecked: dict[str, str] = {}
    with progress.phase("Validation", unit="row") as bar:
        for path in paths:
            columns, left_out = columns_of([path], table, existing, file_format)
            typed = file_format == "parquet"
            unchecked |= {c.name: c.type or "" for c in columns if typed or rule_for(c.type or "") is None}
            reports.append(check(path, columns, bar.advance, fixed=True, nulls=nulls, file_format=file_format))
    bad = sum(len(report.bad) for report in reports)
    if bad > allowed:
        raise BadData(bad_rows(reports, allowed))
    lines = [f"{sum(report.rows for report in reports):,d} rows fit {table}."]
    if bad:
        lines.append(f"  {bad:,d} bad rows would be left out")
    if left_out:
        lines.append(f"  columns left to their defaults: {', '.join(left_out):.300}")
    if unchecked:
        names = ", ".join(f"{name} ({kind})" for name, kind in unchecked.items())
        lines.append(
            f"  values not checked, since they have types of their own or ones that the check does not know: {names:.300}"
        )
    return "\n".join(lines)


def analyze(paths: list[Path], progress: SnowflakeProgress, nulls: Sequence[str] = (), file_format: str = "csv") -> str:
    """Return what is in `paths`: per file rows, columns, types, nulls and ranges."""
    parts = []
    with progress.phase("Analysis", unit="row") as bar:
        for path in paths:
            columns = [Column(name) for name in names_of([path], file_format)]
            if file_format == "parquet":
                peek([path], columns, file_format=file_format)
            report = check(path, columns, bar.advance, nulls=nulls, file_format=file_format)
            parts.append(_described(report, columns))
    return "\n\n".join(parts)


def _described(report: Report, columns: list[Column]) -> str:
    width = max(len(column.name) for column in columns)
    lines = [f"{report.path}: {report.rows:,d} rows, {len(columns)} columns, {len(report.bad):,d} bad rows"]
    for column in columns:
        low, high = report.ranges.get(column.name, ("", ""))
        span = f"{low} .. {high}" if column.name in report.ranges else ""
        nulls = report.nulls.get(column.name, 0)
        lines.append(f"  {column.name:<{width}}  {column.type or 'empty':<13}  {nulls:>8,d} nulls  {span}")
    return "\n".join(lines)
