"""Claims about counts in workers' hands, and about tasks that no frame has shown: exact, and all accounted for."""

from __future__ import annotations

import multiprocessing
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import counting
import pytest
from hypothesis import given
from hypothesis import strategies as some

from progresskit import Frame, ProgressTracker
from progresskit.processes import _summary as summary
from progresskit.processes._ended_counts import EndedCounts
from progresskit.processes._protocol import pack_counts, read_count, split_counts
from progresskit.processes.feed import Feed
from progresskit.processes.hub import Hub
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker, RecordingRenderer, sample_view

METHODS = multiprocessing.get_all_start_methods()


@pytest.fixture
def ended_counts() -> Iterator[None]:
    end = counting.note_ended_counts()
    counting.forget()
    yield
    end()


def play(seed: int, method: str, length: int = 4, more: tuple[str, ...] = ()) -> None:
    context: Any = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as before:
        assert before.submit(abs, -1).result() == 1
        played = counting.Play(seed, method)
        played.play(before, length, (*counting.KINDS, *more))
        assert counting.accounted(played) == played.own


@pytest.mark.parametrize("seed", range(3))
def test_interleavings(seed: int, ended_counts: None) -> None:
    """Whatever pools, executors, processes and handles do, counts are exact and every task is shown."""
    play(seed, "fork")


@pytest.mark.parametrize("method", [method for method in METHODS if method != "fork"])
def test_start_methods(method: str, ended_counts: None) -> None:
    """The same with each start method."""
    play(3, method, length=2)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("method", "first", "last"), [("fork", 100, 180), ("forkserver", 0, 12), ("spawn", 0, 8)])
def test_hundred_interleavings(method: str, first: int, last: int) -> None:
    """The same a hundred times, with joblib where it is installed; `make interleavings` plays a thousand."""
    here = Path(__file__)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (here.parents[2], here.parents[1])))}
    command = [sys.executable, "-W", "ignore", str(here.with_name("counting.py")), str(first), str(last), method]
    done = subprocess.run(command, capture_output=True, text=True, env=environ)
    assert done.stdout == f"{method}: seeds {first} to {last}, 0 failed\n", done.stderr


def test_joblibs_workers_live_on() -> None:
    """joblib keeps its workers: what they counted is there at the tracker's end, and the task has finished."""
    joblib = pytest.importorskip("joblib", reason="joblib is not installed in this environment")
    for _ in range(3):
        with ProgressTracker("none") as tracker:
            task = tracker.add_task("shared", total=200)
            joblib.Parallel(n_jobs=2)(joblib.delayed(counting.work)(((task,), 5, 0)) for _ in range(40))
        assert (task.completed, task.state) == (200, "finished")
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown()


def test_early_ended_task_has_all_counts() -> None:
    """A task that ends before its tracker has all counts.

    The last line of a handed task has its workers' counts, although the tracker continues.
    """
    renderer = RecordingRenderer()
    with ProgressTracker(renderer, terminal=EmulatedTerminal()) as tracker:
        with tracker.add_task("shared", keep=True) as task, multiprocessing.get_context("fork").Pool(2) as pool:
            pool.map(counting.work, [((task,), 7, 0)] * 20)
        assert task.completed == 140


def test_threads_that_count_first_at_the_same_time() -> None:
    """Threads of a worker may share a handle from the first count on."""
    with ProgressTracker("none") as tracker:
        task = tracker.add_task("shared")
        process = multiprocessing.get_context("fork").Process(target=_count_in_threads, args=(task,))
        process.start()
        process.join()
        assert (process.exitcode, task.completed) == (0, 8_000)


def _count_in_threads(task: Any) -> None:
    import threading

    gate = threading.Barrier(8)

    def count() -> None:
        gate.wait()
        for _ in range(1_000):
            task.advance()

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@given(
    some.dictionaries(some.integers(0, 10**18), some.integers(-(10**90), 10**90) | some.floats(-1e99, 1e99), max_size=5)
)
def test_counts_survive_the_wire(counts: dict[int, int | float]) -> None:
    """A packed count is read exactly."""
    assert dict(read_count(*pair) for pair in split_counts(pack_counts(counts))) == counts


