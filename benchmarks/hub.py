"""Measure what a hub and its clients cost, and how soon a killed client is detected.

64 processes with five tasks each, advanced ten times a second, on one hub that draws with `ansi` on a pseudo-terminal: under
5 % of a core for the hub, and 0.2 % for a client. The figures are processor time beyond that of as many processes
without a tracker, round by round; the median is judged. A client sends as many frames as its budget allows, so the hub
is measured once more with ten a second from each. Then 20 clients are killed, one after the other: each must be shown
as lost within a second. Then 1,000 clients over real sockets end some tasks each: every final state must arrive.
A client's frame of one task is measured beside a program that waits, encodes as much with `json` and sends it.
Workers are measured in interleaved rounds: a forked process with one short `track` beside one without, which the same program forks,
and a pool whose tasks of 5 ms count in a shared task. The processor time is that of the child, and of its fork in the parent. A
process copies each memory page that it writes to, at some four microseconds, and makes 445 page faults where its parent has a tracker
with a task, and 520 with a `track`. Beside a program without progresskit (370 page faults) it takes 1.6, as where the parent has no
tracker; on a terminal it takes 1.9. A bare program with as much memory and as many threads takes 1.1 already, one with the tracker
1.2, and one with the least code that a loop needs, a sketch of a hook, a generator and a thread, 1.25. Where names lie in memory
differs from run to run, so a figure differs by 0.1: the one that is judged, and these, are means of 16 runs.
The figures need compiled modules: with PYTHONDONTWRITEBYTECODE and changed sources, other pages are touched.
Bounded: less than three minutes with the defaults.

    python benchmarks/hub.py [--processes 64] [--rounds 5] [--seconds 6] [--kills 20] [--clients 1000] [--forks 15]
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import pty
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import fmean, median
from typing import Any, NamedTuple, TextIO

from blocked import drain
from measuring import is_loaded, judged

from progresskit import Frame, ProgressTracker, Task, track
from progresskit._cli.run import BUDGET
from progresskit._model.frames import sample_view
from progresskit.processes._client import HubRenderer
from progresskit.processes.feed import Feed
from progresskit.processes.hub import Hub
from progresskit.renderers.ansi import AnsiRenderer
from progresskit.testing import EmulatedTerminal

WORKER = """
import sys, time
from progresskit import ProgressTracker
seconds, tasks = float(sys.argv[1]), []
if sys.argv[2] == "client":
    tracker = ProgressTracker()
    tracker.start()
    tasks = [tracker.add_task(f"task {number}", total=1_000_000, unit="row") for number in range(5)]
for line in sys.stdin:  # a round; imports and the first frames are no part of the running cost
    began, until = time.process_time(), time.monotonic() + seconds
    while time.monotonic() < until:
        for task in tasks:
            task.advance(7)
        time.sleep(0.1)
    print(time.process_time() - began, flush=True)
if tasks:
    tracker.stop()
"""
SETTLING = 2.0
"""Seconds after which new processes have reached their steady state."""


class Workers:
    """Processes that work in rounds."""

    def __init__(self, count: int, seconds: float, kind: str, environ: dict[str, str]) -> None:
        command = [sys.executable, "-c", WORKER, str(seconds), kind]
        pipe = subprocess.PIPE
        self._all = [subprocess.Popen(command, env=environ, stdin=pipe, stdout=pipe, text=True) for _ in range(count)]

    def begin(self) -> None:
        for process in self._all:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()

    def used(self) -> float:
        """Wait for the end of the round, and return the seconds of processor time that a process took on average."""
        return fmean(float(process.stdout.readline()) for process in self._all if process.stdout is not None)

    def end(self) -> None:
        for process in self._all:
            process.communicate(timeout=60)


def drained(fd: int) -> None:
    try:
        while os.read(fd, 65536):
            pass
    except OSError:
        pass


@contextmanager
def pseudo_terminal() -> Iterator[TextIO]:
    """Yield a stream on a terminal of 50 lines that is read."""
    master, slave = pty.openpty()
    reader = threading.Thread(target=drained, args=(master,), daemon=True)
    reader.start()
    os.environ["LINES"], os.environ["COLUMNS"] = "50", "100"
    with open(slave, "w", encoding="utf-8") as stream:
        yield stream
    reader.join(5.0)
    os.close(master)


class Cost(NamedTuple):
    """Shares of a core, and the frames of each client that are shown in a second."""

    hub: float
    client: float
    frames: float


class Watching(Feed):
    """Counts the frames that are shown."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.received = 0

    def receive(self, source: Any, frame: Frame, order: Any = None) -> None:
        self.received += 1
        super().receive(source, frame, order)


