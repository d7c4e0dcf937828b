"""One warning, once: how the library speaks of its own troubles.

Uses the interpreter's `warnings`, so that a user's filters hold, but never lets a filter turn a display's trouble into the
end of a job.
"""

from __future__ import annotations


class ProgressWarning(UserWarning):
    """Something about the display is not as asked for; the work is not affected.

    Example:
        >>> import warnings
        >>> warnings.filterwarnings("ignore", category=ProgressWarning)  # not a word of it
    """


_said: set[str] = set()


def warn_once(message: str) -> None:
    """Warn with `message` as a `ProgressWarning`, unless the process has said so already."""
    if message in _said:
        return
    _said.add(message)
    import warnings

    try:
        warnings.warn(f"progresskit: {message}", ProgressWarning, stacklevel=3)
    except Exception:  # a filter that makes errors of warnings, a stream that raises: neither must reach the job
        pass
