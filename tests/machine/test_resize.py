"""The effect of a new window size on rows, on each family of terminals: no part of a row is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tmuxed import needs_tmux

from progresskit._display.terminal import StreamTerminal
from progresskit._model.frames import Frame, sample_view
from progresskit.renderers.ansi import AnsiRenderer
from progresskit.testing import EmulatedTerminal

FAMILIES = pytest.mark.parametrize("reflow", [True, False], ids=["reflowing", "cutting"])


class Window:
    """A terminal with a prompt's lines on it, and a renderer that shows tasks of these names."""

    def __init__(self, columns: int, lines: int, reflow: bool, before: int) -> None:
        self.terminal = EmulatedTerminal(columns, lines, reflow=reflow)
        self.before = [f"line {number}" for number in range(before)]
        self.terminal.feed("".join(line + "\n" for line in self.before))
        self.renderer = AnsiRenderer()
        self.renderer.start(self.terminal)

    def show(self, *names: str, ended: str = "") -> None:
        views = [
            sample_view(id=row, position=row, description=name, completed=3, total=10, unit="row", keep=True)
            for row, name in enumerate(names)
        ]
        over = (
            (sample_view(id=99, description=ended, state="finished", completed=10, total=10, keep=True),)
            if ended
            else ()
        )
        self.renderer.render(Frame(0.0, tuple(views), over))
        self.terminal.flush()

    def marks(self) -> list[str]:
        """Return the first word of each line that has one, but for the prompt's."""
        rows = [row.split()[0] for row in self.terminal.text if row]
        assert [" ".join(row.split()[:2]) for row in self.terminal.text if row.startswith("line")] == self.before
        return [row for row in rows if row != "line"]


@FAMILIES
@pytest.mark.parametrize("width", [100, 60, 41, 40, 30])
def test_new_width_leaves_no_old_rows(reflow: bool, width: int) -> None:
    """A narrower or wider window leaves nothing of the old rows."""
    window = Window(80, 12, reflow, before=14)
    window.show("<1>", "<2>", "<3>")
    window.terminal.resize(width, 12)
    window.show("<1>", "<2>", "<3>")
    assert window.marks() == ["<1>", "<2>", "<3>"]
    window.terminal.resize(80, 12)
    window.show("<1>", "<3>", ended="<2>")
    assert window.marks()[1:] == ["<1>", "<3>"]


@FAMILIES
def test_lines_above_moved_rows(reflow: bool) -> None:
    """Lines go above rows that a new width has moved."""
    window = Window(80, 12, reflow, before=14)
    window.show("<1>", "<2>")
    window.terminal.resize(50, 12)
    window.renderer.write("printed")
    window.show("<1>", "<2>")
    assert window.marks() == ["printed", "<1>", "<2>"]


@FAMILIES
def test_rows_that_come_back_are_cleared(reflow: bool) -> None:
    """Rows that a lower window has pushed out are cleared when they come back."""
    window = Window(60, 12, reflow, before=3)
    window.show("<1>", "<2>", "<3>", "<4>", "<5>")
    window.terminal.resize(60, 4)
    window.show("<1>", "<2>", "<3>")
    window.terminal.resize(60, 12)
    window.show("<1>", "<2>", "<3>", "<4>", "<5>")
    assert window.marks() == ["<1>", "<2>", "<3>", "<4>", "<5>"]


@FAMILIES
def test_they_come_back_in_steps_too_and_narrower(reflow: bool) -> None:
    window = Window(60, 12, reflow, before=3)
    names = ["<1>", "<2>", "<3>", "<4>", "<5>"]
    window.show(*names)
    for columns, lines in ((60, 3), (60, 4), (60, 5), (60, 9), (100, 12)):
        window.terminal.resize(columns, lines)
        window.show(*names[: lines - 1])
    assert window.marks() == names


