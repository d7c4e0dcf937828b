"""The live page of the process: when it is served, and how frames reach it.

Knows the environment, renderers and forks. Does not know HTTP, nor what the page looks like.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from ..._system.run_identity import run_identity, without_secrets
from ..._system.warnings import warn_once
from ...renderers.registry import OBSERVERS
from ..observed import ObservedRenderer, WholeFrames
from ..process_hooks import at_end, in_child
from .server import LAST_PICTURE_SECONDS, LOOPBACK, PageServer
from .state import PageState

if TYPE_CHECKING:
    from ..._model.frames import Frame
    from ...renderers.base import Renderer

_served: PageServer | None = None
_address_shown = False  # whether the user has been told the address


class LivePageRenderer(WholeFrames):
    """A renderer whose frames and lines are also shown on the page.

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
    """Serve the page of this process, unless it is served already, and return its server.

    Args:
        host: The address to listen on.
        port: The port; 0 takes a free one.
        command: The page's title; None: this program's own command.

    Raises:
        OSError: the address cannot be used, or no thread can be started.
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


def note_address_shown() -> None:
    """Note that the address has been shown to the user."""
    global _address_shown
    _address_shown = True


def words(server: PageServer) -> str:
    """Return the line that tells the address of the page, and a warning if other machines can reach it."""
    line = f"progresskit: the live page is at {server.url}"
    if server.is_loopback:
        return line
    return f"{line} for anyone who can reach this machine and knows that address, which is sent unencrypted"


_hooked: list[object] = []


def _observe(renderer: Renderer) -> Renderer:
    """Wrap `renderer` so that its frames reach the page. Its first frame prints the address."""
    assert _served is not None
    if not _address_shown:
        note_address_shown()
        drawing: Any = renderer
        while isinstance(drawing, ObservedRenderer):  # the token is nothing for an events file
            drawing = drawing.inner
        drawing.write(words(_served))
    return LivePageRenderer(renderer, _served.state)


def serve_as_asked(text: str) -> None:
    """Serve the page at the address in `PROGRESSKIT_WEB`. Warn once if that is impossible."""
    try:
        host, port = address(text)
        serve(host, port)
    except ValueError as error:
        warn_once(f"PROGRESSKIT_WEB is {text!r:.80}, and is ignored: {error}")
    except OSError as error:
        warn_once(f"PROGRESSKIT_WEB is {text!r:.80}, but the page cannot be served: {error.strerror or error}.")


def address(text: str) -> tuple[str, int]:
    """Return the host and the port that `text` names. It is `1` or empty, a port, or `HOST:PORT`.

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
    """Wait briefly until an open page has received the last picture."""
    if _served is None:
        return
    until = time.monotonic() + LAST_PICTURE_SECONDS
    while _served.state.owes_picture and time.monotonic() < until:
        time.sleep(0.01)


def _forget() -> None:
    """Forget the page in a forked child: it is the parent's."""
    global _served
    if _served is not None:
        _served.forget()
        _served = None
        OBSERVERS.clear()
        os.environ.pop("PROGRESSKIT_WEB", None)


def stop() -> None:
    """Stop serving the page."""
    global _served, _address_shown
    if _served is not None:
        _served.stop()
        _served, _address_shown = None, False
        OBSERVERS.clear()


def here() -> PageServer | None:
    """Return the server of this process's page; None if there is none."""
    return _served
