"""Claims about the first loop of a forked worker: it costs the worker little, and nothing of it is lost."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import counting
import pytest
from seen import until_exists
from shown import Shown

from progresskit import ProgressTracker, Task, current_tracker, track
from progresskit._system.platform import HAS_FORK
from progresskit._tracking import brief_loop, multiprocessing_hook
from progresskit.processes import _brief_ends, _handles, _host, hub
from progresskit.processes._brief_ends import BriefEnd, Pipe
from progresskit.processes.feed import Feed
from progresskit.testing import EmulatedTerminal

pytestmark = pytest.mark.skipif(not HAS_FORK, reason="this system does not fork")


class Here(Shown):
    """The tasks that a tracker of this process has shown."""

    def __init__(self) -> None:
        super().__init__()
        self.tracker = ProgressTracker(self.renderer, terminal=EmulatedTerminal(), interval=0.01, budget=1.0)

    def run(self, target: Callable[..., object], *arguments: Any) -> None:
        """Have a forked worker do `target`, and wait for its end."""
        with self.tracker:
            process = multiprocessing.get_context("fork").Process(target=target, args=arguments)
            process.start()
            process.join()
        assert process.exitcode == 0


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    monkeypatch.setattr(brief_loop, "TASK_SECONDS", 60.0)  # as long as a busy machine may take for a loop
    monkeypatch.setattr(_handles, "_handles", {})  # of other tests: a process with handles has no brief loops
    end = counting.note_ended_counts()
    counting.forget()
    yield Here()
    end()


def brief() -> list[tuple[int, str]]:
    return [(end.amount, end.unit) for end in counting.BRIEF]


def ends() -> tuple[int, int, int]:
    counts = counting.TOLD
    return (
        sum(each.finished for each in counts),
        sum(each.failed for each in counts),
        sum(each.cancelled for each in counts),
    )


def two_loops() -> None:
    for _ in track(range(5), "first", unit="row"):
        pass
    for _ in track(iter("abc"), "second", unit="row"):
        pass


def test_counted(here: Here) -> None:
    """A worker's first loop is reported in one write, the next ones like those of other workers; the summary has
    both."""
    here.run(two_loops)
    assert (brief(), ends()) == ([(5, "row")], (1, 0, 0))
    assert "2 tasks" in here.renderer.lines[-1]
    assert "8 rows" in here.renderer.lines[-1]


def items_of_all_kinds(kind: str) -> None:
    source: Any = {
        "list": [1, 2, 3],
        "generator": (number for number in range(3)),
        "enumerate": enumerate("abc"),
        "dict": dict.fromkeys("abc"),
        "empty": [],
        "many": range(100),
    }[kind]
    for _ in track(source):
        pass


def collects_inherited() -> None:
    for _ in track(range(3)):
        inherited.clear()
    assert not inherited


inherited: list[ProgressTracker] = []


def test_collected_tracker_is_no_use(here: Here) -> None:
    """A worker that collects a tracker of its parent's, which draws nothing, has a brief loop all the same."""
    inherited.append(ProgressTracker("none"))
    here.run(collects_inherited)
    inherited.clear()
    assert brief() == [(3, "it")]


@pytest.mark.parametrize("kind", ["list", "generator", "enumerate", "dict", "empty", "many"])
def test_sources(kind: str, here: Here) -> None:
    """The count is exact whatever the loop runs over."""
    here.run(items_of_all_kinds, kind)
    assert brief() == [({"empty": 0, "many": 100}.get(kind, 3), "it")]


def leave() -> None:
    for number in track(range(5), "left"):
        if number == 2:
            break


def raise_within() -> None:
    try:
        for number in track(range(5), "broken"):
            if number == 2:
                raise ValueError("bad row")
    except ValueError:
        pass


