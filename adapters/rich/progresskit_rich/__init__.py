"""progresskit's tasks in the look of rich.

Rich composes the rows (its own bars, text and spinners in its own grid), once a frame however many tasks there are; the core
puts them on the screen. No Live and no Console of the user's is involved, so nothing refreshes by itself.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from progresskit.cells import encodable
from progresskit.formatting import format_duration, format_percent, format_progress, format_rate
from progresskit.frames import TaskView
from progresskit.protocols import RendererUnavailable, Terminal
from progresskit.rows import RowRenderer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress_bar import ProgressBar

__all__ = ["RichRenderer"]
ENDED = ("finished", "failed", "cancelled")
STYLES = {"failed": "red", "cancelled": "yellow", "paused": "yellow"}


class RichRenderer(RowRenderer):
    """Rows as rich lays them out."""

    @classmethod
    def check(cls) -> None:
        """Raise `RendererUnavailable` where rich cannot be imported."""
        try:
            import rich  # noqa: F401  # only whether it is there
        except ImportError as error:
            raise RendererUnavailable("rich is not installed", "progresskit[rich]") from error

    def start(self, terminal: Terminal) -> None:
        """Begin a display on `terminal`."""
        from rich.console import Console
        from rich.spinner import Spinner

        super().start(terminal)
        self._console: Console = Console(
            file=io.StringIO(),
            force_terminal=True,
            force_jupyter=False,
            legacy_windows=False,
            color_system="standard" if terminal.colors else None,
            no_color=not terminal.colors,
            highlight=False,
            markup=False,
            emoji=False,
            _environ={},
        )
        self._spinner = Spinner("dots" if terminal.unicode else "line")
        self.bars: list[ProgressBar] = []

    def bar(self, row: int) -> ProgressBar:
        """Return the bar of `row`, made when it is first needed."""
        from rich.progress_bar import ProgressBar

        while len(self.bars) <= row:
            self.bars.append(ProgressBar(width=None))
        return self.bars[row]

    def rows(self, views: tuple[TaskView, ...], columns: int, time: float) -> list[str]:
        """Return the rows of all `views`, aligned by one grid and rendered at once."""
        from rich.table import Table

        if not views or columns < 8:
            return [""] * len(views)
        overflow: Any = "ellipsis" if self.terminal.unicode else "crop"
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(no_wrap=True, overflow=overflow, max_width=max(columns // 3, 8))
        grid.add_column(no_wrap=True, overflow=overflow, ratio=1)
        for _ in range(4):
            grid.add_column(no_wrap=True, overflow=overflow, justify="right")
        if any(self._extra(view) for view in views):
            grid.add_column(no_wrap=True, overflow=overflow, max_width=max(columns // 3, 8))
        for view in views:
            grid.add_row(*self._cells(view, time))
        console = self._console
        options = console.options.update(width=columns, max_width=columns, no_wrap=True)
        options.encoding = "utf-8" if self.terminal.unicode else "ascii"
        system = console._color_system if self.terminal.colors else None  # what Style.render takes has no public name
        lines = console.render_lines(grid, options, pad=False)
        return [
            "".join(
                segment.style.render(segment.text, color_system=system) if segment.style and system else segment.text
                for segment in line
            ).rstrip()
            for line in lines[: len(views)]
        ]

    def _cells(self, view: TaskView, time: float) -> list[Any]:
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        style = STYLES.get(view.state, view.color or "")
        clock = format_duration(view.elapsed)
        if view.state == "running" and view.total is not None:
            clock += f" {format_duration(view.eta)}"
        cells: list[Any] = [Text(self._shown("  " * view.depth + view.description), style=style)]
        if view.fraction is None:
            cells.append(self._spinner.render(time) if view.state == "running" else Text(""))
        else:
            # A line that stays has no row of its own: its bar is used once.
            bar = self.bar(view.position) if view.state not in ENDED else ProgressBar(width=None)
            bar.total, bar.completed = 1.0, view.fraction
            bar.complete_style = style or "bar.complete"
            bar.finished_style = view.color or "bar.finished"
            cells.append(bar)
        amount = format_progress(view.completed, view.total, view.unit, estimated=view.estimated)
        cells += [
            Text(format_percent(view.fraction).strip(), style="progress.percentage"),
            Text(self._shown(amount), style="progress.download"),
            Text(self._shown(format_rate(view.rate, view.unit)), style="progress.data.speed"),
            Text(clock, style="progress.elapsed"),
        ]
        extra = self._extra(view)
        if extra:
            cells.append(Text(self._shown(extra), style=STYLES.get(view.state, "dim")))
        return cells

    def _extra(self, view: TaskView) -> str:
        words = [f"{name}={value}" for name, value in view.fields.items()]
        if view.state in STYLES:
            words.insert(0, view.state + (f": {view.reason}" if view.reason else ""))
        return " ".join(words)

    def _shown(self, text: str) -> str:
        return encodable(text, self.terminal.encoding)
