"""Text on its way to a terminal: unfinished lines, streams and terminals of all kinds, and frames."""

from __future__ import annotations

import io
import os
import select
import sys
from typing import Any

import pytest
from bench import Bench
from hypothesis import given
from hypothesis import strategies as st

from progresskit import ProgressTracker
from progresskit._display.captured_stream import CapturedStream
from progresskit._display.direct_lines import MOST_AT_ONCE, write_at_once
from progresskit._display.terminal import StreamTerminal
from progresskit._text import line_splitter
from progresskit._text.line_splitter import LONGEST, Line, last_state
from progresskit._tracking.lines import MOST_WAITING
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker, RecordingRenderer


@given(st.lists(st.text("ab\r\x1b[K\b\x07", max_size=6)))
def test_pieces_of_a_line(pieces: list[str]) -> None:
    """A line that is written in pieces is shown like one that is written whole."""
    line = Line()
    for piece in pieces:
        line.add(piece)
    assert (line.end() or "") == last_state("".join(pieces))


@pytest.mark.parametrize("piece", ["\r 50% of it", "x", "|\b", "\x1b[2K"])
def test_a_line_without_end(piece: str) -> None:
    """A line that never ends takes bounded memory."""
    line = Line()
    ended = 0
    for _ in range(3 * LONGEST // len(piece)):
        if line.add(piece):
            ended += len(line.end() or "")
            line = Line()
        assert line._size <= LONGEST + len(piece)
    assert (ended > 0) == (piece == "x")


@given(st.lists(st.text("ab \t\b\r\x1b[m2Kü\u2028", max_size=4), max_size=8))
def test_plain_pieces(pieces: list[str]) -> None:
    """Pieces of a line that are added the short way make the line that the long way makes."""
    short, long = Line(), Line()
    for piece in pieces:
        assert short.add_plain(piece) or not short.add(piece)
        long.add(piece)
    assert (short.text(), short.is_redrawn, short.end()) == (long.text(), long.is_redrawn, long.end())


def test_backspaces() -> None:
    """Backspaces move back over written text, in time linear in the text."""
    assert last_state("-\b\\\b|\b/") == "/"
    assert last_state("abc\b\bX") == "aXc"
    count = 200_000
    assert last_state("a" * count + "\b" * count + "b") == "b" + "a" * (count - 1)


class Tee(io.TextIOWrapper):
    """A text file that writes elsewhere as well."""

    def write(self, text: str) -> int:
        return super().write(text)


class Around:
    """A wrapper with its own `write`, which takes everything else from the stream behind it."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.written: list[str] = []

    def write(self, text: str) -> int:
        self.written.append(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def test_a_stream_is_what_it_says_it_is() -> None:
    """A descriptor is written to where the stream is the plain text file over it; every other one is written through its write."""
    ours, theirs = pytest.importorskip("pty", reason="Windows has no such terminal").openpty()
    plain = os.fdopen(theirs, "w")
    try:
        terminal = StreamTerminal(plain)
        assert terminal.fd is not None and terminal.is_tty
        around = Around(plain)
        through = StreamTerminal(around)
        assert (through.fd, through.is_tty, through.key) == (None, True, terminal.key)
        through.write("a frame")
        assert around.written == ["a frame"]
        tee = Tee(plain.buffer, "utf-8")  # kept alive: its finaliser would close the buffer
        assert StreamTerminal(tee).fd is None
        plain.write = plain.write  # type: ignore[method-assign]  # as wandb replaces it
        assert StreamTerminal(plain).fd is None
        del plain.write
        captured = CapturedStream(plain)
        captured.install()
        assert StreamTerminal(plain).fd is not None, "our own shadow is no write of somebody else's"
        captured.remove()
        assert "write" not in vars(plain) and "write" not in vars(plain.buffer)
        tee.detach()
    finally:
        plain.close()
        os.close(ours)


class Sufficient:
    """A terminal with only the members of the protocol."""

    is_tty, unicode, colors, encoding, reflows = True, True, False, "utf-8", True
    file = sys.stderr

    def __init__(self) -> None:
        self.written: list[str] = []

    def size(self) -> tuple[int, int]:
        return 80, 24

    def write(self, text: str) -> None:
        self.written.append(text)


def test_a_terminal_of_the_protocol() -> None:
    """A terminal with only the members of the protocol is drawn on."""
    terminal = Sufficient()
    with ProgressTracker("ansi", terminal=terminal, ticker=ManualTicker()) as tracker:
        tracker.add_task("orders.csv", total=2).advance()
        tracker._core.ticker.tick()  # type: ignore[attr-defined]
        tracker.print("words")
    text = "".join(terminal.written)
    assert "orders.csv" in text and "words" in text


def test_a_terminal_that_lacks_something() -> None:
    """One that lacks a part of the protocol is refused at the call."""
    with pytest.raises(TypeError, match="without size, write: give an object with is_tty"):
        ProgressTracker(
            terminal=type("Poor", (), dict.fromkeys(("is_tty", "unicode", "colors", "encoding", "reflows", "file")))()
        )
    with pytest.raises(ValueError, match="capture is 'yes': give None, True, False or 'descriptors'"):
        ProgressTracker("none", capture="yes")  # type: ignore[arg-type]


def test_asking_for_a_frame(bench: Bench) -> None:
    """`frame` changes nothing: ended tasks are still shown."""
    bench.tracker.add_task("orders.csv").fail("disk full")
    assert [view.reason for view in bench.tracker.frame().ended] == ["disk full"]
    assert [view.reason for view in bench.tracker._core.tree.next_frame().ended] == ["disk full"]
    assert bench.tracker.frame().ended == ()


def test_hidden_lets_go() -> None:
    """An interrupt while rows are taken off the screen, or before `hidden` is left, leaves nothing hidden."""

    class Interrupting(ManualTicker):
        def clear_rows(self, tracker: ProgressTracker) -> None:
            raise KeyboardInterrupt

    tracker = ProgressTracker("ansi", terminal=EmulatedTerminal(), ticker=Interrupting())
    with pytest.raises(KeyboardInterrupt), tracker.hidden():
        pass
    assert tracker._core.hiding == 0
    tracker = ProgressTracker("ansi", terminal=EmulatedTerminal(), ticker=ManualTicker())
    hidden = tracker.hidden()
    hidden.__enter__()
    assert tracker._core.hiding == 1
    del hidden  # Ctrl-C has come before the first instruction of `__exit__`
    assert tracker._core.hiding == 0


def test_lines_that_nobody_can_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tracker whose display was given up writes waiting and later lines to its stream."""
    stream = io.StringIO()
    tracker = ProgressTracker("plain", stream=stream, ticker=ManualTicker())
    tracker._core.lines.items.append("waits")
    tracker._core.give_up()
    tracker.print("comes", "later")
    assert stream.getvalue() == "waits\ncomes later\n"


def test_order_of_ends_and_lines() -> None:
    """A line that is printed after a task has ended is below the task's last line, although one frame draws both."""
    terminal, ticker = EmulatedTerminal(), ManualTicker()
    with ProgressTracker("ansi", terminal=terminal, ticker=ticker) as tracker:
        tracker.add_task("whole", total=9)
        ticker.tick()
        for name in ("first", "second"):
            tracker.print("before", name)
            with tracker.add_task(name, total=1, keep=True) as task:
                task.advance()
        tracker.print("after both")
        ticker.tick()
        words = [line.replace("✓ ", "").strip().split("  ")[0] for line in terminal.text]
        assert words == ["before first", "first", "before second", "second", "after both", "whole"]


def test_lines_slow_no_frames_down(bench: Bench) -> None:
    """Lines are the job's own words: their cost does not put the next frame off."""
    terminal, ticker = EmulatedTerminal(), ManualTicker()
    with ProgressTracker("ansi", terminal=terminal, ticker=ticker) as tracker:
        tracker.add_task("orders.csv", total=3)
        ticker.tick()
        ticker.tick()
        (display,) = ticker.displays
        display._cpu = iter(range(1000)).__next__  # each frame costs a second
        before = display.pace.least
        tracker.print("words")
        ticker.tick()
        assert display.pace.least == before
        ticker.tick()
        assert display.pace.least > before


class Drawing(ManualTicker):
    """A ticker that draws where a job waits for it."""

    waited = 0

    def wait_for_lines(self, tracker: ProgressTracker, *, terminal: bool = True) -> None:
        self.waited += 1
        self.tick()


def test_lines_that_wait_are_bounded() -> None:
    """A job that prints faster than lines are drawn waits, and no line is lost; it does not wait for a terminal that accepts
    nothing."""
    ticker, renderer = Drawing(), RecordingRenderer()
    tracker = ProgressTracker(renderer, terminal=EmulatedTerminal(), ticker=ticker)
    for number in range(40):
        tracker.print(f"{number} " + "x" * (1 << 20))
        assert sum(map(len, tracker._core.lines.items)) <= MOST_WAITING + (1 << 21)
    assert ticker.waited == 2
    ticker.tick()
    assert [line.split()[0] for line in renderer.lines] == [str(number) for number in range(40)]
    for number in range(40):
        tracker._core.lines.behind = True  # as the display notes at each frame
        tracker.print(f"{number} " + "x" * (1 << 20))
        assert sum(map(len, tracker._core.lines.items)) <= MOST_WAITING + (1 << 21)
    assert ticker.waited == 2
    tracker.stop()
    assert renderer.lines[-1].startswith("progresskit: 24 lines are missing here")


@pytest.mark.parametrize("rate", [1_000, 10_000])
def test_frames_come_while_lines_do(rate: int) -> None:
    """However long a frame with lines takes, the next one comes after the interval: no more lines wait from frame to frame."""
    clock, ticker = ManualClock(), ManualTicker()
    tracker = ProgressTracker(RecordingRenderer(), terminal=EmulatedTerminal(), ticker=ticker, clock=clock)
    task = tracker.add_task("job")
    ticker.tick()
    (display,) = ticker.displays
    display._wall = clock
    compose, waiting = display._compose, []

    def slow(last: bool, rows: bool) -> None:
        lines = len(tracker._core.lines.items)
        waiting.append(lines)
        compose(last, rows)
        clock.advance(0.00006 * lines)  # six tenths of the available time, at 10,000 a second

    display._compose = slow  # type: ignore[method-assign]
    printed, drawn = 0.0, clock()
    for _ in range(60):
        clock.time = max(clock.time, drawn + display.delay)
        while printed < rate * clock.time:
            tracker._core.lines.items.append("a line")
            printed += 1
            task.advance()
        drawn = clock.time
        ticker.tick()
    assert waiting[-1] <= 1.6 * waiting[5] <= 0.3 * rate
    tracker.stop()


@pytest.mark.parametrize("piece", ["\r 50% of it", "x", "|\b", "\x1b[2K", "\x1b[31m", "\b", "\r", "ab\b"])
@pytest.mark.parametrize("tail", ["", "\r"])
def test_a_line_is_gone_through_a_few_times(piece: str, tail: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In however many writes a line arrives, the characters that are read are a few times those that are written."""
    seen = 0

    def counting(function: Any) -> Any:
        def counted(text: str) -> Any:
            nonlocal seen
            seen += len(text)
            return function(text)

        return counted

    for name in ("last_state", "has_controls", "_overwritten"):
        monkeypatch.setattr(line_splitter, name, counting(getattr(line_splitter, name)))
    written, line = 0, Line()
    while written < 4 * LONGEST:
        written += len(piece)
        if line.add(piece):
            line.end()
            line = Line()
    line.add(tail)
    line.end()
    assert seen <= 8 * written


@pytest.mark.skipif(not hasattr(select, "poll"), reason="nothing says whether a pipe has room")
def test_written_at_once() -> None:
    """A line is written at once if that needs no waiting, without colours that the stream cannot show; the display
    writes the others."""
    reader, writer = os.pipe()
    with open(writer, "w", encoding="ascii") as stream:
        core = ProgressTracker("plain", stream=stream)._core
        assert write_at_once(core, "\x1b[31mred\x1b[0m and é")
        assert os.read(reader, 100) == b"red and \\xe9\n"
        assert not write_at_once(core, "x" * MOST_AT_ONCE)
        os.set_blocking(writer, False)
        with pytest.raises(BlockingIOError):
            while os.write(writer, bytes(1 << 16)):
                pass
        assert not write_at_once(core, "nobody reads")
        os.set_blocking(reader, False)
        with pytest.raises(BlockingIOError):
            while os.read(reader, 1 << 20):
                pass
        assert write_at_once(core, "read again")
        assert os.read(reader, 100) == b"read again\n"
    assert not write_at_once(core, "closed")
    os.close(reader)


@pytest.mark.parametrize("has_time", [True, False], ids=["in time", "no time"])
def test_printed_at_once(has_time: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line comes after the last line of a task that has ended before it, or before that where no time is left to wait for it."""
    stream, ticker = io.StringIO(), ManualTicker()
    monkeypatch.setattr(ticker, "flush_soon", ticker.tick if has_time else lambda: None)
    tracker = ProgressTracker("plain", stream=stream, clock=ManualClock(), ticker=ticker)
    tracker.print("before")
    assert stream.getvalue() == "before\n"
    task = tracker.add_task("Files", total=1, keep=True)
    ticker.tick()
    task.finish()
    tracker.print("after")
    assert stream.getvalue().endswith("after\n")  # at once: the job's next output does not pass the display
    ticker.tick()
    order = ["before", "Files", "Files", "after"] if has_time else ["before", "Files", "after", "Files"]
    assert [line.partition(":")[0] for line in stream.getvalue().splitlines()] == order
    tracker.print("at once again")
    assert stream.getvalue().endswith("\nat once again\n")
    tracker.stop()