def test_other_ends(here: Here) -> None:
    """A loop that is left early is a cancelled task, and one that fails has its line with the reason."""
    here.run(leave)
    assert brief() == []
    assert (ends(), here.endings) in (
        ((0, 0, 1), []),
        ((0, 0, 0), [("left", "cancelled")]),
    )  # a frame may have shown it
    here.run(raise_within)
    assert brief() == []
    assert ("broken", "ValueError: bad row") in here.endings


def wait_in_item(gate: str, item: int) -> None:
    for each in track(range(5), "long"):
        if each == item:
            until_exists(Path(gate))


@pytest.fixture
def waiting(here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Any]]:
    """Return a function that starts a worker which waits in an item of its first loop, until there is a file `gate`."""
    monkeypatch.setattr(brief_loop, "TASK_SECONDS", 0.05)
    started = []

    def start(item: int) -> Any:
        context = multiprocessing.get_context("fork")
        process = context.Process(target=wait_in_item, args=(str(tmp_path / "gate"), item))
        process.start()
        started.append(process)
        return process

    with here.tracker:
        yield start
        for process in started:
            process.kill()
            process.join()


@pytest.mark.parametrize("item", [0, 2, 4])
def test_lives_on(item: int, here: Here, waiting: Callable[[int], Any], tmp_path: Path) -> None:
    """A loop one of whose first items takes long has a row with its name and its count, and ends as a task, once."""
    process = waiting(item)
    here.until(lambda: "long" in here.live)
    views = [view for frame in here.renderer.frames for view in frame.tasks]
    assert [(view.completed, view.total, view.unit) for view in views[-1:]] == [(item, 5, "it")]
    (tmp_path / "gate").touch()
    process.join()
    here.until(lambda: ("long", "finished") in here.endings)
    assert brief() == []
    assert [(view.completed, view.total) for view in here.ended] == [(5, 5)]
    assert max(len(frame.tasks) for frame in here.renderer.frames) == 1


def test_killed_in_its_first_item(here: Here, waiting: Callable[[int], Any]) -> None:
    """A worker that is killed in an item of its first loop is lost."""
    first, second = waiting(0), waiting(1)
    here.until(lambda: here.live == ["long", "long"])
    first.kill()
    here.until(lambda: here.live == ["long"])
    second.kill()
    here.until(lambda: not here.live)
    assert [(view.state, view.reason) for view in here.ended] == 2 * [("failed", "lost")]


def loop_and_fork(gate: str) -> None:
    for _ in track(range(3), "short"):
        pass
    process = multiprocessing.get_context("fork").Process(target=wait_in_item, args=(gate, 0))
    process.start()
    process.join()


