"""Exits, forks and failing streams, in real processes."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from inpty import Program
from test_troubles import environment

from progresskit._cli.event_log import read


def run(code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = environment(code, **{"PYTHONWARNINGS": "", **environ})
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=env)


def test_exit_with_live_tasks_is_quick_and_clean() -> None:
    done = run("from progresskit import ProgressTracker as P; P('plain').add_task('alpha'); raise SystemExit(3)")
    assert (done.returncode, done.stdout) == (3, "")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_fork_in_a_frame_does_not_hang() -> None:
    """A fork while frames are drawn does not hang and the child draws nothing."""
    code = """
import os, threading
from progresskit import ProgressTracker
with ProgressTracker("json", interval=0.001, budget=1.0) as tracker:
    task = tracker.add_task("alpha", total=100)
    while not tracker.frame().tasks[0].elapsed > 0.2:
        pass
    for _ in range(50):
        pid = os.fork()
        if not pid:
            tracker.add_task("child").advance()
            tracker.print("from the child")
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        task.advance()
print(task.completed)
"""
    done = run(code, PYTHONWARNINGS="ignore")
    assert (done.returncode, done.stdout.strip()) == (0, "50"), done.stderr[-2000:]
    assert "from the child" not in done.stderr


def test_fork_during_an_import_does_not_hang() -> None:
    """A child that is forked while the drawing thread imports a renderer, for longer than a fork waits for a frame, can import it."""
    code = """
import os, signal, sys, threading
from progresskit import ProgressTracker
parent, begun, forking = os.getpid(), threading.Event(), threading.Event()
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "progresskit.renderers.plain" and os.getpid() == parent:
            begun.set()
            forking.wait(60)
            threading.Event().wait(0.5)
sys.meta_path.insert(0, Slow())
with ProgressTracker("plain") as tracker, tracker.add_task("alpha"):
    assert begun.wait(60)
    os.register_at_fork(before=forking.set)
    child = os.fork()
    if not child:
        signal.alarm(30)
        import progresskit.renderers.plain
        os._exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = run(code, PYTHONWARNINGS="ignore")
    assert (done.returncode, done.stdout) == (0, "7\n"), done.stderr


@pytest.mark.parametrize("stream", ["None", "open('/dev/full', 'w')"])
def test_failing_stream_changes_nothing(stream: str) -> None:
    """A stream that fails changes nothing for the job."""
    code = f"""
import sys
from progresskit import ProgressTracker
with ProgressTracker("json", stream={stream}, interval=0.001) as tracker:
    task = tracker.add_task("alpha", total=5)
    while tracker.frame().tasks[0].elapsed < 0.2:
        pass
    task.advance(5)
print(task.state, task.completed)
"""
    done = run(code)
    assert (done.returncode, done.stdout.strip()) == (0, "finished 5"), done.stderr


def test_environment_chooses_and_disable_wins() -> None:
    """The environment chooses the renderer, and PROGRESSKIT_DISABLE goes before it."""
    code = """
import os, threading
from progresskit import ProgressTracker
from progresskit._display.process_hooks import TICKER
with ProgressTracker() as tracker:
    task = tracker.add_task("alpha")
    while not os.environ.get("PROGRESSKIT_DISABLE") and not any(display.drawn for display in TICKER.displays):
        pass
    tracker.print("words")
    if os.environ.get("PROGRESSKIT_DISABLE"): assert threading.active_count() == 1  # Python warns of a fork beside a thread
"""
    assert '"description":"alpha"' in run(code, PROGRESSKIT_RENDERER="json").stderr
    assert "alpha: started" in run(code, PROGRESSKIT_RENDERER="").stderr
    assert run(code, PROGRESSKIT_DISABLE="1").stderr == "words\n"


def test_missing_library_falls_back() -> None:
    """A renderer whose library is missing warns once and falls back."""
    code = "from progresskit import ProgressTracker as P\nfor _ in range(2): print(P()._core.renderer.name)"
    hide = "import sys, importlib.metadata as m\nm.entry_points = lambda **k: ()\n"
    done = run(hide + code, PROGRESSKIT_RENDERER="rich")
    assert done.stdout.split() == ["auto", "auto"]
    assert done.stderr.count('pip install "progresskit[rich]"') == 1


def test_command_lists_renderers_and_runs_the_demo() -> None:
    """The command line lists renderers and runs the demo."""
    done = run("from progresskit._cli.main import main; raise SystemExit(main(['renderers']))")
    assert done.returncode == 0
    assert "chosen here: plain" in done.stdout
    done = run(
        "from progresskit._cli.main import main; raise SystemExit(main(['demo', '--seconds', '0.5', '--renderer', 'json']))"
    )
    assert done.returncode == 0
    ended = {(each.view.description, each.outcome) for each in read(done.stderr.splitlines()).runs[0].tasks.values()}
    assert {("planes.csv", "failed"), ("Files", "finished")} <= ended  # as lines only where a frame has shown it
    done = run("from progresskit._cli.main import main; raise SystemExit(main(['demo', '--renderer', 'nope']))")
    assert done.returncode == 2


def test_ctrl_c_ends_the_demo_at_once() -> None:
    """Ctrl-C ends the demo at once though its threads have an hour to go."""
    connect = "import time; sleep = time.sleep; time.sleep = lambda seconds: sleep(seconds if seconds < 100 else 0.01)"
    code = f"{connect}\nfrom progresskit._cli.main import main; raise SystemExit(main(['demo', '--seconds', '3600']))"
    demo = Program(code, covered=False)
    demo.until("weather.csv")
    demo.kill(signal.SIGINT)
    assert demo.end() == 130
    demo.check_restored()
