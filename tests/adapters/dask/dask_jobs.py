"""What the tests of the Dask adapter have run in a cluster: importable there."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from seen import until_seen

from progresskit import ProgressTracker, track
from progresskit._tracking.tracker import current_tracker


def square(number: int) -> int:
    for _ in track(range(3), f"square {number}"):
        until_seen()
    return number * number


def own(number: int) -> int:
    """A tracker of the task's own, and a line."""
    with ProgressTracker() as tracker:
        tracker.print(f"line of {number}")
        task = tracker.add_task(f"own {number}", total=2)
        nested(task.advance)
    return number


def nested(step: object) -> None:
    assert callable(step)
    for _ in track(range(2), "nested"):
        step()
        until_seen()


def forgotten() -> None:
    """A task that nobody ends."""
    current_tracker().add_task("forgotten", total=5).advance(2)
    until_seen()


def fails_once(folder: str) -> str:
    for _ in track(range(3), "retried"):
        until_seen()
        if not Path(folder, "failed").exists():
            Path(folder, "failed").touch()
            raise ValueError("the first time")
    return "done"


def waits(folder: str, name: str) -> int:
    for _ in track(range(1), name):
        Path(folder, f"{name} {os.getpid()}").touch()
        while not Path(folder, "gate").exists():
            time.sleep(0.01)
    return os.getpid()


def dies_once(folder: str) -> str:
    for _ in track(range(1), "victim"):
        if not Path(folder, "died").exists():
            while not Path(folder, "shown").exists():
                time.sleep(0.01)
            Path(folder, "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        while not Path(folder, "gate").exists():
            time.sleep(0.01)
    return "done"
