"""What a stream that takes nothing costs a job: seconds on the wall, beside the same job without progress.

A fixed piece of work of about ten seconds, on a pseudo-terminal that is read, on one that is stopped with Ctrl-S for the whole
time, on a pipe that is full to the end, blocking or not (EAGAIN), and without a display; in turn, and compared within a
round. Its own time shall be the same within 1 %, and the end shall take a twentieth of a second, and as much for the machine.

    python benchmarks/blocked.py [--seconds 10] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import pty
import statistics
import subprocess
import sys
import threading
import time

WORK = """
import sys, time
from progresskit import ProgressTracker
seconds, mode = float(sys.argv[1]), sys.argv[2]
def portion():
    for number in range(2000): number * number
portion()
began = time.perf_counter()
for _ in range(200): portion()
count = int(sys.argv[3]) or int(seconds / (time.perf_counter() - began) * 200)
tracker = ProgressTracker("none" if mode == "without" else "ansi", interval=0.1)
with tracker:
    task = tracker.add_task("alpha", total=count)
    time.sleep(0.3)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    for number in range(count):
        portion()
        task.advance()
        if number % 100 == 0: tracker.print("a line of some length " * 3)
    ended = time.perf_counter()
print(count, ended - began, time.perf_counter() - ended, flush=True)
"""


END = 0.1
"""Seconds that the end may take: those that it waits for a stream that takes nothing, and as many for the machine."""


def sample(mode: str, seconds: float, count: int) -> tuple[int, float, float]:
    """Return how many portions were done, the seconds that they took, and those of the end."""
    ours, theirs = os.pipe() if mode in ("full", "EAGAIN") else pty.openpty()
    if not os.isatty(ours):
        fill(theirs)
        os.set_blocking(theirs, mode == "full")
    command = [sys.executable, "-c", WORK, str(seconds), mode, str(count)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=theirs, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    if mode in ("read", "without"):
        threading.Thread(target=drain, args=(ours,), daemon=True).start()
    assert process.stdout.readline() == "ready\n"
    if mode == "stopped":
        os.write(ours, b"\x13")  # Ctrl-S
    process.stdin.write("\n")
    process.stdin.flush()
    done, work, end = process.stdout.readline().split()
    os.close(theirs)
    process.wait(60)
    os.close(ours)
    return int(done), float(work), float(end)


def fill(descriptor: int) -> None:
    """Write to a pipe for as long as it takes something."""
    os.set_blocking(descriptor, False)
    try:
        while os.write(descriptor, b"x" * 4096):
            pass
    except BlockingIOError:
        pass


def drain(descriptor: int) -> None:
    """Read as a terminal does."""
    try:
        while os.read(descriptor, 1 << 16):
            pass
    except OSError:
        pass


def main() -> int:
    parser = argparse.ArgumentParser(description="What a stream that takes nothing costs a job.")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    count, _, _ = sample("without", min(options.seconds, 1.0), 0)
    count = int(count * options.seconds / min(options.seconds, 1.0))
    modes = ["without", "read", "stopped", "full", "EAGAIN"]
    taken: dict[str, list[tuple[float, float]]] = {mode: [] for mode in modes}
    began = time.monotonic()
    for turn in range(options.rounds):
        for mode in modes if turn % 2 else modes[::-1]:
            _, work, end = sample(mode, options.seconds, count)
            taken[mode].append((work, end))
    bare = [work for work, _ in taken["without"]]
    print(f"{count:,d} portions, {statistics.median(bare):.2f} s without a display, {options.rounds} rounds")
    failed = False
    for mode in modes[1:]:
        share = statistics.median((work - b) / b for (work, _), b in zip(taken[mode], bare, strict=True))
        end = max(end for _, end in taken[mode])
        verdict = "PASS" if share < 0.01 and end < END else "FAIL"
        failed = failed or verdict == "FAIL"
        print(f"{verdict} {mode}: the work takes {100 * share:+.2f} % (bar 1 %), the end {end:.3f} s (bar {END} s)")
    print(f"in {time.monotonic() - began:.0f} s")
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
