"""The machine again, with a real pseudo-terminal between display and screen, and with tmux as a second judge of the screen."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import shutil
import struct
import tempfile
import termios
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from machine import RENDERERS, Machine, machine_of
from tmuxed import Pane, needs_tmux

from progresskit import ProgressTracker
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

    def look(self) -> None:
        self.terminal.show()
        rows, cursor = self.terminal.pane.look()
        assert rows == self.terminal.scrollback + self.terminal.screen
        assert cursor == self.terminal.cursor

    def teardown(self) -> None:
        if hasattr(self, "terminal"):
            self.terminal.pane.close()
            shutil.rmtree(self.terminal.folder)


class PtyMachine(Machine):
    """The display writes to a pseudo-terminal and asks it for its size; what comes out of it goes to the screen."""

    def make_terminal(self, columns: int, lines: int, reflow: bool) -> EmulatedTerminal:
        for name in ("TMUX", "XTERM_VERSION", "STY", "COLUMNS", "LINES", "NO_COLOR"):
            os.environ.pop(name, None)
        os.environ.update({"TERM": "xterm-256color", **({} if reflow else {"XTERM_VERSION": "XTerm(390)"})})
        self.master, slave = pty.openpty()
        modes = termios.tcgetattr(slave)
        modes[3] |= termios.NOFLSH  # or Ctrl-C has the kernel forget what is on its way, at an instant of its own
        termios.tcsetattr(slave, termios.TCSANOW, modes)
        self.stream = os.fdopen(slave, "w", encoding="utf-8")
        self.marks = 0
        return EmulatedTerminal(columns, lines, reflow=reflow)

    def make_tracker(self) -> ProgressTracker:
        return ProgressTracker(self.renderer, stream=self.stream, clock=self.clock, ticker=self.ticker)

    def resized(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.stream.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def echo(self) -> None:
        os.write(self.master, b"\x03")
        self.terminal.feed(self.read_until(b"^C"))  # the kernel shows it

    def read_until(self, end: bytes) -> str:
        data = b""
        while not data.endswith(end):
            assert select.select([self.master], [], [], 10)[0], f"the terminal lost {end!r}"
            data += os.read(self.master, 65536)
        return data.decode()

    def look(self) -> None:
        self.marks += 1
        mark = f"\x1b]2;{self.marks}\a".encode()
        os.write(self.stream.fileno(), mark)
        self.terminal.feed(self.read_until(mark))

    def teardown(self) -> None:
        if hasattr(self, "master"):
            for display in self.ticker.displays:
                display.terminal.close()
            self.stream.close()
            os.close(self.master)


@needs_tmux
@pytest.mark.slow
@pytest.mark.parametrize("renderer", RENDERERS)
def test_tmux_shows_what_the_emulated_terminal_shows(renderer: str) -> None:
    run_state_machine_as_test(machine_of(renderer, JudgedMachine), settings=FEW)  # type: ignore[no-untyped-call]


@pytest.mark.slow
@pytest.mark.parametrize("renderer", RENDERERS)
def test_through_a_real_pseudo_terminal_the_same_is_shown(renderer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMUX", "XTERM_VERSION", "STY", "COLUMNS", "LINES", "NO_COLOR", "TERM"):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # put back at the end, whatever the machine makes of them
    run_state_machine_as_test(machine_of(renderer, PtyMachine), settings=FEW)  # type: ignore[no-untyped-call]
