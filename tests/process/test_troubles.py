"""With failing renderers and streams, forks and greenlets, the job continues. Each process has a time-out."""

from __future__ import annotations

import _thread
import os
import re
import subprocess
import sys
import threading
import time
from collections import deque
from operator import call
from pathlib import Path

import pytest
from inpty import Program

from progresskit import ProgressTracker
from progresskit._display.terminal import StreamTerminal
from progresskit._display.ticker import ThreadTicker
from progresskit.testing import EmulatedTerminal, ManualTicker, RecordingRenderer

ROOT = Path(__file__).parents[2]


def environment(code: str, traced: bool = True, **environ: str) -> dict[str, str]:
    """Return the environment for `code`: where it forks, coverage stays out, whose own lock a child may find taken."""
    traced = traced and not ("fork" in code or "preexec_fn" in code)
    kept = {name: value for name, value in os.environ.items() if traced or not name.startswith("COV")}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", **environ}


def run(code: str, traced: bool = True) -> subprocess.CompletedProcess[str]:
    env = environment(code, traced)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=env)


@pytest.mark.parametrize("error", [OSError, SystemExit, GeneratorExit])
@pytest.mark.parametrize("verb", ["start", "render", "write", "stop"])
def test_raising_renderer_gives_way(verb: str, error: type[BaseException]) -> None:
    """A renderer that raises is replaced, with one warning."""

    def fail(*_: object) -> None:
        raise error("broken")

    renderer, terminal, ticker = RecordingRenderer(), EmulatedTerminal(), ManualTicker()
    setattr(renderer, verb, fail)
    with ProgressTracker(renderer, terminal=terminal, ticker=ticker) as tracker:
        task = tracker.add_task("alpha", total=2)
        tracker.print("words")
        ticker.tick()
        task.advance(2)
    assert task.state == "finished"
    assert sum("renderer failed" in row for row in terminal.text) == 1
    if verb != "stop":
        assert sum(row == "words" for row in terminal.text) == 1


def test_stop_within_a_renderer() -> None:
    """A stop from within a renderer does not wait for itself."""
    stopped = threading.Event()

    class Stopping(RecordingRenderer):
        def render(self, frame: object) -> None:
            tracker.stop()
            stopped.set()

    tracker = ProgressTracker(Stopping(), terminal=EmulatedTerminal(), interval=0.01, ticker=ThreadTicker(patience=60))
    tracker.add_task("alpha")
    assert stopped.wait(30)


@pytest.mark.parametrize(
    "stream",
    ["sys.stderr.close() or sys.stderr", "Raising()", "Ascii()", "os.fdopen(broken, 'w')", "os.fdopen(full, 'w')"],
)
def test_odd_stream_keeps_result_and_status(stream: str) -> None:
    """A failing stream changes neither result nor status."""
    done = run(
        f"""
import io, os, sys
from progresskit import ProgressTracker
class Raising:
    encoding = "utf-8"
    def write(self, text): raise RuntimeError("no")
    def isatty(self): raise RuntimeError("no")
    def fileno(self): raise RuntimeError("no")
class Ascii(io.TextIOWrapper):
    def __init__(self): super().__init__(io.BytesIO(), encoding="ascii")
    def isatty(self): return True
read, broken = os.pipe(); os.close(read)
kept, full = os.pipe(); os.set_blocking(full, False)
try:
    while True: os.write(full, b"x" * 4096)
except BlockingIOError: os.set_blocking(full, True)
stream = {stream}
with ProgressTracker("plain", stream=stream, interval=0.001, budget=1.0) as tracker:
    for number in range(50):
        with tracker.add_task("Größe 東京", total=1) as task:
            tracker.print("東京")
            task.advance()
print(task.state)
os._exit(0) if stream is not None else None
""".replace("print(task.state)", "print(task.state, flush=True)")
    )
    assert (done.returncode, done.stdout) == (0, "finished\n"), done.stderr


def test_restored_sigpipe_does_not_kill() -> None:
    """A broken pipe does not kill a job that has restored the signal."""
    done = run("""
import os, signal
from progresskit import ProgressTracker
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
read, write = os.pipe(); os.close(read)
with ProgressTracker("plain", stream=os.fdopen(os.dup(write), "w"), interval=0.001) as tracker:
    tracker.add_task("alpha").advance()
print("done")
""")
    assert (done.returncode, done.stdout) == (0, "done\n")


def test_no_child_process_inherits_the_descriptor() -> None:
    done = run("""
import subprocess, sys, time, os
from progresskit import ProgressTracker
with ProgressTracker("json", interval=0.001) as tracker:
    tracker.add_task("alpha")
    from progresskit._display.process_hooks import TICKER
    while not TICKER.displays: time.sleep(0.001)
    fd = TICKER.displays[0].terminal.fd
    assert fd > 2 and not os.get_inheritable(fd)
    code = f"import os\\ntry: os.fstat({fd})\\nexcept OSError: print('closed')"
    subprocess.run([sys.executable, "-c", code], close_fds=False, check=True)
""")
    assert (done.returncode, done.stdout) == (0, "closed\n"), done.stderr


def test_two_hundred_threads_with_trackers() -> None:
    """Two hundred threads with trackers of their own."""
    done = run("""
import threading
from progresskit import ProgressTracker
def work():
    with ProgressTracker("plain", interval=0.01) as own:
        with own.add_task("alpha", total=10) as task:
            for _ in range(10): task.advance(); shared.advance()
with ProgressTracker("plain", interval=0.01) as tracker:
    shared = tracker.add_task("shared", total=2000)
    threads = [threading.Thread(target=work, daemon=n % 2 == 0) for n in range(200)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
print(shared.completed, shared.state)
""")
    assert (done.returncode, done.stdout) == (0, "2000 finished\n"), done.stderr[-2000:]


