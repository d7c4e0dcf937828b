"""The job's output beside its bars is never lost: in a real pseudo-terminal, without set-up."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
from pathlib import Path

import pytest
from inpty import ROOT, Program

PLAIN = """
import logging, sys, time, warnings
kept = sys.stderr
handler = logging.StreamHandler()
log = logging.Logger("job"); log.addHandler(handler)
from progresskit import track
before = sys.stdout, sys.stderr, sys.stdout.fileno(), sys.stdout.isatty(), sys.stdout.encoding
print("begun, ", end="")
for n in track(range(6), "Files"):
    print("out", n)
    sys.stdout.buffer.write(b"bytes %d\\n" % n)
    print("err", n, file=sys.stderr)
    log.warning("log %d", n)
    kept.writelines([f"kept {n}", "\\n"])
    time.sleep(0.03)
    assert (sys.stdout, sys.stderr, sys.stdout.fileno(), sys.stdout.isatty(), sys.stdout.encoding) == before
    print("and more, ", end="")
print("over")
while "write" in vars(sys.stdout) or "write" in vars(sys.stdout.buffer): time.sleep(0.01)
"""


def test_plain_prints() -> None:
    """All output is above the bars, whole and in order; the streams remain the same objects, and are restored."""
    program = Program(PLAIN)
    assert program.end() == 0
    rows = [row for row in program.everything if "Files" not in row]
    expected = []
    for n in range(6):
        first = ("begun, " if not n else "and more, ") + f"out {n}"
        expected += [first, f"bytes {n}", f"err {n}", f"log {n}", f"kept {n}"]
    assert rows == [*expected, "and more, over"]


SHORT = """
from progresskit import current_tracker, track
for _ in track(range(3), "Seen"):
    current_tracker().refresh(60)
try:
    for n in track(range(5), "Short"):
        if n == 3:
            raise ValueError("no three")
except ValueError as error:
    print("caught", error)
for n in track(range(2), "Kept", keep=True): pass
print("the end")
"""


def test_short_tasks() -> None:
    """The last line of a loop that no frame has shown comes before the job's next output."""
    program = Program(SHORT)
    assert program.end() == 0
    words = [row.split()[1 if row[0] in "✓✗" else 0] for row in program.everything]
    assert words == ["Seen", "Short", "ValueError:", "caught", "Kept", "the"]


NESTED = """
from progresskit import track
for n in track(range(2), "Outer", keep=True):
    try:
        for m in track(range(3), "Inner"):
            if m == 1: raise ValueError("no")
    except ValueError:
        print("caught", n)
"""


def test_a_line_after_a_failure_before_the_first_frame() -> None:
    """A line that is printed before the first frame stands below the last line of a loop that had failed by then."""
    program = Program(NESTED)
    assert program.end() == 0
    words = [row.split()[1 if row[0] in "✓✗" else 0] for row in program.everything if not row.startswith("  ")]
    assert words == ["Inner", "caught", "Inner", "caught", "Outer"]


HIDDEN = """
import os
from progresskit import ProgressTracker
from seen import until_true
one, two = ProgressTracker(), ProgressTracker()
for tracker, name in ((one, "Hidden"), (two, "Ended")):
    task = tracker.add_task(name, total=2)
until_true(lambda: two._core.display and two._core.tree.last_shown == task.id)
with one.hidden():
    two.stop()
    os.write(1, b"words\\n")
    until_true(lambda: os.read(0, 1))
"""


def test_a_tracker_ends_while_another_is_hidden() -> None:
    """The last frame of a tracker shows no row of another one that is hidden, as rows are while a traceback is printed."""
    program = Program(HIDDEN, PYTHONPATH=f"{ROOT}:{ROOT}/tests")
    program.until("words")
    assert not any(row.startswith("  Hidden") for row in program.rows), program.rows
    os.write(program.fd, b"\n")
    assert program.end() == 0


