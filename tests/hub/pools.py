"""Functions that the tests of workers run in processes of any start method, where this module is importable."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

from seen import until_exists, until_seen

from progresskit import Task, track
from progresskit._display import process_hooks
from progresskit._tracking.joining import current_tracker


def be_patient() -> None:
    """Make this worker wait for its last output as long as a busy machine needs; a job's worker would continue."""
    if multiprocessing.parent_process() is not None:
        credit = process_hooks.TICKER.scheduler.gate.time
        credit.most = credit.left = 60.0


def square(number: int) -> int:
    """A task of three steps, which has been seen before it ends."""
    be_patient()
    for _ in track(range(3), f"square {number}"):
        until_seen()
    return number * number


def report(number: int) -> int:
    """The same, with a line above."""
    be_patient()
    current_tracker().print(f"line of {number}")
    return square(number)


def deep(number: int) -> int:
    """The same in a process of this process's own."""
    context = multiprocessing.get_context("spawn")
    child = context.Process(target=square, args=(number,))
    child.start()
    child.join()
    return child.exitcode or number


def wait(folder: str, name: str) -> None:
    """Show a task until there is a file `gate`."""
    for _ in track(range(1), name):
        Path(folder, f"{os.getpid()}.here").touch()
        until_exists(Path(folder, "gate"))


def count(task: Task, times: int) -> int:
    tick = task.tick
    for _ in range(times):
        tick()
    task.advance(times)
    return os.getpid()


def counted(item: tuple[Task, int]) -> int:
    return count(*item)


def count_and_die(task: Task, folder: str) -> None:
    task.advance(5)
    Path(folder, "counted").touch()
    until_exists(Path(folder, "gate"))
    os.kill(os.getpid(), signal.SIGKILL)


def describe(_: Any) -> dict[str, Any]:
    """The effects of progresskit that a program could notice."""
    return {"hub": "PROGRESSKIT_HUB" in os.environ, "silent": True}
