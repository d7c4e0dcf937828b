"""A display: the trackers that share a terminal, and the renderer that draws them on it.

Knows how lines and frames of several trackers become one, in which order they go out, and when the next frame may come. Its parts
are in modules of their own: the guarded renderer falls back when one fails, and the outbox keeps what a slow terminal has not
accepted. Does not know threads: its callers take turns.
"""

from __future__ import annotations

from contextlib import nullcontext
from operator import ne
from typing import TYPE_CHECKING
from weakref import ref

from .._model.frames import Frame, what_moves
from .._system.threads import signals_blocked
from .._text.cells import clean_lines, is_plain, plain_line
from ..renderers.base import DEFAULT_BUDGET
from . import questions
from .fallback import GuardedRenderer
from .hangs import Window
from .outbox import EXIT_FLUSH_TIMEOUT, Outbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from .._model.frames import TaskView
    from .._tracking.core import TrackerCore
    from ..renderers.choice import RendererChoice
    from .terminal import StreamTerminal

DISTURBED_SECONDS = 1.0
"""Seconds without rows after another process has written to the terminal: its next words could stand below rows that
can then not be cleared."""
RETRY_SECONDS = 0.02
"""Seconds until the next attempt to send printed lines to a terminal that accepts a few kilobytes at a time."""
IDLE_INTERVAL = 1.0
"""Seconds between two frames while nothing moves: elapsed times still do."""
FRAME_BUDGET_SHARE = 0.95
"""The share of the budget that a frame may use: the rest is for the thread's own steps around it, which its clock does not see."""
MOST_CREDIT_SECONDS, MOST_DEBT_SECONDS = 0.5, 0.5
"""Seconds of the budget that cheap frames can leave to costlier ones, and that a costly frame can leave to those after it."""
EVENED_OUT = 0.25
"""The share of what is left or owed by which the next frame comes sooner or later: frames of unequal cost come evenly."""
LATEST_COSTS = 5
"""Frames whose median cost is the usual one."""
WAKEUP_COST_FACTOR, REMOTE_WAKEUP_COST_FACTOR = 1.25, 3.0
"""How many times its own cost a frame may cost with the thread's way to it; more is somebody else's. Sending a frame to another
process costs no more than waking up for it."""


