"""Where a load's processor time goes: a table in Markdown, of threads and of modules.

A sampler looks at all threads some hundred times a second: what each one's processor clock has moved on by since the last look
belongs to where it stands now. So waiting costs nothing, C code that lets others run is seen, and nothing is slowed down by being
counted call by call. Run it with `python benchmarks/load_profile.py`; the server has a process of its own and is not in it.
"""

from __future__ import annotations

import json
import os
import pty
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from load import SAMPLE
from measuring import as_installed, machine
from screen import read_pty

OURS = "progresskit"
LOADER = "progresskit_snowflake"
COUNTER = "upload counter"
DRAWING = "drawing, in a thread of its own"
EVERY = 0.003
"""Seconds between two looks."""


def place(frame: FrameType | None) -> tuple[str, str]:
    """Return the package and the module whose work `frame` does: ours if any of ours stands on the stack, the innermost of them.

    The loader's own code is told from the libraries that it calls only by who stands innermost.
    """
    innermost: tuple[str, str] | None = None
    while frame is not None:
        parts = Path(frame.f_code.co_filename).parts
        for package in (LOADER, OURS):
            if package in parts:
                module = "/".join(parts[len(parts) - parts[::-1].index(package) :]).removesuffix(".py")
                if package == OURS:
                    return package, module
                return innermost or (package, module)
        for package in ("snowflake", "duckdb", "pyarrow", "importlib"):
            if package in parts and innermost is None:
                innermost = package, "all"
        frame = frame.f_back
    return innermost or ("standard library", "all")


class Sampler(threading.Thread):
    """Looks at the other threads until it is stopped."""

    def __init__(self) -> None:
        super().__init__(name="sampler", daemon=True)
        self.places: Counter[tuple[str, str]] = Counter()
        self.threads: Counter[str] = Counter()
        self.over = threading.Event()
        self._clocks: dict[threading.Thread, float] = {}  # by the thread: its number is used again after it

    def run(self) -> None:
        while not self.over.wait(EVERY):
            frames = sys._current_frames()
            for thread in threading.enumerate():
                if thread is self or thread.ident is None:
                    continue
                try:
                    used = time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
                except OSError:  # it has just ended
                    continue
                moved = used - self._clocks.get(thread, used if thread is threading.main_thread() else 0.0)
                self._clocks[thread] = used
                drawing = thread.name == OURS  # it is found waiting, always: what it has done is over by then
                self.places[(OURS, DRAWING) if drawing else place(frames.get(thread.ident))] += moved
                self.threads[thread.name] += moved


class Profile(NamedTuple):
    """Where one load's processor time went.

    Attributes:
        used: Seconds of processor time.
        places: Those of them that were seen: package, module and seconds, the most first.
        threads: The same by thread.
    """

    used: float
    places: list[tuple[str, str, float]]
    threads: list[tuple[str, float]]

    @property
    def seen(self) -> float:
        """Seconds that were seen."""
        return sum(seconds for _, _, seconds in self.places)

    @property
    def ours(self) -> float:
        """What share of them was spent for the bars: in progresskit, and in the thread that counts uploads for it."""
        ours = sum(seconds for package, _, seconds in self.places if package == OURS)
        return (ours + sum(seconds for name, seconds in self.threads if name == COUNTER)) / self.seen

    def text(self) -> str:
        """Return it as tables in Markdown."""
        lines = [f"{self.used:.2f} s of processor time, {self.seen / self.used:.0%} of it seen"]

        def table(head: str, shares: Iterable[tuple[str, float]]) -> None:
            lines.extend(["", f"| {head} | % |", "|---|---|"])
            lines.extend(f"| {name} | {seconds / self.seen:.2%} |" for name, seconds in shares)

        packages: Counter[str] = Counter()
        for package, _, seconds in self.places:
            packages[package] += seconds
        table("where", packages.most_common())
        table("of progresskit", ((module, seconds) for package, module, seconds in self.places if package == OURS))
        table("thread", self.threads[:8])
        return "\n".join(lines)


def profiled() -> None:
    """Load the sample, sampled, and send what was seen to the parent."""
    from progresskit_snowflake.cli import main

    sampler = Sampler()
    sampler.start()
    used = time.process_time()
    status = main(["load", *map(str, SAMPLE * 4), "--table", "t", "--embedded", "--null", "NA"])
    used = time.process_time() - used
    sampler.over.set()
    sampler.join()
    places = [(*place, seconds) for place, seconds in sampler.places.most_common()]
    os.write(int(sys.argv[2]), json.dumps([used, places, sampler.threads.most_common()]).encode())
    raise SystemExit(status)


def profile() -> Profile:
    """Run a load in a pty and return where its time went."""
    read_end, write_end = os.pipe()
    pid, fd = pty.fork()
    if pid == 0:
        os.set_inheritable(write_end, True)
        environ: dict[str, Any] = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "50"}
        os.execve(sys.executable, [sys.executable, __file__, "--child", str(write_end)], environ)
    os.close(write_end)
    shown = b""
    while more := read_pty(fd):
        shown = (shown + more)[-2_000:]
    os.close(fd)
    found = os.read(read_end, 65_536).decode()
    os.close(read_end)
    _, status = os.waitpid(pid, 0)
    if not found or os.waitstatus_to_exitcode(status):
        raise SystemExit(f"the load failed:\n{shown.decode(errors='replace')}")
    used, places, threads = json.loads(found)
    return Profile(used, [(package, module, seconds) for package, module, seconds in places], threads)


def main() -> int:
    """Print where a load's time went."""
    if sys.argv[1:2] == ["--child"]:
        profiled()
    as_installed()
    print(machine())
    print(profile().text())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
