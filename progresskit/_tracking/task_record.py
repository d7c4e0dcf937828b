"""The record of a task: its count with that of its children, its times and its state.

Knows how numbers of any kind become one plain number, and how long a task has been at work. Does not know trackers, or
the calls that change a task: `Task` does. No method takes a lock that could be held when a finaliser runs.

A task is small (some 250 bytes with its numbers), since ten thousand may wait at once. Attributes that most tasks never
need are in an object that is made when they are first used.
"""

from __future__ import annotations

from _thread import RLock

from .._model.numbers import LARGEST, is_all, kind_of, settled, shown, without_odd
from .._model.states import PENDING, RUNNING
from .._system.warnings import describe, warn_once
from .counters import LOCK as COUNT_LOCK
from .counters import CountingCell, PolledCounter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .._model.estimates import Estimator
    from .._model.frames import Field
    from .._model.slots import Slots
    from .._model.states import State
    from .arguments import Kind
    from .counters import Counter

    Sums = tuple[int | float, int | float | None]  # completed and total

TREE_LOCK = RLock()
"""One lock for the trees of all trackers: it is held for microseconds, and a fork must take only one."""
MOST_REFUSED = 1_000
"""The number of warnings about values that are not numbers. Later values are refused without a warning."""
_REFUSED: set[tuple[int, str]] = set()
_NO_FIELDS: dict[str, Field] = {}


class _TaskExtras:
    """The attributes that most tasks never need."""

    __slots__ = (
        "added",
        "children",
        "counters",
        "factor",
        "failed",
        "fraction",
        "hidden_until",
        "initial",
        "layout",
        "paused",
        "paused_at",
        "pinned",
        "rolled_completed",
        "rolled_total",
    )

    def __init__(self) -> None:
        self.added: int = 0  # children so far
        self.failed: int = 0  # of them
        self.children: Slots | None = None
        self.counters: tuple[Counter, ...] = ()
        self.fraction: int | float = (
            0  # the floats among the units counted, apart from the ints: no sum of ints overflows
        )
        self.factor: int | float = 1  # the factor by which frames multiply each unit
        self.hidden_until: float | None = None  # the time from which its row is shown
        self.initial: int | float = 0  # units that were done before the start
        self.layout: str | None = None  # the text of a row with its own layout, with a tab for the bar
        self.paused: float = 0.0  # seconds of past pauses
        self.paused_at: float | None = None
        self.pinned: bool = False  # whether the caller has chosen the slot
        self.rolled_completed: int | float = 0  # of removed children
        self.rolled_total: int | float = 0


