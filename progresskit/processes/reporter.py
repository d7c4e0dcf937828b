"""Reporter: collects the progress of one worker process of a distributed engine into reports for a transport.

Knows the trackers of one process, which piece of the engine's work each belongs to, and how to make one report of all changes.
At the other end a `Feed` shows the report. Does not know engines or connections: the reporter wakes a transport, which asks for
a report. So one event in each interval carries all tasks of a process, however many there are.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import zlib
from contextvars import Context, ContextVar
from typing import TYPE_CHECKING, NamedTuple

from .._model.frames import Frame, decode, encode
from .._system.platform import THREAD_TIME
from .._tracking import counters as counting
from .._tracking import multiprocessing_hook
from .._tracking.brief_loop import BriefLoop, is_plain, make_tasks
from .._tracking.core import TrackerCore, current_loop
from .._tracking.tracker import ProgressTracker, active, tracker_providers
from ._ended_counts import SHORT_TASK_SECONDS, EndedCounts, UnseenTasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextvars import Token
    from typing import Any, Self

    from .._model.frames import TaskView
    from .._tracking.task import Task

INTERVAL = 0.5
"""Seconds between two reports of a process: on a cluster, all reports pass through one scheduler."""
FIRST_DELAY = 0.1
"""Seconds from the first task after a pause to the report that shows it."""
UNCHANGED_INTERVAL = 1.0
"""Seconds between two reports while only elapsed times change."""
MOST_ROWS = 100
"""Live tasks in a report; further ones are only counted. No screen has so many rows."""
MOST_ENDED = 2_000
"""Ended tasks kept for the next report; further ones are only counted."""
LARGEST = 1 << 24
"""The largest decompressed part of a report, in bytes."""
MOST_LINE_BYTES = 3 * LARGEST // 4
"""Bytes of printed lines, in JSON, kept for the next report; further lines are only counted. Leaves room for the ended tasks."""
PACKED_FROM = 512
"""A part of a report of at least this many bytes is compressed: rows are alike, and shrink to a tenth."""


MOST_UNUSED = 64
"""Trackers kept for later pieces of work: about as many as usually run at once."""
_NO_CONTEXT = Context()


def _references_of_one_variable() -> int:
    """Return the reference count of an object that only a local variable holds. It differs between Python versions."""
    held = object()
    return sys.getrefcount(held)


ONE_VARIABLE = _references_of_one_variable()


class Report(NamedTuple):
    """The progress of one process since its last report.

    Attributes:
        frame: Its live tasks, which replace those of earlier reports; the newly ended tasks; and counts.
        lines: The newly printed lines.
        unseen: Counts of tasks that ended before a report could show them; None if there are none.
        age: Seconds since the first of the unseen tasks began.

    Example:
        >>> report = Report(Frame(1.0, tasks=(sample_view(description="orders.csv"),)), ("a line",))
        >>> Report.decode(*report.encode()) == report
        True
    """

    frame: Frame
    lines: tuple[str, ...] = ()
    unseen: EndedCounts | None = None
    age: float = 0.0

    def encode(self) -> tuple[bytes, bytes]:
        """Return the report in two parts, as bytes: rows, which a later report replaces, and news, which must arrive (may be empty)."""
        rows = _pack(encode(self.frame._replace(ended=())))
        if not (self.frame.ended or self.lines or self.unseen):
            return rows, b""
        news: dict[str, object] = {"ended": encode(Frame(self.frame.time, ended=self.frame.ended)), "lines": self.lines}
        if self.unseen is not None:
            news["unseen"] = self.unseen.encode(age=self.age).decode()
        return rows, _pack(json.dumps(news))

    @classmethod
    def decode(cls, rows: bytes, news: bytes = b"") -> Report:
        """Return the report of these two parts, checked: any process may have sent them.

        Raises:
            ValueError: the parts are malformed; the message says why.
        """
        frame = decode(_unpack(rows))
        if not news:
            return cls(frame)
        try:
            document = json.loads(_unpack(news))
            ended, lines, unseen = document["ended"], document["lines"], document.get("unseen")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise ValueError("the news of a report are an object with 'ended' and 'lines'.") from None
        if not isinstance(ended, str) or not isinstance(lines, list) or not isinstance(unseen, str | None):
            raise ValueError("'ended' and 'unseen' of a report are texts and 'lines' is a list.")
        whole = frame._replace(ended=decode(ended).ended)
        if unseen is None:
            return cls(whole, tuple(map(str, lines)))
        return cls(whole, tuple(map(str, lines)), *EndedCounts.decode_with_age(unseen.encode()))


def _pack(text: str) -> bytes:
    data = text.encode("utf-8", "backslashreplace")
    return data if len(data) < PACKED_FROM else zlib.compress(data, 1)


def _unpack(data: bytes) -> bytes:
    """Return `data` decompressed if `_pack` has compressed it: JSON begins with a brace, compressed data never does.

    Raises:
        ValueError: `data` is neither JSON nor compressed, or is larger than `LARGEST`.
    """
    if data[:1] == b"{":
        return data
    try:
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(data, LARGEST)
    except zlib.error as error:
        raise ValueError(f"this part of a report cannot be unpacked: {error}") from None
    if unpacker.unconsumed_tail:
        raise ValueError(f"this part of a report is larger than {LARGEST:,d} bytes.")
    return text


class Work:
    """One piece of an engine's work: a Dask task, a Ray task. Its progress tasks end with it. `Reporter.work` makes it."""

    __slots__ = ("_reporter", "_token", "_tracker")

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._tracker: ProgressTracker | None = None
        self._token: Token[Work | None] | None = None

    def __enter__(self) -> Self:
        self._token = _work.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _work.reset(self._token)
        self.end()

    @property
    def tracker(self) -> ProgressTracker:
        """The tracker of this piece, made on first use: most pieces of work report no progress. Loops that are no tasks yet become
        tasks, because the tracker is used."""
        if self._reporter.brief_loops:
            self._reporter.add_brief_loops()
        return self.home()

    def home(self) -> ProgressTracker:
        """Return the tracker of this piece, for a loop that becomes a task."""
        tracker = self._tracker
        if tracker is None:
            with TrackerCore.lock:
                tracker = self._tracker
                if tracker is None:
                    tracker = self._tracker = self._reporter.new_tracker()
        return tracker

    @property
    def is_watched(self) -> bool:
        """Whether anybody reads the reports."""
        return self._reporter.watched is None or self._reporter.watched()

    def end(self) -> None:
        """End live tasks: those whose count is complete finish, others are cancelled."""
        pending = self._reporter.brief_loops
        if pending and any(loop.work is self for loop in list(pending)):  # its iterator lives on, unused
            self._reporter.add_brief_loops()
        tracker, self._tracker = self._tracker, None  # a thread that runs on gets a new one
        if tracker is None:
            return
        is_idle = tracker._core.is_idle  # releases the ended tasks, which hold their tracker
        if not is_idle or sys.getrefcount(tracker) != ONE_VARIABLE:
            tracker.stop()
        if sys.getrefcount(tracker) == ONE_VARIABLE:
            self._reporter.keep_tracker(tracker)


