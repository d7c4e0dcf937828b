"""A job's result, output and exit status are the same with progress as without, for any streams and any end."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from inpty import Program
from test_troubles import run

from progresskit import ProgressTracker
from progresskit.testing import EmulatedTerminal, ManualTicker

ROOT = str(Path(__file__).parents[2])
JOB = """
import atexit, os, sys
%s
from progresskit import ProgressTracker, track
def say(words):
    text = str(words)
    if sys.stdout is not None: print(text, flush=True)
    else: os.write(report, text.encode() + b"\\n")
atexit.register(lambda: say("exit handlers have run"))
def part(number):
    if number == 30: raise ValueError("a part went wrong")
    return number * 2
with ProgressTracker(interval=0.001, budget=1.0) as tracker:
    task = tracker.add_task("Größe 東京", total=60)
    done = []
    for number in track(range(60), "parts"):
        try: done.append(part(number))
        except ValueError as error: say(error)
        task.advance()
        tracker.print(f"東京 {number}") if not os.environ.get("SILENT") else None
    say(sum(done))
    %s
"""
STREAMS = {
    "standard error is closed": "os.close(2)",
    "standard error is closed in Python": "sys.stderr.close()",
    "no streams at all": "report = os.dup(1); sys.stdin = sys.stdout = sys.stderr = None",
    "a broken pipe": "reading, writing = os.pipe(); os.close(reading); os.dup2(writing, 2)",
    "a full disk": "os.dup2(os.open('/dev/full', os.O_WRONLY), 2)",
    "a full pipe that nobody reads": """
reading, writing = os.pipe(); os.set_blocking(writing, False)
try:
    while os.write(writing, b"x" * 4096): pass
except BlockingIOError: os.set_blocking(writing, True)
os.dup2(writing, 2)""",
    "EAGAIN": """
reading, writing = os.pipe(); os.set_blocking(writing, False)
try:
    while os.write(writing, b"x" * 4096): pass
except BlockingIOError: os.dup2(writing, 2)""",
    "a directory": "os.dup2(os.open('.', os.O_RDONLY), 2)",
    "ASCII": "sys.stderr.reconfigure(encoding='ascii')",
    "an encoding that does not fit": "sys.stderr.reconfigure(encoding='utf-16')",
    "a stream that raises": """
class Raising:
    def __getattr__(self, name): raise RuntimeError(name)
sys.stderr = Raising()""",
}
ENDS = ["pass", "sys.exit(3)", "raise OSError('at the end')", "os._exit(4)", "raise KeyboardInterrupt"]


def ended(stream: str, end: str, **environ: str) -> tuple[int, str]:
    env = {**os.environ, "PYTHONPATH": ROOT, **environ}
    for name in ("PROGRESSKIT_RENDERER", "PROGRESSKIT_STREAM"):
        env.pop(name, None)
    code = JOB % (stream, end)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, env=env)
    return done.returncode, done.stdout.decode()


@cache
def without(stream: str, end: str) -> tuple[int, str]:
    return ended(stream, end, PROGRESSKIT_DISABLE="1", SILENT="1")


@pytest.mark.slow
@pytest.mark.parametrize("stream", STREAMS)
def test_a_job_ends_as_it_does_without_progress(stream: str) -> None:
    # Python itself writes a traceback, and waits forever if it is not read.
    ends = [end for end in ENDS if "raise" not in end] if "nobody" in stream else ENDS
    for end in ends:
        found = ended(STREAMS[stream], end)
        assert found == without(STREAMS[stream], end), end
        assert "3480\n" in found[1]


def test_odd_stream_and_a_failing_job() -> None:
    """A failing stream changes nothing for a job that fails."""
    stream = STREAMS["a broken pipe"]
    assert ended(stream, "sys.exit(3)") == (3, "a part went wrong\n3480\nexit handlers have run\n")


SUBPROCESSES = """
import os, signal, subprocess, sys, threading
from progresskit import ProgressTracker
ends = threading.Event()
with ProgressTracker("json", interval=0.0005, budget=1.0) as tracker:
    task = tracker.add_task("alpha")
    def count():
        while not ends.is_set(): task.advance()
    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads: thread.start()
    codes = []
    for number in range(3):
        codes.append(subprocess.run(["/bin/sh", "-c", "exit 3"]).returncode)  # vfork, or posix_spawn
        codes.append(subprocess.run(["/bin/sh", "-c", "exit 3"], close_fds=False).returncode)
        codes.append(subprocess.run(["/bin/sh", "-c", "exit 3"], preexec_fn=os.getpid).returncode)  # fork
        pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 3"], {})
        codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        codes.append(os.waitstatus_to_exitcode(os.system("exit 3")))
    ends.set()
    for thread in threads: thread.join()
