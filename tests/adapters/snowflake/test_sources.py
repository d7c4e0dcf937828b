"""The counters of an upload, over real sockets: plain and with TLS, through breaks and repetitions."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")

from loopback import MB, Sink, contexts, send
from progresskit_snowflake.bars.uploading import Uploads, counted
from progresskit_snowflake.counting.byte_count import OVERHEAD, SocketSample
from progresskit_snowflake.counting.request_bodies import BodyBytes
from progresskit_snowflake.counting.sources import (
    KernelBytes,
    WholeFiles,
    best_source,
    parse_sample,
    sample_socket,
    storage_peers,
    tells_acknowledged,
)

from progresskit import ProgressTracker
from progresskit.testing import ManualTicker, RecordingRenderer

pytestmark = pytest.mark.skipif(not KernelBytes.available(), reason="this system does not tell what was acknowledged")


@contextlib.contextmanager
def counting(source: KernelBytes, *sizes: int) -> Iterator[KernelBytes]:
    """Make the source expect uploads of these sizes during the block."""
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
    """Return the count, in which the opening of each connection is acknowledged like a byte."""
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


def test_earlier_upload_does_not_count(sink: Sink) -> None:
    """Bytes of an earlier upload on the same connection do not count."""
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


def test_several_uploads_add_up(sink: Sink) -> None:
    """The sum of several uploads is correct while they begin and end."""
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
def test_part_ends_with_its_answer(sink: Sink, seen: bool) -> None:
    """A part whose answer has come stays counted, however soon its connection closes."""
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
def test_reset_connection_stops_counting(sink: Sink, carried: int) -> None:
    """A reset connection no longer counts, however little it has carried."""
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


def test_object_sent_again_steps_back(sink: Sink) -> None:
    """The count also steps back if an object is sent again on the same connection."""
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


def test_count_is_right_under_tls(tmp_path: Path) -> None:
    """With TLS the count is exact except for the frames of its records."""
    theirs, ours = contexts(tmp_path)
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


def test_bar_completes_with_the_answer(sink: Sink) -> None:
    """The bar follows the upload, and is complete only after the answer."""
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
            uploads.refresh()
            assert (task.completed, task.total) == (about(5 * MB), 7 * MB)
        assert task.completed == about(5 * MB)
        with pytest.raises(OSError, match="gone"), uploads.file("three", MB):
            raise OSError("gone")
        assert (task.completed, task.total) == (about(5 * MB), 7 * MB)
        send(one, 2)
        uploads.refresh()
        assert tracker.frame().tasks[0].fraction == 0.999
    assert (task.completed, task.total, dict(task.fields)) == (7 * MB, 7 * MB, {})


def test_files_of_many_threads_are_counted() -> None:
    """Files that many threads upload are all counted completely."""
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


def test_without_a_counter_files_are_counted() -> None:
    """Without a byte counter, the bar says that it counts files."""
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


PEERS = (("203.0.113.7", 443), ("198.51.100.4", 443), ("127.0.0.1", 5), ("192.0.2.9", 3128), ("127.0.0.1", 8080))
"""The account, its storage, another program on this machine, a proxy, and a proxy on this machine."""
HOSTS = {"account.example": "203.0.113.7", "proxy.example": "192.0.2.9", "127.0.0.1": "127.0.0.1"}


class Connection:
    """The queries for a connection."""

    def __init__(self, host: str, port: int, proxy_host: str | None = None, proxy_port: int | None = None) -> None:
        self.host, self.port, self.proxy_host, self.proxy_port = host, port, proxy_host, proxy_port


@pytest.mark.parametrize(
    ("connection", "environment", "counted"),
    [
        (Connection("127.0.0.1", 8080), "", [4]),
        (Connection("account.example", 443), "", [1, 3]),
        (Connection("account.example", 443), "http://user:secret@proxy.example:3128", [1, 3]),
        (Connection("account.example", 443), "http://127.0.0.1:8080", [1, 3, 4]),
        (Connection("account.example", 443, "127.0.0.1", 8080), "", [1, 3, 4]),
        (Connection("127.0.0.1", 8080), "http://proxy.example:3128", [4]),
        (Connection("127.0.0.1", 5, "127.0.0.1", 8080), "", [1, 3, 0, 4]),
        (Connection("account.example", 443), "http://proxy.example:none", [1, 3]),
    ],
)
def test_storage_host(
    monkeypatch: pytest.MonkeyPatch, connection: Connection, environment: str, counted: list[int]
) -> None:
    """The account's host counts as the storage only on loopback; a proxy in use always counts."""

    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (HOSTS[host], 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", environment)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    is_storage = storage_peers(connection)
    assert is_storage is not None
    assert {index for index, peer in enumerate(PEERS) if is_storage(peer)} == set(counted)


def test_unknown_account_trusts_every_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the account is unknown, every peer may be the storage."""

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror("no such host")

    assert storage_peers(object()) is None
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert storage_peers(Connection("account.example", 443)) is None


@pytest.mark.parametrize(
    ("kernel", "bodies", "kind"),
    [(True, True, KernelBytes), (True, False, KernelBytes), (False, True, BodyBytes), (False, False, WholeFiles)],
)
def test_best_source_is_the_most_truthful(
    monkeypatch: pytest.MonkeyPatch, kernel: bool, bodies: bool, kind: type
) -> None:
    """The best counter is the most accurate one available."""
    monkeypatch.setattr(KernelBytes, "available", lambda: kernel)
    monkeypatch.setattr(BodyBytes, "available", lambda: bodies)
    source = best_source(Connection("127.0.0.1", 8080))
    assert type(source) is kind


def test_system_without_acknowledgements(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that does not report acknowledged bytes has no such counter."""
    for missing in ("TCP_INFO", "elsewhere"):
        tells_acknowledged.cache_clear()
        with monkeypatch.context() as patch:
            if missing == "TCP_INFO":
                patch.delattr(socket, "TCP_INFO")
            else:
                patch.setattr(os.path, "isdir", lambda path: False)
            assert not KernelBytes.available()
    tells_acknowledged.cache_clear()
    assert KernelBytes.available()


def test_kernel_struct_has_its_fields(sink: Sink) -> None:
    """The fields of the kernel's struct are at the offsets that are read."""
    with sink.connect() as client:
        send(client, 1)
        sample = sample_socket(client)
    assert (sample.acked, sample.received, sample.pending, sample.dead) == (about(MB), 1, False, False)


@pytest.mark.parametrize(
    ("state", "acked", "unacked", "unsent", "pending"),
    [
        ("established", 1_001, 0, 0, False),
        ("established", 1_000, 1, 0, True),
        ("established", 901, 0, 100, True),
        # Only the end: on a busy machine, where it waits longer, it was taken for a break.
        ("end on its way", 1_001, 1, 0, False),
        ("end not sent yet", 1_001, 0, 1, False),
        ("end on its way with the last bytes", 901, 1, 0, True),
        ("end not sent yet, nor the last bytes", 901, 0, 101, True),
    ],
)
@pytest.mark.parametrize("resent", [0, 40])
@pytest.mark.parametrize("kernel", ["since 4.19", "before"])
def test_the_end_of_a_connection_is_no_byte_that_waits(
    state: str, acked: int, unacked: int, unsent: int, pending: bool, resent: int, kernel: str
) -> None:
    info = bytearray(232)
    info[0] = 1 if state == "established" else 4
    struct.pack_into("=I", info, 24, unacked)
    struct.pack_into("=QQ", info, 120, acked, 99)
    struct.pack_into("=I", info, 144, unsent)
    sent = 1_000 - max(unsent - (state != "established"), 0)
    struct.pack_into("=QQ", info, 200, sent + resent, resent)
    if kernel == "before":
        info = info[:200]
        pending = pending and state != "end on its way with the last bytes"  # such a kernel does not report it
    assert parse_sample(bytes(info)) == SocketSample(acked, 99, pending)


def test_orderly_end_is_no_break(sink: Sink) -> None:
    """An orderly end of a connection is no break."""
    with counting(KernelBytes(to(sink)), 4 * MB) as source:
        for _ in range(2):
            with sink.connect() as client:
                source.sent()
                send(client, 2)
                source.sent()
                client.shutdown(socket.SHUT_WR)  # hyper does this before it closes
                assert client.recv(1) == b""
                while (
                    sample_socket(client).pending
                    or client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) != b"\x07"
                ):
                    os.sched_yield()
                assert not sample_socket(client).dead
        assert (source.sent(), source.attempts, source.broken) == (about(4 * MB), 1, False)
