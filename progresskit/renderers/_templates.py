"""Templates of rows: text with columns in braces, such as `{mark} {description}  {bar:30} {percent}  {loss:.3f}`.

Knows the built-in columns, what may follow the colon, and the columns that users have added. Does not know widths or
tasks. Any other name is a field of the task, unless it resembles a column's name or is the name of a column in another
library. `{{` and `}}` stand for braces. A `!` at the end keeps a column until all others have been dropped:
`{rate:short!}`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from .._model.numbers import kind_of
from .._system.warnings import warn_once
from .._text.cells import clean
from .._text.formatting import Scale, format_fields, formatted, unit_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .._model.frames import TaskView

LIVE = "{mark} {description}  {bar} {percent}  {amount}  {rate:short}  {elapsed}  {status}   {fields}"
"""The default template of a live row."""
COLUMNS: dict[str, str] = {
    "mark": "the state's mark, or a spinner",
    "description": "the task's name, indented by its level",
    "bar": "the bar; a number after the colon is its largest width in cells",
    "percent": "the share that is done",
    "amount": "units done and in all, with the unit",
    "rate": "units a second; `short` after the colon leaves out the noun",
    "elapsed": "time since the start",
    "eta": "time left",
    "status": "paused, waiting, idle, or the time left",
    "fields": "the task's fields that have no column of their own",
    "completed": "units done, as a number",
    "total": "units in all, as a number",
    "unit": "the unit",
    "state": "the state's word",
}
"""Name -> what the column shows."""
_NUMBERS = ("completed", "total")
_FIGURES = (*_NUMBERS, "unit", "state")
_FOREIGN = {
    "desc": "description", "l_bar": "description} {percent", "n": "completed", "n_fmt": "amount", "total_fmt": "amount",
    "percentage": "percent", "remaining": "eta", "elapsed_s": "elapsed", "remaining_s": "eta", "rate_fmt": "rate",
    "rate_noinv": "rate", "rate_inv": "rate", "rate_noinv_fmt": "rate", "rate_inv_fmt": "rate", "postfix": "fields",
    "r_bar": "amount} {rate", "ncols": "bar", "task": "description", "text": "description", "title": "description",
    "count": "completed", "speed": "rate", "name": "description", "spinner": "mark", "prefix": "description",
}  # fmt: skip
"""Names of columns in other libraries -> names here."""
_NOTHING = "nothing after a colon"
_TAKES = {
    "bar": "a number of cells from 1 to 999",
    "rate": "`short`, which leaves out the noun",
    **dict.fromkeys(("completed", "total"), "a number's format, such as `,d`"),
    **dict.fromkeys(
        ("description", "elapsed", "eta", "status", "unit", "state"), "a width in cells, such as `20`, `>20`"
    ),
}
"""Column -> what may follow the colon, for the columns that accept something."""
_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_NAME = re.compile(r"[^\W\d]\w*(?:[ -]\w+)*")
_WIDTH = re.compile(r"[<>^]?\d{0,4}")

OWN: dict[str, Callable[[TaskView], object]] = {}
"""Columns that users have added: name -> function that returns the text."""


class Part(NamedTuple):
    """One column of a template, with the text before it.

    Attributes:
        before: The text between the column and the one before it. It is dropped with the column.
        name: A name of `COLUMNS` or `OWN`, or of a field; empty for text at the end.
        spec: What follows the colon.
        kept: Whether it stays until all others have been dropped.
    """

    before: str
    name: str
    spec: str = ""
    kept: bool = False


class Template(NamedTuple):
    """A parsed template.

    Attributes:
        parts: Its columns in order.
        own_fields: The fields that have a column.
        computes: Whether it has columns of fields, or users' own, or of one figure.
        short_rate: Whether its rate is without a noun.
    """

    parts: tuple[Part, ...]
    own_fields: frozenset[str]
    computes: bool
    short_rate: bool

    @property
    def specs(self) -> Mapping[str, str]:
        """Field -> the format spec that its column has."""
        return {part.name: part.spec for part in self.parts if part.name in self.own_fields}


def register_column(name: str, function: Callable[[TaskView], object]) -> None:
    """Add a column for templates.

    Args:
        name: The name in braces. It must be new.
        function: Returns the text for a task's view. It is called for each row of each frame, so it should be quick.

    Raises:
        ValueError: the name is taken, or is not a name.
        TypeError: `function` cannot be called.

    Example:
        >>> register_column("left", lambda view: f"{(view.total or 0) - view.completed} left")
        >>> parse("{description} {left}").parts[1].name
        'left'
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name in COLUMNS:
        raise ValueError(f"name is {name!r:.80}: give a name that is no column yet; there are {_known()}.")
    if not callable(function):
        raise TypeError(f"function is {function!r:.80}: give a function from a task's view to text.")
    OWN[name] = function
    parse.cache_clear()


