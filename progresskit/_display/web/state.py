"""The state of the live page: the newest frame of each source, ended tasks, curves, and the last printed lines.

Knows frames, and makes the page's JSON of them, once for all tabs. Has a lock, and does not know threads, HTTP or
displays.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..._model.curves import Curve
from ..._model.frames import Frame, TaskView
from ..._model.metrics import prometheus_text
from ..._system.run_identity import command_of
from ..._text.formatting import (
    DEFAULT_UNIT,
    format_duration,
    format_percent,
    format_progress,
    format_rate,
    format_seconds,
)
from ..._text.plurals import forms

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

MOST_ROWS = 1_000
"""Live tasks that the page shows at the most; it counts the others."""
MOST_ENDED = 500
"""Ended tasks that are kept: the last ones. Failed tasks have a list of their own."""
MOST_PRINTS = 500
"""Printed lines that are kept: the last ones."""
LONGEST_PRINT = 2_000
"""Characters of a printed line that are kept."""
CURVES = 200
"""Tasks at the top whose curves are kept."""
CURVE_SECONDS = 1.0
"""Seconds between two points of a curve at first."""
PICTURE_SECONDS = 0.25
"""Seconds between two pictures at the least, while tasks are at work."""
OPEN_SECONDS = 2.0
"""Seconds after its last question for which a page is taken to be open."""
ANSWER_SECONDS = 0.001
"""Seconds of processor time that one answer takes, roughly."""
SHARE = 0.005
"""The share of a core that pictures may take, half of what a page may cost: where one takes long, or many pages are open, the next one
comes later."""


class _Source:
    """The state of one source: this process, or one run of an events file."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.frames: dict[int, Frame] = {}  # of each display
        self.stale: set[int] = set()  # displays that have stopped: what they showed goes once another frame comes
        self.lost: str | None = None


