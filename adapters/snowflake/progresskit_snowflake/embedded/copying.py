"""COPY INTO a table from an internal stage, as the service executes it: errors by file, line and column, and ON_ERROR.

fakesnow's own COPY stops at the first error, after a part of the rows has been inserted. Here each file is first read into a table
of its own, without the rows that DuckDB cannot convert. Then the statement decides which rows are loaded, and loads all of them or
none. Line numbers are those of the file. Not supported: VALIDATION_MODE, SIZE_LIMIT, COPY with a transformation other than
fakesnow's, formats other than CSV, JSON (an object a line) and Parquet, dates and timestamps that are not in ISO 8601. `csvfiles`
reads CSV files.
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

import snowflake.connector.errors
from fakesnow import copy_into as theirs
from fakesnow.params import pop_qmark_param
from fakesnow.transforms import stage
from fakesnow.transforms.file_format import lookup_file_format
from fakesnow.transforms.options import parse_options
from sqlglot import exp

from .csvfiles import CsvFormat, FormatError, agreed, csv_format, duckdb_source, plain_texts
from .csvfiles import read as read_texts

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
OTHERWISE = (
    "If you would like to continue loading when an error is encountered, use other values such as 'SKIP_FILE' or "
    "'CONTINUE' for the ON_ERROR option. For more information on loading options, please run 'info loading_data' in a "
    "SQL client."
)
_ON_ERROR = re.compile(r"ABORT_STATEMENT|CONTINUE|SKIP_FILE(?:_(\d+)(%?))?")
_FINER = re.compile(r":[0-9]{2}\.[0-9]{6}[0-9]*[1-9]")
KEPT = "this local server keeps microseconds, an account nanoseconds; give the column the type VARCHAR here"
_KINDS = {"DECIMAL": "Numeric value", "DOUBLE": "Numeric value", "BIGINT": "Numeric value", "DATE": "Date"}
_NUMBERS = {"Numeric value": (100038, "22018"), "Date": (100040, "22007"), "Timestamp": (100035, "22007")}


TRUE, FALSE = str(("true", "t", "yes", "y", "on", "1")), str(("false", "f", "no", "n", "off", "0"))
"""The texts that the service accepts as a BOOLEAN, as lists of SQL."""


class Column(NamedTuple):
    """A column of the target. `length` is the most characters of a text; None for the service's maximum."""

    name: str
    type: str
    nullable: bool
    length: int | None = None


class Reject(NamedTuple):
    """Why a row was rejected, and its place."""

    message: str
    line: int | None
    character: int | None
    column: str | None
    number: int
    state: str


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
        raise _error(f"SQL compilation error:\n{error}", 1008, "22023") from None


def _options(expression: exp.Copy) -> Options:
    values: dict[str, str] = {}
    for parameter in expression.args.get("params") or []:
        value = parameter.expression
        values[parameter.this.name.upper()] = "" if value is None else value.name or str(value.this)
    on_error = values.get("ON_ERROR", "ABORT_STATEMENT").upper()
    match = _ON_ERROR.fullmatch(on_error)
    if match is None:
        raise _error(f"SQL compilation error:\ninvalid value [{on_error}] for parameter 'ON_ERROR'", 1008, "22023")
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
        raise _error(
            f"SQL compilation error:\nTable '{'.'.join(map(str, names))}' does not exist or not authorized.", 2003
        )
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
                raise _error(message, 91016, "22000")
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
    places = {
        column.name: f"{_quoted(str(names[2]))}[{_quoted(column.name)}:{n}]" for n, column in enumerate(columns, 1)
    }
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
            raise _aborted(file, batch.first)
        is_loaded = _is_loaded(batch, options)
        if is_loaded:
            batches.append(batch)
        results.append(_file_result(file, batch, options, is_loaded))
    listed = ", ".join(map(_quoted, places))
    where = ".".join(_quoted(str(name)) for name in names)
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
    values = None if csv is None else _values(connection, csv, columns, path)
    if values is not None:  # nearly always all values fit
        connection.register(table, values)
        views.callback(connection.unregister, table)
        return Batch(path, table, values.num_rows, 0, None)
    made.append(table)
    if csv is not None:
        bad, first = _read_csv(connection, csv, columns, table, path)
    else:
        bad, first = _read_objects(
            connection, arguments.file_format, arguments.match_by_column_name.value, columns, table, path
        )
    needed = [column for column in columns if not column.nullable]
    for column in needed:
        (empty,) = connection.execute(f"DELETE FROM temp.{table} WHERE {_quoted(column.name)} IS NULL").fetchall()[0]
        if empty:
            bad += empty
            first = first or Reject("NULL result in a non-nullable column", None, None, column.name, 100072, "22000")
    (good,) = connection.execute(f"SELECT count(*) FROM temp.{table}").fetchall()[0]
    return Batch(path, table, good, bad, first)


