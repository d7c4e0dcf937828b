"""The protocols of what a tracker needs of the floors above it: its ticker, its display, and a capture.

Imported for type checking alone. Does not know who implements these protocols, nor the tracker: that is their parameter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections import deque
    from types import TracebackType
    from typing import Self

Tracker = TypeVar("Tracker", contravariant=True)


class Ticker(Protocol[Tracker]):
    """Draws trackers."""

    def attach(self, tracker: Tracker) -> bool | None:
        """Begin to draw `tracker`: there is something to see. False: nothing of it can be shown."""

    def wake(self) -> None:
        """Draw soon: something happened that is more than counting."""

    def flush_soon(self) -> None:
        """Flush news for another process, and clear rows that are in the way, before the job goes on."""

    def flush_lines(self) -> None:
        """Draw captured lines before the job goes on, where that is cheap."""

    def wait_for_lines(self, tracker: Tracker, *, terminal: bool = True) -> None:
        """Wait until most lines of `tracker` have been drawn; with `terminal` for a slow terminal too."""

    def detach(self, tracker: Tracker) -> None:
        """Draw `tracker` for the last time and let go of it."""


class Rows(Protocol):
    """Says what stands on a terminal."""

    @property
    def standing(self) -> bool:
        """Whether rows stand on a terminal."""

    @property
    def may_be_standing(self) -> bool:
        """Whether rows stand there, or may by the end of the frame that is being drawn."""


class Display(Protocol):
    """Shows trackers on a terminal."""

    @property
    def renderer(self) -> Rows:
        """What draws the rows."""

    @property
    def shows_lines(self) -> bool:
        """Whether a line that is printed now will be shown."""


class Capture(Protocol[Tracker]):
    """Shows what is written to standard output and standard error above the bars.

    Attributes:
        lines: The latest lines of a quiet capture.
    """

    lines: deque[str]

    def start(self) -> Self:
        """Begin to capture. Nothing happens where it has begun already."""

    def stop(self, *, failed: bool = False) -> None:
        """Put back what was there.

        Args:
            failed: Whether the work failed: the lines of a quiet capture are then shown after all.
        """

    def hold(self, tracker: Tracker) -> None:
        """Show lines by `tracker`, though nobody else holds it, until the capture ends."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Forwarder(Protocol):
    """Hands on what C code and other programs write."""

    def note_shown(self) -> None:
        """Note that the lines of the last frame are on the terminal."""


class Relay(Protocol):
    """Stands in the place of descriptors 1 and 2."""

    @property
    def forwarder(self) -> Forwarder:
        """What hands on the words."""

    def drain(self) -> bool:
        """Queue what has been written by now, and return whether that is all of it."""

    def follow(self) -> None:
        """Let descriptors 1 and 2 lead to the terminal itself while a caller has it."""


class OwnCapture(Capture[Tracker], Protocol[Tracker]):
    """A tracker's own capture, which also knows what C code and other programs write.

    Attributes:
        holds_lines: Whether it may have lines to queue before a frame.
    """

    holds_lines: bool

    @property
    def relay(self) -> Relay | None:
        """What C code and other programs write comes through it; None where nothing does."""

    def end_lines(self) -> None:
        """Show what has not ended as lines."""

    def before_frame(self) -> None:
        """Queue what is to be drawn by the frame that begins."""
