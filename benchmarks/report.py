"""The report: runs all benchmarks, prints the verdict, and writes docs/benchmarks.md and its plots.

Nothing is written without `--write`. All figures of the documentation come from this report, with their machine,
versions, noise and duration.
"""

from __future__ import annotations

import argparse
import datetime
import random
import sys
import time
from pathlib import Path
from typing import Any

import comparison
import eta
import ordinary
import overhead
from measuring import Interval, Line, as_installed, exact, exit_status, is_loaded, machine, text_of

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
IMAGES = ROOT / "docs" / "images"
BARS = (1, 5, 50, 200, 1_000)


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def shown(value: Interval, digits: int = 1) -> str:
    """Return a median and half the width of its interval."""
    return f"{value.middle:.{digits}f} ± {(value.high - value.low) / 2:.{digits}f}"


def say(what: str) -> None:
    """Name the present measurement on standard error."""
    print(f"{datetime.datetime.now():%H:%M:%S} {what}", file=sys.stderr)


def load_lines(pairs: int) -> list[Line]:
    """Return the lines of the Snowflake load, if the loader is installed: the cost of its bars."""
    try:
        import load

        return load.lines(pairs)
    except (ImportError, SystemExit) as error:
        say(f"the Snowflake load is left out: {error}")
        return []


def work_lines(rounds: int) -> list[Line]:
    """Return the lines of real work: the cost of a loop, and of drawing."""
    found, drawn = comparison.own_work(rounds)
    lines = [
        Line(f"overhead, {name}", value, 1.0 if each >= 0.95 else None, "% of the work", f"{each:,.3g} us an item")
        for name, (each, value) in found.items()
    ]
    return [*lines, Line("drawing beside the work, one bar", drawn, 1.0, "% of a core")]


def drawing_lines(drawn: dict[str, dict[int, comparison.Drawn | str]]) -> list[Line]:
    """Return the lines of a thousand bars: the cost of progresskit's drawing thread."""
    lines = []
    for name in (name for name in drawn if name.startswith("progresskit")):
        most = drawn[name][1_000]
        what = f"1,000 live bars, {name.split()[1]}"
        if isinstance(most, comparison.Drawn) and most.ticker:
            gap = f"longest gap between frames {most.gap:.2f} s"
            lines.append(Line(what, most.ticker, 1.0, "% of a core", gap))
        else:
            lines.append(Line(what, exact(float("inf")), 1.0, "% of a core", str(most)))
    return lines


def import_lines(imports: dict[str, Interval]) -> list[Line]:
    """Return the time of progresskit's import, compared with the fastest import of another library."""
    ours = ("progresskit", "from progresskit import track")
    lines = [Line(f"import: {name}", imports[name], None, "ms of processor time over bare Python") for name in ours]
    peers = {name: value for name, value in imports.items() if name not in ours}
    if not peers:
        return lines
    quickest = min(peers, key=lambda name: peers[name].middle)
    least = peers[quickest]
    for name in ours:
        low, middle, high = imports[name]
        ratio = Interval(low / least.high, middle / least.middle, high / least.low if least.low > 0 else float("inf"))
        lines.append(Line(f"import: {name}", ratio, 1.0, f"x that of the quickest peer, {quickest}"))
    return lines


def programs_table(found: dict[str, dict[str, Interval]]) -> str:
    """Return what ordinary programs cost with each library, as a table."""
    names = list(dict.fromkeys(name for costs in found.values() for name in costs))
    rows = [
        [what, *(shown(costs[name], 2) if name in costs else "-" for name in names)] for what, costs in found.items()
    ]
    return table(["program, unit", *names], rows)


def slow_line() -> Line:
    """Return the share of a core of a renderer that computes for 300 ms in each frame, over at least a minute."""
    found = comparison.slow_renderer(0.3, frames=5)
    return Line("a renderer of 300 ms a frame", found[0], 1.0, "% of a core", f"a frame every {found[1]:.0f} s")


def interpreters(processes: int, rounds: int) -> str:
    """Return the hot paths on the other interpreters, as a table."""
    rows: list[list[str]] = []
    for version, python in overhead.interpreters().items():
        say(f"hot paths on {version}")
        for line in overhead.of_processes(processes, rounds, python):
            bar = "-" if line.bar is None else f"{line.bar:g}"
            rows.append([version, line.verdict, line.what, shown(line.figure, 2), bar, line.unit])
    if not rows:
        return "No other interpreter was found."
    return table(["CPython", "verdict", "what", "figure", "bar", "unit"], rows)


