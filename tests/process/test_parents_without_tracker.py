"""Workers with a `track` each, whose parent enters no tracker: in a real pseudo-terminal."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from inpty import ROOT, Program

FOLDER = f"{ROOT}:{Path(__file__).parent}:{Path(__file__).parents[1]}"
METHODS = ["fork", pytest.param("spawn", marks=pytest.mark.slow), pytest.param("forkserver", marks=pytest.mark.slow)]

TOGETHER = """
import multiprocessing
from bars import bar
from progresskit import track
context = multiprocessing.get_context(METHOD)
children = [context.Process(target=bar, args=(name, GATE)) for name in ("one", "two", "three")]
for child in children: child.start()
for child in children: child.join()
print("the end")
"""


@pytest.mark.parametrize("method", METHODS)
def test_rows_of_workers_alone(method: str, tmp_path: Path) -> None:
    """Each worker has a row of its own, and a last line, above what the parent prints when all have ended."""
    gate = tmp_path / "gate"
    program = Program(f"METHOD, GATE = {method!r}, {str(gate)!r}\n{TOGETHER}", PYTHONPATH=FOLDER)
    while {row.split()[0] for row in program.rows} != {"one", "two", "three"}:
        assert program.read(), program.rows
    gate.touch()
    assert program.end() == 0, program.everything
    *lines, last = program.everything
    assert sorted(row.split()[1] for row in lines if row.startswith("✓")) == ["one", "three", "two"], program.everything
    assert (len(lines), last) == (3, "the end"), program.everything
    program.check_restored()


IN_TURN = """
import multiprocessing
from bars import bar_and_word
from progresskit import ProgressTracker, track
if ENTERED:
    ProgressTracker().start()
context = multiprocessing.get_context(METHOD)
with context.Pool(1) as pool:
    for number in range(5):
        pool.apply(print, (f"worker {number}",))
        print("parent", number)
        pool.apply(bar_and_word, (number,))
        print("parent again", number)
"""


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("entered", [False, True], ids=["no tracker", "entered"])
def test_lines_of_workers_in_turn(entered: bool, method: str) -> None:
    """What the parent prints once it has a result stands below the worker's words and last lines, and each worker's word after a loop
    below the loop's line, whether or not rows stand."""
    program = Program(f"METHOD, ENTERED = {method!r}, {entered}\n{IN_TURN}", lines=40, PYTHONPATH=FOLDER)
    assert program.end() == 0, program.everything
    said = [re.sub(r"✓ (\w+ \d).*", r"\1", row) for row in program.everything]
    each = ("worker {}", "parent {}", "bar {}", "after {}", "parent again {}")
    assert said == [words.format(number) for number in range(5) for words in each], program.everything
    program.check_restored()


LOGGED = """
import multiprocessing, sys
from progresskit import track
def work(number):
    for _ in track(range(3), f"bar {number}"): pass
with multiprocessing.get_context("fork").Pool(2) as pool:
    pool.map(work, range(2))
print("progresskit.processes.hub" in sys.modules)
"""


def test_no_hub_for_a_log() -> None:
    """Where no rows are drawn, workers write their lines themselves: the parent gets no hub, and so no thread."""
    done = subprocess.run([sys.executable, "-c", LOGGED], capture_output=True, text=True, env={"PYTHONPATH": FOLDER})
    assert (done.stdout, done.returncode) == ("False\n", 0), done.stderr


UNUSED = """
import multiprocessing, sys
before = set(sys.modules)
from progresskit import track
print(sorted(name for name in set(sys.modules) - before if name.startswith(("progresskit.processes", "progresskit._display"))))
"""


def test_import_beside_multiprocessing() -> None:
    """To import `track` beside multiprocessing does not load what only workers need."""
    done = subprocess.run([sys.executable, "-c", UNUSED], capture_output=True, text=True, env={"PYTHONPATH": FOLDER})
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


