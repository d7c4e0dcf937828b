"""scikit-learn 1.9 and later: a callback that shows fits, those of worker processes included.

Knows scikit-learn's callback interface. A task that is pickled to a worker counts here, which is all that the callback needs to
see fits there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._tracking.joining import current_tracker

if TYPE_CHECKING:
    from .._tracking.task import Task


class ProgressCallback:
    """Shows how far an estimator's `fit` is: `estimator.set_callbacks(ProgressCallback())`.

    The task counts the steps that the outermost estimator says it has: the fits of a search, the iterations of an estimator.

    Args:
        description: The task's; None: the estimator's name.
        options: What `ProgressTracker.add_task` takes besides: parent, keep, color.
    """

    max_propagation_depth = 0

    def __init__(self, description: str | None = None, **options: Any) -> None:
        self._description, self._options = description, options
        self._tasks: dict[Any, Task] = {}

    def setup(self, estimator: Any, context: Any) -> None:
        """Add the task. Called by scikit-learn before a fit."""
        description = context.estimator_name if self._description is None else self._description
        self._tasks[context.root_uuid] = current_tracker().add_task(description, unit="step", **self._options)

    def on_fit_task_begin(self, estimator: Any, context: Any, **_: Any) -> None:
        """Set the task's total to the number of steps. Called by scikit-learn."""
        task = self._tasks.get(context.root_uuid)
        if task is not None and context.parent is None and context.max_subtasks:
            task.update(total=context.max_subtasks)

    def on_fit_task_end(self, estimator: Any, context: Any, **_: Any) -> None:
        """Count a step. Called by scikit-learn, maybe in a worker."""
        task = self._tasks.get(context.root_uuid)
        if task is not None and context.parent is not None and context.parent.parent is None:
            task.advance()

    def teardown(self, estimator: Any, context: Any) -> None:
        """End the task. Called by scikit-learn after a fit, however it ended."""
        import sys

        task = self._tasks.pop(context.root_uuid, None)
        if task is not None:
            error = sys.exc_info()[1]
            task.__exit__(None if error is None else type(error), error, None)
