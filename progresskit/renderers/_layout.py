"""The layout: how the columns of all rows share the width of a terminal.

The columns of all live rows are measured together, and never get narrower while there are rows. If they do not fit,
columns are dropped in a fixed order: there are eleven layouts, each of which drops more than the one before. While
there are rows and the width is the same, the number of the layout only rises, so that no column comes and goes. Pure;
knows texts and cells, no colours.
"""

from __future__ import annotations

from typing import NamedTuple

from .._text.cells import cell_width
from .._text.cutting import fit_names
from .._text.formatting import BYTES
from ._row_texts import COUNT_RATE_CELLS, RATE_CELLS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._row_texts import RowTexts
    from ._templates import Part, Template

WIDEST_BAR, NARROWEST_BAR, WIDE_BAR = 40, 10, 16
"""Cells of a bar: the most, the least, and the least in the first layout, which drops nothing."""
ELAPSED_CELLS, STATUS_CELLS, PERCENT_CELLS = 5, 9, 4
FIELD_CELLS = 12
"""Cells of fields that remain in the layouts that drop the others."""
TEXT_STEP = 8
"""The step in cells by which the room of a text grows."""
LAST_LAYOUT = 10
GIVEN_UP: tuple[frozenset[str], ...] = tuple(
    map(
        frozenset,
        (
            (),
            ("elapsed",),
            ("elapsed", "more fields"),
            ("elapsed", "more fields", "rate"),
            ("elapsed", "fields"),
            ("elapsed", "fields", "rate"),
            ("elapsed", "fields", "rate", "nouns"),
            ("elapsed", "fields", "rate", "nouns", "amount"),
            ("elapsed", "fields", "rate", "nouns", "amount", "long names"),
            ("elapsed", "fields", "rate", "nouns", "amount", "long names", "bar"),
            ("elapsed", "fields", "rate", "nouns", "amount", "long names", "bar", "status", "names"),
        ),
    )
)
"""The parts of a row that each layout leaves out."""
_FIGURES = ("bar", "percent", "amount", "rate")


class Plan(NamedTuple):
    """One layout, for one width.

    Attributes:
        parts: The shown columns: the text before each, its name, its width in cells, and its place in the template.
        text_parts: The same for a task that has only its name to show. The name then takes the place of the figures.
        name: Cells of names.
        bar: Cells of bars.
        number, unit: Cells of the two halves of amounts.
        rate, rate_unit: Cells of the two halves of rates.
        elapsed: Cells of times.
        fields: Cells for fields; None: as many as they need.
        short_units: Whether nouns are left out.
        amount_in_bar: Whether a row without a total has its amount in the bar's place.
        elapsed_in_status: Whether a row without a total has its time in the status column.
        overflows: Whether even this layout is too wide. Rows are then cut at their end.
    """

    parts: tuple[tuple[str, str, int, int], ...]
    text_parts: tuple[tuple[str, str, int, int], ...]
    name: int
    bar: int
    number: int
    unit: int
    rate: int
    rate_unit: int
    elapsed: int
    fields: int | None
    short_units: bool
    amount_in_bar: bool
    elapsed_in_status: bool
    overflows: bool


