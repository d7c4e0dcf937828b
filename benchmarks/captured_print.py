"""Measure what a captured `print` costs compared with a bare one, in processor time of the whole process with its
drawing thread.

The same prints run in pairs in one process, on a pseudo-terminal that is read, with and without a bar. Fails if the
median of the ratios is above the bound.

    python benchmarks/captured_print.py [--rounds 9]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from measuring import is_loaded, judged
from screen import output_of

MOST = 1.6
"""The largest ratio of a captured print to a bare one."""
JOB = """
import json, sys, time
from progresskit import ProgressTracker

def print_lines():
    began = time.process_time()
    for number in range(4000):
        print("a line of some forty characters, number", number)
        if number % 100 == 99: time.sleep(0.01)
    return (time.process_time() - began) / 4000

pairs = []
for _ in range(int(sys.argv[2])):
    bare = print_lines()
    with ProgressTracker() as tracker:
        tracker.add_task("printing", total=3)
        time.sleep(0.15)
        pairs.append((bare, print_lines()))
    time.sleep(0.05)
with open(sys.argv[1], "w") as file: json.dump(pairs[1:], file)
"""


def measure(rounds: int) -> list[tuple[float, float]]:
    """Return pairs of the seconds that a bare print and a captured one cost."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.json"
        for _ in output_of(["-c", JOB, str(path), str(rounds + 1)]):
            pass
        return [(bare, captured) for bare, captured in json.loads(path.read_text())]


def main() -> None:
    """Print the medians and their ratio, and fail if it is above the bound."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    rounds, loaded = parser.parse_args().rounds, is_loaded()
    pairs = measure(rounds)
    bare, captured = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(captured / bare for bare, captured in pairs)
    print(f"CPython {sys.version.split()[0]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    verdict = judged(ratio <= MOST, loaded=loaded or is_loaded())
    print(
        f"{verdict}  bare {1e6 * bare:.1f} us, captured {1e6 * captured:.1f} us: {ratio:.2f} times as much (bound {MOST})"
    )
    if verdict == "FAIL":
        sys.exit(1)


if __name__ == "__main__":
    main()
