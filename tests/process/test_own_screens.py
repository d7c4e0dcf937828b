"""Screens and single keys of the job itself beside rows: the job has the terminal to itself, in a real pseudo-terminal."""

from __future__ import annotations

import builtins
import io
import os
import sys

import pytest
from inpty import Program

from progresskit._display import questions

OPENED = r"""
import os, sys, threading
from progresskit import ProgressTracker
tracker = ProgressTracker()
task = tracker.add_task("Ours", total=5)
def rows_stand():
    while not (tracker._core.display and tracker._core.display.renderer.standing): tracker.refresh(60)
rows_stand()
"""

ALTERNATE = (
    OPENED
    + r"""
def say(words): sys.stdout.write(words); sys.stdout.flush()
for thread in (False, True):  # textual writes in a thread of its own
    words = ["\x1b[?1049h\x1b[H", "INSIDE", "\x1b[2;2Hagain", "\x1b[?1049l", "\x1b[?1004l"]
    if thread:
        writer = threading.Thread(target=lambda: [say(each) for each in words]); writer.start(); writer.join()
    else:
        for each in words: say(each)
    print("left")
    rows_stand()
sys.stdout.buffer.write(b"\x1b[?1049hBYTES"); sys.stdout.buffer.write(b"\x1b[?1049l"); sys.stdout.buffer.flush()
rows_stand()  # though the job says no more
task.finish(); tracker.stop()
"""
)


def test_the_alternate_screen() -> None:
    """What the job writes between the sequences that open and leave a screen reaches the terminal as it is, without rows."""
    program = Program(ALTERNATE)
    assert program.end() == 0, program.everything
    for screen in (b"\x1b[?1049h\x1b[HINSIDE\x1b[2;2Hagain\x1b[?1049l\x1b[?1004l", b"\x1b[?1049hBYTES\x1b[?1049l"):
        assert program.sent.count(screen) == (2 if b"again" in screen else 1), program.sent
    assert b"left" in program.sent.rpartition(b"\x1b[?1004l")[2]


CURSES = (
    OPENED
    + r"""
import curses
tracker.stop(); task = tracker.add_task("Ours", total=5); rows_stand()
def application(screen):
    screen.addstr(3, 3, "INSIDE"); screen.refresh()
    print("words", end="", flush=True)
    for _ in range(3): task.advance(); tracker.refresh(0.2)
    screen.getch()
curses.wrapper(application)
print("left")
rows_stand()
task.finish(); tracker.stop()
"""
)


def test_curses() -> None:
    """No row is drawn on a screen of curses; the bars come back below what the job prints once it has left it."""
    pytest.importorskip("curses", reason="this Python has no curses")
    program = Program(CURSES)
    program.until("INSIDE")
    program.until("words")
    os.write(program.fd, b"q")
    assert program.end() == 0, program.everything
    inside = program.sent[program.sent.index(b"INSIDE") :].partition(b"\x1b[?1049l")[0]
    assert b"Ours" not in inside, inside
    assert b"Ours" in program.sent.rpartition(b"left")[2]


UNKNOWN = (
    OPENED
    + r"""
import curses
tracker.stop(); task = tracker.add_task("Ours", total=5); rows_stand()
os.environ["TERM"] = "no-such-terminal"
try: curses.initscr()
except curses.error: print("refused")
rows_stand()
task.finish(); tracker.stop()
"""
)


def test_curses_refuses_the_terminal() -> None:
    """Where curses does not know the terminal, the bars come back."""
    pytest.importorskip("curses", reason="this Python has no curses")
    program = Program(UNKNOWN)
    assert program.end() == 0, program.everything
    assert "refused" in program.everything


LOOP_IN_CURSES = """
import curses
from progresskit import track
def application(screen):
    screen.addstr(3, 3, "INSIDE"); screen.refresh()
    for n in track(range(3), "Ours", keep=False):
        from progresskit import current_tracker
        current_tracker().refresh(60)
curses.wrapper(application)
print("left")
"""


def test_loop_in_curses() -> None:
    """A loop that runs while curses has the screen draws no row on it."""
    pytest.importorskip("curses", reason="this Python has no curses")
    program = Program(LOOP_IN_CURSES)
    assert program.end() == 0, program.everything
    assert b"Ours" not in program.sent


