"""A screen of the job's own: what curses opens, and the alternate screen of rich, textual and blessed.

Rows are off the screen and every word goes to the terminal as it is until the job leaves that screen. Knows the sequences that
switch screens. Does not know streams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._text.line_splitter import last_state

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._tracking.core import TrackerCore

MODES = (1049, 1047, 47)
"""The terminal's modes that are the alternate screen."""


def opens_screen(text: str) -> bool:
    r"""Return whether `text` switches to the alternate screen.

    Example:
        >>> opens_screen("\x1b[?1049h\x1b[H"), opens_screen("\x1b[?25h")
        (True, False)
    """
    return "\x1b[?" in text and any(f"\x1b[?{mode}h" in text for mode in MODES)


class OwnScreen:
    """Keeps rows off the screen while the job shows its own.

    Attributes:
        is_left: Whether the job has left the screen, and may still write sequences that undo what it has set.
    """

    def __init__(self) -> None:
        self._hidden: list[TrackerCore] = []
        self._was_left = False  # when the display looked last
        self.is_left = False

    @property
    def is_open(self) -> bool:
        """Whether rows are off the screen for it."""
        return bool(self._hidden)

    def open(self, trackers: Iterable[TrackerCore]) -> None:
        """Take the rows of `trackers` off the screen, because the job opens its own."""
        self.is_left = False
        if self._hidden:
            return
        try:
            for tracker in trackers:
                self._hidden.append(tracker)
                tracker.hiding += 1
            for tracker in list(self._hidden):
                tracker.clear_rows()
        except BaseException:  # Ctrl-C
            self.close()
            raise

    def note(self, text: str) -> None:
        """Note that the job has written `text` while its screen was open: it may have left the screen."""
        closes = max(text.rfind(f"\x1b[?{mode}l") for mode in MODES)
        if closes >= 0:
            self.is_left = closes > max(text.rfind(f"\x1b[?{mode}h") for mode in MODES)

    def ends_with(self, text: str) -> bool:
        """Return whether the job has left its screen, and goes on with words: `text` has more than sequences."""
        return self.is_left and bool(last_state(text).strip())

    def check(self) -> None:
        """Let rows come back if nothing has been written since the job left its screen. The display calls this at intervals."""
        if self.is_left and self._was_left:
            self.close()
        self._was_left = self.is_left

    def close(self) -> None:
        """Let rows come back."""
        self.is_left = self._was_left = False
        while self._hidden:
            tracker = self._hidden.pop()
            tracker.hiding = max(tracker.hiding - 1, 0)
            tracker.capture.follow_descriptors()
            tracker.wake()

    def forget(self) -> None:
        """Forget the screen in a forked child: it is the parent's."""
        self.is_left = False
        self._hidden.clear()


SCREEN = OwnScreen()
"""The screen that this process has opened."""
