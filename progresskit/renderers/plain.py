"""The renderer `plain`: whole lines for logs and CI pages.

A task gets a line when it starts, some while it runs, and one when it ends. Lines of a running task
are some seconds and a tenth of its total apart; a task that stands still gets a line now and then,
so that a CI system sees that the job is alive.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from .._text.cells import encodable
from .._text.formatting import (
    format_count,
    format_duration,
    format_percent,
    format_progress,
    format_rate,
    format_seconds,
)

if TYPE_CHECKING:
    from .._model.frames import Frame, TaskView
    from .base import Terminal

_LEVELS = {"failed": 3, "cancelled": 4}
"""Levels of the journal for how tasks end: error and warning; 6, information, for all else."""
_COMMAND = re.compile(r"##(?=\w*\[)|(?<=^)(\s*):(?=:)")


def no_command(line: str) -> str:
    """Return `line` so that no CI system takes it for a command: a task's name may be a stranger's text.

    GitHub, Azure and TeamCity obey `::error::`, `##[error]`, `##vso[...]` and `##teamcity[...]` in what a job writes.

    Example:
        >>> no_command("::error::x"), no_command("a ##vso[task.x]y"), no_command("std::sort: started")
        (': :error::x', 'a # #vso[task.x]y', 'std::sort: started')
    """
    return _COMMAND.sub(lambda found: "# #" if found[0] == "##" else f"{found[1]}: ", line)


class PlainRenderer:
    """Append lines; never move the cursor.

    Attributes:
        every: Seconds between two lines of a task, at least.
        step: Share of the total between two lines of a task, at least.
        heartbeat: Seconds after which a task gets a line in any case.
    """

    in_place: ClassVar[bool] = False
    every: float = 5.0
    step: float = 0.1
    heartbeat: float = 30.0

    def start(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._said: dict[int, tuple[float, float]] = {}  # task -> the time of its last line, and its fraction then

    def render(self, frame: Frame) -> None:
        for view in frame.ended:
            if self._said.pop(view.id, None) is not None or view.keep:
                self._tell("end", view, self._closing(view))
        for view in frame.tasks:
            self._look(view, frame.time)

    def _look(self, view: TaskView, now: float) -> None:
        fraction = view.fraction or 0.0
        said = self._said.get(view.id)
        if said is None:
            if view.state == "pending":
                return
            self._tell("start", view, self._opening(view))
        elif now - said[0] < self.every or (abs(fraction - said[1]) < self.step and now - said[0] < self.heartbeat):
            return
        else:
            self._tell("update", view, self._midway(view))
        self._said[view.id] = (now, fraction)

    def _opening(self, view: TaskView) -> str:
        total = "" if view.total is None else f", {format_count(view.total, view.unit)}"
        return f"{self._name(view)}: started{total}{self._fields(view)}"

    def _midway(self, view: TaskView) -> str:
        parts = [format_progress(view.completed, view.total, view.unit, estimated=view.estimated)]
        percent = format_percent(view.fraction).strip()
        if percent:
            parts.insert(0, percent)
        if view.state != "running":
            parts.append(view.state)
        elif view.rate is not None:
            parts.append(format_rate(view.rate, view.unit))
        parts.append(format_duration(view.elapsed))
        if view.eta is not None and view.state == "running":
            parts.append(f"eta {format_duration(view.eta)}")
        return f"{self._name(view)}: {', '.join(parts)}{self._fields(view)}"

    def _closing(self, view: TaskView) -> str:
        done = format_progress(view.completed, view.total, view.unit, estimated=view.estimated)
        if view.state == "finished" and view.completed == view.total:
            done = format_count(view.completed, view.unit)
        rate = format_rate(view.rate, view.unit)
        line = f"{self._name(view)}: {view.outcome}, {done} in {format_seconds(view.elapsed)}"
        if rate:
            line += f" ({rate})"
        if view.cause:
            line += f": {view.cause}"
        return line + self._fields(view)

    def _name(self, view: TaskView) -> str:
        return view.description or f"task {view.id}"

    def _fields(self, view: TaskView) -> str:
        return "".join(f", {name}={value}" if name else f", {value}" for name, value in view.fields.items())

    def _tell(self, event: str, view: TaskView, text: str) -> None:
        """Write the line `text` about an `event` of a task: `start`, `update` or `end`."""
        level = _LEVELS.get(view.state, 6) if event == "end" else 6
        prefix = f"<{level}>" if getattr(self._terminal, "in_journal", False) else ""
        self._terminal.write(f"{prefix}{encodable(no_command(text), self._terminal.encoding)}\n")

    def write(self, text: str) -> None:
        self._terminal.write(text + "\n")

    def stop(self) -> None:
        """Each line is complete in itself."""
