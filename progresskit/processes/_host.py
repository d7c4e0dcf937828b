"""The hub of a process that starts workers, and the counts of its tasks that workers send.

The first worker, or the first task that is handed out, makes the hub, which runs until the process ends, because pools outlive
trackers. Knows which tracker shows the workers' tasks, and which task a worker's counts belong to. Does not know how a worker is
started.
"""

from __future__ import annotations

import os
import time
from _thread import RLock
from typing import TYPE_CHECKING, Any

from .._display import forked_child, process_hooks
from .._tracking.core import TrackerCore
from .._tracking.joining import current_tracker, shared_tracker
from .._tracking.tracker import entered

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from .._tracking.task import Task
    from .._tracking.tracker import ProgressTracker
    from .feed import Feed
    from .hub import Hub

    Count = int | float

MOST_HANDLES = 1_000
"""The number of handed-out tasks from which on ended ones are removed."""
LINE_SECONDS = 0.02
"""The most seconds that a line of this process waits for workers' lines from before it."""
LEAVING_SECONDS = 1.0
"""The most seconds that the end of the process waits for workers that were interrupted with it."""
ASK_SECONDS = 1.0
"""The most seconds that the end of a tracker waits for the workers' counts."""


class Host:
    """The hub of this process and the feed that it fills."""

    def __init__(self, tracker: ProgressTracker) -> None:
        from .hub import Hub

        self.pid = os.getpid()
        self.tracker = tracker
        self.feed = self._feed(tracker)
        self.hub: Hub = Hub(self.feed)
        self.handles: dict[int, Task] = {}
        self._most_handles = MOST_HANDLES
        self._holds_capture = False
        self._shares: dict[int, _Shares] = {}
        self._by_source: dict[Hashable, set[_Shares]] = {}
        self._lock = RLock()  # guards the shares; held only for an addition
        self.hub.start()
        self.address = str(self.hub.address)
        try:
            from multiprocessing.util import Finalize

            # After multiprocessing has joined the workers. Kept, since each forked child would copy eight pages to free it.
            self._finalizer = Finalize(None, self._stop, exitpriority=-200)
            process_hooks.end_with_hub(self._stop_early)
        except ImportError:
            pass

    def _feed(self, tracker: ProgressTracker) -> Feed:
        from .feed import Feed

        feed = Feed.beside(tracker)
        feed.counted = self._count
        feed._core.lines.items = tracker._core.lines.items  # one queue, so that all lines are shown as they came
        # The feed's own lines are what is printed while the feed is the last to have begun to capture.
        tracker._core.lines.before_line = feed._core.lines.before_line = self._deliver_lines
        return feed

    def _deliver_lines(self) -> None:
        """Put the lines that workers have sent by now before a line that this process is about to add."""
        if self.pid != os.getpid():  # in a forked child
            return
        try:
            self.hub.deliver_lines(LINE_SECONDS)
        except Exception:  # a display's trouble is not the job's
            pass

    def move(self, tracker: ProgressTracker) -> None:
        """Show the workers with `tracker` from now on."""
        if tracker is self.tracker:
            return
        self.tracker._core.lines.before_line = None
        old, self.feed, self.tracker = self.feed, self._feed(tracker), tracker
        self.hub.move(self.feed)
        old.stop()
        if self._holds_capture:
            self.hold_capture()

    def hold_capture(self) -> None:
        """Have lines of this process wait for those that workers have sent before, whether or not rows stand."""
        self._holds_capture = True
        self.feed._core.capture.begin(self.feed._core, hold=True)

    def catch_up(self) -> None:
        """Show what workers have sent, and ask them for their counts of tasks that are not complete."""
        if any(task._end is None and not task.is_complete for task in self.handles.values()):
            self.hub.ask(ASK_SECONDS)
        self.hub.catch_up()

    def _stop(self) -> None:
        self.hub.stop()
        self.feed.stop()
        process_hooks.hub_has_stopped()

    def _stop_early(self) -> None:
        """Stop although multiprocessing has not joined the workers, interrupted by Ctrl-C. Most end of the same, and say so."""
        until = time.monotonic() + LEAVING_SECONDS
        try:
            from multiprocessing import active_children

            for process in active_children():
                process.join(max(until - time.monotonic(), 0.0))
        finally:
            self._stop()

    # Counts of tasks that were handed out

    def hand_out(self, task: Task) -> None:
        """Add the workers' counts of `task` to it from now on."""
        with TrackerCore.lock:
            if task.id in self.handles:
                return
            if len(self.handles) >= self._most_handles:
                for number in [number for number, each in self.handles.items() if each._end is not None]:
                    del self.handles[number]
                    self._shares.pop(number, None)
                self._most_handles = max(MOST_HANDLES, 2 * len(self.handles))
            shares = self._shares[task.id] = _Shares(self)
            task._made_extras.counters += (shares,)
            self.handles[task.id] = task

    def read_counts(self) -> None:
        """Read the counts that workers have sent."""
        if self.pid == os.getpid():  # in a forked child, this object is the parent's
            self.hub.read_counts()

    def _count(self, source: Hashable, counts: Mapping[int, Count] | None) -> None:
        with self._lock:
            if counts is None:
                for each in self._by_source.pop(source, ()):
                    each.fold(source)
                return
            for number, count in counts.items():
                shares = self._shares.get(number)
                if shares is not None:
                    shares.set_count(source, count)
                    self._by_source.setdefault(source, set()).add(shares)


class _Shares:
    """The workers' counts of one task: the latest of each live worker, and the sum of those that have ended."""

    __slots__ = ("_by", "_gone", "_host", "_sum")

    def __init__(self, host: Host) -> None:
        self._host = host
        self._by: dict[Hashable, Count] = {}
        self._gone: Count = 0
        self._sum: Count = 0

    def count(self) -> Any:
        """Return the sum, including everything that workers have sent by now."""
        self._host.read_counts()
        return self._sum

    def set_count(self, source: Hashable, count: Count) -> None:
        self._by[source] = count
        self._sum = self._gone + sum(self._by.values())

    def fold(self, source: Hashable) -> None:
        self._gone += self._by.pop(source, 0)


current: Host | None = None
"""The host of this process; None if it has none yet."""
inherited: Host | None = None
"""In a forked child, the host of its parent; None if that had none."""
lock = RLock()
"""Guards `current`, and which tracker it shows workers with."""


def get() -> Host:
    """Return the host of this process, which is made now if there is none.

    Raises:
        OSError, RuntimeError: no descriptors, or no threads, are left.
    """
    global current
    if current is None:
        with lock:
            if current is None:
                current = Host(current_tracker())
    return current


def move(tracker: ProgressTracker) -> None:
    """Show existing workers with `tracker`, which has been entered."""
    forked_child.settle()
    with lock:  # other threads enter and end trackers meanwhile
        if current is not None and tracker in entered:
            current.move(tracker)


def catch_up() -> None:
    """Deliver all that workers have sent so far."""
    forked_child.settle()
    if current is not None:
        current.hub.catch_up()


def detach(tracker: ProgressTracker) -> None:
    """Show what workers have sent for `tracker`, which ends, and move to another tracker."""
    forked_child.settle()
    if current is not None and tracker is current.tracker:
        current.catch_up()  # without the lock, since it may wait for workers
    with lock:
        others = [each for each in entered if each is not tracker]
        if current is not None and tracker is current.tracker:
            current.hub.catch_up()
            current.move(others[-1] if others else shared_tracker())


def _in_child() -> None:
    global current, inherited, lock
    inherited, current, lock = current, None, RLock()


process_hooks.in_child(_in_child)
