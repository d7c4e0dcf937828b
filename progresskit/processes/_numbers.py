"""The numbers that a process sends to a hub: its counts for tasks that another process handed to it, and the counts of its ended
tasks that no frame has shown.

Numbers have a connection of their own, so that they do not wait for frames. The process sends them

- before a worker sends anything through multiprocessing: a parent that has the worker's result also has its counts, even if it
  kills the worker at once;
- soon after they change, from a thread that runs in processes which count in another process's tasks;
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
from .._display.display_set import is_redirected, terminal_of
from .._system.job import hub_address
from .._system.platform import has_poll
from .._system.threads import block_signals, is_patched, native, start
from .._tracking.hub_link import settle_ended
from .._tracking.multiprocessing_hook import is_child_of, loaded
from ..renderers.destinations import prefer_hub
from ._connection import Connection
from ._ended_counts import SHORT_TASK_SECONDS, UnseenTasks
from ._protocol import ANSWER, ASK, BYE, COUNTS, ENDED_COUNTS, message, pack_counts
from ._sudden_ends import SUDDEN_SECONDS, send_before_sudden_ends

if TYPE_CHECKING:
    from .._tracking.core import TrackerCore
    from .._tracking.task import Task

SHORTEST_WAIT, LONGEST_WAIT = 0.1, 0.5
"""Seconds between two checks of the counts by the thread: while counts change, and while none does."""
RECENT = 32
"""Handed-out tasks that each flush checks: those received or counted in last. The thread checks all of them."""
MOST_UNSENT = 1 << 16
"""Bytes kept while the hub does not read; beyond that, counts are sent later, in one message."""
MOST_IN_ONE = 10_000
"""Counts in one message."""
LINES_SECONDS = 5.0
"""The most seconds that a worker's result waits for lines that the worker wrote before it."""
CLOSE_SECONDS = 1.0
"""Seconds that the process waits at its end for a hub that does not read."""


class _Share:
    """The units that this process has counted of one task."""

    __slots__ = ("base", "sent", "task")

    def __init__(self, task: Task, base: int | float) -> None:
        self.task = task
        self.base = base
        self.sent: int | float = 0


class Numbers:
    """The numbers of this process for the hub at `address`. Any thread may call it; only `close` waits for the hub."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._lock = RLock()
        self._is_sending = False  # guards against a signal handler that flushes during a send
        self._connection: Connection | None = None
        self._is_gone = False
        self._shares: dict[int, _Share] = {}
        self._recent: dict[int, None] = {}  # the latest last
        self._unseen = UnseenTasks()
        self._tasks_sent = 0  # how many of these tasks have been sent
        self._flushed = time.monotonic()
        self._thread: Any = None

    def add(self, number: int, task: Task, base: int | float) -> None:
        """Send the units that `task` counts beyond `base` as this process's share of the hub's task `number`."""
        with self._lock:
            self._shares[number] = _Share(task, base)
            self.note_use(number)
            if self._thread is None and not self._is_gone:
                self._thread = False
                self._send(message(COUNTS))  # so that the hub knows that this client counts
                _prepare()
                try:
                    self._thread = start(self._listen, "progresskit counts")
                except RuntimeError:  # no threads here: results and the process's end carry the counts
                    pass

    def note_use(self, number: int) -> None:
        """Note that the hub's task `number` was received or counted in."""
        recent = self._recent
        recent.pop(number, None)
        recent[number] = None
        if len(recent) > RECENT:
            recent.pop(next(iter(recent)), None)

    def note_unseen(self, task: Task) -> None:
        """Count `task`, which has ended before a frame could show it."""
        _prepare()
        now = time.monotonic()
        with self._lock:
            self._unseen.note(task, now)
        if now - self._flushed > SHORTEST_WAIT:
            self.flush()

    def flush(self, *, everything: bool = False) -> bool:
        """Send changed numbers as far as the hub accepts them, and return whether any had changed.

        Args:
            everything: Whether to check all handed-out tasks, and not only those used last.
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
        """Return messages with all numbers that have changed. The caller holds the lock."""
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
        if self._unseen.tasks != self._tasks_sent:
            data += message(ENDED_COUNTS, self._unseen.encode(age=self._unseen.age(self._flushed)))
            self._tasks_sent, self._unseen.began = self._unseen.tasks, None  # the age is that of what is new
        return data

    def _send(self, data: bytes) -> None:
        """Send pending bytes, then `data`. The caller holds the lock."""
        self._is_sending = True
        try:
            if self._connection is None:
                self._connection = Connection(self._address)
            self._connection.out += data
            self._connection.flush()
        except (OSError, ValueError):  # the hub has closed: nobody needs the counts any more
            self._is_gone = True
        finally:
            self._is_sending = False

    def close(self) -> None:
        """Send all numbers and `BYE`, and wait at most `CLOSE_SECONDS` for a hub that does not read."""
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
            until = time.monotonic() + CLOSE_SECONDS
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
    """Return whether the hub sends something within `seconds`, or has closed."""
    try:
        if has_poll() or is_patched():
            poll = native("select", "poll")()
            poll.register(connection.socket, native("select", "POLLIN"))
            return bool(poll.poll(1000 * seconds))
        return bool(select.select([connection.socket], [], [], seconds)[0])
    except (OSError, ValueError):  # another thread has closed it
        return True


# All numbers of the process

_all: dict[str, Numbers] = {}


def numbers_for(address: str) -> Numbers:
    """Return the `Numbers` of this process for the hub at `address`."""
    found = _all.get(address)
    if found is None:
        found = _all.setdefault(address, Numbers(address))
    return found


def note_unseen(tracker: TrackerCore, task: Task) -> bool:
    """Report `task` of `tracker`, which has ended before a frame could show it, to the hub that shows that tracker, if one does.

    Return whether `task` needs a line of its own. Long tasks do: which tasks of half a second a frame happens to show is chance.
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


