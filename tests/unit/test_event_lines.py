"""The lines of an events file: whole frames, changes, several runs in one file, and the file itself."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from progresskit import ProgressTracker
from progresskit._cli.event_log import read
from progresskit._cli.event_report import tell
from progresskit._cli.main import main
from progresskit._display.events_file import EventsFile, Teed
from progresskit._display.web.follow import Follower
from progresskit._display.web.state import PageState
from progresskit._model.events import WHOLE_SECONDS, EventDecoder, EventEncoder
from progresskit._model.frames import Frame, TaskView, sample_view
from progresskit._system.warnings import ProgressWarning
from progresskit.renderers.none import NoneRenderer
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker

HEADER = {"progresskit": 1, "run": "a1", "pid": 7, "host": "box", "argv": ["python", "job.py"], "monotonic": 100.0}
HEADER["started"] = "2026-11-27T22:56:01.000Z"
TASK = st.builds(
    lambda number, done, total, state, words: sample_view(
        id=number,
        completed=done,
        total=total,
        state=state,
        description=words,
        elapsed=1.5,
        age=2.0,
        fields={"n": words},
    ),
    st.integers(1, 5),
    st.integers(0, 1000),
    st.none() | st.integers(1, 1000),
    st.sampled_from(("pending", "running", "paused")),
    st.sampled_from(("alpha", "beta", "")),
)
FRAMES = st.lists(
    st.tuples(st.floats(0, 3), st.lists(TASK, max_size=4, unique_by=lambda view: view.id)), min_size=1, max_size=12
)


def decoded(lines: list[str]) -> list[Frame]:
    decoder = EventDecoder()
    return [event.frame for line in lines if (event := decoder.event(line)).frame is not None]


def same(one: TaskView, other: TaskView) -> bool:
    """Whether two views are equal except for a few milliseconds."""
    close = abs(one.elapsed - other.elapsed) < 0.05 and abs(one.age - other.age) < 0.05
    return close and one._replace(elapsed=0.0, age=0.0) == other._replace(elapsed=0.0, age=0.0)


@given(FRAMES)
def test_changes(steps: list[tuple[float, list[TaskView]]]) -> None:
    """A reader gets the written frames, whatever changes between them."""
    encoder, decoder, time = EventEncoder(HEADER), EventDecoder(), 0.0
    shown: dict[int, TaskView] = {}
    for passed, views in steps:
        time += passed
        encoded = list(encoder.lines(Frame(time, tuple(views)), []))
        for line in encoded:
            frame = decoder.event(line).frame
            if frame is not None:
                shown = {view.id: view for view in frame.tasks}
        if encoded:
            assert shown.keys() == {view.id for view in views}
            assert all(same(view, shown[view.id]) for view in views)


def test_size() -> None:
    """Fifty running tasks, of which one moves, cost a tenth of whole frames; every ten seconds comes a whole one."""
    views = [sample_view(id=n, description=f"task {n}", total=1000, rate=10.0, fields={"worker": n}) for n in range(50)]
    encoder = EventEncoder(HEADER)
    sizes, whole = [], 0
    for step in range(200):
        views[0] = views[0]._replace(completed=step)
        moved = tuple(view._replace(elapsed=step / 5, age=step / 5) for view in views)
        for line in encoder.lines(Frame(step / 5, moved), []):
            sizes.append(len(line))
            whole += '"tasks"' in line
    assert whole == 40 / WHOLE_SECONDS
    assert sum(sizes) < 200 * max(sizes) / 10


def test_runs(tmp_path: Path) -> None:
    """Two processes at once and a rerun in one file are three runs, each with all its tasks."""
    path = tmp_path / "events"
    code = (
        "import sys\nfrom progresskit import ProgressTracker\nwith ProgressTracker('plain') as tracker:\n"
        "  for n in range(5):\n    with tracker.add_task(f'{sys.argv[1]} {n}', total=3) as task:\n"
        "      tracker.print('line', n); task.advance(3); tracker._core.ticker.drain(tracker._core, lambda: False)\n"
    )
    environ = {**os.environ, "PROGRESSKIT_EVENTS": str(path)}
    jobs = [
        subprocess.Popen([sys.executable, "-c", code, name], env=environ, stderr=subprocess.DEVNULL) for name in "AB"
    ]
    assert [job.wait(60) for job in jobs] == [0, 0]
    assert subprocess.run([sys.executable, "-c", code, "C"], env=environ, stderr=subprocess.DEVNULL).returncode == 0
    log = read(path.read_text().splitlines())
    assert len(log.runs) == 3 and log.strange == 0
    names = [sorted(each.view.description for each in run.tasks.values()) for run in log.runs]
    assert sorted(names) == [[f"{name} {n}" for n in range(5)] for name in "ABC"]
    assert len({run.header["pid"] for run in log.runs}) == 3
    assert all(run.printed == 5 and all(time is not None for time, _ in run.prints) for run in log.runs)
    text = tell(log, 200)
    assert "run 1 of 3: " in text and all(f"{name} 4   finished" in text for name in "ABC")


def test_pause() -> None:
    """A task that was paused for one of 2.4 seconds begins at the left edge, with a gap."""
    clock, ticker = ManualClock(), ManualTicker()
    terminal = EmulatedTerminal(is_tty=False)
    sent: list[str] = []
    terminal.feed = sent.append  # type: ignore[method-assign, assignment]  # to have it as a file
    with ProgressTracker("json", terminal=terminal, clock=clock, ticker=ticker) as tracker:
        task = tracker.add_task("Task", total=2)
        for call, seconds in ((task.pause, 0.7), (task.resume, 1.0), (task.finish, 0.7)):
            ticker.tick()
            clock.advance(seconds)
            call()
        ticker.tick()
    (run,) = read("".join(sent).splitlines()).runs
    (activity,) = run.tasks.values()
    assert activity.start == pytest.approx(run.began) and activity.end - activity.start == pytest.approx(2.4)
    ((began, over),) = activity.pauses
    assert over - began == pytest.approx(1.0, abs=0.05)
    row = tell(read("".join(sent).splitlines()), unicode=False).splitlines()[2]
    assert row.endswith(("|######        ######|", "|######        ########|")), row


def test_old_file() -> None:
    """A file without headers, changes or times of printed lines is read as before."""
    view = {"id": 1, "description": "orders.csv", "completed": 3, "total": 3, "unit": "row", "state": "finished"}
    old = {**view, "parent": None, "depth": 0, "position": 0, "elapsed": 2.0, "rate": None, "eta": None, "fields": {}}
    lines = ['{"time":1.0,"tasks":[],"ended":[],"more":0}', '{"print":"words"}']
    log = read([*lines, json.dumps({"time": 3.0, "tasks": [], "ended": [old], "more": 0}), '{"time":4.0,"ta'])
    (run,) = log.runs
    assert (run.printed, run.title, log.strange) == (1, "", 1)
    assert run.tasks[1].outcome == "finished" and run.tasks[1].start == 1.0


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.decode("latin-1")))
def test_strangers(line: str) -> None:
    """An invalid line is counted and skipped."""
    assert read([line, '{"progresskit":1,"run":[]}', '{"changes":[{"id":1}],"time":1}']).strange in (2, 3)


def test_rotation(tmp_path: Path) -> None:
    """A file that has grown becomes PATH.1, and the next one begins with a header and a whole frame; a move by another process is
    noticed."""
    path = tmp_path / "events"
    clock = ManualClock()
    teed = Teed(NoneRenderer(), str(path), clock=clock, largest=4_000)
    teed.start(EmulatedTerminal())
    for step in range(200):
        teed.render(Frame(step / 2, (sample_view(completed=step, total=200),)))
        clock.advance(0.5)
    teed.stop()
    sizes = [each.stat().st_size for each in (path, Path(f"{path}.1"))]
    assert max(sizes) < 5_000 and len(list(tmp_path.iterdir())) == 2
    for each in (path, Path(f"{path}.1")):
        log = read(each.read_text().splitlines())
        assert log.strange == 0 and log.runs[0].header["pid"] == os.getpid()
    last = decoded(path.read_text().splitlines())[-1]
    assert last.tasks[0].completed == 199
    file = EventsFile(str(path))
    path.rename(tmp_path / "moved")
    assert file.begins_anew() and path.exists() and not file.begins_anew()
    file.close()


def test_after_torn_line(tmp_path: Path) -> None:
    """A run that goes on in a file that ends within a line has its header: only the torn line is lost."""
    path = tmp_path / "events"
    for before in ('{"run":"a","time":1.0,"tas', "", '{"print":"whole"}\n'):
        path.write_text(before)
        teed = Teed(NoneRenderer(), str(path))
        teed.start(EmulatedTerminal())
        for completed in (1, 2):
            teed.render(Frame(1.0, (), (sample_view(id=completed, completed=completed, state="finished"),)))
        teed.stop()
        log = read(path.read_text().splitlines())
        assert log.runs[-1].header["pid"] == os.getpid() and len(log.runs[-1].tasks) == 2, before
        assert log.strange == ("tas" in before) and path.read_text().count("\n\n") == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")
def test_two_that_move_a_file(tmp_path: Path) -> None:
    """If two processes find that a file has grown enough, only one moves it: the other would move the new file."""
    import fcntl

    path = tmp_path / "events"
    first, second = EventsFile(str(path), largest=1), EventsFile(str(path), largest=1)
    first.append(["many lines"])
    with path.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)  # as one does that is about to move it
        assert not second.begins_anew()
    assert first.begins_anew() and second.begins_anew() and not first.begins_anew()
    assert Path(f"{path}.1").read_text() == "many lines\n"
    first.close()
    second.close()


def test_tee(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PROGRESSKIT_EVENTS writes what the terminal shows too; a path that cannot be written is one warning."""
    for path in (tmp_path / "events", tmp_path / "no" / "such"):
        monkeypatch.setenv("PROGRESSKIT_EVENTS", str(path))
        terminal = EmulatedTerminal(columns=60)
        clock, ticker = ManualClock(), ManualTicker()
        tracker = ProgressTracker("ansi", terminal=terminal, clock=clock, ticker=ticker)
        task = tracker.add_task("orders.csv", total=2)
        tracker.print("words")
        if path.parent.exists():
            ticker.tick()
        else:
            with pytest.warns(ProgressWarning, match="PROGRESSKIT_EVENTS is .* cannot be written"):
                ticker.tick()
        assert terminal.text[0] == "words" and "orders.csv" in terminal.text[1]
        task.finish()
        tracker.stop()
    (run,) = read((tmp_path / "events").read_text().splitlines()).runs
    assert run.tasks[task.id - 1].outcome == "finished" and run.prints[0][1] == "words"


