"""Export an events file for other programs: trace events, Prometheus metrics, CSV, and a Markdown table.

Pure: turns a log into text.
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from .._model.metrics import prometheus_text
from .._text.formatting import format_progress, format_rate, format_seconds
from .._text.plurals import written
from .event_log import Log, Run
from .event_report import in_order, summary

CSV_COLUMNS = (
    "run", "pid", "host", "task", "parent", "description", "outcome", "completed", "total", "unit", "started", "seconds", "rate",
    "paused_seconds", "reason",
)  # fmt: skip
MOST_ROWS = 200
"""The most rows of a Markdown table: failures come first."""


def trace(log: Log) -> str:
    """Return `log` as trace events for Perfetto and Chrome: a pair of `b` and `e` for each stretch in which a task ran.

    Each run is a process. Tasks are asynchronous events, because the tasks of one process overlap. Times are in microseconds
    since the first run began.
    """
    events: list[dict[str, Any]] = []
    origin = min((start for run in log.runs if (start := run.wall(run.began)) is not None), default=None)
    for number, run in enumerate(log.runs, 1):
        wall = run.wall(run.began)
        offset = 0.0 if origin is None or wall is None else wall - origin

        def microseconds(time: float, run: Run = run, offset: float = offset) -> int:
            return round(1e6 * (time - run.began + offset))

        common: dict[str, Any] = {"pid": number, "tid": 0}
        name = run.title or f"run {number}"
        events.append({"ph": "M", "name": "process_name", "ts": 0, **common, "args": {"name": name}})
        for activity in in_order(run):
            if activity.start is None:
                continue
            view = activity.view
            words = {
                "name": view.description or f"task {view.id}",
                "cat": "task",
                "id": f"{number}.{view.id}",
                **common,
            }
            bounds = [activity.start, *(edge for pause in activity.pauses for edge in pause), activity.end]
            end = {"outcome": activity.outcome, "completed": view.completed, "total": view.total}
            end |= {"unit": written(view.unit)} | ({"reason": view.cause} if view.cause else {})
            for begin, over in zip(bounds[::2], bounds[1::2], strict=True):
                events.append({"ph": "b", "ts": microseconds(begin), **words})
                events.append({"ph": "e", "ts": microseconds(max(over, begin)), **words, "args": end})
        events += [
            {"ph": "i", "s": "p", "name": line, "cat": "print", "ts": microseconds(time), **common}
            for time, line in run.prints
            if time is not None
        ]
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}, separators=(",", ":"))


def prometheus(log: Log, *, every_task: bool = False) -> str:
    """Return the last state of the tasks in Prometheus's text format.

    Args:
        log: The log, from `read`.
        every_task: Whether subtasks have series too, not only top-level tasks: each series costs memory.
    """
    runs = [(run.header.get("run") or str(number), run) for number, run in enumerate(log.runs, 1)]
    left = frozenset(
        (name, activity.view.id) for name, run in runs for activity in run.tasks.values() if activity.outcome == "left"
    )
    views = [(name, [activity.view for activity in in_order(run)]) for name, run in runs]
    return prometheus_text(views, every_task=every_task, left=left)


def table(log: Log) -> str:
    """Return `log` as CSV, one line for each task. Prefix texts that a spreadsheet would run as a formula with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for number, run in enumerate(log.runs, 1):
        for activity in in_order(run):
            view = activity.view
            wall = None if activity.start is None else run.wall(activity.start)
            writer.writerow(
                (
                    _cell(run.header.get("run") or str(number)),
                    run.header.get("pid", ""),
                    _cell(run.header.get("host", "")),
                    view.id,
                    "" if view.parent is None else view.parent,
                    _cell(view.description),
                    activity.outcome,
                    view.completed,
                    "" if view.total is None else view.total,
                    _cell(written(view.unit)),
                    "" if wall is None else f"{wall:.3f}",
                    f"{view.elapsed:.3f}",
                    "" if view.rate is None else f"{view.rate:.6g}",
                    f"{sum(over - began for began, over in activity.pauses):.3f}",
                    _cell(view.cause or ""),
                )
            )
    return out.getvalue()


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def markdown(log: Log) -> str:
    """Return `log` as Markdown: a table for each run, failures first."""
    parts = []
    for run in log.runs:
        rows = sorted(in_order(run), key=lambda activity: activity.outcome != "failed")
        lines = [f"**{_escaped(run.title)}**", ""] if run.title else []
        lines += ["| task | end | done | time | rate | reason |", "|---|---|---|--:|--:|---|"]
        for activity in rows[:MOST_ROWS]:
            view = activity.view
            cells = (
                _escaped(view.description or f"task {view.id}"),
                activity.outcome,
                _escaped(format_progress(view.completed, view.total, view.unit, estimated=view.estimated)),
                format_seconds(view.elapsed),
                _escaped(format_rate(view.rate, view.unit)),
                _escaped(view.cause or ""),
            )
            lines.append(f"| {' | '.join(cells)} |")
        more = f"{len(rows) - MOST_ROWS:,d} more tasks. " if len(rows) > MOST_ROWS else ""
        parts.append("\n".join([*lines, "", f"{more}{summary(run)}"]))
    return "\n\n".join(parts) + "\n"


def _escaped(text: str) -> str:
    """Return `text` escaped, so that Markdown shows it literally."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("www.", "www&#46;")
    return "".join(f"&#{ord(character)};" if character in "|`*_[]\\~#@:$" else character for character in text)
