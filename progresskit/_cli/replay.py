"""`progresskit replay`: draw an events file again, at its original pace or faster.

Knows renderers and the time of each frame. Does not know tasks: a renderer needs only frames.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from .._display.outbox import Handle
from .._display.terminal import StreamTerminal
from .._model.events import EventDecoder
from .._model.frames import Frame, TaskView
from .._text.cells import plain_line
from ..renderers.base import Renderer, draws_in_place
from ..renderers.choice import named
from ..renderers.destinations import default_stream
from ..renderers.registry import BUILTIN
from .event_log import no_events

_NUMBERS = 1_000_000_000
"""The offset between the task numbers of two runs."""


def replay(
    lines: Iterable[str],
    *,
    renderer: str | None = None,
    speed: float = 1.0,
    terminal: StreamTerminal | None = None,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Draw the events in `lines`.

    Args:
        lines: The lines of an events file. Malformed ones are skipped.
        renderer: The name of a renderer; None takes `PROGRESSKIT_RENDERER`, else one that suits the terminal.
        speed: The factor by which to speed up.
        terminal: The terminal to draw on; None takes `PROGRESSKIT_STREAM`, else standard error.
        sleep: Waits for the given seconds.

    Raises:
        ValueError: the renderer's name is unknown, the renderer draws in another process, or no line is an event.
    """
    where = StreamTerminal(default_stream()) if terminal is None else terminal
    choice = named(renderer).settle(where)
    if choice.is_remote or choice.make is None:
        raise ValueError(f"{choice.name} does not draw here: give another renderer.")
    handle = Handle(where)
    drawing: Renderer = choice.make()
    if draws_in_place(drawing) and not where.is_tty:
        drawing = BUILTIN["plain"]()
    drawing.start(handle)
    decoder = EventDecoder()
    runs: dict[str, tuple[int, Frame]] = {}  # the number of each run, and its newest frame
    last: dict[str, float] = {}
    has_words = False
    strange = 0
    is_foreign = True
    try:
        for line in lines:
            try:
                event = decoder.event(line)
            except ValueError:
                strange += bool(line.strip())
                continue
            is_foreign = False
            if event.print is not None:
                has_words = True
                drawing.write(event.print if where.colors else plain_line(event.print))
            if event.frame is None:
                continue
            number = runs[event.run][0] if event.run in runs else len(runs)
            runs[event.run] = number, event.frame
            pause = event.frame.time - last.get(event.run, event.frame.time)
            last[event.run] = event.frame.time
            if pause > 0:
                sleep(pause / speed)
            rows = handle.ask_size()[1] - 1 if draws_in_place(drawing) else None
            drawing.render(_merged(runs, event.run, rows))
            where.send(handle.drain(), 1.0)
            has_words = False
        if is_foreign and strange:
            raise ValueError(no_events(strange))
        if has_words:  # an in-place renderer draws lines only with a frame
            drawing.render(_merged(runs, "", handle.ask_size()[1] - 1 if draws_in_place(drawing) else None))
    finally:
        drawing.stop()
        where.send(handle.drain(), 1.0)
        if terminal is None:
            where.close()


def _merged(runs: dict[str, tuple[int, Frame]], newest: str, rows: int | None) -> Frame:
    """Return one frame of all `runs`, with at most `rows` rows and the newly ended tasks of the run `newest`."""
    views: list[TaskView] = []
    more = used = 0
    for number, frame in runs.values():
        views += [_renumbered(view, number)._replace(position=view.position + used) for view in frame.tasks]
        more += frame.more
        used = views[-1].position + 1 if views else 0
    if rows is not None and (used > rows or (more and used >= rows)):
        kept = [view for view in views if view.position < rows - 1]
        views, more = kept, more + len(views) - len(kept)
    number, frame = runs.get(newest, (0, Frame(0.0)))
    return Frame(frame.time, tuple(views), tuple(_renumbered(view, number) for view in frame.ended), more)


def _renumbered(view: TaskView, run: int) -> TaskView:
    parent = None if view.parent is None else view.parent + run * _NUMBERS
    return view._replace(id=view.id + run * _NUMBERS, parent=parent)
