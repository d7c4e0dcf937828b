"""The counting proxy, over real sockets: plain and with TLS, directly and through another proxy."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("progresskit_snowflake", reason="the adapter is not installed in this environment")

from loopback import MB, Sink, contexts, send
from progresskit_snowflake.counting import proxy as module
from progresskit_snowflake.counting.byte_count import OVERHEAD
from progresskit_snowflake.counting.proxy import CountingProxy
from progresskit_snowflake.counting.sources import ProxyBytes

HERE = "127.0.0.1"


@pytest.fixture
def sink() -> Iterator[Sink]:
    server = Sink()
    yield server
    server.close()


@pytest.fixture(params=["as the kernel acknowledges them", "as they are written"], autouse=True)
def counted_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each claim also holds on systems that do not report acknowledged bytes."""
    if request.param == "as they are written":
        monkeypatch.setattr(module, "tells_acknowledged", lambda: False)


def ask(proxy: CountingProxy, first: str, *headers: str, password: str | None = None) -> socket.socket:
    """Send a request's head to the proxy."""
    own = proxy.arguments
    words = f"{own['proxy_user']}:{own['proxy_password'] if password is None else password}"
    secret = base64.b64encode(words.encode()).decode()
    client = socket.create_connection((own["proxy_host"], own["proxy_port"]))
    lines = [first, *headers, f"Proxy-Authorization: Basic {secret}", "Proxy-Connection: keep-alive"]
    client.sendall("\r\n".join([*lines, "", ""]).encode())
    return client


def head(client: socket.socket) -> str:
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        block = client.recv(1)
        assert block, data
        data += block
    return data.decode()


def tunnel(proxy: CountingProxy, port: int) -> socket.socket:
    client = ask(proxy, f"CONNECT {HERE}:{port} HTTP/1.1", f"Host: {HERE}:{port}")
    assert head(client).startswith("HTTP/1.1 200 ")
    return client


def answer(client: socket.socket) -> str:
    data = b""
    with client:
        while block := client.recv(65536):
            data += block
    return data.decode()


@contextlib.contextmanager
def counting(proxy: CountingProxy, size: int) -> Iterator[ProxyBytes]:
    source = ProxyBytes(proxy)
    source.begin(size)
    yield source
    source.end(size, well=True)


def comes_to(source: ProxyBytes, count: int, within: int = 2) -> None:
    """Wait until `size` bytes are counted, which is a moment after their arrival."""
    sent = source.sent()
    while sent != pytest.approx(count, abs=within):
        assert sent is not None
        assert sent <= count + within
        os.sched_yield()
        sent = source.sent()


@contextlib.contextmanager
def through(sink: Sink, chained: bool) -> Iterator[CountingProxy]:
    """A proxy to the sink; `chained`: through the user's own proxy, with a password."""
    with contextlib.ExitStack() as stack:
        upstream = None
        if chained:
            theirs = stack.enter_context(CountingProxy(HERE, sink.port)).arguments
            secret = f"{theirs['proxy_user']}:{theirs['proxy_password']}"
            upstream = f"http://{secret}@{theirs['proxy_host']}:{theirs['proxy_port']}"
        yield stack.enter_context(CountingProxy(HERE, sink.port, upstream=upstream))


@pytest.mark.parametrize("chained", [False, True])
def test_a_tunnel_is_counted_as_its_bytes_arrive(sink: Sink, chained: bool) -> None:
    with through(sink, chained) as proxy, counting(proxy, 10 * MB) as source:
        assert source.sent() == 0
        with tunnel(proxy, sink.port) as client:
            for megabytes in range(1, 11):
                send(client, 1)
                comes_to(source, min(megabytes * MB + 500, 10 * MB), 500)  # the request to another proxy counts too
        assert (source.sent(), source.attempts) == (10 * MB, 1)


