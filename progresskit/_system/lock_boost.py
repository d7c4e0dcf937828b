"""How soon the drawing thread gets the interpreter's lock, by how it has waited for it; and whether the process was stopped.

The two questions are asked of the same counts of the scheduler, in an order that this object keeps: a wait counts once.
Does not know what is drawn.
"""

from __future__ import annotations

import _thread  # whose count of threads is the interpreter's own, also under gevent
import time

from .gil import SwitchInterval, Timers
from .suspension import SHORT, SuspensionDetector

LONGEST_SLEEP = 1.0
"""Seconds of sleep from which on nothing is known of the threads that the job has at its end."""


class LockBoost:
    """Shortens the switch interval while a job of one thread computes, and wherever the drawing thread was starved.

    Used by the drawing thread alone.

    Args:
        switch_interval: The process's.
        began: When the thread was started, by the monotonic clock.
    """

    def __init__(self, switch_interval: SwitchInterval, began: float) -> None:
        self.suspension = SuspensionDetector(began=began)
        self._switch_interval = switch_interval
        self._timers = Timers()

    def after_sleep(self, slept: float) -> bool:
        """Return whether the process was stopped while the thread slept, beyond the `slept` seconds that it meant to."""
        return self.suspension.stopped(slept)

    def after_wait(self, seconds: float) -> None:
        """Note that the thread has waited for another one of the ticker's: that is no stop."""
        if seconds > SHORT:
            self.suspension.stopped()

    def was_stopped(self) -> bool:
        """Return whether the process was stopped since this, or `after_sleep`, was asked before."""
        return self.suspension.stopped()

    def before_frame(self, delay: float, own_threads: int) -> None:
        """Boost at once where the thread is woken in vain: a frame might wait for hundreds of turns.

        Args:
            delay: Seconds of the next sleep.
            own_threads: How many threads of the interpreter are the ticker's.
        """
        if self.suspension.woken_in_vain:
            self._choose(delay, own_threads, first=True)

    def after_frame(self, delay: float, own_threads: int) -> None:
        """Boost, or stop boosting, for the next `delay`; arguments as of `before_frame`."""
        self._choose(delay, own_threads, first=False)

    def _choose(self, delay: float, own_threads: int, *, first: bool) -> None:
        alone = _thread._count() <= own_threads and delay <= LONGEST_SLEEP
        interval = self._switch_interval
        interval.choose(time.monotonic(), self.suspension.waits(), alone=alone, first=first)
        if interval.is_shortest or self._timers.are_exact:
            self._timers.exact(interval.is_shortest)

    def close(self) -> None:
        """Give back what the thread holds of the system's."""
        self.suspension.close()
