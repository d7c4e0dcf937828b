"""Workers with bars, for tests."""

from __future__ import annotations

from pathlib import Path

from seen import until_exists, until_seen

from progresskit import track
from progresskit._display import process_hooks


def be_patient() -> None:
    """Make this worker wait for its last output as long as a busy machine needs; a job's worker would continue."""
    credit = process_hooks.TICKER.scheduler.gate.time
    credit.most = credit.left = 60.0


def bar(name: str, gate: str) -> None:
    """Show a loop until the file `gate` exists."""
    be_patient()
    for _ in track(range(1), name):
        until_exists(Path(gate))


def bar_and_word(number: int) -> None:
    """Show a loop until a frame has had it, and print a line after it."""
    be_patient()
    for _ in track(range(1), f"bar {number}"):
        until_seen()
    print("after", number)
