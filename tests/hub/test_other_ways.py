"""Claims about workers that are started by copies of multiprocessing, and about processes that start and end in other ways."""

from __future__ import annotations

import inspect
import multiprocessing
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from progresskit._tracking.multiprocessing_hook import is_child_of
from progresskit.processes import _sudden_ends
from progresskit.processes._folder import Record

BOUND = 120.0
PROGRAM = """
import os, sys
from progresskit import ProgressTracker, track
from progresskit.testing import EmulatedTerminal, RecordingRenderer

def work(task):
    for _ in track(range(3), "own"):
        pass
    task.advance(5)
    return 5

if __name__ == "__main__":
    renderer = RecordingRenderer()
    with ProgressTracker(renderer, terminal=EmulatedTerminal(80, 24)) as tracker:
        task = tracker.add_task("shared")
        {body}
        print(task.completed)
    print(task.completed, *renderer.lines)
"""


def played(folder: Path, body: str, before: str = "") -> list[str]:
    """Return the lines that `PROGRAM` prints with `body` in its block and `before` in its first line."""
    script = folder / "program.py"
    script.write_text(before + PROGRAM.replace("{body}", body.strip().replace("\n", "\n        ")))
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=BOUND, env={**os.environ, "PYTHONPATH": path}
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    return done.stdout.splitlines()


def told(line: str) -> tuple[int, int]:
    """Return how many tasks and items the summaries in `line` tell of: there is one more where tasks have rested for a second."""
    found = re.findall(r"(\d+) tasks?, (\d+) items", line)
    return sum(int(tasks) for tasks, _ in found), sum(int(items) for _, items in found)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the standard library's package under the name `multiprocess`, which is how dill's one is made."""
    folder = tmp_path_factory.mktemp("copied")
    source = Path(multiprocessing.__file__).parent
    (folder / "multiprocess").mkdir()
    for module in source.glob("*.py"):
        text = re.sub(r"\bmultiprocessing\b", "multiprocess", module.read_text("utf-8"))
        (folder / "multiprocess" / module.name).write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_workers_of_a_copy(copied: Path, method: str) -> None:
    """Workers of multiprocess, which pickles with dill, count and are told of as those of multiprocessing."""
    lines = played(
        copied,
        f"""
import multiprocess
with multiprocess.get_context("{method}").Pool(2) as pool:
    pool.map(work, [task] * 6, chunksize=1)
print(task.completed)
child = multiprocess.get_context("{method}").Process(target=work, args=(task,))
child.start(); child.join()
""",
    )
    assert lines[:2] == ["30", "35"]
    assert (lines[2].split()[0], told(lines[2])) == ("35", (7, 21))


def test_a_process_of_billiard_is_a_child() -> None:
    """A package without `parent_process`, as Celery's is, says by its process's number whether it has started this one."""
    main, child = (SimpleNamespace(_current_process=SimpleNamespace(_parent_pid=pid)) for pid in (None, 7))
    assert (is_child_of(main), is_child_of(child), is_child_of(SimpleNamespace())) == (False, True, False)


WRAPPED = """
fork = os.fork
os.fork = lambda: fork()
import multiprocessing
child = multiprocessing.get_context("fork").Process(target=work, args=(task,))
child.start(); child.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_fork_by_a_function_in_its_place(tmp_path: Path) -> None:
    """A worker is one where something else has replaced `os.fork`, as gevent and tracers do."""
    lines = played(tmp_path, WRAPPED)
    assert lines[0] == "5" and told(lines[1]) == (1, 3)


UNDER_GEVENT = """
import _thread, atexit, multiprocessing
for _ in range(3):
    reader, writer = multiprocessing.Pipe(duplex=False)
    multiprocessing.get_context("fork").Process(target=lambda: writer.send(work(task))).start()
    reader.recv()
atexit.register(lambda: (sys.stdout.flush(), os._exit(0)))  # a join hangs under gevent, one in thirty, without progresskit too
from progresskit.processes import _host
host = _host.current
hub = host.hub
locks = (hub._lock, hub._reading, host._lock, hub._inbox._lock, hub._inbox._giving, hub._inbox._counting)
assert {type(lock) for lock in locks} == {_thread.RLock}
"""


def test_workers_under_gevent(tmp_path: Path) -> None:
    """Under gevent, what a worker has sent is there with its result, the hub's greenlet ends in a fork without a word, and no thread
    waits for a lock that gevent's loop must give."""
    pytest.importorskip("gevent", reason="gevent is not installed in this environment")
    lines = played(tmp_path, UNDER_GEVENT, "from gevent import monkey; monkey.patch_all()\n")
    assert lines[0] == "15" and told(lines[1]) == (3, 9)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("end", ["os._exit(0)", "os.execv('/bin/true', ['true'])", "os.execlp('true', 'true')"])
