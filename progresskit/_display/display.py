"""A display: trackers, the renderer that draws them, and the terminal it draws on.

Knows how frames of several trackers become one, in which order lines and frames go out, what drawing has cost, and what to
fall back to when a renderer fails. Must not know threads: whoever calls it sees to it that one does at a time.
"""

from __future__ import annotations

import os
from _contextvars import copy_context
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

from .._model.frames import Frame
from .._system.environment import number, position
from .._system.threads import is_main_thread, signals_blocked
from .._system.warnings import warn_once
from .._text.cells import clean_lines, plain_line
from .._tracking.task import describe
from ..renderers.region import END
from ..renderers.registry import BUILTIN, RendererChoice, default_stream, load, prefer_hub
from .terminal import Handle, ProtocolTerminal, StreamTerminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._model.frames import TaskView
    from .._tracking.tracker import ProgressTracker
    from ..renderers.base import Renderer

IDLE_INTERVAL = 1.0
"""Seconds between two frames while nothing moves: elapsed times still do."""

FRAME_BUDGET_SHARE = 0.9
"""What of the budget a frame may use: the rest is for the thread's own steps around it, which are not on its clock."""
CLIENT_BUDGET = 0.0018
"""The share of a core that sending frames to a hub may cost, unless told otherwise: there may be a hundred such processes."""
WAKEUP_COST_FACTOR, CLIENT_WAKEUP_COST_FACTOR = 1.25, 3.0
"""Times what a frame costs that it may cost with the thread's way to it; more is somebody else's. What a client sends costs no more
than waking up for it."""
EXIT_FLUSH_TIMEOUT = 1.0
"""Seconds without a byte taken after which the end gives up a terminal that is behind, but took something in the last such
time; or one that owes lines which the job has printed: they would have held it up without progress as well."""
GONE = 0.05
"""The same for one that nobody seems to read."""

FAILED = "{why}; {name} is used from here on."


class Retired(BaseException):
    """A display was given up while a call of it hung, and the call has come back: whoever made it has nothing left to do."""


def terminal_of(tracker: ProgressTracker) -> StreamTerminal:
    """Return the terminal that `tracker` wants to be drawn on."""
    if tracker.terminal is not None:
        return tracker.terminal if isinstance(tracker.terminal, StreamTerminal) else ProtocolTerminal(tracker.terminal)
    return StreamTerminal(default_stream() if tracker.stream is None else tracker.stream)


def is_redirected(tracker: ProgressTracker, terminal: StreamTerminal) -> bool:
    """Whether code has sent `tracker` to a stream or terminal that is not the one the processes share."""
    return tracker.terminal is not None or (tracker.stream is not None and not terminal.is_tty)


def display_of(
    tracker: ProgressTracker, terminal: StreamTerminal, cpu: Callable[[], float], wall: Callable[[], float]
) -> Display:
    """Return a display on `terminal` as `tracker` and the environment want it."""
    interval = number(os.environ, "PROGRESSKIT_INTERVAL", 0.1, 3600.0) if tracker.interval is None else tracker.interval
    choice = prefer_hub(tracker.renderer, redirected=is_redirected(tracker, terminal))
    usual = CLIENT_BUDGET if choice.name == "hub" else 0.01
    budget = number(os.environ, "PROGRESSKIT_BUDGET", usual, 1.0) if tracker.budget is None else tracker.budget
    return Display(terminal, choice, interval=interval, budget=budget, cpu=cpu, wall=wall)


def _all_but_one(lines: int) -> int:
    """Return how many rows a renderer may draw on a screen of `lines`, if it does not say so itself."""
    return lines - 1


