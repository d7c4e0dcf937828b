"""Uploads and their bars: counting during an upload, one bar over all uploads in progress, and `put` for files.

Knows bars and counters. `wire` knows which bytes are sent, and `stopping` how a statement is stopped.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from progresskit import ProgressTracker, Task

from ..counting.corelog import core_log
from ..counting.request_bodies import body_log
from ..counting.sources import Source, best_source
from ..counting.stopping import execute
from ..counting.wire import Packing, expand
from ..sql.columns import literal, stage_name
from .estimating import UploadEstimate
from .progress import SnowflakeProgress

SAMPLE_SECONDS = 0.03
"""Seconds between two samples of the counter. The end of a socket that is closed between two samples is not seen."""
BESIDE = 16 << 10
"""Bytes that may be sent in addition to those of files: requests, and their headers."""


class UploadError(Exception):
    """An upload failed for good. The message says which, where to, how often it was tried, and the connector's error.

    Attributes:
        file: The file.
        stage: Where to.
        attempts: How often bytes were sent.
        number: The server's or the connector's own number of the error; None where there is none.
    """

    def __init__(self, file: str, stage: str, attempts: int, message: str, number: int | None = None) -> None:
        super().__init__(f"uploading {file} failed ({trial(stage, attempts)}): {message}")
        self.file, self.stage, self.attempts, self.number = file, stage, attempts, number


def trial(stage: str, attempts: int) -> str:
    """Return the destination and the number of attempts, for a message.

    Example:
        >>> trial("raw.orders", 6), trial("raw.orders", 1)
        ('to @raw.orders, after 6 attempts', 'to @raw.orders')
    """
    return f"to @{stage}, after {attempts} attempts" if attempts > 1 else f"to @{stage}"


class Uploads:
    """One bar over any number of uploads, several at once, which shows their sum. Safe from any thread.

    Args:
        task: The bar, in bytes; the caller ends it.
        source: The counter.
        grow: Whether the bar's total grows by each file; otherwise it is known from the beginning.
        files: The number of files, so that the time left includes the gaps between them; None if unknown.

    Example:
        >>> from progresskit_snowflake.counting.sources import WholeFiles
        >>> task = tracker.add_task("Upload", unit="B")
        >>> uploads = Uploads(task, WholeFiles(), grow=True)
        >>> with uploads.file("orders.csv.gz", 1_000):
        ...     pass  # PUT
        >>> task.completed, task.total
        (1000, 1000)
    """

    def __init__(self, task: Task, source: Source, *, grow: bool = False, files: int | None = None) -> None:
        self._task, self._source, self._grow = task, source, grow
        self._lock = threading.Lock()
        self._sizes: list[int] = []  # of the files under way
        self._named: dict[str, int] = {}  # these, by name
        self._attempts_reported: dict[str, int] = {}  # the attempt at each file that the connector has reported
        self._refused: int | None = None  # the storage's answer after which nothing was sent
        self._done = int(task.completed)
        self._going: dict[str, int] = {}  # the files in progress for which an attempt has begun, with their sizes
        self._ended = self._begun = 0  # files
        self._sending, self._mark = (
            False,
            0,
        )  # whether bytes are in transit; else from which count on
        self._entered = 0.0  # when the first file in progress began
        self._estimate = None if files is None else UploadEstimate(task.initial, files)
        if self._estimate is not None:
            task.estimate = self._estimate

    @contextlib.contextmanager
    def file(self, name: str, size: int) -> Iterator[None]:
        """Count the upload of a file by the block, called `name` on the stage, of `size` bytes. It is complete when the
        block ends, and removed from the count when the block raises."""
        core_log.add(self)
        body_log.add(self)
        with self._lock:
            if not self._sizes:
                self._task.update(retry=None)  # that belonged to others
                self._entered = self._task.tracker.clock()
            self._source.begin(size)
            self._sizes.append(size)
            self._named[name] = size
            if self._grow:
                self._task.update(total=(self._task.total or 0) + size)
        _sampler.add(self)
        well = False
        try:
            yield
            well = True
        finally:
            core_log.remove(self)
            body_log.remove(self)
            with self._lock:
                self._source.sent()
                retries = self._source.attempts - 1
                self._sizes.remove(size)
                self._named.pop(name, None)
                self._going.pop(name, None)
                self._ended += 1
                self._mark = max(self._mark - size, 0)
                self._source.end(size, well=well)
                if retries > 0:
                    self._task.update(retry=str(retries))
                self._done += size if well else 0
                if self._grow and not well:
                    self._task.update(total=(self._task.total or 0) - size)
                if not self._sizes:
                    _sampler.remove(self)
                    self._attempts_reported, self._refused = {}, None
                    self._task.update(completed=self._done, phase=None)
                    self._goes(0)
            if self._sizes:
                self.refresh()

    def refresh(self) -> None:
        """Move the bar to the uploaded bytes."""
        with self._lock:
            if not self._sizes:
                return
            sent = self._source.sent()
            if sent is None:
                self._task.update(completed=self._done, measured="per file")
                self._goes(None)
                return
            phase = "finalising" if sent >= sum(self._sizes) else None
            if self._refused is not None:
                phase = f"refused ({self._refused}), retrying"
            elif self._source.broken:
                phase = "retrying"
            fields: dict[str, Any] = {"phase": phase}
            if self._source.attempts > 1:
                fields["retry"] = str(self._source.attempts - 1)
            if not (self._task.waiting and sent <= BESIDE):  # requests alone do not begin an upload
                self._task.update(completed=self._done + sent)
            self._task.update(**fields)
            self._goes(sent)

    def attempted(self, name: str, attempt: int) -> None:
        """Note the connector's report that an attempt at the file `name` begins: bytes of earlier attempts no longer
        count."""
        with self._lock:
            if name not in self._named:
                return
            if self._task.waiting:  # its time begins with the first byte
                if self._estimate is not None:
                    self._estimate.waited(self._task.tracker.clock() - self._entered)
                self._task.start()
            self._going[name] = self._named[name]
            self._attempts_reported[name] = attempt
            self._refused = None
            self._source.sent()  # a broken connection is detected by itself
            for _ in range(1 + sum(one - 1 for one in self._attempts_reported.values()) - self._source.attempts):
                self._source.refused(self._named[name])
            if not self._sending:
                self._mark = (self._source.sent() or 0) + BESIDE

    def _goes(self, sent: int | None) -> None:
        """Report to the estimate whether bytes are in transit, and that `sent` have arrived."""
        if self._estimate is None:
            return
        if sent is None or sent > sum(self._going.values()) + BESIDE:  # attempts are not reported
            self._going = dict(self._named)
        size = sum(self._going.values())
        over = sent is not None and sent >= size
        self._sending = not over and (self._sending or sent is None or sent > self._mark)
        if self._sending or over:
            self._begun = max(self._begun, self._ended + len(self._going))
        time = self._task.elapsed
        self._estimate.goes(time, int(self._task.completed), sending=self._sending, begun=self._begun)

    def answered(self, status: int) -> None:
        """Note the storage's answer to a request."""
        with self._lock:
            self._refused = status if status >= 400 else None

    def attempts(self) -> int:
        """Return how often bytes of the uploads in progress have been sent; 1 if that is not counted."""
        with self._lock:
            self._source.sent()
            counted = max(self._source.attempts - self._source.broken, 1)
            return max(counted, 1 + sum(one - 1 for one in self._attempts_reported.values()))

    def tell(self, **fields: Any) -> None:
        """Update the bar, unless it moves."""
        with self._lock:
            if not self._sizes:
                self._task.update(**fields)


