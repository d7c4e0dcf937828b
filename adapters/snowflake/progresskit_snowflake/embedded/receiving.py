"""Receives the bodies of uploads, at the pace and with the faults of the controls.

Knows request bodies and files. Does not know the cloud of a request, or where an object is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect, Request

from .controls import Controls
from .queries import POLL_SECONDS
from .stages import Bucket


class Refused(Exception):
    """The controls refuse this upload.

    Attributes:
        status: The HTTP status to answer with.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"refused with status {status}")
        self.status = status


class Gone(Exception):
    """The connection of the upload has ended."""


class Receiver:
    """Writes bodies of uploads to files, and counts them.

    Args:
        controls: The pace and the faults.
        bucket: The bucket, in which a body is stored while it is received.
        keep: Whether to keep the bytes; otherwise they are counted and discarded.
    """

    def __init__(self, controls: Controls, bucket: Bucket, *, keep: bool) -> None:
        self._controls, self._bucket, self._keep = controls, bucket, keep

    @contextlib.asynccontextmanager
    async def received(self, request: Request) -> AsyncIterator[Path]:
        """Receive the body of `request`, and yield its file, which is removed after the block unless the block has
        moved it.

        Raises:
            Refused: the controls refuse the upload.
            Gone: the connection has ended before the body did.
        """
        partial = self._bucket.beginning()
        self._controls.begun()
        try:
            await self._write(request, partial)
            status = self._controls.refusal()
            if status not in (None, 200):
                raise Refused(status)
            yield partial
        finally:
            self._controls.ended()
            partial.unlink(missing_ok=True)

    async def _write(self, request: Request, partial: Path) -> None:
        received = 0
        try:
            with partial.open("wb") as file:
                async for chunk in request.stream():
                    if not chunk:  # the end is reported this way
                        continue
                    if wait := self._controls.delay(len(chunk)):
                        await asyncio.sleep(wait)
                    received += len(chunk)
                    self._controls.arrived(len(chunk))
                    while self._controls.stalls(received):
                        await asyncio.sleep(POLL_SECONDS)
                    self._controls.expire_due(received)
                    if self._controls.reset_due(received):
                        reset(request.scope["progresskit.transport"])
                        raise Gone
                    if self._keep:
                        file.write(chunk)
        except ClientDisconnect:
            raise Gone from None


def reset(transport: Any) -> None:
    """Close a connection at once, without lingering, which resets the other side."""
    connection = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
