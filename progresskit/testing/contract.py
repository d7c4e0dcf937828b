"""The contract that every renderer's tests inherit: what a person must be able to see in any style.

Knows frames and the emulated terminal. Does not know any renderer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._model.frames import Frame, TaskView, sample_view
from ..renderers.base import draws_in_place

if TYPE_CHECKING:
    from ..renderers.base import Renderer

from .terminal import EmulatedTerminal


class RendererContract:
    """What every renderer must do, as tests. Inherit it in a class whose name begins with `Test`.

    Attributes:
        in_place: Whether the renderer draws over rows.
        shows: Whether it shows anything of a frame at all.
    """

    in_place: bool = True
    shows: bool = True

    def make_renderer(self) -> Renderer:
        """Return a new renderer."""
        raise AssertionError("a contract test gives its own make_renderer")

    def begin(self, columns: int = 100, lines: int = 24, **facts: bool) -> tuple[Renderer, EmulatedTerminal]:
        """Return a started renderer and its terminal."""
        terminal = EmulatedTerminal(columns, lines, is_tty=self.in_place, **facts)
        renderer = self.make_renderer()
        renderer.start(terminal)
        return renderer, terminal

    def draw(self, renderer: Renderer, terminal: EmulatedTerminal, frame: Frame, *lines: str) -> None:
        """Do one tick, as a display does."""
        if lines:
            renderer.write("\n".join(lines))
        renderer.render(frame)
        terminal.flush()

    def finish(self, renderer: Renderer, terminal: EmulatedTerminal) -> None:
        """End the display."""
        renderer.stop()
        terminal.flush()

    def views(self, *names: str) -> tuple[TaskView, ...]:
        """Return running tasks of these names, on rows 0, 1, ..."""
        return tuple(
            sample_view(
                id=row + 1, position=row, description=name, completed=row + 3, total=10, elapsed=2.0, rate=1.5, eta=4.0
            )
            for row, name in enumerate(names)
        )

    def rows_with(self, terminal: EmulatedTerminal, *names: str) -> list[int]:
        """Return the row of each name, counted from the top of the scrollback. Each name must appear exactly once."""
        found = []
        for name in names:
            rows = [number for number, row in enumerate(terminal.text) if name in row]
            assert len(rows) == 1, f"{name!r} is on rows {rows} of {terminal.text}"
            found += rows
        return found

    def test_it_says_whether_it_draws_in_place(self) -> None:
        assert draws_in_place(type(self.make_renderer())) is self.in_place

    def test_an_empty_frame_shows_nothing(self) -> None:
        renderer, terminal = self.begin()
        self.draw(renderer, terminal, Frame(0.0))
        self.finish(renderer, terminal)
        assert terminal.text == []

    def test_every_live_task_is_shown_once_in_order(self) -> None:
        if not self.shows:
            return
        names = ("alpha", "beta", "gamma", "delta")
        renderer, terminal = self.begin()
        for time in range(3 if self.in_place else 1):
            self.draw(renderer, terminal, Frame(float(time), self.views(*names)))
        rows = self.rows_with(terminal, *names)
        assert rows == sorted(rows)
        self.finish(renderer, terminal)

    def test_counts_are_shown(self) -> None:
        if not (self.shows and self.in_place):
            return
        renderer, terminal = self.begin()
        self.draw(renderer, terminal, Frame(0.0, self.views("alpha", "beta")))
        rows = self.rows_with(terminal, "alpha", "beta")
        assert "3/10" in terminal.text[rows[0]]
        assert "4/10" in terminal.text[rows[1]]
        changed = tuple(view._replace(completed=9) for view in self.views("alpha", "beta"))
        self.draw(renderer, terminal, Frame(1.0, changed))
        for row in self.rows_with(terminal, "alpha", "beta"):
            assert "9/10" in terminal.text[row]
        self.finish(renderer, terminal)

    def test_a_printed_line_is_shown_once_above_the_tasks(self) -> None:
        renderer, terminal = self.begin()
        frame = Frame(0.0, self.views("alpha", "beta"))
        self.draw(renderer, terminal, frame)
        self.draw(renderer, terminal, frame._replace(time=1.0), "first words", "second words")
        self.draw(renderer, terminal, frame._replace(time=2.0))
        first, second = self.rows_with(terminal, "first words", "second words")
        assert first < second
        if self.in_place:
            alpha, beta = self.rows_with(terminal, "alpha", "beta")
            assert second < alpha < beta
        self.finish(renderer, terminal)

    def test_many_printed_lines_scroll_and_none_is_lost(self) -> None:
        renderer, terminal = self.begin(lines=8)
        frame = Frame(0.0, self.views("alpha", "beta"))
        words = [f"words number {number:03d}." for number in range(30)]
        for number in range(0, 30, 3):
            self.draw(renderer, terminal, frame._replace(time=float(number)), *words[number : number + 3])
        rows = self.rows_with(terminal, *words)
        assert rows == sorted(rows)
        if self.in_place:
            assert rows[-1] < min(self.rows_with(terminal, "alpha", "beta"))
        self.finish(renderer, terminal)

    def test_a_task_that_vanishes_leaves_nothing(self) -> None:
        if not self.in_place:
            return
        renderer, terminal = self.begin()
        alpha, beta, gamma = self.views("alpha", "beta", "gamma")
        self.draw(renderer, terminal, Frame(0.0, (alpha, beta, gamma)))
        gone = beta._replace(state="finished", completed=10, keep=False)
        self.draw(renderer, terminal, Frame(1.0, (alpha, gamma._replace(position=1)), (gone,)))
        self.rows_with(terminal, "alpha", "gamma")
        assert not any("beta" in row for row in terminal.text)
        self.finish(renderer, terminal)

    def test_kept_task_stays_above(self) -> None:
        """A kept task stays as a line above the live ones."""
        if not (self.shows and self.in_place):
            return
        renderer, terminal = self.begin()
        alpha, beta, gamma = self.views("alpha", "beta", "gamma")
        self.draw(renderer, terminal, Frame(0.0, (alpha, beta, gamma)))
        done = beta._replace(state="finished", completed=10, keep=True)
        rest = (alpha, gamma._replace(position=1))
        for time in (1.0, 2.0):
            self.draw(renderer, terminal, Frame(time, rest, (done,) if time == 1.0 else ()))
        kept, first, second = self.rows_with(terminal, "beta", "alpha", "gamma")
        assert kept < first < second
        assert "10/10" in terminal.text[kept]
        self.finish(renderer, terminal)

    def test_a_row_is_reused_by_the_next_task(self) -> None:
        if not (self.shows and self.in_place):
            return
        renderer, terminal = self.begin()
        alpha, beta = self.views("alpha", "beta")
        self.draw(renderer, terminal, Frame(0.0, (alpha, beta)))
        gone = alpha._replace(state="finished", keep=False)
        successor = alpha._replace(id=7, description="omega", completed=1)
        self.draw(renderer, terminal, Frame(1.0, (successor, beta), (gone,)))
        rows = self.rows_with(terminal, "omega", "beta")
        assert rows[1] == rows[0] + 1
        assert not any("alpha" in row for row in terminal.text)
        self.finish(renderer, terminal)

    def test_a_position_that_nobody_has_is_a_blank_row(self) -> None:
        if not (self.shows and self.in_place):
            return
        renderer, terminal = self.begin()
        alpha, _, gamma = self.views("alpha", "beta", "gamma")
        self.draw(renderer, terminal, Frame(0.0, (alpha, gamma)))
        first, third = self.rows_with(terminal, "alpha", "gamma")
        assert third == first + 2
        assert terminal.text[first + 1] == ""
        self.finish(renderer, terminal)

    def test_tasks_that_do_not_fit_are_counted_in_one_line(self) -> None:
        if not (self.shows and self.in_place):
            return
        renderer, terminal = self.begin(lines=6)
        self.draw(renderer, terminal, Frame(0.0, self.views("alpha", "beta", "gamma", "delta"), (), 37))
        *_, last, more = self.rows_with(terminal, "alpha", "beta", "gamma", "delta", "... 37 more")
        assert more == last + 1
        self.finish(renderer, terminal)

    def test_an_unknown_total_has_no_percentage(self) -> None:
        if not (self.shows and self.in_place):
            return
        renderer, terminal = self.begin()
        view = sample_view(description="alpha", completed=42, total=None, unit="row", elapsed=75.0, rate=0.56)
        self.draw(renderer, terminal, Frame(0.0, (view,)))
        (row,) = self.rows_with(terminal, "alpha")
        assert "42" in terminal.text[row]
        assert "1:15" in terminal.text[row]
        assert "%" not in terminal.text[row]
        self.finish(renderer, terminal)

    def test_an_estimate_is_marked(self) -> None:
        if not (self.shows and self.in_place):
            return
        renderer, terminal = self.begin()
        view = sample_view(description="alpha", completed=42, total=90, estimated=True)
        self.draw(renderer, terminal, Frame(0.0, (view,)))
        (row,) = self.rows_with(terminal, "alpha")
        assert "~42" in terminal.text[row]
        self.finish(renderer, terminal)

    def test_reason_is_told_in_full(self) -> None:
        """A reason is shown in full, however narrow the window is."""
        if not self.shows:
            return
        renderer, terminal = self.begin(columns=40)
        (alpha,) = self.views("alpha")
        self.draw(renderer, terminal, Frame(0.0, (alpha,)))
        reason = "the server went away while the third part was on its way"
        self.draw(renderer, terminal, Frame(1.0, (), (alpha._replace(state="failed", reason=reason, keep=True),)))
        self.finish(renderer, terminal)
        assert "".join(reason.split()) in "".join("".join(terminal.text).split())

    def test_a_failure_is_told_with_its_reason(self) -> None:
        if not self.shows:
            return
        renderer, terminal = self.begin()
        (alpha,) = self.views("alpha")
        self.draw(renderer, terminal, Frame(0.0, (alpha,)))
        failed = alpha._replace(state="failed", reason="the disk is full", keep=True)
        self.draw(renderer, terminal, Frame(1.0, (), (failed,)))
        self.finish(renderer, terminal)
        text = "\n".join(terminal.text)
        assert "failed" in text
        assert "the disk is full" in text

    def test_description_is_plain_text(self) -> None:
        """A description is text and not a format or markup."""
        if not self.shows:
            return
        names = ("[red]a[/red]", "{bar} {0} {x!r}", "%d %s %%", "a: b [/]")
        renderer, terminal = self.begin(columns=140)
        self.draw(renderer, terminal, Frame(0.0, self.views(*names)))
        rows = self.rows_with(terminal, *names)
        assert rows == sorted(rows)
        self.finish(renderer, terminal)

    def test_no_row_is_wider_than_the_terminal(self) -> None:
        if not self.in_place:
            return
        for columns in (1, 2, 10, 40, 79, 200):
            renderer, terminal = self.begin(columns=columns, lines=10)
            names = ("東京都の長い説明文" * 4, "e\u0301" * 50, "x" * 300)
            for time in (0.0, 1.0, 2.0):
                self.draw(renderer, terminal, Frame(time, self.views(*names)))
            assert len(terminal.text) <= 3, f"{columns} columns: {terminal.text}"
            self.finish(renderer, terminal)

    def test_an_ascii_terminal_gets_ascii(self) -> None:
        renderer, terminal = self.begin(unicode=False)
        view = sample_view(description="Größe", completed=5, total=10, fields={"ort": "東京"})
        self.draw(renderer, terminal, Frame(0.0, (view,)), "plain words")
        self.finish(renderer, terminal)
        assert "".join(terminal.output).isascii()

    def test_a_terminal_without_colours_gets_none(self) -> None:
        renderer, terminal = self.begin(colors=False)
        self.draw(renderer, terminal, Frame(0.0, tuple(v._replace(color="red") for v in self.views("alpha"))))
        self.finish(renderer, terminal)
        assert "\x1b[31" not in "".join(terminal.output)

    def test_the_cursor_ends_on_a_fresh_line_and_is_shown(self) -> None:
        renderer, terminal = self.begin()
        self.draw(renderer, terminal, Frame(0.0, self.views("alpha", "beta")))
        self.finish(renderer, terminal)
        row, column, shown = terminal.cursor
        assert shown
        assert column == 0
        assert row == len(terminal.text) - len(terminal.scrollback)

    def test_after_stop_it_can_start_again(self) -> None:
        renderer, terminal = self.begin()
        self.draw(renderer, terminal, Frame(0.0, self.views("alpha")))
        self.draw(renderer, terminal, Frame(1.0, (), tuple(v._replace(state="finished") for v in self.views("alpha"))))
        self.finish(renderer, terminal)
        renderer.start(terminal)
        self.draw(renderer, terminal, Frame(2.0, tuple(v._replace(id=9) for v in self.views("omega"))))
        if self.shows and self.in_place:
            first, second = self.rows_with(terminal, "alpha", "omega")
            assert first < second
        self.finish(renderer, terminal)

    def test_a_narrower_and_lower_window_is_no_trouble(self) -> None:
        if not self.in_place:
            return
        renderer, terminal = self.begin(columns=100, lines=24)
        names = ("alpha", "beta", "gamma")
        self.draw(renderer, terminal, Frame(0.0, self.views(*names)))
        for columns, lines in ((60, 24), (60, 8), (30, 8), (120, 30)):
            terminal.resize(columns, lines)
            self.draw(renderer, terminal, Frame(1.0, self.views(*names)))
        if self.shows:
            rows = [number for number, row in enumerate(terminal.screen) if "gamma" in row]
            assert rows
        self.finish(renderer, terminal)
