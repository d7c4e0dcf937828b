"""The exports of `progresskit report` for other programs and for a browser, and `progresskit replay`."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from progresskit._cli.event_exports import markdown, prometheus, table, trace
from progresskit._cli.event_log import Log, read
from progresskit._cli.event_page import page
from progresskit._cli.main import main
from progresskit._cli.replay import replay
from progresskit._model.events import EventEncoder
from progresskit._model.frames import DEEPEST, Frame, decode, encode, sample_view
from progresskit._model.metrics import prometheus_text
from progresskit.testing import EmulatedTerminal

HEADER = {"progresskit": 1, "run": "a1", "pid": 7, "host": "box", "argv": ["python", "job.py"], "monotonic": 100.0}
HEADER["started"] = "2026-11-27T22:56:01.000Z"
HOSTILE = '</script><img src=x onerror=alert(1)>"\\|`=1+1'
FILES = sample_view(id=1, description="Files", total=2, unit="file")
PART = sample_view(id=2, description=HOSTILE, parent=1, depth=1, position=1, total=30, unit="row", keep=False)
PAUSED = sample_view(id=3, description="Paused", position=2, total=4)


@pytest.fixture
def lines() -> list[str]:
    """A run with a part that fails, a task that was paused, one that is left, and printed lines."""
    encoder = EventEncoder(HEADER)
    made: list[str] = []
    for second in range(10):
        age = float(second)
        state = "paused" if 3 <= second < 6 else "running"
        views = [FILES._replace(elapsed=age, age=age)]
        if second < 8:
            views.append(PART._replace(completed=3 * second, elapsed=age, age=age))
        worked = age - min(max(age - 3, 0.0), 3.0)
        views.append(PAUSED._replace(state=state, elapsed=worked, age=age, completed=min(second, 4)))
        gone = ()
        if second == 8:
            gone = (PART._replace(state="failed", reason=HOSTILE, completed=21, elapsed=7.5, age=7.5, keep=True),)
        made += encoder.lines(Frame(100.0 + second, tuple(views), gone), [f"line {second}"] if second % 4 == 0 else [])
    return made


@pytest.fixture
def log(lines: list[str]) -> Log:
    return read(lines)


def test_trace(log: Log) -> None:
    """Each begin has its end, a paused task has two pairs, times are microseconds, and the run is a process by name."""
    events = json.loads(trace(log))["traceEvents"]
    pairs: dict[str, list[Any]] = {}
    for event in events:
        assert {"ph", "ts", "pid", "tid", "name"} <= event.keys()
        if event["ph"] in "be":
            pairs.setdefault(event["id"], []).append((event["ph"], event["ts"]))
    assert {name: [kind for kind, _ in each] for name, each in pairs.items()} == {
        "1.1": ["b", "e"],
        "1.2": ["b", "e"],
        "1.3": ["b", "e", "b", "e"],
    }
    assert all(first[1] <= last[1] for each in pairs.values() for first, last in itertools.pairwise(each))
    assert pairs["1.2"] == [("b", 0), ("e", 7_500_000)]
    assert events[0]["args"]["name"].startswith("python job.py, process 7 on box")
    assert [event["name"] for event in events if event["ph"] == "i"] == ["line 0", "line 4", "line 8"]


def test_prometheus(log: Log) -> None:
    """One HELP and TYPE a name, escaped labels, top-level tasks, and a last newline."""
    log.runs[0].tasks[3].view = PAUSED._replace(description='a "quote", \\ and more')
    text = prometheus(log)
    assert text.endswith("\n") and HOSTILE not in text
    names = re.findall(r"^# TYPE (\w+) gauge$", text, re.M)
    assert len(names) == len(set(names)) == len(re.findall("^# HELP ", text, re.M))
    pattern = re.compile(r'^\w+\{(?:\w+="(?:[^"\\]|\\["\\n])*",?)+\} -?[\d.e+]+$')
    series = [line for line in text.splitlines() if not line.startswith("#")]
    assert series and all(pattern.match(line) for line in series)
    assert any(r"a \"quote\", \\ and more" in line for line in series)
    assert 'state="left"} 1' in text


def test_one_series_a_task(log: Log) -> None:
    """A task that two displays show, or that has ended on another, has one series: the last one."""
    text = prometheus_text([("a1", [FILES, FILES._replace(completed=2, state="finished")])])
    series = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(series) == len(set(series)) and 'state="finished"} 1' in text


def test_table(log: Log) -> None:
    """A line for each task, which no spreadsheet reads as a formula."""
    log.runs[0].tasks[1].view = FILES._replace(description="=HYPERLINK(1)")
    rows = list(csv.DictReader(io.StringIO(table(log))))
    assert [row["outcome"] for row in rows] == ["left", "failed", "left"]
    assert rows[0]["description"] == "'=HYPERLINK(1)" and rows[1]["reason"] == HOSTILE
    assert float(rows[2]["paused_seconds"]) == 3.0


def test_units(log: Log) -> None:
    """Other programs get one form of a unit that is given in both; the page gets the plural for its curves as well."""
    log.runs[0].tasks[1].view = FILES._replace(unit="entry|entries")
    assert next(csv.DictReader(io.StringIO(table(log))))["unit"] == "entry"
    assert 'unit="entry"' in prometheus(log) and "entries" not in prometheus(log) + trace(log)
    parser = _Scripts()
    parser.feed(page(log))
    task = json.loads(parser.scripts[0])["runs"][0]["tasks"][0]
    assert (task["unit"], task["units"], task["done"]) == ("entry", "entries", "0/2 entries")


def test_markdown(log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str]) -> None:
    """Failures first, words escaped; --step-summary appends to the file of the CI system."""
    text = markdown(log)
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert "failed" in rows[1] and all(row.replace("\\|", "").count("|") == 7 for row in rows)
    assert "<img" not in text and "`" not in text
    events, target = tmp_path / "events", tmp_path / "summary.md"
    events.write_text("".join(f"{line}\n" for line in lines))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(target))
    target.write_text("before\n")
    assert main(["report", "--step-summary", str(events)]) == 0
    assert target.read_text() == f"before\n{text}"


def test_words_of_markdown(log: Log) -> None:
    """No description becomes mathematics, a link, a mention or an issue's number, and none breaks a row."""
    log.runs[0].tasks[1].view = FILES._replace(description="$x$ www.a.example @me #1 a|b `c` _d_ <e> \\")
    row = next(line for line in markdown(log).splitlines() if "example" in line)
    assert not set("$@`_\\").intersection(row) and "www." not in row and row.count("|") == 7


