"""The root's functions on the current tracker, and what `track` and tasks take."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, count, cycle, repeat
from pathlib import Path
from typing import Any

import pytest
from bench import Bench

import progresskit
from progresskit import ProgressTracker, Task, add_task, configure, current_tracker, disabled, track
from progresskit._text.spelling import nearest
from progresskit._tracking import joining, loops
from progresskit._tracking.display_arguments import DEFAULTS
from progresskit._tracking.loop_counters import size_of
from progresskit._tracking.tracker import silent_tracker
from progresskit.testing import ManualClock, ManualTicker, RecordingRenderer


@pytest.fixture
def entered(bench: Bench) -> Iterator[Bench]:
    """An entered tracker, which the root's functions use."""
    with bench.tracker:
        yield bench


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    yield
    DEFAULTS.clear()
    joining.shared = None


def test_current(entered: Bench) -> None:
    """The root's functions work on the tracker that `track` joins."""
    assert current_tracker() is entered.tracker
    task = add_task("orders.csv", total=3, unit="row", color="green", fields={"host": "a"}, loss=0.5)
    assert entered.tracker.tasks == (task,)
    assert dict(task.fields) == {"host": "a", "loss": 0.5}
    progresskit.print("three", 3, sep="-", end="!\n")
    entered.tick()
    assert entered.renderer.lines == ["three-3!"]


def test_a_loop_and_its_task(entered: Bench) -> None:
    """`track` gives access to the loop's task, before the first item and after the last."""
    loop = track([0.5, 0.25], "Training", unit="epoch", fields={"loss": None}, color="blue", keep=False)
    task = loop.task
    assert (task.state, task.total) == ("pending", 2)
    for loss in loop:
        assert loop.task is task
        task.update(loss=loss, description=f"loss {loss}")
    assert (task.state, task.completed, task.total, task.description) == ("finished", 2, 2, "loss 0.25")
    assert (task.color, task.keep, dict(task.fields)) == ("blue", False, {"loss": 0.25})


def test_a_loop_is_an_iterator(entered: Bench) -> None:
    """What `track` returns continues where it was left, and a statement runs no Python for an item."""
    loop = track(iter("abc"))
    assert next(loop) == "a"
    assert loop.task.state == "running"
    for letter in loop:
        assert letter == "b"
        break
    assert list(loop) == ["c"]
    assert loop.task.state == "finished"
    assert type(iter(loop)).__next__ is chain.__next__


def test_a_loop_that_never_begins(entered: Bench) -> None:
    """A task that was requested ends with its loop."""
    task = track([1, 2]).task
    assert task.state == "cancelled"


def test_an_async_loop_and_its_task(entered: Bench) -> None:
    """An async loop has a task as well."""

    async def pages() -> AsyncIterator[int]:
        for page in range(3):
            yield page

    async def main() -> Task:
        loop = track(pages(), "Fetching", total=3)
        assert loop.task.state == "pending"
        assert [page async for page in loop] == [0, 1, 2]
        return loop.task

    task = asyncio.run(main())
    assert (task.state, task.completed) == ("finished", 3)


def test_resumed(entered: Bench) -> None:
    """A job that resumes at 40 % begins there, and its rate counts only new units."""
    loop = track(range(6), completed=4)
    next(loop)
    assert (loop.task.completed, loop.task.total, loop.task.initial) == (4, 10, 4)
    assert track(range(6), completed=4, total=12).task.completed == 4
    for _ in loop:
        entered.clock.advance(1.0)
    assert (loop.task.completed, loop.task.state) == (10, "finished")


