"""The peers side by side: iteration, manual updates, work of real kinds, imports, memory, and many live bars.

All run on a pty that answers as a terminal does, in child processes that this file forks; variants of one question share a
child and are interleaved in it. `python benchmarks/report.py` puts the answers together.
"""

from __future__ import annotations

import contextlib
import csv
import gc
import hashlib
import io
import os
import subprocess
import sys
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from measuring import Interval, interleaved, interval, over
from peers import OURS, PEERS, Peer, installed, load, ours_bars
from screen import on_a_pty

SAMPLE = Path(__file__).parents[1] / "examples" / "flights" / "flights-2013-01.csv"
Work = Callable[[Callable[[Iterable[Any], int], Iterable[Any]]], object]
"""What runs through its items by way of what it is given."""


def bare(items: Iterable[Any], total: int) -> Iterable[Any]:
    """Hand on `items`: the control."""
    return items


def sources(count: int) -> dict[str, Work]:
    """Return loops with an empty body over sources of several kinds."""
    numbers = list(range(count))
    text = SAMPLE.read_text(encoding="utf-8").splitlines()[:count]

    def run(make: Callable[[], Iterable[Any]], total: int) -> Work:
        def work(through: Callable[[Iterable[Any], int], Iterable[Any]]) -> None:
            for _ in through(make(), total):
                pass

        return work

    return {
        "range": run(lambda: range(count), count),
        "list": run(lambda: numbers, count),
        "generator": run(lambda: (n for n in numbers), count),
        "csv reader": run(lambda: csv.reader(text), len(text)),
    }


def spin(seconds: float) -> Callable[[], None]:
    """Return a body that takes about so long, by counting."""
    steps, took = 1_000, 0.0
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(steps):
            pass
        took = (time.perf_counter() - began) / steps
    length = max(int(seconds / took), 1)

    def body() -> None:
        for _ in range(length):
            pass

    return body


def works() -> dict[str, tuple[Work, int]]:
    """Return work of real kinds, and how many items each has."""
    block = os.urandom(1 << 19) + bytes(1 << 19)
    rows = SAMPLE.read_text(encoding="utf-8")

    def looping(seconds: float, count: int) -> tuple[Work, int]:
        body = spin(seconds)

        def work(through: Callable[[Iterable[Any], int], Iterable[Any]]) -> None:
            for _ in through(range(count), count):
                body()

        return work, count

    def compress(through: Callable[[Iterable[Any], int], Iterable[Any]]) -> None:
        for chunk in through([block] * 4, 4):
            zlib.compress(chunk, 1, 31)

    def digest(through: Callable[[Iterable[Any], int], Iterable[Any]]) -> None:
        hashed, file = hashlib.sha256(), io.BytesIO(block * 16)
        for chunk in through(iter(lambda: file.read(65_536), b""), 256):
            hashed.update(chunk)

    def parse(through: Callable[[Iterable[Any], int], Iterable[Any]]) -> None:
        for row in through(csv.reader(io.StringIO(rows)), count_of_rows):
            len(row)

    count_of_rows = rows.count("\n")
    return {
        "body of 1 us": looping(1e-6, 50_000),
        "body of 10 us": looping(1e-5, 5_000),
        "body of 100 us": looping(1e-4, 500),
        "body of 1 ms": looping(1e-3, 50),
        "csv rows": (parse, count_of_rows),
        "gzip of 1 MB chunks": (compress, 4),
        "sha256 of 64 kB chunks": (digest, 256),
    }


