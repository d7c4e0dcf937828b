"""Measure what progresskit.tqdm costs a program that was written for tqdm, compared with the installed tqdm.

Each figure is a ratio: rounds of the same loop with each of the two, in turn, in one process, in processor time of the
thread; the bare loop is the control. progresskit.tqdm is measured with a bar that is a task of the display (which
is not drawn here), and with one that writes tqdm's text to its own stream, and so is the installed tqdm when
patched. A million items or updates take longer than the time between two lines, so that the figures include lines.
Bars: an item at most 1/5 of tqdm's, `update` at most 1/2. Ends with 1 if one is missed.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

os.environ["PROGRESSKIT_RENDERER"] = "none"

from tqdm import tqdm as theirs

from progresskit.tqdm import patch, unpatch
from progresskit.tqdm import tqdm as ours

COUNT, ROUNDS = 1_000_000, 7
NOWHERE = Path(os.devnull).open("w")  # noqa: SIM115  # open to the end
AN_ITEM, AN_UPDATE = 0.2, 0.5


def items(iterable: Any) -> Callable[[], None]:
    def loop() -> None:
        for _ in iterable:
            pass

    return loop


def updates(bar: Any) -> Callable[[], None]:
    def loop() -> None:
        update = bar.update
        for _ in range(COUNT):
            update()

    return loop


def seconds(loop: Callable[[], None]) -> float:
    began = time.thread_time()
    loop()
    return time.thread_time() - began


@contextmanager
def patched() -> Iterator[None]:
    patch()
    try:
        yield
    finally:
        unpatch()


PLACES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "ours, a task": (ours, nullcontext, {}),
    "ours, its own stream": (ours, nullcontext, {"file": NOWHERE}),
    "tqdm patched, a task": (theirs, patched, {}),
    "tqdm patched, its own stream": (theirs, patched, {"file": NOWHERE}),
}
"""Destination of a bar -> its class, the context of the loop, and its arguments."""
SOURCES: dict[str, Callable[[], Any]] = {
    "an item of a range": lambda: range(COUNT),
    "an item of a list": lambda: [None] * COUNT,
    "an item of a generator": lambda: (None for _ in range(COUNT)),
}


def row(
    name: str, bare: Callable[[], Any], peer: Callable[[], Any], mine: Callable[[], Any], around: Any, bar: float
) -> bool:
    """Measure one row of the table, print it, and return whether it is within its bar."""
    ratios, columns = [], []
    for _ in range(ROUNDS):
        nothing, peer_took = seconds(bare()), seconds(peer())
        with around():
            mine_took = seconds(mine())
        ratios.append((mine_took - nothing) / (peer_took - nothing))
        columns.append((nothing, mine_took, peer_took))
    ratio = statistics.median(ratios)
    figures = "  ".join(f"{statistics.median(each) / COUNT * 1e9:6.1f}" for each in zip(*columns, strict=True))
    spread = f"({min(ratios):.3f} to {max(ratios):.3f})"
    print(
        f"{name:54} ns bare, it, tqdm: {figures}   it : tqdm {ratio:.3f} {spread}, bar {bar}: {'ok' if ratio <= bar else 'MISSED'}"
    )
    return ratio <= bar


def main() -> int:
    """Measure, print a table, and return the exit status."""
    kept = []
    for place, (cls, around, options) in PLACES.items():
        for name, source in SOURCES.items():

            def plain(source: Any = source) -> Callable[[], None]:
                return items(theirs(source(), total=COUNT, file=NOWHERE))

            def shown(cls: Any = cls, source: Any = source, options: Any = options) -> Callable[[], None]:
                return items(cls(source(), total=COUNT, **options))

            kept.append(row(f"{name}, {place}", lambda source=source: items(source()), plain, shown, around, AN_ITEM))
        kept.append(
            row(
                f"an update, {place}",
                lambda: items(range(COUNT)),
                lambda: updates(theirs(total=COUNT, file=NOWHERE)),
                lambda cls=cls, options=options: updates(cls(total=COUNT, **options)),
                around,
                AN_UPDATE,
            )
        )
    return int(not all(kept))


if __name__ == "__main__":
    sys.exit(main())
