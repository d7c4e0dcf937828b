"""Relays: what C code, programs and forked children write to a terminal on which rows stand goes above them.

A relay puts a pseudo-terminal in the place of descriptors 1 and 2, so that whoever asks finds a terminal there. What is written
to it lands in a file (see `relay_keeper`), and becomes lines from there; while no rows stand it goes to the terminal as it is.
Knows descriptors, and when they are replaced. Must not know how lines are shown: it hands them to captures, as a captured stream
does. A relay is made once for a terminal, and lives as long as the process: programs that outlive the rows go on writing to it.
"""

from __future__ import annotations

import codecs
import fcntl
import mmap
import os
import pkgutil
import select
import sys
import termios
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .._system.platform import HAS_MEMORY_FILES
from .._system.threads import block_signals, native, start
from .._text.line_splitter import Line, ends_in_question
from .._text.redrawn_rows import RedrawnRows, redraws
from .foreground import LOOK_SECONDS, Foreground
from .outbox import EXIT_FLUSH_TIMEOUT
from .terminal import RELAYED, file_key, open_anew

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Thread

    from .capture import Capture

LEAVE_BEHIND = '"$@" &'
"""What a shell does to start the keeper: it is no child of the job's, which may wait for all of its children."""
LOCK_SECONDS = 0.05
"""Seconds that a write waits for another thread that moves words: order is worth that, and no more."""
QUESTION_SECONDS = 0.3
"""Seconds after which a line that looks like a question is shown before it has ended."""
MOST_HELD_BACK = 100
"""How often words wait for the last frame of a tracker that is being freed, a hundredth of a second each time."""
DRAINING_NAP = 0.002
"""Seconds between two looks while a terminal takes words slowly."""
DRAINING_LIMIT = 30.0
"""Seconds that the end waits at the most for a terminal that takes words slowly."""
CLOSE_SECONDS = 0.2
"""Seconds that the end of the process waits for the thread."""
PIECE = 1 << 16
SPOOL_KEPT = 1 << 20
"""Bytes of the file from which on it is emptied once all of it has been shown."""
OUT_OF_THE_WAY = 20
"""Descriptors from here on are ours: the job may count on low ones."""


