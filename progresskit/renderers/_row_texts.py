"""The texts of the columns of one task's row, kept from frame to frame.

The painter compares each view with the last one, and has those texts made again whose source has changed. Knows one view. Does not
know when texts are made, nor widths, layouts or the other rows.
"""

from __future__ import annotations

from .._text.cells import cell_width, encodable
from .._text.formatting import (
    BYTES,
    DEFAULT_UNIT,
    UNKNOWN,
    Scale,
    format_duration,
    format_fields,
    format_percent,
    is_slow,
    rate_parts,
    unit_text,
)
from ._templates import own_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .._model.frames import TaskView
    from ._templates import Template

COUNT_CELLS, BYTE_CELLS = 7, 4
"""Cells that are reserved for the number of a count, or of bytes, whose total is unknown."""
RATE_CELLS = {"B": 9, "iB": 10}
"""Cells that are reserved for a rate in bytes; for all others it is `COUNT_RATE_CELLS`."""
COUNT_RATE_CELLS = 8
_PERCENTS = tuple(f"{percent:3d}%" for percent in range(101))


class RowTexts:
    """The texts of one task's row.

    Attributes:
        view: The last view.
        name: The task's name; `indent` is the text before it.
        state, color: The task's.
        is_moving: Whether it runs, and is not idle.
        is_text: Whether the task has only its name to show.
        fraction: The share done, None if it is unknown.
        number, unit, short_unit: The amount's number, its unit, and the unit without its noun.
        number_cells: The cells that the number needs, now and until its total changes.
        rate, rate_unit: The rate's number and the text after it.
        status: The text in the status column; None: no text, or the elapsed time if that has no column.
        fields: The fields' texts.
        own: The texts of columns of fields and of users' columns.
        source: The template as text.
        version: A number that rises with each change of a text other than share and count.
        pieces: The row as a painter has prepared it for the plan and the version `pieces_of`.
        pattern: The same as a text with a `%s` for each moving text; None if a spinner or a user's column moves.
        moving: Returns the texts for `pattern`.
        status_cells: The cells of the status column.
        outline: The outline of every row that `pattern` makes.
        step, bar: The number of done steps of the last drawn bar, and that bar.
        painted: The last row from `pattern`; None once a text in it has changed.
        grew: Whether a text may need more cells than before.
        estimate_mark, scale, total_text: What the number is made of besides the count.
        stands, had_share, moved, completed, whole_percent, clock: What the texts were made from, so that the painter finds what has
            changed.
        held_until: When the kept texts may change, in seconds on the frames' clock.
    """

    __slots__ = (
        "_encoding",
        "_slow",
        "bar",
        "clock",
        "color",
        "completed",
        "cut",
        "elapsed",
        "estimate_mark",
        "eta",
        "fields",
        "fields_cells",
        "fraction",
        "grew",
        "had_share",
        "held_until",
        "indent",
        "is_moving",
        "is_text",
        "moved",
        "moving",
        "name",
        "name_cells",
        "number",
        "number_cells",
        "outline",
        "own",
        "painted",
        "pattern",
        "percent",
        "pieces",
        "pieces_of",
        "rate",
        "rate_unit",
        "scale",
        "short_unit",
        "source",
        "stands",
        "state",
        "status",
        "status_cells",
        "step",
        "template",
        "total_text",
        "unit",
        "unit_cells",
        "version",
        "view",
        "whole_percent",
    )

    def __init__(self, template: Template, encoding: str, source: str) -> None:
        self.template = template
        self.source = source
        self._encoding = encoding
        self.view: TaskView | None = None
        self.name = self.indent = self.number = self.unit = self.short_unit = ""
        self.rate = self.rate_unit = self.percent = self.elapsed = ""
        self.eta = UNKNOWN
        self.status: str | None = None
        self.state = ""
        self.color: str | None = None
        self.fields: list[str] = []
        self.own: list[str] = []
        self.fraction: float | None = None
        self.name_cells = self.number_cells = self.unit_cells = self.fields_cells = 0
        self.is_text = self.is_moving = self.grew = False
        self.cut: tuple[object, str] = (None, "")  # the name as a layout shows it
        self.version = 0
        self.pieces: list[Any] = []
        self.pattern: str | None = None
        self.moving: Callable[[RowTexts], tuple[str, ...]] = lambda row: ()
        self.status_cells = 0
        self.outline = self.bar = ""
        self.step = -1
        self.painted: str | None = None
        self.pieces_of: tuple[object, int] = (None, -1)
        # The sources of the present texts.
        self.stands: tuple[object, ...] | None = None
        self.had_share = self.moved = False
        self.completed: int | float = 0
        self.clock = -1
        self.held_until = float("-inf")
        self._slow = False
        self.scale: Scale | None = None
        self.estimate_mark = ""
        self.whole_percent: int | None = None
        self.total_text = ""

    def update_standing(self, view: TaskView, stands: tuple[object, ...]) -> None:
        """Update the texts of rarely changing values, which `stands` now has."""
        before, self.stands = self.stands, stands
        self.state, self.color = view.state, view.color
        self.is_moving = view.state == "running" and view.idle is None
        if before is None or before[:2] != stands[:2]:
            self._update_name(view)
        self.completed, self.whole_percent = view.completed, -1
        self.update_amount(view, before is None or before[2:5] != stands[2:5])

    def _changed(self, old: str, new: str) -> str:
        if len(new) > len(old):
            self.grew = True
        return new

    def _shown(self, text: str) -> str:
        return encodable(text, self._encoding)

    def _update_name(self, view: TaskView) -> None:
        self.name, self.indent = self._shown(view.description), "  " * view.depth
        self.name_cells = cell_width(self.name) + len(self.indent)
        self.cut = (None, "")
        self.grew = True
        self.version += 1

    def update_percent(self, percent: int | None, *, estimated: bool) -> None:
        """Update the share done to `percent`, rounded down; None if it is unknown, or the task has not begun."""
        self.whole_percent, self.painted = percent, None
        if percent is None:
            self.percent = "    "
        else:
            self.percent = format_percent(self.fraction, estimated=True) if estimated else _PERCENTS[percent]

    def update_elapsed(self, elapsed: float) -> None:
        """Update the time since the task began, in seconds."""
        self.clock = int(elapsed)
        self.elapsed, self.painted = self._changed(self.elapsed, format_duration(elapsed)), None
        if self.status is None:  # a user's column may show it
            self.version += 1

    def update_own(self, view: TaskView) -> None:
        """Update the columns that are computed for each frame: those of fields and of users."""
        own = [self._shown(own_text(part, view)) for part in self.template.parts]
        if own != self.own:
            self.own, self.grew = own, True

    def update_amount(self, view: TaskView, new: bool) -> None:
        """Update the amount; `new`: whether its total, its unit or its mark has changed."""
        completed, total, unit = view.completed, view.total, view.unit
        mark = "~" if view.estimated else ""
        was_text = self.is_text
        self.is_text = total is None and not completed and unit in (DEFAULT_UNIT, "")
        if self.is_text != was_text:
            self.version += 1
        if new or total is None or completed > total or self.scale is None:
            size = completed if total is None else max(completed, total)
            scale = self.scale = Scale(size, unit)
            self.total_text = "" if total is None else f"/{scale.text(total)}"
            number = completed if total is None else total
            unit_now = self._shown(unit_text(scale, unit, number))
            if unit_now != self.unit:
                self.unit, self.unit_cells = unit_now, cell_width(unit_now)
                self.version += 1
                self.grew = True
            if self.short_unit != scale.name:
                self.short_unit = scale.name
                self.version += 1
            if total is None:
                self.number_cells = 0 if self.is_text else (BYTE_CELLS if unit in BYTES else COUNT_CELLS)
            else:
                self.number_cells = len(mark) + len(self.total_text) + len(scale.text(total))
            self.grew = True
        self.estimate_mark = mark
        self.number, self.painted = f"{mark}{self.scale.text(completed)}{self.total_text}", None
        if len(self.number) > self.number_cells and not self.is_text:
            self.number_cells, self.grew = len(self.number), True
        if was_text != self.is_text:
            self.grew = True

    def update_held(self, view: TaskView) -> None:
        """Update the texts that are kept for a while."""
        state, idle, rate = view.state, view.idle, view.rate
        self.eta, self.painted = UNKNOWN, None
        rate_unit, status_before = self.rate_unit, self.status
        if state != "running" or idle is not None or rate is None or self.is_text:
            self.rate = self.rate_unit = ""
        else:
            self._slow = is_slow(rate, view.unit, self._slow)
            number, unit = rate_parts(rate, view.unit, short=self.template.short_rate, slow=self._slow)
            if len(number) > len(self.rate) or len(unit) > len(self.rate_unit):
                self.grew = True
            self.rate, self.rate_unit = number, self._shown(unit)
        if state == "paused":
            status: str | None = "paused"
        elif state == "pending":
            status = "waiting"
        elif idle is not None:
            status = f"idle {format_duration(idle)}"
        elif self.fraction is not None:
            self.eta = format_duration(view.eta)
            status = f"eta {self.eta}"
        else:
            status = None
        self.status = status if status is None else self._changed(self.status or "", status)
        if rate_unit != self.rate_unit or status is None or len(status) != len(status_before or ""):
            self.version += 1
        if view.fields or self.fields:
            own = self.template.own_fields
            shown = {name: value for name, value in view.fields.items() if name not in own} if own else view.fields
            fields = list(map(self._shown, format_fields(shown)))
            if fields != self.fields:
                self.fields, self.grew = fields, True
                self.version += 1
                self.fields_cells = cell_width("  ".join(fields))

    def fields_within(self, cells: int, ellipsis: str) -> str:
        """Return as many whole fields from the left as fit in `cells`. A single text is cut in its middle, to 20 cells or more."""
        fields = self.fields
        if not fields:
            return ""
        if self.fields_cells <= cells:
            return "  ".join(fields)
        if len(fields) == 1 and cells >= 20 and self._has_text():
            from .._text.cutting import cut_middle

            return cut_middle(fields[0], cells, ellipsis)
        shown = ""
        for field in fields:
            longer = f"{shown}  {field}" if shown else field
            if cell_width(longer) > cells:
                break
            shown = longer
        return shown

    def _has_text(self) -> bool:
        view = self.view
        values = (
            []
            if view is None
            else [value for name, value in view.fields.items() if name not in self.template.own_fields]
        )
        return not any(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
