"""Talking to the warehouse: connecting, PUT, COPY, and the columns of a table."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .columns import Column, literal, table_name

FORMAT = "FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1 FIELD_OPTIONALLY_ENCLOSED_BY = '\"' NULL_IF = ({nulls}))"


class LoadError(Exception):
    """The load failed; the sentence says at what, and what the server or connector said."""


@contextlib.contextmanager
def connect(name: str | None, embedded: bool) -> Iterator[Any]:
    """Open a connection: by its name in the connector's connections.toml, or to a server started for it.

    Raises:
        LoadError: there is no such connection, or the server does not take it.
    """
    import snowflake.connector

    with contextlib.ExitStack() as stack:
        try:
            if embedded:
                from .embedded import embedded_server

                arguments = stack.enter_context(embedded_server())
                connection = snowflake.connector.connect(**arguments)
            else:
                connection = snowflake.connector.connect(connection_name=name)
        except snowflake.connector.errors.Error as error:
            raise LoadError(f"connecting failed: {error.msg}") from error
        try:
            yield connection
        finally:
            connection.close()


class Session:
    """One load's words with the server. Its stage is temporary: it goes with the session, whatever happens."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._stage = f"PROGRESSKIT_{secrets.token_hex(8).upper()}"
        self._cursor = connection.cursor()

    def run(self, statement: str, doing: str) -> list[Any]:
        """Execute `statement` and return its rows.

        Raises:
            LoadError: the server refused; `doing` begins the sentence.
        """
        import snowflake.connector

        try:
            return list(self._cursor.execute(statement).fetchall())
        except snowflake.connector.errors.Error as error:
            raise LoadError(f"{doing} failed: {error.msg}") from error

    def make_stage(self) -> None:
        """Create the load's own temporary stage."""
        self.run(f"CREATE TEMPORARY STAGE {self._stage}", "creating a temporary stage")

    def put(self, path: Path, name: str) -> None:
        """Upload the gzip file at `path`, whose own name is plain; `name` is what the user knows it by."""
        rows = self.run(
            f"PUT {literal(path.resolve().as_uri())} @{self._stage} "
            "AUTO_COMPRESS = FALSE SOURCE_COMPRESSION = GZIP OVERWRITE = TRUE",
            f"uploading {name}",
        )
        for row in rows:
            if "UPLOADED" not in row and "SKIPPED" not in row:
                raise LoadError(f"uploading {name} failed: {row}")

    def columns(self, table: str) -> list[Column] | None:
        """Return the columns of `table`, or None if it is not there."""
        try:
            rows = self.run(f"DESCRIBE TABLE {table_name(table)}", f"describing {table}")
        except LoadError:
            return None
        return [Column(row[0], _kind(row[1])) for row in rows]

    def copy(self, table: str, statement: str | None, nulls: Sequence[str] = ()) -> tuple[int, list[Any]]:
        """Create the table by `statement` if one is given, and copy all staged files: all rows, or none.

        The creation comes first: as DDL it would commit the transaction that makes the copy one whole.
        """
        if statement is not None:
            self.run(statement, f"creating {table}")
        values = ", ".join(map(literal, ("", *nulls)))
        self.run("BEGIN", "beginning a transaction")
        try:
            rows = self.run(
                f"COPY INTO {table_name(table)} FROM @{self._stage} {FORMAT.format(nulls=values)}",
                f"copying into {table}",
            )
            loaded = sum(int(row[3]) for row in rows)
        except BaseException:
            with contextlib.suppress(Exception):  # the first error is the one to tell
                self._cursor.execute("ROLLBACK")
            raise
        self.run("COMMIT", "committing")
        return loaded, rows


def _kind(declared: str) -> str:
    """Return the type that values are checked by, for what DESCRIBE says."""
    kind = declared.upper()
    if kind.startswith(("NUMBER", "INT", "BIGINT", "DECIMAL")):
        scale = kind.partition(",")[2].rstrip(") ")
        return "FLOAT" if scale not in ("", "0") else "NUMBER(38,0)"
    for name in ("FLOAT", "DATE", "TIMESTAMP_NTZ"):
        if kind.startswith(name.split("_")[0]):
            return name
    return "VARCHAR"
