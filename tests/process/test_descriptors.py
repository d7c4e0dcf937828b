"""Output of C code, programs and forked children on a terminal with rows: in a real pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import sys
import tempfile
import termios
import threading
from pathlib import Path

import pytest
from inpty import Program
from seen import until_true

from progresskit._display.relay_descriptors import OwnDescriptors
from progresskit._display.relay_keeper import Keeper
from progresskit._display.relay_spool import Spool

HEAD = """
import ctypes, multiprocessing, os, signal, subprocess, sys, time
from progresskit import ProgressTracker, track
libc = ctypes.CDLL(None)
def puts(words): libc.puts(words.encode()); libc.fflush(None)
def run(code): subprocess.run([sys.executable, "-S", "-c", code])
def rows_stand():
    until = time.monotonic() + 30
    while not (tracker._core.display and tracker._core.display.renderer.standing) and time.monotonic() < until: time.sleep(0.005)
    assert tracker._core.display.renderer.standing
"""

ORDER = (
    HEAD
    + """
before = [os.fstat(fd) for fd in (1, 2)]
with ProgressTracker(capture="descriptors") as tracker:
    for n in tracker.track(range(2), "Files"):
        rows_stand()
        print("python", n)
        os.system("echo shell; echo error >&2; test -t 1 && test -t 2 && echo terminal")
        print("after")
        puts("libc")
        print("begun, ", end="", flush=True)
        run("import sys, os; sys.stdout.write('half '); sys.stdout.flush(); print('whole', os.get_terminal_size(1)[:])")
        print("ended")
        tracker.print("tracker")
        os.write(2, b"bytes\\n")
    os.system("echo between")
assert all(os.path.samestat(os.fstat(fd), before[fd - 1]) for fd in (1, 2))
os.system("echo over")
with ProgressTracker(capture="descriptors") as a, ProgressTracker(capture="descriptors") as b:
    one, two = a.add_task("Alpha", total=2), b.add_task("Beta", total=2)
    tracker = a; rows_stand()
    os.system("echo both")
    b.stop()
    os.system("echo one")
    file = os.open(os.devnull, os.O_WRONLY)
    os.dup2(file, 2)
assert os.path.samestat(os.fstat(1), before[0]) and os.path.samestat(os.fstat(2), os.fstat(file))
"""
)


def test_order() -> None:
    """Lines of all writers are whole and in order; terminals stay terminals, and all descriptors are restored, except
    those that other code has replaced."""
    program = Program(ORDER)
    assert program.end() == 0, program.everything
    rows = [row for row in program.everything if "Files" not in row and "lpha" not in row and "Beta" not in row]
    expected = []
    for n in range(2):
        expected += [f"python {n}", "shell", "error", "terminal", "after", "libc"]
        expected += ["begun, half whole (80, 24)", "ended", "tracker", "bytes"]
    assert rows == [*expected, "between", "over", "both", "one"]
    program.check_restored()


DEATH = (
    HEAD
    + """
job = '''%s
with ProgressTracker(capture="descriptors") as tracker:
    tracker.add_task("Files", total=2); rows_stand()
    os.system("echo shell; printf 'begun, '")
    puts("the last words")
    %s
'''
status = subprocess.run([sys.executable, "-c", job]).returncode
print("status", status)
sys.stdin.readline()
"""
)


@pytest.mark.parametrize(
    ("end", "status"),
    [("os._exit(3)", 3), ("os.kill(os.getpid(), 9)", -9), ("os.execv('/bin/echo', ['echo', 'new'])", 0), ("1 / 0", 1)],
    ids=["exit", "kill", "exec", "error"],
)
def test_death(end: str, status: int) -> None:
    """However a job ends, its earlier output on descriptors reaches the terminal."""
    program = Program(DEATH % (HEAD, end))
    for words in ("the last words", "status"):
        program.until(words)
    os.write(program.fd, b"\n")
    assert program.end() == 0
    text = "\n".join(program.everything)
    assert f"status {status}" in text
    counts = {text.count("shell"), text.count("begun, the last words")}
    assert counts <= {1, 2}, f"a line whose frame was just on its way may be written again: {program.everything}"
    assert counts == {1} or status != 1
    assert ("new" in text) == ("echo" in end)


OUTLIVES = (
    HEAD
    + """
