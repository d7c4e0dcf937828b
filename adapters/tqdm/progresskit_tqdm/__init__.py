"""progresskit's tasks in the look of tqdm.

One tqdm object a row, reused by the row's next task, draws through its own `format_meter`; the figures are the frame's. The
core puts the rows on the screen, so nothing of tqdm's writes, waits for a lock or starts a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from progresskit.renderers import TaskView, Terminal

    from .bars import RowBar

__all__ = ["TqdmRenderer"]

ENDED = ("finished", "failed", "cancelled")
LEAST_BAR = 8
"""Cells below which a live bar says little: the fields, the speed, then the time left, go first. What an ended one has to
say comes before its bar."""


class TqdmRenderer(RowRenderer):
    """Rows as tqdm formats them.

    Attributes:
        bars: Row -> its tqdm object.

    Example:
        >>> terminal, renderer = EmulatedTerminal(columns=72, lines=4), TqdmRenderer()
        >>> files = sample_view(description="Files", completed=3, total=12, unit="file", elapsed=4.0, rate=0.75, eta=12.0)
        >>> renderer.start(terminal)
        >>> renderer.render(Frame(time=1.0, tasks=(files,)))
        >>> terminal.flush()
        >>> print(terminal.screen[0])
        Files:  25%|█████               | 3/12 files [00:04<00:12, 1.33 s/file]
    """

    bars: dict[int, RowBar]

    @classmethod
    def check(cls) -> None:
        """Raise `RendererUnavailable` where tqdm is missing or older than 4.66."""
        require_distribution("tqdm", "4.66", extra="progresskit[tqdm]")

    def start(self, terminal: Terminal) -> None:
        """Begin a display on `terminal`."""
        from .bars import RowBar  # importing tqdm takes longer than many frames: not before it is wanted

        super().start(terminal)
        self._make = RowBar
        self._ellipsis = "…" if terminal.unicode else "..."
        self.bars = {}

    def bar(self, row: int) -> RowBar:
        """Return the tqdm object of `row`, made when it is first needed."""
        if row not in self.bars:
            self.bars[row] = self._make(self.terminal.file, ascii_only=not self.terminal.unicode)
        return self.bars[row]

    def rows(self, views: tuple[TaskView, ...], columns: int, time: float) -> list[str]:
        """Return the rows of all `views`, bars and counts under each other where there is room for that."""
        names = [self._shown("  " * view.depth + view.description) for view in views]
        tails = [list(self._tails(view)) for view in views]
        ended = bool(views) and views[0].state in ENDED
        widest = max(map(cell_width, names), default=0)
        name = widest if ended else min(widest, max(columns // 3, 8))
        least = name + len(": ||") + len(format_percent(0.0)) + LEAST_BAR
        levels = (
            1 if ended else max(map(len, tails), default=0)
        )  # where not all fits, each line that stays has its own room
        for level in range(levels):
            chosen = [texts[min(level, len(texts) - 1)] for texts in tails]
            widest = max(map(cell_width, chosen))
            if columns - widest >= least:
                has_bars = any(view.total is not None for view in views)
                rest = columns - name - len(":") - widest if has_bars else 0
                return [
                    self._aligned(view, own, tail, rest)
                    for view, own, tail in zip(views, fit_names(names, name, self._ellipsis), chosen, strict=True)
                ]
        return [self.row(view, columns, time) for view in views]

    def _aligned(self, view: TaskView, name: str, tail: str, cells: int) -> str:
        """Return the row of `view` with `cells` cells between its name and what stands behind the bar."""
        if view.total is None:
            return f"{name}:{' ' * cells}{tail}"
        percent = f" {format_percent(view.fraction)}"
        colour = STATE_COLORS.get(view.outcome, view.color) if self.terminal.colors else None
        bar = self.bar(view.position).meter(view.fraction or 0.0, cells - len(percent), colour)
        return f"{name}:{percent}{bar}{tail}"

    def row(self, view: TaskView, columns: int, time: float) -> str:
        """Return `view` as tqdm shows a bar, in at most `columns` cells; the count is the last thing to go."""
        name = self._shown("  " * view.depth + view.description)
        percent = "" if view.total is None else format_percent(view.fraction)
        ended = view.state in ENDED
        frame = len(": ||") + len(percent) + (1 if ended else LEAST_BAR) if percent else len(":")
        least = frame + (cell_width(name) if ended else min(cell_width(name), max(columns // 3, 8)))
        for tail in self._tails(view):
            room = columns - cell_width(tail)
            if room >= least:
                break
        else:  # too narrow for any bar
            name = fit(name, max(room - len(":"), min(columns // 3, 8)), ellipsis=self._ellipsis, pad=False)
            return fit(f"{name}:{tail}", columns, ellipsis=self._ellipsis, pad=False)
        head = fit(name, room - frame, ellipsis=self._ellipsis, pad=False) + ":"
        if not percent:
            return head + tail
        colour = STATE_COLORS.get(view.outcome, view.color) if self.terminal.colors else None
        head = f"{head} {percent}"
        bar = self.bar(view.position).meter(view.fraction or 0.0, room - cell_width(head), colour)
        return f"{head}{bar}{tail}"

    def _tails(self, view: TaskView) -> Iterator[str]:
        """Yield what stands behind the bar, from the fullest to the barest."""
        count = format_progress(view.completed, view.total, view.unit, estimated=view.estimated)
        elapsed, left = _interval(view.elapsed), _interval(view.eta)
        clock = f"{elapsed}<{left}" if view.state == "running" and view.total is not None else elapsed
        speed = f", {_speed(view)}" if view.state in ("running", "finished") else ""
        state = "" if view.state in ("running", "finished") else f", {view.outcome}"
        reason = f": {view.cause}" if view.cause else ""
        fields = "".join(f", {text}" for text in field_texts(view, "="))
        stats = [
            f" [{clock}{speed}{state}{reason}{fields}]",
            f" [{clock}{state}{reason}{fields}]" if view.state in ENDED else f" [{clock}{speed}{state}{reason}]",
            f" [{clock}{state}{reason}]",
        ]
        if not reason:  # why it failed is worth more than a bar
            stats.append(f" [{elapsed}{state}]")
            stats.append(f" [{view.outcome}]" if state and view.state in ENDED else "")
        for text in stats:
            yield self._shown(f" {count}{text}")

    def _shown(self, text: str) -> str:
        return encodable(text, self.terminal.encoding)


def _interval(seconds: float | None) -> str:
    """Return a duration as tqdm writes it: two digits for the minutes, and `?` for what is not known."""
    if seconds is None:
        return "?"
    text = format_duration(seconds)
    return text.zfill(5) if len(text) < 5 else text


def _speed(view: TaskView) -> str:
    """Return the rate; below one a second as tqdm does, in seconds for each."""
    if view.rate and view.rate < 1 and view.unit not in ("B", "iB"):
        return f"{1 / view.rate:.2f} s/{view.unit}"
    return format_rate(view.rate, view.unit) or f"? {'B' if view.unit == 'iB' else view.unit}/s"
