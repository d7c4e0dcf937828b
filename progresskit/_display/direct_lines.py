"""Lines that the printing thread writes to the stream itself, since nothing draws them.

Knows how a line is cleaned for a stream, and whether a write would wait. Does not know rows or frames.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .._system.platform import has_poll
from .._system.threads import native
from .._text.cells import clean_lines, encodable, plain_line
from .terminal import write_to
from .terminal_facts import wants_colors

if TYPE_CHECKING:
    from .._tracking.core import TrackerCore

MOST_AT_ONCE = 1_000
"""Characters of a line that is written without asking whether there is more room than a page: four bytes each at the most."""
POLLOUT = 4
"""`select.POLLOUT`, which is not there where `select.poll` is not."""


def write_lines(tracker: TrackerCore, lines: list[str]) -> None:
    """Write `lines` to the stream of `tracker` itself, since nothing draws them."""
    stream: Any = tracker.current_stream() if tracker.terminal is None else tracker.terminal
    if stream is None or not tracker.renderer.accepts_plain_lines:  # an events file holds events alone
        return
    try:
        write_to(stream, _text(stream, lines))
    except Exception:  # closed, a broken pipe, or whatever a stream of the user's own may raise
        pass


def write_at_once(tracker: TrackerCore, line: str) -> bool:
    """Write `line` to the stream of `tracker` itself, and return whether that could be done without waiting for a reader."""
    stream: Any = tracker.current_stream()
    try:
        text = _text(stream, [line])
        if len(text) > MOST_AT_ONCE or not _is_writable(stream):
            return False
        write_to(stream, text)
    except Exception:  # the display knows what to do with such a stream
        return False
    return True


def _is_writable(stream: Any) -> bool:
    """Return whether `stream` takes a page of bytes without waiting; one without a descriptor is taken to."""
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError, ValueError):
        return stream is not None and not getattr(stream, "closed", False)
    if not has_poll():
        return True
    poll = native("select", "poll")()
    poll.register(descriptor, POLLOUT)
    return any(events & POLLOUT for _, events in poll.poll(0))


def _text(stream: Any, lines: list[str]) -> str:
    encoding = stream.encoding or "utf-8"
    cleaned = map(clean_lines, lines)
    if not wants_colors(stream.isatty(), os.environ):
        cleaned = map(plain_line, cleaned)
    return "".join(f"{encodable(entry, encoding)}\n" for entry in cleaned)
