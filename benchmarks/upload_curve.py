"""How true the upload bar is: its curve against the bytes that the server received, while a real PUT goes over loopback.

Run it with `python benchmarks/upload_curve.py`, in the environment of the Snowflake loader. It prints the distance between
the two, as a share of the file, and with `--plot FILE` draws both.
"""

from __future__ import annotations

import argparse
import bisect
import os
import tempfile
import threading
import time
from pathlib import Path

import snowflake.connector
from progresskit_snowflake import Uploads, put
from progresskit_snowflake.embedded import embedded_server
from progresskit_snowflake.sources import best_source

from progresskit import ProgressTracker

Curve = list[tuple[float, int]]


def measure(size: int, pace: float) -> tuple[Curve, Curve, str]:
    """Upload a file of `size` random bytes at `pace`: what the server had and what the bar said, by time, and the source."""
    said: Curve = []
    with (
        tempfile.TemporaryDirectory(prefix="progresskit-") as folder,
        embedded_server(pace=pace) as server,
        snowflake.connector.connect(**server.arguments) as connection,
        ProgressTracker("none") as tracker,
    ):
        path = Path(folder) / "upload.gz"
        with path.open("wb") as file:
            for _ in range(0, size, 1 << 20):
                file.write(os.urandom(min(1 << 20, size - file.tell())))
        cursor = connection.cursor()
        cursor.execute("CREATE STAGE curve")
        task = tracker.add_task("Upload", total=size, unit="B")
        source = best_source(connection)
        over = threading.Event()

        def look() -> None:
            while not over.wait(0.05):
                said.append((time.monotonic(), int(task.completed)))

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            put(cursor, path, "curve", uploads=Uploads(task, source))
        finally:
            over.set()
            watcher.join()
        received = server.received
    return received, said, source.name


def distances(received: Curve, said: Curve, size: int) -> list[float]:
    """Return how far the bar was from the server, as shares of the file, while bytes were arriving."""
    times = [at for at, _ in received]
    found = []
    for at, done in said:
        if times[0] <= at <= times[-1]:
            found.append(abs(done - received[bisect.bisect_right(times, at) - 1][1]) / size)
    return found


def draw(received: Curve, said: Curve, target: Path) -> None:
    """Draw both curves as SVG."""
    from matplotlib.figure import Figure

    began = received[0][0]
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axes = figure.subplots()
    step = max(1, len(received) // 500)
    axes.plot([at - began for at, _ in received[::step]], [done / 1e6 for _, done in received[::step]], label="server")
    axes.plot([at - began for at, _ in said], [done / 1e6 for _, done in said], "--", label="bar")
    axes.set(xlabel="seconds", ylabel="MB")
    axes.legend(frameon=False)
    figure.savefig(target, metadata={"Date": None})


def main() -> int:
    """Print the distances; 0 when they keep to 1 % in the mean and 3 % at most."""
    parser = argparse.ArgumentParser(description="The upload bar against the bytes that the server received.")
    parser.add_argument("--megabytes", type=int, default=60, help="size of the file (60)")
    parser.add_argument("--pace", type=float, default=10.0, help="megabytes a second that the server takes (10)")
    parser.add_argument("--plot", type=Path, help="where to draw both curves, as SVG")
    options = parser.parse_args()
    size = options.megabytes * 1_000_000
    received, said, source = measure(size, options.pace * 1e6)
    found = distances(received, said, size)
    mean, most = sum(found) / len(found), max(found)
    passed = mean <= 0.01 and most <= 0.03
    version = snowflake.connector.__version__
    print(f"connector {version}, {source}, {options.megabytes} MB at {options.pace:g} MB/s, {len(found)} looks")
    print(f"{'PASS' if passed else 'FAIL'}  mean {mean:.2%} (at most 1 %), max {most:.2%} (at most 3 %)")
    if options.plot:
        draw(received, said, options.plot)
    return int(not passed)


if __name__ == "__main__":
    raise SystemExit(main())
