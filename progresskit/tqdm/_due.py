"""Tell bars that write their own text when their next line is due, so that loops and `update` need not read the clock.

tqdm compares two counts for each item and each update, and often reads the clock. Here a thread waits until a bar's next line is
due, and sets a mark. The caller's thread only counts until it sees the mark; then it reads the clock and writes the line. While
items or updates come seldom, each of them reads the clock, as in tqdm, and the thread is not used. Does not know how a line is
composed.
"""

from __future__ import annotations

from itertools import chain, compress, islice
from operator import length_hint
from threading import Event, RLock, Thread, get_ident
from time import time
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from .._display.process_hooks import in_child
from .._tracking.counters import gil_enabled
from .._tracking.loops import ASKING, Portions
from .._tracking.unwinding import caller, instruction

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import Self

NEVER = float("inf")
"""When a bar that does not wait is due."""
ALWAYS = float("nan")
"""The `_least_step` of a bar whose every `update` reads the clock: steps of at least that much do not, and no number is at least
this one, not even infinity. A bar that the thread waits for has 0."""
SELDOM = 16
"""Reads of the clock between two lines after which the thread takes over."""
PORTION = 512
"""The most items that pass between two steps of a loop's generator."""
SPARE = 64
"""Items that other threads may take beyond the portion in whose middle the first writes a line: one for each thread."""
_TRUE = (True,) * (PORTION + SPARE)
_waiting: WeakKeyDictionary[Any, float] = WeakKeyDictionary()
"""A bar or a loop -> when its next line is due, in seconds since 1970."""
_lock = RLock()
"""Guards `_waiting`. Reentrant: a finaliser may run while its thread holds it."""


class _Alarm(Thread):
    """The thread that tells bars and loops when their next line is due."""

    def __init__(self) -> None:
        super().__init__(name="progresskit-due", daemon=True)
        self.wakes_at = NEVER
        self.wake = Event()

    def run(self) -> None:
        """Wait for the next due line and tell its bar or loop, until the process ends."""
        while True:
            seconds = self._tell()
            self.wake.wait(seconds)
            self.wake.clear()

    def _tell(self) -> float | None:
        """Tell the bars and loops that are due, and return the seconds until the next one; None if none waits.

        Holds no reference to any of them when it returns, so that a dropped bar ends at once.
        """
        self.wakes_at = NEVER  # so that each bar added from now on wakes this thread
        now, earliest = time(), NEVER
        with _lock:
            for each, due in list(_waiting.items()):
                if due <= now:
                    del _waiting[each]
                    each._set_due()
                else:
                    earliest = min(earliest, due)
        self.wakes_at = min(earliest, self.wakes_at)
        return None if earliest == NEVER else earliest - now


_alarm: _Alarm | None = None


def _wait(each: Any, due: float) -> bool:
    """Have the thread tell `each`, a bar or loop, at the instant `due`. Return False if no thread can be started."""
    global _alarm
    with _lock:
        if _alarm is None:
            alarm = _Alarm()
            try:
                alarm.start()
            except RuntimeError:
                return False
            _alarm = alarm
        _waiting[each] = due
        if due < _alarm.wakes_at:
            _alarm.wake.set()
    return True


def _after_in_child() -> None:
    """Start over in a forked child, which has no such thread: each bar and loop is due at once."""
    global _alarm, _lock
    _alarm, _lock = None, RLock()
    waiting = list(_waiting)
    _waiting.clear()
    for each in waiting:
        each._set_due()


in_child(_after_in_child)


def _is_steady(bar: Any) -> bool:
    """Return whether `bar` writes its lines by the wall clock, and not by counts or by the clock of a test."""
    return bool(bar._time is time and bar.mininterval > 0 and not bar.gui)


class Due:
    """The part of a bar's class that lets `update` count without reading the clock."""

    _least_step = ALWAYS
    _looks = 0

    def _set_due(self) -> None:
        """Have the next `update` read the clock."""
        self._least_step = ALWAYS


def note_look(bar: Any) -> None:
    """Note that an `update` of `bar` has read the clock and written no line. After some such calls, the thread takes over."""
    bar._looks += 1
    if bar._looks < SELDOM:
        return
    bar._looks = 0
    if not bar.disable and _is_steady(bar):
        due = max(bar.last_print_t + bar.mininterval, bar.start_t + bar.delay)
        if due > time():
            bar._least_step = 0
            if not _wait(bar, due):
                bar._least_step = ALWAYS


class TextLoop(chain):  # type: ignore[type-arg]  # of any items
    """The iterator over a bar that writes its own text. It runs in C, except for a step of its generator now and then."""

    __slots__ = ("_kept", "_portions")

    def close(self) -> None:
        """End the loop, as `close` of a generator does."""
        self._portions.close()  # type: ignore[attr-defined]  # its slot


def iterate(bar: Any) -> Iterator[Any] | None:
    """Return an iterator over the iterable of `bar` that writes its lines in this thread; None if each item must read the clock."""
    if not (gil_enabled() and _is_steady(bar)):
        return None
    kept: list[object] = []
    portions = Portions(_portions(bar, kept))
    loop: Any = TextLoop.from_iterable(portions.iterator())
    loop._portions, loop._kept = portions, kept
    return loop  # type: ignore[no-any-return]


