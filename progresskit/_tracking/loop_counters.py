"""How many items a loop has, and how many it has handed out so far.

A counter derives its number from what a builtin iterator reports as left, or from a second iterator that runs beside
the source, so that no Python code runs for an item. Knows iterators. Does not know how a loop ends, rows or renderers.
"""

from __future__ import annotations

import sys
from _thread import RLock
from itertools import compress, count, cycle, repeat
from operator import length_hint

from . import counters as counting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sized
    from typing import Any, Protocol

    class LoopTask(Protocol):
        """The members of its task that a loop uses."""

        @property
        def tracker(self) -> Any:
            """The tracker, for its clock."""

        @property
        def _made_extras(self) -> Any: ...

        @property
        def waiting(self) -> bool:
            """Whether the task has not begun."""

        @property
        def is_complete(self) -> bool:
            """Whether the count has reached the total."""

        def finish(self) -> None:
            """End the task as finished."""

        def fail(self, reason: str | BaseException = "") -> None:
            """End the task as failed."""

        def cancel(self, reason: str = "") -> None:
            """End the task as cancelled."""

        @property
        def state(self) -> str:
            """Its state."""

        def _change(self, event: Any, reason: str | None = None) -> None: ...

        def _go_on(self, counter: Any) -> LoopTask: ...


FIRST, MOST = 64, 262_144
"""The numbers of items in the first portion and in the largest one."""
MOST_UNTHREADED = 256
"""Items of the largest portion if no thread can be started. Frames are then drawn between two portions, and items may
become slow at any time."""
PORTION = 0.001
"""A portion that took at least this many seconds is not followed by a larger one, so that a portion takes no longer
than the usual wait for the GIL, 5 ms."""

WHOLE = 16
"""Portions at the end of a list that are handed over together, without a cost for each item: about 16 milliseconds of work."""

ENTRIES, PAUSES = 2_048, 256
"""Entries in the list by which a `PausingCounter` counts, which limits its portions, and the most threads that may
share a loop."""

MOST_COUNTERS = 16
"""Counters of a task at which those of finished loops are added up."""

# Iterators whose length hint tells exactly how many items they have handed out. Iterators of dicts, sets and deques are
# not among them: their hint is lost when the container changes during the loop.
SIZED = tuple(
    {
        type(iterator)
        for iterator in (
            iter(()),
            iter([]),
            iter(""),
            iter("é"),
            iter(b""),
            iter(bytearray()),
            iter(range(0)),
            reversed([]),
        )
    }
)


class PortionSizes:
    """The sizes of the portions of a loop: each is four times the last one, as long as a portion takes less than `PORTION`.

    Example:
        >>> times = iter([0.0, 0.0001, 0.5])
        >>> sizes = PortionSizes(lambda: next(times))
        >>> sizes.next(), sizes.next(), sizes.next()
        (64, 256, 1)
    """

    __slots__ = ("_began", "_clock", "_size")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._size = 0
        self._began = 0.0

    def next(self) -> int:
        """Return the size of the portion that begins now. If only this loop can draw, draw what is due first."""
        first, most = FIRST, MOST
        if counting.poll is not None:
            counting.poll()
            first, most = 1, MOST_UNTHREADED
        now = self._clock()
        took, self._began = now - self._began, now
        if not self._size:
            self._size = first
        elif took < PORTION:
            self._size = min(4 * self._size, most)
        else:
            self._size = max(int(self._size * PORTION / took), 1)
        return self._size


class SizedCounter:
    """The items that a builtin iterator has handed out.

    A list may grow meanwhile, so its length is read each time; if it shrank, the count does not go back.
    """

    __slots__ = ("final", "_sequence", "_until")

    def __init__(self, iterator: Any, sequence: Sized | None = None) -> None:
        self._sequence = sequence
        self._until: tuple[Any, int] = (iterator, length_hint(iterator))
        self.final: int | None = None

    def turn_to(self, iterator: Any, before: int) -> None:
        """Count `iterator` from now on, on top of the items `before` it."""
        self._until = (iterator, before + length_hint(iterator))

    def handed(self) -> int:
        """Return how many items have been handed out."""
        iterator, end = self._until
        if self._sequence is not None:
            end = len(self._sequence)
        return max(end - length_hint(iterator), 0)

    def count(self) -> int:
        """Return how many items are done: all that were handed out, except the last one, which is still in work."""
        handed = self.handed()
        return max(handed - 1, 0) if self.final is None else self.final

    def close(self, final: int | None) -> None:
        """Fix the count at `final`, or, if that is None, at the items handed out so far, and release the iterator."""
        self.final = max(self.handed(), self.count()) if final is None else final
        self._until, self._sequence = ((), 0), None


class AnyCounter:
    """The items that have passed through any `iterator`: each takes one from a `repeat`."""

    __slots__ = ("final", "_repeat", "iterator")

    def __init__(self, source: Iterator[Any]) -> None:
        self._repeat = repeat(True, sys.maxsize)
        self.iterator: Iterator[Any] | None = compress(source, self._repeat)
        self.final: int | None = None

    def handed(self) -> int:
        return sys.maxsize - length_hint(self._repeat)

    def count(self) -> int:
        return max(self.handed() - 1, 0) if self.final is None else self.final

    def close(self, final: int | None) -> None:
        self.final = max(self.handed(), self.count()) if final is None else final
        self.iterator = None


