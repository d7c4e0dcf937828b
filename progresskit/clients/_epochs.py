"""The tasks of a training: one for its epochs and, below it, one for the batches of the current epoch.

Knows tasks. Does not know the library that trains: its callback calls these methods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._model.numbers import plain_number
from .._tracking.joining import current_tracker
from ._ending import end

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._tracking.task import Task


class EpochTasks:
    """Counts epochs and their batches.

    Args:
        description: The epochs'.
        options: What `ProgressTracker.add_task` takes besides.
    """

    def __init__(self, description: str, options: Mapping[str, Any]) -> None:
        self._description, self._options = description, options
        self.epochs: Task | None = None
        self.batches: Task | None = None

    def begin(self, total: Any, completed: int = 0) -> None:
        """Begin a training of `total` epochs, None where nobody knows, of which `completed` are done."""
        self.epochs = current_tracker().add_task(
            self._description, total=total, unit="epoch", completed=completed, **self._options
        )

    def begin_epoch(self, number: int, total: Any) -> None:
        """Begin the epoch `number`, from 0, of `total` batches, None where nobody knows."""
        if self.epochs is not None:
            self.batches = current_tracker().add_task(
                f"epoch {number + 1}", total=total, unit="batch", parent=self.epochs, keep=False
            )

    def end_epoch(self, figures: Mapping[str, Any]) -> None:
        """Count an epoch, and show those of its `figures` that are numbers."""
        if self.batches is not None:
            self.batches.finish()
            self.batches = None
        if self.epochs is not None:
            self.epochs.advance()
            numbers = {name: plain_number(value) for name, value in figures.items()}
            self.epochs.update(fields={name: f"{value:.4g}" for name, value in numbers.items() if value is not None})

    def end(self, error: BaseException | None = None) -> None:
        """End the training: failed, or called off, by `error`; else finished, or stopped early."""
        for task in (self.batches, self.epochs):
            end(task, error)
        self.batches = self.epochs = None


class EpochCallback:
    """The common base of callbacks for libraries that train in epochs. Name it before the library's own base class.

    Args:
        description: The task's.
        options: What `ProgressTracker.add_task` takes besides: parent, keep, color.
    """

    def __init__(self, description: str = "Epochs", **options: Any) -> None:
        super().__init__()
        self._tasks = EpochTasks(description, options)

    @property
    def task(self) -> Task | None:
        """The task of the epochs; None while no training runs."""
        return self._tasks.epochs
