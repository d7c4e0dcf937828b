"""Plan COPY: the files of one statement, its SQL, its result, and an estimate of its progress.

Pure: does not use a connection or a clock. `copier` executes the statements.
"""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .sql.columns import literal

MOST_FILES = 1_000
"""The most files of one statement: the warehouse's limit of FILES=."""
BATCH = 64 << 20
"""Bytes of one statement that justify its round trip."""
ON_ERROR = {"abort": "ABORT_STATEMENT", "continue": "CONTINUE", "skip_file": "SKIP_FILE"}
"""The reaction to a row that cannot be loaded: the loader's word -> SQL's."""
CSV = {
    "TYPE": "CSV",
    "COMPRESSION": "AUTO",
    "RECORD_DELIMITER": "'\\n'",
    "FIELD_DELIMITER": "','",
    "FIELD_OPTIONALLY_ENCLOSED_BY": "'\"'",
    "ESCAPE": "NONE",
    "ESCAPE_UNENCLOSED_FIELD": "NONE",
    "SKIP_HEADER": "1",
    "SKIP_BLANK_LINES": "FALSE",
    "NULL_IF": "()",
    "EMPTY_FIELD_AS_NULL": "TRUE",
    "TRIM_SPACE": "FALSE",
    "ENCODING": "'UTF8'",
    "REPLACE_INVALID_CHARACTERS": "FALSE",
    "ERROR_ON_COLUMN_COUNT_MISMATCH": "TRUE",
    "SKIP_BYTE_ORDER_MARK": "TRUE",
    "DATE_FORMAT": "'YYYY-MM-DD'",
    "TIME_FORMAT": "AUTO",
    "TIMESTAMP_FORMAT": "AUTO",
    "BINARY_FORMAT": "HEX",
}
"""Every option of a CSV format, as SQL writes them: RFC 4180, with a header line. No option is left to an account's defaults, and
01/02/2024 is no date: AUTO would always read it as the second of January."""


def _options_text(options: Mapping[str, str]) -> str:
    return " ".join(f"{name} = {value}" for name, value in options.items())


FORMATS = {
    "csv": _options_text(CSV),
    "json": "TYPE = JSON",
    "parquet": "TYPE = PARQUET BINARY_AS_TEXT = FALSE USE_LOGICAL_TYPE = TRUE",
}
"""The loader's name of a format -> SQL's FILE_FORMAT."""


def canonical_format(nulls: Sequence[str]) -> str:
    """Return the FILE_FORMAT of files in canonical form, in which `nulls` mean NULL in addition to the empty field.

    Example:
        >>> "NULL_IF = ('NA') " in canonical_format(["NA"]), "SKIP_HEADER = 0 " in canonical_format([])
        (True, True)
    """
    return _options_text({**CSV, "SKIP_HEADER": "0", "NULL_IF": f"({', '.join(map(literal, nulls))})"})


class Staged(NamedTuple):
    """A file on a stage.

    Attributes:
        name: Its path on the stage, as FILES= takes it.
        size: Bytes.
        rows: The number of rows; None if unknown.
    """

    name: str
    size: int
    rows: int | None = None


def batches(files: Sequence[Staged], *, size: int = BATCH, most: int = MOST_FILES) -> list[list[Staged]]:
    """Return `files` in batches of about equal size: each has about `size` bytes, and at most `most` files.

    No two batches differ by more than the largest file, unless `most` keeps the small files apart.

    Example:
        >>> files = [Staged("a", 50), Staged("b", 30), Staged("c", 20)]
        >>> [[file.name for file in batch] for batch in batches(files, size=50)]
        [['a'], ['b', 'c']]
    """
    if not files:
        return []
    wanted = min(round(sum(file.size for file in files) / size), len(files))
    count = max(math.ceil(len(files) / most), wanted, 1)
    heap = [(0, number) for number in range(count)]
    chosen: list[list[int]] = [[] for _ in range(count)]
    for at in sorted(range(len(files)), key=lambda at: (-files[at].size, at)):
        weight, number = heapq.heappop(heap)
        chosen[number].append(at)
        if len(chosen[number]) < most:
            heapq.heappush(heap, (weight + files[at].size, number))
    return [[files[at] for at in sorted(batch)] for batch in chosen if batch]