def test_narrow_window_loses_no_words() -> None:
    """What a narrow window has pushed out stays in the scrollback and nothing of the user's is lost.

    The limit: a reflowing terminal with free rows below the cursor scrolls all the same, and nobody says so.
    """
    window = Window(80, 12, True, before=2)
    window.show("<1>", "<2>", "<3>")
    window.terminal.resize(40, 12)
    window.show("<1>", "<2>", "<3>")
    assert [row.split()[0] for row in window.terminal.screen if row] == ["<1>", "<2>", "<3>"]
    assert [" ".join(row.split()[:2]) for row in window.terminal.scrollback][:2] == window.before


@pytest.mark.parametrize(
    ("environ", "reflows"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm", "XTERM_VERSION": "XTerm(390)"}, False),
        ({"TERM": "tmux-256color", "TMUX": "default,1,0", "XTERM_VERSION": "XTerm(390)"}, True),
        ({"TERM": "screen", "STY": "1234.pts-0.host"}, False),
        ({"TERM": "linux"}, False),
    ],
)
def test_environment_tells_what_happens_to_wide_rows(environ: dict[str, str], reflows: bool) -> None:
    """The environment decides how a terminal treats wide rows."""
    assert StreamTerminal(None, environ).reflows is reflows


@pytest.mark.parametrize(
    ("environ", "late"),
    [
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "screen-256color", "TMUX": "default,1,0"}, True),
        ({"TERM": "tmux-256color"}, True),
        ({"TERM": "xterm", "SSH_CONNECTION": "::1 5000 ::1 22"}, True),
        ({"TERM": "xterm", "SSH_TTY": "/dev/pts/1"}, True),
    ],
)
def test_environment_tells_late_sizes(environ: dict[str, str], late: bool) -> None:
    """The environment decides whether sizes are reported late."""
    assert StreamTerminal(None, environ).late_sizes is late


DRAGGED = """
import sys, progresskit as pk
with pk.ProgressTracker() as tracker:
    tasks = [tracker.add_task(f"orders number {number}", total=1000) for number in range(3)]
    for number, _ in enumerate(sys.stdin):
        for task in tasks:
            task.advance(2)
        tracker.print(f"word {number:03d} is here")
print("the end", flush=True)
sys.stdin = open("/dev/tty")
input()
"""


@needs_tmux
def test_dragged_tmux_window_loses_no_line(tmp_path: Path) -> None:
    """A window of tmux that is dragged while lines are printed loses none.

    Narrower and wider in quick steps: tmux tells of few of the sizes, and late.
    """
    (tmp_path / "job.py").write_text(DRAGGED)
    (tmp_path / "conf").write_text("set -g status off\nset -g history-limit 100000\n")
    os.mkfifo(tmp_path / "lines")
    environ = {name: value for name, value in os.environ.items() if name not in ("TMUX", "CI", "PROGRESSKIT_RENDERER")}
    environ |= {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(Path(__file__).parents[2])}
    tmux = ["tmux", "-S", str(tmp_path / "tmux"), "-f", str(tmp_path / "conf")]
    job = f"{sys.executable} {tmp_path}/job.py < {tmp_path}/lines"
    subprocess.run([*tmux, "new-session", "-d", "-x", "100", "-y", "24", job], env=environ, check=True)
    subprocess.run([*tmux, "set", "-g", "window-size", "manual"], check=True)
    widths = [*range(100, 36, -4), *range(36, 110, 5), *range(110, 30, -7), *range(30, 70, 3)] * 2
    try:
        with open(tmp_path / "lines", "w") as lines:
            for width in widths:
                print(file=lines, flush=True)
                subprocess.run([*tmux, "resize-window", "-x", str(width), "-y", "24"], check=True)
        while True:  # the suite's time-out is the watchdog
            asked = subprocess.run([*tmux, "capture-pane", "-p", "-J", "-S", "-"], check=True, capture_output=True)
            shown = [line.rstrip() for line in asked.stdout.decode().split("\n")]
            if "the end" in shown:
                break
    finally:
        subprocess.run([*tmux, "kill-server"], capture_output=True)
    assert [line for line in shown if line.startswith("word")] == [
        f"word {at:03d} is here" for at in range(len(widths))
    ]
