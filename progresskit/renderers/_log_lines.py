"""The lines of a log about a task: one line each, ASCII punctuation, no marks, no padding, no colour.

Pure; a task's name has the names of its parents before it. For screen readers, words replace signs.
"""

from __future__ import annotations

from .._text.formatting import (
    DEFAULT_UNIT,
    amount,
    format_count,
    format_duration,
    format_percent,
    format_rate,
    format_seconds,
)
from ._kept import outcome_words
from ._templates import field_texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._model.frames import TaskView


def names(views: Iterable[TaskView]) -> dict[int, str]:
    """Return the name of each task, preceded by the names of its parents that are among `views`.

    Example:
        >>> names([sample_view(id=1, description="Files"), sample_view(id=2, parent=1, description="a.csv")])
        {1: 'Files', 2: 'Files / a.csv'}
    """
    by_id = {view.id: view for view in views}
    found: dict[int, str] = {}
    for view in by_id.values():
        chain = []
        above: TaskView | None = view
        while above is not None and above.id not in found and above not in chain:
            chain.append(above)
            above = None if above.parent is None else by_id.get(above.parent)
        for each in reversed(chain):
            own = each.description or f"task {each.id}"
            before = None if each.parent is None else found.get(each.parent)
            found[each.id] = own if before is None else f"{before} / {own}"
    return found


def opening(name: str, view: TaskView) -> str:
    """Return the line of a task that starts.

    Example:
        >>> opening("Checking rows", sample_view(total=10_000, unit="row"))
        'Checking rows: started, 10,000 rows'
    """
    total = "" if view.total is None else f", {format_count(view.total, view.unit, whole=True)}"
    return f"{name}: started{total}{_fields(view)}"


def midway(name: str, view: TaskView, *, in_words: bool = False) -> str:
    """Return the line of a task that runs, waits or is paused.

    Example:
        >>> view = sample_view(completed=4512, total=10_000, unit="row", rate=812.4, elapsed=5.5, eta=6.7)
        >>> midway("Checking rows", view)
        'Checking rows: 45%, 4,512 of 10,000 rows, 812 rows/s, 0:05, eta 0:06'
        >>> midway("Checking rows", view, in_words=True)
        'Checking rows: 45 percent, 4,512 of 10,000 rows, about 6 seconds left'
    """
    parts = []
    if view.fraction is not None:
        share = format_percent(view.fraction, estimated=view.estimated).strip()
        parts.append(share.replace("~", "about ").replace("%", " percent") if in_words else share)
    if not _is_text(view):
        parts.append(_amount(view, in_words))
    if view.state != "running":
        parts.append(view.state)
    if in_words:
        if view.state == "running" and view.eta is not None:
            parts.append(f"about {spoken(view.eta)} left")
        elif view.idle is not None:
            parts.append(f"no movement for {spoken(view.idle)}")
        return f"{name}: {', '.join(parts) or view.state}{_fields(view)}"
    if view.state == "running" and (rate := format_rate(view.rate, view.unit)):
        parts.append(rate)
    parts.append(format_duration(view.elapsed))
    if view.state == "running" and view.eta is not None:
        parts.append(f"eta {format_duration(view.eta)}")
    elif view.idle is not None:
        parts.append(f"idle {format_duration(view.idle)}")
    return f"{name}: {', '.join(parts)}{_fields(view)}"


def closing(name: str, view: TaskView, *, in_words: bool = False) -> str:
    """Return the line of a task that has ended.

    Example:
        >>> view = sample_view(state="failed", reason="no space", completed=120, total=500, unit="row", elapsed=1.3)
        >>> closing("broken.csv", view)
        'broken.csv: failed at 24%, 120 of 500 rows in 1.3 s: no space'
        >>> closing("rows", sample_view(state="finished", completed=9, total=9, unit="row", elapsed=3.0, rate=3.0))
        'rows: finished, 9 rows in 3.0 s, 3.0 rows/s'
    """
    finished = view.state == "finished"
    words = view.outcome if finished else outcome_words(view, rest=False)
    if in_words:
        words = words.replace("~", "about ").replace("%", " percent")
    if not _is_text(view):
        whole = finished and view.completed == view.total
        done = format_count(view.completed, view.unit, whole=True) if whole else _amount(view, in_words)
        words += f", {done}"
    words += f" in {spoken(view.elapsed) if in_words else format_seconds(view.elapsed)}"
    if finished and not in_words and view.elapsed >= 0.1 and (rate := format_rate(view.rate, view.unit)):
        words += f", {rate}"
    words += _fields(view)
    return f"{name}: {words}: {view.cause}" if view.cause else f"{name}: {words}"


def spoken(seconds: float) -> str:
    """Return a duration in words, in its two largest units at most.

    Example:
        >>> spoken(6.7), spoken(61), spoken(7260), spoken(0.2)
        ('6 seconds', '1 minute 1 second', '2 hours 1 minute', '0 seconds')
    """
    rest = max(int(seconds), 0)
    parts = []
    for word, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        number, rest = divmod(rest, size)
        if number:
            parts.append(format_count(number, word))
    return " ".join(parts[:2]) or "0 seconds"


def _is_text(view: TaskView) -> bool:
    return view.total is None and not view.completed and view.unit in (DEFAULT_UNIT, "")


def _amount(view: TaskView, in_words: bool) -> str:
    number, unit = amount(view.completed, view.total, view.unit, estimated=view.estimated, whole=True)
    number = number.replace("/", " of ").replace("~", "about " if in_words else "~")
    return f"{number} {unit}".rstrip()


def _fields(view: TaskView) -> str:
    return "".join(f", {text}" for text in field_texts(view))
