"""Bars in place on any VT100-like terminal: the painter's rows, put on the screen by the region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bars import Painter
from .rows import RowRenderer

if TYPE_CHECKING:
    from .._model.frames import TaskView
    from .base import Terminal


class AnsiRenderer(RowRenderer):
    """Draws only what has changed, in one write a frame."""

    def start(self, terminal: Terminal) -> None:
        super().start(terminal)
        self._painter = Painter(unicode=terminal.unicode, colors=terminal.colors, encoding=terminal.encoding)

    def rows(self, views: tuple[TaskView, ...], columns: int, time: float) -> list[str]:
        return self._painter.rows(views, columns, time)
