"""A load: files go through quality check, compression, upload and COPY, each phase in threads, all rows or none.

The phases overlap: one file is copied while the next uploads and another is compressed, so that a load takes about as long
as its slowest phase. The check runs ahead of all others, since a bad row is best found early. The first error stops them all.

All COPY statements stand in one transaction. A table that is not there yet is loaded under another name and given its own
only when everything is in it: until then nobody sees it, and a load that fails leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from progresskit import Task

from .columns import Column, literal, table_name
from .copier import CopyWatch, strategy
from .copying import FORMATS, Staged, batches, statement
from .crew import Channel, Crew, Shared
from .opening import BadData, is_gzip
from .packing import PackedTotal, link, pack
from .progress import SnowflakeProgress
from .quality import Report, bad_rows, check, columns_of, header_of, names_of, peek
from .session import Keep, Loading, Staging
from .summary import Summary
from .uploading import Uploads

AHEAD = 2
"""Compressed files that wait for their upload at most: they take room on the disk."""


ENDINGS = {"csv": ".csv.gz", "json": ".json.gz", "parquet": ".parquet"}
"""Format -> how the names of its files on the stage end."""


class Checked(NamedTuple):
    """A file that may go on, and the check's report of it; None where nothing checks."""

    path: Path
    report: Report | None


class Packed(NamedTuple):
    """A file to be uploaded: the user's, ours, and its good rows; None where nobody has counted them."""

    path: Path
    target: Path
    rows: int | None


