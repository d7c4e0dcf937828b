"""A forked child that has not used the display: what the child inherits is put in order at the first use.

A child copies each memory page that it writes to, at some microseconds each, and hundreds of pages hold what trackers, the ticker
and the hub are made of. Many a worker lives for a millisecond and never uses them. So the hooks of a fork that may be put off wait
until the child asks a tracker or the ticker for anything, which a descriptor on `ProgressTracker` and a subclass of the ticker see, or
writes to a stream that its parent captures. The parent sets up the descriptor, once, because a change of a class writes to a dozen
pages. Does not know what is put off.
"""

from __future__ import annotations

from _thread import RLock
from typing import TYPE_CHECKING

from .._tracking.tracker import ProgressTracker
from .captured_stream import FIRST_USE
from .ticker import ThreadTicker

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

CORE = "_core"
"""The attribute by which every public method of a tracker gets at anything."""


class InheritedTicker(ThreadTicker):
    """The parent's ticker, until the child uses it."""

    def __getattribute__(self, name: str) -> Any:
        settle()
        return object.__getattribute__(self, name)


class _InheritedCore:
    """Stands in the class for the attribute `_core` of all trackers, in a process that forks and until its child uses a tracker."""

    def __get__(self, tracker: ProgressTracker | None, kind: type[ProgressTracker]) -> Any:
        if FIRST_USE[0] is not None:
            settle()
        if tracker is None:
            return self
        try:
            return tracker.__dict__[CORE]
        except KeyError:
            raise AttributeError(CORE) from None

    def __set__(self, tracker: ProgressTracker, core: object) -> None:
        tracker.__dict__[CORE] = core


_INHERITED_CORE = _InheritedCore()
_lock = RLock()
_ticker: ThreadTicker | None = None
_put_off: Callable[[], None] | None = None
_is_settling = False


def prepare(call: Callable[[], None], ticker: ThreadTicker) -> None:
    """Prepare children in which `call` waits until they use `ticker` or a tracker: those that call `put_off`."""
    global _lock, _put_off, _ticker
    if _put_off is None:
        _lock = RLock()  # in a child that forks in turn, another thread may be about to release the one that is there
        _put_off, _ticker = call, ticker
        setattr(ProgressTracker, CORE, _INHERITED_CORE)


def is_put_off() -> bool:
    """Return whether this is a child with a call that has not been made yet."""
    return FIRST_USE[0] is not None


def put_off(ticker: ThreadTicker) -> None:
    """In a child, have the call wait that was prepared with `ticker`."""
    FIRST_USE[0], ticker.__class__ = settle, InheritedTicker


def settle() -> None:
    """Make the calls that were put off, once. Other threads wait for them."""
    global _put_off, _is_settling
    if FIRST_USE[0] is None:  # a process that forks never holds the lock, which a child would inherit held
        return
    with _lock:
        if _is_settling or _ticker is None or _put_off is None or FIRST_USE[0] is None:
            return
        _is_settling = True
        try:
            _put_off()
        except Exception:  # an error of the display must not reach the job
            pass
        finally:
            _put_off = None
            delattr(ProgressTracker, CORE)
            _is_settling = False
            _ticker.__class__ = ThreadTicker
            FIRST_USE[0] = None  # last: from here on another thread may prepare a fork of its own
