"""What `progresskit run` costs a command that writes much: 700,000 short lines, beside the same under `script`.

Both have a pseudo-terminal of their own between the command and the terminal, and are run in turn. The bar is twice the
time of `script`; seconds on the wall, so the machine must have nothing else to do.

    python benchmarks/run_output.py [LINES [ROUNDS]]
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys

from measuring import interleaved, interval


def in_terminal(*command: str) -> None:
    """Run `command` in a pseudo-terminal that is read as fast as it can be."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        try:
            while os.read(ours, 1 << 16):
                pass
        except OSError:  # Linux's word for the end of a pty
            pass
    os.close(ours)


def main(lines: str = "700000", rounds: str = "5") -> None:
    times = interleaved(
        {
            "script": lambda: in_terminal("script", "-qc", f"seq {lines}", "/dev/null"),
            "run": lambda: in_terminal(sys.executable, "-m", "progresskit", "run", "--", "seq", lines),
        },
        int(rounds),
    )
    ratio = interval([run / script for run, script in zip(times["run"], times["script"], strict=True)])
    for name, seconds in times.items():
        print(f"{name:<7} {interval(seconds).middle:.2f} s")
    print(f"ratio   {ratio.middle:.2f} ({ratio.low:.2f} to {ratio.high:.2f}), bar 2")


if __name__ == "__main__":
    main(*sys.argv[1:])
