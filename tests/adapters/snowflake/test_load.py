"""The load, end to end: the real connector over real HTTP, into the embedded server, counted with SQL."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
pytest.importorskip("fakesnow", reason="the embedded server is not installed in this environment")

import pyte
from progresskit_snowflake.columns import Column, check_header, identifier
from progresskit_snowflake.pipeline import Load
from progresskit_snowflake.progress import SnowflakeProgress
from progresskit_snowflake.quality import BadData, check
from progresskit_snowflake.session import Loading, Session, Staging, connect

# The server runs in this process, and DuckDB warns of how fakesnow asks it: as errors, the warnings would be its 500s.
pytestmark = pytest.mark.filterwarnings("ignore:Arrow output on a DB-API result:UserWarning")

FLIGHTS = sorted((Path(__file__).parents[3] / "examples" / "flights").glob("*.csv"))


@pytest.fixture(scope="module")
def sessions() -> Iterator[Any]:
    """What opens sessions with a server of the module's own."""
    with connect(None, embedded=True) as open_session:
        yield open_session


@pytest.fixture
def connection(sessions: Any) -> Any:
    return sessions()


def load(sessions: Any, tmp_path: Path, paths: list[Path], table: str, **options: Any) -> Any:
    folder = tmp_path / "packed"
    folder.mkdir(exist_ok=True)
    with SnowflakeProgress(renderer="none") as progress:
        return Load(paths, table, Staging(sessions()), Loading(sessions()), progress, folder, **options).run()


def count(connection: Any, statement: str) -> int:
    return int(connection.cursor().execute(statement).fetchall()[0][0])


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8", newline="")
    return path


def test_the_sample_is_in_the_table_row_by_row(sessions: Any, connection: Any, tmp_path: Path) -> None:
    summary = load(sessions, tmp_path, FLIGHTS, "flights", nulls=["NA"])
    assert summary.loaded == summary.rows == 80_789
    assert count(connection, "SELECT count(*) FROM flights") == 80_789
    assert count(connection, "SELECT count(*) FROM flights WHERE month = 2") == 24_951
    assert count(connection, "SELECT count(*) FROM flights WHERE dep_time IS NULL AND month = 2") == 1_261
    assert list((tmp_path / "packed").iterdir()) == []


# The embedded server answers 500 to some of such names together; a plain table keeps this to what it can do.
def test_names_that_need_quotes_and_hostile_files_are_loaded(sessions: Any, connection: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "it's; DROP\n'x'.csv", 'select,two words,größe\n1,"x, y\nz",2.5\n2,w,3\n')
    assert load(sessions, tmp_path, [path], "named").loaded == 2
    assert count(connection, "SELECT count(*) FROM named") == 2


def test_bad_rows_stop_the_load_by_file_and_line_and_leave_no_table(
    sessions: Any, connection: Any, tmp_path: Path
) -> None:
    rows = "".join(f"{n},x\n" for n in range(50))
    path = write(tmp_path / "bad.csv", 'a,b\n0,"two\nlines"\n\n' + rows + "oops,y\n5\n")
    with pytest.raises(BadData, match=r"bad.csv:55: a is 'oops'.*\n.*bad.csv:56: 1 columns, but 2"):
        load(sessions, tmp_path, [path], "never")
    assert Session(connection).columns("never") is None
    summary = load(sessions, tmp_path, [path], "allowed", max_bad_rows=2)
    assert (summary.loaded, summary.bad) == (51, 2)


def test_an_existing_table_decides_the_types(sessions: Any, connection: Any, tmp_path: Path) -> None:
    connection.cursor().execute("CREATE OR REPLACE TABLE typed (a INT, b VARCHAR)")
    with pytest.raises(BadData, match="which is no NUMBER"):
        load(sessions, tmp_path, [write(tmp_path / "t.csv", "a,b\n1.5,x\n")], "typed")
    assert load(sessions, tmp_path, [write(tmp_path / "u.csv", "a,b\n1,007\n")], "typed").loaded == 1
    assert count(connection, "SELECT count(*) FROM typed WHERE b = '007'") == 1


def test_a_whole_number_widens_to_a_decimal_one_and_a_code_stays_text(tmp_path: Path) -> None:
    columns = [Column("a"), Column("b")]
    check(write(tmp_path / "one.csv", "a,b\n1,007\n2,010\n"), columns, lambda rows: None)
    report = check(write(tmp_path / "two.csv", "a,b\n1.5,011\n"), columns, lambda rows: None)
    assert [column.type for column in columns] == ["FLOAT", "VARCHAR"]
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


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environ}
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=100, env=env)


