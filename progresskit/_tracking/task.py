"""Task: one piece of work, its number, its state and its life.

Knows how a task is counted, timed and ended. Must not know how or where it is shown: it tells its tracker that something
changed, and is looked at by it. Every public method may be called from any thread, and none takes a lock that a finaliser
could find taken.

A task is small (some 250 bytes with its numbers), since ten thousand of them may wait at once: what most tasks never need
sits in a part that is made on demand.
"""

from __future__ import annotations

from _thread import RLock
from os import fsdecode

from .._model.numbers import LARGEST, is_all, plain_number, settled, shown, without_odd
from .._model.states import ENDED, FAILED, PAUSED, PENDING, RUNNING, after
from .._system.warnings import warn_once
from .._text.colors import COLORS, is_color
from .counters import CountingCell, CountingTicks, PolledCounter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable, Mapping
    from types import TracebackType
    from typing import Any, Literal, Self, TypeVar, overload

    from .._model.estimates import Estimator
    from .._model.frames import Field
    from .._model.slots import Slots
    from .._model.states import Event, State
    from .._text.styles import Style
    from .counters import Counter
    from .loops import AsyncTracked, Tracked
    from .tracker import ProgressTracker

    T = TypeVar("T")
    Rollup = Literal["count", "sum"]
    Sums = tuple[int | float, int | float | None]  # completed and total
    Kind = tuple[
        str, str | None, bool | None, Rollup | None, bool, str | None
    ]  # unit, color, keep, rollup, estimated, columns


class _Unchanged:
    """The default of an argument for which None has a meaning of its own."""

    def __repr__(self) -> str:
        return "<unchanged>"


UNCHANGED: Any = _Unchanged()
TREE_LOCK = RLock()
"""One for the trees of all trackers: it is held for microseconds, and a fork has one lock to take."""
MOST_REFUSED = 1_000
"""Values that are told of as no numbers, in a process; what comes after them is refused in silence."""
_REFUSED: set[tuple[int, str]] = set()
_NO_FIELDS: dict[str, Field] = {}
_KINDS: dict[Kind, Kind] = {}


def amount(name: str, value: Any) -> int | float:
    """Return `value` as a plain number if it is a number of units: finite, from 0, and no boolean.

    Raises:
        TypeError: it is not a number.
        ValueError: it is negative, 1e100 or more, infinite or not a number at all (NaN).
    """
    if (value.__class__ is int or value.__class__ is float) and 0 <= value < LARGEST:
        return value  # type: ignore[no-any-return]  # mypy does not follow the check above
    number = None if isinstance(value, bool) else plain_number(value)
    if number is not None and number >= 0:
        return number
    words = f"{name} is {shown(value)}"
    if number is not None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        raise ValueError(f"{words}: give a finite number from 0 and below 1e100, or None if it is unknown.")
    raise TypeError(f"{words}, a {type(value).__name__}: give a number of units, or None if it is unknown.")


