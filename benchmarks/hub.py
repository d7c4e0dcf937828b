"""What a hub and its clients cost: processor time, on top of what the same processes need without progress.

64 processes with five tasks each, advanced ten times a second, on one hub that draws with `ansi` on a pseudo-terminal: under
5 % of a core for the hub, and 0.2 % for a client. Then 1,000 clients over real sockets, each of which ends some tasks: every
final state is seen. Bounded: about two minutes with the defaults.

    python benchmarks/hub.py [--processes 64] [--seconds 20] [--clients 1000]
"""

from __future__ import annotations

import argparse
import os
import pty
import resource
import subprocess
import sys
import threading
import time

from progresskit import Frame
from progresskit.feed import Feed
from progresskit.frames import sample_view
from progresskit.hub import Hub
from progresskit.renderers.hub import HubRenderer
from progresskit.testing import EmulatedTerminal

WORKER = """
import sys, time
from progresskit import ProgressTracker
seconds, tasks = float(sys.argv[1]), []
if sys.argv[2] == "client":
    tracker = ProgressTracker()
    tracker.start()
    tasks = [tracker.add_task(f"task {number}", total=1_000_000, unit="row") for number in range(5)]
time.sleep(1.0)  # imports and the first frames are no part of the running cost
sys.stdin.readline()
began, until = time.process_time(), time.monotonic() + seconds
while time.monotonic() < until:
    for task in tasks:
        task.advance(7)
    time.sleep(0.1)
print(time.process_time() - began, flush=True)
if tasks:
    tracker.stop()
"""


def workers(count: int, seconds: float, kind: str, environ: dict[str, str]) -> list[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WORKER, str(seconds), kind]
    return [
        subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]


def measure(processes: list[subprocess.Popen[str]]) -> list[float]:
    """Let `processes` begin, and return the seconds of processor time that each took."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [float(process.communicate(timeout=120)[0]) for process in processes]


def drained(fd: int) -> None:
    try:
        while os.read(fd, 65536):
            pass
    except OSError:
        pass


def costs(count: int, seconds: float) -> tuple[float, float]:
    """Return the shares of a core that the hub and one client take."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PROGRESSKIT_")}
    control = measure(workers(count, seconds, "bare", environ))
    master, slave = pty.openpty()
    threading.Thread(target=drained, args=(master,), daemon=True).start()
    os.environ["LINES"], os.environ["COLUMNS"] = "50", "100"
    with open(slave, "w", encoding="utf-8") as stream:
        feed = Feed("ansi", stream=stream, budget=0.03)
        with feed, Hub(feed) as hub:
            clients = workers(count, seconds, "client", environ | hub.environment)
            while feed.live < 5 * count:
                time.sleep(0.1)
                feed.announce()
            began, clock = time.process_time(), time.monotonic()
            taken = measure(clients)
            used = (time.process_time() - began) / (time.monotonic() - clock)
    client = (sum(taken) - sum(control)) / count / seconds
    return used, client


def endings(count: int) -> tuple[int, float]:
    """Return how many final states of `count` clients reached the feed, ten each, and how long that took."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(4 * count, 4096), hard), hard))
    master, slave = pty.openpty()
    threading.Thread(target=drained, args=(master,), daemon=True).start()
    seen = 0

    class Counting(Feed):
        def _end(self, views: object) -> None:
            nonlocal seen
            kept = list(views)  # type: ignore[call-overload]  # views of tasks
            seen += sum(view.state == "finished" for view in kept)
            super()._end(kept)

    began = time.monotonic()
    with open(slave, "w", encoding="utf-8") as stream:
        feed = Counting("ansi", stream=stream)
        with feed, Hub(feed) as hub:
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
    return seen, time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--clients", type=int, default=1_000)
    options = parser.parse_args()
    hub, client = costs(options.processes, options.seconds)
    seen, took = endings(options.clients)
    rows = (
        (f"hub of {options.processes} processes with 5 tasks", 100 * hub, "% of a core", 5.0, hub < 0.05),
        ("one client with 5 tasks", 100 * client, "% of a core", 0.2, client < 0.002),
        (f"final states of {options.clients:,d} clients", seen, "", 10 * options.clients, seen == 10 * options.clients),
    )
    for name, value, unit, bar, good in rows:
        print(f"{name:<38} {value:10.3f} {unit:<12} bar {bar:<8} {'PASS' if good else 'FAIL'}")
    print(f"({took:.1f} s for the last)")
    return 0 if all(row[-1] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