def through_all(work: Work, peers: Iterable[Peer], rounds: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    """Return the seconds of `work` bare, and by way of each peer."""
    variants: dict[str, Callable[[], Any]] = {"bare": lambda: work(bare)}
    for peer in peers:
        variants[peer.name] = lambda peer=peer: work(peer.iterate)
    return interleaved(variants, rounds, clock)


def iteration(peers: tuple[Peer, ...], rounds: int, count: int) -> dict[str, dict[str, Interval]]:
    """Return nanoseconds an item over the bare loop: source -> peer -> interval."""

    def measure() -> dict[str, dict[str, Interval]]:
        load(peers)
        found = {}
        for name, work in sources(count).items():
            times = through_all(work, peers, rounds, time.perf_counter)
            items = min(count, len(SAMPLE.read_text(encoding="utf-8").splitlines())) if name == "csv reader" else count
            found[name] = {peer.name: over(times, peer.name, "bare").scaled(1e9 / items) for peer in peers}
        return found

    return intervals(on_a_pty(measure, 300.0).result)


def work(peers: tuple[Peer, ...], rounds: int) -> dict[str, dict[str, Interval]]:
    """Return what progress adds to processor time, in hundredths of the work: work -> peer -> interval.

    Of the whole process, so that what other threads draw is in it.
    """

    def measure() -> dict[str, dict[str, Interval]]:
        load(peers)
        found = {}
        for name, (job, _) in works().items():
            times = through_all(job, peers, rounds, time.process_time)
            whole = interval(times["bare"]).middle
            found[name] = {peer.name: over(times, peer.name, "bare").scaled(100 / whole) for peer in peers}
        return found

    return intervals(on_a_pty(measure, 400.0).result)


def intervals(found: dict[str, dict[str, list[float]]]) -> dict[str, dict[str, Interval]]:
    """Return the intervals that JSON has made lists of."""
    return {name: {peer: Interval(*values) for peer, values in line.items()} for name, line in found.items()}


def updates(peer: Peer, count: int, threads: int) -> tuple[float, float]:
    """Return nanoseconds an update by one thread, and the share that is lost of `count` by `threads`."""

    def measure() -> tuple[float, float]:
        assert peer.manual is not None
        update, _, close = peer.manual(count)
        best = float("inf")
        for _ in range(5):
            began = time.perf_counter()
            for _ in range(count // 5):
                update()
            best = min(best, (time.perf_counter() - began) / (count // 5))
        close()
        update, read, close = peer.manual(count)

        def run() -> None:
            with contextlib.suppress(Exception):  # what a library raises under threads is a lost update too
                for _ in range(count // threads):
                    update()

        sys.setswitchinterval(1e-6)
        workers = [threading.Thread(target=run) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        sys.setswitchinterval(0.005)
        done = read() or 0
        with contextlib.suppress(Exception):
            close()
        return best * 1e9, 1 - done / (count // threads * threads)

    return tuple(on_a_pty(measure, 60.0).result)  # type: ignore[return-value]  # two numbers, by way of JSON


def imports(peers: Iterable[Peer], rounds: int) -> dict[str, Interval]:
    """Return the milliseconds that the import of each adds to the interpreter's start."""
    # Compiled files are what an installed package has: without them this would time the compiler.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    codes = {peer.name: f"import {peer.module}" for peer in peers}
    codes |= {"bare": "pass", "from progresskit import track": "from progresskit import track, ProgressTracker"}

    def start(code: str) -> Callable[[], Any]:
        return lambda: subprocess.run([sys.executable, "-c", code], env=environ, check=True)

    times = interleaved({name: start(code) for name, code in codes.items()}, rounds)
    return {name: over(times, name, "bare").scaled(1e3) for name in codes if name != "bare"}


def memory_of_peers(count: int) -> Iterator[tuple[str, float]]:
    """Yield the bytes that a bar of each peer that can have many takes, its text included, before it is drawn."""

    def tqdm() -> list[Any]:
        from tqdm import tqdm

        return [tqdm(total=1_000_000, desc=f"task number {n}", file=io.StringIO()) for n in range(count)]

    def rich() -> list[Any]:
        from rich.progress import Progress

        progress = Progress()
        return [progress, *(progress.add_task(f"task number {n}", total=1_000_000) for n in range(count))]

    def progressbar2() -> list[Any]:
        import progressbar

        return [progressbar.ProgressBar(max_value=1_000_000, fd=io.StringIO()) for n in range(count)]

    makers: dict[str, Callable[[], list[Any]]] = {"tqdm": tqdm, "rich": rich, "progressbar2": progressbar2}

    def measured(make: Callable[[], list[Any]]) -> float:
        kept = make()  # imports
        kept.clear()
        gc.collect()
        tracemalloc.start()
        kept = make()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / max(len(kept), 1)

    for name, make in makers.items():
        if any(peer.name == name and peer.version for peer in PEERS):
            yield name, on_a_pty(lambda make=make: measured(make), 120.0).result


DRAWERS: dict[str, Callable[[int], tuple[Callable[[], None], Callable[[], object]]]] = {
    **{f"progresskit {renderer}": ours_bars(renderer) for renderer in ("ansi", "tqdm", "rich", "alive")},
    **{peer.name: peer.bars for peer in PEERS if peer.bars is not None},
}


def drawing(name: str, count: int, seconds: float) -> tuple[float, float] | str:
    """Return hundredths of a core and the longest gap between two writes, with `count` bars all moved ten times a second.

    The moving is in the figure: some draw there. The share is of the time that passed, which is longer than `seconds` where the
    moving itself takes longer than a tenth of a second. A sentence where it cannot be had.
    """

    def measure() -> tuple[float, float, float]:
        # A budget holds over the time it is given: setting up a thousand bars, and the costly first frame of all, come before.
        advance, _ = DRAWERS[name](count)
        warm = time.monotonic() + 2.0
        while time.monotonic() < warm:
            advance()
            time.sleep(0.1)
        began, used = time.monotonic(), time.process_time()
        while time.monotonic() - began < seconds:
            advance()
            time.sleep(0.1)
        ended = time.monotonic()
        return began, ended, (time.process_time() - used) / (ended - began)

    try:
        seen = on_a_pty(measure, 25.0 + seconds)
    except RuntimeError as error:
        return str(error).strip().splitlines()[-1][:80]
    began, ended, share = seen.result
    marks = [began, *(at for at in seen.writes if began < at < ended), ended]
    return share * 100, max(after - before for before, after in pairwise(marks))


__all__ = ["DRAWERS", "OURS", "drawing", "imports", "installed", "iteration", "memory_of_peers", "updates", "work"]
