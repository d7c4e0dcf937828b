"""When displays are drawn, and in which thread.

The scheduler knows which displays are due, the trackers that arrive, stay and leave, and the two locks that guard them. The drawing
thread sleeps until something is due and draws it. It may wake late (another thread holds the interpreter's lock, or the process was
stopped), and makes sure that a late frame does no harm; a second thread, the watchdog, finds displays that hang. Where no thread can be
started (a limit, WebAssembly, an interpreter that shuts down), `advance` draws. None of them knows what a frame is.
"""

from __future__ import annotations

import sys
import time
from _thread import get_ident
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from .._system.lateness import STOP_SECONDS, LockBoost, SwitchInterval
from .._system.platform import THREAD_TIME
from .._system.threads import Bell, QuickThread, block_signals, native, start
from .._system.warnings import describe, warn_once
from .._tracking import counters, multiprocessing_hook
from .display_set import DisplaySet
from .flushing import FlushGate
from .hangs import CHECKS, HangDetector, Retired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Thread

    from .._tracking.core import TrackerCore
    from .display import Display

LONGEST_DELAY = 3600.0
"""Seconds until the next frame where nothing is due."""
IDLE_THREAD_SECONDS = 0.5
"""Seconds without a live task after which the thread ends. Loops that follow each other more quickly share one
thread."""
STOP_POLL_SECONDS = 0.25
"""Seconds between two readings of the clock while rows are on a terminal. The thread cannot notice a stop of the
process that is shorter than its own sleep."""
FIRST_FRAME_SECONDS = 0.1
"""Seconds that a thread without a display sleeps: many loops end before their first frame."""
FIRST_FRAME_DELAY = 0.05
"""Seconds that a worker's thread waits before it gets ready to draw."""
EXIT_JOIN_TIMEOUT = 0.2
"""Seconds for which the end of the process waits for these threads. A thread that hangs is left running."""
IDLE_JOIN_TIMEOUT = 0.05
"""Seconds that `join_idle` waits for threads that have nothing left to draw."""


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
        self.gate.threads.clear()
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
        return usual if self.set.displays else FIRST_FRAME_SECONDS, polls, is_busy

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
            if any(display.is_behind for display in self.set.displays):  # the job's words wait for the rest of it
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


class InlineDrawing:
    """Lets `advance` draw in the job's own thread when a frame is due.

    Attributes:
        is_on: Whether it does.
        due: When something is due, in seconds on the monotonic clock.
    """

    def __init__(self, scheduler: FrameScheduler) -> None:
        self._scheduler = scheduler
        self.is_on = False
        self.due = 0.0
        self._drawing = False

    def start(self) -> None:
        """Draw from `advance` from here on."""
        self.is_on = True
        counters.draw_from_advance(self.poll)

    def poll(self, *, at_once: bool = False) -> None:
        """Draw what is due or, with `at_once`, what would be in the way of the job's next output."""
        now = time.monotonic()
        if now < self.due and not at_once:  # nearly always: every `advance` comes this way
            return
        scheduler = self._scheduler
        lock = scheduler.drawing
        if self._drawing or sys.is_finalizing():  # a renderer that prints
            return
        if lock.acquire(blocking=False):
            self._drawing = True
            try:
                if at_once:
                    scheduler.gate.waiting.append(Bell())
                self.due = now + scheduler.draw_due(now, contained=Exception)  # Ctrl-C is the job's
            finally:
                self._drawing = False
                lock.release()


