"""Measure ordinary programs beside tqdm and rich: the default tracker on a terminal that is read, nothing set up, nothing warmed up.

A short program, a loop of ten items in a function that is called often, the lines of a file, printed lines, a row that rests. Each
figure is of the whole process, with its drawing thread, less a bare program of the same round; the whole programs include their
imports. Fails where progresskit costs more than tqdm with the whole interval.

    python benchmarks/ordinary.py [--rounds 9]
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from measuring import Interval, Line, as_installed, exit_status, interval, is_loaded, machine, text_of
from screen import output_of

OURS, THEIRS, BARE = "progresskit", "tqdm", "bare"
TRACK = {
    BARE: "track = lambda items, **options: items",
    OURS: "from progresskit import track",
    THEIRS: "from tqdm import tqdm as track",
    "rich": "from rich.progress import track",
}
"""The statement that makes each library's `track`."""
LINES = {
    BARE: "for line in open(PATH, encoding='utf-8'): pass",
    OURS: "from progresskit import open_file\nwith open_file(PATH, 'r', encoding='utf-8') as file:\n    for line in file: pass",
    THEIRS: "from tqdm import tqdm\nwith tqdm(total=2_700_000, unit='B') as bar, open(PATH, encoding='utf-8') as file:\n"
    "    for line in file: bar.update(len(line))",
    "rich": "import rich.progress\nwith rich.progress.open(PATH, 'r', encoding='utf-8') as file:\n    for line in file: pass",
}
PRINTED = {
    BARE: "for number in range(3_000): print('a printed line of some length', number)",
    OURS: "from progresskit import track\nfor number in track(range(3_000)): print('a printed line of some length', number)",
    THEIRS: "from tqdm import tqdm\nfor number in tqdm(range(3_000)): tqdm.write(f'a printed line of some length {number}')",
}
RESTING = {
    BARE: "",
    OURS: "from progresskit import ProgressTracker\ntracker = ProgressTracker()\n"
    "tasks = [tracker.add_task(str(number), 9) for number in range(20)]",
    THEIRS: "from tqdm import tqdm\nbars = [tqdm(total=9, desc=str(number), position=number) for number in range(20)]",
    "rich": "from rich.progress import Progress\nprogress = Progress()\nprogress.start()\n"
    "tasks = [progress.add_task(str(number), total=9) for number in range(20)]",
}
OFTEN = """
import json, os, sys, time
{track}
def work():
    for item in track(range(10){options}): pass
for _ in range(10): work()
began = time.process_time()
for _ in range({count}): work()
figure = (time.process_time() - began) / {count}
with open(sys.argv[1], "w") as file: json.dump(figure, file)
os._exit(0)
"""
REST = """
import json, os, sys, time
{begin}
time.sleep(0.8)  # the first frames
began = time.process_time()
time.sleep(1.2)
with open(sys.argv[1], "w") as file: json.dump((time.process_time() - began) / 1.2, file)
os._exit(0)
"""


class Kind(NamedTuple):
    """A kind of program: its text for each library, what is measured, and the unit in seconds."""

    name: str
    texts: dict[str, str]
    scale: float
    unit: str
    is_judged: bool = True


def kinds(path: str) -> list[Kind]:
    """Return the kinds of programs; the file at `path` has 300,000 lines."""

    def each(text: str) -> dict[str, str]:
        return {name: text.replace("TRACK", track) for name, track in TRACK.items()}

    def often(options: str) -> dict[str, str]:
        counts = {"rich": 40}
        return {
            name: OFTEN.format(track=track, options=options, count=counts.get(name, 1_000))
            for name, track in TRACK.items()
        }

    resting = {name: REST.format(begin=begin) for name, begin in RESTING.items()}
    of_file = {name: text.replace("PATH", repr(path)) for name, text in LINES.items()}
    return [
        Kind("a program with one loop of ten items", each("TRACK\nfor item in track(range(10)): pass"), 1e3, "ms"),
        Kind(
            "a program with one loop of 0.3 s",
            each("TRACK\nimport time\nfor item in track(range(10)): time.sleep(0.03)"),
            1e3,
            "ms",
        ),
        Kind("a loop of ten items, one of many", often(""), 1e6, "us"),
        Kind("a loop of ten items that is disabled", often(", disable=True"), 1e6, "us"),
        Kind("a program that reads 300,000 lines of a file", of_file, 1e3, "ms"),
        Kind("a program that prints 3,000 lines", PRINTED, 1e3, "ms"),
        Kind("20 rows that rest", resting, 100.0, "% of a core", is_judged=False),
    ]


def seconds(text: str, figure: Path) -> float:
    """Run a program and return what it has written to `figure`; if it writes nothing, the processor time that it has used."""

    def used() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    figure.unlink(missing_ok=True)
    before = used()
    for _ in output_of(["-c", text, str(figure)]):
        pass
    return float(json.loads(figure.read_text())) if figure.exists() else used() - before


def measure(rounds: int, say: Callable[[str], object] = print) -> dict[str, dict[str, Interval]]:
    """Return what each library costs beyond the bare program, in the kind's unit: kind -> library -> interval."""
    found: dict[str, dict[str, Interval]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.txt"
        path.write_text("one,two\n" * 300_000, encoding="utf-8")
        for kind in kinds(str(path)):
            say(kind.name)
            times: dict[str, list[float]] = {name: [] for name in kind.texts}
            for turn in range(rounds):
                for name in list(kind.texts) if turn % 2 else list(kind.texts)[::-1]:
                    times[name].append(seconds(kind.texts[name], Path(folder) / "figure.json"))
            found[f"{kind.name}, {kind.unit}"] = {
                name: interval([more - less for more, less in zip(values, times[BARE], strict=True)]).scaled(kind.scale)
                for name, values in times.items()
                if name != BARE
            }
    return found


def lines_of(found: dict[str, dict[str, Interval]]) -> list[Line]:
    """Return the lines of the table, each with its library as its note, and with the bar that tqdm sets for what is judged."""
    judged = {f"{kind.name}, {kind.unit}" for kind in kinds("") if kind.is_judged}
    return [
        Line(
            what.rpartition(", ")[0],
            costs[name],
            costs[THEIRS].high if name == OURS and what in judged else None,
            what.rpartition(", ")[2],
            name,
        )
        for what, costs in found.items()
        for name in costs
    ]


def main() -> int:
    """Print the table, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    loaded = is_loaded()
    as_installed()
    print(machine())
    lines = lines_of(measure(parser.parse_args().rounds, lambda what: print(what, file=sys.stderr)))
    print(text_of(lines))
    return exit_status(lines, loaded=loaded)


if __name__ == "__main__":
    sys.exit(main())
