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

GREETING = 10.0
"""Seconds that the first progress of a worker waits for the driver's actor, so that the end of the watch knows of it."""
HELLO = 60.0
"""Seconds within which the actor must have answered that first call; what a task shows meanwhile is reported after it."""
ASK_AGAIN = 1.0
"""Seconds between two looks for a watch in one Ray task, while there is none."""
FLUSH = 2.0
"""Seconds that the end of a task waits for its report to arrive, where its process may end right after it."""
SLOW = 5.0
"""Seconds that a report waits for the one before it to arrive."""


class WorkerSide:
    """Has what the tasks of this process show reported, as long as the driver watches."""

    def __init__(self) -> None:
        self.reporter = Reporter(self._wake, watched=self._is_watched)
        self._roused = threading.Event()
        self._lock = threading.Lock()
        self._watch: Watch | None = None
        self._asked = -ASK_AGAIN
        self._is_new_work = True

    def wrap(self, function: Callable[..., Any], *, may_end: bool) -> Callable[..., Any]:
        """Return `function`, of a Ray task or an actor's method, as one piece of work.

        Args:
            function: What Ray calls.
            may_end: Whether the process may end right after the call: what it has to report must arrive before.
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
                        self._watch.flush(FLUSH)

        return functools.wraps(function)(run)

    @contextlib.contextmanager
    def _work(self) -> Iterator[None]:
        self._is_new_work = True
        with self.reporter.work():
            yield

    def end(self) -> None:
        """Report what there is, as the process ends."""
        if self._watch is not None:
            self._watch.end()

    def _wake(self) -> None:
        self._roused.set()

    def _is_watched(self) -> bool:
        """Whether the driver watches; where that is new, it then expects this process."""
        watch = self._watch
        if watch is not None and not watch.over:
            return True
        with self._lock:
            if self._watch is not None and not self._watch.over:
                return True
            now = time.monotonic()
            if not self._is_new_work and now - self._asked < ASK_AGAIN:
                return False
            self._is_new_work, self._asked = False, now
            try:
                actor = ray.get_actor(name_of(ray.get_runtime_context().get_job_id()))
            except Exception:  # there is none, or Ray is about to end
                return False
            self.reporter.collect()  # of what has ended since the last watch, nothing
            watch = self._watch = Watch(actor, self.reporter, self._roused)
            return watch.begin()


class Watch:
    """One watch of the driver's, for as long as it lasts.

    Args:
        actor: The driver's `Collector`.
        reporter: What collects.
        roused: Set when there is something to do.

    Attributes:
        over: Whether it has ended.
    """

    def __init__(self, actor: Any, reporter: Reporter, roused: threading.Event) -> None:
        self.over = False
        self._actor = actor
        self._reporter = reporter
        self._roused = roused
        self._worker = ray.get_runtime_context().get_worker_id()
        self._known = threading.Event()
        self._ended = threading.Event()
        self._flushed = threading.Event()
        self._is_urgent = False
        self._pushed: Any = None

    def begin(self) -> bool:
        """Return whether the driver expects this process now, after a bounded wait."""
        threading.Thread(target=self._go_on, name="progresskit-ray", daemon=True).start()
        self._known.wait(GREETING)
        return not self.over

    def flush(self, seconds: float) -> None:
        """Report what there is, and wait for `seconds` at most until that has arrived; where nothing is new, do nothing."""
        if not self.over and self._reporter.delay is not None:
            self._flushed.clear()
            self._is_urgent = True
            self._roused.set()
            self._flushed.wait(seconds)

    def end(self) -> None:
        """Report for the last time, as the process ends."""
        if not self.over:
            self.over = True
            self._roused.set()
            self._ended.wait(SLOW)

    def _go_on(self) -> None:
        try:
            self._reporter.interval = ray.get(self._actor.hello.remote(self._worker), timeout=HELLO)
            attending = self._actor.attend.remote()
            self._actor.guard.remote(self._worker, [attending])
            attending.future().add_done_callback(self._leave)
            self._known.set()
            while not self.over:
                delay = self._reporter.delay
                self._roused.wait(delay)
                if self._is_urgent:
                    self._is_urgent = False
                    self._roused.clear()
                    self._reporter.carry(self._put)
                    if self._pushed is not None:
                        ray.wait([self._pushed], timeout=SLOW)
                    self._flushed.set()
                elif self._roused.is_set():
                    self._roused.clear()
                else:
                    self._reporter.carry(self._put)
            self._reporter.carry(self._put)
            ray.get([self._actor.bye.remote(self._worker), *filter(None, [self._pushed])], timeout=SLOW)
        except Exception:  # the driver has gone, or left by an error
            pass
        finally:
            self.over = True
            self._known.set()
            self._flushed.set()
            self._ended.set()

    def _leave(self, attended: Any) -> None:
        self.over = True
        self._roused.set()

    def _put(self, report: Report) -> None:
        if self._pushed is not None:  # a slow network has one message on its way, and the newest rows win
            ray.wait([self._pushed], timeout=SLOW)
        self._pushed = self._actor.push.remote(self._worker, *report.encode())


def begin() -> None:
    """Have this worker process report. Called by Ray, as the process starts."""
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
