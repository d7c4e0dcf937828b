"""The modes that load nothing: what is in the files, and whether it fits a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .columns import Column
from .progress import SnowflakeProgress
from .quality import BadData, Report, bad_rows, check, columns_of, header_of
from .session import LoadError, Session
from .values import rule_for


def validate(
    paths: list[Path], table: str, session: Session, progress: SnowflakeProgress, nulls: Sequence[str], allowed: int
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
            columns, left_out = columns_of(path, table, existing)
            unchecked |= {column.name: column.type or "" for column in columns if rule_for(column.type or "") is None}
            reports.append(check(path, columns, bar.advance, fixed=True, nulls=nulls))
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
        lines.append(f"  values not checked, whose types the check does not know: {names:.300}")
    return "\n".join(lines)


def analyze(paths: list[Path], progress: SnowflakeProgress, nulls: Sequence[str]) -> str:
    """Return what is in `paths`: per file rows, columns, types, nulls and ranges."""
    parts = []
    with progress.phase("Analysis", unit="row") as bar:
        for path in paths:
            columns = [Column(name) for name in header_of(path)]
            parts.append(_described(check(path, columns, bar.advance, nulls=nulls), columns))
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
