"""Relays: words that C code, programs and forked children write to a terminal with rows are shown above the rows.

A relay replaces descriptors 1 and 2 by a pseudo-terminal, so that programs find a terminal there. What is written
to it goes to a file (see `relay_spool`) and becomes lines from there; while no rows stand it goes to the terminal as it is.
Knows when words are handed on, and to which capture. Does not know how lines are shown. A relay is made once for a terminal, and
exists as long as the process: programs that outlive the rows go on writing to it.
"""

from __future__ import annotations

import fcntl
import os
import select
import termios
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .._system.threads import block_signals, native, start
from .descriptors import RELAYED, file_key, open_anew
from .foreground import POLL_SECONDS, Foreground
from .outbox import EXIT_FLUSH_TIMEOUT
from .relay_descriptors import OwnDescriptors, RedirectedDescriptors
from .relay_forwarder import LOCK_SECONDS, Forwarder
from .relay_spool import PIECE, Spool, start_keeper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Thread

    from .._tracking.core import TrackerCore
    from .relay_lines import Receiver

QUESTION_SECONDS = 0.3
"""Seconds after which a line that looks like a question is shown before it has ended."""
DRAIN_POLL_SECONDS = 0.002
"""Seconds between two attempts to write to a terminal that accepts words slowly."""
DRAIN_SECONDS = 30.0
"""Seconds that the end of the process waits at most for a terminal that accepts words slowly."""
CLOSE_SECONDS = 0.2
"""Seconds that the end of the process waits for the thread."""


