"""Claims about workers: real processes of every kind, whose tasks are in the parent's display."""

from __future__ import annotations

import builtins
import copy
import importlib
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import types
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pools
import pytest
from shown import BOUND, Shown

from progresskit import ProgressTracker
from progresskit._system.lazy import load
from progresskit.processes import _handles, _host, workers
from progresskit.testing import EmulatedTerminal, ManualTicker

METHODS = multiprocessing.get_all_start_methods()


@pytest.fixture(scope="module", autouse=True)
def hasty() -> Iterator[None]:
    """Workers send a frame every ten milliseconds, so that a task of 0.2 s is in one of them on a busy machine too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROGRESSKIT_INTERVAL", "0.01")
        patch.setenv("PROGRESSKIT_BUDGET", "1")
        yield


class Here(Shown):
    """The tasks that a tracker of this process has shown."""

    def __init__(self) -> None:
        super().__init__()
        self.tracker = ProgressTracker(self.renderer, terminal=EmulatedTerminal(), interval=0.01, budget=1.0)


@pytest.fixture
def shown() -> Iterator[Here]:
    shown = Here()
    with shown.tracker:
        yield shown
    assert "PROGRESSKIT_HUB" not in os.environ


SQUARES = {f"square {n}": "finished" for n in range(4)}


@pytest.mark.parametrize("method", METHODS)
def test_pool_tasks_and_lines_are_the_parents(method: str) -> None:
    """The tasks and lines of a pool's workers are the parent's."""
    shown = Here()
    with shown.tracker, multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(pools.report, range(4)) == [0, 1, 4, 9]
        pool.close()
        pool.join()
    assert dict(shown.endings) == SQUARES
    assert len(shown.ended) == 4
    assert sorted(shown.renderer.lines) == [f"line of {n}" for n in range(4)]


@pytest.mark.parametrize("method", METHODS)
def test_lines_before_a_result(
    method: str,
) -> None:
    """Leaving `with Pool()` sends SIGTERM to the workers without notice, and their lines are still shown."""
    shown = Here()
    with shown.tracker, multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(pools.report, range(2), chunksize=1) == [0, 1]
    assert dict(shown.endings) == {f"square {n}": "finished" for n in range(2)}
    assert sorted(shown.renderer.lines) == ["line of 0", "line of 1"]


@pytest.mark.parametrize("method", METHODS)
def test_so_are_those_of_an_executors_workers(method: str) -> None:
    shown = Here()
    context = multiprocessing.get_context(method)
    with shown.tracker, ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(pools.square, range(4))) == [0, 1, 4, 9]
    assert dict(shown.endings) == SQUARES


@pytest.mark.slow
def test_joblib_tasks_and_lines_are_the_parents() -> None:
    """So are those of joblib's workers also when they are used again."""
    joblib = pytest.importorskip("joblib", reason="joblib is not installed in this environment")
    for _ in range(2):  # the second time the workers are there already
        shown = Here()
        with shown.tracker:
            assert joblib.Parallel(n_jobs=2)(joblib.delayed(pools.square)(n) for n in range(4)) == [0, 1, 4, 9]
        assert dict(shown.endings) == SQUARES
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown()


def test_so_are_those_of_processes_below_workers(shown: Here) -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(pools.deep, range(2))) == [0, 1]
    shown.until(lambda: len(shown.endings) == 2)
    assert dict(shown.endings) == {"square 0": "finished", "square 1": "finished"}


def test_replaced_workers(shown: Here) -> None:
    """Workers that are replaced after each task are shown one after the other."""
    with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=1) as pool:
        assert pool.map(pools.square, range(4), chunksize=1) == [0, 1, 4, 9]
        pool.close()
        pool.join()
    shown.until(lambda: len(shown.endings) == 4)
    assert dict(shown.endings) == SQUARES


@pytest.mark.parametrize("method", METHODS)
def test_terminated_worker_is_lost(shown: Here, tmp_path: Path, method: str) -> None:
    """The running tasks of a terminated worker are lost, and their rows are removed."""
    context = multiprocessing.get_context(method)
    processes = [context.Process(target=pools.wait, args=(str(tmp_path), name), daemon=True) for name in ("one", "two")]
    for process in processes:
        process.start()
    shown.until(lambda: set(shown.live) == {"one", "two"})
    processes[0].terminate()
    shown.until(lambda: shown.live == ["two"])
    assert dict(shown.endings) == {"one": "lost"}
    (tmp_path / "gate").touch()
    processes[1].join(BOUND)
    shown.until(lambda: dict(shown.endings) == {"one": "lost", "two": "finished"})
    processes[0].join(BOUND)


