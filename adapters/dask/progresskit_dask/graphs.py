"""How much of a client's graphs is computed.

Knows which of the client's keys are waited for, and what became of the others. Does not know the scheduler: it is told of
every step. What is submitted while something is computed, or within a moment after it, is one *wave*, which has one bar.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

WAVE_GAP_SECONDS = 1.0
"""Seconds after which a graph begins a new wave: a loop of short `submit(...).result()` has one bar."""
MOST_PREFIXES = 30
"""Key prefixes of a wave that have numbers of their own; further ones are summed up as "others"."""
PENDING = frozenset(("waiting", "queued", "no-worker", "processing"))
"""States of a task that is still to be computed."""


class Wave:
    """Graphs that are computed together.

    Attributes:
        number: Which wave of the client's it is, from 1.
        waiting: Tasks that are still to be computed.
        done: Tasks that are computed.
        failed: Tasks that failed, and those that needed them.
        prefixes: By key prefix, how many are done, and how many there are.
    """

    __slots__ = ("done", "failed", "idle_since", "number", "prefixes", "waiting")

    def __init__(self, number: int) -> None:
        self.number = number
        self.waiting = self.done = self.failed = 0
        self.prefixes: dict[str, list[int]] = {}
        self.idle_since: float | None = None

    def count(self, prefix: str | None, done: int, total: int) -> None:
        """Add to the numbers of `prefix`; None if prefixes have no numbers of their own."""
        if prefix is None:
            return
        if prefix not in self.prefixes and len(self.prefixes) >= MOST_PREFIXES:
            prefix = "others"
        counts = self.prefixes.setdefault(prefix, [0, 0])
        counts[0] += done
        counts[1] += total

    def message(self, *, over: bool = False) -> dict[str, Any]:
        """Return the wave as a message."""
        return {
            "wave": self.number,
            "done": self.done,
            "failed": self.failed,
            "total": self.waiting + self.done + self.failed,
            "idle": not self.waiting,
            "over": over,
            "prefixes": [[name, *counts] for name, counts in self.prefixes.items()],
        }


class Graphs:
    """The waves of one client.

    Args:
        prefix: Gives the prefix of a key; None: prefixes are not told apart.

    Example:
        >>> graphs = Graphs()
        >>> graphs.add(["a", "b"])
        >>> graphs.step("a", "memory")
        True
        >>> [(change["done"], change["total"]) for change in graphs.changes(0.0)]
        [(1, 2)]
    """

    def __init__(self, prefix: Callable[[Hashable], str] | None = None) -> None:
        self._prefix = prefix
        self._waves = 0
        self._wave: Wave | None = None
        self._waiting: dict[Hashable, Wave] = {}
        self._ended: dict[Hashable, tuple[Wave, bool]] = {}  # and whether it is done; else it failed
        self._changed = False

    def add(self, keys: Iterable[Hashable]) -> None:
        """Expect `keys` to be computed, those that are not expected yet."""
        for key in keys:
            if key not in self._waiting:
                self._ended.pop(key, None)
                self._expect(key)

    def _expect(self, key: Hashable) -> None:
        wave = self._wave
        if wave is None:
            self._waves += 1
            wave = self._wave = Wave(self._waves)
        wave.waiting += 1
        wave.idle_since = None
        self._waiting[key] = wave
        wave.count(self._prefix_of(key), 0, 1)
        self._changed = True

    def drop(self, keys: Iterable[Hashable]) -> None:
        """Expect `keys` no more: they turned out not to be needed, or were cancelled."""
        for key in keys:
            wave = self._waiting.pop(key, None)
            if wave is not None:
                wave.waiting -= 1
                wave.count(self._prefix_of(key), 0, -1)
                self._changed = True

    def step(self, key: Hashable, state: str) -> bool:
        """Note that `key` is in `state` now, one of the scheduler's, and return whether that changes a number."""
        wave = self._waiting.get(key)
        if wave is None:
            ended = self._ended.get(key)
            if ended is None:
                return False
            if state == "forgotten":
                del self._ended[key]
            elif state in PENDING:
                return self._compute_again(key, *ended)
            return False
        if state == "memory":
            wave.done += 1
            wave.count(self._prefix_of(key), 1, 0)
        elif state == "erred":
            wave.failed += 1
        elif state == "forgotten":
            self.drop((key,))
            return True
        else:
            return False
        wave.waiting -= 1
        del self._waiting[key]
        self._ended[key] = wave, state == "memory"
        self._changed = True
        return True

    def _compute_again(self, key: Hashable, wave: Wave, done: bool) -> bool:
        """Expect `key` anew: its result was lost with a worker, or it is tried again."""
        del self._ended[key]
        if wave is self._wave:
            wave.done -= done
            wave.failed -= not done
            wave.count(self._prefix_of(key), -int(done), -1)
        self._expect(key)
        return True

    def _prefix_of(self, key: Hashable) -> str | None:
        return None if self._prefix is None else self._prefix(key)

    def changes(self, now: float) -> list[dict[str, Any]]:
        """Return what is new at `now`, in seconds on any clock that never goes back."""
        wave = self._wave
        if wave is None:
            return []
        if not wave.waiting and wave.idle_since is None:
            wave.idle_since = now
        over = wave.idle_since is not None and now - wave.idle_since >= WAVE_GAP_SECONDS
        if over:
            self._wave = None
        changed, self._changed = self._changed or over, False
        return [wave.message(over=over)] if changed else []

    @property
    def is_open(self) -> bool:
        """Whether a wave is open, which will have further changes."""
        return self._wave is not None
