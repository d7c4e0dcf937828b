"""The lines that ended tasks leave above the rows: mark, name, count, duration, rate and fields, or how a task ended.

They have their own columns, each as wide as its widest text so far, and no bar. A finished task has no percentage,
unless it is a measure (3.5 miles), which has one in place of a rate. A reason or field that does not fit is continued
on lines below. Pure.
"""

from __future__ import annotations

from .._text.cells import cell_width, encodable, first_cells
from .._text.colors import NO_COLORS, RESET, sgr
from .._text.cutting import cut_name, cut_names
from .._text.formatting import (
    DEFAULT_UNIT,
    Scale,
    amount,
    format_percent,
    format_rate,
    format_seconds,
)
from .._text.styles import STYLES, Style
from ._templates import field_texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._model.frames import TaskView

NARROW = 80
"""Terminal columns below which less room is reserved."""
RESERVED, RESERVED_NARROW = (24, 9, 6, 6), (16, 7, 4, 6)
"""The least cells of names, numbers, units and durations."""
GAP = "   "
REMEMBERED = 50
"""Names that are remembered for each cut, so that the next one differs from them."""
HOLDING_BLANK = "\xa0"
"""A character that no cleaned text has, for blanks at which lines are not broken."""


def in_order(views: Iterable[TaskView]) -> list[TaskView]:
    """Return the tasks that ended within one frame in the order of that frame, but children before their parents.

    Example:
        >>> views = [sample_view(id=1), sample_view(id=3, parent=1), sample_view(id=2, parent=1), sample_view(id=4)]
        >>> [view.id for view in in_order(views)]
        [3, 2, 1, 4]
    """
    views = list(views)
    if all(view.parent is None for view in views):
        return views
    by_id = {view.id: view for view in views}
    children: dict[int | None, list[TaskView]] = {}
    for view in views:
        children.setdefault(view.parent if view.parent in by_id else None, []).append(view)
    ordered: list[TaskView] = []
    ahead = [(view, False) for view in reversed(children.get(None, []))]
    while ahead:  # a stack, not recursion: a tree may be deeper than Python's
        view, ready = ahead.pop()
        if ready:
            ordered.append(view)
            continue
        ahead.append((view, True))
        ahead += [(child, False) for child in reversed(children.get(view.id, []))]
    return ordered


def outcome_words(view: TaskView, *, share: bool = True, rest: bool = True) -> str:
    """Return how an unfinished task ended, without the reason: `cancelled at 75% of 4`.

    Args:
        view: The ended task.
        share: Whether the done share is included.
        rest: Whether the total is included.
    """
    words = view.outcome
    fraction = view.fraction
    if not share or fraction is None:
        return words
    words += f" at {format_percent(fraction, estimated=view.estimated).strip()}"
    if rest and view.cause is None and view.total is not None:
        scale = Scale(view.total, view.unit, whole=True)
        words += f" of {scale.text(view.total)} {scale.name}".rstrip()
    return words


def count_parts(view: TaskView) -> tuple[str, str]:
    """Return the count and its unit, in full. Without a unit, the total follows the number."""
    beside_total = view.unit in (DEFAULT_UNIT, "")
    return amount(view.completed, view.total if beside_total else None, view.unit, estimated=view.estimated, whole=True)


