"""The ticker of a tracker whose display cannot be loaded: it writes plain lines at once.

A frozen application may lack modules that are loaded by name. The caller's thread then writes printed lines and the
ends of tasks to the tracker's stream. Does not know threads, terminals or rows.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING, Protocol, Self

from .._system.warnings import warn_once
from .._text.cells import encodable

if TYPE_CHECKING:
    from typing import TextIO

    from .._model.frames import TaskView
    from .lines import LineQueue
    from .task_tree import TaskTree

    class Undrawn(Protocol):
        """The members of a tracker that this ticker uses."""

        lines: LineQueue
        stream: TextIO | None
        tree: TaskTree

        def let_go(self) -> bool:
            """Detach from the ticker, if nothing is left to show."""


class LineTicker:
    """A ticker that writes lines in the calling thread.

    Args:
        tracker: The tracker whose lines it writes.
        error: Why there is no display.
    """

    writes_at_once = True  # so a captured line would return to its own stream: streams stay as they are

    def __init__(self, tracker: Undrawn, error: ModuleNotFoundError) -> None:
        self._tracker = tracker
        warn_once(f"there is no display, since {error.name} cannot be imported: lines are written instead.")

    def attach(self, tracker: object) -> None:
        """Write the pending lines of `tracker`."""
        self._write()

    def wake(self) -> None:
        """Write pending lines."""
        self._write()

    def flush_soon(self) -> None:
        """Write pending lines."""
        self._write()

    def flush_lines(self) -> None:
        """Write pending lines."""
        self._write()

    def wait_for_lines(self, tracker: object, *, terminal: bool = True) -> None:
        """Do nothing: no line waits."""

    def detach(self, tracker: object) -> None:
        """Write the remaining lines, and detach `tracker`."""
        self._write()
        self._tracker.let_go()

    def _write(self) -> None:
        stream = sys.stderr if self._tracker.stream is None else self._tracker.stream
        if stream is None:  # pythonw has no streams
            return
        lines = [*self._tracker.lines.drain(), *map(_ending, self._tracker.tree.next_frame().ended)]
        text = "".join(f"{line}\n" for line in lines)
        try:
            stream.write(encodable(text, getattr(stream, "encoding", None) or "utf-8"))
            stream.flush()
        except Exception:  # an error of the stream must not reach the job
            pass


class Uncaptured:
    """The capture of `ProgressTracker.capture` if nothing can be captured: streams stay as they are."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque()

    def start(self) -> Self:
        """Do nothing."""
        return self

    def hold(self, tracker: object) -> None:
        """Do nothing."""

    def stop(self, *, failed: bool = False) -> None:
        """Do nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def _ending(view: TaskView) -> str:
    amount = f"{view.completed:,}" if view.total is None else f"{view.completed:,}/{view.total:,}"
    words = view.reason if view.state == "failed" and view.reason else ""
    return f"{view.description}: {view.state}{f': {words}' if words else ''}, {amount} {view.unit.partition('|')[0]}"
