"""Why a thread is late, and what helps: the process was stopped, or another thread kept the interpreter's lock.

Both are read from the scheduler's counts for one thread, in which each wait counts once. Does not know what the thread does, or how it
reacts to a stop.

A stop (Ctrl-Z, a suspended machine) lets other programs draw on the terminal. It is found without a signal handler, and a slow
machine is not mistaken for one.

The lock: CPython makes a thread release it after another thread has waited for one whole switch interval, 5 ms, without a break. A job
that makes a short system call every millisecond releases the lock for a microsecond each time: too short for the waiting thread to take
it, but long enough to restart that thread's wait (`take_gil` in CPython's `ceval_gil.c`). The wait then lasts for seconds. With an
interval shorter than the job's own period, the waiting thread requests the lock and gets it at the next instruction.

A waiting thread wakes once per interval. While a job stays within C code, that costs 2 to 4 % of the processor with `SHORT_INTERVAL`
and 40 % with `SHORTEST_INTERVAL`, so the latter is only for jobs that are known to make system calls often.
"""

from __future__ import annotations

import _thread  # it counts the interpreter's threads, also under gevent
import os
import sys
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

UNCOUNTED_STOP_SECONDS = 1.0
"""Seconds of lateness that count as a stop where only the process's own processor time is known."""
STOP_SECONDS = 0.25
"""Seconds of unexplained lateness that count as a stop if the scheduler's counts are available."""
SHORT_ASKING_SECONDS = 0.001
"""Seconds, as `ASKING_SECONDS`. Below it, the switch interval is too short for a job of several threads."""
IN_VAIN_SECONDS = 0.002
"""Seconds of wake-ups without getting the interpreter's lock after which `woken_in_vain` is true."""
ASKING_SECONDS = 0.0061
"""Seconds between two runs of a thread that waits for the interpreter's lock, at most, with the
usual switch interval."""
ON_TIME_SECONDS = 0.001
"""Seconds of lateness below which a thread neither was stopped nor had to wait for a lock."""
USUAL_FRAME_SECONDS = 0.005
"""Seconds that a frame takes, unless the thread is held up."""
READ_SECONDS = 0.5
"""Seconds for which a thread that wakes on time does not read the scheduler's counts. Each reading takes as long as
drawing a row."""
USUAL = 0.005
"""Seconds: the interval of a process that has not chosen one."""
SHORT_INTERVAL = 0.0001
"""Seconds: the shortened interval. Linux timers are late by up to half of it."""
SHORTEST_INTERVAL = 0.000005
"""Seconds: the interval beside a job that makes system calls more often than `SHORT_INTERVAL`; it
needs exact timers. Measured beside a job that released the lock every 20 to 70 µs: a thread waited
0.2 ms on average, against 17 to 100 ms with `SHORT_INTERVAL`. An interval of 20 µs was too long
beside a call every 17 µs."""
BOOST_SECONDS = 30.0
"""Seconds for which the interval stays short after the ticker's thread was starved once, even if
the job has several threads; and for which it stays shortest after the short interval did not help."""
NO_HELP_SECONDS = 0.01
"""Seconds of waiting that show that the shortest interval does not help either. After three such
waits in a row it is given up."""
LONGEST_SLEEP_SECONDS = 1.0
"""Seconds of sleep after which the number of the job's threads is unknown."""


class Waits(NamedTuple):
    """How a thread has waited for the lock since the last report.

    Attributes:
        seconds: Seconds of waiting.
        in_vain: Whether the thread was woken many times for a lock that was taken again before it
            ran, although the interval is short.
        starved: Whether it was late by a quarter of a second or more for that reason.
    """

    seconds: float = 0.0
    in_vain: bool = False
    starved: bool = False


NO_WAITS = Waits()


class Scheduled(NamedTuple):
    """What the scheduler has counted for a thread: seconds in which it ran or was ready to run, and
    how many times it ran."""

    ready: float
    runs: int


# Made in C, because a named tuple's constructor is a Python function, which each frame would call several times.
_scheduled: Callable[[tuple[float, int]], Scheduled] = partial(tuple.__new__, Scheduled)  # type: ignore[assignment]
_waits: Callable[[tuple[float, bool, bool]], Waits] = partial(tuple.__new__, Waits)  # type: ignore[assignment]


