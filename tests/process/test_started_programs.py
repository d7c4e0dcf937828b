"""Programs that a job starts while it has bars, without set-up: in a real pseudo-terminal."""

from __future__ import annotations

import os

from inpty import Program

LINES = """
import os, subprocess, sys, time
from progresskit import track
before = os.ttyname(1)
for n in track(range(3), "Files"):
    time.sleep(0.12)
    print("before", n)
    subprocess.run(["sh", "-c", f"echo out {n}; echo error {n} >&2; test -t 1 && echo terminal"])
    subprocess.run(["sh", "-c", "echo to stdout"], stdout=sys.stdout, stderr=subprocess.STDOUT)
    assert subprocess.run(["echo", "piped"], capture_output=True, text=True).stdout == "piped\\n"
    assert os.system("echo shell; exit 3") >> 8 == 3
    with subprocess.Popen("for n in 1 2; do echo slow $n; sleep 0.15; done", shell=True): pass
    assert os.ttyname(1) == before
print("the end")
while "write" in vars(sys.stdout): time.sleep(0.01)
assert not hasattr(subprocess.Popen.__init__, "__wrapped__") and not hasattr(os.system, "__wrapped__")
"""


def test_lines() -> None:
    """All their lines are above the bars, in order with Python's own; their behaviour is unchanged."""
    program = Program(LINES)
    assert program.end() == 0
    rows = [row for row in program.everything if "Files" not in row]
    expected = []
    for n in range(3):
        expected += [f"before {n}", f"out {n}", f"error {n}", "terminal", "to stdout", "shell", "slow 1", "slow 2"]
    assert rows == [*expected, "the end"]
    program.check_restored()


BEGUN = """
import os, subprocess, sys
from progresskit import current_tracker, track
for n in track(range(2), "Files"):
    current_tracker().refresh(60)
    os.system("printf 'begun by a program '"); print("ended here", n)
    print("begun here ", end="", flush=True); subprocess.run(["echo", "ended by a program"])
    os.system("printf '\\033[H\\033[2J\\033[3J'"); print("after clear")
    if n == 1: os.system("printf '\\033[2J'")
print("the end")
"""


def test_begun_lines() -> None:
    """A program continues the line that the job has begun, and the job continues a program's; a screen is not cleared
    afterwards."""
    program = Program(BEGUN)
    assert program.end() == 0
    rows = [row for row in program.everything if "Files" not in row]
    turn = ["begun by a program ended here {}", "begun here ended by a program", "after clear"]
    assert rows == [line.format(n) for n in range(2) for line in turn] + ["the end"]


LEFT = """
import subprocess
from progresskit import current_tracker, track
for n in track(range(2), "Files"):
    current_tracker().refresh(60)
    print("line", n)
    if n == 1:
        print("begun", end="", flush=True)
        subprocess.run(["true"])  # says nothing, and nobody says anything after it
"""


def test_begun_line_that_nobody_ends() -> None:
    """A line that the job has begun before it starts a program is shown at the end, though neither continues it."""
    program = Program(LEFT)
    assert program.end() == 0
    assert [row for row in program.everything if "Files" not in row] == ["line 0", "line 1", "begun"]


AFTER = """
import subprocess
from progresskit import current_tracker, track
for n in track(range(2), "Files"):
    current_tracker().refresh(60)
    subprocess.run(["printf", "begun"])
print(" and ended")
"""


def test_begun_line_after_the_loop() -> None:
    """A line that a program has begun comes before the job's output after the loop, which continues it."""
    program = Program(AFTER)
    assert program.end() == 0
    assert [row for row in program.everything if "Files" not in row] == ["begunbegun and ended"]


PROMPT = """
import subprocess
from progresskit import current_tracker, track
for n in track(range(2), "Files"):
    current_tracker().refresh(60)
    if n == 1:
        print("name? ", end="", flush=True)
        subprocess.run(["sh", "-c", "read x; echo hello $x"])
print("the end")
"""


