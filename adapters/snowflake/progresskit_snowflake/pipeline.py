"""A load: files go through quality check, compression and upload, each phase in a thread, and are copied at the end.

The phases overlap: one file is checked or compressed while another uploads. The first error stops all of them.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .columns import Column, create_table
from .progress import SnowflakeProgress
from .quality import MOST_SHOWN, BadData, Report, check, header_of, is_gzip, open_csv, records
from .session import Session

CHUNK = 1 << 20


class Stopped(Exception):
    """Another phase failed, or the user called the load off."""


@dataclass(slots=True)
class Summary:
    """What a load did: seconds, bytes and rows by phase."""

    files: int = 0
    rows: int | None = None
    loaded: int = 0
    bad: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)


class Load:
    """One load of `paths` into `table`.

    Args:
        paths: CSV files, plain or gzip.
        table: The table, created from the columns if it is not there.
        session: The server.
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
        session: Session,
        progress: SnowflakeProgress,
        folder: Path,
        *,
        quality: bool = True,
        max_bad_rows: int = 0,
        nulls: Sequence[str] = (),
    ) -> None:
        self.paths, self.table, self.session, self.progress, self.folder = paths, table, session, progress, folder
        self.quality, self.max_bad_rows, self.nulls = quality, max_bad_rows, nulls
        self.summary = Summary(files=len(paths))
        self.reports: list[Report] = []
        self.columns = [Column(name) for name in header_of(paths[0])]
        self._stop = threading.Event()
        self._errors: list[BaseException] = []

    def run(self) -> Summary:
        """Load, and return what was done.

        Raises:
            BadData: too many rows are bad.
            LoadError: the server or the connector refused something.
        """
        existing = self.session.columns(self.table)
        if existing is not None:
            if len(existing) != len(self.columns):
                raise BadData(f"{self.table} has {len(existing)} columns, but {self.paths[0]} has {len(self.columns)}.")
            for column, target in zip(self.columns, existing, strict=True):
                column.type = target.type
        self.session.make_stage()
        files = self.progress.phase("Files", len(self.paths), "file")
        checked: queue.Queue[tuple[Path, Report | None] | None] = queue.Queue(2)
        packed: queue.Queue[tuple[Path, Path] | None] = queue.Queue(2)
        threads = [
            self._thread("QC", lambda: self._check_all(checked, fixed=existing is not None), checked.put),
            self._thread("compression", lambda: self._pack_all(checked, packed), packed.put),
            self._thread("upload", lambda: self._upload_all(packed, files.advance), None),
        ]
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(0.1)
        finally:
            self._stop.set()
        if self._errors:
            files.fail(str(self._errors[0]).splitlines()[0])
            raise self._errors[0]
        self._copy(create_table(self.table, self.columns) if existing is None else None)
        files.finish()
        return self.summary

    def _thread(self, name: str, work: Callable[[], None], last: Callable[[None], None] | None) -> threading.Thread:
        def run() -> None:
            began = time.monotonic()
            try:
                work()
            except Stopped:
                pass
            except BaseException as error:  # told by the main thread, whatever it is
                self._errors.append(error)
                self._stop.set()
            self.summary.seconds[name] = time.monotonic() - began

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

    def _check_all(self, checked: queue.Queue[Any], *, fixed: bool) -> None:
        bar = self.progress.phase("QC rows", unit="row") if self.quality else None
        rows = 0
        for path in self.paths:
            report = None
            if bar is not None:

                def seen(count: int) -> None:
                    self._goes_on()
                    bar.advance(count)

                bar.update(description=f"QC rows {path.name}")
                report = check(path, self.columns, seen, fixed=fixed, nulls=self.nulls)
                self.reports.append(report)
                rows += report.rows
                self.summary.bad += len(report.bad)
                if self.summary.bad > self.max_bad_rows:
                    raise BadData(bad_rows(self.reports, self.max_bad_rows))
            elif header_of(path) != [column.name for column in self.columns]:
                raise BadData(f"{path}: its header differs from that of {self.paths[0]}.")
            self._put(checked, (path, report))
        if bar is not None:
            bar.finish()
            self.summary.rows = rows
        self._put(checked, None)

    def _pack_all(self, checked: queue.Queue[Any], packed: queue.Queue[Any]) -> None:
        number = 0
        while (item := self._get(checked)) is not None:
            path, report = item
            number += 1
            target = self.folder / f"{number:06d}.csv.gz"  # plain names: the user's may hold anything
            self._pack(path, target, set(report.bad) if report else set())
            self._put(packed, (path, target))
        self._put(packed, None)

    def _pack(self, path: Path, target: Path, bad: set[int]) -> None:
        if is_gzip(path) and not bad:
            target.symlink_to(path.resolve())
            return
        size = path.stat().st_size
        self.summary.bytes["compression"] = self.summary.bytes.get("compression", 0) + size
        with (
            self.progress.phase("Compression", None if bad else size, "B", detail=path.name) as bar,
            gzip.open(target, "wb", compresslevel=6) as out,
        ):
            if not bad:
                with open_csv(path) as source:
                    while chunk := source.read(CHUNK):
                        self._goes_on()
                        out.write(chunk)
                        bar.advance(len(chunk))
                return
            with io.TextIOWrapper(out, "utf-8", newline="") as text:
                writer = csv.writer(text)
                for line, row in records(path):
                    self._goes_on()
                    if line not in bad:
                        writer.writerow(row)

    def _upload_all(self, packed: queue.Queue[Any], done: Callable[[], None]) -> None:
        while (item := self._get(packed)) is not None:
            path, target = item
            size = os.stat(target).st_size
            with self.progress.start_file_upload(path, size) as bar:
                self.session.put(target, str(path))
                bar.advance(size)
            self.summary.bytes["upload"] = self.summary.bytes.get("upload", 0) + size
            target.unlink()
            done()

    def _copy(self, create: str | None) -> None:
        began = time.monotonic()
        with self.progress.start_copy_operation(self.table, self.summary.rows) as bar:
            self.summary.loaded, _ = self.session.copy(self.table, create, self.nulls)
            bar.update(completed=self.summary.loaded)
        self.summary.seconds["COPY"] = time.monotonic() - began


def bad_rows(reports: list[Report], allowed: int) -> str:
    """Return the bad rows found so far, by file and line, and what can be done."""
    found = [f"  {report.path}:{line}: {reason}" for report in reports for line, reason in sorted(report.bad.items())]
    lines = [f"{len(found):,d} bad rows, and {allowed:,d} are allowed (--max-bad-rows):", *found[:MOST_SHOWN]]
    if len(found) > MOST_SHOWN:
        lines.append(f"  ... {len(found) - MOST_SHOWN:,d} more")
    return "\n".join(lines)
