"""The rate of a task and the time left (ETA), from samples of its count.

Pure: the caller passes the seconds that the task has been running. Does not know tasks or frames.

The theory, in terms of the cost of a unit (seconds per unit, the reciprocal of the rate):

- A cost is a quotient of sums, seconds over units. It is therefore weighted by time, does not
  depend on how often it is sampled, and needs no correction for its beginning, as an average of
  rates would.
- There are two costs. The *long* cost covers all the work and is best where nothing changes. The
  *recent* cost covers a fading sum and is best after a change. Evidence decides between them: their
  distance, compared with the distance that chance would produce for work of this irregularity (its scatter). Irregular
  work scatters much and is averaged; a small but lasting change of a regular pace is followed at once. Overwhelming
  evidence restarts the long memory.
- Two samples in a row that are about the fastest so far, and far beyond chance, are a new pace, and restart all memory.
  A slow start therefore ends at once, while fast files among slow ones, which have occurred before, change nothing.
- A stop longer than any before is a stall, which does not count until a second one shows that stops are normal. Rate
  and ETA stay as they are during a stall; in a long one both are unknown.
- Rising costs are expected to continue rising in proportion to the work left, as far as the evidence goes, but by
  `MOST_RISE` at most. The ETA therefore agrees with the rate beside it, within that share. Falling costs are not
  expected to continue falling.

The constants were chosen with `benchmarks/eta.py`, on other seeds than those whose errors it prints.
"""

from __future__ import annotations

RECENT = 0.045
"""Half-life of the recent sums, as a share of the time so far."""
SHORTEST_SECONDS = 0.3
"""Half-life of the recent sums in seconds, at least: three frames."""
SCATTER = 0.15
"""Half-life of the scatter, as a share of the time so far."""
DOUBT = 2.8
"""Evidence (a squared distance in units of its variance) below which a change is chance."""
CERTAIN = 70.0
"""Evidence from which the work before the change is forgotten: eight standard deviations."""
STALL = 10.3
"""A stop is a stall if it is this many times as long as any stop before."""
FRAME_SECONDS = 0.1
"""Seconds between two frames. Shorter gaps are those of frames that were asked for, and no measure of a stop."""
GROWTH = 3.0
"""Factor of the expected rise of the cost, over its rise so far and the work left."""
MOST_RISE = 0.3
"""The largest expected rise, as a share of the cost."""
NEW_SAMPLES = 2
"""Samples in a row that make a new pace."""
NEW_COST = 0.65
"""The cost of such a sample is below this share of the recent cost."""
NEW_RECORD = 0.92
"""The rate of such a sample is above this share of the fastest sample's rate."""
NEW_EVIDENCE = 3.0
"""The squared distance of such a sample from the expected cost is above this many variances."""
IDLE_SECONDS, IDLE_GAPS, IDLE_AT_FIRST = 10.0, 3.0, 60.0
"""A task is idle after this many seconds without a change, and also this many times the longest gap so far. Before two
gaps have occurred, it is idle after the last of these numbers of seconds."""


INFINITY = float("inf")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object


class Estimator(Protocol):
    """Estimates the rate and the time left of one task. `ProgressTracker(estimator=...)` makes one for each task.

    Example:
        >>> class Plain:
        ...     def __init__(self, initial): self.initial = initial
        ...     def sample(self, time, completed): pass
        ...     def outlook(self, time, completed, total):
        ...         rate = (completed - self.initial) / time if time else None
        ...         return rate, (total - completed) / rate if rate and total else None
        >>> ProgressTracker("none", estimator=Plain).estimator is Plain
        True
    """

    def sample(self, time: float, completed: float, /) -> None:
        """Learn that `completed` units are done when the task has been running for `time` seconds. Called for each frame."""

    def outlook(self, time: float, completed: float, total: float | None, /) -> tuple[float | None, float | None]:
        """Return units a second and seconds left, as seen at `time`; None for an unknown one."""
        return None, None