def costs(count: int, rounds: int, seconds: float, **settings: str) -> list[Cost]:
    """Return the costs of the hub and of a client, round by round. `settings` are in the clients' environment."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PROGRESSKIT_")}
    found = []
    with pseudo_terminal() as stream:
        feed = Watching("ansi", stream=stream, budget=BUDGET)
        with feed, Hub(feed) as hub:
            clients = Workers(count, seconds, "client", environ | hub.environment | settings)
            control = Workers(count, seconds, "bare", environ)
            while feed.live < 5 * count:
                time.sleep(0.1)
                feed.announce()
            time.sleep(SETTLING)
            for _ in range(rounds):
                began, clock, received = time.process_time(), time.monotonic(), feed.received
                clients.begin()
                control.begin()
                client = (clients.used() - control.used()) / seconds
                took = time.monotonic() - clock
                found.append(
                    Cost((time.process_time() - began) / took, client, (feed.received - received) / took / count)
                )
            clients.end()
            control.end()
    return found


class Noting(AnsiRenderer):
    """Notes the time of each frame that shows a lost client."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = threading.Event()

    def render(self, frame: Frame) -> None:
        super().render(frame)
        if any(view.reason == "lost" for view in frame.ended):
            self.lost.set()


def losses(kills: int, others: int = 8) -> list[float]:
    """Return the seconds from each of `kills` to the frame that shows it, with `others` that continue to work."""
    seconds = []
    with pseudo_terminal() as stream:
        renderer = Noting()
        feed = Feed(renderer, stream=stream, budget=BUDGET)
        with feed, Hub(feed) as hub:
            environ = os.environ | hub.environment
            working = Workers(others, 4.0 * kills, "client", environ)
            working.begin()
            for _ in range(kills):
                victim = subprocess.Popen(
                    [sys.executable, "-c", WORKER, "60", "client"], env=environ, stdin=subprocess.PIPE
                )
                while feed.live < 5 * (others + 1):
                    time.sleep(0.05)
                renderer.lost.clear()
                began = time.monotonic()
                victim.kill()
                if not renderer.lost.wait(30.0):
                    raise SystemExit("a client that was killed is not shown as lost")
                seconds.append(time.monotonic() - began)
                victim.communicate()
            for process in working._all:
                process.kill()
            working.end()
    return seconds


def endings(count: int) -> tuple[int, float]:
    """Return how many final states of `count` clients reached the feed, ten each, and how long that took."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(4 * count, 4096), hard), hard))
    began = time.monotonic()
    with pseudo_terminal() as stream:
        feed = Feed("ansi", stream=stream, totals=True)
        with feed:
            hub = Hub(feed)
            hub.start()
            clients = []
            for _ in range(count):
                client = HubRenderer(str(hub.address))
                client.start(EmulatedTerminal())
                clients.append(client)
            for number in range(10):
                view = sample_view(id=number, description=f"file {number}", total=10, completed=5, keep=False)
                for client in clients:
                    client.render(Frame(float(number), (view,)))
                for client in clients:
                    client.render(Frame(number + 0.5, (), (view._replace(state="finished", completed=10),)))
            for client in clients:
                client.stop()
            hub.stop()
            finished = int(feed.frame().tasks[0].completed)  # of the line that sums up all
    return finished, time.monotonic() - began


def bare_loop() -> None:
    for _ in range(5):
        pass


def tracked_loop() -> None:
    for _ in track(range(5), "short"):
        pass


FORKER = """
import multiprocessing, resource, sys, time
def loop():
    for _ in range(5):
        pass
def tracked():
    for _ in track(range(5), "short"):
        pass
