"""Programs as users of pools write them, each with a check of its own: run with their names, it prints what each has to say.

They were written after public reports about progress in pools; one that fails says how, and the others still run.
"""

from __future__ import annotations

import asyncio
import io
import multiprocessing
import os
import re
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from seen import BOUND, until_exists, until_true

from progresskit import ProgressTracker, Task, track
from progresskit._display import process_hooks
from progresskit.testing import RecordingRenderer

FORK: Any = multiprocessing.get_context("fork")


@dataclass
class Job:
    """The arguments of a worker, with a handle in a field, or deeper."""

    name: str
    steps: int
    task: Task | None = None
    more: dict[str, Any] = field(default_factory=dict)


def count(job: Job) -> int:
    for _ in range(job.steps):
        (job.task or job.more["task"]).advance()
    return job.steps


def loop(job: Job) -> int:
    return sum(1 for _ in track(range(job.steps), job.name))


def loop_in_threads(job: Job) -> int:
    with ThreadPoolExecutor(3) as pool:
        return sum(pool.map(loop, [Job(f"{job.name} {number}", job.steps) for number in range(3)]))


def start_another(job: Job) -> None:
    child = FORK.Process(target=loop, args=(Job(f"below {job.name}", job.steps),))
    child.start()
    child.join()
    loop(job)


def fail_now_and_then(number: int) -> None:
    for step in track(range(4), f"failing {number}"):
        if number % 2 and step == 2:
            raise ValueError("of no use")


def count_and_die(job: Job) -> None:
    count(job)
    for _ in track(range(3), job.name):
        until_exists(Path(job.more["shown"]))
        os._exit(3)


def count_from_queue(jobs: Any, done: Any) -> None:
    while (job := jobs.get()) is not None:
        count(job)
    done.put("over")


class Shown:
    """A tracker, and how many tasks its display has accounted for."""

    def __init__(self, *own: str) -> None:
        self.renderer, self._own = RecordingRenderer(), own
        self.tracker = ProgressTracker(self.renderer, stream=io.StringIO())

    def __enter__(self) -> ProgressTracker:
        return self.tracker.__enter__()

    def __exit__(self, *error: Any) -> None:
        self.tracker.__exit__(*error)

    @property
    def lines(self) -> dict[int, tuple[str, str, str | None]]:
        ended = [view for frame in self.renderer.frames for view in frame.ended]
        return {view.id: (view.description, view.state, view.reason) for view in ended if view.keep}

    @property
    def live(self) -> list[str]:
        return [view.description for frame in self.renderer.frames[-1:] for view in frame.tasks]

    @property
    def accounted(self) -> int:
        """Workers' tasks that have a line, or are in a line that counts them with those."""
        sums = [int(found[1]) for line in self.renderer.lines if (found := re.search(r"(\d+) tasks?\b", line))]
        return sum(sums) if sums else sum(name not in self._own for name, _, _ in self.lines.values())


def executor_from_before() -> None:
    """An executor's workers run before the tracker is there, and count in it by a handle within a dataclass."""
    with ProcessPoolExecutor(2, mp_context=FORK) as pool:
        list(pool.map(abs, range(4)))
        with Shown("rows") as tracker:
            task = tracker.add_task("rows", total=500)
            assert sum(pool.map(count, [Job(str(number), 25, task) for number in range(20)])) == 500
            assert task.completed == 500


def executor_outlives_trackers() -> None:
    """One executor works for three trackers: each shows the tasks of its own time."""
    pool = ProcessPoolExecutor(2, mp_context=FORK)
    for turn in range(3):
        shown = Shown("shared")
        with shown as tracker:
            task = tracker.add_task("shared", total=60)
            for future in as_completed([pool.submit(count, Job(str(number), 10, task)) for number in range(6)]):
                future.result()
            list(pool.map(loop, [Job(f"{turn} {number}", 3) for number in range(5)]))
            assert task.completed == 60
        assert shown.accounted == 5, (turn, shown.lines, shown.renderer.lines)
    pool.shutdown()


def joblib_lives_on() -> None:
    """joblib's workers live on from tracker to tracker."""
    try:
        from joblib import Parallel, delayed
    except ImportError:
        return
    for turn in range(2):
        shown = Shown("shared")
        with shown as tracker:
            task = tracker.add_task("shared", total=100)
            Parallel(n_jobs=2)(delayed(count)(Job(str(number), 10, None, {"task": task})) for number in range(10))
            Parallel(n_jobs=2)(delayed(loop)(Job(f"{turn} {number}", 5)) for number in range(10))
            assert task.completed == 100
        assert shown.accounted == 10, (turn, shown.lines, shown.renderer.lines)
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown()


