"""The tracker of what is switched off: its tasks count, and nothing is shown of them.

Knows how a tracker is told that nothing can be shown. Does not know who switched it off.
"""

from __future__ import annotations

from .tracker import ProgressTracker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .core import TrackerCore


class SilentTicker:
    """A ticker that shows nothing: printed lines go to the stream itself."""

    writes_at_once = True  # so that a captured stream would come back to it: streams stay as they are

    def attach(self, tracker: TrackerCore) -> bool:
        """Return that nothing can be shown."""
        return False

    def wake(self) -> None:
        """Do nothing."""

    def flush_soon(self) -> None:
        """Do nothing."""

    def flush_lines(self) -> None:
        """Do nothing."""

    def wait_for_lines(self, tracker: TrackerCore, *, terminal: bool = True) -> None:
        """Do nothing: no line waits."""

    def detach(self, tracker: TrackerCore) -> None:
        """Do nothing."""


_silent: ProgressTracker | None = None


def silent_tracker() -> ProgressTracker:
    """Return the tracker of what is switched off."""
    global _silent
    if _silent is None:
        _silent = ProgressTracker("none", ticker=SilentTicker(), capture=False)
    return _silent
