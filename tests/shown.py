"""Record what a display shows of other processes' work, and wait for expected changes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from progresskit import Frame, TaskView
from progresskit.testing import RecordingRenderer

BOUND = 90.0
"""Seconds that a busy machine may take."""


class Telling(RecordingRenderer):
    """A renderer that notifies a waiting test.

    Attributes:
        records_ends: Whether frames have in `unseen` what ended between two of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.records_ends = False
        self.news = threading.Event()

    def render(self, frame: Frame) -> None:
        super().render(frame)
        self.news.set()


class Shown:
    """The frames and lines that a renderer was given."""

    def __init__(self) -> None:
        self.renderer = Telling()

    def until(self, true: Callable[[], Any]) -> Any:
        """Wait until `true()` is; it is called after each frame, and at intervals."""
        end = time.monotonic() + BOUND
        while True:
            self.renderer.news.clear()
            if found := true():
                return found
            assert time.monotonic() < end, f"it never came about: {self.live}, {self.endings}"
            self.renderer.news.wait(0.1)

    @property
    def live(self) -> list[str]:
        return [view.description for view in self.renderer.frames[-1].tasks] if self.renderer.frames else []

    @property
    def seen(self) -> set[str]:
        return {view.description for frame in self.renderer.frames for view in frame.tasks}

    @property
    def ended(self) -> list[TaskView]:
        return [view for frame in self.renderer.frames for view in frame.ended]

    @property
    def endings(self) -> list[tuple[str, str]]:
        return [(view.description, view.reason or view.state) for view in self.ended]
