"""Turn live tasks into rows of text: columns, bars, spinners and colours.

In each frame the painter compares every view with the last one of its row. What has not changed is not made again. Rate, time left
and fields are kept for at least half a second, so that they can be read.

Pure: from views, a width in cells and a time in seconds to strings. Does not know the terminal. No row is wider than one cell
less than the terminal has, so that no terminal wraps it.
"""

from __future__ import annotations

from functools import cache
from operator import attrgetter, itemgetter

from .._model.frames import TaskView
from .._system.warnings import warn_once
from .._text.cells import cell_width, fit
from .._text.colors import NO_COLORS, RESET, sgr
from .._text.cutting import cut_middle
from .._text.styles import STYLES, Style
from ._layout import PERCENT_CELLS, Columns, Plan
from ._region import OutlinedRow, outline_of
from ._row_texts import RowTexts
from ._templates import LIVE, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ._templates import Template

_BAR, _PERCENT, _NUMBER, _RATE, _ELAPSED, _STATUS, _SPINNER = range(7)
"""The mark of a moving text in a row's pieces."""
_TEXTS = ("bar", "percent", "number", "rate", "elapsed", "status")
"""The attributes of `RowTexts` with the moving texts, except for the spinner."""


@cache
def _getter(moving: tuple[int, ...]) -> Callable[[RowTexts], tuple[str, ...]]:
    """Return a function that gets the moving texts of a row, at least two, in one call."""
    return attrgetter(*(_TEXTS[piece] for piece in moving))


_figures = itemgetter(*map(TaskView._fields.index, ("completed", "total", "state", "elapsed")))
_standing = itemgetter(
    *map(TaskView._fields.index, ("description", "depth", "total", "unit", "estimated", "state", "color"))
)
HOLD_SECONDS = 0.5
"""The least seconds for which a rate, a time left and fields are kept."""
STAGGER_SECONDS = 0.1
"""Seconds by which the first of these periods differs between rows."""
MANY_ROWS, MANY_HOLD_SECONDS = 10, 1.0
"""With at least this many rows, a rate, a time left and fields are kept for this many seconds: nobody reads twenty of
them twice a second, and formatting them costs more than all moving texts."""


