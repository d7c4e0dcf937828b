"""A process in the tests of interleavings, which runs one step at a time: a tracker, and the sending of its frames.

Run as a program it is such a process: a client of the hub in its environment, which obeys the steps that come as lines of
JSON and answers each when it is done. Its only frames are those that it is told to send.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from itertools import count
from typing import Any, Protocol

from progresskit import ProgressTracker, Task


class Actor(Protocol):
    """A process, as the test uses it."""

    key: Any
    """Its place among the others, the lowest first."""
    tells_unseen: bool
    """Whether the display has a line for a top-level task that no frame has shown."""

    def add(self, name: str, total: int, parent: str | None) -> None: ...
    def advance(self, name: str, n: int) -> None: ...
    def end(self, name: str, how: str) -> None: ...
    def print(self, line: str) -> None: ...
    def send(self) -> list[str]:
        """Send a frame, and return the live tasks in the order in which it shows them."""
        ...

    def kill(self) -> None: ...
    def tear(self) -> None:
        """Be killed in the middle of a frame."""
        ...

    def leave(self) -> None:
        """End as a process should."""
        ...


class Tracking:
    """The steps of an actor with its tracker."""

    tells_unseen = False

    def __init__(self, tracker: ProgressTracker) -> None:
        self.tracker = tracker
        self._tasks: dict[str, Task] = {}

    def add(self, name: str, total: int, parent: str | None) -> None:
        above = None if parent is None else self._tasks[parent]
        self._tasks[name] = self.tracker.add_task(name, total=total, parent=above)

    def advance(self, name: str, n: int) -> None:
        self._tasks[name].advance(n)

    def end(self, name: str, how: str) -> None:
        getattr(self._tasks[name], how)()

    def print(self, line: str) -> None:
        self.tracker.print(line)

    def end_all(self) -> None:
        """End tasks as `stop` does, without the last frame, which `send` sends here."""
        for task in reversed(self.tracker.tasks):
            getattr(task, "finish" if task.is_complete else "cancel")()


class Unhurried:
    """A ticker that sends nothing at once: the test decides when it sends."""

    def __init__(self, ticker: Any) -> None:
        self._ticker = ticker

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ticker, name)

    def flush_soon(self) -> None: ...


class Process(Tracking):
    """A process of its own, with the ticker and the client that every process has."""

    def __init__(self) -> None:
        from progresskit._display import process_hooks
        from progresskit.processes._connection import process_start

        self._ticker = process_hooks.TICKER
        super().__init__(
            ProgressTracker(
                interval=3600.0,
                budget=1.0,
                clock=partial(next, count(0.0, 1.0)),  # no task is so short that only its numbers are reported
                ticker=Unhurried(self._ticker),  # type: ignore[arg-type]
            )
        )
        self._held = self._ticker.scheduler.hold()  # its thread would draw a frame without a step
        self._held.__enter__()
        self.tracker.start()
        self.key = (process_start(), os.getpid())

    def send(self) -> list[str]:
        self._ticker.drain(self.tracker._core, lambda: False)
        return [task.description for task in self.tracker.tasks]

    def leave(self) -> None:
        self.end_all()
        self.send()
        self._held.__exit__(None, None, None)
        self.tracker.stop()


def main() -> None:
    process = Process()
    print(json.dumps(process.key), flush=True)
    for line in sys.stdin:
        kind, *arguments = json.loads(line)
        print(json.dumps(getattr(process, kind)(*arguments)), flush=True)


if __name__ == "__main__":
    main()
