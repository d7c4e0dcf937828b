"""Programs written for tqdm, on a terminal: one clean display."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pyte
import pytest

PROGRAM = """
import sys
import progresskit.tqdm as ours
getattr(ours, sys.argv[1])()
from tqdm import tqdm, trange
from progresskit import ProgressTracker
import seen
for i in trange(2, desc="Outer"):
    for j in tqdm(range(20), desc=f"inner {i}", leave=False):
        seen.until_seen()
    tqdm.write(f"written {i}")
with tqdm(total=10, desc="manual", unit="B") as bar:
    bar.update(3); bar.n = 7; bar.total = 14; bar.set_postfix(loss=0.123456, total=3)
    seen.until_seen()
    figures = bar.n, bar.total, bar.desc
try:
    with tqdm(total=5, desc="broken") as bar:
        bar.update(2)
        seen.until_seen()
        raise ValueError("no such row")
except ValueError:
    pass
class Own(tqdm):
    def display(self, *args, **options): shown.append(self.n)
shown = []
list(Own(range(3), desc="own"))
print(figures, len(shown) > 0, len(tqdm._instances))
"""


def screen_of(code: str, *arguments: str) -> list[str]:
    """Return the rows of a terminal of 100 columns after `code` has run on it."""
    root = Path(__file__).parents[2]
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30", "PYTHONPATH": f"{root}:{root / 'tests'}"}
    for name in ("CI", "PROGRESSKIT_RENDERER"):
        environ.pop(name, None)
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-c", code, *arguments], environ)
    screen = pyte.Screen(100, 30)
    stream = pyte.ByteStream(screen)
    while True:
        try:
            data = os.read(fd, 65536)
        except OSError:  # Linux's word for the end of a pty
            break
        if not data:
            break
        stream.feed(data)
    os.close(fd)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, screen.display
    return [row.rstrip() for row in screen.display if row.strip()]


@pytest.mark.parametrize("way", ["install", "patch"])
def test_program(way: str) -> None:
    """Nested bars, `write`, attributes that are set, postfixes, an error, and a class with a picture of its own."""
    if way == "patch":
        pytest.importorskip("tqdm", reason="tqdm is not installed in this environment")
    rows = screen_of(PROGRAM, way)
    assert [row.split()[0] for row in rows if row.startswith("written")] == ["written", "written"]
    assert not [row for row in rows if "inner" in row]
    assert [row for row in rows if "Outer" in row and "2/2" in row]
    assert [row for row in rows if "manual" in row and "7/14 B" in row and "loss=0.123" in row]
    assert [row for row in rows if "broken" in row and "2/5" in row and "failed: ValueError: no such row" in row]
    assert rows[-1].startswith("(7, 14, 'manual") and rows[-1].endswith("True 0")