kind, context, target = sys.argv[1], multiprocessing.get_context("fork"), loop
if kind in ("alike", "sketch"):
    import threading
    memory = [bytes(500) for _ in range(8_000)]
    for _ in range(2):
        threading.Thread(target=time.sleep, args=(3_600.0,), daemon=True).start()
elif kind != "bare":
    from progresskit import ProgressTracker, track
    if kind != "alone":
        tracker = ProgressTracker()
        tracker.start()
        task = tracker.add_task("Files", 1_000_000)
    target = loop if kind == "entered" else tracked
if kind == "sketch":
    import _thread, operator, os
    from functools import partial
    from itertools import chain
    reader, writer = os.pipe()
    unused = os.dup(0)
    watch = partial(_thread.start_new_thread, list, (map(operator.call, (partial(time.sleep, 0.05),)),))
    def after(close=os.close, unused=unused, putenv=os.putenv, variable=(b"PROGRESSKIT_HUB", b"address")):
        close(unused)
        putenv(*variable)
    def portions(source, size, write=os.write, clock=time.monotonic):
        began = clock()
        watch()
        yield source
        write(writer, b"%d %d it\\n" % (size, 1e6 * (clock() - began)))
    def track(iterable, description):
        return chain.from_iterable(portions(iter(iterable), len(iterable)))
    os.register_at_fork(after_in_child=after)
    started, watch = watch, int
    for _ in range(64):
        tracked()
    os.read(reader, 65_536)
    watch, target = started, tracked
for line in sys.stdin:  # a round
    began, parents = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(8):
        process = context.Process(target=target)
        process.start()
        process.join()
    took, ended = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    here = resource.getrusage(resource.RUSAGE_SELF)
    cpu = ended.ru_utime + ended.ru_stime - used.ru_utime - used.ru_stime
    cpu += here.ru_utime + here.ru_stime - parents.ru_utime - parents.ru_stime
    print(took, cpu, ended.ru_minflt - used.ru_minflt, flush=True)
"""
KINDS = ("bare", "entered", "tracked", "alike", "sketch", "alone", "shown")
"""A program without progresskit; one whose children do not use its tracker, which has a task; one with a `track` in each child; a
program without progresskit that has as much memory as the third, 4 MB more than the first, and as many threads, which is the floor;
that one with the least that progress of a child takes: one hook of the fork, one generator, one write and a thread that would see to a
row; one with a `track` in each child and no tracker in the parent; and the third on a terminal. The others write to a log."""


class ProcessCost(NamedTuple):
    """The cost of forked processes: seconds and pages, or relative to other processes."""

    wall: float
    cpu: float
    pages: float

    def __str__(self) -> str:
        return f"wall {self.wall:.2f}, processor time {self.cpu:.2f}, pages {self.pages:.2f}"


def forks_in_turn(kinds: tuple[str, ...], rounds: int, **settings: str) -> list[list[ProcessCost]]:
    """Return what eight forks of a program of each of `kinds` take, in seconds and pages, round by round. `settings` are in the
    programs' environment."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PROGRESSKIT_")}
    environ.update(settings, TERM="xterm")
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", FORKER]
    screen, terminal = pty.openpty()
    threading.Thread(target=drain, args=(screen,), daemon=True).start()
    forkers = [
        subprocess.Popen(
            [*command, "tracked" if kind == "shown" else kind],
            env=environ,
            stdin=pipe,
            stdout=pipe,
            stderr=terminal if kind == "shown" else subprocess.DEVNULL,
            text=True,
        )
        for kind in kinds
    ]
    os.close(terminal)
    found: list[list[ProcessCost]] = []
    for _ in range(rounds + 1):
        found.append([])
        for process in forkers:  # in turn
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            found[-1].append(ProcessCost(*map(float, process.stdout.readline().split())))
    for process in forkers:
        process.communicate(timeout=60)
    return found[1:]  # without imports


def relative(found: list[list[ProcessCost]], kind: int, control: int = 0) -> ProcessCost:
    """Return the cost of a program relative to that of another one, by their places in the rounds: medians of pairs."""
    return ProcessCost(*(median(each[kind][what] / each[control][what] for each in found) for what in range(3)))


