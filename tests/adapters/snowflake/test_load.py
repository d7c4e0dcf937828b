"""Whole loads: the real connector over real HTTP, with the embedded server; rows are counted with SQL."""

from __future__ import annotations

import contextlib
import gzip
import os
import pty
import random
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
pytest.importorskip("uvicorn", reason="the embedded server is not installed in this environment")

import pyte
from progresskit_snowflake import cli
from progresskit_snowflake.bars.copier import CopyWatch
from progresskit_snowflake.bars.progress import SnowflakeProgress
from progresskit_snowflake.bars.uploading import Uploads
from progresskit_snowflake.cli import main
from progresskit_snowflake.copying import FORMATS, Staged, statement
from progresskit_snowflake.files.opening import BadData
from progresskit_snowflake.files.packing import CanonicalForm
from progresskit_snowflake.files.quality import check
from progresskit_snowflake.loading.pipeline import Load
from progresskit_snowflake.loading.session import LoadError, Loading, Session, Staging
from progresskit_snowflake.loading.summary import summarize
from progresskit_snowflake.loading.worker_threads import ThreadGroup, entered_meanwhile
from progresskit_snowflake.options import command_parser
from progresskit_snowflake.sql.columns import Column, check_header, identifier

from progresskit import ProgressTracker
from progresskit._tracking.silent import SilentTicker
from progresskit.testing import ManualClock, ManualTicker, RecordingRenderer

FLIGHTS = sorted((Path(__file__).parents[3] / "examples" / "flights").glob("*.csv"))


class Sessions:
    """Opens sessions with the shared server. Successful loads one after the other share two sessions."""

    def __init__(self, opened: Any) -> None:
        self._opened = opened
        self._pair: list[Any] = []

    def __call__(self) -> Any:
        return self._opened()

    @contextlib.contextmanager
    def pair(self) -> Iterator[list[Any]]:
        pair, self._pair = self._pair or [self(), self()], []
        yield pair
        self._pair = pair


@pytest.fixture
def sessions(session: Any) -> Sessions:
    return Sessions(session)


@pytest.fixture
def connection(cursor: Any) -> Any:
    return cursor.connection


def load(sessions: Any, tmp_path: Path, paths: list[Path], table: str, **options: Any) -> Any:
    folder = tmp_path / "packed"
    folder.mkdir(exist_ok=True)
    with SnowflakeProgress(renderer="none") as progress, sessions.pair() as (one, other):
        return Load(paths, table, Staging(one), Loading(other), progress, folder, **options).run()


def count(connection: Any, statement: str) -> int:
    return int(connection.cursor().execute(statement).fetchall()[0][0])


WIDE = f"1,{'x' * 197}\n"
"""A row of 200 bytes: a few thousand rows fill the first block of a file, which decides the types of its columns."""


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8", newline="")
    return path


def test_the_sample_is_in_the_table_row_by_row(sessions: Any, connection: Any, tmp_path: Path) -> None:
    summary = load(sessions, tmp_path, FLIGHTS[1:2], "flights", nulls=["NA"])
    assert summary.loaded == summary.rows == 24_951
    assert count(connection, "SELECT count(*) FROM flights") == 24_951
    assert count(connection, "SELECT count(*) FROM flights WHERE month = 2") == 24_951
    assert count(connection, "SELECT count(*) FROM flights WHERE dep_time IS NULL AND month = 2") == 1_261
    assert list((tmp_path / "packed").iterdir()) == []


def test_quoted_names_and_hostile_files(sessions: Any, connection: Any, tmp_path: Path) -> None:
    """Names that need quotes, and files with unusual contents, are loaded."""
    header = 'select,two words,größe,"a ""quoted"" one"\n'
    paths = [
        write(tmp_path / "it's; DROP\n'x'.csv", header + '1,"x, y\nz",2.5,a\n2,w,3,b\n'),
        tmp_path / "100% %41 ünï \x1b[31m.csv.gz",
    ]
    with gzip.open(paths[1], "wt", encoding="utf-8", newline="") as packed:
        packed.write(header + "3,v,4,c\n")
    assert load(sessions, tmp_path, paths, "odd table").loaded == 3
    assert count(connection, 'SELECT count(*) FROM "odd table" WHERE "select" > 1 AND "größe" >= 3') == 2
    assert count(connection, 'SELECT count("a ""quoted"" one") FROM "odd table"') == 3


def test_server_error_names_file_and_line(sessions: Any, connection: Any, tmp_path: Path) -> None:
    """An error of the server has the user's file and line, and nothing is loaded."""
    connection.cursor().execute("CREATE TABLE refusing (a INT, b VARCHAR)")
    good, bad = write(tmp_path / "good.csv", "a,b\n1,x\n"), write(tmp_path / "it's bad.csv", "a,b\n1,x\n2,y\noops,z\n")
    with pytest.raises(LoadError, match=r"copying into refusing failed: .*it's bad.csv:4: .*oops"):
        load(sessions, tmp_path, [good, bad], "refusing", quality=False)
    assert count(connection, "SELECT count(*) FROM refusing") == 0
    summary = load(sessions, tmp_path, [good, bad], "refusing", quality=False, on_error="continue")
    assert (summary.loaded, summary.copied.rejected) == (3, 1)
    assert f"1 of 3 rows rejected, {bad}:4: Numeric value 'oops' is" in summarize("refusing", summary)


@pytest.mark.parametrize("packed", [pytest.param(False, marks=pytest.mark.slow), True])
def test_json_lines_are_checked_and_loaded_by_name(
    packed: bool, sessions: Any, connection: Any, tmp_path: Path
) -> None:
    table = f"json_{packed}"
    text = '{"id": 1000000000000000001, "Name": "x", "when": "2013-02-28"}\n\n{"Name": "y, \\"z\\"", "id": 2}\n'
    first, second = tmp_path / "first.json", write(tmp_path / "second.jsonl", '{"id": 3, "rate": 2.5}\n')
    first.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    summary = load(sessions, tmp_path, [first, second], table, file_format="json")
    assert summary.loaded == summary.rows == 3
    found = connection.cursor().execute(f"SELECT id, name, rate FROM {table} ORDER BY id").fetchall()
    assert found == [(2, 'y, "z"', None), (3, None, 2.5), (1000000000000000001, "x", None)]
    bad = write(tmp_path / "bad.json", '{"id": 4}\n{"id": \n[5]\n{"id": "six"}\n')
    with pytest.raises(BadData, match=r"3 bad rows") as raised:
        load(sessions, tmp_path, [bad], table, file_format="json")
    for words in ("bad.json:2: it is no JSON", "bad.json:3: it is no JSON object", "bad.json:4: id is 'six'"):
        assert words in str(raised.value)
    assert load(sessions, tmp_path, [bad], table, file_format="json", max_bad_rows=3).loaded == 1
    unknown = write(tmp_path / "unknown.json", '{"id": 7, "more": 1}\n')
    with pytest.raises(BadData, match=f"{table} has no column more"):
        load(sessions, tmp_path, [unknown], table, file_format="json")


