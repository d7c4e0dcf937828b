"""`progresskit bench`: its verdicts, and a command that is run in pairs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from progresskit._cli import bench
from progresskit._cli.bench import Run, judged, per_call, table, verdict
from progresskit._cli.intervals import interval
from progresskit._cli.main import main

needs_pty = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals")


def pairs(ratios: list[float]) -> list[tuple[Run, Run]]:
    return [(Run(1.0, ratio, 0), Run(1.0, 1.0, 0)) for ratio in ratios]


@pytest.mark.parametrize(
    ("ratios", "word"),
    [([1.002] * 8, "under"), ([1.03] * 8, "over"), ([0.8, 1.3, 0.9, 1.2, 1.1, 0.7, 1.0], "noisy")],
    ids=["under", "over", "noisy"],
)
def test_the_verdict_follows_from_the_interval(ratios: list[float], word: str) -> None:
    """A bar within the interval is neither passed nor failed."""
    assert judged(pairs(ratios))[0]["verdict"] == word


def test_figures_are_ratios_of_the_same_round() -> None:
    """On a machine that is ten times slower in one round, the number of calls is the same."""
    speeds = [1.0, 10.0, 2.0, 1.0, 3.0, 1.0]
    times = {"bare": [10e-9 * each for each in speeds], "call": [50e-9 * each for each in speeds]}
    calls = per_call({**times, "library": [30e-9 * each for each in speeds]})[1]
    assert [round(value, 6) for value in calls] == [0.5, 0.5, 0.5]


def test_what_cannot_be_had_is_a_dash() -> None:
    """A library that cannot be measured has dashes, and no error."""
    none: dict[str, Any] = dict.fromkeys(
        ("item_ns", "item_calls", "update_ns", "update_calls", "draw", "line_us", "line_ratio")
    )
    found = {"progresskit": {**none, "import_ms": 1.0}}
    assert table(found).splitlines()[1].split() == ["progresskit", "-", "-", "-", "-", "1", "ms"]
    assert "could not be measured" in verdict(found)


def test_table_fits_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The table and its legend have at most 80 columns, also with large figures; sentences break between words."""
    large = interval([1_234.0])
    figures = {
        **dict.fromkeys(("item_ns", "update_ns"), large), **dict.fromkeys(("item_calls", "update_calls"), interval([123.4])),
        "draw": 0.123, "line_us": 1234.0, "line_ratio": 123.4, "import_ms": 123.0,
    }  # fmt: skip
    found = dict.fromkeys(bench.IMPORTS, figures)
    monkeypatch.setattr(bench, "compare", lambda say: found)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    bench.bench([])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80 and " ".join(lines).endswith(verdict(found))


def test_command_without_rows() -> None:
    """A command that shows no row may not use progresskit, and the verdict says so."""
    shown, silent = Run(9.0, 9.0, 0, has_rows=False), Run(9.0, 9.0, 0)
    figures, sentence = judged([(shown, silent)] * 6)
    assert not figures["has_rows"] and "No row of progresskit was seen" in sentence
    assert "No row" not in judged(pairs([1.0] * 6))[1]


@needs_pty
@pytest.mark.parametrize("uses", [True, False])
def test_rows_of_a_command_are_seen(uses: bool) -> None:
    """A run on a pseudo-terminal tells whether there was a frame."""
    code = "from progresskit import track\nloop = track(range(1))\nfor _ in loop: loop.task.tracker.refresh(30.0)"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PROGRESSKIT")}
    run = bench.on_a_terminal(
        [sys.executable, "-c", code if uses else "print('words')"], {**environ, "TERM": "xterm", "CI": ""}
    )
    assert run.status == 0 and run.has_rows == uses


