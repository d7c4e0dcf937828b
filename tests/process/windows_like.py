"""Windows, as far as another system can simulate it: after `pretend()`, calls that Windows lacks are missing here, and
a terminal is a console, as `console_like` simulates it.

Not played: file locks, signals of a console (Ctrl-C there comes to all processes), and what differs in the interpreter itself.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # as in the package: typeshed has the public one alone
import asyncio  # noqa: F401  # before anything is taken away: the library's own modules need it on this system
import builtins
import multiprocessing.context  # noqa: F401
import os
import select
import signal
import socket
import subprocess  # noqa: F401
import sys
from typing import Any

from console_like import ConsoleLike

real_write = os.write
MODULES = frozenset(("fcntl", "termios", "pwd", "grp", "resource", "pty", "tty", "syslog"))
OS = [
    "fork", "forkpty", "register_at_fork", "tcgetpgrp", "tcsetpgrp", "getpgrp", "getpgid", "setpgid", "setsid",
    "getuid", "geteuid", "getgid", "getegid", "pread", "pwrite", "openpty", "posix_spawn", "posix_spawnp", "uname",
    "killpg", "mkfifo", "sched_getaffinity", "sched_yield", "writev", "readv", "O_CLOEXEC", "O_NONBLOCK",
    "O_NOFOLLOW", "chown", "fchown", "fchmod", "ttyname", "wait3", "wait4", "nice", "getloadavg", "sysconf",
    "statvfs", "pidfd_open", "eventfd", "memfd_create", "sendfile", "splice", "getpriority", "confstr", "pathconf",
    "pipe2", "ctermid", "sync",
]  # fmt: skip
SIGNALS = [
    "SIGWINCH", "SIGPIPE", "SIGHUP", "SIGQUIT", "SIGTSTP", "SIGCONT", "SIGCHLD", "SIGSTOP", "SIGKILL", "SIGUSR1",
    "SIGUSR2", "SIGALRM", "SIGXFSZ", "SIGTTIN", "SIGTTOU", "pthread_sigmask", "pthread_kill", "sigwait",
    "sigwaitinfo", "sigtimedwait", "sigpending", "setitimer", "getitimer", "alarm", "siginterrupt", "SIG_BLOCK",
    "SIG_SETMASK", "SIG_UNBLOCK",
]  # fmt: skip


class _Missing:
    """Finds no module that Windows lacks."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def pretend(console: ConsoleLike | None = None) -> None:
    """Take away what Windows lacks, and have the package find itself there.

    Args:
        console: The process's; None plays one that obeys escape sequences.
    """
    if console is None:
        console = ConsoleLike(shows=lambda descriptor, text: real_write(descriptor, text.encode()))
    sys.meta_path.insert(0, _Missing())  # type: ignore[arg-type]  # it finds nothing
    for name in MODULES:
        sys.modules.pop(name, None)
    for module, names in (
        (os, OS),
        (signal, SIGNALS),
        (_signal, SIGNALS),
        (select, ["poll", "epoll"]),
        (socket, ["AF_UNIX"]),
    ):
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    socket.socketpair = _socketpair
    builtins.open = _without_proc(builtins.open)
    os.open = _without_proc(os.open)
    console.install()
    system, sys.platform = sys.platform, "win32"
    try:
        import progresskit._system.platform  # noqa: F401  # all other modules ask it
    finally:
        sys.platform = system


def _socketpair(*_: object) -> tuple[socket.socket, socket.socket]:
    """Return a pair of sockets, as Windows has them: over TCP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname())
        other, _address = listener.accept()
    return one, other


def _without_proc(open_it: Any) -> Any:
    def opened(path: Any, *arguments: Any, **named: Any) -> Any:
        if isinstance(path, (str, bytes)) and os.fsdecode(path).startswith("/proc"):
            raise FileNotFoundError(2, "No such file or directory", path)
        return open_it(path, *arguments, **named)

    return opened
