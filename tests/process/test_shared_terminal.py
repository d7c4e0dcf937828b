"""Processes that share a terminal without a hub write to it one after the other, each frame whole."""

from __future__ import annotations

import os
import pty
import tty

from progresskit._display.terminal import StreamTerminal


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
