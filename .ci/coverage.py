"""The gate: of progresskit/, at least 93 % of lines and 86 % of branches are run by the tests.

Not counted: `progresskit.tqdm` and `progresskit.clients`, which are tried in environments with the
libraries that they are for (.ci/tqdm, .ci/clients), the areas of a notebook's cells, which only real kernels
show (.ci/faces), what `bench` times, which coverage would slow down, and the relay's keeper, which runs in a
process that coverage cannot enter. Lines that only programs with forks or timers run are counted as not run,
since these programs are run without coverage: its lock would wait for itself there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

LINES, BRANCHES = 93, 86
ELSEWHERE = (
    "progresskit/tqdm/",
    "progresskit/clients/",
    "progresskit/_cli/bench_child.py",
    "progresskit/_display/notebook_cells.py",
    "progresskit/_display/relay_keeper.py",
)

report = json.loads(Path(sys.argv[1]).read_text("utf-8"))
files = {name: part for name, part in sorted(report["files"].items()) if not name.startswith(ELSEWHERE)}


def share(done: str, of: str) -> float:
    return (
        100
        * sum(part["summary"][done] for part in files.values())
        / sum(part["summary"][of] for part in files.values())
    )


for name, part in files.items():
    if part["missing_lines"]:
        print(f"{name}: {part['summary']['percent_covered']:.0f} %, not run: {part['missing_lines']}")
lines, branches = share("covered_lines", "num_statements"), share("covered_branches", "num_branches")
print(f"lines {lines:.1f} % (at least {LINES}), branches {branches:.1f} % (at least {BRANCHES})")
raise SystemExit(lines < LINES or branches < BRANCHES)
