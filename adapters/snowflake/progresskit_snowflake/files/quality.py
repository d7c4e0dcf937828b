"""The check of every row of a file: its records, whether their values fit, and the types of a new table.

Uses the records of the only reading of a file, and reports bad rows by line. A Parquet file has types: the check reads its footer,
and those values that may not fit the table's types.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..copying import counted, in_one_line
from ..sql.columns import Column, check_header, folded, matched, order_of
from ..sql.guessing import TEXT, WHOLE, Guess, first_rounded, is_alike, reason_of_text
from ..sql.values import Rule, is_float, rule_for
from .dialects import Dialect
from .fitting import hold_to, hold_to_calendar, hold_to_limits
from .footers import schema_of
from .inner_rows import inner_row
from .jsonlines import JsonReader
from .opening import BadData, Identity, identity
from .ranges import Ranges
from .records import Chunk, CsvReader

MOST_SHOWN = 20
"""The most bad rows that are shown; all are counted."""
DOCUMENTS = ("VARIANT", "OBJECT", "ARRAY")
"""Types whose values are JSON."""
Reader = CsvReader | JsonReader


@dataclass(frozen=True)
class Reading:
    """How files are read.

    Attributes:
        file_format: `csv`, `json` or `parquet`.
        dialect: The given parts of the CSV files' dialect; the others are detected.
        nulls: The texts that mean a missing value, in addition to the empty field.
    """

    file_format: str = "csv"
    dialect: Dialect = field(default_factory=Dialect)
    nulls: tuple[str, ...] = ()

    def open(self, path: Path, columns: Sequence[Column] = ()) -> Reader:
        """Open a CSV or JSON file for its only reading.

        Raises:
            BadData: it cannot be read, or its dialect is ambiguous.
        """
        if self.file_format == "json":
            documents = frozenset(c.name for c in columns if (c.type or "").partition("(")[0] in DOCUMENTS)
            exact = frozenset(column.name for column in columns if column.exact)
            return JsonReader(path, [column.name for column in columns] or None, self.nulls, documents, exact)
        return CsvReader(path, self.dialect, self.nulls, len(columns) or None)


@dataclass(slots=True)
class Report:
    """The result of the check of one file.

    Attributes:
        path: The file.
        rows: The number of good rows.
        bad: Line -> the reason why the row that begins there is bad.
        left_out: The numbers of the readable records that are bad.
        digest: The digest of the file's decompressed bytes.
        identity: The file's identity before it was read.
        as_is: Whether the whole file is in canonical form, or needs only other line ends or delimiters.
        proofs: What the reading has proved about the file's blocks.
        blank_lines: The number of blank lines, which are no rows.
        notes: Notes about how it was read, unless that was as usual.
        nulls: Column -> the number of missing values.
        ranges: Column -> the smallest and the largest value.
    """

    path: Path
    rows: int = 0
    bad: dict[int, str] = field(default_factory=dict)
    left_out: list[int] = field(default_factory=list)
    digest: str = ""
    identity: Identity | None = None
    as_is: bool = False
    proofs: list[tuple[int, bool]] = field(default_factory=list)
    blank_lines: int = 0
    notes: list[str] = field(default_factory=list)
    nulls: dict[str, int] = field(default_factory=dict)
    ranges: dict[str, tuple[Any, Any]] = field(default_factory=dict)


def check(
    path: Path,
    columns: list[Column],
    seen: Callable[[int], None],
    *,
    fixed: bool = False,
    reading: Reading = Reading(),  # it never changes
    measured: bool = False,
    footer: bool = False,
) -> Report:
    """Check every row of the file against `columns`, whose types are found or widened unless they are `fixed`.

    Args:
        path: The file. The values of a Parquet file are read only if they may not fit the column's type.
        columns: The columns of the load; their types may change.
        seen: Called with the number of rows of each block.
        fixed: Whether the types are the target's.
        reading: How the file is read.
        measured: Whether the ranges of the values are found too.
        footer: Whether only the footer of a Parquet file is read.

    Raises:
        BadData: the file cannot be read, has another header, or changed meanwhile.
    """
    before = identity(path)
    report = Report(path, identity=before)
    if reading.file_format == "parquet":
        report.rows = _same_schema(path, columns, fixed=fixed)
        if not footer:
            hold_to_calendar(path)
            hold_to_limits(path)
        held = [column for column in columns if fixed or column.given]
        if held and not footer:
            hold_to(
                path,
                columns if fixed else [replace(one, type=one.type if one.given else "") for one in columns],
                _misses,
            )
        unchanged(path, before)
        seen(report.rows)
        return report
    ranges = Ranges()
    with reading.open(path, columns) as reader:
        order = ordered(reader, columns)
        report.as_is = order == sorted(order)
        inner = ""
        for chunk in reader.chunks():
            wrong: dict[int, str] = {}
            for column, at in zip(columns, order, strict=True):
                values = chunk.texts[at]
                report.nulls[column.name] = report.nulls.get(column.name, 0) + values.null_count
                _check(column, values, chunk, wrong, path, fixed=fixed or column.given, stringy=at in chunk.stringy)
                if measured:
                    ranges.add(column.name, column.guess.kind, values)
            report.bad |= chunk.bad
            if wrong:
                lines = chunk.lines
                for row, reason in sorted(wrong.items()):
                    report.bad[lines[row]] = reason
                    report.left_out.append(chunk.first + row)
            if chunk.has_long_rows and isinstance(reader, CsvReader) and not inner:
                inner = inner_row(chunk, reader.names, reader.dialect.delimiter)
            report.as_is = report.as_is and chunk.canonical is not None and not wrong
            report.rows += chunk.rows - len(wrong)
            seen(chunk.rows)
        report.digest, report.blank_lines = reader.digest, reader.blank_lines
        report.notes = reader.notes + ([inner] if inner else [])
        report.proofs = reader.proofs if isinstance(reader, CsvReader) else []
    unchanged(path, before)
    if not fixed:
        _settle(columns)
    if measured:
        report.ranges = ranges.found({column.name: column.type or TEXT for column in columns})
    return report


def doubt_of_header(path: Path, columns: Sequence[Column], reading: Reading) -> str:
    """Return a warning if the header may be a row, because each name above numbers is a number too; otherwise an empty text.

    Args:
        path: The first file. Its first rows say what is in columns about which the check says nothing.
        columns: The columns, after the check if there was one.
        reading: How it was read.

    Raises:
        BadData: the name of a column of dates or timestamps is one too, which no header has.
    """
    if reading.file_format != "csv" or not reading.dialect.header:
        return ""
    kinds = {column.name: column.guess.kind for column in columns}
    if None in kinds.values():
        first = [Column(name) for name in kinds]
        _guess_first_rows(path, first, reading)
        kinds = {column.name: kinds[column.name] or column.guess.kind for column in first}
    named = {name: kind for name, kind in kinds.items() if kind not in (None, TEXT)}
    if not named or not all(is_alike(name, kind) for name, kind in named.items()):
        return ""
    shown = f"{', '.join(column.name for column in columns):.100}"
    for name, kind in named.items():
        if not is_alike(name, WHOLE):
            raise BadData(
                f"{path}: its header is {shown}, and {name} stands above values of the type {kind}: it seems to be a row, so give "
                "--no-header; or --skip-lines 1 --no-header, if it is the header."
            )
    if list(named) == [str(number) for number in range(len(columns))]:  # pandas numbers columns like this
        return ""
    return f"{path}: its header is {shown}: where that is a row, it is missing, and --no-header loads it"


def unchanged(path: Path, before: Identity) -> None:
    """Raise BadData if the file is not the one that `before` identifies, or has changed."""
    if identity(path) != before:
        raise BadData(f"{path} changed while it was read: load it when nobody writes to it any more.")


def ordered(reader: Reader, columns: Sequence[Column]) -> list[int]:
    """Return the position of each of `columns` in the file.

    Raises:
        BadData: the file has other columns.
    """
    names = [column.name for column in columns]
    if isinstance(reader, CsvReader) and not reader.dialect.header:
        return list(range(len(names)))
    try:
        check_header(reader.names)
    except ValueError as error:
        raise BadData(f"{reader.path}: {error}") from error
    order = order_of(reader.names, names)
    if order is None:
        what = "load files of other columns by themselves"
        if len(reader.names) == len(names) and not {*map(folded, reader.names)} & {*map(folded, names)}:
            what += "; or join it to the file before, where it is a part of one and begins with a row"
        raise BadData(
            f"{reader.path}: its header is {', '.join(reader.names):.200}, but {', '.join(names):.200} is expected: {what}."
        )
    return order


def names_of(paths: list[Path], reading: Reading = Reading()) -> list[str]:  # it never changes
    """Return the names of the columns: the first file's or, for a format whose rows name their columns, those of all files.

    Raises:
        BadData: a file cannot be read, or a name is empty or repeated.
    """
    if reading.file_format == "parquet":
        names = [name for name, _ in schema_of(paths[0])[0]]
    elif reading.file_format == "json":
        members: dict[str, str] = {}
        for path in paths:
            with reading.open(path) as reader:
                for name in reader.names:
                    members.setdefault(folded(name), name)
        names = list(members.values())
    else:
        with reading.open(paths[0]) as reader:
            names = reader.names
    try:
        check_header(names)
    except ValueError as error:
        raise BadData(f"{paths[0]}: {error}") from error
    return names


def guess_types(paths: list[Path], columns: list[Column], reading: Reading = Reading()) -> None:
    """Set the types of `columns` by the first rows of each of `paths`; VARCHAR for a column without values there."""
    if reading.file_format == "parquet":
        kinds = dict(schema_of(paths[0])[0])
        for column in columns:
            column.type = column.type if column.given else kinds[column.name]
        return
    for path in paths:
        _guess_first_rows(path, columns, reading)
    _settle(columns)
    for column in columns:
        column.guess = Guess()  # the check sees the first rows again, and notes where a column became text


def _guess_first_rows(path: Path, columns: Sequence[Column], reading: Reading) -> None:
    """Add the first rows of a CSV or JSON file to the guesses of columns without a given type."""
    with reading.open(path, columns) as reader:
        order = ordered(reader, columns)
        for chunk in reader.chunks():
            for column, at in zip(columns, order, strict=True):
                if not column.given:
                    column.guess.add(chunk.texts[at], stringy=at in chunk.stringy)
            break


def _settle(columns: Sequence[Column]) -> None:
    """Set the types of columns by the values that have been seen so far."""
    for column in columns:
        if not column.given:
            column.type = column.guess.type or TEXT
            if column.type != TEXT:
                column.note = ""  # it was text only because of a plus sign, and now there is a minus sign


def _same_schema(path: Path, columns: list[Column], *, fixed: bool) -> int:
    """Return the rows of a Parquet file.

    Raises:
        BadData: it has other columns, or other types unless they are `fixed`.
    """
    schema, count = schema_of(path)
    order = order_of([name for name, _ in schema], [column.name for column in columns])
    if order is None:
        there, wanted = ", ".join(name for name, _ in schema), ", ".join(column.name for column in columns)
        raise BadData(f"{path}: its columns are {there:.200}, but {wanted:.200} are expected: load it by itself.")
    for column, at in zip(columns, order, strict=True):
        kind = schema[at][1]
        if not fixed and not column.given and column.type not in (None, kind):
            raise BadData(
                f"{path}: its column {column.name} is {kind}, but {column.type} in the files before: give --type "
                f"'{column.name}=...' with a type that holds both, or load it by itself."
            )
    return count


def _check(
    column: Column, values: Any, chunk: Chunk, wrong: dict[int, str], path: Path, *, fixed: bool, stringy: bool
) -> None:
    """Check the values of one column, and add the rows whose value does not fit to `wrong`."""
    import pyarrow.compute as pc

    if values.null_count and not column.nullable:
        for at in pc.indices_nonzero(pc.is_null(values)).to_pylist():
            wrong.setdefault(at, f"{column.name} has no value, and must have one")
    if values.null_count == len(values):
        return
    rule = rule_for(column.type or TEXT) if fixed else _TEXT
    if not fixed:
        had_plus = column.guess.plus is not None
        at = column.guess.add(values, stringy=stringy)
        if at is None and column.guess.plus is not None and not had_plus:
            at = column.guess.plus
        if at is not None and not column.note:
            text = values[at].as_py()
            why = reason_of_text(text, column.guess.before)
            column.note = f"{path}:{chunk.lines[at]} has {text!r:.60}, which {why}{_missing(text)}"
        if column.guess.type != TEXT and column.guess.plus is None:
            column.note = ""
    if rule is None:
        return
    if fixed and is_float(column.type or "") and not column.rounded:
        at = first_rounded(values)
        if at is not None:
            text = values[at].as_py()
            column.rounded = f"{path}:{chunk.lines[at]} has {text!r:.60}, and {float(text)!r} is what it keeps"
    for at in _misses(values, rule):
        text = values[at].as_py()
        shown = f"{text!r:.60}" if len(text) <= 1_000 else f"{len(text.encode()):,d} bytes long"
        wrong.setdefault(at, f"{column.name} is {shown}, which is no {column.type or TEXT}{_missing(text)}")


def _missing(text: str) -> str:
    """Return the reason for an empty text that is no value."""
    return " (give --empty null where it is missing)" if text == "" else ""


_TEXT = rule_for("VARCHAR")
"""The checks of a new table's columns: any text is a value, unless it is too long."""


