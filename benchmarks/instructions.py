"""Count the instructions of the hot paths and of a frame. These figures have no noise, so CI gates them.

valgrind's cachegrind counts them; without it, the benchmark prints a message and ends. Each figure is the slope between
two sizes, which excludes the start of the interpreter and of the loop. The ticker does not run, because it is not a
part of the loop, and no garbage is collected, because its time is random.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from measuring import as_installed

ROOT = Path(__file__).parents[1]

SIZES = {"frames": (5, 15)}
USUAL = 20_000, 60_000
ROWS = 50
ITERATION = {
    ("range", "for"): 50.0,
    ("range", "in C"): 50.0,
    ("list", "for"): 50.0,
    ("list", "in C"): 50.0,
    ("generator", "for"): 100.0,
    ("generator", "in C"): 100.0,
}
"""The most instructions per item beyond the bare loop, on CPython 3.11: by a `for` statement and by a consumer in C."""
UPDATES = {"tick": ("call", 1.1), "advance": ("call with one", 2.2)}
"""The most an update may cost, in multiples of a call of an empty method: without an argument, and with one."""
ROW = 100_000.0
"""The most instructions for sampling a row that has moved and drawing it with the `ansi` renderer."""

PROGRAM = """
import gc, os, sys
from collections import deque
from progresskit import ProgressTracker

gc.disable()

class Still:
    def attach(self, tracker): pass
    def wake(self): pass
    def flush_soon(self): pass
    def detach(self, tracker): pass

class Empty:
    __slots__ = ()
    def call(self, n=1): pass

what, how, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
tracker = ProgressTracker("none", ticker=Still())

def source():
    if what == "generator":
        return (item for item in list(range(size)))
    return range(size) if what == "range" else list(range(size))

def iterate(items):
    if how.startswith("for"):
        for item in items:
            pass
    else:
        deque(items, maxlen=0)

def update():
    task, empty = tracker.add_task("updates"), Empty()
    call, tick = empty.call, task.tick
    if how == "bare":
        for _ in range(size): pass
    elif how == "call":
        for _ in range(size): call()
    elif how == "call with one":
        for _ in range(size): empty.call(3)
    elif how == "tick":
        for _ in range(size): tick()
    else:
        for _ in range(size): task.advance(3)

def draw():
    from progresskit.testing import ManualClock, ManualTicker
    from progresskit._display.terminal import StreamTerminal
    clock, ticker = ManualClock(), ManualTicker()
    stream = open(os.devnull, "w")
    class Screen(StreamTerminal):
        def size(self): return 120, 60
        @property
        def foreground(self): return True
    terminal = Screen(stream)
    terminal.is_tty = terminal.colors = terminal.unicode = True
    tracker = ProgressTracker("ansi", terminal=terminal, clock=clock, ticker=ticker)
    tasks = [tracker.add_task(f"task number {number}", 1_000_000) for number in range(int(how))]
    for _ in range(size):
        clock.advance(0.1)
        for task in tasks:
            task.advance(7)
        ticker.tick()

ballast = list(range(1_000, 1_000 + int(sys.argv[4])))
if what == "updates":
    update()
elif what == "frames":
    draw()
else:
    items = source()
    iterate(tracker.track(items) if how.endswith("tracked") else items)
os._exit(0)
"""


@cache
def instructions(what: str, how: str, size: int, ballast: int = 0) -> int:
    """Return the instructions of a whole run, which allocates `ballast` additional numbers."""
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    command += [sys.executable, "-S", "-c", PROGRAM, what, how, str(size), str(ballast)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env={"PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT)}
    )
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    if found is None or done.returncode:
        raise SystemExit(f"cachegrind said nothing of instructions:\n{done.stderr[-1000:]}")
    return int(found[1].replace(",", ""))


def slope(what: str, how: str) -> float:
    """Return the instructions of one item, update or frame.

    A range allocates each number. At the edge of an allocator's page, each number may allocate and free a page, which
    costs more than the measured work. So the least of several runs is taken, each a few numbers further from that edge.
    """
    small, large = SIZES.get(what, USUAL)
    return min(
        (instructions(what, how, large, ballast) - instructions(what, how, small, ballast)) / (large - small)
        for ballast in ((0, 33) if what == "range" else (0,))
    )


def lines() -> list[tuple[str, float, float, str]]:
    """Return the name of each figure, the figure, its bar and its unit."""
    wanted = [(what, f"{way} {how}") for what, way in ITERATION for how in ("bare", "tracked")]
    wanted += [("updates", how) for how in ("bare", "call", "call with one", *UPDATES)]
    wanted += [("frames", "0"), ("frames", str(ROWS))]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = dict(zip(wanted, pool.map(lambda pair: slope(*pair), wanted), strict=True))
    table = [
        (
            f"{what}, {way}",
            found[what, f"{way} tracked"] - found[what, f"{way} bare"],
            most,
            "instructions an item over bare",
        )
        for (what, way), most in ITERATION.items()
    ]
    bare = found["updates", "bare"]
    for how, (call, most) in UPDATES.items():
        share = (found["updates", how] - bare) / (found["updates", call] - bare)
        table.append((how, share, most, f"x the {found['updates', call] - bare:.0f} of an empty method call"))
    row = (found["frames", str(ROWS)] - found["frames", "0"]) / ROWS
    return [*table, (f"a row of {ROWS} that all move", row, ROW, "instructions a row and frame")]


def main() -> int:
    """Print the table; 0 when every line passes."""
    if shutil.which("valgrind") is None:
        print("valgrind is not installed: no instructions are counted here")
        return 0
    as_installed()
    failed = 0
    gate = sys.version_info[:2] == (3, 11)
    for what, figure, most, unit in lines():
        verdict = ("PASS" if figure <= most else "FAIL") if gate else "    "
        failed += verdict == "FAIL"
        print(f"{verdict}  {what:<25} {figure:10,.1f} {unit} (at most {most:,g} on 3.11)")
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
