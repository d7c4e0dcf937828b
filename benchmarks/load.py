"""Measure what bars cost a real load: processor time with bars on a pty and with `--no-progress`, in pairs of
alternating order.

Only the loader's process counts, not the server's. Run it with `python benchmarks/load.py`, in the environment of the
Snowflake loader. The figure is the median of the pairs' differences, with its interval.
"""

from __future__ import annotations

import argparse
import os
import pty
import sys
import threading
from pathlib import Path

from measuring import Interval, Line, as_installed, interval, machine, text_of
from screen import read_pty

SAMPLE = sorted((Path(__file__).parents[1] / "examples" / "flights").glob("*.csv"))
LEAST = 6
"""The least number of pairs from which a 95 % interval of the median can be given."""
COMMAND = """
import os, sys, time
from progresskit_snowflake.cli import main
status = main(sys.argv[2:])
os.write(int(sys.argv[1]), str(time.process_time()).encode())
raise SystemExit(status)
"""


def seconds(more: list[str]) -> float:
    """Return the processor seconds of one load in a pty."""
    arguments = ["load", *map(str, SAMPLE * 2), "--table", "t", "--embedded", "--null", "NA", *more]
    read_end, write_end = os.pipe()
    pid, fd = pty.fork()
    if pid == 0:
        os.set_inheritable(write_end, True)
        environ = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "50", "PROGRESSKIT_RENDERER": "ansi"}
        os.execve(sys.executable, [sys.executable, "-c", COMMAND, str(write_end), *arguments], environ)
    os.close(write_end)
    drain = threading.Thread(target=lambda: [None for _ in iter(lambda: read_pty(fd), b"")])
    drain.start()
    _, status = os.waitpid(pid, 0)
    drain.join()
    os.close(fd)
    used = os.read(read_end, 100)
    os.close(read_end)
    if os.waitstatus_to_exitcode(status) or not used:
        raise SystemExit("the load failed")
    return float(used)


def shares(pairs: int) -> Interval:
    """Return the share that bars add to a load's processor time. Fewer than six `pairs` have no interval."""
    seconds([])  # a first load compiles modules, and fills the file cache
    found = []
    for pair in range(pairs):
        order: list[list[str]] = [[], ["--no-progress"]]
        used = {bool(more): seconds(more) for more in (order if pair % 2 else order[::-1])}
        found.append((used[False] - used[True]) / used[True])
    return interval(found)


def main() -> int:
    """Print the verdict; 0 unless the bars cost more than 1 % beyond the noise."""
    parser = argparse.ArgumentParser(description="Processor time of a load with bars, against one without.")
    parser.add_argument("--pairs", type=int, default=10, help=f"how many, {LEAST} or more (10)")
    options = parser.parse_args()
    if options.pairs < LEAST:
        parser.error(
            f"--pairs is {options.pairs}: give {LEAST} or more; of fewer no interval can be had that 19 of 20 medians lie in."
        )
    line = Line("a Snowflake load with bars, processor time", shares(options.pairs).scaled(100), 1.0, "% of the load")
    as_installed()
    print(machine())
    print(text_of([line]))
    return int(line.verdict == "FAIL")


if __name__ == "__main__":
    raise SystemExit(main())
