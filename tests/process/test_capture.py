"""Capture: whole lines above the bars, in order, and everything as it was afterwards."""

from __future__ import annotations

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


def test_whole_lines_go_above_in_order_and_a_partial_line_waits_for_its_end(tracker: ProgressTracker) -> None:
    before = sys.stdout, sys.stderr
    with tracker.capture(stdout=True, stderr=True):
        print("one", end="")
        print("two", file=sys.stderr)
        assert list(tracker.prints) == ["two"]
        print(" and a half")
        sys.stdout.writelines(["10%\r20%\r\n", "left"])
        sys.stdout.flush()
    assert list(tracker.prints) == ["two", "one and a half", "20%", "left"]
    assert (sys.stdout, sys.stderr) == before


def test_handlers_made_earlier_and_warnings_are_led_along_and_put_back(tracker: ProgressTracker) -> None:
    logger = logging.getLogger("progresskit-test-capture")
    handler = logging.StreamHandler(sys.stderr)
    logger.addHandler(handler)
    old = handler.stream
    try:
        with tracker.capture(stdout=False, stderr=True), warnings.catch_warnings():
            logger.warning("a record")
            print("stays where it was")
            sys.stderr.write(warnings.formatwarning("careful", UserWarning, "job.py", 3))
        assert tracker.prints[0] == "a record"
        assert "careful" in tracker.prints[1]
        assert "stays where it was" not in tracker.prints
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
    assert list(tracker.prints) == ["inner"]


def test_what_somebody_else_has_put_there_stays_and_the_stand_in_passes_on(tracker: ProgressTracker) -> None:
    before, own = sys.stdout, io.StringIO()
    try:
        with tracker.capture(stdout=True, stderr=False):
            held, sys.stdout = sys.stdout, own
        assert sys.stdout is own
        sys.stdout = held
        print("after the end")
        assert list(tracker.prints) == []
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
    assert sorted(tracker.prints) == sorted(f"{name} {number}" for name in range(20) for number in range(50))


def test_a_stream_that_is_not_the_terminal_is_left_alone(tracker: ProgressTracker) -> None:
    before = sys.stdout, sys.stderr
    with tracker.capture():
        assert (sys.stdout, sys.stderr) == before


def test_quiet_keeps_lines_and_shows_them_only_when_the_work_fails(tracker: ProgressTracker) -> None:
    with tracker.capture(stdout=True, quiet=True) as capture:
        print("words")
    assert (list(capture.lines), list(tracker.prints)) == (["words"], [])
    with pytest.raises(OSError), tracker.capture(stdout=True, quiet=True):
        print("the reason")
        raise OSError
    assert list(tracker.prints) == ["the reason"]


def test_a_renderer_that_prints_and_logs_does_not_recurse() -> None:
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


def test_a_log_handler_shows_records_of_the_active_tracker(tracker: ProgressTracker) -> None:
    logger = logging.Logger("orders")
    logger.addHandler(LogHandler())
    with tracker:
        logger.error("bad row %d", 3)
        assert list(tracker.prints) == ["bad row 3"]


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


def test_a_tracker_made_to_capture_does_so_from_start_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = EmulatedTerminal()
    monkeypatch.setattr(sys, "stdout", stream.file)
    monkeypatch.setattr(sys, "stderr", None)
    with ProgressTracker("plain", terminal=EmulatedTerminal(), ticker=ManualTicker(), capture=True):
        assert sys.stdout is stream.file  # another terminal than the tracker's
    assert sys.stdout is stream.file


def test_a_record_that_cannot_be_formatted_is_loggings_own_trouble(
    tracker: ProgressTracker, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = logging.Logger("orders")
    logger.addHandler(LogHandler(tracker))
    logger.error("bad row %d", "three")
    assert list(tracker.prints) == []
    assert "Logging error" in capsys.readouterr().err
