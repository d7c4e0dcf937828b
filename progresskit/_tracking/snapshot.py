"""Make the view of a task: its numbers at one instant, and its cleaned texts.

Only drawing needs this part of a task, so a program that never draws does not import it. It reads the task's private
fields. `sample` writes to the task, once for each frame that is drawn; `view_of` changes nothing.
"""

from __future__ import annotations

from .._model.estimates import Estimate
from .._model.frames import Field, TaskView, clean_layout, make_view
from .._model.numbers import LARGEST, plain_number, settled
from .._model.states import CANCELLED, RUNNING, STOPPED_EARLY
from .._system.warnings import describe, warn_once
from .._text.cells import LONGEST, clean
from .task import Task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .._model.estimates import Estimator
    from .task_record import Sums


class GuardedEstimate:
    """A user's estimate that cannot harm the display: if it fails, the built-in estimate replaces it.

    Args:
        make: Makes the estimate. It gets the units that were done before the task began.
        initial: Units that were done before the task began.
    """

    def __init__(self, make: Callable[[float], Estimator], initial: float) -> None:
        self._initial = initial
        try:
            self._estimate = make(initial)
        except Exception as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        warn_once(f"the estimator failed: {describe(error)}. The built-in estimate takes its place.")
        self._estimate = Estimate(0.0, self._initial)

    def sample(self, time: float, completed: float) -> None:
        """Learn that `completed` units are done after `time` seconds."""
        try:
            self._estimate.sample(time, completed)
        except Exception as error:
            self._give_up(error)

    def outlook(self, time: float, completed: float, total: float | None) -> tuple[float | None, float | None]:
        """Return the rate and the seconds left; a value that is not a number from 0 becomes None."""
        try:
            rate, eta = self._estimate.outlook(time, completed, total)
            return _from_zero(rate), _from_zero(eta)
        except Exception as error:
            self._give_up(error)
            return None, None


def _from_zero(value: Any) -> float | None:
    number = None if value is None else plain_number(value)
    return None if number is None or number < 0 else number


MOST = int(LARGEST)
"""`LARGEST` as an int. A comparison with an int takes half the time of one with a float."""
_cleaned: dict[str, str] = {}
"""Original text -> cleaned text, for descriptions and units, which each frame shows again."""


def _clean_again(text: str) -> str:
    """Return `text` cleaned. (An `lru_cache` touches more memory than the rest of a view, and at ten frames a second
    that memory is no longer in the processor's cache.)"""
    cleaned = _cleaned.get(text)
    if cleaned is None:
        if len(text) > LONGEST:
            return clean(text)
        if len(_cleaned) > 1000:  # a description may change with every frame
            _cleaned.clear()
        cleaned = _cleaned[text] = clean(text)
    return cleaned


def _count(task: Task, sums: dict[int, Sums]) -> Sums:
    """Return completed and total at this instant. `sums` has those of tasks with children; missing ones are added."""
    if task._kind[3] is not None:
        completed, total = task._sums(sums)
    else:
        completed, total = task._n if task._extras is None else task._counted(), task._total
    if completed.__class__ is not int or not -MOST < completed < MOST:
        completed = settled(task._plain_sum(completed), total)
    return completed, total


def sample(task: Task, now: float, sums: dict[int, Sums], *, learns: bool = True) -> Sums | None:
    """Pass the count of `task` at `now` to its estimate. Return completed and total, or None if the task has ended.

    A task that moved before it was started is started here. Without `learns`, an existing estimate does not learn.
    """
    if task._end is not None:
        return None
    completed, began = task._n, task._began
    if task._extras is None and task._kind[3] is None and -MOST < completed < MOST:  # most tasks
        count: Sums = completed, task._total
    else:
        count = completed, _ = _count(task, sums)
    task._sampled = task._n
    if began is None:
        if not completed:
            return count
        task.start()
    estimate = task.estimate
    if estimate is not None and not learns:
        return count
    if estimate is None:
        make = task.tracker.estimator
        estimate = task.estimate = Estimate(0.0, task.initial) if make is None else GuardedEstimate(make, task.initial)
    if task._extras is not None or began is None or now < began:
        estimate.sample(task._active(now), completed)
    else:
        estimate.sample(now - began, completed)
    return count


