"""Slots, the rows of a tree, and which tasks get a row if there are fewer rows than tasks."""

from __future__ import annotations

import itertools
import sys
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from progresskit import ProgressTracker
from progresskit._model.slots import Slots, assign_rows, walk_tree
from progresskit.testing import ManualClock, ManualTicker, RecordingRenderer


class Item:
    """The members of a task that slots use."""

    _slot = -1

    def __init__(self, name: str, *, waiting: bool = False, children: Slots | None = None) -> None:
        self.name, self.waiting, self.children = name, waiting, children


class Places:
    """Slots, and the items in them by name."""

    def __init__(self, names: str = "") -> None:
        self.slots = Slots()
        self.items: dict[str, Item] = {}
        for name in names:
            self.take(name)

    def take(self, name: str, preferred: int | None = None) -> int:
        item = self.items[name] = Item(name)
        slot = self.slots.allocate(item, preferred)
        assert item._slot == slot
        return slot

    def release(self, name: str, *, pinned: bool = False) -> None:
        self.slots.release(self.items.pop(name), pinned=pinned)

    @property
    def rows(self) -> str:
        """The rows by name, `-` for a blank one."""
        assert {item.name for item in self.slots} == self.items.keys()
        assert len(self.slots) == len(self.items)
        return "".join("-" if item is None else item.name for item in self.slots.rows())


def test_lowest_free() -> None:
    """The next item gets the lowest free slot."""
    places = Places("abcde")
    for name in "dbc":
        places.release(name)
    assert places.rows == "ae"
    assert [places.take(name) for name in "xyzw"] == [1, 2, 3, 5]
    assert places.rows == "axyzew"


def test_preferred() -> None:
    """A preferred slot is given if it is empty, and the slots before it stay blank."""
    places = Places()
    assert places.take("c", 2) == 2
    assert places.rows == "--c"
    assert places.take("x") == 3
    assert places.take("a", 0) == 0
    assert places.take("y", 0) == 4  # taken: the next free one
    assert places.rows == "a-cxy"
    assert places.take("b", 1) == 1
    places.release("x")
    assert places.rows == "abcy"
    places.slots.close()
    assert places.take("z", 4) == 4
    assert places.rows == "abcyz"


def test_preferred_behind_the_last() -> None:
    """A slot after the last one may be preferred."""
    places = Places("a")
    assert places.take("b", 1) == 1
    assert places.take("d", 3) == 3
    assert places.rows == "ab-d"


def test_not_given_twice() -> None:
    """A free slot that was taken by preference is not given a second time."""
    places = Places("abc")
    places.release("b")
    assert places.take("p", 1) == 1
    assert places.take("q") == 3
    assert places.rows == "apcq"


def test_reserved() -> None:
    """A reserved slot waits for a request, however many frames are drawn."""
    places = Places()
    places.take("a", 0)
    places.take("b", 1)
    places.release("a", pinned=True)
    places.slots.close()
    assert places.take("x") == 2
    assert places.rows == "-bx"
    assert places.take("a", 0) == 0


def test_close() -> None:
    """Once a frame has been drawn without a successor, the rows below have moved up and the next one comes last."""
    places = Places("abcd")
    places.release("b")
    places.slots.close()
    assert (places.rows, [places.items[name]._slot for name in "acd"]) == ("acd", [0, 1, 2])
    assert places.take("x") == 3
    places.release("c")
    assert places.take("y") == 1
    assert places.rows == "aydx"


def test_all_leave() -> None:
    """When the last item leaves, numbering starts again at 0."""
    places = Places("ab")
    places.take("h", 5)
    for name in "ahb":
        places.release(name)
    assert (places.rows, places.slots.has_gaps) == ("", False)
    assert [places.take(name) for name in "xy"] == [0, 1]
    places.release("x")
    assert places.rows == "y"
    places.release("y")
    assert places.take("p", 1) == 1
    assert places.rows == "-p"


@given(
    st.lists(
        st.tuples(st.sampled_from(["take", "take", "ask", "leave", "leave pinned", "frame"]), st.integers(0, 5)),
        max_size=40,
    )
)
def test_no_blank_row(steps: list[tuple[str, int]]) -> None:
    """Rows are a list: a new one takes a row that became free since the last frame, else the last one; others only move
    up."""
    places, number, asked = Places(), 0, -1
    for step, at in steps:
        before = places.rows
        live = sorted(places.items)
        if step in ("take", "ask"):
            number += 1
            name = chr(ord("A") + number)
            places.take(name, at if step == "ask" else None)
            asked = max(asked, at) if step == "ask" else asked
            assert places.rows.replace(name, "", 1).replace("-", "") == before.replace("-", "")
        elif step.startswith("leave") and live:
            places.release(live[at % len(live)], pinned=step == "leave pinned")
            asked = asked if places.items else -1
        elif step == "frame":
            places.slots.close()
            assert places.rows == before
            assert [item._slot for item in places.slots] == [at for at, name in enumerate(before) if name != "-"]
        assert "-" not in places.rows[asked + 1 :]


