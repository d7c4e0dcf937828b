"""Execute COPY: the real connector over real HTTP, with the embedded server, observed from a second session."""

from __future__ import annotations

import contextlib
import gzip
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
pytest.importorskip("uvicorn", reason="the embedded server is not installed in this environment")

import snowflake.connector
from progresskit_snowflake import SnowflakeProgress, copy_into
from progresskit_snowflake.bars.copier import execute_watched
from progresskit_snowflake.copying import FORMATS, Staged, statement

from progresskit import ProgressTracker, Task
from progresskit.testing import ManualTicker, RecordingRenderer


@pytest.fixture
def sessions(session: Any) -> Any:
    """A function that opens sessions."""
    return session


def count(cursor: Any, table: str) -> int:
    return int(cursor.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def stage(cursor: Any, folder: Path, name: str, files: dict[str, str]) -> None:
    """Make a stage with these files, compressed if their names say so."""
    cursor.execute(f"CREATE STAGE {name}")
    for file, text in files.items():
        path = folder / file
        path.write_bytes(gzip.compress(text.encode()) if file.endswith(".gz") else text.encode())
        cursor.execute(f"PUT 'file://{path}' @{name} AUTO_COMPRESS = FALSE SOURCE_COMPRESSION = NONE")


def begun(tracker: ProgressTracker) -> list[Task]:
    """Return a list to which all further tasks of `tracker` are added."""
    tasks: list[Task] = []
    add = tracker.add_task

    def added(*arguments: Any, **more: Any) -> Task:
        tasks.append(add(*arguments, **more))
        return tasks[-1]

    tracker.add_task = added  # type: ignore[method-assign]
    return tasks


def parts(number: int, rows: int) -> dict[str, str]:
    return {f"{part}.csv.gz": "a,b\n" + "1,x\n" * rows for part in range(number)}


@pytest.mark.slow
def test_batches_share_a_transaction(sessions: Any, tmp_path: Path) -> None:
    """All batches are in one transaction, and rows are exact after each."""
    cursor, reader = sessions().cursor(), sessions().cursor()
    cursor.execute("CREATE TABLE batched (a INT, b VARCHAR)")
    stage(cursor, tmp_path, "batched_stage", parts(3, 10))
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    task = tracker.add_task("COPY", total=30, unit="row")
    seen: list[tuple[int, int]] = []
    update = task.update

    class Bar:
        """Records what a second session reads each time that the task moves."""

        def update(self, **more: Any) -> None:
            update(**more)
            seen.append((int(task.completed), count(reader, "batched")))

    copied = copy_into(cursor, "batched", "batched_stage", batch_size=1, task=Bar())  # type: ignore[arg-type]
    assert (copied.rows, copied.rejected) == (30, 0)
    assert copied.strategy.startswith("size-balanced batches (3) in one transaction")
    assert {completed for completed, _ in seen} >= {0, 10, 20, 30}
    assert {rows for _, rows in seen} == {0}  # a reader sees all rows or none
    assert count(reader, "batched") == 30
    tracker.stop()


@pytest.mark.slow
def test_failed_last_batch_rolls_back_all(sessions: Any, tmp_path: Path) -> None:
    """A bad row in the last batch rolls back all batches."""
    cursor = sessions().cursor()
    cursor.execute("CREATE TABLE whole (a INT, b VARCHAR)")
    cursor.execute("INSERT INTO whole VALUES (7, 'before')")
    stage(cursor, tmp_path, "whole_stage", {**parts(3, 10), "9.csv.gz": "a,b\n1,x\noops,y\n"})
    with pytest.raises(snowflake.connector.errors.ProgrammingError, match="oops"):
        copy_into(cursor, "whole", "whole_stage", batch_size=1, tracker=ProgressTracker("none"))
    assert count(cursor, "whole") == 1
    with pytest.raises(snowflake.connector.errors.ProgrammingError):
        copy_into(cursor, "nowhere", "whole_stage", tracker=ProgressTracker("none"))
    copied = copy_into(
        cursor, "whole", "whole_stage", files=["0.csv.gz", "1.csv.gz", "2.csv.gz"], tracker=ProgressTracker("none")
    )
    assert (copied.rows, count(cursor, "whole"), copied.strategy) == (30, 31, "one statement")


@pytest.mark.slow
def test_purged_after_the_commit(sessions: Any, tmp_path: Path) -> None:
    """Purged files are removed after the commit; files that lost rows stay."""
    cursor = sessions().cursor()
    cursor.execute("CREATE TABLE purged (a INT, b VARCHAR)")
    stage(cursor, tmp_path, "purged_stage", {**parts(3, 1), "bad.csv.gz": "a,b\noops,x\n"})
    with pytest.raises(snowflake.connector.errors.ProgrammingError):
        copy_into(cursor, "purged", "purged_stage", purge=True, batch_size=1, tracker=ProgressTracker("none"))

    def names() -> list[str]:
        return sorted(row[0].partition("/")[2] for row in cursor.execute("LIST @purged_stage").fetchall())

    assert names() == ["0.csv.gz", "1.csv.gz", "2.csv.gz", "bad.csv.gz"]
    copy_into(cursor, "purged", "purged_stage", files=["0.csv.gz"], tracker=ProgressTracker("none"))
    assert len(names()) == 4
    copy_into(cursor, "purged", "purged_stage", files=["1.csv.gz"], purge=True, tracker=ProgressTracker("none"))
    assert names() == ["0.csv.gz", "2.csv.gz", "bad.csv.gz"]
    some = {"files": ["0.csv.gz", "bad.csv.gz"], "force": True, "batch_size": 1, "tracker": ProgressTracker("none")}
    copied = copy_into(cursor, "purged", "purged_stage", on_error="skip_file", purge=True, **some)
    assert (copied.rows, names()) == (1, ["2.csv.gz", "bad.csv.gz"])  # files that lost rows stay
    before = count(cursor, "purged")
    with pytest.raises(snowflake.connector.errors.ProgrammingError, match="oops"):
        copy_into(cursor, "purged", "purged_stage", purge="always", batch_size=1, tracker=ProgressTracker("none"))
    assert (names(), count(cursor, "purged")) == ([], before)


def test_no_purge_in_an_open_transaction(sessions: Any) -> None:
    """Files that the caller may still roll back are not purged."""
    with pytest.raises(ValueError, match="remove them after your own COMMIT"):
        copy_into(sessions().cursor(), "t", "s", purge=True, transaction=False)


def test_parquet_goes_to_columns_by_name(sessions: Any, tmp_path: Path) -> None:
    """Parquet is loaded by column names, and a caller's transaction stays the caller's."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    cursor, reader = sessions().cursor(), sessions().cursor()
    cursor.execute("CREATE TABLE columns_by_name (a INT, b VARCHAR)")
    cursor.execute("CREATE STAGE by_name_stage")
    pq.write_table(pa.table({"b": ["x", "y"], "a": [1, 2]}), tmp_path / "one.parquet")
    cursor.execute(f"PUT 'file://{tmp_path}/one.parquet' @by_name_stage AUTO_COMPRESS = FALSE")
    cursor.execute("BEGIN")
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    bars = begun(tracker)
    copied = copy_into(
        cursor, "columns_by_name", "by_name_stage", file_format="parquet", transaction=False, tracker=tracker,
        files={"one.parquet": 2},
    )  # fmt: skip
    assert (copied.rows, count(cursor, "columns_by_name"), count(reader, "columns_by_name")) == (2, 2, 0)
    assert [(bar.completed, bar.total, bar.state) for bar in bars] == [(2, 2, "finished")]
    cursor.execute("COMMIT")
    assert reader.execute("SELECT a, b FROM columns_by_name ORDER BY a").fetchall() == [(1, "x"), (2, "y")]
    tracker.stop()


def test_single_file(server: Any, sessions: Any, tmp_path: Path) -> None:
    """A single file has a spinner and the expected count until the true count arrives."""
    cursor = sessions().cursor()
    cursor.execute("CREATE TABLE single (a INT, b VARCHAR)")
    stage(cursor, tmp_path, "single_stage", parts(1, 10))
    server.hold("running")
    for kind, place in ((ProgressTracker, 0), (SnowflakeProgress, 4)):
        tracker = kind(renderer=RecordingRenderer(), ticker=ManualTicker())
        bars = begun(tracker)
        with ThreadPoolExecutor() as pool:
            load = pool.submit(
                copy_into, cursor, "single", "single_stage", files={"0.csv.gz": 10}, force=True, tracker=tracker
            )
            until(lambda tracker=tracker: [t.fields.get("phase") for t in tracker.frame().tasks] == ["running"])
            (view,) = tracker.frame().tasks
            assert (view.description, view.total, view.position) == ("COPY single", None, place)
            assert view.fields["expected"] == "10 rows"
            server.release()
            assert load.result(60).rows == 10
        (last,) = bars
        assert (last.completed, last.total, last.state, "expected" in last.fields) == (10, 10, "finished", False)
        tracker.stop()
        server.hold("running")


def test_estimate_stays_within_its_batch(server: Any, sessions: Any, tmp_path: Path) -> None:
    """Within a batch, the estimate is marked and does not exceed the batch."""
    cursor, reader = sessions().cursor(), sessions().cursor()
    cursor.execute("CREATE TABLE guessed (a INT, b VARCHAR)")
    stage(cursor, tmp_path, "guessed_stage", parts(2, 1_000))
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    task = tracker.add_task("COPY", total=2_000, unit="row")
    update = task.update

    class Bar:
        """The task. After the first batch, the server delays the second one."""

        def update(self, **more: Any) -> None:
            if more.get("completed") == 1_000 and "size" in more:
                server.hold("running")
            update(**more)

    with ThreadPoolExecutor() as pool:
        load = pool.submit(copy_into, cursor, "guessed", "guessed_stage", batch_size=1, task=Bar())  # type: ignore[arg-type]

        def view() -> Any:
            return tracker.frame().tasks[0]

        until(lambda: view().estimated and view().completed > 1_000)
        until(lambda: view().completed == 1_950)  # 95 % of the batch, and no more
        assert (view().estimated, view().fields["phase"], count(reader, "guessed")) == (True, "running", 0)
        server.release()
        copied = load.result(60)
    assert (copied.rows, copied.strategy) == (2_000, "size-balanced batches (2) in one transaction, estimates between")
    assert (view().completed, view().estimated, count(reader, "guessed")) == (2_000, False, 2_000)
    tracker.stop()


@pytest.mark.parametrize("kind", [pytest.param(ProgressTracker, marks=pytest.mark.slow), SnowflakeProgress])
def test_several_tables_have_a_bar_each(kind: Any, server: Any, sessions: Any, tmp_path: Path) -> None:
    """Several tables at once each have a correct bar, which overlaps no other."""
    tables = [f"at_once_{kind.__name__}_{number}" for number in range(3)]
    cursors = [sessions().cursor() for _ in tables]
    for cursor, table, rows in zip(cursors, tables, (10, 20, 30), strict=True):
        folder = tmp_path / table
        folder.mkdir()
        cursor.execute(f"CREATE TABLE {table} (a INT, b VARCHAR)")
        stage(cursor, folder, f"{table}_stage", parts(2, rows))
    tracker = kind(renderer=RecordingRenderer(), ticker=ManualTicker())
    bars = begun(tracker)
    server.hold("running")
    with ThreadPoolExecutor() as pool:
        loads = [
            pool.submit(copy_into, cursor, table, f"{table}_stage", batch_size=1, rows=2 * rows, tracker=tracker)
            for cursor, table, rows in zip(cursors, tables, (10, 20, 30), strict=True)
        ]
        until(lambda: [view.fields.get("phase") for view in tracker.frame().tasks] == ["running"] * 3)
        views = tracker.frame().tasks
        assert sorted((view.description, view.total) for view in views) == [
            (f"COPY {table}", rows) for table, rows in zip(tables, (20, 40, 60), strict=True)
        ]
        assert len({view.position for view in views}) == 3
        server.release()
        assert [load.result(60).rows for load in loads] == [20, 40, 60]
    assert [count(cursor, table) for cursor, table in zip(cursors, tables, strict=True)] == [20, 40, 60]
    for table, rows in zip(tables, (10, 20, 30), strict=True):  # two statements each
        assert [bar.completed for bar in bars if bar.description == f"COPY {table}"] == [rows, 2 * rows]
    assert {bar.state for bar in bars} == {"finished"}
    tracker.stop()


def test_lost_session_loads_nothing(server: Any, sessions: Any, bar: Any, tmp_path: Path) -> None:
    """The loss of a session during COPY is reported, and nothing is loaded."""
    cursor = sessions().cursor()
    cursor.execute("CREATE TABLE lost (a INT, b VARCHAR)")
    stage(cursor, tmp_path, "lost_stage", parts(2, 10))
    update = bar.update

    class Bar:
        """The task. After the first batch, the server holds the second one."""

        def update(self, **more: Any) -> None:
            if more.get("completed") == 10 and "size" in more:
                server.hold("running")
            update(**more)

    with ThreadPoolExecutor() as pool:
        load = pool.submit(copy_into, cursor, "lost", "lost_stage", batch_size=1, task=Bar())  # type: ignore[arg-type]
        until(lambda: bar.completed >= 10 and bar.fields.get("phase") == "running")
        server.lose_sessions()
        with pytest.raises(snowflake.connector.errors.Error, match="Session no longer exists"):
            load.result(60)
    server.release()
    assert count(sessions().cursor(), "lost") == 0


def test_mistakes_are_told_before_copying(sessions: Any, tmp_path: Path) -> None:
    """Mistakes of the caller are reported before anything is copied."""
    cursor = sessions().cursor()
    cursor.execute("CREATE STAGE mistakes")
    with pytest.raises(ValueError, match="on_error is 'ignore': give one of abort, continue, skip_file"):
        copy_into(cursor, "t", "mistakes", on_error="ignore")
    with pytest.raises(ValueError, match=r"the stage mistakes has no file none\.csv"):
        copy_into(cursor, "t", "mistakes", files=["none.csv"])
    assert copy_into(cursor, "t", "mistakes", tracker=ProgressTracker("none")).rows == 0


def test_threads_of_a_group_end_together() -> None:
    from progresskit_snowflake.loading.worker_threads import Channel, Shared, ThreadGroup

    group = ThreadGroup()
    channel = Channel(group, senders=2, limit=1)
    received: list[int] = []
    lock = threading.Lock()

    def give(start: int) -> None:
        for number in range(start, start + 50):
            channel.put(number)
        channel.close()

    def receive() -> None:
        for number in channel:
            with lock:
                received.append(number)

    group.start("a", lambda: give(0))
    group.start("b", lambda: give(50))
    for _ in range(3):
        group.start("c", receive)
    group.join()
    assert sorted(received) == list(range(100))

    group = ThreadGroup()
    waiting = Channel(group)
    group.start("waits", lambda: [None for _ in waiting])
    group.start("fails", lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    with pytest.raises(ZeroDivisionError):
        group.join()

    made: list[str] = []

    class Thing:
        def __enter__(self) -> str:
            made.append("begun")
            return "thing"

        def __exit__(self, *exception: object) -> None:
            made.append("ended")

    shared = Shared(Thing, iter([1.0, 3.0, 5.0, 6.0]).__next__)  # type: ignore[arg-type]
    with shared as one, shared as two:
        assert (one, two, made) == ("thing", "thing", ["begun"])
    with shared:
        pass
    assert (made, shared.seconds) == (["begun", "ended"] * 2, 3.0)


def test_first_exception_ends_what_is_shared() -> None:
    """The first exception of a holder ends the shared object at once; that of a guest cancels it; afterwards nobody gets it."""
    from progresskit_snowflake.loading.worker_threads import Shared, Stopped

    ended: list[object] = []

    class Thing:
        def __enter__(self) -> str:
            return "thing"

        def __exit__(self, kind: object, *_: object) -> None:
            ended.append(kind)

    shared = Shared(Thing)
    with contextlib.suppress(Stopped), shared:
        with contextlib.suppress(ZeroDivisionError), shared:
            1 / 0  # noqa: B018
        assert ended == [ZeroDivisionError]
        with pytest.raises(Stopped), shared:
            pass
        raise Stopped
    assert ended == [ZeroDivisionError]
    stopped = Shared(Thing)
    with contextlib.suppress(OSError), stopped:  # the thread that fails is slower than the thread that it stops
        with contextlib.suppress(Stopped), stopped:
            raise Stopped
        raise OSError
    assert ended == [ZeroDivisionError, OSError]
    ended.pop()
    guest = Shared(Thing)
    with guest, pytest.raises(OSError, match="full"), guest.kept():
        raise OSError("full")
    assert ended == [ZeroDivisionError, Stopped]


def until(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "that did not happen within a minute"
        time.sleep(0.005)


@pytest.fixture
def bar() -> Iterator[Any]:
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    yield tracker.add_task("COPY", unit="row")
    tracker.stop()


@pytest.mark.slow
def test_waiting_statement_says_what_for(server: Any, sessions: Any, bar: Any, tmp_path: Path) -> None:
    """A waiting statement shows its state, and no reader sees a part of a load."""
    cursor, reader = sessions().cursor(), sessions().cursor()
    cursor.execute("CREATE TABLE held (a INT, b VARCHAR)")
    stage(cursor, tmp_path, "held_stage", parts(2, 10))
    server.hold("queued")
    with ThreadPoolExecutor() as pool:
        load = pool.submit(copy_into, cursor, "held", "held_stage", batch_size=1, task=bar)
        until(lambda: bar.fields.get("phase") == "queued")
        server.hold("resuming")
        until(lambda: bar.fields.get("phase") == "resuming the warehouse")
        server.hold("running")
        until(lambda: bar.fields.get("phase") == "running")
        assert (count(reader, "held"), bar.completed) == (0, 0)
        server.release()
        assert load.result(60).rows == 20
    assert (count(reader, "held"), bar.completed, bar.fields.get("phase")) == (20, 20, None)


def test_cancelled_statement_is_aborted(server: Any, sessions: Any, bar: Any, tmp_path: Path) -> None:
    """A cancelled statement is aborted, and its session can be used."""
    cursor = sessions().cursor()
    cursor.execute("CREATE TABLE aborted (a INT, b VARCHAR)")
    stage(cursor, tmp_path, "aborted_stage", parts(1, 10))
    server.hold("running")
    states: list[str] = []

    def check_stop() -> None:
        if "running" in states:
            raise KeyboardInterrupt

    sql = statement("aborted", "aborted_stage", [Staged("0.csv.gz", 1)], FORMATS["csv"])
    with pytest.raises(KeyboardInterrupt):
        execute_watched(cursor, sql, states.append, check_stop)
    server.release()
    assert count(cursor, "aborted") == 0


@pytest.mark.parametrize(("on_error", "rows", "rejected"), [("continue", 12, 1), ("skip_file", 10, 3)])
def test_rejected_rows_are_told_by_file(
    on_error: str, rows: int, rejected: int, sessions: Any, bar: Any, tmp_path: Path
) -> None:
    """Rows that the server rejects are reported by file, with the first error."""
    cursor, name = sessions().cursor(), f"rejected_{on_error}"
    cursor.execute(f"CREATE TABLE {name} (a INT, b VARCHAR)")
    stage(cursor, tmp_path, f"{name}_stage", {**parts(1, 10), "bad.csv": "a,b\n1,x\noops,y\n3,z\n"})
    copied = copy_into(cursor, name, f"{name}_stage", on_error=on_error, task=bar)
    assert (copied.rows, copied.rejected, count(cursor, name)) == (rows, rejected, rows)
    assert bar.fields["rejected"] == f"{rejected} row{'s' * (rejected > 1)}"
    assert bar.fields["error"] == f"{name}_stage/bad.csv:3: Numeric value 'oops' is not recognized"
    (trouble,) = copied.troubles()
    assert (trouble.file.endswith("bad.csv"), trouble.line) == (True, 3)
    assert "oops" in (trouble.error or "")


def test_json_lines_go_to_columns_by_name(sessions: Any, bar: Any, tmp_path: Path) -> None:
    """JSON lines are loaded by column names, compressed or not."""
    cursor = sessions().cursor()
    cursor.execute("CREATE TABLE lines (a INT, b VARCHAR)")
    files = {"1.json": '{"b": "x", "a": 1}\n{"a": 2}\n', "2.json.gz": '{"a": 3, "b": "z"}\n'}
    stage(cursor, tmp_path, "lines_stage", files)
    assert copy_into(cursor, "lines", "lines_stage", file_format="json", task=bar).rows == 3
    assert cursor.execute("SELECT a, b FROM lines ORDER BY a").fetchall() == [(1, "x"), (2, None), (3, "z")]


def test_entered_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """The block runs while the object is entered; each object that was entered is left, with the block's exception."""
    from progresskit_snowflake.loading.worker_threads import entered_meanwhile

    left: list[object] = []
    runs = threading.Event()

    class Stage:
        def __enter__(self) -> None:
            if not runs.wait(30):
                raise TimeoutError

        def __exit__(self, kind: object, *_: object) -> None:
            left.append(kind)

    with entered_meanwhile(Stage()) as wait:
        runs.set()
        wait()
        assert not left
    for error in (OSError, KeyboardInterrupt):
        with contextlib.suppress(error), entered_meanwhile(Stage()):
            raise error
    assert left == [None, OSError, KeyboardInterrupt]
    monkeypatch.setattr(runs, "wait", lambda seconds: False)
    with pytest.raises(TimeoutError), entered_meanwhile(Stage()) as wait:
        wait()
    with pytest.raises(TimeoutError), entered_meanwhile(Stage()):
        pass
    assert len(left) == 3
