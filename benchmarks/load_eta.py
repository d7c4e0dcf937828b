"""Measure how evenly the Upload bar of a load moves, and the error of its ETA, from the command's frames as JSON lines.

Run it with `python benchmarks/load_eta.py [FOLDER]`, in the environment of the Snowflake loader; FOLDER has the CSV files, plain
or gzip, that match `--pattern`, and defaults to four copies of the sample's, because buffers on the way take a tenth of the sample
at once. The ETA's error at an instant is the difference between the predicted and the true end, as a share of the upload's whole
duration. It counts after the first tenth. Evenness is the largest distance of the bar from a straight line, as a share of its total.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from progresskit._model.events import EventDecoder

SAMPLE = Path(__file__).parents[1] / "examples" / "flights"
COMMAND = "from progresskit_snowflake.cli import main; raise SystemExit(main())"
COPIES = 4
MOST = 0.10
FEWEST = 10
"""The fewest looks at the bar that say something about it."""


class Moment(NamedTuple):
    """The figures of the Upload bar: seconds, bytes, total and ETA."""

    time: float
    completed: float
    total: float | None
    eta: float | None


def copies_of_the_sample(folder: Path) -> Path:
    """Copy each file of the sample to `folder` four times, and return that: the loader takes a file of several names once."""
    for path in SAMPLE.glob("flights-*.csv"):
        for number in range(COPIES):
            shutil.copy(path, folder / f"{path.stem}-{number}.csv")
    return folder


def run(files: list[Path], pace: str, more: list[str]) -> tuple[list[Moment], str]:
    """Load `files` into a local server, and return the figures of the Upload bar, and the command's summary."""
    arguments = ["load", *map(str, files), "--table", "t", "--embedded", "--null", "NA", "--pace", pace, *more]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PROGRESSKIT_RENDERER": "json", "PROGRESSKIT_INTERVAL": "0.05"},
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"the load failed: {done.stderr[-1_000:]}")
    return moments_of(done.stderr.splitlines()), done.stdout


def moments_of(lines: list[str]) -> list[Moment]:
    """Return the figures of the Upload bar in each frame of `lines`."""
    decoder, moments = EventDecoder(), []
    for line in lines:
        frame = decoder.event(line).frame
        for view in (*frame.tasks, *frame.ended) if frame is not None else ():
            if view.description == "Upload" and view.state != "pending":
                left = 0.0 if view.state == "finished" else view.eta
                moments.append(Moment(frame.time, view.completed, view.total, left))
    return moments


def report(moments: list[Moment]) -> tuple[dict[str, float], bool]:
    """Return the figures, and whether the ETA is within its bound."""
    began, ended = moments[0].time, moments[-1].time
    whole = ended - began
    size = moments[-1].completed
    later = [moment for moment in moments if moment.time - began >= 0.1 * whole]
    errors = [1.0 if m.eta is None else abs(m.time + m.eta - ended) / whole for m in later]
    line = [abs(m.completed / size - (m.time - began) / whole) for m in moments]
    moves = [
        moments[0].time,
        *(b.time for a, b in itertools.pairwise(moments) if b.completed != a.completed),
    ]
    totals = [abs(m.total - size) / size for m in later if m.total]
    figures = {
        "seconds": whole,
        "ETA, worst error": max(errors),
        "ETA, mean error": statistics.mean(errors),
        "total, worst error": max(totals, default=1.0),
        "bar, farthest from a line": max(line),
        "longest standstill, s": max(b - a for a, b in itertools.pairwise(moves)),
    }
    return figures, max(errors) <= MOST


def trace(moments: list[Moment]) -> None:
    """Print the figures of the bar by time, beside the true ones."""
    began, ended, size = moments[0].time, moments[-1].time, moments[-1].completed
    print(f"{'seconds':>8} {'done':>7} {'MB/s':>6} {'ETA':>6} {'left':>6} {'error':>7}")
    for before, moment in itertools.pairwise(moments):
        pace = (moment.completed - before.completed) / max(moment.time - before.time, 1e-9) / 1e6
        left = ended - moment.time
        said = "     -" if moment.eta is None else f"{moment.eta:6.2f}"
        error = "-" if moment.eta is None else f"{(moment.eta - left) / (ended - began):+7.1%}"
        print(f"{moment.time - began:8.2f} {moment.completed / size:7.1%} {pace:6.2f} {said} {left:6.2f} {error}")


def main() -> int:
    """Print the verdict; 0 when, after the first tenth, the ETA is within a tenth of the duration."""
    parser = argparse.ArgumentParser(description="The Upload bar of a load: how even, and how good its ETA.")
    parser.add_argument("folder", nargs="?", type=Path, help="where the CSV files are (four copies of the sample)")
    parser.add_argument("--pattern", default="flights-*.csv*", help="which files of it (flights-*.csv*)")
    parser.add_argument("--pace", default="2MB", help="bytes a second that the server takes (2MB)")
    parser.add_argument("--jobs", default="1", help="files at once (1)")
    parser.add_argument("--trace", action="store_true", help="print what the bar said, by time, beside what was true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = options.folder or copies_of_the_sample(Path(made))
        files = sorted(folder.glob(options.pattern))
        if not files:
            raise SystemExit(f"{folder} has no {options.pattern}.")
        moments, summary = run(files, options.pace, ["--jobs", options.jobs])
    if len(moments) < FEWEST:
        raise SystemExit(f"the bar was seen {len(moments)} times: give larger files, or a slower --pace.")
    figures, well = report(moments)
    if options.trace:
        trace(moments)
    print(summary)
    for name, figure in figures.items():
        print(f"{name:<28} {figure:.1%}" if "error" in name or "line" in name else f"{name:<28} {figure:.2f}")
    print(f"{'PASS' if well else 'FAIL'}  the ETA is within {MOST:.0%} of the duration after the first tenth: {well}")
    return int(not well)


if __name__ == "__main__":
    raise SystemExit(main())
