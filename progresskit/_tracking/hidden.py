"""The context manager that keeps a tracker's rows off the screen.

Knows that several may do so at once, and that Ctrl-C may come at any instruction. Does not know how rows are cleared.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .core import TrackerCore


class Hidden:
    """Keeps a tracker's rows off the screen. Made by `ProgressTracker.hidden`; several may be active at once."""

    def __init__(self, tracker: TrackerCore) -> None:
        self._tracker = tracker
        self._depth = 0

    def __enter__(self) -> None:
        try:
            self._depth += 1
            self._tracker.hiding += 1
            self._tracker.clear_rows()
        except BaseException:  # Ctrl-C
            self._let_go()
            raise

    def __exit__(self, *_: object) -> None:
        self._let_go()

    def __del__(self) -> None:
        # Ctrl-C may come before the first instruction of `__exit__`.
        while self._depth:
            self._let_go()

    def _let_go(self) -> None:
        if self._depth:
            self._depth -= 1
            self._tracker.hiding = max(self._tracker.hiding - 1, 0)
            self._tracker.capture.follow_descriptors()
            self._tracker.wake()
