"""In the scheduler: the watches of clients, and the messages that each watch receives.

Knows Dask's scheduler: its workers' messages, its clients and its tasks' states. Of each worker no more is kept than the newest
rows, until they are sent; no event is logged, so that nothing is left. Does not know what is in a report.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from typing import Any
from weakref import WeakKeyDictionary

import cloudpickle
from dask.utils import key_split
from distributed import SchedulerPlugin

from . import bootstrap
from .graphs import PENDING, Graphs
from .working import OP

END_TIMEOUT = 2.0
"""Seconds that the end of a watch waits for what workers have not reported yet."""
ABSENCE_SECONDS = 60.0
"""Seconds that a client may be away before its watches end."""

Scheduler = Any  # much of distributed has no types


class Watch:
    """A client's watch of the cluster, and the reports that have not been sent to it yet.

    Args:
        topic: The unique name of the watch.
        client: The id of its client.
        every: The least number of seconds between two messages.
        graphs: Counts the client's tasks; None: the watch shows no such count.
    """

    def __init__(self, topic: str, client: str, every: float, graphs: Graphs | None) -> None:
        self.topic = topic
        self.client = client
        self.every = every
        self.graphs = graphs
        self.reports: dict[str, tuple[bytes, list[bytes]]] = {}  # by worker: the newest rows, and all news
        self.lost: list[str] = []
        self.sent = 0.0  # when the last message was sent
        self.timer: asyncio.TimerHandle | None = None

    def add_report(self, worker: str, rows: bytes, news: bytes) -> None:
        """Keep a report of `worker` until the next message."""
        had = self.reports.get(worker, (b"", []))[1]
        self.reports[worker] = rows, [*had, news] if news else had


class SchedulerSide(SchedulerPlugin):
    """Passes on what workers report, and counts what clients compute.

    Args:
        scheduler: The scheduler.
    """

    name = OP

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.watches: dict[str, Watch] = {}
        self._counting: list[Watch] = []  # those that want graphs
        self._fences: dict[str, tuple[set[str], asyncio.Event]] = {}
        self._loop = asyncio.get_running_loop()

    # Watchers

    def add(self, watch: Watch) -> None:
        """Tell `watch` from here on, and count what its client waits for already."""
        self.watches[watch.topic] = watch
        if watch.graphs is None:
            return
        self._counting.append(watch)
        client = self.scheduler.clients.get(watch.client)
        waiting = [] if client is None else list(client.wants_what)
        keys = set()
        while waiting:
            task = waiting.pop()
            if task.state in PENDING and task.key not in keys:
                keys.add(task.key)
                waiting.extend(task.dependencies)
        watch.graphs.add(keys)
        self._arm(watch)

    def remove(self, watch: Watch) -> None:
        """Tell `watch` what there is, that it was all, and nothing any more."""
        if self.watches.pop(watch.topic, None) is None:
            return
        if watch in self._counting:
            self._counting.remove(watch)
        if watch.timer is not None:
            watch.timer.cancel()
        self._tell(watch, bye=True)

    async def ask(self, **what: Any) -> dict[str, bool]:
        """Send a request to all workers, and return for each whether it answered, which means that it has the package."""
        answers = await self.scheduler.broadcast(msg={"op": OP, **what}, on_error="return")
        return {worker: answer == "OK" for worker, answer in answers.items()}

    async def fence(self, name: str) -> None:
        """Wait at most `END_TIMEOUT` seconds until all reports that workers had to send have arrived."""
        here: set[str] = set()
        arrived = asyncio.Event()
        self._fences[name] = here, arrived
        try:
            async with asyncio.timeout(END_TIMEOUT):
                asked = {worker for worker, can in (await self.ask(fence=name)).items() if can}
                while not asked <= here:
                    arrived.clear()
                    await arrived.wait()
        except TimeoutError:
            pass
        finally:
            del self._fences[name]

    def report(self, worker: str, rows: bytes = b"", news: bytes = b"", fence: str | None = None) -> None:
        """Pass on a report of `worker`, or note that a fence has reached it. Called for each of its messages."""
        if fence is not None:
            here, arrived = self._fences.get(fence, (set(), None))
            here.add(worker)
            if arrived is not None:
                arrived.set()
            return
        for watch in self.watches.values():
            watch.add_report(worker, rows, news)
            self._arm(watch)

    def _arm(self, watch: Watch) -> None:
        if watch.timer is None:
            watch.timer = self._loop.call_later(
                max(watch.sent + watch.every - time.monotonic(), 0.01), self._due, watch
            )

    def _due(self, watch: Watch) -> None:
        watch.timer = None
        self._tell(watch)
        if watch.graphs is not None and watch.graphs.is_open:
            self._arm(watch)

    def _tell(self, watch: Watch, *, bye: bool = False) -> None:
        now = time.monotonic()
        graphs = [] if watch.graphs is None else watch.graphs.changes(now)
        if not (watch.reports or watch.lost or graphs or bye):
            return
        message = {
            "reports": [[worker, rows, news] for worker, (rows, news) in watch.reports.items()],
            "lost": watch.lost,
            "graphs": graphs,
            "bye": bye,
        }
        watch.reports, watch.lost, watch.sent = {}, [], now
        event = {"op": "event", "topic": watch.topic, "event": (time.time(), message)}
        self.scheduler.send_all({watch.client: [event]}, {})

    # Called by the scheduler

    def update_graph(self, scheduler: Scheduler, *, client: str, tasks: Collection[Any], **_: Any) -> None:
        """Count the tasks of a graph that `client` has sent."""
        for watch in self._counting:
            if watch.client == client and watch.graphs is not None:
                known = scheduler.tasks
                keys = [key for key in tasks if key in known and known[key].state not in ("memory", "erred")]
                watch.graphs.add(keys)
                # The plugins are told first, and the tasks that turn out to be needed leave "released" after that.
                self._loop.call_soon(self._settle, watch, keys)
                self._arm(watch)

    def _settle(self, watch: Watch, keys: list[Any]) -> None:
        known = self.scheduler.tasks
        assert watch.graphs is not None  # only those that count have anything to settle
        watch.graphs.drop([key for key in keys if key not in known or known[key].state == "released"])

    def transition(self, key: Any, start: str, finish: str, *_: Any, **__: Any) -> None:
        """Count a task that has changed its state."""
        for watch in self._counting:
            if watch.graphs.step(key, finish) and watch.timer is None:  # type: ignore[union-attr]  # they count
                self._arm(watch)

    def remove_worker(self, scheduler: Scheduler, worker: str, **_: Any) -> None:
        """Report a worker that has gone as lost: its tasks no longer run."""
        for watch in self.watches.values():
            watch.lost.append(worker)
            self._arm(watch)

    def add_client(self, scheduler: Scheduler, client: str) -> None:
        """Continue the watches of a client that has come back. Called for each new client, too."""

    def remove_client(self, scheduler: Scheduler, client: str) -> None:
        """End the watches of a client that has gone, unless it comes back within `ABSENCE_SECONDS`."""
        if any(watch.client == client for watch in self.watches.values()):
            self._loop.call_later(ABSENCE_SECONDS, self._give_up, client)

    def _give_up(self, client: str) -> None:
        if client not in self.scheduler.clients:
            for watch in [watch for watch in self.watches.values() if watch.client == client]:
                self._ending = asyncio.ensure_future(leave(watch.topic, patient=False, dask_scheduler=self.scheduler))


_locks: WeakKeyDictionary[Any, asyncio.Lock] = WeakKeyDictionary()


async def join(
    topic: str, client: str, every: float, graphs: bool, by_prefix: bool, process: str, dask_scheduler: Scheduler
) -> list[str]:
    """Begin a watch, and return the workers that cannot report. Run in the scheduler."""
    cloudpickle.register_pickle_by_value(bootstrap)
    async with _locks.setdefault(dask_scheduler, asyncio.Lock()):
        side = dask_scheduler.plugins.get(OP)
        if side is None:
            side = SchedulerSide(dask_scheduler)
            dask_scheduler.add_plugin(side, name=OP)
            dask_scheduler.stream_handlers[OP] = side.report
        fastest = min([every, *(watch.every for watch in side.watches.values())])
        is_first = OP not in dask_scheduler.worker_plugins
        plugin = cloudpickle.dumps(bootstrap.Bootstrap(fastest, process))
        dask_scheduler.worker_plugins[OP] = plugin  # for workers that are still to come
        count = Graphs(key_split if by_prefix else None) if graphs else None
        side.add(Watch(topic, client, every, count))
        if is_first:
            await dask_scheduler.broadcast(msg={"op": "plugin-add", "plugin": plugin, "name": OP}, on_error="return")
        return [worker for worker, can in (await side.ask(every=fastest)).items() if not can]


async def leave(topic: str, patient: bool, dask_scheduler: Scheduler) -> None:
    """End a watch, and remove all of progresskit from the cluster with the last one. Run in the scheduler.

    Args:
        topic: The unique name of the watch.
        patient: Whether to wait, at most `END_TIMEOUT` seconds, for what workers still have to report.
        dask_scheduler: The scheduler.
    """
    side = dask_scheduler.plugins.get(OP)
    watch = None if side is None else side.watches.get(topic)
    if watch is None:
        return
    if patient:
        await side.fence(topic)
    async with _locks.setdefault(dask_scheduler, asyncio.Lock()):
        side.remove(watch)
        if side.watches or dask_scheduler.plugins.get(OP) is not side:
            return
        dask_scheduler.remove_plugin(OP)
        # Dask closes the connection of a worker whose message has no handler, and some may be on their way.
        dask_scheduler.stream_handlers[OP] = _drop
        dask_scheduler.worker_plugins.pop(OP, None)
        await dask_scheduler.broadcast(msg={"op": bootstrap.REMOVE}, on_error="return")


def _drop(**_: Any) -> None:
    """Drop a late report: no watch is left."""
