"""Execute COPY: one statement after another, each with its bar, exact rows after it, and an estimate meanwhile.

Talks to the server with a cursor. `copying` makes the statements.
"""

from __future__ import annotations

import contextlib
import re
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from progresskit import ProgressTracker, Task
from progresskit._text.formatting import format_progress

from ..copying import (
    BATCH,
    FORMATS,
    ON_ERROR,
    Copied,
    FileResult,
    Speed,
    Staged,
    batches,
    counted,
    estimated_rows,
    first_error,
    relative,
    results,
    statement,
)
from ..sql.columns import literal, stage_name, table_name
from ..versions import rows_of
from .progress import SnowflakeProgress

_PLAIN = re.compile(r"[A-Za-z0-9_.=+/-]+")
POLL_SECONDS, LONGEST_POLL_SECONDS = 0.03, 0.5
"""Seconds between two queries of a statement's state: at least, and at most."""
FIRST, LATER = 0.5, 0.15
"""The first query, as a share of the seconds that a statement should take, and the pause after each, as a share of those
that it has taken: its end is noticed soon, and also where it comes early."""
STATES = {
    "RUNNING": "running",
    "QUEUED": "queued",
    "RESUMING_WAREHOUSE": "resuming the warehouse",
    "QUEUED_REPARING_WAREHOUSE": "repairing the warehouse",
    "BLOCKED": "blocked",
}
"""The connector's word for a state -> ours; others are not shown."""


def execute_watched(
    cursor: Any,
    sql: str,
    note_state: Callable[[str], None],
    check_stop: Callable[[], None] = lambda: None,
    expected: float | None = None,
) -> tuple[list[str], list[Any]]:
    """Execute `sql` asynchronously, and return the names of its columns and its rows.

    Args:
        cursor: A cursor of the connector that no other code uses meanwhile.
        sql: SQL, with names and texts quoted.
        note_state: Called with the state, of `STATES` or `""`, after each query for it.
        check_stop: Called as often. If it raises, the server aborts the statement.
        expected: The seconds that the statement should take; None if unknown.

    Raises:
        snowflake.connector.errors.Error: the connector has raised it.
    """
    connection = cursor.connection
    cursor.execute_async(sql)
    query, began = cursor.sfqid, time.monotonic()
    try:
        while connection.is_still_running(status := _state(cursor, query)):
            note_state(STATES.get(getattr(status, "name", ""), ""))
            check_stop()
            ran = time.monotonic() - began
            time.sleep(min(max(POLL_SECONDS, ran * LATER, (expected or 0) * FIRST - ran), LONGEST_POLL_SECONDS))
    except BaseException:
        with contextlib.suppress(Exception):  # the first error is the one to raise
            cursor.abort_query(query)
        raise
    if getattr(status, "name", "") == "SUCCESS":
        cursor.query_result(query)  # at once: the other call asks for the state twice more
    else:
        cursor.get_results_from_sfqid(query)  # raises the statement's error
    rows = rows_of(cursor)  # first: the description is that of the statement before until then
    return [column[0] for column in cursor.description or ()], rows


def _state(cursor: Any, query: str) -> Any:
    """Return the state of a statement, as the connector calls it."""
    try:
        return cursor.connection.get_query_status(query)
    except Exception:
        # To a question for a state both lines of the connector hear an error badly, as that the session is no more: to any
        # statement the server says it in words.
        cursor.execute("SELECT 1")
        raise


