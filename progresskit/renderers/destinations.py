"""Other destinations of frames and lines than the chosen renderer: a hub, a folder, the stream itself.

Knows the variables and streams that decide it. Does not know what a renderer does.
"""

from __future__ import annotations

import os
import sys

from .._system.job import hub_address
from .._system.notebook import is_cell_stream, is_no_terminal
from .._system.platform import IS_WINDOWS
from .._system.warnings import warn_once
from .choice import RendererChoice, redrawable
from .registry import BUILTIN, candidates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_TOLD = ("PROGRESSKIT_HUB", "PROGRESSKIT_EVENTS", "PROGRESSKIT_FOLDER", "PROGRESSKIT_WEB", "NOTIFY_SOCKET")
"""Variables whose receivers get printed lines as well."""


def prefer_hub(
    choice: RendererChoice, *, redirected: bool = False, environ: Mapping[str, str] | None = None
) -> RendererChoice:
    """Replace `choice` by the hub's client, if this process would otherwise draw on the hub's terminal.

    A renderer that appends lines (plain, json, none) is not replaced if code has chosen it, nor is a renderer that code
    has made. One that the environment has chosen is replaced.

    Args:
        choice: The choice of the renderer.
        redirected: Whether code has named another stream or terminal than the one that the processes share.
        environ: The environment; None takes the process's.
    """
    address = hub_address(environ)
    if address is None or redirected or choice.given:
        return choice
    if choice.in_code and not choice.in_place:
        return choice
    from .._model.address import Address

    try:
        Address.parse(address)
    except ValueError as error:
        warn_once(f"PROGRESSKIT_HUB is set to what is no address, and is ignored: {error}")
        return choice
    return hub_client(address, "PROGRESSKIT_HUB is set")


def hub_client(address: str | None, why: str) -> RendererChoice:
    """Return the choice of a client of the hub at `address`; None: the hub that `PROGRESSKIT_HUB` names when the client
    is made."""
    from functools import partial

    return RendererChoice("hub", partial(BUILTIN["hub"], address), why, is_remote=True)


def shared_folder(
    choice: RendererChoice, *, redirected: bool = False, environ: Mapping[str, str] | None = None
) -> str | None:
    """Return the folder to which frames are also written, `PROGRESSKIT_FOLDER`; None if there is none.

    As with a hub, frames are not written if code has sent them elsewhere, draws them itself or has switched progress
    off. A hub writes the frames of its clients.

    Args:
        choice: The choice of the renderer.
        redirected: Whether code has named another stream or terminal than the one that the processes share.
        environ: The environment; None takes the process's.
    """
    folder = (os.environ if environ is None else environ).get("PROGRESSKIT_FOLDER", "").strip()
    off = choice.in_code and not choice.shows_tasks
    return None if not folder or redirected or choice.given or choice.is_remote or off else folder


def writes_as_printed(choice: RendererChoice, stream: Any, environ: Mapping[str, str] | None = None) -> bool:
    """Return whether a printed line goes to `stream` unchanged, so that the printing thread can write it itself.

    That is so if the renderer is `plain` or `none`, and no hub, page, folder, service manager or events file gets the
    line.
    """
    environ = os.environ if environ is None else environ
    if choice.make is BUILTIN["none"] and choice.in_code:
        return True
    if any(environ.get(name) for name in _TOLD) or stream is None:
        return False
    if choice.make is None:
        return not (draws_rows(choice, stream, environ=environ) or is_cell_stream(stream) or candidates())
    return choice.make in (BUILTIN["plain"], BUILTIN["none"])


def draws_rows(
    choice: RendererChoice, stream: Any, *, worker: bool = False, environ: Mapping[str, str] | None = None
) -> bool:
    """Return whether rows will be drawn on `stream`, as far as is known before a renderer is made.

    Args:
        choice: The choice of the renderer.
        stream: Where the display would be.
        worker: Whether the process is a worker of one that has rows there.
        environ: The environment; None takes the process's.
    """
    environ = os.environ if environ is None else environ
    try:
        if stream is None or is_no_terminal(stream) or not stream.isatty():
            return False
    except Exception:  # closed, or any error of a user's stream
        return False
    if choice.is_remote or (hub_address(environ) is not None and prefer_hub(choice, environ=environ).is_remote):
        return worker  # `progresskit run` captures the output of its command
    if choice.make is not None:
        return choice.in_place
    return redrawable(True, environ)[0] and _obeys_sequences(stream)


def _obeys_sequences(stream: Any) -> bool:
    """Return whether the terminal of `stream` obeys escape sequences. Only some consoles of Windows do not."""
    if not IS_WINDOWS:
        return True
    from .._system.windows import open_console

    try:
        console = open_console(stream.fileno())
    except Exception:  # no descriptor, or any error of a user's stream
        return True
    return console is None or console.has_sequences


def default_stream(environ: Mapping[str, str] | None = None, *, opened: bool = True) -> Any:
    """Return the stream of `PROGRESSKIT_STREAM`: standard error unless set, standard output, or a file to append to.

    In a notebook the default is standard output, because a notebook shows standard error as an alarm. None if the
    process has no such stream (pythonw).

    Args:
        environ: The environment; None takes the process's.
        opened: Whether a file is opened; None is returned for it otherwise.
    """
    environ = os.environ if environ is None else environ
    name = environ.get("PROGRESSKIT_STREAM", "").strip()
    if name == "stdout" or (not name and is_cell_stream(sys.stderr) and is_cell_stream(sys.stdout)):
        return unwrapped(sys.stdout)
    if name in ("", "stderr"):
        return unwrapped(sys.stderr)
    if not opened:
        return None
    try:
        return open(name, "a", encoding="utf-8")  # its terminal closes it
    except (OSError, ValueError) as error:
        warn_once(f"PROGRESSKIT_STREAM is {name!r:.80}, which cannot be opened: {error}. Standard error is used.")
        return sys.stderr


def unwrapped(stream: Any) -> Any:
    """Return the stream behind `stream`, if a library has replaced that for a while.

    Rich's replacement during a live display claims to be a terminal, but prints escape sequences as text. That of prompt_toolkit
    during a prompt (IPython's, too) loses what is written to it afterwards.
    """
    module = type(stream).__module__
    if module == "rich.file_proxy":
        return stream.rich_proxied_file
    if module == "prompt_toolkit.patch_stdout":
        return getattr(stream, "original_stdout", None) or stream
    return stream
