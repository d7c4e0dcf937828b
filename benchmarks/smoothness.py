"""Measure how smooth bars are within the default budget: frames a second, gaps, and the share of a core, compared with
other libraries.

1, 5 and 20 rows, and a pool of four workers under its total, all moved by the work itself. A frame is one burst of
output on the pty. Its cost is the processor time of progresskit's thread, with its wake-ups. `python
benchmarks/smoothness.py [SECONDS]` prints the table. On a busy machine the gaps are the machine's; the control, a
thread that wakes up ten times a second, shows them.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from comparison import DRAWERS
from measuring import is_loaded, judged, machine
from screen import on_a_pty

STEP = 0.02
"""Seconds between two movements."""
BURST = 0.01
"""Seconds without output after which a new frame begins."""
LEAST_FRAMES, WIDEST_GAP = 9.0, 0.150
"""Frames a second, and the seconds that 95 % of the gaps are below."""
SHOWN = ("progresskit ansi", "rich", "tqdm", "alive-progress")


class Smooth(NamedTuple):
    """Frames a second, the gap in seconds that 95 % are below, the share of a core of the whole process, and of our own thread."""

    frames: float
    gap: float
    share: float
    own: float | None = None


def pool_bars(renderer: str) -> tuple[Callable[[], None], Callable[[], object]]:
    """Return a function that moves a pool of four files under their total, drawn with `renderer`: each file has 50
    steps, and another one follows."""
    from progresskit import ProgressTracker

    tracker = ProgressTracker(renderer)
    total = tracker.add_task("Files", total=1_000, unit="file")
    files: Iterator[int] = iter(range(1_000_000))

    def opened() -> object:
        return tracker.add_task(f"file number {next(files)}", total=50_000_000, unit="B", parent=total)

    tasks = [opened() for _ in range(4)]

    def advance() -> None:
        for at, task in enumerate(tasks):
            task.advance(1_000_000)  # type: ignore[attr-defined]
            if task.completed >= 50_000_000:  # type: ignore[attr-defined]
                task.finish()  # type: ignore[attr-defined]
                total.advance()
                tasks[at] = opened()

    return advance, tracker.stop


def run_for(make: Callable[[], tuple[Callable[[], None], Callable[[], object]]], seconds: float) -> Smooth:
    """Return the smoothness of bars that move for the given seconds."""

    def measure() -> dict[str, float]:
        os.environ.pop("CI", None)
        advance, _ = make()
        until = time.monotonic() + 1.5  # imports, and the first frame
        while time.monotonic() < until:
            advance()
            time.sleep(STEP)
        clocks: list[Callable[[], float]] = [time.process_time]
        for thread in threading.enumerate():
            if thread.name == "progresskit" and thread.ident is not None:
                clocks.append(partial(time.clock_gettime, time.pthread_getcpuclockid(thread.ident)))
        began, used = time.monotonic(), [clock() for clock in clocks]
        while time.monotonic() < began + seconds:
            advance()
            time.sleep(STEP)
        ended = time.monotonic()
        shares = [(clock() - before) / (ended - began) for clock, before in zip(clocks, used, strict=True)]
        return {"began": began, "ended": ended, "shares": shares}

    seen = on_a_pty(measure, 30.0 + seconds)
    began, ended = seen.result["began"], seen.result["ended"]
    writes = [at for at in seen.writes if began < at < ended]
    frames = writes[:1] + [after for before, after in pairwise(writes) if after - before > BURST]
    gaps = sorted(after - before for before, after in pairwise(frames))
    widest = gaps[int(0.95 * len(gaps))] if gaps else ended - began
    return Smooth(len(frames) / (ended - began), widest, *seen.result["shares"])


def control(seconds: float) -> Smooth:
    """Return the smoothness of a program that writes one line ten times a second: the machine's own gaps."""

    def measure() -> dict[str, float]:
        began, used = time.monotonic(), time.process_time()
        number = 0
        while time.monotonic() < began + seconds:
            os.write(1, b"x")
            number += 1
            time.sleep(max(began + number * 0.1 - time.monotonic(), 0.0))
        return {"began": began, "ended": time.monotonic(), "share": (time.process_time() - used) / seconds}

    seen = on_a_pty(measure, 30.0 + seconds)
    gaps = sorted(after - before for before, after in pairwise(seen.writes))
    return Smooth(len(seen.writes) / seconds, gaps[int(0.95 * len(gaps))], seen.result["share"])


def main() -> int:
    seconds = float(sys.argv[1]) if sys.argv[1:] else 10.0
    print(machine(), flush=True)
    own, failed = control(seconds), False
    print(
        f"| rows | library | frames a second | 95 % of the gaps below | of a core | drawing, a frame | verdict |\n|{'---|' * 7}"
    )
    print(f"| - | writes alone | {own.frames:.1f} | {own.gap * 1e3:.0f} ms | {own.share:.1%} | - | - |", flush=True)
    for rows in (1, 5, 20, 0):
        for name in SHOWN:
            if not rows and not name.startswith("progresskit"):
                continue
            try:
                if rows:
                    found = run_for(lambda name=name, rows=rows: DRAWERS[name](rows), seconds)
                else:
                    found = run_for(lambda name=name: pool_bars(name.split()[1]), seconds)
            except RuntimeError as error:
                print(f"| {rows or 'pool'} | {name} | {str(error).strip().splitlines()[-1][:60]} |", flush=True)
                continue
            verdict = "-"
            if name == "progresskit ansi":
                good = found.frames >= LEAST_FRAMES and found.gap <= WIDEST_GAP
                verdict = judged(good, loaded=own.gap > WIDEST_GAP or is_loaded())
                failed = failed or verdict == "FAIL"
            each = "-" if found.own is None else f"{found.own / found.frames * 1e3:.2f} ms"
            figures = f"{found.frames:.1f} | {found.gap * 1e3:.0f} ms | {found.share:.1%} | {each}"
            print(f"| {rows or 'pool'} | {name} | {figures} | {verdict} |", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
