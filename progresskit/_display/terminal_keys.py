"""The terminal or file on which a tracker draws, and whether a stream leads there.

Compares the keys of files. Does not know what is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .descriptors import file_key, text_descriptor

if TYPE_CHECKING:
    from .._tracking.core import TrackerCore


def draws_on(tracker: TrackerCore, stream: Any) -> bool:
    """Return whether `tracker` draws, or would draw, on the terminal or file that `stream` is."""
    if not tracker.renderer.shows_tasks:
        return False
    own: Any = tracker.current_stream() if tracker.terminal is None else tracker.terminal
    if own is stream:
        return own is not None
    key = terminal_key_of(tracker)
    try:
        return key is not None and file_key(stream.fileno()) == key
    except Exception:  # none, closed, or whatever a stream of the user's own may raise
        return False


def terminal_key_of(tracker: TrackerCore) -> tuple[object, ...] | None:
    """Return the key of the terminal that `tracker` draws on; None where it draws on none."""
    if not tracker.renderer.shows_tasks:
        return None
    if tracker.terminal is not None:
        return getattr(tracker.terminal, "key", None)
    stream = tracker.current_stream()
    try:
        return file_key(stream.fileno()) if stream.isatty() else None
    except Exception:  # none, closed, or whatever a stream of the user's own may raise
        return None


def leads_to(stream: Any, key: tuple[object, ...]) -> bool:
    """Return whether `stream` is a plain text file over the terminal of that `key`.

    A wrapper with its own `write` (a Tee) is left alone: it writes to the stream that it wraps, which is captured.
    """
    try:
        descriptor = text_descriptor(stream)
        return descriptor is not None and stream.isatty() and file_key(descriptor) == key
    except Exception:
        return False


def has_key(descriptor: int, key: tuple[object, ...]) -> bool:
    """Return whether `descriptor` leads to the file or terminal of that `key`."""
    try:
        return file_key(descriptor) == key
    except OSError:  # closed
        return False
