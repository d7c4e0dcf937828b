"""progresskit's tasks in the look of rich.

Rich's own bars, spinners, styles and theme, in the columns of its progress display. A row is drawn again only when something
that can be seen of it has changed, and the core puts the rows on the screen: no Live, no refresh but the frame's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from progresskit.renderers import (
    STATE_COLORS,
    RowRenderer,
    cell_width,
    encodable,
    field_texts,
    fit,
    fit_names,
    format_percent,
    format_progress,
    format_rate,
    require_distribution,
)

if TYPE_CHECKING:
    from rich.progress_bar import ProgressBar

    from progresskit.renderers import TaskView, Terminal

    from .drawing import RichPainter

__all__ = ["RichRenderer"]

ENDED = ("finished", "failed", "cancelled")
BAR = 40  # as wide as a BarColumn
LEAST_BAR = 10
"""Cells below which columns go instead: the rate, then the time left, then the elapsed one."""
PERCENT = 4
REMEMBERED = 256
"""Rows that are kept drawn; more than a screen has, so that nothing visible is drawn twice."""


class Cells(NamedTuple):
    """The texts of a row, column by column, in the order of a layout but for the bar's percentage."""

    name: str
    percent: str
    amount: str
    rate: str
    elapsed: str
    left: str
    extra: str


class Layout(NamedTuple):
    """The width of each column in cells; 0 for one that has no room."""

    name: int = 0
    bar: int = 0
    amount: int = 0
    rate: int = 0
    elapsed: int = 0
    left: int = 0
    extra: int = 0


