"""The relay's keeper: a separate process that keeps what is written to a pseudo-terminal until the job has shown it.

It moves bytes from the pseudo-terminal to a file, so that no program ever waits for the job: C code that writes may hold the
interpreter's lock, and a thread of the job could then read nothing. The file's offset, which both processes share, tells what
has been shown. Where the job has ended, in whatever way, the keeper writes the rest to the terminal itself, and goes on with what
programs still write that the job has left behind. It also hands on the terminal's size.

Runs as `python -I -S -c`, and so imports nothing of ours. Knows descriptors alone.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
import termios

PIECE = 1 << 16
MOST = 1 << 24
"""Bytes that wait to be shown, from which on a program that writes is held up for as long as the job gets on with them."""
STALLED_SECONDS = 1.0
"""Seconds without progress after which the job counts as unable to show them: its interpreter may be locked."""
SIZE_SECONDS = 0.1
"""Seconds between two checks of the terminal's size."""
MODES_OFF = b"\x1b[?7h\x1b[?25h\x1b[?2026l"
"""Wrapping on, cursor shown, no synchronized output: the job may have been killed in the middle of a frame."""


class Keeper:
    """The descriptors, and what is done with them.

    Args:
        master: The pseudo-terminal's, non-blocking.
        spool: The file's. Its offset tells what has been shown.
        alive: The reading end of a pipe that the job alone holds open.
        news: The writing end of a pipe that wakes the job's thread.
        terminal: Where the job's words go.
        group: The job's process group, which is told of new sizes.
    """

    def __init__(self, master: int, spool: int, alive: int, news: int, terminal: int, group: int) -> None:
        self._master = master
        self._spool = spool
        self._alive = alive
        self._news = news
        self._terminal = terminal
        self._group = group
        self._size = b""
        self._allowed = MOST
        self._begun = False  # whether it has written to the terminal

    def run(self) -> None:
        """Move what comes until the job has ended; then write it to the terminal until nobody can write any more."""
        os.set_blocking(self._news, False)
        self.pass_size_on()
        self._tell()
        while self._wait(alive=True):
            if not self._move():  # nobody holds the other end: the job is ending, and its pipe is closed a moment later
                select.select([self._alive], [], [])
                break
        os.close(self._news)
        while data := os.read(self._spool, PIECE):
            self._write(data.replace(b"\0", b""))  # room that a job left which was killed while it moved words
        while self._wait(alive=False):
            came = self._read()
            if came:
                self._write(came)
            elif came is not None:
                return

    def pass_size_on(self) -> None:
        """Give the pseudo-terminal the size of the terminal, and tell the job's group: the terminal's own word may have come before."""
        try:
            size = fcntl.ioctl(self._terminal, termios.TIOCGWINSZ, b"\0" * 8)
            if size != self._size:
                first, self._size = not self._size, size
                fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)
                if not first and self._group > 1:
                    os.killpg(self._group, signal.SIGWINCH)
        except OSError:  # the terminal is gone, or the group
            pass

    def _wait(self, *, alive: bool) -> bool:
        """Wait for something to move, and return whether the job still runs. Sizes are handed on meanwhile."""
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        if alive:
            poll.register(self._alive, select.POLLIN)
        while True:
            ready = poll.poll(SIZE_SECONDS * 1000)
            self.pass_size_on()
            if alive and any(fd == self._alive for fd, _ in ready):
                return False
            if ready:
                return True

    def _read(self) -> bytes | None:
        """Return what there is; nothing at the end, and None where there is nothing now."""
        try:
            return os.read(self._master, PIECE)
        except BlockingIOError:
            return None
        except OSError:  # Linux's word for the end of a pseudo-terminal
            return b""

    def _move(self) -> bool:
        """Move what there is to the file, and return whether there may be more."""
        self._hold_up()
        fcntl.lockf(self._spool, fcntl.LOCK_EX)  # the job moves as well, so as to have words in order
        try:
            data = self._read()
            at = os.fstat(self._spool).st_size
            view = memoryview(data or b"")
            while view:
                try:
                    count = os.pwrite(self._spool, view, at)
                    view, at = view[count:], at + count
                except OSError:  # no room now: the program that writes waits
                    select.select([self._alive], [], [], SIZE_SECONDS)
        finally:
            fcntl.lockf(self._spool, fcntl.LOCK_UN)
        self._tell()
        return data != b""

    def _hold_up(self) -> None:
        """Let a program that writes wait while much has not been shown, for as long as the job gets on with it."""
        while True:
            shown = os.lseek(self._spool, 0, os.SEEK_CUR)
            waiting = os.fstat(self._spool).st_size - shown
            if waiting <= MOST:
                self._allowed = MOST
            if waiting <= self._allowed or select.select([self._alive], [], [], STALLED_SECONDS)[0]:
                return
            if os.lseek(self._spool, 0, os.SEEK_CUR) == shown:
                self._allowed = waiting + MOST

    def _tell(self) -> None:
        try:
            os.write(self._news, b"\n")
        except OSError:  # it has not read the last word yet; or it has ended, which `alive` tells
            pass

    def _write(self, data: bytes) -> None:
        view = memoryview(data if self._begun else MODES_OFF + data)
        self._begun = True
        while view:
            try:
                view = view[os.write(self._terminal, view) :]
            except BlockingIOError:
                select.select([], [self._terminal], [])


def main(descriptors: list[str]) -> None:
    """Become a separate process, which gets no signals of the job's terminal, and no descriptors but those given."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    for name in os.listdir("/dev/fd"):
        if int(name) not in (0, 1, 2, *map(int, descriptors[:-1])):
            try:
                os.close(int(name))  # another process may wait for its end
            except OSError:  # that of the list itself
                pass
    os.setsid()
    try:
        Keeper(*map(int, descriptors)).run()
    except OSError:  # the terminal is gone, and the program has lost it too, as without us
        pass


if __name__ == "__main__":
    main(sys.argv[1:])
