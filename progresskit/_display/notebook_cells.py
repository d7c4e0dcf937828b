"""The renderer `notebook`: an area of rows in the output of each cell, by display ids.

Knows how IPython publishes and replaces a picture, and how a widget shows one in an `Output` of ipywidgets. An area
is made in the thread that adds the task, since only that thread knows its cell. At the end of a cell the ticker makes a
last picture, because a notebook is saved as soon as the kernel says that the cell is done.
"""

from __future__ import annotations

import sys
import time
from contextvars import copy_context
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4
from weakref import WeakKeyDictionary, WeakSet

from .._system.lazy import CATCH_UP_WITH_WORKERS, TICKER, load
from .._system.notebook import (
    capturing_widgets,
    is_cell_stream,
    kernel_shell,
    output_place,
    replaces_outputs,
    running_cell,
)
from .._text.cells import encodable
from ..renderers.base import RendererUnavailable
from ..renderers.destinations import default_stream, prefer_hub
from ..renderers.notebook import ROWS, Area
from ..renderers.registry import BUILTIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._model.frames import Frame, TaskView
    from .._tracking.core import TrackerCore
    from .._tracking.task import Task
    from ..renderers.base import Terminal

CELLS = 16
"""Areas of the latest cells, which are kept for further tasks."""
TASKS = 1_000
"""Tasks whose areas are remembered before those that have ended are looked for."""
INTERVAL_SECONDS = 0.25
"""Seconds between two pictures of an area at the least, while tasks run: a server drops what comes faster than it passes on."""


class CellArea(Area):
    """The area of one cell. Several threads may show it.

    Attributes:
        lock: Guards all else.
        has_begun: Whether the cell's own thread, or the end of the cell, has shown it. No other thread shows it before: the picture
            might get into another cell.
        shown_at: When a picture was last made, by the wall clock.
        tasks: Tasks at the top that the cell has added.
    """

    def __init__(self, publish: Callable[[dict[str, str], bool], object]) -> None:
        super().__init__(publish)
        self.lock = Lock()
        self.has_begun = False
        self.shown_at = 0.0
        self.tasks = 0

    def show_at(self, now: float) -> None:
        """Publish the picture of `now`, in seconds by the wall clock, unless it is the one that stands there."""
        self.has_begun = True
        self.shown_at = now
        is_captured = bool(capturing_widgets())
        self.show(time.strftime("%H:%M:%S", time.localtime(now)))
        if is_captured or capturing_widgets():
            self.repeat()  # a widget that captures the cell's output drops what would replace a display outside of it


