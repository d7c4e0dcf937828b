"""A thread that refreshes bars which have not been drawn for long, because their `miniters` was guessed too high.

Knows bars and the clock. Does not know how a bar is drawn.
"""

from __future__ import annotations

import atexit
from threading import Event, Thread
from time import time
from typing import Any, ClassVar
from warnings import warn

from .utils import TqdmWarning


class TqdmSynchronisationWarning(TqdmWarning, RuntimeWarning):
    """The monitor could not check every bar."""


class TMonitor(Thread):
    """Checks the bars of a class once in each interval, until `exit`.

    Args:
        tqdm_cls: The class of the bars, with `_instances` and `get_lock()`.
        sleep_interval: Seconds between two checks.
    """

    _test: ClassVar[dict[str, Any]] = {}  # `Event` and `time` of a test

    def __init__(self, tqdm_cls: Any, sleep_interval: float) -> None:
        super().__init__(daemon=True)  # a lock that is never released must not keep the process from ending
        self.woken: float = 0
        self.tqdm_cls = tqdm_cls
        self.sleep_interval = sleep_interval
        self._time = self._test.get("time", time)
        self.was_killed = self._test.get("Event", Event)()
        atexit.register(self.exit)
        self.start()

    def exit(self) -> bool:
        """Ask the thread to end, wait for it at most 0.5 seconds, and return whether it still runs."""
        self.was_killed.set()
        if self.is_alive():
            self.join(0.5)
        return self.report()

    def get_instances(self) -> list[Any]:
        """Return the bars whose constructors have finished."""
        return [bar for bar in self.tqdm_cls._instances.copy() if hasattr(bar, "start_t")]

    def run(self) -> None:
        """Check the bars until `exit`."""
        now = self._time()
        while True:
            self.woken = now
            self.was_killed.wait(self.sleep_interval)
            if self.was_killed.is_set():
                return
            with self.tqdm_cls.get_lock():
                now = self._time()
                bars = self.get_instances()
                for bar in bars:
                    if self.was_killed.is_set():
                        return
                    if bar.miniters > 1 and (now - bar.last_print_t) >= bar.maxinterval:
                        bar.miniters = 1
                        bar.refresh(nolock=True)
                if bars != self.get_instances():
                    warn("Set changed size during iteration", TqdmSynchronisationWarning, stacklevel=2)

    def report(self) -> bool:
        """Return whether the thread still checks bars."""
        return self.is_alive() and not self.was_killed.is_set()
