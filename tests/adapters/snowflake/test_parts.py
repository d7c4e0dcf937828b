"""Large files that go in parts, to an embedded server that takes them as S3 does: under TLS from connector 4.x."""

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
from progresskit_snowflake.embedded import embedded_server
from progresskit_snowflake.embedded.parts import Parts
from progresskit_snowflake.sources import KernelBytes

from progresskit import ProgressTracker
from progresskit.testing import ManualTicker, RecordingRenderer

LARGE = 70_000_000
"""Bytes from which on each connector sends in parts: 4.x does beyond 64 MiB."""


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


def test_a_small_file_goes_whole(s3: Any, storage: Any, tmp_path: Path) -> None:
    (tmp_path / "small.csv").write_bytes(b"1,x,\n")
    before = storage.parts
    put(s3, tmp_path / "small.csv", "parts", compress=False, tracker=ProgressTracker("none"))
    assert storage.parts == before
    assert [row[:2] for row in s3.execute("LIST @parts").fetchall()] == [("parts/small.csv", 5)]


@pytest.mark.skipif(not KernelBytes.available(), reason="the kernel does not tell what is acknowledged")
@pytest.mark.parametrize("resets", [0, 1])
def test_a_large_file_goes_in_parts_and_is_counted_to_its_end(
    s3: Any, storage: Any, tmp_path: Path, resets: int
) -> None:
    content = random.Random(1).randbytes(1_000_000) * (LARGE // 1_000_000)
    path = tmp_path / "large.bin"
    path.write_bytes(content)
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    task = tracker.add_task("Upload", total=LARGE, unit="B")
    before = storage.parts
    storage.reset_next(resets, after=1 << 20)
    source = KernelBytes(lambda peer: peer[1] == storage.storage_port)
    put(s3, path, "parts", compress=False, parallel=4, uploads=Uploads(task, source))
    assert task.completed == LARGE
    assert storage.parts - before >= 2
    assert s3.execute("LIST @parts").fetchall()[0][2] == hashlib.md5(content).hexdigest()
    assert storage.pending == 0


def test_parts_come_in_any_order_and_a_second_time(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    assert "<UploadId>1</UploadId>" in parts.begin("a/b&c")
    for number, content in [(2, b"lo"), (1, b"x"), (1, b"hel")]:
        place = parts.place("1", number)
        assert place is not None
        place.write_bytes(content)
        parts.take("1", number, place)
    answer = parts.complete("1", "a/b&c", tmp_path / "of" / "a" / "stage")
    assert answer is not None
    assert "a/b&amp;c" in answer
    assert (tmp_path / "of" / "a" / "stage").read_bytes() == b"hello"
    assert [path.name for path in tmp_path.iterdir()] == ["of"]


def test_an_upload_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    parts.begin("key")
    place = parts.place("1", 1)
    assert place is not None
    place.write_bytes(b"x")
    parts.take("1", 1, place)
    parts.give_up("1")
    assert (parts.place("1", 2), parts.complete("1", "key", tmp_path / "whole"), list(tmp_path.iterdir())) == (
        None,
        None,
        [],
    )
