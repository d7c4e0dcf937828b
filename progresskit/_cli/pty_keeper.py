"""PtyKeeper: a process that goes on with a command's output where `progresskit run` is killed.

A pseudo-terminal is gone with whoever holds its other end: what the command writes fails from then on, and with a pipe the
writing ends it. So a child of `run` holds these ends as well, and does nothing but wait for its end, which ends it as a rule. Where
`run` was killed, the keeper gives the terminal its modes back and copies there what the command writes, until nobody can any
more. Knows descriptors. Must not know hubs, signals that are passed on, or how anything is drawn.
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
    """A process that holds the other ends of what a command writes to. Start it while there are no threads.

    Args:
        ends: Descriptors to be read, and the terminals where what is read goes once this process was killed.
        quiet: Whether it goes nowhere, but is read all the same.

    Raises:
        OSError: no process can be made.
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
        """Have it copy from now on: the command has ended, and a process that it has left behind may write on."""
        os.close(self._held)

    def dismiss(self) -> None:
        """End it: all is well."""
        os.kill(self.pid, signal.SIGKILL)  # it ends so whatever it is at, stopped though it may be
        os.waitpid(self.pid, 0)
        os.close(self._held)


def _guard(alive: int, ends: dict[int, int], quiet: bool) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # what the terminal sends is for the command
    _keep({alive, *ends, *ends.values()})
    os.read(alive, 1)  # nobody writes: it returns when nobody could any more
    for terminal in set(ends.values()):
        _write(terminal, END.encode())
    _copy(ends, quiet)


def _copy(ends: dict[int, int], quiet: bool) -> None:
    """Read all of `ends` until each is at its end, and close it there; write what is read to its terminal, unless `quiet`."""
    while ends:
        for fd in select.select(list(ends), [], [])[0]:
            data = _read(fd)
            if data is None:
                continue
            if not data or not (quiet or _write(ends[fd], data)):
                del ends[fd]
                os.close(fd)  # where its terminal is gone the command has none either, as it would without us


def _keep(wanted: set[int]) -> None:
    """Close all descriptors but those `wanted`: somebody may wait for the end of what they lead to."""
    for name in os.listdir("/dev/fd"):
        if int(name) not in wanted:
            try:
                os.close(int(name))
            except OSError:  # that of the list itself
                pass


def _read(fd: int) -> bytes | None:
    """Return what there is; nothing at the end, and None where there is nothing now."""
    try:
        return os.read(fd, 1 << 16)
    except BlockingIOError:
        return None
    except OSError:  # Linux's word for the end of a pty
        return b""


def _write(fd: int, data: bytes) -> bool:
    """Write all of `data`, and return whether that was possible."""
    try:
        write_all(fd, data)
    except OSError:
        return False
    return True
