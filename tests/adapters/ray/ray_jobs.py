"""Functions that the tests of the Ray adapter run in workers, where this module is importable."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import ray
from seen import until_seen

from progresskit import ProgressTracker, track
from progresskit._tracking.joining import current_tracker


def wait_for(path: Path) -> None:
    end = time.monotonic() + 60
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.01)


@ray.remote
def square(number: int) -> int:
    for _ in track(range(3), f"square {number}"):
        until_seen()
    return number * number


@ray.remote
def own(number: int) -> int:
    """A tracker of the task's own, and a line."""
    with ProgressTracker() as tracker:
        tracker.print(f"line of {number}")
        tracker.add_task(f"own {number}", total=2).advance(2)
        end = time.monotonic() + 60
        while tracker._core.tree.last_shown < tracker.tasks[-1].id and time.monotonic() < end:
            time.sleep(0.002)
    return number


@ray.remote
def quick(number: int) -> int:
    for _ in track(range(5), "quick"):
        time.sleep(0.001)
    return number


@ray.remote
def forgotten() -> None:
    """A task that is never ended, and one of a thread."""
    current_tracker().add_task("forgotten", total=5).advance(2)
    thread = threading.Thread(target=lambda: current_tracker().add_task("of a thread", total=5))
    thread.start()
    thread.join()
    until_seen()


@ray.remote
def numbers() -> Iterator[int]:
    for number in track(range(3), "generated"):  # Ray sends to what `yield from` would hand on to
        until_seen()
        yield number + 1


@ray.remote(max_retries=0)
def dies(folder: str) -> None:
    for _ in track(range(1), "victim"):
        Path(folder, "there").touch()
        wait_for(Path(folder, "gate"))
        os.kill(os.getpid(), signal.SIGKILL)


@ray.remote(max_retries=1)
def dies_once(folder: str) -> str:
    for _ in track(range(1), "tried again"):
        if not Path(folder, "died").exists():
            wait_for(Path(folder, "gate"))
            Path(folder, "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        until_seen()
    return "done"


@ray.remote
def waits(folder: str, name: str) -> str:
    for _ in track(range(1), name):
        wait_for(Path(folder, "gate"))
    return name


@ray.remote
def fails() -> None:
    for _ in track(range(3), "failing"):
        until_seen()
        raise ValueError("of no use")


@ray.remote
class Counter:
    """An actor whose method counts, which lives from call to call."""

    def count(self, name: str) -> int:
        return sum(1 for _ in track(range(4), name) if until_seen() is None)


@ray.remote
class Asynchronous:
    """An actor whose methods run side by side."""

    async def count(self, name: str, folder: str) -> str:
        current_tracker().add_task(name, total=4)
        while not Path(folder, "gate").exists():
            await asyncio.sleep(0.01)
        return name
