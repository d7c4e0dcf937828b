"""`progresskit run --read`: the progress that git, pip, curl, rsync and ffmpeg print becomes rows."""

from __future__ import annotations

import http.server
import os
import pty
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pty_reading import read_pty

import progresskit
from progresskit import ProgressTracker
from progresskit._cli.reading import ProgressReader
from progresskit.testing import ManualTicker, RecordingRenderer

RUN = "from progresskit._cli.main import main; raise SystemExit(main())"


def screen_of(program: str, *command: str, status: int = 0, **variables: str) -> list[str]:
    """Return the screen after `progresskit run --read PROGRAM -- COMMAND`."""
    environ = {**os.environ, "TERM": "xterm", "PYTHONPATH": str(Path(progresskit.__file__).parents[1]), **variables}
    for name in ("CI", "PROGRESSKIT_RENDERER"):
        environ.pop(name, None)
    environ |= {"COLUMNS": "100", "LINES": "30"}
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-c", RUN, "run", "--read", program, "--", *command], environ)
    screen = pyte.Screen(100, 30)
    stream = pyte.ByteStream(screen)
    while data := read_pty(fd):
        stream.feed(data)
    os.close(fd)
    rows = [row.rstrip() for row in screen.display if row.strip()]
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == status, rows
    return rows


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A server on loopback, and the folder that it serves."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    folder = tmp_path_factory.mktemp("served")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()
        thread.join()


def test_git(tmp_path: Path) -> None:
    """Each phase of a clone has a line, git's other output is above them, and its status is the command's."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed here")
    source = tmp_path / "source"
    git = partial(subprocess.run, check=True, capture_output=True, cwd=tmp_path)
    git(["git", "init", "-q", str(source)])
    for number in range(40):
        (source / f"file {number}").write_text(f"{number}\n" * 200)
    name = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    git(["git", "-C", str(source), "add", "."])
    git(["git", "-C", str(source), *name, "commit", "-q", "-m", "Files"])
    rows = screen_of("git", "git", "clone", "--progress", source.as_uri(), str(tmp_path / "clone"))
    assert (tmp_path / "clone" / "file 39").exists()
    assert rows[0].startswith("Cloning into")
    for phase in ("Counting objects", "Compressing objects", "Receiving objects"):
        (line,) = [row for row in rows if phase in row]
        assert line.startswith("✓") and "object" in line and "(" not in line
    failed = screen_of("git", "git", "clone", "--progress", str(tmp_path / "nowhere"), str(tmp_path / "no"), status=128)
    assert any(row.startswith("fatal:") for row in failed)


@pytest.mark.parametrize("flag", ["-#", "--no-silent"])
def test_curl(served: tuple[str, Path], tmp_path: Path, flag: str) -> None:
    """curl's bar and its table are one row."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed here")
    url, folder = served
    (folder / "large.bin").write_bytes(bytes(3_000_000))
    rows = screen_of("curl", "curl", flag, "-o", str(tmp_path / "got"), f"{url}/large.bin")
    assert (tmp_path / "got").stat().st_size == 3_000_000
    (line,) = rows
    assert line.startswith("✓ curl") and "100" in line and "#" not in line


def test_rsync(tmp_path: Path) -> None:
    """A copy is one row, which is complete when rsync ends well: it counts no file that was there already."""
    if shutil.which("rsync") is None:
        pytest.skip("rsync is not installed here")
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.mkdir()
    for number in range(4):
        (source / f"file {number}").write_bytes(bytes(200_000))
    rsync = ["rsync", "-a", "--info=progress2", f"{source}/", f"{copy}/"]
    (line,) = screen_of("rsync", *rsync)
    assert line.startswith("✓ rsync") and "100 %" in line and len(list(copy.iterdir())) == 4
    (copy / "file 2").unlink()
    (line,) = screen_of("rsync", *rsync)
    assert line.startswith("✓ rsync") and "100 %" in line
    *said, _ = screen_of("rsync", "rsync", "-a", "--info=progress2", str(tmp_path / "nowhere"), f"{copy}/", status=23)
    assert "No such file" in "".join(said)


