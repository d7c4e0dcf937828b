"""The hooks of the process: what happens before and after a fork, before an uncaught error is printed, and at the end.

Holds the process's one ticker, and is the place that registers hooks, but for the one that sees the first fork of a worker
(`multiprocessing_hook`). It replaces no signal handler, and the error hooks still do what they did before.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from _thread import RLock, get_ident

from .._system import interrupts
from .._system.lazy import is_imported_elsewhere
from .._system.platform import HAS_FORK
from .._system.threads import Bell
from .._tracking import counters as counting
from .._tracking import multiprocessing_hook
from .._tracking.core import TrackerCore
from .._tracking.multiprocessing_hook import is_child_of, load_workers, loaded
from .._tracking.task_record import TREE_LOCK
from . import forked_child
from .ticker import ThreadTicker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _begin() -> None:
    """Register the hooks that are needed once something may be drawn."""
    _tell_errors_on_a_clear_screen()
    see_to_the_end()


def _tell_errors_on_a_clear_screen() -> None:
    global _telling
    if not _telling:
        _telling = True
        was_default = sys.excepthook is sys.__excepthook__
        sys.excepthook = _on_a_clear_screen(sys.excepthook)
        if was_default:  # `code.interact` and others ask whether it is replaced, and show errors in another way then
            sys.__excepthook__ = sys.excepthook  # type: ignore[assignment,misc]
        threading.excepthook = _on_a_clear_screen(threading.excepthook)


def _on_a_clear_screen(tell: Callable[..., object]) -> Callable[..., object]:
    """Wrap the error hook `tell` so that rows are cleared before it prints; the next frame would overwrite the
    traceback."""

    def clear_and_call(*error: Any) -> object:
        hidden: list[TrackerCore] = []
        try:
            for tracker in TICKER.shown():
                tracker.hiding += 1
                hidden.append(tracker)
            TICKER.flush_soon(CLEARING_SECONDS)
            return tell(*error)
        finally:
            for tracker in hidden:
                tracker.hiding = max(tracker.hiding - 1, 0)

    return clear_and_call


def see_to_the_end() -> None:
    """Make a worker of multiprocessing show its last frame: such a process may end without its exit handlers."""
    global _seen_to
    if _seen_to == os.getpid():
        return
    for process in loaded("process"):
        finalize = getattr(sys.modules.get(f"{process.__package__}.util"), "Finalize", None)
        if finalize is not None and is_child_of(process):
            _seen_to = os.getpid()
            finalize(None, _end, kwargs={"wait": False}, exitpriority=-100)  # when all else has been done


def is_foreign() -> bool:
    """Whether C code has forked this process and called no hook (uWSGI): all that there is to send and draw is the parent's."""
    return os.getpid() != _state[PROCESS]


def _end(*, wait: bool = True) -> None:
    """Show the last frames, then make the calls that were registered for the end."""
    if is_foreign():
        return
    capture = sys.modules.get("progresskit._display.capture")
    if capture is not None and multiprocessing_hook.is_worker:  # its parent's next line comes after them
        try:
            capture.end_lines_of_worker()
        except Exception:  # an error of the display must not keep the last frame from being sent
            pass
    TICKER.close(wait=wait)
    if capture is not None:
        capture.close_relays()
    while _at_end:
        _at_end.pop()()
    windows = sys.modules.get("progresskit._system.windows")
    if windows is not None:
        windows.put_mode_back()


def _at_exit() -> None:
    """Show the last frames, or leave that to the stop of the hub, which comes after the workers' end."""
    global _is_exiting
    if _stop_of_hub is None or _stop_of_hub[0] != os.getpid():
        _end()
        return
    _is_exiting = True
    if _comes_before_multiprocessing:
        sys.unraisablehook = _after_stop(sys.unraisablehook, _stop_of_hub[1])
    else:  # Ctrl-C has come while multiprocessing waited
        _stop_of_hub[1]()


def _after_stop(tell: Callable[..., object], stop: Callable[[], None]) -> Callable[..., object]:
    """Wrap the hook `tell` so that the hub stops before it: Ctrl-C while multiprocessing waits for workers skips their finalizers."""

    def stop_and_tell(error: Any) -> object:
        if _stop_of_hub is not None and _stop_of_hub[0] == os.getpid():
            stop()
        return tell(error)

    return stop_and_tell


