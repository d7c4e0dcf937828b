"""Tell bars that write their own text when their next line is due, so that loops and `update` need not read the clock.

tqdm compares two counts for each item and each update, and often reads the clock. Here a thread waits until a bar's next line is
due, and sets a mark. The caller's thread only counts until it sees the mark; then it reads the clock and writes the line. While
items or updates come seldom, each of them reads the clock, as in tqdm, and the thread is not used. Does not know how a line is
composed.
"""

from __future__ import annotations

from itertools import chain, compress, repeat
from operator import length_hint
from sys import maxsize
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

NEVER = float("inf")
"""When a bar that does not wait is due."""
ALWAYS = float("nan")
"""The `_least_step` of a bar whose every `update` reads the clock: steps of at least that much do not, and no number is at least
this one, not even infinity. A bar that the thread waits for has 0."""
SELDOM = 16
"""Reads of the clock between two lines after which the thread takes over."""
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
    _checks = 0

    def _set_due(self) -> None:
        """Have the next `update` read the clock."""
        self._least_step = ALWAYS


def note_check(bar: Any) -> None:
    """Note that an `update` of `bar` has read the clock and written no line. After some such calls, the thread takes over."""
    bar._checks += 1
    if bar._checks < SELDOM:
        return
    bar._checks = 0
    if not bar.disable and _is_steady(bar):
        due = max(bar.last_print_t + bar.mininterval, bar.start_t + bar.delay)
        if due > time():
            bar._least_step = 0
            if not _wait(bar, due):
                bar._least_step = ALWAYS


class TextLoop(chain):  # type: ignore[type-arg]  # of any items
    """The iterator over a bar that writes its own text. It runs in C, but for the items at which the clock is read."""

    __slots__ = ("_portions",)

    def close(self) -> None:
        """End the loop, as `close` of a generator does."""
        self._portions.close()  # type: ignore[attr-defined]  # its slot


def iterate(bar: Any) -> Iterator[Any] | None:
    """Return an iterator over the iterable of `bar` that writes its lines in this thread; None if each item must read the clock."""
    if not (gil_enabled() and _is_steady(bar)):
        return None
    portions = Portions(_portions(bar))
    loop: Any = TextLoop.from_iterable(portions.iterator())
    loop._portions = portions
    return loop  # type: ignore[no-any-return]


def _portions(bar: Any) -> Generator[Iterator[Any]]:
    """Yield the items of `bar`, all in one portion, and close the bar after them.

    `chain` holds what it iterates over by no reference of its own while it asks for an item, and a thread may be in the middle of
    that when another one comes to the end. So there is one portion, which lives as long as the loop.
    """
    items: Any = None
    source: Any = None
    left = 0
    try:
        source = iter(bar.iterable)
        passes = repeat(True, maxsize)
        items = _Checked(source, passes)
        items.begin(bar, passes)
        yield items
    except GeneratorExit:  # the loop was dropped
        frame = caller() if caller is not None else None
        asked = frame is not None and instruction(frame.f_code, frame.f_lasti) in ASKING
        if not asked and getattr(source, "gi_frame", source) is not None:
            left = 1  # the item at which the loop was left is not done
        raise
    finally:
        if items is not None:
            bar.n = items.initial + max(items.handed() - left, 0)
            items._become(_Over)
        bar.close()


class _Items(compress):  # type: ignore[type-arg]  # of any items
    """The items that pass. `compress` takes one from a `repeat` for each of them, which counts them without Python code.

    The class says what happens at an item: `_Counted` runs in C, `_Checked` first checks whether a line is due. The thread only
    exchanges the class, which works in the middle of a loop in C, too: `chain` reads it for each item.
    """

    __slots__ = (
        "__weakref__", "_bar", "_earliest", "_last_n", "_last_t", "_lock", "_checks", "_mininterval", "_passes", "_thread", "initial",
    )  # fmt: skip

    initial: float

    def begin(self, bar: Any, passes: repeat[bool]) -> None:
        """Count for `bar` from now on. `passes` is what `compress` takes from."""
        self._bar, self._passes = bar, passes
        self.initial = bar.n
        self._last_n, self._last_t = bar.last_print_n, bar.last_print_t
        self._mininterval, self._earliest = bar.mininterval, bar.start_t + bar.delay
        self._checks = 0
        self._lock = RLock()
        self._thread = get_ident()

    def _become(self, cls: type[_Items]) -> None:
        self.__class__ = cls  # type: ignore[assignment]  # of the same slots

    def handed(self) -> int:
        """Return how many items have been handed out."""
        return maxsize - length_hint(self._passes)

    def check(self) -> None:
        """Write a line if one is due after the items that have been handed out."""
        with self._lock:
            if get_ident() != self._thread and type(self) is _Checked:
                self._become(_Shared)
            bar, handed = self._bar, self.handed()
            if not handed:
                return
            steps = self.initial + handed - self._last_n
            if steps >= bar.miniters and self._is_due():
                bar._least_step = ALWAYS
                bar.update(steps)
                self._last_n, self._last_t = bar.last_print_n, bar.last_print_t
                self._checks = SELDOM if steps > SELDOM else 0
            else:
                self._checks += 1
            if self._checks >= SELDOM:
                self._wait()

    def _is_due(self) -> bool:
        now = time()
        return bool(now - self._last_t >= self._mininterval and now >= self._earliest)

    def _wait(self) -> None:
        """Only count from now on, until the thread says that a line is due."""
        self._checks = 0
        due = max(self._last_t + self._mininterval, self._earliest)
        if due > time() and type(self) is _Checked:
            self._become(_Counted)
            if not _wait(self, due):
                self._become(_Checked)

    def _set_due(self) -> None:
        """Have the next item checked. Called by the thread."""
        if type(self) is _Counted:
            self._become(_Checked)


class _Counted(_Items):
    """Items without a check."""

    __slots__ = ()


class _Checked(_Items):
    """Items with a check before each."""

    __slots__ = ()

    def __next__(self) -> Any:
        self.check()
        return _next_item(self)


class _Shared(_Items):
    """Items for which several threads ask. Each is checked, and one thread at a time gets one, so that the bar's count is exact."""

    __slots__ = ()

    def __next__(self) -> Any:
        with self._lock:
            self.check()
            return _next_item(self)


class _Over(_Items):
    """A loop that has ended: there are no more items."""

    __slots__ = ()

    def __next__(self) -> Any:
        raise StopIteration


_next_item = compress.__next__
