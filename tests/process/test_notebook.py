"""A notebook's cells, in a real kernel: what is shown lands in the cell that runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from inpty import ROOT

jupyter_client = pytest.importorskip("jupyter_client", reason="a notebook's kernel is not installed")
pytest.importorskip("ipykernel", reason="a notebook's kernel is not installed")

SECONDS = 60.0
Run = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Return what runs a cell, and gives what its output says."""
    from jupyter_client.manager import start_new_kernel

    environ = {**os.environ, "PYTHONPATH": ROOT}
    manager, client = start_new_kernel(kernel_name="python3", env=environ)

    def run_cell(code: str) -> list[str]:
        said: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            content = message["content"]
            said.extend((content.get("text") or content.get("evalue") or "").splitlines())

        client.execute_interactive(f"{code}\ntime.sleep(0.5)", timeout=SECONDS, output_hook=hear)
        return said

    yield run_cell
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_cells(run: Run) -> None:
    """Plain lines, prints and ends land in the cell that runs, also of a tracker that an earlier cell has made."""
    loop = run(
        "import time\nfrom progresskit import ProgressTracker, track\nfor n in track(range(2), 'One'): print('p', n)"
    )
    assert loop[-3:-1] == ["p 0", "p 1"] or {"p 0", "p 1"} <= set(loop)
    first = run("tracker = ProgressTracker(); task = tracker.add_task('Two', total=3); tracker.print('from the first')")
    assert "from the first" in first and any("Two: started" in line for line in first)
    second = run("tracker.print('from the second'); print('plain'); task.advance(3); task.finish()")
    assert "from the second" in second and "plain" in second and any("Two: finished" in line for line in second)
    third = run(
        "with ProgressTracker(capture='descriptors') as other:\n  for n in other.track(range(2), 'Three'): print('q', n)"
    )
    assert [line for line in third if line.startswith("q")] == ["q 0", "q 1"]
    assert not any("One" in line or "Two" in line for line in third)
