"""The queue of lines to draw above a tracker's rows, and the tracker's own capture, which adds captured lines.

Knows how many lines may wait, and when a job must wait for a slow terminal. Does not know tasks, nor how lines are
drawn.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from contextvars import copy_context

from .._system.lazy import CAPTURE, WRITE_AT_ONCE, WRITE_IN_CELL, WRITE_LINES, load
from . import multiprocessing_hook
from .counters import CountingTicks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context
    from typing import Any, Protocol, TextIO

    from .interfaces import Display, OwnCapture, Ticker
    from .task_tree import TaskTree

    class LineOwner(Protocol):
        """The members of their tracker that the lines and the capture use."""

        attached: bool
        capture: AutomaticCapture
        display: Display | None
        given_ticker: Any
        renderer: Any
        stream: TextIO | None
        terminal: Any

        @property
        def tree(self) -> TaskTree:
            """Its tasks."""

        @property
        def mute(self) -> bool:
            """Whether it cannot be shown."""

        @property
        def has_news(self) -> bool:
            """Whether a line, or the end of a task that was shown or has failed, waits to be shown."""

        @property
        def ticker(self) -> Ticker[Any]:
            """Its ticker."""

        def current_stream(self) -> Any:
            """Return the stream on which it would be drawn now."""

        def show(self) -> None:
            """Attach it to the ticker, unless it is attached."""

        def wake(self) -> None:
            """Ask the ticker for a frame soon."""


MOST_WAITING = 1 << 24
"""Characters of printed lines that are kept for a terminal that accepts nothing."""
MOST_CAPTURED = 1 << 22
"""Characters of captured lines that may wait to be drawn. A job that writes more waits, as it would for the terminal
itself."""
LINE = 64
"""Characters that are counted for each line in addition to its own."""


class LineQueue:
    """The lines that wait to be drawn. Safe from any thread, without a lock.

    Args:
        core: The tracker that draws them.

    Attributes:
        items: The lines, and the tasks that ended before one of them, in order.
        characters: Roughly the characters of the lines that were added since the queue was last emptied.
        behind: Whether the terminal accepts nothing at the moment; the display sets it.
        has_dropped: Whether lines were dropped that have not been reported yet.
        before_line: Called before a line of this process's is added; None for no call.
        before_drain: Called before the queue is emptied for a frame; None for no call.
        context: The context of the last caller, by which a notebook finds the cell of a line.
    """

    def __init__(self, core: LineOwner) -> None:
        self._core = core
        self.items: deque[Any] = deque()
        self.characters: int = 0
        self.behind: bool = False
        self.has_dropped: bool = False
        self.before_line: Callable[[], object] | None = None
        self.before_drain: Callable[[], object] | None = None
        self.context: Context = copy_context()
        self._asked: tuple[Any, bool] | None = None  # a stream, and whether lines are written to it at once
        self._dropped = CountingTicks()
        self._reported = 0  # how many of the dropped lines have been reported

    def print(self, line: str) -> None:
        """Show `line`, which may end with a newline; as `ProgressTracker.print`."""
        core = self._core
        if core.capture.current is None and self._is_written_at_once(line.removesuffix("\n")):
            return
        if self.characters > MOST_WAITING:
            if not self.behind:  # the job leaves the drawing thread no time
                core.ticker.wait_for_lines(core, terminal=False)
            if self.behind and self.characters > MOST_WAITING:
                self.drop(max(line.count("\n"), 1))
                return
        core.capture.before_line()
        self.append(line[:-1] if line.endswith("\n") else line)
        self.context = copy_context()
        self.announce()
        if core.attached and "PROGRESSKIT_HUB_LOG" in os.environ:
            core.ticker.flush_lines()  # so that words which the job writes next stand below the line
        if "IPython" in sys.modules and core.attached:
            self._write_in_cell()

    def _write_in_cell(self) -> None:
        """Write the lines in the caller's thread, if they go to a notebook's cell."""
        try:
            load(WRITE_IN_CELL)(self._core)
        except Exception:  # an error of the display must not reach the job
            pass

    def _is_written_at_once(self, line: str) -> bool:
        """Write `line` at once, as `print` would, if the stream is a log. Return whether it was written.

        A log has no rows, and the job's other output does not pass through the display, so that a drawn line would come
        too late. The last lines of ended tasks come first, as far as the job may wait for them. A stream that hangs is
        left to the display.
        """
        try:
            from ..renderers.destinations import writes_as_printed
            from ..renderers.registry import OBSERVERS
        except ImportError:  # the interpreter ends, and cannot import
            return False
        core = self._core
        stream = core.current_stream()
        if self._asked is None or self._asked[0] is not stream:
            is_remote = getattr(
                core.given_ticker, "is_remote", False
            )  # in an engine's worker, another process shows the line
            at_once = core.terminal is None and not is_remote and writes_as_printed(core.renderer, stream)
            self._asked = stream, at_once
        if not self._asked[1] or OBSERVERS or (core.display is not None and not core.display.shows_lines):
            return False
        if core.attached and core.has_news:
            core.ticker.flush_soon()
            if self.items:  # an earlier line still waits (the line of an ended task may come late)
                return False
        return bool(load(WRITE_AT_ONCE)(core, line))

    def print_captured(self, line: str) -> None:
        """Show a line that the job has written to the terminal. A job that writes faster than the terminal reads waits.

        Called by a capture, which has no other way to keep the line.
        """
        core = self._core
        if self.before_line is not None or core.tree.has_ends:
            self._begin_line()
        self.items.append(line)  # not by `append`: a job may print 100,000 lines a second
        self.characters += len(line) + LINE
        if self.characters > MOST_CAPTURED:
            core.ticker.wait_for_lines(core)
        self.announce()
        if core.attached:
            core.given_ticker.flush_lines()

    def announce(self) -> None:
        """Ask the ticker to draw the added lines."""
        core = self._core
        if not core.attached:
            core.show()
        if not core.tree.shows_ends:
            self.write_out(self.drain())
            return
        if not core.attached:
            return
        ticker = core.given_ticker
        ticker.wake()
        if multiprocessing_hook.is_worker:
            ticker.flush_soon()
        if core.capture.lasts:  # a worker's last flush ends it, so that its last lines stay in order
            return
        if getattr(ticker, "is_closed", False) and core.attached and core.tree.all_ended:
            ticker.detach(core)  # no call will end it

    def append(self, line: str) -> None:
        """Add `line`, after the last lines of tasks that have ended."""
        self._begin_line()
        self.items.append(line)
        self.characters += len(line) + LINE

    def extend(self, lines: list[str]) -> None:
        """Add `lines`, after the last lines of tasks that have ended."""
        self._begin_line()
        self.items.extend(lines)
        self.characters += sum(map(len, lines)) + LINE * len(lines)

    def _begin_line(self) -> None:
        """Add what stands before a new line: what `before_line` adds, and the tasks that have ended."""
        core = self._core
        if self.before_line is not None:
            self.before_line()
        if core.tree.has_ends and core.attached:
            core.tree.move_ends(self.items)

    def drop(self, lines: int) -> None:
        """Count dropped lines."""
        for _ in range(lines):
            self._dropped.tick()
        self.has_dropped = True  # second: a reader that finds it set also finds the count

    def drain(self) -> list[Any]:
        """Return the waiting lines, including those that programs have written, and empty the queue.

        A last line reports how many were dropped. The display calls this when it begins a frame.
        """
        if self.before_drain is not None:
            self.before_drain()
        self.behind = False
        self._core.capture.before_frame()
        self.characters = 0
        lines: list[Any] = []
        try:
            for _ in range(len(self.items)):
                lines.append(self.items.popleft())
        except IndexError:  # another thread has moved some to another tracker
            pass
        if self.has_dropped:
            self.has_dropped = False
            missing = self._dropped.count() - self._reported
            self._reported += missing
            lines.append(f"progresskit: {missing:,d} lines are missing here: the terminal did not take them in time.")
        return lines

    def clear(self) -> None:
        """Forget all lines, the dropped ones too."""
        self.items.clear()
        self.characters, self.behind = 0, False
        if self.has_dropped:
            self.has_dropped, self._reported = False, self._dropped.count()

    def write_out(self, lines: list[str]) -> None:
        """Write `lines` to the tracker's stream itself, because there is no display."""
        lines = [line for line in lines if isinstance(line, str)]  # ended tasks among them have no line there
        if not lines:
            return
        try:
            load(WRITE_LINES)(self._core, lines)
        except ImportError:  # the interpreter ends, and cannot import
            stream = sys.stderr if self._core.stream is None else self._core.stream
            try:
                for line in lines:
                    stream.write(f"{line if line.isprintable() else ascii(line)}\n")
            except Exception:  # gone already
                pass


