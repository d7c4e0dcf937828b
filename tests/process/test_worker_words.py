"""Output of workers on the terminal with their parent's rows: in a real pseudo-terminal."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from first_words import ALL, begins, raises
from inpty import ROOT, Program

FOLDER = f"{ROOT}:{Path(__file__).parent}"
SPEAKING = """
import multiprocessing, time
from speaking import speak
from progresskit import ProgressTracker
with ProgressTracker() as tracker:
    workers = []
    def begin(method):
        context = multiprocessing.get_context(method)
        event = context.Event()
        workers.append((context.Process(target=speak, args=(f"{method} {len(workers)}", event)), event))
        workers[-1][0].start()
    for method in METHODS: begin(method)
    task = tracker.add_task("Files", total=3)
    until = time.monotonic() + 30
    while not (tracker._core.display and tracker._core.display.renderer.standing) and time.monotonic() < until: time.sleep(0.005)
    for method in METHODS: begin(method)
    for worker, event in workers:
        event.set()
        worker.join()
        task.advance(0.5)
print([worker.exitcode for worker, _ in workers])
"""
WAYS = ("prints", "warns", "logs", "echoes", "in bytes", "in parts")


TRACEBACK = (
    "Traceback (most",
    "in _bootstrap",
    "self.run()",
    "in run",
    "self._target(",
    "in speak",
    "raise ValueError",
)


def check_tracebacks(rows: list[str], workers: int) -> None:
    """Each worker's traceback is whole and in its order. Where a busy machine draws what came by the hub after what the next worker
    has written by itself, two of them may interleave."""
    places = [[index for index, row in enumerate(rows) if part in row] for part in TRACEBACK]
    assert [len(each) for each in places] == [workers] * len(TRACEBACK), rows
    assert all(list(each) == sorted(each) for each in zip(*places, strict=True)), rows


@pytest.mark.parametrize("methods", [["fork"], pytest.param(["spawn", "forkserver"], marks=pytest.mark.slow)], ids=str)
def test_words_beside_rows(methods: list[str]) -> None:
    """A worker's output goes above its parent's rows, including its last error, whether it was started before there
    were rows or after."""
    program = Program(f"METHODS = {methods}\n{SPEAKING}", columns=160, lines=60, PYTHONPATH=FOLDER)
    assert program.end() == 0, program.everything
    rows = program.everything
    assert not [row for row in rows if "━" in row]
    for number, method in enumerate(methods * 2):
        name = f"{method} {number}"
        said = [row for row in rows if row.startswith(name) or row.endswith(name + " logs")]
        assert [row.removeprefix("WARNING:root:") for row in said] == [f"{name} {way}" for way in WAYS], rows
        assert rows.index(f"{name} in parts") < rows.index(f"ValueError: {name} fails")
    check_tracebacks(rows, 2 * len(methods))
    assert rows[-1] == str([1] * len(methods) * 2)
    program.check_restored()
    assert b"\x18" not in program.sent  # which would leave a row behind: no worker ends a frame of its parent's


LONG = """
import multiprocessing
from speaking import speak_at_length
from progresskit import ProgressTracker, track
for method in METHODS:
    with ProgressTracker() as tracker, multiprocessing.get_context(method).Pool(2) as pool:
        for number in track(pool.imap_unordered(speak_at_length, range(20)), "Files", total=20): pass
"""


@pytest.mark.parametrize("methods", [["fork"], pytest.param(["spawn", "forkserver"], marks=pytest.mark.slow)], ids=str)
def test_words_before_a_result(methods: list[str]) -> None:
    """A worker's output before its result is shown, although the pool ends with the last result."""
    program = Program(f"METHODS = {methods}\n{LONG}", PYTHONPATH=FOLDER)
    assert program.end() == 0, program.everything
    lines = Counter(row for row in program.everything if re.fullmatch(r"line \d+\.\d+", row))
    assert (len(lines), set(lines.values())) == (2000, {len(methods)})
    assert not [row for row in program.everything if "━" in row]
    program.check_restored()


IN_TURN = """
import multiprocessing, subprocess
from progresskit import ProgressTracker
with ProgressTracker() as tracker:
    task = tracker.add_task("Files", total=40)
    until = time.monotonic() + 30
    while not (tracker._core.display and tracker._core.display.renderer.standing) and time.monotonic() < until: time.sleep(0.005)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        for number in range(15):
            pool.apply(print, (f"worker {number}",))
            pool.apply(subprocess.call, (["echo", f"program {number}"],))
            (print if number % 3 else tracker.print)(f"parent {number}")
            task.advance()
"""


@pytest.mark.slow
def test_words_in_turn() -> None:
    """A line that the parent prints once it has a worker's result is below the worker's output before that result, and that of the
    worker's programs."""
    program = Program(f"import time\n{IN_TURN}", PYTHONPATH=FOLDER)
    assert program.end() == 0, program.everything
    said = [row for row in program.everything if re.fullmatch(r"(worker|program|parent) \d+", row)]
    assert said == [f"{who} {number}" for number in range(15) for who in ("worker", "program", "parent")]


FIRST = """
import multiprocessing
from first_words import ALL
from progresskit import ProgressTracker
context = multiprocessing.get_context("fork")
with ProgressTracker() as tracker:
    if ROWS:
        task = tracker.add_task("Files", total=100)
        tracker.refresh(60)
    statuses = []
    for each in ALL:
        worker = context.Process(target=each, args=("who",))
        worker.start()
        worker.join()
        statuses.append(worker.exitcode)
        print("parent after", each.__name__)
print(statuses)
"""


@pytest.mark.parametrize("rows", [False, True], ids=["no rows", "rows"])
def test_first_words_of_a_worker(rows: bool) -> None:
    """A forked worker that has done nothing before says, in whatever way, what it says without progresskit, and its parent's next line
    stands below it. A line that a worker begins ends with the worker, unless its words go through its parent's relay."""
    program = Program(f"ROWS = {rows}\n{FIRST}", columns=120, lines=60, PYTHONPATH=FOLDER)
    assert program.end() == 0, program.everything
    told = [row for row in program.everything if not re.match(r"(Process|Traceback|  |[■✓] )", row)]
    expected = []
    for each in ALL:
        words = each.__name__.replace("_", " ")
        expected.append(f"{'ValueError: ' * (each is raises)}who {words}")
        after = f"parent after {each.__name__}"
        if rows and each is begins:
            expected[-1] += f" {after}"
        else:
            expected.append(after)
    assert told == [*expected, "[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 3, 0, 0]"], program.everything
    program.check_restored()
