"""LightGBM: a callback that counts boosting rounds and shows the latest scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._tracking.joining import current_tracker
from ._ending import end

if TYPE_CHECKING:
    from .._tracking.task import Task


class ProgressCallback:
    """Counts rounds: `lightgbm.train(..., callbacks=[ProgressCallback()])`.

    Args:
        description: The task's.
        options: What `ProgressTracker.add_task` takes besides: parent, keep, color.
    """

    order = 20
    before_iteration = False
    task: Task | None = None  # of the class too: `__del__` runs for a callback whose arguments were refused

    def __init__(self, description: str = "Rounds", **options: Any) -> None:
        self._description, self._options = description, options

    def __call__(self, env: Any) -> None:
        """Count a round. Called by LightGBM after each."""
        total = env.end_iteration - env.begin_iteration
        done = env.iteration - env.begin_iteration + 1
        if self.task is None or done == 1:
            end(self.task)
            self.task = current_tracker().add_task(self._description, total=total, unit="round", **self._options)
        self.task.report(done, total)
        scores: dict[str, Any] = {f"{each[0]}-{each[1]}": f"{each[2]:.4g}" for each in env.evaluation_result_list or ()}
        if scores:
            self.task.update(fields=scores)
        if done == total:
            self.task.finish()

    def __del__(self) -> None:
        end(self.task)  # LightGBM does not report an early stop, and drops its callbacks then
