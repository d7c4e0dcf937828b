"""Workers: the hub of a process that starts workers, and the handles of its tasks in those workers.

Knows which tracker shows the workers' tasks, and which task a worker's counts belong to. The first start of a worker makes the hub,
which runs until the process ends, because pools outlive trackers. Does not know how a worker is started.
"""

from __future__ import annotations

import os
import sys
import time
from _thread import RLock
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .._display import forked_child, process_hooks
from .._system.environment import is_disabled
from .._system.job import hub_address
from .._system.threads import is_patched
from .._tracking import joining, multiprocessing_hook, task_tree
from .._tracking.arguments import shared_kind
from .._tracking.core import TrackerCore
from .._tracking.joining import current_tracker, shared_tracker
from .._tracking.multiprocessing_hook import KEY, VARIABLE, JoinHub, is_wanted, starts_worker
from .._tracking.task import Task, _TickingTask
from .._tracking.tracker import ProgressTracker, entered, silent_tracker
from ..renderers.destinations import draws_rows, hub_client, writes_as_printed
from ..renderers.registry import OBSERVERS
from . import _brief_ends
from ._numbers import numbers_for

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from .feed import Feed
    from .hub import Hub

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
MOST_HANDLES = 1_000
"""The number of handed-out tasks from which on ended ones are removed."""

LINE_SECONDS = 0.02
"""The most seconds that a line of this process waits for workers' lines from before it."""
LEAVING_SECONDS = 1.0
"""The most seconds that the end of the process waits for workers that were interrupted with it."""
ASK_SECONDS = 1.0
"""The most seconds that the end of a tracker waits for the workers' counts."""

Count = int | float


class _Host:
    """The hub of this process and the feed that it fills."""

    def __init__(self, tracker: ProgressTracker) -> None:
        from .hub import Hub

        self.pid = os.getpid()
        self.tracker = tracker
        self.feed = self._feed(tracker)
        self.hub: Hub = Hub(self.feed)
        self.handles: dict[int, Task] = {}
        self._most_handles = MOST_HANDLES
        self._holds_capture = False
        self._shares: dict[int, _Shares] = {}
        self._by_source: dict[Hashable, set[_Shares]] = {}
        self._lock = RLock()  # guards the shares; held only for an addition
        self.hub.start()
        self.address = str(self.hub.address)
        try:
            from multiprocessing.util import Finalize

            # After multiprocessing has joined the workers. Kept, since each forked child would copy eight pages to free it.
            self._finalizer = Finalize(None, self._stop, exitpriority=-200)
            process_hooks.end_with_hub(self._stop_early)
        except ImportError:
            pass

    def _feed(self, tracker: ProgressTracker) -> Feed:
        from .feed import Feed

        feed = Feed.beside(tracker)
        feed.counted = self._count
        feed._core.lines.items = tracker._core.lines.items  # one queue, so that all lines are shown as they came
        # The feed's own lines are what is printed while the feed is the last to have begun to capture.
        tracker._core.lines.before_line = feed._core.lines.before_line = self._deliver_lines
        return feed

    def _deliver_lines(self) -> None:
        """Put the lines that workers have sent by now before a line that this process is about to add."""
        if self.pid != os.getpid():  # in a forked child
            return
        try:
            self.hub.deliver_lines(LINE_SECONDS)
        except Exception:  # a display's trouble is not the job's
            pass

    def move(self, tracker: ProgressTracker) -> None:
        """Show the workers with `tracker` from now on."""
        if tracker is self.tracker:
            return
        self.tracker._core.lines.before_line = None
        old, self.feed, self.tracker = self.feed, self._feed(tracker), tracker
        self.hub.move(self.feed)
        old.stop()
        if self._holds_capture:
            self.hold_capture()

    def hold_capture(self) -> None:
        """Have lines of this process wait for those that workers have sent before, whether or not rows stand."""
        self._holds_capture = True
        self.feed._core.capture.begin(self.feed._core, hold=True)

    def catch_up(self) -> None:
        """Show what workers have sent, and ask them for their counts of tasks that are not complete."""
        if any(task._end is None and not task.is_complete for task in self.handles.values()):
            self.hub.ask(ASK_SECONDS)
        self.hub.catch_up()

    def _stop(self) -> None:
        self.hub.stop()
        self.feed.stop()
        process_hooks.hub_has_stopped()

    def _stop_early(self) -> None:
        """Stop although multiprocessing has not joined the workers, interrupted by Ctrl-C. Most end of the same, and say so."""
        until = time.monotonic() + LEAVING_SECONDS
        try:
            from multiprocessing import active_children

            for process in active_children():
                process.join(max(until - time.monotonic(), 0.0))
        finally:
            self._stop()

    # Counts of tasks that were handed out

    def hand_out(self, task: Task) -> None:
        """Add the workers' counts of `task` to it from now on."""
        with TrackerCore.lock:
            if task.id in self.handles:
                return
            if len(self.handles) >= self._most_handles:
                for number in [number for number, each in self.handles.items() if each._end is not None]:
                    del self.handles[number]
                    self._shares.pop(number, None)
                self._most_handles = max(MOST_HANDLES, 2 * len(self.handles))
            shares = self._shares[task.id] = _Shares(self)
            task._made_extras.counters += (shares,)
            self.handles[task.id] = task

    def read_counts(self) -> None:
        """Read the counts that workers have sent."""
        if self.pid == os.getpid():  # in a forked child, this object is the parent's
            self.hub.read_counts()

    def _count(self, source: Hashable, counts: Mapping[int, Count] | None) -> None:
        with self._lock:
            if counts is None:
                for each in self._by_source.pop(source, ()):
                    each.fold(source)
                return
            for number, count in counts.items():
                shares = self._shares.get(number)
                if shares is not None:
                    shares.set_count(source, count)
                    self._by_source.setdefault(source, set()).add(shares)


