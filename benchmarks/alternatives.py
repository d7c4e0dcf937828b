"""Compare a load with its alternatives: the connector's PUT and COPY in a script, and `write_pandas`.

`python benchmarks/alternatives.py FOLDER` in an environment of the Snowflake loader with pandas, one for each
connector. Each alternative loads the unpacked CSV files of the folder into a new table of one embedded server, whose
process is not counted. The alternatives take turns within each round, every other round in the opposite order. The
output has the medians of wall seconds, processor seconds and peak memory, and each wall time as a share of the script's
in the same round. An alternative that the server cannot run is printed as failed. Then it has the verdicts: what a load
takes of the script's wall time, and what the bars add to a load, each with the interval of its median. `--bars` runs
the load with and without bars alone, so that many rounds take little time, and has the processor time of the bars
themselves by `accounting`, which is known far more exactly than the difference of two processes.

`--python`, given once for each environment, prints the table of docs/snowflake-progress.md: a column for each
connector.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import accounting
import snowflake.connector
from load import Cost, arguments, cost, served
from measuring import TOO_NOISY, Line, is_loaded, machine, text_of

from progresskit._cli.intervals import interval

CONNECT = """
import glob, json, os, sys
import snowflake.connector
folder, table = sys.argv[1:3]
connection = snowflake.connector.connect(**json.loads(os.environ["ARGUMENTS"]))
cursor = connection.cursor()
paths = sorted(glob.glob(folder + "/*.csv"))
"""
CREATE = """
kinds = dict.fromkeys(["carrier", "tailnum", "origin", "dest"], "VARCHAR") | {"time_hour": "TIMESTAMP_NTZ"}
header = open(paths[0]).readline().strip().replace('"', "").split(",")
columns = ", ".join(name + " " + kinds.get(name, "FLOAT") for name in header)
cursor.execute(f"CREATE TABLE {table} ({columns})")
"""
COPY = """
cursor.execute(f"CREATE STAGE {table}_stage")
cursor.execute(f"PUT 'file://{folder}/*.csv' @{table}_stage")
cursor.execute(f"COPY INTO {table} FROM @{table}_stage FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1 "
               "FIELD_OPTIONALLY_ENCLOSED_BY = '\\"' NULL_IF = ('NA', ''))")
"""
WRITE = """
import pandas
from snowflake.connector.pandas_tools import write_pandas
frame = pandas.concat([pandas.read_csv(path, na_values="NA") for path in paths])
write_pandas(connection, frame, table.upper(), quote_identifiers=False)
"""
SCRIPT, PANDAS = CONNECT + CREATE + COPY, CONNECT + CREATE + WRITE
OURS = "from progresskit_snowflake.cli import main; raise SystemExit(main())"


SHARE, MORE = 75.0, 1.0
"""The most that a load takes of the script's wall time, and that its bars add to a load, in percent."""


def verdicts(rounds: list[dict[str, Cost | None]]) -> list[Line]:
    """Return the shares of pairs of loads in the same rounds; of the ways that have run."""

    def percent(way: str, control: str, cost: Callable[[Cost], float], less: float) -> list[float]:
        pairs = [(one.get(way), one.get(control)) for one in rounds]
        return [100 * (cost(mine) / cost(other) - less) for mine, other in pairs if mine and other]

    wanted = [
        ("wall time, of the script's", percent("ours", "script", lambda cost: cost.wall, 0), SHARE),
        ("wall time that bars add", percent("ours", "ours, no bars", lambda cost: cost.wall, 1), MORE),
        ("processor time that bars add", percent("ours", "ours, no bars", lambda cost: cost.processor, 1), MORE),
        ("processor time of the bars themselves, beyond a load without", of_bars(rounds), MORE),
    ]
    return [Line(what, interval(shares), bar, "%") for what, shares, bar in wanted if shares]


def of_bars(rounds: list[dict[str, Cost | None]]) -> list[float]:
    """Return the accounts' share of each round, in percent; empty without accounts."""
    pairs = [(one.get("ours"), one.get("ours, no bars")) for one in rounds]
    accounts = [(mine.account, other.account) for mine, other in pairs if mine and other]
    return [100 * (mine.bars - other.bars) / other.process for mine, other in accounts if mine and other]


def tabled(options: argparse.Namespace) -> int:
    """Run the benchmark with each of the interpreters, and print a table in Markdown: processor seconds, and the wall
    time as a share of the script's."""
    found: dict[str, dict[str, str]] = {}
    status = 0
    with tempfile.TemporaryDirectory(prefix="progresskit-") as name:
        for python in options.python:
            path = Path(name) / "rows"
            command = [python, __file__, str(options.folder), "--pattern", options.pattern]
            done = subprocess.run([*command, "--rounds", str(options.rounds), "--rows", str(path)], check=False)
            status = max(status, done.returncode)
            version, rows = json.loads(path.read_text("utf-8"))
            found[version] = rows
            print()
    ways = dict.fromkeys(way for rows in found.values() for way in rows)
    lines = [["way", *(f"connector {version}" for version in found)], ["---"] * (len(found) + 1)]
    lines += [[way, *(rows.get(way, "failed") for rows in found.values())] for way in ways]
    print("\n".join(f"| {' | '.join(cells)} |" for cells in lines))
    return status


def ways_of(folder: Path, paths: list[str], *, bars: bool) -> dict[str, Callable[[str], list[str]]]:
    """Return what the interpreter runs to load `paths` of `folder` into a table, by the name of the way. With `bars`,
    these are our load with and without bars, each with its account."""
    command = [accounting.FILE] if bars else ["-c", OURS]
    ours: dict[str, Callable[[str], list[str]]] = {
        "ours": lambda table: [*command, *arguments(paths), table],
        "ours, no bars": lambda table: [*command, *arguments(paths, "--no-progress"), table],
    }
    if bars:
        return ours
    return {
        "script": lambda table: ["-c", SCRIPT, str(folder), table],
        "write_pandas": lambda table: ["-c", PANDAS, str(folder), table],
        **ours,
        "ours, --skip-qc": lambda table: [*command, *arguments(paths, "--skip-qc"), table],
    }


def printed(ways: list[str], rounds: list[dict[str, Cost | None]]) -> dict[str, str]:
    """Print the medians of each of the `ways`, and return their cells in the table."""
    print(f"{'way':<16} {'wall s':>7} {'cpu s':>7} {'MiB':>6} {'of script':>9}")
    cells: dict[str, str] = {}
    for way in ways:
        costs = [one for one in (each[way] for each in rounds) if one is not None]
        if not costs:
            print(f"{way:<16} failed")
            continue
        wall, processor, memory = (
            statistics.median(column) for column in zip(*(one[:3] for one in costs), strict=True)
        )
        pairs = [(one[way], one.get("script")) for one in rounds]
        shares = [mine.wall / theirs.wall for mine, theirs in pairs if mine is not None and theirs is not None]
        share = f"{statistics.median(shares):.2f}" if shares else ""
        print(f"{way:<16} {wall:>7.2f} {processor:>7.2f} {memory:>6.0f} {share:>9}")
        cells[way] = ", ".join(filter(None, [f"{processor:.2f} s", share if way != "script" else ""]))
    return cells


def main() -> int:
    """Print the cost of each alternative, and return 1 if the whole interval of a figure is beyond its bar on a quiet
    machine."""
    parser = argparse.ArgumentParser(description="A load against PUT and COPY in a script, and write_pandas.")
    parser.add_argument("folder", type=Path, help="where the CSV files lie, plain or gzip")
    parser.add_argument("--pattern", default="flights-*.csv*", help="which of them (flights-*.csv*)")
    parser.add_argument("--rounds", type=int, default=5, help="loads of each way (5)")
    parser.add_argument("--bars", action="store_true", help="the load with and without bars alone")
    parser.add_argument("--python", action="append", help="an environment's interpreter, for a table; may be repeated")
    parser.add_argument("--rows", type=Path, help="where that table's rows are written, as JSON")
    options = parser.parse_args()
    if options.python:
        return tabled(options)
    loaded = is_loaded()  # now: the loads themselves keep both cores busy
    numbers = itertools.count(1)
    with tempfile.TemporaryDirectory(prefix="progresskit-") as name, served(Path(name)) as environment:
        folder = Path(name)
        for source in sorted(options.folder.glob(options.pattern)):
            unpacked = gzip.open if source.suffix == ".gz" else open
            with unpacked(source, "rb") as file, (folder / source.name.removesuffix(".gz")).open("wb") as plain:
                shutil.copyfileobj(file, plain)
        paths = [str(path) for path in sorted(folder.glob("*.csv"))]
        ways = ways_of(folder, paths, bars=options.bars)
        for command in ways.values():
            cost(command(f"t{next(numbers)}"), environment)  # compiles, and is not counted
        rounds: list[dict[str, Cost | None]] = [
            {way: cost(ways[way](f"t{next(numbers)}"), environment) for way in list(ways)[:: 1 if turn % 2 else -1]}
            for turn in range(options.rounds)
        ]
    megabytes = sum(path.stat().st_size for path in options.folder.glob(options.pattern)) / 1e6
    print(
        f"{machine()}; connector {snowflake.connector.__version__}; {len(paths)} files of {megabytes:.0f} MB as they lie"
    )
    rows = printed(list(ways), rounds)
    if options.rows:
        options.rows.write_text(json.dumps([snowflake.connector.__version__, rows]), "utf-8")
    judged = verdicts(rounds)
    print(f"\n{text_of(judged)}")
    failed = any(line.verdict == "FAIL" for line in judged)
    if failed and loaded:  # loads take longer beside other programs, and so have more frames
        print(f"\n{TOO_NOISY}")
    return int(failed and not loaded)


if __name__ == "__main__":
    raise SystemExit(main())
