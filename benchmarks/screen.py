"""Run work on a real pty: another process reads its output, and answers its questions.

Knows ptys. Does not know the work. The reader is the parent, so that the figures do not include reading. It answers
requests for the cursor's position and the kind of terminal, because some libraries wait for the answers.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
import traceback
import tty
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

COLUMNS, ROWS = 120, 50
ANSWERS = {b"\x1b[6n": b"\x1b[1;1R", b"\x1b[c": b"\x1b[?62c"}


class Seen(NamedTuple):
    """The result, and the times of all writes (seconds on the monotonic clock, which processes share)."""

    result: Any
    writes: list[float]
    written: int


def read_pty(fd: int) -> bytes:
    """Return the available output of a pty; empty once its other end is closed."""
    try:
        return os.read(fd, 1 << 16)
    except OSError:  # Linux reports the end of a pty like this
        return b""


def output_of(arguments: Sequence[str]) -> Iterator[bytes]:
    """Run Python with `arguments` on a pty, without variables of CI systems, and yield its output block by block.

    Raises:
        SystemExit: it failed; the message is the end of what it wrote.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        environ = {name: value for name, value in os.environ.items() if name != "CI"}
        os.execve(sys.executable, [sys.executable, *arguments], {**environ, "TERM": "xterm-256color"})
    last = b""
    while data := read_pty(terminal):
        last = (last + data)[-4_000:]
        yield data
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(last.decode(errors="replace"))


def on_a_pty(work: Callable[[], Any], patience: float = 120.0) -> Seen:
    """Run `work` in a forked child whose standard streams are a pty, and return what it returned (through JSON).

    Raises:
        RuntimeError: it failed, or took longer than `patience` seconds.
    """
    read_end, write_end = os.pipe()
    pid, terminal = pty.fork()
    if pid == 0:
        status = 1
        try:
            os.close(read_end)
            tty.setraw(0)
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            os.environ.update(TERM="xterm-256color", COLUMNS=str(COLUMNS), LINES=str(ROWS))
            os.write(write_end, json.dumps({"result": work()}).encode())
            status = 0
        except BaseException:
            os.write(write_end, json.dumps({"error": traceback.format_exc()[-1500:]}).encode())
        finally:
            os._exit(status)
    os.close(write_end)
    writes: list[float] = []
    written, answer, deadline, timed_out = 0, b"", time.monotonic() + patience, False
    while True:
        if not timed_out and time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            timed_out = True
        ready, _, _ = select.select([terminal, read_end], [], [], 0.5)
        if terminal in ready:
            try:
                data = os.read(terminal, 1 << 16)
            except OSError:  # Linux reports the end of a pty like this
                break
            if not data:
                break
            writes.append(time.monotonic())
            written += len(data)
            for question, reply in ANSWERS.items():
                for _ in range(data.count(question)):
                    os.write(terminal, reply)
        if read_end in ready:
            more = os.read(read_end, 1 << 16)
            answer += more
            if not more:
                time.sleep(0.01)
    os.waitpid(pid, 0)
    while more := os.read(read_end, 1 << 16):
        answer += more
    os.close(read_end)
    os.close(terminal)
    if not answer:
        raise RuntimeError(f"nothing came back{' in time' if timed_out else ''}")
    found = json.loads(answer)
    if "error" in found:
        raise RuntimeError(found["error"])
    return Seen(found["result"], writes, written)
