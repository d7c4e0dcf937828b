"""A console of Windows, simulated by `console_like`: its mode, its size, its output, and the choice of a renderer."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

import pytest
from console_like import PROCESSED, SEQUENCES, WRAPS, ConsoleLike

from progresskit import ProgressTracker
from progresskit._display import descriptors, process_hooks, terminal
from progresskit._display.descriptors import console_of, file_key
from progresskit._display.terminal import StreamTerminal
from progresskit._system import environment, windows
from progresskit.renderers import destinations
from progresskit.renderers.choice import automatic, named
from progresskit.renderers.destinations import draws_rows

Windows = Any  # makes a console that the process finds


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Iterator[Windows]:
    """Make this process believe that it runs on Windows."""
    pytest.importorskip("pty", reason="this is Windows")

    def play(**facts: Any) -> ConsoleLike:
        console = ConsoleLike(**facts)

        def replace(where: Any, name: str, what: Any) -> None:
            if isinstance(where, dict):
                monkeypatch.setitem(where, name, what)
            else:
                monkeypatch.setattr(where, name, what, raising=False)

        console.install(replace)
        for module in (windows, descriptors, terminal, destinations, environment):
            monkeypatch.setattr(module, "IS_WINDOWS", True)
        monkeypatch.setattr(terminal, "HAS_BLOCKING_FLAG", False)
        monkeypatch.setattr(windows, "_calls", None)
        monkeypatch.setattr(windows, "_original", None)
        return console

    yield play


@pytest.fixture
def stream() -> Iterator[TextIO]:
    """A standard stream of a console, in the encoding that it has with PYTHONLEGACYWINDOWSSTDIO."""
    ours, theirs = pytest.importorskip("pty", reason="Windows has no such terminal").openpty()
    with os.fdopen(ours, "rb", 0), os.fdopen(theirs, "w", encoding="cp437") as file:
        yield file


def test_mode(play: Windows, stream: TextIO) -> None:
    """A console's mode is set once to obey escape sequences, and restored at the end."""
    console = play()
    first, second = StreamTerminal(stream, {}), StreamTerminal(stream, {})
    assert first.has_sequences and second.has_sequences and console.mode == PROCESSED | WRAPS | SEQUENCES
    process_hooks._end()
    assert console.mode == PROCESSED | WRAPS and len(console.modes) == 2
    process_hooks._end()
    assert len(console.modes) == 2


def test_mode_of_the_shell(play: Windows, stream: TextIO) -> None:
    """The mode of a console that obeys already, as Windows Terminal's, is not changed."""
    console = play(mode=PROCESSED | WRAPS | SEQUENCES | 8)
    assert StreamTerminal(stream, {}).has_sequences
    windows.put_mode_back()
    assert console.modes == []


@pytest.mark.parametrize("obeys", [True, False], ids=["obeys", "refuses"])
def test_choice(play: Windows, stream: TextIO, obeys: bool) -> None:
    """`auto` draws rows where the console obeys escape sequences, and writes lines, without colours, where it refuses."""
    console = play(obeys=obeys)
    where = StreamTerminal(stream, {})
    choice = automatic(where, {})
    assert (choice.name, where.colors, where.is_tty) == ("ansi" if obeys else "plain", obeys, True)
    assert ("escape sequences" in choice.why) is not obeys
    assert draws_rows(named(None, {}), stream, environ={}) is obeys
    with ProgressTracker("ansi", stream=stream) as tracker:  # asked for by name
        tracker.add_task("Größe ━", total=2, keep=True).advance(2)
    assert ("\x1b[?2026h" in "".join(console.shown)) is obeys
    assert "←" not in "".join(console.shown) and "Größe ━" in "".join(console.shown)


def test_text(play: Windows, stream: TextIO) -> None:
    """Any character arrives with any code page. No half of a character is written, and none is lost if writes are short."""
    console = play(most=1_000)
    where = StreamTerminal(stream, {})
    assert (where.encoding, where.unicode) == ("utf-8", True)
    where.write("━" * 8_191 + "😀 Größe 東京\ud800")
    assert "".join(console.shown) == "━" * 8_191 + "😀 Größe 東京\\ud800"
    assert where.bytes_accepted and not where.dark
    console.shown.clear()
    os.write(stream.fileno(), "━".encode())  # as other ways of writing do
    assert console.shown == ["Γöü"]


def test_half_a_character(play: Windows, stream: TextIO) -> None:
    """A write that is full ends before a character of two units."""
    console = play()
    StreamTerminal(stream, {}).write("a" * (windows.MOST_UNITS - 1) + "😀b")
    assert console.writes == [windows.MOST_UNITS - 1, 3] and "�" not in "".join(console.shown)


def test_a_console_that_goes(play: Windows, stream: TextIO) -> None:
    """After its window is closed, a stream is not written to again. Nothing is raised, and the size is the default."""
    console = play()
    where = StreamTerminal(stream, {})
    assert where.size() == (120, 40)
    assert StreamTerminal(stream, {"COLUMNS": "50"}).size() == (50, 40)
    console.fails = True
    assert where.size() == (80, 24)
    where.write("gone")
    assert where.dark and console.shown == []
    where.give_up(0.0)
    windows.put_mode_back()
    where.close()


def test_no_console(play: Windows, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """`NUL`, a pipe and a file are no consoles, and are written to as before; two pipes are never taken for one."""
    play()
    ours, theirs = os.pipe()
    with (
        open(os.devnull, "w") as null,
        open(tmp_path / "log", "w") as log,
        os.fdopen(ours, "rb") as end,
        os.fdopen(theirs, "w") as pipe,
        os.fdopen(os.dup(theirs), "w") as again,
    ):
        assert os.isatty(null.fileno()) and not StreamTerminal(null, {}).is_tty
        keys = [StreamTerminal(file, {}).key for file in (null, log, pipe, again)]
        assert len(set(keys)) == 4
        assert StreamTerminal(pipe, {}).key == StreamTerminal(pipe, {}).key
        assert StreamTerminal(log, {}).key == file_key(log.fileno())
        for file in (log, pipe):
            where = StreamTerminal(file, {})
            where.write("a line\n")
            assert not where.dark and not where.is_tty
            where.close()
        assert end.readline() == b"a line\n"
    assert (tmp_path / "log").read_text() == "a line\n"
    assert console_of(99_999) is None
    monkeypatch.setitem(sys.modules, "msvcrt", None)
    assert console_of(0) is None


def test_no_console_elsewhere(stream: TextIO) -> None:
    """On other systems a terminal is no console, and no module for Windows is imported to find out."""
    assert console_of(stream.fileno()) is None
    assert StreamTerminal(io.StringIO(), {}).has_sequences
