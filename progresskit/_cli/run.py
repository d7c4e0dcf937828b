"""`progresskit run`: run a command under a hub, and print the command's output above the bars.

Knows processes, signals and pseudo-terminals. The command stays in the process group of `progresskit run` and inherits its standard
input, so that the terminal's signals, job control and typing reach the command unchanged; only output for the display's terminal
passes through this process. Does not know how anything is drawn.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from .._display.process_hooks import TICKER
from .._system.job import hub_address
from .._system.platform import HAS_SPAWN, has_signal_details, has_unix_sockets, present_signals
from .._text.line_splitter import Lines
from ..processes._marks import LOG_VARIABLE, VARIABLE, MarkReader, terminal_id
from ..processes.feed import Feed
from ..processes.hub import Hub
from ..renderers.destinations import default_stream
from .pty_keeper import PtyKeeper
from .reading import ProgressReader, variables_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..processes._marks import Mark

NOT_FOUND, NOT_RUNNABLE = 127, 126
BUDGET = 0.03
"""The share of a core that drawing for many processes may cost, unless `PROGRESSKIT_BUDGET` says otherwise."""
SILENT_SECONDS = 0.2
"""Seconds without output after which the output of an ended command counts as complete, even if a process that it left behind
holds its terminal open."""
DRAIN_SECONDS = 0.5
"""The most seconds to wait for the output of an ended command, even if such a process keeps writing."""
MOST_DRAINED = 1 << 18
"""The most bytes to read after the command has ended: more than a pseudo-terminal and a pipe hold."""
QUESTION_SECONDS = 0.3
"""Seconds without output after which an unfinished line that looks like a question is shown."""
MOST_PENDING = 1 << 16
"""Pending characters from which on they are drawn at once, beyond the budget, so that the command is not slowed down; also the
bytes read in one go."""
CATCH_UP_SECONDS = 0.1
"""The most seconds that a line waits while the hub reads what clients have sent before it."""
MOST_HELD_SECONDS = 1.0
"""The most seconds for which the end of a task waits for earlier output, while other output continues."""
MOST_LAST_LINES = 200
"""The last lines of a quiet command that are shown if it fails."""
PASSED_ON = present_signals(
    "SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGTSTP", "SIGCONT"
)
ENDING = set(present_signals("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"))
"""Signals that prevent the start of a command that has not started yet."""
FROM_KERNEL = 0x80
"""The `si_code` of a signal that the terminal sent to the whole group: the command has received it already."""


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
        renderer: The name of a renderer; None takes `PROGRESSKIT_RENDERER`, else one that suits the terminal.
        totals: Whether one line sums up all processes.
        jobs: The total number of tasks, for that line's percentage; None if unknown.
        quiet: Whether to keep the command's lines off the terminal; the last ones are shown if the command fails.
        pty: Whether to give the command a pseudo-terminal, not a pipe, for output to this process's terminal.
        read: The program whose progress messages become tasks: git, pip, curl, rsync, ffmpeg; None: all output passes through.
        web: The address of a live page of the display: `1` for a free port, a port, or `HOST:PORT`; None for no page.

    Raises:
        ValueError: the renderer's name is unknown.
        OSError: the system lacks what `run` needs.
    """
    if not HAS_SPAWN:
        raise OSError("`progresskit run` needs a Unix system: start the command by itself.")
    if hub_address() is not None:  # an outer hub shows the command as well
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # undo what the interpreter ignores
            signal.signal(ignored, signal.SIG_DFL)
        try:
            os.execvp(command[0], list(command))
        except OSError as error:
            return _cannot(command[0], error)
    variables = variables_for(read, command)
    waited = {*PASSED_ON, signal.SIGCHLD, signal.SIGWINCH}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, waited)  # before the first thread: threads inherit the mask
    try:
        feed = Feed(renderer, totals=totals or jobs is not None, expected=jobs, budget=_budget())
        return _run(command, feed, _Outputs(feed, quiet, pty, read, variables), mask, waited, web)
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
    """Consume pending signals for a command that has ended: they must not end this process."""
    while signal.sigpending() & waited:
        signal.sigwait(waited)


def _called_off() -> int:
    """Return the number of a pending signal that ends programs; 0 if there is none."""
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
            # The signal may have come just before the start. Otherwise the command has hardly begun, and ends here as
            # well.
            if _called_off():
                os.kill(pid, _called_off())
            status = _wait(pid, outputs, waited)
            outputs.end(failed=status != 0)
            hub.stop()
            if hub.dropped:
                feed.print(f"progresskit: {hub.dropped:,d} messages made no sense and were dropped.")
        if web is not None:
            from .._display.web.live import give_last_picture

            give_last_picture()
    finally:
        outputs.close()
        if modes is not None and _modes(0) not in (modes, None):
            import termios

            termios.tcsetattr(0, termios.TCSADRAIN, modes)  # a killed command may have changed them
    return status


