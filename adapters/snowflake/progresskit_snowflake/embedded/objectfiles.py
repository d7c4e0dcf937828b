"""The values of JSON and Parquet files, as COPY reads them: members or columns by name, or one whole object a row."""

from __future__ import annotations

from typing import Any, NamedTuple

from fakesnow import copy_into as theirs
from fakesnow.transforms import stage

from .target import FINER, KEPT, Column, Reject, aborted, copy_error, file_literal, quoted, text_literal


class _Source(NamedTuple):
    """The lines or rows of a file of objects, as SQL.

    Attributes:
        table: The table to select from.
        values: The expression for each column's text.
        valid: The expression that tells whether a line is valid.
        empty: The expression that tells whether it is blank.
        text: The expression for its text; NULL for Parquet.
    """

    table: str
    values: list[str]
    valid: str
    empty: str
    text: str


def read_objects(
    connection: Any, reader: Any, match: str, columns: list[Column], table: str, path: str
) -> tuple[int, Reject | None]:
    """Read JSON lines or Parquet: each column as the text of its values, and as the target's type."""
    raw = f"{table}_raw"
    whole = len(columns) == 1 and columns[0].type == "JSON" and match == "NONE"
    parquet = isinstance(reader, theirs.ReadParquet)
    if not whole and match == "NONE":
        raise copy_error(
            f"SQL compilation error:\n{'PARQUET' if parquet else 'JSON'} file format can produce one and only one column of type "
            "variant, object, or array. Load data into separate columns using the MATCH_BY_COLUMN_NAME copy option or copy with "
            "transformation.",
            2019,
            "0A000",
        )
    read = _parquet_source(connection, match, columns, path) if parquet else _json_source(match, columns, path)
    listed = ", ".join(f"{value} AS {quoted(column.name)}" for value, column in zip(read.values, columns, strict=True))
    checks = (
        f"SELECT row_number() OVER () AS progresskit_line, {read.valid} AS progresskit_valid, "
        f"{read.empty} AS progresskit_empty, {read.text} AS progresskit_text"
    )
    try:
        connection.execute(f"CREATE TEMP TABLE {raw} AS {checks}, {listed} FROM {read.table}")
    except Exception as error:
        if "Invalid string encoding" not in str(error):
            raise
        invalid = Reject("Invalid UTF8 detected in string", None, None, None, 100144, "22000")
        raise aborted(stage.internal_file_name(path), invalid) from error
    casts = _casts(connection, raw, columns, typed=parquet)
    wrong = " OR ".join(f"({quoted(name)} IS NOT NULL AND {cast} IS NULL)" for name, cast in casts.items())
    taken = ", ".join(f"{cast} AS {quoted(name)}" for name, cast in casts.items())
    fit = f"progresskit_valid AND NOT ({wrong})"
    connection.execute(
        f"CREATE TEMP TABLE {table} AS SELECT {taken} FROM temp.{raw} WHERE {fit} AND NOT progresskit_empty"
    )
    misfits = f"temp.{raw} WHERE NOT coalesce({fit}, false) AND NOT progresskit_empty"
    (bad,) = connection.execute(f"SELECT count(*) FROM {misfits}").fetchall()[0]
    first = _first_misfit(connection, misfits, columns, casts) if bad else None
    connection.execute(f"DROP TABLE temp.{raw}")
    return bad, first


def _parquet_source(connection: Any, match: str, columns: list[Column], path: str) -> _Source:
    """Return the rows of a Parquet file, or with `match` NONE, each row as a JSON object."""
    if (cut := _cut_moment(path)) is not None:
        raise aborted(stage.internal_file_name(path), cut)
    there = [
        row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM read_parquet({file_literal(path)})").fetchall()
    ]
    if match == "NONE":
        packed = ", ".join(f"{text_literal(name)}, {quoted(name)}" for name in there)
        values = [f"json_object({packed})"]
    else:
        key = str if match == "CASE_SENSITIVE" else str.upper
        fields = {key(name): quoted(name) for name in there}
        values = [fields.get(key(column.name), "NULL") for column in columns]
    return _Source(f"read_parquet({file_literal(path)})", values, "true", "false", "NULL")


def _json_source(match: str, columns: list[Column], path: str) -> _Source:
    """Return the lines of a JSON file: their members, or with `match` NONE, each whole line."""
    settings = (
        "columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, sep = '\x01', quote = '', escape = ''"
    )
    values = ["line"] if match == "NONE" else [_member(column.name, match) for column in columns]
    read = (
        "line" if match == "NONE" else "CASE WHEN json_valid(line) THEN line END AS line"
    )  # other lines have no members
    lines = f"(SELECT {read}, line AS text FROM read_csv({file_literal(path)}, {settings}))"
    return _Source(lines, values, "json_valid(text)", "text IS NULL", "text")


