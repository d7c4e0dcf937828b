"""Capture: whole lines above the bars, in order, and the previous state afterwards."""

from __future__ import annotations

import builtins
import io
import logging
import sys
import threading
import warnings

import pytest

from progresskit import LogHandler, ProgressTracker
from progresskit.testing import EmulatedTerminal, ManualTicker, RecordingRenderer


@pytest.fixture
def tracker() -> ProgressTracker:
    return ProgressTracker(RecordingRenderer(), terminal=EmulatedTerminal(), ticker=ManualTicker())


def test_partial_line_waits_for_its_end(tracker: ProgressTracker) -> None:
    """Whole lines go above in order, and a partial line waits for its end."""
    before = sys.stdout, sys.stderr
    with tracker.capture(stdout=True, stderr=True):
        print("one", end="")
        print("two", file=sys.stderr)
        assert list(tracker._core.lines.items) == ["two"]
        print(" and a half")
        sys.stdout.writelines(["10%\r20%\r\n", "left"])
        sys.stdout.flush()
    assert list(tracker._core.lines.items) == ["two", "one and a half", "20%", "left"]
    assert (sys.stdout, sys.stderr) == before


def test_earlier_handlers_are_captured(tracker: ProgressTracker) -> None:
    """Handlers that were made earlier, and warnings, are captured, and restored afterwards."""
    logger = logging.getLogger("progresskit-test-capture")
    handler = logging.StreamHandler(sys.stderr)
    logger.addHandler(handler)
    old = handler.stream
    try:
        with tracker.capture(stdout=False, stderr=True), warnings.catch_warnings():
            logger.warning("a record")
            print("stays where it was")
            sys.stderr.write(warnings.formatwarning("careful", UserWarning, "job.py", 3))
        assert tracker._core.lines.items[0] == "a record"
        assert "careful" in tracker._core.lines.items[1]
        assert "stays where it was" not in tracker._core.lines.items
        assert handler.stream is old
    finally:
        logger.removeHandler(handler)


def test_captures_nest_and_end_in_any_order(tracker: ProgressTracker) -> None:
    before = sys.stdout
    outer, inner = tracker.capture(stdout=True, stderr=False), tracker.capture(stdout=True, stderr=False)
    outer.start()
    inner.start()
    outer.stop()
    print("inner")
    inner.stop()
    assert sys.stdout is before
    assert list(tracker._core.lines.items) == ["inner"]


def test_replaced_stream_stays(tracker: ProgressTracker) -> None:
    """A stream that other code has set stays, and the replacement passes its output on."""
    before, own = sys.stdout, io.StringIO()
    try:
        with tracker.capture(stdout=True, stderr=False):
            held, sys.stdout = sys.stdout, own
        assert sys.stdout is own
        sys.stdout = held
        print("after the end")
        assert list(tracker._core.lines.items) == []
    finally:
        sys.stdout = before


