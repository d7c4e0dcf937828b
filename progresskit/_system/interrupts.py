"""Ctrl-C that comes while a hook of a fork runs: the interpreter ignores errors of such hooks, so it is raised again after the fork.

Does not know what the hooks do. Errors of other signals' handlers are still lost there, since only Ctrl-C can be raised anew.
"""

from __future__ import annotations

from _thread import interrupt_main
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

AFTER_FORK: Any = partial(bool)
"""The last hook of the parent after a fork: calls `bool`, which does nothing, or `interrupt_main`. It is a partial, whose function can
be changed as `pickle` does it, because a function of Python's would itself be what its call of `interrupt_main` interrupts."""
_is_pending = False


def _call_after_fork(function: Any) -> None:
    AFTER_FORK.__setstate__((function, (), {}, None))


def raise_after_fork() -> None:
    """Raise KeyboardInterrupt in the main thread when the hooks of the present fork are done."""
    global _is_pending
    _is_pending = True
    _call_after_fork(interrupt_main)


def forget() -> None:
    """Raise nothing after the fork that is about to be made."""
    global _is_pending
    if _is_pending:
        _is_pending = False
        _call_after_fork(bool)
