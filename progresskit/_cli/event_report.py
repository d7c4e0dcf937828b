"""What an events file tells: how long each task took, and when.

Reads the lines that the `json` renderer wrote. Pure: it is given lines and returns values and text. An events file may come
from a job that was killed, or from a stranger: a line that makes no sense is counted and passed over.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .._model.frames import Frame, TaskView, decode
from .._text.cells import cell_width, fit
from .._text.formatting import format_count, format_progress, format_rate, format_seconds

SPAN = 20
"""Cells of the column that shows when a task was at work."""
LEFT = "left"
"""What a task is called that was live in the last frame: its job was killed, or still runs."""


class Story(NamedTuple):
    """What an events file tells.

    Attributes:
        tasks: Each task as it was seen last, with the time of that frame, in the order of their ids.
        ended: The ids of those that ended.
        began: The time of the first frame.
        seconds: From the first frame to the last.
        frames: How many frames there were.
        prints: How many printed lines.
        strange: How many lines that were neither.
    """

    tasks: tuple[tuple[float, TaskView], ...]
    ended: frozenset[int]
    began: float
    seconds: float
    frames: int
    prints: int
    strange: int


def read(lines: Iterable[str]) -> Story:
    """Return what `lines` tell.

    Example:
        >>> story = read(['{"time":1.0}', '{"time":3.5}', '{"print":"words"}', "torn"])
        >>> story.seconds, story.frames, story.prints, story.strange
        (2.5, 2, 1, 1)
    """
    seen: dict[int, tuple[float, TaskView]] = {}
    ended: set[int] = set()
    first: float | None = None
    last = 0.0
    frames = prints = strange = 0
    for line in lines:
        if not line.strip():
            continue
        if line.startswith('{"print":'):
            prints += 1
            continue
        try:
            frame = decode(line)
        except ValueError:
            strange += 1
            continue
        frames += 1
        first = frame.time if first is None else first
        last = max(last, frame.time)
        _note(frame, seen, ended)
    began = last if first is None else first
    tasks = tuple(seen[number] for number in sorted(seen))
    return Story(tasks, frozenset(ended), began, last - began, frames, prints, strange)


def _note(frame: Frame, seen: dict[int, tuple[float, TaskView]], ended: set[int]) -> None:
    for view in frame.tasks:
        seen[view.id] = (frame.time, view)
    for view in frame.ended:
        seen[view.id] = (frame.time, view)
        ended.add(view.id)


def tell(story: Story, columns: int = 100, *, unicode: bool = True) -> str:
    """Return `story` as a table: each task, its end, its amount, its time and rate, and when it was at work.

    Args:
        story: What `read` returned.
        columns: The width in cells.
        unicode: Whether blocks can be shown.

    Example:
        >>> from progresskit._model.frames import encode
        >>> view = sample_view(description="orders.csv", completed=300, total=300, state="finished", elapsed=2.0, rate=150.0)
        >>> story = read([encode(Frame(10.0)), encode(Frame(12.0, ended=(view,)))])
        >>> print(tell(story, 90, unicode=False).splitlines()[1])
        orders.csv  finished  300/300  2.0 s  150 it/s  |####################|
    """
    rows = [("task", "end", "done", "time", "rate", "when"), *(_row(story, *entry, unicode) for entry in story.tasks)]
    widths = [max(cell_width(row[at]) for row in rows) for at in range(6)]
    others = sum(widths[1:]) + 2 * 5
    widths[0] = min(widths[0], max(columns - others, 12))
    table = ["  ".join(fit(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    reasons = [f"{view.description}: {view.cause}" for _, view in story.tasks if view.cause]
    return "\n".join([*(table if story.tasks else ()), *reasons, _last_line(story)])


def _row(story: Story, time: float, view: TaskView, unicode: bool) -> tuple[str, ...]:
    depth = "  " * min(view.depth, 8)
    return (
        depth + (view.description or f"task {view.id}"),
        view.outcome if view.id in story.ended else LEFT,
        format_progress(view.completed, view.total, view.unit, estimated=view.estimated),
        format_seconds(view.elapsed),
        format_rate(view.rate, view.unit),
        _span(story, time, view, unicode),
    )


def _span(story: Story, time: float, view: TaskView, unicode: bool) -> str:
    """Return a bar over the whole time, filled where the task was at work; pauses are not told apart."""
    whole = story.seconds or 1.0
    start = round(SPAN * max(time - view.elapsed - story.began, 0.0) / whole)
    end = round(SPAN * (time - story.began) / whole)
    start, end = min(start, SPAN - 1), min(max(end, start + 1), SPAN)
    full, empty, edges = ("█", " ", "▏▕") if unicode else ("#", " ", "||")
    return edges[0] + empty * start + full * (end - start) + empty * (SPAN - end) + edges[1]


def _last_line(story: Story) -> str:
    ended = [view for _, view in story.tasks if view.id in story.ended]
    words = ("finished", "failed", "cancelled", "stopped early", "left running")
    counts = [f"{count:,d} {word}" for word in words if (count := sum(view.outcome == word for view in ended))]
    if left := len(story.tasks) - len(ended):
        counts.append(f"{left:,d} {LEFT} at the last frame")
    parts = [
        f"{format_count(len(story.tasks), 'task')} in {format_seconds(story.seconds)}",
        *counts,
        format_count(story.frames, "frame"),
    ]
    if story.prints:
        parts.append(format_count(story.prints, "printed line|printed lines"))
    if story.strange:
        parts.append(format_count(story.strange, "line") + " made no sense")
    return ", ".join(parts)
