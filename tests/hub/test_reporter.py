"""Claims about the reporter of a worker process, with a clock moved by hand and no engine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from progresskit import Frame, ProgressTracker, track
from progresskit._tracking.core import current_loop
from progresskit._tracking.joining import current_tracker
from progresskit.processes._ended_counts import EndedCounts
from progresskit.processes.engines import ReportReader
from progresskit.processes.feed import Feed
from progresskit.processes.reporter import LARGEST, MOST_ROWS, Report, Reporter
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker, RecordingRenderer, sample_view


def reporter_of(clock: ManualClock, woken: list[bool], own: bool = True) -> Reporter:
    return Reporter(lambda: woken.append(True), interval=0.5, own=own, clock=clock, cpu=ManualClock())


def test_woken_once() -> None:
    """A transport is woken once after a rest, until it takes the report."""
    clock, woken = ManualClock(), list[bool]()
    reporter = reporter_of(clock, woken)
    with reporter.work() as work:
        for name in ("a", "b", "c"):
            work.tracker.add_task(name, total=1)
        assert woken == [True]
        report = reporter.collect()
        assert report is not None
        assert [view.description for view in report.frame.tasks] == ["a", "b", "c"]
        assert reporter.delay == 0.5
    report = reporter.collect()
    assert report is not None
    assert [view.state for view in report.frame.ended] == ["cancelled"] * 3
    assert (reporter.delay, woken) == (None, [True])


def test_unseen_tasks_are_counted() -> None:
    """Tasks that begin and end between two reports are counted in one report; one of half a second has its own line."""
    clock, woken = ManualClock(), list[bool]()
    reporter = reporter_of(clock, woken)
    for number in range(100):
        with reporter.work() as work:
            clock.advance(0.001)
            assert sum(work.tracker.track([1, 2, 3], "short", unit="row")) == 6
            work.tracker.add_task("dropped", total=5)
            if number == 50:
                with work.tracker.add_task("longer", total=1):
                    clock.advance(0.5)
    first, second = reporter.collect(), reporter.collect()
    assert first is not None
    assert [view.description for view in first.frame.ended] == ["dropped", "longer"]
    assert first.unseen == EndedCounts(finished=100, cancelled=99, amounts={"row": 300})
    assert first.age == pytest.approx(0.599)
    assert Report.decode(*first.encode()) == first
    assert (second, reporter.delay) == (None, None)


def test_reports_of_two_watches() -> None:
    """Tasks that no report has shown are summed up over the reports of a worker; a lost worker starts over."""
    renderer = RecordingRenderer()
    feed = Feed(renderer, terminal=EmulatedTerminal(), ticker=ManualTicker(), clock=ManualClock())
    reader = ReportReader(feed)
    report = Report(Frame(1.0), unseen=EndedCounts(finished=3, amounts={"row": 7}), age=0.1)
    rows, news = report.encode()
    reader.read("one", rows, news, news)
    reader.read("two", rows, news)
    reader.lose("one")
    reader.read("one", rows, news)
    reader.read("one", b"junk", b"junk")
    feed.stop()
    assert renderer.lines == ["✓ 12 tasks, 28 rows in 0.1 s"]


def test_nothing_new() -> None:
    """While nothing moves there is a report a second, since elapsed times do."""
    clock = ManualClock()
    reporter = reporter_of(clock, [])
    with reporter.work() as work:
        work.tracker.add_task("a", total=1)
        assert reporter.collect() is not None
        clock.advance(0.5)
        assert reporter.collect() is None
        clock.advance(0.5)
        assert reporter.collect() is not None


def test_lines_and_rows_in_bounds() -> None:
    """Printed lines come once and in order, and rows are cut where no screen has room for them."""
    reporter = reporter_of(ManualClock(), [])
    with reporter.work() as work:
        for number in range(MOST_ROWS * 3):
            work.tracker.add_task(f"task {number}", total=1)
        work.tracker.print("one")
        work.tracker.print("two")
        report = reporter.collect()
    assert report is not None
    assert report.lines == ("one", "two")
    assert len(report.frame.tasks) + report.frame.more == MOST_ROWS * 3
    assert len(report.frame.tasks) <= MOST_ROWS
    rows, news = report.encode()
    assert Report.decode(rows, news) == report
    assert len(rows) < 10_000


def test_threads_belong_to_their_work() -> None:
    """A thread's tasks belong to the work that started the thread; tasks outside of any work belong to the process."""
    reporter = reporter_of(ManualClock(), [])
    plain = threading.Thread.start
    found: list[ProgressTracker] = []
    reporter.begin()
    try:
        with reporter.work() as work:
            thread = threading.Thread(target=lambda: found.append(current_tracker()))
            thread.start()
            thread.join()
            assert found == [work.tracker] == [current_tracker()]
        own = current_tracker()
        assert own is not work.tracker
        assert list(track([1], "own")) == [1]
        report = reporter.collect()
        assert report is None or report.frame.tasks == ()
    finally:
        reporter.close()
    assert threading.Thread.start is plain
    assert current_tracker() is not own


def test_tracker_used_again() -> None:
    """The next piece of work has the tracker of one that is over, with nothing of it left, unless somebody still holds that."""
    clock, woken = ManualClock(), list[bool]()
    reporter = reporter_of(clock, woken)
    with reporter.work() as first:
        first.tracker.add_task("dropped", total=5)
        first_id = id(first.tracker)
    reporter.collect()
    with reporter.work() as second:
        assert (id(second.tracker), second.tracker.tasks) == (first_id, ())
        late = first.tracker  # a thread of the first goes on
        assert late is not second.tracker
        held = second.tracker.add_task("held", total=1)
    with reporter.work() as third:
        assert third.tracker is not held.tracker
        task = third.tracker.add_task("now")
        report = reporter.collect()
        assert report is not None
        assert [view.description for view in report.frame.tasks] == [task.description]


