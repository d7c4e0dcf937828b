"""pytest's capture and bars, with pytest itself on a separate terminal."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pyte
import pytest
from pty_reading import read_pty

TESTS = """
from progresskit import ProgressTracker, track

def job(name):
    for number in track(range(3), name, keep=True):
        print("row", number)

def test_words(capsys):
    job("Read")
    words = capsys.readouterr()
    assert words.out == "row 0\\nrow 1\\nrow 2\\n" and "\\x1b" not in words.err

def test_descriptors(capfd):
    job("Read")
    assert capfd.readouterr().out == "row 0\\nrow 1\\nrow 2\\n"

def test_shown(capsys):
    with capsys.disabled():
        job("Shown")

def test_fails():
    with ProgressTracker():  # its lines are written by the end of the block
        job("Told")
    raise AssertionError("as it should")
"""


@pytest.mark.slow
def test_pytest(tmp_path: Path) -> None:
    """A test reads exactly the job's output. With capture, bars are lines in a failed test's report; without, they are
    rows."""
    (tmp_path / "test_captured.py").write_text(TESTS)
    environ = {
        **os.environ,
        "TERM": "xterm",
        "COLUMNS": "80",
        "LINES": "60",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    for name in ("CI", "PROGRESSKIT_RENDERER", "PYTEST_ADDOPTS"):
        environ.pop(name, None)
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execve(sys.executable, [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], environ)
    screen = pyte.Screen(80, 60)
    stream = pyte.ByteStream(screen)
    while data := read_pty(fd):
        stream.feed(data)
    os.close(fd)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == pytest.ExitCode.TESTS_FAILED
    rows = [row.rstrip() for row in screen.display if row.strip()]
    (shown,) = [row for row in rows if "Shown" in row]
    assert shown.startswith("✓") and "3/3" in shown
    told = rows[next(index for index, row in enumerate(rows) if "Captured stderr call" in row) :]
    assert any(row.startswith("Told: finished, 3") for row in told)
    assert not [row for row in rows if "Read" in row]
    assert "1 failed, 3 passed" in rows[-1]
