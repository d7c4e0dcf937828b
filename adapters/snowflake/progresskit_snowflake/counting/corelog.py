"""Connector 5.x: the log of its compiled core about an upload: when an attempt begins, and how the storage answers.

Knows the core's logger and the format of its lines. It receives them at a level that is usually off, and forwards no
more than before. Does not know bars.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from typing import Protocol
from urllib.parse import unquote, urlsplit

NAME = "snowflake.connector._core"
_ATTEMPT = re.compile(r"outbound HTTP call method=PUT path=(\S+) attempt=(\d+)")
_STATUS = re.compile(r"HTTP response status=(\d+)")
_UPLOADS = "file_manager"
"""The part of the core that talks to the storage."""


class Listener(Protocol):
    """An object that is called for each attempt."""

    def attempted(self, name: str, attempt: int) -> None:
        """An attempt at the file `name` begins: 1 is the first."""

    def answered(self, status: int) -> None:
        """The storage has answered a request, as HTTP has it."""


class CoreLog(logging.Filter):
    """Notifies listeners of the core's log, while there are any.

    Example:
        >>> core_log.add(uploads)  # doctest: +SKIP
        >>> core_log.remove(uploads)  # doctest: +SKIP
    """

    def __init__(self) -> None:
        super().__init__()
        self._logger = logging.getLogger(NAME)
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._level = logging.NOTSET  # the logger's own
        self._least = logging.NOTSET  # what passed before

    def add(self, listener: Listener) -> None:
        """Notify `listener` from now on."""
        with self._lock:
            if not self._listeners:
                self._level, self._least = self._logger.level, self._logger.getEffectiveLevel()
                self._logger.addFilter(self)
                if self._least > logging.INFO:
                    self._logger.setLevel(logging.INFO)
            self._listeners.append(listener)

    def remove(self, listener: Listener) -> None:
        """Stop notifying it. After the last one, the logger is restored."""
        with self._lock:
            self._listeners.remove(listener)
            if not self._listeners:
                self._logger.removeFilter(self)
                if self._least > logging.INFO and self._logger.level == logging.INFO:
                    self._logger.setLevel(self._level)

    def filter(self, record: logging.LogRecord) -> bool:
        """Note a line, and forward it if it would have been logged before."""
        with contextlib.suppress(Exception):  # it runs within the core, which must not get an error
            if _UPLOADS in record.pathname:
                self._tell(record.getMessage())
        return record.levelno >= self._least

    def _tell(self, line: str) -> None:
        attempt, status = _ATTEMPT.match(line), _STATUS.match(line)
        for listener in list(self._listeners):
            if attempt:
                name = unquote(urlsplit(attempt[1]).path.rpartition("/")[2])
                listener.attempted(name, int(attempt[2]))
            elif status:
                listener.answered(int(status[1]))


core_log = CoreLog()
