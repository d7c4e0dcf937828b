"""What the region sends, to the letter, and what stands on its rows: each byte has a reason, and each rule an exact answer."""

from __future__ import annotations

import pytest

from progresskit._model.frames import Frame, TaskView, sample_view
from progresskit.renderers.region import BEGIN, END, Region
from progresskit.renderers.rows import RowRenderer
from progresskit.testing import EmulatedTerminal

CLEAR = "\r<2K"  # the line that the cursor is on
UP = "<1A" + CLEAR


def sent(text: str) -> str:
    """Return a frame without what each begins and ends with, escapes written as `<`."""
    assert text.startswith(BEGIN) and text.endswith(END)
    return text.removeprefix(BEGIN).removesuffix(END).replace("\x1b[", "<")


def test_new_rows_are_written_each_on_a_line_of_its_own() -> None:
    assert sent(Region().draw(["one", "two"])) == "\r<2K\rone\r\n\rtwo\r\n"


def test_only_the_rows_that_have_changed_are_sent_and_the_cursor_ends_below_all() -> None:
    region = Region()
    region.draw(["one", "two", "six"])
    assert sent(region.draw(["one", "ten", "six"])) == "<2A\rten<K<2B\r"
    assert sent(region.draw(["one", "ten", "x"])) == "<1A\r<2Kx<1B\r"  # shorter: the whole line is made clean
    assert region.draw(["one", "ten", "x"]) == ""
    assert sent(region.draw(["1ne", "ten", "longer"])) == "<3A\r1ne<K<2B\rlonger<K<1B\r"
    assert sent(region.draw(["1ne", "ten", "\x1b[31mlonger\x1b[0m"])) == "<1A\r<31mlonger<0m<K<1B\r"


def test_rows_that_are_gone_are_made_blank_and_the_cursor_comes_up() -> None:
    region = Region()
    region.draw(["one", "two", "six"])
    assert sent(region.draw(["one"])) == "\r<2K<2A\r<2K<1B\r<2K<1A\r"
    assert sent(region.draw([])) == "\r<2K<1A\r<2K\r"
    assert sent(region.draw(["X "])) == "\r<2K\rX\r\n"


def test_rows_are_added_below_those_that_stand() -> None:
    region = Region()
    region.draw(["one"])
    assert sent(region.draw(["one", "two", "six"])) == "\r<2K\rtwo\r\n\rsix\r\n"


def test_lines_go_above_into_the_place_of_the_rows_which_follow() -> None:
    region = Region()
    region.draw(["one", "two"])
    assert sent(region.draw(["one"], ["a", "b"])) == CLEAR + UP * 2 + "<?7h\ra\r\nb\r\n<?7l\rone\r\n"
    assert sent(Region().draw([], ["a"])) == "\r<2K<?7h\ra\r\n<?7l\r"


def test_a_new_size_has_all_rows_drawn_anew_once() -> None:
    region = Region()
    region.draw(["one"])
    assert sent(region.draw(["one"], size=(40, 24))) == CLEAR + UP + "\rone<1B\r"
    assert [region.draw(["one"], size=(40, 24)) for _ in range(2)] == ["", ""]
    assert region.draw([], size=(40, 24)) != ""
    assert region.draw([], size=(80, 24)) == ""


def test_on_demand_all_rows_are_written_where_they_stand() -> None:
    region = Region(reflow=False)
    assert region.draw([], whole=True) == ""
    region.draw(["one", "two"])
    assert sent(region.draw(["one", "two"], whole=True)) == "<2A\rone<K<1B\rtwo<K<1B\r"
    assert sent(region.draw(["one", "2"], whole=True)) == "<2A\rone<K<1B\r<2K2<1B\r"
    assert region.draw(["one", "2"]) == ""


def test_what_was_typed_at_the_cursor_is_erased_when_the_rows_move_or_end() -> None:
    terminal = EmulatedTerminal(40, 9)
    region = Region(reflow=False)
    steps: list[tuple[list[str], list[str], tuple[int, int]]] = [
        (["one", "two"], [], (40, 9)),
        (["one"], [], (40, 9)),
        (["one", "six"], [], (40, 9)),
        (["one", "six"], ["a line"], (40, 9)),
        (["one", "six"], [], (30, 9)),
        ([], ["ended"], (30, 9)),
        ([""], [], (30, 9)),
        ([], [], (30, 9)),
    ]
    for rows, above, size in steps:
        terminal.resize(*size)
        terminal.feed("^C")
        terminal.feed(region.draw(rows, above, size))
        assert "^C" not in "".join(terminal.text)
    assert terminal.text == ["a line", "ended"]
    assert terminal.cursor == (2, 0, True)