class _Sampler:
    """Samples all uploads of the process, in one thread that runs while there are any."""

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
        while not over.wait(SAMPLE_SECONDS):
            with self._lock:
                uploads = list(self._uploads)
            for one in uploads:
                with contextlib.suppress(OSError):  # a failed sample is followed by the next
                    one.refresh()


_sampler = _Sampler()


def counted(task: Task, source: Source, size: int) -> contextlib.AbstractContextManager[None]:
    """Move `task` by `source` while the block uploads `size` bytes. The upload is complete only when the block ends."""
    return Uploads(task, source).file(task.description, size)


def put(
    cursor: Any,
    path: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    stage: str,
    *,
    compress: bool = True,
    overwrite: bool = False,
    parallel: int | None = None,
    tracker: ProgressTracker | None = None,
    uploads: Uploads | None = None,
    source: Source | None = None,
) -> list[Any]:
    """Upload files to `stage` with a bar of the bytes that have arrived, and return the rows of PUT, one a file.

    Files are compressed here, in the background, with their own bar. The total is the number of bytes to send, which is
    unknown until all files are compressed. The compressed copies need space in the folder for temporary files. Large
    files are sent one by one, small ones up to a hundred in a statement. If there are several files, the bar `Files`
    counts them.

    Args:
        cursor: A cursor of the connector that no other code uses meanwhile.
        path: A file, or several. A string that names no file may have the wildcards `*`, `?` and `[...]`. Names may
            have any characters, because they are not put into statements.
        stage: The stage, as in SQL: `raw.orders`, `~`, `%orders`, `"my stage"/a/folder`.
        compress: Whether uncompressed files are sent as gzip, with `.gz` appended to their names.
        overwrite: Whether files replace those of the same name on the stage; otherwise they are skipped.
        parallel: Parts of a large file, or files of a statement, that are sent at once, 1 to 99; None: the connector's
            default.
        tracker: The tracker of the bars; None makes one.
        uploads: A bar to move instead of new ones, which several cursors may share; the caller ends it.
        source: The counter; None takes the most accurate one available.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: a file cannot be read, or there is no room for its compressed copy.
        ValueError: `stage` is not a stage, or two files have the same name.
        UploadError: the connector or the server refused; files that were uploaded before stay.
        KeyboardInterrupt: within a second of Ctrl-C. The upload has then ended and the session can be used, unless its
            network hangs.

    Example:
        >>> put(cursor, "orders-*.csv", "raw.orders")  # doctest: +SKIP
    """
    target = stage_name(stage)
    if parallel is not None and not 1 <= parallel <= 99:
        raise ValueError(f"parallel={parallel!r:.20} is no number of parts: give 1 to 99.")
    files = expand(path)
    options = f"AUTO_COMPRESS = FALSE OVERWRITE = {str(overwrite).upper()}"
    options += "" if parallel is None else f" PARALLEL = {parallel:d}"
    rows: list[Any] = []
    with contextlib.ExitStack() as stack:
        if uploads is None and tracker is None:
            tracker = stack.enter_context(ProgressTracker())
        if uploads is None and source is None:
            source = best_source(cursor.connection)
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="progresskit-", ignore_cleanup_errors=True))
        )
        packing = Packing(files, folder, compress=compress)
        bars = stack.enter_context(_Bars(packing, len(files), tracker, uploads, source))
        stack.enter_context(packing)
        for batch in packing:
            name = batch.files[0].source.name if len(batch.files) == 1 else f"{len(batch.files)} files"
            going = bars.uploading(name)
            statement = f"PUT {literal('file://' + batch.pattern)} @{target} {options}"
            with contextlib.ExitStack() as under_way:
                for file in batch.files:
                    under_way.enter_context(going.file(file.name, file.size))
                found = _executed(cursor, statement, bars, going, name, target)
            rows += found
            bars.uploaded(len(batch.files), sum("SKIPPED" in _values(row) for row in found))
    return rows