def test_depth(log: Log) -> None:
    """A foreign task that claims a depth of a thousand million is drawn in a row of normal length."""
    line = encode(Frame(1.0, (FILES,))).replace('"depth":0', '"depth":1000000000')
    assert decode(line).tasks[0].depth == DEEPEST
    terminal = EmulatedTerminal()
    replay([line], renderer="ansi", terminal=terminal, sleep=lambda _: None)
    assert sum(map(len, terminal.output)) < 1_000


class _Scripts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [name for name, _ in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script":
            self.scripts.append(data)


def test_page(log: Log) -> None:
    """One file without an address in it, with the data as JSON, and no output besides."""
    text = page(log)
    parser = _Scripts()
    parser.feed(text)
    assert parser.addresses == [] and "img" not in parser.tags and parser.tags.count("script") == 2
    (run,) = json.loads(parser.scripts[0])["runs"]
    assert [task["name"] for task in run["tasks"]] == ["Files", HOSTILE, "Paused"]
    assert run["tasks"][2]["pauses"] == [[3.0, 6.0]] and len(run["tasks"][1]["curve"]) >= 8
    assert max(run["atWork"]) == 2
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)


def test_output(tmp_path: Path, lines: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Each kind goes to standard output or to a file, which is replaced whole."""
    events, out = tmp_path / "events", tmp_path / "out"
    events.write_text("".join(f"{line}\n" for line in lines))
    for kind in ("--html", "--trace", "--prometheus", "--csv", "--markdown"):
        assert main(["report", kind, str(events)]) == 0
        printed = capsys.readouterr().out
        assert main(["report", kind, str(events), "-o", str(out)]) == 0
        assert out.read_text() == printed and len(printed) > 100
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events", "out"]
    with pytest.raises(SystemExit):
        main(["report", str(events), "-o", str(tmp_path / "no" / "such")])
    assert "cannot be written" in capsys.readouterr().err


def test_replay(lines: list[str]) -> None:
    """The last screen is the run's last one, the waits are the run's divided by the speed, and an incomplete line is ignored."""
    waits: list[float] = []
    terminal = EmulatedTerminal(columns=100, lines=10)
    replay([*lines[:5], "torn", *lines[5:]], renderer="ansi", speed=10.0, terminal=terminal, sleep=waits.append)
    terminal.flush()
    screen = [row.strip() for row in terminal.text if row.strip()]
    assert sum(waits) == pytest.approx(0.9)
    assert [line for line in screen if line.startswith("line")] == ["line 0", "line 4", "line 8"]
    assert any("failed" in row for row in screen) and "Files" in screen[-2] and "Paused" in screen[-1]


def test_replay_of_runs() -> None:
    """Two runs with the same numbers are below each other; rows that do not fit are counted."""
    encoders = [EventEncoder({**HEADER, "run": name}) for name in "ab"]
    lines: list[str] = []
    for step in range(3):
        for name, encoder in zip("ab", encoders, strict=True):
            views = tuple(
                sample_view(id=n, position=n, description=f"{name}{n}", completed=step, total=5) for n in range(4)
            )
            lines += encoder.lines(Frame(float(step), views), [])
    terminal = EmulatedTerminal(columns=60, lines=7)
    replay(lines, renderer="ansi", terminal=terminal, sleep=lambda _: None)
    rows = [row.split()[0] for row in terminal.text if row.strip()]
    assert rows == ["a0", "a1", "a2", "a3", "b0", "..."]


def test_replay_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A speed of 0, a missing file, an unknown renderer and a file of something else give one sentence and status 2."""
    (tmp_path / "other.json").write_text('{"a": 1}\n[2]\n')
    for arguments, words in (
        ([str(tmp_path / "other.json")], "this is no events file: it has 2 lines, and none is an event."),
        (["/no/such"], "the events file cannot be read"),
        (["-", "--speed", "0"], "--speed is 0"),
        (["/dev/null", "--renderer", "nosuch"], "there is no renderer"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["replay", *arguments])
        assert ended.value.code == 2 and words in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["report", "--html", str(tmp_path / "other.json"), "-o", str(tmp_path / "page")])
    assert ended.value.code == 2 and "this is no events file" in capsys.readouterr().err
    assert not (tmp_path / "page").exists()
