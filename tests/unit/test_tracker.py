"""Claims about tasks, positions and frames, with time moved by hand."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest
from bench import Bench

from progresskit import ProgressTracker, Task
from progresskit._model.frames import decode, encode
from progresskit.testing import RecordingRenderer


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


def test_rows_move_up(bench: Bench) -> None:
    """A row that no task has taken by the next frame is removed, and a later task comes last."""
    one, _ = bench.tracker.add_task("one"), bench.tracker.add_task("two")
    bench.tick()
    one.finish()
    bench.tracker.frame()  # the job's own call of `frame` changes nothing
    assert names(bench.tick()) == [(0, "two")]
    bench.tracker.add_task("three")
    assert names(bench.tick()) == [(0, "two"), (1, "three")]


def test_short_task_counts_in_its_parent(bench: Bench) -> None:
    """A task between two ticks reaches no renderer but counts in its parent."""
    files = bench.tracker.add_task("Files", total=1000, rollup="count")
    bench.tick()
    for number in range(1000):
        with bench.tracker.add_task(f"file {number}", total=1, parent=files) as task:
            task.advance()
    frame = bench.tick()
    assert names(frame) == [(0, "Files")]
    assert frame.ended == ()
    assert frame.tasks[0].completed == 1000


def test_always_kept(bench: Bench) -> None:
    """A task with `keep=True` leaves its line, although it began and ended between two ticks."""
    with bench.tracker.add_task("quick", total=1, keep=True) as task:
        task.advance()
    frame = bench.tick()
    assert [(view.description, view.keep) for view in frame.ended] == [("quick", True)]


def test_restart(bench: Bench) -> None:
    """A restarted task has its count, time and rate from then on; an ended one is unchanged."""
    task = bench.tracker.add_task("epochs", total=10, completed=4)
    task.tick()
    task.advance(0.5)
    bench.tick(10)
    task.pause()
    task.restart()
    bench.tick(0.5)
    task.advance(2)
    frame = bench.tick(0.5)
    assert (task.completed, task.state, task.elapsed, task.initial) == (2, "running", 1.0, 0)
    assert frame.tasks[0].rate == pytest.approx(2)
    task.finish()
    task.restart()
    assert (task.completed, task.state) == (2, "finished")


def test_own_layout(bench: Bench) -> None:
    """The layout of a row is sent with the frame, clean except for the tab of its bar."""
    task = bench.tracker.add_task("formatted", total=2)
    task._made_extras.layout = "a\x1b[2J\t|\tb\n"
    view = decode(encode(bench.tick())).tasks[0]
    assert view.layout is not None and view.layout.count("\t") == 1 and view.layout.replace("\t", "").isprintable()


def test_a_sum_rolls_up_completed_and_total(bench: Bench) -> None:
    whole = bench.tracker.add_task("whole", rollup="sum")
    one = bench.tracker.add_task("one", total=10, parent=whole)
    bench.tracker.add_task("two", total=30, parent=whole).advance(5)
    one.advance(10)
    one.finish()
    bench.tick()
    assert (whole.completed, whole.total) == (15, 40)


def test_an_ended_task_is_reported_once(bench: Bench) -> None:
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


def test_too_many_tasks_leave_a_row_for_the_rest(bench: Bench) -> None:
    """More tasks than rows leaves a row for the rest."""
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


def test_unknown_renderer_is_refused() -> None:
    """An unknown renderer is refused with the names that exist."""
    with pytest.raises(ValueError, match=r"no renderer 'nope'.*ansi.*plain"):
        ProgressTracker("nope")


def test_unknown_renderer_in_the_environment_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown renderer in the environment warns and falls back."""
    monkeypatch.setenv("PROGRESSKIT_RENDERER", "nope-of-this-test")
    with pytest.warns(UserWarning, match="nope-of-this-test"):
        assert ProgressTracker()._core.renderer.name == "auto"


