"""In a worker process: one reporter, whose reports go to the driver's actor.

Knows how Ray calls the functions of tasks and actors. Does not know what is shown.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import inspect
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import ray

from progresskit.processes.reporter import Report, Reporter

from .collecting import name_of

START_TIMEOUT = 10.0
"""Seconds that a worker's first task waits for the driver's actor, so that the watch knows the worker when it ends."""
HELLO_TIMEOUT = 60.0
"""Seconds within which the actor must answer the worker's first call. Progress meanwhile is reported after the answer."""
LOOKUP_SECONDS = 1.0
"""Seconds between two lookups of the actor in one Ray task, while no driver watches."""
FLUSH_TIMEOUT = 2.0
"""Seconds that the end of a task waits for its report to arrive, if its process may end right after the task."""
SEND_TIMEOUT = 5.0
"""Seconds that a report waits for the one before it to arrive."""


class WorkerSide:
    """Reports the progress of this process's tasks while the driver watches."""

    def __init__(self) -> None:
        self.reporter = Reporter(self._wake, watched=self._is_watched)
        self._is_due = threading.Event()
        self._lock = threading.Lock()
        self._watch: Watch | None = None
        self._asked = -LOOKUP_SECONDS
        self._is_new_work = True

    def wrap(self, function: Callable[..., Any], *, may_end: bool) -> Callable[..., Any]:
        """Return a function that runs `function`, a Ray task or an actor's method, as one piece of work.

        Args:
            function: What Ray calls.
            may_end: Whether the process may end right after the call, so that its report must arrive before.
        """
        method = getattr(function, "method", function)
        run: Callable[..., Any]
        if inspect.isasyncgenfunction(method):
            return function  # each of its steps may be run in another context: it belongs to the process
        if inspect.iscoroutinefunction(method):

            async def run(*arguments: Any, **named: Any) -> Any:
                with self._work():
                    return await function(*arguments, **named)

        elif inspect.isgeneratorfunction(method):

            def run(*arguments: Any, **named: Any) -> Any:
                with self._work():
                    return (yield from function(*arguments, **named))

        else:

            def run(*arguments: Any, **named: Any) -> Any:
                try:
                    with self._work():
                        return function(*arguments, **named)
                finally:
                    if may_end and self._watch is not None:
                        self._watch.flush(FLUSH_TIMEOUT)

        return functools.wraps(function)(run)

    @contextlib.contextmanager
    def _work(self) -> Iterator[None]:
        self._is_new_work = True
        with self.reporter.work():
            yield

    def end(self) -> None:
        """Send a last report when the process ends."""
        if self._watch is not None:
            self._watch.end()

    def _wake(self) -> None:
        self._is_due.set()

    def _is_watched(self) -> bool:
        """Whether the driver watches. If its watch is new, this process announces itself to it."""
        watch = self._watch
        if watch is not None and not watch.over:
            return True
        with self._lock:
            if self._watch is not None and not self._watch.over:
                return True
            now = time.monotonic()
            if not self._is_new_work and now - self._asked < LOOKUP_SECONDS:
                return False
            self._is_new_work, self._asked = False, now
            try:
                actor = ray.get_actor(name_of(ray.get_runtime_context().get_job_id()))
            except Exception:  # there is none, or Ray is about to end
                return False
            self.reporter.collect()  # of what has ended since the last watch, nothing
            watch = self._watch = Watch(actor, self.reporter, self._is_due)
            return watch.begin()


class Watch:
    """A worker's side of one watch of the driver.

    Args:
        actor: The driver's `Collector`.
        reporter: What collects.
        is_due: Set when there is something to do.

    Attributes:
        over: Whether it has ended.
    """

    def __init__(self, actor: Any, reporter: Reporter, is_due: threading.Event) -> None:
        self.over = False
        self._actor = actor
        self._reporter = reporter
        self._is_due = is_due
        self._worker = ray.get_runtime_context().get_worker_id()
        self._known = threading.Event()
        self._ended = threading.Event()
        self._flushed = threading.Event()
        self._is_urgent = False
        self._pushed: Any = None

    def begin(self) -> bool:
        """Return whether the driver expects this process now, after a bounded wait."""
        threading.Thread(target=self._go_on, name="progresskit-ray", daemon=True).start()
        self._known.wait(START_TIMEOUT)
        return not self.over

    def flush(self, seconds: float) -> None:
        """Send a report, and wait at most `seconds` until it has arrived. Does nothing if nothing is new."""
        if not self.over and self._reporter.delay is not None:
            self._flushed.clear()
            self._is_urgent = True
            self._is_due.set()
            self._flushed.wait(seconds)

    def end(self) -> None:
        """Send a last report when the process ends."""
        if not self.over:
            self.over = True
            self._is_due.set()
            self._ended.wait(SEND_TIMEOUT)

    def _go_on(self) -> None:
        try:
            self._reporter.interval = ray.get(self._actor.hello.remote(self._worker), timeout=HELLO_TIMEOUT)
            attending = self._actor.attend.remote()
            self._actor.guard.remote(self._worker, [attending])
            attending.future().add_done_callback(self._leave)
            self._known.set()
            while not self.over:
                delay = self._reporter.delay
                self._is_due.wait(delay)
                if self._is_urgent:
                    self._is_urgent = False
                    self._is_due.clear()
                    self._reporter.carry(self._put)
                    if self._pushed is not None:
                        ray.wait([self._pushed], timeout=SEND_TIMEOUT)
                    self._flushed.set()
                elif self._is_due.is_set():
                    self._is_due.clear()
                else:
                    self._reporter.carry(self._put)
            self._reporter.carry(self._put)
            ray.get([self._actor.bye.remote(self._worker), *filter(None, [self._pushed])], timeout=SEND_TIMEOUT)
        except Exception:  # the driver has gone, or left by an error
            pass
        finally:
            self.over = True
            self._known.set()
            self._flushed.set()
            self._ended.set()

    def _leave(self, attended: Any) -> None:
        self.over = True
        self._is_due.set()

    def _put(self, report: Report) -> None:
        if self._pushed is not None:  # a slow network has one message on its way, and the newest rows win
            ray.wait([self._pushed], timeout=SEND_TIMEOUT)
        self._pushed = self._actor.push.remote(self._worker, *report.encode())


def begin() -> None:
    """Start the reporter of this worker process. Called by Ray when the process starts."""
    side = WorkerSide()
    manager = ray._private.worker.global_worker.function_actor_manager
    find = manager.get_execution_info

    def get_execution_info(*arguments: Any) -> Any:
        info = find(*arguments)
        if info.function_name.startswith("__ray"):
            return info
        # Actors end with their last handle, processes of GPU tasks, above all, with each task.
        may_end = bool(info.max_calls) or hasattr(info.function, "method")
        return info._replace(function=side.wrap(info.function, may_end=may_end))

    # Ray has no public place that knows both ends of a task; without it a task that nobody ends would stay in the display.
    manager.get_execution_info = get_execution_info
    side.reporter.begin()
    atexit.register(side.end)
