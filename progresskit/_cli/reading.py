"""`progresskit run --read`: turn a command's progress messages into tasks, and let its other output pass.

Knows tasks and line ends. Does not know the messages of any program, nor where the output comes from.
"""

from __future__ import annotations

import codecs
import os
import re
import subprocess
from typing import TYPE_CHECKING

from .._text.line_splitter import last_state
from .._text.program_progress import HEADING, reader_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._text.program_progress import Report
    from .._tracking.task import Task
    from .._tracking.tracker import ProgressTracker

_ENDS = re.compile("\r\n|\r|\n")
_COLORS = re.compile("\x1b\\[[0-9;:]*m")
_PIP = re.compile(r"pip[\d.]*(?:\.exe)?")
_PIP_VERSION = re.compile(r"pip (\d+)\.(\d+)")
FIRST_RAW = 24, 1
"""The first pip that takes `--progress-bar raw`: an older one ends with an error."""


def variables_for(program: str | None, command: Sequence[str]) -> dict[str, str]:
    """Return the environment variables that make `command` print the progress of `program` as lines.

    Only pip needs one. A pip that is not known to be new enough gets none, and shows its own bar.
    """
    ask = _pip_of(command) if program == "pip" else None
    if ask is None:
        return {}
    try:
        said = subprocess.run(
            [*ask, "--version"], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL
        ).stdout
    except (OSError, ValueError, subprocess.SubprocessError):
        return {}
    found = _PIP_VERSION.match(said)
    is_new = found is not None and (int(found[1]), int(found[2])) >= FIRST_RAW
    return {"PIP_PROGRESS_BAR": "raw"} if is_new else {}


def _pip_of(command: Sequence[str]) -> list[str] | None:
    """Return the words of `command` that start pip; None if it starts another program."""
    if _PIP.fullmatch(os.path.basename(command[0])):
        return [command[0]]
    for index, word in enumerate(command[1:], 1):
        if word == "-m":
            return list(command[: index + 2]) if command[index + 1 : index + 2] == ["pip"] else None
        if not word.startswith("-"):  # a script, or the value of an option
            return None
    return None


class ProgressReader:
    """Extracts progress messages from a command's output.

    Args:
        tracker: The tracker that shows the tasks.
        program: The command's program: one of `progresskit._text.program_progress.READERS`.
    """

    def __init__(self, tracker: ProgressTracker, program: str) -> None:
        self._tracker = tracker
        self._reader = reader_of(program)
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._held = ""
        self._inside = False  # whether the beginning of the current line has passed through
        self._task: Task | None = None
        self._name = ""
        self._last: Report | None = None

    def feed(self, data: bytes) -> bytes:
        """Return `data` without progress messages; hold back an unfinished line until its end arrives."""
        text = self._held + self._decoder.decode(data)
        self._held = ""
        passed: list[str] = []
        at = 0
        for found in _ENDS.finditer(text):
            if found.group() == "\r" and found.end() == len(text):  # a newline may follow
                break
            self._line(text[at : found.start()], found.group(), passed)
            at = found.end()
        rest = text[at:]
        if self._inside:
            passed.append(rest)
        else:
            self._held = rest
        return "".join(passed).encode("utf-8", "surrogateescape")

    def _line(self, line: str, end: str, passed: list[str]) -> None:
        report = None if self._inside else self._reader.read(_bare(line))
        self._inside = False
        if report is None:
            passed.append(line + end)
        elif report is HEADING:
            self._last = None
        else:
            self._show(report)

    def _show(self, report: Report) -> None:
        if report == self._last and self._task is None:  # repeated
            return
        self._last = report
        task = self._task
        # A count that falls under the same name is a new phase, such as the next file.
        if task is None or report.name != self._name or report.done < task.completed:
            self.end()
            self._name = report.name
            task = self._task = self._tracker.add_task(report.name, total=report.total, unit=report.unit, keep=True)
        task.report(report.done, report.total)
        if report.is_last:
            self.end()

    def release(self) -> bytes:
        """Return the unfinished line, which may be a question; show it instead if it is a progress message without its end."""
        report = self._reader.read(_bare(self._held)) if self._held else None
        if report is not None:
            if report is not HEADING:
                self._show(report._replace(is_last=False))  # the same line arrives once more, with its end
            return b""
        held, self._held = self._held, ""
        self._inside = self._inside or bool(held)
        return held.encode("utf-8", "surrogateescape")

    def rest(self) -> bytes:
        """Return the unfinished line at the end of the output, unless it is a progress message."""
        held, self._held = self._held, ""
        passed: list[str] = []
        if held:
            self._line(held.removesuffix("\r"), "", passed)
        return "".join(passed).encode("utf-8", "surrogateescape")

    def end(self, *, failed: bool | None = None) -> None:
        """End the current task, if any: finished if its count is complete or has no total, else failed or stopped early.

        Args:
            failed: Whether the command has failed. False finishes the task whatever its count: rsync counts no file that is
                up to date, and ffmpeg may be told to leave a source before its end. None while the command runs.
        """
        task, self._task = self._task, None
        if task is None:
            return
        if task.total is None or task.is_complete:
            task.finish()
        elif failed:
            task.fail()
        elif failed is None:
            task.cancel("stopped early")
        else:
            if self._last is not None and self._last.unit == "%":
                task.report(task.total)
            task.finish()


def _bare(line: str) -> str:
    """Return the text of `line` without colours and cursor movements."""
    return _COLORS.sub("", last_state(line))
