"""Claims about `progresskit run`, with real commands in a real terminal: rows, lines, exit statuses, signals, killed processes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from select import select

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from screens import children, ended

from progresskit._cli.pty_keeper import PtyKeeper
from progresskit._text.line_splitter import Lines, last_state, last_states
from progresskit.processes._marks import PREFIX, MarkReader
from progresskit.renderers._region import BEGIN, END

RUN = [sys.executable, "-m", "progresskit", "run"]
ROOT = str(Path(__file__).parents[2])
JOB = """
import os, sys, time
from progresskit import ProgressTracker
with ProgressTracker() as tracker:
    with tracker.add_task(sys.argv[1], total=10) as task:
        task.advance(3)
        tracker.print("line of", sys.argv[1])
        while not os.path.exists(sys.argv[2]): time.sleep(0.01)
        task.advance(7)
"""


def environment() -> dict[str, str]:
    environ = {**os.environ, "TERM": "xterm", "PYTHONPATH": ROOT}
    for name in ("CI", "PROGRESSKIT_HUB", "PROGRESSKIT_RENDERER", "COLUMNS", "LINES"):
        environ.pop(name, None)
    return environ


class Terminal:
    """A command in a terminal of its own, whose screen an emulator keeps."""

    def __init__(self, *command: str) -> None:
        self.screen = pyte.HistoryScreen(100, 24, history=1000, ratio=0.5)
        self._stream = pyte.ByteStream(self.screen)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))
            os.execve(command[0], list(command), environment())
        self.status: int | None = None

    def read(self, timeout: float = 0.0) -> bool:
        """Return whether there was something."""
        try:
            data = os.read(self.fd, 65536) if select([self.fd], [], [], timeout)[0] else b""
        except OSError:  # Linux's word for the end of a pty
            return False
        self._stream.feed(data)
        return bool(data)

    def until(self, *words: str) -> list[str]:
        end = time.monotonic() + 60
        while not all(any(word in row for row in self.rows) for word in words):
            assert time.monotonic() < end, self.rows
            self.read(0.2)
        return self.rows

    @property
    def rows(self) -> list[str]:
        return [row.rstrip() for row in self.screen.display if row.strip()]

    def type(self, data: bytes) -> None:
        os.write(self.fd, data)

    def wait(self) -> int:
        """Return the exit status; below 0 a signal's number."""
        end = time.monotonic() + 60
        while self.status is None:
            assert time.monotonic() < end, self.rows
            self.read(0.02)
            found, status = os.waitpid(self.pid, os.WNOHANG)
            if found:
                self.status = os.waitstatus_to_exitcode(status)
        while self.read(0.05):
            pass
        assert (self.screen.cursor.x, self.screen.cursor.hidden) == (0, False)
        return self.status

    def close(self) -> None:
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.fixture
def terminal() -> Iterator[type[Terminal]]:
    made: list[Terminal] = []

    class Made(Terminal):
        def __init__(self, *command: str) -> None:
            super().__init__(*command)
            made.append(self)

    yield Made
    for each in made:
        each.close()


@pytest.fixture
def gate(tmp_path: Path) -> str:
    """A file for which jobs wait."""
    return str(tmp_path / "gate")


def job(name: str, gate: str) -> str:
    return f"{sys.executable} -c '{JOB}' {name} {gate}"


@pytest.mark.parametrize("switch", [[], ["--no-pty"]])
def test_jobs_of_a_script_share_a_display(terminal: type[Terminal], gate: str, switch: list[str]) -> None:
    """Jobs of a script share one display and leave a clean prompt."""
    # bash, below it Python, below that Python again
    below = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {JOB!r}, 'deep', '{gate}'])"
    script = Path(gate).with_name("below.py")
    script.write_text(below)
    shown = terminal(
        *RUN,
        *switch,
        "--",
        "bash",
        "-c",
        f"echo begin; {job('one', gate)} & {sys.executable} {script} & wait; echo end",
    )
    rows = shown.until("one ", "deep ", "line of one", "line of deep")
    bars = [number for number, row in enumerate(rows) if "3/10" in row]
    assert len(bars) == 2
    assert bars[0] > max(number for number, row in enumerate(rows) if "line of" in row or row == "begin")
    Path(gate).touch()
    assert shown.wait() == 0
    assert [row for row in shown.rows if "/10" in row and "10/10" not in row] == []
    for line in ("begin", "end", "line of one", "line of deep"):
        assert shown.rows.count(line) == 1


