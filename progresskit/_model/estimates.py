"""Rate and time left, from samples of a count.

Pure: time is handed in as the seconds that a task has been at work. Must not know tasks or frames.

The theory, in terms of what a unit costs (seconds a unit, the reciprocal of the rate):

- Costs are quotients of sums, seconds over units, so that they are weighted by time, do not depend on how often they are
  sampled, and need no correction for their beginning, as averages of rates would.
- There are two: the *long* one over all the work, best where nothing changes, and the *recent* one over a sum that fades, best
  where something has. Which is believed is a question of evidence: the distance between them against what chance would do,
  given how irregular the work is (its scatter). Lumps and heavy tails scatter much and are averaged; a small but persistent
  change of a regular pace is followed at once. Where the evidence is overwhelming, the long memory begins anew.
- A stop unlike any before is a stall and not the pace: it is left out, until another like it shows that it was no exception.
  The time left stands still meanwhile; the rate that is shown falls, since nothing moves.
- Costs that rise are taken to go on rising in proportion to the work left, as far as the evidence goes; costs that fall are
  not taken to go on falling.

The constants were chosen by `benchmarks/eta.py`, on other seeds than those whose errors it prints.
"""

from __future__ import annotations

RECENT = 0.06
"""Half-life of the recent sums, as a share of the time so far."""
SHORTEST = 0.5
"""The same in seconds, at least: five looks of a display."""
SCATTER = 0.15
"""Half-life of the scatter, as a share of the time so far."""
DOUBT = 2.5
"""Evidence (a squared distance in units of its variance) below which a change is chance."""
CERTAIN = 49.0
"""Evidence from which the work before the change is forgotten: seven standard deviations."""
STALL = 8.0
"""How many times as long as any stop before one must be to be a stall."""
GROWTH = 1.5
"""What the costs are taken to rise by, in proportion to their rise so far and the work left."""


INFINITY = float("inf")


class Estimate:
    """The rate of one task.

    Args:
        time: Seconds at work when the counting began.
        completed: Units that were done then.

    Example:
        >>> estimate = Estimate(0.0, 0)
        >>> for second in range(1, 11):
        ...     estimate.sample(second, 5 * second)
        >>> estimate.rate(10.0), estimate.eta(10.0, 50, 100)
        (5.0, 10.0)
    """

    __slots__ = (
        "_completed",
        "_gaps",
        "_initial",
        "_longest",
        "_moves",
        "_recent_seconds",
        "_recent_units",
        "_scatter",
        "_scatter_seconds",
        "_seconds",
        "_stalled",
        "_time",
        "_units",
    )

    def __init__(self, time: float, completed: float) -> None:
        self._time = time  # of the last movement
        self._completed = self._initial = completed
        self._seconds = self._units = 0.0  # of the work that counts
        self._moves = 0.0  # movements in it
        self._gaps = 0  # between movements so far, the one before the first among them
        self._recent_seconds = self._recent_units = 0.0
        self._scatter = self._scatter_seconds = 0.0  # squared residuals, and the seconds that they are of
        self._longest = 0.0  # stop between two movements
        self._stalled = 0.0  # seconds of the stall that was left out

    def sample(self, time: float, completed: float) -> None:
        """Learn that `completed` units were done at `time`. A step back, a retry, changes no rate."""
        units = completed - self._completed
        if units == 0:
            return
        self._completed = completed
        seconds = time - self._time
        if units < 0 or seconds <= 0:
            self._units += max(units, 0.0)
            self._recent_units += max(units, 0.0)
            return
        self._time = time
        seconds = self._without_stall(seconds)
        self._moves += 1
        self._gaps += 1
        if self._recent_units:
            fade = 0.5 ** (seconds / max(SHORTEST, SCATTER * time))
            residual = seconds - units * self._recent_seconds / self._recent_units
            residual = max(residual, -seconds)  # sooner than expected by whatever factor: no more than the time it took
            self._scatter = self._scatter * fade + residual * residual
            self._scatter_seconds = self._scatter_seconds * fade + seconds
        fade = 0.5 ** (seconds / max(SHORTEST, RECENT * time))
        self._recent_seconds = self._recent_seconds * fade + seconds
        self._recent_units = self._recent_units * fade + units
        self._seconds += seconds
        self._units += units
        if self._evidence() > CERTAIN:
            self._moves *= self._recent_seconds / self._seconds
            self._seconds, self._units = self._recent_seconds, self._recent_units

    def _without_stall(self, seconds: float) -> float:
        """Return what of a stop of `seconds` belongs to the pace."""
        longest = self._longest
        if longest and seconds > STALL * longest:
            self._longest = seconds
            self._seconds += self._stalled  # an earlier one was no exception
            self._stalled = seconds - longest
            return longest
        if self._stalled and seconds * STALL > longest:
            self._seconds += self._stalled
            self._stalled = 0.0
        self._longest = max(seconds, longest)
        return seconds

    def _evidence(self) -> float:
        """Return how far the recent cost is from the long one: a squared distance in units of its variance."""
        chance = self._scatter * self._recent_seconds
        if not (chance and self._units):
            return 0.0
        distance = self._recent_seconds - self._recent_units * self._seconds / self._units
        return distance * distance * self._scatter_seconds / chance

    def _costs(self) -> tuple[float, float] | None:
        """Return what a unit costs now, and what that is above the cost so far, by evidence; None before the first movement."""
        if not (self._units and self._recent_units and self._seconds > 0.0):
            return None  # what is there at once is no pace
        long = self._seconds / self._units
        recent = self._recent_seconds / self._recent_units
        evidence = self._evidence()
        belief = 1.0 - (DOUBT / evidence) ** 2 if evidence > DOUBT else 0.0
        moved = self._completed - self._initial
        rise = 0.0
        if recent > long and moved > 0:
            rise = belief * max(recent - (self._time - self._stalled) / moved, 0.0)
        return long + belief * (recent - long), rise

    @property
    def is_settled(self) -> bool:
        """Whether two gaps have been seen: from there on the time left is worth showing."""
        return self._gaps >= 2

    def rate(self, time: float) -> float | None:
        """Return units a second as seen at `time`; None before the first movement."""
        costs = self._costs()
        if costs is None or costs[0] <= 0:
            return None
        usual = self._seconds / max(self._moves, 1.0)
        overdue = max(time - self._time - 2 * usual, 0.0)
        return _finite(1.0 / (costs[0] + overdue / self._recent_units))

    def eta(self, time: float, completed: float, total: float | None) -> float | None:
        """Return the seconds left; 0.0 when all is done, None when unknown."""
        if total is None:
            return None
        left = total - completed
        if left <= 0:
            return 0.0
        costs = self._costs()
        if costs is None:
            return None
        cost, rise = costs
        moved = self._completed - self._initial
        if rise and moved > 0:
            cost += GROWTH * min(rise * left / moved, cost)
        waited = min(time - self._time, self._seconds / max(self._moves, 1.0))  # for a movement that is on its way
        return _finite(max(left * cost - max(waited, 0.0), 0.0))


def _finite(value: float) -> float | None:
    """Return `value`, or None where it is beyond what a float holds."""
    return value if value < INFINITY else None
