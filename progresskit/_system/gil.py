"""The switch interval of the interpreter: how soon a waiting thread gets the interpreter's lock.

Knows the interval, how to shorten it, and when that pays for the drawing thread. Does not know what is drawn.

CPython makes a thread release the lock after another thread has waited for one whole switch
interval, 5 ms, without a break. A job that makes a short system call every millisecond releases the
lock for a microsecond each time: too short for the waiting thread to take it, but long enough to
restart that thread's wait (`take_gil` in CPython's `ceval_gil.c`). The wait then lasts for seconds.
With an interval shorter than the job's own period, the waiting thread requests the lock and gets it
at the next instruction.

A waiting thread wakes once per interval. While a job stays within C code, that costs 2 to 4 % of
the processor with `SHORT_INTERVAL` and 40 % with `SHORTEST_INTERVAL`, so the latter is only for
jobs that are known to make system calls often.
"""

from __future__ import annotations

import _thread  # it counts the interpreter's threads, also under gevent
import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from .suspension import SuspensionDetector

if TYPE_CHECKING:
    from .suspension import Waits

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
KEPT = 0.01
"""Seconds of waiting that show that the shortest interval does not help either. After three such
waits in a row it is given up."""
LONGEST_SLEEP = 1.0
"""Seconds of sleep after which the number of the job's threads is unknown."""


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
            self._no_help = self._no_help + 1 if waits.seconds > KEPT else 0
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
        alone = _thread._count() <= own_threads and delay <= LONGEST_SLEEP
        interval = self._switch_interval
        interval.adjust(time.monotonic(), self.suspension.waits(), alone=alone, first=first)
        if interval.is_shortest or self._timers.are_exact:
            self._timers.exact(interval.is_shortest)

    def close(self) -> None:
        """Close the thread's descriptor."""
        self.suspension.close()


def _is_set_to(seconds: float) -> bool:
    return abs(sys.getswitchinterval() - seconds) < 1e-6  # the interpreter keeps whole microseconds