def test_killed_client_is_lost(terminal: type[Terminal], gate: str) -> None:
    """A killed client is shown as lost, and its row is removed."""
    script = f"{job('victim', gate)} & echo pid $!; {job('other', gate)} & wait"
    shown = terminal(*RUN, "--", "bash", "-c", script)
    rows = shown.until("victim ", "other ", "pid ")
    victim = int(next(row for row in rows if row.startswith("pid ")).split()[1])
    os.kill(victim, signal.SIGKILL)
    rows = shown.until("failed at 30%: lost", "other ")
    assert sum("victim" in row and "failed at 30%: lost" in row for row in rows) == 1
    assert sum("other" in row and "3/10" in row for row in rows) == 1
    Path(gate).touch()
    assert shown.wait() == 0


def test_command_has_a_terminal_of_our_size(terminal: type[Terminal]) -> None:
    """The command has a terminal of the same size, and reads from the same terminal."""
    code = (
        "import os, sys; print([os.isatty(fd) for fd in (0, 1, 2)], os.get_terminal_size(1)); "
        "print('got', input('your name? '))"
    )
    shown = terminal(*RUN, "--", sys.executable, "-c", code)
    rows = shown.until("your name?")
    assert "[True, True, True] os.terminal_size(columns=100, lines=24)" in rows
    shown.type(b"Ada\n")
    assert shown.wait() == 0
    assert "got Ada" in shown.rows


def test_without_a_pty_the_command_finds_a_pipe(terminal: type[Terminal]) -> None:
    shown = terminal(
        *RUN, "--no-pty", "--", sys.executable, "-c", "import os; print([os.isatty(n) for n in (0, 1, 2)])"
    )
    assert shown.wait() == 0
    assert "[True, False, False]" in shown.rows


def test_the_help_says_how_to_switch_the_terminal_off() -> None:
    wide = {**os.environ, "COLUMNS": "500"}
    help = subprocess.run([*RUN, "--help"], env=wide, capture_output=True, text=True, check=True).stdout
    words = " ".join(help.split())
    assert "pseudo-terminal (pty) of the same size, so that it behaves as usual; --no-pty gives it a pipe" in words
    assert "--no-pty give COMMAND a pipe instead of a pty" in words


def test_foreign_bars_are_reduced(terminal: type[Terminal]) -> None:
    """Lines are whole, and foreign bars are reduced to their last state."""
    code = r"for n in 10 50 100; do printf '\r%d%%' $n; done; printf '\nhalf '; sleep 0.4; printf 'a line\nno end'"
    shown = terminal(*RUN, "--", "bash", "-c", code)
    assert shown.wait() == 0
    assert shown.rows == ["100%", "half a line", "no end"]


@pytest.mark.slow
def test_ten_thousand_lines_come_through_each_once(terminal: type[Terminal]) -> None:
    shown = terminal(*RUN, "--", "seq", "10000")
    assert shown.wait() == 0
    assert shown.rows[-1] == "10000"
    history = ["".join(row[n].data for n in range(100)).rstrip() for row in shown.screen.history.top]
    assert history == [str(n) for n in range(10_001 - len(shown.rows) - len(history), 10_001 - len(shown.rows))]


def test_quiet_shows_the_last_lines_of_a_failure(terminal: type[Terminal]) -> None:
    """`--quiet` shows only the last lines of a command that fails."""
    shown = terminal(*RUN, "--quiet", "--", "bash", "-c", "echo words")
    assert shown.wait() == 0
    assert shown.rows == []
    shown = terminal(*RUN, "--quiet", "--", "bash", "-c", "echo what was wrong; exit 3")
    assert shown.wait() == 3
    assert shown.rows == ["what was wrong"]


