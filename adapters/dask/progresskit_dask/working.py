"""In a worker: one reporter, whose reports go to the scheduler with the worker's own messages.

Knows Dask's workers, and which Dask task a thread runs. Does not know the watches.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Any
from uuid import uuid4

from distributed import Worker

from progresskit._system.environment import is_disabled
from progresskit.processes.engines import warn_once
from progresskit.processes.reporter import Report, Reporter

OP = "progresskit"
"""The name of our messages and requests."""
PROCESS = uuid4().hex
"""What names this process: a client's may have workers in it."""


class WorkerSide:
    """Reports the progress of the tasks of `worker` to the scheduler.

    Args:
        worker: The worker.
        interval: Seconds between two reports at the least.
        process: What names the process of the client.
    """

    def __init__(self, worker: Worker, interval: float, process: str) -> None:
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        own = worker.nanny is not None or process != PROCESS
        self._reporter = Reporter(self._wake, interval=interval, own=own)
        worker.handlers[OP] = self._ask
        # Dask tells a coroutine task and what it starts nothing of its key: so the context is set around the whole of each task.
        self._execute = worker.execute
        worker.execute = self._run  # type: ignore[method-assign]
        if not is_disabled(os.environ):
            self._reporter.begin()

    async def _run(self, key: Any, *, stimulus_id: str) -> Any:
        """Do what `Worker.execute` does, as one piece of work."""
        with self._reporter.work():
            return await self._execute(key, stimulus_id=stimulus_id)

    def close(self) -> None:
        """Send a last report, and restore the worker's own methods."""
        self._reporter.close()
        self._send()
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._worker.handlers.pop(OP, None)
        if self._worker.__dict__.get("execute") == self._run:
            del self._worker.__dict__["execute"]

    def _ask(self, every: float | None = None, fence: str | None = None) -> str:
        """Handle a request of the scheduler: report every `every` seconds, or report now and then send `fence` back."""
        if every is not None:
            self._reporter.interval = every
        if fence is not None:
            self._send()
            self._worker.batched_send({"op": OP, "fence": fence})
        return "OK"

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the worker ends
            self._loop.call_soon_threadsafe(self._arm)

    def _arm(self) -> None:
        delay = self._reporter.delay
        if self._timer is None and delay is not None and not self._closed:
            self._timer = self._loop.call_later(delay, self._due)

    def _due(self) -> None:
        self._timer = None
        self._send()
        self._arm()

    def _send(self) -> None:
        try:
            self._reporter.carry(self._put)
        except Exception as error:  # a task's own counter or text may raise anything, which must not end the worker
            warn_once(f"a report of the worker's progress failed: {error!r:.200}.")

    def _put(self, report: Report) -> None:
        rows, news = report.encode()
        self._worker.batched_send({"op": OP, "rows": rows, "news": news})
