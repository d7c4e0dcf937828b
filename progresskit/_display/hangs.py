"""Detect a hung display: one that is still in the same call of code that is not ours after several checks.

Knows when such a call is in progress, and how often it must be seen. Does not know which thread checks, nor what
follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ParamSpec, Protocol, TypeVar

    class Hangable(Protocol):
        """The part of a display that a hang detector needs."""

        window: Window

    P = ParamSpec("P")
    T = TypeVar("T")
    D = TypeVar("D", bound=Hangable)

HANG_SECONDS = 5.0
"""Seconds after which one call of a renderer or a stream counts as hanging."""
CHECKS = 10
"""Checks within that time. Checks are counted instead of seconds, because a process that was stopped for an hour has
checked once."""


class Retired(BaseException):
    """Raised in a call that returns after its display was replaced: the caller must stop."""


class Window:
    """The call of a renderer or a stream that a display is in at this moment.

    Each call leaves a token here, a list with one entry. The detector of a hang pops the entry; if the call ever
    returns, it finds the list empty and raises `Retired`. A list's `pop` needs no lock: only one of the two can have
    the entry.

    Example:
        >>> window = Window()
        >>> window.call("renderer", len, "abc")
        3
    """

    __slots__ = ("token",)

    def __init__(self) -> None:
        self.token: list[str] | None = None  # what may hang: "renderer" or "stream"

    def call(self, kind: str, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call `function`, which may hang, and return what it returns.

        Raises:
            Retired: the display was given up meanwhile, whatever `function` did.
        """
        self.token = token = [kind]
        try:
            return function(*arguments, **named)
        finally:
            self.token = None
            try:
                token.pop()
            except IndexError:
                raise Retired from None


class HangDetector:
    """Finds a hung display by checking again and again.

    Args:
        checks: How many checks in a row must find the same call.
    """

    def __init__(self, checks: int) -> None:
        self._checks = checks
        self._token: list[str] | None = None
        self._count = 0

    def check(self, displays: list[D]) -> tuple[D, str] | None:
        """Return the display that has been in the same call for all these checks, and the kind of the call; None
        otherwise.

        The call that hangs raises `Retired` if it returns.
        """
        for display in displays:
            token = display.window.token
            if token is None:
                continue
            self._count = self._count + 1 if token is self._token else 0
            self._token = token
            if self._count >= self._checks:
                try:
                    return display, token.pop()
                except IndexError:  # the call has just returned, or another thread has detected the hang
                    pass
            return None
        self._token = None
        return None
