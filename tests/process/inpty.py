"""Run a program in a pty, and give its screen, exit status and bytes."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from pathlib import Path

import pyte
from pty_reading import read_pty

ROOT = str(Path(__file__).parents[2])
BOUND = 60.0
"""Seconds after which a program counts as hanging: the watchdog of every test that uses this module."""


class Program:
    """A Python program in a pty of its own, under an emulated terminal.

    Args:
        code: The program.
        columns: The terminal's.
        lines: The same.
        covered: Whether coverage, where it is taken, sees the program. Not one that is interrupted: coverage has a lock of its
            own, and a program that Ctrl-C meets while coverage holds it waits for itself.
        environ: Variables beside those of this process.
    """

    def __init__(self, code: str, columns: int = 80, lines: int = 24, *, covered: bool = True, **environ: str) -> None:
        env = {**os.environ, "TERM": "xterm", "PYTHONPATH": ROOT, "PYTHONWARNINGS": "ignore", **environ}
        if not covered or "setitimer" in code or "fork" in code:
            env = {name: value for name, value in env.items() if not name.startswith("COV")}
        for name in ("CI", "COLUMNS", "LINES", "PROGRESSKIT_RENDERER"):
            if name not in environ:
                env.pop(name, None)
        self.sent = b""
        self.screen = pyte.HistoryScreen(columns, lines, history=10_000)
        self._stream = pyte.ByteStream(self.screen)
        self._ends = time.monotonic() + BOUND
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            os.execve(sys.executable, [sys.executable, "-X", "faulthandler", "-c", code], env)

    def read(self) -> bool:
        """Read the available output; return whether there may be more."""
        if not select.select([self.fd], [], [], max(self._ends - time.monotonic(), 0))[0]:
            rows = self.rows
            raise AssertionError(f"the program hangs; its screen: {rows}; where it stands: {self._stacks()}")
        data = read_pty(self.fd)
        self.sent += data
        self._stream.feed(data)
        return bool(data)

    def _stacks(self) -> str:
        """End the hanging program; return the stacks of its threads."""
        os.kill(self.pid, signal.SIGABRT)
        stacks = b""
        while select.select([self.fd], [], [], 2)[0]:
            data = read_pty(self.fd)
            if not data:
                break
            stacks += data
        os.kill(self.pid, signal.SIGKILL)
        return stacks.decode(errors="replace")

    def until(self, words: str, times: int = 1) -> None:
        """Read until `words` have been sent `times` times."""
        while self.sent.count(words.encode()) < times:
            assert self.read(), f"{words!r} has not come: {self.rows}"

    def kill(self, number: int) -> None:
        os.kill(self.pid, number)

    def end(self) -> int:
        """Read to the end; return the exit status, negative for a signal."""
        while self.read():
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    @property
    def rows(self) -> list[str]:
        return [row.rstrip() for row in self.screen.display if row.strip()]

    @property
    def everything(self) -> list[str]:
        """The rows of the scrollback and of the screen."""
        top = ["".join(line[at].data for at in range(self.screen.columns)) for line in self.screen.history.top]
        return [row.rstrip() for row in (*top, *self.screen.display) if row.strip()]

    def check_restored(self) -> None:
        """Assert that the terminal is ready for a prompt: cursor shown and at a line's beginning, modes off, no colour."""
        assert not self.screen.cursor.hidden
        assert self.screen.cursor.x == 0
        assert self.screen.cursor.attrs.fg == "default"
        assert self.sent.rfind(b"\x1b[?2026h") <= self.sent.rfind(b"\x1b[?2026l")
        assert self.sent.rfind(b"\x1b[?7l") <= self.sent.rfind(b"\x1b[?7h")
