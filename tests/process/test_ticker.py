"""The ticker's thread runs only while there are live tasks, and the ticker also works where no thread can be started."""

from __future__ import annotations

import gc
import io
import os
import select
import subprocess
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from progresskit import ProgressTracker
from progresskit._display.display import TrackerGroup
from progresskit._display.flushing import Credit
from progresskit._display.terminal import StreamTerminal
from progresskit._display.ticker import ThreadTicker
from progresskit._model.frames import Frame
from progresskit._system.lateness import (
    SHORT_INTERVAL,
    SHORTEST_INTERVAL,
    USUAL,
    Scheduled,
    SuspensionDetector,
    SwitchInterval,
    Timers,
    Waits,
)
from progresskit._system.threads import Bell, start
from progresskit._system.warnings import ProgressWarning
from progresskit._tracking.core import TrackerCore
from progresskit.testing import EmulatedTerminal, ManualTicker, RecordingRenderer


def tickers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "progresskit"]


def until(condition: object, seconds: float = 30.0) -> None:
    """Wait for a condition that other threads bring about."""
    assert callable(condition)
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "the ticker has not come so far"
        threading.Event().wait(0.005)


def test_one_thread_serves_all_trackers() -> None:
    """One thread serves all trackers from the first task until after the last."""
    until(lambda: not tickers())
    renderers = [RecordingRenderer() for _ in range(3)]
    trackers = [ProgressTracker(renderer, terminal=EmulatedTerminal(), interval=0.01) for renderer in renderers]
    assert not tickers()
    tasks = [tracker.add_task("alpha") for tracker in trackers]
    until(lambda: all(renderer.frames for renderer in renderers))
    assert len(tickers()) == 1
    for task in tasks:
        task.finish()
    until(lambda: not tickers())
    again = trackers[0].add_task("beta")
    until(lambda: any(view.description == "beta" for frame in renderers[0].frames for view in frame.tasks))
    again.finish()
    until(lambda: not tickers())


def test_sleeps_while_every_task_is_paused() -> None:
    """The ticker sleeps while every task is paused, and wakes when one continues."""
    renderer = RecordingRenderer()
    ticker = ThreadTicker()
    tracker = ProgressTracker(renderer, terminal=EmulatedTerminal(), interval=0.01, budget=1.0, ticker=ticker)
    task = tracker.add_task("alpha", total=10)
    task.pause()
    until(lambda: renderer.frames and renderer.frames[-1].tasks[0].state == "paused" and ticker.thread.sleeps_long)
    task.resume()
    until(lambda: renderer.frames[-1].tasks[0].state == "running")
    task.finish()
    tracker.stop()


def test_new_tracker_and_a_thread_that_wakes_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tracker wakes the thread only if the thread sleeps for longer than before a first frame, or is awake and may have missed it."""
    ticker = ThreadTicker()
    thread = ticker.thread
    monkeypatch.setattr(
        "progresskit._display.drawing.start", lambda run, name: None
    )  # a thread that has not got to run yet
    trackers = [ProgressTracker(RecordingRenderer(), terminal=EmulatedTerminal(), ticker=ticker) for _ in range(4)]
    for tracker in trackers[:3]:
        tracker.add_task("early")
        assert thread.is_running and not thread.bell.wait(0.0)
    thread.wakes_soon = False
    trackers[3].add_task("later")
    assert thread.bell.wait(0.0)
    ticker.forget()


@pytest.mark.parametrize("when", ["asleep", "about to sleep"])
@pytest.mark.parametrize("what", ["resume", "add_task"])
def test_news_wakes_a_long_sleep(what: str, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes while the thread sleeps long, or is about to, are shown.

    While tasks are paused, or there are only lines, it sleeps until it is woken.
    """
    renderer = RecordingRenderer()
    ticker = ThreadTicker()
    tracker = ProgressTracker(renderer, terminal=EmulatedTerminal(), interval=0.01, budget=1.0, ticker=ticker)
    task = tracker.add_task("alpha", total=10)
    task.pause()
    until(lambda: renderer.frames and renderer.frames[-1].tasks[0].state == "paused")
    draw_due, looked = ticker.scheduler.draw_due, threading.Event()

    def change() -> None:
        task.resume() if what == "resume" else tracker.add_task("beta")

    def draw_and_note(now: float, *, woken: bool = False) -> float:
        draw_due(now, woken=woken)
        monkeypatch.undo()
        if when == "about to sleep":
            change()
        looked.set()
        return 3600.0

    monkeypatch.setattr(ticker.scheduler, "draw_due", draw_and_note)
    assert looked.wait(30.0)
    if when == "asleep":
        until(lambda: ticker.thread.sleeps_long)
        change()
    until(lambda: renderer.frames[-1].tasks[0].state == "running" or len(renderer.frames[-1].tasks) == 2)
    tracker.stop()