def _send_all(seconds: float) -> None:
    """Send changed numbers, and ended tasks and lines, those of programs that this process has started among them.

    `seconds` is the longest of each of the two waits of `flush_all`.
    """
    flush()
    capture = sys.modules.get("progresskit._display.capture")
    if capture is not None:
        capture.drain_relays()
    process_hooks.TICKER.flush_all(seconds)


def send_at_any_end() -> None:
    """Send everything before this process ends also where it calls no exit functions."""
    send_before_sudden_ends(_send_suddenly)


def _send_suddenly() -> None:
    _send_all(SUDDEN_SECONDS)


def _close_all() -> None:
    settle_ended()
    for each in list(_all.values()):
        each.close()


_prepared = 0


def _prepare() -> None:
    """Arrange that numbers are sent before a worker's results, and at the end of the process."""
    global _prepared
    if _prepared == os.getpid():
        return
    _prepared = os.getpid()
    process_hooks.at_end(_close_all)
    send_at_any_end()
    if any(map(is_child_of, loaded("process"))) and loaded("connection"):
        send_before_results()  # without that module nothing can be sent


def send_before_results() -> None:
    """Send this worker's numbers and captured lines before anything that it sends through multiprocessing, and at its end.

    Waiting for the thread is not enough: leaving `with Pool()` kills the workers as soon as the last result arrives, so exact
    counts must be in the socket before the result is in the pipe. Pools, executors, joblib, queues and pipes all send by this one
    method. It is private to the standard library: if it is missing, the thread sends the numbers at its next check.
    """
    process_hooks.see_to_the_end()
    try:
        import multiprocessing.connection  # noqa: F401
    except ImportError:  # a process that is being spawned cannot import it yet
        pass
    for module in loaded("connection"):
        _send_before_results(getattr(module, "Connection", None))


def _send_before_results(connection: Any) -> None:
    send = getattr(connection, "_send_bytes", None)
    if send is None or getattr(send, "progresskit", False):
        return

    def _send_bytes(self: Any, buffer: Any) -> Any:
        try:
            _send_all(LINES_SECONDS)
        except Exception:  # an error of the display must not reach the job
            pass
        return send(self, buffer)

    _send_bytes.progresskit = True  # type: ignore[attr-defined]  # marks the replacement
    connection._send_bytes = _send_bytes


def _in_child() -> None:
    _all.clear()  # `_connection` closes the connections


process_hooks.in_child(_in_child)
