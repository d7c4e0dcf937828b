"""Claims about threads that fork, and that enter and end trackers, at the same time: nothing hangs, and no worker is left without a
tracker."""

from __future__ import annotations

import io
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trackers

from progresskit import ProgressTracker, track
from progresskit._display import forked_child, process_hooks
from progresskit._system.platform import HAS_FORK
from progresskit._tracking import multiprocessing_hook
from progresskit._tracking.task_record import TREE_LOCK
from progresskit._tracking.tracker import entered
from progresskit.processes import _host, workers
from progresskit.testing import RecordingRenderer
from progresskit.tqdm._locks import TqdmDefaultWriteLock

pytestmark = pytest.mark.skipif(not HAS_FORK, reason="this system does not fork")


def elsewhere(call: Callable[[], Any]) -> Any:
    """Return what `call` returns in another thread."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    thread.join(60.0)
    assert found, "the other thread hangs or has failed"
    return found[0]


def is_free(lock: Any) -> bool:
    """Return whether another thread may acquire `lock`, which is free afterwards."""

    def take() -> bool:
        if not lock.acquire(blocking=False):
            return False
        lock.release()
        return True

    return bool(elsewhere(take))


@contextmanager
def held_elsewhere(lock: Any) -> Iterator[None]:
    """Have another thread hold `lock` meanwhile."""
    holds, over = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            holds.set()
            over.wait(60.0)

    thread = threading.Thread(target=hold)
    thread.start()
    assert holds.wait(60.0)
    try:
        yield
    finally:
        over.set()
        thread.join()


def status_of_child(call: Callable[[], bool]) -> int:
    """Fork, and return 0 if `call` returns True in the child, 1 otherwise, and 14 if it hangs."""
    pid = os.fork()
    if not pid:
        import signal

        signal.alarm(30)
        status = 1
        try:
            status = 0 if call() else 1
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1]


def shown() -> ProgressTracker:
    return ProgressTracker(RecordingRenderer(), stream=io.StringIO())


def test_forks_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one thread prepares for its fork is not overwritten by another thread's."""
    free: list[bool] = []
    monkeypatch.setattr(
        process_hooks, "_before", [*process_hooks._before, lambda: free.append(is_free(process_hooks._forking))]
    )
    assert status_of_child(lambda: process_hooks.was_prepared()) == 0
    assert free == [False]
    assert is_free(process_hooks._forking)


def test_error_before_a_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """What raises in the hooks before a fork, as a signal's handler may, leaves no lock held, in neither process."""
    told: list[Any] = []

    def interrupt() -> None:
        raise SystemExit

    monkeypatch.setattr(sys, "unraisablehook", told.append)
    monkeypatch.setattr(process_hooks, "_before", [interrupt])
    assert status_of_child(lambda: not process_hooks.was_prepared() and is_free(TREE_LOCK)) == 0
    assert len(told) == 1
    for lock in (process_hooks._forking, TREE_LOCK, process_hooks.TICKER.scheduler.lock):
        assert is_free(lock)


INTERRUPTED = """
import os, signal, sys
from multiprocessing import get_context
from progresskit import ProgressTracker
from progresskit._tracking import multiprocessing_hook

def interrupt(*given):
    global interrupt
    load_workers(*given)
    if interrupt is not None:
        interrupt = None
        signal.raise_signal(signal.SIGINT)

load_workers, multiprocessing_hook.load_workers = multiprocessing_hook.load_workers, interrupt
if FIRST:
    ProgressTracker("none").start()
else:
    from progresskit._display import process_hooks
    process_hooks.load_workers = interrupt
for _ in range(2):
    try:
        worker = get_context("fork").Process(target=os.getpid)
        worker.start()
        worker.join()
        print("started")
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.mark.parametrize("first", [True, False], ids=["first fork", "hooks are there"])
def test_ctrl_c_before_a_fork(first: bool) -> None:
    """Ctrl-C while the hooks before a fork run, the first of which loads much, is not lost: it is raised once, after the fork."""
    code = f"FIRST = {first}\n{INTERRUPTED}"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("interrupted\nstarted\n", "")


LATE = """
from progresskit import track
for _ in track(range(2), "before"): pass
from progresskit._display import process_hooks
from progresskit._tracking.task_record import TREE_LOCK
import multiprocessing
prepared = []
process_hooks.before_fork(lambda: prepared.append(True))
worker = multiprocessing.get_context("fork").Process(target=lambda: print(TREE_LOCK._is_owned(), flush=True))
worker.start()
worker.join()
print(len(prepared), process_hooks._preparing, process_hooks._forking._is_owned())
"""


def test_multiprocessing_is_imported_after_a_loop() -> None:
    """The first fork of a program that imports multiprocessing after its first loop is prepared once: its worker's display hung."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", LATE], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False\n1 [] False\n", "")


