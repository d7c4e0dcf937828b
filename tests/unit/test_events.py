"""Claims about `progresskit report`: the tables of events files, including torn and foreign ones."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from progresskit import ProgressTracker
from progresskit._cli.event_log import read
from progresskit._cli.event_report import tell
from progresskit._cli.main import main
from progresskit._model.frames import Frame, TaskView, encode, sample_view
from progresskit._text.cells import cell_width
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker

ORDERS = sample_view(id=1, description="orders.csv", total=300, completed=300, unit="row", elapsed=2.0, rate=150.0)
ITEMS = sample_view(id=2, description="items.csv", completed=7, unit="row", elapsed=1.0, depth=1, parent=1)


def lines(*frames: Frame) -> list[str]:
    return [encode(frame) + "\n" for frame in frames]


def test_each_task_is_reported_once_as_last_seen() -> None:
    later = Frame(3.0, ended=(ORDERS._replace(state="finished"),))
    (run,) = read(lines(Frame(1.0, (ORDERS._replace(completed=10), ITEMS)), Frame(2.0, (ORDERS, ITEMS)), later)).runs
    assert [(each.view.id, each.view.completed, each.has_ended) for each in run.tasks.values()] == [
        (1, 300, True),
        (2, 7, False),
    ]
    assert (run.last, run.frames) == (3.0, 3)


def test_table_tells_each_end() -> None:
    """The table has the end of each task and the time of its work."""
    ended = (ORDERS._replace(state="finished", elapsed=1.0), ITEMS._replace(state="failed", reason="no such file"))
    rows = tell(read(lines(Frame(10.0), Frame(11.0, ended=ended[:1]), Frame(12.0, ended=ended[1:])))).splitlines()
    assert rows[1] == "orders.csv   finished  300/300 rows  1.0 s  150 rows/s  ▏██████████          ▕"
    assert rows[2] == "  items.csv  failed    7 rows        1.0 s              ▏          ██████████▕"
    assert rows[3] == "items.csv: no such file"
    assert rows[4] == "2 tasks in 2.0 s, 1 finished, 1 failed, 3 frames"


def test_killed_job_leaves_its_tasks_named() -> None:
    """After a killed job, its tasks are named, and an incomplete line is counted."""
    text = tell(read([*lines(Frame(0.0, (ORDERS,))), '{"print":"a line"}\n', '{"time":1.0,"tas']))
    assert "orders.csv  left" in text
    assert text.endswith("1 task in 2.0 s, 1 left at the last frame, 1 frame, 1 printed line, 1 line made no sense")


@pytest.mark.parametrize("columns", [20, 60, 100])
def test_long_and_hostile_names(columns: int) -> None:
    """A long name is cut, and control characters are made visible."""
    view = ORDERS._replace(description="\x1b[2J" + "東京" * 100, state="finished")
    text = tell(read(lines(Frame(0.0, ended=(view,)))), columns)
    assert "\x1b" not in text
    assert all(cell_width(row) <= max(columns, 12 + 80) for row in text.splitlines()[:2])


def test_a_file_without_a_frame_says_so() -> None:
    assert tell(read([])) == "0 tasks in <0.1 s, 0 frames"


def test_command_reads_the_json_renderer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command shows what the JSON renderer wrote."""
    clock, ticker = ManualClock(), ManualTicker()
    terminal = EmulatedTerminal(is_tty=False)
    sent = io.StringIO()
    feed = terminal.feed
    terminal.feed = lambda text: (sent.write(text), feed(text))[1]  # type: ignore[method-assign]  # to have it as a file
    tracker = ProgressTracker("json", terminal=terminal, clock=clock, ticker=ticker)
    with tracker:
        files = tracker.add_task("Files", total=2, unit="file")
        for _ in range(2):
            ticker.tick()
            clock.advance(1.0)
            files.advance()
        tracker.print("between")
    path = tmp_path / "events.jsonl"
    path.write_text(sent.getvalue(), encoding="utf-8")
    assert main(["report", str(path)]) == 0
    out = capsys.readouterr().out
    assert "Files  finished  2/2 files  2.0 s" in out
    assert "1 finished" in out and "1 printed line" in out


def test_missing_file_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    """A missing file gives one sentence and status 2."""
    with pytest.raises(SystemExit) as ended:
        main(["report", "/no/such/events"])
    assert ended.value.code == 2
    assert "the events file cannot be read" in capsys.readouterr().err


NUMBERS = st.one_of(st.integers(-(10**30), 10**30), st.floats(-1e99, 1e99), st.just(True), st.just(float("nan")))
TEXTS = st.text(max_size=5)
VIEWS = st.builds(
    TaskView,
    id=st.integers(0, 99), parent=st.none() | st.integers(0, 9), depth=st.just(1), position=st.just(2), description=TEXTS,
    completed=NUMBERS, total=st.none() | NUMBERS, unit=TEXTS, state=st.sampled_from(["running", "failed"]), elapsed=NUMBERS,
    rate=st.none() | NUMBERS, eta=st.none() | NUMBERS, fields=st.dictionaries(TEXTS, st.none() | NUMBERS | TEXTS, max_size=2),
    color=st.none() | st.just("red"), keep=st.booleans(), estimated=st.booleans(), reason=st.none() | TEXTS,
    idle=st.none() | NUMBERS, columns=st.none() | TEXTS, layout=st.none() | TEXTS, age=NUMBERS,
)  # fmt: skip


@given(
    st.lists(VIEWS, max_size=2),
    st.lists(VIEWS, max_size=1),
    st.dictionaries(st.integers(0, 9), st.integers(), max_size=1),
)
def test_encoded(tasks: list[TaskView], ended: list[TaskView], counts: dict[int, int]) -> None:
    """A frame's line is the JSON of its parts, with null for a number that JSON lacks."""
    line = encode(Frame(1.5, tuple(tasks), tuple(ended), 3, counts))
    assert line.isascii() and "\n" not in line

    def plain(value: Any) -> Any:
        """Return `value` after a way through JSON."""
        if isinstance(value, dict):
            return {name: plain(each) for name, each in value.items()}
        return None if isinstance(value, float) and math.isnan(value) else value

    document = json.loads(line)
    for name, views in (("tasks", tasks), ("ended", ended)):
        for view, written in zip(views, document.pop(name), strict=True):
            rare = ("idle", "columns", "layout")
            expected = {n: plain(v) for n, v in view._asdict().items() if v is not None or n not in rare}
            assert written == expected
    assert document == {
        "time": 1.5,
        "more": 3,
        **({"counts": {str(n): c for n, c in counts.items()}} if counts else {}),
    }
