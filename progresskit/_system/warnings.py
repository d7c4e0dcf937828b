"""Warnings about the display, each at most once per process.

Uses the standard `warnings` module, so that a user's filters apply. A filter that turns warnings
into errors does not end the job.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType


class ProgressWarning(UserWarning):
    """The display is not as requested; the job is not affected.

    Example:
        >>> import warnings
        >>> warnings.filterwarnings("ignore", category=ProgressWarning)  # silence them
    """


_said: set[str] = set()


def warn_once(message: str) -> None:
    """Warn with `message` as a `ProgressWarning`, unless this process has done so already."""
    if message in _said:
        return
    _said.add(message)
    import warnings

    try:
        level = _level_of_caller()
        if level is None:
            warnings.warn_explicit(f"progresskit: {message}", ProgressWarning, "<progresskit>", 1, __name__)
        else:
            warnings.warn(f"progresskit: {message}", ProgressWarning, stacklevel=level)
    except Exception:  # an error of a filter or a stream must not reach the job
        pass


def _level_of_caller() -> int | None:
    """Return the `stacklevel` of the first frame outside of progresskit, seen from `warn_once`; None if there is none,
    as in a thread of progresskit's."""
    frame: FrameType | None = sys._getframe(1)
    level = 1
    package = __name__.partition(".")[0]
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        frame, level = frame.f_back, level + 1
    return None if frame is None or frame.f_globals.get("__name__") == "threading" else level


def describe(error: BaseException) -> str:
    """Return `error` as one line, or its class if it has no message."""
    name = type(error).__name__
    try:
        words = str(error)
    except Exception:  # an exception's __str__ is the user's code
        words = ""
    return f"{name}: {words}" if words else name