def _misses(values: Any, rule: Rule) -> list[int]:
    """Return the positions of those of `values` that are no values of any type."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if rule.most is not None:  # a text has at most as many characters as bytes, so the sizes nearly always suffice
        if pc.max(pc.binary_length(values)).as_py() <= rule.most:
            return []
        lengths = (pc.binary_length if rule.in_bytes else pc.utf8_length)(values)
        found: list[int] = pc.indices_nonzero(pc.greater(lengths, rule.most)).to_pylist()
        return found
    if pa.types.is_string(values.type) and not rule.pattern:
        return []
    others = pc.indices_nonzero(pc.invert(pc.match_substring_regex(values, rule.pattern))).to_pylist()
    return [at for at in others if not rule.settle(values[at].as_py())]


def columns_of(
    paths: list[Path],
    table: str,
    existing: list[Column],
    reading: Reading = Reading(),  # it never changes
) -> tuple[list[Column], list[str]]:
    """Return the columns of an existing table that match the files' names, and the names of the table's other columns.

    A file without a header has all of the table's columns, in the table's order.

    Raises:
        BadData: the header does not match the table.
    """
    if reading.file_format == "csv" and not reading.dialect.header:
        return matched([column.name for column in existing], table, existing)
    try:
        return matched(names_of(paths, reading), table, existing)
    except ValueError as error:
        raise BadData(f"{paths[0]}: {error}") from error


def notes_of(columns: Sequence[Column]) -> list[str]:
    """Return what the summary says of the columns: which became text, which drop digits, and which new ones have odd names."""
    texts = [f"{column.name} is text: {column.note}" for column in columns if column.note]
    rounded = [f"{column.name} is {column.type}: {column.rounded}" for column in columns if column.rounded]
    new = [column.name for column in columns if not column.target]
    odd = {name: "line end" if "\n" in name else "blank" for name in new if name != name.strip() or "\n" in name}
    called = [f"a column is called {name!r}, with the {what}, as in the header" for name, what in odd.items()]
    return texts + rounded + called


def bad_rows(reports: list[Report], allowed: int) -> str:
    """Return the bad rows so far, by file and line, and what the user can do."""
    found = [f"{report.path}:{line}: {reason}" for report in reports for line, reason in sorted(report.bad.items())]
    lines = [f"{counted(len(found), 'bad row')}, with {allowed:,d} allowed (--max-bad-rows):"]
    lines += [f"  {in_one_line(words)}" for words in found[:MOST_SHOWN]]
    if len(found) > MOST_SHOWN:
        lines.append(f"  ... {len(found) - MOST_SHOWN:,d} more")
    return "\n".join(lines)
