"""The identity of one run of a program: a number, the process, the host, the command and the time.

Knows the system. Does not know where the identity is shown.
"""

from __future__ import annotations

import os
import sys
import time

from .platform import IS_WINDOWS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST_ARGUMENTS, _MOST_CHARACTERS = 64, 1_000
_SECRETS = (
    "password",
    "passwd",
    "passphrase",
    "token",
    "secret",
    "credential",
    "api-key",
    "api_key",
    "apikey",
    "private",
)
_known: dict[int, dict[str, Any]] = {}


def run_identity() -> dict[str, Any]:
    """Return the identity of this process's run; a forked child is another run.

    `started` is the wall clock, in UTC, at the instant `monotonic` on the clock of the frames.
    """
    process = os.getpid()
    found = _known.get(process)
    if found is None:
        _known.clear()
        now = time.time()
        found = _known[process] = {
            "progresskit": 1,
            "run": os.urandom(8).hex(),
            "pid": process,
            "host": _host(),
            "argv": without_secrets(getattr(sys, "argv", [])[:_MOST_ARGUMENTS]),
            "started": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z",
            "monotonic": round(time.monotonic(), 6),
        }
    return found


def without_secrets(words: list[str]) -> list[str]:
    """Return the `words` of a command without the values of options whose names suggest a secret, and without the
    credentials of URLs.

    Example:
        >>> without_secrets(["load.py", "--password", "x1", "--api-token=y2", "s3://me:z3@host/path"])
        ['load.py', '--password', '***', '--api-token=***', 's3://***@host/path']
    """
    kept: list[str] = []
    is_value = False  # the value of the option before
    for word in words:
        name, equals, value = str(word)[:_MOST_CHARACTERS].partition("=")
        is_secret = any(part in name.lower() for part in _SECRETS)
        if is_value and not word.startswith("-"):
            kept.append("***")
        elif is_secret and equals:
            kept.append(f"{name}=***")
        else:
            scheme, found, rest = f"{name}{equals}{value}".partition("://")
            user, at, host = rest.partition("@")
            kept.append(f"{scheme}://***@{host}" if found and at and "/" not in user else f"{scheme}{found}{rest}")
        is_value = is_secret and not equals and name.startswith("-")
    return kept


def command_of(argv: list[str]) -> str:
    """Return the command of a run for people: the program and its first word without their folders, a package by its name.

    Example:
        >>> command_of(["/home/me/load.py", "data/a.csv", "data/b.csv"]), command_of(["/lib/flights/__main__.py", "load"])
        ('load.py a.csv data/b.csv', 'flights load')
    """
    program = [word.replace("\\", "/").removesuffix("/__main__.py") for word in argv[:1]]
    return " ".join([*(word.rpartition("/")[2] or word for word in program + argv[1:2]), *argv[2:]])


def _host() -> str:
    return os.environ.get("COMPUTERNAME", "") if IS_WINDOWS else os.uname().nodename