class TrackerGroup:
    """The trackers of one display, in the order of their arrival. The references are weak: a tracker that nobody else
    holds is freed."""

    def __init__(self) -> None:
        self._trackers: list[ref[TrackerCore]] = []
        self._last: ref[TrackerCore] | None = None  # the tracker whose lines were drained last

    @property
    def trackers(self) -> list[TrackerCore]:
        """The trackers that are still alive."""
        trackers = []
        for each in self._trackers:  # each frame asks, and a comprehension is one more function before Python 3.12
            tracker = each()
            if tracker is not None:
                trackers.append(tracker)
        return trackers

    def add(self, tracker: TrackerCore) -> None:
        """Put `tracker` after the others."""
        self._trackers = [*(each for each in self._trackers if each() not in (None, tracker)), ref(tracker)]

    def remove(self, tracker: TrackerCore) -> None:
        """Take `tracker` out."""
        self._trackers = [each for each in self._trackers if each() not in (None, tracker)]

    @property
    def is_idle(self) -> bool:
        """Whether no task is live and nothing waits to be shown."""
        return not any(tracker.tree.live or tracker.pending_output for tracker in self.trackers)

    @property
    def is_sleeping(self) -> bool:
        """Whether nothing can change until a method is called, because every live task is paused."""
        return all(tracker.tree.all_paused for tracker in self.trackers)

    @property
    def all_ended(self) -> bool:
        """Whether every task has ended."""
        return all(tracker.tree.all_ended for tracker in self.trackers)

    @property
    def is_hidden(self) -> bool:
        """Whether a caller wants the terminal without rows."""
        for each in self._trackers:
            tracker = each()
            if tracker is not None and tracker.hiding:
                return True
        return False

    @property
    def has_news(self) -> bool:
        """Whether a line, or the end of a task that was shown or has failed, waits to be shown."""
        return any(tracker.has_news for tracker in self.trackers)

    @property
    def has_output(self) -> bool:
        """Whether a line or an ended task waits to be shown."""
        return any(tracker.pending_output for tracker in self.trackers)

    @property
    def has_ends(self) -> bool:
        """Whether a task that has ended waits to be shown, alone or among the lines."""
        return any(
            tracker.tree.has_ends or any(not isinstance(item, str) for item in list(tracker.lines.items))
            for tracker in self.trackers
        )

    def last_context(self) -> Context | None:
        """Return the context of the tracker whose lines were drained last, by which a notebook finds the cell of a line; None
        without trackers."""
        trackers = self.trackers
        last = None if self._last is None else self._last()
        if last not in trackers:
            last = trackers[-1] if trackers else None
        return None if last is None else last.lines.context

    def note_behind(self) -> None:
        """Note that the terminal is behind with what the trackers have to show."""
        for tracker in self.trackers:
            tracker.lines.behind = True

    def note_shown(self) -> None:
        """Note that the drained lines are on the terminal."""
        for tracker in self.trackers:
            tracker.capture.note_shown()

    def drain_lines(self, *, colors: bool) -> list[tuple[list[str], list[TaskView]]]:
        """Return the lines to write in blocks, each with the ended tasks that are shown after it.

        Args:
            colors: Whether the terminal shows the lines' own colours.

        Lines and ended tasks of other processes keep their order, so one frame may have several blocks.
        """
        parts: list[tuple[list[str], list[TaskView]]] = [([], [])]
        for tracker in self.trackers:
            queue, capture = tracker.lines, tracker.capture.current
            if queue.before_line is not None and tracker.tree.has_ends:
                queue.before_line()  # a loop over workers' results has ended, after the tasks that it waited for
            held = capture is not None and capture.holds_lines
            if not (queue.items or held or queue.has_dropped or queue.before_drain):  # most frames: no line waits
                queue.behind = False
                continue
            drained = queue.drain()
            if drained:
                self._last = ref(tracker)
            for item in drained:
                lines, ended = parts[-1]
                if not isinstance(item, str):
                    ended.append(item)
                    continue
                if ended and any(view.keep for view in ended):
                    lines = []
                    parts.append((lines, []))
                lines.append(item)
        if len(parts) == 1 and not parts[0][0]:  # most frames
            return parts
        return [(_cleaned(lines, colors=colors), ended) for lines, ended in parts]

    def next_frame(self, rows: int | None) -> Frame:
        """Return one frame of all trackers, in the order in which they came.

        Args:
            rows: How many rows there are; None: as many as are needed.
        """
        trackers = self.trackers
        if len(trackers) == 1:
            return trackers[0].tree.next_frame(rows)
        tasks: list[TaskView] = []
        ended: list[TaskView] = []
        unseen: list[TaskView] = []
        more, used = 0, 0
        for tracker in trackers:
            part = tracker.tree.next_frame(None if rows is None else max(rows - used, 0))
            tasks.extend(view._replace(position=view.position + used) for view in part.tasks)
            ended.extend(part.ended)
            unseen.extend(part.unseen)
            more += part.more
            used = tasks[-1].position + 1 if tasks else 0
        if rows is not None and more and used >= rows:  # a row for the line that says how many are missing
            dropped = sum(view.position >= rows - 1 for view in tasks)
            tasks, more = tasks[: len(tasks) - dropped], more + dropped
        return Frame(trackers[-1].clock() if trackers else 0.0, tuple(tasks), tuple(ended), more, unseen=tuple(unseen))


