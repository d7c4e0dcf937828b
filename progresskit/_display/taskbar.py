"""A renderer that also reports the progress to the terminal's tab and task bar, by the sequence OSC 9;4.

Knows the sequence, and which terminals support it: others show a notification for each one. Does not know what draws
the rows.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .._system.environment import taskbar_wanted
from ..renderers.base import draws_in_place
from .observed import ObservedRenderer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .._model.frames import Frame
    from ..renderers.base import Renderer, Terminal

REPEAT_SECONDS = 5.0
"""Seconds after which a state is sent again: Ghostty clears it 15 seconds after it was last sent."""
NONE, NORMAL, FAILED, UNKNOWN, PAUSED = range(5)


class Taskbar(ObservedRenderer):
    """A renderer that also sends the state of all tasks at the top, and clears it whenever no row stands.

    Args:
        renderer: What draws.
        wrapped: Whether the sequence is wrapped for tmux, which hands it on where `allow-passthrough` is on.
        clock: Gives the time in seconds and never goes back.
    """

    def __init__(self, renderer: Renderer, *, wrapped: bool, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(renderer)
        self._wrapped = wrapped
        self._clock = clock
        self._sent = (NONE, 0)
        self._sent_at = 0.0
        self._has_failed = False

    def start(self, terminal: Terminal) -> None:
        self._handle = terminal
        super().start(terminal)

    def render(self, frame: Frame) -> None:
        super().render(frame)
        self._has_failed = self._has_failed or any(
            view.state == "failed" and view.parent is None for view in frame.ended
        )
        state = self._state(frame)
        if state[0] == NONE:
            self._has_failed = False
        now = self._clock()
        if state != self._sent or (state[0] != NONE and now - self._sent_at >= REPEAT_SECONDS):
            self._send(state, now)

    def stop(self) -> None:
        super().stop()
        if self._sent[0] != NONE:
            self._send((NONE, 0), self._clock())

    def _state(self, frame: Frame) -> tuple[int, int]:
        """Return the state and the percentage of the tasks at the top: the mean of those whose total is known."""
        top = [view for view in frame.tasks if view.parent is None]
        if not top:
            return NONE, 0
        known = [view.fraction for view in top if view.fraction is not None]
        percent = int(100 * sum(known) / len(known)) if known else 0
        if self._has_failed:
            return FAILED, percent
        if all(view.state == "paused" for view in top):
            return PAUSED, percent
        return (NORMAL, percent) if known else (UNKNOWN, 0)

    def _send(self, state: tuple[int, int], now: float) -> None:
        self._sent, self._sent_at = state, now
        sequence = f"\x1b]9;4;{state[0]};{state[1]}\x1b\\"
        if self._wrapped:
            doubled = sequence.replace("\x1b", "\x1b\x1b")
            sequence = f"\x1bPtmux;{doubled}\x1b\\"
        self._handle.write(sequence)


def with_taskbar(renderer: Renderer, terminal: Any, environ: Mapping[str, str]) -> Renderer:
    """Return `renderer`, with the task bar of `terminal` where that is known to have one."""
    if not (draws_in_place(renderer) and terminal.is_tty and terminal.fd is not None and taskbar_wanted(environ)):
        return renderer
    made: Renderer = Taskbar(renderer, wrapped="TMUX" in environ)
    return made
