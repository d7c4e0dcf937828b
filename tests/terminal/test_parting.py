"""How long the end of a display waits for a stream that is behind: waits are counted, and time is moved by hand."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import progresskit._display.terminal
from progresskit import ProgressTracker
from progresskit._display.outbox import EXIT_FLUSH_TIMEOUT, UNREAD_FLUSH_TIMEOUT
from progresskit.testing import ManualClock, ManualTicker

ready = progresskit._display.terminal._ready


class Stream:
    """A pipe that a display draws on, and what that has waited for it."""

    def __init__(self, blocking: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)
        os.set_blocking(self.writing, blocking)
        self.ticker = ManualTicker()
        self.waits: list[float] = []
        self.meanwhile = 0  # bytes that are read in each wait
        monkeypatch.setattr(progresskit._display.terminal, "_ready", self.ready)
        stream = os.fdopen(self.writing, "w", closefd=False)
        self.tracker = ProgressTracker("plain", stream=stream, ticker=self.ticker, clock=ManualClock())

    def ready(self, descriptor: int, patience: float) -> bool:
        if patience and not ready(descriptor, 0.0):
            self.waits.append(patience)
            self.read(self.meanwhile)
        return ready(descriptor, 0.0)

    def fill(self) -> None:
        """Fill the pipe, as another writer would."""
        os.set_blocking(self.writing, False)
        try:
            while os.write(self.writing, b"x" * 4096):
                pass
        except BlockingIOError:
            os.set_blocking(self.writing, True)

    def read(self, count: int = 1 << 20) -> str:
        try:
            return os.read(self.reading, count).decode() if count else ""
        except BlockingIOError:
            return ""

    def pass_by(self, seconds: float) -> None:
        for _ in range(round(10 * seconds)):
            self.ticker.cost.advance(0.1)
            self.ticker.tick()


@pytest.fixture(params=[True, False], ids=["blocking", "EAGAIN"])
def stream(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stream]:
    stream = Stream(request.param, monkeypatch)
    yield stream
    stream.tracker.stop()
    os.close(stream.reading)
    os.close(stream.writing)


def test_ready_stream_is_not_waited_for(stream: Stream) -> None:
    """A stream that takes everything is not waited for."""
    stream.tracker.add_task("alpha", total=1)
    stream.ticker.tick()
    stream.tracker.print("words")
    stream.tracker.stop()
    assert stream.waits == []
    assert stream.read().splitlines()[1:] == ["words", "alpha: cancelled at 0%, 0 of 1 in <0.1 s"]


def test_unread_stream_is_waited_for_briefly(stream: Stream) -> None:
    """A stream that has taken nothing is waited for once and for a twentieth of a second."""
    stream.fill()
    stream.tracker.add_task("alpha", total=1)
    stream.ticker.tick()
    stream.tracker.stop()
    assert stream.waits == [UNREAD_FLUSH_TIMEOUT]


@pytest.mark.parametrize(
    ("ago", "waits"),
    [(EXIT_FLUSH_TIMEOUT + 0.1, UNREAD_FLUSH_TIMEOUT), (EXIT_FLUSH_TIMEOUT - 0.5, EXIT_FLUSH_TIMEOUT)],
    ids=["it is read from no longer", "it has just fallen behind"],
)
def test_read_stream_is_waited_for_a_second(stream: Stream, ago: float, waits: float) -> None:
    """A stream that was read from is waited for until a second after the last reading."""
    stream.tracker.add_task("alpha", total=1)
    stream.ticker.tick()
    stream.fill()
    stream.pass_by(ago)
    stream.tracker.stop()
    assert stream.waits == [waits]


def test_printed_lines_are_waited_for_a_second(stream: Stream) -> None:
    """Printed lines have a second if no reader is known."""
    stream.fill()
    stream.tracker.print("words")
    stream.tracker.stop()
    assert stream.waits == [EXIT_FLUSH_TIMEOUT]


def test_printed_lines_on_a_stuck_stream(stream: Stream) -> None:
    """They are not waited for either if nothing was accepted for a second."""
    stream.fill()
    stream.tracker.print("words")
    stream.tracker.add_task("alpha", total=1)
    stream.pass_by(2 * EXIT_FLUSH_TIMEOUT)
    stream.tracker.stop()
    assert stream.waits == [UNREAD_FLUSH_TIMEOUT]


def test_shown_lines_are_not_waited_for(stream: Stream) -> None:
    """Lines that have been taken are not waited for again."""
    stream.tracker.print("words")
    stream.tracker.add_task("alpha", total=1)
    stream.ticker.tick()
    stream.fill()
    stream.ticker.cost.advance(2 * EXIT_FLUSH_TIMEOUT)
    stream.tracker.stop()
    assert stream.waits == [UNREAD_FLUSH_TIMEOUT]


def test_slow_reader_gets_all_at_the_end(stream: Stream) -> None:
    """Everything arrives if a slow reader takes a piece in each wait."""
    stream.tracker.add_task("alpha", total=1)
    stream.ticker.tick()
    stream.fill()
    for number in range(2000):
        stream.tracker.print(f"words {number}")
    stream.meanwhile = 4096
    stream.tracker.stop()
    text = ""
    while piece := stream.read():
        text += piece
    stripped = text.replace("x", "").splitlines()
    assert stripped[-2001:-1] == [f"words {number}" for number in range(2000)]
    assert stripped[-1].startswith("alpha: cancelled")
    assert 3 < len(stream.waits) < 20