FIRST = """
import multiprocessing, sys
from progresskit import ProgressTracker, track
if ENTERED:
    ProgressTracker().start()
def work():
    before = set(sys.modules)
    for _ in track(range(3)): pass
    print(sorted(set(sys.modules) - before), flush=True)
worker = multiprocessing.get_context("fork").Process(target=work)
worker.start()
worker.join()
"""


@pytest.mark.parametrize("entered", [False, True], ids=["no tracker", "entered"])
def test_first_loop_imports_nothing(entered: bool) -> None:
    """What a forked worker's first loop needs has been imported before the fork, once for all workers."""
    command = [sys.executable, "-c", f"ENTERED = {entered}\n{FIRST}"]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": FOLDER})
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


ALONE = """
import multiprocessing, sys, time
from progresskit import track
def work(number):
    for n in track(range(4), f"bar {number}"):
        if number == 1: time.sleep(0.5)
        if number == 2 and n == 1: break
        if number == 3 and n == 2: raise ValueError("3 fails")
context = multiprocessing.get_context("fork")
for number in (0, 0, 1, 2, 3):
    worker = context.Process(target=work, args=(number,)); worker.start(); worker.join(); print(number, worker.exitcode, flush=True)
for _ in track(range(2), "here"): time.sleep(0.3)
"""


def test_loops_alone_in_a_log() -> None:
    """A worker that has no hub to report to writes its own lines to a log: of a loop that lasts, and of one that fails; none of
    others, as in a process that was not forked."""
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, env={"PYTHONPATH": FOLDER})
    assert done.stdout.splitlines() == ["0 0", "0 0", "1 0", "2 0", "3 1"]
    told = [line.split(",")[0] for line in done.stderr.splitlines() if re.match(r"bar|here", line)]
    expected = ["bar 1: started", "bar 1: finished", "bar 3: failed at 50%", "here: started", "here: finished"]
    assert [line for line in told if line not in expected] == [], done.stderr
    assert told == expected, done.stderr


SILENT = r"""
import multiprocessing, sys
from progresskit import track
worker = multiprocessing.get_context("fork").Process(target=int); worker.start(); worker.join()
sys.stdout.write("\x1b[2J\x1b[Hdrawn\x1b[K\r"); sys.stdout.flush()
sys.stderr.write("part, ")
print("line")
"""


def test_own_screen_of_a_parent() -> None:
    """What the parent writes while no worker has shown or written anything goes to the terminal as it is."""
    program = Program(SILENT, PYTHONPATH=FOLDER)
    assert program.end() == 0
    assert program.sent == b"\x1b[2J\x1b[Hdrawn\x1b[K\rpart, line\r\n"


AT_EXIT = """
import multiprocessing.util, sys
from progresskit import track
def work():
    for _ in track(range(3)): pass
workers = [multiprocessing.get_context("fork").Process(target=work) for _ in range(3)]
for worker in workers: worker.start()
if JOINED:
    for worker in workers: worker.join()
print("the end")
"""


@pytest.mark.parametrize("joined", [True, False], ids=["joined", "left"])
def test_last_line_of_brief_workers(joined: bool) -> None:
    """What workers have done is told at the end of a program that has imported multiprocessing first, whose exit function then comes
    after progresskit's; no row is left."""
    program = Program(f"JOINED = {joined}\n{AT_EXIT}", PYTHONPATH=FOLDER)
    assert program.end() == 0, program.everything
    said = [re.sub(r" in .*", "", row) for row in program.everything]
    assert said == ["the end", "✓ 3 tasks, 9 items"], program.everything
    program.check_restored()


FAILING = """
import multiprocessing
from progresskit import track
def work():
    for _ in track(range(3), "bar"): pass
    raise ValueError("no such file")
worker = multiprocessing.get_context("fork").Process(target=work)
worker.start()
worker.join()
print("status", worker.exitcode)
"""


def test_no_blank_line_below_a_traceback() -> None:
    """The traceback of a worker ends with its last line: `print(..., end="")`, which writes it, begins no further one."""
    program = Program(FAILING)
    assert program.end() == 0, program.everything
    rows = [row.rstrip() for row in program.screen.display]
    assert rows.index("status 1") == rows.index("ValueError: no such file") + 1, rows
