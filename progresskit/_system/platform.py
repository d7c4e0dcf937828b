"""The capabilities of this platform: POSIX, Windows or WebAssembly. Each is decided here; the rest of the package asks
this module.

Knows which calls of the system exist, and under gevent, which takes some away while the program runs. Does not know what they are
used for. Modules that take long to import are asked when they are needed: nothing here imports them before.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

IS_WINDOWS = sys.platform == "win32"
HAS_FORK = hasattr(os, "register_at_fork")
"""Whether a process can become two, and hooks can be told of it."""
HAS_SPAWN = hasattr(os, "posix_spawnp")
"""Whether a program can be started with descriptors and signals of its own: what `progresskit run` needs."""
HAS_PTY = hasattr(os, "openpty")
"""Whether a program can be given a terminal that is none."""
HAS_MEMORY_FILES = hasattr(os, "memfd_create")
TELLS_OF_WRITES = sys.platform == "linux"
"""Whether the system tells of writes to a terminal, with inotify(7)."""
HAS_BLOCKING_FLAG = hasattr(os, "get_blocking") and not IS_WINDOWS
"""Whether any descriptor may be non-blocking. On Windows a pipe may, and `os.get_blocking` raises for everything else."""
NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
"""Flag of `os.open`: fail where the path is a link. 0 where the platform has no such flag; likewise below."""
NON_BLOCKING: int = getattr(os, "O_NONBLOCK", 0)
CLOSE_ON_EXEC: int = getattr(os, "O_CLOEXEC", 0)
CLOCK_TICKS: int = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
"""Ticks a second in which the system counts the starts of processes."""
THREAD_TIME: Callable[[], float] = getattr(time, "thread_time", time.process_time)
"""Gives the seconds of processor time of the thread that asks. WebAssembly has no threads, and one clock."""


def seconds_since_boot() -> float | None:
    """Return the seconds since the machine's start, by the clock of `CLOCK_TICKS`; None where there is no such clock."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return None if clock is None else time.clock_gettime(clock)


def has_poll() -> bool:
    """Return whether `select.poll` is there. Windows has none, and gevent takes it away."""
    import select

    return hasattr(select, "poll")


def has_unix_sockets() -> bool:
    """Return whether two processes can talk through a socket in a folder."""
    import socket

    return hasattr(socket, "AF_UNIX")


def has_peer_credentials() -> bool:
    """Return whether a Unix socket tells whose process is at its other end."""
    import socket

    return hasattr(socket, "AF_UNIX") and hasattr(socket, "SO_PEERCRED")


def has_signal_masks() -> bool:
    """Return whether a thread can hold back signals."""
    import _signal  # type: ignore[import-not-found]  # typeshed has the public module alone, which makes enum members of all 64

    return hasattr(_signal, "pthread_sigmask")


def has_signal_details() -> bool:
    """Return whether a signal that is waited for tells who sent it."""
    import signal

    return hasattr(signal, "sigwaitinfo")


def present_signals(*names: str) -> tuple[int, ...]:
    """Return the signals of these `names` that the platform has.

    Example:
        >>> len(present_signals("SIGINT", "SIGNONE"))
        1
    """
    import signal

    return tuple(getattr(signal, name) for name in names if hasattr(signal, name))


def file_locks() -> Any:
    """Return the module that locks a file or a terminal against other processes; None where there is none."""
    try:
        import fcntl
    except ImportError:
        return None
    return fcntl


def terminal_modes() -> Any:
    """Return the module that changes what a terminal does with keys; None where there is none."""
    try:
        import termios
    except ImportError:
        return None
    return termios
