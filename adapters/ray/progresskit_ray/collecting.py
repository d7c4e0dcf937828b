"""The actor between the workers and the driver: it keeps the workers' reports until the driver asks for them.

Knows which workers have reported, and which have died. Of each worker no more is kept than the newest rows and all news since
the driver last asked. Does not know what is in a report.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

WORKERS = 10_000
"""Worker processes that may report to one driver; each has two calls waiting here."""


def name_of(job: str) -> str:
    """Return the name of the actor of the job `job`: several drivers may share a namespace."""
    return f"progresskit-{job}"


class Collector:
    """Receives reports of workers, and passes them on to the driver.

    Args:
        every: The least number of seconds between two reports of a worker, and between two answers to the driver.
    """

    def __init__(self, every: float) -> None:
        self._every = every
        self._reports: dict[str, tuple[bytes, list[bytes]]] = {}  # by worker: the newest rows, and all news
        self._lost: list[str] = []
        self._here: set[str] = set()  # workers that may have something to report
        self._news = asyncio.Event()
        self._leaving = asyncio.Event()
        self._asked = 0.0  # when the driver was told last

    # What workers call

    async def hello(self, worker: str) -> float:
        """Expect reports of `worker`, and return the least number of seconds between two of them."""
        self._here.add(worker)
        return self._every

    async def attend(self) -> None:
        """Return when the watch ends: the worker then reports for the last time."""
        await self._leaving.wait()

    async def guard(self, worker: str, attending: list[Any]) -> None:
        """Note that `worker` is lost when it dies: Ray then fails the call of `attend` that the worker waits for."""
        try:
            await attending[0]
        except Exception:  # OwnerDiedError, or what a later Ray raises of an owner that has gone
            self._bye(worker, lost=True)

    async def push(self, worker: str, rows: bytes, news: bytes) -> None:
        """Store a report of `worker`. Its live rows replace the earlier ones."""
        had = self._reports.get(worker, (b"", []))[1]
        self._reports[worker] = rows, [*had, news] if news else had
        self._news.set()

    async def bye(self, worker: str) -> None:
        """Note that `worker` will send no further report."""
        self._bye(worker, lost=False)

    def _bye(self, worker: str, *, lost: bool) -> None:
        self._here.discard(worker)
        if lost:
            self._lost.append(worker)
        self._news.set()

    # What the driver calls

    async def next_reports(self) -> tuple[list[tuple[str, bytes, list[bytes]]], list[str]]:
        """Wait for news, and return the reports and the lost workers since the last call."""
        await self._news.wait()
        if not self._leaving.is_set():
            rest = asyncio.ensure_future(self._leaving.wait())
            await asyncio.wait([rest], timeout=max(self._asked + self._every - time.monotonic(), 0.0))
            rest.cancel()
        self._asked = time.monotonic()
        return self._hand_over()

    async def leave(self, patience: float) -> tuple[list[tuple[str, bytes, list[bytes]]], list[str]]:
        """Ask workers for their last reports, wait for them at most `patience` seconds, and return them."""
        self._leaving.set()
        end = time.monotonic() + patience
        while self._here and time.monotonic() < end:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), end - time.monotonic())
            except TimeoutError:
                break
        left = self._hand_over()
        self._news.set()  # so that a waiting call of `next_reports` returns
        return left

    def _hand_over(self) -> tuple[list[tuple[str, bytes, list[bytes]]], list[str]]:
        reports = [(worker, rows, news) for worker, (rows, news) in self._reports.items()]
        lost, self._reports, self._lost = self._lost, {}, []
        self._news.clear()
        return reports, lost
