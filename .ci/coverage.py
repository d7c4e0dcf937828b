"""The gate: of progresskit/, at least 95 % of lines and 90 % of branches are run by the tests."""

from __future__ import annotations

import json
import sys
from pathlib import Path

report = json.loads(Path(sys.argv[1]).read_text("utf-8"))
totals = report["totals"]
lines = 100 * totals["covered_lines"] / totals["num_statements"]
branches = 100 * totals["covered_branches"] / totals["num_branches"]
for name, part in sorted(report["files"].items()):
    if part["missing_lines"]:
        print(f"{name}: {part['summary']['percent_covered']:.0f} %, not run: {part['missing_lines']}")
print(f"lines {lines:.1f} % (at least 95), branches {branches:.1f} % (at least 90)")
raise SystemExit(lines < 95 or branches < 90)
