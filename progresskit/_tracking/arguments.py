"""Check the arguments that users give, and make plain values of them.

Knows which values are allowed, and raises an error with one sentence for any other. Does not know tasks, trackers or
the display.
"""

from __future__ import annotations

from os import fsdecode

from .._model.numbers import LARGEST, kind_of, plain_number, shown
from .._text.colors import COLORS, is_color

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Literal

    from .._model.frames import Field
    from .._text.styles import Style

    Rollup = Literal["count", "sum"]
    Kind = tuple[
        str, str | None, bool | None, Rollup | None, bool, str | None
    ]  # unit, color, keep, rollup, estimated, columns


class _Unchanged:
    """The default of an argument for which None has a meaning of its own."""

    def __repr__(self) -> str:
        return "<unchanged>"


UNCHANGED: Any = _Unchanged()
ARGUMENTS = (
    "description", "total", "unit", "parent", "completed", "keep", "color", "rollup", "position", "start", "counter", "estimated",
    "fields", "delay",
)  # fmt: skip
"""The arguments of `add_task` and `update`."""
ELSEWHERE = {"colour": "color", "desc": "description", "initial": "completed", "leave": "keep", "visible": "keep"}
"""Names of these arguments in other libraries, and their names here."""
CALLS = {"advance": "advance(n)", "refresh": "refresh() of the tracker"}
"""Names that are arguments in other libraries, and the methods that do this here."""
PEERS = {
    **ELSEWHERE,
    "ascii": "style",
    "bar_format": "columns",
    "console": "stream",
    "file": "stream",
    "mininterval": "interval",
    "postfix": "fields",
    "refresh_per_second": "interval",
    "theme": "style",
    "title": "description",
    "transient": "keep",
}
"""The names in other libraries for functions that take no fields. (With fields, each could be the name of a field.)"""
OF_THE_DISPLAY = ("renderer", "stream", "terminal", "interval", "budget", "capture", "style", "estimator", "web")
"""The arguments of `ProgressTracker` that are not those of a task."""
OF_TASKS, OF_DISPLAYS = "track() and add_task()", "ProgressTracker() and configure()"
MOST_FIELD_NAMES = 1_000
_FIELD_NAMES: set[str] = set()
"""Names of fields that were checked and resemble no argument."""
_KINDS: dict[Kind, Kind] = {}


def amount(name: str, value: Any) -> int | float:
    """Return `value` as a plain number if it is a number of units: finite, from 0, and no boolean.

    Raises:
        TypeError: it is not a number.
        ValueError: it is negative, 1e100 or more, infinite or not a number at all (NaN).
    """
    if (value.__class__ is int or value.__class__ is float) and 0 <= value < LARGEST:
        return value  # type: ignore[no-any-return]  # mypy does not follow the check above
    number = None if isinstance(value, bool) else plain_number(value)
    if number is not None and number >= 0:
        return number
    words = f"{name} is {shown(value)}"
    if number is not None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        raise ValueError(f"{words}: give a finite number from 0 and below 1e100, or None if it is unknown.")
    raise TypeError(f"{words}, {kind_of(value)}: give a number of units, or None if it is unknown.")