def test_ends_without_exit_functions(tmp_path: Path, end: str) -> None:
    """A process that ends by `os._exit`, or becomes another program, has sent what it has counted, in a worker and in a plain fork."""
    lines = played(
        tmp_path,
        f"""
import multiprocessing, pickle
pickled = pickle.dumps(task)
pid = os.fork()
if not pid:
    pickle.loads(pickled).advance(4)
    {end}
assert os.waitpid(pid, 0)[1] == 0
print(task.completed)
child = multiprocessing.get_context("fork").Process(target=lambda: (task.advance(3), {end}))
child.start(); child.join()
assert child.exitcode == 0
""",
    )
    assert lines == ["4", "7", "7"]


CHILDREN = """
import os, sys
import progresskit
for number in range(2):
    if not os.fork():
        for _ in range(3):
            for _ in progresskit.track(range(5), "own"):
                pass
        progresskit.print(f"line {number}")
        from progresskit.processes import _folder, _numbers
        _folder.SUDDEN_SECONDS = _numbers.SUDDEN_SECONDS = 60.0  # on a busy machine
        END
for _ in range(2):
    assert os.wait()[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("end", ["os._exit(0)", "os.execvp('true', ['true'])"])
def test_such_ends_under_run(end: str) -> None:
    """`run` tells the tasks and lines of a fork that ends so."""
    command = [
        sys.executable,
        "-m",
        "progresskit",
        "run",
        "--total",
        "--",
        sys.executable,
        "-c",
        CHILDREN.replace("END", end),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BOUND)
    assert done.returncode == 0, done.stderr
    assert sorted(line for line in done.stderr.splitlines() if line.startswith("line")) == ["line 0", "line 1"]
    assert re.search(r"Total: finished, 6 tasks in .* done 30 items", done.stderr), done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_such_ends_in_a_folder(tmp_path: Path) -> None:
    """The shared folder has the tasks of a fork that ends so."""
    environment = {**os.environ, "PROGRESSKIT_FOLDER": str(tmp_path)}
    subprocess.run(
        [sys.executable, "-c", CHILDREN.replace("END", "os._exit(0)")], check=True, timeout=BOUND, env=environment
    )
    records = [Record.decode(file.read_bytes()) for file in tmp_path.glob("*.progress")]
    assert [record.unseen is not None and record.unseen.tasks for record in records] == [3, 3]


def test_an_exec_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that cannot be run is reported as ever; an interrupt while something is sent keeps neither the rest nor the end."""
    ended: list[object] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    for name in ("execv", "execve"):
        monkeypatch.setattr(os, name, inspect.unwrap(getattr(os, name)))
    monkeypatch.setattr(os, "_exit", lambda status: ended.append(status))
    monkeypatch.setattr(_sudden_ends, "_sends", [])
    _sudden_ends.send_before_sudden_ends(interrupt)
    _sudden_ends.send_before_sudden_ends(lambda: ended.append("sent"))
    with pytest.raises(FileNotFoundError):
        os.execvp("no such program", ["no"])
    assert set(ended) == {"sent"}
    ended.clear()
    os._exit(3)
    assert ended == ["sent", 3]


FORKED_BY_C = """
import ctypes, os, sys
import progresskit
for _ in progresskit.track(range(5), "before"):
    pass
pid = ctypes.PyDLL(None).fork()
if not pid:
    HOOKS
    sys.exit(3)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
"""
HOOKS = """ctypes.pythonapi.PyOS_AfterFork_Child()
    for _ in progresskit.track(range(5), "own"):
        pass
    progresskit.print("line")
"""
ALONE = pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="CPython 3.13 ends a child whose parent has not called the hooks before a fork"
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("hooks, tasks", [pytest.param(HOOKS, 2, marks=ALONE), ("", 1), ("os._exit(3)", 1)])
def test_fork_by_c_code(hooks: str, tasks: int) -> None:
    """A child that C code forks (uWSGI) is a client of its own, if the hooks of the child are called; else it tells nothing twice."""
    code = FORKED_BY_C.replace("HOOKS", hooks)
    command = [sys.executable, "-m", "progresskit", "run", "--total", "--", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BOUND)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert ("line" in done.stderr.splitlines()) == (tasks == 2)
    told = rf"Total: finished, {tasks} tasks? in .* processes? {tasks}, done {5 * tasks} items"
    assert re.search(told, done.stderr), done.stderr
