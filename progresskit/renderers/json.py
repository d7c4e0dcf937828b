"""The renderer `json`: one frame per line, for files and for other programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from .._model.frames import encode

if TYPE_CHECKING:
    from .._model.frames import Frame
    from .base import Terminal


class JsonRenderer:
    """Write each frame as `progresskit.renderers.encode` returns it, and each printed line as `{"print": "..."}`."""

    in_place: ClassVar[bool] = False

    def start(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._empty = True

    def render(self, frame: Frame) -> None:
        empty = not (frame.tasks or frame.ended)
        if not (empty and self._empty):
            self._terminal.write(encode(frame) + "\n")
        self._empty = empty

    def write(self, text: str) -> None:
        for line in text.split("\n"):
            self._terminal.write(json.dumps({"print": line}) + "\n")

    def stop(self) -> None:
        """Do nothing: each line is complete."""
