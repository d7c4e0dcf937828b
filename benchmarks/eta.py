"""Measure the error of ETAs over traces of work, for progresskit and the formulas of four other libraries.

The error at an instant is the difference between a formula's time left and the true one, as a share of the whole
duration, at most 1. It is 1 if a formula gives no time left. A trace's error is its mean from 2 to 98 % of the run,
over several seeds, durations and sampling intervals. The constants of progresskit were chosen on the seeds 0 to 19; the
printed errors are of the seeds from 100 on.

The formula is measured, not the display, which shows a time left from the second gap on, and none in a long stop.

The other formulas were written from the libraries' documentation and sources, in the stated versions. Run it with
`python benchmarks/eta.py`; it prints a table in Markdown, the mean and, in brackets, the 95th hundredth of the errors.
"""

from __future__ import annotations

import argparse
import csv
import random
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from progresskit._model.estimates import Estimate

TOTAL = 1_000.0
Trace = list[tuple[float, float]]
"""Pairs of a time and an amount. Neither decreases, and the last amount is `TOTAL`."""


class Formula(Protocol):
    """A formula for the time left."""

    def sample(self, time: float, done: float) -> None: ...
    def eta(self, time: float, done: float) -> float | None: ...


class Ours:
    """progresskit's own."""

    def __init__(self) -> None:
        self._estimate = Estimate(0.0, 0.0)

    def sample(self, time: float, done: float) -> None:
        self._estimate.sample(time, done)

    def eta(self, time: float, done: float) -> float | None:
        return self._estimate.eta(time, done, TOTAL)


class Average:
    """The whole amount over the whole time."""

    def sample(self, time: float, done: float) -> None:
        """Do nothing: the present numbers are enough."""

    def eta(self, time: float, done: float) -> float | None:
        return (TOTAL - done) * time / done if done else None


class Tqdm:
    """tqdm 4.70: quotient of two exponential averages by update, smoothing 0.3, each freed of its bias."""

    def __init__(self) -> None:
        self._moved = self._seconds = 0.0
        self._weight = 1.0  # of the time before the first update
        self._last = (0.0, 0.0)

    def sample(self, time: float, done: float) -> None:
        seconds, moved = time - self._last[0], done - self._last[1]
        if moved <= 0:
            return
        self._last = (time, done)
        self._weight *= 0.7
        self._moved += 0.3 * (moved - self._moved)
        self._seconds += 0.3 * (seconds - self._seconds)

    def eta(self, time: float, done: float) -> float | None:
        return (TOTAL - done) * self._seconds / self._moved if self._moved else None


class Rich:
    """rich 15: the average over the updates of the last 30 seconds, a thousand at most."""

    def __init__(self) -> None:
        self._updates: deque[tuple[float, float]] = deque(maxlen=1_000)
        self._done = 0.0

    def sample(self, time: float, done: float) -> None:
        moved, self._done = done - self._done, done
        if moved > 0:
            while self._updates and self._updates[0][0] < time - 30.0:
                self._updates.popleft()
            self._updates.append((time, moved))

    def eta(self, time: float, done: float) -> float | None:
        if len(self._updates) < 2:
            return None
        seconds = self._updates[-1][0] - self._updates[0][0]
        moved = sum(moved for _, moved in self._updates) - self._updates[0][1]
        return (TOTAL - done) * seconds / moved if moved else None


class Alive:
    """alive-progress 3.3: the average rate smoothed by 0.3, and the time that follows from it smoothed by 0.5."""

    def __init__(self) -> None:
        self._rate: float | None = None
        self._eta: float | None = None

    def sample(self, time: float, done: float) -> None:
        if not done or not time:
            return
        rate = done / time
        self._rate = rate if self._rate is None else self._rate + 0.3 * (rate - self._rate)
        left = (TOTAL - done) / self._rate
        self._eta = left if self._eta is None else self._eta + 0.5 * (left - self._eta)

    def eta(self, time: float, done: float) -> float | None:
        return self._eta


class Indicatif:
    """indicatif 0.18: a rate averaged twice with weights that fall to a tenth in 15 seconds, freed of its bias.

    Checked against `Estimator` and `eta` in its src/state.rs: a call between two updates counts as an update of 0, and
    without a rate the time left is 0.
    """

    def __init__(self) -> None:
        self._once = self._twice = 0.0
        self._last = (0.0, 0.0)

    @staticmethod
    def _weight(age: float) -> float:
        return float(0.1 ** (age / 15.0))

    def sample(self, time: float, done: float) -> None:
        seconds, moved = time - self._last[0], done - self._last[1]
        if moved <= 0 or seconds <= 0:
            return
        self._last = (time, done)
        weight = self._weight(seconds)
        self._once = self._once * weight + moved / seconds * (1 - weight)
        known = 1 - self._weight(time)
        self._twice = self._twice * weight + self._once / known * (1 - weight)

    def eta(self, time: float, done: float) -> float | None:
        known = 1 - self._weight(time)
        if not known:
            return 0.0
        weight = self._weight(time - self._last[0])
        once = self._once * weight / known
        rate = (self._twice * weight + once * (1 - weight)) / known
        return (TOTAL - done) / rate if rate else 0.0


FORMULAS: dict[str, Callable[[], Formula]] = {
    "progresskit": Ours,
    "tqdm": Tqdm,
    "rich": Rich,
    "alive-progress": Alive,
    "indicatif": Indicatif,
    "average": Average,
}


def paced(duration: float, steps: int, speed: Callable[[float], float], noise: random.Random) -> Trace:
    """Return a trace of `steps` equal steps whose pace at each share of the work is `speed`, give or take a fifth."""
    costs = [noise.uniform(0.8, 1.2) / speed((step + 0.5) / steps) for step in range(steps)]
    return scaled(costs, duration)


