"""rich: have `rich.progress.track` and `rich.progress.Progress` draw on this display.

The methods of rich's class are replaced in place, so that subclasses and modules that have imported it already follow; the tasks stay
rich's own, and each has one of this display beside it while its progress is started. Left alone, and so drawn by rich: a progress
that is part of a `rich.live.Live` or is printed, one whose class draws a picture of its own, and one on another stream. Columns of
rich's are not taken over: the row is the display's.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import wraps
from time import monotonic
from typing import TYPE_CHECKING, Any

import rich.progress  # type: ignore[import-not-found,unused-ignore]
from rich.text import Text  # type: ignore[import-not-found,unused-ignore]

from .._tracking.joining import current_tracker
from .._tracking.loop_counters import size_of
from ._ending import end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .._tracking.task import Task

_originals: dict[str, Any] = {}
_track: Any = None
PICTURES = ("get_renderable", "get_renderables", "make_tasks_table", "__rich__")
"""Methods that a subclass overrides to draw a picture of its own."""
BYTES = {"DownloadColumn", "TransferSpeedColumn", "FileSizeColumn", "TotalFileSizeColumn"}
"""Columns whose tasks count bytes."""
_ROWS = "_progresskit_rows"
"""The attribute of a progress that is started here: number of rich's task -> the task of this display."""


def plain(text: Any) -> str:
    """Return `text` without rich's markup."""
    try:
        return Text.from_markup(str(text)).plain
    except Exception:  # a tag that was never opened
        return str(text)


def _texts(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a row for those of rich's task: numbers stay numbers, and those of a mapping stand for themselves."""
    texts: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, Mapping):
            texts |= _texts({str(key): each for key, each in value.items()})
        else:
            texts[name] = value if isinstance(value, (int, float)) else plain(value)
    return texts


def _is_shown_here(progress: Any) -> bool:
    """Return whether `progress`, which is started, is drawn by this display."""
    cls, root = type(progress), rich.progress.Progress
    own_picture = any(getattr(cls, name) is not getattr(root, name) for name in PICTURES)
    return not (own_picture or progress.disable) and _is_on_display(progress.console)


def _is_on_display(console: Any) -> bool:
    return not console.quiet and console.file in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)


def _mirror(progress: Any, number: int) -> Task | None:
    """Copy the state of rich's task `number` to the task of this display, and return that; None if there is no such task."""
    rows = progress.__dict__.get(_ROWS)
    if rows is None:
        return None
    theirs = progress._tasks.get(number)
    task: Task | None = rows.get(number)
    if theirs is None or not theirs.visible:
        if task is not None:
            task.update(keep=False)
            end(rows.pop(number))
        return None
    fields = _texts(theirs.fields)
    description = plain(theirs.description)
    if task is None:
        units = {type(column).__name__ for column in progress.columns}
        rows[number] = task = current_tracker().add_task(
            description,
            total=theirs.total or None,
            completed=theirs.completed,
            start=theirs.started,
            keep=not progress.live.transient,
            unit="B" if units & BYTES else "it",
        )
    else:
        if task.description != description:
            task.update(description=description)
        task.report(theirs.completed, theirs.total)
    if fields or task.fields:
        task.update(fields=fields)
    return task


def _methods(progress_class: Any) -> dict[str, Any]:
    """Return the methods that rich's class gets, by name."""
    names = (
        "start",
        "stop",
        "__exit__",
        "add_task",
        "update",
        "advance",
        "reset",
        "start_task",
        "stop_task",
        "remove_task",
        "track",
        "open",
        "wrap_file",
    )
    own = {name: getattr(progress_class, name) for name in names}
    return {
        **_display_methods(own), **_task_methods(own), "track": _loop_method(own["track"]), "open": _file_method(own["open"]),
        "wrap_file": _file_method(own["wrap_file"]),
    }  # fmt: skip


def _display_methods(own: dict[str, Any]) -> dict[str, Any]:
    """Return the methods that begin and end a display."""

    @wraps(own["start"])
    def start(progress: Any) -> None:
        if not _is_shown_here(progress):
            own["start"](progress)
        elif _ROWS not in progress.__dict__:
            progress.__dict__[_ROWS] = {}
            for number in progress.task_ids:
                _mirror(progress, number)

    def finish(progress: Any, error: BaseException | None) -> bool:
        rows = progress.__dict__.pop(_ROWS, None)
        for task in (rows or {}).values():
            end(task, error)
        return rows is not None

    @wraps(own["stop"])
    def stop(progress: Any) -> None:
        if not finish(progress, None):
            own["stop"](progress)

    @wraps(own["__exit__"])
    def leave(progress: Any, kind: Any, error: Any, traceback: Any) -> None:
        if not finish(progress, error):
            own["__exit__"](progress, kind, error, traceback)

    return {"start": start, "stop": stop, "__exit__": leave}


