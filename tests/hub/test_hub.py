"""Claims about the hub and its clients, with real sockets and processes: refused clients, dropped messages, and losses
that never occur."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from progresskit import Frame, ProgressTracker, RendererUnavailable
from progresskit._display.display import Display, Pace
from progresskit._model.address import Address
from progresskit._model.frames import encode
from progresskit._system.job import OWN_HUBS, hub_address
from progresskit.processes import _connection as connection
from progresskit.processes._client import CROWD_BUDGET, LEAST_BUDGET, MOST_BUDGET, HubRenderer, _pieces
from progresskit.processes._connection import process_start
from progresskit.processes._protocol import (
    BYE,
    ENDED,
    FRAME,
    HELLO,
    LARGEST,
    LINES,
    Hello,
    Splitter,
    hello,
    message,
)
from progresskit.processes.feed import Feed
from progresskit.processes.hub import Hub
from progresskit.renderers.choice import RendererChoice, named
from progresskit.renderers.destinations import prefer_hub
from progresskit.renderers.registry import find
from progresskit.testing import EmulatedTerminal, ManualClock, ManualTicker, RecordingRenderer, sample_view


class Bench:
    """A hub, its feed moved by hand."""

    def __init__(self, **arguments: Any) -> None:
        self.ticker, self.renderer = ManualTicker(), RecordingRenderer()
        self.feed = Feed(self.renderer, clock=ManualClock(), ticker=self.ticker)
        self.hub = Hub(self.feed, **arguments)
        self.processes: list[subprocess.Popen[str]] = []

    def until(self, true: Callable[[], Any]) -> Any:
        """Tick until `true` is; the bound is for a machine that is busy with other things."""
        end = time.monotonic() + 60
        while not (found := true()):
            assert time.monotonic() < end, "it never came about"
            self.ticker.tick()
            time.sleep(0.002)
        return found

    @property
    def shown(self) -> list[str]:
        return [view.description for view in self.renderer.frames[-1].tasks] if self.renderer.frames else []

    @property
    def ended(self) -> list[tuple[str, str, str | None]]:
        return [(v.description, v.state, v.reason) for frame in self.renderer.frames for v in frame.ended]

    def client(self) -> HubRenderer:
        renderer = HubRenderer(str(self.hub.address))
        renderer.start(EmulatedTerminal())
        return renderer

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self.hub.address.place)
        return connection


@contextlib.contextmanager
def set_up(*, tcp: bool) -> Iterator[Bench]:
    bench = Bench(tcp=tcp)
    with bench.hub:
        yield bench
    bench.feed.stop()
    # A test that failed must not leave a program that works on, or a child of it that holds its pipes.
    for process in bench.processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture(params=["unix", "tcp"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with set_up(tcp=request.param == "tcp") as bench:
        yield bench


@pytest.fixture
def unix() -> Iterator[Bench]:
    with set_up(tcp=False) as bench:
        yield bench


def tasks(*names: str, **changes: Any) -> tuple[Any, ...]:
    return tuple(sample_view(id=row + 1, position=row, description=name, **changes) for row, name in enumerate(names))


def test_a_clients_tasks_lines_and_endings_are_shown(bench: Bench) -> None:
    client = bench.client()
    client.render(Frame(0.0, tasks("one", "two")))
    bench.until(lambda: bench.shown == ["one", "two"])
    client.write("a line\nanother")
    client.render(Frame(1.0, tasks("one"), (sample_view(id=2, description="two", state="finished"),)))
    bench.until(lambda: bench.shown == ["one"])
    assert bench.renderer.lines == ["a line", "another"]
    client.render(Frame(2.0, (), (sample_view(id=1, description="one", state="finished"),)))
    client.stop()
    bench.until(lambda: not bench.feed.sources)
    assert bench.ended == [("two", "finished", None), ("one", "finished", None)]
    assert (bench.hub.refused, bench.hub.dropped) == (0, 0)


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("socket.socket.listen", OSError),
        ("socket.socketpair", OSError),
        ("selectors.DefaultSelector", OSError),
        ("progresskit.processes.hub.Pipe", OSError),
        ("progresskit.processes.hub.QuickThread", RuntimeError),
    ],
)
def test_start_that_fails(
    what: str, error: type[Exception], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub that finds no descriptor or thread leaves no folder, socket or address behind, and can start later."""

    def refuse(*_: object, **__: object) -> None:
        raise error("none left")

    folder = tmp_path_factory.mktemp("s")  # a short path, as sockets need
    monkeypatch.setenv("TMPDIR", str(folder))
    bench = Bench(tcp=False)
    opened, own = os.listdir("/dev/fd"), dict(OWN_HUBS)
    with monkeypatch.context() as patch:
        patch.setattr(what, refuse)
        with pytest.raises(error, match="none left"):
            bench.hub.start()
        gc.collect()
        assert (os.listdir("/dev/fd"), os.listdir(folder), OWN_HUBS) == (opened, [], own)
    with bench.hub:
        client = bench.client()
        client.render(Frame(0.0, tasks("one")))
        bench.until(lambda: bench.shown == ["one"])
        client.stop()
        assert os.listdir(folder)
    assert (os.listdir(folder), OWN_HUBS) == ([], own)
    bench.feed.stop()