@pytest.mark.parametrize(
    ("key", "name"), [(b"\x03", signal.SIGINT), (b"\x1c", signal.SIGQUIT)], ids=["Ctrl-C", "Ctrl-backslash"]
)
def test_terminal_signal_arrives_once(terminal: type[Terminal], key: bytes, name: signal.Signals) -> None:
    """A signal of the terminal reaches the command once."""
    code = f"trap 'echo caught' {name.name[3:]}; echo ready; sleep 1; sleep 1; exit 9"
    shown = terminal(*RUN, "--", "bash", "-c", code)
    shown.until("ready")
    shown.type(key)
    assert shown.wait() == 9
    assert sum("caught" in row for row in shown.rows) == 1


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1"])
def test_signal_is_passed_on(name: str) -> None:
    """A signal to `run` is passed on, and `run` ends like the command."""
    code = (
        "import signal, time; signal.signal(signal.SIGINT, signal.SIG_DFL); print('ready', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([*RUN, "--", sys.executable, "-c", code], env=environment(), stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(getattr(signal, name))
    assert process.wait(60) == -getattr(signal, name)
    process.stdout.close()


def test_closed_terminal_is_passed_on(tmp_path: Path) -> None:
    """A command hears that its terminal is closed, although the kernel tells `run` alone where that leads the session."""
    os.mkfifo(tmp_path / "heard")
    heard = os.open(tmp_path / "heard", os.O_RDONLY | os.O_NONBLOCK)
    code = f"trap 'echo yes >{tmp_path}/heard; exit 9' HUP; echo ready; while :; do sleep 0.1; done"
    shown = Terminal(*RUN, "--", "sh", "-c", code)
    try:
        shown.until("ready")
        os.close(shown.fd)
        assert select([heard], [], [], 60)[0]
    except BaseException:
        os.kill(shown.pid, signal.SIGKILL)
        raise
    finally:
        os.close(heard)
        _, status = os.waitpid(shown.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 9


def test_stops_and_goes_on_with_its_command(terminal: type[Terminal]) -> None:
    """A command that stops also stops `run`, and continues with it."""
    shell = (
        f"set -m; {' '.join(RUN)} -- bash -c 'echo first; kill -STOP $$; echo second'; echo stopped $?; fg; echo rc $?"
    )
    shown = terminal("/bin/bash", "-c", shell)
    shown.until("stopped 147", "second", "rc 0")
    assert shown.wait() == 0


@pytest.mark.parametrize(
    ("command", "status"),
    [(["true"], 0), (["sh", "-c", "exit 7"], 7), (["no-such-command"], 127), (["/dev/null"], 126)],
    ids=["0", "7", "not found", "no program"],
)
def test_the_exit_status_is_the_commands(command: list[str], status: int) -> None:
    run = subprocess.run([*RUN, "--", *command], env=environment(), capture_output=True, timeout=60)
    assert run.returncode == status


def test_a_shell_sees_128_and_the_signal() -> None:
    shell = f"{' '.join(RUN)} -- sh -c 'kill -TERM $$'; echo $?"
    run = subprocess.run(["bash", "-c", shell], env=environment(), capture_output=True, text=True, timeout=60)
    assert run.stdout == "143\n"


def test_redirected_output_is_untouched() -> None:
    """Output that does not go to the terminal is unchanged and separate."""
    code = r"import sys, os; os.write(1, bytes(range(256)) * 40); os.write(2, b'\x00error\r\xff'); sys.exit(5)"
    plain = subprocess.run([sys.executable, "-c", code], capture_output=True)
    run = subprocess.run([*RUN, "--", sys.executable, "-c", code], env=environment(), capture_output=True, timeout=60)
    assert (run.returncode, run.stdout, run.stderr) == (5, plain.stdout, plain.stderr)


def test_a_run_below_a_run_is_the_command_alone() -> None:
    run = subprocess.run(
        [*RUN, "--", *RUN, "--", "sh", "-c", "exit 4"], env=environment(), capture_output=True, timeout=60
    )
    assert (run.returncode, run.stderr) == (4, b"")


def test_killed_hub_leaves_the_job_alive(gate: str, tmp_path: Path) -> None:
    """A hub that is killed leaves the job alive with plain."""
    script = f"exec {sys.executable} -c '{JOB}' job {gate} 2> {tmp_path}/errors"
    process = subprocess.Popen([*RUN, "--", "bash", "-c", script], env=environment(), stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "job: started" not in process.stderr.readline():
        pass
    process.kill()
    process.communicate(timeout=60)
    Path(gate).touch()
    end = time.monotonic() + 60
    while "job: finished, 10 in" not in (errors := (tmp_path / "errors").read_text()):
        assert time.monotonic() < end, errors
        time.sleep(0.02)
    assert errors.count("plain is used from here on") == 1


def test_background_process_writes_on(terminal: type[Terminal], tmp_path: Path) -> None:
    """`run` ends with its command, and a process in the background continues to write.

    However much that process writes, its later lines go to the terminal as they come, as without `run`.
    """
    os.mkfifo(tmp_path / "gate")
    writer = f"(while [ ! -e {tmp_path}/enough ]; do echo noise; sleep 0.02; done; read line < {tmp_path}/gate; echo later words)"
    run = f"{' '.join(RUN)} -- sh -c '{writer} & echo first words; exit 3'"
    gate = f"touch {tmp_path}/enough; echo > {tmp_path}/gate"
    shown = terminal("/bin/bash", "-c", f"{run}; echo run ended with $?; {gate}; read line")
    shown.until("later words")
    shown.type(b"\n")
    assert shown.wait() == 0


def test_sigpipe_under_two_runs() -> None:
    """A command under two runs has SIGPIPE as it would alone."""
    code = "grep SigIgn /proc/self/status | tail -c 9"
    named = 0x7FFFFFFF  # signal 32 is the C library's own, and has whatever state the tests were started with
    alone = subprocess.run(["sh", "-c", code], env=environment(), capture_output=True, timeout=60)
    for runs in (RUN, [*RUN, "--", *RUN]):
        run = subprocess.run([*runs, "--", "sh", "-c", code], env=environment(), capture_output=True, timeout=60)
        assert int(run.stdout, 16) & named == int(alone.stdout, 16) & named


NO_THREAD = """
import _thread, sys
def start(*_): raise RuntimeError("can't start new thread")
_thread.start_new_thread = start  # before `threading` takes it
from progresskit._cli.main import main
main(["run", "--", "touch", sys.argv[1]])
"""


def test_no_thread_starts_nothing(tmp_path: Path) -> None:
    """If no thread can be started, `run` says so and starts nothing."""
    command = [sys.executable, "-c", NO_THREAD, str(tmp_path / "started")]
    run = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60)
    assert run.returncode == 2
    assert "No thread can be started (can't start new thread)" in run.stderr.splitlines()[-1]
    assert not (tmp_path / "started").exists()


INTERRUPTED = """
import os, signal, sys
from progresskit._cli import run
seen, at = 0, int(sys.argv[1])
def trace(frame, event, argument):  # at each line of what `run` does itself
    global seen
    seen += frame.f_code.co_filename == run.__file__ and event == "line"
    if seen == at:
        seen += 1
        os.kill(os.getpid(), signal.SIGINT)
    return trace
from progresskit._cli.entry import main
sys.argv = ["progresskit", "run", "--", "sh", "-c", "exit 5"]
sys.settrace(trace)
sys.exit(main())
"""


@pytest.mark.slow
def test_ctrl_c_at_each_line() -> None:
    """Ctrl-C at each line ends it without a traceback.

    It ends by the signal, or as its command does, which has the signal then: that one is passed on.
    """
    for line in range(1, 140, 3):
        command = [sys.executable, "-c", INTERRUPTED, str(line)]
        run = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60)
        assert run.returncode in (5, -signal.SIGINT), f"line {line}: {run.returncode}"
        assert run.stderr == "", f"line {line}: {run.stderr}"


AT_EACH_EVENT = """
import os, sys
from _signal import SIGINT, SIG_BLOCK, SIG_DFL, getsignal, pthread_sigmask, raise_signal
seen, step = 0, int(sys.argv[1])
def hook(event, arguments):  # imports, files that are opened, sockets, processes
    global seen
    if event.startswith("os.fork") or getsignal(SIGINT) is not SIG_DFL or SIGINT in pthread_sigmask(SIG_BLOCK, ()):
        return
    seen += 1
    if seen % step:
        return
    pid = os.fork()
    if not pid:
        raise_signal(SIGINT)
        os._exit(99)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != -SIGINT:
        os.write(1, f"{event} {arguments}: {status}\\n".encode())
sys.addaudithook(hook)
sys.argv = ["progresskit", "run", "--", "true"]
from progresskit._cli.entry import main
status = main()
os.write(1, f"{seen} events, {status}\\n".encode())
"""


@pytest.mark.skipif(
    "free-threading" in sys.version,
    reason="the interpreter aborts in a child that is forked while a class is being made",
)
@pytest.mark.parametrize("step", [17, pytest.param(1, marks=pytest.mark.slow)])
def test_ctrl_c_before_the_command_begins(step: int) -> None:
    """Ctrl-C at any instant before the command begins ends `run` without output.

    Played in a fork of its own at each event that the interpreter tells of, from the first line of ours on.
    """
    command = [sys.executable, "-c", AT_EACH_EVENT, str(step)]
    run = subprocess.run(command, env=environment(), capture_output=True, timeout=120)
    seen, rest = run.stdout.split(b" ", 1)
    assert (rest, run.stderr) == (b"events, 0\n", b"")
    assert int(seen) > 100


def test_an_ignored_ctrl_c_stays_ignored() -> None:
    """As a shell has it for a job in the background, and nohup-like starters do."""
    code = "import signal, subprocess, sys; signal.signal(2, signal.SIG_IGN); sys.exit(subprocess.call(sys.argv[1:]))"
    inner = "import signal; print(signal.getsignal(2) is signal.SIG_IGN)"
    command = [sys.executable, "-c", code, *RUN, "--", sys.executable, "-c", inner]
    run = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout, run.stderr) == (0, "True\n", "")


