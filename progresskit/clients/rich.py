"""rich: have `rich.progress.track` and `rich.progress.Progress` draw on this display.

Knows the methods of `rich.progress.Progress` that programs use. Columns of rich's are not taken over: the row is the display's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rich.progress  # type: ignore[import-not-found,unused-ignore]
from rich.text import Text  # type: ignore[import-not-found,unused-ignore]

from .._tracking import tracker as trackers
from .._tracking.tracker import current_tracker
from ._ending import end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .._tracking.task import Task
    from .._tracking.tracker import ProgressTracker

_originals: dict[str, Any] = {}


def plain(text: Any) -> str:
    """Return `text` without rich's markup."""
    try:
        return Text.from_markup(str(text)).plain
    except Exception:  # a tag that was never opened
        return str(text)


class _Row:
    """What `Progress.tasks` holds: the figures of a task under rich's names."""

    def __init__(self, number: int, task: Task, fields: dict[str, Any]) -> None:
        self.id, self._task, self.fields = number, task, fields
        self.visible = True

    description = property(lambda row: row._task.description)
    completed = property(lambda row: row._task.completed)
    total = property(lambda row: row._task.total)
    elapsed = property(lambda row: row._task.elapsed)
    speed = property(lambda row: row._task.rate)
    time_remaining = property(lambda row: row._task.eta)
    started = property(lambda row: not row._task.waiting)

    @property
    def percentage(self) -> float:
        """Units done of a hundred."""
        return 100 * self.completed / self.total if self.total else 0.0

    @property
    def finished(self) -> bool:
        """Whether the count has reached the total."""
        return self.total is not None and self.completed >= self.total

    @property
    def remaining(self) -> float | None:
        """Units left; None where the total is unknown."""
        return None if self.total is None else self.total - self.completed


