"""Show an events file as a table: how each task ended, how long it took, and when it ran.

Pure: turns a log into text.
"""

from __future__ import annotations

from .._text.cells import cell_width, fit
from .._text.formatting import format_count, format_progress, format_rate, format_seconds
from .event_log import Activity, Log, Run

SPAN_CELLS = 20
"""Cells of the column that shows when a task ran."""
OUTCOMES = ("finished", "failed", "cancelled", "stopped early", "left running")
"""The ends of tasks, in the order in which the summary counts them."""
_COLUMNS = ("task", "end", "done", "time", "rate", "when")


def tell(log: Log, columns: int = 100, *, unicode: bool = True) -> str:
    """Return `log` as a table for each run: each task with its end, amount, time and rate, and when it ran.

    Args:
        log: The log, from `read`.
        columns: The width in cells.
        unicode: Whether the terminal can show block characters.

    Example:
        >>> from progresskit._cli.event_log import read
        >>> from progresskit._model.frames import encode
        >>> view = sample_view(description="orders.csv", completed=300, total=300, state="finished", elapsed=2.0, rate=150.0)
        >>> log = read([encode(Frame(10.0)), encode(Frame(12.0, ended=(view,)))])
        >>> print(tell(log, 90, unicode=False).splitlines()[1])
        orders.csv  finished  300/300  2.0 s  150 it/s  |####################|
    """
    runs = log.runs or (Run(),)
    parts = []
    for number, run in enumerate(runs):
        heading = fit(run.title, columns, pad=False)
        if len(runs) > 1:
            heading = fit(f"run {number + 1} of {len(runs):,d}: {run.title or 'without a header'}", columns, pad=False)
        strange = log.strange if number == len(runs) - 1 else 0
        parts.append(
            "\n".join([*([heading] if heading else []), *_table(run, columns, unicode), summary(run, strange)])
        )
    return "\n\n".join(parts)


def _table(run: Run, columns: int, unicode: bool) -> list[str]:
    activities = in_order(run)
    rows = [_COLUMNS, *(_row(run, activity, unicode) for activity in activities)]
    widths = [max(cell_width(row[at]) for row in rows) for at in range(6)]
    others = sum(widths[1:]) + 2 * 5
    widths[0] = min(widths[0], max(columns - others, 12))
    table = ["  ".join(fit(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    reasons = [f"{each.view.description}: {each.view.cause}" for each in activities if each.view.cause]
    return [*(table if activities else ()), *reasons]


def in_order(run: Run) -> list[Activity]:
    """Return the tasks of `run`, each above its subtasks."""
    children: dict[int | None, list[Activity]] = {}
    for number in sorted(run.tasks):
        activity = run.tasks[number]
        parent = activity.view.parent
        children.setdefault(parent if parent in run.tasks and parent != number else None, []).append(activity)
    ordered: list[Activity] = []
    ahead = children.get(None, [])[::-1]
    while ahead:
        activity = ahead.pop()
        ordered.append(activity)
        ahead.extend(children.pop(activity.view.id, [])[::-1])
    return ordered


def _row(run: Run, activity: Activity, unicode: bool) -> tuple[str, ...]:
    view = activity.view
    return (
        "  " * min(view.depth, 8) + (view.description or f"task {view.id}"),
        activity.outcome,
        format_progress(view.completed, view.total, view.unit, estimated=view.estimated),
        format_seconds(view.elapsed),
        format_rate(view.rate, view.unit),
        _span(run, activity, unicode),
    )


def _span(run: Run, activity: Activity, unicode: bool) -> str:
    """Return a bar over the time of `run`, filled where the task ran."""
    full, empty, edges = ("█", " ", "▏▕") if unicode else ("#", " ", "||")
    cells = [empty] * SPAN_CELLS
    if activity.start is not None:
        start, end = _cells(run, activity.start, activity.end)
        cells[start:end] = [full] * (end - start)
        for began, over in activity.pauses:
            first, last = _cells(run, began, over)
            if over - began >= (run.seconds or 1.0) / SPAN_CELLS:  # a shorter one has no cell of its own
                cells[first:last] = [empty] * (last - first)
    return edges[0] + "".join(cells) + edges[1]


def _cells(run: Run, start: float, end: float) -> tuple[int, int]:
    whole = run.seconds or 1.0
    first = min(max(round(SPAN_CELLS * (start - run.began) / whole), 0), SPAN_CELLS - 1)
    return first, min(max(round(SPAN_CELLS * (end - run.began) / whole), first + 1), SPAN_CELLS)


def summary(run: Run, strange: int = 0) -> str:
    """Return the line that sums up `run`.

    Args:
        run: The run.
        strange: The number of malformed lines in the file.
    """
    ended = [activity for activity in run.tasks.values() if activity.has_ended]
    counts = [f"{count:,d} {word}" for word in OUTCOMES if (count := sum(each.outcome == word for each in ended))]
    if left := len(run.tasks) - len(ended):
        counts.append(f"{left:,d} left at the last frame")
    parts = [
        f"{format_count(len(run.tasks), 'task')} in {format_seconds(run.seconds)}",
        *counts,
        format_count(run.frames, "frame"),
    ]
    if run.printed:
        parts.append(format_count(run.printed, "printed line|printed lines"))
    if strange:
        parts.append(format_count(strange, "line") + " made no sense")
    return ", ".join(parts)