def show_page(command: Sequence[str], web: str) -> None:
    """Serve the live page at the address `web`, and print its URL.

    Raises:
        ValueError: `web` is not an address.
        OSError: the address is not available.
    """
    from .._display.web import live

    try:
        host, port = live.address(web)
    except ValueError as error:
        raise ValueError(f"--web is {web!r:.80}: {error}") from None
    server = live.serve(host, port, list(command))
    live.note_address_shown()
    print(live.words(server), file=sys.stderr)


def _modes(fd: int) -> list[Any] | None:
    """Return the modes of the terminal on `fd`; None if `fd` is no terminal, or this process is in the background."""
    import termios

    try:
        return termios.tcgetattr(fd) if os.tcgetpgrp(fd) == os.getpgrp() else None
    except (OSError, termios.error):
        return None


def _wait(pid: int, outputs: _Outputs, waited: set[Any]) -> int:
    """Forward signals to process `pid` until it ends, and return its status."""
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
            os.kill(pid, signal.SIGWINCH)  # again: the terminal's own signal may have come before `resize`
        elif not from_terminal:
            os.kill(pid, number)


def _next_signal(waited: set[Any]) -> tuple[int, bool]:
    """Return the next signal, and whether the terminal sent it, and so sent it to the command as well."""
    if has_signal_details():
        info = signal.sigwaitinfo(waited)
        # A terminal that is closed tells its session's leader alone, as this process is below `ssh -t` and `xterm -e`.
        to_leader = info.si_signo == signal.SIGHUP and os.getsid(0) == os.getpid()
        return info.si_signo, info.si_code == FROM_KERNEL and not to_leader
    number = signal.sigwait(waited)
    return number, number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)


def _stop() -> None:
    """Stop like the command, so that the shell sees a stopped job; release the rows for other programs on the terminal."""
    TICKER.release_screen(lambda: os.kill(os.getpid(), signal.SIGSTOP))