ours, theirs = os.pipe(); os.set_inheritable(theirs, True)
job = '''%s
ours, theirs = os.pipe(); os.set_inheritable(ours, True); os.set_inheritable(int(sys.argv[1]), True)
with ProgressTracker(capture="descriptors") as tracker:
    tracker.add_task("Files", total=2); rows_stand()
    command = "echo beside; read x <&%%d; echo after the rows; read x <&%%d; echo after the job" %% (ours, ours)
    subprocess.Popen(command, shell=True, close_fds=False)
    time.sleep(0.2)
os.write(theirs, b"1\\\\n"); time.sleep(0.3)
print("job ends", flush=True)
os.write(theirs, b"2\\\\n")
os._exit(0)
'''
pid = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-W", "ignore", "-c", job, str(theirs)])
os.close(theirs)
os.waitpid(pid, 0)
while os.read(ours, 1): pass
sys.stdin.readline()
"""
)


def test_outlives() -> None:
    """A program that outlives the rows and the job continues to write to the terminal."""
    program = Program(OUTLIVES % HEAD)
    program.until("after the job")
    os.write(program.fd, b"\n")
    assert program.end() == 0
    text = "\n".join(program.everything)
    assert [text.count(words) for words in ("beside", "after the rows", "job ends")] == [1, 1, 1]
    assert text.count("after the job") in (1, 2), "what was on its way as the job ended may be written again"
    assert text.index("beside") < text.index("after the rows") < text.index("after the job")


QUESTION = (
    HEAD
    + """
terminal = os.ttyname(1)
with ProgressTracker(capture="descriptors") as tracker:
    tracker.add_task("Files", total=2); rows_stand()
    assert os.ttyname(1) != terminal
    os.system("echo before")
    print("answer", input("name? "))
    rows_stand()
    with tracker.hidden():
        assert os.ttyname(1) == os.ttyname(2) == terminal
        os.system("echo hidden; printf 'no end'")
    rows_stand()
    os.system("printf 'go on? '; read x; echo got $x")
    size = "import os, signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGWINCH}); print('look', flush=True)\\n"
    size += "while os.get_terminal_size(1) != (100, 30): signal.sigwait({signal.SIGWINCH})\\nprint('resized')"
    run(size)
