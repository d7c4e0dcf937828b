"""In the client: a tracker that shows what the cluster's workers send.

Knows Dask's clients and events. Must not know how anything is drawn.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from distributed import Client

from progresskit._model.frames import decode
from progresskit.processes.feed import Feed

from .reporting import INTERVAL, Reporter

FAREWELL = 2.0
"""Seconds that the end waits for the last words of tasks that are over."""

Source = tuple[str, str, int]


@contextlib.contextmanager
def watch(client: Client, renderer: Any = None, *, every: float = INTERVAL, **arguments: Any) -> Iterator[Feed]:
    """Show the progress of the tasks that `client`'s cluster works at, until the block ends.

    Args:
        client: A synchronous client of the cluster. The package must be installed on its workers.
        renderer: What draws; see `progresskit.ProgressTracker`.
        every: Seconds between two frames of one task at the least: all of them pass through the scheduler.
        arguments: What else `progresskit.ProgressTracker` takes, and `totals`.

    Raises:
        TypeError, ValueError: an argument is not what it must be.
    """
    topic = f"progresskit-{uuid4().hex}"
    with Feed(renderer, **arguments) as feed:
        events = _Events(client, feed)
        client.subscribe_topic(topic, events.take)
        client.register_plugin(Reporter(topic, every), name=topic)
        try:
            yield feed
        finally:
            events.wait()
            with contextlib.suppress(Exception):  # a cluster that has gone needs no farewell
                client.unregister_worker_plugin(topic)
                client.unsubscribe_topic(topic)
            events.close()


class _Events:
    """What comes from the cluster, on the client's own loop."""

    def __init__(self, client: Client, feed: Feed) -> None:
        self._client = client
        self._feed = feed
        self._workers: dict[str, set[Source]] = {}  # address -> sources that it is at
        self._closed = False

    def take(self, event: tuple[float, Any]) -> None:
        """A worker has something to say of a task."""
        if self._closed:
            return
        try:
            message = event[1]
            key, process, attempt = message["source"]
            source: Source = (str(key), str(process), int(attempt))
            worker = str(message["worker"])
            frame = None if message.get("end") else decode(message["frame"])
            lines = [str(line) for line in message.get("lines", ())]
        except (ValueError, TypeError, LookupError, AttributeError):  # not one of ours
            return
        if frame is None:
            self._workers.get(worker, set()).discard(source)
            self._feed.leave(source)
            return
        if worker not in self._workers:
            self._workers[worker] = set()
            self._listen_to(worker)
        if source not in self._workers[worker]:
            self._lose([other for sources in self._workers.values() for other in sources if other[0] == source[0]])
            self._workers[worker].add(source)
        self._feed.receive(source, frame)
        for line in lines:
            self._feed.print(line)

    def wait(self) -> None:
        """Wait for the last words of tasks that are over."""
        until = time.monotonic() + FAREWELL
        while any(self._workers.values()) and time.monotonic() < until:
            time.sleep(0.01)

    def close(self) -> None:
        """Hear nothing any more."""
        self._closed = True
        with contextlib.suppress(Exception):
            for worker in self._workers:
                self._client.unsubscribe_topic(worker)

    def _listen_to(self, worker: str) -> None:
        """Hear of the worker's end, also where it came before we listened."""

        def hear(event: tuple[float, Any]) -> None:
            message = event[1]
            if isinstance(message, dict) and "remove" in str(message.get("action")):
                self._lose(list(self._workers.get(worker, ())))

        async def catch_up() -> None:
            scheduler: Any = self._client.scheduler
            for event in await scheduler.events(topic=worker):
                hear(event)

        self._client.subscribe_topic(worker, hear)
        loop: Any = self._client.loop
        loop.add_callback(catch_up)

    def _lose(self, sources: list[Source]) -> None:
        for source in sources:
            for each in self._workers.values():
                each.discard(source)
            self._feed.lose(source)
