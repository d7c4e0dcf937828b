"""Statements that can be cancelled while they upload, with each major version of the connector.

Knows how each version cancels an upload: 4.x reads the bytes block by block, so that the next one can fail; 5.x uses a
compiled core, which drops a call that is awaited and cancelled. Does not know bars.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any, Protocol

from ..versions import rows_of
from .request_bodies import StoppableBodies

POLL_SECONDS = 0.1
"""Seconds between two checks of a wait whether it should continue."""
STOP_SECONDS = 0.5
"""Seconds to wait for a stopped upload, so that its session can be used again."""


class Stopper(Protocol):
    """Cancels the uploads of one cursor, within a `with` block."""

    def __enter__(self) -> object: ...

    def __exit__(self, *exception: object) -> None: ...

    def stop(self) -> None:
        """End the cursor's statement at once, with any error. Any thread may call this."""


class AwaitedCall:
    """Connector 5.x: makes the cursor await its call into the core, because only such a call can be cancelled.

    One method of this cursor is replaced during the block, by that of the connector's own asynchronous cursors.

    Args:
        cursor: The connector's cursor.
    """

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._lock = threading.Lock()
        self._cancel: Callable[[], object] | None = None
        self._stopped = False

    @staticmethod
    def available() -> bool:
        """Return whether the installed connector has such a core."""
        try:
            from snowflake.connector.aio.cursor._base import SnowflakeCursorBase
            from snowflake.connector.cursor._base import SnowflakeCursorBase as Blocking
        except ImportError:
            return False
        return hasattr(SnowflakeCursorBase, "_execute_query") and hasattr(Blocking, "_execute_query")

    def __enter__(self) -> AwaitedCall:
        self._cursor._execute_query = self._execute
        return self

    def __exit__(self, *exception: object) -> None:
        del self._cursor._execute_query  # the class's own method is used again

    def stop(self) -> None:
        """Cancel the call, and those to come."""
        with self._lock:
            self._stopped = True
            if self._cancel is not None:
                self._cancel()

    def _execute(self, *arguments: Any) -> Any:
        import asyncio  # with 4.x nobody needs it, and it takes 15 ms

        return asyncio.run(self._awaited(*arguments))

    async def _awaited(self, *arguments: Any) -> Any:
        import asyncio

        from snowflake.connector.aio.cursor._base import SnowflakeCursorBase

        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None  # this is one
        with self._lock:
            if self._stopped:
                raise asyncio.CancelledError
            self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        try:
            return await SnowflakeCursorBase._execute_query(self._cursor, *arguments)
        finally:
            with self._lock:
                self._cancel = None


def stopper(cursor: Any) -> Stopper | None:
    """Return an object that cancels the uploads of `cursor`; None if its connector has no way to do so."""
    for kind in (StoppableBodies, AwaitedCall):
        if kind.available():
            return kind(cursor)
    return None


def execute(cursor: Any, statement: str, check_stop: Callable[[], None] = lambda: None) -> list[Any]:
    """Execute `statement`, a PUT, and return its rows; end it if the caller is interrupted, or `check_stop` raises.

    The statement runs in another thread, so that Ctrl-C is handled meanwhile. The interruption is raised within a
    second. The upload has then ended and the session can be used, unless its network hangs: then the thread ends with
    its upload.

    Args:
        cursor: A cursor of the connector that no other code uses.
        statement: SQL, with names and texts quoted.
        check_stop: Called about ten times a second, in the caller's thread. An exception of it cancels the upload.

    Raises:
        snowflake.connector.errors.Error: the connector has raised it.
    """
    rows: list[Any] = []
    errors: list[BaseException] = []
    over = threading.Event()

    def run() -> None:
        try:
            rows.extend(rows_of(cursor.execute(statement)))
        except BaseException as error:  # raised by the caller's thread, whatever it is
            errors.append(error)
        finally:
            over.set()

    stopping = stopper(cursor)
    with contextlib.nullcontext() if stopping is None else stopping:
        thread = threading.Thread(target=run, name="upload", daemon=True)
        thread.start()
        try:
            while not over.wait(POLL_SECONDS):
                check_stop()
        except BaseException:
            if stopping is not None:
                stopping.stop()
                thread.join(STOP_SECONDS)
            raise
    thread.join()
    if errors:
        raise errors[0]
    return rows
