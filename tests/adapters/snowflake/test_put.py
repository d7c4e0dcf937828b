"""put() over real HTTP, with the installed connector: its bars, its errors, Ctrl-C, and each counter."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")
pytest.importorskip("uvicorn", reason="the embedded server is not installed in this environment")

import pyte
import snowflake.connector
from progresskit_snowflake import SnowflakeProgress, UploadError, Uploads, put
from progresskit_snowflake.counting.proxy import CountingProxy
from progresskit_snowflake.counting.request_bodies import BodyBytes
from progresskit_snowflake.counting.sources import KernelBytes, ProxyBytes, WholeFiles, best_source
from progresskit_snowflake.embedded import EmbeddedServer
from progresskit_snowflake.loading.session import Staging
from progresskit_snowflake.loading.worker_threads import Stopped

from progresskit import ProgressTracker, Task
from progresskit.testing import ManualTicker, RecordingRenderer

MB = 1_000_000


@pytest.fixture
def connection(server: EmbeddedServer) -> Iterator[Any]:
    with snowflake.connector.connect(**server.arguments) as opened:
        yield opened


class ObservedUploads:
    """A tracker without a renderer, and all views of its tasks, to their ends."""

    def __init__(self, tracker: ProgressTracker) -> None:
        self.tracker = tracker
        self._tasks: list[Task] = []
        self._views: list[Any] = []
        self._over = threading.Event()
        self._add, tracker.add_task = tracker.add_task, self._added  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()

    def _added(self, *arguments: Any, **more: Any) -> Task:
        self._tasks.append(self._add(*arguments, **more))
        return self._tasks[-1]

    def _sample(self) -> None:
        while not self._over.wait(0.002):
            self._views += self.tracker.frame().tasks

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def views(self, description: str, file: str | None = None) -> list[Any]:
        """Return all views of a bar, or those while it named `file`."""
        found = [view for view in self._views if view.description == description]
        return [view for view in found if file is None or view.fields.get("") == file]

    def task(self, description: str) -> Task:
        (found,) = (task for task in self._tasks if task.description.startswith(description))
        return found


@pytest.fixture
def observed(request: pytest.FixtureRequest) -> Iterator[ObservedUploads]:
    kind = getattr(request, "param", ProgressTracker)
    observed = ObservedUploads(kind(renderer=RecordingRenderer(), ticker=ManualTicker()))
    yield observed
    observed.close()


def listed(connection: Any, stage: str) -> list[str]:
    return [row[0].partition("/")[2] for row in connection.cursor().execute(f"LIST @{stage}").fetchall()]


def noise(path: Path, size: int) -> Path:
    path.write_bytes(os.urandom(size))
    return path


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "that did not happen within a minute"
        time.sleep(0.002)


@contextlib.contextmanager
def going(work: Callable[..., Any], *arguments: Any, **more: Any) -> Iterator[None]:
    """Run `work` in a thread during the block, and wait for its end; not where the block fails, since a server that is stalled would
    never let it end."""
    pool = ThreadPoolExecutor(1)
    done = pool.submit(work, *arguments, **more)
    try:
        yield
        done.result(60)
    finally:
        pool.shutdown(wait=False)


def no_upload_goes_on() -> None:
    """Wait for the end of a cancelled upload, which notices it when the socket takes the next block."""
    for thread in [one for one in threading.enumerate() if one.name == "upload"]:
        thread.join(240)  # a connection without a reader ends by its own time-outs, after five attempts
        assert not thread.is_alive()


def test_one_file_has_a_bar(
    server: EmbeddedServer, connection: Any, stage: str, observed: ObservedUploads, tmp_path: Path
) -> None:
    """One file has a bar of the bytes that are sent."""
    path = tmp_path / "orders.csv"
    path.write_bytes(os.urandom(MB).hex().encode())  # compression halves it

    def last() -> Any:
        return (observed.views("Upload", "orders.csv") or [None])[-1]

    server.stall()
    with going(put, connection.cursor(), path, stage, tracker=observed.tracker):
        until(lambda: last() and last().total and last().completed)  # some bytes are in buffers on the way
        size = last().total
        assert MB < size < 1.3 * MB
        view = last()
        assert 0 < view.completed <= size
        # A kernel that lets buffers grow may take all of it.
        assert view.fields.get("phase") is None or view.completed == size
        server.stall(size)  # all bytes have arrived, and are not yet answered
        until(lambda: last().fields.get("phase") == "finalising")
        assert (last().completed, last().state) == (size, "running")
        server.release()
    assert listed(connection, stage) == ["orders.csv.gz"]
    assert (observed.task("Upload").completed, observed.task("Upload").state) == (size, "finished")
    compression = observed.task("Compression")
    assert (compression.total, compression.completed, compression.state) == (2 * MB, 2 * MB, "finished")


def test_several_files_share_a_bar(connection: Any, stage: str, observed: ObservedUploads, tmp_path: Path) -> None:
    """Several files share one bar, and `Files` counts them."""
    for number in range(5):
        noise(tmp_path / f"{number}.bin", 30_000 + number)
    rows = put(connection.cursor(), f"{tmp_path}/*.bin", stage, compress=False, tracker=observed.tracker)
    assert len(rows) == 5
    assert listed(connection, stage) == [f"{number}.bin" for number in range(5)]
    files, upload = observed.task("Files"), observed.task("Upload")
    assert (files.completed, files.total) == (5, 5)
    assert (upload.completed, upload.total) == (150_010, 150_010)


@pytest.mark.slow
def test_several_cursors_share_a_bar(server: EmbeddedServer, connection: Any, stage: str, tmp_path: Path) -> None:
    """Several cursors share one bar, whose sum is correct."""
    server.pace = 4 * MB
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    task = tracker.add_task("Upload", unit="B")
    uploads = Uploads(task, best_source(connection), grow=True)
    errors: list[BaseException] = []

    def upload(number: int) -> None:
        try:
            with snowflake.connector.connect(**server.arguments) as own:
                put(own.cursor(), noise(tmp_path / f"{number}.bin", MB), stage, compress=False, uploads=uploads)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=upload, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert (task.completed, task.total) == (3 * MB, 3 * MB)
    assert listed(connection, stage) == ["0.bin", "1.bin", "2.bin"]


def test_present_files_are_skipped(connection: Any, stage: str, observed: ObservedUploads, tmp_path: Path) -> None:
    """Files that are on the stage already are skipped, and reported as skipped."""
    path = noise(tmp_path / "a.bin", 1_000)
    put(connection.cursor(), path, stage, tracker=ProgressTracker("none"))
    rows = put(connection.cursor(), path, stage, tracker=observed.tracker)
    skipped = sum("SKIPPED" in row for row in rows)
    assert observed.task("Upload").fields.get("skipped", 0) == skipped
    assert len(listed(connection, stage)) == 1


@pytest.mark.parametrize("observed", [SnowflakeProgress], indirect=True)
def test_bars_stand_where_the_phases_are(
    server: EmbeddedServer, connection: Any, stage: str, observed: ObservedUploads, tmp_path: Path
) -> None:
    """A load's tracker has the bars at the rows of its phases."""
    (tmp_path / "a.csv").write_bytes(os.urandom(200_000).hex().encode())
    server.stall()
    with going(put, connection.cursor(), tmp_path / "a.csv", stage, tracker=observed.tracker):
        until(lambda: observed.views("Upload", "a.csv"))
        server.release()
    assert {view.position for view in observed.views("Compression")} <= {2}  # it may be too quick for a frame
    assert {view.position for view in observed.views("Upload", "a.csv")} == {3}


