"""What counts an upload: over real sockets, plain and under TLS, through breaks and repetitions."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")

from loopback import MB, Sink, certificate, send
from progresskit_snowflake.sources import KernelBytes, WholeFiles, storage_peers
from progresskit_snowflake.tally import OVERHEAD
from progresskit_snowflake.uploading import Uploads, counted

from progresskit import ProgressTracker
from progresskit.testing import ManualTicker, RecordingRenderer

pytestmark = pytest.mark.skipif(not KernelBytes.available(), reason="this system does not tell what was acknowledged")


@contextlib.contextmanager
def counting(source: KernelBytes, *sizes: int) -> Iterator[KernelBytes]:
    """Have the source expect uploads of such sizes for the time of the block."""
    for size in sizes:
        source.begin(size)
    yield source
    for size in sizes:
        source.end(size, well=True)


@pytest.fixture
def sink() -> Iterator[Sink]:
    server = Sink()
    yield server
    server.close()


def about(count: int) -> Any:
    """The count, and a byte for each connection's opening, which is acknowledged like one."""
    return pytest.approx(count, abs=2)


def to(server: Sink) -> Callable[[tuple[str, int]], bool]:
    return lambda peer: peer == ("127.0.0.1", server.port)


def test_what_has_arrived_is_counted_as_it_arrives(sink: Sink) -> None:
    with sink.connect() as client, counting(KernelBytes(to(sink)), 10 * MB) as source:
        assert source.sent() == 0
        for megabytes in range(1, 11):
            send(client, 1)
            assert source.sent() == about(megabytes * MB)
        assert source.attempts == 1


def test_bytes_of_an_earlier_upload_on_the_same_connection_do_not_count(sink: Sink) -> None:
    source = KernelBytes(to(sink))
    with sink.connect() as client:
        for _ in range(2):
            send(client, 3)
            with counting(source, 2 * MB):
                assert source.sent() == 0
                send(client, 1)
                assert source.sent() == about(MB)


def test_several_connections_are_added_up(sink: Sink) -> None:
    with sink.connect() as one, sink.connect() as two, counting(KernelBytes(to(sink)), 8 * MB) as source:
        send(one, 3)
        send(two, 2)
        assert source.sent() == about(5 * MB)
        assert source.attempts == 1


def test_several_uploads_are_right_in_sum_while_they_come_and_go(sink: Sink) -> None:
    with sink.connect() as one, sink.connect() as two, counting(KernelBytes(to(sink)), 8 * MB) as source:
        send(one, 3)
        with counting(source, 2 * MB):
            send(two, 2)
            assert source.sent() == about(5 * MB)
        assert source.sent() == about(3 * MB)
        send(one, 5)
        assert (source.sent(), source.attempts) == (about(8 * MB), 1)


def test_other_hosts_do_not_count(sink: Sink) -> None:
    other = Sink()
    with other.connect() as client, counting(KernelBytes(to(sink)), MB) as source:
        send(client, 1)
        assert source.sent() == 0
    other.close()


@pytest.mark.parametrize("seen", [True, False])
def test_a_part_that_ends_with_its_answer_stays_counted_however_soon_its_connection_closes(
    sink: Sink, seen: bool
) -> None:
    with counting(KernelBytes(to(sink)), 9 * MB) as source:
        for part in range(1, 4):
            with sink.connect() as client:
                source.sent()
                send(client, 3)
                if seen:
                    assert source.sent() == about(part * 3 * MB)
            assert source.sent() == pytest.approx(part * 3 * MB, abs=2 * part)
        assert source.attempts == 1


@pytest.mark.parametrize("carried", [2, 30_000, 3 * MB])
def test_a_connection_that_is_reset_counts_no_more_however_little_it_carried(sink: Sink, carried: int) -> None:
    with counting(KernelBytes(to(sink)), 5 * MB) as source:
        with sink.connect() as client:
            client.sendall(bytes(carried))
            while source.sent() != about(carried):
                os.sched_yield()
            sink.reset(client)
        assert (source.sent(), source.attempts) == (0, 2)
        with sink.connect() as client:
            send(client, 5)
            assert (source.sent(), source.attempts) == (about(5 * MB), 2)


def test_an_object_that_is_sent_again_on_the_same_connection_steps_back_too(sink: Sink) -> None:
    with sink.connect() as client, counting(KernelBytes(to(sink)), 2 * MB) as source:
        send(client, 2)
        assert source.sent() == about(2 * MB)
        send(client, 1)
        assert (source.sent(), source.attempts) == (about(MB), 2)
        send(client, 1)
        assert (source.sent(), source.attempts) == (about(2 * MB), 2)