MANY_ENDS = """
import progresskit
tasks = [progresskit.add_task(f"Task {n}", total=1, keep=True) for n in range(1_500)]
for task in tasks: task.advance(); task.finish()
print("after them")
"""


def test_a_line_after_more_ends_than_a_terminal_takes() -> None:
    """A line waits for what the terminal has not accepted yet: it comes below the last lines of tasks, not within them."""
    program = Program(MANY_ENDS)
    assert program.end() == 0
    rows = program.everything
    assert rows[-1] == "after them"
    assert [row.split()[2] for row in rows[:-1]] == [str(n) for n in range(1_500)]


DEATH = """
import os
from progresskit import current_tracker, track
from progresskit._display import process_hooks
patience = process_hooks.TICKER.scheduler.gate.line_time
for n in track(range(4), "Files"):
    current_tracker().refresh(60)
    patience.most = patience.left = 60.0  # a busy machine may need longer for a line than a job waits
    print("line", n)
    if n == 2: %s
"""


@pytest.mark.parametrize("end", ["os._exit(3)", "os.kill(os.getpid(), 9)", "os.execv('/bin/true', ['true'])"])
def test_a_death(end: str) -> None:
    """A line is on the terminal before the job continues, so that a job that dies at once has shown it."""
    program = Program(DEATH % end)
    program.end()
    assert [row for row in program.everything if row.startswith("line")] == ["line 0", "line 1", "line 2"]


FORK = """
import os
from progresskit import ProgressTracker, current_tracker, track
for n in track(range(3), "Files"):
    current_tracker().refresh(60)
    if n == 1:
        print("half a line, ", end="")
        if not os.fork(): os._exit(0)
        os.wait()
print("the end")
pid = os.fork()
if not pid:
    with ProgressTracker() as tracker:
        for _ in tracker.track(range(3), "child", keep=True): print("so it does"); tracker.print("and so")
    print("the child ends")
    os._exit(0)
os.waitpid(pid, 0)
"""


def test_a_forked_child() -> None:
    """A child's output is printed once, and the child has a display of its own if its parent has none."""
    program = Program(FORK)
    assert program.end() == 0
    text = "\n".join(program.everything)
    assert [text.count(words) for words in ("half a line, the end", "half", "so it does", "and so")] == [1, 1, 3, 3]
    assert "✓ child" in text and program.rows[-1] == "the child ends"


THREADLESS = """
import threading
def refuse(self): raise RuntimeError("can't start new thread")
threading.Thread.start = refuse
import time
from progresskit import track
for n in track(range(8), "one"): print("in", n); time.sleep(0.03)
print("first"); print("second")
for n in track(range(8), "two"): time.sleep(0.03)
print("third")
"""


def test_no_thread() -> None:
    """If the job itself draws, rows are cleared before it continues."""
    program = Program(THREADLESS)
    assert program.end() == 0
    rows = [re.split(r" {2,}", row)[0] for row in program.everything]
    assert rows == [*(f"in {n}" for n in range(8)), "✓ one", "first", "second", "✓ two", "third"]


QUESTION = """
import sys, time
from progresskit import track
for n in track(range(3), "Files"):
    time.sleep(0.15)
    if n == 1:
        print("these go:"); print("  orders.csv, ", end="")
        %s
        print("answered", answer)
"""


@pytest.mark.parametrize(
    ("ask", "question"),
    [
        ("answer = input('sure? ')", "sure? "),
        ("answer = __import__('getpass').getpass('sure? ')", "sure? "),
        ("print('sure? ', end='', flush=True); answer = sys.stdin.readline().strip()", "sure? "),
        ("print('sure? ', end='', flush=True); answer = next(sys.stdin).strip()", "sure? "),
        ("import pdb; print(); answer = 'y'; pdb.set_trace()", "(Pdb) "),
    ],
    ids=["input", "getpass", "readline", "next", "pdb"],
)
def test_a_question(ask: str, question: str) -> None:
    """Every line before a question is on the screen while it is asked, and no bar; bars come back below the answer."""
    program = Program(QUESTION % ask)
    program.until(question)
    shown = "\n".join(program.rows)
    assert "these go:\n  orders.csv," in shown
    assert not any("Files" in row for row in program.rows)
    os.write(program.fd, b"c\n" if "pdb" in ask else b"y\n")
    assert program.end() == 0
    assert any(row.endswith("answered y") for row in program.everything)
    assert "Files" in program.rows[-1]


