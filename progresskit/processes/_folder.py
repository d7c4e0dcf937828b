"""A shared folder: each process writes its progress to a file of its own, and any process that can read the folder shows all.

For processes that no socket connects: ranks of MPI, the jobs of a Slurm array, cron jobs, hosts behind ssh. A file holds one
record: a line that identifies the writer, and a frame in the format of the events file. The writer renames a finished file into
place, so that a reader never sees half a record, also on NFS. Knows files. Does not know displays: `Recorded` draws with any
renderer, `FolderReader` passes frames to a feed.
"""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import time
from collections import deque
from contextlib import suppress
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from .._display import process_hooks
from .._display.display_set import is_redirected, terminal_of
from .._display.observed import ObservedRenderer
from .._model.frames import Frame, decode, encode
from .._system.platform import CLOSE_ON_EXEC, NO_FOLLOW, NON_BLOCKING
from .._system.warnings import warn_once
from .._text.cells import clean
from ..renderers.destinations import prefer_hub, shared_folder
from ._ended_counts import STATES, EndedCounts, UnseenTasks
from ._sudden_ends import SUDDEN_SECONDS, send_before_sudden_ends

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._model.frames import TaskView
    from .._tracking.core import TrackerCore
    from .._tracking.task import Task
    from ..renderers.base import Renderer
    from .feed import Feed

VARIABLE = "PROGRESSKIT_FOLDER"
SUFFIX = ".progress"
WRITE_SECONDS = 5.0
"""The least number of seconds between two writes of a process: a file server has many clients."""
LOST_SECONDS = 120.0
"""Seconds without a new record after which a process with running tasks counts as lost. NFS may show a file a minute late."""
MOST_TASKS = 200
"""Live tasks in a record; further ones are only counted."""
MOST_ENDED = 1_000
"""Ended tasks that a record holds, the latest ones. Earlier ones are only in its counts."""
LARGEST = 1 << 22
"""The largest file, in bytes, that the reader accepts."""
MOST_FILES = 10_000
"""The most files of a folder that one scan reads."""


class Record(NamedTuple):
    """The progress of one process, as its file holds it.

    Attributes:
        host: The name of its machine.
        pid: Its process ID on that machine.
        start: When it began, in seconds since 1970 by its clock.
        written: When it wrote this record, by the same clock.
        is_over: Whether it has ended.
        counts: The number of its top-level tasks that have ended, by state.
        frame: Its live tasks, and the latest of its ended tasks.
        unseen: Counts of tasks that ended before a frame could show them, which `counts` includes; None if there are none.
        age: Seconds since the first of the unseen tasks began.

    Example:
        >>> record = Record("node7", 4711, 1.0, 2.0, False, {"failed": 1}, Frame(1.0))
        >>> Record.decode(record.encode()) == record
        True
    """

    host: str
    pid: int
    start: float
    written: float
    is_over: bool
    counts: dict[str, int]
    frame: Frame
    unseen: EndedCounts | None = None
    age: float = 0.0

    def encode(self) -> bytes:
        """Return the record as bytes: two lines of JSON."""
        head: dict[str, object] = {
            "progresskit": 1,
            "host": self.host,
            "pid": self.pid,
            "start": self.start,
            "written": self.written,
            "over": self.is_over,
            "counts": self.counts,
        }
        if self.unseen is not None:
            head["unseen"] = self.unseen.encode(age=self.age).decode()
        return f"{json.dumps(head)}\n{encode(self.frame)}\n".encode("utf-8", "backslashreplace")

    @classmethod
    def decode(cls, data: bytes) -> Record:
        """Return the record that `data` holds, checked and cleaned: any process that can write to the folder may have made it.

        Raises:
            ValueError: `data` holds no record; the message says why.
        """
        first, _, rest = data.partition(b"\n")
        try:
            head = json.loads(first)
            host, pid, start, written, is_over, counts = (
                head[name] for name in ("host", "pid", "start", "written", "over", "counts")
            )
            items, unseen = counts.items(), head.get("unseen")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise ValueError("the first line of a record says who writes.") from None
        numbers = (pid, start, written, *counts.values())
        if not all(type(number) in (int, float) and 0 <= number < 1e15 for number in numbers):
            raise ValueError("the numbers of a record are from 0 to 1e15.")
        if not isinstance(host, str) or type(pid) is not int or type(is_over) is not bool:
            raise ValueError("'host' of a record is a text, 'pid' a whole number, 'over' true or false.")
        if not isinstance(unseen, str | None):
            raise ValueError("'unseen' of a record is a text.")
        known = {name: int(number) for name, number in items if name in STATES}
        record = cls(clean(host, 64), pid, start, written, is_over, known, decode(rest))
        if unseen is None:
            return record
        ended_counts, age = EndedCounts.decode_with_age(unseen.encode("utf-8", "backslashreplace"))
        return record._replace(unseen=ended_counts, age=age)