class Progress:
    """`rich.progress.Progress` on this display. Its columns and looks are taken and not used."""

    def __init__(
        self, *columns: Any, console: Any = None, transient: bool = False, disable: bool = False, **_: Any
    ) -> None:
        self.columns, self.console = columns, console or rich.get_console()
        self.live = self
        self.disable, self._keep = disable, not transient
        self._tracker: ProgressTracker = trackers.ProgressTracker("none") if disable else current_tracker()
        self._rows: dict[int, _Row] = {}

    @staticmethod
    def get_default_columns() -> tuple[Any, ...]:
        """Return rich's columns."""
        return _original("Progress").get_default_columns()  # type: ignore[no-any-return]  # rich's

    def start(self) -> None:
        """Nothing to do: a task shows itself."""

    def refresh(self) -> None:
        """Have the display look soon."""
        self._tracker._core.wake()

    def stop(self) -> None:
        """End what is still there, as it stands."""
        self._end(None)

    def _end(self, error: BaseException | None) -> None:
        for row in self._rows.values():
            end(row._task, error)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        self._end(error)

    def add_task(
        self, description: str, start: bool = True, total: float | None = 100.0, completed: float = 0, visible: bool = True,
        **fields: Any,
    ) -> int:  # fmt: skip
        """Add a task, and return its number."""
        task = self._tracker.add_task(
            plain(description),
            total=total or None,
            completed=completed,
            start=start,
            keep=self._keep,
            unit=self._unit(),
        )
        self._rows[task.id] = _Row(task.id, task, fields)
        self._show(task, fields)
        return task.id

    def _unit(self) -> str:
        names = {type(column).__name__ for column in self.columns}
        return (
            "B" if names & {"DownloadColumn", "TransferSpeedColumn", "FileSizeColumn", "TotalFileSizeColumn"} else "it"
        )

    @staticmethod
    def _show(task: Task, fields: dict[str, Any]) -> None:
        task.update(fields={name: plain(value) for name, value in fields.items()})

    def update(
        self, task_id: int, *, total: float | None = None, completed: float | None = None, advance: float | None = None,
        description: str | None = None, visible: bool | None = None, refresh: bool = False, **fields: Any,
    ) -> None:  # fmt: skip
        """Change a task."""
        row = self._rows[task_id]
        task = row._task
        if total is not None:
            task.update(total=total)
        if description is not None:
            task.update(description=plain(description))
        if completed is not None:
            task.report(completed)
        if advance is not None:
            task.advance(advance)
        if visible is not None:
            row.visible = visible
        row.fields.update(fields)
        self._show(task, fields)
        self._finish(row)

    def advance(self, task_id: int, advance: float = 1) -> None:
        """Count."""
        row = self._rows[task_id]
        row._task.advance(advance)
        self._finish(row)

    def _finish(self, row: _Row) -> None:
        """Nothing to do: rich's rows stand until the display ends."""

    def reset(
        self, task_id: int, *, start: bool = True, total: float | None = None, completed: int = 0,
        visible: bool | None = None, description: str | None = None, **fields: Any,
    ) -> None:  # fmt: skip
        """Begin a task anew."""
        self._rows[task_id]._task.restart()
        self.update(task_id, total=total, completed=completed or None, description=description, **fields)

    def start_task(self, task_id: int) -> None:
        """Begin a task that was added with `start=False`."""
        self._rows[task_id]._task.start()

    def stop_task(self, task_id: int) -> None:
        """Stop the time of a task."""
        self._rows[task_id]._task.pause()

    def remove_task(self, task_id: int) -> None:
        """Take a task away."""
        end(self._rows.pop(task_id)._task)

    @property
    def tasks(self) -> list[_Row]:
        """The tasks, in the order in which they were added."""
        return list(self._rows.values())

    @property
    def task_ids(self) -> list[int]:
        """The numbers of the tasks."""
        return list(self._rows)

    @property
    def finished(self) -> bool:
        """Whether every task has reached its total."""
        return all(row.finished for row in self._rows.values())

    def print(self, *objects: Any, **options: Any) -> None:
        """Print above the rows."""
        self.console.print(*objects, **options)

    log = print

    def track(
        self, sequence: Iterable[Any], total: float | None = None, completed: int = 0, task_id: int | None = None,
        description: str = "Working...", update_period: float = 0.1,
    ) -> Iterator[Any]:  # fmt: skip
        """Yield from `sequence`, counting."""
        if total is None:
            try:
                total = len(sequence)  # type: ignore[arg-type]  # it may have a length or not
            except TypeError:
                total = None
        if task_id is None:
            task_id = self.add_task(description, total=total, completed=completed)
        else:
            self.update(task_id, total=total, completed=completed or None)
        for item in sequence:
            yield item
            self._rows[task_id]._task.advance()

    def wrap_file(
        self, file: Any, total: int | None = None, *, task_id: int | None = None, description: str = "Reading..."
    ) -> Any:
        """Return `file` as one whose bytes count."""
        from .._tracking.files import wrap_file

        if task_id is None:
            task_id = self.add_task(description, total=total)
        return wrap_file(file, self._rows[task_id]._task)

    def open(self, file: Any, mode: str = "r", **options: Any) -> Any:
        """Open a file whose bytes count."""
        import os

        description, task_id = options.pop("description", "Reading..."), options.pop("task_id", None)
        total = options.pop("total", None) or os.stat(file).st_size
        return self.wrap_file(open(file, mode, **options), total, task_id=task_id, description=description)


def track(
    sequence: Iterable[Any],
    description: str = "Working...",
    total: float | None = None,
    completed: int = 0,
    **options: Any,
) -> Iterator[Any]:
    """Yield from `sequence` with a row: rich's `track` on this display."""
    keep = not options.get("transient", False)
    if options.get("disable"):
        yield from sequence
        return
    yield from current_tracker().track(sequence, plain(description), total=total, keep=keep)


def patch() -> None:
    """Replace rich's `track` and `Progress`, so that later imports of them draw on this display.

    Modules that have imported the names already keep rich's. Doing it twice does no harm; `unpatch` undoes it.
    """
    if _originals:
        return
    replacements: dict[str, Callable[..., Any]] = {"track": track, "Progress": Progress}
    for name, replacement in replacements.items():
        _originals[name] = getattr(rich.progress, name)
        setattr(rich.progress, name, replacement)


def unpatch() -> None:
    """Give rich its own names back."""
    for name, original in _originals.items():
        setattr(rich.progress, name, original)
    _originals.clear()


def _original(name: str) -> Any:
    return _originals.get(name) or getattr(rich.progress, name)
