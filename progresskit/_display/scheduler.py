"""The scheduler: which displays get a frame now, and when the next one is due.

Knows the trackers that arrive, stay and leave, and the two locks that guard them. Does not know which thread draws: the
drawing thread, or the job's own where there is none.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .._system.platform import THREAD_TIME
from .._system.threads import native
from .._system.warnings import describe, warn_once
from .display_set import DisplaySet
from .flushing import FlushGate
from .hangs import Retired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .._system.threads import Bell
    from .._tracking.core import TrackerCore
    from .display import Display

LONGEST_DELAY = 3600.0
"""Seconds until the next frame where nothing is due."""


class FrameScheduler:
    """Draws the displays that are due. Unless said otherwise, the caller of a method holds `drawing`.

    Args:
        draw: Draws a frame of a display and returns the seconds until the next one. Its second argument says whether
            the frame is the last one.

    Attributes:
        lock: Guards `arriving`, `leaving` and which threads there are.
        drawing: Guards the displays. A thread holds it while it draws; if that thread hangs, another lock takes its
            place.
        gate: Where jobs wait for a frame.
        set: The displays.
        arriving: Trackers without a display so far.
        leaving: Trackers that wait for their last frame, each with the bell to ring after it.
        is_refreshing: Whether a caller waits for a frame, even if nothing is new.
    """

    def __init__(self, draw: Callable[[Display, bool], float]) -> None:
        self._draw = draw
        self.gate = FlushGate()
        self.set = DisplaySet(THREAD_TIME, time.monotonic)
        self.is_refreshing = False
        self.start_over()

    def start_over(self) -> None:
        """Forget all trackers and displays, and make new locks, in a forked child. Needs no lock."""
        self.lock = native("_thread", "RLock")()  # a signal handler may take it again
        self.drawing = native("_thread", "RLock")()
        self.gate.waiting.clear()
        self.arriving: list[TrackerCore] = []
        self.leaving: list[tuple[TrackerCore, Bell]] = []
        self._closing_now: tuple[TrackerCore, Bell] | None = None  # whose last frame is being drawn
        self.set.displays = []
        self.set.dropped.clear()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold `drawing`, so that no other thread draws meanwhile. If the thread that draws hangs, `drawing` is
        replaced; this waits for the new one."""
        while True:
            lock = self.drawing
            if lock.acquire(timeout=0.2):
                if lock is self.drawing:
                    break
                lock.release()
        try:
            yield
        finally:
            lock.release()

    @property
    def trackers(self) -> list[TrackerCore]:
        """The trackers that have a display. Needs no lock."""
        return [tracker for display in self.set.displays for tracker in display.group.trackers]

    @property
    def has_urgent_news(self) -> bool:
        """Whether a caller must wait for a frame: rows are in the way of its output, or another process needs the news.
        Needs no lock.

        The end of a task that no frame has shown is no such news: a frame for it would only delay the next one.
        """
        return any(display.is_urgent for display in self.set.displays) or any(
            tracker.has_news for tracker in self.arriving
        )

    def survey(self) -> tuple[float, bool, bool]:
        """Return the seconds after which a frame may come at the soonest, whether rows stand that a shell may draw over, and
        whether a task is live."""
        usual, polls, is_busy = LONGEST_DELAY, False, False
        for display in self.set.displays:
            usual = min(usual, max(display.pace.interval, display.pace.least))
            polls = polls or (display.renderer.in_place and display.renderer.may_be_drawn_over)
            for tracker in display.group.trackers:
                is_busy = is_busy or tracker.tree.live > 0
        return usual if self.set.displays else 0.1, polls, is_busy

    def draw_due(self, now: float, *, woken: bool = False, contained: type[BaseException] = BaseException) -> float:
        """Draw what is due and return the seconds until something is.

        Args:
            now: Seconds on the monotonic clock.
            woken: Whether a caller asked for a frame. Each display whose budget allows a frame is then due.
            contained: Errors for which the display is given up; others go to the caller.
        """
        if self.arriving:
            self.adopt()
        if self.set.dropped:
            self.end_dropped()
        soonest = LONGEST_DELAY
        urgent = self.gate.drain() if self.gate.waiting else None
        refreshing, self.is_refreshing = self.is_refreshing, False
        for display in self.set.displays:
            if woken:
                display.due = min(display.due, display.drawn + display.pace.least)
            if refreshing or (
                urgent and (display.is_urgent or any(each.lines.items for each in display.group.trackers))
            ):
                display.due = now
            if display.due <= now + 0.001:
                try:
                    display.due = now + self._draw(display, False)
                    display.drawn = now
                except Retired:
                    raise
                except contained as error:
                    self.set.give_up(display, error)
                    break
            if display.pace.delay >= 1.0 and display.group.is_sleeping:
                continue
            soonest = min(soonest, display.due - now)
        for each in urgent or ():
            each.ring()
        return max(soonest, 0.001)

    def draw_last(self, display: Display) -> None:
        """Draw the last frame of `display`."""
        self._draw(display, True)

    def end_dropped(self) -> None:
        """Draw the last frames of trackers that were garbage-collected."""
        try:
            self.set.end_dropped(self.draw_last)
        except Retired:
            raise
        except Exception as error:
            warn_once(f"a display failed and is given up: {describe(error)}.")

    def draw_last_frames(self) -> None:
        """Draw the last frames of the trackers that leave."""
        while self.leaving:
            with self.lock:
                self._closing_now = tracker, done = self.leaving.pop(0)
            try:
                self.set.remove(tracker, self.draw_last)
            except Retired:  # the successor draws it
                raise
            except BaseException as error:  # an error of the display must not reach the job
                warn_once(f"a display failed and is given up: {describe(error)}.")
            self._closing_now = None
            done.ring()

    def adopt(self) -> None:
        """Add each arriving tracker to the display on its terminal, or to a new display.

        A tracker stays in `arriving` until it has its display, so that a process that ends meanwhile finds it.
        """
        while self.arriving:
            tracker = self.arriving[0]
            try:
                self.set.add(tracker)
            except Exception as error:  # of the user's own stream or terminal: it must not reach the job
                warn_once(f"a display failed and is given up: {describe(error)}.")
                tracker.give_up()
            finally:
                with self.lock:
                    if tracker in self.arriving:  # it may have left meanwhile
                        self.arriving.remove(tracker)

    def forget_rows(self, *, slow_ones: bool) -> None:
        """Leave the rows on the screen, because other programs may have drawn over them.

        Args:
            slow_ones: Whether to include the user's own renderers, where a delay may mean a slow renderer instead of a
                stop.
        """
        for display in self.set.displays:
            if display.renderer.in_place and (slow_ones or not display.renderer.choice.given):
                display.renderer.stop()

    def release_idle(self) -> bool:
        """Let go of all trackers if none has anything to show, end the displays of those that nobody holds open, and return
        whether nothing is left to draw."""
        with self.lock:
            if self.arriving or self.leaving or self.set.dropped:
                return False
            let_go = [tracker.let_go() for tracker in self.trackers]  # a list, so that each is asked
            if not all(let_go):
                return False
        for display in list(self.set.displays):  # without the lock: a renderer may hang
            if any(tracker.entered for tracker in display.group.trackers):
                display.renderer.stop()  # so that nothing of the renderer runs when the process ends
            else:
                display.tick(last=True)
                display.end()
                self.set.drop(display)
        return True

    def replace(self, display: Display, kind: str) -> None:
        """Replace `display`, which hangs in a call of this `kind`, by its successor. The caller holds `lock`."""
        self.set.replace(display, kind)
        self.drawing = native("_thread", "RLock")()
        if self._closing_now is not None:
            self.leaving.insert(0, self._closing_now)
            self._closing_now = None
