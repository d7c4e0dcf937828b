"""Task: one piece of work as users see it: what it is, and what happens to it.

Knows what users may do with a task, and notifies the tracker of changes. Does not know where a task is shown, or how it
counts: that is its record's part. Every public method may be called from any thread.
"""

from __future__ import annotations

from .._model.numbers import is_all, plain_number
from .._model.states import ENDED, FAILED, PAUSED, RUNNING, after, is_failure
from .._system.lazy import REDUCE_TASK, load
from .._system.warnings import describe
from .arguments import UNCHANGED, amount, checked_color, described, given_fields, shared_kind, text
from .counters import CountingTicks, PolledCounter
from .loop_counters import Total
from .task_record import TREE_LOCK, TaskRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import Any, Protocol, Self, TypeVar, overload

    from .._model.estimates import Estimator
    from .._model.frames import Field
    from .._model.states import Event
    from .arguments import Rollup
    from .loop_counters import Counter as LoopCounter

    T = TypeVar("T")
    Item = TypeVar("Item", covariant=True)

    class Tracked(Iterator[Item], Protocol):
        """What `track` returns: an iterator that knows its task."""

        @property
        def task(self) -> Task:
            """The loop's task. It can be used before the first item is requested; its time begins with the first
            item."""

        def close(self) -> None:
            """End the loop early, as a generator's `close` does. Items that are requested later do not count."""

    class AsyncTracked(AsyncIterator[Item], Protocol):
        """What `track` returns for an async iterable: an async iterator that knows its task."""

        @property
        def task(self) -> Task:
            """The loop's task. It can be used before the first item is requested; its time begins with the first
            item."""

    class Tracker(Protocol):
        """The tracker of a task, as far as tasks know it: a `ProgressTracker`."""

        @property
        def clock(self) -> Callable[[], float]:
            """Gives the time in seconds."""

        @property
        def estimator(self) -> Callable[[float], Estimator] | None:
            """Makes the estimate of a task; None: the built-in one."""

        @property
        def is_elsewhere(self) -> bool:
            """Whether its tasks belong to another process, and are only counted here."""

        @property
        def _core(self) -> Any: ...

        def add_task(self, description: object, total: int | float | None = None, **options: Any) -> Task:
            """Add a task and return it."""

        def print(self, *values: object, sep: str | None = " ", end: str | None = "\n") -> None:
            """Show a line above the bars."""

        def stop(self) -> None:
            """End all live tasks and draw the last frame."""


class _FirstTick:
    """Gives a task its counter in C when `tick` is first looked up, so that other tasks stay small.

    The task then becomes a `_TickingTask`, whose `tick` is the slot itself: calling it is a call of C.
    """

    def __get__(self, task: Task | None, owner: type) -> Callable[[], None]:
        if task is None:
            return self  # type: ignore[return-value]  # looked up on the class, for documentation only
        with TREE_LOCK:
            if type(task) is Task:
                ticks = CountingTicks()
                task._made_extras.counters += (ticks,)
                task._tick = ticks.tick
                task.__class__ = _TickingTask
        return task._tick


