"""Notice that `os.dup2` redirects a descriptor, while streams are captured.

A program that redirects descriptor 1 to a file for a while (to silence a library, or in a test) wants its words there.
Asking the system before each print would cost as much as the print itself. Does not know captures or streams.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class HookedDup2:
    """Replaces `os.dup2`.

    Args:
        before: Called with a descriptor that is about to lead to something other than a terminal.
        after: Called after the redirection, wherever it leads.
    """

    def __init__(self, before: Callable[[int], object], after: Callable[[int], object]) -> None:
        self._function = os.dup2
        self._is_installed = False
        self._before = before
        self._after = after
        self.__name__ = "dup2"
        self.__doc__ = self._function.__doc__
        self.__wrapped__ = self._function

    def __call__(self, fd: Any, fd2: Any, *arguments: Any, **named: Any) -> Any:
        if isinstance(fd, int) and isinstance(fd2, int) and not _is_terminal(fd):
            self._before(fd2)
        try:
            return self._function(fd, fd2, *arguments, **named)
        finally:
            self._after(fd2)

    def install(self) -> None:
        """Replace `os.dup2`, unless that was done already."""
        if not self._is_installed:
            self._function, self._is_installed = os.dup2, True
            os.dup2 = self  # type: ignore[assignment]  # put back when nothing is captured any more

    def remove(self) -> None:
        """Restore it. If other code has wrapped it meanwhile, it stays, and does no harm."""
        if os.dup2 is self:
            os.dup2, self._is_installed = self._function, False


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except (OSError, OverflowError):  # none at all: `dup2` says so
        return True