class PageState:
    """The page's state. Its methods may be called from any thread; `note` never waits for a reader.

    Args:
        header: Identifies this run, as `progresskit._system.run_identity` gives it.
        wall: Gives the seconds since 1970.
        clock: Gives the time in seconds and never goes back.
    """

    def __init__(
        self,
        header: Mapping[str, Any],
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._header = dict(header)
        self._wall = wall
        self._clock = clock
        self._changed = threading.Condition(threading.Lock())
        self._making = threading.Lock()
        self._sequence = 1
        self._noted = wall()  # when the last frame came
        self._sources: dict[Hashable, _Source] = {}
        self._ended: deque[tuple[Hashable, TaskView]] = deque(maxlen=MOST_ENDED)
        self._failed: deque[tuple[Hashable, TaskView]] = deque(maxlen=MOST_ENDED)
        self._counts: dict[str, int] = {}
        self._curves: dict[tuple[Hashable, int], Curve] = {}
        self._prints: deque[tuple[float, str]] = deque(maxlen=MOST_PRINTS)
        self._picture: tuple[int, bytes] = (0, b"")
        self._not_before = 0.0  # when the next picture may be made
        self._waiting = 0
        self._readers = 0
        self._asked = float("-inf")  # when a picture was asked for last
        self._given = 0  # the newest one that was sent to a page

    # What is told

    def add_source(self, source: Hashable, title: str) -> None:
        """Show the tasks of `source` below `title`; without this call they have no title."""
        with self._changed:
            self._sources.setdefault(source, _Source(title)).title = title

    def note(self, frame: Frame, source: Hashable = "", display: int = 0) -> None:
        """Add `frame` of one of the displays of `source`."""
        now = self._clock()
        with self._changed:
            known = self._sources.get(source)
            if known is None:
                known = self._sources[source] = _Source("")
            for stopped in known.stale:
                known.frames.pop(stopped, None)
            known.stale.clear()
            known.frames[display] = frame._replace(ended=(), unseen=())
            known.lost = None
            for view in (*frame.unseen, *frame.ended):
                self._note_end(source, view, now)
            for view in frame.tasks:
                if view.depth == 0:
                    self._note_point(source, view, now)
            self._note_change()

    def note_lines(self, text: str) -> None:
        """Add printed lines."""
        now = self._wall()
        with self._changed:
            for line in text.split("\n")[-MOST_PRINTS:]:
                self._prints.append((now, line[:LONGEST_PRINT]))
            self._note_change()

    def note_stop(self, source: Hashable = "", display: int = 0) -> None:
        """Note that a display has stopped. Its last frame stays until another one comes."""
        with self._changed:
            known = self._sources.get(source)
            if known is not None:
                known.stale.add(display)

    def note_lost(self, source: Hashable, reason: str) -> None:
        """Note that `source` is lost, and why. Its last picture stays."""
        with self._changed:
            known = self._sources.get(source)
            if known is not None and known.lost != reason:
                known.lost = reason
                self._note_change()

    def _note_end(self, source: Hashable, view: TaskView, now: float) -> None:
        self._counts[view.outcome] = self._counts.get(view.outcome, 0) + 1
        (self._failed if view.state == "failed" else self._ended).append((source, view))
        if view.depth == 0:
            self._note_point(source, view, now)

    def _note_point(self, source: Hashable, view: TaskView, now: float) -> None:
        curve = self._curves.get((source, view.id))
        if curve is None:
            if len(self._curves) >= CURVES:
                del self._curves[next(iter(self._curves))]
            curve = self._curves[source, view.id] = Curve(CURVE_SECONDS)
        curve.note(now, float(view.completed))

    def _note_change(self) -> None:
        self._sequence += 1
        self._noted = self._wall()
        if self._waiting:
            self._changed.notify_all()

    # What is asked

    def picture(self, since: int = 0, patience: float = 0.0) -> bytes | None:
        """Return the page's JSON, which is made once for each change and all tabs; None if nothing is newer than
        `since`.

        Args:
            since: The number of the picture that the caller has; 0: none.
            patience: Seconds to wait for a newer one.
        """
        until = self._clock() + patience
        with self._changed:
            self._waiting += 1
            self._asked = self._clock()
            try:
                while True:
                    now = self._clock()
                    due = 0.0 if not self._is_at_work() else self._not_before - now
                    newest = self._sequence if due <= 0 else self._picture[0]
                    if newest > since:
                        break
                    left = until - now
                    if left <= 0:
                        return None
                    self._changed.wait(min(left, due) if due > 0 and self._sequence > since else left)
            finally:
                self._waiting -= 1
        made = self._made()
        self._given = max(self._given, self._picture[0])
        return made

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Count a reader, from its request until it has the answer."""
        with self._changed:
            self._readers += 1
        try:
            yield
        finally:
            with self._changed:
                self._readers -= 1

    @property
    def owes_picture(self) -> bool:
        """Return whether a reader waits for a picture, or has asked a moment ago and lacks the newest one."""
        return bool(self._readers) or (self._given < self._sequence and self._clock() - self._asked < OPEN_SECONDS)

    def metrics(self) -> str:
        """Return the tasks at the top in Prometheus's text format."""
        with self._changed:
            runs: list[tuple[str, list[TaskView]]] = []
            for source, known in self._sources.items():
                views = [view for frame in known.frames.values() for view in frame.tasks]
                views += [view for key, view in (*self._failed, *self._ended) if key == source]
                runs.append((str(source or self._header.get("run", "")), views))
        return prometheus_text(runs)

    def _is_at_work(self) -> bool:
        return any(
            frame.tasks and not known.lost for known in self._sources.values() for frame in known.frames.values()
        )

    def _made(self) -> bytes:
        """Return the newest picture; make it if necessary."""
        with self._making:
            with self._changed:
                now = self._clock()
                if self._picture[0] == self._sequence or (self._is_at_work() and now < self._not_before):
                    return self._picture[1]
                sequence, document = self._sequence, self._document()
            began = time.perf_counter()
            document["live"] = [_row(view, source, parent) for source, view, parent in document["live"]]
            for name in ("failed", "ended"):
                document[name] = [_row(view, source, None) for source, view in document[name]]
            text = json.dumps(document, separators=(",", ":"), default=str).encode()
            took = time.perf_counter() - began
            with self._changed:
                self._picture = (sequence, text)
                self._not_before = self._clock() + max(PICTURE_SECONDS, (took + ANSWER_SECONDS * self._readers) / SHARE)
            return text

    def _document(self) -> dict[str, Any]:
        """Return the contents of the picture, with views in place of rows. The caller holds the lock."""
        live: list[tuple[Hashable, TaskView, int | None]] = []
        more = 0
        sources = []
        for source, known in self._sources.items():
            views = [view for frame in known.frames.values() for view in frame.tasks]
            more += sum(frame.more for frame in known.frames.values())
            room = max(MOST_ROWS - len(live), 0)
            more += max(len(views) - room, 0)
            live += [(source, view, view.parent) for view in views[:room]]
            if known.title or known.lost:
                sources.append({"source": str(source), "title": known.title, "lost": known.lost, "live": len(views)})
        live_ids = {(source, view.id) for source, view, _ in live}
        now = self._clock()
        return {
            "sequence": self._sequence,
            "run": self._header.get("run", ""),
            "command": command_of(self._header.get("argv", [])),
            "pid": self._header.get("pid"),
            "host": self._header.get("host"),
            "started": self._header.get("started"),
            "now": self._wall(),
            "noted": self._noted,
            "sources": sources,
            "live": live,
            "more": more,
            "failed": list(self._failed)[::-1],
            "ended": list(self._ended)[::-1],
            "counts": dict(self._counts),
            "prints": list(self._prints),
            "curves": {
                _key(source, number): [[round(when - now, 2), done] for when, done in curve.points]
                for (source, number), curve in list(self._curves.items())[-40:]
                if (source, number) in live_ids or len(curve.points) > 2
            },
        }


def _key(source: Hashable, number: int) -> str:
    return f"{source}.{number}"


def _row(view: TaskView, source: Hashable, parent: int | None) -> dict[str, Any]:
    """Return the page's row for `view`."""
    row: dict[str, Any] = {
        "id": _key(source, view.id),
        "depth": min(view.depth, 20),
        "name": view.description or f"task {view.id}",
        "state": view.outcome,
        "done": format_progress(view.completed, view.total, view.unit, estimated=view.estimated),
        "percent": format_percent(view.fraction).strip() if view.fraction is not None else "",
        "share": view.fraction,
        "rate": format_rate(view.rate, view.unit),
        "time": format_seconds(view.elapsed),
        "units": forms(view.unit or DEFAULT_UNIT)[1],
    }
    if parent is not None:
        row["parent"] = _key(source, parent)
    if view.eta is not None and view.state == "running":
        row["eta"] = format_duration(view.eta)
        row["seconds"] = round(view.eta, 1)
    if view.cause:
        row["reason"] = view.cause
    if view.idle is not None:
        row["idle"] = format_duration(view.idle)
    if view.fields:
        row["fields"] = _fields(view.fields.items())
    return row


def _fields(fields: Iterable[tuple[str, object]]) -> str:
    return " ".join(f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value}" for name, value in fields)
