"""Claims about the live page over real HTTP on the loopback."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from progresskit._display.web import follow, live
from progresskit._display.web.follow import Follower
from progresskit._display.web.server import MOST_CONNECTIONS, PageServer
from progresskit._display.web.state import PageState
from progresskit._model.frames import Frame, sample_view

HOSTILE = "</script><img src=x onerror=alert(1)>"
JOB = """
import sys, time
from progresskit import ProgressTracker
with ProgressTracker("plain", web=True) as tracker:
    print(tracker.page_url, flush=True)
    tracker.add_task("Short", total=1).finish()
    load = tracker.add_task("Load", total=10)
    load.advance(4)
    tracker.print("a line")
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    state = PageState({"run": "a1", "argv": ["job.py"], "pid": 1, "host": "here"})
    state.note(Frame(0.0, (sample_view(description=HOSTILE, completed=3, total=12),)))
    server = PageServer(state)
    server.start()
    yield server
    server.stop()


def ask(
    server: PageServer, path: str, method: str = "GET", **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def test_page(server: PageServer) -> None:
    """The page is one document that runs only its own script; its cookie is the server's own; nothing is stored."""
    status, headers, body = ask(server, f"/?token={server.token}")
    assert status == 200 and b"onerror" not in body and b"http" not in body.replace(b"http://www.w3.org/2000/svg", b"")
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert headers["Cache-Control"] == "no-store" and headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff" and "Access-Control-Allow-Origin" not in headers
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert ask(server, "/", Cookie=cookie.partition(";")[0])[0] == 200


def test_state(server: PageServer) -> None:
    """The picture names each task as it is called; a question for a newer one is answered once there is one."""
    status, headers, body = ask(server, f"/state?token={server.token}")
    found = json.loads(body)
    assert status == 200 and headers["Content-Type"] == "application/json"
    assert found["live"][0]["name"] == HOSTILE and found["live"][0]["percent"] == "25%"
    assert ask(server, f"/state?token={server.token}&since={found['sequence']}")[0] == 204
    assert ask(server, f"/state?token={server.token}&since=-1x")[0] == 200
    status, headers, body = ask(server, "/metrics", Authorization=f"Bearer {server.token}")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4") and body.endswith(b"\n")
    assert f'progresskit_task_completed{{run="a1",task="1",description="{HOSTILE}",unit="it"}} 3'.encode() in body


@pytest.mark.parametrize(
    ("path", "method", "headers", "status"),
    [
        ("/", "GET", {}, 403),
        ("/state", "GET", {}, 403),
        ("/metrics", "GET", {}, 403),
        ("/?token=wrong", "GET", {}, 403),
        ("/?token=", "GET", {}, 403),
        ("/", "GET", {"Authorization": "Bearer wrong"}, 403),
        ("/", "GET", {"Cookie": "progresskit-1=wrong; other=1"}, 403),
        ("/?token=TOKEN", "GET", {"Host": "evil.example"}, 403),
        ("/?token=TOKEN", "GET", {"Host": "127.0.0.1.evil.example"}, 403),
        ("/?token=TOKEN", "GET", {"Host": ""}, 403),
        ("/?token=TOKEN", "GET", {"Host": "localhost:1234"}, 200),
        ("/?token=TOKEN", "GET", {"Host": "[::1]:1234"}, 200),
        ("/?token=TOKEN", "HEAD", {}, 200),
        ("/?token=TOKEN", "POST", {}, 405),
        ("/?token=TOKEN", "PUT", {}, 405),
        ("/?token=TOKEN", "DELETE", {}, 405),
        ("/?token=TOKEN", "OPTIONS", {}, 405),
        ("/?token=TOKEN", "STRANGE", {}, 501),
        ("/../../etc/passwd?token=TOKEN", "GET", {}, 404),
        ("/%2e%2e/server.py?token=TOKEN", "GET", {}, 404),
        ("//evil.example/?token=TOKEN", "GET", {}, 404),
        ("/?token=T%C3%B6ken", "GET", {}, 403),
    ],
    ids=lambda value: str(value).replace("/", "_")[:30] if not isinstance(value, dict) else "-".join(value) or "plain",
)
def test_who_may_ask(server: PageServer, path: str, method: str, headers: dict[str, str], status: int) -> None:
    """Without the token, under a foreign name, or with a method that could change anything, nothing is revealed."""
    found, _, body = ask(server, path.replace("TOKEN", server.token), method, **headers)
    assert found == status
    assert found == 200 or (HOSTILE.encode() not in body and server.token.encode() not in body)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("/?token={} HTTP/1.1\r\nHost: localhost\r\nHost: evil.example", "403"),
        ("http://[::1/?token={} HTTP/1.1\r\nHost: localhost", "400"),
    ],
    ids=["two names", "half an address"],
)
def test_odd_requests(server: PageServer, head: str, status: str) -> None:
    """A request with a second `Host`, a stranger's, or with an address that is none, is answered, and told nothing."""
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=30)) as connection:
        connection.sendall(f"GET {head.format(server.token)}\r\n\r\n".encode())
        assert connection.recv(1_000).startswith(f"HTTP/1.1 {status}".encode())