@pytest.mark.parametrize("chained", [False, True])
def test_count_is_right_under_tls(tmp_path: Path, chained: bool) -> None:
    """With TLS the count is exact except for the frames of its records."""
    theirs, ours = contexts(tmp_path)
    server = Sink(theirs)
    with (
        through(server, chained) as proxy,
        counting(proxy, 10 * MB) as source,
        ours.wrap_socket(tunnel(proxy, server.port)) as client,
    ):
        for megabytes in range(1, 11):
            send(client, 1)
            comes_to(source, min(megabytes * MB + OVERHEAD // 2, 10 * MB), OVERHEAD // 2)
    server.close()


@pytest.mark.parametrize("chained", [False, True])
def test_plain_http_is_counted(chained: bool) -> None:
    """Plain HTTP is forwarded without the proxy's own headers, and counted."""
    listening = socket.create_server((HERE, 0))
    port = listening.getsockname()[1]
    heads: list[str] = []

    def serve() -> None:
        for _ in range(2):
            accepted, _ = listening.accept()
            with accepted:
                heads.append(head(accepted))
                left = MB
                while left:
                    left -= len(accepted.recv(left))
                accepted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    sink = Sink()
    sink.close()
    sink.port = port
    with through(sink, chained) as proxy, counting(proxy, 2 * MB) as source:
        for number in (1, 2):
            client = ask(
                proxy, f"PUT http://{HERE}:{port}/a?b=c HTTP/1.1", f"Host: {HERE}:{port}", "Content-Length: 1000000"
            )
            client.sendall(bytes(MB))
            assert answer(client).startswith("HTTP/1.1 200 OK")
            while proxy._ways:
                os.sched_yield()
            sent = source.sent()
            assert sent is not None
            assert number * MB <= sent <= min(number * (MB + 1_000), 2 * MB)
        assert source.attempts == 1
    thread.join()
    listening.close()
    assert all(one.startswith("PUT /a?b=c HTTP/1.1\r\n") for one in heads)
    assert not any("proxy-" in one.lower() or "keep-alive" in one.lower() for one in heads)


@pytest.mark.parametrize(
    ("first", "status", "sentence"),
    [
        ("CONNECT 127.0.0.1:1 HTTP/1.1", 403, "127.0.0.1:1 is not a host of this connection."),
        ("CONNECT example.com:443 HTTP/1.1", 403, "example.com:443 is not a host of this connection."),
        ("GET http://example.com/ HTTP/1.1", 403, "example.com:80 is not a host of this connection."),
        ("CONNECT [::1]:99999 HTTP/1.1", 400, "this proxy takes CONNECT"),
        ("GET / HTTP/1.1", 400, "this proxy takes CONNECT"),
        ("GET https://example.com/ HTTP/1.1", 400, "this proxy takes CONNECT"),
        ("nonsense", 400, "that is no request."),
    ],
)
def test_other_hosts_are_refused(first: str, status: int, sentence: str) -> None:
    """Hosts other than those of the connection are refused."""
    with CountingProxy("account.example") as proxy:
        said = answer(ask(proxy, first))
    assert said.startswith(f"HTTP/1.1 {status} ")
    assert sentence in said


def test_who_has_not_its_password_is_not_served(sink: Sink) -> None:
    with CountingProxy(HERE, sink.port) as proxy:
        said = answer(ask(proxy, f"CONNECT {HERE}:{sink.port} HTTP/1.1", password="guessed"))
    assert said.startswith("HTTP/1.1 407 Proxy Authentication Required\r\n")


def test_a_head_without_end_is_refused() -> None:
    with CountingProxy("account.example") as proxy:
        own = proxy.arguments
        client = socket.create_connection((own["proxy_host"], own["proxy_port"]))
        with contextlib.suppress(ConnectionError):
            client.sendall(bytes(4 * module.HEAD))
            assert " 431 " in answer(client)
        client.close()


def test_listens_on_loopback_for_its_block() -> None:
    """The proxy listens on loopback only, and only during its block."""
    with CountingProxy("account.example") as proxy:
        address = proxy._listening.getsockname()
        assert address[0] == "127.0.0.1"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def test_unreachable_host_is_reported() -> None:
    with socket.create_server((HERE, 0)) as listening:
        port = listening.getsockname()[1]
    with CountingProxy(HERE, port) as proxy:
        said = answer(ask(proxy, f"CONNECT {HERE}:{port} HTTP/1.1"))
    assert said.startswith("HTTP/1.1 502 ")
    assert f"127.0.0.1:{port} cannot be reached" in said


def test_proxy_credentials_stay_secret(sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    """No answer, error or log has the credentials of the user's own proxy."""
    caplog.set_level(logging.DEBUG)
    with (
        CountingProxy(HERE, sink.port) as theirs,
        CountingProxy(
            HERE, sink.port, upstream=f"http://someone:s3cret@{HERE}:{theirs.arguments['proxy_port']}"
        ) as proxy,
    ):
        said = answer(ask(proxy, f"CONNECT {HERE}:{sink.port} HTTP/1.1"))
    assert said.startswith("HTTP/1.1 502 ")
    assert f"the proxy before 127.0.0.1:{sink.port} answered 407." in said
    with pytest.raises(ValueError, match=r"^the upstream is no proxy's address: give one as ") as raised:
        CountingProxy(HERE, upstream="socks5://someone:s3cret@proxy.example")
    assert "s3cret" not in said + caplog.text + str(raised.value)


@pytest.mark.parametrize("carried", [30_000, 3 * MB])
def test_a_reset_reaches_the_client_and_counts_no_more(sink: Sink, carried: int) -> None:
    with CountingProxy(HERE, sink.port) as proxy, counting(proxy, 5 * MB) as source:
        client = tunnel(proxy, sink.port)
        client.sendall(bytes(carried))
        comes_to(source, carried)
        sink.reset(client)
        client.close()
        while proxy._ways:
            os.sched_yield()
        assert (source.sent(), source.attempts, source.broken) == (0, 2, True)
        with tunnel(proxy, sink.port) as again:
            send(again, 5)
            comes_to(source, 5 * MB)
            assert (source.attempts, source.broken) == (2, False)


def test_account_stops_counting_beside_a_storage(sink: Sink) -> None:
    """Bytes to the account do not count after the storage is known."""
    storage = Sink()
    with CountingProxy("localhost", sink.port) as proxy, counting(proxy, 2 * MB) as source:
        proxy.admit(HERE, storage.port)
        account = ask(proxy, f"CONNECT LOCALHOST:{sink.port} HTTP/1.1")
        assert head(account).startswith("HTTP/1.1 200 ")
        with account, tunnel(proxy, storage.port) as client:
            send(account, 1)
            assert source.sent() == pytest.approx(0, abs=2)
            send(client, 1)
            comes_to(source, MB)
    storage.close()


def test_stage_hosts_are_the_servers() -> None:
    """The stages' hosts are those that the server names."""

    class Cursor:
        """Answers like Snowflake; the local server has no such function."""

        def execute(self, statement: str) -> Any:
            assert statement == "SELECT SYSTEM$ALLOWLIST()"
            return self

        def fetchall(self) -> list[tuple[str]]:
            hosts = [
                {"type": "SNOWFLAKE_DEPLOYMENT", "host": "account.example", "port": 443},
                {"type": "STAGE", "host": "stage.example", "port": 443},
                {"type": "OCSP_CACHE", "host": "ocsp.example", "port": 80},
            ]
            return [(json.dumps(hosts),)]

    proxy = CountingProxy("Account.example.")
    assert proxy.admit_stages(Cursor()) == ["stage.example"]
    assert proxy._admitted == {("account.example", 443), ("stage.example", 443)}
    proxy._listening.close()