def relative(listed: str, stage: str) -> str:
    """Return the name for FILES= of the file that LIST calls `listed`, on `stage` with or without a path.

    Empty if it is elsewhere: LIST treats a path as the beginning of names, not as a folder.

    Example:
        >>> relative("orders/2013/01.csv.gz", "raw.Orders/2013")
        '01.csv.gz'
        >>> relative("2013/01.csv.gz", "~/2013"), relative("01.csv.gz", "%orders")
        ('01.csv.gz', '01.csv.gz')
    """
    name, _, path = stage.strip("@").partition("/")
    own = name.rpartition(".")[2]
    if not own.startswith(("~", "%")):
        listed = listed.partition("/")[2]
    folder = f"{path.strip('/')}/" if path.strip("/") else ""
    return listed[len(folder) :] if listed.startswith(folder) else ""


def statement(
    into: str,
    stage: str,
    files: Iterable[Staged],
    file_format: str,
    *,
    on_error: str = "abort",
    by_name: bool | str = False,
    purge: bool = False,
    force: bool = False,
) -> str:
    """Return the COPY of `files` of `stage`.

    Args:
        into: The table as in SQL, with its columns in brackets if they are given.
        stage: The stage as in SQL, without the `@`.
        files: At most `MOST_FILES`.
        file_format: The contents of FILE_FORMAT's brackets.
        on_error: `abort`, `continue` or `skip_file`.
        by_name: Whether fields are matched to columns by name, as in JSON and Parquet; `exactly`: by case too.
        purge: Whether the files are removed after they are loaded.
        force: Whether files that were loaded before are loaded again.
    """
    names = ", ".join(literal(file.name) for file in files)
    more = {
        "ON_ERROR = " + ON_ERROR[on_error]: on_error != "abort",
        "MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE": by_name is True,
        "MATCH_BY_COLUMN_NAME = CASE_SENSITIVE": by_name == "exactly",
        "PURGE = TRUE": purge,
        "FORCE = TRUE": force,
    }
    options = "".join(f" {option}" for option, wanted in more.items() if wanted)
    return f"COPY INTO {into} FROM @{stage} FILES = ({names}) FILE_FORMAT = ({file_format}){options}"


class FileResult(NamedTuple):
    """COPY's result for one file.

    Attributes:
        file: Its name on the stage.
        status: `LOADED`, `PARTIALLY_LOADED`, `LOAD_FAILED`, `LOAD_SKIPPED`.
        loaded: The number of loaded rows.
        rejected: The number of rejected rows.
        error: The first error; None without an error.
        line: Its line; None if the server names none.
    """

    file: str
    status: str
    loaded: int
    rejected: int
    error: str | None = None
    line: int | None = None