@pytest.fixture
def copy_bars(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int | None, dict[str, Any]]]:
    """The expected rows and the other arguments of each bar of COPY."""
    bars: list[tuple[int | None, dict[str, Any]]] = []
    begin = SnowflakeProgress.start_copy_operation

    def begun(progress: Any, table: str, rows: int | None = None, **more: Any) -> Any:
        bars.append((rows, more))
        return begin(progress, table, rows, **more)

    monkeypatch.setattr(SnowflakeProgress, "start_copy_operation", begun)
    return bars


def test_single_file_expects_its_checked_rows(sessions: Any, tmp_path: Path, copy_bars: list[Any]) -> None:
    """A single file has its checked rows as the expected number, and no measured speed."""
    path = write(tmp_path / "one.csv", "a\n1\n2\n")
    summary = load(sessions, tmp_path, [path], "one_file")
    assert copy_bars == [(2, {"measured": False})]
    assert (summary.loaded, summary.copied.strategy) == (2, "one statement")
    load(sessions, tmp_path, [path], "one_file", quality=False)
    assert copy_bars[1:] == [(None, {"measured": False})]  # the rows were not counted


@pytest.mark.slow
def test_parquet_has_the_rows_of_its_footers(
    sessions: Any, connection: Any, tmp_path: Path, copy_bars: list[Any]
) -> None:
    """Parquet is loaded by names, with the number of rows of its footers."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for number, codec in enumerate(("snappy", "gzip")):
        columns = {"id": [number, 10], "rate": [0.5, None], "name": ["x", "y"], "good": [True, None]}
        pq.write_table(pa.table(columns), tmp_path / f"{number}.parquet", compression=codec)
    paths = sorted(tmp_path.glob("*.parquet"))
    summary = load(sessions, tmp_path, paths, "parquet", file_format="parquet", quality=False)
    assert {rows for rows, _ in copy_bars} == {4}
    assert (summary.loaded, [column.type for column in Session(connection).columns("parquet") or ()]) == (
        4,
        ["NUMBER(38,0)", "FLOAT", "VARCHAR(16777216)", "BOOLEAN"],
    )
    rows = connection.cursor().execute("SELECT id, rate, name, good FROM parquet WHERE id < 2 ORDER BY id").fetchall()
    assert rows == [(0, 0.5, "x", True), (1, 0.5, "x", True)]
    pq.write_table(pa.table({"id": [1], "other": [2]}), tmp_path / "2.parquet")
    with pytest.raises(BadData, match=r"2.parquet: its columns are id, other"):
        load(sessions, tmp_path, [*paths, tmp_path / "2.parquet"], "parquet", file_format="parquet")
    assert count(connection, "SELECT count(*) FROM parquet") == 4


@pytest.mark.parametrize(
    "keep", [pytest.param("never", marks=pytest.mark.slow), "failed", pytest.param("always", marks=pytest.mark.slow)]
)
def test_staged_files_are_kept_or_purged_as_asked(keep: Any, sessions: Any, connection: Any, tmp_path: Path) -> None:
    connection.cursor().execute(f"CREATE TABLE kept_{keep} (a INT)")
    good, bad = write(tmp_path / "good.csv", "a\n1\n"), write(tmp_path / "bad.csv", "a\noops\n")

    def stages() -> list[str]:
        rows = connection.cursor().execute("SHOW STAGES").fetchall()
        return [row[1] for row in rows if row[1].startswith("PROGRESSKIT")]

    before = stages()
    with pytest.raises(LoadError, match="oops"):
        load(sessions, tmp_path, [bad], f"kept_{keep}", quality=False, keep_staged=keep)
    after = [name for name in stages() if name not in before]
    assert len(after) == (keep != "never")
    for name in after:
        assert len(connection.cursor().execute(f"LIST @{name}").fetchall()) == 1
        connection.cursor().execute(f"DROP STAGE {name}")
    summary = load(sessions, tmp_path, [good], f"kept_{keep}", keep_staged=keep)
    after = [name for name in stages() if name not in before]
    assert after == [summary.kept] * (keep == "always")
    said = f"the uploaded files stay on @{summary.kept}: DROP STAGE {summary.kept} when they are needed no more."
    assert (said in summarize("t", summary)) == (keep == "always")
    assert count(connection, f"SELECT count(*) FROM kept_{keep}") == 1
    for name in after:
        connection.cursor().execute(f"DROP STAGE {name}")  # other tests check whether loads leave any


@pytest.mark.slow
def test_jobs_share_the_bars_and_the_transaction(sessions: Any, connection: Any, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{n}.csv", "a\n" + f"{n}\n" * 1_000) for n in range(5)]
    folder = tmp_path / "packed"
    folder.mkdir()
    renderer = RecordingRenderer()
    with SnowflakeProgress(renderer=renderer, interval=0.001, budget=1.0) as progress:
        staging = Staging(sessions())
        more = [Staging(sessions(), like=staging) for _ in range(3)]
        summary = Load(paths, "jobs", staging, Loading(sessions()), progress, folder, more=more).run()
    assert (summary.loaded, count(connection, "SELECT count(*) FROM jobs WHERE a = 4")) == (5_000, 1_000)
    assert count(connection, "SELECT count(DISTINCT a) FROM jobs") == 5
    for frame in renderer.frames:
        rows = [view.position for view in frame.tasks]
        assert len(rows) == len(set(rows))
        for view in frame.tasks:
            assert view.total is None or view.estimated or view.completed <= view.total, view
    assert summary.bytes["upload"] == summary.bytes["COPY"]


@pytest.mark.parametrize("failing", ["QC rows", "Compression", "Upload", "COPY"])
def test_bar_that_failed_is_reported(
    failing: str, sessions: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bar of the failed phase fails, and so does Files; the other bars have ended or are cancelled."""

    def refuse(*_: object, **__: object) -> None:
        raise LoadError("no")

    for phase, owner, step in (
        ("Compression", CanonicalForm, "pack"),
        ("Upload", Staging, "put"),
        ("COPY", Loading, "copy"),
    ):
        if phase == failing:
            monkeypatch.setattr(owner, step, refuse)
    bars: list[Any] = []
    begin = SnowflakeProgress.phase

    def begun(*arguments: Any, **more: Any) -> Any:
        bars.append(begin(*arguments, **more))
        return bars[-1]

    monkeypatch.setattr(SnowflakeProgress, "phase", begun)
    paths = [write(tmp_path / f"{n}.csv", "a,b\n1,2\n" + "1,2,3\n" * (failing == "QC rows")) for n in range(3)]
    (tmp_path / "packed").mkdir()
    with SnowflakeProgress(renderer="none") as progress, sessions.pair() as (one, other):
        staging = Staging(one)
        load = Load(paths, "failing", staging, Loading(other), progress, tmp_path / "packed", more=[staging])
        with pytest.raises((LoadError, BadData)):
            load.run()
    states = {bar.description.split()[0]: bar.state for bar in bars}
    reason = "1 bad row, with 0 allowed (--max-bad-rows)" if failing == "QC rows" else "no"
    assert {bar.reason for bar in bars if bar.state == "failed"} == {reason}
    assert {name for name, state in states.items() if state == "failed"} == {"Files", failing.split()[0]}, states