@pytest.mark.parametrize(
    ("iterable", "size"),
    [
        (enumerate("abc", 7), 3),
        (zip("abc", [1, 2], strict=False), 2),
        (zip("ab", count(), cycle("x"), repeat(1)), 2),
        (zip(repeat(1, 3), range(9), strict=False), 3),
        (map(max, [1, 2, 3], {4, 5}), 2),
        (enumerate(zip({1: 2}.items(), map(str, reversed([1, 2])), strict=False)), 1),
        (zip(), 0),
        (zip([1, 2], [3, 4], strict=True), 2),
        (zip(count(), cycle("x"), strict=False), None),
        (zip([1], (x for x in "a"), strict=False), None),
        (enumerate(x for x in "ab"), None),
    ],
    ids=lambda value: None if not isinstance(value, int) else str(value),
)
def test_totals(iterable: Any, size: int | None) -> None:
    """The sources of an enumerate, zip or map give its length without being iterated."""
    assert size_of(iterable) == size


def test_totals_run_nothing(entered: Bench) -> None:
    """A loop over them has its total, and hands out every item."""
    ran: list[int] = []

    def note(number: int) -> int:
        ran.append(number)
        return number

    loop = track(enumerate(map(note, [5, 6, 7])), "Both")
    assert ran == []
    assert next(loop) == (0, 5)
    assert (ran, loop.task.total) == ([5], 3)
    assert list(loop) == [(1, 6), (2, 7)]


def test_nested(entered: Bench) -> None:
    """A task that is added within a loop is a part of it, unless it says that it is not."""
    for _ in track([1], "outer"):
        inner, top = add_task("inner"), add_task("top", parent=None)
        other = entered.tracker.add_task("inner, too")
    outer = inner.parent
    assert outer is not None and outer.description == "outer"
    assert (top.parent, other.parent) == (None, outer)
    assert add_task("after").parent is None


def test_parents_of_other_trackers(entered: Bench) -> None:
    """The root's functions work on the tracker of the parent that they are given."""
    other = Bench()
    whole = other.tracker.add_task("whole", rollup="sum")
    add_task("part", total=2, parent=whole).advance(2)
    assert sum(track([1, 2, 3], parent=whole)) == 6
    assert whole.completed == 5
    with pytest.raises(ValueError, match="parent is 3"):
        track([1], parent=3)  # type: ignore[call-overload]
    other.tracker.stop()


def test_delay(bench: Bench) -> None:
    """A row appears after its delay, with its children; one that ends before is never shown, unless it failed."""
    slow = bench.tracker.add_task("slow", delay=1.0)
    bench.tracker.add_task("below", parent=slow)
    short = bench.tracker.add_task("short", delay=1.0)
    failing = bench.tracker.add_task("failing", delay=1.0)
    bench.tracker.add_task("at once")
    frame = bench.tick(0.5)
    assert [view.description for view in frame.tasks] == ["at once"]
    short.finish()
    failing.fail("no disk")
    frame = bench.tick(0.4)
    assert [view.description for view in frame.ended] == ["failing"]
    frame = bench.tick(0.2)
    assert [view.description for view in frame.tasks] == ["slow", "below", "at once"]
    slow.finish()
    assert [view.description for view in bench.tick().ended] == ["slow"]


def test_disabled_loop(entered: Bench) -> None:
    """A loop that is switched off counts, and shows nothing."""
    loop = track(range(5), "hidden", disable=True)
    assert sum(loop) == 10
    assert (loop.task.completed, loop.task.total, loop.task.state) == (5, 5, "finished")
    entered.tick()
    assert entered.renderer.frames == [] and entered.tracker.tasks == ()


def test_loops_within_and_after_a_disabled_one(entered: Bench) -> None:
    """Loops within a loop that is switched off, and those after it, are parts of the loop around it."""
    whole = track(range(1), "whole")
    for _ in whole:
        for _ in track(range(2), disable=True):
            within = track([1])
            assert sum(within) == 1 and within.task.parent is whole.task
        after = track([1])
        assert sum(after) == 1 and after.task.parent is whole.task


