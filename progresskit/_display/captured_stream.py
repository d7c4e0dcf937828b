"""A captured stream: the same object as before, with its writes captured.

Its `write` and its buffer's are shadowed on the instance, so that the writes of every holder of the stream (a log
handler, a library) are captured, and its identity, `fileno` and `isatty` stay.
Knows how text becomes whole lines. Does not know when a capture wants them. A
write takes no lock, so that a signal handler, a finaliser or a renderer may write too.
"""

from __future__ import annotations

import codecs
import os
import sys
from _thread import get_ident
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from .._system.threads import native
from .._text.line_splitter import Line, has_controls
from .._text.redrawn_rows import RedrawnRows, redraws
from .descriptors import text_descriptor
from .own_screen import SCREEN, opens_screen
from .terminal import UNCAPTURED, Uncaptured

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._tracking.core import TrackerCore
    from .relay import Relay

REDRAWING_SECONDS = 0.05
"""Seconds that a write waits for another thread that redraws rows."""
SETTLED_SECONDS = 1.0
"""Seconds after which text above the cursor of a program that redraws rows counts as ordinary words."""


class StreamCapture(Protocol):
    """What a captured stream needs of a capture.

    Attributes:
        relay: What programs write comes through it; None: nothing does.
        holds_lines: Whether it may have lines for the next frame.
        clock: Gives the time in seconds.
    """

    relay: Relay | None
    holds_lines: bool
    clock: Callable[[], float]

    @property
    def tracker(self) -> TrackerCore | None:
        """The tracker that shows the lines; None while the garbage collector frees it."""

    @property
    def captures_now(self) -> bool:
        """Whether a write now is captured."""

    @property
    def captures_again(self) -> bool:
        """Whether a write now is captured again, because the program that had the terminal has ended."""

    def show(self, line: str | None) -> None:
        """Show `line`. None: the text has left no line."""

    def queue(self, line: str | None) -> bool:
        """Show `line` with the next frame."""


Capture = TypeVar("Capture", bound=StreamCapture)