def text(name: str, value: Any) -> str:
    """Return `value` if it is a string.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} is {shown(value)}, a {type(value).__name__}: give a string.")
    return value


def described(value: Any) -> str:
    """Return what `value` says of itself, now: a path as a path, nothing for None.

    Example:
        >>> from pathlib import PurePosixPath
        >>> described("orders.csv"), described(PurePosixPath("data/orders.csv")), described(7), described(None)
        ('orders.csv', 'data/orders.csv', '7', '')
    """
    if value.__class__ is str:
        return value  # type: ignore[no-any-return]  # mypy does not follow the check above
    if value is None:
        return ""
    try:
        words = fsdecode(value) if isinstance(value, bytes) else str(value)
        return words if words.__class__ is str else str.__str__(words)
    except Exception:  # the user's own __str__ may raise anything
        return shown(value)


ARGUMENTS = (
    "description", "total", "unit", "parent", "completed", "keep", "color", "rollup", "position", "start", "counter", "estimated",
    "fields", "delay",
)  # fmt: skip
"""Of `add_task` and `update`."""
ELSEWHERE = {"colour": "color", "desc": "description", "initial": "completed", "leave": "keep", "visible": "keep"}
"""What other libraries call them."""
MOST_FIELD_NAMES = 1_000
_FIELD_NAMES: set[str] = set()
"""Names of fields that resemble no argument."""


def given_fields(function: str, words: Mapping[str, Any], fields: Mapping[str, Any] | None) -> dict[str, Field]:
    """Return the fields that a call was given: `fields`, and keyword arguments that resemble no argument of `function`.

    Raises:
        TypeError: a keyword argument is a misspelt argument or one of another method, or `fields` is no mapping of names.
    """
    for name in words:
        if name not in _FIELD_NAMES:
            _check_field_name(function, name)
    if fields is None:
        return plain_fields(words)
    if not hasattr(fields, "items") or not all(isinstance(name, str) for name in fields):
        raise TypeError(f"fields is {shown(fields)}: give a dict of names and values, or None.")
    return plain_fields({**fields, **words})


def _check_field_name(function: str, name: str) -> None:
    """Raise TypeError where `name` is a misspelt argument."""
    from .._text.spelling import nearest

    meant = ELSEWHERE.get(name) or nearest(name, ARGUMENTS)
    if meant is not None:
        hint = "it is an argument of add_task." if meant == name else f"did you mean {meant}?"
        raise TypeError(
            f"{function}() has no argument {name!r:.80}: {hint} For a field of that name, give fields={{{name!r:.80}: ...}}."
        )
    if len(_FIELD_NAMES) > MOST_FIELD_NAMES:  # names made up by the thousand: start over rather than grow
        _FIELD_NAMES.clear()
    _FIELD_NAMES.add(name)


def checked_color(color: Any) -> str | None:
    """Return `color` if it is None, a name of `COLORS` or `#rrggbb`.

    Raises:
        ValueError: it is neither.
    """
    if color is not None and not is_color(color):
        raise ValueError(f"color is {shown(color)}: give None, #rrggbb or one of {', '.join(COLORS)}.")
    return None if color == "accent" else color  # type: ignore[no-any-return]  # a colour is a string


def checked_columns(columns: Any) -> str | None:
    """Return `columns` if it is None or a template of a row.

    Raises:
        TypeError, ValueError: it is neither; the sentence names the columns that there are.
    """
    if columns is None:
        return None
    from ..renderers.templates import checked

    return checked(columns)


def checked_style(style: Any) -> Style | str | None:
    """Return `style` if it is None, the name of a style, or a `Style`.

    Raises:
        TypeError, ValueError: it is none of these.
    """
    if style is None:
        return None
    from .._text.styles import checked

    return checked(style)


def checked_delay(delay: Any) -> float:
    """Return `delay` if it is a number of seconds from 0.

    Raises:
        TypeError: it is not a number.
        ValueError: it is negative or not finite.
    """
    if isinstance(delay, bool) or not isinstance(delay, (int, float)):
        raise TypeError(f"delay is {shown(delay)}, a {type(delay).__name__}: give a number of seconds.")
    if not 0 <= delay < LARGEST:
        raise ValueError(f"delay is {shown(delay)}: give a number of seconds from 0.")
    return float(delay)


def plain_fields(fields: Mapping[str, Any]) -> dict[str, Field]:
    """Return `fields` with values that JSON has: what is no string, finite number, boolean or None becomes its `str`, now."""
    return {name: _plain_field(value) for name, value in fields.items()}


def _plain_field(value: Any) -> Field:
    if value is None or value.__class__ is str or value.__class__ is bool:
        return value  # type: ignore[no-any-return]  # mypy does not follow the check above
    if isinstance(value, (int, float)) and (number := plain_number(value)) is not None:
        return number
    try:
        words = str(value)
        return words if words.__class__ is str else str.__str__(words)
    except Exception:  # the user's own __str__ may raise anything; an int of 4,300 digits does
        return shown(value)


def shared_kind(kind: Kind) -> Kind:
    """Return the one tuple that all tasks of this `kind` share."""
    if len(_KINDS) > 1_000:  # units made up by the thousand: start over rather than grow
        _KINDS.clear()
    return _KINDS.setdefault(kind, kind)


class _TaskExtras:
    """What most tasks never need."""

    __slots__ = (
        "added",
        "children",
        "counters",
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
        self.hidden_until: float | None = None  # the time from which its row is to be seen
        self.initial: int | float = 0  # units that were done before the start
        self.layout: str | None = None  # the row's own text, with a tab for the bar
        self.paused: float = 0.0  # seconds of pauses that are over
        self.paused_at: float | None = None
        self.pinned: bool = False  # whether the slot was asked for
        self.rolled_completed: int | float = 0  # of children that are gone
        self.rolled_total: int | float = 0


class _FirstTick:
    """Gives a task its C-level counter when `tick` is first asked for, so that tasks without one are smaller.

    The task then becomes a `_TickingTask`, where `tick` is the slot itself: from there on a call of it is a call of C.
    """

    def __get__(self, task: Task | None, owner: type) -> Callable[[], None]:
        if task is None:
            return self  # type: ignore[return-value]  # looked up on the class, for documentation only
        with TREE_LOCK:
            if type(task) is Task:
                ticks = CountingTicks()
                task.extras.counters += (ticks,)
                task._tick = ticks.tick
                task.__class__ = _TickingTask
        return task._tick


class Task(CountingCell):
    """One piece of work. Made by `ProgressTracker.add_task`.

    As a context manager it finishes on a clean exit, fails on an exception, is cancelled by `KeyboardInterrupt`,
    `CancelledError` and their like, and never swallows any.

    Example:
        >>> with tracker.add_task("orders.csv", total=3, unit="row") as task:
        ...     for row in range(3):
        ...         task.advance()
        >>> task.state, task.completed
        ('finished', 3)
    """

    __slots__ = (
        "_began",
        "_description",
        "_end",
        "_fields",
        "_id",
        "_kind",
        "_owner",
        "_extras",
        "_sampled",
        "_slot",
        "_state",
        "_tick",
        "_total",
        "estimate",
    )
    estimate: Estimator | None
    _sampled: int | float
    _tick: Callable[[], None]

    tick: _FirstTick = _FirstTick()
    """Advance by one, at the price of a C call. Safe from any thread.

    Example:
        >>> tick = task.tick
        >>> for page in range(3):
        ...     tick()
    """

    def __init__(
        self,
        owner: ProgressTracker | Task,
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
        self.estimate = None  # made by the first frame that shows the task

    def __repr__(self) -> str:
        return f"<Task {self._description!r} {self.state} {self.completed}/{self.total} {self.unit}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """A task can be pickled to a worker: what is counted there counts here. See `progresskit.processes.workers`."""
        from ..renderers.registry import load

        return load("progresskit.processes.workers:reduce")(self)  # type: ignore[no-any-return]  # loaded by name

    # What a task is

    @property
    def id(self) -> int:
        """A number that no other task of this process has, had or will have."""
        return self._id

    @property
    def tracker(self) -> ProgressTracker:
        """The tracker that the task belongs to."""
        owner = self._owner
        while isinstance(owner, Task):
            owner = owner._owner
        return owner

    @property
    def parent(self) -> Task | None:
        """The task that this one is a part of; None at the top."""
        return self._owner if isinstance(self._owner, Task) else None

    @property
    def children(self) -> Slots | None:
        """The live tasks that are parts of this one; None if there never was one."""
        return None if self._extras is None else self._extras.children

    @property
    def extras(self) -> _TaskExtras:
        """The part that is made on demand."""
        if self._extras is None:
            with TREE_LOCK:
                if self._extras is None:
                    self._extras = _TaskExtras()
        return self._extras

    def shown_by(self, now: float) -> bool:
        """Return whether a frame at the instant `now` would show the task's row."""
        return self._extras is None or self._extras.hidden_until is None or self._extras.hidden_until <= now

    @property
    def description(self) -> str:
        """What the task is."""
        return self._description

    @property
    def completed(self) -> int | float:
        """Units done: what was advanced, what a tracked iterable handed out and, with a rollup, what the children did."""
        return self._plain_sum(self._counted() if self._kind[3] is None else self._sums({})[0])

    def _counted(self) -> int | float:
        """Return the units that were counted in this task itself, not in its children."""
        done: int | float = self._n
        if not -LARGEST < done < LARGEST:
            self._take_out_odd()
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
        """Have the count be `units`, beside what counters add to it."""
        if units.__class__ is int:
            self._n = self._sampled = units
            if self._extras is not None:
                self._extras.fraction = 0
        else:
            self._n = self._sampled = 0
            self.extras.fraction = units

    def _add_fraction(self, number: int | float) -> None:
        extras = self.extras
        if -LARGEST < extras.fraction + number < LARGEST:
            extras.fraction += number
        else:
            self._refuse(number)

    def _take_out_odd(self) -> None:
        """Take ints of a hundred digits or more out of the count: `advance` adds any int, without a look at it."""
        with TREE_LOCK:
            count = int(self._n)
            if -LARGEST < count < LARGEST:  # another thread has done it
                return
            before = int(self._sampled)
            odd = count - without_odd(count, before if -LARGEST < before < LARGEST else 0)
            self._n -= odd  # and no store of the rest: other threads count meanwhile
        self._refuse(odd)

    def _plain_sum(self, done: int | float) -> int | float:
        """Return `done` as a plain finite number, without the noise of a sum of floats."""
        if not -LARGEST < done < LARGEST:  # a sum of many numbers that are none by themselves
            return self._counted()
        if done.__class__ is int:
            return done
        total = self._total
        return done if total is None or not is_all(done, total) else settled(done, total)

    def _poll(self) -> None:
        """Ask the task's function for its count. Whatever it does, the last number stays."""
        for counter in () if self._extras is None else self._extras.counters:
            if isinstance(counter, PolledCounter):
                try:
                    refused = counter.poll()
                except Exception as error:  # the user's own, in the ticker's thread: it takes nothing from other tasks
                    warn_once(f"the counter of task {self._id}, {shown(self._description)}, failed: {describe(error)}.")
                else:
                    if refused is not None:
                        self._refuse(*refused)

    def _refuse(self, n: Any) -> None:
        """Tell, once, that `n` is no number of units of this task."""
        if len(_REFUSED) < MOST_REFUSED and (refused := (self._id, shown(n))) not in _REFUSED:
            _REFUSED.add(refused)
            warn_once(
                f"task {self._id}, {shown(self._description)}, was given {shown(n)}, a {type(n).__name__}, as a number of units: "
                "it counts nothing. Give a finite number below 1e100."
            )

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
        """Whether the task's line stays above the bars once it has ended; unless it was said, that of a task at the top does."""
        keep = self._kind[2]
        return self.parent is None if keep is None else keep

    @property
    def rollup(self) -> Rollup | None:
        """How the children count: `"count"`, `"sum"` or None, not at all."""
        return self._kind[3]

    @property
    def estimated(self) -> bool:
        """Whether `completed` is an estimate."""
        return self._kind[4]

    @property
    def state(self) -> State:
        """One of `pending`, `running`, `paused`, `finished`, `failed`, `cancelled`."""
        return self._state if self._end is None else self._end[0]

    @property
    def reason(self) -> str | None:
        """Why the task failed or was cancelled; `stopped early` where its loop was left in peace before its end; None unless it did."""
        return None if self._end is None else self._end[2]

    @property
    def initial(self) -> int | float:
        """Units that were done before the task began: they do not count in its rate."""
        return 0 if self._extras is None else self._extras.initial

    @property
    def is_complete(self) -> bool:
        """Whether the count has reached the total, if there is one; a sum over no children is complete."""
        total = self.total
        return self.rollup == "sum" if total is None else is_all(self.completed, total)

    @property
    def waiting(self) -> bool:
        """Whether the task has not begun."""
        return self._began is None

    @property
    def fields(self) -> Mapping[str, Field]:
        """The task's own columns. Change them with `update`."""
        return self._fields

    @property
    def elapsed(self) -> float:
        """Seconds since the start, pauses left out; 0.0 before it."""
        return self.active(self.tracker.clock())

    @property
    def rate(self) -> float | None:
        """Units a second; None while unknown."""
        return self.estimate_at(self.active(self.tracker.clock()), *self._sums({}))[0]

    @property
    def eta(self) -> float | None:
        """Seconds left; None while unknown."""
        return self.estimate_at(self.active(self.tracker.clock()), *self._sums({}))[1]

    def active(self, now: float) -> float:
        """Return the seconds that the task has been at work at the instant `now`."""
        if self._began is None:
            return 0.0
        extras = self._extras
        until = now if self._end is None else self._end[1]
        if extras is None:
            return max(until - self._began, 0.0)
        if extras.paused_at is not None:
            until = extras.paused_at
        return max(until - self._began - extras.paused, 0.0)

    def age(self, now: float) -> float:
        """Return the seconds from the start to the instant `now`, or to the end, pauses included."""
        if self._began is None:
            return 0.0
        return max((now if self._end is None else self._end[1]) - self._began, 0.0)

    def estimate_at(
        self, active: float, done: int | float, total: int | float | None
    ) -> tuple[float | None, float | None]:
        """Return rate and seconds left after `active` seconds; the plain average once the task has ended.

        Both are None while it is paused, idle or has not begun, the time left until the estimate has seen two gaps.
        """
        if self._end is not None:
            moved = done - self.initial
            return (moved / active if active > 0 and moved > 0 else None), None
        estimate = self.estimate
        return (None, None) if estimate is None or self._state != RUNNING else estimate.outlook(active, done, total)

    def _sums(self, known: dict[int, Sums]) -> Sums:
        """Return completed and total with what the children add. `known` holds the sums of tasks by their number, and is filled.

        Without recursion, since trees may be deep; each task of the tree is visited once.
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
        """Return completed and total, where the sums of the children are `known`. The caller holds the lock."""
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

    def share_of(self, child: Task) -> tuple[int | float, int | float]:
        """Return what `child` adds to this task's completed and total."""
        if self._kind[3] == "sum":
            completed, total = child._sums({})
            return child._plain_sum(completed), total or 0
        return (1 if child.state == "finished" else 0), 0

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
        """Set what is given and leave the rest.

        Args:
            completed: Units done; None leaves it. May go back: a retry starts over.
            total: Units in all; None makes it unknown.
            description: What the task is: a string, a path, or any object, shown as `str` gives it now.
            unit: What is counted: `"B"` and `"iB"` are bytes, anything else is a noun.
            keep: Whether its line stays above the bars when it has ended.
            color: The operation's colour, or None.
            estimated: Whether `completed` is an estimate, to be shown with `~`.
            fields: Columns of the task's own; None takes one away. What is not a string, number or boolean is shown
                as `str` gives it now.
            more_fields: The same, as keyword arguments, where the name resembles no argument.

        Raises:
            TypeError: a number or string is neither, or a keyword argument is misspelt.
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
        """Set the count, and the total if there is one: for libraries that call back with `(done, total)`.

        What they hand over never raises: a `done` that is no number from 0 changes nothing and is told once.

        Args:
            done: Units done.
            total: Units in all; None, a negative, an infinite number or what is no number make it unknown. Left out: it stays.

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
        """Begin a live task anew: a retry. Its count goes back, and its time, rate and time left begin now.

        With a rollup, what children that have ended added is forgotten. A `counter` goes on telling what it tells.

        Args:
            completed: Units that are done already; they do not count in the rate.
            total: Units in all; None makes it unknown. Left out: it stays.

        Raises:
            TypeError, ValueError: a number is none, negative or not finite.

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
        extras, now = self.extras, self.tracker.clock()
        with TREE_LOCK:
            extras.rolled_completed = extras.rolled_total = 0
            self._set_count(done - sum(each.count() for each in extras.counters if not isinstance(each, PolledCounter)))
            if total is not UNCHANGED:
                self._total = total
            extras.initial, extras.paused, extras.paused_at = done, 0.0, None
            self.estimate = None
            if self._began is not None:
                self._began, self._state = now, RUNNING
        self.tracker._core.wake()

    def start(self) -> None:
        """Begin a task that was added with `start=False`. Nothing happens to one that runs."""
        self.change("start")

    def pause(self) -> None:
        """Stop the task's time until `resume`: a pause counts neither in `elapsed` nor in `rate` and `eta`."""
        self.change("pause")

    def resume(self) -> None:
        """Go on after `pause`.

        Raises:
            ValueError: the task has not begun.
        """
        self.change("resume")

    def finish(self) -> None:
        """End the task: it is done. An ended task stays as it ended, whatever is called."""
        self.change("finish")

    def fail(self, reason: str | BaseException = "") -> None:
        """End the task: it could not be done, for `reason`.

        Example:
            >>> task.fail("the stage is gone")
            >>> task.state, task.reason
            ('failed', 'the stage is gone')
        """
        self.change("fail", reason if isinstance(reason, str) else describe(reason))

    def cancel(self, reason: str = "") -> None:
        """End the task: it will not be done here, for `reason`."""
        self.change("cancel", reason)

    def end_by_children(self) -> bool:
        """Fail, if children that failed are why the count falls short of the total; return whether that is so."""
        extras = self._extras
        if extras is None or not extras.failed or self._end is not None or self.is_complete:
            return False
        if self._total is None and self._kind[3] is None:  # nothing says how many there should have been
            return False
        total = self._total if self._kind[3] == "count" and self._total is not None else extras.added
        self.fail(f"{extras.failed:,d} of {total:,d} failed")
        return True

    def change(self, event: Event, reason: str | None = None) -> None:
        """Let `event` happen, by the table of `progresskit._model.states`."""
        state = after(self.state, event)
        if state == self.state:
            return
        tracker = self.tracker
        now = tracker.clock()
        if state in ENDED:
            self._poll()
            # One store, so that an ending needs no lock: it may come from a finaliser, in the middle of anything.
            self._end = (state, now, (reason or None) if state != "finished" else None)
            if state == FAILED and isinstance(self._owner, Task):
                self._owner.extras.failed += 1
            tracker._core.note_end(self)
            return
        if state == PAUSED:
            self.extras.paused_at = now
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
            if not self.end_by_children():
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

        The count is that of the items whose turn is over; the loop runs at nearly the speed of the bare one.

        Args:
            iterable: Any iterable or async iterable.
            total: Units in all; None asks `len` and `__length_hint__`, unless the task has a total already.
            finish: Whether the end of the iterable ends the task, and a break or an error does too.

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
            return self._begin_loop(size if total is None else total) if begun else self

        return Loop(iterable, begin, finish).iterator()

    def _begin_loop(self, total: int | float | None) -> Task:
        if self._total is None and total is not None and self._kind[3] is None:
            self._total = amount("total", total) + self.completed
        if self._began is None:
            self.start()
        return self


class _TickingTask(Task):
    """A task whose `tick` has been asked for. The same layout, so that a task can become one."""

    __slots__ = ()
    tick = Task._tick  # type: ignore[assignment, misc]  # the slot's own descriptor, under the public name


_TickingTask.__name__ = _TickingTask.__qualname__ = "Task"


def is_failure(kind: type[BaseException]) -> bool:
    """Return whether an exception of this `kind` means that the work failed, and not that somebody called it off."""
    return issubclass(kind, Exception) and kind.__name__ != "CancelledError"


def describe(error: BaseException) -> str:
    """Return `error` in a line; its class alone where it cannot say more."""
    name = type(error).__name__
    try:
        words = str(error)
    except Exception:  # an exception's __str__ is the user's code
        words = ""
    return f"{name}: {words}" if words else name
