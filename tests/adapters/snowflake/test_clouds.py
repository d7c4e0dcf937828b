"""Stages on the three clouds: the real connector, over TLS, with storage in an emulator of that cloud."""

from __future__ import annotations

import gzip
import hashlib
import os
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
from progresskit_snowflake.embedded import EmbeddedServer, Storage, embedded_server
from progresskit_snowflake.embedded.emulators import EmulatorMissing, emulator
from progresskit_snowflake.loading.session import LoadError
from progresskit_snowflake.versions import connector_version
from test_faults import Warehouse, left_behind, load, uploads

from progresskit import ProgressTracker
from progresskit.testing import ManualTicker, RecordingRenderer

CLOUDS: tuple[Storage, ...] = ("gcs", "s3", "azure")
IN_PARTS: tuple[Storage, ...] = ("s3", "azure")
"""The clouds to which a large file is sent in parts."""
LARGE = 20 << 20
"""Bytes of a file that is sent in parts: three of at most 8 MiB."""
ROWS = 180_000
"""Rows of a CSV file that is sent in parts after compression."""


@pytest.fixture(scope="module", params=CLOUDS)
def storage(request: pytest.FixtureRequest) -> Iterator[tuple[Storage, EmbeddedServer]]:
    """A cloud, and a server with stages on it."""
    try:
        with emulator(request.param) as port, embedded_server(storage=request.param, emulator=port) as server:
            yield request.param, server
    except EmulatorMissing as missing:
        if os.environ.get("PROGRESSKIT_EMULATORS") == "required":
            raise
        pytest.skip(str(missing))


@pytest.fixture
def cloud(storage: tuple[Storage, EmbeddedServer], monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedServer]:
    """The server. The connector trusts its certificate."""
    server = storage[1]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.certificate))
    yield server
    server.forget()


@pytest.fixture
def cursor(cloud: EmbeddedServer) -> Iterator[Any]:
    with snowflake.connector.connect(**cloud.arguments) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE OR REPLACE STAGE clouds")
        yield cursor


def quietly(cursor: Any, path: Path, **more: Any) -> list[Any]:
    return put(cursor, path, "clouds", compress=False, tracker=ProgressTracker("none"), **more)


NAMES = ["plain.csv", "it's.csv", "[ng].csv", "a b.csv", "a\\b.csv", 'q"q.csv', "a%20b.csv", "$x.csv", "a*b.csv"]
NAMES += ["a?b.csv", "-- x.csv", "@s.csv", "#h.csv", "a&b=c+d.csv", ".dot.csv", "é.csv", "a'; DROP STAGE clouds;.csv"]


def test_names(cursor: Any, tmp_path: Path) -> None:
    """A file keeps its name on the stage, with any characters."""
    for name in NAMES:
        (tmp_path / name).write_bytes(b"1,x\n")
        quietly(cursor, tmp_path / name)
    assert [row[0] for row in cursor.execute("LIST @clouds").fetchall()] == sorted(f"clouds/{name}" for name in NAMES)


def test_small_file_goes_whole(cursor: Any, cloud: EmbeddedServer, tmp_path: Path) -> None:
    """A small file is sent in one request, skipped the second time, and sent again after it was removed."""
    path = tmp_path / "small.csv"
    path.write_bytes(b"1,x\n")
    before = cloud.parts
    assert [row[6] for row in quietly(cursor, path)] == ["UPLOADED"]
    assert [row[6] for row in quietly(cursor, path)] == ["SKIPPED"]
    path.write_bytes(b"2,yz\n")
    assert [row[6] for row in quietly(cursor, path, overwrite=True)] == ["UPLOADED"]
    assert [row[:2] for row in cursor.execute("LIST @clouds").fetchall()] == [("clouds/small.csv", 5)]
    cursor.execute("REMOVE @clouds")
    assert [row[6] for row in quietly(cursor, path)] == ["UPLOADED"]
    assert cloud.parts == before


@pytest.mark.skipif(not KernelBytes.available(), reason="the kernel does not tell what is acknowledged")
@pytest.mark.parametrize("resets", [0, 1])
def test_large_file_arrives(
    cursor: Any, storage: tuple[Storage, EmbeddedServer], cloud: EmbeddedServer, tmp_path: Path, resets: int
) -> None:
    """A large file arrives unchanged, in parts if the cloud supports them, and is counted to its end."""
    content = random.Random(1).randbytes(1 << 20) * (LARGE >> 20)
    path = tmp_path / "large.bin"
    path.write_bytes(content)
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    task = tracker.add_task("Upload", total=LARGE, unit="B")
    before = cloud.parts
    cloud.reset_next(resets)
    put(cursor, path, "clouds", compress=False, uploads=Uploads(task, best_source(cursor.connection)))
    assert task.completed == LARGE
    assert cursor.execute("LIST @clouds").fetchall()[0][2] == hashlib.md5(content).hexdigest()
    assert (cloud.parts - before >= 3) == (storage[0] in IN_PARTS)
    assert cloud.pending == 0