class Relay:
    """A pseudo-terminal in the place of descriptors 1 and 2 of one terminal.

    Args:
        key: The terminal's key.
        descriptors: Those of 1 and 2 that lead to the terminal.

    Attributes:
        captures: Who shows the words, the latest one last, as those of a captured stream.
        slave: The descriptor that programs write to.
        forwarder: Hands on what they write.
        foreground: Which program has the terminal for itself.

    Raises:
        OSError, RuntimeError: no pseudo-terminal can be opened, or no keeper or thread started.
    """

    def __init__(self, key: tuple[object, ...], descriptors: tuple[int, ...]) -> None:
        self.key = key
        self.captures: list[Receiver] = []
        self._redirecting: set[Receiver] = set()  # who asked for descriptors
        self._own = OwnDescriptors()
        keep = self._own.keep
        try:
            originals = {fd: keep(os.dup(fd)) for fd in descriptors}
            terminal = keep(open_anew(descriptors[0]))
            master, slave = map(keep, os.openpty())
            self.slave = slave
            termios.tcsetattr(slave, termios.TCSANOW, termios.tcgetattr(terminal))
            fcntl.ioctl(slave, termios.TIOCSWINSZ, fcntl.ioctl(terminal, termios.TIOCGWINSZ, b"\0" * 8))
            os.set_blocking(master, False)
            self._redirected = RedirectedDescriptors(key, originals, slave)
            self._spool = Spool(self._own, master)
            news, self._held = start_keeper(self._own, master, self._spool.file, terminal)
            self.foreground = Foreground(terminal, master, slave)
            self.forwarder = Forwarder(self.captures, self._spool, terminal, lambda: self.foreground.program_runs)
            RELAYED[file_key(slave, relayed=False)] = originals[descriptors[0]]
            woken, wakes = map(keep, os.pipe())
            os.set_blocking(wakes, False)
            self._thread = RelayThread(self, news, master, woken, wakes)
        except BaseException:
            self._close_descriptors()
            raise

    # Who captures

    def join(self, capture: Receiver, *, redirect: bool) -> None:
        """Hand lines to `capture` from now on. With `redirect`, descriptors are replaced for as long as it lasts."""
        if capture not in self.captures:
            self.captures.append(capture)
            self.captures.sort(key=_comes_late)
        if redirect:
            self._redirecting.add(capture)
        self.follow()

    def leave(self, capture: Receiver, hand_over: Callable[[], None]) -> None:
        """Stop handing lines to `capture`.

        Args:
            capture: Who has shown the words so far.
            hand_over: Gives lines that it has not shown to another one; called before later words go there.
        """
        self._redirecting.discard(capture)
        self.follow()
        self.drain()
        self.forwarder.hold()
        try:
            if capture in self.captures:
                self.captures.remove(capture)
            hand_over()
        finally:
            self.forwarder.release()
        self.drain_all()
        if not self.captures:
            self.forwarder.end_rows()

    def follow(self) -> None:
        """Replace the descriptors, or restore them while a caller has the terminal to itself."""
        if self._redirecting and not any(tracker.hiding for tracker in self._trackers()):
            self._redirected.redirect()
        else:
            self._redirected.restore()

    # Programs

    @contextmanager
    def redirected(self) -> Iterator[None]:
        """Let descriptors 1 and 2 lead here meanwhile, for a program that inherits them."""
        capture = next((each for each in self.captures[::-1] if each not in self._redirecting), None)
        if capture is not None:
            self._redirecting.add(capture)
        self.follow()
        try:
            yield
        finally:
            self.drain()
            if capture is not None:
                self._redirecting.discard(capture)
            self.follow()

    def check_foreground(self) -> bool:
        """Return whether a program has the terminal for itself now; clear the rows for one that has begun to."""
        foreground = self.foreground
        try:
            foreground.asks = foreground.asks and not self._spool.has_unread_bytes
        except (OSError, ValueError):  # closed
            foreground.asks = False
        return foreground.update(self._trackers, self.forwarder.forward)

    def _trackers(self) -> list[TrackerCore]:
        return [tracker for each in self.captures if (tracker := each.tracker) is not None]

    # Words

    def drain(self, *, notify: bool = True) -> bool:
        """Hand on what has been written by now, and return whether that is all of it.

        Args:
            notify: Whether the trackers are told that lines have come.
        """
        if self.foreground.clearing:
            return False
        if notify:
            self.check_foreground()
        elif self.foreground.is_wanted:  # a frame is being made: rows go after it, and the program's screen is no lines
            return False
        before = self.forwarder.received
        whole, receivers = self.forwarder.forward()
        if self.forwarder.received != before and self.forwarder.has_unfinished_line:
            self._thread.wake()  # it may be a question, and the keeper does not ring for what this thread has moved
        if notify:
            for capture in receivers:
                capture.announce()
        return whole

    def drain_before(self) -> str:
        """Hand on what programs have written before this process writes; return their unfinished line, which it
        continues."""
        self.drain()
        return self.forwarder.pop_line() if self.forwarder.has_unfinished_line else ""

    def drain_all(self) -> None:
        """Hand on all that has been written by now, and wait for a terminal that is slow, but accepts something each second: what
        the job writes next must not come before."""
        clock = native("time", "monotonic")
        end = clock() + DRAIN_SECONDS
        since, handed = clock(), -1
        while not self.drain() and clock() < end:
            if self.forwarder.handed != handed:
                since, handed = clock(), self.forwarder.handed
            elif clock() - since > EXIT_FLUSH_TIMEOUT:
                return
            native("time", "sleep")(DRAIN_POLL_SECONDS)

    def show_question(self) -> None:
        """Show the line that has not ended, if it looks like a question: where it is asked, if a program waits for the answer."""
        if self.foreground.program_runs and self.forwarder.has_question:
            self.foreground.asks = True
            if self.check_foreground():  # the rows are hidden: it goes where the cursor is
                self.drain()
                self.forwarder.end_rows()
            return
        receiver = self.forwarder.end_question()
        if receiver is not None:
            receiver.announce()

    # The end, and forks

    def close(self) -> None:
        """Restore everything at the end of the process. The keeper writes what has not been shown, and what other
        programs still write."""
        for capture in self.captures:
            capture.relay = None  # it may end later
        self.captures.clear()
        self._redirecting.clear()
        self._redirected.restore()
        self.foreground.end()
        self.drain_all()
        self.forwarder.end_rows()
        self._thread.is_closing = True
        self._own.close(self._held)
        if self._thread.join(CLOSE_SECONDS):
            self._close_descriptors()

    def _close_descriptors(self, *, but: int | None = None) -> None:
        for key in [key for key, fd in RELAYED.items() if fd in self._own]:
            del RELAYED[key]
        self._own.close_all(but=but)

    def enter_child(self, *, relayed: bool) -> None:
        """In a forked child, leave the relay to the parent.

        Args:
            relayed: Whether the child's words go through it all the same: the parent's rows stand on the terminal.
        """
        for capture in self.captures:
            capture.relay = None
        if relayed:
            self._redirected.redirect_for_good()
        else:
            self._redirected.restore()
        # `subprocess` with a `preexec_fn` calls the hooks of a fork, and then gives the slave to the program that it starts.
        self._close_descriptors(but=self.slave)


