"""How soon the drawing thread gets the interpreter's lock from a job that keeps taking it back.

Knows the interpreter's switch interval. Must not know who wants the lock, nor when.

CPython makes a thread give the lock away once another one has waited for a whole switch interval, 5 ms, in one go. A job that
makes a short system call every millisecond gives it away for a microsecond each time: too short for the one that waits to take
it, long enough for its wait to begin anew (`take_gil` in CPython's `ceval_gil.c`). So it waits for seconds. With an interval
below the job's own it asks, and is given the lock at the next instruction.

How short that has to be is the job's matter. Who waits wakes once in an interval, which takes processor time while a job stays
within C code: 4 % of it with `BRIEF`, 18 % with `BRIEFEST`. So the latter is for jobs that are known to call often.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

USUAL = 0.005
"""Seconds; the interval of a process that has not chosen one."""
BRIEF = 0.0001
"""Seconds; the interval while it is shortened. A timer of Linux is not exact to less than half of that."""
BRIEFEST = 0.000005
"""Seconds; the interval beside a job that calls oftener than that, with exact timers. It was the longest at which a thread
waited less than a millisecond for a lock that was given away every 25 to 200 µs; 17 to 100 ms with `BRIEF`."""


class Haste:
    """Shortens the switch interval of the process for a while, where nobody else has chosen one.

    Example:
        >>> sys.setswitchinterval(0.005)
        >>> haste = Haste()
        >>> haste.begin(); round(sys.getswitchinterval(), 6)
        0.0001
        >>> haste.end(); round(sys.getswitchinterval(), 6)
        0.005
    """

    def __init__(self) -> None:
        self._chosen = USUAL

    def begin(self, seconds: float = BRIEF) -> None:
        """Shorten it to `seconds`. A process that has an interval of its own choice keeps it."""
        if seconds != self._chosen and _is_set_to(self._chosen):
            self._chosen = seconds
            sys.setswitchinterval(seconds)

    def end(self) -> None:
        """Make it the usual one again, unless somebody has chosen another meanwhile."""
        self.begin(USUAL)
        self._chosen = USUAL


class Timers:
    """The timers of the thread that uses this: exact to a microsecond, or to the 50 that Linux saves power by.

    Example:
        >>> timers = Timers()
        >>> timers.exact(True)
        >>> timers.exact(False)
    """

    def __init__(self) -> None:
        self._exact = False

    def exact(self, wanted: bool) -> None:
        """Have them exact, or as usual. Where there is no such choice nothing happens."""
        if wanted == self._exact:
            return
        self._exact = wanted
        with suppress(OSError):
            thread = os.path.basename(os.readlink("/proc/thread-self"))  # by the name that /proc has for it
            file = os.open(f"/proc/{thread}/timerslack_ns", os.O_WRONLY)
            try:
                os.write(file, b"1" if wanted else b"0")  # 0 is the usual one
            finally:
                os.close(file)


def _is_set_to(seconds: float) -> bool:
    return abs(sys.getswitchinterval() - seconds) < 1e-6  # it is kept in microseconds
