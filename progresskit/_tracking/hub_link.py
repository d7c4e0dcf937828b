"""The link of a tracker to other processes that show its tasks. It reports the ends of tasks that no frame has shown.

Knows whether there is a hub or a folder. Does not know how to report to it: `progresskit.processes` does, found by
name.
"""

from __future__ import annotations

import os
from collections import deque

from .._system.lazy import FLUSH_NUMBERS, NOTE_UNSEEN, NOTE_UNSEEN_IN_FOLDER, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from .task import Task
    from .task_tree import TaskTree

    class Linked(Protocol):
        """The members of its tracker that the link uses."""

        given_ticker: Any
        hub_link: HubLink
        tree: TaskTree


class HubLink:
    """The hub, the engine or the folder that shows the tasks of one tracker besides its display.

    Attributes:
        is_client: Whether a hub shows the tracker's tasks; None until that is known.
    """

    def __init__(self) -> None:
        self.is_client: bool | None = None
        self._is_unsettled = False  # whether ends of its tasks wait to be reported to a hub

    def forget(self) -> None:
        """Start over in a forked child."""
        self.is_client, self._is_unsettled = None, False

    def note_end(self, core: Linked) -> None:
        """Note that a task of `core`, in a worker, has ended. `settle_ended` reports it to the hub later. Takes no
        lock."""
        if not self._is_unsettled:
            self._is_unsettled = True
            _unsettled.append(core)

    def note_unseen(self, core: Linked, task: Task) -> bool:
        """Report that the top-level `task` of `core` has ended before a frame could show it; return whether it gets its
        own line there."""
        note_unseen = getattr(core.given_ticker, "note_unseen", None)  # only a reporter has one
        if note_unseen is not None:
            return bool(note_unseen(task))
        has_hub = self.is_client is not False and "PROGRESSKIT_HUB" in os.environ
        if not has_hub and "PROGRESSKIT_FOLDER" not in os.environ:
            return False
        try:
            if has_hub and load(NOTE_UNSEEN)(core, task):
                return True
            if not self.is_client:
                load(NOTE_UNSEEN_IN_FOLDER)(core, task)
        except Exception:  # an error of the display must not reach the job
            self.is_client = False
        return False

    def flush(self) -> None:
        """Send the hub what has not been reported yet."""
        if self.is_client:
            load(FLUSH_NUMBERS)()

    def settle(self, core: Linked) -> None:
        """Report the ended tasks of `core` to the hub."""
        self._is_unsettled = False  # first, so that later ends are noted again
        core.tree.settle()


_unsettled: deque[Linked] = deque()


def settle_ended() -> None:
    """Settle the ended tasks of this worker's trackers."""
    while _unsettled:
        core = _unsettled.popleft()
        core.hub_link.settle(core)
