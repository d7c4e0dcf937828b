"""In the client: a tracker that shows what the cluster computes and what its workers report.

Knows Dask's clients. Does not know how anything is drawn.
"""

from __future__ import annotations

import asyncio
import contextlib
from contextvars import copy_context
from types import TracebackType
from typing import Any, Literal
from uuid import uuid4

from distributed import Client

from progresskit import Task
from progresskit.processes.engines import ReportReader, check_interval, warn_once
from progresskit.processes.feed import Feed
from progresskit.processes.reporter import INTERVAL

from .scheduling import END_TIMEOUT, join, leave
from .working import PROCESS

START_TIMEOUT = 10.0
"""Seconds that the start of a watch waits for the scheduler, and for workers that are busy."""


def watch(
    client: Client,
    renderer: Any = None,
    *,
    every: float = INTERVAL,
    graphs: bool | Literal["prefix"] = True,
    **arguments: Any,
) -> Watching:
    """Return a context manager that shows the progress of the cluster of `client`, in a tracker of this process.

    A row `computing` counts the tasks that this client waits for. Below it stand the tasks that `track` and `ProgressTracker`
    make anywhere on the cluster.

    Args:
        client: The client; with an asynchronous one, use `async with`. The package must be installed on the scheduler and on
            the workers too.
        renderer: What draws; see `progresskit.ProgressTracker`.
        every: Seconds between two messages at the least: one of each worker, and one of the scheduler.
        graphs: Whether there is the row `computing`; `"prefix"`: with one below for each key prefix.
        arguments: What else `progresskit.ProgressTracker` takes, and `totals`.

    Raises:
        TypeError, ValueError: an argument is not what it must be.
    """
    if not isinstance(client, Client):
        raise TypeError(f"client is {client!r:.80}, a {type(client).__name__}: give a dask.distributed.Client.")
    check_interval(every)
    if graphs not in (True, False, "prefix"):
        raise ValueError(f"graphs is {graphs!r:.80}: give True, False or 'prefix'.")
    return Watching(client, Feed(renderer, **arguments), every, graphs)


