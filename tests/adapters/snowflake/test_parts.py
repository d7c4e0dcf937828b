"""Large files are sent in parts to the embedded server's own routes, which accept them like S3, over TLS."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
pytest.importorskip("uvicorn", reason="the embedded server is not installed in this environment")

import snowflake.connector
from progresskit_snowflake import Uploads, put
from progresskit_snowflake.counting.sources import KernelBytes, best_source
from progresskit_snowflake.embedded import embedded_server
from progresskit_snowflake.embedded.clouds import S3
from progresskit_snowflake.embedded.objects import FolderInParts
from progresskit_snowflake.embedded.stages import Bucket, Stage

from progresskit import ProgressTracker
from progresskit.testing import ManualTicker, RecordingRenderer

LARGE = 20_000_000
"""Bytes of a file that is sent in parts."""


@pytest.fixture(scope="module")
def storage() -> Iterator[Any]:
    with embedded_server(storage="s3") as server:
        yield server


@pytest.fixture
def s3(storage: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cursor of a session whose stages are like those on S3."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(storage.certificate))
    with snowflake.connector.connect(**storage.arguments) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE OR REPLACE STAGE parts")
        yield cursor
    storage.forget()


@pytest.mark.slow
def test_a_small_file_goes_whole(s3: Any, storage: Any, tmp_path: Path) -> None:
    (tmp_path / "small.csv").write_bytes(b"1,x,\n")
    before = storage.parts
    put(s3, tmp_path / "small.csv", "parts", compress=False, tracker=ProgressTracker("none"))
    assert storage.parts == before
    assert [row[:2] for row in s3.execute("LIST @parts").fetchall()] == [("parts/small.csv", 5)]


@pytest.mark.skipif(not KernelBytes.available(), reason="the kernel does not tell what is acknowledged")
@pytest.mark.parametrize("resets", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_large_file_goes_in_parts(s3: Any, storage: Any, tmp_path: Path, resets: int) -> None:
    """A large file is sent in parts, and counted to its end."""
    content = random.Random(1).randbytes(1_000_000) * (LARGE // 1_000_000)
    path = tmp_path / "large.bin"
    path.write_bytes(content)
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    task = tracker.add_task("Upload", total=LARGE, unit="B")
    before = storage.parts
    storage.reset_next(resets, after=1 << 20)
    source = best_source(s3.connection)
    put(s3, path, "parts", compress=False, parallel=4, uploads=Uploads(task, source))
    assert task.completed == LARGE
    assert storage.parts - before >= 2
    assert s3.execute("LIST @parts").fetchall()[0][2] == hashlib.md5(content).hexdigest()
    assert storage.pending == 0


@pytest.fixture
def kept(tmp_path: Path) -> Any:
    """Objects in parts, and a function that takes a part: the number of the upload, that of the part, and its bytes."""
    # fakesnow needs the replacements for the connector: only what needs neither is imported here.
    bucket = Bucket(tmp_path / "bucket", tmp_path / "partial", NoStages())
    objects = FolderInParts(S3(), bucket)

    def accept(upload: str, part: int, content: bytes) -> None:
        body = bucket.beginning()
        body.write_bytes(content)
        objects.accept(upload, part, body)

    return objects, accept


class NoStages:
    """A catalog without stages."""

    def has(self, stage: Stage) -> bool:
        return False

    def drop(self, stage: Stage) -> bool:
        return False


def test_parts_in_any_order(kept: Any, tmp_path: Path) -> None:
    """Parts arrive in any order, and a repeated part replaces the earlier one."""
    objects, accept = kept
    upload = objects.begin()
    for number, content in [(2, b"lo"), (1, b"x"), (1, b"hel")]:
        accept(upload, number, content)
    objects.complete(upload, tmp_path / "of" / "a" / "stage")
    assert (tmp_path / "of" / "a" / "stage").read_bytes() == b"hello"
    assert list((tmp_path / "partial").iterdir()) == []


def test_upload_given_up(kept: Any, tmp_path: Path) -> None:
    """An aborted upload leaves nothing."""
    objects, accept = kept
    upload = objects.begin()
    accept(upload, 1, b"x")
    objects.give_up(upload)
    assert list((tmp_path / "partial").iterdir()) == []
