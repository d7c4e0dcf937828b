"""Trees of tasks: deep ones, sums over sums, and parents that have ended."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from bench import Bench
from hypothesis import given, settings
from hypothesis import strategies as st

from progresskit import ProgressTracker, Task
from progresskit.testing import ManualClock, ManualTicker, RecordingRenderer

DEEP = 1_200


@pytest.mark.parametrize("rollup", [None, "sum", "count"])
def test_a_deep_tree(bench: Bench, rollup: Any) -> None:
    """Deeper than Python's own stack, a tree is counted, drawn and ended."""
    tasks: list[Task] = []
    for level in range(DEEP):
        parent = tasks[-1] if tasks else None
        tasks.append(
            bench.tracker.add_task(f"level {level}", parent=parent, rollup=rollup if level < DEEP - 1 else None)
        )
    tasks[-1].update(total=10)
    tasks[-1].advance(7)
    bench.tick()
    frame = bench.tracker.frame()
    assert [view.depth for view in frame.tasks] == list(range(DEEP))
    assert tasks[0].completed == (7 if rollup == "sum" else 0)
    assert tasks[0].total == (10 if rollup == "sum" else None)
    assert [task.id for task in bench.tracker.tasks] == [task.id for task in tasks]
    tasks[-1].advance(3)
    bench.tracker.stop()
    assert tasks[-1].state == "finished"
    assert bench.tracker._core.tree.live == 0
    gc.collect()


class Asked:
    """Counts how often it is asked."""

    times = 0

    def count(self) -> int:
        Asked.times += 1
        return 1


@pytest.mark.parametrize("depth", [13, 100])
def test_a_sum_of_sums_is_linear(bench: Bench, depth: int) -> None:
    """A frame asks each task for its count once, however deep sums are nested."""
    task = bench.tracker.add_task("top", rollup="sum")
    for level in range(depth):
        task = bench.tracker.add_task(f"level {level}", parent=task, rollup="sum")
        task._made_extras.counters += (Asked(),)
    Asked.times = 0
    frame = bench.tracker.frame()
    assert frame.tasks[0].completed == depth
    assert Asked.times <= depth


def test_a_child_of_an_ended_parent(bench: Bench) -> None:
    """A task that is added to an ended one is shown below the nearest live ancestor, and no task loses its row."""
    top = bench.tracker.add_task("top")
    group = bench.tracker.add_task("group", parent=top)
    first = bench.tracker.add_task("first", parent=group)
    bench.tick()
    group.finish()
    bench.tick()
    late = bench.tracker.add_task("late", parent=group)
    assert late.parent is top
    first.finish()
    bench.tick()
    later = bench.tracker.add_task("later", parent=group)
    assert {view.description for view in bench.tick(2.0).tasks} == {"top", "late", "later"}
    top.finish()
    last = bench.tracker.add_task("last", parent=late)
    orphan = bench.tracker.add_task("orphan", parent=top)
    assert (last.parent, orphan.parent) == (late, None)
    for task in (late, last, later, orphan):
        task.finish()
    bench.tick()
    assert bench.tracker._core.tree.live == 0
    assert list(bench.tracker.track([1], parent=top)) == [1]


steps = st.lists(st.tuples(st.sampled_from(["add", "end", "tick", "advance"]), st.integers(0, 30)), max_size=60)


@settings(max_examples=100, deadline=None)
@given(steps)
def test_every_live_task_has_one_row(moves: list[tuple[str, int]]) -> None:
    """In any tree, with ended parents or not, each live task is in each frame once, and the sums are right."""
    clock, ticker, renderer = ManualClock(), ManualTicker(), RecordingRenderer()
    tracker = ProgressTracker(renderer, clock=clock, ticker=ticker)
    tasks: list[Task] = []
    done: dict[int, int] = {}
    for what, number in moves:
        if what == "add" or not tasks:
            parent = tasks[number % len(tasks)] if tasks and number % 3 else None
            tasks.append(tracker.add_task(str(len(tasks)), parent=parent, rollup="sum" if number % 2 else None))
            done[tasks[-1].id] = 0
        elif what == "end":
            tasks[number % len(tasks)].finish()
        elif what == "advance":
            task = tasks[number % len(tasks)]
            if task.state == "running":
                task.advance(number)
                while True:
                    done[task.id] += number
                    above = task.parent
                    if above is None or above.rollup != "sum":
                        break
                    task = above
        else:
            clock.advance(0.5)
            ticker.tick()
            live = [task for task in tasks if task.state == "running"]
            shown = [view.id for view in tracker.frame().tasks]
            assert sorted(shown) == sorted(task.id for task in live)
            assert len(set(shown)) == len(shown)
            for view in tracker.frame().tasks:
                assert view.completed == done[view.id]
    tracker.stop()
    assert tracker._core.tree.live == 0


def test_all_paused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ticker sleeps while every live task is paused, children too. It looks at one of ten thousand that rest, not at each."""
    tree = bench.tracker._core.tree
    assert tree.all_paused
    whole = bench.tracker.add_task("whole")
    part = bench.tracker.add_task("part", parent=whole)
    whole.pause()
    assert not tree.all_paused
    part.pause()
    assert tree.all_paused
    whole.finish()
    part.resume()
    assert not tree.all_paused
    part.finish()
    assert tree.all_paused

    looks: list[str] = []
    monkeypatch.setattr(Task, "state", property(lambda task: looks.append(task._state) or task._state))
    for number in range(100):
        bench.tracker.add_task(f"task {number}")
    assert not tree.all_paused and len(looks) == 1


def test_tasks_with_counters_and_delays_are_let_go(bench: Bench) -> None:
    """Ten thousand such tasks may be added at once: adding one does not go through the others. One that has ended is held no more."""
    tree = bench.tracker._core.tree
    looked: list[int] = []
    tasks = [
        bench.tracker.add_task(f"task {number}", counter=lambda: looked.append(1) or 7, delay=60.0)
        for number in range(3)
    ]
    polled, delays = tree._polled, tree._delays
    tasks[0].finish()
    more = bench.tracker.add_task("more", counter=lambda: 7, delay=60.0)
    assert polled is tree._polled and delays is tree._delays
    assert list(polled) == list(delays) == [*tasks[1:], more]
    frame = bench.tick(61.0)
    assert [view.completed for view in frame.tasks] == [7, 7, 7] and not delays
    bench.tracker.stop()
    assert not tree._polled
