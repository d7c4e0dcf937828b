"""The hub: a socket at which other processes hand in their frames, for a feed to show.

Knows sockets, who may speak on them and how much. Does not know how anything is drawn: it is a transport of
`progresskit.processes.feed`. A thread of its own reads, and keeps of each client no more than the newest frame, the newest
numbers and what must not be lost. Whoever draws decodes frames, as often as that is done. Whoever asks for a count first
reads what clients have sent: a count is exact as soon as the process that counted can be known to have ended.
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

VARIABLE = "PROGRESSKIT_HUB"
PAUSE = 0.02
"""Seconds between two looks at the sockets while clients speak: one look then serves many of them."""
PATIENCE = 5.0
"""Seconds within which a client must have said who it is."""
STRANGERS = 256
"""Connections that have not said who they are; beyond it the oldest goes, if it has had the time for it."""
GRACE_SECONDS = 0.5
"""Seconds within which that may be in any case."""
FORGIVEN = 100
"""Messages that make no sense, after which a client is let go."""
BEHIND = 10_000
"""Lines that wait to be shown, from which on the hub stops reading until they are."""
LONGEST_PATH = 100
"""Bytes of a Unix socket's path, a little less than the 104 that some systems have."""
MOST_COUNTS = 100_000
"""Counts of a client that wait to be taken; what comes later is dropped."""
MOST_READ = 1 << 16
"""Bytes that are read at once."""
MOST_READS = 1_000
"""Looks at the sockets after which `read_now` leaves the rest to the hub's thread."""
_LOST = b"lost"  # the end of a connection without BYE, among its messages


class _Client:
    """One connection."""

    def __init__(self, connection: socket.socket, since: float) -> None:
        self.socket = connection
        self.since = since
        self.splitter = Splitter()
        self.order: tuple[float, ...] | None = None  # None until it has said who it is
        self.inbox: list[tuple[bytes, bytes]] = []  # ended tasks, lines and the end, in their order
        self.frame: bytes | None = None  # the newest, where nothing that ended has come after it
        self.counts: dict[bytes, bytes] = {}
        self.ended_counts: bytes | None = None
        self.is_counter = False  # whether it counts in tasks that were handed to it
        self.sends_frames = False
        self.answered = 0  # the last question that it has answered
        self.leaving = False
        self.mistakes = 0


