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
from itertools import chain, count, islice, repeat
from operator import itemgetter, length_hint
from sys import is_finalizing
from time import monotonic

from .._model.states import ENDED, STOPPED_EARLY, is_failure
from .._system.warnings import describe
from . import counters as counting
from .loop_counters import (
    SIZED,
    WHOLE,
    AnyCounter,
    AsyncCounter,
    PausingCounter,
    PortionSizes,
    SizedCounter,
    count_in,
    size_of,
)
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

    Consumer = tuple[CodeType | None, int, tuple[int, ...]]
    """The code and the offset in it of the instruction that requested the first item of a consumer, and `holders` then."""
    Place = list[Any]
    """How far a consumer is in the portions that it shares with others. A list, which C code reads."""


LAST, CONSUMER = 0, 1
"""Indices of a place: the portion that its consumer has, None before the first; and the consumer itself, once it has begun."""
_LAST = itemgetter(LAST)
NOBODY: Consumer = (None, -1, ())
# Types whose slices copy no items, and whose values never change.
_CUT = frozenset((range, str, bytes))


ASKING = frozenset(("FOR_ITER", "POP_ITER", "SEND", "GET_ANEXT"))  # POP_ITER: a `for` that has ended, from 3.14 on
_LEAVING = DROPPING | frozenset(("YIELD_VALUE", "RESUME"))  # a generator that is closed stands at its `yield`
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


def _cut(sequence: Any, counter: SizedCounter, sizes: PortionSizes) -> Iterator[Iterator[Any]]:
    """Yield `sequence`, of a type that is `_CUT`, in pieces."""
    before = 0
    while before < len(sequence):
        piece = sequence[before : before + sizes.next()]
        iterator = iter(piece)
        counter.turn_to(iterator, before)
        yield iterator
        before += len(piece)


def _sliced(source: Any, counter: SizedCounter, sizes: PortionSizes) -> Iterator[Iterator[Any]]:
    """Yield `source` in slices until it ends."""
    before = 0
    while True:
        size = sizes.next()
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

    Each `for` statement, and each other consumer that calls `iter`, gets an iterator of its own over the same items. It is
    dropped when the statement is left, also where a variable holds this object, and so tells how.

    A class from C with more slots, because a `__next__` in Python would be called for each item.

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

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # it is a `Tracked`, but its type is not that of `chain`
        portions: Portions = self._portions
        place: Place = [None, None]
        tracked: Any = TrackedPass.from_iterable(portions.iterator(place))
        tracked._loop, tracked._portions, tracked._place = self._loop, portions, place
        return tracked  # type: ignore[no-any-return]  # as in `Loop.run`

    def __next__(self) -> Any:
        if self._loop.is_left:  # the portion may have items left, which C code would hand out uncounted
            self._portions.resume()
        return chain.__next__(self)

    @property
    def task(self) -> LoopTask:
        """The loop's task. It can be used before the first item is requested; its time begins with the first item."""
        return self._loop.task

    def close(self) -> None:
        """End the loop early, as a generator's `close` does. Items that are requested later do not count."""
        self._portions.close()


class TrackedPass(Tracked):
    """The iterator of one consumer of a `Tracked`."""

    __slots__ = ("_place",)
    _place: Place
    __iter__ = chain.__iter__
    __next__ = chain.__next__

    def __del__(self) -> None:
        # Takes no lock, as a finaliser. At the interpreter's end the module's names may be None by now.
        try:
            portions, (_, consumer) = self._portions, self._place
        except AttributeError:  # an interrupt came before `__iter__` had set them
            return
        if (
            consumer is not None
            and next(portions.dropped) == portions.begun
            and portions.leave is not None
            and caller is not None
            and not is_finalizing()
        ):
            portions.leave(consumer, caller())


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

    __slots__ = ("_async_iterator", "_iterator", "_loop")

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._iterator: Any = None
        self._async_iterator: AsyncLoop | None = None

    @property
    def task(self) -> LoopTask:
        """The loop's task."""
        return self._loop.task

    def __iter__(self) -> Iterator[Any]:
        return iter(self._tracked())

    def __next__(self) -> Any:
        return next(self._tracked())

    def _tracked(self) -> Any:
        if self._iterator is None:
            self._iterator = self._loop.run()
        return self._iterator

    def __aiter__(self) -> AsyncLoop:
        if self._async_iterator is None:
            self._async_iterator = self._loop.run_async()
        return self._async_iterator.__aiter__()