class AutomaticCapture:
    """The capture of a tracker's own terminal, while it has rows.

    Args:
        mode: `"rows"`, `"descriptors"`, `"always"`, or `""` for no capture.

    Attributes:
        current: The capture in progress; None if there is none.
        lasts: Whether it continues until the process has ended, as in a worker.
    """

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.current: OwnCapture[Any] | None = None
        self.lasts: bool = False
        self._held = False  # whether it continues until the tracker is stopped

    def begin(self, tracker: LineOwner, *, always: bool = False, hold: bool = False) -> None:
        """Start to capture, if `tracker` draws rows on a terminal and capturing is not switched off.

        Args:
            tracker: The tracker.
            always: Whether lines are captured until `end`; otherwise while there are rows.
            hold: Whether to go on until `end` with lines before which others have come: see `LineQueue.before_line`.
        """
        if self.current is not None:
            self._held = self._held or hold
            return
        if not self.mode:
            return
        try:
            from ..renderers.destinations import draws_rows

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
            self._held = always or hold
            self.current = capture.start()
        except Exception:  # a user's stream may raise anything; it is not captured then
            pass

    def last(self, capture: OwnCapture[Any]) -> None:
        """Keep `capture`, which has begun, until the process has ended."""
        self.end()
        self.current, self.lasts = capture, True

    def before_line(self) -> None:
        """Queue the output of programs, before a new line of the tracker."""
        if self.current is not None and self.current.relay is not None:
            self.current.relay.drain()

    def before_frame(self) -> None:
        """Queue the lines for the frame that begins."""
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
        """End the capture, unless it continues without rows."""
        if not self._held and not multiprocessing_hook.is_worker:
            self.end()