class RichRenderer(RowRenderer):
    """Rows as rich draws them, their columns under each other.

    Attributes:
        bars: Row -> its `rich.progress_bar.ProgressBar`.

    Example:
        >>> terminal, renderer = EmulatedTerminal(columns=72, lines=4), RichRenderer()
        >>> files = sample_view(description="Files", completed=3, total=12, unit="file", elapsed=4.0, rate=0.75, eta=12.0)
        >>> renderer.start(terminal)
        >>> renderer.render(Frame(time=1.0, tasks=(files,)))
        >>> terminal.flush()
        >>> print(terminal.screen[0])
        Files ━━━━━╸                  25% 3/12 files 1.3 s/file 0:00:04 0:00:12
    """

    bars: dict[int, ProgressBar]

    @classmethod
    def check(cls) -> None:
        """Raise `RendererUnavailable` where rich is missing or older than 13."""
        require_distribution("rich", "13", extra="progresskit[rich]")

    def start(self, terminal: Terminal) -> None:
        """Begin a display on `terminal`."""
        from .drawing import RichPainter  # importing rich takes longer than many frames: not before it is wanted

        super().start(terminal)
        self._painter: RichPainter = RichPainter(terminal)
        self._ellipsis = "…" if terminal.unicode else "..."
        self._widths = Layout()
        self._drawn: dict[int, tuple[object, str]] = {}
        self.bars = {}

    def bar(self, row: int) -> ProgressBar:
        """Return the bar of `row`, made when it is first needed."""
        if row not in self.bars:
            self.bars[row] = self._painter.new_bar()
        return self.bars[row]

    def rows(self, views: tuple[TaskView, ...], columns: int, time: float) -> list[str]:
        """Return the rows of all `views`, aligned, each at most `columns` cells wide."""
        if not views:
            self._widths = Layout()
            return []
        cells = [self._cells(view) for view in views]
        said = max(
            (cell_width(texts.extra) for view, texts in zip(views, cells, strict=True) if not view.cause), default=0
        )
        layout = self._layout(cells, columns, said, live=views[0].state not in ENDED)
        names = fit_names([texts.name for texts in cells], layout.name, self._ellipsis)
        return [
            self._row(view, texts._replace(name=name), layout, columns, time)
            for view, texts, name in zip(views, cells, names, strict=True)
        ]

    def _cells(self, view: TaskView) -> Cells:
        running = view.state == "running"
        words = (
            [] if view.state in ("running", "finished") else [view.outcome + (f": {view.cause}" if view.cause else "")]
        )
        words += field_texts(view, "=")
        return Cells(
            name=self._shown("  " * view.depth + view.description),
            percent=format_percent(view.fraction),
            amount=self._shown(format_progress(view.completed, view.total, view.unit, estimated=view.estimated)),
            rate=self._shown(format_rate(view.rate, view.unit)) if view.state in ("running", "finished") else "",
            elapsed=_clock(view.elapsed),
            left=_clock(view.eta) if running and view.total is not None else "",
            extra=self._shown(" ".join(words)),
        )

    def _layout(self, cells: list[Cells], columns: int, said: int, *, live: bool) -> Layout:
        """Return what each column gets. Columns only grow while rows stand, so that they do not jitter.

        Args:
            cells: The texts of each row.
            columns: The cells of a row.
            said: The cells that the widest last column needs in which there is no reason.
            live: Whether the tasks live.
        """
        wanted = Layout(0, 0, *(max(map(cell_width, column)) for column in list(zip(*cells, strict=True))[2:]))
        wanted = wanted._replace(name=max(cell_width(texts.name) for texts in cells))
        wanted = Layout(*map(max, self._widths, wanted))
        if not live:  # a reason in a line above is not worth a column: it takes what the last one leaves
            wanted = wanted._replace(extra=max(self._widths.extra, said))
        self._widths = wanted if live else wanted._replace(extra=self._widths.extra)
        name = min(wanted.name, max(columns // (3 if live else 2), 8))
        free = columns - name - (1 + PERCENT) - (1 + wanted.amount) - (1 + LEAST_BAR)
        if free < 0:
            return Layout(name, amount=wanted.amount)
        # What a task has to say for itself comes before times and rates.
        extra = max(min(wanted.extra, free - 1, max(columns // 3, 8)), 0) if wanted.extra else 0
        free -= extra + 1 if extra else 0
        got = {}
        for column in ("elapsed", "left", "rate"):
            width = getattr(wanted, column)
            got[column] = width if width and free > width else 0
            free -= got[column] + 1 if got[column] else 0
        free -= min(free, wanted.extra - extra) if extra else 0
        bar = LEAST_BAR + min(free, BAR - LEAST_BAR)
        free -= bar - LEAST_BAR
        name = min(wanted.name, name + free)
        used = name + 1 + bar + 1 + PERCENT + 1 + wanted.amount + sum(width + 1 for width in got.values() if width)
        return Layout(name, bar, wanted.amount, extra=max(columns - used - 1, 0), **got)

    def _row(self, view: TaskView, texts: Cells, layout: Layout, columns: int, time: float) -> str:
        color = STATE_COLORS.get(view.outcome, view.color)
        spinning = view.fraction is None and view.state == "running"
        done = -1 if view.fraction is None else int(view.fraction * 2 * layout.bar)  # rich draws half cells
        turn = self._painter.turn(time) if spinning and layout.bar else ""
        key = (texts, layout, columns, color, done, turn, view.position)
        known = self._drawn.get(view.id)
        if known is not None and known[0] == key:
            return known[1]
        if len(self._drawn) >= REMEMBERED:
            self._drawn.clear()
        row = self._draw(view, texts, layout, columns, color, turn)
        self._drawn[view.id] = key, row
        return row

    def _draw(self, view: TaskView, texts: Cells, layout: Layout, columns: int, color: str | None, turn: str) -> str:
        styled, pad = self._painter.styled, self._pad
        stopped = view.state in ("failed", "cancelled")
        if not layout.bar or (stopped and cell_width(texts.extra) > layout.extra):
            room = columns - 1 - cell_width(texts.amount)
            name = fit(texts.name, min(room, layout.name), ellipsis=self._ellipsis)
            if not name:
                return styled(fit(f"{texts.name} {texts.amount}", columns, ellipsis=self._ellipsis, pad=False), color)
            amount = pad(texts.amount, layout.amount if layout.name + layout.amount < columns else 0)
            said = " ".join(filter(None, (texts.extra, texts.percent.strip())))
            said = fit(said, columns - cell_width(f"{name} {amount} "), ellipsis=self._ellipsis, pad=False)
            style = STATE_COLORS.get(view.outcome, "progress.percentage")
            return f"{styled(name, color)} {styled(amount, 'progress.download')} {styled(said, style)}".rstrip()
        if view.fraction is not None:
            bar = self.bar(view.position)
            bar.total, bar.completed = 1.0, view.fraction
            bar.complete_style, bar.finished_style = color or "bar.complete", color or "bar.finished"
            drawn = self._painter.bar(bar, layout.bar)
        else:
            drawn = styled(fit(turn, layout.bar), "progress.spinner")
        parts = [
            styled(texts.name, color or "progress.description"),
            drawn,
            styled(texts.percent, "progress.percentage"),
            styled(pad(texts.amount, layout.amount), "progress.download"),
        ]
        for width, text, style in (
            (layout.rate, texts.rate, "progress.data.speed"),
            (layout.elapsed, texts.elapsed, "progress.elapsed"),
            (layout.left, texts.left, "progress.remaining"),
        ):
            if width:
                parts.append(styled(pad(text, width), style))
        if layout.extra and texts.extra:
            said = fit(texts.extra, layout.extra, ellipsis=self._ellipsis, pad=False)
            parts.append(styled(said, STATE_COLORS.get(view.outcome, "bright_black")))
        return " ".join(parts).rstrip()

    def _pad(self, text: str, width: int) -> str:
        """Return `text` at the right of `width` cells."""
        return " " * (width - cell_width(text)) + text

    def _shown(self, text: str) -> str:
        return encodable(text, self.terminal.encoding)


def _clock(seconds: float | None) -> str:
    """Return a duration as rich's time columns do."""
    if seconds is None:
        return "-:--:--"
    minutes, second = divmod(max(int(seconds), 0), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}"
