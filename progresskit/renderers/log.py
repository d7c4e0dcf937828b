"""The renderer `log`: records of the `logging` module, for Airflow, Dagster, Kubernetes, Slurm and cron.

A task gets a record when it starts, some while it runs (see `PlainRenderer`), at least one per minute, and one when it
ends. Each record also has its figures as fields. Knows loggers. Does not know the handlers of the records.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from .._text.cells import encodable
from .._text.plurals import written
from .plain import PlainRenderer, no_command

if TYPE_CHECKING:
    from .._model.frames import TaskView

LEVELS = {"failed": logging.ERROR, "cancelled": logging.WARNING}


class LogRenderer(PlainRenderer):
    """Log the lines that `PlainRenderer` would write.

    Records have the fields `progress_event` (`start`, `update`, `end`), `progress_task`,
    `progress_state`, `progress_completed`, `progress_total`, `progress_percent`, `progress_unit`,
    `progress_rate` (units a second), `progress_elapsed`, `progress_eta` (seconds),
    `progress_reason` and `progress_fields`; None means unknown. A failed task is logged as an
    error, a cancelled one as a warning, everything else at `level`. Lines that the job prints go to the stream
    unchanged. If logging has no handlers, or the logger is disabled, the records go to the stream as lines.

    Args:
        logger: A logger, or its name.
        level: The level of records about running and finished tasks.
        every: Seconds between two records of a task, at least.
        heartbeat: Seconds after which a task gets a record in any case.

    Attributes:
        step: Share of the total between two records of a task, at least.

    Example:
        >>> renderer = LogRenderer("etl.progress", every=30.0)
        >>> renderer.logger.name, renderer.heartbeat
        ('etl.progress', 60.0)
    """

    in_place: ClassVar[bool] = False
    calls_others: ClassVar[bool] = True
    """Whether drawing runs foreign code that may hang: here, the handlers of the logger."""

    def __init__(
        self,
        logger: logging.Logger | str = "progresskit",
        level: int = logging.INFO,
        *,
        every: float = 5.0,
        heartbeat: float = 60.0,
    ) -> None:
        super().__init__()
        self.logger: logging.Logger = logging.getLogger(logger) if isinstance(logger, str) else logger
        self.level: int = level
        self.every = every
        self.heartbeat = heartbeat

    def _tell(self, event: str, view: TaskView, text: str) -> None:
        # `logging.config` disables loggers that it does not configure, unless `disable_existing_loggers` is False.
        is_disabled = getattr(self.logger, "disabled", False)  # a LoggerAdapter has no such attribute
        if is_disabled or not self.logger.hasHandlers():
            self._terminal.write(encodable(no_command(text), self._terminal.encoding) + "\n")
            return
        level = LEVELS.get(view.state, self.level) if event == "end" else self.level
        self.logger.log(level, "%s", text, extra=_fields(event, view))


def _fields(event: str, view: TaskView) -> dict[str, Any]:
    fraction = view.fraction
    return {
        "progress_event": event,
        "progress_task": view.description or f"task {view.id}",
        "progress_state": view.state,
        "progress_completed": view.completed,
        "progress_total": view.total,
        "progress_percent": None if fraction is None else round(100 * fraction, 1),
        "progress_unit": written(view.unit),
        "progress_rate": view.rate,
        "progress_elapsed": view.elapsed,
        "progress_eta": view.eta,
        "progress_reason": view.reason,
        "progress_fields": dict(view.fields),
    }
