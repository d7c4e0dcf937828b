"""Turn a frame into rows of text: columns, bars, spinners and colours.

Pure: from views, a width in cells and a time in seconds to strings. Does not know the terminal. No
row is wider than the given width, so that no terminal wraps it.
"""

from __future__ import annotations

from typing import NamedTuple

from .._model.frames import TaskView
from .._model.states import ENDED
from .._text.cells import cell_width, encodable, fit
from .._text.colors import SGR, STATE_COLORS
from .._text.formatting import format_duration, format_percent, format_progress, format_rate, format_seconds

RESET = "\x1b[0m"
DIM = "\x1b[2m"
TRACK = 100  # SGR: bright black background, behind the part of a bar that is not done
WIDEST_BAR = 42
NARROWEST_BAR = 10
SPIN_RATE = 10.0
"""Steps of a spinner per second."""


class Glyphs(NamedTuple):
    """The characters of bars, spinners and marks."""

    eighths: str  # an empty cell, then the parts of a cell from the thinnest to the full one
    left: str
    right: str
    spinner: str
    marks: dict[str, str]  # state -> one cell
    ellipsis: str


UNICODE = Glyphs(
    " ▏▎▍▌▋▊▉█",
    "▕",
    "▏",
    "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏",
    {"finished": "✓", "failed": "✗", "cancelled": "■", "stopped early": "–", "paused": "‖", "pending": "·"},
    "…",
)
ASCII = Glyphs(
    " #",
    "[",
    "]",
    "|/-\\",
    {"finished": "+", "failed": "x", "cancelled": "-", "stopped early": "-", "paused": "=", "pending": "."},
    "...",
)


class Cells(NamedTuple):
    """The texts of a row, column by column."""

    view: TaskView
    name: str
    percent: str
    amount: str
    rate: str
    times: str
    extra: str


