"""Rich's part: from its bars, spinners and styles to text with colours.

Knows a `Console` that is asked for styles and never prints. Does not know tasks or rows.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from rich.color import ColorSystem
from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.style import Style

if TYPE_CHECKING:
    from progresskit.renderers import Terminal

SYSTEMS = {
    "standard": ColorSystem.STANDARD,
    "256": ColorSystem.EIGHT_BIT,
    "truecolor": ColorSystem.TRUECOLOR,
    "windows": ColorSystem.WINDOWS,
}


class RichPainter:
    """Draws what rich draws, for one terminal.

    Args:
        terminal: Whose facts decide on colours and on ASCII.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._console = Console(
            file=terminal.file,
            width=80,  # never used: every width is said where something is drawn
            height=25,
            force_terminal=True,
            force_jupyter=False,
            force_interactive=False,
            legacy_windows=False,
            color_system="auto" if terminal.colors else None,  # what TERM and COLORTERM promise
            no_color=not terminal.colors,
            markup=False,
            emoji=False,
            highlight=False,
        )
        system = self._console.color_system
        self._system = SYSTEMS.get(system or "", ColorSystem.STANDARD) if terminal.colors else None
        self._options = self._console.options
        if not terminal.unicode:
            self._options.encoding = "ascii"
        spinner = Spinner("dots" if terminal.unicode else "line")
        self._frames = tuple(str(frame) for frame in spinner.frames)
        self._seconds = spinner.interval / 1000
        self._style = lru_cache(maxsize=256)(self._find_style)

    def new_bar(self) -> ProgressBar:
        """Return a bar of rich's, to be given its figures each time that it is drawn."""
        return ProgressBar(width=None)

    def bar(self, bar: ProgressBar, width: int) -> str:
        """Return `bar` drawn `width` cells wide."""
        parts, cells = [], 0
        for segment in self._console.render(bar, self._options.update(width=width)):
            parts.append(self._painted(segment.text, segment.style))
            cells += segment.cell_length
        return "".join(parts) + " " * (width - cells)  # without colours rich leaves out what is not done

    def turn(self, time: float) -> str:
        """Return what the spinner shows at `time` in seconds."""
        return self._frames[int(time / self._seconds) % len(self._frames)]

    def styled(self, text: str, style: str | None) -> str:
        """Return `text` in the `style` of that name, from the theme, or of that definition."""
        return self._painted(text, self._style(style)) if style and text.strip() else text

    def _find_style(self, name: str) -> Style:
        return self._console.get_style(name, default="none")

    def _painted(self, text: str, style: Style | None) -> str:
        return style.render(text, color_system=self._system) if style is not None and self._system is not None else text
