"""A median with an honest interval, of figures that were taken in pairs.

Pure: numbers in, numbers out. Noise adds to a time and comes in waves, so a variant is compared with the control of its own pair,
and the interval comes from the order of the pairs alone, which assumes nothing of their distribution.
"""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A median, and between what it lies.

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
    """Return the median of `values` with its interval at `CONFIDENCE`; with five values or fewer that is all of them.

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
