"""A simulated Windows: names and modules that it lacks are taken away, and its terminal is a console that takes UTF-16."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from inpty import Program

HERE = Path(__file__).parent
PATHS = os.pathsep.join((str(HERE), str(HERE.parent)))
JOB = """
import importlib, pkgutil, sys
sys.path[:0] = sys.argv[1].split(':')
import windows_like
windows_like.pretend()
import progresskit
from progresskit import ProgressTracker, print, track

for row in track(range(3), "Rows", keep=True):
    print("row", row)
with ProgressTracker() as tracker, tracker.add_task("Upload", total=2, keep=True) as task:
    task.advance(2)
skipped = ("clients", "_site", "__main__", "tqdm", "testing")
for module in pkgutil.iter_modules(progresskit.__path__):
    if module.name in skipped:
        continue
    found = importlib.import_module(f"progresskit.{module.name}")
    for part in pkgutil.walk_packages(getattr(found, "__path__", ()), f"{found.__name__}."):
        if part.name.endswith("hook-progresskit"):  # which needs PyInstaller
            continue
        try:
            importlib.import_module(part.name)
        except ModuleNotFoundError:  # what `capture="descriptors"` and a pseudo-terminal need
            name = part.name.rpartition(".")[2]
            assert name in ("relay", "relay_descriptors", "relay_keeper", "relay_spool", "pty_keeper", "foreground"), name
from progresskit._cli.main import main
assert main(["renderers"]) == 0 and main(["demo", "--seconds", "0.01"]) == 0
try:
    main(["run", "--", "true"])
except SystemExit as error:
    assert error.code == 2
from progresskit.processes import Feed, Hub
with Feed("plain") as feed, Hub(feed) as hub:
    builtin = __import__("builtins").print
    builtin(*hub.environment.values(), flush=True)
    sys.stdin.readline()
"""
CLIENT = """
import sys
sys.path[:0] = sys.argv[1].split(':')
import windows_like
windows_like.pretend()
from progresskit import track
for row in track(range(5), "Client", keep=True):
    pass
"""
CONSOLE = f"""
import os, sys
sys.path[:0] = {str(HERE)!r}, {str(HERE.parent)!r}
import windows_like
from console_like import ConsoleLike
shows = lambda descriptor, text: windows_like.real_write(descriptor, text.encode())
console = ConsoleLike(obeys=OBEYS, shows=shows)
windows_like.pretend(console)
from progresskit import track
from seen import until_seen
for row in track(range(3), "Größe", keep=True):
    print("row 東京", row)
    until_seen()
