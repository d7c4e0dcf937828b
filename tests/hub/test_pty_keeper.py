"""The keeper after its `run` was killed, tested without its process: descriptors that are read to their ends."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from progresskit._cli.pty_keeper import _copy, _read, _write


@pytest.fixture
def pipes() -> Iterator[list[tuple[int, int]]]:
    made = [os.pipe() for _ in range(3)]
    yield made
    for fd in {fd for pipe in made for fd in pipe}:
        try:
            os.close(fd)
        except OSError:  # the test has
            pass


def said(fd: int) -> bytes:
    return os.read(fd, 1000)


def test_ends_are_read_and_written(pipes: list[tuple[int, int]]) -> None:
    """Each end is read to its end and written to its terminal."""
    (one, into_one), (two, into_two), (screen, terminal) = pipes
    for into, words in ((into_one, b"words "), (into_two, b"words ")):
        os.write(into, words)
        os.close(into)
    _copy({one: terminal, two: terminal}, False)
    assert said(screen) == b"words words "
    for fd in (one, two):
        with pytest.raises(OSError):
            os.fstat(fd)


def test_quiet_reads_and_writes_nothing(pipes: list[tuple[int, int]]) -> None:
    """With `quiet`, everything is read and nothing is written."""
    (one, into_one), _, (screen, terminal) = pipes
    os.write(into_one, b"words")
    os.close(into_one)
    _copy({one: terminal}, True)
    os.close(terminal)
    assert said(screen) == b""


def test_terminal_that_is_gone(pipes: list[tuple[int, int]]) -> None:
    """If the terminal is gone, the command has none either."""
    (one, into_one), _, (screen, terminal) = pipes
    os.close(screen)
    os.write(into_one, b"words")
    _copy({one: terminal}, False)
    with pytest.raises(BrokenPipeError):
        os.write(into_one, b"more")


def test_an_end_that_has_nothing_now_is_not_at_its_end(pipes: list[tuple[int, int]]) -> None:
    (one, into_one), (_, into_two), _ = pipes
    os.set_blocking(one, False)
    assert _read(one) is None
    os.write(into_one, b"words")
    assert _read(one) == b"words"
    os.close(into_one)
    assert _read(one) == b""
    assert _read(into_two) == b""  # what cannot be read is over as well


def test_slow_terminal_gets_everything(pipes: list[tuple[int, int]]) -> None:
    """A slow terminal gets everything in the end."""
    (screen, terminal), _, _ = pipes
    os.set_blocking(terminal, False)
    words, shown = b"words " * 100_000, bytearray()

    def observe() -> None:
        while more := os.read(screen, 1 << 16):
            shown.extend(more)

    reader = threading.Thread(target=observe)
    reader.start()
    assert _write(terminal, words)
    os.close(terminal)
    reader.join(30)
    assert shown == words
