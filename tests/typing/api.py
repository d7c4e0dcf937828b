"""Types of the public names, as a user's checker sees them: checked by mypy and pyright (.ci/types), never run."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, assert_type

import progresskit
from progresskit import (
    Frame,
    LogHandler,
    ProgressTracker,
    Renderer,
    State,
    Task,
    TaskView,
    Terminal,
    add_task,
    configure,
    current_tracker,
    disabled,
    open_file,
    track,
    wrap_file,
)
from progresskit.processes import Feed, Hub, initializer
from progresskit.renderers import Estimator, RowRenderer, decode, encode, fit, format_percent
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker, RecordingRenderer, RendererContract


def loops(rows: list[str], lines: IO[str]) -> None:
    """What `track` hands on has the type of what it was given."""
    for row in track(rows, "Rows", unit="row", completed=3, color="green", keep=True, delay=0.5, fields={"loss": 0.5}):
        assert_type(row, str)
    for number, line in track(enumerate(lines), Path("orders.csv")):
        assert_type(number, int)
        assert_type(line, str)
    for one, other in track(zip(rows, range(3), strict=True), disable=True):
        assert_type((one, other), tuple[str, int])
    loop = track(range(3))
    assert_type(next(loop), int)
    assert_type(loop.task, Task)
    iterator: Iterator[object] = loop
    assert_type(max(track([1.5])), float)
    list(iterator)
    for key in ProgressTracker().track({"a": 1}):
        assert_type(key, str)
    for byte in add_task("bytes").track(b"abc", finish=False):
        assert_type(byte, int)


async def async_loops(pages: AsyncIterator[bytes]) -> None:
    """The same for async iterables."""
    loop = track(pages, "Pages", total=3)
    assert_type(loop.task, Task)
    async for page in loop:
        assert_type(page, bytes)
    async for page in add_task("pages").track(pages):
        assert_type(page, bytes)
    asyncio.get_running_loop()


def tasks(tracker: ProgressTracker) -> None:
    """A task's numbers, texts and columns."""
    with tracker.add_task("orders.csv", total=300, unit="B", rollup="sum", position=1, start=False, loss=0.5) as task:
        assert_type(task, Task)
        task.advance(65536)
        task.advance(0.5)
        task.tick()
        task.report(5, None)
        task.update(
            completed=3, total=None, unit="iB", keep=False, description=Path("a"), fields={"loss": Decimal(1)}, lr=0.1
        )
        task.restart(completed=1, total=2)
    part = add_task("part", parent=task, counter=lambda: Fraction(1, 2), delay=1.0, fields=None)
    assert_type(part.completed, int | float)
    assert_type(part.total, int | float | None)
    assert_type(part.state, State)
    assert_type(part.eta, float | None)
    assert_type(part.parent, Task | None)
    assert_type(part.tracker.add_task("of the same tracker"), Task)
    part.tracker.print("a line")
    assert_type(part.fields, Mapping[str, str | int | float | bool | None])
    assert_type(part.reason, str | None)
    part.fail(ValueError("no disk"))
    tick: Callable[[], None] = part.tick
    tick()


def files(task: Task) -> None:
    """Files that count go wherever files go."""
    with open_file(Path("orders.csv")) as file:
        file.read(3)
    file.seek(0)
    with wrap_file(io.BytesIO(b"abc"), task) as other:
        other.readline()


class Ends:
    """A renderer as the documentation has it."""

    in_place = False

    def start(self, terminal: Terminal) -> None:
        self.terminal = terminal

    def render(self, frame: Frame) -> None:
        for view in frame.ended:
            assert_type(view, TaskView)
            self.terminal.write(f"{view.description}: {view.state}\n")

    def write(self, text: str) -> None:
        self.terminal.write(text)

    def stop(self) -> None:
        pass


class Steady:
    """An estimate of one's own."""

    def __init__(self, initial: float) -> None:
        self.initial = initial

    def sample(self, time: float, completed: float) -> None:
        pass

    def outlook(self, time: float, completed: float, total: float | None) -> tuple[float | None, float | None]:
        return 1.0, None


class Row(RowRenderer):
    """A renderer of rows."""

    def row(self, view: TaskView, columns: int, time: float) -> str:
        return fit(f"{view.description} {format_percent(view.fraction)}", columns)


class TestRow(RendererContract):
    """Its contract."""

    def make_renderer(self) -> Renderer:
        return Row()


def trackers() -> None:
    """Trackers, and what an application says."""
    estimator: Callable[[float], Estimator] = Steady
    with ProgressTracker(Ends(), stream=sys.stdout, budget=0.5, capture="descriptors", estimator=estimator) as tracker:
        assert_type(tracker, ProgressTracker)
        assert_type(tracker.frame(), Frame)
        assert_type(tracker.draws_on(sys.stderr), bool)
        tracker.print("words", 3, sep="-")
        tracker.refresh()
        with tracker.hidden(), tracker.capture(quiet=True) as captured:
            assert_type(list(captured.lines), list[str])
    ProgressTracker(Row, ticker=ManualTicker(), clock=ManualClock(), terminal=EmulatedTerminal())
    ProgressTracker(RecordingRenderer())
    ProgressTracker("ansi")
    assert_type(current_tracker(), ProgressTracker)
    configure(renderer="plain", interval=1.0, capture=None, stream=None, estimator=Steady)
    configure(renderer=Ends)
    with disabled():
        progresskit.print("words", end="")
    LogHandler(tracker).setLevel("INFO")


def frames(frame: Frame) -> None:
    """A frame is a value, and goes through text and back."""
    assert_type(encode(frame), str)
    assert_type(decode(encode(frame)), Frame)
    assert_type(frame.tasks, tuple[TaskView, ...])
    assert_type(frame.tasks[0].fraction, float | None)


def processes() -> None:
    """The hub of many processes."""
    with Hub(Feed("none")) as hub:
        print(hub.address)
    make: Callable[[], Any] = initializer()
    make()