def noise(rows: int) -> str:
    """Return rows of two columns that compress badly."""
    source = random.Random(3)
    return "".join(f"{number},{source.randbytes(30).hex()}\n" for number in range(rows))


@pytest.mark.slow
def test_bars_are_true_of_what_is_to_come(sessions: Any, tmp_path: Path) -> None:
    """Bytes are counted by file, not by name, and a total is corrected as soon as more is known.

    No bar exceeds its total, none shows 99 % before 95 % are done, and the last state of each is its total: with links, with
    compressed files, and with files that compress well or badly, in either order.
    """
    rows = noise(20_000)
    plain = write(tmp_path / "plain.csv", "a,b\n" + rows)
    (tmp_path / "link.csv").symlink_to(plain)
    dense = write(tmp_path / "dense.csv", "a,b\n" + "1,x\n" * 200_000)  # a hundredth of its size when it is compressed
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress(("a,b\n" + "1,x\n" * 200_000 + rows).encode()))
    folder = tmp_path / "packed"
    folder.mkdir()
    for paths in ([dense, packed, plain, tmp_path / "link.csv", dense], [plain, dense, packed]):
        renderer = RecordingRenderer()
        bars = SnowflakeProgress(renderer=renderer, interval=0.001, budget=1.0)
        with bars as progress, sessions.pair() as (one, other):
            summary = Load(paths, "bar_totals", Staging(one), Loading(other), progress, folder, max_bad_rows=0).run()
        assert (summary.files, summary.loaded) == (3, 440_000)
        views = [view for frame in renderer.frames for view in (*frame.tasks, *frame.ended)]
        # Two bars of a phase that end between two frames come in either order.
        last = {view.description.split()[0]: view for view in sorted(views, key=lambda view: view.completed)}
        size = sum(path.stat().st_size for path in (plain, dense, packed))
        assert (last["Compression"].completed, last["Compression"].total) == (size, size)
        assert (last["Files"].completed, last["COPY"].completed) == (3, 440_000)
        assert last["Upload"].completed == last["Upload"].total == summary.bytes["upload"]
        for view in views:
            assert view.total is None or view.estimated or view.completed <= view.total, view
            if view.total and view.completed / view.total >= 0.99:
                assert view.completed >= 0.95 * last[view.description.split()[0]].completed, view


def test_columns_of_an_existing_table_go_by_name(sessions: Any, connection: Any, tmp_path: Path) -> None:
    connection.cursor().execute("""CREATE TABLE "by name" (first INT, "Second" VARCHAR, third INT DEFAULT 3)""")
    path = write(tmp_path / "turned.csv", "SECOND,first\nx,1\ny,2\n")
    summary = load(sessions, tmp_path, [path], "by name")
    assert (summary.loaded, summary.left_out) == (2, ["THIRD"])
    rows = connection.cursor().execute("""SELECT first, "Second", third FROM "by name" ORDER BY 1""").fetchall()
    assert rows == [(1, "x", 3), (2, "y", 3)]


def test_foreign_header_is_refused_first(sessions: Any, connection: Any, tmp_path: Path) -> None:
    """A header that does not match the table is refused before anything is loaded."""
    connection.cursor().execute("""CREATE TABLE needs (a INT NOT NULL, b INT)""")
    for header, reason in {
        "a,z": "needs has no column z: it has A, B",
        "b": "needs a value for A, which the header does not have",
    }.items():
        path = write(tmp_path / "header.csv", f"{header}\n1{',1' * header.count(',')}\n")
        with pytest.raises(BadData, match=reason):
            load(sessions, tmp_path, [path], "needs")


def test_files_of_another_header_are_refused_by_name(sessions: Any, tmp_path: Path) -> None:
    one, other = write(tmp_path / "one.csv", "a,b\n1,2\n"), write(tmp_path / "other.csv", "a\n1\n")
    with pytest.raises(BadData, match=r"other.csv: its header is a, but a, b is expected"):
        load(sessions, tmp_path, [one, other], "headers")


