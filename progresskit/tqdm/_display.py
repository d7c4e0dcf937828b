"""Make a tqdm bar a task if it would be written to a terminal that progresskit draws on, to a hub or to a notebook's cell.

Knows trackers and tasks, and which streams they are drawn on. Does not know tqdm's text.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import WeakSet, ref

from .._model.numbers import plain_number
from .._model.states import STOPPED_EARLY, is_failure
from .._system.environment import DUMB, is_disabled
from .._system.job import hub_address
from .._system.notebook import is_cell_stream
from .._text.cells import plain_line
from .._text.colors import RESET
from .._tracking import counters
from .._tracking.arguments import plain_fields
from .._tracking.joining import current_tracker
from .._tracking.loop_counters import AnyCounter, count_in
from .._tracking.loops import Loop
from .._tracking.tracker import provided_tracker
from ._bar_classes import Shown, class_of_tasks, count, counting
from ._locks import free_in_child
from ._meter import known_colour_sequence
from .utils import screen_shape, supports_unicode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .._tracking.task import Task
    from .._tracking.tracker import ProgressTracker

COLORS = {
    "red": (205, 0, 0), "green": (0, 205, 0), "yellow": (205, 205, 0), "blue": (0, 0, 238), "magenta": (205, 0, 205),
    "cyan": (0, 205, 205), "white": (229, 229, 229),
}  # fmt: skip
"""The display's colours and their red, green and blue in xterm: a bar's `#rrggbb` becomes the nearest of them."""
_BAR = re.compile(r"\{bar\}")
"""The field of a template that is replaced by a bar, which fills the rest of the line."""
UNKNOWN_ROOM = 79
"""Cells of a line whose screen is unknown, for example below a hub."""
MOST_ROWS = 20
"""The most rows that `position` reserves. tqdm also shows no bar further down if it does not know the screen's height."""
_drawn: WeakSet[Any] = WeakSet()
"""The bars that are tasks now."""
_drawn_lock = free_in_child(RLock())
"""Guards `_drawn` against a change while another thread iterates over it. Reentrant: a finaliser may run while its thread holds it."""


class Attribute:
    """An attribute of a bar whose value the bar's task holds: the display shows a new value at once, as tqdm does."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, bar: Any, owner: type) -> Any:
        if bar is None:
            return self
        task = bar.__dict__.get("_task")
        if task is not None and self._name in ("n", "last_print_n"):
            return task.completed
        if task is not None and self._name == "last_print_t" and "start_t" in bar.__dict__:
            return bar._time()  # the display shows the bar all the time
        if self._name == "disable":
            _close_if_over(bar)
        try:
            return bar.__dict__[self._name]
        except KeyError:
            raise AttributeError(f"{type(bar).__name__!r} object has no attribute {self._name!r}") from None

    def __set__(self, bar: Any, value: Any) -> None:
        _close_if_over(bar)
        before = bar.__dict__.get(self._name)
        bar.__dict__[self._name] = value
        task = bar.__dict__.get("_task")
        notes_the_terminals = self._name == "ncols" and bar.dynamic_ncols
        if task is None or self._name in ("disable", "last_print_n", "last_print_t") or notes_the_terminals:
            return
        if self._name == "n":
            task.report(value)  # which refuses what is no number: the bar is the job's, and the job goes on
        elif self._name == "total":
            task.update(total=known(value))
        elif self._name == "start_t":
            if before is not None:
                task.start()
                task._began += value - before
        elif self._name == "desc":
            task.update(description=bare(value))
        elif self._name == "postfix":
            set_fields(task, named_parts(value))
        elif self._name in LOOKS:
            if self._name == "ncols":
                bar.__dict__["_asked_ncols"] = value
            _take_style(bar, task)
        else:
            task.update(unit=_unit(bar), color=color_of(bar), keep=keeps(bar))

    def __delete__(self, bar: Any) -> None:
        bar.__dict__.pop(self._name, None)


def _close_if_over(bar: Any) -> None:
    """Close `bar` if its loop is over, which ends a bar: from then on its values are its own."""
    task = bar.__dict__.get("_task")
    if task is not None and task._end is not None and not bar.__dict__["disable"] and "_closing" not in bar.__dict__:
        bar.__dict__["disable"] = True
        bar._decr_instances(bar)
        close(bar)


def _copy(bar: Any) -> Any:
    """Return what `copy.copy` of a bar that is a task returns: a bar that counts from there in a task of its own."""
    cls: Any = type(bar).__bases__[0]
    task, copied = bar._task, cls.__new__(cls)
    copied.__dict__.update(bar.__dict__)
    for name in ("_task", "_layout", "_looping"):
        copied.__dict__.pop(name, None)
    copied.__dict__["n"] = task.completed
    join(copied, bar._root)
    return copied


LOOKS = ("ascii", "bar_format", "ncols", "unit_scale")
"""Attributes of a bar that decide its row's text, or the scale of its numbers."""
ATTRIBUTES: dict[str, Any] = {
    **{
        name: Attribute(name)
        for name in (
            *("n", "disable", "total", "desc", "postfix", "unit", "unit_divisor", "colour", "leave", *LOOKS),
            *("start_t", "last_print_n", "last_print_t"),
        )
    },
    "__copy__": _copy,
}
"""What replaces attributes of a bar while it is a task."""


