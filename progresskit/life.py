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

TICKER = ThreadTicker()
_held: list[bool] = []
_in_child: list[Callable[[], None]] = []


def in_child(call: Callable[[], None]) -> None:
    """Have `call` called in every forked child, before anything else is done there."""
    _in_child.append(call)


def _before_fork() -> None:
    # All locks, in the order in which the ticker takes them, so that none is held by a thread that the child lacks. A
    # frame that is stuck in a blocked terminal must not hold up the fork: the child replaces the locks in any case.
    _held.append(TICKER.drawing.acquire(timeout=0.1))
    TICKER.lock.acquire()
    ProgressTracker.lock.acquire()
    counting.LOCK.acquire()


def _after_in_parent() -> None:
    counting.LOCK.release()
    ProgressTracker.lock.release()
    TICKER.lock.release()
    if _held.pop():
        TICKER.drawing.release()


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
