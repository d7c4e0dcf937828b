"""Measure what bars cost a real load: processor time with bars on a pty and with `--no-progress`, in pairs of
alternating order.

Only the loader's process counts, not the server's. Run it with `python benchmarks/load.py`, in the environment of the
Snowflake loader. It loads the sample four times over, 30 MB in twelve files. Two figures are the medians of all pairs,
with their intervals: the difference of the two processes, and that of the processor time of the bars themselves by
`accounting`, which is far less noisy.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import pty
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import accounting
from accounting import Account
from measuring import Line, as_installed, machine, text_of
from screen import read_pty

from progresskit._cli.intervals import interval

SAMPLE = sorted((Path(__file__).parents[1] / "examples" / "flights").glob("*.csv"))
COPIES = 4
LEAST = 6
"""The least number of pairs from which a 95 % interval of the median can be given."""
WHAT = "a Snowflake load with bars, processor time"
ITSELF = f"{WHAT} of the bars themselves, beyond a load without"


class Cost(NamedTuple):
    """The cost of one load: wall seconds, processor seconds, mebibytes of memory at the peak, and its account if there is
    one."""

    wall: float
    processor: float
    memory: float
    account: Account | None = None


def cost(command: list[str], environment: dict[str, str]) -> Cost | None:
    """Run `command` in a terminal and return its cost; None if it fails."""
    began = time.perf_counter()
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, *command], environment)
    shown: list[bytes] = []
    drain = threading.Thread(target=lambda: shown.extend(iter(lambda: read_pty(fd), b"")))
    drain.start()
    _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - began
    drain.join()
    os.close(fd)
    if os.waitstatus_to_exitcode(status):
        print(b"".join(shown)[-500:].decode(errors="replace"), file=sys.stderr)
        return None
    account = accounting.read(Path(environment[accounting.VARIABLE])) if accounting.FILE in command else None
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, account)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[dict[str, str]]:
    """Start a server for the block, and yield an environment in which it is the connection `local`, and `ARGUMENTS` has
    the arguments of `connect`. `folder` gets the files."""
    from progresskit_snowflake.embedded import embedded_server

    with embedded_server() as server:
        home = folder / "home"
        home.mkdir()
        told = {key: value for key, value in server.arguments.items() if not isinstance(value, dict)}
        lines = [f"{key} = {json.dumps(value)}" for key, value in told.items()]
        (home / "connections.toml").write_text("\n".join(["[local]", *lines, ""]), "utf-8")
        (home / "connections.toml").chmod(0o600)
        environment = {**os.environ, "SNOWFLAKE_HOME": str(home), "ARGUMENTS": json.dumps(server.arguments)}
        environment |= {"TERM": "xterm-256color", "PROGRESSKIT_RENDERER": "ansi"}
        environment[accounting.VARIABLE] = str(folder / "account")
        # Else each start compiles some 700 modules of the connector's, where nothing has been compiled before.
        for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"):
            environment.pop(name, None)
        yield environment


def arguments(paths: list[str], *more: str) -> list[str]:
    """Return the command line of a load of `paths` into the table that follows, in the environment of `served`."""
    return ["load", *paths, "--connection", "local", "--null", "NA", *more, "--table"]


def copied(folder: Path) -> list[str]:
    """Copy the sample `COPIES` times into `folder`, and return the paths: a file that is named twice is loaded once."""
    paths = [folder / f"{number}-{path.name}" for number in range(COPIES) for path in SAMPLE]
    for path, source in zip(paths, SAMPLE * COPIES, strict=True):
        shutil.copyfile(source, path)
    return list(map(str, paths))


def lines(pairs: int) -> list[Line]:
    """Return what bars add to a load's processor time, in percent: by the processes, and by their accounts.

    Raises:
        SystemExit: a load has failed.
    """
    numbers = itertools.count(1)
    found: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory(prefix="progresskit-") as name, served(Path(name)) as environment:
        paths = copied(Path(name))

        def load(*more: str) -> tuple[float, Account]:
            done = cost([accounting.FILE, *arguments(paths, *more), f"t{next(numbers)}"], environment)
            if done is None or done.account is None:
                raise SystemExit("the load failed")
            return done.processor, done.account

        load()  # compiles modules, and fills the file cache
        for pair in range(pairs):
            order: list[list[str]] = [[], ["--no-progress"]]
            used = {bool(more): load(*more) for more in (order if pair % 2 else order[::-1])}
            (bars, account), (bare, control) = used[False], used[True]
            found.append((100 * (bars / bare - 1), 100 * (account.bars - control.bars) / control.process))
    return [
        Line(f"{what}, {pairs} pairs", interval([pair[column] for pair in found]), 1.0, "% of the load")
        for column, what in enumerate((WHAT, ITSELF))
    ]


def main() -> int:
    """Print the verdict; 0 unless the bars cost more than 1 % beyond the noise."""
    parser = argparse.ArgumentParser(description="Processor time of a load with bars, against one without.")
    parser.add_argument("--pairs", type=int, default=10, help=f"how many, {LEAST} or more (10)")
    options = parser.parse_args()
    if options.pairs < LEAST:
        parser.error(
            f"--pairs is {options.pairs}: give {LEAST} or more; of fewer no interval can be had that 19 of 20 medians lie in."
        )
    as_installed()
    print(machine())
    judged = lines(options.pairs)
    print(text_of(judged))
    return int(any(line.verdict == "FAIL" for line in judged))


if __name__ == "__main__":
    raise SystemExit(main())