TEXTS = ("format_dict", "format_meter", "__str__")
"""Methods that a program replaces to give bars a text of their own."""
DRAWING = ("display", "status_printer")
"""Methods that a program replaces to draw bars itself."""
TELLING = ("update", "refresh")
"""Methods that tqdm calls now and then, also during a loop: a program replaces them to hear how far a bar is."""
_own_methods: dict[Any, dict[str, Any]] = {}
"""A class of all bars, progresskit's or the installed tqdm's -> its own methods of these names, and `close`."""


def note_methods(root: Any) -> None:
    """Note the methods that `root`, a class of all bars, has before a program replaces any of them."""
    _own_methods[root] = {name: getattr(root, name) for name in (*TEXTS, *DRAWING, *TELLING, "close")}


def replaces(cls: Any, root: Any, names: Iterable[str]) -> bool:
    """Return whether a program has replaced one of the methods `names` of `root`: in `cls`, below it, or in `root` itself."""
    own = _own_methods[root]
    return any(getattr(cls, name, None) is not own[name] for name in names)


def is_shown() -> bool:
    """Return whether a bar on standard error would be a task, here and in processes that start now."""
    return _leads_to_display(sys.stderr)


def becomes_task(bar: Any, file: Any, root: Any) -> bool:
    """Return whether `bar`, which would be written to `file`, is to be a task.

    A bar becomes a task if `file` is the terminal that the display draws on, or if `file` is a standard stream and a hub, a
    notebook's cell or the renderer of `PROGRESSKIT_RENDERER` shows the process's progress. A bar draws itself if the program has
    replaced `display` or `status_printer` of `root`, the class of all bars, there or in the bar's class.
    """
    cls = type(bar)
    if file is None or getattr(bar, "gui", False) or replaces(cls, root, DRAWING):
        return False
    if not (_leads_to_display(file) if file in (sys.stderr, sys.stdout) else _is_displays(file)):
        return False
    return _class_of_tasks(cls, root) is not None


def _class_of_tasks(cls: Any, root: Any) -> Any:
    return class_of_tasks(cls, ATTRIBUTES, counts=not replaces(cls, root, TELLING))


def _leads_to_display(file: Any) -> bool:
    if is_disabled(os.environ):
        return False
    if hub_address() is not None or provided_tracker() is not None:
        return True
    if os.environ.get("PROGRESSKIT_RENDERER", "").strip() not in ("", "auto") or is_cell_stream(file):
        return True
    return _is_displays(file)


def _is_displays(file: Any) -> bool:
    """Return whether `file` is the terminal that the display draws on. It is not if the display writes to a log: `2> log`."""
    if is_disabled(os.environ) or not _is_terminal(file) or os.environ.get("TERM") in (None, "", *DUMB):
        return False
    return current_tracker().draws_on(file)


def stream_of(bar: Any) -> Any:
    """Return the stream that `bar` was given, without the wrapper that tqdm puts around it."""
    fp = getattr(bar, "fp", None)
    return next((stream for stream in (sys.stderr, sys.stdout) if stream is not None and fp == stream), fp)


def _is_terminal(file: Any) -> bool:
    """Return whether `file` is a text file whose descriptor is a terminal, and not an object that only claims to be one."""
    try:
        return bool(file.isatty()) and os.isatty(file.fileno())
    except (AttributeError, OSError, ValueError):
        return False


