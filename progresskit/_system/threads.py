"""Threads of the operating system, a wake-up call for them, and signals that wait.

Knows how to start an OS thread, also if gevent has replaced threads by greenlets: a display must continue while a
greenlet computes. Does not know what the threads do.
"""

from __future__ import annotations

# `signal` makes enum members of all 64 signals, in a hundred memory pages that a forked worker must copy.
import _signal  # type: ignore[import-not-found]  # typeshed has the public module alone
import operator
import sys
import threading
from _thread import start_new_thread
from contextlib import contextmanager
from functools import partial
from time import sleep

from .platform import has_signal_masks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_ALL_SIGNALS = frozenset(_signal.valid_signals()) if has_signal_masks() else frozenset()
_BLOCK_SIGNALS = (partial(_signal.pthread_sigmask, _signal.SIG_BLOCK, _ALL_SIGNALS),) if has_signal_masks() else ()


def is_patched() -> bool:
    """Return whether gevent has replaced threads by greenlets."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def native(module: str, name: str) -> Any:
    """Return the standard library's own `module.name`, even where gevent has replaced it."""
    if is_patched():
        return sys.modules["gevent.monkey"].get_original(module, name)
    __import__(module)
    return getattr(sys.modules[module], name)


class Bell:
    """Wakes one thread, with one C call.

    A signal handler or a finaliser may ring at any instant. `threading.Event.set` would not do: it
    takes a lock that the interrupted code may hold.

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
        """Wake the waiting thread, or the next one that waits."""
        try:
            self._lock.release()
        except RuntimeError:  # the bell is ringing already
            pass

    def wait(self, seconds: float) -> bool:
        """Wait for at most `seconds`; return whether the bell was rung."""
        return bool(self._lock.acquire(timeout=max(seconds, 0.0)))


def start(target: Callable[[], None], name: str) -> threading.Thread | None:
    """Run `target` in an OS thread that does not keep the process alive; return the thread, None under gevent.

    Raises:
        RuntimeError: no thread can be started: a limit, a subinterpreter, or the interpreter is
            shutting down.
    """
    if is_patched():
        native("_thread", "start_new_thread")(target, ())
        return None
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread


class QuickThread:
    """A thread whose start does not wait until it runs.

    `threading.Thread.start` waits for that, which takes longer than a process with one short loop lives.

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
    """Block all signals in the calling thread: they belong to the job, and a broken pipe must raise
    here, not kill the process."""
    if has_signal_masks():
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _ALL_SIGNALS)


def caller_after(seconds: float, call: Callable[[], object]) -> Callable[[], object]:
    """Return a function that calls `call` after `seconds`, in a thread that blocks signals. A process can use it once.

    The thread runs no Python code until then: the functions of a thread that has only begun to wait would make a worker that lives
    for a millisecond wait for the interpreter's lock, and copy ten memory pages; to make the function there, ten more. It raises
    RuntimeError if no thread can be started.
    """
    return partial(start_new_thread, list, (map(operator.call, (*_BLOCK_SIGNALS, partial(sleep, seconds), call)),))


def is_main_thread() -> bool:
    """Return whether this is the thread in which signal handlers run, Ctrl-C included."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Delay signals in the main thread, where their handlers run, until the block ends.

    Ctrl-C after a frame was composed and before it was sent would leave the region with rows that
    the terminal never got.

    Example:
        >>> with signals_blocked():
        ...     print("whole")
        whole
    """
    if not (is_main_thread() and has_signal_masks()):
        yield
        return
    # `signal.pthread_sigmask` makes enum members of 64 numbers, which takes three quarters of a frame's time.
    before = _signal.pthread_sigmask(_signal.SIG_BLOCK, _ALL_SIGNALS)
    try:
        yield
    finally:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, before)
