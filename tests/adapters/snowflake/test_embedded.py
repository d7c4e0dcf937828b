"""The embedded server, used by the installed connector: stages, sessions, asynchronous statements, and the server's end."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
pytest.importorskip("uvicorn", reason="the embedded server is not installed in this environment")

import snowflake.connector
from progresskit_snowflake import embedded
from progresskit_snowflake.embedded import NO_DETECTION, embedded_server
from progresskit_snowflake.embedded.controls import Controls
from progresskit_snowflake.errors import LoadError

from progresskit.testing import ManualClock

CSV = "FILE_FORMAT = (TYPE = CSV)"
BOUND = 20.0
"""The most seconds that a test waits for what comes at once."""


def names(cursor: Any, what: str) -> list[str]:
    return [row[0] for row in cursor.execute(f"LIST @{what}").fetchall()]


def count(cursor: Any, table: str) -> int:
    return int(cursor.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + BOUND
    while not condition():
        assert time.monotonic() < end, "it did not come"
        os.sched_yield()


def test_remove_takes_the_named_files_only(cursor: Any, stage: str, upload: Any) -> None:
    """REMOVE removes the named files and no others."""
    for name in ("a.csv", "a.csv.bak", "b.csv"):
        upload(name, b"1,x,\n")
    assert cursor.execute(f"REMOVE @{stage}/b.csv").fetchall() == [(f"{stage.lower()}/b.csv", "removed")]
    assert names(cursor, stage) == [f"{stage.lower()}/a.csv", f"{stage.lower()}/a.csv.bak"]
    cursor.execute(f"RM @{stage} PATTERN = '.*bak'")
    assert names(cursor, stage) == [f"{stage.lower()}/a.csv"]
    cursor.execute(f"REMOVE @{stage}")
    assert names(cursor, stage) == []


def test_list_tells_size_and_checksum_and_takes_a_path(cursor: Any, stage: str, upload: Any, tmp_path: Path) -> None:
    upload("a.csv", b"1,x,\n")
    cursor.execute(f"PUT 'file://{tmp_path}/a.csv' @{stage}/deep AUTO_COMPRESS = FALSE")
    rows = cursor.execute(f"LIST @{stage}/deep").fetchall()
    checksum = hashlib.md5(b"1,x,\n", usedforsecurity=False).hexdigest()
    assert [row[:3] for row in rows] == [(f"{stage.lower()}/deep/a.csv", 5, checksum)]


@pytest.mark.slow
def test_stage_hides_unfinished_uploads(
    server: Any, session: Callable[..., Any], cursor: Any, stage: str, tmp_path: Path
) -> None:
    """A stage shows no file that is still being uploaded."""
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(2_000_000))
    server.pace = 100_000.0
    before = len(server.received)
    put = f"PUT 'file://{path}' @{stage} AUTO_COMPRESS = FALSE"
    thread = threading.Thread(target=lambda: session().cursor().execute(put))
    thread.start()
    wait_until(lambda: len(server.received) > before)
    assert names(cursor, stage) == []
    server.pace = None
    thread.join(BOUND)
    assert names(cursor, stage) == [f"{stage.lower()}/large.bin"]


def test_dropped_stage_is_gone(cursor: Any, stage: str, upload: Any) -> None:
    """DROP STAGE removes a stage and its files, and no other stage."""
    upload("a.csv", b"1,x,\n")
    cursor.execute("CREATE SCHEMA IF NOT EXISTS elsewhere")
    cursor.execute("USE SCHEMA embedded.public")
    cursor.execute(f'CREATE STAGE elsewhere."{stage}"')
    cursor.execute(f'DROP STAGE elsewhere."{stage}"')
    assert names(cursor, stage) == [f"{stage.lower()}/a.csv"]
    cursor.execute(f"DROP STAGE {stage}")
    with pytest.raises(snowflake.connector.errors.ProgrammingError, match="does not exist"):
        cursor.execute(f"LIST @{stage}")
    with pytest.raises(snowflake.connector.errors.ProgrammingError, match="does not exist"):
        cursor.execute(f"DROP STAGE {stage}")
    cursor.execute(f"CREATE STAGE {stage}")
    assert names(cursor, stage) == []


@pytest.mark.slow
def test_columns_of_one_type_are_made_alike(cursor: Any, new_table: str) -> None:
    """Columns with only a type keep their names, types and order; a repeated name is refused."""
    columns = {
        "A": "NUMBER(38,0)", '"b c"': "VARCHAR(5)", "D": "VARCHAR(16777216)", "E": "NUMBER(38,0)", "F": "VARCHAR(5)",
        '"g""h"': "FLOAT", "I": "NUMBER(5,2)", "J": "FLOAT", "K": "NUMBER(5,2)", "L": "VARCHAR(16777216)",
    }  # fmt: skip
    cursor.execute(f"CREATE TABLE {new_table} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
    found = {row[0]: row[1] for row in cursor.execute(f"DESCRIBE TABLE {new_table}").fetchall()}
    assert list(found.items()) == [(name.strip('"').replace('""', '"'), kind) for name, kind in columns.items()]
    with pytest.raises(snowflake.connector.errors.ProgrammingError, match="already exists"):
        cursor.execute("CREATE TABLE twice (a INT, b INT, A INT)")


def test_two_servers_share_neither_tables_nor_stages(
    cursor: Any, table: str, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NO_DETECTION, "0")
    with embedded_server() as other, snowflake.connector.connect(**other.arguments) as connection:
        assert os.environ[NO_DETECTION] == "true"  # the connector must not look for a cloud while a server runs
        for statement in (f"SELECT * FROM {table}", f"LIST @{stage}"):
            with pytest.raises(snowflake.connector.errors.ProgrammingError, match="does not exist"):
                connection.cursor().execute(statement)
    assert os.environ[NO_DETECTION] == "0"  # the user's own setting


def test_the_server_listens_on_loopback_only(server: Any) -> None:
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text("ascii").splitlines() if " 0A " in line]
    assert [address for address in listening if address.endswith(f":{server.port:04X}")] == [
        f"0100007F:{server.port:04X}"
    ]


STARTS = """
import select, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's job in the background ignores
from progresskit_snowflake.embedded import embedded_server
with embedded_server() as server:
    print(server.port, flush=True)
    while not select.select([sys.stdin], [], [], 0.05)[0]:
        pass  # one read without a bound would sleep over a signal that came just before it
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_server_ends_with_its_starter(how: signal.Signals, tmp_path: Path) -> None:
    """The server ends with the process that started it, and leaves nothing."""
    process = subprocess.Popen(
        [sys.executable, "-c", STARTS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert process.stdout is not None
    with process:
        try:
            port = int(process.stdout.readline())
            os.kill(process.pid, how)
            process.wait(BOUND)
        finally:
            process.kill()

    def is_gone() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return False
        return True

    wait_until(is_gone)
    wait_until(lambda: not list(tmp_path.iterdir()))


def test_interrupt_ends_a_server_that_starts() -> None:
    """Ctrl-C while the server starts ends its process at once: it would hear of it only after its imports."""
    process = Mock(**{"stdout.readline.side_effect": KeyboardInterrupt})
    with pytest.raises(KeyboardInterrupt):
        embedded._start(process, {}, Path("errors"))
    process.kill.assert_called_once()


def test_a_session_that_is_closed_is_rolled_back(session: Callable[..., Any], cursor: Any, table: str) -> None:
    leaving = session()
    leaving.cursor().execute("BEGIN")
    leaving.cursor().execute(f"INSERT INTO {table} VALUES (1, 'x', NULL)")
    leaving.close()
    assert count(cursor, table) == 0


def test_rolled_back_file_is_loaded_again(cursor: Any, stage: str, table: str, upload: Any) -> None:
    """A file of a load that was rolled back is loaded the next time."""
    upload("a.csv", b"1,x,\n")
    statement = f"COPY INTO {table} FROM @{stage} {CSV}"
    cursor.execute("BEGIN")
    assert cursor.execute(statement).fetchall()[0][1:4] == ("LOADED", 1, 1)
    cursor.execute("ROLLBACK")
    assert count(cursor, table) == 0
    assert cursor.execute(statement).fetchall()[0][1:4] == ("LOADED", 1, 1)
    assert cursor.execute(statement).fetchall()[0][1:4] == ("LOAD_SKIPPED", 0, 0)
    assert count(cursor, table) == 1


@pytest.mark.slow
def test_asynchronous_copy_goes_through_its_states(
    server: Any, session: Callable[..., Any], stage: str, table: str, upload: Any
) -> None:
    """An asynchronous COPY is queued, waits for the warehouse, runs and is done."""
    upload("a.csv", b"1,x,\n2,y,\n")
    connection = session()
    cursor = connection.cursor()
    server.hold("queued")
    cursor.execute_async(f"COPY INTO {table} FROM @{stage} {CSV}")
    query = cursor.sfqid
    for held, status in (("queued", "QUEUED"), ("resuming", "RESUMING_WAREHOUSE"), ("running", "RUNNING")):
        server.hold(held)
        wait_until(lambda status=status: connection.get_query_status(query).name == status)  # type: ignore[misc]
        assert connection.is_still_running(connection.get_query_status(query))
    server.release()
    cursor.get_results_from_sfqid(query)
    assert cursor.fetchall() == [(f"{stage.lower()}/a.csv", "LOADED", 2, 2, 1, 0, None, None, None, None)]
    assert connection.get_query_status(query).name == "SUCCESS"


def test_unknown_hold_state_is_refused(server: Any) -> None:
    """A state in which no statement can be held is refused."""
    with pytest.raises(ValueError, match="'done' is no state to hold at: give one of queued, resuming, running"):
        server.hold("done")


@pytest.mark.parametrize("state", ["queued", "running"])
def test_cancelled_statement_loads_nothing(
    server: Any, session: Callable[..., Any], cursor: Any, stage: str, table: str, upload: Any, state: str
) -> None:
    """A statement that is cancelled fails and loads nothing."""
    upload("a.csv", b"1,x,\n")
    connection = session()
    copying = connection.cursor()
    server.hold(state)
    copying.execute_async(f"COPY INTO {table} FROM @{stage} {CSV}")
    cursor.execute(f"SELECT SYSTEM$CANCEL_QUERY('{copying.sfqid}')")
    wait_until(lambda: not connection.is_still_running(connection.get_query_status(copying.sfqid)))
    with pytest.raises(snowflake.connector.errors.ProgrammingError, match="SQL execution canceled"):
        connection.get_query_status_throw_if_error(copying.sfqid)
    assert count(cursor, table) == 0


def test_a_statement_that_runs_for_ever_is_interrupted(session: Callable[..., Any], cursor: Any) -> None:
    connection = session()
    running = connection.cursor()
    running.execute_async("SELECT count(*) FROM range(1000000000) a, range(1000000000) b")
    cursor.execute(f"SELECT SYSTEM$CANCEL_QUERY('{running.sfqid}')")
    wait_until(lambda: connection.get_query_status(running.sfqid).name == "FAILED_WITH_ERROR")
    assert connection.cursor().execute("SELECT 1").fetchall() == [(1,)]


def test_unsupported_statement_is_refused_for_good(cursor: Any, stage: str) -> None:
    """An unsupported statement is reported, and not retried."""
    with pytest.raises(snowflake.connector.errors.ProgrammingError, match=r"cannot run this: .*Unknown copy parameter"):
        cursor.execute(f"COPY INTO t FROM @{stage} NONSENSE = TRUE {CSV}")


NO_START = {
    "missing": ("raise ImportError('no uvicorn here')", 180, r" \(ImportError: no uvicorn here\): pip install"),
    "killed": ("import os; os.kill(os.getpid(), 9)", 180, r" \(signal 9 ended its process\)\.$"),
    "silent": ("import os; os._exit(3)", 180, r" \(its process ended with the status 3\)\.$"),
    "slow": ("import time; time.sleep(600)", 0.1, r" within 0\.1 seconds, and was ended: this machine may be too busy"),
}


@pytest.mark.parametrize("case", NO_START)
def test_a_server_that_does_not_start(case: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A server that does not start says why, and what to install if that is the cause."""
    program, seconds, words = NO_START[case]
    (tmp_path / "uvicorn.py").write_text(program, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(embedded, "START_SECONDS", seconds)
    with pytest.raises(LoadError, match=f"the embedded server did not start{words}"), embedded_server():
        pass


def test_uploads_keep_to_the_pace_all_together() -> None:
    clock = ManualClock()
    controls = Controls(1000.0, clock)
    assert [controls.delay(500), controls.delay(500)] == [0.5, 1.0]
    clock.advance(2)
    assert controls.delay(100) == pytest.approx(0.1)
    controls.tell("pace", None)
    assert controls.delay(10**9) == 0


def test_arrivals_are_noted_by_the_millisecond() -> None:
    """Arriving bytes are recorded to the millisecond."""
    clock = ManualClock()
    controls = Controls(clock=clock)
    began = clock()
    for step in (0, 0.0004, 0.0004, 0.0004, 1):
        clock.advance(step)
        controls.arrived(10)
    arrivals = [(round(at - began, 4), total) for at, total in controls.tell("received", 0)]
    assert arrivals == [(0, 10), (0.0008, 30), (0.0012, 40), (1.0012, 50)]


def test_a_reset_comes_once_and_may_begin_an_absence() -> None:
    clock = ManualClock()
    controls = Controls(clock=clock)
    controls.tell("reset", 1, 100, 5.0)
    assert [controls.reset_due(99), controls.reset_due(100), controls.reset_due(200)] == [False, True, False]
    assert controls.away
    clock.advance(5)
    assert not controls.away
    with pytest.raises(ValueError, match="'nonsense' is no command of the server: give one of pace, refuse"):
        controls.tell("nonsense")