_work: ContextVar[Work | None] = ContextVar("progresskit_work", default=None)


class _WorkLoop(BriefLoop):
    """A loop in a piece of work: it is a task only if a report is due while it runs, or if it takes long.

    Args:
        iterable, description, unit: As for `BriefLoop`.
        work: The piece of work.
    """

    __slots__ = ("work",)

    def __init__(self, iterable: Any, description: str, unit: str, work: Work) -> None:
        super().__init__(iterable, description, unit, work._reporter.brief_loops)  # type: ignore[arg-type]  # a list of these
        self.work = work

    def _home(self) -> ProgressTracker:
        return self.work.home()

    def _watch(self) -> bool:
        self.work._reporter.expect(self)
        return True

    def _settle(self) -> None:
        self.work._reporter.add_brief_loops()

    def _tell(self, count: int, seconds: float) -> bool:
        if seconds >= SHORT_TASK_SECONDS:
            return False
        self.work._reporter.note_brief_end(count, seconds, self._unit)
        if current_loop.get() is self:
            current_loop.set(None)
        return True


class Reporter:
    """Collects the progress of all trackers of one process.

    The reporter is the ticker of those trackers, and has no thread: the transport calls `carry` when a report is due. The job
    never waits for a report.

    Args:
        wake: Called, in any thread, when there is something to report after a pause: `carry` is due in `delay` seconds.
        interval: The least number of seconds between two reports.
        budget: The share of one core that collecting may cost.
        own: Whether to report tasks that belong to no piece of work as well. False in a process that has a display of its
            own.
        watched: Called in any thread; returns whether anybody reads the reports. If not, a new task or tracker of the job
            draws for itself. None: somebody always does.
        clock: Gives the time in seconds and never goes back.
        cpu: Gives the processor time of the calling thread, in seconds.

    Attributes:
        delay: Seconds until `carry` is due; None while there is nothing to report.
        brief_loops: The running loops that are no tasks yet.

    Example:
        >>> woken = []
        >>> reporter = Reporter(lambda: woken.append(True))
        >>> with reporter.work() as work:
        ...     task = work.tracker.add_task("orders.csv", total=2)
        ...     report = reporter.collect()
        >>> [view.description for view in report.frame.tasks], woken
        (['orders.csv'], [True])
        >>> [(view.description, view.state) for view in reporter.collect().frame.ended]
        [('orders.csv', 'cancelled')]
    """

    is_remote = True
    """The process's terminal, if it has one, is not the user's: the job's trackers must not draw on it."""

    def __init__(
        self,
        wake: Callable[[], object],
        *,
        interval: float = INTERVAL,
        budget: float = 0.01,
        own: bool = True,
        watched: Callable[[], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = THREAD_TIME,
    ) -> None:
        self.interval = interval
        self.delay: float | None = None
        self._wake = wake
        self._budget = budget
        self._clock = clock
        self._cpu = cpu
        self.watched = watched
        self._trackers: list[TrackerCore] = []
        self._unused: list[ProgressTracker] = []
        self._own = self.new_tracker() if own else None
        self._ended: list[TaskView] = []
        self._lines: list[str] = []
        self._line_bytes = 0  # of _lines, in JSON
        self._missing = [0, 0]  # ended tasks and lines dropped for lack of room
        self._unseen = UnseenTasks()
        self.brief_loops: list[_WorkLoop] = []
        self._counts: dict[int, int | float] = {}
        self._last: tuple[object, ...] = ()  # the contents of the last report
        self._reported = -UNCHANGED_INTERVAL  # when it was made

    def new_tracker(self) -> ProgressTracker:
        """Return a tracker without tasks, whose tasks this reporter reports."""
        try:
            return self._unused.pop()
        except IndexError:
            pass
        return ProgressTracker("none", stream=sys.stderr, ticker=self, clock=self._clock, capture=False)

    def keep_tracker(self, tracker: ProgressTracker) -> None:
        """Keep `tracker`, which nobody else holds, for the next piece of work: making a tracker takes as long as most pieces."""
        if len(self._unused) < MOST_UNUSED:
            tracker._core.lines.context = _NO_CONTEXT  # release the context of the work
            self._unused.append(tracker)

    # The piece of work of a thread

    def begin(self) -> None:
        """Make `track` and `ProgressTracker()` report here if they run within a piece of work."""
        tracker_providers.append(self._provided_tracker)
        _reporters.append(self)
        multiprocessing_hook.first_loop = _brief_loop
        if len(_reporters) == 1:
            threading.Thread.start = _start  # type: ignore[method-assign, assignment]

    def close(self) -> None:
        """Stop reporting. Trackers that are made from now on draw for themselves."""
        self._wake = _nothing
        if self in _reporters:
            tracker_providers.remove(self._provided_tracker)
            _reporters.remove(self)
            if not _reporters and multiprocessing_hook.first_loop is _brief_loop:
                multiprocessing_hook.first_loop = None
            if not _reporters and threading.Thread.start is _start:
                threading.Thread.start = _thread_start  # type: ignore[method-assign]

    def work(self) -> Work:
        """Return a context manager: code within it, in this context or in threads that it starts, is one piece of work."""
        return Work(self)

    def _provided_tracker(self) -> ProgressTracker | None:
        if self.watched is not None and not self.watched():
            return None
        work = _here()
        return self._own if work is None else work.tracker

    # Loops that are no tasks yet

    def expect(self, loop: _WorkLoop) -> None:
        """Report `loop`, which begins, as a task if it still runs when the next report is due."""
        self.brief_loops.append(loop)
        if self.delay is None:
            with TrackerCore.lock:
                self._rouse()

    def add_brief_loops(self) -> None:
        """Make all running loops tasks."""
        with TrackerCore.lock:
            make_tasks(self.brief_loops)  # type: ignore[arg-type]  # a list of brief loops

    def note_brief_end(self, count: int, seconds: float, unit: str) -> None:
        """Count a loop that has ended after `seconds` with `count` items, and was no task."""
        with TrackerCore.lock:
            self._unseen.note_end("finished", unit, count, seconds, self._clock())
            self._rouse()

    # The ticker's interface, for trackers

    def attach(self, tracker: TrackerCore) -> None:
        """Report `tracker` from now on."""
        with TrackerCore.lock:
            self._trackers.append(tracker)
            self._rouse()

    def wake(self) -> None:
        """Do nothing: the next report includes the ended task."""

    def flush_lines(self) -> None:
        """Do nothing: the next report includes the lines."""

    def wait_for_lines(self, tracker: TrackerCore, *, terminal: bool = True) -> None:
        """Do nothing: the job never waits for a report, which counts the lines that do not fit."""

    def flush_soon(self) -> None:
        """Do nothing: the job never waits for a report."""

    def note_unseen(self, task: Task) -> bool:
        """Count `task`, which has ended before a report could show it; return whether it gets a line of its own instead.

        The caller holds the lock.
        """
        if task.elapsed >= SHORT_TASK_SECONDS:
            return True
        self._unseen.note(task, self._clock())
        return False

    def detach(self, tracker: TrackerCore) -> None:
        """Keep the last frame of `tracker` for the next report, and stop reporting the tracker."""
        with TrackerCore.lock:
            if tracker in self._trackers:
                self._trackers.remove(tracker)
                self._rouse()
                if not tracker.let_go():  # it has something left to show
                    self._keep(tracker, tracker.tree.next_frame())
                    tracker.let_go()

    def _rouse(self) -> None:
        """Wake the transport unless `carry` is already due. The caller holds the lock."""
        if self.delay is None:
            self.delay = max(FIRST_DELAY, self._reported + self.interval - self._clock())
            self._wake()

    def _keep(self, tracker: TrackerCore, frame: Frame) -> None:
        room = MOST_ENDED - len(self._ended)
        self._ended += frame.ended[:room]
        self._missing[0] += max(len(frame.ended) - room, 0)
        for line in tracker.lines.drain():
            size = len(json.dumps(line)) + 2  # and the separator; a character takes up to 12 bytes
            if self._line_bytes + size > MOST_LINE_BYTES:
                self._missing[1] += 1
            else:
                self._lines.append(line)
                self._line_bytes += size
        self._counts.update(frame.counts)

    # The interface for transports

    def collect(self) -> Report | None:
        """Return a report, or None if nothing has changed, and set `delay`."""
        with TrackerCore.lock:
            self.add_brief_loops()
            report = self._collect(self._clock())
            self.delay = self.interval if self._trackers or self._has_news else None
        return report

    @property
    def _has_news(self) -> bool:
        """Whether there is an ended task, line or count that must arrive."""
        return bool(self._ended or self._lines or self._unseen.tasks)

    def carry(self, send: Callable[[Report], object]) -> None:
        """Call `send` with a report if there is one, and set `delay` so that collecting and sending stay within the budget."""
        began = self._cpu()
        report = self.collect()
        if report is not None:
            send(report)
        if self.delay is not None:
            self.delay = max(self.interval, (self._cpu() - began) / self._budget)

    def _collect(self, now: float) -> Report | None:
        views: list[TaskView] = []
        more, used = 0, 0
        for tracker in list(self._trackers):
            frame = tracker.tree.next_frame(max(MOST_ROWS - used, 0))
            self._keep(tracker, frame)
            views += [view._replace(position=view.position + used) for view in frame.tasks]
            more += frame.more
            used = views[-1].position + 1 if views else 0
            if tracker.let_go():
                self._trackers.remove(tracker)
        shown = (
            [(view.id, view.completed, view.total, view.state, view.description, view.fields) for view in views],
            more,
            dict(self._counts),
        )
        is_news = self._has_news
        if not is_news and shown == self._last and (not views or now - self._reported < UNCHANGED_INTERVAL):
            return None
        if not (is_news or views or self._last):
            return None
        self._last, self._reported = shown, now
        ended, self._ended = tuple(self._ended), []
        lines, self._lines = self._lines, []
        for missing, what in zip(self._missing, ("ended tasks", "lines"), strict=True):
            if missing:
                lines.append(f"progresskit: {missing:,d} {what} are missing here: there were too many in one interval.")
        self._missing, self._line_bytes = [0, 0], 0
        unseen, self._unseen = self._unseen, UnseenTasks()
        report = Report(Frame(now, tuple(views), ended, more, dict(self._counts)), tuple(lines))
        return report._replace(unseen=unseen, age=unseen.age(now)) if unseen.tasks else report


def _here() -> Work | None:
    """Return the piece of work that this thread or async task belongs to; None if there is none."""
    work = _work.get()
    if work is None:
        work = getattr(threading.current_thread(), "_progresskit_work", None)
    return work


def _brief_loop(iterable: Any, description: Any, unit: Any) -> Iterator[Any] | None:
    """Return the iterator of a loop that is no task yet, or None if the loop must be a task from the beginning."""
    work = _here()
    if (
        work is None
        or len(tracker_providers) != len(_reporters)
        or active.get() is not None
        or current_loop.get() is not None
        or counting.poll is not None
        or not work.is_watched
        or not is_plain(iterable, description, unit)
    ):
        return None
    return _WorkLoop(iterable, description, unit, work).run()


def _start(thread: threading.Thread) -> None:
    """Start `thread` within the piece of work of its starter, because a new thread begins with an empty context."""
    work = _here()
    if work is not None:
        thread._progresskit_work = work  # type: ignore[attr-defined]
    _thread_start(thread)


_reporters: list[Reporter] = []
_thread_start = threading.Thread.start


def _nothing() -> None:
    """Do nothing: the reporter is closed."""