@given(some.binary(max_size=120), some.binary(max_size=120))
def test_hostile_counts(number: bytes, count: bytes) -> None:
    """Foreign bytes are a count in bounds, or raise a ValueError."""
    try:
        found = read_count(number, count)
    except ValueError:
        return
    assert abs(found[1]) < 1e100


@given(some.binary(max_size=60) | some.text(max_size=60).map(str.encode))
def test_hostile_ended_counts(body: bytes) -> None:
    """The same for ended tasks' counts."""
    try:
        ended_counts, _ = EndedCounts.decode(body)
    except ValueError:
        return
    assert ended_counts.tasks >= 0


# What a feed makes of tasks without lines


class Bench:
    """A feed, moved by hand."""

    def __init__(self, **arguments: Any) -> None:
        self.clock, self.ticker, self.renderer = ManualClock(), ManualTicker(), RecordingRenderer()
        self.feed = Feed(self.renderer, clock=self.clock, ticker=self.ticker, terminal=EmulatedTerminal(), **arguments)

    def tick(self, seconds: float = 0.1) -> Frame:
        self.clock.advance(seconds)
        self.ticker.tick()
        return self.renderer.frames[-1]

    @property
    def lines(self) -> list[str]:
        return [re.sub(r"\x1b\[[\d;]*m", "", line) for line in self.renderer.lines]


def test_a_crowd_has_a_row_and_a_line() -> None:
    """Tasks that no frame has shown have one row together, and one line when all have ended."""
    bench = Bench()
    bench.feed.add_ended_counts("a", EndedCounts(finished=34, amounts={"it": 170}), age=3.0)
    (row,) = bench.tick().tasks
    assert (row.description, row.completed, row.total, row.unit) == ("34 tasks, 34 done", 170, None, "it")
    bench.feed.receive("b", Frame(0.0, (sample_view(description="live", completed=2),)))
    assert bench.tick().tasks[0].description == "35 tasks, 34 done"
    bench.feed.receive("b", Frame(1.0))
    bench.feed.add_ended_counts("a", EndedCounts(finished=60, amounts={"it": 300}))
    bench.tick()
    bench.tick(1.0)
    assert bench.tick().tasks == ()
    assert bench.lines == ["✓ 60 tasks, 300 items in 3.2 s"]


def test_a_crowd_that_leaves_no_line() -> None:
    """Tasks that were to leave no line have a row together, and leave none; beside others they are counted."""
    bench = Bench()
    passing = EndedCounts.decode(EndedCounts(finished=4, passing=4).encode())[0]
    bench.feed.add_ended_counts("a", passing)
    assert bench.tick().tasks[0].description == "4 tasks, 4 done"
    assert bench.tick(2.0).tasks == ()
    bench.feed.add_ended_counts("b", passing)
    bench.feed.add_ended_counts("a", EndedCounts(finished=5, passing=4))
    bench.feed.stop()
    assert [line.split(" in ")[0] for line in bench.lines] == ["✓ 5 tasks"]


def test_a_crowd_ends_with_its_tracker() -> None:
    """The line is shown at the end, after any rest."""
    bench = Bench()
    with bench.feed:
        bench.feed.add_ended_counts("a", EndedCounts(finished=1, failed=1, cancelled=1))
    assert bench.lines == ["✗ 3 tasks, 1 failed, 1 cancelled in <0.1 s"]


def test_a_feed_that_follows_tells_no_task_again() -> None:
    """Workers that outlive a tracker report all since the beginning: the next tracker shows only new tasks."""
    first, second = Bench(), Bench()
    hub = Hub(first.feed)
    first.feed.add_ended_counts("a", EndedCounts(finished=3))
    hub.move(second.feed)
    second.feed.add_ended_counts("a", EndedCounts(finished=5))
    assert second.tick().tasks[0].description == "2 tasks, 2 done"


