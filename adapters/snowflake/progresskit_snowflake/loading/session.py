"""Talking to the warehouse: connecting, PUT, COPY, and the columns of a table.

Two sessions make a load: one uploads, the other holds a transaction open and copies. Does not know bars.
"""

from __future__ import annotations

import contextlib
import glob
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from progresskit import Task

from ..bars.copier import CopyWatch, copy_batch
from ..bars.uploading import Uploads, trial
from ..copying import FileResult, Staged, message_for_users
from ..counting.sources import Source, best_source
from ..counting.stopping import execute
from ..errors import LoadError
from ..sql.columns import Column, beside, create_table, literal, table_name
from ..versions import connector_version, patient, rows_of
from .summary import kept

NO_SUCH_OBJECT = 2003
"""The server's error number for an object that does not exist or is not visible."""
Keep = Literal["never", "failed", "always"]
"""The values of `keep_staged`: when the stage of a load is kept."""
CLEANUP_SECONDS = 0.3
"""Seconds that a clean-up waits for a running statement, before it uses another session."""
COMMIT_SECONDS = 20.0
"""Seconds that a load which is called off waits for the answer to its COMMIT, which says whether its rows are there."""


@contextlib.contextmanager
def connect(name: str | None, embedded: bool, pace: float | None = None) -> Iterator[Callable[[], Any]]:
    """Yield a function that opens sessions, with a connection of the connector's connections.toml or with a local
    server.

    Args:
        name: The connection's name; None with `embedded`.
        embedded: Whether to start a local server, stopped at the end.
        pace: Bytes a second that the local server takes of an upload; None: as fast as it can.

    Raises:
        LoadError: there is no such connection, or the server does not take it.
    """
    with contextlib.ExitStack() as stack:
        arguments: dict[str, Any] = {"connection_name": name}
        if embedded:
            from ..embedded import embedded_server

            arguments = stack.enter_context(embedded_server(pace=pace)).arguments

        import snowflake.connector

        if not embedded:
            own = _own(name)
            # The user's value is passed again, because 5.x warns if it is only in the file.
            arguments |= {key: own.get(key, value) for key, value in patient(connector_version()).items()}

        def open_session() -> Any:
            try:
                connection = snowflake.connector.connect(**arguments)
            except snowflake.connector.errors.Error as error:
                raise LoadError(f"connecting failed: {error.msg}") from error
            stack.callback(_close, connection)
            return connection

        yield open_session


def _own(name: str | None) -> dict[str, Any]:
    """Return the user's settings for the connection `name`."""
    with contextlib.suppress(Exception):  # connecting reports what is wrong
        from snowflake.connector.config_manager import CONFIG_MANAGER

        connections: Any = CONFIG_MANAGER["connections"]
        return dict(connections[name])
    return {}


def _close(connection: Any) -> None:
    with contextlib.suppress(Exception):  # the server may be gone
        connection.close()


class Session:
    """One session with the server, which executes one statement at a time.

    Args:
        connection: The connector's connection.
        again: Opens another one, for a clean-up that fails in this one.

    Attributes:
        left: Messages about objects that are left on the server.
    """

    def __init__(self, connection: Any, again: Callable[[], Any] | None = None) -> None:
        self.connection, self._again = connection, again
        self.left: list[str] = []
        self._cursor = connection.cursor()
        self._one = threading.Lock()

    def allow(self, doing: str) -> None:
        """Raise LoadError if `doing` is no longer allowed. The caller has the session, so that nothing happens in
        between."""

    def run(self, statement: str, doing: str, patience: float = -1) -> list[Any]:
        """Execute `statement` and return its rows.

        Args:
            statement: SQL, with names and texts quoted.
            doing: Its purpose, with which an error's message begins.
            patience: Seconds to wait for another thread's statement; -1: as long as it takes.

        Raises:
            LoadError: the server refused, or another statement took too long.
        """
        return self.attempt(lambda cursor: rows_of(cursor.execute(statement)), doing, patience)

    def attempt(
        self,
        work: Callable[[Any], list[Any]],
        doing: str,
        patience: float = -1,
        rewrite: Callable[[str], str] = lambda message: message,
    ) -> list[Any]:
        """Return the result of `work` with the session's cursor.

        Args:
            work: Gets the cursor, which no other code uses meanwhile.
            doing: Its purpose, with which an error's message begins.
            patience: Seconds to wait for another thread's statement; -1: as long as it takes.
            rewrite: Returns the message for users from the server's.

        Raises:
            LoadError: the server refused, or another statement took too long.
        """
        import snowflake.connector

        if not self._one.acquire(timeout=patience):
            raise LoadError(f"{doing} failed: another statement of the session is still running.")
        try:
            self.allow(doing)
            return work(self._cursor)
        except snowflake.connector.errors.Error as error:
            raise LoadError(f"{doing} failed: {rewrite(str(error.msg))}", error.errno) from error
        finally:
            self._one.release()

    def remove(self, what: str, spare: Session) -> None:
        """Drop `what`, as TABLE T, here, or, if that fails, in `spare` or in a new session; otherwise note that it
        stays.

        Both may still run a statement, and the server may have ended them, or be unreachable: an outage at which
        connector 5.x gives up an upload may be over by then.
        """
        statement = f"DROP {what.replace(' ', ' IF EXISTS ', 1)}"
        for session in (self, spare):
            with contextlib.suppress(LoadError):
                session.run(statement, "clearing away", CLEANUP_SECONDS)
                return
        if self._again is not None:
            with contextlib.suppress(LoadError):
                Session(self._again()).run(statement, "clearing away")
                return
        self.left.append(
            f"a {what.partition(' ')[0].lower()} of the load's own could not be removed: DROP {what} by hand."
        )

    def columns(self, table: str) -> list[Column] | None:
        """Return the columns of `table`; None if it does not exist, or is not visible to this user.

        Raises:
            LoadError: the server refused the query or did not answer.
        """
        try:
            rows = self.run(f"DESCRIBE TABLE {table_name(table)}", f"describing {table}")
        except LoadError as error:
            if error.number == NO_SUCH_OBJECT:
                return None
            raise
        return [Column(row[0], row[1], row[3] != "N", row[4] is not None) for row in rows] or None


