"""Workers: what a process does when it starts others that join its display, and what those do at their start.

Knows whether a worker joins, which terminal its words go to, and what must be ready before it is forked. Does not know how a worker is
started, or what it sends.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .._display import forked_child, process_hooks
from .._system.environment import is_disabled
from .._system.job import hub_address
from .._system.threads import is_patched
from .._tracking import joining, multiprocessing_hook, task_tree
from .._tracking.core import TrackerCore
from .._tracking.joining import current_tracker
from .._tracking.multiprocessing_hook import VARIABLE, JoinHub, is_wanted, starts_worker
from .._tracking.tracker import entered
from ..renderers.destinations import draws_rows, hub_client, writes_as_printed
from ..renderers.registry import OBSERVERS
from . import _brief_ends, _host
from ._handles import Untouched, has_handles, share_tasks

if TYPE_CHECKING:
    from collections.abc import Callable

PRELOADED = ("progresskit._tracking.loops", "progresskit._tracking.snapshot")
"""The modules that a worker needs for its first loop."""
PRELOADED_FOR_HUB = ("progresskit._tracking.brief_loop", "progresskit.processes._client")
"""The further modules of a worker that reports its loops to a hub."""
PRELOADED_FOR_WORDS = ("progresskit._display.capture", "progresskit._display.questions", "getpass")
"""The further modules of a worker that sends its printed lines to the hub."""
_DEPENDED_ON = (
    b"PROGRESSKIT_HUB", b"PROGRESSKIT_DISABLE", b"PROGRESSKIT_STREAM", b"PROGRESSKIT_RENDERER", b"PROGRESSKIT_EVENTS",
    b"PROGRESSKIT_FOLDER", b"PROGRESSKIT_WEB", b"NOTIFY_SOCKET",
)  # fmt: skip
"""The variables on which the preparation of a fork depends."""
_given: str | None = None  # the hub's address, for a worker that is being forked
# What the last fork's preparation depended on; None: the next one prepares anew.
_prepared_for: tuple[object, ...] | None = None
_at_once: Callable[[], None] | None = None  # what the last preparation has made
_preloaded: set[tuple[str, ...]] = set()  # which modules have been imported before a fork
_terminal: tuple[object, ...] | None = None  # the key of the terminal with the parent's rows, for a worker being forked
_last: tuple[str | None, tuple[object, ...] | None] = (None, None)  # both for the last worker whose fork was prepared


def address() -> str | None:
    """Return the address to which a worker that starts now sends its frames; None if nothing shows them."""
    forked_child.settle()
    outer = hub_address()
    if outer is not None:
        return outer
    if _host.current is None and not entered and not is_wanted():
        return None
    return _own_address()


def rows_terminal() -> tuple[object, ...] | None:
    """Return the key of the terminal that shows the rows of workers that start now; None if none does.

    What those workers write there comes by the hub. So from now on this process looks before each line of its own whether they have
    sent something, which would otherwise stand below it.
    """
    forked_child.settle()
    if multiprocessing_hook.terminal_key is not None or hub_address() is not None:
        return multiprocessing_hook.terminal_key
    core = (_host.current.tracker if _host.current is not None else current_tracker())._core
    if not core.capture.mode or not draws_rows(core.renderer, core.current_stream()):
        return None
    from .._display.terminal_keys import terminal_key_of

    key = terminal_key_of(core)
    if key is not None and _host.current is not None:
        _host.current.hold_capture()
    return key


def shows_workers() -> bool:
    """Return whether this process shows the tasks of workers that start now though it has entered no tracker: in the cell of a
    notebook, and as rows on the terminal that they share, where each would draw over the others. In a log each writes its own lines."""
    if is_disabled(os.environ):
        return False
    if hub_address() is not None:
        return True
    if "IPython" in sys.modules:
        from .._display.notebook_cells import expect_workers

        if expect_workers():
            return True
    core = current_tracker()._core
    return draws_rows(core.renderer, core.current_stream())


def _own_address() -> str | None:
    if is_disabled(os.environ):
        return None
    return _host.get().address


def initializer() -> JoinHub:
    """Return an `initializer` for an executor whose workers start before the tracker does.

    Workers that start under an active tracker need no initializer.

    Example:
        >>> from concurrent.futures import ProcessPoolExecutor
        >>> with ProcessPoolExecutor(2, initializer=initializer()) as pool:
        ...     list(pool.map(abs, [-1, -2]))
        [1, 2]
    """
    forked_child.settle()
    outer = hub_address()
    return JoinHub(_own_address() if outer is None else outer, rows_terminal())


# Forks


def _before_fork() -> None:
    global _given, _terminal, _last, _prepared_for
    if not starts_worker(sys._getframe(1)) or not _preload(PRELOADED):
        _given = _terminal = None
        return
    if _prepared_for is not None and _prepared_for == _circumstances():
        process_hooks.at_once = _at_once
        _given, _terminal = _last  # a process that is no worker may have been forked since
        return
    _given = _terminal = _prepared_for = None
    try:
        known = task_tree.last_number, *entered
        joins = bool(entered or _host.current or is_wanted())
        if joins:
            _preload(PRELOADED_FOR_HUB)
            _given = address()
            _terminal = rows_terminal() if _given is not None else None
            if _terminal is not None:
                _preload(PRELOADED_FOR_WORDS)
            if _host.current is not None:
                for tracker in (*entered, joining.shared):
                    for task in () if tracker is None else tracker.tasks:
                        _host.current.hand_out(task)
        if (
            (_given is not None if joins else _leaves_no_line())
            and not has_handles()
            and not is_patched()
            and hasattr(os.environ, "_data")
        ):
            _prepare_brief_loop(_given)
            if process_hooks.at_once is not None:
                circumstances = _circumstances()
                _last = _given, _terminal
                # Another thread's task that came after the others were handed out is not among them.
                _prepared_for = circumstances if known == (task_tree.last_number, *entered) else None
    except Exception:  # an error of the display must not keep the worker from starting
        _given = process_hooks.at_once = None


def _leaves_no_line() -> bool:
    """Return whether a brief loop of a worker, which has no hub to report to, would not be shown: in a log."""
    core = current_tracker()._core
    return core.terminal is None and not OBSERVERS and writes_as_printed(core.renderer, core.current_stream())


def _circumstances() -> tuple[object, ...] | None:
    """Return what the preparation of a fork depends on; None where each fork needs one.

    While it stays the same, workers are forked as the last one was: this process copies each memory page that it writes to after a
    fork, and the preparation writes to a hundred. Values of the environment are read without decoding them for the same reason.
    """
    environ: Any = getattr(os.environ, "_data", None)  # private: without it, each fork is prepared
    if has_handles() or environ is None or (_host.current is None and (entered or is_wanted())):
        return None
    core = (current_tracker() if _host.current is None else _host.current.tracker)._core
    return (
        None if _host.current is None else _host.current.hub.brief_writer,
        *entered,
        multiprocessing_hook.first_loop,
        core.renderer,
        core.stream,
        core.terminal,
        core.capture.mode,
        sys.stderr,
        sys.stdout,
        task_tree.last_number,
        *OBSERVERS,
        *map(environ.get, _DEPENDED_ON),
    )


def _preload(names: tuple[str, ...]) -> bool:
    """Import modules before forking, and return whether that was possible: a worker with one short loop would spend most of its time
    on imports.

    If another thread is just importing one of them, this waits. Without that, the worker, which lacks that thread, would hang.
    """
    try:
        if names not in _preloaded:
            for name in names:
                import_module(name)
            _preloaded.add(names)
    except Exception:  # no descriptors left, or the interpreter ends: the worker must start all the same
        return False
    return True


def _prepare_brief_loop(given: str | None) -> None:
    """Prepare the fork of a worker whose first loop is a brief one, and that sets up everything else when it uses a tracker.

    Args:
        given: The address of the hub that the worker joins; None if it joins none, and nobody is told of the loop.
    """
    global _at_once
    from .._tracking import brief_loop

    if _host.current is not None:
        _brief_ends.writer = _host.current.hub.brief_writer
    tell = brief_loop.tell_nobody if given is None else _brief_ends.tell
    # The pipe is this process's, or that of the process that forked it.
    if given is None or _brief_ends.writer is not None:
        brief_loop.prepare(tell, forked_child.settle)
        if multiprocessing_hook.first_loop is None:
            multiprocessing_hook.first_loop = brief_loop.first_loop  # here, since the child would copy six pages for it
        if multiprocessing_hook.first_loop is brief_loop.first_loop:
            brief_loop.without_first[0] = os.getpid()
            _at_once = _set_up(given)
            process_hooks.put_off()
            process_hooks.at_once = _at_once


def _set_up(given: str | None) -> Callable[[], None]:
    """Return a function that does the part of a forked worker's set-up that cannot wait.

    The worker may live for a millisecond only, and copies each memory page that it writes to, at some microseconds a page. So the
    function has all that it uses at hand; to set the variable in `os.environ`, which encodes it, would write to twenty more.
    """
    name, value, putenv = os.fsencode(VARIABLE), os.fsencode(given or ""), os.putenv
    set_item = os.environ._data.__setitem__  # type: ignore[attr-defined]  # private: `_before_fork` has found it
    handles = {} if _host.current is None else _host.current.handles

    def set_up() -> None:
        if value:
            set_item(name, value)
            putenv(name, value)
        for task in handles.values():
            if task._end is None:
                task.__class__ = Untouched

    return set_up


def _in_child() -> None:
    """Join the parent's hub, in a worker that was forked."""
    global _given, _prepared_for
    given, _given, _prepared_for = _given if process_hooks.was_prepared() else None, None, None
    if given is None:
        return
    multiprocessing_hook.is_worker = True
    os.environ[VARIABLE] = given
    share_tasks(_host.inherited)
    for tracker in entered:
        _make_client(tracker._core)
    if joining.shared is not None:
        _make_client(joining.shared._core)
    if _terminal is not None:
        multiprocessing_hook.capture_words(_terminal)


def _add_brief_loop() -> None:
    """Make the brief loop of a forked worker an ordinary task."""
    brief_loop = sys.modules.get("progresskit._tracking.brief_loop")
    if brief_loop is not None:
        brief_loop.add_tasks()


def _make_client(core: TrackerCore) -> None:
    """Send the frames of `core` to the hub from now on."""
    core.renderer = _CLIENT
    if core.stream is not None:
        core.stream = None
    if core.terminal is not None:
        core.terminal = None
    core.given_ticker = process_hooks.TICKER
    core.forget()
    core.hub_link.is_client = True


_CLIENT = hub_client(None, "the parent has a hub")
process_hooks.before_fork(_before_fork)
process_hooks.in_child(_in_child)
process_hooks.when_in_order(_add_brief_loop)
