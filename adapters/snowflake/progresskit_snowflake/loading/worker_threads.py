"""Threads of one load, which stop together: the first error ends them all.

Does not know what they do.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

POLL_SECONDS = 0.1
"""Seconds between two checks of a waiting thread whether the work has been stopped."""
ENTERING_SECONDS = 2.0
"""Seconds that work which is called off waits for what is being made, so that it can be removed."""
_END = object()


class Stopped(BaseException):
    """Raised in a thread because another one failed or the user cancelled the work. It is no error of this thread, whose bar is
    cancelled."""


class ThreadGroup:
    """Threads that stop together."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.errors: list[BaseException] = []

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Start a thread called `name` that calls `work`."""

        def run() -> None:
            try:
                work()
            except Stopped:
                pass
            except BaseException as error:  # raised by `join`, whatever it is
                self.errors.append(error)
                self._stop.set()

        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def join(self) -> None:
        """Wait until all threads have ended or one has failed, whose error is then raised. Threads that wait are stopped in any
        case."""
        try:
            for thread in self._threads:
                while thread.is_alive() and not self.errors:  # a long call cannot be interrupted
                    thread.join(POLL_SECONDS)
        finally:
            self._stop.set()
        if self.errors:
            raise self.errors[0]

    def stop(self) -> None:
        """Ask the threads to end at their next check, and wait for each for up to `POLL_SECONDS` seconds."""
        self._stop.set()
        for thread in self._threads:
            thread.join(POLL_SECONDS)

    def check_stop(self) -> None:
        """Raise `Stopped` if the threads have been asked to end."""
        if self._stop.is_set():
            raise Stopped


@contextlib.contextmanager
def entered_meanwhile(manager: contextlib.AbstractContextManager[Any]) -> Iterator[Callable[[], None]]:
    """Enter `manager` in a thread of its own while the block runs, and leave it after the block.

    The end of the block waits until `manager` is entered; after Ctrl-C for up to `ENTERING_SECONDS` seconds.

    Yields:
        A function that waits until `manager` is entered. It, or else the end of the block, raises what entering has raised.
    """
    with contextlib.ExitStack() as entered:
        errors: list[BaseException] = []

        def enter() -> None:
            try:
                entered.enter_context(manager)
            except BaseException as error:  # raised by `wait`, whatever it is
                errors.append(error)

        thread = threading.Thread(target=enter, name="entering", daemon=True)
        thread.start()

        def wait() -> None:
            thread.join()
            if errors:
                raise errors[0]

        try:
            yield wait
        except BaseException as error:
            thread.join(ENTERING_SECONDS if isinstance(error, KeyboardInterrupt) else None)
            raise
        wait()


class Channel:
    """Passes items from some threads of a group to others, until each sender has closed it.

    Args:
        group: The group of these threads. When it stops, waiting ends.
        senders: The number of threads that send items. Each calls `close`.
        limit: The most items that wait; 0 for no limit.
    """

    def __init__(self, group: ThreadGroup, senders: int = 1, limit: int = 0) -> None:
        self._group, self._senders = group, senders
        self._lock = threading.Lock()
        self._items: queue.Queue[Any] = queue.Queue(limit)

    def put(self, item: object) -> None:
        """Send `item`, and wait until there is room for it."""
        while True:
            self._group.check_stop()
            with contextlib.suppress(queue.Full):
                return self._items.put(item, timeout=POLL_SECONDS)

    def close(self) -> None:
        """Note that a sender sends no further item."""
        with self._lock:
            self._senders -= 1
            last = not self._senders
        if last:
            self.put(_END)

    def __iter__(self) -> Iterator[Any]:
        """Yield items until all senders have closed the channel."""
        while (item := self._get()) is not _END:
            yield item
        self.put(_END)  # for other receivers

    def together(self) -> Iterator[list[Any]]:
        """Yield lists of all items that wait, until all senders have closed the channel."""
        over = False
        while not over:
            items = [self._get()]
            with contextlib.suppress(queue.Empty):
                while items[-1] is not _END:
                    items.append(self._items.get_nowait())
            over = items[-1] is _END
            if items := [item for item in items if item is not _END]:
                yield items

    def _get(self) -> Any:
        while True:
            self._group.check_stop()
            with contextlib.suppress(queue.Empty):
                return self._items.get(timeout=POLL_SECONDS)


class Shared:
    """Something that is there while any thread needs it: made for the first, ended with the last. Its time is counted.

    The first error of any thread that has it ends it at once, whatever the others do. A thread that leaves it with `Stopped`
    leaves its end to the others: one of them may be about to raise the error that the thread was stopped for. Nobody gets it
    after that: who asks raises `Stopped`.

    Args:
        begin: Makes it; a context manager.
        now: The time, in seconds.

    Attributes:
        seconds: For how long it has been there, in all.
    """

    def __init__(
        self, begin: Callable[[], contextlib.AbstractContextManager[Any]], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._begin, self._now = begin, now
        self._lock = threading.Lock()
        self._users = 0
        self._began = 0.0
        self._manager: contextlib.AbstractContextManager[Any] | None = None
        self._thing: Any = None
        self._failed = False
        self._stopped: Stopped | None = None
        self.seconds = 0.0

    def __enter__(self) -> Any:
        with self._lock:
            if self._failed:
                raise Stopped
            if not self._users:
                self._manager, self._began = self._begin(), self._now()
                self._thing = self._manager.__enter__()
            self._users += 1
            return self._thing

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        with self._lock:
            self._users -= 1
            self._failed = self._failed or kind is not None
            if isinstance(error, Stopped):
                self._stopped = error
            elif error is None and self._stopped is not None:
                kind, error, trace = Stopped, self._stopped, None
            erred = kind is not None and not isinstance(error, Stopped)
            if self._manager is not None and (erred or not self._users):
                manager, self._manager = self._manager, None
                self.seconds += self._now() - self._began
                manager.__exit__(kind, error, trace)

    @contextlib.contextmanager
    def kept(self) -> Iterator[Any]:
        """Have it for work that is not its own: an exception there calls it off, and is no failure of it."""
        thing = self.__enter__()
        try:
            yield thing
        except BaseException:
            self.__exit__(Stopped, Stopped(), None)
            raise
        self.__exit__(None, None, None)
