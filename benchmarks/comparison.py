"""Compare progresskit with other libraries: iteration, manual updates, real kinds of work, imports, memory, and many
live bars.

All run on a pty that answers as a terminal does, in child processes that this file forks; variants of one question
share a child and are interleaved in it. `python benchmarks/report.py` prints the results.
"""

from __future__ import annotations

import contextlib
import csv
import gc
import hashlib
import io
import math
import os
import resource
import subprocess
import sys
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import cycle, pairwise, repeat
from pathlib import Path
from typing import Any, NamedTuple

from measuring import Interval, interleaved, interval, over
from peers import OURS, PEERS, Peer, Still, installed, load, ours_bars, undrawn_bars
from screen import on_a_pty

SAMPLE = Path(__file__).parents[1] / "examples" / "flights" / "flights-2013-01.csv"
Work = Callable[[Callable[[Iterable[Any], int], Iterable[Any]]], object]
"""Runs through its items with the given loop function."""


def bare(items: Iterable[Any], total: int) -> Iterable[Any]:
    """Return `items`: the control."""
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
    """Return a loop body that takes at least the given time, by counting."""
    steps = 200  # no more: larger numbers are not cached, which takes longer

    def counting() -> float:
        began = time.thread_time()
        for _ in range(200):
            for _ in range(steps):
                pass
        return (time.thread_time() - began) / (200 * steps)

    length = math.ceil(seconds / min(counting() for _ in range(20)))

    def body() -> None:
        for _ in range(length):
            pass

    return body


def works() -> dict[str, tuple[Work, int]]:
    """Return real kinds of work, and the number of items of each."""
    block = os.urandom(1 << 19) + bytes(1 << 19)
    rows = "".join(SAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)[:5_000])

    def looping(seconds: float, count: int) -> tuple[Work, int]:
        body = spin(seconds)

        def work(through: Callable[[Iterable[Any], int], Iterable[Any]]) -> None:
            for _ in through(range(count), count):
                body()

        return work, count

    def compress(through: Callable[[Iterable[Any], int], Iterable[Any]]) -> None:
        for chunk in through([block], 1):
            zlib.compress(chunk, 1, 31)

    def digest(through: Callable[[Iterable[Any], int], Iterable[Any]]) -> None:
        hashed, file = hashlib.sha256(), io.BytesIO(block * 8)
        for chunk in through(iter(lambda: file.read(65_536), b""), 128):
            hashed.update(chunk)

    def parse(through: Callable[[Iterable[Any], int], Iterable[Any]]) -> None:
        for row in through(csv.reader(io.StringIO(rows)), count_of_rows):
            len(row)

    count_of_rows = rows.count("\n")
    return {
        "body of 1 us": looping(1e-6, 10_000),
        "body of 10 us": looping(1e-5, 1_000),
        "body of 100 us": looping(1e-4, 100),
        "body of 1 ms": looping(1e-3, 10),
        "csv rows": (parse, count_of_rows),
        "gzip of 1 MB chunks": (compress, 1),
        "sha256 of 64 kB chunks": (digest, 128),
    }


