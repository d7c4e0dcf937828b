"""A client of a hub: a renderer that writes each frame to the hub's socket and never waits for the hub.

While the hub does not read, the client keeps the newest frame and all ended tasks and printed lines. When the hub has closed, the
client raises, as another renderer does for a broken terminal, and the display falls back to `plain`.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, ClassVar

from .._model.address import Address
from .._model.frames import encode
from .._model.slots import assign_rows
from ..renderers.base import RendererUnavailable
from ._connection import Connection
from ._marks import MarkWriter, leads_to_log
from ._numbers import send_at_any_end
from ._protocol import BYE, CROWD, ENDED, FRAME, LARGEST, LINES, MARK, SHOW, SHOWN, message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._model.frames import Frame, TaskView
    from ..renderers.base import Terminal

MOST_TASKS = 1_000
"""Live tasks that a frame carries to the hub; further ones are only counted. No screen has so many rows."""
MOST_ENDED = 2_000
"""Ended tasks in one message."""
MOST_CHARACTERS = 1 << 22
"""Characters of printed lines kept while the hub does not read; later lines are only counted."""
READ_SECONDS = 1.0
"""Seconds between two reads of the hub's messages."""
SHOWN_SECONDS = 0.2
"""Seconds that a frame with ended tasks or lines waits until the hub has written them to the log that the job's words go to."""
STOP_SECONDS = 1.0
"""Seconds that `stop` waits for a slow hub, so that the tasks' last states reach it."""
LEAST_BUDGET, MOST_BUDGET = 0.0018, 0.01
"""The share of one core that sending frames may cost: with a hundred clients, and with a few."""
CROWD_BUDGET = 64 * LEAST_BUDGET
"""The share of one core that all clients of a hub may cost together, while none has less than `LEAST_BUDGET`."""


