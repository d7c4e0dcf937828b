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

from .._model.numbers import LARGEST, plain_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

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


class PolledCounter:
    """A count that a function of the user's tells: the ticker asks for it before each frame, holding no lock."""

    __slots__ = ("_ask", "_last")

    def __init__(self, ask: Callable[[], Any]) -> None:
        self._ask = ask
        self._last: int | float = 0

    def poll(self) -> Any:
        """Ask for the count, and return what is no number of units; None where all is well.

        Raises:
            Exception: whatever the user's function raises.
        """
        told = self._ask()
        number = plain_number(told)
        if number is None:
            return (told,)
        self._last = number
        return None

    def count(self) -> Any:
        return self._last


class Cell:
    """A number that `advance` adds to, for an interpreter with a GIL.

    Only the class of an int is checked for each call: an int of a hundred digits is found when the count is sampled.
    """

    __slots__ = ("_n",)
    _n: int | float

    def advance(self, n: int | float = 1) -> None:
        """Add `n` units to what is completed. Safe from any thread; no lock, no clock, no drawing.

        Any real number counts: a bool, numpy's scalars, `Decimal`, `Fraction`; a negative one is a step back. What is no finite
        number (NaN, infinity, None, text, an array) changes nothing, and is told once as a `ProgressWarning`.

        Example:
            >>> task.advance(65536)
        """
        if n.__class__ is int:  # the cheapest check that tells numpy's scalars, which would wrap around, from an int
            self._n += n
        else:
            self._advance_by(n)

    def _advance_by(self, n: Any) -> None:
        """Add `n`, which is no int: as a plain number, or not at all."""
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
        """Make what `_add_fraction` needs. Called without `LOCK`: who holds the tree's lock may wait for that one."""

    def _refuse(self, n: Any) -> None:
        """Tell that `n` is no number of units."""


class LockedCell(Cell):
    """The same for a free-threaded build. One lock serves all tasks: an addition holds it for some tens of nanoseconds."""

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