class Watching:
    """Shows the progress of a cluster. Made by `watch`."""

    def __init__(self, client: Client, feed: Feed, every: float, graphs: bool | str) -> None:
        self._client = client
        self._feed = feed
        self._how = {"every": every, "graphs": bool(graphs), "by_prefix": graphs == "prefix", "process": PROCESS}
        self._topic = ""
        self._over = asyncio.Event()
        self._computing = Computing(feed)
        self._reader = ReportReader(feed)
        self._context = copy_context()  # of the block: a notebook knows its cell by that

    def __enter__(self) -> Feed:
        if self._client.asynchronous:
            raise TypeError("the client is asynchronous: use `async with watch(client)`.")
        self._context = copy_context()
        self._feed.__enter__()
        try:
            self._client.sync(self._begin)
        except BaseException as error:
            self._feed.__exit__(type(error), error, error.__traceback__)
            raise
        return self._feed

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with contextlib.suppress(Exception):  # a cluster that has gone needs no farewell
                if kind is None:
                    self._client.sync(self._end)
                else:
                    self._leave_behind()
        finally:
            self._close(kind, error, trace)

    async def __aenter__(self) -> Feed:
        if not self._client.asynchronous:
            raise TypeError("the client is not asynchronous: use `with watch(client)`.")
        self._context = copy_context()
        self._feed.__enter__()
        try:
            await self._begin()
        except BaseException as error:
            self._feed.__exit__(type(error), error, error.__traceback__)
            raise
        return self._feed

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with contextlib.suppress(Exception):  # a cluster that has gone needs no farewell
                if kind is None:
                    await self._end()
                else:
                    self._leave_behind()
        finally:
            self._close(kind, error, trace)

    # On the client's loop

    async def _begin(self) -> None:
        self._topic = f"progresskit-{uuid4().hex}"
        self._over.clear()
        # `subscribe_topic` would have the scheduler keep the topic for good; our side there sends to this client alone.
        self._client._event_handlers[self._topic] = self._hear
        try:
            async with asyncio.timeout(START_TIMEOUT):
                without = await self._client.run_on_scheduler(
                    join, topic=self._topic, client=self._client.id, **self._how
                )
        except Exception as error:  # nothing of the cluster is shown, and the job goes on
            why = str(error) or type(error).__name__
            warn_once(
                f"the scheduler cannot be watched: {why:.200}. Nothing of the cluster is shown; "
                'is progresskit-dask installed there (pip install "progresskit[dask]")?'
            )
            return
        if without:
            warn_once(
                f"{len(without)} of the workers ({', '.join(without[:3])}) cannot report what they are at: install "
                'progresskit-dask there (pip install "progresskit[dask]").'
            )

    async def _end(self) -> None:
        """Wait at most `END_TIMEOUT` seconds for what workers still have to report."""
        if self._client.status != "running":  # the client is closed, or the scheduler has gone
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_TIMEOUT + 0.5):
                if await self._leave(patient=True):
                    await self._over.wait()

    async def _leave(self, patient: bool) -> bool:
        """End the watch in the scheduler, and return whether the scheduler was there."""
        try:
            await self._client.run_on_scheduler(leave, topic=self._topic, patient=patient)
        except Exception:
            return False
        return True

    def _hear(self, event: tuple[float, Any]) -> None:
        """Show a message of the scheduler."""
        message = event[1]
        for worker, rows, news in message["reports"]:
            self._reader.read(worker, rows, *news)
        for worker in message["lost"]:
            self._reader.lose(worker)
        for wave in message["graphs"]:
            self._context.run(self._computing.show, **wave)
        if message["bye"]:
            self._client._event_handlers.pop(self._topic, None)
            self._over.set()

    def _leave_behind(self) -> None:
        """End the watch without waiting for the scheduler, because an error is on its way to the user."""
        loop: Any = self._client.loop
        loop.add_callback(self._leave, patient=False)

    def _close(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show tasks that are still running for the last time."""
        self._client._event_handlers[self._topic] = _drop  # messages may still be on their way
        self._reader.close()
        self._computing.close()
        self._feed.__exit__(kind, error, trace)


def _drop(event: tuple[float, Any]) -> None:
    """Drop a late message: the watch has ended."""


class Computing:
    """The rows that count computed tasks.

    Args:
        feed: The tracker of the rows.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._wave = 0
        self._row: Task | None = None
        self._parts: dict[str, Task] = {}

    def show(
        self,
        wave: int,
        done: int,
        failed: int,
        total: int,
        idle: bool,
        over: bool,
        prefixes: list[tuple[str, int, int]],
    ) -> None:
        """Show the numbers of a wave, as `graphs.Wave` sends them."""
        row = self._row
        if row is None or wave != self._wave:
            if row is not None:
                self._end(row)
            self._wave = wave
            row = self._row = self._feed.add_task("computing", total, unit="task", keep=True)
        row.update(completed=done, total=total)
        if failed:
            row.update(failed=failed)
        for name, part, whole in prefixes:
            child = self._parts.get(name)
            if child is None:
                child = self._parts[name] = self._feed.add_task(name, whole, unit="task", parent=row)
            child.update(completed=part, total=whole)
        if over:
            self._end(row)
        elif idle and row.state == "running":
            row.pause()
        elif not idle and row.state == "paused":
            row.resume()

    def close(self) -> None:
        """Show the rows for the last time: the scheduler counts no further."""
        if self._row is not None:
            self._end(self._row)

    def _end(self, row: Task) -> None:
        failed = row.fields.get("failed")
        for child in self._parts.values():
            child.finish() if child.is_complete else child.cancel()
        if row.state == "running" and not row.is_complete:
            row.cancel("left running")
        elif failed:
            row.fail(f"{failed:,d} of {row.total:,d} tasks failed")
        elif row.total:
            row.finish()
        else:  # all were cancelled before they were computed
            row.cancel()
        self._row = None
        self._parts.clear()