def test_identifiers_of_any_length_keep_every_digit(sessions: Any, connection: Any, tmp_path: Path) -> None:
    ids = [str(10**30 + n) for n in range(3)]
    longer = [str(10**38 + n) for n in range(3)]
    rows = "".join(f"{a},{b},{n + 1}.5\n" for n, (a, b) in enumerate(zip(ids, longer, strict=True)))
    path = write(tmp_path / "ids.csv", "a,b,c\n" + rows + f"{ids[0]},{longer[0]},1234567890123456789\n")
    assert load(sessions, tmp_path, [path], "ids").loaded == 4
    kinds = [column.type or "" for column in Session(connection).columns("ids") or ()]
    assert kinds == ["NUMBER(38,0)", "VARCHAR(16777216)", "NUMBER(38,1)"]
    found = connection.cursor().execute("SELECT a, b, c FROM ids").fetchall()
    assert [str(row[0]) for row in found] == [*ids, ids[0]]
    assert [row[1] for row in found] == [*longer, longer[0]]
    assert found[-1][2] == 1234567890123456789


def test_later_row_widens_the_column(sessions: Any, connection: Any, tmp_path: Path) -> None:
    """A later row that needs a wider type widens the column for all rows."""
    whole = write(tmp_path / "whole.csv", "a,b\n" + WIDE * 500)
    mixed = write(tmp_path / "mixed.csv", "a,b\n" + WIDE * 6_000 + "2.5,x\n")  # after the block that decides the types
    summary = load(sessions, tmp_path, [whole, mixed], "widened")
    assert summary.loaded == summary.rows == 6_501
    assert count(connection, "SELECT count(*) FROM widened WHERE a = 2.5") == 1
    assert (Session(connection).columns("widened") or [None])[0] == Column("A", "NUMBER(38,1)")
    assert tables(connection) == ["WIDENED"]


def test_later_text_makes_text_of_the_column(sessions: Any, connection: Any, tmp_path: Path) -> None:
    """A later row that is no number turns the column into text.

    COPY never gets a value that does not fit the table, however much has been checked by then.
    """
    whole = write(tmp_path / "whole.csv", "a,b\n" + WIDE * 500)
    mixed = write(tmp_path / "mixed.csv", "a,b\n" + WIDE * 6_000 + "x,y\n")  # after the block that decides the types
    assert load(sessions, tmp_path, [whole, mixed, write(tmp_path / "last.csv", "a,b\n2,x\n")], "texts").loaded == 6_502
    assert count(connection, "SELECT count(*) FROM texts WHERE a = '1'") == 6_500
    assert count(connection, "SELECT count(*) FROM texts WHERE a IN ('x', '2')") == 2


def test_early_widening_widens_the_table(
    sessions: Any, connection: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A type that is widened before COPY begins widens the table too."""
    start = ThreadGroup.start

    def in_turn(group: ThreadGroup, name: str, work: Any) -> None:
        start(group, name, work)
        if name == "QC":  # the order in which a quick check may happen to finish
            group._threads[-1].join()

    monkeypatch.setattr(ThreadGroup, "start", in_turn)
    mixed = write(tmp_path / "mixed.csv", "a,b\n" + WIDE * 6_000 + "2.5,x\n")  # after the block that decides the types
    assert load(sessions, tmp_path, [mixed], "early").loaded == 6_001
    assert (Session(connection).columns("early") or [None])[0] == Column("A", "NUMBER(38,1)")
    assert count(connection, "SELECT count(*) FROM early WHERE a = 2.5") == 1


def tables(connection: Any) -> list[str]:
    rows = connection.cursor().execute("SHOW TABLES").fetchall()
    return sorted(row[1] for row in rows if row[1].startswith(("PROGRESSKIT", "WIDENED", "NEVER")))


def test_late_bad_rows_leave_the_table(sessions: Any, connection: Any, tmp_path: Path) -> None:
    """Bad rows that are found after other files were copied leave the table unchanged."""
    connection.cursor().execute("CREATE TABLE ledger (a INT, b VARCHAR)")
    connection.cursor().execute("INSERT INTO ledger VALUES (7, 'x')")
    first = write(tmp_path / "first.csv", "a,b\n1,x\n")
    last = write(tmp_path / "last.csv", "a,b\n" + WIDE * 5_000 + "oops,x\n")
    with pytest.raises(BadData, match=r"last.csv:5002: a is 'oops'"):
        load(sessions, tmp_path, [first, last], "ledger")
    assert count(connection, "SELECT count(*) FROM ledger") == 1


def test_bad_rows_leave_no_table(sessions: Any, connection: Any, tmp_path: Path) -> None:
    """Bad rows stop the load, are reported by file and line, and leave no table."""
    rows = "".join(f"{n},x\n" for n in range(50))
    path = write(tmp_path / "bad.csv", 'a,b\n0,"two\nlines"\n\n' + rows + '7,"y"z\n5\n')
    with pytest.raises(BadData, match=r"bad.csv:55: b: 'z' stands behind .*\n.*bad.csv:56: 1 column, but 2"):
        load(sessions, tmp_path, [path], "never")
    assert Session(connection).columns("never") is None
    assert set(tables(connection)) <= {"WIDENED"}
    summary = load(sessions, tmp_path, [path], "allowed", max_bad_rows=2)
    assert (summary.loaded, summary.bad) == (51, 2)


def test_copy_after_the_rollback_loads_nothing(sessions: Any, connection: Any, tmp_path: Path) -> None:
    """A COPY that comes after the rollback loads nothing."""
    connection.cursor().execute("CREATE TABLE late (a INT)")
    path = tmp_path / "late.csv.gz"
    path.write_bytes(gzip.compress(b"a\n1\n2\n"))
    staging, loading, progress = Staging(sessions()), Loading(sessions()), ProgressTracker("none")
    with staging.stage(loading):
        staging.put(path, "late.csv", Uploads(progress.add_task("Upload"), staging.source))
        with pytest.raises(KeyboardInterrupt), loading.table("late", [Column("a")], staging, new=False) as table:
            raise KeyboardInterrupt
        with ThreadPoolExecutor() as pool:  # the copying thread, which has just checked
            batch = [Staged(path.name, 1)]
            sql = statement(table, staging.name, batch, FORMATS["csv"])
            late = pool.submit(loading.copy, sql, batch, CopyWatch(), progress.add_task("COPY"), {})
            with pytest.raises(LoadError, match="copying into late failed: the load has been broken off"):
                late.result()
    progress.stop()
    assert count(connection, "SELECT count(*) FROM late") == 0


def test_copy_keeps_its_row_between_statements(
    sessions: Any, connection: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """COPY has one bar for all statements. While none runs, it says what COPY waits for."""
    paths = [write(tmp_path / f"{n}.csv", "a\n" + "1\n" * (n + 1)) for n in range(3)]
    bars: list[Any] = []
    seen: list[tuple[int, str | None]] = []
    begin, copy, put = SnowflakeProgress.start_copy_operation, Loading.copy, Staging.put

    def shown(bar: Any) -> tuple[int, str | None]:
        return bar.completed, bar.fields.get("phase")

    def begun(*arguments: Any, **more: Any) -> Any:
        bars.append(begin(*arguments, **more))
        return bars[-1]

    def copied(*arguments: Any) -> Any:
        assert [(bar.state, bar.fields.get("phase")) for bar in bars] == [("running", None)]
        return copy(*arguments)

    def uploaded(staging: Any, path: Path, name: str, *more: Any) -> None:
        before = sum(
            range(int(Path(name).stem) + 1)
        )  # rows of the earlier files: this one is sent after they are copied
        deadline = time.monotonic() + 30
        while before and not (bars and shown(bars[0]) == (before, "waiting")):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        seen.extend(map(shown, bars))
        put(staging, path, name, *more)

    monkeypatch.setattr(SnowflakeProgress, "start_copy_operation", begun)
    monkeypatch.setattr(Loading, "copy", copied)
    monkeypatch.setattr(Staging, "put", uploaded)
    assert load(sessions, tmp_path, paths, "bars").loaded == 6
    assert seen == [(1, "waiting"), (3, "waiting")]
    assert [(bar.completed, bar.state) for bar in bars] == [(6, "finished")]


def test_an_existing_table_decides_the_types(sessions: Any, connection: Any, tmp_path: Path) -> None:
    connection.cursor().execute("CREATE OR REPLACE TABLE typed (a INT, b VARCHAR)")
    with pytest.raises(BadData, match="which is no NUMBER"):
        load(sessions, tmp_path, [write(tmp_path / "t.csv", "a,b\n1.5,x\n")], "typed")
    assert load(sessions, tmp_path, [write(tmp_path / "u.csv", "a,b\n1,007\n")], "typed").loaded == 1
    assert count(connection, "SELECT count(*) FROM typed WHERE b = '007'") == 1


def test_number_widens_and_code_stays_text(tmp_path: Path) -> None:
    """Integers widen to decimals, and codes stay text."""
    columns = [Column("a"), Column("b")]
    check(write(tmp_path / "one.csv", "a,b\n1,007\n2,010\n"), columns, lambda rows: None)
    report = check(write(tmp_path / "two.csv", "a,b\n1.5,011\n"), columns, lambda rows: None)
    assert [column.type for column in columns] == ["NUMBER(38,1)", "VARCHAR"]
    assert not report.bad


def test_names_are_quoted_only_where_they_must_be() -> None:
    assert [identifier(name) for name in ("origin", "select", 'a "b"', "größe")] == [
        "origin",
        '"select"',
        '"a ""b"""',
        '"größe"',
    ]
    with pytest.raises(ValueError, match="more than once"):
        check_header(["a", "b", "A"])


