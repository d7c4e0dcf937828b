"""What a program that was written for tqdm pays with progresskit.tqdm, beside the installed tqdm.

Each figure is a ratio: rounds of the same loop with either, in turn, in one process, in processor time of the thread; the bare
loop beside them says what the loop itself takes. Both count into a bar that is shown nowhere, as a loop does between two lines.
Bars: an item at most 1/5 of tqdm's, `update` at most 1/2. Ends with 1 where one is missed.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ["PROGRESSKIT_RENDERER"] = "none"

from tqdm import tqdm as theirs

from progresskit.tqdm import tqdm as ours

ITEMS, ROUNDS = 200_000, 25
NOWHERE = Path(os.devnull).open("w")  # noqa: SIM115  # open to the end
BARS = {"an item": 0.2, "an update": 0.5}


def items(iterable: object) -> Callable[[], None]:
    def loop() -> None:
        for _ in iterable:  # type: ignore[attr-defined]
            pass

    return loop


def updates(bar: object) -> Callable[[], None]:
    def loop() -> None:
        update = bar.update  # type: ignore[attr-defined]
        for _ in range(ITEMS):
            update()

    return loop


def seconds(loop: Callable[[], None]) -> float:
    began = time.thread_time()
    loop()
    return time.thread_time() - began


def main() -> int:
    """Measure, print a table, and return the exit status."""
    missed = 0
    bare = lambda: items(range(ITEMS))  # noqa: E731  # a row of the table below
    kinds = {
        "an item": (lambda: items(ours(range(ITEMS))), lambda: items(theirs(range(ITEMS), file=NOWHERE))),
        "an update": (lambda: updates(ours(total=ITEMS)), lambda: updates(theirs(total=ITEMS, file=NOWHERE))),
    }
    for name, (mine, peer) in kinds.items():
        ratios, loops = [], []
        for _ in range(ROUNDS):
            nothing, mine_took, peer_took = seconds(bare()), seconds(mine()), seconds(peer())
            ratios.append((mine_took - nothing) / (peer_took - nothing))
            loops.append((nothing, mine_took, peer_took))
        ratio = statistics.median(ratios)
        low, high = statistics.quantiles(ratios, n=20)[0], statistics.quantiles(ratios, n=20)[-1]
        figures = "  ".join(f"{statistics.median(column) / ITEMS * 1e9:6.1f} ns" for column in zip(*loops, strict=True))
        verdict = "ok" if ratio <= BARS[name] else "MISSED"
        missed += ratio > BARS[name]
        print(
            f"{name:10} bare, ours, tqdm: {figures}   ours : tqdm {ratio:.3f} ({low:.3f} to {high:.3f}), bar {BARS[name]}: {verdict}"
        )
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
