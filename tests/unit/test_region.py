"""The exact output of the region, and the screen's rows: each byte has a reason, and each rule an exact answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from progresskit._model.frames import Frame, TaskView, sample_view
from progresskit.renderers._region import BEGIN, END, OutlinedRow, Region, outline_of
from progresskit.renderers.rows import RowRenderer
from progresskit.testing import EmulatedTerminal

CLEAR = "\r<2K"  # the line that the cursor is on
UP = "<1A" + CLEAR


def fresh(columns: int = 80) -> str:
    """Return the output that begins a new line if there is text on the cursor's line."""
    return f"<?7h{' ' * columns}<?7l"


def row(text: str) -> str:
    """Return the output that writes a row of ASCII: a terminal that is narrower than it reports must wrap it."""
    return f"{CLEAR}<?7h{text}<?7l"


def sent(text: str) -> str:
    """Return a frame without its fixed beginning and end, with escapes written as `<`."""
    assert text.startswith(BEGIN) and text.endswith(END)
    return text.removeprefix(BEGIN).removesuffix(END).replace("\x1b[", "<")


def test_new_rows_have_lines_of_their_own() -> None:
    """New rows are written each on a line of its own."""
    assert sent(Region().draw(["one", "two"])) == fresh() + CLEAR + row("one") + "\r\n" + row("two") + "\r\n"


def test_only_changed_rows_are_sent() -> None:
    """Only changed rows are sent, and the cursor ends below all rows."""
    region = Region()
    region.draw(["one", "two", "six"])
    assert sent(region.draw(["one", "ten", "six"])) == "<2A" + row("ten") + "\n\n\r"
    assert sent(region.draw(["one", "ten", "x"])) == "<1A" + row("x") + "\n\r"
    assert region.draw(["one", "ten", "x"]) == ""
    assert sent(region.draw(["1ne", "ten", "longer"])) == "<3A" + row("1ne") + "\n\n" + row("longer") + "\n\r"
    assert sent(region.draw(["1ne", "ten", "\x1b[31mlonger\x1b[0m"])) == "<1A" + row("<31mlonger<0m") + "\n\r"


def test_gone_rows_become_blank() -> None:
    """Removed rows are blanked, and the cursor moves up."""
    region = Region()
    region.draw(["one", "two", "six"])
    assert sent(region.draw(["one"])) == "\r<2K<2A\r<2K\n\r<2K<1A\r"
    assert sent(region.draw([])) == "\r<2K<1A\r<2K\r"
    assert sent(region.draw(["X "])) == fresh() + CLEAR + row("X") + "\r\n"


@pytest.mark.parametrize("reflow", [True, False], ids=["reflowing", "cutting"])
@pytest.mark.parametrize("begun", [0, 1, 30, 39, 40, 41])
def test_a_line_that_others_have_begun(begun: int, reflow: bool) -> None:
    """Text on the cursor's line stays there, and if there is none, no line is lost."""
    for above in ([], ["a line"]):
        terminal, region = EmulatedTerminal(40, 9, reflow=reflow), Region(reflow=reflow)
        terminal.feed("$ make\n" + "w" * begun)
        terminal.feed(region.draw(["one"], above, (40, 9)))
        words = ["w" * part for part in (min(begun, 40), begun - 40) if part > 0]
        assert terminal.text == ["$ make", *words, *above, "one"]
        assert terminal.cursor[1:] == (0, True)
        terminal.feed(region.draw([], None, (40, 9)) + "more")
        terminal.feed(region.draw(["two"], None, (40, 9)))
        assert terminal.text == ["$ make", *words, *above, "more", "two"]


def test_rows_are_added_below_those_that_stand() -> None:
    region = Region()
    region.draw(["one"])
    assert sent(region.draw(["one", "two", "six"])) == CLEAR + row("two") + "\r\n" + row("six") + "\r\n"