@pytest.mark.parametrize("when", ["before", "after"])
def test_ctrl_c_while_the_thread_starts(when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while the thread starts leaves a ticker that draws.

    A notebook goes on after it, and so do its bars: one thread draws them, and no stop waits for one that is not there.
    """

    def broken_off(run: Callable[[], None], name: str) -> None:
        monkeypatch.undo()
        if when == "after":
            late.append(start(run, name))
        raise KeyboardInterrupt

    late: list[threading.Thread | None] = []
    monkeypatch.setattr("progresskit._display.drawing.start", broken_off)
    renderer, ticker = RecordingRenderer(), ThreadTicker(patience=3600.0)
    tracker = ProgressTracker(renderer, terminal=EmulatedTerminal(), interval=0.01, ticker=ticker)
    with pytest.raises(KeyboardInterrupt), tracker:
        tracker.add_task("alpha")
    for thread in late:
        assert thread is not None
        thread.join(30.0)
        assert not thread.is_alive()
    with tracker:
        tracker.add_task("beta")
        until(lambda: "beta" in {view.description for frame in renderer.frames for view in frame.tasks})
        assert [getattr(each, "name", "") for each in ticker.thread.threads if each.is_alive()].count(
            "progresskit"
        ) == 1
    assert {view.description for frame in renderer.frames for view in frame.ended} >= {"beta"}


def test_two_trackers_on_one_terminal_share_its_rows() -> None:
    terminal = EmulatedTerminal(columns=60)
    first = ProgressTracker("ansi", terminal=terminal, interval=0.01, budget=1.0)
    second = ProgressTracker("ansi", terminal=terminal, interval=0.01, budget=1.0)
    alpha, beta = first.add_task("alpha", total=2), second.add_task("beta", total=2)

    def shown() -> list[str]:
        return [row.split()[0] for row in terminal.screen if row]

    until(lambda: shown() == ["alpha", "beta"])
    second.print("a line")
    until(lambda: shown() == ["a", "alpha", "beta"])
    alpha.finish()
    first.stop()
    until(lambda: [row for row in terminal.screen if row][-1].split()[0] == "beta")
    assert sum("beta" in row for row in terminal.text) == 1
    beta.finish()
    second.stop()
    assert sum("alpha" in row for row in terminal.text) == 1
    assert sum("beta" in row for row in terminal.text) == 1


@pytest.mark.parametrize(
    "loop",
    [
        "while len(renderer.frames) < 7: task.advance(); done += 1",
        "for _ in task.track(iter(int, 1), finish=False):\n        done += len(renderer.frames) < 7\n"
        "        if len(renderer.frames) >= 7: break",
    ],
)
def test_advance_draws_without_threads(loop: str) -> None:
    """If no thread can be started, `advance` draws when a frame is due."""
    code = f"""
import sys, threading
def refuse(self):
    raise RuntimeError("can't start new thread")
threading.Thread.start = refuse
from progresskit import ProgressTracker
from progresskit.testing import RecordingRenderer
renderer, done = RecordingRenderer(), 0
with ProgressTracker(renderer, stream=sys.stdout, interval=0.01, budget=1.0) as tracker:
    task = tracker.add_task("alpha")
    {loop}
counts = [frame.tasks[0].completed for frame in renderer.frames if frame.tasks]
assert len(counts) > 5 and len(set(counts)) > 2 and counts == sorted(counts), counts
assert task.completed == done, (task.completed, done)
assert [view.completed for frame in renderer.frames for view in frame.ended] == [done]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_returned_display_begins_below() -> None:
    """A display that was hidden begins a new region below."""
    terminal = EmulatedTerminal(columns=60)
    ticker = ThreadTicker()
    tracker = ProgressTracker("ansi", terminal=terminal, interval=0.01, budget=1.0, ticker=ticker)
    task = tracker.add_task("alpha", total=2)
    until(lambda: any("alpha" in row for row in terminal.screen))
    with ticker.scheduler.drawing:
        (display,) = ticker.displays
        terminal.feed("a shell's words\r\n")
        display.renderer.stop()
        task.advance()
    until(lambda: "1/2" in terminal.text[-1])
    assert terminal.text[1] == "a shell's words"
    task.finish()
    tracker.stop()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_free_threaded_cells_hold_the_claims() -> None:
    """The core's claims also hold with the cells of a free-threaded build."""
    code = (
        "import sys; sys._is_gil_enabled = lambda: False\n"
        "from progresskit._tracking.counters import CountingCell, LockedCell; assert CountingCell is LockedCell\n"
        "import pytest; tests = ['tests/unit/test_tracker.py', 'tests/unit/test_loops.py', 'tests/unit/test_files.py']\n"
        "raise SystemExit(pytest.main(['-q', '-p', 'no:cacheprovider', *tests, 'tests/machine/test_machine.py']))"
    )
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith("COV")
    }  # covered once is enough
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, env=environ)
    assert done.returncode == 0, done.stdout[-3000:]


