"""What a process tells a hub in numbers: the counts of tasks that it was handed, and how many tasks have ended that
no frame has shown.

Numbers have a connection of their own, so that they wait for no frame. They are sent

- before whatever a worker sends through multiprocessing: who has its result has its counts, though the worker be ended with
  the next breath;
- soon after they have changed, by a thread that is there in processes that count in other processes' tasks;
- when the hub asks, and when the process ends.

Knows connections and when to send. Does not know which task of the other process a number belongs to.
"""

from __future__ import annotations

import os
import select
import sys
import time
from _thread import RLock
from typing import TYPE_CHECKING, Any

from .._display import process_hooks
from .._display.display import is_redirected, terminal_of
from .._system.platform import has_poll
from .._system.threads import block_signals, is_patched, native, start
from .._tracking.hub_link import settle_ended
from ..renderers.registry import hub_address, prefer_hub
from ._connection import Connection
from ._ended_counts import SHORT_TASK_SECONDS, EndedCounts
from ._protocol import ANSWER, ASK, BYE, COUNTS, ENDED_COUNTS, message, pack_counts

if TYPE_CHECKING:
    from .._tracking.core import TrackerCore
    from .._tracking.task import Task

SHORTEST_WAIT, LONGEST_WAIT = 0.1, 0.5
"""Seconds between two looks of the thread at what has been counted: while something is, and while nothing is."""
RECENT = 32
"""Handed tasks of which each flush takes the counts: those that were received or counted in last. The thread looks at all."""
MOST_UNSENT = 1 << 16
"""Bytes that wait for a hub that does not read; what is counted meanwhile goes later, all at once."""
MOST_IN_ONE = 10_000
"""Counts in one message."""
LAST_WORDS = 1.0
"""Seconds that a result waits at the most for lines that were written before it."""
FAREWELL = 1.0
"""Seconds that the end of the process waits for a hub that does not read."""


class _Share:
    """What this process does of one task."""

    __slots__ = ("base", "sent", "task")

    def __init__(self, task: Task, base: int | float) -> None:
        self.task = task
        self.base = base
        self.sent: int | float = 0


class Numbers:
    """The numbers of this process for the hub at `address`. Any thread may call; nothing waits for the hub but `close`."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._lock = RLock()
        self._is_sending = False  # a signal's handler may come in the middle of it
        self._connection: Connection | None = None
        self._is_gone = False
        self._shares: dict[int, _Share] = {}
        self._recent: dict[int, None] = {}  # the latest last
        self._ended_counts = EndedCounts()
        self._told = 0  # of these tasks, how many have been sent
        self._first: float | None = None  # when the first of the others began
        self._flushed = time.monotonic()
        self._thread: Any = None

    def add(self, number: int, task: Task, base: int | float) -> None:
        """Send what `task` counts beyond `base` as this process's share in the hub's task `number`."""
        with self._lock:
            self._shares[number] = _Share(task, base)
            self.note_use(number)
            if self._thread is None and not self._is_gone:
                self._thread = False
                self._send(message(COUNTS))  # so that the hub knows whom to ask
                _prepare()
                try:
                    self._thread = start(self._listen, "progresskit counts")
                except RuntimeError:  # no threads here: counts go with results and with the end
                    pass

    def note_use(self, number: int) -> None:
        """The hub's task `number` has been received, or counted in."""
        recent = self._recent
        recent.pop(number, None)
        recent[number] = None
        if len(recent) > RECENT:
            recent.pop(next(iter(recent)), None)

    def note_unseen(self, task: Task) -> None:
        """Count `task`, which has ended before a frame could show it."""
        _prepare()
        elapsed = task.elapsed
        now = time.monotonic()
        with self._lock:
            self._ended_counts.add(task.state, task.unit, task.completed)
            began = now - elapsed
            self._first = began if self._first is None else min(self._first, began)
        if now - self._flushed > SHORTEST_WAIT:
            self.flush()

    def flush(self, *, everything: bool = False) -> bool:
        """Send what has changed, as far as the hub takes it, and return whether anything had.

        Args:
            everything: Whether to look at all handed tasks, and not only at those that were used last.
        """
        with self._lock:
            if self._is_gone or self._is_sending:
                return False
            self._flushed = time.monotonic()
            unsent = 0 if self._connection is None else len(self._connection.out)
            data = b"" if unsent > MOST_UNSENT else self._changes(everything)
            if data or unsent:
                self._send(data)
            return bool(data)

    def _changes(self, everything: bool) -> bytes:
        """Return the messages that say what has changed. The caller holds the lock."""
        data = b""
        counts: dict[int, int | float] = {}
        for number in list(self._shares if everything else self._recent):
            share = self._shares.get(number)
            if share is None:
                continue
            count = share.task.completed - share.base
            if count != share.sent:
                share.sent = counts[number] = count
                if len(counts) >= MOST_IN_ONE:
                    data += message(COUNTS, pack_counts(counts))
                    counts = {}
        if counts:
            data += message(COUNTS, pack_counts(counts))
        if self._ended_counts.tasks != self._told:
            age = 0.0 if self._first is None else max(self._flushed - self._first, 0.0)
            data += message(ENDED_COUNTS, self._ended_counts.encode(age=age))
            self._told, self._first = self._ended_counts.tasks, None
        return data

    def _send(self, data: bytes) -> None:
        """Send `data` after what waits. The caller holds the lock."""
        self._is_sending = True
        try:
            if self._connection is None:
                self._connection = Connection(self._address)
            self._connection.out += data
            self._connection.flush()
        except (OSError, ValueError):  # the hub is gone: what is counted from here on is counted for nobody
            self._is_gone = True
        finally:
            self._is_sending = False

    def close(self) -> None:
        """Send all that was counted, and say goodbye. A hub that does not read is waited for, for a bounded time."""
        with self._lock:
            if self._is_gone:
                return
            self._flushed = time.monotonic()
            data = self._changes(everything=True)
            if self._connection is None and not data:
                return
            self._send(data + message(BYE))
            connection = self._connection
            if connection is None or self._is_gone:
                return
            until = time.monotonic() + FAREWELL
            while connection.out and not self._is_gone and time.monotonic() < until:
                connection.wait_until_writable(until - time.monotonic())
                self._send(b"")
            self._is_gone = True
            connection.close()

    # The thread

    def _listen(self) -> None:
        block_signals()
        connection = self._connection
        wait = SHORTEST_WAIT
        while connection is not None and not self._is_gone:
            moved = False
            if _is_readable(connection, wait):
                messages = connection.read()
                if messages is None:
                    self._is_gone = True
                    return
                for kind, body in messages:
                    if kind == ASK:
                        moved = self.flush(everything=True) or moved
                        with self._lock:
                            self._send(message(ANSWER, body))
            else:
                moved = self.flush(everything=True)
            wait = SHORTEST_WAIT if moved else min(1.5 * wait, LONGEST_WAIT)