def test_a_hub_takes_a_feed() -> None:
    """A tracker that shows its own tasks alone is refused at once, not by the hub's thread."""
    with pytest.raises(TypeError, match="feed is ProgressTracker: give a Feed"):
        Hub(ProgressTracker("none"))  # type: ignore[arg-type]  # the mistake


def test_order_of_connections(unix: Bench) -> None:
    """Output that a process has sent by a closed connection is above the output of its next one."""
    first = unix.client()
    unix.until(lambda: unix.hub.clients == 1)
    with unix.hub._reading:  # the hub's thread waits meanwhile
        first.write("first")
        first.stop()
        second = unix.client()
        second.write("second")
        second.stop()
        unix.hub._handle(unix.hub._selector.select(0))
    unix.hub.catch_up()
    unix.ticker.tick()
    assert unix.renderer.lines == ["first", "second"]


def test_lines_larger_than_a_message_arrive(unix: Bench) -> None:
    """A client that prints megabytes at once sends several messages, none above the hub's bound, and keeps its connection."""
    client = unix.client()
    printed = [f"{number} {'é' * 1000}" for number in range(LARGEST // 2000)]
    client.write("\n".join(printed))
    unix.until(lambda: client.render(Frame(0.0, tasks("one"))) or unix.shown == ["one"])
    client.stop()
    unix.until(lambda: not unix.feed.sources)
    assert unix.renderer.lines == printed
    assert (unix.hub.refused, unix.hub.dropped) == (0, 0)


@given(st.lists(st.text(st.sampled_from("aé€😀"), max_size=12), max_size=8), st.integers(4, 20))
def test_pieces_become_whole_lines(lines: list[str], most: int) -> None:
    """Pieces of lines are whole lines and characters."""
    text = "\n".join(lines)
    pieces = list(_pieces(text.encode(), most))
    assert all(len(piece) <= most for piece in pieces)
    shown = "\n".join(piece.decode() for piece in pieces)
    assert shown.replace("\n", "") == text.replace("\n", "")
    if all(len(line.encode()) <= most for line in lines):
        assert shown == text


def test_a_client_waits_on_a_descriptor_above_1023(unix: Bench) -> None:
    """`select` refuses such a descriptor, which a job with many open files has."""
    fcntl, resource = pytest.importorskip("fcntl"), pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1100) if soft >= 0 else soft, hard))
    link = connection.Connection(str(unix.hub.address))
    try:
        link.flush()
        low, link.socket = link.socket, socket.socket(fileno=fcntl.fcntl(link.socket, fcntl.F_DUPFD_CLOEXEC, 1024))
        low.close()
        link.wait_until_writable(1.0)
    finally:
        link.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_clients_share_what_their_frames_may_cost(unix: Bench) -> None:
    """A few clients may spend 1 % of a core each, many 0.18 %, and those that are left more again."""

    def spends(budget: float) -> bool:
        second = float(next(seconds))  # on the frames' clock: a client looks once a second
        for client in clients:
            client.render(Frame(second, tasks("one")))
        return all(client.default_budget == pytest.approx(budget, rel=0.5) for client in clients)

    seconds = count()
    clients = [unix.client()]
    assert clients[0].default_budget == LEAST_BUDGET  # until the hub has spoken
    unix.until(lambda: spends(MOST_BUDGET))
    clients += [unix.client() for _ in range(47)]
    unix.until(lambda: spends(CROWD_BUDGET / 48))
    while len(clients) > 2:
        clients.pop().stop()
    unix.until(lambda: spends(MOST_BUDGET))
    for client in clients:
        client.stop()
    unix.until(lambda: not unix.feed.sources)
    assert unix.ended == []


