"""What the embedded server is told while it runs: its pace, what to refuse, which connections to reset, where to stop.

Knows no HTTP and no SQL. Written by the thread that hears the commands, read by those that serve.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar

STATES = ("queued", "resuming", "running")
"""What a statement goes through, in this order, before it is done."""
CLOSE = 0.001
"""Seconds: two blocks of an upload that arrive closer to each other are written down as one."""
AWAY_LONGEST = 3600.0
MADE_UP = 0.5
"""Seconds at most for which the pace makes up, after the server was busy with something else."""


class Controls:
    """The server's state for tests, and what was received.

    Attributes:
        pace: Bytes a second that all uploads together may take; None: as fast as they can.
        generation: How often the credentials of the stages have expired.
    """

    def __init__(self, pace: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.pace = pace
        self._clock = clock
        self._received: list[tuple[float, int]] = []
        self._total = 0
        self._refusals: list[int] = []
        self._resets: list[tuple[int, float]] = []
        self._expiries: list[int] = []
        self.generation = 0
        self._back = 0.0
        self._away: Callable[[], None] = lambda: None
        self._lose: Callable[[], None] = lambda: None
        self._stalled: int | None = None
        self._held: str | None = None
        self._free = 0.0  # when the next byte may come
        self._under_way = 0  # uploads
        self.parts = 0  # that have come in, of files that go in parts

    def on_away(self, call: Callable[[], None]) -> None:
        """Register `call`, which drops all connections when the server goes away."""
        self._away = call

    def on_lose(self, call: Callable[[], None]) -> None:
        """Register `call`, which ends all sessions on request."""
        self._lose = call

    def delay(self, size: int) -> float:
        """Return the seconds to wait before `size` more bytes keep to the pace."""
        pace = self.pace
        if pace is None:
            return 0.0
        now = self._clock()
        # A network takes what is sent while the server is busy with a statement: that is made up for.
        self._free = max(self._free, now - MADE_UP * (self._under_way > 0)) + size / pace
        return max(self._free - now, 0.0)

    def begun(self) -> None:
        """An upload begins."""
        if not self._under_way:
            self._free = max(self._free, self._clock())
        self._under_way += 1

    def ended(self) -> None:
        """An upload is over."""
        self._under_way -= 1

    def arrived(self, size: int) -> None:
        """Write down that `size` more bytes of uploads have arrived."""
        now = self._clock()
        self._total += size
        entry = (now, self._total)
        # The one that closes a millisecond stands for it; the first of all stays, as the curve's beginning.
        if len(self._received) > 1 and now - self._received[-2][0] < CLOSE:
            self._received[-1] = entry
        else:
            self._received.append(entry)

    def refusal(self) -> int | None:
        """Return the HTTP status to refuse an upload with, or None; each counts once."""
        return self._refusals.pop(0) if self._refusals else None

    def reset_due(self, received: int) -> bool:
        """Return whether the connection of an upload of which `received` bytes have arrived is to be reset; each counts once."""
        if not self._resets or received < self._resets[0][0]:
            return False
        if absence := self._resets.pop(0)[1]:
            self._leave(absence)
        return True

    def expire_due(self, received: int) -> None:
        """Have all credentials expire once `received` bytes of an upload are those that were given for that; each counts once."""
        if self._expiries and received >= self._expiries[0]:
            del self._expiries[0]
            self.generation += 1

    @property
    def away(self) -> bool:
        """Whether nobody is served now."""
        return self._clock() < self._back

    def held_at(self, state: str) -> bool:
        """Return whether statements are to stay in `state`."""
        return self._held == state

    def stalls(self, received: int) -> bool:
        """Return whether an upload of which `received` bytes have arrived is to wait."""
        return self._stalled is not None and received >= self._stalled

    def tell(self, name: str, *arguments: Any) -> Any:
        """Carry out the command `name` and return what it says.

        Raises:
            ValueError: there is no such command.
        """
        command = self._COMMANDS.get(name)
        if command is None:
            raise ValueError(f"{name!r:.40} is no command of the server: give one of {', '.join(self._COMMANDS)}.")
        return command(self, *arguments)

    def _pace(self, pace: float | None) -> None:
        self.pace, self._free = pace, 0.0

    def _refuse(self, *statuses: int) -> None:
        self._refusals += statuses

    def _reset(self, times: int, after: int, absence: float) -> None:
        self._resets += [(after, absence)] * times

    def _expire(self, times: int, after: int) -> None:
        self._expiries += [after] * times

    def _forget(self) -> None:
        self._refusals, self._resets, self._expiries, self._back = [], [], [], 0.0
        self._hold(None)
        self._stall(None)

    def _leave(self, seconds: float) -> None:
        self._back = self._clock() + min(seconds, AWAY_LONGEST)
        self._away()

    def _hold(self, state: str | None) -> None:
        self._held = state

    def _stall(self, after: int | None) -> None:
        self._stalled = after

    def _lose_all(self) -> None:
        self._lose()

    def _since(self, entries: int) -> list[tuple[float, int]]:
        # The last one may still change: it is told again.
        return self._received[entries:]

    def _pending(self) -> int:
        return len(self._refusals) + len(self._resets) + len(self._expiries)

    def _parts(self) -> int:
        return self.parts

    _COMMANDS: ClassVar[dict[str, Callable[..., Any]]] = {
        "pace": _pace,
        "refuse": _refuse,
        "reset": _reset,
        "expire": _expire,
        "away": _leave,
        "hold": _hold,
        "stall": _stall,
        "lose": _lose_all,
        "received": _since,
        "pending": _pending,
        "parts": _parts,
        "forget": _forget,
    }
