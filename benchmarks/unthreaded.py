"""What `track` and `advance` cost where no thread can be had (WebAssembly, a limit): times what they cost a plain generator
and a plain method, in processor time. Fails where a ratio is above the bound.

    python benchmarks/unthreaded.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator

MOST = 5.0
ITEMS = 1_000_000


def _refuse(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def _wrapped(source: Iterable[int]) -> Iterator[int]:
    for item in source:  # noqa: UP028  # what a user writes; `yield from` is quicker
        yield item


def _loop(source: Iterable[int]) -> None:
    for _ in source:
        pass


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


class _Plain:
    done = 0

    def advance(self, n: int = 1) -> None:
        self.done += n


def measure(rounds: int) -> dict[str, list[float]]:
    """Return the ratios of each round."""
    threading.Thread.start = _refuse  # type: ignore[method-assign]  # as where there are none
    from progresskit import ProgressTracker, track

    sys.stderr = io.StringIO()
    ratios: dict[str, list[float]] = {"range": [], "generator": [], "advance": []}
    try:
        _loop(track(range(1000)))
        tracker = ProgressTracker()
        for _ in range(rounds):
            bare = _seconds(lambda: _loop(_wrapped(range(ITEMS))))
            ratios["range"].append(_seconds(lambda: _loop(track(range(ITEMS), "range"))) / bare)
            source = _wrapped(range(ITEMS))
            ratios["generator"].append(_seconds(lambda: _loop(track(source, "generator"))) / bare)  # noqa: B023  # called at once
            plain = _Plain()
            bare = _seconds(lambda: [plain.advance() for _ in range(ITEMS)])  # noqa: B023
            with tracker.add_task("advance", total=ITEMS) as task:
                ratios["advance"].append(_seconds(lambda: [task.advance() for _ in range(ITEMS)]) / bare)
    finally:
        sys.stderr = sys.__stderr__
    return ratios


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    worst = 0.0
    for name, ratios in measure(parser.parse_args().rounds).items():
        middle = statistics.median(ratios)
        worst = max(worst, middle)
        print(f"{name:<10} {middle:5.2f} x ({min(ratios):.2f} to {max(ratios):.2f}; bound {MOST:g})")
    return int(worst > MOST)


if __name__ == "__main__":
    raise SystemExit(main())
