"""Functions that the tests of the Dask adapter run in a cluster, where this module is importable."""

from __future__ import annotations

import asyncio
import logging.handlers
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from distributed import Queue, get_client, rejoin, secede, worker_client
from seen import until_seen

from progresskit import ProgressTracker, track
from progresskit import print as print_above
from progresskit._tracking.joining import current_tracker

LIVE: list[Any] = []
"""The remains of a task in its worker."""
HIDDEN: list[Any] = []
"""The module that `hide_package` has hidden."""


def square(number: int) -> int:
    for _ in track(range(3), f"square {number}"):
        until_seen()
    return number * number


def own(number: int) -> int:
    """A tracker of the task's own, and a line."""
    with ProgressTracker() as tracker:
        tracker.print(f"line of {number}")
        task = tracker.add_task(f"own {number}", total=2)
        nested(task.advance)
    return number


def nested(step: object) -> None:
    assert callable(step)
    for _ in track(range(2), "nested"):
        step()
        until_seen()


def forgotten() -> None:
    """A task that is never ended."""
    current_tracker().add_task("forgotten", total=5).advance(2)
    until_seen()


async def coroutine(name: str, folder: str) -> str:
    """A coroutine task, which starts another one and a thread, and does not end their tasks."""
    current_tracker().add_task(name, total=5)
    await asyncio.gather(child(f"{name}, a part"), asyncio.to_thread(leave, f"{name}, its thread"))
    while not Path(folder, "gate").exists():
        await asyncio.sleep(0.01)
    return name


async def child(name: str) -> None:
    current_tracker().add_task(name, total=5)


def leave(name: str) -> None:
    current_tracker().add_task(name, total=5)


def threaded(name: str, folder: str) -> str:
    """A task whose threads have tasks that are never ended, and whose thread starts a thread."""
    thread = threading.Thread(target=lambda: start_and_join(lambda: leave(f"{name}, its thread's thread")))
    thread.start()
    thread.join()
    while not Path(folder, "gate").exists():
        time.sleep(0.01)
    return name


def start_and_join(target: Any) -> None:
    thread = threading.Thread(target=target)
    thread.start()
    thread.join()


def named() -> None:
    """A renderer that draws over rows, on a stream that says it is a terminal."""
    with ProgressTracker("ansi", stream=Screen()) as tracker:
        tracker.add_task("drawn over rows", total=1)
        until_seen_of(tracker)
        assert Screen.written == []


class Screen:
    """A terminal of the worker's own."""

    encoding = "utf-8"
    written: list[str] = []

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.written.append(text)
        return len(text)

    def flush(self) -> None:
        pass


def until_seen_of(tracker: ProgressTracker) -> None:
    end = time.monotonic() + 60
    while tracker._core.tree.last_shown < tracker.tasks[-1].id and time.monotonic() < end:
        time.sleep(0.002)


def on_the_worker() -> None:
    """Code that no Dask task has."""
    LIVE.append(current_tracker().add_task("the worker's own", total=5))


def on_the_worker_ended() -> None:
    LIVE.pop().finish()


def quick(number: int) -> int:
    for _ in track(range(5), "quick"):
        time.sleep(0.001)
    return number


def fails(number: int) -> int:
    if number == 1:
        raise ValueError("of no use")
    return number


def after_gate(folder: str, number: int = 0) -> int:
    while not Path(folder, "gate").exists():
        time.sleep(0.01)
    return number


def fails_once(folder: str) -> str:
    for _ in track(range(3), "retried"):
        until_seen()
        if not Path(folder, "failed").exists():
            Path(folder, "failed").touch()
            raise ValueError("the first time")
    return "done"


def waits(folder: str, name: str) -> int:
    for _ in track(range(1), name):
        Path(folder, f"{name} {os.getpid()}").touch()
        while not Path(folder, "gate").exists():
            time.sleep(0.01)
    return os.getpid()