def through_all(work: Work, peers: Iterable[Peer], rounds: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    """Return the seconds of `work` without progress, and with each library."""
    variants: dict[str, Callable[[], Any]] = {"bare": lambda: work(bare)}
    for peer in peers:
        variants[peer.name] = lambda peer=peer: work(peer.iterate)
    return interleaved(variants, rounds, clock)


def iteration(peers: tuple[Peer, ...], rounds: int, count: int) -> dict[str, dict[str, Interval]]:
    """Return nanoseconds of processor time an item over the bare loop: source -> peer -> interval."""

    def measure() -> dict[str, dict[str, Interval]]:
        load(peers)
        found = {}
        for name, work in sources(count).items():
            times = through_all(work, peers, rounds, time.process_time)
            items = min(count, len(SAMPLE.read_text(encoding="utf-8").splitlines())) if name == "csv reader" else count
            found[name] = {peer.name: over(times, peer.name, "bare").scaled(1e9 / items) for peer in peers}
        return found

    return intervals(on_a_pty(measure, 300.0).result)


def work(peers: tuple[Peer, ...], rounds: int) -> dict[str, dict[str, Interval]]:
    """Return what progress adds to processor time, in hundredths of the work: work -> peer -> interval.

    The processor time is that of the whole process, and so includes other threads that draw, and the fixed cost of a
    loop.
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


def long_loops() -> dict[str, tuple[Iterable[Any], Callable[[Any], object], int]]:
    """Return endless loops: their items, their bodies, and the number of items that take some milliseconds."""
    block = os.urandom(1 << 19) + bytes(1 << 19)
    lines = SAMPLE.read_text(encoding="utf-8").splitlines()[:5_000]

    def spinning(seconds: float) -> tuple[Iterable[Any], Callable[[Any], object], int]:
        body = spin(seconds)
        return range(1_000_000_000), lambda item: body(), max(int(5e-3 / seconds), 1)

    return {
        "body of 1 us": spinning(1e-6),
        "body of 10 us": spinning(1e-5),
        "body of 100 us": spinning(1e-4),
        "body of 1 ms": spinning(1e-3),
        "csv rows": (csv.reader(cycle(lines)), len, 2_000),
        "gzip of 1 MB chunks": (repeat(block), lambda chunk: zlib.compress(chunk, 1, 31), 1),
        "sha256 of 64 kB chunks": (repeat(block[: 1 << 16]), lambda chunk: hashlib.sha256(chunk), 100),
    }


def own_work(rounds: int) -> tuple[dict[str, tuple[float, Interval]], Interval]:
    """Return microseconds per item, the percentage that progresskit adds to the working thread's processor time, and
    the percentage of a core that drawing takes.

    A bare and a tracked loop continue in turn for some milliseconds each, so that most rounds are uninterrupted on a
    shared machine, and none contains the start of a loop. The drawing thread is a separate figure, because its cost
    depends on the time and not on the work.
    """

    def pausing(items: Iterable[Any], body: Callable[[Any], object], count: int) -> Iterator[None]:
        """Pause within the loop after each `count` items: to leave it would end its task."""
        left = count
        for item in items:
            body(item)
            left -= 1
            if not left:
                yield
                left = count

    def measure() -> tuple[dict[str, tuple[float, Interval]], Interval]:
        from progresskit import ProgressTracker

        found, drawn = {}, []
        with ProgressTracker("ansi") as tracker:
            for (name, (items, body, count)), (again, _, _) in zip(
                long_loops().items(), long_loops().values(), strict=True
            ):
                began, used, own = time.monotonic(), time.process_time(), time.thread_time()
                tracked = tracker.track(again, name)
                times = interleaved(
                    {
                        "bare": partial(next, pausing(items, body, count)),
                        "ours": partial(next, pausing(tracked, body, count)),
                    },
                    rounds,
                    time.thread_time,
                )
                beside = time.process_time() - used - (time.thread_time() - own)
                drawn.append(beside / (time.monotonic() - began) * 100)
                whole = interval(times["bare"]).middle
                found[name] = whole / count * 1e6, over(times, "ours", "bare").scaled(100 / whole)
                del tracked
        return found, interval(drawn)

    found, drawn = on_a_pty(measure, 400.0).result
    return {name: (each, Interval(*values)) for name, (each, values) in found.items()}, Interval(*drawn)


def intervals(found: dict[str, dict[str, list[float]]]) -> dict[str, dict[str, Interval]]:
    """Return the intervals from the lists that JSON has made of them."""
    return {name: {peer: Interval(*values) for peer, values in line.items()} for name, line in found.items()}


def updates(peer: Peer, count: int, threads: int) -> tuple[float, float]:
    """Return nanoseconds per update in one thread, and the share of `count` updates that `threads` threads lose."""

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
            with contextlib.suppress(Exception):  # an exception is a lost update too
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
    """Return the milliseconds of processor time that the import of each adds to the interpreter's start."""
    # An installed package has compiled files. Without them, this would time the compiler.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    codes = {peer.name: f"import {peer.module}" for peer in peers}
    codes |= {"bare": "pass", "from progresskit import track": "from progresskit import track, ProgressTracker"}

    def start(code: str) -> Callable[[], Any]:
        return lambda: subprocess.run([sys.executable, "-c", code], env=environ, check=True)

    def of_children() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    times = interleaved({name: start(code) for name, code in codes.items()}, rounds, of_children)
    return {name: over(times, name, "bare").scaled(1e3) for name in codes if name != "bare"}


def memory_of_peers(count: int) -> Iterator[tuple[str, float]]:
    """Yield the bytes of a bar before it is drawn, with its text, for each library that can have many bars."""

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

    def enlighten() -> list[Any]:
        import enlighten

        manager = enlighten.Manager(stream=io.StringIO(), enabled=False)
        return [manager, *(manager.counter(total=1_000_000, desc=f"task number {n}") for n in range(count))]

    def progresskit() -> list[Any]:
        from progresskit import ProgressTracker

        tracker = ProgressTracker("none", ticker=Still())
        return [tracker, *(tracker.add_task(f"task number {n}", 1_000_000) for n in range(count))]

    makers: dict[str, Callable[[], list[Any]]] = {
        "progresskit": progresskit,
        "tqdm": tqdm,
        "rich": rich,
        "progressbar2": progressbar2,
        "enlighten": enlighten,
    }

    def measured(make: Callable[[], list[Any]]) -> float:
        kept = make()  # imports
        kept.clear()
        gc.collect()
        tracemalloc.start()
        kept = make()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / max(len(kept), 1)

    for name, make in makers.items():
        if any(peer.name == name and peer.version for peer in (OURS, *PEERS)):
            yield name, on_a_pty(lambda make=make: measured(make), 120.0).result


DRAWERS: dict[str, Callable[[int], tuple[Callable[[], None], Callable[[], object]]]] = {
    **{f"progresskit {renderer}": ours_bars(renderer) for renderer in ("ansi", "tqdm", "rich", "alive")},
    **{peer.name: peer.bars for peer in PEERS if peer.bars is not None},
}


class Drawn(NamedTuple):
    """The cost of live bars in hundredths of a core, and the longest gap between two writes in seconds."""

    whole: Interval  # of the process, minus a control that moves the same bars and draws none
    ticker: Interval | None  # of progresskit's drawing thread, which the budget limits
    gap: float


def drawing(name: str, count: int, windows: int, seconds: float) -> Drawn | str:
    """Return the cost of `count` bars that all move ten times a second, over `windows` windows.

    The control of the other libraries moves nothing, because their movements cannot be separated from drawing. Returns
    a message if the cost cannot be measured.
    """
    ours = name.startswith("progresskit")

    def run_for(advance: Callable[[], None], clocks: list[Callable[[], float]], duration: float) -> list[float]:
        began, used = time.monotonic(), [clock() for clock in clocks]
        while (passed := time.monotonic() - began) < duration:
            advance()
            time.sleep(0.1)
        return [(clock() - before) / passed * 100 for clock, before in zip(clocks, used, strict=True)]

    def measure() -> dict[str, Any]:
        still = undrawn_bars(count)[0] if ours else lambda: None
        control = interval([run_for(still, [time.process_time], 0.5)[0] for _ in range(3)]).middle
        # A budget holds over time, so the setup of a thousand bars and the costly first frame are excluded.
        advance, _ = DRAWERS[name](count)
        run_for(advance, [], 2.0)
        clocks: list[Callable[[], float]] = [time.process_time]
        for thread in threading.enumerate():
            if thread.name == "progresskit" and thread.ident is not None:
                clocks.append(partial(time.clock_gettime, time.pthread_getcpuclockid(thread.ident)))
        if ours and len(clocks) == 1:
            raise RuntimeError("no thread of ours draws")
        began = time.monotonic()
        shares = [run_for(advance, clocks, seconds) for _ in range(windows)]
        whole = interval([share[0] - control for share in shares])
        ticker = interval([share[1] for share in shares]) if len(clocks) > 1 else None
        return {"began": began, "ended": time.monotonic(), "whole": whole, "ticker": ticker}

    try:
        seen = on_a_pty(measure, 25.0 + windows * seconds)
    except RuntimeError as error:
        return str(error).strip().splitlines()[-1][:80]
    began, ended = seen.result["began"], seen.result["ended"]
    marks = [began, *(at for at in seen.writes if began < at < ended), ended]
    ticker = seen.result["ticker"]
    return Drawn(
        Interval(*seen.result["whole"]),
        Interval(*ticker) if ticker else None,
        max(after - before for before, after in pairwise(marks)),
    )


def slow_renderer(seconds: float, frames: int) -> tuple[Interval, float]:
    """Return the hundredths of a core of a renderer that computes for the given time in each frame, and the seconds
    between its frames."""

    def measure() -> list[tuple[float, float]]:
        from progresskit import ProgressTracker
        from progresskit.testing import RecordingRenderer

        drawn: list[tuple[float, float]] = []

        class Slow(RecordingRenderer):
            def render(self, frame: Any) -> None:
                drawn.append((time.monotonic(), time.thread_time()))
                until = time.thread_time() + seconds
                while time.thread_time() < until:
                    pass

        with ProgressTracker(Slow()) as tracker:
            task = tracker.add_task("slow to draw")
            while len(drawn) < frames:
                task.advance()
                time.sleep(0.1)
        return drawn[1:frames]  # the first frame is excluded, because it pays for imports

    marks = [tuple(mark) for mark in on_a_pty(measure, 100.0 * frames).result]
    # The thread's cost between two frames is known only after the first gap, and counts in the budget of later frames.
    gaps = [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(marks)][1:]
    return interval([100 * used / passed for passed, used in gaps]), max(passed for passed, _ in gaps)


__all__ = ["DRAWERS", "drawing", "imports", "installed", "iteration", "memory_of_peers", "own_work", "updates", "work"]