class DrawingThread:
    """Draws what the scheduler finds due, in a thread that starts with the first tracker and ends after the last.

    Args:
        hung: Seconds after which one call of a renderer or a stream counts as hanging.
        on_begin: Called before a thread starts.

    Attributes:
        scheduler: What is drawn, and when.
        inline: Draws where no thread can be started.
        is_running: Whether there is a thread, or one that is about to run.
        has_watchdog: Whether the watchdog thread runs.
        bell: Wakes the thread.
        sleeps_long: Whether the thread sleeps for more than two frames.
        wakes_soon: Whether the thread sleeps, or is about to, for no longer than it does before its first frame.
        threads: All threads that were started, those that hang among them.
    """

    def __init__(self, hung: float, on_begin: Callable[[], object] | None) -> None:
        self._hung = hung
        self._on_begin = on_begin
        self.scheduler = FrameScheduler(self.draw)
        self.inline = InlineDrawing(self.scheduler)
        self.sleeps_long = False
        self._was_asked = False  # whether `wake` was called since the last frame
        self._ident: int | None = None
        self._generation = 0  # of the thread that may draw; a thread that hung has an earlier one
        self._begun = 0.0  # when the drawing thread was started
        self._closing = False  # whether the process ends
        self.switch_interval = SwitchInterval()
        self.boost: LockBoost | None = None  # the drawing thread's, so that a forked child can close it
        self._reset()

    def _reset(self) -> None:
        self.is_running = self.wakes_soon = False
        self.has_watchdog = False
        self.bell = Bell()
        self._watchdog_bell = Bell()
        self.threads: list[Thread | QuickThread] = []
        self._alive = 0  # how many of them have not ended

    @property
    def is_current(self) -> bool:
        """Whether the caller is this thread."""
        return self._ident == get_ident()

    def wake(self) -> None:
        """End a long sleep of the thread, so that it draws soon."""
        self._was_asked = True  # first: a thread that is about to sleep reads it after it has set `sleeps_long`
        if self.sleeps_long:
            self.sleeps_long = False
            self.bell.ring()

    def ring(self) -> bool:
        """Wake the thread for callers that wait for a frame, and return whether it runs."""
        if self.is_running:
            self.bell.ring()
        return self.is_running

    # Start and end

    def begin(self) -> None:
        """Start the thread, or draw inline where none can be started. The caller holds the scheduler's `lock`."""
        if self._on_begin is not None:
            self._on_begin()
        if not multiprocessing_hook.is_worker:
            self.switch_interval.begin()  # until the thread runs
        self._begun = time.monotonic()
        self.wakes_soon = not self.scheduler.set.displays
        self.is_running = True  # first: a signal handler may call this while the thread starts
        try:
            run = partial(self._run, self._generation)
            self._keep(QuickThread(run) if multiprocessing_hook.is_worker else start(run, "progresskit"))
        except RuntimeError:  # no threads here: a limit, a subinterpreter, or the interpreter is shutting down
            self.is_running = False
            self.switch_interval.end()
            self.inline.start()
        except BaseException:  # Ctrl-C: the thread may or may not run, so the next caller starts another
            self._generation += 1
            self.is_running = False
            raise

    def _keep(self, thread: Thread | QuickThread | None) -> None:
        self.threads = [one for one in self.threads if one.is_alive()]
        if thread is not None:
            self.threads.append(thread)

    def join_idle(self) -> None:
        """Wait briefly for threads that have nothing left to draw: a subinterpreter must not end before its threads."""
        if not (self.scheduler.set.displays or self.scheduler.arriving or self.scheduler.leaving):
            for thread in self.threads:
                thread.join(IDLE_JOIN_TIMEOUT)

    def end(self) -> None:
        """Wait for the threads to end: a subinterpreter must not end before its threads."""
        self._closing = True
        self.bell.ring()
        until = time.monotonic() + EXIT_JOIN_TIMEOUT
        for thread in self.threads:
            thread.join(max(until - time.monotonic(), 0.0))
        self.threads.clear()
        self._closing = False

    def forget(self) -> None:
        """Start over in a forked child, which has none of the parent's threads."""
        if self.boost is not None:
            self.boost.close()
        self.switch_interval.end()
        self._generation += 1
        self._reset()

    def rest(self) -> bool:
        """End the displays that are idle, and return whether the thread can end. The caller holds `drawing`."""
        scheduler = self.scheduler
        if not scheduler.release_idle():
            return False
        with scheduler.lock:
            if scheduler.arriving or scheduler.leaving:
                return False
            self.is_running = False
            self.switch_interval.end()
            self._watchdog_bell.ring()
            scheduler.gate.open()
            return True

    # What the thread does

    def _run(self, generation: int) -> None:
        block_signals()
        with self.scheduler.lock:
            if self._generation != generation:  # Ctrl-C broke off its start
                return
            self._alive += 1
            self._ident = get_ident()
        if multiprocessing_hook.is_worker:
            if self.bell.wait(FIRST_FRAME_DELAY):  # many workers have ended by then
                self.bell.ring()
            self.switch_interval.begin()
        boost = self.boost = LockBoost(self.switch_interval, self._begun)
        try:
            self._loop(generation, boost)
        except Retired:  # another thread has taken over
            pass
        finally:
            boost.close()
            with self.scheduler.lock:
                self._alive -= 1
                if self.is_current:  # the system may give this number to another thread
                    self._ident = None

    def _loop(self, generation: int, boost: LockBoost) -> None:
        """Sleep and draw, until nothing is left to draw."""
        scheduler, suspension = self.scheduler, boost.suspension
        empty_since: float | None = None
        usual, polls, _ = scheduler.survey()
        delay = usual - FIRST_FRAME_DELAY if multiprocessing_hook.is_worker else usual
        drawn = time.monotonic()  # when the last frame began: `delay` counts from there
        boost.adjust(delay, self._alive)  # else threads of the job pass the lock on all the time until the first frame
        is_first = True
        was_away = False  # whether the process was stopped while the thread drew
        while True:
            self.sleeps_long = delay > 2 * usual
            was_asked = self.sleeps_long and self._was_asked  # since the last frame, when the thread did not sleep yet
            delay = min(delay, usual) if was_asked else min(delay, STOP_POLL_SECONDS) if polls else delay
            sleep = max(delay - (time.monotonic() - drawn), 0.0)
            self.wakes_soon = sleep <= FIRST_FRAME_SECONDS
            woken = self.bell.wait(sleep) or was_asked
            self.sleeps_long = self.wakes_soon = False
            was_stopped = suspension.stopped(sleep)
            asked = time.monotonic()
            with scheduler.drawing:
                now = time.monotonic()
                if now - asked > STOP_SECONDS:
                    suspension.stopped()  # waiting for another thread that draws is no stop
                if self._generation != generation:
                    return
                if was_stopped or was_away:
                    scheduler.forget_rows(slow_ones=was_stopped)
                # Before the frame, which may wait for the lock hundreds of times: the first one reads the renderer's modules.
                if is_first or suspension.woken_in_vain:
                    boost.adjust(delay, self._alive, first=True)
                    is_first = False
                self._was_asked = False
                drawn = now
                delay = scheduler.draw_due(now, woken=woken)
                if scheduler.leaving:
                    scheduler.draw_last_frames()
                was_away = suspension.stopped_at_work()
                usual, polls, is_busy = scheduler.survey()
                boost.adjust(min(delay, STOP_POLL_SECONDS) if polls else delay, self._alive)
                if is_busy:
                    empty_since = None
                    continue
                empty_since = now if empty_since is None else empty_since
                if (
                    now - empty_since >= IDLE_THREAD_SECONDS or not scheduler.set.displays or self._closing
                ) and self.rest():
                    return
            delay = min(delay, IDLE_THREAD_SECONDS)

    def draw(self, display: Display, last: bool) -> float:
        """Draw a frame of `display`, and return the seconds until the next one.

        The caller holds `drawing`, and may be one of the job's own threads.
        """
        boost = self.boost
        if boost is None or self._ident != get_ident():
            return display.tick(last=last)
        may_hang = display.may_hang
        if may_hang and not self.has_watchdog:
            self._start_watchdog()
        if display.begin_frame(last=last):
            display.compose(last=last)
            # A shell may have written below the rows meanwhile. If the renderer may hang, the delay may be its own.
            if (
                display.renderer.in_place
                and not may_hang
                and display.renderer.may_be_drawn_over
                and boost.suspension.stopped_at_work()
            ):
                display.recompose()
            display.send()
        return display.delay

    # When something hangs

    def _start_watchdog(self) -> None:
        """Start the watchdog thread, which finds what hangs."""
        self.has_watchdog = True
        try:
            self._keep(start(self._run_watchdog, "progresskit watchdog"))
            self._alive += 1
        except RuntimeError:  # no thread can be started: `detach` gives up what hangs
            pass

    def _run_watchdog(self) -> None:
        """Replace displays that hang, from the watchdog thread."""
        block_signals()
        detector = HangDetector(CHECKS)
        while True:
            self._watchdog_bell.wait(self._hung / CHECKS)
            with self.scheduler.lock:
                if not self.is_running:
                    self.has_watchdog = False
                    self._alive -= 1
                    return
            hangs = detector.check(self.scheduler.set.displays)
            if hangs is not None:
                self.leave_behind(*hangs)

    def leave_behind(self, display: Display, kind: str) -> None:
        """Abandon the thread that hangs in `display`, and draw from a new one."""
        with self.scheduler.lock:
            self.scheduler.replace(display, kind)
            self._generation += 1
            self.begin()
        if kind == "stream" and not display.terminal.is_stderr:  # on standard error the warning would hang as well
            warn_once("the stream does not answer; nothing is drawn on it from here on.")