class CapturedStream(Generic[Capture]):
    """A text stream whose writes are captured, and its captures, the latest last.

    A write goes to the stream itself if no capture wants it: while there are no rows, or while the thread asks a
    question.
    """

    is_capture = True

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.captures: list[Capture] = []
        self._lines: dict[int, Line] = {}  # thread -> what it has written of a line: two threads' lines do not mix
        # By thread, and by encoding: a job may give its stream another one.
        self._decoders: dict[tuple[int, str], codecs.IncrementalDecoder] = {}
        self._write_text: Callable[[str], int] = stream.write
        self._buffer = getattr(stream, "buffer", None)
        self._write_bytes: Callable[[Any], int] = getattr(self._buffer, "write", _refuse)
        descriptor = text_descriptor(stream)
        self.descriptor = descriptor if descriptor is not None and os.isatty(descriptor) else None
        self._is_redirected = False  # whether the descriptor leads to a file or a pipe now
        self._shadows: list[tuple[Any, Any]] = []
        self._redrawn: RedrawnRows | None = None  # rows that a program writes over, whichever threads it does so from
        self._redrawn_at = 0.0  # when something last came for them, on the tracker's clock
        self._redrawing = native("_thread", "allocate_lock")()

    # The shadows

    def install(self, *, forced: bool = False) -> None:
        """Shadow the stream's `write`, and its buffer's.

        Args:
            forced: Whether to shadow even a `write` that other code has put on this stream. Otherwise that one is still
                called, and what it passes to the buffer is captured.

        Raises:
            TypeError: the stream takes no attributes.
        """
        try:
            if forced or "write" not in vars(self.stream):
                self._shadow(self.stream, self.write)
        except (AttributeError, TypeError):
            raise TypeError(
                f"{self.stream!r:.80} cannot be captured, since its `write` cannot be replaced: give a stream that takes attributes."
            ) from None
        if "write" not in getattr(self._buffer, "__dict__", ("write",)):
            self._shadow(self._buffer, self.write_bytes)
            _flush(self.stream)  # what was written without a newline so far comes this way, and waits for its end

    def _shadow(self, file: Any, write: Any) -> None:
        file.write = write
        self._shadows.append((file, write))

    def remove(self) -> None:
        """Restore the original methods, unless other code has replaced them since."""
        for file, write in self._shadows:
            if vars(file).get("write") is write:
                del file.write
        self._shadows.clear()

    # What the job calls

    def write(self, text: str) -> int:
        """Capture `text`, or write it as the stream would."""
        if FIRST_USE[0] is not None and (own := self._own_of_child(FIRST_USE[0])) is not None:
            return own.write(text)
        thread = get_ident()
        line = self._lines.get(thread)
        # `print` writes each of its arguments by itself. What goes on with a line that is captured needs no other question.
        if (
            line is not None
            and type(text) is str
            and text != "\n"
            and thread not in UNCAPTURED
            and line.add_plain(text)
        ):
            return len(text)
        capture = self._capture_for(thread, text)
        if capture is None:
            self._write_begun(thread)
            count = self._write_text(text)
            if text and text[-1] != "\n":
                _flush(self.stream)
            if SCREEN.is_open:
                SCREEN.note(text)
            return count
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if not text.isascii():
            text.encode(
                self._encoding, getattr(self.stream, "errors", None) or "strict"
            )  # raises what the stream would
        if capture.relay is None:
            self._capture(text, thread, capture)
        else:  # what programs have written before comes before
            self._capture(capture.relay.drain_before() + text, thread, capture)
        return len(text)

    def write_bytes(self, data: Any) -> int:
        """Capture `data`, or write it as the buffer would."""
        if FIRST_USE[0] is not None and (own := self._own_of_child(FIRST_USE[0])) is not None:
            return own.write_bytes(data)
        thread = get_ident()
        capture = self._capture_for(thread, data)
        if capture is None:
            self._write_begun(thread)
            count = self._write_bytes(data)
            _flush(self._buffer)
            if SCREEN.is_open:
                SCREEN.note(bytes(data).decode("latin-1"))
            return count
        before = "" if capture.relay is None else capture.relay.drain_before()
        with memoryview(data) as view:
            self._capture(before + self._decoder(thread).decode(view), thread, capture)
            return view.nbytes

    def _own_of_child(self, settle: Callable[[], object]) -> CapturedStream[Capture] | None:
        """In a forked child that writes for the first time, put its state in order, so that its parent captures no more; return what
        the child itself captures the stream with now, if it does."""
        settle()
        own = STREAMS.get(id(self.stream))
        return None if own is self else own

    def _write_begun(self, thread: int) -> None:
        """Write what comes before the words of `thread`, which go to the stream itself: a line that has begun, of its own or of a
        program."""
        if self._lines or self._redrawn is not None:
            self.write_partial(thread)
        if thread not in UNCAPTURED and not self._is_redirected:
            for capture in self.captures:
                if capture.relay is not None:
                    capture.relay.drain()

    def _capture_for(self, thread: int, words: Any) -> Capture | None:
        """Return the capture that takes the `words`, a text or bytes, that `thread` writes now."""
        if thread not in UNCAPTURED and not self._is_redirected:
            if SCREEN.is_left and SCREEN.ends_with(words if isinstance(words, str) else bytes(words).decode("latin-1")):
                SCREEN.close()
            for capture in self.captures[::-1]:
                if capture.captures_now or capture.captures_again:
                    return capture
        return None

    def _capture(self, text: str, thread: int, capture: Capture) -> None:
        if "\x1b" in text and opens_screen(text):
            self._open_screen(text, thread)
            return
        if (self._redrawn is not None or ("\x1b" in text and redraws(text))) and self._redraw(text, thread, capture):
            return
        line = self._lines.get(thread)
        if thread in ENDED_LINES:
            ENDED_LINES.discard(thread)
            if text == "\n" and line is None:
                return
        if text == "\n":
            capture.show("" if line is None else self._lines.pop(thread).end())
            return
        if "\n" not in text:
            if line is None:
                if not text:  # `print(..., end="")` writes this last
                    return
                line = self._lines[thread] = Line()
            if line.add(text):
                capture.show(self._lines.pop(thread).end())
            return
        first, *others = text.split("\n")
        if line is None:
            if others == [""] and not has_controls(first):  # one whole line: no need to keep it
                capture.show(first)
                return
            line = self._lines[thread] = Line()
        too_long = line.add(first)
        for rest in others:
            capture.show(line.end())
            line = self._lines[thread] = Line()
            too_long = line.add(rest)
        if too_long:
            capture.show(line.end())
        if too_long or (others and not others[-1]):
            self._lines.pop(thread, None)

    def _open_screen(self, text: str, thread: int) -> None:
        """Write `text`, which switches to a screen of the job's own, to the terminal, and all that follows until the job leaves it."""
        SCREEN.open(trackers_of_captures())
        self._write_begun(thread)
        self._write_text(text)
        _flush(self.stream)
        SCREEN.note(text)

    def _redraw(self, text: str, thread: int, capture: Capture) -> bool:
        """Apply `text` to the rows that a program redraws, and return whether that was possible. It is not if a signal
        handler has interrupted just this, or another thread does it for long."""
        if not self._redrawing.acquire(timeout=0.0 if thread in self._lines else REDRAWING_SECONDS):
            return False
        try:
            rows = self._redrawn = self._redrawn or RedrawnRows()
            capture.holds_lines = True
            self._redrawn_at = capture.clock()
            begun = self._lines.pop(thread, None)
            lines = rows.feed(text if begun is None else begun.text() + text)
            if rows.is_over:
                self._redrawn = None
        finally:
            self._redrawing.release()
        for line in lines:
            capture.show(line)
        return True

    def settle(self, capture: Capture) -> bool:
        """Give `capture` the text that has been above the cursor of a redrawing program for a while; return whether
        there is such a program."""
        if self._redrawn is None:
            return False
        if capture.clock() - self._redrawn_at < SETTLED_SECONDS:
            return True
        if self._redrawing.acquire(blocking=False):
            try:
                lines = self._redrawn.settle()
            finally:
                self._redrawing.release()
            for line in lines:
                capture.queue(line)
        return True

    @property
    def _encoding(self) -> str:
        return getattr(self.stream, "encoding", None) or "utf-8"

    def _decoder(self, thread: int) -> codecs.IncrementalDecoder:
        encoding = self._encoding
        decoder = self._decoders.get((thread, encoding))
        if decoder is None:
            decoder = codecs.getincrementaldecoder(encoding)("backslashreplace")
            self._decoders[thread, encoding] = decoder
        return decoder

    # Lines that have not ended

    def write_partial(self, thread: int) -> None:
        """Write the unfinished line of `thread` to the stream itself."""
        rows, self._redrawn = self._redrawn, None
        if rows is not None:
            self.write_now(rows.standing())
        line = self._lines.pop(thread, None)
        if line is not None:
            self.write_now(line.text())

    def pop_line(self, thread: int) -> str:
        """Forget and return the unfinished line of `thread`, the calling thread, because a program continues that
        line."""
        line = self._lines.pop(thread, None)
        return "" if line is None else line.text()

    def write_now(self, text: str) -> None:
        """Write `text` to the stream itself, not to a capture."""
        with Uncaptured():
            try:
                self._write_text(text)
                self.stream.flush()
            except Exception:  # the terminal is gone
                pass

    def end_lines(self, capture: Capture | None) -> None:
        """Give unfinished lines to `capture`; write them to the stream, if None."""
        rows, self._redrawn = self._redrawn, None
        if rows is not None and capture is None:
            self.write_now(rows.standing())
        elif rows is not None and capture is not None:
            for text in rows.end():
                capture.show(text)
        for thread in list(self._lines):
            line = self._lines.pop(thread, None)
            if line is None or (line.is_redrawn and thread not in sys._current_frames()):
                continue  # the spinner of a thread that has ended
            if capture is None:
                self.write_now(line.text())
            else:
                capture.show(line.end())

    def before_redirect(self) -> None:
        """Show unfinished lines, because their rest will go elsewhere."""
        self.end_lines(next((each for each in self.captures[::-1] if each.captures_now), None))

    def follow_descriptor(self) -> None:
        """Capture nothing while the descriptor leads to no terminal."""
        self._is_redirected = self.descriptor is not None and not os.isatty(self.descriptor)

    def has_partial(self, thread: int) -> bool:
        """Whether `thread` has begun a line, and not ended it."""
        return thread in self._lines

    def forget_lines(self) -> None:
        """Forget unfinished lines."""
        self._lines.clear()
        self._redrawn = None