def test_ctrl_c_before_the_command_is_there(tmp_path: Path) -> None:
    """Ctrl-C before the command's start prevents it."""
    code = "import os, signal, sys; from progresskit._cli import run; signal.pthread_sigmask(0, {2}); os.kill(os.getpid(), 2);"
    code += "sys.exit(run.leave(run.run(['touch', sys.argv[1]])))"
    command = [sys.executable, "-c", code, str(tmp_path / "started")]
    run = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60)
    assert not (tmp_path / "started").exists()
    assert run.stderr == ""


OUTLIVING = """
import os, sys
from progresskit import ProgressTracker
with ProgressTracker() as tracker:
    with tracker.add_task("load", total=10) as task:
        task.advance(3)
        open(sys.argv[1]).read()  # a FIFO: until the test says so
        print("said after the kill", flush=True)
        print("and as an error", file=sys.stderr, flush=True)
        task.advance(7)
sys.exit(7)
"""


@pytest.mark.parametrize("switch", ["", "--no-pty", "--quiet"])
def test_killed_run(terminal: type[Terminal], tmp_path: Path, switch: str) -> None:
    """It ends with its own status, and its output goes to the terminal, as if it had been started without `run`."""
    gate, result, job = tmp_path / "gate", tmp_path / "result", tmp_path / "job.py"
    os.mkfifo(gate)
    os.mkfifo(result)
    job.write_text(OUTLIVING)
    command = f"{sys.executable} {job} {gate}; echo $? > {result}"
    run = f"{' '.join(RUN)} {switch} -- sh -c '{command}'"
    shown = terminal("/bin/bash", "-c", f"set -m; {run}; echo run ended with $?; read status < {result}; echo $status.")
    shown.until("load ")
    victim, *others = children(shown.pid)
    os.kill(victim, signal.SIGKILL)
    shown.until("run ended with 137")
    gate.write_text("go on")
    assert shown.wait() == 0
    assert shown.rows[-1] == "7."
    words = ["said after the kill", "and as an error"]
    assert [row for row in shown.rows if row in words] == ([] if switch == "--quiet" else words)
    assert sum("load: finished, 10 in" in row for row in shown.rows) == (switch != "--quiet")
    end = time.monotonic() + 60
    while not all(ended(pid) for pid in others):  # the keeper among them
        assert time.monotonic() < end
        time.sleep(0.01)