def view_of(
    task: Task,
    now: float,
    depth: int,
    row: int,
    sums: dict[int, Sums],
    count: Sums | None = None,
    last: TaskView | None = None,
) -> TaskView:
    """Return what `task` looks like at `now`, on `row`.

    Args:
        task: The task.
        now: Seconds on its tracker's clock.
        depth: Its level in the tree.
        row: Its row.
        sums: Completed and total of tasks with children at this instant. Missing ones are added.
        count: What `sample` has returned; None: not known yet.
        last: A view whose rate and time left are kept; None: they are estimated again.
    """
    completed, total = _count(task, sums) if count is None else count
    if total is not None and total <= 0:
        total = None  # a total of 0 gives neither a fraction nor a time left
    left_of = None if total is not None and completed > total else total  # a total that was exceeded was wrong
    owner, estimate = task._owner, task.estimate
    unit, color, keep, _, estimated, columns = task._kind
    end, extras, began = task._end, task._extras, task._began
    reason: str | None = None
    rate: float | None = None
    eta: float | None = None
    if end is None:
        state = task._state
        if extras is None and began is not None and now > began:  # most tasks
            age = active = now - began
        else:
            active, age = task._active(now), task._age(now)
        if estimate is not None and state == RUNNING:
            if last is not None and extras is None and last.rate is not None and last.elapsed <= active:
                rate, eta = last.rate, last.eta
            else:
                rate, eta = estimate.outlook(active, completed, left_of)
    else:
        state, _, reason = end
        active, age = task._active(now), task._age(now)
        rate, eta = task._estimate_at(active, completed, left_of)
    if keep is None:
        keep = not isinstance(owner, Task) or (state == CANCELLED and reason != STOPPED_EARLY)
    idle = idle_seconds(task, active, now) if rate is None and state == RUNNING else None
    layout: str | None = None
    if extras is not None:
        layout = extras.layout
        if extras.factor != 1:
            completed *= extras.factor
            total = None if total is None else total * extras.factor
            rate = None if rate is None else rate * extras.factor
    description = task._description
    fields = task._fields
    return make_view(
        (
            task._id,
            owner._id if isinstance(owner, Task) else None,
            depth,
            row,
            _cleaned.get(description) or _clean_again(description),
            completed,
            total,
            _cleaned.get(unit) or _clean_again(unit),
            state,
            active,
            rate,
            eta,
            _clean_fields(fields) if fields else fields,
            color,
            keep or state == "failed",
            estimated,
            None if reason is None else clean(reason),
            idle,
            columns,
            None if layout is None else clean_layout(layout),
            age,
        )
    )


def idle_seconds(task: Task, active: float, now: float) -> float | None:
    """Return for how many seconds `task` has not moved, if that is unusually long; None while it or one of its
    descendants moves.

    A task without a total, a unit or a count is never idle.
    """
    asked = getattr(task.estimate, "idle", None)  # a user's estimator may lack it
    idle: float | None = None if asked is None else asked(active)
    if idle is None or (task._total is None and task._kind[0] in ("it", "") and not task._counted()):
        return None
    below = [task]
    while below:
        children = below.pop().children
        for child in children or ():
            if child._end is None and child._state == RUNNING:
                asked = getattr(child.estimate, "idle", None)
                if asked is None or asked(child._active(now)) is None:
                    return None
                below.append(child)
    return idle


def _clean_fields(fields: dict[str, Field]) -> dict[str, Field]:
    return {clean(name): clean(value) if isinstance(value, str) else value for name, value in fields.items()}
