"""The values of CSV files, as COPY reads them: texts become values of the target's types, or errors.

pyarrow converts the texts of a file in which all values have a plain form; DuckDB converts all others. `csvfiles` splits a file into
texts.
"""

from __future__ import annotations

import secrets
from typing import Any

from .csvfiles import CsvFormat, agreed, duckdb_source, plain_texts
from .csvfiles import read as read_texts
from .target import FINER, KEPT, Column, Reject, quoted

_KINDS = {"DECIMAL": "Numeric value", "DOUBLE": "Numeric value", "BIGINT": "Numeric value", "DATE": "Date"}
_NUMBERS = {"Numeric value": (100038, "22018"), "Date": (100040, "22007"), "Timestamp": (100035, "22007")}
TRUE, FALSE = str(("true", "t", "yes", "y", "on", "1")), str(("false", "f", "no", "n", "off", "0"))
"""The texts that the service accepts as a BOOLEAN, as lists of SQL."""


def values_of(connection: Any, how: CsvFormat, columns: list[Column], path: str) -> Any:
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


def read_csv(
    connection: Any, how: CsvFormat, columns: list[Column], table: str, path: str
) -> tuple[int, Reject | None]:
    casts = [_cast(f"c{number}", column) for number, column in enumerate(columns)]
    wrong = " OR ".join(f"(c{number} IS NOT NULL AND {cast} IS NULL)" for number, cast in enumerate(casts))
    taken = ", ".join(f"{cast} AS {quoted(column.name)}" for cast, column in zip(casts, columns, strict=True))
    if agreed(path, how):  # nearly always all values fit, and takes one pass
        names = [f"c{number}" for number in range(len(columns))]
        values = ", ".join(f"{cast} AS v{number}" for number, cast in enumerate(casts))
        kept = ", ".join(f"v{number} AS {quoted(column.name)}" for number, column in enumerate(columns))
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
    if timed != "Value" and FINER.search(text):
        words += f": {KEPT}"
    return Reject(words, line, character, column.name, number, state)