class Painter:
    """Turn frames into rows. Columns never get narrower while rows stand, so that they do not jitter.

    Args:
        unicode: Whether block characters may be used.
        colors: Whether SGR sequences may be used.
        encoding: The codec of the stream. Characters that it lacks appear as escapes.
    """

    def __init__(self, *, unicode: bool = True, colors: bool = True, encoding: str = "utf-8") -> None:
        self._glyphs = UNICODE if unicode else ASCII
        self._colors = colors
        self._encoding = encoding
        self._widths = (0, 0, 0, 0)
        self._extra = 0

    def rows(self, views: tuple[TaskView, ...], columns: int, time: float) -> list[str]:
        """Return a row of at most `columns` cells for each of `views`, with a mark before each task
        that is not running.

        Example:
            >>> view = sample_view(description="Files", completed=3, total=12, unit="file")
            >>> Painter(colors=False).rows((view,), 59, 0.0)
            ['  Files  25% ▕████▊              ▏ 3/12 file  0:00 eta -:--']
        """
        if not views:
            self._widths = (0, 0, 0, 0)
            self._extra = 0
        return self._paint(views, columns, time)

    def _paint(self, views: tuple[TaskView, ...], columns: int, time: float) -> list[str]:
        cells = [self._cells(view) for view in views]
        room = max(columns, 0)
        widths = tuple(
            max([old, *(cell_width(str(entry[column])) for entry in cells)])
            for old, column in zip(self._widths, (1, 3, 4, 5), strict=True)
        )
        self._widths = widths  # type: ignore[assignment]  # as many as the columns above
        name = min(widths[0], max(room // 3, 8))
        count, rate, times = widths[1:]
        bar = room - (2 + name + 1 + 4 + 1 + 1 + count + 2 + times) - (rate + 2 if rate else 0)
        if bar < 12 and rate:  # too narrow: drop the rate first, then the times, then the bar
            bar, rate = bar + rate + 2, 0
        if bar < 12:
            bar, times = bar + times + 2, 0
        # Fields and reasons take their room from all bars alike, so that columns stay aligned. The
        # last line of an ended task stands above the rows, and takes its room from its own bar.
        live = [cell_width(entry.extra) for entry in cells if entry.view.state not in ENDED]
        self._extra = max([self._extra, *live]) if live else self._extra
        return [self._row(entry, room, name, self._bar_width(entry, bar), count, rate, times, time) for entry in cells]

    def _bar_width(self, cells: Cells, room: int) -> int:
        """Return the width of a row's bar within `room` cells, which it shares with fields and reasons."""
        extra = cell_width(cells.extra) if cells.view.state in ENDED else self._extra
        width = min(max(room, 0), WIDEST_BAR)
        return max(min(width, room - extra - 2), min(width, NARROWEST_BAR)) if extra else width

    def _cells(self, view: TaskView) -> Cells:
        text = encodable("  " * view.depth + view.description, self._encoding)
        ended = view.state in ENDED
        percent = format_percent(view.fraction)
        count = encodable(
            format_progress(view.completed, view.total, view.unit, estimated=view.estimated), self._encoding
        )
        rate = (
            "" if view.state in ("paused", "pending") else encodable(format_rate(view.rate, view.unit), self._encoding)
        )
        if ended:
            times = f"in {format_seconds(view.elapsed)}"
        elif view.state == "pending":
            times = "waiting"
        elif view.total is None:
            times = format_duration(view.elapsed)
        else:
            times = f"{format_duration(view.elapsed)} eta {format_duration(view.eta)}"
        extra = " ".join(f"{name}={value}" for name, value in view.fields.items())
        if view.state in ("failed", "cancelled", "paused"):
            extra = " ".join(filter(None, (view.outcome + (f": {view.cause}" if view.cause else ""), extra)))
        return Cells(view, text, percent, count, rate, times, encodable(extra, self._encoding))

    def _row(self, cells: Cells, room: int, name: int, bar: int, count: int, rate: int, times: int, time: float) -> str:
        glyphs, view = self._glyphs, cells.view
        mark = glyphs.marks.get(view.outcome) or glyphs.marks.get(view.state, " ")
        head = f"{mark} {fit(cells.name, name, ellipsis=glyphs.ellipsis)}"
        tail = f" {cells.amount:>{max(count - cell_width(cells.amount) + len(cells.amount), 0)}}"
        if rate:
            tail += f"  {cells.rate:>{max(rate - cell_width(cells.rate) + len(cells.rate), 0)}}"
        if times:
            tail += f"  {cells.times:<{times}}"
        if bar < 4:
            row = fit(f"{head} {cells.percent}{tail}", room, ellipsis=glyphs.ellipsis, pad=False)
            return self._colored(row, self._color(view))
        used = cell_width(head) + 1 + len(cells.percent) + 1 + bar + cell_width(tail)
        extra = ""
        if cells.extra and room - used > 6:
            extra = "  " + fit(cells.extra, room - used - 2, ellipsis=glyphs.ellipsis, pad=False)
        color = self._color(view)
        drawn = self._bar(view, bar, time)
        if not self._colors:
            return f"{head} {cells.percent} {drawn}{tail}{extra}".rstrip()
        return f"{self._colored(head, color)} {cells.percent} {drawn}{tail}{DIM}{extra.rstrip()}{RESET}"

    def _bar(self, view: TaskView, width: int, time: float) -> str:
        glyphs = self._glyphs
        inner = width - 2
        fraction = view.fraction
        if fraction is None:
            spin = glyphs.spinner[int(time * SPIN_RATE) % len(glyphs.spinner)] if view.state == "running" else " "
            return f" {self._colored(spin, self._color(view))}{' ' * (width - 2)}"
        steps = len(glyphs.eighths) - 1
        full, part = divmod(int(fraction * inner * steps), steps)
        if not self._colors:
            filled = glyphs.eighths[-1] * full + (glyphs.eighths[part] if full < inner else "")
            return f"{glyphs.left}{filled:<{inner}}{glyphs.right}"
        inner = width  # colours show where the bar ends; no frame is needed
        full, part = divmod(int(fraction * inner * steps), steps)
        filled = glyphs.eighths[-1] * full + (glyphs.eighths[part] if full < inner else "")
        return f"\x1b[{SGR.get(self._color(view) or 'cyan', 36)};{TRACK}m{filled:<{inner}}{RESET}"

    def _color(self, view: TaskView) -> str | None:
        if view.state == "finished":
            return view.color or "green"
        return STATE_COLORS.get(view.outcome, view.color)

    def _colored(self, text: str, color: str | None) -> str:
        return f"\x1b[{SGR[color]}m{text}{RESET}" if self._colors and color else text