class Columns:
    """The widths of the columns of all rows with one template, and the layout in use.

    Args:
        template: The rows' template.
        ellipsis: The text at a cut.

    Attributes:
        current: The layout in use; None: it must be chosen again.
        columns: The terminal's width in cells for which it was chosen.
    """

    def __init__(self, template: Template, ellipsis: str = "…") -> None:
        self._template = template
        self._ellipsis = ellipsis
        self.forget()

    def forget(self) -> None:
        """Start over, because there are no rows."""
        self._name = self._number = self._unit = self._short_unit = 0
        self._rate = self._rate_unit = self._rate_least = 0
        self._elapsed, self._status, self._fields, self._text = ELAPSED_CELLS, 0, 0, 0
        self._has_total = False
        self._own = [0] * len(self._template.parts)
        self.columns = -1
        self._layout = 0
        self.current: Plan | None = None

    def widen(self, row: RowTexts) -> None:
        """Widen the columns to what `row` needs."""
        row.grew = False
        before = self._widths()
        if row.is_text:
            width = row.name_cells
            if width > self._text:
                steps = -(-(width - self._text) // TEXT_STEP)
                self._text = width if not self._text else self._text + steps * TEXT_STEP
        else:
            self._name = max(self._name, row.name_cells)
            self._number = max(self._number, row.number_cells)
            self._unit = max(self._unit, row.unit_cells)
            self._short_unit = max(self._short_unit, len(row.short_unit))
            self._rate = max(self._rate, len(row.rate))
            self._rate_unit = max(self._rate_unit, cell_width(row.rate_unit))
            unit = row.view.unit if row.view is not None else ""
            self._rate_least = max(self._rate_least, RATE_CELLS[unit] if unit in BYTES else COUNT_RATE_CELLS)
        if row.fraction is not None:
            self._has_total = True
            self._status = max(self._status, STATUS_CELLS)
        self._elapsed = max(self._elapsed, len(row.elapsed))
        self._status = max(self._status, len(row.status or ""))
        self._fields = max(self._fields, row.fields_cells)
        for at, text in enumerate(row.own):
            self._own[at] = max(self._own[at], cell_width(text))
        if self._widths() != before:
            self.current = None

    def _widths(self) -> tuple[object, ...]:
        return (
            self._name, self._number, self._unit, self._short_unit, self._rate, self._rate_unit, self._rate_least,
            self._elapsed, self._status, self._fields, self._text, self._has_total, *self._own,
        )  # fmt: skip

    def plan(self, columns: int, rows: list[RowTexts], *, anew: bool = False) -> Plan:
        """Return the layout for a terminal of `columns` cells, whose last cell stays empty.

        Args:
            columns: Cells of the terminal.
            rows: The rows of this template.
            anew: Whether rows or their fields have changed, so that the plan of the last frame may no longer fit.
        """
        if columns != self.columns:
            self.columns, self._layout, self.current = columns, 0, None
        if self.current is None or (anew and self.current.fields is not None):
            self.current = self._choose(max(columns - 1, 0), rows)
        return self.current

    def _choose(self, room: int, rows: list[RowTexts]) -> Plan:
        for number in range(self._layout, LAST_LAYOUT + 1):
            plan = self._try(number, room, rows)
            if plan is not None:
                self._layout = number
                return plan
        self._layout = LAST_LAYOUT
        plan = self._try(LAST_LAYOUT, room, rows, overflows=True)
        assert plan is not None
        return plan

    def _try(self, layout: int, room: int, rows: list[RowTexts], *, overflows: bool = False) -> Plan | None:
        """Return the plan of `layout`; None if it does not fit `room` cells."""
        given_up = GIVEN_UP[layout]
        parts = [
            (part.before if at else part.before.lstrip() if part.name == "mark" else part.before, part, at)
            for at, part in enumerate(self._template.parts)
            if self._is_there(part.name, at) and (part.kept or not self._gives_way(part.name, given_up))
        ]
        names = [part.name for _, part, _ in parts]
        if "more fields" in given_up and "fields" not in names:
            return None
        bar_part = next((part for _, part, _ in parts if part.name == "bar"), None)
        bars = max(names.count("bar"), 1)  # all of one length
        most_bar = 0 if bar_part is None else int(bar_part.spec or WIDEST_BAR)
        least_bar = min(most_bar, NARROWEST_BAR if layout else WIDE_BAR)
        short_units = "nouns" in given_up
        unit = self._short_unit if short_units else self._unit
        width = self._column_widths(parts, rows, given_up)
        used = sum(cell_width(before) + (width[part.name] if part.name else 0) for before, part, _ in parts)
        fields: int | None = None
        if "more fields" in given_up:
            used -= width["fields"]
            fields = room - used - bars * least_bar
            width["fields"] = self._some_fields_width(fields, rows)
            if not width["fields"]:
                return None
            used += width["fields"]
        if used + bars * least_bar > room and not overflows:
            return None
        bar = max(min(most_bar, (room - used) // bars), least_bar if overflows else 0)
        width["bar"] = bar
        is_fixed = any(part.name == "description" and part.spec for _, part, _ in parts)
        if not self._has_total and self._text and not is_fixed:
            wanted = self._text - self._text_room(parts, width)
            more = max(min(wanted, room - used), 0) // max(names.count("description"), 1)
            width["description"] += more
        return Plan(
            tuple((before, part.name, width[part.name] if part.name else 0, at) for before, part, at in parts),
            tuple(self._text_parts(parts, width)),
            width["description"],
            bar,
            self._number,
            unit,
            max(self._rate, width["rate"] - self._rate_unit),
            self._rate_unit,
            width["elapsed"],
            fields,
            short_units,
            "amount" in given_up and "amount" not in names and bar_part is not None,
            "elapsed" not in names,
            overflows,
        )

    def _column_widths(
        self, parts: list[tuple[str, Part, int]], rows: list[RowTexts], given_up: frozenset[str]
    ) -> dict[str, int]:
        """Return the width in cells of each column by its name, without the bar and the fields, which get the remaining
        cells."""
        has_elapsed = any(part.name == "elapsed" for _, part, _ in parts)
        unit = self._short_unit if "nouns" in given_up else self._unit
        width = {
            "mark": 1,
            "description": min(self._name, self._name_limit(given_up)),
            "bar": 0,
            "percent": PERCENT_CELLS,
            "amount": self._number + (unit + 1 if unit else 0),
            "rate": max(self._rate + self._rate_unit, self._rate_least),
            "elapsed": self._elapsed,
            "eta": ELAPSED_CELLS,
            "status": self._status if has_elapsed or not rows else max(self._status, self._elapsed_in_status(rows)),
            "fields": self._fields,
        }
        for _, part, at in parts:
            if part.name not in width:
                width[part.name] = self._own[at]
            if part.name not in ("bar", "rate") and (spec := part.spec.lstrip("<>^")).isdigit():
                width[part.name] = int(spec)
        return width

    def _some_fields_width(self, room: int, rows: list[RowTexts]) -> int:
        """Return the cells of as many fields as fit `room` cells in each row; 0 if there is no room for any."""
        if not self._fields or room < min(FIELD_CELLS, self._fields):
            return 0
        return max((cell_width(row.fields_within(room, self._ellipsis)) for row in rows), default=0)

    def _is_there(self, name: str, at: int) -> bool:
        """Return whether any row has a text in the column `name`."""
        if name in ("bar", "percent"):
            return self._has_total
        if name == "amount":
            return self._number > 0
        if name == "rate":
            return self._rate_least > 0
        if name == "fields":
            return self._fields > 0
        if name in ("", "mark", "description", "elapsed", "status"):
            return True
        return name == "eta" or self._own[at] > 0

    def _gives_way(self, name: str, given_up: frozenset[str]) -> bool:
        if name == "elapsed":
            return "elapsed" in given_up and self._has_total
        if name == "amount":
            return "amount" in given_up and self._has_total
        if name in ("bar", "rate", "fields", "status"):
            return name in given_up
        if name in ("", "mark", "description", "percent"):
            return False
        return "status" in given_up if name == "eta" else "fields" in given_up  # a field's column, or a user's

    def _name_limit(self, given_up: frozenset[str]) -> int:
        limit = max(12, min(32, self.columns // 3))
        return 12 if "names" in given_up else min(limit, 16) if "long names" in given_up else limit

    def _elapsed_in_status(self, rows: list[RowTexts]) -> int:
        """Return the cells that times need in the status column."""
        return max((len(row.elapsed) for row in rows if row.status is None), default=0)

    def _text_room(self, parts: list[tuple[str, Part, int]], width: dict[str, int]) -> int:
        """Return the cells from the name to the last of the figures."""
        return next((cells for _, name, cells, _ in self._text_parts(parts, width) if name == "description"), 0)

    def _text_parts(self, parts: list[tuple[str, Part, int]], width: dict[str, int]) -> list[tuple[str, str, int, int]]:
        """Return the columns of a row that has only its name, which takes the room of the figures after it."""
        found: list[tuple[str, str, int, int]] = []
        swallowing = False
        for before, part, at in parts:
            cells = width[part.name] if part.name else 0
            if swallowing and part.name in _FIGURES:
                head, name, room, place = found[-1]
                found[-1] = head, name, room + cell_width(before) + cells, place
                continue
            swallowing = part.name == "description"
            found.append((before, part.name, cells, at))
        return found

    def cut_names(self, rows: list[RowTexts], cells: int) -> None:
        """Cut the names of `rows` to `cells` cells, so that different names still differ."""
        long = [row for row in rows if not row.is_text and row.name_cells > cells]
        for row, text in zip(
            long, fit_names([row.indent + row.name for row in long], cells, self._ellipsis), strict=True
        ):
            row.cut = cells, text
