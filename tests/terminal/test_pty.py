"""The screen of a real terminal, read by an emulator."""

from __future__ import annotations

import ast
import os
import pty
import sys
import termios
from pathlib import Path

import pyte
import pytest
from pty_reading import read_pty

PROGRAM = """
import sys
from progresskit import ProgressTracker
from progresskit._tracking.tracker import ProgressTracker as T
step = sys.stdin.readline
with ProgressTracker() as tracker:
    tasks = [tracker.add_task(f"task-{n}", total=10, unit="row", keep=n == 0) for n in range(4)]
    for n, task in enumerate(tasks):
        task.advance(n + 3)
    step()
    tracker.print("a printed line")
    tasks[0].advance(7)
    tasks[0].finish()
    step()
"""


def read_until(fd: int, stream: pyte.ByteStream, screen: pyte.Screen, *words: str) -> None:
    """Feed the emulator until all of `words` are on the screen; the suite's time-out is the watchdog."""
    while not all(any(word in row for row in screen.display) for word in words):
        stream.feed(os.read(fd, 65536))


@pytest.mark.parametrize("renderer", ["", "ansi"])
def test_live_tasks_stand_once_at_their_rows(renderer: str) -> None:
    """Each live task is once on its row, and the prompt is clean."""
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "24", "PROGRESSKIT_RENDERER": renderer}
    environ.pop("CI", None)
    environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-c", PROGRAM], environ)
    modes = termios.tcgetattr(fd)
    modes[3] &= ~termios.ECHO  # the newlines that move the program on are no part of its display
    termios.tcsetattr(fd, termios.TCSANOW, modes)
    screen = pyte.Screen(100, 24)
    stream = pyte.ByteStream(screen)
    read_until(fd, stream, screen, "task-0", "task-3")
    rows = [row.rstrip() for row in screen.display if "task-" in row]
    assert [row.split()[0] for row in rows] == ["task-0", "task-1", "task-2", "task-3"]
    assert all(f"{n + 3}/10 rows" in row for n, row in enumerate(rows))
    os.write(fd, b"\n")
    read_until(fd, stream, screen, "✓ task-0", "a printed line")
    os.write(fd, b"\n")
    try:
        while data := os.read(fd, 65536):
            stream.feed(data)
    except OSError:  # Linux's word for the end of a pty
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(fd)
    text = [row.rstrip() for row in screen.display if row.strip()]
    assert sum("a printed line" in row for row in text) == 1
    assert sum("✓ task-0" in row for row in text) == 1
    assert not any("task-3" in row for row in text)
    assert not screen.cursor.hidden
    assert screen.cursor.x == 0


WATCHES = """
import ast
import os
from progresskit._system.other_writers import OtherWriters
found = []
for turn in range(3):
    watch = OtherWriters(1)
    number, quiet = watch.notes, watch.have_written()
    os.write(watch.own, b"own")
    mine = watch.have_written()
    os.write(1, b"another's")
    heard = watch.have_written()
    os.write(1, b"unread")
    child = os.fork()
    if child == 0:
        watch.close()
        os._exit(0)
    os.waitpid(child, 0)
    watch.have_written()
    os.write(1, b"after the child")
    after = watch.have_written()
    os.write(1, b"unread")
    watch.close()
    found.append((number, quiet, mine, heard, after, os.path.lexists(f"/proc/self/fd/{number}")))
first, second = OtherWriters(1), OtherWriters(1)
found.append(first.notes != second.notes)
open(os.environ["FOUND"], "w").write(repr(found))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of writes to a terminal")
def test_watch_is_used_again(tmp_path: Path) -> None:
    """The descriptor of notifications stays for the next display, since closing it holds a job up; that hears others' words alone."""
    found = tmp_path / "found"
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "FOUND": str(found)}
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-c", WATCHES], environ)
    while read_pty(fd):
        pass
    os.close(fd)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    *turns, apart = ast.literal_eval(found.read_text())
    assert apart
    assert turns == [(turns[0][0], False, False, True, True, True)] * 3
