"""Optuna: a callback that counts the trials of a study and shows its best value.

Knows Optuna's callbacks, which are called after each trial, from threads where there are several jobs.
"""

from __future__ import annotations

from typing import Any

from .._tracking.joining import current_tracker


class ProgressCallback:
    """Counts trials: `study.optimize(objective, n_trials=20, callbacks=[progress])`.

    As a context manager it ends its task with the block.

    Args:
        n_trials: The number of trials; None if unknown.
        description: The task's.
        options: What `ProgressTracker.add_task` takes besides: parent, keep, color.
    """

    def __init__(self, n_trials: int | None = None, *, description: str = "Trials", **options: Any) -> None:
        self.task = current_tracker().add_task(description, total=n_trials, unit="trial", **options)

    def __call__(self, study: Any, trial: Any) -> None:
        """Count `trial`. Called by Optuna."""
        self.task.advance()
        try:
            best = study.best_value
        except (ValueError, RuntimeError):  # no trial is complete yet, or there are several objectives
            return
        self.task.update(fields={"best": f"{best:.4g}"})

    def __enter__(self) -> ProgressCallback:
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        self.task.__exit__(kind, error, traceback)