KEPT_INPUT = """
import sys, types
module = sys.modules["typer._click.termui"] = types.ModuleType("typer._click.termui")
module.visible_prompt_func = input
"""


def test_a_question_of_typer() -> None:
    """A question that ends in the `input` that typer's copy of click has kept is on the screen while it is asked."""
    program = Program(
        KEPT_INPUT + QUESTION % "print('sure? [y/N]:', end='', flush=True); answer = module.visible_prompt_func(' ')"
    )
    program.until("sure? [y/N]: ")
    assert not any("Files" in row for row in program.rows)
    os.write(program.fd, b"y\n")
    assert program.end() == 0
    assert "answered y" in program.rows
    assert "Files" in program.rows[-1]


INTERRUPTED = """
import signal, time
from pathlib import Path
from progresskit import ProgressTracker
from seen import until_exists
def once(*_):  # the test types Ctrl-C until it sees what comes of it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt
with ProgressTracker() as tracker:
    for n in tracker.track(range(3), "Files"):
        tracker.refresh(60)
        if n == 1:
            for ask in (lambda: input("name? "), None):
                signal.signal(signal.SIGINT, once)
                try:
                    if ask: ask()
                    else:
                        with tracker.hidden(): print("choose: ", end="", flush=True); time.sleep(60)
                except KeyboardInterrupt:
                    print("skipped")
                    until_exists(Path(GATE + ("name" if ask else "choose")))
    assert (tracker._core.hiding, tracker._core.asking) == (0, 0)
"""


def test_ctrl_c_at_a_question(tmp_path: Path) -> None:
    """Ctrl-C at a question or inside `hidden` releases the terminal: the bars come back, and no word is overwritten."""
    program = Program(INTERRUPTED.replace("GATE", repr(f"{tmp_path}/")), PYTHONPATH=f"{ROOT}:{ROOT}/tests")
    for question in ("name? ", "choose: "):
        program.until(question)
        while program.sent.count(b"skipped") < (question == "choose: ") + 1:
            os.write(program.fd, b"\x03")  # one that comes before the interpreter reads waits until it does
            while select.select([program.fd], [], [], 0.2)[0] and b"skipped" not in program.sent[-200:]:
                program.read()
        (tmp_path / question.rstrip("?: ")).touch()
    assert program.end() == 0
    text = "\n".join(program.everything)
    assert "name? " in text and "choose: " in text and text.count("skipped") == 2
    assert "Files" in program.rows[-1]


OTHERS = """
import sys, time
from progresskit import track
class Tee:
    def __init__(self, stream): self.stream, self.log = stream, []
    def write(self, text): self.log.append(text); return self.stream.write(text)
    def __getattr__(self, name): return getattr(self.stream, name)
mode = %r
if mode == "tee": sys.stdout = tee = Tee(sys.stdout)
if mode == "replaced":
    log, old = [], sys.stdout.write
    def write(text): log.append(text); return old(text)
    sys.stdout.write = write
for n in track(range(4), "Files"):
    time.sleep(0.05)
    print("line", n)
    if mode == "bar": sys.stderr.write("\\r\\x1b[2K spinning\\x1b[?25l")
    if mode == "later":
        log, old = [], sys.stdout.write
        sys.stdout.write = lambda text, old=old: old(text)
if mode == "bar": sys.stderr.write("\\r\\x1b[2K")
if mode == "tee": assert "".join(tee.log) == "".join(f"line {n}\\n" for n in range(4))
if mode == "replaced": assert sys.stdout.write is write and "".join(log) == "".join(f"line {n}\\n" for n in range(4))
print("over")
"""


