"""End a task for a library that reports that its work has ended, but not whether the work is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._model.states import STOPPED_EARLY

if TYPE_CHECKING:
    from .._tracking.task import Task


def end(task: Task | None, error: BaseException | None = None) -> None:
    """End `task`: failed, or called off, by `error`; else finished where its count is complete or it has no total; else stopped early.

    None, and a task that has ended, stay as they are.
    """
    if task is None:
        return
    if error is not None:
        task.__exit__(type(error), error, None)
    elif task.total is None or task.is_complete:
        task.finish()
    else:
        task.cancel(STOPPED_EARLY)