class Load:
    """One load of `paths` into `table`.

    Args:
        paths: CSV or JSON files, plain or gzip, or Parquet files.
        table: The table, created from the columns if it is not there.
        staging: The session that uploads.
        loading: The session that copies: another one, since its transaction is open meanwhile.
        progress: The bars.
        folder: A private folder for compressed files.
        more: Further sessions that upload, each with a thread; as many threads compress.
        quality: Whether every row is checked first.
        max_bad_rows: Bad rows that are left out; more of them stop the load.
        nulls: What stands for a missing value, beside nothing at all.
        on_error: What happens to a row that the server refuses: `abort`, `continue` or `skip_file`.
        keep_staged: When the stage stays, with what was uploaded: `never`, when the load has `failed`, or `always`.
        file_format: `csv`, `json` or `parquet`.
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
        more: Sequence[Staging] = (),
        quality: bool = True,
        max_bad_rows: int = 0,
        nulls: Sequence[str] = (),
        on_error: str = "abort",
        keep_staged: Keep = "never",
        file_format: str = "csv",
    ) -> None:
        self.paths, self.table, self.loading = paths, table, loading
        self.stagings = [staging, *more]
        self.progress, self.folder = progress, folder
        self.quality, self.max_bad_rows, self.nulls, self.on_error = quality, max_bad_rows, nulls, on_error
        self.keep_staged: Keep = keep_staged
        self._expected: int | None = None  # rows of all files, once somebody has counted them
        self.summary = Summary(files=len(paths), source=staging.source.name)
        self.reports: list[Report] = []
        self.format = file_format
        self.columns = [Column(name) for name in names_of(paths, file_format)]
        self._sizes = {path: path.stat().st_size for path in paths}
        self._crew = Crew()
        jobs = len(self.stagings)
        self._checked = Channel(self._crew)
        self._packed = Channel(self._crew, jobs, AHEAD)
        self._staged = Channel(self._crew, jobs)
        self._lock = threading.Lock()
        self._number = 0  # of files that have been taken for compression
        self._total = PackedTotal(list(self._sizes.values()))
        self._compression = Shared(self._begin_compression)
        self._upload = Shared(self._begin_upload)
        self._uploads: Uploads | None = None
        self._upload_bar: Task | None = None
        self._copying = Shared(contextlib.nullcontext)
        self._qc = Shared(lambda: self.progress.phase("QC rows", unit="row"))
        self._phases = {
            "QC": self._qc,
            "compression": self._compression,
            "upload": self._upload,
            "COPY": self._copying,
        }

    def run(self) -> Summary:
        """Load, and return what was done.

        Raises:
            BadData: too many rows are bad.
            LoadError: the server or the connector refused something.
        """
        existing = self.loading.columns(self.table)
        if existing is None:
            peek(self.paths, self.columns, self.nulls, self.format)
        else:
            self.columns, self.summary.left_out = columns_of(self.paths, self.table, existing, self.format)
        made_with = [column.type for column in self.columns]  # before the check begins, which may widen them
        staging = self.stagings[0]
        with (
            staging.stage(self.loading, self.keep_staged),
            self.loading.table(self.table, self.columns, staging, new=existing is None) as table,
        ):
            files = self.progress.phase("Files", len(self.paths), "file")
            self._crew.start("QC", lambda: self._check_all(fixed=existing is not None))
            for session in self.stagings:
                self._crew.start("compression", self._pack_all)
                self._crew.start("upload", functools.partial(self._upload_all, session))
            self._crew.start("COPY", lambda: self._copy_all(table, made_with, files.advance))
            try:
                self._crew.join()
            except Exception as error:
                files.fail(str(error).splitlines()[0])
                raise
        files.finish()
        self.summary.kept = staging.name if self.keep_staged == "always" else ""
        return self._finished()

    def _finished(self) -> Summary:
        for name, phase in self._phases.items():
            self.summary.seconds[name] = phase.seconds
        return self.summary

    def _count_bytes(self, phase: str, size: int) -> None:
        with self._lock:
            self.summary.bytes[phase] = self.summary.bytes.get(phase, 0) + size

    # Phases

    def _check_all(self, *, fixed: bool) -> None:
        if not self.quality and self.format == "parquet":  # the footers tell the rows at no price
            found = [
                Checked(path, check(path, self.columns, lambda _: None, fixed=fixed, file_format=self.format))
                for path in self.paths
            ]
            self._expected = sum(report.rows for _, report in found if report)
            for one in found:
                self._checked.put(one)
        elif not self.quality:
            for path in self.paths:
                if self.format == "csv" and header_of(path) != [column.name for column in self.columns]:
                    raise BadData(f"{path}: its header differs from that of {self.paths[0]}.")
                self._checked.put(Checked(path, None))
        else:
            with self._qc as bar:

                def seen(count: int) -> None:
                    self._crew.goes_on()
                    bar.advance(count)

                for path in self.paths:
                    bar.update(description=f"QC rows {path.name}")
                    report = check(path, self.columns, seen, fixed=fixed, nulls=self.nulls, file_format=self.format)
                    self.reports.append(report)
                    self._count_bytes("QC", self._sizes[path])
                    self.summary.bad += len(report.bad)
                    if self.summary.bad > self.max_bad_rows:
                        raise BadData(bad_rows(self.reports, self.max_bad_rows))
                    self._checked.put(Checked(path, report))
            self._expected = self.summary.rows = sum(report.rows for report in self.reports)
        self._checked.close()

    def _begin_compression(self) -> Task:
        done = self.summary.bytes.get("compression", 0)
        return self.progress.phase("Compression", sum(self._sizes.values()), "B", completed=done)

    def _pack_all(self) -> None:
        for path, report in self._checked:
            with self._lock:
                self._number += 1
                target = (
                    self.folder / f"{self._number:06d}{ENDINGS[self.format]}"
                )  # plain names: the user's may hold anything
            bad = set(report.bad) if report else set()
            if self.format == "parquet" or (is_gzip(path) and not bad):
                link(path, target)
                self._count_bytes("compression", self._sizes[path])
            else:
                with self._compression as bar:
                    bar.update(description=f"Compression {path.name}")
                    pack(path, target, bad, bar.advance, self._crew.goes_on, self.format)
                    self._count_bytes("compression", self._sizes[path])
            with self._lock:
                self._total.add(self._sizes[path], target.stat().st_size)
            self._tell_total()
            self._packed.put(Packed(path, target, report.rows if report else None))
        self._packed.close()

    def _begin_upload(self) -> contextlib.ExitStack:
        self._upload_bar = self.progress.start_upload(start=False)
        self._uploads = Uploads(self._upload_bar, self.stagings[0].source, files=len(self.paths))
        ending = contextlib.ExitStack()
        ending.push(self._upload_bar)  # which is not entered: it starts by itself, with the first byte
        return ending

    def _tell_total(self) -> None:
        """Give the upload its total: what is compressed, and what the rest will be by the ratio so far, marked `~`."""
        if self._upload_bar is not None:
            self._upload_bar.update(total=self._total.bytes, estimated=not self._total.exact)

    def _upload_all(self, session: Staging) -> None:
        items = iter(self._packed)
        first = next(items, None)
        if first is not None:
            with self._upload:
                assert self._upload_bar is not None
                for path, target, rows in itertools.chain([first], items):
                    self._tell_total()
                    self._upload_bar.update(description=f"Upload {path.name}")
                    size = target.stat().st_size
                    self.summary.names[target.name] = str(path)
                    assert self._uploads is not None
                    session.put(target, str(path), self._uploads, self._crew.goes_on)
                    self._count_bytes("upload", size)
                    target.unlink()
                    self._staged.put(Staged(target.name, size, rows))
        self._staged.close()

    def _copy_all(self, table: str, made_with: list[str | None], done: Callable[[int], None]) -> None:
        copied: list[Staged] = []
        watch = CopyWatch(names=self.summary.names)
        count = 0
        for waiting in self._staged.together():
            for batch in batches(waiting):
                self._copy(table, batch, watch)
                done(len(batch))
                count += 1
            copied += waiting
        if copied and [column.type for column in self.columns] != made_with:
            self.loading.begin_anew(self.columns)  # a row found later needs a wider type; the files are all there
            watch = CopyWatch(names=self.summary.names)
            for batch in batches(copied):
                self._copy(table, batch, watch)
        self._crew.goes_on()
        with self._copying:
            self.loading.publish()
        watch.copied.strategy = strategy(count, watch.estimates)
        self.summary.copied = watch.copied

    def _copy(self, table: str, batch: list[Staged], watch: CopyWatch) -> None:
        self._crew.goes_on()
        watch.size = self._total.bytes if self._total.exact else None
        by_name = self.format != "csv"
        targets = [] if by_name else [column.target for column in self.columns if column.target]
        into = table_name(table) + (f" ({', '.join(targets)})" if targets else "")
        how = FORMATS[self.format]
        if self.format == "csv":
            how += f" NULL_IF = ({', '.join(map(literal, ('', *self.nulls)))})"
        stage = self.stagings[0].name
        sql = statement(into, stage, batch, how, on_error=self.on_error, by_name=by_name)
        with (
            self._copying,
            self.progress.start_copy_operation(
                self.table, self._expected, completed=watch.copied.rows, measured=len(self.paths) > 1
            ) as bar,
        ):
            self.loading.copy(sql, batch, watch, bar, self.summary.names, self._crew.goes_on)
            bar.update(total=self._expected, expected=None)
        self._count_bytes("COPY", sum(file.size for file in batch))