class Staging(Session):
    """The session that uploads, to the load's own stage.

    The stage is not temporary, because a temporary one is visible in its own session only, and another session copies
    from it.

    Attributes:
        name: The stage's name, as SQL takes it.
        source: The counter of its uploads.
    """

    def __init__(self, connection: Any, like: Staging | None = None, again: Callable[[], Any] | None = None) -> None:
        super().__init__(connection, again)
        self.name: str = like.name if like else f"PROGRESSKIT_{secrets.token_hex(8).upper()}"
        self.source: Source = like.source if like else best_source(connection)

    @contextlib.contextmanager
    def stage(self, spare: Session, keep: Keep = "never") -> Iterator[None]:
        """Create the stage for the block. `spare` drops it if this session still uploads.

        `keep` says whether it is kept, with its files: if the block has `failed`, or `always`.
        """
        doubt = f"the server has not answered whether it has made a stage: DROP STAGE IF EXISTS {self.name} by hand."
        self.left.append(doubt)  # for a load that is called off meanwhile
        try:
            self.run(f"CREATE STAGE {self.name}", "creating a stage")
        finally:
            self.left.remove(doubt)
        stays = keep == "always"
        try:
            yield
        except BaseException:
            stays = keep != "never"
            if stays:
                self.left.append(kept(self.name))
            raise
        finally:
            if not stays:
                self.remove(f"STAGE {self.name}", spare)

    def put(self, path: Path, name: str, uploads: Uploads, check_stop: Callable[[], None] = lambda: None) -> None:
        """Upload the file at `path` unchanged, and move the bar. The name of `path` is plain; `name` is the user's name of the
        file.

        `check_stop` is called about ten times a second; its exception cancels the upload within a second.
        """
        compression = {".gz": "GZIP", ".zst": "ZSTD"}.get(path.suffix, "NONE")
        statement = (
            # The path is not a URL, so nothing is decoded. The connector reads it as a pattern, and the folder's name
            # may look like one.
            f"PUT {literal('file://' + glob.escape(path.absolute().as_posix()))} @{self.name} "
            f"AUTO_COMPRESS = FALSE SOURCE_COMPRESSION = {compression} OVERWRITE = TRUE"
        )
        doing = f"uploading {name}"
        with uploads.file(path.name, path.stat().st_size):
            try:
                rows = self.attempt(lambda cursor: execute(cursor, statement, check_stop), doing)
            except LoadError as error:
                failed = f"{doing} failed ({trial(self.name, uploads.attempts())})"
                raise LoadError(str(error).replace(f"{doing} failed", failed, 1), error.number) from error
        for row in rows:
            if "UPLOADED" not in row and "SKIPPED" not in row:
                raise LoadError(f"uploading {name} failed: {row}")


