"""How soon Ctrl-C ends an upload: the seconds from the signal to the end of the process, and to that of the command.

`python benchmarks/upload_stop.py` in an environment of the Snowflake loader, one for each connector. A program of its own with
`put`, and `progresskit-snowflake load`, each in a terminal of its own, upload a file that would take minutes; once the bar moves
they are sent SIGINT. The exit status must be 130, the cursor shown, and the time at most a second.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

import snowflake.connector
from progresskit_snowflake.embedded import embedded_server
from screen import read_pty

MOST = 1.0
"""Seconds that it may take."""
STARTING = 60.0
PROGRAM = """
import json, sys
import snowflake.connector
from progresskit_snowflake import put
arguments, path = json.loads(sys.argv[1])
with snowflake.connector.connect(**arguments) as connection:
    try:
        put(connection.cursor(), path, "slow", compress=False)
    except KeyboardInterrupt:
        sys.exit(130)
"""
COMMAND = "from progresskit_snowflake.cli import main; raise SystemExit(main())"


def interrupted(arguments: list[str]) -> tuple[float, int, bool]:
    """Run Python with `arguments` in a terminal, and interrupt it when its Upload bar moves.

    Return the seconds until it had ended, its exit status, and whether the cursor is shown.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        environ = {name: value for name, value in os.environ.items() if name != "CI" and "PROGRESSKIT" not in name}
        os.execve(sys.executable, [sys.executable, *arguments], {**environ, "TERM": "xterm", "COLUMNS": "120"})
    shown, began = b"", time.monotonic()
    while not (b"Upload" in shown[-2_000:] and b"kB/s" in shown[-2_000:]):
        if time.monotonic() - began > STARTING:
            os.kill(pid, signal.SIGKILL)
        data = read_pty(terminal)
        if not data:
            raise SystemExit(f"no upload was seen: {shown[-500:]!r}")
        shown += data
    os.kill(pid, signal.SIGINT)
    sent = time.monotonic()
    while data := read_pty(terminal):
        shown += data
    _, status = os.waitpid(pid, 0)
    took = time.monotonic() - sent
    os.close(terminal)
    return took, os.waitstatus_to_exitcode(status), shown.rfind(b"\x1b[?25h") >= shown.rfind(b"\x1b[?25l")


def main() -> int:
    """Print the seconds; 0 when none is above a second, and each process has left its terminal in order."""
    parser = argparse.ArgumentParser(description="How soon Ctrl-C ends an upload.")
    parser.add_argument("--rounds", type=int, default=5, help="times each (5)")
    options = parser.parse_args()
    passed = True
    print(f"{'connector':<10} {'what':<8} {'times':>5} {'median, s':>10} {'most, s':>8}  exit status, cursor shown")
    with tempfile.TemporaryDirectory(prefix="progresskit-") as folder, embedded_server(pace=2e5) as server:
        path = Path(folder) / "large.csv"
        path.write_text("a\n" + "".join(f"{os.urandom(64).hex()}\n" for _ in range(200_000)), "ascii")
        with snowflake.connector.connect(**server.arguments) as connection:
            connection.cursor().execute("CREATE STAGE slow")
        load = ["load", str(path), "--table", "t", "--embedded", "--skip-qc", "--pace", "200kB"]
        ways = {
            "put": ["-c", PROGRAM, json.dumps([server.arguments, str(path)])],
            "load": ["-c", COMMAND, *load],
        }
        for name, arguments in ways.items():
            found = [interrupted(arguments) for _ in range(options.rounds)]
            times = [took for took, _, _ in found]
            well = max(times) <= MOST and all(status == 130 and shown for _, status, shown in found)
            passed = passed and well
            print(
                f"{snowflake.connector.__version__:<10} {name:<8} {len(found):>5} {statistics.median(times):>10.2f} "
                f"{max(times):>8.2f}  {sorted({status for _, status, _ in found})}, "
                f"{all(shown for _, _, shown in found)}  {'PASS' if well else 'FAIL'}",
                flush=True,
            )
    return int(not passed)


if __name__ == "__main__":
    raise SystemExit(main())