def test_it_stands_while_rows_change_where_they_are() -> None:
    terminal, region = EmulatedTerminal(40, 9), Region(reflow=False)
    terminal.feed(region.draw(["one", "two"], None, (40, 9)))
    terminal.feed("^C")
    terminal.feed(region.draw(["ten", "two"], None, (40, 9)))
    assert terminal.text == ["ten", "two", "^C"]


def test_a_terminal_that_wraps_has_made_several_lines_of_a_wide_row() -> None:
    wraps, cuts = Region(), Region(reflow=False)
    for region, lines in ((wraps, 4), (cuts, 2)):
        region.draw(["x" * 30, "y" * 11], size=(40, 24))
        assert sent(region.draw(["x"], size=(14, 24))) == CLEAR + UP * lines + "\rx<1B\r"


def test_rows_that_a_lower_window_has_pushed_out_are_remembered_until_lines_go_above() -> None:
    region = Region()
    region.draw(["one", "two", "six", "ten"], size=(40, 9))
    assert sent(region.draw(["one"], size=(40, 3))) == CLEAR + UP * 2 + "\rone<1B\r"
    assert sent(region.draw(["two"], size=(40, 3))) == "<1A\rtwo<K<1B\r"  # what is out of reach is let be
    assert sent(region.draw(["two"], size=(40, 9))) == CLEAR + UP * 3 + "\rtwo<1B\r"  # and is back
    region.draw(["one", "two", "six", "ten"], size=(40, 9))
    region.draw(["one"], size=(40, 3))
    region.draw(["one"], ["a line"], size=(40, 3))
    assert sent(region.draw(["one"], size=(40, 9))).startswith(
        CLEAR + UP + "\rone"
    )  # what is above the line stays there


def test_of_a_row_that_was_pushed_out_in_part_the_part_is_remembered() -> None:
    region = Region()
    region.draw(["x" * 30, "two"], size=(40, 9))
    region.draw([], size=(14, 3))  # three lines of x and one of the other: two are in reach
    assert sent(region.draw(["one"], size=(30, 9))) == CLEAR + UP + "\rone<1B\r"  # two pieces are one line again


def test_a_screen_of_one_line_has_no_rows_in_reach() -> None:
    region = Region()
    region.draw(["one", "two"], size=(40, 9))
    assert sent(region.draw([], size=(40, 1))) == "\r<2K\r"


class Names(RowRenderer):
    """Shows names, and keeps what it was asked."""

    def __init__(self, missing: int = 0) -> None:
        self.asked: list[tuple[str, int, float]] = []
        self.missing = missing

    def row(self, view: TaskView, columns: int, time: float) -> str:
        self.asked.append((view.description, columns, time))
        return view.description[:columns]

    def rows(self, views: tuple[TaskView, ...], columns: int, time: float) -> list[str]:
        return super().rows(views[self.missing :], columns, time)


def begun(columns: int = 40, lines: int = 9, **facts: int) -> tuple[Names, EmulatedTerminal]:
    renderer, terminal = Names(**facts), EmulatedTerminal(columns, lines)
    renderer.start(terminal)
    return renderer, terminal


def views(*names: str, **changes: object) -> tuple[TaskView, ...]:
    return tuple(sample_view(id=at, position=at, description=name, **changes) for at, name in enumerate(names))


def show(renderer: Names, terminal: EmulatedTerminal, frame: Frame) -> list[str]:
    renderer.render(frame)
    terminal.flush()
    return terminal.text


def test_a_row_may_have_all_columns_but_the_last_and_is_told_the_frames_time() -> None:
    renderer, terminal = begun()
    show(renderer, terminal, Frame(7.5, views("alpha"), views("beta", state="finished", keep=True)))
    assert renderer.asked == [("alpha", 39, 7.5), ("beta", 39, 7.5)]
    renderer, terminal = begun(columns=1)
    show(renderer, terminal, Frame(0.0, views("alpha")))
    assert renderer.asked == [("alpha", 0, 0.0)]


