"""The renderer that `auto` chooses for each place, and the messages to a terminal, a CI page and systemd."""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inpty import Program

from progresskit._display.service_status import ServiceStatus
from progresskit._display.taskbar import REPEAT_SECONDS, Taskbar
from progresskit._display.terminal import StreamTerminal
from progresskit._model.frames import Frame, sample_view
from progresskit._system.environment import taskbar_wanted
from progresskit._system.notebook import replaces_outputs
from progresskit.renderers.choice import named
from progresskit.renderers.destinations import draws_rows, prefer_hub
from progresskit.renderers.none import NoneRenderer
from progresskit.renderers.plain import PlainRenderer, no_command
from progresskit.testing import EmulatedTerminal, ManualClock

X = {"TERM": "xterm-256color"}
PICKS: dict[str, tuple[dict[str, str], bool, str]] = {
    "terminal": (X, True, "ansi"),
    "pipe": (X, False, "plain"),
    "ci": ({**X, "CI": "true"}, True, "plain"),
    "github": ({**X, "GITHUB_ACTIONS": "true"}, True, "plain"),
    "gitlab": ({**X, "CI": "true", "GITLAB_CI": "true"}, True, "plain"),
    "jenkins": ({**X, "JENKINS_URL": "https://ci.example/"}, True, "plain"),
    "azure": ({**X, "TF_BUILD": "True"}, True, "plain"),
    "teamcity": ({**X, "TEAMCITY_VERSION": "2026.1"}, True, "plain"),
    "buildkite": ({**X, "BUILDKITE": "true"}, True, "plain"),
    "dumb": ({"TERM": "dumb"}, True, "plain"),
    "term_unknown": ({"TERM": "unknown"}, True, "plain"),
    "term_unset": ({}, True, "plain"),
    "term_empty": ({"TERM": ""}, True, "plain"),
    "emacs_shell": ({"TERM": "xterm", "INSIDE_EMACS": "29.1,comint"}, True, "plain"),
    "emacs_compile": ({"TERM": "xterm", "INSIDE_EMACS": "29.1,compile"}, True, "plain"),
    "emacs_vterm": ({**X, "INSIDE_EMACS": "29.1,vterm"}, True, "ansi"),
    "command_in_a_cell": ({"TERM": "xterm-color", "GIT_PAGER": "cat"}, True, "plain"),
    "xterm_color": ({"TERM": "xterm-color"}, True, "ansi"),
    "accessible": ({**X, "ACCESSIBLE": "1"}, True, "plain"),
    "vscode_terminal": ({**X, "TERM_PROGRAM": "vscode"}, True, "ansi"),
    "vscode_debug_console": ({**X, "TERM_PROGRAM": "vscode"}, False, "plain"),
    "pycharm": ({"PYCHARM_HOSTED": "1"}, False, "plain"),
    "pycharm_terminal": ({**X, "PYCHARM_HOSTED": "1"}, True, "ansi"),
    "docker_t": ({"TERM": "xterm"}, True, "ansi"),
    "docker": ({}, False, "plain"),
    "ssh": ({**X, "SSH_TTY": "/dev/pts/1", "SSH_CONNECTION": "a"}, True, "ansi"),
    "ssh_without_tty": ({"TERM": "dumb", "SSH_CONNECTION": "a"}, False, "plain"),
    "nohup": (X, False, "plain"),
    "cron": ({"SHELL": "/bin/sh"}, False, "plain"),
    "databricks_job": ({"DATABRICKS_RUNTIME_VERSION": "17.3"}, False, "plain"),
    "tmux": ({"TERM": "tmux-256color", "TMUX": "/tmp/tmux"}, True, "ansi"),
    "linux_console": ({"TERM": "linux"}, True, "ansi"),
    "systemd": ({"JOURNAL_STREAM": "8:1", "INVOCATION_ID": "a"}, False, "plain"),
    "hub": ({**X, "PROGRESSKIT_HUB": "ab12@127.0.0.1:9"}, True, "hub"),
}
"""Place -> its environment, whether it is a terminal, and the chosen renderer. tests/faces has notebooks, marimo and
Pyodide."""
TASKBARS: dict[str, tuple[dict[str, str], bool]] = {
    "windows_terminal": ({"WT_SESSION": "a"}, True),
    "conemu": ({"ConEmuANSI": "ON"}, True),
    "wezterm": ({"TERM_PROGRAM": "WezTerm"}, True),
    "ghostty": ({"TERM_PROGRAM": "ghostty"}, True),
    "iterm_new": ({"TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.6.6"}, True),
    "iterm_newer": ({"TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.10"}, True),
    "iterm_old": ({"TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.6.5"}, False),
    "iterm_beta": ({"TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.7beta1"}, False),
    "iterm_unknown": ({"TERM_PROGRAM": "iTerm.app"}, False),
    "kitty": ({"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}, False),
    "xterm": ({"XTERM_VERSION": "XTerm(379)"}, False),
    "tmux": ({"WT_SESSION": "a", "TMUX": "/tmp/tmux"}, False),
    "screen": ({"WT_SESSION": "a", "STY": "1.pts"}, False),
    "asked": ({"PROGRESSKIT_TASKBAR": "1"}, True),
    "asked_in_tmux": ({"PROGRESSKIT_TASKBAR": "1", "TMUX": "/tmp/tmux"}, True),
    "forbidden": ({"WT_SESSION": "a", "PROGRESSKIT_TASKBAR": "0"}, False),
}
JOB = """
import json, os, sys
from progresskit import ProgressTracker
for name, environ in json.loads(os.environ.pop("TRIALS")).items():
    for variable in ("TERM", "CI"):
        os.environ.pop(variable, None)
    os.environ.update(environ)
    os.write(2, f"@@{name}@@".encode())
    try:
        with ProgressTracker() as tracker:
            task = tracker.add_task("alpha", total=4)
            task.advance()
            tracker._core.ticker.drain(tracker._core, lambda: False)
            if name == "error": raise ValueError
            if name == "interrupt": raise KeyboardInterrupt
            task.finish()
    except (ValueError, KeyboardInterrupt):
        pass
    for variable in environ:
        os.environ.pop(variable, None)
os.write(2, b"@@end@@")
"""


@pytest.fixture(scope="module")
def sent() -> Iterator[dict[str, bytes]]:
    """The output to a terminal, by the name of the trial: one program runs all of them."""
    trials = {name: environ for name, (environ, is_tty, pick) in PICKS.items() if is_tty and pick != "hub"}
    trials |= {name: {**X, **environ} for name, (environ, _) in TASKBARS.items()}
    trials |= {name: {**X, "WT_SESSION": "a"} for name in ("error", "interrupt")}
    trials |= {"no_color": {**X, "NO_COLOR": "1"}, "clicolor": {**X, "CLICOLOR": "0"}}
    trials |= {"forced": {**X, "CLICOLOR": "0", "FORCE_COLOR": "1"}, "color": {**X, "CLICOLOR": "1"}}
    program = Program(JOB, TRIALS=json.dumps(trials))
    assert program.end() == 0
    parts = program.sent.split(b"@@")
    yield {name.decode(): part for name, part in zip(parts[1::2], parts[2::2], strict=True)}


@pytest.mark.parametrize("where", PICKS)
def test_auto(where: str) -> None:
    """Each row of the table in docs/renderers.md."""
    environ, is_tty, pick = PICKS[where]
    choice = prefer_hub(named(None, environ), environ=environ)
    assert choice.settle(EmulatedTerminal(is_tty=is_tty), environ).name == pick


@pytest.mark.parametrize("package", ["idlelib.run", "spyder_kernels.console.outstream"])
def test_no_terminal(package: str) -> None:
    """The windows of IDLE and Spyder claim to be terminals, and get lines."""
    stream = type("Window", (io.StringIO,), {"__module__": package, "isatty": lambda self: True})()
    terminal = StreamTerminal(stream, X)
    assert named(None, X).settle(terminal, X).name == "plain" and not draws_rows(named(None, X), stream, environ=X)


def test_front_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Consoles of Jupyter write each output below the last: a display that is replaced would stay at 0 % there."""
    for name, replaces in (("jupyter-console", False), ("jupyter-run", False), ("jupyter-lab", True)):
        (tmp_path / name).write_text("input(1)")
        front_end = subprocess.Popen([sys.executable, str(tmp_path / name)], stdin=-1, stdout=-1)
        try:
            assert front_end.stdout is not None and front_end.stdout.read(1) == b"1"
            monkeypatch.setenv("JPY_PARENT_PID", str(front_end.pid))
            assert replaces_outputs() is replaces or not Path("/proc/self/cmdline").exists(), name
        finally:
            front_end.communicate(b"\n")
    monkeypatch.delenv("JPY_PARENT_PID")
    assert replaces_outputs()


def test_table() -> None:
    """The table in the documentation has a row for each place, with the chosen renderer."""
    text = (Path(__file__).parents[2] / "docs" / "renderers.md").read_text("utf-8")
    rows = {row.split("|")[1].strip(): row.split("|")[2] for row in text.splitlines() if row.startswith("| ")}
    for place, pick in (
        ("a terminal", "ansi"),
        ("a pipe or a file", "plain"),
        ("a CI system", "plain"),
        ("a notebook (Jupyter, VS Code, Colab)", "notebook"),
        ("`!command` in a notebook", "plain"),
        ("marimo", "plain"),
        ("Pyodide", "plain"),
        ("below a hub", "hub"),
        ("a systemd service", "plain"),
        ("Emacs", "plain"),
        ("IDLE, Spyder, `jupyter console`, `jupyter run`, qtconsole", "plain"),
        ("an editor's output window (VS Code's debug console, PyCharm's run window)", "plain"),
        ("a screen reader", "plain"),
    ):
        assert f"`{pick}`" in rows[place], place


@pytest.mark.parametrize("where", [name for name, (_, is_tty, pick) in PICKS.items() if is_tty and pick == "plain"])
def test_no_sequence(sent: dict[str, bytes], where: str) -> None:
    """A terminal for which lines are better gets no escape sequences."""
    assert b"\x1b" not in sent[where] and b"alpha" in sent[where]


@pytest.mark.parametrize("where", TASKBARS)
def test_taskbar(sent: dict[str, bytes], where: str) -> None:
    """A known task bar is filled, and cleared at the end; other terminals do not get the sequence."""
    environ, wanted = TASKBARS[where]
    assert taskbar_wanted(environ) is wanted
    start, end = (b"\x1bPtmux;\x1b\x1b]9;4;", b"\x1b\x1b\\\x1b\\") if "TMUX" in environ else (b"\x1b]9;4;", b"\x1b\\")
    assert (start + b"1;25" + end in sent[where]) is wanted
    if wanted:
        assert sent[where].rindex(start) == sent[where].rindex(start + b"0;0" + end)
    else:
        assert b"]9;4" not in sent[where]


@pytest.mark.parametrize("how", ["error", "interrupt"])
def test_taskbar_ends(sent: dict[str, bytes], how: str) -> None:
    """An error and Ctrl-C clear the task bar too."""
    states = [part[:1] for part in sent[how].split(b"\x1b]9;4;")[1:]]
    assert states[0] == b"1" and states[-1] == b"0"


def test_colors(sent: dict[str, bytes]) -> None:
    """CLICOLOR=0 and NO_COLOR switch colours off, FORCE_COLOR goes before CLICOLOR."""
    has = {name: b"m" in b"".join(part[:8] for part in sent[name].split(b"\x1b[3")[1:]) for name in sent}
    assert not has["no_color"] and not has["clicolor"] and has["forced"] and has["color"]
    for environ, wanted in (
        ({"CLICOLOR_FORCE": "1"}, True),
        ({"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False),
        ({}, False),
    ):
        assert StreamTerminal(io.StringIO(), environ).colors is wanted


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
@pytest.mark.parametrize("passes", ["on", "off"])
def test_taskbar_in_tmux(tmp_path: Path, passes: str) -> None:
    """A real tmux hands it on to its own terminal where `allow-passthrough` is on, and swallows it elsewhere."""
    job = (
        "from progresskit import ProgressTracker\nwith ProgressTracker() as tracker, tracker.add_task('alpha', total=4) as task:\n"
        "    task.advance(); tracker.refresh(60); print('words')\n"
        "input('over')\n"  # tmux draws no more once its program has ended
    )
    (tmp_path / "conf").write_text(f"set -g status off\nset -g allow-passthrough {passes}\n")
    command = ["tmux", "-u", "-S", str(tmp_path / "tmux"), "-f", str(tmp_path / "conf")]
    command += ["new-session", shlex.join([sys.executable, "-c", job])]
    program = Program(
        f"import os; os.environ.pop('TMUX', None); os.execvp('tmux', {command!r})",
        covered=False,
        PROGRESSKIT_TASKBAR="1",
    )
    program.until("over")
    os.write(program.fd, b"\n")
    assert program.end() == 0
    states = [part.partition(b"\x1b\\")[0] for part in program.sent.split(b"\x1b]9;4;")[1:]]
    assert b"words" in program.sent and b"alpha" in program.sent
    assert states == ([b"1;25", b"0;0"] if passes == "on" else [])
    assert program.sent.count(b"9;4;") == len(states)


def test_taskbar_states() -> None:
    """Percent of the tasks at the top; unknown, paused and failed; sent on change and each five seconds."""
    clock, terminal = ManualClock(), EmulatedTerminal()
    bar = Taskbar(NoneRenderer(), wrapped=False, clock=clock)
    bar.start(terminal)
    task = sample_view(id=1, completed=1, total=4)
    part = sample_view(id=2, parent=1, depth=1, completed=9, total=10)

    def states(frame: Frame) -> str:
        before = len(terminal.output)
        bar.render(frame)
        terminal.flush()
        return "".join(terminal.output[before:]).replace("\x1b]9;4;", "").replace("\x1b\\", " ").strip()

    assert states(Frame(0.0, (task, part))) == "1;25"
    assert states(Frame(0.1, (task, part._replace(completed=10)))) == ""
    clock.advance(REPEAT_SECONDS)
    assert states(Frame(5.0, (task,))) == "1;25"
    assert states(Frame(5.1, (task, sample_view(id=3, completed=3, total=4)))) == "1;50"
    assert states(Frame(5.2, (task._replace(state="paused"),))) == "4;25"
    assert states(Frame(5.3, (sample_view(id=4),))) == "3;0"
    assert states(Frame(5.4, (task,), (sample_view(id=4, state="failed"),))) == "2;25"
    assert states(Frame(5.5)) == "0;0"
    assert states(Frame(5.6, (task,))) == "1;25"
    bar.stop()
    terminal.flush()
    assert "".join(terminal.output).endswith("\x1b]9;4;0;0\x1b\\")


@pytest.mark.parametrize(
    ("line", "safe"),
    [
        ("::error title=x::pwned: started, 30 it", ": :error title=x::pwned: started, 30 it"),
        ("  ::add-mask::x", "  : :add-mask::x"),
        ("::", ": :"),
        ("x ##[error]y", "x # #[error]y"),
        ("##vso[task.setvariable]x", "# #vso[task.setvariable]x"),
        ("##teamcity[buildStop]", "# #teamcity[buildStop]"),
        ("std::vector ## 12", "std::vector ## 12"),
        ("####[x]", "### #[x]"),
        ("--- a group of Buildkite", " --- a group of Buildkite"),
        ("+++ open", " +++ open"),
        ("^^^ +++", " ^^^ +++"),
        ("---x", "---x"),
    ],
    ids=range(12),
)
def test_commands(line: str, safe: str) -> None:
    """A task's name is never a command of a CI system; other names stay as they are."""
    assert no_command(line) == safe
    renderer, terminal = PlainRenderer(), EmulatedTerminal(is_tty=False, columns=200)
    renderer.start(terminal)
    renderer.render(Frame(0.0, (sample_view(description=line),)))
    terminal.flush()
    assert "".join(terminal.output).startswith(safe.rstrip("\n")[:6])


def test_journal(tmp_path: Path) -> None:
    """Lines have levels only if the stream is the journal that systemd names."""
    code = (
        "from progresskit import ProgressTracker\nwith ProgressTracker() as tracker:\n  for name in ('ok', 'bad', 'off'):\n"
        "    task = tracker.add_task(name, total=2); tracker._core.ticker.drain(tracker._core, lambda: False)\n"
        "    (task.finish if name == 'ok' else task.fail if name == 'bad' else task.cancel)()\n"
    )
    for name, follows in (("journal", True), ("other", False)):
        with open(tmp_path / name, "w") as file:
            status = os.fstat(file.fileno())
            number = status.st_ino if follows else status.st_ino + 1
            environ = {**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{number}"}
            subprocess.run([sys.executable, "-c", code], env=environ, stderr=file, check=True)
        lines = (tmp_path / name).read_text().splitlines()
        levels = [line[:3] for line in lines]
        expected = ["<6>", "<6>", "<6>", "<3>", "<6>", "<4>"]
        assert levels == expected if follows else not any(level in expected for level in levels), lines


def test_status(tmp_path: Path) -> None:
    """systemd gets a line about the tasks at the top, at most each second, and at each end."""
    path, clock = str(tmp_path / "notify"), ManualClock()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.setblocking(False)
        renderer = ServiceStatus(NoneRenderer(), path, clock)
        renderer.start(EmulatedTerminal())
        views = [sample_view(description="Files", completed=n, total=4, unit="file") for n in range(5)]
        for view in views[:4]:
            renderer.render(Frame(0.0, (view,)))
            clock.advance(0.5)
        renderer.render(Frame(2.0, (), (views[4]._replace(state="finished"),)))
        said: list[Any] = []
        while True:
            try:
                said.append(manager.recv(4096).decode())
            except BlockingIOError:
                break
    assert said[0].startswith("STATUS=Files 0%") and "Files 50%" in said[1] and "finished" in said[2] and len(said) == 3
    renderer.render(Frame(9.0, (views[1],)))  # no process listens any more


@pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")
@pytest.mark.parametrize("start", ["@", "/"])
def test_service(tmp_path: Path, start: str) -> None:
    """A program below systemd reports to the socket that it is given, by a path or by a name after `@`: from the process itself, in
    one assignment each, whatever the tasks are called."""
    address = f"@{tmp_path}" if start == "@" else str(tmp_path / "notify")
    job = (
        "from progresskit import ProgressTracker\nwith ProgressTracker() as tracker:\n"
        "    with tracker.add_task('a\\nMAINPID=1\\ud800', total=4, unit='file') as task:\n"
        "        tracker.refresh(60); task.advance(4)\n"
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        manager.bind(address.replace("@", "\0"))
        manager.setblocking(False)
        program = subprocess.Popen(
            [sys.executable, "-c", job], env={**os.environ, "NOTIFY_SOCKET": address}, stderr=subprocess.PIPE, text=True
        )
        words = program.communicate(timeout=60)[1]
        assert program.returncode == 0, words
        messages = [manager.recvmsg(4096, 64) for _ in range(2)]
        with pytest.raises(BlockingIOError):
            manager.recv(1)
    assert [struct.unpack("3i", ancillary[0][2])[0] for _, ancillary, _, _ in messages] == [program.pid] * 2
    assert [message.decode() for message, _, _, _ in messages] == [
        r"STATUS=a\nMAINPID=1\ud800 0% 0/4 files",
        r"STATUS=a\nMAINPID=1\ud800 100% 4/4 files finished",
    ]
