"""Signals that call the command off: each is heard, wherever the main thread is."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")

from progresskit_snowflake.interrupts import CalledOff, Interrupts

BOUND = 30.0
"""The most seconds that a test waits for what comes at once."""


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    found = Interrupts()
    found.install()
    yield found
    found.end()
    for number, handler in before.items():
        signal.signal(number, handler)


def wait_for_it() -> None:
    end = time.monotonic() + BOUND
    while time.monotonic() < end:
        time.sleep(0.01)


class Swallowing:
    """Gets a signal in a callback of the interpreter, which swallows exceptions."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_swallowed_signal_is_raised_again(
    number: signal.Signals, interrupts: Interrupts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal whose exception a callback swallows is raised again, once."""
    swallowed: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: swallowed.append(args.exc_type))
    with pytest.raises(CalledOff) as raised:
        Swallowing(number)
        wait_for_it()
    assert (swallowed, raised.value.signal) == ([CalledOff], number)


def test_import_is_not_broken_off(interrupts: Interrupts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal during an import is raised after it: the import would leave its locks held."""
    (tmp_path / "interrupted_import.py").write_text(
        "import signal\nsignal.raise_signal(signal.SIGINT)\nis_whole = True\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(CalledOff):
        import interrupted_import  # type: ignore[import-not-found]  # it is written above

        wait_for_it()
    assert interrupted_import.is_whole


def test_command_that_an_import_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that a module runs while it is imported hears signals too."""
    code = """
import signal
from progresskit_snowflake.interrupts import CalledOff, Interrupts
before, interrupts = signal.getsignal(signal.SIGINT), Interrupts()
interrupts.install()
try:
    signal.raise_signal(signal.SIGINT)
    heard = False
except CalledOff:
    heard = True
interrupts.end()
signal.signal(signal.SIGINT, before)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
"""
    (tmp_path / "running_import.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    import running_import  # type: ignore[import-not-found]  # it is written above

    assert running_import.heard


def test_further_signals(interrupts: Interrupts) -> None:
    """While things are cleared away, SIGTERM and SIGHUP are ignored, and Ctrl-C is not."""
    cleared = []
    with pytest.raises(CalledOff):
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGHUP)
            cleared.append(1)
    with contextlib.suppress(CalledOff):
        signal.raise_signal(signal.SIGINT)
        cleared.append(2)
    interrupts.end()
    signal.raise_signal(signal.SIGINT)
    assert cleared == [1]


def test_ignored_signals_stay_so() -> None:
    """What nohup ignores stays ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        Interrupts().install()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
