"""fsspec: a callback for `get`, `put` and similar methods of all its file systems, such as HTTP, S3, GCS and Azure.

Knows fsspec's callbacks: the callback that a program passes counts files, and makes one for each file, which counts bytes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from fsspec.callbacks import Callback  # type: ignore[import-untyped,import-not-found,unused-ignore]

from .._tracking.joining import current_tracker
from ._ending import end

if TYPE_CHECKING:
    from .._tracking.task import Task
    from .._tracking.tracker import ProgressTracker


class ProgressCallback(Callback):  # type: ignore[misc,unused-ignore]  # fsspec ships no types
    """Shows a transfer: a task that counts files, and below it one for each file that counts bytes.

    `get_file` and `put_file` transfer one file: then the task counts its bytes.

    Args:
        description: The task's.
        tracker: Where it is shown; None takes the current tracker.
        options: What `ProgressTracker.add_task` takes besides: parent, keep, color.
    """

    def __init__(
        self, description: str = "Transfer", *, tracker: ProgressTracker | None = None, **options: Any
    ) -> None:
        super().__init__()
        self._tracker = current_tracker() if tracker is None else tracker
        self._description, self._options = description, options
        self._task: Task | None = None
        self._branched = False

    @property
    def task(self) -> Task:
        """The task. The first use adds it to the tracker."""
        if self._task is None:
            self._task = self._tracker.add_task(self._description, unit="B", **self._options)
        return self._task

    def call(self, hook_name: str | None = None, **kwargs: Any) -> None:
        """Copy fsspec's figures to the task. Called by fsspec."""
        if self._task is not None or self.value or self.size:  # folders have no figures
            self.task.report(self.value, self.size or None)
        super().call(hook_name, **kwargs)

    def branched(self, path_1: str, path_2: str, **kwargs: Any) -> ProgressCallback:
        """Return the callback for one file. Called by fsspec."""
        if not self._branched:
            self._branched = True
            self.task.update(unit="file")  # a callback that has branched counts files
        name = os.path.basename(str(path_1).rstrip("/")) or str(path_1)
        return type(self)(name, tracker=self._tracker, parent=self.task)

    def close(self) -> None:
        """End the task. Called by fsspec for each file, and by `with` for the transfer."""
        super().close()
        end(self._task)

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if error is not None and self._task is not None:
            self._task.__exit__(kind, error, traceback)
        super().__exit__(kind, error, traceback)