def test_keeper_undoes_modes_of_half_a_frame() -> None:
    """A keeper continues in the middle of a frame, and resets its modes."""
    (ours, theirs), (screen, terminal) = os.pipe(), os.openpty()
    os.write(terminal, BEGIN.encode())
    keeper = PtyKeeper({ours: terminal})
    for fd in (ours, terminal, keeper._held):  # what a kill does
        os.close(fd)
    os.write(theirs, b"words")
    os.close(theirs)
    assert os.waitpid(keeper.pid, 0)[1] == 0
    said = b""
    with contextlib.suppress(OSError):  # the other side has closed it
        while more := os.read(screen, 1000):
            said += more
    assert said.decode() == BEGIN + END + "words"
    os.close(screen)


@pytest.mark.parametrize("number", [0, signal.SIGSTOP, signal.SIGKILL])
def test_stopped_keeper_has_done_nothing(number: int) -> None:
    """A dismissed keeper has done nothing, whatever its state."""
    (ours, theirs), (there, to) = os.pipe(), os.pipe()
    os.write(theirs, b"ours to read")
    keeper = PtyKeeper({ours: to})
    os.kill(keeper.pid, number)
    keeper.dismiss()
    os.close(to)
    assert os.read(there, 100) == b""
    assert os.read(ours, 100) == b"ours to read"
    for fd in (ours, theirs, there):
        os.close(fd)


