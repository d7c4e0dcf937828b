"""Claims about files whose bytes advance a task."""

from __future__ import annotations

import copy
import gzip
import io
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from bench import Bench
from hypothesis import given
from hypothesis import strategies as st

from progresskit import ProgressTracker, open_file, wrap_file
from progresskit.testing import ManualTicker, RecordingRenderer

TEXT = b"one,two\n1,2\n3,4\n"


@pytest.mark.parametrize(
    "read",
    [
        lambda file: file.read(),
        lambda file: file.read(None),
        lambda file: b"".join(iter(lambda: file.read(3), b"")),
        lambda file: b"".join(iter(lambda: file.read1(5), b"")),
        lambda file: b"".join(file),
        lambda file: b"".join(file.readlines()),
        lambda file: b"".join(iter(file.readline, b"")),
        lambda file: shutil.copyfileobj(file, out := io.BytesIO()) or out.getvalue(),
    ],
)
def test_however_a_file_is_read_its_bytes_count_once(bench: Bench, read: Any) -> None:
    task = bench.tracker.add_task("file", total=len(TEXT), unit="B")
    assert read(wrap_file(io.BytesIO(TEXT), task)) == TEXT
    assert task.completed == len(TEXT)
    assert task.state == "running"


def test_bytes_read_into_a_buffer_count(bench: Bench) -> None:
    task = bench.tracker.add_task("file")
    buffer = bytearray(10)
    assert wrap_file(io.BytesIO(TEXT), task).readinto(buffer) == 10
    assert task.completed == 10


def test_what_is_written_counts(bench: Bench) -> None:
    task, target = bench.tracker.add_task("file"), io.BytesIO()
    file = wrap_file(target, task)
    assert file.write(b"abc") == 3
    file.writelines([b"de", b"f"])
    assert (target.getvalue(), task.completed) == (b"abcdef", 6)


@given(st.lists(st.one_of(st.integers(0, 9).map(lambda n: ("read", n)), st.integers(0, 20).map(lambda n: ("seek", n)))))
def test_count_is_the_farthest_point(steps: list[tuple[str, int]]) -> None:
    """The count is the farthest position, and never decreases."""
    tracker = ProgressTracker(RecordingRenderer(), ticker=ManualTicker())
    task = tracker.add_task("file")
    bare, file = io.BytesIO(TEXT), wrap_file(io.BytesIO(TEXT), task)
    farthest = 0
    for what, number in steps:
        before = bare.tell()
        assert getattr(file, what)(number) == getattr(bare, what)(number)
        if what == "read" and bare.tell() > before:
            farthest = max(farthest, bare.tell())
        assert task.completed == farthest
    tracker.stop()


def test_a_file_is_itself_otherwise(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "data.gz"
    with gzip.open(path, "wb") as packed:
        packed.write(TEXT)
    task = bench.tracker.add_task("file", total=path.stat().st_size, unit="B")
    with path.open("rb") as raw, wrap_file(raw, task) as file:
        assert (file.name, file.readable(), file.closed) == (str(path), True, False)
        with gzip.open(file) as unpacked:
            assert unpacked.read() == TEXT
    assert raw.closed
    assert task.completed == task.total


def test_a_text_file_counts_characters(bench: Bench) -> None:
    task = bench.tracker.add_task("file", unit="char")
    file = wrap_file(io.StringIO("zwölf\n"), task)
    file.seek(0)
    assert file.read() == "zwölf\n"
    assert task.completed == 6


def test_open_file_makes_a_task(bench: Bench, tmp_path: Path) -> None:
    """`open_file` makes a task of the file's name and size."""
    path = tmp_path / "orders.csv"
    path.write_bytes(TEXT)
    with bench.tracker, open_file(path) as file:
        (task,) = bench.tracker.tasks
        assert (task.description, task.total, task.unit) == ("orders.csv", len(TEXT), "B")
        file.read()
    assert (task.state, task.completed) == ("finished", len(TEXT))


def test_open_file_fails_its_task(bench: Bench, tmp_path: Path) -> None:
    """`open_file` fails its task by the error of the block."""
    path = tmp_path / "orders.csv"
    with bench.tracker:
        with pytest.raises(ValueError, match="bad"), open_file(path, "w", "writing", encoding="utf-8") as file:
            (task,) = bench.tracker.tasks
            file.write("abc")
            raise ValueError("bad")
        assert (task.description, task.unit, task.total) == ("writing", "char", None)
        assert (task.state, task.reason) == ("failed", "ValueError: bad")
        with pytest.raises(FileNotFoundError), open_file(tmp_path / "missing"):
            pass
        assert bench.tracker.tasks == ()


def test_a_tracked_file_is_a_file(bench: Bench) -> None:
    """A library that asks `isinstance` takes a tracked file, and a copy of one is one."""
    task = bench.tracker.add_task("file")
    binary, text = wrap_file(io.BytesIO(b"abc"), task), wrap_file(io.StringIO("abc"), task)
    assert isinstance(binary, io.IOBase) and isinstance(binary, io.BufferedIOBase)
    assert isinstance(text, io.TextIOBase)
    assert copy.copy(binary).read() == b"abc"


def test_a_text_file_counts_bytes(tmp_path: Path) -> None:
    """A text file that `open_file` reads has its size as total, whatever its characters and line ends are."""
    path = tmp_path / "größe.txt"
    path.write_bytes("größe\r\n東京\r\n".encode() * 3_000)
    with ProgressTracker("none") as tracker, open_file(path, "r", encoding="utf-8") as file:
        (task,) = tracker.tasks
        assert vars(file)["_task"] is task, "where programs look that know a counted file"
        assert task.total == path.stat().st_size
        assert next(file) == "größe\n"
        assert 0 < task.completed < task.total
        assert sum(1 for _ in file) == 5_999
    assert (task.completed, task.state) == (task.total, "finished")


@pytest.mark.parametrize("mode", ["r", "rb"])
def test_a_line_costs_one_python_call(mode: str, tmp_path: Path) -> None:
    """A line of a file takes a text file's question whether it is closed, or a generator's turn and `advance`: no further
    Python function."""
    path = tmp_path / "lines.txt"
    path.write_bytes(b"one,two\n" * 1_000)
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event == "call" and frame.f_code.co_name != "advance"

    with ProgressTracker("none"), open_file(path, mode) as file:
        sys.setprofile(count)
        try:
            lines = sum(1 for _ in file)
        finally:
            sys.setprofile(None)
    assert lines == 1_000
    assert calls < 2.1 * lines  # the sum's own generator is one of them


@pytest.mark.parametrize("newline", [None, "", "\n"])
def test_text_is_as_open_gives_it(newline: str | None, tmp_path: Path) -> None:
    """Lines, positions and names of a text that `open_file` reads are those of `open`."""
    path = tmp_path / "lines.txt"
    path.write_bytes("größe\r\nzwei\n".encode("latin-1"))
    with (
        ProgressTracker("none") as tracker,
        open(path, encoding="latin-1", newline=newline) as bare,
        open_file(path, "r", encoding="latin-1", newline=newline) as file,
    ):
        (task,) = tracker.tasks
        for each in (bare, file):
            each.seek(0)
        assert (file.readline(), file.tell()) == (bare.readline(), bare.tell())
        assert (file.name, file.mode, file.encoding) == (bare.name, bare.mode, bare.encoding)
        file.seek(0)
        bare.seek(0)
        assert list(file) == list(bare)
        assert task.completed == task.total
        assert not file.closed
    assert file.closed
