"""A state machine that does anything a program may do to a display, and after each frame compares the whole terminal,
screen and scrollback, with its own model of the expected rows.

The model knows the rules (slots, kept lines, rows that do not fit), and not the code that follows them.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from heapq import heappop, heappush
from itertools import groupby
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from wcwidth import wcswidth

from progresskit import ProgressTracker, Task
from progresskit._text.cells import plain_line
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker

NAMES = [
    "",
    " 東京都",
    " e\u0301\u0301",
    " \x1b[2J\n\r\x07",
    " \u202egnp.exe\u2066",
    " \x00\ud800",
    " x" * 40,
    " 👩‍👩‍👧",
    " [b]{bar}%s",
]
PRINTS = {  # what is printed -> the lines that it becomes
    "plain": ("words", ["words"]),
    "lines": ("one\ntwo\r\nthree", ["one", "two", "three"]),
    "colours": ("\x1b[31mred\x1b[0m and \x1b[1;42mbold", ["red and bold"]),
    "hostile": ("\x1b[2J\x1b[H\x00\x9b1m", ["\\x1b[2J\\x1b[H\\x00\\x9b1m"]),
    "wide": ("東京 한국 e\u0301", ["東京 한국 é"]),
    "bidi": ("\u202eabc", ["\\u202eabc"]),
    "empty": ("", [""]),
    "long": ("0123456789" * 20, ["0123456789" * 20]),
}

ODD: dict[str, tuple[Any, int]] = {  # what is advanced by -> what it counts
    "a boolean": (True, 1),
    "a decimal": (Decimal(2), 2),
    "a fraction": (Fraction(6, 2), 3),
    "a float": (4.0, 4),
    "a step back": (-1, -1),
    "not a number": (math.nan, 0),
    "infinity": (-math.inf, 0),
    "a huge int": (10**400, 0),
    "text": ("3", 0),
    "nothing": (None, 0),
    "a complex number": (2j, 0),
    "a list": ([1], 0),
}
try:
    import numpy
except ModuleNotFoundError:
    pass
else:
    ODD |= {"a scalar": (numpy.uint8(200), 200), "an array": (numpy.array([1, 2]), 0)}


class SlotAccount:
    """Places among siblings: kept while their task lives, then given to the next one, unless a frame comes first."""

    def __init__(self) -> None:
        self.cells: list[Node | None] = []
        self.free: list[int] = []

    def allocate(self, node: Node) -> None:
        while self.free:
            slot = heappop(self.free)
            if self.cells[slot] is None:
                break
        else:
            slot = len(self.cells)
            self.cells.append(None)
        self.cells[slot] = node
        node.slot = slot

    def leave(self, node: Node) -> None:
        self.cells[node.slot] = None
        heappush(self.free, node.slot)
        if not any(self.cells):
            self.__init__()  # type: ignore[misc]  # everything begins anew

    def close(self) -> None:
        """A frame is drawn: rows below move up."""
        self.cells = [node for node in self.cells if node is not None]
        self.free = []
        for slot, node in enumerate(self.cells):
            if node is not None:
                node.slot = slot
                node.children.close()

    def rows(self) -> Iterator[Node]:
        for node in self.cells:
            if node is not None:
                if not node.ended:
                    yield node
                yield from node.children.rows()


class Node:
    """The model's state of one task."""

    def __init__(
        self, task: Task, mark: str, slots: SlotAccount, parent: Node | None, keep: bool | None, top: bool
    ) -> None:
        self.task, self.mark, self.parent, self.slots = task, mark, parent, slots
        self.keep, self.always = (top if keep is None else keep), keep is True
        self.dropped = keep is False
        self.children = SlotAccount()
        self.slot = self.done = 0
        self.decimals = False  # whether floats were counted
        self.ended = self.seen = False
        self.depth: int = 0 if parent is None else parent.depth + 1
        slots.allocate(self)

    def end(self) -> None:
        self.ended = True
        self._leave()

    def _leave(self) -> None:
        if not any(self.children.cells):
            self.slots.leave(self)
            if self.parent is not None and self.parent.ended:
                self.parent._leave()


