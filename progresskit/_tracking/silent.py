"""The ticker of what is switched off: tasks count, and nothing is shown of them.

Knows how a tracker is told that nothing can be shown. Does not know trackers, nor who switched them off.
"""

from __future__ import annotations


class SilentTicker:
    """A ticker that shows nothing: printed lines go to the stream itself."""

    writes_at_once = True  # so that a captured stream would come back to it: streams stay as they are

    def attach(self, tracker: object) -> bool:
        """Return that nothing can be shown."""
        return False

    def wake(self) -> None:
        """Do nothing."""

    def flush_soon(self) -> None:
        """Do nothing."""

    def flush_lines(self) -> None:
        """Do nothing."""

    def wait_for_lines(self, tracker: object, *, terminal: bool = True) -> None:
        """Do nothing: no line waits."""

    def detach(self, tracker: object) -> None:
        """Do nothing."""
