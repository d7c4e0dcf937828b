"""A display: trackers, the renderer that draws them, and the terminal it draws on.

Knows in which order lines and frames go out. The rest belongs to its parts: the group makes one frame of several
trackers, the pace limits what frames cost, the guarded renderer falls back when one fails, and the outbox keeps what a
slow terminal has not accepted. Does not know threads: its callers take turns.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from operator import ne
from typing import TYPE_CHECKING

from .._model.frames import what_moves
from .._system.environment import number
from .._system.threads import signals_blocked
from .._text.cells import clean_lines
from ..renderers._region import END
from ..renderers.base import DEFAULT_BUDGET
from ..renderers.choice import RendererChoice
from ..renderers.destinations import default_stream, prefer_hub, shared_folder
from . import questions
from .fallback import FAILED, GuardedRenderer
from .hangs import Window
from .outbox import EXIT_FLUSH_TIMEOUT, Outbox
from .pacing import REMOTE_WAKEUP_COST_FACTOR, Pace
from .terminal import ProtocolTerminal, StreamTerminal
from .tracker_group import TrackerGroup

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._model.frames import TaskView
    from .._tracking.core import TrackerCore

DISTURBED_SECONDS = 1.0
"""Seconds without rows after another process has written to the terminal: its next words could stand below rows that
can then not be cleared."""
RETRY_SECONDS = 0.02
"""Seconds until the next attempt to send printed lines to a terminal that accepts a few kilobytes at a time."""


def terminal_of(tracker: TrackerCore) -> StreamTerminal:
    """Return the terminal that `tracker` wants to be drawn on."""
    if tracker.terminal is not None:
        return tracker.terminal if isinstance(tracker.terminal, StreamTerminal) else ProtocolTerminal(tracker.terminal)
    return StreamTerminal(default_stream() if tracker.stream is None else tracker.stream)


def is_redirected(tracker: TrackerCore, terminal: StreamTerminal) -> bool:
    """Whether code has sent `tracker` to a stream or terminal that is not the one the processes share."""
    return tracker.terminal is not None or (tracker.stream is not None and not terminal.is_tty)


def display_of(
    tracker: TrackerCore, terminal: StreamTerminal, cpu: Callable[[], float], wall: Callable[[], float]
) -> Display:
    """Return a display on `terminal` as `tracker` and the environment want it."""
    interval = number(os.environ, "PROGRESSKIT_INTERVAL", 0.1, 3600.0) if tracker.interval is None else tracker.interval
    redirected = is_redirected(tracker, terminal)
    choice = prefer_hub(tracker.renderer, redirected=redirected)
    terminal.style = tracker.style
    folder = shared_folder(choice, redirected=redirected)
    budget = number(os.environ, "PROGRESSKIT_BUDGET", None, 1.0) if tracker.budget is None else tracker.budget
    return Display(terminal, choice, interval=interval, budget=budget, cpu=cpu, wall=wall, folder=folder)


def _differs(tasks: tuple[TaskView, ...], before: tuple[TaskView, ...]) -> bool:
    """Return whether `tasks` show anything new compared with `before`."""
    return len(tasks) != len(before) or any(map(ne, map(what_moves, tasks), map(what_moves, before)))


class Display:
    """One terminal, the trackers that are drawn on it, and their renderer.

    A frame takes two steps: `compose` puts it into the outbox, and `send` sends it. If the process was stopped between
    the two, the caller calls `recompose`.

    Args:
        terminal: Where to draw.
        choice: Which renderer; `auto` is settled by the terminal.
        interval: Seconds between two frames at the least.
        budget: Share of one core that drawing may cost; None: the renderer's default.
        cpu: Gives the seconds of processor time that this thread has had.
        wall: Gives the seconds on the wall.
        fallbacks: The renderers to fall back to, in order; None: `plain`, then `none`.
        folder: The folder that frames are also written to; None: none.

    Attributes:
        group: The trackers that are drawn here.
        owns_terminal: Whether the terminal was made for the display, which then closes it.
        drawn: When the last frame was, on the ticker's clock.
        due: When the next one is.
    """

    def __init__(
        self,
        terminal: StreamTerminal,
        choice: RendererChoice,
        *,
        interval: float,
        budget: float | None = None,
        cpu: Callable[[], float],
        wall: Callable[[], float],
        fallbacks: list[str] | None = None,
        folder: str | None = None,
    ) -> None:
        self.terminal = terminal
        self.owns_terminal = False
        self.group = TrackerGroup()
        self.window = Window()
        self.outbox = Outbox(terminal, self.window, self.group, wall)
        self.renderer = GuardedRenderer(
            choice.settle(terminal), terminal, self.outbox.handle, self.window, fallbacks, folder
        )
        self.pace = Pace(interval, DEFAULT_BUDGET if budget is None else budget)
        self._budget = budget
        self._budget_varies = False  # whether the renderer's budget may change after each frame
        self._cpu = cpu
        self._wall = wall
        self._began = (0.0, 0.0)  # the two clocks' readings when the frame was begun
        self._moved = False  # whether the frame shows anything new
        self._drew_lines = False  # whether it has lines above its rows
        self._shown: tuple[TaskView, ...] = ()  # the tasks of the last frame
        self._inherited = False  # whether the outbox has text that a display that hung did not show
        self._in_background = False
        self._stood = False  # whether the last frame left rows, which this one overwrites
        self._rows_from = float("-inf")  # when rows may be drawn again, on the wall's clock
        self.drawn = self.due = 0.0

    def add(self, tracker: TrackerCore) -> None:
        """Add `tracker`, after the others."""
        self.group.add(tracker)
        tracker.display = self

    def remove(self, tracker: TrackerCore) -> None:
        """Stop drawing `tracker` here."""
        self.group.remove(tracker)
        tracker.display = None

    def can_draw(self, tracker: TrackerCore, terminal: StreamTerminal) -> bool:
        """Whether `tracker`, which is on the same terminal, can share this display.

        It cannot where code has named a renderer for it that appends lines or draws nothing, and this display has another one.
        """
        choice = prefer_hub(tracker.renderer, redirected=is_redirected(tracker, terminal))
        if not choice.in_code or choice.given or choice.name == self.renderer.choice.name:
            return True
        if choice.in_place:
            return True
        return (
            choice.shows_tasks and self.renderer.in_place and terminal.is_tty
        )  # two cannot draw around each other's rows

    @property
    def shows_lines(self) -> bool:
        """Whether the display can show a line that is printed now: its stream works, and this process is in the foreground."""
        return not (self.terminal.dark or self._in_background)

    @property
    def is_urgent(self) -> bool:
        """Whether a frame must come before the caller goes on.

        Another process waits for news; or rows must be cleared, because every task has ended or a caller has asked for the
        terminal; or last lines are unsent, which the job's next output must come after.
        """
        group, renderer = self.group, self.renderer
        if renderer.is_remote and group.has_news:
            return True
        if renderer.may_be_standing and (group.all_ended or group.is_hidden):
            return True
        return not self.terminal.dark and group.all_ended and group.has_news

    @property
    def may_hang(self) -> bool:
        """Whether the display calls foreign code. Built-in renderers write to a descriptor and never wait for it."""
        return self.renderer.calls_others or (self.terminal.fd is None and not self.terminal.dark)

    # A frame

    def tick(self, *, last: bool = False) -> float:
        """Draw a frame if anything is new, and return the seconds until the next one."""
        if self.begin_frame(last=last):
            if self.may_hang:  # Ctrl-C must be able to interrupt foreign code
                self.compose(last=last)
                with self.outbox.uninterrupted():
                    self.send()
            else:
                with signals_blocked():
                    self.compose(last=last)
                    self.send()
        return self.delay

    @property
    def delay(self) -> float:
        """Seconds until the next frame, or until the terminal is sent the rest of the last one."""
        return RETRY_SECONDS if self.outbox.owes_words and self.outbox.is_draining else self.pace.delay

    def begin_frame(self, *, last: bool = False) -> bool:
        """Return whether a frame can be drawn now. If not, clear rows that a caller wants hidden, and send what a slow
        terminal has not accepted yet. The `last` frame can always be drawn."""
        self._in_background = not self.terminal.foreground
        if not last:
            if self.group.is_hidden:
                questions.check_answers()
                if self.renderer.has_rows:
                    self.clear_rows()
                return False
            if self._in_background or self.terminal.congested:
                self.group.note_behind()
                self.outbox.retry()
                self._note_shown()
                return False
        else:
            self.outbox.begin_last_frame()
        return True

    def compose(self, *, last: bool = False, rows: bool = True) -> None:
        """Compose a frame. `send` sends it.

        Args:
            last: Whether it is the last one, which is drawn even if nothing has changed.
            rows: Whether it has rows; otherwise only lines and ended tasks are shown.
        """
        self._began = self._cpu(), self._wall()
        self._moved = self._drew_lines = False
        self._stood = self.renderer.has_rows
        rows = rows and self._began[1] >= self._rows_from
        if self.renderer.current is None and self.group.is_idle and not self._inherited:
            return
        self.renderer.is_drawing = rows
        try:
            self._compose(last, rows)
        except BaseException:
            self.renderer.is_drawing = False
            self.outbox.lines = []
            raise

    def recompose(self) -> None:
        """Compose the frame again, below text that others have written meanwhile: a shell while the process was
        stopped, or a process that is not captured. The rows already on the screen stay above."""
        lines, frame = self.outbox.lines, self.outbox.frame
        self.outbox.handle.drain()  # it would be drawn over the words of a shell
        self.renderer.stop()
        if lines:
            self.renderer.write(lines)
        if frame is not None:
            self.renderer.render(frame)

    def _avoid_others_words(self) -> None:
        """Compose the frame again, without rows, if another process has written to the terminal since the last
        frame."""
        others = self.terminal.others
        if others is not None and others.have_written() and self._stood and self.renderer.in_place:
            self._rows_from = self._began[1] + DISTURBED_SECONDS
            if self.outbox.frame is not None:
                self.outbox.frame = self.outbox.frame._replace(tasks=(), more=0)
            self._shown = ()
            self.recompose()

    def send(self) -> float:
        """Send the frame that was composed, and return the seconds until the next one."""
        if self.renderer.has_rows:
            self.terminal.hear_others()
        if self.terminal.others is not None:
            self._avoid_others_words()
        try:
            self.outbox.send()
        finally:
            self.renderer.is_drawing = False
        if self._drew_lines:
            self._note_shown()
        if self._budget_varies:
            self.pace.budget = self.renderer.default_budget
        began, began_wall = self._began
        ended, now = self._cpu(), self._wall()
        return self.pace.after_frame(began, ended, now - began_wall, now=now, moved=self._moved, lines=self._drew_lines)

    def _note_shown(self) -> None:
        if not self.terminal.congested:
            self.group.note_shown()

    def _compose(self, last: bool, rows: bool) -> None:
        renderer, outbox = self.renderer, self.outbox
        if self._inherited:
            renderer.write(outbox.lines)
            if outbox.frame is not None:
                renderer.render(outbox.frame)
            self._inherited = False
        parts = self.group.drain_lines(colors=self.terminal.colors)
        lines = parts[0][0] if len(parts) == 1 else [line for part, _ in parts for line in part]
        if lines:
            outbox.owe(lines)
        if renderer.current is None:
            self._start()
        frame = self.group.next_frame(renderer.room())
        in_place = renderer.in_place
        ended = parts[-1][1]
        if ended or len(parts) > 1:
            ended.extend(frame.ended)
            frame = frame._replace(ended=tuple(view for _, group in parts for view in group))
        if not rows and in_place:
            frame = frame._replace(tasks=(), more=0)
        outbox.frame = frame
        self._moved = bool(lines or frame.ended or frame.unseen) or _differs(frame.tasks, self._shown)
        self._shown = frame.tasks
        self._drew_lines = bool(lines)
        if self._moved or frame.tasks or frame.more or last or not rows:
            for part, group in parts:
                if part:
                    renderer.write(part)
                renderer.render(frame if len(parts) == 1 else frame._replace(ended=tuple(group)))
                frame = frame._replace(unseen=()) if frame.unseen else frame

    def write_lines(self) -> None:
        """Write the waiting lines now, without a frame where they need none: a renderer that appends them."""
        renderer = self.renderer
        if renderer.current is None or renderer.in_place or self._inherited or self.group.has_ends:
            self.tick()
            return
        for lines, _ in self.group.drain_lines(colors=self.terminal.colors):
            if lines:
                self.outbox.owe(lines)
                renderer.write(lines)
        self.outbox.send()

    def _start(self) -> None:
        """Start the renderer, and take its default budget where the tracker has none."""
        self.renderer.start()
        if self._budget is None:
            self.pace.budget = self.renderer.default_budget
        if self.renderer.is_remote:
            self.pace.wakeup_factor = REMOTE_WAKEUP_COST_FACTOR
            self._budget_varies = self._budget is None  # it depends on how many processes share the hub

    # What stands on the screen

    def end(self) -> None:
        """Stop the renderer after its last frame, and send what is left."""
        self.renderer.stop()
        self.outbox.send_last()
        self._note_shown()

    def clear_rows(self) -> None:
        """Show the waiting lines and clear the rows, because a caller wants the screen for a while."""
        if self.renderer.has_rows or self.group.has_output:
            with signals_blocked() if not self.may_hang else nullcontext():
                self.compose(rows=False)
                self._avoid_others_words()
                self.outbox.send()
                self.renderer.is_drawing = False
        if self.renderer.in_place:
            self.renderer.stop()
            self._shown = ()
        self.flush(EXIT_FLUSH_TIMEOUT)

    def flush(self, patience: float = 0.0) -> None:
        """Send what was written; wait `patience` seconds for a slow terminal."""
        with self.outbox.uninterrupted():
            self.outbox.send(patience)
        self._note_shown()

    # When something hangs

    def successor(self, kind: str) -> Display:
        """Return the display that replaces this one, because it hangs in a call of this `kind`.

        The successor shows what has not reached the terminal.
        """
        choice, fallbacks, why = self.renderer.after_hang(kind)
        if kind == "stream":
            self.terminal.dark = True
        heir = Display(
            self.terminal,
            choice,
            interval=self.pace.interval,
            budget=self.pace.budget,
            cpu=self._cpu,
            wall=self._wall,
            fallbacks=fallbacks,
        )
        heir.owns_terminal = self.owns_terminal
        for tracker in self.group.trackers:
            heir.add(tracker)
        if kind == "renderer":
            warning = clean_lines(f"progresskit: {FAILED.format(why=why, name=choice.name)}")
            heir.outbox.owe([*self.outbox.lines, warning])
            heir.outbox.frame = self.outbox.frame
            heir._inherited = True
            if self.renderer.in_place and self.terminal.is_tty:
                heir.outbox.handle.write(END)  # a library may have hidden the cursor, and can no longer show it
        return heir