def test_change_after_a_rest() -> None:
    """A change after a time without changes is shown at the next chance, not a second later."""
    renderer = RecordingRenderer()
    ticker = ThreadTicker()
    tracker = ProgressTracker(renderer, terminal=EmulatedTerminal(), interval=0.01, budget=1.0, ticker=ticker)
    task = tracker.add_task("alpha", total=10)
    until(lambda: renderer.frames and ticker.thread.sleeps_long)
    with ticker.scheduler.drawing:
        (display,) = ticker.displays
        display.due = display.drawn + 3600.0  # asleep for long
    tracker.print("a line")
    until(lambda: renderer.lines == ["a line"])
    until(lambda: ticker.thread.sleeps_long)
    with ticker.scheduler.drawing:
        display.due = display.drawn + 3600.0
    task.update(phase="finalising")
    until(lambda: bool(renderer.frames[-1].tasks[0].fields))
    task.finish()
    tracker.stop()


def test_unmakeable_display_is_given_up() -> None:
    """A display that cannot be made is given up with one warning and the others are drawn."""

    class Broken(EmulatedTerminal):
        @property
        def key(self) -> tuple[object, ...]:
            raise OSError("no such terminal")

    ticker, renderer = ThreadTicker(), RecordingRenderer()
    other = ProgressTracker(renderer, terminal=EmulatedTerminal(), interval=0.01, ticker=ticker)
    alpha = other.add_task("alpha", total=2)
    until(lambda: renderer.frames)
    with pytest.warns(ProgressWarning, match="a display failed and is given up: OSError: no such terminal") as warned:  # noqa: SIM117
        with ProgressTracker("ansi", terminal=Broken(), interval=0.01, ticker=ticker) as tracker:
            beta = tracker.add_task("beta", total=1)
            until(lambda: len(warned))  # the ticker's thread warns
            beta.advance()
    assert beta.state == "finished"
    alpha.advance(2)
    other.stop()
    assert [view.completed for frame in renderer.frames for view in frame.ended] == [2]


