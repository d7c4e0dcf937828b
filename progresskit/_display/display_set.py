"""The displays of a ticker, how one is made, and which display draws which tracker.

Knows what a tracker and the environment want, and when two trackers share a display. Does not know threads: the caller holds the
ticker's drawing lock.
"""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING

from .._system.environment import number
from .._system.warnings import describe, warn_once
from .._text.cells import clean_lines
from ..renderers._region import END
from ..renderers.destinations import default_stream, prefer_hub, shared_folder
from .display import Display
from .fallback import FAILED
from .hangs import Retired
from .terminal import ProtocolTerminal, StreamTerminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._tracking.core import TrackerCore


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


def _can_share(display: Display, tracker: TrackerCore, terminal: StreamTerminal) -> bool:
    """Return whether `tracker`, which is on the same terminal, can share `display`.

    It cannot where code has named a renderer for it that appends lines or draws nothing, and `display` has another one.
    """
    choice = prefer_hub(tracker.renderer, redirected=is_redirected(tracker, terminal))
    if not choice.in_code or choice.given or choice.name == display.renderer.choice.name:
        return True
    if choice.in_place:
        return True
    # Two renderers cannot draw around each other's rows.
    return choice.shows_tasks and display.renderer.in_place and terminal.is_tty


class DisplaySet:
    """The displays of a ticker.

    Args:
        cpu: Gives the seconds of processor time that the drawing thread has had.
        wall: Gives the seconds on the wall.

    Attributes:
        displays: All displays, the oldest first.
        dropped: Trackers that nobody holds any more, until their last frame.
    """

    def __init__(self, cpu: Callable[[], float], wall: Callable[[], float]) -> None:
        self.displays: list[Display] = []
        self.dropped: deque[TrackerCore] = deque()
        self._cpu = cpu
        self._wall = wall

    def of(self, tracker: TrackerCore) -> Display | None:
        """Return the display that draws `tracker`; None if none does."""
        return tracker.display if tracker.display in self.displays else None

    def add(self, tracker: TrackerCore) -> None:
        """Add `tracker` to the display on its terminal, or to a new display."""
        if self.of(tracker) is not None:
            return
        terminal = terminal_of(tracker)
        for display in self.displays:
            if display.terminal.key == terminal.key and _can_share(display, tracker, terminal):
                if tracker.terminal is None:
                    terminal.close()
                else:
                    display.owns_terminal = False
                break
        else:
            display = display_of(tracker, terminal, self._cpu, self._wall)
            display.owns_terminal = tracker.terminal is None
            self.displays.append(display)
        display.add(tracker)

    def remove(self, tracker: TrackerCore, draw_last: Callable[[Display], object]) -> None:
        """Draw the last frame of `tracker`, take it off its display, and end the display if it has no other tracker.

        Args:
            tracker: The tracker, which may be on no display.
            draw_last: Draws the last frame of a display.

        Raises:
            BaseException: whatever drawing raises. The tracker is off its display then, but where the display was given up
                because it hangs: its successor has the tracker.
        """
        display = self.of(tracker)
        if display is not None and tracker not in display.group.trackers:
            display.add(tracker)  # the garbage collector had found it, and cleared the reference
        if display is not None and len(display.group.trackers) > 1:
            draw_last(display)
            display.remove(tracker)
        elif display is not None:
            try:
                draw_last(display)
                display.end()
            except Retired:
                raise
            except BaseException:
                self.drop(display)
                raise
            self.drop(display)
        tracker.let_go()

    def drop(self, display: Display) -> None:
        """Let go of `display` and its trackers."""
        self.displays.remove(display)
        for tracker in display.group.trackers:
            display.remove(tracker)
        if display.owns_terminal:
            display.terminal.close()

    def end_dropped(self, draw_last: Callable[[Display], object]) -> None:
        """Draw the last frame of each tracker that was garbage-collected.

        Args:
            draw_last: Draws the last frame of a display.
        """
        while self.dropped:
            tracker = self.dropped[0]
            try:
                tracker.tree.end_all(None)
                if tracker.pending_output:
                    self.add(tracker)
                self.remove(tracker, draw_last)
            finally:
                self.dropped.popleft()  # last: the end of the process finds it until then

    def give_up(self, display: Display, error: BaseException) -> None:
        """Give up `display`, which has failed. Its trackers then print to their streams."""
        self.displays.remove(display)
        warn_once(f"a display failed and is given up: {describe(error)}.")
        for tracker in display.group.trackers:
            tracker.give_up()

    def replace(self, display: Display, kind: str) -> None:
        """Replace `display`, which hangs in a call of this `kind`, by its successor."""
        heir = self._successor(display, kind)
        self.displays = [heir if each is display else each for each in self.displays]

    def _successor(self, display: Display, kind: str) -> Display:
        """Return a display that shows what has not reached the terminal of `display`, which hangs in a call of this `kind`."""
        choice, fallbacks, why = display.renderer.after_hang(kind)
        if kind == "stream":
            display.terminal.dark = True
        heir = Display(
            display.terminal,
            choice,
            interval=display.pace.interval,
            budget=display.pace.budget,
            cpu=self._cpu,
            wall=self._wall,
            fallbacks=fallbacks,
        )
        heir.owns_terminal = display.owns_terminal
        for tracker in display.group.trackers:
            heir.add(tracker)
        if kind == "renderer":
            warning = clean_lines(f"progresskit: {FAILED.format(why=why, name=choice.name)}")
            heir.inherit([*display.outbox.lines, warning], display.outbox.frame)
            if display.renderer.in_place and display.terminal.is_tty:
                heir.outbox.handle.write(END)  # a library may have hidden the cursor, and can no longer show it
        return heir
