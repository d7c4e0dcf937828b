"""The ledger of a table's loaded contents: a second table, which is written in the transaction of the load.

Knows SQL and digests. Does not know files.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import NamedTuple

from ..sql.columns import beside, literal, parts_of

NAME = "PROGRESSKIT_LOADED"
"""The ledger table, one in each schema whose tables are loaded with `--skip-loaded`."""


class Entry(NamedTuple):
    """A file that was loaded.

    Attributes:
        digest: The digest of its decompressed bytes.
        file: Its name.
        rows: The number of its rows.
    """

    digest: str
    file: str
    rows: int


class Ledger:
    """The statements about the loaded contents of `table`.

    Args:
        table: The table, as SQL takes it.

    Example:
        >>> Ledger('raw."Orders"').known()
        "SELECT DIGEST FROM raw.PROGRESSKIT_LOADED WHERE TABLE_NAME = 'Orders'"
    """

    def __init__(self, table: str) -> None:
        own = parts_of(table)[-1]
        self._own = literal(own[1:-1].replace('""', '"') if own.startswith('"') else own.upper())
        self._name = beside(table, NAME)

    def create(self) -> str:
        """Return the statement that creates the ledger, if there is none."""
        columns = "TABLE_NAME VARCHAR, DIGEST VARCHAR, FILE VARCHAR, ROW_COUNT NUMBER(38,0), LOADED_AT VARCHAR"
        return f"CREATE TABLE IF NOT EXISTS {self._name} ({columns})"

    def known(self) -> str:
        """Return the query for the digests of the table's contents."""
        return f"SELECT DIGEST FROM {self._name} WHERE TABLE_NAME = {self._own}"

    def forget(self) -> str:
        """Return the statement that forgets all contents of the table, because it is emptied or new."""
        return f"DELETE FROM {self._name} WHERE TABLE_NAME = {self._own}"

    def remember(self, entries: Sequence[Entry]) -> str:
        """Return the statement that records some files."""
        now = literal(datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))
        rows = ", ".join(
            f"({self._own}, {literal(one.digest)}, {literal(one.file)}, {one.rows:d}, {now})" for one in entries
        )
        return f"INSERT INTO {self._name} (TABLE_NAME, DIGEST, FILE, ROW_COUNT, LOADED_AT) VALUES {rows}"