@lru_cache(maxsize=64)
def parse(template: str) -> Template:
    """Return the parts of `template`.

    Raises:
        ValueError: it is not a template; the message lists the columns.

    Example:
        >>> [part.name for part in parse("{description}: {percent} {loss:.3f}").parts]
        ['description', 'percent', 'loss']
    """
    parts: list[Part] = []
    text, last = "", 0
    for found in _PART.finditer(template):
        text += template[last : found.start()]
        last = found.end()
        if found.group() in ("{{", "}}"):
            text += found.group()[0]
            continue
        parts.append(_part(clean(text), found.group(1), template))
        text = ""
    text += template[last:]
    if "{" in re.sub(r"\{\{|\}\}", "", template[last:]) or _unbalanced(template):
        raise ValueError(f"the template {template!r:.200} has a brace without its other half: write {{{{ for a brace.")
    if not parts:
        raise ValueError(f"the template {template!r:.200} has no column: there are {_known()}.")
    if text:
        parts.append(Part(clean(text), ""))
    others = frozenset(part.name for part in parts if part.name and part.name not in COLUMNS)
    computes = bool(others) or any(part.name in _FIGURES for part in parts)
    short_rate = any(part.name == "rate" and part.spec == "short" for part in parts)
    return Template(tuple(parts), others.difference(OWN), computes, short_rate)


def checked(template: object) -> str | None:
    """Return `template` if it is None or a template that can be drawn.

    Raises:
        TypeError, ValueError: it is neither.
    """
    if template is None:
        return None
    if not isinstance(template, str):
        raise TypeError(f"columns is {template!r:.80}, {kind_of(template)}: give a template such as {LIVE!r}.")
    parse(template)
    return template


def given(environ: Mapping[str, str]) -> str | None:
    """Return the template of `PROGRESSKIT_COLUMNS`; None if it is unset, or invalid, with a warning."""
    template = environ.get("PROGRESSKIT_COLUMNS", "")
    if not template.strip():
        return None
    try:
        return checked(template)
    except ValueError as error:  # an invalid variable must not stop the job
        warn_once(f"PROGRESSKIT_COLUMNS is ignored: {error}")
        return None


def own_text(part: Part, view: TaskView) -> str:
    """Return the text for `view` of a column with one figure, a field, or a user's function; empty for all other
    columns."""
    if part.name in _FIGURES:
        return _figure(part, view)
    if part.name in COLUMNS or not part.name:
        return ""
    function = OWN.get(part.name)
    if function is None:
        value = view.fields.get(part.name)
        return "" if value is None else formatted(value, part.spec) if part.spec else str(value)
    try:
        return clean(formatted(function(view), part.spec))
    except Exception as error:  # the user's code may raise anything
        warn_once(f"the column {part.name!r} cannot be shown: {type(error).__name__}: {error}")
        return ""


def field_texts(view: TaskView, between: str = " ") -> list[str]:
    """Return the fields of `view` as `name value`, each by the format spec that the template of its row has for it.

    Args:
        view: A task's view.
        between: The text between a name and its value.

    Example:
        >>> field_texts(sample_view(fields={"loss": 0.5}, columns="{description} {loss:.3f}"), "=")
        ['loss=0.500']
    """
    try:
        specs = parse(view.columns or LIVE).specs
    except ValueError:  # another process's template, with columns that are not registered here
        specs = {}
    return format_fields(view.fields, specs, between)


def _figure(part: Part, view: TaskView) -> str:
    if part.name == "state":
        return view.outcome
    size = view.completed if view.total is None else max(view.completed, view.total)
    if part.name == "unit":
        return unit_text(Scale(size, view.unit), view.unit, size)
    value = view.completed if part.name == "completed" else view.total
    if value is None:
        return ""
    return formatted(value, part.spec) if part.spec else Scale(size, view.unit).text(value)


def _part(before: str, inside: str, template: str) -> Part:
    name, _, spec = inside.partition(":")
    kept = spec.endswith("!") or name.endswith("!")
    name, spec = name.removesuffix("!"), spec.removesuffix("!")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{{{inside}}} in the template {template!r:.200} names no column: there are {_known()}.")
    if name in COLUMNS:
        if not _accepts(name, spec):
            raise ValueError(
                f"{{{inside}}} in the template {template!r:.200}: {name} does not take {spec!r:.40}; "
                f"it takes {_TAKES.get(name, _NOTHING)}."
            )
    elif name not in OWN:
        meant = _FOREIGN.get(name) or _nearest(name)
        if meant:
            raise ValueError(
                f"there is no column {name!r:.40}: give {{{meant}}}; there are {_known()}, and the task's fields."
            )
        if not any(_formats(value, spec) for value in (1, 1.5, "a")):
            raise ValueError(f"{{{inside}}} in the template {template!r:.200}: {spec!r:.40} is no format.")
    return Part(before, name, spec, kept)


def _accepts(name: str, spec: str) -> bool:
    """Return whether the column `name` accepts `spec`."""
    if not spec:
        return True
    if name == "bar":
        return spec.isascii() and spec.isdigit() and 0 < int(spec) < 1000
    if name == "rate":
        return spec == "short"
    if name in _NUMBERS:
        return _formats(1, spec) or _formats(1.5, spec)
    return name not in ("amount", "percent", "fields", "mark") and _WIDTH.fullmatch(spec) is not None


def _formats(value: object, spec: str) -> bool:
    try:
        return len(format(value, spec)) < 1000
    except (ValueError, TypeError, OverflowError, MemoryError):
        return False


def _nearest(name: str) -> str | None:
    from difflib import get_close_matches  # only columns of fields need it, and it is slow to import

    found = get_close_matches(name, [*COLUMNS, *OWN], 1, 0.8)
    return found[0] if found else None


def _unbalanced(template: str) -> bool:
    rest = _PART.sub("", template)
    return "{" in rest or "}" in rest


def _known() -> str:
    return ", ".join((*COLUMNS, *OWN))