class Display:
    """What stands on one terminal.

    What is called that is not ours (a renderer, a stream without a descriptor) may hang for ever. Each such call is a window
    of its own: whoever watches may take what is in it, and then the call, should it come back, ends in `Retired`.

    Args:
        terminal: Where to draw.
        choice: Which renderer; `auto` is settled by the terminal.
        interval: Seconds between two frames at the least.
        budget: Share of one core that drawing may cost.
        cpu: Gives the seconds of processor time that this thread has had.
        wall: Gives the seconds on the wall.
    """

    def __init__(
        self,
        terminal: StreamTerminal,
        choice: RendererChoice,
        *,
        interval: float,
        budget: float,
        cpu: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self.terminal = terminal
        self.trackers: list[ProgressTracker] = []
        self.interval = interval
        self.budget = budget
        self.choice = choice.settle(terminal)
        self._cpu = cpu
        self._wall = wall
        self._renderer: Renderer | None = None
        self._fallbacks = [name for name in ("plain", "none") if name != self.choice.name]
        self._cost = 0.0
        self._spent = 0.0  # what the clock of processor time said after the last frame
        self._frames = 0
        self._last: tuple[object, ...] = ()
        self._unshown: list[str] = []  # lines that an in-place renderer was given and has not drawn yet
        self._owed: tuple[list[str], Frame | None] = ([], None)  # of this tick, as long as the terminal has not got it
        self._inherited: tuple[list[str], Frame | None] = ([], None)  # the same of the display before this one
        self._handle = Handle(terminal)
        self.window: list[str] | None = None  # what may hang at this moment: "renderer" or "stream"
        self.stopped: Callable[[], bool] = lambda: False  # whether the process was, since this frame was begun
        self._stuck: float | None = None  # since when the terminal, which is behind, has not taken a byte
        self._took: float | None = None  # when it last took one
        self._owes_words = False  # whether lines that were printed are among what it has not taken
        self._standing = False  # whether the last frame had rows
        self._drawing = False  # whether one is being drawn that may have
        self._in_background = False
        self._drew_lines = False  # whether the last frame had lines above its rows
        self.delay = interval
        self.least = 0.0  # seconds until the next frame may come, by interval and budget
        self.drawn = self.due = 0.0  # when the last frame was and the next one is, on the ticker's clock

    @property
    def idle(self) -> bool:
        """Whether no task is live and nothing waits to be shown."""
        return not any(tracker.live or tracker.pending_output for tracker in self.trackers)

    def suits(self, tracker: ProgressTracker, terminal: StreamTerminal) -> bool:
        """Whether `tracker`, which is on the same terminal, may be drawn here: not where code has named a renderer for it that
        only appends lines, or draws none, and another one draws here."""
        choice = prefer_hub(tracker.renderer, redirected=is_redirected(tracker, terminal))
        if not choice.in_code or choice.given or choice.name == self.choice.name:
            return True
        if choice.name not in ("json", "none", "plain"):
            return True
        return choice.name != "none" and self.over_rows and terminal.is_tty  # two cannot draw around each other's rows

    @property
    def has_news(self) -> bool:
        """Whether a hub is to be told of a line or an ended task."""
        return self.choice.name == "hub" and any(tracker.has_news for tracker in self.trackers)

    @property
    def over_rows(self) -> bool:
        """Whether rows stand there, to be drawn over by the next frame."""
        return self._renderer is not None and self._renderer.in_place

    @property
    def standing(self) -> bool:
        """Whether rows stand on a terminal, and the next frame goes over what is written below them."""
        return self._standing and self.terminal.is_tty

    @property
    def may_be_standing(self) -> bool:
        """Whether rows stand there, or may by the end of the frame that is being drawn: a job whose last task ends in this
        instant must not take the screen to be free."""
        return (self._standing or self._drawing) and self.terminal.is_tty

    @property
    def shows_lines(self) -> bool:
        """Whether a line that is printed now will be shown: the stream has not failed, and the terminal is this process's."""
        return not (self.terminal.dark or self._in_background)

    @property
    def in_the_way(self) -> bool:
        """Whether they are to go at once: every task has ended, or somebody wants the terminal, who writes to it next."""
        trackers = self.trackers
        return self.may_be_standing and (
            all(tracker.left for tracker in trackers) or any(tracker.hiding for tracker in trackers)
        )

    @property
    def may_be_drawn_over(self) -> bool:
        """Whether they stand on a terminal that a shell has while we are stopped."""
        return self.over_rows and self.terminal.is_tty and self.terminal.fd is not None

    @property
    def sleeping(self) -> bool:
        """Whether nothing can change until somebody calls: every live task is paused."""
        return all(task.state == "paused" for tracker in self.trackers for task in tracker.tasks)

    def tick(self, *, last: bool = False) -> float:
        """Draw a frame, if there is something new, and return the seconds until the next one.

        The cost is measured on this thread's processor clock and on the wall. The next frame comes when the first is within
        the budget again, and when the second has been at most half of the time.
        """
        if not last and any(tracker.hiding for tracker in self.trackers):
            if self._standing:
                self.clear_rows()
            return self.delay
        self._in_background = not self.terminal.foreground
        if not last and (self.terminal.congested or self._in_background):
            for tracker in self.trackers:
                tracker.behind = True
            taken = self.terminal.taken
            self.flush()
            if self.terminal.taken != taken or not self.terminal.congested:
                self._stuck = None
            elif self._stuck is None:
                self._stuck = self._wall()
            return self.delay
        if not last:
            self._stuck = None
        began_cpu, began = self._cpu(), self._wall()
        if self.may_hang:  # Ctrl-C must be able to break off what is not ours
            moved = self._draw(last)
        else:
            with signals_blocked():
                moved = self._draw(last)
        self._frames += 1  # the first one pays for imports: that is no cost of drawing
        spent = self._cpu()
        cost = spent - began_cpu
        if began_cpu > self._spent > 0.0:  # what waking up for it takes, and looking between two, is drawing as well
            cost = min(
                spent - self._spent,
                (CLIENT_WAKEUP_COST_FACTOR if self.choice.name == "hub" else WAKEUP_COST_FACTOR) * cost,
            )
        self._spent = spent
        if (
            self._frames > 1 and not self._drew_lines
        ):  # lines are the job's own words, which it would have written itself
            # One slow frame raises the figure at once, a quick one lowers it slowly: the budget holds on the way too.
            self._cost = cost if cost > self._cost else 0.8 * self._cost + 0.2 * cost
        self.least = max(self.interval, self._cost / (FRAME_BUDGET_SHARE * self.budget), 2 * (self._wall() - began))
        if moved:
            self.delay = self.least
        else:
            self.delay = max(min(self.delay * 1.5, IDLE_INTERVAL), self.least)
        return self.delay

    def stop(self) -> None:
        """Show everything for the last time, and end."""
        took = self._took  # before the last frame, whose beginning a buffer may take that nobody reads from
        self.tick(last=True)
        if self._renderer is not None:
            self._guarded(lambda renderer: renderer.stop())
            self._renderer = None
        now = self._wall()
        alive = took is not None and now - took <= EXIT_FLUSH_TIMEOUT
        given_up = self._stuck is not None and now - self._stuck > EXIT_FLUSH_TIMEOUT
        self.flush(EXIT_FLUSH_TIMEOUT if alive or (self._owes_words and not given_up) else GONE)

    def forget_rows(self) -> None:
        """Give up what is on the screen: after a stop or a suspend somebody else may have drawn over it."""
        self._standing = False
        if self._renderer is not None:
            self._guarded(lambda renderer: renderer.stop())
            self._renderer = None
            self.terminal.write(self._handle.take())

    def clear_rows(self) -> None:
        """Show the lines that wait, and take the rows off the screen: somebody wants it for a while."""
        if self._standing or any(tracker.pending_output for tracker in self.trackers):
            with signals_blocked() if not self.may_hang else nullcontext():
                self._draw(last=False, rows=False)
        if self.over_rows:
            self.forget_rows()
            self._last = ()
        self.flush(EXIT_FLUSH_TIMEOUT)

    def flush(self, patience: float = 0.0) -> None:
        """Send what was written; `patience` as the terminal's."""
        self.terminal.write(self._handle.take())
        if self.terminal.fd is None:
            context = self.trackers[-1].context.copy() if self.trackers else copy_context()
            self._risk("stream", lambda: context.run(self.terminal.flush, patience))
            return
        before = self.terminal.taken
        with signals_blocked():
            self.terminal.flush(patience)
        if self.terminal.taken != before:
            self._took = self._wall()
        self._owes_words = self._owes_words and self.terminal.congested

    def _draw(self, last: bool, *, rows: bool = True) -> bool:
        """Draw a frame, and return whether anything has moved. Without `rows` it has none."""
        if self._renderer is None and self.idle and not self._inherited[0]:
            return False
        self._drawing = rows
        try:
            return self._draw_frame(last, rows)
        finally:
            self._drawing = False

    def _draw_frame(self, last: bool, rows: bool) -> bool:
        self._owed = self._inherited
        if self._inherited[0]:
            lines, rest = self._inherited
            self._guarded(lambda renderer: renderer.write("\n".join(lines)))
            if rest is not None:
                self._guarded(lambda renderer: renderer.render(rest))
            self._inherited = ([], None)
        parts = self._take_prints()
        lines = [line for part, _ in parts for line in part]
        self._owed = ([*self._owed[0], *lines], self._owed[1])
        renderer = self._started()
        frame = self._frame(
            getattr(renderer, "room", _all_but_one)(self.terminal.size()[1]) if renderer.in_place else None
        )
        parts[-1][1].extend(frame.ended)
        frame = frame._replace(ended=tuple(view for _, ended in parts for view in ended))
        if not rows and renderer.in_place:
            frame = frame._replace(tasks=(), more=0)
        self._owed = (self._owed[0], frame)
        counts: tuple[object, ...] = tuple(
            (view.id, view.completed, view.total, view.state, view.description, view.fields) for view in frame.tasks
        )
        moved = bool(lines or frame.ended or counts != self._last)
        self._last = counts
        self._drew_lines = bool(lines)
        self._owes_words = self._owes_words or bool(lines)
        if moved or frame.tasks or frame.more or last or not rows:
            for part, ended in parts:
                self._show_part(renderer, part, frame._replace(ended=tuple(ended)))
        self._standing = renderer.in_place and bool(frame.tasks or frame.more)
        if self.may_be_drawn_over and not self.may_hang and self.stopped():
            self._handle.take()  # it would be drawn over the words of a shell
            self.forget_rows()
            lines, frame = self._owed
            self._guarded(lambda renderer: renderer.write("\n".join(lines)) if lines else None)
            self._guarded(lambda renderer: renderer.render(frame))
        self._unshown = []
        self.flush()
        self._owed = ([], None)
        return moved

    def _take_prints(self) -> list[tuple[list[str], list[TaskView]]]:
        """Return the blocks of lines to write, and after each group of them the ended tasks that come before the next line.

        Lines and endings of other processes have an order, and one frame may hold several of both.
        """
        parts: list[tuple[list[str], list[TaskView]]] = [([], [])]
        for tracker in self.trackers:
            for item in tracker.take_prints():
                lines, ended = parts[-1]
                if not isinstance(item, str):
                    ended.append(item)
                    continue
                if any(view.keep for view in ended):
                    lines = []
                    parts.append((lines, []))
                cleaned = clean_lines(item)
                lines.append(cleaned if self.terminal.colors else plain_line(cleaned))
        return parts

    def _show_part(self, renderer: Renderer, lines: list[str], frame: Frame) -> None:
        if lines:
            self._guarded(lambda renderer: renderer.write("\n".join(lines)))
            self._unshown = lines if renderer.in_place else []
        self._guarded(lambda renderer: renderer.render(frame))
        self._unshown = []

    def _frame(self, rows: int | None) -> Frame:
        """Return one frame of all trackers, in the order in which they came."""
        if len(self.trackers) == 1:
            return self.trackers[0].take_frame(rows)
        tasks: list[TaskView] = []
        ended: list[TaskView] = []
        more, used = 0, 0
        for tracker in self.trackers:
            part = tracker.take_frame(None if rows is None else max(rows - used, 0))
            tasks.extend(view._replace(position=view.position + used) for view in part.tasks)
            ended.extend(part.ended)
            more += part.more
            used = tasks[-1].position + 1 if tasks else 0
        if rows is not None and more and used >= rows:  # a row for the line that says how many are missing
            dropped = sum(view.position >= rows - 1 for view in tasks)
            tasks, more = tasks[: len(tasks) - dropped], more + dropped
        return Frame(self.trackers[-1].clock() if self.trackers else 0.0, tuple(tasks), tuple(ended), more)

    # Renderers that fail

    def _started(self) -> Renderer:
        if self._renderer is None:
            self._guarded(lambda renderer: None)
        assert self._renderer is not None  # _guarded ends with a renderer, "none" if need be
        return self._renderer

    def _risk(self, kind: str, call: Callable[[], None]) -> None:
        """Do `call`, which may hang. Raises Retired where the display was given up meanwhile, whatever `call` did."""
        self.window = window = [kind]
        try:
            call()
        finally:
            self.window = None
            try:
                window.pop()
            except IndexError:
                raise Retired from None

    @property
    def may_hang(self) -> bool:
        """Whether something is called that is not ours; our renderers write to a descriptor without ever waiting for it."""
        ours = self.choice.name in BUILTIN and not self.choice.given
        ours = ours and not getattr(self._renderer, "calls_others", False)
        return not ours or (self.terminal.fd is None and not self.terminal.dark)

    def successor(self, kind: str) -> Display:
        """Return the display that takes this one's place, now that a call of the `kind` that its window had hangs.

        What has not reached the terminal is shown by the successor. The renderer's handle leads nowhere from now on.
        """
        self._handle.cut = True
        if kind == "stream":
            self.terminal.dark = True
            name, why = "none", "the stream does not answer"
        else:
            name, why = (
                self._fallbacks[0] if self._fallbacks else "none",
                f"the {self.choice.name} renderer does not answer",
            )
        choice = RendererChoice(name, load(BUILTIN[name]), why)
        heir = Display(
            self.terminal, choice, interval=self.interval, budget=self.budget, cpu=self._cpu, wall=self._wall
        )
        heir.trackers, heir.stopped = list(self.trackers), self.stopped
        heir._fallbacks = self._fallbacks[1:]
        if kind == "renderer":
            lines, frame = self._owed
            heir._inherited = ([*lines, clean_lines(f"progresskit: {FAILED.format(why=why, name=name)}")], frame)
            if self._renderer is not None and self._renderer.in_place and self.terminal.is_tty:
                self.terminal.write(END)  # a library may have hidden the cursor, and can no longer show it
        return heir

    def _guarded(self, call: Callable[[Renderer], None]) -> None:
        """Do `call`; where the renderer fails, say so once, fall back, and do it with the next one."""
        while True:
            name = self.choice.name
            try:
                if self._renderer is None and not self._make():
                    continue
                renderer = self._renderer
                assert renderer is not None  # made above
                self._risk("renderer", partial(call, renderer))
                return
            except Retired:
                raise
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt) and is_main_thread():
                    raise  # drawn from the job's own thread: Ctrl-C is the job's
                failed, self._renderer = self._renderer, None
                if not self._fallbacks:
                    self.terminal.dark = True  # even `none` failed: there is nothing left to draw with
                    self._renderer = failed
                    return
                self._fall_back(name, failed, error)

    def _make(self) -> bool:
        """Make and start the renderer that was chosen; return False where it does not suit the stream and another is chosen."""
        make = self.choice.make
        assert make is not None  # settled in __init__
        made: list[Renderer] = []
        self._risk("renderer", lambda: made.append(make()))
        if made[0].in_place and not self.choice.given and not self.terminal.is_tty:
            self._fallbacks = ["none"]  # a file is no place to draw over rows: lines say the same there
            self.choice = RendererChoice("plain", load(BUILTIN["plain"]), "the stream is no terminal")
            return False
        self._renderer = made[0]
        self._put_in_place(made[0])
        self._risk("renderer", lambda: made[0].start(self._handle))
        return True

    def _put_in_place(self, renderer: Renderer) -> None:
        """Give `renderer` the rows that `PROGRESSKIT_POSITION` names, which is not for hubs, files and tests' terminals."""
        place = position(os.environ) if self.terminal.is_tty and self.choice.name not in ("hub", "none") else None
        if place is None:
            return
        take = getattr(renderer, "place", None)
        if take is not None:
            self._risk("renderer", lambda: take(*place))
        else:
            warn_once(f"PROGRESSKIT_POSITION is set, but the {self.choice.name} renderer has no rows to be placed.")

    def _fall_back(self, name: str, failed: Renderer | None, error: BaseException) -> None:
        if failed is not None:
            try:
                self._risk("renderer", failed.stop)
            except Retired:
                raise
            except BaseException:  # it failed before; what it leaves behind is all that can be had
                pass
        fallback = self._fallbacks.pop(0)
        self.choice = RendererChoice(fallback, load(BUILTIN[fallback]), f"{name} failed")
        self._renderer = renderer = load(BUILTIN[fallback])()
        renderer.start(self._handle)
        warning = FAILED.format(why=f"the {name} renderer failed ({describe(error)})", name=fallback)
        renderer.write("\n".join([*self._unshown, clean_lines(f"progresskit: {warning}")]))
        self._unshown = []