def test_many_connections(server: PageServer) -> None:
    """Connections beyond the number of threads are closed, until there is room again; one that sends nothing does not
    hold up others."""
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(MOST_CONNECTIONS + 10)]
    try:
        for connection in idle[:-10]:
            connection.close()
        until = time.monotonic() + 30
        while True:
            try:
                assert ask(server, f"/state?token={server.token}")[0] == 200
                break
            except (OSError, http.client.HTTPException):
                assert time.monotonic() < until
    finally:
        for connection in idle:
            connection.close()


def test_a_reader_holds_up_nobody(server: PageServer) -> None:
    """While tabs wait, and one reads nothing, a frame is noted at once and reaches those that wait."""
    state = server.state
    sequence = json.loads(state.picture() or b"{}")["sequence"]
    dead = socket.create_connection(("127.0.0.1", server.port))
    dead.sendall(f"GET /state?token={server.token} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 50)
    found: list[Any] = []
    tabs = [
        threading.Thread(target=lambda: found.append(ask(server, f"/state?token={server.token}&since={sequence}")[2]))
        for _ in range(12)
    ]
    for tab in tabs:
        tab.start()
    state.note(Frame(1.0, (), (sample_view(state="finished", completed=12, total=12),)))
    for tab in tabs:
        tab.join(30)
    dead.close()
    assert len(found) == 12 and len(set(found)) == 1 and json.loads(found[0])["ended"][0]["state"] == "finished"
    state.note(Frame(0.0, (sample_view(description=HOSTILE, completed=3, total=12),)))


@pytest.fixture(scope="module")
def job() -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PROGRESSKIT_")}
    job = subprocess.Popen([sys.executable, "-c", JOB], stdin=-1, stdout=-1, stderr=-1, text=True, env=environ)
    assert job.stdout is not None
    url = job.stdout.readline()
    found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\?token=([\w-]{32})\n", url)
    assert found
    yield job, int(found[1]), found[2]
    job.kill()
    job.communicate()


def test_a_job(job: tuple[subprocess.Popen[str], int, str]) -> None:
    """A job's page is on the loopback alone, tells its tasks and lines, a task shorter than a frame too, and is gone with it; the
    address is told once."""
    process, port, token = job

    def picture(since: int = 0) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        with closing(connection):
            connection.request("GET", f"/state?token={token}&since={since}")
            return json.loads(connection.getresponse().read() or b"null")

    until = time.monotonic() + 30
    while not ((found := picture()) and found["live"] and found["prints"]):
        assert time.monotonic() < until
    assert (
        found["live"][0]["done"].startswith("4") and found["prints"][-1][1] == "a line" and found["pid"] == process.pid
    )
    assert [row["name"] for row in found["ended"]] == ["Short"]
    if sys.platform == "linux":
        listening = [line.split()[1] for line in Path(f"/proc/{process.pid}/net/tcp").read_text().splitlines()]
        assert f"0100007F:{port:04X}" in listening and f"00000000:{port:04X}" not in listening
    process.kill()
    _, errors = process.communicate()
    assert errors.count("the live page is at") == 1
    with pytest.raises(OSError):
        picture()


def test_the_last_picture() -> None:
    """A page that is open has the picture of the end, though the job's process ends at once."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PROGRESSKIT_")}
    job = subprocess.Popen([sys.executable, "-c", JOB], stdin=-1, stdout=-1, stderr=-1, text=True, env=environ)
    assert job.stdout is not None and job.stdin is not None
    found = re.search(r":(\d+)/\?token=(.+)", job.stdout.readline())
    assert found
    pictures: list[Any] = []
    begun = threading.Event()

    def observe() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=30)
        try:
            while True:
                since = pictures[-1]["sequence"] if pictures else 0
                connection.request("GET", f"/state?token={found[2]}&since={since}")
                body = connection.getresponse().read()
                pictures.extend([json.loads(body)] if body else [])
                if pictures and pictures[-1]["live"]:
                    begun.set()
        except (OSError, http.client.HTTPException):
            connection.close()

    tab = threading.Thread(target=observe)
    tab.start()
    assert begun.wait(30)
    job.stdin.close()
    assert job.wait(30) == 0
    tab.join(30)
    job.stdout.close()
    assert job.stderr is not None
    job.stderr.close()
    assert not pictures[-1]["live"] and pictures[-1]["ended"][0]["state"] == "cancelled"


def test_follow(tmp_path: Path) -> None:
    """A file that grows is followed; a torn line is passed over; a run whose process has gone is lost and keeps its picture."""
    from progresskit._model.events import EventEncoder
    from progresskit._system.run_identity import run_identity

    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    encoder = EventEncoder({**run_identity(), "run": "b2", "pid": gone.pid})
    path = tmp_path / "events"
    frames = [Frame(float(n), (sample_view(description="Load", completed=n, total=9),)) for n in range(3)]
    lines = [line for frame in frames for line in encoder.lines(frame, [])]
    path.write_text("\n".join(lines[:2]) + "\ntorn")
    state = PageState({"run": "a1"})
    follower = Follower(str(path), state)
    try:
        assert follower.read() > 0
        with path.open("a") as file:
            file.write("\n" + "\n".join(lines[2:]) + "\n")
        assert follower.read() > 0 and follower.read() == 0
        assert follower.strange == 1
    finally:
        follower.close()
    found = json.loads(state.picture() or b"{}")
    assert found["live"][0]["done"].startswith("2") and found["sources"][0]["lost"] == "the process has gone."


def test_follow_rotation(tmp_path: Path) -> None:
    """What was added to a file before another took its place is read, and then the other one; a line without an end fills no memory."""
    from progresskit._model.events import EventEncoder

    def lines(run: str, name: str) -> str:
        encoder = EventEncoder({"progresskit": 1, "run": run})
        return "".join(f"{line}\n" for line in encoder.lines(Frame(0.0, (sample_view(description=name),)), [name]))

    path = tmp_path / "events"
    path.write_text(lines("a", "first"))
    state = PageState({})
    follower = Follower(str(path), state)
    with closing(follower):
        follower.read()
        with path.open("a") as file:
            file.write(lines("b", "second"))
        path.rename(tmp_path / "events.1")
        path.write_text(lines("c", "third"))
        follower.read()
        with path.open("a") as file:
            file.write("x" * 100)
        follow.LONGEST_LINE, before = 50, follow.LONGEST_LINE
        try:
            follower.read()
        finally:
            follow.LONGEST_LINE = before
        assert follower.strange == 1
    found = json.loads(state.picture() or b"{}")
    assert [row["name"] for row in found["live"]] == ["first", "second", "third"]
    assert [line for _, line in found["prints"]] == ["first", "second", "third"]


def test_taken_port(server: PageServer, recwarn: pytest.WarningsRecorder) -> None:
    """The message about a port in use is one sentence: an error for the user's own call, or a warning for the
    environment."""
    from progresskit import ProgressTracker

    with pytest.raises(ValueError, match=f"web is {server.port}, where no page can be served: .*in use"):
        ProgressTracker("none", web=server.port)
    with pytest.raises(ValueError, match="web is 99999: give True, a port"):
        ProgressTracker("none", web=99999)
    with pytest.raises(TypeError, match="web is None"):
        ProgressTracker("none", web=None)  # type: ignore[arg-type]
    live.serve_as_asked(str(server.port))
    live.serve_as_asked("nowhere")
    words = [str(each.message) for each in recwarn]
    assert "cannot be served" in words[0] and "is ignored" in words[1]
    assert live.here() is None


@pytest.mark.parametrize(("text", "words"), [("x", "give 1"), ("99999", "give 1"), ("host:", "give 1")])
def test_address(text: str, words: str) -> None:
    """The message about a bad address says what is allowed."""
    with pytest.raises(ValueError, match=words):
        live.address(text)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_fork() -> None:
    """A forked child that outlives the job does not keep the page's address, and draws on as ever."""
    code = (
        "import os, sys, time\n"
        "from progresskit import ProgressTracker, track\n"
        "with ProgressTracker('plain', web=True) as tracker:\n"
        "    print(tracker.page_url, flush=True)\n"
        "    tracker.add_task('Load', total=10).advance()\n"
        "    sys.stdin.readline()\n"
        "    done, drawn = os.pipe()\n"
        "    if not os.fork():\n"
        "        list(track(range(3), 'Child', keep=True))\n"
        "        os.write(drawn, b'1')\n"
        "        sys.stdin.read()\n"
        "        os._exit(0)\n"
        "    os.read(done, 1)\n"
        "    os._exit(0)\n"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PROGRESSKIT_")}
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, stderr=-1, text=True, env=environ) as job:
        assert job.stdout is not None and job.stdin is not None and job.stderr is not None
        found = re.search(r":(\d+)/", job.stdout.readline())
        assert found
        job.stdin.write("fork\n")
        job.stdin.flush()
        assert job.wait(30) == 0
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", int(found[1])), 10).close()
        job.stdin.close()
        assert "Traceback" not in job.stderr.read()


@pytest.mark.slow
def test_commands(tmp_path: Path) -> None:
    """`run --web` shows the command's tasks on a page and ends as the command does; `serve` shows an events file, and a hub."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PROGRESSKIT_")}
    (tmp_path / "events").write_text('{"time":1.0,"tasks":[],"ended":[],"more":0}\n{"print":"words","time":1.0}\n')
    job = JOB.replace('"plain", web=True', "").replace(
        "print(tracker.page_url, flush=True)", "print('begun', flush=True)"
    )
    command = [sys.executable, "-m", "progresskit"]
    programs = [
        subprocess.Popen([*command, *arguments], stdin=-1, stdout=-1, stderr=-1, text=True, env=environ)
        for arguments in (
            ["run", "--web", "--", sys.executable, "-c", f"{job}\nraise SystemExit(7)"],
            ["serve", str(tmp_path / "events")],
            ["serve", "--hub", "--renderer", "plain"],
        )
    ]
    try:
        run, serve, hub = programs
        for program, stream, key in (
            (run, run.stderr, "live"),
            (serve, serve.stdout, "prints"),
            (hub, hub.stdout, "command"),
        ):
            assert stream is not None
            found = re.search(r":(\d+)/\?(token=\S+)", stream.readline())
            assert found, program.args
            until = time.monotonic() + 30
            while True:
                connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=30)
                with closing(connection):
                    connection.request("GET", f"/state?{found[2]}")
                    if json.loads(connection.getresponse().read())[key]:
                        break
                assert time.monotonic() < until
        assert hub.stdout is not None and hub.stdout.readline().startswith("export PROGRESSKIT_HUB=")
        run.communicate("")
        assert run.returncode == 7
    finally:
        for program in programs:
            program.terminate()
            program.communicate()
