"""pytest's capture: what it does with bars, with pytest itself on a terminal of its own."""

from __future__ import annotations

import os
import pty
import re
import sys
from pathlib import Path

import pyte
import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text("utf-8")
CAPTURED = '''
import progresskit
from progresskit import track


def job():
    for number in track(range(3), "Captured"):
        print("row", number)


def test_words(capsys):
    """What a job prints is what a test finds, without a trace of bars."""
    job()
    words = capsys.readouterr()
    assert words.out == "row 0\\nrow 1\\nrow 2\\n"
    assert "\\x1b" not in words.err


def test_descriptors(capfd):
    job()
    assert capfd.readouterr().out == "row 0\\nrow 1\\nrow 2\\n"


def test_fails():
    for _ in track(range(3), "Told", keep=True):
        pass
    raise AssertionError("as it should")
'''


def screen_of(*arguments: str, folder: Path) -> tuple[list[str], list[str]]:
    """Return the rows that a terminal of 80 columns has had while pytest ran there, and those that it has in the end."""
    environ = {
        **os.environ,
        "TERM": "xterm",
        "COLUMNS": "80",
        "LINES": "60",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execve(sys.executable, [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments], environ)
    screen = pyte.Screen(80, 60)
    stream = pyte.ByteStream(screen)
    seen: dict[str, None] = {}
    while True:
        try:
            data = os.read(fd, 65536)
        except OSError:  # Linux's word for the end of a pty
            break
        if not data:
            break
        for piece in re.split(rb"(?=\x1b\[\?2026l)", data):  # the end of a frame
            stream.feed(piece)
            seen |= dict.fromkeys(row.rstrip() for row in screen.display)
    os.close(fd)
    os.waitpid(pid, 0)
    return list(seen), [row.rstrip() for row in screen.display if row.strip()]


@pytest.mark.slow  # two programs of pytest
def test_pytest(tmp_path: Path) -> None:
    """Captured, bars are lines beside a failed test's words; with `capsys.disabled()` they are rows on the terminal."""
    (tmp_path / "test_captured.py").write_text(CAPTURED)
    seen, last = screen_of(folder=tmp_path)
    print(*last, sep="\n")
    assert last[-1].startswith("1 failed, 2 passed")
    assert not any("Captured" in row and "/3" in row for row in seen)
    (recipe,) = re.findall(r"```python\n# test_rows.py\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "test_captured.py").unlink()
    (tmp_path / "test_rows.py").write_text(recipe)
    seen, last = screen_of(folder=tmp_path)
    print(*seen, sep="\n")
    assert any("Rows" in row and "3/3" in row for row in last)
    assert last[-1].startswith("1 passed")
