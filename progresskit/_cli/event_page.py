"""Export an events file as one self-contained page for a browser, which loads nothing from elsewhere.

Pure: turns a log into HTML. All texts are in the page as data, which its script shows as text, never as markup.
"""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from typing import Any

from .._model.curves import POINTS
from .._text.formatting import DEFAULT_UNIT, format_duration, format_progress, format_rate, format_seconds
from .._text.plurals import forms, written
from .event_log import Activity, Log, Run
from .event_report import in_order, summary

CURVES = 2_000
"""The most tasks with a curve of their own: those that took longest."""
STEPS = 200
"""Points of the curve of concurrently running tasks."""


def page(log: Log) -> str:
    """Return the page of `log`."""
    runs = [_run(run) for run in log.runs]
    title = next((run["title"] for run in runs if run["title"]), "progresskit report")
    data = {"runs": runs, "strange": log.strange}
    # `<` is the only character with which a text could end the enclosing script element.
    island = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    style, script = (
        _part("_display/web", f"shared.{kind}") + _part("_cli", f"report.{kind}") for kind in ("css", "js")
    )
    return (
        "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n"
        '<meta name=viewport content="width=device-width,initial-scale=1">\n'
        "<meta http-equiv=Content-Security-Policy "
        "content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n<body>\n<main id=report></main>\n"
        f'<script type="application/json" id=data>{island}</script>\n<script>\n{script}</script>\n</html>\n'
    )


def _part(folder: str, name: str) -> str:
    return (files("progresskit") / folder / name).read_text("utf-8")


def _run(run: Run) -> dict[str, Any]:
    """Return the data of `run` for the page: times in seconds since it began, and its tasks, each above its subtasks."""
    began, activities = run.began, in_order(run)
    begun = [activity for activity in activities if activity.start is not None]
    longest = sorted(begun, key=lambda activity: activity.end - (activity.start or 0.0))[-CURVES:]
    with_curve = {activity.view.id for activity in longest}
    tasks = [_task(activity, began, activity.view.id in with_curve) for activity in activities]
    return {
        "title": run.title,
        "summary": summary(run),
        "started": run.wall(began),
        "seconds": round(run.seconds, 3),
        "tasks": tasks,
        "atWork": _at_work(activities, began, run.seconds),
        "prints": [
            [None if time is None else round(time - began, 3), line] for time, line in run.prints[-STEPS:]
        ],
        "printed": run.printed,
    }  # fmt: skip


def _task(activity: Activity, began: float, has_curve: bool) -> dict[str, Any]:
    view = activity.view
    curve = activity.curve.points if has_curve and len(activity.curve.points) > 2 else []
    return {
        "id": view.id,
        "depth": min(view.depth, 20),
        "name": view.description or f"task {view.id}",
        "outcome": activity.outcome,
        "completed": view.completed,
        "total": view.total,
        "unit": written(view.unit),
        "units": forms(view.unit or DEFAULT_UNIT)[1],
        "done": format_progress(view.completed, view.total, view.unit, estimated=view.estimated),
        "time": format_seconds(view.elapsed),
        "rate": format_rate(view.rate, view.unit),
        "eta": None if view.eta is None else format_duration(view.eta),
        "seconds": round(view.elapsed, 3),
        "start": None if activity.start is None else round(activity.start - began, 3),
        "end": round(activity.end - began, 3),
        "pauses": [[round(first - began, 3), round(last - began, 3)] for first, last in activity.pauses],
        "reason": view.cause,
        "fields": dict(view.fields),
        "curve": [[round(time - began, 3), done] for time, done in curve[:POINTS]],
    }


def _at_work(activities: list[Activity], began: float, seconds: float) -> list[int]:
    """Return the number of running tasks without subtasks at each of `STEPS` instants."""
    parents = {activity.view.parent for activity in activities}
    changes = [0] * (STEPS + 1)
    for activity in activities:
        if activity.start is None or activity.view.id in parents:
            continue
        edges = [activity.start, *(edge for pause in activity.pauses for edge in pause), activity.end]
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            low, high = (round(STEPS * (edge - began) / (seconds or 1.0)) for edge in (first, last))
            low = min(max(low, 0), STEPS - 1)
            changes[low] += 1
            changes[min(max(high, low + 1), STEPS)] -= 1
    counts, count = [], 0
    for change in changes[:-1]:
        count += change
        counts.append(count)
    return counts
