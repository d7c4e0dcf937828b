"""What tells one run of a program from all others: a number, the process, the host, the command and the time.

Knows the system. Does not know who asks.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST_ARGUMENTS, _MOST_CHARACTERS = 64, 1_000
_known: dict[int, dict[str, Any]] = {}


def run_identity() -> dict[str, Any]:
    """Return what tells this process's run from others; a forked child is a run of its own.

    `started` is the wall clock, in UTC, at the instant `monotonic` of the clock that frames have their times from.
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
            "argv": [str(word)[:_MOST_CHARACTERS] for word in getattr(sys, "orig_argv", sys.argv)[:_MOST_ARGUMENTS]],
            "started": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z",
            "monotonic": round(time.monotonic(), 6),
        }
    return found


def _host() -> str:
    try:
        return os.uname().nodename
    except AttributeError:  # Windows
        return os.environ.get("COMPUTERNAME", "")