@pytest.mark.parametrize("mode", ["tee", "replaced", "later", "bar"])
def test_streams_of_others(mode: str) -> None:
    """A stream with a write of its own goes on being written through it, and another library's bar leaves no escape sequences."""
    program = Program(OTHERS % mode)
    assert program.end() == 0
    rows = [row for row in program.everything if "Files" not in row]
    assert [row for row in rows if row != " spinning"] == [*(f"line {n}" for n in range(4)), "over"]


def test_opted_out() -> None:
    """`PROGRESSKIT_CAPTURE=0` leaves the streams alone, and so does `PROGRESSKIT_DISABLE`."""
    code = """
import sys
from progresskit import track
for n in track(range(2), "Files"): assert "write" not in vars(sys.stdout); print("line", n)
"""
    for environ in ({"PROGRESSKIT_CAPTURE": "0"}, {"PROGRESSKIT_DISABLE": "1"}):
        program = Program(code, **environ)
        assert program.end() == 0
        assert program.everything[-1] == "line 1" or "Files" in program.everything[-1]


END = """
import atexit, sys
def late(): tracker.print("tracker late"); print("plain late", flush=True)
atexit.register(late)
from progresskit import ProgressTracker
tracker = ProgressTracker()
class Finaliser:
    def __del__(self): tracker.print("tracker last"); print("plain last", flush=True)
sys.modules["kept to the end"] = Finaliser()
task = tracker.add_task("Files", total=3)
tracker.print("tracker"); print("plain", flush=True)
"""


@pytest.mark.parametrize("disable", ["", "1"])
def test_the_very_end(disable: str) -> None:
    """Output after the last frame, in an exit handler or a finaliser, is written to the original stream."""
    environ = {**os.environ, "PYTHONPATH": ROOT, "PROGRESSKIT_DISABLE": disable}
    ended = subprocess.run([sys.executable, "-c", END], env=environ, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == ["plain", "plain late", "plain last"]
    words = [line for line in ended.stderr.splitlines() if "Files" not in line]
    assert words == ["tracker", "tracker late", "tracker last"]


REDIRECTED = """
import os, sys, tempfile
from progresskit import current_tracker, track
from seen import until_seen
original = os.dup2

class Elsewhere:
    def __init__(self, stream, file): self.stream, self.file = stream, file
    def __enter__(self):
        self.stream.flush()
        self.kept = os.dup(self.stream.fileno())
        os.dup2(self.file.fileno(), self.stream.fileno())
    def __exit__(self, *_):
        self.stream.flush()
        os.dup2(self.kept, self.stream.fileno())
        os.close(self.kept)

out, errors, nowhere = tempfile.TemporaryFile(), tempfile.TemporaryFile(), open(os.devnull, "w")
for n in track(range(3), "Files"):
    until_seen()
    print("before", n)
    with Elsewhere(sys.stdout, out):
        print("to the file", n)
        print("beside it", n, file=sys.stderr)
        sys.stdout.buffer.write(b"bytes\\n")
    with Elsewhere(sys.stderr, errors): print("errors", n, file=sys.stderr)
    with Elsewhere(sys.stdout, nowhere): print("nowhere")
    print("after", n)
current_tracker().stop()
assert os.dup2 is original
for file in (out, errors):
    file.seek(0)
    print(*file.read().decode().split("\\n"), sep="|")
"""


def test_a_descriptor_that_leads_to_a_file_for_a_while() -> None:
    """While a stream is redirected to a file, lines go there; earlier and later ones are above the bar."""
    program = Program(REDIRECTED, PYTHONPATH=f"{ROOT}:{ROOT}/tests")
    assert program.end() == 0, program.everything
    rows = [row for row in program.everything if "Files" not in row]
    lines = [line for n in range(3) for line in (f"before {n}", f"beside it {n}", f"after {n}")]
    written = "".join(f"to the file {n}|bytes|" for n in range(3)), "".join(f"errors {n}|" for n in range(3))
    assert rows == [*lines, *written]