def test_budget() -> None:
    """The transport's cost of a report delays the next one."""
    cpu = ManualClock()
    reporter = Reporter(lambda: None, interval=0.5, budget=0.01, clock=ManualClock(), cpu=cpu)
    with reporter.work() as work:
        work.tracker.add_task("a", total=1)
        reporter.carry(lambda report: cpu.advance(0.1))
        assert reporter.delay == pytest.approx(10.0)


@pytest.mark.parametrize("rows", [b"", b"{", b"junk", b"x\x9c\x00", b"[]"])
def test_strangers_bytes(rows: bytes) -> None:
    """A message that is not a report is refused with one sentence."""
    with pytest.raises(ValueError, match=r"\w+"):
        Report.decode(rows)
    with pytest.raises(ValueError, match=r"\w+"):
        Report.decode(Report(Frame(1.0, tasks=(sample_view(),))).encode()[0], rows or b"{}")


@pytest.mark.parametrize(
    ("line", "count"),
    [pytest.param("й" * 1000, 3000, id="cyrillic"), pytest.param("a" * LARGEST, 1, id="one line")],
)
def test_lines_that_no_report_can_hold_are_counted(line: str, count: int) -> None:
    """A report of many lines stays below the bound of its reader, so that the ended tasks beside them arrive."""
    reporter = Reporter(lambda: None)
    with reporter.work() as work:
        task = work.tracker.add_task("orders.csv", total=1, keep=True)
        for _ in range(count):
            work.tracker.print(line)
        task.fail()
    report = reporter.collect()
    assert report is not None
    read = Report.decode(*report.encode())
    assert [view.description for view in read.frame.ended] == ["orders.csv"]
    kept = len(read.lines) - 1
    assert set(read.lines[:-1]) <= {line}
    assert read.lines[-1].startswith(f"progresskit: {count - kept:,d} lines are missing here")


@pytest.fixture
def reporter() -> Iterator[Reporter]:
    """A reporter that provides trackers."""
    reporter = Reporter(lambda: None, interval=0.5)
    reporter.begin()
    yield reporter
    reporter.close()


def reported(reporter: Reporter) -> list[tuple[str, str]]:
    """Return the ended tasks of a new report, and the counts of those that it does not name, as text."""
    report = reporter.collect()
    if report is None:
        return []
    found: list[tuple[str, str]] = [(view.description, view.state) for view in report.frame.ended]
    return found if report.unseen is None else [*found, (f"{report.unseen.tasks} unseen", report.unseen.text())]


def test_short_loops_are_no_tasks(reporter: Reporter) -> None:
    """Loops that end between two reports are counted; their work makes no tracker."""
    for _ in range(3):
        with reporter.work() as work:
            for _ in track(range(5), "short", unit="row"):
                pass
            assert sum(track([1, 2], unit="row")) == 3
            assert work._tracker is None
    assert reported(reporter) == [("6 unseen", "21 rows")]
    assert reporter.collect() is None


def test_loops_that_a_report_finds(reporter: Reporter) -> None:
    """A loop that runs while a report is made has a row and a last line."""
    with reporter.work():
        for number in track(range(5), "seen", unit="row"):
            if number == 2:
                report = reporter.collect()
                assert report is not None
                assert [(view.description, view.completed, view.total) for view in report.frame.tasks] == [
                    ("seen", 2, 5)
                ]
    assert reported(reporter) == [("seen", "finished")]
    assert current_loop.get() is None


def test_short_loops_with_other_ends(reporter: Reporter) -> None:
    """A short loop that is left, fails or is dropped unused, or whose task or tracker is used, is a task."""
    with reporter.work():
        for number in track(range(5), "left"):
            if number == 2:
                break
    assert reported(reporter) == [("1 unseen", "2 items")]
    with reporter.work(), suppress(ValueError):
        for number in track(range(5), "failed"):
            if number == 2:
                raise ValueError("bad row")
    assert reported(reporter) == [("failed", "failed")]
    with reporter.work() as work:
        loop: Any = track(range(5), "kept")
        next(loop)
        for _ in track(range(3), "outer"):
            assert [task.description for task in current_tracker().tasks] == ["kept", "outer"]
            assert [task.description for task in work.tracker.tasks] == ["kept", "outer"]
            for _ in track(range(2), "inner"):
                pass
    assert [name for name, _ in reported(reporter)] == ["1 unseen"]  # the others are parts of it
    with reporter.work():
        loop = track(range(2), "asked")
        for _ in loop:
            loop.task.update(description="named")
        assert (loop.task.state, loop.task.completed) == ("finished", 2)


def test_loops_that_threads_share_a_report(reporter: Reporter) -> None:
    """Each item counts once, whether or not a report comes in the middle of a loop."""
    over = threading.Event()

    def report_on() -> None:
        while not over.is_set():
            found.append(reporter.collect())

    found: list[Report | None] = []
    reports = threading.Thread(target=report_on)
    reports.start()
    for _ in range(300):
        with reporter.work():
            for _ in track(range(7), "short", unit="row"):
                pass
    over.set()
    reports.join()
    found.append(reporter.collect())
    known = [report for report in found if report is not None]
    amounts = [report.unseen.amounts["row"] for report in known if report.unseen is not None]
    ended = [view.completed for report in known for view in report.frame.ended]
    assert sum(amounts) + sum(ended) == 2100
    assert sum(report.unseen.tasks for report in known if report.unseen is not None) + len(ended) == 300