class HubRenderer:
    """Sends frames to the hub of `PROGRESSKIT_HUB`."""

    in_place: ClassVar[bool] = False
    is_remote: ClassVar[bool] = True
    default_budget: float = LEAST_BUDGET  # until the hub has said how many clients it has

    def __init__(self, address: str | None = None) -> None:
        self._address = address
        self._connection: Connection | None = None

    @classmethod
    def check(cls) -> None:
        """Raise `RendererUnavailable` if no hub is configured."""
        text = os.environ.get("PROGRESSKIT_HUB", "")
        if not text.strip():
            raise RendererUnavailable("PROGRESSKIT_HUB is not set: start the command with `progresskit run`")
        try:
            Address.parse(text)
        except ValueError as error:
            raise RendererUnavailable(f"PROGRESSKIT_HUB is no address: {error}") from None

    def start(self, terminal: Terminal) -> None:
        self._frame: Frame | None = None
        self._ended: list[TaskView] = []
        self._lines: list[str] = []
        self._size = 0  # characters in _lines
        self._missing = 0  # lines dropped for lack of room
        self._marks = MarkWriter()
        self._in_log = leads_to_log()
        self._shows = 0  # how many times the hub was asked to show what it has
        self._is_told = False  # whether the hub has said how many clients there are
        self._reads_at = float("-inf")  # when to read the hub's messages next, on the frames' clock
        self._connection = Connection(os.environ.get("PROGRESSKIT_HUB", "") if self._address is None else self._address)
        self._connection.flush()
        send_at_any_end()

    def render(self, frame: Frame) -> None:
        connection = self._connection
        assert connection is not None  # between start and stop
        if frame.ended or self._lines or self._ended or connection.out or len(frame.tasks) > MOST_TASKS:
            self._render_in_turn(frame)
        else:  # most frames
            body = encode(frame).encode()
            if len(body) < LARGEST:
                self._frame = None  # an older one
                connection.out += message(FRAME, body)
                connection.flush()
            else:
                self._render_in_turn(frame)
        if frame.time >= self._reads_at:
            self._read_budget(connection, frame.time)

    def _render_in_turn(self, frame: Frame) -> None:
        """Send `frame` after what the hub has not accepted yet, together with lines and ended tasks."""
        self._frame = frame if len(frame.tasks) <= MOST_TASKS else _cut(frame)
        self._ended += frame.ended
        self._send()

    def write(self, text: str) -> None:
        if self._size > MOST_CHARACTERS:
            self._missing += 1
        else:
            self._lines.append(text)
            self._size += len(text)

    def stop(self) -> None:
        connection = self._connection
        if connection is None:
            return
        until = time.monotonic() + STOP_SECONDS
        try:
            self._send()
            while self._behind and time.monotonic() < until:
                connection.wait_until_writable(until - time.monotonic())
                self._send()
            if not self._behind:
                connection.out += message(BYE)
                connection.flush()
        except OSError:
            pass  # the hub has closed: there is nobody to tell
        finally:
            self._close()

    @property
    def _behind(self) -> bool:
        connection = self._connection
        waits = connection is not None and connection.out
        return bool(waits or self._ended or self._lines or self._frame is not None)

    def _send(self) -> None:
        """Send pending messages as far as the hub accepts them. A frame is encoded only when there is room for it."""
        connection = self._connection
        assert connection is not None  # between start and stop
        if connection.out and not connection.flush():
            return
        has_words = bool(self._lines or self._ended)
        number = self._marks.next_number() if has_words else None
        if number is not None:
            connection.out += message(MARK, b"%d" % number)
        if self._lines:
            text = "\n".join(self._lines)
            if self._missing:
                text += f"\nprogresskit: {self._missing:,d} lines are missing here: the hub did not read."
            self._lines, self._size, self._missing = [], 0, 0
            data = text.encode("utf-8", "backslashreplace")
            for piece in _pieces(data, LARGEST - 1):  # a message is one byte longer than its body
                connection.out += message(LINES, piece)
        while self._frame is not None:
            frame, self._frame = self._frame, None
            body, ended = _packed(frame, self._ended)
            connection.out += message(ENDED if ended else FRAME, body)
            del self._ended[:ended]
            if self._ended:
                self._frame = frame
        if has_words and self._in_log:
            self._shows += 1
            connection.out += message(SHOW, b"%d" % self._shows)
        is_sent = connection.flush()
        if number is not None:
            self._marks.write(number)
        if has_words and self._in_log and is_sent:
            self._wait_until_shown(connection)

    def _wait_until_shown(self, connection: Connection) -> None:
        """Wait until the hub has written what was sent, so that words which the job writes next stand below it."""
        until = time.monotonic() + SHOWN_SECONDS
        while (left := until - time.monotonic()) > 0.0:
            connection.wait_until_readable(left)
            messages = self._read(connection)
            if messages is None or (SHOWN, b"%d" % self._shows) in messages:
                return

    def _read_budget(self, connection: Connection, time: float) -> None:
        """Set this client's share of a core, if the hub has said how many clients there are.

        Reads at each frame until the hub has said so, and once a second afterwards: a read that finds nothing costs a system call
        and an exception.
        """
        self._read(connection)
        if self._is_told:
            self._reads_at = time + READ_SECONDS

    def _read(self, connection: Connection) -> list[tuple[bytes, bytes]] | None:
        """Return the hub's messages, having noted how many clients it has; None: it has closed the connection."""
        messages = connection.read()
        for kind, body in messages or ():
            if kind == CROWD and body.isdigit() and len(body) < 10:
                self._is_told = True
                self.default_budget = max(LEAST_BUDGET, min(MOST_BUDGET, CROWD_BUDGET / max(int(body), 1)))
        return messages

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _pieces(lines: bytes, most: int) -> Iterator[bytes]:
    """Yield `lines`, in UTF-8, in pieces of at most `most` bytes: whole lines, and parts only of a line that is longer."""
    at = 0
    while len(lines) - at > most:
        end = lines.rfind(b"\n", at, at + most + 1)
        if end >= 0:
            yield lines[at:end]
            at = end + 1  # the hub ends each piece with a newline
            continue
        end = at + most
        while lines[end] & 0xC0 == 0x80:  # within a character
            end -= 1
        yield lines[at:end]
        at = end
    yield lines[at:]


def _packed(frame: Frame, ended: list[TaskView]) -> tuple[bytes, int]:
    """Return `frame` encoded with as many of the `ended` tasks as fit in a message, and the number of those tasks."""
    most = min(len(ended), MOST_ENDED)
    while True:
        body = encode(frame._replace(ended=tuple(ended[:most])) if ended or frame.ended else frame).encode()
        if len(body) < LARGEST:
            return body, most
        if most > 1 or len(frame.tasks) > 1:
            most, frame = (most + 1) // 2, _cut(frame, len(frame.tasks) // 2)
        else:  # columns of some megabytes
            frame = frame._replace(tasks=tuple(view._replace(fields={}) for view in frame.tasks))
            ended[:most] = [view._replace(fields={}) for view in ended[:most]]


def _cut(frame: Frame, most: int = MOST_TASKS) -> Frame:
    """Return `frame` cut to its first tasks, fewer than `most`; waiting tasks are cut first."""
    seated, more = assign_rows([(view, view.depth) for view in frame.tasks], most)
    return frame._replace(tasks=tuple(view for view, _, _ in seated), more=frame.more + more)
