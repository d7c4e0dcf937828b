"""Measure the hot paths against a bare control, and the memory of a task: the figures that need no other library.

`python benchmarks/overhead.py` prints them; it needs only progresskit, so it runs on any interpreter. `--pythons` adds
a table of the hot paths on the interpreters of pyenv and the path.
"""

from __future__ import annotations

import argparse
import gc
import glob
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from measuring import (
    Interval,
    Line,
    as_installed,
    exact,
    exit_status,
    interleaved,
    interval,
    is_loaded,
    machine,
    ratio,
    text_of,
)
from screen import on_a_pty

from progresskit import ProgressTracker

ROOT = Path(__file__).parents[1]
ITEMS = 200_000
MANY = 4_000_000
PROCESSES = 9
"""The number of processes that are measured, because the memory layout of a process changes some figures by a
nanosecond or two."""
VERSIONS = ("3.12", "3.13")
NEWER = sys.version_info >= (3, 12)


class Empty:
    """A method that does nothing: the control of manual updates."""

    __slots__ = ()

    def call(self, n: int = 1) -> None:
        """Do nothing."""


def loop(items: Iterable[Any]) -> None:
    """Iterate over `items` with a `for` statement."""
    for _ in items:
        pass


def consume(items: Iterable[Any]) -> None:
    """Iterate over `items` in C."""
    deque(items, maxlen=0)


def run(through: Callable[[Iterable[Any]], None], make: Callable[[], Iterable[Any]]) -> None:
    """Make the items and iterate over them."""
    through(make())


def iteration(tracker: ProgressTracker, rounds: int) -> list[Line]:
    """The cost of an item beyond the bare loop, in calls of an empty method, by a `for` statement and by a consumer in
    C.

    A round takes a millisecond or two, less than the scheduler's time slice, so that most rounds are uninterrupted on a
    shared machine.
    """
    numbers = list(range(ITEMS))
    # Keep an allocator's page in use: at its edge, each item could allocate and free a page.
    ballast = list(range(ITEMS, ITEMS + 2_000))
    del ballast[::2]
    lines = []
    # From 3.12 on, the bare loop over these is specialised, and a loop over an iterator cannot be: there is no bar.
    sized = None if NEWER else 0.3
    bars = {"range": sized, "list": sized, "generator": 1.5 if NEWER else 0.7}
    unit = "calls of an empty method an item over bare"

    def calling() -> None:
        call = Empty().call
        for _ in numbers:
            call()

    def bare() -> None:
        for _ in numbers:
            pass

    calls: dict[str, Callable[[], None]] = {"call": calling, "bare": bare}
    for through, how in ((loop, "for"), (consume, "C consumer")):
        times = interleaved(
            {
                **calls,
                "range": partial(run, through, lambda: range(ITEMS)),
                "range tracked": partial(run, through, lambda: tracker.track(range(ITEMS))),
                "list": partial(run, through, lambda: numbers),
                "list tracked": partial(run, through, lambda: tracker.track(numbers)),
                "generator": partial(run, through, lambda: (n for n in numbers)),
                "generator tracked": partial(run, through, lambda: tracker.track(n for n in numbers)),
            },
            5 * rounds,
            time.thread_time,
        )
        for name, bar in bars.items():
            lines.append(Line(f"iteration, {name}, {how}", in_calls(times, f"{name} tracked", name), bar, unit))
    # The last portion of a list costs nothing per item, so that a short list costs less than a long one.
    many: list[Any] = [None] * MANY
    times = interleaved(
        {
            **calls,
            "list": partial(run, consume, lambda: many),
            "tracked": partial(run, consume, lambda: tracker.track(many)),
        },
        rounds,
        time.thread_time,
    )
    cost = in_calls(times, "tracked", "list").scaled(ITEMS / MANY)
    return [*lines, Line(f"iteration, list of {MANY:,}, C consumer", cost, bars["list"], unit)]


def in_calls(times: Mapping[str, Sequence[float]], variant: str, control: str) -> Interval:
    """Return the cost of `variant` beyond `control`, in calls of an empty method in the same round."""
    rounds = zip(times[variant], times[control], times["call"], times["bare"], strict=True)
    return interval([(more - less) / (call - bare) for more, less, call, bare in rounds if call > bare])


def hot(rounds: int) -> list[Line]:
    """Return the lines of the hot paths, as this process has them: with its default tracker, which draws."""
    with ProgressTracker() as tracker:
        return [*iteration(tracker, rounds), *updates(tracker, rounds)]


