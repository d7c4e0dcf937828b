"""The ticker of trackers that are switched off: their tasks count and are not shown. Knows how a ticker refuses a
tracker. Does not know why progress is switched off.
"""

from __future__ import annotations


class SilentTicker:
    """A ticker that shows nothing: printed lines go to the stream itself."""

    writes_at_once = True  # so a captured line would return to its own stream: streams stay as they are

    def attach(self, tracker: object) -> bool:
        """Return False: nothing can be shown."""
        return False

    def wake(self) -> None:
        """Do nothing."""

    def flush_soon(self) -> None:
        """Do nothing."""

    def flush_lines(self) -> None:
        """Do nothing."""

    def wait_for_lines(self, tracker: object, *, terminal: bool = True) -> None:
        """Do nothing: no line waits."""

    def note_unseen(self, task: object) -> bool:
        """Return False: no other process shows the task."""
        return False

    def detach(self, tracker: object) -> None:
        """Do nothing."""
