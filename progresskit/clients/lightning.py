"""Lightning: a callback that shows epochs and, below them, batches.

Knows `lightning.pytorch.callbacks.Callback`. Use `Trainer(enable_progress_bar=False)` with it, so that there is one bar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lightning.pytorch.callbacks import Callback  # type: ignore[import-not-found,import-untyped,unused-ignore]

from .._model.numbers import plain_number
from .._tracking.tracker import current_tracker

if TYPE_CHECKING:
    from .._tracking.task import Task


class ProgressCallback(Callback):  # type: ignore[misc,unused-ignore]  # without the library there is no type
    """Shows a training: `Trainer(enable_progress_bar=False, callbacks=[ProgressCallback()])`.

    Args:
        description: The task's.
        options: What `ProgressTracker.add_task` takes besides: parent, keep, color.
    """

    def __init__(self, description: str = "Epochs", **options: Any) -> None:
        super().__init__()
        self._description, self._options = description, options
        self.task: Task | None = None
        self._batches: Task | None = None
        self._validation: Task | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Add the task. Called by the trainer, as are the other methods; only its first process shows anything."""
        if trainer.is_global_zero:
            self.task = current_tracker().add_task(
                self._description,
                total=_total(trainer.max_epochs),
                unit="epoch",
                completed=trainer.current_epoch,
                **self._options,
            )

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Add a task for the batches of an epoch."""
        if self.task is not None:
            self._batches = current_tracker().add_task(
                f"epoch {trainer.current_epoch + 1}", total=_total(trainer.num_training_batches), unit="batch", parent=self.task,
                keep=False,
            )  # fmt: skip

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Count a batch."""
        if self._batches is not None:
            self._batches.report(batch_idx + 1)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Count an epoch, and show the figures that the module logs for bars."""
        if self._batches is not None:
            self._batches.finish()
            self._batches = None
        if self.task is not None:
            self.task.advance()
            figures = {name: plain_number(value) for name, value in trainer.progress_bar_metrics.items()}
            self.task.update(fields={name: f"{value:.4g}" for name, value in figures.items() if value is not None})

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """Add a task for the batches of a validation."""
        if trainer.is_global_zero and not trainer.sanity_checking:
            sizes = trainer.num_val_batches
            total = _total(sum(sizes) if isinstance(sizes, list) else sizes)
            self._validation = current_tracker().add_task(
                "Validation", total=total, unit="batch", parent=self.task, keep=False
            )

    def on_validation_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Count a batch of a validation."""
        if self._validation is not None:
            self._validation.advance()

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """End a validation."""
        if self._validation is not None:
            self._validation.finish()
            self._validation = None

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """End the training, which may have been stopped early."""
        if self.task is not None:
            if self.task.total is None or self.task.is_complete:
                self.task.finish()
            else:
                self.task.cancel("stopped early")
            self.task = None

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """End all tasks as failed, or called off."""
        for task in (self._validation, self._batches, self.task):
            if task is not None:
                task.__exit__(type(exception), exception, None)
        self._validation = self._batches = self.task = None


def _total(number: Any) -> Any:
    """Return `number` where it is one that says how many; Lightning says -1 or infinity where nobody knows."""
    plain = plain_number(number)
    return plain if plain is not None and plain > 0 else None