def _executed(cursor: Any, statement: str, bars: _Bars, uploads: Uploads, name: str, stage: str) -> list[Any]:
    """Execute a PUT and return its rows, none of which has failed."""
    from snowflake.connector.errors import Error

    try:
        rows = execute(cursor, statement, bars.refresh)
    except Error as error:
        raise UploadError(name, stage, uploads.attempts(), str(error.msg), error.errno) from error
    for row in rows:
        if "UPLOADED" not in _values(row) and "SKIPPED" not in _values(row):
            raise UploadError(name, stage, uploads.attempts(), " ".join(map(str, _values(row))))
    return rows


def _values(row: Any) -> Any:
    return row.values() if isinstance(row, dict) else row


class _Bars:
    """The bars of one `put`: Files if there are several, Compression and Upload while they are at work; or the
    caller's."""

    def __init__(
        self,
        packing: Packing,
        files: int,
        tracker: ProgressTracker | None,
        uploads: Uploads | None,
        source: Source | None,
    ) -> None:
        self._packing, self._count = packing, files
        self._tracker, self._uploads, self._source = tracker, uploads, source
        self._stack = contextlib.ExitStack()
        self._files: Task | None = None
        self._compression: Task | None = None
        self._upload: Task | None = None
        self._skipped = 0

    def __enter__(self) -> _Bars:
        if self._tracker is not None and self._uploads is None:
            if self._count > 1:
                self._files = self._begin("Files", self._count, "file", "blue")
            if self._packing.to_compress:
                self._compression = self._begin("Compression", self._packing.to_compress, "B", "magenta")
        elif self._uploads is not None and self._packing.to_compress:
            self._uploads.tell(phase="compressing")
        self._packing.advance = self._compressed
        return self

    def __exit__(self, *exception: Any) -> bool | None:
        return self._stack.__exit__(*exception)

    def uploading(self, name: str) -> Uploads:
        """Return the context that moves the bar during the upload of `name`."""
        if self._uploads is None:
            assert self._tracker is not None  # otherwise `put` has its own
            assert self._source is not None
            self._upload = self._begin(f"Upload {name}", None, "B", "blue")
            self._uploads = Uploads(self._upload, self._source, files=self._count)
        elif self._upload is not None:
            self._upload.update(fields={"": name})
        self.refresh()
        return self._uploads

    def refresh(self) -> None:
        """Add the bytes compressed so far; when all are compressed, they are the total."""
        total = self._packing.total()
        if total is None:
            return
        if self._compression is not None:
            self._compression.finish()
            self._compression = None
        if self._upload is not None and self._upload.total is None:
            self._upload.update(total=total)

    def uploaded(self, files: int, skipped: int) -> None:
        """Count uploaded files, and those of them that were on the stage already."""
        self._skipped += skipped
        if self._files is not None:
            self._files.advance(files)
        if self._skipped and self._upload is not None:  # the caller owns this task
            (self._files or self._upload).update(skipped=self._skipped)

    def _compressed(self, size: int) -> None:
        if self._compression is not None:
            self._compression.advance(size)

    def _begin(self, name: str, total: float | None, unit: str, color: str) -> Task:
        assert self._tracker is not None  # the caller has entered it
        kind, _, detail = name.partition(" ")
        if isinstance(self._tracker, SnowflakeProgress):  # its bars have positions of their own
            return self._stack.enter_context(self._tracker.shown(self._tracker.phase(kind, total, unit, detail=detail)))
        fields = {"": detail} if detail else None
        task = self._tracker.add_task(kind, total, unit=unit, color=color, keep=kind != "Compression", fields=fields)
        return self._stack.enter_context(task)
