"""Claims about counts by workers: for any order of steps of pools, executors, joblib, processes and handles, the sum is exact when
their results are there, and when the tracker ends; and every task is accounted for.

Steps are seeded: the expected counts follow from the steps alone. Run as a program, it plays seeds: `counting.py 0 1000
[METHOD...]`.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from progresskit import ProgressTracker, Task, track
from progresskit.processes._brief_ends import BriefEnd
from progresskit.processes._ended_counts import EndedCounts
from progresskit.processes.feed import Feed
from progresskit.testing import RecordingRenderer

Item = tuple[tuple[Task, ...], int, int]


def work(item: Item) -> int:
    """Count in each task, and do some short tasks of one's own."""
    tasks, steps, own = item
    if not tasks:  # the first loop of a forked worker without handles is a brief one
        for _ in track(range(steps), f"own {own}"):
            pass
        return steps
    for number, task in enumerate(tasks):
        if number % 2:
            task.advance(steps)
        else:
            for _ in range(steps):
                task.tick()
    for number in range(own):
        for _ in track(range(2), f"own {number}"):
            pass
    return steps


def work_until_asked(item: Item, done: Any, gate: Any) -> None:
    """The same in a process that continues to run, and reports no result."""
    work(item)
    done.set()
    gate.wait(60.0)


