"""The messages of a hub's clients that wait for the feed: each client's newest frame and numbers, and all ended tasks and lines.

Knows the kinds of messages. Does not know sockets. The hub's thread stores messages; the drawing thread takes and decodes frames,
once for each frame that it draws; counts are given by any thread that asks for them.
"""

from __future__ import annotations

from _thread import RLock  # the system's, under gevent too: see `Hub`
from typing import TYPE_CHECKING

from .._model.frames import decode
from ._ended_counts import EndedCounts
from ._protocol import ANSWER, BYE, COUNTS, ENDED, ENDED_COUNTS, FRAME, LINES, MARK, SHOW, read_count, split_counts

if TYPE_CHECKING:
    from ._brief_ends import BriefEnd
    from ._marks import Mark
    from .feed import Feed

MOST_MISTAKES = 100
"""Malformed messages after which a client is ignored."""
MOST_COUNTS = 100_000
"""Pending counts of a client; further ones are dropped."""
_LOST = b"lost"  # the end of a connection without BYE, among its messages


class Sender:
    """A client, as far as its messages go.

    Attributes:
        order: The place of its process among the others; None until it is known.
        is_counter: Whether it counts in handed-out tasks.
        sends_frames: Whether it has sent a frame.
        answered: The number of the last question that it has answered.
        leaving: Whether it has said that it ends.
        awaited: The body of its last `SHOW`, which has not been answered; None: there is none.
        reached: The number of the last of its marks among the words that have been shown.
    """

    def __init__(self) -> None:
        self.order: tuple[float, ...] | None = None
        self.is_counter = False
        self.sends_frames = False
        self.answered = 0
        self.awaited: bytes | None = None
        self.leaving = False
        self.reached = 0
        self.messages: list[tuple[bytes, bytes]] = []  # ended tasks, lines and the end, in order of arrival
        self.frame: bytes | None = None  # the newest, unless a frame with ended tasks has followed it
        self.counts: dict[bytes, bytes] = {}
        self.ended_counts: bytes | None = None
        self.mistakes = 0


