"""The renderer `ansi`: the painter's rows, which the region draws in place on any VT100-like terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._system.warnings import warn_once
from .._text.colors import EIGHT_COLORS, NO_COLORS
from .._text.styles import STYLES, Style, choose
from ._bars import Painter
from ._kept import KeptLines
from ._templates import given
from .rows import RowRenderer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._model.frames import TaskView
    from .base import Terminal


class AnsiRenderer(RowRenderer):
    """Draw only the rows that have changed, in one write per frame."""

    def start(self, terminal: Terminal) -> None:
        super().start(terminal)
        environ = getattr(terminal, "environ", {})
        style = style_of(getattr(terminal, "style", None), terminal.encoding, environ)
        depth = getattr(terminal, "color_depth", EIGHT_COLORS) if terminal.colors else NO_COLORS
        painter = Painter(style, depth, terminal.encoding, given(environ))
        setattr(self, "rows", painter.rows)  # noqa: B010  # the painter's own: a method around it is a call more a frame
        self._kept = KeptLines(style, depth, terminal.encoding)

    def kept(self, views: list[TaskView], columns: int, time: float) -> list[str]:
        if all(view.layout is None for view in views):
            return self._kept.lines(views, columns)
        own: list[str] = []
        for view in views:
            own += self._kept.lines([view], columns) if view.layout is None else super().kept([view], columns, time)
        return own


def style_of(style: Style | str | None, encoding: str, environ: Mapping[str, str]) -> Style:
    """Return the style to draw with on a stream of that `encoding`: the one that code or `PROGRESSKIT_STYLE` names,
    else the one that suits the stream.

    Example:
        >>> style_of("ascii", "utf-8", {}).done, style_of(None, "utf-8", {"PROGRESSKIT_STYLE": "block"}).done
        ('=', '█')
    """
    if style is None:
        name = environ.get("PROGRESSKIT_STYLE", "").strip()
        if name and name not in STYLES:
            warn_once(f"PROGRESSKIT_STYLE is {name!r:.80}, and is ignored: it is one of {', '.join(STYLES)}.")
        style = name if name in STYLES else choose(encoding, environ)
    return (STYLES[style] if isinstance(style, str) else style).within(encoding)
