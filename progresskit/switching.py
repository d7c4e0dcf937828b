"""How soon the drawing thread gets the interpreter's lock from a job that keeps taking it back.

Knows the interpreter's switch interval. Must not know who wants the lock, nor when.

CPython makes a thread give the lock away once another one has waited for a whole switch interval, 5 ms, in one go. A job that
makes a short system call every millisecond gives it away for a microsecond each time: too short for the one that waits to take
it, long enough for its wait to begin anew (`take_gil` in CPython's `ceval_gil.c`). So it waits for seconds. With an interval
below the job's own it asks, and is given the lock at the next instruction.
"""

from __future__ import annotations

import sys

USUAL = 0.005
"""Seconds; the interval of a process that has not chosen one."""
BRIEF = 0.0001
"""Seconds; the interval while it is shortened. A timer of Linux is not exact to less than half of that."""


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
        self._begun = False

    def begin(self) -> None:
        """Shorten it. A process that has an interval of its own choice keeps it."""
        if not self._begun and _is_set_to(USUAL):
            self._begun = True
            sys.setswitchinterval(BRIEF)

    def end(self) -> None:
        """Make it the usual one again, unless somebody has chosen another meanwhile."""
        if self._begun:
            self._begun = False
            if _is_set_to(BRIEF):
                sys.setswitchinterval(USUAL)


def _is_set_to(seconds: float) -> bool:
    return abs(sys.getswitchinterval() - seconds) < 1e-6  # it is kept in microseconds
