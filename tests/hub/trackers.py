"""Programs drawn at random: several threads with a tracker and a pool each, whose tasks have a loop and count in a shared task.

Run with a way to start processes, the first seed and the number of seeds, it prints each seed that has lost a task or a count.
"""

from __future__ import annotations

import io
import multiprocessing
import random
import re
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

from progresskit import ProgressTracker, Task, track
from progresskit.testing import RecordingRenderer

KINDS = ("terminated", "joined", "executor", "processes")


class Outcome(NamedTuple):
    """What the program of one thread has done, and what its shared task has counted."""

    kind: str
    tasks: int
    counts: int
    counted: float


def work(task: Task, name: str, steps: int) -> None:
    for _ in range(steps):
        task.advance()
    for _ in track(range(steps), name):
        pass


class Program:
    """A tracker of a thread's own, and the pool whose tasks it shows."""

    def __init__(self, seed: str, method: str) -> None:
        draw = random.Random(seed)
        self._kind, self._tasks, self._steps = draw.choice(KINDS), draw.randrange(1, 9), draw.randrange(1, 6)
        self._context: Any = multiprocessing.get_context(method)
        self._renderer = RecordingRenderer()
        self._tracker = ProgressTracker(self._renderer, stream=io.StringIO())
        self.outcome: Outcome | None = None  # None: it has failed

    def run(self) -> None:
        counts = self._tasks * self._steps
        with self._tracker as tracker:
            task = tracker.add_task("shared", total=counts)
            self._play([(task, f"task {number}", self._steps) for number in range(self._tasks)])
            counted = task.completed
        self.outcome = Outcome(self._kind, self._tasks, counts, counted)

    def _play(self, arguments: list[tuple[Task, str, int]]) -> None:
        if self._kind == "terminated":
            with self._context.Pool(2) as pool:
                pool.starmap(work, arguments)
        elif self._kind == "joined":
            pool = self._context.Pool(2)
            pool.starmap(work, arguments)
            pool.close()
            pool.join()
        elif self._kind == "executor":
            with ProcessPoolExecutor(2, mp_context=self._context) as executor:
                list(executor.map(work, *zip(*arguments, strict=True)))
        else:
            processes = [self._context.Process(target=work, args=each) for each in arguments]
            for process in processes:
                process.start()
            for process in processes:
                process.join()

    @property
    def accounted(self) -> int:
        """The tasks of workers that have a line, or are in a line that counts them."""
        sums = [int(found[1]) for line in self._renderer.lines if (found := re.search(r"(\d+) tasks?\b", line))]
        ended = {view.id: view.description for frame in self._renderer.frames for view in frame.ended if view.keep}
        return sum(sums) if sums else sum(name != "shared" for name in ended.values())


def play(seed: int, method: str) -> str:
    """Return what is wrong after the programs of `seed`; an empty text if nothing is."""
    programs = [Program(f"{seed} {number}", method) for number in range(2 + seed % 3 // 2)]
    threads = [threading.Thread(target=program.run) for program in programs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outcomes = [program.outcome for program in programs if program.outcome is not None]
    accounted, tasks = sum(program.accounted for program in programs), sum(outcome.tasks for outcome in outcomes)
    exact = all(outcome.counts == outcome.counted for outcome in outcomes)
    if len(outcomes) == len(programs) and exact and accounted == tasks:  # a worker is shown by one of the trackers
        return ""
    return f"{accounted} of {tasks} tasks are accounted for: {outcomes}"


if __name__ == "__main__":
    method, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for seed in range(first, first + count):
        if wrong := play(seed, method):
            print(f"{method} {seed}: {wrong}", flush=True)
