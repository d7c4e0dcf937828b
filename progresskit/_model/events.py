"""The lines of an events file: headers of runs, whole frames, and the changes between frames.

Pure. A line is a JSON object:

- `{"progresskit": 1, "run": ...}` is the header of a run: see `progresskit._system.run_identity`;
- `{"run": ..., "time": ..., "tasks": [...], "ended": [...], "more": ...}` is a whole frame;
- `{"run": ..., "time": ..., "changes": [...], "gone": [...], "ended": [...]}` has the differences from the frame
  before;
- `{"print": ..., "time": ..., "run": ...}` is a printed line.

A file of an older version has whole frames and printed lines only, without `run` and, for the latter, without `time`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .._text.cells import clean, clean_lines
from .frames import Frame, TaskView, decode, encode, view_of

_SECONDS = ("elapsed", "age")
WHOLE_SECONDS = 10.0
"""The most seconds between two whole frames, because a reader that begins in the middle waits for one."""
MOST_RUNS = 10_000
"""The most runs of one file that are distinguished."""


class EventEncoder:
    """Makes lines of frames.

    Args:
        header: What tells this run from others: `run` and whatever else there is.

    Example:
        >>> encoder = EventEncoder({"progresskit": 1, "run": "a1"})
        >>> list(encoder.lines(Frame(1.0), ["words"]))[1]
        '{"print":"words","time":1.0,"run":"a1"}'
    """

    def __init__(self, header: Mapping[str, Any]) -> None:
        self._header = dict(header)
        self._run = str(header["run"])
        self._has_begun = False
        self._whole_at = 0.0
        self._time = 0.0
        self._views: dict[int, dict[str, Any]] = {}
        self._is_empty = True

    def begin_anew(self) -> None:
        """Start over for a new file: the next line is the header, and the next frame a whole one."""
        self._has_begun = False
        self._views = {}
        self._is_empty = True

    def lines(self, frame: Frame, prints: list[str]) -> Iterator[str]:
        """Return the lines for `prints` and for `frame`. A frame is left out if it and the one before have no tasks."""
        if frame.unseen:
            frame = frame._replace(ended=(*frame.unseen, *frame.ended), unseen=())
        is_empty = not (frame.tasks or frame.ended)
        if is_empty and self._is_empty and not prints:
            return
        if not self._has_begun:
            self._has_begun = True
            yield _dump(self._header)
            self._whole_at = float("-inf")
        for text in prints:
            for line in text.split("\n"):
                yield _dump({"print": line, "time": frame.time, "run": self._run})
        if is_empty and self._is_empty:
            return
        self._is_empty = is_empty
        if not 0 <= frame.time - self._whole_at < WHOLE_SECONDS:
            self._whole_at = self._time = frame.time
            self._views = {view.id: _entry(view) for view in frame.tasks}
            yield f'{{"run":"{self._run}",{encode(frame)[1:]}'
        else:
            change = self._change(frame)
            if change is not None:
                yield change

    def _change(self, frame: Frame) -> str | None:
        """Return the line with the differences of `frame` from the one before; None if only time has passed."""
        passed = frame.time - self._time
        changes, views = [], {}
        for view in frame.tasks:
            now = views[view.id] = _entry(view)
            before = self._views.get(view.id)
            if before is None:
                changes.append(now)
                continue
            changed = {name: value for name, value in now.items() if name not in _SECONDS and value != before[name]}
            for name in _SECONDS:
                expected = before[name] + (passed if _moves(name, before) else 0.0)  # as a reader reconstructs it
                if abs(now[name] - expected) < 0.002:
                    now[name] = expected
                else:
                    changed[name] = now[name]
            if changed:
                changes.append({"id": view.id, **changed})
        gone = [number for number in self._views if number not in views]
        ended = [view._asdict() for view in frame.ended]
        if not (changes or gone or ended) and passed < 1.0:
            return None
        self._views, self._time = views, frame.time
        document: dict[str, Any] = {"run": self._run, "time": frame.time, "changes": changes}
        if gone:
            document["gone"] = gone
        if ended:
            document["ended"] = ended
        return _dump(document)


def _entry(view: TaskView) -> dict[str, Any]:
    """Return `view` as it is written in a line of changes, with rate and seconds left rounded to the precision that
    people read."""
    entry = view._asdict()
    if view.rate is not None:
        entry["rate"] = float(f"{view.rate:.4g}")
    if view.eta is not None:
        entry["eta"] = round(view.eta, 1)
    return entry


def _moves(name: str, view: Mapping[str, Any]) -> bool:
    """Whether the seconds called `name` increase by themselves for the task of `view`."""
    return view["state"] == "running" or (name == "age" and view["state"] == "paused")


def _dump(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=True, separators=(",", ":"), default=dict)


class Event(NamedTuple):
    """One line of an events file.

    Attributes:
        run: The run that it belongs to; empty in files of older versions.
        header: The contents of a header, cleaned; None for other lines.
        frame: A frame, whole again; None for other lines.
        print: A printed line; None for other lines.
        time: Its time on the run's clock; None for a printed line without a time.
    """

    run: str
    header: Mapping[str, Any] | None = None
    frame: Frame | None = None
    print: str | None = None
    time: float | None = None


class EventDecoder:
    """Reads lines. They are not trusted.

    Example:
        >>> encoder, decoder = EventEncoder({"progresskit": 1, "run": "a1"}), EventDecoder()
        >>> frames = [Frame(0.0, (sample_view(completed=1),)), Frame(1.0, (sample_view(completed=2),))]
        >>> events = [decoder.event(line) for frame in frames for line in encoder.lines(frame, [])]
        >>> events[0].header["run"], [event.frame.tasks[0].completed for event in events[1:]]
        ('a1', [1, 2])
    """

    def __init__(self) -> None:
        self._frames: dict[str, Frame] = {}

    def event(self, line: str) -> Event:
        """Return what `line` says.

        Raises:
            ValueError: it makes no sense.
        """
        line = line.lstrip("\ufeff")  # editors and shells of Windows write a byte order mark at the beginning of a file
        try:
            document = json.loads(line, parse_constant=str)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"this line is not JSON: {error}") from None
        if not isinstance(document, dict):
            raise ValueError(f"an event is a JSON object, not {type(document).__name__}.")
        run = document.get("run", "")
        if not isinstance(run, str) or len(run) > 80:
            raise ValueError("'run' is a string of at most 80 characters.")
        if "progresskit" in document:
            return Event(run, _header(document))
        if "print" in document:
            words, when = document["print"], document.get("time")
            if not isinstance(words, str) or not (when is None or _is_time(when)):
                raise ValueError("'print' is a string, and 'time' a number.")
            return Event(run, print=clean_lines(words), time=when)
        frame = self._changed(run, document) if "changes" in document else decode(line)
        if len(self._frames) < MOST_RUNS or run in self._frames:
            self._frames[run] = frame
        return Event(run, frame=frame, time=frame.time)

    def _changed(self, run: str, document: Mapping[str, Any]) -> Frame:
        before = self._frames.get(run)
        if before is None:
            raise ValueError("there is no whole frame before this one.")
        time, changes = document.get("time"), document["changes"]
        gone, ended = document.get("gone", []), document.get("ended", [])
        if not (_is_time(time) and all(isinstance(each, list) for each in (changes, gone, ended))):
            raise ValueError("'time' is a number, 'changes', 'gone' and 'ended' are lists.")
        assert isinstance(time, (int, float))
        passed = max(time - before.time, 0.0)
        views = {view.id: _moved_on(view, passed) for view in before.tasks}
        for entry in changes:
            number = entry.get("id") if isinstance(entry, dict) else None
            known = views.get(number) if isinstance(number, int) else None
            view = view_of(entry if known is None else {**known._asdict(), **entry})
            views[view.id] = view
        for number in gone:
            views.pop(number, None)
        tasks = sorted(views.values(), key=lambda view: view.position)
        return Frame(time, tuple(tasks), tuple(map(view_of, ended)))


def _moved_on(view: TaskView, passed: float) -> TaskView:
    if view.state == "running":
        return view._replace(elapsed=view.elapsed + passed, age=view.age + passed)
    return view._replace(age=view.age + passed) if view.state == "paused" else view


def _is_time(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -1e100 < value < 1e100


def _header(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the valid entries of a header."""
    header: dict[str, Any] = {}
    for name in ("host", "started"):
        if isinstance(document.get(name), str):
            header[name] = clean(document[name])
    argv = document.get("argv")
    if isinstance(argv, list):
        header["argv"] = [clean(str(word)) for word in argv[:64]]
    for name in ("pid", "monotonic"):
        if _is_time(document.get(name)):
            header[name] = document[name]
    return {"run": document.get("run", ""), **header}