def _values(connection: Any, how: CsvFormat, columns: list[Column], path: str) -> Any:
    """Return the values of a CSV file as a pyarrow table; None if any of them does not fit, or pyarrow cannot read the file.

    Values that fit the type in any case stay unchanged until they are inserted; DuckDB converts the others.
    """
    texts = plain_texts(path, how, len(columns))
    if texts is None:
        return None
    import pyarrow

    casts: dict[str, str] = {}
    for number, column in enumerate(columns):
        kind = column.type.partition("(")[0]
        if kind in ("JSON", "BLOB") or (texts[number].null_count and not column.nullable):
            return None
        if column.type == "TIMESTAMP" and (moments := _moments(texts[number])) is not None:
            texts[number] = moments
            continue
        whole = _whole(texts[number]) if kind in _NUMERIC else None
        if whole is not None:
            texts[number] = whole
        if column.type not in _HOLDS_WHOLE if whole is not None else (kind, column.length) != ("VARCHAR", None):
            name = f"c{number}"
            casts[name] = _cast(name, column) if whole is None else f"TRY_CAST({name} AS {column.type})"
    if casts:
        raw = f"progresskit_{secrets.token_hex(8)}"
        connection.register(raw, pyarrow.table({name: texts[int(name[1:])] for name in casts}))
        listed = ", ".join(f"{cast} AS {name}" for name, cast in casts.items())
        made = connection.sql(f"SELECT {listed} FROM {raw}").to_arrow_table()
        connection.unregister(raw)
        for name in casts:
            values = made.column(name)
            if values.null_count != texts[int(name[1:])].null_count:
                return None
            texts[int(name[1:])] = values
    return pyarrow.table(texts, names=[column.name for column in columns])


_NUMERIC = ("DECIMAL", "DOUBLE", "BIGINT")
_HOLDS_WHOLE = ("DECIMAL(38,0)", "DOUBLE", "BIGINT")
"""The types that hold every integer of 64 bits."""


def _whole(texts: Any) -> Any:
    """Return texts that are all integers of 64 bits as numbers; None if any is not, or is 0x1F or a FLOAT's -0."""
    import pyarrow

    data = _data(texts)
    if any(mark in data for mark in (b"x", b"X", b"-0")):
        return None
    try:
        return texts.cast(pyarrow.int64())
    except pyarrow.ArrowInvalid:
        return None


_SECONDS = len("2013-01-31T10:00:00")


def _moments(texts: Any) -> Any:
    """Return texts that are all timestamps like 2013-01-31T10:00:00Z, the most common form, as timestamps; None if any is not."""
    import pyarrow

    data, count = _data(texts), len(texts) - texts.null_count
    size, left = divmod(len(data), count) if count else (0, 0)
    marks = [(4, b"-"), (7, b"-"), (13, b":"), (16, b":"), *([(_SECONDS, b"Z")] if size == _SECONDS + 1 else [])]
    if left or size not in (_SECONDS, _SECONDS + 1) or data[10::size].strip(b"T ") or b"0" in data[::size]:
        return None  # years before 1000 are converted one by one
    if any(data[at::size] != mark * count for at, mark in marks):
        return None
    try:
        found = texts.cast(pyarrow.timestamp("us", "UTC" if size > _SECONDS else None))
    except pyarrow.ArrowInvalid:
        return None
    return found.cast(pyarrow.timestamp("us")) if size > _SECONDS else found


