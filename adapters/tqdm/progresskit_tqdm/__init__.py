"""progresskit's tasks in the look of tqdm.

One `tqdm.tqdm` object a row, reused by the row's next task, gives the text through its own `format_meter`; the rows are put
on the screen by the core, so that nothing of tqdm's writes, locks or starts a thread.
"""

from __future__ import annotations

from typing import Any

from progresskit.cells import encodable, fit
from progresskit.formatting import format_duration, format_percent, format_progress, format_rate
from progresskit.frames import TaskView
from progresskit.protocols import RendererUnavailable, Terminal
from progresskit.rows import RowRenderer

__all__ = ["TqdmRenderer"]


class TqdmRenderer(RowRenderer):
    """Rows as tqdm formats them."""

    @classmethod
    def check(cls) -> None:
        """Raise `RendererUnavailable` where tqdm cannot be imported."""
        try:
            import tqdm  # noqa: F401  # only whether it is there
        except ImportError as error:
            raise RendererUnavailable("tqdm is not installed", "progresskit[tqdm]") from error

    def start(self, terminal: Terminal) -> None:
        """Begin a display on `terminal`."""
        super().start(terminal)
        self.bars: list[Any] = []

    def bar(self, row: int) -> Any:
        """Return the tqdm object of `row`, made when it is first needed."""
        from tqdm import tqdm

        while len(self.bars) <= row:
            # Disabled, it registers itself nowhere and starts no monitor thread; it lends its format_meter.
            self.bars.append(tqdm(disable=True))
        return self.bars[row]

    def row(self, view: TaskView, columns: int, time: float) -> str:
        """Return `view` as tqdm shows a bar, in at most `columns` cells."""
        if columns < 1:
            return ""
        percent = format_percent(view.fraction)
        head, tail = self._texts(view)
        if not percent.strip() or not view.total or columns < 40:
            return fit(f"{head}{tail.lstrip()}", columns, ellipsis=self._ellipsis, pad=False)
        head = fit(head, max(columns // 3, 8), ellipsis=self._ellipsis, pad=False)
        text: str = self.bar(view.position).format_meter(
            n=min(view.completed, view.total),
            total=view.total,
            elapsed=view.elapsed,
            ncols=columns,
            ascii=not self.terminal.unicode,
            colour=view.color if self.terminal.colors else None,
            # The bar is its only field: a description with braces must stay text.
            bar_format=f"{_quoted(head)}{percent}|{{bar}}|{_quoted(tail)}",
        )
        return text if "\x1b" in text else fit(text, columns, ellipsis=self._ellipsis, pad=False)

    @property
    def _ellipsis(self) -> str:
        return "…" if self.terminal.unicode else "..."

    def _texts(self, view: TaskView) -> tuple[str, str]:
        """Return what stands before and after the bar."""
        amount = format_progress(view.completed, view.total, view.unit, estimated=view.estimated)
        clock = format_duration(view.elapsed)
        if view.state == "running" and view.total is not None:
            clock += f"<{format_duration(view.eta)}"
        more = "".join(f", {name}={value}" for name, value in view.fields.items())
        if view.state not in ("running", "finished"):
            more += f", {view.state}" + (f": {view.reason}" if view.reason else "")
        head = "  " * view.depth + view.description + ": "
        tail = f" {amount} [{clock}, {format_rate(view.rate, view.unit) or '?'}{more}]"
        return encodable(head, self.terminal.encoding), encodable(tail, self.terminal.encoding)


def _quoted(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
