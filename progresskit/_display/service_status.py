"""A renderer that also reports the progress to systemd, for the line `Status:` of `systemctl status`.

Knows the socket that NOTIFY_SOCKET names. Does not know what draws.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from .._text.formatting import format_duration, format_percent, format_progress
from .observed import ObservedRenderer

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._model.frames import Frame
    from ..renderers.base import Renderer

INTERVAL_SECONDS = 1.0
"""Seconds between two messages at the least."""
TASKS = 5
"""Tasks that a status names at the most."""


class ServiceStatus(ObservedRenderer):
    """A renderer that also sends a status to the service manager. What cannot be sent is left out.

    Args:
        renderer: What draws.
        address: The socket: a path, or a name of Linux's own after `@`.
        clock: Gives the time in seconds and never goes back.
    """

    def __init__(self, renderer: Renderer, address: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(renderer)
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._clock = clock
        self._sent = ""
        self._sent_at = float("-inf")

    def render(self, frame: Frame) -> None:
        super().render(frame)
        now = self._clock()
        if not frame.ended and now - self._sent_at < INTERVAL_SECONDS:
            return
        words = status(frame)
        if words and words != self._sent:
            self._send(words, now)

    def _send(self, words: str, now: float) -> None:
        self._sent, self._sent_at = words, now
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto(f"STATUS={words}".encode(), self._address)
        except (OSError, AttributeError):  # nobody listens, or is behind; a system without such sockets
            pass


def status(frame: Frame) -> str:
    """Return the tasks at the top of `frame` in one line; how the last ones ended where none is live.

    Example:
        >>> status(Frame(0.0, (sample_view(description="Files", completed=3, total=12, unit="file", eta=9.0),)))
        'Files 25% 3/12 files eta 0:09'
    """
    parts = []
    top = [view for view in frame.tasks if view.parent is None] or [view for view in frame.ended if view.parent is None]
    for view in top[:TASKS]:
        words = [view.description or f"task {view.id}", format_percent(view.fraction).strip()]
        words.append(format_progress(view.completed, view.total, view.unit, estimated=view.estimated))
        if view.state != "running":
            words.append(view.outcome)
        elif view.eta is not None:
            words.append(f"eta {format_duration(view.eta)}")
        parts.append(" ".join(filter(None, words)))
    if len(top) > TASKS:
        parts.append(f"{len(top) - TASKS:,d} more")
    return ", ".join(parts)