def test_final_failure_is_reported_with_its_words(connection: Any, tmp_path: Path) -> None:
    """A permanent failure is reported with the file, the stage and the connector's message."""
    path = noise(tmp_path / "a.bin", 1_000)
    with pytest.raises(
        UploadError, match=r"^uploading a.bin failed \(to @no_such_stage\): .*(?s:.*)NO_SUCH_STAGE"
    ) as raised:
        put(connection.cursor(), path, "no_such_stage", tracker=ProgressTracker("none"))
    assert (raised.value.file, raised.value.stage, raised.value.attempts) == ("a.bin", "no_such_stage", 1)
    assert isinstance(raised.value.__cause__, snowflake.connector.errors.Error)


@pytest.mark.parametrize("arguments", [{"parallel": 0}, {"stage": "s; DROP TABLE t"}])
def test_impossible_put_is_refused_first(tmp_path: Path, arguments: Any) -> None:
    """Impossible arguments are refused before anything is done."""
    with pytest.raises(ValueError, match="is no "):
        put(None, tmp_path / "not there", **{"stage": "s", **arguments})


@pytest.mark.parametrize("kind", [best_source, BodyBytes, lambda connection: WholeFiles()])
def test_each_source_brings_the_bar_to_its_end(
    connection: Any, stage: str, observed: ObservedUploads, tmp_path: Path, kind: Any
) -> None:
    if kind is BodyBytes and not BodyBytes.available():
        pytest.skip("this connector hands over no bodies")
    path = noise(tmp_path / "a.bin", MB)
    put(connection.cursor(), path, stage, compress=False, tracker=observed.tracker, source=kind(connection))
    assert (observed.task("Upload").completed, observed.task("Upload").total) == (MB, MB)


