"""The lines that wait to be drawn above a tracker's rows, and the capture that brings more of them.

Knows how many lines may wait, and how long a job is held up for a terminal that is slow. Does not know tasks, nor how lines are
drawn.
"""

from __future__ import annotations

import sys
from collections import deque
from contextvars import copy_context

from . import multiprocessing_hook
from .counters import CountingTicks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Context
    from typing import Any

    from .core import TrackerCore
    from .interfaces import OwnCapture

CAPTURE = "progresskit._display.capture:Capture"
"""Captures a stream; found by name, as renderers are: this folder must not import that one."""
WRITE_LINES = "progresskit._display.capture:write_lines"
WRITE_IN_CELL = "progresskit._display.notebook_cells:write_lines"
MOST_WAITING = 1 << 24
"""Characters of printed lines that are kept for a terminal that accepts nothing."""
MOST_CAPTURED = 1 << 22
"""Characters of captured lines that wait to be drawn. A job that writes more waits, as it would for the terminal itself."""
LINE = 64
"""What a line counts beside its characters."""


class LineQueue:
    """The lines that wait to be drawn. Safe from any thread, without a lock.

    Args:
        core: The tracker that draws them.

    Attributes:
        items: The lines, and the tasks that ended before one of them, in the order in which they came.
        characters: Roughly the characters of the lines that have come since the queue was last emptied.
        behind: Whether the terminal does not accept what it is sent; set by whoever draws.
        context: The context of the last caller: a notebook finds by it the cell that a line belongs to.
    """

    def __init__(self, core: TrackerCore) -> None:
        self._core = core
        self.items: deque[Any] = deque()
        self.characters: int = 0
        self.behind: bool = False
        self.context: Context = copy_context()
        self._dropped = CountingTicks()
        self._lines_missing = False  # whether lines were dropped since that was last checked
        self._told = 0  # how many of the dropped lines have been reported

    def print(self, line: str) -> None:
        """Show `line`, which may end with a newline; as `ProgressTracker.print`."""
        core = self._core
        if self.characters > MOST_WAITING:
            if not self.behind:  # it is the drawing thread that is slow, since the job leaves it no time
                core.ticker.wait_for_lines(core, terminal=False)
            if self.behind and self.characters > MOST_WAITING:
                self.drop(max(line.count("\n"), 1))
                return
        core.capture.before_line()
        self.append(line[:-1] if line.endswith("\n") else line)
        self.context = copy_context()
        self.announce()
        if "IPython" in sys.modules and core.attached:
            self._write_in_cell()

    def _write_in_cell(self) -> None:
        """Have the caller's own thread write the lines, where they go to a notebook's cell."""
        try:
            from ..renderers.registry import load

            load(WRITE_IN_CELL)(self._core)
        except Exception:  # a display's trouble is not the job's
            pass

    def print_captured(self, line: str) -> None:
        """Show a line that the job has written to the terminal. A job that writes faster than the terminal accepts waits.

        Called by a capture, which has no other way to keep the line.
        """
        core = self._core
        self.append(line)
        if self.characters > MOST_CAPTURED:
            core.ticker.wait_for_lines(core)
        self.announce()
        if core.attached:
            core.ticker.flush_lines()

    def announce(self) -> None:
        """Have the ticker draw the lines that were added."""
        core = self._core
        if not core.attached:
            core.show()
        if core.mute:
            self.write_out(self.drain())
            return
        core.wake()
        if multiprocessing_hook.is_worker and core.attached:
            core.ticker.flush_soon()
        if core.capture.lasts:  # a worker's last flush ends it, so that its last words come in their order
            return
        if core.attached and core.tree.all_ended and getattr(core.ticker, "is_closed", False):
            core.ticker.detach(core)  # nobody ends it any more

    def append(self, line: str) -> None:
        """Add `line`, behind the last lines of tasks that have ended."""
        core = self._core
        if core.tree.has_ends and core.display is not None:
            core.tree.move_ends(self.items)
        self.items.append(line)
        self.characters += len(line) + LINE

    def extend(self, lines: list[str]) -> None:
        """Add `lines`, behind the last lines of tasks that have ended."""
        core = self._core
        if core.tree.has_ends and core.display is not None:
            core.tree.move_ends(self.items)
        self.items.extend(lines)
        self.characters += sum(map(len, lines)) + LINE * len(lines)

    def drop(self, lines: int) -> None:
        """Count that so many lines were dropped."""
        for _ in range(lines):
            self._dropped.tick()
        self._lines_missing = True  # second: whoever finds it set finds the count

    def drain(self) -> list[Any]:
        """Return the waiting lines, those that programs have written among them, and forget them.

        A last line says how many were dropped. The display calls this when it begins a frame.
        """
        self.behind = False
        self._core.capture.before_frame()
        self.characters = 0
        lines = [self.items.popleft() for _ in range(len(self.items))] if self.items else []
        if self._lines_missing:
            self._lines_missing = False
            missing = self._dropped.count() - self._told
            self._told += missing
            lines.append(f"progresskit: {missing:,d} lines are missing here: the terminal did not take them in time.")
        return lines

    def clear(self) -> None:
        """Forget all lines, the dropped ones too."""
        self.items.clear()
        self.characters, self.behind = 0, False
        if self._lines_missing:
            self._lines_missing, self._told = False, self._dropped.count()

    def write_out(self, lines: list[str]) -> None:
        """Write `lines` to the tracker's stream itself, since nothing draws them."""
        lines = [line for line in lines if isinstance(line, str)]  # a task that has ended among them has no line there
        if not lines:
            return
        try:
            from ..renderers.registry import load

            load(WRITE_LINES)(self._core, lines)
        except ImportError:  # the interpreter ends, and imports nothing any more
            stream = sys.stderr if self._core.stream is None else self._core.stream
            try:
                for line in lines:
                    stream.write(f"{line if line.isprintable() else ascii(line)}\n")
            except Exception:  # gone already
                pass


