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
    {
        "finished": "✓",
        "failed": "✗",
        "cancelled": "■",
        "left running": "■",
        "stopped early": "–",
        "paused": "‖",
        "pending": "·",
    },
    "…",
)
ASCII = Glyphs(
    " #",
    "[",
    "]",
    "|/-\\",
    {
        "finished": "+",
        "failed": "x",
        "cancelled": "-",
        "left running": "-",
        "stopped early": "-",
        "paused": "=",
        "pending": ".",
    },
    "...",
)


class Cells(NamedTuple):
    """The texts of a row, column by column, and their widths in cells."""

    view: TaskView
    fraction: float | None
    name: str
    percent: str
    amount: str
    rate: str
    times: str
    extra: str
    widths: tuple[int, int, int, int]  # of name, amount, rate and times
    extra_width: int


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
            return []
        cells = [self._cells(view) for view in views]
        names, counts, rates, clocks = self._widths
        # Fields and reasons take their room from all bars alike, so that columns stay aligned. The
        # last line of an ended task stands above the rows, and takes its room from its own bar.
        extra = self._extra
        for entry in cells:
            name, count, rate, clock = entry.widths
            names = name if name > names else names
            counts = count if count > counts else counts
            rates = rate if rate > rates else rates
            clocks = clock if clock > clocks else clocks
            if entry.extra_width > extra and entry.view.state not in ENDED:
                extra = entry.extra_width
        self._widths, self._extra = (names, counts, rates, clocks), extra
        room = max(columns, 0)
        name = min(names, max(room // 3, 8))
        bar = room - (2 + name + 1 + 4 + 1 + 1 + counts + 2 + clocks) - (rates + 2 if rates else 0)
        if bar < 12 and rates:  # too narrow: drop the rate first, then the times, then the bar
            bar, rates = bar + rates + 2, 0
        if bar < 12:
            bar, clocks = bar + clocks + 2, 0
        widths = (name, counts, rates, clocks)
        return [self._row(entry, room, widths, bar, time) for entry in cells]

    def _bar_width(self, cells: Cells, room: int) -> int:
        """Return the width of a row's bar within `room` cells, which it shares with fields and reasons."""
        extra = cells.extra_width if cells.view.state in ENDED else self._extra
        width = min(max(room, 0), WIDEST_BAR)
        return max(min(width, room - extra - 2), min(width, NARROWEST_BAR)) if extra else width

    def _cells(self, view: TaskView) -> Cells:
        fraction, state = view.fraction, view.state
        name = view.description if not view.depth else "  " * view.depth + view.description
        amount = format_progress(view.completed, view.total, view.unit, estimated=view.estimated)
        rate = "" if state in ("paused", "pending") else format_rate(view.rate, view.unit)
        if state in ENDED:
            times = f"in {format_seconds(view.elapsed)}"
        elif state == "pending":
            times = "waiting"
        elif view.total is None:
            times = format_duration(view.elapsed)
        else:
            times = f"{format_duration(view.elapsed)} eta {format_duration(view.eta)}"
        extra = (
            " ".join([f"{name}={value}" if name else f"{value}" for name, value in view.fields.items()])
            if view.fields
            else ""
        )
        if state in ("failed", "cancelled", "paused"):
            extra = " ".join(filter(None, (view.outcome + (f": {view.cause}" if view.cause else ""), extra)))
        if self._encoding != "utf-8":
            name, amount, rate, extra = (encodable(text, self._encoding) for text in (name, amount, rate, extra))
        widths = cell_width(name), cell_width(amount), cell_width(rate) if rate else 0, len(times)  # which is ASCII
        width = cell_width(extra) if extra else 0
        return Cells(view, fraction, name, format_percent(fraction), amount, rate, times, extra, widths, width)

    def _row(self, cells: Cells, room: int, widths: tuple[int, int, int, int], bar: int, time: float) -> str:
        """Return the row of `cells` in columns of these `widths`, with a bar of `bar` cells if there is nothing beside it."""
        glyphs, view = self._glyphs, cells.view
        name, count, rate, times = widths
        own_name, own_count, own_rate, _ = cells.widths
        outcome = view.outcome
        bar = self._bar_width(cells, bar)
        text = (
            cells.name + " " * (name - own_name)
            if own_name <= name
            else fit(cells.name, name, ellipsis=glyphs.ellipsis)
        )
        head = f"{glyphs.marks.get(outcome, ' ')} {text}"
        tail = f" {' ' * (count - own_count)}{cells.amount}"
        if rate:
            tail += f"  {' ' * (rate - own_rate)}{cells.rate}"
        if times:
            tail += f"  {cells.times:<{times}}"
        color: str | None = (
            (view.color or "green") if view.state == "finished" else STATE_COLORS.get(outcome, view.color)
        )
        if bar < 4:
            row = fit(f"{head} {cells.percent}{tail}", room, ellipsis=glyphs.ellipsis, pad=False)
            return self._colored(row, color)
        extra = ""
        if cells.extra:
            used = 2 + name + 1 + 4 + 1 + bar + 1 + count + (2 + rate if rate else 0) + (2 + times if times else 0)
            if room - used > 6:
                extra = "  " + fit(cells.extra, room - used - 2, ellipsis=glyphs.ellipsis, pad=False)
        drawn = self._bar(cells, bar, color, time)
        if not self._colors:
            return f"{head} {cells.percent} {drawn}{tail}{extra}".rstrip()
        head = f"\x1b[{SGR[color]}m{head}{RESET}" if color else head
        return f"{head} {cells.percent} {drawn}{tail}{DIM}{extra.rstrip()}{RESET}"

    def _bar(self, cells: Cells, width: int, color: str | None, time: float) -> str:
        glyphs, fraction = self._glyphs, cells.fraction
        if fraction is None:
            running = cells.view.state == "running"
            spin = glyphs.spinner[int(time * SPIN_RATE) % len(glyphs.spinner)] if running else " "
            return f" {self._colored(spin, color)}{' ' * (width - 2)}"
        eighths = glyphs.eighths
        steps = len(eighths) - 1
        inner = width if self._colors else width - 2  # colours show where the bar ends; no frame is needed
        full, part = divmod(int(fraction * inner * steps), steps)
        filled = eighths[-1] * full + (eighths[part] if full < inner else "")
        if not self._colors:
            return f"{glyphs.left}{filled:<{inner}}{glyphs.right}"
        return f"\x1b[{SGR.get(color or 'cyan', 36)};{TRACK}m{filled:<{inner}}{RESET}"

    def _colored(self, text: str, color: str | None) -> str:
        return f"\x1b[{SGR[color]}m{text}{RESET}" if self._colors and color else text