class Loading(Session):
    """The session that copies, in one transaction: all rows, or none.

    Attributes:
        published: Whether the rows are committed, and a new table has its name.
        in_doubt: Whether a commit was requested whose answer never came.
    """

    def __init__(self, connection: Any, again: Callable[[], Any] | None = None) -> None:
        super().__init__(connection, again)
        self._table = ""
        self._work: str | None = None
        self._targets = ""  # the columns of a table that the rows go through
        self.published = self.in_doubt = False
        self._commit_ended: threading.Event | None = None  # once the commit has been requested
        self._broken_off: threading.Thread | None = None  # the thread that rolls back

    def allow(self, doing: str) -> None:
        """Raise LoadError once the load is cancelled, except in the thread that rolls it back.

        A COPY after the ROLLBACK would run outside of the transaction, and load a part.
        """
        if self._broken_off not in (None, threading.current_thread()):
            raise LoadError(f"{doing} failed: the load has been broken off.")

    @contextlib.contextmanager
    def table(
        self,
        table: str,
        columns: list[Column],
        spare: Session,
        *,
        new: bool,
        emptied: bool = False,
        indirect: bool = False,
    ) -> Iterator[str]:
        """Provide a table to copy into, and roll back at the end of the block unless it was published.

        Args:
            table: The table's name.
            columns: The columns of a new one, or those of the files.
            spare: The session that drops the unfinished table if this one still copies.
            new: Whether it does not exist yet. It is then loaded under another name, and renamed by `publish`.
            emptied: Whether its rows are deleted in the same transaction.
            indirect: Whether the rows go into a table of just these columns first, from which `publish` inserts them: then its other
                columns get their defaults, where COPY would leave NULL.

        Yields:
            The name to copy into.
        """
        self._table, self.published, self.in_doubt, self._broken_off = table, False, False, None
        self._commit_ended = None
        self._targets = ", ".join(column.target for column in columns) if indirect else ""
        self._work = beside(table, f"PROGRESSKIT_{secrets.token_hex(8)}") if new or indirect else None
        try:
            if indirect:
                own = f"{self._work} AS SELECT {self._targets} FROM {table_name(table)} LIMIT 0"
                self.run(f"CREATE TABLE {own}", f"creating a table for the rows of {table}")
            elif self._work is not None:
                self.run(create_table(self._work, columns), f"creating {table}")
            # The creation comes first, because DDL would commit the transaction of the load.
            self.run("BEGIN", "beginning a transaction")
            if emptied:
                self.run(f"DELETE FROM {table_name(table)}", f"emptying {table}")
            yield self._work or table
        finally:
            self._await_commit()
            if not self.published:
                self._broken_off = threading.current_thread()
                with contextlib.suppress(LoadError):  # the session's end does the same
                    self.run("ROLLBACK", "rolling back", CLEANUP_SECONDS)
            if indirect or not self.published:
                self._drop_work(spare)

    def begin_anew(self, columns: list[Column]) -> None:
        """Roll back, and create the unfinished table again, with other `columns`."""
        assert self._work is not None  # types only change where the load made the table
        self.run("ROLLBACK", "rolling back")
        self._drop_work(self)
        self.run(create_table(self._work, columns), f"creating {self._table}")
        self.run("BEGIN", "beginning a transaction")

    def _drop_work(self, spare: Session) -> None:
        if self._work is not None:
            self.remove(f"TABLE {table_name(self._work)}", spare)

    def copy(
        self,
        statement: str,
        batch: Sequence[Staged],
        watch: CopyWatch,
        bar: Task,
        names: Mapping[str, str],
        check_stop: Callable[[], None] = lambda: None,
        lines: Callable[[str, int], int | None] = lambda file, line: line,
    ) -> list[FileResult]:
        """Execute the COPY `statement` of `batch`, move `bar`, and return the server's result for each file.

        `lines` returns the line of the user's file for the name of a staged file and a line of it.

        Raises:
            LoadError: the server refused. The message has the file, by the user's name in `names`, and the line, if the server
                names them.
        """
        return self.attempt(
            lambda cursor: copy_batch(cursor, statement, batch, watch, bar, check_stop, lines),
            f"copying into {self._table}",
            rewrite=lambda message: message_for_users(message, names, lines),
        )

    def publish(self) -> None:
        """Commit, and give a new table its name. A load that is called off meanwhile waits for the answer.

        Raises:
            LoadError: the server refused, or its answer did not come; then the load is `in_doubt`.
        """
        import snowflake.connector

        self._commit_ended = threading.Event()
        try:
            if self._targets:
                into = f"{table_name(self._table)} ({self._targets})"
                self.run(
                    f"INSERT INTO {into} SELECT {self._targets} FROM {self._work}", f"inserting into {self._table}"
                )
            self.run("COMMIT", "committing")
            if self._work is not None and not self._targets:
                names = f"{table_name(self._work)} RENAME TO {table_name(self._table)}"
                self.run(f"ALTER TABLE {names}", f"naming the new table {self._table}")
            self.published = True
        except LoadError as error:
            refused = snowflake.connector.errors.ProgrammingError  # by the server; others are the connection's
            self.in_doubt = error.__cause__ is not None and not isinstance(error.__cause__, refused)
            raise
        finally:
            self._commit_ended.set()

    def _await_commit(self) -> None:
        """Wait for the end of a commit that has been requested. A second Ctrl-C ends the wait."""
        if self._commit_ended is not None and not self._commit_ended.is_set():
            with contextlib.suppress(KeyboardInterrupt):
                self._commit_ended.wait(COMMIT_SECONDS)
            self.in_doubt = not self._commit_ended.is_set()
