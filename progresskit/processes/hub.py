"""The hub: a socket on which other processes send their frames, for a feed to show.

Knows connections: who is there, when to read, and how much each may send. Does not know how anything is drawn: it is a transport
of `progresskit.processes.feed`. Its own thread reads, and the inbox keeps what it has read until a frame is drawn. A thread that asks
for a count first reads the sockets, so a count is exact as soon as the caller can know that the counting process has ended.
"""

from __future__ import annotations

import os
import select
import selectors
import socket
import threading
import time
from _thread import RLock
from contextlib import ExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .._display import process_hooks
from .._system.job import OWN_HUBS
from .._system.platform import HAS_FORK, has_poll, has_unix_sockets
from .._system.threads import QuickThread, is_patched, native
from .._tracking.multiprocessing_hook import VARIABLE
from ._brief_ends import Pipe
from ._inbox import Inbox, Sender
from ._listener import Listener
from ._protocol import ASK, CROWD, ENDED, FRAME, HELLO, LARGEST, SHOWN, Splitter, message, read_hello

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Self

    from .._model.address import Address
    from ._marks import Mark
    from .feed import Feed

PAUSE = 0.02
"""Seconds between two reads of the sockets while clients send: one read then serves many clients."""
SHOWN_SECONDS = 1.0
"""Seconds that the hub's thread waits for the frame that a client waits for."""
PIPE_PAUSE = 0.1
"""Seconds between two reads of the pipe by the hub's thread, which is as often as frames show what came: a process that forks one short
worker after the other would wake the thread for each."""
HELLO_SECONDS = 5.0
"""Seconds within which a client must send `HELLO`."""
STRANGERS = 256
"""The most connections without a `HELLO`; beyond it the hub closes the oldest, after `GRACE_SECONDS`."""
GRACE_SECONDS = 0.5
"""Seconds that each connection has for its `HELLO`, however many there are."""
MOST_LINES = 10_000
"""Pending lines beyond which the hub stops reading until the display has drawn some."""
MOST_READ = 1 << 16
"""Bytes in one read."""
JOIN_SECONDS = 86_400.0
"""Seconds that `stop` waits for the thread, which ends by itself."""
MOST_READS = 1_000
"""Reads after which `_read_all` leaves the rest to the hub's thread."""


class _Client(Sender):
    """One connection."""

    def __init__(self, connection: socket.socket, since: float) -> None:
        super().__init__()
        self.socket = connection
        self.since = since
        self.splitter = Splitter()


