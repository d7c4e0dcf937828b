"""Bars in place on any VT100-like terminal: the painter's rows, put on the screen by the region."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ..painting import Painter
from ..region import Region

if TYPE_CHECKING:
    from ..frames import Frame
    from ..protocols import Terminal


class AnsiRenderer:
    """Draws only what has changed, in one write a frame."""

    in_place: ClassVar[bool] = True

    def start(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._painter = Painter(unicode=terminal.unicode, colors=terminal.colors, encoding=terminal.encoding)
        self._region = Region()
        self._above: list[str] = []

    def render(self, frame: Frame) -> None:
        size = self._terminal.size()
        kept = [view for view in frame.ended if view.keep]
        above = self._above + self._painter.lines(kept, size[0])
        self._above = []
        text = self._region.draw(self._painter.rows(frame, size[0]), above, size)
        if text:
            self._terminal.write(text)

    def write(self, text: str) -> None:
        self._above.extend(text.split("\n"))

    def stop(self) -> None:
        """Nothing to undo: after each frame the cursor is shown, on the line below the rows."""