def test_fork_without_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork that gets no turn in time goes on, and its child has no lock that another thread holds."""
    monkeypatch.setattr(process_hooks, "FORKING_SECONDS", 0.0)
    with held_elsewhere(process_hooks._forking), held_elsewhere(TREE_LOCK):
        assert status_of_child(lambda: not process_hooks.was_prepared() and is_free(TREE_LOCK)) == 0


def test_settling_takes_no_lock_in_a_parent() -> None:
    """A process with nothing to put in order takes no lock for that, which its child would inherit."""
    with held_elsewhere(forked_child._lock):
        forked_child.settle()


def test_tracker_that_ends_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are not moved to a tracker that ends in another thread in the middle of that."""
    first, second = shown(), shown()
    first.start()
    second.start()
    host = _host.get()
    host.move(second)
    catch_up = host.catch_up

    def end_first() -> None:
        monkeypatch.setattr(host, "catch_up", catch_up)
        elsewhere(lambda: first.stop() or True)

    monkeypatch.setattr(host, "catch_up", end_first)
    second.stop()
    assert host.tracker not in (first, second)
    _host.move(first)  # the other thread's entering comes late
    assert host.tracker is not first


def test_tracker_that_is_entered_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes still join a tracker that is entered in another thread while the last one ends."""
    monkeypatch.setattr(multiprocessing_hook, "_wanted", [])  # what other modules of this process want
    first, second = shown(), shown()
    find = multiprocessing_hook._configs
    first.start()

    def enter_second() -> list[Any]:
        if second not in entered:
            monkeypatch.setattr(multiprocessing_hook, "_configs", find)
            elsewhere(lambda: second.start() or True)
        return find()

    monkeypatch.setattr(multiprocessing_hook, "_configs", enter_second)
    first.stop()
    config: Any = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    assert multiprocessing_hook.KEY in config
    second.stop()


def test_lock_of_bars_in_a_child() -> None:
    """A child may write bars though another thread of its parent was just writing one."""
    lock = TqdmDefaultWriteLock()
    lock.locks = [TqdmDefaultWriteLock.th_lock]  # the process lock is the parent's to release
    with held_elsewhere(lock):
        assert status_of_child(lambda: lock.acquire(timeout=10.0)) == 0


def test_task_added_while_a_fork_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that another thread adds while one prepares a fork is handed out to the workers that are forked after it."""
    context: Any = multiprocessing.get_context("fork")
    prepare = workers._prepare_brief_loop
    late: list[Any] = []

    def add_late(given: str) -> None:
        prepare(given)
        if not late:
            late.append(elsewhere(lambda: tracker.add_task("late", total=2)))

    monkeypatch.setattr(workers, "_prepare_brief_loop", add_late)
    monkeypatch.setattr(workers, "_prepared_for", None)
    monkeypatch.setattr(multiprocessing_hook, "_wanted", [])  # with more to join, each fork is prepared
    with shown() as tracker:
        for _ in range(2):
            worker = context.Process(target=lambda: [late[0].advance() for _ in range(2)])
            worker.start()
            worker.join()
        assert late[0].completed == 2


def two_loops() -> None:
    for name in ("first", "second"):
        for _ in track(range(3), name):
            pass


def test_workers_after_another_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are shown though a child that is no worker has been forked between them, as `subprocess` does with `preexec_fn`."""
    monkeypatch.setattr(multiprocessing_hook, "_wanted", [])  # with more to join, each fork is prepared
    context: Any = multiprocessing.get_context("fork")
    renderer = RecordingRenderer()
    with ProgressTracker(renderer, stream=io.StringIO()):
        for _ in range(4):
            worker = context.Process(target=two_loops)
            worker.start()
            worker.join()
            assert status_of_child(lambda: True) == 0
    assert [line.split(" in ")[0] for line in renderer.lines] == ["\u2713 8 tasks, 24 items"]


AT_ONCE = """
import io, multiprocessing, sys, threading
from seen import until_true
from progresskit import ProgressTracker, track
from progresskit.testing import RecordingRenderer
def work():
    for _ in track(range(3), "row"): pass
def fork():
    worker = multiprocessing.get_context("fork").Process(target=work)
    worker.start()
    worker.join()
def waits_for_import(thread):
    frame = sys._current_frames().get(thread.ident)
    while frame is not None and frame.f_code.co_name != "acquire":
        frame = frame.f_back
    return frame is not None
class Late:  # an import finder that finds nothing: the other thread forks while this one loads what prepares a fork
    def find_spec(self, name, path=None, target=None):
        if name == "progresskit.processes._brief_ends" and other.ident is None:
            other.start()
            until_true(lambda: not other.is_alive() or waits_for_import(other))
other = threading.Thread(target=fork)
renderer = RecordingRenderer()
with ProgressTracker(renderer, stream=io.StringIO()):
    sys.meta_path.insert(0, Late())
    fork()
    other.join()
print([line.partition(",")[0] for line in renderer.lines], other.is_alive())
"""


def test_first_forks_at_once() -> None:
    """A worker is shown whose fork begins while another thread loads, for the first one, what prepares forks."""
    environ = {"PYTHONPATH": f"{Path(__file__).parents[2]}:{Path(__file__).parents[1]}"}
    program = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", AT_ONCE], env=environ, capture_output=True, text=True
    )
    assert (program.stdout, program.stderr) == ("['✓ 2 tasks'] False\n", "")


@pytest.mark.slow
@pytest.mark.parametrize(("method", "seeds"), [("fork", 100), ("forkserver", 10), ("spawn", 4)])
def test_a_tracker_and_a_pool_in_each_thread(method: str, seeds: int) -> None:
    """Where threads have a tracker and a pool each, counts are exact and every task is accounted for."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PROGRESSKIT_")}
    command = [sys.executable, "-W", "ignore", trackers.__file__, method, "1", str(seeds)]
    program = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert (program.returncode, program.stdout) == (0, ""), program.stderr
