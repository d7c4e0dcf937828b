"""A handler of `logging` that shows records above the bars of a tracker."""

from __future__ import annotations

import logging

from .._tracking.joining import current_tracker
from .._tracking.tracker import ProgressTracker


class LogHandler(logging.Handler):
    """Shows log records above the bars of `tracker`; None: of the current tracker where the record is made.

    Example:
        >>> import logging
        >>> renderer, ticker = RecordingRenderer(), ManualTicker()
        >>> tracker = ProgressTracker(renderer, ticker=ticker)
        >>> logger = logging.Logger("orders")
        >>> logger.addHandler(LogHandler(tracker))
        >>> logger.warning("orders.csv has %d bad rows", 3)
        >>> ticker.tick()
        >>> renderer.lines
        ['orders.csv has 3 bad rows']
    """

    def __init__(self, tracker: ProgressTracker | None = None, level: int | str = logging.NOTSET) -> None:
        super().__init__(level)
        self._tracker = tracker

    def emit(self, record: logging.LogRecord) -> None:
        try:
            (self._tracker or current_tracker()).print(self.format(record))
        except Exception:
            self.handleError(record)