def join(bar: Any, root: Any) -> None:
    """Give `bar`, of the class `root` of all bars or one below it, a task."""
    bar.__dict__["_root"] = root
    bar.__dict__["_refreshes"] = replaces(type(bar), root, ("refresh",))
    bar.__dict__["_counts"] = count_and_tell if bar.__dict__["_refreshes"] else counting()
    bar.__dict__["_task"] = task_of(bar, root)
    bar.__dict__["_shown"] = Shown(bar.mininterval, bar.delay)
    bar.__dict__["_told"] = bar._task.completed
    with _drawn_lock:
        _drawn.add(bar)
    bar.__class__ = _class_of_tasks(type(bar), root)


def task_of(bar: Any, root: Any) -> Task:
    """Return a task for `bar`, of the class `root` of all bars or one below it."""
    bar.__dict__["_has_own_text"] = replaces(type(bar), root, TEXTS)
    delay = known(bar.delay) or 0.0
    keep = None if delay and keeps(bar) else keeps(bar)  # a bar that ends before its delay is over leaves no line
    task = current_tracker().add_task(
        bare(bar.desc), total=known(bar.total), unit=_unit(bar), keep=keep, color=color_of(bar), position=_slot(bar), delay=delay,
    )  # fmt: skip
    _take_style(bar, task)
    if bar.n:
        task.report(bar.n)
        task._made_extras.initial = task.completed
    if bar.postfix:
        set_fields(task, named_parts(bar.postfix))
    return task


def keeps(bar: Any) -> bool:
    """Return whether the line of `bar` stays when it ends; with None it does in the first row."""
    return bar.pos == 0 if bar.leave is None else bool(bar.leave)


def _slot(bar: Any) -> int | None:
    """Return the slot that the program has asked for; None for the first that is free, and below a hub, where each process
    would reserve the rows of all others. tqdm notes a row that was asked for as a negative one; of 0 it cannot be told."""
    if hub_address() is not None or not -MOST_ROWS < bar.pos <= 0:
        return None
    asked = bar.pos < 0 or any(other.pos < 0 for other in _bars())
    return -int(bar.pos) if asked else None


def _bars() -> list[Any]:
    with _drawn_lock:
        return list(_drawn)


def close_ended() -> None:
    """Close bars whose loops have ended. While the program holds such a bar, nothing else closes it and frees its row."""
    for bar in _bars():
        task = bar.__dict__.get("_task")
        if task is not None and task._end is not None:
            bar.close()


def color_of(bar: Any) -> str | None:
    """Return the display's colour that is nearest to the bar's; None where it has none."""
    colour = str(bar.colour or "").strip().lower()
    if colour in COLORS or not colour.startswith("#") or len(colour) != 7:
        return colour if colour in COLORS else None
    try:
        wanted = bytes.fromhex(colour[1:])
    except ValueError:
        return None
    return min(COLORS, key=lambda name: sum((a - b) ** 2 for a, b in zip(wanted, COLORS[name], strict=True)))


def _take_style(bar: Any, task: Task) -> None:
    """Set the factor for the numbers of `task`, and its own text, as `bar` asks."""
    scale = plain_number(bar.unit_scale)
    factor = 1 if scale is None or isinstance(bar.unit_scale, bool) or scale <= 0 else scale
    if factor != 1 or task._extras is not None:
        task._made_extras.factor = factor
    if "_layout" not in bar.__dict__ and (
        bar.bar_format or bar.__dict__["_has_own_text"] or _line_cells(bar) is not None
    ):
        bar.__dict__["_layout"] = layout = _Layout(bar)
        task.tracker._core.tree.poll(task, layout)


def _line_cells(bar: Any) -> int | None:
    """Return the cells of a line of `bar`, where it has asked for a width or for a bar's characters; None: the row's."""
    stream, asked = stream_of(bar), bar.__dict__["_asked_ncols"]
    asked = asked if isinstance(asked, int) else None  # in notebooks also "100%"
    has_characters = bool(bar.ascii) and (isinstance(bar.ascii, str) or supports_unicode(stream))
    if asked is None and not has_characters:
        return None
    room = _room(bar)
    return room if asked is None else min(asked, room)


def _room(bar: Any) -> int:
    return screen_shape(stream_of(bar))[0] or UNKNOWN_ROOM


