"""Any sequence of calls, by a machine: what the screen shows is what is true."""

from __future__ import annotations

from typing import Any

from hypothesis import settings, strategies
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from progresskit import ProgressTracker, Task
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker

LINES = 12


class Screen(RuleBasedStateMachine):
    tasks: Any = Bundle("tasks")

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.ticker = ManualTicker()
        self.terminal = EmulatedTerminal(120, LINES)
        self.tracker = ProgressTracker("ansi", terminal=self.terminal, clock=self.clock, ticker=self.ticker)
        self.live: list[Task] = []
        self.lines: list[str] = []
        self.number = 0

    def name(self) -> str:
        self.number += 1
        return f"<{self.number}>"

    @rule(target=tasks, keep=strategies.sampled_from([None, True, False]), running=strategies.booleans())
    def add(self, keep: bool | None, running: bool) -> Task:
        task = self.tracker.add_task(self.name() + " 東京\x1b[2J\n", total=50, keep=keep, start=running)
        self.live.append(task)
        return task

    @rule(target=tasks, parent=tasks)
    def add_below(self, parent: Task) -> Task:
        task = self.tracker.add_task(self.name(), total=50, parent=parent)
        self.live.append(task)
        return task

    @rule(task=tasks, units=strategies.integers(1, 5))
    def advance(self, task: Task, units: int) -> None:
        if task in self.live:
            task.advance(units)

    @rule(task=consumes(tasks), how=strategies.sampled_from(["finish", "fail", "cancel"]))
    def end(self, task: Task, how: str) -> None:
        getattr(task, how)()
        if task in self.live:
            self.live.remove(task)

    @rule(lines=strategies.integers(1, 4))
    def print(self, lines: int) -> None:
        for _ in range(lines):
            self.lines.append(f"({self.name()[1:-1]})")
            self.tracker.print(self.lines[-1])

    @rule(seconds=strategies.sampled_from([0.1, 0.5, 3.0]))
    def tick(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.ticker.tick()
        frame_rows = [row for row in self.terminal.screen if row]
        shown = [task for task in self.live if sum(self.mark(task) in row for row in frame_rows[-LINES:])]
        assert len(shown) >= min(len(self.live), LINES - 2)
        for task in shown:
            rows = [row for row in self.terminal.text if self.mark(task) in row]
            assert len(rows) == 1, self.terminal.text
            assert f"{task.completed}/50" in rows[0]
        if len(shown) < len(self.live):
            assert f"... {len(self.live) - len(shown)} more" in frame_rows[-1]
        found = [line for row in self.terminal.text for line in self.lines if row == line]
        assert found == self.lines
        row, column, visible = self.terminal.cursor
        assert (column, visible) == (0, True)
        assert all(not text for text in self.terminal.screen[row:])

    def mark(self, task: Task) -> str:
        return task.description.split(" ")[0]

    @invariant()
    def the_trackers_own_account_is_right(self) -> None:
        assert set(self.tracker.tasks) == set(self.live)
        assert self.tracker.live == len(self.live)


Screen.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestScreen = Screen.TestCase
