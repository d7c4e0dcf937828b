"""The time left of an upload of several files: what the bytes take, and what lies between one file and the next.

Pure: time is handed in as the seconds that the bar has been at work. Does not know bars or connectors.

Before a file's first byte the connector asks the server where to, and after its last one it waits for an answer. Nothing moves
meanwhile. A pace of bytes a second that such a gap has just gone into is too slow, and one that has not met the next gap yet is
too fast: of twelve files, the first gap comes with the first tenth. So there are two costs, a byte's and a gap's.

A byte's is the slope within files, between looks that both find bytes on their way. A gap lasts from the last such look at one
file to the first at the next, and some bytes come in it: the end of the one file, and what buffers on the way took of the next
in no time. What they would have taken at the slope is no part of what a gap costs. So, whatever the slope is, a file from look to
look costs what it took: where the slope is taken too low a gap comes out too long, by as much.
"""

from __future__ import annotations

from typing import NamedTuple

from progresskit._model.estimates import STALL, Estimate

FIRST = 0.5
"""What the gap before the first file counts of another: it lacks the wait for an answer, and is with connecting."""
FADE = 0.9
"""What each gap leaves of the weight of those before it."""
ENOUGH = 0.1
"""Share of the bytes that must have come between two looks at one file for the slope to be known; else files are too small."""


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

    __slots__ = ("_before", "_files", "_sending", "_progress")

    def __init__(self, completed: float, files: int) -> None:
        super().__init__(0.0, completed)
        self._files = files
        self._sending = Estimate(0.0, 0.0)  # the slope
        self._before = 0.0
        # One value, since one thread tells it and another one reads it.
        self._progress = _Progress(completed=completed)

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
        progress = self._progress
        if not sending:
            self._progress = progress._replace(begun=begun, gap=True)
            return
        seconds, size = time - progress.time, completed - progress.completed
        progress = progress._replace(time=time, completed=completed, begun=begun, gap=False, met=begun)
        before = self._progress
        if not before.gap:
            progress = progress._replace(seconds=before.seconds + seconds, bytes=before.bytes + max(size, 0.0))
            seconds = size = 0.0  # files that have begun meanwhile had no gap
        elif not before.met:
            seconds += self._before
        self._progress = progress._replace(gaps=before.gaps.then(begun - before.met, seconds, size))

    def sample(self, time: float, completed: float) -> None:
        """Learn that `completed` bytes were up at `time`."""
        super().sample(time, completed)
        progress = self._progress
        self._sending.sample(progress.seconds, progress.bytes)

    def outlook(self, time: float, completed: float, total: float | None) -> tuple[float | None, float | None]:
        """Return the rate and the seconds left; the latter takes the gaps between files into account."""
        rate, left = super().outlook(time, completed, total)
        return rate, None if left is None else self.eta(time, completed, total)

    def eta(self, time: float, completed: float, total: float | None) -> float | None:
        """Return the seconds left; 0.0 when all is up, None when unknown."""
        progress = self._progress
        if total is None or completed >= total or progress.bytes <= ENOUGH * (completed - self._initial):
            return super().eta(time, completed, total)  # done, or without an end, or without a slope
        since = max(time - progress.time, 0.0)
        left = total - completed
        seconds = self._sending.eta(
            progress.seconds + (0.0 if progress.gap else since), progress.bytes, progress.bytes + left
        )
        if seconds is None:
            return None
        cost = seconds / left
        gap = progress.gaps.cost(cost)
        files = max(self._files - progress.begun, 0)
        if progress.gap and files:
            gone = since - (completed - progress.completed) * cost
            return max(seconds + max(gap - gone, 0.0) + (files - 1) * gap, 0.0)
        return max(seconds + files * gap, 0.0)


class _Gaps(NamedTuple):
    """Gaps, in faded sums.

    Attributes:
        files: How many there were.
        seconds: How long they took.
        bytes: What came in them.
        stalled: Whether the last one was left out, as one unlike any before.
    """

    files: float = 0.0
    seconds: float = 0.0
    bytes: float = 0.0
    stalled: bool = False

    def then(self, files: int, seconds: float, size: float) -> _Gaps:
        """Return these and one more gap, before so many `files`."""
        if files <= 0:
            return self
        if not self.files:
            return _Gaps(FIRST * files, FIRST * seconds, FIRST * size)
        stall = self.files > 1.0 and not self.stalled and seconds * self.files > STALL * files * self.seconds
        if stall:
            return self._replace(stalled=True)
        fade = FADE**files
        return _Gaps(self.files * fade + files, self.seconds * fade + seconds, self.bytes * fade + size)

    def cost(self, cost: float) -> float:
        """Return what a gap takes beside the bytes that come in it, each of which costs so much."""
        return (self.seconds - self.bytes * cost) / self.files if self.files else 0.0


class _Progress(NamedTuple):
    """Where an upload stands.

    Attributes:
        begun: How many files have begun.
        met: How many had, at the last look that found bytes on their way.
        gap: Whether there are none now.
        time: When that look was; 0.0 before the first.
        completed: The bytes that were up then.
        seconds: What the looks took that found bytes on their way, each from the look before.
        bytes: What came in that time.
        gaps: What lay between.
    """

    completed: float
    begun: int = 0
    met: int = 0
    gap: bool = True
    time: float = 0.0
    seconds: float = 0.0
    bytes: float = 0.0
    gaps: _Gaps = _Gaps()