class Kept:
    """The line of a task that has ended."""

    def __init__(self, node: Node, state: str) -> None:
        self.mark, self.reason = node.mark, f"why{node.mark}" if state == "failed" else ""
        self.node = node
        self.columns = 0  # of the window in which it was drawn

    def __repr__(self) -> str:
        return f"the last line of {self.mark}"


def in_order(endings: list[Kept]) -> list[Kept]:
    """Return the lines of one frame in the order in which their tasks were made, children before their parents."""
    tops = {id(kept.node) for kept in endings}

    def key(kept: Kept) -> list[tuple[int, int]]:
        path: list[tuple[int, int]] = []
        node: Node | None = kept.node
        while node is not None and id(node) in tops:
            path.insert(0, (0, node.task.id))
            node = node.parent
        return [*path, (1, 0)]

    return sorted(endings, key=key)


def logical(terminal: EmulatedTerminal) -> list[tuple[str, int]]:
    """Return the lines of scrollback and screen, wrapped ones put together, and the row on which each begins."""
    lines: list[tuple[str, int]] = []
    going_on = False
    cells = terminal._screen.scrollback + terminal._screen.visible
    for number, line in enumerate(cells):
        text = "".join(line[column].data for column in range(max(line, default=-1) + 1))
        if going_on:
            lines[-1] = (lines[-1][0] + text, lines[-1][1])
        else:
            lines.append((text, number))
        going_on = getattr(line, "wrapped", False)
    return [(text.rstrip(), begins) for text, begins in lines]


