"""The ticker: one thread for the process that looks at all trackers about ten times a second.

Knows when to look and when to sleep. Must not know what is drawn. The thread is started by the first task and gone after
the last; it is late by nature (the interpreter's lock, a stopped process), and sees to it that a late look does no harm.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from . import counting
from .display import display_of, terminal_of
from .registry import hub_address
from .report import warn_once
from .task import describe

if TYPE_CHECKING:
    from .display import Display
    from .tracker import ProgressTracker

LINGER = 0.5
"""Seconds without a live task after which the thread goes: loops that follow each other share one."""
LATE = 1.0
"""Seconds by which a look may be late before the terminal may have been somebody else's meanwhile."""
PATIENCE = 2.0
"""Seconds that `detach` waits for a frame that is stuck in a terminal that does not read."""


class ThreadTicker:
    """Looks at trackers from a thread of its own. All methods but `run` may be called from any thread."""

    def __init__(self) -> None:
        self.lock = threading.Lock()  # guards the three fields below; held for an instant
        self._thread: threading.Thread | None = None
        self._new: list[ProgressTracker] = []
        self._inline = False
        self.drawing = threading.RLock()  # held by whoever draws; guards the displays
        self.displays: list[Display] = []
        self.silent = False  # in a forked child whose parent draws
        self._wake = threading.Event()
        self._drowsy = False

    # What trackers call

    def attach(self, tracker: ProgressTracker) -> None:
        """Begin to look at `tracker`."""
        with self.lock:
            if self.silent:
                return
            self._new.append(tracker)
            if self._thread is None and not self._inline:
                self._begin()
        self.nudge()

    def nudge(self) -> None:
        """Look soon, if the ticker has gone to sleep for long."""
        if self._drowsy:
            self._drowsy = False
            self._wake.set()

    def detach(self, tracker: ProgressTracker) -> None:
        """Show what `tracker` has for the last time, here and now, and let go of it.

        Drawn by the caller: the thread may be gone, and cannot be started again while the interpreter shuts down. The
        lock keeps it one at a time.
        """
        if not self.drawing.acquire(timeout=PATIENCE):
            return
        try:
            self._adopt()
            for display in [display for display in self.displays if tracker in display.trackers]:
                if len(display.trackers) > 1:
                    display.tick(last=True)
                    display.trackers.remove(tracker)
                else:
                    display.stop()
                    self._drop(display)
            tracker.let_go()
        finally:
            self.drawing.release()
        self._drowsy = False
        self._wake.set()

    def draw(self, tracker: ProgressTracker) -> None:
        """Draw what `tracker` has, here and now, whatever the budget says."""
        with self.drawing:
            self._adopt()
            for display in self.displays:
                if tracker in display.trackers:
                    display.tick()

    def close(self) -> None:
        """Show everything for the last time: the process ends."""
        with self.lock:
            trackers = list(self._new)
        trackers += [tracker for display in self.displays for tracker in display.trackers]
        for tracker in trackers:
            tracker.stop()

    # The thread

    def _begin(self) -> None:
        thread = threading.Thread(target=self._run, name="progresskit", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no threads here: a limit, a subinterpreter, or the interpreter is shutting down
            self._draw_from_advance()
        else:
            self._thread = thread

    def _run(self) -> None:
        empty_since: float | None = None
        delay = self._first_delay()
        while True:
            self._drowsy = delay > 2 * self._first_delay()
            due = time.monotonic() + delay
            cpu = time.process_time()
            nudged = self._wake.wait(delay)
            if nudged:
                self._wake.clear()
            self._drowsy = False
            now = time.monotonic()
            # Late with an idle processor: the process was stopped or the machine asleep. Late with a busy one: some C
            # code kept the interpreter to itself, and the screen is still ours.
            stopped = now - due > LATE and time.process_time() - cpu < 0.5 * (now - due)
            with self.drawing:
                if stopped:
                    for display in self.displays:
                        display.abandon()
                delay = self._look(now, nudged=nudged)
                busy = any(tracker.live for display in self.displays for tracker in display.trackers)
            if busy:
                empty_since = None
                continue
            empty_since = now if empty_since is None else empty_since
            if now - empty_since >= LINGER or not self.displays:
                with self.drawing, self.lock:
                    if not self._new and self._rest():
                        self._thread = None
                        return
            delay = min(delay, LINGER)

    def _first_delay(self) -> float:
        return min((display.interval for display in self.displays), default=0.1)

    def _look(self, now: float, *, nudged: bool = False) -> float:
        """Draw what is due and return the seconds until something is. A nudge makes due whatever its budget allows."""
        self._adopt()
        soonest = 3600.0
        for display in self.displays:
            if nudged:
                display.due = min(display.due, display.drawn + display.least)
            if display.due <= now + 0.001:
                try:
                    display.due = now + display.tick()
                    display.drawn = now
                except Exception as error:  # ours or a clock's: whatever it is, it is the display's, not the job's
                    self.displays.remove(display)
                    warn_once(f"a display failed and is given up: {describe(error)}.")
                    break
            if display.delay >= 1.0 and display.sleeping:
                continue
            soonest = min(soonest, display.due - now)
        return max(soonest, 0.001)

    def _adopt(self) -> None:
        """Give each new tracker to the display on its terminal, or to one of its own. The caller holds `drawing`."""
        with self.lock:
            trackers, self._new = self._new, []
        for tracker in trackers:
            if any(tracker in display.trackers for display in self.displays):
                continue
            terminal = terminal_of(tracker)
            for display in self.displays:
                if display.terminal.key == terminal.key:
                    if tracker.terminal is None:
                        terminal.close()
                    break
            else:
                display = display_of(tracker, terminal, time.thread_time, time.monotonic)
                self.displays.append(display)
            display.trackers.append(tracker)

    def _rest(self) -> bool:
        """Let go of all trackers, if none has anything to show; end the displays of those that nobody holds open."""
        let_go = [tracker.let_go() for display in self.displays for tracker in display.trackers]  # each is asked
        if not all(let_go):
            return False
        for display in list(self.displays):
            if not any(tracker.entered for tracker in display.trackers):
                display.stop()
                self._drop(display)
        return True

    def _drop(self, display: Display) -> None:
        self.displays.remove(display)
        if all(tracker.terminal is None for tracker in display.trackers):
            display.terminal.close()

    # Without a thread

    def _draw_from_advance(self) -> None:
        """Have `advance` itself draw when a frame is due: the one way that is left."""
        self._inline = True
        counting.draw_from_advance(self._poll)

    def _poll(self) -> None:
        if self.drawing.acquire(blocking=False):
            try:
                self._look(time.monotonic())
            finally:
                self.drawing.release()

    # After a fork

    def forget(self) -> None:
        """Start over in a forked child: the displays, the thread and the locks' holders are the parent's."""
        trackers = [*self._new, *(tracker for display in self.displays for tracker in display.trackers)]
        self.silent = self.silent or bool(trackers)
        if self.silent and hub_address() is not None:  # the child is a client of its own, whose tasks are new ones
            self.silent = False
            for tracker in trackers:
                tracker.forget()
        self.lock = threading.Lock()
        self.drawing = threading.RLock()
        self._wake = threading.Event()
        self._thread = None
        self._new = []
        self.displays = []
