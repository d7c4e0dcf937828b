"""A load: files go through quality check, compression, upload and COPY, each phase in a thread, all rows or none.

The phases overlap: one file is copied while the next uploads and another is compressed, so that a load takes about as long
as its slowest phase. The check runs ahead of all others, since a bad row is best found early. The first error stops them all.

All COPY statements stand in one transaction. A table that is not there yet is loaded under another name and given its own
only when everything is in it: until then nobody sees it, and a load that fails leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .columns import Column
from .packing import pack
from .progress import SnowflakeProgress
from .quality import BadData, Report, bad_rows, check, columns_of, header_of, peek
from .session import Loading, Staging
from .summary import Summary

AHEAD = 2
"""Compressed files that wait for their upload at most: they take room on the disk."""
MOST_FILES = 1_000
"""Files of one COPY statement at most: the warehouse's own limit of FILES=."""


class Stopped(Exception):
    """Another phase failed, or the user called the load off."""


class Load:
    """One load of `paths` into `table`.

    Args:
        paths: CSV files, plain or gzip.
        table: The table, created from the columns if it is not there.
        staging: The session that uploads.
        loading: The session that copies: another one, since its transaction is open meanwhile.
        progress: The bars.
        folder: A private folder for compressed files.
        quality: Whether every row is checked first.
        max_bad_rows: Bad rows that are left out; more of them stop the load.
        nulls: What stands for a missing value, beside nothing at all.
    """

    def __init__(
        self,
        paths: list[Path],
        table: str,
        staging: Staging,
        loading: Loading,
        progress: SnowflakeProgress,
        folder: Path,
        *,
        quality: bool = True,
        max_bad_rows: int = 0,
        nulls: Sequence[str] = (),
    ) -> None:
        self.paths, self.table, self.staging, self.loading = paths, table, staging, loading
        self.progress, self.folder = progress, folder
        self.quality, self.max_bad_rows, self.nulls = quality, max_bad_rows, nulls
        self.summary = Summary(files=len(paths), source=staging.source.name)
        self.reports: list[Report] = []
        self.columns = [Column(name) for name in header_of(paths[0])]
        self._stop = threading.Event()
        self._errors: list[BaseException] = []
        self._sizes: dict[str, int] = {}  # of the files on the stage
        self._checked: queue.Queue[tuple[Path, Report | None] | None] = queue.Queue()
        self._packed: queue.Queue[tuple[Path, Path] | None] = queue.Queue(AHEAD)
        self._staged: queue.Queue[str | None] = queue.Queue()

    def run(self) -> Summary:
        """Load, and return what was done.

        Raises:
            BadData: too many rows are bad.
            LoadError: the server or the connector refused something.
        """
        existing = self.loading.columns(self.table)
        if existing is None:
            peek(self.paths, self.columns, self.nulls)
        else:
            self.columns, self.summary.left_out = columns_of(self.paths[0], self.table, existing)
        made_with = [column.type for column in self.columns]  # before the check begins, which may widen them
        with (
            self.staging.stage(self.loading),
            self.loading.table(self.table, self.columns, self.staging, new=existing is None) as table,
        ):
            files = self.progress.phase("Files", len(self.paths), "file")
            threads = [
                self._thread("QC", lambda: self._check_all(fixed=existing is not None)),
                self._thread("compression", self._pack_all),
                self._thread("upload", self._upload_all),
                self._thread("COPY", lambda: self._copy_all(table, made_with, files.advance)),
            ]
            try:
                for thread in threads:
                    while thread.is_alive() and not self._errors:  # an upload under way would end in its own time only
                        thread.join(0.1)
            finally:
                self._stop.set()
            if self._errors:
                files.fail(str(self._errors[0]).splitlines()[0])
                raise self._errors[0]
        files.finish()
        return self.summary

    # Threads

    def _thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except Stopped:
                pass
            except BaseException as error:  # told by the main thread, whatever it is
                self._errors.append(error)
                self._stop.set()

        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        return thread

    def _put(self, where: queue.Queue[Any], item: object) -> None:
        while not self._stop.is_set():
            try:
                return where.put(item, timeout=0.1)
            except queue.Full:
                continue
        raise Stopped

    def _get(self, where: queue.Queue[Any]) -> Any:
        while not self._stop.is_set():
            try:
                return where.get(timeout=0.1)
            except queue.Empty:
                continue
        raise Stopped

    def _goes_on(self) -> None:
        if self._stop.is_set():
            raise Stopped

    @contextlib.contextmanager
    def _at_work(self, phase: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.summary.seconds[phase] = self.summary.seconds.get(phase, 0.0) + time.monotonic() - began

    def _count_bytes(self, phase: str, size: int) -> None:
        self.summary.bytes[phase] = self.summary.bytes.get(phase, 0) + size

    # Phases

    def _check_all(self, *, fixed: bool) -> None:
        if not self.quality:
            for path in self.paths:
                if header_of(path) != [column.name for column in self.columns]:
                    raise BadData(f"{path}: its header differs from that of {self.paths[0]}.")
                self._put(self._checked, (path, None))
        else:
            with self._at_work("QC"), self.progress.phase("QC rows", unit="row") as bar:

                def seen(count: int) -> None:
                    self._goes_on()
                    bar.advance(count)

                for path in self.paths:
                    bar.update(description=f"QC rows {path.name}")
                    report = check(path, self.columns, seen, fixed=fixed, nulls=self.nulls)
                    self.reports.append(report)
                    self._count_bytes("QC", path.stat().st_size)
                    self.summary.bad += len(report.bad)
                    if self.summary.bad > self.max_bad_rows:
                        raise BadData(bad_rows(self.reports, self.max_bad_rows))
                    self._put(self._checked, (path, report))
            self.summary.rows = sum(report.rows for report in self.reports)
        self._put(self._checked, None)

    def _pack_all(self) -> None:
        number = 0
        while (item := self._get(self._checked)) is not None:
            path, report = item
            number += 1
            target = self.folder / f"{number:06d}.csv.gz"  # plain names: the user's may hold anything
            bad = set(report.bad) if report else set()
            size = path.stat().st_size
            with self._at_work("compression"):
                if pack(path, target, bad, self._compressing(path, size, bad), self._goes_on):
                    self._count_bytes("compression", size)
            self._put(self._packed, (path, target))
        self._put(self._packed, None)

    def _compressing(self, path: Path, size: int, bad: set[int]) -> Callable[[], Any]:
        return lambda: self.progress.phase("Compression", None if bad else size, "B", detail=path.name)

    def _upload_all(self) -> None:
        while (item := self._get(self._packed)) is not None:
            path, target = item
            size = target.stat().st_size
            with self._at_work("upload"), self.progress.start_file_upload(path, size) as bar:
                self.staging.put(target, str(path), bar, self._goes_on)
            self._count_bytes("upload", size)
            self._sizes[target.name] = size
            target.unlink()
            self._put(self._staged, target.name)
        self._put(self._staged, None)

    def _copy_all(self, table: str, made_with: list[str | None], done: Callable[[int], None]) -> None:
        copied: list[str] = []
        for batch in self._batches():
            self._copy(table, batch)
            copied += batch
            done(len(batch))
        if copied and [column.type for column in self.columns] != made_with:
            self.loading.begin_anew(self.columns)  # a row found later needs a wider type; the files are all there
            self.summary.loaded = 0
            for first in range(0, len(copied), MOST_FILES):
                self._copy(table, copied[first : first + MOST_FILES])
        self._goes_on()
        with self._at_work("COPY"):
            self.loading.publish()

    def _batches(self) -> Iterator[list[str]]:
        """Yield the files that are on the stage, together where several wait, until there are no more to come."""
        over = False
        while not over:
            batch = [self._get(self._staged)]
            with contextlib.suppress(queue.Empty):
                while batch[-1] is not None and len(batch) < MOST_FILES:
                    batch.append(self._staged.get_nowait())
            over = batch[-1] is None
            names = [name for name in batch if name is not None]
            if names:
                yield names

    def _copy(self, table: str, batch: list[str]) -> None:
        self._goes_on()
        loaded, targets = self.summary.loaded, [column.target for column in self.columns if column.target]
        with (
            self._at_work("COPY"),
            self.progress.start_copy_operation(self.table, self.summary.rows, completed=loaded) as bar,
        ):
            loaded += self.loading.copy(table, self.staging.name, batch, self.nulls, targets)
            bar.update(completed=loaded, total=self.summary.rows)
        self.summary.loaded = loaded
        self._count_bytes("COPY", sum(self._sizes[name] for name in batch))