@pytest.mark.parametrize(
    ("options", "seconds"), [([], r"[23]\.\d s"), (["-t", "1"], r"(0\.9|1\.\d) s")], ids=["whole", "part"]
)
def test_ffmpeg(tmp_path: Path, options: list[str], seconds: str) -> None:
    """A recoding is one row of seconds, of the source's; one that is told to end before has finished as well."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed here")
    made = ["-f", "lavfi", "-i", "testsrc=duration=3:size=64x64", "-pix_fmt", "yuv420p", "-c:v", "mpeg4"]
    source = tmp_path / "source.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", *made, str(source)], check=True)
    command = [
        "ffmpeg",
        "-nostdin",
        "-hide_banner",
        "-i",
        str(source),
        *options,
        "-c:v",
        "mpeg4",
        str(tmp_path / "to.mp4"),
    ]
    rows = screen_of("ffmpeg", *command)
    (line,) = [row for row in rows if row.startswith("✓ ffmpeg")]
    assert re.search(seconds, line) and not [row for row in rows if row.startswith("frame=")]


@pytest.mark.slow
def test_pip(served: tuple[str, Path], tmp_path: Path) -> None:
    """pip's downloads have a row each, by the file's name."""
    said = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, text=True).stdout
    if not said or [int(part) for part in said.split()[1].split(".")[:2]] < [24, 1]:
        pytest.skip("pip 24.1 or later is not installed here")
    url, folder = served
    index = folder / "simple" / "sample"
    index.mkdir(parents=True, exist_ok=True)
    wheel = index / "sample-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("sample.bin", bytes(3_000_000))
        archive.writestr("sample-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: sample\nVersion: 1.0\n")
        archive.writestr("sample-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("sample-1.0.dist-info/RECORD", "")
    (index / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
    pip = [
        "pip",
        "--isolated",
        "--disable-pip-version-check",
        "download",
        "--no-deps",
        "--no-cache-dir",
        "--progress-bar",
        "raw",
    ]
    rows = screen_of(
        "pip",
        sys.executable,
        "-m",
        *pip,
        "--index-url",
        f"{url}/simple",
        "-d",
        str(tmp_path),
        "sample",
        PIP_CONFIG_FILE=os.devnull,
    )
    (line,) = [row for row in rows if wheel.name in row and row.startswith("✓")]
    assert "MB" in line
    assert not [row for row in rows if row.startswith("Progress ")]


TEXT = (
    "Cloning into 'x'...\r\n\x1b[1mremote: Counting objects:  50% (1/2)\x1b[K\rremote: Counting objects: 100% (2/2), done.\x1b[K\r\n"
    "Receiving objects:  50% (1/2), 1.00 MiB | 2.00 MiB/s\rPassword: \r\nReceiving objects: 100% (2/2), done.\r\nwörter 3%\n"
)


@given(cuts=st.lists(st.integers(0, len(TEXT.encode()))))
def test_pieces(cuts: list[int]) -> None:
    """However the output is cut into pieces, the same words pass through, and the same tasks are there."""
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    tasks: list[Any] = []
    add_task = tracker.add_task

    def adding(*arguments: Any, **options: Any) -> Any:
        tasks.append(add_task(*arguments, **options))
        return tasks[-1]

    tracker.add_task = adding  # type: ignore[method-assign]
    reader, data = ProgressReader(tracker, "git"), TEXT.encode()
    ends = [0, *sorted(cuts), len(data)]
    passed = b"".join(reader.feed(data[begin:end]) for begin, end in pairwise(ends)) + reader.rest()
    assert passed.decode() == "Cloning into 'x'...\r\nPassword: \r\nwörter 3%\n"
    assert [(task.description, task.completed, task.total) for task in tasks] == [
        ("Counting objects", 2, 2), ("Receiving objects", 2, 2),
    ]  # fmt: skip


def test_said_again() -> None:
    """The end that is said twice is one task; the next file's is one of its own."""
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    added: list[str] = []
    add_task = tracker.add_task
    tracker.add_task = lambda name, **options: (added.append(name), add_task(name, **options))[1]  # type: ignore[method-assign]
    reader = ProgressReader(tracker, "curl")
    begin = b"  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0\r"
    end = b"100 28.6M  100 28.6M    0     0   500M      0 --:--:-- --:--:-- --:--:--  500M\r"
    assert reader.feed(begin + end + end + begin + end) + reader.rest() == b"" and added == ["curl", "curl"]


def test_question() -> None:
    """A question that looks like the beginning of progress is shown after a short silence."""
    reader = ProgressReader(ProgressTracker(RecordingRenderer(), ticker=ManualTicker()), "git")
    assert reader.feed(b"Password: ") == b""
    assert reader.release() == b"Password: "
    assert reader.feed(b"\r\nReceiving objects:  50% (1/2)") == b"\r\n"
    assert reader.release() == b""
    assert reader.feed(b"\r") == b"" and reader.rest() == b""