def eta_lines(seeds: int) -> tuple[dict[str, dict[str, float]], list[Line]]:
    """Return the mean errors, trace by trace, and the two lines of the verdict."""
    found = eta.table(range(100, 100 + seeds))
    places = {name: place for name, place in eta.ranks(found).items() if name in eta.TRACES}
    means = {name: {formula: eta.mean(errors) for formula, errors in line.items()} for name, line in found.items()}
    lost = ", ".join(name for name, place in places.items() if place > 1) or "none"
    return means, [
        Line(
            "ETA: traces of six without the lowest mean error",
            exact(sum(place > 1 for place in places.values())),
            1.0,
            "traces",
            lost,
        ),
        Line("ETA: worst place", exact(max(places.values())), 2.0, "place"),
    ]


def plots(
    iteration: dict[str, dict[str, Interval]], drawn: dict[str, dict[int, Any]], means: dict[str, dict[str, float]]
) -> None:
    """Write the three pictures."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "progresskit"
    from matplotlib import pyplot

    def legend(axes: Any) -> None:  # above, because within the plot it would cover tall bars
        axes.legend(fontsize=7, ncols=5, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)

    def grouped(data: dict[str, dict[str, float]], label: str, name: str, log: bool) -> None:
        figure, axes = pyplot.subplots(figsize=(8, 4))
        members = list(next(iter(data.values())))
        width = 0.8 / len(members)
        for number, member in enumerate(members):
            values = [max(line[member], 0.1) if log else line[member] for line in data.values()]
            axes.bar([at + number * width for at in range(len(data))], values, width, label=member)
        axes.set_xticks([at + 0.4 - width / 2 for at in range(len(data))], list(data), rotation=12, fontsize=8)
        axes.set_ylabel(label)
        axes.set_yscale("log" if log else "linear")
        legend(axes)
        save(figure, name)

    def save(figure: Any, name: str) -> None:
        figure.tight_layout()
        path = IMAGES / f"bench-{name}.svg"
        figure.savefig(path, metadata={"Date": None})
        path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")
        pyplot.close(figure)

    middles = {source: {peer: value.middle for peer, value in line.items()} for source, line in iteration.items()}
    grouped(middles, "ns an item over bare", "iteration", True)
    grouped(means, "mean error, share of the duration", "eta", False)
    figure, axes = pyplot.subplots(figsize=(8, 4))
    for number, (name, line) in enumerate(drawn.items()):
        points = [(count, max(value.whole.middle, 0.05)) for count, value in line.items() if not isinstance(value, str)]
        ours = name.startswith("progresskit")
        axes.plot(
            *zip(*points, strict=True), "o-" if ours else "s--", label=name, color=f"C{number}"
        ) if points else None
    axes.axhline(1.0, color="black", linewidth=0.8, linestyle=":")
    axes.set(xscale="log", yscale="log", xlabel="live bars", ylabel="% of a core")
    legend(axes)
    save(figure, "drawing")


def main() -> int:
    """Measure, print and write; 0 unless a line of the verdict fails on a quiet machine."""
    parser = argparse.ArgumentParser(description="All benchmarks, with the peers side by side.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and no load")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md and its plots")
    options = parser.parse_args()
    quick = options.quick
    began = time.monotonic()
    as_installed()
    here, loaded = machine(), is_loaded()
    peers = comparison.installed()
    random.seed(0)

    say("hot paths and memory of ours")
    lines = overhead.core(3 if quick else overhead.PROCESSES, 5 if quick else 11, 10_000_000)
    say("work")
    lines += work_lines(41 if quick else 151)
    say("iteration beside the peers")
    iteration = comparison.iteration(peers, 7 if quick else 15, 20_000 if quick else 50_000)
    say("work beside the peers")
    work = comparison.work(peers, 7 if quick else 15)
    say("manual updates beside the peers")
    manual = {peer.name: comparison.updates(peer, 40_000, 8) for peer in peers if peer.manual is not None}
    say("imports")
    imports = comparison.imports(peers, 9 if quick else 15)
    lines += import_lines(imports)
    say("memory of the peers")
    memory = dict(comparison.memory_of_peers(1_000))
    drawn: dict[str, dict[int, comparison.Drawn | str]] = {}
    for name in comparison.DRAWERS:
        for count in (1, 1_000) if quick else BARS:
            if count > 1 and isinstance(drawn.get(name, {}).get(1), comparison.Drawn) and name == "alive-progress":
                continue  # one bar at a time
            say(f"drawing: {name}, {count} bars")
            judged = count == 1_000 and name.startswith("progresskit")
            windows, seconds = (9, 4.0) if judged and not quick else (3, 1.0)
            drawn.setdefault(name, {})[count] = comparison.drawing(name, count, windows, seconds)
    lines += drawing_lines(drawn)
    if not quick:
        say("a renderer of 300 ms a frame")
        lines.append(slow_line())
    programs = ordinary.measure(3 if quick else 9, say)
    lines += [line for line in ordinary.lines_of(programs) if line.note == ordinary.OURS]
    say("time left")
    means, more = eta_lines(20 if quick else 40)
    lines += more
    if not quick:
        say("Snowflake loads")
        lines += load_lines(20)
    others = interpreters(3 if quick else 5, 5)

    verdict = text_of(lines)
    names = [peer.name for peer in peers]
    versions = ", ".join(f"{peer.name} {peer.version}" for peer in peers)
    cells = [
        [
            name,
            *(
                f"{shown(value.whole, 2)} / {value.gap:.1f}" if isinstance(value, comparison.Drawn) else "-"
                for value in (line.get(count) for count in BARS)
            ),
        ]
        for name, line in drawn.items()
    ]
    refusals = [
        f"- {name} at {count:,}: `{value}`"
        for name, line in drawn.items()
        for count, value in line.items()
        if isinstance(value, str)
    ]
    hurried = " (`--quick`: few rounds and no load, so more noise: provisional)" if quick else ""
    minutes = (time.monotonic() - began) / 60
    page = f"""# Benchmarks

