"""What a new size of the window does to rows that stand there, on each family of terminals: nothing is left of them."""

from __future__ import annotations

import pytest

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
def test_a_narrower_or_wider_window_leaves_nothing_of_the_old_rows(reflow: bool, width: int) -> None:
    window = Window(80, 12, reflow, before=14)
    window.show("<1>", "<2>", "<3>")
    window.terminal.resize(width, 12)
    window.show("<1>", "<2>", "<3>")
    assert window.marks() == ["<1>", "<2>", "<3>"]
    window.terminal.resize(80, 12)
    window.show("<1>", "<3>", ended="<2>")
    assert window.marks()[1:] == ["<1>", "<3>"]


@FAMILIES
def test_lines_go_above_rows_that_a_new_width_has_moved(reflow: bool) -> None:
    window = Window(80, 12, reflow, before=14)
    window.show("<1>", "<2>")
    window.terminal.resize(50, 12)
    window.renderer.write("printed")
    window.show("<1>", "<2>")
    assert window.marks() == ["printed", "<1>", "<2>"]


@FAMILIES
def test_rows_that_a_lower_window_has_pushed_out_are_cleared_when_they_come_back(reflow: bool) -> None:
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


def test_what_a_narrow_window_has_pushed_out_stays_in_the_scrollback_and_nothing_of_the_users_is_lost() -> None:
    """The limit: a reflowing terminal with free rows below the cursor scrolls all the same, and nobody says so."""
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
def test_the_environment_says_what_a_terminal_does_with_wide_rows(environ: dict[str, str], reflows: bool) -> None:
    assert StreamTerminal(None, environ).reflows is reflows