def test_lines_go_above_the_rows() -> None:
    """Lines take the place of the rows, which follow below."""
    region = Region()
    region.draw(["one", "two"])
    assert sent(region.draw(["one"], ["a", "b"])) == CLEAR + UP * 2 + "<?7ha\r\nb\r\n<?7l" + row("one") + "\r\n"
    assert sent(Region().draw([], ["a"])) == fresh() + "\r<2K<?7ha\r\n<?7l\r"


def test_a_new_size_has_all_rows_drawn_anew_once() -> None:
    region = Region()
    region.draw(["one"])
    assert sent(region.draw(["one"], size=(40, 24))) == CLEAR + UP + row("one") + "\n\r"
    assert [region.draw(["one"], size=(40, 24)) for _ in range(2)] == ["", ""]
    assert region.draw([], size=(40, 24)) != ""
    assert region.draw([], size=(80, 24)) == ""


def test_all_rows_on_demand() -> None:
    """On request all rows are written again in place."""
    region = Region(reflow=False)
    assert region.draw([], whole=True) == ""
    region.draw(["one", "two"])
    assert sent(region.draw(["one", "two"], whole=True)) == "<2A\rone<K\n\rtwo<K\n\r"
    assert sent(region.draw(["one", "2"], whole=True)) == "<2A\rone<K\n\r2<K\n\r"
    assert region.draw(["one", "2"]) == ""


def test_typed_text_is_erased() -> None:
    """Text that was typed at the cursor is erased when the rows move or end."""
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
    kept: list[str] = []
    for rows, above, size in steps:
        if not region.rows:
            kept.append("^C")  # on a line outside of the region
        terminal.resize(*size)
        terminal.feed("^C")
        terminal.feed(region.draw(rows, above, size))
        kept += above
        assert [line for line in terminal.text if line and line not in rows] == kept
    assert terminal.text == ["^C", "a line", "ended", "^C"]
    assert terminal.cursor == (4, 0, True)


def test_it_stands_while_rows_change_where_they_are() -> None:
    terminal, region = EmulatedTerminal(40, 9), Region(reflow=False)
    terminal.feed(region.draw(["one", "two"], None, (40, 9)))
    terminal.feed("^C")
    terminal.feed(region.draw(["ten", "two"], None, (40, 9)))
    assert terminal.text == ["ten", "two", "^C"]


def test_wide_row_has_wrapped() -> None:
    """A terminal that wraps has made several lines of a wide row."""
    wraps, cuts = Region(), Region(reflow=False)
    for region, lines in ((wraps, 4), (cuts, 2)):
        region.draw(["x" * 30, "y" * 11], size=(40, 24))
        assert (
            sent(region.draw(["x"], size=(14, 24)))
            == CLEAR + UP * lines + (row("x") if region is wraps else "\rx<K") + "\n\r"
        )


def test_rows_pushed_out() -> None:
    """Rows that a lower window has pushed out are remembered until lines go above."""
    region = Region()
    region.draw(["one", "two", "six", "ten"], size=(40, 9))
    assert sent(region.draw(["one"], size=(40, 3))) == CLEAR + UP * 2 + row("one") + "\n\r"
    assert sent(region.draw(["two"], size=(40, 3))) == "<1A" + row("two") + "\n\r"  # rows out of reach are left alone
    assert sent(region.draw(["two"], size=(40, 9))) == CLEAR + UP * 3 + row("two") + "\n\r"  # and is back
    region.draw(["one", "two", "six", "ten"], size=(40, 9))
    region.draw(["one"], size=(40, 3))
    region.draw(["one"], ["a line"], size=(40, 3))
    assert sent(region.draw(["one"], size=(40, 9))).startswith(
        CLEAR + UP + row("one")
    )  # text above the line stays there


