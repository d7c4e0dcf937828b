"""Claims about the state of the live page, with a clock moved by hand."""

from __future__ import annotations

import json
from typing import Any

from progresskit._display.web.state import MOST_ENDED, MOST_ROWS, PageState
from progresskit._model.curves import POINTS, Curve
from progresskit._model.frames import Frame, sample_view
from progresskit._model.slots import assign_rows, cut
from progresskit.testing import ManualClock


def picture(state: PageState, since: int = 0) -> Any:
    made = state.picture(since)
    return None if made is None else json.loads(made)


def state(clock: ManualClock | None = None) -> PageState:
    return PageState({"run": "a1", "argv": ["/x/job.py"], "pid": 1}, wall=lambda: 1e9, clock=clock or ManualClock())


def test_failures() -> None:
    """Failed tasks are in a separate list, however many others have ended since."""
    page = state()
    page.note(Frame(0.0, ended=(sample_view(id=1, state="failed", reason="no space"),)))
    for number in range(2, MOST_ENDED + 10):
        page.note(Frame(0.0, ended=(sample_view(id=number, state="finished"),)))
    found = picture(page)
    assert [(row["id"], row["reason"]) for row in found["failed"]] == [(".1", "no space")]
    assert len(found["ended"]) == MOST_ENDED and found["ended"][0]["id"] == f".{MOST_ENDED + 9}"
    assert found["counts"] == {"failed": 1, "finished": MOST_ENDED + 8}


def test_one_picture_for_all() -> None:
    """A picture is made once for all tabs, and at most once per interval; the last one is made at once."""
    clock = ManualClock()
    page = state(clock)
    page.note(Frame(0.0, (sample_view(completed=1),)))
    first = page.picture()
    assert page.picture() is first
    page.note(Frame(0.1, (sample_view(completed=2),)))
    assert page.picture() is first
    sequence = json.loads(first or b"")["sequence"]
    assert page.picture(sequence) is None
    clock.advance(60)
    assert picture(page, sequence)["live"][0]["done"].startswith("2")
    page.note(Frame(0.2, (), (sample_view(completed=3, total=3, state="finished"),)))
    assert picture(page)["ended"][0]["done"].startswith("3")


def test_displays() -> None:
    """Two displays are shown beside each other; the rows of a stopped one stay until another frame comes."""
    clock = ManualClock()
    page = state(clock)
    page.note(Frame(0.0, (sample_view(id=1),)), display=1)
    page.note(Frame(0.0, (sample_view(id=2),)), display=2)
    assert [row["id"] for row in picture(page)["live"]] == [".1", ".2"]
    page.note_stop(display=1)
    clock.advance(60)
    assert len(picture(page)["live"]) == 2
    page.note(Frame(0.0, (sample_view(id=2),)), display=2)
    clock.advance(60)
    assert [row["id"] for row in picture(page)["live"]] == [".2"]


def test_bounds() -> None:
    """Rows, lines and curves are bounded; omitted ones are counted."""
    page = state()
    page.note(Frame(0.0, tuple(sample_view(id=n, position=n) for n in range(MOST_ROWS + 50)), more=7))
    page.note_lines("\n".join(["x" * 10_000] * 2_000))
    found = picture(page)
    assert len(found["live"]) == MOST_ROWS and found["more"] == 57
    assert len(found["prints"]) == 500 and len(found["prints"][0][1]) == 2_000
    curve = Curve(1.0)
    for second in range(100_000):
        curve.note(float(second), float(second))
    assert POINTS / 2 <= len(curve.points) <= POINTS + 1 and curve.points[0] == (0.0, 0.0)


def test_lost() -> None:
    """A source that is lost keeps its last picture, until it is heard of again."""
    clock = ManualClock()
    page = state(clock)
    page.add_source("b2", "load.py (process 7)")
    page.note(Frame(0.0, (sample_view(),)), "b2")
    page.note_lost("b2", "the process has gone.")
    found = picture(page)
    assert found["sources"] == [
        {"source": "b2", "title": "load.py (process 7)", "lost": "the process has gone.", "live": 1}
    ]
    assert len(found["live"]) == 1
    page.note(Frame(1.0, (sample_view(),)), "b2")
    clock.advance(60)
    assert picture(page)["sources"][0]["lost"] is None


def test_strange_numbers() -> None:
    """The picture is JSON that a browser reads, whatever the fields hold."""
    page = state()
    page.note(Frame(0.0, (sample_view(fields={"loss": float("nan"), "</script>": "\u2028"}, completed=1e99),)))
    made = page.picture() or b""
    assert json.loads(made, parse_constant=lambda word: 1 / 0)["live"][0]["fields"] == "loss=nan </script>=\u2028"


def test_cut() -> None:
    """A whole frame that is cut to a screen has the rows that one of that many rows has: blank rows go first, then waiting tasks."""
    for gaps in ((), (1, 4), (0, 2, 3, 5)):
        for waiting in ((), (1,), (2, 3, 6)):
            views = [sample_view(id=n, state="pending" if n in waiting else "running") for n in range(8)]
            tree: list[Any] = [(view, 0) for view in views]
            for gap in gaps:
                tree.insert(gap, (None, 0))
            whole, _ = assign_rows(tree, None)
            frame = Frame(0.0, tuple(view._replace(position=row) for view, _, row in whole))
            for limit in range(1, 14):
                placed, more = assign_rows(tree, limit)
                expected = tuple(view._replace(position=row) for view, _, row in placed)
                found = cut(frame, limit)
                assert (found.tasks, found.more) == (expected, more), (gaps, waiting, limit)
