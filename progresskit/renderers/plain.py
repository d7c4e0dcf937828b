"""The renderer `plain`: whole lines for logs, CI pages and screen readers.

A task gets a line when it starts, some while it runs, and one when it ends. Lines of a running task are some seconds
and a tenth of its total apart. A task that does not move gets a line now and then, so that a CI system sees that the
job is alive. Knows when a line is due; `_log_lines` makes its text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from .._text.cells import encodable
from . import _log_lines as log_lines
from ._ci_groups import groups_here
from ._kept import in_order

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from .._model.frames import Frame, TaskView
    from .base import Terminal

ACCESSIBLE_SECONDS = 10.0
"""The least number of seconds between two lines of a task for a screen reader."""
_LEVELS = {"failed": 3, "cancelled": 4}
"""Levels of the journal for how tasks end: error and warning; 6, information, for the others."""
_COMMAND = re.compile(r"##(?=\w*\[)|^(\s*):(?=:)|^(?=(?:---|\+\+\+|~~~|\^\^\^)(?: |$))")


def no_command(line: str) -> str:
    """Change `line` so that no CI system takes it for a command, because a task's name may be hostile.

    GitHub, Azure, TeamCity and Buildkite obey `::error::`, `##[error]`, `##vso[...]`, `##teamcity[...]` and `--- ` in a
    job's output.

    Example:
        >>> no_command("::error::x"), no_command("a ##vso[task.x]y"), no_command("std::sort: started")
        (': :error::x', 'a # #vso[task.x]y', 'std::sort: started')
        >>> no_command("--- x")
        ' --- x'
    """
    return _COMMAND.sub(lambda found: "# #" if found[0] == "##" else " " if found[1] is None else f"{found[1]}: ", line)


class PlainRenderer:
    """Append lines; never move the cursor.

    Args:
        now: Gives the local time, as `datetime.now` does: each line then begins with the time of day, and the first one of a day
            with the date. None: lines have no time.

    Attributes:
        every: Seconds between two lines of a task, at least.
        step: Share of the total between two lines of a task, at least.
        heartbeat: Seconds after which a task gets a line in any case.
    """

    in_place: ClassVar[bool] = False
    every: float = 5.0
    step: float = 0.1
    heartbeat: float = 30.0
    _now: Callable[[], datetime] | None = None  # a subclass may not call this constructor

    def __init__(self, *, now: Callable[[], datetime] | None = None) -> None:
        self._now = now
        self._day = ""

    def start(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._said: dict[int, tuple[float, float]] = {}  # task -> the time of its last line, and its fraction then
        environ = getattr(terminal, "environ", {})
        self._in_words = bool(environ.get("ACCESSIBLE"))
        self._groups = groups_here(environ)
        self._grouped: int | None = None  # the task whose group is open
        if self._in_words:
            self.every = max(self.every, ACCESSIBLE_SECONDS)

    def render(self, frame: Frame) -> None:
        self._frame_time = frame.time
        names = log_lines.names((*frame.tasks, *frame.ended))
        for view in in_order(frame.ended):
            if self._said.pop(view.id, None) is not None or view.keep:
                self._tell("end", view, log_lines.closing(names[view.id], view, in_words=self._in_words))
        for view in frame.tasks:
            self._report(view, frame.time, names[view.id])

    def _report(self, view: TaskView, now: float, name: str) -> None:
        fraction = view.fraction or 0.0
        said = self._said.get(view.id)
        if said is None:
            if view.state == "pending":
                return
            self._tell("start", view, log_lines.opening(name, view))
        elif now - said[0] < self.every or (abs(fraction - said[1]) < self.step and now - said[0] < self.heartbeat):
            return
        else:
            self._tell("update", view, log_lines.midway(name, view, in_words=self._in_words))
        self._said[view.id] = (now, fraction)

    def _tell(self, event: str, view: TaskView, text: str) -> None:
        """Write the line `text` about an `event` of a task: `start`, `update` or `end`."""
        level = _LEVELS.get(view.state, 6) if event == "end" else 6
        prefix = f"<{level}>" if getattr(self._terminal, "in_journal", False) else ""
        line = f"{prefix}{encodable(self._timed(no_command(text)), self._terminal.encoding)}"
        if self._groups is not None:
            if event == "start" and self._grouped is None and view.parent is None:
                self._grouped = view.id
                line = self._groups.opening(view.id, line, self._frame_time)
            elif event == "end" and view.id == self._grouped:
                self._grouped = None
                line = self._groups.closing(view.id, line, self._frame_time)
        self._terminal.write(f"{line}\n")

    def _timed(self, text: str) -> str:
        if self._now is None:
            return text
        now = self._now()
        day, self._day = self._day, f"{now:%Y-%m-%d}"
        return f"{now:%H:%M:%S}  {text}" if day == self._day else f"{now:%Y-%m-%d %H:%M:%S}  {text}"

    def write(self, text: str) -> None:
        self._terminal.write(text + "\n")

    def stop(self) -> None:
        """End the group that is open. Each line is complete in itself."""
        if self._groups is not None and self._grouped is not None:
            self._terminal.write(f"{self._groups.closing(self._grouped, '', self._frame_time)}\n")
            self._grouped = None
