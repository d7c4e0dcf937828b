"""Signals that call the command off: Ctrl-C, SIGTERM and SIGHUP, as exceptions in the main thread that do not get lost.

Python raises KeyboardInterrupt wherever the main thread happens to be. Within an import, that may leave the lock of a module held for
ever, and other threads waiting for it; and callbacks of the interpreter and of connector 5.x swallow it. So imports are waited for,
and what has been swallowed is raised again.
"""

from __future__ import annotations

import _thread
import signal
import sys
import threading
import time
from types import FrameType

AGAIN_SECONDS = 0.1
"""Seconds after which an exception that has not been seen on its way, or had to wait for an import, is raised again."""


class CalledOff(KeyboardInterrupt):
    """A signal has called the command off.

    Attributes:
        signal: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = signal.Signals(number)


class Interrupts:
    """The signals that call a command off, from `install` to `end`.

    The first one is raised. A further Ctrl-C breaks off what is being cleared away; further signals of other kinds are ignored, since
    service managers send several.
    """

    def __init__(self) -> None:
        self._first: int | None = None
        self._is_repeated = self._ended = False
        self._runs_in_import = _is_importing(sys._getframe())  # a module that runs the command while it is imported

    def install(self) -> None:
        """Handle the signals for which the process has the default action; nohup ignores SIGHUP, which stays so."""
        if threading.current_thread() is not threading.main_thread():
            return
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, self._hear)

    def end(self) -> None:
        """Raise nothing any more: the command is at its end."""
        self._ended = True

    def _hear(self, number: int, frame: FrameType | None) -> None:
        repeated, self._is_repeated = self._is_repeated, False
        must_wait = not self._runs_in_import and _is_importing(frame)
        if self._ended or (repeated and _is_on_its_way()):
            return
        if self._first is None:
            self._first = number
        elif not repeated:
            if number == signal.SIGINT and not must_wait:
                raise CalledOff(self._first)
            return
        # Not by `threading`, a lock of which the main thread may hold.
        _thread.start_new_thread(self._repeat, (self._first,))
        if not must_wait:
            raise CalledOff(self._first)

    def _repeat(self, number: int) -> None:
        time.sleep(AGAIN_SECONDS)
        if not self._ended:
            self._is_repeated = True
            main = threading.main_thread().ident
            if hasattr(signal, "pthread_kill") and main is not None:
                signal.pthread_kill(main, number)
            else:
                _thread.interrupt_main(signal.Signals(number))


def _is_importing(frame: FrameType | None) -> bool:
    """Return whether the main thread is within an import."""
    while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None


def _is_on_its_way() -> bool:
    """Return whether a `CalledOff` is being handled, as while things are cleared away for it."""
    error = sys.exception()
    while error is not None and not isinstance(error, CalledOff):
        error = error.__context__
    return error is not None