from progresskit._display import process_hooks
process_hooks._end()
print("mode", console.mode, "set", len(console.modes))
"""
PIPE = """
import sys
sys.path[:0] = sys.argv[1].split(':')
import windows_like
windows_like.pretend()
from progresskit._cli.main import main
sys.exit(main(["pipe"]))
"""


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PROGRESSKIT_")}


@pytest.mark.skipif(sys.platform == "win32", reason="this is one")
def test_windows() -> None:
    """Every module can be imported, loops and prints are shown, `run` refuses in a sentence, and a hub is reached over TCP."""
    job = subprocess.Popen(
        [sys.executable, "-c", JOB, PATHS], stdin=-1, stdout=-1, stderr=-1, text=True, env=environment()
    )
    try:
        assert job.stdout is not None
        said = iter(job.stdout.readline, "")
        address = next((line.strip() for line in said if "@127.0.0.1:" in line), None)
        if address is not None:
            client = subprocess.run(
                [sys.executable, "-c", CLIENT, PATHS],
                env={**environment(), "PROGRESSKIT_HUB": address},
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert (client.returncode, client.stdout, client.stderr) == (0, "", "")
        _, errors = job.communicate("\n", timeout=60)
    finally:
        job.kill()
    assert job.returncode == 0 and "Traceback" not in errors, errors
    assert "row 2\n" in errors and "Rows: finished, 3" in errors and "Upload: finished" in errors
    assert "needs a Unix system" in errors and "Client: finished, 5" in errors


@pytest.mark.skipif(sys.platform == "win32", reason="this is one")
def test_pipe_ends() -> None:
    """`pipe` ends with a status and no traceback where its reader goes away, as there is no signal to end by."""
    pipe = subprocess.Popen([sys.executable, "-c", PIPE, PATHS], stdin=-1, stdout=-1, stderr=-1, env=environment())
    assert pipe.stdin is not None and pipe.stdout is not None
    pipe.stdin.write(b"a line\n")
    pipe.stdin.flush()
    assert pipe.stdout.readline() == b"a line\n"
    pipe.stdout.close()
    pipe.stdin.write(b"another\n")
    pipe.stdin.close()
    assert pipe.stderr is not None
    errors = pipe.stderr.read()
    pipe.stderr.close()
    assert pipe.wait(60) == 141 and b"Traceback" not in errors, errors


@pytest.mark.skipif(sys.platform == "win32", reason="this is one")
@pytest.mark.parametrize("obeys", [True, False], ids=["obeys", "refuses"])
def test_console(obeys: bool) -> None:
    """On a console rows, lines and wide text arrive whole, whatever its code page; one that knows no escape sequences gets lines.

    It is left in the mode in which it was found.
    """
    program = Program(CONSOLE.replace("OBEYS", str(obeys)), TERM="")
    status = program.end()
    assert status == 0, program.everything
    words = [" ".join(row.split()) for row in program.everything]
    assert [row for row in words if row.startswith("row")] == ["row 東京 0", "row 東京 1", "row 東京 2"]
    assert words[-1] == f"mode 3 set {2 * obeys}"
    assert any("Größe" in row and "3" in row for row in words)
    assert ("Größe: started" in program.sent.decode()) is not obeys
    assert (b"\x1b[?2026h" in program.sent) is obeys and "←" not in program.sent.decode()
    assert ("━" in program.sent.decode()) is obeys


BREAK = f"""
import signal, sys
sys.path[:0] = {str(HERE)!r}, {str(HERE.parent)!r}
signal.SIGBREAK = signal.SIGUSR1  # one that ends a process, as Ctrl-Break does there
import windows_like
from console_like import ConsoleLike
console = ConsoleLike(obeys=True, shows=lambda descriptor, text: windows_like.real_write(descriptor, text.encode()))
windows_like.pretend(console)
import time
from progresskit import track
if HANDLED:
    signal.signal(signal.SIGBREAK, signal.default_int_handler)
mine = signal.getsignal(signal.SIGBREAK)
try:
    for row in track(range(6_000), "Rows", keep=True):
        assert signal.getsignal(signal.SIGBREAK) is mine
        time.sleep(0.01)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="this is one")
@pytest.mark.parametrize("handled", [False, True], ids=["default", "handled"])
def test_ctrl_break(handled: bool) -> None:
    """Ctrl-Break ends the process as it would without rows, or is the job's own to handle; no mode is left on."""
    program = Program(BREAK.replace("HANDLED", str(handled)), TERM="", covered=False)
    program.until("Rows")
    program.until("\x1b[?2026l", 2)
    program.kill(signal.SIGUSR1)
    assert program.end() == (0 if handled else -signal.SIGUSR1), program.everything
    assert program.sent.count(b"\x1b[?2026h") == program.sent.count(b"\x1b[?2026l")
    assert not program.screen.cursor.hidden
    if handled:
        words = " ".join(" ".join(program.everything).split())  # a long line is wrapped
        assert "■ Rows" in words and "cancelled" in words and words.endswith("interrupted"), words


def test_tests_begin() -> None:
    """What all tests need is there on Windows, as far as it is simulated."""
    code = "import pytest, sys; sys.path[:0] = sys.argv[1].split(':'); import windows_like; windows_like.pretend(); import conftest"
    done = subprocess.run([sys.executable, "-c", code, PATHS], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
