"""`progresskit demo`: a task without a count, parallel tasks under their total, an unknown total, a failure and its second
attempt, a printed line, nested loops with fields, and a loop that stops early.

Uses public names only.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from .._tracking.tracker import ProgressTracker

if TYPE_CHECKING:
    from .._tracking.task import Task

FILES = (
    ("airports.csv", 42_000_000),
    ("flights.csv", 95_000_000),
    ("planes.csv", 23_000_000),
    ("weather.csv", 61_000_000),
)
STEPS = 60


def demonstrate(renderer: str | None = None, seconds: float = 6.0) -> None:
    """Show the demonstration with `renderer` for about `seconds`.

    Raises:
        ValueError: the renderer's name is unknown.
    """
    pause = seconds / STEPS / 2
    with ProgressTracker(renderer) as tracker:
        with tracker.add_task("Connecting to the warehouse", keep=True):
            time.sleep(5 * pause)
        files = tracker.add_task("Files", total=len(FILES), unit="file", rollup="count")
        rows = tracker.add_task("QC rows", unit="row", color="yellow")
        # Add the tasks here, not in the threads, so that their rows keep one order however late a thread starts.
        uploads = [tracker.add_task(name, total=size, unit="B", parent=files, color="blue") for name, size in FILES]
        threads = [
            threading.Thread(target=_upload, args=(task, size, pause * (1 + number % 2)), daemon=True)
            for number, (task, (_, size)) in enumerate(zip(uploads, FILES, strict=True))
        ]
        for thread in threads:
            thread.start()
        for step in range(STEPS):
            rows.advance(1_234)
            time.sleep(2 * pause)  # as long as the slower uploads
            if step == STEPS // 6:
                tracker.print("a line printed above the bars")
        for thread in threads:
            thread.join()
        rows.finish()
        files.finish()
        for epoch in tracker.track(range(3), "Epochs", unit="epoch"):
            for batch in tracker.track(range(STEPS // 4), "Batches", unit="batch"):
                tracker.tasks[-1].update(loss=round(1 / (1 + 15 * epoch + batch), 3))
                time.sleep(pause)
        for step in tracker.track(range(STEPS), "Searching", unit="row", keep=True):
            time.sleep(pause / 4)
            if step == STEPS // 4:
                break


def _upload(task: Task, size: int, pause: float) -> None:
    """Upload a file; one of them needs a second attempt."""
    with task:
        for step in range(STEPS):
            task.advance(size // STEPS)
            time.sleep(pause)
            if task.description == "planes.csv" and step == STEPS // 2:
                task.fail("the server went away; a second attempt follows")
                break
    if task.state == "failed":
        again = task.tracker.add_task("planes.csv", total=size, unit="B", parent=task.parent, color="blue", attempt=2)
        with again:
            for _ in range(STEPS // 2):
                again.advance(2 * size // STEPS)
                time.sleep(pause)
            again.update(completed=size)
    else:
        task.update(completed=size)
