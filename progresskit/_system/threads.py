"""Real threads, and a bell that can be rung from anywhere.

Knows what an interpreter offers for a thread of the system's own, also where gevent has put greenlets in their place: a
display must go on while the job computes. Must not know what the threads do.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def is_patched() -> bool:
    """Return whether gevent has put greenlets in the place of threads."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def native(module: str, name: str) -> Any:
    """Return what the standard library's `module` calls `name`, also where gevent has put its own in its place."""
    if is_patched():
        return sys.modules["gevent.monkey"].get_original(module, name)
    __import__(module)
    return getattr(sys.modules[module], name)


class Bell:
    """Wakes one thread. It is one C call to ring it, so that a signal handler or a finaliser may do so at any instant; the
    `set` of a `threading.Event` takes a lock that the interrupted code may hold.

    Example:
        >>> bell = Bell()
        >>> bell.ring(); bell.ring()
        >>> bell.wait(0.0), bell.wait(0.0)
        (True, False)
    """

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = native("_thread", "allocate_lock")()
        self._lock.acquire()

    def ring(self) -> None:
        """Wake whoever waits, or the next one to do so."""
        try:
            self._lock.release()
        except RuntimeError:  # it has been rung already
            pass

    def wait(self, seconds: float) -> bool:
        """Wait for at most `seconds`, and return whether the bell was rung."""
        return bool(self._lock.acquire(timeout=max(seconds, 0.0)))


def start(target: Callable[[], None], name: str) -> threading.Thread | None:
    """Run `target` in a thread of the system's own that does not keep the process alive, and return it; None under gevent.

    Raises:
        RuntimeError: there are no threads here: a limit, a subinterpreter, or the interpreter is shutting down.
    """
    if is_patched():
        native("_thread", "start_new_thread")(target, ())
        return None
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread


class QuickThread:
    """A thread that is started without waiting until it runs: `threading.Thread.start` waits, for longer than a process that
    lives for one short loop.

    Example:
        >>> thread = QuickThread(lambda: None)
        >>> thread.join(10.0)
        >>> thread.is_alive()
        False
    """

    __slots__ = ("_running", "_target")

    def __init__(self, target: Callable[[], None]) -> None:
        self._target = target
        self._running = native("_thread", "allocate_lock")()
        self._running.acquire()
        native("_thread", "start_new_thread")(self._run, ())

    def _run(self) -> None:
        try:
            self._target()
        finally:
            self._running.release()

    def is_alive(self) -> bool:
        """Whether the thread has not ended."""
        return bool(self._running.locked())

    def join(self, timeout: float) -> None:
        """Wait for the thread's end, for at most `timeout` seconds."""
        if self._running.acquire(timeout=timeout):
            self._running.release()


def block_signals() -> None:
    """Have this thread take no signals: they are the job's, and a broken pipe is an error here, never the end of it."""
    import signal

    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def is_main_thread() -> bool:
    """Return whether signal handlers, and with them Ctrl-C, run in this thread."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Put signals off in the main thread, where their handlers run: Ctrl-C between a frame's being drawn and its being sent
    would leave the one who draws with rows in mind that nobody has seen. They come right after it.

    Example:
        >>> with signals_blocked():
        ...     print("whole")
        whole
    """
    import signal

    if not (is_main_thread() and hasattr(signal, "pthread_sigmask")):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
