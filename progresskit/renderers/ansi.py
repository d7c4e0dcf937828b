"""The renderer `ansi`: the painter's rows, which the region draws in place on any VT100-like terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bars import Painter
from .rows import RowRenderer

if TYPE_CHECKING:
    from .base import Terminal


class AnsiRenderer(RowRenderer):
    """Draw only the rows that have changed, in one write per frame."""

    def start(self, terminal: Terminal) -> None:
        super().start(terminal)
        painter = Painter(unicode=terminal.unicode, colors=terminal.colors, encoding=terminal.encoding)
        setattr(self, "rows", painter.rows)  # noqa: B010  # the painter's own: a method around it is a call more a frame
