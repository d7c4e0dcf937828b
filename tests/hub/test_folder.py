"""Claims about the folder that processes share: PROGRESSKIT_FOLDER and `progresskit show`."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from progresskit import Frame, TaskView
from progresskit._model.frames import encode, sample_view
from progresskit.processes import Feed
from progresskit.processes._ended_counts import EndedCounts
from progresskit.processes._folder import LARGEST, SUFFIX, VARIABLE, WRITE_SECONDS, FolderReader, Record, Recorded
from progresskit.renderers.none import NoneRenderer
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker, RecordingRenderer

SHOW = [sys.executable, "-m", "progresskit", "show"]
JOB = """
import os, sys, time
from progresskit import track
for number in track(range(10), sys.argv[1]):
    while number == 5 and not os.path.exists(sys.argv[2]): time.sleep(0.01)
    if number == 7 and sys.argv[1] == "bad": raise ValueError("broken")
"""


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PROGRESSKIT_")}
    return {**kept, **more}


def record(
    *views: TaskView, ended: tuple[TaskView, ...] = (), host: str = "node7", written: float = 100.0, over: bool = False
) -> Record:
    return Record(host, 4711, 1.0, written, over, {"failed": 0}, Frame(1.0, views, ended))


class Shared:
    """A folder, a reader of it, and the tasks that it has shown."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = ManualClock()
        self.renderer = RecordingRenderer()
        self.ticker = ManualTicker()
        self.feed = Feed(self.renderer, ticker=self.ticker, clock=self.clock)
        self.reader = FolderReader(str(path), self.feed, lost=60.0, clock=self.clock, now=lambda: 100.0 + self.clock())
        self.turn = 0

    def put(self, record: Record, name: str = "one") -> None:
        self.turn += 1
        target = self.path / f"{name}{SUFFIX}"
        target.write_bytes(record.encode())
        os.utime(target, ns=(self.turn, self.turn))

    def scan(self, seconds: float = 0.0) -> Frame:
        self.clock.advance(seconds)
        self.reader.scan()
        return self.feed._core.tree.next_frame()


@pytest.fixture
def shared(tmp_path: Path) -> Shared:
    return Shared(tmp_path)


def test_a_process_is_shown_until_it_is_over(shared: Shared) -> None:
    running, ended = sample_view(id=1), sample_view(id=2, state="finished", completed=10)
    shared.put(record(running))
    frame = shared.scan()
    assert [(view.description, view.fields["on"]) for view in frame.tasks] == [(running.description, "node7:4711")]
    assert not shared.reader.are_over
    shared.put(record(running, ended=(ended,)))
    assert [view.state for view in shared.scan(5.0).ended] == ["finished"]
    shared.put(record(ended=(ended,), over=True))
    frame = shared.scan(5.0)
    assert (frame.tasks, frame.ended, shared.reader.are_over) == ((), (), True)
    assert shared.reader.outcome() == (1, 0, 0)


def test_silent_process_is_lost(shared: Shared) -> None:
    """A silent process is lost with its host and number and may come back."""
    running, ended = sample_view(id=1), sample_view(id=2, state="finished", completed=10)
    shared.put(record(running, ended=(ended,)))
    assert len(shared.scan().ended) == 1
    assert not shared.scan(60.0).ended
    (lost,) = shared.scan(1.0).ended
    assert (lost.state, lost.reason) == ("failed", "lost: nothing from node7, pid 4711, for 61 s")
    assert shared.reader.are_over
    assert shared.reader.outcome() == (1, 0, 1)
    shared.put(record(running, ended=(ended,)))
    frame = shared.scan(1.0)
    assert ([view.state for view in frame.tasks], frame.ended) == (["running"], ())  # ended tasks are shown once
    assert not shared.reader.are_over