def test_task_of_a_disabled_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is as if it had been there all the time, whether it is asked for within the loop, after it or before it."""
    now = [10.0]
    monkeypatch.setattr(loops, "monotonic", lambda: now[0])
    monkeypatch.setattr(silent_tracker()._core, "clock", lambda: now[0])
    monkeypatch.setattr(silent_tracker()._core.tree, "_clock", lambda: now[0])
    loop = track(iter("abcd"), "hidden", total=6, completed=2, disable=True, fields={"loss": 0.5})
    for letter in loop:
        now[0] += 1.0
        if letter == "c":
            task = loop.task
            assert (task.completed, task.total, task.state, task.elapsed) == (4, 6, "running", 3.0)
            assert dict(task.fields) == {"loss": 0.5}
    assert loop.task is task and (task.completed, task.state, task.elapsed) == (6, "finished", 4.0)

    loop = track([1, 2, 3], "hidden", disable=True)
    for _ in loop:
        now[0] += 1.0
    now[0] += 5.0
    assert (loop.task.completed, loop.task.total, loop.task.state, loop.task.elapsed) == (3, 3, "finished", 3.0)
    now[0] += 5.0
    assert loop.task.elapsed == 3.0

    loop = track([1, 2, 3], "hidden", disable=True)
    task = loop.task
    assert task.waiting and list(loop) == [1, 2, 3] and (task.completed, task.state) == (3, "finished")


def test_disabled_loop_that_is_left() -> None:
    """A disabled loop that is left early says how, as any other does."""
    loop = track(range(5), disable=True)
    for number in loop:
        if number == 2:
            break
    assert (loop.task.completed, loop.task.state, loop.task.reason) == (2, "cancelled", "stopped early")
    loop = track(range(5), disable=True)
    with pytest.raises(KeyError):
        for number in loop:
            raise KeyError(number)
    assert (loop.task.completed, loop.task.state, loop.task.reason) == (0, "failed", "KeyError: 0")


def test_disabled_block(entered: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Within the block nothing is shown, also in new processes; after it the previous state is restored."""
    monkeypatch.setenv("PROGRESSKIT_DISABLE", "no")
    whole = entered.tracker.add_task("before")
    with disabled(), disabled():
        assert os.environ["PROGRESSKIT_DISABLE"] == "1"
        assert sum(track([1, 2], parent=whole)) == 3
        with add_task("part", parent=whole) as task:
            task.advance()
        task = add_task("failing")
        task.fail("a reason")
        progresskit.print("said")
        assert ProgressTracker("ansi")._core.renderer.name == "none"
        assert (task.state, current_tracker() is entered.tracker) == ("failed", False)
    assert os.environ["PROGRESSKIT_DISABLE"] == "no"
    assert current_tracker() is entered.tracker and whole.completed == 0
    assert capsys.readouterr().err == "said\n"
    assert entered.tracker.tasks == (whole,)
    assert not current_tracker()._core.tree._ended


def test_quiet_capture_where_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """A quiet capture keeps lines for the program also where progress is switched off; another one leaves the streams alone."""
    with disabled(), ProgressTracker() as own:
        for tracker in (own, current_tracker()):
            with tracker.capture(stdout=True, quiet=True) as capture:
                print("kept")
            assert list(capture.lines) == ["kept"]
        with own.capture(stdout=True):
            print("said", end="")
        print(", and that was all")
    assert capsys.readouterr() == ("said, and that was all\n", "")


def test_disabled_block_and_errors() -> None:
    """An error ends the block as its end does."""
    os.environ.pop("PROGRESSKIT_DISABLE", None)
    with pytest.raises(KeyError), disabled():
        raise KeyError
    assert "PROGRESSKIT_DISABLE" not in os.environ and not joining.disabled_blocks


def test_configure() -> None:
    """An application's choice applies to trackers without their own, and to the shared one."""
    before = joining.shared_tracker()
    text = io.StringIO()
    configure(renderer="json", stream=text, interval=2.0, budget=0.5, capture=False)
    made = ProgressTracker()
    core = made._core
    assert (core.renderer.name, core.stream, core.interval, core.budget) == ("json", text, 2.0, 0.5)
    assert core.capture.mode == ""
    given = ProgressTracker("plain", interval=0.5)._core
    assert (given.renderer.name, given.interval, given.budget) == ("plain", 0.5, 0.5)
    shared = joining.shared_tracker()
    assert shared is not before and shared._core.renderer.name == "json"
    for _ in track([1], "A library's loop"):
        shared.refresh(30.0)
    shared.stop()
    assert '"description":"A library\'s loop"' in text.getvalue()
    configure(renderer=None, stream=None)
    assert ProgressTracker()._core.renderer.name != "json" and ProgressTracker()._core.interval == 2.0