PATIENT = """
from progresskit._display.process_hooks import TICKER
from progresskit.processes import _client
_client.SHOWN_SECONDS = TICKER.scheduler.gate.time.most = TICKER.scheduler.gate.time.left = 60.0  # on a busy machine
"""
PATIENT_RUN = [
    sys.executable,
    "-c",
    "from progresskit.processes import hub; hub.SHOWN_SECONDS = 60.0\n"
    "from progresskit._cli.main import main; raise SystemExit(main())",
    "run",
]
SPEAKING = """
from progresskit import track
for k in range(7):
    for item in track(range(2), f"loop {k}", keep=True):
        if item: print(f"in {k}")
    print(f"after {k}")
"""


def test_printed_in_and_after_loops(terminal: type[Terminal]) -> None:
    """Output in a loop is above the loop's last line, and output after the loop is below that line."""
    shown = terminal(*RUN, "--", sys.executable, "-c", PATIENT + SPEAKING)
    assert shown.wait() == 0
    said = [f"{found[1]} {found[2]}" for row in shown.rows if (found := re.search(r"(in|loop|after) (\d)", row))]
    assert said == [f"{place} {k}" for k in range(7) for place in ("in", "loop", "after")], shown.rows
    assert not any("progresskit;" in row for row in shown.rows)


@pytest.mark.parametrize("where", ["a pipe", "a file"])
def test_printed_after_loops_in_a_log(where: str, tmp_path: Path) -> None:
    """The same where the command's words and the last lines of its loops go to one log, past each other."""
    log = tmp_path / "log"
    command = [*PATIENT_RUN, "--", sys.executable, "-u", "-c", PATIENT + SPEAKING]
    if where == "a file":
        with log.open("wb") as file:
            subprocess.run(command, stdout=file, stderr=file, check=True)
        text = log.read_text("utf-8")
    else:
        text = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True, encoding="utf-8"
        ).stdout
    said = re.findall(r"(?m)^(?:loop (\d): finished|after (\d))", text)
    assert said == [each for k in "0123456" for each in ((k, ""), ("", k))], text