def _data(texts: Any) -> bytes:
    """Return the concatenated bytes of all texts of an array."""
    buffer = texts.buffers()[2]
    return b"" if buffer is None else bytes(buffer)


def _read_csv(
    connection: Any, how: CsvFormat, columns: list[Column], table: str, path: str
) -> tuple[int, Reject | None]:
    casts = [_cast(f"c{number}", column) for number, column in enumerate(columns)]
    wrong = " OR ".join(f"(c{number} IS NOT NULL AND {cast} IS NULL)" for number, cast in enumerate(casts))
    taken = ", ".join(f"{cast} AS {_quoted(column.name)}" for cast, column in zip(casts, columns, strict=True))
    if agreed(path, how):  # nearly always all values fit, and takes one pass
        names = [f"c{number}" for number in range(len(columns))]
        values = ", ".join(f"{cast} AS v{number}" for number, cast in enumerate(casts))
        kept = ", ".join(f"v{number} AS {_quoted(column.name)}" for number, column in enumerate(columns))
        misfit = " OR ".join(f"(c{number} IS NOT NULL AND v{number} IS NULL)" for number in range(len(columns)))
        with duckdb_source(connection, how, names, path) as (source, misread):
            connection.execute(
                f"CREATE TEMP TABLE {table} AS SELECT {kept}, {misfit} AS progresskit_wrong "
                f"FROM (SELECT *, {values} FROM {source})"  # each is cast once: within OR, DuckDB would cast it again
            )
            (misfits,) = connection.execute(f"SELECT count(*) FROM temp.{table} WHERE progresskit_wrong").fetchall()[0]
            if not misfits and not misread():
                return 0, None
        connection.execute(f"DROP TABLE temp.{table}")
    raw = f"{table}_raw"
    reading = read_texts(connection, how, len(columns), path, raw)
    connection.execute(f"CREATE TEMP TABLE {table} AS SELECT {taken} FROM temp.{raw} WHERE NOT ({wrong})")
    (misfits,) = connection.execute(f"SELECT count(*) FROM temp.{raw} WHERE {wrong}").fetchall()[0]
    rejects = [_misread(*one) for one in reading.bad[:1]]
    if misfits:
        texts = ", ".join(f"c{number}, {cast} IS NULL" for number, cast in enumerate(casts))
        row, *pairs = connection.execute(
            f"SELECT n, {texts} FROM temp.{raw} WHERE {wrong} ORDER BY n LIMIT 1"
        ).fetchall()[0]
        at = next(n for n in range(len(columns)) if pairs[2 * n] is not None and pairs[2 * n + 1])
        character = 1 + sum(len(text or "") + 1 for text in pairs[: 2 * at : 2])
        rejects.append(_misfit(columns[at], pairs[2 * at], reading.lines(row), character))
    connection.execute(f"DROP TABLE temp.{raw}")
    return misfits + len(reading.bad), min(rejects, key=lambda one: one.line or 0, default=None)


_NUMERAL = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
_DAY, _CLOCK = r"[0-9]{4}-[0-9]{2}-[0-9]{2}", r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
_HOURS = "[+-](0[0-9]|1[0-4])"
_OFFSET = rf"(Z|{_HOURS}:[0-5][0-9])"
_MOMENT = "|".join(
    [
        rf"{_DAY}([T ]([0-9]{{2}}|{_CLOCK}))?",  # YYYY-MM-DD, YYYY-MM-DD"T"HH24, ... YYYY-MM-DD HH24:MI:SS.FF
        rf"{_DAY}[T ]{_CLOCK}{_OFFSET}",  # YYYY-MM-DD"T"HH24:MITZH:TZM, ... YYYY-MM-DD HH24:MI:SS.FFTZH:TZM
        # YYYY-MM-DD HH24:MI:SS.FFTZH, YYYY-MM-DD HH24:MI:SS.FF TZH:TZM, YYYY-MM-DD HH24:MI:SS.FF TZHTZM
        rf"{_DAY} [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]{{1,9}})?({_HOURS}| {_OFFSET}| {_HOURS}[0-5][0-9])",
    ]
)
"""The documented formats of AUTO that are in ISO 8601."""


