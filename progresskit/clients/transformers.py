"""Transformers: a callback that shows a `Trainer`'s steps and its evaluations.

Knows `TrainerCallback`. In a distributed training only the first process shows anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers.trainer_callback import TrainerCallback  # type: ignore[import-not-found,import-untyped,unused-ignore]

from .._tracking.joining import current_tracker
from ._ending import end

if TYPE_CHECKING:
    from .._tracking.task import Task


class ProgressCallback(TrainerCallback):  # type: ignore[misc,unused-ignore]  # without the library there is no type
    """Shows a training: `Trainer(..., callbacks=[ProgressCallback()])`, with `disable_tqdm=True` so that there is one bar.

    Args:
        description: The task's.
        options: What `ProgressTracker.add_task` takes besides: parent, keep, color.
    """

    def __init__(self, description: str = "Training", **options: Any) -> None:
        self._description, self._options = description, options
        self.task: Task | None = None
        self._evaluation: Task | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Add the task. Called by the trainer, as are the other methods."""
        if state.is_world_process_zero:
            self.task = current_tracker().add_task(
                self._description,
                total=state.max_steps or None,
                unit="step",
                completed=state.global_step,
                **self._options,
            )

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Count a step."""
        if self.task is not None:
            self.task.report(state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Show what the trainer logs: loss, learning rate."""
        if self.task is not None and logs:
            figures: dict[str, Any] = {name: f"{value:.4g}" for name, value in logs.items() if isinstance(value, float)}
            self.task.update(
                fields={name: figures[name] for name in ("loss", "learning_rate", "eval_loss") if name in figures}
            )

    def on_prediction_step(self, args: Any, state: Any, control: Any, eval_dataloader: Any = None, **_: Any) -> None:
        """Count a batch of an evaluation."""
        if not state.is_world_process_zero:
            return
        if self._evaluation is None:
            try:
                total = len(eval_dataloader)
            except TypeError:
                total = None
            self._evaluation = current_tracker().add_task(
                "Evaluation", total=total, unit="batch", parent=self.task, keep=False
            )
        self._evaluation.advance()

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """End an evaluation."""
        if self._evaluation is not None:
            self._evaluation.finish()
            self._evaluation = None

    on_predict = on_evaluate

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """End the training, which may have been stopped early."""
        end(self.task)
        self.task = None