def test_pushed_out_part_is_remembered() -> None:
    """Of a row that was pushed out in part the part is remembered."""
    region = Region()
    region.draw(["x" * 30, "two"], size=(40, 9))
    region.draw([""], size=(14, 3))  # three lines of x and one of the other: two are in reach
    assert (
        sent(region.draw(["one"], size=(30, 9))) == CLEAR + UP * 2 + row("one") + "\n\r"
    )  # two pieces are one line again


def test_wide_characters_follow_wrapped_blanks() -> None:
    """A row that is not ASCII follows blanks that wrap as it does."""
    assert sent(Region().draw(["━ 東"])) == fresh() + CLEAR + CLEAR + "<?7h  \u3000<?7l\r━ 東\r\n"


def test_late_sizes_follow_rows() -> None:
    """Where sizes are late rows are followed up and not counted."""
    region = Region(late=True)
    assert sent(region.draw(["x" * 30, "━"], size=(40, 9))) == f"{fresh(40)}{CLEAR}{CLEAR}{'x' * 30}\r\n{CLEAR}━\r\n"
    blank = "\r <K"
    up = f"<1A{blank}<1A{blank}\r\b{blank}\r"
    assert sent(region.draw(["y"], ["a"], size=(40, 9))) == f"{CLEAR}{up}<?7h{CLEAR}a\r\n<?7l{CLEAR}y\r\n"


