"""Other libraries that draw, log and ask on a terminal with rows, each as its users use it: in a real pseudo-terminal."""

from __future__ import annotations

import os
import select

import pytest
from inpty import Program

HEAD = """
import sys, time
from progresskit import ProgressTracker
tracker = ProgressTracker()
task = tracker.add_task("Ours", total=5)
def rows_stand():
    until = time.monotonic() + 30
    while not (tracker._core.display and tracker._core.display.renderer.standing) and time.monotonic() < until: time.sleep(0.005)
    assert tracker._core.display.renderer.standing
rows_stand()
"""

DISPLAYS = (
    HEAD
    + """
from rich.console import Console
from rich.live import Live
from rich.progress import Progress
from rich.table import Table
def table(n):
    made = Table(); made.add_column("n"); made.add_row(f"row {n}"); return made
print("live")
with Live(table(0), console=Console(file=sys.stdout), auto_refresh=False) as live:
    for n in range(1, 4): live.update(table(n), refresh=True); print("said", n)
print("progress")
with Progress(auto_refresh=False) as bars:
    one, two = bars.add_task("[red]Down", total=2), bars.add_task("Up", total=2)
    for n in range(2): bars.advance(one); bars.advance(two); bars.refresh(); bars.console.print("told", n)
print("status")
with Console().status("Working..."): print("meanwhile")
print("tqdm")
from tqdm import tqdm
for i in tqdm(range(2), "outer", mininterval=0, file=sys.stdout):
    for j in tqdm(range(3), "inner", leave=False, position=1, mininterval=0, file=sys.stdout): pass
    tqdm.write(f"wrote {i}", file=sys.stdout)
print("alive")
from alive_progress import alive_bar
with alive_bar(2, force_tty=True) as bar:
    for n in range(2): bar(); print("counted", n)
print("over"); print("and out")
task.finish(); tracker.stop()
"""
)


LATE = """
import sys, time
from progresskit import track
from rich.console import Console
console = Console()
for n in track(range(3), "Ours"):
    with console.status("Thinking..."): time.sleep(0.35)
    print("line", n)
print("the end")
"""


def test_a_display_of_others_that_stands_first() -> None:
    """A loop whose bar comes while rich shows a display draws on the terminal itself: what rich puts there writes out sequences."""
    pytest.importorskip("rich", reason="rich is not installed")
    program = Program(LATE)
    assert program.end() == 0, program.everything
    rows = [row for row in program.everything if "Ours" not in row]
    assert [row for row in rows if row] == ["line 0", "line 1", "line 2", "the end"]


def test_displays_of_others() -> None:
    """rich's live displays, nested bars of tqdm and alive-progress: their last state and every word, and no escape sequences."""
    for library in ("rich", "tqdm", "alive_progress"):
        pytest.importorskip(library, reason=f"{library} is not installed")
    program = Program(DISPLAYS, COLUMNS="80")
    assert program.end() == 0, program.everything
    rows = [row for row in program.everything if "Ours" not in row]
    text = "\n".join(rows)
    for words in ("said 1", "said 2", "said 3", "row 3", "told 0", "told 1", "meanwhile", "wrote 0", "wrote 1"):
        assert text.count(words) == 1, (words, text)
    for words in ("row 1", "row 2", "Working", "inner:   0%", "[?", "\x1b"):
        assert words not in text, text
    for words in ("Down ━", "Up   ━", "outer: 100%", "| 2/2 [100%]", "counted 0", "counted 1", "and out"):
        assert text.count(words) == 1, (words, text)
    order = [
        "live",
        "row 3",
        "progress",
        "Up   ━",
        "status",
        "meanwhile",
        "tqdm",
        "wrote 1",
        "alive",
        "counted 1",
        "over",
    ]
    assert [text.index(words) for words in order] == sorted(text.index(words) for words in order)


