"""How a task becomes a view: its numbers at one instant, its text made clean, its estimate fed.

Apart from the tracker, so that a program that never draws never imports what drawing needs.
"""

from __future__ import annotations

from .._model.estimates import Estimate
from .._model.frames import Field, TaskView
from .._model.numbers import LARGEST, settled
from .._text.cells import clean
from .task import Task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .task import Sums


def look(task: Task, now: float, depth: int, row: int, sums: dict[int, Sums]) -> TaskView:
    """Return what `task` looks like at `now`, on `row`, and let its estimate learn from it.

    A task that moved before it was started has begun: it is started here. `sums` has what tasks with children come to at this
    instant, and is filled with what it lacks.
    """
    completed, total = task._sums(sums) if task._kind[3] is not None else (task._counted(), task._total)
    if completed.__class__ is not int or not -LARGEST < completed < LARGEST:
        completed = settled(task._plain_sum(completed), total)
    task._sampled = task._n
    if task._began is None and completed and task._end is None:
        task.start()
    active = task.active(now)
    estimate = task.estimate
    if estimate is None and task._end is None and task._began is not None:
        estimate = task.estimate = Estimate(0.0, task.initial)
    if estimate is not None and task._end is None:
        estimate.sample(active, completed)
    if total is not None and (completed > total or total <= 0):
        total = (
            None  # a total that is passed, or none at all, was wrong: neither a share nor a time left follows from it
        )
    rate, eta = task.estimate_at(active, completed, total)
    unit, color, keep, _, estimated = task._kind
    state = task.state
    parent = task.parent
    return TaskView(
        task._id,
        None if parent is None else parent._id,
        depth,
        row,
        clean(task._description),
        completed,
        total,
        clean(unit),
        state,
        active,
        rate,
        eta,
        _clean_fields(task._fields) if task._fields else task._fields,
        color,
        keep or state == "failed",
        estimated,
        None if task.reason is None else clean(task.reason),
    )


def _clean_fields(fields: dict[str, Field]) -> dict[str, Field]:
    return {clean(name): clean(value) if isinstance(value, str) else value for name, value in fields.items()}
