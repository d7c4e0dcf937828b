"""Detect that the process was stopped (Ctrl-Z, a suspended machine) while the ticker slept or drew.

Other programs may have drawn on the terminal since. Reads the scheduler's counts for one thread, needs no signal
handler, and does not mistake a slow machine for a stop. Does not know how the caller reacts.
"""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

LATE = 1.0
"""Seconds of lateness that count as a stop where only the process's own processor time is known."""
SHORT = 0.25
"""Seconds of unexplained lateness that count as a stop if the scheduler's counts are available."""
SOON = 0.001
"""Seconds, as `ASKING`. Below it, the switch interval is too short for a job of several threads."""
IN_VAIN = 0.002
"""Seconds of wake-ups without getting the interpreter's lock after which `woken_in_vain` is true."""
ASKING = 0.0061
"""Seconds between two runs of a thread that waits for the interpreter's lock, at most, with the
usual switch interval."""


ON_TIME = 0.001
"""Seconds of lateness below which a thread neither was stopped nor had to wait for a lock."""
USUAL_WORK = 0.005
"""Seconds that a frame takes, unless the thread is held up."""
READ_SECONDS = 0.5
"""Seconds for which a thread that wakes on time does not read the scheduler's counts. Each reading takes as long as
drawing a row."""


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
        if now < self._read_again and before is not None and now - began - meant < ON_TIME:
            self._mark = now, cpu, _scheduled((before.ready, before.runs + 1))  # as far as is known
            return False
        self._read_again = now + READ_SECONDS
        after = self.read()  # before the clock: reading releases the interpreter's lock, and a busy job returns it late
        now = time.monotonic()
        late = now - began - meant
        if late > SHORT:  # the thread may have waited for the lock after the first read
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
        if late <= SHORT:
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
        if now - began > USUAL_WORK:
            return self.stopped()
        self._mark = now, cpu, before
        return False

    @property
    def woken_in_vain(self) -> bool:
        """Whether the thread, with a short switch interval, was woken more often than it requests
        the lock, since `waits`."""
        return self._asking < SOON and self._waited > IN_VAIN and self._woken * self._asking > 2 * self._waited

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
        >>> round(between_runs(), 6) == ASKING
        True
    """
    return 1.2 * sys.getswitchinterval() + 0.0001


def was_stopped(
    late: float, cpu: float, before: Scheduled | None, after: Scheduled | None, asking: float = ASKING
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
        return late > LATE and cpu < 0.5 * late
    ready, runs = after.ready - before.ready, after.runs - before.runs
    if ready + runs * asking > 2 * late:
        return late - ready - cpu > 2 * SHORT
    return late - ready - runs * asking > SHORT


def was_starved(late: float, before: Scheduled | None, after: Scheduled | None, asking: float = ASKING) -> bool:
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
    return late - (after.ready - before.ready) > SHORT and (after.runs - before.runs) * asking > 1.5 * late
