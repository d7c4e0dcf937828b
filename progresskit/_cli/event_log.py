"""Read an events file: its runs, and for each task when it ran, how far it got, and how it ended.

Pure. An events file is untrusted, and may come from a killed job: malformed lines are counted and skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .._model.curves import Curve
from .._model.events import EventDecoder
from .._model.frames import Frame, TaskView
from .._model.states import ENDED
from .._system.run_identity import command_of
from .._text.formatting import format_count

MOST_PRINTS = 10_000
"""The most printed lines kept of a run: the first ones."""


class Activity:
    """One task of a run.

    Attributes:
        view: The last view of the task.
        start: When it began, in seconds on the run's clock; None if it never began.
        end: When it ended, or was last seen.
        has_ended: Whether the file has its end.
        pauses: Its pauses, as pairs of seconds on the run's clock.
        curve: Its count over time.
    """

    __slots__ = ("_paused_at", "curve", "end", "has_ended", "pauses", "start", "view")

    def __init__(self, view: TaskView) -> None:
        self.view = view
        self.start: float | None = None
        self.end = 0.0
        self.has_ended = False
        self.pauses: list[tuple[float, float]] = []
        self.curve = Curve()
        self._paused_at: float | None = None

    def note(self, view: TaskView, time: float) -> None:
        """Add the `view` of the task at `time`."""
        is_end = view.state in ENDED
        age = max(view.age, view.elapsed)
        if self.start is None and view.state != "pending":
            self.start = time - age
        self.end = time
        if is_end and not self.has_ended and self.start is not None:
            self.end = min(time, self.start + age) if view.age else time
        if view.state == "paused":
            self._paused_at = time if self._paused_at is None else self._paused_at
        elif self._paused_at is not None:
            self.pauses.append((self._paused_at, min(time, self.end)))
            self._paused_at = None
        self.view = view
        self.has_ended = self.has_ended or is_end
        self.curve.note(self.end, view.completed, is_last=is_end)

    def close(self) -> None:
        """Close an open pause: the job was killed, or still runs."""
        if self._paused_at is not None:
            self.pauses.append((self._paused_at, self.end))
            self._paused_at = None

    @property
    def outcome(self) -> str:
        """How it ended, in a word; `left` if the file has no end."""
        return self.view.outcome if self.has_ended else "left"


class Run:
    """One run of a program.

    Attributes:
        header: The contents of its header; empty for a file of an older version.
        tasks: Its tasks, by number.
        prints: Printed lines with their times, which may be None.
        printed: The number of all printed lines.
        frames: The number of frames.
        began: When the first of its tasks began, or its first frame was made, in seconds on its clock.
        last: The time of the last frame.
    """

    def __init__(self) -> None:
        self.header: Mapping[str, Any] = {}
        self.tasks: dict[int, Activity] = {}
        self.prints: list[tuple[float | None, str]] = []
        self.printed = 0
        self.frames = 0
        self.began = 0.0
        self.last = 0.0

    def note(self, frame: Frame) -> None:
        """Add the tasks of `frame`."""
        self.frames += 1
        began = frame.time
        self.last = max(self.last, frame.time)
        for view in (*frame.tasks, *frame.ended):
            activity = self.tasks.get(view.id)
            if activity is None:
                activity = self.tasks[view.id] = Activity(view)
            if not activity.has_ended:
                activity.note(view, frame.time)
                began = began if activity.start is None else min(began, activity.start)
        self.began = began if self.frames == 1 else min(self.began, began)

    @property
    def seconds(self) -> float:
        """Seconds from `began` to the last frame."""
        return max(self.last - self.began, 0.0)

    def wall(self, time: float) -> float | None:
        """Return `time` on the run's clock in seconds since 1970; None if the file has no start time."""
        started, monotonic = self.header.get("started"), self.header.get("monotonic")
        if not isinstance(started, str) or not isinstance(monotonic, (int, float)):
            return None
        try:
            at = datetime.fromisoformat(started)
        except ValueError:
            return None
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() + time - monotonic

    @property
    def title(self) -> str:
        """The command, the process and the time, in one line; empty for a file of an older version."""
        parts = [command_of(self.header.get("argv", []))]
        if "pid" in self.header:
            parts.append(f"process {self.header['pid']}" + (f" on {host}" if (host := self.header.get("host")) else ""))
        if "started" in self.header:
            parts.append(str(self.header["started"]))
        return ", ".join(filter(None, parts))


class Log(NamedTuple):
    """The contents of an events file.

    Attributes:
        runs: Its runs, in the order of their first lines.
        strange: The number of malformed lines.
    """

    runs: tuple[Run, ...]
    strange: int


def no_events(strange: int) -> str:
    """Return the sentence about a file of which all lines, `strange` in number, are malformed.

    Example:
        >>> no_events(1)
        'this is no events file: it has 1 line, and none is an event.'
    """
    return f"this is no events file: it has {format_count(strange, 'line')}, and none is an event."


def read(lines: Iterable[str]) -> Log:
    """Return the contents of the events file with `lines`.

    Example:
        >>> log = read(['{"time":1.0}', '{"time":3.5}', '{"print":"words"}', "torn"])
        >>> log.runs[0].seconds, log.runs[0].frames, log.runs[0].printed, log.strange
        (2.5, 2, 1, 1)
    """
    runs: dict[str, Run] = {}
    strange = 0
    decoder = EventDecoder()
    for line in lines:
        if not line.strip():
            continue
        try:
            event = decoder.event(line)
        except ValueError:
            strange += 1
            continue
        run = runs.get(event.run)
        if run is None:
            run = runs[event.run] = Run()
        if event.header is not None:
            run.header = event.header
        elif event.frame is not None:
            run.note(event.frame)
        elif event.print is not None:
            run.printed += 1
            if len(run.prints) < MOST_PRINTS:
                run.prints.append((event.time, event.print))
    for run in runs.values():
        for activity in run.tasks.values():
            activity.close()
    return Log(tuple(runs.values()), strange)
