"""Which displays get a frame now, and when the next one is due.

Knows the trackers that arrive, stay and leave, and the two locks that guard them. Does not know whose thread draws: the
ticker's thread, or the job itself where there is none.
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
        draw: Draws a frame of a display, the last one where its second argument says so, and returns the seconds until the
            next one.

    Attributes:
        lock: Guards `arriving`, `leaving` and which threads there are.
        drawing: Held by whoever draws; guards the displays. Another lock replaces it where its holder hangs.
        gate: Where jobs wait for a frame.
        set: The displays.
        arriving: Trackers without a display so far.
        leaving: Trackers whose last frame is awaited, each with what to ring after it.
        is_refreshing: Whether somebody waits for a frame, be there news or not.
    """

    def __init__(self, draw: Callable[[Display, bool], float]) -> None:
        self._draw = draw
        self.gate = FlushGate()
        self.set = DisplaySet(THREAD_TIME, time.monotonic)
        self.is_refreshing = False
        self.start_over()

    def start_over(self) -> None:
        """Forget all trackers and displays, and whoever holds a lock: a forked child has neither. Needs no lock."""
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
        """Take `drawing`: draw meanwhile, or have nobody draw. Should the thread that draws hang, the lock is another one
        afterwards."""
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
        """Whether rows are in the way, or another process is to be told something. Needs no lock.

        A task that ends before a frame has shown it is no such news: a frame for it would put off the next one, which can
        show something.
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
            polls = polls or display.renderer.may_be_drawn_over
            for tracker in display.group.trackers:
                is_busy = is_busy or tracker.tree.live > 0
        return usual if self.set.displays else 0.1, polls, is_busy

    def draw_due(self, now: float, *, woken: bool = False, contained: type[BaseException] = BaseException) -> float:
        """Draw what is due and return the seconds until something is.

        Args:
            now: Seconds on the monotonic clock.
            woken: Whether somebody has asked for a frame: due is whatever its budget allows.
            contained: Errors that cost a display, not the job.
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
            except BaseException as error:  # whatever it is, it is the display's, not the job's
                warn_once(f"a display failed and is given up: {describe(error)}.")
            self._closing_now = None
            done.ring()

    def adopt(self) -> None:
        """Give each tracker that arrives to the display on its terminal, or to one of its own.

        A tracker stays among the arriving ones until it has its display: a process that ends meanwhile must find it somewhere.
        """
        while self.arriving:
            tracker = self.arriving[0]
            try:
                self.set.add(tracker)
            except Exception as error:  # a stream or a terminal of the user's own: it is not the job's trouble
                warn_once(f"a display failed and is given up: {describe(error)}.")
                tracker.give_up()
            finally:
                with self.lock:
                    if tracker in self.arriving:  # it may have come and gone meanwhile
                        self.arriving.remove(tracker)

    def forget_rows(self, *, slow_ones: bool) -> None:
        """Leave the rows on the screen, because other programs may have drawn over them.

        Args:
            slow_ones: Whether to leave those of the user's own renderers too, which may just have been slow.
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
            let_go = [tracker.let_go() for tracker in self.trackers]  # each is asked
            if not all(let_go):
                return False
        for display in list(self.set.displays):  # without the lock: a renderer may hang
            if any(tracker.entered for tracker in display.group.trackers):
                display.renderer.stop()  # so that nothing of a renderer's is left to be called when the process ends
            else:
                display.tick(last=True)
                display.end()
                self.set.drop(display)
        return True

    def replace(self, display: Display, kind: str) -> None:
        """Have the successor of `display`, which hangs in a call of this `kind`, draw its trackers. The caller holds `lock`."""
        self.set.replace(display, kind)
        self.drawing = native("_thread", "RLock")()
        if self._closing_now is not None:
            self.leaving.insert(0, self._closing_now)
            self._closing_now = None
