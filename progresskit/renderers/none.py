"""The renderer `none`: no progress, but every printed line."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from .._model.frames import Frame
    from .base import Terminal


class NoneRenderer:
    """Draw nothing and write printed lines."""

    in_place: ClassVar[bool] = False
    shows_tasks: ClassVar[bool] = False

    def start(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def place(self, first: int, rows: int | None) -> None:
        """Do nothing: there are no rows."""

    def render(self, frame: Frame) -> None:
        """Draw nothing."""

    def write(self, text: str) -> None:
        self._terminal.write(text + "\n")

    def stop(self) -> None:
        """Do nothing."""
