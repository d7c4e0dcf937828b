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
from .stopping import execute

EVERY = 0.05
"""Seconds between two looks at the counter: a socket that is closed between two is not seen to its end."""


class Uploads:
    """One bar over any number of uploads, several at once: right in sum. Safe from any thread.

    Args:
        task: The bar, in bytes; the caller ends it.
        source: What counts.
        grow: Whether the bar's total grows by each file; else it was given up front.

    Example:
        >>> from progresskit_snowflake.sources import WholeFiles
        >>> task = tracker.add_task("Upload", unit="B")
        >>> uploads = Uploads(task, WholeFiles(), grow=True)
        >>> with uploads.file("orders.csv.gz", 1_000):
        ...     pass  # PUT
        >>> task.completed, task.total
        (1000, 1000)
    """

    def __init__(self, task: Task, source: Source, *, grow: bool = False) -> None:
        self._task, self._source, self._grow = task, source, grow
        self._lock = threading.Lock()
        self._sizes: list[int] = []  # of the files under way
        self._done = int(task.completed)

    @contextlib.contextmanager
    def file(self, name: str, size: int) -> Iterator[None]:
        """Have the block upload the file `name`, of `size` bytes: up when it is left, taken back when it raises."""
        with self._lock:
            self._source.begin(size)
            self._sizes.append(size)
            if self._grow:
                self._task.update(total=(self._task.total or 0) + size)
        _sampler.add(self)
        well = False
        try:
            yield
            well = True
        finally:
            with self._lock:
                self._sizes.remove(size)
                self._source.end(size, well=well)
                self._done += size if well else 0
                if self._grow and not well:
                    self._task.update(total=(self._task.total or 0) - size)
                if not self._sizes:
                    _sampler.remove(self)
                    self._task.update(completed=self._done, phase=None)
            if self._sizes:
                self.look()

    def look(self) -> None:
        """Move the bar to what is up by now."""
        with self._lock:
            if not self._sizes:
                return
            sent = self._source.sent()
            if sent is None:
                self._task.update(completed=self._done, measured="per file")
                return
            fields: dict[str, Any] = {"phase": "finalising" if sent >= sum(self._sizes) else None}
            if self._source.attempts > 1:
                fields["retry"] = str(self._source.attempts - 1)
            self._task.update(completed=self._done + sent, **fields)


class _Sampler:
    """Looks at all uploads of the process, in one thread that lives while there are any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._uploads: set[Uploads] = set()
        self._over = threading.Event()

    def add(self, uploads: Uploads) -> None:
        with self._lock:
            if not self._uploads:
                self._over = threading.Event()
                threading.Thread(target=self._run, args=(self._over,), name="upload counter", daemon=True).start()
            self._uploads.add(uploads)

    def remove(self, uploads: Uploads) -> None:
        with self._lock:
            self._uploads.discard(uploads)
            if not self._uploads:
                self._over.set()

    def _run(self, over: threading.Event) -> None:
        while not over.wait(EVERY):
            with self._lock:
                uploads = list(self._uploads)
            for one in uploads:
                with contextlib.suppress(OSError):  # a look that fails is followed by the next
                    one.look()


_sampler = _Sampler()


def counted(task: Task, source: Source, size: int) -> contextlib.AbstractContextManager[None]:
    """Have `source` move `task` while the block uploads `size` bytes; all of them are up only when the block is left."""
    return Uploads(task, source).file(task.description, size)


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
        KeyboardInterrupt: within a second. The upload has then ended and the session can be used, unless its network is stuck.
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
            return execute(cursor, statement)