def test_earlier_pool_needs_the_initializer() -> None:
    """A pool that was there before the tracker needs the initializer."""
    with ProcessPoolExecutor(
        2, mp_context=multiprocessing.get_context("spawn"), initializer=workers.initializer()
    ) as pool:
        assert pool.submit(abs, -1).result() == 1
        shown = Here()
        with shown.tracker:
            assert list(pool.map(pools.square, range(4))) == [0, 1, 4, 9]
        assert dict(shown.endings) == SQUARES


def test_earlier_forkserver_makes_workers() -> None:
    """A forkserver that was there before the tracker makes workers of it."""
    context = multiprocessing.get_context("forkserver")
    before = context.Process(target=abs, args=(-1,))
    before.start()
    before.join(BOUND)
    shown = Here()
    with shown.tracker:
        process = context.Process(target=pools.square, args=(5,))
        process.start()
        process.join(BOUND)
    assert dict(shown.endings) == {"square 5": "finished"}


def test_late_multiprocessing_is_joined() -> None:
    """A tracker that imports multiprocessing later is joined too."""
    code = (
        "import sys; from progresskit import ProgressTracker;"
        "tracker = ProgressTracker('plain').__enter__();"
        "assert 'multiprocessing' not in sys.modules;"
        "from multiprocessing import get_context; import pools;"
        "child = get_context('fork').Process(target=pools.square, args=(7,)); child.start(); child.join();"
        "tracker.stop()"
    )
    alone = {name: value for name, value in environment().items() if not name.startswith("COV")}  # imports it as well
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=alone)
    assert done.stderr.splitlines()[-1].startswith("square 7: finished, 3 in")


def test_lines_while_a_frame_is_made() -> None:
    """Lines of workers keep their order where one comes while a frame takes the lines, first the tracker's and then the feed's."""
    with ProgressTracker("none", ticker=ManualTicker()) as tracker:
        feed = _host.get().feed
        feed._core.lines.extend(["first"])
        taken = tracker._core.lines.drain()
        feed._core.lines.extend(["second"])
        for each in (feed, tracker, feed):
            taken += each._core.lines.drain()
    assert taken == ["first", "second"]