class Inbox:
    """The pending messages of all clients, for `feed`.

    Attributes:
        feed: The feed that receives them.
        lines: The number of messages with printed lines that are pending or being given.
        ends: The number of those with ended tasks.
        dropped: The number of dropped messages: malformed, or too many.
        follows_marks: Whether somebody reads the clients' words, and says which marks have been reached.
    """

    def __init__(self, feed: Feed) -> None:
        self.feed: Feed = feed
        self.lines = self.ends = 0
        self.dropped = 0
        self.follows_marks = False
        self._lock = RLock()  # a signal handler that prints may interrupt its holder
        self._ready: dict[Sender, None] = {}  # clients with pending messages, in order of arrival
        self._counted: dict[Sender, None] = {}  # clients with pending counts
        self._brief_ends: list[BriefEnd] = []
        self._giving = RLock()  # held while giving: a client's `BYE` must not overtake its frame
        self._counting = RLock()  # held while giving numbers, which do not wait for the decoding of frames

    @property
    def is_pending(self) -> bool:
        """Whether a message other than counts is pending."""
        return bool(self._ready or self._brief_ends)

    # The hub's thread

    def store(self, client: Sender, messages: list[tuple[bytes, bytes]]) -> None:
        """Store the `messages` of `client` by kind. A frame replaces a pending one."""
        with self._lock:
            for kind, body in messages:
                if kind == FRAME:
                    client.frame = body
                elif kind == ENDED:
                    client.frame = None
                    client.messages.append((kind, body))
                    self.ends += 1
                elif kind == LINES:
                    client.messages.append((kind, body))
                    self.lines += 1
                elif kind == MARK and body.isdigit() and len(body) < 19:
                    client.messages.append((kind, body))
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
                elif kind == SHOW and body.isdigit() and len(body) < 19:
                    client.awaited = body
                elif kind == BYE:
                    client.leaving = True
                else:
                    self.dropped += 1
            self._ready[client] = None

    def store_end(self, client: Sender) -> None:
        """Note that the connection of `client` has ended."""
        with self._lock:
            client.messages.append((BYE if client.leaving else _LOST, b""))
            self._ready[client] = None

    def store_brief_ends(self, ends: list[BriefEnd]) -> None:
        """Store the `ends` of brief loops of forked workers."""
        with self._lock:
            self._brief_ends += ends

    # The drawing thread

    def move(self, feed: Feed) -> None:
        """Give all pending and later messages to `feed`. Each client appears there with its next frame."""
        with self._giving:
            old, self.feed = self.feed, feed
            old.before_frame = None
            feed.succeed(old)
            feed.before_frame = self.give
        if self.is_pending:
            feed.announce()

    def give(self, patience: float = -1.0) -> None:
        """Give the feed all pending messages, unless another thread does so for `patience` seconds; below 0: wait for it."""
        if not self._giving.acquire(timeout=patience):
            return
        try:
            with self._lock:
                ready, self._ready = self._ready, {}
                taken = [(client, *self._take(client)) for client in ready]
                self._ready = {client: None for client in ready if client.messages}
                brief_ends, self._brief_ends = self._brief_ends, []
            if brief_ends:
                self.feed.add_brief_ends(brief_ends)
            self.give_counts()  # first: counts must arrive before their client is removed
            for client, messages, frame, ended_counts in taken:
                if ended_counts is not None:
                    self._give_ended_counts(client, ended_counts)
                over = None
                for kind, body in messages:
                    if kind == LINES:
                        self.feed._core.move_ends()
                        self.feed._core.lines.items.append(body.decode("utf-8", "backslashreplace"))
                    elif kind == ENDED:
                        self._give_frame(client, body)
                    elif kind != MARK:
                        over = kind
                if frame is not None:
                    self._give_frame(client, frame)
                if over is not None:
                    (self.feed.leave if over == BYE else self.feed.lose)(client)
            if taken and self.feed._core.pending_output:
                self.feed.show()
        finally:
            with self._lock:  # not before: who adds a line meanwhile must wait for those that have been taken
                left = [kind for client in self._ready for kind, _ in client.messages]
                self.lines, self.ends = left.count(LINES), left.count(ENDED)
            self._giving.release()

    def _take(self, client: Sender) -> tuple[list[tuple[bytes, bytes]], bytes | None, bytes | None]:
        """Return and forget the pending messages of `client`, up to the first mark that has not been reached. The caller holds the
        lock."""
        messages, ended_counts = client.messages, client.ended_counts
        client.messages, client.ended_counts = [], None
        if self.follows_marks:
            for at, (kind, body) in enumerate(messages):
                if kind == MARK and int(body) > client.reached:
                    messages, client.messages = messages[:at], messages[at:]
                    return messages, None, ended_counts
        frame, client.frame = client.frame, None
        return messages, frame, ended_counts

    def awaited_marks(self) -> list[Mark]:
        """Return the last mark of each client whose messages are held back."""
        if not (self.follows_marks and self._ready):
            return []
        with self._lock:
            return [
                (int(client.order[1]), max(numbers))
                for client in self._ready
                if client.order is not None
                and (numbers := [int(body) for kind, body in client.messages if kind == MARK])
            ]

    def reach(self, mark: Mark) -> None:
        """Note that the words up to `mark` have been shown."""
        with self._lock:
            for client in self._ready:
                if client.order is not None and client.order[1] == mark[0]:
                    client.reached = max(client.reached, mark[1])

    def _give_frame(self, client: Sender, body: bytes) -> None:
        if client.mistakes < MOST_MISTAKES:
            try:
                frame = decode(body)
            except ValueError:
                self._note_mistake(client)
                return
            self.feed.receive(client, frame, client.order)

    def _give_ended_counts(self, client: Sender, body: bytes) -> None:
        if client.mistakes < MOST_MISTAKES:
            try:
                ended_counts, age = EndedCounts.decode_with_age(body)
            except ValueError:
                self._note_mistake(client)
                return
            self.feed.add_ended_counts(client, ended_counts, age=age, order=client.order)

    def _note_mistake(self, client: Sender) -> None:
        self.dropped += 1
        client.mistakes += 1

    def give_counts(self) -> None:
        """Give pending counts. Any thread may call this, also one that holds a tracker's lock, because this acquires none."""
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
