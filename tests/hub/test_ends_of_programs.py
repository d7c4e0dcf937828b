"""Claims about programs that end while their workers run on, on a terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from screens import Screen

PROGRAM = """
import sys, time
from pathlib import Path
{first}
from progresskit import ProgressTracker, track
from multiprocessing import get_context

def work():
    for _ in track(range(4_000), "rows"):
        time.sleep(0.01)

if __name__ == "__main__":
    with ProgressTracker():
        get_context("fork").Process(target=work, daemon={daemon}).start()
    print("last line", flush=True)
    while {daemon} and not Path(sys.argv[1]).exists():
        time.sleep(0.01)
"""
ORDERS = pytest.mark.parametrize(
    "first", ["import multiprocessing.util", ""], ids=["multiprocessing first", "progresskit first"]
)
"""Which of the two has registered its call for the end first: the last one is called first."""


def started(tmp_path: Path, **words: object) -> Screen:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM.format(**words))
    return Screen(sys.executable, str(script), str(tmp_path / "gate"), lines=50)


@ORDERS
def test_daemon_at_the_end_is_lost(tmp_path: Path, first: str) -> None:
    """What a daemon has running that ends with the program has its last line."""
    with started(tmp_path, first=first, daemon=True) as screen:
        for rows in screen.moments():
            if rows[:1] == ["last line"] and "━" in rows[-1]:
                (tmp_path / "gate").touch()
        assert rows[0] == "last line"
        assert len(rows) == 2
        assert rows[1].startswith("✗ rows") and rows[1].endswith("lost")
        assert screen.status == 0


@ORDERS
def test_ctrl_c_while_workers_run_on(tmp_path: Path, first: str) -> None:
    """Workers that nobody joins are shown after the program's last line, and Ctrl-C then leaves no row and no message behind."""
    seen: set[str] = set()
    with started(tmp_path, first=first, daemon=False) as screen:
        for rows in screen.moments():
            if rows[:1] == ["last line"] and "━" in rows[-1] and len(seen) < 4:
                seen.add(rows[-1])
                if len(seen) == 4:  # by now, multiprocessing waits for it
                    screen.type(b"\x03")
        assert len(seen) == 4
        assert not [row for row in rows if "━" in row or "hub" in row]
        assert [row[:6] for row in rows if "cancelled" in row] == ["■ rows"]
        assert sum(row.startswith("KeyboardInterrupt") for row in rows) == 2  # the program's, and the worker's
        screen.check_prompt()