class AutomaticCapture:
    """Captures what is written to the terminal that a tracker draws on, while its rows stand there.

    Args:
        mode: `"rows"`, `"descriptors"`, `"always"`, or `""` for no capture.

    Attributes:
        current: What captures at this moment; None where nothing does.
        lasts: Whether it goes on until the process has ended: in a worker.
    """

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.current: OwnCapture | None = None
        self.lasts: bool = False
        self._held = False  # whether it goes on until the tracker is stopped

    def begin(self, tracker: TrackerCore, *, always: bool = False) -> None:
        """Begin to capture, where `tracker` draws rows on a terminal and nobody has opted out.

        Args:
            tracker: The tracker.
            always: Whether lines are captured until `end`; otherwise while rows stand.
        """
        if self.current is not None or not self.mode:
            return
        try:
            from ..renderers.registry import draws_rows, load

            if tracker.terminal is not None or not draws_rows(
                tracker.renderer, tracker.current_stream(), worker=multiprocessing_hook.is_worker
            ):
                return
            if getattr(tracker.ticker, "writes_at_once", False):
                return
            capture = load(CAPTURE)(
                tracker,
                always=always or multiprocessing_hook.is_worker,
                automatic=True,
                descriptors=self.mode == "descriptors",
            )
            self._held = always
            self.current = capture.start()
        except Exception:  # a stream of the user's own may raise anything: what is written to it is not captured then
            pass

    def last(self, capture: OwnCapture) -> None:
        """Have `capture`, which has begun, go on until the process has ended."""
        self.end()
        self.current, self.lasts = capture, True

    def before_line(self) -> None:
        """Queue what programs have written before a line that the tracker is given."""
        if self.current is not None and self.current.relay is not None:
            self.current.relay.drain()

    def before_frame(self) -> None:
        """Queue what is to be drawn by the frame that begins."""
        if self.current is not None and self.current.holds_lines:
            self.current.before_frame()

    def note_shown(self) -> None:
        """Note that the lines of the last frame are on the terminal."""
        if self.current is not None and self.current.relay is not None:
            self.current.relay.forwarder.note_shown()

    def follow_descriptors(self) -> None:
        """Point descriptors 1 and 2 at the terminal while a caller has it to itself, and at the capture otherwise."""
        if self.current is not None and self.current.relay is not None:
            self.current.relay.follow()

    def end(self) -> None:
        """Restore the streams."""
        if self.lasts and self.current is not None:
            self.current.end_lines()
            return
        capture, self.current = self.current, None
        if capture is not None:
            capture.stop()

    def end_with_rows(self) -> None:
        """End, unless it goes on without rows."""
        if not self._held and not multiprocessing_hook.is_worker:
            self.end()
