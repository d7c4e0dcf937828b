"""A command in a terminal of its own, whose screen is read after every whole frame."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from select import select

import pyte
from pty_reading import read_pty

ROOT = Path(__file__).parents[2]
BOUND = 110.0
"""Seconds after which a command is taken to hang."""
FRAME_END = b"\x1b[?2026l"


class Screen:
    """The screen of a command. As a context manager it makes sure that the command has ended."""

    def __init__(self, *command: str, columns: int = 100, lines: int = 24, **environ: str) -> None:
        env = {**os.environ, "TERM": "xterm", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
        env["PYTHONFAULTHANDLER"] = "1"  # for the stacks of a command that hangs
        env["PATH"] = f"{Path(sys.executable).parent}:{env.get('PATH', '')}"
        for name in ("CI", "COLUMNS", "LINES", "PROGRESSKIT_HUB", "PROGRESSKIT_RENDERER", "PROGRESSKIT_POSITION"):
            env.pop(name, None)
        self.screen = pyte.HistoryScreen(columns, lines, history=1000, ratio=0.5)
        self.status: int | None = None
        self.sent = b""
        self._stream = pyte.ByteStream(self.screen)
        self._pending = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))
            os.execvpe(command[0], command, {**env, **environ})

    def moments(self) -> Iterator[list[str]]:
        """Yield the rows that are not blank, after each whole frame and at the end."""
        end = time.monotonic() + BOUND
        while self._read(end):
            while FRAME_END in self._pending:
                frame, _, self._pending = self._pending.partition(FRAME_END)
                self._stream.feed(frame + FRAME_END)
                yield self.rows
        self._stream.feed(self._pending)
        self._pending = b""
        _, status = os.waitpid(self.pid, 0)
        self.status = os.waitstatus_to_exitcode(status)
        yield self.rows

    def _read(self, end: float) -> bool:
        if not select([self.fd], [], [], max(end - time.monotonic(), 0.0))[0]:
            raise AssertionError(f"the command hangs; its screen: {self.rows}\n{self._stacks()}")
        data = read_pty(self.fd)
        self.sent += data
        self._pending += data
        return bool(data)

    def _stacks(self) -> str:
        """Abort all processes, the last ones first, and return their command lines and what Python says of their threads."""
        told = []
        for pid in reversed([self.pid, *children(self.pid)]):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                words = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")[:200]
                told.append(f"{pid}, {Path(f'/proc/{pid}/wchan').read_text()}: {words}")
                os.kill(pid, signal.SIGABRT)
            end = time.monotonic() + 1.0  # others may go on drawing
            while select([self.fd], [], [], max(end - time.monotonic(), 0.0))[0] and time.monotonic() < end:
                data = read_pty(self.fd)
                if not data:
                    break
                told.append(data.decode("utf-8", "replace").replace("\r", ""))
        return "\n".join(told)

    def until(self, *words: str) -> list[str]:
        """Return the rows of the first moment at which each of `words` is in one of them."""
        for rows in self.moments():
            if all(any(word in row for row in rows) for word in words):
                return rows
        raise AssertionError(f"{words} have not come: {self.rows}")

    def end(self) -> list[str]:
        """Return the rows after the command has ended."""
        for _ in self.moments():
            pass
        return self.rows

    def type(self, data: bytes) -> None:
        os.write(self.fd, data)

    @property
    def rows(self) -> list[str]:
        return [row.rstrip() for row in self.screen.display if row.strip()]

    def check_prompt(self) -> None:
        """Assert that a prompt would be at the beginning of the line below all output, with all modes restored."""
        assert self.screen.cursor.x == 0
        assert not self.screen.cursor.hidden
        used = max((y for y, row in enumerate(self.screen.display) if row.strip()), default=-1)
        assert self.screen.cursor.y > used
        # Whatever began has ended; who is broken off says the end once more.
        for begin, end in ((b"\x1b[?2026h", FRAME_END), (b"\x1b[?7l", b"\x1b[?7h")):
            assert 0 <= self.sent.count(end) - self.sent.count(begin) <= 1
            assert self.sent.rfind(begin) < self.sent.rfind(end) or begin not in self.sent

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *_: object) -> None:
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


def children(pid: int) -> list[int]:
    """Return all processes below `pid`."""
    found = []
    for task in os.listdir("/proc"):
        if task.isdigit():
            try:
                with open(f"/proc/{task}/stat") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                found += [int(task), *children(int(task))]
    return found


def ended(pid: int) -> bool:
    """Return whether process `pid` has ended, whether or not its status was read."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
