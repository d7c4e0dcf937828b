"""What progresskit costs: iteration, manual updates, import, memory, drawing. A bare control beside each, interleaved.

Run it with `make bench`, or `python benchmarks/overhead.py`. One line a claim: the figure, the bar, PASS or FAIL.
"""

from __future__ import annotations

import gc
import os
import platform
import pty
import subprocess
import sys
import threading
import time
import tracemalloc
from collections import deque
from collections.abc import Callable
from typing import Any

from progresskit import ProgressTracker

ITEMS = 1_000_000
ROUNDS = 9


class Empty:
    """A method that does nothing: the control of manual updates."""

    __slots__ = ()

    def call(self, n: int = 1) -> None:
        """Do nothing."""


def fastest(variants: dict[str, Callable[[], Any]], rounds: int = ROUNDS) -> dict[str, float]:
    """Return the least seconds of each of `variants`, run in turn so that noise meets all alike."""
    best = dict.fromkeys(variants, float("inf"))
    for _ in range(rounds):
        for name, work in variants.items():
            began = time.perf_counter()
            work()
            best[name] = min(best[name], time.perf_counter() - began)
    return best


def loop(items: Any) -> None:
    for _ in items:
        pass


def iteration(tracker: ProgressTracker) -> list[tuple[str, float, float, str]]:
    """Nanoseconds an item over the bare loop."""
    numbers = list(range(ITEMS))
    # Room for a number in memory that is used already: on the edge of a page each item would take and return a whole one.
    ballast = list(range(ITEMS, ITEMS + 2_000))
    del ballast[::2]
    best = fastest(
        {
            "range": lambda: loop(range(ITEMS)),
            "range tracked": lambda: loop(tracker.track(range(ITEMS))),
            "list": lambda: loop(numbers),
            "list tracked": lambda: loop(tracker.track(numbers)),
            "generator": lambda: loop(n for n in numbers),
            "generator tracked": lambda: loop(tracker.track(n for n in numbers)),
        }
    )
    newer = sys.version_info >= (3, 12)
    bars = {"range": 4.0, "list": 4.0, "generator": 15.0 if newer else 9.0}
    return [
        (f"iteration, {name}", (best[f"{name} tracked"] - best[name]) / ITEMS * 1e9, bar, "ns an item over bare")
        for name, bar in bars.items()
    ]


def updates(tracker: ProgressTracker) -> list[tuple[str, float, float, str]]:
    """The price of `tick` and `advance` as multiples of an empty method call."""
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

    best = fastest({"bare": bare, "call": calling, "one": calling_with_one, "tick": ticking, "advance": advancing})
    task.finish()
    most = 2.7 if sys.version_info >= (3, 12) else 2.2
    return [
        ("tick()", (best["tick"] - best["bare"]) / (best["call"] - best["bare"]), 1.1, "x an empty method call"),
        ("advance(n)", (best["advance"] - best["bare"]) / (best["one"] - best["bare"]), most, "x an empty method call"),
    ]


def imports() -> list[tuple[str, float, float, str]]:
    """Milliseconds that imports add to the interpreter's start."""
    # Compiled files are what an installed package has: without them this would time the compiler.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    codes = {"bare": "pass", "import": "import progresskit", "from": "from progresskit import track, ProgressTracker"}
    best = fastest(
        {name: lambda code=code: subprocess.run([sys.executable, "-c", code]) for name, code in codes.items()}, 25
    )
    return [
        ("import progresskit", (best["import"] - best["bare"]) * 1e3, 5.0, "ms over bare Python"),
        ("from progresskit import track", (best["from"] - best["bare"]) * 1e3, 5.0, "ms over bare Python"),
    ]


def on_a_pty(renderer: str, tasks: int, seconds: float) -> tuple[float, int]:
    """Return the share of a core that drawing `tasks` moving tasks takes, and bytes kept for each task."""
    leader, follower = pty.openpty()
    os.environ.update(COLUMNS="120", LINES="50", TERM="xterm")
    drain = threading.Thread(target=lambda: deque(iter(lambda: read(leader), b""), maxlen=0), daemon=True)
    drain.start()
    with open(follower, "w", encoding="utf-8") as stream, ProgressTracker(renderer, stream=stream) as tracker:
        names = [f"task number {number}" for number in range(tasks)]
        totals = [1_000_000 + number for number in range(tasks)]
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        made = [tracker.add_task(name, total) for name, total in zip(names, totals, strict=True)]
        time.sleep(1.0)
        gc.collect()
        kept = (tracemalloc.get_traced_memory()[0] - before) // tasks
        tracemalloc.stop()
        time.sleep(1.0)
        began, cpu = time.monotonic(), time.process_time()
        moved = 0.0
        while time.monotonic() - began < seconds:
            time.sleep(0.25)
            moving = time.thread_time()
            for task in made:
                task.advance(7)
            moved += time.thread_time() - moving
        share = (time.process_time() - cpu - moved) / (time.monotonic() - began)
        for task in made:
            task.cancel()
    return share, kept


def read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:
        return b""


def drawing() -> list[tuple[str, float, float, str]]:
    """Drawing 1,000 tasks on 50 rows, and the memory of 10,000."""
    found = []
    for renderer in ("ansi", "tqdm", "rich", "alive"):
        try:
            share, _ = on_a_pty(renderer, 1_000, 6.0)
        except ValueError:
            continue
        found.append((f"{renderer}, 1,000 live tasks", share * 100, 1.0, "% of a core, reading the pty included"))
    found.append(
        ("memory, 10,000 tasks on ansi", float(on_a_pty("ansi", 10_000, 0.5)[1]), 400.0, "bytes a task beside its text")
    )
    return found


def main() -> int:
    """Print the table; 0 when every line passes."""
    print(
        f"Python {platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores; least of {ROUNDS} rounds"
    )
    with ProgressTracker("none") as tracker:
        results = iteration(tracker) + updates(tracker)
    results += imports() + drawing()
    for name, figure, bar, unit in results:
        print(f"{'PASS' if figure <= bar else 'FAIL'}  {name:<32} {figure:8.2f}  (at most {bar:g}) {unit}")
    return int(any(figure > bar for _, figure, bar, _ in results))


if __name__ == "__main__":
    raise SystemExit(main())
