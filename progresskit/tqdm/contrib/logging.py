"""Log records of console handlers above the bars."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..std import tqdm as std_tqdm

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["logging_redirect_tqdm", "tqdm_logging_redirect"]


class _TqdmLoggingHandler(logging.StreamHandler):  # type: ignore[type-arg]  # generic for type checkers only
    """Writes records with a bar class's `write`."""

    def __init__(self, tqdm_class: Any = std_tqdm) -> None:
        super().__init__()
        self.tqdm_class = tqdm_class

    def emit(self, record: logging.LogRecord) -> None:
        """Write `record`."""
        try:
            self.tqdm_class.write(self.format(record), file=self.stream)
            self.flush()
        except Exception:
            self.handleError(record)


def _is_console_logging_handler(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.StreamHandler) and handler.stream in (sys.stdout, sys.stderr)


def _get_first_found_console_logging_handler(handlers: Sequence[logging.Handler]) -> logging.Handler | None:
    return next(filter(_is_console_logging_handler, handlers), None)


@contextmanager
def logging_redirect_tqdm(
    loggers: Sequence[logging.Logger] | None = None, tqdm_class: Any = std_tqdm
) -> Iterator[None]:
    """Write the records of the console handlers of `loggers`, None for the root logger, above the bars while the block runs."""
    loggers = [logging.root] if loggers is None else loggers
    before = [logger.handlers for logger in loggers]
    try:
        for logger in loggers:
            handler = _TqdmLoggingHandler(tqdm_class)
            console = _get_first_found_console_logging_handler(logger.handlers)
            if console is not None:
                handler.setFormatter(console.formatter)
                handler.setLevel(console.level)
                handler.stream = console.stream  # type: ignore[attr-defined]  # a console handler is a stream handler
                for each in console.filters:
                    handler.addFilter(each)
            logger.handlers = [each for each in logger.handlers if not _is_console_logging_handler(each)] + [handler]
        yield
    finally:
        for logger, handlers in zip(loggers, before, strict=True):
            logger.handlers = handlers


@contextmanager
def tqdm_logging_redirect(*args: Any, **options: Any) -> Iterator[Any]:
    """Open a bar, and have `loggers` write above it; other arguments are the bar's."""
    loggers = options.pop("loggers", None)
    tqdm_class = options.pop("tqdm_class", std_tqdm)
    with tqdm_class(*args, **options) as bar, logging_redirect_tqdm(loggers=loggers, tqdm_class=tqdm_class):
        yield bar