def test_prompt_of_the_job_for_a_program() -> None:
    """A question that Python asks and a program reads the answer to is seen before it is answered."""
    program = Program(PROMPT)
    program.until("name? ")
    os.write(program.fd, b"Ada\n")
    assert program.end() == 0
    assert [row for row in program.everything if "Files" not in row] == ["name? Ada", "hello Ada", "the end"]


KEYS = """
import os, subprocess, sys, time
from progresskit import track
editor = '''
import os, sys, termios, tty
keys = %s
modes = termios.tcgetattr(keys); tty.setcbreak(keys)
print("press a key: ", end="", flush=True)
key = os.read(keys, 1)
print()
termios.tcsetattr(keys, termios.TCSANOW, modes)
print("pressed", key.decode())
'''
for n in track(range(3), "Files"):
    time.sleep(0.12)
    print("before", n)
    if n == 0: subprocess.run([sys.executable, "-S", "-c", editor % "0"])
    if n == 1: subprocess.run([sys.executable, "-S", "-c", editor % "os.open(os.ttyname(2), os.O_RDWR)"])
    if n == 2: os.system("printf 'name? '; read x; echo hello $x")
    print("after", n)
"""


def test_keys_and_questions() -> None:
    """A program that reads keys or asks a question, on whichever descriptor, has the terminal to itself: there are no
    rows meanwhile."""
    program = Program(KEYS)
    for words, times, answer in (("press a key: ", 1, b"a"), ("press a key: ", 2, b"b"), ("name? ", 1, b"Ada\n")):
        program.until(words, times)
        assert not any("Files" in row for row in program.rows)
        os.write(program.fd, answer)
    assert program.end() == 0, "\n".join(program.everything)
    rows = [row for row in program.everything if "Files" not in row]
    assert rows == [
        *("before 0", "press a key:", "pressed a", "after 0"),
        *("before 1", "press a key:", "pressed b", "after 1"),
        *("before 2", "name? Ada", "hello Ada", "after 2"),
    ]
    program.check_restored()


SCREEN = """
import subprocess, sys
from progresskit import track
PAGER = r'''
import os, sys, termios, tty
modes = termios.tcgetattr(0)
tty.setraw(0)
os.write(1, b"\\x1b[?1049h" + b"".join(b"line %d\\r\\n" % n for n in range(5)) + b"end " + sys.argv[1].encode())
os.read(0, 1)
os.write(1, b"\\x1b[?1049l")
termios.tcsetattr(0, termios.TCSADRAIN, modes)
'''
for n in track(range(3), "Files"):
    subprocess.run([sys.executable, "-c", PAGER, str(n)])
"""


def test_a_programs_own_screen() -> None:
    """A pager's or an editor's sequences that open and close a screen of its own reach the terminal."""
    program = Program(SCREEN)
    for n in range(3):
        program.until(f"end {n}")
        os.write(program.fd, b"q")
    assert program.end() == 0
    assert (program.sent.count(b"\x1b[?1049h"), program.sent.count(b"\x1b[?1049l")) == (3, 3)


PREPARED = """
import asyncio, os, subprocess
from progresskit import current_tracker, track
async def started(n):
    program = await asyncio.create_subprocess_exec("echo", f"awaited {n}", preexec_fn=os.getpid)
    await program.wait()
for n in track(range(2), "Files"):
    current_tracker().refresh(60)
    subprocess.run(["echo", f"prepared {n}"], preexec_fn=lambda: os.nice(1), check=True)
    subprocess.run(f"echo shell {n} >&2", shell=True, preexec_fn=os.setpgrp, check=True)
    asyncio.run(started(n))
subprocess.run(["echo", "after"], preexec_fn=os.getpid, check=True)
"""


def test_programs_with_a_preexec_fn() -> None:
    """A program that is prepared in the forked child, where the hooks of a fork are called, starts and is shown all the same."""
    program = Program(PREPARED)
    assert program.end() == 0, program.everything
    rows = [row for row in program.everything if "Files" not in row]
    expected = [f"{kind} {n}" for n in range(2) for kind in ("prepared", "shell", "awaited")]
    assert rows == [*expected, "after"], program.everything
    program.check_restored()