class Painter:
    """Turn frames into rows. Columns never get narrower while there are rows, so that they do not jitter.

    Args:
        style: The glyphs.
        depth: The colour depth: `NO_COLORS`, or another depth of `progresskit._text.colors`.
        encoding: The codec of the stream. Characters that it lacks appear as escapes.
        columns: The template of rows without their own; None: the default one.
    """

    def __init__(
        self,
        style: Style = STYLES["line"],
        depth: int = NO_COLORS,
        encoding: str = "utf-8",
        columns: str | None = None,
    ) -> None:
        self._style = style
        self._depth = depth
        self._encoding = encoding
        self._template = columns or LIVE
        self._rows: dict[int, RowTexts] = {}
        self._groups: dict[str, Columns] = {}
        self._named: dict[Columns, Plan] = {}  # the plans for which names were cut
        self._bars: dict[tuple[int, int, str | bool | None], str] = {}
        self._steps = len(style.parts) + 1  # of a cell of a bar
        self._accent = style.color("bar")

    def rows(self, views: tuple[TaskView, ...], columns: int, time: float) -> list[str]:
        """Return a row of at most `columns` cells for each of `views`: one less than the terminal has.

        Example:
            >>> view = sample_view(description="Files", completed=3, total=12, unit="file", elapsed=4.0, rate=0.75, eta=12.0)
            >>> Painter().rows((view,), 59, 0.0)
            ['  Files  ━━━━━────────────────  25%   3/12 files  eta 0:12']
        """
        if not views:
            self._rows.clear()
            self._groups.clear()
            self._named.clear()
            return []
        known, groups = self._rows, self._groups
        found: list[RowTexts] = []
        joined = False
        hold = HOLD_SECONDS if len(views) < MANY_ROWS else MANY_HOLD_SECONDS
        for view in views:
            row = known.get(view.id)
            template = view.columns or self._template
            if row is None or row.source != template:
                row = known[view.id] = RowTexts(self._parsed(template), self._encoding, template)
                joined = True
            _update(row, view, time, hold)
            if row.grew:
                group = groups.get(template)
                if group is None:
                    group = groups[template] = Columns(self._parsed(template), self._style.cut)
                group.widen(row)
                joined = True
            found.append(row)
        if len(known) > len(found):
            self._rows = {row.view.id: row for row in found if row.view is not None}
            joined = True
        style = self._style
        spin = style.spinner[int(time * style.spins) % len(style.spinner)]
        if len(groups) == 1:
            (group,) = groups.values()
            plan = self._planned(group, found, columns, joined)
            return [self._painted(row, plan, spin, columns) for row in found]
        plans = {}
        for template, group in groups.items():
            own = [row for row in found if row.source == template]
            plans[template] = self._planned(group, own, columns, joined)
        return [self._painted(row, plans[row.source], spin, columns) for row in found]

    def _parsed(self, template: str) -> Template:
        try:
            return parse(template)
        except ValueError as error:  # another process's template, with columns that are not registered here
            warn_once(str(error))
            return parse(LIVE)

    def _planned(self, group: Columns, rows: list[RowTexts], columns: int, joined: bool) -> Plan:
        plan = group.current
        if plan is None or joined or group.columns != columns + 1:  # in most frames, no text has grown
            plan = group.plan(columns + 1, rows, anew=joined)
        if joined or self._named.get(group) is not plan:
            group.cut_names(rows, plan.name)
            self._named[group] = plan
        return plan

    def _painted(self, row: RowTexts, plan: Plan, spin: str, columns: int) -> str:
        of = row.pieces_of
        if of[0] is not plan or of[1] != row.version:
            self._prepare(row, plan)
        pattern, fraction = row.pattern, row.fraction
        if pattern is not None:
            step = -1 if fraction is None else int(fraction * plan.bar * self._steps + 1e-9)
            painted = row.painted
            if step != row.step or step < 0:
                row.step, row.bar = step, self._bar(row, plan)
            elif painted is not None:
                return painted
            text = pattern % row.moving(row)
            if plan.overflows:
                painted = fit(text, max(columns, 0), ellipsis=self._style.cut, pad=False)
            else:
                painted = OutlinedRow(text)
                painted.outline = row.outline
            row.painted = painted
            return painted
        parts: list[str] = []
        for piece in row.pieces:
            if piece.__class__ is str:
                parts.append(piece)
            elif piece == _BAR:
                parts.append(self._bar(row, plan))
            elif piece == _PERCENT:
                parts.append(row.percent)
            elif piece == _NUMBER:
                parts.append(row.number.rjust(plan.number))
            elif piece == _SPINNER:
                parts.append(self._spinner(row, plan, spin))
            elif piece == _ELAPSED:
                parts.append(row.elapsed.rjust(plan.elapsed))
            elif piece == _RATE:
                parts.append(row.rate.rjust(plan.rate))
            elif piece == _STATUS:
                parts.append((row.status or "").ljust(row.status_cells))
            else:
                parts.append(self._other(row, *piece))
        text = "".join(parts).rstrip(" ")
        return fit(text, max(columns, 0), ellipsis=self._style.cut, pad=False) if plan.overflows else text

    def _prepare(self, row: RowTexts, plan: Plan) -> None:
        """Write the constant pieces of `row`, and mark the places of the moving ones."""
        row.pieces_of = plan, row.version
        texts: list[str] = []  # the text before each moving piece
        moving: list[Any] = []
        text = ""
        for before, name, width, at in plan.text_parts if row.is_text else plan.parts:
            write = _STANDING.get(name)
            if write is not None:
                text += before + write(self, row, plan, width)
                continue
            piece: Any = _MOVING.get(name)
            if name == "mark":
                text += before
                if row.state != "running" or row.fraction is not None or not row.is_moving:
                    text += self._style.marks.get(row.state, " ") if row.state != "running" else " "
                    continue
                before, piece = "", _SPINNER
            elif name == "elapsed" and row.state == "pending":
                text += before + " " * width
                continue
            elif name == "status":
                row.status_cells = width
                if row.status is None:
                    text += before + (row.elapsed if plan.elapsed_in_status else "").ljust(width)
                    continue
            elif piece is None:
                piece = name, width, at
            texts.append(text + before)
            moving.append(piece)
            text = _unit(row, plan) if piece == _NUMBER else _rate_unit(row, plan) if piece == _RATE else ""
        row.pattern = row.painted = None
        end = text.rstrip(" ")
        is_pattern = len(moving) > 1 and all(piece.__class__ is int and piece != _SPINNER for piece in moving)
        if is_pattern and (end or moving[-1] == _STATUS):  # another moving text may end in blanks
            last = row.status_cells if end else len(row.status or "")
            cells = plan.bar, PERCENT_CELLS, plan.number, plan.rate, plan.elapsed, last
            spaced = zip(texts, moving, strict=True)
            row.outline = outline_of("".join([each + " " * cells[piece] for each, piece in spaced]) + end)
            places = "%s", "%s", f"%{plan.number}s", f"%{plan.rate}s", f"%{plan.elapsed}s", f"%-{last}s"
            filled = [each.replace("%", "%%") + places[piece] for each, piece in zip(texts, moving, strict=True)]
            row.pattern, row.moving, row.step = "".join(filled) + end.replace("%", "%%"), _getter(tuple(moving)), -1
            return
        pieces = [each for pair in zip(texts, moving, strict=True) for each in pair]
        row.pieces = [piece for piece in (*pieces, text) if piece != ""]

    # What stands

    def _fields(self, row: RowTexts, plan: Plan, width: int) -> str:
        if not row.fields:
            return " " * width
        shown = "  ".join(row.fields) if plan.fields is None else row.fields_within(plan.fields, self._style.cut)
        return shown + " " * (width - cell_width(shown))

    def _name(self, row: RowTexts, plan: Plan, width: int) -> str:
        if row.cut[0] != width:
            cells = row.name_cells
            text = row.indent + row.name
            if cells > width:
                text = (
                    fit(text, width, ellipsis=self._style.cut)
                    if row.is_text
                    else cut_middle(text, width, self._style.cut)
                )
                cells = cell_width(text)
            row.cut = (width, text + " " * (width - cells))
        return row.cut[1]

    # What moves

    def _other(self, row: RowTexts, name: str, width: int, at: int) -> str:
        part = row.template.parts[at]
        view = row.view
        assert view is not None
        cell = row.own[at] if row.own else ""
        if name == "eta":
            cell = row.eta if row.fraction is not None else ""
        shown = fit(cell, width, ellipsis=self._style.cut)
        if part.spec[:1] in ("<", "^"):
            return shown
        numeric = name in ("completed", "total") or part.spec.endswith(tuple("dfeg%,"))
        return shown.rstrip().rjust(width) if part.spec[:1] == ">" or (numeric and shown.isascii()) else shown

    def _spinner(self, row: RowTexts, plan: Plan, spin: str) -> str:
        if plan.overflows or self._depth == NO_COLORS or row.view is None:
            return spin
        return f"\x1b[{self._color(row.view)}m{spin}{RESET}"

    def _color(self, view: TaskView) -> str:
        color = view.color
        return sgr(self._accent if color is None else self._style.color(color), self._depth)

    def _bar(self, row: RowTexts, plan: Plan) -> str:
        fraction = row.fraction
        width = plan.bar
        if fraction is None:
            if not plan.amount_in_bar:
                return " " * width
            text = f"{row.number} {row.unit}".rstrip()
            if cell_width(text) > width:
                text = f"{row.number} {row.short_unit}".rstrip()
            return fit(text, width, ellipsis=self._style.cut)
        color = row.color if row.is_moving else False
        key = (width, int(fraction * width * self._steps + 1e-9), color)
        drawn = None if plan.overflows else self._bars.get(key)
        if drawn is None:
            view = row.view
            assert view is not None
            sequence = None
            if self._depth != NO_COLORS and not plan.overflows:
                sequence = self._color(view) if row.is_moving else ""
            drawn = self._drawn(fraction, width, sequence)
            if plan.overflows:  # without colours, since the row will be cut
                return drawn
            if len(self._bars) > 1000:  # a program may generate colours without end
                self._bars.clear()
            self._bars[key] = drawn
        return drawn

    def _drawn(self, fraction: float, width: int, color: str | None) -> str:
        done, rest = self._style.bar(fraction, width)
        if color is None:
            return done + rest
        head = f"\x1b[{color}m{done}" if done and color else done
        if not rest:
            return f"{head}{RESET}" if done and color else head
        return f"{head}\x1b[{'0;' if done and color else ''}2m{rest}{RESET}"


