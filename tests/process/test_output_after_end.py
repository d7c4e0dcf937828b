"""Output right after the end of the last task, or because of an error, is not overwritten: on a real terminal."""

from __future__ import annotations

import os

import pytest
from inpty import Program

DRAWN = """
import os, sys, threading
os.environ["PROGRESSKIT_INTERVAL"] = "0.01"
from progresskit import ProgressTracker, track
def drawn():
    from progresskit._display.process_hooks import TICKER
    while not any(display.renderer.standing for display in TICKER.displays): pass
"""
LOOP = """
def work():
    for outer in track(range(4), "outer"):
        for inner in track(range(3), "inner"):
            drawn()
            %s
"""


@pytest.mark.parametrize(
    ("body", "then", "above", "words"),
    [
        ("pass", "work(); print('one'); print('two'); print('six')", ["✓ outer"], ["one", "two", "six"]),
        ("return", "work(); print('one'); print('two'); print('six')", ["– outer"], ["one", "two", "six"]),
        ("sys.exit('one')", "work()", [], ["one"]),
        ("raise ValueError('one')", "work()", [], ["ValueError: one"]),
    ],
    ids=["ended", "left", "exit", "error"],
)
def test_words_after_a_loop_stand_below_it(body: str, then: str, above: list[str], words: list[str]) -> None:
    """Output after a loop is below its last line."""
    program = Program(DRAWN + LOOP % body + then)
    assert program.end() == ("sys.exit" in body or "raise" in body)
    rows = program.rows
    assert rows[len(rows) - len(words) :] == words, rows
    assert [row[:7] for row in rows[: len(rows) - len(words)]][: len(above)] == above
    assert not any(row.startswith(("  outer", "    inner")) for row in rows), "a bar is left"
    program.check_restored()


@pytest.mark.parametrize("end", ["finish()", "fail('why')", "cancel()"])
def test_words_after_a_task_stand_below_it(end: str) -> None:
    """Output after the last task is below its line."""
    program = Program(f"""{DRAWN}
tracker = ProgressTracker("ansi")
tasks = [tracker.add_task(f"task-{{number}}", total=3) for number in range(3)]
drawn()
for task in tasks: task.{end}
print("one")
print("two")
print("six")
""")
    assert program.end() == 0
    assert [row[2:8] for row in program.rows[:3]] == ["task-0", "task-1", "task-2"]
    assert program.rows[-3:] == ["one", "two", "six"]


ERROR = """
tracker = ProgressTracker("ansi")
tasks = [tracker.add_task(f"task-{number}", total=3) for number in range(4)]
drawn()
"""


@pytest.mark.parametrize(
    ("raised", "status"),
    [("raise ValueError('one')", 1), ("threading.Thread(target=lambda: int('one')).start()", 0)],
    ids=["in the job", "in a thread"],
)
def test_uncaught_error_is_reported_whole(raised: str, status: int) -> None:
    """An uncaught error is shown whole while there are live tasks."""
    program = Program(DRAWN + ERROR + raised)
    assert program.end() == status
    begins = next(number for number, row in enumerate(program.rows) if "Traceback" in row or "Exception in" in row)
    ends = next(number for number, row in enumerate(program.rows) if row.startswith("ValueError: "))
    assert ends - begins >= 2
    assert not any("task-" in row for row in program.rows[begins:ends])
    assert sorted(row[:8] for row in program.rows if "task-" in row) == [f"■ task-{number}" for number in range(4)]
    program.check_restored()


def test_error_hooks_are_called_once() -> None:
    """Hooks for errors are called as before, and once."""
    program = Program(f"""{DRAWN}
sys.excepthook = lambda kind, error, trace: print("told:", error)
{ERROR}
raise ValueError("one")
""")
    assert program.end() == 1
    assert sum(row == "told: one" for row in program.rows) == 1
    assert not any("Traceback" in row for row in program.rows)


@pytest.mark.parametrize("keep", [True, False])
def test_typed_ctrl_c_leaves_nothing(keep: bool) -> None:
    """A typed Ctrl-C, which the terminal shows, leaves nothing behind."""
    program = Program(f"""{DRAWN}
import termios, time
modes = termios.tcgetattr(0)
modes[3] |= termios.NOFLSH  # or Ctrl-C has the kernel forget what is on its way, a frame perhaps
termios.tcsetattr(0, termios.TCSANOW, modes)
with ProgressTracker("ansi") as tracker:
    try:
        for number in range(4): tracker.add_task(f"task-{{number}}", total=10, keep={keep} and not number)
        while True: time.sleep(0.05)
    except KeyboardInterrupt:
        pass
print("one")
""")
    program.until("task-3")
    program.until("\x1b[?2026l")
    os.write(program.fd, b"\x03")
    assert program.end() == 0
    assert b"^C" in program.sent
    assert [row[:8] for row in program.rows] == ["■ task-0"] * keep + ["one"]
    assert not any(row.strip() for row in program.screen.display[program.screen.cursor.y :])
    program.check_restored()
