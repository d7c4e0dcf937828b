"""Networks and servers that fail during a load, over real sockets, with the real connector: all rows are loaded, or none."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
pytest.importorskip("uvicorn", reason="the embedded server is not installed in this environment")

import snowflake.connector
from progresskit_snowflake.bars.progress import SnowflakeProgress
from progresskit_snowflake.embedded import RESET_AFTER, EmbeddedServer
from progresskit_snowflake.loading.pipeline import Load
from progresskit_snowflake.loading.session import LoadError, Loading, Session, Staging
from progresskit_snowflake.sql.columns import Column
from progresskit_snowflake.versions import connector_version

from progresskit.testing import RecordingRenderer


class Warehouse:
    """The server, which accepts four megabytes a second."""

    def __init__(self, server: EmbeddedServer) -> None:
        self.server = server
        server.pace = 4e6

    def session(self, **more: Any) -> Any:
        return snowflake.connector.connect(**{**self.server.arguments, **more})

    def count(self, table: str, missing: int | None = None) -> int:
        """Return the number of rows of `table`; `missing` if it does not exist."""
        with self.session() as connection:
            if missing is not None and Session(connection).columns(table) is None:
                return missing
            return int(connection.cursor().execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


@pytest.fixture
def warehouse(server: EmbeddedServer) -> Warehouse:
    return Warehouse(server)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of 40,000 rows that compresses badly, so that some megabytes are sent."""
    noise = random.Random(7)
    path = tmp_path / "large.csv.gz"
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8", newline="") as file:
        file.write("a,b\n")
        for number in range(40_000):
            file.write(f"{number},{noise.randbytes(64).hex()}\n")
    assert os.path.getsize(path) > 2 * RESET_AFTER
    return path


def load(
    warehouse: Warehouse,
    tmp_path: Path,
    paths: list[Path],
    table: str,
    renderer: RecordingRenderer | None = None,
    **more: Any,
) -> Any:
    folder = tmp_path / "packed"
    folder.mkdir(exist_ok=True)
    with (
        warehouse.session(**more) as uploading,
        warehouse.session() as copying,
        SnowflakeProgress(renderer=renderer or RecordingRenderer(), interval=0.01, budget=1.0) as progress,
    ):
        return Load(paths, table, Staging(uploading), Loading(copying), progress, folder).run()


def uploads(renderer: RecordingRenderer) -> list[Any]:
    """Return all states of the Upload bar, including the last one."""
    views = [view for frame in list(renderer.frames) for view in (*frame.ended, *frame.tasks)]
    return [view for view in views if view.description.startswith("Upload")]


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "that did not happen within a minute"
        time.sleep(0.005)


