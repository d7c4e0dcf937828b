"""Networks and servers that fail in the middle of a load: over real sockets, with the real connector. All rows or none."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import os
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
pytest.importorskip("fakesnow", reason="the embedded server is not installed in this environment")

import snowflake.connector
from progresskit_snowflake.embedded import BUFFER, embedded_server
from progresskit_snowflake.pipeline import Load
from progresskit_snowflake.progress import SnowflakeProgress
from progresskit_snowflake.session import LoadError, Loading, Staging

from progresskit.testing import RecordingRenderer

# The server runs in this process, and DuckDB warns of how fakesnow asks it: as errors, the warnings would be its 500s.
pytestmark = pytest.mark.filterwarnings("ignore:Arrow output on a DB-API result:UserWarning")

LARGE = 1 << 20
"""Bytes on one connection from which it carries an upload."""


class Relay:
    """Hands bytes on between a client and a server on loopback, and resets connections that carry an upload.

    Attributes:
        resets: How many uploads are still to be reset.
        absence: Seconds for which nobody is served after a reset.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.resets = 0
        self.absence = 0.0
        self._back = 0.0  # when somebody is served again
        self._listening = socket.create_server(("127.0.0.1", 0))
        # Little room on the way, inherited by what is accepted: the server's pace is felt by who sends, as over a network.
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:  # closed: the test is over
                return
            if time.monotonic() < self._back:
                reset(client)
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._port)) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
            back = threading.Thread(target=self._hand_on, args=(server, client, False), daemon=True)
            back.start()
            self._hand_on(client, server, True)
            back.join()

    def _hand_on(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                passed += len(data)
                if counted and passed > LARGE and self.resets:
                    self.resets -= 1
                    self._back = time.monotonic() + self.absence
                    reset(source)
                    target.shutdown(socket.SHUT_RDWR)  # wakes the other direction, which holds it too
                    return
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._listening.close()


def reset(connection: socket.socket) -> None:
    """Close at once, with nothing lingering: a reset to the other side."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Warehouse:
    """A server behind a relay, and what it shall refuse."""

    def __init__(self, arguments: dict[str, Any], refusals: list[int]) -> None:
        self.direct = arguments
        self.refusals = refusals
        self.relay = Relay(arguments["port"])

    def session(self, **more: Any) -> Any:
        return snowflake.connector.connect(**{**self.direct, "port": self.relay.port, **more})

    def count(self, table: str) -> int:
        with snowflake.connector.connect(**self.direct) as connection:
            return int(connection.cursor().execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    refusals: list[int] = []
    with embedded_server(refusals=refusals, pace=4e6) as arguments:
        made = Warehouse(arguments, refusals)
        yield made
        made.relay.close()


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of 40,000 rows that compresses badly: some megabytes go over the wire."""
    noise = random.Random(7)
    path = tmp_path / "large.csv.gz"
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8", newline="") as file:
        file.write("a,b\n")
        for number in range(40_000):
            file.write(f"{number},{noise.randbytes(64).hex()}\n")
    assert os.path.getsize(path) > 2 * LARGE
    return path


def load(warehouse: Warehouse, tmp_path: Path, paths: list[Path], table: str) -> tuple[Any, RecordingRenderer]:
    folder = tmp_path / "packed"
    folder.mkdir(exist_ok=True)
    renderer = RecordingRenderer()
    with (
        warehouse.session() as uploading,
        warehouse.session() as copying,
        SnowflakeProgress(renderer=renderer, interval=0.01, budget=1.0) as progress,
    ):
        return Load(paths, table, Staging(uploading), Loading(copying), progress, folder).run(), renderer


def uploads(renderer: RecordingRenderer) -> list[Any]:
    return [view for frame in renderer.frames for view in frame.tasks if view.description.startswith("Upload")]


def test_a_connection_that_is_reset_is_taken_up_again_and_the_bar_steps_back(
    warehouse: Warehouse, large: Path, tmp_path: Path
) -> None:
    warehouse.relay.resets = 1
    summary, renderer = load(warehouse, tmp_path, [large], "reset_once")
    assert warehouse.relay.resets == 0
    assert summary.loaded == summary.rows == warehouse.count("reset_once") == 40_000
    counts = [view.completed for view in uploads(renderer)]
    assert any(after < before for before, after in itertools.pairwise(counts)), counts
    assert "1" in {view.fields.get("retry") for view in uploads(renderer)}
    assert all(view.completed <= view.total for view in uploads(renderer))


@pytest.mark.parametrize("status", [503, 429])
def test_a_server_that_refuses_twice_is_asked_again(
    warehouse: Warehouse, large: Path, tmp_path: Path, status: int
) -> None:
    warehouse.refusals += [status, status]
    summary, renderer = load(warehouse, tmp_path, [large], f"refused_{status}")
    assert warehouse.refusals == []
    assert summary.loaded == warehouse.count(f"refused_{status}") == 40_000
    assert "2" in {view.fields.get("retry") for view in uploads(renderer)}
    assert all(view.completed <= view.total for view in uploads(renderer))


@pytest.mark.slow
def test_a_server_that_is_away_for_ten_seconds_is_waited_for(warehouse: Warehouse, large: Path, tmp_path: Path) -> None:
    warehouse.relay.resets, warehouse.relay.absence = 1, 10.0
    summary, renderer = load(warehouse, tmp_path, [large], "away")
    assert summary.loaded == warehouse.count("away") == 40_000
    assert all(view.completed <= view.total for view in uploads(renderer))


@pytest.mark.slow
def test_an_upload_that_fails_for_good_loads_nothing_and_a_second_run_loads_all(
    warehouse: Warehouse, large: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small.csv"
    small.write_text("a,b\n1,x\n", "utf-8")
    with snowflake.connector.connect(**warehouse.direct) as connection:
        connection.cursor().execute("CREATE TABLE book (a INT, b VARCHAR)")
    warehouse.relay.resets = 1_000
    with pytest.raises(LoadError, match=r"uploading .*large.csv.gz failed"):
        load(warehouse, tmp_path, [small, large], "book")
    assert warehouse.count("book") == 0
    warehouse.relay.resets = 0
    for left in (tmp_path / "packed").iterdir():
        left.unlink()
    summary, _ = load(warehouse, tmp_path, [small, large], "book")
    assert summary.loaded == warehouse.count("book") == 40_001
