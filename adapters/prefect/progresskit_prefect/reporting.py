"""Within a flow or task run: show the tasks of `track` and `ProgressTracker()` as progress artifacts of that run.

Knows which run a thread belongs to, from Prefect's context. Does not know how artifacts are sent.
"""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, TextIO
from weakref import WeakValueDictionary

from progresskit import ProgressTracker
from progresskit.processes.engines import check_interval, provide_tracker
from progresskit.renderers import require_distribution

from .artifacts import artifact
from .sending import LEAST_INTERVAL, Sender

if TYPE_CHECKING:
    from progresskit import Frame, TaskView, Terminal

LEAST = 1.0


@contextmanager
def report(*, every: float = LEAST_INTERVAL) -> Iterator[None]:
    """Return a context manager within which the progress of flow and task runs in this process becomes progress artifacts.

    Each top-level task of `track` or `ProgressTracker()` is one, of the run that it is in, whichever thread that has. What
    is in no run is shown as ever.

    Args:
        every: Seconds between two updates of an artifact at the least.

    Raises:
        RendererUnavailable: Prefect is missing, or too old.
        TypeError, ValueError: an argument is not what it must be.
    """
    require_distribution("prefect", "3.4", extra="progresskit[prefect]")
    check_interval(every, LEAST)
    sender = Sender(_create, _update, every)
    runs = Runs(sender)
    try:
        with provide_tracker(runs.tracker):
            yield
    finally:
        runs.close()
        sender.close()


def _client() -> Any:
    """Return a client of our own: the run's own client is closed before the run's last artifact is sent."""
    from prefect.client.orchestration import get_client

    return get_client(httpx_settings={}, sync_client=True)  # settings that no context's client has


def _create(key: str, progress: float, description: str) -> Any:
    """Create an artifact of the run in whose context this is called, and return its id."""
    from prefect.client.schemas.actions import ArtifactCreate
    from prefect.context import FlowRunContext, TaskRunContext

    task, flow = TaskRunContext.get(), FlowRunContext.get()
    new = ArtifactCreate(
        key=key,
        type="progress",
        description=description,
        data=progress,
        task_run_id=None if task is None else task.task_run.id,
        flow_run_id=None if flow is None or flow.flow_run is None else flow.flow_run.id,
    )
    with _client() as client:
        return client.create_artifact(new).id


def _update(artifact: Any, progress: float, description: str) -> None:
    """Update the artifact of that id."""
    from prefect.client.schemas.actions import ArtifactUpdate

    with _client() as client:
        client.update_artifact(artifact, ArtifactUpdate(data=progress, description=description))


class Runs:
    """The trackers of runs. A run's first progress makes its tracker.

    Args:
        sender: Sends artifacts.
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        # Held by their tasks and, while they have something to show, by the ticker: runs that have ended cost nothing.
        self._trackers: WeakValueDictionary[Any, ProgressTracker] = WeakValueDictionary()
        self._lock = threading.RLock()
        self._is_making = False

    def tracker(self) -> ProgressTracker | None:
        """Return the tracker of the run that this thread or async task belongs to; None if it belongs to none."""
        run = _run()
        if run is None:
            return None
        with self._lock:
            if self._is_making:  # making a tracker asks this provider for an existing one
                return None
            tracker = self._trackers.get(run)
            if tracker is None:
                self._is_making = True
                try:
                    renderer = ArtifactRenderer(self._sender, contextvars.copy_context())
                    tracker = ProgressTracker(renderer, terminal=RunTerminal())
                finally:
                    self._is_making = False
                self._trackers[run] = tracker
            return tracker

    def close(self) -> None:
        """Show everything for the last time."""
        for tracker in list(self._trackers.values()):
            tracker.stop()


def _run() -> Any:
    """Return the id of the run that this thread or async task is in."""
    from prefect.context import FlowRunContext, TaskRunContext

    task = TaskRunContext.get()
    if task is not None:
        return task.task_run.id
    flow = FlowRunContext.get()
    return None if flow is None or flow.flow_run is None else flow.flow_run.id


class RunTerminal:
    """Standard error as the terminal of one run. Trackers on one terminal share a renderer, and each run needs its own."""

    is_tty = False
    unicode = True
    colors = False
    encoding = "utf-8"
    reflows = True

    @property
    def file(self) -> TextIO:
        """The stream, as it is now."""
        return sys.stderr

    def size(self) -> tuple[int, int]:
        """Return columns and lines of a stream that has none."""
        return 80, 24

    def write(self, text: str) -> None:
        """Write `text`, if there is a stream."""
        if sys.stderr is not None:
            sys.stderr.write(text)


class ArtifactRenderer:
    """Hands the top-level tasks of each frame to a sender.

    Args:
        sender: Sends artifacts.
        context: The context of the run.
    """

    in_place: ClassVar[bool] = False

    def __init__(self, sender: Sender, context: contextvars.Context) -> None:
        self._sender = sender
        self._context = context

    def start(self, terminal: Terminal) -> None:
        """Begin a display; lines that the run prints go to `terminal`."""
        self._terminal = terminal
        self._known: set[int] = set()

    def render(self, frame: Frame) -> None:
        """Send the tasks of `frame`."""
        for view in frame.ended:
            if view.depth == 0 and (view.id in self._known or view.keep):
                self._put(view, is_last=True)
                self._known.discard(view.id)
        for view in frame.tasks:
            if view.depth == 0 and view.state != "pending":
                self._put(view)
                self._known.add(view.id)

    def _put(self, view: TaskView, *, is_last: bool = False) -> None:
        self._sender.put((self, view.id), artifact(view), self._context, is_last=is_last)

    def write(self, text: str) -> None:
        """Write `text`, which the run has printed."""
        self._terminal.write(text + "\n")

    def stop(self) -> None:
        """Do nothing: each artifact is complete in itself."""
