"""Common code of the adapters for distributed engines: a tracker for each piece of the engine's work, and a reader of workers'
reports.

Knows reports and feeds. Does not know engines, nor how a report travels: `progresskit.processes.reporter` makes reports in
workers, and an adapter sends them.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from .._model.numbers import kind_of
from .._system.warnings import warn_once
from .._tracking.tracker import ProgressTracker, tracker_providers
from ._ended_counts import EndedCounts
from .reporter import Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .feed import Feed

LONGEST_INTERVAL = 3600.0
"""The longest interval between two messages, in seconds."""


@contextmanager
def provide_tracker(provide: Callable[[], ProgressTracker | None]) -> Iterator[None]:
    """Return a context manager within which `track` and `ProgressTracker()` join the tracker that `provide` returns.

    `provide` is called in the thread or async task that begins a loop, task or tracker while no tracker is entered. A tracker made
    without a renderer, stream or terminal draws with the returned one. `provide` returns None in a thread that does not run the
    engine's work. The latest provider is called first.

    Example:
        >>> tracker = ProgressTracker("none")
        >>> with provide_tracker(lambda: tracker):
        ...     for item in track([1, 2, 3], "Adding"):
        ...         print([task.description for task in tracker.tasks])
        ...         break
        ['Adding']
    """
    tracker_providers.append(provide)
    try:
        yield
    finally:
        tracker_providers.remove(provide)


def check_interval(every: object, least: float = 0.0) -> None:
    """Raise TypeError or ValueError unless `every` is a number of seconds above 0, from `least` to an hour.

    Example:
        >>> check_interval(0)
        Traceback (most recent call last):
        ...
        ValueError: every is 0: give a number of seconds above 0 and at most 3600.
    """
    if isinstance(every, bool) or not isinstance(every, (int, float)):
        raise TypeError(f"every is {every!r:.80}, {kind_of(every)}: give a number of seconds.")
    if not 0 < every <= LONGEST_INTERVAL or every < least:
        allowed = f"from {least:g} to" if least else "above 0 and at most"
        raise ValueError(f"every is {every!r:.80}: give a number of seconds {allowed} {LONGEST_INTERVAL:g}.")


class ReportReader:
    """Shows the reports of an engine's workers in a feed.

    Args:
        feed: The feed that shows them.

    Example:
        >>> feed = Feed(RecordingRenderer(), ticker=ManualTicker())
        >>> reader = ReportReader(feed)
        >>> report = Report(Frame(1.0, tasks=(sample_view(description="orders.csv"),)), ("a line",))
        >>> reader.read("worker 1", *report.encode())
        >>> [view.description for view in feed.frame().tasks]
        ['orders.csv']
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._unseen: dict[str, EndedCounts] = {}  # by worker: counts of its tasks that no report could show

    def read(self, worker: str, rows: bytes, *news: bytes) -> None:
        """Show a report: its rows, and all news since the last call. Malformed parts are skipped."""
        for part in news or (b"",):
            try:
                report = Report.decode(rows, part)
            except ValueError:  # malformed: any process may have sent it
                continue
            unseen = self._unseen.setdefault(worker, EndedCounts())
            self._feed.receive(worker, report.frame)
            for line in report.lines:
                self._feed.print(line)
            if report.unseen is not None:
                unseen.merge(report.unseen)
                self._feed.add_ended_counts(worker, unseen.copy(), age=report.age)

    def lose(self, worker: str) -> None:
        """Show the tasks of `worker`, which vanished without a last report, as lost."""
        self._unseen.pop(worker, None)
        self._feed.lose(worker)

    def close(self) -> None:
        """Show tasks that are still running for the last time, as left running."""
        for worker in self._unseen:
            self._feed.leave_running(worker)
        self._unseen.clear()


__all__ = ["LONGEST_INTERVAL", "ReportReader", "check_interval", "provide_tracker", "warn_once"]
