"""The built-in renderers keep the contract that every renderer keeps."""

from __future__ import annotations

import json
import os

from progresskit import Frame, ProgressTracker, Renderer
from progresskit._model.frames import decode, encode
from progresskit.renderers.ansi import AnsiRenderer
from progresskit.renderers.json import JsonRenderer
from progresskit.renderers.none import NoneRenderer
from progresskit.renderers.plain import PlainRenderer
from progresskit.testing import EmulatedTerminal, ManualTicker, RecordingRenderer, RendererContract, sample_view


class TestAnsi(RendererContract):
    def make_renderer(self) -> Renderer:
        return AnsiRenderer()

    def test_unchanged_rows_are_not_rewritten(self) -> None:
        renderer, terminal = self.begin()
        views = self.views("alpha", "beta")
        self.draw(renderer, terminal, Frame(0.0, views))
        self.draw(renderer, terminal, Frame(0.0, (views[0], views[1]._replace(completed=8))))
        assert "alpha" not in terminal.output[-1]
        assert "beta" in terminal.output[-1]
        self.draw(renderer, terminal, Frame(0.0, (views[0], views[1]._replace(completed=8))))
        assert len(terminal.output) == 2

    def test_a_frame_ends_with_everything_switched_back(self) -> None:
        renderer, terminal = self.begin(colors=True)
        self.draw(renderer, terminal, Frame(0.0, self.views("alpha")))
        assert terminal.output[-1].endswith("\x1b[?7h\x1b[?25h\x1b[?2026l")


class TestPlain(RendererContract):
    in_place = False

    def make_renderer(self) -> Renderer:
        return PlainRenderer()

    def test_lines_of_a_tasks_life(self) -> None:
        """A task gets a line at its start, some in between, and one at its end."""
        renderer, terminal = self.begin()
        view = sample_view(description="alpha", total=100, unit="row")
        for second in range(100):
            moved = view._replace(completed=second, elapsed=float(second), rate=1.0, eta=100.0 - second)
            self.draw(renderer, terminal, Frame(float(second), (moved,)))
        self.draw(
            renderer,
            terminal,
            Frame(100.0, (), (view._replace(state="finished", completed=100, elapsed=100.0, rate=1.0),)),
        )
        assert terminal.text[0] == "alpha: started, 100 rows"
        assert terminal.text[-1] == "alpha: finished, 100 rows in 1:40, 1.0 rows/s"
        assert len(terminal.text) == 2 + 9


class TestJson(RendererContract):
    in_place = False
    shows = False  # its lines are for programs; the tests below parse them

    def make_renderer(self) -> Renderer:
        return JsonRenderer()

    def test_each_line_is_a_frame_or_a_print(self) -> None:
        renderer, terminal = self.begin(columns=2000)
        frame = Frame(1.0, self.views("alpha", "beta"))
        self.draw(renderer, terminal, frame, "words")
        header, first, second = "".join(terminal.output).splitlines()
        assert json.loads(header)["pid"] == os.getpid()
        assert json.loads(first) == {"print": "words", "time": 1.0, "run": json.loads(header)["run"]}
        assert decode(second) == frame == decode(encode(frame))


class TestNone(RendererContract):
    in_place = False
    shows = False

    def make_renderer(self) -> Renderer:
        return NoneRenderer()


def test_a_description_of_thirty_megabytes_is_cut() -> None:
    terminal = EmulatedTerminal()
    renderer = AnsiRenderer()
    renderer.start(terminal)
    renderer.render(Frame(0.0, (sample_view(description="x" * 1_000),)))
    terminal.flush()
    assert len(terminal.text) == 1


def test_a_plain_line_on_the_way_says_what_is_known() -> None:
    renderer, terminal = PlainRenderer(), EmulatedTerminal(is_tty=False)
    renderer.start(terminal)
    view = sample_view(description="alpha", unit="row")
    for time, changes in (
        (0.0, {}),
        (30.0, {"completed": 7, "elapsed": 30.0}),
        (60.0, {"completed": 9, "elapsed": 60.0, "rate": 0.5, "state": "paused"}),
        (90.0, {"completed": 9, "total": 10, "elapsed": 60.0, "rate": 0.5, "eta": 2.0}),
    ):
        renderer.render(Frame(time, (view._replace(**changes),)))
    terminal.flush()
    assert terminal.text == [
        "alpha: started",
        "alpha: 7 rows, 0:30",
        "alpha: 9 rows, paused, 1:00",
        "alpha: 90%, 9 of 10 rows, 2.0 s/row, 1:00, eta 0:02",
    ]


def test_options_of_a_given_renderer() -> None:
    """The options of a renderer that is given as an object are asked as those of a class: here that it records each end."""
    renderer = RecordingRenderer()
    renderer.records_ends = True  # type: ignore[attr-defined]  # an option that not every renderer has
    ticker = ManualTicker()
    with ProgressTracker(renderer, ticker=ticker) as tracker:
        group = tracker.add_task("Files", total=1)
        tracker.add_task("short", parent=group).finish()
        ticker.tick()
    assert [view.description for frame in renderer.frames for view in frame.unseen] == ["short"]