def test_configure_while_busy() -> None:
    """The shared tracker is replaced as soon as it is idle: rows of two trackers never overlap."""
    joining.shared = ProgressTracker("none", ticker=ManualTicker())
    task = joining.shared.add_task("busy")
    configure(renderer="plain")
    assert joining.shared_tracker() is task.tracker
    task.finish()
    assert joining.shared_tracker()._core.renderer.name == "plain"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"renderer": "beige"}, "there is no renderer 'beige'"),
        ({"renderer": RecordingRenderer()}, "give its class or its name"),
        ({"interval": -1}, "interval is -1"),
        ({"interval": 1.0, "budget": 2.0}, "budget is 2.0"),
        ({"capture": "words"}, "capture is 'words'"),
        ({"estimator": 3}, "estimator is 3"),
    ],
    ids=["name", "renderer", "interval", "budget", "capture", "estimator"],
)
def test_configure_refuses(options: dict[str, Any], words: str) -> None:
    """A wrong argument is refused at the call, and changes nothing."""
    with pytest.raises((TypeError, ValueError), match=words):
        configure(**options)
    assert DEFAULTS == {}


def test_misspelt(bench: Bench) -> None:
    """A misspelt argument is refused with a suggestion; other names are fields."""
    task = bench.tracker.add_task("a", part="b.3", state="warm", count=3, lr=0.1)
    assert dict(task.fields) == {"part": "b.3", "state": "warm", "count": 3, "lr": 0.1}
    for call, word, meant in (
        (bench.tracker.add_task, "totl", "total"),
        (bench.tracker.add_task, "colour", "color"),
        (bench.tracker.add_task, "desc", "description"),
        (task.update, "complete", "completed"),
        (task.update, "Total", "total"),
        (task.update, "discription", "description"),
        (task.update, "unti", "unit"),
    ):
        arguments: tuple[Any, ...] = () if call == task.update else ("b",)
        with pytest.raises(TypeError, match=f"'{word}': did you mean {meant}"):
            call(*arguments, **{word: 1})
    with pytest.raises(TypeError, match="'parent': it is an argument of add_task"):
        task.update(parent=1)
    task.update(fields={"totl": 1, "parent": 2, "part": None})
    assert (task.fields["totl"], task.fields["parent"], "part" in task.fields) == (1, 2, False)
    for wrong in (3, {3: 4}, ["a"]):
        with pytest.raises(TypeError, match="fields is"):
            task.update(fields=wrong)  # type: ignore[arg-type]
    assert nearest("x" * 100_000, ["description"]) is None


@pytest.mark.parametrize(
    ("call", "word", "advice"),
    [
        ("track", "totl", "did you mean total?"),
        ("track", "desc", "did you mean description?"),
        ("track", "leave", "did you mean keep?"),
        ("track", "postfix", "did you mean fields?"),
        ("track", "file", "it is stream of ProgressTracker() and configure()."),
        ("track", "style", "it is an argument of ProgressTracker() and configure()."),
        ("track", "loss", "give a column of your own in fields={'loss': ...}."),
        ("tracker.track", "colour", "did you mean color?"),
        ("ProgressTracker", "rendrer", "did you mean renderer?"),
        ("ProgressTracker", "total", "it is an argument of track() and add_task()."),
        ("configure", "styel", "did you mean style?"),
        ("configure", "colums", "did you mean columns?"),
        ("configure", "file", "did you mean stream?"),
        ("configure", "x", "it takes renderer, stream, interval, budget, capture, estimator, columns, style."),
    ],
    ids=lambda value: value if value.isidentifier() else "",
)
def test_unknown_word(bench: Bench, call: str, word: str, advice: str) -> None:
    """Where no fields are accepted, an unknown argument is refused in a sentence that says what to do, and nothing is changed."""
    calls: dict[str, Any] = {
        "track": partial(track, [1]),
        "tracker.track": partial(bench.tracker.track, [1]),
        "ProgressTracker": ProgressTracker,
        "configure": configure,
    }
    with pytest.raises(TypeError) as refused:
        calls[call](**{word: 1})
    assert str(refused.value) == f"{call.removeprefix('tracker.')}() has no argument {word!r}: {advice}"
    assert DEFAULTS == {}