class CopyWatch:
    """Moves the bars of the COPY statements into one table: the rows of finished statements, and an estimate of the
    present one.

    Args:
        size: Bytes of all files; None if more may follow.
        now: The time, in seconds.
        names: Name on the stage -> the user's name of the file.
    """

    def __init__(
        self,
        size: int | None = None,
        now: Callable[[], float] = time.monotonic,
        names: Mapping[str, str] = types.MappingProxyType({}),
    ) -> None:
        self.copied = Copied()
        self._names = names
        self.size = size
        self.bytes = 0
        self.estimates = False
        self._now = now
        self._speed = Speed()
        self._ran = 0.0  # seconds for which the present statement has run: waits are not the table's
        self._since: float | None = None

    def begin(self, bar: Task) -> None:
        """Show the present state on `bar`."""
        self._ran, self._since = 0.0, None
        bar.update(completed=self.copied.rows, **self._fields())

    def show_state(self, bar: Task, batch: Sequence[Staged], state: str) -> None:
        """Show the state of the statement and, if this table's speed is known, its expected progress."""
        now = self._now()
        if state == "running":
            if self._since is not None:
                self._ran += now - self._since
            self._since = now
        else:
            self._since = None
        bar.update(phase=state or None)
        share = self._speed.share(sum(file.size for file in batch), self._ran)
        if share is not None:
            rows = estimated_rows(batch, share, self.copied.rows, self.bytes)
            if rows:
                self.estimates = True
                bar.update(completed=self.copied.rows + rows, estimated=True)

    def expected(self, batch: Sequence[Staged]) -> float | None:
        """Return the seconds that a statement of `batch` should take by this table's speed; None before that is known."""
        return self._speed.seconds(sum(file.size for file in batch))

    def done(self, bar: Task, batch: Sequence[Staged], files: list[FileResult], seconds: float) -> None:
        """Show the server's result of the statement."""
        size = sum(file.size for file in batch)
        self.copied.files += files
        self.bytes += size
        self._speed.add(size, self._ran or seconds)
        bar.update(completed=self.copied.rows, estimated=False, phase=None, **self._fields())

    def _fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"size": format_progress(self.bytes, self.size, "B")}
        if troubles := self.copied.troubles():
            fields["rejected"] = counted(self.copied.rejected)
            fields["error"] = first_error(troubles[-1], self._names)
        return fields


def copy_into(
    cursor: Any,
    table: str,
    stage: str,
    *,
    files: Sequence[str] | Mapping[str, int | None] | None = None,
    file_format: str = "csv",
    on_error: str = "abort",
    purge: bool | Literal["always"] = False,
    force: bool = False,
    columns: Sequence[str] = (),
    batch_size: int = BATCH,
    transaction: bool = True,
    rows: int | None = None,
    tracker: ProgressTracker | None = None,
    task: Task | None = None,
) -> Copied:
    """Copy files of a stage into a table, all or none, with a bar of the rows that the server says it has loaded.

    The files are copied in batches of about the same size, of at most 1,000 files, in one transaction: rows are exact
    after each batch, and no reader sees a part of them. While a statement runs, its state is shown, and from the
    second one on an estimate by this table's speed, marked `~`, which does not exceed the batch. The rows of the
    target are not counted.

    Args:
        cursor: A cursor of the connector that no other code uses meanwhile.
        table: The table, with database and schema if necessary; quoted if necessary.
        stage: The stage, as in SQL: `raw.orders`, `~`, `%orders/2013`.
        files: Names on the stage, relative to `stage`; a mapping gives their rows too. None: all files.
        file_format: `csv` (with a header line), `json` (an object a line), `parquet`, or the contents of FILE_FORMAT's
            brackets, as `FORMAT_NAME = my_format`. Compressed or not.
        on_error: The reaction to a row that cannot be loaded: `abort` the load, `continue` without the row, or
            `skip_file`.
        purge: Whether completely loaded files are removed from the stage after the commit; `always`: all given files,
            and after a failure too.
        force: Whether files that were loaded before are loaded again.
        columns: The table's columns for the fields of a CSV file, in order; empty: the table's order.
        batch_size: Bytes of one statement, about.
        transaction: Whether to use a new transaction; False if the caller has one open, and ends it.
        rows: How many rows the files have in all, as counted locally; None takes the sum of `files`; without that, the
            number is unknown.
        tracker: The tracker of the bar; None makes one.
        task: A bar to move instead of a new one for each statement; the caller ends it.

    Raises:
        ValueError: `on_error` or a name is invalid, or files would be removed that the caller may still roll back.
        snowflake.connector.errors.Error: the connector has raised it. All is rolled back then.

    Example:
        >>> copied = copy_into(cursor, "orders", "MY_STAGE", file_format="parquet")  # doctest: +SKIP
        >>> copied.rows, copied.rejected, copied.strategy  # doctest: +SKIP
        (4800000, 0, 'size-balanced batches (4) in one transaction')
    """
    if on_error not in ON_ERROR:
        raise ValueError(f"on_error is {on_error!r:.40}: give one of {', '.join(ON_ERROR)}.")
    if purge and not transaction:
        raise ValueError("purge removes files for good: with transaction=False, remove them after your own COMMIT.")
    stage = stage_name(stage)
    known = files if isinstance(files, Mapping) else {}
    listed = [(relative(row[0], stage), int(row[1])) for row in rows_of(cursor.execute(f"LIST @{stage}"))]
    names = [name for name, _ in listed if name] if files is None else list(files)
    sizes = dict(listed)
    missing = [name for name in names if name not in sizes]
    if missing:
        raise ValueError(f"the stage {stage} has no file {', '.join(missing):.200}. LIST @{stage} says what is there.")
    staged = [Staged(name, sizes[name], known.get(name)) for name in names]
    if rows is None and staged and all(file.rows is not None for file in staged):
        rows = sum(file.rows or 0 for file in staged)
    plan = batches(staged, size=batch_size)
    watch = CopyWatch(sum(sizes[name] for name in names))
    into = table_name(table) + (f" ({', '.join(columns)})" if columns else "")
    by_name = file_format in ("json", "parquet")
    # The speed of a single file in a single statement is unknown.
    alone = len(staged) == 1
    with contextlib.ExitStack() as stack:
        if task is None and tracker is None:
            tracker = stack.enter_context(ProgressTracker())
        if purge == "always":
            stack.callback(_remove, cursor, stage, names)  # after the transaction, however it ends
        if transaction:
            stack.enter_context(_transaction(cursor))
        for batch in plan:
            sql = statement(
                into,
                stage,
                batch,
                FORMATS.get(file_format, file_format),
                on_error=on_error,
                by_name=by_name,
                force=force,
            )
            with _bar(tracker, task, table, rows, watch.copied.rows, alone=alone) as bar:
                copy_batch(cursor, sql, batch, watch, bar)
    if purge is True:
        loaded = [file.file for file in watch.copied.files if file.status in ("LOADED", "LOAD_SKIPPED")]
        _remove(cursor, stage, [_as_staged(file, names) for file in loaded])
    watch.copied.strategy = strategy(len(plan), watch.estimates)
    return watch.copied