class Pace:
    """The seconds from one frame to the next, by what frames have cost. Pure: readings of clocks come in, seconds go out.

    A frame's cost is measured on the drawing thread's processor clock and on the wall. The budget fills with the time that passes,
    be a frame on time or late, and each frame takes its cost from it. The next frame comes after what a usual frame costs, a little
    later where the budget is overdrawn and sooner where something is left, and when the frame has taken at most half of the time
    on the wall. A frame with printed lines costs what a usual one does: the job would have written them itself.

    Args:
        interval: Seconds between two frames at the least.
        budget: Share of one core that drawing may cost.

    Attributes:
        delay: Seconds until the next frame.
        least: Seconds until the next frame may come, by interval and budget.
        cost: Seconds of processor time that a usual frame costs, as far as is known.

    Example:
        >>> pace = Pace(0.1, 0.01)
        >>> pace.after_frame(0.0, 0.5, 0.5, now=0.5, moved=True)  # the first frame pays for imports: that is no cost of drawing
        1.0
        >>> round(pace.after_frame(0.5, 0.519, 0.019, now=0.519, moved=True), 2)  # 19 ms within 0.95 of 1 % of a core
        2.0
    """

    def __init__(self, interval: float, budget: float) -> None:
        self.interval = interval
        self.budget = budget
        self.wakeup_factor = WAKEUP_COST_FACTOR
        self.delay = interval
        self.least = 0.0
        self.cost = 0.0
        self._costs: list[float] = []  # of the latest frames
        self._balance = 0.0  # seconds of the budget that are left, or owed
        self._spent = 0.0  # the processor clock's reading after the last frame
        self._seen = 0.0  # the wall's
        self._frames = 0

    def after_frame(
        self,
        began: float,
        ended: float,
        seconds: float,
        *,
        now: float,
        moved: bool,
        lines: bool = False,
        imports: bool = False,
    ) -> float:
        """Return the seconds from the beginning of this frame to the next one.

        Args:
            began: The processor clock's reading when the frame was begun.
            ended: Its reading when the frame was sent.
            seconds: How long that took on the wall.
            now: The wall clock's reading when the frame was sent.
            moved: Whether the frame showed anything new.
            lines: Whether it showed printed lines.
            imports: Whether it has imported what later frames use, as the first one has in any case: that is no cost of drawing.
        """
        self._frames += 1
        cost = ended - began
        if began > self._spent > 0.0:  # waking up for a frame, and checking between two, is drawing as well
            cost = min(ended - self._spent, self.wakeup_factor * cost)
        self._spent = ended
        self.least = self.interval
        if self._frames > 1 and not imports:
            costs = self._costs
            if lines:
                cost = min(cost, self.cost)
            if costs or not lines:
                costs.append(cost)
                del costs[:-LATEST_COSTS]
                self.cost = sorted(costs)[(len(costs) - 1) // 2]
            allowed = FRAME_BUDGET_SHARE * self.budget
            usual, takes = self.cost / allowed, cost / allowed
            left = min(self._balance + now - self._seen, MOST_CREDIT_SECONDS) - takes
            # Frames that could not wait, since a job waited for them, owe no more than the last of them.
            self._balance = max(left, -takes - MOST_DEBT_SECONDS)
            even = usual - EVENED_OUT * (self._balance + usual)
            even = min(even, MOST_CREDIT_SECONDS - self._balance)  # a longer wait gains nothing
            self.least = max(self.interval, even, -self._balance - MOST_DEBT_SECONDS)
        self._seen = now
        if not lines:  # more lines would arrive during the pause, and delay a later frame even longer
            self.least = max(self.least, 2 * seconds)
        self.delay = self.least if moved else max(min(self.delay * 1.5, IDLE_INTERVAL), self.least)
        return self.delay


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
        self.outbox = Outbox(terminal, self.window, self.group.last_context, wall)
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
        self._had_rows = False  # whether a frame has had rows, and has imported what draws them
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

    @property
    def shows_lines(self) -> bool:
        """Whether the display can show a line that is printed now: its stream works, and this process is in the foreground."""
        return not (self.terminal.dark or self._in_background)

    @property
    def is_behind(self) -> bool:
        """Whether the terminal has not yet accepted all that was drawn: other words would come in the middle of it."""
        return self.terminal.congested and not self.terminal.dark

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
        # The last frame of one tracker comes though rows are hidden that may be another one's.
        rows = rows and self._began[1] >= self._rows_from and not (last and self.group.is_hidden)
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
        try:
            self._send_in_turn()
        finally:
            self.renderer.is_drawing = False
        if self._drew_lines:
            self._note_shown()
        if self._budget_varies:
            self.pace.budget = self.renderer.default_budget
        began, began_wall = self._began
        ended, now = self._cpu(), self._wall()
        imports = self.renderer.has_rows and not self._had_rows
        self._had_rows = self._had_rows or imports
        return self.pace.after_frame(
            began, ended, now - began_wall, now=now, moved=self._moved, lines=self._drew_lines, imports=imports
        )

    def _send_in_turn(self) -> None:
        """Send what was composed, below what others have written meanwhile."""
        if self.terminal.others is None:
            self.outbox.send()
            return
        self.terminal.begin_turn()
        try:
            self._avoid_others_words()
            self.outbox.send()
        finally:
            self.terminal.end_turn()

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
        for lines, ended in self.group.drain_lines(colors=self.terminal.colors):
            if lines:
                self.outbox.owe(lines)
                renderer.write(lines)
            if ended:  # by another thread, since that was asked
                frame = self.group.next_frame(None)
                renderer.render(frame._replace(ended=(*ended, *frame.ended)))
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
                self._send_in_turn()
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

    # When another display hangs

    def inherit(self, lines: list[str], frame: Frame | None) -> None:
        """Show first what a display that hangs has not shown: `lines`, and `frame` if it has composed one."""
        self.outbox.owe(lines)
        self.outbox.frame = frame
        self._inherited = True


def _differs(tasks: tuple[TaskView, ...], before: tuple[TaskView, ...]) -> bool:
    """Return whether `tasks` show anything new compared with `before`."""
    return len(tasks) != len(before) or any(map(ne, map(what_moves, tasks), map(what_moves, before)))


def _cleaned(lines: list[str], *, colors: bool) -> list[str]:
    """Return `lines`, each one or more lines, as they may be written."""
    if not lines or is_plain("".join(lines)):  # checked together: most are plain, and a job may print 10,000 a second
        return [line.removesuffix("\n") for line in lines]
    cleaned = map(clean_lines, lines)
    return list(cleaned if colors else map(plain_line, cleaned))