def test_exit_statuses_say_what_happened(tmp_path: Path) -> None:
    bad = str(write(tmp_path / "bad.csv", "a,b\n1\n"))
    assert run(bad).returncode == 2
    assert run(str(tmp_path / "none.csv"), "--table", "t", "--embedded").returncode == 2
    failed = run(bad, "--table", "t", "--embedded")
    assert failed.returncode == 1
    assert "bad.csv:2: 1 columns, but 2 are expected" in failed.stderr
    assert "Traceback" not in failed.stderr
    analysed = run(str(FLIGHTS[0]), "--analyze-only", "--null", "NA", "--no-progress")
    assert analysed.returncode == 0
    assert "27,004 rows, 19 columns, 0 bad rows" in analysed.stdout


@pytest.mark.parametrize("renderer", ["ansi", "plain", "json", "none", "tqdm", "rich", "alive"])
def test_every_renderer_carries_the_load_into_a_file(renderer: str) -> None:
    arguments = [*map(str, FLIGHTS), "--table", "flights", "--embedded", "--null", "NA"]
    done = run(*arguments, PROGRESSKIT_RENDERER=renderer)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("flights: 80,789 rows of 3 files\n")
    assert "\x1b" not in done.stderr


END = b"\x1b[?2026l"  # what each frame ends with


def read(fd: int) -> bytes:
    """Read from a pty; nothing at its end, for which Linux has an error."""
    try:
        return os.read(fd, 65536)
    except OSError:
        return b""


def in_a_pty(arguments: list[str], renderer: str) -> tuple[int, int, Any]:
    pid, fd = pty.fork()
    if pid == 0:
        environ = {**os.environ, "TERM": "xterm", "COLUMNS": "140", "LINES": "24", "PROGRESSKIT_RENDERER": renderer}
        environ.pop("CI", None)
        os.execve(sys.executable, [*COMMAND, *arguments], {**environ, "PROGRESSKIT_BUDGET": "1"})
    return pid, fd, pyte.Screen(140, 24)


@pytest.mark.parametrize("renderer", ["ansi", "tqdm", "rich", "alive"])
def test_five_bars_stand_at_their_own_rows_in_a_real_terminal(renderer: str, tmp_path: Path) -> None:
    text = FLIGHTS[0].read_text("utf-8")
    head, _, body = text.partition("\n")
    large = [write(tmp_path / f"large-{n}.csv", head + "\n" + body * 4) for n in range(3)]
    pid, fd, screen = in_a_pty([*map(str, large), "--table", "t", "--embedded", "--null", "NA"], renderer)
    stream = pyte.ByteStream(screen)
    order = ("Files", "QC rows", "Compression", "Upload", "COPY")
    seen: set[str] = set()
    most = 0
    waiting = b""
    while data := read(fd):
        *frames, waiting = (waiting + data).split(END)
        for frame in frames:
            stream.feed(frame + END)
            rows = [row.strip(" ✓") for row in screen.display]
            found = [name for row in rows for name in order if row.startswith(name)]
            assert found == sorted(set(found), key=order.index), rows
            seen |= set(found)
            most = max(most, len(found))
    stream.feed(waiting)  # what follows the last frame is the command's own summary
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, screen.display
    os.close(fd)
    assert {"Files", "QC rows", "Compression", "COPY"} <= seen
    assert most >= 3
    assert not screen.cursor.hidden
    assert any("t: 324,048 rows of 3 files" in row for row in screen.display)


def test_ctrl_c_exits_130_and_restores_the_terminal(tmp_path: Path) -> None:
    text = FLIGHTS[0].read_text("utf-8")
    head, _, body = text.partition("\n")
    large = write(tmp_path / "large.csv", head + "\n" + body * 30)
    pid, fd, screen = in_a_pty([str(large), "--table", "t", "--embedded", "--null", "NA"], "ansi")
    stream = pyte.ByteStream(screen)
    while not any("Compression" in row or "QC rows" in row for row in screen.display):
        stream.feed(os.read(fd, 65536))
    os.kill(pid, signal.SIGINT)
    while data := read(fd):
        stream.feed(data)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130, screen.display
    os.close(fd)
    assert not screen.cursor.hidden
    assert not any("Traceback" in row for row in screen.display)
