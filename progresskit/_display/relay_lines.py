"""Make lines for a capture from the bytes that programs have written.

Knows when a line has ended, and which bytes belong to one that has not. Does not know where the bytes come from.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any, Protocol

from .._text.line_splitter import Line, ends_in_question
from .._text.redrawn_rows import RedrawnRows, redraws

if TYPE_CHECKING:
    from .._tracking.core import TrackerCore


class Receiver(Protocol):
    """The capture that shows the lines of a relay.

    Attributes:
        relay: The relay that it is joined to; None where it is to none.
        is_automatic: Whether nobody has asked for it: one that was asked for goes before it.
    """

    relay: Any
    is_automatic: bool

    @property
    def tracker(self) -> TrackerCore | None:
        """The tracker that shows the lines; None while the garbage collector frees it."""

    @property
    def captures_now(self) -> bool:
        """Whether what is written now is shown as lines."""

    @property
    def is_full(self) -> bool:
        """Whether as many lines wait to be drawn as are kept."""

    def queue(self, line: str | None) -> bool:
        """Add `line`, and return whether the tracker is to be told with `announce`."""

    def queue_all(self, lines: list[str]) -> bool:
        """Add whole `lines`; as `queue`."""

    def announce(self) -> None:
        """Ask for a frame that draws the queued lines."""

    def flush(self) -> None:
        """Draw the queued lines now, if that is cheap."""


class RelayLines:
    """The line that has begun, and the rows that a program redraws.

    Attributes:
        unfinished: Bytes of the line that has not ended.
        begun: What this process has begun that line with, which is not among its bytes.
    """

    def __init__(self) -> None:
        self.unfinished = 0
        self.begun = ""
        self._line = Line()
        self._redrawn: RedrawnRows | None = None  # rows that a program writes over
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def feed(self, data: bytes, capture: Receiver) -> bool:
        """Queue the whole lines of `data` for `capture`, and return whether there was one."""
        if self._redrawn is not None or (b"\x1b" in data and redraws(data.decode("latin-1"))):
            return self._feed_redrawn(data, capture)
        if not self._line.is_redrawn and _is_plain(data):  # a flood must not be slowed down by each of its lines
            return self._feed_plain(data, capture)
        *whole, rest = data.split(b"\n")
        came = False
        for piece in whole:
            self._line.add(self._decoder.decode(piece))
            came |= capture.queue(self._end_line())
        self.unfinished += len(rest)
        if self._line.add(self._decoder.decode(rest)):
            came |= capture.queue(self._end_line())
        return came

    def _end_line(self) -> str | None:
        line, self._line = self._line.end(), Line()
        self.unfinished, self.begun = 0, ""
        return line

    def _feed_plain(self, data: bytes, capture: Receiver) -> bool:
        whole, _, rest = data.rpartition(b"\n")
        text = self._line.text() + self._decoder.decode(whole + b"\n").replace("\r", "")
        self._line = Line()
        self._line.add(self._decoder.decode(rest))
        self.unfinished, self.begun = len(rest), ""
        return capture.queue_all(text[:-1].split("\n"))

    def _feed_redrawn(self, data: bytes, capture: Receiver) -> bool:
        rows = self._redrawn = self._redrawn or RedrawnRows()
        text = self._line.text() + self._decoder.decode(data)
        self._line, self.unfinished, self.begun = Line(), 0, ""
        came = False
        for line in rows.feed(text):
            came |= capture.queue(line)
        if rows.is_over:
            self._redrawn = None
        return came

    @property
    def is_bare(self) -> bool:
        """Whether the line that has not ended is sequences without words."""
        return self._redrawn is None and not self._line.text()

    @property
    def is_question(self) -> bool:
        """Whether the line that has not ended looks like a question."""
        return ends_in_question(self._line.text())

    def end_line(self, capture: Receiver) -> bool:
        """Queue the line that has not ended for `capture`; return whether the tracker is to be told."""
        return capture.queue(self._end_line())

    def begin_line(self, text: str) -> None:
        """Append the next words of programs to `text`."""
        self._line.add(text)
        self.begun += text

    def pop_line(self, *, may_be_screen: bool) -> str | None:
        """Forget the line that has not ended, and return it; None: it is still to come.

        Args:
            may_be_screen: Whether sequences without words may be the beginning of a screen of a program's own.
        """
        text = self._line.text()
        if self._redrawn is not None or (may_be_screen and not text):
            return None
        self._line, self.unfinished, self.begun = Line(), 0, ""
        return text

    def end_rows(self) -> str:
        """Return what is in no file, and forget it: the rows that a program redraws, as they stand, or what this process has begun."""
        rows, self._redrawn = self._redrawn, None
        begun, self.begun = self.begun, ""
        if begun and not self.unfinished:
            self._line = Line()
        return begun if rows is None else rows.standing()

    def forget(self) -> None:
        """Forget the line that has not ended: its bytes went elsewhere."""
        self._line, self.unfinished, self.begun = Line(), 0, ""
        self._decoder.reset()


def _is_plain(data: bytes) -> bool:
    """Return whether `data` has whole lines, and nothing that changes what stands on a line."""
    if b"\n" not in data or data.count(b"\r") != data.count(b"\r\n"):
        return False
    return not (b"\x1b" in data or b"\b" in data or b"\x07" in data)
