"""A bar drawn by rich's own progress display. It needs rich."""

from __future__ import annotations

from typing import Any

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from ._meter import format_sizeof
from .std import TqdmExperimentalWarning
from .std import tqdm as std_tqdm

__all__ = [
    "FractionColumn",
    "RateColumn",
    "TqdmExperimentalWarning",
    "std_tqdm",
    "tqdm",
    "tqdm_rich",
    "trange",
    "trrange",
]


class FractionColumn(ProgressColumn):
    """Shows `3/10`.

    Args:
        unit_scale: Whether numbers have an SI prefix.
        unit_divisor: What one SI prefix divides by.
    """

    def __init__(self, unit_scale: bool = False, unit_divisor: float = 1000) -> None:
        self._scaled, self._divisor = unit_scale, unit_divisor
        super().__init__()

    def render(self, task: Task | Any) -> Text:
        """Return the column of `task`."""
        texts = [
            "?" if number is None else format_sizeof(number, divisor=self._divisor) if self._scaled else f"{number:,g}"
            for number in (task.completed, task.total)
        ]
        return Text(f"{'/'.join(texts)} ", style="progress.download")


class RateColumn(ProgressColumn):
    """Shows units a second.

    Args:
        unit: The unit.
        unit_divisor: What one SI prefix divides by.
    """

    def __init__(self, unit: str = "", unit_scale: bool = False, unit_divisor: float = 1000) -> None:
        self._unit, self._divisor = unit, unit_divisor
        super().__init__()

    def render(self, task: Task) -> Text:
        """Return the column of `task`."""
        speed = task.speed
        text = f"? {self._unit}/s" if speed is None else f"{format_sizeof(speed, divisor=self._divisor)}{self._unit}/s"
        return Text(text, style="progress.data.speed")


class tqdm_rich(std_tqdm):  # tqdm's name
    """A bar that rich draws. `progress` takes the columns, `options` the arguments of `rich.progress.Progress`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        columns = options.pop("progress", None)
        settings = options.pop("options", None) or {}
        options["gui"] = True
        super().__init__(*args, **options)
        if self.disable:
            return
        scaled = bool(self.unit_scale)
        default = (
            TextColumn("[progress.description]{task.description}[progress.percentage]{task.percentage:>4.0f}%"),
            BarColumn(bar_width=None), FractionColumn(scaled, self.unit_divisor), "[", TimeElapsedColumn(), "<",
            TimeRemainingColumn(), ",", RateColumn(self.unit, scaled, self.unit_divisor), "]",
        )  # fmt: skip
        self._progress = Progress(*(columns or default), transient=not self.leave, **settings)
        self._progress.start()
        self._row = self._progress.add_task(self.desc or "", total=self.total, completed=self.n)

    def display(self, *_: Any, **__: Any) -> bool | None:
        """Show the count on rich's display."""
        if hasattr(self, "_row"):
            self._progress.update(self._row, completed=self.n, total=self.total, description=self.desc)
        return True

    def clear(self, *_: Any, **__: Any) -> None:
        """Nothing to do: rich owns the rows."""

    def reset(self, total: float | None = None) -> None:
        """Begin anew at 0."""
        if hasattr(self, "_row"):
            self._progress.reset(self._row, total=total)
        super().reset(total=total)

    def close(self) -> None:
        """Show the last count and end rich's display."""
        if self.disable:
            return
        self.display()
        self.disable = True
        self._decr_instances(self)
        self._progress.stop()


def trrange(*args: Any, **options: Any) -> Any:
    """Return `tqdm_rich(range(*args), **options)`."""
    return tqdm_rich(range(*args), **options)


tqdm, trange = tqdm_rich, trrange
