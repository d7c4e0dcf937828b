"""The life of the process: what must happen before and after a fork, and at the end.

Holds the process's one ticker and is the only place that registers hooks. It replaces no signal handler.
"""

from __future__ import annotations

import atexit
import os

from . import counting
from .ticker import ThreadTicker
from .tracker import ProgressTracker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

TICKER = ThreadTicker()
_held: list[Any] = []  # the drawing lock, if we have it
_in_child: list[Callable[[], None]] = []


def in_child(call: Callable[[], None]) -> None:
    """Have `call` called in every forked child, before anything else is done there."""
    _in_child.append(call)


def _before_fork() -> None:
    # All locks, in the order in which the ticker takes them, so that none is held by a thread that the child lacks. A
    # frame that is stuck in a blocked terminal must not hold up the fork: the child replaces the locks in any case.
    drawing = TICKER.drawing
    held = drawing.acquire(timeout=0.1)
    TICKER.lock.acquire()
    ProgressTracker.lock.acquire()
    counting.LOCK.acquire()
    if held:
        _held.append(drawing)


def _after_in_parent() -> None:
    if _held:
        _held.pop().release()
    counting.LOCK.release()
    ProgressTracker.lock.release()
    TICKER.lock.release()


def _after_in_child() -> None:
    _held.clear()
    counting.LOCK.release()
    ProgressTracker.lock.release()
    TICKER.forget()
    for call in _in_child:
        call()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
atexit.register(TICKER.close)
