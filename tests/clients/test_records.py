"""Records of loguru and structlog through LogHandler: each once, in order."""

from __future__ import annotations

import logging
from typing import Any

from needed import need

from progresskit import LogHandler, ProgressTracker
from progresskit.testing import ManualTicker, RecordingRenderer


def test_loguru() -> None:
    """LogHandler is a sink of loguru's."""
    loguru: Any = need("loguru")
    renderer, ticker = RecordingRenderer(), ManualTicker()
    with ProgressTracker(renderer, ticker=ticker) as tracker:
        sink = loguru.logger.add(LogHandler(tracker), format="{level} {message}")
        try:
            for number in range(3):
                loguru.logger.info("row {}", number)
        finally:
            loguru.logger.remove(sink)
        ticker.tick()
    assert renderer.lines == [f"INFO row {number}" for number in range(3)]


def test_structlog() -> None:
    """structlog over the standard library's logging ends in LogHandler."""
    structlog: Any = need("structlog")
    renderer, ticker = RecordingRenderer(), ManualTicker()
    with ProgressTracker(renderer, ticker=ticker) as tracker:
        plain = logging.Logger("orders")
        plain.addHandler(LogHandler(tracker))
        logger = structlog.wrap_logger(plain, processors=[structlog.processors.KeyValueRenderer(["event"])])
        for number in range(3):
            logger.warning("row", number=number)
        ticker.tick()
    assert renderer.lines == [f"event='row' number={number}" for number in range(3)]
