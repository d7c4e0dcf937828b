"""marimo: lines of a cell land in the cell, though its streams have descriptors of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("marimo", reason="marimo is not installed")

APP = """
import marimo

app = marimo.App()


@app.cell
def _():
    import time
    from progresskit import ProgressTracker, track
    for x in track(range(30), "Rows"):
        time.sleep(0.02)
    return (ProgressTracker,)


@app.cell
def _(ProgressTracker):
    with ProgressTracker() as tracker:
        tracker.print("kept line")
        tracker.add_task("Two", total=1).finish()
    return


if __name__ == "__main__":
    app.run()
"""


@pytest.mark.slow
def test_export(tmp_path: Path) -> None:
    """The output that `marimo export ipynb` keeps of each cell has its lines, and the process's standard error has none."""
    (tmp_path / "app.py").write_text(APP)
    command = [sys.executable, "-m", "marimo", "export", "ipynb", "--include-outputs", "app.py", "-o", "app.ipynb"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    cells = [cell for cell in json.loads((tmp_path / "app.ipynb").read_text())["cells"] if cell["cell_type"] == "code"]
    texts = [json.dumps(cell["outputs"]) for cell in cells]
    assert "Rows: started" in texts[0] and "Rows: finished" in texts[0]
    assert "kept line" in texts[1] and "Rows" not in texts[1]
    assert "Rows" not in done.stderr