def test_no_crowd_is_reported_over_tcp() -> None:
    """Unread messages at a client's end would reset the connection, and discard its last output."""
    with set_up(tcp=True) as bench:
        client = bench.client()
        client.render(Frame(0.0, tasks("one")))
        bench.until(lambda: bench.shown == ["one"])
        client.render(Frame(0.0, tasks("two")))
        bench.until(lambda: bench.shown == ["two"])
        assert client._connection is not None
        assert client._connection.read() == []
        client.stop()


def test_display_follows_the_clients_budget() -> None:
    """A display follows the budget that its client gets from the hub.

    The budget that a remote renderer has after a frame holds for the next one; one that the user has chosen stays.
    """

    class Told(RecordingRenderer):
        is_remote = True
        default_budget = LEAST_BUDGET

        def render(self, frame: Frame) -> None:
            self.default_budget = MOST_BUDGET

    for budget, expected in ((None, MOST_BUDGET), (0.5, 0.5)):
        choice = RendererChoice("told", Told, "of this test")
        clock = ManualClock()
        display = Display(EmulatedTerminal(), choice, interval=0.1, budget=budget, cpu=clock, wall=clock)
        tracker = ProgressTracker("none", ticker=ManualTicker())
        display.add(tracker._core)
        tracker.add_task("one")
        display.tick()
        assert display.pace.budget == expected


def test_first_frames_do_not_slow_printed_lines() -> None:
    """The cost of the first frames does not make frames with lines rare.

    Each frame has lines from the third on: the interval is soon that of frames as quick as these are.
    """
    pace, spent, now = Pace(0.1, 0.0018), 0.0, 0.0
    for cost, lines in ((0.02, False), (0.002, False), *[(0.0001, True)] * 30):
        spent += cost
        delay = pace.after_frame(spent - cost, spent, cost, now=now, moved=True, lines=lines)
        spent, now = spent + 0.00001, now + delay
    assert delay == pytest.approx(0.1)
    assert Pace(0.1, 0.0018).after_frame(0.0, 0.3, 0.3, now=0.3, moved=True, lines=True) == pytest.approx(0.1)


def test_a_client_that_breaks_off_is_lost(bench: Bench) -> None:
    client = bench.client()
    client.render(Frame(0.0, tasks("one")))
    bench.until(lambda: bench.shown == ["one"])
    client._close()
    bench.until(lambda: not bench.shown)
    assert bench.ended == [("one", "failed", "lost")]


def test_what_was_sent_before_the_hub_stops_is_shown(bench: Bench) -> None:
    for number in range(20):
        client = bench.client()
        client.render(Frame(0.0, (), tasks(f"task {number}", state="finished")))
        client.stop()
    bench.hub.stop()
    bench.ticker.tick()
    assert sorted(bench.ended) == sorted((f"task {number}", "finished", None) for number in range(20))
    bench.hub.start()


def test_stuck_hub_holds_nobody_up(unix: Bench) -> None:
    """A hub that does not read does not hold up clients, and no end is lost."""
    unix.feed._core.lines.items.extend(["a terminal that does not take more"] * 10_000)  # the hub stops reading
    unix.feed.print("not yet")
    client = unix.client()
    for number in range(3_000):
        client.write(f"line {number}")
        ended = tasks(f"task {number}", state="finished")[0]._replace(id=number)
        client.render(Frame(0.0, tasks("x" * 900), (ended,)))
    assert client._behind
    unix.until(lambda: len(unix.renderer.lines) > 10_000)
    unix.until(lambda: client._send() or not client._behind)
    client.stop()
    unix.until(lambda: len(unix.ended) == 3_000 and not unix.feed.sources)
    assert unix.renderer.lines[-3_000:] == [f"line {number}" for number in range(3_000)]