def tree(*items: Item | None) -> list[tuple[Item | None, int]]:
    return [(item, 0) for item in items]


def test_walk() -> None:
    """A tree is walked parents first, with the blank rows that are reserved."""
    inner, deepest, outer = Slots(), Slots(), Slots()
    deepest.allocate(Item("z"))
    inner.allocate(Item("y", children=deepest), 1)
    outer.allocate(Item("a", children=inner))
    outer.allocate(Item("b"))
    walked = [(item and item.name, depth) for item, depth in walk_tree(outer)]
    assert walked == [("a", 0), (None, 1), ("y", 1), ("z", 2), ("b", 0)]


@pytest.mark.parametrize(
    ("shown", "limit", "rows", "missing"),
    [
        ("a-b", None, "a0 b2", 0),
        ("a-b", 3, "a0 b2", 0),
        ("a-b", 2, "a0 b1", 0),  # blank rows are the first to go
        ("abc", 3, "a0 b1 c2", 0),
        ("abc", 2, "a0", 2),  # one row for the line that counts the others
        ("-abc", 2, "a0", 2),
        ("abc", 1, "", 3),
        ("abc", 0, "", 3),
        ("AbAcd", 4, "b0 c1 d2", 2),  # those that wait go first
        ("AbBcd", 5, "A0 b1 B2 c3 d4", 0),
        ("AbBcDe", 5, "A0 b1 c2 e3", 2),
        ("aBCDe", 4, "a0 B1 e2", 2),
        ("ABCD", 3, "A0 B1", 2),
        ("abcdE", 3, "a0 b1", 3),
    ],
)
def test_where_there_are_fewer_rows_than_tasks(shown: str, limit: int | None, rows: str, missing: int) -> None:
    items = [None if name == "-" else Item(name, waiting=name.isupper()) for name in shown]
    seated, more = assign_rows(tree(*items), limit)
    assert " ".join(f"{item.name}{row}" for item, depth, row in seated) == rows
    assert more == missing
    assert all(depth == 0 for _, depth, _ in seated)


def test_end_during_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that ends right after the ended ones were removed is shown as before, and no row moves."""
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker(), clock=ManualClock())
    tree = tracker._core.tree
    first, second, third = (tracker.add_task(name, total=1) for name in ("first", "second", "third"))
    hidden = tracker.add_task("hidden", delay=60.0)
    fourth = tracker.add_task("fourth")

    def rows() -> list[tuple[str, int, str]]:
        return [(view.description, view.position, view.state) for view in tree.next_frame().tasks]

    assert [row[:2] for row in rows()] == [("first", 0), ("second", 1), ("third", 2), ("fourth", 3)]
    settle = tree.settle

    def settle_and_end() -> None:
        settle()
        monkeypatch.setattr(tree, "settle", lambda: None)
        second.finish()
        hidden.finish()

    monkeypatch.setattr(tree, "settle", settle_and_end)
    first.finish()
    assert rows() == [("second", 0, "running"), ("third", 1, "running"), ("fourth", 2, "running")]
    monkeypatch.setattr(tree, "settle", settle)
    assert rows() == [("third", 0, "running"), ("fourth", 1, "running")]
    third.finish()
    fourth.finish()
    tracker.stop()


@pytest.mark.parametrize("preferred", [None, 0, 2])
def test_a_handler_between_two_lines(preferred: int | None) -> None:
    """A signal's handler that adds and ends an item of its own in the middle of either call leaves each item in its slot."""

    def interrupted_at(nth: int) -> bool:
        """Return whether there was an `nth` line to interrupt."""
        slots, item, count = Slots(), Item("outer"), 0

        def trace(frame: FrameType, event: str, _: object) -> object:
            nonlocal count
            if frame.f_code.co_filename != Slots.allocate.__code__.co_filename:
                return None
            if event == "line":
                count += 1
                if count == nth:
                    sys.settrace(None)
                    inner = Item("inner")
                    slots.allocate(inner)
                    slots.release(inner)
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            slots.allocate(item, preferred)
        finally:
            sys.settrace(before)
        assert list(slots) == [item] and slots._cells[item._slot] is item and len(slots) == 1
        sys.settrace(trace)
        try:
            slots.release(item)
        finally:
            sys.settrace(before)
        assert list(slots) == [] and len(slots) == 0
        return count >= nth

    assert sum(itertools.takewhile(bool, map(interrupted_at, itertools.count(1)))) > 5