def copy_batch(
    cursor: Any,
    sql: str,
    batch: Sequence[Staged],
    watch: CopyWatch,
    bar: Task,
    check_stop: Callable[[], None] = lambda: None,
    lines: Callable[[str, int], int | None] = lambda file, line: line,
) -> list[FileResult]:
    """Execute the COPY `sql` of `batch`, move `bar`, and return the server's result for each file. `lines` maps its
    lines."""
    began = time.monotonic()
    watch.begin(bar)

    def note_state(state: str) -> None:
        watch.show_state(bar, batch, state)

    files = [
        file if file.line is None else file._replace(line=lines(file.file.rpartition("/")[2], file.line))
        for file in results(*execute_watched(cursor, sql, note_state, check_stop, watch.expected(batch)))
    ]
    watch.done(bar, batch, files, time.monotonic() - began)
    return files


def strategy(statements: int, estimates: bool) -> str:
    """Return in words how rows were counted."""
    words = "one statement" if statements == 1 else f"size-balanced batches ({statements}) in one transaction"
    return f"{words}, estimates between" if estimates else words


@contextlib.contextmanager
def _transaction(cursor: Any) -> Iterator[None]:
    cursor.execute("BEGIN")
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):  # a session that is lost has been rolled back
            cursor.execute("ROLLBACK")
        raise
    cursor.execute("COMMIT")


@contextlib.contextmanager
def _bar(
    tracker: ProgressTracker | None, task: Task | None, table: str, rows: int | None, done: int, *, alone: bool
) -> Iterator[Task]:
    if task is not None:
        yield task
        return
    assert tracker is not None
    begun: contextlib.AbstractContextManager[Task]
    if isinstance(tracker, SnowflakeProgress):  # its bars have positions of their own
        begun = tracker.shown(tracker.start_copy_operation(table, rows, completed=done, measured=not alone))
    else:
        task = tracker.add_task(
            f"COPY {table}", total=None if alone else rows, unit="row", color="cyan", completed=done
        )
        task.update(expected=counted(rows) if alone and rows is not None else None)
        begun = task
    with begun as bar:
        yield bar
        bar.update(total=rows, expected=None)


def _remove(cursor: Any, stage: str, names: Sequence[str]) -> None:
    for name in names:
        cursor.execute(f"REMOVE {_location(stage, name)}")


def _as_staged(listed: str, names: Sequence[str]) -> str:
    """Return the given name of the file for the server's name."""
    alike = [name for name in names if listed == name or listed.endswith(f"/{name}")]
    return max(alike, key=len, default=listed)


def _location(stage: str, name: str) -> str:
    """Return the location of a file on a stage, as in SQL."""
    where = f"@{stage.rstrip('/')}/{name}"
    return where if _PLAIN.fullmatch(name) else literal(where)
