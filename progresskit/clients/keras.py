"""Keras 3: a callback that shows epochs and, below them, batches.

Use `verbose=0` with it, so that there is one bar.
"""

from __future__ import annotations

from typing import Any

import keras  # type: ignore[import-not-found,import-untyped,unused-ignore]

from ._epochs import EpochCallback


class ProgressCallback(EpochCallback, keras.callbacks.Callback):  # type: ignore[misc,unused-ignore]  # without the library there is no type
    """Shows a training: `model.fit(..., verbose=0, callbacks=[ProgressCallback()])`.

    Args:
        description: The task's.
        options: What `ProgressTracker.add_task` takes besides: parent, keep, color.
    """

    def on_train_begin(self, logs: Any = None) -> None:
        """Add the task. Called by Keras, as are the other methods."""
        self._tasks.begin(self.params.get("epochs"))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Add a task for the batches of an epoch."""
        self._tasks.begin_epoch(epoch, self.params.get("steps"))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count a batch."""
        if self._tasks.batches is not None:
            self._tasks.batches.advance()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Count an epoch, and show its figures."""
        self._tasks.end_epoch(logs or {})

    def on_train_end(self, logs: Any = None) -> None:
        """End the training, which may have been stopped early."""
        self._tasks.end()