def _cast(text: str, column: Column) -> str:
    """Return the SQL expression that converts a text to the value that the service reads; NULL if the text is no value."""
    kind = column.type.partition("(")[0]
    plain = f"TRY_CAST({text} AS {column.type})"

    def where(pattern: str, value: str = plain) -> str:  # DuckDB accepts far more: blanks, underscores, `epoch`, ...
        return f"CASE WHEN regexp_full_match({text}, '{pattern}') THEN {value} END"

    if kind == "VARCHAR":
        return text if column.length is None else f"CASE WHEN length({text}) <= {column.length} THEN {text} END"
    if kind == "BOOLEAN":
        return f"CASE WHEN lower({text}) IN {TRUE} THEN true WHEN lower({text}) IN {FALSE} THEN false END"
    if kind in ("DOUBLE", "DECIMAL", "BIGINT"):
        if kind == "DOUBLE":  # DuckDB converts numbers that are too large to infinity
            finite = f"CASE WHEN NOT isinf({plain}) OR {text} ILIKE '%inf' THEN {plain} END"
            number = where(f"(?i:nan|-?inf)|{_NUMERAL}", finite)
        else:  # for a column of few digits, DuckDB does not read 1e-2
            exact = f"TRY_CAST(TRY_CAST({text} AS DECIMAL(38, 20)) AS {column.type})"
            number = where(_NUMERAL, f"coalesce({plain}, {exact})")
        # Nearly all are integers, which a conversion and back recognizes in a third of the pattern's time.
        whole = f"TRY_CAST({text} AS BIGINT)"
        return f"CASE WHEN CAST({whole} AS VARCHAR) = {text} THEN TRY_CAST({whole} AS {column.type}) ELSE {number} END"
    if kind == "DATE":
        return where(rf"{_DAY}", f"CASE WHEN {text} >= '0001' THEN {plain} END")
    if kind.startswith("TIME"):  # DuckDB keeps microseconds: a value that it would truncate is rejected
        exact = f"NOT regexp_matches({text}, '\\.[0-9]{{6}}[0-9]*[1-9]')"
        if kind == "TIME":
            return where(_CLOCK, f"CASE WHEN {exact} AND {text} < '24' THEN {plain} END")
        zone = "[+-][0-9]{2}:?([0-9]{2})?$|Z$"
        clock = f"regexp_replace({text}[12:], ' ?({zone})', '')"
        time = f"CASE length({clock}) WHEN 0 THEN '00:00' WHEN 2 THEN {clock} || ':00' ELSE {clock} END"
        # A column without an offset drops it.
        offset = f"regexp_extract({text}[12:], '{zone}')" if "ZONE" in kind else "''"
        moment = f"TRY_CAST({text}[:10] || ' ' || {time} || {offset} AS {column.type})"
        slow = where(_MOMENT, f"CASE WHEN {exact} AND {text} >= '0001' AND {clock} < '24' THEN {moment} END")
        # The two most common forms need no parsing, which takes a fifth of the time.
        usual = (
            f"regexp_full_match({text}, '{_DAY}[T ]([01][0-9]|2[0-3]):[0-9]{{2}}:[0-9]{{2}}Z?') AND {text} >= '0001'"
        )
        return f"CASE WHEN {usual} THEN {plain} ELSE {slow} END"
    if kind == "JSON":
        return f"CASE WHEN json_valid({text}) THEN CAST({text} AS JSON) END"
    if kind == "BLOB":
        return where("([0-9A-Fa-f]{2})*", f"unhex({text})")
    return plain