class Task(TaskRecord):
    """One piece of work. Made by `ProgressTracker.add_task`.

    As a context manager it finishes on a clean exit, fails on an exception, and is cancelled by `KeyboardInterrupt`,
    `CancelledError` and similar ones. It never suppresses an exception.

    Example:
        >>> with tracker.add_task("orders.csv", total=3, unit="row") as task:
        ...     for row in range(3):
        ...         task.advance()
        >>> task.state, task.completed
        ('finished', 3)
    """

    __slots__ = ()
    _owner: Tracker | Task

    tick: _FirstTick = _FirstTick()
    """Advance by one, at the cost of a C call. Safe from any thread.

    Example:
        >>> tick = task.tick
        >>> for page in range(3):
        ...     tick()
    """

    def __repr__(self) -> str:
        return f"<Task {self._description!r} {self.state} {self.completed}/{self.total} {self.unit}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the task for a worker: units that are counted there count here. See
        `progresskit.processes._handles`."""
        return load(REDUCE_TASK)(self)  # type: ignore[no-any-return]  # loaded by name

    # What a task is

    @property
    def id(self) -> int:
        """A number that no other task of this process ever has."""
        return self._id

    @property
    def tracker(self) -> Tracker:
        """The `ProgressTracker` that the task belongs to."""
        owner = self._owner
        while isinstance(owner, Task):
            owner = owner._owner
        return owner

    @property
    def parent(self) -> Task | None:
        """The task that this one is a part of; None at the top."""
        return self._owner if isinstance(self._owner, Task) else None

    @property
    def description(self) -> str:
        """What the task is."""
        return self._description

    @property
    def completed(self) -> int | float:
        """Units done: by `advance`, by tracked iterables and, with a rollup, by the children."""
        return self._plain_sum(self._counted() if self._kind[3] is None else self._sums({})[0])

    @property
    def total(self) -> int | float | None:
        """Units in all; None when unknown. With `rollup="sum"` and no total of its own, that of the children."""
        return self._sums({})[1] if self._total is None and self._kind[3] == "sum" else self._total

    @property
    def unit(self) -> str:
        """What is counted: `"B"` and `"iB"` are bytes, anything else is a noun."""
        return self._kind[0]

    @property
    def color(self) -> str | None:
        """The operation's colour, or None."""
        return self._kind[1]

    @property
    def keep(self) -> bool:
        """Whether the task's line stays above the bars once it has ended; by default, only if it has no parent."""
        keep = self._kind[2]
        return self.parent is None if keep is None else keep

    @property
    def rollup(self) -> Rollup | None:
        """How the children count: `"count"`, `"sum"`, or None if they do not."""
        return self._kind[3]

    @property
    def estimated(self) -> bool:
        """Whether `completed` is an estimate."""
        return self._kind[4]

    @property
    def reason(self) -> str | None:
        """Why the task failed or was cancelled; `stopped early` after a `break`; None if it did neither."""
        return None if self._end is None else self._end[2]

    @property
    def is_complete(self) -> bool:
        """Whether the count has reached the total. Without a total, only a task that sums its children is complete."""
        total = self.total
        return self.rollup == "sum" if total is None else is_all(self.completed, total)

    @property
    def waiting(self) -> bool:
        """Whether the task has not begun."""
        return self._began is None

    @property
    def fields(self) -> Mapping[str, Field]:
        """Additional columns. Change them with `update`."""
        return self._fields

    @property
    def elapsed(self) -> float:
        """Seconds since the start, pauses left out; 0.0 before it."""
        return self._active(self.tracker.clock())

    @property
    def rate(self) -> float | None:
        """Units a second; None while unknown."""
        return self._estimate_at(self._active(self.tracker.clock()), *self._sums({}))[0]

    @property
    def eta(self) -> float | None:
        """Seconds left; None while unknown."""
        return self._estimate_at(self._active(self.tracker.clock()), *self._sums({}))[1]

    # What happens to it

    def update(
        self,
        *,
        completed: int | float | None = UNCHANGED,
        total: int | float | None = UNCHANGED,
        description: object = UNCHANGED,
        unit: str = UNCHANGED,
        keep: bool = UNCHANGED,
        color: str | None = UNCHANGED,
        estimated: bool = UNCHANGED,
        fields: Mapping[str, Any] | None = None,
        **more_fields: Any,
    ) -> None:
        """Change the given attributes and leave the others.

        Args:
            completed: Units done; None leaves it. It may be less than before, as after a retry.
            total: Units in all; None makes it unknown.
            description: What the task is: a string, a path, or any object, shown as `str` gives it now.
            unit: What is counted: `"B"` and `"iB"` are bytes, anything else is a noun.
            keep: Whether its line stays above the bars when it has ended.
            color: The operation's colour, or None.
            estimated: Whether `completed` is an estimate, to be shown with `~`.
            fields: Additional columns; a value of None removes one. Values other than strings, numbers and booleans are
                shown as `str` gives them now.
            more_fields: More columns, as keyword arguments. The name of each must not resemble an argument's.

        Raises:
            TypeError: a value has the wrong type, or a keyword argument is misspelt.
            ValueError: a number is negative or not finite, or `completed` is set on a task with a rollup.

        Example:
            >>> task.update(completed=10, total=40, speed="slow")
            >>> task.completed, dict(task.fields)
            (10, {'speed': 'slow'})
        """
        if completed is not UNCHANGED and completed is not None:
            if self._kind[3] is not None:
                raise ValueError(
                    f"completed of {self._description!r:.80} comes from its children (rollup={self._kind[3]!r}): "
                    "advance these, or add the task without a rollup."
                )
            done = amount("completed", completed)
            counters = () if self._extras is None else self._extras.counters
            self._set_count(done - sum(counter.count() for counter in counters))
        if total is not UNCHANGED:
            self._total = None if total is None else amount("total", total)
        if description is not UNCHANGED:
            self._description = described(description)
        if any(each is not UNCHANGED for each in (unit, keep, color, estimated)):
            old_unit, old_color, old_keep, rollup, old_estimated, columns = self._kind
            self._kind = shared_kind(
                (
                    old_unit if unit is UNCHANGED else text("unit", unit),
                    old_color if color is UNCHANGED else checked_color(color),
                    old_keep if keep is UNCHANGED else bool(keep),
                    rollup,
                    old_estimated if estimated is UNCHANGED else bool(estimated),
                    columns,
                )
            )
        if fields or more_fields:
            merged = {**self._fields, **given_fields("update", more_fields, fields)}
            self._fields = {name: value for name, value in merged.items() if value is not None}
        self.tracker._core.wake()

    def report(self, done: int | float, total: int | float | None = UNCHANGED) -> None:
        """Set the count, and the total if one is given. For libraries that call back with `(done, total)`.

        A wrong value never raises: a `done` that is not a number from 0 changes nothing and gives one warning.

        Args:
            done: Units done.
            total: Units in all. None, a negative or infinite number, or another value makes it unknown. Left out:
                unchanged.

        Raises:
            ValueError: the task has a rollup: its count comes from its children.

        Example:
            >>> task.report(5, 20)
            >>> task.completed, task.total
            (5, 20)
            >>> task.report(6, -1)
            >>> task.completed, task.total
            (6, None)
        """
        number = plain_number(done)
        if number is None or number < 0:
            self._refuse(done)
            number = UNCHANGED
        if total is not UNCHANGED:
            total = plain_number(total)
            total = None if total is None or total < 0 else total
        self.update(completed=number, total=total)

    def restart(self, *, completed: int | float = 0, total: int | float | None = UNCHANGED) -> None:
        """Restart a live task, for a retry. Its count is set back, and its time, rate and time left begin now.

        With a rollup, children that have ended no longer count. A `counter` continues as before.

        Args:
            completed: Units that are done already; they do not count in the rate.
            total: Units in all; None makes it unknown. Left out: unchanged.

        Raises:
            TypeError, ValueError: a value is not a number, or is negative or not finite.

        Example:
            >>> task.advance(5)
            >>> task.restart()
            >>> task.completed, task.state
            (0, 'running')
        """
        done = amount("completed", completed)
        if total is not UNCHANGED and total is not None:
            total = amount("total", total)
        if self._end is not None:
            return
        extras, now = self._made_extras, self.tracker.clock()
        with TREE_LOCK:
            extras.rolled_completed = extras.rolled_total = 0
            self._set_count(done - sum(each.count() for each in extras.counters if not isinstance(each, PolledCounter)))
            if total is not UNCHANGED:
                self._total = total
            extras.initial, extras.paused, extras.paused_at = done, 0.0, None
            self._forget_estimate()
            if self._began is not None:
                self._began, self._state = now, RUNNING
        self.tracker._core.wake()

    def start(self) -> None:
        """Begin a task that was added with `start=False`. A task that has begun is unchanged."""
        self._change("start")

    def pause(self) -> None:
        """Stop the task's time until `resume`. A pause counts neither in `elapsed` nor in `rate` and `eta`."""
        self._change("pause")

    def resume(self) -> None:
        """Continue after `pause`.

        Raises:
            ValueError: the task has not begun.
        """
        self._change("resume")

    def finish(self) -> None:
        """End the task as finished. Further calls do not change a task that has ended."""
        self._change("finish")

    def fail(self, reason: str | BaseException = "") -> None:
        """End the task as failed, for `reason`.

        Example:
            >>> task.fail("the stage is gone")
            >>> task.state, task.reason
            ('failed', 'the stage is gone')
        """
        self._change("fail", reason if isinstance(reason, str) else describe(reason))

    def cancel(self, reason: str = "") -> None:
        """End the task as cancelled, for `reason`."""
        self._change("cancel", reason)

    @property
    def _is_looping(self) -> bool:
        """Whether a loop counts in it that has not ended."""
        extras = self._extras
        return extras is not None and any(getattr(each, "final", self) is None for each in extras.counters)

    def _end_by_children(self) -> bool:
        """Fail if the count is below the total because children failed; return whether that is so. A loop's count is its own."""
        extras = self._extras
        if extras is None or not extras.failed or self._end is not None or self.is_complete or self._is_looping:
            return False
        if self._total is None and self._kind[3] is None:  # the number of units is unknown
            return False
        total = self._total if self._kind[3] == "count" and self._total is not None else extras.added
        self.fail(f"{extras.failed:,d} of {total:,d} failed")
        return True

    def _change(self, event: Event, reason: str | None = None) -> None:
        """Change the state by `event`, as the table of `progresskit._model.states` says."""
        state = after(self.state, event)
        if state == self.state:
            return
        tracker = self.tracker
        now = tracker.clock()
        if state in ENDED:
            self._poll()
            # An end is one store, so that it needs no lock: a finaliser may call this in the middle of any statement.
            self._end = (state, now, (reason or None) if state != "finished" else None)
            if state == FAILED and isinstance(self._owner, Task):
                self._owner._made_extras.failed += 1
            tracker._core.note_end(self)
            return
        if state == PAUSED:
            self._made_extras.paused_at = now
        elif self._extras is not None and self._extras.paused_at is not None:
            self._extras.paused += now - self._extras.paused_at
            self._extras.paused_at = None
        if self._began is None:
            self._began = now
        self._state = state
        tracker._core.wake()

    def __enter__(self) -> Self:
        if self._began is None:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            if not self._end_by_children():
                self.finish()
        elif is_failure(kind):
            self.fail(describe(error or kind()))
        else:
            self.cancel()

    if TYPE_CHECKING:

        @overload
        def track(
            self, iterable: AsyncIterable[T], *, total: int | float | None = None, finish: bool = True
        ) -> AsyncTracked[T]: ...
        @overload
        def track(
            self, iterable: Iterable[T], *, total: int | float | None = None, finish: bool = True
        ) -> Tracked[T]: ...

    def track(self, iterable: Any, *, total: int | float | None = None, finish: bool = True) -> Any:
        """Return an iterator over `iterable` that counts in this task.

        An item counts once the loop's body is done with it. The loop runs at nearly the speed of a bare loop.

        Args:
            iterable: Any iterable or async iterable.
            total: Units in all; None asks `len` and `__length_hint__`, unless the task has a total already.
            finish: Whether the task ends with the loop: at the end of the iterable, by a break or by an error.

        Raises:
            TypeError: `iterable` is not iterable.

        Example:
            >>> for letter in task.track("abc"):
            ...     task.update(description=f"letter {letter}")
            >>> task.completed
            3
        """
        from .loops import Loop

        def begin(size: int | None, task: Task | None, begun: bool) -> Task:
            task = self if task is None else task
            return task._begin_loop(size if total is None else total) if begun else task

        return Loop(iterable, begin, finish).iterator()

    def _begin_loop(self, total: int | float | None) -> Task:
        if self._total is None and total is not None and self._kind[3] is None:
            self._total = amount("total", total) + self.completed
        if self._began is None:
            self.start()
        return self

    def _go_on(self, counter: LoopCounter) -> Task:
        """Add a task that goes on where this one has ended, since its loop does. `counter` is the loop's, and moves there."""
        unit, color, keep, rollup, _, columns = self._kind
        done, final = self.completed, counter.final or 0
        task = self.tracker.add_task(
            self._description, self._total, unit=unit, parent=self.parent, completed=done, keep=keep, color=color,
            rollup=rollup, fields=self._fields, columns=columns,
        )  # fmt: skip
        for each, counters in ((self, (Total(final),)), (task, (counter,))):
            extras = each._made_extras
            extras.counters = (*(one for one in extras.counters if one is not counter), *counters)
        task._set_count(done - final)
        return task


class _TickingTask(Task):
    """A task whose `tick` has been used. It has the same layout as `Task`, so that a task can become one."""

    __slots__ = ()
    tick = Task._tick  # type: ignore[assignment, misc]  # the slot's own descriptor, under the public name


_TickingTask.__name__ = _TickingTask.__qualname__ = "Task"
