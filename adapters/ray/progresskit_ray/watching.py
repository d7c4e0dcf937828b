"""In the driver: a tracker that shows what the workers of its job report.

Knows Ray's drivers. Does not know how anything is drawn.
"""

from __future__ import annotations

import contextlib
import threading
from types import TracebackType
from typing import Any

from progresskit.processes.engines import ReportReader, check_interval, warn_once
from progresskit.processes.feed import Feed
from progresskit.processes.reporter import INTERVAL
from progresskit.renderers import require_distribution

from .collecting import WORKERS, Collector, name_of
from .setup import HOOK, runtime_env

START_TIMEOUT = 30.0
"""Seconds that the start of a watch waits for the actor, for which Ray starts a process."""
END_TIMEOUT = 5.0
"""Seconds that the end of a watch waits for what workers have not reported yet."""


def watch(renderer: Any = None, *, every: float = INTERVAL, **arguments: Any) -> Watching:
    """Return a context manager that shows the progress of this job's Ray tasks and actors, in a tracker of the driver.

    Start Ray with `ray.init(runtime_env=progresskit_ray.runtime_env())`. Where Ray has not been started, `watch` does that.

    Args:
        renderer: What draws; see `progresskit.ProgressTracker`.
        every: Seconds between two messages of a worker at the least.
        arguments: What else `progresskit.ProgressTracker` takes, and `totals`.

    Raises:
        RendererUnavailable: Ray is missing, or too old.
        TypeError, ValueError: an argument is not what it must be.
    """
    require_distribution("ray", "2.50", extra="progresskit[ray]")
    check_interval(every)
    return Watching(Feed(renderer, **arguments), every)


class Watching:
    """Shows the progress of a job's workers. Made by `watch`."""

    def __init__(self, feed: Feed, every: float) -> None:
        self._feed = feed
        self._every = every
        self._actor: Any = None
        self._thread: threading.Thread | None = None
        self._leaving = False
        self._reader = ReportReader(feed)

    def __enter__(self) -> Feed:
        import ray

        if not ray.is_initialized():
            ray.init(runtime_env=runtime_env())
        context = ray.get_runtime_context()
        if HOOK not in context.runtime_env:
            warn_once(
                "Ray was started without our hook, so its workers do not report: "
                "use ray.init(runtime_env=progresskit_ray.runtime_env())."
            )
        name = name_of(context.get_job_id())
        with contextlib.suppress(ValueError):
            ray.get_actor(name)
            raise RuntimeError("this Ray job is watched already: leave that `watch` first.")
        self._feed.__enter__()
        try:
            self._begin(name)
        except BaseException as error:
            self._feed.__exit__(type(error), error, error.__traceback__)
            raise
        return self._feed

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with contextlib.suppress(Exception):  # a cluster that has gone needs no farewell
                self._end(patient=kind is None)
        finally:
            self._reader.close()
            self._feed.__exit__(kind, error, trace)

    def _begin(self, name: str) -> None:
        import ray

        options: Any = ray.remote(num_cpus=0, max_concurrency=2 * WORKERS + 100)
        self._leaving = False
        try:
            self._actor = options(Collector).options(name=name).remote(self._every)
            ray.get(self._actor.__ray_ready__.remote(), timeout=START_TIMEOUT)
        except Exception as error:  # nothing of the workers is shown, and the job goes on
            self._actor = None
            warn_once(f"the workers of this Ray job cannot be watched: {str(error) or type(error).__name__:.200}")
            return
        self._thread = threading.Thread(target=self._listen, name="progresskit-ray", daemon=True)
        self._thread.start()

    def _end(self, *, patient: bool) -> None:
        import ray

        actor, self._actor = self._actor, None
        if actor is None:
            return
        if not ray.is_initialized():  # a call of the actor would start Ray again
            self._leaving = True
            return
        try:
            if patient:
                self._leaving = True
                left = ray.get(actor.leave.remote(END_TIMEOUT), timeout=END_TIMEOUT + 1)
                if self._thread is not None:
                    self._thread.join(END_TIMEOUT)
                self._receive(*left)
        finally:
            self._leaving = True
            ray.kill(actor)

    def _listen(self) -> None:
        import ray

        actor = self._actor
        with contextlib.suppress(Exception, SystemExit):  # the actor has gone, or all of Ray, which raises SystemExit
            while not self._leaving and ray.is_initialized():
                self._receive(*ray.get(actor.next_reports.remote()))

    def _receive(self, reports: list[tuple[str, bytes, list[bytes]]], lost: list[str]) -> None:
        for worker, rows, news in reports:
            self._reader.read(worker, rows, *news)
        for worker in lost:
            self._reader.lose(worker)
