"""Measure what `progresskit run` costs a command with much output: 700,000 short lines, compared with `script`.

Both have a pseudo-terminal between the command and the terminal, and are run in turn. The bar is twice the wall time of
`script`, so the machine must be idle. Processor time, with the command's, depends less on other programs.

    python benchmarks/run_output.py [LINES [ROUNDS]]
"""

from __future__ import annotations

import os
import pty
import resource
import subprocess
import sys

from measuring import interleaved, interval


def in_terminal(*command: str) -> float:
    """Run `command` in a pseudo-terminal that is read as fast as it can be; return the processor time of all of its processes."""
    ours, theirs = pty.openpty()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        try:
            while os.read(ours, 1 << 16):
                pass
        except OSError:  # Linux reports the end of a pty like this
            pass
    os.close(ours)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(lines: str = "700000", rounds: str = "5") -> None:
    spent: dict[str, list[float]] = {"script": [], "run": []}
    times = interleaved(
        {
            "script": lambda: spent["script"].append(in_terminal("script", "-qc", f"seq {lines}", "/dev/null")),
            "run": lambda: spent["run"].append(
                in_terminal(sys.executable, "-m", "progresskit", "run", "--", "seq", lines)
            ),
        },
        int(rounds),
    )
    for what, figures in (("wall", times), ("processor", {name: seconds[1:] for name, seconds in spent.items()})):
        ratio = interval([run / script for run, script in zip(figures["run"], figures["script"], strict=True)])
        script, run = (interval(figures[name]).middle for name in ("script", "run"))
        bar = ", bar 2" if what == "wall" else ""
        print(
            f"{what:<10} script {script:.2f} s, run {run:.2f} s, ratio {ratio.middle:.2f} ({ratio.low:.2f} to {ratio.high:.2f}){bar}"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