class SuspensionDetector:
    """Tell the thread that created it whether the process was stopped, from the scheduler's counts if there are any.

    Args:
        path: The file with the counts of the calling thread.
        began: When the thread was started, in seconds of the monotonic clock; waits count from
            then. None: from now.

    Example:
        >>> detector = SuspensionDetector()
        >>> detector.stopped()
        False
        >>> detector.close()
    """

    def __init__(self, path: str = "/proc/thread-self/schedstat", began: float | None = None) -> None:
        try:
            self._fd = os.open(path, os.O_RDONLY)
        except OSError:  # not Linux, or a kernel without these counts
            self._fd = -1
        so_far = self.read()
        now = time.monotonic()
        self._mark = (now, time.process_time(), so_far)
        self._read_again = 0.0  # when the counts must be read, even if the thread is punctual
        self._interval = sys.getswitchinterval()
        self._asking = between_runs()
        # Since the last call of `waits`: whether the thread was starved of the interpreter's lock,
        # the seconds in which it neither slept nor was ready to run, and how many times it ran.
        self._starved, self._waited, self._woken = False, 0.0, 0
        if began is not None and so_far is not None:
            self._waited, self._woken = max(now - began - so_far.ready, 0.0), so_far.runs

    def stopped(self, meant: float = 0.0) -> bool:
        """Return whether the process was stopped since the last call, in which the thread meant to
        sleep for `meant` seconds."""
        began, cpu, before = self._mark
        now = time.monotonic()
        if now < self._read_again and before is not None and now - began - meant < ON_TIME_SECONDS:
            self._mark = now, cpu, _scheduled((before.ready, before.runs + 1))  # as far as is known
            return False
        self._read_again = now + READ_SECONDS
        after = self.read()  # before the clock: reading releases the interpreter's lock, and a busy job returns it late
        now = time.monotonic()
        late = now - began - meant
        if late > STOP_SECONDS:  # the thread may have waited for the lock after the first read
            after = self.read()
        cpu_now = time.process_time()
        self._mark = (now, cpu_now, after)
        if before is not None and after is not None:
            self._waited += max(late - after.ready + before.ready, 0.0)
            self._woken += after.runs - before.runs
        before_this = self._asking
        interval = sys.getswitchinterval()
        if interval != self._interval:
            self._interval, self._asking = interval, between_runs()
        if late <= STOP_SECONDS:
            return False
        each = max(before_this, self._asking)  # the job may have changed the switch interval meanwhile
        stopped = was_stopped(late, cpu_now - cpu, before, after, each)
        self._starved = self._starved or (not stopped and was_starved(late, before, after, each))
        return stopped

    def stopped_at_work(self) -> bool:
        """Return whether the process was stopped since the last call, if the thread has not slept since.

        The scheduler's counts, which take system calls, are read only if more time than a usual frame's has passed.
        """
        began, cpu, before = self._mark
        now = time.monotonic()
        if now - began > USUAL_FRAME_SECONDS:
            return self.stopped()
        self._mark = now, cpu, before
        return False

    @property
    def woken_in_vain(self) -> bool:
        """Whether the thread, with a short switch interval, was woken more often than it requests
        the lock, since `waits`."""
        return (
            self._asking < SHORT_ASKING_SECONDS
            and self._waited > IN_VAIN_SECONDS
            and self._woken * self._asking > 2 * self._waited
        )

    def waits(self) -> Waits:
        """Return how the thread waited for the lock since the last call."""
        if not (self._waited or self._woken):  # most frames: the counts were not read
            return NO_WAITS
        found = _waits((self._waited, self.woken_in_vain, self._starved))
        self._waited, self._woken, self._starved = 0.0, 0, False
        return found

    def read(self) -> Scheduled | None:
        """Return the counts so far; None if the system has none."""
        if self._fd < 0:
            return None
        try:
            running, waiting, runs = map(int, os.pread(self._fd, 100, 0).split())
            return _scheduled(((running + waiting) / 1e9, runs))
        except (OSError, ValueError, AttributeError):  # no such file, or a system without `pread`
            return None

    def close(self) -> None:
        """Close the descriptor."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def between_runs() -> float:
    """Return the seconds between two runs of a thread that waits for the interpreter's lock, at most.

    The thread requests the lock once per switch interval, and a timer is late by some tens of
    microseconds.

    Example:
        >>> sys.setswitchinterval(0.005)
        >>> round(between_runs(), 6) == ASKING_SECONDS
        True
    """
    return 1.2 * sys.getswitchinterval() + 0.0001


def was_stopped(
    late: float, cpu: float, before: Scheduled | None, after: Scheduled | None, asking: float = ASKING_SECONDS
) -> bool:
    """Return whether the process was stopped in a period of `late` seconds.

    A thread that ran, or could not run because others did, was ready. A thread that waited for the
    interpreter's lock ran every five milliseconds or so, to request it. A stop accounts for the
    time that neither explains. A thread that ran much more often than that was woken because the
    lock was released again and again; then the processor time of its holders explains the period.

    Args:
        late: Seconds by which the thread woke too late, or for which it drew.
        cpu: Seconds of processor time that the whole process used in the period.
        before: The scheduler's counts at its start; None where there are none.
        after: The scheduler's counts at its end; None where there are none.
        asking: Seconds between two runs of a thread that waits for the lock.

    Example:
        >>> was_stopped(0.5, 0.0, Scheduled(0.0, 10), Scheduled(0.001, 12))
        True
        >>> was_stopped(0.5, 0.0, Scheduled(0.0, 10), Scheduled(0.45, 12))  # a busy machine
        False
        >>> was_stopped(1.0, 0.9, Scheduled(0.0, 10), Scheduled(0.6, 12))  # a busy machine, and a stop
        True
        >>> was_stopped(0.5, 0.0, Scheduled(0.0, 10), Scheduled(0.001, 90))  # C code held the interpreter's lock
        False
        >>> was_stopped(0.8, 0.0, Scheduled(0.0, 10), Scheduled(0.1, 4800), 0.00022)  # C code, with a shorter interval
        False
        >>> was_stopped(0.7, 0.03, Scheduled(0.0, 10), Scheduled(0.007, 600))  # a stop, while two threads competed for the lock
        True
        >>> was_stopped(0.5, 0.0, None, None), was_stopped(1.5, 0.0, None, None), was_stopped(1.5, 1.4, None, None)
        (False, True, False)
    """
    if before is None or after is None:
        return late > UNCOUNTED_STOP_SECONDS and cpu < 0.5 * late
    ready, runs = after.ready - before.ready, after.runs - before.runs
    if ready + runs * asking > 2 * late:
        return late - ready - cpu > 2 * STOP_SECONDS
    return late - ready - runs * asking > STOP_SECONDS


def was_starved(late: float, before: Scheduled | None, after: Scheduled | None, asking: float = ASKING_SECONDS) -> bool:
    """Return whether a thread was `late` because other threads kept taking the interpreter's lock back.

    Such a thread was woken each time that the lock was free, more often than it requests the lock
    by itself, and was not ready to run otherwise. The arguments are those of `was_stopped`, which
    has returned False.

    Example:
        >>> was_starved(0.5, Scheduled(0.0, 10), Scheduled(0.01, 500))
        True
        >>> was_starved(0.5, Scheduled(0.0, 10), Scheduled(0.4, 20))  # a busy machine
        False
        >>> was_starved(0.5, Scheduled(0.0, 10), Scheduled(0.01, 100))  # one turn among many computing threads
        False
        >>> was_starved(0.5, None, None)
        False
    """
    if before is None or after is None:
        return False
    return late - (after.ready - before.ready) > STOP_SECONDS and (after.runs - before.runs) * asking > 1.5 * late


class SwitchInterval:
    """Shorten the switch interval of the process for a while, unless the process has chosen one itself.

    Attributes:
        is_shortest: Whether it is the shortest, which asks for exact timers.

    Example:
        >>> sys.setswitchinterval(0.005)
        >>> interval = SwitchInterval()
        >>> interval.begin(); round(sys.getswitchinterval(), 6)
        0.0001
        >>> interval.end(); round(sys.getswitchinterval(), 6)
        0.005
    """

    def __init__(self) -> None:
        self._chosen = USUAL
        self.is_shortest = False
        self._short_until = 0.0  # in seconds, on the clock of `adjust`
        self._shortest_until = 0.0
        self._no_help = 0

    def begin(self) -> None:
        """Shorten the interval. A process that has chosen its own keeps it."""
        self._set(SHORT_INTERVAL)

    def end(self) -> None:
        """Restore the usual interval, unless the process has chosen another one meanwhile."""
        self._set(USUAL)

    def adjust(self, now: float, waits: Waits, *, alone: bool, first: bool = False) -> None:
        """Adjust the interval: short if that costs the job nothing, or if there is no other way to get the GIL.

        Threads that compute at the same time would pass the lock to each other fifty times as often, which costs them
        at least a tenth of their time. A job of one thread passes it only to the ticker.

        Args:
            now: Seconds on any clock.
            waits: How the ticker's thread has waited since the last call.
            alone: Whether the job has one thread.
            first: Whether no frame has been drawn yet.
        """
        if waits.starved:
            self._short_until = now + BOOST_SECONDS
        if now >= self._shortest_until:
            if alone and waits.in_vain:
                self._shortest_until, self._no_help = now + BOOST_SECONDS, 0
        else:
            self._no_help = self._no_help + 1 if waits.seconds > NO_HELP_SECONDS else 0
            if self._no_help == 3:  # the job stays within C code for long
                self._shortest_until = 0.0
        if alone and now < self._shortest_until:
            wanted = SHORTEST_INTERVAL
        else:
            wanted = SHORT_INTERVAL if alone or first or now < self._short_until else USUAL
        if wanted != self._chosen:
            self._set(wanted)

    def _set(self, seconds: float) -> None:
        if seconds != self._chosen:
            if _is_set_to(self._chosen):
                sys.setswitchinterval(seconds)
            elif seconds != USUAL:  # the program has chosen an interval, which is kept
                return
            self._chosen = seconds
            self.is_shortest = seconds == SHORTEST_INTERVAL


class Timers:
    """The timers of the calling thread: exact to a microsecond, or to the 50 µs by which Linux saves power.

    Attributes:
        are_exact: Whether they are exact to a microsecond.

    Example:
        >>> timers = Timers()
        >>> timers.exact(True)
        >>> timers.exact(False)
    """

    def __init__(self) -> None:
        self.are_exact = False

    def exact(self, wanted: bool) -> None:
        """Make the timers exact, or as usual. Do nothing if the system offers no choice."""
        if wanted == self.are_exact:
            return
        self.are_exact = wanted
        with suppress(OSError):
            thread = os.path.basename(os.readlink("/proc/thread-self"))  # the thread's number in /proc
            file = os.open(f"/proc/{thread}/timerslack_ns", os.O_WRONLY)
            try:
                os.write(file, b"1" if wanted else b"0")  # 0 restores the usual one
            finally:
                os.close(file)


class LockBoost:
    """Shortens the switch interval while a job of one thread computes, and after the drawing thread was starved.

    Used by the drawing thread alone. It reads two things from the scheduler's counts, whether the process was stopped
    and how the thread waited, in an order in which each wait counts once.

    Attributes:
        suspension: Tells whether the process was stopped since its last call. It must be called before `adjust`.

    Args:
        switch_interval: The process's.
        began: When the thread was started, by the monotonic clock.
    """

    def __init__(self, switch_interval: SwitchInterval, began: float) -> None:
        self.suspension = SuspensionDetector(began=began)
        self._switch_interval = switch_interval
        self._timers = Timers()

    def adjust(self, delay: float, own_threads: int, *, first: bool = False) -> None:
        """Begin or end the boost, depending on how the thread has waited since the last call.

        Args:
            delay: Seconds of the next sleep.
            own_threads: How many threads of the interpreter are the ticker's.
            first: Whether the first frame may be drawn before that sleep.
        """
        alone = _thread._count() <= own_threads and delay <= LONGEST_SLEEP_SECONDS
        interval = self._switch_interval
        interval.adjust(time.monotonic(), self.suspension.waits(), alone=alone, first=first)
        if interval.is_shortest or self._timers.are_exact:
            self._timers.exact(interval.is_shortest)

    def close(self) -> None:
        """Close the thread's descriptor."""
        self.suspension.close()


def _is_set_to(seconds: float) -> bool:
    return abs(sys.getswitchinterval() - seconds) < 1e-6  # the interpreter keeps whole microseconds