def short_loop(rounds: int) -> ProcessCost:
    """Return the cost of a short-lived process with a `track` relative to one without in the same program: the mean over programs
    whose names lie in different places of the memory."""
    found = [
        relative(forks_in_turn(("entered", "tracked"), rounds, PYTHONHASHSEED=str(seed)), 1) for seed in range(1, 17)
    ]
    return ProcessCost(*map(fmean, zip(*found, strict=True)))


FRAMER = """
import json, socket, sys, threading, time
frames = [0]
def spent():
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
if sys.argv[1] == "client":
    from progresskit import ProgressTracker
    from progresskit.processes._client import HubRenderer
    render = HubRenderer.render
    def counted(self, frame):
        frames[0] += 1
        render(self, frame)
    HubRenderer.render = counted
    tracker = ProgressTracker(budget=1.0)
    tracker.start()
    task = tracker.add_task("orders.csv", total=1_000_000, unit="row")
    while not frames[0]:
        time.sleep(0.01)
    thread, = (each for each in threading.enumerate() if each.name == "progresskit")
    step = task.advance
else:
    out, gate = socket.socket(fileno=int(sys.argv[2])), threading.Lock()
    document = {"time": 12.345678, "tasks": [{
        "id": 1, "parent": None, "depth": 0, "position": 0, "description": "orders.csv", "completed": 1, "total": 1_000_000,
        "unit": "row", "state": "running", "elapsed": 12.345678, "rate": 99.876543, "eta": 12345.678912, "fields": {}, "color": None,
        "keep": True, "estimated": False, "reason": None, "age": 12.345678}], "ended": [], "more": 0}
    def send():
        gate.acquire()
        while True:
            gate.acquire(timeout=0.1)
            document["tasks"][0]["completed"] += 7
            out.send(json.dumps(document).encode())
            frames[0] += 1
    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    def step(count):
        pass
for line in sys.stdin:  # a round
    began, before, until = spent(), frames[0], time.monotonic() + float(line)
    while time.monotonic() < until:
        step(7)
        time.sleep(0.02)
    print((spent() - began) / max(frames[0] - before, 1), flush=True)
if sys.argv[1] == "client":
    began, before = spent(), frames[0]
    for _ in range(1_000):
        step(7)
        tracker.refresh()
    print((spent() - began) / max(frames[0] - before, 1), flush=True)
    tracker.stop()
"""
"""A program that sends a frame of one task ten times a second. The control waits, encodes it with `json` and sends it: three lines."""


class FrameCost(NamedTuple):
    """Seconds of the sending thread's processor time a frame, its wake-up included."""

    cold: float  # ten a second: what it touches is out of the processor's cache
    control: float
    warm: float  # one after the other