@pytest.mark.slow
def test_reset_connection_is_taken_up_again(warehouse: Warehouse, large: Path, tmp_path: Path) -> None:
    """After a reset connection the upload is repeated, and the bar steps back."""
    renderer, server = RecordingRenderer(), warehouse.server
    server.reset_next()
    server.stall(RESET_AFTER // 2)
    with ThreadPoolExecutor() as pool:
        loading = pool.submit(load, warehouse, tmp_path, [large], "reset_once", renderer)
        until(lambda: any(view.completed for view in uploads(renderer)))
        server.stall(RESET_AFTER * 3 // 2)  # the first attempt ends before that
        until(lambda: server.pending == 0)
        until(lambda: uploads(renderer)[-1].fields.get("retry") == "1" and uploads(renderer)[-1].completed)
        before = [view.completed for view in uploads(renderer)]
        assert any(later < earlier for earlier, later in itertools.pairwise(before)), before
        assert warehouse.count("reset_once", missing=0) == 0
        server.release()
        summary = loading.result(60)
    assert summary.loaded == summary.rows == warehouse.count("reset_once") == 40_000
    assert all(view.completed <= view.total for view in uploads(renderer) if view.total is not None)


@pytest.mark.slow
@pytest.mark.parametrize("status", [503, 429])
def test_refusing_server_is_asked_again(warehouse: Warehouse, large: Path, tmp_path: Path, status: int) -> None:
    """After two refusals the connector retries, and the bar says so."""
    renderer = RecordingRenderer()
    warehouse.server.refuse(status, status)
    summary = load(warehouse, tmp_path, [large], f"refused_{status}", renderer)
    assert warehouse.server.pending == 0
    assert summary.loaded == warehouse.count(f"refused_{status}") == 40_000
    fields = [dict(view.fields) for view in uploads(renderer)]
    assert fields[-1]["retry"] == "2"
    assert f"refused ({status}), retrying" in {one.get("phase") for one in fields}
    assert all(view.completed <= view.total for view in uploads(renderer) if view.total is not None)


@pytest.mark.slow
def test_failed_upload_loads_nothing(
    warehouse: Warehouse, large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upload that fails permanently loads nothing, and a second run loads all rows."""
    small = tmp_path / "small.csv"
    small.write_text("a,b\n1,x\n", "utf-8")
    with warehouse.session() as connection:
        connection.cursor().execute("CREATE TABLE book (a INT, b VARCHAR)")
    warehouse.server.reset_next(1_000)
    # Fewer retries than by default, to save time: 5.x has a setting for them, 4.x waits 31 seconds in all.
    fewer = {"put_get_max_attempts": 3}
    if connector_version() < (5,):
        from snowflake.connector.storage_client import SnowflakeStorageClient

        monkeypatch.setattr(SnowflakeStorageClient, "SLEEP_UNIT", 0.05)
        fewer = {}
    with pytest.raises(
        LoadError, match=r"uploading .*large.csv.gz failed \(to @PROGRESSKIT_\w+, after \d+ attempts\): .*\w"
    ):
        load(warehouse, tmp_path, [small, large], "book", **fewer)
    assert warehouse.count("book") == 0
    warehouse.server.forget()
    for left in (tmp_path / "packed").iterdir():
        left.unlink()
    summary = load(warehouse, tmp_path, [small, large], "book")
    assert summary.loaded == warehouse.count("book") == 40_001


def connections(warehouse: Warehouse, home: Path) -> dict[str, str]:
    """Write a connections.toml with the server as `local`, and return the environment that uses it."""
    plain = {key: value for key, value in warehouse.server.arguments.items() if not isinstance(value, dict)}
    file = home / "connections.toml"
    file.write_text(
        "\n".join(["[local]", *(f"{key} = {json.dumps(value)}" for key, value in plain.items()), ""]), "utf-8"
    )
    file.chmod(0o600)
    return {**os.environ, "SNOWFLAKE_HOME": str(home)}


def left_behind(warehouse: Warehouse) -> list[str]:
    """Return the stages and tables that loads have left behind."""
    with warehouse.session() as connection:
        cursor = connection.cursor()
        found = [row[1] for what in ("TABLES", "STAGES") for row in cursor.execute(f"SHOW {what}").fetchall()]
        return [name for name in found if name.startswith("PROGRESSKIT")]


def test_what_stays_behind_is_said(warehouse: Warehouse) -> None:
    """If their sessions are lost, a stage and a table are removed by another session; without another one, they are named."""
    for connects in (True, False):
        uploading, copying = warehouse.session(), warehouse.session()
        opened: list[Any] = []

        def again(connects: bool = connects, opened: list[Any] = opened) -> Any:
            if not connects:
                raise LoadError("connecting failed: nobody is there.")
            opened.append(warehouse.session())
            return opened[-1]

        staging, loading = Staging(uploading, again=again), Loading(copying, again=again)
        with (
            pytest.raises(LoadError, match="given up"),
            staging.stage(loading),
            loading.table("gone", [Column("a")], staging, new=True) as work,
        ):
            uploading.close()
            copying.close()
            raise LoadError("given up")
        for connection in opened:
            connection.close()
        assert left_behind(warehouse) == ([] if connects else [work.upper(), staging.name])
        words = "a {} of the load's own could not be removed: DROP {} by hand."
        said = [words.format("stage", f"STAGE {staging.name}"), words.format("table", f"TABLE {work}")]
        assert [*staging.left, *loading.left] == ([] if connects else said)
        if not connects:
            with warehouse.session() as connection:
                connection.cursor().execute(f"DROP STAGE {staging.name}")
                connection.cursor().execute(f"DROP TABLE {work}")


COMMAND = [sys.executable, "-c", "from progresskit_snowflake.cli import main; raise SystemExit(main())", "load"]


@pytest.mark.slow
@pytest.mark.parametrize("new", [True, False])
def test_lost_sessions_load_nothing(warehouse: Warehouse, tmp_path: Path, new: bool) -> None:
    """If the sessions are lost during COPY, the command ends with nothing loaded."""
    small, table = tmp_path / "small.csv", f"lost_{new}"
    small.write_text("a,b\n1,x\n", "utf-8")
    if not new:
        with warehouse.session() as connection:
            connection.cursor().execute(f"CREATE TABLE {table} (a INT, b VARCHAR)")
            connection.cursor().execute(f"INSERT INTO {table} VALUES (7, 'before')")
    warehouse.server.hold("running")
    process = subprocess.Popen(
        [*COMMAND, str(small), "--table", table, "--connection", "local"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**connections(warehouse, tmp_path), "PROGRESSKIT_RENDERER": "json"},
    )
    assert process.stderr is not None
    for line in process.stderr:
        if '"phase":"running"' in line.partition('"COPY')[2]:  # by the server's state, not only the task's
            break
    warehouse.server.lose_sessions()
    said, errors = process.communicate(timeout=60)
    assert (process.returncode, said) == (1, "")
    assert f"progresskit-snowflake: copying into {table} failed: " in errors
    assert "Session no longer exists" in errors
    assert "Traceback" not in errors
    warehouse.server.release()
    assert warehouse.count(table, missing=0) == (0 if new else 1)
    assert left_behind(warehouse) == []


@pytest.mark.slow
def test_second_run_after_a_failure(warehouse: Warehouse, large: Path, tmp_path: Path) -> None:
    """A command that fails permanently names the failed operation, and the same command later loads everything."""
    small = tmp_path / "small.csv"
    small.write_text("a,b\n1,x\n", "utf-8")
    command = [*COMMAND, str(small), str(large), "--table", "commanded", "--connection", "local"]
    environ = connections(warehouse, tmp_path)

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=100)

    warehouse.server.refuse(200, 404)  # the small file is accepted
    failed = run()
    assert failed.returncode == 1
    last = failed.stderr.splitlines()[-1]
    assert re.fullmatch(rf"progresskit-snowflake: uploading {large} failed \(to @PROGRESSKIT_\w+\): .*404.*", last), (
        last
    )
    assert "Traceback" not in failed.stderr
    assert (warehouse.count("commanded", missing=0), left_behind(warehouse)) == (0, [])
    again = run()
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("commanded: 40,001 rows of 2 files")
    assert warehouse.count("commanded") == 40_001
