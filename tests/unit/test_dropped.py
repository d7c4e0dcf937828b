"""Trackers that were never stopped: they are freed once they have no references, and the ends of their tasks are
shown."""

from __future__ import annotations

import gc
import weakref

from progresskit import ProgressTracker, Task
from progresskit.testing import EmulatedTerminal, ManualTicker


def begun(ticker: ManualTicker, terminal: EmulatedTerminal) -> weakref.ref[ProgressTracker]:
    """Return a weak reference to a tracker with a live task that a frame has shown."""
    tracker = ProgressTracker("ansi", terminal=terminal, ticker=ticker)
    tracker.add_task("orders.csv", total=3).advance()
    ticker.tick()
    return weakref.ref(tracker)


def test_dropped_tracker_is_freed() -> None:
    """A dropped tracker's live task is cancelled, its row is removed, and its memory is freed."""
    ticker, terminal = ManualTicker(), EmulatedTerminal()
    dropped = begun(ticker, terminal)
    ticker.tick()
    assert dropped() is not None or ticker._set.dropped
    gc.collect()
    ticker.tick()
    gc.collect()
    assert dropped() is None
    assert ticker.displays == []
    assert sum("orders.csv" in row for row in terminal.text) == 1
    assert "cancelled" in terminal.text[0]


def test_300_dropped_trackers() -> None:
    """Three hundred trackers that were never stopped leave no tracker and no display."""
    ticker = ManualTicker()
    dropped = [begun(ticker, EmulatedTerminal(40, 4)) for _ in range(300)]
    ticker.tick()
    gc.collect()
    ticker.tick()
    gc.collect()
    assert [one() for one in dropped if one() is not None] == []
    assert ticker.displays == []


def test_held_task_holds_its_tracker() -> None:
    """A program that keeps only a task keeps its tracker."""
    ticker, terminal = ManualTicker(), EmulatedTerminal()

    def task_alone() -> Task:
        return ProgressTracker("ansi", terminal=terminal, ticker=ticker).add_task("orders.csv", total=3)

    task = task_alone()
    gc.collect()
    ticker.tick()
    task.advance()
    ticker.tick()
    assert "1/3" in terminal.text[0]
    assert task.state == "running"
    task.tracker.stop()


def test_dropped_beside_another() -> None:
    """Trackers that shared a display with a dropped one continue."""
    ticker, terminal = ManualTicker(), EmulatedTerminal()
    other = ProgressTracker("ansi", terminal=terminal, ticker=ticker)
    task = other.add_task("lines.csv", total=5)
    dropped = begun(ticker, terminal)
    ticker.tick()
    gc.collect()
    task.advance()
    ticker.tick()
    gc.collect()
    assert dropped() is None
    assert [sum(name in row for row in terminal.text) for name in ("orders.csv", "lines.csv")] == [1, 1]
    assert "1/5" in terminal.text[-1]
    other.stop()