class AsyncLoop:
    """What `track` returns for an async iterable: an async iterator that knows its task.

    It yields the source's own items, raises its errors, and closes nothing itself. Each `async for` statement gets an
    iterator of its own, as with `Tracked`.
    """

    __slots__ = ("_consumer", "_counter", "_loop", "_running", "_source")

    def __init__(self, loop: Loop, source: Any, counter: AsyncCounter) -> None:
        self._loop = loop
        self._source = source
        self._counter = counter
        self._consumer: Consumer | None = None
        self._running = 0  # passes that have begun

    @property
    def task(self) -> LoopTask:
        """The loop's task. It can be used before the first item is requested; its time begins with the first item."""
        return self._loop.task

    def __aiter__(self) -> AsyncLoop:
        return AsyncPass(self)

    async def __anext__(self) -> Any:
        if self._consumer is None or self._loop.is_left:
            frame = caller()
            self._begin(NOBODY if frame is None else (frame.f_code, frame.f_lasti, holders()))
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

    def _begin(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._loop.remember_consumer(consumer)
        if self._loop._counter is None:
            self._loop._counter = self._counter
            count_in(self._loop.begin(), self._counter)

    def _over(self, event: Any, reason: str | None = None) -> None:
        if self._counter.final is None:
            self._counter.close(self._counter.asked)
            if self._loop._finish:
                self._loop.task._change(event, reason)

    def __del__(self) -> None:
        # Only a loop that was left early reaches this without an end. Takes no lock, because a finaliser may run it.
        if caller is None or is_finalizing():  # as for other loops
            return
        if self._loop._counter is not None and self._counter.final is None:
            self._loop.broken(self._counter, caller())


class AsyncPass(AsyncLoop):
    """The iterator of one `async for` statement.

    Args:
        whole: The loop that it runs over.
    """

    __slots__ = ("_whole",)

    def __init__(self, whole: AsyncLoop) -> None:
        super().__init__(whole._loop, whole._source, whole._counter)
        self._whole = whole

    def __aiter__(self) -> Self:
        return self

    def _begin(self, consumer: Consumer) -> None:
        self._whole._running += 1
        super()._begin(consumer)

    def __del__(self) -> None:
        if self._consumer is not None:
            self._whole._running -= 1
            if not self._whole._running and caller is not None and not is_finalizing():
                self._loop.left(self._consumer, caller())


class Portions:
    """The portions of a loop, for as many consumers and threads as share it.

    A thread that asks while another one receives a portion gets the same portion. A generator would raise ValueError,
    and the asking iterator in C would drop the remaining items.

    Args:
        portions: The generator of the portions.
        begin: Called with each consumer that requests its first item; None for no call.
        leave: See the attribute.

    Attributes:
        begun: The number of consumers that have begun and tell when they are dropped.
        dropped: Counts those that were dropped.
        leave: Called with the last of these consumers and the frame that has dropped it; None: not at all, as after the end.
    """

    __slots__ = ("_begin", "_lock", "_newest", "_portions", "begun", "dropped", "leave")

    def __init__(
        self,
        portions: Generator[Iterator[Any]],
        begin: Callable[[Consumer], object] | None = None,
        leave: Callable[[Consumer, FrameType | None], object] | None = None,
    ) -> None:
        self._portions = portions
        self._begin = begin
        self._lock = RLock()  # a signal's handler may run in the middle
        self._newest: Any = None
        self.begun = 0
        self.dropped = count(1)
        self.leave = leave

    def iterator(self, place: Place | None = None) -> Iterator[Iterator[Any]]:
        """Return an iterator over them for the consumer at `place`; None: for one that does not tell when it is dropped.

        C code reads in one step which portion a thread has exhausted. Between two Python instructions, another thread
        could receive the next portion.
        """
        places = repeat([None] if place is None else place)
        return map(self._after, places, map(_LAST, places))

    def resume(self) -> None:
        """Go on with a loop that all its consumers have left, for one that asks for single items."""
        with self._lock:
            if self._begin is not None:
                self._begin(NOBODY)

    def close(self) -> None:
        """End the loop as one that is left early."""
        self._portions.close()

    def _after(self, place: Place, last: Any) -> Any:
        """Return the portion after `last`, in which there may be items left."""
        with self._lock:
            if last is None and self._begin is not None:
                frame = caller()
                consumer = (None, -1, holders()) if frame is None else (frame.f_code, frame.f_lasti, holders())
                if len(place) > CONSUMER:
                    place[CONSUMER] = consumer
                    self.begun += 1
                self._begin(consumer)
            newest = self._newest
            if newest is last:
                newest = next(self._portions, None)
                if newest is None:
                    self.leave = None
                    raise StopIteration
                self._newest = newest
        place[LAST] = newest  # right before the consumer receives it
        return newest


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

    __slots__ = ("_begin", "_consumer", "_counter", "_finish", "_iterable", "is_left", "_not_begun", "_source", "_task")
    _counter: Counter | AsyncCounter | None

    def __init__(self, iterable: Any, begin: Callable[[int | None, Any, bool], LoopTask], finish: bool = True) -> None:
        self._iterable = iterable
        self._begin = begin
        self._finish = finish
        self._consumer: Consumer = NOBODY  # the first one, or the last one that has left
        self._counter = None
        self.is_left: bool | None = None  # whether the task ended when a consumer left; False once the loop has gone on
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
        portions = Portions(self.portions(), self.remember_consumer, self.left)
        tracked: Any = Tracked.from_iterable(portions.iterator())
        tracked._loop, tracked._portions = self, portions
        return tracked  # type: ignore[no-any-return]  # the class method of C is typed as that of a `chain`

    def run_async(self) -> AsyncLoop:
        """Return the iterator for an `async for` statement."""
        if self._source is None:
            self._source = self._iterable.__aiter__()
        return AsyncLoop(self, self._source, AsyncCounter())

    def begin(self) -> LoopTask:
        """Begin the task. The size is read now, since a list may have grown since `track`."""
        task = self._task = self._begin(size_of(self._iterable, self._source), self._task, True)
        self._not_begun = None
        return task

    @property
    def task(self) -> LoopTask:
        """The task, which begins with the loop."""
        if self._task is None:
            self._task = self._begin(size_of(self._iterable, self._source), None, False)
            self._not_begun = _NotBegun(self._task)
        return self._task

    def portions(self) -> Generator[Iterator[Any], None, None]:
        """Yield the iterators that the consumer runs through: the whole source, or slices of it."""
        source = self._source
        counter: Counter | None = None
        try:
            counter, portions = self._open(source)
            self._counter, self._iterable = counter, None
            yield from portions
            self._complete(counter)
        except GeneratorExit:
            assert counter is not None  # it comes at a `yield`
            # At the interpreter's end nothing is drawn any more, and names of other modules may be None.
            if caller is None or is_finalizing():
                raise
            if counter.final is None:
                self.broken(counter, caller(), source)
            counter.close(counter.final)
            self.is_left = None
            raise
        except BaseException as error:  # a signal's handler has raised it outside of the loop's body
            if counter is not None and counter.final is None:
                counter.close(counter.handed())
            if self._finish and self._task is not None:
                if is_failure(type(error)):
                    self._task.fail(error)
                else:
                    self._task.cancel()
            raise
        finally:
            self._source = None

    def _open(self, source: Any) -> tuple[Counter, Iterator[Iterator[Any]]]:
        """Begin the task. Return its counter, and the portions of `source`."""
        task = self.begin()
        counter, portions = self._counting(source, task.tracker.clock)
        count_in(task, counter)
        return counter, portions

    def _counting(self, source: Any, clock: Callable[[], float]) -> tuple[Counter, Iterator[Iterator[Any]]]:
        """Return a counter of the items of `source`, and its portions, whose sizes follow from the time on `clock`."""
        iterable = self._iterable
        counter: Counter
        code, at, _ = self._consumer
        whole = counting.poll is None and instruction(code, at) == "FOR_ITER"
        if type(source) in SIZED:
            counter = SizedCounter(source, iterable if type(iterable) is list else None)
            if whole:
                portions: Iterator[Iterator[Any]] = iter((source,))
            else:
                cut, sizes = type(iterable) in _CUT, PortionSizes(clock)
                portions = _cut(iterable, counter, sizes) if cut else _sliced(source, counter, sizes)
        else:
            counter = AnyCounter(source) if whole else PausingCounter(source, PortionSizes(clock))
            portions = iter((counter.iterator,))  # type: ignore[arg-type]  # it has one until it is closed
        return counter, portions

    def _complete(self, counter: Counter) -> None:
        """End the task at the end of the source."""
        counter.close(None)
        if self._finish:
            self.task.finish()

    def remember_consumer(self, consumer: Consumer) -> None:
        """Note by whom the first item is requested. The loop goes on if the last consumer has left and its task has ended."""
        if self._consumer is NOBODY:
            self._consumer = consumer
        elif self.is_left:
            self._go_on()

    def _go_on(self) -> None:
        """Count again after a consumer has left: in the task, or, since an end is final, in one that goes on from there."""
        counter, before = self._counter, self._task
        assert counter is not None
        assert before is not None
        self.is_left = False
        if before.state in ENDED:
            self._task = self._begin(None, before._go_on(counter), True)
        counter.final = None

    def left(self, consumer: Consumer, frame: FrameType | None) -> None:
        """End the task if a `break`, `return` or an error has left the loop of `consumer`; the whole loop may still be held.

        A consumer that has had enough (`islice`, `zip`, `next`) does not end it: a holder may go on with it.
        A loop that has gone on after a `break` is not ended by another one.
        """
        counter = self._counter
        code, at, _ = consumer
        if counter is None or counter.final is not None or frame is None or frame.f_code is not code:
            return
        left_at = instruction(code, frame.f_lasti)
        if left_at in ASKING or instruction(code, at) not in ASKING:
            return
        self._consumer = consumer
        was_live = self._task is None or self._task.state not in ENDED
        self.broken(counter, frame, self._source, may_stay=self.is_left is False or left_at not in _LEAVING)
        if counter.final is not None and (was_live or not self._finish):
            self.is_left = True

    def broken(
        self, counter: Counter | AsyncCounter, frame: Any, source: Any = None, *, may_stay: bool = False
    ) -> None:
        """End the task, because its iterator was dropped: by a break, by an error in the body or the source, or unused.

        The task fails only if an exception is in flight, and is cancelled by one such as KeyboardInterrupt. Otherwise
        it finishes if the count is complete, and has stopped early if not: `zip`, `islice` and `any` drop an iterator
        just as `break` does. `source` is what the items come from. With `may_stay` it goes on without an exception.
        """
        handed = counter.handed()
        code, at, _ = self._consumer
        by_statement = instruction(code, at) in ASKING
        left_at = instruction(code, frame.f_lasti) if frame is not None and frame.f_code is code else ""
        over = getattr(source, "gi_code", None) if getattr(source, "gi_frame", source) is None else None
        error = self._error(counter, frame if by_statement else None, over, left_at)
        task = self.task
        if error is not None:
            counter.final = handed if over is not None or left_at in ASKING else max(handed - 1, 0)
            if self._finish and is_failure(type(error)):
                known = not isinstance(error, UnknownError)
                task.fail(error if known else "an error in the loop" if over is None else "an error in the source")
            elif self._finish:
                task.cancel()
            return
        if may_stay:
            return
        counter.final = handed
        worked_on = by_statement and left_at in DROPPING  # the item at which the loop was left is not done
        if task.is_complete and not worked_on:
            if self._finish:
                task.finish()
            return
        if not (by_statement and left_at in ASKING):  # another iterator, which uses this one, has ended
            counter.final = max(handed - 1, 0)
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
        error = passing(frame, counter, self._consumer[2], over) if frame is not None or over is not None else None
        if error is None and over is not None and not left_at:  # dropped together with its error, after `except` ended
            error = UnknownError()
        if error is None and frame is not None and left_at not in _QUIET and not can_tell():
            error = UnknownError()
        return None if isinstance(error, GeneratorExit) else error


# The last name of the module: a signal's handler that interrupts this import finds the whole module, or not this name.
class SilentLoop(Loop):
    """A loop that is not shown. Its task is made when it is asked for, or when the loop is left before its end."""

    __slots__ = ("_began", "_ended", "_size")
    _ended: float | None

    def _open(self, source: Any) -> tuple[Counter, Iterator[Iterator[Any]]]:
        if self._task is not None:  # it was asked for before the loop began
            return super()._open(source)
        self._size = size_of(self._iterable, source)
        self._began, self._ended = monotonic(), None
        return self._counting(source, monotonic)

    def _complete(self, counter: Counter) -> None:
        counter.close(None)
        self._ended = monotonic()  # first: another thread may make the task now
        if self._task is not None:
            self._task.finish()

    @property
    def task(self) -> LoopTask:
        """The task, as if it had begun and ended with the loop."""
        if self._task is None and self._counter is not None:
            task: Any = self._begin(self._size, None, True)
            count_in(task, self._counter)
            task._began, self._task = self._began, task
            if self._ended is not None:
                task.finish()
                task._end = (task.state, self._ended, None)
        return super().task
