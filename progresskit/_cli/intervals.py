"""The median of paired measurements, with its confidence interval.

Pure. Noise only adds to a time and comes in waves, so each variant is compared with the control of its own pair. The interval
follows from the order of the values alone, which assumes nothing about their distribution.
"""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A median with the bounds of its confidence interval.

    Example:
        >>> Interval(1.0, 2.0, 3.0).scaled(10)
        Interval(low=10.0, middle=20.0, high=30.0)
    """

    low: float
    middle: float
    high: float

    def scaled(self, factor: float) -> Interval:
        """Return the interval in another unit."""
        return Interval(self.low * factor, self.middle * factor, self.high * factor)


def interval(values: Sequence[float]) -> Interval:
    """Return the median of `values` with its interval at `CONFIDENCE`; up to five values, the interval spans all of them.

    Example:
        >>> interval([5.0, 1.0, 3.0])
        Interval(low=1.0, middle=3.0, high=5.0)
    """
    ordered, count = sorted(values), len(values)
    rank, below = 0, 0.0
    while True:
        below += math.comb(count, rank) / 2**count
        if 2 * below > 1 - CONFIDENCE or rank >= count // 2:
            break
        rank += 1
    rank = max(rank - 1, 0)
    return Interval(ordered[rank], statistics.median(ordered), ordered[count - 1 - rank])
