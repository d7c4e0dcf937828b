"""The `log` renderer: records for schedulers and clusters."""

from __future__ import annotations

import io
import json
import logging
import logging.handlers
import queue
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from progresskit import Frame, ProgressTracker, Renderer
from progresskit._system.job import RANKS
from progresskit.renderers.choice import named
from progresskit.renderers.log import LogRenderer
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker, RendererContract, sample_view


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger that propagates nothing."""
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
    """Without a configured logging, the renderer keeps the contract of those that write lines."""

    in_place = False

    def make_renderer(self) -> Renderer:
        logger = logging.Logger("nobody")
        logger.propagate = False
        return LogRenderer(logger)


def test_records(logger: logging.Logger) -> None:
    """Records of the start, of each tenth or minute but at most every five seconds, and of the end, with figures in fields."""
    logger.addHandler(kept := Kept())
    ticker, clock = ManualTicker(), ManualClock()
    tracker = ProgressTracker(LogRenderer(logger), terminal=EmulatedTerminal(), clock=clock, ticker=ticker)
    task = tracker.add_task("load", total=100, unit="row|rows", table="flights")
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
    """A task that does not move has a record each minute."""
    logger.addHandler(kept := Kept())
    renderer = LogRenderer(logger)
    renderer.start(EmulatedTerminal())
    for second in range(601):
        renderer.render(Frame(float(second), (sample_view(description="100 %s {}"),)))
    assert len(kept.records) == 11
    assert all(record.getMessage().startswith("100 %s {}") for record in kept.records)


def drawn(renderer: LogRenderer) -> list[str]:
    """Return the terminal's rows after a task has begun and ended."""
    terminal, ticker = EmulatedTerminal(), ManualTicker()
    with ProgressTracker(renderer, terminal=terminal, ticker=ticker, clock=ManualClock()) as tracker:
        with tracker.add_task("load", total=2) as task:
            ticker.tick()
            task.advance(2)
        ticker.tick()
    return terminal.text


def test_a_disabled_logger(logger: logging.Logger) -> None:
    """`logging.config` disables loggers that it does not name: their records go to the stream, as without a handler."""
    logger.addHandler(kept := Kept())
    logger.disabled = True
    assert drawn(LogRenderer(logger)) == ["load: started, 2", "load: finished, 2 in <0.1 s"]
    logger.disabled = False
    assert drawn(LogRenderer(logger)) == []
    assert len(kept.records) == 2


class AsJson(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        extra = {name: value for name, value in vars(record).items() if name.startswith("progress_")}
        return json.dumps({"message": record.getMessage(), **extra})


def test_handlers(logger: logging.Logger) -> None:
    """Queues, buffers and formatters of JSON get every record with its figures; an adapter adds its own words."""
    written = io.StringIO()
    target = logging.StreamHandler(written)
    target.setFormatter(AsJson())
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    buffered = logging.handlers.MemoryHandler(100, target=target)
    logger.addHandler(logging.handlers.QueueHandler(records))
    logger.addHandler(buffered)
    assert drawn(LogRenderer(logger)) == []
    buffered.close()
    queued = [records.get_nowait() for _ in range(2)]
    parsed = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [record.getMessage() for record in queued] == [each["message"] for each in parsed]
    assert [(each["progress_event"], each["progress_completed"]) for each in parsed] == [("start", 0), ("end", 2)]

    class Adapter(logging.LoggerAdapter):  # type: ignore[type-arg]  # generic for type checkers alone
        def process(self, message: Any, arguments: Any) -> tuple[Any, Any]:
            return f"run 7: {message}", arguments

    assert drawn(LogRenderer(Adapter(logger, {}))) == []  # type: ignore[arg-type]  # used as the logger that it stands for
    assert records.get_nowait().getMessage().startswith("run 7: ")


def test_a_handler_that_fails(logger: logging.Logger) -> None:
    """A handler's error does not reach the job, and the lines are still shown."""

    class Full(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("no space left")

    logger.addHandler(Full())
    lines = drawn(LogRenderer(logger))
    assert "OSError: no space left" in lines[0]
    assert lines[-2:] == ["load: started, 2", "load: finished, 2 in <0.1 s"]


def test_printed_lines_go_to_the_stream(logger: logging.Logger) -> None:
    """Printed lines do not go to the log: a handler that writes to a captured stream would print them again for ever."""
    logger.addHandler(kept := Kept())
    terminal, ticker = EmulatedTerminal(), ManualTicker()
    with ProgressTracker(LogRenderer(logger), terminal=terminal, ticker=ticker) as tracker:
        tracker.print("words")
        ticker.tick()
    assert terminal.text == ["words"] and kept.records == []


def test_a_job_that_logs_to_a_captured_stream_ends() -> None:
    """Each record is logged once."""
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
