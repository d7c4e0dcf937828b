"""Measure what a captured `print` costs the job, beside a bare one.

The same prints run in pairs, with and without a bar, on a pseudo-terminal that is read, in several processes. Three kinds of job:
one that prints without a pause, so that the terminal is still reading when the next line comes, and one that works for a moment
after each line, so that the terminal waits for it. The second makes a bare print dearer, as the system then wakes the reader for
each line, which a captured print leaves to the drawing thread. Judged is the processor time of the job's thread; that of the
whole process, with its drawing thread, stands beside it. Fails if a figure is above the bound with its whole interval.

The third kind, which is not judged, prints now and then, as most programs do: each line then has a frame of its own, and the job goes
on when the line is on the terminal, for a hundredth of the time at the most.

    python benchmarks/captured_print.py [--processes 8]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from measuring import Line, exit_status, is_loaded, machine, text_of
from screen import output_of

from progresskit._cli.intervals import interval

MOST = 1.6
"""The largest ratio of a captured print to a bare one."""
PAIRS = 3
"""Pairs of runs in a process, after a first one that is not counted."""
KINDS = {"prints without a pause": (0.0, 0.0), "works between prints": (25e-6, 0.0), "prints now and then": (0.0, 0.05)}
"""Seconds of work after each print, and of sleep, by the kind of job."""
JOB = """
import json, sys, time
from progresskit import ProgressTracker

def costs(work, pause):
    prints = 20 if pause else 4000
    thread, process = time.thread_time(), time.process_time()
    for number in range(prints):
        print("a line of some forty characters, number", number)
        if work:
            until = time.perf_counter() + work
            while time.perf_counter() < until: pass
        if pause or number % 100 == 99: time.sleep(pause or 0.01)
    ended = time.thread_time(), time.process_time()
    return [(end - begin) / prints - work for begin, end in zip((thread, process), ended)]

pairs = []
for _ in range(int(sys.argv[2])):
    bare = costs(*map(float, sys.argv[3:]))
    with ProgressTracker() as tracker:
        tracker.add_task("printing", total=3)
        time.sleep(0.15)
        pairs.append((bare, costs(*map(float, sys.argv[3:]))))
    time.sleep(0.05)
with open(sys.argv[1], "w") as file: json.dump(pairs[1:], file)
"""


def measure(work: float, pause: float) -> list[float]:
    """Return the seconds that a print costs in one process, as medians of its pairs: in the job's thread, bare and captured, and in
    the whole process, bare and captured."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.json"
        for _ in output_of(["-c", JOB, str(path), str(PAIRS + 1), str(work), str(pause)]):
            pass
        pairs = json.loads(path.read_text())
    return [statistics.median(pair[side][of] for pair in pairs) for of in (0, 1) for side in (0, 1)]


def main() -> None:
    """Print the table, and fail if a ratio is above the bound."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--processes", type=int, default=8)
    processes, loaded = parser.parse_args().processes, is_loaded()
    print(machine())
    taken: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
    for _ in range(processes):
        for kind, (work, pause) in KINDS.items():
            taken[kind].append(measure(work, pause))
    lines = []
    for kind, costs in taken.items():
        bare, captured, _, _ = (1e6 * statistics.median(each) for each in zip(*costs, strict=True))
        ratios = interval([job / alone for alone, job, _, _ in costs])
        most = None if KINDS[kind][1] else MOST
        lines.append(Line(f"a job that {kind}", ratios, most, "x a bare print", f"{captured:.1f} beside {bare:.1f} us"))
        whole = interval([job / alone for _, _, alone, job in costs])
        lines.append(Line(f"a job that {kind}, with its drawing thread", whole, None, "x a bare print"))
    print(text_of(lines))
    sys.exit(exit_status(lines, loaded=loaded))


if __name__ == "__main__":
    main()
