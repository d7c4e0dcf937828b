"""COPY INTO a table from an internal stage, as the service executes it: errors by file, line and column, and ON_ERROR.

fakesnow's own COPY stops at the first error, after a part of the rows has been inserted. Here each file is first read into a table
of its own, without the rows that DuckDB cannot convert. Then the statement decides which rows are loaded, and loads all of them or
none. Line numbers are those of the file. Not supported: VALIDATION_MODE, SIZE_LIMIT, COPY with a transformation other than
fakesnow's, formats other than CSV, JSON (an object a line) and Parquet, dates and timestamps that are not in ISO 8601. `csvvalues`
and `objectfiles` read the files.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import re
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fakesnow import copy_into as theirs
from fakesnow.params import pop_qmark_param
from fakesnow.transforms import stage
from fakesnow.transforms.file_format import lookup_file_format
from fakesnow.transforms.options import parse_options
from sqlglot import exp

from .csvfiles import CsvFormat, FormatError, csv_format
from .csvvalues import read_csv, values_of
from .objectfiles import read_objects
from .target import Column, Reject, aborted, copy_error, quoted

COLUMNS = (
    "file",
    "status",
    "rows_parsed",
    "rows_loaded",
    "error_limit",
    "errors_seen",
    "first_error",
    "first_error_line",
    "first_error_character",
    "first_error_column_name",
)
"""The columns of COPY's result."""
HISTORY = "_fs_information_schema._fs_load_history"
LENGTHS = "_fs_global._fs_information_schema._fs_columns_ext"
"""The table in which fakesnow keeps the lengths of texts, which DuckDB does not keep."""
_ON_ERROR = re.compile(r"ABORT_STATEMENT|CONTINUE|SKIP_FILE(?:_(\d+)(%?))?")


class Batch(NamedTuple):
    """A file that has been read: a temporary table or view of its good rows, and the errors of the others."""

    path: str
    table: str
    good: int
    bad: int
    first: Reject | None


class Options(NamedTuple):
    """The options of the statement other than the format."""

    on_error: str
    limit: int | None
    percent: bool
    purge: bool
    force: bool
    pattern: str | None


def copy(
    connection: Any,
    database: str | None,
    schema: str | None,
    expression: exp.Copy,
    table_stages: Any,
    params: Any = None,
) -> str:
    """Execute a COPY and return the statement that yields its result. Replaces fakesnow's function, and has its arguments.

    Raises:
        ProgrammingError: an error in a file or in the statement.
    """
    expression = _plain(expression, params)
    options = _options(expression)
    csv = _csv(connection, database, schema, expression)
    names = ("ON_ERROR", "PURGE", "FORCE", "PATTERN", *(("FILE_FORMAT",) if csv else ()))
    without = _without(expression, *names)
    origin = theirs._from_source(expression)
    if not origin.startswith("@") or isinstance(expression.args["files"][0], exp.Subquery):
        if options.on_error != "ABORT_STATEMENT":
            raise NotImplementedError("ON_ERROR with a transformation, or from another place than a stage")
        return str(theirs.copy_into(connection, database, schema, expression, table_stages, params))
    arguments = theirs._params(without, params, duck_conn=connection, current_database=database, current_schema=schema)
    target = theirs._extract_table(expression.this)
    names = (target.catalog or database, target.db or schema, target.name)
    columns = _chosen(_columns(connection, names), expression.this)
    source = theirs.stage_url_from_var(origin[1:], connection, database, schema, table_stages, target)
    paths = _paths(source, arguments.files, options.pattern)
    # In the current transaction; if there is none, in one of the statement's own.
    own = _transaction(connection) != _transaction(connection)
    if own:
        connection.begin()
    made: list[str] = []
    try:
        with contextlib.ExitStack() as views:
            read = functools.partial(_read, connection, arguments, csv, columns, made, views)
            results = _load(connection, names, columns, paths, options, read)
            for name in made:
                connection.execute(f"DROP TABLE temp.{name}")
        if own:
            connection.commit()
    except BaseException:
        if own:
            connection.rollback()
        raise
    if options.purge:
        for path, result in zip(paths, results, strict=True):
            if result[1] == "LOADED":
                Path(path).unlink(missing_ok=True)
    statement = _result(results)
    connection.execute(statement)
    return statement


def _plain(expression: exp.Copy, params: Any) -> exp.Copy:
    """Return the statement in a form that fakesnow accepts: without bound parameters, and without quotes around a stage in a
    transformation.

    `write_pandas` writes both, as `FROM (SELECT ... FROM '@stage') ... ON_ERROR=?`. Bound values are removed from `params`, because
    the statement that yields the result has no parameters.
    """
    plain = expression.copy()
    if isinstance(params, list):
        for placeholder in list(plain.find_all(exp.Placeholder)):
            placeholder.replace(exp.Literal.string(str(pop_qmark_param(params, plain, placeholder))))
    for table in plain.find_all(exp.Table):
        if isinstance(table.this, exp.Literal) and table.this.name.startswith("@"):
            table.set("this", exp.Var(this=table.this.name))
    return plain


