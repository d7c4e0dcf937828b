"""joblib: `Parallel` with a task that counts the calls that are done.

Knows joblib's `Parallel`, which reports its progress to a method that a subclass may override, for every number of jobs.
"""

from __future__ import annotations

from operator import length_hint
from typing import TYPE_CHECKING, Any

import joblib  # type: ignore[import-untyped,import-not-found,unused-ignore]

from .._model.states import STOPPED_EARLY
from .._tracking import multiprocessing_hook
from .._tracking.joining import current_tracker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .._tracking.task import Task


class Parallel(joblib.Parallel):  # type: ignore[misc,unused-ignore]  # joblib ships no types
    """`joblib.Parallel` with a task.

    Args:
        arguments: What `joblib.Parallel` takes.
        description: The task's.
        total: The number of calls; None: the length of the iterable, if it has one.
        unit: A noun for a call.
        options: What `joblib.Parallel` takes by name.
    """

    def __init__(
        self, *arguments: Any, description: str = "", total: int | None = None, unit: str = "it", **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._description, self._total, self._unit = description, total, unit
        self._task: Task | None = None

    def __call__(self, iterable: Iterable[Any]) -> Any:
        """Run the calls of `iterable`, and return what `joblib.Parallel` returns."""
        total = self._total if self._total is not None else length_hint(iterable) or None
        task = self._task = current_tracker().add_task(self._description, total=total, unit=self._unit)
        multiprocessing_hook.allow_joining(_always)
        try:
            results = super().__call__(iterable)
        except BaseException as error:
            task.__exit__(type(error), error, None)
            raise
        finally:
            multiprocessing_hook.disallow_joining(_always)
        if hasattr(results, "__next__"):
            return self._until_end(task, results)
        task.report(self.n_completed_tasks)
        task.finish()
        return results

    def _until_end(self, task: Task, results: Iterator[Any]) -> Iterator[Any]:
        try:
            yield from results
        except GeneratorExit:
            task.cancel(STOPPED_EARLY)
            raise
        except BaseException as error:
            task.__exit__(type(error), error, None)
            raise
        task.report(self.n_completed_tasks)
        task.finish()

    def print_progress(self) -> None:
        """Count. Called by joblib after each batch of calls."""
        if self._task is not None:
            self._task.report(self.n_completed_tasks)
        super().print_progress()


def _always() -> bool:
    return True