class Relay:
    """A pseudo-terminal in the place of descriptors 1 and 2 of one terminal.

    Args:
        key: The terminal's key.
        descriptors: Those of 1 and 2 that lead to the terminal.

    Raises:
        OSError, RuntimeError: no pseudo-terminal, no keeper, or no thread can be had.
    """

    def __init__(self, key: tuple[object, ...], descriptors: tuple[int, ...]) -> None:
        self.key = key
        self.captures: list[Capture] = []  # the latest one last, as those of a captured stream
        self._redirecting: set[Capture] = set()  # who asked for descriptors
        self._redirected: list[int] = []
        self._lock = native("_thread", "RLock")()
        self._busy = False
        self._line = Line()
        self._redrawn: RedrawnRows | None = None  # rows that a program writes over
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._read = 0  # how far the file has been read
        self._handed = 0  # how far it has been handed on, in whole lines
        self._held_back = 0  # how often in a row words were not handed on, since a tracker was being freed
        self._taken = 0  # how far it was when lines were last taken to be drawn
        self._ours: list[int] = []
        self._closing = False
        self._thread: Thread | None = None
        try:
            self._originals = {fd: self._keep(os.dup(fd)) for fd in descriptors}
            self._terminal = self._keep(open_anew(descriptors[0]))
            master, slave = os.openpty()
            self._master, self._slave = self._keep(master), self._keep(slave)
            termios.tcsetattr(self._slave, termios.TCSANOW, termios.tcgetattr(self._terminal))
            fcntl.ioctl(self._slave, termios.TIOCSWINSZ, fcntl.ioctl(self._terminal, termios.TIOCGWINSZ, b"\0" * 8))
            os.set_blocking(self._master, False)
            self._spool = self._keep(_spool())
            self._news = self._begin_keeper()
            self._foreground = Foreground(self._terminal, self._master, self._slave)
            self._ready = native("select", "poll")()
            self._ready.register(self._master, select.POLLIN)
            RELAYED[file_key(self._slave, relayed=False)] = self._originals[descriptors[0]]
            self._thread = start(self._run, "progresskit relay")
        except BaseException:
            self._close_descriptors()
            raise

    def _keep(self, descriptor: int) -> int:
        """Return `descriptor` as one that is out of the way, and is closed by `exec`."""
        try:
            ours = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)
        finally:
            os.close(descriptor)
        self._ours.append(ours)
        return ours

    def _begin_keeper(self) -> int:
        """Start the keeper, and return where its news are read. It is not waited for: the job moves words as well."""
        if getattr(sys, "frozen", False) or not sys.executable:
            raise OSError("there is no Python to run it with")
        source = (pkgutil.get_data(__package__, "relay_keeper.py") or b"").decode()
        alive, held = (self._keep(end) for end in os.pipe())
        news, told = (self._keep(end) for end in os.pipe())
        handed = (self._master, self._spool, alive, told, self._terminal)
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
        for descriptor in (alive, told):
            self._ours.remove(descriptor)
            os.close(descriptor)
        self._held = held
        return news

    # Who captures

    def join(self, capture: Capture, *, redirect: bool) -> None:
        """Hand lines to `capture` from now on. With `redirect`, descriptors are replaced for as long as it lasts."""
        if capture not in self.captures:
            self.captures.append(capture)
            self.captures.sort(key=_comes_late)
        if redirect:
            self._redirecting.add(capture)
        self.follow()

    def leave(self, capture: Capture) -> None:
        """Hand lines to `capture` no more."""
        self._redirecting.discard(capture)
        self.follow()
        self.drain()
        if capture in self.captures:
            self.captures.remove(capture)
        self.drain_all()
        if not self.captures:
            self._end_redrawing()

    def follow(self) -> None:
        """Replace the descriptors, or put them back, as is right now: nobody else may have the terminal to itself."""
        wanted = bool(self._redirecting) and not any(capture.is_hidden for capture in self.captures)
        if wanted and not self._redirected:
            for fd in self._originals:
                if _leads_to(fd, self.key):
                    os.dup2(self._slave, fd)
                    self._redirected.append(fd)
        elif not wanted and self._redirected:
            self._put_back()

    def _put_back(self) -> None:
        """Put the descriptors back, but for those that somebody else has replaced meanwhile."""
        slave = file_key(self._slave, relayed=False)
        while self._redirected:
            fd = self._redirected.pop()
            if _leads_to(fd, slave):
                os.dup2(self._originals[fd], fd)

    # Programs

    @property
    def slave(self) -> int:
        """The descriptor that programs write to."""
        return self._slave

    @property
    def is_given(self) -> bool:
        """Whether a program has the terminal for itself, or had it when that was last looked at."""
        return self._foreground.is_given

    def note_program(self, is_alive: Callable[[], bool]) -> None:
        """Note that a program was started which may take the terminal for itself (an editor, a pager), as long as it lives."""
        self._foreground.note(is_alive)

    @contextmanager
    def redirected(self) -> Iterator[None]:
        """Have descriptors 1 and 2 lead here meanwhile, for a program that inherits them."""
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

    def _look(self) -> bool:
        """See whether a program has the terminal for itself now."""
        foreground = self._foreground
        try:
            foreground.asks = foreground.asks and not self._has_words()
        except (OSError, ValueError):  # closed
            foreground.asks = False
        return foreground.look(lambda: [tracker for each in self.captures if (tracker := each.tracker) is not None])

    def _has_words(self) -> bool:
        """Return whether something has been written that has not been read."""
        return bool(self._ready.poll(0)) or os.fstat(self._spool).st_size > self._read

    # Words

    def drain(self, *, notify: bool = True) -> bool:
        """Hand on what has been written by now, and return whether that is all of it.

        Takes a lock for as long as it takes to move the words; where another thread does so for long, they come later.

        Args:
            notify: Whether the trackers are told that lines have come.
        """
        if self._foreground.clearing:
            return False
        if notify:  # otherwise a frame is being made, which would put back the rows that go
            self._look()
        if not self._lock.acquire(timeout=LOCK_SECONDS):
            return False
        told: list[Capture] = []
        try:
            if self._busy:  # a signal handler that has interrupted just this
                return False
            self._busy = True
            try:
                self._move()
                whole = self._hand_on(told)
            except (OSError, ValueError):  # closed, or no descriptor left
                return False
            finally:
                self._busy = False
        finally:
            self._lock.release()
        if notify:
            for capture in told:
                capture.lines_came()
        return whole

    def drain_all(self) -> None:
        """Hand on all that has been written by now, and wait for a terminal that is slow, but takes something each second: what
        the job writes next must not come before."""
        clock = native("time", "monotonic")
        end = clock() + DRAINING_LIMIT
        since, handed = clock(), -1
        while not self.drain() and clock() < end:
            if self._handed != handed:
                since, handed = clock(), self._handed
            elif clock() - since > EXIT_FLUSH_TIMEOUT:
                return
            native("time", "sleep")(DRAINING_NAP)

    def begin_line(self, text: str) -> None:
        """Have what programs write next go on with `text`, a line that this process has begun."""
        if text and self._lock.acquire(timeout=LOCK_SECONDS):
            try:
                self._line.add(text)
            finally:
                self._lock.release()

    def take_begun(self) -> str:
        """Return the line that a program has begun, and not ended, and forget it: this process goes on with it."""
        if (self._read == self._handed and not self._line.text()) or not self._lock.acquire(timeout=LOCK_SECONDS):
            return ""
        try:
            text = self._line.text()
            if not self._busy and ((text and self._redrawn is None) or self._is_bare()):
                self._forget_begun()
                return text
            return ""
        finally:
            self._lock.release()

    def _is_bare(self) -> bool:
        """Whether the line that programs have begun has sequences alone, and they have ended: a screen that they have cleared while
        rows stood is not cleared later, with what has come since. Those of one that lives may begin a screen of its own."""
        return self._redrawn is None and not self._line.text() and not self._foreground.program_lives

    def _forget_begun(self) -> None:
        is_all_shown = self._taken == self._handed and not self._line.text()
        self._line = Line()
        self._handed = self._read
        if is_all_shown:  # else the keeper would write the sequences at the end
            self._taken = self._read
            self._note_shown()

    def _move(self) -> None:
        """Move what has been written to the file. The caller holds the lock."""
        while self._move_piece():
            pass

    def _move_piece(self) -> bool:
        """Move what there is, at most a piece, and return whether there may be more.

        The file is mapped, so that one system call takes the words from the pseudo-terminal into it: a process that is killed
        between a read and a write would take them with it. The keeper leaves out the zeros that may be left behind them then.
        Closing the map lets go of the file's lock, by POSIX, and so is the last that is done.
        """
        try:
            fcntl.lockf(self._spool, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            fcntl.lockf(self._spool, fcntl.LOCK_EX)  # the keeper moves some: a matter of microseconds
        try:
            if not self._ready.poll(0):
                return False
            end, count = os.fstat(self._spool).st_size, 0
            start = end - end % mmap.ALLOCATIONGRANULARITY
            os.ftruncate(self._spool, end + PIECE)
            try:
                file = mmap.mmap(self._spool, end + PIECE - start, offset=start)
            except OSError:  # no room for it
                os.ftruncate(self._spool, end)
                raise
            with file:
                try:
                    with memoryview(file)[end - start :] as room:
                        count = os.readv(self._master, [room])
                except OSError:  # it has been taken, or nobody holds the other end
                    pass
                finally:
                    os.ftruncate(self._spool, end + count)
            return count > 0
        finally:
            fcntl.lockf(self._spool, fcntl.LOCK_UN)

    def _hand_on(self, told: list[Capture]) -> bool:
        """Hand on what is in the file, and return whether that was all. The caller holds the lock."""
        end = os.fstat(self._spool).st_size
        if self._handed < end and self._awaits_last_frame():
            return False
        while self._handed < end:
            capture = next((each for each in self.captures[::-1] if each.takes), None)
            if capture is None:
                if not self._pass_on():
                    return False
                continue
            if self._read >= end:
                break
            if capture.is_full:
                return False
            data = os.pread(self._spool, PIECE, self._read)
            if not data:
                break
            self._read += len(data)
            if self._feed(data, capture) and capture not in told:
                told.append(capture)
        return True

    def _awaits_last_frame(self) -> bool:
        """Return whether the garbage collector has just found a tracker: its rows still stand, and would be drawn over. What hands on
        the tracker to its last frame is about to run; should it not, words are not held back for ever."""
        is_freed = any(each.tracker is None for each in self.captures)
        self._held_back = self._held_back + 1 if is_freed else 0
        return 0 < self._held_back < MOST_HELD_BACK

    def _feed(self, data: bytes, capture: Capture) -> bool:
        """Hand the whole lines of `data` to `capture`, and return whether there was one."""
        if self._redrawn is not None or (b"\x1b" in data and redraws(data.decode("latin-1"))):
            return self._redraw(data, capture)
        if not self._line.is_redrawn and _is_plain(data):  # a flood must not be slowed down by each of its lines
            return self._feed_plain(data, capture)
        at = self._read - len(data)
        *whole, rest = data.split(b"\n")
        came = False
        for piece in whole:
            at += len(piece) + 1
            self._line.add(self._decoder.decode(piece))
            line, self._line = self._line.end(), Line()
            came |= capture.queue(line)
            self._handed = at
        if self._line.add(self._decoder.decode(rest)):
            line, self._line = self._line.end(), Line()
            came |= capture.queue(line)
            self._handed = self._read
        return came

    def _feed_plain(self, data: bytes, capture: Capture) -> bool:
        whole, _, rest = data.rpartition(b"\n")
        text = self._line.text() + self._decoder.decode(whole + b"\n").replace("\r", "")
        self._line = Line()
        self._line.add(self._decoder.decode(rest))
        self._handed = self._read - len(rest)
        return capture.queue_all(text[:-1].split("\n"))

    def _redraw(self, data: bytes, capture: Capture) -> bool:
        rows = self._redrawn = self._redrawn or RedrawnRows()
        text = self._line.text() + self._decoder.decode(data)
        self._line = Line()
        came = False
        for line in rows.feed(text):
            came |= capture.queue(line)
        self._handed = self._read
        if rows.is_over:
            self._redrawn = None
        return came

    def _end_redrawing(self) -> None:
        """Write the rows that are held to the terminal, where the program finds them."""
        rows, self._redrawn = self._redrawn, None
        if rows is not None:
            try:
                os.write(self._terminal, rows.standing().encode())
            except OSError:  # gone, or it takes nothing
                pass

    def _pass_on(self) -> bool:
        """Write to the terminal itself what has not been handed on, and return whether it took it."""
        if self._read > self._handed and self._is_bare():
            self._forget_begun()
            return True
        data = os.pread(self._spool, PIECE, self._handed)
        self._end_redrawing()
        try:
            self._handed += os.write(self._terminal, data)
        except BlockingIOError:
            return False
        except OSError:  # the terminal is gone
            self._handed += len(data)
        self._read = self._taken = self._handed
        self._line = Line()
        self._decoder.reset()
        self._note_shown()
        return True

    def taken(self) -> None:
        """Note that the lines so far are drawn by the frame that is being made."""
        self._taken = self._handed

    def shown(self) -> None:
        """Note that this frame is on the terminal: should the job be killed, its lines are not written again."""
        if self._taken and self._lock.acquire(timeout=LOCK_SECONDS):
            try:
                self._note_shown()
            except OSError:  # closed
                pass
            finally:
                self._lock.release()

    def _note_shown(self) -> None:
        os.lseek(self._spool, self._taken, os.SEEK_SET)
        if SPOOL_KEPT < self._taken == self._read == self._handed:
            fcntl.lockf(self._spool, fcntl.LOCK_EX)
            try:
                if os.fstat(self._spool).st_size == self._taken:
                    os.ftruncate(self._spool, 0)
                    os.lseek(self._spool, 0, os.SEEK_SET)
                    self._taken = self._read = self._handed = 0
            finally:
                fcntl.lockf(self._spool, fcntl.LOCK_UN)

    def _show_question(self) -> None:
        """Show the line that has not ended, if it looks like a question: where it is asked, if a program waits for the answer."""
        if self._foreground.program_lives and ends_in_question(self._line.text()):
            self._give_to_question()
            return
        told: list[Capture] = []
        if self._lock.acquire(timeout=LOCK_SECONDS):
            try:
                capture = next((each for each in self.captures[::-1] if each.takes), None)
                if capture is not None and ends_in_question(self._line.text()):
                    line, self._line = self._line.end(), Line()
                    self._handed = self._read
                    if capture.queue(line):
                        told.append(capture)
            finally:
                self._lock.release()
        for capture in told:
            capture.lines_came()

    def _give_to_question(self) -> None:
        """Hide the rows, and write what has not ended where the cursor is."""
        self._foreground.asks = True
        if self._look():
            self.drain()

    # The thread

    def _run(self) -> None:
        """Hand on what comes, as it comes. The keeper rings."""
        block_signals()
        poll = native("select", "poll")()
        poll.register(self._news, select.POLLIN)
        try:
            while not self._closing:
                rang = self._wait(poll)
                if not rang and self._look():
                    continue
                if not rang:
                    self._show_question()
                    if self._foreground.is_given:
                        continue
                    poll.poll(None)
                if not os.read(self._news, PIECE):
                    break
                while not self._drain_now() and not self._closing:
                    native("time", "sleep")(LOCK_SECONDS / 5)
        except (OSError, ValueError):  # closed
            pass
        if not self._closing:  # the keeper has been killed, or has never begun
            self._do_without_keeper()

    def _wait(self, news: Any) -> bool:
        """Wait for words, or until the terminal or a line that has not ended is to be looked at; return whether words have come."""
        foreground = self._foreground
        if not foreground.is_given:
            return bool(news.poll(None if self._handed >= self._read else QUESTION_SECONDS * 1000))
        if foreground.keys is None:
            return bool(news.poll(LOOK_SECONDS * 1000))
        poll = native("select", "poll")()
        poll.register(foreground.keys, select.POLLIN)
        poll.register(self._news, select.POLLIN)
        ready = [descriptor for descriptor, _ in poll.poll(LOOK_SECONDS * 1000)]
        if foreground.keys in ready:
            foreground.move_keys()
        return self._news in ready

    def _do_without_keeper(self) -> None:
        poll = native("select", "poll")()
        poll.register(self._master, select.POLLIN)
        try:
            while not self._closing:
                poll.poll(QUESTION_SECONDS * 1000)
                self._drain_now()
        except (OSError, ValueError):  # closed
            pass

    def _drain_now(self) -> bool:
        whole = self.drain()
        for capture in self.captures[:]:
            capture.flush()
        return whole

    # The end, and forks

    def close(self) -> None:
        """Put everything back: the process ends. What has not been shown, and what others still write, is the keeper's to write."""
        self.captures.clear()
        self._redirecting.clear()
        self._put_back()
        self._foreground.end()
        self.drain_all()
        self._closing = True
        os.close(self._held)
        self._ours.remove(self._held)
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)
        if self._thread is None or not self._thread.is_alive():
            self._close_descriptors()

    def _close_descriptors(self) -> None:
        for key in [key for key, fd in RELAYED.items() if fd in self._ours]:
            del RELAYED[key]
        while self._ours:
            os.close(self._ours.pop())

    def enter_child(self, *, relayed: bool) -> None:
        """Leave the relay to the parent, in a forked child.

        Args:
            relayed: Whether the child's words go through it all the same: the parent's rows stand on the terminal.
        """
        for capture in self.captures:
            capture.relay = None
        if relayed:
            for fd in self._originals:
                if _leads_to(fd, self.key):
                    os.dup2(self._slave, fd)
        else:
            self._put_back()
        self._close_descriptors()

    def before_fork(self) -> None:
        """Have no other thread in the middle of anything."""
        self._lock.acquire(timeout=LOCK_SECONDS)

    def after_fork(self) -> None:
        """Let the threads go on."""
        try:
            self._lock.release()
        except RuntimeError:  # it could not be had
            pass


def _comes_late(capture: Capture) -> bool:
    return not capture.is_automatic


def _is_plain(data: bytes) -> bool:
    """Return whether `data` has whole lines, and nothing that changes what stands on a line."""
    if b"\n" not in data or data.count(b"\r") != data.count(b"\r\n"):
        return False
    return not (b"\x1b" in data or b"\b" in data or b"\x07" in data)


def _spool() -> int:
    """Return the descriptor of a file without a name."""
    if HAS_MEMORY_FILES:
        return os.memfd_create("progresskit relay")
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _leads_to(descriptor: int, key: tuple[object, ...]) -> bool:
    """Return whether `descriptor` is that of the file of that `key`."""
    try:
        return file_key(descriptor, relayed=False) == key
    except OSError:
        return False
