"""Uncaptured output of C code and of older processes: a row may stay above it, and no word is lost."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from inpty import ROOT, Program

OTHERS = """
import ctypes, multiprocessing, os
from progresskit import ProgressTracker
from progresskit._display import display
display.DISTURBED_SECONDS = 0.0  # rows stand again before the next word
libc = ctypes.CDLL(None)
asked, answers = multiprocessing.Pipe()
def work():
    while (n := asked.recv()) is not None:
        print("worker", n, flush=True)
        asked.send(n)
child = multiprocessing.get_context("fork").Process(target=work); child.start()  # before any row stands
tracker = ProgressTracker("ansi", interval=0.02); tracker.start()
tasks = [tracker.add_task("Files", total=9, unit="file"), tracker.add_task("Rows", total=9)]
def until_drawn():
    tracker.refresh(60)
until_drawn()
new = open(1, "w", closefd=False)
for n in range(4):
    for task in tasks: task.advance()
    answers.send(n); answers.recv()
    until_drawn()
    libc.puts(b"from C %d" % n); libc.fflush(None)
    until_drawn()
    os.waitpid(os.posix_spawn("/bin/echo", ["echo", "spawned", str(n)], os.environ), 0)
    until_drawn()
    print("anew", n, file=new, flush=True)
    print("known", n)
    until_drawn()
answers.send(None); child.join()
for task in tasks: task.finish()
tracker.stop()
print("the end")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells of writes to a terminal")
def test_others() -> None:
    """Each word of a child from before, of C code, of a program and of another file of the terminal is on the screen, in order."""
    program = Program(OTHERS)
    assert program.end() == 0, program.everything
    rows = [row for row in program.everything if "Files " not in row and "Rows " not in row]
    kinds = ("worker", "from C", "spawned", "anew", "known")
    assert rows == [f"{kind} {n}" for n in range(4) for kind in kinds] + ["the end"]
    program.check_restored()


UNRELATED = """
import subprocess, sys
job = "import sys; from bars import bar; bar(*sys.argv[1:])"
jobs = [subprocess.Popen([sys.executable, "-c", job, name, gate]) for name, gate in GATES]
for each in jobs: each.wait()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells of writes to a terminal")
def test_last_lines_of_unrelated_programs(tmp_path: Path) -> None:
    """Programs that know nothing of each other (`a.py & b.py &`) draw over each other's rows, but never over a last line."""
    gates = [(name, str(tmp_path / name)) for name in ("one", "two")]
    program = Program(
        f"GATES = {gates!r}\n{UNRELATED}", PYTHONPATH=f"{ROOT}:{Path(__file__).parent}:{Path(__file__).parents[1]}"
    )
    program.until("one")
    program.until("two")
    (tmp_path / "one").touch()
    program.until("✓")
    program.until("two", program.sent.count(b"two") + 1)  # drawn once more
    (tmp_path / "two").touch()
    assert program.end() == 0, program.everything
    assert [row.split()[1] for row in program.everything if "✓" in row] == ["one", "two"], program.everything


IN_TURN = """
import fcntl, os
from progresskit import ProgressTracker
from progresskit._display.terminal import StreamTerminal
from progresskit._system.other_writers import OtherWriters
other = os.open(os.ttyname(1), os.O_WRONLY | os.O_NOCTTY)  # as another process has it
def is_free():
    try: fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError: return False
    fcntl.flock(other, fcntl.LOCK_UN)
    return True
seen = []
def noting(name, method):
    def call(*given):
        seen.append((name, is_free()))
        return method(*given)
    return call
with ProgressTracker("ansi") as tracker:
    task = tracker.add_task("Files", total=9)
    tracker.refresh(60)
    OtherWriters.have_written = noting("asked", OtherWriters.have_written)
    StreamTerminal.send = noting("sent", StreamTerminal.send)
    tracker.print("words")
    tracker.refresh(60)
    told = seen[:3], is_free()
    fcntl.flock(other, fcntl.LOCK_EX)  # by a process that is stopped now
    tracker.print("further words")
    tracker.refresh(60)
print(told)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells of writes to a terminal")
def test_displays_take_turns() -> None:
    """No other display writes between the question whether one has and the frame, with the note that tells others; one that is stopped
    meanwhile is not waited for."""
    program = Program(IN_TURN)
    assert program.end() == 0, program.everything
    words, further, _, told = program.everything
    assert (words, further) == ("words", "further words")
    assert told == "([('asked', False), ('sent', False), ('asked', False)], True)"
