"""The renderer `json`: lines of an events file, for files and for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from .._model.events import EventEncoder
from .._model.frames import Frame
from .._system.run_identity import run_identity

if TYPE_CHECKING:
    from .base import Terminal


class JsonRenderer:
    """Write a header, whole frames, the changes between them, and each printed line.

    See `progresskit._model.events` for the lines.
    """

    in_place: ClassVar[bool] = False
    accepts_plain_lines: ClassVar[bool] = False
    records_ends: ClassVar[bool] = True

    def start(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._events = EventEncoder(run_identity())
        self._prints: list[str] = []  # they get the time of the next frame
        self._time = 0.0

    def render(self, frame: Frame) -> None:
        self._time = frame.time
        prints, self._prints = self._prints, []
        for line in self._events.lines(frame, prints):
            self._terminal.write(line + "\n")

    def write(self, text: str) -> None:
        self._prints.append(text)

    def stop(self) -> None:
        """Write the lines after the last frame."""
        if self._prints:
            self.render(Frame(self._time))