LATE = settings(
    max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
STEPS = st.lists(
    st.tuples(st.just("grid"), st.sampled_from([80, 60, 45, 40, 27, 100]), st.sampled_from([12, 12, 8, 5, 24]))
    | st.tuples(st.just("known"))
    | st.tuples(st.just("draw"), st.lists(st.sampled_from([9, 20, 59, 79]), max_size=5), st.integers(0, 3)),
    min_size=5,
    max_size=40,
)


def outlined(text: str) -> OutlinedRow:
    """Return a row that has its outline with it, as the painter makes them."""
    row = OutlinedRow(text)
    row.outline = outline_of(text)
    return row


def play(steps: list[Any], region: Region, *, reflow: bool, in_time: bool, make: Callable[[str], str] = str) -> None:
    """Apply `steps` to a terminal that changes its grid and its reported size at different instants, and assert that no
    word is lost. With `in_time`, a grid may be narrower or lower than reported, for one frame, and never wider or
    higher."""
    terminal = EmulatedTerminal(80, 12, reflow=reflow)
    known = (80, 12)
    words = [f"word {number}." for number in range(14)]
    terminal.feed("".join(word + "\n" for word in words))
    number, turn = 100, 0
    for step, *values in steps:
        if step == "grid":
            terminal.resize(values[0], values[1])
            if in_time and (values[0] > known[0] or values[1] > known[1]):
                known = terminal.size()
        elif step == "known":
            known = terminal.size()
        else:
            widths, prints = values
            above = [f"word {number + at}." + "=" * 17 * at for at in range(prints)]
            number += prints
            words += above
            turn += 1
            rows = [make(("━─"[turn % 2] * width)[: known[0] - 1]) for width in widths[: known[1] - 1]]
            terminal.feed(region.draw(rows, above, known))
            known = terminal.size() if in_time else known
        text = "".join(row.ljust(1) for row in terminal.text)
        at = 0
        for word in words:
            at = text.find(word.split("=")[0], at)
            assert at >= 0, f"{word!r} is lost: {terminal.text}"


@LATE
@given(STEPS, st.booleans())
def test_no_word_is_lost_where_sizes_come_late(steps: list[Any], reflow: bool) -> None:
    play(steps, Region(reflow=reflow, late=True), reflow=reflow, in_time=False)


@LATE
@given(STEPS, st.sampled_from([str, outlined]))
def test_narrower_window_loses_no_word(steps: list[Any], make: Callable[[str], str]) -> None:
    """No word is lost where a window became narrower while a frame was on its way."""
    play(steps, Region(), reflow=True, in_time=True, make=make)


def test_outline() -> None:
    """A row that replaces one of the same outline is written by itself: the lines that it makes are there."""
    region = Region()
    region.draw([outlined("━─"), outlined("東")])
    assert sent(region.draw([outlined("─━"), outlined("東")])) == f"<2A{CLEAR}─━\n\n\r"
    assert sent(region.draw([outlined("─━"), outlined("京━")])) == f"<1A{CLEAR}<?7h\u3000 <?7l\r京━\n\r"
    assert sent(region.draw([outlined("─━"), "東━"])) == f"<1A{CLEAR}<?7h\u3000 <?7l\r東━\n\r"


def test_a_screen_of_one_line_has_no_rows_in_reach() -> None:
    region = Region()
    region.draw(["one", "two"], size=(40, 9))
    assert sent(region.draw([], size=(40, 1))) == "\r<2K\r"


class Names(RowRenderer):
    """Shows names, and records its calls."""

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


def test_row_is_one_cell_narrower() -> None:
    """A row may use all columns except the last, and gets the frame's time."""
    renderer, terminal = begun()
    show(renderer, terminal, Frame(7.5, views("alpha"), views("beta", state="finished", keep=True)))
    assert renderer.asked == [("alpha", 39, 7.5), ("beta", 39, 7.5)]
    renderer, terminal = begun(columns=1)
    show(renderer, terminal, Frame(0.0, views("alpha")))
    assert renderer.asked == [("alpha", 0, 0.0)]


@pytest.mark.parametrize(("reflow", "healed"), [(True, "alpha"), (False, "alpha is long")])
def test_cut_row_is_whole_within_a_second(reflow: bool, healed: str) -> None:
    """A row that was cut between two frames is whole within a second where terminals cut."""
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


def test_a_renderer_that_leaves_a_row_out() -> None:
    for frame in (Frame(0.0, views("alpha", "beta")), Frame(0.0, (), views("alpha", state="finished", keep=True))):
        renderer, _terminal = begun(missing=1)
        with pytest.raises(ValueError, match=r"shorter|2 tasks have 1 rows"):
            renderer.render(frame)
    with pytest.raises(NotImplementedError, match=r"^a row renderer says what a row looks like$"):
        RowRenderer().rows(views("alpha"), 40, 0.0)


@pytest.mark.parametrize(("columns", "line"), [(40, "  ... 1,234 more"), (17, "  ... 1,234 more"), (10, "  ... 1,2")])
def test_line_of_more_is_cut_plainly(columns: int, line: str) -> None:
    """The line that counts the others is cut without a sign."""
    assert show(*begun(columns=columns), Frame(0.0, views("alpha"), more=1234)) == ["alpha", line]


def test_lower_window_gets_what_fits() -> None:
    """A window that became lower after the frame was made gets the rows that fit."""
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
    assert sent(terminal.output[0]) == fresh(40) + "\r<2K<?7hone\r\ntwo\r\nsix\r\n<?7l\ralpha<K\r\n"


def test_room_of_a_renderer() -> None:
    """A renderer has all lines but one or its rows of a block."""
    renderer = Names()
    assert renderer.room(9) == 8
    renderer.place(1, 3)
    assert (renderer.room(9), renderer.room(3)) == (2, 1)
    terminal = EmulatedTerminal(40, 9)
    renderer.start(terminal)
    assert show(renderer, terminal, Frame(0.0, views("alpha"))) == ["", "alpha"]


@pytest.mark.parametrize(("rows", "above"), [([], []), (["two"], ["a line"])], ids=["gone", "below a line"])
def test_end_of_a_coloured_row_is_forgotten(rows: list[str], above: list[str]) -> None:
    """Printed words have no colour even if Ctrl-C made the terminal discard the end of a coloured row."""
    region = Region()
    region.draw(["\x1b[36mone\x1b[0m"], size=(40, 5))
    text = region.draw(rows, above, size=(40, 5))
    assert text.index("\x1b[0m") < text.index("a line" if above else "\x1b[2K")
