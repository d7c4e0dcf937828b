"""The cost of one frame, the calls from the ticker's wake-up to its next sleep, and of one captured print, on a real pty."""

from __future__ import annotations

import math
import os
import pty
import select
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from test_ticker import until

from progresskit import ProgressTracker
from progresskit._display.ticker import ThreadTicker
from progresskit.processes.feed import Feed
from progresskit.processes.hub import Hub

MOST_CALLS = 65
"""The most Python calls of a frame of one task, in progresskit and in the standard library."""
MOST_MODULES = 12
"""The most modules of progresskit in which they are."""
MOST_CALLS_OF_CLIENT = 65
"""The most Python calls of a frame of a hub's client, which draws nothing."""

MOST_CALLS_OF_PRINT = 28
"""The most Python calls of a captured `print` of two arguments, which the job does not wait for."""


def walk(tracker: ProgressTracker, last: str, read: Callable[[], object]) -> list[tuple[str, str]]:
    """Return the calls of the shortest frame of one task that moves, as module and function.

    Args:
        tracker: Where the task is.
        last: A function that only a frame calls.
        read: Called now and then.
    """
    frames: list[list[tuple[str, str]]] = []
    calls: list[tuple[str, str]] = []

    def note(frame: Any, event: str, _: object) -> None:
        if event != "call":
            return
        calls.append((frame.f_globals.get("__name__", ""), frame.f_code.co_qualname))
        if frame.f_code.co_name == "wait" and calls[-1][0] == "progresskit._system.threads":
            if any(name == last for _, name in calls):
                frames.append(calls[:])
            calls.clear()

    before = threading.getprofile()
    threading.setprofile(note)
    try:
        task = tracker.add_task("orders.csv", 500_000, unit="row")
    finally:
        threading.setprofile(before)

    def drawn() -> bool:
        task.advance(7)
        read()
        return len(frames) > 5

    until(drawn)
    tracker.stop()
    # The first one pays for imports, a collection of garbage may come in any; the last call is the next sleep.
    return min(frames[1:], key=len)[:-1]


def test_a_frame_takes_few_calls() -> None:
    """A frame in which the number of one task changes takes at most 65 Python calls, in 12 modules."""
    ours, theirs = pty.openpty()

    def read() -> None:
        if select.select([ours], [], [], 0)[0]:
            os.read(ours, 65536)

    with open(theirs, "w") as stream:
        calls = walk(
            ProgressTracker("ansi", stream=stream, interval=0.01, budget=1.0, ticker=ThreadTicker()),
            "StreamTerminal.send",  # the number of rows has changed
            read,
        )
    os.close(ours)
    assert len(calls) <= MOST_CALLS, calls
    assert len({module for module, _ in calls if module.startswith("progresskit")}) <= MOST_MODULES, calls


def test_a_clients_frame_takes_few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame of a hub's client takes at most 65 Python calls: it asks nothing about terminals."""
    with Hub(Feed("none")) as hub:
        for name, value in hub.environment.items():
            monkeypatch.setenv(name, value)
        tracker = ProgressTracker("hub", interval=0.01, budget=1.0, ticker=ThreadTicker())
        calls = walk(tracker, "HubRenderer.render", lambda: None)
    assert len(calls) <= MOST_CALLS_OF_CLIENT, calls
    assert not any(name.startswith(("StreamTerminal.size", "Handle.ask_size")) for _, name in calls), calls


def test_a_captured_print_takes_few_calls() -> None:
    """A captured `print` of two arguments takes at most 28 Python calls in the job's thread."""
    ours, theirs = pty.openpty()
    costs: list[list[str]] = []
    calls: list[str] = []

    def note(frame: Any, event: str, _: object) -> None:
        if event == "call":
            calls.append(frame.f_code.co_qualname)

    ticker = ThreadTicker()
    with open(theirs, "w") as stream, ProgressTracker("ansi", stream=stream, ticker=ticker) as tracker:
        tracker.add_task("orders.csv", 500_000)
        ticker.scheduler.gate.lines_due = math.inf  # the job waits for no line
        tracker._core.lines.before_line = None  # no worker has lines, whatever tests before have left
        before = sys.getprofile()
        for number in range(100):
            calls.clear()
            sys.setprofile(note)
            try:
                print("number", number, file=stream)
            finally:
                sys.setprofile(before)
            costs.append(calls[:])
            if select.select([ours], [], [], 0)[0]:
                os.read(ours, 65536)
    os.close(ours)
    assert all("LineQueue.print_captured" in each for each in costs), costs
    least = min(costs, key=len)
    assert len(least) <= MOST_CALLS_OF_PRINT, least
