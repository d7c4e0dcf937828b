"""Workers that do nothing but one thing, for tests."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

from progresskit import track


def says(name: str) -> None:
    print(name, "says")


def warns(name: str) -> None:
    sys.stderr.write(f"{name} warns\n")


def in_bytes(name: str) -> None:
    sys.stdout.buffer.write(f"{name} in bytes\n".encode())


def in_parts(name: str) -> None:
    print(name, end=" ")
    print("in parts")


def begins(name: str) -> None:
    print(name, "begins", end=" ")


def echoes(name: str) -> None:
    os.system(f"echo {name} echoes")


def starts(name: str) -> None:
    subprocess.run(["echo", name, "starts"], check=True)


def from_c(name: str) -> None:
    libc = ctypes.CDLL(None)
    libc.puts(f"{name} from c".encode())
    libc.fflush(None)


def raises(name: str) -> None:
    raise ValueError(f"{name} raises")


def exits(name: str) -> None:
    raise SystemExit(f"{name} exits")


def dies(name: str) -> None:
    print(name, "dies")
    sys.stdout.flush()
    os._exit(3)


def loops(name: str) -> None:
    for _ in track(range(3)):
        pass
    print(name, "loops")


def within(name: str) -> None:
    for _ in track(range(1)):
        print(name, "within")


ALL = (says, warns, in_bytes, in_parts, begins, echoes, starts, from_c, raises, exits, dies, loops, within)
