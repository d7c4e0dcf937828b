"""The time left of an upload of several files: the time of the bytes, and of the gaps between files.

Pure: time is handed in as the seconds that the bar has been at work. Does not know bars or connectors.

Before a file's first byte the connector asks the server for the destination, and after the last one it waits for an
answer. Nothing moves meanwhile. An average rate is too low just after such a gap, and too high just before one. So
there are two costs: one per byte and one per gap.

The cost of a byte is the slope within files, between samples that both find bytes in transit. A gap lasts from the last
such sample of one file to the first of the next. Some bytes arrive during a gap: the end of the one file, and the
beginning of the next, which buffers take at once. The time of these bytes at the slope is not a part of the gap's cost.
The costs of a file therefore always sum to its measured time: a slope that is too low makes the gap too long by as
much.
"""

from __future__ import annotations

from typing import NamedTuple

from progresskit._model.estimates import STALL, Estimate

FIRST = 0.5
"""The weight of the gap before the first file, which has no wait for an answer but includes connecting."""
FADE = 0.9
"""The factor by which each gap reduces the weight of earlier ones."""
ENOUGH = 0.1
"""Share of the bytes that must have arrived between two samples of one file for the slope to be known; otherwise files
are too small."""


class UploadEstimate(Estimate):
    """Rate and time left of an upload of `files` files, one after the other or several at once.

    The rate is that of the whole, including gaps.

    Args:
        completed: Bytes that were uploaded before.
        files: The number of files.

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
        # One value, because one thread writes it and another one reads it.
        self._progress = _Progress(completed=completed)

    def waited(self, seconds: float) -> None:
        """Note how much of the first gap passed before the bar was at work."""
        self._before = seconds

    def goes(self, time: float, completed: float, *, sending: bool, begun: int) -> None:
        """Note at `time` whether bytes are in transit.

        Args:
            time: Seconds at work.
            completed: Uploaded bytes.
            sending: Whether any are in transit. If not, none have been since the last sample.
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
            seconds = size = 0.0  # files that have begun since then had no gap
        elif not before.met:
            seconds += self._before
        self._progress = progress._replace(gaps=before.gaps.then(begun - before.met, seconds, size))

    def sample(self, time: float, completed: float) -> None:
        """Note that `completed` bytes were uploaded at `time`."""
        super().sample(time, completed)
        progress = self._progress
        self._sending.sample(progress.seconds, progress.bytes)

    def outlook(self, time: float, completed: float, total: float | None) -> tuple[float | None, float | None]:
        """Return the rate and the seconds left; the latter takes the gaps between files into account."""
        rate, left = super().outlook(time, completed, total)
        return rate, None if left is None else self.eta(time, completed, total)

    def eta(self, time: float, completed: float, total: float | None) -> float | None:
        """Return the seconds left; 0.0 when all is uploaded, None when unknown."""
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
    """Gaps, as sums with fading weights.

    Attributes:
        files: How many there were.
        seconds: How long they took.
        bytes: The bytes that arrived in them.
        stalled: Whether the last one was left out, because it was longer than any before.
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
        """Return the cost of a gap without that of its bytes, each of which costs `cost`."""
        return (self.seconds - self.bytes * cost) / self.files if self.files else 0.0


class _Progress(NamedTuple):
    """The state of an upload.

    Attributes:
        begun: How many files have begun.
        met: How many had begun at the last sample that found bytes in transit.
        gap: Whether there are none now.
        time: The time of that sample; 0.0 before the first.
        completed: The bytes that were uploaded then.
        seconds: The sum of the times between samples that found bytes in transit.
        bytes: The bytes that arrived in that time.
        gaps: The gaps between files.
    """

    completed: float
    begun: int = 0
    met: int = 0
    gap: bool = True
    time: float = 0.0
    seconds: float = 0.0
    bytes: float = 0.0
    gaps: _Gaps = _Gaps()
