"""What a program has written to its pseudo-terminal."""

from __future__ import annotations

import os


def read_pty(descriptor: int) -> bytes:
    """Return what has been written, and wait for the first byte; empty where the program has ended."""
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux's word for the end of a pty
        return b""