class TaskRecord(CountingCell):
    """The attributes of a task, and the figures that follow from them at an instant."""

    __slots__ = (
        "_began",
        "_description",
        "_end",
        "_extras",
        "_fields",
        "_id",
        "_kind",
        "_owner",
        "_sampled",
        "_slot",
        "_state",
        "_tick",
        "_total",
        "estimate",
    )
    estimate: Estimator | None
    """Estimates the rate and the seconds left; None until a frame has shown the task."""
    _owner: Any  # a tracker or a task
    _sampled: int | float
    _tick: Callable[[], None]

    def __init__(
        self,
        owner: Any,
        number: int,
        description: str,
        total: int | float | None,
        completed: int | float,
        kind: Kind,
        began: float | None,
        fields: dict[str, Field],
    ) -> None:
        self._owner = owner
        self._id = number
        self._description = description
        self._total = total
        self._kind = kind
        self._began = began
        self._state: State = PENDING if began is None else RUNNING
        self._fields = fields or _NO_FIELDS
        self._end: tuple[State, float, str | None] | None = None
        self._extras: _TaskExtras | None = None
        self._set_count(completed)
        self._slot = 0
        self.estimate = None  # the first frame that shows the task makes it

    @property
    def _made_extras(self) -> _TaskExtras:
        """The attributes that most tasks never need, made at the first call."""
        if self._extras is None:
            with TREE_LOCK:
                if self._extras is None:
                    self._extras = _TaskExtras()
        return self._extras

    @property
    def children(self) -> Slots | None:
        """The live tasks that are parts of this one; None if there never was one."""
        return None if self._extras is None else self._extras.children

    @property
    def state(self) -> State:
        """One of `pending`, `running`, `paused`, `finished`, `failed`, `cancelled`."""
        return self._state if self._end is None else self._end[0]

    @property
    def initial(self) -> int | float:
        """Units that were done before the task began: they do not count in its rate."""
        return 0 if self._extras is None else self._extras.initial

    def _shown_by(self, now: float) -> bool:
        """Return whether a frame at the instant `now` would show the task's row."""
        return self._extras is None or self._extras.hidden_until is None or self._extras.hidden_until <= now

    # Its count

    def _counted(self) -> int | float:
        """Return the units that were counted in this task itself, not in its children."""
        done: int | float = self._n
        if not -LARGEST < done < LARGEST:
            self._remove_odd()
            done = self._n
            if not -LARGEST < done < LARGEST:  # another thread has added one since
                before = int(self._sampled)
                done = without_odd(int(done), before if -LARGEST < before < LARGEST else 0)
        extras = self._extras
        if extras is not None:
            done += extras.fraction
            for counter in extras.counters:
                done += counter.count()
        return done

    def _set_count(self, units: int | float) -> None:
        """Set the count to `units`, without what counters add to it."""
        if units.__class__ is int:
            self._n = self._sampled = units
            if self._extras is not None:
                self._extras.fraction = 0
        else:
            self._n = self._sampled = 0
            self._made_extras.fraction = units

    def _prepare_fraction(self) -> None:
        _ = self._made_extras

    def _add_fraction(self, number: int | float) -> None:
        extras = self._made_extras
        if -LARGEST < extras.fraction + number < LARGEST:
            extras.fraction += number
        else:
            self._refuse(number)

    def _remove_odd(self) -> None:
        """Remove ints of a hundred digits or more from the count, because `advance` adds ints unchecked."""
        with TREE_LOCK:
            count = int(self._n)
            if -LARGEST < count < LARGEST:  # another thread has removed them
                return
            before = int(self._sampled)
            odd = count - without_odd(count, before if -LARGEST < before < LARGEST else 0)
            with COUNT_LOCK:  # without the GIL
                self._n -= odd  # a subtraction instead of a store, because other threads count meanwhile
        self._refuse(odd)

    def _plain_sum(self, done: int | float) -> int | float:
        """Return `done` as a plain finite number, without the rounding errors of a sum of floats."""
        if not -LARGEST < done < LARGEST:  # the sum of many large numbers may be too large
            return self._counted()
        if done.__class__ is int:
            return done
        total = self._total
        return done if total is None or not is_all(done, total) else settled(done, total)

    def _poll(self) -> None:
        """Call the task's `counter`, and keep its last number if it fails."""
        for counter in () if self._extras is None else self._extras.counters:
            if isinstance(counter, PolledCounter):
                try:
                    refused = counter.poll()
                except Exception as error:  # the user's function may raise anything; other tasks continue
                    warn_once(f"the counter of task {self._id}, {shown(self._description)}, failed: {describe(error)}.")
                else:
                    if refused is not None:
                        self._refuse(*refused)

    def _refuse(self, n: Any) -> None:
        """Warn once that `n` is not a number of units."""
        if len(_REFUSED) < MOST_REFUSED and (refused := (self._id, shown(n))) not in _REFUSED:
            _REFUSED.add(refused)
            warn_once(
                f"task {self._id}, {shown(self._description)}, was given {shown(n)}, {kind_of(n)}, as a number of units: "
                "it counts nothing. Give a finite number below 1e100."
            )

    # Its time

    def _active(self, now: float) -> float:
        """Return the seconds that the task has been at work at the instant `now`."""
        if self._began is None:
            return 0.0
        extras = self._extras
        until = now if self._end is None else self._end[1]
        if extras is None:
            active = until - self._began
            return active if active > 0.0 else 0.0
        if extras.paused_at is not None:
            until = extras.paused_at
        return max(until - self._began - extras.paused, 0.0)

    def _age(self, now: float) -> float:
        """Return the seconds from the start to the instant `now`, or to the end, pauses included."""
        if self._began is None:
            return 0.0
        return max((now if self._end is None else self._end[1]) - self._began, 0.0)

    def _forget_estimate(self) -> None:
        self.estimate = None

    def _estimate_at(
        self, active: float, done: int | float, total: int | float | None
    ) -> tuple[float | None, float | None]:
        """Return rate and seconds left after `active` seconds; the plain average once the task has ended.

        Both are None while it is paused, idle or has not begun. The time left is None until the estimate has seen two
        gaps.
        """
        if self._end is not None:
            moved = done - self.initial
            return (moved / active if active > 0 and moved > 0 else None), None
        estimate = self.estimate
        return (None, None) if estimate is None or self._state != RUNNING else estimate.outlook(active, done, total)

    # What its children add

    def _sums(self, known: dict[int, Sums]) -> Sums:
        """Return completed and total, children included. `known` holds the sums of tasks by their number; missing ones
        are added.

        There is no recursion, because trees may be deep. Each task of the tree is visited once.
        """
        with TREE_LOCK:
            order, ahead = [], [self]
            while ahead:
                task = ahead.pop()
                if task._id not in known:
                    order.append(task)
                    if task._kind[3] == "sum" and task._extras is not None and task._extras.children is not None:
                        ahead.extend(task._extras.children)
            for task in reversed(order):
                known[task._id] = task._own_sums(known)
            return known[self._id]

    def _own_sums(self, known: dict[int, Sums]) -> Sums:
        """Return completed and total from the `known` sums of the children. The caller holds the lock."""
        completed, rollup, extras = self._counted(), self._kind[3], self._extras
        if rollup is None or extras is None:
            return completed, self._total
        completed += extras.rolled_completed
        total: int | float | None = extras.rolled_total
        for child in extras.children or ():
            if rollup == "count":
                completed += child.state == "finished"
                continue
            part, whole = known[child._id]
            completed += part if -LARGEST < part < LARGEST else child._plain_sum(part)
            total = None if total is None or whole is None else total + whole
        return completed, (total or None) if self._total is None and rollup == "sum" else self._total

    def _share_of(self, child: TaskRecord) -> tuple[int | float, int | float]:
        """Return what `child` adds to this task's completed and total."""
        if self._kind[3] == "sum":
            completed, total = child._sums({})
            return child._plain_sum(completed), total or 0
        return (1 if child.state == "finished" else 0), 0
