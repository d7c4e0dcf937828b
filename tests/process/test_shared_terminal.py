"""Processes that share a terminal without a hub write to it one after the other, each frame whole; threads that share one do, too."""

from __future__ import annotations

import os
import pty
import threading
import time
import tty

from progresskit._display.display import TrackerGroup
from progresskit._display.hangs import Window
from progresskit._display.outbox import Outbox
from progresskit._display.terminal import CUT_OFF, StreamTerminal


def test_frames_of_two_processes_do_not_mix() -> None:
    """A terminal whose buffer is full takes a part of a frame: the other process waits until the rest has been sent."""
    reader, writer = pty.openpty()
    tty.setraw(writer)
    environ = {"PROGRESSKIT_POSITION": "0/2", "TERM": "xterm"}
    with os.fdopen(writer, "w") as stream:
        first, second = (StreamTerminal(stream, environ) for _ in range(2))
        frame = "a" * 1_000_000
        first.send(frame)
        assert first.congested
        second.send("b")
        assert second.congested
        sent = b""
        while first.congested:
            sent += os.read(reader, 65536)
            first.send("")
            second.send("")
        second.send("")
        while len(sent) < len(frame) + 1:
            sent += os.read(reader, 65536)
        assert sent == frame.encode() + b"b"
        assert not second.congested
        first.close()
        second.close()
    os.close(reader)


def test_the_last_frame_waits_for_its_turn() -> None:
    """The end of a process's display comes while another process writes a frame: its kept line is sent after that one."""
    reader, writer = pty.openpty()
    tty.setraw(writer)
    environ = {"PROGRESSKIT_POSITION": "0/2", "TERM": "xterm"}
    with os.fdopen(writer, "w") as stream:
        other = StreamTerminal(stream, environ)
        other.send("a" * 1_000_000)
        assert other.congested
        outbox = Outbox(StreamTerminal(stream, environ), Window(), TrackerGroup().last_context, time.monotonic)
        outbox.begin_last_frame()
        outbox.handle.write("done")
        outbox.send()
        assert outbox._terminal.awaits_turn
        waiting = threading.Timer(0.3, other.give_up, (0.0,))  # longer than a slow terminal is waited for
        waiting.start()
        sent = threading.Thread(target=outbox.send_last)
        sent.start()
        waiting.join()
        other.close()
        found = b""
        while not found.endswith(b"done"):
            found += os.read(reader, 65536)
        sent.join()
        assert not outbox._terminal.congested
        outbox._terminal.close()
    os.close(reader)


def test_closed_terminal_is_sent_the_end() -> None:
    """A terminal that is closed while it is given up is sent the end.

    The thread that draws closes it, since nothing is sent any more; the end still waits for the reader.
    """
    reader, writer = pty.openpty()
    tty.setraw(writer)
    with os.fdopen(writer, "w") as stream:
        terminal = StreamTerminal(stream, {"TERM": "xterm"})
        terminal.send("a" * 1_000_000)
        assert terminal.congested
        giving_up = threading.Thread(target=terminal.give_up, args=(30.0,))
        giving_up.start()
        while not terminal.dark:
            time.sleep(0.001)
        terminal.close()
        sent = b""
        while not sent.endswith(CUT_OFF):
            sent += os.read(reader, 65536)
        giving_up.join()
    os.close(reader)