class RelayThread:
    """The thread that hands on words as they come. Creating it starts it.

    Args:
        relay: Whose words.
        news: The descriptor at which the keeper rings.
        master: The relay's end of the pseudo-terminal.
        woken, wakes: The ends of a pipe by which other threads wake this one.

    Attributes:
        is_closing: Whether the process ends; set by the relay.

    Raises:
        RuntimeError: no thread can be started.
    """

    def __init__(self, relay: Relay, news: int, master: int, woken: int, wakes: int) -> None:
        self.is_closing = False
        self._relay = relay
        self._news = news
        self._master = master
        self._woken = woken
        self._wakes = wakes
        self._thread: Thread | None = start(self._run, "progresskit relay")

    def wake(self) -> None:
        """Have the thread look at the line that has not ended."""
        try:
            os.write(self._wakes, b"\n")
        except OSError:  # it has been woken often enough, or is closed
            pass

    def join(self, seconds: float) -> bool:
        """Wait for the end of the thread, and return whether it has ended."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self._thread is None or not self._thread.is_alive()

    def _run(self) -> None:
        """Hand on words as they come: the keeper rings."""
        block_signals()
        poll = native("select", "poll")()
        poll.register(self._news, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        try:
            while not self.is_closing:
                rang = self._wait(poll)
                if not rang and self._relay.check_foreground():
                    continue
                if not rang:
                    self._relay.show_question()
                    if self._relay.foreground.is_given or self._relay.forwarder.has_question:  # it could not be shown
                        continue
                    poll.poll(None)
                if not self._hear(poll):
                    break
                while not self._drain() and not self.is_closing:
                    native("time", "sleep")(LOCK_SECONDS / 5)
        except (OSError, ValueError):  # closed
            pass
        if not self.is_closing:  # the keeper has been killed, or has never begun
            self._run_without_keeper()

    def _hear(self, poll: Any) -> bool:
        """Take what has rung, and return whether the keeper still runs."""
        ready = [descriptor for descriptor, _ in poll.poll(0)]
        if self._woken in ready:
            os.read(self._woken, PIECE)
        return self._news not in ready or bool(os.read(self._news, PIECE))

    def _wait(self, news: Any) -> bool:
        """Wait for words, or until the terminal or a line that has not ended is to be checked; return whether words have come."""
        foreground = self._relay.foreground
        if not foreground.is_given:
            return bool(news.poll(QUESTION_SECONDS * 1000 if self._relay.forwarder.has_unfinished_line else None))
        if foreground.keys is None:
            return bool(news.poll(POLL_SECONDS * 1000))
        poll = native("select", "poll")()
        poll.register(foreground.keys, select.POLLIN)
        poll.register(self._news, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        ready = [descriptor for descriptor, _ in poll.poll(POLL_SECONDS * 1000)]
        if foreground.keys in ready:
            foreground.move_keys()
        return self._news in ready or self._woken in ready

    def _run_without_keeper(self) -> None:
        poll = native("select", "poll")()
        poll.register(self._master, select.POLLIN)
        try:
            while not self.is_closing:
                poll.poll(QUESTION_SECONDS * 1000)
                self._drain()
        except (OSError, ValueError):  # closed
            pass

    def _drain(self) -> bool:
        whole = self._relay.drain()
        for capture in self._relay.captures[:]:
            capture.flush()
        return whole


def _comes_late(capture: Receiver) -> bool:
    return not capture.is_automatic
