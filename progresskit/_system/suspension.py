"""Whether the process was stopped (Ctrl-Z, a suspended machine) while the ticker slept or drew: others may have drawn since.

Knows what a scheduler tells of one thread. No signal handler is needed for it, and nothing that is merely slow looks like a
stop. Must not know what follows from it.
"""

from __future__ import annotations

import os
import sys
import time
from typing import NamedTuple

from .gil import Waits

LATE = 1.0
"""Seconds by which a look may be late, where nothing more is known than the process's own processor time."""
SHORT = 0.25
"""The same where the scheduler tells what the thread did meanwhile."""
SOON = 0.001
"""As `ASKING`, where the thread asks for the lock sooner than a job of several threads would have it do."""
IN_VAIN = 0.002
"""Seconds for which a look may have been woken for an interpreter's lock that was gone again, before that is seen to."""
ASKING = 0.0061
"""Seconds that go by, at the most, between two runs of a thread that wants the interpreter's lock, as `between_runs` has it."""


class Scheduled(NamedTuple):
    """What the scheduler has counted for a thread: seconds for which it ran, or was ready and had to wait; times that it ran."""

    ready: float
    runs: int


class SuspensionDetector:
    """Tells the thread that made it whether it was stopped, by what the scheduler says of it, where that says anything.

    Args:
        path: Where it says so.
        began: When the thread was started, by the monotonic clock: waits count from then on. None: from now on.

    Example:
        >>> presence = SuspensionDetector()
        >>> presence.stopped()
        False
        >>> presence.close()
    """

    def __init__(self, path: str = "/proc/thread-self/schedstat", began: float | None = None) -> None:
        try:
            self._fd = os.open(path, os.O_RDONLY)
        except OSError:  # no Linux, or one without these counts
            self._fd = -1
        so_far = self.read()
        now = time.monotonic()
        self._mark = (now, time.process_time(), so_far)
        self._asking = between_runs()
        # Since `waits` was asked: whether the interpreter's lock was kept from the thread for long, the seconds for which it
        # neither slept nor was ready, and the times that it ran.
        self._starved, self._waited, self._woken = False, 0.0, 0
        if began is not None and so_far is not None:
            self._waited, self._woken = max(now - began - so_far.ready, 0.0), so_far.runs

    def stopped(self, meant: float = 0.0) -> bool:
        """Return whether the process was stopped since this was asked before, beyond `meant` seconds that the thread slept."""
        began, cpu, before = self._mark
        after = self.read()  # first: it gives the interpreter's lock away, and gets it back late where the job is busy
        now = time.monotonic()
        late = now - began - meant
        if late > SHORT:  # the lock may have been lost since, and asked for
            after = self.read()
        cpu_now = time.process_time()
        self._mark = (now, cpu_now, after)
        if before is not None and after is not None:
            self._waited += max(late - after.ready + before.ready, 0.0)
            self._woken += after.runs - before.runs
        before_this, self._asking = self._asking, between_runs()
        if late <= SHORT:
            return False
        each = max(before_this, self._asking)  # somebody may have changed it meanwhile
        stopped = was_stopped(late, cpu_now - cpu, before, after, each)
        self._starved = self._starved or (not stopped and was_starved(late, before, after, each))
        return stopped

    @property
    def woken_in_vain(self) -> bool:
        """Whether the thread, which asks for the lock soon, was woken oftener than it asks, since `waits`."""
        return self._asking < SOON and self._waited > IN_VAIN and self._woken * self._asking > 2 * self._waited

    def waits(self) -> Waits:
        """Return how the thread waited for the lock since this was asked before."""
        found = Waits(self._waited, self.woken_in_vain, self._starved)
        self._waited, self._woken, self._starved = 0.0, 0, False
        return found

    def read(self) -> Scheduled | None:
        """Return the counts so far; None where there are none."""
        if self._fd < 0:
            return None
        try:
            running, waiting, runs = map(int, os.pread(self._fd, 100, 0).split())
            return Scheduled((running + waiting) / 1e9, runs)
        except (OSError, ValueError):
            return None

    def close(self) -> None:
        """Give the descriptor back."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def between_runs() -> float:
    """Return the seconds that go by, at the most, between two runs of a thread that wants the interpreter's lock.

    It asks once in a switch interval, and a timer is late by some tens of microseconds.

    Example:
        >>> sys.setswitchinterval(0.005)
        >>> round(between_runs(), 6) == ASKING
        True
    """
    return 1.2 * sys.getswitchinterval() + 0.0001


def was_stopped(
    late: float, cpu: float, before: Scheduled | None, after: Scheduled | None, asking: float = ASKING
) -> bool:
    """Return whether the process was stopped in `late` seconds.

    A thread that ran, or could not run because others did, was ready; one that waited for the interpreter's lock has run every
    five milliseconds or so, to ask for it. The time that neither explains is a stop's. A thread that has run much oftener than that
    was woken because the lock was free again and again: then it is the processor time of those who had it that explains.

    Args:
        late: Seconds by which the thread woke later than it wanted, or for which it drew.
        cpu: Seconds of processor time that the whole process had in it.
        before: What the scheduler said when that began; None: nothing.
        after: The same at its end.
        asking: Seconds between two runs of a thread that wants the lock.

    Example:
        >>> was_stopped(0.5, 0.0, Scheduled(0.0, 10), Scheduled(0.001, 12))
        True
        >>> was_stopped(0.5, 0.0, Scheduled(0.0, 10), Scheduled(0.45, 12))  # the machine is busy
        False
        >>> was_stopped(1.0, 0.9, Scheduled(0.0, 10), Scheduled(0.6, 12))  # a busy machine, and a stop
        True
        >>> was_stopped(0.5, 0.0, Scheduled(0.0, 10), Scheduled(0.001, 90))  # C code has kept the interpreter to itself
        False
        >>> was_stopped(0.8, 0.0, Scheduled(0.0, 10), Scheduled(0.1, 4800), 0.00022)  # the same, asked for more often
        False
        >>> was_stopped(0.7, 0.03, Scheduled(0.0, 10), Scheduled(0.007, 600))  # a stop, amid a quarrel about the lock
        True
        >>> was_stopped(0.5, 0.0, None, None), was_stopped(1.5, 0.0, None, None), was_stopped(1.5, 1.4, None, None)
        (False, True, False)
    """
    if before is None or after is None:
        return late > LATE and cpu < 0.5 * late
    ready, runs = after.ready - before.ready, after.runs - before.runs
    if ready + runs * asking > 2 * late:
        return late - ready - cpu > 2 * SHORT
    return late - ready - runs * asking > SHORT


def was_starved(late: float, before: Scheduled | None, after: Scheduled | None, asking: float = ASKING) -> bool:
    """Return whether a thread that was `late`, and not for a stop, was so because others kept taking the interpreter's lock back.

    It was woken each time that the lock was free, oftener than it asks by itself, and was not ready otherwise. Arguments as of
    `was_stopped`.

    Example:
        >>> was_starved(0.5, Scheduled(0.0, 10), Scheduled(0.01, 500))
        True
        >>> was_starved(0.5, Scheduled(0.0, 10), Scheduled(0.4, 20))  # the machine is busy
        False
        >>> was_starved(0.5, Scheduled(0.0, 10), Scheduled(0.01, 100))  # a turn among many threads that compute
        False
        >>> was_starved(0.5, None, None)
        False
    """
    if before is None or after is None:
        return False
    return late - (after.ready - before.ready) > SHORT and (after.runs - before.runs) * asking > 1.5 * late
