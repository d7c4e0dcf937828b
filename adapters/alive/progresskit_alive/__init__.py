"""progresskit's tasks in the look of alive-progress.

alive-progress has no multiple bars of its own: its public bar and spinner styles are composed into rows, which the core puts
on the screen. Bars are made once for each row and width and reused.
"""

from __future__ import annotations

from typing import Any

from progresskit.cells import cell_width, encodable, fit
from progresskit.colors import SGR
from progresskit.formatting import format_duration, format_percent, format_progress, format_rate
from progresskit.frames import TaskView
from progresskit.protocols import RendererUnavailable, Terminal
from progresskit.rows import RowRenderer

__all__ = ["AliveRenderer"]
BAR, SPINNER = "smooth", "waves"
ASCII_BAR, ASCII_SPINNER = "classic", "classic"
FRAMES_A_SECOND = 10


class AliveRenderer(RowRenderer):
    """Rows made of alive-progress's bars and spinners."""

    @classmethod
    def check(cls) -> None:
        """Raise `RendererUnavailable` where alive-progress cannot be imported."""
        try:
            import alive_progress  # noqa: F401  # only whether it is there
        except ImportError as error:
            raise RendererUnavailable("alive-progress is not installed", "progresskit[alive]") from error

    def start(self, terminal: Terminal) -> None:
        """Begin a display on `terminal`."""
        from alive_progress.styles import SPINNERS

        super().start(terminal)
        self.bars: dict[tuple[int, int], Any] = {}
        runner = SPINNERS[SPINNER if terminal.unicode else ASCII_SPINNER]()
        self._spinner = ["".join(cells) for cells in runner()]

    def bar(self, row: int, width: int) -> Any:
        """Return the bar of `row`, `width` cells between its borders, made when it is first needed."""
        from alive_progress.styles import BARS

        if (row, width) not in self.bars:
            self.bars = {key: bar for key, bar in self.bars.items() if key[0] != row}
            self.bars[row, width] = BARS[BAR if self.terminal.unicode else ASCII_BAR](width)
        return self.bars[row, width]

    def row(self, view: TaskView, columns: int, time: float) -> str:
        """Return `view` as alive-progress shows a bar, in at most `columns` cells."""
        ellipsis = "…" if self.terminal.unicode else "..."
        head = encodable("  " * view.depth + view.description, self.terminal.encoding)
        head = fit(head, min(max(columns // 3, 8), 40), ellipsis=ellipsis, pad=False)
        tail = encodable(self._tail(view), self.terminal.encoding)
        spinner = self._spinner[int(time * FRAMES_A_SECOND) % len(self._spinner)] if view.state == "running" else ""
        width = min(columns - cell_width(head) - cell_width(tail) - cell_width(spinner) - 6, 40)
        if view.fraction is None or width < 8:
            return fit(" ".join(filter(None, (head, spinner, tail))), columns, ellipsis=ellipsis, pad=False)
        drawn = "".join(self.bar(view.position, width)(view.fraction))
        if self.terminal.colors and view.color:
            drawn = f"\x1b[{SGR[view.color]}m{drawn}\x1b[0m"
        return " ".join(filter(None, (head, drawn, spinner, tail)))

    def _tail(self, view: TaskView) -> str:
        amount = format_progress(view.completed, view.total, view.unit, estimated=view.estimated)
        percent = format_percent(view.fraction).strip()
        rate = format_rate(view.rate, view.unit)
        running = view.state == "running"
        left = f"eta: {format_duration(view.eta)}" if running and view.total is not None else ""
        speed = ", ".join(filter(None, (rate, left)))
        words = [amount, f"[{percent}]" if percent else "", f"in {format_duration(view.elapsed)}"]
        words.append(f"({speed})" if speed else "")
        if view.state not in ("running", "finished"):
            words.append(view.state + (f": {view.reason}" if view.reason else ""))
        words += [f"{name}={value}" for name, value in view.fields.items()]
        return " ".join(filter(None, words))