class _Shares:
    """The workers' counts of one task: the latest of each live worker, and the sum of those that have ended."""

    __slots__ = ("_by", "_gone", "_host", "_sum")

    def __init__(self, host: _Host) -> None:
        self._host = host
        self._by: dict[Hashable, Count] = {}
        self._gone: Count = 0
        self._sum: Count = 0

    def count(self) -> Any:
        """Return the sum, including everything that workers have sent by now."""
        self._host.read_counts()
        return self._sum

    def set_count(self, source: Hashable, count: Count) -> None:
        self._by[source] = count
        self._sum = self._gone + sum(self._by.values())

    def fold(self, source: Hashable) -> None:
        self._gone += self._by.pop(source, 0)


_host: _Host | None = None
_lock = RLock()
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
    if _host is None and not entered and not is_wanted():
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
    core = (_host.tracker if _host is not None else current_tracker())._core
    if not core.capture.mode or not draws_rows(core.renderer, core.current_stream()):
        return None
    from .._display.terminal_keys import terminal_key_of

    key = terminal_key_of(core)
    if key is not None and _host is not None:
        _host.hold_capture()
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
    return _hosting().address


def _hosting() -> _Host:
    global _host
    if _host is None:
        with _lock:
            if _host is None:
                _host = _Host(current_tracker())
    return _host


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


def move(tracker: ProgressTracker) -> None:
    """Show existing workers with `tracker`, which has been entered."""
    forked_child.settle()
    with _lock:  # other threads enter and end trackers meanwhile
        if _host is not None and tracker in entered:
            _host.move(tracker)


def catch_up() -> None:
    """Deliver all that workers have sent so far."""
    forked_child.settle()
    if _host is not None:
        _host.hub.catch_up()