def _portions(bar: Any, kept: list[object]) -> Generator[Iterator[Any]]:
    """Yield portions of items, and write a line between two of them if it is due. A portion is one item while they come seldom.

    Once a second thread asks for one, the rest of the items is a single portion. `kept` then holds the one before it: the first
    thread may be writing a line in its middle, and `chain` holds what it iterates over by no reference of its own.
    """
    done = 0
    source: Any = None
    counter: Any = None
    try:
        source = iter(bar.iterable)
        counter = _Counter(bar, source)
        thread = get_ident()
        while get_ident() == thread:
            portion = counter.portion()
            yield portion
            before, done = done, counter.handed()
            if done > before:
                counter.look(done)
            if done < counter.end:
                return
        kept.append(portion)
        yield counter.rest()
        done = counter.handed()
    except GeneratorExit:  # the loop was dropped
        done = counter.handed()
        frame = caller() if caller is not None else None
        asked = frame is not None and instruction(frame.f_code, frame.f_lasti) in ASKING
        if not asked and getattr(source, "gi_frame", source) is not None:
            done = max(done - 1, 0)  # the loop was left at this item, which is not done
        raise
    finally:
        if counter is not None:
            counter.close()
            bar.n = counter.initial + done
        bar.close()


class _Rest:
    """The items that are left of a loop when threads share it."""

    def __init__(self, counter: _Counter) -> None:
        self._counter = counter

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        return self._counter.one()


class _Counter:
    """Counts the items that pass, and checks whether a line is due: at each item, or only after the thread has said so.

    `compress` tests one entry of a list for each item. An entry that is this counter runs `__bool__`, which checks; an entry that is
    True costs nothing. The thread only replaces entries of the list.
    """

    __slots__ = (
        "__weakref__", "_bar", "_earliest", "_entries", "_is_often", "_iterator", "_last_n", "_last_t", "_lock", "_looks",
        "_mininterval", "_selectors", "_source", "end", "initial",
    )  # fmt: skip

    def __init__(self, bar: Any, source: Iterator[Any]) -> None:
        self._bar = bar
        self.initial = bar.n
        self._last_n, self._last_t = bar.last_print_n, bar.last_print_t
        self._mininterval, self._earliest = bar.mininterval, bar.start_t + bar.delay
        self._looks = 0
        self._is_often = False
        self._entries: list[Any] = list(_TRUE)
        self._selectors: Any = iter(self._entries)
        self._source = source
        self._iterator = compress(source, self._selectors)
        self._lock = RLock()
        self.end = PORTION  # the number of items handed out at the end of the portion; of this one nothing has been

    def portion(self) -> Iterator[Any]:
        """Return the next items."""
        size = PORTION if self._is_often else 1
        if not self._is_often:
            self._entries[PORTION - 1] = True  # the generator checks after each item
        self.end = self.handed() + size
        self._selectors.__setstate__(PORTION - size)
        return islice(self._iterator, size)

    def rest(self) -> Iterator[Any]:
        """Return an iterator over all further items, which hands each of them to one thread at a time."""
        self.end = self.handed()
        self._selectors = iter((True,) * SPARE)  # from now on `end` is the count
        self._is_often = False
        return _Rest(self)

    def one(self) -> Any:
        """Return the next item of the rest."""
        with self._lock:
            self._look(self.end)
            item = next(self._source)
            self.end += 1
        return item

    def handed(self) -> int:
        """Return how many items have been handed out."""
        return self.end + SPARE - length_hint(self._selectors)

    def __bool__(self) -> bool:
        self.look(self.handed() - 1)  # the item that is just being handed out is not done
        return True

    def look(self, done: int) -> None:
        """Write a line if one is due after `done` items."""
        with self._lock:
            self._look(done)

    def _look(self, done: int) -> None:
        bar = self._bar
        n = self.initial + done
        steps = n - self._last_n
        if steps >= bar.miniters and self._is_due():
            bar._least_step = ALWAYS
            bar.update(steps)
            self._last_n, self._last_t = bar.last_print_n, bar.last_print_t
            self._looks, self._is_often = 0, self._is_often and steps > SELDOM
            if self._is_often:
                self._wait()
        elif not self._is_often or self in self._entries[:1]:  # there is none when another thread has come to the end
            self._looks += 1
            if self._looks >= SELDOM:
                self._wait()

    def _is_due(self) -> bool:
        now = time()
        return bool(now - self._last_t >= self._mininterval and now >= self._earliest)

    def _wait(self) -> None:
        """Only count from now on, until the thread says that a line is due."""
        self._looks = 0
        due = max(self._last_t + self._mininterval, self._earliest)
        if due > time():
            self._entries[:] = _TRUE
            self._is_often = _wait(self, due)

    def _set_due(self) -> None:
        """Have each item check. Called by the thread."""
        if self._entries:
            self._entries[:] = [self] * len(_TRUE)

    def close(self) -> None:
        """Drop the items: a closed loop hands out no more."""
        self._entries.clear()
