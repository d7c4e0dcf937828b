"""One upload and its bar: PUT in the caller's thread, the counting beside it."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from progresskit import ProgressTracker, Task

from .columns import literal
from .sources import Source, best_source

EVERY = 0.05
"""Seconds between two looks at the counter: a socket that is closed between two is not seen to its end."""


@contextlib.contextmanager
def counted(task: Task, source: Source, size: int) -> Iterator[None]:
    """Have `source` move `task` while the block uploads `size` bytes; all of them are up only when the block is left."""
    source.begin(size)
    over = threading.Event()

    def look() -> None:
        while not over.wait(EVERY):
            sent = source.sent()
            if sent is None:
                task.update(measured="per file")
                return
            fields: dict[str, Any] = {"phase": "finalising" if sent >= size else None}
            if source.attempts > 1:
                fields["retry"] = str(source.attempts - 1)
            task.update(completed=sent, **fields)

    thread = threading.Thread(target=look, name="upload counter", daemon=True)
    thread.start()
    try:
        yield
    except BaseException:
        over.set()
        raise
    over.set()
    thread.join()
    task.update(completed=size, phase=None)


def put(
    cursor: Any,
    path: str | os.PathLike[str],
    stage: str,
    *,
    tracker: ProgressTracker | None = None,
    task: Task | None = None,
    source: Source | None = None,
    options: str = "AUTO_COMPRESS = FALSE OVERWRITE = TRUE",
) -> list[Any]:
    """Upload the file at `path` to `stage` with a bar of the bytes that have arrived, and return the rows of PUT.

    Args:
        cursor: A cursor of the connector.
        path: The file. It goes as it is: compress it before, or say `AUTO_COMPRESS = TRUE` and have a bar of whole files.
        stage: The stage, as SQL takes it, without the `@`.
        tracker: Where the bar is shown; None takes one of its own.
        task: A bar to move in place of a new one; the caller ends it.
        source: What counts; None takes the most truthful that there is.
        options: What stands behind the stage in the statement.

    Raises:
        OSError: the file cannot be read.
        snowflake.connector.errors.Error: what the connector raises.

    Example:
        >>> put(cursor, "orders.csv.gz", "MY_STAGE")  # doctest: +SKIP
    """
    file = Path(path)
    size = file.stat().st_size
    statement = f"PUT {literal('file://' + file.absolute().as_posix())} @{stage} {options}"
    if source is None:
        source = best_source(cursor.connection)
    with contextlib.ExitStack() as stack:
        if task is None:
            tracker = stack.enter_context(ProgressTracker()) if tracker is None else tracker
            task = stack.enter_context(tracker.add_task(f"Upload {file.name}", total=size, unit="B", color="green"))
        with counted(task, source, size):
            return list(cursor.execute(statement).fetchall())
