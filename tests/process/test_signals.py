"""Real signals and exits, in a pty: the terminal is restored every time, and the exit status is the job's."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import termios
import time
from pathlib import Path

import pytest
from inpty import Program

JOB = """
import os, signal, sys, threading, time
from progresskit import ProgressTracker
tracker = ProgressTracker("ansi", interval=0.03, budget=1.0)  # a buffer that is full cuts a frame: that takes 0.6 s without a reader
with tracker:
    task = tracker.add_task("alpha", color="red")
    while True:
        task.advance()
        time.sleep(0.001)
"""


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP)],
)
def test_final_signal_leaves_a_clean_terminal(number: int, status: int) -> None:
    """A signal that ends the job leaves a clean terminal."""
    for frames in (1, 2, 7):
        program = Program(JOB, covered=False)
        program.until("alpha", frames)
        program.kill(number)
        assert program.end() == status
        program.sent = program.sent.replace(b"^C", b"")
        program.check_restored()


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("sys.exit(3)", 3),
        ("os._exit(4)", 4),
        ("raise OSError('the disk is full')", 1),
        ("os.kill(os.getpid(), signal.SIGKILL)", -9),
    ],
)
def test_exit_leaves_a_clean_terminal(end: str, status: int) -> None:
    """An exit with live tasks leaves a clean terminal and its status."""
    code = JOB.replace("while True:", "for _ in range(150):")
    for without in (False, True):  # with the tracker open, and as a global that is still live at shutdown
        body = f"\n    {end}\n" if not without else f"\ntracker.add_task('beta')\n{end}\n"
        program = Program(code + body)
        assert program.end() == status
        program.check_restored()


def test_thread_error_is_reported_above_the_bars() -> None:
    """An error in a thread is shown whole above the bars."""
    program = Program("""
import threading
from progresskit import ProgressTracker
def fail(): raise OSError("in a thread")
with ProgressTracker("ansi", capture=True, interval=0.002, budget=1.0) as tracker:
    task = tracker.add_task("alpha", total=3)
    thread = threading.Thread(target=fail); thread.start(); thread.join()
    print("to standard output", end="")
    task.advance(3)
""")
    assert program.end() == 0
    assert sum("OSError: in a thread" in row for row in program.rows) == 1
    assert program.rows[-1] == "to standard output"
    assert (program.screen.cursor.x, program.screen.cursor.hidden) == (len("to standard output"), False)


@pytest.mark.slow
def test_bars_are_drawn_anew_after_a_shell() -> None:
    """After a stop and a shell, the bars are drawn again below."""
    program = Program(JOB)
    program.until("alpha", 3)
    program.kill(signal.SIGSTOP)
    os.waitpid(program.pid, os.WUNTRACED)
    stopped = time.monotonic()
    os.write(program.fd, b"a shell's words\n")  # echoed by the terminal, as a shell's own would be
    program.until("words")
    before = program.sent.count(b"alpha")
    while time.monotonic() - stopped < 1.5:  # longer than a tick may be late, so that it counts as a stop
        time.sleep(0.05)
    program.kill(signal.SIGCONT)
    program.until("alpha", before + 2)
    words = next(number for number, row in enumerate(program.rows) if "a shell's words" in row)
    assert "alpha" in program.rows[words + 1]
    program.kill(signal.SIGTERM)
    assert program.end() == -signal.SIGTERM
    program.check_restored()


def test_narrow_window_has_narrow_rows() -> None:
    """A window that becomes narrow has rows of its new width."""
    program = Program(JOB)
    program.until("alpha", 3)
    program.screen.resize(24, 30)
    fcntl.ioctl(program.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 30, 0, 0))
    program.until("alpha", program.sent.count(b"alpha") + 1)
    program.kill(signal.SIGTERM)
    program.end()
    assert sum("alpha" in row for row in program.rows) == 1


def test_users_signal_handlers_stay() -> None:
    """The user's handlers stay, and may use tasks at any instant."""
    program = Program("""
import signal, gc
from progresskit import ProgressTracker
tracker = ProgressTracker("ansi", interval=0.001, budget=1.0, capture=True)
calls = []
def handler(number, frame):
    calls.append(number)
    tracker.add_task("inner").finish()
    tracker.print("from the handler")
    print("printed")
    if len(calls) < 300: signal.setitimer(signal.ITIMER_REAL, 0.0005)  # no more: one may be due while the timer is put off
signal.signal(signal.SIGALRM, handler)
signal.signal(signal.SIGWINCH, lambda *_: None)
def all_handlers(): return {number: signal.getsignal(number) for number in signal.valid_signals()}
before = all_handlers()
with tracker:
    signal.setitimer(signal.ITIMER_REAL, 0.0005)
    while len(calls) < 300:
        tracker.add_task("outer").finish()
        if len(tracker._core.lines.items) < 20: tracker.print("x")  # an emulated terminal is slow: it need not be flooded
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert all_handlers() == before
assert all_handlers() == before and before[signal.SIGALRM] is handler
print("done")
""")
    assert program.end() == 0, program.rows
    assert program.rows[-1] == "done"
    program.check_restored()


@pytest.mark.parametrize("before", ["", "import multiprocessing"], ids=["for a task", "for workers"])
def test_handler_during_import(before: str) -> None:
    """A handler that uses tasks while the ticker is being imported runs right after the import."""
    program = Program(f"""{before}
import signal, sys
from progresskit import ProgressTracker
imported = []
class Finder:
    def find_spec(self, name, path=None, target=None):
        folder, _, module = name.rpartition(".")
        if folder == "progresskit._display" and module in ("process_hooks", "ticker", "display", "terminal"):
            signal.raise_signal(signal.SIGUSR1)
sys.meta_path.insert(0, Finder())
def handler(number, frame):
    imported.append(hasattr(sys.modules.get("progresskit._display.process_hooks"), "TICKER"))
    tracker.add_task("inner").finish()
signal.signal(signal.SIGUSR1, handler)
tracker = ProgressTracker("ansi")
with tracker:
    tracker.add_task("outer").finish()
assert imported == [True], imported
print("done")
""")
    assert program.end() == 0, program.rows
    assert program.rows[-1] == "done"


def test_unread_terminal_does_not_hold_up_the_job() -> None:
    """A terminal that is not read does not hold up the job."""
    program = Program(
        """
import os, time
from progresskit import ProgressTracker
read, write = os.pipe()
began = time.monotonic()
with ProgressTracker("ansi", interval=0.001, budget=1.0) as tracker:
    task = tracker.add_task("alpha")
    for number in range(20_000):
        tracker.print("a line of some length " * 5)
        task.advance()
open(OUT, "w").write(f"{task.completed} {time.monotonic() - began < 30}")
""".replace("OUT", repr(out := f"/tmp/progresskit-test-{os.getpid()}-blocked"))
    )
    try:
        ends = time.monotonic() + 60
        while not (os.path.exists(out) and os.path.getsize(out)):  # the pty is not read meanwhile
            assert time.monotonic() < ends, "the job hangs on its terminal"
            time.sleep(0.02)
        assert Path(out).read_text() == "20000 True"
        assert program.end() == 0
    finally:
        os.path.exists(out) and os.unlink(out)
