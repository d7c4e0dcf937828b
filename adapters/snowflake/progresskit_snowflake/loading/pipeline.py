"""A load: files pass through quality check, compression, upload and COPY. Each phase has threads. All rows are loaded, or none.

The phases overlap: one file is copied while the next is uploaded and another is compressed, so that a load takes about as long as
its slowest phase. The check runs ahead of the other phases, so that bad rows are found early. The first error stops all phases.

All COPY statements are in one transaction. A new table is loaded under another name, and renamed when it is complete: until then it
is not visible under its own name, and a failed load leaves nothing behind. Before the commit, the rows that were checked, packed
and copied are compared for each file.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from progresskit import Task

from ..bars.copier import CopyWatch, strategy
from ..bars.progress import SnowflakeProgress, headline
from ..bars.uploading import Uploads
from ..copying import FORMATS, FileResult, Staged, batches, counted, statement
from ..errors import LoadError
from ..files.dialects import Dialect
from ..files.opening import BadData, digest_of, identity
from ..files.packing import CanonicalForm, PackedTotal, link
from ..files.quality import Reading, Report, bad_rows, check, columns_of, doubt_of_header, notes_of, unchanged
from ..sql.columns import Column, table_name
from .checking import Checking, as_made, distinct, typed
from .ledger import Entry, Ledger
from .session import Keep, Loading, Staging
from .summary import Summary
from .worker_threads import Channel, Shared, ThreadGroup, entered_meanwhile

AHEAD = 2
"""The most compressed files that wait for their upload, because they take disk space."""


ENDINGS = {"csv": ".csv.zst", "json": ".csv.zst", "parquet": ".parquet"}
"""Format -> the suffix of its files on the stage. Formats other than Parquet are sent in one canonical form."""
IfExists = Literal["append", "replace", "fail"]
"""The values of `if_exists`: what happens to an existing table."""


class Checked(NamedTuple):
    """A file that is ready for the next phase, and the check's report of it; None without a check."""

    number: int
    path: Path
    report: Report | None


class Packed(NamedTuple):
    """A file to upload: the user's file, the staged copy, and the number of good rows."""

    path: Path
    target: Path
    rows: int


