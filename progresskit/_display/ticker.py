"""The ticker: draws all trackers of the process about ten times a second.

Knows the calls of trackers and of the process: to be drawn, to wait for a frame, to be drawn for the last time. Does
not know when a frame is due (the scheduler does), nor how the thread sleeps (the drawing thread does).
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from .._system.job import hub_address
from .._system.threads import Bell
from .._tracking.lines import MOST_CAPTURED
from .drawing import DrawingThread
from .hangs import CHECKS, HANG_SECONDS, HangDetector, Retired

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._tracking.core import TrackerCore
    from .display import Display

DETACH_TIMEOUT = 2.0
"""Seconds that `detach` waits for the last frame: a renderer may hang, the job goes on."""
EXIT_MODES_TIMEOUT = 0.5
"""Seconds without a byte accepted after which a terminal that is given up at the end does not even get its modes
restored."""
EXIT_FLUSH_SECONDS = 30.0
"""Seconds that the end of the process waits at most for a terminal that is slow but keeps accepting bytes."""
WRITER_POLL_SECONDS = 0.005
"""Seconds between two checks of a job that has printed more than the terminal has accepted."""


class ThreadTicker:
    """Draws trackers from a thread of its own. All methods may be called from any thread.

    Args:
        patience: Seconds that `detach` waits for a last frame.
        hung: Seconds after which one call of a renderer or a stream counts as hanging.
        begin: Called before the thread starts.

    Attributes:
        thread: The thread that draws.
        scheduler: What it draws, and when.
        inline: Draws where there is no thread.
        silent: Whether nothing is drawn: in a forked child whose parent draws.
        is_closed: Whether the process ends: what comes now is drawn at once.
    """

    def __init__(
        self, patience: float = DETACH_TIMEOUT, hung: float = HANG_SECONDS, begin: Callable[[], object] | None = None
    ) -> None:
        self._patience = patience
        self.thread = DrawingThread(hung, begin)
        self.scheduler = self.thread.scheduler
        self.inline = self.thread.inline
        self.silent = False
        self.is_closed = False
        self._deadline: float | None = None  # for all trackers together, at the end of the process

    @property
    def displays(self) -> list[Display]:
        """The displays, the oldest first."""
        return self.scheduler.set.displays

    # What trackers call

    def attach(self, tracker: TrackerCore) -> bool:
        """Begin to draw `tracker`, and return whether anything of it can be shown."""
        with self.scheduler.lock:
            if self.silent or sys.is_finalizing():  # a finaliser at the very end: there is nothing left to draw with
                return False
            self.scheduler.arriving.append(tracker)
            self.inline.due = 0.0
            is_running = self.thread.is_running
            if not is_running and not self.inline.is_on:
                self.thread.begin()
        if is_running and not self.thread.wakes_soon:
            self.thread.bell.ring()
        return True

    def wake(self) -> None:
        """Draw soon: end a long sleep of the ticker. Where there is no thread, the caller draws what is due."""
        if self.inline.is_on:
            self.inline.poll()
        else:
            self.thread.wake()

    def flush_soon(self, seconds: float | None = None) -> None:
        """Flush pending frames and wait for it, because the process may be killed as soon as the caller continues.

        Also clears rows that the caller's next output would collide with. Usually takes under 1 ms.

        Args:
            seconds: Seconds to wait at the most; None: as long as all waiting stays below `FLUSH_TIME_SHARE` of the time.
        """
        if self.inline.is_on:
            self.inline.poll(at_once=True)
            return
        if not (self.thread.is_running and self.scheduler.has_urgent_news) or self.thread.is_current:
            return
        began = time.monotonic()
        credit = self.scheduler.gate.time
        most = credit.at(began) if seconds is None else seconds
        if most > 0.0:
            self.scheduler.gate.wait(most, self.thread.ring)
            credit.spend_some(time.monotonic() - began)

    def flush_all(self, seconds: float) -> None:
        """Flush pending frames, and also wait for one that is being drawn: the process may be killed as soon as the
        caller continues.

        Args:
            seconds: Seconds that each of these two waits takes at the most.
        """
        self.flush_soon(seconds)
        lock = self.scheduler.drawing
        if self.thread.is_running and not self.thread.is_current and lock.acquire(timeout=seconds):
            lock.release()

    def refresh(self, seconds: float) -> None:
        """Draw a frame of every display now, whatever its budget allows, and wait for it.

        Args:
            seconds: Seconds to wait at the most.
        """
        if self.inline.is_on:
            self.inline.poll(at_once=True)
        elif self.thread.is_running and not self.thread.is_current:
            self.scheduler.is_refreshing = True  # first: the frame that releases this caller is drawn later
            self.scheduler.gate.wait(seconds, self.thread.ring)

    def flush_lines(self) -> None:
        """Draw captured lines before the job continues, because the process may then end at once (`os._exit`, a crash).

        All waiting together takes `FLUSH_TIME_SHARE` of the time at the most.
        """
        if not self.thread.is_running:
            if self.inline.is_on:
                self.inline.poll()
            return
        gate, began = self.scheduler.gate, time.monotonic()
        if began < gate.lines_due or self.thread.is_current:
            return
        most = gate.line_time.at(began)
        if most <= 0.0 or gate.is_interrupted:
            return
        gate.wait(most, self.thread.ring)
        gate.spend_line(began, time.monotonic() - began)

    def wait_for_lines(self, tracker: TrackerCore, *, terminal: bool = True) -> None:
        """Wait until most lines of `tracker` have been drawn.

        Args:
            terminal: Whether to wait for a slow terminal as well, as the job would; otherwise for the drawing thread alone.
        """
        if self.thread.is_current:  # a renderer that prints
            return
        while tracker.lines.characters > MOST_CAPTURED and tracker.attached and not tracker.mute:
            if tracker.lines.behind and not terminal:
                return
            display = tracker.display
            if not (self.thread.is_running or self.inline.is_on) or (display is not None and not display.shows_lines):
                return
            if self.inline.is_on:
                self.inline.poll(at_once=True)
            time.sleep(WRITER_POLL_SECONDS)

    def shown(self) -> list[TrackerCore]:
        """Return the trackers whose rows stand on a terminal."""
        return [tracker for display in self.displays if display.renderer.standing for tracker in display.group.trackers]

    def trackers_in_notebook(self) -> list[TrackerCore]:
        """Return the trackers that are shown in a notebook's cells."""
        with self.scheduler.hold():
            self.scheduler.adopt()
            return [
                each for display in self.displays if display.terminal.in_notebook for each in display.group.trackers
            ]

    def detach(self, tracker: TrackerCore) -> None:
        """Draw `tracker` for the last time, and let go of it.

        The thread draws and the caller waits, for a bounded time, because a hanging renderer or stream must not hang
        the job. If there is no thread (none can be started while the interpreter shuts down), the caller draws.
        """
        scheduler = self.scheduler
        with scheduler.lock:
            is_new = tracker in scheduler.arriving
            if self.silent or sys.is_finalizing() or not (is_new or scheduler.set.of(tracker)):
                tracker.let_go()
                return
            if is_new and tracker.let_go():  # it has come and gone between two frames
                scheduler.arriving.remove(tracker)
                return
            if not self.thread.is_running and not self.inline.is_on:
                self.thread.begin()
            running, done = self.thread.is_running, Bell()
            if running:
                scheduler.leaving.append((tracker, done))
        if running:
            self.thread.bell.ring()
            if not self.thread.is_current:  # a renderer may stop its own tracker: it cannot wait
                self._wait_for_last_frame(done)
                self.thread.join_idle()
            return
        lock = scheduler.drawing
        if lock.acquire(timeout=self._patience):
            try:
                scheduler.adopt()
                scheduler.set.remove(tracker, scheduler.draw_last)
            finally:
                lock.release()

    def drop(self, tracker: TrackerCore) -> None:
        """Draw `tracker`, which was garbage-collected, for the last time. A finaliser calls this: it takes no lock, and
        does not wait."""
        self.scheduler.set.dropped.append(tracker)
        if not self.inline.is_on:
            self.thread.bell.ring()

    def clear_rows(self, tracker: TrackerCore) -> None:
        """Draw the lines of the display of `tracker`, and clear its rows."""
        if self.silent or sys.is_finalizing():
            return
        with self.scheduler.hold():
            self.scheduler.adopt()
            display = self.scheduler.set.of(tracker)
            if display is not None:
                try:
                    display.clear_rows()
                except Retired:
                    pass
                except Exception as error:
                    self.scheduler.set.give_up(display, error)

    def release_screen(self, meanwhile: Callable[[], None]) -> None:
        """Leave the rows on the screen, and call `meanwhile` while no thread draws."""
        with self.scheduler.hold():
            try:
                for display in self.displays:
                    display.renderer.stop()
                    display.flush()
            except Retired:
                pass
            meanwhile()

    def drain(self, tracker: TrackerCore, may_wait: Callable[[], bool]) -> None:
        """Draw what `tracker` has, and wait until its terminal has accepted it, for as long as `may_wait()` is true.

        A terminal holds up programs that write to it, and so must a program that passes on their output, rather than
        lose it.
        """
        while True:
            is_behind = False
            with self.scheduler.hold():
                self.scheduler.adopt()
                display = self.scheduler.set.of(tracker)
                try:
                    if display is not None and display.terminal.foreground:
                        display.tick()
                        display.flush(0.05)
                        is_behind = display.terminal.congested or bool(tracker.lines.items)
                except Retired:
                    is_behind = True
            if not (is_behind and may_wait()):
                return

    def write_lines(self, tracker: TrackerCore) -> None:
        """Write the waiting lines of `tracker` from the caller's thread."""
        with self.scheduler.hold():
            self.scheduler.adopt()
            display = self.scheduler.set.of(tracker)
            if display is not None:
                try:
                    display.write_lines()
                except Retired:
                    pass

    def close(self, *, wait: bool = True) -> None:
        """Draw everything for the last time at the end of the process.

        Args:
            wait: Whether to wait for the threads, too. A worker of multiprocessing ends without regard to them.
        """
        self.is_closed, scheduler = True, self.scheduler
        with scheduler.lock:
            # A worker that lived for one short loop has nothing to draw: the numbers alone are sent.
            trackers = [
                each
                for each in scheduler.arriving
                if each.tree.live or each.pending_output or each.capture.current is not None
            ]
        trackers += scheduler.trackers
        self._deadline = time.monotonic() + self._patience
        lock = scheduler.drawing
        if scheduler.set.dropped and lock.acquire(timeout=self._patience):
            try:
                scheduler.end_dropped()
            finally:
                lock.release()
        for tracker in trackers:
            tracker.stop()
        self._deadline = None
        if wait:
            self.thread.end()
        for display in self.displays:  # its last frame has not come to an end
            if not display.renderer.is_remote:  # a worker's terminal has its parent's rows
                display.terminal.give_up(EXIT_MODES_TIMEOUT)

    def forget(self) -> None:
        """Start over in a forked child: the displays and the thread are the parent's."""
        scheduler = self.scheduler
        self.is_closed = False
        if scheduler.arriving or scheduler.set.displays or self.silent:
            self._forget_trackers([*scheduler.arriving, *scheduler.trackers])
        self.thread.forget()
        scheduler.start_over()

    def _forget_trackers(self, trackers: list[TrackerCore]) -> None:
        # The parent's rows are the parent's to draw; where it has none, or there is a hub, the child has displays of its own.
        self.silent = hub_address() is None and (
            self.silent
            or any(tracker.tree.live for tracker in trackers)
            or any(display.renderer.standing for display in self.displays)
        )
        for tracker in trackers:
            tracker.forget()
            tracker.tree.shows_ends = not self.silent

    # Waiting for the thread

    def _wait_for_last_frame(self, done: Bell) -> None:
        """Wait for `done`, for a bounded time. If something hangs meanwhile, another thread takes over."""
        detector = HangDetector(CHECKS - 3)  # the rest of the time is for the one that goes on
        began = time.monotonic()
        until = began + self._patience if self._deadline is None else self._deadline
        accepted = self._bytes_accepted()
        while True:
            left = until - time.monotonic()
            if done.wait(min(self._patience / CHECKS, left)) or left <= 0:
                return
            hangs = detector.check(self.displays)
            if hangs is not None:
                self.thread.leave_behind(*hangs)
            before, accepted = accepted, self._bytes_accepted()
            # Slow, but alive: it would hold up a job that prints as well. Or another process is in the middle of a frame.
            if accepted != before or any(display.terminal.awaits_turn for display in self.displays):
                until = max(until, min(time.monotonic() + self._patience / 2, began + EXIT_FLUSH_SECONDS))

    def _bytes_accepted(self) -> int:
        return sum(display.terminal.bytes_accepted for display in self.displays)
