"""The claim that one display makes of many processes: whatever they do in whatever order, over real sockets, each live task
stands there exactly once, each line whole and exactly once, and the prompt is clean in the end."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from progresskit import ProgressTracker
from progresskit.feed import Feed
from progresskit.hub import Hub
from progresskit.renderers.hub import HubRenderer
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker, RecordingRenderer

ROWS = 12
"""Tasks that the screen has room for beside the line that counts the others."""
KINDS = {
    "add": 16,
    "add below": 10,
    "advance": 10,
    "finish": 8,
    "fail": 3,
    "print": 8,
    "send": 20,
    "kill": 2,
    "leave": 1,
    "look": 8,
}
"""What may happen, and how often beside the others."""


@pytest.fixture(autouse=True, scope="module")
def hasty() -> Iterator[None]:
    """The hub does not wait for a crowd between two looks at its sockets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("progresskit.hub.PAUSE", 0.001)
        yield


class Process:
    """A tracker and its connection to the hub. A killed one breaks off, as the system does it for a process."""

    def __init__(self, number: int, hub: Hub, clock: ManualClock) -> None:
        self.tracker = ProgressTracker(RecordingRenderer(), clock=clock, ticker=ManualTicker())
        self.live: list[Any] = []
        self.shown: list[str] = []
        self.dead = False
        self.client = HubRenderer(str(hub.address))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("progresskit.renderers.hub.process_start", lambda: float(number))
            self.client.start(EmulatedTerminal())

    def send(self) -> None:
        frame = self.tracker.frame(None)
        self.client.render(frame)
        self.shown = [view.description for view in frame.tasks]

    def print(self, line: str) -> None:
        self.client.write(line)
        self.send()

    def kill(self) -> list[str]:
        """Break off, and return what must be shown as lost."""
        self.client._close()
        lost, self.shown, self.dead = self.shown, [], True
        return lost

    def leave(self) -> None:
        for task in self.live:
            task.finish()
        self.send()
        self.client.stop()
        self.dead = True


@pytest.mark.parametrize("seed", range(30))
def test_any_interleaving_over_sockets_shows_each_task_and_each_line_once(seed: int) -> None:
    """Seeded and not searched for: what hypothesis draws of such steps is short, and hardly ever kills anybody at work."""
    dice = random.Random(seed)
    size = dice.randint(1, 8)
    moves = [(kind, dice.randrange(size)) for kind in dice.choices(list(KINDS), list(KINDS.values()), k=40 * size)]
    clock, ticker, terminal = ManualClock(), ManualTicker(), EmulatedTerminal(120, ROWS + 2)
    feed = Feed("ansi", terminal=terminal, clock=clock, ticker=ticker)
    lines: list[str] = []
    lost: list[str] = []
    with feed, Hub(feed) as hub:
        processes = [Process(number, hub, clock) for number in range(size)]
        for serial, (kind, which) in enumerate([*moves, ("look", 0)]):
            process = processes[which]
            if kind == "look":
                hub.catch_up(60.0)
                clock.advance(0.1 + which)
                ticker.tick()
                check(terminal, [name for each in processes for name in each.shown], lines, lost)
            elif process.dead:
                continue
            elif kind == "add":
                process.live.append(process.tracker.add_task(f"<{serial}>", total=50))
            elif kind == "add below" and process.live:
                process.live.append(process.tracker.add_task(f"<{serial}>", total=50, parent=process.live[0]))
            elif kind == "advance" and process.live:
                process.live[serial % len(process.live)].advance()
            elif kind in ("finish", "fail") and process.live:
                getattr(process.live.pop(serial % len(process.live)), kind)()
            elif kind == "print":
                lines.append(f"({serial})")
                process.print(lines[-1])
            elif kind == "send":
                process.send()
            elif kind == "kill":
                lost += process.kill()
            elif kind == "leave":
                process.leave()
        for process in processes:
            if not process.dead:
                process.leave()
        assert (hub.refused, hub.dropped) == (0, 0)
    row, column, visible = terminal.cursor
    assert (column, visible) == (0, True)
    assert not any(terminal.screen[row:])
    assert sorted(row for row in terminal.text if row in lines) == sorted(lines)


def check(terminal: EmulatedTerminal, live: list[str], lines: list[str], lost: list[str]) -> None:
    text = terminal.text
    assert sorted(row for row in text if row in lines) == sorted(lines), text
    rows = {name: [number for number, row in enumerate(text) if f"{name} " in row] for name in live}
    shown = [name for name in live if rows[name]]
    assert all(len(rows[name]) == 1 for name in shown), text
    assert [rows[name][0] for name in shown] == sorted(rows[name][0] for name in shown), text
    if len(shown) < len(live):
        assert len(shown) == ROWS
        assert f"... {len(live) - ROWS} more" in text[-1]
    for name in lost:
        assert sum(f"{name} " in row and "lost" in row for row in text) == 1, (name, text)
