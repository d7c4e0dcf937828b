"""The curve of one task: its count over time, in a bounded number of points.

Pure. Does not know tasks, or how the curve is drawn.
"""

from __future__ import annotations

POINTS = 240
"""The most points of a curve."""


class Curve:
    """A count over time. When there are more than `POINTS` points, every second one is dropped.

    Args:
        step: The least number of seconds between two points, at first.

    Attributes:
        points: Pairs of a time and a count.

    Example:
        >>> curve = Curve(1.0)
        >>> curve.note(0.0, 0); curve.note(0.5, 1); curve.note(2.0, 4)
        >>> curve.points
        [(0.0, 0.0), (2.0, 4.0)]
    """

    __slots__ = ("_step", "points")

    def __init__(self, step: float = 0.0) -> None:
        self.points: list[tuple[float, float]] = []
        self._step = step

    def note(self, time: float, completed: float, *, is_last: bool = False) -> None:
        """Add a point for `completed` units at `time`, if the last point is old enough.

        Args:
            time: Seconds on any clock.
            completed: Units done.
            is_last: Whether the task has ended: its last point is always added.
        """
        points = self.points
        if points and not is_last and time - points[-1][0] < self._step:
            return
        points.append((time, float(completed)))
        if len(points) > POINTS:
            del points[1:-1:2]
            self._step = 2 * (points[-1][0] - points[0][0]) / POINTS
