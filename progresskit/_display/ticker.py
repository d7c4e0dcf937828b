"""The ticker: one thread for the process that draws all trackers about ten times a second.

Knows when to draw and when to sleep. Does not know what is drawn. The thread is started by the first task and gone after
the last; it is late by nature (the interpreter's lock, a stopped process), and sees to it that a late frame does no harm.
"""

from __future__ import annotations

import sys
import time
from _thread import get_ident
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from .._system.gil import SwitchInterval
from .._system.lock_boost import LockBoost
from .._system.suspension import SHORT
from .._system.threads import THREAD_TIME, Bell, QuickThread, block_signals, native, start
from .._system.warnings import warn_once
from .._tracking import counters as counting
from .._tracking import multiprocessing_hook
from .._tracking.core import MOST_CAPTURED
from .._tracking.task import describe
from ..renderers.registry import hub_address
from .display_set import DisplaySet
from .flushing import FlushGate
from .hangs import CHECKS, HANG_SECONDS, HangDetector, Retired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Thread

    from .._tracking.core import TrackerCore
    from .display import Display

IDLE_THREAD_SECONDS = 0.5
"""Seconds without a live task after which the thread goes: loops that follow each other share one."""
STOP_POLL_SECONDS = 0.25
"""Seconds between two readings of the clock while rows stand on a terminal: a stop that is shorter than a sleep is not seen."""
DETACH_TIMEOUT = 2.0
"""Seconds that `detach` waits for the last frame: a renderer may hang, the job goes on."""
FIRST_FRAME_DELAY = 0.05
"""Seconds that a worker's thread waits before it gets ready to draw."""
EXIT_JOIN_TIMEOUT = 0.2
"""Seconds that the end of the process waits for its threads, which have nothing left to do; one that hangs is left behind."""
EXIT_MODES_TIMEOUT = 0.5
"""Seconds without a byte accepted after which a terminal that is given up at the end does not even get the modes put back."""
EXIT_FLUSH_LIMIT = 30.0
"""Seconds that the end waits at the most for a terminal that is slow, but goes on taking what it is sent."""
IDLE_JOIN_TIMEOUT = 0.05
"""Seconds that `detach` waits for threads that have nothing left to draw."""
WRITER_NAP = 0.005
"""Seconds between two checks of a job that has printed more than the terminal has taken."""


