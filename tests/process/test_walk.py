"""The cost of one frame: the calls from the ticker's wake-up to its next sleep, on a real pty."""

from __future__ import annotations

import os
import pty
import select
import threading
from typing import Any

from test_ticker import until

from progresskit import ProgressTracker
from progresskit._display.ticker import ThreadTicker

MOST_CALLS = 80
"""The most Python calls of a frame of one task, in progresskit and in the standard library."""
MOST_MODULES = 19
"""The most modules of progresskit in which they are."""


def test_a_frame_takes_few_calls() -> None:
    """A frame of one task that moves takes at most 80 Python calls, and passes through few modules."""
    ours, theirs = pty.openpty()
    frames: list[list[tuple[str, str]]] = []
    calls: list[tuple[str, str]] = []

    def note(frame: Any, event: str, _: object) -> None:
        if event != "call":
            return
        calls.append((frame.f_globals.get("__name__", ""), frame.f_code.co_qualname))
        if frame.f_code.co_name == "wait" and calls[-1][0] == "progresskit._system.threads":
            if any(name == "Region.draw" for _, name in calls):
                frames.append(calls[:])
            calls.clear()

    before = threading.getprofile()
    with open(theirs, "w") as stream:
        tracker = ProgressTracker("ansi", stream=stream, interval=0.01, budget=1.0, ticker=ThreadTicker())
        threading.setprofile(note)
        try:
            task = tracker.add_task("orders.csv", 1_000_000, unit="row")
        finally:
            threading.setprofile(before)

        def drawn() -> bool:
            task.advance(7)
            if select.select([ours], [], [], 0)[0]:
                os.read(ours, 65536)
            return len(frames) > 5

        until(drawn)
        tracker.stop()
    os.close(ours)
    # The first one pays for imports, a collection of garbage may come in any; the last call is the next sleep.
    walk = min(frames[1:], key=len)[:-1]
    assert len(walk) <= MOST_CALLS, walk
    assert len({module for module, _ in walk if module.startswith("progresskit")}) <= MOST_MODULES, walk
