"""Claims about a tracker that is fed by frames: the order of rows, lines that are shown once, and losses that never
occur."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from progresskit import Frame, ProgressTracker, TaskView
from progresskit._model.frames import decode, encode
from progresskit._model.states import ENDED, State
from progresskit.processes import _protocol
from progresskit.processes._inbox import Inbox, Sender
from progresskit.processes._sources import BLANKS
from progresskit.processes.feed import Feed
from progresskit.renderers.ansi import AnsiRenderer
from progresskit.renderers.plain import PlainRenderer
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker, RecordingRenderer, sample_view


class Bench:
    """A feed, moved by hand."""

    def __init__(self, **arguments: Any) -> None:
        self.clock, self.ticker, self.renderer = ManualClock(), ManualTicker(), RecordingRenderer()
        arguments = {"renderer": self.renderer, "clock": self.clock, "ticker": self.ticker} | arguments
        self.feed = Feed(**arguments)

    def tick(self, seconds: float = 0.1) -> Frame:
        self.clock.advance(seconds)
        self.ticker.tick()
        return self.renderer.frames[-1]


def views(*names: str, **changes: Any) -> tuple[TaskView, ...]:
    return tuple(sample_view(id=row + 1, position=row, description=name, **changes) for row, name in enumerate(names))


def shown(frame: Frame) -> list[tuple[int, str]]:
    return [(view.position, view.description) for view in frame.tasks]


def test_sources_stand_in_the_order_of_their_starts() -> None:
    bench = Bench()
    bench.feed.receive("c", Frame(0.0, views("unordered")))
    bench.feed.receive("b", Frame(0.0, views("late one", "late two")), order=20.0)
    bench.feed.receive("a", Frame(0.0, views("early")), order=(10.0, 4711))
    assert shown(bench.tick()) == [(0, "early"), (1, "late one"), (2, "late two"), (3, "unordered")]
    assert bench.feed.sources == ("a", "b", "c")


def test_ends_stay_in_the_order_of_their_arrival() -> None:
    """A loop over workers' results, which is older than they are, has its last line below theirs, also within one frame."""
    terminal = EmulatedTerminal()
    bench = Bench(renderer="ansi", terminal=terminal)
    bench.feed.receive("parent", Frame(0.0, views("All")))
    bench.feed.receive("worker", Frame(0.0, views("file")))
    bench.clock.advance(1.0)
    bench.ticker.tick()
    bench.feed.receive("worker", Frame(1.0, (), views("file", state="finished")))
    bench.feed.receive("parent", Frame(1.0, (), views("All", state="finished")))
    bench.clock.advance(1.0)
    bench.ticker.tick()
    assert [row.split()[1] for row in terminal.text] == ["file", "All"]


def test_ids_are_unique_and_stable() -> None:
    """Ids of several sources are unique and stable and parents follow."""
    bench = Bench()
    own = bench.feed.add_task("own")
    pair = (sample_view(id=1), sample_view(id=2, parent=1, depth=1, position=1))
    for source in "abc":
        bench.feed.receive(source, Frame(0.0, pair))
    first = bench.tick()
    ids = [view.id for view in first.tasks]
    assert len(set(ids)) == 7
    assert ids[0] == own.id
    for parent, child in zip(first.tasks[1::2], first.tasks[2::2], strict=True):
        assert child.parent == parent.id
    bench.feed.receive("b", Frame(1.0, pair))
    assert [view.id for view in bench.tick().tasks] == ids


def test_last_frame_wins() -> None:
    """The last frame wins and the ended tasks of all are shown once."""
    bench = Bench()
    bench.feed.receive("a", Frame(0.0, views("one", "two")))
    bench.tick()
    one, two = views("one", "two")
    bench.feed.receive("a", Frame(1.0, (two,), (one._replace(state="finished"),)))
    bench.feed.receive("a", Frame(2.0, (), (two._replace(state="failed", reason="full"),)))
    bench.feed.receive("a", Frame(2.0, (two,), (two._replace(state="failed", reason="full"),)))  # late, and twice
    frame = bench.tick()
    assert frame.tasks == ()
    assert [(view.description, view.state) for view in frame.ended] == [("one", "finished"), ("two", "failed")]
    assert bench.feed.frame().ended == ()


def test_lost_source_is_reported() -> None:
    """A lost source leaves the rows, and its running tasks are shown as lost."""
    bench = Bench()
    (waits,) = views("waits", state="pending")
    bench.feed.receive("a", Frame(0.0, (*views("runs", "paused"), waits._replace(id=9, position=2))))
    bench.feed.receive("b", Frame(0.0, views("other")))
    bench.tick()
    bench.feed.lose("a")
    bench.feed.lose("a")
    frame = bench.tick()
    assert shown(frame) == [(0, "other")]
    assert [(view.description, view.state, view.reason) for view in frame.ended] == [
        ("runs", "failed", "lost"),
        ("paused", "failed", "lost"),
    ]
    assert all(view.keep for view in frame.ended)


