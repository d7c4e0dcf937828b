"""Turn live tasks into rows of text: columns, bars, spinners and colours.

Pure: from views, a width in cells and a time in seconds to strings. Does not know the terminal. No row is wider than one cell
less than the terminal has, so that no terminal wraps it.
"""

from __future__ import annotations

from .._system.warnings import warn_once
from .._text.cells import cell_width, fit
from .._text.colors import NO_COLORS, sgr
from .._text.cutting import cut_middle
from .._text.styles import STYLES, Style
from ._layout import Columns, Plan
from ._row_texts import RowTexts
from ._templates import LIVE, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._model.frames import TaskView
    from ._templates import Template

RESET = "\x1b[0m"
_BAR, _PERCENT, _NUMBER, _SPINNER = range(4)
"""What moves in a row, in the place of its text."""
_USUAL = [_BAR, _PERCENT, _NUMBER]
"""What moves in most rows, in this order."""


class Painter:
    """Turn frames into rows. Columns never get narrower while rows stand, so that they do not jitter.

    Args:
        style: The glyphs.
        depth: What there is of colours: `NO_COLORS`, or a depth of `progresskit._text.colors`.
        encoding: The codec of the stream. Characters that it lacks appear as escapes.
        columns: The template of rows that have none of their own; None: the usual one.
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
        self._bars: dict[tuple[int, float, str | None], str] = {}
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
            return []
        known, groups = self._rows, self._groups
        found: list[RowTexts] = []
        joined = False
        for view in views:
            template = view.columns or self._template
            row = known.get(view.id)
            group = groups.get(template)
            if group is None:
                group = groups[template] = Columns(self._parsed(template), self._style.cut)
            if row is None or row.source != template:
                row = known[view.id] = RowTexts(self._parsed(template), self._encoding, template)
                joined = True
            row.update(view, time)
            if row.grew:
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
        except ValueError as error:  # of another process, which has columns of its own
            warn_once(str(error))
            return parse(LIVE)

    def _planned(self, group: Columns, rows: list[RowTexts], columns: int, joined: bool) -> Plan:
        plan = group.current
        if plan is None or joined or group.columns != columns + 1:  # in most frames no text has grown
            plan = group.plan(columns + 1, rows, anew=joined)
        if joined or any(row.cut[0] != plan.name for row in rows):
            group.cut_names(rows, plan.name)
        return plan

    def _painted(self, row: RowTexts, plan: Plan, spin: str, columns: int) -> str:
        of = row.pieces_of
        if of[0] is not plan or of[1] != row.version:
            self._prepare(row, plan)
        if row.usual is not None:
            text = row.usual % (self._bar(row, plan), row.percent, row.number.rjust(plan.number))
            return fit(text, max(columns, 0), ellipsis=self._style.cut, pad=False) if plan.overflows else text
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
            else:
                parts.append(self._other(row, *piece))
        text = "".join(parts).rstrip(" ")
        return fit(text, max(columns, 0), ellipsis=self._style.cut, pad=False) if plan.overflows else text

    def _prepare(self, row: RowTexts, plan: Plan) -> None:
        """Write the pieces of `row` that stay as they are from frame to frame, and mark the places of the others."""
        row.pieces_of = plan, row.version
        pieces: list[Any] = []
        text = ""
        for before, name, width, at in plan.text_parts if row.is_text else plan.parts:
            text += before
            piece, after = self._piece(row, plan, name, width, at)
            if piece.__class__ is str:
                text += piece
                continue
            pieces += [text, piece]
            text = after
        row.usual = None
        if pieces[1::2] == _USUAL:
            texts = [piece.replace("%", "%%") for piece in (*pieces[::2], text.rstrip(" "))]
            row.usual = "%s".join(texts)
        row.pieces = [piece for piece in (*pieces, text) if piece != ""]

    def _piece(self, row: RowTexts, plan: Plan, name: str, width: int, at: int) -> tuple[Any, str]:
        """Return what a column shows, or the mark of what moves, and what stands behind that."""
        view = row.view
        assert view is not None
        if name == "bar":
            return _BAR, ""
        if name == "percent":
            return _PERCENT, ""
        if name == "amount":
            if not plan.unit:
                return _NUMBER, ""
            unit = row.short_unit if plan.short_units else row.unit
            return _NUMBER, f" {unit}{' ' * (plan.unit - (len(unit) if plan.short_units else row.unit_cells))}"
        if name == "rate":
            cell = f"{row.rate:>{plan.rate}}{row.rate_unit}"
            return cell + " " * (plan.rate + plan.rate_unit - cell_width(cell)), ""
        if name == "elapsed":
            return f"{'' if view.state == 'pending' else row.elapsed:>{width}}", ""
        if name == "description":
            return self._name(row, width), ""
        if name == "mark":
            if view.state != "running":
                return self._style.marks.get(view.state, " "), ""
            return (" " if row.fraction is not None or view.idle is not None else _SPINNER), ""
        if name == "status":
            status = row.status
            if status is None:
                status = row.elapsed if plan.elapsed_in_status else ""
            return status.ljust(width), ""
        if name == "fields":
            shown = "  ".join(row.fields) if plan.fields is None else row.fields_within(plan.fields, self._style.cut)
            return shown + " " * (width - cell_width(shown)), ""
        return ((name, width, at) if name else ""), ""

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

    def _name(self, row: RowTexts, width: int) -> str:
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
        view = row.view
        assert view is not None
        color = None
        if self._depth != NO_COLORS and not plan.overflows:
            color = self._color(view) if row.is_moving else ""
        steps = width * (len(self._style.parts) + 1)
        key = (width, int(fraction * steps + 1e-9), color)
        drawn = self._bars.get(key)
        if drawn is None:
            if len(self._bars) > 1000:  # colours made up by the thousand: start over rather than grow
                self._bars.clear()
            drawn = self._bars[key] = self._drawn(fraction, width, color)
        return drawn

    def _drawn(self, fraction: float, width: int, color: str | None) -> str:
        done, rest = self._style.bar(fraction, width)
        if color is None:
            return done + rest
        head = f"\x1b[{color}m{done}" if done and color else done
        if not rest:
            return f"{head}{RESET}" if done and color else head
        return f"{head}\x1b[{'0;' if done and color else ''}2m{rest}{RESET}"
