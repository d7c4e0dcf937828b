"""How a number is counted at the least cost: the one hot path of the library.

Under the GIL no other thread can run between the load and the store of `self._n += n` in a method whose operands are plain
numbers, so a bare addition loses nothing; on a free-threaded build a lock makes it so. Which of the two is chosen once, at
import. Must not know clocks, trackers or states.
"""

from __future__ import annotations

import sys
from _thread import RLock
from itertools import repeat
from operator import length_hint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Counter(Protocol):
        """A count that something else moves."""

        def count(self) -> int: ...


def gil_enabled() -> bool:
    """Return whether this interpreter runs one thread of Python code at a time."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


class Ticks:
    """Counts calls of a C function: the number is read from the outside, from how often a `repeat` can still be asked.

    Example:
        >>> ticks = Ticks()
        >>> tick = ticks.tick
        >>> tick(); tick()
        >>> ticks.count()
        2
    """

    __slots__ = ("_repeat", "tick")

    def __init__(self) -> None:
        self._repeat = repeat(None, sys.maxsize)
        self.tick: Callable[[], None] = self._repeat.__next__

    def count(self) -> int:
        return sys.maxsize - length_hint(self._repeat)


class LockedTicks:
    """The same for a free-threaded build, where a `repeat` that several threads ask loses counts."""

    __slots__ = ("_n",)

    def __init__(self) -> None:
        self._n = 0

    def tick(self) -> None:
        with LOCK:
            self._n += 1

    def count(self) -> int:
        return self._n


class Cell:
    """A number that `advance` adds to, for an interpreter with a GIL."""

    __slots__ = ("_n",)
    _n: int | float

    def advance(self, n: int | float = 1) -> None:
        """Add `n` units to what is completed. Safe from any thread; no lock, no clock, no drawing.

        Example:
            >>> task.advance(65536)
        """
        self._n += n


class LockedCell:
    """The same for a free-threaded build. One lock serves all tasks: an addition holds it for some tens of nanoseconds."""

    __slots__ = ("_n",)
    _n: int | float

    def advance(self, n: int | float = 1) -> None:
        """Add `n` units to what is completed. Safe from any thread; no clock, no drawing."""
        with LOCK:
            self._n += n


LOCK = (
    RLock()
)  # a signal handler that counts may interrupt the holder: before its load or after its store, never between
poll: Callable[[], None] | None = None
"""What to call between slices of a loop, where no thread can be had; None otherwise."""


def draw_from_advance(draw: Callable[[], None]) -> None:
    """Have every `advance` from now on call `draw`: there is no thread that could."""
    global poll
    poll = draw
    add = CountingCell.advance

    def advance(self: Cell, n: int | float = 1) -> None:
        add(self, n)
        draw()

    CountingCell.advance = advance  # type: ignore[method-assign]  # replaced for good, so that the usual way stays bare


if TYPE_CHECKING:
    CountingCell = Cell
    CountingTicks = Ticks
elif gil_enabled():
    CountingCell, CountingTicks = Cell, Ticks
else:
    CountingCell, CountingTicks = LockedCell, LockedTicks
