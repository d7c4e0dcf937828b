"""The process's one live page: when it is served, and what renderers tell it.

Knows the environment, displays' renderers and forks. Does not know HTTP or what the page looks like.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from ..._system.run_identity import run_identity, without_secrets
from ..._system.warnings import warn_once
from ..observed import OBSERVERS, ObservedRenderer, WholeFrames
from ..process_hooks import at_end, in_child
from .server import LAST_PICTURE_SECONDS, LOOPBACK, PageServer
from .state import PageState

if TYPE_CHECKING:
    from ..._model.frames import Frame
    from ...renderers.base import Renderer

_served: PageServer | None = None
_told = False  # whether somebody has been told the address


class LivePageRenderer(WholeFrames):
    """A renderer whose frames and lines the page shows too.

    Args:
        renderer: What draws.
        state: What the page shows.
    """

    def __init__(self, renderer: Renderer, state: PageState) -> None:
        super().__init__(renderer)
        self._state = state

    def render(self, frame: Frame) -> None:
        self._state.note(frame, display=id(self))
        super().render(frame)

    def write(self, text: str) -> None:
        self._state.note_lines(text)
        super().write(text)

    def stop(self) -> None:
        super().stop()
        self._state.note_stop(display=id(self))


def serve(host: str = LOOPBACK, port: int = 0, command: list[str] | None = None) -> PageServer:
    """Serve the page of this process, where it is not, and return its server.

    Args:
        host: The address to listen on.
        port: The port; 0 takes a free one.
        command: What the page is called; None: this program's own command.

    Raises:
        OSError: the address cannot be had, or no thread.
    """
    global _served
    if _served is None:
        header = run_identity()
        if command is not None:
            header = {**header, "argv": without_secrets(command)}
        server = PageServer(PageState(header), host, port)
        try:
            server.start()
        except RuntimeError as error:
            server.stop()
            raise OSError(f"no thread can be started: {error}") from error
        _served = server
        OBSERVERS.append(_observe)
        at_end(give_last_picture)
        if _forget not in _hooked:
            _hooked.append(_forget)
            in_child(_forget)
    return _served


def told() -> None:
    """Note that somebody has been told the address."""
    global _told
    _told = True


def words(server: PageServer) -> str:
    """Return the line that tells where the page is, and who can reach it where that is not this machine alone."""
    line = f"progresskit: the live page is at {server.url}"
    if server.is_loopback:
        return line
    return f"{line} for whoever reaches this machine and has that address, which is sent unencrypted"


_hooked: list[object] = []


def _observe(renderer: Renderer) -> Renderer:
    """Return `renderer` with the page told of its frames; the first one says where the page is."""
    assert _served is not None
    if not _told:
        told()
        drawing: Any = renderer
        while isinstance(drawing, ObservedRenderer):  # the token is nothing for an events file
            drawing = drawing.inner
        drawing.write(words(_served))
    return LivePageRenderer(renderer, _served.state)


def serve_as_asked(text: str) -> None:
    """Serve the page as `PROGRESSKIT_WEB` asks. What cannot be served is left out, with one warning."""
    try:
        host, port = address(text)
        serve(host, port)
    except ValueError as error:
        warn_once(f"PROGRESSKIT_WEB is {text!r:.80}, and is ignored: {error}")
    except OSError as error:
        warn_once(f"PROGRESSKIT_WEB is {text!r:.80}, but the page cannot be served: {error.strerror or error}.")


def address(text: str) -> tuple[str, int]:
    """Return the host and the port that `text` names: `1` or nothing, a port, or `HOST:PORT`.

    Raises:
        ValueError: it names none.

    Example:
        >>> address("1"), address("8000"), address("0.0.0.0:8000"), address("[::1]:0")
        (('127.0.0.1', 0), ('127.0.0.1', 8000), ('0.0.0.0', 8000), ('::1', 0))
    """
    text = text.strip()
    if text.lower() in ("", "1", "true", "yes", "on"):
        return LOOPBACK, 0
    host, colon, port = text.rpartition(":")
    if port.isascii() and port.isdigit() and int(port) < 65_536 and (host or not colon):
        return host.strip("[]") or LOOPBACK, int(port)
    raise ValueError("give 1, a port, or HOST:PORT.")


def give_last_picture() -> None:
    """Wait until a page that is open has the last picture, for a moment at the most."""
    if _served is None:
        return
    until = time.monotonic() + LAST_PICTURE_SECONDS
    while _served.state.owes_picture and time.monotonic() < until:
        time.sleep(0.01)


def _forget() -> None:
    """In a forked child: the page is the parent's."""
    global _served
    if _served is not None:
        _served.forget()
        _served = None
        OBSERVERS.clear()
        os.environ.pop("PROGRESSKIT_WEB", None)


def stop() -> None:
    """Serve the page no longer."""
    global _served, _told
    if _served is not None:
        _served.stop()
        _served, _told = None, False
        OBSERVERS.clear()


def here() -> PageServer | None:
    """Return the server of this process's page; None where there is none."""
    return _served
