"""The hub: a socket at which other processes hand in their frames, for a feed to show.

Knows sockets, who may speak on them and how much. Must not know how anything is drawn: it is a transport of
`progresskit.processes.feed`. A thread of its own reads, and keeps of each client no more than the newest frame and what must not be
lost; frames are decoded by whoever draws, as often as that is done.
"""

from __future__ import annotations

import os
import selectors
import socket
import struct
import tempfile
import threading
import time
from secrets import token_hex
from typing import TYPE_CHECKING

from .._display import process_hooks as life
from .._model.address import Address
from .._model.frames import decode
from ..renderers import registry
from .protocol import BYE, ENDED, FRAME, HELLO, LARGEST, LINES, Splitter, read_hello

if TYPE_CHECKING:
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
_LOST = b"lost"  # the end of a connection without BYE, among its messages


class _Client:
    """One connection."""

    def __init__(self, connection: socket.socket, since: float) -> None:
        self.socket = connection
        self.since = since
        self.splitter = Splitter()
        self.order: tuple[float, ...] | None = None  # None until it has said who it is
        self.inbox: list[tuple[bytes, bytes]] = []
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
        self.feed = feed
        self.refused = 0
        self.dropped = 0
        self._tcp = not hasattr(socket, "AF_UNIX") if tcp is None else tcp
        self._folder: str | None = None
        self._address: Address | None = None
        self._lock = threading.Lock()  # guards inboxes and what follows
        self._ready: dict[_Client, None] = {}  # clients with something in the inbox, the first to speak first
        self._clients: set[_Client] = set()
        self._handing = threading.RLock()  # held by who hands in: a client's farewell must not overtake its frame
        self._stopping = threading.Event()
        self._asked = False
        self._caught = threading.Event()
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
        self._selector.register(self._woken, selectors.EVENT_READ)
        self.feed.refresh = self._hand_in
        registry.OWN_HUBS[str(self.address)] = os.getpid()
        _hubs.append(self)
        self._stopping.clear()
        self._thread = threading.Thread(target=self._serve, name="progresskit hub", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Read what the clients have sent so far, hand it in and close. Clients that live on fall back to `plain`."""
        if self._thread is None:
            return
        self._stopping.set()
        self._waker.send(b"x")
        self._thread.join()
        self._thread = None
        until = time.monotonic() + 1.0
        while self._look(0) and time.monotonic() < until:  # what was on its way: final states above all
            pass
        self._hand_in()
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
            old.refresh = None
            feed.refresh = self._hand_in
        if self._ready:
            feed.announce()

    def catch_up(self, patience: float = 1.0) -> None:
        """Hand in all that clients have sent so far, final states above all, within `patience` seconds."""
        if self._thread is None:
            return
        self._hear(patience)
        self._hand_in()

    def _hear(self, patience: float) -> None:
        """Have the thread read all that clients have sent so far."""
        self._caught.clear()
        self._asked = True
        self._waker.send(b"x")
        self._caught.wait(patience)

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
        self._selector.close()  # nothing is unregistered: after a fork that would reach into the parent's
        for each in (self._listener, self._waker, self._woken, *(client.socket for client in self._clients)):
            each.close()
        self._clients.clear()

    def _listen(self) -> socket.socket:
        key = token_hex(16)
        if self._tcp:
            listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
            host, port = listener.getsockname()
            self._address = Address(key, f"{host}:{port}")
            return listener
        parents = (tempfile.gettempdir(), "/tmp")
        parent = next((folder for folder in parents if len(os.fsencode(folder)) <= LONGEST_PATH - 45), "/tmp")
        self._folder = tempfile.mkdtemp(prefix="progresskit-", dir=parent)  # mode 0700
        self._address = Address(key, os.path.join(self._folder, token_hex(8)))
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(self._address.place)
        listener.listen(1024)
        return listener

    # Reading, in the hub's thread

    def _serve(self) -> None:
        while not self._stopping.is_set():
            while self._behind and not self._stopping.wait(PAUSE):
                pass  # the terminal does not take more: clients keep what they have, and merge it
            if self._look(1.0 if self._strangers() else None):
                self._stopping.wait(PAUSE)
            if self._asked:
                self._asked = False
                for _ in range(100):  # who goes on speaking is heard later
                    if not self._look(0):
                        break
                self._caught.set()

    @property
    def _behind(self) -> bool:
        return len(self.feed.prints) > BEHIND

    def _look(self, timeout: float | None) -> int:
        """Read what there is, waiting at most `timeout` seconds for it, and return how many sockets had something."""
        events = self._selector.select(timeout)
        ready = [key.fileobj for key, _ in events if key.fileobj is not self._woken]
        if len(ready) < len(events) and not self._stopping.is_set():
            self._woken.recv(64)
        for each in ready:
            if each is self._listener:
                self._accept()
        for key, _ in events:
            if key.data is not None:
                self._read(key.data)
        if self._ready:
            self.feed.announce()
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
        if connection.family != getattr(socket, "AF_UNIX", None) or not hasattr(socket, "SO_PEERCRED"):
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
                self._part(client)
        return True

    def _read(self, client: _Client) -> None:
        for _ in range(16):  # then the others have their turn
            try:
                data = client.socket.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._part(client)
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
                self._part(client)
                return
            if messages:
                self._sort(client, messages)

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
        with self._lock:
            inbox = client.inbox
            for kind, body in messages:
                if kind == LINES:
                    self.feed.prints.append(body.decode("utf-8", "backslashreplace"))
                elif kind == BYE:
                    client.leaving = True
                elif kind in (FRAME, ENDED):
                    if inbox and inbox[-1][0] == FRAME:
                        inbox.pop()
                    inbox.append((kind, body))
                else:
                    self.dropped += 1
            self._ready[client] = None

    def _part(self, client: _Client) -> None:
        """The connection has ended."""
        self._selector.unregister(client.socket)
        client.socket.close()
        with self._lock:
            self._clients.discard(client)
            if client.order is not None:
                client.inbox.append((BYE if client.leaving else _LOST, b""))
                self._ready[client] = None

    # Handing in, in the thread that draws

    def _hand_in(self) -> None:
        with self._handing:
            self._hand_in_all()

    def _hand_in_all(self) -> None:
        with self._lock:
            ready, self._ready = self._ready, {}
            inboxes = []
            for client in ready:
                inboxes.append((client, client.inbox))
                client.inbox = []
        for client, inbox in inboxes:
            for kind, body in inbox:
                if kind == BYE:
                    self.feed.leave(client)
                elif kind == _LOST:
                    self.feed.lose(client)
                elif client.mistakes < FORGIVEN:
                    try:
                        frame = decode(body)
                    except ValueError:
                        self.dropped += 1
                        client.mistakes += 1
                        continue
                    self.feed.receive(client, frame, client.order)


_hubs: list[Hub] = []


def _in_child() -> None:
    hubs, _hubs[:] = list(_hubs), []
    for hub in hubs:
        hub.forget()


life.in_child(_in_child)