@pytest.mark.slow
def test_large_frame_is_sent_in_parts(bench: Bench) -> None:
    """A frame too large for a message is sent in parts."""
    client = bench.client()
    wide = "\u4e00" * 1_000
    live = tuple(sample_view(id=n, position=n, description=wide) for n in range(1_500))
    ended = tuple(sample_view(id=n + 5_000, description=f"{n} {wide}", state="finished") for n in range(800))
    client.render(Frame(0.0, live, ended))
    vast = {"column": "x" * (LARGEST + 1)}
    client.render(Frame(0.0, (sample_view(id=1, fields=vast),), (sample_view(id=9_999, state="failed", fields=vast),)))
    bench.until(lambda: client._send() or not client._behind)
    bench.until(lambda: len(bench.ended) == 801)
    assert bench.hub.dropped == 0
    client.stop()


def test_socket_is_in_a_private_folder(unix: Bench) -> None:
    """The socket is in a private folder and goes with the hub."""
    place = unix.hub.address.place
    assert stat.S_IMODE(os.stat(os.path.dirname(place)).st_mode) == 0o700
    assert len(unix.hub.address.key) == 32
    unix.hub.stop()
    assert not os.path.exists(os.path.dirname(place))
    unix.hub.start()
    assert unix.hub.address.place != place


def test_a_stranger_is_refused(bench: Bench) -> None:
    wrong = HubRenderer(str(bench.hub.address._replace(key="00")))
    with pytest.raises(ConnectionError, match="the hub is gone"):
        wrong.start(EmulatedTerminal())
        wrong.render(Frame(0.0, tasks("forged")))
        bench.until(lambda: bench.hub.refused == 1)
        bench.until(lambda: wrong.render(Frame(0.0, tasks("forged"))))
    bench.until(lambda: bench.hub.refused == 1)
    assert bench.renderer.frames == []