ASKED = (
    HEAD
    + """
import code, getpass
print("before")
with tracker.hidden():
    print("hidden", getpass.getpass("one? "))
rows_stand()
answer = "kept"; breakpoint()
rows_stand(); print("went on")
code.interact(local={"x": 1})
rows_stand()
import click
print("chosen", click.prompt("four", type=click.Choice(["yes", "no"])))
rows_stand()
print("sure", click.confirm("five"))
print("over")
task.finish(); tracker.stop()
"""
)


def test_questions_of_others() -> None:
    """getpass inside `hidden`, a breakpoint, an interpreter of one's own and click's prompts: no row meanwhile, all answers right."""
    pytest.importorskip("click", reason="click is not installed")
    program = Program(ASKED, COLUMNS="80")
    prompts = 0
    for question, answer in (
        ("one? ", "secret\n"),
        ("(Pdb) ", "p answer\n"),
        ("(Pdb) ", "c\n"),
        (">>> ", "x + 41\n"),
        (">>> ", "\x04"),
        ("four (yes, no): ", "yes\n"),
        ("five [y/N]: ", "y\n"),
    ):
        prompts = prompts + 1 if question in ("(Pdb) ", ">>> ") and answer in ("c\n", "\x04") else 1
        program.until(question, prompts)
        assert not any("Ours" in row for row in program.rows), program.rows
        os.write(program.fd, answer.encode())
    assert program.end() == 0, program.everything
    text = "\n".join(program.everything)
    for words in ("before", "hidden secret", "'kept'", "went on", "\n42\n", "chosen yes", "sure True", "over"):
        assert text.count(words) == 1, (words, text)


PROMPT = """
import os, sys
job = '''
import time
from progresskit import ProgressTracker
tracker = ProgressTracker()
task = tracker.add_task("Ours", total=5)
until = time.monotonic() + 30
while not (tracker._core.display and tracker._core.display.renderer.standing) and time.monotonic() < until: time.sleep(0.005)
print("before")
'''
os.execv(sys.executable, [sys.executable, "-i", "-c", job])
"""


def test_the_interpreters_prompt() -> None:
    """The interactive interpreter with a live task: no rows are beside its prompt, the typed text and the results."""
    program = Program(PROMPT, COLUMNS="80", PYTHON_BASIC_REPL="1")
    for count, typed in enumerate(("6 * 7", "print('said'); task.advance()", "task.finish()", "exit()"), 1):
        program.until(">>> ", count)
        assert not any(row.lstrip().startswith("Ours") for row in program.rows), program.rows
        os.write(program.fd, f"{typed}\n".encode())
    assert program.end() == 0
    rows = [row for row in program.everything if "Ours" not in row]
    assert rows == [
        "before",
        ">>> 6 * 7",
        "42",
        ">>> print('said'); task.advance()",
        "said",
        ">>> task.finish()",
        ">>> exit()",
    ]


def test_prompts_are_texts() -> None:
    """With a live task `sys.ps1` is a text: the interpreter of Python 3.13 ended with a TypeError at its next prompt."""
    program = Program(PROMPT, COLUMNS="80")
    for count, typed in enumerate(("import sys; '\\n' in sys.ps1, sys.ps1 + 'joined'", "exit()"), 1):
        program.until(">>> ", count)
        while select.select([program.fd], [], [], 0.5)[
            0
        ]:  # from 3.13 on, it takes the terminal's modes after its prompt
            program.read()
        os.write(program.fd, f"{typed}\r".encode())
    assert program.end() == 0, program.everything
    assert "(False, '>>> joined')" in program.everything