STREAMS: dict[int, CapturedStream[Any]] = {}
"""The streams that are captured in this process, by their id(): they are held meanwhile."""
ENDED_LINES: set[int] = set()
"""Threads that have asked a question whose line was ended for them, until they write anything."""
FIRST_USE: list[Callable[[], object] | None] = [None]
"""What a forked child must call before it uses what its parent has captured, as its state is not in order yet; None: nothing. (A list,
since a child copies more memory pages for the name of a module.)"""


def captured_streams() -> list[CapturedStream[Any]]:
    """Return the streams that are captured."""
    if FIRST_USE[0] is not None:
        FIRST_USE[0]()
    return list(STREAMS.values())


def trackers_of_captures() -> list[TrackerCore]:
    """Return the trackers that show what is written to captured streams, each once."""
    captures = (capture for stream in captured_streams() for capture in stream.captures)
    return list({id(tracker): tracker for capture in captures if (tracker := capture.tracker) is not None}.values())


def _flush(file: Any) -> None:
    """Flush the buffer of `file`, because rows or later text may stand in its place soon."""
    try:
        file.flush()
    except Exception:  # closed, or whatever a stream of the user's own may raise
        pass


def _refuse(data: Any) -> int:
    raise TypeError(f"this stream takes no bytes: {data!r:.80}")