class Machine(RuleBasedStateMachine):
    """Rules for a display drawn by `renderer`."""

    renderer = "ansi"
    most_tasks = 14
    least_columns = 2
    single = False  # whether there is one tracker only

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.ticker = ManualTicker()
        self.number = 0
        self.nodes: list[Node] = []
        self.history: list[Any] = []  # what must stand above the rows: texts, and lines of tasks
        self.printed: dict[int, list[Any]] = {0: [], 1: []}  # lines, and what ended before one of them
        self.endings: dict[int, list[Kept]] = {0: [], 1: []}
        self.pushed = False  # whether rows have been pushed out of the screen: nobody can reach them there
        self.cut = False  # whether the terminal has cut lines
        self.typed: tuple[int, int] | None = (
            None  # how many rows stood, and lines above, when `^C` was shown at the cursor
        )
        self.under = False  # whether the cursor has gone back to where that begins, so that it is written over
        self.open = ""  # words on the cursor's line, whose end is yet to come
        self.unseen: float | None = None  # when the terminal cut rows, and nobody looked before they were wide again

    @initialize(
        reflow=st.sampled_from([True, False]),
        columns=st.sampled_from([80, 60, 120, 33]),
        lines=st.sampled_from([12, 24, 5, 2, 1]),
        top=st.sampled_from([False, False, True]),
        tasks=st.integers(0, 5),
        keep=st.sampled_from([None, False]),
    )
    def begin(self, reflow: bool, columns: int, lines: int, top: bool, tasks: int, keep: bool | None) -> None:
        self.terminal = self.make_terminal(columns, lines, reflow)
        self.resized(columns, lines)
        self.narrowest = max(self.least_columns, 2 if reflow else 24)
        if not top:
            for line in ("$ make", "a line of before", *"x" * lines):
                self.terminal.feed(line + "\n")
                self.history.append(line)
        self.trackers = [self.make_tracker() for _ in range(2)]
        self.slots = [SlotAccount(), SlotAccount()]
        self.order: list[int] = []  # the trackers on the display, as they came
        for _ in range(tasks):
            self.new(0, None, "", 50, keep, True)
        self.tick(0.1)

    def came(self, which: int) -> None:
        if which not in self.order:
            self.order.append(which)

    # The methods that a machine on another terminal overrides

    def make_terminal(self, columns: int, lines: int, reflow: bool) -> EmulatedTerminal:
        return EmulatedTerminal(columns, lines, reflow=reflow, colors=columns % 2 == 0)

    def make_tracker(self) -> ProgressTracker:
        return ProgressTracker(self.renderer, terminal=self.terminal, clock=self.clock, ticker=self.ticker)

    def resized(self, columns: int, lines: int) -> None:
        """Give the terminal behind the screen its new size."""

    def read_screen(self) -> None:
        """Feed the drawn output to the terminal."""

    # What a program does

    def live(self, which: int | None = None) -> list[Node]:
        return [
            node for node in self.nodes if not node.ended and which in (None, self.trackers.index(node.task.tracker))
        ]

    def pick(self, data: st.DataObject) -> Node:
        return data.draw(st.sampled_from(self.live()))  # type: ignore[no-any-return]

    def new(
        self, which: int, parent: Node | None, name: str, total: int | None, keep: bool | None, running: bool
    ) -> None:
        self.number += 1
        mark = f"<{self.number}>"
        self.came(which)
        task = self.trackers[which].add_task(
            mark + name,
            total=total,
            unit="row",
            keep=keep,
            start=running,
            parent=None if parent is None else parent.task,
        )
        while parent is not None and parent.ended:  # the nearest that lives takes its place
            parent = parent.parent
        top = parent is None
        slots = self.slots[which] if parent is None else parent.children
        self.nodes.append(Node(task, mark, slots, parent, keep, top))

    @precondition(lambda self: len(self.live()) < self.most_tasks)
    @rule(
        which=st.sampled_from([0, 0, 0, 1]),
        name=st.sampled_from(NAMES),
        total=st.sampled_from([50, 50, None]),
        keep=st.sampled_from([None, True, False]),
        running=st.booleans(),
        count=st.sampled_from([1, 1, 2, 4]),
    )
    def add(self, which: int, name: str, total: int | None, keep: bool | None, running: bool, count: int) -> None:
        for _ in range(count):
            self.new(0 if self.single else which, None, name, total, keep, running)

    @precondition(lambda self: any(node.depth == 0 for node in self.live()))
    @rule(data=st.data(), name=st.sampled_from(NAMES), keep=st.sampled_from([None, True]))
    def nest(self, data: st.DataObject, name: str, keep: bool | None) -> None:
        parent = data.draw(st.sampled_from([node for node in self.live() if node.depth == 0]))
        self.new(self.trackers.index(parent.task.tracker), parent, name, 50, keep, True)

    @precondition(lambda self: len(self.live()) < self.most_tasks and any(node.ended for node in self.nodes))
    @rule(data=st.data(), keep=st.sampled_from([None, True]))
    def nest_below_ended(self, data: st.DataObject, keep: bool | None) -> None:
        parent = data.draw(st.sampled_from([node for node in self.nodes if node.ended]))
        self.new(self.trackers.index(parent.task.tracker), parent, "", 50, keep, True)

    @precondition(lambda self: self.live())
    @rule(data=st.data(), units=st.integers(0, 9))
    def advance(self, data: st.DataObject, units: int) -> None:
        node = self.pick(data)
        node.task.advance(units)
        node.done += units

    @precondition(lambda self: self.live())
    @rule(data=st.data(), kinds=st.lists(st.sampled_from(sorted(ODD)), min_size=1, max_size=3))
    def advance_oddly(self, data: st.DataObject, kinds: list[str]) -> None:
        node = self.pick(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            node.task.advance(3)
            node.done += 3
            for kind in kinds:
                value, units = ODD[kind]
                node.task.advance(value)
                node.done += units
                node.decimals = node.decimals or (isinstance(value, float) and bool(units))
            assert node.task.completed == node.done, f"{kinds} are not counted as {node.done}"

    @precondition(lambda self: self.live())
    @rule(data=st.data(), name=st.sampled_from(NAMES))
    def rename(self, data: st.DataObject, name: str) -> None:
        node = self.pick(data)
        self.number += 1
        node.mark = f"<{self.number}>"
        node.task.update(description=node.mark + name)

    @precondition(lambda self: self.live())
    @rule(data=st.data(), value=st.sampled_from([0, 0.5, "東京", "\x1b[31m\n", "y" * 50, True]))
    def set_field(self, data: st.DataObject, value: Any) -> None:
        self.pick(data).task.update(table=value)

    @precondition(lambda self: self.live())
    @rule(data=st.data())
    def pause_or_resume(self, data: st.DataObject) -> None:
        task = self.pick(data).task
        if task.state == "paused":
            task.resume()
        elif task.state == "running":
            task.pause()

    @precondition(lambda self: self.live())
    @rule(data=st.data(), how=st.sampled_from(["finish", "finish", "fail", "cancel"]), at_once=st.booleans())
    def end(self, data: st.DataObject, how: str, at_once: bool) -> None:
        node = self.pick(data)
        node.task.fail(f"why{node.mark}") if how == "fail" else getattr(node.task, how)()
        self.ended(node)
        if at_once:
            self.tick(0.1)

    def ended(self, node: Node) -> None:
        which = self.trackers.index(node.task.tracker)
        assert self.trackers[which]._core.tree.live >= 0  # a reading, with which ended tasks leave their places
        state = node.task.state
        below = state == "cancelled" and not node.dropped
        if state == "failed" or node.always or ((node.keep or below) and node.seen):
            self.endings[which].append(Kept(node, state))
        node.end()

    @rule(which=st.sampled_from([0, 0, 1]), kind=st.sampled_from(sorted(PRINTS)), count=st.sampled_from([1, 1, 1, 9]))
    def print(self, which: int, kind: str, count: int) -> None:
        if kind == "long" and not self.terminal.reflows:
            return
        text, lines = PRINTS[kind]
        which = 0 if self.single else which
        self.came(which)
        for _ in range(count):
            self.number += 1
            self.trackers[which].print(f"({self.number}){text}")
            self.before_words(which)
            self.printed[which] += [f"({self.number}){lines[0]}", *lines[1:]]

    def before_words(self, which: int) -> None:
        """Note that the ended tasks so far come before the next printed line."""
        self.printed[which] += self.endings[which]
        self.endings[which] = []

    # What a user does

    @rule(
        columns=st.sampled_from([80, 60, 61, 40, 33, 24, 120, 200, 8, 2]),
        lines=st.sampled_from([24, 12, 9, 5, 3, 2, 1]),
        which=st.sampled_from(["columns", "columns", "lines", "both"]),
        really=st.integers(0, 5),
        at_once=st.booleans(),
    )
    def resize(self, columns: int, lines: int, which: str, really: int, at_once: bool) -> None:
        now = self.terminal.size()
        columns = max(columns if which != "lines" else now[0], self.narrowest)
        lines = lines if which != "columns" else now[1]
        if really and self.would_push(columns, lines):
            return  # mostly not: what has been pushed out makes all later checks milder
        self.pushed = self.pushed or self.would_push(columns, lines)
        self.cut = self.cut or (columns < now[0] and not self.terminal.reflows)
        if columns < now[0] and not self.terminal.reflows:
            self.unseen = self.clock()
        if (columns, lines) != now and self.region_rows() and self.typed is not None:
            self.typed = (-1, 0)  # the next look takes it away
        self.terminal.resize(columns, lines)
        self.resized(columns, lines)
        if at_once:
            self.tick(0.1)

    @precondition(lambda self: not self.terminal.reflows and self.terminal.size()[0] > 24)
    @rule(really=st.integers(0, 1))
    def cut_between_two_frames(self, really: int) -> None:
        """The window becomes narrow, and gets its width back before anybody has looked."""
        if really:
            return
        columns, lines = self.terminal.size()
        self.unseen, self.cut = self.clock(), True
        for width in (24, columns):
            self.terminal.resize(width, lines)
            self.resized(width, lines)

    @precondition(lambda self: self.typed is None and not self.open and self.terminal.size()[0] >= 8)
    @rule(really=st.integers(0, 1))
    def type_something(self, really: int) -> None:
        """A user types Ctrl-C, which the terminal shows at the cursor; the job continues."""
        if not really:
            self.echo()
            self.typed = (len(self.region_rows()), len(self.history))
            self.under = False

    def echo(self) -> None:
        self.terminal.feed("^C")

    def would_push(self, columns: int, lines: int) -> bool:
        """Return whether rows would leave the screen: put on a copy, the first of them begins in the scrollback."""
        rows = self.region_rows()
        if not rows:
            return False
        import copy

        trial = copy.copy(self.terminal)
        trial._screen = copy.deepcopy(self.terminal._screen)
        trial.resize(columns, lines)
        begins = self.first_row(trial, len(rows))
        return begins < len(trial.scrollback)

    def first_row(self, terminal: EmulatedTerminal, count: int) -> int:
        """Return where the first of `count` rows above the cursor begins."""
        lines = logical(terminal)
        cursor = len(terminal.scrollback) + terminal.cursor[0]
        at = max(number for number, (_, begins) in enumerate(lines) if begins <= cursor)
        return lines[max(at - count, 0)][1]

    def region_rows(self) -> list[str]:
        for display in self.ticker.displays:
            if display.renderer.current is not None:
                return [plain_line(row).rstrip() for row in display.renderer.current._region.rows]  # type: ignore[attr-defined]
        return []

    @rule(really=st.integers(0, 4))
    def late_tick(self, really: int) -> None:
        """The process was stopped: the rows on the screen are given up, and stay."""
        if really:
            return
        self.give_up()
        for display in self.ticker.displays:
            display.renderer.stop()

    def give_up(self) -> None:
        if self.ticker.displays and self.ticker.displays[0].renderer.current is not None:
            self.history += [Row(row) for row in self.region_rows()]
            if self.typed is not None:  # on a line that is nobody's from here on
                self.read_screen()
                self.under = not self.terminal.cursor[1]
                self.typed = (0, len(self.history))

    @precondition(lambda self: self.nodes)
    @rule(which=st.sampled_from([0, 1]), really=st.integers(0, 4))
    def stop(self, which: int, really: int) -> None:
        if really:
            return  # mostly not: little can go wrong where nothing lives
        which = 0 if self.single else which
        tracker = self.trackers[which]
        live = {node.task: node for node in self.live(which)}
        order = [live[task] for task in reversed(tracker.tasks)]
        tracker.stop()
        for node in order:
            self.ended(node)
        if which in self.order:
            self.account()
            self.let_go()
            self.check()
            self.order.remove(which)

    def let_go(self) -> None:
        """Note what becomes of lines that have not ended when a tracker goes."""

    @rule()
    def soon(self) -> None:
        self.tick(0.1)

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 3.0]))
    def tick(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.ticker.tick()
        self.draw()

    # Checks

    def draw(self) -> None:
        self.account()
        self.check()

    def account(self) -> None:
        """Note the lines that a frame has brought above the rows."""
        comes = any(waiting[which] for waiting in (self.printed, self.endings) for which in self.order)
        free = self.open or ("^C" if self.typed and not self.typed[0] else "")
        if free and (comes or self.region_rows()):  # none of ours: it stays
            if not (self.typed and self.under):
                self.history.append(free)
            self.open, self.typed = "", None
        entries = [entry for which in self.order for entry in self.printed[which]]
        entries += [kept for which in self.order for kept in self.endings[which]]
        for is_kept, group in groupby(entries, lambda entry: isinstance(entry, Kept)):
            found = list(group)
            self.history += in_order(found) if is_kept else found
        for which in self.order:
            self.printed[which], self.endings[which] = [], []
            self.slots[which].close()
        for entry in self.history:
            if isinstance(entry, Kept):
                entry.columns = entry.columns or self.terminal.size()[0]
        for node in self.nodes:
            node.seen = True

    def expected(self) -> tuple[list[Node], int, bool]:
        """Return the task of each row, the number of tasks without one, and whether that is exact."""
        limit = max(self.terminal.size()[1] - 1, 0)
        parts = [list(self.slots[which].rows()) for which in self.order]
        nodes = [node for part in parts for node in part]
        if len(nodes) <= limit:
            return nodes, 0, True
        room = max(limit - 1, 0)
        spare = max(room - sum(node.task.state != "pending" for node in nodes), 0)
        chosen: list[Node] = []
        for node in nodes:
            if len(chosen) == room:
                break
            if node.task.state == "pending":
                if not spare:
                    continue
                spare -= 1
            chosen.append(node)
        return chosen, len(nodes) - len(chosen), sum(map(bool, parts)) < 2

    def check(self) -> None:
        self.read_screen()
        columns, lines = self.terminal.size()
        told = f"\n{self.terminal.scrollback}\n{self.terminal.screen}\n{self.terminal.cursor}"
        row, column, shown = self.terminal.cursor
        stands = (len(self.region_rows()), len(self.history))
        if self.typed is not None and (self.typed[0] < 0 or self.typed != stands):
            # A window that has its old size again by the next look has not changed, as far as anybody knows.
            self.typed = stands if self.typed[0] < 0 and column == 2 else None
        at, left = ([0, 2], ["", "^C"]) if self.typed else ([wcswidth(self.open)], [self.open.rstrip()])
        assert column in at and shown, "the cursor is not where the next prompt belongs" + told
        screen = self.terminal._screen
        assert screen.cursor.attrs == screen.default_char, "colours are not reset" + told
        assert 7 << 5 in screen.mode, "wrapping is off" + told
        assert self.terminal.screen[row] in left, "something is left where the cursor is" + told
        assert not any(self.terminal.screen[row + 1 :]), "something is left below the cursor" + told

        below = len(self.terminal.scrollback) + row
        text = logical(self.terminal)
        all_lines = [line for line, begins in text if begins < below]
        while text and text[-1][1] >= below:
            text.pop()
        rows = self.rows_of(all_lines, told)
        self.check_rows(rows, columns, lines, told)
        self.check_history(all_lines[: len(all_lines) - len(rows)], columns, told)

    def rows_of(self, lines: list[str], told: str) -> list[str]:
        """Return the rows at the end of `lines`, which must be the drawn ones."""
        drawn = self.region_rows()
        rows = lines[len(lines) - len(drawn) :]
        cut = [
            row[: len(shown)] if len(shown) < len(row) and self.terminal.size()[0] < 3 else row
            for row, shown in zip(drawn, rows, strict=False)
        ]
        if self.unseen is not None and self.clock() - self.unseen < 1.01:  # they are drawn anew within a second
            same = len(rows) == len(cut) and all(map(str.startswith, cut, rows))
            assert same, f"rows {rows} are no beginnings of what was drawn: {drawn}" + told
            return drawn
        self.unseen = None
        assert rows == cut, f"rows {rows} are not what was drawn: {drawn}" + told
        return rows

    def check_rows(self, rows: list[str], columns: int, lines: int, told: str) -> None:
        expected, more, exact = self.expected()
        shown = list(rows)
        if more and lines > 1:
            assert shown, "the line that counts the others is missing" + told
            line = shown.pop()
            if exact:
                assert f"  ... {more} more"[: columns - 1].rstrip() == line, f"{line!r} does not count {more}" + told
        if lines <= 1:
            assert not shown, "rows on a screen that has room for none" + told
            return
        if exact:
            assert len(shown) == len(expected), f"{len(expected)} rows were expected" + told
        if columns < 24:
            return
        for line, node in zip(shown, expected, strict=False) if exact else ():
            mark = node.mark[:2] if columns < 60 else node.mark  # a name is cut in its middle
            assert mark in line, f"{node.mark} is not on its row {line!r}" + told
            if columns >= 120:
                done = f"{node.done}.0" if node.decimals else str(node.done)
                count = f"{done}/50 rows" if node.task.total else f"{done} row"
                assert f" {count}" in line, f"{count} is not on the row of {node.mark}" + told
        for node in self.nodes:
            times = sum(node.mark in line for line in rows)
            assert times <= (not node.ended), f"{node.mark} is there {times} times" + told

    def check_history(self, lines: list[str], columns: int, told: str) -> None:
        if self.pushed:  # a row left in the scrollback may equal a task's last line, so compare texts only
            found = iter(lines)
            for entry in self.history:
                if isinstance(entry, str):
                    assert any(self.matches(entry, line) for line in found), (
                        f"{entry!r} is missing above the rows" + told
                    )
                    times = sum(self.matches(entry, line) for line in lines)
                    assert times == 1 or not entry.startswith("("), f"{entry!r} is there {times} times" + told
            return
        at = 0
        for number, entry in enumerate(self.history):
            assert at < len(lines), f"{entry!r} is missing above the rows" + told
            assert self.matches(entry, lines[at]), f"{lines[at]!r} stands where {entry!r} belongs" + told
            at += 1
            if isinstance(entry, Kept):
                text = lines[at - 1]
                while at < len(lines) and lines[at].startswith("  ") and not self.begins(number + 1, lines[at]):
                    text += lines[at]
                    at += 1
                told_why = entry.reason in "".join(text.split())
                assert told_why or self.cut, f"{entry.reason!r} is not told" + told
        left = lines[at:]
        assert not left, f"{left} is left above the rows" + told

    def begins(self, number: int, line: str) -> bool:
        """Return whether `line` is the next entry of the history, and no more of a task's last line."""
        entry = self.history[number] if number < len(self.history) else None
        if isinstance(entry, Kept):
            return entry.mark in line
        return entry is not None and self.matches(entry, line)

    def matches(self, entry: Any, line: str) -> bool:
        if isinstance(entry, Kept):
            return entry.mark in line or entry.columns < 24
        if isinstance(entry, Row):
            return entry.text == line or (not self.terminal.reflows and bool(line) and entry.text.startswith(line))
        entry = entry.rstrip()
        return entry == line or (not self.terminal.reflows and len(line) >= 20 and entry.startswith(line))  # type: ignore[no-any-return]


class LateMachine(Machine):
    """The terminal's grid changes at another instant than the size that is reported to the program, and some sizes are
    not reported.

    Rows may be left above, because their position is then unknown; a word may not be lost or repeated.
    """

    latest = True  # whether the terminal is one of those of which sizes are heard late
    cut_at: int | None = None  # columns that the program was told when it drew on a narrower grid, which cut the rows

    def tick(self, seconds: float) -> None:
        """Note whether the grid cuts the rows: they stay so until the program hears of another size and draws them anew."""
        told = self.terminal.size()[0]
        if self.terminal._screen.columns < told:
            self.cut_at = told
        elif self.cut_at != told:
            self.cut_at = None
        super().tick(seconds)

    def make_terminal(self, columns: int, lines: int, reflow: bool) -> EmulatedTerminal:
        terminal = EmulatedTerminal(columns, lines, reflow=True, late_sizes=True)
        terminal.late_sizes = self.latest
        return terminal

    @rule(
        columns=st.sampled_from([100, 80, 60, 61, 40, 33, 120]),
        lines=st.sampled_from([24, 24, 12, 9, 5, 3]),
        also=st.sampled_from([None, None, 40, 100]),
    )
    def resize(self, columns: int, lines: int, also: int | None) -> None:  # type: ignore[override]
        """Drag the window, over another width perhaps."""
        for width in (also, columns):
            if width is not None:
                self.terminal.resize(width, lines)
        self.pushed, self.typed = True, None

    @rule()
    def hear(self) -> None:
        """Report the size to the program."""
        self.terminal.tell()

    @rule(widths=st.lists(st.sampled_from([100, 40, 33, 120]), min_size=2, max_size=3), told=st.integers(0, 2))
    def drag(self, widths: list[int], told: int) -> None:
        """Change the width more than once between two frames, and report one of the widths to the program."""
        for number, columns in enumerate(widths):
            self.terminal.resize(columns, self.terminal._screen.lines)
            self.pushed, self.typed = True, None
            if number == told:
                self.terminal.tell()
        self.tick(0.1)

    def check_rows(self, rows: list[str], columns: int, lines: int, told: str) -> None:
        if self.heard:
            super().check_rows(rows, columns, lines, told)

    def rows_of(self, lines: list[str], told: str) -> list[str]:
        drawn = self.region_rows()
        if self.heard:
            return super().rows_of(lines, told)
        return drawn

    @property
    def heard(self) -> bool:
        """Whether the program knows the size of the grid, and has drawn at it."""
        screen = self.terminal._screen
        return self.cut_at is None and self.terminal.size() == (screen.columns, screen.lines)

    def type_something(self, really: int) -> None:
        """Nothing is typed: a ghost may be below it."""


class Row:
    """A row that was given up."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"the old row {self.text!r}"


@contextmanager
def untraced() -> Iterator[None]:
    """Do without coverage meanwhile: what only looks for faults longer covers nothing new, and takes twice as long with it."""
    trace = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(trace)


RENDERERS = ["ansi", "tqdm", "rich", "alive"]


def machine_of(renderer: str, kind: type[Machine] = Machine) -> type[Machine]:
    """Return a machine of a `kind` for `renderer`; skip the test where its adapter is not installed."""
    if renderer != "ansi":
        pytest.importorskip(f"progresskit_{renderer}", reason=f"progresskit-{renderer} is not installed here")
    return type(f"{renderer.title()}{kind.__name__}", (kind,), {"renderer": renderer})
