"""Shows no progress. What the user prints is not progress, and is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from .._model.frames import Frame
    from .base import Terminal


class NoneRenderer:
    """Draws nothing and lets printed lines through."""

    in_place: ClassVar[bool] = False

    def start(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def place(self, first: int, rows: int | None) -> None:
        """It has no rows to be placed."""

    def render(self, frame: Frame) -> None:
        """Nothing is shown of a frame."""

    def write(self, text: str) -> None:
        self._terminal.write(text + "\n")

    def stop(self) -> None:
        """Nothing was begun."""
