"""The `log` renderer: records for schedulers and clusters."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from progresskit import Frame, ProgressTracker, Renderer
from progresskit.renderers.log import LogRenderer
from progresskit.renderers.registry import RANKS, named
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker, RendererContract, sample_view


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger that hands on nothing."""
    logger = logging.Logger("test", logging.INFO)
    logger.propagate = False
    yield logger


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class TestLines(RendererContract):
    """Where nobody has set up logging, the renderer keeps the contract of those that write lines."""

    in_place = False

    def make_renderer(self) -> Renderer:
        logger = logging.Logger("nobody")
        logger.propagate = False
        return LogRenderer(logger)


def test_records(logger: logging.Logger) -> None:
    """A start, one each tenth or minute but not within five seconds, an end; figures in fields."""
    logger.addHandler(kept := Kept())
    ticker, clock = ManualTicker(), ManualClock()
    tracker = ProgressTracker(LogRenderer(logger), terminal=EmulatedTerminal(), clock=clock, ticker=ticker)
    task = tracker.add_task("load", total=100, unit="row", table="flights")
    for _ in range(200):  # seconds; half a row in each
        ticker.tick()
        clock.advance(1.0)
        task.advance(0.5)
    events = [(vars(record)["progress_event"], record.levelname) for record in kept.records]
    assert events == [("start", "INFO"), *[("update", "INFO")] * 9]
    task.fail("no disk")
    tracker.stop()
    last = vars(kept.records[-1])
    assert last["levelname"] == "ERROR" and last["progress_reason"] == "no disk" and last["progress_event"] == "end"
    assert last["progress_completed"] == 100 and last["progress_total"] == 100 and last["progress_unit"] == "row"
    assert last["progress_fields"] == {"table": "flights"} and "no disk" in kept.records[-1].getMessage()


def test_idle_task_has_a_record_a_minute(logger: logging.Logger) -> None:
    """A task that stands still has a record a minute."""
    logger.addHandler(kept := Kept())
    renderer = LogRenderer(logger)
    renderer.start(EmulatedTerminal())
    for second in range(601):
        renderer.render(Frame(float(second), (sample_view(description="100 %s {}"),)))
    assert len(kept.records) == 11
    assert all(record.getMessage().startswith("100 %s {}") for record in kept.records)


def test_printed_lines_go_to_the_stream(logger: logging.Logger) -> None:
    """Not to the log: a handler that writes to a captured stream would have them come back for ever."""
    logger.addHandler(kept := Kept())
    terminal, ticker = EmulatedTerminal(), ManualTicker()
    with ProgressTracker(LogRenderer(logger), terminal=terminal, ticker=ticker) as tracker:
        tracker.print("words")
        ticker.tick()
    assert terminal.text == ["words"] and kept.records == []


def test_a_job_that_logs_to_a_captured_stream_ends() -> None:
    """Each record is there once."""
    code = (
        "import logging; logging.basicConfig(level=logging.INFO, format='%(levelname)s %(message)s')\n"
        "from progresskit import ProgressTracker, LogHandler\n"
        "with ProgressTracker('log', capture=True) as tracker:\n"
        "    logging.getLogger('job').addHandler(LogHandler(tracker))\n"
        "    print('words')\n"
        "    with tracker.add_task('load', total=2) as task: task.advance(2); logging.getLogger('job').warning('careful')\n"
        "    with tracker.add_task('fail', total=2) as task: task.fail('no disk')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout == "words\n"
    assert done.stderr.count("ERROR fail: failed") == 1 and "WARNING careful" in done.stderr


@pytest.mark.parametrize("name", RANKS)
def test_ranks_above_the_first_draw_nothing(name: str) -> None:
    """Unless code names a renderer, or a hub shows them."""
    assert named(None, {name: "1"}).name == named(None, {name: "12", "PROGRESSKIT_RENDERER": "plain"}).name == "none"
    assert named(None, {name: "0"}).name == named(None, {name: "words"}).name == named(None, {}).name == "auto"
    assert named("plain", {name: "1"}).name == "plain"
    assert named(None, {name: "1", "PROGRESSKIT_HUB": "unix:a"}).name == "auto"
