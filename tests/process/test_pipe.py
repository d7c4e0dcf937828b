"""Claims about `progresskit pipe`: every byte goes through, and it ends as a pipe does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PIPE = [sys.executable, "-m", "progresskit", "pipe"]


def run(*arguments: str, data: bytes = b"", **environ: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*PIPE, *arguments], input=data, capture_output=True, timeout=60, env={**os.environ, **environ}
    )


@pytest.mark.parametrize("data", [b"", b"one", os.urandom(3_000_000)], ids=["nothing", "a word", "3 MB"])
def test_every_byte_goes_through(data: bytes) -> None:
    done = run(data=data)
    assert (done.returncode, done.stdout) == (0, data)


def test_unended_last_line_is_counted() -> None:
    """A last line without its newline is counted too."""
    command = [*PIPE, "--lines", "--total", "3", "--description", "rows", "--renderer", "plain"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as pipe:
        assert pipe.stdin is not None and pipe.stderr is not None
        pipe.stdin.write(b"a\nb\n")
        pipe.stdin.flush()
        assert pipe.stderr.readline() == b"rows: started, 3 lines\n"  # a task over before a frame is shown nowhere
        out, errors = pipe.communicate(b"c", timeout=30)
    assert out == b"a\nb\nc"
    assert errors.startswith(b"rows: finished, 3 lines in ")


def test_the_total_of_a_file_is_what_is_left_of_it(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(bytes(1_000_400))
    with path.open("rb") as file:
        os.lseek(file.fileno(), 400, os.SEEK_SET)
        command = [*PIPE, "--description", "data", "--renderer", "plain"]
        with subprocess.Popen(command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as pipe:
            assert pipe.stderr is not None
            assert pipe.stderr.readline() == b"data: started, 1.00 MB\n"  # held up, because the output is not read yet
            out, errors = pipe.communicate(timeout=30)
    assert len(out) == 1_000_000
    assert errors.startswith(b"data: finished, 1.00 MB in ")


def test_reader_that_goes_away() -> None:
    """If its reader goes away, the command ends like cat."""
    with subprocess.Popen([*PIPE, "--renderer", "none"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as pipe:
        assert pipe.stdin is not None and pipe.stdout is not None
        pipe.stdout.close()
        try:
            for _ in range(100):
                pipe.stdin.write(bytes(65_536))
        except BrokenPipeError:
            pass
        try:
            pipe.stdin.close()
        except BrokenPipeError:
            pass
        assert pipe.wait(30) == -signal.SIGPIPE


def test_wrong_total_and_unknown_renderer() -> None:
    """A wrong total and an unknown renderer are mistakes of the caller."""
    assert run("--total", "-1").returncode == 2
    done = run("--renderer", "nonesuch")
    assert done.returncode == 2
    assert b"nonesuch" in done.stderr
