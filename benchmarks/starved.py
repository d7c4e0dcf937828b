"""Measure the first frame, and the longest gap between two frames, beside a job that keeps the GIL to itself.

The job computes and makes a short system call about every 20 microseconds, every 200, or every 2 milliseconds, on a
pseudo-terminal that is read. It is run in pairs, with and without the shortened switch interval (see
`progresskit/_system/lateness.py`). The kernel often runs both threads on one core, where the drawing thread runs anyway, so
only the worst of several runs on a quiet machine is meaningful.

    python benchmarks/starved.py [--seconds 10] [--rounds 3] [--renderers ansi rich] [--work 1 10 100]
"""

from __future__ import annotations

import argparse
import os
import pty
import subprocess
import sys
import time
from itertools import pairwise, product
from typing import NamedTuple

JOB = """
import os, sys, time
from progresskit import track
seconds, alone, work = float(sys.argv[1]), sys.argv[2] == "alone", int(sys.argv[3])
if alone:
    from progresskit._system.lateness import SwitchInterval
    SwitchInterval._set = lambda self, seconds: None
ends, count = time.monotonic() + seconds, 0
for _ in track(range(10**9), "job"):
    for _ in range(work): sum(range(1000))
    os.stat("/")
    count += 1
    if time.monotonic() > ends: break
print(count)
"""


class Shown(NamedTuple):
    """The result of one run: seconds to the first frame and of the longest gap, frames, and the job's own rounds."""

    first: float
    gap: float
    frames: int
    rounds: int


def sample(renderer: str, seconds: float, how: str, work: int) -> Shown:
    """Run the job once, with the given number of sums between two calls. A write to the terminal counts as a frame."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "PROGRESSKIT_RENDERER": renderer}
    command = [sys.executable, "-c", JOB, str(seconds), how, str(work)]
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True, env=environment)
    os.close(theirs)
    times = [began]
    try:
        while os.read(ours, 65536):
            times.append(time.monotonic())
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    rounds = int(process.communicate()[0])
    gaps = [after - before for before, after in pairwise(times)]
    return Shown(gaps[0] if gaps else seconds, max(gaps[1:], default=seconds), len(gaps), rounds)


def main() -> None:
    """Print a line for each renderer and variant: the worst of all rounds, and the job's speed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--renderers", nargs="*", default=["ansi", "rich"])
    parser.add_argument(
        "--work", type=int, nargs="*", default=[1, 10, 100], help="sums of about 20 us between two calls"
    )
    options = parser.parse_args()
    print(f"CPython {sys.version.split()[0]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for renderer, work in product(options.renderers, options.work):
        samples: dict[str, list[Shown]] = {"ours": [], "alone": []}
        for _ in range(options.rounds):
            for how, shown in samples.items():
                shown.append(sample(renderer, options.seconds, how, work))
        for how, shown in samples.items():
            print(
                f"{renderer:6} {work:3} {'' if how == 'ours' else 'interval left alone':20} first frame within"
                f" {max(one.first for one in shown):6.2f} s, longest gap {max(one.gap for one in shown):6.2f} s,"
                f" {min(one.frames for one in shown):4} frames, {max(one.rounds for one in shown):6} rounds of the job"
            )


if __name__ == "__main__":
    main()
