"""The ticker: one thread for the process that looks at all trackers about ten times a second.

Knows when to look and when to sleep. Must not know what is drawn. The thread is started by the first task and gone after
the last; it is late by nature (the interpreter's lock, a stopped process), and sees to it that a late look does no harm.
"""

from __future__ import annotations

import sys
import time
from _thread import get_ident
from collections import deque
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from .._system.gil import SwitchInterval, Timers
from .._system.suspension import SHORT, SuspensionDetector
from .._system.threads import Bell, QuickThread, block_signals, native, start
from .._system.warnings import warn_once
from .._tracking import counters as counting
from .._tracking import multiprocessing_hook
from .._tracking.task import describe
from .._tracking.tracker import MOST_CAPTURED
from ..renderers.registry import hub_address
from .display import display_of, terminal_of
from .hangs import CHECKS, HANG_SECONDS, HangDetector, Retired
from .pacing import IDLE_INTERVAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Thread

    from .._tracking.tracker import ProgressTracker
    from .display import Display

IDLE_THREAD_SECONDS = 0.5
"""Seconds without a live task after which the thread goes: loops that follow each other share one."""
STOP_POLL_SECONDS = 0.25
"""Seconds between two looks at the clock while rows stand on a terminal: a stop that is shorter than a sleep is not seen."""
DETACH_TIMEOUT = 2.0
"""Seconds that `detach` waits for the last frame: a renderer may hang, the job goes on."""
FIRST_LOOK_SECONDS = 0.05
"""Seconds that a worker's thread waits before it gets ready to draw."""
EXIT_JOIN_TIMEOUT = 0.2
"""Seconds that the end of the process waits for its threads, which have nothing left to do; one that hangs is left behind."""
LAST_WORD = 0.5
"""Seconds without a byte taken after which a terminal that is given up at the end does not even get the modes put back."""
EXIT_FLUSH_LIMIT = 30.0
"""Seconds that the end waits at the most for a terminal that is slow, but goes on taking what it is sent."""
IDLE_JOIN_TIMEOUT = 0.05
"""Seconds that `detach` waits for threads that have nothing left to draw."""
LINE_FLUSHES_AT_ONCE, LINE_FLUSHES_PER_SECOND = 16.0, 50.0
"""Captured lines that are drawn before the job goes on, in a burst and in the long run. The others come with the next frame."""
WRITER_NAP = 0.005
"""Seconds between two looks of a job that has printed more than the terminal has taken."""
FLUSH_TIME_SHARE = 0.01
"""The share of the time for which `flush_soon` may hold up a job."""
FLUSH_CREDIT_SECONDS = 0.25
"""Seconds of it that may be had at once."""


