"""The claim that one display makes of many processes, for any interleaving of what they do: each live task stands there exactly
once, each line whole and exactly once, each task has ended as it ended, and the prompt is clean in the end.

Steps are seeded and not searched for: what hypothesis draws of them is short, and hardly ever kills anybody at work. What
must be seen follows from the steps alone. How processes and their frames come to the display is the stage's affair.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import NamedTuple, Protocol

from actors import Actor

from progresskit import Frame
from progresskit.processes.feed import Feed
from progresskit.renderers.ansi import AnsiRenderer
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker

ROWS = 12
"""The number of tasks that fit the screen beside the line that counts the others."""
DEEPEST = 3
KINDS = {
    "add": 16,
    "add below": 10,
    "advance": 16,
    "finish": 8,
    "fail": 3,
    "cancel": 2,
    "print": 8,
    "send": 20,
    "kill": 2,
    "tear": 1,
    "leave": 1,
    "draw": 8,
}
"""The possible steps, and their weights. A process starts with its first step, and a process that has ended starts again."""
PAST = {"finish": "finished", "fail": "failed", "cancel": "cancelled"}
MARKS = {"finished": "✓", "failed": "✗", "lost": "✗", "cancelled": "■"}


class Ending(NamedTuple):
    name: str
    state: str
    completed: int | float


class Live(NamedTuple):
    completed: int
    total: int
    depth: int


class Account:
    """The steps of one process, and which of them were sent."""

    def __init__(self, tells_unseen: bool) -> None:
        self._tells_unseen = tells_unseen
        self.live: dict[str, Live] = {}
        self.shown: dict[str, Live] = {}  # as the last frame that was sent has them
        self.order: list[str] = []
        self.endings: list[Ending] = []
        self.kept: set[str] = set()  # those of them whose line stays
        self.lines: list[str] = []
        self.lost_lines: list[str] = []
        self._seen: set[str] = set()
        self._unsent: list[tuple[Ending, bool]] = []
        self._unsent_lines: list[str] = []

    def add(self, name: str, total: int, depth: int) -> None:
        self.live[name] = Live(0, total, depth)

    def advance(self, name: str, n: int) -> None:
        self.live[name] = self.live[name]._replace(completed=self.live[name].completed + n)

    def end(self, name: str, state: str) -> None:
        task = self.live.pop(name)
        if name in self._seen or state == "failed" or (self._tells_unseen and not task.depth):
            self._unsent.append(
                (Ending(name, state, task.completed), state in ("failed", "cancelled") or not task.depth)
            )

    def print(self, line: str) -> None:
        self._unsent_lines.append(line)

    def send(self, order: list[str]) -> None:
        assert sorted(order) == sorted(self.live)
        self.shown, self.order = dict(self.live), order
        self._seen |= set(order)
        for ending, kept in self._unsent:
            self._end(ending, kept)
        self.lines += self._unsent_lines
        self._unsent, self._unsent_lines = [], []

    def _end(self, ending: Ending, kept: bool) -> None:
        self.endings.append(ending)
        if kept:
            self.kept.add(ending.name)

    def die(self) -> None:
        for name, task in self.shown.items():
            self._end(Ending(name, "lost", task.completed), kept=True)
        self.lost_lines, self.shown, self.order = self._unsent_lines, {}, []

    def leave(self) -> None:
        for name, task in list(self.live.items()):
            self.end(name, "finished" if task.completed >= task.total else "cancelled")
        self.send([])


class Stage(Protocol):
    """Where the processes are."""

    feed: Feed

    def actor(self, number: int) -> Actor:
        """Return a process that has begun. `number` grows with each."""
        ...

    def settle(self) -> None:
        """Deliver the sent messages."""
        ...


class Witness(AnsiRenderer):
    """Draws, and remembers how tasks have ended."""

    def __init__(self) -> None:
        super().__init__()
        self.endings: list[Ending] = []

    def render(self, frame: Frame) -> None:
        self.endings += [
            Ending(view.description, ending(view.state, view.reason), view.completed) for view in frame.ended
        ]
        super().render(frame)


def ending(state: str, reason: str | None) -> str:
    return "lost" if reason == "lost" else state


class Screen:
    """A feed on an emulated terminal, moved by hand, and the expected screen."""

    def __init__(self) -> None:
        self.clock, self.ticker, self.terminal = ManualClock(), ManualTicker(), EmulatedTerminal(120, ROWS + 2)
        self.witness = Witness()
        self.feed = Feed(self.witness, terminal=self.terminal, clock=self.clock, ticker=self.ticker)
        self.accounts: list[tuple[Actor, Account]] = []

    def draw(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.ticker.tick()
        self.check()

    def check(self) -> None:
        text = self.terminal.text
        self._check_lines(text)
        live = [
            (name, account.shown[name])
            for _, account in sorted(self.accounts, key=lambda each: each[0].key)
            for name in account.order
        ]
        rows = {name: [number for number, row in enumerate(text) if f" {name} " in row] for name, _ in live}
        shown = [(name, task) for name, task in live if rows[name]]
        assert all(len(rows[name]) == 1 for name, _ in shown), text
        assert [rows[name][0] for name, _ in shown] == sorted(rows[name][0] for name, _ in shown), text
        for name, task in shown:
            assert f" {task.completed}/{task.total} " in text[rows[name][0]], (name, task, text)
        if len(shown) < len(live):
            assert len(shown) == ROWS, text
            assert f"... {len(live) - ROWS} more" in text[-1]
        self._check_endings(text)

    def _check_lines(self, text: list[str]) -> None:
        there = Counter(text)
        for _, account in self.accounts:
            mine = set(account.lines)
            assert [row for row in text if row in mine] == account.lines, text
            assert not any(there[line] for line in account.lost_lines), text

    def _check_endings(self, text: list[str]) -> None:
        expected = [each for _, account in self.accounts for each in account.endings]
        assert Counter(self.witness.endings) == Counter(expected)
        kept = {name for _, account in self.accounts for name in account.kept}
        for name, state, _ in expected:
            rows = [row for row in text if f" {name} " in row]
            assert len(rows) == (name in kept), (name, state, text)
            assert all(row.startswith(MARKS[state]) and (state != "lost" or ": lost" in row) for row in rows), rows

    def check_prompt(self) -> None:
        row, column, visible = self.terminal.cursor
        assert (column, visible) == (0, True)
        assert not any(self.terminal.screen[row:])


def play(stage: Stage, screen: Screen, seed: int, length: int) -> None:
    """Let one to eight processes do `length` steps each, and check the screen in between and at the end."""
    dice = random.Random(seed)
    size = seed % 8 + 1
    cast: list[tuple[Actor, Account] | None] = [None] * size
    kinds = dice.choices(list(KINDS), list(KINDS.values()), k=length * size)
    for serial, kind in enumerate(kinds):
        which = dice.randrange(size)
        if kind == "draw":
            stage.settle()
            screen.draw(0.1 + which)
            continue
        at = cast[which]
        if at is None:
            actor = stage.actor(len(screen.accounts))
            at = cast[which] = actor, Account(actor.tells_unseen)
            screen.accounts.append(at)
            step(*at, "add", f"<first {serial}>", dice)
            step(*at, "send", "", dice)
        step(*at, kind, f"<{serial}>", dice)
        if kind in ("kill", "tear", "leave"):
            cast[which] = None
    for at in cast:
        if at is not None:
            step(*at, dice.choice(("leave", "kill")), "", dice)
    stage.settle()
    screen.draw(0.1)


def step(actor: Actor, account: Account, kind: str, name: str, dice: random.Random) -> None:
    live = list(account.live)
    if kind == "add":
        total = dice.choice((1, 3, 50))
        actor.add(name, total, None)
        account.add(name, total, 0)
    elif kind == "add below":
        above = [each for each in live if account.live[each].depth < DEEPEST]
        if above:
            parent = dice.choice(above)
            actor.add(name, 50, parent)
            account.add(name, 50, account.live[parent].depth + 1)
    elif kind == "advance" and live:
        moved, n = dice.choice(live), dice.randint(1, 2)
        actor.advance(moved, n)
        account.advance(moved, n)
    elif kind in PAST and live:
        ended = dice.choice(live)
        actor.end(ended, kind)
        account.end(ended, PAST[kind])
    elif kind == "print":
        line = f"{name} is what a process has to say, " + "word " * dice.randrange(12) + "and no more"
        actor.print(line)
        account.print(line)
    elif kind == "send":
        account.send(actor.send())
    elif kind in ("kill", "tear"):
        getattr(actor, kind)()
        account.die()
    elif kind == "leave":
        actor.leave()
        account.leave()