def _misread(line: int, problem: str) -> Reject:
    """Return the service's error for a record that could not be read."""
    width = problem.startswith("Number of columns")
    return Reject(problem, line, 1, None, *((100080, "22000") if width else (100016, "22000")))


def _misfit(column: Column, text: str, line: int | None, character: int) -> Reject:
    """Return the service's error for a value that does not fit its column."""
    if column.type == "VARCHAR":
        words = f"String '{text[:200]}' is too long and would be truncated"
        return Reject(words, line, character, column.name, 100078, "22000")
    if column.type == "JSON":
        return Reject(f"Error parsing JSON: {text[:80]}", line, character, column.name, 100069, "22P02")
    timed = "Timestamp" if column.type.startswith("TIMESTAMP") else "Time" if column.type == "TIME" else "Value"
    what = _KINDS.get(column.type.partition("(")[0], "Boolean value" if column.type == "BOOLEAN" else timed)
    number, state = _NUMBERS.get(what, (100037, "22018"))
    words = f"{what} '{text}' is not recognized"
    if timed != "Value" and _FINER.search(text):
        words += f": {KEPT}"
    return Reject(words, line, character, column.name, number, state)


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


def _read_objects(
    connection: Any, reader: Any, match: str, columns: list[Column], table: str, path: str
) -> tuple[int, Reject | None]:
    """Read JSON lines or Parquet: each column as the text of its values, and as the target's type."""
    raw = f"{table}_raw"
    whole = len(columns) == 1 and columns[0].type == "JSON" and match == "NONE"
    parquet = isinstance(reader, theirs.ReadParquet)
    if not whole and match == "NONE":
        raise _error(
            f"SQL compilation error:\n{'PARQUET' if parquet else 'JSON'} file format can produce one and only one column of type "
            "variant, object, or array. Load data into separate columns using the MATCH_BY_COLUMN_NAME copy option or copy with "
            "transformation.",
            2019,
            "0A000",
        )
    read = _parquet_source(connection, match, columns, path) if parquet else _json_source(match, columns, path)
    listed = ", ".join(f"{value} AS {_quoted(column.name)}" for value, column in zip(read.values, columns, strict=True))
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
        raise _aborted(stage.internal_file_name(path), invalid) from error
    casts = _casts(connection, raw, columns)
    wrong = " OR ".join(f"({_quoted(name)} IS NOT NULL AND {cast} IS NULL)" for name, cast in casts.items())
    taken = ", ".join(f"{cast} AS {_quoted(name)}" for name, cast in casts.items())
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
        raise _aborted(stage.internal_file_name(path), cut)
    there = [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM read_parquet({_file(path)})").fetchall()]
    if match == "NONE":
        packed = ", ".join(f"{_text(name)}, {_quoted(name)}" for name in there)
        values = [f"json_object({packed})"]
    else:
        key = str if match == "CASE_SENSITIVE" else str.upper
        fields = {key(name): _quoted(name) for name in there}
        values = [fields.get(key(column.name), "NULL") for column in columns]
    return _Source(f"read_parquet({_file(path)})", values, "true", "false", "NULL")


def _json_source(match: str, columns: list[Column], path: str) -> _Source:
    """Return the lines of a JSON file: their members, or with `match` NONE, each whole line."""
    settings = (
        "columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, sep = '\x01', quote = '', escape = ''"
    )
    values = ["line"] if match == "NONE" else [_member(column.name, match) for column in columns]
    read = (
        "line" if match == "NONE" else "CASE WHEN json_valid(line) THEN line END AS line"
    )  # other lines have no members
    lines = f"(SELECT {read}, line AS text FROM read_csv({_file(path)}, {settings}))"
    return _Source(lines, values, "json_valid(text)", "text IS NULL", "text")


def _casts(connection: Any, raw: str, columns: list[Column]) -> dict[str, str]:
    """Return, for each column's name, the expression that casts its value in the table `raw` to the target's type."""
    kinds = {column.name: column.type for column in columns}
    casts = {column.name: f"TRY_CAST({_quoted(column.name)} AS {column.type})" for column in columns}
    for name, kind in connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE temp.{raw})").fetchall():
        # DuckDB's own tables keep microseconds: a value that it would round is rejected.
        if kind in ("TIMESTAMP_NS", "TIME_NS"):
            exact = f"TRY_CAST({casts[name]} AS {kind}) = {_quoted(name)}"
            casts[name] = f"CASE WHEN {exact} THEN {casts[name]} END"
        if kind == "UUID" and kinds.get(name) == "BLOB":  # Parquet has it as 16 bytes
            casts[name] = f"unhex(replace(CAST({_quoted(name)} AS VARCHAR), '-', ''))"
    return casts