class Play:
    """One tracker, some tasks, and steps that count in them."""

    def __init__(self, seed: int, method: str) -> None:
        self.seed, self.steps = seed, list[str]()
        self.dice = random.Random(seed)
        self.context: Any = multiprocessing.get_context(method)
        self.renderer = RecordingRenderer()
        self.expected: dict[Task, int] = {}
        self.own = 0
        self.living: list[tuple[Any, Any]] = []

    def item(self, own: int | None = None) -> Item:
        tasks = tuple(self.dice.sample(list(self.expected), self.dice.randint(1, len(self.expected))))
        steps = self.dice.randint(1, 9)
        own = self.dice.choice((0, 0, 1, 3)) if own is None else own
        for task in tasks:
            self.expected[task] += steps
        self.own += own
        return tasks, steps, own

    def own_item(self) -> Item:
        """Return a loop of the worker's own, and nothing to count in."""
        self.own += 1
        return (), self.dice.choice((0, 1, 3, 200)), 1

    def items(self, own: int | None = None) -> list[Item]:
        return [self.item(own) for _ in range(self.dice.randint(1, 6))]

    def check(self) -> None:
        counted = {task: task.completed for task in self.expected}
        assert counted == self.expected, (self.seed, self.steps, counted, self.expected)

    # Steps

    def pool_killed(self, _: ProcessPoolExecutor) -> None:
        """Leave the block, which kills the workers: no close, no join."""
        with self.context.Pool(2) as pool:
            pool.map(work, self.items(), chunksize=self.dice.choice((None, 1)))

    def pool_joined(self, _: ProcessPoolExecutor) -> None:
        pool = self.context.Pool(2)
        results = pool.imap_unordered(work, self.items())
        pool.close()
        pool.join()
        list(results)

    def executor(self, _: ProcessPoolExecutor) -> None:
        with ProcessPoolExecutor(2, mp_context=self.context) as pool:
            list(pool.map(work, self.items()))

    def executor_before(self, before: ProcessPoolExecutor) -> None:
        """Workers without a hub: they count in handed tasks, and show no tasks of their own."""
        list(before.map(work, self.items(own=0)))

    def process(self, _: ProcessPoolExecutor) -> None:
        process = self.context.Process(target=work, args=(self.item(),))
        process.start()
        process.join()

    def short_processes(self, _: ProcessPoolExecutor) -> None:
        """Each lives for one loop."""
        processes = [self.context.Process(target=work, args=(self.own_item(),)) for _ in range(3)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()

    def pool_of_own(self, _: ProcessPoolExecutor) -> None:
        with self.context.Pool(2, maxtasksperchild=self.dice.choice((None, 1))) as pool:
            pool.map(work, [self.own_item() for _ in range(4)], chunksize=1)

    def process_that_lives_on(self, _: ProcessPoolExecutor) -> None:
        done, gate = self.context.Event(), self.context.Event()
        process = self.context.Process(target=work_until_asked, args=(self.item(own=0), done, gate))
        process.start()
        assert done.wait(60.0)
        self.living.append((process, gate))

    def joblib(self, _: ProcessPoolExecutor) -> None:
        joblib = _imported("joblib")
        if joblib is not None:
            joblib.Parallel(n_jobs=2)(joblib.delayed(work)(item) for item in self.items())

    def here(self, _: ProcessPoolExecutor) -> None:
        for task in self.expected:
            task.advance(3)
            self.expected[task] += 3

    def play(self, before: ProcessPoolExecutor, length: int, kinds: tuple[str, ...]) -> None:
        steps: list[Callable[[ProcessPoolExecutor], None]] = [getattr(self, kind) for kind in kinds]
        with open(os.devnull, "w") as nowhere, ProgressTracker(self.renderer, stream=nowhere) as tracker:
            for number in range(self.dice.randint(1, 3)):
                self.expected[tracker.add_task(f"shared {number}", total=self.dice.choice((None, 10_000)))] = 0
            for _ in range(length):
                step = self.dice.choice(steps)
                self.steps.append(step.__name__)
                step(before)
                # A process that continues sends at its own times: its counts are checked at the end.
                if not self.living:
                    self.check()
        self.check()
        for process, gate in self.living:
            gate.set()
            process.join(60.0)


def _imported(name: str) -> Any:
    try:
        return __import__(name)
    except ImportError:
        return None


KINDS = (
    "pool_killed",
    "pool_joined",
    "executor",
    "executor_before",
    "process",
    "short_processes",
    "pool_of_own",
    "process_that_lives_on",
    "here",
)


def accounted(play: Play) -> int:
    """Return how many of the workers' own tasks were reported: in a line each, or in counts of ended tasks."""
    return len(_seen_own(play)) + sum(ended_counts.tasks for ended_counts in TOLD) + len(BRIEF)


def _seen_own(play: Play) -> list[str]:
    return [v.description for frame in play.renderer.frames for v in frame.ended if v.description.startswith("own ")]


TOLD: list[EndedCounts] = []
BRIEF: list[BriefEnd] = []
_brief_ends = Feed.add_brief_ends
_ended_counts = Feed.add_ended_counts


def forget() -> None:
    """Forget the reports of feeds."""
    TOLD.clear()
    BRIEF.clear()


def note_ended_counts() -> Callable[[], None]:
    """Record the counts of unseen tasks that feeds get; return a function that ends this."""

    def add_ended_counts(self: Feed, source: Any, ended_counts: EndedCounts, **more: Any) -> None:
        TOLD.append(ended_counts.since(self._core.tree._ended_counts.get(source, EndedCounts())))
        _ended_counts(self, source, ended_counts, **more)

    def add_brief_ends(self: Feed, ends: Iterable[BriefEnd]) -> None:
        found = list(ends)
        BRIEF.extend(found)
        _brief_ends(self, found)

    Feed.add_brief_ends = add_brief_ends  # type: ignore[method-assign]
    Feed.add_ended_counts = add_ended_counts  # type: ignore[method-assign, assignment]

    def end() -> None:
        Feed.add_brief_ends = _brief_ends  # type: ignore[method-assign]
        Feed.add_ended_counts = _ended_counts  # type: ignore[method-assign]

    return end


def main() -> int:
    """Play the seeds with each start method, print the failed ones, and return the exit status."""
    first, last, *methods = sys.argv[1:]
    note_ended_counts()
    all_failed = 0
    for method in methods or multiprocessing.get_all_start_methods():
        failed = 0
        context: Any = multiprocessing.get_context(method)
        with ProcessPoolExecutor(2, mp_context=context) as before:
            before.submit(abs, -1).result()
            for seed in range(int(first), int(last)):
                forget()
                play = Play(seed, method)
                try:
                    play.play(before, 4, (*KINDS, "joblib"))
                    assert accounted(play) == play.own, (accounted(play), play.own)
                except AssertionError as error:
                    failed += 1
                    accounts = [ended_counts.tasks for ended_counts in TOLD]
                    print(f"{method} {seed}: {play.steps} {error}", _seen_own(play), accounts, BRIEF, flush=True)
        print(f"{method}: seeds {first} to {last}, {failed} failed", flush=True)
        all_failed += failed
    return int(all_failed > 0)


if __name__ == "__main__":
    sys.exit(main())
