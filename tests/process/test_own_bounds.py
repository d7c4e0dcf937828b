"""Claims about the tests themselves: no test, and nothing that one leaves behind, keeps a run from ending."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LEFT = """
import multiprocessing, threading
def test_left():
    multiprocessing.get_context("fork").Process(target=threading.Event().wait).start()
    assert False
"""
STUCK = """
import conftest, pytest, threading
conftest.AFTER_TIMEOUT = 0.2
class Waiting:
    def __enter__(self): pass
    def __exit__(self, *_): threading.Event().wait()
@pytest.mark.timeout(0.2)
def test_stuck():
    with Waiting(): threading.Event().wait()
"""
LIVING = """
import conftest, multiprocessing.util, threading
conftest.END = 0.2
conftest.atexit.unregister(conftest.watchdog.start)
conftest.atexit.register(conftest.watchdog.start, 0.2)
def test_living():
    %s
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


def test_stuck_after_timeout(tmp_path: Path) -> None:
    """A test that its timeout does not end ends the run, which says where it stands."""
    done = run(STUCK, tmp_path)
    assert done.returncode == 1
    assert "in __exit__" in done.stderr


@pytest.mark.parametrize(
    "end",
    [
        "threading.Thread(target=threading.Event().wait).start()",
        "multiprocessing.util.Finalize(None, threading.Event().wait, exitpriority=1)",
    ],
    ids=["thread", "exit function"],
)
def test_end_that_hangs(tmp_path: Path, end: str) -> None:
    """An interpreter that cannot end after its tests ends all the same, and says what waits."""
    done = run(LIVING % end, tmp_path)
    assert done.returncode == 1
    assert "in wait" in done.stderr