def _csv(connection: Any, database: str | None, schema: str | None, expression: exp.Copy) -> CsvFormat | None:
    """Return the CSV format of the statement; None if its files have another format."""
    given = [one for one in expression.args.get("params") or [] if one.this.name.upper() == "FILE_FORMAT"]
    options = parse_options(given[0].expressions) if given else {}
    if named := options.pop("FORMAT_NAME", None):
        options = {**lookup_file_format(connection, str(named), database, schema), **options}
    options.pop("COMMENT", None)
    if str(options.get("TYPE", "CSV")).upper() != "CSV":
        return None
    try:
        return csv_format(options)
    except (FormatError, ValueError) as error:
        raise copy_error(f"SQL compilation error:\n{error}", 1008, "22023") from None


def _options(expression: exp.Copy) -> Options:
    values: dict[str, str] = {}
    for parameter in expression.args.get("params") or []:
        value = parameter.expression
        values[parameter.this.name.upper()] = "" if value is None else value.name or str(value.this)
    on_error = values.get("ON_ERROR", "ABORT_STATEMENT").upper()
    match = _ON_ERROR.fullmatch(on_error)
    if match is None:
        raise copy_error(f"SQL compilation error:\ninvalid value [{on_error}] for parameter 'ON_ERROR'", 1008, "22023")
    limit = None if match[1] is None else int(match[1])
    flags = [values.get(name, "FALSE").upper() == "TRUE" for name in ("PURGE", "FORCE")]
    kind = on_error if limit is None else "SKIP_FILE"
    return Options(kind, limit, match[2] == "%", flags[0], flags[1], values.get("PATTERN"))


def _without(expression: exp.Copy, *names: str) -> exp.Copy:
    plain = expression.copy()
    plain.set("params", [one for one in plain.args.get("params") or [] if one.this.name.upper() not in names])
    return plain


def _transaction(connection: Any) -> int:
    """Return the number of the transaction: a new one each time, if none is open."""
    return int(connection.execute("SELECT txid_current()").fetchall()[0][0])


def _columns(connection: Any, names: Sequence[str | None]) -> list[Column]:
    found = connection.execute(
        "SELECT column_name, data_type, is_nullable, ext_character_maximum_length FROM duckdb_columns() "
        f"LEFT JOIN {LENGTHS} ON ext_table_catalog = database_name AND ext_table_schema = schema_name "
        "AND ext_table_name = table_name AND ext_column_name = column_name "
        "WHERE table_name = ? AND ((database_name = ? AND schema_name = ?) OR database_name = 'temp') "
        "ORDER BY column_index",
        [names[2], names[0], names[1]],
    ).fetchall()
    if not found:
        raise copy_error(
            f"SQL compilation error:\nTable '{'.'.join(map(str, names))}' does not exist or not authorized.", 2003
        )
    views = "SELECT 1 FROM duckdb_views() WHERE view_name = ? AND database_name = ? AND schema_name = ?"
    if connection.execute(views, [names[2], names[0], names[1]]).fetchall():
        raise copy_error("Object found is of type 'VIEW', not specified type 'TABLE'.", 2203, "02000")
    return [Column(*row) for row in found]


def _chosen(columns: list[Column], target: Any) -> list[Column]:
    """Return the columns that the statement names, in its order; all columns if it names none."""
    if not isinstance(target, exp.Schema):
        return columns
    known = {column.name: column for column in columns}
    return [known[column.name] for column in target.expressions]


def _paths(source: str, files: list[str], pattern: str | None) -> list[str]:
    if files:
        paths = [f"{source.rstrip('/')}/{file}" for file in files]
        for file, path in zip(files, paths, strict=True):
            if not Path(path).is_file() or not stage.is_internal(str(Path(path).resolve())):
                message = f"Remote file '{file}' was not found. There are several potential causes."
                raise copy_error(message, 91016, "22000")
        return list(dict.fromkeys(paths))
    database, schema, name, *_ = Path(source).relative_to(stage.LOCAL_BUCKET_PATH).parts
    root = Path(stage.LOCAL_BUCKET_PATH, database, schema, name)
    found = sorted(str(path) for path in root.rglob("*") if path.is_file() and str(path).startswith(source))
    return [path for path in found if pattern is None or re.fullmatch(pattern, path[len(str(root)) + 1 :])]


