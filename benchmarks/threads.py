"""What `advance` costs beside an empty method, and whether eight threads and storms of tasks lose a count.

For any interpreter, with the GIL and without, where a lock guards each addition. It needs nothing but the core.

    python3.13t benchmarks/threads.py
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from measuring import Line, exact, interval, machine, text_of

from progresskit import ProgressTracker

CALLS, THREADS, STORMS, TASKS = 100_000, 8, 4, 500


class Empty:
    """A task that does nothing."""

    def advance(self, n: int = 1) -> None:
        """Do nothing."""


def seconds(call: Callable[[], None]) -> float:
    """Return the processor time of this thread for `CALLS` calls of `call`."""
    began = time.thread_time()
    for _ in range(CALLS):
        call()
    return time.thread_time() - began


def main() -> None:
    """Print the ratio and the counts, and fail where a count was lost or a task is left."""
    print(machine(), "without the GIL" if not getattr(sys, "_is_gil_enabled", lambda: True)() else "with the GIL")
    empty = Empty()
    with ProgressTracker("none") as tracker:
        task, shared = tracker.add_task("alone"), tracker.add_task("shared")
        ratios = [seconds(task.advance) / seconds(empty.advance) for _ in range(9)]

        def count() -> None:
            for _ in range(CALLS):
                shared.advance()

        def storm() -> None:
            for number in range(TASKS):
                with tracker.add_task(f"task {number}", total=1) as short:
                    short.advance()

        threads = [threading.Thread(target=count) for _ in range(THREADS)]
        threads += [threading.Thread(target=storm) for _ in range(STORMS)]
        began = time.process_time()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        spent = time.process_time() - began
        lost = THREADS * CALLS - shared.completed
        left = len(tracker.tasks) - 2
    lines = [
        Line("`advance`, beside an empty method", interval(ratios), None, "times"),
        Line(
            "eight threads and storms of tasks, for each of their calls",
            exact(1e6 * spent / (THREADS * CALLS)),
            None,
            "us",
        ),
        Line("counts lost", exact(float(lost)), 0.0, "updates"),
        Line("tasks left", exact(float(left)), 0.0, "tasks"),
    ]
    print(text_of(lines))
    if any(line.verdict == "FAIL" for line in lines):
        sys.exit(1)


if __name__ == "__main__":
    main()
