"""Sends artifacts to Prefect's API, in a thread of its own: neither the flow nor any display waits for a server.

Knows how often artifacts may be created and updated. Of what waits, the newest is sent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import Context
from typing import Any

from progresskit.processes.engines import warn_once

from .artifacts import Artifact

EVERY = 5.0
"""Seconds between two updates of an artifact at the least; its start and end are sent in any case."""
FAREWELL = 20.0
"""Seconds that the end of a report waits for the server."""
MOST = 200
"""Artifacts of one report: each costs the server a row. Tasks that begin later have none."""


class Entry:
    """One artifact.

    Args:
        context: What is true of the run that it belongs to: a copy of its context.
    """

    __slots__ = ("context", "due", "id", "is_last", "new", "sent")

    def __init__(self, context: Context) -> None:
        self.context = context
        self.id: Any = None
        self.new: Artifact | None = None
        self.sent: Artifact | None = None
        self.due = 0.0
        self.is_last = False


class Sender:
    """Sends what `put` was given last.

    Args:
        create: Creates an artifact of this key, percentage and description, and returns its id.
        update: Gives the artifact of this id another percentage and description.
        every: Seconds between two updates of an artifact at the least.
        clock: Gives the time in seconds and never goes back.
    """

    def __init__(
        self,
        create: Callable[..., Any],
        update: Callable[..., Any],
        every: float = EVERY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._create = create
        self._update = update
        self._every = every
        self._clock = clock
        self._entries: dict[Any, Entry] = {}
        self._count = 0
        self._closing = False
        self._has_failed = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._go_on, name="progresskit-prefect", daemon=True)
        self._thread.start()

    def put(self, name: Any, artifact: Artifact, context: Context, *, is_last: bool = False) -> None:
        """Have `artifact` sent as that of the task `name`; where `is_last`, at once, and nothing after it."""
        with self._news:
            entry = self._entries.get(name)
            if entry is None:
                if self._count >= MOST or self._closing:
                    if self._count == MOST:
                        warn_once(
                            f"a Prefect run has more than {MOST} tasks: those that begin from here on have no artifact."
                        )
                        self._count += 1
                    return
                self._count += 1
                entry = self._entries[name] = Entry(context.copy())
            entry.new, entry.is_last = artifact, is_last
            self._news.notify()

    def close(self) -> None:
        """Send what waits, for a bounded time."""
        with self._news:
            self._closing = True
            self._news.notify()
        self._thread.join(FAREWELL)

    def _go_on(self) -> None:
        while True:
            with self._news:
                while (due := self._next()) is None:
                    if self._closing:
                        return
                    now = self._clock()
                    waiting = [entry.due - now for entry in self._entries.values() if entry.new is not None]
                    self._news.wait(min(waiting, default=None))
                name, entry = due
                artifact, entry.new = entry.new, None
                if entry.is_last:
                    del self._entries[name]
            if artifact is not None and artifact != entry.sent:
                self._send(entry, artifact)

    def _next(self) -> tuple[Any, Entry] | None:
        """Return what is to be sent now. The caller holds the lock."""
        now = self._clock()
        for name, entry in self._entries.items():
            if entry.new is not None and (entry.due <= now or entry.is_last or self._closing):
                return name, entry
        return None

    def _send(self, entry: Entry, artifact: Artifact) -> None:
        try:
            if entry.id is None:
                entry.id = entry.context.run(self._create, *artifact)
            else:
                entry.context.run(self._update, entry.id, artifact.progress, artifact.description)
            entry.sent = artifact
        except Exception as error:  # a server that is not there costs the run nothing
            if not self._has_failed:
                self._has_failed = True
                warn_once(
                    f"a progress artifact could not be sent to Prefect: {str(error) or type(error).__name__:.200}"
                )
        entry.due = self._clock() + self._every
