"""Measure frames and memory while a job prints 1,000 and 10,000 lines a second, by itself and below `progresskit run`.

The output goes to a pseudo-terminal that is read. Fails if the second half has fewer than two frames a second, if a
line is missing, or if more lines have waited at once than are printed in two seconds.

    python benchmarks/printed_lines.py [--seconds 6]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from measuring import is_loaded, judged
from screen import output_of

LONGEST_GAP = 0.5
"""The most seconds between two frames, on average over the second half."""
JOB = """
import json, resource, sys, time
from progresskit import ProgressTracker

rate, seconds = int(sys.argv[1]), float(sys.argv[2])
with ProgressTracker() as tracker:
    task = tracker.add_task("printing", total=rate * int(seconds))
    time.sleep(0.3)
    before, waiting, printed = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0, 0
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        while printed < passed * rate:
            tracker.print("a line of some forty characters, number", printed)
            task.advance()
            printed += 1
        waiting = max(waiting, len(tracker._core.lines.items))
        time.sleep(0.002)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
with open(sys.argv[3], "w") as file: json.dump([printed, waiting, grown], file)
"""


class Run(NamedTuple):
    """The result of one run: lines printed, lines shown, the most waiting lines, kibibytes of growth, seconds between
    frames."""

    printed: int
    seen: int
    waiting: int
    grown: int
    gap: float


def run(rate: int, seconds: float, *, hub: bool) -> Run:
    """Return the result of a job that prints `rate` lines a second for `seconds` seconds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "found.json"
        command = ["-c", JOB, str(rate), str(seconds), str(path)]
        if hub:
            command = ["-m", "progresskit", "run", "--", sys.executable, *command]
        times: list[float] = []
        text = b""
        for data in output_of(command):
            times += [time.monotonic()] * (text[-8:] + data).count(b"\x1b[?2026h")
            text += data
        half = times[len(times) // 2 :]
        gap = (half[-1] - half[0]) / max(len(half) - 1, 1)
        printed, waiting, grown = json.loads(path.read_text())
        return Run(printed, text.count(b"a line of some"), waiting, grown, gap)


def main() -> None:
    """Print a table, and fail if a bound is exceeded."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=6.0)
    seconds = parser.parse_args().seconds
    print(f"CPython {sys.version.split()[0]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    failed, loaded = False, is_loaded()
    for hub in (False, True):
        for rate in (1_000, 10_000):
            found = run(rate, seconds, hub=hub)
            passes = found.gap <= LONGEST_GAP and found.seen == found.printed and found.waiting <= 2 * rate
            verdict = judged(passes, loaded=loaded or is_loaded(), counted=found.seen != found.printed)
            failed = failed or verdict == "FAIL"
            print(
                f"{verdict}  {'below run' if hub else 'by itself':<10} {rate:6,d} lines/s  "
                f"a frame every {found.gap:.2f} s  {found.seen:,d} of {found.printed:,d} lines seen  "
                f"at most {found.waiting:,d} waited  {found.grown / 1024:.1f} MiB grown"
            )
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
