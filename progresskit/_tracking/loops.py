"""Iteration without Python on the hot path.

Items run through C iterators only; the count is read from the outside, from how much a builtin iterator says it has left,
or from a counter that runs beside any other iterator. One generator, resumed when they are exhausted, learns of the end
and of a break. Does not know rows, renderers or clocks.

Where the consumer is a `for` statement it comes by the interpreter's loop after every item, and is handed the source whole.
Any other is handed portions, so that a consumer in C over a source in C (`sum(track(range(n)))`) comes by there now and then
too: it is where other threads, the ticker's among them, get their turn. (A filter in C between a `for` and its source lets
them wait for as long as it lets nothing pass, as it would in the bare loop.)

Each iterator in C that an item passes costs it one to three nanoseconds, and so what makes portions is chosen by the source:

- a `range` and texts are cut, which costs an item nothing;
- a list, which may change meanwhile, goes through an `islice`, but for the last milliseconds of it, or all if it takes no more;
- what is counted by a second iterator anyway lets that one do it.
"""

from __future__ import annotations

import sys
from _thread import RLock
from itertools import chain, compress, count, cycle, islice, repeat
from operator import attrgetter, length_hint

from .._model.states import STOPPED_EARLY, is_failure
from .._system.warnings import describe
from . import counters as counting
from .unwinding import (
    DROPPING,
    HAS_GENERATIONS,
    UnknownError,
    caller,
    can_tell,
    holders,
    instruction,
    left_by_statement,
    passing,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sized
    from types import CodeType
    from typing import Any, Protocol, Self

    class LoopTask(Protocol):
        """What a loop needs of its task."""

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
            """End the task: it is done."""

        def fail(self, reason: str | BaseException = "") -> None:
            """End the task: it could not be done."""

        def cancel(self, reason: str = "") -> None:
            """End the task: it will not be done."""

        def _change(self, event: Any, reason: str | None = None) -> None: ...


FIRST, MOST = 64, 262_144
"""Items between two visits of the interpreter's loop, to begin with and at most."""
MOST_UNTHREADED = 256
"""The most of them where no thread can be started. Frames are then drawn at these visits, and items may become slow at
any time."""
PORTION = 0.001
"""Seconds from which portions do not grow any more, so that none takes longer than the usual wait for the interpreter's
lock, 5 ms."""

WHOLE = 16
"""How many portions of a list are handed over together at its end, without a cost per item: some sixteen milliseconds'
worth."""

ENTRIES, PAUSES = 2_048, 256
"""Entries of the list that a `PausingCounter` counts by, and so the most items of its portions; and the threads that may share
a loop."""

MOST_COUNTERS = 16
"""Counters of a task before those of finished loops are added up."""

# Iterators whose length hint tells exactly how many items they have handed out. Not those of dicts, sets and deques: their
# hint is lost when the container changes under the loop, which is when the count is wanted.
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


# Cut without copying what they hold, and never changed by anybody.
_CUT = frozenset((range, str, bytes))


class Pace:
    """The size of the next portion: four times the last one, as long as a portion takes less than `PORTION`.

    Example:
        >>> times = iter([0.0, 0.0001, 0.5])
        >>> pace = Pace(lambda: next(times))
        >>> pace.next(), pace.next(), pace.next()
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

    __slots__ = ("_final", "_sequence", "_until")

    def __init__(self, iterator: Any, sequence: Sized | None = None) -> None:
        self._sequence = sequence
        self._until: tuple[Any, int] = (iterator, length_hint(iterator))
        self._final: int | None = None

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
        """Return how many items are done: the one that was handed out last is still being worked on."""
        handed = self.handed()
        return max(handed - 1, 0) if self._final is None else self._final

    def close(self, final: int | None) -> None:
        """Count `final` from now on, or as many as were handed out where that is None, and let the iterator go."""
        self._final = max(self.handed(), self.count()) if final is None else final
        self._until, self._sequence = ((), 0), None


class AnyCounter:
    """The items that have passed through `iterator`, whatever it is: each takes one from a `repeat`."""

    __slots__ = ("_final", "_repeat", "iterator")

    def __init__(self, source: Iterator[Any]) -> None:
        self._repeat = repeat(True, sys.maxsize)
        self.iterator: Iterator[Any] | None = compress(source, self._repeat)
        self._final: int | None = None

    def handed(self) -> int:
        return sys.maxsize - length_hint(self._repeat)

    def count(self) -> int:
        return max(self.handed() - 1, 0) if self._final is None else self._final

    def close(self, final: int | None) -> None:
        self._final = max(self.handed(), self.count()) if final is None else final
        self.iterator = None


class PausingCounter:
    """The same, with visits of the interpreter's loop on the way.

    Each item takes one from an iterator over a list instead. The last entries of the list are this counter: asked whether it is
    true, it runs some Python, and sets the iterator back. There are several, for threads that share the loop: each takes one, and
    waits here for the first. (An error that a signal's handler raises just there takes the item with it; the consumer in C that
    it ends has lost all the others.)
    """

    __slots__ = ("_final", "_lock", "_pace", "_pauses", "_pausing", "_selectors", "_size", "_trues", "iterator")

    def __init__(self, source: Iterator[Any], pace: Pace) -> None:
        self._pace = pace
        self._lock = RLock()
        self._selectors: Any = iter([*repeat(True, ENTRIES - 1), *repeat(self, PAUSES)])
        self._size = 1  # of the portion, its pause among them
        self._trues = 0  # items of the portions before it that met no pause
        self._pauses = 0  # items that met one
        self._pausing: int | None = None
        self._final: int | None = None
        self._go_on()
        self.iterator: Iterator[Any] | None = compress(source, self._selectors)

    def _go_on(self) -> None:
        size = min(self._pace.next(), ENTRIES)
        self._pausing = self.handed()  # a reader of the count would find one number changed and the other not
        self._trues += self._size - 1
        self._size = size
        self._selectors.__setstate__(ENTRIES - size)
        self._pausing = None

    def __bool__(self) -> bool:
        with self._lock:
            if self._final is not None:  # the loop has ended in another thread
                self._final += 1
            else:
                self._pauses += 1
                if length_hint(self._selectors) < PAUSES:  # nobody has set it back since
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
        return max(handed - 1, 0) if self._final is None else self._final

    def close(self, final: int | None) -> None:
        with self._lock:  # another thread may be about to say that it has an item
            self._final = max(self.handed(), self.count()) if final is None else final
            self.iterator = None
            self._size, self._trues, self._pauses = 1, self._final, 0
            self._selectors = ()  # the list holds this counter


if TYPE_CHECKING:
    Counter = SizedCounter | AnyCounter | PausingCounter


class AsyncCounter:
    """The items that an async loop has asked for, less the one it works on."""

    __slots__ = ("_final", "asked")

    def __init__(self) -> None:
        self.asked = 0
        self._final: int | None = None

    def handed(self) -> int:
        return self.asked

    def count(self) -> int:
        return max(self.asked - 1, 0) if self._final is None else self._final

    def close(self, final: int) -> None:
        self._final = final


class Total:
    """The count of finished loops."""

    __slots__ = ("_final",)

    def __init__(self, final: int) -> None:
        self._final = final

    def count(self) -> int:
        return self._final


def count_in(task: LoopTask, counter: Any) -> None:
    """Add `counter` to `task`. The counters of finished loops become one, so that a task of many loops stays small."""
    extras = task._made_extras
    before = extras.counters
    if len(before) > MOST_COUNTERS:
        over = [one for one in before if getattr(one, "_final", None) is not None]
        after = (Total(sum(one.count() for one in over)), *(one for one in before if one not in over), counter)
        if extras.counters is before:  # no other thread can come between this and the store
            extras.counters = after
            return
    extras.counters += (counter,)


_THROUGH = frozenset((enumerate, map, zip))
"""Builtin iterators that yield one item for each item of their source, and tell the source without being run."""
_ENDLESS = frozenset((count, cycle, repeat))
"""Iterators that end no `zip`; a `repeat` with a number of times knows its length."""


def size_of(iterable: Any, iterator: Any = None) -> int | None:
    """Return how many items `iterable` says it has, by `len` or the length hint; None where it does not know.

    An `enumerate`, `zip` or `map` has as many as what it runs through.

    Example:
        >>> size_of([1, 2, 3]), size_of(iter([1, 2])), size_of(x for x in "ab")
        (3, 2, None)
        >>> size_of(enumerate(zip("abc", [1, 2]))), size_of(map(str, (x for x in "ab")))
        (2, None)
    """
    for source in (iterable, iterator):
        try:
            size = len(source)
        except Exception:  # the user's __len__ may raise anything: an unknown size is no reason to stop a loop
            try:
                size = length_hint(source, -1)
            except Exception:
                continue
        if size >= 0:
            return size
    try:
        return _size_through(iterable) if type(iterable) in _THROUGH else None
    except RecursionError:  # a thousand of them around each other
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


ASKING = frozenset(
    ("FOR_ITER", "POP_ITER", "SEND", "GET_ANEXT")
)  # POP_ITER: a `for` that has come to its end, from 3.14 on
_QUIET = (
    ASKING
    | DROPPING
    | frozenset(
        (
            *("", "CALL", "PRECALL", "YIELD_VALUE", "RESUME", "RETURN_GENERATOR"),
            *("DELETE_FAST", "DELETE_NAME", "DELETE_GLOBAL", "DELETE_ATTR", "DELETE_SUBSCR", "DELETE_DEREF"),
            *("STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_ATTR", "STORE_DEREF"),
        )
    )
)
"""Instructions at which an iterator may be dropped though nothing was raised: asked where the exception cannot be looked for."""


def _cut(sequence: Any, counter: SizedCounter, pace: Pace) -> Iterator[Iterator[Any]]:
    """Yield `sequence`, of a type that is `_CUT`, in pieces."""
    before = 0
    while before < len(sequence):
        piece = sequence[before : before + pace.next()]
        iterator = iter(piece)
        counter.turn_to(iterator, before)
        yield iterator
        before += len(piece)


def _sliced(source: Any, counter: SizedCounter, pace: Pace) -> Iterator[Iterator[Any]]:
    """Yield `source` in slices until it is at its end."""
    before = 0
    while True:
        size = pace.next()
        if length_hint(source) <= WHOLE * size:
            yield source
            return
        yield islice(source, size)
        handed = counter.handed()
        if handed - before < size:
            return
        before = handed


class Tracked(chain):  # type: ignore[type-arg]  # the type that users see is `task.Tracked`
    """What `track` returns: an iterator that knows its task.

    A class of C with one more slot, since a `__next__` in Python would be called for each item.

    Example:
        >>> loop = track([0.5, 0.25], "Training", unit="epoch")
        >>> for loss in loop:
        ...     loop.task.update(loss=loss)
        >>> loop.task.state, dict(loop.task.fields)
        ('finished', {'loss': 0.25})
    """

    __slots__ = ("_loop", "_portions")
    _loop: Loop
    _portions: _Portions

    @property
    def task(self) -> LoopTask:
        """The loop's task. Asked for before the first item, it is there at once, and begins with the first item."""
        return self._loop.task

    def close(self) -> None:
        """End the task as a loop that is left early, as a generator's `close` does. Items that are asked for then do not count."""
        self._portions.close()


class _NotBegun:
    """Cancels a task that was used before its loop began, if the loop never begins."""

    __slots__ = ("_task",)

    def __init__(self, task: LoopTask) -> None:
        self._task = task

    def __del__(self) -> None:
        if self._task.waiting:
            self._task.cancel()


class EitherLoop:
    """The iterator over an object that is both iterable and async iterable, as `asyncio.as_completed` returns from 3.13
    on."""

    __slots__ = ("_iterator", "_loop")

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._iterator: Iterator[Any] | None = None

    @property
    def task(self) -> LoopTask:
        """The loop's task."""
        return self._loop.task

    def __iter__(self) -> Iterator[Any]:
        if self._iterator is None:
            self._iterator = self._loop.run()
        return self._iterator

    def __next__(self) -> Any:
        return next(self.__iter__())

    def __aiter__(self) -> AsyncLoop:
        return self._loop.run_async()


class AsyncLoop:
    """What `track` returns for an async iterable: an async iterator that knows its task.

    It yields the source's own items, raises its errors, and closes nothing itself.
    """

    __slots__ = ("_counter", "_loop", "_source", "_task")

    def __init__(self, loop: Loop, source: Any) -> None:
        self._loop = loop
        self._source = source
        self._counter = AsyncCounter()
        self._task: LoopTask | None = None

    @property
    def task(self) -> LoopTask:
        """The loop's task. Asked for before the first item, it is there at once, and begins with the first item."""
        return self._loop.task

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        if self._task is None:
            self._loop.remember_consumer(caller())
            self._task = self._loop.begin()
            count_in(self._task, self._counter)
        try:
            item = await self._source.__anext__()
        except StopAsyncIteration:
            self._over("finish")
            raise
        except Exception as error:
            self._over("fail", describe(error))
            raise
        except BaseException:
            self._over("cancel")
            raise
        self._counter.asked += 1
        if counting.poll is not None:
            counting.poll()
        return item

    def _over(self, event: Any, reason: str | None = None) -> None:
        task, self._task = self._task, None
        if task is None or self._counter._final is not None:
            return
        self._counter.close(self._counter.asked)
        if self._loop._finish:
            task._change(event, reason)

    def __del__(self) -> None:
        # Reached without an end only when the loop was left early. Takes no lock, as finalisers must not.
        if self._task is not None and caller is not None:  # as for other loops
            self._loop.broken(self._counter, caller())


class _Portions:
    """The portions of a loop, for as many threads as share its iterator.

    A thread that comes while another one is being given a portion gets the same one: a generator would raise ValueError, and
    the iterator in C that asks would then drop what is left.

    Attributes:
        last: The portion that the consumer has; None before the first.
    """

    __slots__ = ("_lock", "_loop", "_newest", "_portions", "last")

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._portions = loop.portions()
        self._lock = RLock()  # a signal's handler may come by in the middle
        self._newest: Any = None
        self.last: Any = None

    def iterator(self) -> Iterator[Iterator[Any]]:
        """Return an iterator over them.

        Which portion a thread has found to be at its end is read in C, in the same step: between two instructions of Python
        another thread could be given the next one.
        """
        return map(self._after, map(attrgetter("last"), repeat(self)))

    def close(self) -> None:
        """End the loop as one that is left early."""
        self._portions.close()

    def _after(self, last: Any) -> Iterator[Any]:
        """Return the portion after `last`."""
        with self._lock:
            if last is None and self._newest is None:
                self._loop.remember_consumer(caller())
            if self._newest is last:
                self._newest = next(self._portions)
            newest: Iterator[Any] = self._newest
        self.last = newest  # right before the consumer has it
        return newest


# The last name of the module: a signal's handler that comes in the middle of this import finds all of it, or none.
class Loop:
    """One run over an iterable.

    Args:
        iterable: What to run over; sync or async.
        begin: Called with the size, or None, and the task, if there is one, when the first item is requested; returns
            the task that counts. Called with no size, no task and `False` if the task is requested before.
        finish: Whether the loop's end is the task's.

    Raises:
        TypeError: `iterable` is not iterable.
    """

    __slots__ = (
        "_begin", "_code", "_finish", "_held", "_instruction", "_iterable", "_not_begun", "_source", "_task"
    )  # fmt: skip

    def __init__(self, iterable: Any, begin: Callable[[int | None, Any, bool], LoopTask], finish: bool = True) -> None:
        self._iterable = iterable
        self._begin = begin
        self._finish = finish
        self._code: CodeType | None = None
        self._instruction = -1
        self._held: tuple[int, ...] = ()
        self._source: Any = None
        self._task: LoopTask | None = None
        self._not_begun: _NotBegun | None = None
        if not hasattr(iterable, "__aiter__"):
            self._source = iter(iterable)
        elif not hasattr(iterable, "__iter__"):
            self._source = iterable.__aiter__()

    def iterator(self) -> Any:
        """Return the iterator to run: sync, async, or one that is both where the iterable is."""
        if self._source is None:
            return EitherLoop(self)
        return self.run_async() if hasattr(self._iterable, "__aiter__") else self.run()

    def run(self) -> Iterator[Any]:
        """Return the iterator for a `for` statement or a consumer in C."""
        if self._source is None:
            self._source = iter(self._iterable)
        portions = _Portions(self)
        tracked: Any = Tracked.from_iterable(portions.iterator())
        tracked._loop, tracked._portions = self, portions
        return tracked  # type: ignore[no-any-return]  # the class method of C is typed as that of a `chain`

    def run_async(self) -> AsyncLoop:
        """Return the iterator for an `async for` statement."""
        if self._source is None:
            self._source = self._iterable.__aiter__()
        return AsyncLoop(self, self._source)

    def begin(self) -> LoopTask:
        """Begin the task. The size is read now, since a list may have grown since `track`."""
        task = self._task = self._begin(size_of(self._iterable, self._source), self._task, True)
        self._not_begun = None
        return task

    @property
    def task(self) -> LoopTask:
        """The task, which begins with the loop."""
        if self._task is None:
            self._task = self._begin(None, None, False)
            self._not_begun = _NotBegun(self._task)
        return self._task

    def portions(self) -> Generator[Iterator[Any], None, None]:
        """Yield what the consumer runs through: the whole source, or slices of it."""
        source = self._source
        counter, portions = self._open(source)
        self._source = self._iterable = None
        try:
            yield from portions
        except GeneratorExit:
            if caller is not None:  # a free-threaded interpreter that ends empties modules before it closes generators
                self.broken(counter, caller(), source)
            raise
        except BaseException as error:  # a signal's handler raised it between two portions
            counter.close(counter.handed())
            if self._finish:
                if is_failure(type(error)):
                    self.task.fail(error)
                else:
                    self.task.cancel()
            raise
        self._complete(counter)

    def _open(self, source: Any) -> tuple[Counter, Iterator[Iterator[Any]]]:
        """Begin the task; return what counts, and the portions of `source`."""
        task, iterable = self.begin(), self._iterable
        counter: Counter
        whole = counting.poll is None and instruction(self._code, self._instruction) == "FOR_ITER"
        if type(source) in SIZED:
            counter = SizedCounter(source, iterable if type(iterable) is list else None)
            if whole:
                portions: Iterator[Iterator[Any]] = iter((source,))
            else:
                cut, pace = type(iterable) in _CUT, Pace(task.tracker.clock)
                portions = _cut(iterable, counter, pace) if cut else _sliced(source, counter, pace)
        else:
            counter = AnyCounter(source) if whole else PausingCounter(source, Pace(task.tracker.clock))
            portions = iter((counter.iterator,))  # type: ignore[arg-type]  # it has one until it is closed
        count_in(task, counter)
        return counter, portions

    def _complete(self, counter: Counter) -> None:
        """End the task at the end of the source."""
        counter.close(None)
        if self._finish:
            self.task.finish()

    def remember_consumer(self, frame: Any) -> None:
        """Note which instruction requested the first item. It tells a loop from a call at the end."""
        if frame is not None:
            self._code = frame.f_code
            self._instruction = frame.f_lasti
        self._held = holders()

    def broken(self, counter: Counter | AsyncCounter, frame: Any, source: Any = None) -> None:
        """End the task, whose iterator was dropped: by a break, an error in the body, an error in the source or by neglect.

        The task fails only if an exception is in flight, and is cancelled by one such as KeyboardInterrupt. Otherwise
        it finishes if the count is complete, and has stopped early if not: `zip`, `islice` and `any` drop an iterator
        just as `break` does. `source` is what the items come from.
        """
        handed = counter.handed()
        asked_by = instruction(self._code, self._instruction)
        left_at = instruction(self._code, frame.f_lasti) if frame is not None and frame.f_code is self._code else ""
        by_statement = asked_by in ASKING
        over = getattr(source, "gi_code", None) if getattr(source, "gi_frame", source) is None else None
        error = self._error(counter, frame if by_statement else None, over, left_at)
        task = self.task
        if error is not None:
            counter.close(handed if over is not None or left_at in ASKING else max(handed - 1, 0))
            if self._finish and is_failure(type(error)):
                known = not isinstance(error, UnknownError)
                task.fail(error if known else "an error in the loop" if over is None else "an error in the source")
            elif self._finish:
                task.cancel()
            return
        counter.close(handed)
        worked_on = by_statement and left_at in DROPPING  # the item at which the loop was left is not done
        if task.is_complete and not worked_on:
            if self._finish:
                task.finish()
            return
        if not (by_statement and left_at in ASKING):  # another iterator has come to its end, which asked for this one
            counter.close(max(handed - 1, 0))
        if self._finish:
            task._change("cancel", STOPPED_EARLY)

    def _error(self, counter: Any, frame: Any, over: CodeType | None, left_at: str) -> BaseException | None:
        """Return the exception that ends the loop, if one is in flight; None after `break` or `return`.

        Args:
            frame: The consumer's, if that is a `for` statement. In a call of C nothing can be seen of what it raises.
            over: The code of the source, if that is a generator that is over and did not say that it has come to its end.
            left_at: The instruction at which the consumer stands.
        """
        if not HAS_GENERATIONS and over is None and frame and left_by_statement(frame.f_code, frame.f_lasti):
            return None  # where it takes long to look for an exception
        error = passing(frame, counter, self._held, over) if frame is not None or over is not None else None
        if error is None and over is not None and not left_at:  # dropped together with its error, after `except` ended
            error = UnknownError()
        if error is None and frame is not None and left_at not in _QUIET and not can_tell():
            error = UnknownError()
        return None if isinstance(error, GeneratorExit) else error
