"""Frames: what a tracker looked like at one instant, as values.

A frame is immutable, complete and serialisable: a renderer knows nothing else, and its JSON line is the format of
events files and of the wire protocol. Does not know tasks, trackers, terminals or where a frame goes.

Named tuples and not dataclasses: `import dataclasses` costs more than the whole budget of `import progresskit`,
and a tick builds fifty views in the time that ten frozen dataclasses take.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any, NamedTuple

from .._text.cells import LONGEST, clean, clean_colored
from .._text.colors import COLORS, RESET, is_color
from .numbers import LARGEST
from .states import CANCELLED, LEFT_RUNNING, STATES, STOPPED_EARLY, State

Field = str | int | float | bool | None
DEEPEST = 64
"""The deepest level of a task that is read, because an untrusted line must not make an indentation that fills the
memory."""


class TaskView(NamedTuple):
    """One task at one instant.

    Text in it is clean: printable, without control or escape characters, at most 1,000 characters.

    Attributes:
        id: Unique in the process and never used again.
        parent: The parent's `id`; None for a top-level task.
        depth: Levels below the top, 0 for a top-level task.
        position: The row on the display, from 0. Rows may be missing between two tasks: they are
            blank.
        description: What the task is.
        completed: Units done.
        total: Units in all; None when unknown, or 0.
        unit: `"B"` for bytes shown in decimal units, `"iB"` in binary ones, else a noun such as
            `"row"`.
        state: One of `pending`, `running`, `paused`, `finished`, `failed`, `cancelled`.
        elapsed: Seconds since the start, pauses left out.
        rate: Units a second; None when unknown.
        eta: Seconds left; None when unknown.
        fields: Additional columns of the task.
        color: A name from `progresskit._text.colors.COLORS`, `#rrggbb`, or None.
        keep: Whether its line stays above the bars once it has ended.
        estimated: Whether `completed` is an estimate, to be shown with `~`.
        reason: Why it failed or was cancelled; `stopped early` if a loop was left before its end without an error.
        idle: Seconds for which the task has not moved, if that is unusually long; None while it moves.
        columns: The template of its row; None: that of the display.
        layout: The text of the row in place of the columns, with a tab for the bar. None: columns.
        age: Seconds since the start, pauses included; 0.0 in a frame of an older version.

    Example:
        >>> tracker.frame().tasks[0].description
        'orders.csv'
    """

    id: int
    parent: int | None
    depth: int
    position: int
    description: str
    completed: int | float
    total: int | float | None
    unit: str
    state: State
    elapsed: float
    rate: float | None
    eta: float | None
    fields: Mapping[str, Field]
    color: str | None
    keep: bool
    estimated: bool
    reason: str | None
    idle: float | None = None
    columns: str | None = None
    layout: str | None = None
    age: float = 0.0

    @property
    def fraction(self) -> float | None:
        """Share done, 0.0 to 1.0; None when the total is unknown, 0 or exceeded. Below 1.0 until the task has finished.

        Example:
            >>> sample_view(completed=3, total=12).fraction
            0.25
            >>> sample_view(completed=12, total=12).fraction  # running still: it has not said that it is done
            0.999
        """
        return fraction_of(self.completed, self.total, self.state)

    @property
    def waiting(self) -> bool:
        """Whether the task has not begun."""
        return self.state == "pending"

    @property
    def outcome(self) -> str:
        """The word for the state: `stopped early` for a loop that was left before its end without an error, and `left
        running` for a task of another process that is no longer observed.

        Example:
            >>> sample_view(state="cancelled", reason="stopped early").outcome, sample_view(state="cancelled").outcome
            ('stopped early', 'cancelled')
        """
        own = self.reason if self.state == CANCELLED and self.reason in _WORDS else None
        return own or self.state

    @property
    def cause(self) -> str | None:
        """Why the task failed, in addition to the word for its outcome; None if there is nothing to add."""
        return None if self.outcome in _WORDS else self.reason


def fraction_of(completed: int | float, total: int | float | None, state: State) -> float | None:
    """Return the share that is done, as `TaskView.fraction` has it."""
    if total is None or total <= 0 or completed > total:
        return None
    share = completed / total
    if share > 0.999:
        return share if state == "finished" else 0.999
    return share if share > 0.0 else 0.0


_WORDS = frozenset((STOPPED_EARLY, LEFT_RUNNING))


make_view: Callable[[tuple[Any, ...]], TaskView] = partial(tuple.__new__, TaskView)  # type: ignore[assignment]
"""Return a view of all its fields, in order. This runs in C; the class's constructor is a Python function, which adds
to the cost of a row."""

what_moves: Callable[[TaskView], tuple[Any, ...]] = itemgetter(
    *map(TaskView._fields.index, ("id", "completed", "total", "state", "description", "fields"))
)
"""Return the part of a view whose change needs a new frame: not the time, or figures that follow from it."""


class Frame(NamedTuple):
    """All live tasks of a display at one instant, and those that have just ended.

    Attributes:
        time: Seconds on the tracker's clock; only differences mean something.
        tasks: The live tasks that fit, in display order, with strictly increasing positions.
        ended: Tasks of earlier frames that ended since the last frame; each appears here once.
        more: Live tasks that did not fit.
        counts: Work done here on another process's tasks: that process's task id -> cumulative units. They are
            cumulative, so that a lost frame loses nothing.
        unseen: Tasks that began and ended between two frames and leave no line, for renderers that record each end;
            empty for all others. An events file has them in `ended`.

    Example:
        >>> frame = Frame(12.5, tasks=(sample_view(description="Files"),), more=3)
        >>> [view.description for view in frame.tasks], frame.more
        (['Files'], 3)
    """

    time: float
    tasks: tuple[TaskView, ...] = ()
    ended: tuple[TaskView, ...] = ()
    more: int = 0
    counts: Mapping[int, int | float] = {}
    unseen: tuple[TaskView, ...] = ()


make_frame: Callable[[tuple[Any, ...]], Frame] = partial(tuple.__new__, Frame)  # type: ignore[assignment]
"""Return a frame of all its fields, in order, as `make_view` does."""


def sample_view(**changes: Any) -> TaskView:
    """Return a running task's view with `changes`, for examples and tests.

    Example:
        >>> sample_view(description="orders.csv", completed=5, total=10, unit="row").fraction
        0.5
    """
    view = TaskView(1, None, 0, 0, "task", 0, None, "it", "running", 0.0, None, None, {}, None, True, False, None)
    return view._replace(**changes)


_encoded: Callable[[Any], str] = json.JSONEncoder(separators=(",", ":"), default=dict, allow_nan=False).encode
_quoted = lru_cache(maxsize=1024)(json.encoder.encode_basestring_ascii)
_NUMBERS = frozenset((int, float))


def encode(frame: Frame) -> str:
    """Return `frame` as one line of JSON, without the newline.

    Example:
        >>> encode(Frame(1.5))
        '{"time":1.5,"tasks":[],"ended":[],"more":0}'
    """
    time, tasks, ended, more, counts, _ = frame
    try:
        seconds = repr(time) if time.__class__ is float and -LARGEST < time < LARGEST else _encoded(time)
        line = (
            f'{{"time":{seconds},"tasks":[{",".join(map(_text_of, tasks))}],'
            f'"ended":[{",".join(map(_text_of, ended))}],"more":{more:d}'
        )
        return f'{line},"counts":{_encoded(counts)}}}' if counts else line + "}"
    except ValueError:  # a user's view may hold any numbers; a task's has plain ones
        document = {
            "time": time,
            "tasks": list(map(_document, tasks)),
            "ended": list(map(_document, ended)),
            "more": more,
        }
        if counts:
            document["counts"] = counts
        return json.dumps(_finite(document), ensure_ascii=True, separators=(",", ":"))


def _text_of(view: TaskView) -> str:
    """Return `view` as JSON. Written by hand, because a client of a hub does little else, and `json` takes four times
    as long.

    Raises:
        ValueError: a number is not finite.
    """
    (
        number, parent, depth, position, description, completed, total, unit, state, elapsed, rate, eta, fields, color, keep,
        estimated, reason, idle, columns, layout, age,
    ) = view  # fmt: skip
    if not (
        completed.__class__ in _NUMBERS
        and (total is None or total.__class__ in _NUMBERS)
        and elapsed.__class__ is float
        and (rate is None or rate.__class__ is float)
        and (eta is None or eta.__class__ is float)
        and age.__class__ is float
        and -LARGEST < completed + (total or 0) + elapsed + (rate or 0.0) + (eta or 0.0) + age < LARGEST
    ):
        return _encoded(_document(view))
    rare = "" if idle is None else f'"idle":{_encoded(idle)},'
    if columns is not None:
        rare += f'"columns":{_quoted(columns)},'
    if layout is not None:
        rare += f'"layout":{_quoted(layout)},'
    return (
        f'{{"id":{number},"parent":{"null" if parent is None else parent},"depth":{depth},"position":{position},'
        f'"description":{_quoted(description)},"completed":{completed!r},"total":{"null" if total is None else repr(total)},'
        f'"unit":{_quoted(unit)},"state":{_quoted(state)},"elapsed":{elapsed!r},"rate":{"null" if rate is None else repr(rate)},'
        f'"eta":{"null" if eta is None else repr(eta)},"fields":{_encoded(fields) if fields else "{}"},'
        f'"color":{"null" if color is None else _quoted(color)},"keep":{"true" if keep else "false"},'
        f'"estimated":{"true" if estimated else "false"},"reason":{"null" if reason is None else _quoted(reason)},'
        f'{rare}"age":{age!r}}}'
    )


def _document(view: TaskView) -> dict[str, Any]:
    document = view._asdict()
    for name in ("idle", "columns", "layout"):
        if document[name] is None:  # nearly all tasks
            del document[name]
    return document


def clean_layout(layout: str) -> str:
    """Return `layout` with clean text around its first tab, the bar. Colours are kept, and reset at the end."""
    head, bar, tail = layout.partition("\t")
    if "\x1b" not in layout or len(layout) > LONGEST:
        return clean(head) + bar + clean(tail)
    whole = clean_colored(head) + bar + clean_colored(tail)
    return whole + RESET if "\x1b" in whole and not whole.endswith(RESET) else whole


def _finite(value: Any) -> Any:
    """Return `value` with null for each number that JSON lacks."""
    if isinstance(value, Mapping):
        return {str(name): _finite(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    return value if -LARGEST < value < LARGEST else None


def decode(line: str | bytes) -> Frame:
    """Return the frame that `line` holds, checked field by field and cleaned, because a line is not trusted.

    Raises:
        ValueError: `line` is not a frame; the sentence says which field is wrong.

    Example:
        >>> decode(encode(Frame(1.5, more=3))).more
        3
    """
    try:
        document = json.loads(line, parse_constant=str)  # a field may be NaN, which JSON lacks
    except (ValueError, RecursionError) as error:
        raise ValueError(f"this line is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ValueError(f"a frame is a JSON object, not {type(document).__name__}.")
    tasks = document.get("tasks", [])
    ended = document.get("ended", [])
    if not isinstance(tasks, list) or not isinstance(ended, list):
        raise ValueError("'tasks' and 'ended' of a frame are lists.")
    return Frame(
        _number(document, "time"),
        tuple(view_of(entry) for entry in tasks),
        tuple(view_of(entry) for entry in ended),
        _whole(document, "more"),
        _counts(document["counts"]) if "counts" in document else {},
    )


def _counts(counts: object) -> dict[int, int | float]:
    if not isinstance(counts, dict) or not all(name.isascii() and name.isdigit() and len(name) < 20 for name in counts):
        raise ValueError("'counts' of a frame is an object of numbers, by task number.")
    return {int(name): _number(counts, name) for name in counts}


def view_of(entry: object) -> TaskView:
    """Return the view that a frame's JSON has as `entry`.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(entry, dict):
        raise ValueError(f"a task of a frame is a JSON object, not {type(entry).__name__}.")
    state = entry.get("state")
    if state not in STATES:
        raise ValueError(f"'state' is {state!r}: it is one of {', '.join(STATES)}.")
    fields = entry.get("fields", {})
    if not isinstance(fields, dict) or not all(map(_is_field, fields.values())):
        raise ValueError("'fields' of a task is an object of strings, finite numbers, booleans and nulls.")
    color = entry.get("color")
    if color is not None and not is_color(color):
        raise ValueError(f"'color' is {color!r}: it is null, #rrggbb or one of {', '.join(COLORS)}.")
    return TaskView(
        id=_whole(entry, "id"),
        parent=None if entry.get("parent") is None else _whole(entry, "parent"),
        depth=min(_whole(entry, "depth"), DEEPEST),
        position=_whole(entry, "position"),
        description=_text(entry, "description"),
        completed=_number(entry, "completed"),
        total=_optional(entry, "total"),
        unit=_text(entry, "unit"),
        state=state,
        elapsed=_number(entry, "elapsed"),
        rate=_optional(entry, "rate"),
        eta=_optional(entry, "eta"),
        fields={clean(key): clean(value) if isinstance(value, str) else value for key, value in fields.items()},
        color=color,
        keep=entry.get("keep") is True,
        estimated=entry.get("estimated") is True,
        reason=None if entry.get("reason") is None else _text(entry, "reason"),
        idle=_optional(entry, "idle"),
        columns=None if entry.get("columns") is None else _text(entry, "columns"),
        layout=clean_layout(entry["layout"]) if isinstance(entry.get("layout"), str) else None,
        age=_number(entry, "age") if "age" in entry else 0.0,
    )


def _is_field(value: object) -> bool:
    return isinstance(value, Field) and (not isinstance(value, (int, float)) or -LARGEST < value < LARGEST)


def _number(entry: Mapping[str, Any], name: str) -> int | float:
    value = entry.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -LARGEST < value < LARGEST:
        raise ValueError(f"{name!r} is {str(value)[:80]}: it is a number between -1e100 and 1e100.")
    return value


def _optional(entry: Mapping[str, Any], name: str) -> int | float | None:
    return None if entry.get(name) is None else _number(entry, name)


def _whole(entry: Mapping[str, Any], name: str) -> int:
    value = entry.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise ValueError(f"{name!r} is {str(value)[:80]}: it is a whole number from 0, below 2**63.")
    return value


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name!r} is {value!r:.80}: it is a string.")
    return clean(value)
