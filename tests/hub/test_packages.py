"""Claims about workers that are started by copies of multiprocessing, and by ways around it."""

from __future__ import annotations

import multiprocessing
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from progresskit._tracking.multiprocessing_hook import is_child_of

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
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


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
    assert lines[2].startswith("35 ✓ 7 tasks, 21 items in ")


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
    assert lines[0] == "5" and lines[1].startswith("5 ✓ 1 task, 3 items in ")


def test_workers_under_gevent(tmp_path: Path) -> None:
    """Under gevent, what a worker has sent is there once it has been joined."""
    pytest.importorskip("gevent", reason="gevent is not installed in this environment")
    lines = played(
        tmp_path,
        "import multiprocessing" + WRAPPED.partition("multiprocessing")[2],
        "from gevent import monkey; monkey.patch_all()\n",
    )
    assert lines[0] == "5" and lines[1].startswith("5 ✓ 1 task, 3 items in ")