def noise(path: Path, rows: int) -> Path:
    """Write a compressed CSV file of `rows` rows of about 68 bytes."""
    source = random.Random(7)
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8", newline="") as file:
        file.write("a,b\n")
        file.writelines(f"{number},{source.randbytes(64).hex()}\n" for number in range(rows))
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, int]]:
    """A file that is sent whole, and one that is sent in parts if the cloud supports them, with their rows."""
    folder = tmp_path_factory.mktemp("clouds")
    return {
        kind: (noise(folder / f"{kind}.csv.gz", rows), rows) for kind, rows in {"whole": 40_000, "parts": ROWS}.items()
    }


FAULTS = {
    "reset": lambda server: server.reset_next(after=1 << 20),
    "unavailable": lambda server: server.refuse(503, 503),
    "slow_down": lambda server: server.refuse(429),
    "expired": lambda server: server.expire_next(after=1 << 20),
    "gateway": lambda server: server.refuse(500, 504),
    "at_once": lambda server: server.reset_next(2, after=1),
    "mixed": lambda server: (server.refuse(503), server.reset_next(after=1 << 20), server.refuse(500)),
}

GIVES_UP = {(5, "s3", "slow_down"), (4, "gcs", "expired")}
"""The faults after which a connector does not retry, by its major version: nothing is loaded then.

5.x treats a 429 of S3 as final; S3 itself sends 503. 4.x requests a new access token of Google's, but continues to send the old
one.
"""

MAY_GIVE_UP = {"at_once"}
"""The faults after which it depends on the moment whether a connector retries: 4.x takes a connection that ends during a request of TLS
for a wrong certificate."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["whole", "parts"])
@pytest.mark.parametrize("fault", FAULTS)
def test_fault_in_the_middle_loads_all(
    storage: tuple[Storage, EmbeddedServer],
    cloud: EmbeddedServer,
    files: dict[str, tuple[Path, int]],
    tmp_path: Path,
    kind: str,
    fault: str,
) -> None:
    """A temporary fault loses no row, or all rows if the connector gives up, and the bar never exceeds its total."""
    if kind == "parts" and storage[0] not in IN_PARTS:
        pytest.skip("a file goes whole to this cloud, whatever its size")
    path, rows = files[kind]
    warehouse, table, renderer = Warehouse(cloud), f"{fault}_{kind}", RecordingRenderer()
    cloud.pace = 16e6
    before = cloud.parts
    FAULTS[fault](cloud)
    summary = None
    try:
        summary = load(warehouse, tmp_path, [path], table, renderer)
    except LoadError as error:
        assert "uploading" in str(error)
        assert fault in MAY_GIVE_UP or (connector_version()[0], storage[0], fault) in GIVES_UP, error
    else:
        assert (connector_version()[0], storage[0], fault) not in GIVES_UP
    if summary is None:
        assert (warehouse.count(table, missing=0), left_behind(warehouse)) == (0, [])
        return
    assert cloud.pending == 0
    assert (cloud.parts > before) == (kind == "parts")
    assert summary.loaded == warehouse.count(table) == rows
    assert left_behind(warehouse) == []
    assert all(view.completed <= view.total for view in uploads(renderer) if view.total is not None)


@pytest.mark.slow
def test_outage_of_ten_seconds_loads_all(
    storage: tuple[Storage, EmbeddedServer],
    cloud: EmbeddedServer,
    files: dict[str, tuple[Path, int]],
    tmp_path: Path,
) -> None:
    """A storage that is unreachable for ten seconds loses no row, neither of a whole file nor of one in parts."""
    warehouse = Warehouse(cloud)
    for kind in ["whole", "parts"] if storage[0] in IN_PARTS else ["whole"]:
        cloud.pace = 16e6
        cloud.reset_next(after=1 << 20, away=10.0)
        folder, renderer = tmp_path / kind, RecordingRenderer()
        folder.mkdir()
        summary = load(warehouse, folder, [files[kind][0]], f"away_{kind}", renderer)
        views = uploads(renderer)
        assert cloud.pending == 0
        assert summary.loaded == warehouse.count(f"away_{kind}") == files[kind][1]
        assert all(view.completed <= view.total for view in views if view.total is not None)
        assert any(view.fields.get("phase") == "retrying" for view in views)
    assert left_behind(warehouse) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["whole", "parts"])
def test_fault_that_stays_loads_nothing(
    storage: tuple[Storage, EmbeddedServer],
    cloud: EmbeddedServer,
    files: dict[str, tuple[Path, int]],
    tmp_path: Path,
    kind: str,
) -> None:
    """A storage that refuses permanently leaves no row, table or stage, and the same load succeeds afterwards."""
    if kind == "parts" and storage[0] not in IN_PARTS:
        pytest.skip("a file goes whole to this cloud, whatever its size")
    path, rows = files[kind]
    warehouse, table = Warehouse(cloud), f"refused_{kind}"
    cloud.pace = None
    cloud.refuse(*[404] * 100)
    with pytest.raises(LoadError, match=r"uploading .* failed \(to @PROGRESSKIT_\w+"):
        load(warehouse, tmp_path, [path], table)
    assert (warehouse.count(table, missing=0), left_behind(warehouse)) == (0, [])
    cloud.forget()
    for left in (tmp_path / "packed").iterdir():
        left.unlink()
    assert load(warehouse, tmp_path, [path], table).loaded == warehouse.count(table) == rows