def test_another_user_is_refused(unix: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    with pytest.raises(ConnectionError, match="the hub is gone"):
        client = unix.client()
        unix.until(lambda: unix.hub.refused == 1)
        client.render(Frame(0.0, tasks("forged")))
    unix.until(lambda: unix.hub.refused == 1)


def test_who_says_nothing_is_let_go(unix: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("progresskit.processes.hub.STRANGERS", 3)
    monkeypatch.setattr("progresskit.processes.hub.HELLO_SECONDS", 0.05)
    silent = [unix.connect() for _ in range(5)]
    unix.until(lambda: unix.hub.refused == 5)
    for each in silent:
        assert each.recv(1) == b""
        each.close()


def test_a_crowd_is_no_crowd_of_strangers(unix: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("progresskit.processes.hub.STRANGERS", 2)
    clients = [unix.client() for _ in range(100)]
    for number, client in enumerate(clients):
        client.render(Frame(0.0, (), tasks(f"task {number}", state="finished")))
        client.stop()
    unix.until(lambda: len(unix.ended) == 100 and not unix.feed.sources)
    assert unix.hub.refused == 0


JUNK = {
    "not JSON": message(FRAME, b"{"),
    "no frame": message(FRAME, b"[]"),
    "no number": message(ENDED, encode(Frame(0.0)).replace("0.0", "NaN").encode()),
    "deep": message(FRAME, b"[" * 100_000),
    "a second hello": hello("00", Hello(1, 1.0)),
}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK.keys())
def test_what_makes_no_sense_is_dropped_and_counted(unix: Bench, junk: bytes) -> None:
    with unix.connect() as connection:
        connection.sendall(hello(unix.hub.address.key, Hello(1, 1.0)) + junk)
        connection.sendall(message(FRAME, encode(Frame(0.0, tasks("sound"))).encode()))
        unix.until(lambda: unix.shown == ["sound"])
        connection.sendall(message(BYE))
    unix.until(lambda: not unix.feed.sources)
    assert unix.hub.dropped <= 1  # a frame that a later one replaced is not even looked at


@pytest.mark.parametrize("junk", [b"\xff\xff\xff\xffF", b"\0\0\0\0F", b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\5Z1234"])
def test_bytes_that_are_no_message_end_the_connection(unix: Bench, junk: bytes) -> None:
    with unix.connect() as stranger, unix.connect() as client:
        stranger.sendall(junk)
        unix.until(lambda: unix.hub.refused == 1)
        client.sendall(hello(unix.hub.address.key, Hello(1, 1.0)))
        client.sendall(message(FRAME, encode(Frame(0.0, tasks("sound"))).encode()))
        unix.until(lambda: unix.shown == ["sound"])
        client.sendall(junk)
        unix.until(lambda: not unix.feed.sources)
        assert unix.hub.dropped == 1
    assert unix.ended == [("sound", "failed", "lost")]


def test_messages_come_through_in_pieces_of_any_size() -> None:
    stream = hello("00ff", Hello(1, 2.0)) + message(LINES, b"words") + message(FRAME, b"x" * 300) + message(BYE)
    for step in (1, 2, 3, 7, len(stream)):
        splitter, found = Splitter(), []
        for at in range(0, len(stream), step):
            found += splitter.feed(stream[at : at + step])
        while more := splitter.feed(b""):
            found += more
        assert [kind for kind, _ in found] == [HELLO, LINES, FRAME, BYE]
        assert found[2][1] == b"x" * 300


@pytest.mark.parametrize("text", ["", "abc", "@/tmp/x", "zz@/tmp/x", "00@"])
def test_wrong_address_is_not_repeated(text: str) -> None:
    """The message about an invalid address does not repeat it."""
    with pytest.raises(ValueError, match="a key in hexadecimal digits") as caught:
        Address.parse(text)
    assert not text or text not in str(caught.value)


def test_an_addresss_text_is_the_address() -> None:
    for address in (Address("00ff", "/tmp/a:80"), Address("00ff", "127.0.0.1:80")):
        assert Address.parse(str(address)) == address
    assert Address("00", "127.0.0.1:80").tcp == ("127.0.0.1", 80)
    assert Address("00", "/tmp/a:80").tcp is None


def test_the_start_of_a_process_orders_processes() -> None:
    code = "from progresskit.processes._connection import process_start as p; print(p())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process_start() <= float(run.stdout)


def test_a_forked_process_tells_when_it_was_forked() -> None:
    before = process_start()
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(writing, f"{process_start()}".encode())
        os._exit(0)
    os.waitpid(pid, 0)
    assert before <= float(os.read(reading, 100))
    os.close(reading)
    os.close(writing)


def test_way_to_a_frame_counts_in_the_budget() -> None:
    """A client's wake-ups before a frame count in its budget."""
    spent, ticker = ManualClock(), ManualTicker()

    class Sending(RecordingRenderer):
        is_remote = True
        default_budget = HubRenderer.default_budget

        def render(self, frame: Frame) -> None:
            spent.advance(0.0002)

    choice = RendererChoice("sending", Sending, "of this test")
    display = Display(EmulatedTerminal(), choice, interval=0.1, cpu=spent, wall=ManualClock())
    tracker = ProgressTracker("none", ticker=ticker)
    display.add(tracker._core)
    task = tracker.add_task("one")
    began, gone = spent(), 0.0
    for _ in range(1_000):
        spent.advance(0.0003)  # to wake up, and to see that there is a frame to send
        task.advance()
        gone += display.tick()
    assert (spent() - began) / gone < HubRenderer.default_budget
    spent.advance(60.0)  # what another thread has on its clock, should it ever draw
    assert display.tick() < 1.0


# The choice

HUB = {"PROGRESSKIT_HUB": "00ff@/nowhere/hub"}


@pytest.mark.parametrize("environ", [{}, {"PROGRESSKIT_RENDERER": "plain"}, {"PROGRESSKIT_RENDERER": "json"}])
def test_hub_replaces_the_environments_renderer(environ: dict[str, str]) -> None:
    """Below a hub the environment's renderer is the hub's."""
    assert prefer_hub(named(None, environ), environ=HUB).name == "hub"
    assert prefer_hub(named(None, environ), environ=environ).name != "hub"


@pytest.mark.parametrize("name", ["plain", "json", "none"])
def test_appending_renderer_of_code_stays(name: str) -> None:
    """A renderer that appends lines stays if code requests it."""
    assert prefer_hub(named(name, {}), environ=HUB).name == name


@pytest.mark.parametrize("name", ["ansi", "auto"])
def test_what_draws_over_rows_gives_way_to_the_hub(name: str) -> None:
    assert prefer_hub(named(name, {}), environ=HUB).name == "hub"
    assert prefer_hub(named(name, {}), environ=HUB, redirected=True).name == name


def test_disabled_and_made_by_code() -> None:
    """PROGRESSKIT_DISABLE applies, and a renderer that is made by code stays."""
    assert prefer_hub(named(None, {"PROGRESSKIT_DISABLE": "1"}), environ=HUB).name == "none"
    assert prefer_hub(named(RecordingRenderer(), {}), environ=HUB).name == "RecordingRenderer"


def test_an_address_that_is_none_warns_and_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("progresskit._system.warnings._said", set())
    with pytest.warns(UserWarning, match="PROGRESSKIT_HUB is set to what is no address"):
        assert prefer_hub(named(None, {}), environ={"PROGRESSKIT_HUB": "hello"}).name == "auto"


def test_the_hubs_own_process_is_no_client_of_it(unix: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROGRESSKIT_HUB", str(unix.hub.address))
    assert hub_address() is None
    monkeypatch.setattr(os, "getpid", lambda: -1)  # as in a forked child
    assert hub_address() == str(unix.hub.address)


def test_the_name_hub_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROGRESSKIT_HUB", raising=False)
    with pytest.raises(RendererUnavailable, match="start the command with `progresskit run`"):
        find("hub")


# Real processes

LOAD = """
import sys, time
from progresskit import ProgressTracker
with ProgressTracker() as tracker:
    with tracker.add_task(sys.argv[1], total=10) as task:
        task.advance(3)
        tracker.print("line of", sys.argv[1])
        sys.stdin.readline()
        task.advance(7)
"""


def start(bench: Bench, code: str, *arguments: str) -> subprocess.Popen[str]:
    environ = {**os.environ, **bench.hub.environment}
    if "os.fork" in code:  # what measures coverage has a lock of its own, which a fork beside threads may leave taken
        environ = {name: value for name, value in environ.items() if not name.startswith("COVERAGE")}
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code, *arguments],  # from 3.12 on a fork warns
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    bench.processes.append(process)
    return process


def test_children_join_by_their_environment(bench: Bench) -> None:
    """Processes become clients through their environment."""
    first, second = start(bench, LOAD, "first"), start(bench, LOAD, "second")
    bench.until(lambda: bench.shown == ["first", "second"])
    assert bench.hub.clients == 2
    for process in (first, second):
        assert process.communicate("\n", timeout=60) == ("", "")
        assert process.returncode == 0
    bench.until(lambda: not bench.feed.sources)
    assert sorted(bench.ended) == [("first", "finished", None), ("second", "finished", None)]
    assert sorted(bench.renderer.lines) == ["line of first", "line of second"]


def test_a_client_that_is_killed_is_lost(unix: Bench) -> None:
    process = start(unix, LOAD, "first")
    unix.until(lambda: unix.shown == ["first"])
    process.kill()
    process.communicate(timeout=60)
    unix.until(lambda: not unix.shown)
    assert unix.ended == [("first", "failed", "lost")]


def test_lost_hub_falls_back_to_plain(bench: Bench) -> None:
    """When the hub ends, clients continue with `plain` and one warning."""
    process = start(bench, LOAD, "first")
    bench.until(lambda: bench.shown == ["first"])
    bench.hub.stop()
    _, error = process.communicate("\n", timeout=60)
    assert process.returncode == 0
    assert error.count("the hub renderer failed (ConnectionError: the hub is gone") == 1
    assert "first: finished, 10 in" in error
    bench.hub.start()


def test_a_hub_that_was_never_there_is_no_harm() -> None:
    environ = {**os.environ, "PROGRESSKIT_HUB": "00ff@/nowhere/hub"}
    process = subprocess.Popen(
        [sys.executable, "-c", LOAD, "alone"], env=environ, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    error = ""
    while "alone: started" not in error:
        error += process.stderr.readline()
    error += process.communicate("\n", timeout=60)[1]
    assert process.returncode == 0
    assert error.count("plain is used from here on") == 1
    assert "alone: finished, 10 in" in error
    assert "00ff" not in error


FORK = """
import os, sys, time
from progresskit import ProgressTracker, track
with ProgressTracker() as tracker:
    with tracker.add_task("parent", total=10) as task:
        while tracker._core.tree.last_shown < task.id: time.sleep(0.005)
        children = []
        for number in range(3):
            child = os.fork()
            if not child:
                with tracker.add_task(f"child {number}", total=2, parent=task) as mine:
                    mine.advance(2)
                    for _ in track([1], f"loop of {number}"): pass
                    sys.stdin.readline()
                tracker.stop()
                os._exit(0)
            children.append(child)
        for child in children:
            os.waitpid(child, 0)
"""


def test_forked_client_is_its_own_client(unix: Bench) -> None:
    """A forked child of a client is a client of its own."""
    process = start(unix, FORK)
    unix.until(lambda: unix.shown == ["parent", "child 0", "child 1", "child 2"])
    assert unix.hub.clients == 4
    assert process.communicate("\n\n\n", timeout=60) == ("", "")
    assert process.returncode == 0
    unix.until(lambda: not unix.feed.sources)
    assert {state for _, state, _ in unix.ended} == {"finished"}
    assert sorted(name for name, _, _ in unix.ended if "child" in name) == ["child 0", "child 1", "child 2"]


FORK_WHILE_DRAWING = """
import os, signal, threading
from progresskit import ProgressTracker
with ProgressTracker(interval=0.001, budget=1.0) as tracker:
    tasks = [tracker.add_task(f"task {number}", total=100) for number in range(20)]
    stop = threading.Event()
    def work():
        while not stop.is_set():
            for task in tasks: task.advance(0.01)
    thread = threading.Thread(target=work); thread.start()
    for number in range(40):
        child = os.fork()
        if not child:
            signal.alarm(20)
            with tracker.add_task("child"): pass
            tracker.stop()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    stop.set(); thread.join()
"""


@pytest.mark.slow
def test_fork_in_a_frame_deadlocks_nobody(unix: Bench) -> None:
    """A fork while a frame is drawn causes no deadlock."""
    process = start(unix, FORK_WHILE_DRAWING)
    unix.until(lambda: len(unix.shown) >= 20)
    unix.until(lambda: process.poll() is not None)
    output, error = process.communicate(timeout=60)
    assert (process.returncode, output, error) == (0, "", "")


def test_forked_hub_keeps_no_connection(unix: Bench) -> None:
    """A forked child of the hub's process keeps no connection."""
    client = unix.client()
    client.render(Frame(0.0, tasks("one")))
    unix.until(lambda: unix.shown == ["one"])
    reader, writer = os.pipe()
    ready, begun = os.pipe()
    child = os.fork()
    if not child:
        os.close(writer)
        os.write(begun, b"x")
        os.read(reader, 1)  # alive until the parent says so
        os._exit(0)
    os.close(reader)
    os.read(ready, 1)
    for each in (ready, begun):
        os.close(each)
    unix.hub.stop()
    with pytest.raises(ConnectionError):  # at once, though the child lives
        for _ in range(100):
            client.render(Frame(0.0, tasks("one")))
    os.close(writer)
    assert os.waitpid(child, 0)[1] == 0
    unix.hub.start()


def test_own_terminal_is_no_client(unix: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tracker with a terminal of its own is no client."""
    monkeypatch.setenv("PROGRESSKIT_HUB", "00ff@/nowhere/hub")
    terminal, ticker = EmulatedTerminal(), ManualTicker()
    with ProgressTracker("ansi", terminal=terminal, ticker=ticker) as tracker:
        tracker.add_task("here")
        ticker.tick()
        assert "here" in terminal.screen[0]