class PausingCounter:
    """The items that have passed through any `iterator`, which regularly returns to the interpreter's loop.

    Each item takes one from an iterator over a list instead. The last entries of the list are this counter: when C code
    tests whether it is true, it runs some Python and resets the iterator. There are several entries for threads that
    share the loop: each takes one, and waits here for the first. (An error that a signal's handler raises at this point
    loses the item. The consumer in C that it ends has lost all the others.)
    """

    __slots__ = ("final", "_lock", "_sizes", "_pauses", "_pausing", "_selectors", "_size", "_trues", "iterator")

    def __init__(self, source: Iterator[Any], sizes: PortionSizes) -> None:
        self._sizes = sizes
        self._lock = RLock()
        self._selectors: Any = iter([*repeat(True, ENTRIES - 1), *repeat(self, PAUSES)])
        self._size = 1  # of the portion, including its pause
        self._trues = 0  # items of earlier portions without a pause
        self._pauses = 0  # items that met one
        self._pausing: int | None = None
        self.final: int | None = None
        self._go_on()
        self.iterator: Iterator[Any] | None = compress(source, self._selectors)

    def _go_on(self) -> None:
        size = min(self._sizes.next(), ENTRIES)
        self._pausing = self.handed()  # a reader of the count could see only one of the numbers changed
        self._trues += self._size - 1
        self._size = size
        self._selectors.__setstate__(ENTRIES - size)
        self._pausing = None

    def __bool__(self) -> bool:
        with self._lock:
            if self.iterator is None:  # the loop has ended in another thread
                self.final = (self.final or 0) + 1
            else:
                self._pauses += 1
                if length_hint(self._selectors) < PAUSES:  # no thread has reset it since
                    self._go_on()
        return True

    def handed(self) -> int:
        while True:
            pausing, before = self._pausing, self._trues + self._pauses
            if pausing is not None:
                return pausing
            handed = before + self._size - 1 - max(length_hint(self._selectors) - PAUSES, 0)
            if self._pausing is None and self._trues + self._pauses == before:
                return handed

    def count(self) -> int:
        handed = self.handed()
        return max(handed - 1, 0) if self.final is None else self.final

    def close(self, final: int | None) -> None:
        with self._lock:  # another thread may be about to take an item
            self.final = max(self.handed(), self.count()) if final is None else final
            self.iterator = None
            self._size, self._trues, self._pauses = 1, self.final, 0
            self._selectors = ()  # the list holds this counter


if TYPE_CHECKING:
    Counter = SizedCounter | AnyCounter | PausingCounter


class AsyncCounter:
    """The items that an async loop has requested, without the one in work."""

    __slots__ = ("final", "asked")

    def __init__(self) -> None:
        self.asked = 0
        self.final: int | None = None

    def handed(self) -> int:
        return self.asked

    def count(self) -> int:
        return max(self.asked - 1, 0) if self.final is None else self.final

    def close(self, final: int) -> None:
        self.final = final


class Total:
    """The sum of the counts of finished loops."""

    __slots__ = ("final",)

    def __init__(self, final: int) -> None:
        self.final = final

    def count(self) -> int:
        return self.final


def count_in(task: LoopTask, counter: Any) -> None:
    """Add `counter` to `task`. The counters of finished loops become one, so that a task of many loops stays small."""
    extras = task._made_extras
    before = extras.counters
    if len(before) > MOST_COUNTERS:
        over = [one for one in before if getattr(one, "final", None) is not None]
        after = (Total(sum(one.count() for one in over)), *(one for one in before if one not in over), counter)
        if extras.counters is before:  # no other thread can come between this and the store
            extras.counters = after
            return
    extras.counters += (counter,)


_THROUGH = frozenset((enumerate, map, zip))
"""Builtin iterators that yield one item for each item of their source, and reveal the source without being run."""
_ENDLESS = frozenset((count, cycle, repeat))
"""Infinite iterators, which do not end a `zip`. (A `repeat` with a number of times knows its length.)"""


def size_of(iterable: Any, iterator: Any = None) -> int | None:
    """Return the number of items of `iterable` by `len` or its length hint; None if it is unknown.

    An `enumerate`, `zip` or `map` has as many items as its source.

    Example:
        >>> size_of([1, 2, 3]), size_of(iter([1, 2])), size_of(x for x in "ab")
        (3, 2, None)
        >>> size_of(enumerate(zip("abc", [1, 2]))), size_of(map(str, (x for x in "ab")))
        (2, None)
    """
    for source in (iterable, iterator):
        try:
            size = len(source)
        except Exception:  # the user's __len__ may raise anything; the size is then unknown
            try:
                size = length_hint(source, -1)
            except Exception:
                continue
        if size >= 0:
            return size
    try:
        return _size_through(iterable) if type(iterable) in _THROUGH else None
    except RecursionError:  # they may be nested a thousand deep
        return None


def _size_through(iterator: Any) -> int | None:
    """Return how many items an `enumerate`, `zip` or `map` will yield; None if its source does not know."""
    inner = iterator.__reduce__()[1]
    if type(iterator) is map:
        inner = inner[1:]  # the function comes first
    elif type(iterator) is enumerate:
        inner = inner[:1]  # the next number comes second
    sizes = []
    for each in inner:
        size = size_of(each)
        if size is not None:
            sizes.append(size)
        elif type(each) not in _ENDLESS:
            return None
    return min(sizes, default=None if inner else 0)