def _is_readable(connection: Connection, seconds: float) -> bool:
    """Return whether the hub says something within `seconds`, or has closed."""
    try:
        if has_poll() or is_patched():
            poll = native("select", "poll")()
            poll.register(connection.socket, native("select", "POLLIN"))
            return bool(poll.poll(1000 * seconds))
        return bool(select.select([connection.socket], [], [], seconds)[0])
    except (OSError, ValueError):  # it was closed meanwhile
        return True


# Of the whole process

_all: dict[str, Numbers] = {}


def numbers_for(address: str) -> Numbers:
    """Return what tells the hub at `address` the numbers of this process."""
    found = _all.get(address)
    if found is None:
        found = _all.setdefault(address, Numbers(address))
    return found


def note_unseen(tracker: TrackerCore, task: Task) -> bool:
    """Tell the hub of `task` of `tracker`, which has ended before a frame could show it, if the hub shows that tracker.

    Return whether it is to be shown for itself: a frame comes when there is time for it, so which tasks of half a second one
    has shown is chance.
    """
    address = hub_address()
    if address is None:
        return False
    if tracker.hub_link.is_client is None:
        terminal = terminal_of(tracker)
        tracker.hub_link.is_client = prefer_hub(tracker.renderer, redirected=is_redirected(tracker, terminal)).is_remote
        if tracker.terminal is None:
            terminal.close()
    if not tracker.hub_link.is_client:
        return False
    if task.elapsed >= SHORT_TASK_SECONDS:
        return True
    numbers_for(address).note_unseen(task)
    return False


def flush() -> None:
    """Send all numbers of this process that have changed."""
    settle_ended()
    for each in list(_all.values()):
        each.flush()


def _close_all() -> None:
    settle_ended()
    for each in list(_all.values()):
        each.close()


_prepared = 0


def _prepare() -> None:
    """See to it that numbers go before results, and at the end."""
    global _prepared
    if _prepared == os.getpid():
        return
    _prepared = os.getpid()
    process_hooks.at_end(_close_all)
    process = sys.modules.get("multiprocessing.process")
    parent = getattr(process, "parent_process", None)
    if parent is not None and parent() is not None and "multiprocessing.connection" in sys.modules:
        send_before_results()  # without that module nothing can be sent


def send_before_results() -> None:
    """Have this worker's numbers, and the words of which it has been told, sent before whatever it sends through multiprocessing.

    Why not simply wait for the thread: leaving `with Pool()` kills the workers as soon as the last result is there, so what is
    to be exact must be in the socket before the result is in the pipe. All of them (pools, executors, joblib, queues, pipes)
    send by this one method. It is no public name: where it is missing, numbers come with the next look of the thread.
    """
    try:
        from multiprocessing import connection as connections  # one that is being spawned has not got it yet
    except ImportError:
        return
    connection = getattr(connections, "Connection", None)
    send = getattr(connection, "_send_bytes", None)
    if send is None or getattr(send, "progresskit", False):
        return

    def _send_bytes(self: Any, buffer: Any) -> Any:
        try:
            flush()
            process_hooks.TICKER.flush_all(LAST_WORDS)
        except Exception:  # a display's trouble is not the job's
            pass
        return send(self, buffer)

    _send_bytes.progresskit = True  # type: ignore[attr-defined]  # the mark by which it is known
    connection._send_bytes = _send_bytes  # type: ignore[union-attr]  # a class, where it has the method


def _in_child() -> None:
    _all.clear()  # connections are closed by their own module


process_hooks.in_child(_in_child)
