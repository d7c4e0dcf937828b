"""Metrics of tasks, in Prometheus's text format.

Pure: from views to text.
"""

from __future__ import annotations

from collections.abc import Iterable

from .._text.plurals import written
from .frames import TaskView

METRICS = (
    ("completed", "Units done of a task."),
    ("total_units", "Units of a task in all."),
    ("rate", "Units a second."),
    ("elapsed_seconds", "Seconds at work, without pauses."),
    ("eta_seconds", "Seconds left."),
    ("state", "1 for the state that a task is in."),
)
"""Name of a metric, after `progresskit_task_` -> its description."""


def prometheus_text(
    runs: Iterable[tuple[str, Iterable[TaskView]]],
    *,
    every_task: bool = False,
    left: frozenset[tuple[str, int]] = frozenset(),
) -> str:
    """Return `runs`, each a name and the views of its tasks, in Prometheus's text format.

    Args:
        runs: The runs.
        every_task: Whether tasks with a parent have series too. Each series costs memory.
        left: Tasks, as pairs of run and number, whose end was not observed: their state is `left`.

    Example:
        >>> text = prometheus_text([("a1", [sample_view(description="Files", completed=3)])])
        >>> text.splitlines()[2]
        'progresskit_task_completed{run="a1",task="1",description="Files",unit="it"} 3'
    """
    # Prometheus refuses a text that has a name with the same labels twice: of two views of one task, the last one
    # counts.
    listed = [(run, {view.id: view for view in views if every_task or not view.depth}.values()) for run, views in runs]
    lines = []
    for metric, words in METRICS:
        name = f"progresskit_task_{metric}"
        lines += [f"# HELP {name} {words}", f"# TYPE {name} gauge"]
        for run, views in listed:
            for view in views:
                labels = {"run": run, "task": str(view.id), "description": view.description, "unit": written(view.unit)}
                if metric == "state":
                    labels["state"] = "left" if (run, view.id) in left else view.outcome
                value = {
                    "completed": view.completed,
                    "total_units": view.total,
                    "rate": view.rate,
                    "elapsed_seconds": view.elapsed,
                    "eta_seconds": view.eta,
                    "state": 1,
                }[metric]
                if value is not None:
                    lines.append(f"{name}{{{','.join(map(_label, labels.items()))}}} {value:.12g}")
    return "\n".join(lines) + "\n"


def _label(item: tuple[str, str]) -> str:
    name, value = item
    escaped = value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'{name}="{escaped}"'