def test_old_record_is_lost_at_once(shared: Shared) -> None:
    """A record that is old when it is first seen is lost at once."""
    shared.put(record(sample_view(id=1), written=10.0))
    assert [view.reason for view in shared.scan().ended] == ["lost: nothing from node7, pid 4711, for 90 s"]


def test_who_rests_or_pauses_is_not_lost(shared: Shared) -> None:
    shared.put(record(sample_view(id=1, state="paused")))
    shared.put(record(), "between two loops")
    assert not shared.scan(1000.0).ended
    assert not shared.reader.are_over  # the paused one


def test_files_come_and_go(shared: Shared) -> None:
    shared.put(record(sample_view(id=1)), "one")
    shared.put(record(sample_view(id=1)), "two")
    assert len(shared.scan().tasks) == 2
    (shared.path / f"one{SUFFIX}").unlink()
    shared.put(record(sample_view(id=1)), "three")
    assert len(shared.scan(5.0).tasks) == 3
    shared.put(record(over=True), "two")
    shared.put(record(over=True), "three")
    assert len(shared.scan(60.0).tasks) == 0
    assert shared.reader.outcome() == (3, 0, 1)


HOSTILE = {
    "nothing": b"",
    "no JSON": b"\x00\xff\n{}",
    "a number": b"1\n1",
    "no frame": record().encode().split(b"\n")[0],
    "deep": b"[" * 100_000 + b"\n",
    "a deep frame": record().encode().split(b"\n")[0] + b"\n" + b"[" * 100_000,
    "no number": record()._replace(pid="x").encode(),  # type: ignore[arg-type]
    "endless": json.dumps(
        {"host": "a", "pid": 1, "start": float("inf"), "written": 1, "over": False, "counts": {}}
    ).encode(),
    "counts": json.dumps({"host": "a", "pid": 1, "start": 1, "written": 1, "over": False, "counts": [1]}).encode(),
    "large": b"x" * (LARGEST + 1),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_is_no_record_is_left_out(shared: Shared, data: bytes) -> None:
    (shared.path / f"bad{SUFFIX}").write_bytes(data)
    shared.put(record(sample_view(id=1)))
    assert len(shared.scan().tasks) == 1
    assert shared.reader.unreadable == {f"bad{SUFFIX}"}


@given(data=st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_sentence(data: bytes) -> None:
    for whole in (data, record().encode().split(b"\n")[0] + b"\n" + data):
        try:
            Record.decode(whole)
        except ValueError as error:
            assert str(error)


def test_links_pipes_and_folders_are_refused(shared: Shared, tmp_path: Path) -> None:
    """Links, pipes and folders are not followed nor waited for."""
    (tmp_path / "elsewhere").write_bytes(record(sample_view(id=1)).encode())
    (tmp_path / f"link{SUFFIX}").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / f"pipe{SUFFIX}")
    (tmp_path / f"folder{SUFFIX}").mkdir()
    (tmp_path / f".hidden{SUFFIX}").write_bytes(b"")
    assert shared.scan().tasks == ()
    assert len(shared.reader.unreadable) == 3


def test_what_would_disturb_a_terminal_is_made_visible(shared: Shared) -> None:
    shared.put(record(sample_view(id=1, description="a\x1b[2J"), host="h\x1b]0;title\x07"))
    (view,) = shared.scan().tasks
    assert view.description == "a\\x1b[2J"
    assert view.fields["on"] == "h\\x1b]0;title\\x07:4711"


def test_writes_at_most_every_five_seconds(tmp_path: Path) -> None:
    """A process writes at most every five seconds and at its end."""
    clock, folder = ManualClock(), tmp_path / "made"
    recorded = Recorded(NoneRenderer(), str(folder), clock)
    recorded.start(EmulatedTerminal())

    def completed(count: int, seconds: float) -> list[int | float]:
        clock.advance(seconds)
        recorded.render(Frame(clock(), (sample_view(completed=count),)))
        return [view.completed for path in folder.iterdir() for view in Record.decode(path.read_bytes()).frame.tasks]

    assert [completed(1, 0.0), completed(2, 1.0), completed(3, WRITE_SECONDS - 2.0)] == [[1], [1], [1]]
    assert completed(4, 1.0) == [4]
    recorded.render(Frame(clock(), (), (sample_view(state="finished", completed=5),)))
    recorded.stop()
    (path,) = folder.iterdir()  # nothing is left of the other name
    assert Record.decode(path.read_bytes()).counts == {"finished": 1, "failed": 0, "cancelled": 0}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_relative_folder_and_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that changes its directory continues to write to the first one, and `~` is the home: cron and systemd
    expand nothing."""
    places = [tmp_path / name for name in ("start", "later", "home")]
    for place in places:
        place.mkdir()
    monkeypatch.setenv("HOME", str(places[2]))
    clock = ManualClock()
    for folder in (f"relative-{tmp_path.name}", f"~/{tmp_path.name}"):
        monkeypatch.chdir(places[0])
        recorded = Recorded(NoneRenderer(), folder, clock)
        recorded.start(EmulatedTerminal())
        recorded.render(Frame(clock(), (sample_view(),)))
        monkeypatch.chdir(places[1])
        clock.advance(WRITE_SECONDS)
        recorded.render(Frame(clock(), (sample_view(),)))
        recorded.stop()
    assert [sorted(path.parent.name for path in place.rglob(f"*{SUFFIX}")) for place in places] == [
        [f"relative-{tmp_path.name}"],
        [],
        [tmp_path.name],
    ]


def test_unwritable_folder_warns(tmp_path: Path) -> None:
    """A folder that cannot be written costs the job a warning."""
    (tmp_path / "file").touch()
    code = "import time; from progresskit import track\nfor _ in track(range(3), 'x'): time.sleep(0.1)\nprint('done')"
    variables = environment(**{VARIABLE: str(tmp_path / "file" / "folder")})
    job = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, timeout=60)
    assert (job.returncode, job.stdout) == (0, "done\n")
    assert "nothing can be written" in job.stderr


def test_switched_off_is_not_written(tmp_path: Path) -> None:
    """What code has switched off or sent elsewhere is not written."""
    code = """
import io
from progresskit import ProgressTracker
for tracker in (ProgressTracker("none"), ProgressTracker(stream=io.StringIO())):
    with tracker, tracker.add_task("x", total=1) as task: task.advance()
"""
    subprocess.run([sys.executable, "-c", code], env=environment(**{VARIABLE: str(tmp_path)}), timeout=60, check=True)
    off = environment(**{VARIABLE: str(tmp_path)}, PROGRESSKIT_DISABLE="1")
    subprocess.run([sys.executable, "-c", JOB, "off", sys.executable], env=off, timeout=60, check=True)
    assert list(tmp_path.iterdir()) == []


def _waiting(folder: Path, count: int) -> None:
    end = time.monotonic() + 60
    while len(list(folder.glob(f"*{SUFFIX}"))) < count:
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
def test_real_processes_to_their_ends(tmp_path: Path) -> None:
    """Real processes are shown to their ends one of them killed.

    A rank above 0 draws nothing itself, and is still shown; so is one that ends with an error.
    """
    folder, gate = tmp_path / "folder", tmp_path / "gate"
    ranks: dict[str, dict[str, str]] = {
        "first": {"SLURM_PROCID": "0"},
        "second": {"SLURM_PROCID": "1"},
        "bad": {},
        "killed": {},
    }
    jobs = {
        name: subprocess.Popen(
            [sys.executable, "-c", JOB, name, str(gate)],
            env=environment(**{VARIABLE: str(folder)}, **rank),
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, rank in ranks.items()
    }
    _waiting(folder, 4)
    jobs["killed"].kill()
    command = [*SHOW, str(folder), "--renderer", "plain", "--lost", "4"]
    show = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)
    gate.touch()
    said = {name: job.communicate(timeout=60)[1] for name, job in jobs.items()}
    text = show.communicate(timeout=60)[1]
    assert show.returncode == 1, text
    lines = text.splitlines()
    assert lines[-1] == "4 processes, 1 with failures, 1 lost"
    assert any(line.startswith("second: finished, 10 in") for line in lines), text
    assert any(line.startswith("bad: failed") for line in lines), text
    killed = f"pid {jobs['killed'].pid}, for"
    assert any(
        line.startswith("killed: failed") and "lost: nothing from" in line and killed in line for line in lines
    ), text
    assert (said["first"].count("finished"), said["second"]) == (1, "")


def test_tasks_without_a_frame_are_counted(tmp_path: Path) -> None:
    """Tasks that end before a frame are accounted for.

    A process whose loops have all ended before a first frame leaves their numbers, and `show` tells them.
    """
    code = """
from progresskit import ProgressTracker, track
from progresskit._display.drawing import DrawingThread
DrawingThread._run = lambda self, generation: None  # no frame comes, however slow the machine is
for number in range(3):
    for _ in track(range(5), f"quick {number}", unit="row"): pass
for _ in track(range(5), "left"): break
"""
    folder = tmp_path / "folder"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], env=environment(PROGRESSKIT_FOLDER=str(folder)), check=True)
    found = [Record.decode(path.read_bytes()) for path in folder.iterdir()]
    assert [each.counts for each in found] == [{"finished": 3, "failed": 0, "cancelled": 1}] * 2
    assert all(each.is_over and not each.frame.ended for each in found)
    shown = subprocess.run(
        [*SHOW, "--renderer", "plain", str(folder)], env=environment(), capture_output=True, text=True, timeout=120
    )
    assert shown.returncode == 0
    assert re.search(r"8 tasks, 2 cancelled, 30 rows? in \d", shown.stderr), shown.stderr
    assert "2 processes\n" in shown.stderr


def test_the_account_of_unseen_tasks_is_reported_once(shared: Shared) -> None:
    """A record has all tasks since the beginning; those of an earlier one are not counted again, and invalid records
    are ignored."""
    first = record()._replace(unseen=EndedCounts(finished=2, amounts={"row": 4}), age=1.0)
    shared.put(first)
    shared.scan()
    shared.put(first._replace(unseen=EndedCounts(finished=5, failed=1, amounts={"row": 9}), is_over=True))
    assert "6 tasks, 6 done" in [view.description for view in shared.scan().tasks]
    assert Record.decode(first.encode()) == first
    with pytest.raises(ValueError, match="'unseen' of a record is a text"):
        Record.decode(first.encode().replace(b'"unseen": "', b'"unseen": 5, "other": "'))


def test_show_waits_and_ends_by_ctrl_c(tmp_path: Path) -> None:
    """Show waits for the first process and ends by Ctrl-C."""
    code = """
import sys
from progresskit._cli import main, show
class Telling(show.FolderReader):
    def scan(self):
        super().scan()
        print("looked", flush=True)
show.FolderReader = Telling
sys.exit(main.main(["show", sys.argv[1]]))
"""
    show = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert show.stdout is not None
    assert [show.stdout.readline() for _ in range(2)] == ["looked\n"] * 2
    show.send_signal(signal.SIGINT)
    assert show.communicate(timeout=60)[1] == ""
    assert show.returncode == -signal.SIGINT


def test_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    """The message about a missing folder is one sentence."""
    show = subprocess.run(
        [*SHOW, str(tmp_path / "none")], env=environment(), capture_output=True, text=True, timeout=60
    )
    assert show.returncode == 2
    assert "cannot be read: No such file or directory." in show.stderr


def test_record_is_like_the_events_file() -> None:
    """The frames of a record are those of the events file."""
    whole = record(sample_view(id=1))
    assert whole.encode().splitlines()[1].decode() == encode(whole.frame)