def test_lines_of_many_threads_stay_whole(tracker: ProgressTracker) -> None:
    def talk(name: int) -> None:
        for number in range(50):
            print(name, number)

    with tracker.capture(stdout=True, stderr=False):
        threads = [threading.Thread(target=talk, args=(name,)) for name in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(tracker._core.lines.items) == sorted(f"{name} {number}" for name in range(20) for number in range(50))


def test_other_streams_are_left_alone(tracker: ProgressTracker) -> None:
    """A stream that is not the terminal is left alone."""
    before = sys.stdout, sys.stderr
    with tracker.capture():
        assert (sys.stdout, sys.stderr) == before


def test_quiet_lines_are_shown_on_failure(tracker: ProgressTracker) -> None:
    """Quiet keeps lines and shows them only when the work fails."""
    with tracker.capture(stdout=True, quiet=True) as capture:
        print("words")
    assert (list(capture.lines), list(tracker._core.lines.items)) == (["words"], [])
    with pytest.raises(OSError), tracker.capture(stdout=True, quiet=True):
        print("the reason")
        raise OSError
    assert list(tracker._core.lines.items) == ["the reason"]


def test_printing_renderer_does_not_recurse() -> None:
    """A renderer that prints and logs does not recurse."""

    class Talker(RecordingRenderer):
        def render(self, frame: object) -> None:
            super().render(frame)  # type: ignore[arg-type]
            print("rendering")

    ticker, talker = ManualTicker(), Talker()
    tracker = ProgressTracker(talker, terminal=EmulatedTerminal(), ticker=ticker)
    with tracker.capture(stdout=True, stderr=False):
        tracker.add_task("alpha")
        for _ in range(3):
            ticker.tick()
    assert talker.lines == ["rendering"] * 2


def test_log_handler_shows_records(tracker: ProgressTracker) -> None:
    """A log handler shows records of the active tracker."""
    logger = logging.Logger("orders")
    logger.addHandler(LogHandler())
    with tracker:
        logger.error("bad row %d", 3)
        assert list(tracker._core.lines.items) == ["bad row 3"]


def test_a_stand_in_answers_as_the_stream_does(tracker: ProgressTracker, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO("one\ntwo\n")
    monkeypatch.setattr(sys, "stdout", stream)
    with tracker.capture(stdout=True, stderr=False):
        held = sys.stdout
        assert list(held) == ["one\n", "two\n"]
        assert held.isatty() is False
        with pytest.raises(TypeError, match="must be str, not bytes"):
            held.write(b"bytes")  # type: ignore[arg-type]
    assert sys.stdout is stream
    held.write("after")
    held.flush()
    assert stream.getvalue().endswith("after")


def test_capture_from_start_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tracker with capture="always" captures from start to stop."""
    stream = EmulatedTerminal()
    monkeypatch.setattr(sys, "stdout", stream.file)
    monkeypatch.setattr(sys, "stderr", None)
    with ProgressTracker("plain", terminal=EmulatedTerminal(), ticker=ManualTicker(), capture=True):
        assert sys.stdout is stream.file  # another terminal than the tracker's
    assert sys.stdout is stream.file


def test_unformattable_record_is_loggings_trouble(tracker: ProgressTracker, capsys: pytest.CaptureFixture[str]) -> None:
    """A record that cannot be formatted is reported by logging itself."""
    logger = logging.Logger("orders")
    logger.addHandler(LogHandler(tracker))
    logger.error("bad row %d", "three")
    assert list(tracker._core.lines.items) == []
    assert "Logging error" in capsys.readouterr().err


def test_bytes_go_above_too(tracker: ProgressTracker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes for the buffer go above too, and a split character waits for its rest."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    with tracker.capture(stdout=True, stderr=False):
        held = sys.stdout.buffer
        size = "größe\n".encode()
        assert held.write(size[:4]) == 4
        held.write(memoryview(size[4:]))
        held.write(b"\xff\n")
        held.flush()
        assert held.writable()  # it asks the buffer for members that it lacks
    assert list(tracker._core.lines.items) == ["größe", "\\xff"]
    held.write(b"after")
    assert stream.buffer.getvalue() == b"after"  # type: ignore[attr-defined]


def test_a_stream_may_be_given_another_encoding(tracker: ProgressTracker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream's settings are read at each write, because a job may `reconfigure` it beside bars."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    with tracker.capture(stdout=True, stderr=False):
        with pytest.raises(UnicodeEncodeError):
            print("café")
        stream.buffer.write(b"caf\xe9\n")
        stream.reconfigure(encoding="latin-1")
        print("café")
        stream.buffer.write(b"caf\xe9\n")
        stream.reconfigure(encoding="ascii", errors="replace")
        print("café")
    assert list(tracker._core.lines.items) == ["caf\\xe9", "café", "café", "café"]


class Asked(io.StringIO):
    """An input that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_question_hides_the_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question is visible while it is asked, and the bars are not."""
    seen: list[object] = []
    terminal, ticker = EmulatedTerminal(), ManualTicker()

    class Answer(Asked):
        def readline(self, *_: object) -> str:  # type: ignore[override]
            tracker.print("a line meanwhile")
            ticker.tick()
            seen.extend([out.getvalue(), list(terminal.text)])
            return "Ada\n"

    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stdin", Answer())
    before = builtins.input
    with ProgressTracker("ansi", terminal=terminal, ticker=ticker) as tracker:
        tracker.add_task("alpha", total=2)
        with tracker.capture(stdout=True, stderr=False):
            print("some words, ", end="")
            ticker.tick()
            assert "alpha" in terminal.text[0]
            assert input("name? ") == "Ada"
            print("more words")
            ticker.tick()
            assert [row.split()[0] for row in terminal.text] == ["a", "more", "alpha"]
        assert builtins.input is before
    assert seen == ["some words, name? ", []]


def test_stand_ins_for_input_are_put_back_in_any_order(
    tracker: ProgressTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Asked("one\n"))
    before = builtins.input
    outer, inner = tracker.capture(stdout=True, stderr=False), tracker.capture(stdout=True, stderr=False)
    outer.start()
    inner.start()
    held = builtins.input
    outer.stop()
    assert builtins.input is held
    inner.stop()
    assert builtins.input is before
    assert held() == "one"


def test_missing_lines_are_counted(
    tracker: ProgressTracker,
) -> None:
    """Lines for a terminal that accepts nothing are bounded, and missing ones are counted."""
    tracker._core.lines.behind = True
    long = "x" * (1 << 20)
    for _ in range(20):
        tracker.print(long)
    kept = len(tracker._core.lines.items)
    assert kept == 16
    tracker._core.lines.behind = False
    tracker.print("a terminal that is merely slow loses nothing")
    lines = tracker._core.lines.drain()
    assert len(lines) == kept + 2
    assert lines[-1] == "progresskit: 4 lines are missing here: the terminal did not take them in time."
    tracker.print("again")
    assert tracker._core.lines.drain() == ["again"]


def test_dark_display_tells_its_trackers() -> None:
    """A display that cannot draw reports that to its trackers."""
    terminal, ticker = EmulatedTerminal(), ManualTicker()
    with ProgressTracker("ansi", terminal=terminal, ticker=ticker) as tracker:
        tracker.add_task("alpha")
        terminal._backlog, terminal.congested = b"what nobody reads", True
        ticker.tick()
        assert tracker._core.lines.behind
        terminal._backlog, terminal.congested = b"", False
        ticker.tick()
        assert not tracker._core.lines.behind
