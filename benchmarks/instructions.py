"""What an item of a loop costs in instructions over the bare loop: a figure that noise cannot touch, and so the gate in CI.

Counted by valgrind's cachegrind, which is skipped with a word where it is not installed. Each figure is the slope between two
sizes, so that the interpreter's start and the loop's own begin and end are not in it; the ticker stands still, since it runs
beside the loop and not within it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

SMALL, LARGE = 100_000, 400_000
BARS = {"range": 50.0, "list": 50.0, "generator": 100.0}
"""Instructions an item at most, on CPython 3.11."""

PROGRAM = """
import os, sys
from progresskit import ProgressTracker

class Still:
    def attach(self, tracker): pass
    def nudge(self): pass
    def detach(self, tracker): pass

what, tracked, size = sys.argv[1], sys.argv[2] == "tracked", int(sys.argv[3])
tracker = ProgressTracker("none", ticker=Still())
items = range(size) if what == "range" else list(range(size))
if what == "generator":
    items = (item for item in items)

def run(items):
    for item in items:
        pass

ballast = list(range(1_000, 1_000 + int(sys.argv[4])))
run(tracker.track(items) if tracked else items)
os._exit(0)
"""


def instructions(what: str, how: str, size: int, ballast: int) -> int:
    """Return the instructions of a whole run, which keeps `ballast` numbers beside those that it counts."""
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    command += [sys.executable, "-c", PROGRAM, what, how, str(size), str(ballast)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env={"PYTHONHASHSEED": "0"})
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    if found is None:
        raise SystemExit(f"cachegrind said nothing of instructions:\n{done.stderr[-1000:]}")
    return int(found[1].replace(",", ""))


def slope(what: str, how: str) -> float:
    """Return the instructions of one item.

    A range makes each number anew. On the edge of a page of the allocator's it takes and returns a whole one each time, which costs
    more than all that is counted here; so the least of several runs is taken, each a few numbers further from that edge.
    """
    return min(
        (instructions(what, how, LARGE, ballast) - instructions(what, how, SMALL, ballast)) / (LARGE - SMALL)
        for ballast in ((0, 20, 47) if what == "range" else (0,))
    )


def main() -> int:
    """Print the table; 0 when every line passes."""
    if shutil.which("valgrind") is None:
        print("valgrind is not installed: no instructions are counted here")
        return 0
    failed = 0
    gate = sys.version_info[:2] == (3, 11)
    for what, most in BARS.items():
        bare = slope(what, "bare")
        more = slope(what, "tracked") - bare
        verdict = ("PASS" if more <= most else "FAIL") if gate else "    "
        failed += verdict == "FAIL"
        print(f"{verdict}  {what:<10} {more:6.1f} instructions an item over {bare:.0f} (at most {most:g} on 3.11)")
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