def _own_text(bar: Any) -> str | None:
    """Return the text of the row of `bar`, a tab in the place of a bar that is as wide as the row leaves room for; None: columns."""
    figures, cells = bar.format_dict, _line_cells(bar)
    colour = known_colour_sequence(figures.get("colour"))
    template = figures.get("bar_format") or ""
    if cells is None and not template:
        if not bar.__dict__["_has_own_text"]:
            return None
        cells = _room(bar)
    if cells is None:
        found = _BAR.search(template)
        if found is not None:
            place = f"{colour}\t{RESET}" if colour else "\t"
            template = f"{template[: found.start()]}{place}{template[found.end() :]}"
    own_colour = figures.get("colour") if colour else None  # another one would be warned of at each frame
    text = bar.format_meter(**{**figures, "ncols": cells, "colour": own_colour, "bar_format": template or None})
    return str(text).rstrip("\n")  # some programs end their lines themselves


class _Layout:
    """Fills in a bar's own text before each frame: a counter, which adds nothing."""

    def __init__(self, bar: Any) -> None:
        self._bar = ref(bar)  # a bar that nobody holds ends
        self._held: Any = None

    def hold(self) -> None:
        """Keep the bar for as long as the task: its loop is all that is left of it."""
        self._held = self._bar()

    def __call__(self) -> int:
        bar: Any = self._bar()
        task = None if bar is None else bar.__dict__.get("_task")
        if task is not None:
            task._made_extras.layout = _own_text(bar)
        return 0


def named_parts(postfix: Any) -> dict[str, str]:
    """Return the parts of a postfix: `{"loss": "0.1"}` of `loss=0.1`; parts without a name are one, whose name is empty.

    A comma within brackets is part of a value: `loss=tensor(0.1, device='cpu')`.
    """
    if not isinstance(postfix, str):  # for templates
        return {}
    named: dict[str, str] = {}
    parts = iter(postfix.split(", "))
    for part in parts:
        depth = _open_brackets(part)
        while depth > 0 and (following := next(parts, None)) is not None:
            part = f"{part}, {following}"
            depth += _open_brackets(following)
        name, equals, text = part.partition("=")
        if equals and name:
            named[name] = text
        elif part:
            named[""] = f"{named['']}, {part}" if "" in named else part
    return named


def _open_brackets(text: str) -> int:
    return sum(map(text.count, "([{")) - sum(map(text.count, ")]}"))


def _unit(bar: Any) -> str:
    unit = str(bar.unit).strip() or "it"
    if unit in ("B", "iB", "bytes"):
        return "iB" if bar.unit_divisor == 1024 and unit != "bytes" else "B"
    return unit


def known(total: Any) -> Any:
    """Return `total`; None where it says nothing: 0, which means that it is set later, negative, infinite or no number."""
    number = plain_number(total)
    return number if number is not None and number > 0 else None


def bare(desc: object) -> str:
    """Return a description without the colon that tqdm puts behind it."""
    return plain_line("" if desc is None else str(desc)).strip().removesuffix(":")


def iterate(bar: Any, iterable: Iterable[Any]) -> Iterator[Any]:
    """Return an iterator over `iterable` that counts in the task of `bar`, and ends it. A bar whose loop is over counts no more."""
    if bar._task._end is not None:
        bar.close()
        return iter(iterable)
    try:
        if replaces(type(bar).__bases__[0], bar._root, ("close", *TELLING)):
            loop: Iterator[Any] = iter(CallingLoop(bar, iterable).iterator())
        else:
            loop = iter(bar._task.track(iterable, total=known(bar.total)))
    except TypeError:  # there is nothing to iterate over
        bar.close()
        raise
    bar._looping = True
    layout = bar.__dict__.get("_layout")
    if layout is not None:
        layout.hold()
    return loop


