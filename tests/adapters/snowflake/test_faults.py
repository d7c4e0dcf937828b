"""Networks and servers that fail in the middle of a load: over real sockets, with the real connector. All rows or none."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
pytest.importorskip("uvicorn", reason="the embedded server is not installed in this environment")

import snowflake.connector
from progresskit_snowflake.embedded import RESET_AFTER, EmbeddedServer
from progresskit_snowflake.pipeline import Load
from progresskit_snowflake.progress import SnowflakeProgress
from progresskit_snowflake.session import LoadError, Loading, Staging
from progresskit_snowflake.versions import connector_version

from progresskit.testing import RecordingRenderer


class Warehouse:
    """The server, taking four megabytes a second."""

    def __init__(self, server: EmbeddedServer) -> None:
        self.server = server
        server.pace = 4e6

    def session(self, **more: Any) -> Any:
        return snowflake.connector.connect(**{**self.server.arguments, **more})

    def count(self, table: str) -> int:
        with self.session() as connection:
            return int(connection.cursor().execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


@pytest.fixture
def warehouse(server: EmbeddedServer) -> Warehouse:
    return Warehouse(server)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of 40,000 rows that compresses badly: some megabytes go over the wire."""
    noise = random.Random(7)
    path = tmp_path / "large.csv.gz"
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8", newline="") as file:
        file.write("a,b\n")
        for number in range(40_000):
            file.write(f"{number},{noise.randbytes(64).hex()}\n")
    assert os.path.getsize(path) > 2 * RESET_AFTER
    return path


def load(
    warehouse: Warehouse, tmp_path: Path, paths: list[Path], table: str, **more: Any
) -> tuple[Any, RecordingRenderer]:
    folder = tmp_path / "packed"
    folder.mkdir(exist_ok=True)
    renderer = RecordingRenderer()
    with (
        warehouse.session(**more) as uploading,
        warehouse.session() as copying,
        SnowflakeProgress(renderer=renderer, interval=0.01, budget=1.0) as progress,
    ):
        return Load(paths, table, Staging(uploading), Loading(copying), progress, folder).run(), renderer


def uploads(renderer: RecordingRenderer) -> list[Any]:
    return [view for frame in renderer.frames for view in frame.tasks if view.description.startswith("Upload")]


def test_a_connection_that_is_reset_is_taken_up_again_and_the_bar_steps_back(
    warehouse: Warehouse, large: Path, tmp_path: Path
) -> None:
    warehouse.server.reset_next()
    summary, renderer = load(warehouse, tmp_path, [large], "reset_once")
    assert warehouse.server.pending == 0
    assert summary.loaded == summary.rows == warehouse.count("reset_once") == 40_000
    counts = [view.completed for view in uploads(renderer)]
    assert any(after < before for before, after in itertools.pairwise(counts)), counts
    assert "1" in {view.fields.get("retry") for view in uploads(renderer)}
    assert all(view.completed <= view.total for view in uploads(renderer))


@pytest.mark.parametrize("status", [503, 429])
def test_a_server_that_refuses_twice_is_asked_again(
    warehouse: Warehouse, large: Path, tmp_path: Path, status: int
) -> None:
    warehouse.server.refuse(status, status)
    summary, renderer = load(warehouse, tmp_path, [large], f"refused_{status}")
    assert warehouse.server.pending == 0
    assert summary.loaded == warehouse.count(f"refused_{status}") == 40_000
    assert "2" in {view.fields.get("retry") for view in uploads(renderer)}
    assert all(view.completed <= view.total for view in uploads(renderer))


@pytest.mark.slow
def test_a_server_that_is_away_for_ten_seconds_is_waited_for(warehouse: Warehouse, large: Path, tmp_path: Path) -> None:
    warehouse.server.reset_next(away=10.0)
    summary, renderer = load(warehouse, tmp_path, [large], "away")
    assert summary.loaded == warehouse.count("away") == 40_000
    assert "retrying" in {view.fields.get("phase") for view in uploads(renderer)}
    assert all(view.completed <= view.total for view in uploads(renderer))


@pytest.mark.slow
def test_an_upload_that_fails_for_good_loads_nothing_and_a_second_run_loads_all(
    warehouse: Warehouse, large: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small.csv"
    small.write_text("a,b\n1,x\n", "utf-8")
    with warehouse.session() as connection:
        connection.cursor().execute("CREATE TABLE book (a INT, b VARCHAR)")
    warehouse.server.reset_next(1_000)
    # 4.x tries as often as it likes; 5.x as it is told, here less often than the load has it, for the test's sake.
    fewer = {"put_get_max_attempts": 3} if connector_version() >= (5,) else {}
    with pytest.raises(
        LoadError, match=r"uploading .*large.csv.gz failed \(to @PROGRESSKIT_\w+, after \d+ attempts\): .*\w"
    ):
        load(warehouse, tmp_path, [small, large], "book", **fewer)
    assert warehouse.count("book") == 0
    warehouse.server.forget()
    for left in (tmp_path / "packed").iterdir():
        left.unlink()
    summary, _ = load(warehouse, tmp_path, [small, large], "book")
    assert summary.loaded == warehouse.count("book") == 40_001


@pytest.mark.slow
def test_a_command_that_fails_for_good_says_at_what_and_the_same_command_loads_all_the_next_time(
    warehouse: Warehouse, large: Path, tmp_path: Path
) -> None:
    plain = {key: value for key, value in warehouse.server.arguments.items() if not isinstance(value, dict)}
    file = tmp_path / "connections.toml"
    file.write_text(
        "\n".join(["[local]", *(f"{key} = {json.dumps(value)}" for key, value in plain.items()), ""]), "utf-8"
    )
    file.chmod(0o600)
    small = tmp_path / "small.csv"
    small.write_text("a,b\n1,x\n", "utf-8")
    arguments = ["load", str(small), str(large), "--table", "commanded", "--connection", "local"]
    command = [sys.executable, "-c", "from progresskit_snowflake.cli import main; raise SystemExit(main())", *arguments]

    def run() -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "SNOWFLAKE_HOME": str(tmp_path)}
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=100)

    warehouse.server.refuse(200, 404)  # the small one is taken
    failed = run()
    assert failed.returncode == 1
    last = failed.stderr.splitlines()[-1]
    assert re.fullmatch(rf"progresskit-snowflake: uploading {large} failed \(to @PROGRESSKIT_\w+\): .*404.*", last), (
        last
    )
    assert "Traceback" not in failed.stderr
    with warehouse.session() as connection:
        found = connection.cursor().execute("SHOW TABLES").fetchall()
        assert not [row[1] for row in found if row[1].startswith(("COMMANDED", "PROGRESSKIT"))]
        found = connection.cursor().execute("SHOW STAGES").fetchall()
        assert not [row[1] for row in found if row[1].startswith("PROGRESSKIT")]
    again = run()
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("commanded: 40,001 rows of 2 files")
    assert warehouse.count("commanded") == 40_001
