"""How soon the drawing thread gets the interpreter's lock from a job that keeps taking it back.

Knows the interpreter's switch interval. Must not know who wants the lock, nor when.

CPython makes a thread give the lock away once another one has waited for a whole switch interval, 5 ms, in one go. A job that
makes a short system call every millisecond gives it away for a microsecond each time: too short for the one that waits to take
it, long enough for its wait to begin anew (`take_gil` in CPython's `ceval_gil.c`). So it waits for seconds. With an interval
below the job's own it asks, and is given the lock at the next instruction.

The job decides how short that has to be. The waiting thread wakes once in an interval, which costs processor time while a job
stays within C code: 2 to 4 % of it with `SHORT_INTERVAL`, 40 % with `SHORTEST_INTERVAL`. So the latter is for jobs that are
known to call often.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NamedTuple

USUAL = 0.005
"""Seconds; the interval of a process that has not chosen one."""
SHORT_INTERVAL = 0.0001
"""Seconds; the interval while it is shortened. A timer of Linux is not exact to less than half of that."""
SHORTEST_INTERVAL = 0.000005
"""Seconds; the interval beside a job that calls oftener than that, with exact timers. A thread waited 0.2 ms on average with it
for a lock that was given away every 20 to 70 µs, and 17 to 100 ms with `SHORT_INTERVAL`; 20 µs were too long beside a call every 17."""
BOOST_SECONDS = 30.0
"""Seconds for which the lock is had soon where it was kept from us once, though the job has threads of its own; and for which
it is had sooner still where soon was no help."""
KEPT = 0.01
"""Seconds of waiting in spite of that, from which on it is no help either; three times in a row, and it is left."""


class Waits(NamedTuple):
    """How a thread has waited for the lock, for a while.

    Attributes:
        seconds: For how long.
        in_vain: Whether it was woken again and again for a lock that was gone by then, although it asks soon.
        starved: Whether it was late for that, by a quarter of a second or more.
    """

    seconds: float = 0.0
    in_vain: bool = False
    starved: bool = False


class SwitchInterval:
    """Shortens the switch interval of the process for a while, where nobody else has chosen one.

    Attributes:
        is_shortest: Whether it is the shortest, which asks for exact timers.

    Example:
        >>> sys.setswitchinterval(0.005)
        >>> haste = SwitchInterval()
        >>> haste.begin(); round(sys.getswitchinterval(), 6)
        0.0001
        >>> haste.end(); round(sys.getswitchinterval(), 6)
        0.005
    """

    def __init__(self) -> None:
        self._chosen = USUAL
        self.is_shortest = False
        self._hasty_until = 0.0
        self._keen_until = 0.0
        self._no_help = 0

    def begin(self) -> None:
        """Shorten it. A process that has an interval of its own choice keeps it."""
        self._set(SHORT_INTERVAL)

    def end(self) -> None:
        """Make it the usual one again, unless somebody has chosen another meanwhile."""
        self._set(USUAL)

    def choose(self, now: float, waits: Waits, *, alone: bool, first: bool = False) -> None:
        """Shorten it as long as that is at nobody's cost, or there is no other way to have the lock.

        Threads that compute side by side would hand it to each other fifty times as often, which costs them a tenth of their
        time and more. A job of one thread hands it to nobody but us.

        Args:
            now: Seconds on any clock.
            waits: What this is about, since it was called before.
            alone: Whether the job has one thread.
            first: Whether no frame stands yet.
        """
        if waits.starved:
            self._hasty_until = now + BOOST_SECONDS
        if now >= self._keen_until:
            if alone and waits.in_vain:
                self._keen_until, self._no_help = now + BOOST_SECONDS, 0
        else:
            self._no_help = self._no_help + 1 if waits.seconds > KEPT else 0
            if self._no_help == 3:  # the job stays within C code for long
                self._keen_until = 0.0
        if alone and now < self._keen_until:
            wanted = SHORTEST_INTERVAL
        else:
            wanted = SHORT_INTERVAL if alone or first or now < self._hasty_until else USUAL
        if wanted != self._chosen:
            self._set(wanted)

    def _set(self, seconds: float) -> None:
        if seconds != self._chosen:
            if _is_set_to(self._chosen):
                sys.setswitchinterval(seconds)
            elif seconds != USUAL:  # somebody else has chosen one, which stays
                return
            self._chosen = seconds
            self.is_shortest = seconds == SHORTEST_INTERVAL


class Timers:
    """The timers of the thread that uses this: exact to a microsecond, or to the 50 that Linux saves power by.

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
        """Have them exact, or as usual. Where there is no such choice nothing happens."""
        if wanted == self.are_exact:
            return
        self.are_exact = wanted
        with suppress(OSError):
            thread = os.path.basename(os.readlink("/proc/thread-self"))  # by the name that /proc has for it
            file = os.open(f"/proc/{thread}/timerslack_ns", os.O_WRONLY)
            try:
                os.write(file, b"1" if wanted else b"0")  # 0 is the usual one
            finally:
                os.close(file)


def _is_set_to(seconds: float) -> bool:
    return abs(sys.getswitchinterval() - seconds) < 1e-6  # it is kept in microseconds