def of_processes(count: int, rounds: int, python: str = sys.executable) -> list[Line]:
    """Return the lines of the hot paths: the medians of several processes, and their range."""
    command = [python, __file__, "--hot", "--rounds", str(rounds)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    runs = [
        json.loads(subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout)
        for _ in range(count)
    ]
    return [
        Line(what, interval([Interval(*run[at][1]).middle for run in runs]), bar, unit)
        for at, (what, _, bar, unit, _) in enumerate(runs[0])
    ]


def interpreters() -> dict[str, str]:
    """Return the other installed interpreters: version -> path."""
    found = {}
    for version in VERSIONS:
        root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
        path = next(iter(sorted(glob.glob(f"{root}/versions/{version}.*/bin/python3"))), None)
        path = path or shutil.which(f"python{version}")
        if path:
            found[version] = path
    return found


def updates(tracker: ProgressTracker, rounds: int) -> list[Line]:
    """The cost of `tick` and `advance`, in calls of an empty method."""
    task, empty = tracker.add_task("updates"), Empty()
    call, tick = empty.call, task.tick

    def bare() -> None:
        for _ in range(ITEMS):
            pass

    def calling() -> None:
        for _ in range(ITEMS):
            call()

    def calling_with_one() -> None:
        for _ in range(ITEMS):
            empty.call(3)

    def ticking() -> None:
        for _ in range(ITEMS):
            tick()

    def advancing() -> None:
        for _ in range(ITEMS):
            task.advance(3)

    times = interleaved(
        {"bare": bare, "call": calling, "one": calling_with_one, "tick": ticking, "advance": advancing},
        5 * rounds,
        time.thread_time,
    )
    task.finish()
    unit = "x an empty method call"
    return [
        Line("tick()", ratio(times, "tick", "call", "bare"), 1.1, unit),
        Line("advance(n)", ratio(times, "advance", "one", "bare"), 2.7 if NEWER else 2.2, unit),
    ]


def lost(tracker: ProgressTracker, total: int = 10_000_000, threads: int = 8) -> list[Line]:
    """Updates that the given threads lose on one task, while the interpreter switches between them a million times a
    second."""
    task = tracker.add_task("threads")

    def work() -> None:
        for _ in range(total // threads):
            task.advance()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(before)
    missing = total // threads * threads - task.completed
    task.finish()
    return [Line(f"updates lost of {total:,} over {threads} threads", exact(missing), 0.0, "updates")]


class Still:
    """A ticker that never samples: tasks without a display."""

    def attach(self, tracker: ProgressTracker) -> None: ...
    def wake(self) -> None: ...
    def flush_soon(self) -> None: ...
    def detach(self, tracker: ProgressTracker) -> None: ...


def bytes_a_task(count: int, *, shown: bool) -> float:
    """Return the memory of a task in bytes, without its text and its total; with the memory of a display on a pty if
    `shown`."""
    tracker = ProgressTracker("ansi") if shown else ProgressTracker("none", ticker=Still())
    names = [f"task number {number}" for number in range(count)]
    totals = [1_000_000 + number for number in range(count)]
    tracker.add_task("first", 1)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    made = [tracker.add_task(name, total) for name, total in zip(names, totals, strict=True)]
    made_here = sys.getsizeof(made)
    if shown:
        time.sleep(0.5)
        for task in made:
            task.advance()
        time.sleep(1.5)
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0] - before - made_here
    tracemalloc.stop()
    return kept / count


def memory(count: int = 10_000) -> list[Line]:
    """Bytes per task, alone and on a display."""
    alone = on_a_pty(lambda: bytes_a_task(count, shown=False)).result
    shown = on_a_pty(lambda: bytes_a_task(count, shown=True)).result
    unit = "bytes a task beside its text"
    return [
        Line(f"memory, {count:,} tasks", exact(alone), 250.0, unit),
        Line(f"memory, {count:,} tasks on a display", exact(shown), 400.0, unit),
    ]


def core(processes: int, rounds: int, updates_of_threads: int) -> list[Line]:
    """Return all lines of this file."""
    weights = memory()  # first, because a child of a process that draws does not draw
    found = of_processes(processes, rounds)
    with ProgressTracker("none") as tracker:
        return [*found, *lost(tracker, updates_of_threads), *weights]


def main() -> int:
    """Print the table, and return the exit status."""
    parser = argparse.ArgumentParser(description="What progresskit costs over a bare control.")
    parser.add_argument(
        "--rounds", type=int, default=11, help="a fifth of how often each variant runs in a process (11)"
    )
    parser.add_argument("--hot", action="store_true", help="the hot paths of this process alone, as JSON")
    parser.add_argument("--pythons", action="store_true", help="the hot paths on other interpreters too")
    options = parser.parse_args()
    if options.hot:
        print(json.dumps(on_a_pty(lambda: hot(options.rounds), 900.0).result))
        return 0
    loaded = is_loaded()
    as_installed()
    print(machine())
    lines = core(PROCESSES, options.rounds, 10_000_000)
    print(text_of(lines))
    if options.pythons:
        for version, python in interpreters().items():
            print(f"\nCPython {version}\n\n{text_of(of_processes(PROCESSES, options.rounds, python))}")
    return exit_status(lines, loaded=loaded)


if __name__ == "__main__":
    raise SystemExit(main())