def test_upload_through_the_proxy_is_counted(
    server: EmbeddedServer, stage: str, observed: ObservedUploads, tmp_path: Path
) -> None:
    """Through the counting proxy an upload is counted while it runs."""
    path = noise(tmp_path / "a.bin", 2 * MB)
    server.stall()
    with (
        CountingProxy("127.0.0.1", server.port) as proxy,
        snowflake.connector.connect(**server.arguments, **proxy.arguments) as connection,
    ):
        source = ProxyBytes(proxy)
        with going(put, connection.cursor(), path, stage, compress=False, tracker=observed.tracker, source=source):
            until(lambda: any(view.completed for view in observed.views("Upload")))
            server.release()
        assert proxy._count > 2
        assert listed(connection, stage) == ["a.bin"]
    counts = [view.completed for view in observed.views("Upload")]
    assert counts == sorted(counts)
    assert any(0 < count < 2 * MB for count in counts)
    assert observed.task("Upload").completed == 2 * MB


@pytest.mark.slow
def test_ctrl_c_in_put_keeps_the_session(server: EmbeddedServer, connection: Any, stage: str, tmp_path: Path) -> None:
    """Ctrl-C during PUT ends the upload within a second, and the session can be used."""
    server.pace = MB
    path = noise(tmp_path / "large.bin", 40 * MB)  # forty seconds, unless it is stopped
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    task = tracker.add_task("Upload", unit="B")
    ended = threading.Event()

    def interrupt() -> None:
        while not task.completed and not ended.is_set():
            time.sleep(0)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    uploads = Uploads(task, best_source(connection), grow=True)
    cursor = connection.cursor()
    with pytest.raises(KeyboardInterrupt):
        put(cursor, path, stage, compress=False, uploads=uploads)
    ended.set()
    thread.join()
    no_upload_goes_on()
    assert cursor.execute("SELECT 1").fetchall() == [(1,)]
    assert listed(connection, stage) == []
    arrived = server.received[-1][1] if server.received else 0  # a slow server may not have answered yet
    small = noise(tmp_path / "small.bin", 1_000)
    put(cursor, small, stage, compress=False, uploads=uploads)
    assert listed(connection, stage) == ["small.bin"]
    assert server.received[-1][1] <= arrived + 1_000 + MB  # the bytes in transit; the large file did not continue


@pytest.mark.slow
def test_broken_off_load_keeps_the_session(server: EmbeddedServer, connection: Any, tmp_path: Path) -> None:
    """A cancelled load stops its upload, and can use the session."""
    server.pace = MB
    path = noise(tmp_path / "large.csv.gz", 40 * MB)
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    task = tracker.add_task("Upload", total=40 * MB, unit="B")
    staging = Staging(connection)

    def check_stop() -> None:
        if task.completed:
            raise Stopped

    with staging.stage(staging):
        with pytest.raises(Stopped):
            staging.put(path, "large.csv", Uploads(task, staging.source), check_stop)
        no_upload_goes_on()
        assert staging.run("SELECT 1", "asking", 0) == [(1,)]


SCRIPT = """
import sys
import snowflake.connector
from progresskit_snowflake import put

with snowflake.connector.connect(**{arguments!r}) as connection:
    try:
        put(connection.cursor(), {path!r}, {stage!r}, compress=False)
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_leaves_it_as_it_was(server: EmbeddedServer, stage: str, tmp_path: Path) -> None:
    server.pace = MB
    path = noise(tmp_path / "large.bin", 40 * MB)
    program = tmp_path / "program.py"
    program.write_text(SCRIPT.format(arguments=server.arguments, path=str(path), stage=stage), "utf-8")
    ours, theirs = pty.openpty()
    screen = pyte.Screen(100, 10)
    stream = pyte.ByteStream(screen)
    environment = {**os.environ, "TERM": "xterm-256color", "PROGRESSKIT_RENDERER": "ansi"}
    process = subprocess.Popen(
        [sys.executable, str(program)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        start_new_session=True,
    )
    os.close(theirs)
    while not any("Upload" in row and "large.bin" in row and "MB/s" in row for row in screen.display):
        stream.feed(os.read(ours, 65536))
    process.send_signal(signal.SIGINT)
    try:
        while data := os.read(ours, 65536):
            stream.feed(data)
    except OSError:  # the other side has closed it
        pass
    os.close(ours)
    assert process.wait(30) == 130, screen.display
    assert not screen.cursor.hidden
    assert not any("Traceback" in row for row in screen.display), screen.display


def test_kernel_is_the_best_source(connection: Any) -> None:
    """The best counter is the kernel's, if there is one."""
    assert isinstance(best_source(connection), KernelBytes) == KernelBytes.available()
