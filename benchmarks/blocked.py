"""Measure what a stream that accepts nothing costs a job, compared with the same job without progress.

A fixed piece of work of some seconds runs on a pseudo-terminal that is read, on one that is stopped with Ctrl-S, on a
full pipe, blocking or not (EAGAIN), and without a display. These take turns, and are compared within a round. Two
shares are printed. The first is the wait of the work: wall time that is not processor time of its own portions, and so
the time of printing, of the drawing thread while it has the GIL, and of any wait for the stream. It must be within 1 %
of the work; the speed of the machine cancels out. The second is the wall time, with its interval. It is not judged,
because on a virtual machine of varying speed the control alone varies by several per cent. The end must take a
twentieth of a second, plus as much for the machine.

    python benchmarks/blocked.py [--seconds 2] [--rounds 10]
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
from typing import NamedTuple

from measuring import interval, is_loaded, judged

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
tracker = ProgressTracker("none" if mode in ("without", "control") else "ansi", interval=0.1)
own = 0.0
with tracker:
    task = tracker.add_task("alpha", total=count)
    time.sleep(0.3)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    for hundred in range(count // 100):
        before = time.thread_time()
        for number in range(100):
            portion()
            task.advance()
        own += time.thread_time() - before
        tracker.print("a line of some length " * 3)
    ended = time.perf_counter()
print(count, ended - began, own, time.perf_counter() - ended, flush=True)
"""


END = 0.1
"""The most seconds of the end: its wait for a stream that accepts nothing, and as many for the machine."""


class Sample(NamedTuple):
    """The number of portions, their seconds of wall time and of processor time, and the seconds of the end."""

    portions: int
    wall: float
    own: float
    end: float

    @property
    def waits(self) -> float:
        """The wait of the work, as a share of its own time."""
        return (self.wall - self.own) / self.own


def sample(mode: str, seconds: float, count: int) -> Sample:
    """Return one run of the work."""
    ours, theirs = os.pipe() if mode in ("full", "EAGAIN") else pty.openpty()
    if not os.isatty(ours):
        fill(theirs)
        os.set_blocking(theirs, mode == "full")
    command = [sys.executable, "-c", WORK, str(seconds), mode, str(count)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=theirs, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    if mode in ("read", "without", "control"):
        threading.Thread(target=drain, args=(ours,), daemon=True).start()
    assert process.stdout.readline() == "ready\n"
    if mode == "stopped":
        os.write(ours, b"\x13")  # Ctrl-S
    process.stdin.write("\n")
    process.stdin.flush()
    done, wall, own, end = process.stdout.readline().split()
    os.close(theirs)
    process.wait(60)
    os.close(ours)
    return Sample(int(done), float(wall), float(own), float(end))


def fill(descriptor: int) -> None:
    """Write to a pipe until it is full."""
    os.set_blocking(descriptor, False)
    try:
        while os.write(descriptor, b"x" * 4096):
            pass
    except BlockingIOError:
        pass


def drain(descriptor: int) -> None:
    """Read all output, as a terminal does."""
    try:
        while os.read(descriptor, 1 << 16):
            pass
    except OSError:
        pass


def main() -> int:
    parser = argparse.ArgumentParser(description="What a stream that takes nothing costs a job.")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    began, loaded = time.monotonic(), is_loaded()
    count = sample("without", options.seconds, 0).portions
    modes = ["without", "control", "read", "stopped", "full", "EAGAIN"]
    taken: dict[str, list[Sample]] = {mode: [] for mode in modes}
    for turn in range(options.rounds):
        for mode in modes if turn % 2 else modes[::-1]:
            taken[mode].append(sample(mode, options.seconds, count))
    bare = taken["without"]
    wall = statistics.median(one.wall for one in bare)
    print(
        f"{count:,d} portions, {wall:.2f} s without a display, {options.rounds} rounds; medians and their 95 % intervals"
    )
    failed = False
    for mode in modes[1:]:
        pairs = list(zip(taken[mode], bare, strict=True))
        waits = interval([100 * (one.waits - none.waits) for one, none in pairs])
        walls = interval([100 * (one.wall / none.wall - 1) for one, none in pairs])
        end = max(one.end for one in taken[mode])
        verdict = judged(waits.high < 1 and end < END, loaded=loaded or is_loaded())
        failed = failed or verdict == "FAIL"
        print(
            f"{verdict} {mode:8} waits {waits.middle:+.2f} % ({waits.low:+.2f} to {waits.high:+.2f}, bar 1 %); "
            f"on the wall {walls.middle:+.1f} % ({walls.low:+.1f} to {walls.high:+.1f}); end {end:.3f} s (bar {END} s)"
        )
    print(f"in {time.monotonic() - began:.0f} s")
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
