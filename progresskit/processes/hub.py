"""The hub: a socket on which other processes send their frames, for a feed to show.

Knows sockets, which processes may connect, and how much each may send. Does not know how anything is drawn: it is a transport of
`progresskit.processes.feed`. Its own thread reads, and keeps for each client only the newest frame, the newest numbers, ended tasks
and lines. The drawing thread decodes frames, once for each frame that it draws. A thread that asks for a count first reads the
sockets, so a count is exact as soon as the caller can know that the counting process has ended.
"""

from __future__ import annotations

import os
import select
import selectors
import socket
import struct
import tempfile
import threading
import time
from typing import TYPE_CHECKING

from .._display import process_hooks
from .._model.address import Address
from .._model.frames import decode
from .._system.platform import has_peer_credentials, has_poll, has_unix_sockets
from .._tracking.multiprocessing_hook import VARIABLE
from ..renderers import registry
from ._ended_counts import EndedCounts
from ._protocol import (
    ANSWER,
    ASK,
    BYE,
    COUNTS,
    CROWD,
    ENDED,
    ENDED_COUNTS,
    FRAME,
    HELLO,
    LARGEST,
    LINES,
    Splitter,
    message,
    read_count,
    read_hello,
    split_counts,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from .feed import Feed

PAUSE = 0.02
"""Seconds between two reads of the sockets while clients send: one read then serves many clients."""
PATIENCE = 5.0
"""Seconds within which a client must send `HELLO`."""
STRANGERS = 256
"""The most connections without a `HELLO`; beyond it the hub closes the oldest, after `GRACE_SECONDS`."""
GRACE_SECONDS = 0.5
"""Seconds that each connection has for its `HELLO`, however many there are."""
MOST_MISTAKES = 100
"""Malformed messages after which the hub ignores a client."""
MOST_LINES = 10_000
"""Pending lines beyond which the hub stops reading until the display has drawn some."""
MOST_PATH_BYTES = 100
"""The longest path of a Unix socket: some systems allow 104 bytes."""
MOST_COUNTS = 100_000
"""Pending counts of a client; further ones are dropped."""
MOST_READ = 1 << 16
"""Bytes in one read."""
MOST_READS = 1_000
"""Reads after which `_read_all` leaves the rest to the hub's thread."""
_LOST = b"lost"  # the end of a connection without BYE, among its messages


class _Client:
    """One connection."""

    def __init__(self, connection: socket.socket, since: float) -> None:
        self.socket = connection
        self.since = since
        self.splitter = Splitter()
        self.order: tuple[float, ...] | None = None  # None until its `HELLO`
        self.inbox: list[tuple[bytes, bytes]] = []  # ended tasks, lines and the end, in order of arrival
        self.frame: bytes | None = None  # the newest, unless a frame with ended tasks has followed it
        self.counts: dict[bytes, bytes] = {}
        self.ended_counts: bytes | None = None
        self.is_counter = False  # whether it counts in handed-out tasks
        self.sends_frames = False
        self.answered = 0  # the number of the last `ASK` that it has answered
        self.leaving = False
        self.mistakes = 0


class Hub:
    """A socket whose clients `feed` shows.

    A process becomes a client if its environment holds `hub.environment` when it shows its first task. `start` or `with` starts
    the hub, and `stop` ends its thread; the caller starts and stops the feed itself.

    Args:
        feed: The feed that shows the clients' tasks.
        tcp: Whether to listen on the loopback interface, where only the key protects the hub; None: only if the system has no
            Unix sockets.

    Attributes:
        refused: The number of refused connections: a wrong key, another user, no `HELLO` in time.
        dropped: The number of dropped messages: malformed or oversized.

    Raises:
        OSError: no socket can be made (from `start`).

    Example:
        >>> feed = Feed(RecordingRenderer(), ticker=ManualTicker())
        >>> with Hub(feed) as hub:
        ...     list(hub.environment)
        ['PROGRESSKIT_HUB']
    """

    def __init__(self, feed: Feed, *, tcp: bool | None = None) -> None:
        self.feed: Feed = feed
        self.refused: int = 0
        self.dropped: int = 0
        self._tcp = not has_unix_sockets() if tcp is None else tcp
        self._folder: str | None = None
        self._address: Address | None = None
        self._lock = threading.Lock()  # guards inboxes and what follows
        self._ready: dict[_Client, None] = {}  # clients with pending messages, in order of arrival
        self._counted: dict[_Client, None] = {}  # clients with pending counts
        self._clients: set[_Client] = set()
        self._handing = threading.RLock()  # held while delivering: a client's `BYE` must not overtake its frame
        self._counting = threading.RLock()  # the same for numbers, which do not wait for the decoding of frames
        self._reading = threading.Lock()  # held while reading from the sockets
        self._reader: int | None = None  # the thread that holds `_reading`
        self._lines = 0  # `LINES` messages in all inboxes
        self._crowd = self._told_crowd = 0  # clients that send frames: now, and as last sent to all of them
        self._questions = 0
        self._poll: Callable[[int], object] | None = None
        self._closed = True
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> Address:
        """The address of the hub's socket with its key, which is a secret.

        Raises:
            RuntimeError: the hub has not been started.
        """
        if self._address is None:
            raise RuntimeError("this hub has no address: start it first.")
        return self._address

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that make a process a client."""
        return {VARIABLE: str(self.address)}

    @property
    def clients(self) -> int:
        """The number of connected processes."""
        with self._lock:
            return sum(client.order is not None for client in self._clients)

    # Start and stop

    def start(self) -> None:
        """Open the socket, and start the thread that reads from it."""
        self._listener = self._listen()
        self._listener.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._poll = _poll_for(self._selector)
        self.feed.before_frame = self._hand_in
        registry.OWN_HUBS[str(self.address)] = os.getpid()
        _hubs.append(self)
        self._closed = False
        self._stopping.clear()
        self._thread = threading.Thread(target=self._serve, name="progresskit hub", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Read and deliver everything that clients have sent so far, and close. Clients that run on fall back to `plain`."""
        if self._thread is None:
            return
        self._stopping.set()
        self._wake()
        self._thread.join()
        self._thread = None
        self._read_all(1.0)  # messages in transit, above all the final states
        self._hand_in()
        with self._reading:
            self._close()
        registry.OWN_HUBS.pop(str(self.address), None)
        _hubs.remove(self)
        if self._folder is not None:
            for remove, path in ((os.unlink, self.address.place), (os.rmdir, self._folder)):
                try:
                    remove(path)
                except OSError:  # another process has removed it
                    pass

    def move(self, feed: Feed) -> None:
        """Show the clients with `feed` from now on: each appears with its next frame."""
        with self._handing:
            old, self.feed = self.feed, feed
            old.before_frame = None
            feed.succeed(old)
            feed.before_frame = self._hand_in
        if self._ready:
            feed.announce()

    def catch_up(self, patience: float = 1.0) -> None:
        """Deliver all that clients have sent so far, reading for at most `patience` seconds."""
        if self._thread is not None:
            self._read_all(patience)
            self._hand_in()

    def read_counts(self) -> None:
        """Deliver the counts that clients have sent so far. Costs a microsecond if there are none."""
        if self._thread is None or self._reader == threading.get_ident():
            return
        if self._has_news():
            self._read_all(1.0)
            if self._ready:
                self._wake()  # so that the hub's thread announces the other messages
        self._hand_in_counts()

    def _has_news(self) -> bool:
        """Whether there is something to read, or another thread is sorting what it has read."""
        try:
            return self._poll is None or bool(self._poll(0)) or self._reader is not None  # in this order
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
        """Close everything in a forked child: while the child holds a connection, nobody can see the parent's end of it close."""
        self._thread = None
        self._close()

    def _close(self) -> None:
        self._closed = True
        self._selector.close()  # do not unregister: after a fork that would change the parent's selector
        close = socket.SocketType.close  # the C method: a forked child copies each memory page that it touches
        for each in (self._listener, self._waker, self._woken):
            close(each)
        for client in self._clients:
            close(client.socket)
        self._clients.clear()

    def _listen(self) -> socket.socket:
        key = os.urandom(16).hex()
        if self._tcp:
            listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
            host, port = listener.getsockname()
            self._address = Address(key, f"{host}:{port}")
            return listener
        parents = (tempfile.gettempdir(), "/tmp")
        parent = next((folder for folder in parents if len(os.fsencode(folder)) <= MOST_PATH_BYTES - 45), "/tmp")
        self._folder = tempfile.mkdtemp(prefix="progresskit-", dir=parent)  # mode 0700
        self._address = Address(key, os.path.join(self._folder, os.urandom(8).hex()))
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(self._address.place)
        listener.listen(1024)
        return listener

    # Reading, mostly in the hub's thread

    def _serve(self) -> None:
        while not self._stopping.is_set():
            while self._behind and not self._stopping.wait(PAUSE):
                pass  # the terminal is slow: clients keep their messages and merge them
            with self._reading:
                strangers = self._strangers()
            moved = self._read_sockets(1.0 if strangers else None)
            if self._ready:
                self.feed.announce()
            if moved:
                self._stopping.wait(PAUSE)

    @property
    def _behind(self) -> bool:
        return len(self.feed._core.lines.items) + self._lines > MOST_LINES

    def _read_all(self, patience: float) -> None:
        """Read all that clients have sent so far, in the calling thread. Clients that keep sending are read later."""
        until = time.monotonic() + patience
        for _ in range(MOST_READS):
            if not self._read_sockets(0) or time.monotonic() > until:
                break

    def _read_sockets(self, timeout: float | None) -> int:
        """Read from all ready sockets, after waiting at most `timeout` seconds for one, and return their number.

        Any thread may call this. When it returns, the hub's own thread has also finished any read that it had begun.
        """
        if self._reader == threading.get_ident():  # a signal handler interrupted a read
            return 0
        try:
            events = [] if timeout == 0 else self._selector.select(timeout)
        except (OSError, ValueError):  # another thread has closed it
            return 0
        with self._reading:
            if self._closed:
                return 0
            self._reader = threading.get_ident()
            try:
                if timeout == 0:
                    events = self._selector.select(0)
                return self._handle(events)
            finally:
                self._reader = None

    def _handle(self, events: list[tuple[selectors.SelectorKey, int]]) -> int:
        ready = [key.fileobj for key, _ in events if key.fileobj is not self._woken]
        if len(ready) < len(events) and not self._stopping.is_set():
            try:
                self._woken.recv(64)
            except BlockingIOError:  # another thread was here first
                pass
        for each in ready:
            if each is self._listener:
                self._accept()
        for key, _ in events:
            if key.data in self._clients:
                self._read(key.data)
        return len(ready)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:  # no descriptor left: queued connections wait until a client has closed
                self._stopping.wait(0.1)
                return
            if not self._same_user(connection):
                self.refused += 1
                connection.close()
                continue
            connection.setblocking(False)
            client = _Client(connection, time.monotonic())
            with self._lock:
                self._clients.add(client)
            self._selector.register(connection, selectors.EVENT_READ, client)
            self._read(client)  # its `HELLO` has usually arrived, so many new clients do not count as strangers

    def _same_user(self, connection: socket.socket) -> bool:
        if not has_peer_credentials() or connection.family != socket.AF_UNIX:
            return True  # only the folder's mode and the key protect the hub
        size = struct.calcsize("3i")
        _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
        return bool(user == os.getuid())

    def _strangers(self) -> bool:
        """Return whether a connection has not sent its `HELLO`, and close those that take too long."""
        waiting = [client for client in self._clients if client.order is None]
        if not waiting:
            return False
        waiting.sort(key=lambda client: client.since)
        now = time.monotonic()
        for number, client in enumerate(waiting):
            patience = GRACE_SECONDS if len(waiting) - number > STRANGERS else PATIENCE
            if now - client.since > patience:
                self.refused += 1
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
                    self.refused += 1
                else:
                    self.dropped += 1
                self._drop(client)
                return
            if messages:
                self._sort(client, messages)
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

    def _sort(self, client: _Client, messages: list[tuple[bytes, bytes]]) -> None:
        """Store `messages` by kind. A frame replaces a pending one."""
        if not client.sends_frames and any(kind in (FRAME, ENDED) for kind, _ in messages):
            client.sends_frames = True
            self._tell_crowd(1, client)
        with self._lock:
            for kind, body in messages:
                if kind == FRAME:
                    client.frame = body
                elif kind == ENDED:
                    client.frame = None
                    client.inbox.append((kind, body))
                elif kind == LINES:
                    client.inbox.append((kind, body))
                    self._lines += 1
                elif kind == COUNTS:
                    client.is_counter = True
                    self._counted[client] = None
                    if len(client.counts) < MOST_COUNTS:
                        client.counts.update(split_counts(body))
                    else:
                        self.dropped += 1
                elif kind == ENDED_COUNTS:
                    client.ended_counts = body
                elif kind == ANSWER and body.isdigit() and len(body) < 19:
                    client.answered = int(body)
                elif kind == BYE:
                    client.leaving = True
                else:
                    self.dropped += 1
            self._ready[client] = None

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
            told = [newcomer] if newcomer is not None else []
            if not 0.75 * self._told_crowd <= self._crowd <= 1.25 * self._told_crowd:
                self._told_crowd = self._crowd
                told = [client for client in self._clients if client.sends_frames]
        for client in told:
            try:
                client.socket.send(message(CROWD, b"%d" % self._crowd))
            except OSError:  # it is closing or does not read
                pass

    def _drop(self, client: _Client) -> None:
        """Remove `client`, whose connection has ended."""
        self._selector.unregister(client.socket)
        client.socket.close()
        with self._lock:
            self._clients.discard(client)
        if client.sends_frames:
            self._tell_crowd(-1)
        with self._lock:
            if client.order is not None:
                client.inbox.append((BYE if client.leaving else _LOST, b""))
                self._ready[client] = None

    # Delivery to the feed, in the drawing thread

    def _hand_in(self) -> None:
        with self._handing:
            with self._lock:
                ready, self._ready = self._ready, {}
                taken = [(client, *self._emptied(client)) for client in ready]
                self._lines = 0
            self._hand_in_counts()  # first: counts must arrive before their client is removed
            for client, inbox, frame, ended_counts in taken:
                if ended_counts is not None:
                    self._hand_in_ended_counts(client, ended_counts)
                over = None
                for kind, body in inbox:
                    if kind == LINES:
                        self.feed._core.lines.items.append(body.decode("utf-8", "backslashreplace"))
                    elif kind == ENDED:
                        self._hand_in_frame(client, body)
                    else:
                        over = kind
                if frame is not None:
                    self._hand_in_frame(client, frame)
                if over is not None:
                    (self.feed.leave if over == BYE else self.feed.lose)(client)
            if taken and self.feed._core.pending_output:
                self.feed.show()

    @staticmethod
    def _emptied(client: _Client) -> tuple[list[tuple[bytes, bytes]], bytes | None, bytes | None]:
        """Return and forget the pending messages of `client`. The caller holds the lock."""
        taken = client.inbox, client.frame, client.ended_counts
        client.inbox, client.frame, client.ended_counts = [], None, None
        return taken

    def _hand_in_frame(self, client: _Client, body: bytes) -> None:
        if client.mistakes < MOST_MISTAKES:
            try:
                frame = decode(body)
            except ValueError:
                self._note_mistake(client)
                return
            self.feed.receive(client, frame, client.order)

    def _hand_in_ended_counts(self, client: _Client, body: bytes) -> None:
        if client.mistakes < MOST_MISTAKES:
            try:
                ended_counts, age = EndedCounts.decode_with_age(body)
            except ValueError:
                self._note_mistake(client)
                return
            self.feed.add_ended_counts(client, ended_counts, age=age, order=client.order)

    def _note_mistake(self, client: _Client) -> None:
        self.dropped += 1
        client.mistakes += 1

    def _hand_in_counts(self) -> None:
        """Deliver pending counts. Any thread may call this, also one that holds a tracker's lock, because this acquires none."""
        with self._counting:
            with self._lock:
                counting = [(client, client.counts) for client in self._counted]
                self._counted.clear()
                for client, _ in counting:
                    client.counts = {}
            for client, counts in counting:
                found: dict[int, int | float] = {}
                for number, count in counts.items():
                    try:
                        found.update((read_count(number, count),))
                    except ValueError:
                        self._note_mistake(client)
                if found and client.mistakes < MOST_MISTAKES:
                    self.feed.count(client, found)


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
