"""progresskit's tasks in the look of alive-progress.

alive-progress draws one bar at a time and has a thread for it; its public bar and spinner styles are composed into rows
here, as many as there are tasks. The core puts the rows on the screen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from progresskit.renderers import (
    STATE_COLORS,
    RowRenderer,
    cell_width,
    encodable,
    field_texts,
    fit,
    fit_names,
    format_duration,
    format_percent,
    format_progress,
    format_rate,
    require_distribution,
    sgr,
)

if TYPE_CHECKING:
    from progresskit.renderers import TaskView, Terminal

    from .styles import Bar, Styles

__all__ = ["AliveRenderer"]

ENDED = ("finished", "failed", "cancelled")
BAR = 40  # alive-progress's own length
LEAST_BAR = 8
"""Cells below which what stands behind the bar becomes shorter instead."""


class AliveRenderer(RowRenderer):
    """Rows made of alive-progress's bars and spinners, their titles under each other.

    Attributes:
        styles: The names of the bar, the spinner and the bar of an unknown total, from `alive_progress.styles`. A
            subclass may name others.
        bars: Row -> its bar.

    Example:
        >>> terminal, renderer = EmulatedTerminal(columns=72, lines=4), AliveRenderer()
        >>> files = sample_view(description="Files", completed=3, total=12, unit="file", elapsed=4.0, rate=0.75, eta=12.0)
        >>> renderer.start(terminal)
        >>> renderer.render(Frame(time=1.0, tasks=(files,)))
        >>> terminal.flush()
        >>> print(terminal.screen[0])
        Files |████▎            | ▅▃▁ 3/12 files [25%] in 4s (~12s, 1.3 s/file)
    """

    styles: ClassVar[tuple[str, str, str]] = ("smooth", "waves", "triangles")
    ascii_styles: ClassVar[tuple[str, str, str]] = ("classic", "classic", "brackets")
    bars: dict[int, Bar]

    @classmethod
    def check(cls) -> None:
        """Raise `RendererUnavailable` where alive-progress is missing or older than 3.1."""
        require_distribution("alive-progress", "3.1", extra="progresskit[alive]")

    def start(self, terminal: Terminal) -> None:
        """Begin a display on `terminal`."""
        from .styles import Styles  # importing alive-progress takes longer than many frames: not before it is wanted

        super().start(terminal)
        self._styles: Styles = Styles(*(self.styles if terminal.unicode else self.ascii_styles))
        self._ellipsis = "…" if terminal.unicode else "..."
        self._depth: int = getattr(terminal, "color_depth", 0)
        self._widths: list[int] = []
        self.bars = {}

    def bar(self, row: int, length: int) -> Bar:
        """Return the bar of `row`, `length` cells between its borders, made when it is first needed."""
        bar = self.bars.get(row)
        if bar is None or bar.length != length:
            bar = self.bars[row] = self._styles.new_bar(length)
        return bar

    def rows(self, views: tuple[TaskView, ...], columns: int, time: float) -> list[str]:
        """Return the rows of all `views`, aligned, each at most `columns` cells wide."""
        if not views:
            self._widths = []
            return []
        if views[0].state in ENDED:
            return [self._receipt(view, columns, time) for view in views]
        titles = [self._shown("  " * view.depth + view.description) for view in views]
        tails = [self._tails(view) for view in views]
        # Titles and what stands behind the bars only grow while rows stand, so that the bars do not jitter.
        widest = [max(map(cell_width, texts)) for texts in (titles, *zip(*tails, strict=True))]
        self._widths = widths = [max(pair) for pair in zip(self._widths or [0] * len(widest), widest, strict=True)]
        spinner = self._styles.spinner(time)
        title = min(widths[0], max(columns // 3, LEAST_BAR))
        around = title + len(" ||") + 1 + cell_width(spinner) + 1
        level = bar = width = 0
        for level, width in enumerate(widths[1:]):  # noqa: B007  # the first that leaves enough for a bar
            bar = min(columns - around - width, BAR)
            if bar >= LEAST_BAR:
                break
        title = min(widths[0], title + max(columns - around - width - bar, 0))
        return [
            self._row(view, name, tail, level, bar, columns, time)
            for view, name, tail in zip(views, fit_names(titles, title, self._ellipsis), tails, strict=True)
        ]

    def _row(
        self, view: TaskView, title: str, tails: list[str], level: int, bar: int, columns: int, time: float
    ) -> str:
        if bar < LEAST_BAR:
            return self._barless(view, columns)
        spinner = self._styles.spinner(time)
        tail = f"{spinner if view.state == 'running' else ' ' * cell_width(spinner)} {tails[level]}"
        room = columns - cell_width(title) - len(" || ") - bar
        return self._joined(view, title, bar, fit(tail, room, ellipsis=self._ellipsis, pad=False), time)

    def _receipt(self, view: TaskView, columns: int, time: float) -> str:
        """Return the row of an ended task: no spinner any more, its whole title, and all it has to say before its bar."""
        title = self._shown("  " * view.depth + view.description)
        for tail in self._tails(view):
            bar = columns - cell_width(title) - len(" || ") - cell_width(tail)
            if bar >= 1:
                return self._joined(view, title, min(bar, BAR), tail, time)
        return self._barless(view, columns)

    def _joined(self, view: TaskView, title: str, bar: int, tail: str, time: float) -> str:
        # A style's own ends are one cell each, as a rule.
        drawn = self._painted(fit(self._drawn(view, bar, time), bar + 2, ellipsis=""), view)
        return f"{title} {drawn} {tail}".rstrip()

    def _barless(self, view: TaskView, columns: int) -> str:
        """Return the row of `view` where there is no room for a bar: the count is the last thing to go."""
        title, tail = self._shown("  " * view.depth + view.description), self._tails(view)[-1]
        room = max(columns - 1 - cell_width(tail), LEAST_BAR)
        head = fit(title, room, ellipsis=self._ellipsis, pad=False)
        return self._painted(fit(f"{head} {tail}", columns, ellipsis=self._ellipsis, pad=False), view)

    def _drawn(self, view: TaskView, length: int, time: float) -> str:
        """Return the bar itself, its borders included."""
        bar = self.bar(view.position, length)
        share = view.fraction
        if share is None:
            return bar.unknown(time) if view.state == "running" else bar.known(float(view.state == "finished"))
        if view.state in ENDED:
            return bar.ended(share)
        # Styles round to the nearest step: never to a full bar before the task has said that it is done.
        return bar.known(min(share, 1 - 0.5 / length))

    def _tails(self, view: TaskView) -> list[str]:
        """Return what stands behind the bar, from the fullest to the barest, always as many."""
        count = format_progress(view.completed, view.total, view.unit, estimated=view.estimated)
        ended = view.state in ENDED
        if ended and view.total is not None and view.completed != view.total:
            count = f"(!) {count}"
        if view.fraction is not None and view.total is not None:
            count += f" [{format_percent(view.fraction).strip()}]"
        rate = format_rate(view.rate, view.unit) if view.state in ("running", "finished") else ""
        left = _span(view.eta) if view.state == "running" and view.total is not None else ""
        stats = ", ".join(filter(None, (f"~{left}" if left else "", rate)))
        state = "" if view.state in ("running", "finished") else view.outcome
        if view.cause:
            state += f": {view.cause}"
        fields = " ".join(field_texts(view, "="))
        within = f"in {_span(view.elapsed, 1 if ended else 0)}"
        words = (
            (count, within, f"({stats})" if stats else "", state, fields),
            (count, within, state, fields) if ended else (count, within, f"({stats})" if stats else "", state),
            (count, within, f"(~{left})" if left else "", state),
            (count, within, state),
            (count, state),
        )
        return [self._shown(" ".join(filter(None, texts))) for texts in words]

    def _painted(self, text: str, view: TaskView) -> str:
        color = STATE_COLORS.get(view.outcome, view.color)
        return f"\x1b[{sgr(color, self._depth)}m{text}\x1b[0m" if color and self.terminal.colors else text

    def _shown(self, text: str) -> str:
        return encodable(text, self.terminal.encoding)


def _span(seconds: float | None, places: int = 0) -> str:
    """Return a duration as alive-progress writes it: seconds below a minute, a clock's reading above."""
    if seconds is None:
        return "?"
    if seconds >= 60:
        return format_duration(seconds)
    return f"{int(seconds * 10) / 10:.1f}s" if places else f"{int(seconds)}s"
