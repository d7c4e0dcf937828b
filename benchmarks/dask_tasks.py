"""Measure what watching a Dask cluster costs: many short tasks with a `track` each and a display, compared with the
same tasks without.

Runs in rounds, bare and watched in turn, on one cluster of two single-threaded workers in a process of its own. Prints
the ratios of wall time and of the scheduler's processor time, the processor time within a task, the messages and their
bytes, and the objects left in the scheduler. On a busy machine only the processor times are meaningful. A task's code
runs once in some milliseconds, with the processor's caches filled by other code, which makes it several times as slow
as in a loop. Not a part of `make bench`: a round of 10,000 tasks takes about a minute.

    python benchmarks/dask_tasks.py [--tasks 10000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from typing import Any

import psutil
from distributed import Client
from progresskit_dask import watch

from progresskit import track
from progresskit.testing import RecordingRenderer

CLUSTER = """
import sys, dask
from distributed import LocalCluster
if __name__ == "__main__":
    dask.config.set({"logging.distributed": "error"})
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", host="127.0.0.1") as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


def bare(number: int) -> float:
    """Return the processor time of the task's thread, in seconds."""
    began = time.thread_time()
    for _ in range(5):
        time.sleep(0.001)
    return time.thread_time() - began


def tracked(number: int) -> float:
    """Return the processor time of the task's thread, in seconds."""
    began = time.thread_time()
    for _ in track(range(5), "short"):
        time.sleep(0.001)
    return time.thread_time() - began


def left(dask_scheduler: Any) -> int:
    names = [*dask_scheduler.plugins, *dask_scheduler.worker_plugins, *dask_scheduler._broker._topics]
    return sum("progresskit" in name for name in names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    command = [sys.executable, "-c", CLUSTER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        scheduler = psutil.Process(process.pid)
        with Client(process.stdout.readline().strip()) as client:
            measure(client, scheduler, options.tasks, options.rounds)
        process.stdin.close()


def measure(client: Client, scheduler: psutil.Process, tasks: int, rounds: int) -> None:
    with watch(client, "none"):  # the imports of the first watch are not a cost of tasks
        client.gather(client.map(bare, range(200), pure=False))
    walls, cpus, sizes = [], [], []
    within: dict[Any, list[float]] = {bare: [], tracked: []}
    for _ in range(rounds):
        figures = []
        for work, shown in ((bare, False), (tracked, True)):
            used, began = sum(scheduler.cpu_times()[:2]), time.perf_counter()
            if shown:
                watching = watch(client, RecordingRenderer())
                with watching:
                    hear = client._event_handlers[watching._topic]

                    def note(event: Any, hear: Any = hear) -> None:
                        sizes.append(sum(len(rows) + sum(map(len, news)) for _, rows, news in event[1]["reports"]))
                        hear(event)

                    client._event_handlers[watching._topic] = note
                    within[work] += client.gather(client.map(work, range(tasks), pure=False))
            else:
                within[work] += client.gather(client.map(work, range(tasks), pure=False))
            figures.append((time.perf_counter() - began, sum(scheduler.cpu_times()[:2]) - used))
        walls.append(figures[1][0] / figures[0][0])
        cpus.append(figures[1][1] / figures[0][1])
        print(f"wall {walls[-1]:.3f}, scheduler's processor time {cpus[-1]:.3f}", flush=True)
    print(f"{tasks:,d} tasks of 5 ms: wall {statistics.median(walls):.3f}, scheduler {statistics.median(cpus):.3f}")
    microseconds = [1e6 * statistics.median(seconds) for seconds in within.values()]
    print(f"processor time within a task {microseconds[1]:.0f} us, bare {microseconds[0]:.0f} us")
    print(f"messages {len(sizes) / rounds:.0f} a watch, {statistics.mean(sizes):.0f} bytes of reports each")
    print(f"left in the scheduler: {client.run_on_scheduler(left)}")


if __name__ == "__main__":
    main()