SPEAKING_BOTH_WAYS = """
import progresskit
gate = TICKER.scheduler.gate
gate.line_time.most = gate.line_time.left = 60.0
for k in range(7):
    progresskit.print(f"line {k}")
    print(f"word {k}")
"""


def test_lines_and_words_in_a_log() -> None:
    """A line of `progresskit.print` is above what the job prints after it, where both go to one log, past each other."""
    command = [*PATIENT_RUN, "--", sys.executable, "-u", "-c", PATIENT + SPEAKING_BOTH_WAYS]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True, encoding="utf-8")
    assert run.stdout.splitlines() == [f"{what} {k}" for k in range(7) for what in ("line", "word")]


@given(
    st.lists(st.sampled_from([b"words\n", b"\x1b", b"\x1b]77", b"\x1b[1m", PREFIX, PREFIX + b"7;1\x07", b"7;2\x07"])),
    st.data(),
)
def test_marks_in_pieces_of_any_size(parts: list[bytes], data: st.DataObject) -> None:
    """Marks are found, and nothing else is lost or moved, however the words are cut."""
    whole = b"".join(parts)
    reader, found = MarkReader(), list[tuple[bytes, tuple[int, int] | None]]()
    at = 0
    while at < len(whole):
        size = data.draw(st.integers(1, len(whole) - at))
        found += reader.split(whole[at : at + size])
        at += size
    found.append((reader.rest(), None))
    assert b"".join(words + (b"" if mark is None else PREFIX + b"%d;%d\x07" % mark) for words, mark in found) == whole
    assert not any(re.search(re.escape(PREFIX) + rb"\d+;\d+\x07", words) for words, _ in found)


def test_totals_stand_above(terminal: type[Terminal], gate: str) -> None:
    shown = terminal(*RUN, "--jobs", "2", "--", "bash", "-c", f"{job('one', gate)} & {job('two', gate)} & wait")
    rows = shown.until("Total", "one ", "two ", "processes 2")
    assert next(row for row in rows if "/" in row).lstrip("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ").startswith("Total")
    Path(gate).touch()
    assert shown.wait() == 0


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("plain", "plain"),
        ("a\r", "a"),
        ("10%\r20%\r", "20%"),
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("a\x1b[2Kb\x1b[1Ac\x1b[?25l", "abc"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("ab\b\bcd\x07", "cd"),
        ("\b\b", ""),
    ],
)
def test_what_is_left_of_a_line(text: str, left: str) -> None:
    assert last_state(text) == left


def test_lines_are_the_same_in_pieces_of_any_size() -> None:
    text = "größe\r\n10%\r20%\r\n\x1b[1mbold\x1b[0m\n\nend €".encode() + b"\xff"
    for step in range(1, 9):
        lines, found = Lines(), ""
        for at in range(0, len(text), step):
            found += lines.feed(text[at : at + step])
        assert found + lines.end() == "größe\n20%\n\x1b[1mbold\x1b[0m\n\nend €\\xff\n", step


def test_redrawn_bar_is_held_once() -> None:
    """A bar that is drawn a million times is kept as one."""
    lines = Lines()
    for number in range(10_000):
        assert lines.feed(b"\r%d of 10000" % number * 10) == ""
    assert len(lines._rest) < 200
    assert lines.end() == "9999 of 10000\n"


@given(st.lists(st.text(st.sampled_from("ab\r\b\x07\x1b[]3m;")), min_size=1))
def test_a_block_of_lines_is_what_its_lines_are(lines: list[str]) -> None:
    """Sequences, returns and backspaces end with their line."""
    block = "".join(f"{line}\n" for line in lines)
    assert last_states(block) == "".join(f"{last_state(line)}\n" for line in lines)
