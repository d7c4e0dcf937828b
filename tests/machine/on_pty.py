"""The machine with a real pseudo-terminal between display and screen, and with a job that writes to it by itself.

Python writes to the streams' own objects: the original ones, replacements, and their buffers; beside rows and without, whole lines
and parts of lines. Questions come in between.
"""

from __future__ import annotations

import builtins
import contextlib
import fcntl
import io
import logging
import os
import pty
import select
import struct
import sys
import termios
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from machine import Machine, Node

from progresskit import ProgressTracker
from progresskit._display.terminal import StreamTerminal
from progresskit.testing import EmulatedTerminal


def _ignore(terminal: StreamTerminal) -> None:
    """Detect no other writers: the marks of the machine are not output."""


class PtyMachine(Machine):
    """The display writes to a pseudo-terminal and queries its size; the terminal's output goes to the screen."""

    def make_terminal(self, columns: int, lines: int, reflow: bool) -> EmulatedTerminal:
        for name in ("TMUX", "XTERM_VERSION", "STY", "COLUMNS", "LINES", "NO_COLOR"):
            os.environ.pop(name, None)
        os.environ.update({"TERM": "xterm-256color", **({} if reflow else {"XTERM_VERSION": "XTerm(390)"})})
        self.master, slave = pty.openpty()
        modes = termios.tcgetattr(slave)
        modes[3] |= termios.NOFLSH  # otherwise Ctrl-C makes the kernel discard output at an unknown instant
        termios.tcsetattr(slave, termios.TCSANOW, modes)
        self.stream = os.fdopen(slave, "w", encoding="utf-8")
        self.marks = 0
        self.hear_others, StreamTerminal.hear_others = StreamTerminal.hear_others, _ignore  # type: ignore[method-assign]
        return EmulatedTerminal(columns, lines, reflow=reflow)

    def make_tracker(self) -> ProgressTracker:
        return ProgressTracker(self.renderer, stream=self.stream, clock=self.clock, ticker=self.ticker)

    def resized(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.stream.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def echo(self) -> None:
        os.write(self.master, b"\x03")
        self.terminal.feed(self.read_until(b"^C"))  # the kernel shows it

    def read_until(self, end: bytes) -> str:
        data = b""
        while not data.endswith(end):
            assert select.select([self.master], [], [], 10)[0], f"the terminal lost {end!r}"
            data += os.read(self.master, 65536)
        return data.decode()

    def read_screen(self) -> None:
        self.marks += 1
        mark = f"\x1b]2;{self.marks}\a".encode()
        os.write(self.stream.fileno(), mark)
        self.terminal.feed(self.read_until(mark))

    def teardown(self) -> None:
        if hasattr(self, "master"):
            StreamTerminal.hear_others = self.hear_others  # type: ignore[method-assign]
            for display in self.ticker.displays:
                display.terminal.close()
            self.stream.close()
            os.close(self.master)


class Keyboard:
    """Standard input: the machine answers a question after it has checked the screen."""

    encoding = "utf-8"

    def __init__(self, answer: Callable[[], str]) -> None:
        self.readline = answer

    def isatty(self) -> bool:
        return True


class Tee:
    """A stream that writes to another one, and keeps a copy."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.copy = ""

    def write(self, text: str) -> int:
        self.copy += text
        return self.stream.write(text)  # type: ignore[no-any-return]

    def flush(self) -> None:
        self.stream.flush()


WORDS = {  # the written text -> its form on the line
    "a line": ("words\n", "words\n"),
    "two lines": ("one\ntwo\n", "one\ntwo\n"),
    "a partial line": ("part ", "part "),
    "an end": ("end\n", "end\n"),
    "colours": ("\x1b[31mred\x1b[0m\n", "red\n"),
    "wide": ("東京\n", "東京\n"),
    "a blank line": ("\n", "\n"),
    "a line and a part": ("whole\nsome", "whole\nsome"),
    "a spinner": ("|\b/\b-\n", "-\n"),
}


class WordsMachine(PtyMachine):
    """A job that prints to both streams, with one tracker, so that there is one order."""

    single = True
    least_columns = 33
    most_tasks = 6

    def make_terminal(self, columns: int, lines: int, reflow: bool) -> EmulatedTerminal:
        terminal = super().make_terminal(columns, lines, reflow)
        self.errors = os.fdopen(os.dup(self.stream.fileno()), "w", encoding="utf-8")
        for stream in (self.stream, self.errors):
            stream.reconfigure(line_buffering=True)
        self.before = sys.stdout, sys.stderr, sys.stdin
        sys.stdout, sys.stderr, sys.stdin = self.stream, self.errors, Keyboard(self.answer)  # type: ignore[assignment]
        self.handler = logging.StreamHandler(self.errors)  # made before any capture
        self.pending = {"out": "", "err": ""}  # captured, and its line has not ended
        self.unflushed = ""  # what standard output keeps to itself
        self.standing = False  # whether rows stood after the last frame
        self.hidden = False
        self.news = False  # whether a task that was shown has ended
        return terminal

    def teardown(self) -> None:
        if hasattr(self, "before"):
            sys.stdout, sys.stderr, sys.stdin = self.before
            for tracker in self.trackers[:1]:
                if tracker._core.capture.current is not None:
                    tracker._core.capture.current.stop()
            self.errors.close()
        super().teardown()

    # The model's state of the words

    def captures_now(self) -> bool:
        """Whether output now goes above rows."""
        return not self.hidden and bool(self.order) and bool(self.live() or self.printed[0] or self.standing)

    def came(self, which: int) -> None:
        if which not in self.order and self.unflushed:  # it is captured as the first of all
            self.pending["out"], self.unflushed = self.unflushed, ""
        super().came(which)

    def wrote(self, stream: str, text: str) -> None:
        """Note that `text` was written to standard output (`out`) or standard error (`err`)."""
        if self.captures_now():
            *lines, self.pending[stream] = (self.pending[stream] + text).split("\n")
            if lines:
                self.before_words(0)
            self.printed[0] += lines
            return
        if stream == "out":
            text, self.unflushed = self.unflushed + text, ""
        text, self.pending[stream] = self.pending[stream] + text, ""
        if self.typed is not None:
            self.open, self.typed = "^C", None
        *lines, self.open = (self.open + text).split("\n")
        self.history += lines

    def account(self) -> None:
        super().account()
        self.standing = bool(self.live())
        self.news = False

    def ended(self, node: Node) -> None:
        self.news = self.news or node.seen or node.task.state == "failed"
        super().ended(node)

    def give_up(self) -> None:
        super().give_up()
        self.standing = False

    def let_go(self) -> None:
        self.standing = False
        for stream, text in self.pending.items():
            self.open += text
            self.pending[stream] = ""

    def rows_go(self) -> None:
        """Note that the rows leave the screen, with the lines printed above them."""
        if self.order:
            if self.standing or self.printed[0] or self.news:
                self.account()
            self.standing = False
            if self.typed is not None and self.typed[0]:  # below the rows
                self.typed = None

    def expected(self) -> tuple[list[Node | None], int, bool]:
        return ([], 0, True) if self.hidden else super().expected()

    def drain(self) -> None:
        self.read_screen()

    # The job's steps

    def room_for(self, text: str) -> bool:
        return len(self.open) + len(self.unflushed) + max(map(len, self.pending.values())) + len(text) < 28

    @rule(
        kind=st.sampled_from(sorted(WORDS)),
        how=st.sampled_from(
            ["print", "error", "write", "lines", "buffer", "held", "handler", "tee", "wrapped", "print"]
        ),
    )
    def say(self, kind: str, how: str) -> None:
        """Write to a stream in any of the ways in which programs do."""
        self.number += 1
        text, becomes = WORDS[kind]
        text, becomes = (
            f"({self.number}){text}" if text != "\n" else text,
            f"({self.number}){becomes}" if text != "\n" else text,
        )
        if not self.room_for(text):
            text = becomes = "\n"
        if self.unflushed and how in ("buffer", "wrapped"):  # which would go before it, as in any program
            how = "print"
        stream = "out"
        if how == "print":
            print(text, end="", flush=True)
        elif how == "error":
            stream = "err"
            print(text, end="", file=sys.stderr, flush=True)
        elif how == "write":
            assert sys.stdout.write(text) == len(text)
            sys.stdout.flush()
        elif how == "lines":
            sys.stdout.writelines(text.splitlines(keepends=True))
            sys.stdout.flush()
        elif how == "buffer":
            assert sys.stdout.buffer.write(text.encode()) == len(text.encode())
            if not self.order:  # otherwise it is on the terminal before rows can appear
                sys.stdout.buffer.flush()
        elif how == "held":
            self.stream.write(text)
            self.stream.flush()
        elif how == "handler":
            stream = "err"
            self.handler.emit(logging.makeLogRecord({"msg": text.removesuffix("\n")}))
            becomes = becomes.removesuffix("\n") + "\n"
        elif how == "tee":
            tee = Tee(sys.stdout)
            with contextlib.redirect_stdout(tee):  # type: ignore[type-var]
                print(text, end="", flush=True)
            assert tee.copy == text
        else:  # as programs do that want another encoding
            wrapped = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
            with contextlib.redirect_stdout(wrapped):
                print(text, end="", flush=True)
            wrapped.detach()
        captured = self.captures_now()
        self.wrote(stream, becomes)
        if captured:
            self.drain()
        else:  # it is on the screen at once
            self.check()

    @precondition(lambda self: self.room_for("(1234)kept "))
    @rule()
    def say_unflushed(self) -> None:
        """Write a part of a line that the stream may keep to itself."""
        self.number += 1
        words = f"({self.number})kept "
        print(words, end="")
        if self.order:
            self.wrote("out", words)
        else:
            self.unflushed += words
        self.drain()

    @rule()
    def say_elsewhere(self) -> None:
        """Write to a stream that leads somewhere else."""
        with contextlib.redirect_stdout(io.StringIO()) as elsewhere:
            print("not for the screen")
        assert elsewhere.getvalue() == "not for the screen\n"

    @precondition(lambda self: not self.hidden)
    @rule(really=st.integers(0, 1), within=st.booleans())
    def ask(self, really: int, within: bool) -> None:
        """Ask a question, inside `hidden()` or by itself: it is visible with all that was printed before it."""
        if really or not self.room_for("(1234)name? "):
            return
        self.number += 1
        self.question = f"({self.number})name? "
        with self.trackers[0].hidden() if within else contextlib.nullcontext():
            if within:
                self.rows_go()
                self.hidden = True
            assert builtins.input(self.question) == "Ada"
        self.hidden = False
        self.tick(0.1)

    def answer(self) -> str:
        if not self.hidden:
            self.rows_go()
        was_hidden, self.hidden = self.hidden, True
        if self.typed is not None:
            self.open, self.typed = "^C", None
        for stream, text in self.pending.items():
            self.open += text if self.order else ""
            self.pending[stream] = "" if self.order else text
        self.open += self.unflushed + self.question
        self.unflushed = ""
        self.check()
        if self.order:  # otherwise the question is not known
            self.trackers[0].print("(waits)" + self.question)  # as a thread may
            self.before_words(0)
            self.printed[0].append("(waits)" + self.question)
        for node in self.live():
            node.task.advance(2)
            node.done += 2
        self.clock.advance(0.3)
        self.ticker.tick()
        self.check()
        self.terminal.feed("Ada\n")  # the typing, which the terminal shows
        self.history.append(self.open + "Ada")
        self.open = ""
        self.hidden = was_hidden
        return "Ada\n"

    @rule(really=st.integers(0, 1), kinds=st.lists(st.sampled_from(sorted(WORDS)), max_size=3))
    def hide(self, really: int, kinds: list[str]) -> None:
        """Take the rows off the screen for a while, and write to it meanwhile."""
        if really:
            return
        with self.trackers[0].hidden():
            self.rows_go()
            self.hidden = True
            for kind in kinds:
                self.say(kind=kind, how="print")
            self.clock.advance(0.3)
            self.ticker.tick()
            self.check()
        self.hidden = False