class CallingLoop(Loop):
    """The loop of a bar whose class has a `close`, `update` or `refresh` of its own, which tqdm's loop calls.

    Args:
        bar: The bar.
        iterable: What to run over.

    Attributes:
        told: Items that `update` has counted.
    """

    __slots__ = ("_bar", "told")

    def __init__(self, bar: Any, iterable: Any) -> None:
        task, total = bar._task, known(bar.total)
        super().__init__(iterable, lambda size, _, begun: task._begin_loop(total or size) if begun else task)
        self._bar = bar
        self.told: Any = 0
        bar.__dict__["_counts"] = count_and_tell
        bar.__dict__["_closing"] = True  # until then the bar is not closed

    def _open(self, source: Any) -> Any:
        bar = self._bar
        if not replaces(type(bar).__bases__[0], bar._root, TELLING):
            return super()._open(source)
        counter = _Remainder(self._updating(source), self)
        count_in(self.begin(), counter)
        return counter, iter((counter.iterator,))

    def _updating(self, source: Any) -> Iterator[Any]:
        """Yield the items of `source`, and call `update` where tqdm's loop does."""
        bar, task, poll = self._bar, self._bar._task, counters.poll
        interval, steps = bar.mininterval, 0
        due = monotonic() + max(interval, bar.delay)
        for item in source:
            yield item
            if poll is not None:
                poll()
            steps += 1
            if steps < bar.miniters:
                continue
            now = monotonic()
            if now >= due:
                due, before = now + interval, task.completed
                bar.__dict__["_is_due"] = True
                try:
                    bar.update(steps)
                finally:
                    bar.__dict__.pop("_is_due", None)
                self.told += task.completed - before
                steps = 0

    def _complete(self, counter: Any) -> None:
        super()._complete(counter)
        self._close()

    def broken(self, counter: Any, frame: Any, source: Any = None, *, may_stay: bool = False) -> None:
        """End the task, and close the bar."""
        super().broken(counter, frame, source, may_stay=may_stay)
        self._close()

    def _close(self) -> None:
        self._bar.close()
        self._bar.__dict__.pop("_closing", None)


class _Remainder(AnyCounter):
    """The items of a `CallingLoop` that `update` has not counted: none before the end."""

    __slots__ = ("_loop",)

    def __init__(self, source: Iterator[Any], loop: CallingLoop) -> None:
        super().__init__(source)
        self._loop = loop

    def count(self) -> int:
        return 0 if self.final is None else self.final - self._loop.told  # type: ignore[no-any-return]  # a number


def count_and_tell(bar: Any, n: Any) -> Any:
    """Count `n` more units of a bar whose class has a `refresh` of its own, or whose loop calls `update`; refresh it where tqdm does.

    Returns:
        Whether the bar has been shown anew.
    """
    figures = bar.__dict__
    shown = count(bar, n)
    is_due = "_is_due" in figures and figures.pop("_is_due")  # in a loop
    if not figures["_refreshes"]:
        return is_due or shown
    if not is_due:
        least = figures["miniters"]
        if (least and bar._task.completed - figures["_told"] < least) or not shown:
            return False
    figures["_told"] = bar._task.completed
    bar.refresh(lock_args=bar.lock_args)
    return True


def leave_with(task: Task, error: BaseException) -> None:
    """End `task` as a block that was left by `error` does."""
    if is_failure(type(error)):
        task.fail(error)
    else:
        task.cancel()


def close(bar: Any) -> None:
    """End the task of `bar`, and give the bar its last figures: finished where it is complete or has no total, else stopped early."""
    task = bar.__dict__["_task"]
    if task.total is None or task.completed >= task.total:
        task.finish()
    else:
        task.cancel(STOPPED_EARLY)
    bar.__dict__["n"] = bar.__dict__["last_print_n"] = task.completed
    bar.__dict__["last_print_t"] = bar._time()
    bar.__dict__["_task"] = None
    bar.__class__ = type(bar).__bases__[0]
    with _drawn_lock:
        _drawn.discard(bar)


def refresh(bar: Any) -> None:
    """Ask the display for a frame soon."""
    bar._task.tracker._core.ticker.wake()


def set_fields(task: Task, texts: dict[str, str]) -> None:
    """Show `texts` as the columns of `task`, and no others."""
    task._fields = plain_fields(texts)
    task.tracker._core.wake()


def _tracker_on(stream: Any) -> ProgressTracker | None:
    """Return the tracker whose rows of bars stand on the terminal that `stream` is; None where there are none."""
    if not _drawn or not _is_terminal(stream) or hub_address() is not None:  # a hub shows such words above its rows
        return None
    tracker = current_tracker()
    return tracker if tracker.draws_on(stream) else None


def prints(stream: Any, text: str) -> bool:
    """Write `text` above the rows of bars, if `stream` is a terminal with such rows.

    Returns:
        Whether `text` was written. If not, no row is in the way, and the caller writes to the stream itself.
    """
    tracker = _tracker_on(stream)
    if tracker is None:
        return False
    if tracker._core.capture.current is None:  # capture is off, so clear the rows while writing
        with tracker.hidden():
            stream.write(text)
            stream.flush()
    else:
        stream.write(text)
    return True


@contextmanager
def cleared(stream: Any) -> Iterator[None]:
    """Clear the rows of tasks from the terminal `stream` while the block runs."""
    tracker = _tracker_on(stream)
    if tracker is None:
        yield
        return
    with tracker.hidden():
        yield