def test_no_worker_no_hub() -> None:
    """A program that starts no worker gets no hub and no thread."""
    code = (
        "import multiprocessing, os, subprocess, sys, threading\n"
        "from progresskit import ProgressTracker; from progresskit.processes import _host\n"
        "with ProgressTracker('none') as tracker:\n"
        "    subprocess.run(['true']); pid = os.fork()\n"
        "    if not pid: os._exit(0)\n"
        "    os.waitpid(pid, 0)\n"
        "    print(_host.current, threading.active_count(), 'progresskit.processes.hub' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment())
    assert (done.stdout, done.stderr) == ("None 1 False\n", "")


def test_multiprocessing_without_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """If multiprocessing lacks the hook, everything works as without progresskit."""
    config = dict(multiprocessing.current_process()._config)  # type: ignore[attr-defined]

    class Other:
        _config = None

    monkeypatch.setattr("multiprocessing.process._current_process", Other())
    with ProgressTracker("none"):
        pass
    monkeypatch.undo()
    assert multiprocessing.current_process()._config == config  # type: ignore[attr-defined]


def test_a_worker_starts_also_where_no_hub_can_be_made(monkeypatch: pytest.MonkeyPatch, shown: Here) -> None:
    monkeypatch.setattr(_host, "current", None)
    monkeypatch.setattr("progresskit.processes.hub.Hub.start", _refuse)
    for method in METHODS:
        process = multiprocessing.get_context(method).Process(target=abs, args=(-1,))
        process.start()
        process.join(BOUND)
        assert process.exitcode == 0


def _refuse(_: object) -> None:
    raise OSError("no descriptor left")


# Tasks that are handed out


@pytest.mark.parametrize("method", METHODS)
def test_counts_of_workers_are_summed(shown: Here, method: str) -> None:
    """The workers' counts of a task are summed in the parent."""
    task = shown.tracker.add_task("together", total=4_010)
    task.advance(10)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        list(pool.map(pools.counted, [(task, 500)] * 4))
    shown.until(lambda: task.completed == 4_010)
    assert task.state == "running"
    task.finish()


@pytest.mark.parametrize("method", METHODS)
def test_a_process_may_be_given_a_task_as_it_is(shown: Here, method: str) -> None:
    task = shown.tracker.add_task("handed", total=2_000)
    task.tick()
    task.tick()
    process = multiprocessing.get_context(method).Process(target=pools.count, args=(task, 999))
    process.start()
    process.join(BOUND)
    assert process.exitcode == 0
    shown.until(lambda: task.completed == 2_000)


def test_counts_of_a_killed_worker_stay(shown: Here, tmp_path: Path) -> None:
    """The count of a killed worker stays, and its successor's is added."""
    task = shown.tracker.add_task("twice", total=10)
    context = multiprocessing.get_context("spawn")
    for done in (5, 10):
        process = context.Process(target=pools.count_and_die, args=(task, str(tmp_path)))
        process.start()
        shown.until(lambda done=done: task.completed == done)
        process.kill()
        process.join(BOUND)
    task.advance(1)
    assert task.completed == 11


def test_copied_task_is_itself(shown: Here) -> None:
    """A copy of a task in its own process is the same task."""
    task = shown.tracker.add_task("one")
    assert pickle.loads(pickle.dumps(task)) is task
    assert copy.deepcopy({"task": task})["task"] is task


def test_a_handle_costs_what_a_task_costs() -> None:
    """After the first count it is a task like any other: the same class, the same C-level tick."""
    handle = _handles.handle("00@/nowhere", 7, "far", 10, "row", None)
    tick = handle.tick
    assert (handle.description, handle.total, handle.unit) == ("far", 10, "row")
    with ProgressTracker("none") as tracker:
        local = tracker.add_task("near")
        assert type(tick) is type(local.tick)
        assert type(handle) is type(local)
    tick()
    handle.advance(2)
    assert handle.completed == 3
    handle.finish()
    assert _handles.handle("00@/nowhere", 7, "far", 10, "row", None) is handle
    assert handle.state == "running"
    load("progresskit._display.process_hooks:TICKER").detach(handle.tracker._core)


def environment() -> dict[str, str]:
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(folder) for folder in Path(__file__).parents[:3]),
    }
    for name in ("PROGRESSKIT_HUB", "PROGRESSKIT_RENDERER", "CI"):
        environ.pop(name, None)
    return environ


HALF_IMPORTED = """
import builtins
builtins.half_imported.begun.set()
builtins.half_imported.gate.wait(60)
whole = True
"""


def test_half_imported_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork waits for a module that another thread is importing: the worker, which lacks that thread, would wait for ever."""
    state = types.SimpleNamespace(begun=threading.Event(), gate=threading.Event())
    monkeypatch.setattr(builtins, "half_imported", state, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "half_imported_module.py").write_text(HALF_IMPORTED)
    importing = threading.Thread(target=importlib.import_module, args=("half_imported_module",))
    importing.start()
    assert state.begun.wait(60)
    found: list[bool] = []

    def preload() -> None:
        workers._preload(("half_imported_module",))
        found.append(hasattr(sys.modules["half_imported_module"], "whole"))

    preloading = threading.Thread(target=preload)
    preloading.start()
    state.gate.set()
    for each in (importing, preloading):
        each.join(60)
    assert found == [True]
    del sys.modules["half_imported_module"]


def test_handed_on_without_a_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task can be sent to a worker where no hub can start: the job goes on, and the task is not counted."""

    def refuse() -> None:
        raise OSError("no descriptor left")

    monkeypatch.setattr(_host, "get", refuse)
    with ProgressTracker("none") as tracker:
        task = tracker.add_task("rows", total=10, unit="row")
        there = pickle.loads(pickle.dumps(task))
        there.advance(3)
        assert (there.description, there.completed, there.total, there.unit, task.completed) == (
            "rows",
            3,
            10,
            "row",
            0,
        )
