"""The controls of the running embedded server: its pace, refusals, resets and stops.

Does not know HTTP or SQL. The thread of the commands writes them, and those that serve read them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar

STATES = ("queued", "resuming", "running")
"""The states of a statement before it is done, in order."""
JOINED_SECONDS = 0.001
"""Seconds: two blocks of an upload that arrive within this time are recorded as one."""
LONGEST_AWAY_SECONDS = 3600.0
"""The longest time, in seconds, for which the server can be told to be away."""
CATCH_UP_SECONDS = 0.5
"""The most seconds of lost time for which the pace makes up, after the server was busy."""


class Controls:
    """The server's state for tests, and a record of received bytes.

    Attributes:
        pace: Bytes a second for all uploads together; None: no limit.
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
        # A network would accept bytes while the server executes a statement, so that time is made up for.
        self._free = max(self._free, now - CATCH_UP_SECONDS * (self._under_way > 0)) + size / pace
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
        """Record that `size` more bytes of uploads have arrived."""
        now = self._clock()
        self._total += size
        entry = (now, self._total)
        # One record for each millisecond; the first one stays, as the beginning of the curve.
        if len(self._received) > 1 and now - self._received[-2][0] < JOINED_SECONDS:
            self._received[-1] = entry
        else:
            self._received.append(entry)

    def refusal(self) -> int | None:
        """Return the HTTP status to refuse an upload with, or None; each counts once."""
        return self._refusals.pop(0) if self._refusals else None

    def reset_due(self, received: int) -> bool:
        """Return whether to reset the connection of an upload after `received` bytes; each reset counts once."""
        if not self._resets or received < self._resets[0][0]:
            return False
        if absence := self._resets.pop(0)[1]:
            self._leave(absence)
        return True

    def expire_due(self, received: int) -> None:
        """Expire all credentials once `received` bytes of an upload have arrived, if that was requested; each counts
        once."""
        if self._expiries and received >= self._expiries[0]:
            del self._expiries[0]
            self.generation += 1

    @property
    def away(self) -> bool:
        """Whether no client is served now."""
        return self._clock() < self._back

    def held_at(self, state: str) -> bool:
        """Return whether statements are to stay in `state`."""
        return self._held == state

    def stalls(self, received: int) -> bool:
        """Return whether an upload must wait after `received` bytes."""
        return self._stalled is not None and received >= self._stalled

    def tell(self, name: str, *arguments: Any) -> Any:
        """Execute the command `name` and return its result.

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
        self._back = self._clock() + min(seconds, LONGEST_AWAY_SECONDS)
        self._away()

    def _hold(self, state: str | None) -> None:
        self._held = state

    def _stall(self, after: int | None) -> None:
        self._stalled = after

    def _lose_all(self) -> None:
        self._lose()

    def _since(self, entries: int) -> list[tuple[float, int]]:
        # The last record may still change, and is sent again.
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
