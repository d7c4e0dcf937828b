"""DuckDB: a query whose progress is a task.

Knows DuckDB's settings for its progress bar and `query_progress`, which another thread may ask while a query runs.
"""

from __future__ import annotations

from typing import Any

from .._tracking.joining import current_tracker

SETTINGS = {"enable_progress_bar": "true", "enable_progress_bar_print": "false"}
"""The settings with which DuckDB reports its progress, and draws no bar of its own on standard output."""


class _Percent:
    """The progress of a connection's query in percent. DuckDB reports -1 between queries: the last percentage is kept then."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._last = 0.0

    def __call__(self) -> float:
        percent = float(self._connection.query_progress())
        if 0 <= percent <= 100:
            self._last = percent
        return self._last


def track_query(
    connection: Any, query: str, parameters: Any = None, *, description: str = "Query", **options: Any
) -> Any:
    """Run `query` on `connection`, as `connection.execute` does, with a task that shows its progress in percent.

    DuckDB's own bar stays off on this connection: a statement that restored the setting would discard the query's result.

    Args:
        connection: A connection of DuckDB.
        query: The SQL.
        parameters: What `execute` takes besides; None: nothing.
        description: The task's.
        options: What `ProgressTracker.add_task` takes besides: parent, keep, color.

    Returns:
        What `execute` returns: the connection, with the result.
    """
    for name, value in SETTINGS.items():
        connection.execute(f"SET {name} = {value}")
    percent = _Percent(connection)
    with current_tracker().add_task(description, total=100, unit="%", counter=percent, **options) as task:
        result = connection.execute(query) if parameters is None else connection.execute(query, parameters)
        task._poll()
        task.update(completed=100)
    return result
