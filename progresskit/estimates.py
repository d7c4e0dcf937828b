"""Rate and time left, from samples of a count.

Pure: time is handed in as the seconds that a task has been at work. Must not know tasks or frames.

The rate is a quotient of two sums that fade with age, units moved over seconds passed: weighted by time, it does not depend
on how often it is sampled, and needs no correction for its beginning, as an average of rates would. Their half-life is a
quarter of the time so far, at least `SHORTEST`: what is old stays of use for as long as the work has lasted. Seconds
without movement are folded in with the next movement; until then only what the present gap has beyond the usual one counts,
so that a burst every half minute reads as a steady rate, and a stall lowers it gradually.
"""

from __future__ import annotations

SHORTEST = 5.0
"""Seconds of the shortest half-life."""
SHARE = 0.25
"""The half-life as a share of the time so far."""


class Estimate:
    """The rate of one task.

    Args:
        time: Seconds at work when the counting began.
        completed: Units that were done then.

    Example:
        >>> estimate = Estimate(0.0, 0)
        >>> estimate.sample(2.0, 10)
        >>> estimate.rate(2.0), estimate.eta(2.0, 10, 30)
        (5.0, 4.0)
    """

    __slots__ = ("_completed", "_gap", "_moved", "_seconds", "_time")

    def __init__(self, time: float, completed: float) -> None:
        self._time = time  # of the last movement
        self._completed = completed
        self._moved = 0.0  # units, faded
        self._seconds = 0.0  # seconds, faded alike
        self._gap = 0.0  # usual seconds between two movements

    def sample(self, time: float, completed: float) -> None:
        """Learn that `completed` units were done at `time`. A step back, a retry, changes no rate."""
        moved = completed - self._completed
        if moved == 0:
            return
        self._completed = completed
        passed = time - self._time
        if moved < 0 or passed <= 0:
            self._moved += max(moved, 0.0)
            return
        fade = 0.5 ** (passed / max(SHORTEST, SHARE * time))
        self._moved = self._moved * fade + moved
        self._seconds = self._seconds * fade + passed
        self._gap = passed if not self._gap else 0.7 * self._gap + 0.3 * passed
        self._time = time

    def rate(self, time: float) -> float | None:
        """Return units a second as seen at `time`; None before the first movement."""
        if not self._seconds or not self._moved:
            return None
        overdue = max(time - self._time - 2 * self._gap, 0.0)
        return self._moved / (self._seconds + overdue)

    def eta(self, time: float, completed: float, total: float | None) -> float | None:
        """Return the seconds left; 0.0 when all is done, None when unknown."""
        if total is None:
            return None
        if completed >= total:
            return 0.0
        rate = self.rate(time)
        return None if rate is None else (total - completed) / rate
