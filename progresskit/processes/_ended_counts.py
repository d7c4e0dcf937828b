"""Counts of ended tasks: how many ended in which state, and the amount done in each unit.

Pure. The counts stand for tasks without a view: a worker's tasks that ended before a frame could show them, and the tasks that
a totals line sums up. Does not know where tasks come from or how the counts are drawn.
"""

from __future__ import annotations

import json

from .._model.numbers import LARGEST
from .._text.cells import clean
from .._text.formatting import DEFAULT_UNIT, format_count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Self

    from .._model.frames import TaskView
    from .._tracking.task import Task

    Count = int | float

SHORT_TASK_SECONDS = 0.3
"""Seconds below which a task may end without a line of its own; it is then only counted."""
UNITS = 6
"""Units whose amounts are summed: the first ones seen. Tasks with further units are counted without their amounts."""
MOST_ENDED = 1 << 53
"""The number of tasks that a message may count stays below this."""
STATES = ("finished", "failed", "cancelled")


class EndedCounts:
    """Counts of ended tasks.

    Args:
        finished: Number of tasks that finished.
        failed: Number of tasks that failed.
        cancelled: Number of tasks that were cancelled.
        amounts: The amount that all of them did, by unit; None for none.
        passing: How many of the tasks were to leave no line (`keep=False`).

    Example:
        >>> ended_counts = EndedCounts()
        >>> ended_counts.add("finished", "row", 120)
        >>> ended_counts.add("failed", "row", 3)
        >>> ended_counts.tasks, ended_counts.text()
        (2, '123 rows')
    """

    __slots__ = ("amounts", "cancelled", "failed", "finished", "passing")

    def __init__(
        self,
        finished: int = 0,
        failed: int = 0,
        cancelled: int = 0,
        amounts: dict[str, Count] | None = None,
        passing: int = 0,
    ) -> None:
        self.finished: int = finished
        self.failed: int = failed
        self.cancelled: int = cancelled
        self.amounts: dict[str, Count] = {} if amounts is None else amounts
        self.passing: int = passing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EndedCounts) and all(
            getattr(self, name) == getattr(other, name) for name in EndedCounts.__slots__
        )

    @property
    def tasks(self) -> int:
        """The number of ended tasks."""
        return self.finished + self.failed + self.cancelled

    def add(self, state: str, unit: str, completed: Count) -> None:
        """Count a task that has ended in `state`."""
        setattr(self, state, getattr(self, state) + 1)
        self.add_amount(unit, completed)

    def add_amount(self, unit: str, completed: Count) -> None:
        """Add `completed` to the amount of `unit`."""
        if completed and (unit in self.amounts or len(self.amounts) < UNITS):
            self.amounts[unit] = self.amounts.get(unit, 0) + completed

    def merge(self, other: EndedCounts) -> None:
        """Add the tasks of `other`."""
        for name in (*STATES, "passing"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for unit, amount in other.amounts.items():
            self.add_amount(unit, amount)

    def copy(self) -> EndedCounts:
        """Return a copy."""
        return EndedCounts(self.finished, self.failed, self.cancelled, dict(self.amounts), self.passing)

    def with_live(self, views: Iterable[TaskView]) -> EndedCounts:
        """Return a copy whose amounts include those of the live tasks `views`."""
        found = self.copy()
        for view in views:
            found.add_amount(view.unit, view.completed)
        return found

    def since(self, earlier: EndedCounts) -> EndedCounts:
        """Return the difference from `earlier`; empty counts if `earlier` counts more tasks."""
        states = [getattr(self, state) - getattr(earlier, state) for state in STATES]
        if min(states) < 0:
            return EndedCounts()
        amounts = {unit: amount - earlier.amounts.get(unit, 0) for unit, amount in self.amounts.items()}
        return EndedCounts(
            states[0],
            states[1],
            states[2],
            {unit: amount for unit, amount in amounts.items() if amount},
            max(self.passing - earlier.passing, 0),
        )

    def text(self) -> str:
        """Return the amounts as text: `45.6 MB, 80,789 rows`; empty if there are none."""
        return ", ".join(amount_text(amount, unit) for unit, amount in sorted(self.amounts.items()))

    def encode(self, **more: Any) -> bytes:
        """Return the counts as JSON, with the items of `more`.

        Example:
            >>> EndedCounts.decode(EndedCounts(finished=3, amounts={"row": 7}).encode())[0].text()
            '7 rows'
        """
        document = {
            **{state: getattr(self, state) for state in STATES},
            "amounts": self.amounts,
            "passing": self.passing,
            **more,
        }
        return json.dumps(document).encode()

    @classmethod
    def decode(cls, body: bytes) -> tuple[Self, dict[str, Any]]:
        """Return the counts that `body` holds, checked and cleaned, and the whole document.

        Raises:
            ValueError: `body` holds no such counts.
        """
        try:
            document = json.loads(body)
            states = [document[state] for state in STATES]
            passing = document.get("passing", 0)
            amounts = document["amounts"].items()
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise ValueError("these are no counts of ended tasks.") from None
        numbers = (*states, passing)
        if not all(type(number) is int and 0 <= number < MOST_ENDED for number in numbers) or len(amounts) > UNITS:
            raise ValueError("counts of ended tasks start from 0, and have few units.")
        if not all(type(amount) in (int, float) and -LARGEST < amount < LARGEST for _, amount in amounts):
            raise ValueError("their amounts are numbers between -1e100 and 1e100.")
        cleaned = {clean(unit): amount for unit, amount in amounts}
        return cls(states[0], states[1], states[2], cleaned, passing), document

    @classmethod
    def decode_with_age(cls, body: bytes) -> tuple[Self, float]:
        """Return the counts that `body` holds, and their `age`: the seconds since the first of the tasks began.

        Raises:
            ValueError: `body` holds no such counts, or no valid age.
        """
        ended_counts, document = cls.decode(body)
        age = document.get("age", 0.0)
        if type(age) not in (int, float) or not 0 <= age < 1e12:
            raise ValueError("an age is a number of seconds.")
        return ended_counts, age


class UnseenTasks(EndedCounts):
    """Counts of tasks that ended before anything could show them, and when the first of them began.

    Attributes:
        began: When it began, in seconds on the clock of `note`; None if no task has been noted.
    """

    __slots__ = ("began",)

    def __init__(self) -> None:
        super().__init__()
        self.began: float | None = None

    def note(self, task: Task, now: float) -> None:
        """Count `task`, which has ended at the instant `now`."""
        self.note_end(task.state, task.unit, task.completed, task.elapsed, now)
        self.passing += not task.keep

    def note_end(self, state: str, unit: str, completed: Count, seconds: float, now: float) -> None:
        """Count a task that has ended in `state` at the instant `now`, after `seconds`."""
        began = now - seconds
        if self.began is None or began < self.began:
            self.began = began
        self.add(state, unit, completed)

    def age(self, now: float) -> float:
        """Return the seconds from the start of the first task to the instant `now`; 0.0 if there is none."""
        return 0.0 if self.began is None else max(now - self.began, 0.0)


def amount_text(amount: int | float, unit: str) -> str:
    """Return `amount` with its unit for use in a sentence: the default unit becomes `item`."""
    return format_count(amount, "item" if unit == DEFAULT_UNIT else unit)
