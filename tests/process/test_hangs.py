"""Renderers and streams that hang for ever or are slow: given up after a bounded time, and nothing printed is lost."""

from __future__ import annotations

import threading
import time
import warnings
from typing import TYPE_CHECKING, Any, cast

import pytest
from test_ticker import until
from test_troubles import run

from progresskit import ProgressTracker
from progresskit._display.display import Display
from progresskit._display.hangs import HangDetector, Retired, Window
from progresskit._display.ticker import ThreadTicker
from progresskit.renderers.choice import RendererChoice
from progresskit.testing import EmulatedTerminal, ManualClock, RecordingRenderer

if TYPE_CHECKING:
    from progresskit.renderers.base import Renderer, Terminal


HUNG = 0.5
"""Seconds that one call may take here: more than any call takes that does not hang, on a machine with much else to do."""


class Hanging(RecordingRenderer):
    """Hangs in one of its calls until it is released, and then writes too late."""

    def __init__(self, verb: str, after: int = 0) -> None:
        super().__init__()
        self.entered, self.let_go, self.awake = threading.Event(), threading.Event(), threading.Event()
        self.terminal: Terminal | None = None
        work = getattr(super(), verb)

        def hang(*arguments: Any) -> None:
            work(*arguments)
            if self.calls.count(verb) <= after:
                return
            self.entered.set()
            self.let_go.wait(60)
            if self.terminal is not None:
                self.terminal.write("too late")
                self.terminal.file.write("too late")
            self.awake.set()

        setattr(self, verb, hang)
        if verb != "start":
            self.start = self.begin  # type: ignore[method-assign]

    def begin(self, terminal: Terminal) -> None:
        self.terminal = terminal


def count(terminal: EmulatedTerminal, words: str) -> int:
    return sum(words in row for row in terminal.text)


@pytest.mark.parametrize("verb", ["start", "write", "render"])
def test_hanging_renderer_loses_no_line(verb: str) -> None:
    """A renderer that hangs is given up and no line is lost."""
    renderer, terminal = Hanging(verb), EmulatedTerminal()
    ticker = ThreadTicker(hung=HUNG)
    with ProgressTracker(renderer, terminal=terminal, interval=0.01, ticker=ticker) as tracker:
        tracker.print("before")
        task = tracker.add_task("beta", total=1000)
        assert renderer.entered.wait(30)
        tracker.print("meanwhile")
        for _ in range(1000):
            task.advance()  # the job goes on at once
        until(lambda: count(terminal, "does not answer; plain is used from here on.") and count(terminal, "meanwhile"))
        renderer.let_go.set()
        assert renderer.awake.wait(30)
        tracker.print("after")
    until(lambda: not ticker.thread.is_running)
    assert task.state == "finished"
    assert [count(terminal, words) for words in ("before", "meanwhile", "after", "does not answer")] == [1, 1, 1, 1]
    assert count(terminal, "beta: finished") == 1
    assert count(terminal, "too late") == 0


def test_hung_last_frame_is_reported_by_the_successor() -> None:
    """A task whose last frame hung is reported by the successor."""
    renderer, terminal, ticker = Hanging("render", after=1), EmulatedTerminal(), ThreadTicker(hung=HUNG)
    with ProgressTracker(renderer, terminal=terminal, interval=0.01, ticker=ticker) as tracker:
        task = tracker.add_task("alpha")
        until(lambda: renderer.frames)
        with ticker.scheduler.hold():  # so that all of it is in one frame
            task.finish()
            tracker.add_task("beta")
            tracker.print("words")
        until(lambda: count(terminal, "does not answer") and count(terminal, "alpha: finished"))
        assert (count(terminal, "words"), count(terminal, "alpha: finished")) == (1, 1)
    renderer.let_go.set()


def test_renderer_that_hangs_when_made() -> None:
    """A renderer whose constructor hangs is given up."""
    let_go = threading.Event()

    class Never(RecordingRenderer):
        def __init__(self) -> None:
            let_go.wait(60)
            super().__init__()

    terminal = EmulatedTerminal()
    with ProgressTracker(Never, terminal=terminal, interval=0.01, ticker=ThreadTicker(hung=HUNG)) as tracker:
        tracker.print("words")
        tracker.add_task("alpha")
        until(lambda: count(terminal, "the Never renderer does not answer"))
    assert count(terminal, "words") == 1
    let_go.set()


@pytest.mark.parametrize("verb", ["render", "stop"])
def test_renderer_that_hangs_at_the_end(verb: str) -> None:
    """A renderer that hangs at the end delays it for a bounded time, and the remaining lines are shown."""
    renderer, terminal = Hanging(verb), EmulatedTerminal()
    ticker = ThreadTicker(patience=0.5)
    with ProgressTracker(renderer, terminal=terminal, interval=0.01, ticker=ticker) as tracker:
        tracker.add_task("alpha", total=1).advance()
        tracker.print("words")
        assert renderer.entered.wait(30) if verb == "render" else until(lambda: renderer.lines) is None
    until(lambda: count(terminal, "does not answer"))
    assert count(terminal, "alpha: finished") == (verb == "render")  # the other one has had its last frame
    assert count(terminal, "words") == (verb == "render")
    renderer.let_go.set()
    assert renderer.awake.wait(30)
    until(lambda: not ticker.thread.is_running)
    assert count(terminal, "too late") == 0