COMMAND = [sys.executable, "-c", "from progresskit_snowflake.cli import main; raise SystemExit(main())", "load"]


def run(*arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, env={**os.environ, **environ})


# Lines, at a short interval, so that a bar of some milliseconds has one.
SHOWN = {"PROGRESSKIT_RENDERER": "plain", "PROGRESSKIT_INTERVAL": "0.001", "PROGRESSKIT_BUDGET": "1"}


@pytest.mark.slow
def test_a_load_goes_to_the_connection_of_that_name(connecting_command: Any, tmp_path: Path) -> None:
    command = connecting_command
    path = write(tmp_path / "one.csv", "a,b\n1,x\n2,y\n")
    done = command(path, "--table", "by_name")
    assert (done.status, done.out.splitlines()[0]) == (0, "by_name: 2 rows of 1 file"), done.err
    again = command(path, path, "--table", "by_name", "--skip-qc")
    assert (again.status, again.out.splitlines()[0]) == (0, "by_name: 2 rows of 1 file"), again.err
    assert f"{path} is named twice: it is loaded once" in again.out
    assert "QC" not in again.out + again.err
    for phase in ("compression", "upload", "COPY"):
        assert phase in again.out
    unknown = command(path, "--table", "by_name", "--connection", "nowhere")
    assert unknown.status == 1
    assert "nowhere" in unknown.err
    assert len(unknown.err.splitlines()) == 1


