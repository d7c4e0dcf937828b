"""Ctrl-C that comes during a fork or while a hook of it runs: the interpreter ignores errors of such hooks, so it is raised again
after the fork.

Does not know what the hooks do. Errors of other signals' handlers are still lost there, since only Ctrl-C can be raised anew.
"""

from __future__ import annotations

from _thread import interrupt_main
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SINCE_FORK: Any = partial(bool)
"""The first hook of the parent after a fork: catches Ctrl-C that has come during the fork, which may take milliseconds. The first
Python code after that raises it: a function, before anything can catch it; a generator, where it waits. So this calls `next` of one."""
AFTER_FORK: Any = partial(bool)
"""The last hook of the parent after a fork: calls `bool`, which does nothing, or `interrupt_main`. It is a partial, whose function can
be changed as `pickle` does it, because a function of Python's would itself be what its call of `interrupt_main` interrupts."""
_is_pending = False
_resumed: tuple[Any, None] | None = None
"""The arguments of `next` in `SINCE_FORK`. Held here, since a call of a partial does not hold what it calls."""


def _catch() -> Any:  # a generator
    while True:
        try:
            yield
        except KeyboardInterrupt:
            raise_after_fork()


def _call_after_fork(function: Any) -> None:
    AFTER_FORK.__setstate__((function, (), {}, None))


def raise_after_fork() -> None:
    """Raise KeyboardInterrupt in the main thread when the hooks of the present fork are done."""
    global _is_pending
    _is_pending = True
    _call_after_fork(interrupt_main)


def begin_fork() -> None:
    """Catch Ctrl-C that comes during the fork that is about to be made, and raise none of before it."""
    global _is_pending, _resumed
    if _resumed is None or _resumed[0].gi_frame is None:  # the error of a signal's handler has ended it
        _resumed = _catch(), None
        next(_resumed[0])
    if _resumed[0].gi_running:  # a signal's handler forks, while it is resumed
        SINCE_FORK.__setstate__((bool, (), {}, None))
    else:
        SINCE_FORK.__setstate__((next, _resumed, {}, None))
    if _is_pending:
        _is_pending = False
        _call_after_fork(bool)
