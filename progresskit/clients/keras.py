"""Keras 3: a callback that shows epochs and, below them, batches.

Use `verbose=0` with it, so that there is one bar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras  # type: ignore[import-not-found,import-untyped,unused-ignore]

from .._tracking.tracker import current_tracker

if TYPE_CHECKING:
    from .._tracking.task import Task


class ProgressCallback(keras.callbacks.Callback):  # type: ignore[misc,unused-ignore]  # without the library there is no type
    """Shows a training: `model.fit(..., verbose=0, callbacks=[ProgressCallback()])`.

    Args:
        description: The task's.
        options: What `ProgressTracker.add_task` takes besides: parent, keep, color.
    """

    def __init__(self, description: str = "Epochs", **options: Any) -> None:
        super().__init__()
        self._description, self._options = description, options
        self.task: Task | None = None
        self._batches: Task | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Add the task. Called by Keras, as are the other methods."""
        total = self.params.get("epochs")
        self.task = current_tracker().add_task(self._description, total=total, unit="epoch", **self._options)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Add a task for the batches of an epoch."""
        total = self.params.get("steps")
        self._batches = current_tracker().add_task(
            f"epoch {epoch + 1}", total=total, unit="batch", parent=self.task, keep=False
        )

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count a batch."""
        if self._batches is not None:
            self._batches.advance()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Count an epoch, and show its figures."""
        if self._batches is not None:
            self._batches.finish()
        if self.task is not None:
            self.task.advance()
            figures: dict[str, Any] = {name: f"{float(value):.4g}" for name, value in (logs or {}).items()}
            self.task.update(fields=figures)

    def on_train_end(self, logs: Any = None) -> None:
        """End the training, which may have been stopped early."""
        if self.task is not None:
            if self.task.total is None or self.task.is_complete:
                self.task.finish()
            else:
                self.task.cancel("stopped early")
