"""The base of renderers that draw rows in place: it decides which task is on which row, and which lines go above.

Pure. A renderer inherits `RowRenderer` and makes the text of one row; the region puts it in its place.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, ClassVar

from .._text.cells import cell_width, encodable, fit, plain_line
from ._kept import in_order, wrap
from ._region import Region
from ._shared_region import SharedRegion

if TYPE_CHECKING:
    from .._model.frames import Frame, TaskView
    from .base import Terminal


WHOLE_SECONDS = 1.0
"""Seconds after which all rows are written again on a terminal that cuts rows. If it became narrow and wide again
between two frames, it has cut rows without a signal."""


def filled(layout: str, fraction: float | None, columns: int, *, unicode: bool = True) -> str:
    """Return `layout` in at most `columns` cells, with a bar in place of its first tab. Text that is cut has no colours.

    Example:
        >>> filled("Files: 50%|\\t| 2/4", 0.5, 26, unicode=False)
        'Files: 50%|#####     | 2/4'
    """
    head, bar, tail = layout.partition("\t")
    if bar:
        cells = max(columns - cell_width(plain_line(head + tail)), 1)
        eighths = int((fraction or 0.0) * cells * 8)
        full, part = divmod(eighths, 8)
        bar = "█" * full + " ▏▎▍▌▋▊▉"[part] * (full < cells) if unicode else "#" * full
        bar += " " * (cells - len(bar))
    text = head + bar + tail
    plain = plain_line(text)
    if cell_width(plain) <= columns:
        return text
    return fit(plain, columns, ellipsis="…" if unicode else "...", pad=False)


class RowRenderer:
    """A renderer that is a function from a task to a row.

    Example:
        >>> class Percent(RowRenderer):
        ...     def row(self, view, columns, time):
        ...         return fit(f"{view.description} {view.completed} of {view.total}", columns, pad=False)
    """

    in_place: ClassVar[bool] = True
    _place: tuple[int, int | None] | None = None

    def place(self, first: int, rows: int | None) -> None:
        """Draw from row `first` of a block of `rows` that several processes share. Called before `start`."""
        self._place = first, rows

    def room(self, lines: int) -> int:
        """Return how many rows may be drawn on a screen of `lines`."""
        return lines - 1 if self._place is None else SharedRegion(*self._place).room(lines)

    def start(self, terminal: Terminal) -> None:
        """Begin a display on `terminal`."""
        self.terminal = terminal
        self._region: Region | SharedRegion = (
            Region(reflow=terminal.reflows, late=getattr(terminal, "late_sizes", False))
            if self._place is None
            else SharedRegion(*self._place)
        )
        self._reflows = terminal.reflows
        self._above: list[str] = []
        self._whole = float("-inf")  # when all rows were written

    def row(self, view: TaskView, columns: int, time: float) -> str:
        """Return the row of `view`, at most `columns` cells wide; `time` moves spinners."""
        raise NotImplementedError("a row renderer says what a row looks like")

    def rows(self, views: tuple[TaskView, ...], columns: int, time: float) -> list[str]:
        """Return the rows of all `views`; for renderers that align them with each other."""
        return [self.row(view, columns, time) for view in views]

    def _own_text(self, view: TaskView, columns: int) -> str:
        """Return the row of `view`, which has its own layout."""
        text = encodable(view.layout or "", self.terminal.encoding)
        if not self.terminal.colors:
            text = plain_line(text)
        return filled(text, view.fraction, columns, unicode=self.terminal.unicode)

    def _laid_out(self, views: tuple[TaskView, ...], columns: int, time: float) -> list[str]:
        """Return the rows of `views`; a task with its own layout has that."""
        rows = self.rows(views, columns, time)
        for index, view in enumerate(views):
            if view.layout is not None:
                rows[index] = self._own_text(view, columns)
        return rows

    def _kept_in_order(self, views: list[TaskView], columns: int, time: float) -> list[str]:
        """Return the lines that ended tasks leave. A task with its own layout leaves that, and why it failed."""
        lines: list[str] = []
        for is_own, group in groupby(views, lambda view: view.layout is not None):
            if not is_own:
                lines += self.kept(list(group), columns, time)
                continue
            for view in group:
                lines.append(self._own_text(view, columns))
                if view.cause:
                    lines.append(f"{'  ' * (view.depth + 1)}{encodable(view.cause, self.terminal.encoding)}")
        return lines

    def kept(self, views: list[TaskView], columns: int, time: float) -> list[str]:
        """Return the lines that ended tasks leave above the rows: their last rows, and all text that was cut there.

        The reason of a failure that has no room in its row is told below, and the row is made without it. So is a name that
        is cut. Both are broken between words.
        """
        rows = self.rows(tuple(views), columns, time)
        crowded = [
            bool(view.cause) and not (self._tells(row, view.cause) and self._tells(row, view.description))
            for view, row in zip(views, rows, strict=True)
        ]
        if any(crowded):
            brief = [view._replace(reason=None) if has else view for view, has in zip(views, crowded, strict=True)]
            rows = self.rows(tuple(brief), columns, time)
        lines = []
        for view, row in zip(views, rows, strict=True):
            lines.append(row)
            indent = "  " * (view.depth + 1)
            for text in (view.description, view.cause):
                if not self._tells(row, text):
                    words = encodable(text or "", self.terminal.encoding)
                    lines += [indent + line for line in wrap(words, columns - len(indent))]
        return lines

    def _tells(self, row: str, text: str | None) -> bool:
        """Return whether `text` is whole in `row`."""
        return not text or encodable(text, self.terminal.encoding) in plain_line(row)

    def render(self, frame: Frame) -> None:
        """Write the changes for `frame` in one piece of text; nothing if nothing has changed."""
        size = self.terminal.size()
        columns = max(size[0] - 1, 0)  # a full last column would leave the cursor hanging between two rows
        tasks = frame.tasks
        rows = self._laid_out(tasks, columns, frame.time)
        if len(rows) != len(tasks):
            raise ValueError(f"{len(tasks)} tasks have {len(rows)} rows.")
        if tasks and tasks[-1].position >= len(tasks):  # some rows are blank
            own, rows = rows, []
            for view, row in zip(tasks, own, strict=True):
                rows += [""] * (view.position - len(rows))
                rows.append(row)
        if frame.more:
            rows.append(fit(f"  ... {frame.more:,d} more", columns, ellipsis="", pad=False))
        del rows[max(size[1] - 1, 0) :]  # the window may have become lower since the frame was made
        above, self._above = self._above, []
        if frame.ended and (ended := [view for view in frame.ended if view.keep]):
            above += self._kept_in_order(in_order(ended), columns, frame.time)
        whole = not self._reflows and frame.time - self._whole >= WHOLE_SECONDS
        if whole:
            self._whole = frame.time
        text = self._region.draw(rows, above, size, whole=whole)
        if text:
            self.terminal.write(text)

    def write(self, text: str) -> None:
        """Keep `text` for the top of the next frame."""
        self._above.append(text)

    def stop(self) -> None:
        """Do nothing: after each frame the cursor is visible, on the line below the rows."""