class KeptLines:
    """The lines of ended tasks on one terminal.

    Args:
        style: The glyphs.
        depth: The colour depth: `NO_COLORS`, or another depth of `progresskit._text.colors`.
        encoding: The codec of the stream. Characters that it lacks appear as escapes.
    """

    def __init__(self, style: Style = STYLES["line"], depth: int = NO_COLORS, encoding: str = "utf-8") -> None:
        self._style = style
        self._depth = depth
        self._encoding = encoding
        self._widths = (0, 0, 0, 0)
        self._alike: dict[str, dict[str, None]] = {}  # cut -> the names that it would stand for, in order

    def lines(self, views: Iterable[TaskView], columns: int) -> list[str]:
        """Return the text of each of `views`, of one line or several of at most `columns` cells: one less than the terminal has.

        Example:
            >>> view = sample_view(state="finished", description="Epochs", completed=10, total=10, unit="epoch", elapsed=71.0)
            >>> KeptLines().lines([view._replace(rate=10 / 71.0)], 79)
            ['✓ Epochs                            10 epochs     1:11   7.1 s/epoch']
        """
        views = list(views)
        for view in views:  # first, so that lines of one frame have the same columns, and names that differ
            self._remember(view, columns + 1)
        for view in views:
            self._widen(view, columns + 1)
        return [self._line(view, columns + 1) for view in views]

    def _widen(self, view: TaskView, columns: int) -> None:
        """Make the columns as wide as `view` needs."""
        duration = len(format_seconds(view.elapsed))
        own = (0, 0, 0, duration)
        if not _is_text(view):
            number, unit = count_parts(view)
            own = (cell_width(self._short_name(view, columns)), len(number), self._cells(unit), duration)
        self._widths = tuple(map(max, self._widths, own))  # type: ignore[assignment]  # of four

    def _remember(self, view: TaskView, columns: int) -> None:
        """Remember the name of `view` where it is cut."""
        name = encodable(view.description, self._encoding)
        limit = _name_limit(columns)
        if cell_width(name) > limit and not _is_text(view):
            cut = cut_name(name, limit, self._style.cut)
            if len(self._alike) > 1000:  # a program may generate names without end
                self._alike.clear()
            names = self._alike.setdefault(cut, {})
            names.pop(name, None)
            names[name] = None
            if len(names) > REMEMBERED:
                del names[next(iter(names))]

    def _short_name(self, view: TaskView, columns: int) -> str:
        """Return the name of `view` as it is cut, other than those of earlier lines."""
        name = encodable(view.description, self._encoding)
        limit = _name_limit(columns)
        if cell_width(name) <= limit:
            return name
        cut = cut_name(name, limit, self._style.cut)
        alike = self._alike.get(cut, ())
        return cut_names([name, *alike], limit, self._style.cut)[0] if len(alike) > 1 and name in alike else cut

    def _cells(self, text: str) -> int:
        return cell_width(encodable(text, self._encoding))

    def _line(self, view: TaskView, columns: int) -> str:
        room = max(columns - 1, 1)
        name = encodable(view.description, self._encoding)
        number, unit = count_parts(view)
        unit = encodable(unit, self._encoding)
        is_text = _is_text(view)
        duration = format_seconds(view.elapsed)
        reserved = RESERVED if columns >= NARROW else RESERVED_NARROW
        widths = tuple(map(max, self._widths, reserved))
        if is_text:
            figures = widths[0] + len(GAP) + widths[1] + 1 + widths[2]
            head = name + " " * (figures - cell_width(name))
        else:
            short = self._short_name(view, columns)
            head = short + " " * (min(widths[0], max(_name_limit(columns), reserved[0])) - cell_width(short))
            head += f"{GAP}{number:>{widths[1]}} {unit}{' ' * (widths[2] - cell_width(unit))}"
        head = f"{head}{GAP}{duration:>{widths[3]}}"
        mark = self._style.marks.get(view.outcome, " ")
        above: list[str] = []
        if cell_width(head) <= room - 2:
            first, below = self._tail(view, room - 2 - cell_width(head), room - 2)
        else:  # too narrow for columns
            words = name if is_text else f"{name}{GAP}{_held(f'{number} {unit}'.rstrip())}"
            *above, head = wrap(f"{words}{GAP}{_held(duration)}", room - 2)
            first, below = self._tail(view, room - 2 - cell_width(head), room - 2)
        lines = (*above, f"{head}{GAP}{first}" if first else head, *below)
        text = "\n  ".join(map(str.rstrip, lines))
        return self._colored(mark, view.state) + " " + self._with_red(text, view)

    def _tail(self, view: TaskView, room: int, below: int) -> tuple[str, list[str]]:
        """Return the text after the duration, in `room` cells with the gap before it, and lines of `below` cells."""
        fields = "  ".join(self._fields(view))
        if view.state == "finished":
            rate = self._rate(view)
            for tail in (GAP.join(filter(None, (rate, fields))), fields or rate):
                if cell_width(GAP + tail) <= room or not tail:
                    return tail, []
            return "", wrap(self._held_fields(view) or _held(rate), below)
        reason = encodable(view.cause or "", self._encoding)
        whole = outcome_words(view)
        for words in (whole, outcome_words(view, rest=False), outcome_words(view, share=False)):
            if reason:
                words += f": {reason}"
            if cell_width(GAP + GAP.join(filter(None, (words, fields)))) <= room:
                return GAP.join(filter(None, (words, fields))), []
        if reason.endswith(" failed") and cell_width(GAP + GAP.join(filter(None, (reason, fields)))) <= room:
            return GAP.join(filter(None, (reason, fields))), []  # `1 of 3 failed` is complete
        for words in (whole, outcome_words(view, rest=False), outcome_words(view, share=False)):
            first = f"{words}:" if reason else words
            if cell_width(GAP + first) <= room:
                return first, [line for text in (reason, self._held_fields(view)) if text for line in wrap(text, below)]
        return "", self._whole(view, below)

    def _whole(self, view: TaskView, room: int) -> list[str]:
        """Return the text after the duration, as lines below."""
        fields = self._held_fields(view)
        if view.state == "finished":
            words = fields or _held(self._rate(view))
            return wrap(words, room) if words else []
        reason = encodable(view.cause or "", self._encoding)
        words = outcome_words(view) + (f": {reason}" if reason else "")
        return [line for text in (words, fields) if text for line in wrap(text, room)]

    def _rate(self, view: TaskView) -> str:
        if isinstance(view.total, float):  # a measure has no rate
            return "100%" if view.fraction == 1.0 else ""
        if view.elapsed < 0.1:
            return ""
        return encodable(format_rate(view.rate, view.unit), self._encoding)

    def _fields(self, view: TaskView) -> list[str]:
        return [encodable(text, self._encoding) for text in field_texts(view)]

    def _held_fields(self, view: TaskView) -> str:
        return "  ".join(map(_held, self._fields(view)))

    def _colored(self, text: str, name: str) -> str:
        if self._depth == NO_COLORS or name not in ("finished", "failed"):
            return text
        return f"\x1b[{sgr(self._style.color(name), self._depth)}m{text}{RESET}"

    def _with_red(self, text: str, view: TaskView) -> str:
        """Return `text` with the word `failed` in its colour: the last occurrence before the reason, because a name may
        contain the word."""
        if view.state != "failed" or self._depth == NO_COLORS:
            return text
        at = text.find("failed", len(encodable(view.description, self._encoding)) if view.description in text else 0)
        return text if at < 0 else text[:at] + self._colored("failed", "failed") + text[at + 6 :]