def test_leaving_source_takes_its_rows() -> None:
    """If a source leaves, its rows are removed without a line."""
    bench = Bench()
    bench.feed.receive("a", Frame(0.0, views("one")))
    bench.feed.receive("b", Frame(0.0, views("two")))
    bench.tick()
    bench.feed.leave("a")
    frame = bench.tick()
    assert shown(frame) == [(0, "two")]
    assert frame.ended == ()
    assert bench.feed.live == 1


def test_idle_source_keeps_its_row_for_a_second() -> None:
    """A source between two files keeps its row for a second."""
    bench = Bench()
    bench.feed.receive("a", Frame(0.0, views("file 1")))
    bench.feed.receive("b", Frame(0.0, views("below")))
    bench.tick()
    bench.feed.receive("a", Frame(1.0))
    assert shown(bench.tick()) == [(1, "below")]
    bench.feed.receive("a", Frame(1.1, (sample_view(id=2, description="file 2"),)))
    assert shown(bench.tick()) == [(0, "file 2"), (1, "below")]
    bench.feed.receive("a", Frame(2.0))
    assert shown(bench.tick()) == [(1, "below")]
    assert shown(bench.tick(2.0)) == [(0, "below")]


def test_overflow_counts_what_sources_left_out() -> None:
    """Tasks that do not fit are counted with those that the sources left out."""
    bench = Bench()
    bench.feed.receive("a", Frame(0.0, views(*"abcdef"), more=4))
    bench.feed.receive("b", Frame(0.0, views(*"ghi")))
    frame = bench.feed.frame(5)
    assert shown(frame) == list(enumerate("abc"))
    assert frame.more == 10
    assert len(frame.tasks) + 1 <= 5
    assert bench.feed.frame(None).more == 4
    bench.feed.receive("a", Frame(1.0, views(*"ab")))
    assert (len(bench.feed.frame(5).tasks), bench.feed.frame(5).more) == (5, 0)


def test_a_feed_beside_a_tracker_shares_its_display() -> None:
    clock, ticker, renderer = ManualClock(), ManualTicker(), RecordingRenderer()
    terminal = EmulatedTerminal()
    tracker = ProgressTracker(renderer, terminal=terminal, clock=clock, ticker=ticker)
    feed = Feed.beside(tracker)
    tracker.add_task("mine")
    feed.receive("worker", Frame(0.0, views("theirs")))
    ticker.tick()
    assert shown(renderer.frames[-1]) == [(0, "mine"), (1, "theirs")]
    assert len(ticker.displays) == 1
    feed.lose("worker")
    feed.stop()
    tracker.stop()
    assert [view.reason for frame in renderer.frames for view in frame.ended] == ["lost", None]


def test_a_stopped_feed_lets_go_and_may_be_used_again() -> None:
    bench = Bench()
    with bench.feed as feed:
        assert feed._core.entered
        feed.receive("a", Frame(0.0, views("one")))
        bench.tick()
    assert not feed._core.entered
    assert feed.sources == ()
    assert feed._core.let_go()
    feed.receive("a", Frame(0.0, views("again")))
    assert shown(bench.tick()) == [(0, "again")]


def test_totals_line_stays() -> None:
    """Totals are in one line above and stay at the end."""
    bench = Bench(totals=True)
    row, size = views("rows", completed=80_789, unit="row")[0], views("bytes", completed=45_600_000, unit="B")[0]
    bench.feed.receive("a", Frame(0.0, (row, sample_view(id=7, position=1, depth=1, completed=9))))
    bench.feed.receive("b", Frame(0.0, (size,)))
    total = bench.tick().tasks[0]
    assert (total.description, total.completed, total.total, total.position) == ("Total", 0, None, 0)
    assert total.fields == {"processes": 2, "done": "45.6 MB, 80,789 rows"}
    bench.feed.receive("a", Frame(1.0, (), (row._replace(state="finished", completed=80_790),)))
    total = bench.tick().tasks[0]
    assert (total.completed, total.total, total.fields["done"]) == (1, None, "45.6 MB, 80,790 rows")
    bench.feed.lose("b")
    bench.feed.stop()
    last = bench.renderer.frames[-1].ended[-1]
    assert (last.description, last.completed, last.total, last.keep) == ("Total", 1, 2, True)
    assert (last.state, last.reason) == ("failed", "1 of 2 tasks failed")


@pytest.mark.parametrize(
    ("states", "state", "reason"),
    [
        (("finished", "finished"), "finished", None),
        (("finished", "failed"), "failed", "1 of 2 tasks failed"),
        (("cancelled", "failed"), "failed", "1 of 2 tasks failed"),
        (("finished", "cancelled"), "cancelled", None),
        (("finished", "running"), "cancelled", None),
    ],
)
def test_last_totals_line_tells_the_outcome(states: tuple[State, ...], state: str, reason: str | None) -> None:
    """The last line of totals says how the tasks have ended."""
    bench = Bench(totals=True)
    tasks = [view._replace(state=each) for view, each in zip(views("one", "two"), states, strict=True)]
    bench.feed.receive("a", Frame(0.0, views("one", "two")))
    bench.feed.receive(
        "a",
        Frame(
            1.0, tuple(view for view in tasks if view.state not in ENDED), tuple(v for v in tasks if v.state in ENDED)
        ),
    )
    bench.tick()
    bench.feed.stop()
    last = bench.renderer.frames[-1].ended[-1]
    assert (last.description, last.state, last.reason) == ("Total", state, reason)