def test_forked_ticker_is_silent_without_a_hub(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a fork a ticker whose parent draws is silent unless there is a hub."""
    for hub in (None, "unix:a-hub"):
        monkeypatch.setattr("progresskit._display.ticker.hub_address", lambda hub=hub: hub)
        renderer, ticker = RecordingRenderer(), ThreadTicker()
        tracker = ProgressTracker(renderer, terminal=EmulatedTerminal(), interval=0.01, ticker=ticker)
        tracker.add_task("alpha")
        until(lambda: renderer.frames)  # noqa: B023
        ticker.forget()  # as in a forked child
        assert (ticker.displays, ticker.silent, ticker.thread.is_running) == ([], hub is None, False)
        frames = len(renderer.frames)
        with ProgressTracker(renderer, terminal=EmulatedTerminal(), interval=0.01, ticker=ticker) as other:
            other.add_task("beta", keep=True)
            if hub is not None:
                until(lambda: len(renderer.frames) > frames)  # noqa: B023
        drawn = {view.description for frame in renderer.frames[frames:] for view in frame.tasks}
        assert drawn - {"alpha"} == ({"beta"} if hub is not None else set())
        ticker.close()


def test_a_line_within_a_wait_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that a signal handler prints while the job waits for a frame is not waited for: the next signal would interrupt that
    wait as well, and so on until the stack is full."""
    ticker = ThreadTicker()
    rung: list[bool] = []

    def interrupted() -> bool:
        rung.append(ticker.scheduler.gate.is_interrupted)
        ticker.flush_lines()  # as the handler's line does
        return False

    monkeypatch.setattr(ticker.thread, "is_running", True)
    monkeypatch.setattr(ticker.thread, "ring", interrupted)
    ticker.flush_lines()
    assert rung == [True]
    assert not ticker.scheduler.gate.is_interrupted


def test_hold_uses_the_current_drawing_lock() -> None:
    """A thread that waits to draw waits for the lock that is in use now."""
    ticker = ThreadTicker()
    old, held = ticker.scheduler.drawing, threading.Event()

    def hold() -> None:
        with ticker.scheduler.hold():
            held.set()

    old.acquire()
    thread = threading.Thread(target=hold)
    thread.start()
    ticker.scheduler.drawing = threading.RLock()  # the drawing thread hangs, and its successor has a lock of its own
    ticker.scheduler.drawing.acquire()
    old.release()
    assert not held.wait(0.3)
    ticker.scheduler.drawing.release()
    assert held.wait(30)
    thread.join()


def test_ctrl_c_in_an_inline_frame_is_the_jobs() -> None:
    """Ctrl-C in a frame that the job draws is the job's."""

    class Interrupted(RecordingRenderer):
        def render(self, frame: object) -> None:
            raise KeyboardInterrupt

    ticker = ThreadTicker()
    ticker.inline.is_on = True
    tracker = ProgressTracker(Interrupted(), terminal=EmulatedTerminal(), ticker=ticker)
    tracker.add_task("alpha")
    with pytest.raises(KeyboardInterrupt):
        ticker.inline.poll()
    assert len(ticker.displays) == 1


def test_a_thread_that_begins_is_not_hurried() -> None:
    """A first task wakes no thread that is about to start; a later one wakes the thread that runs."""

    ticker = ThreadTicker()
    ticker.thread.begin = lambda: setattr(ticker.thread, "is_running", True)  # type: ignore[method-assign]
    ticker.attach(ProgressTracker("none", ticker=ticker))
    assert not ticker.thread.bell.wait(0.0)
    ticker.attach(ProgressTracker("none", ticker=ticker))
    assert ticker.thread.bell.wait(0.0)


def test_a_renderer_that_cannot_be_made_gives_way() -> None:
    class Unmade(RecordingRenderer):
        def __init__(self) -> None:
            raise OSError("no")

    terminal, ticker = EmulatedTerminal(), ManualTicker()
    with ProgressTracker(Unmade, terminal=terminal, ticker=ticker) as tracker:
        tracker.add_task("alpha")
        ticker.tick()
    assert sum("renderer failed (OSError: no); plain is used" in row for row in terminal.text) == 1


def test_manual_ticker_has_a_display_for_each_terminal() -> None:
    """A ticker that ticks on request has a display for each terminal."""
    ticker, terminals = ManualTicker(), [EmulatedTerminal(60), EmulatedTerminal(60)]
    trackers = [ProgressTracker("ansi", terminal=terminal, ticker=ticker) for terminal in terminals]
    for number, tracker in enumerate(trackers):
        tracker.add_task(f"alpha {number}")
        ticker.attach(tracker._core)
    ticker.tick()
    assert [terminal.text[0].split()[2] for terminal in terminals] == ["0", "1"]
    with trackers[0].hidden():
        assert [len(terminal.text) for terminal in terminals] == [0, 1]
    for tracker in trackers:
        tracker.stop()


def test_stop_without_thread_times() -> None:
    """Without the system's processor times of threads, the ticker sees only a long stop."""
    detector = SuspensionDetector("/no/such/file")
    assert (detector.read(), detector.stopped()) == (None, False)
    detector.close()
    detector = SuspensionDetector("/dev/null")
    assert detector.read() is None  # it says nothing
    detector.close()
    detector.close()


def test_stream_without_poll_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `poll`, a stream counts as ready."""
    monkeypatch.delattr(select, "poll")
    reading, writing = os.pipe()
    terminal = StreamTerminal(os.fdopen(writing, "w"), {})
    terminal.send("words\n")
    assert os.read(reading, 100) == b"words\n"
    terminal.close()
    terminal._stream.close()
    os.close(reading)


def with_news() -> TrackerCore:
    """Return a tracker with a line that waits to be shown."""
    tracker = ProgressTracker("none")
    tracker._core.lines.items.append("a line")
    return tracker._core


def test_job_waits_for_a_hub_alone() -> None:
    """A job is only held up for a hub, and not for long."""
    ticker = ThreadTicker()
    ticker.flush_soon()
    ticker.thread.is_running = True  # a thread that never comes
    ticker.flush_soon()
    assert not ticker.scheduler.gate.waiting  # no hub, no waiting
    ticker.scheduler.arriving = [with_news()]
    for _ in range(1_000):
        ticker.flush_soon()
    assert len(ticker.scheduler.gate.waiting) < 10
    assert ticker.scheduler.gate.time.left <= 0.0


def interval() -> float:
    return round(sys.getswitchinterval(), 6)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Return a list whose item sets the number of threads beside the main one; threads of other tests may exist too."""
    until(lambda: not tickers())
    count = [1]
    monkeypatch.setattr("_thread._count", lambda: count[0])
    sys.setswitchinterval(USUAL)
    yield count
    assert interval() == USUAL


@pytest.fixture
def intervals(threads: list[int]) -> Iterator[tuple[ThreadTicker, list[float]]]:
    """Return a ticker with a live task, and the switch interval at each of its frames."""
    seen: list[float] = []

    class Looks(RecordingRenderer):
        def render(self, frame: Frame) -> None:
            seen.append(interval())

    ticker = ThreadTicker()
    tracker = ProgressTracker(Looks(), terminal=EmulatedTerminal(), interval=0.01, budget=1.0, ticker=ticker)
    with tracker.add_task("alpha"):
        yield ticker, seen
    tracker.stop()


def test_one_thread_has_a_short_interval(intervals: tuple[ThreadTicker, list[float]]) -> None:
    """While the job has one thread the switch interval is short."""
    _, seen = intervals
    until(lambda: len(seen) > 3)
    assert max(seen) == SHORT_INTERVAL  # shorter yet where a busy machine kept the lock from the ticker


def test_interval_is_short_in_the_first_frame(threads: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside other threads it is short while the thread starts and in the first frame, and not in the time between."""
    threads[0] = 9
    ticker, seen, chosen = ThreadTicker(), list[float](), list[float]()
    choose = sys.setswitchinterval

    class Looks(RecordingRenderer):
        def render(self, frame: Frame) -> None:
            seen.append(interval())

    def note(seconds: float) -> None:
        choose(seconds)
        chosen.append(seconds)

    monkeypatch.setattr(sys, "setswitchinterval", note)
    tracker = ProgressTracker(Looks(), terminal=EmulatedTerminal(), interval=0.01, budget=1.0, ticker=ticker)
    with tracker.add_task("alpha"):
        until(lambda: len(seen) > 0 and interval() == USUAL)
        assert seen[0] == SHORT_INTERVAL
        assert chosen[:3] == [SHORT_INTERVAL, USUAL, SHORT_INTERVAL]
        threads[0] = 1
        until(lambda: interval() == SHORT_INTERVAL)
    tracker.stop()


def test_interval_is_short_where_the_lock_was_kept(
    threads: list[int], intervals: tuple[ThreadTicker, list[float]]
) -> None:
    """Beside other threads it is short where the lock was kept from the ticker."""
    threads[0] = 9
    ticker, _ = intervals
    until(lambda: interval() == USUAL)
    assert ticker.thread.boost is not None
    ticker.thread.boost.suspension._starved = True
    until(lambda: interval() == SHORT_INTERVAL)
    ticker.thread.switch_interval._short_until = 0.0
    until(lambda: interval() == USUAL)


@pytest.mark.usefixtures("threads")
def test_interval_is_shortest_while_that_helps() -> None:
    """Beside a job that makes many system calls it is shortest for as long as that helps."""
    switch, now = SwitchInterval(), 100.0

    def chosen(seconds: float = 0.0, *, in_vain: bool = False, alone: bool = True, first: bool = False) -> float:
        switch.adjust(now, Waits(seconds, in_vain), alone=alone, first=first)
        assert switch.is_shortest == (interval() == SHORTEST_INTERVAL)
        return interval()

    assert chosen(0.03) == SHORT_INTERVAL  # C code: woken when it asked
    assert chosen(0.03, in_vain=True, alone=False, first=True) == SHORT_INTERVAL
    assert chosen(0.03, in_vain=True, alone=False) == USUAL
    assert chosen(0.03, in_vain=True) == SHORTEST_INTERVAL
    assert chosen(0.02) == chosen(0.02) == SHORTEST_INTERVAL  # it may take a while
    assert chosen() == SHORTEST_INTERVAL
    assert chosen(alone=False) == USUAL  # a thread of the job's own would pay for it
    assert chosen() == SHORTEST_INTERVAL
    assert chosen(0.02) == chosen(0.02) == SHORTEST_INTERVAL
    assert chosen(0.02) == SHORT_INTERVAL  # the third in a row: C code
    assert chosen(0.03, in_vain=True) == SHORTEST_INTERVAL
    now += 31.0
    assert chosen() == SHORT_INTERVAL
    switch.end()


def test_thread_knows_that_it_was_woken_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread knows whether it was woken for a lock that was taken again."""
    detector = SuspensionDetector("/no/such/file")
    for seconds, woken, asking, in_vain in (
        (0.03, 3000, 0.0002, True),
        (0.03, 50, 0.0002, False),  # about as often as it asks: C code, or one turn among many
        (0.0, 3000, 0.0002, False),  # too short to matter
        (0.03, 3000, 0.0061, False),  # who asks every five milliseconds cannot tell
    ):
        monkeypatch.setattr(detector, "read", lambda seconds=seconds, woken=woken: Scheduled(0.001, woken))
        detector._mark = (time.monotonic() - seconds - 0.001, time.process_time(), Scheduled(0.0, 0))
        monkeypatch.setattr(detector, "_asking", asking)
        assert not detector.stopped()
        assert detector.woken_in_vain == in_vain
        waits = detector.waits()
        assert (waits.in_vain, waits.starved) == (in_vain, False)
        assert seconds <= waits.seconds < seconds + 1.0
        assert detector.waits() == Waits()
    detector.close()


def test_timers_are_exact_in_one_thread() -> None:
    """Timers are exact only in the thread that requests it."""

    def slack(thread: int) -> int:
        return int(Path(f"/proc/{thread}/timerslack_ns").read_text())

    try:
        usual = slack(threading.get_native_id())
    except OSError:
        pytest.skip("this system does not say how exact a thread's timers are")
    seen: list[int] = []

    def wanting() -> None:
        timers = Timers()
        for wanted in (True, True, False, False):
            timers.exact(wanted)
            seen.append(slack(threading.get_native_id()))

    thread = threading.Thread(target=wanting)
    thread.start()
    thread.join()
    assert seen == [1, 1, usual, usual]
    assert slack(threading.get_native_id()) == usual


@pytest.mark.usefixtures("threads")
def test_chosen_switch_interval_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A switch interval that the program has chosen stays."""
    switch = SwitchInterval()
    for chosen in (0.02, 0.001):
        monkeypatch.setattr(sys, "getswitchinterval", lambda chosen=chosen: chosen)
        monkeypatch.setattr(sys, "setswitchinterval", pytest.fail)
        switch.begin()
        switch.end()
    monkeypatch.undo()
    switch.begin()
    assert interval() == SHORT_INTERVAL
    sys.setswitchinterval(0.01)  # the program's choice comes second, and stays as well
    switch.end()
    assert interval() == 0.01
    sys.setswitchinterval(USUAL)


def test_late_thread_knows_that_it_was_starved(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that is late knows whether the lock was kept from it."""
    detector = SuspensionDetector("/no/such/file")
    monkeypatch.setattr(detector, "read", lambda: Scheduled(0.01, 300))
    detector._mark = (time.monotonic() - 1.0, time.process_time() - 1.0, Scheduled(0.0, 0))
    assert not detector.stopped()
    assert not detector.stopped()  # not late any more, and no request has come yet
    assert detector.waits().starved
    detector._mark = (time.monotonic() - 9.0, time.process_time(), Scheduled(0.01, 300))
    assert detector.stopped()
    assert not detector.waits().starved
    detector.close()


@pytest.mark.parametrize("late", [False, True], ids=["asked just before", "asked just after"])
def test_nobody_waits_for_a_resting_thread(late: bool) -> None:
    """No caller waits for a thread that has become idle."""
    ticker, asked = ThreadTicker(), threading.Event()
    ticker.thread.is_running = True
    ticker.scheduler.arriving = [with_news()]
    ticker.scheduler.gate.time = Credit(0.0, 20.0)

    class Urgent(deque[Bell]):
        def append(self, bell: Bell) -> None:
            ticker.scheduler.arriving.clear()
            if late:
                assert ticker.thread.rest()
            super().append(bell)
            asked.set()

    ticker.scheduler.gate.waiting = Urgent()
    asking = threading.Thread(target=ticker.flush_soon)
    asking.start()
    assert asked.wait(20.0)
    assert late or ticker.thread.rest()
    asking.join(20.0)
    assert ticker.scheduler.gate.time.left > 10.0  # it has not waited until that was used up


@pytest.mark.parametrize("name", ["json", "none"])
def test_a_named_renderer_stays(name: str, tmp_path: Path) -> None:
    """A tracker with a renderer named in code keeps it, though another tracker's display is on the same stream."""
    ticker = ThreadTicker()
    with open(tmp_path / "stream", "w") as stream:
        first = ProgressTracker(stream=stream, ticker=ticker, interval=0.01)
        live = first.add_task("first")
        until(lambda: ticker.displays)
        with ProgressTracker(name, stream=stream, ticker=ticker, interval=0.01) as second:
            task = second.add_task("second")
            until(lambda: task.id <= second._core.tree.last_shown)
            task.finish()
        live.finish()
        first.stop()
    lines = [line for line in (tmp_path / "stream").read_text().splitlines() if "second" in line]
    assert all(line.startswith("{") for line in lines)
    assert bool(lines) == (name == "json")


def test_arriving_tracker_can_be_found() -> None:
    """A tracker that is being given a display can be found.

    A process that ends while the thread opens a display for a tracker still shows its last frame.
    """
    ticker, found = ThreadTicker(), []
    tracker = ProgressTracker(RecordingRenderer(), terminal=EmulatedTerminal(), ticker=ticker)
    give = ticker.scheduler.set.add
    ticker.scheduler.set.add = lambda one: (found.append(one in ticker.scheduler.arriving), give(one))[1]  # type: ignore[method-assign]
    tracker.add_task("alpha")
    until(lambda: ticker.displays)
    tracker.stop()
    assert found == [True]


def test_dropped_trackers_are_freed() -> None:
    """The thread frees trackers without references, and their displays, while it continues for another one."""
    ticker, renderer = ThreadTicker(), RecordingRenderer()
    held = ProgressTracker(renderer, terminal=EmulatedTerminal(), interval=0.01, ticker=ticker)
    held.add_task("held")

    trackers = [
        ProgressTracker("ansi", terminal=EmulatedTerminal(40, 4), interval=0.01, ticker=ticker) for _ in range(20)
    ]
    for tracker in trackers:
        tracker.add_task("dropped")
    until(lambda: len(ticker.displays) == 21)
    dropped = [weakref.ref(tracker) for tracker in trackers]
    del tracker
    trackers.clear()
    # Again and again: what a frame looks at just then is held by the thread.
    until(lambda: gc.collect() is not None and len(ticker.displays) == 1)
    until(lambda: gc.collect() is not None and not any(one() for one in dropped))
    held.stop()


def test_ends_among_lines_that_need_no_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that another thread ends while lines are written without a frame has its line."""
    stream = io.StringIO()
    ticker = ManualTicker()
    tracker = ProgressTracker("plain", stream=stream, ticker=ticker)
    task, other = tracker.add_task("Load", total=2, keep=True), tracker.add_task("Other")
    ticker.tick()
    monkeypatch.setattr(TrackerGroup, "has_ends", False)
    task.finish()
    tracker._core.lines.append("after it")
    assert tracker._core.display is not None
    tracker._core.display.write_lines()
    first, second = stream.getvalue().splitlines()[-2:]
    assert "Load" in first and second == "after it" and other.state == "running"
    tracker.stop()