class _Outputs:
    """The outputs of the command that pass through this process: those for the display's terminal."""

    def __init__(self, feed: Feed, quiet: bool, pty: bool, read: str | None, variables: dict[str, str]) -> None:
        self._feed = feed
        self._read_from = read
        self._readers: dict[int, ProgressReader] = {}
        self.variables = dict(variables)
        self._quiet = quiet
        self._last: deque[str] = deque(maxlen=MOST_LAST_LINES)
        self._lines: dict[int, Lines] = {}
        self._marks: dict[int, MarkReader] = {}
        self._theirs: list[int] = []
        self._ends: dict[int, int] = {}
        self._keeper: PtyKeeper | None = None
        self._master: int | None = None
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._hub: Hub | None = None
        self._outlived = False  # whether another process holds the command's terminal after its end
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
            self._marks[ours] = MarkReader()
            self.variables[VARIABLE] = terminal_id(theirs)
        else:
            for fd in terminals:
                self._add(*os.pipe(), fd)
            if not terminals and has_unix_sockets():  # over TCP a hub answers nobody, see `Hub._tell_crowd`
                with contextlib.suppress(OSError):  # standard error is closed
                    self.variables[LOG_VARIABLE] = terminal_id(2)

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

        assert self._terminal is not None  # a pty is made only beside a terminal
        try:
            modes = termios.tcgetattr(self._terminal)
            # The kernel would spend more time on a carriage return before each newline than this process spends on a line.
            modes[1] &= ~termios.OPOST
            termios.tcsetattr(theirs, termios.TCSANOW, modes)
        except termios.error:
            pass

    def guard(self) -> None:
        """Start a process that takes over the command's output if this one is killed. No thread may have started yet."""
        if self._ends:
            try:
                self._keeper = PtyKeeper(self._ends, quiet=self._quiet)
            except OSError:  # no process is available: the start of the command fails too, or needs no keeper
                pass

    def resize(self) -> None:
        """Give the command's terminal the size of this process's terminal."""
        if self._master is not None and self._terminal is not None:
            import fcntl
            import termios

            try:
                size = fcntl.ioctl(self._terminal, termios.TIOCGWINSZ, b"\0" * 8)
                fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)
            except OSError:
                pass

    def begin(self, hub: Hub) -> None:
        """Start a thread that shows the command's output, each line after everything that clients sent to `hub` before it.

        Raises:
            RuntimeError: no thread can be started.
        """
        self._hub = hub
        hub.follow_marks(bool(self._marks))
        if self._lines:
            thread = threading.Thread(target=self._read, name="progresskit output", daemon=True)
            thread.start()
            self._thread = thread

    def begun(self) -> None:
        """Close the command's ends of the outputs, which the command has inherited."""
        for fd in self._theirs:
            os.close(fd)
        self._theirs.clear()

    def end(self, *, failed: bool) -> None:
        """Show the rest of the output after the command has ended, and its last lines if it `failed` quietly."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if self._hub is not None:
            self._hub.follow_marks(False)
        for fd, lines in self._lines.items():
            reader = self._readers.get(fd)
            if fd in self._marks:
                self._show(lines.feed(self._marks[fd].rest()))
            if reader is not None:
                self._show(lines.feed(reader.rest()))
                reader.end(failed=failed)
            self._show(lines.end())
        if failed:
            for line in self._last:
                self._feed.print(line)
        TICKER.drain(self._feed._core, _nobody_calls_it_off)

    def close(self) -> None:
        """Close the descriptors. The keeper copies what a background process still writes to the terminal."""
        self.begun()
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if self._keeper is not None:
            if self._outlived:
                self._keeper.hand_over()
            else:
                self._keeper.dismiss()
        for fd in self._lines:
            os.close(fd)
        self._lines.clear()

    def _read(self) -> None:
        selector = selectors.DefaultSelector()
        for fd in self._lines:
            selector.register(fd, selectors.EVENT_READ)
        heard = held_since = time.monotonic()
        awaited: list[Mark] = []
        waited, drained = 0.0, 0  # since the end of the command: seconds of waiting, and bytes read
        while selector.get_map():
            began = time.monotonic()
            before, awaited = awaited, [] if self._hub is None else self._hub.awaited_marks()
            held_since = held_since if awaited == before else began
            ready = selector.select(SILENT_SECONDS / 4)
            now = time.monotonic()
            ended = self._ended.is_set()
            if self._hub is not None and awaited and (not ready or now - held_since > MOST_HELD_SECONDS):
                self._hub.reach(awaited, CATCH_UP_SECONDS)  # marks that have not arrived
            for key, _ in ready:
                heard = now
                count = self._read_output(key.fd)
                drained += (count or 0) if ended else 0
                if count == 0:
                    selector.unregister(key.fd)
            if not ready and now - heard > QUESTION_SECONDS:
                for fd, reader in self._readers.items():
                    self._show(self._lines[fd].feed(reader.release()))
            if not ready and self._typed and now - heard > QUESTION_SECONDS:
                for lines in self._lines.values():
                    if lines.asks:
                        self._show(lines.end())
            if ended:
                waited += now - began
                # However slow the terminal is, the command's remaining output in a pty or pipe is shown: it is less
                # than `MOST_DRAINED`.
                if (not ready and now - heard > SILENT_SECONDS) or waited > DRAIN_SECONDS or drained > MOST_DRAINED:
                    self._outlived = True
                    break
        selector.close()

    def _read_output(self, fd: int) -> int | None:
        """Show the available output of `fd`, and return its number of bytes: 0 at the end, None if nothing is available."""
        data = bytearray()
        while len(data) < MOST_PENDING:  # a pty gives four kilobytes at a time
            try:
                piece = os.read(fd, MOST_PENDING)
            except BlockingIOError:
                if not data:
                    return None
                break
            except OSError:  # a pty fails like this once no process has its other end
                piece = b""
            if not piece:  # the next call sees the end again
                break
            data += piece
        reader = self._readers.get(fd)
        marks = self._marks.get(fd)
        for piece, mark in [(bytes(data), None)] if marks is None else marks.split(bytes(data)):
            self._show(self._lines[fd].feed(piece if reader is None else reader.feed(piece)))
            if mark is not None and self._hub is not None:
                self._hub.reach([mark], CATCH_UP_SECONDS)
        return len(data)

    def _show(self, lines: str) -> None:
        """Show `lines`, each with its newline, as one block."""
        if not lines:
            return
        if self._quiet:
            self._last.extend(lines.removesuffix("\n").split("\n"))
            return
        if self._hub is not None:
            self._hub.catch_up(CATCH_UP_SECONDS)  # a loop's end was sent before the line that the job printed after it
        self._feed.print(lines, end="")
        if self._feed.waiting > MOST_PENDING:
            TICKER.drain(self._feed._core, _nobody_calls_it_off)


def _nobody_calls_it_off() -> bool:
    """Return whether no signal that ends programs is pending, while a terminal that does not read holds up this process."""
    return not _called_off()


def _on_terminal() -> bool:
    """Return whether the display is on a terminal."""
    from .._display.terminal import StreamTerminal

    terminal = StreamTerminal(default_stream())
    try:
        return terminal.is_tty
    finally:
        terminal.close()


def leave(status: int) -> int:
    """Return the exit status for `status`; if a signal ended the command, end this process by the same signal, for the shell."""
    if status >= 0:
        return status
    try:
        import resource
    except ModuleNotFoundError:  # Windows, where no signal ends a program
        return 128 - status
    resource.setrlimit(
        resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1])
    )  # the command has left a core file
    if -status != signal.SIGKILL:
        signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
    return 128 - status
