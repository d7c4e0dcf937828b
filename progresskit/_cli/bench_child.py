"""Measure one figure of one library, in a process of its own on a terminal, which `progresskit bench` starts.

`python -m progresskit._cli.bench_child WHAT LIBRARY DESCRIPTOR` writes the figure as JSON to that descriptor. Knows the calls of each
library. Does not know how figures are compared.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ITEMS, UPDATES, ROUNDS = 100_000, 20_000, 15
DRAW_SECONDS, LINES = 2.0, 300


def iterate(library: str) -> Callable[[Iterable[Any]], Iterable[Any]]:
    """Return the function with which `library` wraps a loop's iterable."""
    if library == "tqdm":
        from tqdm import tqdm

        return lambda items: tqdm(items, "items")
    if library == "rich":
        from rich.progress import track as rich_track

        return lambda items: rich_track(items, "items")
    if library == "alive-progress":
        from alive_progress import alive_it

        return lambda items: alive_it(items)  # type: ignore[arg-type,no-any-return,unused-ignore]
    from .. import track

    return lambda items: track(items, "items")


def manual(library: str, total: int) -> tuple[Callable[[], object], Callable[[str], object], Callable[[], object]]:
    """Return three functions of a new bar: advance it by one, print a line above it, and end it."""
    if library == "tqdm":
        from tqdm import tqdm

        bar = tqdm(total=total)
        return bar.update, tqdm.write, bar.close
    if library == "rich":
        from rich.progress import Progress

        progress = Progress()
        progress.start()
        task = progress.add_task("items", total=total)
        return lambda: progress.advance(task), progress.console.print, progress.stop
    if library == "alive-progress":
        from alive_progress import alive_bar

        manager = alive_bar(total)
        return manager.__enter__(), print, lambda: manager.__exit__(None, None, None)
    from .. import ProgressTracker

    tracker = ProgressTracker()
    ours = tracker.add_task("items", total)
    return ours.advance, print, tracker.stop


class Empty:
    """The control of an update: an object with an empty method."""

    __slots__ = ()

    def call(self) -> None:
        """Do nothing."""


def item(library: str) -> dict[str, list[float]]:
    """Return the processor seconds of an item, round by round: in a bare loop, with an empty call, and with `library`."""
    wrap = iterate(library)
    empty = Empty()

    def bare() -> None:
        for _ in range(ITEMS):
            pass

    def calls() -> None:
        call = empty.call
        for _ in range(ITEMS):
            call()

    def tracked() -> None:
        for _ in wrap(range(ITEMS)):
            pass

    return _rounds({"bare": bare, "call": calls, "library": tracked}, ITEMS)


def update(library: str) -> dict[str, list[float]]:
    """Return the processor seconds of an update, round by round: in a bare loop, with an empty call, and with `library`."""
    advance, _, end = manual(library, UPDATES * (ROUNDS + 1))
    call = Empty().call

    def bare() -> None:
        for _ in range(UPDATES):
            pass

    def calls() -> None:
        for _ in range(UPDATES):
            call()

    def tracked() -> None:
        for _ in range(UPDATES):
            advance()

    found = _rounds({"bare": bare, "call": calls, "library": tracked}, UPDATES)
    end()
    return found


def _rounds(variants: dict[str, Callable[[], None]], count: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in variants}
    for run in variants.values():
        run()  # imports, caches, specialised bytecode
    for turn in range(ROUNDS):
        for name in list(variants) if turn % 2 else list(variants)[::-1]:
            began = time.process_time()
            variants[name]()
            found[name].append((time.process_time() - began) / count)
    return found


def draw(library: str) -> float:
    """Return the share of a core that a bar costs if it moves ten times a second, beyond a loop that only sleeps."""
    resting = _share(lambda: None, DRAW_SECONDS / 4)
    advance, _, end = manual(library, 1_000_000)
    _share(advance, DRAW_SECONDS / 4)  # the first frame pays for imports
    share = _share(advance, DRAW_SECONDS)
    end()
    return max(share - resting, 0.0)


def _share(step: Callable[[], object], seconds: float) -> float:
    began, used = time.monotonic(), time.process_time()
    while time.monotonic() - began < seconds:
        step()
        time.sleep(0.1)
    return (time.process_time() - used) / (time.monotonic() - began)


def lines(library: str) -> dict[str, list[float]]:
    """Return the processor seconds of a printed line, without a bar and above a bar of `library`."""
    bare = _print_seconds(print)
    advance, write, end = manual(library, 1_000_000)
    advance()
    time.sleep(0.2)
    above = _print_seconds(write)
    end()
    return {"bare": [bare], "library": [above]}


def _print_seconds(write: Callable[[str], object]) -> float:
    began = time.process_time()
    for number in range(LINES):
        write(f"line {number}")
    return (time.process_time() - began) / LINES


FIGURES: dict[str, Callable[[str], Any]] = {"item": item, "update": update, "draw": draw, "lines": lines}


if __name__ == "__main__":
    what, name, descriptor = sys.argv[1:]
    with open(int(descriptor), "w", encoding="utf-8") as answer:
        json.dump(FIGURES[what](name), answer)
    sys.stdout.flush()
    os._exit(0)  # do not wait for a library's threads