def test_watched_in_a_worker_of_a_worker(here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that has had its first loop forks one whose first loop takes long: that one has a row, too."""
    monkeypatch.setattr(brief_loop, "TASK_SECONDS", 0.05)
    gate = tmp_path / "gate"
    with here.tracker:
        process = multiprocessing.get_context("fork").Process(target=loop_and_fork, args=(str(gate),))
        process.start()
        try:
            here.until(lambda: "long" in here.live)
        finally:
            gate.touch()
            process.join()
        here.until(lambda: ("long", "finished") in here.endings)
    assert process.exitcode == 0


def two_first_loops() -> None:
    first = track(range(2), "first")
    brief_loop.without_first[0] = 0  # as another thread sees it that calls `track` in the same moment
    second = track(range(3), "second")
    for each in (first, second):
        for _ in each:
            pass


def test_two_threads_begin(here: Here) -> None:
    """Of two loops that are both a worker's first, since two threads begin them at once, each has its own count."""
    here.run(two_first_loops)
    assert (brief(), ends()) == ([(2, "it")], (1, 0, 0))
    assert "2 tasks, 5 items" in here.renderer.lines[-1]


REHEARSING = """
import multiprocessing, sys
from progresskit import ProgressTracker, track
from progresskit._tracking import brief_loop
from progresskit._tracking.core import current_loop
brief_loop.TASK_SECONDS = 0.0 if sys.argv[1] == "stalled" else 60.0
def work():
    for _ in track([1, 2, 3], "work"):
        pass
with ProgressTracker("plain") as tracker:
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
    assert not process.exitcode
    assert not tracker.tasks and current_loop.get() is None and not brief_loop._pending, "the rehearsal has left something"
"""


@pytest.mark.parametrize("machine", ["quiet", "stalled"])
def test_nothing_is_seen_of_the_rehearsal(machine: str) -> None:
    """The loops that a process runs before its first fork are not shown or counted, not even if one takes too long for a brief loop,
    and leave nothing behind."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PROGRESSKIT_")}
    program = subprocess.run([sys.executable, "-c", REHEARSING, machine], env=environ, capture_output=True, text=True)
    assert program.returncode == 0, program.stderr
    *begun, ended = program.stderr.splitlines()
    assert ended.split(" in ")[0] == "\u2713 1 task, 3 items"
    # On a busy machine the task has a line before its last one.
    assert all(line.startswith("1 task, ") for line in begun)


def end_while_settling() -> None:
    """End the loop just when another thread has put everything in order, and has found no loop."""
    original = brief_loop.tell

    def tell(*_: object) -> bool:
        brief_loop.settle()  # as the other thread does, in which the loop is not among the pending ones
        return False

    assert original is not None
    brief_loop.tell = tell
    for _ in track(range(5), "first", unit="row"):
        pass


def test_ends_while_settling(here: Here) -> None:
    """A loop that ends while another thread makes tasks of pending loops is counted once."""
    here.run(end_while_settling)
    assert (brief(), ends()) == ([], (1, 0, 0))
    assert [each.amounts for each in counting.TOLD] == [{"row": 5}]


def nest() -> None:
    for _ in track(range(2), "outer"):
        for _ in track(range(3), "inner"):
            pass
        current_tracker().print("said within")


def test_nested(here: Here) -> None:
    """The first loop becomes a task when another one begins within it, and that one is a part of it: one task at the top."""
    here.run(nest)
    assert brief() == []
    outer = [view for view in here.ended if view.description == "outer"]
    assert sum(ends()) + len(outer) == 1
    assert all(view.depth for view in here.ended if view.description == "inner")
    assert here.renderer.lines.count("said within") == 2


def ask_for_its_task(found: Any) -> None:
    loop: Any = track(range(4), "asked", unit="row")
    before = loop.task
    for _ in loop:
        loop.task.update(description="named later")
    found.put((before is loop.task, loop.task.state, loop.task.completed, loop.task.description))


def ask_afterwards(found: Any) -> None:
    loop: Any = track(range(4), "asked", unit="row")
    for _ in loop:
        pass
    task: Task = loop.task
    found.put((task is loop.task, task.state, task.completed, task.description, task.total))


def test_asked_for(here: Here) -> None:
    """The loop's task can be used by any code, and counts once."""
    found = multiprocessing.get_context("fork").SimpleQueue()
    here.run(ask_for_its_task, found)
    assert found.get() == (True, "finished", 4, "named later")
    assert (brief(), ends()) == ([], (1, 0, 0))
    here.run(ask_afterwards, found)
    assert found.get() == (True, "finished", 4, "asked", 4)
    assert (brief(), ends()) == ([(4, "row")], (1, 0, 0))


def fork_another() -> None:
    process = multiprocessing.get_context("fork").Process(target=two_loops)
    process.start()
    for _ in track(range(7), "above", unit="row"):
        pass
    process.join()
    assert process.exitcode == 0


def test_below_workers(here: Here) -> None:
    """Workers of workers have a first loop as well."""
    here.run(fork_another)
    assert brief() == [(5, "row")]
    assert sum(ends()) + len(here.endings) == 2


def consume_in_c(found: Any) -> None:
    found.put((sum(track(range(1000))), list(track("abc"))))


def test_consumers(here: Here) -> None:
    """What runs through the loop in C gets all items."""
    found = multiprocessing.get_context("fork").SimpleQueue()
    here.run(consume_in_c, found)
    assert found.get() == (499500, ["a", "b", "c"])
    assert len(brief()) + sum(ends()) + len(here.endings) == 2


def test_full_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full pipe is reported, and messages of other programs are ignored."""
    pipe = Pipe()
    monkeypatch.setattr(_brief_ends, "writer", pipe.writer)
    while _brief_ends.tell(1, 0.5, "it"):
        pass
    ends = pipe.read()
    assert len(ends) > 100
    assert set(ends) == {BriefEnd(1, 0.5, "it")}
    os.write(pipe.writer, b"\n-1 2 it\n1 2\nx 2 it\n" + b"9" * 200 + b" 2 it\n1 2 \x1b[31mrow\n")
    assert [end.amount for end in pipe.read()] == [1]
    pipe.close()


def test_pipe_is_read_when_asked(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for what workers have sent gets it, though the hub's thread has read the pipe just now."""
    monkeypatch.setattr(hub, "PIPE_PAUSE", 60.0)
    with Feed("none") as feed, hub.Hub(feed) as served:
        assert served.brief_writer is not None
        os.write(served.brief_writer, b"1 500 it\n")
        here.until(lambda: served._pipe_due is not None)
        os.write(served.brief_writer, b"2 500 it\n")
        served.catch_up()
        assert brief() == [(1, "it"), (2, "it")]
        os.write(served.brief_writer, b"3 500 it\n")
    assert brief()[2:] == [(3, "it")]


def test_trackers_after_a_fork(here: Here) -> None:
    """A process that has forked workers uses its trackers as before, also one that was made in part."""
    here.run(one_loop)
    assert not hasattr(ProgressTracker.__new__(ProgressTracker), "_core")
    with ProgressTracker("none") as tracker:
        assert list(track("abc")) == ["a", "b", "c"]
        assert tracker.add_task("later").tracker is tracker


def count_three(task: Task) -> None:
    task.advance(3)


def one_loop() -> None:
    for _ in track(range(5)):
        pass


def test_circumstances_change(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has changed since the last fork counts for the next one: new tasks, another tracker, progress switched off."""
    context = multiprocessing.get_context("fork")

    def fork(target: Callable[..., object], *arguments: Any) -> None:
        process = context.Process(target=target, args=arguments)
        process.start()
        process.join()
        assert process.exitcode == 0

    with here.tracker as tracker:
        fork(one_loop)
        fork(one_loop)
        later = tracker.add_task("later")
        fork(count_three, later)
        assert later.completed == 3
        with Here().tracker as inner:
            fork(count_three, inner.add_task("inner"))
            assert [task.completed for task in inner.tasks] == [3]
        fork(one_loop)
        fork(count_three, later)
        assert later.completed == 6
        _host.catch_up()
        assert len(brief()) + sum(ends()) == 3
        monkeypatch.setenv("PROGRESSKIT_DISABLE", "1")
        fork(one_loop)
        _host.catch_up()
        assert len(brief()) + sum(ends()) == 3


def stop_iterating() -> None:
    loop = track([1, 2, 3], "dropped")
    next(loop)


def never_begin() -> None:
    track([1, 2, 3], "unused")


def ask_and_never_begin() -> None:
    assert track([1, 2, 3], "asked").task.waiting


def close_before() -> None:
    loop = track([1, 2, 3], "closed")
    loop.close()
    assert list(loop) == []


def close_within() -> None:
    loop = track([1, 2, 3], "closed")
    for _ in loop:
        loop.close()
    loop.close()


def pass_to_zip() -> None:
    assert list(zip("ab", track([1, 2, 3], "zipped"), strict=False)) == [("a", 1), ("b", 2)]


def pass_to_zip_exactly() -> None:
    assert list(zip(track([1, 2], "zipped"), "abc", strict=False)) == [(1, "a"), (2, "b")]


def find_any() -> None:
    assert any(track([0, 1, 1], "any"))


def fail_in_c() -> None:
    with pytest.raises(TypeError):
        sum(track([1, "b", 3], "summed"))  # type: ignore[arg-type]


def interrupt() -> None:
    with pytest.raises(KeyboardInterrupt):
        for number in track([1, 2, 3], "interrupted"):
            if number == 2:
                raise KeyboardInterrupt


def grow() -> None:
    numbers = [1, 2]
    for number in track(numbers, "grown"):
        if number < 5:
            numbers.append(number + 2)


def shrink() -> None:
    numbers = [1, 2, 3, 4]
    for _ in track(numbers, "shrunk"):
        numbers.pop()


def return_within() -> None:
    for number in track("abc", "returned"):
        if number == "b":
            return


def handle_and_break() -> None:
    for number in track([1, 2, 3], "handled"):
        try:
            raise ValueError(number)
        except ValueError:
            break


def iterate_again() -> None:
    loop = track([1, 2, 3], "again")
    assert (list(loop), list(loop)) == ([1, 2, 3], [])


def share() -> None:
    loop = track(range(2_000), "shared")
    found: list[int] = []
    threads = [threading.Thread(target=found.extend, args=(loop,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(2_000))


def use_the_tracker_within() -> None:
    for number in track([1, 2, 3], "settled"):
        if number == 2:
            current_tracker().print("said")


def ask_within_and_break() -> None:
    loop = track([1, 2, 3], "asked")
    for number in loop:
        assert loop.task.total == 3
        if number == 2:
            break


ENDS = (
    *(stop_iterating, never_begin, ask_and_never_begin, close_before, close_within, pass_to_zip, pass_to_zip_exactly, find_any),
    *(fail_in_c, interrupt, grow, shrink, return_within, handle_and_break, iterate_again, share, use_the_tracker_within),
    *(ask_within_and_break, leave, raise_within, nest),
)  # fmt: skip


def note_ends(target: Callable[[], None], brief: bool, found: Any) -> None:
    """Do `target`, with tasks from the beginning unless `brief`. Put the state and the count of each loop into `found`."""
    if not brief:
        multiprocessing_hook.first_loop = None
    reported: list[int] = []
    made: list[Task] = []
    tell, add_task = brief_loop.tell, ProgressTracker.add_task

    def note(count: int, seconds: float, unit: str) -> bool:
        reported.append(count)
        return tell is not None and tell(count, seconds, unit)

    def keep(self: ProgressTracker, *arguments: Any, **options: Any) -> Task:
        made.append(add_task(self, *arguments, **options))
        return made[-1]

    brief_loop.tell, ProgressTracker.add_task = note, keep  # type: ignore[method-assign]  # in this process alone
    target()
    brief_ends: list[tuple[str, float]] = [("finished", count) for count in reported]
    found.put(sorted(brief_ends + [(task.state, task.completed) for task in made]))


@pytest.mark.parametrize("target", ENDS, ids=lambda target: target.__name__)
def test_ends_of_first_loops(target: Callable[[], None], here: Here) -> None:
    """A first loop ends as one that is a task from the beginning does."""
    context = multiprocessing.get_context("fork")
    outcomes = []
    for brief in (True, False):
        found = context.SimpleQueue()
        here.run(note_ends, target, brief, found)
        outcomes.append(found.get())
    assert outcomes[0] == outcomes[1]


def test_not_elsewhere() -> None:
    """The loops of a process that was not forked are tasks from the beginning."""
    assert brief_loop.tell is None or multiprocessing.parent_process() is None
    with ProgressTracker("none") as tracker:
        for _ in track(range(2)):
            assert len(tracker.tasks) == 1