def scaled(costs: list[float], duration: float) -> Trace:
    """Return the trace of equal steps with the given costs, stretched to `duration`."""
    scale, time, trace = duration / sum(costs), 0.0, [(0.0, 0.0)]
    for step, cost in enumerate(costs, 1):
        time += cost * scale
        trace.append((time, TOTAL * step / len(costs)))
    return trace


def steady(duration: float, noise: random.Random) -> Trace:
    """A pace that hardly changes."""
    return paced(duration, 400, lambda share: 1.0, noise)


def bursts(duration: float, noise: random.Random) -> Trace:
    """Some thirty lumps of work, without movement between them."""
    return scaled([noise.uniform(0.5, 1.5) for _ in range(30)], duration)


def slow_start(duration: float, noise: random.Random) -> Trace:
    """The first fifth of the work has a third of the pace: caches fill, connections open."""
    return paced(duration, 400, lambda share: 1.0 if share > 0.2 else 0.33, noise)


def stall(duration: float, noise: random.Random) -> Trace:
    """A halt of a fifth of the time, somewhere in the middle."""
    costs = [noise.uniform(0.8, 1.2) for _ in range(400)]
    costs[noise.randrange(120, 280)] += 100.0
    return scaled(costs, duration)


def slowing(duration: float, noise: random.Random) -> Trace:
    """A pace that falls to a third during the run: a table that grows, a disk that fills."""
    return paced(duration, 400, lambda share: 1.0 - 0.67 * share, noise)


def heavy_tails(duration: float, noise: random.Random) -> Trace:
    """Files of a Pareto distribution: most are small, some take as long as a hundred others."""
    return scaled([min(noise.paretovariate(1.3), 100.0) for _ in range(300)], duration)


TRACES: dict[str, Callable[[float, random.Random], Trace]] = {
    "steady": steady,
    "bursts": bursts,
    "slow start": slow_start,
    "stall and recovery": stall,
    "slowing down": slowing,
    "heavy tails": heavy_tails,
}
DURATIONS = (20.0, 300.0, 3600.0)
RECORDED = Path(__file__).parent / "traces"


def recorded(path: Path) -> Trace:
    """Return the trace in a file of lines `seconds,share`."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(float(seconds), float(share) * TOTAL) for seconds, share in csv.reader(file)]


def errors(trace: Trace, formulas: dict[str, Callable[[], Formula]], interval: float) -> dict[str, list[float]]:
    """Return each formula's errors over `trace`, sampled every `interval` seconds."""
    made = {name: formula() for name, formula in formulas.items()}
    found: dict[str, list[float]] = {name: [] for name in made}
    duration = trace[-1][0]
    for time, done in sample_times(trace, interval):
        for name, formula in made.items():
            formula.sample(time, done)
            if not 0.02 <= time / duration <= 0.98:
                continue
            left = formula.eta(time, done)
            found[name].append(1.0 if left is None else min(abs(left - (duration - time)) / duration, 1.0))
    return found


def sample_times(trace: Trace, interval: float) -> Iterator[tuple[float, float]]:
    """Yield the samples of a ticker: the time and the amount, every `interval` seconds."""
    at, count = 0, 0
    while (time := count * interval) < trace[-1][0]:
        while trace[at + 1][0] <= time:
            at += 1
        yield time, trace[at][1]
        count += 1


def measure(
    make: Callable[[float, random.Random], Trace], seeds: range, formulas: dict[str, Callable[[], Formula]]
) -> dict[str, list[float]]:
    """Return each formula's errors over the traces of all seeds and durations, each duration of equal weight."""
    found: dict[str, list[float]] = {name: [] for name in formulas}
    for duration in DURATIONS:
        for seed in seeds:
            trace = make(duration, random.Random(seed))
            for name, more in errors(trace, formulas, max(0.1, duration / 200)).items():
                found[name] += more
    return found


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def table(seeds: range, formulas: dict[str, Callable[[], Formula]] = FORMULAS) -> dict[str, dict[str, list[float]]]:
    """Return trace -> formula -> errors, the recorded traces last."""
    found = {name: measure(make, seeds, formulas) for name, make in TRACES.items()}
    for path in sorted(RECORDED.glob("*.csv")):
        trace = recorded(path)
        found[path.stem.replace("-", " ")] = errors(trace, formulas, max(0.1, trace[-1][0] / 200))
    return found


def ranks(found: dict[str, dict[str, list[float]]]) -> dict[str, int]:
    """Return progresskit's rank by mean error on each trace, 1 for the lowest."""
    return {
        name: 1 + sum(mean(values) < mean(line["progresskit"]) for values in line.values())
        for name, line in found.items()
    }


def main() -> int:
    """Print the table and the verdict; 0 when it passes."""
    parser = argparse.ArgumentParser(description="The error of the remaining time, as a share of the duration.")
    parser.add_argument("--seeds", type=int, default=20, help="traces of each kind and duration (20)")
    options = parser.parse_args()
    found = table(range(100, 100 + options.seeds))
    print("| trace | " + " | ".join(FORMULAS) + " |")
    print("|---" * (len(FORMULAS) + 1) + "|")
    for name, line in found.items():
        cells = [f"{mean(values):.3f} ({sorted(values)[int(len(values) * 0.95)]:.2f})" for values in line.values()]
        print(f"| {name} | " + " | ".join(cells) + " |")
    places = ranks(found)
    lowest = sum(rank == 1 for rank in places.values())
    passed = lowest == len(places)
    verdict = f"lowest mean error on {lowest} of {len(places)} traces, place {max(places.values())} at worst"
    print(f"\n{'PASS' if passed else 'FAIL'}  {verdict}")
    return int(not passed)


if __name__ == "__main__":
    raise SystemExit(main())
