"""A renderer around another one, which also sees the frames.

The inner renderer draws as before. Does not know what is done with the frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._model.slots import cut
from ..renderers.base import draws_in_place

if TYPE_CHECKING:
    from .._model.frames import Frame
    from ..renderers.base import Renderer, Terminal


class ObservedRenderer:
    """Draws as `renderer` does. A subclass does something more with the frames.

    Args:
        renderer: What draws.
    """

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    @property
    def inner(self) -> Renderer:
        """The inner renderer."""
        return self._renderer

    @property
    def in_place(self) -> bool:
        """Whether the inner renderer draws over its rows."""
        return draws_in_place(self._renderer)

    def __getattr__(self, name: str) -> Any:
        if name == "_renderer":  # of one that was not initialised
            raise AttributeError(name)
        return getattr(self._renderer, name)

    def start(self, terminal: Terminal) -> None:
        """Begin a display on `terminal`."""
        self._renderer.start(terminal)

    def render(self, frame: Frame) -> None:
        """Draw `frame`."""
        self._renderer.render(frame)

    def write(self, text: str) -> None:
        """Show `text` above the tasks."""
        self._renderer.write(text)

    def stop(self) -> None:
        """End the display."""
        self._renderer.stop()


class WholeFrames(ObservedRenderer):
    """An observed renderer that gets all rows, and passes on those that fit the screen."""

    sees_whole_frames = True
    _rows: int | None = None  # that the inner renderer has room for; None: all, or it cuts frames itself

    def fit(self, lines: int) -> None:
        """Note that the screen has so many lines."""
        inner = self._renderer
        if isinstance(inner, WholeFrames):
            inner.fit(lines)
        elif draws_in_place(inner):
            room = getattr(inner, "room", None)
            self._rows = lines - 1 if room is None else int(room(lines))

    def render(self, frame: Frame) -> None:
        super().render(cut(frame, self._rows))