def test_validation_loads_nothing(
    connection: Any, command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Validation checks the files against the table, and loads nothing."""
    bars: list[Any] = []
    begin = SnowflakeProgress.phase

    def begun(*arguments: Any, **more: Any) -> Any:
        bars.append(begin(*arguments, **more))
        return bars[-1]

    good, bad = write(tmp_path / "good.csv", "a,b\n1,x\n2,y\n"), write(tmp_path / "bad.csv", "a,b\n1,x\ntwo,y\n")
    target = ("--table", "strict", "--validate-only")
    missing = command(good, *target)
    assert (missing.status, "there is no table strict to validate against" in missing.err) == (1, True)
    connection.cursor().execute("CREATE TABLE strict (a INT, b VARCHAR)")
    with monkeypatch.context() as spied:
        spied.setattr(SnowflakeProgress, "phase", begun)
        fits = command(good, *target)
    assert (fits.status, fits.out, fits.err) == (0, "2 rows fit strict.\n", "")
    assert [(bar.description, bar.completed, bar.state) for bar in bars] == [("Validation", 2, "finished")]
    fails = command(bad, *target)
    assert (fails.status, "bad.csv:3: a is 'two', which is no NUMBER(38,0)" in fails.err) == (1, True)
    wide = write(tmp_path / "wide.csv", "a,b,c\n1,x,2\n")
    for mode in ((), ("--validate-only",)):
        wrong = command(wide, "--table", "strict", *mode)
        assert (wrong.status, "wide.csv: strict has no column c: it has A, B" in wrong.err) == (1, True)
    assert count(connection, "SELECT count(*) FROM strict") == 0


@pytest.mark.slow
def test_quiet_and_no_progress(named_connection: dict[str, str], command: Any, tmp_path: Path) -> None:
    """`--quiet` shows the bars and nothing else, and `--no-progress` no bars."""
    path = write(tmp_path / "one.csv", "a,b\n" + "1,x\n" * 300_000)
    target = (path, "--table", "quiet")
    quiet = run(*target, "--connection", "local", "--quiet", **SHOWN, **named_connection)
    assert (quiet.returncode, quiet.stdout) == (0, "")
    ends = [line for line in quiet.stderr.splitlines() if ": finished" in line]
    assert [line for line in ends if line.startswith("Files: finished, 1 file")] and "phase" not in "".join(ends)
    assert {line.split()[0].strip(":") for line in quiet.stderr.splitlines()} <= {
        "Files",
        "QC",
        "Compression",
        "Upload",
        "COPY",
    }
    bare = command(*target)  # with --no-progress
    assert (bare.status, bare.err) == (0, "")
    assert bare.out.startswith("quiet: 300,000 rows of 1 file\n")


def test_refusal_is_quoted(command: Any, tmp_path: Path) -> None:
    """The error of a server that refuses is quoted, and the load leaves nothing."""
    path = write(tmp_path / "one.csv", "a,b\n1,x\n")
    done = command(path, "--table", "no_such_schema.t")
    assert done.status == 1
    assert "creating no_such_schema.t failed" in done.err
    assert "Traceback" not in done.err


def test_exit_statuses_say_what_happened(command: Any, tmp_path: Path) -> None:
    bad = write(tmp_path / "bad.csv", "a,b\n1\n")
    assert command(bad).status == 2
    assert command(tmp_path / "none.csv", "--table", "t").status == 2
    failed = command(bad, "--table", "t")
    assert failed.status == 1
    assert "bad.csv:2: 1 column, but 2 are expected" in failed.err
    assert "Traceback" not in failed.err
    analysed = command(FLIGHTS[0], "--analyze-only", "--null", "NA")
    assert analysed.status == 0
    assert "27,004 rows, 19 columns, 0 bad rows" in analysed.out


@pytest.mark.parametrize(
    ("mode", "rows"), [([], 5), (["--skip-qc"], 4), (["--validate-only"], 1), (["--analyze-only"], 1)]
)
def test_bars_says_how_many_rows_a_load_takes(mode: list[str], rows: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bars", *mode]) == 0
    assert capsys.readouterr().out == f"{rows}\n"


def test_unknown_mode_is_refused() -> None:
    """An unknown mode is refused, and the message lists the modes."""
    with pytest.raises(ValueError, match="give one of normal, skip-qc, validate-only, analyze-only"):
        SnowflakeProgress("quick")


@pytest.mark.parametrize(("seconds", "waits"), [(0.0, 1), (0.5, 0)])
def test_brief_phases_are_seen(seconds: float, waits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a brief phase waits for a frame; a longer one has been in some, and waits for none."""
    clock = ManualClock()
    progress = SnowflakeProgress(renderer=RecordingRenderer(), clock=clock, ticker=ManualTicker())
    asked: list[float] = []
    monkeypatch.setattr(progress, "refresh", asked.append)
    with progress, progress.shown(progress.phase("QC rows", 10, "row")) as bar:
        bar.advance(10)
        clock.advance(seconds)
    assert len(asked) == waits


@pytest.mark.slow
def test_the_command_loads_into_a_server_of_its_own() -> None:
    done = run(FLIGHTS[0], "--table", "flights", "--embedded", "--null", "NA", PROGRESSKIT_RENDERER="ansi")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("flights: 27,004 rows of 1 file")
    assert "\x1b" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("renderer", ["json", "tqdm", "rich", "alive"])
def test_every_renderer_carries_the_load_into_a_file(
    renderer: str, named_connection: dict[str, str], new_table: str
) -> None:
    if renderer != "json":
        pytest.importorskip(f"progresskit_{renderer}", reason="the adapter is not installed in this environment")
    arguments = [FLIGHTS[0], "--table", new_table, "--connection", "local", "--null", "NA"]
    done = run(*arguments, PROGRESSKIT_RENDERER=renderer, **named_connection)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{new_table}: 27,004 rows of 1 file\n")
    assert "\x1b" not in done.stderr


END = b"\x1b[?2026l"  # the end of each frame


def read(fd: int) -> bytes:
    """Read from a pty. Return nothing at its end, where Linux raises an error."""
    try:
        return os.read(fd, 65536)
    except OSError:
        return b""


def in_a_pty(arguments: list[str], renderer: str, **more: str) -> tuple[int, int, Any]:
    pid, fd = pty.fork()
    if pid == 0:
        environ = {**os.environ, "TERM": "xterm", "COLUMNS": "140", "LINES": "24", "PROGRESSKIT_RENDERER": renderer}
        environ.pop("CI", None)
        os.execve(sys.executable, [*COMMAND, *arguments], {**environ, "PROGRESSKIT_BUDGET": "1", **more})
    return pid, fd, pyte.Screen(140, 24)


FIVE = ("Files", "QC rows", "Compression", "Upload", "COPY")
SPY = """
from pathlib import Path
from progresskit_snowflake.loading.session import Loading
publish = Loading.publish
def counted(loading):
    publish(loading)
    ((rows,),) = loading.run("SELECT count(*) FROM flights", "counting")
    Path(WHERE).write_text(str(rows))
Loading.publish = counted
"""


def bars_of(rows: list[str]) -> list[str]:
    """Return the phases whose bars are in `rows`, from the top, with repetitions."""
    return [name for row in rows for name in FIVE if row.strip(" ✓·⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏").startswith(name)]


@pytest.mark.slow
def test_make_load_shows_five_bars(tmp_path: Path) -> None:
    """`make load` shows each of its five bars at its own row and fills the table."""
    root = Path(__file__).parents[3]
    made = subprocess.run(["make", "-n", "load"], capture_output=True, text=True, cwd=root, check=True).stdout
    _, command, rest = made.splitlines()[-1].partition("progresskit-snowflake ")
    arguments = shlex.split(rest)
    assert (command, arguments[0], arguments[-1]) == ("progresskit-snowflake ", "load", "1MB")
    counted = tmp_path / "rows"
    code = SPY.replace("WHERE", repr(str(counted)))
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(root)
        # A short interval, so that a statement of some milliseconds has a frame.
        more = {
            "TERM": "xterm",
            "COLUMNS": "100",
            "LINES": "10",
            "PROGRESSKIT_INTERVAL": "0.02",
            "PROGRESSKIT_BUDGET": "1",
        }
        environ = {name: value for name, value in os.environ.items() if name != "CI" and "PROGRESSKIT" not in name}
        os.execve(sys.executable, [sys.executable, "-c", code + COMMAND[2], *arguments], {**environ, **more})
    screen = pyte.Screen(100, 10)
    stream = pyte.ByteStream(screen)
    places: dict[str, set[int]] = {}
    waiting = b""
    while data := read(fd):
        *frames, waiting = (waiting + data).split(END)
        for frame in frames:
            stream.feed(frame + END)
            display = screen.display
            found = bars_of(display)
            assert found == sorted(set(found), key=FIVE.index), display
            for row, text in enumerate(display):
                for name in bars_of([text]):
                    places.setdefault(name, set()).add(row)
    stream.feed(waiting)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, screen.display
    os.close(fd)
    assert places == {name: {row} for row, name in enumerate(FIVE)}
    assert not screen.cursor.hidden
    assert counted.read_text() == "80789"
    assert any("flights: 80,789 rows of 3 files" in row for row in screen.display)


@pytest.mark.slow
@pytest.mark.parametrize("renderer", ["ansi", "tqdm", "rich", "alive"])
def test_five_bars_in_a_real_terminal(renderer: str, tmp_path: Path) -> None:
    """In a real terminal, five bars are at their own rows."""
    if renderer != "ansi":
        pytest.importorskip(f"progresskit_{renderer}", reason="the adapter is not installed in this environment")
    head, _, body = FLIGHTS[0].read_text("utf-8").partition("\n")
    months = [1] * 6 + [7] * 2  # the long files are still checked while the short ones are uploaded and copied
    paths = [write(tmp_path / f"part-{n}.csv", f"{head}\n{body * size}") for n, size in enumerate(months)]
    arguments = [*map(str, paths), "--table", "t", "--embedded", "--null", "NA", "--pace", "3MB"]
    pid, fd, screen = in_a_pty(arguments, renderer)
    stream = pyte.ByteStream(screen)
    seen: set[str] = set()
    most = 0
    waiting = b""
    while data := read(fd):
        *frames, waiting = (waiting + data).split(END)
        for frame in frames:
            stream.feed(frame + END)
            found = bars_of(screen.display)
            assert found == sorted(set(found), key=FIVE.index), "\n".join(screen.display)
            seen |= set(found)
            most = max(most, len(found))
    stream.feed(waiting)  # the command's own summary follows the last frame
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, screen.display
    os.close(fd)
    assert seen == set(FIVE)
    assert most == len(FIVE)
    assert not screen.cursor.hidden
    assert any(f"t: {27_004 * sum(months):,d} rows of 8 files" in row for row in screen.display)


@pytest.mark.slow
@pytest.mark.parametrize("renderer", ["plain", "none"])
def test_appending_renderers_in_a_terminal(renderer: str, named_connection: dict[str, str], new_table: str) -> None:
    """Renderers that append lines show the load in a terminal too."""
    arguments = [str(FLIGHTS[0]), "--table", new_table, "--connection", "local", "--null", "NA"]
    pid, fd, _ = in_a_pty(arguments, renderer, **named_connection)
    sent = b""
    while data := read(fd):
        sent += data
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, sent
    os.close(fd)
    assert b"\x1b" not in sent
    assert f"{new_table}: 27,004 rows of 1 file\r\n".encode() in sent
    assert (b"Files" in sent) is (renderer != "none")


@pytest.mark.slow
def test_ctrl_c_does_not_wait_for_an_upload(tmp_path: Path) -> None:
    """Ctrl-C during a long upload does not wait for its end."""
    path = tmp_path / "large.csv.gz"
    noise = random.Random(3)
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8", newline="") as file:
        file.write("a\n" + "".join(f"{noise.randbytes(64).hex()}\n" for _ in range(100_000)))
    arguments = [str(path), "--table", "t", "--embedded", "--pace", "50kB"]  # two minutes and more
    pid, fd, screen = in_a_pty(arguments, "ansi")
    stream = pyte.ByteStream(screen)
    while not any("Upload" in row and "kB/s" in row for row in screen.display):
        stream.feed(os.read(fd, 65536))
    os.kill(pid, signal.SIGINT)
    while data := read(fd):  # the suite's time-out is below the upload's own time
        stream.feed(data)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130, screen.display
    os.close(fd)
    assert not screen.cursor.hidden


@pytest.mark.slow
def test_failed_load_does_not_wait_for_an_upload(tmp_path: Path) -> None:
    """A load that fails does not wait for a long upload."""
    noise = random.Random(3)
    long = tmp_path / "long.csv.gz"
    with gzip.open(long, "wt", compresslevel=1, encoding="utf-8", newline="") as file:
        file.write("a,b\n" + "".join(f"1,{noise.randbytes(64).hex()}\n" for _ in range(100_000)))
    bad = write(tmp_path / "bad.csv", "a,b\n" + "1,x\n" * 500_000 + "oops\n")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    arguments = [long, bad, "--table", "t", "--embedded", "--pace", "50kB"]  # two minutes and more
    done = run(*arguments, TMPDIR=str(temporary))  # the command's time-out is below the upload's own time
    assert done.returncode == 1
    assert "bad.csv:500002: 1 column, but 2 are expected" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("lost", [False, True])
def test_ctrl_c_during_the_commit(
    lost: bool, session: Any, cursor: Any, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load that is called off while it is committed waits for the answer; where none comes, it is in doubt."""
    loading = Loading(session())
    requested, awaited, over = threading.Event(), threading.Event(), threading.Event()
    await_commit = loading._await_commit

    def allow(doing: str) -> None:
        if doing == "committing":
            requested.set()
            (over if lost else awaited).wait(60)

    def seen() -> None:
        awaited.set()
        await_commit()

    monkeypatch.setattr(loading, "allow", allow)
    monkeypatch.setattr(loading, "_await_commit", seen)
    monkeypatch.setattr("progresskit_snowflake.loading.session.CLEANUP_SECONDS", 0.0)
    if lost:
        monkeypatch.setattr("progresskit_snowflake.loading.session.COMMIT_SECONDS", 0.0)
    thread = threading.Thread(target=loading.publish)
    with pytest.raises(KeyboardInterrupt), loading.table(table, [], Session(session()), new=False):
        loading.run(f"INSERT INTO {table} (a) VALUES (1)", "inserting")
        thread.start()
        assert requested.wait(60)
        raise KeyboardInterrupt
    assert (loading.published, loading.in_doubt) == (not lost, lost)
    over.set()
    thread.join()
    assert cursor.execute(f"SELECT a FROM {table}").fetchall() == [(1,)]


def test_table_that_has_just_been_made_is_dropped(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A load that is called off while its table is made drops it."""
    loading = Loading(session())
    with monkeypatch.context() as interrupted:
        interrupted.setattr(
            "progresskit_snowflake.loading.session.rows_of", Mock(side_effect=[KeyboardInterrupt, [], []])
        )
        with pytest.raises(KeyboardInterrupt), loading.table("t", [Column("a", "INT")], loading, new=True):
            pass
    assert loading.left == []
    assert loading.run("SHOW TABLES LIKE 'PROGRESSKIT%'", "listing tables") == []


def test_no_thread_draws_without_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    """With --no-progress no thread waits to draw, and nothing stays switched off."""
    monkeypatch.delenv("PROGRESSKIT_DISABLE", raising=False)
    given = ["load", "f.csv", "--table", "t", "--embedded"]
    tickers = [
        cli._progress(command_parser().parse_args([*given, *more]))._core.given_ticker
        for more in ([], ["--no-progress"], [])
    ]
    assert [isinstance(ticker, SilentTicker) for ticker in tickers] == [False, True, False]


def test_stage_that_may_have_been_made_is_named(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A load that is called off while its stage is made waits for it, and names it where the server does not answer."""
    monkeypatch.setattr("progresskit_snowflake.loading.worker_threads.ENTERING_SECONDS", 0.0)
    staging, asked, answer = Staging(session()), threading.Event(), threading.Event()

    def allow(doing: str) -> None:
        if doing == "creating a stage":
            asked.set()
            answer.wait(60)

    monkeypatch.setattr(staging, "allow", allow)
    with contextlib.suppress(KeyboardInterrupt), entered_meanwhile(staging.stage(staging)):
        assert asked.wait(60)
        raise KeyboardInterrupt
    assert staging.left == [
        f"the server has not answered whether it has made a stage: DROP STAGE IF EXISTS {staging.name} by hand."
    ]
    monkeypatch.setattr("progresskit_snowflake.loading.worker_threads.ENTERING_SECONDS", 60.0)
    answer.set()
    staging = Staging(session())
    with contextlib.suppress(KeyboardInterrupt), entered_meanwhile(staging.stage(staging)):
        raise KeyboardInterrupt
    assert staging.left == []
    assert staging.name not in own_stages(staging.connection)


@pytest.mark.parametrize(
    ("raised", "status", "words"),
    [
        (KeyboardInterrupt(), 130, "called off during the commit. The server has not answered"),
        (LoadError("committing failed: no route."), 1, "committing failed: no route. The server has not answered"),
    ],
)
def test_commit_in_doubt_is_told(
    raised: BaseException,
    status: int,
    words: str,
    command: Any,
    table: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the answer to the commit has not come, the command does not say that nothing is loaded."""

    def publish(loading: Loading) -> None:
        loading.in_doubt = True
        raise raised

    monkeypatch.setattr(Loading, "publish", publish)
    done = command(write(tmp_path / "a.csv", "a,b,c\n1,x,\n"), "--table", table)
    assert (done.status, done.out) == (status, "")
    assert words in done.err
    assert "nothing is loaded" not in done.err


def own_stages(connection: Any) -> set[str]:
    """Return the stages that loads have made."""
    rows = connection.cursor().execute("SHOW STAGES").fetchall()
    return {row[1] for row in rows if row[1].startswith("PROGRESSKIT")}


PHASES = [("Upload", "SIGINT"), ("Upload", "SIGTERM")]
PHASES_SLOW = [
    ("QC rows", "SIGINT"),
    ("Compression", "SIGINT"),
    ("COPY", "SIGINT"),
    ("COPY", "SIGTERM"),
    ("COPY", "SIGHUP"),
]


@pytest.mark.parametrize(
    ("phase", "name"), [*PHASES, *(pytest.param(*each, marks=pytest.mark.slow) for each in PHASES_SLOW)]
)
def test_signal_ends_a_load_and_leaves_nothing(
    phase: str, name: str, server: Any, connection: Any, named_connection: dict[str, str], tmp_path: Path
) -> None:
    """Ctrl-C, SIGTERM and SIGHUP exit with 128 and their number, restore the terminal and leave nothing."""
    number = signal.Signals[name]
    server.pace = 700e3
    table = f"stopped_in_{phase.split()[0].lower()}_by_{name.lower()}"
    before = own_stages(connection)
    head, _, body = FLIGHTS[0].read_text("utf-8").partition("\n")
    months = [1, 1, 6]
    paths = [write(tmp_path / f"part-{n}.csv", f"{head}\n{body * size}") for n, size in enumerate(months)]
    arguments = [*map(str, paths), "--table", table, "--connection", "local", "--null", "NA"]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    pid, fd, screen = in_a_pty(arguments, "ansi", TMPDIR=str(temporary), **named_connection)
    stream = pyte.ByteStream(screen)
    seen = False
    while not seen:  # frame by frame: on a busy machine one read has several
        for frame in os.read(fd, 65536).split(b"\x1b[?2026l"):
            stream.feed(frame)
            seen = seen or any(phase in row for row in screen.display)
    assert any(temporary.iterdir())
    os.kill(pid, number)
    if number is not signal.SIGINT:
        os.kill(pid, number)  # service managers send several
    while data := read(fd):
        stream.feed(data)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 128 + number, screen.display
    os.close(fd)
    assert not screen.cursor.hidden
    assert any("called off: nothing is loaded." in row for row in screen.display)
    assert not any("Traceback" in row for row in screen.display)
    assert list(temporary.iterdir()) == []
    assert own_stages(connection) == before
    assert Session(connection).columns(table) is None
