"""Replacements for tests: a clock that is moved by hand, a ticker that ticks on request, a renderer that records.

Knows displays, as the real ticker does. Does not know threads or the time of day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from .._display.display_set import DisplaySet
from .._model.frames import Frame

if TYPE_CHECKING:
    from .._display.display import Display
    from .._tracking.core import TrackerCore
    from ..renderers.base import Terminal


class ManualClock:
    """A clock that stands still until it is moved.

    Example:
        >>> clock = ManualClock()
        >>> clock.advance(2.5)
        >>> clock()
        2.5
    """

    def __init__(self, time: float = 0.0) -> None:
        self.time: float = time

    def __call__(self) -> float:
        return self.time

    def advance(self, seconds: float) -> None:
        """Move the clock on by `seconds`."""
        self.time += seconds


class ManualTicker:
    """A ticker that ticks when `tick` is called, in the calling thread.

    Example:
        >>> ticker, renderer = ManualTicker(), RecordingRenderer()
        >>> tracker = ProgressTracker(renderer, ticker=ticker)
        >>> task = tracker.add_task("Files", total=2)
        >>> ticker.tick()
        >>> renderer.frames[-1].tasks[0].description
        'Files'
    """

    def __init__(self) -> None:
        self.cost: ManualClock = ManualClock()  # the cost of drawing: processor and wall time alike
        self.wakes: int = 0
        self._set = DisplaySet(self.cost, self.cost)

    @property
    def displays(self) -> list[Display]:
        """The displays, the oldest first."""
        return self._set.displays

    def attach(self, tracker: TrackerCore) -> None:
        """Give `tracker` a new display, or add it to the display on the same terminal."""
        self._set.add(tracker)

    def wake(self) -> None:
        """Count a request for a frame."""
        self.wakes += 1

    def refresh(self, seconds: float) -> None:
        """Draw one frame of every display."""
        self.tick()

    def flush_lines(self) -> None:
        """Lines are drawn when the test ticks."""

    def wait_for_lines(self, tracker: TrackerCore, *, terminal: bool = True) -> None:
        """Lines are drawn when the test ticks."""

    def flush_soon(self) -> None:
        """An ending is shown when the test ticks."""

    def detach(self, tracker: TrackerCore) -> None:
        """Draw the last frame of `tracker` and detach it."""
        self._set.remove(tracker, lambda display: display.tick(last=True))

    def drop(self, tracker: TrackerCore) -> None:
        """Draw the last frame of `tracker`, which is being garbage-collected, at the next tick."""
        self._set.dropped.append(tracker)

    def clear_rows(self, tracker: TrackerCore) -> None:
        """Clear the rows of the display of `tracker`."""
        display = self._set.of(tracker)
        if display is not None:
            display.clear_rows()

    def tick(self) -> None:
        """Draw one frame of every display."""
        self._set.end_dropped(lambda display: display.tick(last=True))
        for display in self.displays:
            display.tick()


class RecordingRenderer:
    """A renderer that records its calls.

    Attributes:
        frames: All frames, in order.
        lines: All lines printed above.
        calls: The names of the calls, in order.
    """

    in_place: ClassVar[bool] = True

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.lines: list[str] = []
        self.calls: list[str] = []

    def start(self, terminal: Terminal) -> None:
        self.calls.append("start")

    def render(self, frame: Frame) -> None:
        self.calls.append("render")
        self.frames.append(frame)

    def write(self, text: str) -> None:
        self.calls.append("write")
        self.lines.extend(text.split("\n"))

    def stop(self) -> None:
        self.calls.append("stop")
