"""The protocols by which a tracker calls the layers above it: its ticker, its display, and a capture.

Imported for type checking alone. Does not know the classes that implement these protocols, or the tracker, which is
their type parameter.
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
        """Begin to draw `tracker`. Return False if it cannot be shown."""

    def wake(self) -> None:
        """Draw soon, because something other than a count has changed."""

    def flush_soon(self) -> None:
        """Send pending frames to another process, and clear rows that the job's next output would hit, before the job
        continues."""

    def flush_lines(self) -> None:
        """Draw captured lines before the job continues, if that is cheap."""

    def wait_for_lines(self, tracker: Tracker, *, terminal: bool = True) -> None:
        """Wait until most lines of `tracker` have been drawn; with `terminal`, wait for a slow terminal too."""

    def detach(self, tracker: Tracker) -> None:
        """Draw `tracker` for the last time and let go of it."""


class Rows(Protocol):
    """Tells whether a renderer has rows on a terminal."""

    @property
    def standing(self) -> bool:
        """Whether there are rows on a terminal."""

    @property
    def may_be_standing(self) -> bool:
        """Whether there are rows, or may be by the end of the frame that is being drawn."""


class Display(Protocol):
    """Shows trackers on a terminal."""

    @property
    def renderer(self) -> Rows:
        """The renderer."""

    @property
    def shows_lines(self) -> bool:
        """Whether a line that is printed now will be shown."""

    @property
    def is_behind(self) -> bool:
        """Whether the terminal has not yet accepted all that was drawn."""


class Capture(Protocol[Tracker]):
    """Shows what is written to standard output and standard error above the bars.

    Attributes:
        lines: The latest lines of a quiet capture.
    """

    lines: deque[str]

    def start(self) -> Self:
        """Begin to capture, unless that has begun already."""

    def stop(self, *, failed: bool = False) -> None:
        """Restore the streams.

        Args:
            failed: Whether the work failed: the lines of a quiet capture are then shown after all.
        """

    def hold(self, tracker: Tracker) -> None:
        """Keep a reference to `tracker`, which shows the lines, until the capture ends."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Forwarder(Protocol):
    """Forwards what C code and other programs write."""

    def note_shown(self) -> None:
        """Note that the lines of the last frame are on the terminal."""


class Relay(Protocol):
    """Replaces descriptors 1 and 2."""

    @property
    def forwarder(self) -> Forwarder:
        """The forwarder of the output."""

    def drain(self) -> bool:
        """Queue the output so far, and return whether that is all of it."""

    def follow(self) -> None:
        """Point descriptors 1 and 2 at the terminal itself while a caller uses it."""


class OwnCapture(Capture[Tracker], Protocol[Tracker]):
    """A tracker's own capture, which also knows what C code and other programs write.

    Attributes:
        holds_lines: Whether it may have lines to queue before a frame.
    """

    holds_lines: bool

    @property
    def relay(self) -> Relay | None:
        """The relay for the output of C code and other programs; None if that is not captured."""

    def end_lines(self) -> None:
        """Show unfinished lines."""

    def before_frame(self) -> None:
        """Queue the lines for the frame that begins."""
