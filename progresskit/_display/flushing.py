"""Let a job wait for the next frame before it goes on, for a small share of its time.

Knows how long a job may be held up. Does not know what a frame shows, nor why a caller waits for it.
"""

from __future__ import annotations

from _thread import get_ident
from collections import deque
from typing import TYPE_CHECKING

from .._system.threads import Bell

if TYPE_CHECKING:
    from collections.abc import Callable

FLUSH_TIME_SHARE = 0.01
"""The share of the time for which jobs may be held up."""
FLUSH_CREDIT_SECONDS = 0.25
"""Seconds of it that may be used at once."""
LINE_FLUSHES_AT_ONCE, LINE_FLUSHES_PER_SECOND = 16.0, 25.0
"""Captured lines that the job waits for, in a burst and per second in the long run. Others come with the next frame."""


class Credit:
    """An amount that grows with time up to a limit, and that callers spend.

    Args:
        rate: What is added in a second.
        most: The limit, which is also the amount at the beginning.

    Example:
        >>> credit = Credit(rate=0.5, most=2.0)
        >>> credit.at(100.0)
        2.0
        >>> credit.spend(2.0)
        >>> credit.at(101.0)
        0.5
    """

    __slots__ = ("_reckoned", "left", "most", "rate")

    def __init__(self, rate: float, most: float) -> None:
        self.rate = rate
        self.most = self.left = most
        self._reckoned = 0.0

    def at(self, now: float) -> float:
        """Return what is left at the instant `now`."""
        self.left = min(self.left + self.rate * (now - self._reckoned), self.most)
        self._reckoned = now
        return self.left

    def spend(self, amount: float) -> None:
        """Spend `amount`, which may exceed what is left."""
        self.left -= amount

    def spend_some(self, amount: float) -> None:
        """Spend `amount`, but half of what is left at the most, until less than a tenth of the limit is left.

        A first frame, whose imports take long on a slow machine, must not use up what the next lines and ends need.

        Example:
            >>> credit = Credit(rate=0.5, most=2.0)
            >>> credit.spend_some(1.5)
            >>> credit.left
            1.0
        """
        self.left -= amount if self.left < self.most / 10 else min(amount, self.left / 2)


class FlushGate:
    """Lets threads of the job wait until the drawing thread has sent a frame.

    Attributes:
        waiting: The bells of waiting threads, to ring after the next frame.
        threads: These threads.
        time: Seconds that jobs may still wait for the ends of tasks.
        line_time: Seconds that jobs may still wait for lines that they have printed.
        lines_due: When the next line may be waited for, on the ticker's clock.
    """

    def __init__(self) -> None:
        self.waiting: deque[Bell] = deque()
        self.threads: set[int] = set()
        self.time = Credit(FLUSH_TIME_SHARE, FLUSH_CREDIT_SECONDS)
        self.line_time = Credit(FLUSH_TIME_SHARE, FLUSH_CREDIT_SECONDS)
        self.lines_due = 0.0
        self._lines = Credit(LINE_FLUSHES_PER_SECOND, LINE_FLUSHES_AT_ONCE)

    def wait(self, seconds: float, wake: Callable[[], bool]) -> None:
        """Wait until the gate is opened, for `seconds` at the most.

        Args:
            seconds: How long.
            wake: Wakes the drawing thread, and returns whether there is one. It is called after this thread was added
                to `waiting`: a drawing thread that ends at this instant releases all threads in `waiting`.
        """
        drawn, thread = Bell(), get_ident()
        is_outermost = thread not in self.threads
        self.threads.add(thread)
        try:
            self.waiting.append(drawn)
            if wake():
                drawn.wait(seconds)
        finally:
            if is_outermost:
                self.threads.discard(thread)

    def spend_line(self, now: float, seconds: float) -> None:
        """Note that the job waited `seconds` for a line that it printed at `now`."""
        left = self._lines.at(now) - 1.0
        self._lines.spend(1.0)
        self.line_time.spend_some(seconds)
        self.lines_due = now if left >= 1.0 else now + (1.0 - left) / LINE_FLUSHES_PER_SECOND

    @property
    def is_interrupted(self) -> bool:
        """Whether a signal handler runs within a wait of this thread. One that waited as well would be interrupted by the next
        signal, and so on until the stack is full."""
        return get_ident() in self.threads

    def drain(self) -> list[Bell]:
        """Return the bells of all waiting threads, and forget them."""
        return [self.waiting.popleft() for _ in range(len(self.waiting))]

    def open(self) -> None:
        """Release all waiting threads."""
        while self.waiting:
            self.waiting.popleft().ring()
