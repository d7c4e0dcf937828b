"""The foreground: a program that has the terminal to itself, such as an editor, a pager, or one that has asked a
question.

Meanwhile the rows are off the screen, its words go to the terminal as they are, and keys go to where the program reads
them. Knows the modes
of terminals, and which programs the job has started. Does not know words.
"""

from __future__ import annotations

import os
import termios
from typing import TYPE_CHECKING, Any

from .._system.threads import native

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._tracking.core import TrackerCore

PIECE = 1 << 12
POLL_SECONDS = 0.1
"""Seconds between two checks whether a program still has the terminal."""


class Foreground:
    """Decides which program has the terminal.

    Args:
        terminal: A descriptor of the terminal.
        master: One of the pseudo-terminal that programs write to, and may read from.
        slave: Its other end's.

    Attributes:
        asks: Whether a program has asked a question, and said nothing since.
        keys: Where the keys for a program are read; None where it reads them itself.
        clearing: Whether rows are being taken off the screen: words that come now must not be written before they are gone.
    """

    def __init__(self, terminal: int, master: int, slave: int) -> None:
        self._terminal = terminal
        self._master = master
        self._slave = slave
        self._programs: list[Callable[[], bool]] = []
        self._hidden: list[TrackerCore] = []
        self._updating = native("_thread", "allocate_lock")()
        self._modes: list[Any] | None = None  # the terminal's, while keys are passed on
        self.asks = False
        self.keys: int | None = None
        self.clearing = False

    def note(self, is_alive: Callable[[], bool]) -> None:
        """Note that a program was started. It is ignored if the terminal is not in line mode, because the job itself
        then reads keys."""
        self._programs = [each for each in self._programs if each()]
        if _is_line_mode(self._terminal):
            self._programs.append(is_alive)

    @property
    def program_runs(self) -> bool:
        """Whether a program that was noted still runs."""
        return any(each() for each in self._programs)

    @property
    def is_given(self) -> bool:
        """Whether a program had the terminal when `update` was called last."""
        return bool(self._hidden)

    @property
    def is_wanted(self) -> bool:
        """Whether a program that reads keys is about to get the terminal."""
        return bool(self._programs) and not self._hidden and self._reads_keys(self.program_runs) != (False, False)

    def update(self, trackers: Callable[[], list[TrackerCore]], pass_on: Callable[[], object]) -> bool:
        """Give the terminal to a program that reads keys or has asked a question; take it back when that is over.

        Args:
            trackers: Returns those whose rows go meanwhile.
            pass_on: Called before it is taken back: writes what the program has said at last, such as the end of its screen.

        Returns:
            Whether a program has it.
        """
        if not (self._programs or self._hidden) or not self._updating.acquire(blocking=False):
            return self.is_given  # none has been started, or another thread is at it
        try:
            return self._update(trackers, pass_on)
        finally:
            self._updating.release()

    def _reads_keys(self, runs: bool) -> tuple[bool, bool]:
        """Return whether a program, if one `runs`, reads keys from where its words go, and whether it does from the terminal itself."""
        return runs and not _is_line_mode(self._slave), runs and self.keys is None and not _is_line_mode(self._terminal)

    def _update(self, trackers: Callable[[], list[TrackerCore]], pass_on: Callable[[], object]) -> bool:
        runs = self.program_runs
        reads_ours, reads_terminal = self._reads_keys(runs)
        is_used = reads_ours or reads_terminal or (runs and self.asks)
        if is_used and not self._hidden:
            self._hidden = trackers()
            self.clearing = True
            try:
                for tracker in self._hidden:
                    tracker.hiding += 1
                    tracker.clear_rows()
            finally:
                self.clearing = False
        self._pass_keys(reads_ours)
        if self._hidden and not is_used:
            pass_on()
        while self._hidden and not is_used:
            tracker = self._hidden.pop()
            tracker.hiding = max(tracker.hiding - 1, 0)
            tracker.capture.follow_descriptors()
            tracker.wake()
        return is_used

    def _pass_keys(self, wanted: bool) -> None:
        """Set the terminal to the modes in which the program wants keys on the pseudo-terminal, except that signals
        stay the terminal's."""
        if wanted and self.keys is None:
            try:
                keys = os.open(os.ttyname(self._terminal), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError:  # the terminal is gone
                return
            self.keys = keys
            try:
                self._modes, theirs = termios.tcgetattr(keys), termios.tcgetattr(self._slave)
                theirs[3] = (theirs[3] & ~termios.ISIG) | (self._modes[3] & termios.ISIG)
                termios.tcsetattr(keys, termios.TCSANOW, theirs)
            except termios.error:
                pass
        elif not wanted and self.keys is not None:
            keys, self.keys = self.keys, None
            modes, self._modes = self._modes, None
            try:
                if modes is not None:
                    termios.tcsetattr(keys, termios.TCSANOW, modes)
            except termios.error:
                pass
            finally:
                os.close(keys)

    def end(self) -> None:
        """Restore the terminal's modes, because keys are no longer passed on."""
        self._pass_keys(False)

    def move_keys(self) -> None:
        """Pass on the keys that were pressed."""
        if self.keys is not None:
            try:
                os.write(self._master, os.read(self.keys, PIECE))
            except BlockingIOError:  # the program does not read now: as at a terminal, keys are lost then
                pass


def _is_line_mode(descriptor: int) -> bool:
    """Return whether a terminal is in line mode; True if it is gone."""
    try:
        return bool(termios.tcgetattr(descriptor)[3] & termios.ICANON)
    except termios.error:
        return True
