"""Claims about the tests themselves: nothing that a test leaves behind keeps a run from ending."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LEFT = """
import multiprocessing, threading
def test_left():
    multiprocessing.get_context("fork").Process(target=threading.Event().wait).start()
    assert False
"""
STUCK = """
import atexit, conftest, threading
conftest.END = 2.0  # by then the run itself has ended, on a busy machine too
def test_stuck():
    atexit.register(threading.Event().wait)
"""


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(code)
    (folder / "pytest.ini").write_text("[pytest]\ntimeout = 60\n")
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "conftest", "test_it.py"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environ, timeout=90)


def test_left_processes(tmp_path: Path) -> None:
    """A worker that a failed test has left waiting is named and ended: multiprocessing would wait for it at exit."""
    done = run(LEFT, tmp_path)
    assert done.returncode == 1
    assert "was still running, left by test_it.py::test_left" in done.stderr


def test_stuck_at_exit(tmp_path: Path) -> None:
    """An interpreter that something keeps from ending says where it stands, and ends."""
    done = run(STUCK, tmp_path)
    assert done.returncode == 1
    assert "Timeout (0:00:02" in done.stderr and "most recent call first" in done.stderr
