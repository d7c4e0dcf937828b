"""Trackers that were never stopped, on a real terminal: rows, captured streams and descriptors are released."""

from __future__ import annotations

from inpty import Program

PROGRAM = """
import gc, os, sys, time, weakref
from progresskit import ProgressTracker

def until(true):
    end = time.monotonic() + 30
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    assert true()

def begun(name, capture):
    tracker = ProgressTracker(capture=capture)
    tracker.add_task(name, total=3).advance()
    until(lambda: tracker._core.display and tracker._core.display.renderer.standing)
    assert "write" in vars(sys.stdout)
    print(f"{name} stands")
    print("begun, ", end="")
    if capture:
        os.system("echo by the shell")
    return weakref.ref(tracker)

for name, capture in (("orders.csv", None), ("lines.csv", "descriptors")):
    before = [os.fstat(fd) for fd in (1, 2)]
    dropped = begun(name, capture)
    until(lambda: gc.collect() is not None and "write" not in vars(sys.stdout) and "write" not in vars(sys.stderr))
    until(lambda: gc.collect() is None or dropped() is None)
    assert all(os.path.samestat(os.fstat(fd), before[fd - 1]) for fd in (1, 2))
    print("and after", flush=True)
    os.system("echo free")
held = ProgressTracker(capture=None)
held.add_task("held")
last = begun("last.csv", None)
del held
gc.collect()  # the process ends before the ticker has had a turn, perhaps
"""


def test_dropped_gives_the_terminal_back() -> None:
    """A dropped tracker is freed, its rows are removed, the streams' `write` and the descriptors are restored, and no word is
    lost."""
    program = Program(PROGRAM)
    assert program.end() == 0, program.everything
    rows = program.everything
    words = [row for row in rows if "csv" not in row and "held" not in row and "cancelled" not in row]
    assert words == [
        "begun, and after",
        "free",
        "begun, by the shell",
        "and after",
        "free",
        "begun,",
    ], rows
    assert [row for row in rows if "stands" in row] == [f"{name}.csv stands" for name in ("orders", "lines", "last")]
    for name in ("orders", "lines", "last"):
        assert sum(f"{name}.csv" in row and "cancelled" in row for row in rows) == 1, rows
    assert not program.screen.cursor.hidden
