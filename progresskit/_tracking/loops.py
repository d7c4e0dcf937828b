"""Loops: iterate without Python code for each item, and detect how the loop ended.

Items pass through iterators in C only; `loop_counters` reads the count from outside. One generator, which is resumed
when an iterator is exhausted, notices the end and a break. Does not know rows, renderers or clocks.

A `for` statement returns to the interpreter's loop after each item, and so gets the whole source. Any other consumer gets portions:
a consumer in C over a source in C (`sum(track(range(n)))`) returns to the interpreter only between two portions, and other threads,
such as the ticker's, run only then. (A filter in C between a `for` and its source makes them wait while it passes no
item, as it does without progresskit.)

Each iterator in C costs one to three nanoseconds per item, so the kind of source decides how portions are made:

- a `range` or a text is sliced, which costs nothing per item;
- a list, which may change during the loop, goes through an `islice`, except for its last milliseconds;
- a source that a second iterator counts is paused by that iterator.
"""

from __future__ import annotations

from _thread import RLock
from itertools import chain, islice, repeat
from operator import attrgetter, length_hint

from .._model.states import STOPPED_EARLY, is_failure
from .._system.warnings import describe
from . import counters as counting
from .loop_counters import SIZED, WHOLE, AnyCounter, AsyncCounter, Pace, PausingCounter, SizedCounter, count_in, size_of
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
    from collections.abc import Callable, Generator, Iterator
    from types import CodeType, FrameType
    from typing import Any, Self

    from .loop_counters import Counter, LoopTask


# Types whose slices copy no items, and whose values never change.
_CUT = frozenset((range, str, bytes))


ASKING = frozenset(("FOR_ITER", "POP_ITER", "SEND", "GET_ANEXT"))  # POP_ITER: a `for` that has ended, from 3.14 on
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
"""Instructions at which an iterator may be dropped without an exception. Used where the exception cannot be searched
for."""


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
    """Yield `source` in slices until it ends."""
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

    A class from C with one more slot, because a `__next__` in Python would be called for each item.

    Example:
        >>> loop = track([0.5, 0.25], "Training", unit="epoch")
        >>> for loss in loop:
        ...     loop.task.update(loss=loss)
        >>> loop.task.state, dict(loop.task.fields)
        ('finished', {'loss': 0.25})
    """

    __slots__ = ("_loop", "_portions")
    _loop: Loop
    _portions: Portions

    @property
    def task(self) -> LoopTask:
        """The loop's task. It can be used before the first item is requested; its time begins with the first item."""
        return self._loop.task

    def close(self) -> None:
        """End the loop early, as a generator's `close` does. Items that are requested later do not count."""
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
        """The loop's task. It can be used before the first item is requested; its time begins with the first item."""
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
        # Only a loop that was left early reaches this without an end. Takes no lock, because a finaliser may run it.
        if self._task is not None and caller is not None:  # as for other loops
            self._loop.broken(self._counter, caller())


class Portions:
    """The portions of a loop, for as many threads as share its iterator.

    A thread that asks while another one receives a portion gets the same portion. A generator would raise ValueError,
    and the asking iterator in C would drop the remaining items.

    Args:
        portions: The generator of the portions.
        begin: Called with the frame that requests the first portion; None for no call.

    Attributes:
        last: The portion that the consumer has; None before the first.
    """

    __slots__ = ("_begin", "_lock", "_newest", "_portions", "last")

    def __init__(
        self, portions: Generator[Iterator[Any]], begin: Callable[[FrameType | None], object] | None = None
    ) -> None:
        self._portions = portions
        self._begin = begin
        self._lock = RLock()  # a signal's handler may run in the middle
        self._newest: Any = None
        self.last: Any = None

    def iterator(self) -> Iterator[Iterator[Any]]:
        """Return an iterator over them.

        C code reads in one step which portion a thread has exhausted. Between two Python instructions, another thread
        could receive the next portion.
        """
        return map(self._after, map(attrgetter("last"), repeat(self)))

    def close(self) -> None:
        """End the loop as one that is left early."""
        self._portions.close()

    def _after(self, last: Any) -> Iterator[Any]:
        """Return the portion after `last`."""
        with self._lock:
            if last is None and self._newest is None and self._begin is not None:
                self._begin(caller())
            if self._newest is last:
                self._newest = next(self._portions)
            newest: Iterator[Any] = self._newest
        self.last = newest  # right before the consumer receives it
        return newest


# The last name of the module: a signal's handler that interrupts this import finds the whole module, or not this name.
class Loop:
    """One run over an iterable.

    Args:
        iterable: What to run over; sync or async.
        begin: Called with the size, or None, and the task, if there is one, when the first item is requested; returns
            the task that counts. Called with no size, no task and `False` if the task is requested earlier.
        finish: Whether the loop's end is also the task's.

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
        """Return the iterator to run: sync, async, or both, as the iterable is."""
        if self._source is None:
            return EitherLoop(self)
        return self.run_async() if hasattr(self._iterable, "__aiter__") else self.run()

    def run(self) -> Iterator[Any]:
        """Return the iterator for a `for` statement or a consumer in C."""
        if self._source is None:
            self._source = iter(self._iterable)
        portions = Portions(self.portions(), self.remember_consumer)
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
        """Yield the iterators that the consumer runs through: the whole source, or slices of it."""
        source = self._source
        counter, portions = self._open(source)
        self._source = self._iterable = None
        try:
            yield from portions
        except GeneratorExit:
            if caller is not None:  # a free-threaded interpreter that ends empties modules before it closes generators
                self.broken(counter, caller(), source)
            raise
        except BaseException as error:  # a signal's handler has raised it between two portions
            counter.close(counter.handed())
            if self._finish:
                if is_failure(type(error)):
                    self.task.fail(error)
                else:
                    self.task.cancel()
            raise
        self._complete(counter)

    def _open(self, source: Any) -> tuple[Counter, Iterator[Iterator[Any]]]:
        """Begin the task. Return its counter, and the portions of `source`."""
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
        """Note which instruction requested the first item. This distinguishes a loop from a call at the end."""
        if frame is not None:
            self._code = frame.f_code
            self._instruction = frame.f_lasti
        self._held = holders()

    def broken(self, counter: Counter | AsyncCounter, frame: Any, source: Any = None) -> None:
        """End the task, because its iterator was dropped: by a break, by an error in the body or the source, or unused.

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
        if not (by_statement and left_at in ASKING):  # another iterator, which uses this one, has ended
            counter.close(max(handed - 1, 0))
        if self._finish:
            task._change("cancel", STOPPED_EARLY)

    def _error(self, counter: Any, frame: Any, over: CodeType | None, left_at: str) -> BaseException | None:
        """Return the exception that ends the loop, if one is in flight; None after `break` or `return`.

        Args:
            frame: The consumer's, if that is a `for` statement. An exception within a call of C cannot be seen.
            over: The code of the source, if that is a generator that has ended without reporting its end.
            left_at: The consumer's current instruction.
        """
        if not HAS_GENERATIONS and over is None and frame and left_by_statement(frame.f_code, frame.f_lasti):
            return None  # where the search for an exception takes long
        error = passing(frame, counter, self._held, over) if frame is not None or over is not None else None
        if error is None and over is not None and not left_at:  # dropped together with its error, after `except` ended
            error = UnknownError()
        if error is None and frame is not None and left_at not in _QUIET and not can_tell():
            error = UnknownError()
        return None if isinstance(error, GeneratorExit) else error