@pytest.mark.slow
def test_frames_under_gevent() -> None:
    """Under gevent frames are drawn while a greenlet computes."""
    pytest.importorskip("gevent", reason="gevent is not installed in this environment")
    done = run("""
from gevent import monkey; monkey.patch_all()
import gevent, time
from progresskit import ProgressTracker
from progresskit.testing import RecordingRenderer
renderer = RecordingRenderer()
with ProgressTracker(renderer, interval=0.01, budget=1.0) as tracker:
    task = tracker.add_task("alpha")
    ends = time.monotonic() + 30
    while len(renderer.frames) < 3 and time.monotonic() < ends: task.advance()  # never yields
    gevent.joinall([gevent.spawn(lambda: (gevent.sleep(0.001), task.advance())) for _ in range(50)])
assert len(renderer.frames) >= 3
print("done")
""")
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


@pytest.mark.skipif(
    "free-threading" in sys.version, reason="the interpreter empties all modules before it frees the main one's objects"
)
def test_a_finaliser_at_the_very_end_may_use_tasks() -> None:
    done = run("""
from progresskit import ProgressTracker
tracker = ProgressTracker("plain", interval=0.01)
task = tracker.add_task("alpha")
class Late:
    def __del__(self, tracker=tracker, task=task):
        tracker.print("late"); tracker.add_task("beta").advance(); task.advance(); tracker.stop()
late = Late()
raise SystemExit(5)
""")
    assert done.returncode == 5
    assert "Traceback" not in done.stderr


def test_asyncio_with_a_task_group_and_a_cancellation() -> None:
    done = run("""
import asyncio
from progresskit import ProgressTracker
async def work(name, fail):
    with tracker.add_task(name, total=2) as task:
        states.append(task)
        await asyncio.sleep(0)
        if fail: raise OSError("gone")
        await asyncio.sleep(60)
states = []
async def main():
    async with asyncio.TaskGroup() as group:
        for n in range(5): group.create_task(work(f"part {n}", n == 4))
with ProgressTracker("plain", interval=0.001) as tracker:
    try: asyncio.run(main())
    except* OSError: pass
print([task.state for task in states])
""")
    assert (done.returncode, done.stdout) == (0, f"{['cancelled'] * 4 + ['failed']}\n"), done.stderr


def test_forked_child_prints_past_the_capture() -> None:
    """A forked child prints past its parent's capture."""
    done = run("""
import os, sys
from progresskit import ProgressTracker
with ProgressTracker("json", interval=0.001) as tracker, tracker.capture(stdout=True):
    tracker.add_task("alpha")
    pid = os.fork()
    if not pid:
        print("from the child", flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
""")
    assert (done.returncode, done.stdout) == (0, "from the child\n"), done.stderr


@pytest.mark.parametrize("columns", [0, 1, 10_000])
def test_a_terminal_of_any_width_is_drawn_on(columns: int) -> None:
    ticker, terminal = ManualTicker(), EmulatedTerminal(columns=max(columns, 1))
    terminal.size = lambda: (columns, 24)  # type: ignore[method-assign]
    with ProgressTracker("ansi", terminal=terminal, ticker=ticker) as tracker:
        task = tracker.add_task("alpha", total=2)
        ticker.tick()
        task.advance(2)
        ticker.tick()
    assert task.state == "finished"
    assert not any("renderer failed" in row for row in terminal.text)


def test_names_of_tests() -> None:
    """The fault matrix names tests that exist, and no test's name is longer than 50 characters: its docstring has the claim."""
    named = re.findall(r"`(test_\w+)`", (ROOT / "docs" / "faults.md").read_text("utf-8"))
    code = "\n".join(
        path.read_text("utf-8") for room in ("tests", "progresskit") for path in (ROOT / room).rglob("*.py")
    )
    assert [name for name in re.findall(r"^ *(?:async )?def (test_\w+)", code, re.MULTILINE) if len(name) > 50] == []
    assert len(named) >= 25
    assert [name for name in named if f"def {name}(" not in code] == []


UNSTOPPED = """
import time
import progresskit as pk
trackers = [pk.ProgressTracker() for _ in range(300)]
for number, tracker in enumerate(trackers):
    tracker.add_task(f"task {number}", total=10).advance(3)
while not any(display.drawn for display in tracker._core.ticker.displays): time.sleep(0.001)
"""


@pytest.mark.slow
def test_slow_terminal_is_still_sent_the_end() -> None:
    """A slow terminal that is given up half-way is still sent the end.

    300 trackers that were not stopped, some 60 kB a second: the cursor is shown and no mode is left set.
    """
    program = Program(UNSTOPPED, columns=150, lines=60)
    sent = b""
    while True:
        try:
            data = os.read(program.fd, 600)
        except OSError:  # Linux's word for the end of a pty
            break
        sent += data
        time.sleep(0.01)  # the pace of a slow line
    program.sent = sent
    program._stream.feed(sent)
    os.close(program.fd)
    assert os.waitstatus_to_exitcode(os.waitpid(program.pid, 0)[1]) == 0
    program.check_restored()
    assert sent.rfind(b"\x1b[?25l") < sent.rfind(b"\x1b[?25h")


def test_ctrl_c_while_a_terminal_is_freed() -> None:
    """The Ctrl-C that comes while a terminal which nobody has closed is freed is raised, and the descriptor is given back."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        terminals = [StreamTerminal(stream, {})]
        descriptor = terminals[0].fd
        assert descriptor is not None
        with pytest.raises(KeyboardInterrupt):
            deque(map(call, [_thread.interrupt_main, terminals.clear]), 0)  # in C: no instruction between the two
    os.close(reading)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
