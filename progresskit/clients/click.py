"""click: have `click.progressbar` draw on this display.

The methods of click's bar that draw are replaced in place, so that modules that have imported `progressbar` already follow, and the
bar stays click's own: its position, its label, its times. A bar on a stream of its own, as in click's test runner, is left alone.
"""

from __future__ import annotations

import sys
from functools import wraps
from typing import Any

from click._termui_impl import ProgressBar  # type: ignore[import-not-found,unused-ignore]

from .._tracking.joining import current_tracker
from ._ending import end

_originals: dict[str, Any] = {}
_TASK = "_progresskit_task"
"""The name of the attribute that holds a drawn bar's task; its value is None once the task has ended."""


def _is_shown_here(bar: Any) -> bool:
    """Return whether `bar`, whose block is entered, is drawn by this display."""
    hidden = getattr(bar, "hidden", getattr(bar, "is_hidden", False))  # the first since click 8.2
    if hidden or bar.file not in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        return False
    try:
        bar.file.fileno()
    except (OSError, ValueError, AttributeError):  # an object in place of the stream, whose contents a test reads
        return False
    return True


def _mirror(bar: Any) -> None:
    """Copy the state of `bar` to its task."""
    task = bar.__dict__[_TASK]
    if task is None:
        return
    if task.description != bar.label:
        task.update(description=bar.label)
    task.report(bar.pos, bar.length or None)
    if bar.item_show_func is not None:
        words = bar.item_show_func(bar.current_item)
        task.update(fields={} if words is None else {"item": str(words)})


def _methods() -> dict[str, Any]:
    """Return the methods that click's class gets, by name."""
    own = {name: getattr(ProgressBar, name) for name in ("__enter__", "__exit__", "render_progress", "render_finish")}

    @wraps(own["__enter__"])
    def enter(bar: Any) -> Any:
        if _is_shown_here(bar):
            bar.__dict__[_TASK] = current_tracker().add_task(bar.label, total=bar.length or None, keep=True)
            bar._is_atty = True  # click's loop counts only for a terminal
        return own["__enter__"](bar)

    @wraps(own["__exit__"])
    def leave(bar: Any, kind: Any, error: Any, traceback: Any) -> None:
        if error is not None:
            end(bar.__dict__.get(_TASK), error)
        own["__exit__"](bar, kind, error, traceback)

    @wraps(own["render_progress"])
    def render(bar: Any) -> None:
        if _TASK in bar.__dict__:
            _mirror(bar)
        else:
            own["render_progress"](bar)

    @wraps(own["render_finish"])
    def finish(bar: Any) -> None:
        if _TASK not in bar.__dict__:
            own["render_finish"](bar)
            return
        steps, bar._completed_intervals = bar._completed_intervals, 0  # those that `update_min_steps` has held back
        if steps:
            bar.make_step(steps)
            _mirror(bar)
        end(bar.__dict__[_TASK])
        bar.__dict__[_TASK] = None

    return {"__enter__": enter, "__exit__": leave, "render_progress": render, "render_finish": finish}


def patch() -> None:
    """Draw the bars of `click.progressbar` on this display. A second call does nothing; `unpatch` undoes it."""
    if not _originals:
        for name, replacement in _methods().items():
            _originals[name] = getattr(ProgressBar, name)
            setattr(ProgressBar, name, replacement)


def unpatch() -> None:
    """Restore the methods of click's bars."""
    for name, original in _originals.items():
        setattr(ProgressBar, name, original)
    _originals.clear()
