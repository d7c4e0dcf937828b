"""Bars of another thread while a library, or the interpreter, waits at its prompt: in a real pseudo-terminal."""

from __future__ import annotations

import os

from inpty import ROOT, Program

TESTS = {"PYTHONPATH": os.pathsep.join((ROOT, os.path.join(ROOT, "tests")))}

LIBRARY = """
import os, sys, termios, threading, types
from seen import until_true as until
import progresskit
library = types.ModuleType("prompt_toolkit.input")
sys.modules.update({"prompt_toolkit": library, library.__name__: library})
exec('''
import os, sys, termios
def ask(text, meanwhile=lambda: None):
    old, new = termios.tcgetattr(0), termios.tcgetattr(0)
    new[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN | termios.ISIG)
    termios.tcsetattr(0, termios.TCSADRAIN, new)
    meanwhile()
    sys.stdout.write(text); sys.stdout.flush()
    os.read(0, 1)
    termios.tcsetattr(0, termios.TCSADRAIN, old)
    print()
''', vars(library))
"""
OPEN = (
    LIBRARY
    + """
over = threading.Event()
def job():
    for _ in progresskit.track(range(2), "Job"):
        over.wait()
thread = threading.Thread(target=job)
core = progresskit._tracking.joining.current_tracker()._core
def begin():
    thread.start()
    until(lambda: core.hiding)
    core.ticker.flush_soon(1.0)
library.ask("first> ", begin)
print("one")
until(lambda: core.display is not None and core.display.renderer.standing)
library.ask("second> ")
print("two")
until(lambda: core.display.renderer.standing)
over.set()
thread.join()
"""
)
ENDED = (
    LIBRARY
    + """
from progresskit._display.terminal import UNCAPTURED
original = termios.tcsetattr
tracker = progresskit.ProgressTracker()
tracker.add_task("Job", total=2)
until(lambda: tracker._core.display is not None and tracker._core.display.renderer.standing)
library.ask("first> ", lambda: [thread.start(), thread.join()] if (thread := threading.Thread(target=tracker.stop)) else None)
assert termios.tcsetattr is original and not UNCAPTURED and not tracker._core.hiding
print("restored")
"""
)
INTERPRETER = """
import os, threading
from seen import until_true as until
import progresskit
core = progresskit._tracking.joining.current_tracker()._core
over = threading.Event()
def job():
    for _ in progresskit.track(range(2), "Job"):
        over.wait()
thread = threading.Thread(target=job)
def begin():
    until(lambda: __import__("sys")._current_frames().get(threading.main_thread().ident) is None)
    thread.start()
    until(lambda: core.hiding)
    core.ticker.flush_soon(1.0)
    os.write(1, b"begun")
def begin_soon():
    threading.Thread(target=begin).start()
"""


def no_row(program: Program) -> bool:
    return not any(row.lstrip().startswith("Job") for row in program.rows)


def test_bars_begin_at_an_open_prompt() -> None:
    """Bars that another thread begins while a library's prompt is open appear when it is answered, and go at the next one."""
    program = Program(OPEN, **TESTS)
    for prompt in ("first> ", "second> "):
        program.until(prompt)
        assert no_row(program), program.rows
        os.write(program.fd, b"x")
    assert program.end() == 0, program.everything
    assert [row for row in program.everything if "Job" not in row] == ["first>", "one", "second>", "two"]
    assert sum("✓ Job" in row for row in program.everything) == 1


def test_bars_end_at_an_open_prompt() -> None:
    """A tracker that ends while a library's prompt is open leaves nothing replaced, hidden or uncaptured behind."""
    program = Program(ENDED, **TESTS)
    program.until("first> ")
    os.write(program.fd, b"x")
    assert program.end() == 0, program.everything
    assert "restored" in program.rows


def test_bars_begin_at_the_interpreters_prompt() -> None:
    """The same at the prompt of the interpreter itself."""
    program = Program(
        f"import os, sys; os.execv(sys.executable, [sys.executable, '-i', '-c', {INTERPRETER!r}])",
        PYTHON_BASIC_REPL="1",
        **TESTS,
    )
    program.until(">>> ")
    os.write(program.fd, b"begin_soon()\n")
    program.until("begun")
    assert no_row(program), program.rows
    os.write(
        program.fd,
        b"until(lambda: core.display and core.display.renderer.standing)\nover.set(); thread.join()\nexit()\n",
    )
    assert program.end() == 0, program.everything
    assert sum("✓ Job" in row for row in program.everything) == 1