def end_with_hub(stop: Callable[[], None]) -> None:
    """Have the last frames drawn when the hub has stopped, after multiprocessing has joined the workers.

    They may run on for long after the program's last line, and one that is terminated has its last line then. An interpreter that shuts
    down starts no threads (from 3.12 on), so that displays could not be opened again.

    Args:
        stop: Stops the hub, and calls `hub_has_stopped`. It is called where an error keeps multiprocessing from doing that.
    """
    global _stop_of_hub
    _stop_of_hub = os.getpid(), stop


def hub_has_stopped() -> None:
    """Draw the last frames now if the process's end has waited for that."""
    global _stop_of_hub
    if _stop_of_hub is not None and _stop_of_hub[0] == os.getpid():
        _stop_of_hub = None
        if _is_exiting:
            _end()


def at_end(call: Callable[[], None]) -> None:
    """Register `call` for the end of this process, after the last frames."""
    _at_end.append(call)
    see_to_the_end()


FORKING_SECONDS = 30.0
"""The most seconds that a fork waits for those of other threads. It goes on without preparation then: a signal's handler that forks may
have interrupted the holder of a lock that the other thread's fork waits for."""
CLEARING_SECONDS = 0.5
"""Seconds after which an error is printed even if the rows could not be cleared."""
IMPORTING_SECONDS, IMPORT_POLL_SECONDS = 10.0, 0.001
"""Seconds for which a fork waits at the most for an import in another thread, and between two looks at it."""
PROCESS, IS_FORKING, WAS_PREPARED = 0, 1, 2
_state = [os.getpid(), False, True]
"""This process, by its number; whether the hooks before a fork have been called, and none after it; and, in a forked child, whether
those before the fork were called. A list, since a child copies more memory pages for the names of a module."""
_telling = False  # whether errors are told by hooks of ours
_seen_to = 0  # the process that this was done in
_stop_of_hub: tuple[int, Callable[[], None]] | None = None  # the process that has a hub, and what stops it
_is_exiting = False  # whether the end of the process waits for that
_comes_before_multiprocessing = (
    "multiprocessing.util" in sys.modules
)  # at the end of the process; the last one registered is first
TICKER = ThreadTicker(begin=_begin)
_held: list[Any] = []  # the locks that are held for a fork
# The threads for whose next fork the hooks before it have been called; twice, where a signal's handler forks as well.
_preparing: list[int] = []
_leaving: list[Callable[[], None]] = []  # what a child calls to leave the relays of its parent
_before: list[Callable[[], None]] = []
_in_child: list[Callable[[], None]] = []
DESCRIPTORS: set[int] = set()
"""Descriptors of sockets that a forked child closes at once. The owner of such a socket detaches it in the child."""
at_once: Callable[[], None] | None = None
"""What a child that is forked now must do at once, if all else can wait until it uses a tracker; None: nothing can. Set by a function
that `before_fork` was given."""
_forking = RLock()  # held from before a fork until after it, since what the hooks prepare is for that fork alone
_in_order: list[Callable[[], None]] = []
_at_end: list[Callable[[], None]] = []


def was_prepared() -> bool:
    """Return whether the hooks before the fork of this process were called, and completed. C code may call those of a child alone
    (uWSGI)."""
    return bool(_state[WAS_PREPARED])


def before_fork(call: Callable[[], None]) -> None:
    """Register `call` for the moment before each fork, with no lock held."""
    _before.append(call)


def in_child(call: Callable[[], None]) -> None:
    """Register `call` for each forked child, before the child uses a tracker."""
    _in_child.append(call)


def when_in_order(call: Callable[[], None]) -> None:
    """Register `call` for every forked child, after all other hooks have put its state in order."""
    _in_order.append(call)


def before_any_fork() -> None:
    """Prepare a fork, which this thread is about to make: with the calls of `before_fork`, and with no lock held by another thread."""
    _preparing.append(get_ident())
    interrupts.forget()
    try:
        _prepare_fork()
    except KeyboardInterrupt:
        interrupts.raise_after_fork()


