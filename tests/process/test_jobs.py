"""A user at a terminal: job control with a real shell, Ctrl-S and Ctrl-Q, and Ctrl-C at any instant."""

from __future__ import annotations

import os
import random
import re
import signal
import sys
import time
from pathlib import Path

import pytest
from inpty import Program

SHELL = f"""
import os
os.environ.update(PS1="$ ", PYTHON={sys.executable!r})
os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
"""

JOB = """
import os, signal, sys, threading, time
from pathlib import Path
from progresskit import ProgressTracker
from progresskit.renderers._region import Region
end = Path(sys.argv[1])
SETUP
with ProgressTracker("ansi", interval=0.1, budget=1.0) as tracker:
    task = tracker.add_task("alpha")
    beta = tracker.add_task("beta")
    while not end.exists():
        PAUSE
        task.advance()
print("the end")
"""


def wait(seconds: float) -> None:
    """Let real time pass, because the time for which a process was stopped is tested."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        time.sleep(0.02)


WHILE_DRAWING = """
draw, frames = Region.draw, iter(range(100_000))
def drawn(*args, **more):
    text = draw(*args, **more)
    if next(frames) == 20:
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
    return text
Region.draw = drawn
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setup", "pause", "seconds"),
    [
        ("", "time.sleep(0.001)", 0.7),
        ("", "sum(range(1000))", 0.7),
        pytest.param(WHILE_DRAWING, "time.sleep(0.001)", 0.7, marks=pytest.mark.slow),
        pytest.param("", "time.sleep(0.001)", 2.0, marks=pytest.mark.slow),
    ],
    ids=["idle", "busy", "while it draws", "long"],
)
def test_stop_and_shell_leave_rows_below(setup: str, pause: str, seconds: float, tmp_path: Path) -> None:
    """After a stop in a shell, the bars are drawn below its words."""
    job, end = tmp_path / "job.py", tmp_path / "end"
    job.write_text(JOB.replace("SETUP", setup).replace("PAUSE", pause))
    shell = Program(SHELL, columns=250, lines=40)
    shell.until("$ ")
    os.write(shell.fd, f'"$PYTHON" {job} {end}\n'.encode())
    shell.until("beta", 1 if setup else 3)  # with a setup it stops by itself, while it draws
    if not setup:
        os.write(shell.fd, b"\x1a")
    shell.until("Stopped")
    stopped = time.monotonic()
    os.write(shell.fd, b"echo words of; echo the shell\n")
    shell.until("the shell", 2)
    wait(seconds - (time.monotonic() - stopped))
    os.write(shell.fd, b"fg\n")
    shell.until("$ fg")
    before = shell.sent.count(b"alpha")
    shell.until("alpha", before + 3)
    rows = shell.rows
    assert rows.count("words of") == rows.count("the shell") == 1
    below = rows[rows.index("the shell") + 1 :]
    assert below[0] == "$ fg", rows
    assert below[1].startswith('"$PYTHON"'), rows  # the shell prints the command that continues
    assert [re.sub(r"\W*(\w+) .*", r"\1", row) for row in below[2:]] == ["alpha", "beta"], rows
    end.touch()
    shell.until("the end")
    os.write(shell.fd, b"exit\n")
    assert shell.end() == 0
    shell.check_restored()


HELD = """
import ctypes, time
from progresskit import ProgressTracker
hold = ctypes.PyDLL(None).usleep
with ProgressTracker("ansi", interval=0.01, budget=1.0) as tracker:
    task = tracker.add_task("alpha", total=2, keep=False)
    while not tracker._core.ticker.displays or not tracker._core.ticker.displays[0].drawn: time.sleep(0.001)
    for _ in range(2):
        hold(600_000)  # without letting go of the interpreter
        time.sleep(0.05)
        task.advance()
"""


@pytest.mark.slow
def test_busy_code_is_no_stop() -> None:
    """Code that holds the interpreter's lock is not taken for a stop."""
    if not os.path.exists("/proc/thread-self/schedstat"):
        pytest.skip("this system does not say what a thread has done")
    program = Program(HELD)
    assert program.end() == 0
    assert program.rows == []  # given up as after a stop, its rows would have stayed


BLOCKED = """
import os, signal, sys, termios, time
from pathlib import Path
from progresskit import ProgressTracker
go, out = Path(sys.argv[1]), Path(sys.argv[2])
with ProgressTracker("ansi", interval=0.01, budget=1.0) as tracker:
    task = tracker.add_task("alpha", total=5000)
    while not go.exists():
        time.sleep(0.001)
    BLOCK
    for number in range(5000):
        if number % 5 == 0: tracker.print(f"line {number:04d}.")
        task.advance()
    out.write_text(f"done {task.completed}")
    HOLD
"""

