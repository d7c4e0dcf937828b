"""`progresskit run --tqdm`: programs that cannot be changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import progresskit

PROGRAM = """
from tqdm import tqdm
from tqdm.contrib.concurrent import process_map
import seen
def work(number):
    for _ in tqdm(range(3), desc=f"worker {number}"): seen.until_seen()
    return number
if __name__ == "__main__":
    assert process_map(work, range(3), max_workers=2, desc="all") == [0, 1, 2]
    print(tqdm.__module__)
"""


def test_workers(tmp_path: Path) -> None:
    """The bars of a program and of its workers are tasks of one display."""
    script = tmp_path / "job.py"
    script.write_text(PROGRAM)
    root = Path(progresskit.__file__).parents[1]
    run = [sys.executable, "-c", "from progresskit._cli.main import main; raise SystemExit(main())", "run", "--tqdm"]
    done = subprocess.run(
        [*run, "--renderer", "json", "--", sys.executable, str(script)],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": f"{root}:{root / 'tests'}"}, timeout=100,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "progresskit.tqdm.std\n"), done.stderr
    assert all(f'"worker {number}"' in done.stderr for number in range(3))
