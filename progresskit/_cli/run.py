"""`progresskit run`: a hub around a command, whose output goes above the bars.

Knows processes, signals and pseudo-terminals. The command stays in our process group and keeps our standard input, so that
the terminal's own signals, job control and typing reach it as they would without us; only what it would write on the
display's terminal goes through us. Must not know how anything is drawn.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from .._display.process_hooks import TICKER
from .._system.platform import HAS_SPAWN, has_signal_details, present_signals
from .._text.line_splitter import Lines
from ..processes.feed import Feed
from ..processes.hub import Hub
from ..renderers.registry import default_stream, hub_address
from .pty_keeper import PtyKeeper
from .reading import VARIABLES, ProgressReader

if TYPE_CHECKING:
    from collections.abc import Sequence

NOT_FOUND, NOT_RUNNABLE = 127, 126
BUDGET = 0.03
"""The share of a core that drawing for many processes may cost, unless `PROGRESSKIT_BUDGET` says otherwise."""
SILENCE = 0.2
"""Seconds without output after which a command that has ended is taken to have said everything, though a process that it
left behind holds its terminal open."""
DRAINING = 0.5
"""Seconds that a command which has ended is listened to at the most, whatever such a process goes on to write."""
MOST_LEFT = 1 << 18
"""Bytes that are drained at the most: more than a pseudo-terminal and a pipe hold; a process that goes on writing is not waited for."""
ASKING = 0.3
"""Seconds after which a line that looks like a question is shown before it has ended."""
AT_ONCE = 1 << 16
"""Characters that wait, from which on they are shown at once, whatever drawing may cost: a command is not slowed down. So many
bytes are read in one go as well."""
CATCH_UP_SECONDS = 0.1
"""Seconds that a line waits at the most while what clients have sent before it is read."""
REMEMBERED = 200
"""Lines of a quiet command that are shown if it fails."""
PASSED_ON = present_signals(
    "SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGTSTP", "SIGCONT"
)
ENDING = set(present_signals("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"))
"""Signals that keep a command which has not begun from beginning."""
FROM_KERNEL = 0x80
"""What `si_code` says of a signal that the terminal sent, to the whole group: the command has it already."""


def run(
    command: Sequence[str],
    *,
    renderer: str | None = None,
    totals: bool = False,
    jobs: int | None = None,
    quiet: bool = False,
    pty: bool = True,
    read: str | None = None,
    web: str | None = None,
) -> int:
    """Run `command` under a hub and return its exit status; below 0 the number of the signal that ended it.

    Args:
        command: The program and its arguments.
        renderer: What draws; None takes `PROGRESSKIT_RENDERER`, else what suits the terminal.
        totals: Whether one line sums up all processes.
        jobs: How many tasks there will be in all, for that line's percentage; None where nobody knows.
        quiet: Whether the command's lines are kept off the terminal; the last ones are shown if it fails.
        pty: Whether the command is given a terminal for what would go to ours, and not a pipe.
        read: The program whose words about its progress become tasks: git, pip, curl, rsync, ffmpeg; None: all words pass through.
        web: Where a live page shows the display: `1`, a port, or `HOST:PORT`; None: there is none.

    Raises:
        ValueError: the renderer's name is unknown.
        OSError: this system cannot do it.
    """
    if not HAS_SPAWN:
        raise OSError("`progresskit run` needs a Unix system: start the command by itself.")
    if hub_address() is not None:  # a hub is there already, and shows what runs below us too
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by the interpreter: the command must not inherit it
            signal.signal(ignored, signal.SIG_DFL)
        try:
            os.execvp(command[0], list(command))
        except OSError as error:
            return _cannot(command[0], error)
    waited = {*PASSED_ON, signal.SIGCHLD, signal.SIGWINCH}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, waited)  # before any thread is there: they inherit it
    try:
        feed = Feed(renderer, totals=totals or jobs is not None, expected=jobs, budget=_budget())
        return _run(command, feed, _Outputs(feed, quiet, pty, read), mask, waited, web)
    except RuntimeError as error:
        if "thread" not in str(error):
            raise
        raise OSError(
            f"No thread can be started ({error}): raise the limit, or start the command by itself."
        ) from error
    finally:
        _swallow(waited)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _swallow(waited: set[Any]) -> None:
    """Take the signals that came for a command that has ended: they must not end us in its place."""
    while signal.sigpending() & waited:
        signal.sigwait(waited)


def _called_off() -> int:
    """Return the number of a signal that ends a program and has come before the command was there; 0 if none has."""
    return min(signal.sigpending() & ENDING, default=0)


def _budget() -> float | None:
    return None if os.environ.get("PROGRESSKIT_BUDGET") else BUDGET


def _cannot(name: str, error: OSError) -> int:
    missing = isinstance(error, FileNotFoundError)
    print(f"progresskit: {name}: {'command not found' if missing else error.strerror}", file=sys.stderr)
    return NOT_FOUND if missing else NOT_RUNNABLE


def _run(
    command: Sequence[str], feed: Feed, outputs: _Outputs, mask: Any, waited: set[Any], web: str | None = None
) -> int:
    modes = _modes(0)
    status = NOT_RUNNABLE
    try:
        outputs.guard()
        if web is not None:
            show_page(command, web)
        with feed, Hub(feed) as hub:
            outputs.begin(hub)
            if _called_off():
                status = -_called_off()
                return status
            try:
                pid = os.posix_spawnp(
                    command[0],
                    list(command),
                    {**os.environ, **outputs.variables, **hub.environment},
                    file_actions=outputs.actions,
                    setsigmask=mask,
                    setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # which the interpreter ignores
                )
            except OSError as error:
                status = _cannot(command[0], error)
                return status
            outputs.begun()
            # It may have come just before the command; if not, the command has not got so far as to count.
            if _called_off():
                os.kill(pid, _called_off())
            status = _wait(pid, outputs, waited)
            outputs.end(failed=status != 0)
            hub.stop()
            if hub.dropped:
                feed.print(f"progresskit: {hub.dropped:,d} messages made no sense and were dropped.")
        if web is not None:
            from .._web.live import give_last_picture

            give_last_picture()
    finally:
        outputs.close()
        if modes is not None and modes != _modes(0):
            import termios

            termios.tcsetattr(0, termios.TCSADRAIN, modes)  # a command that was killed may have left others
    return status


def show_page(command: Sequence[str], web: str) -> None:
    """Serve the live page where `web` says, and tell its address.

    Raises:
        ValueError: `web` is no address.
        OSError: it cannot be had.
    """
    from .._web import live

    try:
        host, port = live.address(web)
    except ValueError as error:
        raise ValueError(f"--web is {web!r:.80}: {error}") from None
    server = live.serve(host, port, list(command))
    live.told()
    print(live.words(server), file=sys.stderr)


def _modes(fd: int) -> list[Any] | None:
    """Return the modes of the terminal on `fd`; None where it is none, or not ours to change."""
    import termios

    try:
        return termios.tcgetattr(fd) if os.tcgetpgrp(fd) == os.getpgrp() else None
    except (OSError, termios.error):
        return None


def _wait(pid: int, outputs: _Outputs, waited: set[Any]) -> int:
    """Pass signals on until process `pid` has ended, and return its status."""
    while True:
        number, from_terminal = _next_signal(waited)
        if number == signal.SIGCHLD:
            while True:
                found, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
                if not found:
                    break
                if not os.WIFSTOPPED(status):
                    return os.waitstatus_to_exitcode(status)
                _stop()
        elif number == signal.SIGWINCH:
            outputs.resize()
            os.kill(pid, signal.SIGWINCH)  # again: the terminal's own may have come before the new size was known
        elif not from_terminal:
            os.kill(pid, number)


def _next_signal(waited: set[Any]) -> tuple[int, bool]:
    """Return the next signal, and whether the terminal sent it, which sends it to the command as well."""
    if has_signal_details():
        info = signal.sigwaitinfo(waited)
        return info.si_signo, info.si_code == FROM_KERNEL
    number = signal.sigwait(waited)
    return number, number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)


def _stop() -> None:
    """Stop as the command has, so that the shell sees a stopped job; the rows are given up to whoever draws meanwhile."""
    TICKER.release_screen(lambda: os.kill(os.getpid(), signal.SIGSTOP))


class _Outputs:
    """What of the command's output goes through us: that which would go to the display's terminal."""

    def __init__(self, feed: Feed, quiet: bool, pty: bool, read: str | None = None) -> None:
        self._feed = feed
        self._read_from = read
        self._readers: dict[int, ProgressReader] = {}
        self.variables = VARIABLES.get(read or "", {})
        self._quiet = quiet
        self._last: deque[str] = deque(maxlen=REMEMBERED)
        self._lines: dict[int, Lines] = {}
        self._theirs: list[int] = []
        self._ends: dict[int, int] = {}
        self._keeper: PtyKeeper | None = None
        self._master: int | None = None
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._hub: Hub | None = None
        self._outlived = False  # whether somebody else holds the command's terminal when it has ended
        self._typed = os.isatty(0)
        self.actions: list[Any] = []
        terminals = [fd for fd in (1, 2) if os.isatty(fd)] if _on_terminal() else []
        self._terminal = terminals[0] if terminals else None
        if pty and terminals:
            ours, theirs = os.openpty()
            self._master = ours
            self._modes_kept(theirs)
            self.resize()
            self._add(ours, theirs, *terminals)
        else:
            for fd in terminals:
                self._add(*os.pipe(), fd)

    def _add(self, ours: int, theirs: int, *fds: int) -> None:
        os.set_blocking(ours, False)
        self._lines[ours] = Lines()
        if self._read_from is not None:
            self._readers[ours] = ProgressReader(self._feed, self._read_from)
        self._theirs.append(theirs)
        self._ends[ours] = fds[0]
        self.actions += [(os.POSIX_SPAWN_DUP2, theirs, fd) for fd in fds]

    def _modes_kept(self, theirs: int) -> None:
        import termios

        assert self._terminal is not None  # there is one where a pty is made
        try:
            modes = termios.tcgetattr(self._terminal)
            # A carriage return before each newline would cost the kernel more than all that is done with a line here.
            modes[1] &= ~termios.OPOST
            termios.tcsetattr(theirs, termios.TCSANOW, modes)
        except termios.error:
            pass

    def guard(self) -> None:
        """Have somebody go on with the command's output should we be killed. There must be no thread yet."""
        if self._ends:
            try:
                self._keeper = PtyKeeper(self._ends, quiet=self._quiet)
            except OSError:  # no more processes to be had: the command's own start will say so, if it matters
                pass

    def resize(self) -> None:
        """Give the command's terminal the size of ours."""
        if self._master is not None and self._terminal is not None:
            import fcntl
            import termios

            try:
                size = fcntl.ioctl(self._terminal, termios.TIOCGWINSZ, b"\0" * 8)
                fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)
            except OSError:
                pass

    def begin(self, hub: Hub) -> None:
        """Show what a command writes, from a thread, after all that it has told `hub` before.

        Raises:
            RuntimeError: there is no thread to be had.
        """
        self._hub = hub
        if self._lines:
            thread = threading.Thread(target=self._read, name="progresskit output", daemon=True)
            thread.start()
            self._thread = thread

    def begun(self) -> None:
        """The command holds its ends by now: close ours."""
        for fd in self._theirs:
            os.close(fd)
        self._theirs.clear()

    def end(self, *, failed: bool) -> None:
        """The command has ended: show the rest."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        for fd, lines in self._lines.items():
            reader = self._readers.get(fd)
            if reader is not None:
                self._show(lines.feed(reader.rest()))
                reader.end(failed=failed)
            self._show(lines.end())
        if failed:
            for line in self._last:
                self._feed.print(line)
        TICKER.drain(self._feed._core, _nobody_calls_it_off)

    def close(self) -> None:
        """Give the descriptors back; what a process in the background still writes goes to the terminal from here on."""
        self.begun()
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if self._keeper is not None:
            if self._outlived:
                self._keeper.hand_over()
            else:
                self._keeper.dismiss()
        for fd in (*self._theirs, *self._lines):
            os.close(fd)
        self._theirs.clear()
        self._lines.clear()

    def _read(self) -> None:
        selector = selectors.DefaultSelector()
        for fd in self._lines:
            selector.register(fd, selectors.EVENT_READ)
        heard = time.monotonic()
        waited, drained = 0.0, 0  # since the command has ended: seconds of waiting for its output, and bytes of it
        while selector.get_map():
            began = time.monotonic()
            ready = selector.select(SILENCE / 4)
            now = time.monotonic()
            ended = self._ended.is_set()
            for key, _ in ready:
                heard = now
                count = self._read_output(key.fd)
                drained += (count or 0) if ended else 0
                if count == 0:
                    selector.unregister(key.fd)
            if not ready and now - heard > ASKING:
                for fd, reader in self._readers.items():
                    self._show(self._lines[fd].feed(reader.release()))
            if not ready and self._typed and now - heard > ASKING:
                for lines in self._lines.values():
                    if lines.asks:
                        self._show(lines.end())
            if ended:
                waited += now - began
                # What the command itself has left in a pty or a pipe is shown however slow the terminal is: it is less than this.
                if (not ready and now - heard > SILENCE) or waited > DRAINING or drained > MOST_LEFT:
                    self._outlived = True
                    break
        selector.close()

    def _read_output(self, fd: int) -> int | None:
        """Show what `fd` has, and return how many bytes that was: 0 at its end, None where it has nothing now."""
        data = bytearray()
        while len(data) < AT_ONCE:  # a pty gives four kilobytes at a time
            try:
                piece = os.read(fd, AT_ONCE)
            except BlockingIOError:
                if not data:
                    return None
                break
            except OSError:  # what a pty says when nobody holds its other end any more
                piece = b""
            if not piece:  # the next call finds the end again
                break
            data += piece
        reader = self._readers.get(fd)
        words = bytes(data) if reader is None else reader.feed(bytes(data))
        self._show(self._lines[fd].feed(words))
        return len(data)

    def _show(self, lines: str) -> None:
        """Show `lines`, each with its newline, as one block."""
        if not lines:
            return
        if self._quiet:
            self._last.extend(lines.removesuffix("\n").split("\n"))
            return
        if self._hub is not None:
            self._hub.catch_up(CATCH_UP_SECONDS)  # the end of a loop was sent before what the job prints after it
        self._feed.print(lines, end="")
        if self._feed.waiting > AT_ONCE:
            TICKER.drain(self._feed._core, _nobody_calls_it_off)


def _nobody_calls_it_off() -> bool:
    """Return whether no signal that ends a program waits for us, while a terminal that does not read holds us up."""
    return not signal.sigpending() & {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM}


def _on_terminal() -> bool:
    """Return whether the display stands on a terminal."""
    from .._display.terminal import StreamTerminal

    terminal = StreamTerminal(default_stream())
    try:
        return terminal.is_tty
    finally:
        terminal.close()


def leave(status: int) -> int:
    """Return the exit status for `status`; where a signal ended the command, end by the same one, as the shell expects."""
    if status >= 0:
        return status
    try:
        import resource
    except ModuleNotFoundError:  # Windows, where no signal ends a program
        return 128 - status
    resource.setrlimit(
        resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1])
    )  # the command has left one
    if -status != signal.SIGKILL:
        signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
    return 128 - status