def one_task_per_child() -> None:
    """Each worker of a pool ends with its first task."""
    shown = Shown()
    with shown, FORK.Pool(3, maxtasksperchild=1) as pool:
        assert sum(pool.map(loop, [Job(f"task {number}", 10) for number in range(12)], chunksize=1)) == 120
    assert shown.accounted == 12, (shown.lines, shown.renderer.lines)


def worker_exits() -> None:
    """A worker ends itself: its count stays, its loop is lost, and the caller gets the error."""
    shown = Shown("rows")
    with shown as tracker:
        task = tracker.add_task("rows", total=100)
        with TemporaryDirectory() as folder, ProcessPoolExecutor(1, mp_context=FORK) as pool:
            gate = Path(folder, "shown")
            died = pool.submit(count_and_die, Job("victim", 20, task, {"shown": str(gate)}))
            until_true(lambda: task.completed == 20 and "victim" in shown.live)
            gate.touch()
            assert isinstance(died.exception(BOUND), BrokenProcessPool)
    assert task.completed == 20
    assert ("victim", "failed", "lost") in shown.lines.values(), shown.lines


def handles_through_queues() -> None:
    """Jobs come by a queue, and each worker says by another that it is done."""
    with Shown("rows") as tracker:
        task = tracker.add_task("rows", total=400)
        jobs, done = FORK.Queue(), FORK.Queue()
        workers = [FORK.Process(target=count_from_queue, args=(jobs, done)) for _ in range(2)]
        for worker in workers:
            worker.start()
        for number in range(40):
            jobs.put(Job(str(number), 10, task))
        for _ in workers:
            jobs.put(None)
        for _ in workers:
            done.get()
        assert task.completed == 400
        for worker in workers:
            worker.join()


def threads_in_workers() -> None:
    """Workers have threads of their own, each with a loop."""
    shown = Shown()
    with shown, ProcessPoolExecutor(2, mp_context=FORK) as pool:
        assert sum(pool.map(loop_in_threads, [Job(f"part {number}", 5) for number in range(4)])) == 60
    assert shown.accounted == 12, (shown.lines, shown.renderer.lines)


def workers_of_workers() -> None:
    """Workers start processes, which have loops too."""
    shown = Shown()
    with shown:
        workers = [FORK.Process(target=start_another, args=(Job(f"worker {number}", 4),)) for number in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert shown.accounted == 6, (shown.lines, shown.renderer.lines)


def asyncio_hands_out() -> None:
    """An event loop passes work to an executor and counts the results."""

    async def gather(pool: ProcessPoolExecutor) -> int:
        running = asyncio.get_running_loop()
        futures = [running.run_in_executor(pool, loop, Job(f"async {number}", 4)) for number in range(8)]
        return sum([await each for each in track(asyncio.as_completed(futures), "futures", total=8)])

    shown = Shown("futures")
    with shown, ProcessPoolExecutor(2, mp_context=FORK) as pool:
        assert asyncio.run(gather(pool)) == 32
    assert shown.accounted == 8, (shown.lines, shown.renderer.lines)


def failing_tasks() -> None:
    """Half of a pool's tasks fail, and each failure is shown."""
    shown = Shown()
    with shown, FORK.Pool(2) as pool:
        for result in [pool.apply_async(fail_now_and_then, (number,)) for number in range(6)]:
            result.wait(BOUND)
    assert shown.accounted == 6, (shown.lines, shown.renderer.lines)
    failed = sorted((name, reason) for name, state, reason in shown.lines.values() if state == "failed")
    assert failed == [(f"failing {number}", "ValueError: of no use") for number in (1, 3, 5)]


def two_pools_at_once() -> None:
    """Two threads have a tracker and a pool each: nothing is shown twice, and nothing is lost."""
    both = [Shown(), Shown()]

    def use(shown: Shown) -> None:
        with shown, FORK.Pool(2) as pool:
            pool.map(loop, [Job(str(number), 3) for number in range(8)])

    threads = [threading.Thread(target=use, args=(shown,)) for shown in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(shown.accounted for shown in both) == 16, [shown.renderer.lines for shown in both]


PROGRAMS = {
    program.__name__: program
    for program in (
        executor_from_before,
        executor_outlives_trackers,
        joblib_lives_on,
        one_task_per_child,
        worker_exits,
        handles_through_queues,
        threads_in_workers,
        workers_of_workers,
        asyncio_hands_out,
        failing_tasks,
        two_pools_at_once,
    )
}

if __name__ == "__main__":
    # A worker waits 0.25 s at the most until an end is sent, and a pool that ends kills it: too little on a busy machine.
    patience = process_hooks.TICKER.scheduler.gate.time
    patience.most = patience.left = BOUND
    for name in sys.argv[1:]:
        try:
            PROGRAMS[name]()
            print(f"{name}: as it should be", flush=True)
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {error}", flush=True)
