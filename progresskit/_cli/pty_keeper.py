"""PtyKeeper: a process that takes over a command's output if `progresskit run` is killed.

When the last holder of a pseudo-terminal's other end is gone, the command's writes fail; with a pipe, they kill the command. So a
child of `run` holds these ends as well, and waits; normally `run` ends it. If `run` was killed, the keeper resets the terminal
and copies the command's output to it, until no process can write any more. Knows descriptors. Does not know hubs, forwarded
signals, or how anything is drawn.
"""

from __future__ import annotations

import os
import select
import signal
from typing import TYPE_CHECKING

from ..renderers._region import END
from .pipe import write_all

if TYPE_CHECKING:
    from collections.abc import Mapping


class PtyKeeper:
    """A process that holds the read ends of a command's outputs. Start it before the first thread.

    Args:
        ends: Descriptors to read, each with the terminal to which its output goes if this process is killed.
        quiet: Whether to read and discard the output.

    Raises:
        OSError: no process can be started.
    """

    def __init__(self, ends: Mapping[int, int], *, quiet: bool = False) -> None:
        alive, self._held = os.pipe()
        try:
            self.pid = os.fork()
        except OSError:
            os.close(alive)
            os.close(self._held)
            raise
        if self.pid == 0:
            try:
                _guard(alive, dict(ends), quiet)
            finally:
                os._exit(0)
        os.close(alive)

    def hand_over(self) -> None:
        """Let the keeper copy from now on: the command has ended, and a process that it left behind may still write."""
        os.close(self._held)

    def dismiss(self) -> None:
        """Kill the keeper, because it is no longer needed."""
        os.kill(self.pid, signal.SIGKILL)  # SIGKILL ends it in any state, even stopped
        os.waitpid(self.pid, 0)
        os.close(self._held)


def _guard(alive: int, ends: dict[int, int], quiet: bool) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # the terminal's signals are for the command
    _keep({alive, *ends, *ends.values()})
    os.read(alive, 1)  # nothing is ever written: the read returns when the last writer has closed
    for terminal in set(ends.values()):
        _write(terminal, END.encode())
    _copy(ends, quiet)


def _copy(ends: dict[int, int], quiet: bool) -> None:
    """Copy each of `ends` to its terminal, unless `quiet`, until its end, and close it."""
    while ends:
        for fd in select.select(list(ends), [], [])[0]:
            data = _read(fd)
            if data is None:
                continue
            if not data or not (quiet or _write(ends[fd], data)):
                del ends[fd]
                os.close(fd)  # without its terminal, the command's writes fail, as they would without `run`


def _keep(wanted: set[int]) -> None:
    """Close all descriptors except `wanted`: another process may wait for the end of one of them."""
    for name in os.listdir("/dev/fd"):
        if int(name) not in wanted:
            try:
                os.close(int(name))
            except OSError:  # the descriptor of the listing itself
                pass


def _read(fd: int) -> bytes | None:
    """Return the available bytes of `fd`; empty at the end, None if nothing is available."""
    try:
        return os.read(fd, 1 << 16)
    except BlockingIOError:
        return None
    except OSError:  # Linux reports the end of a pty like this
        return b""


def _write(fd: int, data: bytes) -> bool:
    """Write all of `data`, and return whether that succeeded."""
    try:
        write_all(fd, data)
    except OSError:
        return False
    return True