class Stuck:
    """A stream without a descriptor, whose write hangs."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.entered, self.let_go = threading.Event(), threading.Event()
        self.writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        self.entered.set()
        self.let_go.wait(60)
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


def test_hanging_stream_without_a_descriptor() -> None:
    """A stream without a descriptor that hangs is given up."""
    stream, ticker = Stuck(), ThreadTicker(hung=HUNG)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with ProgressTracker("plain", stream=cast("Any", stream), interval=0.01, ticker=ticker) as tracker:
            task = tracker.add_task("alpha", total=1)
            assert stream.entered.wait(30)
            until(lambda: any("the stream does not answer" in str(warning.message) for warning in said))
            tracker.print("words")
            task.advance()
        assert task.state == "finished"
        stream.let_go.set()
        until(lambda: not ticker.thread.is_running)
    assert len(said) == 1
    assert stream.writes == 1


@pytest.mark.slow
def test_end_waits_once_for_all_hangs() -> None:
    """The end waits once for everything that hangs, not for each."""
    ticker = ThreadTicker(patience=1.0)
    renderers = [Hanging("render") for _ in range(60)]
    trackers = [
        ProgressTracker(renderer, terminal=EmulatedTerminal(), interval=0.01, ticker=ticker) for renderer in renderers
    ]
    tasks = [tracker.add_task("alpha") for tracker in trackers]
    until(lambda: len(ticker.displays) == 60 and any(renderer.entered.is_set() for renderer in renderers))
    began = time.monotonic()
    ticker.close()
    assert time.monotonic() - began < 30  # one by one it would be 40 at the least
    assert {task.state for task in tasks} == {"cancelled"}
    for renderer in renderers:
        renderer.let_go.set()


def test_slow_renderer_is_not_given_up() -> None:
    """A slow renderer does not slow others down and is not given up."""
    go_on, terminal = threading.Semaphore(0), EmulatedTerminal()

    class Slow(RecordingRenderer):
        def render(self, frame: Any) -> None:
            go_on.acquire()
            super().render(frame)

    renderer = Slow()
    with ProgressTracker(renderer, terminal=terminal, interval=0.001, ticker=ThreadTicker()) as tracker:
        task = tracker.add_task("alpha", total=300)
        for part in range(3):
            for _ in range(100):
                task.advance()
            go_on.release()
            until(lambda: len(renderer.frames) > part)  # noqa: B023
        go_on.release(1000)
    assert [view.completed for frame in renderer.frames for view in frame.ended] == [300]
    assert terminal.text == []


def test_checks_are_counted_and_not_the_time() -> None:
    """Checks are counted instead of time, so that a stopped process does not count as hanging."""
    terminal, clock = EmulatedTerminal(), ManualClock()
    renderer: Renderer = RecordingRenderer()
    choice = RendererChoice("recording", lambda: renderer, "it was given", given=True)
    display = Display(terminal, choice, interval=0.1, budget=0.01, cpu=clock, wall=clock)
    watch = HangDetector(3)
    display.window.token = ["renderer"]
    assert [watch.check([display]) for _ in range(3)] == [None, None, None]
    display.window.token = ["renderer"]  # another call
    assert [watch.check([display]) for _ in range(3)] == [None, None, None]
    display.window.token = None
    assert watch.check([display]) is None
    display.window.token = ["stream"]
    assert [watch.check([display]) for _ in range(4)] == [None, None, None, (display, "stream")]
    assert watch.check([display]) is None  # another thread has it already


def test_late_call_of_a_lost_display_does_nothing() -> None:
    """A call that comes back after its display was given up does nothing more."""
    window = Window()

    def give_up() -> None:
        assert window.token is not None
        window.token.pop()
        raise OSError("the call's own error")

    with pytest.raises(Retired):
        window.call("renderer", give_up)


@pytest.mark.slow
def test_fork_during_a_hung_frame() -> None:
    """A fork during a hung frame hangs neither process."""
    done = run("""
import os, signal, threading
from progresskit import ProgressTracker
from progresskit.testing import RecordingRenderer
entered = threading.Event()
class Hanging(RecordingRenderer):
    def render(self, frame):
        entered.set()
        threading.Event().wait()
with ProgressTracker(Hanging(), interval=0.001) as tracker:
    task = tracker.add_task("alpha", total=3)
    entered.wait()
    for _ in range(3):
        pid = os.fork()
        if not pid:
            signal.alarm(30)
            with tracker.add_task("child", total=1) as inner: inner.advance()
            tracker.stop()
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        task.advance()
print(task.state)
""")
    assert (done.returncode, done.stdout) == (0, "finished\n"), done.stderr
