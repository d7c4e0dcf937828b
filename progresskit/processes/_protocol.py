"""The wire protocol of a hub and its clients: encode messages as bytes, and split bytes into messages.

Rows travel as frames: the hub keeps the newest one and decodes it when there is time to draw it. Numbers travel apart from rows:
counts for tasks that another process has handed out, and counts of ended tasks that no frame has shown. A message of numbers is
small, holds totals since the client's start, and is read at once.

Pure: knows no sockets. A message is its length (four bytes, big-endian), one byte for its kind, and its body. Any process may
have written the bytes, so reading them gives messages within bounds or raises an error.
"""

from __future__ import annotations

import json
from _operator import _compare_digest as compare_digest  # as `hmac` has it, which imports OpenSSL: 10 ms
from typing import NamedTuple

from .._model.numbers import LARGEST as LARGEST_NUMBER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HELLO = b"H"
"""The first message of a client: a JSON object with the key, its process ID and its start."""
FRAME = b"F"
"""A frame without ended tasks, encoded by `frames.encode`: a later frame replaces it."""
ENDED = b"E"
"""A frame with ended tasks: the hub must read it, even if a later frame has arrived."""
LINES = b"P"
"""Printed lines, UTF-8."""
COUNTS = b"N"
"""Units that the client has counted of handed-out tasks, in total since its start: see `pack_counts`."""
ENDED_COUNTS = b"T"
"""Counts of the client's tasks that ended before a frame could show them, since its start: see `EndedCounts.encode`."""
ASK = b"A"
"""From the hub: asks the client to send all counts so far, then `ANSWER` with the same body."""
ANSWER = b"R"
"""From the client: confirms that it has sent all counts from before the `ASK` with this body."""
MARK = b"M"
"""From the client: what follows belongs to the place among its words where the mark with this number stands, see `_marks`."""
SHOW = b"W"
"""From the client: it waits until all that it has sent is shown, because its words lead to the same log. A number in digits."""
SHOWN = b"S"
"""From the hub: what the client had sent up to the `SHOW` with this body is shown."""
CROWD = b"C"
"""From the hub: the number of processes that send it frames, in digits. Each client derives its share of the budget from it."""
BYE = b"B"
"""From the client: it ends in an orderly way."""
KINDS = frozenset((HELLO, FRAME, ENDED, LINES, COUNTS, ENDED_COUNTS, ASK, ANSWER, MARK, SHOW, SHOWN, CROWD, BYE))

LARGEST = 1 << 22
"""The largest message, in bytes: some 10,000 tasks."""
LARGEST_HELLO = 1 << 10
LONGEST_COUNT = 101
"""The most characters of a count."""


class Hello(NamedTuple):
    """How a client identifies itself.

    Attributes:
        pid: Its process ID.
        start: When its process started, in seconds on a clock that all processes of the machine share.
    """

    pid: int
    start: float


def message(kind: bytes, body: bytes = b"") -> bytes:
    r"""Return a message of `kind` with `body`.

    Example:
        >>> message(LINES, b"hello")
        b'\x00\x00\x00\x06Phello'
    """
    return (len(body) + 1).to_bytes(4, "big") + kind + body


def hello(key: str, who: Hello) -> bytes:
    """Return the first message of a client."""
    return message(
        HELLO, f'{{"key": "{key}", "pid": {who.pid}, "start": {who.start!r}}}'.encode()
    )  # a key is hexadecimal


def read_hello(body: bytes, key: str) -> Hello:
    """Return how a client identifies itself in the `body` of its `HELLO`.

    Raises:
        ValueError: the body lacks the right `key`, or is malformed.
    """
    try:
        document = json.loads(body)
        pid, start, offered = document["pid"], document["start"], document["key"]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise ValueError("this is no client's first message.") from None
    if not isinstance(offered, str) or not compare_digest(offered.encode("utf-8", "replace"), key.encode()):
        raise ValueError("the key is wrong.")
    if type(pid) is not int or type(start) not in (int, float) or not 0 <= pid < 1 << 31 or not 0 <= start < 1e12:
        raise ValueError("process number and start are numbers from 0.")
    return Hello(pid, start)


def pack_counts(counts: Mapping[int, int | float]) -> bytes:
    r"""Return `counts`, by task number, as the body of a `COUNTS` message.

    Example:
        >>> pack_counts({17: 200, 18: 0.5})
        b'17 200\n18 0.5'
    """
    return "\n".join(
        f"{number} {count if type(count) in (int, float) else float(count)!r}" for number, count in counts.items()
    ).encode()


def split_counts(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield number and count of each task in a `COUNTS` message, not yet decoded: a later message may replace them."""
    for line in body.split(b"\n"):
        number, _, count = line.partition(b" ")
        if number:
            yield number, count


def read_count(number: bytes, count: bytes) -> tuple[int, int | float]:
    """Return a task's number and its count, decoded.

    Raises:
        ValueError: one of them is malformed or out of bounds.
    """
    if not number.isdigit() or len(number) > 19 or len(count) > LONGEST_COUNT:
        raise ValueError(f"{number!r:.40} {count!r:.120} is no count of a task.")
    text = count.decode("ascii")  # UnicodeDecodeError is a ValueError
    value = int(text) if text.lstrip("-").isdigit() else float(text)
    if not -LARGEST_NUMBER < value < LARGEST_NUMBER:
        raise ValueError(f"a count is a number between -1e100 and 1e100, not {text:.120}.")
    return int(number), value


class Splitter:
    r"""Splits arriving bytes into messages.

    Example:
        >>> splitter = Splitter()
        >>> splitter.feed(b"\x00\x00\x00\x06Ph"), splitter.feed(b"ello\x00")
        ([], [(b'P', b'hello')])
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self.largest = LARGEST_HELLO
        """The largest message, in bytes. Raise it once the sender is known."""

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Return the messages that `data` completes, as kind and body.

        Raises:
            ValueError: a length is 0 or above `largest`, or a kind is unknown: further bytes cannot be trusted.
        """
        rest = self._rest
        if not rest and len(data) == 4 + int.from_bytes(data[:4], "big"):  # one whole message: the usual case
            kind = data[4:5]
            if kind in KINDS and len(data) <= 4 + self.largest:
                return [(kind, data[5:])]
        rest += data
        found = []
        at = 0
        while len(rest) - at >= 5:
            size = int.from_bytes(rest[at : at + 4], "big")
            kind = bytes(rest[at + 4 : at + 5])
            if not 0 < size <= self.largest or kind not in KINDS:
                raise ValueError(f"a message of kind {kind!r} and {size:,d} bytes is none.")
            if len(rest) - at - 4 < size:
                break
            found.append((kind, bytes(rest[at + 5 : at + 4 + size])))
            at += 4 + size
            if self.largest == LARGEST_HELLO:  # split the rest once the sender is known
                break
        del rest[:at]
        return found
