"""How a task becomes a view: its numbers at one instant, its text made clean, its estimate fed.

Apart from the tracker, so that a program that never draws never imports what drawing needs.
"""

from __future__ import annotations

from .._model.estimates import Estimate
from .._model.frames import Field, TaskView
from .._text.cells import clean
from .task import Task

_PLAIN = (bool, int, float, type(None))


def look(task: Task, now: float, depth: int, row: int) -> TaskView:
    """Return what `task` looks like at `now`, on `row`, and let its estimate learn from it.

    A task that moved before it was started has begun: it is started here.
    """
    completed = task.completed
    if task._began is None and completed and task._end is None:
        task.start()
    active = task.active(now)
    estimate = task.estimate
    if estimate is None and task._end is None and task._began is not None:
        estimate = task.estimate = Estimate(0.0, task.initial)
    if estimate is not None and task._end is None:
        estimate.sample(active, completed)
    rate, eta = task.estimate_at(active)
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
        task.total,
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
