"""Uploads and their bars: the counting beside what uploads, one bar over all that is under way, and `put` for files.

Knows bars, and who counts. What goes over the wire is `wire`'s to know, how a statement is stopped `stopping`'s.
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

EVERY = 0.03
"""Seconds between two looks at the counter: a socket that is closed between two is not seen to its end."""
BESIDE = 16 << 10
"""Bytes that may go beside those of files: requests, and their headers."""


class UploadError(Exception):
    """An upload failed for good; the sentence says which, where to, how often it was tried, and what the connector said.

    Attributes:
        file: What was uploaded.
        stage: Where to.
        attempts: How often bytes were sent.
        number: The server's or the connector's own number of the error; None where there is none.
    """

    def __init__(self, file: str, stage: str, attempts: int, message: str, number: int | None = None) -> None:
        super().__init__(f"uploading {file} failed ({trial(stage, attempts)}): {message}")
        self.file, self.stage, self.attempts, self.number = file, stage, attempts, number


def trial(stage: str, attempts: int) -> str:
    """Return where to and how often something was tried, for a sentence.

    Example:
        >>> trial("raw.orders", 6), trial("raw.orders", 1)
        ('to @raw.orders, after 6 attempts', 'to @raw.orders')
    """
    return f"to @{stage}, after {attempts} attempts" if attempts > 1 else f"to @{stage}"


class Uploads:
    """One bar over any number of uploads, several at once: right in sum. Safe from any thread.

    Args:
        task: The bar, in bytes; the caller ends it.
        source: What counts.
        grow: Whether the bar's total grows by each file; else it was given up front.
        files: How many will go in all, so that the time left takes in what lies between them; None where nobody knows.

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
        self._told: dict[str, int] = {}  # which attempt at a file the connector has told of
        self._refused: int | None = None  # how the storage has answered, since when nothing was sent
        self._done = int(task.completed)
        self._going: dict[str, int] = {}  # of the files under way those that an attempt has begun at, with their sizes
        self._ended = self._begun = 0  # files
        self._sending, self._mark = False, 0  # whether bytes are on their way, or else beyond how many they are
        self._entered = 0.0  # when the first of those under way was
        self._estimate = None if files is None else UploadEstimate(task.initial, files)
        if self._estimate is not None:
            task.estimate = self._estimate

    @contextlib.contextmanager
    def file(self, name: str, size: int) -> Iterator[None]:
        """Have the block upload a file, called `name` on the stage, of `size` bytes: up when it is left, taken back when it raises."""
        core_log.add(self)
        body_log.add(self)
        with self._lock:
            if not self._sizes:
                self._task.update(retry=None)  # that was of others
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
                    self._told, self._refused = {}, None
                    self._task.update(completed=self._done, phase=None)
                    self._goes(0)
            if self._sizes:
                self.refresh()

    def refresh(self) -> None:
        """Move the bar to what is up by now."""
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
            if not (self._task.waiting and sent <= BESIDE):  # requests alone begin no upload
                self._task.update(completed=self._done + sent)
            self._task.update(**fields)
            self._goes(sent)

    def attempted(self, name: str, attempt: int) -> None:
        """Hear of the connector that an attempt at the file `name` begins: what was sent of it before counts no more."""
        with self._lock:
            if name not in self._named:
                return
            if self._task.waiting:  # its time begins with the first byte: what came before is no pace
                if self._estimate is not None:
                    self._estimate.waited(self._task.tracker.clock() - self._entered)
                self._task.start()
            self._going[name] = self._named[name]
            self._told[name] = attempt
            self._refused = None
            self._source.sent()  # a connection that broke tells by itself
            for _ in range(1 + sum(one - 1 for one in self._told.values()) - self._source.attempts):
                self._source.refused(self._named[name])
            if not self._sending:
                self._mark = (self._source.sent() or 0) + BESIDE

    def _goes(self, sent: int | None) -> None:
        """Tell the estimate whether bytes are on their way, of which `sent` have arrived."""
        if self._estimate is None:
            return
        if sent is None or sent > sum(self._going.values()) + BESIDE:  # nobody tells of attempts
            self._going = dict(self._named)
        size = sum(self._going.values())
        over = sent is not None and sent >= size
        self._sending = not over and (self._sending or sent is None or sent > self._mark)
        if self._sending or over:
            self._begun = max(self._begun, self._ended + len(self._going))
        time = self._task.elapsed
        self._estimate.goes(time, int(self._task.completed), sending=self._sending, begun=self._begun)

    def answered(self, status: int) -> None:
        """Hear how the storage has answered a request."""
        with self._lock:
            self._refused = status if status >= 400 else None

    def attempts(self) -> int:
        """Return how often bytes of the uploads under way have been sent; 1 where nobody counts."""
        with self._lock:
            self._source.sent()
            counted = max(self._source.attempts - self._source.broken, 1)
            return max(counted, 1 + sum(one - 1 for one in self._told.values()))

    def tell(self, **fields: Any) -> None:
        """Update the bar, unless it moves."""
        with self._lock:
            if not self._sizes:
                self._task.update(**fields)


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
                    one.refresh()


