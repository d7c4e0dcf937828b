"""Slots, the rows of a tree, and who is seated where there are fewer rows than tasks."""

from __future__ import annotations

import pytest

from progresskit import ProgressTracker
from progresskit._model.slots import GRACE, Slots, assign_rows, walk_tree
from progresskit.testing import ManualClock, ManualTicker, RecordingRenderer


class Item:
    """What the seating asks of a task."""

    def __init__(self, name: str, *, waiting: bool = False, children: Slots | None = None) -> None:
        self.name, self.waiting, self.children = name, waiting, children


def filled(*names: str) -> Slots:
    slots = Slots()
    for name in names:
        slots.allocate(name)
    return slots


def test_the_lowest_slot_that_was_left_goes_to_the_next() -> None:
    slots = filled(*"abcde")
    for slot in (3, 1, 2):
        slots.release(slot)
    assert (len(slots), list(slots)) == (2, ["a", "e"])
    assert [slots.allocate(name) for name in "xyzw"] == [1, 2, 3, 5]
    assert (len(slots), "".join(slots)) == (6, "axyzew")


def test_a_preferred_slot_is_given_if_it_is_empty_and_those_below_it_stay_blank() -> None:
    slots = Slots()
    assert slots.allocate("c", 2) == 2
    assert list(slots.rows(0.0)) == [None, None, "c"]
    assert slots.allocate("x") == 3
    assert slots.allocate("a", 0) == 0
    assert slots.allocate("y", 0) == 4  # taken: the next free one
    assert list(slots.rows(0.0)) == ["a", None, "c", "x", "y"]
    assert slots.allocate("b", 1) == 1
    slots.release(3)
    assert list(slots.rows(0.0)) == ["a", "b", "c", "y"]
    assert slots.allocate("z", 4) == 3


def test_a_slot_just_behind_the_last_may_be_preferred() -> None:
    slots = filled("a")
    assert slots.allocate("b", 1) == 1
    assert slots.allocate("d", 3) == 3
    assert list(slots.rows(0.0)) == ["a", "b", None, "d"]


def test_a_slot_left_and_taken_by_preference_is_not_given_away_twice() -> None:
    slots = filled("a", "b", "c")
    slots.release(1, now=0.0)
    assert slots.allocate("p", 1) == 1
    assert slots.allocate("q") == 3
    assert list(slots.rows(0.5)) == ["a", "p", "c", "q"]


def test_a_reserved_slot_waits_for_who_asks_for_it() -> None:
    slots = Slots()
    slots.allocate("a", 0)
    slots.allocate("b", 1)
    slots.release(0, pinned=True)
    assert slots.allocate("x") == 2
    assert list(slots.rows(0.0)) == [None, "b", "x"]
    assert slots.allocate("a again", 0) == 0


def test_a_row_that_was_left_stays_blank_for_a_second() -> None:
    slots = filled("a", "b", "c")
    slots.release(0, now=10.0)
    slots.release(1)  # nobody has seen it
    assert list(slots.rows(10.0)) == [None, "c"]
    assert list(slots.rows(10.0 + GRACE - 0.01)) == [None, "c"]
    assert list(slots.rows(10.0 + GRACE)) == ["c"]
    assert list(slots.rows(10.0)) == ["c"]  # once closed, it stays so


def test_a_successor_ends_the_wait() -> None:
    slots = filled("a", "b")
    slots.release(0, now=10.0)
    assert slots.allocate("x") == 0
    slots.release(0)
    assert list(slots.rows(10.1)) == ["b"]
    slots = filled("a", "b")
    slots.release(0, now=10.0)
    assert slots.allocate("x", 0) == 0
    slots.release(0)
    assert list(slots.rows(10.1)) == [None, "b"]  # it was asked for: its row is there, whoever lives
    assert slots.allocate("y") == 0


def test_when_the_last_leaves_everything_begins_anew() -> None:
    slots = filled("a", "b")
    slots.allocate("h", 5)
    slots.release(0, now=1.0)
    slots.release(5, now=1.0)
    slots.release(1, now=1.0)
    assert (len(slots), list(slots.rows(1.0))) == (0, [])
    assert [slots.allocate(name) for name in "xy"] == [0, 1]
    assert list(slots.rows(1.0)) == ["x", "y"]
    slots.release(0)
    assert list(slots.rows(1.0)) == ["y"]
    slots.release(1)
    assert slots.allocate("p", 1) == 1
    assert list(slots.rows(1.0)) == [None, "p"]


def tree(*items: Item | None) -> list[tuple[Item | None, int]]:
    return [(item, 0) for item in items]


def test_a_tree_is_walked_parents_first_with_its_blank_rows() -> None:
    inner = Slots()
    for name in ("x", "y"):
        inner.allocate(Item(name))
    inner.release(0, now=0.5)
    deepest = Slots()
    deepest.allocate(Item("z"))
    for item in inner:
        item.children = deepest
    outer = Slots()
    outer.allocate(Item("a", children=inner))
    outer.allocate(Item("b"))

    def walked(now: float) -> list[tuple[str | None, int]]:
        return [(item and item.name, depth) for item, depth in walk_tree(outer, now)]

    assert walked(1.0) == [("a", 0), (None, 1), ("y", 1), ("z", 2), ("b", 0)]
    assert walked(2.0) == [("a", 0), ("y", 1), ("z", 2), ("b", 0)]


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


def test_a_task_that_ends_while_a_frame_is_made_leaves_its_row_blank(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job's thread ends a task right after those that had ended were removed: the rows below stay where they are."""
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker(), clock=ManualClock())
    tree = tracker._core.tree
    first, second, third = (tracker.add_task(name) for name in ("first", "second", "third"))
    hidden = tracker.add_task("hidden", delay=60.0)
    fourth = tracker.add_task("fourth")
    assert [(view.description, view.position) for view in tree.next_frame().tasks] == [
        ("first", 0),
        ("second", 1),
        ("third", 2),
        ("fourth", 3),
    ]
    settle = tree.settle

    def settle_and_end() -> None:
        settle()
        monkeypatch.setattr(tree, "settle", lambda: None)
        second.finish()
        hidden.finish()

    monkeypatch.setattr(tree, "settle", settle_and_end)
    first.finish()
    assert [(view.description, view.position) for view in tree.next_frame().tasks] == [("third", 2), ("fourth", 3)]
    monkeypatch.setattr(tree, "settle", settle)
    assert [(view.description, view.position) for view in tree.next_frame().tasks] == [("third", 2), ("fourth", 3)]
    third.finish()
    fourth.finish()
    tracker.stop()
