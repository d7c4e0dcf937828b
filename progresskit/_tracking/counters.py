"""Count units at the least cost: the one hot path of the library.

Under the GIL no other thread can run between the load and the store of `self._n += n` in a method whose operands are plain
numbers, so a bare addition loses nothing; on a free-threaded build a lock makes it so. Which of the two is used is
decided once, at import. Does not know clocks, trackers or states.
"""

from __future__ import annotations

import sys
from _thread import RLock
from itertools import repeat
from operator import length_hint

from .._model.numbers import LARGEST, plain_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Counter(Protocol):
        """A count that is read from elsewhere."""

        def count(self) -> int: ...


def gil_enabled() -> bool:
    """Return whether this interpreter runs one thread of Python code at a time."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


class Ticks:
    """Counts calls of a C function. The number is derived from how many items a `repeat` has left.

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
    """Counts calls on a free-threaded build, where a `repeat` that several threads use loses counts."""

    __slots__ = ("_n",)

    def __init__(self) -> None:
        self._n = 0

    def tick(self) -> None:
        with LOCK:
            self._n += 1

    def count(self) -> int:
        return self._n


class PolledCounter:
    """A count that a function of the user returns. The ticker calls it before each frame, without holding a lock."""

    __slots__ = ("_ask", "_last")

    def __init__(self, ask: Callable[[], Any]) -> None:
        self._ask = ask
        self._last: int | float = 0

    def poll(self) -> Any:
        """Call the function. Return its result if that is not a number of units, otherwise None.

        Raises:
            Exception: whatever the user's function raises.
        """
        answer = self._ask()
        number = plain_number(answer)
        if number is None:
            return (answer,)
        self._last = number
        return None

    def count(self) -> Any:
        return self._last


class Cell:
    """A number that `advance` adds to, for an interpreter with a GIL.

    A call checks only whether the amount is an int. An int of a hundred digits is found when the count is sampled.
    """

    __slots__ = ("_n",)
    _n: int | float

    def advance(self, n: int | float = 1) -> None:
        """Add `n` units to what is completed. Safe from any thread; no lock, no clock, no drawing.

        Any real number counts: a bool, numpy's scalars, `Decimal`, `Fraction`; a negative one is a step back. Any other
        value (NaN, infinity, None, text, an array) changes nothing, and gives one `ProgressWarning`.

        Example:
            >>> task.advance(65536)
        """
        if n.__class__ is int:  # the cheapest check that excludes numpy's scalars, which would overflow
            self._n += n
        else:
            self._advance_by(n)

    def _advance_by(self, n: Any) -> None:
        """Add `n`, which is not an int, as a plain number; refuse it if it is not a number."""
        number = n if n.__class__ is float and -LARGEST < n < LARGEST else plain_number(n)
        if number is None:
            self._refuse(n)
        elif number.__class__ is int:
            self._n += number
        else:
            self._add_fraction(number)

    def _add_fraction(self, number: int | float) -> None:
        """Add a float."""
        self._n += number

    def _prepare_fraction(self) -> None:
        """Make what `_add_fraction` needs. Called without `LOCK`, because a holder of the tree's lock may wait for
        `LOCK`."""

    def _refuse(self, n: Any) -> None:
        """Warn that `n` is no number of units."""


class LockedCell(Cell):
    """A number that `advance` adds to, on a free-threaded build. One lock serves all tasks: an addition holds it for
    some tens of nanoseconds."""

    __slots__ = ()

    def advance(self, n: int | float = 1) -> None:
        """Add `n` units to what is completed. Safe from any thread; no clock, no drawing."""
        if n.__class__ is int:
            with LOCK:
                self._n += n
        else:
            self._prepare_fraction()
            with LOCK:
                self._advance_by(n)


# A signal handler that counts may interrupt the holder: before its load or after its store, never between.
LOCK = RLock()
poll: Callable[[], None] | None = None
"""What a loop calls between two slices where no thread can be started; None otherwise."""


def draw_from_advance(draw: Callable[[], None]) -> None:
    """Call `draw` in every `advance` from now on, because no thread can be started."""
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
