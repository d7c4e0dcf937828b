"""Forward the words of programs: to a capture as lines or, while there are no rows, to the terminal as they are.

Knows how far a relay's file has been handed on, and how far it has been shown. Does not know descriptors 1 and 2, nor which
program has the terminal.
"""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

from .._system.threads import native
from .outbox import EXIT_FLUSH_TIMEOUT
from .relay_lines import RelayLines

if TYPE_CHECKING:
    from collections.abc import Callable

    from .relay_lines import Receiver
    from .relay_spool import Spool

LOCK_SECONDS = 0.05
"""Seconds that a write waits for another thread that moves words: order is worth that, and no more."""
MOST_HELD_BACK = 100
"""How often words wait for the last frame of a tracker that is being freed, a hundredth of a second each time."""


class Forwarder:
    """Passes on the words of programs, in one thread at a time.

    Args:
        captures: The captures that show the words, the latest one last.
        spool: The file with the words.
        terminal: A descriptor of the terminal itself, non-blocking.
        program_runs: Returns whether a program runs that may have the terminal for itself.

    Attributes:
        handed: Bytes of the file that were handed on so far, in whole lines.
    """

    def __init__(self, captures: list[Receiver], spool: Spool, terminal: int, program_runs: Callable[[], bool]) -> None:
        self.handed = 0
        self._captures = captures
        self._spool = spool
        self._terminal = terminal
        self._program_runs = program_runs
        self._lines = RelayLines()
        self._lock = native("_thread", "RLock")()
        self._busy = False
        self._held_back = 0  # how often in a row words were not handed on, since a tracker was being freed

    @property
    def has_unfinished_line(self) -> bool:
        """Whether a line has begun, and not ended."""
        return self.handed < self._spool.position or not self._lines.is_bare

    @property
    def received(self) -> int:
        """Bytes of the file that have been read so far."""
        return self._spool.position

    @property
    def has_question(self) -> bool:
        """Whether the line that has not ended looks like a question."""
        return self._lines.is_question

    def forward(self) -> tuple[bool, list[Receiver]]:
        """Hand on what has been written by now; return whether that is all, and the captures that got lines.

        Holds a lock for as long as it takes to move the words; where another thread does so for long, they come later.
        """
        receivers: list[Receiver] = []
        if not self._lock.acquire(timeout=LOCK_SECONDS):
            return False, receivers
        try:
            if self._busy:  # a signal handler that has interrupted just this
                return False, receivers
            self._busy = True
            try:
                self._spool.fill()
                return self._hand_on(receivers), receivers
            except (OSError, ValueError):  # closed, or no descriptor left
                return False, receivers
            finally:
                self._busy = False
        finally:
            self._lock.release()

    def _hand_on(self, receivers: list[Receiver]) -> bool:
        """Pass on the words in the file, and return whether those were all. The caller holds the lock."""
        spool = self._spool
        end = spool.size
        if self.handed < end and self._awaits_last_frame():
            return False
        while self.handed < end:
            capture = self._receiver()
            if capture is None:
                if not self._pass_on():
                    return False
                continue
            if spool.position >= end:
                break
            if capture.is_full:
                return False
            data = spool.read()
            if not data:
                break
            came = self._lines.feed(data, capture)
            self.handed = spool.position - self._lines.unfinished
            if came and capture not in receivers:
                receivers.append(capture)
        return True

    def _receiver(self) -> Receiver | None:
        """Return the capture that shows the words of programs now; None if the words go to the terminal as they are."""
        return next((each for each in self._captures[::-1] if each.captures_now), None)

    def _awaits_last_frame(self) -> bool:
        """Return whether the garbage collector has just found a tracker: its rows still stand, and would be drawn over. What hands on
        the tracker to its last frame is about to run; should it not, words are not held back for ever."""
        is_freed = any(each.tracker is None for each in self._captures)
        self._held_back = self._held_back + 1 if is_freed else 0
        return 0 < self._held_back < MOST_HELD_BACK

    def _pass_on(self) -> bool:
        """Write to the terminal itself what has not been handed on, and return whether it accepted it."""
        if self.has_unfinished_line and not self._program_runs() and self._lines.is_bare:
            self._pop_line()
            return True
        data = self._spool.read(self.handed)
        self.end_rows()
        try:
            self.handed += os.write(self._terminal, data)
        except BlockingIOError:
            return False
        except OSError:  # the terminal is gone
            self.handed += len(data)
        self._lines.forget()
        self._note_shown(self.handed)
        return True

    def _write(self, data: bytes) -> None:
        """Write `data` to the terminal itself, as much of it as it accepts within a second."""
        if data:
            try:
                poll = native("select", "poll")()
                poll.register(self._terminal, select.POLLOUT)
                poll.poll(EXIT_FLUSH_TIMEOUT * 1000)
                os.write(self._terminal, data)
            except OSError:  # gone, or it accepts nothing
                pass

    def begin_frame(self) -> None:
        """Note that the frame that begins draws all lines so far."""
        self._spool.begin_frame(self.handed)

    def note_shown(self) -> None:
        """Note that this frame is on the terminal, so that its lines are not written again if the job is killed."""
        if self._spool.has_drawn and self._lock.acquire(timeout=LOCK_SECONDS):
            try:
                self._note_shown()
            except OSError:  # closed
                pass
            finally:
                self._lock.release()

    def _note_shown(self, position: int | None = None) -> None:
        self._spool.note_shown(position)
        if self._spool.shrink(self.handed):
            self.handed = 0

    def end_question(self) -> Receiver | None:
        """Hand on the line that has not ended, if it looks like a question; return the capture that it has come for."""
        if not self._lock.acquire(timeout=LOCK_SECONDS):
            return None
        try:
            capture = self._receiver()
            if capture is None or not self.has_question:
                return None
            came = self._lines.end_line(capture)
            self.handed = self._spool.position
            return capture if came else None
        finally:
            self._lock.release()

    def begin_line(self, text: str) -> None:
        """Append the next words of programs to `text`, a line that this process has begun."""
        if text and self._lock.acquire(timeout=LOCK_SECONDS):
            try:
                self._lines.begin_line(text)
            finally:
                self._lock.release()

    def pop_line(self) -> str:
        """Forget the line that has not ended, and return it: this process goes on with it.

        Sequences without words may be the beginning of a program's own screen, which is given the terminal then. Where no program runs
        one has cleared the screen while rows stood: it is not cleared later, with what has come since.
        """
        if not self._lock.acquire(timeout=LOCK_SECONDS):
            return ""
        try:
            return "" if self._busy else self._pop_line()
        finally:
            self._lock.release()

    def _pop_line(self) -> str:
        line = self._lines.pop_line(may_be_screen=self._program_runs())
        if line is None:
            return ""
        before, self.handed = self.handed, self._spool.position
        if not line and self._spool.is_shown(before):  # else the keeper would write the sequences at the end
            self._note_shown(self.handed)
        return line

    def end_rows(self) -> None:
        """Write what is in no file to the terminal: the rows that a program redraws, where the program finds them, or what this process
        has begun to say."""
        self._write(self._lines.end_rows().encode())

    def hold(self) -> None:
        """Wait until no other thread is at work here, and keep others waiting, for a fork or while a capture leaves."""
        self._lock.acquire(timeout=LOCK_SECONDS)

    def release(self) -> None:
        """Let the other threads go on."""
        try:
            self._lock.release()
        except RuntimeError:  # it could not be had
            pass