class Hub:
    """A socket whose clients `feed` shows.

    A process becomes a client if its environment holds `hub.environment` when it shows its first task. `start` or `with` starts
    the hub, and `stop` ends its thread; the caller starts and stops the feed itself.

    Args:
        feed: The feed that shows the clients' tasks.
        tcp: Whether to listen on the loopback interface, where only the key protects the hub; None: only if the system has no
            Unix sockets.

    Raises:
        TypeError: `feed` is no feed, such as a tracker that shows its own tasks alone.
        OSError, RuntimeError: no socket can be made, or no thread started (from `start`).

    Example:
        >>> feed = Feed(RecordingRenderer(), ticker=ManualTicker())
        >>> with Hub(feed) as hub:
        ...     list(hub.environment)
        ['PROGRESSKIT_HUB']
    """

    def __init__(self, feed: Feed, *, tcp: bool | None = None) -> None:
        if not hasattr(feed, "receive"):
            raise TypeError(
                f"feed is {type(feed).__name__}: give a Feed, a tracker that shows other processes' tasks as well."
            )
        self._inbox = Inbox(feed)
        self._tcp = not has_unix_sockets() if tcp is None else tcp
        self._listener: Listener | None = None
        self._pipe: Pipe | None = None  # which forked workers inherit
        self._pipe_due: float | None = None  # when the hub's thread watches the pipe again, which it has just read
        self._refused = self._dropped = 0
        # The system's locks, under gevent too, whose loop gives its own: the loop's thread may wait for the one that wants the lock.
        self._lock = RLock()  # guards the clients
        self._clients: set[_Client] = set()
        self._reading = RLock()  # held while reading from the sockets
        self._reader: int | None = None  # the thread that holds `_reading`
        self._serving: int | None = None  # the hub's own thread
        self._crowd = self._told_crowd = 0  # clients that send frames: now, and as last sent to all of them
        self._questions = 0
        self._poll: Callable[[int], object] | None = None
        self._closed = True
        self._stopping = threading.Event()
        self._thread: Any = None  # a `QuickThread`, or a greenlet of gevent's

    @property
    def feed(self) -> Feed:
        """The feed that shows the clients' tasks."""
        return self._inbox.feed

    @property
    def refused(self) -> int:
        """The number of refused connections: a wrong key, another user, no `HELLO` in time."""
        return self._refused + (0 if self._listener is None else self._listener.refused)

    @property
    def dropped(self) -> int:
        """The number of dropped messages: malformed or oversized."""
        return self._dropped + self._inbox.dropped

    @property
    def address(self) -> Address:
        """The address of the hub's socket with its key, which is a secret.

        Raises:
            RuntimeError: the hub has not been started.
        """
        if self._listener is None:
            raise RuntimeError("this hub has no address: start it first.")
        return self._listener.address

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that make a process a client."""
        return {VARIABLE: str(self.address)}

    @property
    def clients(self) -> int:
        """The number of connected processes."""
        with self._lock:
            return sum(client.order is not None for client in self._clients)

    @property
    def brief_writer(self) -> int | None:
        """The descriptor to which forked workers write the ends of brief loops; None if there is none."""
        return None if self._pipe is None else self._pipe.writer

    # Start and stop

    def start(self) -> None:
        """Open the socket, and start the thread that reads from it."""
        self._open()
        process_hooks.DESCRIPTORS.update(each.fileno() for each in self._sockets())
        if self._pipe is not None:
            process_hooks.DESCRIPTORS.add(self._pipe.reader)
        self._poll = _poll_for(self._selector)
        self.feed.before_frame = self._inbox.give
        OWN_HUBS[str(self.address)] = os.getpid()
        _hubs.append(self)
        self._closed = False
        self._stopping.clear()
        try:
            if is_patched():  # a bare greenlet: it lives on in a forked child, where `threading` forgets its threads
                self._thread = import_module("gevent").spawn(self._serve)
            else:  # a thread that `threading` knows costs each forked child a dozen memory pages
                self._thread = QuickThread(self._serve)
        except RuntimeError:  # no thread can be started
            self._thread = None
            self._close()
            raise

    def _open(self) -> None:
        """Open all sockets, or none."""
        with ExitStack() as opened:
            listener = Listener(tcp=self._tcp)
            opened.callback(listener.remove)
            opened.enter_context(listener.socket)
            waker, woken = socket.socketpair()
            opened.enter_context(waker)
            opened.enter_context(woken)
            waker.setblocking(False)
            woken.setblocking(False)
            selector = opened.enter_context(selectors.DefaultSelector())
            selector.register(listener.socket, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            if HAS_FORK:
                pipe = Pipe()
                opened.callback(pipe.close)
                selector.register(pipe.reader, selectors.EVENT_READ)
                self._pipe, self._pipe_due = pipe, None
            self._listener, self._waker, self._woken, self._selector = listener, waker, woken, selector
            self._opened = opened.pop_all()

    def stop(self) -> None:
        """Read and deliver everything that clients have sent so far, and close. Clients that run on fall back to `plain`."""
        if self._thread is None:
            return
        self._stopping.set()
        self._wake()
        self._thread.join(JOIN_SECONDS)
        self._thread = None
        self._read_all(1.0)  # messages in transit, above all the final states
        self._inbox.give()
        self._close()

    def move(self, feed: Feed) -> None:
        """Show the clients with `feed` from now on: each appears with its next frame."""
        self._inbox.move(feed)

    def catch_up(self, patience: float = 1.0) -> None:
        """Deliver all that clients have sent so far, reading for at most `patience` seconds."""
        if self._thread is not None:
            self._read_all(patience)
            self._inbox.give()

    def follow_marks(self, follow: bool = True) -> None:
        """Hold back what clients have sent behind a mark until `reach` is called for it, or until no mark is followed any more."""
        self._inbox.follows_marks = follow

    def awaited_marks(self) -> list[Mark]:
        """Return the marks for which something is held back."""
        return self._inbox.awaited_marks()

    def reach(self, marks: Iterable[Mark], patience: float) -> None:
        """Deliver what clients have sent up to the next mark behind `marks`, which have been reached among their words; read for at
        most `patience` seconds."""
        self._read_all(patience)
        for mark in marks:
            self._inbox.reach(mark)
        self._inbox.give()

    def read_counts(self) -> None:
        """Deliver the counts that clients have sent so far. Costs a microsecond if there are none."""
        if self._thread is None or self._reader == threading.get_ident():
            return
        if self._has_news():
            self._read_all(1.0)
            if self._inbox.is_pending:
                self._wake()  # so that the hub's thread announces the other messages
        self._inbox.give_counts()

    def deliver_lines(self, patience: float) -> None:
        """Deliver the lines and ended tasks that clients have sent so far, and what came with them, so that the next line stands below
        them, within `patience` seconds for each of reading and waiting for others. Costs a microsecond if there is nothing to read."""
        if self._thread is None or self._reader == threading.get_ident():
            return
        if self._has_news():
            self._read_all(patience)
            if self._inbox.is_pending:
                self._wake()
        if self._inbox.lines or self._inbox.ends:
            self._inbox.give(patience)
        self.feed._core.move_ends()

    def _has_news(self) -> bool:
        """Whether there is something to read, or another thread is sorting what it has read."""
        try:
            # Poll first: in the other order, both checks could miss a read that begins between them.
            return self._poll is None or bool(self._poll(0)) or self._reader is not None
        except RuntimeError:  # another thread polls at the same time
            return True

    def ask(self, patience: float = 1.0) -> None:
        """Ask all counting clients for their counts so far, and wait at most `patience` seconds for the answers."""
        if self._thread is None:
            return
        until = time.monotonic() + patience
        self._read_all(patience)
        self._questions += 1
        question = self._questions
        with self._lock:
            asked = [client for client in self._clients if client.is_counter]
        for client in asked:
            try:
                client.socket.send(message(ASK, b"%d" % question))
            except OSError:  # it is closing, or does not read
                pass
        while any(client.answered < question and client in self._clients for client in asked):
            left = until - time.monotonic()
            if left <= 0:
                break
            self._read_sockets(min(left, 0.05))
        self.read_counts()

    def _wake(self) -> None:
        try:
            self._waker.send(b"x")
        except OSError:  # the buffer is full: the thread will wake anyway
            pass

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def forget(self) -> None:
        """Drop the sockets in a forked child, without closing them: the child has closed its descriptors already, so that clients
        see when the parent closes its own. The child keeps the writing end of the pipe."""
        self._thread = self._pipe = None
        self._closed = True
        if is_patched():  # the hub's greenlet ends; another thread may hold the lock of the event that is there
            self._stopping = threading.Event()
            self._stopping.set()
        self._selector.close()  # do not unregister: after a fork that would change the parent's selector
        for each in self._sockets():
            each.detach()
        self._clients.clear()

    def _sockets(self) -> list[socket.socket]:
        listening = [] if self._listener is None else [self._listener.socket]
        return [*listening, self._waker, self._woken, *(client.socket for client in self._clients)]

    def _close(self) -> None:
        """Close all sockets, and forget the clients."""
        with self._reading:
            self._closed = True
            for each in self._sockets():
                process_hooks.DESCRIPTORS.discard(each.fileno())
            if self._pipe is not None:
                process_hooks.DESCRIPTORS.discard(self._pipe.reader)
                self._pipe = None
            for client in self._clients:
                client.socket.close()
            self._clients.clear()
            self._opened.close()
        OWN_HUBS.pop(str(self.address), None)
        _hubs.remove(self)

    # Reading, mostly in the hub's thread

    def _serve(self) -> None:
        self._serving = threading.get_ident()
        while not self._stopping.is_set():
            while self._behind and not self._stopping.wait(PAUSE):
                pass  # the terminal is slow: clients keep their messages and merge them
            with self._reading:
                waits = [1.0] if self._strangers() else []
                waits += self._watch_pipe(time.monotonic())
            moved = self._read_sockets(min(waits, default=None))
            if self._inbox.is_pending:
                self.feed.announce()
            if not self._answer_shown() and moved:
                self._stopping.wait(PAUSE)

    def _watch_pipe(self, now: float) -> list[float]:
        """Watch the pipe again if it is time to, and return the seconds until it is, if it is not. The hub's thread calls this."""
        if self._pipe_due is None or self._pipe is None or self._closed:
            return []
        if self._pipe_due > now:
            return [self._pipe_due - now]
        self._selector.register(self._pipe.reader, selectors.EVENT_READ)
        self._pipe_due = None
        return []

    def _answer_shown(self) -> bool:
        """Show all that clients have sent where one of them waits for that, answer it, and return whether one did."""
        with self._lock:
            waiting = [(client, client.awaited) for client in self._clients if client.awaited is not None]
        if not waiting:
            return False
        refresh = getattr(self.feed._core.ticker, "refresh", None)
        if refresh is not None:
            refresh(SHOWN_SECONDS)
        for client, body in waiting:
            if client.awaited == body:
                client.awaited = None
            try:
                client.socket.send(message(SHOWN, body))
            except OSError:  # it is closing
                pass
        return True

    @property
    def _behind(self) -> bool:
        return len(self.feed._core.lines.items) + self._inbox.lines > MOST_LINES

    def _read_all(self, patience: float) -> None:
        """Read all that clients have sent so far, in the calling thread. Clients that keep sending are read later."""
        until = time.monotonic() + patience
        for _ in range(MOST_READS):
            if not self._read_sockets(0) or time.monotonic() > until:
                break

    def _read_sockets(self, timeout: float | None) -> int:
        """Read from all ready sockets and the pipe, after waiting at most `timeout` seconds for one, and return the number of sockets.

        Any thread may call this. When it returns, the hub's own thread has also finished any read that it had begun.
        """
        if self._reader == threading.get_ident():  # a signal handler interrupted a read
            return 0
        try:
            events = [] if timeout == 0 else self._selector.select(timeout)
        except (OSError, ValueError, TypeError):  # another thread has closed it; gevent's raises TypeError then
            return 0
        with self._reading:
            if self._closed:
                return 0
            self._reader = threading.get_ident()
            try:
                if timeout == 0:
                    events = self._poll_natively() if is_patched() and has_poll() else self._selector.select(0)
                    if self._pipe is not None and self._pipe_due is not None:
                        self._inbox.store_brief_ends(self._pipe.read())
                return self._handle(events)
            finally:
                self._reader = None

    def _poll_natively(self) -> list[tuple[selectors.SelectorKey, int]]:
        """Return the events that are there by now. gevent's selector has only those of before its loop last ran."""
        keys = {key.fd: key for key in self._selector.get_map().values()}
        poll = native("select", "poll")()
        for descriptor in keys:
            poll.register(descriptor, native("select", "POLLIN"))
        return [(keys[descriptor], selectors.EVENT_READ) for descriptor, _ in poll.poll(0)]

    def _handle(self, events: list[tuple[selectors.SelectorKey, int]]) -> int:
        ready = [key.fileobj for key, _ in events if key.fileobj is not self._woken]
        if len(ready) < len(events) and not self._stopping.is_set():
            try:
                self._woken.recv(64)
            except BlockingIOError:  # another thread was here first
                pass
        for key, _ in events:  # first: a process may have closed one connection, and opened another one
            if key.data in self._clients:
                self._read(key.data)
        pipes = 0
        for each in ready:
            if self._listener is not None and each is self._listener.socket:
                self._accept(self._listener)
            elif self._pipe is not None and each == self._pipe.reader:
                pipes = 1
                self._inbox.store_brief_ends(self._pipe.read())
                if self._reader == self._serving:
                    self._selector.unregister(each)
                    self._pipe_due = time.monotonic() + PIPE_PAUSE
        return len(ready) - pipes

    def _accept(self, listener: Listener) -> None:
        try:
            for connection in listener.accept():
                process_hooks.DESCRIPTORS.add(connection.fileno())
                client = _Client(connection, time.monotonic())
                with self._lock:
                    self._clients.add(client)
                self._selector.register(connection, selectors.EVENT_READ, client)
                self._read(client)  # its `HELLO` has usually arrived, so many new clients do not count as strangers
        except OSError:  # no descriptor left: queued connections wait until a client has closed
            self._stopping.wait(0.1)

    def _strangers(self) -> bool:
        """Return whether a connection has not sent its `HELLO`, and close those that take too long."""
        waiting = [client for client in self._clients if client.order is None]
        if not waiting:
            return False
        waiting.sort(key=lambda client: client.since)
        now = time.monotonic()
        for number, client in enumerate(waiting):
            patience = GRACE_SECONDS if len(waiting) - number > STRANGERS else HELLO_SECONDS
            if now - client.since > patience:
                self._refused += 1
                self._drop(client)
        return True

    def _read(self, client: _Client) -> None:
        for _ in range(16):  # a bound, so that other clients get their turn
            try:
                data = client.socket.recv(MOST_READ)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._drop(client)
                return
            try:
                messages = client.splitter.feed(data)
                if client.order is None and messages:
                    messages = self._introduce(client, messages[0])
            except ValueError:
                if client.order is None:
                    self._refused += 1
                else:
                    self._dropped += 1
                self._drop(client)
                return
            if messages:
                self._store(client, messages)
            if len(data) < MOST_READ and not client.leaving:
                return  # the selector reports further data; another read would cost as much

    def _introduce(self, client: _Client, first: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
        kind, body = first
        if kind != HELLO:
            raise ValueError("a client's first message is its HELLO.")
        who = read_hello(body, self.address.key)
        client.order = (who.start, who.pid)
        client.splitter.largest = LARGEST
        return client.splitter.feed(b"")

    def _store(self, client: _Client, messages: list[tuple[bytes, bytes]]) -> None:
        if not client.sends_frames and any(kind in (FRAME, ENDED) for kind, _ in messages):
            client.sends_frames = True
            self._tell_crowd(1, client)
        self._inbox.store(client, messages)
        if client.awaited is not None and self._reader != self._serving:
            self._wake()  # the hub's own thread answers

    def _tell_crowd(self, change: int, newcomer: _Client | None = None) -> None:
        """Change the number of clients that send frames by `change`, and send it to `newcomer`.

        Sends it to all clients once it differs by a quarter from the number last sent: a message for each newcomer to each client
        would be quadratic. Sends nothing over TCP: there, a client that closes with unread bytes resets the connection, and the
        hub would lose the client's last messages.
        """
        self._crowd += change
        if self._tcp:
            return
        with self._lock:
            receivers = [newcomer] if newcomer is not None else []
            if not 0.75 * self._told_crowd <= self._crowd <= 1.25 * self._told_crowd:
                self._told_crowd = self._crowd
                receivers = [client for client in self._clients if client.sends_frames]
        for client in receivers:
            try:
                client.socket.send(message(CROWD, b"%d" % self._crowd))
            except OSError:  # it is closing or does not read
                pass

    def _drop(self, client: _Client) -> None:
        """Remove `client`, whose connection has ended."""
        self._selector.unregister(client.socket)
        process_hooks.DESCRIPTORS.discard(client.socket.fileno())
        client.socket.close()
        with self._lock:
            self._clients.discard(client)
        if client.sends_frames:
            self._tell_crowd(-1)
        if client.order is not None:
            self._inbox.store_end(client)


def _poll_for(selector: selectors.BaseSelector) -> Callable[[int], object] | None:
    """Return a function that polls all sockets of `selector` in one system call; None if the selector has no descriptor."""
    fileno = getattr(selector, "fileno", None)
    if fileno is None or not has_poll():
        return None
    poll = select.poll()
    poll.register(fileno(), select.POLLIN)
    return poll.poll


_hubs: list[Hub] = []


def _in_child() -> None:
    hubs, _hubs[:] = list(_hubs), []
    for hub in hubs:
        hub.forget()


process_hooks.in_child(_in_child)
