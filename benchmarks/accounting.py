"""Run a load and account for the processor time of its bars, thread by thread.

A load's own processor time varies by several per cent from one run to the next, and its bars take less than one. So the
time of what belongs to the bars is added up by itself, on each thread's own clock: all of the drawing thread and of the
upload counter, and in other threads each call into the tracker and its tasks. The same sum of a load without bars,
which counts too, is the control. On a busy machine a load lasts longer and so has more frames: the difference is then
an upper bound. What the bars cost the load's own code, by caches and by waits, is in the difference of the whole
processes alone.

`alternatives.py` and `load.py` run this file in the place of `progresskit-snowflake`, with the path of the result in
`ACCOUNT`.
"""

from __future__ import annotations

import functools
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

FILE = str(Path(__file__))
VARIABLE = "ACCOUNT"
THREADS = ("progresskit", "upload counter")
TRACKER = ("__init__", "__enter__", "__exit__", "phase", "refresh")
TASK = ("__enter__", "__exit__", "update", "start", "finish", "fail", "cancel")


class Account(NamedTuple):
    """The processor time of one load.

    Attributes:
        process: Seconds of the process, until its load is over.
        bars: Seconds of them that belong to the bars.
    """

    process: float
    bars: float


def read(path: Path) -> Account:
    """Return the account in the file at `path`."""
    return Account(*json.loads(path.read_text("utf-8")))


class _Sum:
    """Adds up the processor time of calls, and of whole threads. A call within another one counts once."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._inside = threading.local()

    def wrap(self, owner: type, name: str) -> None:
        """Have each call of the method `name` counted."""
        call = getattr(owner, name)

        @functools.wraps(call)
        def counted(*arguments: Any, **options: Any) -> Any:
            return self.timed(functools.partial(call, *arguments, **options))

        setattr(owner, name, counted)

    def timed(self, call: Callable[[], Any]) -> Any:
        """Return the result of `call`, and add its time."""
        if getattr(self._inside, "call", False):
            return call()
        self._inside.call, began = True, time.thread_time()
        try:
            return call()
        finally:
            self._inside.call = False
            self.seconds.append(time.thread_time() - began)  # a list's append is atomic


def main() -> int:
    """Load as the command line says, and write the account."""
    from progresskit_snowflake.bars.progress import SnowflakeProgress
    from progresskit_snowflake.cli import main as load

    from progresskit import Task

    spent = _Sum()
    run = threading.Thread.run

    def counted(thread: threading.Thread) -> None:
        if thread.name in THREADS:
            spent.timed(functools.partial(run, thread))
        else:
            run(thread)

    threading.Thread.run = counted  # type: ignore[assignment]
    for owner, names in ((SnowflakeProgress, TRACKER), (Task, TASK)):
        for name in names:
            spent.wrap(owner, name)
    status = load()
    account = Account(time.process_time(), sum(spent.seconds))
    Path(os.environ[VARIABLE]).write_text(json.dumps(account), "utf-8")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
