"""Claims about tasks, positions and frames, with time moved by hand."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from progresskit import ProgressTracker, Task
from progresskit.testing import ManualClock, ManualTicker, RecordingRenderer


class Bench:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.ticker = ManualTicker()
        self.renderer = RecordingRenderer()
        self.tracker = ProgressTracker(self.renderer, clock=self.clock, ticker=self.ticker)

    def tick(self, seconds: float = 0.1) -> Any:
        self.clock.advance(seconds)
        self.ticker.tick()
        return self.renderer.frames[-1] if self.renderer.frames else None


@pytest.fixture
def bench() -> Bench:
    return Bench()


def names(frame: Any) -> list[tuple[int, str]]:
    return [(view.position, view.description) for view in frame.tasks]


def test_rows_follow_the_tree(bench: Bench) -> None:
    first = bench.tracker.add_task("first")
    bench.tracker.add_task("second")
    bench.tracker.add_task("child", parent=first)
    assert names(bench.tick()) == [(0, "first"), (1, "child"), (2, "second")]


def test_a_finished_task_frees_its_row_for_the_next(bench: Bench) -> None:
    one, _ = bench.tracker.add_task("one"), bench.tracker.add_task("two")
    bench.tick()
    one.finish()
    bench.tracker.add_task("three")
    assert names(bench.tick()) == [(0, "three"), (1, "two")]


def test_a_freed_row_stays_blank_for_a_second_and_then_closes(bench: Bench) -> None:
    one, _ = bench.tracker.add_task("one"), bench.tracker.add_task("two")
    bench.tick()
    one.finish()
    assert names(bench.tick()) == [(1, "two")]
    assert names(bench.tick(2.0)) == [(0, "two")]


def test_a_task_between_two_ticks_reaches_no_renderer_but_counts_in_its_parent(bench: Bench) -> None:
    files = bench.tracker.add_task("Files", total=1000, rollup="count")
    bench.tick()
    for number in range(1000):
        with bench.tracker.add_task(f"file {number}", total=1, parent=files) as task:
            task.advance()
    frame = bench.tick()
    assert names(frame) == [(0, "Files")]
    assert frame.ended == ()
    assert frame.tasks[0].completed == 1000


def test_a_sum_rolls_up_completed_and_total(bench: Bench) -> None:
    whole = bench.tracker.add_task("whole", rollup="sum")
    one = bench.tracker.add_task("one", total=10, parent=whole)
    bench.tracker.add_task("two", total=30, parent=whole).advance(5)
    one.advance(10)
    one.finish()
    bench.tick()
    assert (whole.completed, whole.total) == (15, 40)


def test_an_ended_task_is_told_once(bench: Bench) -> None:
    task = bench.tracker.add_task("one")
    bench.tick()
    task.fail("no disk")
    frame = bench.tick()
    assert [(view.state, view.reason, view.keep) for view in frame.ended] == [("failed", "no disk", True)]
    assert bench.tracker.frame().ended == ()


def test_paused_time_does_not_count(bench: Bench) -> None:
    task = bench.tracker.add_task("one", total=10)
    bench.clock.advance(2)
    task.pause()
    bench.clock.advance(50)
    task.resume()
    bench.clock.advance(3)
    assert task.elapsed == 5


def test_more_tasks_than_rows_leaves_a_row_for_the_rest(bench: Bench) -> None:
    for number in range(40):
        bench.tracker.add_task(f"task {number}", start=number >= 35)
    frame = bench.tracker.frame(rows=10)
    assert len(frame.tasks) == 9
    assert frame.more == 31
    assert {f"task {number}" for number in range(35, 40)} <= {view.description for view in frame.tasks}


def test_hostile_text_is_made_visible(bench: Bench) -> None:
    bench.tracker.add_task("a\x1b[2J\n\u202eb" + "x" * 5000, evil="\x07")
    view = bench.tick().tasks[0]
    assert view.description.isprintable()
    assert len(view.description) <= 1020
    assert view.fields["evil"] == "\\x07"


@pytest.mark.parametrize("total", ["10", -1, float("nan"), float("inf"), True])
def test_a_bad_total_is_refused_in_a_sentence(bench: Bench, total: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"total is .*: give"):
        bench.tracker.add_task("one", total=total)


def test_an_unknown_renderer_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(ValueError, match=r"no renderer 'nope'.*ansi.*plain"):
        ProgressTracker("nope")


def test_an_unknown_renderer_in_the_environment_warns_and_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROGRESSKIT_RENDERER", "nope-of-this-test")
    with pytest.warns(UserWarning, match="nope-of-this-test"):
        assert ProgressTracker().renderer.name == "auto"


def test_ticks_and_advances_add_up(bench: Bench) -> None:
    task = bench.tracker.add_task("one")
    tick = task.tick
    for _ in range(5):
        tick()
    task.advance(3)
    assert task.completed == 8
    assert type(task).__name__ == "Task"
    assert isinstance(task, Task)


def test_no_update_is_lost(bench: Bench) -> None:
    task, ticked = bench.tracker.add_task("one"), bench.tracker.add_task("two")
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def work() -> None:
        tick = ticked.tick
        for _ in range(50_000):
            task.advance()
            tick()

    try:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert (task.completed, ticked.completed) == (400_000, 400_000)


def test_a_parent_that_ends_right_after_its_child_gives_back_one_row_only(bench: Bench) -> None:
    files = bench.tracker.add_task("Files")
    outer = bench.tracker.add_task("outer")
    inner = bench.tracker.add_task("inner", parent=outer)
    bench.tick()
    inner.finish()
    outer.finish()
    assert names(bench.tick(5.0)) == [(0, "Files")]
    assert bench.tracker.tasks == (files,)


def test_children_outlive_their_parent_and_then_both_rows_are_free(bench: Bench) -> None:
    outer = bench.tracker.add_task("outer")
    inner = bench.tracker.add_task("inner", parent=outer)
    bench.tick()
    outer.finish()
    assert names(bench.tick()) == [(0, "inner")]
    inner.finish()
    bench.tracker.add_task("next")
    assert names(bench.tick(5.0)) == [(0, "next")]


# Loops


def ended(bench: Bench) -> tuple[str, int | float]:
    """The state and count of the only task."""
    gc.collect()
    bench.tracker.frame()
    (view,) = LAST
    return view.state, view.completed


LAST: list[Task] = []


@pytest.fixture(autouse=True)
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    add = ProgressTracker.add_task

    def adding(*arguments: Any, **named: Any) -> Task:
        LAST[:] = [add(*arguments, **named)]
        return LAST[0]

    monkeypatch.setattr(ProgressTracker, "add_task", adding)
    yield
    LAST.clear()


def numbers(size: int) -> Iterator[int]:
    yield from range(size)


def failing(size: int) -> Iterator[int]:
    yield from range(size)
    raise OSError("gone")


@pytest.mark.parametrize("size", [0, 1, 2, 8191, 8192, 8193, 16384, 20000])
@pytest.mark.parametrize(
    "make", [range, numbers, lambda n: list(range(n)), lambda n: dict.fromkeys(range(n)), lambda n: map(int, range(n))]
)
def test_a_loop_hands_out_what_the_bare_one_would(bench: Bench, size: int, make: Any) -> None:
    assert list(bench.tracker.track(make(size))) == list(make(size))
    assert ended(bench) == ("finished", size)


@pytest.mark.parametrize("make", [range, numbers, lambda n: list(range(n))])
def test_a_break_cancels(bench: Bench, make: Any) -> None:
    for item in bench.tracker.track(make(10)):
        if item == 4:
            break
    assert ended(bench) == ("cancelled", 4)


def test_a_return_cancels(bench: Bench) -> None:
    def first() -> int:
        for item in bench.tracker.track(numbers(10)):
            return item
        return -1

    assert first() == 0
    assert ended(bench)[0] == "cancelled"


@pytest.mark.parametrize("make", [range, numbers])
def test_an_error_in_the_body_fails(bench: Bench, make: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        for item in bench.tracker.track(make(10)):
            1 / (4 - item)
    assert ended(bench) == ("failed", 4)


def test_an_error_in_a_call_of_the_body_fails(bench: Bench) -> None:
    with pytest.raises(ValueError, match="invalid"):
        for item in bench.tracker.track(["1", "2", "x"]):
            int(item)
    assert ended(bench) == ("failed", 2)


def test_an_error_in_the_source_fails(bench: Bench) -> None:
    with pytest.raises(OSError, match="gone"):
        for _ in bench.tracker.track(failing(3)):
            pass
    assert ended(bench) == ("failed", 3)


def test_an_abandoned_iterator_is_cancelled(bench: Bench) -> None:
    iterator = iter(bench.tracker.track(range(10)))
    next(iterator)
    next(iterator)
    del iterator
    assert ended(bench) == ("cancelled", 1)


def test_a_dict_that_changes_fails_as_the_bare_loop_does(bench: Bench) -> None:
    table = {1: 1, 2: 2}
    with pytest.raises(RuntimeError, match="changed size"):
        for key in bench.tracker.track(table):
            table[key + 10] = 0
    assert ended(bench) == ("failed", 1)


def test_a_growing_list_is_followed_to_its_end(bench: Bench) -> None:
    items = [1]
    for item in bench.tracker.track(items):
        if item < 5:
            items.append(item + 1)
    assert ended(bench) == ("finished", 5)


def test_a_generator_is_closed_on_break(bench: Bench) -> None:
    closed = []

    def source() -> Iterator[int]:
        try:
            yield from range(5)
        finally:
            closed.append(True)

    for _ in bench.tracker.track(source()):
        break
    assert closed == [True]


def test_a_loop_within_a_loop_is_its_child(bench: Bench) -> None:
    for _ in bench.tracker.track("a", "outer"):
        for _ in bench.tracker.track("b", "inner"):
            assert [(view.description, view.depth, view.keep) for view in bench.tracker.frame().tasks] == [
                ("outer", 0, True),
                ("inner", 1, False),
            ]


def test_a_sum_moves_while_it_runs(bench: Bench) -> None:
    seen: list[int | float] = []
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.01):
            seen.extend(task.completed for task in bench.tracker.tasks)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        assert sum(bench.tracker.track(range(20_000_000))) == sum(range(20_000_000))
    finally:
        done.set()
        thread.join()
    assert len(set(seen)) > 3
    assert seen == sorted(seen)


def test_async_loops_count_and_end_likewise(bench: Bench) -> None:
    import asyncio

    async def pages(size: int, error: bool = False) -> Any:
        for number in range(size):
            yield number
        if error:
            raise OSError("gone")

    async def whole() -> list[int]:
        return [page async for page in bench.tracker.track(pages(5))]

    assert asyncio.run(whole()) == [0, 1, 2, 3, 4]
    assert ended(bench) == ("finished", 5)

    async def source_fails() -> None:
        async for _ in bench.tracker.track(pages(3, True)):
            pass

    with pytest.raises(OSError, match="gone"):
        asyncio.run(source_fails())
    assert ended(bench) == ("failed", 3)

    async def left() -> None:
        async for page in bench.tracker.track(pages(9)):
            if page == 3:
                break

    asyncio.run(left())
    assert ended(bench) == ("cancelled", 3)


def test_a_with_block_ends_its_task_by_how_it_is_left(bench: Bench) -> None:
    for error, state in ((None, "finished"), (ValueError, "failed"), (KeyboardInterrupt, "cancelled")):
        task = bench.tracker.add_task("one")
        try:
            with task:
                if error is not None:
                    raise error
        except BaseException as caught:
            assert type(caught) is error
        assert task.state == state


def test_leaving_a_tracker_finishes_what_is_complete_and_cancels_the_rest(bench: Bench) -> None:
    with bench.tracker as tracker:
        done, open_ended = tracker.add_task("done", total=2), tracker.add_task("open", total=2)
        done.advance(2)
        bench.tick()
    assert (done.state, open_ended.state) == ("finished", "cancelled")
    assert bench.renderer.calls[-1] == "stop"


def test_the_locked_cell_of_free_threaded_builds_loses_nothing() -> None:
    from progresskit.counting import LockedCell, LockedTicks

    cell, ticks = LockedCell(), LockedTicks()
    cell._n = 0

    def work() -> None:
        for _ in range(20_000):
            cell.advance(2)
            ticks.tick()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (cell._n, ticks.count()) == (320_000, 160_000)


def test_a_slow_renderer_is_drawn_less_often(bench: Bench) -> None:
    bench.tracker.add_task("one")
    bench.tick()
    (display,) = bench.ticker.displays
    draw = bench.renderer.render
    bench.renderer.render = lambda frame: (draw(frame), bench.ticker.cost.advance(0.3))[0]  # type: ignore[method-assign]
    assert display.tick() >= 0.3 / 0.01


def test_a_renderer_that_raises_is_replaced_with_one_warning(bench: Bench) -> None:
    from progresskit.testing import EmulatedTerminal

    class Broken(RecordingRenderer):
        def render(self, frame: Any) -> None:
            raise RuntimeError("broken")

    terminal = EmulatedTerminal()
    tracker = ProgressTracker(Broken, terminal=terminal, clock=bench.clock, ticker=bench.ticker)
    task = tracker.add_task("alpha", total=3)
    for _ in range(3):
        bench.tick()
    task.advance(3)
    tracker.stop()
    text = "\n".join(terminal.text)
    assert text.count("renderer failed (RuntimeError: broken)") == 1
    assert "alpha: finished" in text