class Estimate:
    """The rate of one task.

    Args:
        time: Seconds that the task had been running when counting began.
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
        "_evident",
        "_fastest",
        "_gaps",
        "_initial",
        "_longest",
        "_moves",
        "_new_samples",
        "_new_residual",
        "_new_seconds",
        "_new_units",
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
        self._gaps = 0  # between movements so far, including the one before the first
        self._recent_seconds = self._recent_units = 0.0
        self._evident = 0.0  # the evidence as of the last sample
        self._scatter = self._scatter_seconds = 0.0  # squared residuals, and the seconds that they are of
        self._fastest = 0.0  # sample so far, in units a second
        self._new_samples = 0  # in a row at a possible new pace
        self._new_seconds = self._new_units = 0.0  # of these
        self._new_residual = 0.0  # of the first of them, squared: part of the scatter if it was not a new pace
        self._longest = 0.0  # stop between two movements
        self._stalled = 0.0  # seconds of the stall that does not count

    def sample(self, time: float, completed: float) -> None:
        """Learn that `completed` units were done at `time`. A lower count, as after a retry, does not change the
        rate."""
        units = completed - self._completed
        if units == 0:
            return
        self._completed = completed
        seconds = time - self._time
        if units < 0 or seconds <= 0:
            self._units += max(units, 0.0)
            self._recent_units += max(units, 0.0)
            self._evident = self._evidence()
            return
        self._time = time
        if seconds > self._longest or self._stalled:
            seconds = self._without_stall(seconds)
        self._moves += 1
        self._gaps += 1
        if self._recent_units:
            self._scatter_by(seconds, units, time)
        half_life = RECENT * time
        fade = 0.5 ** (seconds / (half_life if half_life > SHORTEST_SECONDS else SHORTEST_SECONDS))
        self._recent_seconds = self._recent_seconds * fade + seconds
        self._recent_units = self._recent_units * fade + units
        self._seconds += seconds
        self._units += units
        if self._new_samples == NEW_SAMPLES:
            self._begin_anew()
        self._evident = self._evidence()
        if self._evident > CERTAIN:
            self._moves *= self._recent_seconds / self._seconds
            self._seconds, self._units = self._recent_seconds, self._recent_units
            self._evident = self._evidence()

    def _scatter_by(self, seconds: float, units: float, time: float) -> None:
        """Add a sample of `seconds` and `units` to the scatter, unless it may belong to a new pace."""
        expected = units * self._recent_seconds / self._recent_units
        residual = seconds - expected
        if (
            self._gaps > NEW_SAMPLES + 4
            and units > NEW_RECORD * self._fastest * seconds
            and seconds < NEW_COST * expected
            and residual * residual * self._scatter_seconds > NEW_EVIDENCE * self._scatter * seconds
        ):
            self._new_samples += 1
            self._new_seconds += seconds
            self._new_units += units
            self._new_residual = seconds * seconds
            return
        pace = units / seconds
        if self._new_samples:
            self._scatter += self._new_residual
            pace = max(pace, self._new_units / self._new_seconds)
            self._new_samples, self._new_seconds, self._new_units = 0, 0.0, 0.0
        if pace > self._fastest:
            self._fastest = pace
        half_life = SCATTER * time
        fade = 0.5 ** (seconds / (half_life if half_life > SHORTEST_SECONDS else SHORTEST_SECONDS))
        if residual < -seconds:  # however much sooner than expected: at most the time that it took
            residual = -seconds
        self._scatter = self._scatter * fade + residual * residual
        self._scatter_seconds = self._scatter_seconds * fade + seconds

    def _begin_anew(self) -> None:
        """Forget all work except that at the new pace."""
        self._seconds, self._units = self._new_seconds, self._new_units
        self._recent_seconds, self._recent_units = self._new_seconds, self._new_units
        self._moves = float(NEW_SAMPLES)
        self._fastest = self._new_units / self._new_seconds
        self._new_samples, self._new_seconds, self._new_units = 0, 0.0, 0.0

    def _without_stall(self, seconds: float) -> float:
        """Return how many seconds of a stop of `seconds` belong to the pace."""
        longest = max(self._longest, FRAME_SECONDS)
        if self._gaps >= 2 and seconds > STALL * longest:
            self._longest = seconds
            self._seconds += self._stalled  # a second one shows that stops are normal
            self._stalled = seconds - longest
            return longest
        if self._stalled and seconds * STALL > longest:
            self._seconds += self._stalled
            self._stalled = 0.0
        if seconds > self._longest:
            self._longest = seconds
        return seconds

    def _evidence(self) -> float:
        """Return how far the recent cost is from the long one: a squared distance in units of its variance."""
        chance = self._scatter * self._recent_seconds
        if not (chance and self._units):
            return 0.0
        distance = self._recent_seconds - self._recent_units * self._seconds / self._units
        return distance * distance * self._scatter_seconds / chance

    def _costs(self) -> tuple[float, float] | None:
        """Return the cost of a unit now, and its excess over the cost so far, by evidence; None before the first
        movement."""
        if not (self._units and self._recent_units and self._seconds > 0.0):
            return None  # units that are there at once have no pace
        long = self._seconds / self._units
        recent = self._recent_seconds / self._recent_units
        evidence = self._evident
        belief = 1.0 - (DOUBT / evidence) ** 2 if evidence > DOUBT else 0.0
        if not belief:  # most work has a constant pace
            return long, 0.0
        rise = 0.0
        if recent > long and (moved := self._completed - self._initial) > 0:
            rise = belief * max(recent - (self._time - self._stalled) / moved, 0.0)
        return long + belief * (recent - long), rise

    @property
    def is_settled(self) -> bool:
        """Whether two gaps have occurred, after which the time left is reliable enough to show."""
        return self._gaps >= 2

    def is_idle(self, time: float) -> bool:
        """Whether nothing has moved for so long that the rate and the time left are unknown."""
        waited = time - self._time
        if self._gaps < 2:
            return waited > IDLE_AT_FIRST
        return waited > IDLE_SECONDS and waited > IDLE_GAPS * self._longest

    def idle(self, time: float) -> float | None:
        """Return the seconds without a movement at `time`, if they are unusually many, else None.

        Example:
            >>> estimate = Estimate(0.0, 0)
            >>> estimate.idle(30.0), estimate.idle(61.0)
            (None, 61.0)
        """
        return time - self._time if self.is_idle(time) else None

    def outlook(self, time: float, completed: float, total: float | None) -> tuple[float | None, float | None]:
        """Return the rate and the seconds left as seen at `time`, both from the same cost of a unit.

        Both are None while nothing has moved for long. The seconds left are None until two gaps have occurred.
        """
        waited, gaps = time - self._time, self._gaps
        if waited > IDLE_SECONDS and self.is_idle(time):
            return None, None
        costs = self._costs()
        left = None if total is None or gaps < 2 else self._left(costs, waited, total - completed)
        if costs is None:
            return None, left
        rate = 1.0 / costs[0] if costs[0] > 0 else INFINITY
        return rate if rate < INFINITY else None, left

    def rate(self, time: float) -> float | None:
        """Return units a second as seen at `time`; None before the first movement."""
        costs = self._costs()
        return None if costs is None or costs[0] <= 0 else _finite(1.0 / costs[0])

    def eta(self, time: float, completed: float, total: float | None) -> float | None:
        """Return the seconds left; 0.0 when all is done, None when unknown."""
        return None if total is None else self._left(self._costs(), time - self._time, total - completed)

    def _left(self, costs: tuple[float, float] | None, waited: float, left: float) -> float | None:
        """Return the seconds for `left` units at `costs`, or None if `costs` is None.

        Args:
            costs: As `_costs` gives them.
            waited: Seconds since the last movement.
            left: Units.
        """
        if left <= 0:
            return 0.0
        if costs is None:
            return None
        cost, rise = costs
        if rise and (moved := self._completed - self._initial) > 0:
            cost += min(GROWTH * rise * left / moved, MOST_RISE * cost)
        left *= cost
        if waited > 0.0:  # for the current gap
            usual = self._seconds / self._moves if self._moves > 1.0 else self._seconds
            left -= waited if waited < usual else usual
        if left <= 0.0:
            return 0.0
        return left if left < INFINITY else None


def _finite(value: float) -> float | None:
    """Return `value`, or None if it is beyond the range of a float."""
    return value if value < INFINITY else None