def text(name: str, value: Any) -> str:
    """Return `value` if it is a string.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} is {shown(value)}, {kind_of(value)}: give a string.")
    return value


def described(value: Any) -> str:
    """Return the text of `value`: a path as it is written, nothing for None.

    Example:
        >>> from pathlib import PurePosixPath
        >>> described("orders.csv"), described(PurePosixPath("data/orders.csv")), described(7), described(None)
        ('orders.csv', 'data/orders.csv', '7', '')
    """
    if value.__class__ is str:
        return value  # type: ignore[no-any-return]  # mypy does not follow the check above
    if value is None:
        return ""
    try:
        words = fsdecode(value) if isinstance(value, bytes) else str(value)
        return words if words.__class__ is str else str.__str__(words)
    except Exception:  # the user's own __str__ may raise anything
        return shown(value)


def given_fields(function: str, words: Mapping[str, Any], fields: Mapping[str, Any] | None) -> dict[str, Field]:
    """Return the fields that a call was given: `fields`, and keyword arguments that resemble no argument of `function`.

    Raises:
        TypeError: a keyword argument is a misspelt argument or one of another method, or `fields` is no mapping of names.
    """
    for name in words:
        if name not in _FIELD_NAMES:
            _check_field_name(function, name)
    if fields is None:
        return plain_fields(words)
    if not hasattr(fields, "items") or not all(isinstance(name, str) for name in fields):
        raise TypeError(f"fields is {shown(fields)}: give a dict of names and values, or None.")
    return plain_fields({**fields, **words})


def _check_field_name(function: str, name: str) -> None:
    """Raise TypeError if `name` is a misspelt argument."""
    from .._text.spelling import nearest

    call = CALLS.get(name)
    meant = call or ELSEWHERE.get(name) or nearest(name, ARGUMENTS)
    if meant is not None:
        hint = (
            f"call {call}." if call else "it is an argument of add_task." if meant == name else f"did you mean {meant}?"
        )
        raise TypeError(
            f"{function}() has no argument {name!r:.80}: {hint} For a field of that name, give fields={{{name!r:.80}: ...}}."
        )
    if len(_FIELD_NAMES) > MOST_FIELD_NAMES:  # a program may generate names without end
        _FIELD_NAMES.clear()
    _FIELD_NAMES.add(name)


def unknown_argument(function: Callable[..., Any], words: Iterable[str]) -> TypeError:
    """Return the error for keyword arguments that `function` does not have. The message names the first of `words`.

    Example:
        >>> print(unknown_argument(described, ["vale"]))
        described() has no argument 'vale': did you mean value?
    """
    from .._text.spelling import nearest

    word = next(iter(words))
    code = function.__code__
    known = [name for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount] if name != "self"]
    peer = PEERS.get(word)
    meant = peer if peer in known else nearest(word, known)
    takes_tasks = "fields" in known
    if meant is None and takes_tasks and peer in OF_THE_DISPLAY:
        hint = f"it is {peer} of {OF_DISPLAYS}."
    elif meant is not None:
        hint = f"did you mean {meant}?"
    elif word in (OF_THE_DISPLAY if takes_tasks else ARGUMENTS):
        hint = f"it is an argument of {OF_DISPLAYS if takes_tasks else OF_TASKS}."
    elif takes_tasks:
        hint = f"give a column of your own in fields={{{word!r:.80}: ...}}."
    else:
        hint = f"it takes {', '.join(known)}."
    name = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]
    return TypeError(f"{name}() has no argument {word!r:.80}: {hint}")


def checked_color(color: Any) -> str | None:
    """Return `color` if it is None, a name of `COLORS` or `#rrggbb`.

    Raises:
        ValueError: it is neither.
    """
    if color is not None and not is_color(color):
        raise ValueError(f"color is {shown(color)}: give None, #rrggbb or one of {', '.join(COLORS)}.")
    return None if color == "accent" else color  # type: ignore[no-any-return]  # a colour is a string


def checked_columns(columns: Any) -> str | None:
    """Return `columns` if it is None or a template of a row.

    Raises:
        TypeError, ValueError: it is neither; the sentence names the columns that there are.
    """
    if columns is None:
        return None
    from ..renderers._templates import checked

    return checked(columns)


def checked_style(style: Any) -> Style | str | None:
    """Return `style` if it is None, the name of a style, or a `Style`.

    Raises:
        TypeError, ValueError: it is none of these.
    """
    if style is None:
        return None
    from .._text.styles import checked

    return checked(style)


def checked_delay(delay: Any) -> float:
    """Return `delay` if it is a number of seconds from 0.

    Raises:
        TypeError: it is not a number.
        ValueError: it is negative or not finite.
    """
    if isinstance(delay, bool) or not isinstance(delay, (int, float)):
        raise TypeError(f"delay is {shown(delay)}, {kind_of(delay)}: give a number of seconds.")
    if not 0 <= delay < LARGEST:
        raise ValueError(f"delay is {shown(delay)}: give a number of seconds from 0.")
    return float(delay)


def checked_rollup(rollup: Any) -> Rollup | None:
    """Return `rollup` if it is None, "count" or "sum".

    Raises:
        ValueError: it is none of these.
    """
    if rollup not in (None, "count", "sum"):
        raise ValueError(f"rollup is {shown(rollup)}: give None, 'count' or 'sum'.")
    return rollup  # type: ignore[no-any-return]  # mypy does not follow the check above


def checked_position(position: Any) -> int:
    """Return `position` if it is the number of a slot, from 0 to 9999.

    Raises:
        ValueError: it is not.
    """
    if isinstance(position, bool) or not isinstance(position, int) or not 0 <= position < 10_000:
        raise ValueError(f"position is {shown(position)}: give a whole number from 0 to 9999, or None.")
    return position


def checked_counter(counter: Any) -> Callable[[], Any] | None:
    """Return `counter` if it is None or a function.

    Raises:
        TypeError: it is neither.
    """
    if counter is not None and not callable(counter):
        raise TypeError(f"counter is {shown(counter)}: give a function that returns the units done, or None.")
    return counter  # type: ignore[no-any-return]  # its arguments show when it is called


def plain_fields(fields: Mapping[str, Any]) -> dict[str, Field]:
    """Return `fields` with values that JSON has. Any other value becomes its `str`, as it is now."""
    return {name: _plain_field(value) for name, value in fields.items()}


def _plain_field(value: Any) -> Field:
    if value is None or value.__class__ is str or value.__class__ is bool:
        return value  # type: ignore[no-any-return]  # mypy does not follow the check above
    if isinstance(value, (int, float)) and (number := plain_number(value)) is not None:
        return number
    try:
        words = str(value)
        return words if words.__class__ is str else str.__str__(words)
    except Exception:  # the user's own __str__ may raise anything; an int of 4,300 digits does
        return shown(value)


def shared_kind(kind: Kind) -> Kind:
    """Return the one tuple that all tasks of this `kind` share."""
    if len(_KINDS) > 1_000:  # a program may generate units without end
        _KINDS.clear()
    return _KINDS.setdefault(kind, kind)
