"""When a bar that writes its own text is due: a thread tells, so that neither a loop nor `update` looks at the clock meanwhile.

tqdm compares two counts, and often looks at the clock, for each item and each update. Here a thread waits until the next line may
be due and says so; the caller's thread, which alone writes lines, looks then, and only counts until then. Where items or updates
come seldom each of them looks, as with tqdm, and there is no thread. Does not know how a line is composed.
"""

from __future__ import annotations

from itertools import chain, compress, islice
from operator import length_hint
from threading import Event, RLock, Thread
from time import time
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from .._display.process_hooks import in_child
from .._tracking.counters import gil_enabled
from .._tracking.loops import ASKING
from .._tracking.unwinding import caller, instruction

if TYPE_CHECKING:
    from collections.abc import Iterator

NEVER = float("inf")
"""When a bar is due that does not wait."""
ALWAYS = float("nan")
"""A bar's `_least_step` where each `update` looks: the least step that only counts, and no number is at least this one, nor
infinity. While a thread waits for the bar, it is 0."""
SELDOM = 16
"""Looks between two lines after which the thread is told to wait."""
PORTION = 512
"""Items between two visits of a loop's generator at the most."""
_TRUE = (True,) * PORTION
_waiting: WeakKeyDictionary[Any, float] = WeakKeyDictionary()
"""A bar or a loop -> when it is due."""
_lock = RLock()
"""For `_waiting`, in which one thread must not look while another writes. A finaliser may come while this thread holds it."""


class _Alarm(Thread):
    """Tells bars and loops when they are due."""

    def __init__(self) -> None:
        super().__init__(name="progresskit-due", daemon=True)
        self.wakes_at = NEVER
        self.wake = Event()

    def run(self) -> None:
        """Wait for the next that is due, and tell it, until the process ends."""
        while True:
            seconds = self._tell()
            self.wake.wait(seconds)
            self.wake.clear()

    def _tell(self) -> float | None:
        """Tell who is due; return the seconds until the next one is, None where nobody waits. Holds none of them on return."""
        self.wakes_at = NEVER  # so that whoever comes from here on wakes this thread
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
    """Have `each` told when the time is `due`; return whether it will be: there may be no thread to be had."""
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
    """Begin anew in a forked child, where the thread is not: everybody is due."""
    global _alarm, _lock
    _alarm, _lock = None, RLock()
    waiting = list(_waiting)
    _waiting.clear()
    for each in waiting:
        each._set_due()


in_child(_after_in_child)


def _is_steady(bar: Any) -> bool:
    """Return whether the lines of `bar` come by the wall clock, some time apart: others are due by counts, or a clock of a test."""
    return bool(bar._time is time and bar.mininterval > 0 and not bar.gui)


class Due:
    """What a bar's class needs to count without looking."""

    _least_step = ALWAYS
    _looks = 0

    def _set_due(self) -> None:
        """Have the next `update` look."""
        self._least_step = ALWAYS


def note_look(bar: Any) -> None:
    """Note that an `update` of `bar` has looked and written no line: after some of them it need not, until the next is due."""
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
    """The iterator over a bar that writes its own text: in C, but for a visit of its generator now and then."""

    __slots__ = ("_generator",)

    def close(self) -> None:
        """End the loop, as a generator's `close` does."""
        self._generator.close()  # type: ignore[attr-defined]  # its slot


def iterate(bar: Any) -> Iterator[Any] | None:
    """Return an iterator over the iterable of `bar` that writes its lines in this thread; None where each item has to look."""
    if not (gil_enabled() and _is_steady(bar)):
        return None
    generator = _portions(bar)
    loop: Any = TextLoop.from_iterable(generator)
    loop._generator = generator
    return loop  # type: ignore[no-any-return]


def _portions(bar: Any) -> Iterator[Iterator[Any]]:
    """Yield what the consumer shall run through, and look between: the items one by one while they come seldom."""
    done = 0
    source: Any = None
    counter: Any = None
    try:
        source = iter(bar.iterable)
        counter = _Counter(bar, source)
        while True:
            yield counter.portion()
            before, done = done, counter.handed()
            if done > before:
                counter.look(done)
            if done < counter.end:
                return
    except GeneratorExit:  # the loop was dropped
        done = counter.handed()
        frame = caller() if caller is not None else None
        asked = frame is not None and instruction(frame.f_code, frame.f_lasti) in ASKING
        if not asked and getattr(source, "gi_frame", source) is not None:
            done = max(done - 1, 0)  # at this item it was left: it is not done
        raise
    finally:
        if counter is not None:
            counter.close()
            bar.n = counter.initial + done
        bar.close()


class _Counter:
    """Counts the items that pass, and looks whether a line is due: at each item, or only once the thread has said so.

    Each item takes an entry of a list. An entry that is this counter is asked whether it is true, and looks; those that are True
    cost nothing. All that another thread does is to exchange the entries.
    """

    __slots__ = (
        "__weakref__", "_bar", "_earliest", "_entries", "_is_often", "_iterator", "_last_n", "_last_t", "_looks",
        "_mininterval", "_selectors", "end", "initial",
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
        self._iterator = compress(source, self._selectors)
        self.end = 0  # how many items will have been handed out when the portion is

    def portion(self) -> Iterator[Any]:
        """Return the next items."""
        size = PORTION if self._is_often else 1
        if not self._is_often:
            self._entries[-1] = True  # the generator looks after each item
        self._selectors.__setstate__(PORTION - size)
        self.end += size
        return islice(self._iterator, size)

    def handed(self) -> int:
        """Return how many items have been handed out."""
        return self.end - length_hint(self._selectors)

    def __bool__(self) -> bool:
        self.look(self.handed() - 1)  # the item that is handed out now is not done
        return True

    def look(self, done: int) -> None:
        """Write a line where one is due after `done` items."""
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
        elif not self._is_often or self._entries[0] is self:
            self._looks += 1
            if self._looks >= SELDOM:
                self._wait()

    def _is_due(self) -> bool:
        now = time()
        return bool(now - self._last_t >= self._mininterval and now >= self._earliest)

    def _wait(self) -> None:
        """Only count until the thread says that a line is due."""
        self._looks = 0
        due = max(self._last_t + self._mininterval, self._earliest)
        if due > time():
            self._entries[:] = _TRUE
            self._is_often = _wait(self, due)

    def _set_due(self) -> None:
        """Have each item look. Called by the thread."""
        if self._entries:
            self._entries[:] = [self] * PORTION

    def close(self) -> None:
        """Let go of the items: a loop that is closed hands out no more."""
        self._entries.clear()
