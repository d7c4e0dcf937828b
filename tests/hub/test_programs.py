"""Claims about programs as users of pools write them: all of them are played by one process, which each test asks about its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import programs
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    """The report of each program."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PROGRESSKIT_")}
    environ["PYTHONPATH"] = str(Path(__file__).parents[1])
    command = [sys.executable, "-W", "ignore", str(Path(programs.__file__)), *programs.PROGRAMS]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(line.split(": ", 1) for line in done.stdout.splitlines())


@pytest.mark.parametrize("program", programs.PROGRAMS)
def test_programs(program: str, said: dict[str, str]) -> None:
    """Counts are exact and every task is accounted for, in any order of ends; the program's own output says what is special."""
    assert said[program] == "as it should be"
