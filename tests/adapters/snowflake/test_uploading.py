"""Request bodies that count and can be stopped, with connector 4.x."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
pytest.importorskip("uvicorn", reason="the embedded server is not installed in this environment")

from progresskit_snowflake import Uploads, put
from progresskit_snowflake.counting.request_bodies import Body, BodyBytes, StoppableBodies, UploadStopped

from progresskit import ProgressTracker
from progresskit.testing import ManualTicker, RecordingRenderer

pytestmark = [
    pytest.mark.skipif(not BodyBytes.available(), reason="this connector hands over no bodies"),
]
MB = 1_000_000


def test_body_reads_like_a_file() -> None:
    """A body is read like a file, until it is stopped."""
    stopped = threading.Event()
    body = Body(b"abcdef", stopped)
    assert (len(body), bytes(body.read(4)), body.tell()) == (6, b"abcd", 4)
    assert (body.seek(1), bytes(body.read()), bytes(body.read(1))) == (1, b"bcdef", b"")
    stopped.set()
    with pytest.raises(UploadStopped):
        body.read(1)


def test_a_part_that_is_sent_again_counts_anew() -> None:
    source = BodyBytes(None)
    source.begin(6)
    first, second, again = Body(b"abc"), Body(b"def"), Body(b"def")
    source.accept(1, 0, first)
    source.accept(1, 1, second)
    first.read()
    second.read()
    assert (source.sent(), source.attempts) == (6, 1)
    source.accept(1, 1, again)
    again.read(1)
    assert (source.sent(), source.attempts) == (4, 2)
    source.end(6, well=True)


def test_nobody_holds_the_bytes_of_a_part_that_is_sent(cursor: Any) -> None:
    source, stopping = BodyBytes(None), StoppableBodies(cursor)
    source.begin(3)

    def send() -> weakref.ref[Body]:
        body = Body(b"abc", stopping.stopped)
        for watcher in (source, stopping):
            watcher.accept(1, 0, body)
        body.read()
        return weakref.ref(body)

    assert send()() is None
    assert source.sent() == 3
    source.end(3, well=True)


def test_connector_is_restored(cursor: Any, stage: str, tmp_path: Path) -> None:
    """After a counted upload, the connector is unchanged."""
    from snowflake.connector.storage_client import SnowflakeStorageClient

    before = SnowflakeStorageClient._send_request_with_retry
    path = tmp_path / "one.csv"
    path.write_bytes(b"1,2\n" * 50_000)
    seen = []

    class Seen(BodyBytes):
        def accept(self, transfer: int, part: int, body: Body) -> None:
            seen.append(len(body))
            super().accept(transfer, part, body)

    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    task = tracker.add_task("Upload", total=200_000, unit="B")
    put(cursor, path, stage, compress=False, uploads=Uploads(task, Seen(cursor.connection)))
    assert len(seen) == 1
    assert seen[0] >= 200_000
    assert task.completed == 200_000
    assert SnowflakeStorageClient._send_request_with_retry is before
