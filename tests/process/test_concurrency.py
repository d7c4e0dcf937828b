"""Concurrent jobs: threads, tasks of asyncio, processes, interpreters, and locks held at the worst moment."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import tty
from pathlib import Path

import pytest
from test_troubles import ROOT, run

from progresskit._display.terminal import StreamTerminal
from progresskit._tracking.counters import LockedCell, LockedTicks


@pytest.mark.parametrize("kind", ["pipe", "terminal", "master"])
def test_slow_reader_gets_everything(kind: str) -> None:
    """A slow reader gets everything in order from a non-blocking stream."""
    if kind == "pipe":
        reading, writing = os.pipe()
    else:
        reading, writing = pty.openpty()
        tty.setraw(writing)
        if kind == "master":  # cannot be opened anew: the other end of the pty is another file
            reading, writing = writing, reading
    os.set_blocking(writing, False)
    os.set_blocking(reading, False)
    terminal = StreamTerminal(os.fdopen(writing, "w"), {})
    terminal.close, own = terminal.close, terminal.fd  # type: ignore[method-assign]
    assert own is not None
    text = "".join(f"{number:07d}\n" for number in range(25_000))
    terminal.send(text)
    assert terminal.congested
    taken = bytearray()
    for _ in range(100_000):
        if len(taken) == len(text):
            break
        try:
            taken += os.read(reading, 1 << 16)
        except BlockingIOError:
            pass
        terminal.send("", 0.01)
    assert (taken.decode(), terminal.congested, terminal.dark) == (text, False, False)
    terminal.close()
    terminal._stream.close()
    os.close(reading)


@pytest.mark.parametrize("isolated", [True, False])
def test_in_a_subinterpreter_a_job_runs_and_is_drawn(isolated: bool) -> None:
    job = """
from progresskit import ProgressTracker
with ProgressTracker("plain", interval=0.001, budget=1.0) as tracker:
    task = tracker.add_task("alpha")
    while not (tracker._core.ticker.displays and tracker._core.ticker.displays[0].drawn): task.advance()
    tracker.print("words")
    task.finish()
print(task.state)
"""
    done = run(f"""
import sys
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
    made = interpreters.create({"'isolated'" if isolated else "'legacy'"})
else:
    import _xxsubinterpreters as interpreters
    made = interpreters.create(isolated={isolated})
failed = (interpreters.exec if sys.version_info >= (3, 13) else interpreters.run_string)(made, {job!r})
assert failed is None, failed
interpreters.destroy(made)
print("back")
""")
    assert (done.returncode, done.stdout) == (0, "finished\nback\n"), done.stderr
    assert "alpha: finished" in done.stderr
    assert done.stderr.count("words") == 1


def test_spawned_processes_with_trackers_of_their_own(tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text("""
import multiprocessing
from progresskit import ProgressTracker
def work(count):
    with ProgressTracker("plain", interval=0.01) as tracker, tracker.add_task("part", total=count) as task:
        task.advance(count)
    return task.completed
if __name__ == "__main__":
    with ProgressTracker("json", interval=0.001, budget=1.0) as tracker:
        task = tracker.add_task("alpha", total=6)
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            for done in pool.imap_unordered(work, [1, 2, 3]):
                task.advance(done)
    print(task.state)
""")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=100, env=env)
    assert (done.returncode, done.stdout) == (0, "finished\n"), done.stderr


@pytest.mark.parametrize("whose", ["its own", "another thread's"])
@pytest.mark.parametrize(
    "lock", ["TICKER.scheduler.lock", "TICKER.scheduler.drawing", "TrackerCore.lock", "counting.LOCK"]
)
def test_a_fork_with_a_lock_held_hangs_neither_process(lock: str, whose: str) -> None:
    code = f"""
import os, signal, threading, time
from progresskit import ProgressTracker
from progresskit._tracking import counters as counting
from progresskit._tracking.core import TrackerCore
from progresskit._display.process_hooks import TICKER
def fork():
    pid = os.fork()
    if pid: return pid
    signal.alarm(30)
    with ProgressTracker("plain", interval=0.001) as other, other.add_task("child", total=1) as inner:
        inner.advance()
        tracker.print("from the child")
    with counting.LOCK: pass
    os._exit(7)
def hold():
    with {lock}:
        entered.set()
        time.sleep(0.05)
entered = threading.Event()
with ProgressTracker("json", interval=0.001, budget=1.0) as tracker:
    task = tracker.add_task("alpha", total=1)
    while not TICKER.displays: time.sleep(0.001)
    if {whose == "its own"}:
        with {lock}: pid = fork()
    else:
        thread = threading.Thread(target=hold)
        thread.start()
        entered.wait()
        pid = fork()
        thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    task.advance()