def ended(number: int, **changes: Any) -> Frame:
    return Frame(0.0, (), (sample_view(id=number, description=f"task {number}", state="finished", **changes),))


def test_lines_in_a_row_are_counted() -> None:
    """Beyond some number of consecutive lines, one line counts them; each failure has its own line."""
    bench = Bench()
    most = summary.LINES_IN_A_ROW
    for number in range(most + 10):
        bench.feed.receive("a", ended(number, elapsed=5.0))
    bench.feed.receive("a", Frame(0.0, (), (sample_view(id=999, state="failed", reason="full"),)))
    bench.tick()
    kept = [view.description for frame in bench.renderer.frames for view in frame.ended if view.keep]
    assert kept == [f"task {number}" for number in range(most)] + ["task"]
    bench.feed.stop()
    assert bench.lines[-1].startswith(f"✗ {most + 11} tasks, 1 failed")


def test_slow_lines_are_all_kept() -> None:
    """Tasks that end with pauses between them have a line each, however many there are."""
    bench = Bench()
    for number in range(2 * summary.LINES_IN_A_ROW):
        bench.feed.receive("a", ended(number, elapsed=5.0))
        bench.tick(summary.LINE_PAUSE_SECONDS)
    kept = [view for frame in bench.renderer.frames for view in frame.ended if view.keep]
    assert len(kept) == 2 * summary.LINES_IN_A_ROW
    bench.feed.stop()
    assert bench.lines == []


def test_totals_leave_nobody_out() -> None:
    """The line of totals counts tasks that no frame has shown, and says at the end how many processes there were."""
    bench = Bench(totals=True)
    bench.feed.add_ended_counts("a", EndedCounts(finished=12, amounts={"row": 60}), order=(1.0, 11))
    bench.feed.receive("b", ended(1, completed=5, unit="row"), order=(2.0, 12))
    bench.feed.receive("a rows", Frame(0.0, (sample_view(completed=1, unit="row"),)), order=(1.0, 11))
    row = bench.tick().tasks[0]
    assert (row.completed, row.total, row.fraction) == (13, None, None)
    assert row.fields == {"processes": 2, "done": "66 rows"}
    bench.feed.stop()
    last = bench.renderer.frames[-1].ended[-1]
    assert (last.completed, last.total, last.state, last.fields["processes"]) == (13, 14, "cancelled", 2)
    assert bench.lines == []


def test_a_total_that_is_known_gives_a_percentage() -> None:
    """With the expected number of tasks, there is a percentage."""
    bench = Bench(totals=True, expected=20)
    bench.feed.add_ended_counts("a", EndedCounts(finished=5))
    assert bench.tick().tasks[0].fraction == 0.25


def test_a_late_message_opens_no_display() -> None:
    """The goodbye of a pool that has ended shows nothing, so it opens nothing."""
    bench = Bench()
    bench.feed.before_frame = lambda: bench.feed.leave("gone")
    bench.feed.announce()
    assert bench.ticker.displays == []
    bench.feed.before_frame = lambda: bench.feed.receive("there", Frame(0.0, (sample_view(),)))
    bench.feed.announce()
    assert bench.tick().tasks[0].description == "task"


def test_lines_and_endings_keep_their_order() -> None:
    """A line that was printed after the end of a task is below the last line of that task, also within one frame."""
    bench = Bench()
    order: list[str] = []
    bench.renderer.write = lambda text: order.append(text)  # type: ignore[method-assign, assignment]
    render = bench.renderer.render
    bench.renderer.render = lambda frame: (order.extend(v.description for v in frame.ended), render(frame))[1]  # type: ignore[method-assign]
    bench.feed.print("before")
    bench.feed.receive("a", ended(1))
    bench.feed.print("between")
    bench.feed.receive("a", ended(2))
    bench.feed.receive("a", ended(3))
    bench.feed.print("after")
    bench.tick()
    assert order == ["before", "task 1", "between", "task 2", "task 3", "after"]
