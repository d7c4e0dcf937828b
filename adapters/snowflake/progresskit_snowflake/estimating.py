"""The time left of an upload of several files: what the bytes take, and what lies between one file and the next.

Pure: time is handed in as the seconds that the bar has been at work. Must not know bars or connectors.

Before a file's first byte the connector asks the server where to, and after its last one it waits for an answer. Nothing moves
meanwhile. A pace of bytes a second that such a gap has just gone into is too slow, and one that has not met the next gap yet is
too fast: of twelve files, the first gap comes with the first tenth. So there are two clocks. One runs while bytes are on their
way, and tells what a byte costs; the other one runs in the gaps, and tells what a file costs beside. Each has its own estimate,
and the time left is their sum: for the bytes that are left, and for the files that have not begun.
"""

from __future__ import annotations

from typing import NamedTuple

from progresskit.estimates import Estimate

AT_ONCE = 0.5
"""What of the bytes that the first look at the first file finds was no pace: buffers on the way took it in no time. The rest
came since the look before. Later files' are made up for by the wait at their ends, which is in the gaps."""


class UploadEstimate(Estimate):
    """Rate and time left of an upload of `files` files, one after the other or several at once.

    The rate is that of the whole, gaps and all.

    Args:
        completed: Bytes that were up before.
        files: How many go in all.

    Example:
        >>> estimate = UploadEstimate(0, files=3)
        >>> for time, completed, sending, begun in [(1, 0, True, 1), (5, 40, True, 1), (5, 40, False, 1), (6, 40, True, 2)]:
        ...     estimate.goes(time, completed, sending=sending, begun=begun)
        ...     estimate.sample(time, completed)
        >>> estimate.eta(6.0, 40, 120)  # 80 bytes, ten a second, and a gap
        9.0
    """

    __slots__ = ("_before", "_files", "_gaps", "_sending", "_stand", "_start")

    def __init__(self, completed: float, files: int) -> None:
        super().__init__(0.0, completed)
        self._files = files
        self._sending = Estimate(0.0, completed)  # bytes, by the clock that stands still in gaps
        self._gaps = Estimate(0.0, 0)  # files that have begun, by the clock that runs only then
        self._before = 0.0
        self._start = 0.0  # bytes that came at once
        # One value, since one thread tells it and another one reads it.
        self._stand = _Stand(0, 0.0, True, 0.0, completed)

    def waited(self, seconds: float) -> None:
        """Learn how much of the first gap came before the bar was at work."""
        self._before = seconds

    def goes(self, time: float, completed: float, *, sending: bool, begun: int) -> None:
        """Learn from a look at `time` whether bytes are on their way.

        Args:
            time: Seconds at work.
            completed: Bytes that are up.
            sending: Whether any are on their way. Where none are any more, they have not been since the look before.
            begun: How many files have begun by now.
        """
        stand = self._stand
        if not sending:
            self._stand = stand._replace(begun=begun, gap=True)
            return
        if not stand.begun:
            self._start = AT_ONCE * (completed - stand.completed)
        self._stand = _Stand(begun, stand.idle_at(time), False, time, completed)

    def sample(self, time: float, completed: float) -> None:
        """Learn that `completed` bytes were up at `time`."""
        super().sample(time, completed)
        idle = self._stand.idle_at(time)
        self._sending.sample(time - idle, completed - self._start)
        self._gaps.sample(self._before + idle, self._stand.begun)

    def eta(self, time: float, completed: float, total: float | None) -> float | None:
        """Return the seconds left; 0.0 when all is up, None when unknown."""
        stand = self._stand
        if total is None or completed >= total or not stand.idle_at(time):
            return super().eta(time, completed, total)  # done, or without an end, or without a gap as yet
        if not stand.begun:
            return None
        idle = stand.idle_at(time)
        sending = self._sending.eta(time - idle, completed - self._start, total - self._start)
        gaps = self._gaps.eta(self._before + idle, stand.begun, self._files)
        return None if sending is None or gaps is None else sending + gaps


class _Stand(NamedTuple):
    """Where an upload stands.

    Attributes:
        begun: How many files have begun.
        idle: Seconds of the gaps that are over.
        gap: Whether there is one now.
        time: When it began; else of the last look.
        completed: The bytes then.
    """

    begun: int
    idle: float
    gap: bool
    time: float
    completed: float

    def idle_at(self, time: float) -> float:
        """Return the seconds of gaps until `time`."""
        return self.idle + (max(time - self.time, 0.0) if self.gap else 0.0)