INSTALLED = [
    ("questionary", "answer = questionary.text('sure?').ask()", "sure?", "yes\r"),
    ("questionary", "answer = questionary.select('sure?', choices=['yes', 'no']).ask()", "no", "\r"),
    ("prompt_toolkit", "answer = prompt_toolkit.prompt('sure? ')", "sure?", "yes\r"),
    ("prompt_toolkit", "with tracker.hidden(): answer = prompt_toolkit.prompt('sure? ')", "sure?", "yes\r"),
    ("typer", "answer = typer.prompt('sure')", "sure: ", "yes\r"),
    ("rich", "import rich.prompt; answer = rich.prompt.Prompt.ask('sure')", "sure: ", "yes\r"),
    ("IPython", "answer = 'yes'; IPython.embed(colors='NoColor')", "In [", "exit\r"),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "ask", "question", "answer"), INSTALLED, ids=[f"{each[0]}-{n}" for n, each in enumerate(INSTALLED)]
)
def test_questions_of_libraries(library: str, ask: str, question: str, answer: str) -> None:
    """A library's question has the terminal to itself, with every word before it; the bars come back below the answer."""
    pytest.importorskip(library, reason=f"{library} is not installed")
    code = (
        f"{HEAD}\nimport {library}\nprint('before')\n{ask}\nprint('answered', answer)\nrows_stand()\ntracker.stop()\n"
    )
    program = Program(code, COLUMNS="80")
    program.until(question)
    while select.select([program.fd], [], [], 0.5)[0]:  # it takes the terminal's modes after its first words
        program.read()
    assert "before" in program.rows and not any("Ours" in row for row in program.rows), program.rows
    os.write(program.fd, answer.encode())
    assert program.end() == 0, program.everything
    text = "\n".join(program.everything)
    assert text.count("before") == text.count("answered yes") == 1
    assert "Ours" in program.rows[-1]


LOGGERS = (
    """
import io, logging, sys, warnings
made_before = logging.StreamHandler()
log = logging.Logger("job"); log.addHandler(made_before)
MADE
"""
    + HEAD
    + """
for n in range(3):
    log.warning("logging %d", n)
    warnings.warn(f"warnings {n}")
    LOGGED
    print("print", n)
class Tee:
    def __init__(self, *files): self.files = files
    def write(self, text):
        for file in self.files: file.write(text)
        return len(text)
    def flush(self):
        for file in self.files: file.flush()
    def __getattr__(self, name): return getattr(self.files[0], name)
kept, copy = sys.stdout, io.StringIO()
sys.stdout = Tee(kept, copy); print("through a tee"); sys.stdout = kept
assert copy.getvalue() == "through a tee\\n"
import contextlib
aside = io.StringIO()
with contextlib.redirect_stderr(aside), contextlib.redirect_stdout(aside): print("set aside"); log.error("not aside")
assert aside.getvalue() == "set aside\\n"
task.finish(); tracker.stop()
"""
)
KINDS = {
    "click": (
        "import click",
        "click.echo(f'click {n}'); click.secho(f'secho {n}', fg='red', err=True)",
        ["click", "secho"],
    ),
    "structlog": ("import structlog; slog = structlog.get_logger()", "slog.info(f'structlog {n}')", ["structlog"]),
    "loguru": ("from loguru import logger", "logger.info(f'loguru {n}')", ["loguru"]),
    "rich": (
        "from rich import console, logging as rl; log.addHandler(rl.RichHandler(console=console.Console(file=sys.stderr)))",
        "",
        [],
    ),
}


@pytest.mark.parametrize("library", KINDS)
def test_loggers(library: str) -> None:
    """Earlier loggers, warnings, a Tee and echoes: every line once, whole, in order, above the bars."""
    pytest.importorskip(library, reason=f"{library} is not installed")
    made, logged, kinds = KINDS[library]
    program = Program(LOGGERS.replace("MADE", made).replace("LOGGED", logged), COLUMNS="80", PYTHONWARNINGS="always")
    assert program.end() == 0, program.everything
    text = "\n".join(program.everything)
    expected = [f"{kind} {n}" for n in range(3) for kind in ("logging", "UserWarning: warnings", *kinds, "print")]
    assert all(text.count(words) == (2 if library == "rich" and "logging" in words else 1) for words in expected), text
    assert [text.index(words) for words in expected] == sorted(text.index(words) for words in expected)
    assert text.count("through a tee") == 1 and "set aside" not in text and "not aside" in text
    assert "Ours" in program.rows[-1]