@pytest.mark.parametrize("is_beside", [False, True], ids=["alone", "beside"])
def test_short_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_beside: bool) -> None:
    """A task that no frame has shown is in the events file, and leaves no line on the screen."""
    path = tmp_path / "events"
    terminal, lines, ticker = EmulatedTerminal(columns=60), StringIO(), ManualTicker()
    if is_beside:
        monkeypatch.setenv("PROGRESSKIT_EVENTS", str(path))
        tracker = ProgressTracker("ansi", terminal=terminal, clock=ManualClock(), ticker=ticker)
    else:
        tracker = ProgressTracker("json", stream=lines, clock=ManualClock(), ticker=ticker)
    assert [*tracker.track("ab", "short")] == ["a", "b"]
    with tracker.add_task("parent", total=1) as parent:
        tracker.add_task("child", parent=parent).finish()
        parent.advance()
    ticker.tick()
    tracker.add_task("last").cancel()
    tracker.stop()
    assert terminal.text == []
    (run,) = read((path.read_text() if is_beside else lines.getvalue()).splitlines()).runs
    recorded = {
        each.view.description: (each.outcome, each.view.completed, each.view.keep) for each in run.tasks.values()
    }
    assert recorded == {
        "short": ("finished", 2, False),
        "child": ("finished", 0, False),
        "parent": ("finished", 1, False),
        "last": ("cancelled", 0, False),
    }