def _first_misfit(connection: Any, misfits: str, columns: list[Column], casts: dict[str, str]) -> Reject:
    """Return the first of the rows that `misfits` selects from, as the service reports it."""
    names = [column.name for column in columns]
    texts = ", ".join(f"CAST({_quoted(name)} AS VARCHAR), {casts[name]} IS NULL" for name in names)
    line, is_valid, text, *pairs = connection.execute(
        f"SELECT progresskit_line, progresskit_valid, progresskit_text, {texts} FROM {misfits} ORDER BY progresskit_line LIMIT 1"
    ).fetchall()[0]
    if not is_valid:
        return Reject(f"Error parsing JSON: {str(text)[:80]}", line, 1, None, 100069, "22P02")
    at = next(n for n in range(len(names)) if pairs[2 * n] is not None and pairs[2 * n + 1])
    value = str(pairs[2 * at])
    words = f"Failed to cast value '{value}' to {columns[at].type}" + (f": {KEPT}" if _FINER.search(value) else "")
    return Reject(words, line, None, names[at], 100071, "22000")


def _member(name: str, match: str) -> str:
    """Return the SQL expression for the member of a line's object that belongs to a column."""
    same = f"k = {_text(name)}" if match == "CASE_SENSITIVE" else f"upper(k) = upper({_text(name)})"
    key = f"list_filter(json_keys(line), lambda k: {same})[1]"
    pointer = f"'/' || replace(replace({key}, '~', '~0'), '/', '~1')"
    return f"CASE WHEN json_type(line) = 'OBJECT' THEN json_extract_string(line, {pointer}) END"


def _loaded(connection: Any, names: Sequence[Any]) -> dict[str, float]:
    """Return the files that were loaded into a table before, and the times of their loads."""
    rows = connection.execute(
        f"SELECT FILE_NAME, max(LAST_LOAD_TIME) FROM {_quoted(str(names[0]))}.{HISTORY} "
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
        connection.execute(f"INSERT INTO {_quoted(str(names[0]))}.{HISTORY} VALUES ({marks})", row)


def _result(results: list[tuple[Any, ...]]) -> str:
    if not results:
        return "SELECT 'Copy executed with 0 files processed.' AS status"
    values = exp.values(results, alias="t", columns=COLUMNS)
    return str(exp.select("*").from_(values).sql(dialect="duckdb"))


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


def _aborted(file: str, first: Reject) -> Exception:
    where = f"\n  File '{file}', line {first.line}, character {first.character}" if first.line else f"\n  File '{file}'"
    column = f"\n  Column {first.column}" if first.column else ""
    return _error(f"{first.message}{where}{column}\n  {OTHERWISE}", first.number, first.state)


def _error(message: str, number: int, state: str = "42S02") -> Exception:
    error: Exception = snowflake.connector.errors.ProgrammingError(msg=message, errno=number, sqlstate=state)
    return error


def _file(path: str) -> str:
    literal: exp.Literal = theirs.FileTypeHandler.file_literal(path)
    return str(literal.sql(dialect="duckdb"))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