class _File:
    """The file of this process."""

    def __init__(self, folder: str) -> None:
        self._folder = _absolute(folder)
        self._host = socket.gethostname()
        self._start = time.time()
        self._frames: dict[int, Frame] = {}  # by display
        self._ended: deque[TaskView] = deque(maxlen=MOST_ENDED)
        self._counts = dict.fromkeys(STATES, 0)
        self._unseen = UnseenTasks()
        self._written = float("-inf")  # on the displays' clock
        self._is_over = False
        host = re.sub("[^A-Za-z0-9.-]", "_", self._host)[:64]
        # Containers may share a host name, a process ID and the moment of their start.
        name = f"{host}-{os.getpid()}-{int(self._start * 1000):x}-{os.urandom(4).hex()}"
        self._path = os.path.join(self._folder, name + SUFFIX)
        self._temporary = os.path.join(self._folder, f".{name}.tmp")
        process_hooks.at_end(self._end)
        send_before_sudden_ends(_write_all)

    def show(self, display: int, frame: Frame | None, now: float, *, at_once: bool = False) -> None:
        """Note the frame of `display`, None if it has ended, and write the record if the interval has passed or `at_once` is set."""
        if frame is None:
            self._frames.pop(display, None)
        else:
            self._frames[display] = frame
            for view in frame.ended:
                self._ended.append(view)
                if view.depth == 0:
                    self._counts[view.state] += 1
        if at_once or now - self._written >= WRITE_SECONDS:
            self._written = now
            self._write()

    def note_unseen(self, task: Task) -> None:
        """Count `task`, which has ended before a frame could show it.

        The next record includes it, at the latest that of the process's end, so that the job does not wait for a file server.
        """
        self._unseen.note(task, time.time())
        self._counts[task.state] += 1

    def _end(self) -> None:
        self._is_over = True
        self._frames.clear()
        self._write()

    def _frame(self) -> Frame:
        tasks: list[TaskView] = []
        more, moment = 0, 0.0
        for frame in self._frames.values():
            first = tasks[-1].position + 1 if tasks else 0
            tasks += [view._replace(position=view.position + first) for view in frame.tasks]
            more += frame.more
            moment = frame.time
        return Frame(moment, tuple(tasks[:MOST_TASKS]), tuple(self._ended), more + max(len(tasks) - MOST_TASKS, 0))

    def _write(self) -> None:
        now = time.time()
        record = Record(self._host, os.getpid(), self._start, now, self._is_over, self._counts, self._frame())
        if self._unseen.tasks:
            record = record._replace(unseen=self._unseen, age=self._unseen.age(now))
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | NO_FOLLOW
            with open(os.open(self._temporary, flags, 0o600), "wb") as file:
                file.write(record.encode())
            os.replace(self._temporary, self._path)
        except OSError as error:
            with suppress(OSError):  # on a full disk the file is there, and empty
                os.unlink(self._temporary)
            warn_once(f"{VARIABLE} is {self._folder!r:.200}, where nothing can be written: {error.strerror}.")


@cache
def _absolute(folder: str) -> str:
    """Return `folder` as an absolute path, by the directory and the home of the first call: a job may change its directory."""
    try:
        return os.path.abspath(os.path.expanduser(folder))
    except OSError:  # the current directory has been removed
        return folder


_files: dict[tuple[int, str], _File] = {}
_folders: WeakKeyDictionary[TrackerCore, str | None] = WeakKeyDictionary()


def _file_in(folder: str) -> _File:
    key = (os.getpid(), folder)  # a forked child has a file of its own
    if key not in _files:
        _files[key] = _File(folder)
    return _files[key]


def _write_all() -> None:
    """Write the records of this process with its last frames."""
    process_hooks.TICKER.flush_all(SUDDEN_SECONDS)
    for (pid, _), file in list(_files.items()):  # other threads add files
        if pid == os.getpid():
            file._write()


def note_unseen(tracker: TrackerCore, task: Task) -> None:
    """Count `task` of `tracker`, which has ended before a frame could show it, if the tracker's frames are written to a folder."""
    if tracker not in _folders:
        terminal = terminal_of(tracker)
        redirected = is_redirected(tracker, terminal)
        _folders[tracker] = shared_folder(prefer_hub(tracker.renderer, redirected=redirected), redirected=redirected)
        if tracker.terminal is None:
            terminal.close()
    folder = _folders[tracker]
    if folder is not None:
        _file_in(folder).note_unseen(task)