def _is_text(view: TaskView) -> bool:
    """Whether `view` has only its name and its duration to show."""
    return view.total is None and not view.completed and view.unit in (DEFAULT_UNIT, "")


def _name_limit(columns: int) -> int:
    return max(12, min(32, columns // 3))


def _held(text: str) -> str:
    """Return `text` with blanks at which `wrap` does not break it, so that a number stays with its unit and a value
    with its name."""
    return text.replace(" ", HOLDING_BLANK)


def wrap(text: str, cells: int) -> list[str]:
    """Return `text` in lines of at most `cells` cells, broken between words, and within a word only if it is longer.

    Example:
        >>> wrap("the disk is full", 8), wrap("abcdefgh", 5)
        (['the disk', 'is full'], ['abcde', 'fgh'])
    """
    cells = max(cells, 2)
    lines, line = [], ""
    words: list[str] = []
    for word in text.split(" "):
        words += word.split(HOLDING_BLANK) if HOLDING_BLANK in word and cell_width(word) > cells else [word]
    for word in words:
        longer = f"{line} {word}" if line else word
        if cell_width(longer) <= cells:
            line = longer
            continue
        if line:
            lines.append(line)
        while cell_width(word) > cells:
            piece = first_cells(word, cells) or word[:1]
            lines.append(piece)
            word = word[len(piece) :]
        line = word
    lines = [*lines, line] if line or not lines else lines
    return [each.replace(HOLDING_BLANK, " ") for each in lines]
