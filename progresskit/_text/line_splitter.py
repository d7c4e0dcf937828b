"""Split a program's output into whole lines, each in its final state.

Pure: knows what carriage returns, backspaces and escape sequences do to a line. Does not know where
lines go.
"""

from __future__ import annotations

import codecs
import re

LONGEST = 1 << 16
"""Characters after which a line without a newline is ended."""
PROMPTS = ("? ", ": ", "> ", "] ", ") ", "$ ", "# ", "?", ":", ">")
"""The last characters of a line that waits for an answer."""

_ASKS = re.compile(r"\b(?:press|hit) (?:any|a|enter|return)\b|\bto continue\b|\by/n\b|\byes/no\b", re.IGNORECASE)
"""Words of a line that waits for an answer, whatever its last character."""
_ESCAPES = re.compile(
    r"\x1b(?!\[[0-9;:]*m)"  # not a colour
    r"(?:\[[0-?]*[ -/]*[@-~]"  # CSI: cursor movements above all
    r"|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # OSC and its like: titles, links
    r"|[ -/]+[0-~]|[0-Z\\^-~])"  # character sets and single ones
)
_CELLS = re.compile("(?:\x1b\\[[0-9;:]*m)*(?s:.)|\x1b")
_CONTROLS = re.compile("[\x07\b\r\x1b]")


def last_state(text: str) -> str:
    r"""Return the visible state of a line: the text after its last carriage return, with colours
    and without other escape sequences.

    Example:
        >>> last_state("10%\r 50%\r100%\x1b[K")
        '100%'
    """
    text = text.rstrip("\r").rpartition("\r")[2]
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    if "\b" in text:
        text = _overwritten(text)
    return text.replace("\x07", "")


def last_states(lines: str) -> str:
    r"""Return `lines`, each with its newline, in their final states.

    Example:
        >>> last_states("10%\r100%\r\n\x1b[1mbold\x1b[2K\r\nplain\n")
        '100%\n\x1b[1mbold\nplain\n'
    """
    lines = lines.replace("\r\n", "\n")  # a terminal's carriage return
    if "\r" in lines or "\b" in lines:
        return "\n".join(last_state(line) if _CONTROLS.search(line) else line for line in lines.split("\n"))
    return last_state(lines)


def _overwritten(text: str) -> str:
    """Return `text` with its backspaces applied: each moves the cursor back, and later characters overwrite earlier
    ones."""
    cells: list[str] = []
    at = 0
    for piece in _CELLS.findall(text):
        if piece == "\b":
            at = max(at - 1, 0)
        elif at < len(cells):
            cells[at] = piece
            at += 1
        else:
            cells.append(piece)
            at += 1
    return "".join(cells)


def ends_in_question(text: str) -> bool:
    """Return whether `text`, a line that has not ended, looks like a question.

    Example:
        >>> ends_in_question("Overwrite? "), ends_in_question("Press Enter to continue"), ends_in_question("10%")
        (True, True, False)
    """
    return text.endswith(PROMPTS) or _ASKS.search(text) is not None


def has_controls(text: str) -> bool:
    """Return whether `text` has characters that change the line: returns, backspaces, escape sequences."""
    return not text.isprintable() and _CONTROLS.search(text) is not None


class Line:
    r"""A line that has not ended. Adding text takes time and memory in proportion to that text.

    Example:
        >>> line = Line()
        >>> line.add("10%"), line.add("\r20"), line.add("%")
        (False, False, False)
        >>> line.end()
        '20%'
    """

    __slots__ = ("_had_return", "_parts", "_returned", "_size")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0  # characters
        self._returned = False  # whether the last character was a carriage return: the next text overwrites the line
        self._had_return = False

    def add(self, text: str) -> bool:
        """Add `text`, which has no newline; return whether the line is so long that the caller must end it."""
        if "\r" in text or self._returned:
            text = self._after_return(text)
        self._parts.append(text)
        self._size += len(text)
        return self._size > LONGEST and self._is_long()

    def add_plain(self, text: str) -> bool:
        """Add `text` and return True, if it is printable ASCII and the line stays short; otherwise do nothing and
        return False."""
        if self._returned or not (text.isprintable() and text.isascii()) or self._size + len(text) > LONGEST:
            return False
        self._parts.append(text)
        self._size += len(text)
        return True

    def _after_return(self, text: str) -> str:
        body = text.rstrip("\r")
        if not body:
            self._returned = self._returned or bool(text)
            return ""
        self._had_return = True
        at = body.rfind("\r")
        if at >= 0 or self._returned:
            self._parts.clear()
            self._size = 0
        self._returned = len(body) < len(text)
        return body[at + 1 :]

    def _is_long(self) -> bool:
        text = "".join(self._parts)
        if has_controls(text):  # a spinner of backspaces, for example: its visible state is short
            self._parts = [last_state(text)]
            self._size = len(self._parts[0])
            return self._size > LONGEST / 2
        return len(self._parts) > 1  # the text of one write is not split

    @property
    def is_redrawn(self) -> bool:
        """Whether text has overwritten the line after a carriage return, as a bar or a spinner does."""
        return self._had_return

    def text(self) -> str:
        """Return the line so far."""
        text = "".join(self._parts)
        return last_state(text) if has_controls(text) else text

    def end(self) -> str | None:
        """Return the line; None where it had only control characters."""
        text = "".join(self._parts)
        if has_controls(text):
            return last_state(text) or None
        return text or (None if self._had_return else "")


class Lines:
    r"""Turns bytes into whole lines, each with its newline. A block of lines is handled as one text; only carriage
    returns and backspaces need work line by line.

    Example:
        >>> lines = Lines()
        >>> lines.feed(b"one\ntw"), lines.feed(b"o\r\nthr"), lines.end()
        ('one\n', 'two\n', 'thr\n')
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._rest = ""

    def feed(self, data: bytes) -> str:
        """Return the lines that `data` completes."""
        whole, newline, rest = (self._rest + self._decoder.decode(data)).rpartition("\n")
        # Only the last state of a redrawn bar is kept, so that memory does not grow.
        body = rest.rstrip("\r")
        self._rest = rest[body.rfind("\r") + 1 :]
        lines = last_states(whole + newline)
        if len(self._rest) > LONGEST:
            lines += last_state(self._rest) + "\n"
            self._rest = ""
        return lines

    @property
    def asks(self) -> bool:
        """Whether the unfinished line looks like a question."""
        return ends_in_question(last_state(self._rest))

    def end(self) -> str:
        """Return the unfinished line, or an empty text, and start a new one."""
        rest, self._rest = last_state(self._rest + self._decoder.decode(b"", True)), ""
        return f"{rest}\n" if rest.strip() else ""
