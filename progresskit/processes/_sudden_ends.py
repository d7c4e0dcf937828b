"""Send what a client has still to say before its process ends, or becomes another program, without calling exit functions.

The child of a plain fork ends by `os._exit`, as Python's documentation wants it, and many a launcher by `os.execvp`.
Knows how a process ends so. Does not know what there is to send.
"""

from __future__ import annotations

import os
from functools import wraps
from typing import TYPE_CHECKING

from .._display import forked_child, process_hooks

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SUDDEN = ("_exit", "execv", "execve")
"""The functions of `os`; the others of the family `exec` call these."""
SUDDEN_SECONDS = 0.25
"""Seconds that such an end waits at the most to have ended tasks and lines sent, and again for a frame that is being drawn."""
_sends: list[Callable[[], object]] = []


def send_before_sudden_ends(send: Callable[[], object]) -> None:
    """Call `send` before this process, or a fork of it, ends by a function of `SUDDEN`. `os` has no hook for that."""
    if send not in _sends:
        _sends.append(send)
    for name in SUDDEN:
        end: Any = vars(os).get(name)
        if end is not None and not hasattr(end, "progresskit"):
            setattr(os, name, _after_sending(end))


def _after_sending(end: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(end)
    def send_and_end(*arguments: Any, **more: Any) -> Any:
        # A child whose preparation is put off has used no tracker.
        if not (forked_child.is_put_off() or process_hooks.is_foreign()):
            for send in _sends:
                try:
                    send()
                except BaseException:  # an interrupt must not let a forked child return into its parent's code
                    pass
        return end(*arguments, **more)

    send_and_end.progresskit = True  # type: ignore[attr-defined]  # marks the replacement
    return send_and_end
