"""Conditions for which jobs of tests wait; importable wherever these run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from progresskit._tracking.joining import current_tracker

BOUND = 60.0
"""Seconds that a busy machine may take."""


def until_true(true: Callable[[], object]) -> None:
    """Wait until `true()` is, or for as long as a busy machine may take: the assertions that follow say what is not."""
    end = time.monotonic() + BOUND
    while not true() and time.monotonic() < end:
        time.sleep(0.01)


def until_exists(gate: Path) -> None:
    """Wait until the file exists, or for as long as a busy machine may take, because the process that makes it may have failed."""
    until_true(gate.exists)


def until_seen() -> None:
    """Wait until a frame has had the newest live task: on a busy machine a quick one may come and go between two."""
    tracker = current_tracker()
    end = time.monotonic() + BOUND
    while tracker._core.tree.last_shown < tracker.tasks[-1].id and time.monotonic() < end:
        time.sleep(0.002)
