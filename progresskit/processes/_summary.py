"""Rows that sum up many tasks: the total of all processes, and a crowd of tasks that are too short to be seen.

Knows the text of such a row. Does not know where tasks come from; callers pass times as arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._model.frames import TaskView
from .._text.cells import encodable
from .._text.colors import SGR
from .._text.formatting import format_seconds
from ._ended_counts import SHORT_TASK_SECONDS, EndedCounts, amount_text

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from .._model.states import State

LINES_IN_A_ROW = 25
"""After this many last lines of tasks in a row, each less than `LINE_PAUSE_SECONDS` after the one before, tasks are only counted."""
LINE_PAUSE_SECONDS = 1.0
"""Seconds without a last line, after which the next one is the first of a row of lines again."""
REST_SECONDS = 1.0
"""Seconds without a task after which a crowd is closed and its line written."""
MARKS = {"finished": ("✓", "+", "green"), "failed": ("✗", "x", "red"), "cancelled": ("■", "-", "yellow")}


def summary_view(
    number: int,
    description: str,
    now: float,
    since: float,
    completed: int | float,
    unit: str,
    total: int | None = None,
    fields: dict[str, str | int | float | bool | None] | None = None,
) -> TaskView:
    """Return the view of a row that sums up tasks which have run since the instant `since`."""
    elapsed = max(now - since, 0.0)
    rate = completed / elapsed if elapsed >= 1.0 and completed > 0 else None
    return TaskView(
        id=number,
        parent=None,
        depth=0,
        position=0,
        description=description,
        completed=completed,
        total=total,
        unit=unit,
        state="running",
        elapsed=elapsed,
        rate=rate,
        eta=None if rate is None or total is None else max(total - completed, 0) / rate,
        fields=fields or {},
        color=None,
        keep=False,
        estimated=False,
        reason=None,
    )


def outcome(ended_counts: EndedCounts) -> State:
    """Return the common state of `ended_counts`: failed if any task failed, finished if all finished, else cancelled."""
    return "failed" if ended_counts.failed else "cancelled" if ended_counts.cancelled else "finished"


def counted(number: int) -> str:
    """Return the words for `number` tasks: `1 task`, `1,200 tasks`."""
    return f"{number:,d} task{'' if number == 1 else 's'}"


class Total:
    """The totals line: sums up the top-level tasks of all processes.

    Args:
        number: The line's task number.
        expected: The number of tasks there will be; None if unknown: the line then has no percentage.
    """

    def __init__(self, number: int, expected: int | None) -> None:
        self.number = number
        self.expected = expected
        self.ended_counts: EndedCounts = EndedCounts()
        self.processes: set[Hashable] = set()
        self.since: float | None = None

    def begin(self, began: float) -> None:
        """Note a task that began at the instant `began`."""
        self.since = began if self.since is None else min(self.since, began)

    def _sums(self, live: Iterable[TaskView]) -> dict[str, str | int | float | bool | None]:
        return {"processes": len(self.processes), "done": self.ended_counts.with_live(live).text()}

    def live_view(self, now: float, live: list[TaskView]) -> TaskView:
        """Return the line at the instant `now`, beside the `live` top-level tasks."""
        total = None if self.expected is None else max(self.expected, self.ended_counts.tasks + len(live))
        since = now if self.since is None else self.since
        return summary_view(
            self.number, "Total", now, since, self.ended_counts.finished, "task", total=total, fields=self._sums(live)
        )

    def last_view(self, now: float, live: list[TaskView]) -> TaskView:
        """Return the final line: failed if a task failed, finished if all finished, else cancelled."""
        tasks = self.ended_counts.tasks + len(live)
        view = self.live_view(now, live)._replace(keep=True, total=max(tasks, self.expected or 0), eta=None)
        if self.ended_counts.failed:
            return view._replace(state="failed", reason=f"{self.ended_counts.failed:,d} of {counted(tasks)} failed")
        return view._replace(state="finished" if view.completed == view.total else "cancelled")


class Crowd:
    """Tasks of other processes, until none has run for a while, and one row for those without a line of their own.

    A crowd opens when a task ends without a line: a row then shows how many tasks there are and how many are done, and a final
    line repeats it. Short tasks of an open crowd get no lines of their own; failed tasks always get one.

    Args:
        number: The row's task number.

    Attributes:
        is_open: Whether there is a row.
        leaves_line: Whether that leaves a line: a task that it stands for was to leave one.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.ended_counts: EndedCounts = EndedCounts()
        self.is_open: bool = False
        self.leaves_line: bool = False
        self.since: float | None = None
        self.latest: float = 0.0  # when a task was last seen or ended
        self._lines_in_a_row = 0
        self._line_at = float("-inf")

    def begin(self, began: float, now: float) -> None:
        """Note a task that began at the instant `began` and was seen at `now`."""
        self.since = began if self.since is None else min(self.since, began)
        self.latest = now

    def end(self, view: TaskView, now: float) -> TaskView:
        """Count the ended top-level task `view`, and return it, without its line if the crowd's row replaces that."""
        self.begin(now - max(view.elapsed, 0.0), now)
        self.ended_counts.add(view.state, view.unit, view.completed)
        if not view.keep:
            return view
        self._lines_in_a_row = self._lines_in_a_row + 1 if now - self._line_at < LINE_PAUSE_SECONDS else 1
        self._line_at = now
        if view.reason is not None:  # failed, lost, left running: each keeps its line
            return view
        if self._lines_in_a_row > LINES_IN_A_ROW or (self.is_open and view.elapsed < SHORT_TASK_SECONDS):
            self.is_open = self.leaves_line = True
            return view._replace(keep=False)
        return view

    def add_unseen(self, ended_counts: EndedCounts, began: float, now: float) -> None:
        """Count tasks that no frame has shown; the first of them began at the instant `began`."""
        self.begin(began, now)
        self.ended_counts.merge(ended_counts)
        self.is_open = True
        self.leaves_line = self.leaves_line or ended_counts.passing < ended_counts.tasks

    def has_rested(self, now: float) -> bool:
        """Whether its last task ended at least `REST_SECONDS` ago. Call it only while no task is live."""
        return self.since is not None and now - self.latest >= REST_SECONDS

    def live_view(self, now: float, live: list[TaskView]) -> TaskView:
        """Return the row at the instant `now`, beside the `live` top-level tasks."""
        ended_counts = self.ended_counts.with_live(live)
        ended = ended_counts.tasks
        words = f"{counted(ended + len(live))}, {ended:,d} done"
        amounts = list(ended_counts.amounts.items())
        unit, amount = amounts[0] if amounts else ("task", ended)
        rest = ", ".join(amount_text(other, name) for name, other in amounts[1:])
        since = now if self.since is None else self.since
        return summary_view(self.number, words, now, since, amount, unit, fields={"also": rest} if rest else None)

    def last_line(self, encoding: str) -> str:
        """Return the final line, for a terminal of `encoding`: `✓ 60 tasks, 300 items in 6.1 s`."""
        ended_counts = self.ended_counts
        good, plain, color = MARKS[outcome(ended_counts)]
        mark = good if encodable(good, encoding) == good else plain
        parts = [f"\x1b[{SGR[color]}m{mark} {counted(ended_counts.tasks)}\x1b[0m"]
        for state in ("failed", "cancelled"):
            number = getattr(ended_counts, state)
            if number:
                parts.append(f"{number:,d} {state}")
        parts.append(ended_counts.text())
        seconds = format_seconds(self.latest - (self.latest if self.since is None else self.since))
        return f"{', '.join(part for part in parts if part)} in {seconds}"
