"""Measure and judge figures: interleaved rounds, paired differences, a confidence interval, a verdict.

Knows statistics and the machine. Does not know what is measured.

Noise only adds to a time, and comes in waves. So all variants take turns, round by round, and a variant is compared
with the control of its own round, so that a wave cancels. The figure is the median of these differences. Its interval
follows from their order alone (the binomial ranks around the median), which assumes nothing about their distribution. A
bar within the interval is neither passed nor failed.
"""

from __future__ import annotations

import compileall
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from progresskit._cli.intervals import Interval, interval


def interleaved(
    variants: Mapping[str, Callable[[], Any]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Return the seconds of each of `variants` in each round. Every other round runs them in the opposite order."""
    found: dict[str, list[float]] = {name: [] for name in variants}
    for name in variants:
        variants[name]()  # imports, caches, specialised bytecode
    for turn in range(rounds):
        for name in list(variants) if turn % 2 else list(variants)[::-1]:
            began = clock()
            variants[name]()
            found[name].append(clock() - began)
    return found


def over(times: Mapping[str, Sequence[float]], variant: str, control: str) -> Interval:
    """Return by how much `variant` took longer than `control`, round by round, in seconds."""
    return interval([more - bare for more, bare in zip(times[variant], times[control], strict=True)])


def ratio(times: Mapping[str, Sequence[float]], variant: str, unit: str, control: str) -> Interval:
    """Return the cost of `variant` beyond `control`, in multiples of that of `unit`."""
    rounds = zip(times[variant], times[unit], times[control], strict=True)
    return interval([(more - bare) / (one - bare) for more, one, bare in rounds if one > bare])


NOISY = "too noisy to say"
TOO_NOISY = "Too noisy: the machine is busy with something else, so that a time that fails proves nothing."


class Line(NamedTuple):
    """One line of the verdict: a figure, its interval, the bar or None, the unit."""

    what: str
    figure: Interval
    bar: float | None
    unit: str
    note: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether the figure is counted, and so has no noise."""
        return self.figure.low == self.figure.high < float("inf")

    @property
    def verdict(self) -> str:
        """`PASS`, `FAIL`, or that the noise is too great for a verdict."""
        if self.bar is None:
            return "-"
        if self.figure.high <= self.bar:
            return "PASS"
        return "FAIL" if self.figure.low > self.bar else NOISY


def as_installed() -> None:
    """Compile progresskit's packages, as an installer does. If no bytecode may be written, each program would compile
    them again, which is not a cost of the library."""
    for package in ("progresskit", "adapters"):
        compileall.compile_dir(Path(__file__).parents[1] / package, quiet=1)


def exact(value: float) -> Interval:
    """Return the interval of a counted figure, which has no noise."""
    return Interval(value, value, value)


def text_of(lines: Sequence[Line]) -> str:
    """Return the verdict as a table in Markdown."""
    rows = ["| verdict | what | figure | 95 % interval | bar | unit |", "|---|---|---|---|---|---|"]
    for line in lines:
        low, middle, high = line.figure
        note = f" ({line.note})" if line.note else ""
        bar = "-" if line.bar is None else f"{line.bar:.3g}"
        rows.append(
            f"| {line.verdict} | {line.what}{note} | {middle:.2f} | {low:.2f} to {high:.2f} | {bar} | {line.unit} |"
        )
    return "\n".join(rows)


def load_averages() -> tuple[float, ...]:
    """Return the load averages of the last 1, 5 and 15 minutes; empty on Windows, which has none."""
    return os.getloadavg() if hasattr(os, "getloadavg") else ()


def is_loaded() -> bool:
    """Whether the machine is busier than it has cores for, so that times are not reliable."""
    return any(load > (os.cpu_count() or 1) for load in load_averages()[:1])


def judged(passes: bool, *, loaded: bool, counted: bool = False) -> str:
    """Return `PASS`, `FAIL`, or that the noise is too great to say.

    Args:
        passes: Whether the figure is within its bar.
        loaded: Whether the machine was busy with something else before or while it was taken.
        counted: Whether it was counted, so that no noise is in it.
    """
    return "PASS" if passes else "FAIL" if counted or not loaded else NOISY


def exit_status(lines: Sequence[Line], *, loaded: bool) -> int:
    """Return 1 if a line fails that was counted, or any other on a machine that is not busy. Print why it is 0 otherwise.

    Args:
        lines: The lines of the verdict.
        loaded: Whether the machine was busy with something else before they were taken.
    """
    failed = [line for line in lines if line.verdict == "FAIL"]
    if any(line.is_exact for line in failed) or (failed and not (loaded or is_loaded())):
        return 1
    if failed:
        print(TOO_NOISY)
    return 0


def machine() -> str:
    """Return the machine and the interpreter of the figures, in one line, without host names and paths."""
    model = platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), model)
    except OSError:
        pass
    load = ", ".join(f"{value:.2f}" for value in load_averages()) or "unknown"
    return (
        f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} {platform.machine()}, {model}, "
        f"{os.cpu_count()} cores; load averages at the start {load}"
    )
