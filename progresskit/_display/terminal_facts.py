"""What a stream and the environment say of a terminal: its encoding, its colours, and how it behaves when its size changes.

Knows environment variables. Does not know how a terminal is written to.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .._system.environment import DUMB, is_on

if TYPE_CHECKING:
    from collections.abc import Mapping


def asked(stream: Any, name: str, otherwise: Any) -> Any:
    """Return the attribute `name` of `stream`, or `otherwise`: a user's stream may raise anything."""
    try:
        return getattr(stream, name, otherwise)
    except Exception:
        return otherwise


def codec_name(encoding: object) -> str:
    """Return the name of the codec for `encoding`; ASCII if there is no such codec."""
    import codecs

    try:
        return codecs.lookup(encoding if isinstance(encoding, str) else "utf-8").name
    except LookupError:
        return "ascii"


def wants_colors(is_tty: bool, environ: Mapping[str, str]) -> bool:
    """Return whether to use colours.

    In this order: NO_COLOR forbids them, FORCE_COLOR and CLICOLOR_FORCE demand them, CLICOLOR=0 forbids them; otherwise a terminal
    has them unless it is dumb.
    """
    if environ.get("NO_COLOR"):
        return False
    if "FORCE_COLOR" in environ:
        return is_on(environ, "FORCE_COLOR")
    if is_on(environ, "CLICOLOR_FORCE"):
        return True
    if environ.get("CLICOLOR", "").strip() == "0":
        return False
    return is_tty and environ.get("TERM") not in DUMB


def is_journal(descriptor: int, environ: Mapping[str, str]) -> bool:
    """Return whether `descriptor` leads to the journal that the service manager has named, and has not been redirected."""
    device, _, number = environ.get("JOURNAL_STREAM", "").partition(":")
    if not (device.isascii() and device.isdigit() and number.isascii() and number.isdigit()):
        return False
    status = os.fstat(descriptor)
    return (status.st_dev, status.st_ino) == (int(device), int(number))


def reflows(environ: Mapping[str, str]) -> bool:
    """Return whether the terminal wraps rows anew when its width changes. Nearly all do; xterm and GNU screen cut rows off."""
    return "TMUX" in environ or not ("XTERM_VERSION" in environ or "STY" in environ or environ.get("TERM") == "linux")


def has_late_sizes(environ: Mapping[str, str]) -> bool:
    """Return whether a new size arrives long after the rows have moved.

    tmux waits a quarter of a second between two sizes, and ssh has the delay of its network.
    """
    tmux = "TMUX" in environ or environ.get("TERM", "").startswith("tmux")
    return tmux or "SSH_CONNECTION" in environ or "SSH_TTY" in environ


def whole_number(value: str | None) -> int:
    """Return `value` as a whole number; 0 if it is none, as COLUMNS and LINES often are."""
    return int(value) if value and value.isascii() and value.isdigit() else 0
