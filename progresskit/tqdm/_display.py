"""Bars that are tasks: on the terminal that progresskit's display draws on, below a hub, and where a renderer was asked for.

Knows trackers and tasks, and which streams they are drawn on. Does not know tqdm's text.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from contextvars import Context
from typing import TYPE_CHECKING, Any

from .._model.states import STOPPED_EARLY
from .._system.environment import is_disabled
from .._tracking import tracker as trackers
from ..renderers.registry import hub_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .._tracking.task import Task
    from .._tracking.tracker import ProgressTracker

RESERVED = frozenset(("description", "total", "completed", "color", "estimated", "self"))
"""Words that `Task.update` takes for something else: a value of that name gets a `_` after it."""
COLORS = ("red", "green", "yellow", "blue", "magenta", "cyan", "white")
_opened: list[ProgressTracker] = []


class Count:
    """An attribute of a bar (`n`, `total`, `desc`) that belongs to its task while it has one."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, bar: Any, owner: type) -> Any:
        if bar is None:
            return self
        task = bar.__dict__.get("_task")
        if task is None or self._name == "desc":
            try:
                return bar.__dict__[self._name]
            except KeyError:
                raise AttributeError(self._name) from None
        return task.completed if self._name == "n" else bar.__dict__["total"]

    def __set__(self, bar: Any, value: Any) -> None:
        bar.__dict__[self._name] = value
        task = bar.__dict__.get("_task")
        if task is None:
            return
        if self._name == "n":
            task.update(completed=value)
        elif self._name == "total":
            task.update(total=known(value))
        else:
            task.update(description=bare(value))


def takes(bar: Any, file: Any, display: Any) -> bool:
    """Return whether `bar`, which would be written to `file`, is to be a task.

    It is where a standard stream leads to the display's terminal or to a hub, or `PROGRESSKIT_RENDERER` names a renderer, and
    the bar is drawn by `display`: classes that override it have a picture of their own.
    """
    if file is None or file not in (sys.stderr, sys.stdout) or getattr(type(bar), "display", None) is not display:
        return False
    if is_disabled(os.environ) or getattr(bar, "gui", False):
        return False
    if hub_address() is not None or trackers._provided_tracker() is not None:
        return True
    if os.environ.get("PROGRESSKIT_RENDERER", "").strip() not in ("", "auto"):
        return True
    return _is_terminal(file) and os.environ.get("TERM") not in (None, "", "dumb")


def stream_of(bar: Any) -> Any:
    """Return the stream that `bar` was given, without the wrapper that tqdm puts around it."""
    fp = getattr(bar, "fp", None)
    return next((stream for stream in (sys.stderr, sys.stdout) if stream is not None and fp == stream), fp)


def _is_terminal(file: Any) -> bool:
    """Return whether `file` is a plain text file over a terminal; a stand-in that only says so is written to as it is."""
    try:
        return bool(file.isatty()) and os.isatty(file.fileno())
    except (AttributeError, OSError, ValueError):
        return False


def tracker() -> ProgressTracker:
    """Return the tracker that bars join, entered: only then do processes that start from here on join its display."""
    found = trackers.current_tracker()
    if trackers._provided_tracker() is None and not trackers._entered and found not in _opened:
        _opened.append(found)
        Context().run(found.__enter__)  # entered for processes that start, but not the one that this context has chosen
    return found


def join(bar: Any, update: Any) -> None:
    """Give `bar` a task.

    Where its class counts with `update` itself, the bar gets the task's own `advance` in its place: a method more on the way would
    cost four times what counting does.
    """
    task = bar.__dict__["_task"] = task_of(bar)
    if type(bar).update is update:
        bar.__dict__["update"] = task.advance


def task_of(bar: Any) -> Task:
    """Return a task for `bar`."""
    color = str(bar.colour).lower() if bar.colour else None
    task = tracker().add_task(
        bare(bar.desc),
        total=known(bar.total),
        unit=_unit(bar),
        keep=True if bar.leave is None else bool(bar.leave),
        color=color if color in COLORS else None,
    )
    if bar.n:
        task.update(completed=bar.n)
    if bar.postfix:
        set_fields(task, named_parts(bar.postfix))
    return task


def named_parts(postfix: Any) -> dict[str, str]:
    """Return the parts of a postfix: `{"loss": "0.1"}` of `loss=0.1`; a part without a name is named `postfix`."""
    parts = [part.partition("=") for part in str(postfix or "").split(", ") if part]
    return {name if equals else "postfix": text if equals else name for name, equals, text in parts}


def _unit(bar: Any) -> str:
    unit = str(bar.unit).strip() or "it"
    if unit in ("B", "iB", "bytes"):
        return "iB" if bar.unit_divisor == 1024 and unit != "bytes" else "B"
    return unit


def known(total: Any) -> Any:
    """Return `total`; None where it says nothing: 0, which means that it is set later, negative or infinite."""
    return total if total is not None and 0 < total < float("inf") else None


def bare(desc: str | None) -> str:
    """Return a description without the colon that tqdm puts behind it."""
    return (desc or "").strip().removesuffix(":")


def iterate(bar: Any, iterable: Iterable[Any]) -> Iterator[Any]:
    """Return an iterator over `iterable` that counts in the task of `bar`, and ends it."""
    bar._looping = True
    loop: Iterator[Any] = iter(bar._task.track(iterable, total=known(bar.total)))
    return loop


def leave_with(task: Task, error: BaseException) -> None:
    """End `task` as a block that was left by `error` does."""
    if isinstance(error, (KeyboardInterrupt, GeneratorExit, SystemExit)):
        task.cancel()
    else:
        task.fail(error)


def close(bar: Any) -> None:
    """End the task of `bar`, and give the bar its last figures: finished where it is complete or has no total, else stopped early."""
    task = bar.__dict__["_task"]
    if task.total is None or task.completed >= task.total:
        task.finish()
    else:
        task.cancel(STOPPED_EARLY)
    bar.__dict__["n"] = task.completed
    bar.__dict__["_task"] = None
    bar.__dict__.pop("update", None)


def refresh(bar: Any) -> None:
    """Have the display look soon."""
    bar._task.tracker.ticker.wake()


def restart(bar: Any) -> None:
    """Begin the task of `bar` anew."""
    bar._task.restart()


def set_fields(task: Task, texts: dict[str, str]) -> None:
    """Show `texts` as the columns of `task`, and no others."""
    fields: dict[str, Any] = {name: None for name in task.fields if name not in texts}
    task.update(fields={**fields, **texts})


def set_unit(task: Task, unit: str) -> None:
    """Give `task` another unit."""
    task.update(unit=unit)


def prints(stream: Any, text: str) -> bool:
    """Print `text` above the rows where they stand on the terminal that `stream` is, None for standard output.

    Returns:
        Whether it was printed.
    """
    stream = sys.stdout if stream is None else stream
    if not _opened or not _is_terminal(stream):
        return False
    _opened[-1].print(text, end="")
    return True


@contextmanager
def cleared(stream: Any) -> Iterator[None]:
    """Have no rows of tasks on the terminal that `stream` is, None for standard output."""
    stream = sys.stdout if stream is None else stream
    if _opened and _is_terminal(stream):
        with _opened[-1].hidden():
            yield
    else:
        yield
