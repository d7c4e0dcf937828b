"""What the bars cost a real load: processor time with bars in a pty against `--no-progress`, in pairs, the order in turn.

Run it with `python benchmarks/load.py`, in the environment of the Snowflake loader. The figure is the median of the pairs'
differences; beside it stands what the pairs scatter by, since a difference below that is none.
"""

from __future__ import annotations

import argparse
import os
import pty
import statistics
import sys
import threading
from pathlib import Path

SAMPLE = sorted((Path(__file__).parents[1] / "examples" / "flights").glob("*.csv"))
COMMAND = "from progresskit_snowflake.cli import main; raise SystemExit(main())"


def seconds(more: list[str]) -> float:
    """Return the processor seconds of one load in a pty."""
    arguments = ["load", *map(str, SAMPLE * 2), "--table", "t", "--embedded", "--null", "NA", *more]
    pid, fd = pty.fork()
    if pid == 0:
        environ = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "50", "PROGRESSKIT_RENDERER": "ansi"}
        os.execve(sys.executable, [sys.executable, "-c", COMMAND, *arguments], environ)
    drain = threading.Thread(target=lambda: [None for _ in iter(lambda: read(fd), b"")])
    drain.start()
    _, status, usage = os.wait4(pid, 0)
    drain.join()
    os.close(fd)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit("the load failed")
    return usage.ru_utime + usage.ru_stime


def read(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except OSError:  # Linux's word for the end of a pty
        return b""


def main() -> int:
    """Print the verdict; 0 when the bars cost less than 1 %, or less than the pairs scatter by."""
    parser = argparse.ArgumentParser(description="Processor time of a load with bars, against one without.")
    parser.add_argument("--pairs", type=int, default=10, help="how many (10)")
    options = parser.parse_args()
    seconds([])  # compiles, and fills the file cache
    shares = []
    for pair in range(options.pairs):
        order: list[list[str]] = [[], ["--no-progress"]]
        found = {bool(more): seconds(more) for more in (order if pair % 2 else order[::-1])}
        shares.append((found[False] - found[True]) / found[True])
    middle = statistics.median(shares)
    scatter = statistics.stdev(shares) / len(shares) ** 0.5
    verdict = (
        "PASS" if middle + 2 * scatter <= 0.01 else "PASS within the noise" if middle - 2 * scatter <= 0.01 else "FAIL"
    )
    print(
        f"{verdict}  bars cost {middle:+.2%} of a load, give or take {2 * scatter:.2%} (at most 1 %), {len(shares)} pairs"
    )
    return int(verdict == "FAIL")


if __name__ == "__main__":
    raise SystemExit(main())