def test_no_socket_is_held_once_the_uploads_are_over(sink: Sink) -> None:
    def held(client: socket.socket) -> int:
        number = os.fstat(client.fileno()).st_ino
        names = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
        return [os.stat(name).st_ino for name in names if os.path.exists(name)].count(number)

    with sink.connect() as client:
        with counting(KernelBytes(to(sink)), MB) as source:
            send(client, 1)
            source.sent()
            assert held(client) == 2
        assert held(client) == 1


def test_under_tls_the_count_is_right_to_the_frames_of_its_records(tmp_path: Path) -> None:
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(*certificate(tmp_path))
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ours.check_hostname = False
    ours.verify_mode = ssl.CERT_NONE  # our own server, on loopback; what is tested is the counting
    server = Sink(theirs)
    source = KernelBytes(to(server))
    with ours.wrap_socket(server.connect()) as client, counting(source, 20 * MB):
        for megabytes in range(1, 21):
            send(client, 1)
            sent = source.sent()
            assert sent is not None
            assert megabytes * MB <= sent <= min(megabytes * MB * 1.003 + OVERHEAD, 20 * MB)
        assert source.attempts == 1
    server.close()


def test_the_bar_follows_and_is_complete_only_when_the_answer_is_there(sink: Sink) -> None:
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    task = tracker.add_task("Upload", total=3 * MB, unit="B")
    seen = threading.Event()

    class Seen(KernelBytes):
        def sent(self) -> int | None:
            count = super().sent()
            if count == 3 * MB and task.fields.get("phase"):
                seen.set()
            return count

    with sink.connect() as client, counted(task, Seen(to(sink)), 3 * MB):
        send(client, 3)
        assert seen.wait(30)
        assert (task.fields["phase"], tracker.frame().tasks[0].fraction) == ("finalising", 0.999)
    assert (task.completed, dict(task.fields)) == (3 * MB, {})


def test_an_upload_that_fails_has_its_bytes_taken_back(sink: Sink) -> None:
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    task = tracker.add_task("Upload", total=3 * MB, unit="B")
    with pytest.raises(OSError, match="gone"), counted(task, KernelBytes(to(sink)), 3 * MB):
        raise OSError("gone")
    assert (task.completed, task.total) == (0, 3 * MB)


def test_one_bar_over_several_files_is_right_in_sum(sink: Sink) -> None:
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    task = tracker.add_task("Upload", unit="B")
    uploads = Uploads(task, KernelBytes(to(sink)), grow=True)
    with sink.connect() as one, sink.connect() as two, uploads.file("one", 4 * MB):
        send(one, 2)
        with uploads.file("two", 3 * MB):
            send(two, 3)
            uploads.look()
            assert (task.completed, task.total) == (about(5 * MB), 7 * MB)
        assert task.completed == about(5 * MB)
        with pytest.raises(OSError, match="gone"), uploads.file("three", MB):
            raise OSError("gone")
        assert (task.completed, task.total) == (about(5 * MB), 7 * MB)
        send(one, 2)
        uploads.look()
        assert tracker.frame().tasks[0].fraction == 0.999
    assert (task.completed, task.total, dict(task.fields)) == (7 * MB, 7 * MB, {})


def test_files_uploaded_by_many_threads_are_all_counted_whole() -> None:
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    task = tracker.add_task("Upload", unit="B")
    uploads = Uploads(task, WholeFiles(), grow=True)

    def some() -> None:
        for number in range(50):
            with uploads.file(str(number), 10):
                pass

    threads = [threading.Thread(target=some) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (task.completed, task.total) == (2_000, 2_000)


def test_without_a_counter_the_bar_says_that_it_counts_files() -> None:
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    task = tracker.add_task("Upload", total=MB, unit="B")
    said = threading.Event()

    class Silent(WholeFiles):
        def sent(self) -> int | None:
            said.set()
            return None

    with counted(task, Silent(), MB):
        assert said.wait(30)
        while "measured" not in task.fields:
            os.sched_yield()
        assert task.completed == 0
    assert task.completed == MB


def test_the_storage_host_is_the_accounts_own_only_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    class Connection:
        host, port = "127.0.0.1", 8080

    local = storage_peers(Connection())
    assert local is not None
    assert [local(peer) for peer in (("127.0.0.1", 8080), ("127.0.0.1", 9), ("10.0.0.1", 443))] == [True, False, False]

    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("203.0.113.7", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    Connection.host = "account.example"
    remote = storage_peers(Connection())
    assert remote is not None
    peers = (("203.0.113.7", 443), ("198.51.100.4", 443), ("127.0.0.1", 5))
    assert [remote(peer) for peer in peers] == [False, True, False]