def dies_once(folder: str) -> str:
    for _ in track(range(1), "victim"):
        if not Path(folder, "died").exists():
            while not Path(folder, "shown").exists():
                time.sleep(0.01)
            Path(folder, "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        while not Path(folder, "gate").exists():
            time.sleep(0.01)
    return "done"


def garbage(dask_worker: Any) -> None:
    """Messages of a stranger, which are none of a reporter's."""
    for rows, news in ((b"", b""), (b"{", b"{}"), (b"x\x9c junk", b""), (b'{"time":1}', b'{"ended":1,"lines":2}')):
        dask_worker.batched_send({"op": "progresskit", "rows": rows, "news": news})


async def close_plugins(dask_worker: Any) -> None:
    """Remove the worker's plugins, as a worker does that closes, and begin to note the errors that it logs."""
    await dask_worker.plugin_remove(name="progresskit")
    handler = logging.handlers.BufferingHandler(100)
    handler.setLevel(logging.ERROR)
    worker_log = logging.getLogger("distributed.worker")
    worker_log.setLevel(logging.ERROR)
    worker_log.addHandler(handler)
    LIVE.append(handler)


def logged_errors() -> list[str]:
    """Return the errors that this worker has logged since `close_plugins`."""
    handler = LIVE.pop()
    logging.getLogger("distributed.worker").removeHandler(handler)
    return [record.getMessage() for record in handler.buffer]


def left(dask_scheduler: Any) -> list[str]:
    """The remains of a watch in the scheduler."""
    names = [*dask_scheduler.plugins, *dask_scheduler.worker_plugins, *dask_scheduler._broker._topics]
    return [name for name in names if "progresskit" in name]


def note_reports(dask_scheduler: Any) -> None:
    """Begin to note which worker each report comes from."""
    noted = dask_scheduler.noted = []
    report = dask_scheduler.stream_handlers["progresskit"]

    def note(worker: str, **message: Any) -> None:
        if "rows" in message:
            noted.append(worker)
        report(worker=worker, **message)

    dask_scheduler.stream_handlers["progresskit"] = note


def noted_reports(dask_scheduler: Any) -> list[str]:
    """Return the worker of each report."""
    return list(dask_scheduler.noted)


def loop(name: str, number: int = 3) -> int:
    total = 0
    for each in track(range(number), name):
        until_seen()
        total += each
    return total


def generated(number: int) -> int:
    """A loop over a generator, whose total is unknown."""
    return sum(each for each in track((each for each in range(number)), "generated") if until_seen() is None)


def starts_others(number: int) -> int:
    """A task that starts tasks and waits for them, as one that has left its thread."""
    with worker_client() as client:
        return sum(
            track(client.gather(client.map(loop, [f"inner {each}" for each in range(number)], pure=False)), "outer")
        )


def starts_others_in_place(number: int) -> int:
    """The same, in Dask's other way; and a loop in the thread that the task has come back to."""
    client = get_client()
    futures = client.map(loop, [f"placed {each}" for each in range(number)], pure=False)
    secede()
    found: int = sum(client.gather(futures))
    rejoin()
    return found + loop("after rejoin")


class Counter:
    """An actor."""

    def __init__(self) -> None:
        self.number = 0

    def add(self, number: int) -> int:
        self.number += loop(f"actor {number}", number)
        return self.number


def pool_within() -> int:
    with ThreadPoolExecutor(3) as pool:
        return sum(pool.map(loop, [f"thread {each}" for each in range(3)]))


def produces(name: str, number: int) -> None:
    queue = Queue(name)
    for each in track(range(number), "producer"):
        until_seen()
        queue.put(each)


def consumes(name: str, number: int) -> int:
    queue = Queue(name)
    return sum(queue.get(timeout=60) for _ in track(range(number), "consumer"))


async def asynchronous(number: int) -> int:
    """A coroutine task with an async loop."""

    async def items() -> Any:
        for each in range(number):
            await asyncio.to_thread(until_seen)
            yield each

    return sum([each async for each in track(items(), "async", total=number)])


def many(number: int) -> int:
    for each in range(number):
        for _ in track(range(2), f"m{each}"):
            pass
    return number


def words(number: int) -> None:
    for each in range(number):
        print_above("x" * 100 + str(each))


def hide_package(hidden: bool) -> None:
    """Have this worker be one without the package, or with it again."""
    if hidden:
        HIDDEN.append(sys.modules.pop("progresskit_dask.working", None))
        sys.modules["progresskit_dask.working"] = None  # type: ignore[assignment]  # so an import fails
    elif (module := HIDDEN.pop()) is None:
        del sys.modules["progresskit_dask.working"]
    else:
        sys.modules["progresskit_dask.working"] = module
