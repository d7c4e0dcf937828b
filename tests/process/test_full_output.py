"""A command whose standard output accepts nothing ends with one sentence and a status, without a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="a device that is always full")
@pytest.mark.parametrize("command", ["--help", "--version", "renderers"])
def test_a_full_disk_is_reported_in_one_sentence(command: str) -> None:
    """What the command should have written is missing, so it fails, and says why."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with FULL.open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "progresskit", command], env=environ, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert done.stderr == "progresskit: the output cannot be written: No space left on device.\n"
