"""A tracker whose frames are drawn by hand, and a server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from serving import server

from progresskit import ProgressTracker, Task
from progresskit.testing import ManualTicker, RecordingRenderer


class Tracked(ProgressTracker):
    """A tracker that remembers the tasks that were added to it."""

    def __init__(self) -> None:
        super().__init__(RecordingRenderer(), ticker=ManualTicker())
        self.added: list[Task] = []

    def add_task(self, *arguments: Any, **options: Any) -> Task:
        task = super().add_task(*arguments, **options)
        self.added.append(task)
        return task

    def ended(self) -> list[tuple[str, Any, Any, str]]:
        """Return description, count, total and state of the tasks, in the order in which they were added."""
        return [(task.description, task.completed, task.total, task.state) for task in self.added]


@pytest.fixture
def tracked() -> Iterator[Tracked]:
    with Tracked() as tracker:
        yield tracker


@pytest.fixture(scope="module")
def served() -> Iterator[Any]:
    with server() as found:
        yield found
