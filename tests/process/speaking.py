"""The functions of the workers of `test_worker_words`, which use no `track`."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import Any


def speak(name: str, rows_stand: Any) -> None:
    """Write in every way after the parent's rows are on the screen, and fail."""
    rows_stand.wait(30)
    print(name, "prints")
    sys.stderr.write(f"{name} warns\n")
    logging.getLogger().warning(f"{name} logs")
    os.system(f"echo {name} echoes")
    sys.stdout.buffer.write(f"{name} in bytes\n".encode())
    print(name, "in", end=" ")
    print("parts")
    raise ValueError(f"{name} fails")


def speak_at_length(number: int) -> int:
    """Write a hundred lines, and return at once: a pool that is left then ends its workers."""
    for line in range(100):
        print(f"line {number}.{line}")
    time.sleep(0.01)
    return number
