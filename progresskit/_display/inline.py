"""Draw in the job's own thread if no other can be started: a limit, WebAssembly, an interpreter that shuts down.

Knows when something is due. Does not know what is drawn.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from .._system.threads import Bell
from .._tracking import counters

if TYPE_CHECKING:
    from .scheduler import FrameScheduler


class InlineDrawing:
    """Lets `advance` itself draw when a frame is due.

    Attributes:
        is_on: Whether it does.
        due: When something is due, in seconds on the monotonic clock.
    """

    def __init__(self, scheduler: FrameScheduler) -> None:
        self._scheduler = scheduler
        self.is_on = False
        self.due = 0.0
        self._drawing = False

    def start(self) -> None:
        """Draw from `advance` from here on."""
        self.is_on = True
        counters.draw_from_advance(self.poll)

    def poll(self, *, at_once: bool = False) -> None:
        """Draw what is due or, with `at_once`, what would be in the way of the job's next output."""
        now = time.monotonic()
        if now < self.due and not at_once:  # nearly always: every `advance` comes this way
            return
        scheduler = self._scheduler
        lock = scheduler.drawing
        if self._drawing or sys.is_finalizing():  # a renderer that prints
            return
        if lock.acquire(blocking=False):
            self._drawing = True
            try:
                if at_once:
                    scheduler.gate.waiting.append(Bell())
                self.due = now + scheduler.draw_due(now, contained=Exception)  # Ctrl-C is the job's
            finally:
                self._drawing = False
                lock.release()
