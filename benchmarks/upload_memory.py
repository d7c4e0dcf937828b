"""What memory the upload bar takes: the peak of a process that uploads with it, above that of one with the connector alone.

`python benchmarks/upload_memory.py` in an environment of the Snowflake loader, one for each connector. Each upload runs in a
process of its own, into the local server, which throws away what it gets. The file is sparse, so that it needs no disk.
`--gigabytes 1.0737 50 --no-compress --parts` is for connector 5.x, at some 400 MB/s; in one request, at a fifth of that, it failed
after some ten minutes, and 4.x itself holds an object in memory that it sends so. Above 10 GB the connector is not run alone:
what it took at the size before stands for it, which can only be less.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from progresskit_snowflake.embedded import EmbeddedServer, embedded_server
from progresskit_snowflake.versions import connector_version

ALONE_UP_TO = 10.0
"""Gigabytes up to which the connector is also run without a bar."""
MOST = 64 << 20
"""Bytes above the connector's own that are allowed."""

ALONE = """
import json, sys
import snowflake.connector
asked = json.loads(sys.stdin.readline())
with snowflake.connector.connect(**asked["arguments"]) as connection:
    compress = str(asked["compress"]).upper()
    statement = f"PUT 'file://{asked['path']}' @memory AUTO_COMPRESS = {compress} OVERWRITE = TRUE"
    connection.cursor().execute(statement).fetchall()
"""
WITH_BAR = """
import io, json, sys
import snowflake.connector
from progresskit import ProgressTracker
from progresskit_snowflake import put
asked = json.loads(sys.stdin.readline())
with snowflake.connector.connect(**asked["arguments"]) as connection:
    tracker = ProgressTracker("plain", stream=io.StringIO())
    with tracker:
        put(connection.cursor(), asked["path"], "memory", compress=asked["compress"], overwrite=True, tracker=tracker)
"""
PEAK = """
lines = open("/proc/self/status").read().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))
"""


def peak(program: str, server: EmbeddedServer, path: Path, *, compress: bool) -> tuple[int, float]:
    """Run an upload in a process of its own; return its peak memory in bytes, and its seconds."""
    asked: dict[str, Any] = {"arguments": server.arguments, "path": str(path), "compress": compress}
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program + PEAK],
        input=json.dumps(asked) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"after {time.monotonic() - began:.0f} s the upload failed: {done.stderr[-2_000:]}")
    return int(done.stdout.split()[-1]) << 10, time.monotonic() - began


def main() -> int:
    """Print the peaks; 0 when the bar keeps to its bound."""
    parser = argparse.ArgumentParser(description="The memory of an upload with its bar, above the connector's own.")
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[0.1, 1.0737], help="sizes (0.1 1.0737)")
    parser.add_argument("--parts", action="store_true", help="in parts, to storage like S3, rather than whole")
    parser.add_argument("--no-compress", action="store_true", help="leave out the runs that compress")
    options = parser.parse_args()
    version = ".".join(map(str, connector_version()))
    passed = True
    print(
        f"{'connector':<10} {'GB':>6} {'compressed':<10} {'alone':>10} {'with bar':>10} {'above':>10} {'seconds':>14}"
    )
    with (
        tempfile.TemporaryDirectory(prefix="progresskit-") as folder,
        embedded_server(keep=False, storage="s3" if options.parts else "gcs") as server,
    ):
        import snowflake.connector

        with snowflake.connector.connect(**server.arguments) as connection:
            connection.cursor().execute("CREATE STAGE memory")
        before: dict[bool, int] = {}  # whether it compresses -> the connector's own peak
        for gigabytes in sorted(options.gigabytes):
            path = Path(folder) / "sparse.bin"
            with path.open("wb") as file:
                file.truncate(int(gigabytes * 1e9))
            for compress in (False,) if options.no_compress else (False, True):
                if gigabytes > ALONE_UP_TO and compress in before:
                    alone, first = before[compress], 0.0
                else:
                    alone, first = peak(ALONE, server, path, compress=compress)
                    before[compress] = alone
                barred, second = peak(WITH_BAR, server, path, compress=compress)
                above = barred - alone
                passed = passed and above <= MOST
                print(
                    f"{version:<10} {gigabytes:>6.4g} {'yes' if compress else 'no':<10} {alone / 2**20:>6.0f} MiB "
                    f"{barred / 2**20:>6.0f} MiB {above / 2**20:>6.0f} MiB {first:>6.1f} {second:>6.1f}  "
                    f"{'PASS' if above <= MOST else 'FAIL'}",
                    flush=True,
                )
    return int(not passed)


if __name__ == "__main__":
    raise SystemExit(main())
