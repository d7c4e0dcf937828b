"""Read the output of a program from its pseudo-terminal."""

from __future__ import annotations

import os


def read_pty(descriptor: int) -> bytes:
    """Wait for the first byte, and return all available output; empty if the program has ended."""
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux's word for the end of a pty
        return b""
