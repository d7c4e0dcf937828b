"""A callback of Keras that shows epochs and batches."""

from __future__ import annotations

from typing import Any

from keras.callbacks import Callback  # type: ignore[import-not-found,import-untyped,unused-ignore]

from .auto import tqdm as tqdm_auto

__all__ = ["TqdmCallback"]
COUNTS = ("batch", "size")
"""Figures of a batch that say which one it is and how large, which the bar does not show."""


class TqdmCallback(Callback):  # type: ignore[misc,unused-ignore]  # keras ships no types
    """Shows a bar of epochs, and one of the batches of each.

    Args:
        epochs: How many there are; None: as Keras says.
        batch_size: Kept for tqdm's signature; batches are counted as Keras says.
        verbose: 0: epochs only; 1: a bar of batches that is cleared; 2: one that stays for each epoch.
        tqdm_class: The bar's class.
        options: The bars' arguments.
    """

    def __init__(
        self, epochs: int | None = None, data_size: int | None = None, batch_size: int | None = None, verbose: int = 1,
        tqdm_class: Any = tqdm_auto, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        self.epoch_bar: Any = None
        self.batch_bar: Any = None
        self._epochs, self._verbose, self._make, self._options = epochs, verbose, tqdm_class, options
        self._batches = -(-data_size // batch_size) if data_size and batch_size else None

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Open the bar of epochs."""
        params = self.params or {}
        self.epoch_bar = self._make(total=self._epochs or params.get("epochs"), unit="epoch", **self._options)

    def on_epoch_begin(self, epoch: int, *_: Any, **__: Any) -> None:
        """Open the bar of the epoch's batches."""
        if self._verbose:
            total = self._batches or (self.params or {}).get("steps")
            self.batch_bar = self._make(total=total, unit="batch", leave=self._verbose > 1, **self._options)

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count a batch."""
        if self.batch_bar is not None:
            figures = {name: figure for name, figure in (logs or {}).items() if name not in COUNTS}
            self.batch_bar.set_postfix(figures, refresh=False)
            self.batch_bar.update()

    on_train_batch_end = on_batch_end

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Count the epoch."""
        if self.batch_bar is not None:
            self.batch_bar.close()
        self.epoch_bar.set_postfix(logs or {}, refresh=False)
        self.epoch_bar.update(epoch + 1 - self.epoch_bar.n)

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Close what is open."""
        for bar in (self.batch_bar, self.epoch_bar):
            if bar is not None:
                bar.close()

    def display(self) -> None:
        """Show the bars where nothing else does."""
        for bar in (self.batch_bar, self.epoch_bar):
            if bar is not None:
                bar.refresh()
