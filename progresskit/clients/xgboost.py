"""XGBoost: a callback that counts boosting rounds and shows the latest scores."""

from __future__ import annotations

from typing import Any

from xgboost.callback import TrainingCallback  # type: ignore[import-untyped,import-not-found,unused-ignore]

from .._tracking.joining import current_tracker
from ._ending import end


class ProgressCallback(TrainingCallback):  # type: ignore[misc,unused-ignore]  # without the library there is no type
    """Counts rounds: `xgboost.train(..., num_boost_round=100, callbacks=[ProgressCallback(100)])`.

    Args:
        rounds: The number of rounds; None if unknown.
        description: The task's.
        options: What `ProgressTracker.add_task` takes besides: parent, keep, color.
    """

    def __init__(self, rounds: int | None = None, *, description: str = "Rounds", **options: Any) -> None:
        super().__init__()
        self.task = current_tracker().add_task(description, total=rounds, unit="round", start=False, **options)

    def before_training(self, model: Any) -> Any:
        """Begin. Called by XGBoost."""
        self.task.start()
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Count a round. Called by XGBoost; never ends the training."""
        self.task.advance()
        scores: dict[str, Any] = {
            f"{data}-{name}": f"{values[-1]:.4g}"
            for data, names in evals_log.items()
            for name, values in names.items()
            if values and isinstance(values[-1], float)
        }
        if scores:
            self.task.update(fields=scores)
        return False

    def after_training(self, model: Any) -> Any:
        """End. Called by XGBoost, after the last round or an early stop."""
        end(self.task)
        return model