class Load:
    """One load of `paths` into `table`.

    Args:
        paths: CSV or JSON files, plain or compressed, or Parquet files. A repeated file is loaded once.
        table: The table, which is created from the columns if it does not exist.
        staging: The session that uploads files.
        loading: The session that copies, which has a transaction open during the load.
        progress: The bars.
        folder: A private folder for compressed files.
        more: Further sessions that upload files, each in a thread. As many threads compress files.
        quality: Whether every row is checked before it is uploaded.
        max_bad_rows: The most bad rows that are left out; more of them stop the load.
        nulls: The texts that mean a missing value, in addition to the empty field.
        on_error: The reaction to a row that the server rejects: `abort`, `continue` or `skip_file`.
        keep_staged: When the stage is kept, with the uploaded files: `never`, if the load has `failed`, or `always`.
        file_format: `csv`, `json` or `parquet`.
        dialect: The given parts of the CSV files' dialect; the others are detected.
        types: Column -> SQL type, for a new table. Values must fit it.
        all_text: Whether the other columns of a new table are VARCHAR.
        if_exists: What happens to an existing table: `append` rows, `replace` its rows, or `fail`.
        skip_loaded: Whether files whose content was loaded into the table before are left out, and loaded contents are recorded.
        early: The check of the same `distinct` files for a new table, if it has begun already.
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
        dialect: Dialect | None = None,
        types: Mapping[str, str] | None = None,
        all_text: bool = False,
        if_exists: IfExists = "append",
        skip_loaded: bool = False,
        early: Checking | None = None,
    ) -> None:
        self.table, self.loading = table, loading
        self.stagings = [staging, *more]
        self.progress, self.folder = progress, folder
        self.quality, self.max_bad_rows, self.on_error = quality, max_bad_rows, on_error
        self.reading = Reading(file_format, dialect or Dialect(), tuple(nulls))
        self.types, self.all_text = dict(types or {}), all_text
        self.if_exists: IfExists = if_exists
        self.skip_loaded = skip_loaded
        self._early = early
        self._check_seconds = 0.0
        self.keep_staged: Keep = keep_staged
        self._expected: int | None = None  # rows of all files, once they are counted
        self.summary = Summary(source=staging.source.name)
        self.paths, again = distinct(paths)
        self.summary.notes += again
        self.summary.files = len(self.paths)
        self.reports: list[Report] = []
        self._reports: dict[str, tuple[Path, Report | None]] = {}  # by the name on the stage
        self.format = file_format
        self.columns: list[Column] = []
        self.packing = CanonicalForm(self.reading, self.columns)
        self._sizes = [identity(path).size for path in self.paths]
        self._group = ThreadGroup()
        jobs = len(self.stagings)
        self._checked = Channel(self._group)
        self._packed = Channel(self._group, jobs, AHEAD)
        self._staged = Channel(self._group, jobs)
        self._lock = threading.Lock()
        self._total = PackedTotal(self._sizes)
        self._compression = Shared(contextlib.nullcontext)
        self._row_of_compression = Shared(lambda: progress.shown(self._begin_compression()))
        self._upload = Shared(lambda: progress.shown(self._begin_upload(), lambda: self._upload_bar))
        self._uploads: Uploads | None = None
        self._upload_bar: Task | None = None
        self._copying = Shared(contextlib.nullcontext)
        self._row_of_copy = Shared(lambda: progress.shown(self._begin_copy()))
        self._copy_bar: Task | None = None
        self._qc = Shared(lambda: progress.shown(progress.phase("QC rows", unit="row")))
        self._phases = {
            "QC": self._qc,
            "compression": self._compression,
            "upload": self._upload,
            "COPY": self._copying,
        }

    def run(self) -> Summary:
        """Load the files, and return the summary.

        Raises:
            BadData: too many rows are bad, or a file has changed.
            LoadError: the server or the connector refused an operation, or COPY has read other rows than were sent.
        """
        existing = self.loading.columns(self.table)
        if existing is not None and self.if_exists == "fail":
            raise LoadError(f"there is a table {self.table} already: give --if-exists append or --if-exists replace.")
        ledger, entries = self._left_to_load(existing)
        if not self.paths:
            return self._finished()
        staging = self.stagings[0]
        emptied = existing is not None and self.if_exists == "replace"
        with self._checking(existing) as checking:
            self.columns = checking.columns()
            self.packing = CanonicalForm(self.reading, self.columns)
            made = as_made(self.columns)  # the running check may widen them
            # COPY of Parquet files goes by name, and leaves NULL in all other columns.
            indirect = self.format == "parquet" and any(
                column.default and column.name in self.summary.left_out for column in existing or ()
            )
            with (
                entered_meanwhile(staging.stage(self.loading, self.keep_staged)) as staged,
                self.loading.table(
                    self.table, made, staging, new=existing is None, emptied=emptied, indirect=indirect
                ) as table,
            ):
                staged()
                self._run_phases(checking, table, [column.type for column in made], existing, ledger, entries)
        self.summary.kept = staging.name if self.keep_staged == "always" else ""
        return self._finished()

    def _run_phases(
        self,
        checking: Checking,
        table: str,
        made_with: list[str | None],
        existing: Sequence[Column] | None,
        ledger: Ledger | None,
        digests: list[str],
    ) -> None:
        """Run all phases at the same time, until the load is committed or a phase fails."""
        files = self.progress.phase("Files", len(self.paths), "file")
        # A check ends early: its row stays while the checked files are packed.
        rows = [contextlib.ExitStack() for _ in self.stagings]
        for row in rows:
            row.enter_context(self._qc.kept() if self.quality else contextlib.nullcontext())
        self._group.start("QC", lambda: self._check_all(checking, fixed=existing is not None))
        for session, row in zip(self.stagings, rows, strict=True):
            self._group.start("compression", functools.partial(self._pack_all, row))
            self._group.start("upload", functools.partial(self._upload_all, session))
        self._group.start("COPY", lambda: self._copy_all(table, made_with, files.advance, existing, ledger, digests))
        try:
            self._group.join()
        except Exception as error:
            files.fail(headline(error))
            raise
        files.finish()

    def _checking(self, existing: list[Column] | None) -> Checking:
        """Return the check: the early one, if the table does not exist, as that check assumed."""
        if existing is not None:
            if self._early is not None:
                self._early.break_off()
            columns, self.summary.left_out = columns_of(self.paths, self.table, existing, self.reading)
            return Checking(self.paths if self.quality else [], self.reading, lambda: columns, fixed=True)
        return self._early or Checking(self.paths if self.quality else [], self.reading, self._typed)

    def _typed(self) -> list[Column]:
        """Return the columns of a new table. Without a check of the rows, their types are VARCHAR."""
        unchecked = not self.quality and self.format != "parquet"
        columns = typed(self.paths, self.reading, self.types, all_text=self.all_text or unchecked)
        if unchecked and not self.all_text and len(self.types) < len(columns):
            self.summary.notes.append(
                "columns are VARCHAR, since nobody has checked the rows: give --type, or leave out --skip-qc"
            )
        return columns

    def _left_to_load(self, existing: Sequence[Column] | None) -> tuple[Ledger | None, list[str]]:
        """Leave out files that were loaded into the table before, if that is requested. Return the ledger and the digests of the
        other files."""
        if not self.skip_loaded:
            return None, []
        ledger = Ledger(self.table)
        self.loading.run(ledger.create(), "making the ledger of what is loaded")
        rows = self.loading.run(ledger.known(), "reading the ledger of what is loaded")
        known = {row[0] for row in rows} if existing is not None and self.if_exists != "replace" else set()
        taken: dict[str, Path] = {}
        for path in self.paths:
            digest = digest_of(path)
            if digest in known:
                self.summary.notes.append(f"{path} was loaded before: it is left out")
            elif digest in taken:
                self.summary.notes.append(f"{path} has the same content as {taken[digest]}: it is left out")
            else:
                taken[digest] = path
        self.paths = list(taken.values())
        self.summary.files = len(self.paths)
        self._sizes = [identity(path).size for path in self.paths]
        self._total = PackedTotal(self._sizes)
        return ledger, list(taken)

    def _finished(self) -> Summary:
        for name, phase in self._phases.items():
            self.summary.seconds[name] = phase.seconds
        self.summary.seconds["QC"] = self._check_seconds
        return self.summary

    def _count_bytes(self, phase: str, size: int) -> None:
        with self._lock:
            self.summary.bytes[phase] = self.summary.bytes.get(phase, 0) + size

    # Phases

    def _check_all(self, checking: Checking, *, fixed: bool) -> None:
        if not self.quality and self.format == "parquet":  # the footers have the numbers of rows
            reports = [
                check(path, self.columns, lambda _: None, fixed=fixed, reading=self.reading, footer=True)
                for path in self.paths
            ]
            self._expected = sum(report.rows for report in reports)
            for number, report in enumerate(reports):
                self._checked.put(Checked(number, report.path, report))
        elif not self.quality:
            self._doubt_header(fixed=fixed)
            for number, path in enumerate(self.paths):
                self._checked.put(Checked(number, path, None))
        else:
            with self._qc as bar:

                def seen(count: int) -> None:
                    self._group.check_stop()
                    bar.advance(count)
                    bar.update(fields={"": checking.path.name if checking.path else ""})

                for number, report in enumerate(checking.reports(seen)):
                    self.reports.append(report)
                    self._count_bytes("QC", self._sizes[number])
                    self.summary.bad += len(report.bad)
                    if self.summary.bad > self.max_bad_rows:
                        raise BadData(bad_rows(self.reports, self.max_bad_rows))
                    self._tell(report)
                    self._checked.put(Checked(number, report.path, report))
                self._doubt_header(fixed=fixed)
            self._check_seconds = checking.seconds
            self._expected = self.summary.rows = sum(report.rows for report in self.reports)
            self.summary.notes += notes_of(self.columns)
        self._checked.close()

    def _doubt_header(self, *, fixed: bool) -> None:
        """Note in the summary if a new table's header may be a row."""
        if not fixed and (doubt := doubt_of_header(self.paths[0], self.columns, self.reading)):
            self.summary.notes.append(doubt)

    def _tell(self, report: Report) -> None:
        """Note in the summary how a file was read, unless it was by the defaults."""
        self.summary.notes += [f"{report.path}: {words}" for words in report.notes]
        if report.blank_lines:
            self.summary.notes.append(f"{report.path}: {counted(report.blank_lines, 'blank line')} left out")

    def _begin_compression(self) -> Task:
        return self.progress.phase("Compression", sum(self._sizes), "B")

    def _pack_all(self, row_of_check: contextlib.ExitStack) -> None:
        with row_of_check:
            items = iter(self._checked)
            first = next(items, None)
            if first is not None:
                with self._row_of_compression if self.format != "parquet" else contextlib.nullcontext() as bar:
                    self._pack(bar, itertools.chain([first], items))
        self._packed.close()

    def _pack(self, bar: Task | None, items: Iterable[Checked]) -> None:
        for number, path, report in items:
            target = (
                self.folder / f"{number + 1:06d}{ENDINGS[self.format]}"
            )  # plain names, because the user's may have any characters
            size = self._sizes[number]
            if bar is None:
                assert report is not None and report.identity is not None  # footers are always read
                unchanged(path, report.identity)
                link(path, target)
                rows = report.rows
            else:
                with self._compression:
                    bar.update(fields={"": path.name})
                    done = 0

                    def moved(position: int, bar: Task = bar, size: int = size) -> None:
                        nonlocal done
                        step = min(position, size) - done  # decompression reads ahead, and a file may grow
                        done += step
                        bar.advance(step)

                    rows = self.packing.pack(path, target, report, moved, self._group.check_stop)
                    moved(size)
            self._count_bytes("compression", size)
            with self._lock:
                self._reports[target.name] = path, report
                self._total.add(size, target.stat().st_size)
            self._tell_total()
            self._packed.put(Packed(path, target, rows))

    def _begin_upload(self) -> contextlib.ExitStack:
        self._upload_bar = self.progress.start_upload(start=False)
        self._uploads = Uploads(self._upload_bar, self.stagings[0].source, files=len(self.paths))
        ending = contextlib.ExitStack()
        ending.push(self._upload_bar)  # not entered: it starts by itself with the first byte
        return ending

    def _tell_total(self) -> None:
        """Set the total of the upload: the compressed bytes, and an estimate of the rest by the ratio so far, marked `~`."""
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
                    self._upload_bar.update(fields={"": path.name})
                    size = target.stat().st_size
                    self.summary.names[target.name] = str(path)
                    assert self._uploads is not None
                    session.put(target, str(path), self._uploads, self._group.check_stop)
                    self._count_bytes("upload", size)
                    target.unlink()
                    self._staged.put(Staged(target.name, size, rows))
        self._staged.close()

    def _copy_all(
        self,
        table: str,
        made_with: list[str | None],
        done: Callable[[int], None],
        existing: Sequence[Column] | None,
        ledger: Ledger | None,
        digests: list[str],
    ) -> None:
        with contextlib.ExitStack() as row:  # stays from the first statement to the end, also while it waits for files
            staged: list[Staged] = []
            left: list[Staged] = []
            watch = CopyWatch(names=self.summary.names)
            count = counted = 0
            for waiting in self._staged.together():
                staged += waiting
                left += waiting
                # COPY would reject or round the values of types that a later row widens: then all files wait for the end of the
                # check. The types may also be narrower now than the table's, which consider the first rows of later files too.
                if self._types() == made_with:
                    for batch in batches(left):
                        self._copy(table, batch, watch, existing, row)
                        done(len(batch))
                        count, counted = count + 1, counted + len(batch)
                    left = []
            if staged and self._types() != made_with:
                self.loading.begin_anew(self.columns)
                watch, count, left = CopyWatch(names=self.summary.names), 0, staged
            for batch in batches(left):
                self._copy(table, batch, watch, existing, row)
                count += 1
            done(len(staged) - counted)
            self._hold_all_against(staged, watch.copied.files)
            self._group.check_stop()
            with self._copying:
                if ledger is not None:
                    if existing is None or self.if_exists == "replace":
                        self.loading.run(ledger.forget(), "emptying the ledger of what is loaded")
                    rows = {file.file.rpartition("/")[2]: file.loaded for file in watch.copied.files}
                    named = {str(path): name for name, (path, _) in self._reports.items()}
                    entries = [
                        Entry(digest, str(path), rows.get(named[str(path)], 0))
                        for digest, path in zip(digests, self.paths, strict=True)
                    ]
                    self.loading.run(ledger.remember(entries), "remembering what is loaded")
                if self._copy_bar is not None:
                    self._copy_bar.update(phase="publishing")
                self.loading.publish()
                if self._copy_bar is not None:
                    self._copy_bar.update(phase=None)
            watch.copied.strategy = strategy(count, watch.estimates)
            self.summary.copied = watch.copied

    def _types(self) -> list[str | None]:
        """Return the columns' types, as wide as the rows that have been checked so far need."""
        return [column.type for column in self.columns]

    def _copy(
        self,
        table: str,
        batch: list[Staged],
        watch: CopyWatch,
        existing: Sequence[Column] | None,
        row: contextlib.ExitStack,
    ) -> None:
        self._group.check_stop()
        watch.size = self._total.bytes if self._total.exact else None
        parquet = self.format == "parquet"
        targets = [] if parquet else [column.target for column in self.columns if column.target]
        into = table_name(table) + (f" ({', '.join(targets)})" if targets else "")
        how = FORMATS["parquet"] if parquet else self.packing.options()
        stage = self.stagings[0].name
        by_name = self._by_name(existing) if parquet else False
        sql = statement(into, stage, batch, how, on_error=self.on_error, by_name=by_name)
        with self._copying:
            bar = row.enter_context(self._row_of_copy)
            bar.update(phase=None, **({"total": self._expected} if self._copy_is_measured() else {}))
            files = self.loading.copy(sql, batch, watch, bar, self.summary.names, self._group.check_stop, self._line_of)
            self._hold_against(batch, files)
            bar.update(total=self._expected, expected=None, phase="waiting")
        self._count_bytes("COPY", sum(file.size for file in batch))

    def _copy_is_measured(self) -> bool:
        return len(self.paths) > 1

    def _begin_copy(self) -> Task:
        measured = self._copy_is_measured()
        self._copy_bar = self.progress.start_copy_operation(self.table, self._expected, measured=measured)
        return self._copy_bar

    def _by_name(self, existing: Sequence[Column] | None) -> bool | str:
        """Return how the names in Parquet files are matched to the table's columns.

        Raises:
            BadData: the table has two columns whose names differ only in case, and the files have other names.
        """
        names = [column.name for column in existing or ()]
        folded = [name.upper() for name in names]
        if len(set(folded)) == len(folded):
            return True
        if all(column.name in names for column in self.columns):
            return "exactly"
        raise BadData(
            f"{self.table} has columns that differ in case alone: give those of {self.paths[0]} the very same names."
        )

    def _line_of(self, staged: str, line: int) -> int | None:
        """Return the line of the user's file for a line of a staged file."""
        path, report = self._reports[staged]
        return None if self.format == "parquet" else self.packing.line_of(path, report, line)

    def _hold_all_against(self, staged: Sequence[Staged], files: Sequence[FileResult]) -> None:
        """Raise LoadError if a file of the load was not copied exactly once."""
        copied = Counter(file.file.rpartition("/")[2] for file in files)
        if len(staged) != len(self.paths) or copied != Counter(file.name for file in staged):
            raise LoadError(
                f"{counted(len(self.paths), 'file')} to be loaded, {len(staged):,d} uploaded, {copied.total():,d} copied: "
                "nothing is loaded. That is a fault of this program: please report it."
            )

    def _hold_against(self, batch: Sequence[Staged], files: Sequence[FileResult]) -> None:
        """Raise LoadError if COPY has read another number of rows of a file than were sent."""
        results = {file.file.rpartition("/")[2]: file for file in files}
        for staged in batch:
            name = self.summary.names[staged.name]
            file = results.get(staged.name)
            if file is None or file.status == "LOAD_SKIPPED":
                raise LoadError(f"COPY has left out {name}, without a word of why: nothing is loaded.")
            parsed = file.loaded + file.rejected
            if file.status != "LOAD_FAILED" and parsed != staged.rows:
                raise LoadError(
                    f"{counted(staged.rows or 0)} of {name} went to the stage, and COPY has read {parsed:,d}: nothing is loaded. "
                    "The file, and the options of COPY in the account's history, are worth a report."
                )
