"""Send artifacts to Prefect's API in a thread of its own, so that neither the flow nor a display waits for a server.

Knows how often artifacts may be created and updated. An artifact that waits is replaced by its newest version.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import Context
from typing import Any

from progresskit.processes.engines import warn_once

from .artifacts import Artifact

LEAST_INTERVAL = 5.0
"""The least number of seconds between two updates of an artifact. Its start and end are always sent."""
END_TIMEOUT = 20.0
"""Seconds that the end of `report` waits for the server."""
MOST_ARTIFACTS = 200
"""Artifacts of one report: each costs the server a row. Tasks that begin later have none."""


class Entry:
    """One artifact.

    Args:
        context: A copy of the context of its run.
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
    """Sends each artifact's newest version.

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
        every: float = LEAST_INTERVAL,
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
        """Queue `artifact` of the task `name`. If `is_last`, it is sent at once, and further ones are ignored."""
        with self._news:
            entry = self._entries.get(name)
            if entry is None:
                if self._count >= MOST_ARTIFACTS or self._closing:
                    if self._count == MOST_ARTIFACTS:
                        warn_once(
                            f"a Prefect run has more than {MOST_ARTIFACTS} tasks: those that begin from here on have no artifact."
                        )
                        self._count += 1
                    return
                self._count += 1
                entry = self._entries[name] = Entry(context.copy())
            entry.new, entry.is_last = artifact, is_last
            self._news.notify()

    def close(self) -> None:
        """Send the waiting artifacts, for at most `END_TIMEOUT` seconds."""
        with self._news:
            self._closing = True
            self._news.notify()
        self._thread.join(END_TIMEOUT)

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
        """Return the artifacts to send now. The caller holds the lock."""
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
        except Exception as error:  # a missing server must not fail the run
            if not self._has_failed:
                self._has_failed = True
                warn_once(
                    f"a progress artifact could not be sent to Prefect: {str(error) or type(error).__name__:.200}"
                )
        entry.due = self._clock() + self._every
