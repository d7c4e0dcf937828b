"""Loops are shown on the stream that is standard error when they begin, and their output is complete when they have ended."""

from __future__ import annotations

import contextlib
import io

import pytest
from seen import BOUND, until_seen

from progresskit import track
from progresskit._display.process_hooks import TICKER


def test_loops_follow(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Under capsys, redirect_stderr, and click's CliRunner each loop's lines are where its words are, and nowhere else."""

    def loop(name: str) -> None:
        for n in track(range(3), name):
            if n == 1:
                until_seen()

    # Trackers that other tests have left may draw nothing.
    monkeypatch.setattr("progresskit._tracking.joining.shared", None)
    monkeypatch.setattr("progresskit._tracking.tracker.entered", [])
    for name in ("most", "left"):  # seconds that a job may be held up: a busy machine takes longer
        monkeypatch.setattr(TICKER.scheduler.gate.time, name, BOUND)
    capsys.readouterr()
    loop("Captured")
    assert "Captured: finished" in capsys.readouterr().err
    other = io.StringIO()
    with contextlib.redirect_stderr(other):
        loop("Aside")
    assert "Aside: finished" in other.getvalue()
    click = pytest.importorskip("click", reason="click is not installed")
    testing = pytest.importorskip("click.testing")
    result = testing.CliRunner().invoke(click.command()(lambda: (loop("Invoked"), click.echo("out"))[1]))
    assert "Invoked: finished" in result.output and "out" in result.output, result.exception
    loop("Again")
    said = capsys.readouterr()
    assert "Again: finished" in said.err
    assert not any(name in said.err + said.out for name in ("Captured", "Aside", "Invoked"))
