"""Profile a load's processor time: a table in Markdown, by thread and by module.

A sampler visits all threads some hundred times a second, and adds the processor time of each since the last sample to
the code that it runs now. Waiting therefore counts nothing, C code that releases the GIL is included, and calls are not
slowed down. Run it with `python benchmarks/load_profile.py`; the server runs in another process and is not included.
What is said of progresskit is of a load with bars: importing it and setting up tasks is more than half of that, and a
load without bars does so as well. What bars add is `load.py`'s.
"""

from __future__ import annotations

import json
import os
import pty
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from load import copied
from measuring import as_installed, machine
from screen import read_pty

OURS = "progresskit"
LOADER = "progresskit_snowflake"
DRAWING = "drawing, in a thread of its own"
EVERY = 0.003
"""Seconds between two samples."""


def place(frame: FrameType | None) -> tuple[str, str]:
    """Return the package and the module for which `frame` works: the innermost module of progresskit on the stack, if
    there is one.

    Only the innermost module distinguishes the loader from the libraries that it calls.
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
    """Samples the other threads until it is stopped."""

    def __init__(self) -> None:
        super().__init__(name="sampler", daemon=True)
        self.places: Counter[tuple[str, str]] = Counter()
        self.threads: Counter[str] = Counter()
        self.over = threading.Event()
        self._clocks: dict[threading.Thread, float] = {}  # by the thread, because its number is reused after its end

    def run(self) -> None:
        while not self.over.wait(EVERY):
            frames = sys._current_frames()
            for thread in threading.enumerate():
                if thread is self or thread.ident is None:
                    continue
                try:
                    used = time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
                except OSError:  # the thread has just ended
                    continue
                moved = used - self._clocks.get(thread, used if thread is threading.main_thread() else 0.0)
                self._clocks[thread] = used
                drawing = thread.name == OURS  # the sampler always finds it waiting, after its work is done
                self.places[(OURS, DRAWING) if drawing else place(frames.get(thread.ident))] += moved
                self.threads[thread.name] += moved


class Profile(NamedTuple):
    """The profile of one load.

    Attributes:
        used: Seconds of processor time.
        places: The sampled ones: package, module and seconds, the most first.
        threads: The same by thread.
    """

    used: float
    places: list[tuple[str, str, float]]
    threads: list[tuple[str, float]]

    @property
    def seen(self) -> float:
        """Sampled seconds."""
        return sum(seconds for _, _, seconds in self.places)

    def text(self) -> str:
        """Return the profile as tables in Markdown."""
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
    """Load the sample with the sampler running, and send its result to the parent."""
    from progresskit_snowflake.cli import main

    sampler = Sampler()
    sampler.start()
    with tempfile.TemporaryDirectory(prefix="progresskit-") as name:
        paths = copied(Path(name))
        used = time.process_time()
        status = main(["load", *paths, "--table", "t", "--embedded", "--null", "NA"])
        used = time.process_time() - used
    sampler.over.set()
    sampler.join()
    places = [(*place, seconds) for place, seconds in sampler.places.most_common()]
    os.write(int(sys.argv[2]), json.dumps([used, places, sampler.threads.most_common()]).encode())
    raise SystemExit(status)


def profile() -> Profile:
    """Run a load on a pty and return its profile."""
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
    """Print the profile of a load."""
    if sys.argv[1:2] == ["--child"]:
        profiled()
    as_installed()
    print(machine())
    print(profile().text())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
