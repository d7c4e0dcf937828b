"""The capabilities of this platform: POSIX, Windows or WebAssembly. This module decides each of them for the rest of
the package.

Knows which system calls exist, also under gevent, which removes some while the program runs. Does not know what they
are used for. Modules that take long to import are imported only when they are needed.
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
"""Whether a process can fork, and hooks can be registered for it."""
HAS_SPAWN = hasattr(os, "posix_spawnp")
"""Whether a program can be started with its own descriptors and signals, which `progresskit run` needs."""
HAS_PTY = hasattr(os, "openpty")
"""Whether there are pseudo-terminals."""
HAS_MEMORY_FILES = hasattr(os, "memfd_create")
TELLS_OF_WRITES = sys.platform == "linux"
"""Whether the system reports writes to a terminal, with inotify(7)."""
HAS_BLOCKING_FLAG = hasattr(os, "get_blocking") and not IS_WINDOWS
"""Whether any descriptor may be non-blocking. On Windows only a pipe may, and `os.get_blocking` raises for other
descriptors."""
NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
"""Flag of `os.open`: fail if the path is a link. 0 if the platform lacks the flag, as for the flags below."""
NON_BLOCKING: int = getattr(os, "O_NONBLOCK", 0)
CLOSE_ON_EXEC: int = getattr(os, "O_CLOEXEC", 0)
CLOCK_TICKS: int = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
"""Ticks a second in which the system counts the starts of processes."""
HAS_THREADS = sys.platform not in ("emscripten", "wasi")
"""Whether a process may have more than one thread. WebAssembly has none, and its modules are there all the same."""
THREAD_TIME: Callable[[], float] = getattr(time, "thread_time", time.process_time)
"""Returns the seconds of processor time of the calling thread. WebAssembly has no threads, and one clock."""


def has_poll() -> bool:
    """Return whether there is `select.poll`. Windows lacks it, and gevent removes it."""
    import select

    return hasattr(select, "poll")


def has_unix_sockets() -> bool:
    """Return whether two processes can talk through a socket in a folder."""
    import socket

    return hasattr(socket, "AF_UNIX")


def has_peer_credentials() -> bool:
    """Return whether a Unix socket can identify the process at its other end."""
    import socket

    return hasattr(socket, "AF_UNIX") and hasattr(socket, "SO_PEERCRED")


def has_signal_masks() -> bool:
    """Return whether a thread can block signals."""
    import _signal  # type: ignore[import-not-found]  # typeshed has the public module alone, which makes enum members of all 64

    return hasattr(_signal, "pthread_sigmask")


def has_signal_details() -> bool:
    """Return whether a wait for a signal reports its sender."""
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
