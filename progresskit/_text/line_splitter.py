"""A program's output as whole lines: bytes as they come, lines as they stood when they ended.

Pure. Knows what carriage returns, backspaces and escape sequences do to a line. Must not know where lines go.
"""

from __future__ import annotations

import codecs
import re

LONGEST = 1 << 16
"""Characters after which a line that does not end is taken as one."""
PROMPTS = ("? ", ": ", "> ", "] ", ") ", "$ ", "# ", "?", ":", ">")
"""What a line that waits for an answer ends with."""

_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI: colours and cursor movements
    r"|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC and its like: titles, links
    r"|[ -/]+[0-~]|[0-Z\\^-~])"  # character sets and single ones
)
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_ERASED = re.compile("[^\b]\b")


def last_state(text: str) -> str:
    r"""Return what is left of a line: what came after its last carriage return, colours kept, other sequences gone.

    Example:
        >>> last_state("10%\r 50%\r100%\x1b[K")
        '100%'
    """
    text = text.rstrip("\r").rpartition("\r")[2]
    if "\x1b" in text:
        text = _ESCAPES.sub(lambda found: found[0] if _COLOUR.fullmatch(found[0]) else "", text)
    while "\b" in text:
        text, last = _ERASED.sub("", text).lstrip("\b"), text
        if text == last:
            break
    return text.replace("\x07", "")


class Lines:
    r"""Bytes in, whole lines out.

    Example:
        >>> lines = Lines()
        >>> lines.feed(b"one\ntw"), lines.feed(b"o\r\nthr"), lines.end()
        (['one'], ['two'], ['thr'])
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._rest = ""

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that `data` completes."""
        *whole, rest = (self._rest + self._decoder.decode(data)).split("\n")
        # A bar that is drawn over and over is kept as it is now, so that nothing grows.
        body = rest.rstrip("\r")
        self._rest = rest[body.rfind("\r") + 1 :]
        if len(self._rest) > LONGEST:
            whole.append(self._rest)
            self._rest = ""
        return [last_state(line) for line in whole]

    @property
    def asks(self) -> bool:
        """Whether the line that has not ended looks like a question."""
        return last_state(self._rest).endswith(PROMPTS)

    def end(self) -> list[str]:
        """Return the line that has not ended, if there is one, and begin anew."""
        rest, self._rest = last_state(self._rest + self._decoder.decode(b"", True)), ""
        return [rest] if rest.strip() else []
