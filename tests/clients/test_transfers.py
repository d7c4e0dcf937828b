"""Clients that move files, each with a server or an emulator on loopback: every byte once, up and down."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from needed import need
from peers import azure, ftp, gcs, s3, sftp

from progresskit import open_file, wrap_file

BODY = bytes(range(256)) * 400
MEGABYTE = bytes(range(256)) * 4096


@pytest.fixture(scope="module")
def blobs() -> Iterator[str]:
    with azure() as connection:
        yield connection


def both(size: int) -> list[tuple[str, int, int, str]]:
    """Return what a tracker has when `Upload` and `Download` of so many bytes have ended."""
    return [(name, size, size, "finished") for name in ("Upload", "Download")]


def test_ftplib(tracked: Any) -> None:
    """ftplib: by the block that a callback is given."""
    stored = {"down": BODY}
    received = bytearray()
    with ftp(stored) as client:
        with tracked.add_task("Upload", total=len(BODY), unit="B") as task:
            client.storbinary("STOR up", BytesIO(BODY), callback=lambda block: task.advance(len(block)))
        with tracked.add_task("Download", total=client.size("down"), unit="B") as task:

            def keep(block: bytes) -> None:
                received.extend(block)
                task.advance(len(block))

            client.retrbinary("RETR down", keep)
    assert bytes(received) == stored["up"] == BODY
    assert tracked.ended() == both(len(BODY))


def test_paramiko(tracked: Any, tmp_path: Path) -> None:
    """paramiko: what its callbacks report; the total comes with the first report."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(BODY)
    with sftp(tmp_path) as client:
        with tracked.add_task("Upload", unit="B") as task:
            client.put(str(source), "/there", callback=task.report)
        with tracked.add_task("Download", unit="B") as task:
            client.get("/there", str(target), callback=task.report)
    assert target.read_bytes() == (tmp_path / "there").read_bytes() == BODY
    assert tracked.ended() == both(len(BODY))


@pytest.mark.slow  # a server of S3
def test_s3(tracked: Any, tmp_path: Path) -> None:
    """boto3 and s3fs on moto's server."""
    with s3() as options:
        client = need("boto3").client("s3", **options)
        path = tmp_path / "large"
        path.write_bytes(9 * MEGABYTE)
        size = path.stat().st_size
        with tracked.add_task("Upload", total=size, unit="B") as task:
            client.upload_file(str(path), "bucket", "large", Callback=task.advance)
        with tracked.add_task("Download", total=size, unit="B") as task:
            client.download_file("bucket", "large", str(tmp_path / "again"), Callback=task.advance)
        assert tracked.ended() == both(size)
        s3fs = need("s3fs")
        from progresskit.clients.fsspec import ProgressCallback

        region = {"region_name": options["region_name"]}
        files = s3fs.S3FileSystem(key="a", secret="b", endpoint_url=options["endpoint_url"], client_kwargs=region)
        folder = tmp_path / "folder"
        folder.mkdir()
        for name in "ab":
            (folder / name).write_bytes(bytes(300_000))
        tracked.added.clear()
        with ProgressCallback("Upload") as callback:
            files.put(f"{folder}/", "bucket/folder/", recursive=True, callback=callback)
        assert (tracked.added[0].completed, tracked.added[0].state) == (2, "finished")
        assert sorted(task[:2] for task in tracked.ended()[1:]) == [("a", 300_000), ("b", 300_000)]


@pytest.mark.slow  # an emulator, which is a program of its own
def test_azure(tracked: Any, blobs: str) -> None:
    """azure-storage-blob: absolute figures, in one request, in blocks from four threads, and of a stream without a length."""
    blob = need("azure.storage.blob")
    sizes = {
        "max_single_put_size": 1 << 20,
        "max_block_size": 1 << 20,
        "max_single_get_size": 1 << 20,
        "max_chunk_get_size": 1 << 20,
    }
    with blob.BlobServiceClient.from_connection_string(blobs, **sizes) as service:
        for name, body, threads in (("small", BODY, 1), ("large", 6 * MEGABYTE, 1), ("threads", 6 * MEGABYTE, 4)):
            client = service.get_blob_client("container", name)
            tracked.added.clear()
            with tracked.add_task("Upload", unit="B") as task:
                client.upload_blob(BytesIO(body), length=len(body), progress_hook=task.report, max_concurrency=threads)
            with tracked.add_task("Download", unit="B") as task:
                assert client.download_blob(progress_hook=task.report, max_concurrency=threads).readall() == body
            assert tracked.ended() == both(len(body)), name
        client = service.get_blob_client("container", "generated")
        with tracked.add_task("Generated", unit="B") as task:
            client.upload_blob(iter([MEGABYTE] * 3), progress_hook=task.report)
        assert tracked.ended()[-1] == ("Generated", len(MEGABYTE) * 3, None, "finished")


@pytest.mark.slow  # the same
def test_adlfs(tracked: Any, blobs: str, tmp_path: Path) -> None:
    """adlfs: files as parent, bytes as children, up and down."""
    adlfs = need("adlfs")
    from progresskit.clients.fsspec import ProgressCallback

    folder = tmp_path / "folder"
    folder.mkdir()
    for name in "ab":
        (folder / name).write_bytes(BODY)
    files = adlfs.AzureBlobFileSystem(connection_string=blobs)
    with ProgressCallback("Upload") as callback:
        files.put(f"{folder}/", "container/folder/", recursive=True, callback=callback)
    with ProgressCallback("Download") as callback:
        files.get(
            [f"container/folder/{name}" for name in "ab"], [str(tmp_path / name) for name in "ab"], callback=callback
        )
    assert (tmp_path / "b").read_bytes() == BODY
    parents = [task for task in tracked.added if task.parent is None]
    assert [(task.description, task.completed, task.total, task.state) for task in parents] == both(2)
    children = [(task.description, task.completed, task.state) for task in tracked.added if task.parent is not None]
    assert sorted(children) == sorted(2 * [(name, len(BODY), "finished") for name in "ab"])


def test_gcs(tracked: Any, tmp_path: Path) -> None:
    """google-cloud-storage, which has no hook: a tracked file, in one request and in parts."""
    path, copy = tmp_path / "source", tmp_path / "copy"
    path.write_bytes(MEGABYTE)
    with gcs() as bucket:
        for part in (None, 1 << 18):
            blob = bucket.blob("name", chunk_size=part)
            tracked.added.clear()
            with open_file(path, description="Upload") as file:
                blob.upload_from_file(file, size=len(MEGABYTE))
            with copy.open("wb") as file, tracked.add_task("Download", total=blob.size, unit="B") as task:
                blob.download_to_file(wrap_file(file, task))
            assert copy.read_bytes() == MEGABYTE
            assert tracked.ended() == both(len(MEGABYTE)), part