class Recorded(ObservedRenderer):
    """A renderer that also writes each frame to the file of this process.

    Args:
        renderer: The renderer that draws.
        folder: The shared folder. If it does not exist, it is created, accessible to this user only.
        clock: Gives the time in seconds and never goes back.
    """

    calls_others = True
    """A file server may hang, so writing must not hold up the drawing thread."""

    def __init__(self, renderer: Renderer, folder: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(renderer)
        self._folder = folder
        self._clock = clock

    def render(self, frame: Frame) -> None:
        """Draw `frame`, and write it to the file."""
        super().render(frame)
        self._file.show(id(self), frame, self._clock())

    def stop(self) -> None:
        """Stop the renderer, and write a record without its tasks at once."""
        super().stop()
        self._file.show(id(self), None, self._clock(), at_once=True)

    @property
    def _file(self) -> _File:
        return _file_in(self._folder)


class _Process:
    """The state of one file that a reader follows."""

    __slots__ = ("heard", "is_lost", "record", "signature", "received")

    def __init__(self) -> None:
        self.signature: tuple[int, ...] = ()
        self.record: Record | None = None
        self.heard = 0.0  # when the record arrived, on the reader's clock
        self.is_lost = False
        self.received: set[int] = (
            set()
        )  # numbers of ended tasks that the feed has received: a lost process may come back


class FolderReader:
    """Passes the records in `folder` to `feed` each time `scan` is called.

    Args:
        folder: The folder.
        feed: The feed that shows the processes.
        lost: Seconds without a new record after which a process with running tasks counts as lost.
        clock: Gives the time in seconds and never goes back.
        now: Gives the time in seconds since 1970, from which the age of a newly found record follows.

    Attributes:
        unreadable: Names of files that hold no record, or cannot be read.
    """

    def __init__(
        self,
        folder: str,
        feed: Feed,
        *,
        lost: float = LOST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._feed = feed
        self._lost_after = lost
        self._clock = clock
        self._now = now
        self._processes: dict[str, _Process] = {}
        self.unreadable: set[str] = set()

    def scan(self) -> None:
        """Read new records, and report lost processes to the feed.

        Raises:
            OSError: the folder cannot be read.
        """
        now = self._clock()
        with os.scandir(self._folder) as entries:
            names = [entry.name for entry in islice(entries, MOST_FILES)]
        for name in sorted(names):
            if name.endswith(SUFFIX) and not name.startswith("."):
                self._read_file(name, now)
        for name, process in self._processes.items():
            record = process.record
            if record is None or record.is_over or process.is_lost or now - process.heard <= self._lost_after:
                continue
            if any(view.state == "running" for view in record.frame.tasks):
                process.is_lost = True
                self._feed.lose(
                    name, f"lost: nothing from {record.host}, pid {record.pid}, for {now - process.heard:,.0f} s"
                )

    def _read_file(self, name: str, now: float) -> None:
        process = self._processes.setdefault(name, _Process())
        try:
            data, signature = _read(os.path.join(self._folder, name), process.signature)
            if data is None:
                return
            process.signature = signature
            record = Record.decode(data)
        except (OSError, ValueError):
            if process.record is None:  # a file that was read before stays listed until its process counts as lost
                del self._processes[name]
                self.unreadable.add(name)
            return
        self.unreadable.discard(name)
        age = max(self._now() - record.written, 0.0) if process.record is None else 0.0
        process.record, process.heard, process.is_lost = record, now - age, False
        frame = _placed(record)
        new = tuple(view for view in frame.ended if view.id not in process.received)
        process.received = {view.id for view in frame.ended}
        self._feed.receive(name, frame._replace(ended=new), (record.start,))
        if record.unseen is not None:
            self._feed.add_ended_counts(
                name, record.unseen, age=record.age + max(now - process.heard, 0.0), order=(record.start,)
            )
        if record.is_over:
            self._feed.leave(name)

    @property
    def are_over(self) -> bool:
        """Whether at least one process was seen, and each has ended, is lost, or has no task and writes no longer."""
        now = self._clock()
        return bool(self._processes) and all(
            process.record is not None
            and (
                process.record.is_over
                or process.is_lost
                or (not process.record.frame.tasks and now - process.heard > self._lost_after)
            )
            for process in self._processes.values()
        )

    def outcome(self) -> tuple[int, int, int]:
        """Return the numbers of all processes, of processes with failed tasks, and of lost processes."""
        records = [process.record for process in self._processes.values() if process.record is not None]
        failed = sum(bool(record.counts.get("failed")) for record in records)
        return len(records), failed, sum(process.is_lost for process in self._processes.values())


def _placed(record: Record) -> Frame:
    """Return the frame of `record`, with the host and process ID in a field of each top-level task."""
    place = f"{record.host}:{record.pid}"

    def named(views: tuple[TaskView, ...]) -> tuple[TaskView, ...]:
        return tuple(view._replace(fields={"on": place, **view.fields}) if view.depth == 0 else view for view in views)

    frame = record.frame
    return frame._replace(tasks=named(frame.tasks), ended=named(frame.ended))


def _read(path: str, known: tuple[int, ...]) -> tuple[bytes | None, tuple[int, ...]]:
    """Return the contents of the file and a signature of its state; None for the contents if the signature is `known`.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a regular file, or it is too large.
    """
    # Reject a link, which may point anywhere, and a pipe, which would block.
    flags = os.O_RDONLY | NO_FOLLOW | NON_BLOCKING | CLOSE_ON_EXEC
    descriptor = os.open(path, flags)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
            raise ValueError("it is no plain file, or too large.")
        signature = (status.st_ino, status.st_mtime_ns, status.st_size)
        return (None, signature) if signature == known else (file.read(LARGEST + 1), signature)