def test_any_description(bench: Bench) -> None:
    """A description is a string, a path, or what an object says of itself when it is given."""

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    given = [Path("data") / "a.csv", b"a.csv", 7, None, Broken(), ["a"]]
    words = [bench.tracker.add_task(each).description for each in given]
    assert words[:4] == [str(Path("data") / "a.csv"), "a.csv", "7", ""] and words[5] == "['a']"
    assert "Broken" in words[4]
    assert sum(bench.tracker.track([1, 2], Path("a"))) == 3
    task = bench.tracker.add_task("a")
    task.update(description=Path("b"))
    assert task.description == "b"


def test_update(bench: Bench) -> None:
    """Unit and keep can be changed, and the rest stays."""
    task = bench.tracker.add_task("a", total=3000, color="red")
    task.update(unit="B", keep=False)
    assert (task.unit, task.keep, task.color, task.total) == ("B", False, "red", 3000)
    with pytest.raises(TypeError, match="unit is 3"):
        task.update(unit=3)  # type: ignore[arg-type]


def test_restart(bench: Bench) -> None:
    """A retry starts over with count, time and rate; ended tasks stay as they ended."""
    task = bench.tracker.add_task("upload", total=100)
    task.tick()
    for _ in range(5):
        task.advance(10)
        bench.tick(1.0)
    task.pause()
    task.restart(completed=20, total=80)
    assert (task.completed, task.total, task.state, task.elapsed, task.initial) == (20, 80, "running", 0.0, 20)
    assert task.rate is None
    for _ in range(3):
        task.advance(20)
        bench.tick(1.0)
    assert (task.completed, task.elapsed) == (80, 3.0)
    assert task.rate == pytest.approx(20.0)
    task.finish()
    task.restart()
    assert (task.state, task.completed) == ("finished", 80)
    with pytest.raises(ValueError, match="completed is -1"):
        task.restart(completed=-1)


def test_restart_above_others(bench: Bench) -> None:
    """A group forgets its ended children, and its `counter` function continues to count."""
    whole = bench.tracker.add_task("whole", rollup="sum")
    with bench.tracker.add_task("part", total=5, parent=whole) as part:
        part.advance(5)
    bench.tick()
    assert whole.completed == 5
    whole.restart()
    assert whole.completed == 0
    counted = bench.tracker.add_task("query", total=9, counter=lambda: 4)
    bench.tick()
    counted.restart()
    assert counted.completed == 4


def test_refresh(bench: Bench) -> None:
    """A frame is drawn at once, whatever the time is."""
    bench.tracker.add_task("Solving")
    bench.tracker.refresh()
    assert [view.description for view in bench.renderer.frames[-1].tasks] == ["Solving"]
    ProgressTracker("none").refresh()


def test_refresh_with_a_thread() -> None:
    """The ticker's own thread draws it before the call returns, though its next frame would be an hour later."""
    renderer = RecordingRenderer()
    with ProgressTracker(renderer, interval=3600.0, stream=io.StringIO()) as tracker:
        task = tracker.add_task("Solving", total=3)
        tracker.refresh(30.0)
        task.advance()
        tracker.refresh(30.0)
        assert [view.completed for view in renderer.frames[-1].tasks] == [1]