_sampler = _Sampler()


def counted(task: Task, source: Source, size: int) -> contextlib.AbstractContextManager[None]:
    """Have `source` move `task` while the block uploads `size` bytes; all of them are up only when the block is left."""
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

    What is to be compressed is compressed here, in the background, under a bar of its own: so the total is what goes over the
    wire, and unknown until all is compressed. The compressed copies take room in the folder for temporary files. Large files
    go one by one, small ones up to a hundred in a statement. `Files` counts them where there are several.

    Args:
        cursor: A cursor of the connector, that nobody else uses meanwhile.
        path: A file, or several. A string that names no file may have the wildcards `*`, `?` and `[...]`. Names may hold
            anything: they go into no statement.
        stage: The stage, as SQL takes it: `raw.orders`, `~`, `%orders`, `"my stage"/a/folder`.
        compress: Whether files that are not compressed yet go as gzip, with `.gz` behind their names.
        overwrite: Whether files on the stage give way to those of their name; else they are skipped.
        parallel: Parts of a large file, or files of a statement, that go at once, 1 to 99; None: as the connector has it.
        tracker: Where the bars are shown; None takes one of its own.
        uploads: A bar to move in place of all others, that several cursors may share; the caller ends it.
        source: What counts; None takes the most truthful that there is.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: a file cannot be read, or there is no room for its compressed copy.
        ValueError: that is no stage, or two files have one name.
        UploadError: the connector or the server refused; what went up before stays.
        KeyboardInterrupt: within a second. The upload has then ended and the session can be used, unless its network is stuck.

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
    """Execute a PUT and return its rows, all of them well."""
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
    """The bars of one `put`: Files where there are several, Compression and Upload while they are at work; or the caller's."""

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
        """Return what moves the bar that uploads `name`."""
        if self._uploads is None:
            assert self._tracker is not None  # put has one of its own, otherwise
            assert self._source is not None
            self._upload = self._begin(f"Upload {name}", None, "B", "blue")
            self._uploads = Uploads(self._upload, self._source, files=self._count)
        elif self._upload is not None:
            self._upload.update(fields={"": name})
        self.refresh()
        return self._uploads

    def refresh(self) -> None:
        """Take in what has been compressed by now: all of it gives the total."""
        total = self._packing.total()
        if total is None:
            return
        if self._compression is not None:
            self._compression.finish()
            self._compression = None
        if self._upload is not None and self._upload.total is None:
            self._upload.update(total=total)

    def uploaded(self, files: int, skipped: int) -> None:
        """Count files that are up, and those of them that were there already."""
        self._skipped += skipped
        if self._files is not None:
            self._files.advance(files)
        if self._skipped and self._upload is not None:  # what the caller ends is not ours to write on
            (self._files or self._upload).update(skipped=self._skipped)

    def _compressed(self, size: int) -> None:
        if self._compression is not None:
            self._compression.advance(size)

    def _begin(self, name: str, total: float | None, unit: str, color: str) -> Task:
        assert self._tracker is not None  # asked by who begins
        kind, _, detail = name.partition(" ")
        if isinstance(self._tracker, SnowflakeProgress):  # its bars have positions of their own
            task = self._tracker.phase(kind, total, unit, detail=detail)
        else:
            fields = {"": detail} if detail else None
            task = self._tracker.add_task(
                kind, total, unit=unit, color=color, keep=kind != "Compression", fields=fields
            )
        return self._stack.enter_context(task)
