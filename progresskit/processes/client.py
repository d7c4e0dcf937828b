"""A client of a hub: writes each frame to the hub's socket, and never waits for it.

What the hub has no room for is merged: of frames the last one is kept, of ended tasks and printed lines all. A hub that is
gone raises, as a broken terminal would for other renderers, and the display falls back to `plain`.
"""

from __future__ import annotations

import os
import select
import socket
import time
from errno import ENOTCONN
from typing import TYPE_CHECKING, ClassVar

from .._display import process_hooks as life
from .._model.address import Address
from .._model.frames import encode
from .._model.slots import assign_rows
from ..renderers.base import RendererUnavailable
from .protocol import BYE, ENDED, FRAME, LARGEST, LINES, Hello, hello, message

if TYPE_CHECKING:
    from .._model.frames import Frame, TaskView
    from ..renderers.base import Terminal

MOST_TASKS = 1_000
"""Live tasks of a frame that are sent; the others are counted. No screen has so many rows."""
MOST_ENDED = 2_000
"""Ended tasks in one message."""
MOST_LINES = 1 << 22
"""Characters of printed lines that wait for a hub that does not read; what comes later is counted."""
FAREWELL = 1.0
"""Seconds that `stop` waits for a hub that is behind, so that the last states reach it."""


class HubRenderer:
    """Sends frames to the hub of `PROGRESSKIT_HUB`."""

    in_place: ClassVar[bool] = False

    def __init__(self, address: str | None = None) -> None:
        self._address = address
        self._socket: socket.socket | None = None

    @classmethod
    def check(cls) -> None:
        """Raise `RendererUnavailable` where there is no hub to speak to."""
        text = os.environ.get("PROGRESSKIT_HUB", "")
        if not text.strip():
            raise RendererUnavailable("PROGRESSKIT_HUB is not set: start the command with `progresskit run`")
        try:
            Address.parse(text)
        except ValueError as error:
            raise RendererUnavailable(f"PROGRESSKIT_HUB is no address: {error}") from None

    def start(self, terminal: Terminal) -> None:
        address = Address.parse(os.environ.get("PROGRESSKIT_HUB", "") if self._address is None else self._address)
        self._out = bytearray(hello(address.key, Hello(os.getpid(), process_start())))
        self._frame: Frame | None = None
        self._ended: list[TaskView] = []
        self._lines: list[str] = []
        self._size = 0  # characters in _lines
        self._missing = 0  # lines that there was no room for
        tcp = address.tcp
        self._place: tuple[str, int] | str = address.place if tcp is None else tcp
        self._socket = socket.socket(socket.AF_UNIX if tcp is None else socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._connected = False
        _clients.append(self)
        self._flush()

    def _connect(self) -> bool:
        """Return whether the socket is connected, or will be without our doing."""
        assert self._socket is not None  # between start and stop
        try:
            self._socket.connect(self._place)
        except BlockingIOError:
            if isinstance(self._place, str):  # the hub's queue is full
                return False
        self._connected = True
        return True

    def render(self, frame: Frame) -> None:
        self._frame = frame if len(frame.tasks) <= MOST_TASKS else _cut(frame)
        if frame.ended:
            self._ended += frame.ended
        self._send()

    def write(self, text: str) -> None:
        if self._size > MOST_LINES:
            self._missing += 1
        else:
            self._lines.append(text)
            self._size += len(text)

    def stop(self) -> None:
        if self._socket is None:
            return
        until = time.monotonic() + FAREWELL
        try:
            self._send()
            while self._behind and time.monotonic() < until:
                if self._connected:
                    select.select([], [self._socket], [], max(until - time.monotonic(), 0.0))
                else:
                    time.sleep(0.01)  # its queue is full, and no event says when it is not
                self._send()
            if not self._behind:
                self._out += message(BYE)
                self._flush()
        except OSError:
            pass  # a hub that has gone needs no farewell
        finally:
            self._close()

    @property
    def _behind(self) -> bool:
        return bool(self._out or self._ended or self._lines or self._frame is not None)

    def _send(self) -> None:
        """Send what waits, as far as the hub takes it. A frame is put into bytes when there is room for it."""
        if self._out and not self._flush():
            return
        if self._lines:
            text = "\n".join(self._lines)
            if self._missing:
                text += f"\nprogresskit: {self._missing:,d} lines are missing here: the hub did not read."
            self._lines, self._size, self._missing = [], 0, 0
            data = text.encode("utf-8", "backslashreplace")
            for at in range(0, len(data), MOST_LINES):
                self._out += message(LINES, data[at : at + MOST_LINES])
        while self._frame is not None:
            frame, self._frame = self._frame, None
            body, ended = _packed(frame, self._ended)
            self._out += message(ENDED if ended else FRAME, body)
            del self._ended[:ended]
            if self._ended:
                self._frame = frame
        self._flush()

    def _flush(self) -> bool:
        """Return whether everything is sent."""
        out, connection = self._out, self._socket
        assert connection is not None  # between start and stop
        try:
            if not self._connected and not self._connect():
                return False
            if out and isinstance(self._place, tuple) and self._connected:
                self._listen()
            while out:
                del out[: connection.send(out)]
        except BlockingIOError:
            return False
        except OSError as error:
            self._close()
            raise ConnectionError(f"the hub is gone: {error.strerror}") from None
        return True

    def _listen(self) -> None:
        """Raise ConnectionError where a TCP hub has closed: what is sent after that is taken, and lost."""
        assert self._socket is not None  # between start and stop
        try:
            if not self._socket.recv(1):
                raise ConnectionResetError(0, "it has closed the connection")
        except BlockingIOError:  # a hub never says anything
            pass
        except OSError as error:
            if error.errno != ENOTCONN:  # on its way still
                raise

    def _close(self) -> None:
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()
            _clients.remove(self)


def _packed(frame: Frame, ended: list[TaskView]) -> tuple[bytes, int]:
    """Return `frame` with as many of the `ended` tasks as a message holds, in bytes, and how many these are."""
    most = min(len(ended), MOST_ENDED)
    while True:
        body = encode(frame._replace(ended=tuple(ended[:most]))).encode()
        if len(body) < LARGEST:
            return body, most
        if most > 1 or len(frame.tasks) > 1:
            most, frame = (most + 1) // 2, _cut(frame, len(frame.tasks) // 2)
        else:  # columns of some megabytes
            frame = frame._replace(tasks=tuple(view._replace(fields={}) for view in frame.tasks))
            ended[:most] = [view._replace(fields={}) for view in ended[:most]]


def _cut(frame: Frame, most: int = MOST_TASKS) -> Frame:
    """Return `frame` with fewer than `most` tasks, the first, those that only wait last."""
    seated, more = assign_rows([(view, view.depth) for view in frame.tasks], most)
    return frame._replace(tasks=tuple(view for view, _, _ in seated), more=frame.more + more)


def process_start() -> float:
    """Return when this process started, in seconds on a clock that all processes of the machine share."""
    try:
        with open("/proc/self/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):  # no such file here
        return _imported


_imported = time.time()
_clients: list[HubRenderer] = []


def _in_child() -> None:
    for client in list(_clients):
        client._close()  # the parent's connection: as long as the child held it, its end could not be seen


life.in_child(_in_child)
