"""The renderer `ansi`: the painter's rows, which the region draws in place on any VT100-like terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bars import Painter
from .rows import RowRenderer

if TYPE_CHECKING:
    from .._model.frames import TaskView
    from .base import Terminal


class AnsiRenderer(RowRenderer):
    """Draw only the rows that have changed, in one write per frame."""

    def start(self, terminal: Terminal) -> None:
        super().start(terminal)
        self._painter = Painter(unicode=terminal.unicode, colors=terminal.colors, encoding=terminal.encoding)

    def rows(self, views: tuple[TaskView, ...], columns: int, time: float) -> list[str]:
        return self._painter.rows(views, columns, time)