def _task_methods(own: dict[str, Any]) -> dict[str, Any]:
    """Return the methods that change a task, which also change the task of its row."""

    @wraps(own["add_task"])
    def add_task(progress: Any, *args: Any, **options: Any) -> Any:
        number = own["add_task"](progress, *args, **options)
        _mirror(progress, number)
        return number

    @wraps(own["advance"])
    def advance(progress: Any, task_id: Any, advance: float = 1) -> None:
        own["advance"](progress, task_id, advance)
        task = progress.__dict__.get(_ROWS, {}).get(task_id)
        if task is not None:
            task.advance(advance)

    def mirrored(name: str, then: Callable[[Task], object] = lambda task: None) -> Any:
        @wraps(own[name])
        def method(progress: Any, task_id: Any, *args: Any, **options: Any) -> Any:
            result = own[name](progress, task_id, *args, **options)
            task = progress.__dict__.get(_ROWS, {}).get(task_id)
            if task is not None:
                then(task)
            _mirror(progress, task_id)
            return result

        return method

    return {
        "add_task": add_task, "advance": advance,
        "update": mirrored("update"), "remove_task": mirrored("remove_task"), "reset": mirrored("reset", lambda task: task.restart()),
        "start_task": mirrored("start_task", lambda task: task.start()),
        "stop_task": mirrored("stop_task", lambda task: task.pause()),
    }  # fmt: skip


def _loop_method(own: Any) -> Any:
    """Return the method that loops over a sequence, in place of rich's `own`."""

    @wraps(own)
    def loop(
        progress: Any, sequence: Any, total: Any = None, completed: int = 0, task_id: Any = None, description: str = "Working...",
        update_period: float = 0.1,
    ) -> Iterator[Any]:  # fmt: skip
        if _ROWS not in progress.__dict__:
            yield from own(progress, sequence, total, completed, task_id, description, update_period)
            return
        total = size_of(sequence) if total is None else total
        if task_id is None:
            task_id = progress.add_task(description, total=total, completed=completed)
        else:
            progress.update(task_id, total=total, completed=completed)
        done, due = 0, monotonic() + update_period  # rich's own thread counts only while rich draws
        try:
            for item in sequence:
                yield item
                done += 1
                if monotonic() >= due:
                    progress.advance(task_id, done)
                    done, due = 0, monotonic() + update_period
        finally:
            if done:
                progress.advance(task_id, done)

    return loop


def _file_method(own: Any) -> Any:
    """Return the method that wraps a file, in place of rich's `own`: its task counts bytes."""

    @wraps(own)
    def method(progress: Any, *args: Any, **options: Any) -> Any:
        file = own(progress, *args, **options)
        row = progress.__dict__.get(_ROWS, {}).get(getattr(file, "buffer", file).task)
        if row is not None:
            row.update(unit="B")
        return file

    return method


def track(
    sequence: Iterable[Any],
    description: str = "Working...",
    total: float | None = None,
    completed: int = 0,
    **options: Any,
) -> Iterator[Any]:
    """Yield from `sequence` with a row: rich's `track` on this display."""
    console = options.get("console")
    if options.get("disable"):
        yield from sequence
    elif completed or not (console is None or _is_on_display(console)):
        yield from _track(sequence, description, total, completed, **options)
    else:
        keep = not options.get("transient", False)
        yield from current_tracker().track(sequence, plain(description), total=total, keep=keep)


def patch() -> None:
    """Draw rich's progress on this display. A second call does nothing; `unpatch` undoes it.

    A progress that has been started before stays on rich's display. Modules that have imported `track` before keep rich's loop,
    whose rows this display draws.
    """
    global _track
    if _originals:
        return
    progress = rich.progress.Progress
    for name, replacement in _methods(progress).items():
        _originals[name] = getattr(progress, name)
        setattr(progress, name, replacement)
    _track = rich.progress.track
    setattr(rich.progress, "track", track)  # noqa: B010  # not of rich's very type


def unpatch() -> None:
    """Restore rich's own methods."""
    if not _originals:
        return
    for name, original in _originals.items():
        setattr(rich.progress.Progress, name, original)
    _originals.clear()
    rich.progress.track = _track
