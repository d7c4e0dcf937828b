"""Lightning: a callback that shows epochs and, below them, batches.

Knows `lightning.pytorch.callbacks.Callback`. Use `Trainer(enable_progress_bar=False)` with it, so that there is one bar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lightning.pytorch.callbacks import Callback  # type: ignore[import-not-found,import-untyped,unused-ignore]

from .._model.numbers import plain_number
from .._tracking.joining import current_tracker
from ._epochs import EpochCallback

if TYPE_CHECKING:
    from .._tracking.task import Task


class ProgressCallback(EpochCallback, Callback):  # type: ignore[misc,unused-ignore]  # without the library there is no type
    """Shows a training: `Trainer(enable_progress_bar=False, callbacks=[ProgressCallback()])`.

    Args:
        description: The task's.
        options: What `ProgressTracker.add_task` takes besides: parent, keep, color.
    """

    def __init__(self, description: str = "Epochs", **options: Any) -> None:
        super().__init__(description, **options)
        self._validation: Task | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Add the task. Called by the trainer, as are the other methods; only its first process shows anything."""
        if trainer.is_global_zero:
            self._tasks.begin(_total(trainer.max_epochs), trainer.current_epoch)

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Add a task for the batches of an epoch."""
        self._tasks.begin_epoch(trainer.current_epoch, _total(trainer.num_training_batches))

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Count a batch."""
        if self._tasks.batches is not None:
            self._tasks.batches.report(batch_idx + 1)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Count an epoch, and show the figures that the module logs for bars."""
        self._tasks.end_epoch(trainer.progress_bar_metrics)

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """Add a task for the batches of a validation."""
        if trainer.is_global_zero and not trainer.sanity_checking:
            sizes = trainer.num_val_batches
            total = _total(sum(sizes) if isinstance(sizes, list) else sizes)
            self._validation = current_tracker().add_task(
                "Validation", total=total, unit="batch", parent=self._tasks.epochs, keep=False
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
        self._tasks.end()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """End all tasks as failed, or called off."""
        if self._validation is not None:
            self._validation.__exit__(type(exception), exception, None)
            self._validation = None
        self._tasks.end(exception)


def _total(number: Any) -> Any:
    """Return `number` if it is a number of batches or epochs; None for -1 and infinity, which mean unknown in Lightning."""
    plain = plain_number(number)
    return plain if plain is not None and plain > 0 else None
