"""How soon the drawing thread gets the interpreter's lock, by how it has waited for it; and whether the process was stopped.

The two questions are asked of the same counts of the scheduler, in an order that this object keeps: a wait counts once.
Does not know what is drawn.
"""

from __future__ import annotations

import _thread  # whose count of threads is the interpreter's own, also under gevent
import time

from .gil import SwitchInterval, Timers
from .suspension import SuspensionDetector

LONGEST_SLEEP = 1.0
"""Seconds of sleep from which on nothing is known of the threads that the job has at its end."""


class LockBoost:
    """Shortens the switch interval while a job of one thread computes, and wherever the drawing thread was starved.

    Used by the drawing thread alone.

    Attributes:
        suspension: Tells whether the process was stopped, since it was asked before. It has to be asked before `choose`.

    Args:
        switch_interval: The process's.
        began: When the thread was started, by the monotonic clock.
    """

    def __init__(self, switch_interval: SwitchInterval, began: float) -> None:
        self.suspension = SuspensionDetector(began=began)
        self._switch_interval = switch_interval
        self._timers = Timers()

    def choose(self, delay: float, own_threads: int, *, first: bool = False) -> None:
        """Boost, or stop boosting, by how the thread has waited since this was called before.

        Args:
            delay: Seconds of the next sleep.
            own_threads: How many threads of the interpreter are the ticker's.
            first: Whether a frame comes before that sleep, which may be the first.
        """
        alone = _thread._count() <= own_threads and delay <= LONGEST_SLEEP
        interval = self._switch_interval
        interval.choose(time.monotonic(), self.suspension.waits(), alone=alone, first=first)
        if interval.is_shortest or self._timers.are_exact:
            self._timers.exact(interval.is_shortest)

    def close(self) -> None:
        """Give back what the thread holds of the system's."""
        self.suspension.close()
