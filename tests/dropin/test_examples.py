"""The examples, which were written for tqdm, below `progresskit run --tqdm` on a terminal: one clean display."""

from __future__ import annotations

import os
import pty
import re
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyte
import pytest
from pty_reading import read_pty

import progresskit

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "tqdm"
RUN = "from progresskit._cli.main import main; raise SystemExit(main())"
COLUMNS, LINES = 100, 24


def screens_of(*command: str, check: Callable[[list[str]], object] = len) -> list[list[str]]:
    """Return the screens of `progresskit run --tqdm -- python COMMAND`, after each piece that it has sent; `look` is given each."""
    environ = {**os.environ, "TERM": "xterm", "PYTHONPATH": str(Path(progresskit.__file__).parents[1])}
    for name in ("CI", "COLUMNS", "LINES", "PROGRESSKIT_RENDERER"):
        environ.pop(name, None)
    environ |= {"COLUMNS": str(COLUMNS), "LINES": str(LINES)}
    pid, fd = pty.fork()
    if pid == 0:
        arguments = [sys.executable, "-c", RUN, "run", "--tqdm", "--", sys.executable, *command]
        os.execve(sys.executable, arguments, environ)
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    screens: list[list[str]] = []
    while data := read_pty(fd):
        stream.feed(data)
        screens.append([row.rstrip() for row in screen.display if row.strip()])
        check(screens[-1])
    os.close(fd)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, screens[-1:]
    return screens


def check_clean(screens: list[list[str]], *bars: str) -> None:
    """Check that no screen has a bar twice, as if another display had drawn it as well."""
    for rows in screens:
        for bar in bars:
            assert (
                sum(bool(re.search(rf"\b{bar}\b", row)) for row in rows if "saved" not in row and ":" not in row[:8])
                <= 1
            ), rows


@pytest.fixture
def files() -> Iterator[tuple[str, threading.Event]]:
    """A server whose bodies come in two halves: the second once the event is set."""
    seen = threading.Event()

    class Halves(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = bytes(400_000)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:200_000])
            self.wfile.flush()
            seen.wait(60)
            self.wfile.write(body[200_000:])

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Halves) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()
        thread.join()


def test_download(files: tuple[str, threading.Event], tmp_path: Path) -> None:
    """Three downloads at the same time, in threads: each has one row while it runs, and one line when it is done."""
    url, seen = files
    names = ["one.bin", "two.bin", "three.bin"]

    def check(rows: list[str]) -> None:
        if all(any(name in row for row in rows) for name in names):
            seen.set()

    try:
        urls = [f"{url}/{name}" for name in names]
        screens = screens_of(str(EXAMPLES / "download.py"), "--folder", str(tmp_path), *urls, check=check)
    finally:
        seen.set()
    check_clean(screens, *names)
    final = screens[-1]
    for name in names:
        assert (tmp_path / name).stat().st_size == 400_000
        assert [row for row in final if f"saved {name}" in row]
        (line,) = [row for row in final if name in row and "saved" not in row]
        assert line.startswith("✓") and "KiB" in line


def test_training() -> None:
    """Epochs with a bar of batches below, in the program's own format: words above, and only the epochs' line stays."""
    screens = screens_of(str(EXAMPLES / "training.py"), "--epochs", "2", "--seconds", "0.06")
    check_clean(screens, "Epochs", "epoch 1", "epoch 2")
    assert any(any("| batch" in row and "loss=" in row for row in rows) for rows in screens)
    final = screens[-1]
    assert [row for row in final if "batch" in row] == []
    words = [row for row in final if re.match(r"epoch \d: slope", row)]
    assert [row[:8] for row in words] == ["epoch 1:", "epoch 2:"]
    (line,) = [row for row in final if "Epochs" in row]
    assert line.startswith("✓") and "2 epochs" in line and "loss" in line
    assert "trained" in final


@pytest.mark.slow
def test_pool() -> None:
    """A pool whose workers have bars: these are below the pool's own, and only the line of that one stays."""
    screens = screens_of(str(EXAMPLES / "pool.py"), "--ranges", "4", "--size", "200000")
    names = [f"range {number}" for number in range(4)]
    check_clean(screens, "Ranges", *names)
    assert any(sum(any(name in row for row in rows) for name in names) for rows in screens)
    final = screens[-1]
    assert [row for row in final if any(name in row for name in names)] == []
    (line,) = [row for row in final if "Ranges" in row]
    assert line.startswith("✓") and "4 ranges" in line
    assert [row for row in final if row.endswith("primes below 800000")]