"""
)


def test_questions_and_sizes() -> None:
    """Code that asks has the terminal itself; a program's question is visible; a new size is passed on, with its signal."""
    program = Program(QUESTION)
    program.until("name? ")
    assert "before" in program.rows and not any("Files" in row for row in program.rows)
    os.write(program.fd, b"Ada\n")
    program.until("go on? ")
    os.write(program.fd, b"yes\n")
    program.until("look")
    program.screen.resize(30, 100)
    fcntl.ioctl(program.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    assert program.end() == 0
    text = "\n".join(program.everything)
    for words in ("before", "name? Ada", "answer Ada", "hidden", "no end", "go on?", "got yes", "resized"):
        assert text.count(words) == 1, (words, text)


ALONE = (
    HEAD
    + """
with ProgressTracker(capture="descriptors") as tracker:
    tracker.add_task("Files", total=2); rows_stand()
    os.system("echo before")
    input("ready? ")
    rows_stand()
    os.system("printf 'go on? '; read x; echo got $x")
"""
)


def stop_between_moves(keeper: int) -> None:
    """Stop the process `keeper` while it does not hold the lock of the words, which the job would wait for."""
    while True:
        os.kill(keeper, signal.SIGSTOP)
        until_true(lambda: Path(f"/proc/{keeper}/stat").read_text().rpartition(")")[2].split()[0] == "T")
        if not any(line.split()[4] == str(keeper) for line in Path("/proc/locks").read_text().splitlines()):
            return
        os.kill(keeper, signal.SIGCONT)


@pytest.mark.skipif(sys.platform != "linux", reason="the keeper is found in /proc")
def test_question_that_a_frame_moves() -> None:
    """A program's question is shown where frames move its words before the keeper does, which then does not ring."""
    program = Program(ALONE)
    program.until("ready? ")
    processes = [path for path in Path("/proc").iterdir() if path.name.isdigit()]
    keepers = [int(path.name) for path in processes if is_keeper(path, program.pid)]
    assert len(keepers) == 1
    stop_between_moves(keepers[0])
    try:
        os.write(program.fd, b"\n")
        program.until("go on? ")
    finally:
        os.kill(keepers[0], signal.SIGCONT)
    os.write(program.fd, b"yes\n")
    assert program.end() == 0
    assert "\n".join(program.everything).count("got yes") == 1


def is_keeper(path: Path, job: int) -> bool:
    """Return whether a process, a folder of /proc, is the keeper of `job`'s relay: its last argument is the job's group."""
    try:
        command = (path / "cmdline").read_bytes().split(b"\0")
        return command[1:4] == [b"-I", b"-S", b"-c"] and command[-2] == b"%d" % os.getpgid(job)
    except OSError:  # it has ended
        return False


LOCKED = (
    HEAD
    + """
locking = ctypes.PyDLL(None)  # keeps the interpreter's lock while it writes
with ProgressTracker(capture="descriptors") as tracker:
    tracker.add_task("Files", total=2); rows_stand()
    line = b"a line of C code that fills what the kernel keeps\\n"
    assert locking.write(1, line * 4000, len(line) * 4000) == len(line) * 4000
    print("over")
"""
)


def test_c_code_that_keeps_the_lock() -> None:
    """C code may write more than the kernel buffers while it holds the GIL, without waiting for a thread of
    progresskit's."""
    program = Program(LOCKED)
    while program.read():
        program._stream.feed = lambda data: None  # type: ignore[method-assign]  # an emulator takes half a minute for it
    os.waitpid(program.pid, 0)
    assert program.sent.count(b"a line of C code") == 4000
    assert program.sent.rindex(b"a line of C code") < program.sent.index(b"over")


FORKS = (
    HEAD
    + """
def work(n): print("process", n, sys.stdout.isatty()); os.system("echo below process %d" % n)
context = multiprocessing.get_context("fork")
tracker = ProgressTracker()
for n in tracker.track(range(3), "Files"):
    rows_stand()
    pid = os.fork()
    if not pid:
        print("child", n); os.system("echo below child %d" % n); print("half, ", end=""); sys.stdout.flush(); puts("libc")
        for _ in track(range(2), "the child's"): print("looped")
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(pid, 0)
    print("parent", n)
    process = context.Process(target=work, args=(n,)); process.start(); process.join()
    print("joined", n)
pid = os.fork()
if not pid: print("afterwards"); sys.stdout.flush(); os._exit(0)
os.waitpid(pid, 0)
"""
)


def test_forked_children() -> None:
    """Output of a forked child and of its programs goes above the parent's rows, in order, without set-up."""
    program = Program(FORKS)
    assert program.end() == 0, program.everything
    rows = [row for row in program.everything if "Files" not in row]
    expected = []
    for n in range(3):
        expected += [f"child {n}", f"below child {n}", "half, libc", "looped", "looped", f"parent {n}"]
        expected += [f"process {n} True", f"below process {n}", f"joined {n}"]
    assert rows == [*expected, "afterwards"]
    program.check_restored()


REFUSED = (
    """
import threading
from pathlib import Path
begin = threading.Thread.start
def refuse(self): raise RuntimeError("can't start new thread")
threading.Thread.start = refuse
"""
    + HEAD
    + """
with ProgressTracker(capture="descriptors") as tracker:
    for n in tracker.track(range(3), "Files"): print("first", n)
    os.system("echo shell")
before = os.listdir("/dev/fd")
threading.Thread.start = begin
sys.frozen = True
with ProgressTracker(capture="descriptors") as tracker:
    for n in tracker.track(range(3), "Files"): print("again", n)
assert len(os.listdir("/dev/fd")) <= len(before) + 4, "a display's own may live on for a moment"
del sys.frozen
sys.executable = "/bin/false"
with ProgressTracker(capture="descriptors") as tracker:
    tracker.add_task("Files", total=2)
    os.system("echo without a keeper; seq -s, 1 3000; echo all")
"""
)


def test_where_it_cannot_be() -> None:
    """Without a thread, or in a frozen program, one sentence says so, and what Python writes is captured. A keeper that does not begin,
    or is killed, changes nothing."""
    program = Program(REFUSED, PYTHONWARNINGS="always")
    assert program.end() == 0, program.everything
    text = "".join(program.everything)
    assert "2999,3000all" in text
    for words in ("first 0", "first 2", "shell", "again 2", "can't start new thread", "no Python to run", "a keeper"):
        squeezed = words.replace(" ", "")  # a line may have wrapped at a blank
        assert text.replace(" ", "").count(squeezed) == 1, text


HANDED_OVER = """
import os, sys
from progresskit import ProgressTracker
from progresskit._display import capture as capturing
from progresskit.testing import ManualTicker
trackers = [ProgressTracker(ticker=ManualTicker(), capture=False) for _ in range(2)]
for tracker in trackers:
    tracker.add_task("Files")
first, second = captures = [capturing.Capture(tracker._core, automatic=True).start() for tracker in trackers]
capturing.relay_forks()
capturing.forked()
relay = first.relay
assert relay is second.relay
os.write(relay.slave, b"before\\n")
relay.drain()
drain_all = relay.drain_all
def drain_more():  # as a program that writes meanwhile
    os.write(relay.slave, b"after\\n")
    drain_all()
relay.drain_all = drain_more
second.stop()
lines = list(trackers[0]._core.lines.items)
first.stop()
print(lines)
"""


def test_order_where_a_capture_ends() -> None:
    """If a tracker leaves its terminal to another one, its remaining words come before later ones."""
    program = Program(HANDED_OVER)
    assert program.end() == 0, program.rows
    assert program.rows[-1] == "['before', 'after']", program.rows


def test_threads_ask_for_unread_bytes() -> None:
    """Several threads, one of them the job's, may ask at the same time whether a program has written something."""
    own, (ours, theirs) = OwnDescriptors(), os.openpty()
    spool = Spool(own, ours)
    errors: list[Exception] = []

    def ask() -> None:
        try:
            for _ in range(3_000):
                assert not spool.has_unread_bytes
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors
        os.write(theirs, b"words")
        assert spool.has_unread_bytes
    finally:
        own.close_all()
        os.close(ours)
        os.close(theirs)


def test_keeper_of_a_job_that_dies() -> None:
    """What was not shown is written too where a job's end of the pseudo-terminal is closed before its pipe to the keeper is."""
    (ours, theirs), (alive, held), (heard, rings), (shown, terminal) = os.openpty(), os.pipe(), os.pipe(), os.pipe()
    with tempfile.TemporaryFile() as file:
        file.write(b"the last words")
        file.flush()
        file.seek(0)
        os.set_blocking(ours, False)
        keeper = threading.Thread(target=Keeper(ours, file.fileno(), alive, rings, terminal, 0).run)
        os.close(theirs)
        keeper.start()
        rung = b""
        while len(rung) < 2:  # as it begins, and when it has seen that nobody holds the other end
            rung += os.read(heard, 2)
        os.close(held)
        keeper.join()
    os.close(terminal)
    assert os.read(shown, 100).endswith(b"the last words")
    for descriptor in (ours, alive, heard, shown):
        os.close(descriptor)