def _prepare_fork() -> None:
    global at_once
    load_workers()
    forked_child.settle()
    if not _forking.acquire(timeout=FORKING_SECONDS):
        return
    at_once, _state[IS_FORKING] = None, True
    for call in _before:
        call()
    capture = sys.modules.get("progresskit._display.capture")
    _leaving[:] = (capture.leave_relays,) if capture is not None and capture.relay_forks() else ()
    # All locks, in the order in which the ticker takes them, so that none is held by a thread that the child lacks. A
    # frame that is stuck in a blocked terminal must not hold up the fork: the child replaces the locks in any case.
    drawing = TICKER.scheduler.drawing
    if drawing.acquire(timeout=0.1):
        _held.append(drawing)
    for lock in (TICKER.scheduler.lock, TREE_LOCK, counting.LOCK):
        _held.append(lock)  # first: Ctrl-C may come between the two
        lock.acquire()
    _wait_for_imports()


def is_forking() -> bool:
    """Return whether `before_any_fork` has been called for a fork that this thread is about to make."""
    return get_ident() in _preparing


def _wait_for_imports() -> None:
    """Wait until no other thread imports a module of ours, as the drawing thread does for its first frame, which may take longer
    than a fork waits for a frame: a child that is forked meanwhile waits for the module for ever."""
    for _ in range(round(IMPORTING_SECONDS / IMPORT_POLL_SECONDS)):
        if not is_imported_elsewhere():
            return
        Bell().wait(IMPORT_POLL_SECONDS)


def _after_in_parent() -> None:
    if is_forking():
        _preparing.remove(get_ident())
    if not _forking._is_owned():  # type: ignore[attr-defined]  # as in `threading`; this fork was not prepared
        return
    # An error before the fork (Ctrl-C in the middle) does not keep the process from forking: locks it has not taken stay as they are.
    try:
        _state[IS_FORKING] = False
        while _held:
            lock = _held.pop()
            if lock._is_owned():
                lock.release()
        capture = sys.modules.get("progresskit._display.capture")
        if capture is not None:
            capture.forked()
    except KeyboardInterrupt:
        interrupts.raise_after_fork()
    finally:
        _forking.release()


def put_off() -> None:
    """Have a child that is forked now do only `at_once` until it uses a tracker."""
    forked_child.prepare(_enter_child, TICKER)


def _after_in_child(
    # Looking these up in modules would write to ten more memory pages.
    release_counts: Callable[[], None] = counting.LOCK.release,
    release_tree: Callable[[], None] = TREE_LOCK.release,
    has_taken_all: Callable[[], bool] = counting.LOCK._is_owned,  # type: ignore[attr-defined]  # the lock that is taken last
    close: Callable[[int], None] = os.close,
    getpid: Callable[[], int] = os.getpid,
    state: list[int] = _state,
) -> None:
    global at_once
    was_prepared = state[IS_FORKING] and has_taken_all()
    state[:] = getpid(), False, was_prepared
    if was_prepared:
        release_counts()
        release_tree()
    else:  # a thread that this process lacks may hold them
        at_once = None
        for lock in (counting.LOCK, TREE_LOCK):
            lock._at_fork_reinit()  # type: ignore[attr-defined]  # as the standard library does in a child
    for fd in DESCRIPTORS:
        try:
            close(fd)
        except OSError:  # another thread was just closing it
            pass
    if at_once is None:
        _enter_child()
    else:
        for leave in _leaving:
            leave()
        forked_child.put_off(TICKER)
        at_once()


def _enter_child() -> None:
    global _forking
    _forking = RLock()
    _held.clear()
    _at_end.clear()
    DESCRIPTORS.clear()
    capture = sys.modules.get("progresskit._display.capture")
    if capture is not None:
        capture.forget_captures()
    for call in _in_child:
        call()
    TICKER.forget()
    for call in _in_order:
        call()


if HAS_FORK:
    multiprocessing_hook.sees_forks = True
    os.register_at_fork(before=before_any_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
    os.register_at_fork(after_in_parent=interrupts.AFTER_FORK)
atexit.register(_at_exit)