print(set(codes), len(codes))
"""


def test_programs_started_in_every_way() -> None:
    """A job that starts programs in every way while frames are drawn."""
    done = run(SUBPROCESSES)
    assert (done.returncode, done.stdout) == (0, "{3} 15\n"), done.stderr[-2000:]


WORDS = """
import logging, sys, threading, time, warnings
from progresskit import LogHandler, ProgressTracker
logging.basicConfig(format="%(levelname)s %(message)s")
warnings.simplefilter("always")
with ProgressTracker("ansi", interval=0.002, budget=1.0) as tracker:
    with tracker.capture(stdout=True, stderr=True, quiet=QUIET):
        task = tracker.add_task("alpha", total=3)
        while not tracker._core.ticker.displays or not tracker._core.ticker.displays[0].drawn: time.sleep(0.001)
        print("one", end="")
        print(" and a half")
        task.advance()
        logging.error("two")
        time.sleep(0.01)
        warnings.warn("three")
        task.advance()
        print("four", file=sys.stderr)
        sys.stdout.buffer.write(b"five\\n")
        logging.getLogger("orders").addHandler(LogHandler())
        logging.getLogger("orders").propagate = False
        logging.getLogger("orders").error("six") if not QUIET else None
        print("\\x1b[2Jseven")
        task.advance()
"""


def test_prints_logs_and_warnings_in_order() -> None:
    """Prints, logs and warnings are above the bars in order."""
    program = Program(WORDS.replace("QUIET", "False"), PYTHONWARNINGS="default")
    assert program.end() == 0
    rows = [row for row in program.everything if "warnings.warn(" not in row]  # the line of source that a warning shows
    assert rows[:2] == ["one and a half", "ERROR two"], rows
    assert rows[2].endswith("UserWarning: three")
    assert rows[3:7] == ["four", "five", "six", "seven"]
    assert [row.split()[:2] for row in rows[7:]] == [["✓", "alpha"]]
    program.check_restored()


def test_quiet_shows_nothing_but_bars() -> None:
    """With `quiet`, only bars reach the screen."""
    program = Program(WORDS.replace("QUIET", "True"), PYTHONWARNINGS="default")
    assert program.end() == 0
    assert [row.split()[:2] for row in program.everything] == [["✓", "alpha"]]
    assert not any(word in program.sent for word in (b"half", b"two", b"three", b"four", b"five", b"seven"))
    program.check_restored()


@pytest.mark.parametrize("renderer", ["ansi", "tqdm", "rich", "alive", "plain", "json", "none"])
@pytest.mark.parametrize("size", [(0, 0), (1, 1), (1, 24), (2, 2), (10_000, 1), (10_000, 400)])
def test_window_of_any_size(renderer: str, size: tuple[int, int]) -> None:
    """A window of any size is drawn on by every renderer."""
    if renderer in ("tqdm", "rich", "alive"):
        pytest.importorskip(f"progresskit_{renderer}", reason=f"progresskit-{renderer} is not installed here")
    ticker, terminal = ManualTicker(), EmulatedTerminal(100, 10)
    terminal.feed = terminal.output.append  # type: ignore[method-assign]  # a screen of this size costs seconds
    terminal.size = lambda: size  # type: ignore[method-assign]
    with ProgressTracker(renderer, terminal=terminal, ticker=ticker) as tracker:
        tasks = [tracker.add_task(f"alpha {number}", total=2) for number in range(3)]
        ticker.tick()
        tracker.print("words")
        tasks[0].finish()
        tasks[1].fail("a reason")
        ticker.tick()
    assert tasks[2].state == "cancelled"
    assert "words" in "".join(terminal.output)
    assert "renderer failed" not in "".join(terminal.output)


def test_pty_without_columns_has_eighty() -> None:
    """A pty that reports no columns counts as one of eighty columns."""
    program = Program("""
import fcntl, struct, termios
fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
from progresskit import ProgressTracker
with ProgressTracker("ansi", interval=0.001) as tracker:
    task = tracker.add_task("alpha", total=1)
    while not tracker._core.ticker.displays or not tracker._core.ticker.displays[0].drawn: pass
    task.advance()
""")
    assert program.end() == 0
    assert "alpha" in program.rows[0]
    assert 60 < len(program.rows[0]) < 80
    program.check_restored()


IN_ORDER = """
import os, sys
import progresskit as pk
for n in pk.track(range(3), "Files"):
    pk.print("a", n)
    print("b", n, file=sys.stderr)
    os.write(2, b"c %d\\n" % n)
pk.print("d")
os.write(2, b"e\\n")
with pk.ProgressTracker() as tracker:
    task = tracker.add_task("Rows", total=1, keep=True)
    tracker.print("f", "\\x1b[31mred\\x1b[0m")
    task.finish()
    tracker.print("g")
    os.write(2, b"h\\n")
"""


@pytest.mark.parametrize("renderer", ["plain", "none", "off"])
def test_words_in_a_log(renderer: str) -> None:
    """A line of `tracker.print` is where `print` would have put it, and after the lines of tasks that ended before."""
    variable = {"PROGRESSKIT_DISABLE": "1"} if renderer == "off" else {"PROGRESSKIT_RENDERER": renderer}
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | variable
    done = subprocess.run(
        [sys.executable, "-c", IN_ORDER], stderr=subprocess.PIPE, text=True, timeout=60, env=env, cwd=ROOT
    )
    lines = [line for line in done.stderr.splitlines() if "started" not in line]
    expected = [f"{letter} {n}" for n in range(3) for letter in "abc"] + ["d", "e", "f red", "g", "h"]
    if renderer == "plain":
        at = next(index for index, line in enumerate(lines) if line.startswith("Rows: finished"))
        assert at == expected.index("g")
        del lines[at]
    assert [line for line in lines if not line.startswith("Files")] == expected