def detach(tracker: ProgressTracker) -> None:
    """Show what workers have sent for `tracker`, which ends, and move to another tracker."""
    forked_child.settle()
    if _host is not None and tracker is _host.tracker:
        _host.catch_up()  # without the lock, since it may wait for workers
    with _lock:
        others = [each for each in entered if each is not tracker]
        if _host is not None and tracker is _host.tracker:
            _host.hub.catch_up()
            _host.move(others[-1] if others else shared_tracker())


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
        joins = bool(entered or _host or is_wanted())
        if joins:
            _preload(PRELOADED_FOR_HUB)
            _given = address()
            _terminal = rows_terminal() if _given is not None else None
            if _terminal is not None:
                _preload(PRELOADED_FOR_WORDS)
            if _host is not None:
                for tracker in (*entered, joining.shared):
                    for task in () if tracker is None else tracker.tasks:
                        _host.hand_out(task)
        if (
            (_given is not None if joins else _leaves_no_line())
            and not _handles
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
    if _handles or environ is None or (_host is None and (entered or is_wanted())):
        return None
    core = (current_tracker() if _host is None else _host.tracker)._core
    return (
        None if _host is None else _host.hub.brief_writer,
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

    if _host is not None:
        _brief_ends.writer = _host.hub.brief_writer
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
    handles = {} if _host is None else _host.handles

    def set_up() -> None:
        if value:
            set_item(name, value)
            putenv(name, value)
        for task in handles.values():
            if task._end is None:
                task.__class__ = _Untouched

    return set_up


def _share_tasks(host: _Host | None) -> None:
    """Make the tasks of the parent's `host` handles, so that this process sends what it counts in them to the parent."""
    if host is not None and host.handles:
        own = host.address
        for number, task in host.handles.items():
            if task._end is None:
                _share(own, number, task)


def _in_child() -> None:
    """Join the parent's hub, in a worker that was forked."""
    global _host, _lock, _given, _prepared_for
    parents_host, _host = _host, None
    _lock = RLock()
    given, _given, _prepared_for = _given if process_hooks.was_prepared() else None, None, None
    _share_again()
    if given is None:
        return
    multiprocessing_hook.is_worker = True
    os.environ[VARIABLE] = given
    _share_tasks(parents_host)
    for tracker in entered:
        _make_client(tracker._core)
    if joining.shared is not None:
        _make_client(joining.shared._core)
    if _terminal is not None:
        multiprocessing_hook.capture_words(_terminal)


def _share_again() -> None:
    """Make handles anew for tasks that the parent itself has been handed. The parent sends what was counted before the fork."""
    handed = [(each.address, *known) for each in _handles.values() for known in each.known.items()] if _handles else ()
    if _numbers:
        for table in (_handles, _origins, _numbers):
            table.clear()
    for known in handed:
        _share(*known)


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


# Handles: tasks of another process


class _HandlesCore(TrackerCore):
    """The core of a tracker that draws nothing."""

    def show(self) -> None:
        """Do nothing: there are no rows to draw."""

    def note_end(self, task: Task) -> None:
        """Do nothing: the end of a handle does not end the task, which belongs to the other process."""


class _Handles(ProgressTracker):
    """The handles of another process's tasks: a tracker without rows, whose counts are sent as numbers."""

    is_elsewhere = True
    _core_type = _HandlesCore

    def __init__(self, address: str) -> None:
        super().__init__("none")
        self.address = address
        self.known: dict[int, Task] = {}


_handles: dict[str, _Handles] = {}


def _handles_of(address: str) -> _Handles:
    found = _handles.get(address)
    if found is None:
        found = _handles[address] = _Handles(address)
    return found


class _Untouched(Task):
    """A task of another process that this process has not counted in yet. The first count makes it an ordinary `Task`."""

    __slots__ = ()

    def advance(self, n: Count = 1) -> None:
        self._begin()
        self.advance(n)

    @property
    def tick(self) -> Callable[[], None]:  # type: ignore[override]  # a readable value, as the slot of a task
        self._begin()
        return self.tick

    def update(self, **changes: Any) -> None:
        self._begin()
        self.update(**changes)

    def track(self, iterable: Any, **options: Any) -> Any:
        self._begin()
        return self.track(iterable, **options)

    def _begin(self) -> None:
        """Become an ordinary task whose counts are sent to the hub."""
        forked_child.settle()
        with _lock:
            origin = _origins.pop(id(self), None)
            if origin is None:  # another thread has done it
                return
            address, number = origin
            try:
                numbers_for(address).add(number, self, self.completed)
            finally:
                kind: type[Task] = _TickingTask if hasattr(self, "_tick") else Task
                self.__class__ = kind  # type: ignore[assignment]  # a class of the same layout


_Untouched.__name__ = _Untouched.__qualname__ = "Task"
_origins: dict[int, tuple[str, int]] = {}  # by id() of tasks that this process has not counted in yet
_numbers: dict[int, tuple[str, int]] = {}  # by id() of all handles, so that they can be handed on


def _share(address: str, number: int, task: Task) -> None:
    _origins[id(task)] = _numbers[id(task)] = address, number
    task.__class__ = _Untouched
    _handles_of(address).known[number] = task


def reduce(task: Task) -> tuple[Any, ...]:
    """Return the function and arguments that make `task` in the process that unpickles it."""
    forked_child.settle()
    unit, color, *_ = task._kind
    origin = _numbers.get(id(task))
    if origin is None:
        try:
            host = _hosting()
        except (OSError, RuntimeError):  # no descriptors or threads left
            return _uncounted, (task.description, task.total, unit, color)
        host.hand_out(task)
        origin = host.address, task.id
    return handle, (*origin, task.description, task.total, unit, color)


def _uncounted(description: str, total: Count | None, unit: str, color: str | None) -> Task:
    """Return a task that is not shown, in place of one of a process whose hub could not start."""
    return silent_tracker().add_task(description, total, unit=unit, color=color)


def handle(address: str, number: int, description: str, total: Count | None, unit: str, color: str | None) -> Task:
    """Return the task `number` of the process whose hub is at `address`: there the task itself, elsewhere a handle for it."""
    forked_child.settle()
    if _host is not None and _host.address == address and number in _host.handles:
        return _host.handles[number]
    handles = _handles_of(address)
    known = handles.known.get(number)
    if known is None:
        kind = shared_kind((unit, color, False, None, False, None))
        known = Task(handles, number, description, total, 0, kind, handles.clock(), {})
        _share(address, number, known)
    known._end = None
    numbers_for(address).note_use(number)
    return known


__all__ = ["KEY", "VARIABLE", "address", "detach", "handle", "initializer", "move", "reduce"]