class Hub:
    """A socket whose clients are shown by `feed`.

    Processes become clients by finding `hub.environment` in their environment when their first task is shown. The hub
    starts with `start` or `with`, and its thread ends with `stop`; both leave the feed's own life to the caller.

    Args:
        feed: What shows the clients' tasks.
        tcp: Whether to listen on the loopback interface, where the key alone keeps strangers out; None: only where
            there are no Unix sockets.

    Attributes:
        refused: Connections that were refused: a wrong key, another user, silence.
        dropped: Messages that were dropped: malformed, oversized.

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
        self._ready: dict[_Client, None] = {}  # clients with something in the inbox, the first to speak first
        self._counted: dict[_Client, None] = {}  # clients with counts that wait to be taken
        self._clients: set[_Client] = set()
        self._handing = threading.RLock()  # held by who hands in: a client's farewell must not overtake its frame
        self._counting = threading.RLock()  # the same for numbers, which do not wait for frames to be decoded
        self._reading = threading.Lock()  # held by who reads from the sockets
        self._reader: int | None = None  # the thread that does
        self._lines = 0  # messages of lines that wait in inboxes
        self._crowd = self._told_crowd = 0  # clients that send frames, now and when all of them were told
        self._questions = 0
        self._poll: Callable[[int], object] | None = None
        self._closed = True
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> Address:
        """Where the hub listens, and its key: a secret.

        Raises:
            RuntimeError: the hub has not been started.
        """
        if self._address is None:
            raise RuntimeError("this hub has no address: start it first.")
        return self._address

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to become a client."""
        return {VARIABLE: str(self.address)}

    @property
    def clients(self) -> int:
        """How many processes are connected."""
        with self._lock:
            return sum(client.order is not None for client in self._clients)

    # Life

    def start(self) -> None:
        """Listen, and read from a thread of the hub's own."""
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
        """Read what the clients have sent so far, hand it in and close. Clients that live on fall back to `plain`."""
        if self._thread is None:
            return
        self._stopping.set()
        self._wake()
        self._thread.join()
        self._thread = None
        self._read_all(1.0)  # what was on its way: final states above all
        self._hand_in()
        with self._reading:
            self._close()
        registry.OWN_HUBS.pop(str(self.address), None)
        _hubs.remove(self)
        if self._folder is not None:
            for remove, path in ((os.unlink, self.address.place), (os.rmdir, self._folder)):
                try:
                    remove(path)
                except OSError:  # somebody else has cleared it away
                    pass

    def move(self, feed: Feed) -> None:
        """Have `feed` show the clients from here on; they come with their next frames."""
        with self._handing:
            old, self.feed = self.feed, feed
            old.before_frame = None
            feed.succeed(old)
            feed.before_frame = self._hand_in
        if self._ready:
            feed.announce()

    def catch_up(self, patience: float = 1.0) -> None:
        """Hand in all that clients have sent so far, final states above all, within `patience` seconds."""
        if self._thread is not None:
            self._read_all(patience)
            self._hand_in()

    def read_counts(self) -> None:
        """Take the counts that clients have sent so far. It costs a microsecond where there are none."""
        if self._thread is None or self._reader == threading.get_ident():
            return
        if self._has_news():
            self._read_all(1.0)
            if self._ready:
                self._wake()  # so that the hub's thread has the rest shown
        self._hand_in_counts()

    def _has_news(self) -> bool:
        """Whether there is something to read, or another thread is about to sort what it has read."""
        try:
            return self._poll is None or bool(self._poll(0)) or self._reader is not None  # in this order
        except RuntimeError:  # another thread asks at the same time
            return True

    def ask(self, patience: float = 1.0) -> None:
        """Have all clients that count send what they have counted so far, and wait for that, for `patience` seconds at most."""
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
            except OSError:  # it is on its way out, or takes nothing
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
        except OSError:  # it has been woken often enough
            pass

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def forget(self) -> None:
        """Let go of everything in a forked child: as long as it held a connection, its end could not be seen."""
        self._thread = None
        self._close()

    def _close(self) -> None:
        self._closed = True
        self._selector.close()  # nothing is unregistered: after a fork that would reach into the parent's
        close = socket.SocketType.close  # the socket's own, in C: a forked child copies each page that it uses
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
        parent = next((folder for folder in parents if len(os.fsencode(folder)) <= LONGEST_PATH - 45), "/tmp")
        self._folder = tempfile.mkdtemp(prefix="progresskit-", dir=parent)  # mode 0700
        self._address = Address(key, os.path.join(self._folder, os.urandom(8).hex()))
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(self._address.place)
        listener.listen(1024)
        return listener

    # Reading, in the hub's thread

    def _serve(self) -> None:
        while not self._stopping.is_set():
            while self._behind and not self._stopping.wait(PAUSE):
                pass  # the terminal does not take more: clients keep what they have, and merge it
            with self._reading:
                strangers = self._strangers()
            moved = self._read_sockets(1.0 if strangers else None)
            if self._ready:
                self.feed.announce()
            if moved:
                self._stopping.wait(PAUSE)

    @property
    def _behind(self) -> bool:
        return len(self.feed._core.lines.items) + self._lines > BEHIND

    def _read_all(self, patience: float) -> None:
        """Read all that clients have sent so far, in the thread that calls. Who goes on speaking is heard later."""
        until = time.monotonic() + patience
        for _ in range(MOST_READS):
            if not self._read_sockets(0) or time.monotonic() > until:
                break

    def _read_sockets(self, timeout: float | None) -> int:
        """Read what there is, waiting at most `timeout` seconds for it, and return how many sockets had something.

        Any thread may: what the hub's own thread is about to read has been read when this returns.
        """
        if self._reader == threading.get_ident():  # a signal's handler, in the middle of it
            return 0
        try:
            events = [] if timeout == 0 else self._selector.select(timeout)
        except (OSError, ValueError):  # it was closed meanwhile
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
            except OSError:  # no descriptor left: those in the queue wait until a client has gone
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
            self._read(client)  # its first message is there as a rule: a crowd is no crowd of strangers

    def _same_user(self, connection: socket.socket) -> bool:
        if not has_peer_credentials() or connection.family != socket.AF_UNIX:
            return True  # the folder's mode and the key decide alone
        size = struct.calcsize("3i")
        _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
        return bool(user == os.getuid())

    def _strangers(self) -> bool:
        """Return whether some connection has not said who it is, and close those that take too long."""
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
        for _ in range(16):  # then the others have their turn
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
                return  # the selector tells of what comes next; asking would cost as much as reading

    def _introduce(self, client: _Client, first: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
        kind, body = first
        if kind != HELLO:
            raise ValueError("a client says first who it is.")
        who = read_hello(body, self.address.key)
        client.order = (who.start, who.pid)
        client.splitter.largest = LARGEST
        return client.splitter.feed(b"")

    def _sort(self, client: _Client, messages: list[tuple[bytes, bytes]]) -> None:
        """Put `messages` where they belong. Of frames that wait, the last one wins."""
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
        """Tell the clients how many they are, `change` more than before: all of them where that is a quarter off what they
        know, since each of a thousand that come would otherwise be told of each that comes after it.

        Nobody is told over TCP: a client that ends with words in its socket that it has not read resets the connection there, and
        its own last words would be lost.
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
            except OSError:  # it is on its way out, or does not read
                pass

    def _drop(self, client: _Client) -> None:
        """The connection has ended."""
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

    # Handing in, in the thread that draws

    def _hand_in(self) -> None:
        with self._handing:
            with self._lock:
                ready, self._ready = self._ready, {}
                taken = [(client, *self._emptied(client)) for client in ready]
                self._lines = 0
            self._hand_in_counts()  # first: the counts of a client that has gone stay
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
        """Return what has come from `client`, and have it forgotten. The caller holds the lock."""
        taken = client.inbox, client.frame, client.ended_counts
        client.inbox, client.frame, client.ended_counts = [], None, None
        return taken

    def _hand_in_frame(self, client: _Client, body: bytes) -> None:
        if client.mistakes < FORGIVEN:
            try:
                frame = decode(body)
            except ValueError:
                self._note_mistake(client)
                return
            self.feed.receive(client, frame, client.order)

    def _hand_in_ended_counts(self, client: _Client, body: bytes) -> None:
        if client.mistakes < FORGIVEN:
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
        """Hand in the counts that have come. Any thread may, whatever locks of a tracker it holds: none is taken here."""
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
                if found and client.mistakes < FORGIVEN:
                    self.feed.count(client, found)


def _poll_for(selector: selectors.BaseSelector) -> Callable[[int], object] | None:
    """Return what tells at once whether one of the sockets has something: a single system call where the selector has a
    descriptor of its own; None elsewhere."""
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