def test_ticks_and_advances_add_up(bench: Bench) -> None:
    task = bench.tracker.add_task("one")
    tick = task.tick
    for _ in range(5):
        tick()
    task.advance(3)
    assert task.completed == 8
    assert type(task).__name__ == "Task"
    assert isinstance(task, Task)


@pytest.mark.slow
def test_no_update_is_lost(bench: Bench) -> None:
    """No update of ten million from eight threads is lost."""
    task, ticked = bench.tracker.add_task("one"), bench.tracker.add_task("two")
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def work() -> None:
        tick = ticked.tick
        for _ in range(1_250_000):
            task.advance()
        for _ in range(50_000):
            tick()

    try:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert (task.completed, ticked.completed) == (10_000_000, 400_000)


def test_parent_and_child_give_back_one_row(bench: Bench) -> None:
    """A parent that ends right after its child frees only one row."""
    files = bench.tracker.add_task("Files")
    outer = bench.tracker.add_task("outer")
    inner = bench.tracker.add_task("inner", parent=outer)
    bench.tick()
    inner.finish()
    outer.finish()
    assert names(bench.tick(5.0)) == [(0, "Files")]
    assert bench.tracker.tasks == (files,)


def test_children_outlive_their_parent(bench: Bench) -> None:
    """Children outlive their parent, and then both rows are free."""
    outer = bench.tracker.add_task("outer")
    inner = bench.tracker.add_task("inner", parent=outer)
    bench.tick()
    outer.finish()
    assert names(bench.tick()) == [(0, "inner")]
    inner.finish()
    bench.tracker.add_task("next")
    assert names(bench.tick(5.0)) == [(0, "next")]


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


def test_leaving_a_tracker_ends_its_tasks(bench: Bench) -> None:
    """Leaving a tracker finishes complete tasks and cancels the others."""
    with bench.tracker as tracker:
        done, open_ended = tracker.add_task("done", total=2), tracker.add_task("open", total=2)
        done.advance(2)
        bench.tick()
    assert (done.state, open_ended.state) == ("finished", "cancelled")
    assert bench.renderer.calls[-1] == "stop"


def test_locked_cell_loses_nothing() -> None:
    """The locked cell of free-threaded builds loses nothing."""
    from progresskit._tracking.counters import LockedCell, LockedTicks

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


def test_raising_renderer_is_replaced(bench: Bench) -> None:
    """A renderer that raises is replaced with one warning."""
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


def test_slow_terminal_is_written_to_half_the_time(bench: Bench) -> None:
    """A slow terminal is written to for at most half of the time."""
    from progresskit._display.display import Display
    from progresskit.renderers.choice import named
    from progresskit.testing import EmulatedTerminal, ManualClock

    processor, wall = ManualClock(), ManualClock()
    renderer = RecordingRenderer()
    renderer.render = lambda frame: wall.advance(0.4)  # type: ignore[method-assign]  # a write that blocks costs no processor
    display = Display(EmulatedTerminal(), named(renderer), interval=0.1, budget=0.01, cpu=processor, wall=wall)
    display.add(bench.tracker._core)
    task = bench.tracker.add_task("one")
    display.tick()
    task.advance()
    assert display.tick() >= 0.8


def test_requested_row_stays(bench: Bench) -> None:
    """A requested row keeps its place, whichever tasks come and go."""
    last = bench.tracker.add_task("last", position=3)
    assert names(bench.tick()) == [(3, "last")]
    first, free = bench.tracker.add_task("first", position=0), bench.tracker.add_task("free")
    assert names(bench.tick()) == [(0, "first"), (3, "last"), (4, "free")]
    first.finish()
    assert names(bench.tick(10.0)) == [(3, "last"), (4, "free")]
    last.finish()
    free.finish()
    bench.tick()
    bench.tracker.add_task("again")
    assert names(bench.tick()) == [(0, "again")]
