"""The log of connector 5.x during an upload is read, and the user's log gets no more records than before."""

from __future__ import annotations

import logging
from typing import Any

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")

from progresskit_snowflake.bars.uploading import Uploads
from progresskit_snowflake.counting.byte_count import ByteCount, SocketSample
from progresskit_snowflake.counting.corelog import NAME, CoreLog
from progresskit_snowflake.counting.sources import WholeFiles

from progresskit import ProgressTracker
from progresskit.testing import ManualTicker, RecordingRenderer

SENDING = "outbound HTTP call method=PUT path=http://127.0.0.1:1/fs_bucket/S/two%20words.csv.gz attempt=2"


def logged(line: str, level: int = logging.INFO, path: str = "sf_core/src/file_manager/cloud_http.rs") -> None:
    """Log like the core, through the connector's own callback."""
    logger = logging.getLogger(NAME)
    if logger.isEnabledFor(level):
        logger.handle(logger.makeRecord(NAME, level, path, 1, line, (), None))


class Heard:
    def __init__(self) -> None:
        self.calls: list[Any] = []

    def attempted(self, name: str, attempt: int) -> None:
        self.calls.append((name, attempt))

    def answered(self, status: int) -> None:
        self.calls.append(status)


def test_heard_only_while_somebody_listens() -> None:
    """Attempts and answers are reported only while there is a listener."""
    log, heard = CoreLog(), Heard()
    logged(SENDING)
    log.add(heard)
    logged(SENDING)
    logged("HTTP response status=503")
    logged("HTTP response status=403", path="sf_core/src/tls/aws_http_client.rs")  # not of an upload
    log.remove(heard)
    logged(SENDING)
    assert heard.calls == [("two words.csv.gz", 2), 503]


@pytest.mark.parametrize("level", [logging.NOTSET, logging.DEBUG, logging.WARNING])
def test_users_log_is_unchanged(level: int, caplog: pytest.LogCaptureFixture) -> None:
    """The user's log has the same records as without a listener."""
    logger = logging.getLogger(NAME)
    before = logger.level
    logger.setLevel(level)
    try:
        log, heard = CoreLog(), Heard()
        least = logger.getEffectiveLevel()
        log.add(heard)
        logged(SENDING)
        logged("a warning", logging.WARNING)
        log.remove(heard)
        assert heard.calls == [("two words.csv.gz", 2)]
        assert ("a warning" in caplog.messages, SENDING in caplog.messages) == (True, least <= logging.INFO)
        assert logger.level == level
        assert log not in logger.filters
    finally:
        logger.setLevel(before)


def test_failing_listener_does_no_harm() -> None:
    """An exception of a listener does not reach the core."""

    class Failing(Heard):
        def answered(self, status: int) -> None:
            raise RuntimeError("of the listener")

    log, failing = CoreLog(), Failing()
    log.add(failing)
    logged("HTTP response status=200")
    log.remove(failing)


def test_refused_object_is_taken_back() -> None:
    """The bytes of a refused object are subtracted when its next attempt begins."""
    byte_count = ByteCount()
    byte_count.begin(1_000_000)
    assert byte_count.add({7: SocketSample(1_000_300)}) == 1_000_000
    byte_count.refuse(1_000_000)
    assert (byte_count.add({7: SocketSample(1_000_300)}), byte_count.attempts) == (300, 2)
    assert (byte_count.add({7: SocketSample(2_000_600)}), byte_count.attempts) == (1_000_000, 2)


def test_bar_counts_each_attempt_once() -> None:
    """The bar shows the refusal and counts each attempt once."""

    class Known(WholeFiles):
        attempts = 1
        count = 500

        def sent(self) -> int:
            return self.count

        def refused(self, size: int) -> None:
            self.attempts += 1
            self.count = 0

    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    task = tracker.add_task("Upload", total=1_000, unit="B")
    source = Known()
    uploads = Uploads(task, source)
    with uploads.file("a.csv.gz", 1_000):
        uploads.attempted("a.csv.gz", 1)
        uploads.answered(503)
        uploads.refresh()
        assert (task.completed, task.fields["phase"]) == (500, "refused (503), retrying")
        uploads.attempted("other.csv", 9)  # of another upload of the process
        uploads.attempted("a.csv.gz", 2)
        uploads.refresh()
        assert (task.completed, dict(task.fields)) == (0, {"retry": "1"})
        source.attempts = 3  # a broken connection: the source has reported it by itself
        uploads.attempted("a.csv.gz", 3)
        assert (source.attempts, uploads.attempts()) == (3, 3)
    assert task.completed == 1_000