def results(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[FileResult]:
    """Return the results in the `rows` of COPY, whose columns are `names`; empty if there was no file to load."""
    if "file" not in [name.lower() for name in names]:
        return []
    found = []
    for row in rows:
        fields: Mapping[str, Any] = dict(zip((name.lower() for name in names), row, strict=False))
        loaded, parsed = int(fields.get("rows_loaded") or 0), int(fields.get("rows_parsed") or 0)
        status = str(fields.get("status"))
        skipped = status == "LOAD_SKIPPED"  # loaded before: its rows are not part of this load
        rejected = 0 if skipped else max(parsed - loaded, 0)
        line = fields.get("first_error_line")
        error = fields.get("first_error")
        found.append(
            FileResult(
                str(fields["file"]),
                status,
                0 if skipped else loaded,
                rejected,
                None if error is None else str(error),
                None if line is None else int(line),
            )
        )
    return found


@dataclass(slots=True)
class Copied:
    """The result of all COPY statements.

    Attributes:
        files: The server's result for each file.
        strategy: The strategy, in words for a summary.
    """

    files: list[FileResult] = field(default_factory=list)
    strategy: str = ""

    @property
    def rows(self) -> int:
        """The number of loaded rows."""
        return sum(file.loaded for file in self.files)

    @property
    def rejected(self) -> int:
        """The number of rejected rows."""
        return sum(file.rejected for file in self.files)

    def troubles(self) -> list[FileResult]:
        """Return the files that have lost rows, or were not loaded."""
        return [file for file in self.files if file.rejected or file.status != "LOADED"]


def counted(number: int, noun: str = "row") -> str:
    """Return a number with its noun, for people. `noun` is a singular whose plural ends in s.

    Example:
        >>> counted(1), counted(12_345), counted(2, "bad row")
        ('1 row', '12,345 rows', '2 bad rows')
    """
    return f"{number:,d} {noun}{'s' * (number != 1)}"


def in_one_line(text: str) -> str:
    """Return a text for people in one line, whatever names of files and columns stand in it.

    Example:
        >>> in_one_line("the\\nid is text")
        'the\\\\nid is text'
    """
    return text.replace("\n", "\\n")


def first_error(file: FileResult, names: Mapping[str, str]) -> str:
    """Return a line with the first error of a file that lost rows: the file, by its name in `names`, and the place.

    Example:
        >>> first_error(FileResult("s/1.gz", "PARTIALLY_LOADED", 7, 3, "no number", 4), {"1.gz": "orders.csv"})
        'orders.csv:4: no number'
    """
    where = names.get(file.file.rpartition("/")[2], file.file) + (f":{file.line}" if file.line else "")
    return f"{where}: {(file.error or file.status).splitlines()[0]}"


class Speed:
    """The speed at which a table loads bytes, from its statements so far.

    Example:
        >>> speed = Speed()
        >>> speed.share(1_000, seconds=1.0) is None
        True
        >>> speed.add(1_000, seconds=2.0)
        >>> speed.share(1_000, seconds=1.0)
        0.5
    """

    MOST = 0.95
    """The largest share of a statement that an estimate may reach, before the server reports its end."""

    def __init__(self) -> None:
        self._size, self._seconds = 0, 0.0

    def add(self, size: int, seconds: float) -> None:
        """Note a finished statement."""
        self._size += size
        self._seconds += seconds

    def seconds(self, size: int) -> float | None:
        """Return the expected seconds of a statement of `size` bytes; None before the first statement has ended."""
        return size * self._seconds / self._size if self._size and self._seconds > 0 and size else None

    def share(self, size: int, seconds: float) -> float | None:
        """Return the expected share of a statement of `size` bytes after `seconds`; None before the first statement has ended."""
        whole = self.seconds(size)
        return None if whole is None else min(seconds / whole, self.MOST)


def estimated_rows(batch: Sequence[Staged], share: float, rows: int, size: int) -> int | None:
    """Return the rows in `share` of a batch, by its own rows if they are counted, otherwise by the `rows` in `size` bytes before.

    None if neither is known.
    """
    known = [file.rows for file in batch]
    whole = None if None in known else sum(count or 0 for count in known)
    if whole is None and size:
        whole = round(rows * sum(file.size for file in batch) / size)
    return None if whole is None else int(whole * share)


_WHERE = [
    re.compile(r"File '(?P<file>[^']+)'(?:, line (?P<line>\d+))?"),  # the service's words
    re.compile(r"CSV Error on Line: (?P<line>\d+).*?file = (?P<file>[^\n]+)", re.DOTALL),  # DuckDB's
    re.compile(r'JSON in file "(?P<file>[^"]+)",? in (?:line|record/value) (?P<line>\d+)'),
]


def located(message: str) -> tuple[str | None, int | None]:
    """Return the staged file, without its folders, and the line in an error's message; None for what it does not name.

    Example:
        >>> located("Numeric value 'x' is not recognized\\n  File '@s/000001.csv.gz', line 3, character 5")
        ('000001.csv.gz', 3)
    """
    for pattern in _WHERE:
        if found := pattern.search(message):
            return found["file"].strip().rpartition("/")[2], int(found["line"]) if found["line"] else None
    return None, None


def message_for_users(
    message: str, names: Mapping[str, str], lines: Callable[[str, int], int | None] = lambda file, line: line
) -> str:
    """Return an error's message for people, with file and line if it names them, and the user's names in place of staged ones.

    Args:
        message: The message of the server or the connector.
        names: Name on the stage -> the user's name of the file.
        lines: Returns the line of the user's file for a name on the stage and a line of that file.
    """
    file, line = located(message)
    texts = [text.strip() for text in message.splitlines() if text.strip()]
    if file is None or not texts:
        return "\n".join(texts[:3])
    reason = next((text for text in texts if "onver" in text and not text.startswith("1")), texts[0])
    own = None if line is None else lines(file, line)
    return f"{names.get(file, file)}{'' if own is None else f':{own}'}: {reason}"