def _casts(connection: Any, raw: str, columns: list[Column], *, typed: bool) -> dict[str, str]:
    """Return, for each column's name, the expression that casts its value in the table `raw` to the target's type.

    Args:
        connection: The connection that has the table.
        raw: The table.
        columns: The target's columns.
        typed: Whether the values have types of their own, as in Parquet: a text is then no JSON document, but a text.
    """
    kinds = {column.name: column.type for column in columns}
    casts = {column.name: _held(f"TRY_CAST({quoted(column.name)} AS {column.type})", column) for column in columns}
    for name, kind in connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE temp.{raw})").fetchall():
        # DuckDB's own tables keep microseconds: a value that it would round is rejected.
        if kind in ("TIMESTAMP_NS", "TIME_NS"):
            exact = f"TRY_CAST({casts[name]} AS {kind}) = {quoted(name)}"
            casts[name] = f"CASE WHEN {exact} THEN {casts[name]} END"
        if typed and kind == "VARCHAR" and kinds.get(name) == "JSON":
            casts[name] = f"to_json({quoted(name)})"
        if kind == "UUID" and kinds.get(name) == "BLOB":  # Parquet has it as 16 bytes
            casts[name] = f"unhex(replace(CAST({quoted(name)} AS VARCHAR), '-', ''))"
    return casts


def _held(cast: str, column: Column) -> str:
    """Return a cast that is NULL too for what the target's type holds in DuckDB, but not in the service."""
    if column.length is not None:
        return f"CASE WHEN length({cast}) <= {column.length} THEN {cast} END"
    if column.type == "DATE" or column.type.startswith("TIMESTAMP"):
        return f"CASE WHEN year({cast}) BETWEEN 1 AND 9999 THEN {cast} END"
    return f"CASE WHEN {cast} < TIME '24:00:00' THEN {cast} END" if column.type == "TIME" else cast


def _first_misfit(connection: Any, misfits: str, columns: list[Column], casts: dict[str, str]) -> Reject:
    """Return the first of the rows that `misfits` selects from, as the service reports it."""
    names = [column.name for column in columns]
    texts = ", ".join(f"CAST({quoted(name)} AS VARCHAR), {casts[name]} IS NULL" for name in names)
    line, is_valid, text, *pairs = connection.execute(
        f"SELECT progresskit_line, progresskit_valid, progresskit_text, {texts} FROM {misfits} ORDER BY progresskit_line LIMIT 1"
    ).fetchall()[0]
    if not is_valid:
        return Reject(f"Error parsing JSON: {str(text)[:80]}", line, 1, None, 100069, "22P02")
    at = next(n for n in range(len(names)) if pairs[2 * n] is not None and pairs[2 * n + 1])
    value = str(pairs[2 * at])
    words = f"Failed to cast value '{value[:80]}' to {columns[at].type}" + (f": {KEPT}" if FINER.search(value) else "")
    return Reject(words, line, None, names[at], 100071, "22000")


def _member(name: str, match: str) -> str:
    """Return the SQL expression for the member of a line's object that belongs to a column."""
    same = f"k = {text_literal(name)}" if match == "CASE_SENSITIVE" else f"upper(k) = upper({text_literal(name)})"
    key = f"list_filter(json_keys(line), lambda k: {same})[1]"
    pointer = f"'/' || replace(replace({key}, '~', '~0'), '/', '~1')"
    return f"CASE WHEN json_type(line) = 'OBJECT' THEN json_extract_string(line, {pointer}) END"


def _cut_moment(path: str) -> Reject | None:
    """Return the place of a timestamp of 96 bits in a Parquet file that has nanoseconds, which DuckDB would truncate; None if there
    is none."""
    import pyarrow
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file, pq.ParquetFile(path, coerce_int96_timestamp_unit="us") as coarse:
        for at in range(len(file.schema)):
            column = file.schema.column(at)
            if column.physical_type != "INT96" or column.path != column.name:
                continue
            seen = 0
            pairs = zip(
                file.iter_batches(columns=[column.name]), coarse.iter_batches(columns=[column.name]), strict=True
            )
            for fine, whole in pairs:
                # Outside the years that 64 bits of nanoseconds hold, only microseconds are known.
                far = pc.not_equal(pc.year(fine.column(0)), pc.year(whole.column(0)))
                left = pc.not_equal(pc.nanosecond(fine.column(0)), 0)
                row = pc.index(pc.and_not(left, far), True).as_py()
                if row >= 0:
                    text = fine.column(0).cast(pyarrow.string())[row].as_py()
                    words = f"Failed to cast value '{text}' to TIMESTAMP: {KEPT}"
                    return Reject(words, seen + row + 1, None, column.name, 100071, "22000")
                seen += len(left)
    return None
