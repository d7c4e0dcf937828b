"""put() with the real connector: bodies that count, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
pytest.importorskip("uvicorn", reason="the embedded server is not installed in this environment")

import snowflake.connector
from progresskit_snowflake import Uploads, put
from progresskit_snowflake.bodies import Body, BodyBytes, UploadStopped
from progresskit_snowflake.embedded import embedded_server
from progresskit_snowflake.pipeline import Stopped
from progresskit_snowflake.session import Staging
from progresskit_snowflake.sources import best_source

from progresskit import ProgressTracker
from progresskit.testing import ManualTicker, RecordingRenderer

pytestmark = [
    pytest.mark.skipif(not BodyBytes.available(), reason="this connector hands over no bodies"),
]
MB = 1_000_000


@pytest.fixture
def slow() -> Iterator[Any]:
    """A session whose uploads take two seconds a megabyte."""
    with embedded_server(pace=MB / 2) as server, snowflake.connector.connect(**server.arguments) as connection:
        yield connection


def test_a_body_is_read_like_a_file_until_it_is_stopped() -> None:
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
    source.take(1, 0, first)
    source.take(1, 1, second)
    first.read()
    second.read()
    assert (source.sent(), source.attempts) == (6, 1)
    source.take(1, 1, again)
    again.read(1)
    assert (source.sent(), source.attempts) == (4, 2)
    source.end(6, well=True)


def test_the_connector_is_as_it_was_after_an_upload_that_counted(tmp_path: Path) -> None:
    from snowflake.connector.storage_client import SnowflakeStorageClient

    before = SnowflakeStorageClient._send_request_with_retry
    path = tmp_path / "one.csv"
    path.write_bytes(b"1,2\n" * 50_000)
    seen = []

    class Seen(BodyBytes):
        def take(self, transfer: int, part: int, body: Body) -> None:
            seen.append(len(body))
            super().take(transfer, part, body)

    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    task = tracker.add_task("Upload", total=200_000, unit="B")
    with embedded_server() as server, snowflake.connector.connect(**server.arguments) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE STAGE bodies")
        put(cursor, path, "bodies", compress=False, uploads=Uploads(task, Seen(connection)))
    assert len(seen) == 1
    assert seen[0] >= 200_000
    assert task.completed == 200_000
    assert SnowflakeStorageClient._send_request_with_retry is before


@pytest.mark.slow
def test_a_load_that_is_broken_off_stops_its_upload_and_can_use_the_session(slow: Any, tmp_path: Path) -> None:
    path = tmp_path / "large.csv.gz"
    path.write_bytes(os.urandom(40 * MB))
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    task = tracker.add_task("Upload", total=40 * MB, unit="B")
    staging = Staging(slow)

    def goes_on() -> None:
        if task.completed:
            raise Stopped

    with staging.stage(staging):
        with pytest.raises(Stopped):
            staging.put(path, "large.csv", task, goes_on)
        assert not [one for one in threading.enumerate() if one.name == "upload"]
        assert staging.run("SELECT 1", "asking", 0) == [(1,)]


@pytest.mark.slow
def test_ctrl_c_in_put_stops_the_upload_and_leaves_a_session_that_can_be_used(slow: Any, tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_bytes(os.urandom(40 * MB))  # eighty seconds, if nobody stopped it
    cursor = slow.cursor()
    cursor.execute("CREATE STAGE stopped")
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    task = tracker.add_task("Upload", total=40 * MB, unit="B")
    moved, ended = threading.Event(), threading.Event()

    def interrupt() -> None:
        while not task.completed and not ended.is_set():
            os.sched_yield()
        moved.set()
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        put(cursor, path, "stopped", compress=False, uploads=Uploads(task, best_source(slow)))
    ended.set()
    thread.join()
    assert moved.is_set()
    assert not [one for one in threading.enumerate() if one.name == "upload"]
    assert slow.cursor().execute("SELECT 1").fetchall() == [(1,)]
