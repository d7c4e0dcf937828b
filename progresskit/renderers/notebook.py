"""The rows of a notebook's cell, and their picture.

Pure: from views to HTML and plain text. A picture needs no widgets and no style sheet, so a saved notebook shows the
last one in any viewer. Does not know kernels.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from .._model.states import ENDED
from .._text.cells import cell_width
from .._text.formatting import (
    format_duration,
    format_fields,
    format_percent,
    format_progress,
    format_rate,
    format_seconds,
)
from .._text.styles import STYLES
from ._bars import Painter
from ._kept import KeptLines

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from .._model.frames import TaskView

ROWS = 20
"""The most rows of one area. A line counts the others."""
ENTRIES = 200
"""The most rows that an area remembers. Beyond it, the oldest ended rows are only counted."""
PLAIN_COLUMNS = 79
"""The width in cells of the plain text."""
STALE_SECONDS = 6
"""Seconds without a new picture after which a picture with running rows shows its time."""
_COLORS = {
    "red": "#d64541",
    "green": "#2e9e4f",
    "yellow": "#b8860b",
    "blue": "#1f78c8",
    "magenta": "#b0479e",
    "cyan": "#1788a0",
    "white": "#8a8a8a",
    "accent": "#1f78c8",
}
"""Colours with contrast on a white page and on a black one."""
_STATE_COLORS = {"finished": "green", "failed": "red", "cancelled": "white", "paused": "white", "pending": "white"}
_HEAD = (
    '<div style="display:grid;grid-template-columns:{names} minmax(3em,14em) repeat(4,max-content) minmax({last}ch,1fr);'
    "column-gap:1em;align-items:center;text-align:right;overflow-x:auto;scrollbar-width:none;white-space:pre;"
    "min-height:{height}em;align-content:start;"
    "font:13px/1.6 var(--jp-code-font-family,ui-monospace,monospace);"
    'color:var(--jp-content-font-color1,var(--vscode-foreground,inherit))">'
)
LAST_CELLS = 40
"""The most cells that are kept free for the last column. What is longer is cut off in a narrow page, since a row that wraps is higher
while it runs than at its end."""
NAME_CELLS = 60
"""The most cells of a name that is shown whole. A longer one is cut off, at 45 % of the page's width if that is less: it would push
all bars out of sight."""
SHORT_REASON = 16
"""The most characters of a state and its reason beside the other columns. A longer reason has its own line."""
_TRACK = "background:rgba(128,128,128,.3)"
_AS_OF = (
    '<span style="grid-area:1/1;background:var(--jp-layout-color0,var(--vscode-editor-background,Canvas));'
    "color:var(--jp-content-font-color1,var(--vscode-foreground,CanvasText));"
    'animation:progresskit-as-of {seconds}s">as of {time}</span>'
    "<style>@keyframes progresskit-as-of{{0%,99%{{visibility:hidden}}}}</style>"
)
"""A text that covers the times of a row, which mean nothing any more, and that an animation reveals if no new picture arrives in time.
A viewer that removes styles shows it at once."""


class Area:
    """The rows of one cell's output.

    An area never becomes lower, so that the page does not jump: the row of an ended subtask stays until another one
    takes its place.

    Args:
        publish: Publishes a picture: its MIME types and texts, and whether it replaces the one before.
    """

    def __init__(self, publish: Callable[[dict[str, str], bool], object]) -> None:
        self._publish = publish
        self._views: list[TaskView] = []
        self._dropped = 0  # ended rows that are no longer remembered
        self._rows = 0  # rows of the highest picture so far
        self._picture: tuple[str, str] | None = None  # empty texts: a picture that may not have arrived

    def update(self, views: Iterable[TaskView], ended: Iterable[TaskView], gone: Collection[int] = ()) -> None:
        """Update this area with its live `views`, and with those that have `ended` since the last call.

        Args:
            views: The tasks that have not ended.
            ended: The tasks that have ended.
            gone: The numbers of rows that were removed without an end, such as a summary of others.
        """
        if gone:
            self._views = [view for view in self._views if view.id not in gone]
        at = {view.id: index for index, view in enumerate(self._views)}
        for view in (*ended, *views):
            index = at.get(view.id)
            if index is None:
                self._add(view)
                at = {each.id: position for position, each in enumerate(self._views)}
            else:
                self._views[index] = view
        while len(self._views) > ENTRIES:
            oldest = next((view for view in self._views if view.state in ENDED), None)
            if oldest is None:
                break
            self._views.remove(oldest)
            self._dropped += 1

    def _add(self, view: TaskView) -> None:
        """Add `view` below its parent, in place of an ended subtask if there is one."""
        free = [index for index, old in enumerate(self._views) if old.state in ENDED and not old.keep]
        same = next((index for index in free if self._views[index].parent == view.parent), None)
        if same is not None:
            self._views[same] = view
            return
        if free:
            del self._views[free[0]]
        parent = next((index for index, old in enumerate(self._views) if old.id == view.parent), None)
        if parent is None:
            self._views.append(view)
            return
        after = parent + 1
        while after < len(self._views) and self._views[after].depth > self._views[parent].depth:
            after += 1
        self._views.insert(after, view)

    def show(self, clock: str) -> None:
        """Publish the picture, unless it is the published one.

        Args:
            clock: The time of day, for a picture with tasks that run.
        """
        views, more = self._shown()
        self._rows = max(self._rows, len(views) + bool(more) + sum(bool(_last_words(view)[1]) for view in views))
        picture = rows_html(views, more, self._rows), rows_text(views, more)
        if picture == self._picture:
            return
        html, text = picture
        if any(view.state not in ENDED for view in views):
            html = rows_html(views, more, self._rows, _AS_OF.format(seconds=STALE_SECONDS, time=clock))
            text = f"{text}\n(as of {clock})"
        self._publish({"text/html": html, "text/plain": text}, self._picture is not None)
        self._picture = picture  # not before: an interrupt may have prevented it

    def show_anew(self) -> None:
        """Publish the next picture as the first one, because the output that showed the area was cleared."""
        self._picture = None

    def repeat(self) -> None:
        """Publish the next picture even if it is the last one again, because the last one may not have arrived."""
        if self._picture is not None:
            self._picture = ("", "")

    def _shown(self) -> tuple[list[TaskView], int]:
        """Return the rows that fit, and how many do not. Live rows come first, then failures."""
        if len(self._views) <= ROWS and not self._dropped:
            return self._views, 0
        ranked = sorted(
            range(len(self._views)),
            key=lambda index: (
                self._views[index].state in ENDED,
                self._views[index].state != "failed",
                -index if self._views[index].state in ENDED else index,
            ),
        )
        chosen = sorted(ranked[:ROWS])
        return [self._views[index] for index in chosen], len(self._views) - len(chosen) + self._dropped


def rows_text(views: list[TaskView], more: int) -> str:
    """Return `views` as plain text, for programs that show no HTML.

    Example:
        >>> print(rows_text([sample_view(description="Files", completed=3, total=12, unit="file")], 0)[-8:])
        eta -:--
    """
    rows = iter(Painter().rows(tuple(view for view in views if view.state not in ENDED), PLAIN_COLUMNS, 0.0))
    kept = iter(KeptLines().lines([view for view in views if view.state in ENDED], PLAIN_COLUMNS))
    lines = [next(kept) if view.state in ENDED else next(rows) for view in views]
    return "\n".join([*lines, *([f"  ... {more:,d} more"] if more else [])])


def rows_html(views: list[TaskView], more: int, rows: int, stamp: str = "") -> str:
    """Return `views` as HTML that is as high as `rows` rows, with the HTML `stamp` in the first live one.

    Example:
        >>> "&lt;b&gt;" in rows_html([sample_view(description="<b>")], 0, 1)
        True
    """
    live = next((view.id for view in views if view.state not in ENDED), None)
    has_long_names = any(cell_width(view.description) + 2 * view.depth > NAME_CELLS for view in views)
    last, parts = 0, []
    for view in views:
        words, reason = _last_words(view)
        last = max(last, cell_width(words))
        parts.append(_row_html(view, words, reason, stamp if view.id == live else "", has_long_names=has_long_names))
    names = f"min({NAME_CELLS}ch,45%)" if has_long_names else "max-content"
    parts.insert(0, _HEAD.format(names=names, height=round(1.6 * rows, 1), last=min(last, LAST_CELLS)))
    if more:
        parts.append(f'<div style="grid-column:1/-1;text-align:left">  ... {more:,d} more</div>')
    return "".join([*parts, "</div>"])


def _last_words(view: TaskView) -> tuple[str, str]:
    """Return the text of the last column, and a reason that is too long for it, which has its own line."""
    words = format_fields(view.fields)
    if view.state not in ("failed", "cancelled", "paused"):
        return " ".join(words), ""
    outcome = view.outcome + (f": {view.cause}" if view.cause else "")
    if len(outcome) <= SHORT_REASON:
        return " ".join([outcome, *words]), ""
    return " ".join([view.outcome, *words]), view.cause or ""


def _row_html(view: TaskView, last: str, reason: str, stamp: str, *, has_long_names: bool) -> str:
    """Return a row with `last` in its last column, `reason` below it, and the HTML `stamp` over its times. Its name may be cut off if
    the area `has_long_names`."""
    state, fraction = view.state, view.fraction
    mark = STYLES["line"].marks.get(view.outcome, " ")
    name = escape(view.description or f"task {view.id}")
    color = _STATE_COLORS.get(state) or view.color or "blue"
    color = _COLORS.get(color, color)  # #rrggbb needs no translation
    if fraction is None and state == "running":
        bar = f'<progress aria-label="{name}" style="width:100%;height:.7em;accent-color:{color}"></progress>'
    else:
        percent = 100 if fraction is None and state == "finished" else int(100 * (fraction or 0.0))
        bar = (
            f'<div role="progressbar" aria-label="{name}" aria-valuenow="{percent}" style="height:.5em;{_TRACK}">'
            f'<div style="height:100%;width:{percent}%;background:{color}"></div></div>'
        )
    if state in ENDED:
        times = f"in {format_seconds(view.elapsed)}"
    elif state == "pending":
        times = "waiting"
    else:
        eta = "" if view.total is None or state == "paused" else f" eta {format_duration(view.eta)}"
        times = format_duration(view.elapsed) + eta
    below = ""
    if reason:
        margin = f"padding-left:{1.2 * min(view.depth, 20) + 1.2:.1f}em"
        below = f'<span style="grid-column:1/-1;text-align:left;white-space:pre-wrap;{margin}">{escape(reason)}</span>'
    cells = (
        format_percent(fraction).strip(),
        format_progress(view.completed, view.total, view.unit, estimated=view.estimated),
        "" if state in ("paused", "pending") else format_rate(view.rate, view.unit),
    )
    timing = f'<span style="grid-area:1/1">{escape(times)}</span> {stamp}' if stamp else escape(times)
    indent = f";padding-left:{1.2 * min(view.depth, 20):.1f}em" if view.depth else ""
    cut = f'{indent};overflow:hidden;text-overflow:ellipsis" title="{name}' if has_long_names else indent
    return (
        f'<div style="display:contents"><span style="text-align:left{cut}">{mark} {name}</span> {bar} '
        + "".join(f"<span>{escape(cell)}</span> " for cell in cells)
        + f"<span{' style=display:grid' if stamp else ''}>{timing}</span>"
        + (
            f' <span style="text-align:left;overflow:hidden;text-overflow:ellipsis">{escape(last)}</span>'
            if last
            else "<i></i>"
        )
        + f"{below}</div>"
    )