print(task.state)
"""
    done = run(code)
    assert (done.returncode, done.stdout) == (0, "finished\n"), done.stderr[-2000:]


def test_cancelled_asyncio_tasks() -> None:
    """Asyncio tasks that are cancelled or run out of time."""
    done = run("""
import asyncio
from progresskit import ProgressTracker, track
async def work(name):
    with tracker.add_task(name) as task:
        tasks[name] = task
        await asyncio.sleep(60)
async def pages():
    for number in range(100):
        yield number
        await asyncio.sleep(60 if number else 0)
async def loop():
    async for page in track(pages(), "pages"):
        tasks["pages"] = tracker.tasks[-1]
async def main():
    running = asyncio.create_task(work("cancelled"))
    looping = asyncio.create_task(loop())
    while len(tasks) < 2: await asyncio.sleep(0)
    running.cancel(); looping.cancel()
    await asyncio.gather(running, looping, return_exceptions=True)
    try: await asyncio.wait_for(work("out of time"), 0.01)
    except TimeoutError: print("TimeoutError")
    try:
        async with asyncio.timeout(0.01): await work("out of time too")
    except TimeoutError: print("TimeoutError")
tasks = {}
with ProgressTracker("plain", interval=0.001) as tracker:
    asyncio.run(main())
    print({task.state for task in tasks.values()}, len(tasks), len(tracker.tasks))
""")
    assert (done.returncode, done.stdout) == (0, "TimeoutError\n" * 2 + "{'cancelled'} 4 0\n"), done.stderr


def test_nested_trackers_and_threads() -> None:
    """Nested trackers, and threads from before and after."""
    done = run("""
import threading
from progresskit import ProgressTracker, track
go, ready = threading.Event(), threading.Barrier(3)
def work():
    ready.wait()
    go.wait()
    for _ in track(range(50), "part"): counted.append(1)
counted = []
before = [threading.Thread(target=work) for _ in range(2)]
for thread in before: thread.start()
ready.wait()
with ProgressTracker("plain", interval=0.001) as outer:
    first = outer.add_task("first", total=2)
    with ProgressTracker("plain", interval=0.001) as inner:
        for _ in track([1, 2], "in the inner one"): assert len(inner.tasks) == 1
        second = inner.add_task("second", total=1)
        second.advance()
    assert second.state == "finished"
    after = [threading.Thread(target=work) for _ in range(2)]
    ready = threading.Barrier(2)
    for thread in after: thread.start()
    go.set()
    for thread in [*before, *after]: thread.join()
    for _ in track([1, 2], "in the outer one"): assert len(outer.tasks) == 2
    first.advance(2)
print(first.state, len(counted))
""")
    assert (done.returncode, done.stdout) == (0, "finished 200\n"), done.stderr


def test_daemon_thread_does_not_keep_the_process() -> None:
    """A tracker in a daemon thread does not keep the process alive."""
    done = run("""
import threading
from progresskit import ProgressTracker
entered = threading.Event()
def work():
    with ProgressTracker("plain", interval=0.001) as tracker:
        task = tracker.add_task("alpha")
        while True:
            task.advance()
            entered.set()
threading.Thread(target=work, daemon=True).start()
entered.wait()
raise SystemExit(3)
""")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert "Fatal" not in done.stderr


def test_events_file_on_a_full_disk() -> None:
    """An events file on a full disk changes nothing for the job."""
    code = """
from progresskit import ProgressTracker
with ProgressTracker(interval=0.001, budget=1.0) as tracker:
    for number in range(30):
        with tracker.add_task(f"part {number}", total=1) as task: task.advance()
        tracker.print("words")
print(task.state)
"""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PROGRESSKIT_RENDERER": "json", "PROGRESSKIT_STREAM": "/dev/full"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "finished\n", "")


def test_signal_handler_may_count_without_a_gil() -> None:
    """A signal handler may count on a free-threaded build too."""
    cell, ticks, calls = LockedCell(), LockedTicks(), []
    cell._n = 0

    def handler(*_: object) -> None:
        calls.append(1)
        cell.advance()
        ticks.tick()
        if len(calls) < 200:
            signal.setitimer(signal.ITIMER_REAL, 0.0002)

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0002)
        own = 0
        while len(calls) < 200:
            own += 1
            cell.advance()
            ticks.tick()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert cell._n == ticks.count() == own + 200