@pytest.mark.parametrize(("reflow", "healed"), [(True, "alpha"), (False, "alpha is long")])
def test_a_row_that_was_cut_between_two_frames_is_whole_within_a_second_where_terminals_cut(
    reflow: bool, healed: str
) -> None:
    renderer, terminal = Names(), EmulatedTerminal(40, 9, reflow=False)
    terminal.reflows = reflow
    renderer.start(terminal)
    show(renderer, terminal, Frame(5.0, views("alpha is long")))
    terminal.resize(5, 9)
    terminal.resize(40, 9)
    assert show(renderer, terminal, Frame(5.9, views("alpha is long"))) == ["alpha"]
    assert show(renderer, terminal, Frame(6.0, views("alpha is long"))) == [healed]
    sent_so_far = len(terminal.output)
    show(renderer, terminal, Frame(6.9, views("alpha is long")))
    assert len(terminal.output) == sent_so_far
    show(renderer, terminal, Frame(7.0, views("alpha is long")))
    assert len(terminal.output) == sent_so_far + (not reflow)


def test_a_renderer_that_leaves_a_row_out_is_told_so() -> None:
    for frame in (Frame(0.0, views("alpha", "beta")), Frame(0.0, (), views("alpha", state="finished", keep=True))):
        renderer, _terminal = begun(missing=1)
        with pytest.raises(ValueError, match="shorter"):
            renderer.render(frame)
    with pytest.raises(NotImplementedError, match=r"^a row renderer says what a row looks like$"):
        RowRenderer().rows(views("alpha"), 40, 0.0)


@pytest.mark.parametrize(("columns", "line"), [(40, "  ... 1,234 more"), (17, "  ... 1,234 more"), (10, "  ... 1,2")])
def test_the_line_that_counts_the_others_is_cut_without_a_sign(columns: int, line: str) -> None:
    assert show(*begun(columns=columns), Frame(0.0, views("alpha"), more=1234)) == ["alpha", line]


def test_a_window_that_has_become_lower_since_the_frame_was_made_gets_what_fits() -> None:
    names = ("alpha", "beta", "gamma", "delta")
    assert show(*begun(lines=3), Frame(0.0, views(*names))) == ["alpha", "beta"]
    assert show(*begun(lines=2), Frame(0.0, views(*names))) == ["alpha"]
    assert show(*begun(lines=1), Frame(0.0, views(*names))) == []


def test_a_reason_stands_below_its_line_and_further_in() -> None:
    ended = views("alpha", state="failed", reason="the disk is full", keep=True)
    assert show(*begun(), Frame(0.0, (), ended)) == ["alpha", "  the disk is full"]
    assert show(*begun(), Frame(0.0, (), (ended[0]._replace(depth=2),))) == ["alpha", "      the disk is full"]
    assert show(*begun(), Frame(0.0, (), (ended[0]._replace(description="the disk is full: alpha"),))) == [
        "the disk is full: alpha"
    ]
    renderer, terminal = Names(), EmulatedTerminal(40, 9, unicode=False)
    renderer.start(terminal)
    assert show(renderer, terminal, Frame(0.0, (), (ended[0]._replace(reason="größe"),))) == [
        "alpha",
        "  gr\\xf6\\xdfe",
    ]


def test_lines_that_are_written_are_lines_above() -> None:
    renderer, terminal = begun()
    renderer.write("one\ntwo")
    renderer.write("six")
    show(renderer, terminal, Frame(0.0, views("alpha")))
    assert sent(terminal.output[0]) == "\r<2K<?7h\rone\r\ntwo\r\nsix\r\n<?7l\ralpha\r\n"


def test_a_renderer_has_all_lines_but_one_or_its_rows_of_a_block() -> None:
    renderer = Names()
    assert renderer.room(9) == 8
    renderer.place(1, 3)
    assert (renderer.room(9), renderer.room(3)) == (2, 1)
    terminal = EmulatedTerminal(40, 9)
    renderer.start(terminal)
    assert show(renderer, terminal, Frame(0.0, views("alpha"))) == ["", "alpha"]