@pytest.mark.parametrize("name", ["ansi", "tqdm"])
def test_tee_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The file has the tasks for which the terminal has no room, and does not change what the terminal shows."""
    if name == "tqdm":
        pytest.importorskip("progresskit_tqdm", reason="the adapter is not installed")
    screens = []
    for path in (tmp_path / "events", None):
        monkeypatch.delenv("PROGRESSKIT_EVENTS", raising=False)
        if path is not None:
            monkeypatch.setenv("PROGRESSKIT_EVENTS", str(path))
        terminal = EmulatedTerminal(columns=60, lines=6)
        ticker, clock = ManualTicker(), ManualClock()
        tracker = ProgressTracker(name, terminal=terminal, clock=clock, ticker=ticker)
        for number in range(20):
            tracker.add_task(f"task {number}", total=2, start=number != 1)
        ticker.tick()
        screens.append(terminal.text)
        tracker.stop()
    assert screens[0] == screens[1] and "task 0" in " ".join(screens[0])
    (run,) = read((tmp_path / "events").read_text().splitlines()).runs
    assert len(run.tasks) == 20


def test_compressed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that gzip has compressed is read, as far as it goes; so is one with a byte order mark."""
    end = sample_view(description="Load", total=9, completed=9, elapsed=1.0, age=1.0, state="finished")
    lines = EventEncoder(HEADER).lines(Frame(2.0, ended=(end,)), [])
    data = "".join(f"{line}\n" for line in lines).encode()
    more = data + b"".join(os.urandom(40).hex().encode() + b"\n" for _ in range(5_000))
    said = {}
    for name, content in (
        ("plain", data),
        ("marked", b"\xef\xbb\xbf" + data),
        ("whole.gz", gzip.compress(data)),
        ("torn.gz", gzip.compress(more)[:-50_000]),
        ("empty.gz", b"\x1f\x8b"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        assert main(["report", str(path)]) == 0
        said[name] = capsys.readouterr().out
        followed = Follower(str(path), PageState({}))
        assert followed.read() >= 0 and followed.read() == 0
        followed.close()
    assert said["plain"] == said["marked"] == said["whole.gz"] and "1 finished" in said["plain"]
    assert "1 finished" in said["torn.gz"] and "0 tasks" in said["empty.gz"]