class ThreadTicker:
    """Draws trackers from a thread of its own. All methods may be called from any thread.

    Args:
        patience: Seconds that `detach` waits for a last frame.
        hung: Seconds after which one call of a renderer or a stream is taken to hang.
        begin: Called before the thread starts.

    Attributes:
        lock: Guards which threads and trackers there are.
        drawing: Held by whoever draws; guards the displays.
        gate: Where jobs wait for a frame.
        silent: Whether nothing is drawn: in a forked child whose parent draws.
    """

    def __init__(
        self, patience: float = DETACH_TIMEOUT, hung: float = HANG_SECONDS, begin: Callable[[], object] | None = None
    ) -> None:
        self._on_begin = begin
        self._patience = patience
        self._hung = hung
        self.lock = native("_thread", "RLock")()  # a signal handler may take it again
        self.drawing = native("_thread", "RLock")()
        self.gate = FlushGate()
        self.silent = False
        self.is_closed = False  # whether the process ends: what comes now is drawn at once
        self._set = DisplaySet(THREAD_TIME, time.monotonic)
        self._new: list[TrackerCore] = []
        self._leaving: list[tuple[TrackerCore, Bell]] = []
        self._closing_now: tuple[TrackerCore, Bell] | None = None  # whose last frame is being drawn
        # The thread
        self._running = False
        self._watched = False  # whether another thread watches for what hangs
        self._generation = 0  # of the thread that may draw: one that hung and has come back is of an earlier one
        self._ident: int | None = None
        self._threads: list[Thread | QuickThread] = []
        self._alive = 0  # how many of them have not ended
        self._begun = 0.0  # when the drawing thread was started
        self._bell = Bell()
        self._watch_bell = Bell()
        self._long_sleep = False
        self._refreshing = False  # whether somebody waits for a frame, be there news or not
        self._was_asked = False  # whether somebody has called `wake` since the last look
        self._closing = False  # whether the process ends
        self._deadline: float | None = None  # for all trackers together, at the end of the process
        self._switch_interval = SwitchInterval()
        self._boost: LockBoost | None = None  # the drawing thread's, so that a forked child can close it
        # Without a thread
        self._inline = False
        self._polling = False
        self._poll_due = 0.0  # when something is due there

    @property
    def displays(self) -> list[Display]:
        """The displays, the oldest first."""
        return self._set.displays

    # What trackers call

    def attach(self, tracker: TrackerCore) -> bool:
        """Begin to draw `tracker`, and return whether anything of it can be shown."""
        with self.lock:
            if self.silent or sys.is_finalizing():  # a finaliser at the very end: there is nothing left to draw with
                return False
            self._new.append(tracker)
            self._poll_due = 0.0
            is_running = self._running
            if not is_running and not self._inline:
                self._begin()
        if is_running:  # a thread that begins is in no hurry: many a loop has ended before its first frame
            self._bell.ring()
        return True

    def wake(self) -> None:
        """Draw soon, if the ticker has gone to sleep for long."""
        self._was_asked = True  # first: a thread that is about to sleep looks at it once it counts as asleep
        if self._long_sleep:
            self._long_sleep = False
            self._bell.ring()

    def _wake_for_flush(self) -> bool:
        """Wake the thread for those who wait for a frame, and return whether there is one."""
        if self._running:
            self._bell.ring()
        return self._running

    def flush_soon(self, seconds: float | None = None) -> None:
        """Flush pending frames and wait for it, because the process may be killed as soon as the caller continues.

        Also clears rows that the caller's next output would collide with. Usually takes under 1 ms.

        Args:
            seconds: Seconds to wait at the most; None: as long as all waiting stays below `FLUSH_TIME_SHARE` of the time.
        """
        if self._inline:
            self._poll(at_once=True)
            return
        if not (self._running and self._has_urgent_news) or self._ident == get_ident():
            return
        began = time.monotonic()
        credit = self.gate.time
        most = credit.at(began) if seconds is None else seconds
        if most > 0.0:
            self.gate.wait(most, self._wake_for_flush)
            credit.spend(time.monotonic() - began)

    @property
    def _has_urgent_news(self) -> bool:
        """Whether rows are in the way, or another process is to be told something. A task that ends before a frame has shown it
        is no such news: a frame for it would put off the next one, which can show something."""
        return any(
            display.in_the_way or display.has_news or display.owes_last_lines for display in self.displays
        ) or any(tracker.has_news for tracker in self._new)

    def refresh(self, seconds: float) -> None:
        """Draw a frame of every display now, whatever its budget allows, and wait for it.

        Args:
            seconds: Seconds to wait at the most.
        """
        if self._inline:
            self._poll(at_once=True)
        elif self._running and self._ident != get_ident():
            self._refreshing = True  # first: whoever lets us out has drawn since
            self.gate.wait(seconds, self._wake_for_flush)

    def flush_lines(self) -> None:
        """Draw captured lines before the job goes on: as soon as it does, the process may be ended (`os._exit`, a crash).

        All waiting together takes `FLUSH_TIME_SHARE` of the time at the most.
        """
        if not self._running:
            if self._inline:
                self._poll()
            return
        if self._ident == get_ident():
            return
        gate, began = self.gate, time.monotonic()
        if began < gate.lines_due:
            return
        most = gate.line_time.at(began)
        if most <= 0.0:
            return
        gate.wait(most, self._wake_for_flush)
        gate.spend_line(began, time.monotonic() - began)

    def wait_for_lines(self, tracker: TrackerCore, *, terminal: bool = True) -> None:
        """Wait until most lines of `tracker` have been drawn.

        Args:
            terminal: Whether to wait for a slow terminal as well, as the job would; otherwise for the drawing thread alone.
        """
        if self._ident == get_ident():  # a renderer that prints
            return
        while tracker.lines.characters > MOST_CAPTURED and tracker.attached and not tracker.mute:
            if tracker.behind and not terminal:
                return
            display = tracker.display
            if not (self._running or self._inline) or (display is not None and not display.shows_lines):
                return
            if self._inline:
                self._poll(at_once=True)
            time.sleep(WRITER_NAP)

    def shown(self) -> list[TrackerCore]:
        """Return the trackers whose rows stand on a terminal."""
        return [tracker for display in self.displays if display.standing for tracker in display.trackers]

    def detach(self, tracker: TrackerCore) -> None:
        """Draw `tracker` for the last time, and let go of it.

        The thread draws and the caller waits, for a bounded time: a renderer or a stream that hangs must not hang the
        job. Where there is no thread (it is gone, and cannot be started while the interpreter shuts down) the caller draws.
        """
        with self.lock:
            is_new = tracker in self._new
            if self.silent or sys.is_finalizing() or not (is_new or self._set.of(tracker)):
                tracker.let_go()
                return
            if is_new and tracker.let_go():  # it has come and gone between two frames
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
                self._set.remove(tracker, self._draw_last)
            finally:
                lock.release()

    def drop(self, tracker: TrackerCore) -> None:
        """Draw `tracker`, which nobody holds any more, for the last time. Called by a finaliser: takes no lock, and does not wait."""
        self._set.dropped.append(tracker)
        if not self._inline:
            self._bell.ring()

    def clear_rows(self, tracker: TrackerCore) -> None:
        """Draw the lines of the display that `tracker` is on, and take its rows off the screen."""
        if self.silent or sys.is_finalizing():
            return
        with self.hold():
            self._adopt()
            display = self._set.of(tracker)
            if display is not None:
                try:
                    display.clear_rows()
                except Retired:
                    pass
                except Exception as error:
                    self._set.give_up(display, error)

    # What the process calls

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

    def drain(self, tracker: TrackerCore, goes_on: Callable[[], bool]) -> None:
        """Draw what `tracker` has, and wait until its terminal has taken it, for as long as `goes_on()` says so.

        A terminal holds up whoever writes to it: a program that passes on the output of others must hold them up, not lose it.
        """
        while True:
            is_behind = False
            with self.hold():
                self._adopt()
                display = self._set.of(tracker)
                try:
                    if display is not None and display.terminal.foreground:
                        display.tick()
                        display.flush(0.05)
                        is_behind = display.terminal.congested or bool(tracker.lines.items)
                except Retired:
                    is_behind = True
            if not (is_behind and goes_on()):
                return

    def close(self, *, wait: bool = True) -> None:
        """Draw everything for the last time: the process ends.

        Args:
            wait: Whether to wait for the threads, too. A worker of multiprocessing ends without regard to them.
        """
        self.is_closed = True
        with self.lock:
            # A worker that lived for one short loop has nothing to draw: the numbers alone are sent.
            trackers = [
                each for each in self._new if each.live or each.pending_output or each.capture.current is not None
            ]
        trackers += [tracker for display in self.displays for tracker in display.trackers]
        self._deadline = time.monotonic() + self._patience
        lock = self.drawing
        if self._set.dropped and lock.acquire(timeout=self._patience):
            try:
                self._end_dropped()
            finally:
                lock.release()
        for tracker in trackers:
            tracker.stop()
        self._deadline = None
        if wait:
            self._end_threads()
        for display in self.displays:  # its last frame has not come to an end
            display.terminal.give_up(EXIT_MODES_TIMEOUT)

    def forget(self) -> None:
        """Start over in a forked child: the displays, the thread and the locks' holders are the parent's."""
        trackers = [*self._new, *(tracker for display in self.displays for tracker in display.trackers)]
        # The parent's rows are the parent's to draw; where it has none, or there is a hub, the child has displays of its own.
        shown = any(tracker.live for tracker in trackers) or any(display.standing for display in self.displays)
        self.silent = (self.silent or shown) and hub_address() is None
        self.is_closed = False
        for tracker in trackers:
            tracker.forget()
            tracker.mute = self.silent
        self.lock = native("_thread", "RLock")()
        self.drawing = native("_thread", "RLock")()
        self._bell = Bell()
        self._watch_bell = Bell()
        if self._boost is not None:
            self._boost.close()
        self._switch_interval.end()
        self._running = False
        self._watched = False
        self._generation += 1
        self._closing_now = None
        self._threads = []
        self._alive = 0
        self.gate.waiting.clear()
        self._new = []
        self._leaving = []
        self._set.displays = []
        self._set.dropped.clear()

    # Who waits for the thread

    def _wait_for_last_frame(self, done: Bell) -> None:
        """Wait for `done`, for a bounded time; where something hangs meanwhile, have another thread go on."""
        detector = HangDetector(CHECKS - 3)  # the rest of the time is for the one that goes on
        began = time.monotonic()
        until = began + self._patience if self._deadline is None else self._deadline
        taken = self._taken()
        while True:
            left = until - time.monotonic()
            if done.wait(min(self._patience / CHECKS, left)) or left <= 0:
                return
            hangs = detector.check(self.displays)
            if hangs is not None:
                self._go_on(*hangs)
            before, taken = taken, self._taken()
            # Slow, but alive: it would hold up a job that prints as well. Or another process is in the middle of a frame.
            if taken != before or any(display.terminal.awaits_turn for display in self.displays):
                until = max(until, min(time.monotonic() + self._patience / 2, began + EXIT_FLUSH_LIMIT))

    def _taken(self) -> int:
        return sum(display.terminal.taken for display in self.displays)

    def _join_idle_threads(self) -> None:
        """Let threads end that have nothing left to draw, which they are about to: an interpreter inside another one must
        not be ended before its threads."""
        if not (self.displays or self._new or self._leaving):
            for thread in self._threads:
                thread.join(IDLE_JOIN_TIMEOUT)

    def _end_threads(self) -> None:
        """Wait for the ticker's threads to end: an interpreter inside another one must not end before its threads."""
        self._closing = True
        self._bell.ring()
        until = time.monotonic() + EXIT_JOIN_TIMEOUT
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0.0))
        self._threads.clear()
        self._closing = False

    # The thread

    def _begin(self) -> None:
        """Start the thread. The caller holds `lock`."""
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
        except BaseException:  # Ctrl-C: whether the thread runs is not known, and the next one to draw starts another
            self._generation += 1
            self._running = False
            raise

    def _keep(self, thread: Thread | QuickThread | None) -> None:
        self._threads = [one for one in self._threads if one.is_alive()]
        if thread is not None:
            self._threads.append(thread)

    def _run(self, generation: int) -> None:
        block_signals()
        with self.lock:
            if self._generation != generation:  # Ctrl-C broke off its start
                return
            self._alive += 1
            self._ident = get_ident()
        if multiprocessing_hook.is_worker:
            if self._bell.wait(FIRST_FRAME_DELAY):  # many a worker has ended by then
                self._bell.ring()
            self._switch_interval.begin()
        boost = self._boost = LockBoost(self._switch_interval, self._begun)
        try:
            self._loop(generation, boost)
        except Retired:  # another thread draws by now
            pass
        finally:
            boost.close()
            self._end_thread()

    def _end_thread(self) -> None:
        """Note that this thread of the ticker's ends: its number may be another thread's next."""
        with self.lock:
            self._alive -= 1
            if self._ident == get_ident():
                self._ident = None

    def _loop(self, generation: int, boost: LockBoost) -> None:
        """Sleep and draw, until nothing is left to be drawn."""
        suspension = boost.suspension
        empty_since: float | None = None
        usual, polls, _ = self._survey()
        delay = usual - FIRST_FRAME_DELAY if multiprocessing_hook.is_worker else usual
        if suspension.woken_in_vain:
            boost.choose(delay, self._alive, first=True)
        was_away = False  # whether the process was stopped while the thread drew
        while True:
            self._long_sleep = delay > 2 * usual
            was_asked = self._long_sleep and self._was_asked  # between the look and here, when there was nobody to wake
            delay = min(delay, usual) if was_asked else min(delay, STOP_POLL_SECONDS) if polls else delay
            nudged = self._bell.wait(delay) or was_asked
            self._long_sleep = False
            was_stopped = suspension.stopped(delay)
            asked = time.monotonic()
            with self.drawing:
                now = time.monotonic()
                if now - asked > SHORT:
                    suspension.stopped()  # a thread that waits for another one that draws is not stopped
                if self._generation != generation:
                    return
                if was_stopped or was_away:
                    self._forget_rows(slow_ones=was_stopped)
                if suspension.woken_in_vain:  # before a frame that might wait for hundreds of turns
                    boost.choose(delay, self._alive, first=True)
                self._was_asked = False
                delay = self._draw_due(now, nudged=nudged)
                if self._leaving:
                    self._draw_last_frames()
                was_away = suspension.stopped()
                usual, polls, is_busy = self._survey()
                boost.choose(min(delay, STOP_POLL_SECONDS) if polls else delay, self._alive)
                if is_busy:
                    empty_since = None
                    continue
                empty_since = now if empty_since is None else empty_since
                if (
                    now - empty_since >= IDLE_THREAD_SECONDS or not self._set.displays or self._closing
                ) and self._rest():
                    return
            delay = min(delay, IDLE_THREAD_SECONDS)

    def _forget_rows(self, *, slow_ones: bool) -> None:
        """Give up the rows on the screen, others may have drawn over them since; those of renderers of the user's own only with
        `slow_ones`: these may just have been slow."""
        for display in self.displays:
            if display.over_rows and (slow_ones or not display.renderer.choice.given):
                display.forget_rows()

    def _survey(self) -> tuple[float, bool, bool]:
        """Return the seconds after which a frame may come at the soonest, whether rows stand that a shell may draw over, and
        whether a task is live."""
        usual, polls, is_busy = 3600.0, False, False
        for display in self._set.displays:
            usual = min(usual, max(display.pace.interval, display.pace.least))
            polls = polls or display.may_be_drawn_over
            for tracker in display.trackers:
                is_busy = is_busy or tracker.live > 0
        return usual if self._set.displays else 0.1, polls, is_busy

    def _draw_due(self, now: float, *, nudged: bool = False) -> float:
        """Draw what is due and return the seconds until something is. A nudge makes due whatever its budget allows.

        The caller holds `drawing`.
        """
        if self._new:
            self._adopt()
        if self._set.dropped:
            self._end_dropped()
        soonest = 3600.0
        urgent = self.gate.take() if self.gate.waiting else None
        refreshing, self._refreshing = self._refreshing, False
        for display in self._set.displays:
            if nudged:
                display.due = min(display.due, display.drawn + display.pace.least)
            if refreshing or (
                urgent
                and (
                    display.has_news
                    or display.in_the_way
                    or display.owes_last_lines
                    or any(each.lines.items for each in display.trackers)
                )
            ):
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
                    self._set.give_up(display, error)
                    break
            if display.pace.delay >= 1.0 and display.sleeping:
                continue
            soonest = min(soonest, display.due - now)
        for each in urgent or ():
            each.ring()
        return max(soonest, 0.001)

    def _draw(self, display: Display, *, last: bool = False) -> float:
        """Draw a frame of `display`, and return the seconds until the next one. The caller holds `drawing`."""
        boost = self._boost
        if boost is None or self._ident != get_ident():  # a job's own thread
            return display.tick(last=last)
        may_hang = display.may_hang
        if may_hang and not self._watched:
            self._begin_watch()
        if display.takes_frame(last=last):
            display.compose(last=last)
            # A shell may have written below the rows meanwhile. A renderer that may hang may just have been slow.
            if not may_hang and display.may_be_drawn_over and boost.suspension.stopped():
                display.recompose()
            display.send()
        return display.delay

    def _draw_last(self, display: Display) -> None:
        self._draw(display, last=True)

    def _end_dropped(self) -> None:
        """Draw the last frames of trackers that nobody holds. The caller holds `drawing`."""
        try:
            self._set.end_dropped(self._draw_last)
        except Retired:
            raise
        except Exception as error:
            warn_once(f"a display failed and is given up: {describe(error)}.")

    def _draw_last_frames(self) -> None:
        """Draw the last frames of those that leave. The caller holds `drawing`."""
        while self._leaving:
            with self.lock:
                self._closing_now = tracker, done = self._leaving.pop(0)
            try:
                self._set.remove(tracker, self._draw_last)
            except Retired:  # the successor draws it
                raise
            except BaseException as error:  # whatever it is, it is the display's, not the job's
                warn_once(f"a display failed and is given up: {describe(error)}.")
            self._closing_now = None
            done.ring()

    def _adopt(self) -> None:
        """Give each new tracker to the display on its terminal, or to one of its own. The caller holds `drawing`.

        A tracker stays among the new ones until it has its display: a process that ends meanwhile must find it somewhere.
        """
        while self._new:
            tracker = self._new[0]
            try:
                self._set.add(tracker)
            except Exception as error:  # a stream or a terminal of the user's own: it is not the job's trouble
                warn_once(f"a display failed and is given up: {describe(error)}.")
                tracker.give_up()
            finally:
                with self.lock:
                    if tracker in self._new:  # it may have come and gone meanwhile
                        self._new.remove(tracker)

    def _rest(self) -> bool:
        """Let go of all trackers, if none has anything to show, end the displays of those that nobody holds open, and return
        whether the thread may end. The caller holds `drawing`."""
        with self.lock:
            if self._new or self._leaving or self._set.dropped:
                return False
            let_go = [tracker.let_go() for display in self.displays for tracker in display.trackers]  # each is asked
            if not all(let_go):
                return False
        for display in list(self.displays):  # without the lock: a renderer may hang
            if any(tracker.entered for tracker in display.trackers):
                display.forget_rows()  # so that nothing of a renderer's is left to be called when the process ends
            else:
                display.stop()
                self._set.drop(display)
        with self.lock:
            if self._new or self._leaving:
                return False
            self._running = False
            self._switch_interval.end()
            self._watch_bell.ring()
            self.gate.open()
            return True

    # When something hangs

    def _begin_watch(self) -> None:
        """Start the thread that watches for what hangs."""
        self._watched = True
        try:
            self._keep(start(self._watch, "progresskit watch"))
            self._alive += 1
        except RuntimeError:  # no more threads to be had: what hangs is given up by `detach`
            pass

    def _watch(self) -> None:
        """Give up what hangs, from another thread."""
        block_signals()
        detector = HangDetector(CHECKS)
        while True:
            self._watch_bell.wait(self._hung / CHECKS)
            with self.lock:
                if not self._running:
                    self._watched = False
                    self._alive -= 1
                    return
            hangs = detector.check(self.displays)
            if hangs is not None:
                self._go_on(*hangs)

    def _go_on(self, display: Display, kind: str) -> None:
        """Leave the thread that hangs in `display` to itself, and draw from a new one."""
        with self.lock:
            self._set.replace(display, kind)
            self.drawing = native("_thread", "RLock")()
            self._generation += 1
            if self._closing_now is not None:
                self._leaving.insert(0, self._closing_now)
                self._closing_now = None
            self._begin()
        if kind == "stream" and not display.terminal.is_stderr:  # where the warning would hang as well
            warn_once("the stream does not answer; nothing is drawn on it from here on.")

    # Without a thread

    def _draw_from_advance(self) -> None:
        """Have `advance` itself draw when a frame is due: the one way that is left."""
        self._inline = True
        counting.draw_from_advance(self._poll)

    def _poll(self, *, at_once: bool = False) -> None:
        """Draw what is due, or, with `at_once`, what is in the way of what the job writes next."""
        now = time.monotonic()
        if now < self._poll_due and not at_once:  # nearly always: every `advance` comes this way
            return
        lock = self.drawing
        if not sys.is_finalizing() and lock.acquire(blocking=False):
            try:
                if self._polling:  # a renderer that prints
                    return
                self._polling = True
                if at_once:
                    self.gate.waiting.append(Bell())
                self._poll_due = now + self._draw_due(now)
            finally:
                self._polling = False
                lock.release()
