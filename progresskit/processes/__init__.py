"""Show many processes in one display: the hub, its clients, the feed of other processes' tasks, and pools of workers.

Knows the wire protocol and how a child process finds its parent's display. Does not know how the display draws.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .feed import Feed as Feed
    from .hub import Hub as Hub
    from .workers import initializer as initializer

_HOMES = {
    "Feed": "progresskit.processes.feed",
    "Hub": "progresskit.processes.hub",
    "initializer": "progresskit.processes.workers",
}
__all__ = sorted(_HOMES)  # a list of strings, which the linter does not see


def __getattr__(name: str) -> Any:
    from .._system.lazy import attribute

    value = globals()[name] = attribute(__name__, _HOMES, name)
    return value