def client_frames(rounds: int, seconds: float) -> FrameCost:
    """Return what a frame of a client with one task costs; medians over rounds in which client and control take turns."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PROGRESSKIT_")}
    ours, theirs = socket.socketpair()
    reader = threading.Thread(target=drained, args=(ours.fileno(),), daemon=True)
    reader.start()
    pipe, found = subprocess.PIPE, list[list[float]]()
    with Feed("none") as feed, Hub(feed) as hub:
        programs = [
            subprocess.Popen(
                [sys.executable, "-c", FRAMER, kind, str(theirs.fileno())],
                env=environ | hub.environment,
                stdin=pipe,
                stdout=pipe,
                text=True,
                pass_fds=[theirs.fileno()],
            )
            for kind in ("client", "control")
        ]
        theirs.close()
        for _ in range(rounds + 1):
            found.append([])
            for process in programs:  # in turn
                assert process.stdin is not None and process.stdout is not None
                process.stdin.write(f"{seconds}\n")
                process.stdin.flush()
                found[-1].append(float(process.stdout.readline()))
        warm, _ = (process.communicate(timeout=60)[0] for process in programs)
    reader.join(5.0)
    ours.close()
    del found[0]  # imports
    cold, control = (median(column) for column in zip(*found, strict=True))
    return FrameCost(cold, control, float(warm))


def work(item: tuple[Task | None, int]) -> None:
    task, steps = item
    for _ in range(steps):
        time.sleep(0.001)
        if task is not None:
            task.advance()


def handed(rounds: int, tasks: int = 400) -> tuple[float, int, int]:
    """Return the cost of a pool's work that counts in a shared task, relative to work that does not; the count, and the
    expected count."""
    ratios, counted, expected = [], 0, 0
    with open(os.devnull, "w") as nowhere, ProgressTracker("ansi", stream=nowhere) as tracker:
        shared = tracker.add_task("shared")
        with multiprocessing.get_context("fork").Pool(2) as pool:
            for _ in range(rounds):
                times = []
                for task in (None, shared):
                    began = time.perf_counter()
                    pool.map(work, [(task, 5)] * tasks, chunksize=1)
                    times.append(time.perf_counter() - began)
                ratios.append(times[1] / times[0])
                expected += 5 * tasks
        counted = int(shared.completed)
    return median(ratios), counted, expected


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--clients", type=int, default=1_000)
    parser.add_argument("--forks", type=int, default=15)
    options = parser.parse_args()
    loaded = is_loaded()
    loop, forks = short_loop(options.forks), forks_in_turn(KINDS, options.forks)
    entered, tracked, alike, sketch, alone, on_terminal = (relative(forks, kind) for kind in range(1, len(KINDS)))
    pool, counted, expected = handed(options.rounds)
    frame = client_frames(options.rounds, options.seconds / 2)
    rounds = costs(options.processes, options.rounds, options.seconds)
    hub, client, frames = (median(column) for column in zip(*rounds, strict=True))
    flooded = median(each.hub for each in costs(options.processes, 3, options.seconds, PROGRESSKIT_BUDGET="1"))
    lost = losses(options.kills)
    seen, took = endings(options.clients)
    rows = (
        (f"hub of {options.processes} processes with 5 tasks", 100 * hub, "% of a core", 5.0, hub < 0.05),
        (
            "the same, 10 frames/s from each client",
            100 * flooded,
            "% of a core",
            5.0,
            flooded < 0.05,
        ),
        ("one client with 5 tasks", 100 * client, "% of a core", 0.2, client < 0.002),
        (
            "a client's frame of one task, 10 a second",
            frame.cold / frame.control,
            "x control",
            3.0,
            frame.cold < 3.0 * frame.control,
        ),
        ("the same, one after the other", 1e6 * frame.warm, "us", 100.0, frame.warm < 1e-4),
        (f"SIGKILL to lost, worst of {options.kills}", max(lost), "s", 1.0, max(lost) < 1.0),
        ("forked for one short track, on the wall", loop.wall, "x without", 1.3, loop.wall < 1.3),
        ("the same, processor time", loop.cpu, "x without", 1.3, loop.cpu < 1.3),
        ("a pool's tasks of 5 ms with a handle", pool, "x without", 1.05, pool < 1.05),
        ("what they have counted", counted, "", expected, counted == expected),
        (f"final states of {options.clients:,d} clients", seen, "", 10 * options.clients, seen == 10 * options.clients),
    )
    loaded = loaded or is_loaded()
    verdicts = [judged(good, loaded=loaded, counted=not unit) for _, _, unit, _, good in rows]
    for (name, value, unit, bar, _), verdict in zip(rows, verdicts, strict=True):
        print(f"{name:<42} {value:10.3f} {unit:<12} bar {bar:<8} {verdict}")
    spread = ", ".join(f"{100 * each.hub:.2f}/{100 * each.client:.3f}" for each in rounds)
    print(
        f"forked for one short track, beside one without: {loop}; beside a program without progresskit: {tracked}; one without a "
        f"`track`, beside that program: {entered}; a bare program with as much memory and as many threads: {alike}; with the least "
        f"code as well: {sketch}; with no tracker in the parent: {alone}; on a terminal: {on_terminal}"
    )
    print(
        f"a client's frame of one task, 10 a second: {1e6 * frame.cold:.0f} us, the control's {1e6 * frame.control:.0f} us"
    )
    print(f"hub/client by round: {spread}; what a client shows changes {frames:.1f} times a second")
    print(f"SIGKILL to lost, median: {median(lost):.3f} s; final states: {took:.1f} s")
    return int("FAIL" in verdicts)


if __name__ == "__main__":
    sys.exit(main())