class _Cells:
    """The areas of this kernel's cells."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.by_cell: dict[str, CellArea] = {}
        self.by_task: dict[int, CellArea] = {}
        self.trackers: WeakSet[TrackerCore] = WeakSet()
        self._most = TASKS
        self._asked: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()

    def current(self, shell: Any, *, now: bool = False) -> CellArea:
        """Return the area of this thread's cell; make one if there is none.

        Args:
            shell: IPython's shell.
            now: Whether the cell that runs now is asked for, whatever this thread belongs to.
        """
        cell = running_cell(shell, now=now)
        place = output_place(cell)
        with self.lock:
            area = self.by_cell.get(place)
            if area is not None:
                return area
            make = _publisher if place == cell else _widget_publisher
            area = self.by_cell[place] = CellArea(make(shell.display_pub))
            while len(self.by_cell) > CELLS:
                del self.by_cell[next(iter(self.by_cell))]
        self.watch_ends(shell)
        self._hear_of_clears(shell)
        return area

    def watch_ends(self, shell: Any) -> None:
        """Register for the end of each cell of `shell`."""
        with self.lock:
            if shell not in self._asked:
                self._asked[shell] = True
                shell.events.register("post_run_cell", self._end_cell)

    def _hear_of_clears(self, shell: Any) -> None:
        """Make the publisher of `shell` show a cell's area anew when the job clears the cell's output.

        Its method is replaced, because its hooks are of one thread each, and that of Colab's kernel calls none for this.
        """
        publisher = shell.display_pub
        clear = publisher.clear_output
        if getattr(clear, "shows_areas", False):
            return

        def clear_output(*arguments: Any, **options: Any) -> None:
            clear(*arguments, **options)
            try:
                cell = publisher.parent_header["msg_id"]
            except Exception:  # a kernel of another kind
                cell = running_cell(shell)
            area = self.by_cell.get(output_place(cell))
            if area is not None:
                with area.lock:
                    area.show_anew()
                    area.show_at(time.time())

        clear_output.shows_areas = True  # type: ignore[attr-defined]
        publisher.clear_output = clear_output

    def forget_ended(self) -> None:
        """Occasionally forget tasks that ended before a frame could show them."""
        if len(self.by_task) <= self._most:
            return
        live = {task.id for tracker in list(self.trackers) for task in tracker.tree.tasks}
        for number in [number for number in list(self.by_task) if number not in live]:
            self.by_task.pop(number, None)
        self._most = max(2 * len(self.by_task), TASKS)

    def _end_cell(self, *_: object) -> None:
        """Show the state of the tasks at the end of a cell, before the kernel says that the cell is done."""
        if CATCH_UP_WITH_WORKERS.partition(":")[0] in sys.modules:
            load(CATCH_UP_WITH_WORKERS)()
        for tracker in {
            *self.trackers,
            *load(TICKER).trackers_in_notebook(),
        }:  # those of workers' tasks have no task here
            drain = getattr(tracker.ticker, "drain", None)
            if drain is not None:
                drain(tracker, lambda: False)
                tracker.lines.context = copy_context()  # what sums up the tasks of this cell belongs here
                tracker.tree.sum_up()
                drain(tracker, lambda: False)
            if not tracker.tree.live:
                self.trackers.discard(tracker)
        for area in list(self.by_cell.values()):
            with area.lock:
                area.show_at(time.time())


CELL_AREAS = _Cells()


def _publisher(display: Any) -> Callable[[dict[str, str], bool], object]:
    """Return what publishes pictures as one display, each in the place of the one before."""
    display_id = f"progresskit-{uuid4().hex}"

    def publish(bundle: dict[str, str], update: bool) -> None:
        display.publish(data=bundle, metadata={}, transient={"display_id": display_id}, update=update)

    return publish


def _widget_publisher(display: Any) -> Callable[[dict[str, str], bool], object]:
    """Return what shows pictures in a widget of their own, in an `Output` of ipywidgets, which replaces no display."""
    widget = sys.modules["ipywidgets"].HTML()
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}

    def publish(bundle: dict[str, str], update: bool) -> None:
        widget.value = bundle["text/html"]
        if not update:
            data = {"text/plain": bundle["text/plain"], "application/vnd.jupyter.widget-view+json": view}
            display.publish(data=data, metadata={})

    return publish


def place(tracker: TrackerCore, task: Task) -> None:
    """Give the new `task` of `tracker` the area of the cell that adds it, with a first picture where it is the first one there.

    Called by the thread that adds the task. A subtask is shown below its parent, wherever it was added, unless a widget captures
    its output.
    """
    shell = kernel_shell()
    if shell is None or not _draws_in_cells(tracker):
        return
    CELL_AREAS.trackers.add(tracker)
    parent = None if task.parent is None else CELL_AREAS.by_task.get(task.parent.id)
    if parent is not None and not capturing_widgets():
        CELL_AREAS.by_task[task.id] = parent
        CELL_AREAS.forget_ended()
        return
    area = CELL_AREAS.current(shell)
    CELL_AREAS.by_task[task.id] = area
    CELL_AREAS.forget_ended()
    area.tasks += task.parent is None
    if area.tasks <= ROWS:
        # Its end is shown too, however soon it comes: what a cell shows must not depend on how quick the machine is.
        tracker.tree.note_seen(task)
    if not area.has_begun:
        with area.lock:
            area.update([view for view in tracker.tree.frame(None).tasks if view.id == task.id], ())
            area.show_at(time.time())


def expect_workers() -> bool:
    """Return whether this process is a kernel, whose cells show the tasks of workers that start now; if so, watch for the end of
    the cell."""
    shell = kernel_shell()
    if shell is not None:
        CELL_AREAS.watch_ends(shell)
    return shell is not None


def write_lines(tracker: TrackerCore) -> None:
    """Write the waiting lines of `tracker` in the caller's thread, where they go to a cell.

    The job's own `print` sends a line and its end apart: a line of another thread would come between the two, or too late.
    """
    if kernel_shell() is None or tracker.terminal is not None or not is_cell_stream(tracker.current_stream()):
        return
    write = getattr(tracker.ticker, "write_lines", None)
    if write is not None:
        write(tracker)


def _draws_in_cells(tracker: TrackerCore) -> bool:
    choice = tracker.renderer
    if choice.make is BUILTIN["notebook"] or choice.make is NotebookRenderer:
        return True
    if choice.make is not None or tracker.terminal is not None:
        return False
    stream = default_stream(opened=False) if tracker.stream is None else tracker.stream
    return is_cell_stream(stream) and replaces_outputs() and not prefer_hub(choice).is_remote


class NotebookRenderer:
    """Show each task in the cell that added it.

    Lines that are printed go to the cell's stream.

    Args:
        wall: Gives the seconds on the wall clock; None takes `time.time`.
    """

    in_place: ClassVar[bool] = False

    def __init__(self, wall: Callable[[], float] | None = None) -> None:
        self._wall = time.time if wall is None else wall
        self._strangers: set[int] = set()  # tasks that have been seen once in no area: they may be about to get one
        self._live: dict[int, CellArea] = {}  # the tasks of the last picture that have not ended

    @classmethod
    def check(cls) -> None:
        """Raise `RendererUnavailable` where no notebook's kernel runs."""
        if kernel_shell() is None:
            raise RendererUnavailable("this process is no notebook's kernel")

    def start(self, terminal: Terminal) -> None:
        """Begin a display on `terminal`, the stream for printed lines."""
        self._terminal = terminal

    def render(self, frame: Frame) -> None:
        """Publish a picture of each area in which something has changed."""
        parts: dict[CellArea, tuple[list[TaskView], list[TaskView]]] = {}
        before, self._live = self._live, {}
        for views, is_end in ((frame.tasks, False), (frame.ended, True)):
            for view in views:
                area = self._area(view, is_end)
                if area is not None:
                    parts.setdefault(area, ([], []))[is_end].append(view)
                    if not is_end:
                        self._live[view.id] = area
        gone = before.keys() - self._live.keys() - {view.id for view in frame.ended}
        for number in gone:
            parts.setdefault(before[number], ([], []))
            CELL_AREAS.by_task.pop(number, None)
        now = self._wall()
        for area, (live, ended) in parts.items():
            with area.lock:
                area.update(live, ended, gone)
                if area.has_begun and (not frame.tasks or abs(now - area.shown_at) >= INTERVAL_SECONDS):
                    area.show_at(now)
        for view in frame.ended:
            CELL_AREAS.by_task.pop(view.id, None)

    def _area(self, view: TaskView, is_end: bool) -> CellArea | None:
        """Return the area of `view`; of a task of another process, that of its parent, or of the cell that runs now."""
        known = CELL_AREAS.by_task
        area = known.get(view.id) or (None if view.parent is None else known.get(view.parent))
        if area is None:
            if not is_end and view.id not in self._strangers:
                self._strangers.add(view.id)
                return None
            shell = kernel_shell()
            if shell is None:
                return None
            area = CELL_AREAS.current(shell, now=True)
            area.has_begun = True  # the task is of another process: no thread of this one begins its area
        self._strangers.discard(view.id)
        known[view.id] = area
        return area

    def write(self, text: str) -> None:
        """Write `text` to the cell's stream."""
        self._terminal.write(encodable(text, self._terminal.encoding) + "\n")

    def stop(self) -> None:
        """Do nothing: each picture is complete."""