KEYS = (
    OPENED
    + r"""
import termios, tty
def key():
    modes = termios.tcgetattr(0)
    tty.setcbreak(0)
    try: print("asked", file=open("/dev/tty", "w")); return os.read(0, 1).decode()
    finally: termios.tcsetattr(0, termios.TCSADRAIN, modes)
print("Press any key", end="", flush=True)
pressed = key()
print()
print("pressed", pressed)
rows_stand()
task.finish(); tracker.stop()
"""
)


def test_a_key() -> None:
    """A line that waits for a key is shown by itself before the key is read, and its end is no blank line."""
    program = Program(KEYS)
    program.until("asked")
    assert program.rows[0].startswith("Press any key") and "Ours" not in "".join(program.rows), program.rows
    os.write(program.fd, b"x")
    assert program.end() == 0, program.everything
    assert [row.rstrip() for row in program.screen.display][:3] == ["Press any keyasked", "", "pressed x"]


NAMED = "from termios import tcsetattr\n" + KEYS.replace("termios.tcsetattr", "tcsetattr")


def test_modes_restored_by_another_name() -> None:
    """The bars come back though the code has restored the terminal's modes by a name of its own."""
    program = Program(NAMED)
    program.until("asked")
    os.write(program.fd, b"x")
    assert program.end() == 0, program.everything


SPAWNED = (
    OPENED
    + r"""
import pty
pty.spawn(["sh", "-c", "printf 'go on? '; read answer; echo got $answer"])
rows_stand()
task.finish(); tracker.stop()
"""
)

SECRET = (
    OPENED
    + r"""
import getpass
print("got", getpass.getpass("go on? "))
rows_stand()
task.finish(); tracker.stop()
"""
)


@pytest.mark.parametrize("code", [SPAWNED, SECRET], ids=["pty.spawn", "getpass"])
def test_questions_by_other_ways(code: str) -> None:
    """A program on a terminal of its own that `pty.spawn` copies, and `getpass` beside a pipe, have the terminal to themselves."""
    redirected = "import os, sys\nos.dup2(os.open(os.devnull, os.O_RDONLY), 0)\n" if code is SECRET else ""
    program = Program(redirected + code)
    program.until("go on? ")
    assert not any("Ours" in row for row in program.rows), program.rows
    os.write(program.fd, b"yes\n")
    assert program.end() == 0, program.everything
    assert any("got yes" in row for row in program.everything), program.everything


END = (
    OPENED
    + r"""
import code
for n in range(2):
    try: input("go on? ")
    except EOFError: print()
    print("over")
code.interact(banner="", exitmsg="", local={})
try: input("last? ")
except EOFError: pass
task.finish(); tracker.stop(); tracker = ProgressTracker(); task = tracker.add_task("Ours", total=5); rows_stand()
print(); print("after a blank line")
task.finish(); tracker.stop()
"""
)


def test_ctrl_d() -> None:
    """Ctrl-D at a question leaves no blank line, and an error in an interpreter within the job has no frames of it."""
    program = Program(END, PYTHON_BASIC_REPL="1")
    for count in (1, 2):
        program.until("go on? ", count)
        os.write(program.fd, b"\x04")
    program.until(">>> ")
    os.write(program.fd, b"1/0\n")
    program.until(">>> ", 2)
    os.write(program.fd, b"\x04")
    program.until("last? ")
    os.write(program.fd, b"\x04")
    assert program.end() == 0, program.everything
    rows = [row.rstrip() for row in program.screen.display]
    assert rows[rows.index("after a blank line") - 1] == ""
    assert rows[:4] == ["go on?", "over", "go on?", "over"]
    error = rows[rows.index("Traceback (most recent call last):") :]
    assert error[1] == '  File "<console>", line 1, in <module>', rows


def test_input_that_becomes_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question is seen though standard input was no terminal when the first of two captures began."""
    monkeypatch.setattr(builtins, "input", bool)
    try:
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        questions.install()
        assert builtins.input is bool
        keyboard = io.StringIO()
        monkeypatch.setattr(keyboard, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stdin", keyboard)
        questions.install()
        assert builtins.input is not bool
    finally:
        questions.uninstall()
    assert builtins.input is bool