@needs_pty
def test_a_command_is_run_in_pairs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pair has one run without progress, on a terminal; --json tells the interval."""
    seen: list[bool] = []
    started = bench.on_a_terminal

    def watched(command: Any, environ: Any, **options: Any) -> Run:
        seen.append("PROGRESSKIT_DISABLE" in environ)
        return started(command, environ, **options)

    monkeypatch.setattr(bench, "on_a_terminal", watched)
    assert main(["bench", "--json", "--seconds", "0", "--", "sh", "-c", "test -t 1 && test -t 2"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["pairs"] == 6 and set(result["processor_ratio"]) == {"low", "middle", "high"}
    assert sorted(seen) == [False] * 6 + [True] * 7


@needs_pty
def test_a_command_that_fails_is_not_compared(capsys: pytest.CaptureFixture[str]) -> None:
    """A command's status is reported; a command that cannot be started is a usage error."""
    assert main(["bench", "--", "sh", "-c", "exit 3"]) == 1
    assert "ended with status 3" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["bench", "--", "./no such command"])
    assert ended.value.code == 2


@needs_pty
def test_each_run_has_the_same_input(tmp_path: Path) -> None:
    """Each run gets a given file from its present position; without a file, a command that reads finds the end of its input."""
    (tmp_path / "rows").write_text("first\nsecond\n")
    command = ["bench", "--json", "--seconds", "0", "--", "sh", "-c", 'read line; test "$line" = "$1"', "-"]

    def verdict(source: IO[bytes] | int, line: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "progresskit", *command, line],
            stdin=source,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stderr or json.loads(done.stdout)["verdict"]

    with open(tmp_path / "rows", "rb", buffering=0) as file:
        file.readline()
        assert verdict(file, "second") in ("under", "over", "noisy")
    reader, writer = os.pipe()  # which no code closes
    assert verdict(reader, "") in ("under", "over", "noisy")
    os.write(writer, b"first\n")
    assert "each run has an empty input. Give a file" in verdict(reader, "")
    os.close(reader)
    os.close(writer)


def test_waiting_command() -> None:
    """Of a command that waits most of its time progress may take more than 1 % of its processor time, and little of a core."""
    figures, sentence = judged([(Run(10.0, 0.08, 0), Run(10.0, 0.05, 0))] * 6)
    assert sentence.startswith("Not under 1 %: progress adds 60.00 % of processor time")
    assert sentence.endswith("The command mostly waits: progress takes 0.30 % of a core.")
    assert round(figures["core_share"], 4) == 0.003


def run_of(seconds: float) -> Callable[..., Run]:
    """Return what takes the place of a run: one that takes so many seconds, and whose fourth is interrupted."""
    runs: list[Run] = []

    def run(*_: object, **__: object) -> Run:
        if len(runs) == 4:
            raise KeyboardInterrupt
        runs.append(Run(seconds, seconds, 0))
        return runs[-1]

    return run


@needs_pty
def test_long_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """How long a command of minutes will take is said before its first pair, and Ctrl-C tells what there is."""
    monkeypatch.setattr(bench, "on_a_terminal", run_of(300.0))
    assert main(["bench", "--", "anything"]) == 0
    told = capsys.readouterr()
    assert "the command takes 5:00, and 6 pairs of runs 1:00:00. Ctrl-C" in told.err
    assert told.out.startswith("Too few pairs to say: progress adds 0.00 %")
    assert told.out.endswith("in 1 pair.\n")


@needs_pty
def test_killed_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--", "sh", "-c", "kill -9 $$"]) == 1
    assert "was ended by SIGKILL" in capsys.readouterr().err


@needs_pty
def test_a_figure_is_taken_in_a_program_of_its_own() -> None:
    """The child answers through its descriptor, with any output on its terminal."""
    code = "import os, sys; print('rows'); os.write(int(sys.argv[1]), b'[1]')"
    read_end, write_end = os.pipe()
    run = bench.on_a_terminal([sys.executable, "-S", "-c", code, str(write_end)], os.environ, answer=write_end)
    os.close(write_end)
    with open(read_end, "rb") as answer:
        assert answer.read() == b"[1]"
    assert run.status == 0 and run.cpu > 0