def _load(
    connection: Any,
    names: Sequence[Any],
    columns: list[Column],
    paths: list[str],
    options: Options,
    read: Callable[[str], Batch],
) -> list[tuple[Any, ...]]:
    """Read all files, decide about each, and insert the rows to be loaded."""
    results: list[tuple[Any, ...]] = []
    batches: list[Batch] = []
    # The service names the column of an error like this: "T"["A":1].
    places = {column.name: f"{quoted(str(names[2]))}[{quoted(column.name)}:{n}]" for n, column in enumerate(columns, 1)}
    loaded = _loaded(connection, names)
    for path in paths:
        file = stage.internal_file_name(path)
        if not options.force and path in loaded and loaded[path] >= Path(path).stat().st_mtime:
            words = "File was loaded before."
            results.append((file, "LOAD_SKIPPED", 0, 0, None, 1, words, None, None, None))
            continue
        batch = read(path)
        if batch.first is not None and batch.first.column is not None:
            batch = batch._replace(first=batch.first._replace(column=places[batch.first.column]))
        if batch.first is not None and options.on_error == "ABORT_STATEMENT":
            raise aborted(file, batch.first)
        is_loaded = _is_loaded(batch, options)
        if is_loaded:
            batches.append(batch)
        results.append(_file_result(file, batch, options, is_loaded))
    listed = ", ".join(map(quoted, places))
    where = ".".join(quoted(str(name)) for name in names)
    for batch in batches:
        connection.execute(f"INSERT INTO {where} ({listed}) SELECT {listed} FROM temp.{batch.table}")
    _remember(connection, names, {stage.internal_file_name(batch.path): batch.path for batch in batches}, results)
    return results


def _is_loaded(batch: Batch, options: Options) -> bool:
    """Return whether the good rows of a file are to be loaded."""
    if not batch.bad or options.on_error == "CONTINUE":
        return True
    if options.limit is None:
        return False
    return batch.bad < (options.limit * (batch.good + batch.bad) / 100 if options.percent else options.limit)


def _file_result(file: str, batch: Batch, options: Options, is_loaded: bool) -> tuple[Any, ...]:
    parsed, loaded = batch.good + batch.bad, batch.good if is_loaded else 0
    status = "LOADED" if not batch.bad else "PARTIALLY_LOADED" if loaded else "LOAD_FAILED"
    limit = parsed if options.on_error == "CONTINUE" else options.limit or 1
    first = batch.first or Reject(None, None, None, None, 0, "")  # type: ignore[arg-type]  # there is none
    return (file, status, parsed, loaded, limit, batch.bad, first.message, first.line, first.character, first.column)


def _read(
    connection: Any,
    arguments: Any,
    csv: CsvFormat | None,
    columns: list[Column],
    made: list[str],
    views: contextlib.ExitStack,
    path: str,
) -> Batch:
    """Read one file into a table of its own, whose name is added to `made`, or into a view, which `views` closes."""
    table = f"progresskit_{secrets.token_hex(8)}"
    values = None if csv is None else values_of(connection, csv, columns, path)
    if values is not None:  # nearly always all values fit
        connection.register(table, values)
        views.callback(connection.unregister, table)
        return Batch(path, table, values.num_rows, 0, None)
    made.append(table)
    if csv is not None:
        bad, first = read_csv(connection, csv, columns, table, path)
    else:
        bad, first = read_objects(
            connection, arguments.file_format, arguments.match_by_column_name.value, columns, table, path
        )
    needed = [column for column in columns if not column.nullable]
    for column in needed:
        (empty,) = connection.execute(f"DELETE FROM temp.{table} WHERE {quoted(column.name)} IS NULL").fetchall()[0]
        if empty:
            bad += empty
            first = first or Reject("NULL result in a non-nullable column", None, None, column.name, 100072, "22000")
    (good,) = connection.execute(f"SELECT count(*) FROM temp.{table}").fetchall()[0]
    return Batch(path, table, good, bad, first)


def _loaded(connection: Any, names: Sequence[Any]) -> dict[str, float]:
    """Return the files that were loaded into a table before, and the times of their loads."""
    rows = connection.execute(
        f"SELECT FILE_NAME, max(LAST_LOAD_TIME) FROM {quoted(str(names[0]))}.{HISTORY} "
        "WHERE TABLE_NAME = ? AND SCHEMA_NAME = ? GROUP BY ALL",
        [names[2], names[1]],
    ).fetchall()
    return {name: _seconds(at) for name, at in rows}


def _seconds(at: Any) -> float:
    moment = at if isinstance(at, datetime.datetime) else datetime.datetime.fromisoformat(str(at))
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()


def _remember(connection: Any, names: Sequence[Any], paths: dict[str, str], results: list[tuple[Any, ...]]) -> None:
    now = datetime.datetime.now(datetime.UTC).isoformat()
    for file, status, parsed, loaded, limit, seen, first, line, character, column in results:
        if file not in paths or status == "LOAD_FAILED":  # deleted rows may be loaded again
            continue
        row = [
            names[1],
            paths[file],
            names[2],
            now,
            status,
            loaded,
            parsed,
            first,
            line,
            character,
            column,
            seen,
            limit,
        ]
        marks = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO {quoted(str(names[0]))}.{HISTORY} VALUES ({marks})", row)


def _result(results: list[tuple[Any, ...]]) -> str:
    if not results:
        return "SELECT 'Copy executed with 0 files processed.' AS status"
    values = exp.values(results, alias="t", columns=COLUMNS)
    return str(exp.select("*").from_(values).sql(dialect="duckdb"))
