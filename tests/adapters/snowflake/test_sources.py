"""What counts an upload: over real sockets, plain and under TLS, through breaks and repetitions."""

from __future__ import annotations

import contextlib
import datetime
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")

from progresskit_snowflake.sources import SLACK, KernelBytes, WholeFiles, storage_peers
from progresskit_snowflake.uploading import counted

from progresskit import ProgressTracker
from progresskit.testing import ManualTicker, RecordingRenderer

pytestmark = pytest.mark.skipif(not KernelBytes.available(), reason="this system does not tell what was acknowledged")
MB = 1_000_000


class Sink:
    """A server on loopback that reads what it is sent, and answers each megabyte with a byte: all of it has arrived."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._context = context
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                accepted, _ = self._listening.accept()
            except OSError:  # closed: the test is over
                return
            threading.Thread(target=self._drain, args=(accepted,), daemon=True).start()

    def _drain(self, accepted: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._context is not None:
                accepted = self._context.wrap_socket(accepted, server_side=True)
            taken = answered = 0
            while data := accepted.recv(65536):
                taken += len(data)
                while answered < taken // MB:
                    accepted.sendall(b".")
                    answered += 1
        accepted.close()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port))

    def close(self) -> None:
        self._listening.close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    server = Sink()
    yield server
    server.close()


def send(client: socket.socket, megabytes: int) -> None:
    """Send so much, and wait until it has arrived."""
    for _ in range(megabytes):
        client.sendall(bytes(MB))
        assert client.recv(1) == b"."


def about(count: int) -> Any:
    """The count, and a byte for each connection's opening, which is acknowledged like one."""
    return pytest.approx(count, abs=2)


def to(server: Sink) -> Callable[[tuple[str, int]], bool]:
    return lambda peer: peer == ("127.0.0.1", server.port)


def test_what_has_arrived_is_counted_as_it_arrives(sink: Sink) -> None:
    source = KernelBytes(to(sink))
    with sink.connect() as client:
        source.begin(10 * MB)
        assert source.sent() == 0
        for megabytes in range(1, 11):
            send(client, 1)
            assert source.sent() == about(megabytes * MB)
    assert source.attempts == 1


def test_bytes_of_an_earlier_upload_on_the_same_connection_do_not_count(sink: Sink) -> None:
    source = KernelBytes(to(sink))
    with sink.connect() as client:
        send(client, 3)
        source.begin(2 * MB)
        assert source.sent() == 0
        send(client, 1)
        assert source.sent() == about(MB)


def test_several_connections_are_added_up(sink: Sink) -> None:
    source = KernelBytes(to(sink))
    source.begin(8 * MB)
    with sink.connect() as one, sink.connect() as two:
        send(one, 3)
        send(two, 2)
        assert source.sent() == about(5 * MB)
    assert source.attempts == 1


def test_other_hosts_do_not_count(sink: Sink) -> None:
    other = Sink()
    source = KernelBytes(to(sink))
    source.begin(MB)
    with other.connect() as client:
        send(client, 1)
        assert source.sent() == 0
    other.close()


def test_a_connection_that_breaks_begins_anew_and_the_count_steps_back(sink: Sink) -> None:
    source = KernelBytes(to(sink))
    source.begin(5 * MB)
    with sink.connect() as client:
        send(client, 3)
        assert source.sent() == about(3 * MB)
    with sink.connect() as client:
        send(client, 1)
        assert (source.sent(), source.attempts) == (about(MB), 2)
        send(client, 4)
        assert (source.sent(), source.attempts) == (about(5 * MB), 2)


def test_an_object_that_is_sent_again_on_the_same_connection_steps_back_too(sink: Sink) -> None:
    source = KernelBytes(to(sink))
    source.begin(2 * MB)
    with sink.connect() as client:
        send(client, 2)
        assert source.sent() == about(2 * MB)
        send(client, 1)
        assert (source.sent(), source.attempts) == (about(MB), 2)
        send(client, 1)
        assert (source.sent(), source.attempts) == (about(2 * MB), 2)


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of our own for 127.0.0.1."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    return paths


def test_under_tls_the_count_is_right_to_the_frames_of_its_records(tmp_path: Path) -> None:
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(*certificate(tmp_path))
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ours.check_hostname = False
    ours.verify_mode = ssl.CERT_NONE  # our own server, on loopback; what is tested is the counting
    server = Sink(theirs)
    source = KernelBytes(to(server))
    source.begin(20 * MB)
    with ours.wrap_socket(server.connect()) as client:
        for megabytes in range(1, 21):
            send(client, 1)
            sent = source.sent()
            assert sent is not None
            assert megabytes * MB <= sent <= min(megabytes * MB * 1.003 + SLACK, 20 * MB)
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


def test_an_upload_that_fails_leaves_the_bar_where_it_was(sink: Sink) -> None:
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    task = tracker.add_task("Upload", total=3 * MB, unit="B")
    with pytest.raises(OSError, match="gone"), counted(task, KernelBytes(to(sink)), 3 * MB):
        raise OSError("gone")
    assert task.completed < 3 * MB


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