Made by `make bench` on {datetime.date.today()}{hurried}, in {minutes:.0f} minutes; run it to have your own.

- {here}
- {versions}

All variants run in turn, round by round; a figure is the median of the differences from the bare control of the same round,
and the interval beside it comes from their ranks. A bar inside the interval is neither passed nor failed. Lines of one figure
are counted. Hot paths are timed in processor time, in several processes, since how one lies in memory moves a figure by a
nanosecond or two: their interval is that of the processes' medians. An overhead is that of the thread that works; what is
drawn beside it is a line of its own, since it depends on the time that passes and not on the work. Instructions are counted by
`python benchmarks/instructions.py`, which is the gate in CI.

## Verdict

{verdict}

## Iteration: nanoseconds of processor time an item over the bare loop

{table(["source", *names], [[source, *(shown(line[name]) for name in names)] for source, line in iteration.items()])}

![nanoseconds an item](images/bench-iteration.svg)

## The hot paths on other interpreters

{others}

The bars of ranges and lists are for 3.11: from 3.12 on the bare loop over these is specialised, and what is put between cannot be.

## Work: processor time that progress adds, in hundredths

Whole loops of some ten milliseconds by whole processes, so that what a loop costs once and what other threads draw is in it.

{table(["work", *names], [[what, *(shown(line[name], 2) for name in names)] for what, line in work.items()])}

## Ordinary programs: processor time beyond the same program without progress

The default tracker on a terminal that is read, nothing set up and nothing warmed up. The first two include what is imported.

{programs_table(programs)}

## Manual updates

{table(["library", "ns an update", "% lost over 8 threads"], [[n, f"{v[0]:.0f}", f"{v[1] * 100:.1f}"] for n, v in manual.items()])}

The switch interval is a microsecond while eight threads write, which is the worst case.

## Live bars, each moved ten times a second: % of a core / longest gap between writes in seconds

{table(["renderer", *(f"{count:,}" for count in BARS)], cells)}

Of the whole process, less a control: ours moves the same bars and draws none; the peers' does nothing, since some of them draw
where they are moved. The verdict above is about our drawing thread alone, which is what the budget is for.
The pty has 50 rows. Some show what fits, some scroll, some show one bar; a dash is what could not be had:

{chr(10).join(refusals) or "none."}

![drawing](images/bench-drawing.svg)

## Import: milliseconds of processor time over bare Python

{table(["import", "ms"], [[name, shown(value)] for name, value in imports.items()])}

## Memory: a bar that has not been drawn, its text included

{table(["library", "bytes a bar of 1,000"], [[name, f"{value:,.0f}"] for name, value in memory.items()])}

## Time left: mean error as a share of the duration

{table(["trace", *eta.FORMULAS], [[t, *(f"{e:.3f}" for e in line.values())] for t, line in means.items()])}

The formulas of the others are written anew from their published sources; `benchmarks/eta.py` says how the error is counted.

![time left](images/bench-eta.svg)
"""
    print(verdict)
    print(f"\n{minutes:.1f} minutes")
    if options.write:
        plots(iteration, drawn, means)
        PAGE.write_text(page, encoding="utf-8")
    return exit_status(lines, loaded=loaded)


if __name__ == "__main__":
    raise SystemExit(main())
