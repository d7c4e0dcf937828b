"""In a worker: a tracker for each Dask task, whose frames go out as events.

Knows Dask's workers, and which task a thread is at. Must not know who listens.
"""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any, ClassVar, cast

from distributed import Worker, WorkerPlugin, get_worker

from progresskit import Frame, ProgressTracker, Terminal
from progresskit._display.terminal import StreamTerminal
from progresskit._model.frames import encode
from progresskit._tracking.tracker import tracker_providers

INTERVAL = 0.5
"""Seconds between two frames of one task: all of them pass through the scheduler."""
ENDS = frozenset(("memory", "error", "released", "forgotten", "rescheduled"))
"""States in which a task is not at work any more."""


class EventRenderer:
    """Sends frames as events of a topic.

    Args:
        worker: Whose events they are.
        topic: The topic.
        source: What names the Dask task and its attempt.
    """

    in_place: ClassVar[bool] = False

    def __init__(self, worker: Worker, topic: str, source: list[Any]) -> None:
        self._worker, self._topic, self._source = worker, topic, source
        self._lines: list[str] = []

    def start(self, terminal: Terminal) -> None:
        """Nothing is sent before there is a frame."""

    def render(self, frame: Frame) -> None:
        lines, self._lines = self._lines, []
        self._send(frame=encode(frame), lines=lines)

    def write(self, text: str) -> None:
        self._lines.extend(text.split("\n"))

    def stop(self) -> None:
        self._send(end=True)

    def _send(self, **what: Any) -> None:
        self._worker.log_event(self._topic, {"source": self._source, "worker": self._worker.address, **what})


class NullTerminal(StreamTerminal):
    """The terminal of one Dask task: there is none, and no other task is on it."""

    def __init__(self) -> None:
        super().__init__(None)

    @property
    def key(self) -> tuple[object, ...]:
        return (id(self),)


class Reporter(WorkerPlugin):
    """Has the progress of the tasks of a worker sent to `topic`.

    Args:
        topic: The topic of the events.
        interval: Seconds between two frames of one task at the least.
    """

    def __init__(self, topic: str, interval: float = INTERVAL) -> None:
        self.topic = topic
        self.interval = interval
        self.name = topic

    def setup(self, worker: Worker) -> None:
        """The plugin has come to `worker`."""
        self._worker = worker
        self._lock = threading.Lock()
        self._trackers: dict[Any, ProgressTracker] = {}
        self._attempts = 0
        tracker_providers.append(self._provided_tracker)

    def teardown(self, worker: Worker) -> None:
        """The plugin goes, or `worker` does."""
        if self._provided_tracker in tracker_providers:
            tracker_providers.remove(self._provided_tracker)
        for tracker in list(self._trackers.values()):
            self._end(tracker)

    def transition(self, key: Any, start: Any, finish: Any, **_: Any) -> None:
        """A task has come into another state; told on the worker's loop."""
        if finish in ENDS:
            with self._lock:
                tracker = self._trackers.pop(key, None)
            if tracker is not None:
                self._end(tracker)

    def _end(self, tracker: ProgressTracker) -> None:
        try:
            asyncio.get_running_loop().run_in_executor(None, tracker.stop)  # it waits for its last frame
        except RuntimeError:
            tracker.stop()

    def _provided_tracker(self) -> ProgressTracker | None:
        """Return the tracker of the Dask task that this thread is at; None where it is at none."""
        try:
            worker = get_worker()
            key = worker.get_current_task()
        except (ValueError, KeyError):
            return None
        if worker is not self._worker:
            return None
        with self._lock:
            tracker = self._trackers.get(key)
            if tracker is None:
                self._attempts += 1
                source = [str(key), f"{worker.address} {os.getpid()}", self._attempts]
                renderer = EventRenderer(worker, self.topic, source)
                tracker = ProgressTracker(
                    renderer, terminal=cast("Terminal", NullTerminal()), interval=self.interval, budget=0.01
                )
                self._trackers[key] = tracker
        return tracker
