"""What a table has got, by content: a table of its own beside it, written in the transaction that loads.

Knows SQL's statements and digests, and nothing of files.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import NamedTuple

from ..sql.columns import beside, literal, parts_of

NAME = "PROGRESSKIT_LOADED"
"""The table in each schema whose tables are loaded with `--skip-loaded`."""


class Entry(NamedTuple):
    """A file that was loaded.

    Attributes:
        digest: Of its bytes, unpacked.
        file: What it was called.
        rows: How many it has brought.
    """

    digest: str
    file: str
    rows: int


class Ledger:
    """The statements about what `table` has got.

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
        """Return what makes the ledger, where there is none."""
        columns = "TABLE_NAME VARCHAR, DIGEST VARCHAR, FILE VARCHAR, ROW_COUNT NUMBER(38,0), LOADED_AT VARCHAR"
        return f"CREATE TABLE IF NOT EXISTS {self._name} ({columns})"

    def known(self) -> str:
        """Return what tells the digests of what the table has got."""
        return f"SELECT DIGEST FROM {self._name} WHERE TABLE_NAME = {self._own}"

    def forget(self) -> str:
        """Return what forgets all that the table has got: it is emptied, or new."""
        return f"DELETE FROM {self._name} WHERE TABLE_NAME = {self._own}"

    def remember(self, entries: Sequence[Entry]) -> str:
        """Return what remembers some files."""
        now = literal(datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))
        rows = ", ".join(
            f"({self._own}, {literal(one.digest)}, {literal(one.file)}, {one.rows:d}, {now})" for one in entries
        )
        return f"INSERT INTO {self._name} (TABLE_NAME, DIGEST, FILE, ROW_COUNT, LOADED_AT) VALUES {rows}"
