"""The file between the programs that write to a relay's pseudo-terminal and the relay that shows their words.

Bytes go from the pseudo-terminal to the file, moved by the job or by the keeper (see `relay_keeper`), whichever is first, and are
read from there. The file's offset, which both processes share, tells what has been shown. Knows bytes and positions. Does not
know lines.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import pkgutil
import select
import sys
from typing import TYPE_CHECKING

from .._system.platform import HAS_MEMORY_FILES
from .._system.threads import native

if TYPE_CHECKING:
    from .relay_descriptors import OwnDescriptors

LEAVE_BEHIND = '"$@" &'
"""The shell command that starts the keeper. The keeper is then no child of the job, which may wait for all of its
children."""
PIECE = 1 << 16
"""Bytes that are moved or read at once."""
KEPT_BYTES = 1 << 20
"""Size of the file, in bytes, from which on it is emptied once all of it has been shown."""


class Spool:
    """The file, and how far it has been read.

    Args:
        descriptors: Where the descriptor of the file is kept.
        master: The relay's end of the pseudo-terminal, non-blocking.

    Attributes:
        position: Bytes of the file that have been read so far.
    """

    def __init__(self, descriptors: OwnDescriptors, master: int) -> None:
        self.file = descriptors.keep(_unnamed_file())
        self.position = 0
        self._drawn = 0  # how far lines had been queued when the frame that is being drawn was begun
        self._master = master
        self._poll = native("select", "poll")

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return os.fstat(self.file).st_size

    @property
    def has_unread_bytes(self) -> bool:
        """Whether something has been written that has not been read."""
        return self._is_ready() or self.size > self.position

    def _is_ready(self) -> bool:
        """Return whether the pseudo-terminal has something. Any thread may ask, and a poll object refuses two at once."""
        poll = self._poll()
        poll.register(self._master, select.POLLIN)
        return bool(poll.poll(0))

    def fill(self) -> None:
        """Move what has been written to the pseudo-terminal to the file."""
        while self._fill_piece():
            pass

    def _fill_piece(self) -> bool:
        """Move what there is, at most a piece, and return whether there may be more.

        The file is mapped, so that one system call moves the words from the pseudo-terminal into it: a process that is killed
        between a read and a write would lose them. The keeper leaves out the zeros that may be left behind them then.
        Closing the map releases the file's lock, by POSIX, and so comes last.
        """
        try:
            fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            fcntl.lockf(self.file, fcntl.LOCK_EX)  # the keeper moves some: a matter of microseconds
        try:
            if not self._is_ready():
                return False
            end, count = self.size, 0
            start = end - end % mmap.ALLOCATIONGRANULARITY
            os.ftruncate(self.file, end + PIECE)
            try:
                mapped = mmap.mmap(self.file, end + PIECE - start, offset=start)
            except OSError:  # no room for it
                os.ftruncate(self.file, end)
                raise
            with mapped:
                try:
                    with memoryview(mapped)[end - start :] as room:
                        count = os.readv(self._master, [room])
                except OSError:  # the keeper has read it, or nobody holds the other end
                    pass
                finally:
                    os.ftruncate(self.file, end + count)
            return count > 0
        finally:
            fcntl.lockf(self.file, fcntl.LOCK_UN)

    def read(self, position: int | None = None) -> bytes:
        """Return the next bytes, at most a piece of them.

        Args:
            position: Where they begin, without an effect on `position`; None: behind those that were read before.
        """
        if position is not None:
            return os.pread(self.file, PIECE, position)
        data = os.pread(self.file, PIECE, self.position)
        self.position += len(data)
        return data

    def begin_frame(self, position: int) -> None:
        """Note that the frame that begins draws what stands before `position`."""
        self._drawn = position

    def note_shown(self, position: int | None = None) -> None:
        """Note that all before `position` is on the terminal, so that it is not written again should the job be killed.

        Args:
            position: Where it ends; None: where the frame ends that was begun last.
        """
        if position is not None:
            self.position = self._drawn = position
        os.lseek(self.file, self._drawn, os.SEEK_SET)

    def is_shown(self, position: int) -> bool:
        """Whether a frame has drawn everything before `position`."""
        return self._drawn == position

    def shrink(self, position: int) -> bool:
        """Empty the file if it is large and all of it, up to `position`, has been shown; return whether it is empty now."""
        if not KEPT_BYTES < self._drawn == self.position == position:
            return False
        fcntl.lockf(self.file, fcntl.LOCK_EX)
        try:
            if self.size != self._drawn:
                return False
            os.ftruncate(self.file, 0)
            os.lseek(self.file, 0, os.SEEK_SET)
            self._drawn = self.position = 0
            return True
        finally:
            fcntl.lockf(self.file, fcntl.LOCK_UN)

    @property
    def has_drawn(self) -> bool:
        """Whether a frame has drawn anything from the file since it was emptied."""
        return self._drawn > 0


def start_keeper(descriptors: OwnDescriptors, master: int, spool: int, terminal: int) -> tuple[int, int]:
    """Start the keeper, without waiting for it: the job moves words as well.

    Returns:
        The descriptor at which the keeper rings, and the one that tells it, when it is closed, that the job has ended.

    Raises:
        OSError: there is no interpreter to run it with, or no process can be started.
    """
    if getattr(sys, "frozen", False) or not sys.executable:
        raise OSError("there is no Python to run it with")
    source = (pkgutil.get_data(__package__, "relay_keeper.py") or b"").decode()
    alive, held = (descriptors.keep(end) for end in os.pipe())
    heard, rings = (descriptors.keep(end) for end in os.pipe())
    handed = (master, spool, alive, rings, terminal)
    null = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0)
    actions = [null, (os.POSIX_SPAWN_DUP2, 0, 1), (os.POSIX_SPAWN_DUP2, 0, 2)]
    actions += [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(handed, 3)]
    numbers = map(str, (*range(3, 3 + len(handed)), os.getpgrp()))
    import signal

    command = ["sh", "-c", LEAVE_BEHIND, "sh", sys.executable, "-I", "-S", "-c", source, *numbers]
    pid = os.posix_spawn("/bin/sh", command, os.environ, file_actions=actions, setsigmask=signal.valid_signals())
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:  # the job has its children cleared away
        pass
    descriptors.close(alive, rings)
    return heard, held


def _unnamed_file() -> int:
    """Return the descriptor of a file without a name."""
    if HAS_MEMORY_FILES:
        return os.memfd_create("progresskit relay")
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