def test_transport_hands_in_at_the_frame() -> None:
    """A transport may deliver its frames when they are shown."""
    bench = Bench()
    waiting = [Frame(0.0, views("first")), Frame(0.0, views("second"))]
    bench.feed.receive("a", waiting.pop(0))
    bench.feed.before_frame = lambda: [bench.feed.receive("a", waiting.pop()) for _ in range(len(waiting))]
    assert shown(bench.tick()) == [(0, "first")]
    bench.feed.announce()
    assert shown(bench.tick()) == [(0, "second")]


numbers = some.one_of(some.integers(-(10**99), 10**99), some.floats(-1e99, 1e99), some.just(0))
whole = some.integers(0, (1 << 63) - 1) | some.integers(0, 5)
hostile_views = some.builds(
    TaskView,
    id=whole,
    parent=some.none() | whole,
    depth=whole,
    position=whole,
    description=some.text(),
    completed=numbers,
    total=some.none() | numbers,
    unit=some.sampled_from(["B", "iB", "row", "\x1b[2J", ""]),
    state=some.sampled_from(["pending", "running", "paused", "finished", "failed", "cancelled"]),
    elapsed=numbers,
    age=numbers,
    rate=some.none() | numbers,
    eta=some.none() | numbers,
    fields=some.dictionaries(some.text(max_size=5), some.none() | some.text() | numbers | some.booleans(), max_size=2),
    color=some.none() | some.sampled_from(["red", "blue"]),
    keep=some.booleans(),
    estimated=some.booleans(),
    reason=some.none() | some.text(),
    idle=some.none() | numbers,
    columns=some.none() | some.sampled_from(["{bar}{percent}", "{", "{x:.3f}"]),
)
hostile_frames = some.builds(
    Frame,
    time=numbers,
    tasks=some.lists(hostile_views, max_size=4).map(tuple),
    ended=some.lists(hostile_views, max_size=2).map(tuple),
    more=whole,
    counts=some.dictionaries(whole, numbers, max_size=2),
)


@settings(max_examples=25, deadline=None)
@given(frames=some.lists(hostile_frames, min_size=1, max_size=4), rows=some.none() | some.integers(0, 8))
def test_hostile_frame(frames: list[Frame], rows: int | None) -> None:
    """Whatever a frame contains, the display stays within bounds, and every renderer draws it."""
    feed = Feed(RecordingRenderer(), clock=ManualClock(), ticker=ManualTicker(), totals=True)
    drawers = [AnsiRenderer(), PlainRenderer()]
    for drawer in drawers:
        drawer.start(EmulatedTerminal())
    for number, frame in enumerate(frames):
        feed.receive(number % 2, decode(encode(frame)))
        got = feed.frame(rows)
        positions = [view.position for view in got.tasks]
        assert positions == sorted(set(positions))
        assert len({view.id for view in got.tasks}) == len(positions)
        limit = 2 * BLANKS + 10 if rows is None else rows
        assert not positions or positions[-1] < limit
        assert not (got.more and rows) or len(positions) < rows
        for drawer in drawers:
            drawer.render(got)


def test_loop_over_results_ends_below_them() -> None:
    """The end of this process's loop stands below those of workers' tasks for which it waited, also if they are read only then."""
    clock, ticker, terminal = ManualClock(), ManualTicker(), EmulatedTerminal(80, 10)
    with ProgressTracker(AnsiRenderer, terminal=terminal, clock=clock, ticker=ticker) as tracker:
        loop = tracker.add_task("loop", total=1)
        feed = Feed.beside(tracker)
        feed._core.lines.items = tracker._core.lines.items
        (file,) = views("file")
        feed.receive("worker", Frame(0.0, (file,)))
        clock.advance(1.0)
        ticker.tick()
        result = Frame(1.0, (), (file._replace(state="finished", keep=True),))
        tracker._core.lines.before_line = lambda: feed.receive("worker", result)
        loop.advance()
        loop.finish()
        clock.advance(1.0)
        ticker.tick()
        tracker._core.lines.before_line = None
        feed.stop()
    assert [row.split()[1] for row in terminal.screen if row.strip()] == ["file", "loop"]


def test_pending_until_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another thread is just giving counts as pending: a line that comes meanwhile must wait for it."""
    inbox, sender = Inbox(Bench().feed), Sender()
    inbox.store(sender, [(_protocol.LINES, b"words"), (_protocol.ENDED, encode(Frame(0.0)).encode())])
    meanwhile: list[tuple[int, int]] = []
    monkeypatch.setattr(inbox, "give_counts", lambda: meanwhile.append((inbox.lines, inbox.ends)))
    inbox.give()
    assert meanwhile == [(1, 1)]
    assert (inbox.lines, inbox.ends) == (0, 0)
