"""`progresskit demo` with each renderer, chosen by the environment alone: in a real pty, and into a file."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pyte
import pytest
from pty_reading import read_pty

CODE = """
import os, time
from types import SimpleNamespace
from progresskit._cli import demo
from progresskit._cli.main import main
from seen import until_seen
def sleep(seconds):
    if os.environ["PROGRESSKIT_RENDERER"] != "none":  # which has no frames
        until_seen()  # a busy machine may begin and end a short task between two frames
    time.sleep(seconds)
demo.time = SimpleNamespace(sleep=sleep)
raise SystemExit(main())
"""
DEMO = [sys.executable, "-c", CODE, "demo", "--seconds", "1.2"]
NAMES = ("Files", "airports.csv", "flights.csv", "planes.csv", "weather.csv", "QC rows")
END = b"\x1b[?2026l"  # what each frame ends with
SLOWLY = {name: pytest.param(name, marks=pytest.mark.slow) for name in ("json", "none", "tqdm", "rich", "alive")}


def environment(renderer: str) -> dict[str, str]:
    if renderer in ("tqdm", "rich", "alive"):
        pytest.importorskip(f"progresskit_{renderer}", reason="the adapter is not installed in this environment")
    environ = {**os.environ, "PROGRESSKIT_RENDERER": renderer, "TERM": "xterm", "COLUMNS": "120", "LINES": "24"}
    environ["PYTHONPATH"] = os.pathsep.join(map(str, (Path(__file__).parents[2], Path(__file__).parents[1])))
    environ.pop("CI", None)
    return environ


def shown(renderer: str) -> tuple[pyte.HistoryScreen, list[list[str]], bytes]:
    """Run the demo in a pty: the last screen, the rows of the screen after each frame, and all that was sent."""
    environ = environment(renderer)
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(sys.executable, DEMO, environ)
    screen = pyte.HistoryScreen(120, 24, history=1000)
    stream = pyte.ByteStream(screen)
    frames, waiting, sent = [], b"", b""
    while data := read_pty(fd):
        sent += data
        *whole, waiting = (waiting + data).split(END)
        for frame in whole:
            stream.feed(frame + END)
            frames.append([row.rstrip() for row in screen.display])
    stream.feed(waiting)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(fd)
    return screen, frames, sent


@pytest.mark.parametrize("renderer", ["ansi", SLOWLY["tqdm"], SLOWLY["rich"], SLOWLY["alive"]])
def test_live_tasks_stand_once_in_order(renderer: str) -> None:
    """On a terminal every live task has one row, in order, with its count."""
    screen, frames, _ = shown(renderer)
    found = [[name for row in rows for name in NAMES if re.match(rf"\W*{re.escape(name)}", row)] for rows in frames]
    # What has ended stays above as a line: until the first has, each name is there once at most, in order.
    first_end = next(number for number, rows in enumerate(frames) if any("server went away" in row for row in rows))
    assert max(map(len, found[:first_end])) == len(NAMES)
    for names in found[:first_end]:
        assert names == [name for name in NAMES if name in names]
    for rows in frames[:first_end]:
        for row in rows:
            if "flights.csv" in row and (count := re.search(r"([\d.]+)/95.0 MB", row)):
                assert 0 <= float(count[1]) <= 95
            if re.match(r"\W*Files", row):
                assert re.search(r"[0-4]/4 files", row) or "✓" in row
    text = [row.rstrip() for row in screen.display if row.strip()]
    assert sum("a line printed above the bars" in row for row in text) == 1
    assert sum("74,040 row" in row for row in text) == 1
    assert sum(bool(re.search(r"\b4 files\b", row)) for row in text) == 1 or sum("4/4 file" in row for row in text) == 1
    assert not screen.cursor.hidden
    assert screen.cursor.x == 0


@pytest.mark.parametrize("renderer", ["plain", SLOWLY["json"], SLOWLY["none"]])
def test_appending_renderers_never_move_the_cursor(renderer: str) -> None:
    """In a terminal, renderers that append lines never move the cursor."""
    _, frames, sent = shown(renderer)
    assert (frames, b"\x1b" in sent) == ([], False)
    lines = sent.decode().splitlines()
    assert sum("a line printed above the bars" in line for line in lines) == 1
    check_lines(renderer, lines)


@pytest.mark.parametrize("renderer", ["ansi", "plain", *SLOWLY.values()])
def test_into_a_file_go_whole_lines(renderer: str) -> None:
    done = subprocess.run(DEMO, env=environment(renderer), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")
    assert "\x1b" not in done.stderr and "\r" not in done.stderr
    check_lines("plain" if renderer in ("ansi", "tqdm", "rich", "alive") else renderer, done.stderr.splitlines())


def check_lines(renderer: str, lines: list[str]) -> None:
    """Assert that lines show each task's beginning and end."""
    if renderer == "none":
        assert lines == ["a line printed above the bars"]
    elif renderer == "json":
        frames = [json.loads(line) for line in lines]
        ended = [view for frame in frames for view in frame.get("ended", [])]
        states = [(view["description"], view["state"], view["completed"]) for view in ended]
        assert ("planes.csv", "failed", 31 * (23_000_000 // 60)) in states
        assert ("QC rows", "finished", 74_040) in states
        assert ("Files", "finished", 4) in states
    else:
        for name in NAMES:
            attempts = 2 if name == "planes.csv" else 1
            assert (
                sum(re.match(rf"(Files / )?{re.escape(name)}: started", line) is not None for line in lines) == attempts
            )
        assert sum(line.startswith("Files / planes.csv: failed") for line in lines) == 1
        assert sum(line.startswith("Files: finished, 4 files in") for line in lines) == 1
        assert sum(line.startswith("QC rows: finished, 74,040 rows in") for line in lines) == 1