class ThreadTicker:
    """Looks at trackers from a thread of its own. All methods but `run` may be called from any thread."""

    def __init__(
        self, patience: float = DETACH_TIMEOUT, hung: float = HANG_SECONDS, begin: Callable[[], object] | None = None
    ) -> None:
        self._on_begin = begin  # called before the thread starts
        self.lock = native("_thread", "RLock")()  # guards the fields below; a signal handler may take it again
        self._running = False
        self._watched = False
        self._generation = 0  # of the thread that may draw: one that hung and has come back is of an earlier one
        self._closing_now: tuple[ProgressTracker, Bell] | None = None  # whose last frame is being drawn
        self._new: list[ProgressTracker] = []
        self._leaving: list[tuple[ProgressTracker, Bell]] = []
        self._inline = False
        self._polling = False
        self.drawing = native("_thread", "RLock")()  # held by whoever draws; guards the displays
        self.displays: list[Display] = []
        self.silent = False  # in a forked child whose parent draws
        self._patience = patience
        self._deadline: float | None = None  # for all trackers together, at the end of the process
        self._hung = hung
        self._threads: list[Thread | QuickThread] = []
        self._closing = False
        self._watch_bell = Bell()
        self._ident: int | None = None
        self._switch_interval = SwitchInterval()
        self._begun = 0.0  # when the drawing thread was started
        self._suspension: SuspensionDetector | None = None  # the drawing thread's, so that a forked child can close it
        self._bell = Bell()
        self._long_sleep = False
        self._line_flushes = LINE_FLUSHES_AT_ONCE
        self._line_credit = FLUSH_CREDIT_SECONDS  # seconds that jobs may be held up for by lines that they have printed
        self._lines_flushed = 0.0
        self._urgent: deque[Bell] = deque()  # of those who wait until the hub has been told
        self._credit = FLUSH_CREDIT_SECONDS  # seconds that jobs may be held up for
        self._reckoned = time.monotonic()

    # What trackers call

    def attach(self, tracker: ProgressTracker) -> bool:
        """Begin to look at `tracker`, and return whether anything of it can be shown."""
        with self.lock:
            if self.silent or sys.is_finalizing():  # a finaliser at the very end: there is nothing left to draw with
                return False
            self._new.append(tracker)
            if not self._running and not self._inline:
                self._begin()
        self.wake()
        return True

    def wake(self) -> None:
        """Look soon, if the ticker has gone to sleep for long."""
        if self._long_sleep:
            self._long_sleep = False
            self._bell.ring()

    def flush_soon(self, seconds: float | None = None) -> None:
        """Have a hub told what is new, and wait for that: as soon as the job goes on, this process may be ended.

        The same for rows that are in the way of what the job writes as soon as it goes on. It is a matter of less than a
        millisecond as a rule. All waiting together takes `FLUSH_TIME_SHARE` of the time at the most, or, with `seconds`, these.
        """
        if self._inline:
            self._poll(at_once=True)
            return
        if not (self._running and self._has_urgent_news):
            return
        began = time.monotonic()
        self._credit = min(self._credit + FLUSH_TIME_SHARE * (began - self._reckoned), FLUSH_CREDIT_SECONDS)
        self._reckoned = began
        most = self._credit if seconds is None else seconds
        if most <= 0.0 or self._ident == get_ident():
            return
        told = Bell()
        self._urgent.append(told)
        if self._running:  # a thread that rests rings for all who came before it said so
            self._bell.ring()
            told.wait(most)
        self._credit -= time.monotonic() - began

    @property
    def _has_urgent_news(self) -> bool:
        """Whether rows are in the way, or a hub is to be told something. A task that ends before a frame has shown it is no such
        news: a frame for it would put off the next one, which can show something."""
        return any(display.in_the_way or display.has_news for display in self.displays) or any(
            tracker.has_news for tracker in self._new
        )

    def flush_lines(self) -> None:
        """Have captured lines drawn before the job goes on: as soon as it does, the process may be ended (`os._exit`, a crash).

        All waiting together takes `FLUSH_TIME_SHARE` of the time at the most.
        """
        if not self._running:
            if self._inline:
                self._poll()
            return
        began = time.monotonic()
        passed, self._lines_flushed = began - self._lines_flushed, began
        self._line_flushes = min(self._line_flushes + LINE_FLUSHES_PER_SECOND * passed, LINE_FLUSHES_AT_ONCE)
        self._line_credit = min(self._line_credit + FLUSH_TIME_SHARE * passed, FLUSH_CREDIT_SECONDS)
        if self._line_flushes < 1.0 or self._line_credit <= 0.0 or self._ident == get_ident():
            return
        told = Bell()
        self._urgent.append(told)
        if self._running:
            self._bell.ring()
            told.wait(self._line_credit)
        self._line_flushes -= 1.0
        self._line_credit -= time.monotonic() - began

    def wait_for_lines(self, tracker: ProgressTracker) -> None:
        """Wait until the lines of `tracker` have been drawn, as the job would for a terminal that is slow."""
        if self._ident == get_ident():  # a renderer that prints
            return
        while tracker._waiting > MOST_CAPTURED and tracker._attached and not tracker._mute:
            display = tracker._display
            if not (self._running or self._inline) or (display is not None and not display.shows_lines):
                return
            if self._inline:
                self._poll(at_once=True)
            time.sleep(WRITER_NAP)

    def shown(self) -> list[ProgressTracker]:
        """Return the trackers whose rows stand on a terminal."""
        return [tracker for display in self.displays if display.standing for tracker in display.trackers]

    def detach(self, tracker: ProgressTracker) -> None:
        """Have what `tracker` has shown for the last time, and let go of it.

        The thread draws it and the caller waits, for a bounded time: a renderer or a stream that hangs must not hang the
        job. Where there is no thread (it is gone, and cannot be started while the interpreter shuts down) the caller draws.
        """
        with self.lock:
            if (
                self.silent
                or sys.is_finalizing()
                or not (tracker in self._new or any(tracker in shown.trackers for shown in self.displays))
            ):
                tracker.let_go()
                return
            if tracker in self._new and tracker.let_go():  # it has come and gone between two looks
                self._new.remove(tracker)
                return
            if not self._running and not self._inline:
                self._begin()
            running, done = self._running, Bell()
            if running:
                self._leaving.append((tracker, done))
        if running:
            self._bell.ring()
            if self._ident != get_ident():  # a renderer may stop its own tracker: it cannot wait
                self._wait_for_last_frame(done)
                self._join_idle_threads()
            return
        lock = self.drawing
        if lock.acquire(timeout=self._patience):
            try:
                self._adopt()
                self._draw_last_frame(tracker)
            finally:
                lock.release()

    def _wait_for_last_frame(self, done: Bell) -> None:
        """Wait for `done`, for a bounded time; where something hangs meanwhile, have another thread go on."""
        watch = HangDetector(CHECKS - 3)  # the rest of the time is for the one that goes on
        began = time.monotonic()
        until = began + self._patience if self._deadline is None else self._deadline
        taken = self._taken()
        while True:
            left = until - time.monotonic()
            if done.wait(min(self._patience / CHECKS, left)) or left <= 0:
                return
            hangs = watch.check(self.displays)
            if hangs is not None:
                self._go_on(*hangs)
            before, taken = taken, self._taken()
            if taken != before:  # slow, but alive: it would hold up a job that prints as well
                until = max(until, min(time.monotonic() + self._patience / 2, began + EXIT_FLUSH_LIMIT))

    def _join_idle_threads(self) -> None:
        """Let threads end that have nothing left to draw, which they are about to: an interpreter inside another one must
        not be ended before its threads."""
        if not (self.displays or self._new or self._leaving):
            for thread in self._threads:
                thread.join(IDLE_JOIN_TIMEOUT)

    def _taken(self) -> int:
        return sum(display.terminal.taken for display in self.displays)

    def _go_on(self, display: Display, kind: str) -> None:
        """Leave the thread that hangs in `display` to itself, and draw from a new one."""
        with self.lock:
            heir = display.successor(kind)
            self.displays = [heir if shown is display else shown for shown in self.displays]
            for tracker in heir.trackers:
                tracker._display = heir
            self.drawing = native("_thread", "RLock")()
            self._generation += 1
            if self._closing_now is not None:
                self._leaving.insert(0, self._closing_now)
                self._closing_now = None
            self._begin()
        if kind == "stream" and not display.terminal.is_stderr:  # where the warning would hang as well
            warn_once("the stream does not answer; nothing is drawn on it from here on.")

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Draw meanwhile, or have nobody draw. Should the thread that draws hang, the lock is another one afterwards."""
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

    def release_screen(self, meanwhile: Callable[[], None]) -> None:
        """Give up what is on the screen, and do `meanwhile` while nobody draws."""
        with self.hold():
            try:
                for display in self.displays:
                    display.forget_rows()
                    display.flush()
            except Retired:
                pass
            meanwhile()

    def clear_rows(self, tracker: ProgressTracker) -> None:
        """Show the lines of the display that `tracker` is on, and take its rows off the screen."""
        if self.silent or sys.is_finalizing():
            return
        with self.hold():
            self._adopt()
            for display in [display for display in self.displays if tracker in display.trackers]:
                try:
                    display.clear_rows()
                except Retired:
                    pass
                except Exception as error:
                    self._give_up(display, error)

    def _draw(self, display: Display, *, last: bool = False) -> float:
        """Draw a frame of `display`, and return the seconds until the next one. The caller holds `drawing`."""
        if self._ident != get_ident():  # a job's own thread
            return display.tick(last=last)
        if display.takes_frame(last=last):
            display.compose(last=last)
            # A shell may have written below the rows meanwhile. A renderer that may hang may just have been slow.
            if display.may_be_drawn_over and not display.may_hang and self._stopped():
                display.recompose()
            display.send()
        return display.pace.delay

    def _draw_last_frame(self, tracker: ProgressTracker) -> None:
        """Draw the last frame of `tracker`. The caller holds `drawing`."""
        for display in [display for display in self.displays if tracker in display.trackers]:
            if len(display.trackers) > 1:
                self._draw(display, last=True)
                display.trackers.remove(tracker)
                tracker._display = None
            else:
                try:
                    self._draw(display, last=True)
                    display.end()
                except Retired:
                    raise
                except BaseException:
                    self._drop(display)
                    raise
                self._drop(display)
        tracker.let_go()

    def _draw_last_frames(self) -> None:
        """Draw the last frames of those that leave. The caller holds `drawing`."""
        while self._leaving:
            with self.lock:
                self._closing_now = tracker, done = self._leaving.pop(0)
            try:
                self._draw_last_frame(tracker)
            except Retired:  # the successor parts with it
                raise
            except BaseException as error:  # whatever it is, it is the display's, not the job's
                warn_once(f"a display failed and is given up: {describe(error)}.")
            self._closing_now = None
            done.ring()

    def drain(self, tracker: ProgressTracker, goes_on: Callable[[], bool]) -> None:
        """Draw what `tracker` has, and wait until its terminal has taken it, for as long as `goes_on()` says so.

        A terminal holds up whoever writes to it: who passes on the words of others must hold them up, not lose them.
        """
        while True:
            behind = False
            with self.hold():
                self._adopt()
                try:
                    for display in self.displays:
                        if tracker in display.trackers and display.terminal.foreground:
                            display.tick()
                            display.flush(0.05)
                            behind = behind or display.terminal.congested or bool(tracker.prints)
                except Retired:
                    behind = True
            if not (behind and goes_on()):
                return

    def close(self, *, wait: bool = True) -> None:
        """Show everything for the last time: the process ends.

        Args:
            wait: Whether to wait for the threads, too. A worker of multiprocessing ends without regard to them.
        """
        with self.lock:
            trackers = list(self._new)
        trackers += [tracker for display in self.displays for tracker in display.trackers]
        self._deadline = time.monotonic() + self._patience
        for tracker in trackers:
            tracker.stop()
        self._deadline = None
        if wait:
            self._end_threads()
        for display in self.displays:  # its last frame has not come to an end
            display.terminal.give_up(LAST_WORD)

    def _end_threads(self) -> None:
        """Wait for our threads to end: an interpreter inside another one must not end before its threads."""
        self._closing = True
        self._bell.ring()
        until = time.monotonic() + EXIT_JOIN_TIMEOUT
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0.0))
        self._threads.clear()
        self._closing = False

    # The thread

    def _begin(self) -> None:
        if self._on_begin is not None:
            self._on_begin()
        if not multiprocessing_hook.is_worker:
            # The first frame reads the renderer's modules: hundreds of system calls, each a wait for the lock.
            self._switch_interval.begin()
        self._begun = time.monotonic()
        self._running = True  # first: a signal handler may come this way while the thread starts
        try:
            run = partial(self._run, self._generation)
            self._keep(QuickThread(run) if multiprocessing_hook.is_worker else start(run, "progresskit"))
        except RuntimeError:  # no threads here: a limit, a subinterpreter, or the interpreter is shutting down
            self._running = False
            self._switch_interval.end()
            self._draw_from_advance()

    def _keep(self, thread: Thread | QuickThread | None) -> None:
        self._threads = [one for one in self._threads if one.is_alive()]
        if thread is not None:
            self._threads.append(thread)

    def _run(self, generation: int) -> None:
        block_signals()
        if multiprocessing_hook.is_worker:
            if self._bell.wait(FIRST_LOOK_SECONDS):  # many a worker has ended by then
                self._bell.ring()
            self._switch_interval.begin()
        try:
            self._draw_on(generation)
        except Retired:  # another thread draws by now
            pass

    def _draw_on(self, generation: int) -> None:
        self._ident = get_ident()
        suspension = self._suspension = SuspensionDetector(began=self._begun)
        try:
            self._look_and_sleep(generation, suspension)
        finally:
            suspension.close()

    def _look_and_sleep(self, generation: int, suspension: SuspensionDetector) -> None:
        empty_since: float | None = None
        timers = Timers()
        delay = self._first_delay()
        away = False  # whether the process was stopped while it drew
        while True:
            if suspension.woken_in_vain:  # here too: be it before the first frame
                self._choose_haste(delay, suspension, timers)
            self._long_sleep = delay > 2 * self._first_delay()
            delay = self._sleep_slice(delay)
            nudged = self._bell.wait(delay)
            self._long_sleep = False
            stopped = suspension.stopped(delay)
            asked = time.monotonic()
            with self.drawing:
                if time.monotonic() - asked > SHORT:
                    suspension.stopped()  # who waits for another thread that draws is not stopped
                if self._generation != generation:
                    return
                for display in self.displays:
                    slow = display.renderer.choice.given  # a renderer of the user's own may just have been slow
                    if display.over_rows and (stopped or (away and not slow)):
                        display.forget_rows()
                if suspension.woken_in_vain:  # before a frame that might wait for hundreds of turns
                    self._choose_haste(delay, suspension, timers)
                now = time.monotonic()
                delay = self._look(now, nudged=nudged)
                self._draw_last_frames()
                away = suspension.stopped()
                self._choose_haste(self._sleep_slice(delay), suspension, timers, first=False)
                busy = any(tracker.live for display in self.displays for tracker in display.trackers)
                if busy:
                    empty_since = None
                    continue
                empty_since = now if empty_since is None else empty_since
                if (now - empty_since >= IDLE_THREAD_SECONDS or not self.displays or self._closing) and self._rest():
                    return
            delay = min(delay, IDLE_THREAD_SECONDS)

    def _choose_haste(
        self, delay: float, suspension: SuspensionDetector, timers: Timers, *, first: bool = True
    ) -> None:
        """Have the lock as soon as is right for the next `delay`, after the waits since this was asked before."""
        ours = sum(thread.is_alive() for thread in self._threads)
        alone = native("_thread", "_count")() <= ours
        alone = alone and delay <= IDLE_INTERVAL  # it may have others by the end of a long one
        self._switch_interval.choose(time.monotonic(), suspension.waits(), alone=alone, first=first)
        timers.exact(self._switch_interval.is_shortest)

    def _sleep_slice(self, delay: float) -> float:
        """Return how long to sleep in one go of `delay` seconds."""
        return min(delay, STOP_POLL_SECONDS) if any(display.may_be_drawn_over for display in self.displays) else delay

    def _begin_watch(self) -> None:
        self._watched = True
        try:
            self._keep(start(self._watch, "progresskit watch"))
        except RuntimeError:  # no more threads to be had: what hangs is given up by `detach`
            pass

    def _watch(self) -> None:
        """See to it, from another thread, that what hangs is given up."""
        block_signals()
        watch = HangDetector(CHECKS)
        while True:
            self._watch_bell.wait(self._hung / CHECKS)
            with self.lock:
                if not self._running:
                    self._watched = False
                    return
            hangs = watch.check(self.displays)
            if hangs is not None:
                self._go_on(*hangs)

    def _first_delay(self) -> float:
        return min((display.pace.interval for display in self.displays), default=0.1)

    def _look(self, now: float, *, nudged: bool = False) -> float:
        """Draw what is due and return the seconds until something is. A nudge makes due whatever its budget allows."""
        self._adopt()
        if not (self._watched or self._inline) and any(display.may_hang for display in self.displays):
            self._begin_watch()
        soonest = 3600.0
        urgent = [self._urgent.popleft() for _ in range(len(self._urgent))]
        for display in self.displays:
            if nudged:
                display.due = min(display.due, display.drawn + display.pace.least)
            if urgent and (display.has_news or display.in_the_way or any(each.prints for each in display.trackers)):
                display.due = now
            if display.due <= now + 0.001:
                try:
                    display.due = now + self._draw(display)
                    display.drawn = now
                except Retired:
                    raise
                except BaseException as error:  # ours or a clock's: whatever it is, it is the display's, not the job's
                    if self._inline and not isinstance(error, Exception):
                        raise  # drawn from the job's own thread: Ctrl-C is the job's
                    self._give_up(display, error)
                    break
            if display.pace.delay >= 1.0 and display.sleeping:
                continue
            soonest = min(soonest, display.due - now)
        for each in urgent:
            each.ring()
        return max(soonest, 0.001)

    def _adopt(self) -> None:
        """Give each new tracker to the display on its terminal, or to one of its own. The caller holds `drawing`.

        A tracker stays among the new ones until it has its display: a process that ends meanwhile must find it somewhere.
        """
        while self._new:
            tracker = self._new[0]
            try:
                if not any(tracker in display.trackers for display in self.displays):
                    self._give_display(tracker)
            except Exception as error:  # a stream or a terminal of the user's own: it is not the job's trouble
                warn_once(f"a display failed and is given up: {describe(error)}.")
                tracker.give_up()
            finally:
                with self.lock:
                    if tracker in self._new:  # it may have come and gone meanwhile
                        self._new.remove(tracker)

    def _give_display(self, tracker: ProgressTracker) -> None:
        terminal = terminal_of(tracker)
        for display in self.displays:
            if display.terminal.key == terminal.key and display.suits(tracker, terminal):
                if tracker.terminal is None:
                    terminal.close()
                break
        else:
            display = display_of(tracker, terminal, time.thread_time, time.monotonic)
            self.displays.append(display)
        display.trackers.append(tracker)
        tracker._display = display

    def _give_up(self, display: Display, error: BaseException) -> None:
        """Do without `display`, which has failed: what its trackers print goes to their streams."""
        self.displays.remove(display)
        warn_once(f"a display failed and is given up: {describe(error)}.")
        for tracker in display.trackers:
            tracker.give_up()

    def _stopped(self) -> bool:
        """Return whether the process was stopped since the drawing thread, which asks, has begun to draw."""
        return self._suspension is not None and self._suspension.stopped()

    def _rest(self) -> bool:
        """Let go of all trackers, if none has anything to show, end the displays of those that nobody holds open, and return
        whether the thread may end. The caller holds `drawing`."""
        with self.lock:
            if self._new or self._leaving:
                return False
            let_go = [tracker.let_go() for display in self.displays for tracker in display.trackers]  # each is asked
            if not all(let_go):
                return False
        for display in list(self.displays):  # without the lock: a renderer may hang
            if any(tracker.entered for tracker in display.trackers):
                display.forget_rows()  # so that nothing of a renderer's is left to be called when the process ends
            else:
                display.stop()
                self._drop(display)
        with self.lock:
            if self._new or self._leaving:
                return False
            self._running = False
            self._switch_interval.end()
            self._watch_bell.ring()
            while self._urgent:
                self._urgent.popleft().ring()
            return True

    def _drop(self, display: Display) -> None:
        self.displays.remove(display)
        for tracker in display.trackers:
            tracker._display = None
        if all(tracker.terminal is None for tracker in display.trackers):
            display.terminal.close()

    # Without a thread

    def _draw_from_advance(self) -> None:
        """Have `advance` itself draw when a frame is due: the one way that is left."""
        self._inline = True
        counting.draw_from_advance(self._poll)

    def _poll(self, *, at_once: bool = False) -> None:
        """Draw what is due, or, with `at_once`, what is in the way of what the job writes next."""
        lock = self.drawing
        if not sys.is_finalizing() and lock.acquire(blocking=False):
            try:
                if self._polling:  # a renderer that prints
                    return
                self._polling = True
                if at_once:
                    self._urgent.append(Bell())
                self._look(time.monotonic())
            finally:
                self._polling = False
                lock.release()

    # After a fork

    def forget(self) -> None:
        """Start over in a forked child: the displays, the thread and the locks' holders are the parent's."""
        trackers = [*self._new, *(tracker for display in self.displays for tracker in display.trackers)]
        # The parent's rows are the parent's to draw; where it has none, or there is a hub, the child has displays of its own.
        shown = any(tracker.live for tracker in trackers) or any(display.standing for display in self.displays)
        self.silent = (self.silent or shown) and hub_address() is None
        for tracker in trackers:
            tracker.forget()
            tracker._mute = self.silent
        self.lock = native("_thread", "RLock")()
        self.drawing = native("_thread", "RLock")()
        self._bell = Bell()
        self._watch_bell = Bell()
        if self._suspension is not None:
            self._suspension.close()
        self._switch_interval.end()
        self._running = False
        self._watched = False
        self._generation += 1
        self._closing_now = None
        self._threads = []
        self._urgent.clear()
        self._new = []
        self._leaving = []
        self.displays = []
