"""The trackers that share a display, and what they have to show together.

Knows how lines and frames of several trackers become one. Does not know terminals or renderers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

from .._model.frames import Frame
from .._text.cells import clean_lines, is_plain, plain_line

if TYPE_CHECKING:
    from contextvars import Context

    from .._model.frames import TaskView
    from .._tracking.core import TrackerCore


class TrackerGroup:
    """The trackers of one display, in the order of their arrival. The references are weak: a tracker that nobody else
    holds is freed."""

    def __init__(self) -> None:
        self._trackers: list[ref[TrackerCore]] = []
        self._last: ref[TrackerCore] | None = None  # the tracker whose lines were drained last

    @property
    def trackers(self) -> list[TrackerCore]:
        """The trackers that are still alive."""
        trackers = []
        for each in self._trackers:  # each frame asks, and a comprehension is one more function before Python 3.12
            tracker = each()
            if tracker is not None:
                trackers.append(tracker)
        return trackers

    def add(self, tracker: TrackerCore) -> None:
        """Put `tracker` after the others."""
        self._trackers = [*(each for each in self._trackers if each() not in (None, tracker)), ref(tracker)]

    def remove(self, tracker: TrackerCore) -> None:
        """Take `tracker` out."""
        self._trackers = [each for each in self._trackers if each() not in (None, tracker)]

    @property
    def is_idle(self) -> bool:
        """Whether no task is live and nothing waits to be shown."""
        return not any(tracker.tree.live or tracker.pending_output for tracker in self.trackers)

    @property
    def is_sleeping(self) -> bool:
        """Whether nothing can change until a method is called, because every live task is paused."""
        return all(task.state == "paused" for tracker in self.trackers for task in tracker.tree.tasks)

    @property
    def all_ended(self) -> bool:
        """Whether every task has ended."""
        return all(tracker.tree.all_ended for tracker in self.trackers)

    @property
    def is_hidden(self) -> bool:
        """Whether a caller wants the terminal without rows."""
        for each in self._trackers:
            tracker = each()
            if tracker is not None and tracker.hiding:
                return True
        return False

    @property
    def has_news(self) -> bool:
        """Whether a line, or the end of a task that was shown or has failed, waits to be shown."""
        return any(tracker.has_news for tracker in self.trackers)

    @property
    def has_output(self) -> bool:
        """Whether a line or an ended task waits to be shown."""
        return any(tracker.pending_output for tracker in self.trackers)

    @property
    def has_ends(self) -> bool:
        """Whether a task that has ended waits to be shown, alone or among the lines."""
        return any(
            tracker.tree.has_ends or any(not isinstance(item, str) for item in list(tracker.lines.items))
            for tracker in self.trackers
        )

    @property
    def context(self) -> Context | None:
        """The context of the tracker whose lines were drained last, by which a notebook finds the cell of a line; None without
        trackers."""
        trackers = self.trackers
        last = None if self._last is None else self._last()
        if last not in trackers:
            last = trackers[-1] if trackers else None
        return None if last is None else last.lines.context

    def note_behind(self) -> None:
        """Note that the terminal is behind with what the trackers have to show."""
        for tracker in self.trackers:
            tracker.lines.behind = True

    def note_shown(self) -> None:
        """Note that the drained lines are on the terminal."""
        for tracker in self.trackers:
            tracker.capture.note_shown()

    def drain_lines(self, *, colors: bool) -> list[tuple[list[str], list[TaskView]]]:
        """Return the lines to write in blocks, each with the ended tasks that are shown after it.

        Args:
            colors: Whether the terminal shows the lines' own colours.

        Lines and ended tasks of other processes keep their order, so one frame may have several blocks.
        """
        parts: list[tuple[list[str], list[TaskView]]] = [([], [])]
        for tracker in self.trackers:
            drained = tracker.lines.drain()
            if drained:
                self._last = ref(tracker)
            for item in drained:
                lines, ended = parts[-1]
                if not isinstance(item, str):
                    ended.append(item)
                    continue
                if ended and any(view.keep for view in ended):
                    lines = []
                    parts.append((lines, []))
                lines.append(item)
        if len(parts) == 1 and not parts[0][0]:  # most frames
            return parts
        return [(_cleaned(lines, colors=colors), ended) for lines, ended in parts]

    def next_frame(self, rows: int | None) -> Frame:
        """Return one frame of all trackers, in the order in which they came.

        Args:
            rows: How many rows there are; None: as many as are needed.
        """
        trackers = self.trackers
        if len(trackers) == 1:
            return trackers[0].tree.next_frame(rows)
        tasks: list[TaskView] = []
        ended: list[TaskView] = []
        unseen: list[TaskView] = []
        more, used = 0, 0
        for tracker in trackers:
            part = tracker.tree.next_frame(None if rows is None else max(rows - used, 0))
            tasks.extend(view._replace(position=view.position + used) for view in part.tasks)
            ended.extend(part.ended)
            unseen.extend(part.unseen)
            more += part.more
            used = tasks[-1].position + 1 if tasks else 0
        if rows is not None and more and used >= rows:  # a row for the line that says how many are missing
            dropped = sum(view.position >= rows - 1 for view in tasks)
            tasks, more = tasks[: len(tasks) - dropped], more + dropped
        return Frame(trackers[-1].clock() if trackers else 0.0, tuple(tasks), tuple(ended), more, unseen=tuple(unseen))


def _cleaned(lines: list[str], *, colors: bool) -> list[str]:
    """Return `lines`, each one or more lines, as they may be written."""
    if not lines or is_plain("".join(lines)):  # checked together: most are plain, and a job may print 10,000 a second
        return [line.removesuffix("\n") for line in lines]
    cleaned = map(clean_lines, lines)
    return list(cleaned if colors else map(plain_line, cleaned))