def test_draws_on() -> None:
    """A tracker draws on its stream, and on any stream that leads to the same terminal."""
    text = io.StringIO()
    tracker = ProgressTracker("plain", stream=text)
    assert (tracker.draws_on(text), tracker.draws_on(sys.stdout), tracker.draws_on(None)) == (True, False, False)
    if not hasattr(os, "openpty"):
        return
    leader, follower = os.openpty()
    with os.fdopen(leader, "rb"), os.fdopen(follower, "w") as one, os.fdopen(os.dup(follower), "w") as other:
        tracker = ProgressTracker("ansi", stream=one)
        assert tracker.draws_on(one) and tracker.draws_on(other) and not tracker.draws_on(sys.__stdout__)
        assert not ProgressTracker("none", stream=one).draws_on(one)


class Halves:
    """A user's estimate: half a unit a second, and two seconds for each unit left."""

    def __init__(self, initial: float) -> None:
        self.samples: list[tuple[float, float]] = [(0.0, initial)]

    def sample(self, time: float, completed: float) -> None:
        self.samples.append((time, completed))

    def outlook(self, time: float, completed: float, total: float | None) -> tuple[float | None, float | None]:
        return 0.5, None if total is None else 2.0 * (total - completed)


def test_estimator() -> None:
    """A user's own formula gives rate and time left."""
    clock, ticker, renderer = ManualClock(), ManualTicker(), RecordingRenderer()
    tracker = ProgressTracker(renderer, clock=clock, ticker=ticker, estimator=Halves)
    task = tracker.add_task("a", total=10, completed=2)
    clock.advance(1.0)
    ticker.tick()
    view = renderer.frames[-1].tasks[0]
    assert (view.rate, view.eta, task.eta) == (0.5, 16.0, 16.0)
    tracker.stop()


@pytest.mark.parametrize("broken", ["make", "sample", "outlook", "nonsense"])
def test_a_broken_estimator(broken: str) -> None:
    """A failing formula does not harm the display: the built-in estimate replaces it, with one warning."""

    class Broken(Halves):
        def __init__(self, initial: float) -> None:
            if broken == "make":
                raise RuntimeError("no formula")
            super().__init__(initial)

        def sample(self, time: float, completed: float) -> None:
            if broken == "sample":
                raise RuntimeError("no sample")

        def outlook(self, time: float, completed: float, total: float | None) -> tuple[float | None, float | None]:
            if broken == "outlook":
                raise RuntimeError("no outlook")
            return (float("nan"), -1.0) if broken == "nonsense" else (None, None)

    clock, ticker, renderer = ManualClock(), ManualTicker(), RecordingRenderer()
    tracker = ProgressTracker(renderer, clock=clock, ticker=ticker, estimator=Broken)
    task = tracker.add_task("a", total=100)
    with pytest.warns(progresskit.ProgressWarning) if broken != "nonsense" else _nothing():
        for _ in range(5):
            task.advance(10)
            clock.advance(1.0)
            ticker.tick()
    view = renderer.frames[-1].tasks[0]
    assert view.completed == 50
    assert (view.rate, view.eta) == (None, None) if broken == "nonsense" else view.eta is not None
    tracker.stop()


def _nothing() -> Any:
    import contextlib

    return contextlib.nullcontext()


def test_names_of_the_root() -> None:
    """Each name of the root exists, and `import progresskit` loads none of them."""
    names = "import progresskit, sys; print(sorted(m for m in sys.modules if m.startswith('progresskit.')))"
    done = subprocess.run([sys.executable, "-c", names], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
    assert all(hasattr(progresskit, name) for name in progresskit.__all__)


def test_two_first_loops_share_a_tracker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads whose first loops begin at the same instant join one tracker."""
    both = threading.Barrier(2, timeout=60)

    class Slow(ProgressTracker):
        def __init__(self) -> None:
            both.wait()
            super().__init__()

    monkeypatch.setattr(joining, "shared", None)
    monkeypatch.setattr(joining, "ProgressTracker", Slow)
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(lambda _: joining.shared_tracker(), range(2))
    assert one is two