def _update(row: RowTexts, view: TaskView, time: float, hold: float) -> None:
    """Have `row` show `view`: make the texts again whose source has changed.

    Args:
        row: The row.
        view: Its task at `time`.
        time: Seconds on the frames' clock.
        hold: Seconds for which texts are kept that would change too fast to be read.
    """
    last, row.view = row.view, view
    completed, total, state, elapsed = _figures(view)
    # As `fraction_of`, which would be a call for each row of each frame.
    if total is None or total <= 0 or completed > total:
        fraction = None
    else:
        fraction = completed / total
        if fraction > 0.999:
            fraction = fraction if state == "finished" else 0.999
        elif fraction < 0.0:
            fraction = 0.0
    row.fraction = fraction
    stands, has_share, moves = _standing(view), fraction is not None, view.idle is None
    changed = stands != row.stands or has_share is not row.had_share or moves is not row.moved
    if changed:
        row.had_share, row.moved = has_share, moves
        row.update_standing(view, stands)
    elif completed != row.completed:
        row.completed = completed
        scale = row.scale
        if scale is None or total is None or completed > total:
            row.update_amount(view, False)
        else:
            # A whole number as `Scale.text` writes it, which would be a call for each row of each frame.
            in_full = scale.is_plain and completed.__class__ is int
            number = f"{row.estimate_mark}{f'{completed:,d}' if in_full else scale.text(completed)}{row.total_text}"
            if number != row.number:
                row.number, row.painted = number, None
                if len(number) > row.number_cells:
                    row.number_cells, row.grew = len(number), True
    percent = None if fraction is None or state == "pending" else int(fraction * 100 + 1e-9)
    if percent != row.whole_percent:
        row.update_percent(percent, estimated=view.estimated)
    if not row.clock <= elapsed < row.clock + 1:
        row.update_elapsed(elapsed)
    if changed or time >= row.held_until:
        # With many rows, a few are updated at a time, because the cost of the costliest recent frame decides when the
        # next one comes.
        row.held_until = time + hold + (STAGGER_SECONDS * (view.position % 5) if last is None else 0.0)
        if changed:
            row.version += 1
        row.update_held(view)
    if row.template.computes:
        row.update_own(view)


def _unit(row: RowTexts, plan: Plan) -> str:
    """Return the text after the number of `row`, with the blank before it."""
    if not plan.unit:
        return ""
    if plan.short_units:
        return f" {row.short_unit.ljust(plan.unit)}"
    return f" {row.unit}{' ' * (plan.unit - row.unit_cells)}"


def _rate_unit(row: RowTexts, plan: Plan) -> str:
    """Return the text after the number of a rate."""
    return row.rate_unit + " " * (plan.rate_unit - cell_width(row.rate_unit))


_STANDING: dict[str, Callable[[Painter, RowTexts, Plan, int], str]] = {
    "description": Painter._name,
    "fields": Painter._fields,
    "": lambda painter, row, plan, width: "",
}
"""Column -> function that returns its constant text."""
_MOVING = {
    "bar": _BAR, "percent": _PERCENT, "amount": _NUMBER, "rate": _RATE, "elapsed": _ELAPSED, "status": _STATUS,
}  # fmt: skip
