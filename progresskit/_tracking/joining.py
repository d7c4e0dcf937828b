"""The tracker of a call that names none: an entered one, an engine's, or one that the process shares.

Knows which trackers are entered in this context and in the process. Does not know what is done with them.
"""

from __future__ import annotations

from . import tracker as trackers
from .tracker import ProgressTracker, provided_tracker, silent_tracker

shared: ProgressTracker | None = None
_outdated = False  # whether the defaults have changed since the shared tracker was made
disabled_blocks = 0
"""How many `with disabled()` blocks the process is in."""
disabled_before: str | None = None
"""What `PROGRESSKIT_DISABLE` was before the first of them."""


def current_tracker() -> ProgressTracker:
    """Return the tracker that `track` joins here: the one entered in this context, else the one entered last anywhere
    in the process, else one that the process shares. (A thread does not inherit the context in which it was started.)

    Example:
        >>> with ProgressTracker("none") as tracker:
        ...     current_tracker() is tracker
        True
    """
    if disabled_blocks:
        return silent_tracker()
    active = trackers.active.get()
    if active is not None and active in trackers.entered:
        return active
    provided = provided_tracker()
    if provided is not None:
        return provided
    return trackers.entered[-1] if trackers.entered else shared_tracker()


def shared_tracker() -> ProgressTracker:
    """Return the tracker that the process shares."""
    global shared, _outdated
    before = shared
    if before is not None and not (_outdated and before._core.tree.all_ended and before not in trackers.entered):
        return before
    made = ProgressTracker()
    if shared is not None and shared is not before:  # another thread, whose first loop begins just now, was quicker
        return shared
    shared, _outdated = made, False
    return made


def renew_shared_tracker() -> None:
    """Replace the shared tracker as soon as it is idle, because the defaults have changed."""
    global _outdated
    _outdated = shared is not None
