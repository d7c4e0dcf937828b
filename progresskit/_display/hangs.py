"""Who hangs: told from looking again and again whether a display is in one and the same call.

Knows how often that has to be seen. Must not know who looks, nor what is done about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .display import Display

HANG_SECONDS = 5.0
"""Seconds after which one call of a renderer or a stream is taken to hang for ever."""
CHECKS = 10
"""Looks in such a time. They are counted, not the time: a process that was stopped for an hour has looked once."""


class HangDetector:
    """Tells from looking again and again which display hangs."""

    def __init__(self, beats: int) -> None:
        self._beats = beats
        self._window: list[str] | None = None
        self._count = 0

    def look(self, displays: list[Display]) -> tuple[Display, str] | None:
        """Return the display that has been in one and the same call for all these looks, and in what it hangs.

        The display is then the caller's: what hangs finds itself retired when it comes back.
        """
        for display in displays:
            window = display.window
            if window is None:
                continue
            self._count = self._count + 1 if window is self._window else 0
            self._window = window
            if self._count >= self._beats:
                try:
                    return display, window.pop()
                except IndexError:  # it has come back at this instant, or somebody else has seen it
                    pass
            return None
        self._window = None
        return None
