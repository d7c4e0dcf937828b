"""The machine again, with a real pseudo-terminal between display and screen, and with tmux as a second judge of the screen."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from machine import RENDERERS, Machine, machine_of
from on_pty import PtyMachine
from tmuxed import Pane, needs_tmux

from progresskit.testing import EmulatedTerminal

FEW = settings(
    max_examples=12,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class JudgedTerminal(EmulatedTerminal):
    """An emulated terminal beside a pane of tmux, which gets the same."""

    def __init__(self, columns: int, lines: int) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.pane = Pane(self.folder, columns, lines)
        self.unshown = ""
        super().__init__(columns, lines, reflow=True)

    def feed(self, text: str) -> None:
        super().feed(text)
        self.unshown += text

    def show(self) -> None:
        if self.unshown:
            self.pane.feed(self.unshown.encode())
            self.unshown = ""


class JudgedMachine(Machine):
    terminal: JudgedTerminal

    def make_terminal(self, columns: int, lines: int, reflow: bool) -> EmulatedTerminal:
        return JudgedTerminal(columns, lines)

    def resized(self, columns: int, lines: int) -> None:
        self.terminal.pane.resize(columns, lines)

    def read_screen(self) -> None:
        self.terminal.show()
        rows, cursor = self.terminal.pane.read()
        assert rows == self.terminal.scrollback + self.terminal.screen
        assert cursor == self.terminal.cursor

    def teardown(self) -> None:
        if hasattr(self, "terminal"):
            self.terminal.pane.close()
            shutil.rmtree(self.terminal.folder)


@needs_tmux
@pytest.mark.slow
@pytest.mark.parametrize("renderer", RENDERERS)
def test_tmux_shows_what_the_emulated_terminal_shows(renderer: str) -> None:
    run_state_machine_as_test(machine_of(renderer, JudgedMachine), settings=FEW)  # type: ignore[no-untyped-call]


@pytest.mark.slow
@pytest.mark.parametrize("renderer", RENDERERS)
def test_same_through_a_pseudo_terminal(renderer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a real pseudo-terminal the same is shown."""
    for name in ("TMUX", "XTERM_VERSION", "STY", "COLUMNS", "LINES", "NO_COLOR", "TERM"):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # put back at the end, whatever the machine makes of them
    run_state_machine_as_test(machine_of(renderer, PtyMachine), settings=FEW)  # type: ignore[no-untyped-call]