HOLD = """
    while not Path(END).exists(): time.sleep(0.001)
"""
FLOW = """
    while not Path(GO_ON).exists(): time.sleep(0.001)
    termios.tcflow(2, termios.TCOON)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["ctrl-s", "tcflow"])
def test_stopped_terminal_does_not_hold_up_the_job(how: str, tmp_path: Path) -> None:
    """A stopped terminal holds up frames, not the job."""
    go, out, end, go_on = (tmp_path / name for name in ("go", "out", "end", "go_on"))
    block = "termios.tcflow(2, termios.TCOOFF)" if how == "tcflow" else "pass"
    code = BLOCKED.replace("BLOCK", block).replace("HOLD", HOLD if how == "ctrl-s" else FLOW + HOLD)
    code = code.replace("GO_ON", repr(str(go_on))).replace("END", repr(str(end)))
    program = Program(code.replace("sys.argv[1]", repr(str(go))).replace("sys.argv[2]", repr(str(out))), lines=50)
    program.until("alpha")
    if how == "ctrl-s":
        os.write(program.fd, b"\x13")
    go.touch()
    ends = time.monotonic() + 60
    while not out.exists() or not out.read_text():
        assert time.monotonic() < ends, "the job hangs on its terminal"
        time.sleep(0.01)
    assert out.read_text() == "done 5000"
    os.write(program.fd, b"\x11") if how == "ctrl-s" else go_on.touch()
    program.until("line 4995.")
    end.touch()
    assert program.end() == 0
    lines = [row for row in program.everything if row.startswith("line ")]
    assert lines == [f"line {number:04d}." for number in range(0, 5000, 5)]
    assert sum("alpha" in row for row in program.everything) == 1
    program.check_restored()


def test_ends_on_a_stopped_terminal(tmp_path: Path) -> None:
    """A job ends with its status on a terminal that stays stopped."""
    go, out = tmp_path / "go", tmp_path / "out"
    code = BLOCKED.replace("BLOCK", "pass").replace("HOLD", "sys.exit(7)")
    program = Program(code.replace("sys.argv[1]", repr(str(go))).replace("sys.argv[2]", repr(str(out))))
    program.until("alpha")
    os.write(program.fd, b"\x13")
    go.touch()
    ends = time.monotonic() + 60
    while True:
        pid, status = os.waitpid(program.pid, os.WNOHANG)
        if pid:
            break
        assert time.monotonic() < ends, "the job hangs on its terminal"
        time.sleep(0.01)
    os.close(program.fd)
    assert os.waitstatus_to_exitcode(status) == 7


INTERRUPTED = """
import os, sys, time
from progresskit import ProgressTracker
real, times = os.write, []
def write(fd, data):  # Ctrl-C in the middle of a frame
    if fd > 2 and len(bytes(data)) > 20 and len(times) < TIMES:
        times.append(fd)
        sent = real(fd, bytes(data)[:10])
        os.kill(os.getpid(), 2)
        time.sleep(0.01)
        return sent
    return real(fd, data)
os.write = write
try:
    with ProgressTracker("ansi", interval=0.002, budget=1.0) as tracker:
        task = tracker.add_task("alpha", color="red")
        while True:
            task.advance()
            tracker.print("a line")
            time.sleep(0.001)
except KeyboardInterrupt:
    assert task.state == "cancelled"
    raise
"""


@pytest.mark.parametrize("times", [1, 2])  # the second one while the last frame is waited for
def test_ctrl_c_in_a_write_leaves_a_whole_frame(times: int) -> None:
    """Ctrl-C in the middle of a write leaves a whole frame."""
    program = Program(INTERRUPTED.replace("TIMES", str(times)), covered=False)
    assert program.end() == -signal.SIGINT
    program.check_restored()


KEEPS = """
import termios
modes = termios.tcgetattr(0); modes[3] |= termios.NOFLSH; termios.tcsetattr(0, termios.TCSANOW, modes)
"""
"""Makes Ctrl-C keep unread output in the terminal."""


@pytest.mark.parametrize("times", [4, pytest.param(16, marks=pytest.mark.slow)])
def test_ctrl_c_at_random_instants(times: int) -> None:
    """Ctrl-C at random instants leaves a clean terminal."""
    chance = random.Random(times)
    for number in range(times):
        keeps = number % 2 == 0
        program = Program(KEEPS * keeps + INTERRUPTED.replace("TIMES", "0"), covered=False)
        program.until("alpha", chance.randrange(1, 5))
        time.sleep(chance.random() * 0.02)
        os.write(program.fd, b"\x03")  # typed: the terminal then also forgets what it has been sent and nobody has read
        assert program.end() == -signal.SIGINT
        program.sent = program.sent.replace(b"^C", b"")
        program.check_restored()
        assert sum("■ alpha" in row for row in program.everything) == 1  # a long traceback may have scrolled it away
        # A row may stay above if the terminal has discarded the output that would remove it.
        assert sum("alpha" in row for row in program.rows) <= (1 if keeps else 2)


def test_question_in_a_terminal() -> None:
    """A question in a terminal has no bars beside it, and they come back below it."""
    program = Program("""
import time
from progresskit import ProgressTracker
with ProgressTracker("ansi", interval=0.005, budget=1.0, capture=True) as tracker:
    task = tracker.add_task("alpha", total=2)
    while not tracker._core.ticker.displays or not tracker._core.ticker.displays[0].drawn: time.sleep(0.001)
    print("Please: ", end="")
    name = input("your name? ")
    print("Hello,", name)
    task.advance(2)
""")
    program.until("your name? ")
    assert program.rows == ["Please: your name?"]
    os.write(program.fd, b"Ada\n")
    assert program.end() == 0
    assert program.rows[:2] == ["Please: your name? Ada", "Hello, Ada"]
    assert sum("alpha" in row for row in program.rows) == 1
    program.check_restored()
